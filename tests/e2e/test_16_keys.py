# SPDX-License-Identifier: MIT
"""The bus over the network: who has which key may do what.

With `tcp://127.0.0.1:PORT` and keys, and, where network namespaces can be made,
between two of them over an address that is not a loopback's.
"""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys

import pytest

from harness import TOP, accepts, free_port, program, wait_until

zmq = pytest.importorskip("zmq")
if not zmq.has("curve"):
    pytest.skip("libzmq was built without CURVE", allow_module_level=True)

OK, USAGE, NO_HUB, LATER, DENIED = 0, 64, 69, 75, 77
PATIENCE_MS = 30000


def key_of(path, kind="public"):
    """One of the two keys in a file."""
    return re.search(rf'^ *{kind}-key = "(.{{40}})"$', open(path).read(), re.M).group(1)


class Keys:
    """A directory that sse-hub --make-keys made."""

    def __init__(self, box, name="keys"):
        self.dir = box.path(name)
        self.made = box.run(program("sse-hub"), "--make-keys", self.dir)
        assert self.made.returncode == OK, self.made.stderr

    def path(self, name):
        return os.path.join(self.dir, name)

    def client(self, name="publisher", hub="hub.pub"):
        """The options of a client."""
        return "--curve-key", self.path(f"{name}.key"), "--curve-hub", self.path(hub)

    @property
    def hub(self):
        """The options of the hub."""
        return "--curve-key", self.path("hub.key"), "--curve-clients", self.path("clients")

    def secrets(self):
        return [key_of(self.path(f), "secret") for f in os.listdir(self.dir) if f.endswith(".key")]


@pytest.fixture
def keys(box):
    return Keys(box)


@pytest.fixture
def address():
    return f"tcp://127.0.0.1:{free_port(in_a_row=3)}"


def has_ipv6():
    with socket.socket(socket.AF_INET6) as s:
        try:
            s.bind(("::1", 0))
            return True
        except OSError:
            return False


@pytest.fixture
def tcp_hub(box, address):
    """tcp_hub(OPTIONS...): sse-hub on the address, when it can be reached."""
    def start(*options):
        process = box.start(program("sse-hub"), "--bus", address, *options)
        host, port = address.removeprefix("tcp://").rsplit(":", 1)
        wait_until("the hub listens",
                   lambda: accepts((host, int(port))) or not process.running())
        assert process.running(), process.stderr()
        return process
    return start


@pytest.fixture
def publish_with(box, address):
    def run(*options, topic="news", data="hello"):
        return box.run(program("sse-publish"), "--bus", address, *options, topic, data)
    return run


@pytest.fixture
def subscribe_with(box, address):
    def run(*options):
        return box.run(program("sse-subscribe"), "--bus", address, "--timeout", "30s",
                       "--earliest", *options)
    return run


# --- making keys ----------------------------------------------------------------

def test_makes_keys_once(box, keys):
    modes = {f: stat.S_IMODE(os.stat(keys.path(f)).st_mode) for f in os.listdir(keys.dir)}
    assert modes == {"hub.key": 0o600, "hub.pub": 0o644, "clients": 0o644,
                     "publisher.key": 0o600, "worker.key": 0o600}
    assert not any(s in keys.made.stdout + keys.made.stderr for s in keys.secrets())
    before = {f: open(keys.path(f)).read() for f in modes}
    again = box.run(program("sse-hub"), "--make-keys", keys.dir)
    assert again.returncode == OK
    assert {f: open(keys.path(f)).read() for f in os.listdir(keys.dir)} == before
    assert before["clients"].splitlines()[-2:] == [
        f"publish {key_of(keys.path('publisher.key'))} publisher",
        f"follow {key_of(keys.path('worker.key'))} worker"]


def test_makes_a_key_for_one_more_client(box, keys):
    with open(keys.path("clients"), "a") as clients:
        clients.write("# a line without an end")
    done = box.run(program("sse-hub"), "--make-keys", keys.dir, "publish:web1", "follow:publisher")
    assert done.returncode == OK, done.stderr
    assert open(keys.path("clients")).read().splitlines()[-2:] == [
        f"publish {key_of(keys.path('web1.key'))} web1",
        f"follow {key_of(keys.path('publisher.key'))} publisher"]


