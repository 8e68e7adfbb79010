"""Many boxes that say the same in less room: steps in a row, and boxes with the same neighbours, each in one frame.

A picture of 300 calls in a row would be 60 000 pixels wide, one of 200 calls side by side a wall of arrows. Reads and
gives a `Diagram`; no box is lost, edges that many share become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .model import Area, Box, Diagram, Edge

LEAST = 8
"""Fewer are drawn one by one."""


def packed(diagram: Diagram) -> Diagram:
    """The diagram with rows and groups of `LEAST` and more boxes framed."""
    return _alike(_chains(diagram))


def _chains(diagram: Diagram) -> Diagram:
    into: dict[str, list[str]] = {}
    out_of: dict[str, list[str]] = {}
    for edge in diagram.edges:
        if edge.kind != "needs":
            into.setdefault(edge.head, []).append(edge.tail)
            out_of.setdefault(edge.tail, []).append(edge.head)
    boxes = {box.id: box for box in diagram.boxes if box.kind in ("call", "fan", "value")}

    def follows(id_: str) -> str | None:
        heads = out_of.get(id_, [])
        if len(heads) != 1 or heads[0] not in boxes or len(into[heads[0]]) != 1:
            return None
        return heads[0] if boxes[heads[0]].area == boxes[id_].area else None

    after = {id_: follow for id_ in boxes if (follow := follows(id_)) is not None}
    packs: list[list[str]] = []
    for start in boxes:
        if start in after and start not in set(after.values()):
            row = [start]
            while row[-1] in after:
                row.append(after[row[-1]])
            if len(row) >= LEAST:
                packs.append(row)
    return _framed(diagram, [(f"{len(row)} steps in a row", row) for row in packs], "chain")


def _alike(diagram: Diagram) -> Diagram:
    neighbours: dict[str, list[tuple[str, str, str, str]]] = {}
    for edge in diagram.edges:
        neighbours.setdefault(edge.head, []).append(("in", edge.tail, edge.kind, edge.label))
        neighbours.setdefault(edge.tail, []).append(("out", edge.head, edge.kind, edge.label))
    groups: dict[object, list[Box]] = {}
    chained = {area.id for area in diagram.areas if area.kind == "chain"}
    for box in diagram.boxes:
        if box.kind != "pool" and box.area not in chained:
            task = (box.detail or box.title) if box.kind in ("call", "fan") else ""
            key = (box.kind, task, box.area, box.marks, frozenset(neighbours.get(box.id, ())))
            groups.setdefault(key, []).append(box)
    packs: list[tuple[str, list[str]]] = []
    for group in groups.values():
        if len(group) >= LEAST:
            packs.append((f"{len(group)} {_what(group[0])}", [box.id for box in group]))
    return _framed(diagram, packs, "alike")


def _what(box: Box) -> str:
    match box.kind:
        case "call":
            return f"calls of {box.detail or box.title}"
        case "fan":
            return f"fan-outs of {box.detail or box.title}"
        case kind:
            return f"{kind}s"


def _framed(diagram: Diagram, packs: Sequence[tuple[str, Sequence[str]]], kind: str) -> Diagram:
    if not packs:
        return diagram
    assert kind in ("chain", "alike")
    frame: dict[str, str] = {}
    areas = list(diagram.areas)
    by_id = {box.id: box for box in diagram.boxes}
    for title, ids in packs:
        area = Area(id=f"k{ids[0]}", kind=kind, title=title, area=by_id[ids[0]].area)
        areas.append(area)
        frame |= dict.fromkeys(ids, area.id)
    edges: dict[Edge, None] = {}
    for edge in diagram.edges:
        tail, head = frame.get(edge.tail, edge.tail), frame.get(edge.head, edge.head)
        inside = tail == head and edge.tail in frame
        edges[edge if inside else replace(edge, tail=tail, head=head)] = None
    # A row stands in the order of its steps.
    order = {id_: at for _, ids in packs for at, id_ in enumerate(ids)}
    boxes = [replace(box, area=frame[box.id]) if box.id in frame else box for box in diagram.boxes]
    if kind == "chain":
        boxes.sort(key=lambda box: (box.id in frame, frame.get(box.id, ""), order.get(box.id, 0)))
    return replace(diagram, boxes=tuple(boxes), areas=tuple(areas), edges=tuple(edges), _parents={})
