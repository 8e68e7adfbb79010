"""Who belongs to which keyed pool: families that come and go with words, keys that become known, pools that nobody uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from heapq import heappop, heappush, merge

from ..ir.expr import Expr
from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity
from .faults import LedgerFault
from .keyed import Family
from .passing import Passing
from .pools import Clock, Pool, SpendPool
from .search import Search
from .shapes import DemandClass, Holder, Template, Waiter, asks
from .words import Terms


class Keying:
    """The families of keyed pools, and the keys of nodes. Reads the ledger's nodes; owns nothing else of it."""

    __slots__ = (
        "_bys",
        "_clock",
        "_exprs",
        "_holders",
        "_idle",
        "_number",
        "_passing",
        "_search",
        "_templates",
        "_waiting",
        "families",
    )

    def __init__(
        self,
        clock: Clock,
        search: Search,
        passing: Passing,
        waiting: Mapping[NodeKey, Waiter],
        holders: Mapping[NodeKey, Holder],
        templates: Sequence[Template],
    ) -> None:
        self.families: dict[Identity, Family] = {}
        self._bys: dict[Template, tuple[tuple[str, Expr], ...]] = {}
        """What `bys` has said since a family came or went."""
        self._exprs: dict[str, Expr] = {}
        """By text in force → expression."""
        self._idle: list[tuple[int, int, Family, Pool]] = []
        """Heap of (instant, number, family, spend pool): nobody waits for it, and when it is as good as new."""
        self._number = 0
        self._clock = clock
        self._search = search
        self._passing = passing
        self._waiting = waiting
        self._holders = holders
        self._templates = templates

    def exprs(self) -> Set[str]:
        """The texts of which there is an expression."""
        return self._exprs.keys()

    # ---- words ------------------------------------------------------------------------------------------------

    def follow(self, identity: Identity, terms: Terms | None, dimension: Dimension) -> None:
        """Bring a family in line with what is in force: None where no word is."""
        self._bys.clear()
        family = self.families.get(identity)
        if family is None:
            if terms is not None:
                self._add(identity, terms, dimension)
        elif terms is None:
            self._remove(family)
        elif terms != family.terms:
            self.sweep()
            self._exprs[family.by] = _expr(identity, terms)
            family.say(terms)
            for pool in list(family.pools.values()):
                self._search.gained(pool)
                if not pool.classes:
                    self._part(family, pool)
            for shape in family.shapes:
                for cls in shape.classes:
                    self._passing.refront(cls)

    def _add(self, identity: Identity, terms: Terms, dimension: Dimension) -> None:
        """A limit with `by` comes to be: what runs in its scope holds a pool as soon as its key is known."""
        self._exprs[identity.by] = _expr(identity, terms)
        family = self.families[identity] = Family(identity, dimension, terms, self._clock)
        for template in self._templates:
            for shape in template.variants.values():
                if shape.join(family):
                    for cls in shape.classes:
                        self._search.rouse(cls)
                        self._passing.refront(cls)
        if family.spends:
            return
        for node, holder in self._holders.items():
            column = family.shapes.get(holder.shape)
            if column is None:
                continue
            key = holder.keys.get(family.by)
            if key is None:
                family.lacking[node] = None
            else:
                family.pool(key).hold(node, asks(holder.amounts, column))

    def _remove(self, family: Family) -> None:
        """Keys are known for as long as a limit asks for them."""
        del self.families[family.identity]
        if not any(other.by == family.by for other in self.families.values()):
            del self._exprs[family.by]
        shapes = list(family.shapes)
        for shape in shapes:
            shape.part(family)
            for cls in shape.classes:
                self._search.rouse(cls)
                self._passing.refront(cls)
        for holder in self._holders.values():
            if holder.shape in shapes:
                holder.keys = {by: key for by, key in holder.keys.items() if by in holder.shape.bys}

    # ---- keys -------------------------------------------------------------------------------------------------

    def bys(self, template: Template) -> tuple[tuple[str, Expr], ...]:
        """The texts and expressions in force for nodes of a template, by text."""
        if not self.families:
            return ()
        known = self._bys.get(template)
        if known is None:
            found = {family.by for family in self.families.values() if template.in_scope(family.scope)}
            known = self._bys[template] = tuple((by, self._exprs[by]) for by in sorted(found))
        return known

    def key(self, by: str, keyed: Iterable[tuple[NodeKey, str]]) -> list[Waiter]:
        """Keys become known; gives the waiting nodes that have another class now."""
        moving: list[tuple[int, NodeKey, str]] = []
        for node, key in keyed:
            holder = self._holders.get(node)
            if holder is not None:
                self._key_holder(node, holder, by, key)
                continue
            waiter = self._waiting.get(node)
            if waiter is not None and by in waiter.cls.lacks:
                moving.append((waiter.age, node, key))
            elif waiter is not None and waiter.cls.keys.get(by, key) != key:
                raise LedgerFault(f"node {node} has the key {waiter.cls.keys[by]} by {by}, and is given {key}")
        moving.sort()
        return self._move(by, moving)

    def _move(self, by: str, moving: list[tuple[int, NodeKey, str]]) -> list[Waiter]:
        """Waiting nodes by rising age get another class: what is one for many is looked for once."""
        moved: list[Waiter] = []
        targets: dict[tuple[DemandClass, str], DemandClass] = {}
        for age, node, key in moving:
            waiter = self._waiting[node]
            old, amounts = waiter.cls, waiter.amounts
            cls = targets.get((old, key))
            if cls is None or cls.queue.last_age() >= age:
                cls = targets[old, key] = old.shape.class_for(old.rank, {**old.keys, by: key}, age, amounts)
            self.leave(waiter)
            cls.queue.append(age, node, amounts)
            waiter.cls = cls
            moved.append(waiter)
        for cls in dict.fromkeys(waiter.cls for waiter in moved):
            self._search.rouse(cls)
            self._passing.refront(cls)
        return moved

    def _key_holder(self, node: NodeKey, holder: Holder, by: str, key: str) -> None:
        shape = holder.shape
        if by not in shape.bys:
            return
        if holder.keys.setdefault(by, key) != key:
            raise LedgerFault(f"node {node} has the key {holder.keys[by]} by {by}, and is given {key}")
        for family, column in shape.families:
            if family.by == by and node in family.lacking:
                family.pool(key).hold(node, asks(holder.amounts, column))
                self._found(family, node)

    def _found(self, family: Family, node: NodeKey) -> None:
        """A running node lacks its key no more; after the last of them others may start."""
        del family.lacking[node]
        if family.lacking:
            return
        for shape in family.shapes:
            for cls in shape.classes:
                self._search.rouse(cls)
                for pool, _ in cls.demands:
                    if pool.owner is not None:
                        self._search.gained(pool)

    def unkeyed(self, most: int) -> tuple[str, tuple[NodeKey, ...]] | None:
        """A `by` and nodes that lack its key: running ones first, then the oldest that wait."""
        for family in self.families.values():
            if family.lacking:
                same = [other for other in self.families.values() if other.by == family.by]
                nodes = {node for other in same for node in other.lacking}
                return family.by, tuple(sorted(nodes, key=lambda node: self._holders[node].since)[:most])
        for by in self._exprs:
            queues = {cls: cls.queue for f in self.families.values() if f.by == by for cls in f.keyless}
            if queues:
                found: list[NodeKey] = []
                for _, node, _ in merge(*queues.values()):
                    found.append(node)
                    if len(found) == most:
                        break
                return by, tuple(found)
        return None

    # ---- nodes ------------------------------------------------------------------------------------------------

    def release(self, node: NodeKey, holder: Holder) -> None:
        """A holder holds no more."""
        for family, _ in holder.shape.families:
            if node in family.lacking:
                self._found(family, node)
            elif not family.spends:
                pool = family.pools[holder.keys[family.by]]
                pool.release(node)
                self._search.gained(pool)
                self._part(family, pool)

    def leave(self, waiter: Waiter) -> None:
        """A waiter leaves its class, which goes with its last, and with it what is kept for nobody."""
        cls = waiter.cls
        cls.queue.remove(waiter.age)
        cls.left(waiter.age)
        if cls.queue:
            return
        cls.shape.drop(cls)
        for pool, _ in cls.keyed:
            if not pool.classes:
                self._part(self.families[pool.identity], pool)

    def _part(self, family: Family, pool: Pool) -> None:
        """A pool may be of no use any more: it goes when it differs in nothing from a new one."""
        if pool.classes or pool.holders or family.drop_idle(pool) or not isinstance(pool, SpendPool):
            return
        full = pool.full_at()
        if full is not None:
            self._number += 1
            heappush(self._idle, (full, self._number, family, pool))

    def sweep(self) -> None:
        """Drop the spend pools that nobody waits for and that are full again."""
        while self._idle and self._idle[0][0] <= self._clock.now:
            _, _, family, pool = heappop(self._idle)
            self._part(family, pool)


def _expr(identity: Identity, terms: Terms) -> Expr:
    if terms.by is None:
        raise LedgerFault(f"`by {identity.by}` has no expression")
    return terms.by
