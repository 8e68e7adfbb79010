"""The requirement IR: declared resources, limits in a file, limits from an operator and pauses are one type.

A *pool* is a named capacity; a *demand* is (pool, amount); a *word* (`Limit`) gives a pool its capacity and every
node in its scope a demand on it. Amounts are integers in the base unit of the pool's dimension: `cpu` counts in
thousandths, sizes in bytes, everything else in whole units.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from .expr import Expr

ScopeKind = Literal["global", "task", "tag", "flow", "resource"]
Dimension = Literal["count", "millicpu", "bytes"]
PoolKind = Literal["hold", "spend"]
SCOPE_MAX = 1000
"""So long may the pattern of a scope be: matching takes time that grows with its square."""
FOR_MAX_NS = 36_500 * 86_400 * 10**9
"""So long may `for` be: an instant that far away still fits 63 bits of nanoseconds."""


class Layer(IntEnum):
    """Who said a word. Of several words for one thing the highest layer wins."""

    MACHINE = 0
    FILE = 1
    CONFIG = 2
    COMMAND_LINE = 3
    FLEET = 4
    LIVE = 5


@dataclass(frozen=True, slots=True)
class Scope:
    """`global`, `task:GLOB`, `tag:GLOB`, `flow:GLOB`, or a resource by its name."""

    kind: ScopeKind
    pattern: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "global":
                return "global"
            case "resource":
                return self.pattern
            case kind:
                return f"{kind}:{self.pattern}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a word is about: words of one identity stand for each other by layers, those of several all hold.

    `by` is the text of the expression by which the pool is split, empty where it is one.
    """

    scope: Scope
    kind: PoolKind = "hold"
    by: str = ""

    def __str__(self) -> str:
        text = f"{self.scope}/s" if self.kind == "spend" else str(self.scope)
        return f"{text} by {self.by}" if self.by else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`from TIME to TIME [DAYS]` in local time: minutes of the day; days 0 (Monday) to 6, all where empty."""

    start_minute: int
    end_minute: int
    days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One word of the limit sentence.

    `amount` is in base units, an expression over params where the word stands in a file, or None for `none` (this
    layer says nothing any more). `per_ns` is given for a rate: `amount` each `per_ns`, with kind spend.
    """

    scope: Scope
    amount: int | Expr | None
    kind: PoolKind = "hold"
    per_ns: int | None = None
    burst: int | Expr | None = None
    """Of a rate: how much may go at once after a rest; in a file an expression over params, as `amount`."""
    whole: bool = False
    by: Expr | None = None
    by_text: str = ""
    """`by` as the language writes it, the same for all ways to space it: part of the identity of the word."""
    for_ns: int | None = None
    """How long, from when it is said; of a file from the start of the run."""
    until_minute: int | None = None
    """`until TIME`: minute of the day in local time; the shell makes an instant of it."""
    until_ns: int | None = None
    """The instant from which it says nothing, UTC; of a word in force the only one of the three that counts."""
    window: Window | None = None
    hard: bool = False
    because: str = ""
    line: int = 0
    """Where it stands in a file, from 1; 0 for one that was typed."""

    @property
    def identity(self) -> Identity:
        """What it is about."""
        return Identity(self.scope, self.kind, self.by_text)

    @property
    def is_plain(self) -> bool:
        """It holds until it is taken back, whatever the hour."""
        return self.for_ns is None and self.until_ns is None and self.until_minute is None and self.window is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource that the program or the machine names, with its dimension."""

    name: str
    dimension: Dimension
