"""What can be known of a graph before it runs: who waits for whom, in a form that the engine reads fast.

Reads a verified graph; writes `Plan`. A *site* is a node of the template as the engine sees it; a *body* is the
list of sites that an element of a FanOut (or the whole run, body 0) consists of. Items are not sites: they are there
as soon as the element is.

Guarantees: dependencies inside a body are positions in it; a dependency on an enclosing body is in `Body.outer`;
a FanOut whose entry sites all wait for the same outer node waits for it itself, so that no element is made before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..ir.events import Facts
from ..ir.expr import Expr, refs
from ..ir.graph import (
    Call,
    Clauses,
    Compute,
    ExecBody,
    FanOut,
    Graph,
    Item,
    Node,
    Output,
    PythonBody,
    PythonFunction,
    ShellBody,
    TaskDef,
)
from ..ir.requirement import Dimension, Resource
from .facts import constant_facts, differs_by_attempt


@dataclass(slots=True, eq=False)
class Site:
    """A template node, its place and its dependencies."""

    id: int
    node: Node
    body: Body
    pos: int
    depth: int
    """How many indices its path has."""
    local: tuple[int, ...] = ()
    """Positions in the same body that must be done first."""
    stream: int | None = None
    """Position of the FanOut that this FanOut streams from."""
    outer: tuple[int, ...] = ()
    """Ids in enclosing bodies that must be done first."""
    soft: set[int] = field(default_factory=set[int])
    """Positions among `local` that must have ended, well or not: gates of a FanOut, whose elements will tell."""
    soft_outer: set[int] = field(default_factory=set[int])
    """The same among `outer`."""
    users: list[int] = field(default_factory=list[int])
    """Positions in the same body that wait for this one."""
    streams_to: list[int] = field(default_factory=list[int])
    """Positions of FanOuts that stream from this one."""
    has_inner_users: bool = False
    needs_value: bool = False
    """A FanOut whose gathered list somebody uses."""
    is_source: bool = False
    """Its value is the source of a FanOut that does not stream: its length must be kept."""
    inner: Body | None = None
    """The body of a FanOut."""
    is_call: bool = False
    task: TaskDef | None = None
    clauses: Clauses | None = None
    """What is in force: the text's, with an operator's patches."""
    written: Clauses | None = None
    """What the text says."""
    facts: Facts | None = None
    """Where they do not differ from instance to instance."""
    anew: bool = False
    """They may differ from attempt to attempt."""
    recalls: bool = False
    """A call whose results are kept from run to run."""
    shape: int = -1
    begun: bool = False
    """Its item has begun when it becomes ready: it starts before new items."""
    height: int = 0
    """Calls on the longest path from here to the end of the program."""


@dataclass(slots=True, eq=False)
class Body:
    """The sites of an element; body 0 is the program itself, with one element."""

    region: int
    """The id of the FanOut, 0 for the program."""
    depth: int
    sites: list[Site]
    parent: Site | None
    items: dict[int, Item]
    result: int | None = None
    """Position of the site whose value is the element's."""
    result_node: int | None = None
    """Id of the item or outer node that is the element's value, where no site is."""
    condition: int | None = None
    flatten: bool = False
    unmet: list[int] = field(default_factory=list[int])
    """For each site, how many sites of the body it waits for."""
    outer: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """(position, outer id) for each wait on an enclosing body."""
    calls: int = 0
    """How many of the sites are calls."""
    entries: list[Site] = field(default_factory=list["Site"])
    """Calls, of this body and of those inside it, that wait for no other call of the element."""
    varies: bool = False
    """Elements may differ in what they wait for: a window over them may have to widen."""


@dataclass(slots=True, eq=False)
class Plan:
    """The program as the engine sees it."""

    graph: Graph
    root: Body
    sites: dict[int, Site]
    items: dict[int, Body]
    """The body whose elements bind an item."""
    dimensions: dict[str, Dimension]

    def name_of(self, node: int) -> str:
        """The name of a node or item of the program."""
        body = self.items.get(node)
        if body is not None:
            return body.items[node].name
        return self.sites[node].node.name if node in self.sites else f"@{node}"


