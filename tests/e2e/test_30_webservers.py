# SPDX-License-Identifier: MIT
"""One list of cases for every web server and every way to start a worker, FastCGI
and CGI, with
the configuration files of examples/: only paths are put in. All cases of a way
share one running server, so each has topics of its own."""

import os
import signal

import pytest

from harness import (PATIENCE, Box, accepts, alive, children, descendants, free_port, program,
                     wait_until)
from servers import APACHE, CONFIGS, LIGHTTPD, example, web_server
from starts import start_worker
from streams import Ended, HttpStream
from test_55_cgi import Host, apache_cgi, apache_cgid, end
from test_55_cgi import lighttpd as lighttpd_cgi

OPTIONS = ("--heartbeat", "150ms", "--retry", "100ms", "--drain", "100ms",
           "--cors-origin", "https://friend.example")
# What starts the worker in each of them; the first does it itself.
STARTS = {
    "lighttpd-bin-path": None,
    "lighttpd-external": "spawn-fcgi",
    "lighttpd-tcp": "listen",
    "apache-proxypass": "LISTEN_FDS",
    "apache-prefork": "listen",
    "apache-tcp": "listen",
    "apache-sethandler": "descriptor-0",
    "nginx": "listen",
    "caddy": "listen",
}


class Site:
    """A web server with a worker behind it; a hub of its own stands apart."""

    def __init__(self, box, bus, way):
        self.box, self.bus, self.way = box, bus, way
        self.socket = ("127.0.0.1", free_port()) if way.endswith("-tcp") else box.path("w.sock")
        self.server = self.worker = None
        binary, self.start_server = web_server(way)
        if not binary:
            pytest.skip("the web server is not installed")

    mount = "/events"
    user = None  # who runs the worker

    def up(self):
        self.hub = self.box.start(program("sse-hub"), "--bus", self.bus)
        wait_until("the hub accepts", lambda: accepts(f"{self.bus}/publish"))
        if STARTS[self.way]:
            self.run_worker()
        self.server = self.start_server(
            self.box, example(self.way, self.socket, ("--bus", self.bus, *OPTIONS)))
        return self

    def run_worker(self):
        self.worker = start_worker(self.box, STARTS[self.way], self.socket,
                                   "--bus", self.bus, *OPTIONS)

    def pid(self):
        """The worker's supervisor."""
        if self.worker:
            return self.worker.pid
        return next((c for c in children(self.server.process.pid)), None)

    def publish(self, *args, **options):
        """Runs sse-publish as one who may; what it has printed."""
        if self.user:
            options["user"] = self.user
        done = self.box.run(program("sse-publish"), "--bus", self.bus, *args, **options)
        assert done.returncode == 0, done.stderr
        return (done.stdout + done.stderr).strip()

    def restart_worker(self):
        """Ends it and has it again."""
        pid = self.pid()
        if self.worker:
            self.worker.stop()
            self.run_worker()
            return
        os.kill(pid, signal.SIGTERM)
        wait_until("the worker ends", lambda: not alive(pid))

    def streams(self):
        """How many connections the web server has to the worker, by /proc."""
        if isinstance(self.socket, tuple):
            name, end, open_ = "tcp", f":{self.socket[1]:04X}", (1, 3, "01")
        else:
            name, end, open_ = "unix", self.socket, (-1, 5, "03")
        if not self.worker:
            end += "-0"  # lighttpd numbers its processes
        place, state, is_open = open_
        with open(f"/proc/net/{name}", encoding="ascii") as lines:
            fields = [line.split() for line in lines][1:]
        return sum(f[place].endswith(end) and f[state] == is_open for f in fields)

    def down(self):
        for process in (self.server.process, self.worker, self.hub):
            if process:
                process.stop()


class Corner:
    """A directory of a box for one site."""

    def __init__(self, box, name):
        self.box, self.dir = box, box.path(name)
        os.mkdir(self.dir, 0o755)

    def path(self, name):
        return os.path.join(self.dir, name)

    def __getattr__(self, name):
        return getattr(self.box, name)


