# SPDX-License-Identifier: MIT
"""How a worker is started and stopped, and what it refuses. That it works with
each way to get its socket is in test_30_webservers.py."""

import os
import signal
import socket

import pytest

from harness import accepts, alive, children, descendants, program, wait_until, workers
from streams import Ended

def works(connect, publish, where):
    stream = connect(where, "/sse/t").wait_placed()
    publish("t", "it works")
    assert stream.data(1) == ["it works"]
    return stream


def test_environment_and_configuration_file(box, bus, connect, publish):
    path = box.path("w.sock")
    conf = box.path("sse-fcgi.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"# a comment\nlisten = unix:{path}\nretry = 7s\n")
    box.start(program("sse-fcgi"), "--config", conf, env={"SSE_BUS": bus, "SSE_RETRY": "1500ms"})
    wait_until("the worker's hub accepts", lambda: accepts(f"{bus}/publish"))
    stream = works(connect, publish, path)
    assert stream.decoder.retry == 1500, "the environment goes before the file"


@pytest.mark.smoke
def test_several_workers(worker, connect, publish, crowd):
    w = worker("--workers", "3")
    streams = crowd([connect(w.socket, "/sse/t") for _ in range(60)]).wait_placed()
    publish("t", "to all")
    streams.wait("the event", lambda s: s.queue)
    assert all(s.queue[0].data == "to all" for s in streams.streams)


def test_a_worker_that_dies_is_replaced(worker, hub, connect, publish, crowd):
    hub()
    w = worker("--workers", "2", "--hub", "off", "--retry", "100ms")
    wait_until("there are two", lambda: len(children(w.pid)) == 2)
    before = set(children(w.pid))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until("there are new ones",
               lambda: len(set(children(w.pid)) - before) == 2 and
               not any(map(alive, before)))

    def stream():
        s = connect(w.socket, "/sse/t")
        try:
            return s.wait_placed()
        except Ended:
            return None  # "come later"

    s = wait_until("a stream stays", stream)
    publish("t", "well again")
    assert s.data(1) == ["well again"]


def test_a_graceful_stop(worker, connect, crowd):
    w = worker("--drain", "500ms", "--retry", "1s")
    streams = crowd([connect(w.socket, "/sse/t") for _ in range(30)]).wait_placed()
    pids = descendants(w.pid)
    w.process.send(signal.SIGTERM)
    streams.wait("the end", lambda s: s.ended)
    assert all(s.clean for s in streams.streams), "ended, not cut"
    retries = {s.decoder.retry for s in streams.streams}
    assert len(retries) > 3 and all(1000 <= r <= 1500 for r in retries), retries
    assert w.process.wait() == 0
    wait_until("no process stays", lambda: not any(map(alive, pids)))
    assert not os.path.exists(w.socket)


def test_a_lone_stream_is_not_waited_for(worker, connect):
    w = worker("--drain", "10m", "--retry", "1s")
    stream = connect(w.socket, "/sse/t").wait_placed()
    w.process.send(signal.SIGTERM)
    stream.wait_end()
    assert stream.clean and stream.decoder.retry >= 1000
    assert w.process.wait() == 0


def test_pages_of_other_origins_may_come_back(worker, connect):
    """An EventSource that may not read the answer gives up for good."""
    w = worker("--max-clients", "1", "--cors-origin", "https://friend.example")
    origin = {"Origin": "https://friend.example"}
    first = connect(w.socket, "/sse/t", headers=origin).wait_placed()
    by_worker = connect(w.socket, "/sse/t", headers=origin).wait_end()
    pid, = workers(w.pid)
    os.kill(pid, signal.SIGSTOP)
    w.process.send(signal.SIGTERM)
    by_supervisor = connect(w.socket, "/sse/t", headers=origin).wait_end()
    os.kill(pid, signal.SIGCONT)
    first.close()
    assert w.process.wait() == 0
    for stream in (by_worker, by_supervisor):
        assert stream.status == 200 and stream.clean and not stream.last_id
        assert stream.headers["access-control-allow-origin"] == "https://friend.example"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it(worker, number):
    w = worker()
    assert w.process.stop(number) == 0


def test_its_children_end_with_it(worker):
    w = worker("--workers", "2")
    wait_until("supervisor, hub, two workers", lambda: len(descendants(w.pid)) == 4)
    pids = descendants(w.pid)
    w.process.kill()
    wait_until("no process stays", lambda: not any(map(alive, pids)))


def test_a_killed_one_leaves_its_socket_to_the_next(worker, connect, crowd):
    """Its workers still have streams to end, but do not hold the socket."""
    w = worker("--drain", "10m")
    streams = crowd([connect(w.socket, "/sse/t") for _ in range(20)]).wait_placed()
    orphans = children(w.pid)
    w.process.kill()
    try:
        wait_until("nobody accepts", lambda: not accepts(w.socket))
        assert not all(s.ended for s in streams.streams), "the old worker drains"
        worker()
    finally:
        for pid in filter(alive, orphans):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("options, status, words", [
    (["--no-such-option"], 64, ["--no-such-option"]),
    (["--heartbeat", "soon"], 64, ["heartbeat", "soon"]),
    (["--heartbeat", "5ms"], 64, ["heartbeat"]),
    (["--retry", "9999h"], 64, ["retry"]),
    (["--workers", "0"], 64, ["workers"]),
    (["--workers", "many"], 64, ["workers", "many"]),
    (["--max-event", "-1"], 64, ["max-event"]),
    (["--hub", "perhaps"], 64, ["hub", "perhaps"]),
    (["--listen", "nonsense"], 64, ["listen", "nonsense"]),
    (["--listen", "unix:/" + "x" * 120], 64, ["107"]),
    (["--listen", "unix:/no/such/directory/w.sock"], None, ["/no/such/directory"]),
    (["--listen", "tcp:0.0.0.0:0"], None, ["FCGI_WEB_SERVER_ADDRS"]),
    (["--bus", "/" + "x" * 120, "--listen", "tcp:127.0.0.1:0"], None, ["107"]),
    (["--bus", "tcp://192.0.2.1:5000"], None, ["loopback"]),
    (["--connect", "ipc:///x", "--bus", "/tmp"], 64, ["--connect", "--bus"]),
    (["--config", "/no/such/file"], None, ["/no/such/file"]),
    (["--default-topic", "a\nb"], 64, ["default-topic"]),
    ([], None, ["--listen"]),
])
def test_clear_errors(box, options, status, words):
    done = box.run(program("sse-fcgi"), *options, env={"HOME": box.dir})
    assert done.returncode not in (0, 99) and done.returncode > 0, done
    if status:
        assert done.returncode == status, done.stderr
    assert done.stderr.startswith("sse-fcgi"), done.stderr
    for word in words:
        assert word in done.stderr


def test_a_port_that_is_taken(box, bus):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        done = box.run(program("sse-fcgi"), "--bus", bus, "--listen", f"tcp:127.0.0.1:{port}")
    assert done.returncode > 0
    assert str(port) in done.stderr


def test_a_socket_in_use(box, bus, worker):
    w = worker()
    done = box.run(program("sse-fcgi"), "--bus", bus, "--listen", f"unix:{w.socket}")
    assert done.returncode > 0
    assert w.socket in done.stderr
    assert accepts(w.socket)


def test_a_hand_over_socket_in_use(hub, worker, connect):
    """The wait for it to be given up is none for the workers."""
    hub()
    worker("--hub", "off")
    second = worker("--hub", "off", name="second.sock")
    connect(second.socket, "/sse/t").wait_placed()
    assert "cannot hand requests over" in second.process.stderr()
    assert "no worker is ready" not in second.process.stderr()


def test_help_and_version(box):
    for name in ("sse-fcgi", "sse-hub", "sse-publish"):
        done = box.run(program(name), "--help")
        assert done.returncode == 0 and "--" in done.stdout and not done.stderr
        done = box.run(program(name), "--version")
        assert done.returncode == 0 and done.stdout.startswith(name)


def test_check_config(box, bus):
    assert box.run(program("sse-fcgi"), "--bus", bus, "--check-config",
                   "--listen", f"unix:{box.path('w')}").returncode == 0
    assert box.run(program("sse-fcgi"), "--bus", bus, "--check-config",
                   "--heartbeat", "x").returncode == 64