_ALWAYS: tuple[tuple[str, Dimension], ...] = (("cpu", "millicpu"), ("mem", "bytes"), ("gpu", "count"))


def resources_of(graph: Graph) -> tuple[Resource, ...]:
    """The resources of a graph, and those that every machine has."""
    named = {r.name for r in graph.resources}
    return (*graph.resources, *(Resource(name=n, dimension=d) for n, d in _ALWAYS if n not in named))


def plan(graph: Graph) -> Plan:
    """The plan of a verified graph."""
    sites: dict[int, Site] = {}
    items: dict[int, Body] = {}
    dimensions: dict[str, Dimension] = {r.name: r.dimension for r in resources_of(graph)}
    tasks = {t.name: t for t in graph.tasks}
    root = _lay_out(graph.nodes, 0, 0, None, sites, items)
    for site in sites.values():
        node = site.node
        if isinstance(node, Call):
            site.is_call = True
            site.task = tasks[node.task]
            site.written = site.clauses = node.clauses or site.task.clauses
            site.facts = constant_facts(site.clauses, dimensions)
            site.anew = differs_by_attempt(site.clauses)
            site.recalls = bool(site.task.outputs) and site.clauses.cache.mode == "on"
    for site in sites.values():
        _connect(site, sites, items)
    for site in reversed(list(sites.values())):
        _gate(site, sites)
    for body in _bodies(root):
        if body.condition is not None and body.result is not None and _feeds(body, body.result, sites):
            # What the filter itself needs is the element: known only when the filter has answered.
            body.result, body.result_node = None, body.sites[body.result].id
    for site in sites.values():
        for above in site.outer:
            sites[above].has_inner_users = True
            site.body.outer.append((site.pos, above))
    for body in _bodies(root):
        body.unmet = [len(s.local) + (s.stream is not None) for s in body.sites]
        body.calls = sum(isinstance(s.node, Call) for s in body.sites)
        body.entries = _entries(body)
        work = sum(not isinstance(s.node, Compute) for s in body.sites)
        body.varies = work > 1 or any(e.facts is None for e in body.entries) or any(s.inner for s in body.sites)
    for site in sites.values():
        if isinstance(site.node, Call):
            site.begun = _begun(site)
    _heights(root)
    return Plan(graph=graph, root=root, sites=sites, items=items, dimensions=dimensions)


def _lay_out(
    nodes: Iterable[Node],
    region: int,
    depth: int,
    parent: Site | None,
    sites: dict[int, Site],
    items: dict[int, Body],
) -> Body:
    body = Body(region=region, depth=depth, sites=[], parent=parent, items={})
    for node in nodes:
        site = Site(id=node.id, node=node, body=body, pos=len(body.sites), depth=depth)
        body.sites.append(site)
        sites[node.id] = site
        if isinstance(node, FanOut):
            inner = _lay_out(node.body, node.id, depth + 1, site, sites, items)
            site.inner = inner
            inner.flatten = node.flatten
            for item in node.items:
                inner.items[item.id] = item
                items[item.id] = inner
            local = {s.id: s.pos for s in inner.sites}
            if node.condition is not None:
                inner.condition = local[node.condition]
            if node.result is not None:
                inner.result = local.get(node.result)
                if inner.result is None:
                    inner.result_node = node.result
    return body


def _bodies(root: Body) -> list[Body]:
    found: list[Body] = []
    stack = [root]
    while stack:
        body = stack.pop()
        found.append(body)
        stack.extend(s.inner for s in body.sites if s.inner is not None)
    return found