# By CGI. mod_fcgid, for which each further stream waits a second for its process,
# is in test_55_cgi.py only.
CGI = {
    "lighttpd-cgi": lighttpd_cgi,
    "apache-cgid": apache_cgid,
    "apache-cgi": lambda host, box: apache_cgi(host, box, sizes=None),
}


class CgiSite(Site):
    """A web server with sse-cgi, which starts the worker."""

    mount = "/cgi/sse"

    def __init__(self, box, way):
        self.box, self.way = Corner(box, way), way
        self.start_server = CGI[way]
        self.worker = None
        program_ = LIGHTTPD if way.startswith("lighttpd") else APACHE
        if not program_:
            pytest.skip("the web server is not installed")
        self.user = "www-data" if program_ == APACHE and os.geteuid() == 0 else None
        self.host = Host(self.box, self.user)
        self.host.set(" ".join(OPTIONS), streams=250)
        self.bus = self.host.state

    def up(self):
        self.server = self.start_server(self.host, self.box)
        self.first()
        return self

    def first(self):
        """The first browser, for which the worker is started."""
        HttpStream(f"{self.server.url}{self.mount}/first").wait_placed().close()

    def pid(self):
        return self.host.supervisor()

    def restart_worker(self):
        super().restart_worker()
        self.first()

    def streams(self):
        return self.host.connections()

    def down(self):
        for pid in self.host.relays():
            end(pid, signal.SIGTERM)  # Apache would wait for them
        self.server.process.stop()
        self.host.end_service()


@pytest.fixture(scope="module")
def box():
    b = Box()
    yield b
    wrong = b.close()
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module", params=[*CONFIGS, *CGI])
def site(request, box):
    """A site for all cases of one way; it ends before the next one starts."""
    if request.param in CGI:
        s = CgiSite(box, request.param)
    else:
        bus = box.path(request.param)
        os.mkdir(bus, 0o700)
        s = Site(box, bus, request.param)
    yield s.up()
    s.down()
    wait_until("nothing is left", lambda: not children(os.getpid()))


@pytest.fixture(autouse=True)
def leave(box):
    """The browsers of a case end with it."""
    yield
    while box.streams:
        box.streams.pop().close()


@pytest.fixture
def publish(site):
    """publish(TOPIC, DATA, OPTIONS...): sse-publish, and its id."""
    return lambda topic, data, *options: site.publish("-v", *options, "--", topic, data)


@pytest.fixture
def get(site, connect):
    """get(TARGET, ...): a request to the site below its mount."""
    def request(target, **options):
        return connect(site.server.url + site.mount + target, **options)
    return request


@pytest.mark.smoke
def test_head_and_live_event(site, get, publish):
    stream = get("/head").wait_placed()
    assert stream.headers["content-type"].split(";")[0] == "text/event-stream"
    assert {"no-cache", "no-transform"} <= \
        {w.strip() for w in stream.headers["cache-control"].split(",")}
    # nginx keeps it to itself.
    assert site.way == "nginx" or stream.headers["x-accel-buffering"] == "no"
    assert "content-length" not in stream.headers
    assert stream.decoder.retry == 100
    id_ = publish("head", "first\nsecond", "-e", "headline")
    event = stream.next()
    assert (event.event, event.data) == ("headline", "first\nsecond")
    assert event.id in id_


def test_topics(site, get, publish):
    both = get("?topic=a%2Fone&topic=b").wait_placed()
    below = get("/a/*").wait_placed()
    odd = get("/caf%C3%A9%20%2B%3F").wait_placed()
    for topic in ("x", "b", "a", "a/one", "a/one/more", "café +?"):
        publish(topic, topic)
    assert both.data(2) == ["b", "a/one"]
    assert below.data(2) == ["a/one", "a/one/more"]
    assert odd.data(1) == ["café +?"]


