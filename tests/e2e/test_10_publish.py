# SPDX-License-Identifier: MIT
"""sse-publish: what it sends, what it says, and its exit codes."""

import array
import fcntl
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import termios
import threading

import pytest

from busreader import DeafHub, kept, kept_data
from harness import accepts, free_port, program, wait_until

OK, USAGE, BAD_DATA, NO_HUB, IO, LATER, PROTOCOL, DENIED = 0, 64, 65, 69, 74, 75, 76, 77


@pytest.fixture
def run(box, bus):
    """run(ARGUMENTS..., input=...): sse-publish to its end."""
    return lambda *args, **options: box.run(program("sse-publish"), "--bus", bus, *args,
                                            **options)


@pytest.fixture
def feed(box, bus):
    """feed(ARGUMENTS...): sse-publish with pipes for input and output."""
    def start(*args, stdin=subprocess.PIPE, **options):
        return box.start(program("sse-publish"), "--bus", bus, *args, stdin=stdin,
                         stdout=subprocess.PIPE, **options)
    return start


def write(process, data):
    process.popen.stdin.write(data)
    process.popen.stdin.flush()


def state(pid):
    """A process's state, as ps shows it."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0]


def unread(process):
    """How many bytes wait in the pipe to its standard input."""
    count = array.array("i", [0])
    fcntl.ioctl(process.popen.stdin, termios.FIONREAD, count)
    return count[0]


def finish_with(process, data):
    write(process, data)
    process.popen.stdin.close()


def finish(process):
    """Ends its input; returns its exit status and the ids that it printed."""
    process.popen.stdin.close()
    ids = process.popen.stdout.read().decode().split()
    return process.wait(), ids


# ---- one event ----


@pytest.mark.smoke
def test_data_as_argument(run, bus, hub):
    hub()
    done = run("-v", "news", "Grüße, world")
    assert done.returncode == OK, done.stderr
    assert re.fullmatch(r"[0-9a-z]{8}-1\n", done.stdout)
    (event,) = kept(bus)
    assert (event.topic, event.data.decode(), event.event, event.retry, event.id, event.private) \
        == ("news", "Grüße, world", None, None, None, False)
    assert len(event.key) >= 16


def test_every_option(run, bus, hub):
    hub()
    done = run("news", "-e", "tick", "x", "--id", "order-42", "-r", "1500", "-k", "k", "--private")
    assert (done.returncode, done.stdout, done.stderr) == (OK, "", "")
    (event,) = kept(bus)
    assert (event.event, event.id, event.retry, event.key, event.private) \
        == ("tick", "order-42", 1500, b"k", True)


@pytest.mark.parametrize("args, given, want", [
    ([], "", b""),
    ([], "\n", b""),
    ([], "a\n", b"a"),
    ([], "a\r\n", b"a"),
    ([], "a\n\n", b"a\n"),
    ([], "a\r", b"a\r"),
    (["--raw"], "a\r\n", b"a\r\n"),
    (["--raw"], "\n", b"\n"),
    ([], b"a\0b\n", b"a\0b"),
])
def test_standard_input_loses_one_line_end(run, bus, hub, args, given, want):
    hub()
    assert run(*args, "t", input=given).returncode == OK
    assert kept_data(bus) == [want]


def test_data_that_begins_with_a_dash(run, bus, hub):
    hub()
    done = run("t", "-5")
    assert done.returncode == USAGE and "sse-publish TOPIC -- -5" in done.stderr
    assert run("t", "--", "-5").returncode == OK
    assert run("--", "-t", "--lines").returncode == OK
    assert [(e.topic, e.data) for e in kept(bus)] == [("t", b"-5"), ("-t", b"--lines")]


def test_a_known_key_is_taken_once(run, bus, hub):
    hub()
    first, second = (run("-v", "-k", "same", "t", text) for text in "ab")
    assert first.returncode == second.returncode == OK
    assert first.stdout == second.stdout != ""
    assert kept_data(bus) == [b"a"]


def test_the_bus_from_the_environment_and_over_tcp(box, hub):
    port = free_port()
    hub(at=box.path("other") if os.mkdir(box.path("other"), 0o700) else box.path("other"))
    done = box.run(program("sse-publish"), "t", "x", env={"SSE_BUS": box.path("other")})
    assert done.returncode == OK, done.stderr
    assert kept_data(box.path("other")) == [b"x"]
    done = box.run(program("sse-publish"), "-b", f"tcp://127.0.0.1:{port}", "--timeout", "0", "t", "x")
    assert done.returncode == NO_HUB and f"127.0.0.1:{port}" in done.stderr


TEXTS = {
    "lf": "a\nb\n", "cr": "a\rb", "crlf": "a\r\nb\r\n\r\n", "mixed": "\r\r\n\n\ra",
    "spaces": "  two  ", "colons": ":a\n: b\nid: c\n\ndata: d", "empty": "", "newline": "\n",
    "bom": "\ufeffx", "emoji": "\U0001f600 e\u0301 \u4e2d", "nul": "a\0b\nc",
    "separators": "\u0085\u2028\u2029\v\f", "megabyte": "0123456789abcde\n" * (1 << 16),
    "lines": "".join(f"{n}\n" for n in range(10000)), "most": "x" * (1 << 20),
}


def test_every_text_arrives_as_the_standard_says(run, worker, connect):
    stream = connect(worker().socket, target="/sse/texts").wait_open()
    for name, text in TEXTS.items():
        done = run("--raw", "texts", input=text)
        assert done.returncode == OK, (name, done.stderr)
        want = text.replace("\r\n", "\n").replace("\r", "\n")
        assert stream.next().data == want, name
        if "\0" not in text and len(text) < 100000:
            assert run("texts", "--", text).returncode == OK, name
            assert stream.next().data == want, name


# ---- refusals ----


@pytest.mark.parametrize("args, words", [
    ([], "TOPIC is missing"),
    (["--lines"], "TOPIC is missing"),
    (["a", "b", "c"], "too many operands"),
    (["--lines", "--json", "t"], "exclude each other"),
    (["--lines", "t", "data"], "leave out DATA"),
    (["--json", "t", "data"], "leave out DATA"),
    (["--lines", "-k", "x", "t"], "--key is for one event"),
    (["--json", "-i", "x", "t"], "--id is for one event"),
    (["--skip-bad", "t"], "--skip-bad goes with"),
    (["--raw", "t", "data"], "--raw is for data from standard input"),
    (["-r", "soon", "t", "x"], "--retry soon"),
    (["-r", "-1", "t", "x"], "--retry -1"),
    (["-r", "4294967296", "t", "x"], "--retry 4294967296"),
    (["--timeout", "1 year", "t", "x"], "--timeout 1 year"),
    (["--nonsense", "t"], "--nonsense is not an option"),
    (["--json=3"], "--json=3 is not an option, or has a value too many"),
    (["-Z", "t"], "-Z is not an option"),
    (["t", "-e"], "-e needs a value"),
])
def test_usage(run, args, words):
    done = run(*args)
    assert done.returncode == USAGE
    assert done.stderr.startswith("sse-publish: ") and words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("where, words", [
    ("relative/path", "relative/path"),
    ("ipc:///x", "ipc:///x"),
    ("tcp://192.0.2.1:5000", "192.0.2.1"),
    ("/" + "x" * 120, "107"),
])
def test_an_address_that_is_none(box, where, words):
    done = box.run(program("sse-publish"), "-b", where, "--timeout", "0", "t", "x")
    assert done.returncode in (USAGE, NO_HUB), done.stderr
    assert words in done.stderr
    if where != "relative/path":
        assert done.returncode == USAGE


@pytest.mark.parametrize("args, given, words", [
    (["", "x"], None, "topic"),
    (["a\nb", "x"], None, "the topic has a control character at byte 1 (0x0a)"),
    (["a" * 256, "x"], None, "topic"),
    (["news/*", "x"], None, "`*`"),
    (["a{b}", "x"], None, "at byte 1"),
    (["$SYS/x", "x"], None, "$SYS/"),
    ([b"a\xff", "x"], None, "at byte 1"),
    (["t", b"ab\xc3("], None, "the data is not valid UTF-8 at byte 2 (0xc3)"),
    (["t"], b"0123\xed\xa0\x80", "at byte 4"),
    (["-e", "a\r", "t", "x"], None, "the event name has a control character at byte 1"),
    (["-e", "", "t", "x"], None, "event name"),
    (["-e", "sse-gap", "t", "x"], None, "sse-"),
    (["-i", "a\nb", "t", "x"], None, "the id has a control character at byte 1"),
    (["-i", "k3v9x0aq-4711", "t", "x"], None, "the hub's own ids"),
    (["-i", "earliest", "t", "x"], None, "earliest"),
    (["-k", "k" * 65, "t", "x"], None, "65 bytes"),
])
def test_bad_fields_are_refused_without_a_hub(box, bus, args, given, words):
    args = [a if isinstance(a, bytes) else a.encode() for a in args]
    done = subprocess.run([program("sse-publish"), "-b", bus, *args], env=box.env, timeout=60,
                          check=False, stderr=subprocess.PIPE,
                          input=given if isinstance(given, bytes) else (given or "").encode())
    assert done.returncode == BAD_DATA
    assert words in done.stderr.decode()


def test_data_longer_than_any_hub_takes(run):
    done = run("t", input="x" * (8 * 1024 * 1024 + 3))
    assert done.returncode == BAD_DATA and "more than 8388608 bytes" in done.stderr


def test_data_longer_than_the_hub_takes(run, hub, bus):
    hub("--max-event", "1000")
    done = run("t", "x" * 1001)
    assert done.returncode == BAD_DATA and "at most 1000" in done.stderr
    assert run("t", "x" * 1000).returncode == OK
    done = run("-v", "--lines", "t", input="a\n" + "x" * 1001 + "\n")
    assert done.returncode == BAD_DATA
    assert "line 2: the hub refused it" in done.stderr
    assert "1 event was acknowledged" in done.stderr
    assert kept_data(bus) == [b"x" * 1000, b"a"]


@pytest.mark.parametrize("args", [["t", "x"], ["--lines", "t"], ["--json", "t"]])
def test_no_hub(run, bus, args):
    done = run("--timeout", "0", *args)
    assert done.returncode == NO_HUB
    assert bus in done.stderr and "sse-hub" in done.stderr and "--bus" in done.stderr
    assert run("--timeout", "300ms", *args).returncode == NO_HUB


def test_a_hub_that_is_gone_leaves_its_socket(run, hub):
    hub().kill()
    assert run("--timeout", "0", "t", "x").returncode == NO_HUB


def test_a_hub_that_comes_in_time(feed, run, hub, bus):
    one = feed("--timeout", "30s", "-v", "t", "one")
    lines = feed("--timeout", "30s", "-v", "--lines", "t")
    write(lines, b"two\n")
    hub()
    assert one.wait() == OK
    assert finish(lines)[0] == OK
    assert sorted(kept_data(bus)) == [b"one", b"two"]


@pytest.mark.parametrize("args", [["t", "x"], ["--lines", "t"]])
def test_a_hub_that_does_not_answer(run, hub, args):
    process = hub()
    process.send(signal.SIGSTOP)
    try:
        wait_until("the hub is stopped", lambda: state(process.pid) == "T")
        done = run("--timeout", "200ms", *args, input="x\n")
        now = run("--timeout", "0", *args, input="x\n")
    finally:
        process.send(signal.SIGCONT)
    for each in (done, now):
        assert each.returncode == LATER
        assert "acknowledge" in each.stderr
    if args[0] == "--lines":
        assert "what became of 1 more is unknown" in done.stderr


@pytest.mark.parametrize("kind, code", [
    ("full", LATER), ("busy", LATER), ("denied", LATER), ("newer-class", LATER),
    ("event", BAD_DATA), ("size", BAD_DATA), ("version", PROTOCOL),
])
@pytest.mark.parametrize("args", [["-k", "key", "t", "x"], ["--lines", "t"]])
def test_what_a_hub_may_answer(box, bus, feed, kind, code, args):
    hub = DeafHub(bus)
    try:
        process = feed("--timeout", "1s", *args)
        write(process, b"x\n")
        peer, event = hub.receive()
        assert event.data == b"x"
        hub.answer(peer, b"ERR", kind.encode(), b"Because of the test.", event.key)
        assert finish(process)[0] == code
    finally:
        hub.close()
    assert "Because of the test." in process.stderr()


def test_a_hub_that_was_busy(bus, feed):
    hub = DeafHub(bus)
    try:
        process = feed("--timeout", "30s", "-v", "t", "x")
        for answer in ((b"ERR", b"busy", b"Another one takes over."), (b"OK", b"10000000-7")):
            peer, event = hub.receive()
            hub.answer(peer, *answer, event.key)
        assert finish(process) == (OK, ["10000000-7"])
    finally:
        hub.close()


class FickleHub(threading.Thread):
    """Now and then it has no room for an event, and then for a smaller one at once."""

    def __init__(self, bus, seed):
        super().__init__()
        self.hub, self.random = DeafHub(bus), random.Random(seed)
        self.taken, self.ids, self.refusals, self.over = [], {}, 0, False

    def decide(self, event):
        if event.key not in self.ids:
            if event.previous is not None and event.previous not in self.ids:
                return b"ERR", b"order", b"The one before it is not stored."
            if self.random.random() < 0.01:
                self.refusals += 1
                return b"ERR", b"full", b"The disk is full on /here."
            self.taken.append(event.data)
            self.ids[event.key] = b"10000000-%d" % len(self.taken)
        return b"OK", self.ids[event.key]

    def run(self):
        while not self.over:
            if self.hub.router.poll(50):
                peer, event = self.hub.receive()
                self.hub.answer(peer, *self.decide(event), event.key)
        self.hub.close()


def test_a_hub_without_room_at_times_changes_no_order(bus, feed):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    hub = FickleHub(bus, seed)
    hub.start()
    try:
        lines = [b"%d" % n for n in range(2000)]
        process = feed("--timeout", "30s", "--lines", "t")
        write(process, b"\n".join(lines))
        assert finish(process)[0] == OK, process.stderr()
    finally:
        hub.over = True
        hub.join()
    assert hub.refusals > 5
    assert hub.taken == lines


def test_a_disk_that_stays_full(bus, feed):
    hub = DeafHub(bus)
    try:
        process = feed("--timeout", "1s", "--lines", "t")
        write(process, b"one\ntwo\nthree\n")
        got, taken = [], None
        while process.running():
            if not hub.router.poll(20):
                continue
            peer, event = hub.receive()
            got.append(event.data)
            taken = taken or event.key
            if event.key == taken:
                hub.answer(peer, b"OK", b"10000000-1", event.key)
            else:
                hub.answer(peer, b"ERR", b"full", b"The disk is full on /here.", event.key)
    finally:
        hub.close()
    assert process.wait() == LATER
    assert got.count(b"two") > 2 and got.count(b"one") == 1
    assert "The disk is full on /here." in process.stderr()
    assert "1 event was acknowledged; what became of 2 more is unknown" in process.stderr()


def test_a_disk_that_has_room_again(box, bus, hub, feed, run):
    """Some of the lines would just fit, and none overtakes one that does not."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    process = box.start(program("sse-hub"), "--bus", bus, "--store", box.path("store"),
                        "--history", "10000events,100MiB", preexec_fn=lambda: resource.setrlimit(
                            resource.RLIMIT_FSIZE, (1 << 20, unlimited)))
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
    chance = random.Random(7)
    lines = [b"%d " % n + b"x" * chance.choice([0, 100, 30000]) for n in range(500)]
    publisher = feed("--lines", "-v", "--timeout", "60s", "t")
    ids = []
    reader = threading.Thread(target=lambda: ids.extend(publisher.popen.stdout))
    writer = threading.Thread(target=lambda: finish_with(publisher, b"\n".join(lines)))
    reader.start()
    writer.start()
    wait_until("the hub says so", lambda: "full" in process.stderr())

    def refused():  # one event alone, as soon as none of its size fits
        done = run("other", "y" * 30000)
        return done.returncode == LATER and done.stderr
    said = wait_until("one event is refused", refused)
    assert "full" in said and box.path("store") in said
    assert publisher.running() and len(ids) < len(lines)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    assert publisher.wait() == OK, publisher.stderr()
    reader.join()
    writer.join()
    assert len(ids) == len(lines)
    assert kept_data(bus, "t") == lines