@pytest.mark.parametrize("client", ["web1", "x:web1", "publish:", "publish:../x", "publish:a b",
                                    "publish:hub", "publish:.x", ":x", "publish:" + "x" * 65])
def test_refuses_what_is_no_client(box, keys, client):
    before = sorted(os.listdir(keys.dir))
    done = box.run(program("sse-hub"), "--make-keys", keys.dir, client)
    assert done.returncode == USAGE and "publish:NAME" in done.stderr
    assert sorted(os.listdir(keys.dir)) == before


def test_makes_no_keys_where_others_can_replace_them(box):
    os.mkdir(box.path("open"))
    os.chmod(box.path("open"), 0o777)
    done = box.run(program("sse-hub"), "--make-keys", box.path("open"))
    assert done.returncode == DENIED and "chmod o-w" in done.stderr
    assert os.listdir(box.path("open")) == []


def test_other_programs_read_the_files(keys):
    auth = pytest.importorskip("zmq.auth")
    public, secret = auth.load_certificate(keys.path("publisher.key"))
    assert public.decode() == key_of(keys.path("publisher.key"))
    assert zmq.curve_public(secret) == public
    assert auth.load_certificate(keys.path("hub.pub"))[1] is None


# --- who may do what -------------------------------------------------------------

@pytest.mark.smoke
def test_the_right_keys_work(keys, tcp_hub, publish_with, subscribe_with):
    process = tcp_hub(*keys.hub)
    done = publish_with(*keys.client(), "-v")
    assert done.returncode == OK and done.stdout.endswith("-1\n"), done.stderr
    done = subscribe_with(*keys.client("worker"), "-n", "1")
    assert (done.returncode, done.stdout) == (OK, "news\thello\n"), done.stderr
    # the hub's own key may do all, on the hub's own machine
    assert publish_with(*keys.client("hub")).returncode == OK
    assert subscribe_with(*keys.client("hub"), "-n", "2").returncode == OK
    assert process.stop() == OK
    assert "refused" not in process.stderr()


def test_the_environment_names_keys(box, keys, address, tcp_hub):
    process = tcp_hub(*keys.hub)
    env = {"SSE_BUS": address, "SSE_CURVE_KEY": keys.path("publisher.key"),
           "SSE_CURVE_HUB": keys.path("hub.pub")}
    assert box.run(program("sse-publish"), "news", "x", env=env).returncode == OK
    # where a directory is the bus, nobody looks at them
    env.update(SSE_BUS=box.dir, SSE_CURVE_KEY="/nowhere", SSE_CURVE_HUB="/nowhere")
    done = box.run(program("sse-publish"), "--timeout", "0", "news", "x", env=env)
    assert done.returncode == NO_HUB and "nowhere" not in done.stderr
    process.stop()


def test_a_strangers_key_is_refused(box, keys, tcp_hub, publish_with, subscribe_with):
    process = tcp_hub(*keys.hub)
    other = Keys(box, "other")
    for name, run in (("publisher", publish_with), ("worker", subscribe_with)):
        own = other.path(f"{name}.key")
        done = run("--curve-key", own, "--curve-hub", keys.path("hub.pub"))
        assert done.returncode == DENIED, done.stderr
        assert "--curve-clients" in done.stderr and key_of(own) in done.stderr
        assert key_of(own) in process.stderr()
    done = box.run(program("sse-publish"), "--bus", process.args[2], "--curve-key",
                   other.path("publisher.key"), "--curve-hub", keys.path("hub.pub"),
                   "--lines", "news", input="a\nb\n")
    assert done.returncode == DENIED, done.stderr
    assert process.stderr().count("refused a client") < 5  # many more were
    said = process.stderr() + done.stderr
    assert not any(s in said for s in keys.secrets() + other.secrets())


def test_a_key_may_do_no_more_than_its_line_says(keys, tcp_hub, publish_with, subscribe_with):
    process = tcp_hub(*keys.hub)
    done = publish_with(*keys.client("worker"))
    assert done.returncode == DENIED and "does not let our key publish" in done.stderr
    done = subscribe_with(*keys.client("publisher"))
    assert done.returncode == DENIED and "does not let our key follow" in done.stderr
    assert "publisher, with the key" in process.stderr()
    assert "may not follow" in process.stderr()


