"""Why an instance does not run, what it does where it runs, and what became of it where it has ended.

Reads the state, changes nothing, decides nothing. An explanation is a tree: an instance, what it waits for, and of an
instance that it waits for the same, down to the first that runs, or waits for something else than an instance. It is
bounded: of several only the first few are followed, of a list its first item that has not ended.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..ir.graph import FanOut, NodeKey
from ..limits.obstacles import Standing
from .effects import Ask, Evaluate, EvaluateFacts, Gather, Measure, Recall
from .plan import Site
from .state import ENDED, NO_VALUE, PENDING, At, Frame, Phase, State
from .step import timer_means
from .streams import out_at

_DEPTH_MOST = 100
"""Links of a chain that are followed."""
_UPSTREAM_SHOWN = 3
"""Of several instances that one waits for, so many are told."""

How: TypeAlias = Literal[
    "waiting", "cold", "unknown", "evaluated", "ready", "backoff", "held", "cancelled", "running", "open", "done", "failed",
    "skipped", "dropped", "ended", "absent",
]  # fmt: skip
"""`cold`: its item has not begun; `unknown`: the list that it is an item of is not known yet; `ended`: so long ago that no
more is known; `absent`: there is no such item."""
Question: TypeAlias = Literal["value", "facts", "result", "length", "list"]
"""What is found out: a value, the demands and terms of an attempt, whether an earlier result stands, the length of a list,
the gathered list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """An instance that must end first. `files`: it is made again, since its temporary files are gone."""

    why: Why
    files: bool = False
    is_source: bool = False
    """It gives the list, or the item, that is gone over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """So many items of its list are under way, which is as many as may be; it is begun when one ends."""

    under_way: int
    ahead: int
    """How many are begun before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Nothing new starts in a run that drains or is cancelled."""

    phase: Phase
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What an attempt does."""

    since_ns: int
    attempt: int
    serial: int
    stopping: str = ""
    publishes: bool = False
    deadline_ns: int | None = None
    frozen_ns: int | None = None
    """Since when it is frozen."""


Obstacle: TypeAlias = Upstream | Turn | Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """An instance and what it does, or waits for."""

    key: NodeKey
    how: How
    obstacles: tuple[Obstacle, ...] = ()
    more: int = 0
    """Instances that it waits for and that are not among the obstacles."""
    standing: Standing | None = None
    """Of one that is ready: its demands."""
    since_ns: int | None = None
    """Since when it is ready."""
    question: Question | None = None
    attempt: int = 0
    """Of one in backoff, the attempt that failed."""
    until_ns: int | None = None
    """Of one in backoff."""
    running: Running | None = None
    items: tuple[tuple[str, int], ...] = ()
    """Of a list that is open: calls in it by state."""
    item: Why | None = None
    """Of a list that is open: the first of its items that has not ended."""
    blame: Why | None = None
    """Of one that was skipped: what failed."""


def why(state: State, key: NodeKey) -> Why:
    """The explanation of an instance; its site must be in the plan."""
    return _why(state, key, _DEPTH_MOST)


def _why(state: State, key: NodeKey, depth: int) -> Why:
    site = state.plan.sites[key[0]]
    around = _around(state, site, key)
    if around is not None:
        return _not_there(state, key, around, depth)
    frame, index, pos = state.locate(key)
    if index >= frame.count:
        return _not_known(state, key, frame, depth)
    at = At(frame.states[pos][index])
    match at:
        case At.COLD:
            return _cold(state, key, frame, index, depth)
        case At.WAITING:
            return _waiting(state, key, frame, index, site, depth)
        case At.ASKED:
            return Why(key=key, how="evaluated", question=_question(state.asked.get(key)))
        case At.READY:
            return Why(
                key=key,
                how="ready",
                obstacles=_ending(state),
                standing=state.ledger.told.standing(key),
                since_ns=state.queued_ns[key],
            )
        case At.BACKOFF:
            attempt = state.attempts.get(key, 0)
            dues = [timer[0] for timer in state.timers if timer[2] == key and timer_means(state, timer)]
            until = min(dues, default=None)
            return Why(key=key, how="backoff", obstacles=_ending(state), attempt=attempt, until_ns=until)
        case At.RUNNING:
            return Why(key=key, how="running", running=_running(state, key))
        case At.OPEN:
            return _open(state, key, depth)
        case At.HELD:
            return Why(key=key, how="held")
        case At.CANCELLED:
            return Why(key=key, how="cancelled")
        case At.DONE:
            return Why(key=key, how="done")
        case At.FAILED:
            return Why(key=key, how="failed", blame=_blame(state, key, frame, index, site) if site.inner else None)
        case At.SKIPPED:
            return Why(key=key, how="skipped", blame=_blame(state, key, frame, index, site))
        case At.DROPPED:
            return Why(key=key, how="dropped")


