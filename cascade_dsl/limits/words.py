"""Words in layers: who says what about which pool, and the capacity that results.

Words of different identity all hold; of one identity the highest layer wins, and taking a word back leaves exactly what stands below it. A `hard` word caps every layer above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from ..base.quantity import show_milli, show_size
from ..ir.events import Word
from ..ir.expr import Expr
from ..ir.requirement import Dimension, Identity, Layer, Limit, Scope
from .faults import LedgerFault, NotBuilt

LAYER_NAMES: dict[Layer, str] = {
    Layer.MACHINE: "the machine",
    Layer.FILE: "the file",
    Layer.CONFIG: "the project's configuration",
    Layer.COMMAND_LINE: "the command line",
    Layer.FLEET: "the fleet",
    Layer.LIVE: "the operator",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is in force for an identity: a capacity, or with `per_ns` a rate. Amounts in base units."""

    amount: int
    per_ns: int | None = None
    burst: int | None = None
    by: Expr | None = None
    whole: bool = False


def covers(scope: Scope, task: str, tags: tuple[str, ...], flows: tuple[str, ...], resources: tuple[str, ...]) -> bool:
    """Whether a node of such a shape is in the scope. Globs are case-sensitive."""
    match scope.kind:
        case "global":
            return True
        case "task":
            return fnmatchcase(task, scope.pattern)
        case "tag":
            return any(fnmatchcase(tag, scope.pattern) for tag in tags)
        case "flow":
            return any(fnmatchcase(flow, scope.pattern) for flow in flows)
        case "resource":
            return scope.pattern in resources


def show_amount(dimension: Dimension, amount: int) -> str:
    """An amount in base units as a person would write it."""
    match dimension:
        case "bytes":
            return show_size(amount)
        case "millicpu":
            return show_milli(amount)
        case "count":
            return str(amount)


Standing: TypeAlias = Literal["in force", "caps", "under", "outside"]
"""`in force`: it decides; `caps`: it is `hard` and lowers what a layer above says; `under`: another stands over it;
`outside`: its window is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A word as people are shown it: who says it and why stand in `word`, until when and in which window in its limit."""

    word: Word
    standing: Standing
    turns_ns: int | None
    """When its window opens or closes; None where it has none."""


class Words:
    """The words of all layers."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[Identity, dict[Layer, Limit]] = {}

    def set(self, word: Word) -> None:
        """Say a word: it replaces what its layer said of the same identity. `none` is taking that back."""
        limit = word.limit
        refuse_unbuilt(limit)
        key = limit.identity
        if limit.amount is None:
            self._take(key, word.layer)
            return
        if not isinstance(limit.amount, int) or isinstance(limit.amount, bool) or limit.amount < 0:
            raise LedgerFault(f"the amount of `limit {limit.scope}` is no whole number: {limit.amount!r}")
        self._said.setdefault(key, {})[word.layer] = limit

    def drop(self, layer: Layer, scope: Scope) -> None:
        """The layer says nothing any more about the scope, in any kind and `by`."""
        for key in [k for k in self._said if k.scope == scope]:
            self._take(key, layer)

    def drop_layer(self, layer: Layer) -> list[Scope]:
        """The layer says nothing any more. Gives the scopes that it spoke of."""
        keys = [key for key, by_layer in self._said.items() if layer in by_layer]
        for key in keys:
            self._take(key, layer)
        return list(dict.fromkeys(key.scope for key in keys))

    def _take(self, key: Identity, layer: Layer) -> None:
        by_layer = self._said.get(key)
        if by_layer is not None:
            by_layer.pop(layer, None)
            if not by_layer:
                del self._said[key]

    def terms(self, identity: Identity) -> Terms | None:
        """What is in force; None where no word is."""
        by_layer = self._said.get(identity)
        if not by_layer:
            return None
        top = max(by_layer)
        amount = min(_amount(limit) for layer, limit in by_layer.items() if layer == top or limit.hard)
        said = by_layer[top]
        return Terms(amount=amount, per_ns=said.per_ns, burst=said.burst, by=said.by, whole=said.whole)

    def said(self, identity: Identity) -> tuple[Said, ...]:
        """Every word about an identity, that of the highest layer first."""
        found = sorted(self._said.get(identity, {}).items(), reverse=True)
        return tuple(
            Said(word=Word(layer, limit), standing="under" if at else "in force", turns_ns=None)
            for at, (layer, limit) in enumerate(found)
        )

    def all_identities(self) -> list[Identity]:
        """All that something is said of, in the order in which it was first said."""
        return list(self._said)

    def identities(self, scope: Scope) -> list[Identity]:
        """What is said of a scope."""
        return [key for key in self._said if key.scope == scope]

    def hard_below(self, word: Word) -> tuple[Layer, int] | None:
        """The `hard` word that this one would raise, with its layer."""
        amount = word.limit.amount
        if not isinstance(amount, int):
            return None
        for layer, limit in sorted(self._said.get(word.limit.identity, {}).items()):
            if layer < word.layer and limit.hard and amount > _amount(limit):
                return layer, _amount(limit)
        return None

    def in_force(self) -> Iterator[tuple[Layer, Limit]]:
        """For each identity the word of its highest layer."""
        for by_layer in self._said.values():
            top = max(by_layer)
            yield top, by_layer[top]

    def snapshot(self) -> object:
        """Comparable, independent of the order in which words of different identity were said."""
        return {key: dict(by_layer) for key, by_layer in self._said.items()}


def _amount(limit: Limit) -> int:
    assert isinstance(limit.amount, int)
    return limit.amount


def refuse_unbuilt(limit: Limit) -> None:
    """Raise NotBuilt for the forms of a word that are not carried out yet."""
    if limit.kind == "spend" or limit.per_ns is not None or limit.burst is not None:
        raise NotBuilt(f"rates are not built yet: `limit {limit.scope}`")
    if limit.by is not None or limit.by_text:
        raise NotBuilt(f"`by` is not built yet: `limit {limit.scope}`")
    if limit.whole:
        raise NotBuilt(f"`whole` is not built yet: `limit {limit.scope}`")
    if limit.for_ns is not None or limit.until_ns is not None or limit.window is not None:
        raise NotBuilt(f"times and windows are not built yet: `limit {limit.scope}`")