def test_the_disk_is_full_for_one_event(bus, feed):
    hub = DeafHub(bus)
    try:
        process = feed("t", "x")
        peer, event = hub.receive()
        hub.answer(peer, b"ERR", b"full", b"The disk is full on /here.", event.key)
        assert finish(process)[0] == LATER
    finally:
        hub.close()
    assert "The disk is full on /here." in process.stderr()


def test_no_permission(box, bus, hub):
    hub()
    sock = f"{bus}/publish"
    options = {}
    tool = program("sse-publish")
    if os.geteuid() == 0:
        tool = shutil.copy(tool, box.path("sse-publish"))  # where anybody may go
        options.update(user="nobody", group="nogroup", extra_groups=[])
    else:
        os.chmod(sock, 0)

    def refused():
        done = box.run(tool, "-b", bus, "t", "x", **options)
        assert done.returncode == DENIED
        assert sock in done.stderr
        return done.stderr

    said = refused()
    assert "sudo sse-fcgi --setup" in said and "usermod -aG sse-publish " in said
    if os.geteuid() == 0:
        os.chmod(bus, 0o755)
        assert "usermod -aG sse-publish nobody" in refused()
        os.chown(sock, 0, 100)  # the group "users"
        os.chmod(sock, 0o660)
        assert "sudo usermod -aG users nobody" in refused()
        assert box.run(tool, "-b", bus, "--lines", "t", **options).returncode == DENIED


