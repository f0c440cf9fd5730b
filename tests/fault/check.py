# SPDX-License-Identifier: MIT
"""check: what every browser got against what the hub acknowledged.

A place is (epoch, number). Where a log in memory has died with its hub, what
is known of it is what it acknowledged or a browser has seen, and from one epoch
to the next there is one `sse-gap`. Within a log there is one only where the hub
keeps little, and something is gone that the browser had asked for.
"""

import bisect
import collections
import json
import re

from plan import asks, wants

AROUND = 3  # neighbours that a failure shows


class Wrong(Exception):
    """What is not as promised."""


def parse(id_):
    """The place that an id of the hub's form names, or None."""
    found = re.fullmatch("([0-9a-z]{8})-([0-9]+)", id_)
    return (found[1], int(found[2])) if found else None


class Order:
    """All events at their places."""

    def __init__(self, trial):
        self.by_data = {e.data: e for f in trial.feeders for e in f.plan.events}
        self.at = collections.defaultdict(dict)  # epoch: {number: event}
        self.own = {}  # own id: place
        self.lists = {}
        for feeder in trial.feeders:
            for event, id_ in feeder.acked:
                self.put(parse(id_), event, "acknowledged")
        self.newest = parse(trial.feeders[-1].acked[-1][1])[0]
        self.check_kept(trial)
        for client in trial.clients:
            for kind, seen in client.record:
                if kind == "event" and seen.data in self.by_data and parse(seen.id):
                    self.put(parse(seen.id), self.by_data[seen.data], "received")

    def put(self, place, event, how):
        epoch, number = place
        there = self.at[epoch].setdefault(number, event)
        if there is not event and there.label != event.label:
            raise Wrong(f"{epoch}-{number} was {how} as {event.label}, but it is {there.label}")
        if event.id:
            self.own[event.id] = place

    def check_kept(self, trial):
        """The log that the hub has in the end holds what was acknowledged, and once."""
        log = self.at[self.newest]
        there = {}
        for one in trial.kept:
            event = self.by_data.get(one.data.decode())
            if event is None:
                raise Wrong(f"the hub has number {one.number} that nobody published: {one}")
            if event.label in there:
                raise Wrong(f"{event.label} stands twice, as {there[event.label]} and {one.number}")
            there[event.label] = one.number
            if (one.topic, one.event or "message", one.private, one.id or "") != \
                    (event.topic, event.name, event.private, event.id):
                raise Wrong(f"number {one.number} is not as published: {one}, {event}")
            self.put((self.newest, one.number), event, "kept")
        first = min(there.values()) if trial.scenario.trims else 0
        for number, event in log.items():
            if number >= first and there.get(event.label) != number:
                raise Wrong(f"{event.label} was acknowledged as {self.newest}-{number}, but is "
                            f"kept as {there.get(event.label)}")
        self.check_publishers(trial, there)

    def check_publishers(self, trial, there):
        for feeder in trial.feeders:
            last = 0
            for event in dict.fromkeys(feeder.plan.events):
                number = there.get(event.label, 0)
                if number and number < last:
                    raise Wrong(f"{event.label} has number {number}, after a later event of "
                                f"its publisher with {last}")
                last = max(last, number)

    def place(self, id_):
        found = parse(id_) or self.own.get(id_)
        if not found:
            raise Wrong(f"nobody gave the id {id_!r}")
        return found

    def of(self, topics, epoch):
        """The numbers of what a stream of these topics gets, in order."""
        key = (topics, epoch)
        if key not in self.lists:
            log = self.at.get(epoch, {})
            self.lists[key] = [n for n in sorted(log) if wants(topics, log[n])]
        return self.lists[key]

    def between(self, topics, after, upto):
        """What a stream gets after one place and up to another of the same log."""
        numbers = self.of(topics, after[0])
        return numbers[bisect.bisect_right(numbers, after[1]):
                       bisect.bisect_right(numbers, upto[1])]


