"""Answers `priority`, `set` and `undo` of one run, each with what the engine then did."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, assert_never

from ..base.diagnostics import CascadeError, fail
from ..base.quantity import NS_PER_S
from ..engine.changed import (
    Change,
    DrainingBefore,
    GoingBefore,
    PatchesBefore,
    PausesBefore,
    WordsBefore,
)
from ..engine.inputs import DemandGiven, PriorityGiven, UndoAsked
from ..engine.patch_views import PatchView, patch_views
from ..engine.patches import PRIORITY
from ..engine.state import State
from ..engine.undoing import kept_pauses, kept_words, newest
from ..ir.events import DemandSet, NodeCancelled, PrioritySet, Retried, ScopeCancelled, ScopePaused, ScopeResumed
from ..ir.requirement import Scope
from .acknowledging import Answer, of_patches
from .as_typed import saying, word_text
from .interpreter import Interpreter
from .names import Names


class Changing:
    """What is set over the text, and what is taken back."""

    def __init__(self, interpreter: Interpreter, names: Names) -> None:
        self._interpreter = interpreter
        self._state: State = interpreter.state
        self._names = names

    async def priority(self, request: dict[str, Any], scope: Scope, priority: int | None) -> Answer:
        """Calls in a scope go before others, or after them."""
        given = PriorityGiven(scope=scope, priority=priority, who=_who(request), because=_because(request))
        return await self._set(given, scope, (PRIORITY,))

    async def demands(
        self, request: dict[str, Any], scope: Scope, amounts: tuple[tuple[str, int | None], ...]
    ) -> Answer:
        """Calls in a scope that have not started demand something else."""
        given = DemandGiven(scope=scope, amounts=amounts, who=_who(request), because=_because(request))
        return await self._set(given, scope, [name for name, _ in amounts])

    async def _set(self, given: PriorityGiven | DemandGiven, scope: Scope, whats: Sequence[str]) -> Answer:
        state = self._state
        return await self._interpreter.order(
            given,
            lambda: dict(state.patches),
            lambda before: of_patches(self._interpreter.run_id, scope, patch_views(state, scope, whats, before)),
        )

    # -- undo -----------------------------------------------------------------------------------------------------

    async def undo(self, request: dict[str, Any]) -> Answer:
        """Take the newest change back; CSC650 where there is none, CSC654 where it cannot be taken back."""
        return await self._interpreter.order(UndoAsked(who=_who(request)), self._before, self._undone)

    def _before(self) -> tuple[Change, Any]:
        state = self._state
        change = newest(state)
        if change is None:
            raise fail(
                "CSC650",
                f"there is nothing to undo: no operator has changed the run {self._interpreter.run_id}",
                help="`cascade log` shows what was changed and what was taken back",
            )
        match change.before:
            case None:
                raise self._cannot(change)
            case WordsBefore(scope=scope):
                return change, state.ledger.capacities(scope)
            case PausesBefore():
                scope = _pause_scope(change)
                return change, (state.ledger.capacities(scope), set(state.ledger.paused()))
            case PatchesBefore():
                return change, dict(state.patches)
            case GoingBefore():
                if state.phase != "draining":
                    raise fail(
                        "CSC654",
                        f"the run is being stopped: {self._told(change)} cannot be undone any more",
                        help="when it has ended, `cascade continue` goes on with it",
                    )
                return change, None
            case DrainingBefore():
                return change, None
            case _:
                assert_never(change.before)

    def _cannot(self, change: Change) -> CascadeError:
        """What stands in the way of all that was changed before it."""
        earlier = next((c for c in reversed(self._state.changes[:-1]) if c.before is not None), None)
        help = "`cascade log` shows what was changed"
        if isinstance(change.event, NodeCancelled | ScopeCancelled):
            help = f"`{self._said(change).replace('cancel', 'cascade retry', 1)}` runs it after all"
        elif earlier is not None:
            back = _taken_back_by(earlier)
            help = f"what was changed before it is not undone past it: {self._told(earlier)} is taken back by `{back}`"
        return fail("CSC654", f"the last change cannot be undone: {self._told(change)}", help=help)

    def _told(self, change: Change) -> str:
        """`limit task:fetch 3` (ann, 12:03:04)."""
        said = self._said(change)
        return f"`{said}` ({change.event.who or 'somebody'}, {_clock(change.t_ns + self._state.wall_ahead_ns)})"

    def _said(self, change: Change) -> str:
        event, names = change.event, ""
        if isinstance(event, Retried | NodeCancelled):
            names = self._names.of(event.key) if change.count == 1 else f"{change.count} nodes"
        return saying(event, self._state.plan.graph, self._state.plan.dimensions, names)

    def _undone(self, was: tuple[Change, Any]) -> Answer:
        change, before = was
        state, run = self._state, self._interpreter.run_id
        over: list[str] = []
        told: Answer = {}
        match change.before:
            case WordsBefore(scope=scope, words=words):
                effect = state.ledger.effect(scope, before)
                kept = kept_words(change.before, state.now_ns)
                over = [
                    f"`{word_text(word, state.plan.graph, state.plan.dimensions)}`"
                    for word in words
                    if word not in kept
                ]
                text = effect.text
                told = {"scope": effect.scope, "before": dict(effect.before), "after": dict(effect.after)}
            case PausesBefore(pauses=pauses):
                kept_ = kept_pauses(change.before, state.now_ns)
                over = [f"the pause of `{pause.scope}`" for pause in pauses if pause not in kept_]
                text = self._paused(_pause_scope(change), before)
            case PatchesBefore():
                event = change.event
                assert isinstance(event, PrioritySet | DemandSet)
                whats = [PRIORITY] if isinstance(event, PrioritySet) else [name for name, _ in event.amounts]
                views: tuple[PatchView, ...] = patch_views(state, event.scope, whats, before)
                told = of_patches(run, event.scope, views)
                text = str(told["effect"])
            case GoingBefore():
                text = f"the run goes on: {len(state.running)} running"
                if state.phase != "running":
                    text = "the run ends all the same: a task has failed meanwhile"
            case DrainingBefore():
                text = f"the run drains again: {len(state.running)} running"
            case None:
                raise AssertionError("a change that cannot be taken back was")
            case _:
                assert_never(change.before)
        if over:
            text += f"; {', '.join(over)} had an end that has come, and {'is' if len(over) == 1 else 'are'} not brought back"
        at_ns = change.t_ns + state.wall_ahead_ns
        return {
            **told,
            "run": run,
            "applied": True,
            "undone": {"what": self._said(change), "who": change.event.who, "at": at_ns / NS_PER_S},
            "expired": over,
            "effect": f"undone: {self._told(change)}: {text}",
        }

    def _paused(self, scope: Scope | None, before: tuple[Any, set[Scope]]) -> str:
        """What became of the pauses; of several scopes those that are paused again."""
        ledger = self._state.ledger
        if scope is not None:
            return ledger.effect(scope, before[0]).text
        again = [str(paused) for paused in ledger.paused() if paused not in before[1]]
        return f"paused again: {', '.join(again)}" if again else "nothing is paused"


def _pause_scope(change: Change) -> Scope | None:
    assert isinstance(change.event, ScopePaused | ScopeResumed)
    return change.event.scope


def _taken_back_by(change: Change) -> str:
    """The verb that takes a change back by itself."""
    match change.before, change.event:
        case WordsBefore(scope=scope), _:
            return f"cascade unlimit {scope}"
        case PausesBefore(), ScopePaused(scope=scope):
            return f"cascade resume {scope}"
        case PausesBefore(), ScopeResumed(scope=scope):
            return "cascade pause" if scope is None else f"cascade pause {scope}"
        case _, PrioritySet(scope=scope):
            return f"cascade priority {scope} none"
        case _, DemandSet(scope=scope, amounts=amounts):
            return f"cascade set {scope} " + " ".join(f"{name}=none" for name, _ in amounts)
        case _:
            return "cascade continue"


def _clock(t_ns: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(t_ns / NS_PER_S))


def _who(request: dict[str, Any]) -> str:
    return str(request.get("who", ""))


def _because(request: dict[str, Any]) -> str:
    return str(request.get("because", ""))
