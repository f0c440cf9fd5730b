# SPDX-License-Identifier: MIT
"""Events of several topics: once to whoever follows any of them, live, out of
the window, out of the hub's pages and from a store."""

import http.client
import json
import socket

import pytest

from harness import accepts, program, wait_until
from streams import cgi_params, request

# What is published, in this order: a topic, others, the data.
EVENTS = [
    ("news", ["sport", "city/1"], "all"),
    ("sport", [], "plain"),
    ("private/me", ["open"], "guarded first"),
    ("open", ["private/me"], "guarded second"),
    ("other", ["city/1", "city/2"], "cities"),
    ("end", [], "end"),
]

# What each stream gets of it.
TARGETS = {
    "/sse/news": ["all"],
    "/sse/sport": ["all", "plain"],
    "/sse/city/*": ["all", "cities"],
    "/sse?topic=city/{n}": ["all", "cities"],
    "/sse?topic=news&topic=sport&topic=city/1": ["all", "plain", "cities"],
    "/sse/*": ["all", "plain", "guarded first", "guarded second", "cities", "end"],
    "/sse/open": ["guarded first", "guarded second"],
    "/sse/nothing/*": [],
}


def with_end(target):
    return target + ("&" if "?" in target else "?") + "topic=end"


def also(others):
    return [word for topic in others for word in ("--also", topic)]


def publish_all(publish):
    return [publish(topic, data, *also(others)) for topic, others, data in EVENTS]


def until_end(stream):
    got = []
    while "end" not in got:
        got.append(stream.next().data)
    return got


def expected(target):
    want = TARGETS[target]
    return want if want[-1:] == ["end"] else want + ["end"]


def test_once_to_each(hub, worker, publish, connect):
    hub()
    w = worker("--hub", "off")
    small = worker("--hub", "off", "--window", "1events", name="small.sock")
    before = publish("private/before", "nobody gets it")
    live = {t: connect(w.socket, with_end(t)).wait_placed() for t in TARGETS}
    publish_all(publish)
    for target, stream in live.items():
        assert until_end(stream) == expected(target), target
    # Those that come back: out of the window, and out of the hub's pages.
    for socket in (w.socket, small.socket):
        for target in TARGETS:
            stream = connect(socket, with_end(target), headers={"Last-Event-ID": before})
            assert until_end(stream) == expected(target), (socket, target)


def test_private_ones_reach_nobody_without_rights(hub, worker, publish, connect):
    hub()
    w = worker("--hub", "off")
    stream = connect(w.socket, "/sse?topic=a&topic=b").wait_placed()
    publish("a", "secret", "--also", "b", "--private")
    publish("c", "open", "--also", "b")
    assert stream.next().data == "open"


def test_the_newest_of_each_topic(hub, worker, publish, connect):
    hub()
    w = worker("--hub", "off")
    small = worker("--hub", "off", "--window", "1events", name="small.sock")
    for n, (topic, others) in enumerate([
            ("a", ["b"]), ("b", ["a"]), ("c", ["b"]), ("a", []), ("d", ["a"]), ("z", [])]):
        publish(topic, str(n), *also(others))
    for socket in (w.socket, small.socket):
        assert connect(socket, "/sse/b?last=1").data(1) == ["2"]
        assert connect(socket, "/sse?topic=a&topic=b&last=1&topic=z").data(3) == ["2", "4", "5"]
        assert connect(socket, "/sse?topic=a&topic=b&last=2&topic=z").data(5) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("store", [False, True])
def test_gone_for_each_topic(hub, worker, publish, connect, box, store):
    options = ("--store", box.path("store")) if store else ()
    process = hub("--history", "2events", *options)
    first = publish("x", "0")
    publish("a", "1", "--also", "b")
    for n in "234":
        publish("x", n)
    if store:       # the new hub has it from the file
        process.kill()
        hub("--history", "2events", *options)
    w = worker("--hub", "off", "--window", "1events")
    for target, is_told in (("/sse/a", True), ("/sse/b", True), ("/sse/c", False)):
        stream = connect(w.socket, target, headers={"Last-Event-ID": first})
        if not is_told:
            stream.wait_placed()
            publish("c", "c")
        assert (stream.next().event == "sse-gap") == is_told, target


