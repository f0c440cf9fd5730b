# SPDX-License-Identifier: MIT
"""JSON Web Tokens and tickets: where a request carries them, what they grant, what
is refused and what is said of it; through real web servers, which must pass them
on."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time
from urllib.parse import quote

import pytest

import servers
from harness import program, wait_until

OPTIONS = ("--heartbeat", "300ms", "--retry", "100ms", "--drain", "100ms")
SECRET = "a secret that is long enough for HS256, and then some"
OTHER = "another secret that is long enough for HS256, but not taken"
TICKETS = "the secret of tickets, which is long enough, too"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header, claims, secret=SECRET, digest=hashlib.sha256):
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(hmac.new(secret.encode(), text.encode(), digest).digest())}"


def token(subscribe=(), publish=(), secret=SECRET, **more):
    claims = {"mercure": {"subscribe": list(subscribe), "publish": list(publish)}, **more}
    return sign({"typ": "JWT", "alg": "HS256"}, claims, secret)


def ticket(*lines, secret=TICKETS, seconds=60):
    """As a page makes it, see sse-ticket(5)."""
    text = "\n".join((f"expires {int(time.time()) + seconds}",) + lines)
    signed = f"sse1-{text.encode().hex()}"
    return f"{signed}-{hmac.new(secret.encode(), signed.encode(), 'sha256').hexdigest()}"


def key_file(box, name, text):
    path = servers.write(box.path(name), text)
    os.chmod(path, 0o600)
    return path


class Keys:
    """A pair of public and private key that openssl has made, and signs with."""

    def __init__(self, box, name, *how):
        self.private, self.public = box.path(f"{name}.key"), box.path(f"{name}.pub")
        self.run("genpkey", "-quiet", *how, "-out", self.private)
        self.run("pkey", "-in", self.private, "-pubout", "-out", self.public)

    def run(self, *args, data=b""):
        return subprocess.run(["openssl", *args], input=data, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def token(self, alg, claims):
        text = f"{b64(json.dumps({'alg': alg}).encode())}.{b64(json.dumps(claims).encode())}"
        signature = self.run("dgst", "-sha256", "-sign", self.private, data=text.encode())
        if alg == "ES256":
            signature = self.side_by_side(signature)
        return f"{text}.{b64(signature)}"

    @staticmethod
    def side_by_side(der):
        """The two numbers of an ECDSA signature, out of their DER."""
        numbers, at = b"", 2
        for _ in range(2):
            size = der[at + 1]
            numbers += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + size
        return numbers


@pytest.fixture
def keyed(box, worker):
    """keyed(OPTIONS...) starts a worker that knows the secrets above."""
    def start(*options):
        return worker("--jwt-key", key_file(box, "jwt", SECRET + "\n"),
                      "--ticket-key", key_file(box, "tickets", TICKETS), *OPTIONS, *options)
    return start


WAYS = {"lighttpd": "lighttpd-external", "apache": "apache-proxypass"}


@pytest.mark.parametrize("kind", WAYS)
def test_what_they_grant_through_web_servers(kind, keyed, box, connect, publish):
    w = keyed()
    config = servers.example(WAYS[kind], w.socket)
    if kind == "apache":
        config += "<Location /events>\nCGIPassAuth On\n</Location>\n"
    server = getattr(servers, kind)(box, config)

    def ask(target, **headers):
        return connect(server.url + target,
                       headers={k.replace("_", "-"): v for k, v in headers.items()})

    mine = token(["private/ann/*", "orders/{id}"])
    pass_ = ticket("subscribe private/{user}/*", "user ann")
    publish("private/ann/a", "old", "--private")
    streams = [
        ask("/events/private/ann/a?last=1", Authorization=f"Bearer {mine}"),
        ask(f"/events/private/ann/a?last=1&authorization={mine}"),
        ask("/events/private/ann/a?last=1", Cookie=f"a=b; mercureAuthorization={mine}; c=d"),
        ask(f"/events/private/ann/a?last=1&ticket={pass_}"),
        ask("/events/private/ann/a?last=1", Cookie=f"sse_ticket={pass_}"),
        ask("/events/private/ann/*?last=1", Authorization=f"bearer {mine}",
            Cookie=f"mercureAuthorization={token(['x'], secret=OTHER)}"),
        ask(f"/events/{quote('private/{a}/{b}')}?last=1&authorization={token(['*'])}"),
    ]
    for stream in streams:
        assert stream.data(1) == ["old"]
    publish("private/ann/a", "new", "--private")
    publish("private/bob/a", "not hers", "--private")
    publish("private/ann/a", "newer", "--private")
    for i, stream in enumerate(streams):
        want = ["new", "not hers", "newer"] if i == len(streams) - 1 else ["new", "newer"]
        assert stream.data(len(want)) == want, i
    # Public events are everybody's still; private ones of a template are not.
    for headers, want in (({}, ["public"]), ({"Authorization": f"Bearer {mine}"}, ["private", "public"])):
        stream = ask("/events/orders/{x}", **headers).wait_placed()
        publish("orders/1", "private", "--private")
        publish("orders/1", "public")
        assert stream.data(len(want)) == want
    for target, cookie in (("/events/private/bob/a", f"sse_ticket={pass_}"),
                           ("/events/private/ann/a", ""), ("/events/$SYS/x", f"mercureAuthorization={token(['*'])}")):
        answer = ask(target, Cookie=cookie)
        answer.read_all()
        assert answer.status == 403, target


HOSTILE = {
    "of another secret": lambda: token(["*"], secret=OTHER),
    "cut": lambda: token(["*"])[:-2],
    "with a cut signature": lambda: token(["*"]).rsplit(".", 1)[0] + ".",
    "none": lambda: sign({"alg": "none"}, {"mercure": {"subscribe": ["*"]}}).rsplit(".", 1)[0] + ".",
    "None, signed": lambda: sign({"alg": "None"}, {"mercure": {"subscribe": ["*"]}}),
    "of another algorithm": lambda: sign({"alg": "HS512"}, {"mercure": {"subscribe": ["*"]}},
                                         digest=hashlib.sha512),
    "said to be RS256": lambda: sign({"alg": "RS256"}, {"mercure": {"subscribe": ["*"]}}),
    "expired": lambda: token(["*"], exp=int(time.time()) - 1),
    "not good yet": lambda: token(["*"], nbf=int(time.time()) + 600),
    "with a text as its end": lambda: token(["*"], exp="never"),
    "with a list as its end": lambda: token(["*"], exp=[4000000000]),
    "with more than topics": lambda: sign({"alg": "HS256"}, {"mercure": {"subscribe": ["*", 1]}}),
    "with a topic": lambda: sign({"alg": "HS256"}, {"mercure": {"subscribe": "*"}}),
    "with a list": lambda: sign({"alg": "HS256"}, {"mercure": ["*"]}),
    "of four parts": lambda: token(["*"]) + ".x",
    "of two parts": lambda: token(["*"]).rsplit(".", 1)[0],
    "padded": lambda: token(["*"]) + "=",
    "huge": lambda: token(["*"], x="y" * 7000),
    "critical": lambda: sign({"alg": "HS256", "crit": ["x"], "x": 1}, {"mercure": {"subscribe": ["*"]}}),
    "no token": lambda: "Bearer",
}


@pytest.mark.parametrize("explain", [False, True])
def test_what_is_not_good_is_refused_and_never_shown(explain, keyed, connect, publish):
    w = keyed(*(("--explain-auth",) if explain else ()))
    publish("private/a", "secret", "--private")
    for what, make in HOSTILE.items():
        made = make()
        for headers in ({"HTTP_AUTHORIZATION": f"Bearer {made}"}, {"HTTP_COOKIE": f"mercureAuthorization={made}"}):
            answer = connect(w.socket, "/sse/private/a?last=1", **headers)
            body = answer.read_all()
            assert answer.status == 401, (what, answer.status)
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
            assert (b"request's token is not good" in body) == (not explain), (what, body)
            assert b"secret" not in body and made.encode() not in body, what
    for query, said in (("authorization=%zz", b"token"), ("ticket=a%2", b"ticket")):
        answer = connect(w.socket, f"/sse/news?{query}")
        body = answer.read_all()
        assert answer.status == 401 and said in body, (query, body)
        assert (b"badly percent-encoded" in body) == explain, (query, body)
    # A cookie whose name only begins so is another one.
    connect(w.socket, "/sse/news", HTTP_COOKIE="mercureAuthorizationX=a; sse_ticket2=b; sse_ticket").wait_placed()
    for made in (ticket("subscribe private/a", secret=OTHER), ticket("subscribe private/a", seconds=-1),
                 ticket("subscribe private/a") + "0", ticket("subscribe private/a").upper(),
                 ticket("subscribe private/{user}", "user a/b"), ticket("subscribe private/a", "user a\nsubscribe *"),
                 ticket("allow private/a"), "sse1-", "x"):
        answer = connect(w.socket, "/sse/private/a?last=1", HTTP_COOKIE=f"sse_ticket={made}")
        assert answer.read_all() and answer.status == 401, made
    wait_until("the log says why", lambda: "signature fits none of the keys" in w.process.stderr())
    log = w.process.stderr()
    for secret in (SECRET, TICKETS, OTHER, token(["*"]), b64(b'{"mercure"')):
        assert secret not in log


def test_public_keys(box, worker, connect, publish):
    rsa = Keys(box, "rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    ec = Keys(box, "ec", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    w = worker("--jwt-key", rsa.public, "--jwt-subscribe-key", f"ES256:{ec.public}", *OPTIONS)
    claims = {"mercure": {"subscribe": ["private/a"]}, "exp": int(time.time()) + 100}
    streams = [connect(w.socket, f"/sse/private/a?authorization={made}").wait_placed()
               for made in (rsa.token("RS256", claims), ec.token("ES256", claims))]
    publish("private/a", "both")
    assert [s.data(1) for s in streams] == [["both"]] * 2
    with open(rsa.public, encoding="ascii") as f:
        public = f.read()
    good = ec.token("ES256", claims)
    zero = good.rsplit(".", 1)[0] + "." + b64(bytes(64))
    for made in (sign({"alg": "HS256"}, claims, public), sign({"alg": "HS256"}, claims, public.strip()),
                 rsa.token("ES256", claims), ec.token("RS256", claims), zero, good[:-3]):
        answer = connect(w.socket, f"/sse/private/a?authorization={made}")
        answer.read_all()
        assert answer.status == 401


def test_keys_that_are_none(box):
    ec = Keys(box, "k1", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1")
    small = Keys(box, "rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
    readable = key_file(box, "readable", SECRET)
    os.chmod(readable, 0o644)
    for spec, why, status in ((ec.public, "no public key for RS256", 64), (small.public, "no public key", 64),
                              (ec.private, "private key", 64), (key_file(box, "short", "x" * 31), "31 bytes", 64),
                              (readable, "Every user can read", 77), (box.path("none"), "cannot be read", 64),
                              (f"RS256:{key_file(box, 'k', SECRET)}", "no public key in PEM", 64)):
        done = box.run(program("sse-fcgi"), "--check-config", "--jwt-key", spec)
        assert done.returncode == status and why in done.stderr, (spec, done.returncode, done.stderr)
        assert SECRET not in done.stderr


def test_a_stream_ends_with_its_token(keyed, connect, publish):
    w = keyed()
    short = token(["private/a"], exp=int(time.time()) + 2)
    stream = connect(w.socket, "/sse/private/a", HTTP_AUTHORIZATION=f"Bearer {short}").wait_placed()
    other = connect(w.socket, f"/sse/private/a?ticket={ticket('subscribe private/a')}").wait_placed()
    publish("private/a", "in time")
    assert stream.data(1) == ["in time"]
    stream.wait_end()
    assert stream.clean
    publish("private/a", "too late")
    assert other.data(2) == ["in time", "too late"]
    assert b"too late" not in stream.body
    answer = connect(w.socket, "/sse/private/a", HTTP_AUTHORIZATION=f"Bearer {short}")
    assert answer.read_all() and answer.status == 401


def test_nobody_without_a_name(keyed, connect):
    w = keyed("--anonymous", "no")
    answer = connect(w.socket, "/sse/news")
    assert b"needed here" in answer.read_all()
    assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
    for given in ({"HTTP_COOKIE": f"sse_ticket={ticket()}"}, {"HTTP_AUTHORIZATION": f"Bearer {token()}"},
                  {"REMOTE_USER": "ann"}):
        connect(w.socket, "/sse/news", **given).wait_placed()


def test_the_tool_makes_what_is_taken(box, worker, connect, publish):
    key = box.path("made.key")

    def tool(*args, status=0, **options):
        done = box.run(program("sse-token"), *args, **options)
        assert done.returncode == status, (args, done.stdout, done.stderr)
        return done.stdout.strip() or done.stderr

    tool("--make-key", key)
    assert os.stat(key).st_mode & 0o777 == 0o600
    assert "File exists" in tool("--make-key", key, status=73)
    w = worker("--jwt-key", f"HS512:{key}", "--ticket-key", key, *OPTIONS)
    made = tool("-k", f"HS512:{key}", "subscribe", "private/ann/*", "publish", "chat", "--user", "ann", "--payload", '{"a": 1}')
    card = tool("--ticket", "subscribe", "private/{user}/*", "--user", "ann", "--ttl", "90s", env={"SSE_TOKEN_KEY": key})
    link = tool("-k", f"HS512:{key}", "--ttl", "never", "--url", "http://x/sse?topic=private/ann/x", "subscribe", "*")
    streams = [connect(w.socket, "/sse/private/ann/x", HTTP_AUTHORIZATION=f"Bearer {made}"),
               connect(w.socket, f"/sse/private/ann/x?ticket={card}"),
               connect(w.socket, link.removeprefix("http://x"))]
    for stream in streams:
        stream.wait_placed()
    publish("private/ann/x", "hers", "--private")
    assert [s.data(1) for s in streams] == [["hers"]] * 3
    said = tool("explain", "-", "-k", f"HS512:{key}", input=made + "\n").splitlines()
    assert said[0] == "a JSON Web Token, algorithm: HS512" and said[-1] == "is it good? yes"
    assert {'for: "ann"', 'may read: "private/ann/*"', 'may publish: "chat"', 'payload: {"a":1}'} < set(said)
    assert "fits none of the keys" in tool("explain", made[:-4] + "AAAA", "-k", f"HS512:{key}", status=77)
    assert "no key here for the algorithm" in tool("explain", made, "-k", key, status=77)
    assert "until: for ever" in tool("explain", link.partition("authorization=")[2])
    assert "until: 1970-01-01 00:00:00 UTC" in tool("explain", token(exp=0))
    steers = {"mercure": {"subscribe": [], "payload": {"x": "\x7f\x9b31m\\"}}, "sub": "\x1b\x9b31m"}
    said = tool("explain", sign({"alg": "HS256"}, steers)).splitlines()
    assert r'for: "\u001b\u009b31m"' in said and r'payload: {"x":"\u007f\u009b31m\\"}' in said
    assert 'may read: "private/ann/*"' in tool("explain", card, "-k", key)
    tool("explain", "nonsense", status=65)
    for wrong, status in ((("subscribe",), 64), (("news",), 64), ((), 64), (("subscribe", "a{"), 65),
                          (("--ttl", "x", "subscribe", "a"), 64), (("--user", "a/b", "subscribe", "a"), 64),
                          (("--ticket", "--ttl", "never", "subscribe", "a"), 64),
                          (("--payload", "{", "subscribe", "a"), 65), (("subscribe", "{user}/*"), 65)):
        tool("-k", key, *wrong, status=status)
    with open(key, encoding="ascii") as f:
        secret = f.read().strip()
    os.chmod(key, 0o644)
    assert secret not in tool("-k", key, "subscribe", "a", status=77)
