# SPDX-License-Identifier: MIT
"""--idle-exit: a service that ends when nobody comes, and is there again; and
SSE_POLL, a response that ends when it has what there is."""

import os
import socket

import pytest

from harness import accepts, alive, descendants, program, wait_until


@pytest.mark.smoke
def test_it_ends_when_nobody_is_connected(worker, connect, publish):
    w = worker("--idle-exit", "300ms", "--heartbeat", "100ms", "--workers", "2",
               "--drain", "50ms")
    stream = connect(w.socket, "/sse/t").wait_placed()
    publish("t", "kept")
    assert stream.data(1) == ["kept"]
    comments = stream.decoder.comments
    stream.wait("five times its limit", lambda: stream.decoder.comments > comments + 12)
    assert w.process.running(), "somebody is connected"
    pids = descendants(w.pid)
    stream.close()
    assert w.process.wait() == 0
    assert "--idle-exit" in w.process.stderr()
    wait_until("no process stays", lambda: not any(map(alive, pids)))
    assert not os.path.exists(w.socket)
    again = worker("--idle-exit", "300ms")
    after = connect(again.socket, "/sse/t", headers={"Last-Event-ID": "earliest"})
    assert after.data(1) == ["kept"], "the history is on the disk"


def test_nobody_ever_came(worker):
    w = worker("--idle-exit", "100ms", "--hub", "off")
    assert w.process.wait() == 0


def test_a_socket_of_somebody_else_stays(box, bus, connect):
    """As with systemd: who comes while it is away waits in the socket."""
    path = box.path("s.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        for _ in range(2):
            stream = connect(path, "/sse/t")
            p = box.start(program("sse-fcgi"), "--bus", bus, "--idle-exit", "100ms",
                          stdin=listening)
            stream.wait_placed()
            stream.close()
            assert p.wait() == 0
        assert accepts(path)


def test_its_range(box):
    for value in ("99ms", "8d"):
        done = box.run(program("sse-fcgi"), "--check-config", "--idle-exit", value)
        assert (done.returncode, "out of range" in done.stderr) == (64, True), done.stderr


def test_a_poll_ends_and_comes_back(worker, connect, publish):
    w = worker()
    live = connect(w.socket, "/sse?topic=t&topic=other").wait_placed()
    first = connect(w.socket, "/sse/t", SSE_POLL="5s")
    first.wait_end()
    assert (first.status, first.clean, first.decoder.retry) == (200, True, 5000)
    assert first.last_id
    publish("t", "one")
    publish("other", "not this")
    live.data(2)  # the worker has them
    second = connect(w.socket, "/sse/t", SSE_POLL="700ms", headers={"Last-Event-ID": first.last_id})
    second.wait_end()
    assert second.data(1) == ["one"] and not second.queue
    assert second.decoder.retry == 700
    third = connect(w.socket, "/sse/t", SSE_POLL="5s", headers={"Last-Event-ID": second.last_id})
    third.wait_end()
    assert third.clean and not third.queue
    assert third.last_id == second.last_id == live.last_id, "it is past the other topic's, too"


def test_a_client_cannot_ask_for_a_poll(worker, connect, publish):
    w = worker()
    stream = connect(w.socket, "/sse/t?SSE_POLL=5s",
                     headers={"SSE_POLL": "5s", "SSE-POLL": "5s"}).wait_placed()
    publish("t", "live")
    assert stream.data(1) == ["live"]


def test_a_wrong_poll_is_refused(worker, connect):
    w = worker()
    stream = connect(w.socket, "/sse/t", SSE_POLL="often").wait_head()
    assert stream.status == 500
    assert b"SSE_POLL" in stream.read_all()
