# SPDX-License-Identifier: MIT
"""streams: clients for event streams that see the exact bytes.

HttpStream speaks HTTP/1.1 to a web server, FcgiStream speaks FastCGI to a
worker's socket, both over raw sockets. Events are decoded here as WHATWG HTML
9.2.6 says, on purpose not by any code of the project.
"""

import dataclasses
import re
import selectors
import socket
import struct
import time
from urllib.parse import urlsplit

PATIENCE = 30


class Ended(Exception):
    """The server ended the stream."""


@dataclasses.dataclass
class Event:
    data: str
    event: str = "message"
    id: str = ""


class Decoder:
    """Bytes in, events out; lines may end in CR, LF or CRLF and split anywhere."""

    def __init__(self):
        self.rest = b""
        self.first = True
        self.last_id = ""
        self.retry = None
        self.comments = 0
        self.data, self.name, self.id = [], "", ""
        self.id_buffer = ""

    def feed(self, data):
        self.rest += data
        if self.first and len(self.rest) >= 3:
            self.first = False
            if self.rest.startswith(b"\xef\xbb\xbf"):
                self.rest = self.rest[3:]
        events = []
        # A CR at the very end may be half a CRLF.
        end = len(self.rest) - (1 if self.rest.endswith(b"\r") else 0)
        start = 0
        for match in re.finditer(rb"\r\n|\n|\r", self.rest[:end]):
            event = self.line(self.rest[start:match.start()])
            start = match.end()
            if event:
                events.append(event)
        self.rest = self.rest[start:]
        return events

    def line(self, line):
        text = line.decode("utf-8", "replace")
        if not text:
            return self.dispatch()
        name, colon, value = text.partition(":")
        if not name and colon:
            self.comments += 1
            return None
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            self.name = value
        elif name == "data":
            self.data.append(value)
        elif name == "id" and "\0" not in value:
            self.id_buffer = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.retry = int(value)
        return None

    def dispatch(self):
        self.last_id = self.id_buffer
        data, name, self.data, self.name = self.data, self.name, [], ""
        if not data:
            return None
        return Event("\n".join(data), name or "message", self.last_id)


class Stream:
    """One response that goes on; subclasses unwrap what arrives."""

    def __init__(self, sock):
        self.sock = sock
        self.status = None
        self.reason = ""
        self.headers = {}
        self.head = b""  # as it came
        self.body = b""  # unwrapped, as it came
        self.ended = False
        self.clean = False  # ended as the protocol says
        self.decoder = Decoder()
        self.queue = []

    def fileno(self):
        return self.sock.fileno()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def unwrap(self, data):
        raise NotImplementedError

    def pump(self):
        """Takes what is there, without waiting (the socket must be ready)."""
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            return
        self.unwrap(data)

    def take_body(self, data):
        self.body += data
        self.queue += self.decoder.feed(data)

    def wait(self, what, check, timeout=PATIENCE):
        """Reads until check() holds; Ended if the server ends it before."""
        end = time.monotonic() + timeout
        while not check():
            if self.ended:
                raise Ended(f"ended before {what}; status {self.status}, "
                            f"body ends with {self.body[-200:]!r}")
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not within {timeout} s: {what}; status {self.status}, "
                                     f"body ends with {self.body[-200:]!r}")
            self.sock.settimeout(left)
            try:
                self.pump()
            except TimeoutError:
                pass
        return self

    def wait_head(self):
        return self.wait("the head", lambda: self.status is not None)

    def wait_open(self):
        """Until the stream's first block has come."""
        self.wait_head()
        assert self.status == 200, (self.status, self.read_all())
        return self.wait("the first block", lambda: b"\n\n" in self.body)

    def wait_placed(self):
        """Until it has its place on the bus: what is published from now on comes."""
        return self.wait_open().wait("a position", lambda: self.last_id)

    def wait_body(self, needle):
        return self.wait(f"{needle!r} in the body", lambda: needle in self.body)

    def wait_end(self):
        return self.wait("the end", lambda: self.ended)

    def next(self, timeout=PATIENCE):
        """The next event."""
        self.wait("the next event", lambda: self.queue, timeout)
        return self.queue.pop(0)

    def data(self, count):
        """The data of the next events."""
        return [self.next().data for _ in range(count)]

    def read_all(self):
        """The whole body of a response that ends."""
        return self.wait_end().body

    @property
    def last_id(self):
        return self.decoder.last_id

    def take_head(self, head):
        self.head = head
        for line in head.decode("latin-1").split("\n"):
            name, colon, value = line.rstrip("\r").partition(":")
            if colon:
                self.headers[name.lower()] = value.strip()


class HttpStream(Stream):
    """GET url, over HTTP/1.1."""

    def __init__(self, url, headers=None, method="GET", body=b""):
        parts = urlsplit(url)
        super().__init__(socket.create_connection((parts.hostname, parts.port), PATIENCE))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": f"{parts.hostname}:{parts.port}", **(headers or {})}
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{k}: {v}" for k, v in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self.method = method
        self.pending = b""
        self.left = None  # of a body with Content-Length
        self.sock.sendall("\r\n".join(lines + ["", ""]).encode("utf-8", "surrogateescape") + body)

    def unwrap(self, data):
        self.pending += data
        if self.status is None:
            head, mark, rest = self.pending.partition(b"\r\n\r\n")
            if not mark:
                return
            self.pending = rest
            self.take_head(head)
            _, status, *reason = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)
            self.reason = "".join(reason)
            if "content-length" in self.headers:
                self.left = int(self.headers["content-length"])
            if self.method == "HEAD" or int(status) in (204, 304):
                self.left = 0
            self.status = int(status)
        if self.left is not None:
            body, self.pending = self.pending[:self.left], self.pending[self.left:]
            self.left -= len(body)
            self.take_body(body)
            if self.left == 0:
                self.clean = self.ended = True
        elif self.headers.get("transfer-encoding", "").lower() == "chunked":
            self.unwrap_chunks()
        else:
            self.take_body(self.pending)
            self.pending = b""

    def unwrap_chunks(self):
        body = []
        while not self.ended:
            line, mark, rest = self.pending.partition(b"\r\n")
            if not mark:
                break
            size = int(line.split(b";")[0], 16)
            if size == 0:
                self.clean = self.ended = True
            elif len(rest) < size + 2:
                break
            else:
                body.append(rest[:size])
                self.pending = rest[size + 2:]
        self.take_body(b"".join(body))


BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7


def record(kind, content=b"", request_id=1, padding=0):
    """One FastCGI record."""
    return struct.pack(">BBHHBx", 1, kind, request_id, len(content), padding) \
        + content + b"\0" * padding


def params(pairs):
    """Name-value pairs as FastCGI encodes them."""
    def length(n):
        return bytes([n]) if n < 128 else struct.pack(">I", n | 1 << 31)
    out = b""
    for name, value in pairs.items():
        name, value = (x.encode("utf-8", "surrogateescape") for x in (name, value))
        out += length(len(name)) + length(len(value)) + name + value
    return out


def request(pairs, body=b"", keep=False):
    """A whole request, as a web server sends it."""
    return record(BEGIN, struct.pack(">HB5x", 1, int(keep))) \
        + record(PARAMS, params(pairs)) + record(PARAMS) \
        + (record(STDIN, body) if body else b"") + record(STDIN)


def cgi_params(target, mount="/sse", method="GET", headers=None, **more):
    """What lighttpd would send for this request target."""
    path, _, query = target.partition("?")
    pairs = {
        "REQUEST_METHOD": method, "REQUEST_URI": target, "SCRIPT_NAME": mount,
        "PATH_INFO": path[len(mount):], "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
    }
    for name, value in (headers or {}).items():
        pairs["HTTP_" + name.upper().replace("-", "_")] = value
    return {**pairs, **more}


class FcgiStream(Stream):
    """A request straight to a worker's socket (a unix path or (host, port))."""

    def __init__(self, address, target="/sse", raw=None, **options):
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        super().__init__(socket.socket(family, socket.SOCK_STREAM))
        self.sock.settimeout(PATIENCE)
        self.sock.connect(address)
        self.pending = b""
        self.stdout = b""
        self.stderr = b""
        self.end_status = None  # of the END_REQUEST record
        self.sock.sendall(request(cgi_params(target, **options)) if raw is None else raw)

    def unwrap(self, data):
        self.pending += data
        while len(self.pending) >= 8:
            version, kind, number, length, padding = struct.unpack(">BBHHBx", self.pending[:8])
            assert (version, number) == (1, 1), self.pending[:8]
            if len(self.pending) < 8 + length + padding:
                break
            content = self.pending[8:8 + length]
            self.pending = self.pending[8 + length + padding:]
            if kind == STDOUT:
                self.take_stdout(content)
            elif kind == STDERR:
                self.stderr += content
            elif kind == END:
                self.end_status = struct.unpack(">IB3x", content)
                self.clean = self.ended = True

    def take_stdout(self, content):
        if self.status is not None:
            self.take_body(content)
            return
        self.stdout += content
        head, mark, rest = self.stdout.partition(b"\r\n\r\n")
        if mark:
            self.take_head(head)
            status = self.headers.get("status", "200 OK").split(" ", 1)
            self.reason = "".join(status[1:])
            self.status = int(status[0])
            self.take_body(rest)


class Crowd:
    """Many streams at once."""

    def __init__(self, streams):
        self.streams = list(streams)
        self.selector = selectors.DefaultSelector()
        for stream in self.streams:
            stream.sock.setblocking(False)
            self.selector.register(stream, selectors.EVENT_READ)

    def read(self, timeout):
        """Takes what is there, or comes within that time."""
        for key, _ in self.selector.select(timeout):
            stream = key.fileobj
            try:
                stream.pump()
            except BlockingIOError:
                pass
            if stream.ended:
                self.selector.unregister(stream)

    def wait(self, what, check, timeout=PATIENCE):
        """Reads them all until check(stream) holds for each."""
        end = time.monotonic() + timeout
        waiting = [s for s in self.streams if not check(s)]
        while waiting:
            left = end - time.monotonic()
            assert left > 0, f"{len(waiting)} of {len(self.streams)} not within {timeout} s: {what}"
            self.read(left)
            gone = [s for s in waiting if s.ended and not check(s)]
            assert not gone, f"{len(gone)} streams ended before {what}: {gone[0].status}"
            waiting = [s for s in waiting if not check(s)]
        return self

    def wait_some(self, what, check, count):
        """Reads until check(stream) holds for so many; returns those."""
        def known():
            return [s for s in self.streams if check(s)]
        end = time.monotonic() + PATIENCE
        while len(known()) < count:
            assert time.monotonic() < end, f"{len(known())} of {count}: {what}"
            self.read(0.1)
        return known()

    def wait_open(self):
        return self.wait("the first block", lambda s: s.status == 200 and b"\n\n" in s.body)

    def wait_placed(self):
        return self.wait("a position", lambda s: s.status == 200 and s.last_id)

    def close(self):
        self.selector.close()
        for stream in self.streams:
            stream.close()
