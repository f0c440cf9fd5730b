# SPDX-License-Identifier: MIT
"""The shortest path: sse-publish, hub, worker, and what a web server reads."""

import re

import pytest

pytestmark = pytest.mark.smoke


def test_an_event_arrives(worker, publish, connect):
    w = worker()
    stream = connect(w.socket, "/sse/news").wait_placed()
    id_ = publish("news", "hello")
    event = stream.next()
    assert (event.data, event.event) == ("hello", "message")
    assert event.id in id_
    assert re.fullmatch(r"[0-9a-z]{8}-1", event.id)


def test_name_own_id_and_retry(worker, publish, connect):
    stream = connect(worker().socket, "/sse/news").wait_placed()
    publish("news", "a\nb", "--event", "headline", "--id", "mine-7", "--retry", "1234")
    event = stream.next()
    assert (event.data, event.event, event.id) == ("a\nb", "headline", "mine-7")
    assert stream.decoder.retry == 1234


def test_only_what_was_asked_for(worker, publish, connect):
    w = worker()
    targets = {
        "/sse/a": {"a"},
        "/sse?topic=a&topic=b/1": {"a", "b/1"},
        "/sse/b/*": {"b/1", "b/2/deep"},
        "/sse/*": {"a", "b", "b/1", "b/2/deep", "end"},
        "/sse?topic=b/{x}": {"b/1"},
        "/sse?topic=b%7B/x*%7D%7B%3Fq%7D": {"b", "b/1", "b/2/deep"},
        "/sse/b?topic=a": {"a", "b"},
    }
    streams = {t: connect(w.socket, t + ("&" if "?" in t else "?") + "topic=end").wait_placed()
               for t in targets}
    for topic in ("a", "b", "b/1", "b/2/deep", "end"):
        publish(topic, topic)
    for target, stream in streams.items():
        got = []
        while "end" not in got:
            got.append(stream.next().data)
        assert set(got) == targets[target] | {"end"}, target
        assert len(got) == len(set(got)), target


def test_a_separate_hub(hub, worker, publish, connect):
    hub()
    stream = connect(worker("--hub", "off").socket, "/sse/news").wait_placed()
    publish("news", "by sse-hub")
    assert stream.next().data == "by sse-hub"


def test_the_first_block_has_a_position(worker, publish, connect):
    """A stream cut before its first event resumes without loss."""
    w = worker()
    first = connect(w.socket, "/sse/news").wait_placed()
    publish("news", "before")
    assert first.next().data == "before"
    stream = connect(w.socket, "/sse/news").wait_placed()
    position = stream.last_id
    stream.close()
    publish("news", "while away")
    again = connect(w.socket, "/sse/news", headers={"Last-Event-ID": position})
    assert again.next().data == "while away"


def test_default_topic_and_last_value(worker, publish, connect):
    w = worker("--default-topic", "clock", "--default-last", "1")
    first = connect(w.socket, "/sse").wait_placed()
    for i in range(3):
        publish("clock", f"tick {i}")
    assert first.data(3) == ["tick 0", "tick 1", "tick 2"]
    stream = connect(w.socket, "/sse")
    assert stream.next().data == "tick 2"
    publish("clock", "tick 3")
    assert stream.next().data == "tick 3"
