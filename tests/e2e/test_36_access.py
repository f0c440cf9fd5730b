# SPDX-License-Identifier: MIT
"""The access file over the web server's own login: lighttpd's mod_auth and
Apache's Basic, and what somebody tries who wants more than the rules allow."""

import base64
import hashlib
import json
import os
import signal

import pytest

import servers
from harness import program, wait_until

OPTIONS = ("--heartbeat", "300ms", "--retry", "100ms", "--drain", "100ms")
RULES = """\
# who may do what
group @staff alice
allow authenticated subscribe news/* private/{user}/* mark
allow @staff subscribe staff/{+x}
"""
USERS = ("alice", "bob", "priv.ate")
WAYS = {"lighttpd": "lighttpd-external", "apache": "apache-proxypass"}


def login(box, kind):
    """What asks for a name and a password before /events."""
    if kind == "lighttpd":
        path = servers.write(box.path("users"), "".join(f"{u}:pass\n" for u in USERS))
        return ('server.modules += ( "mod_auth", "mod_authn_file" )\n'
                'auth.backend = "plain"\n'
                f'auth.backend.plain.userfile = "{path}"\n'
                'auth.require = ( "/events" => ( "method" => "basic", "realm" => "here", '
                '"require" => "valid-user" ) )\n')
    digest = base64.b64encode(hashlib.sha1(b"pass").digest()).decode()
    path = servers.write(box.path("users"), "".join(f"{u}:{{SHA}}{digest}\n" for u in USERS))
    os.chmod(path, 0o644)
    modules = "".join(f"LoadModule {name}_module {servers.MODULES}/mod_{name}.so\n"
                      for name in ("auth_basic", "authn_core", "authn_file", "authz_user"))
    return (f"{modules}<Location /events>\nAuthType Basic\nAuthName here\n"
            f"AuthUserFile {path}\nRequire valid-user\n</Location>\n")


def write_rules(box, text):
    path = servers.write(box.path("access"), text)
    os.chmod(path, 0o644)
    return path


class Site:
    def __init__(self, server, worker, connect, publish, kind):
        self.server, self.worker, self.kind = server, worker, kind
        self.connect, self.publish = connect, publish

    def open(self, user, target, last_id=None, **headers):
        if user:
            headers["Authorization"] = "Basic " + servers.basic(user, "pass")
        if last_id:
            headers["Last-Event-ID"] = last_id
        return self.connect(self.server.url + target, headers=headers)

    def refused(self, user, target):
        answer = self.open(user, target)
        text = answer.read_all().decode()
        return answer.status, text


@pytest.fixture(params=WAYS)
def site(request, box, worker, connect, publish):
    rules = write_rules(box, RULES)
    w = worker("--access", rules, *OPTIONS)
    server = getattr(servers, request.param)(
        box, login(box, request.param) + servers.example(WAYS[request.param], w.socket))
    return Site(server, w, connect, publish, request.param)


