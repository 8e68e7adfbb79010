"""A diagram as Mermaid text, for Markdown that draws it. Frames of equals and rows are left to `svg`: Mermaid places by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .model import Box, Diagram, Edge, clean

_READ = re.compile(r"(?<!\w)_+|_+(?!\w)|[.)+-](?= )|[^\w .,:;()\[\]/×≤…·◇+=?-]")
EDGES_AT_MOST = 500
"""Mermaid refuses more unless its `maxEdges` is raised where it is set up; a diagram may not do that itself."""

_SHAPES = {
    "param": ("[/", "\\]"), "value": ("([", "])"), "call": ("[", "]"), "fan": ("[[", "]]"), "region": ("[", "]"),
    "output": (">", "]"), "pool": ("{{", "}}"),
}  # fmt: skip
_ARROWS = {"data": "-->", "after": "-.->", "needs": "-.-"}
_CLASSES = {
    "param": "fill:#fff5d6,stroke:#b08800,color:#1f2328", "value": "fill:#f1ecff,stroke:#8250df,color:#1f2328",
    "call": "fill:#e7f1fd,stroke:#3b7dc4,color:#1f2328", "fan": "fill:#e7f1fd,stroke:#3b7dc4,color:#1f2328,stroke-width:2px",
    "region": "fill:#eef0f2,stroke:#6e7781,color:#1f2328", "output": "fill:#dff3f4,stroke:#1f7a8c,color:#1f2328",
    "pool": "fill:#fdeef6,stroke:#bf3989,color:#1f2328", "failed": "fill:#ffe3e3,stroke:#cf222e,stroke-width:2px,color:#1f2328",
    "running": "fill:#d9ecff,stroke:#0969da,stroke-width:2px,color:#1f2328", "waiting": "fill:#fff4cf,stroke:#9a6700,color:#1f2328",
    "done": "fill:#dcf5e3,stroke:#1a7f37,color:#1f2328", "skipped": "fill:#efe7fb,stroke:#7a4fc9,color:#1f2328",
    "cancelled": "fill:#e6e8eb,stroke:#57606a,color:#1f2328", "dropped": "fill:#f3f4f6,stroke:#8c959f,color:#1f2328",
    "cached": "fill:#e0f5f0,stroke:#2a8f7a,color:#1f2328",
}  # fmt: skip


def mermaid(diagram: Diagram) -> str:
    """The picture as a flowchart, ending in a newline."""
    return "\n".join(_lines(diagram)) + "\n"


def _lines(diagram: Diagram) -> Iterator[str]:
    title = diagram.title + (f" · {diagram.note}" if diagram.note else "")
    yield from ("---", f"title: {json.dumps(title)}", "---", "flowchart LR")
    yield f"  accTitle: {_plain(title)}"
    if diagram.doc:
        yield f"  accDescr: {_plain(diagram.doc)}"
    yield from _inside(diagram, "", "  ")
    needs: list[str] = []
    for at, edge in enumerate(diagram.edges):
        yield "  " + _edge(edge)
        if edge.kind == "needs":
            needs.append(str(at))
    if needs:
        yield f"  linkStyle {','.join(needs)} stroke:#bf3989,stroke-dasharray:1 4"
    members: dict[str, list[str]] = {}
    for box in diagram.boxes:
        members.setdefault(_look(box), []).append(box.id)
    for name, ids in members.items():
        # `call`, `end` and others mean something to Mermaid: no class has such a name.
        yield f"  classDef is_{name} {_CLASSES[name]}"
        yield f"  class {','.join(ids)} is_{name}"


def _inside(diagram: Diagram, area: str, indent: str) -> Iterator[str]:
    for one in diagram.children(area):
        if isinstance(one, Box):
            left, right = _SHAPES[one.kind]
            label = "<br/>".join(_escaped(line) for line in (one.title, *one.lines))
            yield f'{indent}{one.id}{left}"{label}"{right}'
        else:
            yield f'{indent}subgraph {one.id}["{_escaped(one.title)}"]'
            yield from _inside(diagram, one.id, indent + "  ")
            yield f"{indent}end"


def _edge(edge: Edge) -> str:
    label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
    return f"{edge.tail} {_ARROWS[edge.kind]}{label} {edge.head}"


def _look(box: Box) -> str:
    leading = None if box.tally is None else box.tally.leading
    return box.kind if leading is None else leading


def _escaped(text: str) -> str:
    """Text in a quoted label: every sign that Mermaid, Markdown or HTML might read becomes an entity."""
    return _READ.sub(lambda found: "".join(f"#{ord(c)};" for c in found[0]), clean(text))


def _plain(text: str) -> str:
    """Text for `accTitle`, which ends at the line and knows no quotes."""
    return "".join(c if c not in "#;{}<>%" else " " for c in clean(text))
