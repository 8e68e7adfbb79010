"""Warnings about outputs: what is said, and the line that is spared it; the names that bodies see."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.lang.compile import Compiled, compile_source
from cascade_dsl.report.plain import render


def compiled(text: str) -> Compiled:
    return compile_source(Source("p.csc", text), folder=Path())


def said(text: str) -> list[str]:
    """Warnings of a program that has no error."""
    found = compiled(text)
    assert found.graph is not None, [render(d) for d in found.diagnostics]
    return [f"{d.code} {d.message}" for d in found.diagnostics]


PLACE = 'task t(n: int) -> parts: list[file] = "PATTERN" { CLAUSE; sh "echo {{n}}" }\n'
WRITTEN = "CSCW360 the files of `parts` are written in place: a body that fails leaves them there"
SHARED = "CSCW362 every call of `t` in this fan-out writes in place what one pattern matches"


@pytest.mark.parametrize(
    ("pattern", "clause", "use", "expected"),
    [
        ("p/*.csv", "retry 1", "x = t(1)", [WRITTEN]),
        ("p/*.csv", "in scratch", "x = [t(n) for n in range(3)]", []),
        ("p/*.csv", "retry 1", "x = [t(n) for n in range(3)]", [WRITTEN, SHARED]),
        ("p/*.csv", "retry 1", "for n in range(3) { t(n) }", [WRITTEN, SHARED]),
        ("p/{{n}}-*.csv", "retry 1", "x = [t(n) for n in range(3)]", [WRITTEN]),
        ("p/{{n}}-*.csv", "retry 1", "x = [t(1) for n in range(3)]", [WRITTEN, SHARED]),
        ("p/*.csv", "retry 1", "x = [t(n) with { in scratch } for n in range(3)]", [WRITTEN]),
        ("p/*.csv", "in scratch", 'x = [t(n) with { in "." } for n in range(3)]', [SHARED]),
    ],
)
def test_what_is_written_in_place(pattern: str, clause: str, use: str, expected: list[str]) -> None:
    assert said(PLACE.replace("PATTERN", pattern).replace("CLAUSE", clause) + use + "\n") == expected


def test_the_warning_whole_and_the_line_that_is_spared_it() -> None:
    program = 'task t() -> parts: list[file] = "p/*" {\n  sh "true"\n}\nt()\n'
    assert [render(d) for d in compiled(program).diagnostics] == [
        """\
warning[CSCW360]: the files of `parts` are written in place: a body that fails leaves them there
 --> p.csc:1:13
  |
1 | task t() -> parts: list[file] = "p/*" {
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: say `in scratch` in the task: then what matches there is moved to its place in one step each"""
    ]
    assert said(program.replace(" {\n", " {  # allow: written-in-place\n", 1)) == []


@pytest.mark.parametrize(
    ("task", "named"),
    [
        ('task t() -> f: file { sh "true" }', ["f"]),
        ('task t() -> f: file? { exec ["true"] }', ["f"]),
        ('task t() -> (f: file, n: int) { sh "true > {{f}}" }', ["n"]),
        ('task t() -> (f: file, n: int) { sh "true > {{dirname(f)}}/x > {{n}}" }', []),
        ('task t() -> f: file { exec ["tool", "--out={{f}}"] }', []),
        ('task t() -> f: file { env { OUT = f }; sh "tool" }', []),
        ('task t() -> f: file { python "pass" }', []),
        ('task t() -> file { sh "tool" }', ["out"]),
        ('task t() -> n: int { sh "tool" }', []),
        ('task t() -> f: file { sh "tool" }  # allow: output-not-named', []),
    ],
)
def test_an_output_that_the_body_never_names(task: str, named: list[str]) -> None:
    expected = [f"CSCW361 the body of `t` cannot write `{name}`: it never names it" for name in named]
    assert said(f"{task}\nt()\n") == expected
