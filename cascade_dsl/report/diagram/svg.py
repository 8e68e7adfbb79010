"""A placed diagram as SVG: one file that needs nothing else, for light and dark, for eyes and for screen readers.

States and kinds are told by a word or a shape as well as by a colour. Every line of text carries the length that it was
measured at, so that it stays in its box whatever font there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from . import fonts
from .layout import Placed, Point
from .model import STATES, Area, Box, BoxKind, Diagram, Edge, EdgeKind, clean
from .shapes import BAR, HEADING, LEADING, PAD, SHEET, SMALL, TITLE, Rect

_MARGIN = 20.0
_LEAST_WIDTH = 420.0
_DOC_LINES = 4

_KINDS: dict[BoxKind, tuple[str, str, str, str]] = {
    "param": ("#fff5d6", "#b08800", "#3a2f0b", "#c69026"),
    "value": ("#f1ecff", "#8250df", "#2b2145", "#a371f7"),
    "call": ("#e7f1fd", "#3b7dc4", "#152a42", "#539bf5"),
    "fan": ("#e7f1fd", "#3b7dc4", "#152a42", "#539bf5"),
    "region": ("#eef0f2", "#6e7781", "#2d333b", "#909dab"),
    "output": ("#dff3f4", "#1f7a8c", "#12333a", "#4fb3c4"),
    "pool": ("#fdeef6", "#bf3989", "#3b1a2f", "#d66ba8"),
}
"""Fill and line of each kind of box, light then dark."""
_STATES: dict[str, tuple[str, str, str, str]] = {
    "failed": ("#ffe3e3", "#cf222e", "#4c1519", "#f47067"),
    "running": ("#d9ecff", "#0969da", "#0f2f55", "#539bf5"),
    "waiting": ("#fff4cf", "#9a6700", "#3a2f0b", "#c69026"),
    "done": ("#dcf5e3", "#1a7f37", "#12331e", "#57ab5a"),
    "cached": ("#e0f5f0", "#2a8f7a", "#10332b", "#4ac6a4"),
    "skipped": ("#efe7fb", "#7a4fc9", "#2b2145", "#a371f7"),
    "cancelled": ("#e6e8eb", "#57606a", "#30363d", "#909dab"),
    "dropped": ("#f3f4f6", "#8c959f", "#24292f", "#768390"),
}
_KIND_WORDS: dict[BoxKind, str] = {
    "param": "param", "value": "value that is read", "call": "call", "fan": "fan-out, ×count", "region": "region",
    "output": "output", "pool": "pool with its limit",
}  # fmt: skip
_VERBS: dict[EdgeKind, str] = {"data": "goes to", "after": "comes before", "needs": "needs"}
_EDGE_WORDS: dict[EdgeKind, str] = {"data": "value", "after": "after", "needs": "needs a share"}


def svg(placed: Placed) -> str:
    """The picture as a document of its own."""
    return "\n".join(_Drawing(placed).lines()) + "\n"


class _Drawing:
    """Writes one picture."""

    def __init__(self, placed: Placed) -> None:
        self.placed = placed
        self.diagram: Diagram = placed.diagram
        self.names = {one.id: one.title for one in (*self.diagram.boxes, *self.diagram.areas)}
        self.legend = _legend(self.diagram)
        room = max(_LEAST_WIDTH, placed.size.w)
        self.head = [(self.diagram.title, HEADING, True)]
        for text, lines in ((self.diagram.doc, _DOC_LINES), (self.diagram.note, 1)):
            self.head += [(line, SMALL + 1, False) for line in fonts.broken(text, room, SMALL + 1, lines)]
        wide = max([fonts.width(text, size, bold) for text, size, bold in self.head[:1]], default=0)
        self.width = max(_LEAST_WIDTH, placed.size.w + 2 * _MARGIN, wide + 2 * _MARGIN)
        self.top = _MARGIN + sum(size + 7 for _, size, _ in self.head) + 8
        self.rows = list(_wrapped(self.legend, self.width - 2 * _MARGIN))
        self.height = self.top + placed.size.h + 18 + 20 * len(self.rows) + _MARGIN / 2

    def lines(self) -> Iterator[str]:
        w, h = f"{self.width:.0f}", f"{self.height:.0f}"
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
            f'aria-labelledby="title desc" font-family="{fonts.FAMILY}">'
        )
        yield f'<title id="title">{_xml(self.diagram.title)}</title>'
        yield f'<desc id="desc">{_xml(self.described())}</desc>'
        yield f"<style>{_css(self.diagram)}</style>"
        yield '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 .6 8 4 0 7.4Z"/></marker></defs>'
        yield f'<rect class="page" width="{w}" height="{h}"/>'
        y = _MARGIN
        for text, size, bold in self.head:
            y += size
            yield self.text(text, _MARGIN, y, size, bold=bold, room=self.width - 2 * _MARGIN, soft=not bold)
            y += 7
        yield f'<g transform="translate({_n((self.width - self.placed.size.w) / 2)} {_n(self.top)})">'
        for area in self.diagram.areas:
            yield from self.area(area)
        for edge, points in self.placed.curves:
            yield self.curve(edge, points)
        yield from self.steps()
        for area in self.diagram.areas:
            yield self.heading(area)
        for box in self.diagram.boxes:
            yield from self.box(box)
        for edge, points in self.placed.curves:
            if edge.label:
                x, y = self.label_place(edge.label, points)
                yield self.text(edge.label, x, y + 4, SMALL, anchor="middle", soft=True, halo=True)
        yield "</g>"
        y = self.top + self.placed.size.h + 18
        for row in self.rows:
            x = _MARGIN
            for entry in row:
                yield from self.entry(entry, x, y)
                x += _entry_width(entry)
            y += 20
        yield "</svg>"

    def described(self) -> str:
        """What the picture shows, for who does not see it."""
        d = self.diagram
        counts = f"{len(d.boxes)} boxes, {len(d.areas)} frames, {len(d.edges)} edges"
        told = [f"{self.names[e.tail]} {_VERBS[e.kind]} {self.names[e.head]}" for e in d.edges[:100]]
        more = [f"and {len(d.edges) - 100} more"] if len(d.edges) > 100 else []
        return ". ".join(part.rstrip(".") for part in (d.doc, d.note, counts, "; ".join([*told, *more])) if part)

    # -- boxes and frames --

    def area(self, area: Area) -> Iterator[str]:
        yield f'<g class="area {area.kind}" data-id="{area.id}"><title>{_xml(area.title)}</title>'
        yield _rect(self.placed.areas[area.id], rx=8) + "</g>"

    def heading(self, area: Area) -> str:
        """The title of a frame, over the edges that may run below it."""
        place = self.placed.areas[area.id]
        room = place.w - 2 * PAD
        x, y = place.x + PAD, place.y + LEADING + 2
        return self.text(area.title, x, y, SMALL, bold=True, room=room, soft=True, halo=True)

    def box(self, box: Box) -> Iterator[str]:
        place = self.placed.boxes[box.id]
        kind = box.kind
        state = f" s-{box.tally.leading}" if box.tally is not None and box.tally.leading is not None else ""
        yield f'<g class="box k-{kind}{state}" data-id="{box.id}"><title>{_xml(box.all_text)}</title>'
        front = place
        if kind == "fan":
            front = Rect(place.x + SHEET, place.y + SHEET, place.w - 2 * SHEET, place.h - 2 * SHEET)
            for off in (1.0, 0.0):
                yield _rect(Rect(front.x + SHEET * off, front.y - SHEET * off, front.w, front.h), rx=4, cls="sheet")
            yield _rect(Rect(front.x - SHEET, front.y + SHEET, front.w, front.h), rx=4)
            front = Rect(front.x - SHEET, front.y + SHEET, front.w, front.h)
        else:
            yield f'<path d="{_outline(kind, place)}"/>'
        room = front.w - 2 * PAD + 4
        y = front.y + PAD + TITLE - 2.5
        middle = front.x + front.w / 2
        yield self.text(box.title, middle, y, TITLE, bold=True, room=room, anchor="middle")
        for line in box.lines:
            y += LEADING
            yield self.text(line, middle, y, SMALL, room=room, anchor="middle", soft=True)
        yield from self.bar(box, front)
        yield "</g>"

    def bar(self, box: Box, place: Rect) -> Iterator[str]:
        """How much of the whole is in which state."""
        if box.tally is None or box.tally.total < 2:
            return
        x, room = place.x + PAD, place.w - 2 * PAD
        for state in STATES:
            share = sum(n for s, n in box.tally.counts if s == state) / box.tally.total
            if share:
                yield f'<rect class="b-{state}" x="{_n(x)}" y="{_n(place.y + place.h - BAR - 4)}" width="{_n(share * room)}" height="{_n(BAR)}"/>'
                x += share * room

    # -- edges --

    def curve(self, edge: Edge, points: tuple[Point, ...]) -> str:
        (x, y), rest = points[0], points[1:]
        return self.path(edge, f"M{_n(x)} {_n(y)}C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in rest))

    def path(self, edge: Edge, path: str) -> str:
        """An edge, which tells what it joins to who points at it."""
        tip = "" if edge.kind == "needs" else ' marker-end="url(#tip)"'
        said = f"{self.names[edge.tail]} {_VERBS[edge.kind]} {self.names[edge.head]}"
        return (
            f'<path class="edge {edge.kind}" data-edge="{edge.tail} {edge.head}" d="{path}"{tip}>'
            f"<title>{_xml(said)}</title></path>"
        )

    def steps(self) -> Iterator[str]:
        """The arrows inside a row, from cell to cell."""
        chains = {area.id for area in self.diagram.areas if area.kind == "chain"}
        celled = {box.id for box in self.diagram.boxes if box.area in chains}
        for edge in self.diagram.edges:
            if edge.tail in celled:
                a, b = self.placed.boxes[edge.tail], self.placed.boxes[edge.head]
                if a.x + a.w <= b.x:
                    ends = (a.x + a.w, a.y + a.h / 2, b.x, b.y + b.h / 2)
                elif b.x + b.w <= a.x:
                    ends = (a.x, a.y + a.h / 2, b.x + b.w, b.y + b.h / 2)
                else:
                    ends = (a.x + a.w / 2, a.y + a.h, b.x + b.w / 2, b.y)
                x1, y1, x2, y2 = map(_n, ends)
                yield self.path(edge, f"M{x1} {y1}L{x2} {y2}")

    def label_place(self, text: str, points: tuple[Point, ...]) -> Point:
        """Where the label of an edge covers no box and no title; in the middle where there is no such place."""
        w, h = fonts.width(text, SMALL) + 4, LEADING
        taken = [*self.placed.boxes.values()]
        for area in self.diagram.areas:
            place = self.placed.areas[area.id]
            taken.append(Rect(place.x, place.y, fonts.width(area.title, SMALL, True) + 2 * PAD, LEADING + 6))
        for share in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8):
            x, y = _along(points, share)
            if all(_apart(Rect(x - w / 2, y - h / 2, w, h), other) for other in taken):
                return x, y
        return _along(points, 0.5)

    # -- text and legend --

    def text(
        self, text: str, x: float, y: float, size: float, *, bold: bool = False, room: float = 1e9,
        anchor: str = "start", soft: bool = False,
        halo: bool = False,
    ) -> str:  # fmt: skip
        shown = fonts.fitted(clean(text), room, size, bold)
        long = fonts.width(shown, size, bold)
        weight = ' font-weight="bold"' if bold else ""
        middle = "" if anchor == "start" else f' text-anchor="{anchor}"'
        classes = " ".join(name for name, on in (("soft", soft), ("halo", halo)) if on)
        soft_ = f' class="{classes}"' if classes else ""
        return (
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{size:g}"{weight}{middle}{soft_} textLength="{_n(long)}" '
            f'lengthAdjust="spacingAndGlyphs">{_xml(shown)}</text>'
        )

    def entry(self, entry: tuple[str, str, str], x: float, y: float) -> Iterator[str]:
        sort, name, word = entry
        match sort:
            case "edge":
                yield f'<path class="edge {name}" d="M{_n(x)} {_n(y + 6)}h24"' + (
                    ' marker-end="url(#tip)"/>' if name != "needs" else "/>"
                )
            case "state":
                yield f'<rect class="b-{name}" x="{_n(x)}" y="{_n(y)}" width="24" height="12" rx="2"/>'
            case _:
                assert name in _KIND_WORDS
                yield f'<g class="box k-{name}">'
                if name == "fan":
                    yield _rect(Rect(x + 3, y - 3, 21, 12), rx=2, cls="sheet") + _rect(Rect(x, y, 21, 12), rx=2)
                else:
                    yield f'<path d="{_outline(name, Rect(x, y, 24, 12))}"/>'
                yield "</g>"
        yield self.text(word, x + 30, y + 10, SMALL, soft=True)


def _along(points: tuple[Point, ...], share: float) -> Point:
    """A point of a curve, so far along its pieces."""
    pieces = (len(points) - 1) // 3
    piece = min(int(share * pieces), pieces - 1)
    t = share * pieces - piece
    u = 1 - t
    weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
    four = points[3 * piece : 3 * piece + 4]
    return (
        sum(w * x for w, (x, _) in zip(weights, four, strict=True)),
        sum(w * y for w, (_, y) in zip(weights, four, strict=True)),
    )


def _apart(a: Rect, b: Rect) -> bool:
    return a.x + a.w <= b.x or b.x + b.w <= a.x or a.y + a.h <= b.y or b.y + b.h <= a.y


def _legend(diagram: Diagram) -> list[tuple[str, str, str]]:
    """(sort, name, words) of what this picture has."""
    kinds = {box.kind for box in diagram.boxes}
    edges = {edge.kind for edge in diagram.edges}
    states = {state for box in diagram.boxes if box.tally is not None for state, n in box.tally.counts if n}
    found = [("box", kind, word) for kind, word in _KIND_WORDS.items() if kind in kinds]
    found += [("edge", kind, word) for kind, word in _EDGE_WORDS.items() if kind in edges]
    return found + [("state", state, state) for state in STATES if state in states]


def _entry_width(entry: tuple[str, str, str]) -> float:
    return 30 + fonts.width(entry[2], SMALL) + 20


def _wrapped(legend: list[tuple[str, str, str]], room: float) -> Iterator[list[tuple[str, str, str]]]:
    row: list[tuple[str, str, str]] = []
    used = 0.0
    for entry in legend:
        w = _entry_width(entry)
        if row and used + w > room:
            yield row
            row, used = [], 0.0
        row.append(entry)
        used += w
    if row:
        yield row


def _outline(kind: str, r: Rect) -> str:
    """The shape of a kind of box. Each touches the middles of the four sides of its place, where edges end."""
    x, y, x2, y2, my = _n(r.x), _n(r.y), _n(r.x + r.w), _n(r.y + r.h), _n(r.y + r.h / 2)
    cut = min(8.0, r.w / 4)
    left, right = _n(r.x + cut), _n(r.x + r.w - cut)
    match kind:
        case "param":
            return f"M{x} {y}H{right}L{x2} {my} {right} {y2}H{x}Z"
        case "output":
            return f"M{left} {y}H{x2}V{y2}H{left}L{x} {my}Z"
        case "pool":
            return f"M{left} {y}H{right}L{x2} {my} {right} {y2}H{left}L{x} {my}Z"
        case "value":
            turn = _n(min(12.0, r.h / 2))
            return f"M{_n(r.x + float(turn))} {y}H{_n(r.x + r.w - float(turn))}A{turn} {turn} 0 0 1 {x2} {_n(r.y + float(turn))}V{_n(r.y + r.h - float(turn))}A{turn} {turn} 0 0 1 {_n(r.x + r.w - float(turn))} {y2}H{_n(r.x + float(turn))}A{turn} {turn} 0 0 1 {x} {_n(r.y + r.h - float(turn))}V{_n(r.y + float(turn))}A{turn} {turn} 0 0 1 {_n(r.x + float(turn))} {y}Z"
        case _:
            return f"M{x} {y}H{x2}V{y2}H{x}Z"


def _rect(r: Rect, rx: float = 0, cls: str = "") -> str:
    named = f' class="{cls}"' if cls else ""
    return f'<rect{named} x="{_n(r.x)}" y="{_n(r.y)}" width="{_n(r.w)}" height="{_n(r.h)}" rx="{rx:g}"/>'


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _xml(text: str) -> str:
    return escape("\n".join(clean(line) for line in text.splitlines()))


def _css(diagram: Diagram) -> str:
    """The colours of what there is, light and dark."""
    kinds = {box.kind for box in diagram.boxes}
    states = {state for box in diagram.boxes if box.tally is not None for state, n in box.tally.counts if n}
    rules = [
        "text{fill:#1f2328}.soft{fill:#57606a}.halo{stroke:#fff;stroke-width:4;stroke-linejoin:round;paint-order:stroke}.page{fill:#fff}.edge{fill:none;stroke:#6e7781;stroke-width:1.2}.edge:hover{stroke:#e36209;stroke-width:3}.tip{fill:#6e7781}",
        ".after{stroke-dasharray:6 4}.needs{stroke-dasharray:1 3.5;stroke-linecap:round;stroke:#bf3989;stroke-width:1.6}",
        ".area>rect{fill:#8c959f;fill-opacity:.08;stroke:#8c959f}.alike>rect,.chain>rect{stroke-dasharray:3 3}.side>rect{stroke-dasharray:2 4}",
        ".box>path,.box>rect{stroke-width:1.2}",
    ]
    dark = [
        "text{fill:#e6edf3}.soft{fill:#adbac7}.halo{stroke:#0d1117}.page{fill:#0d1117}.edge{stroke:#909dab}.tip{fill:#909dab}.needs{stroke:#d66ba8}"
    ]
    for kind, (fill, line, dark_fill, dark_line) in _KINDS.items():
        if kind in kinds:
            rules.append(f".k-{kind}>path,.k-{kind}>rect{{fill:{fill};stroke:{line}}}")
            dark.append(f".k-{kind}>path,.k-{kind}>rect{{fill:{dark_fill};stroke:{dark_line}}}")
    for state, (fill, line, dark_fill, dark_line) in _STATES.items():
        if state in states:
            rules.append(
                f".s-{state}>path,.s-{state}>rect{{fill:{fill};stroke:{line};stroke-width:1.8}}.box>.b-{state},.b-{state}{{fill:{line};stroke:none}}"
            )
            dark.append(
                f".s-{state}>path,.s-{state}>rect{{fill:{dark_fill};stroke:{dark_line}}}.box>.b-{state},.b-{state}{{fill:{dark_line};stroke:none}}"
            )
    ends = dict.fromkeys(end for edge in diagram.edges for end in (edge.tail, edge.head))
    pointed = [f'svg:has([data-id="{end}"]:hover) [data-edge~="{end}"]' for end in ends]
    if pointed:
        # Who points at a box sees which edges are its own.
        rules.append(",".join(pointed) + "{stroke:#e36209;stroke-width:3}")
    return "".join(rules) + "@media(prefers-color-scheme:dark){" + "".join(dark) + "}"