def test_what_the_rules_allow_and_no_more(site, box):
    site.publish("news/a", "old")
    site.publish("private/alice/a", "alice's old")
    site.publish("staff/a/b", "old of staff")
    site.publish("other", "old of others")
    assert site.refused(None, "/events/news/a")[0] == 401, "the web server's own"
    for user, target in (("alice", "/events/other"), ("alice", "/events?topic=news/a&topic=other"),
                         ("bob", "/events/staff/a"), ("bob", "/events/private/alice/a"),
                         ("bob", "/events/news"), ("alice", "/events/$SYS/a")):
        status, text = site.refused(user, target)
        assert status == 403 and "access rule" in text, (user, target, status, text)
    log = site.worker.process.stderr()
    assert "bob at 127.0.0.1 was refused (403): Topics" in log

    streams = {
        "named": (site.open("alice", "/events/private/alice/a?lastEventID=earliest"),
                  ["alice's old", "alice's"]),
        "all": (site.open("alice", "/events/*?lastEventID=earliest"), ["old", "old of staff", "news", "staff"]),
        "bob's all": (site.open("bob", "/events/*?lastEventID=earliest"), ["old", "news"]),
        "newest": (site.open("bob", "/events?topic=*&last=5"), ["old", "news"]),
        "subtree": (site.open("bob", "/events/private/*?lastEventID=earliest"), []),
        "template": (site.open("alice", "/events/{a}/{b}?last=9"), ["old", "news"]),
        "her own": (site.open("alice", "/events/private/{x}/{y}?last=9"), ["alice's old", "alice's"]),
    }
    for stream, _ in streams.values():
        stream.wait_placed()
    site.publish("news/a", "news")
    site.publish("private/alice/a", "alice's")
    site.publish("staff/a/b", "staff")
    site.publish("other", "others'")
    for name, (stream, wanted) in streams.items():
        assert stream.data(len(wanted)) == wanted, name
    # Nothing else has come, and no gap tells of what they may not read.
    end = {name: site.open(user, f"{target}&topic=mark") for name, (user, target) in {
        "bob's all": ("bob", "/events/*?lastEventID=earliest"),
        "subtree": ("bob", "/events/private/*?lastEventID=earliest"),
        "template": ("bob", "/events/{a}/{b}?last=9")}.items()}
    site.publish("mark", "the end")
    for name, stream in end.items():
        data = []
        while "the end" not in data:
            data += stream.data(1)
        assert set(data) <= {"old", "news", "the end"}, name
        assert b"sse-gap" not in stream.body, name


# What bob may ask for, and still gets nothing of alice.
ATTEMPTS = [
    "/events/private/alice/a", "/events/private%2Falice%2Fa", "/events/%70rivate/alice/a",
    "/events//private/alice/a", "/events/private//alice/a", "/events/./private/alice/a",
    "/events/x/../private/alice/a", "/events/private/bob/../alice/a",
    "/events/private/bob/%2e%2e/alice/a", "/events/PRIVATE/alice/a", "/events/Private/Alice/a",
    "/events/private/alice%00/a", "/events/private/alice/a/", "/events/private/alice/a%20",
    "/events/private/alice/a;x=1", "/events/private/alice/a?topic=mark", "/%65vents/private/alice/a",
    "//events/private/alice/a", "/events/private/%61lice/a", "/events/private/%2561lice/a",
    "/events/private/*", "/events/private/{x}/a", "/events/{x}/alice/a", "/events/{+x}",
    "/events/pri{x}/alice/a", "/events/{+x}alice/a", "/events/private{/x,y}", "/events/*",
    "/events?topic=private/alice/a", "/events?topic=private%2Falice%2Fa", "/events?topic=*",
    "/events?topic=private/*", "/events?topic=private/alice/*", "/events?topic={x}/{y}/{z}",
    "/events?topic={%2Bx}", "/events?topic=private/{x}/{y}", "/events/news/a?topic=private/alice/a",
    "/events?TOPIC=private/alice/a&topic=mark", "/events?topic=mark%26topic=private/alice/a",
    "/events?topic=mark;topic=private/alice/a", "/events?topic[]=private/alice/a",
    "/events?topic=private/bob/../alice/a", "/events?topic=private/bob/%2e%2e/alice/a",
    "/events?topic=private/{user}/a", "/events?topic=private/b{x}/a", "/events/private/bob/*",
]