def test_events_are_not_for_publishers(keys, address, tcp_hub, publish_with):
    """The third port by itself, in the words of doc/protocol.md."""
    tcp_hub(*keys.hub)
    host, port = address.rsplit(":", 1)
    context = zmq.Context()
    try:
        for name, is_in in (("worker", True), ("publisher", False)):
            sub = context.socket(zmq.SUB)
            sub.linger, sub.rcvtimeo = 0, PATIENCE_MS if is_in else 2500
            sub.curve_publickey = key_of(keys.path(f"{name}.key")).encode()
            sub.curve_secretkey = key_of(keys.path(f"{name}.key"), "secret").encode()
            sub.curve_serverkey = key_of(keys.path("hub.pub")).encode()
            sub.subscribe(b"")
            sub.connect(f"{host}:{int(port) + 2}")
            if is_in:
                assert sub.recv_multipart()[0] == b"\xffhb"
            else:
                assert publish_with(*keys.client()).returncode == OK
                with pytest.raises(zmq.Again):
                    sub.recv()
    finally:
        context.destroy(linger=0)


def test_the_program_in_the_protocol(box, keys, address, tcp_hub):
    tcp_hub(*keys.hub)
    code, = re.findall(r"```python\n(# keys.py:.*?)```",
                       (TOP / "doc/protocol.md").read_text(), re.DOTALL)
    code = code.replace("/etc/sse-fcgi/keys", keys.dir).replace("tcp://192.0.2.1:5560", address)
    done = box.run(sys.executable, "-c", code)
    assert done.returncode == OK and done.stdout.endswith("-1\n"), done.stderr
    done = box.run(sys.executable, "-c", code.replace("publisher.key", "worker.key"))
    assert done.returncode != OK and "zmq.error.Again" in done.stderr


def test_another_hub_is_not_trusted(box, keys, tcp_hub, publish_with, subscribe_with):
    tcp_hub(*keys.hub)
    other = Keys(box, "other")
    hub = "--curve-hub", other.path("hub.pub")
    done = publish_with("--curve-key", keys.path("publisher.key"), *hub)
    assert done.returncode == DENIED and "Copy hub.pub" in done.stderr
    done = subscribe_with("--curve-key", keys.path("worker.key"), *hub)
    assert done.returncode == DENIED and "Copy hub.pub" in done.stderr


def test_a_plain_client_is_told(keys, tcp_hub, publish_with, box, address):
    tcp_hub(*keys.hub)
    done = publish_with("--timeout", "2s")
    assert done.returncode == LATER and "--curve-key" in done.stderr
    done = box.run(program("sse-subscribe"), "--bus", address, "--timeout", "3s")
    assert done.returncode == NO_HUB and "--curve-key" in done.stderr


def test_a_plain_hub_is_told_from_one_with_keys(keys, tcp_hub, publish_with, subscribe_with):
    tcp_hub()
    done = publish_with(*keys.client())
    assert done.returncode == DENIED, done.stderr
    done = subscribe_with(*keys.client("worker"))
    assert done.returncode == DENIED, done.stderr
    assert publish_with().returncode == OK


def test_no_hub_at_all(keys, publish_with, box):
    done = publish_with("--timeout", "1s", *keys.client())
    assert done.returncode == NO_HUB
    # a name that nobody has; whoever looks for it must not hang
    done = box.run(program("sse-publish"), "--bus", "tcp://nobody.invalid:5560", "--timeout", "2s",
                   *keys.client(), "news", "x")
    assert done.returncode == NO_HUB and "nobody answers there" in done.stderr


def test_the_list_is_read_again(box, keys, tcp_hub, publish_with):
    """A worker that was refused comes in by itself when it is listed."""
    process = tcp_hub(*keys.hub)
    other = Keys(box, "other")
    worker = box.start(program("sse-fcgi"), "--hub", "off", "--bus", process.args[2],
                       "--listen", f"unix:{box.path('w.sock')}",
                       "--curve-key", other.path("worker.key"),
                       "--curve-hub", keys.path("hub.pub"))
    wait_until("the worker says why", lambda: "does not let our key follow" in worker.stderr())
    with open(keys.path("clients"), "a") as clients:
        clients.write(f"follow {key_of(other.path('worker.key'))} late\n")
    wait_until("the worker is in", lambda: "lets us in now" in worker.stderr())

    with open(keys.path("clients"), "w") as clients:
        clients.write("nonsense\n")
    assert publish_with(*keys.client()).returncode == OK
    wait_until("the hub says so", lambda: "Line 1 of" in process.stderr())
    with open(keys.path("clients"), "w") as clients:
        clients.write("# nobody any more\n")
    assert publish_with(*keys.client()).returncode == DENIED
    assert worker.stop() == OK and process.stop() == OK


