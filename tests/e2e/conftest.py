# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end tests; harness.py, streams.py and servers.py do
the work."""

import os

import pytest

import servers
from harness import Box, accepts, program, wait_until
from streams import Crowd, FcgiStream, HttpStream

@pytest.fixture
def box():
    b = Box()
    yield b
    wrong = b.close()
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def bus(box):
    """The directory of a bus of its own."""
    path = box.path("bus")
    os.mkdir(path, 0o700)
    return path


@pytest.fixture
def hub(box, bus):
    """hub(OPTIONS...) starts sse-hub and waits until it can be published to."""
    def start(*options, at=bus):
        process = box.start(program("sse-hub"), "--bus", at, *options)
        wait_until("the hub accepts", lambda: accepts(f"{at}/publish") or ended(process))
        return process
    return start


def ended(process):
    assert process.running(), process.stderr()


class Worker:
    """sse-fcgi with its listening socket."""

    def __init__(self, process, socket):
        self.process, self.socket, self.pid = process, socket, process.pid

    def stop(self):
        return self.process.stop()


@pytest.fixture
def worker(box, bus):
    """worker(OPTIONS...) starts sse-fcgi on a unix socket and waits for it.

    By default it has its own hub; give "--hub", "off" or "--connect", ... for
    something else. plain=True leaves --bus out.
    """
    def start(*options, name="w.sock", plain=False, **more):
        path = box.path(name)
        where = () if plain else ("--bus", bus)
        process = box.start(program("sse-fcgi"), "--listen", f"unix:{path}",
                            "--listen-mode", "0666", *where, *options, **more)
        wait_until("the worker accepts", lambda: accepts(path) or ended(process))
        if not plain and "--connect" not in options and "off" not in options:
            wait_until("the worker's hub accepts",
                       lambda: accepts(f"{bus}/publish") or ended(process))
        return Worker(process, path)
    return start


@pytest.fixture
def publish(box, bus):
    """publish(TOPIC, DATA, OPTIONS...): sse-publish, and its id."""
    def run(topic, data, *options, at=bus):
        done = box.run(program("sse-publish"), "--bus", at, "-v", *options, "--", topic, data)
        assert done.returncode == 0, done.stderr
        return (done.stdout + done.stderr).strip()
    return run


@pytest.fixture
def connect(box):
    """connect(URL-or-socket, ...): an event stream, closed at the end."""
    def open_stream(where, *args, **options):
        http = isinstance(where, str) and where.startswith("http:")
        return box.keep((HttpStream if http else FcgiStream)(where, *args, **options))
    return open_stream


@pytest.fixture
def crowd(box):
    """crowd(streams): many streams, read together."""
    return lambda streams: box.keep(Crowd(streams))


@pytest.fixture
def lighttpd(box):
    """lighttpd(CONFIG): a lighttpd that runs."""
    if not servers.LIGHTTPD:
        pytest.skip("lighttpd is not installed")
    return lambda config, **options: servers.lighttpd(box, config, **options)


@pytest.fixture
def apache(box):
    """apache(CONFIG): an Apache that runs."""
    if not servers.APACHE:
        pytest.skip("apache2 is not installed")
    return lambda config, **options: servers.apache(box, config, **options)
