# SPDX-License-Identifier: MIT
"""A hostile outsider with time: what was found once must not come back.

After each attack everybody else is served as before, no process has died, and
the log says what happened.
"""

import resource
import socket

import pytest

from harness import accepts, program, wait_until


def with_descriptors(count):
    """For Popen: a process that may have this many."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))}


class Connections:
    """Connections to a unix socket that say nothing."""

    def __init__(self, path, count):
        self.sockets = []
        for _ in range(count):
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            self.sockets.append(s)
            try:
                s.connect(path)
            except BlockingIOError:  # the queue is full: enough for now
                break

    def close(self):
        for s in self.sockets:
            s.close()


# ---- descriptors ----

@pytest.mark.parametrize("name", ["publish", "follow", "events"])
def test_more_connections_than_the_hub_has_descriptors(box, bus, publish, name):
    """libzmq by itself aborts the process then, and the history is gone."""
    hub = box.start(program("sse-hub"), "--bus", bus, **with_descriptors(48))
    wait_until("the hub accepts", lambda: accepts(f"{bus}/publish") or not hub.running())
    first = publish("news", "before")
    crowd = box.keep(Connections(f"{bus}/{name}", 100))
    wait_until("the hub says so", lambda: "too many connections" in hub.stderr())
    crowd.close()
    # The same log goes on, as soon as the hub has seen the crowd leave.
    wait_until("publishing works again", lambda: box.run(
        program("sse-publish"), "--bus", bus, "--timeout", "1s", "news", "between").returncode == 0)
    assert publish("news", "after").split("-")[0] == first.split("-")[0]
    assert hub.running()
