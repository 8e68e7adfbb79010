"""Whether limits were obeyed: by a run's journal, exactly, and by what servers saw of it, up to the delay on the way.

Pure functions over events and lines of access logs. What is in force is said by `in_force`, which knows nothing of the ledger.

*The journal*, with no delay: at each start no hold pool is over its capacity, no paused scope starts anything, and for every
earlier start on the same bucket, what was started from that one to this, both counted, is at most the burst plus what
the rate gave between their instants. While the terms do not change that is `burst + rate × w` for every window.
Where they change within the window, the rate is that of each piece of it, and the burst that of its beginning: what is
in a bucket is carried over, and no change puts anything in.

*A server*: every arrival has a start of the journal, `d` is the largest time between the two. What arrived in a window
of length w started in one of length at most w + d that ends when it ends, so it is at most the burst plus what the rate gave in that one.
A window that touches a time in which no rate was in force is not held to any. In flight at an arrival are at most as
many as could run when the last of them was started.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from in_force import Asks, Rate, Watch

from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    Event,
    ScopePaused,
    ScopeResumed,
    Undone,
    Word,
    WordDropped,
    WordSet,
)
from cascade_dsl.ir.events import RunStarted as Begun
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Identity, Scope


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request, as a server's log has it."""

    at_ns: int
    path: str
    status: int
    in_flight: int
    """With this one."""
    peak: int


def read_log(text: str) -> list[Arrival]:
    """The lines of an access log of `examples/crawl/serve.py`, in the order of arrival."""
    found: list[Arrival] = []
    for line in text.splitlines():
        at, path, *counts = line.split()
        seconds, _, rest = at.partition(".")
        found.append(Arrival(int(seconds) * 10**9 + int(rest), path, *map(int, counts)))
    return sorted(found, key=lambda arrival: arrival.at_ns)


@dataclass(slots=True)
class Start:
    """An attempt that asked a server for a path."""

    key: NodeKey
    host: str
    path: str
    at_ns: int
    most: int | None
    """How many of the host could run under the capacity in force."""
    ended_ns: int | None = None


class Buckets:
    """What was started under the rate of an identity, without a break in which there was none."""

    def __init__(self) -> None:
        self._rate: Rate | None = None
        self._since = 0
        self._given = Fraction(0)
        """What the rate gave until then."""
        self._starts: dict[str, list[tuple[Fraction, int]]] = defaultdict(list)
        """By host: (given until the start, burst in force)."""

    def _at(self, now: int) -> Fraction:
        return self._given if self._rate is None else self._given + self._rate.speed * (now - self._since)

    def turn(self, now: int, rate: Rate | None) -> None:
        """What is in force from now on."""
        self._given, self._since, self._rate = self._at(now), now, rate
        if rate is None:
            self._starts.clear()

    def start(self, host: str, now: int) -> None:
        """A start, against all before it."""
        if self._rate is None:
            return
        given, starts = self._at(now), self._starts[host]
        starts.append((given, self._rate.burst))
        for back, (before, burst) in enumerate(reversed(starts), 1):
            allowed = burst + given - before
            assert back <= allowed, f"{host}: {back} started until {now}, {float(allowed):.6f} might have"


@dataclass(slots=True)
class History:
    """What the journal says of the starts on the buckets of an identity."""

    starts: list[Start] = field(default_factory=list[Start])
    terms: list[tuple[int, Rate | None]] = field(default_factory=list[tuple[int, Rate | None]])
    """From when which rate was in force; None: none."""

    def of(self, host: str) -> list[Start]:
        """The starts on a host."""
        return [start for start in self.starts if start.host == host]

    def allowed(self, start_ns: int, first_ns: int, end_ns: int) -> Fraction | None:
        """The largest burst in a time, and what the rate gave in it; None where some of it had no rate in force.

        `first_ns`: no later than that was the first start of those that are asked about, so its burst counts.
        """
        if not self.terms or self.terms[0][0] > start_ns:
            return None
        total, burst = Fraction(0), 0
        for at, (since, rate) in enumerate(self.terms):
            until = self.terms[at + 1][0] if at + 1 < len(self.terms) else end_ns + 1
            if since > end_ns or until < start_ns:
                continue
            if rate is None:
                return None
            if since <= first_ns:
                burst = max(burst, rate.burst)
            total += rate.speed * max(0, min(until, end_ns) - max(since, start_ns))
        return burst + total


Request = Callable[[NodeKey], tuple[str, str] | None]
"""The host and the path that an instance asks for; None: it asks for nothing."""


