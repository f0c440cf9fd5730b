# SPDX-License-Identifier: MIT
"""starts: the ways in which a worker gets its listening socket, other than by
lighttpd's bin-path. An address is a unix path or (host, port)."""

import shutil
import sys

from harness import accepts, program, wait_until

# Hands a socket down as descriptor 0 (as spawn-fcgi, lighttpd) or 3 (as systemd).
LAUNCH = """\
import os, socket, sys
path, fd, program = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_UNIX)
if os.path.exists(path):
    os.unlink(path)
s.bind(path)
os.chmod(path, 0o666)
s.listen(8)
if s.fileno() != fd:
    os.dup2(s.fileno(), fd)
os.set_inheritable(fd, True)
if fd == 3:
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(program, sys.argv[3:])
"""


def command(how, address):
    """What goes before the worker's other options, up to its own name."""
    worker = program("sse-fcgi")
    if how == "listen":
        where = f"tcp:{address[0]}:{address[1]}" if isinstance(address, tuple) \
            else f"unix:{address}"
        return worker, "--listen", where, "--listen-mode", "0666"
    if how == "spawn-fcgi":
        assert shutil.which("spawn-fcgi"), "spawn-fcgi is not installed"
        return "spawn-fcgi", "-n", "-s", address, "-M", "0666", "--", worker
    fd = {"descriptor-0": "0", "LISTEN_FDS": "3"}[how]
    return sys.executable, "-c", LAUNCH, address, fd, worker


def start_worker(box, how, address, *options):
    """Starts it, and waits until it accepts."""
    process = box.start(*command(how, address), *options)

    def ready():
        assert process.running(), process.stderr()
        return accepts(address)
    wait_until("the worker accepts", ready)
    return process
