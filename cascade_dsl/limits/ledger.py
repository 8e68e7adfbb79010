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

from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush, merge

from ..ir.events import Word
from ..ir.expr import Expr
from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity, Layer, Resource, Scope, Window
from . import picture
from .faults import LedgerFault
from .keyed import Family
from .passing import Passing
from .picture import Capacities, Wait
from .pools import Clock, Pool, SpendPool, rate
from .search import Search
from .shapes import DemandClass, Holder, Rank, Shape, Template, Waiter, asks
from .units import Given, Units
from .views import Effect, PauseEnding, PoolView, WordEnding
from .words import LAYER_NAMES, Terms, Words

NO_KEYS: Mapping[str, str] = {}


class Ledger:
    """Pools, words, waiting and running nodes. Mutators are deterministic: the same calls give an equal `snapshot`."""

    __slots__ = (
        "_by_args",
        "_clock",
        "_declared",
        "_exprs",
        "_families",
        "_holders",
        "_idle",
        "_number",
        "_passing",
        "_pause_ends",
        "_pauses",
        "_pools",
        "_search",
        "_templates",
        "_tick",
        "_units",
        "_waiting",
        "_words",
    )

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._clock = Clock()
        """UTC nanoseconds; it never goes back."""
        self._pools: dict[Identity, Pool] = {}
        """Pools without a key."""
        self._families: dict[Identity, Family] = {}
        """The pools of limits with `by`."""
        self._exprs: dict[str, Expr] = {}
        """By text in force → expression."""
        self._idle: list[tuple[int, int, Family, Pool]] = []
        """Heap of (instant, number, family, spend pool): nobody waits for it, and when it is as good as new."""
        self._number = 0
        self._pauses: dict[Scope, Pool] = {}
        self._pause_ends: dict[Scope, int] = {}
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
        self._search = Search(self._clock)
        self._units = Units()

    def declare(self, resources: Iterable[Resource]) -> None:
        """Resources that a new text of the program speaks of; those that are known stay as they are."""
        for resource in resources:
            scope = Scope("resource", resource.name)
            identity = Identity(scope)
            if identity in self._declared:
                continue
            self._declared |= {identity}
            for other in [i for i in (*self._pools, *self._families) if i.scope == scope]:
                # A word spoke of it before the program did, and did not know what it is measured in.
                self._forget(other)
            self._pools[identity] = pool = Pool(identity, resource.dimension)
            pool.say(self._words.terms(identity))
            self._add(pool)
            self._follow(scope)

    def _forget(self, identity: Identity) -> None:
        if identity.by:
            self._remove_family(self._families[identity])
        else:
            self._remove(self._pools.pop(identity))

    # ---- time -------------------------------------------------------------------------------------------------

    def at(self, now_ns: int) -> None:
        """What follows happens at this instant."""
        if now_ns > self._clock.now:
            self._clock.now = now_ns
            self._search.advance()

    def due(self) -> int | None:
        """The next instant at which something changes by itself, to be asked when `choose` has found none; None: nothing does."""
        wall, tokens = self.wall_due(), self._search.due()
        return tokens if wall is None else wall if tokens is None else min(wall, tokens)

    def wall_due(self) -> int | None:
        """The next instant of the wall clock at which a word or a pause ends, or a window turns."""
        instants = [self._words.due(), *self._pause_ends.values()]
        return min((instant for instant in instants if instant is not None), default=None)

    def endings(self) -> list[WordEnding | PauseEnding]:
        """What is over by now: a word is to be told to `expire`, a pause to `resume`."""
        ends = sorted(self._pause_ends.items(), key=lambda end: (end[1], str(end[0])))
        pauses = [
            PauseEnding(scope=scope, until_ns=until_ns) for scope, until_ns in ends if until_ns <= self._clock.now
        ]
        return [*self._words.expired(self._clock.now), *pauses]

    def expire(self, layer: Layer, identity: Identity, until_ns: int) -> None:
        """The words of a layer that end at that instant, or before, say nothing any more."""
        self._words.expire(layer, identity, until_ns)
        self._follow(identity.scope)

    def windows(self) -> tuple[Window, ...]:
        """The windows that words have or had: somebody has to say when each turns."""
        return self._words.windows()

    def edge(self, window: Window) -> tuple[bool, int | None] | None:
        """Whether a window is open and until when it stays so, as it was last said."""
        return self._words.edge(window)

    def turn_window(self, window: Window, is_open: bool, until_ns: int | None) -> None:
        """A window is open or closed until then."""
        for scope in self._words.turn(window, is_open, until_ns):
            self._follow(scope)

    def shift_ends(self, by_ns: int) -> None:
        """All that ends, or turns, at an instant of the wall clock comes that much later."""
        self._words.shift(by_ns)
        self._pause_ends = {scope: until_ns + by_ns for scope, until_ns in self._pause_ends.items()}

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
            for family in self._families.values():
                shape.join(family)
        return shape

    # ---- words and pauses -------------------------------------------------------------------------------------

    def set_word(self, word: Word) -> None:
        """A layer says a word. Raises NotBuilt for forms that are not carried out yet."""
        limit = word.limit
        spends = limit.kind == "spend"
        if spends != (limit.per_ns is not None) or (limit.burst is not None and not spends):
            raise LedgerFault(f"`limit {limit.scope}` is no rate, or a rate without a time")
        if min(1 if limit.per_ns is None else limit.per_ns, 1 if limit.burst is None else limit.burst) < 1:
            raise LedgerFault(f"the time and the burst of `limit {limit.scope}` must be at least 1")
        if bool(limit.by_text) != (limit.by is not None):
            raise LedgerFault(f"`by` of `limit {limit.scope}` is a text and an expression, or neither")
        self._words.set(word)
        self._follow(limit.scope)

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
        pool = self._pools.get(word.limit.identity)
        shown = picture.terms_text(found.limit, "count" if pool is None else pool.dimension)
        name = LAYER_NAMES[found.layer]
        return f"{name} limits `{word.limit.scope}` to {shown} hard: it can be lowered, not raised"

    def pause(self, scope: Scope, until_ns: int | None = None) -> None:
        """Nothing in the scope starts until it is resumed, or until that instant; limits stay as they are."""
        self._pause_ends.pop(scope, None)
        if until_ns is not None:
            self._pause_ends[scope] = until_ns
        if scope not in self._pauses:
            beneath = self._pools.get(Identity(scope))
            pool = Pool(Identity(scope), "count" if beneath is None else beneath.dimension, pause=True)
            self._pauses[scope] = pool
            self._add(pool)

    def resume(self, scope: Scope | None) -> None:
        """Lift the pause of a scope, or every pause."""
        for paused in [scope] if scope is not None else list(self._pauses):
            self._pause_ends.pop(paused, None)
            pool = self._pauses.pop(paused, None)
            if pool is not None:
                self._remove(pool)

    def paused(self) -> tuple[Scope, ...]:
        """The scopes that are paused, the first paused first."""
        return tuple(self._pauses)

    def _follow(self, scope: Scope) -> None:
        """Bring the scope's pools in line with the words."""
        said = self._words.identities(scope)
        there = (*self._pools, *self._families)
        for identity in [*said, *(i for i in there if i.scope == scope and i not in said)]:
            self._follow_one(identity)

    def _follow_one(self, identity: Identity) -> None:
        terms = self._words.terms(identity)
        if identity.by:
            self._follow_family(identity, terms)
            return
        pool = self._pools.get(identity)
        if pool is None:
            if terms is None:
                return
            if identity.kind == "spend":
                pool = SpendPool(identity, self._dimension(identity.scope), terms, self._clock)
            else:
                pool = Pool(identity, self._dimension(identity.scope))
                pool.say(terms)
            self._pools[identity] = pool
            self._add(pool)
        elif terms is None and identity not in self._declared:
            del self._pools[identity]
            self._remove(pool)
        elif pool.spends or pool.capacity != (None if terms is None else terms.amount):
            pool.say(terms)
            self._changed([pool], pool.shapes)

    def _follow_family(self, identity: Identity, terms: Terms | None) -> None:
        family = self._families.get(identity)
        if family is None:
            if terms is not None:
                self._add_family(identity, terms)
        elif terms is None:
            self._remove_family(family)
        elif terms != family.terms:
            self._sweep_idle()
            family.say(terms)
            self._changed(family.pools.values(), family.shapes)
            for pool in [pool for pool in family.pools.values() if not pool.classes]:
                self._part(family, pool)

    def _dimension(self, scope: Scope) -> Dimension:
        beneath = self._pools.get(Identity(scope))
        return "count" if beneath is None else beneath.dimension

    def _changed(self, pools: Iterable[Pool], shapes: Iterable[Shape]) -> None:
        """The capacity of pools has changed."""
        for pool in pools:
            self._search.gained(pool)
        for shape in shapes:
            for cls in shape.classes:
                self._passing.refront(cls)
        self._reserve()

    def _add(self, pool: Pool) -> None:
        """A pool comes to be: what runs in its scope holds it at once."""
        for template in self._templates:
            for shape in template.variants.values():
                if shape.attach(pool):
                    self._rouse_all(shape)
        if not pool.spends:
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

    def _add_family(self, identity: Identity, terms: Terms) -> None:
        """A limit with `by` comes to be: what runs in its scope holds a pool as soon as its key is known."""
        assert terms.by is not None, f"`by {identity.by}` has no expression"
        family = self._families[identity] = Family(identity, self._dimension(identity.scope), terms, self._clock)
        self._exprs.setdefault(identity.by, terms.by)
        for template in self._templates:
            for shape in template.variants.values():
                if shape.join(family):
                    self._rouse_all(shape)
        if not family.spends:
            for node, holder in self._holders.items():
                column = family.shapes.get(holder.shape)
                if column is None:
                    continue
                key = holder.keys.get(family.by)
                if key is None:
                    family.lacking[node] = None
                else:
                    family.pool(key).hold(node, asks(holder.amounts, column))
        self._reserve()

    def _remove_family(self, family: Family) -> None:
        del self._families[family.identity]
        if not any(other.by == family.by for other in self._families.values()):
            del self._exprs[family.by]
        shapes = list(family.shapes)
        for shape in shapes:
            shape.part(family)
            self._rouse_all(shape)
        for holder in self._holders.values():
            if holder.shape in shapes:
                holder.keys = {by: key for by, key in holder.keys.items() if by in holder.shape.bys}
        self._reserve()

    def _rouse_all(self, shape: Shape) -> None:
        for cls in shape.classes:
            self._search.rouse(cls)
            self._passing.refront(cls)

    # ---- keys -------------------------------------------------------------------------------------------------

    def bys(self, shape: int) -> tuple[tuple[str, Expr], ...]:
        """The texts and expressions of `by` in force for nodes of a shape, by text."""
        template = self._templates[shape]
        found = {family.by for family in self._families.values() if template.in_scope(family.scope)}
        return tuple((by, self._exprs[by]) for by in sorted(found))

    def key(self, by: str, keyed: Iterable[tuple[NodeKey, str]]) -> None:
        """Keys of nodes under a `by`: running ones hold their pool from now on, waiting ones keep their age.

        Of a node that has gone, or for which no such `by` is in force any more, nothing is kept.
        """
        moved: list[tuple[int, NodeKey, str]] = []
        for node, key in keyed:
            holder = self._holders.get(node)
            if holder is not None:
                self._key_holder(node, holder, by, key)
                continue
            waiter = self._waiting.get(node)
            if waiter is not None and by in waiter.cls.lacks:
                moved.append((waiter.age, node, key))
            elif waiter is not None and waiter.cls.keys.get(by, key) != key:
                raise LedgerFault(f"node {node} has the key {waiter.cls.keys[by]} by {by}, and is given {key}")
        touched: dict[DemandClass, None] = {}
        for _, node, key in sorted(moved):
            self._move(node, self._waiting[node], by, key, touched)
        for cls in touched:
            if cls.queue:
                self._search.rouse(cls)
                self._passing.refront(cls)
        if any(node in self._passing.claims for _, node, _ in moved):
            self._reserve()

    def _key_holder(self, node: NodeKey, holder: Holder, by: str, key: str) -> None:
        shape = holder.shape
        if by not in shape.bys:
            return
        if holder.keys.setdefault(by, key) != key:
            raise LedgerFault(f"node {node} has the key {holder.keys[by]} by {by}, and is given {key}")
        for family, column in shape.families:
            if family.by == by and node in family.lacking:
                family.pool(key).hold(node, asks(holder.amounts, column))
                self._lacks_no_more(family, node)

    def _lacks_no_more(self, family: Family, node: NodeKey) -> None:
        del family.lacking[node]
        if not family.lacking:
            for shape in family.shapes:
                for cls in shape.classes:
                    self._search.rouse(cls)

    def _move(self, node: NodeKey, waiter: Waiter, by: str, key: str, touched: dict[DemandClass, None]) -> None:
        old, amounts = waiter.cls, waiter.amounts
        cls = old.shape.class_for(old.rank, {**old.keys, by: key}, waiter.age, amounts)
        self._leave(waiter)
        cls.queue.append(waiter.age, node, amounts)
        cls.forget_lead()
        waiter.cls = cls
        touched[cls] = None

    def unkeyed(self, most: int) -> tuple[str, tuple[NodeKey, ...]] | None:
        """A `by` and at most so many nodes whose key under it is wanted: running ones first, then the oldest that wait."""
        for family in self._families.values():
            if family.lacking:
                return family.by, tuple(list(family.lacking)[:most])
        lacking = [cls for shape in self._keyed_shapes() for cls in shape.classes if cls.lacks]
        if not lacking:
            return None
        by = min(lacking, key=lambda cls: cls.queue.head_age()).lacks[0]
        found: list[NodeKey] = []
        for _, node, _ in merge(*[cls.queue for cls in lacking if by in cls.lacks]):
            found.append(node)
            if len(found) == most:
                break
        return by, tuple(found)

    def _keyed_shapes(self) -> dict[Shape, None]:
        return {shape: None for family in self._families.values() for shape in family.shapes}

    def _part(self, family: Family, pool: Pool) -> None:
        """Nobody waits for a keyed pool, or holds it, any more: it goes when it differs in nothing from a new one."""
        if pool.classes or pool.holders or family.drop_idle(pool) or not isinstance(pool, SpendPool):
            return
        full = pool.full_at()
        if full is not None:
            self._number += 1
            heappush(self._idle, (full, self._number, family, pool))

    def _sweep_idle(self) -> None:
        while self._idle and self._idle[0][0] <= self._clock.now:
            _, _, family, pool = heappop(self._idle)
            self._part(family, pool)

    # ---- nodes ------------------------------------------------------------------------------------------------

    def enqueue(
        self, node: NodeKey, shape: int, rank: Rank, amounts: tuple[int, ...], keys: Mapping[str, str] = NO_KEYS
    ) -> None:
        """A node waits. Amounts are by the shape's resources; a smaller rank starts first, then the older node.

        `keys` are by text; those that are missing are given by `key`, before which it does not start.
        """
        if node in self._waiting or node in self._holders:
            raise LedgerFault(f"node {node} is queued twice")
        template = self._templates[shape]
        if len(amounts) != len(template.resources) or min(amounts, default=0) < 0:
            raise LedgerFault(f"node {node} asks for {amounts} of {template.resources}")
        kind = self._shape(template, amounts)
        age = self._tick
        self._tick += 1
        cls = kind.class_for(rank, keys, age, amounts)
        fresh = not cls.queue
        cls.queue.append(age, node, amounts)
        self._waiting[node] = Waiter(cls, age)
        if fresh:
            self._search.rouse(cls)
            self._passing.refront(cls)
            return
        if cls.joined(age, amounts):
            self._passing.refront(cls)
        asleep = cls.sleepers
        if cls.joint or (asleep is not None and asks(amounts, cls.column(asleep.pool)) < asleep.need):
            self._search.rouse(cls)

    def withdraw(self, node: NodeKey) -> None:
        """A waiting node goes, never started."""
        self._take_out(node)

    def start(self, node: NodeKey, units: Given = ()) -> None:
        """A waiting node becomes a holder of all that it demands. It must fit; it need not be the one chosen.

        `units` are what `units` gave for it; none where nobody asks which ones it has.
        """
        waiter = self._waiting.get(node)
        if waiter is None:
            raise LedgerFault(f"node {node} starts and does not wait")
        cls, amounts = waiter.cls, waiter.amounts
        demands = cls.demands
        if cls.barred:
            raise LedgerFault(f"node {node} starts and keys are not known")
        for pool, column in demands:
            if asks(amounts, column) > pool.free():
                raise LedgerFault(f"node {node} starts and does not fit {pool.name}")
        self._units.take(node, units)
        overtaken = self._passing.overtaken(waiter)
        order = waiter.order
        self._holders[node] = Holder(cls.shape, amounts, order, self._tick, dict(cls.keys))
        self._tick += 1
        for pool, column in demands:
            amount = asks(amounts, column)
            pool.begin(node, amount)
            if pool.spends:
                self._search.stir(pool)
        self._passing.owe(waiter, overtaken)
        self._take_out(node)
        if overtaken:
            late = sorted(overtaken, key=lambda key: self._waiting[key].order)
            claims = [self._passing.count(key, self._waiting[key], overtaken[key], self._holders) for key in late]
            if any(claims):
                self._reserve()
        self._sweep_idle()

    def finish(self, node: NodeKey) -> None:
        """A holder holds no more."""
        holder = self._holders.pop(node, None)
        if holder is None:
            raise LedgerFault(f"node {node} finishes and does not run")
        self._units.give_back(node)
        for pool, _ in holder.shape.demands:
            if not pool.spends:
                pool.release(node)
                self._search.gained(pool)
        for family, _ in holder.shape.families:
            if node in family.lacking:
                self._lacks_no_more(family, node)
            elif not family.spends:
                pool = family.pools[holder.keys[family.by]]
                pool.release(node)
                self._search.gained(pool)
                self._part(family, pool)

    def _take_out(self, node: NodeKey) -> None:
        waiter = self._waiting.pop(node, None)
        if waiter is None:
            raise LedgerFault(f"node {node} is withdrawn and does not wait")
        for pool, _ in waiter.cls.demands:
            if isinstance(pool, SpendPool):
                pool.debts.pop(node, None)
        self._leave(waiter)
        waiter.due_ns = None
        if self._passing.claims.pop(node, None) is not None:
            self._reserve()

    def _leave(self, waiter: Waiter) -> None:
        """A waiter leaves its class, which goes with its last."""
        cls = waiter.cls
        cls.queue.remove(waiter.age)
        cls.left(waiter.age)
        if not cls.queue:
            cls.shape.drop(cls)
            for pool, _ in cls.keyed:
                if not pool.classes:
                    self._part(self._families[pool.identity], pool)

    def _reserve(self) -> None:
        for pool in self._passing.settle():
            self._search.gained(pool)
        for waiter in self._passing.reserved.values():
            for pool, _ in waiter.cls.demands:
                if pool.spends:
                    self._search.stir(pool)

    def choose(self) -> NodeKey | None:
        """The next node to start at the instant of now, None where none may. Changes nothing but caches."""
        return self._search.choose(self._passing.reserved.values())

    def units(self, node: NodeKey) -> Given:
        """Which units of what it demands a node has; of one that waits, which it would get if it started now."""
        waiter = self._waiting.get(node)
        if waiter is None:
            return self._units.of(node)
        given: Given = ()
        for name, column in waiter.cls.shape.columns.items():
            pool = self._pools[Identity(Scope("resource", name))]
            if pool.dimension == "count" and pool.capacity is not None:
                numbers = self._units.lowest(name, waiter.amounts[column], pool.capacity)
                if numbers:
                    given += ((name, numbers),)
        return given

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
        kind = self._shape(self._templates[shape], amounts)
        return all(
            pool.capacity is None or asks(amounts, column) <= pool.free() for pool, column in kind.demands
        ) and all(asks(amounts, column) <= family.capacity for family, column in kind.families)

    def can_ever_start(self) -> bool:
        """Whether something waits that would fit an empty machine under the words and pauses of now."""
        return any(cls.lacks or cls.lead() is not None for cls in self._classes())

    def _classes(self) -> Iterator[DemandClass]:
        for template in self._templates:
            for shape in template.variants.values():
                yield from shape.classes

    # ---- for tests and recovery -------------------------------------------------------------------------------

    def snapshot(self) -> object:
        """All logical state, comparable with ==, free of caches."""
        return {
            "shapes": [(t.task, t.tags, t.flows, t.resources) for t in self._templates],
            "words": self._words.snapshot(),
            "paused": {scope: self._pause_ends.get(scope) for scope in self._pauses},
            "pools": {identity: _pool_snapshot(pool) for identity, pool in self._pools.items()},
            "keyed": {
                identity: ({key: _pool_snapshot(pool) for key, pool in family.pools.items()}, frozenset(family.lacking))
                for identity, family in self._families.items()
            },
            "waiting": {
                n: (w.cls.shape.template.id, w.order, w.amounts, w.passes, w.cls.keys) for n, w in self._waiting.items()
            },
            "holders": {
                n: (h.shape.template.id, h.order, h.amounts, h.since, h.keys) for n, h in self._holders.items()
            },
            "claims": tuple(self._passing.claims),
            "tick": self._tick,
            "units": self._units.snapshot(),
        }

    def check(self) -> None:
        """Recompute every invariant from scratch; AssertionError where one is broken."""
        every = (*self._pools.values(), *self._pauses.values())
        keyed = [(family, pool) for family in self._families.values() for pool in family.pools.values()]
        for pool in every:
            self._check_pool(pool, {n: h for n, h in self._holders.items() if h.shape.column(pool.scope) is not None})
            assert pool.identity in self._declared or pool.capacity is not None, f"{pool.name} has no word"
        for family, pool in keyed:
            by, key = family.by, pool.key
            self._check_pool(
                pool,
                {
                    n: h
                    for n, h in self._holders.items()
                    if h.shape.column(pool.scope) is not None and h.keys.get(by) == key
                },
            )
            classes = {c for c in self._classes() if c.shape.column(pool.scope) is not None and c.keys.get(by) == key}
            assert set(pool.classes) == classes, f"{pool.name}: classes"
            assert pool.classes or pool.holders or pool.spends, f"{pool.name} is kept for nobody"
        for family in self._families.values():
            assert family.terms == self._words.terms(family.identity), f"{family.identity}: terms"
            lacking = {
                n
                for n, h in self._holders.items()
                if not family.spends and h.shape.column(family.scope) is not None and family.by not in h.keys
            }
            assert set(family.lacking) == lacking, f"{family.identity}: keys of running nodes"
        assert self._exprs.keys() == {family.by for family in self._families.values()}
        for template in self._templates:
            for shape in template.variants.values():
                self._check_shape(shape, every)
        queued = {node: (cls, age) for cls in self._classes() for age, node, _ in cls.queue}
        assert queued == {node: (w.cls, w.age) for node, w in self._waiting.items()}, "queues and waiters differ"
        assert all(cls.queue for cls in self._classes()), "an empty class"
        assert not self._waiting.keys() & self._holders.keys(), "a node waits and runs"
        self._units.check(self._holders)
        assert all(self._waiting.get(n) is w for n, w in self._passing.claims.items()), "a claim of one who is gone"
        kept: dict[Pool, int] = {}
        for waiter in self._passing.reserved.values():
            assert waiter.eligible(), "a reservation of a starved node"
            for pool, column in waiter.cls.demands:
                if pool.capacity is not None:
                    assert pool not in kept, f"{pool.name} is reserved twice"
                    kept[pool] = asks(waiter.amounts, column)
        for pool in (*every, *(pool for _, pool in keyed)):
            assert pool.reserved == kept.get(pool, 0), "what is kept back differs from reservations"
            assert (pool.owner is not None) == (pool in kept), f"{pool.name}: owner"

    def _check_pool(self, pool: Pool, holders: Mapping[NodeKey, Holder]) -> None:
        terms = self._words.terms(pool.identity)
        if isinstance(pool, SpendPool):
            assert terms is not None, f"{pool.name} has no word"
            assert not pool.holders, f"{pool.name} is held"
            amount, per_ns, burst = rate(terms, pool.dimension)
            tokens = pool.tokens
            assert (tokens.amount, tokens.per_ns, tokens.burst) == (amount, per_ns, burst), f"{pool.name}: terms"
            assert pool.capacity == (burst if amount else 0), f"{pool.name}: capacity {pool.capacity}"
            assert 0 <= pool.free() <= burst, f"{pool.name}: {pool.free()} tokens"
            assert all(node in self._waiting for node in pool.debts), f"{pool.name}: debts to who is gone"
            return
        held = {
            n: asks(h.amounts, column) for n, h in holders.items() if (column := h.shape.column(pool.scope)) is not None
        }
        assert pool.holders == held, f"{pool.name}: {pool.holders} held, {held} run"
        assert pool.taken == sum(held.values()), f"{pool.name}: {pool.taken} taken"
        capacity = 0 if pool.pause else None if terms is None else terms.amount
        assert pool.capacity == capacity, f"{pool.name}: capacity {pool.capacity}, the words say {capacity}"

    def _check_shape(self, shape: Shape, every: Iterable[Pool]) -> None:
        task = shape.template.task
        assert {p for p, _ in shape.demands} == {p for p in every if shape.column(p.scope) is not None}, (
            f"demands: {task}"
        )
        families = {family for family in self._families.values() if shape.column(family.scope) is not None}
        assert {family for family, _ in shape.families} == families, f"families: {task}"
        assert set(shape.bys) == {family.by for family in families}, f"by texts: {task}"
        assert {cls: cls.label for cls in shape.classes} == {
            cls: label for label, found in shape.open.items() for cls in found
        }, f"labels: {task}"
        for cls in shape.classes:
            wanted = {(family.pools[cls.keys[family.by]], c) for family, c in shape.families if family.by in cls.keys}
            assert set(cls.keyed) == wanted, f"keyed demands: {task}"
            assert set(cls.demands) == {*shape.demands, *wanted}, f"demands: {task}"
            assert set(cls.lacks) == set(shape.bys) - cls.keys.keys(), f"keys: {task}"


def _pool_snapshot(pool: Pool) -> object:
    if isinstance(pool, SpendPool):
        return pool.tokens.snapshot(), dict(pool.debts)
    return pool.capacity, dict(pool.holders)
