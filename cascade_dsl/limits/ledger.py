"""The ledger: which waiting node may start now. Pure, deterministic, the one owner of pools and of what they hold.

The algorithm stands in the docstring of the package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..ir.events import Word
from ..ir.expr import Expr
from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity, Layer, Limit, Resource, Scope, Window
from . import effects, picture
from .audit import Audit
from .effects import Capacities
from .faults import LedgerFault
from .keying import Keying
from .obstacles import Told
from .passing import PATIENCE, Passing
from .picture import Wait
from .pools import Clock, Pool, SpendPool
from .search import Search
from .shapes import DemandClass, Holder, Place, Rank, Shape, Template, Waiter, asks, classes_of
from .units import Given, Units
from .views import Effect, Impossible, PauseEnding, PoolView, WordEnding
from .words import LAYER_NAMES, Words

NO_KEYS: Mapping[str, str] = {}


class Ledger:
    """Pools, words, waiting and running nodes. Mutators are deterministic: the same calls give an equal `snapshot`."""

    __slots__ = (
        "_by_args",
        "_clock",
        "_declared",
        "_holders",
        "_keying",
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
        self._keying = Keying(self._clock, self._search, self._passing, self._waiting, self._holders, self._templates)
        self._units = Units()

    def declare(self, resources: Iterable[Resource]) -> None:
        """Resources that a new text of the program speaks of; those that are known stay as they are."""
        for resource in resources:
            scope = Scope("resource", resource.name)
            identity = Identity(scope)
            if identity in self._declared:
                continue
            self._declared |= {identity}
            for other in [i for i in (*self._pools, *self._keying.families) if i.scope == scope]:
                # A word spoke of it before the program did, and did not know what it is measured in.
                if other.by:
                    self._keying.follow(other, None, "count")
                else:
                    self._remove(self._pools.pop(other))
            self._pools[identity] = pool = Pool(identity, resource.dimension)
            pool.say(self._words.terms(identity))
            self._add(pool)
            self._follow(scope)

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
        said = self._words.due()
        if not self._pause_ends:
            return said
        ends = min(self._pause_ends.values())
        return ends if said is None else min(said, ends)

    def endings(self) -> list[WordEnding | PauseEnding]:
        """What is over by now: a word is to be told to `expire`, a pause to `resume`."""
        due = self.wall_due()
        if due is None or due > self._clock.now:
            return []
        ends = sorted(self._pause_ends.items(), key=lambda end: (end[1], str(end[0])))
        pauses = [
            PauseEnding(scope=scope, until_ns=until_ns) for scope, until_ns in ends if until_ns <= self._clock.now
        ]
        return [*self._words.expired(self._clock.now), *pauses]

    def expire(self, layer: Layer, identity: Identity, until_ns: int) -> None:
        """The words of a layer that end at that instant, or before, say nothing any more."""
        self._words.expire(layer, identity, until_ns)
        self._follow(identity.scope)

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
            for family in self._keying.families.values():
                shape.join(family)
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
        self.say_layer(layer, ())

    def say_layer(self, layer: Layer, words: Iterable[Word]) -> None:
        """A layer says these words and nothing else; pools of which it speaks still stay as they are."""
        scopes = dict.fromkeys(self._words.drop_layer(layer))
        for word in words:
            self._words.set(word)
            scopes[word.limit.scope] = None
        for scope in scopes:
            self._follow(scope)

    @property
    def words(self) -> Words:
        """What the layers say, to be read."""
        return self._words

    def restore(self, layer: Layer, scope: Scope, words: Iterable[Word]) -> None:
        """A layer says these words about a scope and nothing else; pools of which it speaks still stay as they are."""
        self._words.restore(layer, scope, words)
        self._follow(scope)

    def refusal(self, word: Word) -> str | None:
        """Why the word may not be said: it raises what a lower layer said `hard`. None where it may."""
        found = self._words.hard_below(word)
        if found is None:
            return None
        pool = self._pools.get(word.limit.identity)
        shown = effects.terms_text(found.limit, "count" if pool is None else pool.dimension)
        name = LAYER_NAMES[found.layer]
        return f"{name} limits `{word.limit.scope}` to {shown} hard: it can be lowered, not raised"

    def held_hard_by(self, word: Word) -> Word | None:
        """The word of a lower layer that `refusal` speaks of."""
        return self._words.hard_below(word)

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

    def pause_end(self, scope: Scope) -> int | None:
        """When the pause of a scope ends by itself."""
        return self._pause_ends.get(scope)

    def paused_holders(self, scope: Scope) -> Iterable[NodeKey]:
        """What runs in a paused scope."""
        pool = self._pauses.get(scope)
        return () if pool is None else pool.holders

    def demands(self, shape: int, amounts: tuple[int, ...], scope: Scope) -> bool:
        """Whether a node that asks for so much is in the scope."""
        return self._shape(self._templates[shape], amounts).column(scope) is not None

    def surplus(self, identity: Identity) -> list[tuple[int, list[tuple[NodeKey, int]]]]:
        """Of each hold pool of an identity that is over its capacity: by how much, and who holds what, the latest last."""
        return [
            (-pool.free(), list(pool.holders.items())) for pool in self._hold_pools(identity, None) if pool.free() < 0
        ]

    def _follow(self, scope: Scope) -> None:
        """Bring the scope's pools in line with the words."""
        said = self._words.identities(scope)
        there = (*self._pools, *self._keying.families)
        for identity in [*said, *(i for i in there if i.scope == scope and i not in said)]:
            self._follow_one(identity)

    def _follow_one(self, identity: Identity) -> None:
        terms = self._words.terms(identity)
        if identity.by:
            self._keying.follow(identity, terms, self._dimension(identity.scope))
            self._reserve()
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
            self._search.gained(pool)
            self._passing.reorder(pool, classes_of(pool.shapes))
            self._reserve()

    def _dimension(self, scope: Scope) -> Dimension:
        beneath = self._pools.get(Identity(scope))
        return "count" if beneath is None else beneath.dimension

    def _add(self, pool: Pool) -> None:
        """A pool comes to be: what runs in its scope holds it at once. Who sleeps sleeps on."""
        for template in self._templates:
            for shape in template.variants.values():
                shape.attach(pool)
        if pool.capacity == 0:
            self._search.rouse_timed(classes_of(pool.shapes))
        self._passing.reorder(pool, classes_of(pool.shapes))
        if not pool.spends:
            for node, holder in self._holders.items():
                column = pool.shapes.get(holder.shape)
                if column is not None:
                    pool.hold(node, asks(holder.amounts, column))
        self._reserve()

    def _remove(self, pool: Pool) -> None:
        shapes = list(pool.shapes)
        for shape in shapes:
            shape.detach(pool)
        pool.capacity = None
        self._search.lost(pool, classes_of(shapes))
        self._passing.reorder(pool, classes_of(shapes))
        self._reserve()

    # ---- keys -------------------------------------------------------------------------------------------------

    def bys(self, shape: int) -> tuple[tuple[str, Expr], ...]:
        """The texts and expressions of `by` in force for nodes of a shape, by text."""
        return self._keying.bys(self._templates[shape]) if self._keying.families else ()

    def key(self, by: str, keyed: Iterable[tuple[NodeKey, str]]) -> None:
        """Keys of nodes under a `by`: running ones hold their pool from now on, waiting ones keep their age.

        Of a node that has gone, or for which no such `by` is in force any more, nothing is kept.
        """
        for waiter in self._keying.key(by, keyed):
            if waiter.claim is not None:
                self._revise(waiter)

    def unkeyed(self, most: int) -> tuple[str, tuple[NodeKey, ...]] | None:
        """A `by` and at most so many nodes whose key under it is wanted: running ones first, then the oldest that wait."""
        return self._keying.unkeyed(most)

    # ---- nodes ------------------------------------------------------------------------------------------------

    def enqueue(
        self, node: NodeKey, shape: int, rank: Rank, amounts: tuple[int, ...],
        keys: Mapping[str, str] = NO_KEYS, place: Place | None = None,
    ) -> None:  # fmt: skip
        """A node waits. Amounts are by the shape's resources; a smaller rank starts first, then the older node.

        `keys` are by text; those that are missing are given by `key`, before which it does not start. `place` is what
        `withdraw` gave, for one that was taken out to be queued anew: it is as old as it was.
        """
        if node in self._waiting or node in self._holders:
            raise LedgerFault(f"node {node} is queued twice")
        template = self._templates[shape]
        if len(amounts) != len(template.resources) or min(amounts, default=0) < 0:
            raise LedgerFault(f"node {node} asks for {amounts} of {template.resources}")
        kind = self._shape(template, amounts)
        age, passes = place or (self._tick, 0)
        self._tick += place is None
        cls = kind.class_for(rank, keys, age, amounts)
        fresh = not cls.queue
        cls.queue.append(age, node, amounts)
        self._waiting[node] = Waiter(cls, age, min(passes, PATIENCE - 1))
        if fresh:
            self._search.rouse(cls)
            self._passing.refront(cls)
            return
        if cls.joined(age, amounts):
            self._passing.refront(cls)
        asleep = cls.sleepers
        if cls.joint or (asleep is not None and asks(amounts, cls.column(asleep.pool)) < asleep.need):
            self._search.rouse(cls)

    def withdraw(self, node: NodeKey) -> Place:
        """A waiting node goes, never started. Gives where it stood."""
        waiter = self._take_out(node)
        return Place(waiter.age, waiter.passes)

    def start(self, node: NodeKey, units: Given = ()) -> None:
        """A waiting node becomes a holder of all that it demands, with these units of it. It must fit; it need not be the one chosen."""
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
        if units:
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
        if overtaken:
            self._passing.owe(waiter, overtaken)
        self._take_out(node)
        if overtaken:
            late = sorted(overtaken, key=lambda key: self._waiting[key].order)
            for key in late:
                if self._passing.count(key, self._waiting[key], overtaken[key], self._holders):
                    self._revise(self._waiting[key])
        self._keying.sweep()

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
        if holder.shape.families:
            self._keying.release(node, holder)

    def _take_out(self, node: NodeKey) -> Waiter:
        waiter = self._waiting.pop(node, None)
        if waiter is None:
            raise LedgerFault(f"node {node} is withdrawn and does not wait")
        for pool, _ in waiter.cls.demands:
            if pool.spends and isinstance(pool, SpendPool):
                pool.debts.pop(node, None)
        self._keying.leave(waiter)
        if waiter.claim is not None:
            self._passing.unclaim(node)
            self._revise(waiter)
        return waiter

    def _reserve(self) -> None:
        """Capacities, pools or pauses have changed: which claims are reservations?"""
        for waiter in list(self._passing.claims.values()):
            self._revise(waiter)

    def _revise(self, waiter: Waiter) -> None:
        released, reserved = self._passing.revise(waiter)
        for pool in released:
            self._search.gained(pool)
        for owner in reserved:
            self._search.admit(owner)

    def choose(self) -> NodeKey | None:
        """The next node to start at the instant of now, None where none may. Changes nothing but caches."""
        return self._search.choose()

    def units(self, node: NodeKey) -> Given:
        """Which units of what it demands a node has; of one that waits, which it would get if it started now."""
        waiter = self._waiting.get(node)
        return self._units.of(node) if waiter is None else self._units.wanted(waiter, self._pools)

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
        return picture.pool_views((*self._pools.values(), *self._pauses.values()), self._keying.families.values())

    def would_fit(self, node: NodeKey) -> bool:
        """Whether a waiting node would fit an empty machine under the words and pauses of now."""
        waiter = self._waiting[node]
        return waiter.eligible() if waiter.cls.queue.varied else waiter.cls.lead() is not None

    @property
    def told(self) -> Told:
        """What is said, and how single nodes stand."""
        rest = self._declared, self._words, self._templates, self._waiting, self._holders
        return Told(self._pools, self._keying.families, *rest)

    def why(self, node: NodeKey) -> tuple[str, ...]:
        """The pools that refuse a waiting node now; empty where it may start."""
        waiter = self._waiting.get(node)
        if waiter is None:
            raise LedgerFault(f"node {node} does not wait")
        return picture.refusing(waiter, reserved=waiter.is_reserved)

    def waits(self) -> tuple[Wait, ...]:
        """Who waits for what: (task, pool, count, why starved or empty), by class of nodes."""
        return picture.waits(self._classes())

    def capacities(self, scope: Scope | None) -> Capacities:
        """What is in force for a scope (None: every paused scope): to be kept before a change, for `effect`."""
        if scope is None:
            return tuple((f"pause {paused}", 0) for paused in self._pauses)
        said = effects.in_force(self._words, scope, self._dimension(scope))
        return (*said, ("pause", 0)) if scope in self._pauses else said

    def effect(self, scope: Scope | None, before: Capacities, said: Limit | None = None) -> Effect:
        """The acknowledgement of a change that was just made; `before` is `capacities(scope)` from before it.

        `said` is the limit that an operator has just said, where one has.
        """
        counts = effects.counts(scope, self._classes(), self._holders.values())
        after = self.capacities(scope)
        if scope is None:
            return effects.resumed_everywhere(before, after, counts)
        word = None if said is None else self._words.latest(Layer.LIVE, said.identity, plain=said.is_plain)
        pools = {**self._pools, **self._keying.families}
        dimension, now = self._dimension(scope), self._clock.now
        return effects.effect(scope, dimension, before, after, counts, pools, self._words, word, now)

    def impossible(self, shape: int, amounts: tuple[int, ...]) -> tuple[Impossible, ...]:
        """Demands on resources that cannot fit even an empty machine: more than a capacity, or than a burst."""
        needs = dict(zip(self._templates[shape].resources, amounts, strict=True))
        return picture.impossible(needs, (*self._pools.values(), *self._keying.families.values()))

    def holders_of(self, identity: Identity, key: str | None = None) -> tuple[tuple[NodeKey, int], ...]:
        """Who holds how much of a pool, the longest first; of one that is split by keys under one of them, or under all."""
        shares = [share for pool in self._hold_pools(identity, key) for share in pool.holders.items()]
        return tuple(sorted(shares, key=lambda share: self._holders[share[0]].since))

    def _hold_pools(self, identity: Identity, key: str | None) -> list[Pool]:
        family = self._keying.families.get(identity)
        if family is not None:
            return [pool for pool in family.pools.values() if key in (None, pool.key) and not pool.spends]
        pool = self._pools.get(identity)
        return [] if pool is None or pool.spends else [pool]

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
            yield from classes_of(template.variants.values())

    # ---- for tests and recovery -------------------------------------------------------------------------------

    def snapshot(self) -> object:
        """All logical state, comparable with ==, free of caches."""
        return {
            "shapes": [(t.task, t.tags, t.flows, t.resources) for t in self._templates],
            "words": self._words.snapshot(),
            "paused": {scope: self._pause_ends.get(scope) for scope in self._pauses},
            "pools": {identity: pool.snapshot() for identity, pool in self._pools.items()},
            "keyed": {identity: family.snapshot() for identity, family in self._keying.families.items()},
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
        families = tuple(self._keying.families.values())
        Audit(
            pools=every,
            families=families,
            templates=self._templates,
            waiting=self._waiting,
            holders=self._holders,
            words=self._words,
            passing=self._passing,
        ).check()
        assert all(pool.identity in self._declared or pool.capacity is not None for pool in every), "a pool has no word"
        assert self._keying.exprs() == {family.by for family in families}, "expressions of who is gone"
        self._units.check(self._holders)