def test_a_bus_of_somebody_else(box, bus):
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    os.chown(bus, 65534, 65534)
    done = box.run(program("sse-publish"), "-b", bus, "--timeout", "0", "t", "x")
    assert done.returncode == DENIED
    assert bus in done.stderr


def test_help_and_version(run):
    done = run("--help")
    assert done.returncode == OK and "--lines" in done.stdout and done.stderr == ""
    assert re.fullmatch(r"sse-publish \(sse-fcgi\) [0-9.]+\n", run("--version").stdout)


# ---- lines ----


@pytest.mark.smoke
def test_lines_one_by_one(feed, hub, bus):
    """Each line is out before the next is written."""
    hub()
    process = feed("--lines", "-v", "logs")
    for n in range(20):
        write(process, b"line %d\n" % n)
        assert process.popen.stdout.readline().endswith(b"-%d\n" % (n + 1))
        assert len(kept(bus)) == n + 1
    assert finish(process) == (OK, [])
    assert kept_data(bus) == [b"line %d" % n for n in range(20)]
    assert process.stderr() == ""


def test_lines_from_a_terminal_and_from_tail(box, feed, hub, bus):
    hub()
    ours, theirs = os.openpty()
    process = feed("--lines", "typed", stdin=theirs)
    os.close(theirs)
    for n in range(3):
        os.write(ours, b"%d\n" % n)
        wait_until("the typed line", lambda: len(kept(bus, "typed")) == n + 1)
    os.write(ours, b"\x04")
    assert process.wait() == OK
    os.close(ours)

    log = box.path("log")
    with open(log, "wb", buffering=0) as file:
        tail = box.start("tail", "-f", log, stdout=subprocess.PIPE)
        process = feed("--lines", "logged", stdin=tail.popen.stdout)
        for n in range(3):
            file.write(b"%d\n" % n)
            wait_until("the logged line", lambda: len(kept(bus, "logged")) == n + 1)
        tail.stop()
    assert process.wait() == OK
    assert kept_data(bus) == [b"0", b"1", b"2"] * 2


