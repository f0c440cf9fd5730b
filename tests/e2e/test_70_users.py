# SPDX-License-Identifier: MIT
"""Who may publish: `sse-fcgi --setup` and real users, with a worker that a
lighttpd starts as www-data; and again after a reboot.

All of it happens in a mount namespace with an /etc, a /run and a /var/lib of its
own, so the machine's users and groups stay as they are.
"""

import os
import pwd
import shutil
import subprocess

import pytest

from harness import PATIENCE, accepts, free_port, program, wait_until
from servers import LIGHTTPD, write

BUS = "/run/sse-fcgi"
STORE = "/var/lib/sse-fcgi"
PROGRAMS = ("sse-fcgi", "sse-hub", "sse-publish", "sse-subscribe")

CONFIG = """
server.modules = ( "mod_fastcgi" )
server.document-root = "{dir}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{dir}/log/lighttpd.log"
server.breakagelog = "{dir}/log/worker.log"
server.username = "www-data"
server.groupname = "www-data"
server.stream-response-body = 2
fastcgi.server = ( "/events" => ((
    "bin-path" => "{dir}/bin/sse-fcgi --drain 100ms",
    "socket" => "{dir}/log/worker.sock",
    "max-procs" => 1,
    "check-local" => "disable",
    "tcp-fin-propagate" => "enable"
)) )
"""


