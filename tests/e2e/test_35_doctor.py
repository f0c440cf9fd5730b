# SPDX-License-Identifier: MIT
"""sse-doctor, with each fault set on purpose in a real web server: it finds
that one and no other, and names what mends it. The doctors run side by side:
mostly they wait."""

import concurrent.futures
import http.client
import http.server
import json
import os
import shutil
import socket
import threading
import urllib.parse
import zlib

import pytest

import servers
from harness import Box, free_port, program, wait_until
from servers import MODULES
from starts import start_worker
from streams import Ended, FcgiStream, HttpStream

SILENCE = "--long=6s"


class Report:
    """What a doctor said."""

    def __init__(self, done):
        assert not done.stderr, done.stderr
        self.code = done.returncode
        self.checks = {}
        for line in done.stdout.splitlines():
            one = json.loads(line)
            self.checks[one["check"]] = one

    def __getitem__(self, check):
        return self.checks[check]["result"]

    def problems(self):
        return sorted(c for c, one in self.checks.items() if one["result"] == "problem")

    def remedy(self, check):
        return "".join(r["text"] for r in self.checks[check]["remedy"])


def consult(box, cases):
    """{ANYTHING: [ARGUMENT...]}: a Report of each; so many at a time."""
    def one(arguments):
        return Report(box.run(program("sse-doctor"), "--json", *arguments, timeout=90))
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        return dict(zip(cases, pool.map(one, cases.values())))


def settle(where, *target):
    """A stream of a worker that serves, and follows its hub. One that has just
    been started may ask to come back later."""
    def attempt():
        stream = (HttpStream if where.startswith("http:") else FcgiStream)(where, *target)
        try:
            return stream.wait_placed()
        except Ended:
            stream.close()
            return None
    return wait_until("a stream with its place", attempt)


def expect(reports, wanted):
    """wanted: {NAME: (EXIT, [CHECK...], a text of the first one's remedy)}"""
    assert reports.keys() == wanted.keys()
    for name, (code, problems, remedy) in wanted.items():
        report = reports[name]
        assert report.problems() == problems, (name, report.checks)
        assert report.code == code, (name, report.checks)
        for check in problems[:1]:
            assert remedy in report.remedy(check), (name, report.checks[check])


# ---- a proxy that nobody knows ----

class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes streams on, and has a fault that its path names."""

    protocol_version = "HTTP/1.1"
    upstream = None
    ended = None
    busy = 2  # so many requests are told so

    def log_message(self, *_):
        pass

    def version_string(self):
        return "mystery/1"

    def chunk(self, data):
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def do_HEAD(self):
        self.send_response(405)
        self.end_headers()

    def say_busy(self, seconds):
        self.send_response(429)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Retry-After", seconds)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"Busy\n")

    def do_GET(self):
        fault, _, rest = self.path[1:].partition("/")
        if fault == "taken":
            self.say_busy("60")
            return
        if fault == "busy" and self.busy > 0:
            type(self).busy -= 1
            self.say_busy("1")
            return
        there = urllib.parse.urlsplit(self.upstream)
        back = http.client.HTTPConnection(there.hostname, there.port, timeout=30)
        back.request("GET", "/events/" + rest, headers={"Accept": "text/event-stream",
                     "Last-Event-ID": self.headers.get("Last-Event-ID", "")})
        answer = back.getresponse()
        packs = fault == "packs" and "gzip" in self.headers.get("Accept-Encoding", "")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        if packs:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        packer = zlib.compressobj(wbits=31)
        gone = False
        while data := answer.read1(65536):
            if self.ended.is_set():
                break
            try:
                self.chunk(packer.compress(data) if packs else data)
            except OSError:
                if fault != "deaf":
                    break
                gone = True  # and reads on, as if somebody was there
        back.close()
        if not gone:
            try:
                self.chunk(packer.flush() if packs else b"")
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                pass
        self.close_connection = True


@pytest.fixture(scope="module")
def proxy():
    """proxy(URL): the URL of a proxy for it."""
    started, ended = [], threading.Event()

    def start(upstream):
        handler = type("Handler", (Proxy,), {"upstream": upstream, "ended": ended})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    ended.set()
    for server in started:
        server.shutdown()
        server.server_close()


# ---- each web server, well and ill ----

LIGHTTPD = """
server.modules += ( "mod_access", "mod_fastcgi", "mod_redirect", "mod_setenv" )
fastcgi.server += ( "/events" => (( "socket" => "{w}", "check-local" => "disable",
                                    "tcp-fin-propagate" => "enable" )) )
