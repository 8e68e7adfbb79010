"""What was changed in a run while it was on, and what became of each change: read out of its events, in their order.

A light replay: only what operators said, and what ended by itself, is applied to a state in which nothing ever runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from ..engine.apply import apply
from ..engine.changed import OPERATOR, ByOperator
from ..engine.patch_views import patch_views
from ..engine.patches import PRIORITY
from ..engine.state import State
from ..engine.step import new_state
from ..engine.undoing import is_change
from ..ir.events import (
    CancelBegan,
    ClockStepped,
    DemandSet,
    DrainBegan,
    DrainEnded,
    Event,
    NodeCancelled,
    PrioritySet,
    Reloaded,
    Retried,
    RunContinued,
    RunStarted,
    ScopeCancelled,
    ScopePaused,
    ScopeResumed,
    ScopeRetried,
    Undone,
    WindowTurned,
    WordDropped,
    WordExpired,
    WordSet,
)
from ..ir.graph import Graph, NodeKey
from ..ir.requirement import Identity, Layer, Scope
from ..limits.effects import terms_text
from .as_typed import saying

TOLD = (
    RunStarted, RunContinued, WordSet, WordDropped, WordExpired, WindowTurned, ClockStepped, ScopePaused, ScopeResumed,
    PrioritySet, DemandSet, Undone, Retried, Reloaded, DrainBegan, DrainEnded, CancelBegan, NodeCancelled, ScopeCancelled,
    ScopeRetried,
)  # fmt: skip
"""The events that a log of changes wants to see."""
_APPLIED = (
    WordSet, WordDropped, WordExpired, WindowTurned, ClockStepped, ScopePaused, ScopeResumed, PrioritySet, DemandSet, Reloaded,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to a run while it was on. Instants are of the wall, UTC nanoseconds."""

    at_ns: int
    who: str
    what: str
    """In the words in which it would be typed."""
    because: str = ""
    until_ns: int | None = None
    """When it ends by itself."""
    before: str = ""
    after: str = ""
    """What was in force, and what was then: `10`, `no limit`; empty where that is not a matter of amounts."""
    undone_ns: int | None = None
    undone_by: str = ""
    ended_ns: int | None = None
    """When its time was over, or what it did not let go on went on."""


