"""Why a call runs or does not: the recaller's decision, told by what differs from the nearest earlier result of the node.

Asked by the dry run and by `run --explain`, after the decision, never for it. Blocks on the disk for an instant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from ..engine.state import State
from ..ir.events import AttemptStarted, Event, Recalled
from ..ir.graph import NodeKey, Param
from ..store.cache import is_stored
from ..store.reasons import (
    CacheOff,
    Expired,
    Forced,
    LeftOver,
    NeverRan,
    NoOutputs,
    NoRecipe,
    OutputLost,
    Reason,
    ResultOf,
    Unexplained,
    ValueLost,
    compare,
)
from .forecast import Foreseen
from .names import Names
from .recalling import Decision, Judge

Told = Callable[[Foreseen], None]


class Explainer:
    """The reasons of one run's decisions."""

    def __init__(
        self,
        state: State,
        judge: Judge,
        names: Names,
        *,
        file: str,
        now_ns: Callable[[], int],
        told: Told | None = None,
    ) -> None:
        """`told` is given each instance that starts or is recalled, once, with its reasons."""
        self._state = state
        self._judge = judge
        self._names = names
        self._file = file
        self._now_ns = now_ns
        self._told = told
        self._params = frozenset(n.name for n in state.plan.graph.nodes if isinstance(n, Param))
        self._reasons: dict[NodeKey, tuple[Reason, ...]] = {}
        """Of calls that have been decided and have not started."""

    def decided(self, key: NodeKey, decision: Decision) -> None:
        """A call was decided: keep why, until it is asked for."""
        self._reasons[key] = self._why(key, decision)

    def of(self, key: NodeKey) -> tuple[Reason, ...]:
        """Why an instance runs that is about to start, or was recalled; forgotten when it has been told."""
        known = self._reasons.pop(key, None)
        if known is not None:
            return known
        site = self._state.plan.sites[key[0]]
        assert site.task is not None
        assert site.clauses is not None
        if not site.task.outputs:
            return (NoOutputs(),)
        if site.clauses.cache.mode == "off":
            return (CacheOff(),)
        return () if self._state.recalls else (Forced(),)

    def note(self, event: Event) -> None:
        """A committed event: tell of a call's first start, or of its earlier result."""
        if self._told is None:
            return
        if isinstance(event, Recalled):
            self._told(Foreseen(event.key, self._names.of(event.key), "cached", self.of(event.key)))
        elif isinstance(event, AttemptStarted) and event.attempt == 1 and event.epoch == 0:
            self._told(Foreseen(event.key, self._names.of(event.key), "runs", self.of(event.key)))

    def _why(self, key: NodeKey, decision: Decision) -> tuple[Reason, ...]:
        entry, draft = decision.entry, decision.draft
        match decision.reason:
            case "recalled":
                assert entry is not None
                own = not entry.node or (entry.file, entry.node) == (self._file, self._names.of(key))
                return (ResultOf(entry.run, entry.t_ns, "" if own else entry.node),)
            case "new":
                return self._against_nearest(key, decision)
            case "expired":
                assert entry is not None
                assert draft is not None
                return (Expired((self._now_ns() - entry.t_ns) / 1e9, draft.ttl_s or 0.0),)
            case "output":
                assert entry is not None
                lost = self._judge.lost(entry)
                if any(is_stored(path) for path, _ in lost) or not lost:
                    return (ValueLost(),)
                return tuple(OutputLost(path, "changed" if is_there else "removed") for path, is_there in lost)
            case "leftover":
                return (LeftOver(decision.detail),)
            case "value":
                return (ValueLost(),)
            case "forced":
                return (Forced(),)
            case "unsaid":
                return (NoRecipe(decision.detail),)
            case _:
                assert_never(decision.reason)

    def _against_nearest(self, key: NodeKey, decision: Decision) -> tuple[Reason, ...]:
        task = self._state.plan.sites[key[0]].task
        assert task is not None
        assert decision.draft is not None
        nearest = self._judge.cache.nearest(self._file, self._names.of(key), task.name)
        if nearest is None:
            return (NeverRan(),)
        before = self._judge.cache.recipe(nearest.recipe)
        if before is None:
            return (Unexplained(nearest.run),)
        return compare(before, decision.draft.recipe(), self._params) or (Unexplained(nearest.run),)
