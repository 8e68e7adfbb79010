"""Which files flow where: for each call that makes files, who reads them. Known from the program alone.

A *pair* is (call, output): the files of one output of a call in the template. A value *carries* a pair where a path of
it may stand in it; a site *reads* a pair where it is given a value that carries it. Expressions pass paths on, calls do
not: what a task prints is its own. Of a record only the field that is taken counts, also of each item of a list of
records. Where this cannot tell, a file counts as read: it lives longer, it is never missed.

Reads a plan; writes `Lineage`, whose tables are empty where no task makes files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ..ir.expr import (
    Apply,
    Choose,
    Comprehension,
    Expr,
    Field,
    ListOf,
    Lit,
    Logic,
    RecordOf,
    Ref,
    Text,
    Var,
    refs,
)
from ..ir.graph import Call, Compute, FanOut, Output
from ..ir.types import ChoiceType, DictType, ListType, NeverType, OptionalType, RecordType, Scalar, TupleType, Type
from ..values.functions import FUNCTIONS
from .plan import Body, Plan, Site, task_expressions

Pair: TypeAlias = tuple[int, str]
Carried: TypeAlias = Mapping[Pair, "int | None"]
"""Pair → in how many lists the record of the call lies in the value; None: the path may stand anywhere in it."""

_NOTHING: Carried = {}
_AS_THEY_ARE = frozenset({"reversed", "sorted", "unique", "slice"})
"""Functions that give a list of the items that they are given."""


@dataclass(frozen=True, slots=True)
class Follower:
    """A site of the same body that a value goes to, or into: which pairs of it, and whether item by item."""

    pos: int
    pairs: frozenset[Pair]
    streams: bool = False


@dataclass(slots=True, eq=False)
class Lineage:
    """The tables."""

    makers: frozenset[int] = frozenset()
    """Calls that make files."""
    carried: dict[int, frozenset[Pair]] = field(default_factory=dict[int, frozenset[Pair]])
    """By node or item."""
    sources: dict[int, frozenset[int]] = field(default_factory=dict[int, frozenset[int]])
    """Calls and expressions that read files → the calls that make these."""
    uses: dict[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    """Calls and expressions → the nodes and items that they are given and that carry files."""
    followers: dict[int, tuple[Follower, ...]] = field(default_factory=dict[int, tuple[Follower, ...]])
    """By node or item: who of its own body is given its value, or has a body in which somebody is."""
    kept: frozenset[Pair] = frozenset()
    """Files that are in a result of the run."""
    temporary: dict[int, frozenset[Pair]] = field(default_factory=dict[int, frozenset[Pair]])
    """Calls → their temporary files that are to go."""
    stays: frozenset[int] = frozenset()
    """FanOuts whose frames are not let go: calls in them may have to be made again, or files pass through."""


def pairs_of(site: Site) -> frozenset[Pair]:
    """The outputs of a call that are files."""
    if site.task is None:
        return frozenset()
    return frozenset((site.id, o.name) for o in site.task.outputs if o.form != "value")


def trace(plan: Plan) -> Lineage:
    """The tables of a plan."""
    makers = {id_: pairs for id_, site in plan.sites.items() if (pairs := pairs_of(site))}
    if not makers:
        return Lineage()
    found = _Trace(plan, makers)
    followers: dict[int, dict[int, Follower]] = {}
    uses: dict[int, tuple[int, ...]] = {}
    for site in plan.sites.values():
        concerned = found.reads.get(site.id, frozenset[Pair]()) | frozenset(found.carried.get(site.id, _NOTHING))
        if isinstance(site.node, FanOut) and site.inner is not None:
            concerned |= {pair for item in site.inner.items for pair in found.carried.get(item, ())}
        given = tuple(n for n in _given(site) if found.carried.get(n))
        if site.id in found.reads or isinstance(site.node, Compute):
            uses[site.id] = given
        if not concerned or isinstance(site.node, Output):
            continue
        for node in given:
            body = plan.items[node] if node in plan.items else plan.sites[node].body
            at = _ancestor(site, body)
            if at is None:
                continue  # the element's own value: it goes up, not to a follower
            streams = at is site and site.stream is not None and body.sites[site.stream].id == node
            known = followers.setdefault(node, {}).get(at.pos)
            followers[node][at.pos] = Follower(
                at.pos,
                concerned | (known.pairs if known is not None else frozenset[Pair]()),
                streams and (known is None or known.streams),
            )
    kept = frozenset(
        pair for site in plan.sites.values() if isinstance(site.node, Output) for pair in found.carried[site.id]
    )
    temporary: dict[int, frozenset[Pair]] = {}
    for id_ in makers:
        task = plan.sites[id_].task
        assert task is not None
        pairs = frozenset((id_, o.name) for o in task.outputs if o.temp and o.form != "value") - kept
        if pairs:
            temporary[id_] = pairs
    return Lineage(
        makers=frozenset(makers),
        carried={node: frozenset(pairs) for node, pairs in found.carried.items() if pairs},
        sources={id_: frozenset(maker for maker, _ in pairs) for id_, pairs in found.reads.items() if pairs},
        uses=uses,
        followers={node: tuple(by_pos.values()) for node, by_pos in followers.items()},
        kept=kept,
        temporary=temporary,
        stays=frozenset(_staying(plan.root, makers, found.carried)),
    )


def _given(site: Site) -> Iterable[int]:
    """Nodes and items whose values a site is given, each once."""
    node = site.node
    seen: dict[int, None] = {}
    match node:
        case Compute():
            seen.update(dict.fromkeys(refs(node.expr)))
        case Call():
            for expr in _expressions(site):
                seen.update(dict.fromkeys(refs(expr)))
        case Output():
            seen[node.node] = None
        case FanOut():
            seen[node.source] = None
            if site.inner is not None and site.inner.result_node is not None:
                seen[site.inner.result_node] = None
        case _:
            pass
    return seen


def _expressions(site: Site) -> list[Expr]:
    assert isinstance(site.node, Call)
    assert site.task is not None
    assert site.clauses is not None
    return [e for _, e in site.node.args] + task_expressions(site.task, site.clauses)


def _ancestor(site: Site, body: Body) -> Site | None:
    """The site of `body` that is `site` or that it lies in; None where it lies outside."""
    at = site
    while at.body is not body:
        if at.body.parent is None:
            return None
        at = at.body.parent
    return at


def _staying(root: Body, makers: Mapping[int, object], carried: Mapping[int, Carried]) -> Iterable[int]:
    stack, order = [root], list[Body]()
    while stack:
        body = stack.pop()
        order.append(body)
        stack.extend(s.inner for s in body.sites if s.inner is not None)
    stays: set[int] = set()
    for body in reversed(order):
        inner = any(s.id in makers or s.id in stays for s in body.sites)
        if body.parent is not None and (inner or any(carried.get(item) for item in body.items)):
            stays.add(body.region)
    return stays


class _Trace:
    """What each node carries, found in the order in which values are made."""

    def __init__(self, plan: Plan, makers: Mapping[int, frozenset[Pair]]) -> None:
        self.plan = plan
        self.makers = makers
        self.carried: dict[int, Carried] = {}
        self.reads: dict[int, frozenset[Pair]] = {}
        for start in (*plan.sites, *plan.items):
            stack = [start]
            while stack:
                node = stack[-1]
                missing = [] if node in self.carried else [n for n in self._needs(node) if n not in self.carried]
                if missing:
                    stack.extend(missing)
                    continue
                stack.pop()
                if node not in self.carried:
                    self.carried[node] = self._node(node)

    def _needs(self, node: int) -> Iterable[int]:
        body = self.plan.items.get(node)
        if body is not None:
            assert body.parent is not None
            assert isinstance(body.parent.node, FanOut)
            return (body.parent.node.source,)
        site = self.plan.sites[node]
        if isinstance(site.node, FanOut):
            result = _result(site)
            return () if result is None else (result,)
        return _given(site)

    def _node(self, node: int) -> Carried:
        body = self.plan.items.get(node)
        if body is not None:
            assert body.parent is not None
            assert isinstance(body.parent.node, FanOut)
            item = body.items[node]
            return _limit(item.type, _down(self.carried[body.parent.node.source], whole=item.index is None))
        site = self.plan.sites[node]
        match site.node:
            case Call():
                self.reads[node] = self._read(site)
                level = 0 if site.task is not None and site.task.record else None
                return dict.fromkeys(self.makers.get(node, ()), level)
            case Compute(expr=expr, type=type_):
                touched: set[Pair] = set()
                carried = self._carries(expr, {}, touched.update)
                if touched:
                    self.reads[node] = frozenset(touched)
                return _limit(type_, carried)
            case Output(node=of):
                return _limit(site.node.type, self.carried[of])
            case FanOut(type=type_, flatten=flatten):
                result = _result(site)
                if result is None:
                    return _NOTHING
                carried = self.carried[result]
                return _limit(type_, carried if flatten else _up(carried))
            case _:
                return _NOTHING

    def _read(self, site: Site) -> frozenset[Pair]:
        assert isinstance(site.node, Call)
        assert site.task is not None
        found: set[Pair] = set()
        types = {i.name: i.type for i in site.task.inputs}
        for name, expr in site.node.args:
            found.update(_limit(types[name], self._carries(expr, {}, found.update)))
        assert site.clauses is not None
        for expr in task_expressions(site.task, site.clauses):
            found.update(self._carries(expr, {}, found.update))
        return frozenset(found)

    def _carries(self, expr: Expr, names: Mapping[str, Carried], touch: Callable[[Iterable[Pair]], object]) -> Carried:
        """What the value of an expression carries; what it reads itself is given to `touch`."""

        def of(part: Expr) -> Carried:
            return self._carries(part, names, touch)

        match expr:
            case Lit():
                return _NOTHING
            case Ref(node):
                return self.carried.get(node, _NOTHING)
            case Var(name):
                return names.get(name, _NOTHING)
            case Field(subject, name):
                carried = of(subject)
                return {p: None for p, level in carried.items() if level != 0 or p[1] == name}
            case Text(parts):
                return _join(*(_anywhere(of(p)) for p in parts if not isinstance(p, str)))
            case ListOf(items):
                return _up(_join(*(of(i) for i in items)))
            case RecordOf(fields):
                return _anywhere(_join(*(of(e) for _, e in fields)))
            case Logic("coalesce", left, right):
                return _join(of(left), of(right))
            case Logic(_, left, right):
                for part in (left, right):
                    of(part)
                return _NOTHING
            case Choose(condition, then, otherwise):
                of(condition)
                return _join(of(then), of(otherwise))
            case Comprehension():
                return self._comprehension(expr, names, touch)
            case Apply(function, args, named):
                found = [of(a) for a in args] + [of(e) for _, e in named]
                if function in FUNCTIONS and FUNCTIONS[function].reads:
                    for one in found:
                        touch(one)
                if function == "index":
                    return _down(found[0], whole=True)
                if function in _AS_THEY_ARE:
                    return found[0]
                if function == "flatten":
                    return {p: level - 1 if level is not None and level > 1 else None for p, level in found[0].items()}
                return _anywhere(_join(*found))

    def _comprehension(
        self, expr: Comprehension, names: Mapping[str, Carried], touch: Callable[[Iterable[Pair]], object]
    ) -> Carried:
        known = dict(names)
        for clause in expr.clauses:
            item = _down(self._carries(clause.source, known, touch), whole=len(clause.names) == 1)
            known.update(dict.fromkeys(clause.names, item))
            if clause.condition is not None:
                self._carries(clause.condition, known, touch)
        element = self._carries(expr.element, known, touch)
        if expr.key is None:
            return _up(element)
        return _anywhere(_join(element, self._carries(expr.key, known, touch)))


def _result(site: Site) -> int | None:
    """The node or item whose value is an element of a FanOut."""
    assert site.inner is not None
    if site.inner.result is not None:
        return site.inner.sites[site.inner.result].id
    return site.inner.result_node


def _anywhere(carried: Carried) -> Carried:
    return dict.fromkeys(carried)


def _up(carried: Carried) -> Carried:
    """In a list."""
    return {pair: None if level is None else level + 1 for pair, level in carried.items()}


def _down(carried: Carried, *, whole: bool) -> Carried:
    """An item of a list, or a part of one that is unpacked."""
    return {pair: level - 1 if whole and level else None for pair, level in carried.items()}


def _join(*many: Carried) -> Carried:
    found: dict[Pair, int | None] = {}
    for one in many:
        for pair, level in one.items():
            found[pair] = level if found.get(pair, level) == level else None
    return found


def _limit(type_: Type, carried: Carried) -> Carried:
    """What a value of a type can carry."""
    return carried if carried and _may_hold_path(type_) else _NOTHING


def _may_hold_path(type_: Type) -> bool:
    match type_:
        case Scalar(name):
            return name in ("file", "dir", "str", "json")
        case OptionalType(inner) | ListType(inner) | DictType(inner):
            return _may_hold_path(inner)
        case RecordType(fields):
            return any(_may_hold_path(t) for _, t in fields)
        case TupleType(items):
            return any(_may_hold_path(t) for t in items)
        case ChoiceType() | NeverType():
            return False
