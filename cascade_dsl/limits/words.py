"""Words in layers: who says what about which pool, and what is in force.

Words of different identity all hold; of one identity the highest layer that says something wins, and taking a word back
leaves exactly what stands below it. What a layer says is its newest word with a time or a window that is in force, else
its plain word. A `hard` word that its layer says caps every layer above it.

Nothing here knows what time it is: a word with an end is in force until it is dropped, by the event that says that its
time is over, and one with a window while the window was last said to be open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Literal, TypeAlias

from ..base.quantity import show_milli, show_size
from ..ir.events import Word
from ..ir.expr import Expr
from ..ir.requirement import Dimension, Identity, Layer, Limit, Scope, Window
from .faults import LedgerFault, NotBuilt
from .views import WordEnding

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


@dataclass(frozen=True, slots=True)
class _Stack:
    """What one layer says of one identity: the plain word, and over it the others, the newest last."""

    plain: Word | None = None
    timed: tuple[Word, ...] = ()

    def __iter__(self) -> Iterator[Word]:
        """From the bottom."""
        if self.plain is not None:
            yield self.plain
        yield from self.timed

    def with_word(self, word: Word) -> _Stack:
        """One more word. What it stands over for as long as that lasts can never be in force again, and goes."""
        if word.limit.is_plain:
            return _Stack(word, self.timed)
        return _Stack(self.plain, (*(old for old in self.timed if not _outlasts(word.limit, old.limit)), word))


_NOTHING = _Stack()


def _outlasts(new: Limit, old: Limit) -> bool:
    if new.window is not None and new.window != old.window:
        return False
    return new.until_ns is None or (old.until_ns is not None and old.until_ns <= new.until_ns)


class Words:
    """The words of all layers."""

    __slots__ = ("_due", "_due_known", "_said", "_windows")

    def __init__(self) -> None:
        self._said: dict[Identity, dict[Layer, _Stack]] = {}
        self._windows: dict[Window, tuple[bool, int | None] | None] = {}
        """Every window that a word has or had: whether it is open and until when it stays so, None until that is said.
        A word that is said again, or is given back by whoever undoes what took it, finds it there."""
        self._due: int | None = None
        self._due_known = False

    def copy(self) -> Words:
        """What is said now, to be changed without changing this: what would be in force if."""
        other = Words()
        other._said = {identity: dict(by_layer) for identity, by_layer in self._said.items()}
        other._windows = dict(self._windows)
        return other

    # ---- saying and taking back -------------------------------------------------------------------------------

    def set(self, word: Word) -> None:
        """Say a word: it replaces the plain word of its layer, or lies over it. `none` is taking all of them back."""
        limit = word.limit
        refuse_unbuilt(limit)
        key = limit.identity
        spends = limit.kind == "spend"
        if spends != (limit.per_ns is not None) or (limit.burst is not None and not spends):
            raise LedgerFault(f"`limit {limit.scope}` is no rate, or a rate without a time")
        if min(value for value in (limit.per_ns, _burst(limit), 1) if value is not None) < 1:
            raise LedgerFault(f"the time and the burst of `limit {limit.scope}` must be at least 1")
        if bool(limit.by_text) != (limit.by is not None):
            raise LedgerFault(f"`by` of `limit {limit.scope}` is a text and an expression, or neither")
        if limit.amount is None:
            self._put(key, word.layer, _NOTHING)
            return
        if not isinstance(limit.amount, int) or isinstance(limit.amount, bool) or limit.amount < 0:
            raise LedgerFault(f"the amount of `limit {limit.scope}` is no whole number: {limit.amount!r}")
        if limit.until_ns is None and (limit.for_ns is not None or limit.until_minute is not None):
            raise LedgerFault(f"the end of `limit {limit.scope}` is no instant")
        self._put(key, word.layer, self._stack(key, word.layer).with_word(word))

    def drop(self, layer: Layer, scope: Scope) -> None:
        """The layer says nothing any more about the scope, in any kind and `by`."""
        for key in self.identities(scope):
            self._put(key, layer, _NOTHING)

    def drop_layer(self, layer: Layer) -> list[Scope]:
        """The layer says nothing any more. Gives the scopes that it spoke of."""
        keys = [key for key, by_layer in self._said.items() if layer in by_layer]
        for key in keys:
            self._put(key, layer, _NOTHING)
        return list(dict.fromkeys(key.scope for key in keys))

    def forget(self, word: Word) -> None:
        """One word goes, as when its time is over."""
        key = word.limit.identity
        stack = self._stack(key, word.layer)
        plain = None if stack.plain == word else stack.plain
        self._put(key, word.layer, _Stack(plain, tuple(other for other in stack.timed if other != word)))

    def latest(self, layer: Layer, identity: Identity, *, plain: bool) -> Word | None:
        """What a layer said last of an identity, for good or for a time."""
        stack = self._stack(identity, layer)
        return stack.plain if plain else stack.timed[-1] if stack.timed else None

    def of_layer(self, layer: Layer, scope: Scope) -> tuple[Word, ...]:
        """All that the layer says about the scope, the oldest first: what `restore` wants."""
        return tuple(word for key in self.identities(scope) for word in self._stack(key, layer))

    def restore(self, layer: Layer, scope: Scope, words: Iterable[Word]) -> None:
        """The layer says about the scope exactly what it said before."""
        self.drop(layer, scope)
        for word in words:
            self.set(word)

    def _stack(self, key: Identity, layer: Layer) -> _Stack:
        return self._said.get(key, {}).get(layer, _NOTHING)

    def _put(self, key: Identity, layer: Layer, stack: _Stack) -> None:
        self._due_known = False
        by_layer = self._said.get(key, {})
        if stack != _NOTHING:
            self._said.setdefault(key, by_layer)[layer] = stack
            for word in stack.timed:
                if word.limit.window is not None:
                    self._windows.setdefault(word.limit.window, None)
        elif layer in by_layer:
            del by_layer[layer]
            if not by_layer:
                del self._said[key]

    # ---- time -------------------------------------------------------------------------------------------------

    def expired(self, now_ns: int) -> list[WordEnding]:
        """The ends that have come, in the order of their instants: each is to be told to `expire`."""
        found = {
            WordEnding(layer=layer, identity=identity, until_ns=word.limit.until_ns)
            for identity, layer, word in self._all()
            if word.limit.until_ns is not None and word.limit.until_ns <= now_ns
        }
        return sorted(found, key=lambda end: (end.until_ns, end.layer, str(end.identity)))

    def expire(self, layer: Layer, identity: Identity, until_ns: int) -> None:
        """The words that end at that instant, or before, say nothing any more."""
        stack = self._stack(identity, layer)
        kept = tuple(word for word in stack.timed if word.limit.until_ns is None or word.limit.until_ns > until_ns)
        self._put(identity, layer, _Stack(stack.plain, kept))

    def windows(self) -> tuple[Window, ...]:
        """The windows that words have or had: somebody has to say when each turns."""
        return tuple(self._windows)

    def edge(self, window: Window) -> tuple[bool, int | None] | None:
        """Whether a window is open and until when it stays so, as it was last said; None: nobody has said it."""
        return self._windows.get(window)

    def turn(self, window: Window, is_open: bool, until_ns: int | None) -> list[Scope]:
        """A window is open or closed until then. Gives the scopes about which a word of that window speaks."""
        self._windows[window] = (is_open, until_ns)
        self._due_known = False
        return list(dict.fromkeys(key.scope for key, _, word in self._all() if word.limit.window == window))

    def shift(self, by_ns: int) -> None:
        """All ends, and the turns of windows, come that much later."""
        self._due_known = False
        for by_layer in self._said.values():
            for layer, stack in by_layer.items():
                by_layer[layer] = _Stack(stack.plain, tuple(_later(word, by_ns) for word in stack.timed))
        for window, edge in self._windows.items():
            if edge is not None and edge[1] is not None:
                self._windows[window] = (edge[0], edge[1] + by_ns)

    def due(self) -> int | None:
        """The next instant at which a word ends or a window turns."""
        if not self._due_known:
            ends = [word.limit.until_ns for _, _, word in self._all()]
            turns = [self._turns(word.limit) for _, _, word in self._all()]
            self._due = min((instant for instant in (*ends, *turns) if instant is not None), default=None)
            self._due_known = True
        return self._due

    # ---- what is in force -------------------------------------------------------------------------------------

    def terms(self, identity: Identity) -> Terms | None:
        """What is in force; None where no word is."""
        spoken = self._spoken(identity)
        if not spoken:
            return None
        top = spoken[0].limit
        caps = [top, *(word.limit for word in spoken[1:] if word.limit.hard)]
        least = min(caps, key=_rate)
        bursts = [burst for limit in caps if (burst := _burst(limit)) is not None]
        return Terms(
            amount=_amount(least),
            per_ns=least.per_ns,
            burst=min(bursts, default=None),
            by=top.by,
            whole=top.whole,
        )

    def _spoken(self, identity: Identity) -> list[Word]:
        """What each layer says, the highest first; those that say nothing now are left out."""
        by_layer = self._said.get(identity)
        if not by_layer:
            return []
        spoken = [self._of_layer(by_layer[layer]) for layer in sorted(by_layer, reverse=True)]
        return [word for word in spoken if word is not None]

    def _of_layer(self, stack: _Stack) -> Word | None:
        for word in reversed(stack.timed):
            if self._is_open(word.limit):
                return word
        return stack.plain

    def _is_open(self, limit: Limit) -> bool:
        if limit.window is None:
            return True
        edge = self._windows.get(limit.window)
        return edge is not None and edge[0]

    def hard_below(self, word: Word) -> Word | None:
        """What a lower layer says `hard` that this word would raise: the lowest one. What says nothing now caps later."""
        if not isinstance(word.limit.amount, int):
            return None
        for below in reversed(self._spoken(word.limit.identity)):
            if below.layer < word.layer and below.limit.hard and _raises(word.limit, below.limit):
                return below
        return None

    def above(self, word: Word) -> Word | None:
        """The word of a higher layer, or of its own, that decides instead of this one; None where this one does."""
        spoken = self._spoken(word.limit.identity)
        return None if not spoken or spoken[0] == word else spoken[0]

    def begins(self, word: Word) -> int | None:
        """The instant at which a word of the top layer that is under others will be in force; None: now, or nobody knows."""
        stack = self._stack(word.limit.identity, word.layer)
        over = stack.timed if stack.plain == word else stack.timed[_place(stack.timed, word) + 1 :]
        over = tuple(other for other in over if self._is_open(other.limit))
        if not over:
            return None if self._is_open(word.limit) or word.limit.window is None else self._turns(word.limit)
        ends = [_least(other.limit.until_ns, self._turns(other.limit)) for other in over]
        known = [end for end in ends if end is not None]
        return max(known) if len(known) == len(ends) else None

    def _turns(self, limit: Limit) -> int | None:
        edge = None if limit.window is None else self._windows.get(limit.window)
        return None if edge is None else edge[1]

    def said(self, identity: Identity) -> tuple[Said, ...]:
        """Every word about an identity, those of the highest layer first, in a layer the newest first, the plain one last."""
        spoken = self._spoken(identity)
        terms = self.terms(identity)
        out: list[Said] = []
        for _, stack in sorted(self._said.get(identity, {}).items(), reverse=True):
            for word in reversed([*stack]):
                limit = word.limit
                standing: Standing = "under"
                if not self._is_open(limit):
                    standing = "outside"
                elif spoken and word is spoken[0]:
                    standing = "in force"
                elif limit.hard and any(word is one for one in spoken) and _binds(limit, spoken[0].limit, terms):
                    standing = "caps"
                out.append(Said(word=word, standing=standing, turns_ns=self._turns(limit)))
        return tuple(out)

    def identities(self, scope: Scope) -> list[Identity]:
        """What is said of a scope."""
        return [key for key in self._said if key.scope == scope]

    def all_identities(self) -> list[Identity]:
        """All that something is said of, in the order in which it was first said."""
        return list(self._said)

    def _all(self) -> Iterator[tuple[Identity, Layer, Word]]:
        for identity, by_layer in self._said.items():
            for layer, stack in by_layer.items():
                for word in stack:
                    yield identity, layer, word

    def snapshot(self) -> object:
        """Comparable, independent of the order in which words of different identity were said."""
        said = {key: {layer: tuple(stack) for layer, stack in by_layer.items()} for key, by_layer in self._said.items()}
        used = {word.limit.window for _, _, word in self._all()}
        return said, {window: edge for window, edge in self._windows.items() if window in used}


def _amount(limit: Limit) -> int:
    assert isinstance(limit.amount, int)
    return limit.amount


def _burst(limit: Limit) -> int | None:
    assert limit.burst is None or isinstance(limit.burst, int)
    return limit.burst


def _rate(limit: Limit) -> Fraction:
    """An amount, or amount over time: of one identity all are of one kind, so that they compare."""
    return Fraction(_amount(limit), limit.per_ns or 1)


def _raises(upper: Limit, hard: Limit) -> bool:
    if _rate(upper) > _rate(hard):
        return True
    most, cap = _burst(upper), _burst(hard)
    return most is not None and cap is not None and most > cap


def _binds(hard: Limit, top: Limit, terms: Terms | None) -> bool:
    """Whether what is in force is what this `hard` word leaves of the one that decides."""
    if terms is None or not _raises(top, hard):
        return False
    return _rate(hard) == Fraction(terms.amount, terms.per_ns or 1) or hard.burst == terms.burst


def _place(words: tuple[Word, ...], word: Word) -> int:
    return words.index(word) if word in words else len(words)


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def _later(word: Word, by_ns: int) -> Word:
    until_ns = word.limit.until_ns
    return word if until_ns is None else replace(word, limit=replace(word.limit, until_ns=until_ns + by_ns))


def refuse_unbuilt(limit: Limit) -> None:
    """Raise NotBuilt for the forms of a word that are not carried out yet."""
    if limit.whole:
        raise NotBuilt(f"there are no flows yet that `whole` could count: `limit {limit.scope}`")
