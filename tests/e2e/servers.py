# SPDX-License-Identifier: MIT
"""servers: real web servers, on loopback, from a configuration text."""

import base64
import os
import shutil

from harness import TOP, accepts, free_port, program, wait_until

PLACES = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
LIGHTTPD = shutil.which("lighttpd", path=PLACES)
APACHE = shutil.which("apache2", path=PLACES)
NGINX = shutil.which("nginx", path=PLACES)
CADDY = shutil.which("caddy", path=PLACES)
MODULES = "/usr/lib/apache2/modules"

# The ways to connect them, and the example that each is made of.
CONFIGS = {
    "lighttpd-bin-path": "lighttpd/sse-fcgi.conf",
    "lighttpd-external": "lighttpd/sse-fcgi-external.conf",
    "lighttpd-tcp": "lighttpd/sse-fcgi-external.conf",
    "apache-proxypass": "apache/sse-fcgi.conf",
    "apache-prefork": "apache/sse-fcgi.conf",
    "apache-tcp": "apache/sse-fcgi.conf",
    "apache-sethandler": "apache/sse-fcgi-sethandler.conf",
    "nginx": "nginx/sse-fcgi.conf",
    "caddy": "caddy/sse-fcgi.caddy",
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
LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so
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
{sizes}
"""

# What an admin sets for more streams than Debian's sizes allow.
APACHE_SIZES = {
    "event": """\
ServerLimit 4
ThreadLimit 300
ThreadsPerChild 300
StartServers 1
MaxRequestWorkers 1200
Define SSE_FCGI_CLIENTS 1000
""",
    "prefork": """\
ServerLimit 300
StartServers 240
MaxSpareServers 300
MaxRequestWorkers 300
Define SSE_FCGI_CLIENTS 280
""",
}

NGINX_CONFIG = """\
daemon off;
pid {dir}/nginx.pid;
error_log {log};
events {{ worker_connections 1000; }}
http {{
    access_log off;
    {paths}
    server {{
        listen 127.0.0.1:{port};
        root {www};
        include {conf};
    }}
}}
"""

CADDY_CONFIG = """\
{{
	admin off
	auto_https off
	grace_period 1s
	storage file_system {dir}
}}
http://:{port} {{
	bind 127.0.0.1
	root * {www}
	import {conf}
	file_server
}}
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


def example(way, socket, options=()):
    """The example's text; the worker's socket and its options are put in.
    `socket` is a path, or (host, port)."""
    config = (TOP / "examples" / CONFIGS[way]).read_text()
    if isinstance(socket, tuple):
        host, port = socket
        config = config.replace('"socket"            => "/run/sse-fcgi/worker.sock",', "")
        config = config.replace('#"host" => "127.0.0.1", "port" => 9000',
                                f'"host" => "{host}", "port" => {port}')
        if way.startswith("apache"):
            config = f"Define SSE_FCGI_AT fcgi://{host}:{port}/\n{config}"
        return config
    for path in ("/run/lighttpd/sse-fcgi.sock", "/run/sse-fcgi/worker.sock"):
        config = config.replace(path, socket)
    return config.replace("/usr/local/bin/sse-fcgi", " ".join((program("sse-fcgi"), *options)))


def basic(user, password):
    """The Authorization header's second word."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


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


def apache(box, config, port=None, mpm="event", sizes=None):
    """Apache with `config` after the usual lines; `sizes` are lines, too."""
    port = port or free_port()
    directory = box.path(f"apache-{port}")
    os.makedirs(directory, exist_ok=True)
    log = box.path(f"apache-{port}.log")
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    head = APACHE_HEAD.format(modules=MODULES, dir=directory, www=www(box), log=log,
                              port=port, user=user, mpm=mpm,
                              sizes=APACHE_SIZES[mpm] if sizes is None else sizes)
    # www-data may not be let through to where this is being built.
    for answer in (TOP / "examples/apache").glob("*.asis"):
        shutil.copy(answer, directory)
    config = config.replace("/usr/local/share/sse-fcgi/apache", directory)
    conf = write(box.path(f"apache-{port}.conf"), head + config)
    # Not -X: a real Apache has children, and streams cost it threads. At its end
    # mpm_prefork sends a signal to its process group, which should not be ours.
    return Server(box, port, lambda: box.start(APACHE, "-DFOREGROUND", "-f", conf,
                                               start_new_session=mpm == "prefork"), log).up()


def nginx(box, config, port=None):
    """nginx with `config` in its server."""
    port = port or free_port()
    directory = box.path(f"nginx-{port}")
    os.makedirs(directory, exist_ok=True)
    log = box.path(f"nginx-{port}.log")
    part = write(box.path(f"nginx-{port}.part"),
                 config.replace("include fastcgi_params", "include /etc/nginx/fastcgi_params"))
    paths = " ".join(f"{name}_temp_path {directory}/{name};"
                     for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = write(box.path(f"nginx-{port}.conf"),
                 NGINX_CONFIG.format(dir=directory, log=log, port=port, www=www(box),
                                     conf=part, paths=paths))
    return Server(box, port, lambda: box.start(NGINX, "-e", log, "-c", conf), log).up()


def caddy(box, config, port=None):
    """Caddy with `config` in its site."""
    port = port or free_port()
    directory = box.path(f"caddy-{port}")
    os.makedirs(directory, exist_ok=True)
    part = write(box.path(f"caddy-{port}.part"), config)
    conf = write(box.path(f"caddy-{port}.conf"),
                 CADDY_CONFIG.format(dir=directory, port=port, www=www(box), conf=part))
    home = {"HOME": directory, "XDG_CONFIG_HOME": directory, "XDG_DATA_HOME": directory}
    return Server(box, port,
                  lambda: box.start(CADDY, "run", "--adapter", "caddyfile", "--config", conf,
                                    env=home), box.path(f"caddy-{port}.log")).up()


def web_server(way):
    """What starts the web server of CONFIGS[way]: its program, and start(box, config)."""
    kind = way.split("-")[0]
    if way == "apache-prefork":
        return APACHE, lambda box, config: apache(box, config, mpm="prefork")
    return {"lighttpd": (LIGHTTPD, lighttpd), "apache": (APACHE, apache),
            "nginx": (NGINX, nginx), "caddy": (CADDY, caddy)}[kind]
