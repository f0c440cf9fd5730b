# SPDX-License-Identifier: MIT
"""A C program that holds streams by itself (examples/c/responder.c), behind a
real lighttpd that starts it and lets people in, behind Apache, and alone."""

import base64
import json
import os
import re
import signal

import pytest

from harness import accepts, children, descriptors, program, wait_until
from streams import FcgiStream, HttpStream

LIGHTTPD = """
server.modules += ( "mod_auth", "mod_authn_file", "mod_fastcgi" )
server.max-fds = 2000
server.max-connections = 900
server.stream-response-body = 2
auth.backend = "plain"
auth.backend.plain.userfile = "{users}"
auth.require = ( "/live/private" => (
    "method" => "basic", "realm" => "live", "require" => "valid-user"
) )
fastcgi.server = ( "/live" => ((
    "bin-path" => "{program}",
    "socket" => "{socket}",
    "max-procs" => 1,
    "check-local" => "disable",
    "tcp-fin-propagate" => "enable",
    "bin-environment" => ( {environment} )
)) )
"""

APACHE = """
ProxyPass "/live/" "unix:{socket}|fcgi://localhost/live/" flushpackets=on
"""


def login(name):
    """The header of somebody whose password is as the name."""
    word = base64.b64encode(f"{name}:{name}".encode()).decode()
    return {"Authorization": f"Basic {word}"}


@pytest.fixture
def live(box, lighttpd):
    """A lighttpd that has started the example at /live."""
    users = box.path("users")
    with open(users, "w") as f:
        f.write("alice:alice\nbob:bob\n*:*\n")
    environment = {k: v for k, v in box.env.items() if k.endswith("SAN_OPTIONS")}
    return lighttpd(LIGHTTPD.format(
        users=users, program=program("responder"), socket=box.path("responder.sock"),
        environment=", ".join(f'"{k}" => "{v}"' for k, v in environment.items())))


@pytest.fixture
def alone(box):
    """alone() starts the example on a unix socket; its process and socket."""
    def start():
        path = box.path("alone.sock")
        process = box.start(program("responder"), f"unix:{path}")
        wait_until("the responder accepts", lambda: accepts(path) or not process.running())
        assert process.running(), process.stderr()
        return process, path
    return start


def pid_of(server):
    pids = wait_until("the responder runs", lambda: children(server.process.pid))
    assert len(pids) == 1
    return pids[0]


def answer(url, headers=None, **options):
    """The whole response to a request that is refused."""
    stream = HttpStream(url, headers, **options)
    try:
        stream.read_all()
    finally:
        stream.close()
    return stream


@pytest.mark.smoke
def test_a_clock_for_everybody(live, connect):
    stream = connect(f"{live.url}/live/clock").wait_open()
    assert stream.headers["content-type"] == "text/event-stream"
    first, second = stream.next(), stream.next()
    assert re.fullmatch(r"\d\d:\d\d:\d\d", first.data)
    assert re.fullmatch(r"[0-9a-z]{8}-\d+", first.id)
    assert first.id.split("-")[0] == second.id.split("-")[0]
    assert int(first.id.split("-")[1]) < int(second.id.split("-")[1])

    # A page opens with the newest, and one that comes back gets the rest.
    newest = connect(f"{live.url}/live/clock").next()
    assert int(newest.id.split("-")[1]) >= int(second.id.split("-")[1])
    again = connect(f"{live.url}/live/clock", {"Last-Event-ID": first.id})
    assert again.next() == second

    before = descriptors(pid_of(live))
    stream.close()
    wait_until("the responder forgets it", lambda: descriptors(pid_of(live)) == before - 1)


@pytest.mark.smoke
def test_a_counter_for_oneself(live, connect):
    alice = connect(f"{live.url}/live/private/alice/visit", login("alice"))
    assert alice.next().data == "1"
    # Everything that is not private, and what she was granted beside it.
    both = connect(f"{live.url}/live/private/alice/visit?topic=*", login("alice"))
    assert "2" in both.data(2)
    assert alice.next().data == "2"
    bob = connect(f"{live.url}/live/private/bob/visit", login("bob"))
    assert bob.next().data == "3"

    everybody = connect(f"{live.url}/live/*").wait_open()
    assert all(":" in data for data in everybody.data(2))
    assert alice.queue == [] and bob.queue == []


