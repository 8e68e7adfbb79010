"""What stops, stands still or goes on: pauses, frozen attempts, what is cancelled. Called from `apply` alone.

*Cancelled.* An instance that an operator does not want to run is *condemned*. It is put aside, in the state CANCELLED,
when it would be queued: at once where it waits, when its attempt is lost where it runs, when all that it needs is there
where it is not ready. It has not ended, exactly as what is held, so that nothing that needs it ends either, no
temporary file goes, and it runs after all where somebody retries it or the run is gone on with.

What would force a redesign: a program that is to go on behind what was cancelled, as behind a `try`.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

from ..ir.events import (
    AttemptFrozen,
    AttemptStopping,
    AttemptThawed,
    CancelBegan,
    DrainBegan,
    DrainEnded,
    NodeCancelled,
    ScopeCancelled,
    ScopePaused,
    ScopeResumed,
    ScopeRetried,
)
from ..ir.graph import NodeKey
from ..ir.requirement import Scope
from .effects import Evaluate, FreezeAttempt, Gather, Measure, StopAttempt, ThawAttempt
from .progress import EngineFault, put_aside, refill, want
from .state import At, Paused, Running, State

# ---- pauses and frozen attempts ---------------------------------------------------------------------------------


def _on_scope_paused(state: State, event: ScopePaused, t_ns: int) -> None:
    state.ledger.pause(event.scope, event.until_ns)
    state.paused[str(event.scope)] = Paused(event.scope, event.who, event.because, t_ns, event.freezes)
    state.pauses_changed = True


def _on_scope_resumed(state: State, event: ScopeResumed, _: int) -> None:
    state.ledger.resume(event.scope)
    state.pauses_changed = True
    if event.scope is None:
        state.paused.clear()
    else:
        state.paused.pop(str(event.scope), None)


def _running(state: State, event: AttemptFrozen | AttemptThawed) -> Running:
    running = state.running.get(event.key)
    if running is None or (running.epoch, running.attempt) != (event.epoch, event.attempt):
        raise EngineFault(f"attempt {event.attempt} (epoch {event.epoch}) of {event.key} does not run")
    return running


def _on_attempt_frozen(state: State, event: AttemptFrozen, t_ns: int) -> None:
    running = _running(state, event)
    if running.frozen_ns is not None:
        raise EngineFault(f"{event.key} is frozen twice")
    running.frozen_ns = t_ns
    state.outbox.append(FreezeAttempt(event.key, running.serial))


def _on_attempt_thawed(state: State, event: AttemptThawed, t_ns: int) -> None:
    running = _running(state, event)
    if running.frozen_ns is None:
        raise EngineFault(f"{event.key} is thawed, but it was not frozen")
    _go_on(running, t_ns)
    if running.deadline_ns is not None:
        heappush(state.timers, (running.deadline_ns, state.seq, event.key, event.epoch, event.attempt, "deadline"))
    state.outbox.append(ThawAttempt(event.key, running.serial))


def _go_on(running: Running, t_ns: int) -> None:
    """Its timeout is later by the time that it stood."""
    assert running.frozen_ns is not None
    stood_ns = t_ns - running.frozen_ns
    running.frozen_ns = None
    running.stood_ns += stood_ns
    if running.deadline_ns is not None:
        running.deadline_ns += stood_ns


def _on_attempt_stopping(state: State, event: AttemptStopping, t_ns: int) -> None:
    running = state.running[event.key]
    running.stopping = event.why
    if running.frozen_ns is not None:
        _go_on(running, t_ns)  # the executor lets it go on, so that it sees the signal
    state.outbox.append(StopAttempt(event.key, running.serial, event.why))


# ---- the end of the run -----------------------------------------------------------------------------------------


def _on_drain_began(state: State, event: DrainBegan, _: int) -> None:
    state.phase = "draining"
    state.why = event.why
    state.failed_before = len(state.failed)


def _on_drain_ended(state: State, _: DrainEnded, __: int) -> None:
    state.phase = "running"
    state.why = ""
    for frame in (state.root, *list(state.frames.values())):
        refill(state, frame)


def _on_cancel_began(state: State, event: CancelBegan, _: int) -> None:
    state.phase = "cancelling"
    state.why = event.why


# ---- one by one, and by scope -----------------------------------------------------------------------------------


def _on_node_cancelled(state: State, event: NodeCancelled, _: int) -> None:
    key = event.key
    state.condemned[key] = None
    state.pardoned.pop(key, None)
    _put_aside_now(state, key)


def _on_scope_cancelled(state: State, event: ScopeCancelled, _: int) -> None:
    scope = event.scope
    state.condemned_scopes[scope] = None
    for key in [key for key in state.pardoned if is_in(state, key, scope)]:
        del state.pardoned[key]
    for key in in_scope(state, scope):
        _put_aside_now(state, key)


def _on_scope_retried(state: State, event: ScopeRetried, _: int) -> None:
    scope = event.scope
    del state.condemned_scopes[scope]
    for key in [key for key in (*state.condemned, *state.cancelled) if is_in(state, key, scope)]:
        pardon(state, key)
    if not state.condemned_scopes:
        state.pardoned.clear()


def in_scope(state: State, scope: Scope) -> list[NodeKey]:
    """What waits, is in its backoff or is parked in a scope."""
    still = (*state.ledger.waiting_nodes(), *state.attempts, *state.parked)
    return [key for key in dict.fromkeys(still) if is_in(state, key, scope)]


def is_in(state: State, key: NodeKey, scope: Scope) -> bool:
    """Whether a call is in a scope; of one of which it is not known what it asks for, whether it might be."""
    site = state.site_of(key)
    if site.clauses is None:
        return False
    facts = site.facts if site.facts is not None else state.facts.get(key)
    amounts = facts.amounts if facts is not None else (1,) * len(site.clauses.requires)
    return state.ledger.demands(site.shape, amounts, scope)


def _put_aside_now(state: State, key: NodeKey) -> None:
    """What stands in the queue, in its backoff or among the parked is put aside; anything else when it is queued."""
    try:
        frame, index, pos = state.locate(key)
    except KeyError:
        return
    match frame.states[pos][index]:
        case At.READY:
            state.ledger.withdraw(key)
            state.may_starve = True
            del state.queued_ns[key]
        case At.BACKOFF:
            pass
        case At.HELD:
            if isinstance(state.parked[key].ask, Evaluate | Measure | Gather):
                return
            del state.parked[key]
        case _:
            return
    state.attempts.pop(key, None)
    put_aside(state, frame, index, pos)


def pardon(state: State, key: NodeKey) -> bool:
    """What was cancelled is to run after all; False where it was not."""
    aside = state.cancelled.pop(key, None)
    if aside is None and key not in state.condemned:
        return False
    state.condemned.pop(key, None)
    if state.condemned_scopes:
        state.pardoned[key] = None
    if aside is not None:
        state.epochs[key] = state.epochs.get(key, 0) + 1
        want(state, *state.locate(key))
    return True


def pardon_all(state: State) -> None:
    """A run that is gone on with runs what was cancelled."""
    state.condemned.clear()
    state.condemned_scopes.clear()
    state.pardoned.clear()
    for key in list(state.cancelled):
        state.condemned[key] = None
        pardon(state, key)


ON: dict[type, Callable[[State, Any, int], None]] = {
    ScopePaused: _on_scope_paused,
    ScopeResumed: _on_scope_resumed,
    AttemptFrozen: _on_attempt_frozen,
    AttemptThawed: _on_attempt_thawed,
    AttemptStopping: _on_attempt_stopping,
    DrainBegan: _on_drain_began,
    DrainEnded: _on_drain_ended,
    CancelBegan: _on_cancel_began,
    NodeCancelled: _on_node_cancelled,
    ScopeCancelled: _on_scope_cancelled,
    ScopeRetried: _on_scope_retried,
}
