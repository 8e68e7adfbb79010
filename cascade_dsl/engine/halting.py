"""Decisions about what stops: pauses and their ends, what stands still, the end of a run, what is cancelled or gives way.

What these events change is in `halted`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

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
)
from ..ir.graph import NodeKey
from ..ir.requirement import Identity
from .changed import FAILURE, OPERATOR
from .halted import is_in
from .inputs import (
    CancelAsked,
    DrainAsked,
    DrainEndAsked,
    NodesCancelAsked,
    PauseAsked,
    ResumeAsked,
    ScopeCancelAsked,
)
from .state import ENDED, At, Running, State
from .turn import Turn

# ---- pauses and what stands still -------------------------------------------------------------------------------


def _on_pause_asked(turn: Turn, given: PauseAsked) -> None:
    until_ns = given.until_ns if given.for_ns is None else turn.now + given.for_ns
    turn.emit(
        ScopePaused(scope=given.scope, who=given.who, because=given.because, until_ns=until_ns, freezes=given.freezes)
    )


def _on_resume_asked(turn: Turn, given: ResumeAsked) -> None:
    turn.emit(ScopeResumed(scope=given.scope, who=given.who, because=given.because))


def stand(turn: Turn) -> None:
    """Where pauses have begun or ended: what a freezing one covers stands still, and nothing else.

    What is stopping or publishing is left alone.
    """
    state = turn.state
    if not state.pauses_changed:
        return
    state.pauses_changed = False
    if state.phase == "ended":
        return
    covered: set[NodeKey] = set()
    for paused in state.paused.values():
        if paused.freezes:
            covered.update(state.ledger.paused_holders(paused.scope))
    for running in list(state.running.values()):
        key, epoch, attempt = running.key, running.epoch, running.attempt
        if running.frozen_ns is not None and key not in covered:
            turn.emit(AttemptThawed(key=key, epoch=epoch, attempt=attempt))
        elif running.frozen_ns is None and key in covered and _may_be_stopped(running):
            turn.emit(AttemptFrozen(key=key, epoch=epoch, attempt=attempt))


def _may_be_stopped(running: Running) -> bool:
    return running.stopping is None and running.plan is None


def _stop(turn: Turn, running: Running, why: Literal["cancelled", "preempted"]) -> None:
    turn.emit(AttemptStopping(key=running.key, epoch=running.epoch, attempt=running.attempt, why=why))


# ---- the end of the run -----------------------------------------------------------------------------------------


def _on_drain_asked(turn: Turn, given: DrainAsked) -> None:
    state = turn.state
    # An interrupt lies over an operator's drain: that may be taken back.
    if state.phase == "running" or (state.phase == "draining" and state.why == OPERATOR != given.why):
        turn.emit(DrainBegan(why=given.why, who=given.who, because=given.because))


def _on_drain_end_asked(turn: Turn, given: DrainEndAsked) -> None:
    state = turn.state
    if state.phase != "draining" or state.why != OPERATOR:
        return
    failed = len(state.failed) > state.failed_before
    turn.emit(DrainEnded(who=given.who))
    if failed and state.on_failure == "finish":
        turn.emit(DrainBegan(why=FAILURE))
    elif failed and state.on_failure == "cancel":
        cancel(turn, FAILURE)


def _on_cancel_asked(turn: Turn, given: CancelAsked) -> None:
    if turn.state.phase in ("running", "draining"):
        cancel(turn, given.why, given.who, given.because)


def cancel(turn: Turn, why: str, who: str = "", because: str = "") -> None:
    """What runs is stopped, nothing new starts."""
    turn.emit(CancelBegan(why=why, who=who, because=because))
    for running in list(turn.state.running.values()):
        if _may_be_stopped(running):
            _stop(turn, running, "cancelled")


# ---- one by one, and by scope -----------------------------------------------------------------------------------


def _on_nodes_cancel_asked(turn: Turn, given: NodesCancelAsked) -> None:
    state = turn.state
    if state.phase == "ended":
        return
    for key in given.keys:
        if is_over(state, key) or key in state.condemned:
            continue
        turn.emit(NodeCancelled(key=key, who=given.who, because=given.because))
        running = state.running.get(key)
        if running is not None and _may_be_stopped(running):
            _stop(turn, running, "cancelled")


def _on_scope_cancel_asked(turn: Turn, given: ScopeCancelAsked) -> None:
    state = turn.state
    if state.phase == "ended":
        return
    turn.emit(ScopeCancelled(scope=given.scope, who=given.who, because=given.because))
    for running in list(state.running.values()):
        if _may_be_stopped(running) and is_in(state, running.key, given.scope):
            _stop(turn, running, "cancelled")


def is_over(state: State, key: NodeKey) -> bool:
    """Whether an instance has ended, with its element perhaps."""
    try:
        frame, index, pos = state.locate(key)
        return frame.states[pos][index] >= ENDED
    except (KeyError, IndexError):
        return True


def blocked(state: State) -> bool:
    """All that is left waits for what was cancelled: nobody else has anything to do or to say."""
    return not state.parked and at_rest(state)


def at_rest(state: State) -> bool:
    """All that is left waits for what was cancelled, or is held."""
    return (
        not state.running
        and (bool(state.cancelled) or bool(state.parked))
        and not state.asked
        and not state.ledger.waiting()
        and not state.counts[At.BACKOFF]
        and not state.to_revive
    )


# ---- who gives way ----------------------------------------------------------------------------------------------


def preempt(turn: Turn, identity: Identity) -> None:
    """Of the pools of an identity that are over their capacity, what began last is stopped and queued again.

    What is stopping already makes room too; what publishes is left alone: it is as good as done. Where keys of what runs are not
    known yet, that is done when they are.
    """
    state = turn.state
    if state.ledger.told.lacks_keys(identity):
        state.preempting[identity] = None
        return
    state.preempting.pop(identity, None)
    for excess, holders in state.ledger.surplus(identity):
        found = [(state.running[key], amount) for key, amount in holders]
        excess -= sum(amount for running, amount in found if running.stopping is not None)
        for running, amount in sorted(found, key=lambda row: -row[0].serial):
            if excess <= 0:
                break
            if amount and _may_be_stopped(running):
                _stop(turn, running, "preempted")
                excess -= amount


ON: dict[type, Callable[[Turn, Any], None]] = {
    PauseAsked: _on_pause_asked,
    ResumeAsked: _on_resume_asked,
    DrainAsked: _on_drain_asked,
    DrainEndAsked: _on_drain_end_asked,
    CancelAsked: _on_cancel_asked,
    NodesCancelAsked: _on_nodes_cancel_asked,
    ScopeCancelAsked: _on_scope_cancel_asked,
}
