"""The ledger recomputed from scratch, for tests: everything that is cached or derived against what it is derived from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..ir.graph import NodeKey
from .keyed import Family
from .passing import Passing
from .pools import Pool, SpendPool, rate
from .shapes import DemandClass, Holder, Shape, Template, Waiter, asks
from .words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a ledger is made of."""

    pools: Sequence[Pool]
    """Those without a key, and pauses."""
    families: Sequence[Family]
    templates: Sequence[Template]
    waiting: Mapping[NodeKey, Waiter]
    holders: Mapping[NodeKey, Holder]
    words: Words
    passing: Passing

    def check(self) -> None:
        """AssertionError where something differs."""
        for pool in self.pools:
            self._check_pool(pool, self.holders)
        for family in self.families:
            self._check_family(family)
        for shape in self._shapes():
            self._check_shape(shape)
        queued = {node: (cls, age) for cls in self._classes() for age, node, _ in cls.queue}
        assert queued == {node: (w.cls, w.age) for node, w in self.waiting.items()}, "queues and waiters differ"
        assert all(cls.queue for cls in self._classes()), "an empty class"
        assert not self.waiting.keys() & self.holders.keys(), "a node waits and runs"
        self._check_reservations()

    def _shapes(self) -> Iterator[Shape]:
        for template in self.templates:
            yield from template.variants.values()

    def _classes(self) -> Iterator[DemandClass]:
        for shape in self._shapes():
            yield from shape.classes

    def _check_pool(self, pool: Pool, holders: Mapping[NodeKey, Holder]) -> None:
        terms = self.words.terms(pool.identity)
        if isinstance(pool, SpendPool):
            assert terms is not None, f"{pool.name} has no word"
            assert not pool.holders, f"{pool.name} is held"
            amount, per_ns, burst = rate(terms, pool.dimension)
            tokens = pool.tokens
            assert (tokens.amount, tokens.per_ns, tokens.burst) == (amount, per_ns, burst), f"{pool.name}: terms"
            assert pool.capacity == (burst if amount else 0), f"{pool.name}: capacity {pool.capacity}"
            assert 0 <= pool.free() <= burst, f"{pool.name}: {pool.free()} tokens"
            assert pool.debts.keys() <= self.waiting.keys(), f"{pool.name}: debts to who is gone"
            return
        columns = {node: (h, h.shape.column(pool.scope)) for node, h in holders.items()}
        held = {node: asks(h.amounts, column) for node, (h, column) in columns.items() if column is not None}
        assert pool.holders == held, f"{pool.name}: {pool.holders} held, {held} run"
        assert pool.taken == sum(held.values()), f"{pool.name}: {pool.taken} taken"
        capacity = 0 if pool.pause else None if terms is None else terms.amount
        assert pool.capacity == capacity, f"{pool.name}: capacity {pool.capacity}, the words say {capacity}"

    def _check_family(self, family: Family) -> None:
        by, name = family.by, family.identity
        assert family.terms == self.words.terms(family.identity), f"{name}: terms"
        inside = {node: h for node, h in self.holders.items() if h.shape.column(family.scope) is not None}
        lacking = {node for node, h in inside.items() if by not in h.keys}
        assert family.lacking.keys() == (set() if family.spends else lacking), f"{name}: keys of running nodes"
        classes = {cls for cls in self._classes() if cls.shape.column(family.scope) is not None}
        assert family.keyless.keys() == {cls for cls in classes if by not in cls.keys}, f"{name}: classes without a key"
        for key, pool in family.pools.items():
            assert (pool.key, pool.identity) == (key, family.identity), f"{name}: {pool.name} under {key}"
            assert pool.classes.keys() == {cls for cls in classes if cls.keys.get(by) == key}, f"{pool.name}: classes"
            assert pool.classes or pool.holders or pool.spends, f"{pool.name} is kept for nobody"
            self._check_pool(pool, {node: h for node, h in inside.items() if h.keys.get(by) == key})
        held = {h.keys[by] for node, h in inside.items() if node not in family.lacking and not family.spends}
        assert family.pools.keys() >= held | {cls.keys[by] for cls in classes if by in cls.keys}, (
            f"{name}: a key has none"
        )

    def _check_shape(self, shape: Shape) -> None:
        task = shape.template.task
        demanded = {pool for pool in self.pools if shape.column(pool.scope) is not None}
        assert {pool for pool, _ in shape.demands} == demanded, f"demands of {task}"
        families = {family for family in self.families if shape.column(family.scope) is not None}
        assert {family for family, _ in shape.families} == families, f"families of {task}"
        assert set(shape.bys) == {family.by for family in families}, f"by texts of {task}"
        labels = {cls: label for label, found in shape.open.items() for cls in found}
        assert labels == {cls: cls.label for cls in shape.classes}, f"labels of {task}"
        for cls in shape.classes:
            keyed = {(f.pools[cls.keys[f.by]], column) for f, column in shape.families if f.by in cls.keys}
            assert set(cls.keyed) == keyed, f"keyed demands of {task}"
            assert set(cls.demands) == {*shape.demands, *keyed}, f"demands of a class of {task}"
            assert set(cls.lacks) == set(shape.bys) - cls.keys.keys(), f"keys that a class of {task} lacks"
            assert cls.keys.keys() <= set(shape.bys), f"keys of {task} that nobody asks for"

    def _check_reservations(self) -> None:
        claims = self.passing.claims
        assert all(self.waiting.get(node) is waiter for node, waiter in claims.items()), "a claim of one who is gone"
        numbers = [waiter.claim for waiter in claims.values()]
        assert None not in numbers, "a claim without a number"
        assert [w for w in self.waiting.values() if w.claim is not None or w.claimed or w.is_reserved] == [
            w for w in self.waiting.values() if w in claims.values()
        ], "claims"
        claimed: set[Pool] = set()
        kept: dict[Pool, tuple[int, Waiter]] = {}
        for waiter in claims.values():
            wanted = [demand for demand in waiter.cls.demands if demand[0].capacity is not None]
            eligible = waiter.eligible()
            assert waiter.claimed == (wanted if eligible else []), "what a claim is on"
            first = eligible and bool(wanted) and not claimed & {pool for pool, _ in wanted}
            assert waiter.is_reserved == first, "a reservation"
            if first:
                kept |= {pool: (asks(waiter.amounts, column), waiter) for pool, column in wanted}
            if eligible:
                claimed |= {pool for pool, _ in wanted}
        for pool in self._every():
            amount, owner = kept.get(pool, (0, None))
            assert (pool.reserved, pool.owner) == (amount, owner), f"{pool.name}: {pool.reserved} is kept back"

    def _every(self) -> Iterable[Pool]:
        yield from self.pools
        for family in self.families:
            yield from family.pools.values()
