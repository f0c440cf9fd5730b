# SPDX-License-Identifier: MIT
"""Behind real web servers, with the configuration files of examples/: only
paths are put in. Each test runs with each way to connect them."""

import os
import signal

import pytest

from harness import (PATIENCE, accepts, alive, children, descendants, descriptors, program,
                     wait_until)
from servers import CONFIGS, MODULES, example

OPTIONS = ("--heartbeat", "300ms", "--retry", "100ms", "--drain", "300ms",
           "--cors-origin", "https://friend.example")
# How a virtual host gives its topics a prefix.
PREFIX = {
    "lighttpd": 'server.modules += ( "mod_setenv" )\n'
                'setenv.set-environment = ( "SSE_TOPIC_PREFIX" => "site-a/" )\n',
    "apache": f"LoadModule env_module {MODULES}/mod_env.so\n"
              'SetEnv SSE_TOPIC_PREFIX "site-a/"\n',
}


class Site:
    """A web server with a worker behind it; a hub of its own stands apart."""

    def __init__(self, box, bus, way, start_server, start_worker):
        self.box, self.bus, self.way = box, bus, way
        self.start_server, self.start_worker = start_server, start_worker
        self.socket = box.path("w.sock")
        self.server = self.worker = None

    def up(self, prefix=False):
        config = example(self.way, self.socket, ("--bus", self.bus, *OPTIONS))
        if prefix:
            config += PREFIX[self.way.split("-")[0]]
        if self.way != "lighttpd-bin-path":
            self.run_worker()
        self.server = self.start_server(config)
        return self

    def run_worker(self):
        options = ("--mount", "/events") if self.way == "apache-proxypass" else ()
        self.worker = self.start_worker(*OPTIONS, *options)

    def pid(self):
        """The worker's supervisor."""
        if self.worker:
            return self.worker.pid
        return next((c for c in children(self.server.process.pid)), None)

    def restart_worker(self):
        """Ends it and has it again."""
        pid = self.pid()
        if self.worker:
            self.worker.stop()
            self.run_worker()
            return
        os.kill(pid, signal.SIGTERM)
        wait_until("the worker ends", lambda: not alive(pid))


@pytest.fixture(params=CONFIGS)
def site(request, box, bus, hub, worker):
    import servers
    if request.param.startswith("lighttpd"):
        def start(config):
            return servers.lighttpd(box, config)
    else:
        def start(config):
            return servers.apache(box, config)
    if not (servers.LIGHTTPD if "lighttpd" in request.param else servers.APACHE):
        pytest.skip("the web server is not installed")
    hub()
    return Site(box, bus, request.param, start, worker)


@pytest.fixture
def get(site, connect):
    """get(TARGET, ...): a request to the site below /events."""
    def request(target, **options):
        return connect(site.server.url + "/events" + target, **options)
    return request


@pytest.mark.smoke
def test_head_and_live_event(site, get, publish):
    site.up()
    stream = get("/news").wait_placed()
    assert stream.headers["content-type"].split(";")[0] == "text/event-stream"
    assert {"no-cache", "no-transform"} <= \
        {w.strip() for w in stream.headers["cache-control"].split(",")}
    assert stream.headers["x-accel-buffering"] == "no"
    assert "content-length" not in stream.headers
    assert stream.decoder.retry == 100
    id_ = publish("news", "first\nsecond", "-e", "headline")
    event = stream.next()
    assert (event.event, event.data) == ("headline", "first\nsecond")
    assert event.id in id_


def test_topics(site, get, publish):
    site.up()
    both = get("?topic=a%2Fone&topic=b").wait_placed()
    below = get("/a/*").wait_placed()
    odd = get("/caf%C3%A9%20%2B%3F").wait_placed()
    for topic in ("x", "b", "a", "a/one", "a/one/more", "café +?"):
        publish(topic, topic)
    assert both.data(2) == ["b", "a/one"]
    assert below.data(2) == ["a/one", "a/one/more"]
    assert odd.data(1) == ["café +?"]


def test_resume(site, get, publish):
    site.up()
    stream = get("/t").wait_placed()
    for i in range(5):
        publish("t", str(i))
    ids = [stream.next().id for _ in range(5)]
    stream.close()
    assert get("/t", headers={"Last-Event-ID": ids[1]}).data(3) == ["2", "3", "4"]
    for name in ("lastEventID", "Last-Event-ID", "last_event_id", "lastEventId"):
        assert get(f"/t?{name}={ids[2]}").data(2) == ["3", "4"]
    # An EventSource's URL never changes, so the header is newer.
    assert get(f"/t?lastEventID={ids[0]}", headers={"Last-Event-ID": ids[3]}).data(1) == ["4"]
    assert get("/t?lastEventID=earliest").data(5) == list("01234")
    assert get("/t?last=2").data(2) == ["3", "4"]
    assert get("/t?last=2", headers={"Last-Event-ID": ids[3]}).data(1) == ["4"]
    gap = get("/t?lastEventID=zzzzzzzz-7").next()
    assert gap.event == "sse-gap"


