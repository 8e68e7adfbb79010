"""Random graphs with every kind of region, and what a picture of one must keep to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

from graphs import call, compute, fan, graph, output, param, scope_of, task

from cascade_dsl.ir.expr import Apply, Lit, Ref
from cascade_dsl.ir.graph import (
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
    Repeat,
    Try,
    walk,
)
from cascade_dsl.ir.requirement import Limit
from cascade_dsl.ir.types import BOOL, JSON
from cascade_dsl.report.diagram.layout import Placed
from cascade_dsl.report.diagram.model import Diagram
from cascade_dsl.report.diagram.shapes import Rect, box_size

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("a", "fetch_all", 'he said "no" & <left>', "x" * 90, "#1 _it_ `is` \\N", "Ünïcødé 漢字", "end", "\u202e]]>")


def random_graph(draw: Callable[..., Any], strategies: Any, most: int = 5) -> Graph:
    """A program with bodies up to three deep; every reference is to something earlier."""
    ids = iter(range(1, 10_000))
    items: set[int] = set()

    def number(low: int, high: int) -> int:
        return draw(strategies.integers(low, high))

    def name() -> str:
        return NAMES[number(0, len(NAMES) - 1)]

    def item(label: str = "v") -> Item:
        made = Item(id=next(ids), name=label, type=JSON)
        items.add(made.id)
        return made

    def body(depth: int, outer: list[int], least: int = 0) -> list[Node]:
        nodes: list[Node] = []
        known = list(outer)
        for _ in range(number(least, most if depth == 0 else 2)):
            used = known[number(0, len(known) - 1)] if known else None
            after = tuple(n for n in known[-1:] if n not in items) if number(0, 3) == 0 else ()
            kind = number(0, 11) if depth < 3 else number(0, 5)
            made: Node
            match kind:
                case 0 | 1 | 2 | 3:
                    made = call(next(ids), ("t", "u")[number(0, 1)], used, name=name(), after=after)
                case 4 | 5:
                    made = replace(compute(next(ids), *([] if used is None else [used])), reads=kind == 4)
                case 6 | 7:
                    own, bound = next(ids), item()
                    inner = body(depth + 1, [*known, bound.id])
                    made = fan(own, used or first, bound.id, inner, inner[-1].id if inner else bound.id, after=after)
                case 8:
                    own, bound = next(ids), item("x")
                    inner = body(depth + 1, [*known, bound.id])
                    args = (("x", Lit(1) if used is None else Ref(used)),)
                    made = Flow(
                        id=own, name=name(), flow="f", args=args, items=(bound,), body=tuple(inner), result=None,
                        type=JSON, after=after,
                    )  # fmt: skip
                case 9:
                    gate = Compute(id=next(ids), name="if", expr=Apply("not", (Ref(used or first),)), type=BOOL)
                    nodes.append(gate)
                    then, otherwise = body(depth + 1, known), body(depth + 1, known)
                    made = Branch(
                        id=next(ids), name=name(), condition=gate.id, then=tuple(then), then_result=None,
                        otherwise=tuple(otherwise), otherwise_result=None, type=JSON,
                    )  # fmt: skip
                case 10:
                    own, error = next(ids), item("error")
                    inner, otherwise = body(depth + 1, known, 1), body(depth + 1, [*known, error.id])
                    made = Try(
                        id=own, name=name(), body=tuple(inner), result=inner[-1].id, error=error,
                        otherwise=tuple(otherwise), otherwise_result=None, type=JSON,
                    )  # fmt: skip
                case _:
                    own, variable, round_ = next(ids), item("v"), item("n")
                    inner = body(depth + 1, [*known, variable.id], 1)
                    gate = Compute(id=next(ids), name="while", expr=Apply("not", (Ref(variable.id),)), type=BOOL)
                    made = Repeat(
                        id=own, name=name(), initial=used or first, variable=variable, round=round_, condition=gate.id,
                        maximum=Lit(3), body=(*inner, gate), result=inner[-1].id, type=JSON,
                    )  # fmt: skip
            nodes.append(made)
            known.append(made.id)
        return nodes

    first = next(ids)
    nodes = [param(first), *body(0, [first], 1)]
    last = nodes[-1].id
    nodes.append(output(next(ids), last))
    if number(0, 1):
        nodes.append(Finally(id=next(ids), name="finally", run=item("run"), body=tuple(body(1, [last], 1))))
    made = graph([task("t"), task("u", requires={"mem": 10**9})], nodes)
    limits = (Limit(scope=scope_of("task:t"), amount=2), Limit(scope=scope_of("mem"), amount=4 * 10**9))
    return replace(made, limits=limits if number(0, 1) else (), file=name(), doc=name())


def check_model(source: Graph, diagram: Diagram) -> None:
    """Every node that is to be seen is seen once, edges lead from thing to thing, and none to what holds it."""
    ids = [one.id for one in (*diagram.boxes, *diagram.areas)]
    assert len(set(ids)) == len(ids)
    shown = [node for one in (*diagram.boxes, *diagram.areas) for node in one.nodes]
    assert len(set(shown)) == len(shown)
    nodes = list(walk(source.nodes))
    must = {n.id for n in nodes if not isinstance(n, FanOut | Compute | Item)}
    may = {n.id for n in nodes if isinstance(n, FanOut | Compute)}
    assert must <= set(shown) <= must | may
    for edge in diagram.edges:
        assert {edge.tail, edge.head} <= set(ids)
        assert edge.tail != edge.head
        assert edge.tail not in diagram.around(edge.head)
        assert edge.head not in diagram.around(edge.tail)
    joined = {end for edge in diagram.edges for end in (edge.tail, edge.head)}
    for node in nodes:
        # what a call is given is seen to come from somewhere
        if isinstance(node, Call) and any(isinstance(e, Ref) and _is_plain(nodes, e.node) for _, e in node.args):
            box = next(one for one in diagram.boxes if node.id in one.nodes)
            assert box.id in joined or set(diagram.around(box.id)) & joined, node


def _is_plain(nodes: list[Node], id_: int) -> bool:
    return any(n.id == id_ and isinstance(n, Param | Call | Output) for n in nodes)


def check_places(placed: Placed) -> None:
    """No box lies on another, each in its frames and in no other, and every edge ends where it should."""
    diagram = placed.diagram
    assert placed.boxes.keys() == {box.id for box in diagram.boxes}
    assert placed.areas.keys() == {area.id for area in diagram.areas}
    whole = Rect(0, 0, placed.size.w, placed.size.h)
    for a, b in combinations(diagram.boxes, 2):
        assert not _overlap(placed.boxes[a.id], placed.boxes[b.id]), (a, b)
    for box in diagram.boxes:
        own, need = placed.boxes[box.id], box_size(box)
        assert whole.holds(own)
        assert own.w > need.w - 0.1
        assert own.h > need.h - 0.1
        around = set(diagram.around(box.id))
        for area in diagram.areas:
            place = placed.areas[area.id]
            if area.id in around:
                assert place.holds(placed.boxes[box.id]), (box, area)
            else:
                assert not _overlap(place, placed.boxes[box.id]), (box, area)
    for a, b in combinations(diagram.areas, 2):
        if a.id not in diagram.around(b.id) and b.id not in diagram.around(a.id):
            assert not _overlap(placed.areas[a.id], placed.areas[b.id]), (a, b)
    places = {**placed.boxes, **placed.areas}
    for edge, points in placed.curves:
        ends = (edge.head, edge.tail) if edge.kind == "needs" else (edge.tail, edge.head)
        for end, point in zip(ends, (points[0], points[-1]), strict=True):
            assert _distance(places[end], point) < 3, (edge, point, places[end])


def _overlap(a: Rect, b: Rect, slack: float = 0.6) -> bool:
    return (
        a.x + slack < b.x + b.w and b.x + slack < a.x + a.w and a.y + slack < b.y + b.h and b.y + slack < a.y + a.h
    )  # fmt: skip


def _distance(place: Rect, point: tuple[float, float]) -> float:
    """How far a point is from the border of a place."""
    left, right = point[0] - place.x, place.x + place.w - point[0]
    above, below = point[1] - place.y, place.y + place.h - point[1]
    if min(left, right, above, below) >= 0:
        return min(left, right, above, below)
    return max(-left, 0, -right) + max(-above, 0, -below)


def check_svg(text: str, placed: Placed) -> ElementTree.Element:
    """It is XML, every box is in it once, and every line of text stays in its box and in the picture."""
    root = ElementTree.fromstring(text)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    groups = [g for g in root.iter(f"{SVG}g") if "data-id" in g.attrib and g.attrib["class"].startswith("box")]
    assert [g.attrib["data-id"] for g in groups] == [box.id for box in placed.diagram.boxes]
    for group in groups:
        place = placed.boxes[group.attrib["data-id"]]
        title = group.find(f"{SVG}title")
        assert title is not None
        lines = group.findall(f"{SVG}text")
        assert lines
        for line in lines:
            assert float(line.attrib["textLength"]) <= place.w - 8
            assert place.y < float(line.attrib["y"]) < place.y + place.h
            assert line.text
            assert line.text.rstrip("…") in (title.text or "")
    for line in root.iter(f"{SVG}text"):
        if line.attrib.get("text-anchor") is None:
            assert float(line.attrib["x"]) + float(line.attrib["textLength"]) <= width
        assert float(line.attrib["y"]) <= height
    assert "href" not in text
    assert "<script" not in text
    return root
