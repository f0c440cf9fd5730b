# SPDX-License-Identifier: MIT
"""trial: one scenario, run.

One loop reads all browsers and all acknowledgements, feeds the publishers and
does what is due: faults and browsers' moods come when so many events have been
acknowledged, so that they hit work in progress on any machine.
"""

import selectors
import time

import plan
import scenario
from busreader import kept
from check import Wrong, check
from client import Client
from faults import KINDS
from feeder import Feeder
from harness import Box
from stage import Stage

TURN = 0.01  # seconds without news after which we look at what is due
CONNECTS = 25  # in one turn, so that no listen queue runs over
PATIENCE = 30  # seconds without progress
ENDS = 99  # the number of the publisher of the last events


class Trial:
    """A run; check.py reads its scenario, clients, feeders and what is kept."""

    def __init__(self, drawn):
        self.scenario = drawn
        self.started = time.monotonic()
        self.log = []  # what happened, with times
        self.box = Box()
        self.stage = Stage(self.box, drawn, self.say)
        self.selector = selectors.DefaultSelector()
        self.clients, self.feeders = [], []
        self.resting = []  # (when, generator): faults that last
        self.total = sum(len(p.events) for p in drawn.publishings)
        self.faults = list(drawn.faults)
        self.mischief = []
        self.wrong = []
        self.verdict = None  # what was wrong, in the end
        self.said = []  # by the processes, when it is over
        self.kept = []  # the hub's order in the end

    def say(self, text):
        self.log.append(f"{time.monotonic() - self.started:7.3f} s  {self.acked():5d} acked  "
                        f"{text}")

    def acked(self):
        return sum(f.count() for f in self.feeders)

    # ---- the whole ----

    def run(self):
        """Runs it; the verdict says what was wrong."""
        wrong = []
        try:
            self.play()
            self.kept = kept(self.stage.bus)
            check(self)
            self.say("checked")
        except (Wrong, AssertionError) as error:  # the latter from the harness
            wrong.append(str(error))
        finally:
            wrong += self.down()
        self.verdict = "\n".join(wrong)

    def play(self):
        """Up to the moment when every browser has the last events."""
        self.stage.up()
        self.open_clients()
        self.loop("every browser has a stream",
                  lambda: all(c.channel and c.channel.status for c in self.clients))
        for publishing in self.scenario.publishings:
            self.add_feeder(publishing)
        self.loop("all is published and the faults are over",
                  lambda: self.is_published() and not self.faults and not self.resting)
        self.say("the last events")
        self.add_feeder(self.ends())
        self.loop("all have the last events", lambda: self.is_published() and
                  not any(c.awaited for c in self.clients))
        self.say("all have them")

    def down(self):
        self.said = self.stage.said()
        for when, fault in self.resting:
            next(fault, None)
        for client in self.clients:
            if client.channel:
                client.channel.close()
        for feeder in self.feeders:
            feeder.close()
        return self.stage.down()

    def open_clients(self):
        ends = self.ends().events
        self.clients = [Client(r, self.stage.server.url, ends) for r in self.scenario.readings]
        self.mischief = sorted(((at, what, much, client) for client in self.clients
                                for at, what, much in client.plan.mischief),
                               key=lambda m: m[0])

    @staticmethod
    def ends():
        """A last event for each topic: who has it has all before."""
        events = [plan.Event(ENDS, i, topic, f"{ENDS}:{i}:the end")
                  for i, topic in enumerate(plan.TOPICS)]
        return plan.Publishing(ENDS, True, "", events, len(events), TURN, len(events))

    def add_feeder(self, publishing):
        feeder = Feeder(self.box, self.stage.bus, publishing)
        self.feeders.append(feeder)
        self.selector.register(feeder, selectors.EVENT_READ)

    def is_published(self):
        return all(f.is_done for f in self.feeders)

    # ---- the loop ----

    def loop(self, what, check_it):
        """Turns until check_it() holds, or nothing has come for long."""
        end = time.monotonic() + PATIENCE
        while not check_it():
            now = time.monotonic()
            if self.turn(now):
                end = now + PATIENCE
            if now > end:
                raise Wrong(f"nothing for {PATIENCE} s, waiting until {what}; {self.lacking()}")

    def turn(self, now):
        """Whether something that counts came."""
        is_news = False
        self.stage.keep_up()
        self.do_due(now)
        self.connect(now)
        for key, _ in self.selector.select(TURN):
            if isinstance(key.data, Client):
                had = len(key.data.record)
                self.read_client(key, now)
                is_news |= any(k == "event" for k, _ in key.data.record[had:])
            else:
                is_news |= self.read_feeder(key.fileobj, now)
        for feeder in self.feeders:
            if not feeder.is_done:
                feeder.feed(now)
        return is_news

    def connect(self, now):
        opened = 0
        for client in self.clients:
            if client.channel and now >= client.read_at > 0:
                client.read_on()
                self.selector.register(client.channel, selectors.EVENT_READ, client)
            if client.channel is None and now >= client.open_at and opened < CONNECTS:
                opened += 1
                if client.open(now):
                    self.selector.register(client.channel, selectors.EVENT_READ, client)

    def read_client(self, key, now):
        channel = key.fileobj
        number = key.fd
        if not key.data.read(now):
            self.selector.unregister(number)
            # 5xx is the front-end's word for a worker that was killed.
            if channel.status not in (200, 500, 502, 503, None):
                self.wrong.append(f"browser {key.data.plan.number} got {channel.head!r}")

    def read_feeder(self, feeder, now):
        had = feeder.count()
        if not feeder.read():
            self.selector.unregister(feeder)
            wrong = feeder.end(now)
            if wrong:
                self.wrong.append(wrong)
            elif not feeder.is_done:
                self.say(f"publisher {feeder.plan.number} tries again")
                self.selector.register(feeder, selectors.EVENT_READ)
        return feeder.count() > had

    # ---- what is due ----

    def do_due(self, now):
        share = self.acked() / self.total if self.feeders else 0
        while self.mischief and self.mischief[0][0] <= share:
            self.do_mischief(now, *self.mischief.pop(0)[1:])
        while self.faults and self.faults[0].at <= share:
            fault = self.faults.pop(0)
            self.say(f"{fault.what}:")
            self.go_on(now, KINDS[fault.what](self, fault))
        due = [fault for when, fault in self.resting if when <= now]
        self.resting = [(when, fault) for when, fault in self.resting if when > now]
        for fault in due:
            self.go_on(now, fault)

    def go_on(self, now, fault):
        wait = next(fault, None)
        if wait is not None:
            self.resting.append((now + wait, fault))

    def do_mischief(self, now, what, much, client):
        if not client.channel:
            return
        if not client.read_at:
            self.selector.unregister(client.channel)
        if what == "stall":
            client.stall(now + much)
            return
        client.close(now)
        if what == "rewind":
            client.rewind(much)

    def lacking(self):
        late = [c for c in self.clients if c.awaited]
        told = [f"browser {c.plan.number} of {c.plan.topics} (status "
                f"{c.channel and c.channel.status}, id {c.last_id!r}) lacks {sorted(c.awaited)}"
                for c in late[:5]]
        waiting = [f"publisher {f.plan.number} has yet {len(f.todo) - len(f.ids)} events"
                   for f in self.feeders if not f.is_done]
        return f"{len(late)} browsers lack events: " + "; ".join(told + waiting)

    # ---- what became of it ----

    def failure(self):
        """All that is needed to understand a failure and to have it again, or None."""
        if not self.verdict:
            return None
        return "\n".join((
            f"seed {self.scenario.seed} failed: {self.verdict}", "",
            self.scenario.words(), *self.log, "", *self.said,
            f"to run it again: tests/fault/run --seed {self.scenario.seed}"))

    def summary(self):
        events = sum(k == "event" for c in self.clients for k, _ in c.record)
        connects = sum(k == "connect" for c in self.clients for k, _ in c.record)
        gaps = sum(k == "event" and w.event == "sse-gap" for c in self.clients
                   for k, w in c.record)
        return (f"{self.acked()} events acknowledged, {events} received by {len(self.clients)} "
                f"browsers over {connects} connections, {gaps} gaps")


def attempt(seed):
    """Runs a seed's scenario; the trial knows what became of it."""
    trial = Trial(scenario.draw(seed))
    trial.run()
    return trial
