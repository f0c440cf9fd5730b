# SPDX-License-Identifier: MIT
"""Several sites on one web server, by TLS with HTTP/1.1 and HTTP/2, as in
examples/*/sites.conf; and a site whose .htaccess wants every URL for itself."""

import os
import subprocess

import pytest

import servers
from harness import TOP, accepts, free_port, program, wait_until
from starts import start_worker
from streams import Decoder

SITES = ("one.example", "two.example")
OPTIONS = ("--heartbeat", "300ms", "--retry", "100ms", "--drain", "100ms")
EXAMPLE = {"apache": "apache-proxypass", "lighttpd": "lighttpd-external"}
MODULES = {
    "apache": "".join(f"LoadModule {name}_module {servers.MODULES}/mod_{name}.so\n"
                      for name in ("ssl", "http2")),
    "lighttpd": "",
}


class Page:
    """An event stream that curl reads, by the HTTP that it is told."""

    def __init__(self, tls, site, target, version, headers=()):
        name = tls.box.path(f"curl-{tls.count()}")
        self.out, self.head = f"{name}.out", f"{name}.head"
        with open(self.out, "wb") as out, open(self.head, "wb"):
            self.process = tls.box.start(
                "curl", "-sSN", version, "--cacert", tls.authority, "--resolve", f"{site}:{tls.port}:127.0.0.1",
                "-D", self.head, *(f"-H{h}" for h in headers),
                f"https://{site}:{tls.port}{target}", stdout=out)
        self.site = site

    def decoded(self):
        decoder = Decoder()
        with open(self.out, "rb") as out:
            return decoder, decoder.feed(out.read())

    def wait_placed(self):
        wait_until(f"a stream of {self.site}", lambda: self.decoded()[0].last_id or self.ended())
        return self

    def events(self, count):
        wait_until(f"{count} events", lambda: len(self.decoded()[1]) >= count or self.ended())
        return self.decoded()[1]

    def ended(self):
        with open(self.head, "r", encoding="latin-1") as f:
            assert self.process.running(), (f.read(), self.process.stderr())

    def protocol(self):
        with open(self.head, "r", encoding="latin-1") as f:
            return f.readline().split()[0]


class Tls:
    """The web server with both sites; certificates of an authority made here."""

    def __init__(self, box, kind, socket):
        self.box, self.kind, self.n = box, kind, 0
        self.authority = box.path("ca.pem")
        self.openssl("req", "-x509", *self.NEW, "-keyout", box.path("ca.key"),
                     "-out", self.authority, "-subj", "/CN=authority", "-days", "2")
        config = (TOP / f"examples/{kind}/sites.conf").read_text()
        self.port = free_port()
        config = config.replace(":443", f":{self.port}")
        if kind == "apache":
            config = f"Listen 127.0.0.1:{self.port}\n{config}"
        else:
            config = config.replace(f'":{self.port}"', f'"127.0.0.1:{self.port}"')
        for site in SITES:
            self.certify(site)
            os.makedirs(box.path(site), exist_ok=True)
            config = config.replace(f"/etc/ssl/certs/{site}.pem", self.certificate(site)) \
                           .replace(f"/etc/ssl/private/{site}.key", box.path(f"{site}.key")) \
                           .replace(f"/var/www/{site}", box.path(site))
        start = getattr(servers, kind)
        self.server = start(box, MODULES[kind] + servers.example(EXAMPLE[kind], socket) + config)

    NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def certificate(self, site):
        return self.box.path(f"{site}.pem")

    def certify(self, site):
        self.openssl("req", "-x509", "-CA", self.authority, "-CAkey", self.box.path("ca.key"),
                     *self.NEW, "-keyout", self.box.path(f"{site}.key"), "-days", "2",
                     "-out", self.certificate(site), "-subj", f"/CN={site}",
                     "-addext", f"subjectAltName=DNS:{site}")

    def count(self):
        self.n += 1
        return self.n

    def page(self, site, target, version="--http2", headers=()):
        return Page(self, site, target, version, headers)


@pytest.fixture(params=EXAMPLE)
def tls(request, box, bus, hub):
    hub()
    path = box.path("w.sock")
    start_worker(box, "listen", path, "--bus", bus, *OPTIONS)
    return Tls(box, request.param, path)


def connections(path):
    """How many the web server has to the worker."""
    with open("/proc/net/unix", encoding="ascii") as lines:
        return sum(f[-1] == path and f[5] == "03" for f in map(str.split, lines))


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_by_tls(tls, publish, box, version):
    page = tls.page("one.example", "/events/news", version).wait_placed()
    assert page.protocol() == {"--http2": "HTTP/2", "--http1.1": "HTTP/1.1"}[version]
    publish("one.example/news", "first\nsecond")
    publish("one.example/news", "third")
    first = page.events(2)[0]
    assert [e.data for e in page.events(2)] == ["first\nsecond", "third"]
    again = tls.page("one.example", "/events/news", version, [f"Last-Event-ID: {first.id}"])
    assert again.events(1)[0].data == "third"
    assert connections(box.path("w.sock")) == 2
    page.process.kill()
    wait_until("the worker knows that it has gone", lambda: connections(box.path("w.sock")) == 1)


def test_sites_do_not_see_each_other(tls, publish, connect):
    one, two = (tls.page(site, "/events/*").wait_placed() for site in SITES)
    # By another name, and without TLS; the prefix cannot be had by asking for it.
    pages = [connect(f"{tls.server.url}/events/one.example/news",
                     headers={"Host": host, "SSE_TOPIC_PREFIX": "one.example/",
                              "SSE-TOPIC-PREFIX": "one.example/"})
             .wait_placed() for host in ("localhost", "three.example")]
    pages.append(connect(f"{tls.server.url}/events/*?topic=two.example/news",
                         headers={"Host": "x.one.example"}).wait_placed())
    publish("news", "nobody's")
    publish("two.example/news", "of two")
    publish("one.example/news", "of one")
    publish("other/x", "of others")
    assert one.events(1)[0].data == "of one"
    assert two.events(1)[0].data == "of two"
    assert pages[2].data(1) == ["of others"]
    publish("other/one.example/news", "of theirs")
    assert [p.data(1) for p in pages[:2]] == [["of theirs"]] * 2


def test_a_htaccess_that_wants_every_url(box, bus, hub, connect, publish, apache):
    """As WordPress writes it."""
    hub()
    path = box.path("w.sock")
    start_worker(box, "listen", path, "--bus", bus, *OPTIONS)
    www = servers.www(box)
    servers.write(f"{www}/.htaccess", """\
RewriteEngine On
RewriteBase /
RewriteRule ^index\\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
""")
    servers.write(f"{www}/index.php", "the site")
    server = apache(f"LoadModule rewrite_module {servers.MODULES}/mod_rewrite.so\n"
                    f"<Directory {www}>\nAllowOverride All\n</Directory>\n" +
                    servers.example("apache-proxypass", path))
    assert connect(f"{server.url}/about").read_all() == b"the site"
    stream = connect(f"{server.url}/events/news").wait_placed()
    publish("news", "not the site")
    assert stream.data(1) == ["not the site"]