fastcgi.server += ( "/held" => (( "socket" => "{w}", "check-local" => "disable" )) )
fastcgi.server += ( "/late" => (( "socket" => "{w}", "check-local" => "disable" )) )
fastcgi.server += ( "/cut" => (( "socket" => "{w}", "check-local" => "disable",
                                 "read-timeout" => 1 )) )
fastcgi.server += ( "/cached" => (( "socket" => "{w}", "check-local" => "disable" )) )
fastcgi.server += ( "/poll" => (( "socket" => "{w}", "check-local" => "disable" )) )
fastcgi.server += ( "/nobody" => (( "socket" => "{w}-not", "check-local" => "disable" )) )
url.redirect = ( "^/moved" => "/index.html", "^/there/(.*)" => "/events/$1" )
$HTTP["url"] =~ "^/secret" {{ url.access-deny = ( "" ) }}
$HTTP["url"] =~ "^/cached" {{
    setenv.set-response-header = ( "Cache-Control" => "max-age=60" )
}}
$HTTP["url"] =~ "^/poll" {{ setenv.set-environment = ( "SSE_POLL" => "1s" ) }}
$HTTP["url"] !~ "^/held" {{ server.stream-response-body = 2 }}
"""


def ill_lighttpd(ward):
    w = ward.worker("lighttpd", "--heartbeat", "20s")
    url = ward.url(servers.lighttpd, LIGHTTPD.format(w=w))
    well, strange = url + "/events/x", ward.proxy(url)
    hidden, closed = ward.box.path("hidden"), ward.box.path("closed.sock")
    os.mkdir(hidden, 0o700)
    ward.worker("hidden/w")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(closed)
    return {
        "deaf": [strange + "/deaf/x"],  # takes longest
        "cut": [url + "/cut/x", SILENCE],
        "well": [well, "--socket", w, "--web-user", "nobody"],
        "held": [url + "/held/x"],
        "late": [url + "/late/x"],
        "cached": [url + "/cached/x"],
        "poll": [url + "/poll/x"],
        "nobody": [url + "/nobody/x"],
        "none": [url + "/none/x"],
        "secret": [url + "/secret"],
        "moved": [url + "/moved"],
        "there": [url + "/there/x"],
        "hidden": [well, "--socket", f"{hidden}/w.sock", "--web-user", "nobody"],
        "closed": [url + "/none/x", "--socket", closed],
        "file": [url + "/none/x", "--socket", hidden],
        "strange": [strange + "/well/x"],
        "packs": [strange + "/packs/x"],
        "busy": [strange + "/busy/x"],
        "taken": [strange + "/taken/x"],
    }


def test_lighttpd_sockets_and_a_strange_proxy(ward):
    reports = ward.reports(ill_lighttpd)
    expect(reports, {
        "well": (0, [], ""),
        "held": (76, ["buffering"], "server.stream-response-body = 2"),
        "late": (0, [], ""),
        "cut": (76, ["idle"], '"read-timeout" =>'),
        "cached": (76, ["headers"], "setenv.set-response-header"),
        "poll": (0, [], ""),
        "nobody": (69, ["status"], '"socket" =>'),
        "none": (69, ["status"], 'fastcgi.server += ( "/none" =>'),
        "secret": (77, ["status"], "cookies"),
        "moved": (69, ["status"], "url.redirect"),
        "there": (0, [], ""),
        "hidden": (77, ["socket"], "--listen-group www-data"),
        "closed": (69, ["socket", "status"], "sse-fcgi --listen"),
        "file": (69, ["socket", "status"], "sse-fcgi --listen"),
        "strange": (0, [], ""),
        "packs": (76, ["compression"], "A proxy compresses"),
        "busy": (0, [], ""),
        "taken": (75, ["status"], ""),
        "deaf": (76, ["gone"], "tcp-fin-propagate"),
    })
    well = reports["well"]
    for check in ("reach", "status", "page", "headers", "buffering", "compression", "resume",
                  "hub", "gone", "socket"):
        assert well[check] == "ok", well.checks
    assert well["idle"] == "not-checked"
    assert reports["poll"]["buffering"] == "note"
    assert reports["late"]["gone"] == "note"
    assert "tcp-fin-propagate" in reports["late"].remedy("gone")
    assert reports["there"]["status"] == "note"
    assert "hidden" in reports["hidden"].checks["socket"]["text"]
    assert reports["strange"]["headers"] == "note"  # no-transform is gone
    # What mends it is told for the web server behind it, which the worker saw.
    assert {r["server"] for r in reports["deaf"].checks["gone"]["remedy"]} == {None, "lighttpd"}


APACHE = f"""
LoadModule headers_module {MODULES}/mod_headers.so
LoadModule deflate_module {MODULES}/mod_deflate.so
LoadModule brotli_module {MODULES}/mod_brotli.so
LoadModule filter_module {MODULES}/mod_filter.so
LoadModule alias_module {MODULES}/mod_alias.so
""" + """
<Location "/events">
    SetHandler "proxy:unix:{w}|fcgi://well/"
