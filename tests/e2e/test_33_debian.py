# SPDX-License-Identifier: MIT
"""A Debian site: after `make install` and `sse-fcgi --setup`, a2enconf sse-fcgi
and lighty-enable-mod sse-fcgi are all that the web server wants. With Debian's
own configuration of both, in a mount namespace; only port 80 is another one."""

import os
import resource
import shutil
import subprocess

import pytest

import servers
from harness import BUILD, TOP, accepts, alive, free_port, program, wait_until
from streams import Ended
from test_70_users import PROGRAMS, Machine, has_namespaces, has_user

pytestmark = [
    pytest.mark.skipif(not has_namespaces(), reason="needs root and mount namespaces"),
    pytest.mark.skipif(not has_user("www-data"), reason="there is no user www-data"),
]
PREFIX = "/usr/local"


class Debian(Machine):
    """A machine where this was installed and set up."""

    def __init__(self, box):
        super().__init__(box)
        dest = box.path("dest")
        subprocess.run(["make", "-s", "-C", BUILD, "install-web-server-files", f"DESTDIR={dest}"],
                       check=True, stdout=subprocess.DEVNULL)
        os.mkdir(f"{dest}{PREFIX}/bin")
        for name in PROGRAMS:
            shutil.copy(program(name), f"{dest}{PREFIX}/bin")
        os.mkdir(box.path("var-log"))
        self.root("mount", "--bind", f"{dest}{PREFIX}", PREFIX)
        self.root("mount", "--bind", box.path("var-log"), "/var/log")
        self.root("sse-fcgi", "--setup")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def edit(self, file, old, new):
        path = f"{self.box.path('etc')}/{file}"
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert old in text, (file, text)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))

    def serve(self, *command, user=None):
        # An Apache with prefork sends signals to its process group.
        return self.box.start(*self.command(command, user), start_new_session=True)

    def wait_served(self, process):
        wait_until("the web server accepts",
                   lambda: accepts(("127.0.0.1", self.port)) or not process.running())
        assert process.running(), process.stderr()
        return process

    def hide(self, file):
        """As if its package were not installed."""
        self.root("mount", "--bind", "/dev/null", file)


@pytest.fixture
def debian(box):
    return Debian(box)


@pytest.fixture
def events(debian, connect):
    """events(): opens a stream, publishes, and sees the event arrive."""
    def work():
        stream = connect(f"{debian.url}/events?topic=a%2Fnews&topic=news").wait_placed()
        done = debian.publish("www-data", "it works")
        assert done.returncode == 0, done.stderr
        assert stream.data(1) == ["it works"]
        return stream
    return work


APACHE_ENV = ". /etc/apache2/envvars && mkdir -p $APACHE_RUN_DIR /run/lock && exec apache2 "


@pytest.mark.skipif(not servers.APACHE or not os.path.exists("/etc/apache2/apache2.conf"),
                    reason="apache2 is not installed")
def test_a2enconf(debian, events, connect):
    debian.edit("apache2/ports.conf", "Listen 80", f"Listen 127.0.0.1:{debian.port}")
    for directory in ("/var/log/apache2", "/var/lib/apache2"):
        debian.root("mkdir", directory)
    assert "Enabling conf sse-fcgi." in debian.root("a2enconf", "sse-fcgi")
    debian.root("sh", "-c", APACHE_ENV + "-t")
    server = debian.wait_served(debian.serve("sh", "-c", APACHE_ENV + "-DFOREGROUND"))
    away = connect(f"{debian.url}/events/news").wait_end()
    assert (away.status, away.decoder.retry) == (200, 2000), "there is no worker yet"
    worker = debian.serve("sse-fcgi", "--listen", "unix:/run/sse-fcgi/worker.sock",
                          "--drain", "100ms", "--heartbeat", "300ms", user="sse-fcgi")
    wait_until("the worker accepts",
               lambda: debian.run("test", "-S", "/run/sse-fcgi/worker.sock").returncode == 0)
    events()
    server.stop()
    assert worker.stop() == 0
    for module in ("proxy", "proxy_fcgi", "asis", "headers"):
        debian.hide(f"/usr/lib/apache2/modules/mod_{module}.so")
        done = debian.run("sh", "-c", APACHE_ENV + "-t")
        assert done.returncode != 0 and f"mod_{module}.so" in done.stderr, done.stderr
        debian.root("umount", f"/usr/lib/apache2/modules/mod_{module}.so")


