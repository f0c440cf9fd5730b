# SPDX-License-Identifier: MIT
"""The programs in doc/protocol.md run as they stand on the page."""

import re
import select
import subprocess
import sys

import pytest

from harness import TOP, wait_until

pytest.importorskip("zmq")

BLOCKS = re.findall(r"```python\n(.*?)```", (TOP / "doc/protocol.md").read_text(), re.DOTALL)


@pytest.fixture
def page(box, bus):
    """page(NAME): that program as a file, with paths of the test's own."""
    def write(name):
        code, = (b for b in BLOCKS if b.startswith(f"# {name}:"))
        helpers, = (b for b in BLOCKS if "def make_header" in b)
        code = code.replace("/run/sse-fcgi", bus).replace("/tmp/feed.sock", box.path("feed.sock"))
        path = box.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(helpers + code)
        return path
    return write


def test_publish_py_is_acknowledged_and_after_py_reads_it(box, hub, page):
    hub()
    done = box.run(sys.executable, page("publish.py"))
    assert done.returncode == 0, done.stderr
    number = re.fullmatch(r"published as [0-9a-z]{8}-(\d+)\n", done.stdout).group(1)
    done = box.run(sys.executable, page("after.py"))
    assert (done.returncode, done.stdout) == (0, f"{number} news Grüße\n"), done.stderr


def test_publish_py_tells_a_refusal(box, bus, hub, page):
    hub()
    path = page("publish.py")
    with open(path, encoding="utf-8") as f:
        code = f.read().replace('b"news"', 'b"a\\nb"')
    with open(path, "w", encoding="utf-8") as f:
        f.write(code)
    done = box.run(sys.executable, path)
    assert done.returncode == 1 and done.stderr.startswith("refused: event: "), done.stderr


def test_read_py_prints_what_the_hub_publishes(box, hub, page, publish):
    hub()
    reader = box.start(sys.executable, "-u", page("read.py"), stdout=subprocess.PIPE)
    # A SUB takes a moment until the hub knows it: publish until one arrives.
    first = []

    def is_heard():
        publish("clock", "12:00", "-e", "tick")
        if select.select([reader.popen.stdout], [], [], 0.05)[0]:
            first.append(reader.popen.stdout.readline().decode())
        return first
    wait_until("an event is printed", is_heard)
    assert re.fullmatch(r"\d+ clock tick 12:00\n", first[0]), first
    reader.kill()


def test_feed_py_feeds_a_worker_without_a_hub(box, page, worker, connect):
    box.start(sys.executable, page("feed.py"))
    w = worker("--connect", f"ipc://{box.path('feed.sock')}", plain=True)
    stream = connect(w.socket, "/sse/clock")
    event = stream.next()
    assert re.fullmatch(r"\d\d:\d\d:\d\d", event.data), event
