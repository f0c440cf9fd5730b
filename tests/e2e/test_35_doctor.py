# SPDX-License-Identifier: MIT
"""sse-doctor, with each fault set on purpose in a real web server: it finds
that one and no other, and names what mends it. The doctors of a test run side
by side: mostly they wait."""

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
from harness import accepts, free_port, program, wait_until
from servers import MODULES

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
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


@pytest.fixture
def doctor(box):
    """doctor({NAME: [ARGUMENT...]}): a Report of each."""
    def run(cases):
        def one(arguments):
            return Report(box.run(program("sse-doctor"), "--json", *arguments, timeout=60))
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            return dict(zip(cases, pool.map(one, cases.values())))
    return run


def expect(reports, wanted):
    """wanted: {NAME: (EXIT, [CHECK...], a text of the first one's remedy)}"""
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

    def do_GET(self):
        fault, _, rest = self.path[1:].partition("/")
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


@pytest.fixture
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
fastcgi.server += ( "/nobody" => (( "socket" => "{w}-not", "check-local" => "disable" )) )
url.redirect = ( "^/moved" => "/index.html", "^/there/(.*)" => "/events/$1" )
$HTTP["url"] =~ "^/secret" {{ url.access-deny = ( "" ) }}
$HTTP["url"] =~ "^/cached" {{
    setenv.set-response-header = ( "Cache-Control" => "max-age=60" )
}}
$HTTP["url"] !~ "^/held" {{ server.stream-response-body = 2 }}
"""


def test_lighttpd_sockets_and_a_strange_proxy(box, bus, worker, lighttpd, doctor, proxy):
    w = worker("--heartbeat", "20s")
    server = lighttpd(LIGHTTPD.format(w=w.socket))
    servers.write(os.path.join(servers.www(box), "index.html"), "<p>Log in")
    hidden = box.path("hidden")
    os.mkdir(hidden, 0o700)
    shut_in = box.start(program("sse-fcgi"), "--bus", bus, "--hub", "off",
                        "--listen", f"unix:{hidden}/w.sock")
    wait_until("it accepts", lambda: accepts(f"{hidden}/w.sock") or not shut_in.running())
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(box.path("closed.sock"))
    well, strange = server.url + "/events/x", proxy(server.url)
    reports = doctor({
        "well": [well, "--socket", w.socket, "--web-user", "nobody"],
        "held": [server.url + "/held/x"],
        "late": [server.url + "/late/x"],
        "cut": [server.url + "/cut/x", SILENCE],
        "cached": [server.url + "/cached/x"],
        "nobody": [server.url + "/nobody/x"],
        "none": [server.url + "/none/x"],
        "secret": [server.url + "/secret"],
        "moved": [server.url + "/moved"],
        "there": [server.url + "/there/x"],
        "hidden": [well, "--socket", f"{hidden}/w.sock", "--web-user", "nobody"],
        "closed": [server.url + "/none/x", "--socket", box.path("closed.sock")],
        "file": [server.url + "/none/x", "--socket", hidden],
        "strange": [strange + "/well/x"],
        "packs": [strange + "/packs/x"],
        "deaf": [strange + "/deaf/x"],
    })
    expect(reports, {
        "well": (0, [], ""),
        "held": (76, ["buffering"], "server.stream-response-body = 2"),
        "late": (0, [], ""),
        "cut": (76, ["idle"], '"read-timeout" => 3600'),
        "cached": (76, ["headers"], "setenv.set-response-header"),
        "nobody": (69, ["status"], '"socket" =>'),
        "none": (69, ["status"], "fastcgi.server +="),
        "secret": (77, ["status"], "cookies"),
        "moved": (69, ["status"], "url.redirect"),
        "there": (0, [], ""),
        "hidden": (77, ["socket"], "--listen-group www-data"),
        "closed": (69, ["socket", "status"], "sse-fcgi --listen"),
        "file": (69, ["socket", "status"], "sse-fcgi --listen"),
        "strange": (0, [], ""),
        "packs": (76, ["compression"], "A proxy compresses"),
        "deaf": (76, ["gone"], "tcp-fin-propagate"),
    })
    well = reports["well"]
    for check in ("reach", "status", "page", "headers", "buffering", "compression", "resume",
                  "hub", "gone", "socket"):
        assert well[check] == "ok", well.checks
    assert well["idle"] == "not-checked"
    assert reports["late"]["gone"] == "note"
    assert "tcp-fin-propagate" in reports["late"].remedy("gone")
    assert reports["there"]["status"] == "note"
    assert hidden in reports["hidden"].checks["socket"]["text"]
    assert reports["strange"]["headers"] == "note"  # no-transform is gone
    # What mends it is told for the web server behind it, which the worker saw.
    assert {r["server"] for r in reports["deaf"].checks["gone"]["remedy"]} == {None, "lighttpd"}


APACHE = f"""
LoadModule headers_module {MODULES}/mod_headers.so
LoadModule deflate_module {MODULES}/mod_deflate.so
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


