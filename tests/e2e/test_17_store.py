# SPDX-License-Identifier: MIT
"""A store on disk while no hub uses it: --check, --dump, --load, --recover,
--new-epoch; and what a hub does with files that are no store."""

import json
import os
import pathlib
import random
import re
import resource
import struct
import subprocess
import time

import pytest

from busreader import kept
from harness import program, wait_until

zmq = pytest.importorskip("zmq")

EPOCH = "k3v9x0aq"
PAGE = os.sysconf("SC_PAGE_SIZE")  # of LMDB
ACTIONS = ("--check", "--dump", "--recover", "--new-epoch")


@pytest.fixture
def offline(box):
    """offline(OPTION..., input=): sse-hub, run to its end."""
    return lambda *options, **more: box.run(program("sse-hub"), *options, **more)


@pytest.fixture
def store(box):
    return box.path("store")


def file_of(store):
    return pathlib.Path(store, "store.mdb")


def header(name=None, retry=None, own_id=None, key=None, private=False, also=()):
    h = struct.pack(">2sBBB3xQQq", b"\xf5S", 1, 0, 1 if private else 0, 0, 0, 0)
    if retry is not None:
        retry = struct.pack(">I", retry)
    for kind, value in ((1, name), (2, retry), (3, own_id), (4, key), *((7, topic) for topic in also)):
        if value is not None:
            h += struct.pack(">BH", kind, len(value)) + value
    return h


def publish_frames(bus, *messages):
    """Each is (topic, header, data); the ids that they got."""
    context = zmq.Context()
    s = context.socket(zmq.REQ)
    s.linger, s.rcvtimeo = 0, 30000
    s.connect(f"ipc://{bus}/publish")
    ids = []
    try:
        for message in messages:
            s.send_multipart(message)
            answer = s.recv_multipart()
            assert answer[0] == b"OK", answer
            ids.append(answer[1].decode())
    finally:
        s.close()
        context.term()
    return ids


ALL_KINDS = [
    (b"news", header(), b"plain"),
    (b"news/\xc3\xbc", header(name=b"headline", retry=4294967295), "Grüße \u2028 \U0001f600".encode()),
    (b"a", header(own_id=b"order 42", key=bytes(range(192, 256))), b""),
    (b"a", header(key=b"\0\xff\r\n\"", private=True, retry=0), b"line\nline\r\nline\rend\n"),
    (b"b", header(key=b"text", also=(b"c/1", "ü".encode())), b"\0 \x01 \x1f \" \\ / \x7f"),
    (b"b", header(), b"\0\n" * (1 << 19)),
]


def dump_of(count, epoch=EPOCH, size=40, keys=True, **more):
    """The lines of a dump, as --dump would write them."""
    now = int(time.time() * 1000)
    head = {"kind": "head", "format": "sse-hub dump", "version": 1, "epoch": epoch,
            "last": count, "floor": 1, "lost": 0, "blind": 0, "clock": 1000000, "wall": now, **more}
    lines = [head]
    if keys:
        lines += [{"kind": "key", "number": n, "clock": 999000, "key": f"{n:032x}"}
                  for n in range(1, count + 1)]
    for n in range(1, count + 1):
        event = {"kind": "event", "number": n, "clock": 999000, "time": now - 1000,
                 "topic": f"t/{n % 7}"}
        if keys:
            event["key"] = f"{n:032x}"
        lines.append({**event, "data": f"event {n} " + "x" * (n * 37 % size)})
    lines.append({"kind": "end", "lines": len(lines) + 1})
    return lines


def text_of(lines):
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def events_of(text):
    return [line for line in text.split("\n") if line.startswith('{"kind":"event"')]


@pytest.fixture
def load(offline):
    """load(TEXT, DIRECTORY): a store of a dump."""
    def run(text, where, *options):
        done = offline("--load", "--store", where, *options, input=text)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


@pytest.fixture
def dump(offline):
    def run(where):
        done = offline("--dump", "--store", where)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