@pytest.mark.skipif(not servers.LIGHTTPD or not shutil.which("lighty-enable-mod"),
                    reason="lighttpd is not installed")
def test_lighty_enable_mod(debian, events):
    debian.edit("lighttpd/lighttpd.conf", "server.port                 = 80",
                f'server.port = {debian.port}\nserver.bind = "127.0.0.1"')
    for directory in ("/run/lighttpd", "/var/log/lighttpd"):
        debian.root("install", "-d", "-o", "www-data", directory)
    assert "Enabling sse-fcgi: ok" in debian.root("lighty-enable-mod", "sse-fcgi")
    lighttpd = ("lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf")
    server = debian.wait_served(debian.serve(*lighttpd))
    events()
    server.stop()


@pytest.mark.skipif(not shutil.which("start-stop-daemon") or
                    not os.path.exists("/lib/lsb/init-functions"),
                    reason="there is no start-stop-daemon, or no lsb-base")
def test_the_init_script(debian, connect):
    script = (TOP / "examples/sysv/sse-fcgi").read_text()
    with open(f"{debian.box.path('etc')}/init.d/sse-fcgi", "w", encoding="utf-8") as f:
        f.write(script)
        os.chmod(f.name, 0o755)
    conf = f"{debian.box.path('etc')}/sse-fcgi.conf"
    port = free_port()
    with open(f"{debian.box.path('etc')}/default/sse-fcgi", "w", encoding="utf-8") as f:
        f.write(f'DAEMON_ARGS="--listen tcp:127.0.0.1:{port}"\n')

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)

    def service(action, status=0):
        done = debian.run("/etc/init.d/sse-fcgi", action)
        assert done.returncode == status, (action, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def configure(text):
        with open(conf, "w", encoding="utf-8") as f:
            f.write(text)

    def stream():
        wait_until("the worker accepts", lambda: accepts(("127.0.0.1", port)))
        def placed():
            try:
                return connect(("127.0.0.1", port), "/sse/news").wait_placed()
            except Ended:
                return None  # a worker that stops has told it to come back
        return wait_until("a stream of a worker that stays", placed)

    def pid():
        return int(debian.root("cat", "/run/sse-fcgi.pid"))

    configure("retri = 1s\n")
    assert "retri" in service("start", 64)
    service("status", 3)
    configure("retry = 1s\ndrain = 100ms\n")
    service("stop")
    service("reload", 7)
    service("start")
    try:
        first = pid()
        reader = stream()
        assert reader.decoder.retry == 1000
        with open(f"/proc/{first}/limits", encoding="ascii") as f:
            limit = next(line for line in f if "open files" in line).split()[3]
        assert limit == str(files)
        assert os.stat(f"/proc/{first}").st_uid != 0
        assert "running" in service("status")
        service("start")
        assert pid() == first, "a second start changes nothing"
        assert debian.publish("www-data", "it works").returncode == 0
        assert reader.data(1) == ["it works"]
        configure("retry = 2s\ndrain = 100ms\n")
        # As after an upgrade: the program is another file.
        debian.root("sh", "-c", f"cd {PREFIX}/bin && cp sse-fcgi new && mv new sse-fcgi")
        service("reload")
        reader.wait_end()
        assert stream().decoder.retry == 2000
        assert pid() == first
        service("restart")
        assert pid() != first and not alive(first)
        stream()
    finally:
        service("stop")
    service("status", 3)
    assert not accepts(("127.0.0.1", port))


def test_setup_leaves_what_is_there(debian):
    name = "/etc/apache2/conf-available/sse-fcgi.conf"
    assert f"{PREFIX}/share/sse-fcgi/apache/later.asis" in debian.root("cat", name)
    debian.root("sh", "-c", f"echo '# mine' > {name}")
    assert name not in debian.root("sse-fcgi", "--setup")
    assert debian.root("cat", name) == "# mine\n"
