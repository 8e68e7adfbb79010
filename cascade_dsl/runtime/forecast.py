"""What each call of a program would do, read from the state in which a run that started nothing has ended."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..engine.plan import Body, Site, used
from ..engine.state import At, Frame, State
from ..ir.graph import Call, FanOut, NodeKey
from ..store.reasons import Awaits, Fails, Reason, SkippedBy

Fate: TypeAlias = Literal["runs", "cached", "depends", "fails", "skipped"]
"""`depends`: what it uses runs first; `fails`: it cannot run as things stand; `skipped`: what it uses fails."""

_BAD = (At.FAILED, At.SKIPPED)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an instance of a call would do, and why."""

    key: NodeKey
    name: str
    fate: Fate
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A call of the program with its instances, as far as they are known."""

    node: str
    task: str
    times: str
    """`once`, `3 times`, `2 times at most`, `for each of pages`."""
    instances: tuple[Foreseen, ...]
    cause: Reason | None = None
    """Where there may be more instances than these: why that is not known."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """All calls in the order of the program, and expressions that have no value: (node, message)."""

    rows: tuple[Row, ...]
    faults: tuple[tuple[str, str], ...]


def forecast(
    state: State,
    started: Mapping[NodeKey, tuple[Reason, ...]],
    failed: Mapping[NodeKey, str],
    recalled: Mapping[NodeKey, tuple[Reason, ...]],
    name_of: Callable[[NodeKey], str],
) -> Forecast:
    """`started`: what would run, and why; `failed`: what has no value, and why not; the state's frames are all still there."""
    reader = _Reader(state, started, failed, recalled, name_of)
    rows = tuple(reader.row(site) for site in _calls(state.plan.root))
    faults = tuple((name_of(key), text) for key, text in failed.items() if not state.plan.sites[key[0]].is_call)
    return Forecast(rows, faults)


def _calls(body: Body) -> Iterator[Site]:
    for site in body.sites:
        if site.is_call:
            yield site
        elif site.inner is not None:
            yield from _calls(site.inner)


