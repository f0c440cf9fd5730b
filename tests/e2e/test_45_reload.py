# SPDX-License-Identifier: MIT
"""SIGHUP and sudden deaths: new options and new programs without a trace for
those who read."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest

import servers
from frontend import FrontEnd, get
from harness import (PATIENCE, TOP, accepts, alive, children, descendants, free_port, program,
                     wait_until, workers)
from starts import LAUNCH, start_worker
from streams import Ended, FcgiStream, HttpStream

OPTIONS = ("--retry", "50ms", "--drain", "300ms", "--heartbeat", "500ms")
WAYS = ("lighttpd-bin-path", "lighttpd-external", "apache", "LISTEN_FDS", "descriptor-0", "listen")


class Feed:
    """Numbers, published one by one as fast as they are acknowledged."""

    def __init__(self, box, bus):
        self.sent = 0
        self.over = threading.Event()
        self.process = box.start(program("sse-publish"), "--bus", bus, "-v", "--lines", "t",
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        pipe = self.process.popen
        while not self.over.is_set():
            pipe.stdin.write(b"%d\n" % self.sent)
            pipe.stdin.flush()
            if not pipe.stdout.readline():
                return
            self.sent += 1

    def stop(self):
        """Ends it, with the word "end"; returns all that was acknowledged."""
        self.over.set()
        self.thread.join()
        self.process.popen.stdin.write(b"end\n")
        self.process.popen.stdin.close()
        assert self.process.wait() == 0, self.process.stderr()
        return [*map(str, range(self.sent)), "end"]


class Page:
    """A browser's EventSource: it comes back with Last-Event-ID."""

    def __init__(self, open_stream):
        self.open_stream = open_stream
        self.stream = None
        self.last_id = ""
        self.data = []
        self.opened = 0
        self.failed = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while self.data[-1:] != ["end"]:
                self.turn()
        except Exception as error:  # pylint: disable=broad-except
            self.failed = error
        finally:
            if self.stream:
                self.stream.close()

    def turn(self):
        if not self.stream:
            headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
            self.stream = self.open_stream(headers)
            self.opened += 1
        stream = self.stream
        try:
            stream.wait_head()
            assert stream.status == 200, (stream.head, stream.body)
            event = stream.next()
            assert event.event == "message", event
            self.data.append(event.data)
        except Ended:
            assert stream.status == 200, "an EventSource would give up"
            stream.close()
            self.stream = None
        self.last_id = stream.last_id or self.last_id

    def wait_open(self):
        """Until it has its place: what is published from now on comes."""
        wait_until("the page is open", lambda: self.failed or self.last_id or (
            self.stream and self.stream.last_id))
        return self

    def finish(self):
        """What it has read, when the end has come."""
        self.thread.join(2 * PATIENCE)
        assert not self.failed, repr(self.failed)
        assert not self.thread.is_alive(), f"the end has not come; {len(self.data)} came"
        return self.data


class Knocker:
    """Asks at a socket all the time: nobody must ever refuse, or not answer."""

    def __init__(self, address):
        self.address = address
        self.count, self.failed = 0, None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.is_set() and not self.failed:
            try:
                stream = FcgiStream(self.address, "/sse/t", method="HEAD")
                stream.wait_end().close()
                assert stream.status == 200 and stream.clean, stream.stdout
                self.count += 1
            except Exception as error:  # pylint: disable=broad-except
                self.failed = error

    def stop(self):
        """How many were answered."""
        self.over.set()
        self.thread.join()
        assert not self.failed, f"after {self.count}: {self.failed!r}"
        return self.count


def reload(pid, old_end=True):
    """SIGHUP; until other workers serve and, if wanted, the old ones ended."""
    before = set(workers(pid))
    os.kill(pid, signal.SIGHUP)

    def done():
        now = set(workers(pid))
        return now and (not now & before if old_end else now - before)
    wait_until("there are other workers", done)


