# SPDX-License-Identifier: MIT
"""harness: programs under test, processes, and waiting without sleeping.

SSE_BUILD is the build directory whose programs are tested. Each test gets a
Box: a short temporary directory and the processes started in it. When the test
is over the box ends them by their pid and insists that none crashed and that
no sanitizer had anything to report.
"""

import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SSE_BUILD", TOP / "build")).resolve()
ROOMS = (".", "fcgi", "hub", "tools", "examples/c")
PATIENCE = 30  # seconds; sanitizers on a busy machine are slow
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)

# Under nohup, or in the background of a script, these arrive ignored, and
# programs under test would rightly ignore them as well.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)


def program(name):
    """The path of a program that was built."""
    for room in ROOMS:
        path = BUILD / room / name
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f"{name} is not in {BUILD}; SSE_BUILD names the build")


def wait_until(what, check, timeout=PATIENCE):
    """Polls until check() is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.01)


def free_port(in_a_row=1):
    """The first of so many TCP ports on 127.0.0.1 that were free a moment ago.

    Below the range that the kernel gives to outgoing connections, so that none
    of those takes one before a server does.
    """
    while True:
        first = random.randrange(20000, 32000)
        try:
            for port in range(first, first + in_a_row):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


def accepts(address):
    """Whether somebody listens on a unix path or a (host, port)."""
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        try:
            s.connect(address)
            return True
        except OSError:
            return False


def children(pid):
    """The pids of a process's children, by /proc."""
    found = []
    try:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(p) for p in task.read_text().split()]
    except OSError:
        pass  # ended meanwhile
    return found


def descendants(pid):
    """A process and all below it."""
    found = [pid]
    for child in children(pid):
        found += descendants(child)
    return found


def workers(pid):
    """The worker processes of a supervisor."""
    found = []
    for each in children(pid):
        try:
            if pathlib.Path(f"/proc/{each}/comm").read_text().startswith("worker"):
                found.append(each)
        except OSError:
            pass  # ended meanwhile
    return found


def descriptors(pid):
    """How many descriptors a process and all below it hold."""
    total = 0
    for each in descendants(pid):
        try:
            total += len(os.listdir(f"/proc/{each}/fd"))
        except OSError:
            pass
    return total


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except OSError:
        return False


class Process:
    """A running program whose stderr is kept."""

    def __init__(self, args, log, env, **options):
        self.args = [str(a) for a in args]
        self.log = log
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        with open(log, "ab") as err:
            self.popen = subprocess.Popen(self.args, stderr=err, env=env, **options)
        self.pid = self.popen.pid

    def stderr(self):
        return pathlib.Path(self.log).read_text(errors="replace")

    def running(self):
        return self.popen.poll() is None

    def send(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=PATIENCE):
        return self.popen.wait(timeout)

    def stop(self, number=signal.SIGTERM):
        """Ends it; returns its exit status."""
        if self.running():
            self.send(number)
        try:
            return self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"did not end: {self.args}\n{self.stderr()}") from None

    def kill(self):
        """Ends it the hard way, which is then no crash."""
        self.popen.kill()
        return self.popen.wait(PATIENCE)


class Box:
    """A test's directory and its processes."""

    def __init__(self):
        # Short: a unix socket's path has 107 bytes at most.
        self.dir = tempfile.mkdtemp(prefix="sse-")
        os.chmod(self.dir, 0o755)  # www-data has to get through
        self.reports = self.path("reports")
        os.mkdir(self.reports)
        os.chmod(self.reports, 0o1777)
        sanitizer = f"log_path={self.reports}/r:exitcode=99:print_stacktrace=1"
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("SSE_")},
            "ASAN_OPTIONS": sanitizer,
            "UBSAN_OPTIONS": sanitizer,
            "LSAN_OPTIONS": f"suppressions={TOP}/tests/lsan.supp:print_suppressions=0",
            "TSAN_OPTIONS": f"{sanitizer}:suppressions={TOP}/tests/tsan.supp",
            "LC_ALL": "C.UTF-8",
            "XDG_STATE_HOME": self.path("state"),
        }
        for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY", "XDG_RUNTIME_DIR", "LISTEN_FDS", "LISTEN_PID"):
            self.env.pop(name, None)
        self.processes = []
        self.streams = []

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, *args, env=None, **options):
        """Starts a program that goes on running."""
        log = self.path(f"{os.path.basename(str(args[0]))}.{len(self.processes)}.err")
        process = Process(args, log, {**self.env, **(env or {})}, **options)
        self.processes.append(process)
        return process

    def run(self, *args, env=None, timeout=PATIENCE, **options):
        """Runs a program to its end; returns what subprocess.run returns."""
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        if isinstance(options.get("input"), str):
            options["input"] = options["input"].encode()
        done = subprocess.run([str(a) for a in args], env={**self.env, **(env or {})},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, check=False, **options)
        done.stdout = done.stdout.decode(errors="replace")
        done.stderr = done.stderr.decode(errors="replace")
        return done

    def keep(self, stream):
        """Takes a client's connection into the box; it is closed at the end."""
        self.streams.append(stream)
        return stream

    def close(self):
        """Ends everything and says what was wrong, as a list."""
        wrong = []
        for stream in self.streams:
            stream.close()
        for process in reversed(self.processes):
            below = descendants(process.pid) if process.running() else []
            try:
                process.stop()
                wait_until(f"{process.args[0]} leaves no child behind",
                           lambda pids=below: not any(map(alive, pids)))
            except AssertionError as error:
                wrong.append(str(error))
            if -(process.popen.returncode or 0) in CRASHES:
                wrong.append(f"crashed: {process.args}\n{process.stderr()}")
        for report in sorted(pathlib.Path(self.reports).iterdir()):
            wrong.append(report.read_text(errors="replace")[:8000])
        if not wrong:
            shutil.rmtree(self.dir, ignore_errors=True)
        return wrong
