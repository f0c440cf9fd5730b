# SPDX-License-Identifier: MIT
"""One hub after another: stopped and started again, an embedded one that makes
room, a standby that takes over. A reader of all events sees each once."""

import os
import signal

import pytest

from busreader import kept
from harness import children, program, wait_until, workers


def hub_of(pid):
    """The hub process of an sse-fcgi."""
    found = [c for c in children(pid) if c not in workers(pid)]
    return found[0] if len(found) == 1 else None


class Feed:
    """sse-publish --lines that counts, as long as it is told to."""

    def __init__(self, box, bus):
        read, self.write = os.pipe()
        self.path = box.path("ids")
        self.count = 0
        with open(self.path, "wb") as out:
            self.process = box.start(program("sse-publish"), "--bus", bus, "-v", "--lines",
                                     "--timeout", "60s", "t", stdin=read, stdout=out)
        os.close(read)

    def say(self, count):
        text = "".join(f"{self.count + i + 1}\n" for i in range(count))
        self.count += count
        os.write(self.write, text.encode())

    def acknowledged(self):
        with open(self.path, encoding="ascii") as f:
            return f.read().split()

    def wait(self):
        wait_until("all is acknowledged", lambda: len(self.acknowledged()) == self.count)

    def end(self):
        os.close(self.write)
        assert self.process.wait() == 0, self.process.stderr()
        return self.acknowledged()


@pytest.fixture
def feed(box, bus):
    return lambda: Feed(box, bus)


def numbers(ids):
    assert len({i.split("-")[0] for i in ids}) == 1, "one epoch"
    return [int(i.split("-")[1]) for i in ids]


def check_stream(stream, count, first=1):
    """All of them, once, in order, and no gap."""
    for i in range(first, count + 1):
        event = stream.next()
        assert (event.event, event.data) == ("message", str(i))


@pytest.mark.parametrize("store", ["memory", "disk", "disk-1s"])
def test_a_hub_that_is_restarted(bus, hub, worker, connect, feed, publish, store):
    options = {"memory": ("--store", "memory"), "disk": (), "disk-1s": ("--sync", "1s")}[store]
    first = hub(*options, "--keep", "old=1", "--history", "200events")
    w = worker("--hub", "off")
    old = publish("old", "stays", "--key", "k1", "--id", "own-id")
    stream = connect(w.socket, "/sse/t").wait_placed()
    f = feed()
    for _ in range(4):
        seen = f.count
        f.say(100)
        f.wait()
        assert first.stop() == 0
        f.say(50)
        first = hub(*options, "--keep", "old=1", "--history", "200events")
        # Before the history has moved past it.
        check_stream(stream, f.count, seen + 1)
    ids = f.end()
    assert numbers(ids) == list(range(2, 602))
    # Keys, own ids and what is kept beyond the bounds are still known.
    assert publish("old", "again", "--key", "k1") == old
    wait_until("what is beyond the history has gone", lambda: len(kept(bus)) <= 201)
    events = kept(bus)
    assert (events[0].topic, events[0].id) == ("old", "own-id")
    assert [int(e.data) for e in events[1:]] == list(range(600 - len(events) + 2, 601))
    assert len(events) >= 200


def test_a_hub_with_memory_that_is_killed(hub, worker, connect, publish):
    first = hub("--store", "memory")
    w = worker("--hub", "off")
    stream = connect(w.socket, "/sse/t").wait_placed()
    before = publish("t", "before")
    first.kill()
    hub("--store", "memory")
    after = publish("t", "after")
    assert before.split("-")[0] != after.split("-")[0]
    got = [stream.next() for _ in range(3)]
    assert [e.event for e in got] == ["message", "sse-gap", "message"]
    assert '"restarted"' in got[1].data


@pytest.mark.parametrize("store", ["memory", "disk"])
def test_an_embedded_hub_makes_room(box, bus, worker, connect, feed, store):
    options = ("--store", "memory") if store == "memory" else ()
    w = worker(*options)
    stream = connect(w.socket, "/sse/t").wait_placed()
    f = feed()
    f.say(100)
    f.wait()
    f.say(500)  # some are under way when it happens
    alone = box.start(program("sse-hub"), "--bus", bus, *options)
    f.say(500)
    wait_until("the new hub serves", lambda: "serving" in alone.stderr())
    f.say(100)
    f.wait()
    assert "makes room" in alone.stderr()
    assert "standing by" not in alone.stderr()
    # Another one that stands alone has to wait.
    third = box.start(program("sse-hub"), "--bus", bus, *options)
    wait_until("the third stands by", lambda: "standing by" in third.stderr())
    assert third.stop() == 0
    # And back: the embedded one takes over.
    assert alone.stop() == 0
    f.say(100)
    f.wait()
    check_stream(stream, f.count)
    assert numbers(f.end()) == list(range(1, f.count + 1))
    stream.close()  # or it would be drained for seconds
    assert w.stop() == 0


def test_a_standby_takes_over(box, bus, hub, worker, connect, feed):
    hubs = [hub()]
    w = worker("--hub", "off")
    stream = connect(w.socket, "/sse/t").wait_placed()
    f = feed()
    for _ in range(3):
        second = box.start(program("sse-hub"), "--bus", bus)
        wait_until("it stands by", lambda h=second: "standing by" in h.stderr())
        hubs.append(second)
        f.say(300)
        hubs.pop(0).kill()
        f.say(100)
        f.wait()
    check_stream(stream, f.count)
    assert numbers(f.end()) == list(range(1, f.count + 1))


def test_an_embedded_hub_that_is_killed(worker, connect, feed):
    w = worker()
    stream = connect(w.socket, "/sse/t").wait_placed()
    f = feed()
    for _ in range(3):
        f.say(200)
        pid = wait_until("there is a hub", lambda: hub_of(w.pid))
        os.kill(pid, signal.SIGKILL)
        f.say(100)
        f.wait()
    check_stream(stream, f.count)
    assert numbers(f.end()) == list(range(1, f.count + 1))