def test_apache(box, worker, apache, doctor):
    w = worker("--heartbeat", "20s")
    server = apache(APACHE.format(w=w.socket))
    servers.write(os.path.join(servers.www(box), "index.html"), "<p>Log in")
    reports = doctor({
        "well": [server.url + "/events/x"],
        "packed": [server.url + "/events/packed"],
        "forgetful": [server.url + "/events/forgetful"],
        "held": [server.url + "/held/x"],
        "cut": [server.url + "/cut/x", SILENCE],
        "nobody": [server.url + "/nobody/x"],
        "none": [server.url + "/none/x"],
        "secret": [server.url + "/secret"],
        "moved": [server.url + "/moved"],
    })
    expect(reports, {
        "well": (0, [], ""),
        "packed": (0, [], ""),
        "forgetful": (76, ["headers", "resume"], "ExpiresActive Off"),
        "held": (76, ["buffering"], "flushpackets=on"),
        "cut": (76, ["idle"], "timeout=3600"),
        "nobody": (69, ["status"], "after unix:"),
        "none": (69, ["status"], "ProxyPass"),
        "secret": (77, ["status"], "cookies"),
        "moved": (69, ["status"], "RewriteRule"),
    })
    assert reports["well"]["gone"] == "note"
    assert reports["packed"]["compression"] == "note"
    assert "RequestHeader unset" in reports["forgetful"].remedy("resume")