def test_what_subscribers_print(hub, bus, publish, box):
    hub()
    publish("a", "1", "--also", "b", "--also", "c/d")
    publish("x", "2")
    line = json.dumps({"topic": "y", "also": ["b", "ü"], "data": "3"})
    done = box.run(program("sse-publish"), "--bus", bus, "--json", input=line + "\n")
    assert done.returncode == 0, done.stderr
    done = box.run(program("sse-subscribe"), "--bus", bus, "--earliest", "--json", "-n", "2", "b")
    assert [(e["topic"], e["also"], e["data"]) for e in map(json.loads, done.stdout.splitlines())] == [
        ("a", ["b", "c/d"], "1"), ("y", ["b", "ü"], "3")]
    done = box.run(program("sse-subscribe"), "--bus", bus, "--earliest", "-n", "3")
    assert done.stdout == "a\t1\nx\t2\ny\t3\n"
    assert '"also"' not in box.run(program("sse-subscribe"), "--bus", bus, "--earliest", "--json",
                                   "-n", "1", "x").stdout


@pytest.mark.parametrize("words, why", [
    (["--also", "a"], "twice"),
    (["--also", "b/*"], "last segment"),
    (["--also", "$SYS/x"], "$SYS/"),
    (["--also", ""], "topic"),
    (also(str(n) for n in range(10)), "at most 9"),
])
def test_refused(bus, box, words, why):
    done = box.run(program("sse-publish"), "--bus", bus, "--timeout", "0", *words, "a", "x")
    assert done.returncode in (64, 65) and why in done.stderr, done.stderr


class Local(http.client.HTTPConnection):
    """HTTP over the unix socket that takes what is published on this machine."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


@pytest.mark.parametrize("target, kind, body", [
    ("/a?also=b&also=c/d", "text/plain", "x"),
    ("/.well-known/mercure", "application/x-www-form-urlencoded", "topic=a&data=x&topic=b&topic=c%2Fd"),
    ("/a", "application/x-ndjson", '{"data":"x","also":["b","c/d"]}'),
])
def test_posted(hub, worker, connect, box, target, kind, body):
    hub()
    path = box.path("http")
    w = worker("--hub", "off", "--publish-listen", f"unix:{path}")
    streams = [connect(w.socket, f"/sse/{topic}").wait_placed() for topic in ("a", "b", "c/*")]
    wait_until("the socket accepts", lambda: accepts(path))
    local = Local(path)
    try:
        local.request("POST", target, body, {"Content-Type": kind})
        answer = local.getresponse()
        assert answer.status == 200, answer.read()
    finally:
        local.close()
    for stream in streams:
        assert stream.next().data == "x"


def test_rights_to_each_of_them(hub, worker, publish, connect, box):
    """To publish, all are needed; to read, one of them, and one that was asked for."""
    with open(box.path("access"), "w", encoding="utf-8") as f:
        f.write("allow alice publish,subscribe a b end\nallow bob subscribe b end\n")
    hub()
    w = worker("--hub", "off", "--access", box.path("access"), "--http-publish")

    def post(user, target, form):
        pairs = cgi_params(target, method="POST", REMOTE_USER=user, CONTENT_LENGTH=str(len(form)),
                           CONTENT_TYPE="application/x-www-form-urlencoded",
                           headers={"Origin": "http://localhost", "Host": "localhost"})
        stream = connect(w.socket, raw=request(pairs, form))
        stream.wait_end()
        return stream.status

    streams = {user: connect(w.socket, "/sse/*", REMOTE_USER=user).wait_placed() for user in ("alice", "bob")}
    assert post("alice", "/sse", b"topic=a&topic=c&data=no") == 403
    assert post("bob", "/sse", b"topic=b&data=no") == 403
    assert post("alice", "/sse", b"topic=a&topic=b&data=both") == 200
    publish("c", "secret", "--also", "b", "--private")
    publish("a", "for alice", "--also", "c")
    publish("end", "end")
    assert until_end(streams["alice"]) == ["both", "secret", "for alice", "end"]
    assert until_end(streams["bob"]) == ["both", "secret", "end"]
