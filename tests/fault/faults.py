# SPDX-License-Identifier: MIT
"""faults: what is done to a stage. Each is a generator that does one thing, and
yields the seconds until it wants to go on, if there is more to do."""

import contextlib
import errno
import os
import signal


def some(pids, which):
    """One of them; which is from 0 to 1. None when there is none just now."""
    return pids[int(which * len(pids))] if pids else None


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # ended meanwhile


def hit(trial, pids, which, number):
    pid = some(pids, which)
    if pid:
        trial.stage.workers(), trial.stage.hubs()  # noted, whom it may leave behind
        trial.say(f"signal {number} to {pid}")
        send(pid, number)
    else:
        trial.say("nobody is there to be hit")
    return pid


def hold(trial, pids, fault):
    """Stops one for a while."""
    pid = hit(trial, pids, fault.which, signal.SIGSTOP)
    if pid:
        yield fault.length
        trial.say(f"{pid} goes on")
        send(pid, signal.SIGCONT)


def kill_worker(trial, fault):
    hit(trial, trial.stage.workers(), fault.which, signal.SIGKILL)
    yield from ()


def kill_hub(trial, fault):
    hit(trial, trial.stage.hubs(), fault.which, signal.SIGKILL)
    yield from ()


def kill_supervisor(trial, fault):
    hit(trial, trial.stage.supervisors(), fault.which, signal.SIGKILL)
    yield from ()


def term_supervisor(trial, fault):
    hit(trial, trial.stage.supervisors(), fault.which, signal.SIGTERM)
    yield from ()


def restart_server(trial, _):
    hit(trial, [trial.stage.server.process.pid], 0, signal.SIGTERM)
    yield from ()


def kill_server(trial, _):
    hit(trial, [trial.stage.server.process.pid], 0, signal.SIGKILL)
    yield from ()


def term_hub(trial, fault):
    hit(trial, trial.stage.hubs(), fault.which, signal.SIGTERM)
    yield from ()


def guest_hub(trial, fault):
    """An sse-hub asks the embedded hub for its place, and gives it back."""
    guest = trial.stage.start_hub()
    trial.say(f"sse-hub {guest.pid} comes")
    yield fault.length
    guest.send(signal.SIGTERM)
    trial.say(f"{guest.pid} is to go")


def stop_worker(trial, fault):
    yield from hold(trial, trial.stage.workers(), fault)


def stop_hub(trial, fault):
    yield from hold(trial, trial.stage.hubs(), fault)


def stop_publisher(trial, fault):
    pids = [f.process.pid for f in trial.feeders if not f.is_done]
    yield from hold(trial, pids, fault)


def kill_publisher(trial, fault):
    pids = [f.process.pid for f in trial.feeders if not f.is_done]
    hit(trial, pids, fault.which, signal.SIGKILL)
    yield from ()


def stop_server(trial, fault):
    yield from hold(trial, [trial.stage.server.process.pid], fault)


def reload(trial, fault):
    hit(trial, trial.stage.supervisors(), fault.which, signal.SIGHUP)
    yield from ()


def fill_disk(trial, fault):
    """Leaves no byte on the store's disk, for a while."""
    if not trial.stage.has_disk:
        trial.say("no disk to fill: that needs root")
        return
    path = os.path.join(trial.stage.store, "ballast")
    with open(path, "wb", buffering=0) as ballast:
        for size in (1 << 20, 4096, 1):
            try:
                while ballast.write(bytes(size)) == size:
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    trial.say("the disk is full")
    yield fault.length
    with contextlib.suppress(FileNotFoundError):  # two at once share it
        os.unlink(path)
    trial.say("the disk has room again")


KINDS = {function.__name__.replace("_", "-"): function for function in (
    kill_worker, kill_hub, kill_supervisor, term_supervisor, kill_server, restart_server,
    stop_server, term_hub, guest_hub, stop_worker, stop_hub, stop_publisher, kill_publisher,
    reload, fill_disk)}
