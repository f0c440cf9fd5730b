# SPDX-License-Identifier: MIT
"""Beside existing libfcgi programs: the examples in examples/c behind a real
lighttpd. One hands streams over to a worker, one streams by itself."""

import os
import shutil
import signal

import pytest

from harness import (PATIENCE, alive, children, descendants, descriptors, program, wait_until,
                     workers)
from streams import Ended, HttpStream

ALICE = {"Cookie": "theme=dark; session=4f1c"}
BOB = {"Cookie": "session=93be; theme=dark"}

HANDOFF = """
server.modules += ( "mod_fastcgi" )
server.max-fds = 4000
server.max-connections = 1900
server.stream-response-body = 2
fastcgi.server = ( "/app" => ((
    "bin-path" => "{program}",
    "socket" => "{socket}",
    "max-procs" => 1,
    "check-local" => "disable",
    "tcp-fin-propagate" => "enable",
    "bin-environment" => ( {environment} )
)) )
"""

STREAM = """
server.modules += ( "mod_fastcgi", "mod_cgi" )
server.stream-response-body = 2
fastcgi.server = ( "/count" => ((
    "bin-path" => "{program}",
    "socket" => "{socket}",
    "max-procs" => 1,
    "check-local" => "disable",
    "tcp-fin-propagate" => "enable"
)) )
$HTTP["url"] =~ "^/cgi-bin/" {{
    cgi.assign = ( "" => "" )
    cgi.limits = ( "tcp-fin-propagate" => "SIGTERM" )
}}
"""


def config(text, box, name, **environment):
    """The configuration for an example; sanitizers report into the box."""
    environment = {**{k: v for k, v in box.env.items() if k.endswith("SAN_OPTIONS")},
                   **environment}
    return text.format(
        program=program(name), socket=box.path(f"{name}.sock"),
        environment=", ".join(f'"{k}" => "{v}"' for k, v in environment.items()))


@pytest.fixture
def app(box, bus, lighttpd):
    """A lighttpd with the program that hands over to the worker on `bus`."""
    return lighttpd(config(HANDOFF, box, "handoff", SSE_BUS=bus))


def get(url, headers=None, **options):
    """The whole response to a request that is no stream."""
    stream = HttpStream(url, headers, **options)
    try:
        stream.read_all()
    finally:
        stream.close()
    return stream


def placed(connect, url, headers, **options):
    """A stream that has found its place on the bus: what is published from now
    on comes. As a browser does, it comes back while the worker is not there."""
    def attempt():
        stream = connect(url, headers, **options)
        try:
            stream.wait_open()
            return stream.wait_body(b"id: ")
        except Ended:
            return None

    return wait_until("a stream", attempt)


def app_pid(server):
    """The process of the example behind a web server."""
    pids = wait_until("the program runs", lambda: children(server.process.pid))
    assert len(pids) == 1
    return pids[0]


@pytest.mark.smoke
def test_streams_of_those_who_are_logged_in(app, worker, connect, publish):
    w = worker()
    alice = placed(connect, f"{app.url}/app/events", ALICE)
    assert alice.headers["content-type"] == "text/event-stream"
    assert alice.decoder.retry is not None
    bob = placed(connect, f"{app.url}/app/events", BOB)

    publish("private/bob/mail", "for bob", "--private")
    publish("private/alice/mail", "for alice", "--private")
    publish("other", "for nobody")
    publish("news", "for both")
    assert alice.data(2) == ["for alice", "for both"]
    assert bob.data(2) == ["for bob", "for both"]

    # A closed browser is forgotten.
    (pid,) = workers(w.pid)  # the hub's publishers come and go
    before = descriptors(pid)
    alice.close()
    bob.close()
    wait_until("the worker forgets them", lambda: descriptors(pid) == before - 2)


def test_resumes(app, worker, connect, publish):
    worker()
    first = publish("news", "1")
    publish("news", "2")
    publish("private/alice/mail", "3", "--private")
    publish("news", "4")

    by_header = connect(f"{app.url}/app/events", {**ALICE, "Last-Event-ID": first})
    assert by_header.data(3) == ["2", "3", "4"]
    by_query = connect(f"{app.url}/app/events?lastEventID={first}", BOB)
    assert by_query.data(2) == ["2", "4"]
    newest = connect(f"{app.url}/app/events?last=1", ALICE)
    assert sorted(newest.data(2)) == ["3", "4"]
    everything = connect(f"{app.url}/app/events?lastEventId=earliest", BOB)
    assert everything.data(3) == ["1", "2", "4"]