def hub_of(pid):
    """The pid of the hub among a supervisor's children."""
    return next((c for c in children(pid)
                 if open(f"/proc/{c}/comm", encoding="ascii").read() == "hub\n"), None)


@pytest.fixture
def write_conf(box):
    """write_conf(LINES...): the options that the worker of `served` reads."""
    def write(*lines):
        path = box.path("sse-fcgi.conf")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in lines))
        os.rename(path + ".new", path)
        return path
    return write


@pytest.fixture(params=WAYS)
def site(request, box, bus, worker):
    """(open_stream, supervisor's pid, its socket): each way to be started."""
    way, path = request.param, box.path("w.sock")
    options = ("--bus", bus, "--workers", "2", *OPTIONS)
    if way == "lighttpd-bin-path":
        config = (TOP / "examples/lighttpd/sse-fcgi.conf").read_text()
        config = config.replace("/run/lighttpd/sse-fcgi.sock", path)
        config = config.replace("/usr/local/bin/sse-fcgi",
                                " ".join((program("sse-fcgi"), *options)))
        server = request.getfixturevalue("lighttpd")(config)
        pid = wait_until("lighttpd starts it",
                         lambda: next(iter(children(server.process.pid)), None))
        path += "-0"  # lighttpd numbers its processes
    elif way in ("LISTEN_FDS", "descriptor-0"):
        pid = box.start(sys.executable, "-c", LAUNCH, path, 3 if way == "LISTEN_FDS" else 0,
                        program("sse-fcgi"), *options).pid
    else:
        pid = worker("--workers", "2", *OPTIONS).pid
    if way == "lighttpd-external":
        config = (TOP / "examples/lighttpd/sse-fcgi-external.conf").read_text()
        server = request.getfixturevalue("lighttpd")(
            config.replace("/run/sse-fcgi/worker.sock", path))
    elif way == "apache":
        config = (TOP / "examples/apache/sse-fcgi.conf").read_text()
        server = request.getfixturevalue("apache")(
            config.replace("/run/sse-fcgi/worker.sock", path))
    elif way != "lighttpd-bin-path":
        server = None
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))

    def open_stream(headers):
        if server:
            return HttpStream(server.url + "/events/t", headers)
        return FcgiStream(path, "/sse/t", headers=headers)
    return open_stream, pid, path


@pytest.mark.smoke
def test_nothing_is_lost_or_doubled(site, box, bus):
    open_stream, pid, path = site
    page = Page(open_stream).wait_open()
    knocker, feed = Knocker(path), Feed(box, bus)
    hub = hub_of(pid)
    pages = [page]
    for _ in range(3):
        seen = feed.sent
        reload(pid)
        wait_until("events go on", lambda mark=seen: feed.sent > mark + 20)
        pages.append(Page(open_stream).wait_open())
    want = feed.stop()
    assert page.finish() == want
    assert page.opened > 3, "its streams were ended by each reload"
    for late in pages[1:]:
        data = late.finish()
        assert data == want[-len(data):], "no gap, nothing twice"
    assert knocker.stop() > 10
    assert hub_of(pid) == hub, "nothing changed for the hub"
    assert len(workers(pid)) == 2


def test_many_at_once(worker, box, bus, connect):
    """However many come, and whenever: it ends as after one."""
    w = worker("--workers", "2", *OPTIONS)
    page = Page(lambda headers: FcgiStream(w.socket, "/sse/t", headers=headers)).wait_open()
    feed = Feed(box, bus)
    first = set(workers(w.pid))
    for _ in range(200):
        os.kill(w.pid, signal.SIGHUP)
        mark = feed.sent
        wait_until("an event", lambda mark=mark: feed.sent > mark)
    wait_until("the first workers ended", lambda: not any(map(alive, first)))
    reload(w.pid)
    want = feed.stop()
    assert page.finish() == want
    wait_until("two workers and a hub", lambda: len(children(w.pid)) == 3)
    connect(w.socket, "/sse/t").wait_placed()


