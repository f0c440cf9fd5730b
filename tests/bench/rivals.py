# SPDX-License-Identifier: MIT
"""rivals: other ways to send events to browsers, and ours, each started on a port
of its own from a configuration in peers/. All of them serve /events/bench."""

import dataclasses
import glob
import os
import shutil
import string
import urllib.request

import rig
import servers
from harness import TOP, accepts, children, descriptors, free_port, wait_until
from streams import Ended, HttpStream

PEERS = TOP / "tests/bench/peers"
PATHS = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
NGINX_MODULES = "/usr/lib/nginx/modules"
USER = "www-data" if os.geteuid() == 0 else ""
CHILDREN = 210  # of php-fpm: each is a reader
KEPT = 32  # descriptors that a server may keep for itself once it was used


class Missing(Exception):
    """Not on this machine; says what to install."""


class Text(string.Template):
    delimiter = "@"


@dataclasses.dataclass
class Peer:
    """One that runs: `processes` are all of its own by name, `publish` says to
    ssebench how events get to it, `most` is how many readers it can be asked
    for, `at_once` how many of them may be connecting."""

    name: str
    url: str
    processes: dict
    publish: tuple
    most: int = 10**6
    at_once: int = 256
    idle: int = 0

    def __post_init__(self):
        self.idle = self.held()

    def held(self):
        return sum(map(descriptors, self.processes.values()))

    def rested(self):
        """The readers of the last run have been noticed to be gone."""
        wait_until(f"{self.name} has closed what was left",
                   lambda: self.held() <= self.idle + KEPT)


def wanted(name, package):
    path = shutil.which(name, path=PATHS)
    if not path:
        raise Missing(f"no {name} here: apt-get install {package}")
    return path


def fill(box, source, target, **values):
    """A configuration of peers/ with its values; its path."""
    text = Text((PEERS / source).read_text(encoding="utf-8"))
    return servers.write(box.path(target), text.substitute(values))


def folder(box, name):
    path = box.path(name)
    os.mkdir(path)
    if USER:
        shutil.chown(path, USER)
    return path


def published(url):
    return ("--publish-http", url)


def ours(box):
    service = rig.Service(box)
    web = service.lighttpd()
    return Peer("sse-fcgi", f"{web.url}/events/bench",
                {**service.processes(), "lighttpd": web.process.pid},
                ("--publish-cmd", service.publisher()))


def nchan(box):
    nginx = wanted("nginx", "nginx libnginx-mod-nchan")
    if not os.path.exists(f"{NGINX_MODULES}/ngx_nchan_module.so"):
        raise Missing("no Nchan here: apt-get install libnginx-mod-nchan")
    port, files = free_port(), rig.files()
    conf = fill(box, "nchan.conf", "nchan.conf", dir=folder(box, "nchan"), port=port,
                modules=NGINX_MODULES, files=files, connections=files - 100,
                user=f"user {USER};" if USER else "")
    process = box.start(nginx, "-c", conf)
    wait_until("nginx accepts", lambda: accepts(("127.0.0.1", port)))
    url = f"http://127.0.0.1:{port}"
    return Peer("nchan", f"{url}/events/bench", {"nginx": process.pid},
                published(f"{url}/publish/bench"))


def node(box):
    port = free_port()
    process = box.start(wanted("node", "nodejs"), PEERS / "node.js", port,
                        env={"NODE_ENV": "production"})
    wait_until("node accepts", lambda: accepts(("127.0.0.1", port)))
    url = f"http://127.0.0.1:{port}"
    return Peer("node", f"{url}/events/bench", {"node": process.pid},
                published(f"{url}/publish"))


def reaches(port, control):
    """Whether an event gets through Pushpin; before it is ready, it drops them."""
    body = (b'{"items":[{"channel":"bench","formats":{"http-stream":'
            b'{"content":"data: ready\\n\\n"}}}]}')
    stream = HttpStream(f"http://127.0.0.1:{port}/events/bench")
    try:
        stream.wait("an answer", lambda: stream.status, timeout=2)
        request = urllib.request.Request(f"http://127.0.0.1:{control}/publish/", body)
        urllib.request.urlopen(request, timeout=2).close()
        return stream.next(timeout=1).data == "ready"
    except (OSError, AssertionError, Ended):
        return False
    finally:
        stream.close()


def pushpin(box):
    program = wanted("pushpin", "pushpin")
    for name, package in (("condure", "condure"), ("zurl", "zurl")):
        wanted(name, package)
    directory, port, files = folder(box, "pushpin"), free_port(2), rig.files()
    origin = servers.lighttpd(box, (PEERS / "pushpin-origin.conf").read_text())
    os.mkdir(box.path("www/events"))
    servers.write(box.path("www/events/bench"), ":\n\n")
    servers.write(f"{directory}/routes", f"* 127.0.0.1:{origin.port}\n")
    conf = fill(box, "pushpin.conf", "pushpin/pushpin.conf", dir=directory, port=port,
                control=port + 1, connections=files // 2)
    process = box.start(program, "--config", conf)
    for each in (port, port + 1):
        wait_until("Pushpin accepts", lambda p=each: accepts(("127.0.0.1", p)))
    wait_until("events get through Pushpin", lambda: reaches(port, port + 1))
    # Of more than some 64 that come at once it refuses a part.
    return Peer("pushpin", f"http://127.0.0.1:{port}/events/bench",
                {"pushpin": process.pid, "origin": origin.process.pid},
                (*published(f"http://127.0.0.1:{port + 1}/publish/"), "--pipeline", 1,
                 "--template", '{"items":[{"channel":"bench","formats":{"http-stream":'
                 '{"content":"id: {seq}\\\\ndata: {data}\\\\n\\\\n"}}}]}'),
                most=1000, at_once=32)


def php(box):
    found = sorted(glob.glob("/usr/sbin/php-fpm*"))
    if not found:
        raise Missing("no php-fpm here: apt-get install php-fpm")
    directory = folder(box, "php")
    log = servers.write(f"{directory}/events.log", "")
    shutil.copy(PEERS / "poll.php", box.path("www"))
    conf = fill(box, "php-fpm.conf", "php-fpm.conf", dir=directory, children=CHILDREN,
                user=f"user = {USER}\ngroup = {USER}" if USER else "")
    fpm = box.start(found[-1], "-F", "-y", conf)
    wait_until("php-fpm accepts", lambda: accepts(f"{directory}/php.sock"))
    wait_until("php-fpm has its children", lambda: len(children(fpm.pid)) == CHILDREN)
    web = servers.lighttpd(box, Text((PEERS / "php-lighttpd.conf").read_text()).substitute(
        dir=directory))
    return Peer("php", f"{web.url}/poll.php",
                {"php-fpm": fpm.pid, "lighttpd": web.process.pid},
                ("--publish-cmd", f"exec cat >> {log}"), most=200)


ALL = {"sse-fcgi": ours, "nchan": nchan, "node": node, "pushpin": pushpin, "php": php}
