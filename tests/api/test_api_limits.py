"""Limits of a file whose amounts are expressions over params: evaluated before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Source
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.runtime.preflight import file_words
from cascade_dsl.runtime.sources import SourceLines

PROGRAM = """
param share: int = 2
task fetch(url: str) -> str { sh "echo {{url}}" }
limit task:fetch 10 // share
output page = fetch("x")
"""


def words(share: int) -> list[int | None]:
    compiled = compile_source(Source("limits.csc", PROGRAM), folder=Path())
    assert compiled.graph is not None, compiled.diagnostics
    amounts: list[int | None] = []
    for word in file_words(compiled.graph, {"share": share}, SourceLines(compiled.graph, Path())):
        assert isinstance(word.limit.amount, int)
        amounts.append(word.limit.amount)
    return amounts


def test_the_amount_of_a_limit_is_computed_from_params() -> None:
    assert words(3) == [3]


def test_an_amount_that_cannot_be_is_refused_with_its_reason() -> None:
    with pytest.raises(CascadeError) as refused:
        words(0)
    assert [(d.code, d.message) for d in refused.value.diagnostics] == [
        ("CSC351", "limit task:fetch: division by zero")
    ]
    with pytest.raises(CascadeError) as refused:
        words(-3)
    assert [d.message for d in refused.value.diagnostics] == [
        "limit task:fetch: an amount must not be negative, it is -4"
    ]