# --- dump and load ----------------------------------------------------------


@pytest.mark.parametrize("sync", ["always", "1h"])
def test_a_dump_and_its_load_are_the_same(hub, bus, store, load, dump, box, sync):
    process = hub("--store", store, "--sync", sync)
    publish_frames(bus, *ALL_KINDS[:3])
    process.stop()
    process = hub("--store", store, "--sync", sync)
    ids = publish_frames(bus, *ALL_KINDS[3:])
    before = kept(bus)
    process.kill()  # with a time, the last three are in the journal only

    text = dump(store)
    lines = [json.loads(line) for line in text.split("\n") if line]
    assert lines[0]["format"] == "sse-hub dump" and lines[0]["last"] == 6
    assert lines[-1] == {"kind": "end", "lines": len(lines)}
    events = [line for line in lines if line["kind"] == "event"]
    assert [e["number"] for e in events] == [1, 2, 3, 4, 5, 6]
    for event, (topic, _, data) in zip(events, ALL_KINDS):
        assert event["topic"] == topic.decode() and event["data"] == data.decode()
    assert events[1]["event"] == "headline" and events[1]["retry"] == 4294967295
    assert events[2]["id"] == "order 42" and events[2]["key"] == bytes(range(192, 256)).hex()
    assert events[3]["private"] is True and events[3]["retry"] == 0
    assert events[4]["also"] == ["c/1", "ü"]
    assert not {"also", "event", "id", "key", "retry", "private"} & events[5].keys()
    assert [(k["number"], k["key"]) for k in lines if k["kind"] == "key"] == [
        (e["number"], e["key"]) for e in events if "key" in e]

    other = box.path("other")
    assert "Loaded 6 events and 3 keys" in load(text, other)
    assert dump(other) == text
    process = hub("--store", other, "--sync", sync)
    assert kept(bus) == before
    # Keys that are known, on the other machine too.
    assert publish_frames(bus, *ALL_KINDS[3:5]) == ids[:2]
    process.stop()


def test_a_browser_resumes_where_the_store_has_moved(hub, worker, publish, connect, store, load, dump, box):
    process = hub("--store", store)
    w = worker("--hub", "off")
    ids = [publish("news", f"n{i}") for i in range(1, 6)]
    stream = connect(w.socket, "/sse/news", headers={"Last-Event-ID": ids[1]})
    assert stream.data(3) == ["n3", "n4", "n5"]
    process.stop()

    load(dump(store), box.path("moved"))
    hub("--store", box.path("moved"))
    again = connect(w.socket, "/sse/news", headers={"Last-Event-ID": ids[2]})
    assert again.data(2) == ["n4", "n5"]
    assert publish("news", "n6") == ids[0].replace("-1", "-6")
    for each in (stream, again):
        event = each.next()
        assert (event.event, event.data) == ("message", "n6")


def test_a_loaded_store_can_begin_a_new_epoch(hub, worker, publish, connect, store, load, dump, box):
    process = hub("--store", store)
    ids = [publish("news", f"n{i}") for i in range(1, 4)]
    process.stop()
    load(dump(store), box.path("copy"), "--new-epoch")
    hub("--store", box.path("copy"))
    w = worker("--hub", "off")
    stream = connect(w.socket, "/sse/news", headers={"Last-Event-ID": ids[0]})
    assert stream.data(2) == ["n2", "n3"]
    new = publish("news", "n4")
    assert new.endswith("-4") and new[:8] != ids[0][:8]
    assert stream.next().data == "n4"


GOOD = dump_of(20)


def changed(at, /, **members):
    """The good dump with other members in this line; None takes one away."""
    lines = [dict(line) for line in GOOD]
    for name, value in members.items():
        if value is None:
            del lines[at][name]
        else:
            lines[at][name] = value
    return text_of(lines)