def test_resume(site, get, publish):
    stream = get("/resume").wait_placed()
    for i in range(5):
        publish("resume", str(i))
    ids = [stream.next().id for _ in range(5)]
    stream.close()
    assert get("/resume", headers={"Last-Event-ID": ids[1]}).data(3) == ["2", "3", "4"]
    for name in ("lastEventID", "Last-Event-ID", "last_event_id", "lastEventId"):
        assert get(f"/resume?{name}={ids[2]}").data(2) == ["3", "4"]
    # An EventSource's URL never changes, so the header is newer.
    assert get(f"/resume?lastEventID={ids[0]}", headers={"Last-Event-ID": ids[3]}).data(1) == ["4"]
    assert get("/resume?lastEventID=earliest").data(5) == list("01234")
    assert get("/resume?last=2").data(2) == ["3", "4"]
    assert get("/resume?last=2", headers={"Last-Event-ID": ids[3]}).data(1) == ["4"]
    gap = get("/resume?lastEventID=zzzzzzzz-7").next()
    assert gap.event == "sse-gap"


def test_a_browser_that_left_is_forgotten(site, get):
    wait_until("those of the cases before are", lambda: site.streams() == 0)
    keep = get("/left").wait_placed()
    gone = [get("/left").wait_placed() for _ in range(20)]
    assert site.streams() == 21
    for i, stream in enumerate(gone):
        if i % 2:
            stream.reset()
        else:
            stream.close()
    wait_until("the worker has forgotten them", lambda: site.streams() == 1)
    keep.wait_body(b":\n\n" if b":\n\n" in keep.body else b":")


def test_a_restart_of_the_worker_loses_nothing(site, get, publish):
    stream = get("/restart").wait_placed()
    publish("restart", "before")
    event = stream.next()
    site.restart_worker()
    stream.wait_end()
    publish("restart", "meanwhile")

    def come_back():
        again = get("/restart", headers={"Last-Event-ID": event.id}).wait_head()
        return again if again.status == 200 else None

    again = wait_until("the worker is back", come_back)
    publish("restart", "after")
    assert again.data(2) == ["meanwhile", "after"]


# Those that turn an error of theirs into what an EventSource understands.
FRIENDLY = ("apache-proxypass", "apache-prefork", "apache-tcp", "nginx")


def test_without_a_worker(site, get, publish):
    if not site.worker:
        return  # lighttpd has another one at once
    site.worker.stop()
    answer = get("/away")
    answer.wait_end()
    if site.way in FRIENDLY:
        assert (answer.status, answer.decoder.retry) == (200, 2000)
        assert answer.headers["content-type"] == "text/event-stream"
        # A browser tells a page of another origin nothing else than this.
        origin = "https://anybody.example"
        told = get("/away", headers={"Origin": origin}).wait_end().headers
        assert told["access-control-allow-origin"] == origin
        assert told["access-control-allow-credentials"] == "true"
        assert told["vary"] == "Origin"
    else:
        assert answer.status in (502, 503)
    site.run_worker()

    def come_back():
        again = get("/away").wait_head()
        return again if again.status == 200 else None
    stream = wait_until("the worker is found", come_back).wait_placed()
    publish("away", "and here again")
    assert stream.data(1) == ["and here again"]


def test_a_killed_worker(site, get, publish):
    stream = get("/killed").wait_placed()
    publish("killed", "before")
    event = stream.next()
    supervisor = site.pid()
    workers = [p for p in descendants(supervisor) if p != supervisor]
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    stream.wait_end()
    publish("killed", "meanwhile")
    # The supervisor holds the socket: no connection is refused meanwhile.
    again = get("/killed", headers={"Last-Event-ID": event.id}).wait_head()
    while again.wait_head().status == 200 and not again.queue:
        try:
            again.wait("an event", lambda: again.queue)  # pylint: disable=cell-var-from-loop
        except Exception:  # "come later": it ended with a retry
            again = get("/killed", headers={"Last-Event-ID": event.id})
    assert again.data(1) == ["meanwhile"]


