"""What a picture shows: boxes, frames, edges, and the two text forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from graphs import call, fan, graph, output, param, scope_of, task
from hypothesis import given, settings
from hypothesis import strategies as st
from pictured import check_model, random_graph
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.ir.expr import Apply, ListOf, Lit, Ref
from cascade_dsl.ir.graph import Compute, Graph
from cascade_dsl.ir.requirement import Limit
from cascade_dsl.ir.types import INT, JSON, ListType
from cascade_dsl.lang.compile import compile_file
from cascade_dsl.report.diagram.build import build
from cascade_dsl.report.diagram.dot import dot
from cascade_dsl.report.diagram.lengths import Length, Lengths
from cascade_dsl.report.diagram.mermaid import mermaid
from cascade_dsl.report.diagram.model import Diagram, Tally
from cascade_dsl.report.diagram.packing import packed
from cascade_dsl.report.diagram.pools import Want

ROOT = Path(__file__).resolve().parents[2]
OK = sorted((ROOT / "tests" / "golden" / "ok").glob("*.csc"))


def compiled(path: Path) -> Graph:
    found = compile_file(path)
    assert found.graph is not None
    return found.graph


def told(diagram: Diagram) -> list[str]:
    """The diagram in words."""
    names = {one.id: f"{one.title} ({one.kind})" for one in (*diagram.boxes, *diagram.areas)}
    inside = {one.id: f" in {names[one.area]}" if one.area else "" for one in (*diagram.boxes, *diagram.areas)}
    lines = [f"[{names[area.id]}]{inside[area.id]}" for area in diagram.areas]
    lines += [" | ".join((names[b.id], *b.lines)) + inside[b.id] for b in diagram.boxes]
    signs = {"data": "→", "after": "⇢", "needs": "┄"}
    lines += [f"{names[e.tail]} {signs[e.kind]} {names[e.head]} {e.label}".rstrip() for e in diagram.edges]
    return lines


@pytest.mark.parametrize("name", ["fan_out_nested", "fan_out_filter", "limits_file", "after_order", "for_statement"])
def test_a_program_in_words(name: str, snapshot: SnapshotAssertion) -> None:
    assert told(build(compiled(ROOT / "tests" / "golden" / "ok" / f"{name}.csc"))) == snapshot


@pytest.mark.parametrize("form", [mermaid, dot], ids=lambda form: form.__name__)
def test_the_main_example_as_text(form: object, snapshot: SnapshotAssertion) -> None:
    diagram = build(compiled(ROOT / "examples" / "stdlib" / "stdlib.csc"))
    assert (mermaid if form is mermaid else dot)(diagram) == snapshot


@pytest.mark.parametrize("path", OK, ids=lambda path: path.stem)
def test_every_good_program_has_a_picture_with_every_node_once(path: Path) -> None:
    source = compiled(path)
    diagram = build(source)
    check_model(source, diagram)
    check_model(source, packed(diagram))
    as_mermaid, as_dot = mermaid(diagram), dot(diagram)
    for box in diagram.boxes:
        assert as_mermaid.count(f"  {box.id}[") + sum(as_mermaid.count(f"  {box.id}{c}") for c in "({>") == 1
        assert as_dot.count(f"  {box.id} [label=") == 1
    for area in diagram.areas:
        assert as_mermaid.count(f"subgraph {area.id}[") == 1
        assert as_dot.count(f"subgraph cluster_{area.id} {{") == 1


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_graph_has_a_model_with_every_node_once(data: st.DataObject) -> None:
    source = random_graph(data.draw, st)
    wants: tuple[Want, ...] = ("all", "none", "limited")
    for want in wants:
        check_model(source, build(source, pools=want))
    diagram = build(source)
    assert all(line.isprintable() for line in (mermaid(diagram) + dot(diagram)).splitlines())
    folded = packed(diagram)
    check_model(source, folded)
    assert {box.id for box in folded.boxes} == {box.id for box in diagram.boxes}


def test_what_is_computed_is_folded_away_and_its_edges_go_through() -> None:
    double = Compute(id=3, name="double", expr=Apply("add", (Ref(2), Ref(1))), type=INT)
    constant = Compute(id=4, name="five", expr=Lit(5), type=INT)
    both = Compute(id=5, name="both", expr=ListOf((Ref(3), Ref(4))), type=JSON)
    found = told(build(graph([task("t")], [param(1), call(2, "t"), double, constant, both, call(6, "t", 5)])))
    assert found == [
        "p1 (param) | list[json]", "n2 (call) | t", "n6 (call) | t",
        "n2 (call) → n6 (call)", "p1 (param) → n6 (call)",
    ]  # fmt: skip


def test_what_is_read_is_shown() -> None:
    glob = Compute(id=1, name="pages.in", expr=Apply("glob", (Lit("*.txt"),)), type=ListType(JSON), reads=True)
    found = told(build(graph([task("t")], [glob, fan(2, 1, 3, [call(4, "t", 3)], 4)])))
    assert found == ['glob("*.txt") (value)', "f2 (fan) | t ×?", 'glob("*.txt") (value) → f2 (fan)']


def test_a_fan_out_of_values_alone_is_folded_away() -> None:
    inner = Compute(id=5, name="c", expr=Apply("add", (Ref(4), Ref(2))), type=INT)
    nodes = [param(1), call(2, "t"), fan(3, 1, 4, [inner], 5), call(6, "t", 3)]
    assert told(build(graph([task("t")], nodes)))[3:] == ["p1 (param) → n6 (call)", "n2 (call) → n6 (call)"]


def test_counts_come_from_constants_and_defaults() -> None:
    numbers = Compute(id=1, name="n", expr=Apply("range", (Lit(1_000_000),)), type=ListType(INT))
    few = replace(param(2), default=Lit(["a", "b"]))
    made = Compute(id=3, name="m", expr=Apply("add", (Ref(2), Ref(2))), type=ListType(JSON))
    gate = Compute(id=7, name="if", expr=Lit(True), type=JSON)
    nodes = [
        numbers,
        few,
        made,
        fan(4, 3, 5, [call(6, "t", 5), gate], 6, condition=7),
        fan(8, 4, 9, [call(10, "t", 9)], 10),
    ]
    known = Lengths(graph([task("t")], nodes))
    assert [known.of(at) for at in (1, 2, 3, 4, 8, 6)] == [
        Length(1_000_000), Length(2), Length(4), Length(4, exact=False), Length(4, exact=False), None,
    ]  # fmt: skip
    assert Lengths(graph([task("t")], nodes), {2: 40}).of(2) == Length(40)


def test_values_that_go_in_a_circle_are_unknown() -> None:
    nodes = [Compute(id=1, name="a", expr=Ref(2), type=JSON), Compute(id=2, name="b", expr=Ref(1), type=JSON)]
    assert Lengths(graph([], nodes)).of(1) is None


def limited(calls: int, *scopes: str) -> Diagram:
    nodes = [call(at, "t") for at in range(1, calls + 1)]
    made = graph([task("t", requires={"mem": 10**9}), task("u")], [*nodes, call(99, "u")], {"mem": "bytes"})
    limits = tuple(Limit(scope=scope_of(scope), amount=8 * 10**9) for scope in scopes)
    return build(replace(made, limits=limits))


def test_few_demands_are_edges_and_many_are_marks() -> None:
    few = limited(3, "mem", "global")
    assert [(e.tail, e.kind, e.head, e.label) for e in few.edges] == [
        (f"n{n}", "needs", "p0", "1GB") for n in (1, 2, 3)
    ]
    assert [b.lines for b in few.boxes if b.kind == "pool"] == [("≤ 8GB",), ("≤ 8000000000, every call",)]
    many = limited(20, "mem")
    assert many.edges == ()
    assert {b.marks for b in many.boxes if b.kind == "call"} == {("mem 1GB",), ()}


def test_pools_as_they_are_asked_for() -> None:
    made = graph([task("t", requires={"db": 1, "none": 0})], [call(1, "t")], {"db": "count", "none": "count"})
    assert [b.title for b in build(made, pools="all").boxes] == ["n1", "cpu", "db", "none"]
    assert {e.head for e in build(made, pools="all").edges} == {"p0", "p1"}
    assert [b.title for b in build(made, pools="limited").boxes] == ["n1"]


def test_states_are_words_too() -> None:
    both = Tally((("done", 30), ("failed", 1)), more=True)
    made = graph([task("t")], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4), call(5, "t", 2)])
    diagram = build(made, tallies={4: both, 5: Tally((("waiting", 1),))}, note="run x: running")
    assert told(diagram)[1:3] == ["f2 (fan) | t ×31+ | 1 failed, 30 done", "n5 (call) | t | waiting"]
    assert both.leading == "failed"
    assert "class n2 is_failed" in mermaid(diagram)
    assert '"n5\\nt\\nwaiting", shape=box, fillcolor="#fff4cf"' in dot(diagram)


def test_a_row_and_a_group_are_framed_and_lose_nothing() -> None:
    chain = [call(1, "t"), *(call(at, "t", at - 1) for at in range(2, 10))]
    equals = [call(at, "u", 9) for at in range(11, 20)]
    gather = Compute(id=20, name="all", expr=ListOf(tuple(Ref(at) for at in range(11, 20))), type=JSON)
    made = graph([task("t"), task("u")], [*chain, *equals, gather, call(21, "t", 20), output(22, 21)])
    diagram = packed(build(made))
    assert [(a.kind, a.title, len(list(diagram.children(a.id)))) for a in diagram.areas] == [
        ("chain", "9 steps in a row", 9),
        ("alike", "9 calls of u", 9),
    ]
    outside = [(e.tail, e.head) for e in diagram.edges if not diagram.around(e.tail)]
    assert outside == [("kn1", "kn11"), ("kn11", "n21"), ("n21", "n22")]
    assert [b.id for b in diagram.children("kn1")] == [f"n{at}" for at in range(1, 10)]


def test_seven_are_not_framed() -> None:
    chain = [call(1, "t"), *(call(at, "t", at - 1) for at in range(2, 8))]
    diagram = build(graph([task("t")], chain))
    assert packed(diagram) == diagram


def test_a_row_ends_where_something_else_comes_in_or_goes_out() -> None:
    chain = [call(1, "t"), *(call(at, "t", at - 1) for at in range(2, 21))]
    into = [*chain[:9], replace(chain[9], after=(21,)), *chain[10:], call(21, "u")]
    (row, rest) = packed(build(graph([task("t"), task("u")], into))).areas
    assert (row.title, rest.title) == ("9 steps in a row", "11 steps in a row")
    out = [*chain, call(21, "u", 9), call(22, "u", 12)]
    titles = [area.title for area in packed(build(graph([task("t"), task("u")], out))).areas]
    assert titles == ["9 steps in a row", "8 steps in a row"]
