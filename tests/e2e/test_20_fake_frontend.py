# SPDX-License-Identifier: MIT
"""Web servers that send slowly, wrongly, too much, or go away."""

import random
import resource
import struct

import pytest

from frontend import (BEGIN, END, PARAMS, STDIN, STDOUT, FrontEnd, begin, cgi_params, get,
                      lengths, params, record)
from harness import children, descriptors, program, wait_until
from streams import ABORT

GET_VALUES, DATA = 9, 8
COMPLETE, CANT_MPX, UNKNOWN_ROLE = 0, 1, 3


@pytest.fixture
def front(box):
    """front(socket, ...): a connection of a FrontEnd, closed at the end."""
    return lambda *args, **options: box.keep(FrontEnd(*args, **options))


@pytest.fixture(autouse=True)
def many_descriptors():
    """A thousand connections need a descriptor each, here too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Witness:
    """A stream that is open all the while, and must see each event at once."""

    def __init__(self, w, connect, publish):
        self.worker, self.publish, self.count = w, publish, 0
        self.stream = connect(w.socket, "/sse/witness").wait_open()
        self.processes = children(w.pid)
        self.sees()  # all connections between the processes are there now

    def sees(self):
        self.count += 1
        self.publish("witness", f"still here {self.count}")
        assert self.stream.next().data == f"still here {self.count}"
        # The same processes: none has crashed and come back.
        assert children(self.worker.pid) == self.processes


@pytest.fixture
def witness(connect, publish):
    return lambda w: Witness(w, connect, publish)


def wait_until_forgotten(w, before):
    try:
        wait_until("the descriptors are closed", lambda: descriptors(w.pid) <= before)
    except AssertionError as error:
        raise AssertionError(f"{error}: {before} before, {descriptors(w.pid)} now") from None


# ---- requests that are right, in any shape ----

SHAPES = {
    "as lighttpd sends it": get(),
    "PARAMS in single bytes": get(split=1),
    "PARAMS cut in names and values": get(split=7),
    "padding everywhere": get(padding=255),
    "the body of a GET": get(body=b"x" * 60000),
    "a late abort of another request": record(ABORT, b"", 9) + get(),
    "flags that mean nothing yet": begin(flags=0xFE) + get()[16:],
    "long lengths for short values":
        begin() + record(PARAMS, lengths(14, 3, b"REQUEST_METHODGET")
                         + lengths(11, 9, b"REQUEST_URI/sse/news")
                         + lengths(11, 4, b"SCRIPT_NAME/sse"))
        + record(PARAMS) + record(STDIN),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_understood(worker, publish, front, shape):
    w = worker()
    streams = [front(w.socket, SHAPES[shape]).wait_open(),
               front(w.socket).send_bytewise(SHAPES[shape][:700])
               .send(SHAPES[shape][700:]).wait_open()]
    publish("news", "hello")
    assert [s.next().data for s in streams] == ["hello", "hello"]


def test_a_request_in_two_pieces_at_every_place(worker, front):
    w = worker()
    whole = get()
    for cut in range(1, len(whole)):
        stream = front(w.socket).send_pieces(whole, [cut]).wait_open()
        stream.close()


def test_another_request_id(worker, publish, front):
    """The id of the request stands in each record of its answer."""
    w = worker()
    streams = [front(w.socket, get(number=n), number=n).wait_open() for n in (1, 7, 65535)]
    publish("news", "hello")
    for stream in streams:
        assert stream.next().data == "hello"
        assert {r.number for r in stream.records} == {stream.number}


# ---- answers ----

def test_a_body_is_read_to_its_end(worker, front):
    """Apache makes a 503 of any answer to a body that was not taken."""
    f = front(worker().socket)
    f.send(get(method="POST", body=b"x" * 65535)[:-8])
    for _ in range(9):
        f.send(record(STDIN, b"y" * 65535)).wait_read()
    assert not f.records
    f.send(record(STDIN)).wait_end()
    assert (f.status, f.end_status) == (405, (0, COMPLETE))
    assert f.headers["allow"] == "GET, HEAD, OPTIONS"
    f.wait_closed()


def test_refusals_are_plain_text_with_a_reason(worker, front):
    w = worker()
    for target, status, reason in (
            ("/sse", 400, b"No topic was named"),
            ("/sse/a%", 400, b"hexadecimal"),
            ("/sse/private/x", 403, b"access rule"),
            ("/sse/$SYS/x", 403, b"access rule"),
            ("/sse/a?last=0", 400, b"1 to 1000")):
        f = front(w.socket, get(target)).wait_end()
        assert f.status == status, target
        assert f.headers["content-type"].startswith("text/plain")
        assert reason in f.body
        assert int(f.headers["content-length"]) == len(f.body)
        assert [r.kind for r in f.wait_closed()] == [STDOUT, STDOUT, END]


def test_head_and_options(worker, front):
    w = worker("--cors-origin", "https://a.example")
    f = front(w.socket, get(method="HEAD")).wait_end()
    assert (f.status, f.body) == (200, b"")
    assert f.headers["content-type"] == "text/event-stream"
    f = front(w.socket, get(method="OPTIONS", headers={"Origin": "https://a.example"})).wait_end()
    assert (f.status, f.body) == (204, b"")
    assert f.headers["access-control-allow-origin"] == "https://a.example"
    f = front(w.socket, get(headers={"Origin": "https://b.example"})).wait_open()
    assert "access-control-allow-origin" not in f.headers


def test_the_head_and_the_first_bytes_are_one_record(worker, front):
    """Apache sends no header before the first byte of the body."""
    f = front(worker().socket, get()).wait_open()
    assert len(f.records) == 1
    assert f.records[0].content.endswith(b"\n\n")
    assert f.decoder.retry == 3000


# ---- kept connections, aborts, several requests at once ----

def test_a_kept_connection_serves_the_next_request(worker, publish, front):
    f = front(worker().socket)
    f.send(get("/sse", keep=True) + get("/sse/private/x", keep=True) + get(keep=True))
    statuses = []
    for _ in range(2):
        statuses.append(f.wait_end().status)
        f.next_response()
    assert statuses == [400, 403]
    f.wait_open()
    publish("news", "hello")
    assert f.next().data == "hello"


def test_without_keep_the_worker_closes(worker, front):
    f = front(worker().socket, get("/sse") + get())
    f.wait_closed()
    assert [r.kind for r in f.records] == [STDOUT, STDOUT, END]


def test_an_abort_in_a_request_is_confirmed(worker, front):
    w = worker()
    parts = [begin(flags=1), record(PARAMS, params(cgi_params("/sse/x"))), record(PARAMS)]
    for n in range(1, 4):
        f = front(w.socket, b"".join(parts[:n]) + record(ABORT)).wait_end()
        assert (f.status, f.end_status) == (None, (0, COMPLETE))
        # The connection is kept.
        f.next_response().send(get()).wait_open()


def test_an_abort_ends_a_stream(worker, front):
    f = front(worker().socket, get()).wait_open()
    f.send(record(ABORT)).wait_closed()


def test_a_second_request_at_once_is_refused_and_the_first_goes_on(worker, publish, front):
    other = get("/sse/other", number=2)
    f = front(worker().socket, begin() + begin(2) + other[16:])
    f.send(get()[16:]).wait_open()
    assert f.records[0].kind == END and f.records[0].number == 2
    assert f.records[0].content[4] == CANT_MPX
    publish("news", "hello")
    assert f.next().data == "hello"


# ---- hostile ----

def noise(seed, size=3000):
    return random.Random(seed).randbytes(size)


KILLER = begin() + record(PARAMS, lengths(0x7FFFFFFE, 1, b"x" * 100))
HOSTILE = {
    # name: (bytes, status of the answer or None)
    "nothing but a close": (b"", None),
    "HTTP": (b"GET /sse/news HTTP/1.1\r\nHost: localhost\r\n\r\n", None),
    "TLS": (bytes.fromhex("16030100c8010000c40303") + noise(1, 200), None),
    "noise 1": (noise(2), None),
    "noise 2": (noise(3, 100000), None),
    "noise after BEGIN": (begin() + noise(4), None),
    "version 2": (b"\2" + get()[1:], None),
    "version 0 in the middle": (begin() + b"\0" + get()[17:], None),
    "GET_VALUES": (record(GET_VALUES, params({"FCGI_MAX_CONNS": ""}), 0), None),
    "GET_VALUES that broke libfcgi": (record(GET_VALUES, params({"FCGI_MPXS_CONNS": ""}) * 8, 0),
                                      None),
    "GET_VALUES in a request": (begin() + record(GET_VALUES, b"", 0), None),
    "an unknown type": (record(200), None),
    "our own types": (record(STDOUT, b"Status: 200\r\n\r\n"), None),
    "DATA": (begin() + record(DATA, b"x"), None),
    "request id 0": (get(number=0), None),
    "an authorizer": (begin(role=2), UNKNOWN_ROLE),
    "a filter": (begin(role=3), UNKNOWN_ROLE),
    "role 65535": (record(BEGIN, b"\xff\xff" + b"\0" * 6), UNKNOWN_ROLE),
    "BEGIN too short": (record(BEGIN, b"\0\1\0"), None),
    "BEGIN too long": (record(BEGIN, b"\0\1" + b"\0" * 60000), None),
    "BEGIN twice": (begin() + begin(), None),
    "PARAMS first": (record(PARAMS, b"x"), None),
    "STDIN first": (record(STDIN), None),
    "STDIN in the PARAMS": (begin() + record(STDIN), None),
    "PARAMS after their end": (begin() + record(PARAMS) + record(PARAMS), None),
    "no variables": (begin() + record(PARAMS) + record(STDIN), 400),
    "lengths that broke libfcgi": (KILLER + record(PARAMS) + record(STDIN), 400),
    "lengths whose sum overflows":
        (begin() + record(PARAMS, lengths(0x7FFFFFFF, 0x7FFFFFFF)) + record(PARAMS)
         + record(STDIN), 400),
    "a length of three bytes":
        (begin() + record(PARAMS, b"\x80\0\0") + record(PARAMS) + record(STDIN), 400),
    "two different URIs":
        (begin() + record(PARAMS, params({"REQUEST_URI": "/a"}) + params({"REQUEST_URI": "/b"}))
         + record(PARAMS) + record(STDIN), 400),
    "too many variables":
        (begin() + b"".join(record(PARAMS, b"x" * 30000) for _ in range(3)), 431),
    "variables without end":
        (begin() + record(PARAMS, b"\0\0" * 16000) * 40, 431),
    "a body without end":
        (get()[:-8] + record(STDIN, b"x" * 65535) * 40, 413),
    "many requests at once": (begin() + b"".join(begin(n) for n in range(2, 2000)), None),
    "many aborts": (record(ABORT, b"", 9) * 5000, None),
    "a method with a line feed": (get(method="GET\n"), 405),
    "a prefix that is none": (get(SSE_TOPIC_PREFIX="x"), 500),
    "a NUL in the path": (get("/sse/a%00b"), 400),
    "a topic with a line feed": (get("/sse/a%0Ab"), 400),
    "101 topics": (get("/sse?" + "&".join(f"topic={n}" for n in range(101))), 400),
    "an origin with a line feed": (get("/sse/private/x", headers={"Origin": "a\r\nX: y"}), 403),
}


def check_hostile(front, name):
    """The answer, if one is due, and then the end of the connection."""
    want = HOSTILE[name][1]
    front.wait_closed()
    if want is None:
        kinds = [(r.kind, r.content[4]) for r in front.records]
        assert all(k == (END, CANT_MPX) for k in kinds), kinds
    elif want == UNKNOWN_ROLE:
        assert front.end_status == (0, UNKNOWN_ROLE)
    else:
        assert front.status == want, front.records[:1]
        assert front.end_status == (0, COMPLETE)
        assert b"X: y" not in front.head


def test_hostile_input_harms_nobody(worker, witness, front):
    w = worker("--cors-origin", "*", "--request-timeout", "1s")
    seen = witness(w)
    for name, (raw, _) in HOSTILE.items():
        f = front(w.socket).send_anyway(raw)
        if name == "nothing but a close":
            f.half_close()
        try:
            check_hostile(f, name)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        f.close()
    seen.sees()


@pytest.mark.parametrize("step", [1, 5, 8, 1000])
def test_hostile_input_in_pieces(worker, witness, front, step):
    w = worker("--cors-origin", "*", "--request-timeout", "1s")
    seen = witness(w)
    for name, (raw, _) in HOSTILE.items():
        # Single bytes of the long ones would say nothing new.
        if not raw or len(raw) > 2000 * step:
            continue
        f = front(w.socket)
        try:
            f.send_pieces(raw, range(step, len(raw), step))
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            check_hostile(f, name)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        f.close()
    seen.sees()


def test_a_request_that_ends_anywhere_is_forgotten(worker, witness, front):
    w = worker()
    seen = witness(w)
    before = descriptors(w.pid)
    whole = get()
    for cut in range(len(whole)):
        f = front(w.socket, whole[:cut])
        (f.half_close if cut % 2 else f.close)()
        if cut % 2:
            assert not f.wait_closed()
            f.close()
    wait_until_forgotten(w, before)
    seen.sees()


def test_bytes_on_an_open_stream_end_it(worker, witness, front):
    w = worker()
    seen = witness(w)
    for raw in (get("/sse/other"), noise(5), begin(2), b"\0"):
        front(w.socket, get()).wait_open().send(raw).wait_closed()
    seen.sees()


# ---- slow and many ----

def test_a_thousand_half_open_requests_block_nobody(worker, witness, front, publish):
    w = worker("--request-timeout", "20s")
    seen = witness(w)
    before = descriptors(w.pid)
    whole = get("/sse/late")
    half = [front(w.socket, whole[:n % (len(whole) - 1)]) for n in range(1000)]
    for f in half:
        f.wait_read()
    seen.sees()
    others = [front(w.socket, get()).wait_open() for _ in range(20)]
    publish("news", "hello")
    assert [s.next().data for s in others] == ["hello"] * 20
    # They may still go on.
    for n, f in list(enumerate(half))[::100]:
        f.send(whole[n % (len(whole) - 1):]).wait_open()
    for f in half + others:
        f.close()
    wait_until_forgotten(w, before)
    seen.sees()


def test_more_half_open_ones_push_out_the_oldest(worker, witness, front):
    w = worker("--request-timeout", "20s")
    seen = witness(w)
    oldest = front(w.socket, begin()).wait_read()
    rest = [front(w.socket, begin()).wait_read() for _ in range(1100)]
    assert not oldest.wait_closed()
    rest[-1].send(get()[16:]).wait_open()
    seen.sees()


def test_a_stalled_request_meets_its_deadline(worker, witness, front):
    w = worker("--request-timeout", "200ms")
    seen = witness(w)
    stalled = [front(w.socket, get()[:cut]) for cut in (0, 3, 16, 60, -1)]
    for f in stalled:
        assert not f.wait_closed()
    seen.sees()


def test_a_reader_that_stalls_keeps_nobody_from_reading(box, bus, worker, witness, front):
    w = worker()
    seen = witness(w)
    stalled = front(w.socket, get("/sse/big"))
    reader = front(w.socket, get("/sse/big")).wait_open()
    for n in range(8):
        done = box.run(program("sse-publish"), "--bus", bus, "big", input=f"{n}" * 500000)
        assert done.returncode == 0, done.stderr
        assert reader.next().data == f"{n}" * 500000
    seen.sees()
    # What it missed meanwhile it gets when it reads again.
    stalled.wait_open()
    assert [stalled.next().data[:1] for _ in range(8)] == list("01234567")


def test_descriptors_return_to_what_they_were(worker, witness, front):
    w = worker()
    seen = witness(w)
    before = descriptors(w.pid)
    whole = get()

    def opened_and_closed():
        front(w.socket, whole).wait_open().close()

    def half_closed():
        f = front(w.socket, whole).wait_open()
        f.half_close().wait_closed()
        assert f.clean  # or lighttpd logs an error for each closed tab
        f.close()

    def gone_at_once():
        front(w.socket, whole).close()

    def gone_in_the_request():
        front(w.socket, whole[:50]).close()

    def refused():
        front(w.socket, get("/sse")).wait_closed()

    ways = (opened_and_closed, half_closed, gone_at_once, gone_in_the_request, refused)
    for n in range(500):
        ways[n % len(ways)]()
    wait_until_forgotten(w, before)
    seen.sees()


def test_an_end_in_the_middle_of_a_record(worker, witness, front):
    """Lengths that promise more than ever comes."""
    w = worker("--request-timeout", "300ms")
    seen = witness(w)
    for raw in (struct.pack(">BBHHBx", 1, BEGIN, 1, 65535, 255),
                begin() + struct.pack(">BBHHBx", 1, PARAMS, 1, 65535, 0) + b"x" * 100,
                begin() + record(PARAMS) + struct.pack(">BBHHBx", 1, STDIN, 1, 9, 9)):
        f = front(w.socket, raw)
        assert not f.wait_closed()
    seen.sees()