def test_a_post_is_refused_properly(site, get, publish):
    for body in (b"", b"x" * 10, b"x" * 60000):
        answer = get("/post", method="POST", body=body)
        text = answer.read_all()
        assert answer.status == 405, (answer.head, text)
        assert "GET" in answer.headers["allow"]
        assert answer.headers["content-type"].startswith("text/plain")
        assert text.strip()
    stream = get("/post").wait_placed()
    publish("post", "still well")
    assert stream.data(1) == ["still well"]


def test_head_options_and_cors(site, get):
    answer = get("/cors", method="HEAD")
    assert answer.read_all() == b""
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")

    origin = {"Origin": "https://friend.example"}
    answer = get("/cors", method="OPTIONS",
                 headers={**origin, "Access-Control-Request-Method": "GET"}).wait_head()
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "https://friend.example"

    stream = get("/cors", headers=origin).wait_placed()
    assert stream.headers["access-control-allow-origin"] == "https://friend.example"
    stream = get("/cors", headers={"Origin": "https://stranger.example"}).wait_placed()
    assert "access-control-allow-origin" not in stream.headers


REFUSALS = [
    ("", 400),                          # no topic, and no default one
    ("?topic=bad%C2%85topic", 400),
    ("/" + "x" * 256, 400),
    ("?topic=" + "&topic=".join(f"t{i}" for i in range(101)), 400),
    ("/private/a", 403),
    ("/$SYS/hub", 403),
    ("?topic=private/*", 403),
    ("?topic=ok&topic=%24SYS/hub", 403),
]


def test_refusals(site, get):
    for target, status in REFUSALS:
        answer = get(target)
        text = answer.read_all()
        assert answer.status == status, (answer.head, text)
        assert answer.headers["content-type"].startswith("text/plain"), (target, text)
        assert len(text) > 20, "says why"
    # These lighttpd refuses itself.
    for target in ("/bad%0Atopic", "?topic=bad%FFtopic", "?topic=bad%00topic"):
        assert get(target).wait_head().status == 400, target
    # Apache knows no page with a NUL in its name.
    assert get("/bad%00topic").wait_head().status in (400, 404)


def test_a_large_event(site, get, publish):
    stream = get("/big").wait_placed()
    lines = "".join(f"line {i:06d}\n" for i in range(87000))[:1024 * 1024 - 1]
    site.publish("--raw", "big", input=lines)
    assert stream.next(2 * PATIENCE).data == lines
    publish("big", "small again")
    assert stream.data(1) == ["small again"]


def test_two_hundred_streams(site, get, publish, crowd):
    streams = crowd([get(f"/all?topic=own/{i}") for i in range(200)]).wait_placed()
    publish("all", "to all")
    some = (0, 99, 199)
    for i in some:
        publish(f"own/{i}", f"to {i}")
    publish("all", "the end")
    streams.wait("the end", lambda s: b"the end" in s.body)
    for i, stream in enumerate(streams.streams):
        own = [f"to {i}"] if i in some else []
        assert [e.data for e in stream.queue] == ["to all", *own, "the end"]


def test_heartbeats_and_their_position(site, get, publish):
    stream = get("/quiet").wait_placed()
    first = stream.last_id
    publish("other", "moves the position")
    stream.wait("a heartbeat with the new position", lambda: stream.last_id != first)
    assert not stream.queue
    stream.wait("a heartbeat", lambda: stream.decoder.comments > 1)


def test_the_web_server_ends_and_nothing_stays(site, get):
    get("/last").wait_placed()
    pid = site.pid()
    site.server.process.stop()
    if site.way in CGI:
        assert alive(pid), "the next web server finds it"
        return
    if not site.worker:
        wait_until("the worker ends with its lighttpd", lambda: not alive(pid))
        return
    assert accepts(site.socket)
    assert site.worker.stop() == 0
    handed_down = STARTS[site.way] != "listen"
    assert os.path.exists(str(site.socket)) == handed_down, "removed by whom it belongs to"