def without(at):
    lines = GOOD[:at] + GOOD[at + 1:]
    lines[-1] = {"kind": "end", "lines": len(lines)}
    return text_of(lines)


def swapped(a, b):
    lines = list(GOOD)
    lines[a], lines[b] = lines[b], lines[a]
    return text_of(lines)


HOSTILE = {
    "nothing": ("", "standard input is empty"),
    "no end": (text_of(GOOD[:-1]), "its last line, of kind \"end\", is missing"),
    "cut in a line": (text_of(GOOD)[:-9], "is missing"),
    "cut before the last line end": (text_of(GOOD)[:-1], "is missing"),
    "a line was taken out": (text_of(GOOD[:5] + GOOD[6:]), "42 lines when it was made"),
    "an event was taken out": (without(30), "those from number 10 to 10"),
    "the last event was taken out": (without(40), "those from number 20 to 20"),
    "more behind the end": (text_of(GOOD + GOOD[-1:]), "behind the end"),
    "two heads": (text_of(GOOD[:1] + GOOD), "the second"),
    "no head": (text_of(GOOD[1:]), "not the first line of a dump"),
    "another order": (swapped(25, 26), "those from number 5 to 5"),
    "keys behind events": (swapped(20, 21), "lines of its kind come earlier"),
    "the same number twice": (changed(26, number=5), "number 5 comes behind 5"),
    "a number above the last": (changed(40, number=21), "above last"),
    "the same key's number twice": (changed(5, number=4), "number 4 comes behind 4"),
    "no JSON": (text_of(GOOD[:3]) + "hello\n", "Line 4 of the dump is refused: it is not a JSON object"),
    "binary": (bytes(range(256)) * 9, "refused"),
    "not UTF-8": (text_of(GOOD).encode().replace(b"event 7 ", b"event \xff "), "not a JSON object"),
    "of a later version": (changed(0, version=2), "dump of version 2"),
    "of something else": (changed(0, format="dump"), "not the first line of a dump"),
    "an unknown member": (changed(30, colour="red"), "\"colour\" is not a member"),
    "an unknown kind": (changed(30, kind="sql"), "no \"kind\" of one"),
    "a member is missing": (changed(30, data=None), "\"data\" must be text"),
    "a number that is text": (changed(30, number="10"), "\"number\" must be a whole number"),
    "a number below 1": (changed(30, number=0), "\"number\" must be"),
    "a number too large": (changed(30, number=1 << 64), "refused"),
    "a real number": (changed(30, clock=1.5), "\"clock\" must be"),
    "a time too large": (changed(30, clock=1 << 60), "\"clock\" must be"),
    "a member twice": (text_of(GOOD).replace('"topic":"t/3"', '"topic":"t/3","topic":"t/3"'), "duplicate"),
    "no topic": (changed(30, topic=""), "topic"),
    "a wildcard as topic": (changed(30, topic="a/*"), "topic"),
    "the hub's own topic": (changed(30, topic="$SYS/hub"), "topic"),
    "a line end in a name": (changed(30, event="a\ndata: b"), "control"),
    "an id of ours": (changed(30, id=f"{EPOCH}-9"), "id"),
    "a key of no bytes": (changed(30, key=""), "hexadecimal"),
    "a key too long": (changed(30, key="00" * 65), "hexadecimal"),
    "a key in other digits": (changed(30, key="0G"), "hexadecimal"),
    "an epoch too short": (changed(0, epoch="k3v9x0a"), "epoch"),
    "an epoch that begins with 0": (changed(0, epoch="03v9x0aq"), "epoch"),
    "a floor above the last": (changed(0, floor=22), "cannot be above last"),
    "blind above the last": (changed(0, blind=21), "cannot be above last"),
    "an epoch that is there": (text_of([GOOD[0], {"kind": "epoch", "epoch": EPOCH, "end": 3}, *GOOD[1:]]),
                               "there before"),
    "too many epochs": (text_of([GOOD[0], *({"kind": "epoch", "epoch": f"{n}aaaaaaa"[:8], "end": 3}
                                            for n in range(10, 30)), *GOOD[1:]]), "more than 16"),
    "a lost one above the last": (text_of([GOOD[0], {"kind": "topic", "topic": "t", "lost": 21}, *GOOD[1:]]),
                                  "above last"),
    "nesting without end": ("[" * 100000 + "\n", "refused"),
    "a line without end": ('{"kind":"head","format":"' + "x" * (51 << 20), "longer than"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_dump_that_is_not_right_makes_no_store(offline, store, name):
    text, why = HOSTILE[name]
    done = offline("--load", "--store", store, input=text)
    assert done.returncode == 65, done.stderr
    assert why in done.stderr and done.stdout == ""
    assert os.listdir(store) == ["store.lock"]


def test_what_the_hostile_dumps_are_made_of_is_good(load, store, dump):
    load(text_of(GOOD), store)
    assert dump(store) == text_of(GOOD)


def test_a_dump_is_never_loaded_over_a_store(offline, hub, publish, store, load, dump):
    hub("--store", store).stop()
    load(text_of(GOOD), store)  # one in which nothing was ever published
    before = dump(store)
    done = offline("--load", "--store", store, input=text_of(dump_of(3)))
    assert done.returncode == 73 and "not overwritten" in done.stderr
    assert dump(store) == before
    assert sorted(os.listdir(store)) == ["store.lock", "store.mdb"]


def test_a_load_that_has_no_room_leaves_nothing(offline, store):
    few = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))
    done = offline("--load", "--store", store, input=text_of(dump_of(2500, size=400)), preexec_fn=few)
    assert done.returncode == 75 and "disk full" in done.stderr
    assert os.listdir(store) == ["store.lock"]