@pytest.mark.parametrize("args, given, want", [
    ([], b"", []),
    ([], b"a", [b"a"]),
    ([], b"a\n\nb\r\n\r\r\n", [b"a", b"", b"b", b"\r"]),
    (["--raw"], b"a\r\n\r\n", [b"a\r", b"\r"]),
    ([], b"\xef\xbb\xbfa\n", [b"\xef\xbb\xbfa"]),
    ([], b"a\0b\n", [b"a\0b"]),
])
def test_where_lines_end(run, hub, bus, args, given, want):
    hub()
    done = run("--lines", *args, "t", input=given)
    assert done.returncode == OK, done.stderr
    assert kept_data(bus) == want


def test_many_lines_keep_their_order(run, hub, bus):
    hub()
    lines = [b"%d" % n for n in range(8000)]
    done = run("--lines", "-v", "t", input=b"\n".join(lines))
    assert done.returncode == OK, done.stderr
    ids = done.stdout.split()
    assert [int(i.split("-")[1]) for i in ids] == list(range(1, 8001))
    assert kept_data(bus) == lines
    big = [bytes([c]) * 300000 for c in b"abcdefghijklmnop"]
    assert run("--lines", "big", input=b"\n".join(big)).returncode == OK
    assert kept_data(bus, "big") == big


