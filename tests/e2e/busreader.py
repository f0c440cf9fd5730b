# SPDX-License-Identifier: MIT
"""busreader: what a hub keeps, read with python3-zmq and doc/protocol.md alone."""

import dataclasses
import struct

import pytest

zmq = pytest.importorskip("zmq")

PATIENCE_MS = 30000
NAMES = {1: "event", 2: "retry", 3: "id", 4: "key", 6: "previous"}


@dataclasses.dataclass
class Kept:
    number: int
    topic: str
    data: bytes
    private: bool
    event: str = None
    retry: int = None
    id: str = None
    key: bytes = None
    previous: bytes = None


def parse(topic, header, data):
    """An event of the full form."""
    magic, version, kind, flags, _, number, _ = struct.unpack_from(">2sBBB3xQQq", header)
    assert (magic, version, kind) == (b"\xf5S", 1, 0)
    event = Kept(number, topic.decode(), data, bool(flags & 1))
    at = 32
    while at < len(header):
        field, size = struct.unpack_from(">BH", header, at)
        value = header[at + 3:at + 3 + size]
        at += 3 + size
        if field == 2:
            event.retry = struct.unpack(">I", value)[0]
        elif field in (4, 6):
            setattr(event, NAMES[field], value)
        elif field in NAMES:
            setattr(event, NAMES[field], value.decode())
    return event


def kept(bus, *selectors):
    """All events that the hub at this directory keeps, oldest first."""
    context = zmq.Context()
    ask = context.socket(zmq.REQ)
    ask.linger, ask.rcvtimeo = 0, PATIENCE_MS
    ask.connect(f"ipc://{bus}/follow")
    events, epoch, number, last = [], 0, 0, None
    try:
        while last is None or number < last:
            ask.send_multipart([b"AFTER", b"x", b"%d" % epoch, b"%d" % number, b"1000",
                                *(s.encode() for s in selectors)])
            page = ask.recv_multipart()
            assert page[0] == b"PAGE", page
            epoch, _, number, last, _, count = (int(n) for n in page[2:8])
            events += [parse(*page[8 + 3 * i:11 + 3 * i]) for i in range(count)]
    finally:
        ask.close()
        context.term()
    return events


def kept_data(bus, *selectors):
    return [e.data for e in kept(bus, *selectors)]


class DeafHub:
    """A publish socket that answers only what the test says."""

    def __init__(self, bus):
        self.context = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger, self.router.rcvtimeo = 0, PATIENCE_MS
        self.router.bind(f"ipc://{bus}/publish")

    def receive(self):
        """The next event, and the peer to answer."""
        peer, *frames = self.router.recv_multipart()
        return peer, parse(*frames)

    def answer(self, peer, *frames):
        self.router.send_multipart([peer, *frames])

    def close(self):
        self.router.close()
        self.context.term()
