# SPDX-License-Identifier: MIT
"""A hostile outsider with time: what was found once must not come back.

After each attack everybody else is served as before, no process has died, and
the log says what happened.
"""

import resource
import socket

import pytest

from harness import accepts, descendants, program, wait_until


def with_descriptors(count):
    """For Popen: a process that may have this many."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))}


class Connections:
    """Connections to a unix socket that say nothing."""

    def __init__(self, path, count):
        self.sockets = []
        for _ in range(count):
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            self.sockets.append(s)
            try:
                s.connect(path)
            except BlockingIOError:  # the queue is full: enough for now
                break

    def close(self):
        for s in self.sockets:
            s.close()


# ---- descriptors ----

@pytest.mark.parametrize("name", ["publish", "follow", "events"])
def test_more_connections_than_the_hub_has_descriptors(box, bus, publish, name):
    """libzmq by itself aborts the process then, and the history is gone."""
    hub = box.start(program("sse-hub"), "--bus", bus, **with_descriptors(48))
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish") or not hub.running())
    first = publish("news", "before")
    crowd = box.keep(Connections(f"{bus}/{name}", 100))
    wait_until("the hub says so", lambda: "too many connections" in hub.stderr())
    crowd.close()
    # The same log goes on, as soon as the hub has seen the crowd leave.
    wait_until("publishing works again", lambda: box.run(
        program("sse-publish"), "--bus", bus, "--timeout", "1s", "news", "between").returncode == 0)
    assert publish("news", "after").split("-")[0] == first.split("-")[0]
    assert hub.running()


def test_a_worker_full_of_streams_finds_its_hub_again(box, bus, hub, connect, crowd, publish):
    """It has to connect to it, and that takes descriptors."""
    first = hub("--store", "memory")
    path = box.path("w.sock")
    worker = box.start(program("sse-fcgi"), "--listen", f"unix:{path}", "--bus", bus,
                       "--hub", "off", **with_descriptors(64))
    wait_until("the worker accepts", lambda: accepts(path) or not worker.running())
    streams = crowd(connect(path, "/sse/news") for _ in range(80))
    streams.wait("a stream, or the advice to come back", lambda s: s.ended or b"\n\n" in s.body)
    # Who has found no room was told so in the way that a browser understands.
    away = [s for s in streams.streams if s.ended]
    assert away and all(s.status == 200 and s.clean and s.decoder.retry for s in away)
    assert "descriptors are taken" in worker.stderr()
    open_streams = [s for s in streams.streams if not s.ended]
    assert len(open_streams) > 20
    assert first.kill() == -9
    hub("--store", "memory")
    publish("news", "after")
    for s in open_streams:
        s.sock.setblocking(True)
        s.wait("the new hub's event", lambda s=s: any(e.data == "after" for e in s.queue))
        assert s.queue[0].event == "sse-gap"


def test_requests_that_stall_make_room_for_others(box, bus, connect):
    path = box.path("w.sock")
    worker = box.start(program("sse-fcgi"), "--listen", f"unix:{path}", "--bus", bus,
                       "--request-timeout", "1h", **with_descriptors(64))
    wait_until("the worker accepts", lambda: accepts(path) or not worker.running())
    box.keep(Connections(path, 100))
    connect(path, "/sse/news").wait_open()


# ---- memory ----

def memory(pid):
    """What a process has in memory, in bytes."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def test_readers_that_stall_in_a_large_event_share_it(box, bus, worker, connect, publish):
    w = worker()
    size, count = 1 << 20, 100
    done = box.run(program("sse-publish"), "--bus", bus, "big", input="x" * size)
    assert done.returncode == 0, done.stderr
    witness = connect(w.socket, "/sse/witness").wait_open()
    before = {pid: memory(pid) for pid in descendants(w.pid)}
    for _ in range(count):  # none of them reads
        connect(w.socket, "/sse/big?lastEventID=earliest")
    # The loop serves those who came first before it sees who came last.
    connect(w.socket, "/sse/other").wait_open()
    publish("witness", "still here")
    assert witness.next().data == "still here"
    for pid, was in before.items():
        assert memory(pid) < was + count * size / 4