def test_a_browser_that_left_is_forgotten(site, get):
    site.up()
    keep = get("/t").wait_placed()
    before = wait_until("descriptors of the worker", lambda: descriptors(site.pid()))
    gone = [get("/t").wait_placed() for _ in range(20)]
    assert descriptors(site.pid()) > before + 10
    for i, stream in enumerate(gone):
        if i % 2:
            stream.reset()
        else:
            stream.close()
    wait_until("the worker has forgotten them", lambda: descriptors(site.pid()) <= before)
    keep.wait_body(b":\n\n" if b":\n\n" in keep.body else b":")


def test_a_restart_of_the_worker_loses_nothing(site, get, publish):
    site.up()
    stream = get("/t").wait_placed()
    publish("t", "before")
    event = stream.next()
    site.restart_worker()
    stream.wait_end()
    publish("t", "meanwhile")

    def come_back():
        again = get("/t", headers={"Last-Event-ID": event.id}).wait_head()
        return again if again.status == 200 else None

    again = wait_until("the worker is back", come_back)
    publish("t", "after")
    assert again.data(2) == ["meanwhile", "after"]


def test_a_killed_worker(site, get, publish):
    site.up()
    stream = get("/t").wait_placed()
    publish("t", "before")
    event = stream.next()
    supervisor = site.pid()
    workers = [p for p in descendants(supervisor) if p != supervisor]
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    stream.wait_end()
    publish("t", "meanwhile")
    # The supervisor holds the socket: no connection is refused meanwhile.
    again = get("/t", headers={"Last-Event-ID": event.id}).wait_head()
    while again.wait_head().status == 200 and not again.queue:
        try:
            again.wait("an event", lambda: again.queue)  # pylint: disable=cell-var-from-loop
        except Exception:  # "come later": it ended with a retry
            again = get("/t", headers={"Last-Event-ID": event.id})
    assert again.data(1) == ["meanwhile"]


def test_a_post_is_refused_properly(site, get, publish):
    site.up()
    for body in (b"", b"x" * 10, b"x" * 60000):
        answer = get("/t", method="POST", body=body)
        text = answer.read_all()
        assert answer.status == 405, (answer.head, text)
        assert "GET" in answer.headers["allow"]
        assert answer.headers["content-type"].startswith("text/plain")
        assert text.strip()
    stream = get("/t").wait_placed()
    publish("t", "still well")
    assert stream.data(1) == ["still well"]


def test_head_options_and_cors(site, get):
    site.up()
    answer = get("/t", method="HEAD")
    assert answer.read_all() == b""
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")

    origin = {"Origin": "https://friend.example"}
    answer = get("/t", method="OPTIONS",
                 headers={**origin, "Access-Control-Request-Method": "GET"}).wait_head()
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "https://friend.example"

    stream = get("/t", headers=origin).wait_placed()
    assert stream.headers["access-control-allow-origin"] == "https://friend.example"
    stream = get("/t", headers={"Origin": "https://stranger.example"}).wait_placed()
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
    site.up()
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


def test_a_large_event(site, get, publish, box, bus):
    site.up()
    stream = get("/big").wait_placed()
    lines = "".join(f"line {i:06d}\n" for i in range(87000))[:1024 * 1024 - 1]
    done = box.run(program("sse-publish"), "--bus", bus, "--raw", "big", input=lines)
    assert done.returncode == 0, done.stderr
    assert stream.next(2 * PATIENCE).data == lines
    publish("big", "small again")
    assert stream.data(1) == ["small again"]


def test_two_hundred_streams(site, get, publish, crowd):
    site.up()
    streams = crowd([get(f"/t?topic=own/{i}") for i in range(200)]).wait_placed()
    publish("t", "to all")
    for i in (0, 99, 199):
        publish(f"own/{i}", f"to {i}")
    publish("t", "the end")
    streams.wait("the end", lambda s: b"the end" in s.body)
    for i, stream in enumerate(streams.streams):
        own = [f"to {i}"] if i in (0, 99, 199) else []
        assert [e.data for e in stream.queue] == ["to all", *own, "the end"]


def test_a_prefix_for_each_site(site, get, publish):
    site.up(prefix=True)
    stream = get("/t", headers={"SSE-TOPIC-PREFIX": "site-b/", "SSE_TOPIC_PREFIX": "site-b/"})
    stream.wait_placed()
    publish("t", "everybody's")
    publish("site-b/t", "the neighbour's")
    publish("site-a/t", "ours")
    assert stream.data(1) == ["ours"]


def test_heartbeats_and_their_position(site, get, publish):
    site.up()
    stream = get("/quiet").wait_placed()
    first = stream.last_id
    publish("other", "moves the position")
    stream.wait("a heartbeat with the new position", lambda: stream.last_id != first)
    assert not stream.queue
    stream.wait("a heartbeat", lambda: stream.decoder.comments > 1)


def test_the_web_server_ends_and_nothing_stays(site, get):
    site.up()
    get("/t").wait_placed()
    pid = site.pid()
    site.server.process.stop()
    if site.way == "lighttpd-bin-path":
        wait_until("the worker ends with its lighttpd", lambda: not alive(pid))
    else:
        assert accepts(site.socket)
