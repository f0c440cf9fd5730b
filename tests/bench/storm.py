#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""storm.py BUILDDIR: all clients connect at once; all of them come back at once,
with the id they had 1000 events ago. Straight to the worker's socket, beside a
plain process that accepts and sends each the same bytes, and through lighttpd.

Meanwhile a stream that was there before gets an event every 10 ms, straight from
the worker: the longest time that one is under way is the longest that the worker's
loop can have stalled, or that the machine was busy. Another one gets its events
through lighttpd."""

import os
import statistics
import sys

os.environ["SSE_BUILD"] = sys.argv[1]

import crowd  # noqa: E402
import rig  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
STREAMS = int(os.environ.get("BENCH_STREAMS", "10000"))
MOST = rig.files() - 100
# lighttpd needs two descriptors for each, and lets nobody in when most are taken.
MOST_WEB = MOST * 2 // 5
EVENTS = 1000
SIZE = 64


class Storm:
    """What the rounds of one crowd came to; a dict of lists for each storm."""

    def __init__(self, box, name, count, through_lighttpd=False):
        self.name, self.count = name, count
        self.has_plain = not through_lighttpd
        service = rig.Service(box, name)
        web = service.lighttpd() if through_lighttpd else None
        self.worker = service.each()["worker0"]
        self.crowd = crowd.Crowd(box, service, count, web=web, size=SIZE)
        self.witness = crowd.Witness(box, service)
        self.web_witness = crowd.Witness(box, service, web=web)
        self.storms = {"open": [], "resume": []}

    def storm(self, what, *words):
        witnesses = (("", self.witness), ("web_", self.web_witness))
        for _, witness in witnesses:
            witness.do()
        got = self.crowd.do(what, *words)
        for name, witness in witnesses:
            seen = witness.do()
            got[f"{name}way_ms"] = seen["longest_way_ms"]
            got[f"{name}gap_ms"] = seen["longest_gap_ms"]
        # Each is in its place: the next event reaches all of them.
        self.crowd.do("events", 1, self.count)
        self.crowd.do("close")
        # The next ones need as many descriptors.
        rig.wait_until("the worker has closed all",
                       lambda: len(os.listdir(f"/proc/{self.worker}/fd")) < 100)
        if self.has_plain:
            plain = self.crowd.do("answers")
            got["plain_s"], got["plain_ns"] = plain["s"], plain["cpu_ns"]["plain"]
        self.storms[what].append(got)

    def round(self):
        with rig.quiet():
            self.storm("open")
        with rig.quiet():
            self.crowd.do("events", EVENTS, 1)
            self.storm("resume", EVENTS)

    def end(self):
        self.crowd.end()
        self.witness.end()
        self.web_witness.end()

    def median(self, what, key):
        return statistics.median(x[key] for x in self.storms[what])

    def us(self, what, key="sse_fcgi_ns"):
        """Processor time for each client."""
        cost = rig.undisturbed([x[key] for x in self.storms[what]])
        return cost / self.count / 1000

    def longest(self, what, key):
        return max(x[key] for x in self.storms[what])

    def tell(self, what):
        s = self.median(what, "s")
        text = (f"storm {self.name}, {self.count} clients {what}: the last one complete after "
                f"{s * 1000:.0f} ms, {self.count / s:.0f} a second; {self.us(what):.1f} us of the "
                f"supervisor and the worker for each; another stream's event waited "
                f"{self.longest(what, 'way_ms'):.0f} ms at the most")
        if self.has_plain:
            text += (f"; plain accept and send: {self.median(what, 'plain_s') * 1000:.0f} ms, "
                     f"{self.us(what, 'plain_ns'):.1f} us")
        else:
            text += f", through lighttpd {self.longest(what, 'web_way_ms'):.0f}"
        rig.say(text)
        rig.note("storm", case=self.name, clients=self.count, storm=what,
                 events=EVENTS if what == "resume" else 0, rounds=self.storms[what])


def run(name, count, through_lighttpd=False, rounds=ROUNDS):
    with rig.box() as box:
        storm = Storm(box, name, count, through_lighttpd)
        for _ in range(rounds):
            storm.round()
        storm.end()
    for what in storm.storms:
        storm.tell(what)
    return storm


def main():
    direct = run("direct", min(STREAMS, MOST))
    web = run("lighttpd", min(STREAMS, MOST_WEB), True)
    for what, cpu, wall in (("open", 1.5, 2), ("resume", 3, 2)):
        name = f"storm of {direct.count}, {what}"
        rig.figure(f"{name}: CPU for a client, to plain accept and send",
                   direct.us(what) / direct.us(what, "plain_ns"), most=cpu)
        rig.figure(f"{name}: time to the last, to plain accept and send",
                   direct.median(what, "s") / direct.median(what, "plain_s"), most=wall)
    # A heartbeat is 15 s, if nobody has changed that. Most of what is measured is the time
    # that worker, hub and witness wait for a processor that others have.
    for storm in (direct, web):
        for what in storm.storms:
            rig.figure(f"storm of {storm.count} ({storm.name}), {what}: longest wait of another "
                       "stream's event", storm.longest(what, "way_ms"), "ms", most=1000)


if __name__ == "__main__":
    main()
