# SPDX-License-Identifier: MIT
"""Publishing by HTTP: on the socket of this machine's programs, and through the
web servers. curl is the client wherever a client is meant."""

import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import threading
import time
import uuid

import pytest

from harness import PATIENCE, TOP, accepts, alive, program, wait_until, workers
from servers import example, web_server
from starts import start_worker
from streams import cgi_params, request

ID = re.compile(r"[0-9a-z]{8}-[0-9]+")
FORM = "application/x-www-form-urlencoded"
LINES = "application/x-ndjson"
MAX = 2000  # --max-event


class Answer:
    def __init__(self, text):
        # Answers of 100 Continue come before the one that counts.
        while text.startswith("HTTP/1.1 100"):
            text = text.partition("\r\n\r\n")[2]
        head, _, self.body = text.partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        self.status = int(first.split()[1]) if first else None
        self.headers = {name.lower(): value for name, _, value in
                        (line.partition(": ") for line in lines)}

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body!r}"


def curl(box, url, *args, at=None, data=None, content_type=None, **options):
    """What curl is told; `data` is what it sends."""
    command = ["curl", "-sS", "-i", "--max-time", str(PATIENCE)]
    if at:
        command += ["--unix-socket", at]
    if content_type:
        command += ["-H", f"Content-Type: {content_type}"]
    if data is not None:
        command += ["--data-binary", "@-"]
        options["input"] = data
    done = box.run(*command, *args, url, **options)
    assert done.returncode == 0, done.stderr
    return Answer(done.stdout)


@pytest.fixture
def local(box, worker):
    """local(OPTIONS...): sse-fcgi with a socket for publishers."""
    def start(*options, name="http", **more):
        path = box.path(name)
        w = worker("--publish-listen", f"unix:{path}", "--retry", "50ms",
                   "--drain", "300ms", *options, **more)
        w.http = path
        return w
    return start


# What is sent to the socket, and what comes back: a status, a part of the body,
# and what is published then.
CASES = [
    # curl -d as in the manual
    ("/a", {"data": "hello"}, 200, ID, ("a", "message", "hello")),
    ("/a", {"data": "x=1&y=2"}, 200, ID, ("a", "message", "x=1&y=2")),
    ("/%C3%A4/b%20c?event=tick&retry=7&private", {"data": "{}", "content_type": "text/plain"},
     200, ID, None),
    ("/a?id=mine&event=tick", {"data": "y", "content_type": "text/plain"}, 200, ID,
     ("a", "tick", "y")),
    ("/?topic=a", {"data": "z", "content_type": "application/json"}, 200, ID,
     ("a", "message", "z")),
    # forms
    ("/.well-known/mercure", {"data": "topic=a&data=x+y%0Az&id=urn%3Auuid%3A1&type=t"}, 200,
     "^urn:uuid:1$", ("a", "t", "x y\nz")),
    ("/", {"data": "topic=a&data=1"}, 200, ID, ("a", "message", "1")),
    ("/a", {"data": "data=2"}, 200, ID, ("a", "message", "2")),
    ("/", {"data": "data=1"}, 400, "No topic", None),
    ("/", {"data": "topic=b&topic=a&data=also"}, 200, ID, ("a", "message", "also")),
    ("/", {"data": "topic=a&data=%GG"}, 400, "`data`", None),
    ("/", {"data": "topic=a&retry=soon"}, 400, "`retry`", None),
    ("/", {"data": "topic=a&id=%23x"}, 400, "`id`", None),
    # lines
    ("/", {"data": '{"topic":"a","data":{"n":1}}\n{"topic":"a","data":"l","key":"k"}\n',
           "content_type": LINES}, 200, '^{"accepted":2,"last_id":"[^"]+"}$',
     ("a", "message", '{"n":1}')),
    ("/", {"data": '{"topic":"a","data":1}\n{"topic":"a"}\n', "content_type": LINES}, 400,
     "Line 2: `data`", None),
    # what is none
    ("/", {"data": "x", "content_type": "text/plain"}, 400, "No topic", None),
    ("/$SYS/x", {"data": "x", "content_type": "text/plain"}, 400, "SYS", None),
    ("/a/*", {"data": "x", "content_type": "text/plain"}, 400, "last segment", None),
    ("/a%zz", {"data": "x", "content_type": "text/plain"}, 400, "hexadecimal", None),
    ("/a", {"data": b"\xff\xfe", "content_type": "text/plain"}, 400, "UTF-8", None),
    ("/a", {"data": "x", "content_type": "multipart/form-data; boundary=x"}, 415, "form", None),
    ("/a", {"data": "x" * (MAX + 1), "content_type": "text/plain"}, 413, "--max-event", None),
    ("/a", {"data": "x" * 100000, "content_type": "text/plain"}, 413, "--max-event", None),
    ("/", {"data": "topic=a&data=" + "x" * (MAX + 1)}, 413, "--max-event", None),
]
WRONG = [
    (("-X", "GET"), 405, "POST"),
    (("-X", "OPTIONS"), 405, "POST"),
    (("-X", "DELETE"), 405, "POST"),
    (("-d", "x", "-H", "Host:"), 400, "Host"),
    (("-d", "x", "-H", "Content-Length: 1", "-H", "Transfer-Encoding: chunked"), 400, "both"),
    (("-d", "x", "-H", "Expect: everything"), 417, "100-continue"),
]