# ---- where it is ------------------------------------------------------------------------------------------------


def _around(state: State, site: Site, key: NodeKey) -> NodeKey | None:
    """The outermost list around an instance that is not open; None where all are."""
    bodies: list[NodeKey] = []
    body = site.body
    while body.parent is not None:
        bodies.append((body.region, *key[1 : body.depth]))
        body = body.parent.body
    return next((region for region in reversed(bodies) if region not in state.frames), None)


def _not_there(state: State, key: NodeKey, region: NodeKey, depth: int) -> Why:
    """An instance in a list that is not open: not yet, or not any more."""
    if depth == 0:
        return Why(key=key, how="unknown")
    above = _why(state, region, depth - 1)
    if above.how in ("waiting", "cold", "unknown", "evaluated", "held"):
        return Why(key=key, how="unknown", obstacles=(Upstream(why=above, is_source=True), *_ending(state)))
    if above.how in ("skipped", "dropped", "absent"):
        return Why(key=key, how=above.how, blame=above.blame)
    return Why(key=key, how="ended")


def _not_known(state: State, key: NodeKey, frame: Frame, depth: int) -> Why:
    """An item beyond those that a list has now."""
    if frame.closed:
        return Why(key=key, how="absent")
    region = (frame.body.region, *frame.path)
    if frame.source is None:
        found = Why(key=region, how="evaluated", question="length")
    elif depth:
        found = _why(state, (frame.source.body.region, *frame.source.path), depth - 1)
    else:
        return Why(key=key, how="unknown")
    return Why(key=key, how="unknown", obstacles=(Upstream(why=found, is_source=True), *_ending(state)))


def _cold(state: State, key: NodeKey, frame: Frame, index: int, depth: int) -> Why:
    """An item that has not begun: what it goes over is not there, or others are under way."""
    ending = _ending(state)
    if frame.source is not None and out_at(frame.source, index) == PENDING:
        giver = _giver(state, frame.source, index)
        if giver is None or depth == 0:
            return Why(key=key, how="cold", obstacles=ending)
        return Why(
            key=key, how="cold", obstacles=(Upstream(why=_why(state, giver, depth - 1), is_source=True), *ending)
        )
    ahead = sum(other < index for other in frame.available) if frame.source is not None else index - frame.next
    return Why(key=key, how="cold", obstacles=(*ending, Turn(under_way=len(frame.hot), ahead=max(0, ahead))))


def _giver(state: State, frame: Frame, at: int) -> NodeKey | None:
    """The instance that gives element `at` of a frame's output stream, as far as it is known which."""
    while frame.body.flatten:
        index = bisect_right(frame.offsets, at) - 1
        inner = frame.base[index] if index < len(frame.base) else None
        if inner is None:
            return None
        at -= frame.offsets[index]
        frame = inner
    body = frame.body
    if body.result is not None:
        return frame.key(at, body.result)
    unended = (pos for pos, states in enumerate(frame.states) if states[at] < ENDED)
    found = next(unended, None)
    return None if found is None else frame.key(at, found)


# ---- what it waits for ------------------------------------------------------------------------------------------


def upstream(state: State, key: NodeKey) -> Iterator[NodeKey]:
    """The instances that one which waits, in an item that is under way, needs and that have not ended."""
    site = state.plan.sites[key[0]]
    frame, index, _ = state.locate(key)
    yield from _unmet(state, key, frame, index, site)


def _unmet(state: State, key: NodeKey, frame: Frame, index: int, site: Site) -> Iterator[NodeKey]:
    if key in state.awaiting:
        yield from (maker for maker, readers in state.wanted.items() if key in readers)
        return
    for pos in site.local:
        other = frame.key(index, pos)
        if frame.states[pos][index] < ENDED and other not in state.revived:
            yield other
    if site.stream is not None and frame.states[site.stream][index] < At.OPEN:
        yield frame.key(index, site.stream)
    for outer in site.outer:
        at = state.plan.sites[outer]
        other = (outer, *key[1 : 1 + at.depth])
        its_frame, its_index, its_pos = state.locate(other)
        if its_frame.states[its_pos][its_index] < ENDED and other not in state.revived:
            yield other


def _waiting(state: State, key: NodeKey, frame: Frame, index: int, site: Site, depth: int) -> Why:
    unmet = list(_unmet(state, key, frame, index, site))
    files = key in state.awaiting
    shown = unmet[: _UPSTREAM_SHOWN if depth == _DEPTH_MOST else 1] if depth else []
    source = site.node.source if isinstance(site.node, FanOut) else 0
    obstacles = tuple(
        Upstream(why=_why(state, other, depth - 1), files=files, is_source=other[0] == source) for other in shown
    )
    return Why(key=key, how="waiting", obstacles=(*obstacles, *_ending(state)), more=len(unmet) - len(shown))


