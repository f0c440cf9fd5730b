# SPDX-License-Identifier: MIT
"""What is acknowledged is there: through disks that are full, hubs that are
killed or restarted; and where it is kept.

(Network file systems are not tested: that takes one.)
"""

import os
import pathlib
import resource
import signal
import subprocess

import pytest

from harness import PATIENCE, accepts, children, program, wait_until

SYNC = pytest.mark.parametrize("sync", ["always", "1s"])
LARGE = "x" * 100000


@pytest.fixture
def store(box):
    return box.path("store")


@pytest.fixture
def offer(box, bus):
    """offer(DATA, OPTIONS...): sse-publish as it ends, with its id if it has one."""
    def run(data, *options):
        done = box.run(program("sse-publish"), "--bus", bus, "-v", "--timeout", "1s", *options,
                       "--", "t", data)
        done.id = done.stdout.strip() if done.returncode == 0 else None
        return done
    return run


@pytest.fixture
def kept(box, bus):
    """kept(N): the data of the first N events that the hub still has, and no more
    than N are waited for."""
    def run(count):
        done = box.run(program("sse-subscribe"), "--bus", bus, "--earliest", f"-n{count}", "t")
        assert done.returncode == 0, done
        return [line.split("\t", 1)[1] for line in done.stdout.splitlines()]
    return run


def number(id_):
    return int(id_.rsplit("-", 1)[1])


def epoch(id_):
    return id_.rsplit("-", 1)[0]


def fill(offer, acknowledged, limit=100):
    """Publishes until it is refused. The refusal."""
    for n in range(limit):
        data = f"{n} {LARGE}"
        done = offer(data)
        if done.returncode != 0:
            return done
        acknowledged.append((done.id, data))
    raise AssertionError("the disk never was full")


def check_full(box, hub, offer, kept, acknowledged, where):
    """Nothing is taken, and it is said; what was is read."""
    done = offer(f"refused {LARGE}")
    assert done.returncode == 75, done
    assert f"disk full on {where}" in done.stderr, done.stderr
    wait_until("the log says so", lambda: f"disk full on {where}" in hub.stderr())
    assert kept(len(acknowledged)) == [data for _, data in acknowledged]


def check_goes_on(hub, offer, kept, acknowledged):
    def more():
        done = offer("more")
        if done.returncode == 0:
            acknowledged.append((done.id, "more"))
        return done.returncode == 0

    wait_until("it takes events again, by itself", more)
    wait_until("the log says so", lambda: "events are stored again" in hub.stderr())
    assert kept(len(acknowledged)) == [data for _, data in acknowledged]
    ids = [id_ for id_, _ in acknowledged]
    assert len({epoch(i) for i in ids}) == 1
    assert [number(i) for i in ids] == list(range(1, len(ids) + 1))


# --- a full disk --------------------------------------------------------------

@pytest.fixture
def small_disk(store):
    """A file system of 5 MiB, and how to fill it."""
    os.mkdir(store)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m,mode=0700", "tmpfs", store],
                          stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        pytest.skip("needs root, and to mount a tmpfs")
    yield store
    subprocess.run(["umount", "--lazy", store], check=True)


@SYNC
def test_a_full_disk(box, hub, offer, kept, small_disk, sync):
    process = hub("--store", small_disk, "--sync", sync, "--history", "64MiB")
    acknowledged = [(offer("first").id, "first")]
    filler = pathlib.Path(small_disk, "filler")
    with open(filler, "wb") as f:  # all but some
        f.write(b"x" * (3 << 20))
    fill(offer, acknowledged)
    check_full(box, process, offer, kept, acknowledged, small_disk)
    filler.unlink()
    check_goes_on(process, offer, kept, acknowledged)
    # Another hub after it has all of them, also one that begins on a full disk.
    with open(filler, "wb", buffering=0) as f, pytest.raises(OSError):
        while True:
            f.write(b"x" * 4096)
    process.kill()
    process = hub("--store", small_disk, "--sync", sync, "--history", "64MiB")
    assert kept(len(acknowledged)) == [data for _, data in acknowledged]
    filler.unlink(missing_ok=True)
    done = wait_until("it takes events", lambda: (d := offer("last")).returncode == 0 and d)
    assert number(done.id) > number(acknowledged[-1][0])
    assert epoch(done.id) == epoch(acknowledged[0][0])


@SYNC
def test_a_limit_of_file_size(box, hub, offer, kept, store, sync):
    process = hub("--store", store, "--sync", sync, "--history", "64MiB")
    acknowledged = []
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    fill(offer, acknowledged)
    check_full(box, process, offer, kept, acknowledged, store)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    check_goes_on(process, offer, kept, acknowledged)
    assert process.stop() == 0
    hub("--store", store, "--sync", sync, "--history", "64MiB")
    assert kept(len(acknowledged)) == [data for _, data in acknowledged]


# --- hubs come and go ---------------------------------------------------------

