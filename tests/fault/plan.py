# SPDX-License-Identifier: MIT
"""plan: which events are published and who asks for what, from a seed.

Every event carries its own name, PUBLISHER:NUMBER, at the head of its data, so
that whoever receives it can tell which one it is and whether it is whole.
"""

import dataclasses
import functools
import json
import re
from urllib.parse import quote

TOPICS = ("a", "a/1", "a/2", "a/2/deep", "b/1", "b/2", "c", "d/x/y")
SELECTORS = ("*", "a/*", "b/*", "a/{n}", "{first}/{+rest}", *TOPICS)


@dataclasses.dataclass(frozen=True)
class Event:
    publisher: int
    number: int
    topic: str
    data: str
    name: str = "message"
    id: str = ""  # the publisher's own
    key: str = ""
    private: bool = False

    @property
    def label(self):
        return f"{self.publisher}:{self.number}"

    def line(self, is_json):
        """What sse-publish reads."""
        if not is_json:
            return self.data.encode() + b"\n"
        line = {"topic": self.topic, "data": self.data}
        if self.name != "message":
            line["event"] = self.name
        for name in ("id", "key", "private"):
            if getattr(self, name):
                line[name] = getattr(self, name)
        return json.dumps(line).encode() + b"\n"


@dataclasses.dataclass
class Publishing:
    """One sse-publish process and the events it is fed."""
    number: int
    is_json: bool
    topic: str  # of --lines
    events: list  # one with a key may stand twice, and is to be taken once
    burst: int  # lines at a time
    pause: float  # seconds between two bursts
    ahead: int  # lines that may wait for their acknowledgement


@dataclasses.dataclass
class Reading:
    """One browser: what it asks for and what its user does."""
    number: int
    topics: tuple
    start: str  # "now", "earliest", or "last=N"
    mischief: list  # of (share of all events acknowledged, what, how much)

    def target(self):
        query = [f"topic={quote(t, safe='')}" for t in self.topics]
        if self.start == "earliest":
            query.append("lastEventID=earliest")
        elif self.start != "now":
            query.append(self.start)
        return "/events?" + "&".join(query)


@functools.cache
def pattern(selector):
    """The topics that a selector means, as a regular expression."""
    if selector == "*":
        return re.compile(r"(?!\$SYS/).*")
    if selector.endswith("/*"):
        return re.compile(re.escape(selector[:-1]) + ".+")
    parts = re.split(r"(\{[^}]*\})", selector)
    return re.compile("".join(re.escape(p) if not p.startswith("{") else
                              ".+" if p.startswith("{+") else "[^/]+" for p in parts))


def asks(topics, event):
    """Whether a stream of these topics asks for the event."""
    return any(pattern(t).fullmatch(event.topic) for t in topics)


def wants(topics, event):
    """Whether it gets it, too; none of ours was granted a private one."""
    return not event.private and asks(topics, event)


def filler(rng, is_json, large):
    """Some text of a random size, mostly small; `large` is the share of others."""
    size = rng.choice((3000, 20000, 70000)) if rng.random() < large else \
        rng.choice((0, 5, 20, 20, 60, 200))
    text = "".join(rng.choice("abcdefghij äöü{}\\\"") for _ in range(min(size, 60)))
    text *= max(1, size // 60)
    if is_json and rng.random() < 0.2:
        text = text.replace("a", "\n")
    return text


def draw_publishings(rng, one_log, all_keys):
    """The publishers.

    Own ids, and keys that come again on purpose, only where there is `one_log`:
    they do not say of which log they are. `all_keys`: any event may have to be
    sent again.
    """
    publishings = []
    large = rng.choice((0.03, 0.03, 0.1))
    for number in range(rng.randint(2, 4)):
        is_json = all_keys or rng.random() < 0.7
        topic = rng.choice(TOPICS)
        topics = rng.sample(TOPICS, rng.randint(2, 5))
        events = []
        for i in range(rng.randint(100, 350)):
            data = f"{number}:{i}:{filler(rng, is_json, large)}"
            if not is_json:
                events.append(Event(number, i, topic, data))
                continue
            key = f"key-{number}-{i}" if all_keys or rng.random() < 0.3 else ""
            events.append(Event(
                number, i, rng.choice(topics), data,
                name=rng.choice(("message", "message", "tick")),
                id=f"own-{number}-{i}" if one_log and rng.random() < 0.1 else "",
                key=key, private=rng.random() < 0.05))
            if one_log and key and rng.random() < 0.2:
                events.append(rng.choice([e for e in events[-100:] if e.key]))
        # All take about as long, so that faults hit each of them.
        burst = rng.choice((1, 5, 20, 60))
        publishings.append(Publishing(
            number, is_json, topic, events, burst,
            pause=rng.uniform(2.0, 4.0) * burst / len(events),
            ahead=burst + rng.choice((10, 100, 400))))
    return publishings


def draw_mischief(rng):
    """What a browser's user does, in the order of time."""
    acts = []
    temper = rng.random()
    if temper < 0.3:
        acts = [(rng.random(), "drop", 0.0) for _ in range(rng.randint(1, 3))]
    elif temper < 0.5:
        acts = [(rng.random(), "stall", rng.uniform(0.3, 2.0))]
    elif temper < 0.7:
        acts = [(rng.random(), "rewind", rng.random()) for _ in range(rng.randint(1, 2))]
    return sorted(acts)


def draw_readings(rng):
    readings = []
    for number in range(rng.randint(100, 200)):
        topics = tuple(rng.sample(SELECTORS, rng.randint(1, 3)))
        start = rng.choice(("now", "now", "now", "earliest", f"last={rng.randint(1, 5)}"))
        readings.append(Reading(number, topics, start, draw_mischief(rng)))
    return readings
