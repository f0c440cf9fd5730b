# SPDX-License-Identifier: MIT
"""sse-subscribe: what it shows of a bus and of a URL, and its exit codes."""

import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import threading

import pytest

from harness import free_port, program, wait_until

zmq = pytest.importorskip("zmq")

OK, USAGE, BAD_DATA, NO_HUB, LATER, DENIED = 0, 64, 65, 69, 75, 77


@pytest.fixture
def run(box, bus):
    """run(ARGUMENTS...): sse-subscribe to its end."""
    return lambda *args: box.run(program("sse-subscribe"), "--timeout", "30s", *args,
                                 env={"SSE_BUS": bus, "no_proxy": "*"})


@pytest.fixture
def follow(box, bus):
    """follow(ARGUMENTS...): sse-subscribe with a pipe for its output."""
    def start(*args, stdout=subprocess.PIPE, **options):
        return box.start(program("sse-subscribe"), *args, stdout=stdout,
                         env={"SSE_BUS": bus, "no_proxy": "*"}, **options)
    return start


def line(process):
    return process.popen.stdout.readline().decode()


def beat(publish, process, topic="beat"):
    """Publishes until the subscriber shows it: it follows the bus then."""
    done = threading.Event()

    def publish_again():
        while not done.wait(0.05):
            publish(topic, "")
    thread = threading.Thread(target=publish_again)
    thread.start()
    assert line(process).startswith(topic)
    done.set()
    thread.join()
    publish(topic, "last")
    while line(process) != f"{topic}\tlast\n":
        pass


# ---- the bus ----


@pytest.mark.smoke
def test_live_text(follow, publish, hub):
    hub()
    process = follow()
    beat(publish, process)
    publish("news/a", "one\ntwo\r\nthree\rfour")
    assert [line(process) for _ in range(4)] == ["news/a\tone\n", "\ttwo\n", "\tthree\n", "\tfour\n"]
    publish("news", "")
    publish("news", "\n", "-e", "named")
    assert [line(process) for _ in range(3)] == ["news\t\n", "news\t\n", "\t\n"]


def test_history_as_json(run, publish, hub):
    hub()
    first = publish("a", 'x"\\\n\t\x01\x7fä\u2028')
    publish("b", "2", "-e", "tick", "--private")
    publish("c", "3", "-i", "own")
    done = run("--earliest", "--json", "-n", "3")
    assert done.returncode == OK, done.stderr
    a, b, c = (json.loads(text) for text in done.stdout.rstrip("\n").split("\n"))
    assert list(a) == ["topic", "event", "id", "time", "data"]
    assert (a["topic"], a["event"], a["id"], a["data"]) \
        == ("a", None, first, 'x"\\\n\t\x01\x7fä\u2028')
    assert a["time"] > 1.6e12
    assert (b["event"], b["data"], c["id"]) == ("tick", "2", "own")
    done = run("--after", first, "-n", "2")
    assert done.stdout == "b\t2\nc\t3\n"
    done = run("--after", "own", "-n", "1", "--timeout", "100ms")
    assert (done.returncode, done.stdout) != (OK, "")


@pytest.mark.parametrize("selectors, want", [
    ([], "news news/a news/a/b user/1/mail"),
    (["*"], "news news/a news/a/b user/1/mail"),
    (["news"], "news"),
    (["news/*"], "news/a news/a/b"),
    (["news/{x}", "news"], "news news/a"),
    (["user/{id}/mail"], "user/1/mail"),
    (["news{/x,y}{?q}", "{/y*}"], "news news/a news/a/b"),
    (["private/*"], "private/x"),
    (["news/a", "private/x"], "news/a private/x"),
])
def test_selectors(run, publish, hub, selectors, want):
    hub()
    for topic in "news news/a news/a/b user/1/mail private/x end".split():
        publish(topic, "x")
    done = run("--earliest", "--json", "-n", str(len(want.split())), *selectors)
    assert done.returncode == OK, done.stderr
    assert [json.loads(text)["topic"] for text in done.stdout.rstrip("\n").split("\n")] == want.split()


