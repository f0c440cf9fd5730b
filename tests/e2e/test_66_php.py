# SPDX-License-Identifier: MIT
"""examples/php-rights: pages of a site whose PHP knows who is logged in, run as
FastCGI by lighttpd: a ticket in a cookie, and a message published by HTTP."""

import re
import shutil

import pytest

import servers
from harness import TOP
from test_36_access import login
from test_37_tokens import SECRET, TICKETS, key_file

PHP = shutil.which("php-cgi", path=servers.PLACES)


@pytest.mark.skipif(not PHP, reason="php-cgi is not installed")
def test_messages_for_one_user(box, worker, connect):
    keys = {"SSE_JWT_KEY": key_file(box, "jwt", SECRET + "\n"),
            "SSE_TICKET_KEY": key_file(box, "tickets", TICKETS + "\n")}
    w = worker("--jwt-key", keys["SSE_JWT_KEY"], "--ticket-key", keys["SSE_TICKET_KEY"],
               "--http-publish", "--heartbeat", "300ms")
    port = servers.free_port()
    keys["SSE_HUB_URL"] = f"http://127.0.0.1:{port}/.well-known/mercure"
    environment = ", ".join(f'"{k}" => "{v}"' for k, v in keys.items())
    config = servers.example("lighttpd-external", w.socket)
    config += (TOP / "examples/lighttpd/sse-mercure.conf").read_text() \
        .replace("/run/sse-fcgi/worker.sock", w.socket)
    config += login(box, "lighttpd").replace('"/events"', '"/php/inbox.php"')
    config += f"""
server.modules += ( "mod_alias" )
alias.url = ( "/php/" => "{TOP}/examples/php-rights/" )
fastcgi.server += ( ".php" => (( "bin-path" => "{PHP}", "socket" => "{box.path('php')}",
    "max-procs" => 1, "bin-environment" => ( "PHP_FCGI_CHILDREN" => "2", {environment} ) )) )
"""
    server = servers.lighttpd(box, config, port=port)

    def page(user):
        headers = {}
        if user:
            headers["Authorization"] = "Basic " + servers.basic(user, "pass")
        answer = connect(f"{server.url}/php/inbox.php", headers=headers)
        answer.text = answer.read_all().decode()
        return answer

    def send(to, text):
        body = f"to={to}&text={text}".encode()
        answer = connect(f"{server.url}/php/send.php", method="POST", body=body,
                         headers={"Content-Type": "application/x-www-form-urlencoded"})
        return answer.read_all().decode(), answer.status

    cookies = {}
    for user in ("alice", "bob"):
        answer = page(user)
        assert answer.status == 200 and f'topic = "private\\/{user}\\/inbox"' in answer.text
        cookies[user] = re.match("sse_ticket=[^;]+", answer.headers["set-cookie"]).group()
        assert "HttpOnly" in answer.headers["set-cookie"] and "path=/events" in answer.headers["set-cookie"]

    def open_inbox(of, by):
        return connect(f"{server.url}/events?last=20&topic=private/{of}/inbox",
                       headers={"Cookie": cookies[by]} if by else {})

    said, status = send("alice", "hello")
    assert status == 200 and re.fullmatch("[0-9a-z]{8}-[0-9]+\n", said), said
    hers, his = open_inbox("alice", "alice").wait_open(), open_inbox("bob", "bob").wait_open()
    assert hers.data(1) == ["hello"]
    assert send("bob", "for+bob")[1] == 200
    assert send("alice", "for+alice")[1] == 200
    assert (hers.data(1), his.data(1)) == (["for alice"], ["for bob"])
    for by in ("bob", None):
        answer = open_inbox("alice", by)
        answer.read_all()
        assert answer.status == 403
    assert send("*", "all")[1] == 400
    assert send("alice%2F..%2Fbob", "x")[1] == 400
    assert page(None).status == 401
