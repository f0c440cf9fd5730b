# SPDX-License-Identifier: MIT
"""frontend: a web server that misbehaves, for a worker's socket.

FrontEnd sends what it is told, in pieces of any size, each of them read by the
worker before the next one leaves; it stalls, goes away, speaks for several
requests at once. What comes back is kept record by record, and the response of
one request is also decoded as a stream of events (streams.py).
"""

import collections
import fcntl
import os
import struct
import termios
import time

from streams import (BEGIN, END, PARAMS, PATIENCE, STDERR, STDIN, STDOUT, Decoder, FcgiStream,
                     cgi_params, params, record, request)

__all__ = ["FrontEnd", "Record", "begin", "get", "lengths", "record", "request", "params",
           "cgi_params", "BEGIN", "END", "PARAMS", "STDIN", "STDOUT"]

Record = collections.namedtuple("Record", "kind number content")


def begin(number=1, role=1, flags=0):
    """A BEGIN_REQUEST record."""
    return record(BEGIN, struct.pack(">HB5x", role, flags), number)


def get(target="/sse/news", number=1, keep=False, body=b"", padding=0, split=0, **options):
    """A whole request; `split` bytes of PARAMS in each record, 0: all."""
    block = params(cgi_params(target, **options))
    step = split or len(block)
    out = begin(number, flags=int(keep))
    for at in range(0, len(block), step):
        out += record(PARAMS, block[at:at + step], number, padding)
    out += record(PARAMS, b"", number, padding)
    if body:
        out += record(STDIN, body, number, padding)
    return out + record(STDIN, b"", number, padding)


def lengths(name, value, rest=b""):
    """A PARAMS pair whose lengths are what is given, true or not."""
    return struct.pack(">II", name | 1 << 31, value | 1 << 31) + rest


class FrontEnd(FcgiStream):
    """One connection to a worker, for request id `number`."""

    def __init__(self, address, raw=b"", number=1):
        super().__init__(address, raw=b"")
        self.number = number
        self.records = []
        if raw:
            self.send(raw)

    def send(self, raw):
        self.sock.settimeout(PATIENCE)
        self.sock.sendall(raw)
        return self

    def send_pieces(self, raw, cuts):
        """Cuts `raw` there; each piece leaves when the one before was read."""
        at = 0
        for cut in [*cuts, len(raw)]:
            if cut > at:
                self.send(raw[at:cut])
                self.wait_read()
            at = cut
        return self

    def send_bytewise(self, raw):
        return self.send_pieces(raw, range(1, len(raw)))

    def send_anyway(self, raw):
        """Sends as much as the worker takes before it hangs up."""
        try:
            self.send(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def wait_read(self, timeout=PATIENCE):
        """Until the worker has read all that was sent, or hung up."""
        end = time.monotonic() + timeout
        while struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4))[0]:
            assert time.monotonic() < end, "the worker does not read"
            os.sched_yield()
        return self

    def half_close(self):
        """As lighttpd with tcp-fin-propagate when the browser has gone."""
        self.sock.shutdown(1)
        return self

    def next_response(self):
        """Forgets the response so far: the connection is kept for another."""
        rest, self.status, self.headers = self.pending, None, {}
        self.stdout = self.body = b""
        self.ended = self.clean = False
        self.end_status, self.decoder, self.queue = None, Decoder(), []
        self.unwrap(rest)
        return self

    def unwrap(self, data):
        self.pending += data if data is not self.pending else b""
        while len(self.pending) >= 8 and not self.ended:
            version, kind, number, length, padding = struct.unpack(">BBHHBx", self.pending[:8])
            assert version == 1, self.pending[:8]
            if len(self.pending) < 8 + length + padding:
                break
            content = self.pending[8:8 + length]
            self.pending = self.pending[8 + length + padding:]
            self.records.append(Record(kind, number, content))
            if number != self.number:
                continue
            if kind == STDOUT:
                self.take_stdout(content)
            elif kind == STDERR:
                self.stderr += content
            elif kind == END:
                self.end_status = struct.unpack(">IB3x", content)
                self.clean = self.ended = True

    def wait_closed(self, timeout=PATIENCE):
        """Until the worker closes the connection; returns all records."""
        end = time.monotonic() + timeout
        while True:
            self.sock.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self.sock.recv(1 << 18)
            except ConnectionResetError:
                data = b""
            except TimeoutError:
                raise AssertionError(f"not closed within {timeout} s: {self.records}") from None
            if not data:
                return self.records
            self.ended = False
            self.unwrap(data)