def test_attempts_to_get_round_the_rules(site):
    first = site.publish("mark", "begin")
    site.publish("private/alice/a", "secret")
    site.publish("private/alice/a", "secret, too", "--private")
    streams = []
    for attempt in ATTEMPTS:
        glue = "&" if "?" in attempt else "?"
        for resume in ("lastEventID=earliest", "last=10", f"lastEventID={first}"):
            stream = site.open("bob", f"{attempt}{glue}{resume}&topic=mark", last_id=None)
            streams.append((attempt, resume, stream))
    # A header by which some front-ends let a client say who it is.
    for header in ("REMOTE_USER", "Remote-User", "X-Remote-User", "SSE-TOPIC-PREFIX"):
        streams.append((header, "", site.open("bob", "/events?topic=*&topic=mark&last=9",
                                              **{header: "alice"})))
    for _, _, stream in streams:
        stream.wait_head()
    site.publish("private/alice/a", "secret, live")
    site.publish("private/alice/a", "secret, live, too", "--private")
    site.publish("mark", "the end")
    served = 0
    for attempt, resume, stream in streams:
        if stream.status == 200 and "event-stream" in stream.headers.get("content-type", ""):
            served += 1
            stream.wait("the end", lambda s=stream: b"the end" in s.body)
        else:
            assert stream.status in (400, 403, 404), (attempt, stream.status)
            stream.read_all()
        assert b"secret" not in stream.body and b"sse-gap" not in stream.body, (attempt, resume)
    assert 20 < served < len(streams), "some are answered, and some refused"


def test_gaps_are_of_what_may_be_read(box, bus, hub, worker, connect, publish):
    """What the hub has no more of is told to who could have read it, and to nobody else."""
    many = " ".join(f"extra/{i}" for i in range(90))
    rules = write_rules(box, "allow bob,carl subscribe news/a other/x mark\n"
                             f"allow carl subscribe {many}\n")
    hub("--history", "8events")
    before = publish("mark", "before")
    publish("news/a", "lost")
    behind = publish("news/a", "lost, too")
    lines = "".join(json.dumps({"topic": "news/b", "data": f"secret {i}"}) + "\n" for i in range(30))
    assert box.run(program("sse-publish"), "--bus", bus, "--json", input=lines).returncode == 0
    publish("other/x", "of the other")
    publish("news/c", "of two topics", "--also", "other/x")
    publish("mark", "the end")
    w = worker("--hub", "off", "--window", "1events", "--access", rules, *OPTIONS)
    for user in ("bob", "carl"):
        for asked in ("*", "news/*", "news/{x}", "{%2Bx}/{y}", "news/a"):
            for last_id in (before, behind):
                stream = connect(w.socket, f"/sse?topic={asked}&topic=mark", REMOTE_USER=user,
                                 headers={"Last-Event-ID": last_id})
                stream.wait("the end", lambda s=stream: b"the end" in s.body)
                case = user, asked, last_id, stream.body
                assert (b"sse-gap" in stream.body) == (last_id == before), case
                assert (b"of two topics" in stream.body) == (asked != "news/a"), case
                assert (b"of the other" in stream.body) == (asked in ("*", "{%2Bx}/{y}")), case
                assert b"secret" not in stream.body, case


def test_a_reload_takes_new_rules(site, box):
    status, _ = site.refused("bob", "/events/extra")
    assert status == 403
    write_rules(box, RULES + "allow bob subscribe extra\n")
    site.worker.process.send(signal.SIGHUP)
    wait_until("the new rule counts",
               lambda: site.open("bob", "/events/extra").wait_head().status == 200)
    # A wrong file changes nothing, and is said.
    write_rules(box, "allow bob read extra\n")
    site.worker.process.send(signal.SIGHUP)
    wait_until("that it is wrong is said",
               lambda: '"read" is not what somebody may do' in site.worker.process.stderr())
    assert site.open("bob", "/events/extra").wait_head().status == 200


def test_a_wrong_file_is_told_at_once(box):
    path = write_rules(box, "\nallow bob subscribe\n")
    for options in ((), ("--check-config",)):
        done = box.run(program("sse-fcgi"), "--access", path, *options)
        assert done.returncode == 64
        assert f"Line 2 of {path}: A rule ends in the topics" in done.stderr
    done = box.run(program("sse-fcgi"), "--check-config", "--access", box.path("none"))
    assert done.returncode == 64 and "cannot be read" in done.stderr