@SYNC
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_next_hub_goes_on_in_the_same_epoch(hub, publish, kept, store, sync, end):
    ids = []
    for n in range(5):
        process = hub("--store", store, "--sync", sync)
        assert f"events are kept in {store}" in process.stderr()
        ids += [publish("t", f"{n}.{k}").split()[-1] for k in range(3)]
        getattr(process, end)()
    assert len({epoch(i) for i in ids}) == 1
    assert [number(i) for i in ids] == list(range(1, 16))
    hub("--store", store, "--sync", sync)
    assert kept(15) == [f"{n}.{k}" for n in range(5) for k in range(3)]


def hub_of(pid):
    """The hub that a supervisor runs."""
    for child in children(pid):
        if pathlib.Path(f"/proc/{child}/comm").read_text().startswith("hub"):
            return child
    return None


def test_a_killed_hub_of_the_worker_is_not_noticed(box, worker, bus, connect):
    """Its store is beside the bus. Streams see all that is published meanwhile,
    once and in order, and hear of no gap."""
    w = worker("--workers", "2")
    assert os.path.exists(f"{bus}/store/store.mdb")
    streams = [connect(w.socket, "/sse/t").wait_placed() for _ in range(4)]
    count = 60
    publisher = box.start(program("sse-publish"), "--bus", bus, "--lines", "--timeout", "60s",
                          "t", stdin=subprocess.PIPE)
    for n in range(count):
        publisher.popen.stdin.write(f"{n}\n".encode())
        publisher.popen.stdin.flush()
        if n % 20 != 10:
            continue
        streams[0].wait("what was said is there", lambda k=n: any(
            e.data == str(k) for e in streams[0].queue))
        old = wait_until("there is a hub", lambda: hub_of(w.pid))
        os.kill(old, signal.SIGKILL)
        wait_until("there is another hub", lambda o=old: hub_of(w.pid) not in (None, o))
    publisher.popen.stdin.close()
    assert publisher.wait() == 0, publisher.stderr()
    for stream in streams:
        assert [(e.event, e.data) for e in (stream.next() for _ in range(count))] == [
            ("message", str(n)) for n in range(count)]
        assert not stream.queue


# --- where it is --------------------------------------------------------------

def serves(process, bus):
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish") or not process.running())
    assert process.running(), process.stderr()


def test_the_directory_of_systemd(box, bus, publish):
    state = box.path("state directory")
    process = box.start(program("sse-hub"), "--bus", bus,
                        env={"STATE_DIRECTORY": f"{state}:/elsewhere"})
    serves(process, bus)
    assert os.path.exists(f"{state}/store.mdb")
    assert os.stat(state).st_mode & 0o777 == 0o700
    assert f"events are kept in {state}" in process.stderr()


def test_no_place_is_memory_unless_it_was_named(box, bus, publish):
    file = box.path("a file")
    pathlib.Path(file).write_text("not a directory", encoding="utf-8")
    process = box.start(program("sse-hub"), "--bus", bus, env={"STATE_DIRECTORY": f"{file}/x"})
    serves(process, bus)
    said = process.stderr()
    assert "events are kept in memory" in said and f"{file}/x" in said and "--store" in said
    publish("t", "taken")
    process.stop()
    done = box.run(program("sse-hub"), "--bus", bus, "--store", f"{file}/x")
    assert done.returncode == 73, done
    assert f"{file}/x" in done.stderr and "--store memory" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_a_place_where_one_may_not_write(box, bus):
    store = box.path("roots")
    os.mkdir(store, 0o755)
    os.chown(bus, 65534, 65534)
    other = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             program("sse-hub"), "--bus", bus, "--store", store)
    done = box.run(*other)
    if "sse-hub" in done.stderr and "cannot execute" in done.stderr.lower():
        pytest.skip("the build is where others cannot go")
    assert done.returncode == 77, done
    assert f"Cannot write in {store}: Permission denied. Make it" in done.stderr
    assert not os.listdir(store)
    # Somebody else's.
    os.close(os.open(f"{store}/store.lock", os.O_CREAT, 0o600))
    done = box.run(*other)
    assert done.returncode == 77, done
    assert f"{store}/store.lock: Permission denied. Let the user" in done.stderr


def test_a_store_that_another_hub_uses(box, hub, store, publish):
    hub("--store", store)
    other = box.path("bus2")
    os.mkdir(other, 0o700)
    done = box.run(program("sse-hub"), "--bus", other, "--store", store, timeout=PATIENCE)
    assert done.returncode == 75, done
    assert f"The store in {store} is in use by another hub" in done.stderr
    publish("t", "not disturbed")


def test_memory_says_so_and_keeps_nothing(hub, publish, bus):
    process = hub("--store", "memory")
    assert "events are kept in memory" in process.stderr()
    first = publish("t", "x").split()[-1]
    process.kill()
    hub("--store", "memory")
    assert epoch(publish("t", "x").split()[-1]) != epoch(first)
    assert not os.path.exists(f"{bus}/store")