@pytest.mark.smoke
@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0", "*", "[::]"])
def test_sse_fcgi_with_a_hub_of_its_own(box, keys, address, publish_with, connect, bind):
    if bind == "[::]" and not has_ipv6():
        pytest.skip("there is no IPv6 here")
    path = box.path("w.sock")
    process = box.start(program("sse-fcgi"), "--listen", f"unix:{path}",
                        "--bus", address.replace("127.0.0.1", bind),
                        "--drain", "100ms", *keys.hub)
    wait_until("the worker accepts", lambda: accepts(path) or not process.running())
    stream = connect(path, "/sse?topic=news")
    stream.wait_open()
    assert publish_with(*keys.client()).returncode == OK
    assert stream.next().data == "hello"
    assert process.stop() == OK
    assert not any(s in process.stderr() for s in keys.secrets())


# --- what is refused before anything is started -----------------------------------

BEYOND = "tcp://192.0.2.1:5560"  # of nobody (RFC 5737)


@pytest.mark.parametrize("args", [
    ("sse-hub", "--bus", BEYOND),
    ("sse-hub", "--bus", "tcp://0.0.0.0:5560"),
    ("sse-hub", "--bus", "tcp://*:5560"),
    ("sse-hub", "--bus", "tcp://[::]:5560"),
    ("sse-fcgi", "--bus", BEYOND, "--listen", "unix:/nowhere/s"),
    ("sse-fcgi", "--bus", BEYOND, "--listen", "unix:/nowhere/s", "--hub", "off"),
    ("sse-publish", "--bus", BEYOND, "t", "d"),
    ("sse-subscribe", "--bus", BEYOND),
])
def test_no_network_without_keys(box, args):
    done = box.run(program(args[0]), *args[1:])
    assert done.returncode == USAGE and "sse-hub --make-keys DIR" in done.stderr, done.stderr


def test_half_the_keys(box, keys, publish_with):
    own, hub = keys.client()[:2], keys.client()[2:]
    for given in (own, hub):
        done = publish_with(*given)
        assert done.returncode == USAGE and "goes with" in done.stderr
    done = box.run(program("sse-hub"), "--bus", BEYOND, *keys.hub[:2])
    assert done.returncode == USAGE and "--curve-clients" in done.stderr
    done = box.run(program("sse-hub"), "--bus", BEYOND, *keys.hub[2:])
    assert done.returncode == USAGE and "--make-keys" in done.stderr
    done = box.run(program("sse-fcgi"), "--bus", BEYOND, *keys.hub[:2], "--check-config")
    assert done.returncode == USAGE and "--hub off" in done.stderr
    done = publish_with("--curve-key", "", *hub)
    assert done.returncode == USAGE


def spoil(how, path):
    if how == "absent":
        os.unlink(path)
    elif how == "world-readable":
        os.chmod(path, 0o604)
    elif how == "world-writable":
        os.chmod(path, 0o602)
    else:
        text = open(path).read()
        if how == "malformed":
            text = text.replace('secret-key = "', 'secret-key = "x')
        else:
            text = text.replace(key_of(path), zmq.curve_keypair()[0].decode())
        with open(path, "w") as file:
            file.write(text)


@pytest.mark.parametrize("how", ["absent", "world-readable", "world-writable", "malformed",
                                 "mixed"])
def test_an_unfit_file(box, keys, address, publish_with, subscribe_with, how):
    secrets = keys.secrets()
    want = DENIED if how.startswith("world") else USAGE
    for name in ("hub", "publisher", "worker"):
        spoil(how, keys.path(f"{name}.key"))
    tries = [
        publish_with(*keys.client()),
        subscribe_with(*keys.client("worker")),
        box.run(program("sse-hub"), "--bus", address, *keys.hub),
        box.run(program("sse-fcgi"), "--bus", address, "--hub", "off", "--check-config",
                *keys.client("worker")),
    ]
    for done in tries:
        assert done.returncode == want and ".key" in done.stderr, (done.args, done.stderr)
        assert not any(s in done.stderr for s in secrets)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_file_that_may_not_be_read(box, keys, address):
    done = box.run(program("sse-publish"), "--bus", address, *keys.client(), "t", "d", user=65534)
    assert done.returncode == DENIED and "Permission denied" in done.stderr, done.stderr