</Location>
<Proxy "fcgi://well/">
    ProxySet flushpackets=on timeout=3600
</Proxy>
<LocationMatch "^/events/(packed|forgetful)">
    SetOutputFilter DEFLATE
</LocationMatch>
<Location "/events/brotli">
    SetOutputFilter BROTLI_COMPRESS
</Location>
<Location "/events/forgetful">
    RequestHeader unset Last-Event-ID
    Header set Cache-Control "max-age=60"
</Location>
<Location "/held">
    SetHandler "proxy:unix:{w}|fcgi://held/"
</Location>
<Location "/cut">
    SetHandler "proxy:unix:{w}|fcgi://cut/"
</Location>
<Proxy "fcgi://cut/">
    ProxySet flushpackets=on timeout=1
</Proxy>
<Location "/nobody">
    SetHandler "proxy:unix:{w}-not|fcgi://nobody/"
</Location>
<Location "/secret">
    Require all denied
</Location>
Redirect "/moved" "/index.html"
SetEnvIf Request_URI "^/" nokeepalive
"""


def ill_apache(ward):
    w = ward.worker("apache", "--heartbeat", "20s")
    url = ward.url(servers.apache, APACHE.format(w=w))
    return {
        "cut": [url + "/cut/x", SILENCE],
        "well": [url + "/events/x"],
        "packed": [url + "/events/packed"],
        "brotli": [url + "/events/brotli"],
        "forgetful": [url + "/events/forgetful"],
        "held": [url + "/held/x"],
        "nobody": [url + "/nobody/x"],
        "none": [url + "/none/x"],
        "secret": [url + "/secret"],
        "moved": [url + "/moved"],
    }


def test_apache(ward):
    reports = ward.reports(ill_apache)
    expect(reports, {
        "well": (0, [], ""),
        "packed": (0, [], ""),
        "brotli": (0, [], ""),
        "forgetful": (76, ["headers", "resume"], "ExpiresActive Off"),
        "held": (76, ["buffering"], "flushpackets=on"),
        "cut": (76, ["idle"], "timeout=60"),
        "nobody": (69, ["status"], "after unix:"),
        "none": (69, ["status"], 'ProxyPass "/none" "unix:'),
        "secret": (77, ["status"], "cookies"),
        "moved": (69, ["status"], "RewriteRule"),
    })
    assert reports["well"]["gone"] == "note"
    for name, coding in (("packed", "gzip"), ("brotli", "br")):
        assert reports[name]["compression"] == "note"
        assert reports[name].checks["compression"]["text"].startswith(f"{coding},"), name
    assert "RequestHeader unset" in reports["forgetful"].remedy("resume")


FCGID = f"""
LoadModule alias_module {MODULES}/mod_alias.so
LoadModule fcgid_module {MODULES}/mod_fcgid.so
""" + """
FcgidIPCDir {dir}
FcgidProcessTableFile {dir}/shm
FcgidInitialEnv SSE_CGI_SOCKET {w}
ScriptAlias "/live" "{cgi}"
<Location "/live">
    SetHandler fcgid-script
    Options +ExecCGI
    Require all granted
