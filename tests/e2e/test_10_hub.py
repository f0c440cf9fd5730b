# SPDX-License-Identifier: MIT
"""The hub as a process: its answers, its log, who is the hub, and strangers.

Everything here is spoken with python3-zmq and the words of doc/protocol.md.
"""

import json
import os
import signal
import socket
import stat
import struct
import subprocess

import pytest

from harness import accepts, free_port, program, wait_until

zmq = pytest.importorskip("zmq")

PATIENCE_MS = 30000
EVENT, HEARTBEAT, GOODBYE = 0, 2, 3
ENDPOINTS = ("publish", "follow", "events")


def header(name=None, own_id=None, key=None, version=1, kind=EVENT, private=False,
           previous=None, share=False):
    flags = (1 if private else 0) | (4 if share else 0)
    h = struct.pack(">2sBBB3xQQq", b"\xf5S", version, kind, flags, 0, 0, 0)
    for field, value in ((1, name), (3, own_id), (4, key), (6, previous)):
        if value is not None:
            h += struct.pack(">BH", field, len(value)) + value
    return h


def read_header(h):
    magic, version, kind, flags, epoch, number, _ = struct.unpack_from(">2sBBB3xQQq", h)
    assert magic == b"\xf5S" and version == 1
    return kind, flags, epoch, number


class Bus:
    """Sockets to a hub, closed together."""

    def __init__(self, at):
        self.at = at
        self.context = zmq.Context()

    def endpoint(self, name):
        if self.at.startswith("tcp://"):
            host, port = self.at.rsplit(":", 1)
            return f"{host}:{int(port) + ENDPOINTS.index(name)}"
        return f"ipc://{self.at}/{name}"

    def socket(self, kind, endpoint, **options):
        s = self.context.socket(kind)
        s.linger = 0
        s.rcvtimeo = s.sndtimeo = PATIENCE_MS
        s.sndhwm = s.rcvhwm = 0
        for name, value in options.items():
            setattr(s, name, value)
        if kind == zmq.SUB:
            s.subscribe(b"")
        s.connect(self.endpoint(endpoint))
        return s

    def publish(self, *frames):
        """One message by a REQ socket of its own; the answer."""
        s = self.socket(zmq.REQ, "publish")
        s.send_multipart(frames)
        answer = s.recv_multipart()
        s.close()
        return answer

    def ask(self, *frames):
        s = self.socket(zmq.REQ, "follow")
        s.send_multipart(frames)
        answer = s.recv_multipart()
        s.close()
        return answer

    def stats(self):
        return json.loads(self.ask(b"STATS", b"")[2])

    def events(self):
        """All that is kept, by pages, as (number, topic, data)."""
        found, epoch, number = [], 0, 0
        while True:
            page = self.ask(b"AFTER", b"", b"%d" % epoch, b"%d" % number, b"1000")
            assert page[0] == b"PAGE", page
            epoch, start, number, last, _, count = (int(n) for n in page[2:8])
            for i in range(count):
                topic, head, data = page[8 + 3 * i:11 + 3 * i]
                kind, flags, its_epoch, its_number = read_header(head)
                assert (kind, flags & 2, its_epoch) == (EVENT, 2, epoch)
                assert start <= its_number <= number
                found.append((its_number, topic.decode(), data.decode()))
            if number >= last:
                return found

    def close(self):
        self.context.destroy(linger=0)


@pytest.fixture
def bus_at(box):
    opened = []

    def at(where):
        opened.append(Bus(where))
        return opened[-1]
    yield at
    for each in opened:
        each.close()


@pytest.fixture
def talk(bus, bus_at):
    return bus_at(bus)


def subscribe(talk):
    """A SUB socket that is known to the hub: a heartbeat came."""
    sub = talk.socket(zmq.SUB, "events")
    message = sub.recv_multipart()
    assert message[0] == b"\xffhb" and read_header(message[1])[0] == HEARTBEAT
    return sub


def next_event(sub):
    while True:
        topic, head, data = sub.recv_multipart()
        kind, _, epoch, number = read_header(head)
        if kind == EVENT:
            return epoch, number, topic, data


