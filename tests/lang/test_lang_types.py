"""Narrowing, choices and tests for none, beyond what the golden programs show: what is known stays where it is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.lang.compile import Compiled, compile_source

HEAD = """type Mode = "fast" | "safe"
type Sample = {id: str, depth: int?}
param n: int? = none
param m: int? = none
param mode: Mode = "fast"
param sample: Sample = {id: "a"}
param maybe: Sample? = none
param samples: list[Sample] = []
param xs: list[int?] = []
param k: int = 1
"""


def compiled(text: str) -> Compiled:
    """What the text compiles to, and what is said of it; that most names of the head are not used is not."""
    result = compile_source(Source("p.csc", f"{HEAD}{text}\n"), folder=Path())
    return replace(result, diagnostics=tuple(d for d in result.diagnostics if d.code not in ("CSCW002", "CSCW003")))


def codes(expression: str) -> list[str]:
    return [d.code for d in compiled(f"output out = {expression}").diagnostics]


@pytest.mark.parametrize(
    "expression",
    [
        "n + 1 if n != none else 0",
        "n + 1 if none != n else 0",
        "0 if n == none else n + 1",
        "n + m if n != none and m != none else 0",
        "0 if n == none or m == none else n + m",
        "0 if not (n != none and m != none) else n + m",
        "n != none and m != none and n + m > 3",
        "n + 1 if (n != none and k > 1) or (n != none and k < 0) else 0",
        "n + 1 if n == 3 else 0",
        "0 if n != 3 else n + 1",
        "maybe.depth + 1 if maybe != none and maybe.depth != none else 0",
        '(sample["depth"] ?? 0) + (sample.depth if sample["depth"] != none else 1)',
        "xs[0] + 1 if xs[0] != none else 0",
        "[s.depth + 1 for s in samples if s.depth != none]",
        "[x + y for x in xs if x != none for y in xs if y != none and y > x]",
        "{s.id: s.depth + 1 for s in samples if s.depth != none}",
        "[n + x for x in [1, 2]] if n != none else []",
    ],
)
def test_a_test_for_none_lets_a_value_through(expression: str) -> None:
    assert codes(expression) == []


@pytest.mark.parametrize(
    "expression",
    [
        "n + 1 if n == none else 0",
        "0 if n != none else n + 1",
        "n > 1 and n != none",
        "n != none or n > 1",
        "n + 1 if n != none or m != none else 0",
        "0 if n == none and m == none else n + 1",
        "0 if not (n == none) else n + 1",
        "n + 1 if n != 3 else 0",
        "0 if n == 3 else n + 1",
        "m + 1 if n != none else 0",
        "samples[0].depth + 1 if sample.depth != none else 0",
        "xs[1] + 1 if xs[0] != none else 0",
        "(1 if n != none else 0) + n",
        "[n + 1 for n in xs] if n != none else []",
        "[s.depth + 1 for s in samples if s.depth != none for s in samples]",
        "[s.depth for s in samples if s.depth != none] + [s.depth + 1 for s in samples]",
        "[x + 1 for x in xs if n != none]",
        "maybe.id if sample != none else \"\"",
    ],
)  # fmt: skip
def test_what_is_known_does_not_leak(expression: str) -> None:
    assert "CSC208" in codes(expression)


def test_narrowing_in_fan_outs_and_loops() -> None:
    head = 'task t(n: int) -> int { python "return n" }\n'
    assert compiled(f"{head}a = [t(s.depth) for s in samples if s.depth != none]").diagnostics == ()
    wrong = compiled(f"{head}a = [t(s.depth) for s in samples if s.depth != none]\nb = [t(s.depth) for s in samples]")
    assert [(d.code, d.primary and d.primary.line) for d in wrong.diagnostics] == [("CSC208", 13)]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("k ?? 3", "`k` is never none: what follows `??` is never used"),
        ("k == none", "`k` is never none: it is always false"),
        ("none != sample.id", "`sample.id` is never none: it is always true"),
        ("n != none and n != none", "`n` is never none: it is always true"),
    ],
)
def test_a_test_of_what_is_never_none_is_warned_of(expression: str, message: str) -> None:
    found = compiled(f"output out = {expression}")
    assert found.graph is not None
    assert [(d.code, d.severity, d.message) for d in found.diagnostics] == [("CSCW200", "warning", message)]
    assert compiled(f"output out = {expression}   # allow: never-none").diagnostics == ()


@pytest.mark.parametrize("expression", ["n ?? 3", "n == none", "none == none", "[none][0] ?? 1", "{x: n}.x != none"])
def test_other_tests_for_none_are_not(expression: str) -> None:
    assert codes(expression) == []


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ('"fast"', True),
        ('"fats"', False),
        ('"fast" if k > 1 else "safe"', True),
        ('"fast" if k > 1 else "slow"', False),
        ("a", True),
        ("b", False),
        ("c", True),
        ('"{{a}}"', False),
        ('mode if k > 1 else "safe"', True),
        ('["fast", "safe"][0]', False),
    ],
)
def test_what_a_choice_may_be_made_of(value: str, fits: bool) -> None:
    names = 'a = "safe"\nb = "sfae"\nc = a if k > 1 else "fast"\n'
    found = compiled(f'{names}task t(m: Mode) {{ sh "echo {{{{m}}}}" }}\nt({value})')
    assert (found.graph is not None) is fits


def test_a_record_may_leave_optional_fields_out_and_nothing_else() -> None:
    task = 'task t(s: Sample) { sh "echo {{s.id}}" }\n'
    assert compiled(f'{task}t({{id: "a"}})').graph is not None
    assert compiled(f'{task}t({{depth: 1, id: "a"}})').graph is not None
    assert [d.notes[0] for d in compiled(f"{task}t({{depth: 1}})").diagnostics] == ["the field `id: str` is missing"]
    assert [d.notes[0] for d in compiled(f'{task}t({{id: "a", x: 1}})').diagnostics] == ["there is no field `x`"]


def test_names_of_types_say_nothing_of_what_fits() -> None:
    text = (
        'type Same = {depth: int?, id: str}\ntask t(s: Same) { sh "echo {{s.id}}" }\nt(sample)\n[t(s) for s in samples]'
    )
    assert compiled(text).diagnostics == ()


def test_names_of_types_survive_the_graph() -> None:
    from cascade_dsl.ir.codec import graph_from_json, graph_to_json
    from cascade_dsl.ir.text import graph_text

    graph = compiled("output out = samples").graph
    assert graph is not None
    assert graph_text(graph_from_json(graph_to_json(graph))) == graph_text(graph)
    assert "param samples: list[Sample]" in graph_text(graph)