def test_options_take_effect(worker, write_conf, connect):
    w = worker("--config", write_conf("retry = 1s", "drain = 100ms"))
    assert connect(w.socket, "/sse/t").wait_placed().decoder.retry == 1000
    write_conf("retry = 7s", "drain = 100ms", "workers = 3", "log = stderr")
    reload(w.pid)
    assert connect(w.socket, "/sse/t").wait_placed().decoder.retry == 7000
    assert len(workers(w.pid)) == 3
    write_conf("retry = 8s", "drain = 100ms")
    reload(w.pid)
    assert connect(w.socket, "/sse/t").wait_placed().decoder.retry == 8000
    assert len(workers(w.pid)) == 1


def refused(process, words, count=1):
    wait_until(f"it says {words}",
               lambda: process.stderr().count("not reloaded") >= count and
               all(word in process.stderr() for word in words))


def test_a_broken_configuration_changes_nothing(worker, write_conf, connect, publish, bus):
    w = worker("--config", write_conf("drain = 100ms"))
    stream = connect(w.socket, "/sse/t").wait_placed()
    pids = sorted(descendants(w.pid))
    for count, (lines, words) in enumerate([
            (["heartbeat = soon"], ["heartbeat", "soon"]),
            (["no-such-thing = 1"], ["no-such-thing", ":1:"]),
            (["log = /no/such/folder/log"], ["/no/such/folder/log"]),
            ([f"curve-clients = {bus}/none", f"curve-key = {bus}/none", "bus = tcp://127.0.0.1:1"],
             [f"{bus}/none"]),
    ][:3], 1):
        write_conf(*lines)
        w.process.send(signal.SIGHUP)
        refused(w.process, words, count)
    publish("t", "as before")
    assert stream.data(1) == ["as before"]
    assert sorted(descendants(w.pid)) == pids
    write_conf("drain = 100ms", "retry = 6s")
    reload(w.pid)
    assert connect(w.socket, "/sse/t").wait_placed().decoder.retry == 6000


def test_a_bus_directory_that_is_gone(box, worker, write_conf, bus, connect, publish):
    """What a start needs is tried, too."""
    w = worker("--config", write_conf(f"bus = {bus}"), plain=True)
    stream = connect(w.socket, "/sse/t").wait_placed()
    write_conf(f"bus = {box.path('none')}")
    w.process.send(signal.SIGHUP)
    refused(w.process, [box.path("none")])
    publish("t", "as before")
    assert stream.data(1) == ["as before"]


def test_a_store_that_cannot_be(box, worker, write_conf, bus, connect, publish):
    """The hub that serves stays, instead of none."""
    w = worker("--config", write_conf("drain = 100ms"))
    stream = connect(w.socket, "/sse/t").wait_placed()
    pids = sorted(descendants(w.pid))
    open(box.path("file"), "w").close()
    stores = [box.path("none/store"), box.path("file"), box.path("file/store")]
    for count, store in enumerate(stores, 1):
        write_conf("drain = 100ms", f"store = {store}")
        w.process.send(signal.SIGHUP)
        refused(w.process, [store, "--store memory"], count)
    publish("t", "as before")
    assert stream.data(1) == ["as before"]
    assert sorted(descendants(w.pid)) == pids
    write_conf("drain = 100ms", f"store = {box.path('store')}")
    reload(w.pid)
    publish("t", "then")
    assert os.path.exists(box.path("store/store.mdb"))


