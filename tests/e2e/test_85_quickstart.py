# SPDX-License-Identifier: MIT
"""examples/quickstart, as somebody runs it who has just cloned this."""

import os
import re
import signal
import socket
import subprocess

import pytest

from harness import TOP, accepts, alive, descendants, free_port, wait_until

QUICKSTART = str(TOP / "examples" / "quickstart")
pytestmark = pytest.mark.timeout(400)  # it builds


def files():
    """What is in the tree but for build folders and what Python leaves."""
    return {os.path.join(d, f) for d, dirs, names in os.walk(TOP)
            if not re.search(r"/(build|\.git|node_modules|__pycache__|\.pytest_cache)", d)
            for f in names}


def test_check(box):
    before = files()
    done = box.run(QUICKSTART, "--check", timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all is well\n")
    assert not done.stderr
    assert files() == before, "nothing outside the build folder"
    assert not list((TOP / "build-quickstart").glob("run-*"))


def test_until_control_c(box, connect):
    port = free_port()
    shown = box.path("shown")
    with open(shown, "wb") as out:
        quickstart = box.start(QUICKSTART, "--port", port, stdout=out)

    def invited():
        assert quickstart.running(), quickstart.stderr()
        with open(shown, encoding="utf-8") as f:
            text = f.read()
        return text if "Ctrl-C ends it" in text else None

    text = wait_until("it shows what to do", invited, 380)
    assert f"http://127.0.0.1:{port}/" in text
    stream = connect(f"http://127.0.0.1:{port}/sse")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", stream.next().data)
    line = next(line.strip() for line in text.splitlines() if "sse-publish" in line)
    subprocess.run(line, shell=True, check=True, stdin=subprocess.DEVNULL)
    while stream.next().data != "Hello from the shell":
        pass
    pids = descendants(quickstart.pid)
    assert len(pids) > 4
    quickstart.send(signal.SIGINT)
    assert quickstart.wait() == 130
    wait_until("no process stays", lambda: not any(map(alive, pids)))
    assert not accepts(("127.0.0.1", port))
    assert not list((TOP / "build-quickstart").glob(f"run-{port}*"))


def test_a_port_that_is_taken(box):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        done = box.run(QUICKSTART, f"--port={port}")
    assert done.returncode == 1
    assert f"port {port}" in done.stderr and "--port" in done.stderr


@pytest.mark.parametrize("options, status", [
    (["--help"], 0), (["--nonsense"], 64), (["--port", "http"], 1), (["--port"], 1)])
def test_usage(box, options, status):
    done = box.run(QUICKSTART, *options)
    assert done.returncode == status
    assert "--port" in done.stdout + done.stderr
