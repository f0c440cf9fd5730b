# SPDX-License-Identifier: MIT
"""On an Apache with Debian's sizes that also has other pages, streams leave
room for them: the numbers in examples/apache/sse-fcgi.conf."""

import os
import pathlib
import signal
import stat

import pytest

import servers
from harness import accepts, program, wait_until, workers
from servers import MODULES
from starts import start_worker
from streams import Ended, HttpStream

DEBIAN = "/etc/apache2/mods-available/mpm_{}.conf"
# Otherwise prefork takes seven seconds to have its 150 processes.
SOONER = {"event": "", "prefork": "StartServers 150"}
PHP = sorted(pathlib.Path(MODULES).glob("libphp*.so"))
# /index.php: by mod_php if that is installed (it wants prefork), else by CGI.
SCRIPT = "#!/bin/sh\nprintf 'Content-Type: text/html\\n\\nthe site %s\\n' $((6*7))\n"

pytestmark = pytest.mark.skipif(not os.path.exists(DEBIAN.format("event")),
                                reason="apache2 is not installed")


def dynamic_page(box, mpm):
    """The page and the configuration that runs it."""
    page = pathlib.Path(servers.www(box)) / "index.php"
    if mpm == "prefork" and PHP:
        page.write_text("the site <?= 6 * 7 ?>\n")
        return (f"LoadModule php_module {PHP[-1]}\n"
                '<FilesMatch "\\.php$">\nSetHandler application/x-httpd-php\n</FilesMatch>\n')
    page.write_text(SCRIPT)
    page.chmod(page.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    name = "cgi" if mpm == "prefork" else "cgid"
    extra = f"ScriptSock {box.path('cgisock')}\n" if name == "cgid" else ""
    return (f"LoadModule {name}_module {MODULES}/mod_{name}.so\n{extra}"
            f"<Directory {page.parent}>\nOptions +ExecCGI\nAddHandler cgi-script .php\n"
            "</Directory>\n")


class Shared:
    """An Apache with other pages, whose streams come from a worker."""

    def __init__(self, box, bus, mpm, sizes, options=()):
        box.start(program("sse-hub"), "--bus", bus)
        wait_until("the hub accepts", lambda: accepts(f"{bus}/publish"))
        self.worker = start_worker(box, "listen", box.path("w.sock"), "--bus", bus,
                                   "--heartbeat", "150ms", "--retry", "100ms", "--drain", "100ms",
                                   *options)
        self.server = servers.apache(
            box, dynamic_page(box, mpm) + servers.example("apache-proxypass", box.path("w.sock")),
            mpm=mpm, sizes=sizes)
        self.url = self.server.url
        # mod_cgid answers 503 until its own process is there.
        wait_until("the other pages are served",
                   lambda: HttpStream(f"{self.url}/index.php").wait_head().status == 200)


@pytest.fixture
def shared(box, bus):
    def start(mpm, *options, sizes=None):
        return Shared(box, bus, mpm, sizes or f"Include {DEBIAN.format(mpm)}\n{SOONER[mpm]}",
                      options)
    return start


@pytest.fixture
def page_answers(connect):
    """page_answers(SITE): whether the other pages are served."""
    def ask(site):
        page = connect(f"{site.url}/index.php")
        assert page.read_all().strip() == b"the site 42", page.head
        page.close()
    return ask


def is_told(stream):
    """Whether the browser knows what to do: it has a stream, or comes back. As
    browsers do, it hangs up then; otherwise Apache waits two seconds for that."""
    if stream.ended:
        stream.close()
    return bool(stream.last_id) or stream.ended


def wait_room(site, connect):
    """Until somebody who comes back gets a stream."""
    def room():
        try:
            return connect(f"{site.url}/events/news").wait_placed()
        except Ended:
            return None
    wait_until("there is room again", room)


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_400_browsers(shared, page_answers, connect, crowd, publish, mpm):
    site = shared(mpm)

    def browsers(count):
        return crowd([connect(f"{site.url}/events/news") for _ in range(count)])
    inside = browsers(100).wait_placed()
    page_answers(site)
    for _ in range(2):  # they come back as long as they have to
        outside = browsers(300).wait("each is told", is_told)
        page_answers(site)
        assert all(s.ended and s.status == 200 and s.clean and s.decoder.retry
                   for s in outside.streams)
    publish("news", "to all who are inside")
    inside.wait("the event", lambda s: s.queue)
    for stream in inside.streams:
        stream.close()
    wait_room(site, connect)


# One process, so that SSE_FCGI_THREADS is for the whole server.
ONE_PROCESS = """\
ThreadLimit 150
ThreadsPerChild 150
ServerLimit 4
StartServers 1
MaxRequestWorkers 150
Define SSE_FCGI_THREADS 120
"""


def test_a_worker_that_hangs(shared, page_answers, connect, crowd):
    """It holds no more threads than the streams may have."""
    site = shared("event", sizes=ONE_PROCESS)
    connect(f"{site.url}/events/news").wait_placed()
    frozen = [*workers(site.worker.pid), site.worker.pid]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        browsers = crowd([connect(f"{site.url}/events/news") for _ in range(150)])
        told = browsers.wait_some("those without a thread are told", is_told, 150 - 120)
        page_answers(site)
        assert all((s.status, s.decoder.retry) == (200, 2000) for s in told)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_worker_that_is_replaced(shared, page_answers, connect, crowd, mpm):
    """With Debian's sizes it may hold all threads for a while, and no longer."""
    site = shared(mpm, "--worker-timeout", "1s")
    inside = crowd([connect(f"{site.url}/events/news") for _ in range(100)]).wait_placed()
    frozen = workers(site.worker.pid)
    os.kill(frozen[0], signal.SIGSTOP)
    outside = crowd([connect(f"{site.url}/events/news") for _ in range(100)])
    inside.wait("each comes back", lambda s: s.ended)
    outside.wait("each is told", is_told)
    page_answers(site)
    assert workers(site.worker.pid) != frozen
    assert all(s.status == 200 and s.decoder.retry != 120000 for s in outside.streams), \
        "Apache has given up"
    for stream in (*inside.streams, *outside.streams):
        stream.close()
    wait_room(site, connect)