NGINX_CONF = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
{user}
events {{ worker_connections 500; }}
http {{
    access_log off;
    client_body_temp_path {dir}/cb; proxy_temp_path {dir}/pt; fastcgi_temp_path {dir}/ft;
    uwsgi_temp_path {dir}/ut; scgi_temp_path {dir}/st;
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
    fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
    fastcgi_param SCRIPT_NAME $mount;
    map $uri $mount {{ ~^(?<first>/[^/]*) $first; }}
    server {{
        listen 127.0.0.1:{port};
        location /events {{ fastcgi_pass unix:{w}; fastcgi_read_timeout 1h; }}
        location /held {{ fastcgi_pass unix:{w}; fastcgi_ignore_headers X-Accel-Buffering; }}
        location /late {{ fastcgi_pass unix:{w}; fastcgi_ignore_client_abort on; }}
        location /cut {{ fastcgi_pass unix:{w}; fastcgi_read_timeout 1s; }}
        location /packed {{ fastcgi_pass unix:{w}; gzip on; gzip_types text/event-stream; }}
        location /nobody {{ fastcgi_pass unix:{w}-not; }}
    }}
    server {{
        listen 127.0.0.1:{tls_port} ssl http2;
        ssl_certificate {dir}/site.pem; ssl_certificate_key {dir}/site.pem;
        location / {{ fastcgi_pass unix:{w}; }}
    }}
    server {{
        listen 127.0.0.1:{few_port} ssl http2;
        http2_max_concurrent_streams 2;
        ssl_certificate {dir}/site.pem; ssl_certificate_key {dir}/site.pem;
        location / {{ fastcgi_pass unix:{w}; }}
    }}
}}
"""


def make_certificate(box):
    """A certificate that nobody trusts, with its key, in one file."""
    path = box.path("site.pem")
    done = box.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                   "-subj", "/CN=localhost", "-keyout", path, "-out", box.path("site.crt"))
    assert done.returncode == 0, done.stderr
    with open(path, "a", encoding="ascii") as pem, open(box.path("site.crt"), encoding="ascii") as crt:
        pem.write(crt.read())
    return path


@pytest.fixture
def nginx(box):
    """nginx(CONFIG, ports): an nginx that runs."""
    def start(config, ports):
        path = servers.write(box.path("nginx.conf"), config)
        process = box.start(NGINX, "-c", path, "-e", box.path("nginx.err"))
        for port in ports:
            wait_until("nginx accepts", lambda p=port: accepts(("127.0.0.1", p)) or
                       not process.running())
        assert process.running(), process.stderr()
    return start


def test_nginx_and_http2(box, worker, nginx, doctor):
    w = worker("--heartbeat", "20s")
    make_certificate(box)
    port = free_port(3)
    user = "user www-data;" if os.geteuid() == 0 else ""
    nginx(NGINX_CONF.format(dir=box.dir, w=w.socket, port=port, tls_port=port + 1,
                            few_port=port + 2, user=user), range(port, port + 3))
    url = f"http://127.0.0.1:{port}"
    tls, few = (f"https://127.0.0.1:{port + i}/events/x" for i in (1, 2))
    reports = doctor({
        "well": [url + "/events/x"],
        "held": [url + "/held/x"],
        "late": [url + "/late/x"],
        "cut": [url + "/cut/x", SILENCE],
        "packed": [url + "/packed/x"],
        "nobody": [url + "/nobody/x"],
        "none": [url + "/none/x"],
        "distrusted": [tls],
        "tls": [tls, "--insecure"],
        "few": [few, "-k"],
    })
    expect(reports, {
        "well": (0, [], ""),
        "held": (76, ["buffering"], "fastcgi_buffering off;"),
        "late": (0, [], ""),
        "cut": (76, ["idle"], "fastcgi_read_timeout 1h;"),
        "packed": (0, [], ""),
        "nobody": (69, ["status"], "fastcgi_pass"),
        "none": (69, ["status"], "location /events"),
        "distrusted": (69, ["reach"], ""),
        "tls": (0, [], ""),
        "few": (76, ["http2"], "http2_max_concurrent_streams"),
    })
    assert reports["well"]["gone"] == "ok"
    assert reports["late"]["gone"] == "note"
    assert reports["packed"]["compression"] == "note"
    assert reports["well"]["http2"] == "not-checked"
    assert reports["tls"]["http2"] == "ok"


# ---- worker and hub ----

WELL = """
server.modules += ( "mod_fastcgi" )
fastcgi.server += ( "/events" => (( "socket" => "{w}", "check-local" => "disable",
                                    "tcp-fin-propagate" => "enable" )) )
server.stream-response-body = 2
"""


def test_worker_hub_and_who_may_read(box, bus, hub, worker, lighttpd, doctor, connect):
    the_hub = hub()
    w = worker("--hub", "off", "--cors-origin", "https://friend.example")
    url = lighttpd(WELL.format(w=w.socket)).url + "/events"
    off = worker("--hub", "off", "--probe", "off", "--heartbeat", "300ms", name="off.sock")
    off_url = lighttpd(WELL.format(w=off.socket)).url + "/events"
    full = worker("--hub", "off", "--max-clients", "1", name="full.sock")
    full_url = lighttpd(WELL.format(w=full.socket)).url + "/events/x"
    connect(full_url).wait_placed()
    late = worker("--hub", "off", "--probe", "off", "--max-clients", "1", name="late.sock")
    late_url = lighttpd(WELL.format(w=late.socket)).url + "/events/x"
    connect(late_url).wait_placed()
    reports = doctor({
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
    report = doctor({"away": [url + "/x", "--bus", bus]})["away"]
    assert (report.code, report.problems()) == (69, ["hub"]), report.checks
    assert bus in report.checks["hub"]["text"]

    # The supervisor must not answer for its worker: end all of it.
    w.stop()
    expect(doctor({"stopped": [url + "/x", "--socket", w.socket]}),
           {"stopped": (69, ["socket", "status"], "sse-fcgi --listen")})


# ---- the program itself ----

def test_nobody_there(box):
    done = box.run(program("sse-doctor"), f"http://127.0.0.1:{free_port()}/events")
    assert done.returncode == 69
    lines = done.stdout.splitlines()
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