def test_what_breaks_after_the_trial(box, bus, write_conf, connect, publish):
    """The program that cannot start holds everything until it can."""
    conf = write_conf("drain = 100ms")
    process, copy, path = start_copy(box, bus, "--config", conf)
    stream = connect(path, "/sse/t").wait_placed()
    pids = sorted(children(process.pid))
    put_there(copy, f"""#!/bin/sh
[ "$1" = --check-config ] && exit 0
echo heartbeat = soon > {conf}
exec {program("sse-fcgi")} "$@"
""".encode())
    process.send(signal.SIGHUP)
    wait_until("it says why", lambda: "serve on" in process.stderr())
    assert "heartbeat" in process.stderr()
    publish("t", "as before")
    assert stream.data(1) == ["as before"]
    connect(path, "/sse/t").wait_placed()
    assert sorted(children(process.pid)) == pids
    process.send(signal.SIGHUP)
    wait_until("it says so again", lambda: process.stderr().count("serve on") == 2)
    assert sorted(children(process.pid)) == pids
    write_conf("drain = 100ms", "retry = 6s")
    reload(process.pid)
    assert connect(path, "/sse/t").wait_placed().decoder.retry == 6000
    # Nobody else holds the sockets.
    assert process.stop() == 0
    assert not accepts(path)


def start_copy(box, bus, *options):
    """A program of the box's own, started by its name."""
    copy = box.path("bin/sse-fcgi")
    os.makedirs(box.path("bin"), exist_ok=True)
    shutil.copy2(program("sse-fcgi"), copy)
    path = box.path("w.sock")
    process = box.start("sse-fcgi", "--bus", bus, "--listen", f"unix:{path}", *options,
                        env={"PATH": box.path("bin") + ":" + os.environ["PATH"]},
                        executable=copy)
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
    return process, copy, path


def put_there(path, data=None):
    """Replaces a program, as a package manager does."""
    with open(path + ".new", "wb") as f:
        f.write(data if data is not None else open(program("sse-fcgi"), "rb").read())
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


def test_a_program_that_cannot_run_changes_nothing(box, bus, connect, publish):
    process, copy, path = start_copy(box, bus, "--drain", "100ms")
    stream = connect(path, "/sse/t").wait_placed()
    pids = sorted(descendants(process.pid))
    real = open(copy, "rb").read()
    for count, data in enumerate((b"garbage", real[:8192], b"#!/bin/false\n", b""), 1):
        put_there(copy, data)
        process.send(signal.SIGHUP)
        refused(process, [copy], count)
    os.unlink(copy)
    process.send(signal.SIGHUP)
    refused(process, ["No such file"], 5)
    publish("t", "as before")
    assert stream.data(1) == ["as before"]
    assert sorted(descendants(process.pid)) == pids


