"""From a graph template to a `Diagram`: what is drawn, what is folded away, and which way values go.

Reads a verified graph (regions that are not built yet included), the `Tally`s of a run where one is given. Drawn are
params, calls, regions, outputs, and values that read files, the environment or the clock. All other values are folded
away: an edge goes through them, from what they are made of to what uses them. A fan-out of one call is one box, one of
nothing but values is folded away too, any other is an area.

Guarantees: every param, call, region and output stands in `nodes` of exactly one box or area, or lies in a fan-out
that does; an edge joins two things of which none holds the other; the order is that of the program.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from ...engine.plan import task_expressions
from ...ir.expr import Expr, refs
from ...ir.graph import (
    Branch,
    Call,
    Compute,
    FanOut,
    Finally,
    Flow,
    Graph,
    Item,
    Node,
    Output,
    Param,
    Region,
    Repeat,
    Try,
    bodies,
    walk,
)
from ...ir.notation import expr_text
from ...ir.text import bound_items
from ...ir.verify import captures
from .lengths import Length, Lengths
from .model import Area, AreaKind, Box, BoxKind, Diagram, Edge, EdgeKind, Tally, clean, shortened
from .pools import Pools, Want

_LONGEST = 40
_KINDS: dict[type[Node], AreaKind] = {
    FanOut: "fan", Flow: "flow", Branch: "branch", Try: "try", Repeat: "repeat", Finally: "finally",
}  # fmt: skip


def build(
    graph: Graph,
    *,
    tallies: Mapping[int, Tally] | None = None,
    elements: Mapping[int, tuple[int, bool]] | None = None,
    lengths: Lengths | None = None,
    pools: Want = "limited",
    note: str = "",
) -> Diagram:
    """The picture of a graph; `tallies` and `elements` by template id are those of a run."""
    builder = _Builder(graph, tallies, elements or {}, lengths or Lengths(graph))
    builder.body(graph.nodes, "", ())
    builder.requirements(pools)
    return Diagram(
        title=clean(graph.file or graph.name),
        doc=clean(graph.doc),
        note=note,
        boxes=tuple(builder.boxes.values()),
        areas=tuple(builder.areas),
        edges=tuple(builder.edges),
    )


class _Builder:
    """Boxes, areas and edges as they are found."""

    def __init__(
        self,
        graph: Graph,
        tallies: Mapping[int, Tally] | None,
        elements: Mapping[int, tuple[int, bool]],
        lengths: Lengths,
    ) -> None:
        self.graph = graph
        self.elements = elements
        self.tallies = tallies
        self.lengths = lengths
        self.boxes: dict[str, Box] = {}
        self.areas: list[Area] = []
        self.edges: dict[Edge, None] = {}
        self.tasks = {task.name: task for task in graph.tasks}
        self.nodes: dict[int, Node] = {node.id: node for node in walk(graph.nodes)}
        self.bound: dict[int, Region] = {}
        self.shown: dict[int, str] = {}
        """Template id → the box or area that stands for it."""
        self.pools = Pools(graph, lengths)
        conditions = {node.condition for node in self.nodes.values() if isinstance(node, FanOut | Branch | Repeat)}
        self.values = {n.id for n in self.nodes.values() if isinstance(n, Compute) and n.reads} - conditions
        for node in self.nodes.values():
            for item in bound_items(node):
                assert not isinstance(node, Param | Item | Compute | Call | Output)
                self.bound[item.id] = node
        self._name(graph.nodes)

    # -- what is drawn --

    def _name(self, nodes: tuple[Node, ...]) -> None:
        """Give each thing that is drawn its id, before any edge asks for it."""
        for node in nodes:
            match node:
                case Param() | Call() | Output():
                    self.shown[node.id] = f"n{node.id}"
                case Compute():
                    if node.id in self.values:
                        self.shown[node.id] = f"n{node.id}"
                case Item():
                    pass
                case FanOut():
                    call = self._only_call(node)
                    if call is not None:
                        for one in (node, *walk(node.body)):
                            if isinstance(one, FanOut | Call):
                                self.shown[one.id] = f"n{node.id}"
                    elif self._drawn(node.body):
                        self.shown[node.id] = f"r{node.id}"
                        self._name(node.body)
                case Flow() | Branch() | Try() | Repeat() | Finally():
                    inside = bodies(node)
                    self.shown[node.id] = f"r{node.id}" if any(map(self._drawn, inside)) else f"n{node.id}"
                    for body in inside:
                        self._name(body)
                case _:
                    assert_never(node)

    def _drawn(self, nodes: tuple[Node, ...]) -> list[Node]:
        """What of a body is drawn at its top."""
        found: list[Node] = []
        for node in nodes:
            if isinstance(node, FanOut):
                if self._drawn(node.body):
                    found.append(node)
            elif not isinstance(node, Item | Compute) or node.id in self.values:
                found.append(node)
        return found

    def _only_call(self, fan: FanOut) -> Call | None:
        """The call that is all that a fan-out, or one in a fan-out, draws."""
        drawn = self._drawn(fan.body)
        if len(drawn) != 1:
            return None
        match drawn[0]:
            case Call() as call:
                return call
            case FanOut() as inner:
                return self._only_call(inner)
            case _:
                return None

    # -- boxes and areas --

    def body(self, nodes: tuple[Node, ...], area: str, flows: tuple[str, ...]) -> None:
        """Everything of a body, and the edges that lead to it."""
        for node in nodes:
            match node:
                case Param():
                    self._box(node, area, "param", node.name, str(node.type), node.doc)
                case Compute():
                    if node.id in self.values:
                        self._box(node, area, "value", *self._value_text(node), tally=True)
                        self._join(refs(node.expr), f"n{node.id}", "data")
                        self._join(node.after, f"n{node.id}", "after")
                case Call():
                    self._call(node, f"n{node.id}", area, flows)
                case Output():
                    self._box(node, area, "output", node.name, str(node.type), node.doc)
                    self._join((node.node,), f"n{node.id}", "data")
                case FanOut():
                    self._fan(node, area, flows)
                case Flow() | Branch() | Try() | Repeat() | Finally():
                    self._region(node, area, flows)
                case Item():
                    pass
                case _:
                    assert_never(node)

    def _box(
        self, node: Node, area: str, kind: BoxKind, title: str, detail: str = "", doc: str = "", tally: bool = False
    ) -> None:
        box = Box(
            id=f"n{node.id}",
            kind=kind,
            title=clean(title),
            detail=shortened(clean(detail), _LONGEST),
            doc=clean(doc),
            nodes=(node.id,),
            area=area,
            tally=self.tallies.get(node.id) if tally and self.tallies is not None else None,
        )
        self._add(box)

    def _add(self, box: Box) -> None:
        self.boxes[box.id] = box

    def _frame(self, area: Area) -> None:
        self.areas.append(area)

    def _call(self, call: Call, id_: str, area: str, flows: tuple[str, ...]) -> None:
        task = self.tasks[call.task]
        self._box(call, area, "call", call.name, call.task if call.task != call.name else "", task.doc, tally=True)
        self._join_call(call, id_, ())
        self.pools.user(id_, task, call.clauses or task.clauses, flows)

    def _fan(self, fan: FanOut, area: str, flows: tuple[str, ...]) -> None:
        id_ = self.shown.get(fan.id)
        if id_ is None:
            return
        call = self._only_call(fan)
        if call is None:
            count, more = self.elements.get(fan.id, (0, True))
            known = f"×{count}{'+' if more else ''}" if count or not more else self._times(self.lengths.of(fan.source))
            title = f"{self._items(fan)} {known}"
            title += " if …" if fan.condition is not None else ""
            name = "" if fan.result is None else f"{fan.name}: "
            self._frame(Area(id=id_, kind="fan", title=clean(name + title), nodes=(fan.id,), area=area))
            self.body(fan.body, id_, flows)
        else:
            self._one_box(fan, call, id_, area, flows)
        self._join((fan.source,), id_, "data")
        self._join(fan.after, id_, "after")
        self._join_rest(fan, id_)

    def _one_box(self, fan: FanOut, call: Call, id_: str, area: str, flows: tuple[str, ...]) -> None:
        """A fan-out of one call, also of one in a fan-out of its own."""
        task = self.tasks[call.task]
        fans = [one for one in (fan, *walk(fan.body)) if isinstance(one, FanOut) and self.shown.get(one.id) == id_]
        title = call.name if fan.result is None else fan.name
        tally = None if self.tallies is None else self.tallies.get(call.id)
        if tally is not None and (tally.total or not tally.more):
            times = f"×{tally.total}{'+' if tally.more else ''}"
        else:
            times = " ".join(self._times(self._own_length(one)) for one in fans)
        doc = "; ".join(line for line in (", ".join(map(self._items, fans)), task.doc) if line)
        self._add(
            Box(
                id=id_,
                kind="fan",
                title=clean(title),
                detail=clean(call.task if call.task != title else ""),
                times=times,
                doc=clean(doc),
                nodes=(*(one.id for one in fans), call.id),
                area=area,
                tally=tally,
            )
        )
        inside = tuple(one.id for one in walk(fan.body)) + tuple(i.id for one in fans for i in one.items)
        self._join_call(call, id_, inside)
        for one in fans[1:]:
            self._join((one.source,), id_, "data", inside)
            self._join(one.after, id_, "after", inside)
        self.pools.user(id_, task, call.clauses or task.clauses, flows)

    def _region(self, node: Flow | Branch | Try | Repeat | Finally, area: str, flows: tuple[str, ...]) -> None:
        id_ = self.shown[node.id]
        title = clean(self._region_title(node))
        inside = bodies(node)
        if id_.startswith("n"):
            self._box(node, area, "region", title, type(node).__name__.lower())
        else:
            self._frame(Area(id=id_, kind=_KINDS[type(node)], title=title, nodes=(node.id,), area=area))
            if isinstance(node, Flow):
                flows = (*flows, node.flow)
            if len(inside) == 1:
                self.body(inside[0], id_, flows)
            else:
                for at, (word, body) in enumerate(zip(_sides(node), inside, strict=True)):
                    if self._drawn(body):
                        side = f"{id_}{'ab'[at]}"
                        self._frame(Area(id=side, kind="side", title=word, area=id_))
                        self.body(body, side, flows)
        match node:
            case Flow():
                for _, expr in node.args:
                    self._join(refs(expr), id_, "data")
            case Branch():
                self._join((node.condition,), id_, "data")
            case Repeat():
                self._join((node.initial,), id_, "data")
                for expr in (node.maximum, node.every):
                    self._join(() if expr is None else refs(expr), id_, "data")
            case Try() | Finally():
                pass
            case _:
                assert_never(node)
        if not isinstance(node, Finally):
            self._join(node.after, id_, "after")
        self._join_rest(node, id_)

    # -- words --

    def _items(self, fan: FanOut) -> str:
        return f"for {', '.join(item.name for item in fan.items)} in {self._source_text(fan.source)}"

    def _source_text(self, id_: int) -> str:
        node = self.nodes.get(id_)
        if node is None:
            return next((i.name for i in bound_items(self.bound[id_]) if i.id == id_), "a list")
        if isinstance(node, Compute) and "." in node.name:
            return shortened(self._expr_text(node.expr), 24)
        return node.name

    def _value_text(self, node: Compute) -> tuple[str, str]:
        expr = self._expr_text(node.expr)
        # A name with a dot is the compiler's: `pages.in` for what stands after `in`.
        return (shortened(expr, _LONGEST), "") if "." in node.name else (node.name, expr)

    def _expr_text(self, expr: Expr) -> str:
        return expr_text(expr, self._source_text)

    def _region_title(self, node: Flow | Branch | Try | Repeat | Finally) -> str:
        match node:
            case Flow():
                return node.name if node.flow == node.name else f"{node.name} = {node.flow}"
            case Branch():
                return f"{node.name}: if {self._source_text(node.condition)}"
            case Try():
                return f"{node.name}: try"
            case Repeat():
                at_most = self._expr_text(node.maximum)
                return f"{node.name}: repeat {node.variable.name}, at most {at_most} times"
            case Finally():
                return "finally" if node.name == "finally" else f"{node.name}: finally"
            case _:
                assert_never(node)

    def _own_length(self, fan: FanOut) -> Length | None:
        found = self.lengths.of(fan.source)
        return found if found is None or fan.condition is None else Length(found.items, exact=False)

    def _times(self, length: Length | None) -> str:
        if length is None:
            return "×?"
        return f"×{length.items}" if length.exact else f"×≤{length.items}"

    # -- edges --

    def _join(self, ids: Iterable[int], head: str, kind: EdgeKind, own: tuple[int, ...] = ()) -> None:
        for id_ in ids:
            for tail in () if id_ in own else self._sources(id_):
                self._edge(tail, head, kind)

    def _edge(self, tail: str, head: str, kind: EdgeKind) -> None:
        if tail == head:
            return
        if kind == "after" and Edge(tail=tail, head=head, kind="data") in self.edges:
            return
        self.edges[Edge(tail=tail, head=head, kind=kind)] = None

    def _join_call(self, call: Call, id_: str, own: tuple[int, ...]) -> None:
        task = self.tasks[call.task]
        exprs = [expr for _, expr in call.args] + task_expressions(task, call.clauses or task.clauses)
        for expr in exprs:
            self._join(refs(expr), id_, "data", own)
        self._join(call.after, id_, "after", own)

    def _join_rest(self, region: Region, id_: str) -> None:
        """What a body uses from outside and no edge into it shows yet leads to its frame."""
        inside = {self.shown[one.id] for body in bodies(region) for one in walk(body) if one.id in self.shown} | {id_}
        has = {edge.tail for edge in self.edges if edge.head in inside}
        for used in captures(region):
            for tail in self._sources(used):
                if tail not in has and tail not in inside:
                    self._edge(tail, id_, "data")

    def _sources(self, id_: int) -> list[str]:
        """What is drawn of that of which a value is made: itself, or what lies behind what is folded away."""
        found: dict[str, None] = {}
        seen: set[int] = set()
        stack = [id_]
        while stack:
            at = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            if at in self.shown:
                found[self.shown[at]] = None
                continue
            node = self.nodes.get(at)
            behind: tuple[int, ...] = ()
            if node is None:
                region = self.bound.get(at)
                # What a region binds comes with the region, unless that is folded away.
                if isinstance(region, FanOut) and region.id not in self.shown:
                    behind = (region.source,)
            elif isinstance(node, Compute):
                behind = (*refs(node.expr), *node.after)
            elif isinstance(node, FanOut):
                behind = (node.source, *captures(node), *node.after)
            stack.extend(reversed(behind))
        return list(found)

    # -- requirements --

    def requirements(self, want: Want) -> None:
        """Pools and what needs them."""
        for pool in self.pools.drawn(want):
            self._add(pool.box)
            for id_, amount in pool.users:
                if pool.marks:
                    box = self.boxes[id_]
                    mark = f"{pool.box.title} {amount}".rstrip()
                    self.boxes[id_] = replace(box, marks=(*box.marks, mark))
                else:
                    self.edges[Edge(tail=id_, head=pool.box.id, kind="needs", label=amount)] = None
            for id_ in pool.params:
                self._join((id_,), pool.box.id, "data")


def _sides(node: Node) -> tuple[str, ...]:
    return ("then", "else") if isinstance(node, Branch) else ("try", "else")
