"""Handles: where a value is, without the value. The runtime resolves them, from the journal and from blobs.

A handle is the number of the event that holds the value, or (handle of a list, index of one item in it).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TypeAlias

from ..ir.graph import FanOut, NodeKey
from .state import VALUE, At, Frame, State

Handle: TypeAlias = "int | tuple[Handle, int]"


def handle(state: State, node: int, path: tuple[int, ...]) -> Handle:
    """Where the value of a node or item is for an instance with that path; it must have ended well."""
    plan = state.plan
    body = plan.items.get(node)
    if body is not None:
        frame = state.frames[(body.region, *path[: body.depth - 1])]
        whole = _source_item(state, frame, path[body.depth - 1])
        part = body.items[node].index
        return whole if part is None else (whole, part)
    site = plan.sites[node]
    frame, index, pos = state.locate((node, *path[: site.depth]))
    return abs(frame.rows[pos][index])


def _source_item(state: State, frame: Frame, index: int) -> Handle:
    if frame.source is not None:
        return _output(state, frame.source, index)
    site = frame.body.parent
    assert site is not None
    assert isinstance(site.node, FanOut)
    return (handle(state, site.node.source, frame.path), index)


def _output(state: State, frame: Frame, at: int) -> Handle:
    """Element `at` of a frame's output stream."""
    while frame.body.flatten:
        index = bisect_right(frame.offsets, at) - 1
        inner = frame.base[index]
        assert inner is not None
        at -= frame.offsets[index]
        frame = inner
    body = frame.body
    if body.result is not None:
        return abs(frame.rows[body.result][at])
    assert body.result_node is not None
    return handle(state, body.result_node, (*frame.path, at))


def elements(state: State, region: NodeKey) -> Iterator[Handle]:
    """Where the elements of a FanOut instance's list are, in the order of the source, dropped ones left out."""
    frame = state.frames[region]
    if frame.body.flatten:
        for index, inner in enumerate(frame.base):
            if inner is not None and frame.out[index] == VALUE:
                yield from elements(state, (inner.body.region, *inner.path))
        return
    for at in range(frame.count):
        if frame.out[at] == VALUE:
            yield _output(state, frame, at)


def source_list(state: State, region: NodeKey) -> Handle:
    """Where the list is that a FanOut instance goes over, which does not stream."""
    node = state.plan.sites[region[0]].node
    assert isinstance(node, FanOut)
    return handle(state, node.source, region[1:])


def is_done(state: State, node: int) -> bool:
    """True where a node of the program itself has ended well."""
    site = state.plan.sites[node]
    return site.body.parent is None and state.root.states[site.pos][0] == At.DONE
