"""What is in force, and what may run under it: said again from scratch, slowly, with nothing of the ledger in it.

`InForce` follows the words that were said and knows the hour; `Watch` follows starts and ends and holds each start to
every word in force at its instant. Demands are whole numbers, buckets are fractions, every question is a scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from fractions import Fraction
from math import ceil
from typing import Literal, cast

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Identity, Layer, Scope, Window


@dataclass(frozen=True, slots=True)
class Rate:
    """A capacity where `per_ns` is None, else so much each `per_ns`, and at once as much as `burst`."""

    amount: int
    per_ns: int | None = None
    burst: int = 0

    @property
    def speed(self) -> Fraction:
        """Units each nanosecond."""
        assert self.per_ns is not None
        return Fraction(self.amount, self.per_ns)

    @property
    def most(self) -> int:
        """What one call may ask on an empty machine."""
        return self.amount if self.per_ns is None or not self.amount else self.burst


class InForce:
    """The words of all layers at an instant."""

    def __init__(self) -> None:
        self.said: list[Word] = []
        """In the order in which they were said; what was replaced or taken back is not among them."""
        self.open: dict[Window, bool] = {}
        self.pauses: dict[Scope, int | None] = {}
        """Until when; None: until it is lifted."""
        self.patches: dict[tuple[Scope, str], int] = {}
        """What an operator has set, the newest last; of the priority the name is empty."""
        self.before: list[tuple[str, object]] = []
        """Of each change of an operator what it was about, and all that was said before it."""

    def say(self, word: Word) -> None:
        """A plain word replaces the plain one of its layer and identity; one with a time lies over it."""
        limit = word.limit
        if limit.amount is None:
            self.said = [w for w in self.said if (w.layer, w.limit.identity) != (word.layer, limit.identity)]
            return
        if limit.is_plain:
            self.said = [
                w
                for w in self.said
                if (w.layer, w.limit.identity) != (word.layer, limit.identity) or not w.limit.is_plain
            ]
        self.said.append(word)

    def drop(self, layer: Layer, scope: Scope) -> None:
        """A layer says nothing any more about a scope."""
        self.said = [w for w in self.said if w.layer != layer or w.limit.scope != scope]

    def expire(self, layer: Layer, identity: Identity, until_ns: int) -> None:
        """What ends by then is no more said."""
        self.said = [
            w
            for w in self.said
            if (w.layer, w.limit.identity) != (layer, identity) or (w.limit.until_ns or until_ns + 1) > until_ns
        ]

    def keep(self, about: Literal["words", "pauses", "patches", "drain", "end", "bar"]) -> None:
        """An operator is about to change something. `end` is taken back by going on alone, `bar` never."""
        kept: object = None
        match about:
            case "words":
                kept = [w for w in self.said if w.layer == Layer.LIVE]
            case "pauses":
                kept = dict(self.pauses)
            case "patches":
                kept = dict(self.patches)
            case _:
                pass
        self.before.append((about, kept))

    def may_undo(self) -> bool:
        """Whether the newest change can be taken back."""
        return bool(self.before) and self.before[-1][0] not in ("end", "bar")

    def undo(self, now: int) -> None:
        """The newest change has never been; what has ended meanwhile stays away."""
        assert self.may_undo(), "something was undone that cannot be"
        about, kept = self.before.pop()
        match about:
            case "words":
                live = [w for w in cast(list[Word], kept) if w.limit.until_ns is None or w.limit.until_ns > now]
                self.said = [w for w in self.said if w.layer != Layer.LIVE] + live
            case "pauses":
                pauses = cast(dict[Scope, "int | None"], kept)
                self.pauses = {scope: until for scope, until in pauses.items() if until is None or until > now}
            case "patches":
                self.patches = cast(dict[tuple[Scope, str], int], kept)
            case _:
                pass

    def go_on(self) -> None:
        """Another engine takes over: that the run was to end is taken back."""
        self.before = [change for change in self.before if change[0] not in ("drain", "end")]

    def shift(self, by_ns: int) -> None:
        """All ends come that much later."""
        self.said = [_later(w, by_ns) for w in self.said]
        self.pauses = _later_pauses(self.pauses, by_ns)
        for at, (about, kept) in enumerate(self.before):
            if about == "words":
                self.before[at] = about, [_later(w, by_ns) for w in cast(list[Word], kept)]
            elif about == "pauses":
                self.before[at] = about, _later_pauses(cast(dict[Scope, "int | None"], kept), by_ns)

    def patch(self, scope: Scope, amounts: Iterable[tuple[str, int | None]]) -> None:
        """An operator sets demands, or the priority, of what is in a scope."""
        for what, amount in amounts:
            self.patches.pop((scope, what), None)
            if amount is not None:
                self.patches[scope, what] = amount

    def identities(self) -> list[Identity]:
        """What anything is said about."""
        return list(dict.fromkeys(w.limit.identity for w in self.said))

    def holds(self, word: Word, now: int) -> bool:
        """Whether a word says anything at this instant."""
        limit = word.limit
        if limit.until_ns is not None and limit.until_ns <= now:
            return False
        return limit.window is None or self.open.get(limit.window, False)

    def rate(self, identity: Identity, now: int) -> Rate | None:
        """What is in force for an identity; None: nothing."""
        mine = [w for w in self.said if w.limit.identity == identity and self.holds(w, now)]
        if not mine:
            return None
        said: dict[Layer, Rate] = {}
        hard: list[Rate] = []
        for layer in sorted({w.layer for w in mine}):
            here = [w for w in mine if w.layer == layer]
            timed = [w for w in here if not w.limit.is_plain]
            word = timed[-1] if timed else here[-1]
            assert isinstance(word.limit.amount, int)
            assert word.limit.burst is None or isinstance(word.limit.burst, int)
            said[layer] = Rate(word.limit.amount, word.limit.per_ns, word.limit.burst or 0)
            if word.limit.hard:
                hard.append(said[layer])
        top = said[max(said)]
        for cap in hard:
            if top.per_ns is None:
                top = Rate(min(top.amount, cap.amount))
            else:
                slower = min((top, cap), key=lambda rate: rate.speed)
                top = Rate(slower.amount, slower.per_ns, min(top.burst, cap.burst))
        return top

    def paused(self, now: int) -> list[Scope]:
        """The scopes that are paused."""
        return [scope for scope, until in self.pauses.items() if until is None or until > now]


@dataclass(frozen=True, slots=True)
class Asks:
    """What a call asks for, and what it is known by."""

    task: str
    tags: tuple[str, ...]
    amounts: Mapping[str, int]
    keys: Mapping[str, str]

    def demand(self, identity: Identity) -> int:
        """How much it asks of a pool of that identity; 0: it has nothing to do with it."""
        scope = identity.scope
        match scope.kind:
            case "resource":
                return self.amounts.get(scope.pattern, 0)
            case "global":
                return 1
            case "task":
                return int(fnmatchcase(self.task, scope.pattern))
            case "tag":
                return int(any(fnmatchcase(tag, scope.pattern) for tag in self.tags))
            case "flow":
                return 0


def _later(word: Word, by_ns: int) -> Word:
    end = word.limit.until_ns
    return word if end is None else replace(word, limit=replace(word.limit, until_ns=end + by_ns))


def _later_pauses(pauses: Mapping[Scope, int | None], by_ns: int) -> dict[Scope, int | None]:
    return {scope: None if until is None else until + by_ns for scope, until in pauses.items()}


Terms = list[tuple[Identity, Rate]]
Name = tuple[Identity, str]
"""A pool: what it is about, and its key, empty where it has none."""


@dataclass(slots=True)
class Spent:
    """What was taken of a bucket while something was in force for it without a break."""

    starts: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """(instant, amount)."""
    terms: list[tuple[int, Rate]] = field(default_factory=list[tuple[int, Rate]])
    """From when which rate held."""

    def refill(self, start: int, end: int) -> Fraction:
        """What came in meanwhile."""
        total = Fraction(0)
        for at, (since, rate) in enumerate(self.terms):
            until = self.terms[at + 1][0] if at + 1 < len(self.terms) else end
            total += rate.speed * max(0, min(until, end) - max(since, start))
        return total

    def burst(self, start: int, end: int) -> int:
        """The largest burst that held meanwhile."""
        found = [
            rate.burst
            for at, (since, rate) in enumerate(self.terms)
            if since <= end and (at + 1 == len(self.terms) or self.terms[at + 1][0] >= start)
        ]
        return max(found)


class Watch:
    """Who runs, and what was spent."""

    def __init__(self) -> None:
        self.words = InForce()
        self.running: dict[NodeKey, Asks] = {}
        self.spent: dict[Name, Spent] = {}
        self.rates: dict[Identity, set[Rate]] = {}
        """All that was in force for an identity without a break: its buckets carry over what is left from one to the next."""

    def terms(self, now: int) -> Terms:
        """All that is in force."""
        rates = [(identity, self.words.rate(identity, now)) for identity in self.words.identities()]
        return [(identity, rate) for identity, rate in rates if rate is not None]

    def pools(self, asks: Asks, now: int, terms: Terms | None = None) -> Iterator[tuple[Name, Rate, int]]:
        """The pools from which a call takes, with their terms and what it asks."""
        for identity, rate in self.terms(now) if terms is None else terms:
            need = asks.demand(identity)
            if need:
                yield (identity, asks.keys[identity.by] if identity.by else ""), rate, need

    def taken(self, name: Name) -> int:
        """What those who run hold of a pool."""
        identity, key = name
        return sum(
            other.demand(identity)
            for other in self.running.values()
            if not identity.by or other.keys.get(identity.by) == key
        )

    def look(self, now: int) -> None:
        """Keep the history of rates; to be called whenever something may have changed."""
        terms = dict(self.terms(now))
        self.rates = {identity: self.rates.get(identity, set()) | {rate} for identity, rate in terms.items()}
        for name, spent in list(self.spent.items()):
            rate = terms.get(name[0])
            if rate is None or rate.per_ns is None:
                del self.spent[name]
            elif spent.terms[-1][1] != rate:
                spent.terms.append((now, rate))

    def start(self, key: NodeKey, asks: Asks, now: int) -> None:
        """A call starts: every word in force must allow it."""
        assert key not in self.running, f"{key} runs twice"
        for scope in self.words.paused(now):
            assert not asks.demand(Identity(scope)), f"{key} starts, {scope} is paused"
        self.look(now)
        for name, rate, need in self.pools(asks, now):
            if rate.per_ns is None:
                assert self.taken(name) + need <= rate.amount, f"{key} starts over {name[0]} of {rate.amount}"
                continue
            assert rate.amount, f"{key} starts under {name[0]} of nothing"
            spent = self.spent.setdefault(name, Spent(terms=[(now, rate)]))
            spent.starts.append((now, need))
            total = 0
            for since, amount in reversed(spent.starts):
                total += amount
                most = spent.burst(since, now) + spent.refill(since, now)
                assert total <= most, f"{name[0]}: {total} in {now - since} ns, {float(most)} may be"
        self.running[key] = asks

    def end(self, key: NodeKey) -> None:
        """A call holds no more."""
        assert key in self.running, f"{key} ends, and it does not run"
        del self.running[key]

    def affordable(self, asks: Asks, now: int, terms: Terms | None = None) -> int | None:
        """The first instant at which its rates allow a call, if nobody else takes any; None: never, or that cannot be told."""
        instant = now
        for name, rate, need in self.pools(asks, now, terms):
            if rate.per_ns is None:
                continue
            if not rate.amount or need > rate.burst:
                return None
            if len(self.rates[name[0]]) > 1:
                return None
            spent = self.spent.get(name)
            if spent is None:
                continue
            total = need
            for since, amount in reversed(spent.starts):
                total += amount
                instant = max(instant, since + ceil((total - rate.burst) / rate.speed))
        return instant

    def refusing(self, asks: Asks, now: int, terms: Terms | None = None) -> list[str]:
        """The hold pools and pauses that have no room for a call; rates are left aside."""
        found = [str(scope) for scope in self.words.paused(now) if asks.demand(Identity(scope))]
        for name, rate, need in self.pools(asks, now, terms):
            if rate.per_ns is None and self.taken(name) + need > rate.amount:
                found.append(str(name[0]))
        return found

    def starved(self, asks: Asks, terms: Terms) -> list[tuple[Identity, int]]:
        """The resources of which a call wants more than there is on an empty machine, and how much that is."""
        found: list[tuple[Identity, int]] = []
        for identity, rate in terms:
            if identity.scope.kind == "resource" and asks.demand(identity) > rate.most:
                found.append((identity, rate.most))
        return found