def test_across_a_restart_of_the_hub(follow, publish, hub):
    process = hub()
    reader = follow()
    beat(publish, reader)
    process.kill()
    wait_until("silence is told", lambda: "is silent" in reader.stderr())
    hub()
    publish("t", "again")
    assert line(reader) == "t\tagain\n"
    wait_until("its return is told", lambda: "is there" in reader.stderr())


def test_gone_events_are_told(run, publish, hub):
    hub("--history", "2events")
    first = publish("t", "1")
    for text in "2345":
        publish("t", text)
    done = run("--after", first, "-n", "2")
    assert done.stdout == "t\t4\nt\t5\n"
    assert "events are gone (trimmed)" in done.stderr and first in done.stderr


def test_plain_sockets(follow):
    port = free_port()
    context = zmq.Context()
    process = follow("--connect", f"tcp://127.0.0.1:{port}", "--json", "-n", "1", "a/{x}")
    with contextlib.closing(context.socket(zmq.XPUB)) as pub:
        pub.linger = 0
        pub.bind(f"tcp://127.0.0.1:{port}")
        assert pub.recv() == b"\1a/"  # it asks for no more than it needs
        pub.send_multipart([b"a/b/c", b"no"])
        pub.send_multipart([b"a/b", b"bad \xff"])
        assert json.loads(line(process)) == {"topic": "a/b", "event": None, "id": None,
                                             "time": None, "data": "bad \ufffd"}
        assert process.wait() == OK
    context.term()


def test_times_and_missing_hubs(run, hub):
    assert run("--timeout", "100ms").returncode == NO_HUB
    done = run("--timeout", "1500ms", "t")
    assert done.returncode == NO_HUB and "no hub" in done.stderr
    hub()
    done = run("--timeout", "3s", "-n", "1", "t")
    assert done.returncode == LATER and "the time is over" in done.stderr


@pytest.mark.parametrize("args, code, words", [
    (["a/{x"], BAD_DATA, "a/{x"),
    ([""], BAD_DATA, "selector"),
    (["-n", "0", "t"], USAGE, "--count 0"),
    (["-n", "x", "t"], USAGE, "--count x"),
    (["--timeout", "soon", "t"], USAGE, "--timeout soon"),
    (["--after", "nonsense\n", "t"], USAGE, "byte 8"),
    (["--after", "", "t"], USAGE, "empty"),
    (["--connect", "nowhere", "t"], USAGE, "nowhere"),
    (["--connect", "tcp://127.0.0.1:1", "-b", "/x", "t"], USAGE, "exclude"),
    (["--connect", "tcp://127.0.0.1:1", "--earliest", "t"], USAGE, "keeps nothing"),
    (["-b", "/x", "http://127.0.0.1/"], USAGE, "--bus"),
    (["http://127.0.0.1/", "t"], USAGE, "stands alone"),
    (["-b", "ipc:///x", "t"], USAGE, "ipc:///x"),
    (["--what"], USAGE, "--what is not an option"),
    (["-x"], USAGE, "-x is not an option"),
    (["-n"], USAGE, "-n needs a value"),
])
def test_refusals(box, args, code, words):
    done = box.run(program("sse-subscribe"), *args)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("sse-subscribe: ") and words in done.stderr


def test_a_terminal_is_not_steered(box, follow, publish, hub):
    hub()
    publish("t", "\x1b[2Jx\x9b31my\u009bz\tä")
    ours, theirs = os.openpty()
    process = follow("--earliest", "-n", "1", "t", stdout=theirs)
    os.close(theirs)
    assert process.wait() == OK
    shown = os.read(ours, 1000).decode()
    os.close(ours)
    assert "\x1b" not in shown and "\u009b" not in shown
    assert "?[2Jx" in shown and "z" in shown and "ä" in shown


def test_the_reader_of_the_output_goes(follow, publish, hub):
    hub()
    process = follow("--earliest", "t")
    process.popen.stdout.close()
    publish("t", "x")
    assert process.wait() == OK
    assert process.stderr() == ""


def test_help_and_version(run):
    assert "--earliest" in run("--help").stdout
    assert re.fullmatch(r"sse-subscribe \(sse-fcgi\) [0-9.]+\n", run("--version").stdout)