</Location>
SetEnvIf Request_URI "^/" nokeepalive
"""


def ill_fcgid(ward):
    """As it comes it collects 64 KB, and cuts what is silent for 40 s."""
    if not os.path.exists(f"{MODULES}/mod_fcgid.so"):
        return {}
    w = ward.worker("fcgid", "--heartbeat", "60s", "--listen-mode", "0666")
    cgi = shutil.copy(program("sse-cgi"), ward.box.path("sse-cgi"))

    def start(name, *lines):
        directory = ward.box.path(f"fcgid-{name}")
        os.mkdir(directory)
        os.chmod(directory, 0o777)
        conf = FCGID.format(dir=directory, w=w, cgi=cgi)
        return ward.url(servers.apache, conf + "\n".join(lines)) + "/live/x"
    return {
        "silent": [start("silent", "FcgidOutputBufferSize 0"), "--long=45s"],
        "cut": [start("cut", "FcgidOutputBufferSize 0", "FcgidIOTimeout 2"), SILENCE],
        "held": [start("held")],
        "well": [start("well", "FcgidOutputBufferSize 0", "FcgidIOTimeout 3600"), SILENCE],
    }


@pytest.mark.skipif(not os.path.exists(f"{MODULES}/mod_fcgid.so"),
                    reason="mod_fcgid is not installed")
def test_mod_fcgid(ward):
    reports = ward.reports(ill_fcgid)
    expect(reports, {
        "well": (0, [], ""),
        "held": (76, ["buffering"], "FcgidOutputBufferSize 0"),
        "cut": (76, ["idle"], "FcgidIOTimeout 60"),
        "silent": (76, ["idle"], "FcgidIOTimeout 60"),
    })
    assert reports["well"]["idle"] == "ok"


NGINX = """
daemon off; pid {dir}/nginx.pid;
events {{ worker_connections 500; }}
http {{
    access_log off;
    client_body_temp_path {dir}/cb; proxy_temp_path {dir}/pt; fastcgi_temp_path {dir}/ft;
    uwsgi_temp_path {dir}/ut; scgi_temp_path {dir}/st;
    ssl_certificate {pem}; ssl_certificate_key {pem};
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
    fastcgi_param SCRIPT_NAME $mount;
    map $uri $mount {{ ~^(?<first>/[^/]*) $first; }}
    server {{
        listen 127.0.0.1:{port};
        location /events {{ fastcgi_pass unix:{w}; }}
        location /held {{ fastcgi_pass unix:{w}; fastcgi_ignore_headers X-Accel-Buffering; }}
        location /late {{ fastcgi_pass unix:{w}; fastcgi_ignore_client_abort on; }}
        location /cut {{ fastcgi_pass unix:{w}; fastcgi_read_timeout 1s; }}
        location /packed {{ fastcgi_pass unix:{w}; gzip on; gzip_types text/event-stream; }}
        location /nobody {{ fastcgi_pass unix:{w}-not; }}
    }}
    server {{ listen 127.0.0.1:{tls} ssl http2; location / {{ fastcgi_pass unix:{w}; }} }}
    server {{
        listen 127.0.0.1:{few} ssl http2;
        http2_max_concurrent_streams 2;
        location / {{ fastcgi_pass unix:{w}; }}
    }}
}}
"""


def make_certificate(box):
    """A certificate that nobody trusts, with its key, in one file."""
    path, crt = box.path("site.pem"), box.path("site.crt")
    done = box.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                   "-subj", "/CN=localhost", "-keyout", path, "-out", crt)
    assert done.returncode == 0, done.stderr
    with open(path, "a", encoding="ascii") as pem, open(crt, encoding="ascii") as part:
        pem.write(part.read())
    return path


def ill_nginx(ward):
    box, port = ward.box, free_port(3)
    if not servers.NGINX:
        pytest.skip("nginx is not installed")
    conf = servers.write(box.path("nginx.conf"), NGINX.format(
        dir=box.dir, w=ward.worker("nginx", "--heartbeat", "20s"), pem=make_certificate(box),
        port=port, tls=port + 1, few=port + 2))
    log = box.path("nginx.log")
    server = servers.Server(box, port, lambda: box.start(servers.NGINX, "-e", log, "-c", conf), log)
    url = server.up().url
    tls, few = (f"https://127.0.0.1:{port + i}/events/x" for i in (1, 2))
    return {
        "cut": [url + "/cut/x", SILENCE],
        "well": [url + "/events/x"],
        "held": [url + "/held/x"],
        "late": [url + "/late/x"],
        "packed": [url + "/packed/x"],
        "nobody": [url + "/nobody/x"],
        "none": [url + "/none/x"],
        "distrusted": [tls],
        "tls": [tls, "--insecure"],
        "few": [few, "-k"],
    }


def test_nginx_and_http2(ward):
    reports = ward.reports(ill_nginx)
    expect(reports, {
        "well": (0, [], ""),
        "held": (76, ["buffering"], "fastcgi_buffering off;"),
        "late": (0, [], ""),
        "cut": (76, ["idle"], "fastcgi_read_timeout 60s;"),
        "packed": (0, [], ""),
        "nobody": (69, ["status"], "fastcgi_pass"),
        "none": (69, ["status"], "location /none {"),
        "distrusted": (69, ["reach"], ""),
        "tls": (0, [], ""),
        "few": (76, ["http2"], "http2_max_concurrent_streams"),
    })
    assert reports["well"]["gone"] == "ok"
    assert reports["late"]["gone"] == "note"
    assert reports["packed"]["compression"] == "note"
    assert reports["well"]["http2"] == "not-checked"
    assert reports["tls"]["http2"] == "ok"


EXAMPLES = ("lighttpd-bin-path", "lighttpd-external", "apache-proxypass", "apache-sethandler",
            "nginx", "caddy")


def examples(ward):
    """The configuration files of examples/, in which nothing is wrong."""
    w = ward.worker("example", "--drain", "100ms")
    ward.example_urls = {}
    for way in EXAMPLES:
        program_of_it, start = servers.web_server(way)
        if not program_of_it:
            pytest.skip(f"not installed: {way}")
        own = "--bus", ward.box.path("example.bus")
        path = ward.box.path("own.sock") if way == "lighttpd-bin-path" else w
        ward.example_urls[way] = url = start(ward.box, servers.example(way, path, own)).url
        settle(url + "/events/x").close()
    return {way: [url + "/events/x"] for way, url in ward.example_urls.items()}


def test_the_examples_are_well(ward):
    expect(ward.reports(examples), {way: (0, [], "") for way in EXAMPLES})
    # Then their worker goes, but for the one that has its own.
    ward.workers["example"].stop()
    gone = {way: [url + "/events/x"] for way, url in ward.example_urls.items()
            if way != "lighttpd-bin-path"}
    for way, report in consult(ward.box, gone).items():
        # Some say so by a status, some ask the browser to come back later.
        assert report.problems() in (["status"], ["ready"]), (way, report.checks)
        assert report.code == 69
        assert "sse-fcgi --listen" in report.remedy(report.problems()[0]), way


class Ward:
    """Web servers with all their ills, looked at together: mostly it is waiting."""

    def __init__(self, box, proxy):
        self.box, self.proxy, self.workers = box, proxy, {}
        servers.write(os.path.join(servers.www(box), "index.html"), "<p>Log in")
        cases = {}
        for fill in (ill_lighttpd, ill_nginx, ill_apache, ill_fcgid, examples):
            cases |= {(fill, name): arguments for name, arguments in fill(self).items()}
        self.found = consult(box, cases)

    def worker(self, name, *options):
        """The path of its socket. Each has a bus, and its probes, to itself."""
        bus, path = self.box.path(name.replace("/", "-") + ".bus"), self.box.path(name + ".sock")
        os.mkdir(bus, 0o700)
        self.workers[name] = start_worker(self.box, "listen", path, "--bus", bus, *options)
        settle(path, "/sse?topic=x").close()
        return path

    def url(self, start, config):
        return start(self.box, config).url

    def reports(self, fill):
        return {name: report for (of, name), report in self.found.items() if of == fill}


@pytest.fixture(scope="module")
def ward(proxy):
    box = Box()
    yield Ward(box, proxy)
    wrong = box.close()
    assert not wrong, "\n".join(wrong)


WELL = """
server.modules += ( "mod_fastcgi" )
fastcgi.server += ( "/events" => (( "socket" => "{w}", "check-local" => "disable",
                                    "tcp-fin-propagate" => "enable" )) )