def test_a_backup_that_is_written_over_the_store(bus, hub, publish):
    """The file is the same one, but has less in it than it had."""
    h = hub()
    first = publish("t", "1")
    assert h.stop() == 0
    with open(f"{bus}/store/store.mdb", "rb") as f:
        backup = f.read()
    h = hub()
    second = publish("t", "2")
    assert h.stop() == 0
    with open(f"{bus}/store/store.mdb", "r+b") as f:
        f.write(backup)
        f.truncate(len(backup))
    h = hub()
    assert "a backup was written over it" in h.stderr()
    third = publish("t", "3")
    assert first.split("-")[0] == second.split("-")[0] != third.split("-")[0]
    # That was once, and is settled.
    assert h.stop() == 0
    hub()
    assert publish("t", "4").split("-")[0] == third.split("-")[0]


def test_from_memory_to_a_directory(box, hub, offer, kept, bus, store):
    """Nothing is lost when a hub gets a directory: ids, keys and gaps go with it."""
    process = hub("--store", "memory", "--history", "4events")
    ids = [offer(f"{n}", f"--key=key-{n}").id for n in range(6)]
    assert process.stop() == 0
    process = hub("--store", store)
    assert f"kept in {store} from now on" in process.stderr()
    assert not os.path.exists(f"{bus}/memory")
    assert offer("again", "--key=key-1").id == ids[1]
    ids.append(offer("6").id)
    assert ids == [f"{epoch(ids[0])}-{n}" for n in range(1, 8)]
    process.kill()
    hub("--store", store)
    assert kept(5) == ["2", "3", "4", "5", "6"]
    missed = box.run(program("sse-subscribe"), "--bus", bus, "--json", "--after", ids[0], "-n1", "t")
    assert "trimmed" in missed.stdout + missed.stderr, missed


def test_from_memory_to_a_directory_without_room(box, hub, bus, offer, kept, small_disk):
    """What was left stays, and goes there when there is room."""
    process = hub("--store", "memory")
    first = offer("first").id
    assert process.stop() == 0
    filler = pathlib.Path(small_disk, "filler")
    with open(filler, "wb", buffering=0) as f, pytest.raises(OSError):
        while True:
            f.write(b"x" * 4096)
    done = box.run(program("sse-hub"), "--bus", bus, "--store", small_disk)
    assert done.returncode == 75, done
    assert f"{bus}/memory: disk full on {small_disk}" in done.stderr
    filler.unlink()
    hub("--store", small_disk)
    assert epoch(offer("second").id) == epoch(first)
    assert kept(2) == ["first", "second"]
    assert "memory" not in " ".join(os.listdir(bus))


def test_from_memory_to_a_directory_that_has_a_store(hub, offer, kept, store):
    """What is there already stays, and what is dropped is said."""
    process = hub("--store", store)
    first = offer("old").id
    assert process.stop() == 0
    process = hub("--store", "memory")
    assert offer("dropped").returncode == 0
    assert process.stop() == 0
    process = hub("--store", store)
    assert "dropped" in process.stderr() and store in process.stderr()
    assert epoch(offer("new").id) == epoch(first)
    assert kept(2) == ["old", "new"]


@SYNC
def test_a_store_that_is_removed_while_it_is_in_use(hub, offer, kept, store, sync):
    """Nothing is acknowledged that only a file without a name would have."""
    process = hub("--store", store, "--sync", sync)
    assert offer("first").id
    os.rename(f"{store}/store.mdb", f"{store}/away")
    done = offer("refused")
    assert done.returncode == 75, done
    assert f"{store}/store.mdb was removed" in done.stderr
    assert kept(1) == ["first"]
    pathlib.Path(f"{store}/store.mdb").write_bytes(pathlib.Path(f"{store}/away").read_bytes())
    assert offer("refused").returncode == 75
    os.rename(f"{store}/away", f"{store}/store.mdb")
    assert offer("second").id
    process.kill()
    hub("--store", store, "--sync", sync)
    assert kept(2) == ["first", "second"]


@pytest.mark.parametrize("damage", ["gone", "middle"])
def test_a_journal_that_lacks_events(bus, hub, publish, damage):
    """What was acknowledged and is not there is said, and no number is given twice."""
    h = hub("--sync", "1h")
    ids = [publish("t", f"{n}") for n in range(4)]
    h.kill()
    journal = f"{bus}/store/store.journal"
    if damage == "gone":
        os.unlink(journal)
    else:
        with open(journal, "r+b") as f:
            f.seek(os.path.getsize(journal) // 2)
            f.write(b"\xff\xff\xff\xff")
    h = hub("--sync", "1h")
    assert "its journal is damaged or gone" in h.stderr()
    assert publish("t", "next").split("-")[0] != ids[0].split("-")[0]
    # A journal that is whole is no reason for doubt.
    h.kill()
    h = hub("--sync", "1h")
    assert "may lack numbers" not in h.stderr()
