# SPDX-License-Identifier: MIT
"""What a worker misses on the bus it has from the hub: streams get exactly the
hub's order, and are told of a gap only where something they want is gone."""

import json
import os
import shutil
import signal

import pytest

from harness import program, wait_until, workers


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(")")[-1].split()[0]


@pytest.fixture
def freeze():
    """freeze(PID) stops a process; the function it returns lets it go on."""
    stopped = []

    def stop(pid):
        os.kill(pid, signal.SIGSTOP)
        wait_until("it is stopped", lambda: state(pid) == "T")
        stopped.append(pid)

        def go_on():
            stopped.remove(pid)
            os.kill(pid, signal.SIGCONT)
        return go_on
    yield stop
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def publish_lines(box, bus):
    """publish_lines(TOPIC, FIRST, LAST): an event with each number, acknowledged."""
    def run(topic, first, last):
        lines = "".join(f"{n}\n" for n in range(first, last + 1))
        done = box.run(program("sse-publish"), "--bus", bus, "--lines", topic, input=lines)
        assert done.returncode == 0, done.stderr
    return run


def check_numbers(stream, first, last):
    for n in range(first, last + 1):
        event = stream.next()
        assert (event.event, event.data) == ("message", str(n))


def test_workers_that_join_a_flood(box, bus, hub, worker, connect, publish):
    """Each has all of it, from its first event on, though it came in the middle."""
    hub("--history", "100000events,64MiB,1h")
    count = 30000
    begin = publish("t", "0")
    lines = box.path("lines")
    with open(lines, "w", encoding="ascii") as out:
        out.writelines(f"{n}\n" for n in range(1, count + 1))
    with open(lines, "rb") as text:
        flood = box.start(program("sse-publish"), "--bus", bus, "--lines", "t", stdin=text)
    streams = []
    for i in range(3):
        w = worker("--hub", "off", "--window", "2000events", name=f"w{i}.sock")
        streams.append(connect(w.socket, "/sse/t", headers={"Last-Event-ID": begin}).wait_head())
        streams.append(connect(w.socket, "/sse/t").wait_placed())
    assert flood.wait() == 0, flood.stderr()
    for resumed, live in zip(streams[::2], streams[1::2]):
        check_numbers(resumed, 1, count)
        publish("t", "end")
        live.wait("the end", lambda s=live: s.queue and s.queue[-1].data == "end")
        numbers = [int(e.data) for e in live.queue if e.data != "end"]
        assert all(e.event == "message" for e in live.queue)
        assert numbers == list(range(count - len(numbers) + 1, count + 1))


def test_a_worker_that_was_stopped(hub, worker, connect, publish_lines, freeze):
    """The events socket overflows meanwhile."""
    hub("--history", "100000events,64MiB,1h")
    w = worker("--hub", "off", "--window", "1000events")
    stream = connect(w.socket, "/sse/t").wait_placed()
    for first in (1, 20001):
        pid, = workers(w.pid)
        go_on = freeze(pid)
        publish_lines("t", first, first + 19999)
        go_on()
        check_numbers(stream, first, first + 19999)


def test_a_hub_that_was_stopped(hub, worker, connect, publish_lines, freeze):
    h = hub()
    w = worker("--hub", "off")
    stream = connect(w.socket, "/sse/t").wait_placed()
    publish_lines("t", 1, 100)
    go_on = freeze(h.pid)
    wait_until("the worker notices", lambda: "is silent" in w.process.stderr())
    late = connect(w.socket, "/sse/t").wait_head()
    go_on()
    publish_lines("t", 101, 200)
    check_numbers(stream, 1, 200)
    check_numbers(late, 101, 200)


def test_a_hub_with_another_log(bus, hub, worker, connect, publish):
    """One gap for each stream, and on with what the new log has."""
    h = hub()
    w = worker("--hub", "off")
    streams = [connect(w.socket, "/sse/t").wait_placed() for _ in range(3)]
    before = publish("t", "before")
    for s in streams:
        assert s.next().data == "before"
    assert h.stop() == 0
    shutil.rmtree(f"{bus}/store")
    hub()
    after = publish("t", "after")
    for s in streams:
        gap = s.next()
        assert gap.event == "sse-gap"
        told = json.loads(gap.data)
        assert (told["after"], told["reason"]) == (before, "restarted")
        assert s.next().data == "after"
    assert before.split("-")[0] != after.split("-")[0]
    # A browser that comes with an id of the old log is told as well.
    late = connect(w.socket, "/sse/t", headers={"Last-Event-ID": before})
    assert [late.next().event, late.next().data] == ["sse-gap", "after"]


def check_one_gap(stream, last_id, last):
    """Numbers from 1 to the last, but for what one gap speaks of."""
    event, number = stream.next(), 0
    while event.event == "message":  # waited in the worker's own queue
        number += 1
        assert int(event.data) == number
        last_id, event = event.id, stream.next()
    assert event.event == "sse-gap"
    assert json.loads(event.data)["after"] == last_id
    first = int(stream.next().data)
    assert number + 1 < first <= last - 99
    check_numbers(stream, first + 1, last)


def test_a_worker_that_slept_longer_than_the_history(hub, worker, connect, publish,
                                                    publish_lines, freeze):
    """Who wanted what is gone is told, once; who did not, is not."""
    hub("--history", "100events")
    w = worker("--hub", "off")
    busy = connect(w.socket, "/sse/busy").wait_placed()
    quiet = connect(w.socket, "/sse/quiet").wait_placed()
    both = connect(w.socket, "/sse?topic=busy&topic=quiet").wait_placed()
    last = publish("busy", "0")
    for stream in (busy, both):
        assert stream.next().data == "0"
    pid, = workers(w.pid)
    go_on = freeze(pid)
    publish_lines("busy", 1, 20000)
    go_on()
    for stream in (busy, both):
        check_one_gap(stream, last, 20000)
    publish("quiet", "at last")
    for stream in (quiet, both):
        event = stream.next()
        assert (event.event, event.data) == ("message", "at last")


def test_holes_of_what_is_kept(hub, worker, connect, publish, publish_lines):
    """--keep leaves old events between others that are gone."""
    hub("--history", "50events", "--keep", "alarm/*=2")
    begin = publish("x", "begin")
    publish("alarm/a", "1")
    publish_lines("busy", 1, 100)
    publish("alarm/a", "2")
    publish_lines("busy", 101, 200)
    w = worker("--hub", "off")
    resume = {"headers": {"Last-Event-ID": begin}}
    alarms = connect(w.socket, "/sse/alarm/*", **resume)
    assert [alarms.next().data, alarms.next().data] == ["1", "2"]
    busy = connect(w.socket, "/sse/busy", **resume)
    assert busy.next().event == "sse-gap"
    check_numbers(busy, 151, 200)
    newest = connect(w.socket, "/sse/alarm/a?last=2").wait_head()
    assert [newest.next().data, newest.next().data] == ["1", "2"]
    # A third one takes the place of the first, which is gone then.
    publish("alarm/a", "3")
    publish_lines("busy", 201, 260)
    assert alarms.next().data == "3"
    check_numbers(busy, 201, 260)
    late = connect(w.socket, "/sse/alarm/*", **resume)
    assert [late.next().event, late.next().data, late.next().data] == ["sse-gap", "2", "3"]
