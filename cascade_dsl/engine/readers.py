"""Who still has to read the files of an instance, and which instances an instance reads from: walks over the frames.

Forward from a call that has made files to the first reader that has not ended; backward from a reader to the calls
whose files are not there. Both follow values through expressions, items of lists, streams and gathered lists, by the
tables of `lineage`. Nothing is changed here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice

from ..ir.graph import Call, Compute, FanOut, NodeKey
from .lineage import Lineage, Pair
from .state import ENDED, VALUE, At, Frame, State

_Spot = tuple[int, Frame, int]
"""A node or item, in an element of a frame."""


def open_reader(state: State, lineage: Lineage, key: NodeKey, pairs: frozenset[Pair]) -> NodeKey | None:
    """The first instance found that has not ended and reads, or may come to read, files of a call; None where all have.

    It may be a FanOut in which readers are: then something changes when it opens, goes on or ends.
    """
    return next(open_readers(state, lineage, key, pairs), None)


def open_readers(state: State, lineage: Lineage, key: NodeKey, pairs: frozenset[Pair]) -> Iterator[NodeKey]:
    """All of them, as far as they are known; those that are made again first, which may lie in what has ended."""
    yield from state.guarded.get(key, ())
    frame, index, _ = state.locate(key)
    stack: list[tuple[int, Frame, int, bool]] = [(key[0], frame, index, False)]
    seen: set[tuple[int, NodeKey, int, bool]] = set()
    while stack:
        node, frame, index, streamed = spot = stack.pop()
        mark = (node, (frame.body.region, *frame.path), index, streamed)
        if mark in seen:
            continue
        seen.add(mark)
        body = frame.body
        for follower in lineage.followers.get(node, ()):
            if not follower.pairs & pairs or (streamed and follower.streams):
                continue
            at = frame.states[follower.pos][index]
            site = body.sites[follower.pos]
            if at < ENDED:
                yield frame.key(index, follower.pos)
            elif lineage.carried.get(site.id, frozenset()) & pairs:
                stack.append((site.id, frame, index, False))
        if body.parent is not None and node in (_element_of(frame), body.result_node):
            yield from _upwards(state, lineage, pairs, spot, stack)


def _element_of(frame: Frame) -> int | None:
    body = frame.body
    return None if body.result is None else body.sites[body.result].id


def _upwards(
    state: State,
    lineage: Lineage,
    pairs: frozenset[Pair],
    spot: tuple[int, Frame, int, bool],
    stack: list[tuple[int, Frame, int, bool]],
) -> Iterator[NodeKey]:
    """A value is what an element gives: who streams over these elements, who is given the gathered list."""
    _, frame, at, streamed = spot
    site, above = frame.body.parent, frame.parent
    outer = frame.path[-1] if frame.path else 0
    assert site is not None
    assert above is not None
    if frame.body.flatten:  # the elements of the list inside are followed by their own
        stack.append((site.id, above, outer, streamed))
        return
    stack.append((site.id, above, outer, True))
    while True:
        for pos in site.streams_to:
            opened = above.key(outer, pos)
            reached = state.frames.get(opened)
            items = above.body.sites[pos].inner
            assert items is not None
            carrying = [i for i in items.items if lineage.carried.get(i, frozenset()) & pairs]
            if not carrying:
                continue
            if above.states[pos][outer] < At.OPEN or (reached is not None and at >= reached.count):
                if above.states[pos][outer] < ENDED:
                    yield opened
            elif reached is not None:
                stack.extend((item, reached, at, False) for item in carrying)
        if not (above.body.flatten and above.body.result == site.pos):
            return
        if outer >= len(above.offsets) - 1:  # not known yet where in the whole it stands
            yield above.key(outer, site.pos)
            return
        at += above.offsets[outer]
        outer = above.path[-1] if above.path else 0
        site, above = above.body.parent, above.parent
        assert site is not None
        assert above is not None


def touch(state: State, key: NodeKey) -> None:
    """An instance has ended, opened or gone on: what waited for that is to be looked at again."""
    for held in state.watched.pop(key, ()):
        state.to_check[held] = None


# ---- backward ---------------------------------------------------------------------------------------------------


def lacks_files(state: State, frame: Frame, index: int, pos: int) -> list[NodeKey]:
    """The calls whose files an instance reads and that are not there."""
    site = frame.body.sites[pos].id
    return missing(state, state.lineage, site, frame, index) if site in state.lineage.sources else []


def missing(state: State, lineage: Lineage, site: int, frame: Frame, index: int) -> list[NodeKey]:
    """The calls whose files a site's instance reads and that are not there, each once."""
    lacking = frozenset(maker for maker in lineage.sources.get(site, ()) if state.lacking.get(maker))
    found = makers(state, lineage, site, frame, index, lacking) if lacking else []
    return [key for key in found if not _is_there(state, key)]