def used(site: Site) -> list[int]:
    """Ids whose *value* a site uses, streams and `after` left out; items may be among them."""
    node = site.node
    found: list[int] = []
    match node:
        case Compute():
            found += refs(node.expr)
        case Call():
            for _, expr in node.args:
                found += refs(expr)
            assert site.task is not None
            assert site.clauses is not None
            for expr in task_expressions(site.task, site.clauses):
                found += refs(expr)
        case Output():
            found.append(node.node)
        case FanOut():
            found.append(node.source)
            assert site.inner is not None
            if site.inner.result_node is not None:
                found.append(site.inner.result_node)
        case _:
            pass
    return found


def task_expressions(task: TaskDef, clauses: Clauses) -> list[Expr]:
    """Every expression of a task that is evaluated for a call of it."""
    found: list[Expr] = [r.amount for r in clauses.requires]
    found += [e for e in (clauses.timeout, clauses.priority, clauses.workdir) if e is not None]
    found += [e for _, e in clauses.env]
    if clauses.retry is not None:
        found += [clauses.retry.count, clauses.retry.backoff_min, clauses.retry.backoff_max]
    found += [e for e in (clauses.cache.by, clauses.cache.ttl) if e is not None]
    found += [o.path for o in task.outputs if o.path is not None]
    match task.body:
        case ShellBody(values=values):
            found += [v.expr for v in values]
        case ExecBody(words=words):
            found += list(words)
        case PythonBody(values=values) | PythonFunction(values=values):
            found += [v.expr for v in values]
        case _:
            pass
    return found


def _connect(site: Site, sites: dict[int, Site], items: dict[int, Body]) -> None:
    node, body = site.node, site.body
    local: dict[int, None] = {}
    outer: dict[int, None] = {}

    def wait_for(target: int) -> None:
        if target in items:
            return
        other = sites[target]
        if other.body is body:
            local[other.pos] = None
        elif not _encloses(site, other.body):
            outer[target] = None

    streamed = False
    if isinstance(node, FanOut):
        source = sites.get(node.source)
        if source is not None and source.body is body and isinstance(source.node, FanOut):
            streamed = True
            site.stream = source.pos
            source.streams_to.append(site.pos)
        elif source is not None:
            source.is_source = True
    for target in used(site):
        if streamed and isinstance(node, FanOut) and target == node.source:
            continue
        if target in sites and not (isinstance(node, FanOut) and site.inner and target in _own(site)):
            sites[target].needs_value = True
        wait_for(target)
    if isinstance(node, Compute | Call | FanOut):
        for target in node.after:
            wait_for(target)
    if isinstance(node, FanOut) and not node.flatten and site.inner is not None and site.inner.result is not None:
        site.inner.sites[site.inner.result].needs_value = True
    if body.condition is not None and site.pos != body.condition and not _feeds(body, site.pos, sites):
        local[body.condition] = None
    site.local = tuple(local)
    site.outer = tuple(outer)
    for pos in site.local:
        body.sites[pos].users.append(site.pos)


def _own(site: Site) -> set[int]:
    return {s.id for s in site.inner.sites} if site.inner else set()


def _encloses(site: Site, body: Body) -> bool:
    """True where `body` lies inside the FanOut `site`."""
    at: Body | None = body
    while at is not None:
        if at.parent is site:
            return True
        at = at.parent.body if at.parent is not None else None
    return False


def _feeds(body: Body, pos: int, sites: dict[int, Site]) -> bool:
    """True where the body's condition needs the site at `pos`."""
    assert body.condition is not None
    local = {s.id: s.pos for s in body.sites}
    seen, stack = set[int](), [body.condition]
    while stack:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        site = body.sites[at]
        after = site.node.after if isinstance(site.node, Compute | Call | FanOut) else ()
        stack.extend(local[t] for t in (*used(site), *after) if t in local)
    return pos in seen


