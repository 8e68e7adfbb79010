"""A diagram as text for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Box, Diagram, Edge, clean

_SHAPES = {
    "param": "cds", "value": "oval", "call": "box", "fan": "box3d", "region": "box", "output": "note",
    "pool": "hexagon",
}  # fmt: skip
_COLOURS = {
    "param": ("#fff5d6", "#b08800"), "value": ("#f1ecff", "#8250df"), "call": ("#e7f1fd", "#3b7dc4"),
    "fan": ("#e7f1fd", "#3b7dc4"), "region": ("#eef0f2", "#6e7781"), "output": ("#dff3f4", "#1f7a8c"),
    "pool": ("#fdeef6", "#bf3989"), "failed": ("#ffe3e3", "#cf222e"), "running": ("#d9ecff", "#0969da"),
    "waiting": ("#fff4cf", "#9a6700"), "done": ("#dcf5e3", "#1a7f37"), "skipped": ("#efe7fb", "#7a4fc9"),
    "cancelled": ("#e6e8eb", "#57606a"), "dropped": ("#f3f4f6", "#8c959f"), "cached": ("#e0f5f0", "#2a8f7a"),
}  # fmt: skip
_EDGES = {
    "data": "",
    "after": "style=dashed",
    "needs": 'style=dotted, dir=none, color="#bf3989", fontcolor="#bf3989", constraint=false',
}


def dot(diagram: Diagram) -> str:
    """The picture as a digraph, ending in a newline."""
    return "\n".join(_Text(diagram).lines()) + "\n"


class _Text:
    """Writes one digraph."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.areas = {area.id for area in diagram.areas}

    def lines(self) -> Iterator[str]:
        d = self.diagram
        title = "\n".join(line for line in (d.title, d.doc, d.note) if line)
        yield f"digraph {_quoted(d.title)} {{"
        yield f"  graph [label={_label(title)}, labelloc=t, labeljust=l, rankdir=LR, compound=true, fontname=Helvetica]"
        yield "  node [shape=box, style=filled, fontname=Helvetica, fontsize=12]"
        yield '  edge [color="#6e7781", fontname=Helvetica, fontsize=10]'
        yield from self.inside("", "  ")
        for edge in d.edges:
            yield "  " + self.edge(edge)
        yield "}"

    def inside(self, area: str, indent: str) -> Iterator[str]:
        for one in self.diagram.children(area):
            if isinstance(one, Box):
                fill, line = _COLOURS[_look(one)]
                label = _label("\n".join((one.title, *one.lines)))
                said = [f"label={label}", f"shape={_SHAPES[one.kind]}", f'fillcolor="{fill}"', f'color="{line}"']
                if one.doc:
                    said.append(f"tooltip={_label(one.doc)}")
                yield f"{indent}{one.id} [{', '.join(said)}]"
            else:
                yield f"{indent}subgraph cluster_{one.id} {{"
                yield f'{indent}  graph [label={_label(one.title)}, style=rounded, color="#8c959f"]'
                yield from self.inside(one.id, indent + "  ")
                yield f"{indent}}}"

    def edge(self, edge: Edge) -> str:
        tail, head, said = edge.tail, edge.head, [_EDGES[edge.kind]]
        if edge.label:
            said.append(f"label={_label(edge.label)}")
        # Graphviz joins boxes; the frame at which the edge is to end is an attribute.
        if tail in self.areas:
            said.append(f"ltail=cluster_{tail}")
            tail = self.diagram.inside(tail)[-1].id
        if head in self.areas:
            said.append(f"lhead=cluster_{head}")
            head = self.diagram.inside(head)[0].id
        words = ", ".join(word for word in said if word)
        return f"{tail} -> {head}" + (f" [{words}]" if words else "")


def _look(box: Box) -> str:
    leading = None if box.tally is None else box.tally.leading
    return box.kind if leading is None else leading


def _quoted(text: str) -> str:
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(text: str) -> str:
    """A label of some lines. `\\N` and the like would be replaced by Graphviz, entities read: both are escaped."""
    lines = (clean(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n"))
    return '"' + "\\n".join(lines) + '"'
