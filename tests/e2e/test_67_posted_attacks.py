# SPDX-License-Identifier: MIT
"""What a publisher by HTTP tries against another one, and a stranger against all."""

import os
import struct

import servers
from streams import BEGIN, PARAMS, STDIN, cgi_params, params, record
from test_37_tokens import SECRET, key_file, token

RULES = """\
allow bob publish chat
allow carl publish news
allow everybody subscribe news chat
"""


def rules(box):
    path = servers.write(box.path("access"), RULES)
    os.chmod(path, 0o644)
    return path


def post(connect, w, target, user, body, kind="text/plain", headers=None):
    login = {"REMOTE_USER": user} if user else {}
    pairs = cgi_params(target, method="POST", headers=headers, CONTENT_LENGTH=str(len(body)),
                       CONTENT_TYPE=kind, **login)
    raw = record(BEGIN, struct.pack(">HB5x", 1, 0)) + record(PARAMS, params(pairs)) + record(PARAMS)
    return connect(w.socket, raw=raw + record(STDIN, body) + record(STDIN)).wait_end().status


def test_a_key_of_another_topic_is_another_key(box, worker, connect):
    w = worker("--http-publish", "--access", rules(box))
    page = connect(w.socket, "/sse/news").wait_placed()
    key = {"Idempotency-Key": "order-42"}
    assert post(connect, w, "/sse/chat", "bob", b"mine", headers=key) == 200
    assert post(connect, w, "/sse/news", "carl", b"important", headers=key) == 200
    assert post(connect, w, "/sse/news", "carl", b"important", headers=key) == 200
    assert post(connect, w, "/sse/news", "carl", b"end") == 200
    assert page.data(2) == ["important", "end"], "once, whoever else has used its key"


def test_a_body_is_kept_only_of_who_may_publish_something(box, worker, connect):
    w = worker("--http-publish", "--access", rules(box))
    for target, kind in (("/sse/", "application/x-ndjson"), ("/sse/?topic=chat", "text/plain"),
                         ("/sse/", "application/x-www-form-urlencoded")):
        assert post(connect, w, target, None, b"is not looked at", kind) == 401, (target, kind)
        assert post(connect, w, target, "dave", b"is not looked at", kind) == 403, (target, kind)
    assert post(connect, w, "/sse/", "bob", b"is looked at", "application/x-ndjson") == 400


def test_who_was_refused_is_told_and_logged(box, worker, connect):
    w = worker("--http-publish", "--access", rules(box), "--jwt-key", key_file(box, "jwt", SECRET))
    assert post(connect, w, "/sse/news", "bob", b"x") == 403
    bad = {"Authorization": f"Bearer {token(publish=['news'], secret=SECRET[::-1])}"}
    pairs = cgi_params("/sse/news", method="POST", headers=bad, CONTENT_LENGTH="0", CONTENT_TYPE="text/plain")
    raw = record(BEGIN, struct.pack(">HB5x", 1, 0)) + record(PARAMS, params(pairs)) + record(PARAMS) + record(STDIN)
    answer = connect(w.socket, raw=raw).wait_end()
    assert answer.status == 401 and answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    log = w.process.stderr()
    assert "bob at 127.0.0.1 was refused (403): No rule" in log
    assert "(401): The token's signature fits none of the keys." in log


def test_one_key_for_reading_and_publishing(box, worker, connect):
    key = key_file(box, "jwt", SECRET)
    w = worker("--http-publish", "--jwt-subscribe-key", key, "--jwt-publish-key", key)
    both = {"Authorization": f"Bearer {token(['private/a'], ['chat'])}"}
    assert post(connect, w, "/sse/chat", None, b"x", headers=both) == 200
    connect(w.socket, "/sse/private/a", headers=both).wait_placed()


def test_a_login_may_be_a_cookie(box, worker, connect):
    """Of mod_auth_openidc, for one: a page of anybody can have it sent."""
    w = worker("--http-publish", "--access", rules(box))
    assert post(connect, w, "/sse/chat", "bob", b"x", headers={"Cookie": "session=1"}) == 403
    assert post(connect, w, "/sse/chat", "bob", b"x") == 200
