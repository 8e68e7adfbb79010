"""Events of what an operator, a clock or a new text changes in a run, and of what that leaves unable to start.

They are part of `events.Event`, and imported from there.
"""

from __future__ import annotations

from dataclasses import dataclass

from .graph import NodeKey
from .requirement import Identity, Layer, Limit, Scope, Window


@dataclass(frozen=True, slots=True)
class Word:
    """A limit with the layer that says it."""

    layer: Layer
    limit: Limit
    who: str = ""
    """Who said it, where a person did. Added later, as is what follows."""
    since_ns: int = 0
    """When it was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordSet:
    """A layer has said something about a scope."""

    word: Word
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordDropped:
    """`limit SCOPE none`: the layer says nothing any more about the scope (all kinds and `by`s of it)."""

    layer: Layer
    scope: Scope
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordExpired:
    """The time of a layer's words about an identity that end at `until_ns`, or before, is over. Added later."""

    layer: Layer
    identity: Identity
    until_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTurned:
    """A window that words have is open, or closed, until `until_ns`; until somebody says it is, it is closed. Added later."""

    hours: Window
    is_open: bool
    until_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped:
    """The wall clock went ahead of the engine's by that much, or fell behind: what ends at an instant of the wall ends
    that much sooner. Added later."""

    by_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """To which pools of a limit with `by` Call instances belong that ran or waited when it came to be in force. Added later."""

    by: str
    keyed: tuple[tuple[NodeKey, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopePaused:
    """Nothing new starts in a scope. Said again, it replaces what was said of that scope."""

    scope: Scope
    who: str = ""
    because: str = ""
    until_ns: int | None = None
    """The instant at which it ends by itself, UTC. Added later, as what follows."""
    freezes: bool = False
    """What runs in the scope stands still: each has its `AttemptFrozen`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeResumed:
    """`scope` None lifts every pause."""

    scope: Scope | None
    who: str = ""
    because: str = ""
    """Added later, as what follows."""
    expired: bool = False
    """Its time was over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrioritySet:
    """Calls in a scope have this priority from here on, whatever their text says; None: what it says. Added later."""

    scope: Scope
    priority: int | None
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandSet:
    """Calls in a scope that have not started demand these amounts, in base units; None: what their text says. Added later."""

    scope: Scope
    amounts: tuple[tuple[str, int | None], ...]
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """From here on the run is of another text: the graph of that digest, which stands beside the journal as number `number`."""

    graph_digest: str
    number: int
    """From 2 on."""
    words: tuple[Word, ...]
    """The file layer of the new text, amounts in base units."""
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """The newest change of an operator, which is that row, is taken back: what was before it is in force again. Added later."""

    row: int
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainBegan:
    """Nothing new starts; what runs ends."""

    why: str
    who: str = ""
    """Who asked for it, where a person did. Added later, as what follows."""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainEnded:
    """Somebody took back that the run ends: it goes on."""

    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBegan:
    """What runs is stopped, nothing new starts."""

    why: str
    who: str = ""
    """Added later, as what follows."""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCancelled:
    """An instance is not to run: what waits or is parked is put aside, what is not ready yet as soon as it is.

    It has not ended, so that it can run after all (`Retried`, `RunContinued`); what needs it waits.
    """

    key: NodeKey
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeCancelled:
    """The same of all that is in a scope, now and whenever it becomes ready."""

    scope: Scope
    who: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRetried:
    """A scope is cancelled no more, nor is anything in it: what was put aside goes on as after `Retried`. Added later."""

    scope: Scope
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starved:
    """Calls of a task wait that need more of a pool than it has when nobody holds any: nothing that ends lets them start.

    `need` is the least of what they need that is too much. Told again where the figures have changed. Added later.
    """

    task: str
    identity: Identity
    need: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLongerStarved:
    """No call of the task waits any more that needs more of the pool than it has. Added later."""

    task: str
    identity: Identity