def _ending(state: State) -> tuple[Ending, ...]:
    return () if state.phase in ("running", "new") else (Ending(phase=state.phase, why=state.why),)


_QUESTIONS: dict[type, Question] = {
    Evaluate: "value",
    EvaluateFacts: "facts",
    Recall: "result",
    Measure: "length",
    Gather: "list",
}


def _question(ask: Ask | None) -> Question:
    return "value" if ask is None else _QUESTIONS[type(ask)]


# ---- what it does, and what became of it ------------------------------------------------------------------------


def _running(state: State, key: NodeKey) -> Running:
    found = state.running[key]
    return Running(
        since_ns=found.since_ns,
        attempt=found.attempt,
        serial=found.serial,
        stopping=found.stopping or "",
        publishes=found.plan is not None,
        deadline_ns=None if found.plan is not None else found.deadline_ns,
        frozen_ns=found.frozen_ns,
    )


def _open(state: State, key: NodeKey, depth: int) -> Why:
    """A list of which items are under way, or that is measured, or gathered."""
    ask = state.asked.get(key)
    frame = state.frames[key]
    if ask is not None:
        return Why(key=key, how="evaluated", question=_question(ask))
    found = _first_left(state, frame) if depth else None
    return Why(
        key=key,
        how="open",
        items=tuple(_items(state, frame).items()),
        item=None if found is None else _why(state, found, depth - 1),
    )


_NAMES: dict[At, str] = {
    At.RUNNING: "running",
    At.READY: "ready",
    At.BACKOFF: "retrying",
    At.HELD: "held",
    At.CANCELLED: "cancelled",
    At.ASKED: "evaluated",
    At.WAITING: "waiting",
    At.COLD: "not begun",
    At.DONE: "done",
    At.FAILED: "failed",
    At.SKIPPED: "skipped",
    At.DROPPED: "left out",
}
"""What matters most first."""


def _items(state: State, frame: Frame) -> Counter[str]:
    """The calls of a list's items by state; of lists inside it too, as far as they are open."""
    totals: Counter[int] = Counter()
    stack = [frame]
    while stack:
        at = stack.pop()
        for site, states in zip(at.body.sites, at.states, strict=True):
            if site.is_call:
                totals.update({each: states.count(each) for each in _NAMES})
            elif site.inner is not None:
                region = site.id
                stack += [f for i in at.hot if (f := state.frames.get((region, *at.element(i)))) is not None]
    return Counter({name: totals[each] for each, name in _NAMES.items() if totals[each]})


def _first_left(state: State, frame: Frame) -> NodeKey | None:
    """The instance at which a list stands: of what runs the oldest, else of the first item what has not ended."""
    if not frame.hot:
        cold = frame.next if frame.source is None else next((i for i in range(frame.count) if not frame.out[i]), None)
        if cold is not None and cold < frame.count and frame.states:
            return frame.key(cold, 0)
        if frame.source is not None and not frame.closed:
            return (frame.source.body.region, *frame.source.path)
        return None
    index = min(frame.hot)
    for pos, states in enumerate(frame.states):
        if At.ASKED <= states[index] < ENDED:
            return frame.key(index, pos)
    return next((frame.key(index, pos) for pos, s in enumerate(frame.states) if s[index] < ENDED), None)


def _blame(state: State, key: NodeKey, frame: Frame, index: int, site: Site) -> Why | None:
    """What failed, of one that did not run because of it; None where that is not known any more."""
    for _ in range(_DEPTH_MOST):
        found = _bad(state, key, frame, index, site)
        if found is None:
            return None
        frame, index, pos = state.locate(found)
        key, site = found, frame.body.sites[pos]
        if frame.states[pos][index] == At.FAILED and site.inner is None:
            return Why(key=key, how="failed")
    return None


def _bad(state: State, key: NodeKey, frame: Frame, index: int, site: Site) -> NodeKey | None:
    """What an instance needs that ended badly, or what in a list did."""
    if site.inner is not None and key in state.frames:
        inside = state.frames[key]
        for pos, states in enumerate(inside.states):
            at = states.find(At.FAILED)
            if at >= 0:
                return inside.key(at, pos)
    for pos in site.local:
        if frame.states[pos][index] in (At.FAILED, At.SKIPPED):
            return frame.key(index, pos)
    for outer in site.outer:
        other = (outer, *key[1 : 1 + state.plan.sites[outer].depth])
        its_frame, its_index, its_pos = state.locate(other)
        if its_frame.states[its_pos][its_index] in (At.FAILED, At.SKIPPED):
            return other
    if frame.source is not None and not frame.source.body.flatten and frame.source.out[index] == NO_VALUE:
        source = frame.source
        for pos, states in enumerate(source.states):
            if states[index] == At.FAILED:
                return source.key(index, pos)
        return next((source.key(index, pos) for pos, s in enumerate(source.states) if s[index] == At.SKIPPED), None)
    return None
