"""Limits of a file whose amounts are expressions over params: evaluated before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Source
from cascade_dsl.ir.events import Word
from cascade_dsl.ir.requirement import Layer, Limit, Scope
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.runtime.preflight import check_demands, file_words
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


WEIGHED = """
task ask(n: int) -> int { requires tokens = 1200; sh "echo 1" }
output answer = ask(1)
"""


@pytest.mark.parametrize(
    ("amount", "burst", "message", "help"),
    [
        (
            90_000,
            1000,
            "`ask` needs tokens 1200 at once, the burst of its rate is 1000",
            "lower `requires tokens` of `ask` to 1000 or less, or give the rate a burst of 1200: `limit tokens … burst 1200`",
        ),
        (
            90_000,
            None,
            "`ask` needs tokens 1200 at once, the burst of its rate is 1",
            "lower `requires tokens` of `ask` to 1 or less, or give the rate a burst of 1200: `limit tokens … burst 1200`",
        ),
        (
            0,
            9000,
            "`ask` needs tokens 1200, its rate is 0",
            "take `requires tokens` from `ask`, or give `tokens` another rate",
        ),
        (90_000, 1200, "", ""),
    ],
)
def test_a_burst_that_is_smaller_than_a_demand_is_refused(
    amount: int, burst: int | None, message: str, help: str
) -> None:
    graph = compile_source(Source("ask.csc", WEIGHED), folder=Path()).graph
    assert graph is not None
    scope = Scope("resource", "tokens")
    rate = Limit(scope=scope, amount=amount, kind="spend", per_ns=60 * 10**9, burst=burst)
    found: list[tuple[str, str, str | None]] = []
    try:
        check_demands(graph, [Word(Layer.COMMAND_LINE, rate)], SourceLines(graph, Path()))
    except CascadeError as error:
        found = [(d.code, d.message, d.help) for d in error.diagnostics]
    assert found == ([("CSC630", message, help)] if message else [])