def iter_until(dealer, key):
    """The answers up to the one with this key."""
    while True:
        answer = dealer.recv_multipart()
        yield answer
        if answer[2] == key:
            return


# --- publishing ---------------------------------------------------------------

@pytest.mark.smoke
def test_answers_with_the_id_and_publishes(hub, talk):
    hub()
    sub = subscribe(talk)
    ok, first, key = talk.publish(b"news", b"plain")
    assert (ok, key) == (b"OK", b"")
    epoch, number = first.rsplit(b"-", 1)
    assert len(epoch) == 8 and number == b"1"
    assert talk.publish(b"news", header(name=b"n", key=b"k1"), b"full") == \
        [b"OK", epoch + b"-2", b"k1"]
    dealer = talk.socket(zmq.DEALER, "publish")
    dealer.send_multipart([b"news", header(key=b"k2"), b"dealer"])
    assert dealer.recv_multipart() == [b"OK", epoch + b"-3", b"k2"]
    dealer.send_multipart([b"", b"news", b"delimited"])
    assert dealer.recv_multipart() == [b"", b"OK", epoch + b"-4", b""]
    for i, data in enumerate((b"plain", b"full", b"dealer", b"delimited")):
        assert next_event(sub)[1:] == (i + 1, b"news", data)


def test_takes_a_key_only_once(hub, talk):
    hub()
    first = talk.publish(b"t", header(key=b"same"), b"1")
    assert talk.publish(b"t", b"between")[0] == b"OK"
    assert talk.publish(b"t", header(key=b"same"), b"1") == first
    # Twice in one batch too.
    dealer = talk.socket(zmq.DEALER, "publish")
    for _ in range(10):
        dealer.send_multipart([b"t", header(key=b"batch"), b"2"])
    assert len({dealer.recv_multipart()[1] for _ in range(10)}) == 1
    assert [e[2] for e in talk.events()] == ["1", "between", "2"]
    assert talk.stats()["repeated"] == 10


def test_one_answer_for_several(hub, talk):
    """Only for those who say so, and only where it tells the id of each."""
    process = hub()
    process.send(signal.SIGSTOP)  # so that all come in one batch
    one, two = (talk.socket(zmq.DEALER, "publish") for _ in range(2))

    def send(dealer, key, share=True, data=b"x"):
        dealer.send_multipart([b"t", header(key=key, share=share), data])

    for key in (b"a", b"b", b"c"):
        send(one, key)
    send(one, b"bad", data=b"\xff")
    send(one, b"d")
    send(one, b"a")                      # again: its number is not the next one
    send(one, b"e", share=False)
    send(one, b"f")
    one.send_multipart([b"t", header(share=True), b"no key"])
    process.send(signal.SIGCONT)
    answers = [one.recv_multipart() for _ in range(7)]
    epoch = answers[0][1].rsplit(b"-")[0]
    assert answers == [
        [b"OK", epoch + b"-3", b"c", b"3"],
        [b"ERR", b"event", answers[1][2], b"bad"],
        [b"OK", epoch + b"-4", b"d"],
        [b"OK", epoch + b"-1", b"a"],
        [b"OK", epoch + b"-5", b"e"],
        [b"OK", epoch + b"-6", b"f"],
        [b"OK", epoch + b"-7", b""],
    ]
    # Two publishers in one batch: each has its own.
    for key in (b"1", b"2", b"3"):
        send(two, key)
        send(one, key + b"'")
    assert sum(int((a + [b"1"])[3]) for a in iter_until(one, b"3'")) == 3
    assert sum(int((a + [b"1"])[3]) for a in iter_until(two, b"3")) == 3