def test_a_list_that_others_may_write(box, keys, address):
    os.chmod(keys.path("clients"), 0o666)
    done = box.run(program("sse-hub"), "--bus", address, *keys.hub)
    assert done.returncode == DENIED and "chmod o-w" in done.stderr


# --- between machines -------------------------------------------------------------

class Machines:
    """Two network namespaces with a cable between them."""

    def __init__(self):
        self.ip = shutil.which("ip", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
        self.names = [f"sse-{os.getpid()}-{i}" for i in (1, 2)]
        self.addresses = ["192.0.2.1", "192.0.2.2"]

    def do(self, *args):
        return subprocess.run([self.ip, *args], capture_output=True, check=False).returncode == 0

    def make(self):
        one, two = self.names
        return self.do("netns", "add", one) and self.do("netns", "add", two) and \
            self.do("-n", one, "link", "add", "sse0", "type", "veth", "peer", "name", "sse0",
                    "netns", two) and \
            all(self.do("-n", n, "address", "add", f"{a}/24", "dev", "sse0") and
                self.do("-n", n, "link", "set", "sse0", "up")
                for n, a in zip(self.names, self.addresses))

    def at(self, which, *args):
        """The command line that runs a program on one of the machines."""
        return self.ip, "netns", "exec", self.names[which], *args

    def remove(self):
        for name in self.names:
            self.do("netns", "delete", name)


@pytest.fixture
def machines(box):
    m = Machines()
    if os.geteuid() != 0 or not m.ip:
        pytest.skip("network namespaces need root and iproute2")
    try:
        if not m.make():
            pytest.skip("no network namespaces can be made here")
        yield m
    finally:
        for process in reversed(box.processes):
            process.stop()
        m.remove()


@pytest.mark.parametrize("bind", ["192.0.2.1", "0.0.0.0", "*"])
def test_from_machine_to_machine(box, keys, machines, connect, bind):
    hub = box.start(*machines.at(0, program("sse-hub"), "--bus", f"tcp://{bind}:5560", *keys.hub))
    bus = "--bus", "tcp://192.0.2.1:5560"
    done = box.run(*machines.at(1, program("sse-publish"), *bus, "--timeout", "30s",
                                *keys.client(), "-v", "news", "first"))
    assert done.returncode == OK, done.stderr + hub.stderr()
    path = box.path("w.sock")
    worker = box.start(*machines.at(1, program("sse-fcgi"), "--hub", "off", *bus,
                                    "--listen", f"unix:{path}", "--drain", "100ms",
                                    *keys.client("worker")))
    wait_until("the worker accepts", lambda: accepts(path))
    stream = connect(path, "/sse?topic=news&last=1")
    assert stream.next().data == "first"
    done = box.run(*machines.at(1, program("sse-publish"), *bus, *keys.client(), "news", "second"))
    assert done.returncode == OK, done.stderr
    assert stream.next().data == "second"

    other = Keys(box, "other")
    done = box.run(*machines.at(1, program("sse-publish"), *bus, "--curve-key",
                                other.path("publisher.key"), "--curve-hub",
                                keys.path("hub.pub"), "news", "third"))
    assert done.returncode == DENIED, done.stderr
    assert "192.0.2.2" in hub.stderr()
    assert worker.stop() == OK and hub.stop() == OK


def test_a_hub_needs_an_address_of_its_own(box, keys, machines):
    done = box.run(*machines.at(0, program("sse-hub"), "--bus", "tcp://192.0.2.9:5560", *keys.hub))
    assert done.returncode != OK and "--hub off" in done.stderr
    done = box.run(*machines.at(1, program("sse-publish"), "--bus", "tcp://192.0.2.9:5560",
                                "--timeout", "2s", *keys.client(), "t", "d"))
    assert done.returncode == NO_HUB, done.stderr
