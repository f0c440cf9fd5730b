# SPDX-License-Identifier: MIT
"""A hostile outsider with time: what was found once must not come back.

After each attack everybody else is served as before, no process has died, and
the log says what happened.
"""

import json
import re
import resource
import socket

import pytest

from harness import accepts, descendants, program, wait_until, workers
from streams import Ended, FcgiStream, cgi_params, request


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


def test_without_a_descriptor_the_streams_go_on(box, bus, connect, publish):
    """Accepting pauses, and goes on when there is room again."""
    path = box.path("w.sock")
    worker = box.start(program("sse-fcgi"), "--listen", f"unix:{path}", "--bus", bus,
                       "--request-timeout", "1h", **with_descriptors(64))
    wait_until("the worker accepts", lambda: accepts(path) or not worker.running())
    streams = [connect(path, "/sse/news").wait_placed() for _ in range(20)]
    crowd = box.keep(Connections(path, 100))
    wait_until("the worker says so", lambda: "cannot accept connections" in worker.stderr())
    for text in ("one", "two"):
        publish("news", text)
        assert [s.next().data for s in streams] == [text] * 20
    crowd.close()
    late = connect(path, "/sse/news").wait_placed()
    publish("news", "three")
    assert [s.next().data for s in streams + [late]] == ["three"] * 21


# ---- limits ----

def counts(process):
    """The last of the counts that a process has logged."""
    found = re.findall(r"counts: (\{.*\})", process.stderr())
    return json.loads(found[-1]) if found else None


def come_back(stream):
    """Whether it was told to, in the way that a browser understands."""
    stream.wait_end()
    return stream.status == 200 and stream.clean and stream.decoder.retry is not None


def test_the_limit_of_a_web_server(worker, connect, publish):
    """Its own streams are refused, those of another one are not."""
    w = worker("--drain", "0")
    inside = [connect(w.socket, "/sse/news", SSE_MAX_CLIENTS="2").wait_placed() for _ in range(2)]
    outside = [connect(w.socket, "/sse/news", SSE_MAX_CLIENTS="2") for _ in range(3)]
    assert all(map(come_back, outside))
    inside.append(connect(w.socket, "/sse/news").wait_placed())
    publish("news", "hello")
    assert [s.next().data for s in inside] == ["hello"] * 3
    words = "all 2 streams that the web server allows (SSE_MAX_CLIENTS) are taken"
    wait_until("the log says so", lambda: words in w.process.stderr())
    wrong = connect(w.socket, "/sse/news", SSE_MAX_CLIENTS="many")
    assert b"SSE_MAX_CLIENTS" in wrong.read_all() and wrong.status == 500
    assert w.stop() == 0
    assert counts(w.process)["limits"]["clients"] == 3


@pytest.mark.parametrize("limit, option, words", [
    ("clients", ("--max-clients", "3"), "all 3 streams of --max-clients are taken"),
    ("address", ("--max-clients-per-address", "2"), "127.0.0.1 has 2 streams"),
    ("topics", ("--max-topics", "2"), "names more than 2 topics"),
    ("request", ("--max-request", "2KiB"), "headers are longer than"),
    ("time", ("--request-timeout", "200ms"), "not whole within the 200 ms"),
    ("half_open", ("--max-half-open", "2"), "the 2 requests of --max-half-open"),
])
def test_a_limit_is_kept_to_and_told(box, worker, connect, publish, limit, option, words):
    w = worker("--drain", "0", *option)
    witness = connect(w.socket, "/sse/news", REMOTE_ADDR="192.0.2.1").wait_placed()
    if limit in ("clients", "address"):
        inside = [connect(w.socket, "/sse/news").wait_placed() for _ in range(2)]
        outside = [connect(w.socket, "/sse/news") for _ in range(3)]
        assert all(map(come_back, outside))
    elif limit == "topics":
        inside = [connect(w.socket, "/sse?topic=news&topic=x").wait_placed()]
        outside = [connect(w.socket, "/sse?topic=news&topic=x&topic=y") for _ in range(3)]
        assert [s.wait_end().status for s in outside] == [400] * 3
    elif limit == "request":
        inside = [connect(w.socket, "/sse/news", X="y" * 1000).wait_placed()]
        outside = [connect(w.socket, "/sse/news", X="y" * 3000) for _ in range(3)]
        assert [s.wait_end().status for s in outside] == [431] * 3
    else:
        inside = [connect(w.socket, "/sse/news").wait_placed()]
        half = request(cgi_params("/sse/news"))[:40]
        outside = [connect(w.socket, raw=half) for _ in range(3 if limit == "time" else 5)]
        for s in outside[:3]:
            s.wait_end()
            assert s.status is None
    wait_until("the log says so", lambda: words in w.process.stderr())
    wait_until("the counts say so", lambda: counts(w.process))
    publish("news", "hello")
    assert [s.next().data for s in [witness, *inside]] == ["hello"] * (1 + len(inside))
    # Said once, not once for each.
    assert w.process.stderr().count(words) == 1
    assert w.stop() == 0
    assert counts(w.process)["limits"][limit] == 3
    assert sum(counts(w.process)["limits"].values()) == 3


