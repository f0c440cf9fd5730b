# SPDX-License-Identifier: MIT
"""stage: the processes of a scenario, and whoever starts again what has ended.

What a site's init would start again is started again here: sse-hub, the
sse-fcgi that no lighttpd starts, the web server.
"""

import functools
import os
import pathlib
import re
import signal
import subprocess
import time

import servers
from harness import accepts, children, program, wait_until, workers

LOG_LINES = 8
# 0; killed; told to end before it could listen to that
ENDED = (0, -signal.SIGKILL, -signal.SIGTERM)
IN_USE = 73  # EX_CANTCREAT: an orphan of the last one has not let go of the socket
NO_ROOM = 75  # EX_TEMPFAIL: of a hub on a full disk
DEATH = re.compile(r"(worker \d+|the hub) (was killed by signal (?!9\b)|ended with status "
                   r"(?!0\b))(?P<number>\d+)")
RESTART = 0.1  # seconds between two starts of the same


def missing(way):
    """What a front-end lacks here, or nothing."""
    if way.startswith("lighttpd"):
        return None if servers.LIGHTTPD else "lighttpd is not installed"
    return None if servers.APACHE else "apache2 is not installed"


def named(pids, name):
    """Those of the processes that have this name."""
    found = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().strip() == name:
                    found.append(pid)
        except OSError:
            pass  # ended meanwhile
    return found


class Stage:
    """Hub, workers and web server as the scenario says."""

    def __init__(self, box, scenario, say):
        self.box, self.scenario, self.say = box, scenario, say
        self.bus, self.socket, self.store = (box.path(n) for n in ("bus", "w.sock", "store"))
        self.has_disk = False
        self.kept_up, self.started = {}, {}  # by name: process, when
        self.server = None
        self.seen = set()  # pids that have to be gone in the end
        self.wrong = []

    # ---- starting ----

    def up(self):
        os.mkdir(self.bus, 0o700)
        if self.scenario.is_durable:
            self.mount()
        self.keep_up()
        if self.is_external:
            wait_until("the worker accepts", lambda: accepts(self.socket))
        start = servers.lighttpd if self.scenario.way.startswith("lighttpd") else servers.apache
        config = servers.example(self.scenario.way, self.socket, self.worker_options())
        self.server = start(self.box, config)
        wait_until("the hub accepts", self.hub_accepts)
        return self

    def mount(self):
        """A small disk of its own for the store, where we may make one."""
        os.mkdir(self.store, 0o700)
        if self.scenario.fills_disk:
            self.has_disk = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs", self.store],
                stderr=subprocess.DEVNULL, check=False).returncode == 0

    @property
    def is_external(self):
        return self.scenario.way != "lighttpd-bin-path"

    def hub_accepts(self):
        return accepts(f"{self.bus}/publish")

    def hub_options(self):
        options = ["--history", self.scenario.history]
        if self.scenario.is_durable:
            return options + ["--store", self.store, "--sync", self.scenario.store]
        return options + ["--store", "memory"]

    def hub_command(self):
        return program("sse-hub"), "--bus", self.bus, *self.hub_options()

    def start_hub(self):
        """One that nobody starts again."""
        return self.box.start(*self.hub_command())

    def worker_options(self):
        options = ["--bus", self.bus, "--workers", str(self.scenario.workers),
                   *self.scenario.options]
        options += self.hub_options() if self.scenario.hub == "embedded" else \
            ["--hub", "off", "--history", self.scenario.history]
        options += ["--window", self.scenario.window] if self.scenario.window else []
        if self.scenario.way == "apache-proxypass":
            options += ["--mount", "/events"]
        return options

    @functools.cached_property
    def commands(self):
        """What is kept running, by name."""
        found = {}
        hubs = {"embedded": 0, "alone": 1, "standby": 2}[self.scenario.hub]
        for number in range(hubs):
            found[f"sse-hub {number}"] = self.hub_command()
        if self.is_external:
            found["sse-fcgi"] = (program("sse-fcgi"), "--listen", f"unix:{self.socket}",
                                 "--listen-mode", "0666", *self.worker_options())
        return found

    def keep_up(self):
        """Starts what does not run, as an init does."""
        now = time.monotonic()
        for name, command in self.commands.items():
            process = self.kept_up.get(name)
            if process and (process.running() or now < self.started[name] + RESTART):
                continue
            if process:
                self.ended(name, process)
            self.kept_up[name] = self.box.start(*command)
            self.started[name] = now
        if self.server and not self.server.process.running():
            # lighttpd ends with 1 when it cuts open responses.
            self.say("the web server has ended, starting another")
            self.server.up()

    def ended(self, name, process):
        status = process.popen.returncode
        self.say(f"{name} ended with {status}, starting another")
        may_fail = name == "sse-fcgi" and status == IN_USE or self.has_disk and status == NO_ROOM
        if status not in ENDED and not may_fail:
            self.wrong.append(f"{name} ended with {status}:\n{process.stderr()[-2000:]}")

    # ---- who is who ----

    def supervisors(self):
        if self.is_external:
            return [self.kept_up["sse-fcgi"].pid]
        return named(children(self.server.process.pid), "sse-fcgi")

    def workers(self):
        return self.note([w for s in self.supervisors() for w in workers(s)])

    def hubs(self):
        if self.scenario.hub == "embedded":
            return self.note([h for s in self.supervisors() for h in named(children(s), "hub")])
        return [p.pid for n, p in self.kept_up.items() if n.startswith("sse-hub")]

    def note(self, pids):
        self.seen.update(pids)
        return pids

    # ---- ending ----

    def said(self):
        """The end of what each process and the web server has logged."""
        logs = sorted(p for end in ("*.err", "*.log") for p in
                      pathlib.Path(self.box.dir).glob(end))
        return [f"{log.name}:\n" + "".join(log.read_text(errors="replace")
                                           .splitlines(True)[-LOG_LINES:])
                for log in logs if log.stat().st_size]

    def crashed(self):
        """What supervisors say of children that we did not kill."""
        found = []
        for log in pathlib.Path(self.box.dir).glob("*.err"):
            for line in log.read_text(errors="replace").splitlines():
                death = DEATH.search(line)
                if death and not (self.has_disk and int(death["number"]) == NO_ROOM):
                    found.append(line)
        return found

    def down(self):
        """Ends everything; what was wrong, as a list."""
        if self.has_disk:
            subprocess.run(["umount", "--lazy", self.store], check=False)
        wrong = self.wrong + self.crashed() + self.box.close()
        try:
            wait_until("children of killed processes end",
                       lambda: not named(self.seen, "hub") and
                       not [w for p in self.seen for w in named([p], "sse-fcgi")])
        except AssertionError as error:
            wrong.append(str(error))
        return wrong