def follow(
    events: Sequence[tuple[int, Event]],
    request_of: Request,
    *,
    task: str,
    by: str,
) -> History:
    """Hold a journal to its words; AssertionError where a start breaks one. `task` is limited by what `by` names."""
    watch = Watch()
    spend, hold = (Identity(Scope("task", task), kind, by) for kind in ("spend", "hold"))
    history, buckets = History(), Buckets()
    running: dict[NodeKey, Start] = {}
    before: dict[int, tuple[list[Word], dict[Scope, int | None]]] = {}
    """What was in force before each change, by its row."""
    for row, (t_ns, event) in enumerate(events, 1):
        buckets.turn(t_ns, watch.words.rate(spend, t_ns))
        if isinstance(event, WordSet | WordDropped | ScopePaused | ScopeResumed):
            before[row] = copy.deepcopy((watch.words.said, watch.words.pauses))
        match event:
            case Begun(words=words):
                for word in words:
                    watch.words.say(word)
            case WordSet(word=word):
                watch.words.say(word)
            case WordDropped(layer=layer, scope=scope):
                watch.words.drop(layer, scope)
            case ScopePaused(scope=scope, until_ns=until_ns):
                watch.words.pauses[scope] = until_ns
            case ScopeResumed(scope=scope):
                if scope is None:
                    watch.words.pauses.clear()
                else:
                    watch.words.pauses.pop(scope, None)
            case AttemptStarted(key=key):
                request = request_of(key)
                if request is not None:
                    host, path = request
                    buckets.start(host, t_ns)
                    watch.start(key, Asks(task, (), {}, {by: host}), t_ns)
                    capacity = watch.words.rate(hold, t_ns)
                    most = None if capacity is None else capacity.amount
                    running[key] = Start(key, host, path, t_ns, most)
                    history.starts.append(running[key])
            case AttemptFinished(key=key) | AttemptFailed(key=key) | AttemptLost(key=key):
                if key in running:
                    watch.end(key)
                    running.pop(key).ended_ns = t_ns
            case Undone(row=undone):
                # The newest change alone can be taken back, so all is as it was before it.
                watch.words.said, watch.words.pauses = copy.deepcopy(before[undone])
            case _:
                pass
        watch.look(t_ns)
        buckets.turn(t_ns, watch.words.rate(spend, t_ns))
        rate = watch.words.rate(spend, t_ns)
        if not history.terms or history.terms[-1][1] != rate:
            history.terms.append((t_ns, rate))
    return history


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server saw of the run, held to it."""

    delay_ns: int
    """The largest from a start to its arrival."""
    windows: int
    """How many were held to a rate."""
    peak: int


def held_to(history: History, host: str, arrivals: Sequence[Arrival]) -> Seen:
    """Hold what a server logged to the journal; AssertionError where it saw more than it may have."""
    starts = history.of(host)
    by_path: dict[str, list[Start]] = defaultdict(list)
    for start in starts:
        by_path[start.path].append(start)
    delay = 0
    for arrival in arrivals:
        earlier = [start for start in by_path[arrival.path] if start.at_ns <= arrival.at_ns]
        assert earlier, f"{arrival.path} was asked for at {arrival.at_ns}, and no start says so"
        last = earlier[-1]
        assert last.ended_ns is None or arrival.at_ns <= last.ended_ns, (
            f"{arrival.path} arrived after its attempt ended"
        )
        delay = max(delay, arrival.at_ns - last.at_ns)
    asked = sorted(arrival.at_ns for arrival in arrivals)
    return Seen(delay, check_windows(history, asked, delay), check_peak(starts, arrivals))


def check_windows(history: History, asked: Sequence[int], delay: int) -> int:
    """Every window between two arrivals; how many were held to a rate."""
    looked = 0
    for first, begin in enumerate(asked):
        for last in range(first, len(asked)):
            allowed = history.allowed(begin - delay, begin, asked[last])
            if allowed is None:
                break  # so is every longer one
            looked += 1
            count = last - first + 1
            assert count <= allowed, (
                f"{count} arrived in {(asked[last] - begin) / 1e9:.3f} s from {begin}, "
                f"{float(allowed):.3f} may have with a delay of {delay / 1e9:.3f} s"
            )
    return looked


def check_peak(starts: Sequence[Start], arrivals: Iterable[Arrival]) -> int:
    """In flight are never more than could run when the last of them was started; the most that were."""
    peak = 0
    for arrival in arrivals:
        running = [
            s for s in starts if s.at_ns <= arrival.at_ns and (s.ended_ns is None or arrival.at_ns <= s.ended_ns)
        ]
        assert arrival.in_flight <= len(running), (
            f"{arrival.in_flight} in flight at {arrival.at_ns}, {len(running)} run"
        )
        most = running[-1].most
        if most is not None:
            assert arrival.in_flight <= most, f"{arrival.in_flight} in flight at {arrival.at_ns}, {most} may run"
        peak = max(peak, arrival.in_flight)
    assert peak == max((arrival.peak for arrival in arrivals), default=0), "the server counted another peak"
    return peak
