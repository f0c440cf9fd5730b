# SPDX-License-Identifier: MIT
"""scenario: everything that is drawn from a seed, and said in words.

The front-end and the store go in turn with the seed, so that a few seeds next
to each other have them all. Each part has a generator of its own: what is added
to one leaves the others as they were.
"""

import dataclasses
import random

import plan

WAYS = ("lighttpd-bin-path", "lighttpd-external", "apache-sethandler", "apache-proxypass")
STORES = ("memory", "always", "1s")  # --store memory, or a directory with this --sync
WINDOWS = ("", "50events", "200events,64KiB")  # of the workers; resumes are paged then
# What a hub keeps: everything, so that no gap is ever due to that; or little.
HISTORIES = (*["100000events,256MiB,1h"] * 5, "150events,256MiB,1h")


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float  # share of all events acknowledged
    what: str
    length: float  # seconds, of those that last
    which: float  # of several processes, from 0 to 1


@dataclasses.dataclass
class Scenario:
    seed: int
    way: str
    workers: int
    hub: str  # "embedded", "alone" or "standby"
    store: str
    history: str
    window: str
    options: list  # of sse-fcgi
    faults: list
    publishings: list
    readings: list

    @property
    def is_durable(self):
        return self.store != "memory"

    @property
    def trims(self):
        return self.history == HISTORIES[-1]

    @property
    def log_may_die(self):
        """Whether some fault may end the hub and what it kept."""
        return not self.is_durable and any(loses_memory(f.what, self.hub) for f in self.faults)

    @property
    def sends_again(self):
        """Whether some fault makes a publisher send again what it was not told of."""
        return self.fills_disk or any(f.what == "kill-publisher" for f in self.faults)

    @property
    def fills_disk(self):
        return any(f.what == "fill-disk" for f in self.faults)

    def words(self):
        store = "memory" if self.store == "memory" else f"a directory, --sync {self.store}"
        hub = {"embedded": "hub embedded", "alone": "sse-hub alone",
               "standby": "sse-hub with a standby"}[self.hub]
        lines = [
            f"{self.way}, {self.workers} worker(s), {hub}, store {store}, "
            f"history {self.history}, window {self.window or 'the same'}, sse-fcgi {' '.join(self.options)}",
            f"{len(self.readings)} browsers, {len(self.publishings)} publishers:"]
        lines += [f"  {len(p.events)} events "
                  f"{'--json' if p.is_json else '--lines ' + p.topic}, {p.burst} at a time, "
                  f"each {p.pause * 1000:.0f} ms, at most {p.ahead} ahead"
                  for p in self.publishings]
        lines += [f"fault at {f.at:.0%}: {f.what}"
                  f"{f' for {f.length:.1f} s' if f.length else ''}" for f in self.faults]
        return "\n".join(lines)


def loses_memory(what, hub):
    """Whether a fault ends the hub without its leave; an orderly end leaves what
    it has in memory to the next one."""
    return what == "kill-hub" or what == "kill-supervisor" and hub == "embedded"


def draw_faults(rng, way, hub, is_durable):
    kinds = ["kill-worker", "kill-worker", "kill-hub", "kill-supervisor", "term-supervisor",
             "stop-worker", "stop-hub", "stop-publisher", "restart-server", "kill-publisher",
             "reload"]
    # Whom the others leave behind, a killed Apache and a killed lighttpd's
    # workers, their init would end; here nobody does.
    kinds += ["kill-server"] if way == "lighttpd-external" else []
    # Of an Apache this stops the one process that serves nobody.
    kinds += ["stop-server"] if way.startswith("lighttpd") else []
    kinds += ["guest-hub"] if hub == "embedded" else ["term-hub"]
    kinds += ["fill-disk"] if is_durable else []
    # Without these the log of a hub in memory lives, and no gap is allowed.
    if not is_durable and rng.random() < 0.5:
        kinds = [k for k in kinds if not loses_memory(k, hub)]
    faults = []
    for _ in range(rng.randint(2, 5)):
        what = rng.choice(kinds)
        length = rng.uniform(0.1, 1.5) if what.startswith(("stop", "fill", "guest")) else 0.0
        faults.append(Fault(rng.uniform(0.05, 0.9), what, length, rng.random()))
    return sorted(faults, key=lambda f: f.at)


def draw(seed):
    """The scenario of a seed, which is always the same."""
    def part(name):
        return random.Random(f"{seed} {name}")

    rng = part("site")
    way = WAYS[seed % len(WAYS)]
    store = STORES[seed // len(WAYS) % len(STORES)]
    is_durable = store != "memory"
    hub = rng.choice(("embedded", "alone", "standby"))
    options = ["--heartbeat", rng.choice(("100ms", "300ms")), "--retry", "50ms",
               "--drain", rng.choice(("100ms", "300ms"))]
    options += rng.choice(([], [], ["--max-lifetime", "1s"]))
    options += rng.choice(([], [], ["--coalesce", "30ms"]))
    scenario = Scenario(
        seed=seed, way=way, workers=rng.randint(1, 3), hub=hub, store=store,
        window=rng.choice(WINDOWS), options=options, history=part("history").choice(HISTORIES),
        faults=draw_faults(part("faults"), way, hub, is_durable), publishings=[],
        readings=plan.draw_readings(part("readers")))
    # A hub in memory keeps no more than its window, and the embedded one has
    # the workers'.
    if not is_durable and hub == "embedded":
        scenario.window = ""
    scenario.publishings = plan.draw_publishings(
        part("publishers"), one_log=not scenario.log_may_die, all_keys=scenario.sends_again)
    return scenario