@pytest.mark.smoke
def test_an_upgrade_loses_nothing(box, bus):
    """A new program, and so a new hub, on the store of the old one."""
    process, copy, path = start_copy(box, bus, *OPTIONS, "--store", box.path("store"))
    page = Page(lambda headers: FcgiStream(path, "/sse/t", headers=headers)).wait_open()
    knocker, feed = Knocker(path), Feed(box, bus)
    old_hub = hub_of(process.pid)
    for _ in range(2):
        put_there(copy)
        reload(process.pid)
        here, there = os.stat(f"/proc/{process.pid}/exe"), os.stat(copy)
        assert (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
        wait_until("another hub", lambda: hub_of(process.pid) not in (None, old_hub))
        old_hub = hub_of(process.pid)
        wait_until("events go on", lambda mark=feed.sent: feed.sent > mark + 20)
    want = feed.stop()
    assert page.finish() == want
    knocker.stop()
    assert process.stop() == 0


def test_the_hub_restarts_only_if_it_must(worker, hub, write_conf, connect, publish, bus):
    w = worker("--config", write_conf("drain = 100ms", "retry = 100ms"))
    first = hub_of(w.pid)
    connect(w.socket, "/sse/t").wait_placed()
    publish("t", "kept")
    write_conf("drain = 100ms", "retry = 2s", "workers = 2", "cors-origin = *")
    reload(w.pid)
    assert hub_of(w.pid) == first
    assert connect(w.socket, "/sse/t?lastEventID=earliest").data(1) == ["kept"]
    write_conf("drain = 100ms", "history = 5events")
    reload(w.pid)
    wait_until("the first hub ended", lambda: not alive(first))
    second = wait_until("another one", lambda: hub_of(w.pid))
    alone = hub()
    write_conf("drain = 100ms", "hub = off")
    reload(w.pid)
    wait_until("no hub of its own", lambda: not alive(second) and not hub_of(w.pid))
    wait_until("the other serves", lambda: "serving the bus" in alone.stderr())
    stream = connect(w.socket, "/sse/t").wait_placed()
    publish("t", "by the other")
    assert stream.data(1) == ["by the other"]


def test_another_address(box, bus, write_conf, connect, publish):
    """The new socket is there before the old one goes."""
    first, second = box.path("w.sock"), box.path("x.sock")
    process = box.start(program("sse-fcgi"), "--bus", bus, "--drain", "100ms",
                        "--config", write_conf(f"listen = unix:{first}"))
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
    stream = connect(first, "/sse/t").wait_placed()
    write_conf("listen = unix:/no/such/folder/w.sock")
    reload(process.pid)
    assert "/no/such/folder/w.sock" in process.stderr()
    stream.wait_end()
    connect(first, "/sse/t").wait_placed()
    write_conf(f"listen = unix:{second}")
    reload(process.pid)
    stream = connect(second, "/sse/t").wait_placed()
    publish("t", "elsewhere")
    assert stream.data(1) == ["elsewhere"]
    wait_until("the old one is gone", lambda: not os.path.exists(first))
    write_conf(f"listen = unix:{first}")
    reload(process.pid)
    connect(first, "/sse/t").wait_placed()
    wait_until("that one is gone", lambda: not os.path.exists(second))
    assert process.stop() == 0
    assert not os.path.exists(first)


def test_a_former_address_is_given_up(box, bus, write_conf, connect):
    """At once, also while old workers end their streams: who still asks there
    must not wait for somebody who never accepts."""
    first, second = free_port(), free_port()
    process = box.start(program("sse-fcgi"), "--bus", bus, "--drain", "30s",
                        "--config", write_conf(f"listen = tcp:127.0.0.1:{first}"))
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
    streams = [connect(("127.0.0.1", first), "/sse/t").wait_placed() for _ in range(20)]
    old = workers(process.pid)
    write_conf(f"listen = tcp:127.0.0.1:{second}")
    process.send(signal.SIGHUP)
    wait_until("it is at the second", lambda: accepts(("127.0.0.1", second)))
    connect(("127.0.0.1", second), "/sse/t").wait_placed()
    wait_until("nobody is at the first", lambda: not accepts(("127.0.0.1", first)))
    assert any(map(alive, old)), "the old ones are still ending their streams"
    for s in streams:
        s.close()
    wait_until("they end", lambda: not any(map(alive, old)))


def test_workers_that_never_get_ready_replace_nobody(box, bus, worker, write_conf, connect,
                                                     publish):
    """Nor is the hub that the old ones follow taken from them."""
    empty = box.path("empty")
    os.mkdir(empty, 0o700)
    w = worker("--config", write_conf(f"bus = {bus}", "drain = 100ms"), plain=True)
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
    stream = connect(w.socket, "/sse/t").wait_placed()
    old = workers(w.pid)
    write_conf(f"bus = {empty}", "hub = off", "drain = 100ms", "workers = 2")
    reload(w.pid, old_end=False)
    for _ in range(3):
        new = wait_until("new ones", lambda: [p for p in workers(w.pid) if p not in old])
        for pid in new:
            os.kill(pid, signal.SIGKILL)
        publish("t", "still served")
        assert stream.data(1) == ["still served"]
        # No half-ready worker takes requests.
        connect(w.socket, "/sse/t").wait_placed()
    assert all(map(alive, old))
    # Once more with the same: the old ones are still the ones that serve, and
    # those that never did are replaced.
    new = wait_until("two new ones", lambda: len(workers(w.pid)) == 3 and
                     [p for p in workers(w.pid) if p not in old])
    w.process.send(signal.SIGHUP)
    wait_until("those end", lambda: not any(map(alive, new)))
    wait_until("two newer ones", lambda: len(workers(w.pid)) == 3)
    assert all(map(alive, old))
    publish("t", "still served")
    assert stream.data(1) == ["still served"]
    write_conf(f"bus = {bus}", "drain = 100ms")
    w.process.send(signal.SIGHUP)
    wait_until("the old ones end", lambda: not any(map(alive, old)))
    publish("t", "well again")
    stream = connect(w.socket, "/sse/t?lastEventID=earliest")
    stream.wait_body(b"well again")
    wait_until("one worker and a hub stay", lambda: len(children(w.pid)) == 2)
    assert len(workers(w.pid)) == 1


def test_another_bus(box, bus, worker, write_conf, connect, publish):
    other = box.path("other")
    os.mkdir(other, 0o700)
    w = worker("--config", write_conf(f"bus = {bus}", "drain = 100ms"), plain=True)
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
    connect(w.socket, "/sse/t").wait_placed()
    write_conf(f"bus = {other}", "drain = 100ms")
    reload(w.pid)
    stream = connect(w.socket, "/sse/t").wait_placed()
    publish("t", "on the other", at=other)
    assert stream.data(1) == ["on the other"]
    wait_until("the first hub ends", lambda: not accepts(f"{bus}/publish"))
    # The old hub and the old workers are still ending, or not: no matter.
    write_conf(f"bus = {bus}", "drain = 100ms")
    w.process.send(signal.SIGHUP)
    assert w.process.stop() == 0


def test_old_streams_end_spread(worker, connect, crowd):
    w = worker("--drain", "500ms", "--retry", "1s")
    streams = crowd([connect(w.socket, "/sse/t") for _ in range(30)]).wait_placed()
    w.process.send(signal.SIGHUP)
    streams.wait("the end", lambda s: s.ended)
    assert all(s.clean for s in streams.streams), "ended, not cut"
    retries = {s.decoder.retry for s in streams.streams}
    assert len(retries) > 3 and all(1000 <= r <= 1500 for r in retries), retries


def test_an_old_worker_that_does_not_end_is_killed(worker, connect):
    w = worker("--drain", "0", "--request-timeout", "100ms")
    connect(w.socket, "/sse/t").wait_placed()
    old = workers(w.pid)
    os.kill(old[0], signal.SIGSTOP)
    w.process.send(signal.SIGHUP)
    wait_until("the old one is gone", lambda: not alive(old[0]))
    assert "is killed" in w.process.stderr()
    connect(w.socket, "/sse/t").wait_placed()


@pytest.mark.smoke
def test_a_worker_that_hangs_is_replaced(worker, connect, publish):
    w = worker("--workers", "2", "--worker-timeout", "1s")
    streams = [connect(w.socket, "/sse/t").wait_placed() for _ in range(4)]
    frozen, other = workers(w.pid)
    os.kill(frozen, signal.SIGSTOP)
    wait_until("another one is there",
               lambda: len(workers(w.pid)) == 2 and frozen not in workers(w.pid))
    assert "hangs" in w.process.stderr() and "--worker-timeout" in w.process.stderr()
    assert other in workers(w.pid) and not alive(frozen)
    # Who was with the other one notices nothing.
    new = [connect(w.socket, "/sse/t").wait_placed() for _ in range(4)]
    publish("t", "after")
    for stream in new:
        assert stream.data(1) == ["after"]
    for stream in streams:
        try:
            assert stream.data(1) == ["after"]
        except Ended:
            pass


def wait_beats(stream, count):
    """Until so many heartbeats came."""
    before = stream.decoder.comments
    stream.wait("heartbeats", lambda: stream.decoder.comments >= before + count)


def test_a_worker_with_nothing_to_do_does_not_hang(worker, connect):
    w = worker("--worker-timeout", "1s", "--heartbeat", "300ms")
    stream = connect(w.socket, "/sse/t").wait_placed()
    before = workers(w.pid)
    wait_beats(stream, 8)
    assert workers(w.pid) == before and "hangs" not in w.process.stderr()


def test_a_worker_may_hang(worker, connect):
    """Without a limit, for who wants to look into it."""
    w = worker("--worker-timeout", "0")
    before = workers(w.pid)
    os.kill(before[0], signal.SIGSTOP)
    witness = worker("--hub", "off", "--heartbeat", "300ms", name="witness.sock")
    wait_beats(connect(witness.socket, "/sse/t").wait_placed(), 8)
    assert workers(w.pid) == before
    os.kill(before[0], signal.SIGCONT)
    connect(w.socket, "/sse/t").wait_placed()


def test_the_range_of_worker_timeout(box):
    for value in ("999ms", "2h"):
        done = box.run(program("sse-fcgi"), "--check-config", "--worker-timeout", value)
        assert (done.returncode, "out of range" in done.stderr) == (64, True), done.stderr


def test_a_stop_at_any_moment(box, bus, connect, worker):
    for i in range(20):
        process = box.start(program("sse-fcgi"), "--bus", bus, "--drain", "0",
                            "--listen", f"unix:{box.path('w.sock')}")
        wait_until("its first words", process.stderr)
        for _ in range(i % 3):
            process.send(signal.SIGHUP)
        assert process.stop() == 0
        assert "killed" not in process.stderr(), process.stderr()
    w = worker("--drain", "200ms")
    connect(w.socket, "/sse/t").wait_placed()
    w.process.send(signal.SIGHUP)
    assert w.process.stop() == 0
    w = worker("--drain", "200ms")
    connect(w.socket, "/sse/t").wait_placed()
    reload(w.pid, old_end=False)
    pids = descendants(w.pid)
    assert w.process.stop() == 0
    wait_until("no process stays", lambda: not any(map(alive, pids)))
    assert not os.path.exists(w.socket)


def test_children_end_with_a_supervisor_that_was_reloaded(worker, connect):
    w = worker("--workers", "2", "--drain", "300ms")
    connect(w.socket, "/sse/t").wait_placed()
    reload(w.pid)
    connect(w.socket, "/sse/t").wait_placed()
    reload(w.pid, old_end=False)
    pids = descendants(w.pid)
    w.process.kill()
    wait_until("no process stays", lambda: not any(map(alive, pids)))


def test_log_files_are_opened_again(box, worker):
    log = box.path("log")
    w = worker("--log", log)
    wait_until("a line", lambda: os.path.exists(log) and "serving the bus" in open(log).read())
    os.rename(log, log + ".1")
    w.process.send(signal.SIGHUP)
    wait_until("a line in the new file", lambda: os.path.exists(log) and
               "new workers serve" in open(log).read())


def test_whose_the_variable_is(box, bus, connect, publish):
    """Somebody else's means nothing; a damaged one is refused."""
    path = box.path("w.sock")
    other = "1 pid=4000000 lifeline=3,4 pass=6,7 listen=5,2,unix:/x"
    process = box.start(program("sse-fcgi"), "--bus", bus, "--listen", f"unix:{path}",
                        env={"SSE_FCGI_RELOAD": other})
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
    stream = connect(path, "/sse/t").wait_placed()
    publish("t", "well")
    assert stream.data(1) == ["well"]
    stream.close()  # or it would be drained for seconds
    assert process.stop() == 0
    for text, words in (("listen=3,2,", "take over"), ("what is this", "take over"),
                        ("lifeline=3,4 pass=6,7 listen=5,2,unix:/x", "passed on"),
                        ("lifeline=7,8 pass=10,11 listen=9,0,", "passed on")):
        done = box.run("sh", "-c", f'SSE_FCGI_RELOAD="1 pid=$$ {text}" exec "$0" --bus "$1"',
                       program("sse-fcgi"), bus)
        assert done.returncode == 70 and words in done.stderr, (text, done)


def test_nobody_is_sent_away_while_it_stops(worker):
    """Whoever comes while the streams end is asked to come back."""
    w = worker("--drain", "20s", "--retry", "1s", "--request-timeout", "20s")
    half = FrontEnd(w.socket).send(get("/sse/t")[:20]).wait_read()
    w.process.send(signal.SIGTERM)
    for _ in range(5):
        stream = FcgiStream(w.socket, "/sse/t").wait_end()
        assert stream.status == 200 and stream.decoder.retry >= 1000
        stream.close()
    half.close()
    assert w.process.wait() == 0


@pytest.mark.smoke
def test_a_killed_supervisor_under_lighttpd(box, bus, lighttpd, connect, publish):
    """lighttpd starts another, however long old streams last."""
    config = (TOP / "examples/lighttpd/sse-fcgi.conf").read_text()
    config = config.replace("/run/lighttpd/sse-fcgi.sock", box.path("w.sock"))
    command = " ".join((program("sse-fcgi"), "--bus", bus, "--drain", "20s"))
    server = lighttpd(config.replace("/usr/local/bin/sse-fcgi", command))
    url = server.url + "/events/t"
    streams = [connect(url).wait_placed() for _ in range(20)]
    pid = children(server.process.pid)[0]
    old = workers(pid)
    # lighttpd tries the socket when it learns of the death, and starts nothing if
    # somebody still has it. It is slow here, so that the machine's load does not
    # decide; what is tested is that the old workers, which live on, let it go.
    server.process.send(signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    wait_until("nobody listens", lambda: not accepts(box.path("w.sock-0")))
    server.process.send(signal.SIGCONT)
    again = wait_until("lighttpd starts another",
                       lambda: next((c for c in children(server.process.pid) if c != pid), None))

    def back():
        stream = connect(url).wait_head()
        try:
            return stream.wait_placed() if stream.status == 200 else None
        except Ended:
            return None

    stream = wait_until("a stream", back)
    publish("t", "well again")
    stream.wait_body(b"well again")
    assert alive(again)
    assert any(map(alive, old)), "the old ones are still ending their streams"
    assert any(not s.ended for s in streams)
    for s in streams:
        s.close()
    wait_until("they end", lambda: not any(map(alive, old)))


def test_a_killed_supervisor_and_another_on_its_socket(worker, connect):
    w = worker("--drain", "20s")
    streams = [connect(w.socket, "/sse/t").wait_placed() for _ in range(20)]
    old = workers(w.pid)
    w.process.kill()
    wait_until("nobody listens", lambda: not accepts(w.socket))
    again = worker("--drain", "100ms")
    connect(again.socket, "/sse/t").wait_placed()
    assert any(map(alive, old))
    for s in streams:
        s.close()
    wait_until("they end", lambda: not any(map(alive, old)))


def test_nobody_holds_the_socket_of_a_killed_supervisor(box, bus, connect):
    """A lighttpd that starts it looks at once, and must find it closed: were it
    open, nobody would be started. Here workers cannot let go of anything."""
    path = box.path("w.sock")
    process = start_worker(box, "descriptor-0", path, "--bus", bus, "--workers", "2", *OPTIONS)

    def placed():
        try:
            return connect(path, "/sse/t").wait_placed()
        except Ended:
            return None

    wait_until("a stream", placed)
    family = descendants(process.pid)[1:]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    process.kill()
    assert not accepts(path)
    for pid in family:
        os.kill(pid, signal.SIGCONT)
    wait_until("no process stays", lambda: not any(map(alive, family)))