@pytest.mark.parametrize("skip", [False, True])
def test_a_bad_line(run, hub, bus, skip):
    hub()
    long = b"x" * (8 * 1024 * 1024 + 1)
    given = b"one\ntwo\nab\xff\nfour\n" + (long + b"\nsix\n" if skip else b"")
    done = run(*(["--skip-bad"] if skip else []), "--lines", "t", input=given)
    assert done.returncode == BAD_DATA
    assert "line 3: the data is not valid UTF-8 at byte 2 (0xff)" in done.stderr
    if skip:
        assert "line 5: it has more than 8388608 bytes" in done.stderr
        assert "4 events were acknowledged" in done.stderr
        assert kept_data(bus) == [b"one", b"two", b"four", b"six"]
    else:
        assert "2 events were acknowledged" in done.stderr
        assert kept_data(bus) == [b"one", b"two"]


def test_a_line_without_end_takes_no_memory(feed, hub):
    hub()
    process = feed("--lines", "t")
    block = b"x" * (1 << 20)
    with pytest.raises(BrokenPipeError):
        for _ in range(200):
            write(process, block)
    assert process.wait() == BAD_DATA
    assert "line 1: it has more than 8388608 bytes" in process.stderr()
    process.popen.stdin = None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_reading(feed, hub, bus, number):
    hub()
    process = feed("--lines", "-v", "t")
    write(process, b"one\ntwo\nunfinished")
    for _ in range(2):
        process.popen.stdout.readline()
    process.send(number)
    assert process.wait() == OK
    assert "2 events were acknowledged" in process.stderr()
    assert "unfinished" in process.stderr()
    assert kept_data(bus) == [b"one", b"two"]


