"""What a picture shows: boxes in areas, joined by edges. Names are template ids, so that every renderer says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

BoxKind = Literal["param", "value", "call", "fan", "region", "output", "pool"]
"""`call`: one call; `fan`: a fan-out of one call, drawn as one box; `region`: a region with nothing to show inside."""
AreaKind = Literal["fan", "flow", "branch", "side", "try", "repeat", "finally", "chain", "alike"]
"""`side`: one of the two bodies of a branch or a try; `chain` and `alike` hold boxes that `packing` put together."""
EdgeKind = Literal["data", "after", "needs"]
State = Literal["done", "cached", "running", "waiting", "failed", "skipped", "cancelled", "dropped"]

STATES: tuple[State, ...] = ("failed", "running", "waiting", "done", "cached", "skipped", "cancelled", "dropped")
"""In the order in which they are said: what wants to be seen comes first."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many instances of a box are in each state; `more` where others may still become known."""

    counts: tuple[tuple[State, int], ...]
    more: bool = False

    @property
    def total(self) -> int:
        """All instances that are known."""
        return sum(number for _, number in self.counts)

    @property
    def leading(self) -> State | None:
        """The state that colours the box: the first of `STATES` that it has; None where nothing is known."""
        return next((state for state in STATES if any(s == state and n for s, n in self.counts)), None)

    def text(self) -> str:
        """`1 failed, 30 done`; of a single instance only the word."""
        said = [(state, number) for state in STATES for s, number in self.counts if s == state and number]
        if self.total == 1 and not self.more:
            return said[0][0]
        return ", ".join(f"{number} {state}" for state, number in said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One thing. `nodes` are the template ids that it stands for, `times` how often, such as `×40`."""

    id: str
    kind: BoxKind
    title: str
    detail: str = ""
    """A second line: the task, the type, the capacity."""
    times: str = ""
    marks: tuple[str, ...] = ()
    """Pools that it needs, where too many need them for an edge each."""
    doc: str = ""
    nodes: tuple[int, ...] = ()
    area: str = ""
    tally: Tally | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What stands in the box below its title."""
        second = " ".join(part for part in (self.detail, self.times) if part)
        marks = " ".join(f"◇{mark}" for mark in self.marks)
        states = "" if self.tally is None else self.tally.text()
        return tuple(line for line in (second, marks, states) if line)

    @property
    def all_text(self) -> str:
        """Everything about it, one thing a line: for a tooltip, and for who cannot see the picture."""
        return "\n".join(line for line in (self.title, *self.lines, self.doc) if line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A frame around boxes and other areas, named where it says something: `for p in found ×40`."""

    id: str
    kind: AreaKind
    title: str
    nodes: tuple[int, ...] = ()
    area: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From `tail` to `head`, ids of boxes or areas. `data`: a value goes; `after`: only the order; `needs`: a demand on a pool."""

    tail: str
    head: str
    kind: EdgeKind
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """A picture without places. Areas stand before what they hold; edges join what is here."""

    title: str
    doc: str = ""
    note: str = ""
    """Which run the states are of."""
    boxes: tuple[Box, ...]
    areas: tuple[Area, ...]
    edges: tuple[Edge, ...]
    _parents: dict[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)

    def __post_init__(self) -> None:
        for one in (*self.areas, *self.boxes):
            self._parents[one.id] = one.area

    def children(self, area: str) -> Iterator[Box | Area]:
        """What stands directly in an area, `""` for the whole, in the order of the program."""
        yield from (one for one in self.areas if one.area == area)
        yield from (one for one in self.boxes if one.area == area)

    def inside(self, area: str) -> list[Box]:
        """The boxes of an area and of all areas in it."""
        return [box for box in self.boxes if area in self.around(box.id)]

    def around(self, id_: str) -> list[str]:
        """The areas that hold something, the innermost first."""
        found: list[str] = []
        at = self._parents.get(id_, "")
        while at:
            found.append(at)
            at = self._parents[at]
        return found


def clean(text: str) -> str:
    """Text on one line without what cannot be printed or stand in XML."""
    flat = " ".join(text.split())
    return flat if flat.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in flat)


def shortened(text: str, length: int) -> str:
    """At most so many characters, with an ellipsis where some are left out."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
