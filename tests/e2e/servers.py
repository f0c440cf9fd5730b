# SPDX-License-Identifier: MIT
"""servers: real lighttpd and Apache, on loopback, from a configuration text."""

import os
import shutil

from harness import TOP, accepts, free_port, program, wait_until

LIGHTTPD = shutil.which("lighttpd", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin")
APACHE = shutil.which("apache2", path="/usr/sbin:/usr/bin:/sbin:/bin")
MODULES = "/usr/lib/apache2/modules"

# The ways to connect them, and the example that each is made of.
CONFIGS = {
    "lighttpd-bin-path": "lighttpd/sse-fcgi.conf",
    "lighttpd-external": "lighttpd/sse-fcgi-external.conf",
    "apache-sethandler": "apache/sse-fcgi.conf",
    "apache-proxypass": "apache/sse-fcgi-proxypass.conf",
}

LIGHTTPD_HEAD = """\
server.modules += ()
server.document-root = "{www}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{log}"
server.pid-file = "{pidfile}"
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html; charset=utf-8", "" => "text/plain" )
"""

APACHE_HEAD = """\
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule setenvif_module {modules}/mod_setenvif.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_fcgi_module {modules}/mod_proxy_fcgi.so
ServerRoot {dir}
ServerName localhost
{user}
TypesConfig /dev/null
AddType text/html .html
PidFile {dir}/apache.pid
DefaultRuntimeDir {dir}
ErrorLog {log}
DocumentRoot {www}
DirectoryIndex index.html
Listen 127.0.0.1:{port}
ServerLimit 4
ThreadLimit 300
ThreadsPerChild 300
StartServers 1
MaxRequestWorkers 1200
"""


class Server:
    """A web server that runs; `url` is its root."""

    def __init__(self, box, port, start, log):
        self.box, self.port, self.start, self.log = box, port, start, log
        self.url = f"http://127.0.0.1:{port}"
        self.process = None

    def up(self):
        self.process = self.start()
        wait_until(f"the web server accepts; {self.said()}",
                   lambda: accepts(("127.0.0.1", self.port)) or self.died())
        return self

    def died(self):
        assert self.process.running(), self.said()

    def said(self):
        log = open(self.log, errors="replace").read() if os.path.exists(self.log) else ""
        return log + (self.process.stderr() if self.process else "")


def example(way, socket, options):
    """The example's text; the worker's socket and its options are put in."""
    config = (TOP / "examples" / CONFIGS[way]).read_text()
    for path in ("/run/lighttpd/sse-fcgi.sock", "/run/sse-fcgi/worker.sock"):
        config = config.replace(path, socket)
    return config.replace("/usr/local/bin/sse-fcgi", " ".join((program("sse-fcgi"), *options)))


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def www(box):
    path = box.path("www")
    os.makedirs(path, exist_ok=True)
    return path


def lighttpd(box, config, port=None, user=None):
    """lighttpd with `config` after the usual lines; `user` needs root."""
    port = port or free_port()
    log = box.path(f"lighttpd-{port}.log")
    head = LIGHTTPD_HEAD.format(www=www(box), port=port, log=log,
                                pidfile=box.path(f"lighttpd-{port}.pid"))
    if user:
        head += f'server.username = "{user}"\nserver.groupname = "{user}"\n'
    conf = write(box.path(f"lighttpd-{port}.conf"), head + config)
    return Server(box, port, lambda: box.start(LIGHTTPD, "-D", "-f", conf), log).up()


def apache(box, config, port=None):
    """Apache (event) with `config` after the usual lines."""
    port = port or free_port()
    directory = box.path(f"apache-{port}")
    os.makedirs(directory, exist_ok=True)
    log = box.path(f"apache-{port}.log")
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    head = APACHE_HEAD.format(modules=MODULES, dir=directory, www=www(box), log=log,
                              port=port, user=user)
    conf = write(box.path(f"apache-{port}.conf"), head + config)
    # Not -X: a real Apache has children, and streams cost it threads.
    return Server(box, port, lambda: box.start(APACHE, "-DFOREGROUND", "-f", conf), log).up()
