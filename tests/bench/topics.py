#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""topics.py BUILDDIR: what an event costs a worker when there are many topics
and readers, and few of them are meant. Straight to the worker's socket; each
case has a service and a crowd of its own, all of them measured in turns, beside
a plain send() to as many sockets in the same order."""

import os
import sys

os.environ["SSE_BUILD"] = sys.argv[1]

import crowd  # noqa: E402
import rig  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "11"))
# Both a worker's readers and a plain loop's are descriptors of one process.
MOST = min(int(os.environ.get("BENCH_STREAMS", "10000")), (rig.files() - 100) // 2)
# So many deliveries are under way at a time.
WINDOW = 64


class Case:
    def __init__(self, box, name, count, events, plain=True, window=WINDOW, rate=0,
                 options=(), **wants):
        self.name, self.count, self.events = name, count, events
        self.window, self.rate, self.has_plain, self.wants = window, rate, plain, wants
        service = rig.Service(box, name, options=options)
        self.crowd = crowd.Crowd(box, service, count, **wants)
        self.crowd.do("open")
        self.per_event, self.per_delivery, self.plain = [], [], []

    def turn(self, counts):
        got = self.crowd.do("events", self.events, self.window, self.rate)
        if counts:
            self.per_event.append(got["worker_ns"] / self.events)
            self.per_delivery.append(got["worker_ns"] / got["deliveries"])
        if self.has_plain:
            got = self.crowd.do("plain", self.events, min(WINDOW, self.count))
            if counts:
                self.plain.append(got["cpu_ns"]["plain"] / got["deliveries"])

    def tell(self):
        event, delivery, plain = (rig.undisturbed(x) if x else 0 for x in (
            self.per_event, self.per_delivery, self.plain))
        rig.say(f"topics {self.name}, {self.count} readers: {event:.0f} ns of the worker for "
                f"an event, {delivery:.0f} for a delivery" +
                (f"; a plain send() {plain:.0f}" if plain else ""))
        rig.note("topics", case=self.name, readers=self.count, ns_per_event=round(event),
                 ns_per_delivery=round(delivery), ns_plain=round(plain), **self.wants)
        return event, delivery, plain


def measure(*cases, rounds=ROUNDS):
    for turn in range(rounds + 1):
        for case in cases:
            case.turn(turn > 0)
    for case in cases:
        case.crowd.end()
    return [case.tell() for case in cases]


def one_of(box, count, each=1):
    """One receiver for each event."""
    name = f"one-of-{count}" + (f"-{each}-topics-each" if each > 1 else "")
    return Case(box, name, count, 20000, topics=count * each, each=each)


def sizes(box):
    few, many, many_topics = measure(one_of(box, 100), one_of(box, MOST), one_of(box, MOST, 20))
    sends = many[2] / few[2]
    rig.figure(f"event to 1 of {MOST} readers with a topic each, to that of 100", many[0] / few[0],
               most=2)
    rig.figure("... held against what send() to as many sockets grows by",
               many[0] / few[0] / sends, most=1.3)
    rig.figure(f"event to 1 of {MOST} readers with 20 topics each, to that with 1",
               many_topics[0] / many[0], most=1.6)


def held_back(box):
    """An event to one reader while thousands of others wait for --coalesce."""
    held, free = measure(*(
        Case(box, name, MOST, MOST, plain=False, window=MOST, rate=8000, topics=MOST,
             options=options)
        for name, options in (("many-held-back", ("--coalesce", "1s")), ("none-held-back", ()))),
        rounds=3)
    rig.figure(f"event to 1 of {MOST} readers while most wait for --coalesce, to that without",
               held[0] / free[0], most=2)


def several(box):
    """Twenty receivers of each event: readers of one topic, or of twenty."""
    one, twenty = measure(
        Case(box, "1-topic-each", MOST, 2000, plain=False, window=640, topics=MOST // 20),
        Case(box, "20-topics-each", MOST, 2000, plain=False, window=640,
             topics=MOST, each=20))
    rig.figure("delivery to 20 readers of 20 topics each, to that of 1 topic each",
               twenty[1] / one[1], most=1.5)


def templates(box):
    """A template that a thousand share; a template for each."""
    named, shared = measure(
        Case(box, "name-shared", 1000, 300, plain=False, window=1, topics=1),
        Case(box, "template-shared", 1000, 300, plain=False, window=1, topics=100,
             kind="template"))
    rig.figure("delivery to 1000 readers of a template, to that of a name",
               shared[1] / named[1], most=1.1)
    named, known, fresh = measure(
        Case(box, "own-name", 1000, 20000, plain=False, topics=1000),
        Case(box, "own-template", 1000, 20000, plain=False, topics=1000,
             kind="own-template"),
        Case(box, "own-template-new-topics", 1000, 20000, plain=False,
             topics=100000000, kind="own-template"))
    rig.figure("event to 1 of 1000 templates, to that of 1000 names", known[0] / named[0],
               most=1.2)
    rig.figure("... each event of a topic that was not there before", fresh[0] / named[0],
               most=1.5)


def main():
    for part in (sizes, held_back, several, templates):
        with rig.box() as box:
            part(box)


if __name__ == "__main__":
    main()
