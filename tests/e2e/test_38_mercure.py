# SPDX-License-Identifier: MIT
"""What clients of the Mercure protocol (draft 07) send, byte for byte as they
send it, at /.well-known/mercure of real web servers: examples/*/sse-mercure.conf."""

import os
import re
import time
from urllib.parse import quote, quote_plus

import pytest

import servers
from harness import TOP
from test_37_tokens import SECRET, key_file, sign, token

WAYS = {"lighttpd": "lighttpd-external", "apache": "apache-proxypass"}
HUB = "/.well-known/mercure"
BOOK = "https://example.com/books/1"


class Site:
    def __init__(self, server, connect):
        self.server, self.connect = server, connect

    def ask(self, target, method="GET", body=b"", **headers):
        return self.connect(self.server.url + target, method=method, body=body,
                            headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, fields, jwt=None, **headers):
        """As symfony/mercure's Hub::publish and those that are built on it."""
        body = "&".join(f"{k}={quote_plus(v)}" for k, v in fields).encode()
        if jwt:
            headers["Authorization"] = f"Bearer {jwt}"
        answer = self.ask(HUB, "POST", body, **{"Content_Type": "application/x-www-form-urlencoded", **headers})
        answer.text = answer.read_all().decode()
        return answer

    def subscribe(self, *topics, query="", **headers):
        """As EventSource and Twig's mercure() have it."""
        topics = "&".join(f"topic={quote(t, safe='')}" for t in topics)
        return self.ask(f"{HUB}?{topics}{query}", **headers)


@pytest.fixture(params=WAYS)
def site(request, box, worker, connect):
    w = worker("--jwt-key", key_file(box, "jwt", SECRET), "--http-publish", "--heartbeat", "300ms",
               "--cors-origin", "https://app.example", "--drain", "100ms")
    config = servers.example(WAYS[request.param], w.socket)
    config += (TOP / f"examples/{request.param}/sse-mercure.conf").read_text() \
        .replace("/run/sse-fcgi/worker.sock", w.socket)
    return Site(getattr(servers, request.param)(box, config), connect)


def test_publish_and_subscribe(site):
    everyone = sign({"typ": "JWT", "alg": "HS256"}, {"mercure": {"publish": ["*"]}})  # no exp
    stream = site.subscribe(BOOK, "https://example.com/users/{id}").wait_placed()
    assert stream.headers["content-type"].startswith("text/event-stream")
    answer = site.post([("topic", BOOK), ("data", '{"isbn": "a+b&c"}')], everyone)
    assert answer.status == 200 and re.fullmatch("[0-9a-z]{8}-[0-9]+", answer.text), answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    first = stream.next()
    assert (first.data, first.event, first.id) == ('{"isbn": "a+b&c"}', "message", answer.text)
    # An id of its own, a type, a time to come back after; alternates.
    mine = "urn:uuid:5e94c686-2c0b-4f9b-958c-92ccc3bbb4eb"
    answer = site.post([("topic", "https://example.com/other"), ("topic", "https://example.com/users/7"),
                        ("data", "two\nlines"), ("id", mine), ("type", "change"), ("retry", "1234")], everyone)
    assert answer.text == mine
    second = stream.next()
    assert (second.data, second.event, second.id) == ("two\nlines", "change", mine)
    assert stream.decoder.retry == 1234
    # Back where it was: by header, and by the two queries of Twig.
    for back in (site.subscribe(BOOK, "https://example.com/users/{id}", Last_Event_ID=first.id),
                 site.subscribe(BOOK, "https://example.com/users/7", query=f"&lastEventID={first.id}&Last-Event-ID={first.id}"),
                 site.subscribe("*", query=f"&lastEventID={first.id}")):
        assert back.next().id == mine
        assert back.headers["last-event-id"] == first.id
    back = site.subscribe(BOOK, query="&lastEventID=" + quote("urn:uuid:nobody-knows"))
    back.wait(first.data, lambda: any(e.data == first.data for e in back.queue))
    assert back.headers["last-event-id"] == "earliest"
    back = site.subscribe(BOOK, query="&lastEventID=earliest")
    assert back.next().id == first.id and back.headers["last-event-id"] == "earliest"
    assert "last-event-id" not in stream.headers


def test_private(site):
    publisher = token(publish=["*"])
    hers = token(subscribe=["https://example.com/users/{id}"])
    streams = {"cookie": site.subscribe("https://example.com/users/7", Cookie=f"mercureAuthorization={hers}"),
               "header": site.subscribe("https://example.com/users/7", Authorization=f"Bearer {hers}"),
               "query": site.subscribe("https://example.com/users/7", query=f"&authorization={hers}"),
               "all": site.subscribe("*", Authorization=f"Bearer {token(subscribe=['*'])}"),
               "other": site.subscribe("https://example.com/users/7", Authorization=f"Bearer {token(subscribe=[BOOK])}"),
               "nobody": site.subscribe("https://example.com/users/7")}
    for stream in streams.values():
        stream.wait_placed()
    place = streams["nobody"].last_id
    for private, data in (([("private", "on")], "private"), ([], "public")):
        assert site.post([("topic", "https://example.com/users/7"), ("data", data), *private], publisher).status == 200
    for who, stream in streams.items():
        want = ["public"] if who in ("other", "nobody") else ["private", "public"]
        assert stream.data(len(want)) == want, who
    assert site.subscribe("https://example.com/users/7", Last_Event_ID=place).data(1) == ["public"]
    again = site.subscribe("https://example.com/users/7", Last_Event_ID=place, Cookie=f"mercureAuthorization={hers}")
    assert again.data(2) == ["private", "public"]


