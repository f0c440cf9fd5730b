# SPDX-License-Identifier: MIT
"""sse-cgi: behind real web servers that run it for each request, and by itself
with many requests at once.

Its settings come in a file that SSE_CONFIG names. The service that it starts is
nobody's child; a Host ends it.
"""

import os
import pathlib
import pwd
import resource
import signal
import socket
import subprocess

import pytest

import servers
from harness import PATIENCE, TOP, accepts, alive, children, program, wait_until
from servers import APACHE, LIGHTTPD, MODULES
from streams import END, STDIN, STDOUT, Decoder, Ended, record

OPTIONS = "--heartbeat 200ms --retry 100ms --drain 100ms"
NAMES = ("sse", "nph-sse")


def processes():
    """(pid, command line, environment) of all that may be looked at."""
    for each in pathlib.Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                yield int(each.name), (each / "cmdline").read_bytes(), \
                    (each / "environ").read_bytes()
            except OSError:
                pass  # ended meanwhile, or another's


def end(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has ended by itself


class Host:
    """An account on a machine with nothing but a cgi-bin."""

    def __init__(self, box, user=None):
        self.box, self.user = box, user
        self.home = box.path("home")
        self.state = os.path.join(self.home, "sse")
        self.cgi = box.path("cgi")
        os.mkdir(self.home)
        os.mkdir(self.cgi)
        if user:
            os.chown(self.home, pwd.getpwnam(user).pw_uid, -1)
        for name in NAMES:
            os.symlink(program("sse-cgi"), os.path.join(self.cgi, name))
        self.config = box.path("sse-cgi.conf")
        self.program = box.path("sse-fcgi")
        self.set()

    def set(self, options="", **settings):
        """Writes sse-cgi's settings; `options` are more of the service's."""
        settings = {"state": self.state, "program": self.program, **settings}
        servers.write(self.config, "".join(f"cgi-{k} = {v}\n" for k, v in settings.items()))
        # The service gets none of our environment, so what sanitizers are to
        # do is told it here.
        sanitizers = "".join(f"export {k}='{v}'\n" for k, v in self.box.env.items()
                             if k.endswith("SAN_OPTIONS"))
        servers.write(self.program, f"#!/bin/sh\n{sanitizers}"
                      f"exec {program('sse-fcgi')} \"$@\" {OPTIONS} {options}\n")
        os.chmod(self.program, 0o755)
        return self

    def env(self):
        """What a web server has to give sse-cgi for a test."""
        return {"SSE_CONFIG": self.config,
                **{k: v for k, v in self.box.env.items() if k.endswith("SAN_OPTIONS")}}

    def service(self):
        """The pids of the service's processes."""
        mark = f"unix:{self.state}/worker.sock".encode()
        return [pid for pid, line, _ in processes() if mark in line]

    def supervisor(self):
        """The one that no other has started: pids begin again at the low ones
        sometimes, so theirs say nothing."""
        pids = self.service()
        started = {child for pid in pids for child in children(pid)}
        return next((pid for pid in pids if pid not in started), None)

    def relays(self):
        """The pids of the sse-cgi that run."""
        mark = f"SSE_CONFIG={self.config}".encode()
        return [pid for pid, _, env in processes() if mark in env.split(b"\0")
                and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "sse-cgi"]

    def connections(self):
        """How many the service has: the worker's ends, which have its path."""
        lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
        return sum(line.endswith(f" {self.state}/worker.sock") and line.split()[5] == "03"
                   for line in lines)

    def log(self):
        path = os.path.join(self.state, "log")
        return pathlib.Path(path).read_text() if os.path.exists(path) else ""

    def starts(self):
        return self.log().count("]: serving unix:")

    def end_service(self):
        pid = self.supervisor()
        if pid:
            end(pid, signal.SIGTERM)
        wait_until("the service ends", lambda: not self.service())

    def publish(self, topic, data, *options):
        who = {"user": self.user} if self.user else {}
        done = self.box.run(program("sse-publish"), "--bus", self.state, "-v", *options, "--",
                            topic, input=data, **who)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def cgi_env(self, target, method="GET", headers=None, script="/cgi/sse", **more):
        path, _, query = target.partition("?")
        return {
            "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method,
            "SCRIPT_NAME": script, "PATH_INFO": path, "REQUEST_URI": script + target,
            "QUERY_STRING": query, "SERVER_PROTOCOL": "HTTP/1.1", **self.env(),
            **{"HTTP_" + k.upper().replace("-", "_"): v for k, v in (headers or {}).items()},
            **more,
        }

    def ask(self, target, *args, **options):
        """One request to its end, without a web server."""
        done = self.box.run(program("sse-cgi"), *args, env=self.cgi_env(target, **options))
        return Answer(done)


class Answer:
    """What a CGI program has printed."""

    def __init__(self, done):
        self.code, self.stderr = done.returncode, done.stderr
        self.head, _, self.body = done.stdout.partition("\r\n\r\n")
        self.decoder = Decoder()
        self.events = self.decoder.feed(self.body.encode())

    def status(self):
        return int(self.head.split("\r\n")[0].split(" ")[1])

    def is_poll(self):
        """A worker's answer, which has a position; not one of sse-cgi's own."""
        return (self.code, self.status(), self.decoder.retry) == (0, 200, 5000) and \
            bool(self.decoder.last_id)


# ---- the web servers ----

def example(name, host):
    """One of the examples, for a cgi-bin of our own."""
    text = (TOP / "examples" / name).read_text()
    for old, new in (("/usr/lib/cgi-bin/", "@/"), ("/usr/local/libexec/sse-fcgi/sse-cgi", "@/sse"),
                     ("/cgi-bin/", "/cgi/"), ("/events", "/cgi/sse"), ("@", host.cgi)):
        text = text.replace(old, new)
    return text


def lighttpd(host, box):
    env = "".join(f'    "{k}" => "{v}",\n' for k, v in host.env().items())
    return servers.lighttpd(box, example("lighttpd/sse-cgi.conf", host) +
                            'server.modules += ( "mod_setenv" )\n'
                            f"setenv.set-environment = (\n{env})\n")


def apache_config(host):
    return example("apache/sse-cgi.conf", host) + f"LoadModule env_module {MODULES}/mod_env.so\n" + \
        "".join(f'SetEnv {k} "{v}"\n' for k, v in host.env().items())


def apache_cgid(host, box):
    return servers.apache(
        box, f"LoadModule alias_module {MODULES}/mod_alias.so\n"
        f"LoadModule cgid_module {MODULES}/mod_cgid.so\n"
        f"ScriptSock {box.path('cgid.sock')}\n" + apache_config(host))


def apache_cgi(host, box, sizes="MaxRequestWorkers 20\n"):
    return servers.apache(
        box, f"LoadModule alias_module {MODULES}/mod_alias.so\n"
        f"LoadModule cgi_module {MODULES}/mod_cgi.so\n" + apache_config(host),
        mpm="prefork", sizes=sizes)


def apache_fcgid(host, box):
    env = "".join(f'FcgidInitialEnv {k} "{v}"\n' for k, v in host.env().items())
    directory = box.path("fcgid")
    os.makedirs(directory)
    if host.user:
        os.chown(directory, pwd.getpwnam(host.user).pw_uid, -1)
    config = example("apache/sse-cgi-fcgid.conf", host)
    return servers.apache(
        box, f"LoadModule alias_module {MODULES}/mod_alias.so\n"
        f"LoadModule fcgid_module {MODULES}/mod_fcgid.so\n"
        f"FcgidIPCDir {directory}\nFcgidProcessTableFile {directory}/shm\n" + env + config)


WAYS = {
    "lighttpd": (lighttpd, "sse"), "lighttpd-nph": (lighttpd, "nph-sse"),
    "cgid": (apache_cgid, "sse"), "cgid-nph": (apache_cgid, "nph-sse"),
    "cgi": (apache_cgi, "sse"), "fcgid": (apache_fcgid, "sse"),
}


@pytest.fixture
def hosts(box):
    """hosts(): a Host; with a user where Apache runs as one."""
    made = []

    def make(user=None):
        made.append(Host(box, user))
        return made[-1]
    yield make
    for stream in box.streams:
        stream.close()
    for host in made:
        for pid in host.relays():
            end(pid, signal.SIGTERM)  # Apache would wait for them
        wait_until("no relay is left", lambda h=host: not h.relays())
        for process in box.processes:
            process.stop()  # so that nobody starts it again
        host.end_service()


class Site:
    """A web server with sse-cgi; `url` is where the stream is."""

    def __init__(self, way, box, hosts):
        start, name = WAYS[way]
        is_apache = start is not lighttpd
        if not (APACHE if is_apache else LIGHTTPD):
            pytest.skip("the web server is not installed")
        self.way = way
        self.host = hosts("www-data" if is_apache and os.geteuid() == 0 else None)
        self.server = start(self.host, box)
        self.url = f"{self.server.url}/cgi/{name}"


@pytest.fixture(params=[way for way in WAYS if not way.endswith("-nph")])
def site(request, box, hosts):
    return Site(request.param, box, hosts)


@pytest.fixture
def host(hosts):
    return hosts()


@pytest.mark.smoke
@pytest.mark.parametrize("site", WAYS, indirect=True)
def test_streams(site, connect):
    """The first request starts the service; all that a stream can do works."""
    host = site.host
    stream = connect(site.url + "/news").wait_placed()
    assert stream.headers["content-type"].split(";")[0] == "text/event-stream"
    assert {"no-cache", "no-transform"} <= \
        {w.strip() for w in stream.headers["cache-control"].split(",")}
    assert "content-length" not in stream.headers and "status" not in stream.headers
    both = connect(site.url + "?topic=news&topic=a%2Fb").wait_placed()
    host.publish("news", "first\nsecond", "-e", "headline")
    event = stream.next()
    assert (event.event, event.data) == ("headline", "first\nsecond")
    host.publish("a/b", "x")
    assert both.data(2) == ["first\nsecond", "x"]
    big = "".join(chr(33 + i % 90) for i in range(900_000))
    host.publish("news", big)
    assert stream.data(1) == [big]
    resumed = connect(site.url + "/news", headers={"Last-Event-ID": event.id})
    assert resumed.data(1) == [big]
    assert host.starts() == 1


def test_refusals(site, connect):
    post = connect(site.url + "/news", method="POST", body=b"x" * 100_000).wait_head()
    assert post.status == 405 and "GET" in post.headers["allow"]
    assert b"GET" in post.read_all()
    assert connect(site.url).wait_head().status == 400
    head = connect(site.url + "/news", method="HEAD").wait_head()
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")
    # Apache hands a query without "=" over as arguments.
    for query in ("--listen+unix:/x", "--help"):
        stream = connect(f"{site.url}/news?{query}").wait_placed()
        assert stream.status == 200
        stream.close()
    assert site.host.starts() == 1


def test_nobody_stays(site, connect, crowd):
    """A client that goes is noticed, and so is a relay that is killed."""
    host = site.host
    streams = crowd([connect(site.url + "/news") for _ in range(4)]).wait_placed()
    assert (host.connections(), len(host.relays())) == (4, 4)
    relays = set(host.relays())
    for stream in streams.streams[:2]:
        stream.close()
    wait_until("the worker has seen it", lambda: host.connections() == 2)
    if site.way != "fcgid":  # which keeps its processes for the next ones
        wait_until("their relays end", lambda: len(relays & set(host.relays())) == 2)
    for pid in host.relays():
        end(pid, signal.SIGKILL)
    wait_until("no stream is left in the worker", lambda: host.connections() == 0)
    for stream in streams.streams[2:]:
        stream.wait_end()


def test_another_worker(site, connect):
    """A worker, or all of the service, is killed: the page comes back."""
    host = site.host
    stream = connect(site.url + "/news").wait_placed()
    for victim in (lambda: children(host.supervisor())[-1], host.supervisor):
        host.publish("news", "one")
        event = stream.next()
        os.kill(victim(), signal.SIGKILL)
        stream.wait_end()
        stream = again(connect, site.url + "/news", event.id)
        wait_until("the hub is there", lambda: accepts(f"{host.state}/publish"))
        host.publish("news", "two")
        assert stream.data(1) == ["two"], "nothing lost and nothing doubled"
    assert host.starts() == 2


def again(connect, url, last_id):
    """As an EventSource does, until it has a place."""
    def attempt():
        try:
            return connect(url, headers={"Last-Event-ID": last_id}).wait_placed()
        except (Ended, ConnectionError):
            return None  # "come later"
    return wait_until("the page is connected again", attempt)


# ---- by itself ----

@pytest.mark.smoke
def test_a_hundred_at_once_start_one_service(host, box):
    logs = [box.path(f"out-{i}") for i in range(100)]
    relays = []
    for path in logs:
        with open(path, "wb") as out:
            relays.append(box.start(program("sse-cgi"), stdout=out,
                                    env=host.cgi_env("/news", SSE_POLL="5s")))
    assert {r.wait() for r in relays} == {0}
    for path in logs:
        text = pathlib.Path(path).read_text()
        assert "retry: 5000" in text and "id: " in text, text
    assert host.starts() == 1
    assert not any(r.stderr() for r in relays)


def test_an_idle_service_ends_and_nobody_is_lost(host, box):
    """Clients come in the moment in which it ends, over and over."""
    assert host.ask("/news", SSE_POLL="5s").is_poll()
    host.publish("news", "kept")
    host.end_service()
    host.set(idle="100ms")
    assert host.ask("/news", SSE_POLL="5s").is_poll()
    for i in range(8):
        wait_until("it says that it ends",
                   lambda: host.log().count("(--idle-exit)") == host.starts() - 1)
        some = [box.start(program("sse-cgi"), stdout=open(box.path(f"idle-{i}-{k}"), "wb"),
                          env=host.cgi_env("/news?Last-Event-ID=earliest", SSE_POLL="5s"))
                for k in range(3)]
        answer = host.ask("/news?Last-Event-ID=earliest", SSE_POLL="5s")
        assert answer.is_poll(), (answer.head, answer.body, answer.stderr)
        assert [e.data for e in answer.events] == ["kept"]
        for k, relay in enumerate(some):
            assert relay.wait() == 0, relay.stderr()
            assert "data: kept" in pathlib.Path(box.path(f"idle-{i}-{k}")).read_text()
    assert host.log().count("]: serving unix:") >= 5


def test_streams_beyond_the_most_poll(box, hosts, connect):
    host = hosts().set(streams=2)
    server = lighttpd(host, box)
    url = f"{server.url}/cgi/sse/news"
    streams = [connect(url).wait_placed() for _ in range(2)]
    poll = connect(url).wait_end()
    assert (poll.status, poll.decoder.retry, bool(poll.last_id)) == (200, 5000, True)
    host.publish("news", "for all")
    assert [s.data(1) for s in streams] == [["for all"]] * 2
    poll = connect(url, headers={"Last-Event-ID": poll.last_id}).wait_end()
    assert [e.data for e in poll.queue] == ["for all"]
    streams[0].close()
    wait_until("a slot is free", lambda: len(host.relays()) == 1)
    stream = connect(url, headers={"Last-Event-ID": poll.last_id}).wait_placed()
    host.publish("news", "live again")
    assert stream.data(1) == ["live again"]


def test_where_nothing_may_stay_all_poll(host):
    assert host.ask("/news", SSE_POLL="5s").is_poll()
    host.publish("news", "one")
    host.end_service()
    host.set(stay="no")
    last = "earliest"
    for want, is_told in ((["one"], True), ([], False)):
        answer = host.ask("/news", headers={"Last-Event-ID": last})
        assert answer.is_poll(), (answer.head, answer.body, answer.stderr)
        assert [e.data for e in answer.events] == want
        assert ("cgi-stay" in answer.stderr) == is_told, "once a day"
        assert not host.service(), "it ends with the request"
        last = answer.decoder.last_id


def test_by_hand_it_starts_the_service_for_a_publisher(host, box):
    done = box.run(program("sse-cgi"), env=host.env())
    assert (done.returncode, done.stdout.strip()) == (0, host.state), done.stderr
    host.publish("news", "nobody listens")
    events = wait_until("the worker has it", lambda: host.ask(
        "/news", headers={"Last-Event-ID": "earliest"}, SSE_POLL="5s").events)
    assert [e.data for e in events] == ["nobody listens"]
    assert box.run(program("sse-cgi"), env=host.env()).stdout.strip() == host.state
    assert host.starts() == 1


def has_namespaces():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "true"],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.skipif(not has_namespaces(), reason="needs root and mount namespaces")
def test_without_settings_all_find_the_accounts_home(host, box):
    """An account whose home the system says, which HOME does not; and its publisher."""
    host.state = f"{host.home}/.local/state/sse-cgi"
    host.set()
    os.mkdir(f"{host.home}/.config")
    servers.write(f"{host.home}/.config/sse-cgi.conf", f"cgi-program = {host.program}\n")
    passwd = servers.write(box.path("passwd"), f"root:x:0:0:root:{host.home}:/bin/sh\n")
    script = f"""
        mount -t tmpfs none /run && mount --bind {passwd} /etc/passwd || exit
        {program('sse-cgi')} && {program('sse-publish')} -v news Hello
    """
    env = {k: v for k, v in host.env().items() if k != "SSE_CONFIG"}
    done = box.run("unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                   env={**env, "HOME": "/nowhere"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == host.state
    assert os.stat(host.state).st_mode & 0o7777 == 0o700
    assert "events are kept in" in host.log() and f"{host.state}/store" in host.log()


def test_arguments_are_the_clients_and_ignored(host, box):
    for args in (("--help",), ("--version",), ("--listen", "unix:/x"), ("--cgi-state", "/x"),
                 ("-c", "/etc/passwd")):
        answer = host.ask("/news", *args, SSE_POLL="5s")
        assert answer.is_poll(), (args, answer.head, answer.body)
    assert "usage" in box.run(program("sse-cgi"), "--help").stdout.lower()


def test_the_environment_is_not_handed_down(host):
    """Nor a descriptor: a web server would wait for it for ever."""
    assert host.ask("/news", SSE_POLL="5s", headers={"Cookie": "secret"}).is_poll()
    pid = host.supervisor()
    env = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"secret" not in env and b"REQUEST_METHOD" not in env and b"HOME=/" in env
    for fd in (0, 1):
        assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    files = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert not any(f.startswith("pipe:") and f in relay_pipes() for f in files)
    assert os.getsid(pid) != os.getsid(0)
    assert os.stat(host.state).st_mode & 0o7777 == 0o700


def test_a_requests_limits_are_not_the_services(host, box):
    done = box.run("sh", "-c", f"ulimit -S -t 100; exec {program('sse-cgi')}", env=host.env())
    assert done.returncode == 0, done.stderr
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    assert resource.prlimit(host.supervisor(), resource.RLIMIT_CPU) == (hard, hard)


def relay_pipes():
    """The pipes of this process."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass  # the listing's own
    return found


def test_nothing_is_made_below_the_document_root(host):
    answer = host.ask("/news", DOCUMENT_ROOT=host.home)
    assert answer.status() == 500
    assert host.home not in answer.body, "that is for the log"
    assert host.home in answer.stderr and "SSE_CGI_STATE" in answer.stderr
    answer = host.ask("/news", DOCUMENT_ROOT="/nowhere", CONTEXT_DOCUMENT_ROOT=host.home)
    assert answer.status() == 500
    assert not os.path.exists(host.state)


@pytest.mark.parametrize("settings, says", [
    ({"program": "/nowhere/sse-fcgi"}, "/nowhere/sse-fcgi"),
    ({"program": "/etc"}, "Permission denied"),
    ({"streams": "many"}, "many"),
    ({"state": "relative"}, "absolute"),
    ({"socket": "/" + 300 * "x"}, "too long"),
    ({"idle": "1ms"}, "cgi-idle"),
])
def test_a_wrong_setting_is_said_to_the_log(host, settings, says):
    answer = host.set(**settings).ask("/news")
    assert (answer.status(), says in answer.stderr) == (500, True), answer.stderr
    assert says not in answer.body


def test_a_service_that_cannot_start_is_asked_for_later(host):
    host.set(options="--no-such-option")
    answer = host.ask("/news")
    assert (answer.status(), answer.decoder.retry, answer.decoder.last_id) == (200, 5000, "")
    assert f"{host.state}/log" in answer.stderr
    assert "--no-such-option" in host.log()
    assert host.ask("/news", method="POST").status() == 503


def test_a_worker_of_somebody_else(host, worker, publish, connect):
    w = worker("--drain", "100ms")
    live = connect(w.socket, "/sse/news").wait_placed()
    publish("news", "theirs")
    live.data(1)
    host.set(socket=w.socket)
    answer = host.ask("/news?last=1", SSE_POLL="5s")
    assert [e.data for e in answer.events] == ["theirs"]
    w.stop()
    answer = host.ask("/news", HTTP_ORIGIN="https://a.example")
    assert (answer.status(), answer.decoder.retry) == (200, 5000)
    assert "Access-Control-Allow-Origin: https://a.example" in answer.head.splitlines()
    assert not host.service() and w.socket in answer.stderr


class FakeWorker:
    """A listening socket; what it does with who comes is the test's business."""

    def __init__(self, host, box, backlog=16):
        self.path = box.path("fake.sock")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        self.sock.listen(backlog)
        self.sock.settimeout(PATIENCE)
        host.set(socket=self.path)

    def accept(self):
        peer = self.sock.accept()[0]
        peer.settimeout(PATIENCE)
        return peer

    def answer(self, data=b"data: served\n\n"):
        """Takes one, reads its request to the end and answers it."""
        with self.accept() as peer:
            request = b""
            while not request.endswith(record(STDIN)):
                request += peer.recv(65536)
            peer.sendall(record(STDOUT, b"Content-Type: text/event-stream\r\n\r\n" + data)
                         + record(END, bytes(8)))
        return request


def ask_fake(host, box, method="GET"):
    out = open(box.path("answer"), "w+b")
    return box.start(program("sse-cgi"), env=host.cgi_env("/news", method=method),
                     stdout=out), out


def test_a_worker_that_ends_before_it_answers_is_asked_again(host, box):
    """What happens to who is in the queue of one that ends idle."""
    worker = FakeWorker(host, box)
    relay, out = ask_fake(host, box)
    for cut in (0, 1, 8):  # at once, after a byte, with half a record sent
        with worker.accept() as peer:
            peer.recv(cut)
            peer.sendall(record(STDOUT, b"")[:cut])
    worker.answer()
    assert relay.wait() == 0, relay.stderr()
    out.seek(0)
    assert out.read().endswith(b"\r\n\r\ndata: served\n\n")
    relay, out = ask_fake(host, box, "POST")
    worker.accept().close()
    assert relay.wait() == 0
    out.seek(0)
    assert b" 503 " in out.read(), "it might be done twice"
    worker.sock.close()


def test_by_fastcgi_one_that_does_not_answer_is_put_off(host, box, connect):
    worker = FakeWorker(host, box)
    path = box.path("fcgi.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(4)
        relay = box.start(program("sse-cgi"), "--help", env=host.env(), stdin=listening)
    get = connect(path, "/sse/news")
    worker.accept().close()
    get.wait_end()
    assert (get.status, get.clean, get.decoder.retry) == (200, True, 5000)
    get.close()
    post = connect(path, "/sse/news", method="POST")
    worker.accept().close()
    assert (post.wait_end().status, post.clean) == (503, True)
    post.close()
    get = connect(path, "/sse/news")
    worker.answer()
    assert get.data(1) == ["served"] and get.wait_end().clean
    worker.sock.close()
    os.unlink(worker.path)
    assert connect(path, "/sse/news").wait_end().decoder.retry == 5000
    assert relay.running()


def test_a_worker_with_a_full_queue_is_waited_for(host, box):
    worker = FakeWorker(host, box, backlog=0)
    filler = socket.socket(socket.AF_UNIX)
    filler.connect(worker.path)
    relay, out = ask_fake(host, box)
    # Whether it waits in the queue or for the queue is the same to it.
    worker.accept().close()
    worker.answer()
    assert relay.wait() == 0, relay.stderr()
    out.seek(0)
    assert b"served" in out.read()
    filler.close()
    worker.sock.close()


def test_a_worker_that_talks_nonsense(host, box):
    worker = FakeWorker(host, box)
    relay, out = ask_fake(host, box)
    with worker.accept() as peer:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        assert relay.wait() == 0
    assert "broke off" in relay.stderr()
    out.seek(0)
    assert b" 502 " in out.read()
    worker.sock.close()


def test_a_request_that_is_too_long(host):
    answer = host.ask("/news", headers={"Cookie": "x" * 100_000})
    assert answer.status() == 431
    assert host.ask("/news", CONTENT_LENGTH="-5").status() == 400
    many = {f"X-{i}": "y" * 100_000 for i in range(11)}
    assert host.ask("/news", headers=many).status() == 431


def test_sigterm_ends_it_at_once(host, box):
    """Also where the web server had it ignored."""
    with open(box.path("out"), "wb") as out:
        relay = box.start(
            "/usr/bin/python3", "-c",
            "import os, signal\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
            f"os.execv({program('sse-cgi')!r}, ['sse-cgi'])\n",
            env=host.cgi_env("/news"), stdout=out)
    wait_until("it streams", lambda: b"\n\n" in pathlib.Path(box.path("out")).read_bytes())
    relay.send(signal.SIGTERM)
    assert relay.wait(PATIENCE) == -signal.SIGTERM
    assert alive(host.supervisor())
