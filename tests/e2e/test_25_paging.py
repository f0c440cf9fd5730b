# SPDX-License-Identifier: MIT
"""A hub that keeps more than its workers hold: what is older comes in pages."""

import json
import os
import signal

import pytest
import zmq

from harness import program, workers
from streams import Ended

WINDOW = ("--hub", "off", "--window", "10events")


@pytest.fixture
def bulk(box, bus):
    """bulk(topics, count): numbered events, the topics in turn; returns their ids."""
    published = []

    def run(topics, count, pad=0):
        first = len(published)
        lines = [json.dumps({"topic": topics[n % len(topics)], "data": f"{n} {'.' * pad}"})
                 for n in range(first, first + count)]
        done = box.run(program("sse-publish"), "--bus", bus, "-v", "--json",
                       input="\n".join(lines) + "\n")
        assert done.returncode == 0, done.stderr
        published.extend((done.stdout + done.stderr).split())
        assert len(published) == first + count
        return published
    return run


def resume(connect, w, target, position):
    return connect(w.socket, target, headers={"Last-Event-ID": position})


def numbers(events):
    return [int(e.data.split()[0]) for e in events]


def take(stream, last):
    """All events up to the one with this number."""
    events = []
    while not events or events[-1].event == "sse-gap" or numbers(events[-1:]) != [last]:
        events.append(stream.next())
    return events


def browse(connect, w, target, stream, last):
    """The same as a browser, which comes back when it was cut in the middle of an event."""
    events = []
    while not events or events[-1].event == "sse-gap" or numbers(events[-1:]) != [last]:
        try:
            events.append(stream.next())
        except Ended:
            stream = resume(connect, w, target, stream.last_id)
    return events


def stats(bus):
    context = zmq.Context()
    ask = context.socket(zmq.REQ)
    ask.linger, ask.rcvtimeo = 0, 30000
    ask.connect(f"ipc://{bus}/follow")
    try:
        ask.send_multipart([b"STATS", b"x"])
        return json.loads(ask.recv_multipart()[2])
    finally:
        ask.close()
        context.term()


def test_a_resume_before_the_window_is_complete(hub, worker, connect, bulk):
    hub("--history", "1000events")
    w = worker(*WINDOW)
    ids = bulk(["a", "b", "news/x"], 300)
    everything = resume(connect, w, "/sse/*", ids[3])
    some = resume(connect, w, "/sse?topic=b&topic=news/*", ids[10])
    earliest = connect(w.socket, "/sse/a?lastEventID=earliest")
    events = take(everything, 299)
    assert numbers(events) == list(range(4, 300))
    assert [e.id for e in events] == ids[4:]
    assert numbers(take(some, 299)) == [n for n in range(11, 300) if n % 3]
    assert numbers(take(earliest, 297)) == list(range(0, 300, 3))
    # and they are live
    ids = bulk(["a", "b", "news/x"], 3)
    assert numbers([everything.next() for _ in range(3)]) == [300, 301, 302]
    assert numbers([some.next() for _ in range(2)]) == [301, 302]
    assert numbers([earliest.next()]) == [300]


def test_only_what_the_hub_has_lost_is_a_gap(hub, worker, connect, bulk):
    hub("--history", "50events")
    w = worker(*WINDOW)
    ids = bulk(["a"], 100)
    kept = resume(connect, w, "/sse/a", ids[49])
    lost = resume(connect, w, "/sse/a", ids[48])
    assert numbers(take(kept, 99)) == list(range(50, 100))
    gap, *events = take(lost, 99)
    assert gap.event == "sse-gap"
    assert json.loads(gap.data) == {"after": ids[48], "resumed_at": ids[49], "reason": "trimmed"}
    assert gap.id == ids[49]
    assert numbers(events) == list(range(50, 100))


