"""Changes of operators and how the newest is taken back.

Each event by which an operator changes the run leaves a `Change` with what was before: state like any other, so that replay has
it and `undo` works after a crash. `Undone` takes the newest off and puts back what it kept; words and pauses whose time is over
meanwhile stay away. Newest first and none left out, so that what is put back is what truly was. Retries, a new text and a
cancelled run cannot be taken back: such a change stands in the way of those before it.

Words are put back as a whole for their scope, so that a bucket that goes on under another rate keeps its level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, assert_never

from ..ir.events import (
    CancelBegan,
    DemandSet,
    DrainBegan,
    Event,
    PrioritySet,
    Reloaded,
    Retried,
    ScopePaused,
    ScopeResumed,
    Undone,
    Word,
    WordDropped,
    WordSet,
)
from ..ir.requirement import Layer
from .changed import Before, ByOperator, Change, GoingBefore, PatchesBefore, PausesBefore, WordsBefore
from .patches import put
from .progress import EngineFault, refill
from .state import State

FAILURE = "a task failed"
"""Why a run drains or is cancelled by its own policy, and not by an operator."""

Handler = Callable[[State, Any, int], None]


def recorded(on: Mapping[type, Handler]) -> dict[type, Handler]:
    """The handlers, each of which keeps what was before where its event is a change of an operator."""
    return {kind: _recording(handler) for kind, handler in on.items()}


def _recording(handler: Handler) -> Handler:
    def handle(state: State, event: Any, t_ns: int) -> None:
        if not is_change(event):
            handler(state, event, t_ns)
            return
        change = Change(row=state.seq, t_ns=t_ns, event=event, before=_before(state, event))
        handler(state, event, t_ns)
        _keep(state, change)

    return handle


def is_change(event: Event) -> bool:
    """Whether an operator has changed the run by this event."""
    match event:
        case WordSet(word=word):
            return word.layer == Layer.LIVE
        case WordDropped(layer=layer):
            return layer == Layer.LIVE
        case DrainBegan(why=why) | CancelBegan(why=why):
            return why != FAILURE
        case ScopePaused() | ScopeResumed() | PrioritySet() | DemandSet() | Retried() | Reloaded():
            return True
        case _:
            return False


def _before(state: State, event: ByOperator) -> Before | None:
    match event:
        case WordSet(word=word):
            return WordsBefore(word.limit.scope, state.ledger.said(Layer.LIVE, word.limit.scope))
        case WordDropped(scope=scope):
            return WordsBefore(scope, state.ledger.said(Layer.LIVE, scope))
        case ScopePaused() | ScopeResumed():
            return PausesBefore(tuple((scope, state.paused.get(str(scope), "")) for scope in state.ledger.paused()))
        case PrioritySet() | DemandSet():
            return PatchesBefore(tuple(state.patches.items()))
        case DrainBegan():
            return GoingBefore(len(state.failed)) if state.phase == "running" else None
        case CancelBegan() | Retried() | Reloaded():
            return None
        case _:
            assert_never(event)


def _keep(state: State, change: Change) -> None:
    last = state.changes[-1] if state.changes else None
    if (
        last is not None
        and isinstance(change.event, Retried)
        and isinstance(last.event, Retried)
        and (last.t_ns, last.event.who) == (change.t_ns, change.event.who)
    ):
        state.changes[-1] = replace(last, count=last.count + 1)
    else:
        state.changes.append(change)


def newest(state: State) -> Change | None:
    """The change that `undo` would take back, or that stands in its way."""
    return state.changes[-1] if state.changes else None


def kept_words(before: WordsBefore, now_ns: int) -> tuple[Word, ...]:
    """Of the words that were said before a change those whose time is not over."""
    return tuple(w for w in before.words if w.limit.until_ns is None or w.limit.until_ns > now_ns)


def on_undone(state: State, event: Undone, t_ns: int) -> None:
    """The newest change is taken back."""
    change = newest(state)
    if change is None or change.row != event.row or change.before is None:
        raise EngineFault(f"the change of row {event.row} is taken back, and it is not the newest that can be")
    state.changes.pop()
    match change.before:
        case WordsBefore(scope=scope):
            state.ledger.restore(Layer.LIVE, scope, kept_words(change.before, t_ns))
        case PausesBefore(paused=paused):
            _pause_as(state, dict(paused))
        case PatchesBefore(patches=patches):
            put(state, dict(patches))
        case GoingBefore():
            state.phase, state.why = "running", ""
            for frame in (state.root, *list(state.frames.values())):
                refill(state, frame)
        case _:
            assert_never(change.before)


def _pause_as(state: State, wanted: dict[Any, str]) -> None:
    for scope in state.ledger.paused():
        if scope not in wanted:
            state.ledger.resume(scope)
            state.paused.pop(str(scope), None)
    for scope, because in wanted.items():
        state.ledger.pause(scope)
        state.paused[str(scope)] = because