def makers(state: State, lineage: Lineage, site: int, frame: Frame, index: int, among: frozenset[int]) -> list[NodeKey]:
    """The calls whose files a site's instance reads, each once, of some of the template."""
    found: dict[NodeKey, None] = {}
    stack = _given(state, lineage, site, frame, index)
    seen: set[tuple[int, NodeKey, int]] = set()
    while stack:
        node, frame, index = stack.pop()
        mark = (node, (frame.body.region, *frame.path), index)
        if mark in seen or not any(maker in among for maker, _ in lineage.carried.get(node, ())):
            continue
        seen.add(mark)
        if node in frame.body.items:
            stack.extend(_source(state, frame, index))
            continue
        here = state.plan.sites[node]
        match here.node:
            case Call():
                if node in among:
                    found[frame.key(index, here.pos)] = None
            case Compute():
                stack.extend(_given(state, lineage, node, frame, index))
            case FanOut():
                opened = state.frames.get((node, *frame.element(index)))
                if opened is not None:
                    stack.extend(_elements(state, opened))
            case _:
                pass
    return list(found)


def _is_there(state: State, key: NodeKey) -> bool:
    """Whether a call has ended well and its files stand where its value says."""
    frame, index, pos = state.locate(key)
    return frame.states[pos][index] == At.DONE and frame.rows[pos][index] > 0


def _given(state: State, lineage: Lineage, site: int, frame: Frame, index: int) -> list[_Spot]:
    return [_at(state, node, frame.element(index)) for node in lineage.uses.get(site, ())]


def _at(state: State, node: int, path: tuple[int, ...]) -> _Spot:
    """A node or item as an instance with that path sees it."""
    body = state.plan.items.get(node)
    if body is not None:
        return node, state.frames[(body.region, *path[: body.depth - 1])], path[body.depth - 1]
    frame, index, _ = state.locate((node, *path[: state.plan.sites[node].depth]))
    return node, frame, index


def _source(state: State, frame: Frame, index: int) -> list[_Spot]:
    """What an item of an element is."""
    if frame.source is not None:
        return [_element(state, frame.source, index)]
    site = frame.body.parent
    assert site is not None
    assert isinstance(site.node, FanOut)
    node, where, at = _at(state, site.node.source, frame.path)
    listed = state.plan.sites.get(node)
    if listed is None or not isinstance(listed.node, FanOut):
        return [(node, where, at)]
    opened = state.frames.get((node, *where.element(at)))
    if opened is None:
        return []
    found = next(islice(_elements(state, opened), index, None), None)
    return [] if found is None else [found]


def _element(state: State, frame: Frame, at: int) -> _Spot:
    """The value of element `at` of a frame's output stream."""
    while frame.body.flatten:
        outer = bisect_right(frame.offsets, at) - 1
        inner = frame.base[outer]
        assert inner is not None
        at -= frame.offsets[outer]
        frame = inner
    return _value(state, frame, at)


def _value(state: State, frame: Frame, at: int) -> _Spot:
    body = frame.body
    if body.result is not None:
        return body.sites[body.result].id, frame, at
    assert body.result_node is not None
    return _at(state, body.result_node, frame.element(at))


def _elements(state: State, frame: Frame) -> Iterator[_Spot]:
    """The values of a FanOut's list, in order."""
    if frame.body.flatten:
        for at, inner in enumerate(frame.base):
            if inner is not None and frame.out[at] == VALUE:
                yield from _elements(state, inner)
        return
    for at in range(frame.count):
        if frame.out[at] == VALUE:
            yield _value(state, frame, at)
