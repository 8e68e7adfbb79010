"""The nearest of a few names, and of thousands."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import Diagnostic, Findings, Severity, Source, Span
from cascade_dsl.base.suggest import did_you_mean, nearest

MANY = [f"fetch_page_{i}" for i in range(3000)] + ["Samples", "merge", "quantify_reads"]


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("fecth", ["fetch", "patch"], "fetch"),
        ("Fetch", ["fetches", "fetch"], "fetch"),
        ("retyr", ["retry", "return"], "retry"),
        ("xyz", ["fetch", "patch"], None),
        ("", ["fetch"], None),
        ("fetch", [], None),
        ("fetch", ["", "fetch_page"], "fetch_page"),
        ("samples", MANY, "Samples"),
        ("mrege", MANY, "merge"),
        ("quantifi_read", MANY, "quantify_reads"),
        ("nothing_like_it", MANY, None),
    ],
)
def test_the_nearest(name: str, known: list[str], found: str | None) -> None:
    assert nearest(name, known) == ([] if found is None else [found])
    assert did_you_mean(name, known) == (None if found is None else f"did you mean `{found}`?")


def test_several_are_given_best_first() -> None:
    assert nearest("page", ["pages", "age", "pago", "zzz"], 3) == ["pages", "age", "pago"]


@given(st.lists(st.text("abcdefgh_", min_size=4, max_size=12), min_size=100, max_size=150), st.randoms())
def test_a_name_with_one_slip_is_found_among_many(names: list[str], chance: random.Random) -> None:
    meant = chance.choice(names)
    at = chance.randrange(len(meant))
    slips = [meant[:at] + meant[at + 1 :], meant[:at] + "x" + meant[at + 1 :], meant[:at] + "x" + meant[at:]]
    written = chance.choice(slips)
    if written in names:
        return
    found = nearest(written, names, 8)
    assert meant in found or len(found) == 8 or len(meant) < 5
    assert set(found) <= set(names)


def test_findings_are_kept_once_and_errors_apart() -> None:
    source = Source("a.csc", "x\ny\n")
    found = Findings()
    findings: tuple[tuple[Severity, int], ...] = (("warning", 2), ("error", 0), ("error", 0))
    for severity, at in findings:
        found.add(Diagnostic(code="CSC101", message="m", severity=severity, primary=source.label(Span(at, at + 1))))
    assert [d.severity for d in found.found] == ["warning", "error"]
    assert [d.severity for d in found.errors] == ["error"]
    assert [d.severity for d in found.sorted()] == ["error", "warning"]
