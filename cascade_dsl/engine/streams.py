"""What a FanOut gives, element by element: told to who streams from it, joined where its elements are lists.

Called from `progress` and `apply` alone, while an event is applied.
"""

from __future__ import annotations

from bisect import bisect_right

from .readers import touch
from .state import NO_VALUE, PENDING, Frame, State


def give(state: State, frame: Frame, index: int, out: int) -> None:
    """It is known what an element gives: tell who streams from it."""
    frame.out[index] = out
    frame.bad += out == NO_VALUE
    if frame.body.flatten:
        advance(state, frame)
    else:
        _emit(state, frame, index, out)


def _emit(state: State, frame: Frame, at: int, out: int) -> None:
    """Element `at` of a frame's output stream is known; joined lists pass it up."""
    while True:
        site = frame.body.parent
        assert site is not None
        for pos in site.streams_to:
            user = state.frames.get((site.body.sites[pos].id, *frame.path))
            if user is not None and at < user.count:
                state.work.append((user, at, -1, out))
        above = frame.parent
        assert above is not None
        if not (above.body.flatten and above.body.result == site.pos):
            return
        index = frame.path[-1]
        if index >= len(above.offsets) - 1:
            return
        at += above.offsets[index]
        frame = above


def advance(state: State, frame: Frame) -> None:
    """More of a frame's output stream may be known: of joined lists, up to the first that is not closed."""
    while True:
        if frame.body.flatten:
            offsets = frame.offsets
            while len(offsets) <= frame.count:
                at = len(offsets) - 1
                if at >= frame.count:
                    break
                inner = frame.base[at]
                if inner is None:
                    if frame.out[at] == PENDING:
                        break
                    offsets.append(offsets[-1])
                elif inner.out_closed:
                    offsets.append(offsets[-1] + inner.out_known)
                    if state.watched:
                        touch(state, (inner.body.region, *inner.path))
                else:
                    break
        site = frame.body.parent
        assert site is not None
        for pos in site.streams_to:
            key = (site.body.sites[pos].id, *frame.path)
            if key in state.frames:
                state.to_extend[key] = None
        above = frame.parent
        assert above is not None
        if not (above.body.flatten and above.body.result == site.pos):
            return
        frame = above


def out_at(frame: Frame, at: int) -> int:
    """What element `at` of a frame's output stream gives, as far as it is known."""
    while frame.body.flatten:
        index = bisect_right(frame.offsets, at) - 1
        inner = frame.base[index]
        assert inner is not None
        at -= frame.offsets[index]
        frame = inner
    return frame.out[at]


def lacks(frame: Frame) -> bool:
    """A list joined from lists lacks one that failed: no element stands for it, and the whole is still not whole.

    Known as soon as the stream is closed.
    """
    if frame.unmeasured or (frame.source is not None and lacks(frame.source)):
        return True
    if not frame.body.flatten:
        return False
    return any(frame.out[at] == NO_VALUE if inner is None else lacks(inner) for at, inner in enumerate(frame.base))
