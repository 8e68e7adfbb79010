"""A naive ledger: the same rules by a scan over all nodes at every question. Slow, and short enough to be believed."""

from __future__ import annotations

from fnmatch import fnmatchcase

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer, Limit, Scope

PATIENCE = 64


class Node:
    """A node that waits or runs."""

    def __init__(self, key: NodeKey, shape: int, rank: tuple[int, ...], age: int, amounts: tuple[int, ...]) -> None:
        self.key = key
        self.shape = shape
        self.order = (rank, age)
        self.age = age
        self.amounts = amounts
        self.passes = 0
        self.since = -1


class NaiveLedger:
    """Everything is computed from words, pauses, nodes and claims."""

    def __init__(self) -> None:
        self.shapes: list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = []
        self.words: dict[tuple[Layer, Scope], Limit] = {}
        self.pauses: set[Scope] = set()
        self.waiting: dict[NodeKey, Node] = {}
        self.holders: dict[NodeKey, Node] = {}
        self.claims: list[NodeKey] = []
        self.tick = 0

    def capacities(self) -> dict[str, tuple[Scope, int]]:
        """Pool → scope and capacity."""
        out: dict[str, tuple[Scope, int]] = {}
        for scope in {s for _, s in self.words}:
            said = {layer: limit for (layer, s), limit in self.words.items() if s == scope}
            amounts = [w.amount for layer, w in said.items() if layer == max(said) or w.hard]
            out[str(scope)] = (scope, min(a for a in amounts if isinstance(a, int)))
        return out | {f"pause {scope}": (scope, 0) for scope in self.pauses}

    def demand(self, node: Node, scope: Scope) -> int:
        """What a node asks of a pool of this scope."""
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

    def demands(self, node: Node) -> dict[str, int]:
        """Pool → what the node asks of it, more than 0."""
        asked = {pool: self.demand(node, scope) for pool, (scope, _) in self.capacities().items()}
        return {pool: amount for pool, amount in asked.items() if amount}

    def free(self) -> dict[str, int]:
        """Pool → what nobody holds."""
        return {
            pool: capacity - sum(self.demand(h, scope) for h in self.holders.values())
            for pool, (scope, capacity) in self.capacities().items()
        }

    def eligible(self, node: Node) -> bool:
        """Whether it would fit an empty machine."""
        capacities = self.capacities()
        return all(amount <= capacities[pool][1] for pool, amount in self.demands(node).items())

    def reserved(self) -> dict[str, tuple[NodeKey, int]]:
        """Pool → the node that has it reserved, and what is kept back."""
        out: dict[str, tuple[NodeKey, int]] = {}
        claimed: set[str] = set()
        for key in self.claims:
            if self.eligible(self.waiting[key]):
                wanted = self.demands(self.waiting[key])
                if not claimed & wanted.keys():
                    out |= {pool: (key, amount) for pool, amount in wanted.items()}
                claimed |= wanted.keys()
        return out

    def choose(self) -> NodeKey | None:
        """The first in order that fits what is free less what is kept back for others."""
        free, reserved = self.free(), self.reserved()
        for node in sorted(self.waiting.values(), key=lambda n: n.order):
            kept = {pool: amount for pool, (owner, amount) in reserved.items() if owner != node.key}
            if all(amount <= free[pool] - kept.get(pool, 0) for pool, amount in self.demands(node).items()):
                return node.key
        return None

    def count_passes(self, x: Node) -> None:
        """x has just started. Each front of a pool that it took from, and that waits for those that passed it, is passed."""
        free, capacities = self.free(), self.capacities()
        passed: set[NodeKey] = set()
        for pool in self.demands(x):
            fronts = [n for n in self.waiting.values() if self.eligible(n) and pool in self.demands(n)]
            f = min(fronts, key=lambda n: n.order, default=None)
            if f is None or f.order > x.order or self.demands(f)[pool] <= free[pool]:
                continue
            before = [h for h in self.holders.values() if not (h.since > f.age and h.order > f.order)]
            if all(
                amount <= capacities[p][1] - sum(self.demand(h, capacities[p][0]) for h in before)
                for p, amount in self.demands(f).items()
            ):
                passed.add(f.key)
        for node in sorted((self.waiting[key] for key in passed), key=lambda n: n.order):
            node.passes = min(PATIENCE, node.passes + 1)
            if node.passes == PATIENCE and node.key not in self.claims:
                self.claims.append(node.key)

    def enqueue(self, key: NodeKey, shape: int, rank: tuple[int, ...], amounts: tuple[int, ...]) -> None:
        """A node waits."""
        self.waiting[key] = Node(key, shape, rank, self.tick, amounts)
        self.tick += 1

    def withdraw(self, key: NodeKey) -> None:
        """A waiting node goes."""
        del self.waiting[key]
        self.claims = [k for k in self.claims if k != key]

    def start(self, key: NodeKey) -> None:
        """A waiting node runs."""
        node = self.waiting[key]
        self.withdraw(key)
        node.since = self.tick
        self.tick += 1
        self.holders[key] = node
        self.count_passes(node)

    def finish(self, key: NodeKey) -> None:
        """A running node goes."""
        del self.holders[key]

    def set_word(self, word: Word) -> None:
        """A layer says a word."""
        self.words[word.layer, word.limit.scope] = word.limit

    def drop_word(self, layer: Layer, scope: Scope) -> None:
        """A layer takes a word back."""
        self.words.pop((layer, scope), None)
