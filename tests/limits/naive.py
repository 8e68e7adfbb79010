"""A naive ledger: the same rules by a scan over all nodes at every question. Slow, and short enough to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from math import ceil

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Identity, Layer, Limit, Scope

PATIENCE = 64

Name = tuple[Identity, str | None, bool]
"""A pool: identity, key, whether it is a pause."""
Rate = tuple[int, int, int]
"""Amount, each so many nanoseconds, burst."""


class Node:
    """A node that waits or runs."""

    def __init__(self, key: NodeKey, shape: int, rank: tuple[int, ...], age: int, amounts: tuple[int, ...]) -> None:
        self.key = key
        self.shape = shape
        self.order = (rank, age)
        self.age = age
        self.amounts = amounts
        self.keys: dict[str, str] = {}
        self.asks: dict[Scope, int] = {}
        """What was found out once: it never changes."""
        self.passes = 0
        self.since = -1


class NaiveLedger:
    """Everything is computed from words, pauses, nodes, claims, debts and what was left in buckets at some instant."""

    def __init__(self) -> None:
        self.shapes: list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = []
        self.words: dict[tuple[Layer, Identity], Limit] = {}
        self._terms: dict[Identity, Limit] = {}
        self.pauses: set[Scope] = set()
        self.waiting: dict[NodeKey, Node] = {}
        self.holders: dict[NodeKey, Node] = {}
        self.claims: list[NodeKey] = []
        self.levels: dict[tuple[Identity, str | None], tuple[Fraction, int]] = {}
        """Tokens that there were at an instant; a bucket that is not here is full."""
        self.debts: dict[tuple[Name, NodeKey], int] = {}
        self.now = 0
        self.tick = 0

    # ---- words --------------------------------------------------------------------------------------------------

    def terms(self) -> dict[Identity, Limit]:
        """What is in force: the highest word, of which every `hard` one caps the amount."""
        return self._terms

    def _in_force(self) -> dict[Identity, Limit]:
        out: dict[Identity, Limit] = {}
        for identity in {i for _, i in self.words}:
            said = {layer: limit for (layer, i), limit in self.words.items() if i == identity}
            capped = [w for layer, w in said.items() if layer == max(said) or w.hard]
            least = min(capped, key=lambda w: w.amount if isinstance(w.amount, int) else 0)
            out[identity] = said[max(said)] if identity.kind == "spend" else least
        return out

    def rate(self, identity: Identity) -> Rate:
        """What a spend pool's bucket is made of."""
        limit = self.terms()[identity]
        assert isinstance(limit.amount, int)
        assert limit.per_ns is not None
        assert limit.burst is None or isinstance(limit.burst, int)
        unit = 1000 if str(identity.scope) == "cpu" else 1
        return limit.amount, limit.per_ns, unit if limit.burst is None else limit.burst

    def change(self, said: dict[tuple[Layer, Identity], Limit]) -> None:
        """Other words are said: what is left in buckets is carried over, keys that nobody asks for are forgotten."""
        before = self.terms()
        changed = {i for i in before if i.kind == "spend"}
        for identity in changed:
            self._settle(identity)
        self.words = said
        self._terms = after = self._in_force()
        for identity in changed:
            same = identity in after and _sense(before[identity]) == _sense(after[identity])
            if identity not in after:
                self.levels = {k: v for k, v in self.levels.items() if k[0] != identity}
            elif not same:
                self._forget_full(identity)
        self.debts = {k: v for k, v in self.debts.items() if k[0][0] in after}
        for node in (*self.waiting.values(), *self.holders.values()):
            node.keys = {by: key for by, key in node.keys.items() if by in self.bys(node)}

    def _settle(self, identity: Identity) -> None:
        amount, per_ns, burst = self.rate(identity)
        keys = {k for i, k in self.levels if i == identity}
        keys |= {None} if not identity.by else self._awaited(identity)
        for key in keys:
            level, at = self.levels.get((identity, key), (Fraction(burst), self.now))
            if self.now > at:
                level = min(Fraction(burst), level + Fraction(amount * (self.now - at), per_ns))
            self.levels[identity, key] = (level, self.now)
        self._forget_full(identity)

    def _awaited(self, identity: Identity) -> set[str | None]:
        return {
            n.keys[identity.by]
            for n in self.waiting.values()
            if identity.by in n.keys and self.demand(n, identity.scope)
        }

    def _forget_full(self, identity: Identity) -> None:
        """A bucket that nobody waits for and that is full is none."""
        burst = self.rate(identity)[2]
        awaited = self._awaited(identity)
        for at in [k for k in self.levels if k[0] == identity and k[1] is not None and k[1] not in awaited]:
            if self.levels[at][0] >= burst:
                del self.levels[at]

    # ---- pools --------------------------------------------------------------------------------------------------

    def demand(self, node: Node, scope: Scope) -> int:
        """What a node asks of a pool of this scope."""
        known = node.asks.get(scope)
        if known is None:
            known = node.asks[scope] = self._demand(node, scope)
        return known

    def _demand(self, node: Node, scope: Scope) -> int:
        task, tags, flows, resources = self.shapes[node.shape]
        match scope.kind:
            case "resource":
                return dict(zip(resources, node.amounts, strict=True)).get(scope.pattern, 0)
            case "global":
                return 1
            case "task":
                return int(fnmatchcase(task, scope.pattern))
            case "tag":
                return int(any(fnmatchcase(tag, scope.pattern) for tag in tags))
            case "flow":
                return int(any(fnmatchcase(flow, scope.pattern) for flow in flows))

    def bys(self, node: Node) -> set[str]:
        """The keys that are asked of a node."""
        return {i.by for i in self.terms() if i.by and self.demand(node, i.scope)}

    def demands(self, node: Node) -> dict[Name, int]:
        """Pool → what the node asks of it, more than 0; pools whose key is not known are left out."""
        out: dict[Name, int] = {}
        for identity in self.terms():
            if amount := self.demand(node, identity.scope):
                if not identity.by:
                    out[identity, None, False] = amount
                elif identity.by in node.keys:
                    out[identity, node.keys[identity.by], False] = amount
        out |= {(Identity(s), None, True): amount for s in self.pauses if (amount := self.demand(node, s))}
        return out

    def capacity(self, name: Name) -> int:
        """The most that one node may ask."""
        identity, _, is_pause = name
        if is_pause:
            return 0
        if identity.kind == "spend":
            amount, _, burst = self.rate(identity)
            return burst if amount else 0
        amount = self.terms()[identity].amount
        assert isinstance(amount, int)
        return amount

    def free(self, name: Name) -> int:
        """What nobody holds; of a bucket the tokens that are there."""
        identity, key, is_pause = name
        if identity.kind == "spend" and not is_pause:
            amount, per_ns, burst = self.rate(identity)
            level, at = self.levels.get((identity, key), (Fraction(burst), self.now))
            return int(min(Fraction(burst), level + Fraction(amount * (self.now - at), per_ns))) if amount else 0
        return self.capacity(name) - sum(self.demands(h).get(name, 0) for h in self.holders.values())

    def covered(self, name: Name, amount: int) -> int | None:
        """The first instant at which time alone leaves so much."""
        identity, key, is_pause = name
        if amount <= self.free(name):
            return self.now
        if is_pause or identity.kind == "hold" or amount > self.capacity(name):
            return None
        rate, per_ns, burst = self.rate(identity)
        level, at = self.levels.get((identity, key), (Fraction(burst), self.now))
        return at + ceil((amount - level) * per_ns / rate)

    def lacks(self, node: Node) -> bool:
        """Whether a key of it is wanted."""
        return not self.bys(node) <= node.keys.keys()

    def barred(self, node: Node) -> bool:
        """Whether keys are awaited: its own, or of who runs under a limit of its own."""
        families = [i for i in self.terms() if i.by and i.kind == "hold" and self.demand(node, i.scope)]
        return self.lacks(node) or any(
            i.by not in h.keys for i in families for h in self.holders.values() if self.demand(h, i.scope)
        )

    def eligible(self, node: Node) -> bool:
        """Whether it would fit an empty machine."""
        return not self.lacks(node) and all(amount <= self.capacity(p) for p, amount in self.demands(node).items())

    def reserved(self) -> dict[Name, tuple[NodeKey, int]]:
        """Pool → the node that has it reserved, and what is kept back."""
        out: dict[Name, tuple[NodeKey, int]] = {}
        claimed: set[Name] = set()
        for key in self.claims:
            if self.eligible(self.waiting[key]):
                wanted = self.demands(self.waiting[key])
                if not claimed & wanted.keys():
                    out |= {pool: (key, amount) for pool, amount in wanted.items()}
                claimed |= wanted.keys()
        return out

    # ---- choice -------------------------------------------------------------------------------------------------

    def _asked(self, node: Node, reserved: Mapping[Name, tuple[NodeKey, int]]) -> dict[Name, int]:
        """What has to be free for it: its demand, and what is kept back for others."""
        return {
            pool: amount + sum(kept for owner, kept in [reserved[pool]] if owner != node.key)
            if pool in reserved
            else amount
            for pool, amount in self.demands(node).items()
        }

    def choose(self) -> NodeKey | None:
        """The first in order that fits what is free less what is kept back for others."""
        reserved = self.reserved()
        for node in sorted(self.waiting.values(), key=lambda n: n.order):
            if not self.barred(node) and all(a <= self.free(p) for p, a in self._asked(node, reserved).items()):
                return node.key
        return None

    def due(self) -> int | None:
        """The first instant at which time alone lets a node start."""
        reserved = self.reserved()
        instants: list[int] = []
        for node in self.waiting.values():
            covered = [self.covered(p, a) for p, a in self._asked(node, reserved).items()]
            if not self.barred(node) and None not in covered:
                instants.append(max(c for c in covered if c is not None))
        return min(instants, default=None)

    def _first(self, pool: Name) -> Node | None:
        found = [n for n in self.waiting.values() if self.eligible(n) and pool in self.demands(n)]
        return min(found, key=lambda n: n.order, default=None)

    def count_passes(self, x: Node, overtaken: list[tuple[Name, Node]]) -> None:
        """x has just started. Each first of a pool that it took from, and that waits for those that passed it, is passed."""
        passed: set[NodeKey] = set()
        for pool, f in overtaken:
            if self.demands(f)[pool] <= self.free(pool):
                continue
            before = [h for h in self.holders.values() if not (h.since > f.age and h.order > f.order)]
            if all(self._without_passers(p, f, amount, before) for p, amount in self.demands(f).items()):
                passed.add(f.key)
        for node in sorted((self.waiting[key] for key in passed), key=lambda n: n.order):
            node.passes = min(PATIENCE, node.passes + 1)
            if node.passes == PATIENCE and node.key not in self.claims:
                self.claims.append(node.key)

    def _without_passers(self, pool: Name, f: Node, amount: int, before: list[Node]) -> bool:
        """Whether f would have what it asks, had nobody passed it."""
        identity, _, is_pause = pool
        if identity.kind == "spend" and not is_pause:
            return amount <= self.free(pool) + self.debts.get((pool, f.key), 0)
        return amount <= self.capacity(pool) - sum(self.demands(h).get(pool, 0) for h in before)

    # ---- nodes --------------------------------------------------------------------------------------------------

    def enqueue(
        self, key: NodeKey, shape: int, rank: tuple[int, ...], amounts: tuple[int, ...], keys: Mapping[str, str]
    ) -> None:
        """A node waits."""
        node = self.waiting[key] = Node(key, shape, rank, self.tick, amounts)
        node.keys = {by: keys[by] for by in self.bys(node) if by in keys}
        self.tick += 1

    def key(self, by: str, keyed: list[tuple[NodeKey, str]]) -> None:
        """Keys become known."""
        for key, value in keyed:
            node = self.waiting.get(key) or self.holders.get(key)
            if node is not None and by in self.bys(node):
                node.keys[by] = value

    def withdraw(self, key: NodeKey) -> None:
        """A waiting node goes."""
        del self.waiting[key]
        self.claims = [k for k in self.claims if k != key]
        self.debts = {k: v for k, v in self.debts.items() if k[1] != key}

    def start(self, key: NodeKey) -> None:
        """A waiting node runs."""
        node = self.waiting[key]
        self.withdraw(key)
        taken = self.demands(node)
        overtaken = [(p, f) for p in taken if (f := self._first(p)) is not None and f.order < node.order]
        node.since = self.tick
        self.tick += 1
        self.holders[key] = node
        for pool, amount in taken.items():
            identity, at, is_pause = pool
            if identity.kind == "spend" and not is_pause:
                rate, per_ns, burst = self.rate(identity)
                level, since = self.levels.get((identity, at), (Fraction(burst), self.now))
                level = min(Fraction(burst), level + Fraction(rate * (self.now - since), per_ns))
                self.levels[identity, at] = (level - amount, self.now)
        for pool, f in overtaken:
            if pool[0].kind == "spend" and not pool[2]:
                self.debts[pool, f.key] = self.debts.get((pool, f.key), 0) + taken[pool]
        self.count_passes(node, overtaken)

    def finish(self, key: NodeKey) -> None:
        """A running node goes."""
        del self.holders[key]

    def set_word(self, word: Word) -> None:
        """A layer says a word."""
        self.change({**self.words, (word.layer, word.limit.identity): word.limit})

    def drop_word(self, layer: Layer, scope: Scope) -> None:
        """A layer takes back what it says of a scope."""
        self.change({k: w for k, w in self.words.items() if not (k[0] == layer and k[1].scope == scope)})

    def drop_layer(self, layer: Layer) -> None:
        """A layer takes everything back."""
        self.change({k: w for k, w in self.words.items() if k[0] != layer})


def _sense(limit: Limit) -> tuple[object, ...]:
    return limit.amount, limit.per_ns, limit.burst
