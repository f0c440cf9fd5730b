# SPDX-License-Identifier: MIT
"""What is installed is enough: examples and a C++ program compile with
pkg-config against it, link, and run."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from harness import BUILD, TOP, accepts, program, wait_until
from streams import FcgiStream

EXAMPLES = TOP / "examples" / "c"

CXX_PROGRAM = """
#include <cstdio>
@HEADERS@

int main()
{
	struct sse_event *event = nullptr;
	const char *const topics[] = { "news", nullptr };
	struct sse_handoff what = {};
	FCGX_Request request;

	if (sse_event_new("news", "a", 1, &event) < 0)
		return 1;
	std::printf("%s\\n", sse_event_topic(event, nullptr));
	sse_event_free(event);

	struct sse_responder_options options = {};
	struct sse_responder *responder = nullptr;
	if (sse_responder_new(&options, &responder) == 0 ||
	    !*sse_responder_error(responder))
		return 3;
	sse_responder_free(responder);

	what.topics = topics;
	FCGX_InitRequest(&request, 0, 0);
	return sse_handoff(&request, &what) < 0 ? 0 : 2;
}
"""


def make_variable(name):
    """A variable of the build's Makefile, so that flavours are not mixed."""
    text = (BUILD / "Makefile").read_text()
    return re.search(rf"^{name} = *(.*)$", text, re.MULTILINE).group(1)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment that finds an installed toolkit, and nothing else."""
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={root}"],
                          capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    files = list(root.rglob("sse-fcgi.pc"))
    assert len(files) == 1
    libraries = files[0].parent.parent
    return root, {**os.environ, "PKG_CONFIG_PATH": str(files[0].parent),
                  "PKG_CONFIG_SYSROOT_DIR": str(root), "LD_LIBRARY_PATH": str(libraries)}


def compile_with(compiler, environment, source, target, modules):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", *modules], env=environment,
                           capture_output=True, text=True, check=True).stdout
    command = [*shlex.split(compiler), "-Wall", "-Wextra", "-Werror", "-o", target, source,
               *shlex.split(flags), *shlex.split(make_variable("SSE_LDFLAGS"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return target


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["handoff", "responder", "stream"])
def test_examples_in_c(box, installed, name):
    _, environment = installed
    path = compile_with(make_variable("CC"), environment, EXAMPLES / f"{name}.c",
                        box.path(name), ["sse-fcgi"])
    linked = box.run("ldd", path, env=environment).stdout
    assert "libsse-fcgi.so.0" in linked and "not found" not in linked
    # Plain CGI, with nobody on the other side.
    if name == "stream":
        with open("/dev/full", "w") as full:
            done = subprocess.run([path], env=environment, stdin=subprocess.DEVNULL, stdout=full,
                                  timeout=30, check=False)
        assert done.returncode == 0
    if name == "responder":
        assert "libzmq" not in linked
        socket = box.path("r.sock")
        process = box.start(path, f"unix:{socket}", env=environment)
        wait_until("it accepts", lambda: accepts(socket) or not process.running())
        stream = box.keep(FcgiStream(socket, "/sse/clock"))
        assert re.fullmatch(r"\d\d:\d\d:\d\d", stream.next().data)


@pytest.mark.smoke
def test_every_public_header_in_cxx(box, installed):
    cxx = shutil.which(os.environ.get("CXX", "c++"))
    if make_variable("CC").startswith("clang"):
        cxx = shutil.which("clang++") or cxx
    if not cxx:
        pytest.skip("there is no C++ compiler")
    root, environment = installed
    headers = sorted(h.name for h in (TOP / "include" / "sse-fcgi").glob("*.h"))
    assert sorted(h.name for h in root.rglob("sse-fcgi/*.h")) == headers

    source = box.path("all.cc")
    lines = "".join(f"#include <sse-fcgi/{h}>\n" for h in headers)
    pathlib.Path(source).write_text(CXX_PROGRAM.replace("@HEADERS@\n", lines))
    path = compile_with(cxx, environment, source, box.path("all"), ["sse-fcgi", "sse-bus"])
    done = box.run(path, env=environment)
    assert (done.returncode, done.stdout) == (0, "news\n"), done.stderr


# A responder with the events of a hub: the two libraries side by side.
FOLLOW = r"""
#include <stdio.h>
#include <sse-fcgi/responder.h>
#include <sse-fcgi/subscriber.h>

static struct sse_responder *responder;

static void on_event(void *user, const struct sse_event *e)
{
	(void)user;
	if (sse_responder_publish_event(responder, e) < 0)
		fprintf(stderr, "%s\n", sse_responder_error(responder));
}

static void on_tick(void *subscriber)
{
	if (sse_subscriber_poll(*(struct sse_subscriber **)subscriber, 0) < 0)
		sse_responder_stop(responder);
}

int main(int argc, char **argv)
{
	struct sse_subscriber_ops ops = { .on_event = on_event };
	struct sse_subscriber *subscriber;
	struct sse_responder_options o = { .listen = argv[argc - 1], .on_tick = on_tick,
					   .tick_ms = 20, .user = &subscriber };

	if (sse_subscriber_open(argv[1], "earliest", &ops, NULL, &subscriber) < 0 ||
	    sse_responder_new(&o, &responder) < 0)
		return 1;
	return sse_responder_run(responder) < 0;
}
"""


def test_a_responder_that_follows_a_hub(box, bus, hub, publish, installed):
    _, environment = installed
    hub()
    publish("news", "before")
    source, socket = box.path("follow.c"), box.path("f.sock")
    pathlib.Path(source).write_text(FOLLOW)
    path = compile_with(make_variable("CC"), environment, source, box.path("follow"),
                        ["sse-fcgi", "sse-bus"])
    process = box.start(path, bus, f"unix:{socket}", env=environment)
    wait_until("it accepts", lambda: accepts(socket) or not process.running())
    stream = box.keep(FcgiStream(socket, "/sse/news?lastEventID=earliest"))
    assert stream.next().data == "before"
    publish("private/x", "not for everybody")
    publish("news", "a secret", "--private")
    number = publish("news", "a\nb", "--event", "flash")
    event = stream.next()
    assert (event.event, event.data) == ("flash", "a\nb")
    assert event.id != number   # it is the responder's own


@pytest.mark.parametrize("name, lines", [("handoff", 80), ("responder", 60)])
def test_the_examples_stay_short(name, lines):
    assert len((EXAMPLES / f"{name}.c").read_text().splitlines()) < lines
    assert program(name)