class _Reader:
    def __init__(
        self,
        state: State,
        started: Mapping[NodeKey, tuple[Reason, ...]],
        failed: Mapping[NodeKey, str],
        recalled: Mapping[NodeKey, tuple[Reason, ...]],
        name_of: Callable[[NodeKey], str],
    ) -> None:
        self._state = state
        self._started = started
        self._failed = failed
        self._recalled = recalled
        self._name_of = name_of
        self._frames: dict[int, list[Frame]] = {0: [state.root]}
        for key, frame in state.frames.items():
            self._frames.setdefault(key[0], []).append(frame)
        for frames in self._frames.values():
            frames.sort(key=lambda frame: frame.path)
        self._causes: dict[NodeKey, Reason] = {}
        self._firsts: dict[NodeKey, list[NodeKey]] = {}

    def row(self, site: Site) -> Row:
        """A call and its instances."""
        assert isinstance(site.node, Call)
        instances: list[Foreseen] = []
        unsure = False
        for frame in self._frames.get(site.body.region, ()):
            for index in range(frame.count):
                at = frame.states[site.pos][index]
                if at != At.DROPPED:
                    instances.append(self._foreseen(frame, index, site.pos, at))
                    unsure = unsure or self._is_filtered(frame, index)
        missing = self._unopened(site.body)
        if site.depth == 0:
            times = "once"
        elif missing is not None:
            times = f"for each of {missing[0]}"
        else:
            times = f"{len(instances)} {'time' if len(instances) == 1 else 'times'}"
        if unsure or (missing is not None and _filters(site.body)):
            times += " at most"
        return Row(site.node.name, site.node.task, times, tuple(instances), None if missing is None else missing[1])

    def _foreseen(self, frame: Frame, index: int, pos: int, at: int) -> Foreseen:
        key = frame.key(index, pos)
        name = self._name_of(key)
        if key in self._started:
            return Foreseen(key, name, "runs", self._started[key])
        if key in self._failed:
            return Foreseen(key, name, "fails", (Fails(self._failed[key]),))
        if at == At.DONE:
            return Foreseen(key, name, "cached", self._recalled.get(key, ()))
        cause = self._cause(key)
        return Foreseen(key, name, "skipped" if isinstance(cause, SkippedBy) else "depends", (cause,))

    def _is_filtered(self, frame: Frame, index: int) -> bool:
        """Whether a filter has not answered for an element."""
        condition = frame.body.condition
        return condition is not None and frame.states[condition][index] == At.SKIPPED

    # -- lists whose elements are not known -----------------------------------------------------------------------

    def _unopened(self, body: Body) -> tuple[str, Reason] | None:
        """The first list around a body whose elements are not all known: the name of what it goes over, and why."""
        while body.parent is not None:
            over = body.parent
            assert isinstance(over.node, FanOut)
            for frame in self._frames.get(over.body.region, ()):
                for index in range(frame.count):
                    key = frame.key(index, over.pos)
                    opened = self._state.frames.get(key)
                    at = frame.states[over.pos][index]
                    if at == At.DROPPED or (opened is not None and opened.closed and not opened.unmeasured):
                        continue
                    source = self._state.plan.name_of(over.node.source)
                    return source, self._cause(key)
            body = over.body
        return None

    # -- why something is not known -------------------------------------------------------------------------------

    def _cause(self, key: NodeKey) -> Reason:
        """What it waits for: the nearest thing upstream that runs or fails."""
        known = self._causes.get(key)
        if known is None:
            known = self._causes[key] = self._search(key)
        return known

    def _search(self, start: NodeKey) -> Reason:
        seen: set[NodeKey] = {start}
        work: deque[NodeKey] = deque([start])
        while work:
            at = work.popleft()
            for other in self._upstream(at):
                if other in seen:
                    continue
                seen.add(other)
                if other in self._started:
                    return Awaits(self._name_of(other), "after" if self._only_after(start, other) else "value")
                if other in self._failed:
                    return SkippedBy(self._name_of(other))
                if other in self._causes:
                    return self._causes[other]
                work.append(other)
        raise AssertionError(f"{start} was skipped, and nothing that it needs runs or fails")

    def _only_after(self, key: NodeKey, other: NodeKey) -> bool:
        site = self._state.plan.sites[key[0]]
        return isinstance(site.node, Call) and other[0] in site.node.after and other[0] not in used(site)

    def _upstream(self, key: NodeKey) -> Iterator[NodeKey]:
        """What an instance needs and has not been given, as far as it is one step away."""
        site, path = self._state.plan.sites[key[0]], key[1:]
        sites = site.body.sites
        for pos in site.local:
            yield from self._bad((sites[pos].id, *path))
        if site.stream is not None:
            yield from self._bad((sites[site.stream].id, *path))
        for outer in site.outer:
            yield from self._bad((outer, *path[: self._state.plan.sites[outer].depth]))
        opened = self._state.frames.get(key)
        if opened is not None:
            yield from self._first_bad(key, opened)
        if site.body.parent is not None:
            frame = self._state.frames[(site.body.region, *path[:-1])]
            if frame.source is not None:
                yield from _bad_in(*_element(frame.source, path[-1]))

    def _bad(self, key: NodeKey) -> Iterator[NodeKey]:
        frame, index, pos = self._state.locate(key)
        if frame.states[pos][index] in _BAD:
            yield key

    def _first_bad(self, key: NodeKey, frame: Frame) -> list[NodeKey]:
        """The sites of the first element of a list that gives nothing."""
        known = self._firsts.get(key)
        if known is None:
            elements = (_bad_in(frame, index) for index in range(frame.count))
            known = self._firsts[key] = next((found for found in elements if found), list[NodeKey]())
        return known


def _bad_in(frame: Frame, index: int) -> list[NodeKey]:
    return [frame.key(index, site.pos) for site in frame.body.sites if frame.states[site.pos][index] in _BAD]


def _element(frame: Frame, at: int) -> tuple[Frame, int]:
    """The element that gives number `at` of a frame's output stream."""
    while frame.body.flatten:
        index = bisect_right(frame.offsets, at) - 1
        inner = frame.base[index]
        assert inner is not None
        at -= frame.offsets[index]
        frame = inner
    return frame, at


def _filters(body: Body) -> bool:
    """Whether a filter stands in a body or in one around it."""
    while body.parent is not None:
        if body.condition is not None:
            return True
        body = body.parent.body
    return False