def test_the_socket(box, local, connect):
    w = local("--max-event", f"{MAX}", "--workers", "2")
    page = connect(w.socket, "/sse/a")
    page.wait_placed()
    for path, how, status, body, event in CASES:
        answer = curl(box, f"http://localhost{path}", at=w.http, **how)
        assert answer.status == status, (path, how, answer)
        assert re.search(body, answer.body), (path, how, answer)
        if status == 200 and how.get("content_type") != LINES:
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert "\n" not in answer.body
        if event:
            got = page.next()
            assert (event[0], got.event, got.data) == ("a", event[1], event[2])
        if how.get("content_type") == LINES and status == 200:
            assert page.next().data == "l"
    for args, status, body in WRONG:
        answer = curl(box, "http://localhost/a", *args, at=w.http)
        assert answer.status == status and body in answer.body, (args, answer)
    # Chunks, and one that waits for the word before it sends its body.
    for header in ("Transfer-Encoding: chunked", "Expect: 100-continue"):
        answer = curl(box, "http://localhost/a", "-H", header, at=w.http, data=header,
                      content_type="text/plain")
        assert answer.status == 200 and page.next().data == header, answer
    # A connection that is kept.
    done = box.run("curl", "-sSv", "--unix-socket", w.http, "-d", "1", "http://localhost/a",
                   "-d", "2", "http://localhost/a")
    assert done.stderr.count("< HTTP/1.1 200") == 2 and "Re-using" in done.stderr, done.stderr
    assert page.data(2) == ["1&2", "1&2"]


def test_who_may(box, local):
    """The kernel says who it is; the socket is open to all, for that answer."""
    w = local("--publish-user", "www-data", "--publish-user", str(os.geteuid()))
    assert curl(box, "http://localhost/a", "-d", "x", at=w.http).status == 200
    assert os.stat(w.http).st_mode & 0o777 == 0o666
    if os.geteuid() != 0:
        return
    answer = curl(box, "http://localhost/a", "-d", "x", at=w.http, user="nobody")
    assert answer.status == 403 and "--publish-user nobody" in answer.body, answer
    assert curl(box, "http://localhost/a", "-d", "x", at=w.http, user="www-data").status == 200