def test_takes_no_event_before_the_one_it_follows(hub, talk):
    hub()
    sub = subscribe(talk)
    for _ in range(2):
        answer = talk.publish(b"t", header(key=b"b", previous=b"a"), b"2")
        assert answer[:2] == [b"ERR", b"order"] and answer[3] == b"b"
    assert talk.publish(b"t", header(key=b"a"), b"1")[0] == b"OK"
    second = talk.publish(b"t", header(key=b"b", previous=b"a"), b"2")
    assert second[0] == b"OK"
    # What it has, it has, whatever that was sent behind.
    assert talk.publish(b"t", header(key=b"b", previous=b"forgotten"), b"2") == second
    # In one batch too: the first is refused for good.
    dealer = talk.socket(zmq.DEALER, "publish")
    dealer.send_multipart([b"t", header(key=b"c"), b"\xff"])
    dealer.send_multipart([b"t", header(key=b"d", previous=b"c"), b"3"])
    dealer.send_multipart([b"t", header(key=b"d"), b"3"])
    dealer.send_multipart([b"t", header(key=b"e", previous=b"d"), b"4"])
    answers = [dealer.recv_multipart()[:2] for _ in range(4)]
    assert [a[1] if a[0] == b"ERR" else a[0] for a in answers] == \
        [b"event", b"order", b"OK", b"OK"]
    # An old event that is published again in between lets none past it.
    for key, previous in ((b"x", b"w"), (b"a", b"x"), (b"y", b"a"), (b"a", None), (b"b", b"a")):
        dealer.send_multipart([b"t", header(key=key, previous=previous), b"0"])
    answers = [dealer.recv_multipart()[:2] for _ in range(5)]
    assert [a[1] if a[0] == b"ERR" else a[0] for a in answers] == [b"order"] * 3 + [b"OK"] * 2
    assert [e[2] for e in talk.events()] == ["1", "2", "3", "4"]
    # The field is between publisher and hub.
    topic, head, _ = sub.recv_multipart()
    while topic != b"t" or read_header(head)[3] != 2:
        topic, head, _ = sub.recv_multipart()
    assert b"\x06" not in head[32:]


@pytest.mark.parametrize("frames,wanted,words", [
    ([b"only a topic"], b"event", b"two frames"),
    ([b"", b"data"], b"event", b"topic"),
    ([b"a\nb", b"data"], b"event", b"control character"),
    ([b"$SYS/x", b"data"], b"event", b"$SYS"),
    ([b"\xffhb", b"data"], b"event", b"UTF-8"),
    ([b"t", b"\xc3\x28"], b"event", b"UTF-8"),
    ([b"t", b"a", b"b"], b"event", b"two frames"),
    ([b"t", header(), b"a", b"b"], b"event", b"three"),
    ([b"t"] + [b"x"] * 10000, b"event", b"frames"),
    ([b"t", header(name=b"a\nid: 7"), b"d"], b"event", b"control character"),
    ([b"t", header(own_id=b"00000000-1\0"), b"d"], b"event", b"control character"),
    ([b"t", header(key=b"k" * 65), b"d"], b"event", b"key"),
    ([b"t", header(version=2), b"d"], b"version", b"version 2"),
    ([b"t", header(version=2), b"d"], b"version", b"version 1"),
    ([b"t", header(kind=HEARTBEAT), b""], b"event", b"Only events"),
    ([b"t", header()[:20], b"d"], b"event", b"header"),
    ([b"t", b"\xf5S", b"d"], b"event", b"header"),
    ([b"t", b"x" * 1001], b"size", b"1000"),
    ([b"t", b"x" * (8 << 20)], b"size", b"1000"),
])
def test_refuses_with_a_reason(hub, talk, frames, wanted, words):
    hub("--max-event", "1000")
    dealer = talk.socket(zmq.DEALER, "publish")
    dealer.send_multipart([b""] + frames)
    empty, err, kind, reason, _ = dealer.recv_multipart()
    assert (empty, err, kind) == (b"", b"ERR", wanted)
    assert words in reason, reason
    # Nothing else is wrong with the connection, and no number is missing.
    dealer.send_multipart([b"t", b"fine"])
    assert dealer.recv_multipart()[1].endswith(b"-1")