def test_a_load_that_is_killed_is_no_store(box, offline, hub, store, load, dump):
    process = box.start(program("sse-hub"), "--load", "--store", store, stdin=subprocess.PIPE)
    process.popen.stdin.write(text_of(GOOD[:30]).encode())
    process.popen.stdin.flush()
    wait_until("it is being made", pathlib.Path(store, "store.mdb.new").exists)
    process.kill()
    process.popen.stdin.close()
    assert offline("--check", "--store", store).returncode == 66
    load(text_of(GOOD), store)
    assert dump(store) == text_of(GOOD)
    assert sorted(os.listdir(store)) == ["store.lock", "store.mdb"]


def test_a_recovery_that_has_no_room_changes_nothing(offline, store, load):
    load(text_of(dump_of(2500, size=400)), store)
    write_at(file_of(store), find_data(file_of(store), b"event 50 "), b"EVENT")
    before = file_of(store).read_bytes()
    few = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))
    done = offline("--recover", "--store", store, preexec_fn=few)
    assert done.returncode == 75 and "disk full" in done.stderr
    assert file_of(store).read_bytes() == before
    assert sorted(os.listdir(store)) == ["store.lock", "store.mdb"]


def test_a_dump_that_cannot_be_written_is_noticed(box, store, load):
    load(text_of(dump_of(100)), store)
    command = [program("sse-hub"), "--dump", "--store", store]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, env=box.env, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 74 and b"No space left" in done.stderr
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(command, env=box.env, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert done.returncode == 74 and b"Broken pipe" in done.stderr


# --- what is said of a store ------------------------------------------------


def test_check_says_what_is_there(hub, bus, offline, store):
    process = hub("--store", store)
    ids = publish_frames(bus, *ALL_KINDS)
    process.stop()
    done = offline("--check", "--store", store)
    assert done.returncode == 0 and done.stderr == ""
    report = dict(re.findall(r"^(\w+) +(.*)$", done.stdout, re.M))
    assert report["epoch"] == ids[0][:8]
    assert report["numbers"] == "1 to 6"
    assert report["events"].startswith("6, ")
    assert report["keys"] == "3"
    # By the bus it is found as the hub finds it.
    hub().stop()
    done = offline("--check", "--bus", bus)
    assert done.returncode == 0 and f"{bus}/store/store.mdb is whole" in done.stdout


def test_a_store_in_use_is_left_alone(hub, offline, publish, store):
    hub("--store", store)
    publish("news", "one")
    for action in (*ACTIONS, "--load"):
        done = offline(action, "--store", store, input="")
        assert done.returncode == 75 and "in use by another hub" in done.stderr, action


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_root_makes_nothing_in_another_ones_place(offline, store, load):
    load(text_of(GOOD), store)
    os.chown(store, 65534, 65534)
    for action in (*ACTIONS, "--load"):
        done = offline(action, "--store", store, input=text_of(GOOD))
        assert done.returncode == 77 and "--reuid=65534" in done.stderr, action


def test_where_there_is_no_store(offline, store, box):
    for action in ACTIONS:
        done = offline(action, "--store", store)
        assert done.returncode == 66 and f"no store in {store}" in done.stderr, action
        assert not os.path.exists(store)
    done = offline("--check", "--store", "memory")
    assert done.returncode == 64 and "--store" in done.stderr
    done = offline("--check", "--dump", "--store", store)
    assert done.returncode == 64 and "only one of" in done.stderr


# --- files that are no good store -------------------------------------------


def spoil_names(path):
    """A file of LMDB's that has no tables of ours."""
    data = path.read_bytes()
    assert b"events" in data
    path.write_bytes(data.replace(b"events", b"stores"))


def spoil_version(path):
    data = path.read_bytes()
    assert b"sse-hub store 1" in data
    path.write_bytes(data.replace(b"sse-hub store 1", b"sse-hub store 7"))


SPOILED = {
    "another LMDB file": (spoil_names, "not a store of a hub"),
    "text": (lambda path: path.write_text("hello\n" * 1000), "not a store of a hub"),
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "cut": (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged"),
    "zeroes": (lambda path: path.write_bytes(bytes(path.stat().st_size)), "not a store of a hub"),
    "of a later version": (spoil_version, "later version"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_hub_leaves_a_bad_store_as_it_is(box, hub, bus, offline, publish, store, load, name):
    spoil, why = SPOILED[name]
    load(text_of(dump_of(500)), store)
    spoil(file_of(store))
    before = file_of(store).read_bytes()
    done = box.run(program("sse-hub"), "--bus", bus, "--store", store)
    assert done.returncode == 65 and why in done.stderr
    if name == "of a later version":
        assert "sse-hub --dump" in done.stderr and "sse-hub --load" in done.stderr
    elif name in ("empty", "cut"):
        assert f"sse-hub --store {store} --recover" in done.stderr
    assert "--on-damage start-new" in done.stderr or name == "of a later version"
    for action in ("--check", "--dump", "--new-epoch"):
        done = offline(action, "--store", store)
        assert done.returncode == 65 and why in done.stderr, action
        assert done.stdout == ""
    assert file_of(store).read_bytes() == before

    hub("--store", store, "--on-damage", "start-new")
    aside = [p for p in os.listdir(store) if p.startswith("store.mdb.damaged-")]
    assert len(aside) == 1 and pathlib.Path(store, aside[0]).read_bytes() == before
    publish("news", "on")
    assert [e.data for e in kept(bus)] == [b"on"]


def test_recover_of_what_has_nothing_to_save(offline, store, load):
    load(text_of(dump_of(50)), store)
    done = offline("--recover", "--store", store)
    assert done.returncode == 0 and "nothing was done" in done.stdout
    for name in ("text", "empty", "zeroes", "of a later version"):
        SPOILED[name][0](file_of(store))
        before = file_of(store).read_bytes()
        done = offline("--recover", "--store", store)
        assert done.returncode == 65, name
        assert "start-new" in done.stderr or name == "of a later version"
        assert file_of(store).read_bytes() == before
        assert sorted(os.listdir(store)) == ["store.lock", "store.mdb"]
        file_of(store).unlink()
        load(text_of(dump_of(50)), store)


def find_data(path, text):
    """Where these bytes stand in the file; they do once."""
    data = path.read_bytes()
    at = data.find(text)
    assert at >= 0 and data.find(text, at + 1) < 0
    return at


def write_at(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def test_an_event_that_cannot_be_read_is_told(hub, worker, connect, publish, offline, store, load):
    load(text_of(dump_of(100)), store)
    write_at(file_of(store), find_data(file_of(store), b"event 50 "), b"EVENT")
    done = offline("--check", "--store", store)
    assert done.returncode == 65
    assert "1 of them, the first is number 50" in done.stderr
    assert f"sse-hub --store {store} --recover" in done.stderr

    damaged = file_of(store).read_bytes()
    done = offline("--recover", "--store", store)
    assert done.returncode == 0, done.stderr
    assert "Saved 99 events, numbers 1 to 100" in done.stdout
    assert "\n1 events could not be read" in done.stdout
    aside = re.search(r"The damaged file is (\S+) now", done.stdout).group(1)
    assert pathlib.Path(aside).read_bytes() == damaged
    assert offline("--check", "--store", store).returncode == 0

    hub("--store", store)
    w = worker("--hub", "off")
    before = connect(w.socket, "/sse/*", headers={"Last-Event-ID": f"{EPOCH}-40"})
    seen = [before.next() for _ in range(60)]
    assert [e.event for e in seen].count("sse-gap") == 1
    assert [int(e.data.split()[1]) for e in seen if e.event == "message"] == [
        *range(41, 50), *range(51, 101)]
    after = connect(w.socket, "/sse/*", headers={"Last-Event-ID": f"{EPOCH}-60"})
    assert [int(e.split()[1]) for e in after.data(40)] == [*range(61, 101)]
    new = publish("news", "on")
    assert new.endswith("-101") and new[:8] != EPOCH
    assert after.next().data == "on"


def test_check_notices_what_is_missing(offline, store, load):
    lines = dump_of(20, keys=False, blind=10)
    lines = [line for line in lines if line.get("number") != 10]
    lines[-1]["lines"] -= 1
    load(text_of(lines), store)
    assert offline("--check", "--store", store).returncode == 0
    state = struct.pack(">4Q", 20, 1, 0, 10)  # last, floor, lost, blind
    write_at(file_of(store), find_data(file_of(store), state), struct.pack(">4Q", 20, 1, 0, 9))
    done = offline("--check", "--store", store)
    assert done.returncode == 65
    assert "events in it are missing: 1 of them, the first is number 10" in done.stderr


def test_a_store_that_was_made_where_there_is_more_memory(offline, store, load, dump):
    load(text_of(GOOD), store)
    at = 16 + 4 + 4 + 8  # in each of the two first pages: the map that it was made with
    size = struct.unpack_from("@N", file_of(store).read_bytes(), at)[0]
    assert size > 1 << 20
    for page in (0, PAGE):
        write_at(file_of(store), page + at, struct.pack("@N", size << 12))
    assert offline("--check", "--store", store).returncode == 0
    assert dump(store) == text_of(GOOD)


def test_what_was_held_back_is_saved(offline, store, load, dump):
    lines = [line for line in dump_of(100, keys=False, floor=50, blind=49)
             if line.get("number", 50) >= 50 or line["number"] in (3, 7)]
    lines[-1]["lines"] = len(lines)
    load(text_of(lines), store)
    write_at(file_of(store), find_data(file_of(store), b"event 60 "), b"EVENT")
    done = offline("--recover", "--store", store)
    assert "Saved 52 events, numbers 3 to 100" in done.stdout
    assert "\n1 events could not be read" in done.stdout
    after = [json.loads(line) for line in dump(store).split("\n") if line]
    assert [line["number"] for line in after if line["kind"] == "event"] == [
        3, 7, *range(50, 60), *range(61, 101)]
    assert (after[0]["floor"], after[0]["blind"], after[0]["lost"]) == (50, 60, 60)


def test_what_was_held_back_is_saved_behind_a_broken_page(offline, store, load, dump):
    lines = [line for line in dump_of(2100, keys=False, floor=2000, blind=1999)
             if line.get("number", 2000) >= 2000 or line["number"] % 10 == 0]
    lines[-1]["lines"] = len(lines)
    load(text_of(lines), store)
    for text in (b"event 500 ", b"event 2050 "):
        at = find_data(file_of(store), text)
        write_at(file_of(store), at - at % PAGE, bytes(PAGE))
    assert offline("--check", "--store", store).returncode == 65
    done = offline("--recover", "--store", store)
    assert done.returncode == 0, done.stderr
    numbers = [json.loads(e)["number"] for e in events_of(dump(store))]
    assert 500 not in numbers and 2050 not in numbers
    assert {10, 100, 200, 1000, 1500, 1990, 2000, 2100} <= set(numbers)
    # Of a page's events, and some behind it that could not be looked for.
    assert len(numbers) > len(lines) - 2 - 130


def test_what_was_let_go_of_does_not_come_back(hub, bus, box, offline, store, dump):
    process = hub("--store", store, "--history", "50events")
    for n in range(4):
        lines = "".join(f"{{\"topic\":\"t\",\"data\":\"data {n} {i}.\"}}\n" for i in range(100))
        assert box.run(program("sse-publish"), "--bus", bus, "--json", input=lines).returncode == 0
    process.stop()
    before = events_of(dump(store))
    assert len(before) == 50
    data = file_of(store).read_bytes()
    assert data.count(b"data 3 ") > 50  # old copies, and those that went
    file_of(store).write_bytes(data.replace(b"data 3 70.", b"DATA 3 70."))
    done = offline("--recover", "--store", store)
    assert done.returncode == 0 and "Saved 49 events" in done.stdout
    assert events_of(dump(store)) == [e for e in before if "data 3 70." not in e]


def test_what_can_be_saved_without_the_pages_around_it(offline, store, load, dump):
    """The first pages are gone, and with them the way to all others."""
    text = text_of(dump_of(300))
    load(text, store)
    write_at(file_of(store), 0, bytes(2 * PAGE))
    done = offline("--recover", "--store", store)
    assert done.returncode == 0, done.stderr
    assert "Saved 300 events, numbers 1 to 300" in done.stdout
    after = dump(store)
    assert events_of(after) == events_of(text)
    lines = [json.loads(line) for line in after.split("\n")[:2]]
    # Where the last event was can only be guessed: one more counts as gone.
    assert lines[0]["last"] == 301 and lines[0]["blind"] == 301
    assert lines[1] == {"kind": "epoch", "epoch": EPOCH, "end": 301}


def test_the_journal_is_saved_too(hub, bus, offline, store, dump):
    process = hub("--store", store, "--sync", "1h")
    # With an end of its own: what follows "data 2" may be a byte that is a 0.
    publish_frames(bus, *((b"t", header(), b"data %d of 30" % n) for n in range(1, 31)))
    process.kill()
    write_at(pathlib.Path(store, "store.journal"),
             find_data(pathlib.Path(store, "store.journal"), b"data 20 of 30"), b"DATA")
    # What is behind it is taken for what a power cut left, so it is cut in
    # the middle of the store's file as well.
    file_of(store).write_bytes(file_of(store).read_bytes()[:100])
    done = offline("--recover", "--store", store)
    assert done.returncode == 0, done.stderr
    assert "Saved 29 events, numbers 1 to 30" in done.stdout
    assert [json.loads(e)["data"] for e in events_of(dump(store))] == [
        f"data {n} of 30" for n in range(1, 31) if n != 20]
    assert len([p for p in os.listdir(store) if ".damaged-" in p]) == 2
    hub("--store", store, "--sync", "1h")
    assert len(kept(bus)) == 29


@pytest.mark.parametrize("seed", range(8))
def test_damage_anywhere(hub, bus, offline, store, load, dump, seed):
    """Bytes that are not what they were, in a store of some thousand events."""
    pick = random.Random(seed)
    text = text_of(dump_of(2500, size=pick.choice([40, 400, 9000]), keys=pick.random() < .5))
    load(text, store)
    original = events_of(text)
    good = file_of(store).read_bytes()
    for _ in range(4):
        file_of(store).unlink()
        data = bytearray(good)
        for _ in range(pick.choice([1, 3, 30])):
            at = pick.randrange(len(data))
            if pick.random() < .2:  # a page of something else
                at -= at % PAGE
                data[at:at + PAGE] = pick.choice([bytes(PAGE), pick.randbytes(PAGE)])
            elif pick.random() < .4:  # what LMDB reads of a page before all else
                data[at - at % PAGE + pick.randrange(64)] ^= 1 << pick.randrange(8)
            else:
                data[at] ^= 1 << pick.randrange(8)
        if pick.random() < .2:
            del data[pick.randrange(len(data)):]
        file_of(store).write_bytes(data)

        done = offline("--check", "--store", store)
        assert done.returncode in (0, 65), done.stderr
        assert file_of(store).read_bytes() == data
        if done.returncode == 0:
            assert events_of(dump(store)) == original
            continue
        done = offline("--recover", "--store", store)
        assert done.returncode in (0, 65), done.stderr
        if done.returncode == 65:
            assert file_of(store).read_bytes() == data
            continue
        again = offline("--check", "--store", store)
        assert again.returncode == 0, done.stdout + again.stderr
        saved = events_of(dump(store))
        rest = iter(original)
        assert saved and all(event in rest for event in saved)  # some, in order
        assert f"Saved {len(saved)} events" in done.stdout
        process = hub("--store", store, "--history", "10000events,1GiB")
        assert len(kept(bus)) == len(saved)
        process.stop()


# --- epochs -----------------------------------------------------------------


@pytest.mark.parametrize("sync", ["always", "1h"])
def test_a_new_epoch_knows_the_old_one(hub, worker, publish, connect, offline, store, sync):
    process = hub("--store", store, "--sync", sync)
    ids = [publish("news", f"n{i}") for i in range(1, 4)]
    process.kill()
    done = offline("--new-epoch", "--store", store)
    assert done.returncode == 0, done.stderr
    old, new = re.match(r"Epoch (\w{8}) ended with number 3; (\w{8}) begins", done.stdout).groups()
    assert old == ids[0][:8] != new

    hub("--store", store, "--sync", sync)
    w = worker("--hub", "off")
    stream = connect(w.socket, "/sse/news", headers={"Last-Event-ID": ids[0]})
    assert stream.data(2) == ["n2", "n3"]
    assert publish("news", "n4") == f"{new}-4"
    event = stream.next()
    assert (event.event, event.data, event.id) == ("message", "n4", f"{new}-4")


def test_a_copy_is_in_doubt_and_so_is_its_dump(hub, bus, offline, store, dump, load, box):
    process = hub("--store", store)
    ids = publish_frames(bus, *ALL_KINDS[:3])
    process.stop()
    data = file_of(store).read_bytes()
    os.rename(file_of(store), file_of(store).with_suffix(".old"))
    file_of(store).write_bytes(data)
    assert "will begin a new epoch" in offline("--check", "--store", store).stdout
    lines = [json.loads(line) for line in dump(store).split("\n")[:2]]
    assert lines[0]["epoch"] != ids[0][:8]
    assert lines[1] == {"kind": "epoch", "epoch": ids[0][:8], "end": 3}
    offline("--new-epoch", "--store", store)
    assert "will begin" not in offline("--check", "--store", store).stdout