BAD = [
    ("no token", [("topic", BOOK), ("data", "x")], None, 401),
    ("one that may read", [("topic", BOOK), ("data", "x")], token(subscribe=["*"]), 403),
    ("another topic", [("topic", BOOK), ("data", "x")], token(publish=["https://example.com/other"]), 403),
    ("one topic of two", [("topic", BOOK), ("topic", "b"), ("data", "x")], token(publish=[BOOK]), 403),
    ("not its template", [("topic", BOOK), ("data", "x")], token(publish=["https://example.com/users/{id}"]), 403),
    ("of another key", [("topic", BOOK), ("data", "x")], token(publish=["*"], secret=SECRET[::-1]), 401),
    ("expired", [("topic", BOOK), ("data", "x")], token(publish=["*"], exp=int(time.time()) - 5), 401),
    ("no topic", [("data", "x")], token(publish=["*"]), 400),
    ("all topics", [("topic", "*"), ("data", "x")], token(publish=["*"]), 400),
    ("the hub's", [("topic", f"{HUB}/subscriptions/a/b"), ("data", "x")], token(publish=["*"]), 403),
    ("the hub's, too", [("topic", BOOK), ("topic", f"{HUB}/x"), ("data", "x")], token(publish=["*"]), 403),
    ("a fragment", [("topic", BOOK), ("data", "x"), ("id", "#1")], token(publish=["*"]), 400),
    ("earliest", [("topic", BOOK), ("data", "x"), ("id", "earliest")], token(publish=["*"]), 400),
    ("soon", [("topic", BOOK), ("data", "x"), ("retry", "soon")], token(publish=["*"]), 400),
    ("two lines", [("topic", BOOK), ("data", "x"), ("type", "a\nb")], token(publish=["*"]), 400),
]


def test_what_is_refused(site):
    watch = site.subscribe("*", Authorization=f"Bearer {token(subscribe=['*'])}").wait_placed()
    for what, fields, jwt, status in BAD:
        answer = site.post(fields, jwt)
        assert answer.status == status and answer.text, (what, answer.status, answer.text)
    good = token(publish=["*"])
    # The hub's topics are its own by every way of naming them.
    for target, kind, body in ((f"{HUB}?topic={HUB}/x", "text/plain", b"x"), (f"{HUB}?also={HUB}/x&topic=a", "text/plain", b"x"),
                               (f"{HUB}?topic=a&also={HUB}", "text/plain", b"x"),
                               (HUB, "application/jsonl", f'{{"topic":"{HUB}/x","data":1}}'.encode())):
        answer = site.ask(target, "POST", body, Authorization=f"Bearer {good}", Content_Type=kind)
        assert answer.read_all() and answer.status == 403, (target, answer.status)
    # The header counts before the cookie, and a page of another site may not use it.
    cookie = f"mercureAuthorization={good}"
    form = [("topic", BOOK), ("data", "x")]
    assert site.post(form, token(publish=[]), Cookie=cookie).status == 403
    assert site.post(form, Cookie=cookie).status == 403, "it does not say where it comes from"
    assert site.post(form, Cookie=cookie, Origin="https://foreign.example").status == 403
    assert site.post(form, Cookie=cookie, Origin="https://app.example").status == 200
    assert site.post([("topic", f"{HUB}s"), ("data", "near")], good).status == 200
    assert watch.data(2) == ["x", "near"], "and nothing of the others"
    answer = site.ask(f"{HUB}/subscriptions")
    assert answer.read_all() and answer.status == 404


def test_other_origins(site):
    asked = {"Origin": "https://app.example", "Access_Control_Request_Method": "POST",
             "Access_Control_Request_Headers": "authorization"}
    answer = site.ask(HUB, "OPTIONS", **asked)
    answer.read_all()
    assert answer.status == 204 and "POST" in answer.headers["access-control-allow-methods"]
    stream = site.subscribe(BOOK, Origin="https://app.example").wait_placed()
    for headers in (answer.headers, stream.headers):
        assert headers["access-control-allow-origin"] == "https://app.example"
        assert headers["access-control-allow-credentials"] == "true"
        assert "Origin" in headers["vary"]
    assert "Last-Event-ID" in stream.headers["access-control-expose-headers"]
    stream = site.subscribe(BOOK, Origin="https://foreign.example").wait_placed()
    assert "access-control-allow-origin" not in stream.headers
