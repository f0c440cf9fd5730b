# SPDX-License-Identifier: MIT
"""feeder: one sse-publish that is fed its events and says what was taken."""

import os
import re
import signal
import subprocess

from harness import program

TEMPORARY = 75  # EX_TEMPFAIL: the same again with the same keys is safe
KILLED = -signal.SIGKILL
AGAIN = 0.2  # seconds until a new one is fed


class Feeder:
    """Feeds in bursts; `acked` is (event, id) of what is stored, `ids` what the
    present process has printed beyond that."""

    def __init__(self, box, bus, publishing):
        self.box, self.bus, self.plan = box, bus, publishing
        self.todo = list(publishing.events)
        self.acked = []
        self.next_at = 0.0
        self.start()

    def start(self):
        how = ("--json",) if self.plan.is_json else ("--lines", self.plan.topic)
        self.process = self.box.start(program("sse-publish"), "-b", self.bus, "-v",
                                      "--timeout", "60s", *how,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.stdin, self.stdout = self.process.popen.stdin, self.process.popen.stdout
        for pipe in (self.stdin, self.stdout):
            os.set_blocking(pipe.fileno(), False)
        self.fed = 0
        self.ids = []
        self.unwritten = b""
        self.unread = b""
        self.is_done = False

    def fileno(self):
        return self.stdout.fileno()

    def count(self):
        return len(self.acked) + len(self.ids)

    def close(self):
        for pipe in (self.stdin, self.stdout):
            try:
                pipe.close()
            except OSError:
                pass  # it has ended

    def feed(self, now):
        """Writes what is due."""
        if not self.unwritten and now >= self.next_at and self.fed < len(self.todo) and \
                self.fed - len(self.ids) < self.plan.ahead:
            bursts = 1 + int((now - self.next_at) / self.plan.pause) if self.next_at else 1
            burst = self.todo[self.fed:self.fed + bursts * self.plan.burst]
            self.unwritten = b"".join(e.line(self.plan.is_json) for e in burst)
            self.fed += len(burst)
            self.next_at = now + self.plan.pause
        try:
            if self.unwritten:
                self.unwritten = self.unwritten[os.write(self.stdin.fileno(), self.unwritten):]
            elif self.fed == len(self.todo) and not self.stdin.closed:
                self.stdin.close()
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.unwritten = b""  # its exit status says why

    def read(self):
        """Takes acknowledgements; False when it has ended."""
        data = self.stdout.read(1 << 16)
        if data is None:
            return True
        *ids, self.unread = (self.unread + data).split(b"\n")
        self.ids += [i.decode() for i in ids]
        return bool(data)

    def end(self, now):
        """After its end: what was wrong, or None; it may have been started again."""
        status = self.process.wait()
        said = self.process.stderr()
        self.close()
        # Ids are printed in order, and none for what was refused.
        refused = {int(n) - 1 for n in re.findall(r"line (\d+): the hub refused it", said)}
        taken = [i for i in range(len(self.todo)) if i not in refused][:len(self.ids)]
        self.acked += [(self.todo[i], id_) for i, id_ in zip(taken, self.ids)]
        self.todo = [e for i, e in enumerate(self.todo) if i not in set(taken)]
        self.ids = []
        if status in (TEMPORARY, KILLED) and all(e.key for e in self.todo):
            self.start()
            self.next_at = now + AGAIN
            return None
        self.is_done = True
        if status == 0 and not self.todo:
            return None
        return (f"publisher {self.plan.number} ended with {status} and {len(self.todo)} of "
                f"{len(self.plan.events)} not acknowledged: {said}")