def test_a_signal_while_the_hub_is_silent(feed, hub):
    process = hub()
    publisher = feed("--lines", "-v", "--timeout", "300ms", "t")
    write(publisher, b"one\n")
    publisher.popen.stdout.readline()
    process.send(signal.SIGSTOP)
    try:
        wait_until("the hub is stopped", lambda: state(process.pid) == "T")
        write(publisher, b"two\n")
        wait_until("the line is read", lambda: unread(publisher) == 0)
        publisher.send(signal.SIGTERM)
        assert publisher.wait() == LATER
    finally:
        process.send(signal.SIGCONT)
    assert "1 event was acknowledged; what became of 1 more is unknown" in publisher.stderr()


def test_a_reader_of_ids_that_goes(feed, hub, bus):
    hub()
    process = feed("--lines", "-v", "t")
    process.popen.stdout.close()
    write(process, b"one\n")
    assert process.wait() == OK
    assert "standard output is closed" in process.stderr()
    assert "1 event was acknowledged" in process.stderr()
    assert kept_data(bus) == [b"one"]


def test_ids_that_cannot_be_written(box, bus, hub):
    hub()
    with open("/dev/full", "wb") as full:
        process = box.start(program("sse-publish"), "--bus", bus, "--lines", "-v", "t",
                            stdin=subprocess.PIPE, stdout=full)
    write(process, b"one\n")
    assert process.wait() == IO
    assert "No space left on device" in process.stderr()
    assert "1 event was acknowledged" in process.stderr()
    assert kept_data(bus) == [b"one"]