def test_one_order_for_all(hub, talk):
    hub()
    sub = subscribe(talk)
    dealers = [talk.socket(zmq.DEALER, "publish") for _ in range(4)]
    count = 2000
    for i in range(count):
        dealers[i % 4].send_multipart([b"t/%d" % (i % 4), b"%d" % i])
    ids = []
    for which, dealer in enumerate(dealers):
        mine = [dealer.recv_multipart() for _ in range(count // 4)]
        assert all(m[0] == b"OK" for m in mine)
        numbers = [int(m[1].rsplit(b"-", 1)[1]) for m in mine]
        assert numbers == sorted(numbers), which
        ids += numbers
    assert sorted(ids) == list(range(1, count + 1))
    live = [next_event(sub) for _ in range(count)]
    assert [e[1] for e in live] == list(range(1, count + 1))
    kept = talk.events()
    assert [(n, t.encode(), d.encode()) for n, t, d in kept] == [e[1:] for e in live]


def test_large_events_are_spoken_of(hub, talk):
    """They would fill the queues of followers; a heartbeat says that they are there."""
    hub()
    sub = subscribe(talk)
    assert talk.publish(b"t", b"small")[0] == b"OK"
    assert talk.publish(b"t", b"x" * 32768)[0] == b"OK"
    assert talk.publish(b"t", b"small again")[0] == b"OK"
    seen = []
    while not seen or seen[-1][1] < 3:
        topic, head, data = sub.recv_multipart()
        kind, _, _, number = read_header(head)
        seen.append((kind, number, data))
    assert [(n, d) for kind, n, d in seen if kind == EVENT] == [(1, b"small"), (3, b"small again")]
    assert (HEARTBEAT, 2, b"") in seen
    assert [len(data) for _, _, data in talk.events()] == [5, 32768, 11]


def test_a_publisher_that_never_reads_holds_nobody_up(hub, talk):
    hub()
    rude = talk.socket(zmq.DEALER, "publish", rcvhwm=1, rcvbuf=1024)
    for i in range(20000):
        rude.send_multipart([b"t", b"x"])
        if i % 5000 == 0:
            assert talk.publish(b"t", b"y")[0] == b"OK"
    wait_until("all are taken", lambda: talk.stats()["taken"] == 20004)


# --- the log ------------------------------------------------------------------

def test_history_is_bounded(hub, talk):
    hub("--history", "5events")
    for i in range(1, 13):
        talk.publish(b"a" if i % 2 else b"b", b"%d" % i)
    assert [e[0] for e in talk.events()] == [8, 9, 10, 11, 12]
    epoch = talk.ask(b"AFTER", b"", b"0", b"0", b"1")[2]
    page = talk.ask(b"AFTER", b"tag", epoch, b"3", b"2", b"b")
    assert page[:8] == [b"PAGE", b"tag", epoch, b"8", b"10", b"12", b"6", b"2"]
    assert page[8::3] == [b"b", b"b"] and page[10::3] == [b"8", b"10"]
    assert talk.ask(b"AFTER", b"", epoch, b"12", b"9")[3:8] == [b"13", b"12", b"12", b"0", b"0"]
    assert talk.ask(b"AFTER", b"", epoch, b"99", b"9")[3:8] == [b"13", b"12", b"12", b"0", b"0"]
    assert talk.ask(b"AFTER", b"", b"5", b"11", b"9")[3:5] == [b"8", b"12"]


def test_finds_ids(hub, talk):
    hub("--history", "3events")
    ids = [talk.publish(b"t", header(own_id=b"order-%d" % i), b"x")[1] for i in range(1, 6)]
    epoch = talk.ask(b"AFTER", b"", b"0", b"0", b"1")[2]
    assert talk.ask(b"RESOLVE", b"r", ids[1]) == [b"AT", b"r", epoch, b"2"]
    assert talk.ask(b"RESOLVE", b"r", b"order-4") == [b"AT", b"r", epoch, b"4"]
    assert talk.ask(b"RESOLVE", b"r", b"order-1") == [b"UNKNOWN", b"r", epoch, b"5"]
    assert talk.ask(b"RESOLVE", b"r", b"00000000-1") == [b"UNKNOWN", b"r", epoch, b"5"]


def test_history_ages(hub, talk):
    hub("--history", "300ms")
    for i in range(3):
        talk.publish(b"t", b"%d" % i)
    # The newest stays: a page must open with something.
    wait_until("the old ones left", lambda: len(talk.events()) == 1)
    assert talk.events()[0][0] == 3


@pytest.mark.parametrize("request_frames,wanted", [
    ([b"NONSENSE", b"tag"], b"request"),
    ([b"AFTER", b"tag"], b"request"),
    ([b"AFTER", b"tag", b"-1", b"0", b"5"], b"request"),
    ([b"AFTER", b"tag", b"0", b"0", b"0"], b"request"),
    ([b"AFTER", b"tag", b"0", b"0", b"5"] + [b"x"] * 129, b"request"),
    ([b"AFTER", b"tag", b"0", b"0", b"5"] + [b"x"] * 10000, b"request"),
    ([b"AFTER", b"tag", b"0", b"0", b"5", b"a/{"], b"selector"),
    ([b"RESOLVE", b"tag", b""], b"request"),
    ([b"STATS", b"t" * 65], b"request"),
])
def test_refuses_requests(hub, talk, request_frames, wanted):
    hub()
    answer = talk.ask(*request_frames)
    assert (answer[0], answer[2]) == (b"ERR", wanted)
    assert answer[3]
    assert talk.ask(b"STATS", b"ok")[:2] == [b"STATS", b"ok"]


# --- who is the hub -----------------------------------------------------------

@pytest.mark.parametrize("store", ["memory", "disk"])
def test_resends_to_the_next_hub(box, hub, talk, bus, store):
    """sse-publish goes on over a hub that was killed: nothing is lost that the
    old hub had not acknowledged, nothing is there twice, all in order. With a
    store on disk nothing at all is lost."""
    options = ("--store", "memory") if store == "memory" else ()
    old = hub(*options)
    read, write = os.pipe()
    ids = box.path("ids")
    with open(ids, "wb") as out:
        publisher = box.start(program("sse-publish"), "--bus", bus, "-v", "--lines", "--timeout",
                              "60s", "t", stdin=read, stdout=out)
    os.close(read)
    lines = iter(range(1, 100000))

    def say(count):
        text = "".join(f"{next(lines)}\n" for _ in range(count))
        os.write(write, text.encode())

    say(100)
    wait_until("the first are there", lambda: talk.stats()["last"] == 100)
    say(1000)  # some of them are under way when it happens
    old.kill()
    say(100)
    hub(*options)
    say(100)
    os.close(write)
    assert publisher.wait() == 0, publisher.stderr()
    said = open(ids).read().split()
    assert len(said) == 1300
    epochs = [i.rsplit("-", 1)[0] for i in said]
    if store == "disk":
        assert len(set(epochs)) == 1
        assert [int(i.rsplit("-", 1)[1]) for i in said] == list(range(1, 1301))
        assert [int(e[2]) for e in talk.events()] == list(range(1, 1301))
        return
    assert len(set(epochs)) == 2
    mine = epochs.count(epochs[-1])
    assert epochs[-mine:] == [epochs[-1]] * mine  # first the old hub, then the new one
    assert [int(i.rsplit("-", 1)[1]) for i in said[-mine:]] == list(range(1, mine + 1))
    assert [int(e[2]) for e in talk.events()] == list(range(1301 - mine, 1301))


def test_the_lock_comes_before_the_sockets(box, hub, talk, bus):
    memory = ("--store", "memory")
    first = hub(*memory)
    id_1 = talk.publish(b"t", b"1")[1]
    files = {n: os.stat(f"{bus}/{n}").st_ino for n in ENDPOINTS}
    second = box.start(program("sse-hub"), "--bus", bus, *memory)
    wait_until("the second stands by", lambda: "standing by" in second.stderr())
    assert {n: os.stat(f"{bus}/{n}").st_ino for n in ENDPOINTS} == files
    assert talk.publish(b"t", b"2")[1].rsplit(b"-", 1)[0] == id_1.rsplit(b"-", 1)[0]
    assert "refused" not in first.stderr()
    first.kill()
    wait_until("the second serves", lambda: "serving" in second.stderr())
    answer = talk.publish(b"t", b"3")[1]
    assert answer.rsplit(b"-", 1)[0] != id_1.rsplit(b"-", 1)[0]
    assert answer.endswith(b"-1")
    assert second.stderr().count("standing by") == 1
    third = box.start(program("sse-hub"), "--bus", bus)
    wait_until("the third stands by", lambda: "standing by" in third.stderr())
    assert third.stop() == 0


@pytest.mark.smoke
def test_says_goodbye(hub, talk, bus):
    process = hub()
    sub = subscribe(talk)
    talk.publish(b"t", b"1")
    dealer = talk.socket(zmq.DEALER, "publish")
    for i in range(200):
        dealer.send_multipart([b"t", b"%d" % i])
    taken = dealer.recv_multipart()
    assert process.stop() == 0
    topics = []
    while not topics or topics[-1] != b"\xffbye":
        topic, head, _ = sub.recv_multipart()
        topics.append(topic)
    kind, _, _, last = read_header(head)
    assert kind == GOODBYE
    # What it took it has announced and acknowledged before it went.
    assert topics.count(b"t") == last
    dealer.rcvtimeo = 1000
    answers = 1
    while answers < last - 1:
        assert dealer.recv_multipart()[0] == b"OK"
        answers += 1
    assert taken[0] == b"OK"
    assert sorted(os.listdir(bus)) == ["hub.lock", "store"]


def test_over_tcp(box, bus_at):
    at = f"tcp://127.0.0.1:{free_port(3)}"
    talk = bus_at(at)
    process = box.start(program("sse-hub"), "--bus", at)
    sub = subscribe(talk)
    assert talk.publish(b"t", b"x")[0] == b"OK"
    assert next_event(sub)[3] == b"x"
    second = box.start(program("sse-hub"), "--bus", at)
    wait_until("the second stands by", lambda: "standing by" in second.stderr())
    process.kill()
    wait_until("the second serves", lambda: "serving" in second.stderr())
    assert talk.publish(b"t", b"x")[0] == b"OK"


# --- sources ------------------------------------------------------------------

def test_numbers_what_sources_send(box, hub, talk):
    feeds = []
    endpoints = [f"ipc://{box.path('feed1')}", f"tcp://127.0.0.1:{free_port()}"]
    for endpoint in endpoints:
        feed = talk.context.socket(zmq.XPUB)
        feed.linger, feed.rcvtimeo = 0, PATIENCE_MS
        feed.bind(endpoint)
        feeds.append(feed)
    process = hub("--source", endpoints[0], "--source", endpoints[1], "--max-event", "100")
    for feed in feeds:
        assert feed.recv() == b"\x01"
    sub = subscribe(talk)
    good = [
        ([b"plain", "grüße".encode()], "grüße"),
        ([b"bad utf-8", b"a\xffb\xe2\x82"], "a\ufffdb\ufffd"),
        ([b"only a topic"], ""),
        ([b"more frames", b"1", b"2"], "1"),
        ([b"full", header(name=b"n", key=b"k"), b"full"], "full"),
        ([b"full", header(name=b"n", key=b"k"), b"a key means nothing here"],
         "a key means nothing here"),
    ]
    bad = [
        [b"bad\ntopic", b"x"], [b"", b"x"], [b"\xc3\x28", b"x"], [b"$SYS/x", b"x"],
        [b"t", header(version=9), b"x"], [b"t", header()[:9], b"x"], [b"t", b"x" * 101],
        [b"t"] + [b"y"] * 10000, [b"t", b"x" * (1 << 20)], [b"\xffhb", header(kind=2), b""],
    ]
    for i, message in enumerate(m for pair in zip(good, bad) for m in pair):
        feeds[0].send_multipart(message[0] if i % 2 == 0 else message)
    for message in bad[len(good):]:
        feeds[0].send_multipart(message)
    for number, (frames, data) in enumerate(good, 1):
        epoch, got, topic, text = next_event(sub)
        assert (got, topic, text.decode()) == (number, frames[0], data)
    feeds[1].send_multipart([b"t", b"second source"])
    assert next_event(sub)[1:] == (len(good) + 1, b"t", b"second source")
    # Publishers and sources share one order.
    assert talk.publish(b"t", b"x")[1].endswith(b"-%d" % (len(good) + 2))
    assert [e[2] for e in talk.events()][:len(good)] == [d for _, d in good]
    assert 1 <= process.stderr().count("source: refused") <= 3


# --- strangers ----------------------------------------------------------------

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
READY = b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"

JUNK = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    os.urandom(4096),
    b"\x01\x00\x06\x00HELLO",  # ZMTP/1.0 without a greeting
    b"\x00" * 1000,
    GREETING[:5],
    GREETING + os.urandom(500),
    GREETING + READY + b"\x02" + b"\xff" * 8,  # a frame of 16 exabytes
    GREETING + READY + b"\x02" + struct.pack(">Q", 1 << 40) + b"x" * 1000,
    GREETING + READY + b"\x01\x03abc",  # a message that never ends
    GREETING + READY + b"\x00\x00",
    GREETING + READY + (b"\x01\x01x" * 10000 + b"\x00\x01x") * 3,
]


def test_survives_junk_on_every_socket(hub, talk, bus):
    process = hub()
    for _ in range(3):
        for name in ENDPOINTS:
            for junk in JUNK:
                with socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(10)
                    s.connect(f"{bus}/{name}")
                    try:
                        s.sendall(junk)
                        s.shutdown(socket.SHUT_WR)
                        while s.recv(65536):
                            pass
                    except (BrokenPipeError, ConnectionResetError):
                        pass
    dealers = {n: talk.socket(zmq.DEALER, n) for n in ("publish", "follow")}
    for dealer in dealers.values():
        for count in (1, 5, 100, 10000):
            dealer.send_multipart([os.urandom(20)] * count)
    sub = talk.context.socket(zmq.XSUB)
    sub.linger = 0
    sub.connect(f"ipc://{bus}/events")
    for count in (1, 100, 10000):
        sub.send_multipart([b"\x01" + os.urandom(20)] * count)
    sub.send(b"\x07nonsense")
    answer = talk.publish(b"t", b"still here")
    assert answer[0] == b"OK"
    last = talk.events()[-1]
    assert last[1:] == ("t", "still here")
    assert talk.stats()["publish_junk"] > 4
    assert process.running()
    # Rate-limited: one line in ten seconds for each kind.
    assert len(process.stderr().splitlines()) < 20


def test_a_stalled_stranger_costs_a_descriptor_only(hub, talk, bus):
    hub()
    silent = []
    for _ in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.connect(f"{bus}/publish")
        silent.append(s)
    assert talk.publish(b"t", b"x")[0] == b"OK"
    for s in silent:
        s.close()
    assert talk.publish(b"t", b"x")[0] == b"OK"


# --- starting -----------------------------------------------------------------

def run_hub(box, *options, **more):
    return box.run(program("sse-hub"), *options, **more)


@pytest.mark.parametrize("options,status,words", [
    (["--help"], 0, "Usage: sse-hub"),
    (["--version"], 0, "sse-hub "),
    (["--nonsense"], 64, "--nonsense"),
    (["operand"], 64, "operand"),
    (["--history", "lots"], 64, '"lots"'),
    (["--history", "-1h"], 64, '"-1h"'),
    (["--max-event", "9GiB"], 64, "8MiB"),
    (["--store", "var/lib/x"], 64, "memory"),
    (["--config", "/nonexistent.conf"], 64, "/nonexistent.conf"),
    (["--bus", "tcp://0.0.0.0:7000"], 64, "loopback"),
    (["--bus", "tcp://127.0.0.1:99999"], 64, "port"),
    (["--bus", "nonsense://x"], 64, "nonsense://x"),
    (["--bus", "/" + "x" * 120], 64, "too long"),
    (["--bus", "{dir}/missing"], 73, "mkdir"),
    (["--bus", "{dir}/file"], 73, "not a directory"),
    (["--bus", "{dir}/open"], 77, "chmod o-w"),
    (["--bus", "{dir}", "--log", "/nonexistent/log"], 73, "/nonexistent/log"),
    (["--bus", "{dir}", "--store", "memory", "--source", "nonsense"], 78, '"nonsense"'),
])
def test_says_what_is_wrong(box, options, status, words):
    open(box.path("file"), "w").close()
    os.mkdir(box.path("open"))
    os.chmod(box.path("open"), 0o777)
    done = run_hub(box, *[o.replace("{dir}", box.dir) for o in options])
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert words in said
    if status:
        wrong = [line for line in done.stderr.splitlines() if "events are kept in" not in line]
        assert len(wrong) == 1, done.stderr


def test_check_config(box, bus):
    assert run_hub(box, "--bus", bus, "--check-config", "--sync", "1s").returncode == 0
    assert os.listdir(bus) == []
    done = run_hub(box, "--bus", bus, "--check-config", "--sync", "soon")
    assert (done.returncode, "soon" in done.stderr) == (64, True)
    done = run_hub(box, "--bus", bus, "--check-config", "--store", f"{bus}/no/such")
    assert (done.returncode, f"{bus}/no/such" in done.stderr) == (73, True)
    assert os.listdir(bus) == []


def test_a_port_that_is_taken(box):
    port = free_port(in_a_row=3)
    with socket.socket() as s:
        s.bind(("127.0.0.1", port))
        s.listen()
        done = run_hub(box, "--bus", f"tcp://127.0.0.1:{port}")
    assert done.returncode == 73
    assert str(port) in done.stderr and "another program" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_a_directory_of_somebody_else(box):
    path = box.path("theirs")
    os.mkdir(path, 0o755)
    os.chown(path, 12345, 12345)
    done = run_hub(box, "--bus", path)
    assert done.returncode == 77
    assert "12345" in done.stderr


def test_makes_its_own_fallback_directory(box, bus_at):
    if os.path.isdir("/run/sse-fcgi"):
        pytest.skip("this machine has /run/sse-fcgi")
    runtime = box.path("run")
    os.mkdir(runtime, 0o700)
    process = box.start(program("sse-hub"), env={"XDG_RUNTIME_DIR": runtime})
    at = f"{runtime}/sse-fcgi"
    wait_until("the hub accepts", lambda: accepts(f"{at}/publish"))
    assert stat.S_IMODE(os.stat(at).st_mode) == 0o700
    for name in ENDPOINTS:
        assert stat.S_IMODE(os.stat(f"{at}/{name}").st_mode) == 0o660
    wait_until("it says who can publish",
               lambda: process.stderr().count("sudo sse-fcgi --setup") == 1)
    assert bus_at(at).publish(b"t", b"x")[0] == b"OK"


def test_reads_its_configuration(box, bus, bus_at):
    conf = box.path("hub.conf")
    with open(conf, "w") as f:
        f.write(f"# a comment\nbus = {bus}\nhistory = 2events\nmax-event = 10\n")
    box.start(program("sse-hub"), "--config", conf, "--max-event", "20",
              env={"SSE_HISTORY": "3events"})
    talk = bus_at(bus)
    for _ in range(5):
        assert talk.publish(b"t", b"x" * 20)[0] == b"OK"
    assert talk.publish(b"t", b"x" * 21)[1] == b"size"
    assert len(talk.events()) == 3


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGHUP"])
def test_opens_its_log_again(box, hub, name):
    log = box.path("hub.log")
    process = hub("--log", log)
    wait_until("it logs", lambda: "serving" in open(log).read())
    os.rename(log, log + ".1")
    process.send(getattr(subprocess.signal, name))
    wait_until("it is a new file", lambda: os.path.exists(log))
    assert process.stop() == 0
    assert "stopped" in open(log).read()