server.stream-response-body = 2
"""


def test_worker_hub_and_who_may_read(box, bus, hub, worker, lighttpd, connect):
    the_hub = hub()
    w = worker("--hub", "off", "--cors-origin", "https://friend.example")
    url = lighttpd(WELL.format(w=w.socket)).url + "/events"
    off = worker("--hub", "off", "--probe", "off", "--heartbeat", "300ms", name="off.sock")
    off_url = lighttpd(WELL.format(w=off.socket)).url + "/events"
    settle(url + "/x").close()
    settle(off_url + "/x").close()
    full = worker("--hub", "off", "--max-clients", "1", name="full.sock")
    full_url = lighttpd(WELL.format(w=full.socket)).url + "/events/x"
    box.keep(settle(full_url))
    late = worker("--hub", "off", "--probe", "off", "--max-clients", "1", name="late.sock")
    late_url = lighttpd(WELL.format(w=late.socket)).url + "/events/x"
    box.keep(settle(late_url))
    reports = consult(box, {
        "friend": [url + "/x", "--origin", "https://friend.example"],
        "stranger": [url + "/x", "--origin", "https://stranger.example"],
        "mount": [url],
        "private": [url + "/private/x"],
        "off": [off_url + "/x"],
        "off mount": [off_url],
        "full": [full_url],
        "late": [late_url],
        "header": [url + "/x", "-H", "Origin: https://friend.example", "--header", "X-A:b"],
    })
    expect(reports, {
        "friend": (0, [], ""),
        "stranger": (76, ["cors"], "--cors-origin"),
        "mount": (0, [], ""),
        "private": (77, ["page"], "sse_handoff"),
        # Without probes less is seen, and a URL without a topic is wrong.
        "off": (0, [], ""),
        "off mount": (69, ["status"], "?topic=A"),
        "full": (69, ["status"], ""),
        "late": (69, ["ready"], "--max-clients"),
        "header": (0, [], ""),
    })
    assert reports["off"]["buffering"] == "ok"
    assert reports["off"]["probes"] == "not-checked"
    assert "All streams of this worker are taken" in reports["full"].checks["status"]["text"]
    assert "No topic was named" in reports["off mount"].checks["status"]["text"]
    assert reports["mount"]["page"] == "note"

    the_hub.stop()

    def is_away():
        stream = connect(url + "?probe=0")
        stream.wait_end()
        return b'"hub":"away"' in stream.body

    wait_until("the worker misses its hub", is_away)
    report = consult(box, {"away": [url + "/x", "--bus", bus]})["away"]
    assert (report.code, report.problems()) == (69, ["hub"]), report.checks
    assert bus in report.checks["hub"]["text"]

    # The supervisor must not answer for its worker: end all of it.
    w.stop()
    expect(consult(box, {"stopped": [url + "/x", "--socket", w.socket]}),
           {"stopped": (69, ["socket", "status"], "sse-fcgi --listen")})


# ---- the program itself ----

def test_nobody_there(box):
    port = free_port()
    done = box.run(program("sse-doctor"), f"http://alice:secret@127.0.0.1:{port}/events?a=@b")
    assert done.returncode == 69
    lines = done.stdout.splitlines()
    assert lines[0] == f"http://127.0.0.1:{port}/events?a=@b"
    assert lines[1].startswith("reach        PROBLEM - the web server cannot be reached")
    assert lines[-1] == "1 problem was found."
    done = box.run(program("sse-doctor"), "http://no-such-host.invalid/events")
    assert done.returncode == 69
    assert "the name has no address" in done.stdout


def test_usage(box):
    for arguments in ([], ["/events"], ["ftp://a/b"], ["http://a", "http://b"],
                      ["--long=11m", "http://a"], ["--wait", "x", "http://a"],
                      ["--origin", "friend.example", "http://a"],
                      ["--origin", "https://a\nX: y", "http://a"],
                      ["-H", "nothing", "http://a"], ["-H", "a: b\r\nX: y", "http://a"],
                      ["--socket", "w.sock", "http://a"], ["--nothing", "http://a"]):
        done = box.run(program("sse-doctor"), *arguments)
        assert done.returncode == 64, (arguments, done.stdout)
        assert done.stderr.startswith("sse-doctor: "), done.stderr
    assert box.run(program("sse-doctor"), "--version").stdout.startswith("sse-doctor (sse-fcgi)")