def has_namespaces():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "true"],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def has_user(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


pytestmark = [
    pytest.mark.skipif(not has_namespaces(), reason="needs root and mount namespaces"),
    pytest.mark.skipif(not has_user("www-data"), reason="there is no user www-data"),
    pytest.mark.skipif(not LIGHTTPD, reason="lighttpd is not installed"),
]


class Machine:
    """The namespace; commands run in it, as root or as somebody."""

    def __init__(self, box):
        self.box = box
        self.bin = box.path("bin")
        os.mkdir(self.bin)
        os.mkdir(box.path("log"))
        shutil.chown(box.path("log"), "www-data")
        for name in PROGRAMS:  # the build may be where others cannot go
            shutil.copy(program(name), self.bin)
        subprocess.run(["cp", "-a", "/etc", box.path("etc")], check=True)
        os.mkdir(box.path("lib"), 0o755)
        ready = box.path("ready")
        self.holder = box.start(
            "unshare", "--mount", "--propagation", "private", "sh", "-c",
            f"mount --bind {box.path('etc')} /etc && mount --bind {box.path('lib')} /var/lib && "
            f"mount -t tmpfs -o mode=755 tmpfs /run && "
            f"touch {ready} && exec sleep 1000")
        wait_until("the namespace is there",
                   lambda: os.path.exists(ready) or not self.holder.running())
        assert self.holder.running(), self.holder.stderr()

    def command(self, args, user=None):
        start = ["nsenter", "--target", str(self.holder.pid), "--mount", "--wd=/"]
        if user:  # with all groups that the user has now, as cron and login do it
            start += ["setpriv", "--reuid", user, "--regid", user, "--init-groups"]
        return [*start, *args]

    def run(self, *args, user=None, **options):
        return self.box.run(*self.command(args, user), **options)

    def root(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout

    def publish(self, user, data, **options):
        return self.run(f"{self.bin}/sse-publish", "--timeout", "10s", "news", data, user=user,
                        **options)

    def reboot(self):
        """/run is new, and what is in tmpfiles.d is made."""
        self.root("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        if shutil.which("systemd-tmpfiles"):
            self.root("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/sse-fcgi.conf")
        else:
            self.root(f"{self.bin}/sse-fcgi", "--setup")

    def start_site(self):
        port = free_port()
        conf = write(self.box.path(f"lighttpd-{port}.conf"),
                     CONFIG.format(dir=self.box.dir, port=port))
        server = self.box.start(*self.command([LIGHTTPD, "-D", "-f", conf]))
        wait_until("lighttpd accepts",
                   lambda: accepts(("127.0.0.1", port)) or not server.running())
        assert server.running(), server.stderr()
        return server, f"http://127.0.0.1:{port}/events/news"


@pytest.fixture
def machine(box):
    m = Machine(box)
    m.root(f"{m.bin}/sse-fcgi", "--setup")
    m.root("useradd", "--no-create-home", "jobs")
    m.root("usermod", "-aG", "sse-publish", "jobs")
    m.root("useradd", "--no-create-home", "stranger")
    return m


def check_who_may(machine, connect, url):
    stream = connect(url).wait_placed()
    cron = {"env": {"HOME": "/", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "jobs"}}
    for user, options in ((None, {}), ("jobs", cron), ("www-data", {})):
        done = machine.publish(user, f"by {user}", **options)
        assert done.returncode == 0, (user, done.stderr)
        assert stream.next().data == f"by {user}"
    done = machine.publish("stranger", "by a stranger")
    assert done.returncode == 77, done
    assert "usermod -aG sse-publish stranger" in done.stderr, done.stderr
    # May publish, and nevertheless not read.
    for user in ("jobs", "stranger"):
        done = machine.run(f"{machine.bin}/sse-subscribe", "news", user=user, timeout=PATIENCE)
        assert done.returncode == 77, (user, done)
    assert machine.publish("www-data", "the last").returncode == 0
    assert stream.next().data == "the last"


def test_who_may_publish(machine, connect):
    server, url = machine.start_site()
    check_who_may(machine, connect, url)
    server.stop()

    machine.reboot()
    server, url = machine.start_site()
    check_who_may(machine, connect, url)
    server.stop()


def test_setup_again_and_again(machine):
    def state():
        return (machine.root("getent", "passwd", "sse-fcgi"),
                machine.root("getent", "group", "sse-fcgi", "sse-publish"),
                machine.root("stat", "-c", "%U %G %a", BUS),
                machine.root("stat", "-c", "%U %G %a", STORE),
                machine.root("cat", "/etc/tmpfiles.d/sse-fcgi.conf"))

    before = state()
    assert before[2] == "sse-fcgi sse-fcgi 771\n"
    assert before[3] == "sse-fcgi sse-fcgi 2770\n"
    out = machine.root(f"{machine.bin}/sse-fcgi", "--setup")
    assert "made" not in out and "wrote" not in out, out
    assert state() == before
    for directory in (BUS, STORE):
        machine.root("chmod", "777", directory)
        machine.root("chown", "nobody", directory)
    machine.root(f"{machine.bin}/sse-fcgi", "--setup")
    assert state() == before


def test_setup_needs_root(machine):
    done = machine.run(f"{machine.bin}/sse-fcgi", "--setup", user="stranger")
    assert done.returncode == 77
    assert "sudo sse-fcgi --setup" in done.stderr


def test_a_group_that_one_has_joined_since(machine, connect):
    """The line that the refusal names mends it."""
    server, url = machine.start_site()
    stream = connect(url).wait_placed()
    done = machine.publish("stranger", "no")
    assert done.returncode == 77
    machine.root("usermod", "-aG", "sse-publish", "stranger")
    done = machine.publish("stranger", "yes")
    assert done.returncode == 0, done.stderr
    assert stream.next().data == "yes"
    server.stop()


@pytest.mark.parametrize("sync", ["always", "1s"])
def test_one_hub_after_the_other(machine, sync):
    """First by hand as root, then the web server's: what one leaves behind is
    in nobody's way, the other users' workers can follow it, and the order of
    events goes on in the same store."""
    users = (None, "www-data", "sse-fcgi")
    ids = []

    def publish():
        done = machine.run(f"{machine.bin}/sse-publish", "--timeout", "10s", "-v", "news", "x",
                           user="jobs")
        if done.returncode == 0:
            ids.append((done.stdout + done.stderr).split()[-1])
        return done.returncode == 0

    for end in ("stop", "kill"):
        for user in users:
            hub = machine.box.start(*machine.command([f"{machine.bin}/sse-hub", "--sync", sync],
                                                     user))
            wait_until("it takes events", lambda: publish() or not hub.running())
            assert hub.running(), (user, hub.stderr())
            assert f"events are kept in {STORE}" in hub.stderr(), hub.stderr()
            for follower in users:
                done = machine.run(f"{machine.bin}/sse-subscribe", "--earliest", "-n1", "news",
                                   user=follower, timeout=PATIENCE)
                assert done.stdout == "news\tx\n", (user, follower, done)
            getattr(hub, end)()
    epoch = ids[0].rsplit("-", 1)[0]
    assert ids == [f"{epoch}-{n + 1}" for n in range(len(ids))]
    files = machine.root("sh", "-c", f"stat -c '%n %G %a' {STORE}/*").split("\n")
    assert f"{STORE}/store.mdb sse-fcgi 660" in files, files
    assert (sync == "always") == (f"{STORE}/store.journal sse-fcgi 660" not in files), files
    for user in ("jobs", "stranger"):
        assert machine.run("ls", STORE, user=user).returncode != 0