def test_a_signal_in_a_flood(feed, hub, bus):
    """What is said to be acknowledged is what the hub has, in order."""
    hub()
    process = feed("--lines", "-v", "t")
    lines = (b"%d\n" % n for n in range(1 << 40))
    ids = []
    reader = threading.Thread(target=lambda: ids.extend(process.popen.stdout))
    reader.start()
    with pytest.raises(BrokenPipeError):
        for n, line in enumerate(lines):
            write(process, line)
            if n == 3000:
                wait_until("it publishes", lambda: ids)
                process.send(signal.SIGINT)
    assert process.wait() == OK
    process.popen.stdin = None
    reader.join()
    assert f"{len(ids)} events were acknowledged\n" in process.stderr()
    assert kept_data(bus) == [b"%d" % n for n in range(len(ids))]


def test_the_hub_is_killed_and_comes_back(feed, hub, bus):
    process = hub()
    publisher = feed("--lines", "-v", "--timeout", "30s", "t")
    lines = [b"%d" % n for n in range(3000)]
    ids = []
    reader = threading.Thread(target=lambda: ids.extend(publisher.popen.stdout.read().split()))
    reader.start()
    for n, line in enumerate(lines):
        if n == 1000:
            process.kill()
        if n == 2000:
            process = hub()
        write(publisher, line + b"\n")
    publisher.popen.stdin.close()
    assert publisher.wait() == OK, publisher.stderr()
    reader.join()
    assert len(ids) == len(lines)
    old = sum(i.split(b"-")[0] == ids[0].split(b"-")[0] for i in ids)
    got = kept_data(bus)
    # None is missing of those that the first hub did not acknowledge, and
    # none is out of order or there twice.
    assert len(got) >= len(lines) - old
    assert got == lines[-len(got):]


@pytest.mark.parametrize("store", ["disk", "memory"])
def test_the_hub_is_killed_again_and_again(box, feed, hub, bus, store):
    """On the disk are all lines, once and in order. In memory, each hub has what it
    acknowledged, in order; and what none did, the next one has."""
    options = ["--history", "10000events,100MiB",
               "--store", "memory" if store == "memory" else box.path("store")]
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    process = hub(*options)
    publisher = feed("--lines", "-v", "--timeout", "60s", "t")
    ids = []
    reader = threading.Thread(target=lambda: ids.extend(publisher.popen.stdout))
    reader.start()
    lines = [b"%d " % n + b"x" * chance.choice([0, 30, 3000, 30000]) for n in range(1200)]
    kills = sorted(chance.sample(range(100, 1100), 4))
    for n, line in enumerate(lines):
        if n in kills:
            # Some of what it has is acknowledged, and some of that only to itself.
            wait_until("the hub answers", lambda: len(ids) >= n - 300)
            process.send(signal.SIGSTOP)
            wait_until("the hub is stopped", lambda: state(process.pid) == "T")
            process.kill()
            process = hub(*options)
        write(publisher, line + b"\n")
    publisher.popen.stdin.close()
    assert publisher.wait() == OK, publisher.stderr()
    reader.join()
    assert len(ids) == len(lines)
    epochs = [i.split(b"-")[0] for i in ids]
    assert 1 < len(set(epochs)) <= 5 if store == "memory" else len(set(epochs)) == 1
    # The ids come in the order of the lines: of each hub one run, and its
    # numbers go up by one.
    for before, after in zip(ids, ids[1:]):
        a, b = before.strip().split(b"-"), after.strip().split(b"-")
        assert int(b[1]) == (int(a[1]) + 1 if a[0] == b[0] else 1)
    last = epochs.index(epochs[-1])
    assert kept_data(bus) == lines[last:]