@pytest.mark.parametrize("target, user, status", [
    ("/live/private/alice/visit", None, 401),
    ("/live/private/alice/visit", "mallory", 401),
    ("/live/private/alice/visit", "bob", 403),
    ("/live/private/bob/visit?topic=private/alice/visit", "bob", 403),
    ("/live/private/*", "bob", 403),
    ("/live/private/{+x}", "bob", 403),
    ("/live/private/*", "*", 403),
    ("/live/clock?topic=private/alice/visit", None, 403),
    ("/live/clock?topic=private%2falice%2fvisit", None, 403),
    ("/live//private/alice/visit", None, 401),
    ("/live/$SYS/stats", None, 403),
    ("/live", None, 400),
])
def test_nobody_reads_anothers(live, target, user, status):
    refused = answer(live.url + target, login(user) if user else None)
    assert refused.status == status, (refused.reason, refused.body)


def test_other_methods(live):
    assert answer(f"{live.url}/live/clock", method="POST", body=b"x" * 5000).status == 405
    head = answer(f"{live.url}/live/clock", method="HEAD")
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")
    assert answer(f"{live.url}/live/private/alice/visit", login("bob"), method="HEAD").status == 403


def test_a_restart_is_told(live, connect):
    stream = connect(f"{live.url}/live/clock")
    stream.next()
    first_pid = pid_of(live)
    os.kill(first_pid, signal.SIGKILL)
    stream.wait_end()

    def reopened():
        """lighttpd starts it again, and answers 503 until it has."""
        again = connect(f"{live.url}/live/clock", {"Last-Event-ID": stream.last_id}).wait_head()
        return again if again.status == 200 else again.close()
    again = wait_until("it is started again", reopened)
    assert pid_of(live) != first_pid
    gap = again.next()
    assert gap.event == "sse-gap"
    assert json.loads(gap.data)["after"] is None
    assert again.next().id.split("-")[0] == gap.id.split("-")[0] != stream.last_id.split("-")[0]


def test_many_streams(live, crowd):
    pid = pid_of(live)
    HttpStream(f"{live.url}/live/clock").wait_open().close()
    streams = [HttpStream(f"{live.url}/live/clock") for _ in range(300)]
    everybody = crowd(streams).wait_open()
    assert descriptors(pid) >= 300
    everybody.wait("two ticks", lambda s: len(s.queue) >= 2)
    numbers = [[int(e.id.split("-")[1]) for e in s.queue] for s in streams]
    assert all(n == list(range(n[0], n[0] + len(n))) for n in numbers)
    everybody.close()
    wait_until("they are forgotten", lambda: descriptors(pid) < 50)


def test_behind_apache(alone, apache, connect):
    _, path = alone()
    os.chmod(path, 0o666)
    server = apache(APACHE.format(socket=path))
    stream = connect(f"{server.url}/live/?topic=clock").wait_open()
    first, second = stream.next(), stream.next()
    again = connect(f"{server.url}/live/?topic=clock", {"Last-Event-ID": first.id})
    assert again.next() == second


@pytest.mark.smoke
def test_stops_when_it_is_told(alone, connect):
    process, path = alone()
    streams = [connect(path, "/sse/clock").wait_open() for _ in range(5)]
    assert os.stat(path).st_mode & 0o777 == 0o660
    process.send(signal.SIGTERM)
    for stream in streams:
        stream.wait_end()
        assert stream.clean and stream.decoder.retry >= 3000
    assert process.wait() == 0
    assert not os.path.exists(path)


def test_says_why_it_cannot_listen(box, alone):
    _, path = alone()
    for where, why in ((f"unix:{path}", "belongs to another program"),
                       (f"unix:{box.path('none/x.sock')}", "folder must be there"),
                       ("here", "neither unix:PATH nor tcp:HOST:PORT")):
        done = box.run(program("responder"), where)
        assert done.returncode == 1 and why in done.stderr, done.stderr
    done = box.run(program("responder"))
    assert done.returncode == 1 and "no socket to serve" in done.stderr
    assert accepts(path)


def test_hostile_bytes_cost_nothing(alone, connect):
    process, path = alone()
    before = descriptors(process.pid)
    for raw in (b"GET / HTTP/1.1\r\n\r\n", b"\1\1\0\1\xff\xff\0\0" + b"\0" * 70000, b"\1\4" * 999):
        stream = FcgiStream(path, raw=raw)
        stream.wait_end()
        stream.close()
    assert connect(path, "/sse/clock").next().data
    wait_until("they are forgotten", lambda: descriptors(process.pid) == before + 1)
