# SPDX-License-Identifier: MIT
"""client: a browser's EventSource over a real connection, and what it saw.

It comes back `retry:` after its stream has ended, with the last id it has, also
when that id came in a block without data. Unlike an EventSource it comes back
after a 5xx as well, which a front-end gives while nobody is behind it.

`record` is what happened, in order: ("connect", id sent), ("event", Event seen),
("at", id) for a position without data, ("end", status).
"""

import socket

from plan import wants
from streams import Decoder, Event, HttpStream

RETRY = 0.05  # seconds, before the first stream has said it
SMALL_BUFFER, LARGE_BUFFER = 65536, 1 << 20  # of a browser that stalls, and that reads on


class Blocks(Decoder):
    """A decoder that says of blocks without data where they stand."""

    def dispatch(self):
        before = self.last_id
        event = super().dispatch()
        if event:
            return event
        return ("at", self.last_id) if self.last_id != before else None


class Channel(HttpStream):
    """A stream that does not keep its bytes."""

    def __init__(self, url, headers):
        super().__init__(url, headers)
        self.sock.setblocking(False)
        self.decoder = Blocks()

    def take_body(self, data):
        self.queue += self.decoder.feed(data)


class Client:
    """One browser. The trial calls, and registers `channel` for reading."""

    def __init__(self, reading, url, ends):
        self.plan = reading
        self.url = url + reading.target()
        self.awaited = {e.data for e in ends if wants(reading.topics, e)}
        self.record = []
        self.last_id = ""
        self.retry = RETRY
        self.channel = None
        self.open_at = 0.0
        self.read_at = 0.0  # not before, of a browser that stalls

    def open(self, now):
        """Connects; False when nobody answers."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        try:
            self.channel = Channel(self.url, headers)
        except OSError:
            self.open_at = now + self.retry
            return False
        self.record.append(("connect", self.last_id))
        return True

    def stall(self, until):
        self.read_at = until
        self.size_buffer(SMALL_BUFFER)

    def read_on(self):
        self.read_at = 0.0
        self.size_buffer(LARGE_BUFFER)

    def size_buffer(self, size):
        self.channel.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def close(self, now):
        """Lets go of the stream; comes back after a while."""
        self.record.append(("end", self.channel.status))
        self.channel.close()
        self.channel = None
        self.read_at = 0.0
        self.open_at = now + self.retry

    def read(self, now):
        """Takes what came; False when the stream has ended."""
        channel = self.channel
        try:
            channel.pump()
        except BlockingIOError:
            return True
        if channel.status == 200:
            self.take(channel)
        if channel.ended:
            self.close(now)
            return False
        return True

    def take(self, channel):
        for what in channel.queue:
            if isinstance(what, Event):
                self.record.append(("event", what))
                self.awaited.discard(what.data)
            else:
                self.record.append(what)
        channel.queue.clear()
        self.last_id = channel.decoder.last_id or self.last_id
        if channel.decoder.retry is not None:
            self.retry = channel.decoder.retry / 1000

    def rewind(self, share):
        """Takes up an old id; share says how far back, from 0 to 1."""
        ids = [w.id for kind, w in self.record if kind == "event" and w.id]
        if ids:
            self.last_id = ids[int(share * len(ids))]