def test_the_hub_stops_for_good(feed, hub):
    process = hub()
    publisher = feed("--lines", "-v", "--timeout", "300ms", "t")
    write(publisher, b"one\n")
    publisher.popen.stdout.readline()
    process.stop()
    write(publisher, b"two\n")
    assert publisher.wait() == LATER
    assert "1 event was acknowledged; what became of 1 more is unknown" in publisher.stderr()


# ---- JSON lines ----


def test_json_members(run, hub, bus):
    hub()
    lines = [
        {"topic": "a", "data": "x", "event": "e", "id": "i", "retry": 5, "key": "k",
         "private": True},
        {"data": "default topic"},
        {"data": "a\0\r\n\u2028\U0001f600", "event": None, "private": None, "retry": None},
        {"topic": "own name", "data": "", "event": "other", "private": False},
    ]
    done = run("--json", "-e", "name", "-r", "7", "--private", "given",
               input="\n\n".join(json.dumps(line) for line in lines) + "\n")
    assert done.returncode == OK, done.stderr
    got = [(e.topic, e.data.decode(), e.event, e.id, e.retry, e.private) for e in kept(bus)]
    assert got == [
        ("a", "x", "e", "i", 5, True),
        ("given", "default topic", "name", None, 7, True),
        ("given", "a\0\r\n\u2028\U0001f600", "name", None, 7, True),
        ("own name", "", "other", None, 7, False),
    ]


@pytest.mark.parametrize("text", [
    "null", "true", "1.10", "-0", "12345678901234567890123", "[ ]", '{"b":1, "a":[{}]}',
    '["}\\"", "{"]',
])
def test_json_data_that_is_no_text(run, hub, bus, text):
    hub()
    done = run("--json", input=f'{{"data" : {text} , "topic":"t"}}')
    assert done.returncode == OK, done.stderr
    assert kept_data(bus) == [text.encode()]


@pytest.mark.parametrize("line, words", [
    ('{"data":"x"}', '"topic" is missing'),
    ('{"topic":"t"}', '"data" is missing'),
    ('{"topic":"t","data":"x","time":1}', '"time"'),
    ('{"topic":"t","data":"x","data":"y"}', "duplicate"),
    ('{"topic":"t","data":"x"', "not a JSON object"),
    ('"t"', "not a JSON object"),
    ('{"topic":1,"data":"x"}', '"topic" (byte 9 of the line) must be text'),
    ('{"topic":"a\\u0000","data":"x"}', "NUL"),
    ('{"topic":"t","data":"x","event":"a\\nb"}', "the event name has a control character at byte 1"),
    ('{"topic":"t","data":"x","id":"a\\u0000b"}', "NUL as its byte 1"),
    ('{"topic":"t","data":"x","retry":1.5}', '"retry"'),
    ('{"topic":"t","data":"\\ud800"}', "Unicode"),
    (b'{"topic":"t","data":"\xff"}', "0xff"),
    ('{"topic":"*","data":"x"}', "`*`"),
])
def test_a_bad_json_line(run, hub, bus, line, words):
    hub()
    line = line if isinstance(line, bytes) else line.encode()
    good = b'{"topic":"t","data":"good"}\n'
    done = run("--json", input=good + line + b"\n" + good)
    assert done.returncode == BAD_DATA
    assert "line 2: " in done.stderr and words in done.stderr
    assert "1 event was acknowledged" in done.stderr
    assert kept_data(bus) == [b"good"]


def test_what_is_said_cannot_steer_a_terminal(run, hub):
    hub()
    done = run("--json", input='{"\\u001b[2J\\u009b31m":1}')
    assert done.returncode == BAD_DATA
    assert "\x1b" not in done.stderr and "\x9b" not in done.stderr