class Reader:
    """Walks through one browser's record."""

    def __init__(self, order, client, scenario):
        self.order, self.client, self.scenario = order, client, scenario
        self.topics = client.plan.topics
        self.pos = None  # up to where it has all, if it is known
        self.replayed = []  # by last=N, before there is a position

    def check(self):
        for index, (kind, what) in enumerate(self.client.record):
            try:
                getattr(self, "on_" + kind)(what)
            except Wrong as wrong:
                raise Wrong(f"{wrong}\n{self.around(index)}") from None
        if self.pos is None or self.pos[0] != self.order.newest:
            raise Wrong(f"its last position is {self.pos}, the log is {self.order.newest}")
        self.expect_none((self.order.newest, 1 << 63), "in the end")

    # ---- what it got ----

    def on_connect(self, id_):
        self.pos = self.order.place(id_) if id_ else None
        self.replayed = []

    def on_end(self, _):
        pass

    def on_at(self, id_):
        self.move(self.order.place(id_), "at a position without data")

    def on_event(self, seen):
        if seen.event == "sse-gap":
            self.on_gap(seen)
            return
        event = self.order.by_data.get(seen.data)
        if event is None:
            raise Wrong("it got an event that nobody published")
        if not wants(self.topics, event):
            raise Wrong("it got an event that it may not have")
        if seen.event != event.name:
            raise Wrong(f"it got the event's name as {seen.event!r}")
        if not seen.id:
            if not self.client.plan.start.startswith("last="):
                raise Wrong("it got an event without id")
            self.replayed.append(event)
            return
        place = self.order.place(seen.id)
        if self.order.at[place[0]].get(place[1]) is not event and event.id != seen.id:
            raise Wrong("it got an event with another one's id")
        self.move((place[0], place[1] - 1), "before an event")
        self.move(place, "with an event", is_event=True)

    def on_gap(self, seen):
        told = json.loads(seen.data)
        place = self.order.place(seen.id)
        if not self.pos or place[0] != self.pos[0]:
            self.on_new_log(place, told)
        elif place[0] == self.order.newest:
            self.on_trimmed(place, told)
        else:  # of a log that is dead a worker has what its window has
            self.pos = place

    def on_new_log(self, place, told):
        if not self.scenario.log_may_die and (self.pos or not self.scenario.trims):
            raise Wrong(f"a gap that nothing excuses: {told}")
        self.pos = place if self.scenario.trims else (place[0], 0)
        self.move(place, "before a gap's end")

    def on_trimmed(self, place, told):
        if not self.scenario.trims or place[1] < self.pos[1]:
            raise Wrong(f"a gap that nothing excuses: {told}")
        # Of what is gone a hub knows the topic, not for whom it was.
        log = self.order.at[place[0]]
        gone = (log[n] for n in range(self.pos[1] + 1, place[1] + 1) if n in log)
        if told["after"] and not any(asks(self.topics, e) for e in gone):
            raise Wrong(f"a gap where it misses nothing: {told}")
        self.pos = place

    # ---- against what it had to get ----

    def move(self, place, when, is_event=False):
        """It says that it has all up to there."""
        if self.pos is None:
            self.begin(place)
        if place[0] != self.pos[0]:
            raise Wrong(f"without a gap from {self.pos} to {place}")
        if place[1] < self.pos[1] or is_event and place == self.pos:
            raise Wrong(f"it had all up to {self.pos} and is at {place} {when}")
        if not is_event:
            self.expect_none(place, when)
        self.pos = place

    def begin(self, place):
        """Its first position, without having said where it wants to begin."""
        start = self.client.plan.start
        all_kept = not self.scenario.trims
        self.pos = (place[0], 0) if start == "earliest" and all_kept else place
        if start.startswith("last=") and all_kept and not self.scenario.log_may_die:
            self.check_replayed(place, int(start[5:]))

    def check_replayed(self, place, most):
        log = self.order.at[place[0]]
        left = collections.Counter()
        due = []
        for number in reversed(self.order.between(self.topics, (place[0], 0), place)):
            topic = log[number].topic
            left[topic] += 1
            if left[topic] <= most:
                due.insert(0, log[number].label)
        if [e.label for e in self.replayed] != due:
            raise Wrong(f"the newest {most} of each topic up to {place} were {due}, it got "
                        f"{[e.label for e in self.replayed]}")

    def expect_none(self, place, when):
        missing = self.order.between(self.topics, self.pos, place)
        if missing:
            log = self.order.at[place[0]]
            named = [f"{n} ({log[n].label}, {log[n].topic})" for n in missing[:AROUND]]
            raise Wrong(f"{len(missing)} events are missing {when}, after {self.pos} and up to "
                        f"{place}: {', '.join(named)}")

    def around(self, index):
        lines = []
        for i in range(max(0, index - 2 * AROUND), index + AROUND + 1):
            if i < len(self.client.record):
                kind, what = self.client.record[i]
                if kind == "event":
                    what = f"{what.id} {what.event} {what.data[:60]!r}"
                lines.append(f"{'->' if i == index else '  '} {i}: {kind} {what}")
        if self.pos:
            numbers = self.order.of(self.topics, self.pos[0])
            at = bisect.bisect_right(numbers, self.pos[1])
            lines.append(f"the log around {self.pos} for it: {numbers[max(0, at - AROUND):at]} | "
                         f"{numbers[at:at + AROUND]}")
        return "\n".join(lines)


def check(trial):
    """Raises Wrong with the first thing that is not as promised."""
    if trial.wrong:
        raise Wrong("\n".join(trial.wrong))
    scenario = trial.scenario
    order = Order(trial)
    epochs = set(order.at)
    if len(epochs) > 1 and not scenario.log_may_die:
        raise Wrong(f"there were {len(epochs)} logs, where one was promised: {epochs}")
    bad = []
    for client in trial.clients:
        try:
            Reader(order, client, scenario).check()
        except Wrong as wrong:
            bad.append(f"browser {client.plan.number} with {client.plan.topics} from "
                       f"{client.plan.start}: {wrong}")
    if bad:
        raise Wrong(f"{len(bad)} of {len(trial.clients)} browsers; the first is\n{bad[0]}")
