"""The ledger: which waiting node may start now. Pure, deterministic, the one owner of pools and of what they hold.

Algorithm
---------
*Pools.* A resource has a pool; a scoped limit makes one on which each node in its scope asks 1; a pause makes one of
capacity 0. `Words` gives capacities. What is taken is the sum over the pool's holders.

*Classes.* Nodes of one template whose amounts are zero in the same places are a shape: they demand the same pools.
Nodes of one shape and rank are a class, a `NodeQueue` in the order of age. Global order is (rank, age).

*Choice.* A heap `_ready` holds classes under a lower bound of the order of their first node that fits. `choose` pops
the least, looks whether it fits (shared pools once, then the descent in the queue) and puts it back under the exact
order, until the top is exact. A class that a pool refuses whole goes to sleep in the pool's bucket for its least need;
room on the pool wakes only buckets that now fit, and a bucket stands in `_ready` as one entry under its best sleeper:
5000 one-node classes that wait for one core cost one look each time a core becomes free. A class whose nodes
are refused by one pool here, another there sleeps jointly: any room on a pool that varies wakes it. When `choose`
says None, every class sleeps, so that the next turn costs only what its changes woke. Heap entries are never searched
for: a class's stamp voids them.

*Passing.* When x starts, then for each pool P that it takes from, let f be the first in order of the waiting nodes that
demand P and would fit an empty machine. x has passed f when f is before it in order, lacks P after the start, and
lacks no pool but through holders that passed it too (later in order, started after f was queued): a node that waits
for `task:slow` behind an older slow one is not delayed by what takes cpu meanwhile. At 64 passes f claims its pools. A claim is a reservation unless an older claim shares a pool, or the node would not fit an empty machine now
(starved, paused). Of a reserved pool others may take only what leaves the reserved demand free: nothing where it is
lacking. Claims are on disjoint pools, so each reserved pool only drains until the node fits.
Why this suffices: once the nodes before f have ended, every start that keeps f waiting is a pass; a bounded number of
those and f is reserved, or none and its pools drain.

What would force a redesign: pools that a node takes one after another (now all demands are taken at one instant); an
order that is not a total order known when a node is queued; amounts that change while a node waits.
Spend pools, `by` keys and `whole` fit: another kind of `room`, a key in the class, holders that are instances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..ir.events import Word
from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity, Layer, Resource, Scope
from . import picture
from .faults import LedgerFault
from .obstacles import Standing, standing
from .passing import Passing
from .picture import Capacities, Starving, Wait
from .pools import DemandClass, Holder, Pool, Rank, Shape, Template, Waiter, asks
from .search import Search
from .views import Effect, PoolView
from .words import LAYER_NAMES, Said, Words, show_amount


class Ledger:
    """Pools, words, waiting and running nodes. Mutators are deterministic: the same calls give an equal `snapshot`."""

    __slots__ = (
        "_by_args",
        "_declared",
        "_holders",
        "_now",
        "_passing",
        "_pauses",
        "_pools",
        "_search",
        "_templates",
        "_tick",
        "_waiting",
        "_words",
    )

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._now = 0
        """The instant of whatever is asked or changed next: UTC nanoseconds, it never goes back."""
        self._pools: dict[Identity, Pool] = {}
        self._pauses: dict[Scope, Pool] = {}
        for resource in resources:
            identity = Identity(Scope("resource", resource.name))
            self._pools[identity] = Pool(identity, resource.dimension)
        self._declared = frozenset(self._pools)
        self._words = Words()
        self._templates: list[Template] = []
        self._by_args: dict[tuple[object, ...], int] = {}
        self._waiting: dict[NodeKey, Waiter] = {}
        self._holders: dict[NodeKey, Holder] = {}
        self._tick = 0
        """Counts nodes queued and started: ages."""
        self._passing = Passing()
        self._search = Search()

    def declare(self, resources: Iterable[Resource]) -> None:
        """Resources that a new text of the program speaks of; those that are known stay as they are."""
        for resource in resources:
            identity = Identity(Scope("resource", resource.name))
            if identity not in self._pools:
                self._pools[identity] = pool = Pool(identity, resource.dimension)
                terms = self._words.terms(identity)
                pool.capacity = None if terms is None else terms.amount
                self._add(pool)
            self._declared |= {identity}

    # ---- time -------------------------------------------------------------------------------------------------

    def at(self, now_ns: int) -> None:
        """What follows happens at this instant."""
        self._now = max(self._now, now_ns)

    def due(self) -> int | None:
        """The next instant at which something changes by itself; None: nothing does."""
        return None

    # ---- templates --------------------------------------------------------------------------------------------

    def add_shape(self, *, task: str, tags: tuple[str, ...], flows: tuple[str, ...], resources: tuple[str, ...]) -> int:
        """The id of what a call template asks for; equal arguments give the same id."""
        args = (task, tags, flows, resources)
        known = self._by_args.get(args)
        if known is not None:
            return known
        if len(set(resources)) != len(resources):
            raise LedgerFault(f"a resource is asked for twice: {', '.join(resources)}")
        for name in resources:
            if Identity(Scope("resource", name)) not in self._pools:
                raise LedgerFault(f"no such resource: {name}")
        number = self._by_args[args] = len(self._templates)
        self._templates.append(Template(number, task, tags, flows, resources))
        return number

    def _shape(self, template: Template, amounts: tuple[int, ...]) -> Shape:
        mask = tuple([amount > 0 for amount in amounts])
        shape = template.variants.get(mask)
        if shape is None:
            columns = {name: at for at, name in enumerate(template.resources) if mask[at]}
            shape = template.variants[mask] = Shape(template, columns)
            for pool in (*self._pools.values(), *self._pauses.values()):
                shape.attach(pool)
        return shape

    # ---- words and pauses -------------------------------------------------------------------------------------

    def set_word(self, word: Word) -> None:
        """A layer says a word. Raises NotBuilt for forms that are not carried out yet."""
        self._words.set(word)
        self._follow(word.limit.scope)

    def drop_word(self, layer: Layer, scope: Scope) -> None:
        """A layer says nothing any more about a scope: what is below is in force again."""
        self._words.drop(layer, scope)
        self._follow(scope)

    def drop_layer(self, layer: Layer) -> None:
        """A layer says nothing any more at all."""
        for scope in self._words.drop_layer(layer):
            self._follow(scope)

    def refusal(self, word: Word) -> str | None:
        """Why the word may not be said: it raises what a lower layer said `hard`. None where it may."""
        found = self._words.hard_below(word)
        if found is None:
            return None
        layer, amount = found
        scope = word.limit.scope
        pool = self._pools.get(word.limit.identity)
        shown = show_amount("count" if pool is None else pool.dimension, amount)
        return f"{LAYER_NAMES[layer]} limits `{scope}` to {shown} hard: it can be lowered, not raised"

    def pause(self, scope: Scope) -> None:
        """Nothing in the scope starts until it is resumed; limits stay as they are."""
        if scope not in self._pauses:
            beneath = self._pools.get(Identity(scope))
            pool = Pool(Identity(scope), "count" if beneath is None else beneath.dimension, pause=True)
            self._pauses[scope] = pool
            self._add(pool)

    def resume(self, scope: Scope | None) -> None:
        """Lift the pause of a scope, or every pause."""
        for paused in [scope] if scope is not None else list(self._pauses):
            pool = self._pauses.pop(paused, None)
            if pool is not None:
                self._remove(pool)

    def paused(self) -> tuple[Scope, ...]:
        """The scopes that are paused, the first paused first."""
        return tuple(self._pauses)

    def _follow(self, scope: Scope) -> None:
        """Bring the scope's pools in line with the words."""
        said = self._words.identities(scope)
        for identity in [*said, *(i for i in self._pools if i.scope == scope and i not in said)]:
            self._follow_one(identity)

    def _follow_one(self, identity: Identity) -> None:
        terms = self._words.terms(identity)
        capacity = None if terms is None else terms.amount
        pool = self._pools.get(identity)
        if pool is None:
            if capacity is None:
                return
            pool = self._pools[identity] = Pool(identity, "count")
            pool.capacity = capacity
            self._add(pool)
        elif capacity is None and identity not in self._declared:
            del self._pools[identity]
            self._remove(pool)
        elif pool.capacity != capacity:
            pool.capacity = capacity
            self._search.gained(pool)
            for shape in pool.shapes:
                for cls in shape.classes.values():
                    self._passing.refront(cls)
            self._reserve()

    def _add(self, pool: Pool) -> None:
        """A pool comes to be: what runs in its scope holds it at once."""
        for template in self._templates:
            for shape in template.variants.values():
                if shape.attach(pool):
                    self._rouse_all(shape)
        for node, holder in self._holders.items():
            column = pool.shapes.get(holder.shape)
            if column is not None:
                pool.hold(node, asks(holder.amounts, column))
        self._reserve()

    def _remove(self, pool: Pool) -> None:
        for shape in list(pool.shapes):
            shape.detach(pool)
            self._rouse_all(shape)
        self._reserve()

    def _rouse_all(self, shape: Shape) -> None:
        for cls in shape.classes.values():
            self._search.rouse(cls)
            self._passing.refront(cls)

    # ---- nodes ------------------------------------------------------------------------------------------------

    def enqueue(self, node: NodeKey, shape: int, rank: Rank, amounts: tuple[int, ...]) -> None:
        """A node waits. Amounts are by the shape's resources; a smaller rank starts first, then the older node."""
        if node in self._waiting or node in self._holders:
            raise LedgerFault(f"node {node} is queued twice")
        template = self._templates[shape]
        if len(amounts) != len(template.resources) or min(amounts, default=0) < 0:
            raise LedgerFault(f"node {node} asks for {amounts} of {template.resources}")
        kind = self._shape(template, amounts)
        age = self._tick
        self._tick += 1
        cls = kind.classes.get(rank)
        fresh = cls is None
        if cls is None:
            cls = kind.classes[rank] = DemandClass(kind, rank, amounts)
        cls.queue.append(age, node, amounts)
        self._waiting[node] = Waiter(cls, age)
        if fresh:
            self._search.rouse(cls)
            self._passing.refront(cls)
            return
        if cls.joined(age, amounts):
            self._passing.refront(cls)
        bucket = cls.bucket
        if cls.joint or (bucket is not None and asks(amounts, bucket.pool.shapes[kind]) < bucket.need):
            self._search.rouse(cls)

    def withdraw(self, node: NodeKey) -> None:
        """A waiting node goes, never started."""
        self._take_out(node)

    def start(self, node: NodeKey) -> None:
        """A waiting node becomes a holder of all that it demands. It must fit; it need not be the one chosen."""
        waiter = self._waiting.get(node)
        if waiter is None:
            raise LedgerFault(f"node {node} starts and does not wait")
        cls, amounts = waiter.cls, waiter.amounts
        shape = cls.shape
        for pool, column in shape.demands:
            if asks(amounts, column) > pool.free():
                raise LedgerFault(f"node {node} starts and does not fit {pool.name}")
        overtaken = self._passing.overtaken(waiter)
        order = waiter.order
        self._take_out(node)
        self._holders[node] = Holder(shape, amounts, order, self._tick)
        self._tick += 1
        for pool, column in shape.demands:
            pool.hold(node, asks(amounts, column))
        if overtaken:
            late = sorted(overtaken, key=lambda key: self._waiting[key].order)
            claims = [self._passing.count(key, self._waiting[key], overtaken[key], self._holders) for key in late]
            if any(claims):
                self._reserve()

    def finish(self, node: NodeKey) -> None:
        """A holder holds no more."""
        holder = self._holders.pop(node, None)
        if holder is None:
            raise LedgerFault(f"node {node} finishes and does not run")
        for pool, _ in holder.shape.demands:
            pool.release(node)
            self._search.gained(pool)

    def _take_out(self, node: NodeKey) -> None:
        waiter = self._waiting.pop(node, None)
        if waiter is None:
            raise LedgerFault(f"node {node} is withdrawn and does not wait")
        cls = waiter.cls
        cls.queue.remove(waiter.age)
        cls.left(waiter.age)
        if not cls.queue:
            cls.stamp = cls.front_stamp = -1
            del cls.shape.classes[cls.rank]
        if self._passing.claims.pop(node, None) is not None:
            self._reserve()

    def _reserve(self) -> None:
        for pool in self._passing.settle():
            self._search.gained(pool)

    def choose(self) -> NodeKey | None:
        """The next node to start, None where none may. Changes nothing but caches."""
        return self._search.choose(self._passing.reserved.values())

    def waiting_nodes(self) -> tuple[NodeKey, ...]:
        """The nodes that wait, in the order in which they were queued."""
        return tuple(self._waiting)

    # ---- views ------------------------------------------------------------------------------------------------

    def waiting(self) -> int:
        """How many nodes wait."""
        return len(self._waiting)

    def running(self) -> int:
        """How many nodes hold."""
        return len(self._holders)

    def pools(self) -> tuple[PoolView, ...]:
        """Every pool that somebody demands or a word names: resources, scopes, pauses, in this order, by name."""
        return picture.pool_views((*self._pools.values(), *self._pauses.values()))

    def why(self, node: NodeKey) -> tuple[str, ...]:
        """The pools that refuse a waiting node now; empty where it may start."""
        waiter = self._waiting.get(node)
        if waiter is None:
            raise LedgerFault(f"node {node} does not wait")
        return picture.refusing(waiter, reserved=node in self._passing.reserved)

    def standing(self, node: NodeKey) -> Standing:
        """What a waiting node asks for, what refuses it, and how it stands in the order."""
        waiter = self._waiting.get(node)
        if waiter is None:
            raise LedgerFault(f"node {node} does not wait")
        return standing(node, waiter, self._holders, self._passing.reserved)

    def said(self, identity: Identity) -> tuple[Said, ...]:
        """Every word about an identity, that of the highest layer first, and whether it counts now."""
        return self._words.said(identity)

    def spoken_of(self) -> tuple[tuple[Identity, Dimension], ...]:
        """All that is a resource or that a word is about, in force or not."""
        found = dict.fromkeys([*self._declared_identities(), *self._words.all_identities()])
        return tuple((identity, self._dimension(identity.scope)) for identity in found)

    def applies(self, scope: Scope) -> bool:
        """Whether a call of the program is in the scope, or demands the resource."""
        return any(template.in_scope(scope) for template in self._templates)

    def _declared_identities(self) -> list[Identity]:
        return [identity for identity in self._pools if identity in self._declared]

    def _dimension(self, scope: Scope) -> Dimension:
        pool = self._pools.get(Identity(scope))
        return "count" if pool is None else pool.dimension

    def waits(self) -> tuple[Wait, ...]:
        """Who waits for what: (task, pool, count, why starved or empty), by class of nodes."""
        return picture.waits(self._classes())

    def capacities(self, scope: Scope | None) -> Capacities:
        """What is in force for a scope (None: every paused scope): to be kept before a change, for `effect`."""
        if scope is None:
            return tuple((f"pause {paused}", 0) for paused in self._pauses)
        out: list[tuple[str, int | None]] = []
        pool = self._pools.get(Identity(scope))
        if pool is not None and pool.capacity is not None:
            out.append(("hold", pool.capacity))
        if scope in self._pauses:
            out.append(("pause", 0))
        return tuple(out)

    def effect(self, scope: Scope | None, before: Capacities) -> Effect:
        """The acknowledgement of a change that was just made; `before` is `capacities(scope)` from before it."""
        running = waiting = taken = 0
        for cls in self._classes():
            if scope is None or cls.shape.column(scope) is not None:
                waiting += len(cls.queue)
        for holder in self._holders.values():
            column = -1 if scope is None else holder.shape.column(scope)
            if column is not None:
                running += 1
                taken += asks(holder.amounts, column)
        pool = None if scope is None else self._pools.get(Identity(scope))
        dimension = "count" if pool is None else pool.dimension
        return picture.effect(
            scope, dimension, before, self.capacities(scope), running=running, waiting=waiting, taken=taken
        )

    def impossible(self, shape: int, amounts: tuple[int, ...]) -> tuple[tuple[str, int, int], ...]:
        """Demands on resources that cannot fit even an empty machine: (resource, need, capacity), in base units."""
        out: list[tuple[str, int, int]] = []
        for name, amount in zip(self._templates[shape].resources, amounts, strict=True):
            capacity = self._pools[Identity(Scope("resource", name))].capacity
            if capacity is not None and amount > capacity:
                out.append((name, amount, capacity))
        return tuple(out)

    def has_room(self, shape: int, amounts: tuple[int, ...]) -> bool:
        """Whether a node that asks for so much would fit now, reservations left aside."""
        demands = self._shape(self._templates[shape], amounts).demands
        return all(pool.capacity is None or asks(amounts, column) <= pool.free() for pool, column in demands)

    def would_fit(self, node: NodeKey) -> bool:
        """Whether a waiting node would fit an empty machine under the words and pauses of now."""
        return self._waiting[node].eligible()

    def starving(self) -> tuple[Starving, ...]:
        """Who needs more of a resource than there is on an empty machine."""
        return picture.starving(self._classes())

    def can_ever_start(self) -> bool:
        """Whether something waits that would fit an empty machine under the words and pauses of now."""
        return any(cls.lead() is not None for cls in self._classes())

    def _classes(self) -> Iterator[DemandClass]:
        for template in self._templates:
            for shape in template.variants.values():
                yield from shape.classes.values()

    # ---- for tests and recovery -------------------------------------------------------------------------------

    def snapshot(self) -> object:
        """All logical state, comparable with ==, free of caches."""
        return {
            "shapes": [(t.task, t.tags, t.flows, t.resources) for t in self._templates],
            "words": self._words.snapshot(),
            "paused": frozenset(self._pauses),
            "pools": {identity: (p.capacity, dict(p.holders)) for identity, p in self._pools.items()},
            "waiting": {n: (w.cls.shape.template.id, w.order, w.amounts, w.passes) for n, w in self._waiting.items()},
            "holders": {n: (h.shape.template.id, h.order, h.amounts, h.since) for n, h in self._holders.items()},
            "claims": tuple(self._passing.claims),
            "tick": self._tick,
        }

    def check(self) -> None:
        """Recompute every invariant from scratch; AssertionError where one is broken."""
        every = (*self._pools.values(), *self._pauses.values())
        for pool in every:
            held = {
                node: asks(holder.amounts, column)
                for node, holder in self._holders.items()
                if (column := holder.shape.column(pool.scope)) is not None
            }
            assert pool.holders == held, f"{pool.name}: {pool.holders} held, {held} run"
            assert pool.taken == sum(held.values()), f"{pool.name}: {pool.taken} taken"
            terms = self._words.terms(pool.identity)
            capacity = 0 if pool.pause else None if terms is None else terms.amount
            assert pool.capacity == capacity, f"{pool.name}: capacity {pool.capacity}, the words say {capacity}"
            assert pool.identity in self._declared or pool.capacity is not None, f"{pool.name} has no word"
        for template in self._templates:
            for shape in template.variants.values():
                demanded = {pool.name for pool in every if shape.column(pool.scope) is not None}
                assert {pool.name for pool, _ in shape.demands} == demanded, f"demands of {template.task}"
        queued = {node: (cls, age) for cls in self._classes() for age, node, _ in cls.queue}
        assert queued == {node: (w.cls, w.age) for node, w in self._waiting.items()}, "queues and waiters differ"
        assert all(cls.queue for cls in self._classes()), "an empty class"
        assert not self._waiting.keys() & self._holders.keys(), "a node waits and runs"
        assert all(self._waiting.get(n) is w for n, w in self._passing.claims.items()), "a claim of one who is gone"
        kept: dict[Pool, int] = {}
        for waiter in self._passing.reserved.values():
            assert waiter.eligible(), "a reservation of a starved node"
            for pool, column in waiter.cls.shape.demands:
                if pool.capacity is not None:
                    assert pool not in kept, f"{pool.name} is reserved twice"
                    kept[pool] = asks(waiter.amounts, column)
        assert all(pool.reserved == kept.get(pool, 0) for pool in every), "what is kept back differs from reservations"