def _gate(site: Site, sites: dict[int, Site]) -> None:
    """What every entry of a FanOut's body waits for outside, the FanOut itself waits for: to end, well or not.

    Where it ends badly the elements are skipped one by one, so that an empty list stays an empty list.
    """
    if site.inner is None or not site.inner.sites:
        return
    common: set[int] | None = None
    for entry in site.inner.sites:
        if not entry.local and entry.stream is None:
            wants = set(entry.outer)
            common = wants if common is None else common & wants
    if not common:
        return
    own = site.body
    for target in sorted(common):
        other = sites[target]
        if other.body is own:
            if other.pos != site.pos and other.pos not in site.local and other.pos != site.stream:
                site.local = (*site.local, other.pos)
                site.soft.add(other.pos)
                other.users.append(site.pos)
        elif target not in site.outer:
            site.outer = (*site.outer, target)
            site.soft_outer.add(target)


def _entries(body: Body) -> list[Site]:
    """Calls that wait for no other call of the element, also those of lists inside it."""
    found: list[Site] = []
    late: set[int] = set()
    for site in _in_order(body):
        works = isinstance(site.node, Call) or site.inner is not None
        if any(pos in late for pos in (*site.local, *(() if site.stream is None else (site.stream,)))):
            late.add(site.pos)
        elif works:
            late.add(site.pos)
            found += [site] if site.inner is None else _entries(site.inner)
    return found


def _in_order(body: Body) -> list[Site]:
    """The sites of a body, each after those that it waits for."""
    order: list[Site] = []
    seen: set[int] = set()
    for start in body.sites:
        stack = [start]
        while stack:
            site = stack[-1]
            waits = [body.sites[p] for p in (*site.local, *(() if site.stream is None else (site.stream,)))]
            missing = [s for s in waits if s.pos not in seen]
            if missing and site.pos not in seen:
                stack.extend(missing)
                continue
            stack.pop()
            if site.pos not in seen:
                seen.add(site.pos)
                order.append(site)
    return order


def _begun(site: Site) -> bool:
    if site.body.parent is None:
        return False
    seen, stack = set[int](), list(site.local)
    while stack:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        other = site.body.sites[at]
        if isinstance(other.node, Call):
            return True
        stack.extend(other.local)
    return _streams_from_work(site.body.parent)


def _streams_from_work(fan: Site) -> bool:
    if fan.stream is not None:
        source = fan.body.sites[fan.stream]
        return _has_calls(source) or _streams_from_work(source)
    return fan.body.parent is not None and _streams_from_work(fan.body.parent)


def _has_calls(fan: Site) -> bool:
    assert fan.inner is not None
    return any(isinstance(s.node, Call) or (s.inner is not None and _has_calls(s)) for s in fan.inner.sites)


def _heights(root: Body) -> None:
    """Longest remaining path by calls. A FanOut is two vertices: its opening (the negative id) and its close."""
    successors: dict[int, list[int]] = {}
    weight: dict[int, int] = {}
    owners: dict[int, Site] = {}

    def opening(site: Site) -> int:
        return -site.id if site.inner is not None else site.id

    for body in _bodies(root):
        for site in body.sites:
            owners[site.id] = site
            weight[site.id] = 1 if isinstance(site.node, Call) else 0
            after = [opening(body.sites[p]) for p in (*site.users, *site.streams_to)]
            if body.parent is not None:
                after.append(body.parent.id)
            successors[site.id] = after
            if site.inner is not None:
                weight[-site.id] = 0
                successors[-site.id] = [opening(s) for s in site.inner.sites] or [site.id]
    for body in _bodies(root):
        for pos, target in body.outer:
            successors[target].append(opening(body.sites[pos]))
    heights: dict[int, int] = {}
    for start in successors:
        stack = [start]
        while stack:
            at = stack[-1]
            if at in heights:
                stack.pop()
                continue
            waiting = [s for s in successors[at] if s not in heights]
            if waiting:
                stack.extend(waiting)
                continue
            heights[at] = weight[at] + max((heights[s] for s in successors[at]), default=0)
            stack.pop()
    for id_, site in owners.items():
        site.height = heights[id_]