# ---- memory ----

class Reader(FcgiStream):
    """Keeps the first bytes of each event only."""

    def take_body(self, data):
        self.body = (self.body + data)[:64]
        self.queue += [(e.event, e.data[:32], e.id) for e in self.decoder.feed(data)]


@pytest.mark.parametrize("kept", ["512KiB", "100MiB"])
def test_readers_that_never_read_cost_the_others_nothing(box, hub, worker, crowd, publish, kept):
    """One in twenty, while ten times as much is published as the worker holds."""
    everybody, size, burst, bursts = 300, 8000, 16, 40
    window = 512 * 1024  # 64 such events
    hub("--history", kept)
    w = worker("--hub", "off", "--window", "512KiB", "--drain", "0",
               env={"ASAN_OPTIONS": box.env["ASAN_OPTIONS"] + ":quarantine_size_mb=1"})
    streams = [box.keep(Reader(w.socket, "/sse/news")) for _ in range(everybody)]
    crowd(streams).wait_placed()
    stalled = streams[::20]
    readers = crowd([s for s in streams if s not in stalled])
    pid, = workers(w.pid)
    before = memory(pid)
    for n in range(bursts):
        lines = "".join(f"{n * burst + k} {'.' * size}\n" for k in range(burst))
        done = box.run(program("sse-publish"), "--bus", box.path("bus"), "--lines", "news",
                       input=lines)
        assert done.returncode == 0, done.stderr
        readers.wait("the burst", lambda s, n=n: len(s.queue) == (n + 1) * burst)
    total = burst * bursts
    assert total * size > 9 * window
    for s in readers.streams:
        assert [int(data.split()[0]) for _, data, _ in s.queue] == list(range(total))
    # All of it for each of them would be five times as much.
    assert memory(pid) - before < len(stalled) * total * size / 5
    publish("news", f"{total} end")
    # Who reads again gets what the hub has and is told what is gone, or finds the
    # stream closed and resumes.
    for s in stalled:
        s.sock.setblocking(True)
        try:
            s.wait("the end", lambda s=s: s.queue and s.queue[-1][1].endswith("end"))
        except Ended:
            assert s.last_id
            s2 = box.keep(Reader(w.socket, "/sse/news", headers={"Last-Event-ID": s.last_id}))
            s2.queue = s.queue
            s = s2.wait("the end", lambda s=s2: s.queue[-1][1].endswith("end"))
        next_one, gaps = 0, 0
        for name, data, _ in s.queue:
            if name == "sse-gap":
                gaps += 1
                next_one = None
                continue
            number = int(data.split()[0])
            assert next_one in (None, number)
            next_one = number + 1
        assert gaps == (kept == "512KiB") and next_one == total + 1
    assert w.stop() == 0
    last = counts(w.process)
    if kept == "512KiB":
        assert "read so slowly" in w.process.stderr()
        assert last["limits"]["window"] == len(stalled)
    else:  # some may have been closed in the middle of an event
        assert last["limits"]["window"] <= len(stalled)
    assert last["window_bytes"] <= window and last["held_bytes"] == 0


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