@pytest.mark.smoke
def test_500_streams_and_pages_between(app, worker, crowd, publish):
    worker()
    program_pid = app_pid(app)
    idle = descriptors(program_pid)

    streams = []
    for i in range(500):
        streams.append(HttpStream(f"{app.url}/app/events", ALICE if i % 2 else BOB))
        if i % 100 == 50:
            assert get(f"{app.url}/app/time").status == 200
    everybody = crowd(streams).wait("their place", lambda s: b"id: " in s.body)

    # The one process answers with all of them open, and holds none of them.
    for _ in range(20):
        page = get(f"{app.url}/app/time")
        assert page.status == 200 and page.headers["content-type"] == "text/plain"
    assert app_pid(app) == program_pid
    assert descriptors(program_pid) <= idle + 1

    publish("news", "to all")
    everybody.wait("the event", lambda s: any(e.data == "to all" for e in s.queue))


def test_a_refused_cookie_gets_403(app, worker):
    worker()
    for headers in ({}, {"Cookie": "session=0000"}, {"Cookie": "xsession=4f1c"},
                    {"Cookie": "session=4f1cx"}, {"Cookie": ""}):
        refused = get(f"{app.url}/app/events", headers)
        assert refused.status == 403
        assert b"Log in" in refused.body
    assert get(f"{app.url}/app/nothing").status == 404


def check_later(answer):
    """What a browser comes back after."""
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert 3000 <= answer.decoder.retry <= 8000
    assert answer.queue == []


def test_without_a_worker_the_browser_comes_back(app, worker, connect, publish):
    check_later(get(f"{app.url}/app/events", ALICE))
    assert get(f"{app.url}/app/time").status == 200
    worker()
    stream = placed(connect, f"{app.url}/app/events", ALICE)
    publish("news", "here")
    assert stream.next().data == "here"


def test_a_worker_that_is_killed(app, hub, worker, connect, publish):
    hub()
    w = worker("--hub", "off")
    stream = placed(connect, f"{app.url}/app/events", ALICE)
    publish("news", "1")
    assert stream.next().data == "1"

    family = descendants(w.pid)
    w.process.kill()
    for pid in family[1:]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_until("all of it is gone", lambda: not any(map(alive, family)))
    stream.wait_end()
    check_later(get(f"{app.url}/app/events", ALICE))
    publish("news", "2")

    # The next one takes the dead one's place, and nothing was missed.
    worker("--hub", "off", name="w2.sock")
    def back():
        again = connect(f"{app.url}/app/events", {**ALICE, "Last-Event-ID": stream.last_id})
        try:
            return again.next().data
        except Ended:       # come back later: it is not there yet
            return None

    assert wait_until("a stream", back) == "2"


def test_a_worker_that_is_full(app, worker, connect):
    worker("--max-clients", "1")
    placed(connect, f"{app.url}/app/events", ALICE)
    check_later(get(f"{app.url}/app/events", BOB))


def test_a_worker_that_stands_still(app, worker):
    """A stopped one answers nobody: the program does not wait for it."""
    w = worker()
    get(f"{app.url}/app/time")
    stopped = descendants(w.pid)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        check_later(get(f"{app.url}/app/events", ALICE))
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert get(f"{app.url}/app/time").status == 200


def test_head_and_post(app, worker, connect, publish):
    worker()
    head = get(f"{app.url}/app/events", ALICE, method="HEAD")
    assert head.status == 200
    assert head.headers["content-type"] == "text/event-stream"

    # A body is read to its end before the request is handed over.
    posted = placed(connect, f"{app.url}/app/events", ALICE, method="POST", body=b"x" * 50000)
    publish("news", "here")
    assert posted.next().data == "here"
    assert get(f"{app.url}/app/events", ALICE, method="POST", body=b"x" * 70000).status == 500


def test_another_socket(box, bus, worker, connect, publish, lighttpd):
    path = box.path("elsewhere")
    worker("--handoff", path)
    assert not os.path.exists(f"{bus}/handoff")
    assert os.stat(path).st_mode & 0o777 == 0o600
    app = lighttpd(config(HANDOFF, box, "handoff", SSE_HANDOFF=path))
    stream = placed(connect, f"{app.url}/app/events", ALICE)
    publish("news", "here")
    assert stream.next().data == "here"


# ---- a program that streams by itself ----


@pytest.fixture
def counter(box, lighttpd):
    """A lighttpd with the counter, at /count as FastCGI, below /cgi-bin as CGI."""
    cgi = box.path("www/cgi-bin")
    os.makedirs(cgi)
    shutil.copy(program("stream"), f"{cgi}/stream")
    return lighttpd(config(STREAM, box, "stream"))


@pytest.mark.smoke
@pytest.mark.parametrize("path", ["/count", "/cgi-bin/stream"])
def test_counter(counter, connect, path):
    stream = connect(counter.url + path).wait_open()
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.decoder.retry == 2000
    first, second = stream.next(), stream.next()
    assert (first.data, first.id, second.data) == ("1", "1", "2")
    stream.close()

    # It ends its loop when the browser is gone: one process serves the next.
    again = connect(counter.url + path, {"Last-Event-ID": "41"})
    assert again.next(PATIENCE).data == "42"
    again.close()
    wait_until("the CGI program has ended",
               lambda: len(children(counter.process.pid)) == 1)