class Raw:
    """A connection to the socket by hand."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)

    def send(self, text):
        self.sock.sendall(text.encode())

    def read(self):
        """Until it is closed."""
        got = b""
        while True:
            more = self.sock.recv(65536)
            if not more:
                return got.decode()
            got += more


def test_bad_manners(box, local, publish, connect):
    w = local("--request-timeout", "400ms")
    page = connect(w.socket, "/sse/a")
    page.wait_placed()
    head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
    # Slow, and never whole.
    for text in ("POST", head, head + "Content-Length: 3\r\n\r\nab"):
        raw = Raw(w.http)
        raw.send(text)
        assert raw.read().startswith("HTTP/1.1 408")
    # Silent.
    assert Raw(w.http).read() == ""
    # Gone in the middle of the body, and before the answer.
    raw = Raw(w.http)
    raw.send(head + "Content-Length: 3\r\n\r\nab")
    raw.sock.close()
    raw = Raw(w.http)
    raw.send(head + "Content-Length: 3\r\n\r\nabc")
    raw.sock.close()
    assert page.next().data == "abc"
    # Two at once: the first has its answer, and the connection ends.
    one = head + "Content-Length: 1\r\n\r\n%s"
    raw = Raw(w.http)
    raw.send(one % "1" + one % "2")
    answer = raw.read()
    assert answer.count("HTTP/1.1 200") == 1 and "Connection: close" in answer
    assert page.next().data == "1"
    # Not even HTTP.
    raw = Raw(w.http)
    raw.send("\x16\x03\x01\n" * 10)
    assert raw.read().startswith("HTTP/1.1 400")
    publish("a", "end")
    assert page.next().data == "end"


def post(path, topic, data, key=None, timeout=PATIENCE):
    """One POST; its status and body. OSError: there was no answer."""
    class Connection(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(path)
    connection = Connection("localhost")
    try:
        connection.request("POST", f"/{topic}", data, {
            "Content-Type": "text/plain", **({"Idempotency-Key": key} if key else {})})
        response = connection.getresponse()
        return response.status, response.read().decode(), dict(response.headers)
    except http.client.HTTPException as e:
        raise OSError("no answer") from e
    finally:
        connection.close()


def test_the_hub_is_away(box, bus, hub, worker, local, connect):
    """What was not sent is not published later; what was is taken once."""
    stopped = hub()
    gone_bus = box.path("gone")
    os.mkdir(gone_bus)
    gone = hub(at=gone_bus)
    w = local("--hub", "off")
    second = box.start(program("sse-fcgi"), "--listen", f"unix:{box.path('w2.sock')}", "--bus",
                       gone_bus, "--hub", "off", "--publish-listen", f"unix:{box.path('http2')}")
    wait_until("the second accepts", lambda: accepts(box.path("http2")))
    assert post(w.http, "a", "0")[0] == 200 and post(box.path("http2"), "a", "0")[0] == 200
    stopped.send(signal.SIGSTOP)
    gone.kill()
    answers = {}

    def ask(name, path):
        answers[name] = post(path, "a", "1", key=f"key-{name}")
    askers = [threading.Thread(target=ask, args=each)
              for each in (("stopped", w.http), ("gone", box.path("http2")))]
    for each in askers:
        each.start()
    for each in askers:
        each.join()
    status, body, headers = answers["stopped"]
    assert status == 503 and headers["Retry-After"] == "2" and "may have taken it" in body
    status, body, headers = answers["gone"]
    assert status == 503 and headers["Retry-After"] == "2" and "was not published" in body
    stopped.send(signal.SIGCONT)
    hub(at=gone_bus)
    for path, sock in ((w.http, w.socket), (box.path("http2"), box.path("w2.sock"))):
        name = "stopped" if path == w.http else "gone"
        again = wait_until("it is taken", lambda: (lambda a: a[0] == 200 and a)(
            post(path, "a", "1", key=f"key-{name}")))  # pylint: disable=cell-var-from-loop
        assert post(path, "a", "1", key=f"key-{name}")[1] == again[1]
        assert post(path, "a", "2")[0] == 200
        page = connect(sock, "/sse/a?lastEventID=earliest")
        data = page.data(3)
        assert data == ["0", "1", "2"]
    assert second.stop() == 0


def test_the_disk_is_full(box, bus, local):
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    full = box.start(program("sse-hub"), "--bus", bus, "--store", box.path("store"), "--history",
                     "10000events,100MiB", preexec_fn=lambda: resource.setrlimit(
                         resource.RLIMIT_FSIZE, (1 << 20, unlimited)))
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
    w = local("--hub", "off")
    lines = "".join(json.dumps({"topic": "a", "data": f"{n} " + "x" * 30000}) + "\n"
                    for n in range(60))
    answer = curl(box, "http://localhost/", at=w.http, data=lines, content_type=LINES)
    told = json.loads(answer.body)
    assert answer.status == 503 and answer.headers["retry-after"] == "2"
    assert 0 < told["accepted"] < 60 and "full" in told["refused"]["why"], told
    assert told["refused"]["line"] == told["accepted"] + 1
    def refused():  # one event alone, as soon as none of its size fits
        status, body, _ = post(w.http, "a", "y" * 30000)
        return status == 503 and body
    assert "full" in wait_until("one event is refused", refused)
    resource.prlimit(full.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    wait_until("there is room", lambda: post(w.http, "a", "z" * 30000)[0] == 200)


def publish_all(path, topic, numbers, threads=32):
    """Each until it is acknowledged, with a key; how often one was asked again."""
    todo = list(numbers)
    lock, again = threading.Lock(), []

    def run():
        while True:
            with lock:
                if not todo:
                    return
                n = todo.pop()
            key = str(uuid.uuid4())
            while True:
                try:
                    status = post(path, topic, str(n), key)[0]
                except OSError:
                    status = None
                if status == 200:
                    break
                assert status in (None, 503)
                again.append(n)
                time.sleep(0.02)  # as a client would; nothing waits for it
    running = [threading.Thread(target=run) for _ in range(threads)]
    for each in running:
        each.start()
    return running, again


def test_none_is_lost_or_doubled(box, local, connect, crowd):
    """Many at once, beside streams; a worker is killed and all are reloaded
    meanwhile."""
    w = local("--workers", "2")
    readers = crowd([connect(w.socket, "/sse/other") for _ in range(20)])
    readers.wait_open()
    count = 1000
    running, again = publish_all(w.http, "a", range(count))
    page = connect(w.socket, "/sse/a?lastEventID=earliest")
    seen = set(page.data(100))
    old = workers(w.pid)
    os.kill(old[0], signal.SIGKILL)
    w.process.send(signal.SIGHUP)
    for each in running:
        each.join()
    wait_until("the old ones have ended", lambda: not any(map(alive, old)))
    last = connect(w.socket, "/sse/a?lastEventID=earliest")
    data = last.data(count)
    assert sorted(map(int, data)) == list(range(count)) and seen <= set(data)
    assert post(w.http, "a", "end")[0] == 200
    assert last.next().data == "end"


def test_a_thousand_connections(box, local, connect):
    w = local("--workers", "2")
    page = connect(w.socket, "/sse/a")
    page.wait_placed()
    all_of_them = [Raw(w.http) for _ in range(1000)]
    for n, raw in enumerate(all_of_them):
        raw.send(f"POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 f"Content-Type: text/plain\r\nContent-Length: {len(str(n))}\r\n\r\n{n}")
    ids = set()
    for raw in all_of_them:
        answer = raw.read()
        assert answer.startswith("HTTP/1.1 200"), answer
        ids.add(answer.rpartition("\r\n")[2])
    assert len(ids) == 1000
    assert sorted(map(int, page.data(1000))) == list(range(1000))


def asked_over_a_reload(process, ask):
    """Reloads while ask() is called again and again; all that it returned."""
    over, got = threading.Event(), set()

    def run():
        while not over.is_set():
            try:
                got.add(ask())
            except OSError as e:
                got.add(repr(e))
    asker = threading.Thread(target=run)
    asker.start()
    wait_until("one is answered", lambda: got)
    old = workers(process.pid)
    process.send(signal.SIGHUP)
    wait_until("another worker", lambda: workers(process.pid) and
               not set(old) & set(workers(process.pid)))
    over.set()
    asker.join()
    return got


def test_a_reload_of_the_socket(box, bus):
    """Nobody is refused over a reload; another path is another socket."""
    conf = box.path("sse-fcgi.conf")

    def configure(name):
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"publish-listen = unix:{box.path(name)}\n" if name else "\n")
    configure("one")
    process = box.start(program("sse-fcgi"), "--config", conf, "--bus", bus,
                        "--listen", f"unix:{box.path('x.sock')}")
    wait_until("it accepts", lambda: accepts(box.path("one")))
    wait_until("it answers", lambda: post(box.path("one"), "a", "x")[0] == 200)
    assert asked_over_a_reload(process, lambda: post(box.path("one"), "a", "x")[0]) == {200}
    configure("two")
    process.send(signal.SIGHUP)
    wait_until("the other accepts", lambda: accepts(box.path("two")))
    wait_until("it answers", lambda: post(box.path("two"), "a", "x")[0] == 200)
    assert not os.path.exists(box.path("one"))
    configure(None)
    process.send(signal.SIGHUP)
    wait_until("no socket", lambda: not os.path.exists(box.path("two")))
    assert process.stop() == 0


# ---- through the web servers ----

ACCESS = """\
allow everybody publish,subscribe news/*
allow everybody publish,subscribe site/news/*
"""
FOREIGN = ("-H", "Origin: https://foreign.example")
FRIEND = ("-H", "Origin: https://friend.example")
WEB = [
    ("/events/news/a", ("-d", "hello"), 200, ID),
    ("/events", ("-d", "topic=news/a&data=form&id=x"), 200, "^x$"),
    ("/events/news/a?event=tick", ("-H", "Content-Type: text/plain", "-d", "q"), 200, ID),
    ("/events/news/a", ("-H", "Content-Type: application/jsonl", "-d", '{"data":[1]}'), 200,
     '"accepted":1'),
    ("/events/other", ("-d", "x"), 401, "login, a token or a ticket"),
    ("/events", ("-d", "topic=other&data=x"), 401, "login, a token or a ticket"),
    ("/events/news/private/x", ("-d", "x"), 401, "login, a token or a ticket"),
    ("/events/%24SYS/x", ("-d", "x"), 401, "login, a token or a ticket"),
    ("/events/other", ("-H", "Content-Type: application/jsonl", "-d",
                       '{"topic":"news/a","data":"l"}'), 200, '"accepted":1'),
    ("/events/other", ("-H", "Content-Type: application/jsonl", "-d", '{"data":"l"}'), 401,
     "login, a token or a ticket"),
    ("/events/news/a", ("-H", "Content-Type: multipart/form-data", "-d", "x"), 415, "form"),
    ("/events", ("-d", "data=x"), 400, "No topic"),
    ("/events/news/a", ("-X", "PUT", "-d", "x"), 405, "GET"),
    ("/events/news/a", (*FOREIGN, "-d", "x"), 403, "another site"),
    ("/events/news/a", ("-H", "Referer: https://foreign.example/a", "-d", "x"), 403, "another"),
    ("/events/news/a", ("-H", "Origin: null", "-d", "x"), 403, "another site"),
    ("/events/news/a", ("-b", "session=1", "-d", "x"), 403, "Origin or Referer"),
    ("/events/news/a", ("-b", "session=1", *FOREIGN, "-d", "x"), 403, "another site"),
    ("/events/news/a", ("-b", "session=1", *FRIEND, "-d", "friend"), 200, ID),
    ("/events/news/a", ("-b", "session=1", "-H", "Referer: {url}/page", "-d", "own"), 200, ID),
]
SEEN = ["hello", "form", "q", "[1]", "l", "friend", "own"]


@pytest.mark.parametrize("way", ["lighttpd-external", "apache-proxypass", "apache-sethandler"])
def test_through_the_web_server(box, bus, connect, way):
    binary, start_server = web_server(way)
    if not binary:
        pytest.skip("the web server is not installed")
    access, sock = box.path("access"), box.path("w.sock")
    with open(access, "w", encoding="ascii") as f:
        f.write(ACCESS)
    os.chmod(access, 0o644)
    process = start_worker(box, "listen", sock, "--bus", bus, "--http-publish", "--access", access,
                           "--cors-origin", "https://friend.example", "--max-event", f"{MAX}",
                           "--request-timeout", "2s")
    server = start_server(box, example(way, sock))
    page = connect(f"{server.url}/events/news/a")
    page.wait_placed()
    for path, args, status, body in WEB:
        answer = curl(box, server.url + path,
                      *(arg.replace("{url}", server.url) for arg in args))
        assert answer.status == status, (path, args, answer)
        assert re.search(body, answer.body), (path, args, answer)
    # Long bodies: the reason gets through.
    for length in (MAX + 1, 100000, 3 << 20):
        answer = curl(box, f"{server.url}/events/news/a", data="x" * length,
                      content_type="text/plain")
        assert answer.status == 413 and "--max-event" in answer.body, (length, answer)
    answer = curl(box, f"{server.url}/events/other", data="x" * (3 << 20),
                  content_type="text/plain")
    assert answer.status == 401, answer
    # A page elsewhere asks first.
    answer = curl(box, f"{server.url}/events/news/a", "-X", "OPTIONS", *FRIEND,
                  "-H", "Access-Control-Request-Method: POST",
                  "-H", "Access-Control-Request-Headers: authorization,content-type")
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://friend.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    answer = curl(box, f"{server.url}/events/news/a", "-d", "cors", *FRIEND)
    assert answer.headers["access-control-allow-origin"] == "https://friend.example"
    # A client that goes away in the middle of its body, and a slow one.
    host, port = server.url[7:].split(":")
    with socket.create_connection((host, int(port))) as s:
        s.sendall(b"POST /events/news/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                  b"Content-Length: 5\r\n\r\nhal")
    with socket.create_connection((host, int(port))) as s:
        s.settimeout(PATIENCE)
        s.sendall(b"POST /events/news/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                  b"Connection: close\r\nContent-Length: 4\r\n\r\n")
        for piece in (b"s", b"l", b"o", b"w"):
            time.sleep(0.05)  # what is tested: a body in pieces
            s.sendall(piece)
        assert b" 200 OK" in s.recv(100)
    assert page.data(len(SEEN) + 2) == [*SEEN, "cors", "slow"]
    # Those on their way when the workers are replaced have their answer.
    assert asked_over_a_reload(process, lambda: curl(
        box, f"{server.url}/events/news/b", "-d", "x").status) == {200}
    # Nobody is there: whatever the web server says, it is no success.
    assert process.stop() == 0
    answer = curl(box, f"{server.url}/events/news/a", "-d", "lost")
    assert answer.status in (500, 502, 503), answer


def test_off_by_default(box, worker, connect):
    w = worker()
    stream = connect(w.socket, "/sse/a", method="POST")
    stream.wait_end()
    assert stream.status == 405 and "POST" not in stream.headers["allow"]


def test_a_body_in_records(box, bus, worker, connect):
    """As a web server may send it: in pieces, kept for more, or taken back."""
    access = box.path("access")
    with open(access, "w", encoding="ascii") as f:
        f.write(ACCESS)
    os.chmod(access, 0o644)
    w = worker("--http-publish", "--access", access)
    page = connect(w.socket, "/sse/news/a")
    page.wait_placed()
    raw = request(cgi_params("/sse/news/a", method="POST", CONTENT_LENGTH="5",
                             CONTENT_TYPE="text/plain"), body=b"hello")
    for cut in range(1, len(raw), 37):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(w.socket)
            s.sendall(raw[:cut])
            s.sendall(raw[cut:])
            assert b"Status: 200 OK" in s.recv(1000)
        assert page.next().data == "hello"
    # Shorter than the web server says: the client has gone.
    short = request(cgi_params("/sse/news/a", method="POST", CONTENT_LENGTH="9",
                               CONTENT_TYPE="text/plain"), body=b"hello")
    stream = connect(w.socket, raw=short)
    stream.wait_end()
    assert stream.status == 400


@pytest.mark.skipif(not shutil.which("php"), reason="php-cli is not installed")
def test_from_php(box, local, connect):
    """The example, with nothing but PHP's standard library."""
    w = local("--max-event", f"{MAX}")
    page = connect(w.socket, "/sse?topic=a/b%20%C3%A4&topic=c")
    page.wait_placed()
    example_of = TOP / "examples/php-publish"
    run = lambda *args: box.run("php", "-n", example_of / "publish.php", *args, w.http)
    done = run("a/b \u00e4", "from PHP\nwith lines")
    assert done.returncode == 0 and ID.fullmatch(done.stdout.strip()), done
    assert page.next().data == "from PHP\nwith lines"
    done = run("c", "x" * (MAX + 1))
    assert done.returncode == 1 and "413" in done.stderr and "--max-event" in done.stderr, done
    done = box.run("php", "-n", "-r", f"require '{example_of}/sse_publish.php';"
                   "foreach ([1, 2] as $n) echo sse_publish('c', 'once', ['event' => 'tick', "
                   f"'key' => 'k', 'retry' => 5, 'id' => 'mine'], '{w.http}'), ' ';")
    first, second = done.stdout.split()
    assert first == second
    event = page.next()
    assert (event.event, event.data, event.id) == ("tick", "once", "mine")
    done = box.run("php", "-n", example_of / "publish.php", "c", "x", box.path("nobody"))
    assert done.returncode == 1 and "No such file" in done.stderr, done
    assert run("c", "end").returncode == 0
    assert page.next().data == "end"
