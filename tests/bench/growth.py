#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""growth.py BUILDDIR: the same at 100, 1000 and 10000 (or as many as descriptors
allow): a delivery of a fan-out, straight and through lighttpd, an event to one
reader of many, a client in a storm. A line is straight where the cost for each stays the same; the kernel's
share of it does not, because sockets leave the processor's cache, so that a plain
process is measured beside each."""

import json
import os
import subprocess
import sys

os.environ["SSE_BUILD"] = sys.argv[1]

import crowd  # noqa: E402
import rig  # noqa: E402
import storm  # noqa: E402
import topics  # noqa: E402

SIZES = (100, 1000, 10000)


def line(what, unit, points):
    """Points are (size, ours, plain); plain is 0 where there is nothing like it."""
    for size, ours, plain in points:
        beside = f", plain {plain:.3g}, ratio {ours / plain:.2f}" if plain else ""
        rig.say(f"growth: {what}, {size}: {ours:.3g} {unit}{beside}")
        rig.note("growth", what=what, size=size, ours=ours, plain=plain, unit=unit)
    for (small, ours, plain), (size, more, more_plain) in zip(points, points[1:]):
        rig.figure(f"{what}: {size} to {small}", more / ours, most=None if plain else 2)
        if plain:
            rig.figure("... held against what a plain process grows by",
                       more / ours / (more_plain / plain), most=1.3)


def fanouts():
    for size in SIZES:
        with rig.quiet():
            done = subprocess.run([rig.program("bench-fanout"), rig.program("sse-fcgi"),
                                   str(size), "64", "1", str(max(50, 500000 // size))],
                                  check=True, stdout=subprocess.PIPE, text=True)
        for found in done.stdout.splitlines():
            if found.startswith('{"bench"'):
                got = json.loads(found)
                yield got["subscribers"], got["worker_ns"], got["loop_ns"]


def deliveries_through_lighttpd(size):
    """Microseconds of all servers for a delivery, of events one at a time."""
    with rig.box() as box:
        service = rig.Service(box)
        readers = crowd.Crowd(box, service, size, web=service.lighttpd())
        readers.do("open")
        rounds = [readers.do("events", max(20, 100000 // size), 1) for _ in range(5)]
        readers.end()
    return rig.undisturbed([sum(r["cpu_ns"].values()) / r["deliveries"] / 1000
                            for r in rounds])


def events():
    with rig.box() as box:
        cases = [topics.one_of(box, min(size, topics.MOST)) for size in SIZES]
        got = topics.measure(*cases)
    return [(c.count, event, plain) for c, (event, _, plain) in zip(cases, got)]


def storms():
    runs = [storm.run("direct", min(size, storm.MOST), rounds=5) for size in SIZES]
    return {what: [(r.count, r.us(what), r.us(what, "plain_ns")) for r in runs]
            for what in ("open", "resume")}


def main():
    line("delivery of a fan-out", "ns", list(fanouts()))
    line("delivery through lighttpd", "us",
         [(size, deliveries_through_lighttpd(size), 0)
          for size in (min(size, storm.MOST_WEB) for size in SIZES)])
    line("event to one of many", "ns", events())
    for what, points in storms().items():
        line(f"storm, {what}: a client", "us", points)


main()