# ---- a URL ----


class Server:
    """An HTTP server whose answers the test gives, one for each request."""

    def __init__(self, *answers):
        server = self
        self.requests = []
        answers = list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append(self.headers)
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                status, kind, body = answer if isinstance(answer, tuple) \
                    else (200, "text/event-stream; charset=utf-8", answer)
                self.send_response(status)
                for name, value in kind.items() if isinstance(kind, dict) \
                        else {"Content-Type": kind}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/events/a"
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


def served(*answers):
    return contextlib.closing(Server(*answers))


def test_a_url_is_read_again_from_where_it_ended(run):
    with served("retry: 1\nid: 1\ndata: a\n\nid: 2\n\ndata: half",
                ": nothing\n\n",
                "event: e\ndata: b\ndata: c\n\n") as server:
        done = run("--json", "-n", "2", server.url)
        asked = [r.get("Last-Event-ID") for r in server.requests]
    assert done.returncode == OK, done.stderr
    assert [json.loads(text) for text in done.stdout.rstrip("\n").split("\n")] == [
        {"topic": None, "event": "message", "id": "1", "time": None, "data": "a"},
        {"topic": None, "event": "e", "id": "2", "time": None, "data": "b\nc"},
    ]
    assert asked == [None, "2", "2"]
    assert server.requests[0]["Accept"] == "text/event-stream"


@pytest.mark.parametrize("args, want", [
    (["--after", "here"], "here"), (["--earliest"], "earliest")])
def test_where_a_url_begins(run, args, want):
    with served("data: x\n\n") as server:
        done = run("-n", "1", *args, server.url)
        assert server.requests[0]["Last-Event-ID"] == want
    assert (done.returncode, done.stdout) == (OK, "message\tx\n")


@pytest.mark.parametrize("answer, words", [
    ((404, "text/plain", "No topic\nwas named.\n"), "answers 404: No topic"),
    ((204, "text/plain", ""), "answers 204"),
    ((500, "text/event-stream", "data: x\n\n"), "answers 500"),
    ((200, "text/html", "<p>"), "is no event stream, but text/html"),
    ((200, {}, ""), "no Content-Type"),
    ((200, "text/event-streams", "data: x\n\n"), "is no event stream"),
    ((302, {"Location": "file:///etc/passwd"}, ""), "file"),
])
def test_what_is_no_stream(run, answer, words):
    with served(answer) as server:
        done = run("-n", "1", server.url)
        assert len(server.requests) == 1
    assert done.returncode == NO_HUB
    assert done.stdout == "" and words in done.stderr


def test_a_redirection_is_followed(run):
    with served("data: there\n\n") as there, \
            served((302, {"Location": there.url}, "")) as server:
        assert run("-n", "1", server.url).stdout == "message\tthere\n"


def test_a_server_that_comes_later(follow):
    port = free_port()
    process = follow("-n", "1", f"http://127.0.0.1:{port}/x")
    wait_until("it is told", lambda: f"127.0.0.1:{port}" in process.stderr())
    process.send(signal.SIGTERM)
    assert process.wait() == -signal.SIGTERM


def test_a_url_and_time(run):
    with served("retry: 100000\ndata: x\n\n") as server:
        done = run("--timeout", "300ms", server.url)
        assert (done.returncode, done.stdout) == (OK, "message\tx\n")
        done = run("--timeout", "300ms", "-n", "2", server.url)
        assert done.returncode == LATER
    done = run("--timeout", "300ms", server.url)
    assert done.returncode == NO_HUB


def test_a_url_of_a_worker(box, worker, publish, lighttpd, follow):
    w = worker("--mount", "/sse")
    server = lighttpd(f"""
        server.modules += ( "mod_fastcgi" )
        server.stream-response-body = 2
        fastcgi.server = ( "/sse" => (( "socket" => "{w.socket}", "check-local" => "disable" )) )
    """)
    process = follow("--json", f"{server.url}/sse?topic=*&lastEventID=earliest")
    wanted = publish("t", "through lighttpd")
    shown = json.loads(line(process))
    assert (shown["data"], shown["id"]) == ("through lighttpd", wanted)
