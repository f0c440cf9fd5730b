# SPDX-License-Identifier: MIT
"""crowd: many readers in one process, and a witness of what others must wait for.
Both are programs that go on: a line in, a line out."""

import json
import subprocess

import rig


class Client:
    """A program that answers each line of its standard input with one of JSON."""

    def __init__(self, box, name, service, web, options):
        command = [rig.program(name), "--bus", service.bus]
        command += ["--http", str(web.port)] if web else ["--unix", service.socket]
        self.name = name
        self.process = subprocess.Popen(command + [str(o) for o in options], env=box.env,
                                        text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def do(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.name} failed at: {words}"
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0, f"{self.name} failed at its end"


class Crowd(Client):
    """Readers of a service in one process, which also publishes for them (see
    bench-crowd.c). It ends with an error where a reader gets what it should not.
    What it says has the processor time of each server in `cpu_ns`, of the
    workers in `worker_ns`, of them and their supervisor in `sse_fcgi_ns`."""

    def __init__(self, box, service, count, web=None, **wants):
        options = ["--count", count, "--plain", box.path(f"plain-{count}-{id(self)}.sock")]
        for name, value in wants.items():
            options += [f"--{name}", value]
        for name, pid in service.each().items():
            options += ["--pid", f"{name}={pid}"]
        if web:
            options += ["--pid", f"lighttpd={web.process.pid}"]
        super().__init__(box, "bench-crowd", service, web, options)

    def do(self, *words):
        with rig.quiet():
            got = super().do(*words)
        cpu = got["cpu_ns"]
        got["worker_ns"] = sum(v for k, v in cpu.items() if k.startswith("worker"))
        got["sse_fcgi_ns"] = got["worker_ns"] + cpu.get("supervisor", 0)
        return got


class Witness(Client):
    """A reader that gets an event every 10 ms; do() says what it saw since the
    last time."""

    def __init__(self, box, service, web=None):
        super().__init__(box, "bench-witness", service, web, [])
