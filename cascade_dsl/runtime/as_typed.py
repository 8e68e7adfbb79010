"""Changes of operators in the words in which they would be typed: one renderer for `log`, `show` and `undo`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..engine.changed import ByOperator
from ..ir.events import (
    CancelBegan,
    DemandSet,
    DrainBegan,
    DrainEnded,
    NodeCancelled,
    PrioritySet,
    Reloaded,
    Retried,
    ScopeCancelled,
    ScopePaused,
    ScopeResumed,
    ScopeRetried,
    Word,
    WordDropped,
    WordSet,
)
from ..ir.graph import Graph
from ..ir.requirement import Dimension, Scope
from ..ir.sentences import limit_text
from ..limits.words import show_amount


def saying(event: ByOperator, graph: Graph, dimensions: Mapping[str, Dimension], names: str = "") -> str:
    """What was typed, in canonical words; `names` are those of the nodes that it is about."""
    match event:
        case WordSet(word=word):
            return word_text(word, graph, dimensions)
        case WordDropped(scope=scope):
            return f"unlimit {scope}"
        case ScopePaused(scope=scope):
            return f"pause{_of(scope)}" + (" --freeze" if event.freezes else "")
        case ScopeResumed(scope=scope):
            return "resume" if scope is None else f"resume {scope}"
        case PrioritySet(scope=scope, priority=priority):
            return f"priority {scope} {'none' if priority is None else priority}"
        case DemandSet(scope=scope, amounts=amounts):
            return f"set {scope} " + " ".join(
                f"{name}={'none' if amount is None else show_amount(dimensions.get(name, 'count'), amount)}"
                for name, amount in amounts
            )
        case DrainBegan():
            return "drain"
        case DrainEnded():
            return "drain taken back"
        case CancelBegan():
            return "cancel"
        case NodeCancelled():
            return f"cancel {names}".rstrip()
        case ScopeCancelled(scope=scope):
            return f"cancel {scope}"
        case ScopeRetried(scope=scope):
            return f"retry {scope}"
        case Retried():
            return f"retry {names}".rstrip()
        case Reloaded():
            return "reload"


def word_text(word: Word, graph: Graph, dimensions: Mapping[str, Dimension]) -> str:
    """A limit as it would be typed, its reason left aside."""
    limit = word.limit
    dimension = dimensions.get(limit.scope.pattern, "count") if limit.scope.kind == "resource" else "count"
    shown = (
        replace(limit, because="", until_ns=None) if limit.for_ns or limit.until_minute else replace(limit, because="")
    )
    return f"limit {limit_text(shown, dimension)}"


def _of(scope: Scope) -> str:
    return "" if scope.kind == "global" else f" {scope}"
