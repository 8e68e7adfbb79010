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
    DrainEnded,
    Event,
    NodeCancelled,
    PrioritySet,
    Reloaded,
    Retried,
    ScopeCancelled,
    ScopePaused,
    ScopeResumed,
    ScopeRetried,
    Undone,
    Word,
    WordDropped,
    WordSet,
)
from ..ir.requirement import Layer
from .changed import (
    OPERATOR,
    Before,
    ByOperator,
    Change,
    DrainingBefore,
    GoingBefore,
    PatchesBefore,
    PauseBefore,
    PausesBefore,
    WordsBefore,
)
from .patches import put
from .progress import EngineFault, refill
from .state import Paused, State

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
        keep(state, change)

    return handle


def is_change(event: Event) -> bool:
    """Whether an operator has changed the run by this event."""
    match event:
        case WordSet(word=word):
            return word.layer == Layer.LIVE
        case WordDropped(layer=layer):
            return layer == Layer.LIVE
        case DrainBegan(why=why) | CancelBegan(why=why):
            return why == OPERATOR
        case ScopeResumed():
            return not event.expired
        case DrainEnded() | NodeCancelled() | ScopeCancelled() | ScopeRetried():
            return True
        case ScopePaused() | PrioritySet() | DemandSet() | Retried() | Reloaded():
            return True
        case _:
            return False


def _before(state: State, event: ByOperator) -> Before | None:
    match event:
        case WordSet(word=word):
            return WordsBefore(word.limit.scope, state.ledger.words.of_layer(Layer.LIVE, word.limit.scope))
        case WordDropped(scope=scope):
            return WordsBefore(scope, state.ledger.words.of_layer(Layer.LIVE, scope))
        case ScopePaused() | ScopeResumed():
            return PausesBefore(tuple(_pause(state, paused) for paused in state.paused.values()))
        case PrioritySet() | DemandSet():
            return PatchesBefore(tuple(state.patches.items()))
        case DrainBegan():
            return GoingBefore() if state.phase == "running" else None
        case DrainEnded():
            return DrainingBefore(state.failed_before)
        case CancelBegan() | NodeCancelled() | ScopeCancelled() | ScopeRetried() | Retried() | Reloaded():
            return None
        case _:
            assert_never(event)


def _pause(state: State, paused: Paused) -> PauseBefore:
    until_ns = state.ledger.pause_end(paused.scope)
    return PauseBefore(paused.scope, paused.who, paused.because, paused.since_ns, paused.freezes, until_ns)


def keep(state: State, change: Change) -> None:
    """One change more; of retries, and of nodes that are cancelled, all of a turn are one."""
    last = state.changes[-1] if state.changes else None
    if (
        last is not None
        and isinstance(change.event, Retried | NodeCancelled)
        and type(last.event) is type(change.event)
        and (last.t_ns, last.event.who) == (change.t_ns, change.event.who)
    ):
        state.changes[-1] = replace(last, count=last.count + 1)
    else:
        state.changes.append(change)


def newest(state: State) -> Change | None:
    """The change that `undo` would take back, or that stands in its way."""
    return state.changes[-1] if state.changes else None


def forget_ends(state: State) -> None:
    """A run that is gone on with has itself taken back that it was to end, and what was cancelled."""
    ends = DrainBegan | DrainEnded | CancelBegan | NodeCancelled | ScopeCancelled | ScopeRetried
    state.changes = [change for change in state.changes if not isinstance(change.event, ends)]


def kept_words(before: WordsBefore, now_ns: int) -> tuple[Word, ...]:
    """Of the words that were said before a change those whose time is not over."""
    return tuple(w for w in before.words if w.limit.until_ns is None or w.limit.until_ns > now_ns)


def kept_pauses(before: PausesBefore, now_ns: int) -> tuple[PauseBefore, ...]:
    """The same of pauses."""
    return tuple(p for p in before.pauses if p.until_ns is None or p.until_ns > now_ns)


def on_undone(state: State, event: Undone, t_ns: int) -> None:
    """The newest change is taken back."""
    change = newest(state)
    if change is None or change.row != event.row or change.before is None:
        raise EngineFault(f"the change of row {event.row} is taken back, and it is not the newest that can be")
    state.changes.pop()
    match change.before:
        case WordsBefore(scope=scope):
            state.ledger.restore(Layer.LIVE, scope, kept_words(change.before, t_ns))
        case PausesBefore():
            _pause_as(state, kept_pauses(change.before, t_ns))
        case PatchesBefore(patches=patches):
            put(state, dict(patches))
        case GoingBefore():
            state.phase, state.why = "running", ""
            for frame in (state.root, *list(state.frames.values())):
                refill(state, frame)
        case DrainingBefore(failed=failed):
            state.phase, state.why, state.failed_before = "draining", OPERATOR, failed
        case _:
            assert_never(change.before)


def _pause_as(state: State, wanted: tuple[PauseBefore, ...]) -> None:
    scopes = {pause.scope for pause in wanted}
    for scope in state.ledger.paused():
        if scope not in scopes:
            state.ledger.resume(scope)
    for pause in wanted:
        state.ledger.pause(pause.scope, pause.until_ns)
    state.paused = {str(p.scope): Paused(p.scope, p.who, p.because, p.since_ns, p.freezes) for p in wanted}
    state.pauses_changed = True


def on_clock_stepped(state: State, by_ns: int) -> None:
    """Ends of what may be put back come that much later, as those of what is in force."""
    state.changes = [replace(change, before=_later(change.before, by_ns)) for change in state.changes]


def _later(before: Before | None, by_ns: int) -> Before | None:
    match before:
        case WordsBefore(scope=scope, words=words):
            ends = [word.limit.until_ns for word in words]
            return WordsBefore(
                scope,
                tuple(
                    word if end is None else replace(word, limit=replace(word.limit, until_ns=end + by_ns))
                    for word, end in zip(words, ends, strict=True)
                ),
            )
        case PausesBefore(pauses=pauses):
            return PausesBefore(
                tuple(p if p.until_ns is None else replace(p, until_ns=p.until_ns + by_ns) for p in pauses)
            )
        case _:
            return before