class ChangeLog:
    """Give it the events of a run; `changes` are the changes so far, the oldest first."""

    def __init__(self, graph: Graph, later: Mapping[str, Graph], name_of: Callable[[NodeKey], str]) -> None:
        self._state: State = new_state(graph, later)
        self._name_of = name_of
        self._rows: list[Change] = []
        self._open: dict[int, int] = {}
        """Row of the journal of a change that may be undone → its place in `_rows`."""
        self._words: dict[tuple[Identity, int | None], int] = {}
        self._pauses: dict[Scope, int] = {}
        self._last: tuple[int, str, type] | None = None
        self._count = 0

    @property
    def changes(self) -> tuple[Change, ...]:
        """All so far."""
        return tuple(self._rows)

    def note(self, row: int, t_ns: int, event: Event) -> None:
        """One event of the journal; those that are not in `TOLD` are of no interest."""
        state = self._state
        match event:
            case RunStarted() | RunContinued():
                if isinstance(event, RunContinued):
                    self._add(Change(at_ns=self._wall(t_ns), who="", what="continued"))
                    state.ledger.drop_layer(Layer.MACHINE)
                for word in event.words:
                    state.ledger.set_word(word)
            case Undone():
                self._undone(event, t_ns)
            case WordExpired(identity=identity, until_ns=until_ns):
                self._ended(self._words.pop((identity, until_ns), None), t_ns)
                self._apply(event, row, t_ns)
            case ScopeResumed(expired=True, scope=scope):
                self._ended(None if scope is None else self._pauses.pop(scope, None), t_ns)
                self._apply(event, row, t_ns)
            case DrainBegan(why=why) | CancelBegan(why=why) if why != OPERATOR:
                what = "drain" if isinstance(event, DrainBegan) else "cancel"
                self._add(Change(at_ns=self._wall(t_ns), who="", what=what, because=why))
            case _ if is_change(event):
                self._change(row, t_ns, cast(ByOperator, event))
            case _ if isinstance(event, _APPLIED):
                self._apply(event, row, t_ns)
            case _:
                pass

    def _wall(self, t_ns: int) -> int:
        return t_ns + self._state.wall_ahead_ns

    def _add(self, change: Change) -> int:
        self._last = None
        self._rows.append(change)
        return len(self._rows) - 1

    def _apply(self, event: Any, row: int, t_ns: int) -> None:
        self._state.seq = row - 1
        apply(self._state, event, t_ns)
        self._state.outbox.clear()

    def _change(self, row: int, t_ns: int, event: ByOperator) -> None:
        if isinstance(event, Retried | NodeCancelled):
            self._nodes(t_ns, event)
            return
        state = self._state
        was = self._in_force(event)
        patches = dict(state.patches)
        if isinstance(event, _APPLIED):
            self._apply(event, row, t_ns)
        before, after = was, self._in_force(event)
        if isinstance(event, PrioritySet | DemandSet):
            whats = [PRIORITY] if isinstance(event, PrioritySet) else [name for name, _ in event.amounts]
            views = patch_views(state, event.scope, whats, patches)
            before = "; ".join(", ".join(view.before) for view in views)
            after = "; ".join(", ".join(view.after) for view in views)
        at = self._add(
            Change(
                at_ns=self._wall(t_ns),
                who=event.who,
                what=self._said(event),
                because=_because(event),
                until_ns=self._until(event),
                before=before,
                after=after,
            )
        )
        self._open[row] = at
        if isinstance(event, WordSet):
            self._words[event.word.limit.identity, event.word.limit.until_ns] = at
        elif isinstance(event, ScopePaused):
            self._pauses[event.scope] = at

    def _nodes(self, t_ns: int, event: Retried | NodeCancelled) -> None:
        """All nodes that were meant at once are one change."""
        mark = (t_ns, event.who, type(event))
        if mark == self._last:
            self._count += 1
            last = self._rows[-1]
            self._rows[-1] = replace(last, what=f"{last.what.partition(' ')[0]} {self._count} nodes")
            return
        self._add(
            Change(
                at_ns=self._wall(t_ns),
                who=event.who,
                what=self._said(event, self._name_of(event.key)),
                because=_because(event),
            )
        )
        self._last, self._count = mark, 1

    def _undone(self, event: Undone, t_ns: int) -> None:
        state = self._state
        at = self._open.pop(event.row, None)
        if at is not None:
            self._rows[at] = replace(self._rows[at], undone_ns=self._wall(t_ns), undone_by=event.who)
        if state.changes and state.changes[-1].row == event.row:
            self._apply(event, state.seq + 1, t_ns)

    def _ended(self, at: int | None, t_ns: int) -> None:
        if at is not None and self._rows[at].undone_ns is None:
            self._rows[at] = replace(self._rows[at], ended_ns=self._wall(t_ns))

    def _said(self, event: ByOperator, names: str = "") -> str:
        return saying(event, self._state.plan.graph, self._state.plan.dimensions, names)

    def _until(self, event: Event) -> int | None:
        match event:
            case WordSet(word=word):
                until_ns = word.limit.until_ns
            case ScopePaused(until_ns=until_ns):
                pass
            case _:
                until_ns = None
        return None if until_ns is None else self._wall(until_ns)

    def _in_force(self, event: Event) -> str:
        """What holds for the scope of a word."""
        match event:
            case WordSet(word=word):
                identities = [word.limit.identity]
            case WordDropped(scope=scope):
                identities = self._state.ledger.words.identities(scope) or [Identity(scope)]
            case _:
                return ""
        return ", ".join(self._terms(identity) for identity in identities)

    def _terms(self, identity: Identity) -> str:
        terms = self._state.ledger.words.terms(identity)
        if terms is None:
            return "no limit"
        scope = identity.scope
        dimension = self._state.plan.dimensions.get(scope.pattern, "count") if scope.kind == "resource" else "count"
        text = terms_text(terms, dimension)
        return f"{text} by {identity.by}" if identity.by else text


def _because(event: Any) -> str:
    if isinstance(event, WordSet):
        return event.word.limit.because
    return str(getattr(event, "because", ""))