def test_a_crowd_resumes_at_once(hub, worker, connect, crowd, bulk):
    hub("--history", "2000events")
    w = worker(*WINDOW)
    ids = bulk(["a", "b"], 600)
    streams = [resume(connect, w, "/sse/*" if n % 2 else "/sse/b", ids[n]) for n in range(200)]
    crowd(streams).wait("the last event", lambda s: s.last_id == ids[-1])
    for n, stream in enumerate(streams):
        want = [i for i in range(n + 1, 600) if n % 2 or i % 2]
        assert numbers(stream.queue) == want


def test_a_slow_reader_catches_up_without_a_gap(hub, worker, connect, bulk):
    hub("--history", "20000events,64MiB")
    w = worker(*WINDOW)
    stream = connect(w.socket, "/sse/a").wait_placed()
    ids = bulk(["a"], 3000, pad=1000)
    events = browse(connect, w, "/sse/a", stream, 2999)
    assert [e.id for e in events] == ids
    assert numbers(events) == list(range(3000))


def test_a_worker_loads_its_window_only(hub, worker, connect, bus, bulk):
    hub("--history", "100000events,64MiB")
    ids = bulk(["a", "b"], 20000)
    before = stats(bus)["pages"]
    w = worker(*WINDOW)
    live = connect(w.socket, "/sse/a").wait_placed()
    assert live.last_id == ids[-1]
    # 20 pages would be all of it; one more each second, until a heartbeat came.
    assert stats(bus)["pages"] - before < 15
    old = resume(connect, w, "/sse/b", ids[15000])
    assert numbers(take(old, 19999)) == list(range(15001, 20000, 2))
    live.close()
    old.close()  # or they would be drained for seconds
    w.stop()
    again = worker(*WINDOW, name="w2.sock")
    assert numbers(take(resume(connect, again, "/sse/b", ids[15000]), 19999)) == \
        list(range(15001, 20000, 2))


def test_who_pages_waits_for_a_hub_that_is_away(hub, worker, connect, bulk):
    h = hub("--history", "1000events")
    w = worker(*WINDOW, "--heartbeat", "200ms")
    ids = bulk(["a"], 100)
    h.send(signal.SIGSTOP)
    streams = [resume(connect, w, "/sse/a", ids[5]) for _ in range(12)]
    for stream in streams:
        stream.wait("heartbeats", lambda s=stream: s.body.count(b"\n:\n") >= 2)
        assert stream.last_id == ids[5]
        assert stream.queue == []
    h.send(signal.SIGCONT)
    for stream in streams:
        assert numbers(take(stream, 99)) == list(range(6, 100))


def kill_while_paging(h, w, connect, position):
    """A stream that waits for a page when the hub is killed."""
    h.send(signal.SIGSTOP)
    stream = resume(connect, w, "/sse/a", position)
    stream.wait("a heartbeat", lambda: b"\n:\n" in stream.body)
    h.kill()
    return stream


def test_a_hub_that_is_killed_and_comes_back_goes_on(hub, worker, connect, box, bulk):
    options = ("--store", box.path("store"), "--history", "1000events")
    h = hub(*options)
    w = worker(*WINDOW, "--heartbeat", "200ms")
    ids = bulk(["a"], 100)
    stream = kill_while_paging(h, w, connect, ids[5])
    hub(*options)
    ids = bulk(["a"], 1)
    events = take(stream, 100)
    assert [e.id for e in events] == ids[6:]


def test_a_hub_that_comes_back_with_another_log(hub, worker, connect, bulk):
    h = hub("--store", "memory", "--history", "1000events")
    w = worker(*WINDOW, "--heartbeat", "200ms")
    ids = bulk(["a"], 100)
    stream = kill_while_paging(h, w, connect, ids[5])
    hub("--store", "memory", "--history", "1000events")
    bulk(["a"], 1)
    # The window has the end of the old log yet, and then the new one begins.
    gap, *events = take(stream, 100)
    assert gap.event == "sse-gap" and json.loads(gap.data)["after"] == ids[5]
    again = [e for e in events if e.event == "sse-gap"]
    assert [json.loads(e.data)["reason"] for e in again] == ["restarted"]
    got = numbers(e for e in events if e.event != "sse-gap")
    assert got == list(range(got[0], 101)) and got[0] >= 90


