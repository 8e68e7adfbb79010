"""What a live run can take of an edited program, and what not: whole messages, from real programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.ir.compare import Comparison, compare
from cascade_dsl.ir.graph import Graph
from cascade_dsl.lang.compile import compile_source

PROGRAM = """\
param names: list[str] = ["a", "b"]
param wait: duration = 10s
limit task:fetch 3
depth = len(names)

task fetch(name: str, times: int = 2) -> page: file {
  requires mem = 2GB
  retry 3 backoff 1s..10s on 75
  timeout 10m
  env { HOST = name }
  sh "echo {{name}} {{times}} > {{page}}"
}

task join(pages: list[file], n: int) -> int {
  python '''
    total = 0
    for page in pages:
        total += 1
    return total + n
  '''
}

pages = [fetch(n) for n in names if n != ""]
total = join(pages, depth + 1)
output result = total
"""


def graph_of(text: str) -> Graph:
    compiled = compile_source(Source("p.csc", text), folder=Path())
    assert compiled.graph is not None, compiled.diagnostics
    return compiled.graph


def between(*edits: tuple[str, str]) -> Comparison:
    text = PROGRAM
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return compare(graph_of(PROGRAM), graph_of(text))


@pytest.mark.parametrize(
    ("old", "new", "said", "redone"),
    [
        ("requires mem = 2GB", "requires mem = 4GB", "fetch: requires mem 2GB → 4GB", False),
        ("requires mem = 2GB", "requires mem = 2GB, gpu", "fetch: requires gpu none → 1", False),
        ("  requires mem = 2GB\n", "", "fetch: requires mem 2GB → none", False),
        (
            "requires mem = 2GB",
            "requires mem = max(2GB, 2 * last.mem)",
            "fetch: requires mem 2GB → max(2000000000, 2 * last.mem)",
            False,
        ),
        (
            "retry 3 backoff 1s..10s on 75",
            "retry 5 backoff 1s..1m",
            "fetch: retry 3 backoff 1s..10s on 75 → 5 backoff 1s..1m",
            False,
        ),
        ("timeout 10m", "timeout wait", "fetch: timeout 10m → wait", False),
        ("timeout 10m", "timeout 10m\n  priority 3\n  tag slow", "fetch: priority none → 3\nfetch: tags none → slow", False),
        ("HOST = name", "HOST = name, X = 'y'", 'fetch: env X none → "y"', True),
        (
            'sh "echo {{name}} {{times}}',
            'sh "echo {{times}}',
            "fetch: body\n- echo {{name}} {{times}} > {{page}}\n+ echo {{times}} > {{page}}",
            True,
        ),
        ("        total += 1", "        total += 2", "join: body\n-     total += 1\n+     total += 2", True),
        ("limit task:fetch 3", "limit task:fetch 5", "limits: task:fetch 3 → task:fetch 5", False),
        ("limit task:fetch 3\n", "", "limits: task:fetch 3 is gone", False),
        ("limit task:fetch 3", "limit task:fetch 3\nlimit mem 8GB", "limits: mem 8GB is new", False),
        ("times: int = 2", "times: int = 4", "pages: argument times 2 → 4", True),
        ("depth + 1", "depth + 2", "total: argument n depth + 1 → depth + 2", True),
        ('n != ""', 'n != "x"', 'pages.if: n != "" → n != "x"', True),
        ("fetch(n) for", "fetch(n) with { timeout 5s } for", "pages: timeout 10m → 5s", False),
        ("depth = len", "# a comment\n\ndepth = len", "", False),
        ('["a", "b"]', '["c"]', "", False),
        ("task join", "## Joins.\ntask other() -> int { sh \"echo 1\" }\ntask join", "", False),
    ],
)  # fmt: skip
def test_what_a_live_run_takes(old: str, new: str, said: str, redone: bool) -> None:
    found = between((old, new))
    assert found.refused == ()
    assert "\n".join(f"{c.subject}: {c.text}" for c in found.changes) == said
    assert all(c.redone == redone for c in found.changes)


@pytest.mark.parametrize(
    ("edits", "refused"),
    [
        ([("depth = len", "more = 3 + len(names)\ndepth = len")], ("the value `more` is new",)),
        ([("output result = total", "output results = total")], ("the output `results` is new", "the output `result` is gone")),
        ([("output result = total", "output result = total\noutput n = depth")], ("the output `n` is new",)),
        ([("output result = total", "output result = depth")], ("the output `result` gives another value",)),
        ([('param names: list[str] = ["a", "b"]', "param names: list[file] = []"), ('n != ""', 'str(n) != ""'), ("fetch(n)", "fetch(str(n))")],
         ("the param `names` is of another type: list[str] before, list[file] now",
          "the list `pages` goes over, keeps or gives something else")),
        ([("param wait: duration = 10s", "param wait: duration = 10s\nparam x: int = 1")], ("the param `x` is new",)),
        ([("join(pages, depth + 1)", "join(pages, 7)")], ("the call `total` needs `depth` no longer",)),
        ([("join(pages, depth + 1)", "join(pages, depth + len(names))")], ("the call `total` needs `names` now",)),
        ([(' if n != ""', "")], ("the value `pages.if` in `pages` is gone",)),
        ([("task join(pages: list[file], n: int) -> int", "task join(pages: list[file], n: int) -> float")],
         ("the output `result` is of another type: int before, float now",)),
        ([("times: int = 2", "times: float = 2.0")],
         ("the task `fetch` has other inputs: (name: str, times: int) before, (name: str, times: float) now",)),
        ([("-> page: file {", '-> page: file = "out/{{name}}" {')], ("the task `fetch` has other outputs",)),
        ([("task fetch(", "task get("), ("[fetch(n)", "[get(n)"), ("task:fetch", "task:get")], ("the call `pages` in `pages` calls `get`, it called `fetch` before",)),
        ([("echo {{name}} {{times}}", "echo {{name}} {{depth}}")],
         ("the task `fetch` uses `depth` now, which it did not before: it does not wait for it",)),
        ([("total = join(pages, depth + 1)\n", ""), ("pages = [", "total = join(pages, depth + 1)\npages = [")],
         ("what the program binds stands in another order",)),
    ],
)  # fmt: skip
def test_what_a_live_run_cannot_take(edits: list[tuple[str, str]], refused: tuple[str, ...]) -> None:
    found = between(*edits)
    assert found.changes == ()
    assert found.refused == refused


def test_equal_programs_have_no_difference() -> None:
    assert between() == Comparison(changes=(), refused=())


def test_of_a_long_difference_the_first_lines_are_shown() -> None:
    old = (
        'task t() -> int {\n  sh """\n' + "".join(f"    echo a{n}\n" for n in range(9)) + '    """\n}\noutput x = t()\n'
    )
    new = old.replace("echo a", "echo b")
    found = compare(graph_of(old), graph_of(new))
    assert [c.text for c in found.changes] == [
        "body\n- echo a0\n- echo a1\n- echo a2\n- … 6 more lines\n+ echo b0\n+ echo b1\n+ echo b2\n+ … 6 more lines"
    ]


def test_a_secret_that_is_new_was_not_read_when_the_run_began() -> None:
    found = between(
        ("limit task:fetch 3", "secret TOKEN\nlimit task:fetch 3"),
        ("env { HOST = name }", "env { HOST = name; TOKEN = TOKEN }"),
    )
    assert found.refused == ("the secret `TOKEN` is new: secrets are read when a run begins",)
