# SPDX-License-Identifier: MIT
"""Plain PUB sockets of other programs and a worker, without a hub."""

import pytest

zmq = pytest.importorskip("zmq")


@pytest.fixture
def pubs(box):
    """Two PUB sockets that see their subscribers."""
    made = []
    for i in range(2):
        pub = zmq.Context.instance().socket(zmq.XPUB)
        pub.linger, pub.rcvtimeo = 0, 20000
        pub.bind(f"ipc://{box.path(f'feed{i}')}")
        made.append(pub)
    yield made
    for pub in made:
        pub.close()


def test_a_worker_with_several_sources(box, pubs, worker, connect):
    w = worker("--connect", f"ipc://{box.path('feed0')}",
               "--connect", f"ipc://{box.path('feed1')}", "--subscribe", "a/", plain=True)
    stream = connect(w.socket, "/sse?topic=*").wait_open()
    for i, pub in enumerate(pubs):
        assert pub.recv() == b"\x01a/"
        pub.send_multipart([b"b/not-subscribed", b"no"])
        pub.send_multipart([b"a/bad\xff", b"a topic that is not UTF-8"])
        pub.send_multipart([b"a/$\n", b"a topic with a line feed"])
        pub.send_multipart([b"a/x", b"from %d, mended: \xff" % i])
    got = [stream.next(), stream.next()]
    assert sorted(e.data for e in got) == ["from 0, mended: \ufffd", "from 1, mended: \ufffd"]
    assert not any(e.id for e in got), "no hub, no ids"
    # A resume cannot be kept, and the page is told nothing false.
    again = connect(w.socket, "/sse/a/x", headers={"Last-Event-ID": "zzzzzzzz-1"}).wait_open()
    assert not again.last_id