def test_what_is_kept_longer_is_found(hub, worker, connect, box, bulk):
    hub("--history", "50events", "--keep", "quiet=2")
    bulk(["quiet"], 3)
    ids = bulk(["a", "b"], 200)
    for name in ("before", "after"):
        # The first one loads what there is now; another one what there is later.
        w = worker(*WINDOW, "--handoff", box.path(f"{name}.handoff"), name=f"{name}.sock")
        assert connect(w.socket, "/sse/quiet?last=1").data(1)[0].split()[0] == "2"
        mixed = connect(w.socket, "/sse?topic=quiet&topic=a&last=3").data(5)
        assert [d.split()[0] for d in mixed][:2] == ["1", "2"]
        both = connect(w.socket, "/sse/quiet?lastEventID=earliest")
        assert numbers([both.next(), both.next()]) == [1, 2]
        # 0 is gone, and 1 is not.
        after = resume(connect, w, "/sse/quiet", ids[0])
        assert numbers([after.next(), after.next()]) == [1, 2]
        mixed = resume(connect, w, "/sse?topic=quiet&topic=b", ids[0])
        assert mixed.next().event == "sse-gap"
        assert numbers([mixed.next(), mixed.next()]) == [1, 2]
        ids = bulk(["a", "b"], 200)


def test_the_hub_of_a_worker_keeps_more_than_its_window(worker, connect, box, bulk):
    w = worker("--store", box.path("store"), "--history", "1000events", "--window", "10events")
    ids = bulk(["a", "b"], 300)
    stream = resume(connect, w, "/sse/b", ids[20])
    assert numbers(take(stream, 299)) == list(range(21, 300, 2))


def test_more_topics_than_the_hub_can_be_asked_about(hub, worker, connect, bulk):
    hub("--history", "1000events")
    w = worker(*WINDOW, "--max-topics", "200")
    ids = bulk([f"t{n}" for n in range(160)], 640)
    target = "/sse?" + "&".join(f"topic=t{n}" for n in range(150))
    stream = resume(connect, w, target, ids[30])
    assert numbers(take(stream, 629)) == [n for n in range(31, 630) if n % 160 < 150]


@pytest.mark.parametrize("window", ["10events", "1000events"])
def test_a_worker_that_slept_tells_those_who_missed_something(hub, worker, connect, box, bulk,
                                                              window):
    options = ("--store", box.path("store"), "--history", "50events")
    h = hub(*options)
    w = worker("--hub", "off", "--window", window)
    bulk(["quiet", "busy"], 2)
    busy, quiet, late = (connect(w.socket, f"/sse/{topic}").wait_placed()
                         for topic in ("busy", "quiet", "busy"))
    pid, = workers(w.pid)
    os.kill(pid, signal.SIGSTOP)
    # More than the sockets between the two take; the rest goes with the hub.
    bulk(["busy"], 400, pad=5000)
    h.kill()
    hub(*options)
    bulk(["busy"], 100)
    os.kill(pid, signal.SIGCONT)
    ids = bulk(["quiet", "busy"], 2)
    for stream in (busy, late):
        events = browse(connect, w, "/sse/busy", stream, 503)
        gaps = [e for e in events if e.event == "sse-gap"]
        got = numbers(e for e in events if e.event != "sse-gap")
        assert gaps and {json.loads(e.data)["reason"] for e in gaps} <= {"trimmed", "slow"}
        # Before the gap and behind it nothing is missing.
        for gap in gaps:
            after, at = (ids.index(json.loads(gap.data)[k]) for k in ("after", "resumed_at"))
            assert gap.id == ids[at] and not [n for n in got if after < n <= at]
            got += range(after + 1, at + 1)
        # The worker may have seen the first two before the streams, or not.
        assert sorted(set(got) | {1, 502}) == list(range(1, 504))
    assert numbers(take(quiet, 502)) in ([502], [0, 502])
    assert "the streams that asked for one of them are told" in w.process.stderr()
