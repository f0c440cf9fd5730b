# SPDX-License-Identifier: MIT
"""rig: what the benchmarks share. Programs of the build that $SSE_BUILD names, on
loopback and unix sockets, and two kinds of lines on standard output: text for
people, and JSON for bench.json.

A figure is what counts: a ratio of two things measured in turns in one run, or
a size; with the goal that it is held against (`most` or `least`)."""

import contextlib
import fcntl
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "e2e"))

import servers  # noqa: E402
from harness import (Box, accepts, children, descendants, program,  # noqa: E402
                     wait_until, workers)

QUIET = os.environ.get("BENCH_LOCK", os.path.join(tempfile.gettempdir(), "sse-bench.lock"))

quiet_depth = []


@contextlib.contextmanager
def quiet():
    """One measurement at a time on this machine. One within another belongs to it."""
    with open(QUIET, "a", encoding="ascii") as f:
        if not quiet_depth:
            fcntl.flock(f, fcntl.LOCK_EX)
        quiet_depth.append(f)
        try:
            yield
        finally:
            quiet_depth.pop()


def files():
    """As many open files as the hard limit allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def say(text):
    print(text, flush=True)


def note(bench, **values):
    """What was measured, in full."""
    print(json.dumps({"bench": bench, **values}), flush=True)


def figure(what, value, unit="", most=None, least=None):
    """A line of the table."""
    goal = {"most": most, "least": least}
    print(json.dumps({"figure": what, "value": round(value, 4), "unit": unit,
                      **{k: v for k, v in goal.items() if v is not None}}), flush=True)


def cpu_s(pid):
    """The seconds of CPU that a process has used, with all its threads."""
    used = 0
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        used += int(task.read_text(encoding="ascii").split()[0])
    return used / 1e9


def undisturbed(values):
    """The lower quartile: other work on the machine makes a round dearer, never
    cheaper."""
    return sorted(values)[len(values) // 4]


class Service:
    """Hub and workers on one bus; `processes` by name, whose children ssebench
    counts with them."""

    def __init__(self, box, name="s", workers=1, hub=("--store", "memory"), options=()):
        self.box = box
        self.bus, self.socket = box.path(f"{name}-bus"), box.path(f"{name}.sock")
        os.mkdir(self.bus, 0o700)
        self.hub = box.start(program("sse-hub"), "--bus", self.bus, *hub)
        wait_until("the hub accepts", lambda: accepts(f"{self.bus}/publish"))
        self.worker = box.start(program("sse-fcgi"), "--bus", self.bus, "--hub", "off",
                                "--workers", str(workers), "--listen",
                                f"unix:{self.socket}", *options)
        wait_until("the worker accepts", lambda: accepts(self.socket))
        wait_until("all workers run", lambda: len(self.each()) == workers + 2)

    def lighttpd(self):
        """In front of it, with the example's configuration."""
        limit = files()
        config = (TOP / "examples/lighttpd/sse-fcgi-external.conf").read_text()
        config = config.replace("/run/sse-fcgi/worker.sock", self.socket)
        config += (f"server.max-fds = {limit}\n"
                   f"server.max-connections = {limit // 2}\n"
                   "server.listen-backlog = 4096\n"
                   "server.max-keep-alive-requests = 1000000\n")
        return servers.lighttpd(self.box, config)

    def publisher(self, topic="bench"):
        return f"{program('sse-publish')} --bus {self.bus} --lines {topic}"

    def processes(self):
        return {"hub": self.hub.pid, "sse-fcgi": self.worker.pid}

    def each(self):
        """The same with each process of its own name."""
        return {"hub": self.hub.pid, "supervisor": self.worker.pid,
                **{f"worker{i}": p for i, p in enumerate(workers(self.worker.pid))}}


def ssebench(box, url, processes, *options, allow_loss=False):
    """One run of the load client; what it measured. It ends with an error where
    an event was lost, doubled, reordered or altered."""
    out = box.path("ssebench.json")
    pathlib.Path(out).unlink(missing_ok=True)  # of the run before
    command = [program("ssebench"), "--url", url, "--json", out, *map(str, options)]
    for name, pid in processes.items():
        command += ["--pid", f"{name}={pid}"]
    with quiet():
        done = subprocess.run(command, env=box.env, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 or allow_loss, done.stdout
    with open(out, encoding="utf-8") as f:
        return json.load(f)


@contextlib.contextmanager
def box():
    """For what a benchmark starts; ended with it."""
    files()
    b = Box()
    try:
        yield b
    except BaseException:
        for process in b.processes:
            sys.stderr.write(f"{process.args[0]} said:\n{process.stderr()[-2000:]}\n")
        raise
    finally:
        wrong = b.close()
        assert not wrong or sys.exc_info()[0], wrong
