"""Habits of other languages: the first message says what was meant, and right programs hear nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.lang.compile import compile_source

T = "task f(a: str) -> int { python 'return 1' }\nxs = ['a']\n"


def first(text: str, folder: Path = Path()) -> tuple[str, str, str, str | None]:
    """Code, what is underlined, message and help of the first finding."""
    found = compile_source(Source("a.csc", text), folder=folder).diagnostics[0]
    at = found.primary
    assert at is not None
    line = text.split("\n")[at.line - 1]
    return found.code, line[at.column - 1 : at.end_column - 1], found.message, found.help


SLIPS = [
    ("task t():\n  sh 'x'\n", ":", "expected `{`, found `:`"),
    ("for x in xs:   # each\n  f(x)\n", ":", "expected `{`, found `:`"),
    ("import os, sys\n", "import", "nothing is imported here"),
    ("from pandas import read_csv\n", "from", "nothing is imported here"),
    ("task t() {\n  retry = 3\n  sh 'x'\n}\n", "=", "`retry` stands before its value, without `=`"),
    ("task t() {\n  tag: api\n  sh 'x'\n}\n", ":", "`tag` stands before its value, without `:`"),
    ("task t() {\n  memory: 4000\n  sh 'x'\n}\n", "memory: 4000", "`memory` is no clause of a task"),
    ("task t() {\n  publishDir 'out'\n  sh 'x'\n}\n", "publishDir", "`publishDir` is no clause of a task"),
    ("retry 3\n", "retry", "`retry` is a clause of a task"),
    ("sh 'x'\n", "sh", "`sh` is a body of a task"),
    ("task t() {\n  sh curl x\n}\n", "curl", "a script is a string, found `curl`"),
    ("task t() {\n  python { x }\n}\n", "{", "a python body is a string, found `{`"),
    ("task t {\n  sh 'x'\n}\n", "{", "expected `(`, found `{`"),
    ("task a-b-c() {\n  sh 'x'\n}\n", "a-b-c", "a name has no `-`"),
    ("task t(int n) {\n  sh 'x'\n}\n", "int n", "the type of an input stands behind its name"),
    ("param p: List<str> = []\n", "<str>", "the type of the items stands in square brackets"),
    ("param p: dict[str, int] = {a: 1}\n", ",", "`dict[T]` takes one type: its keys are strings"),
    ("ys = sorted(xs, by = lambda x: x)\n", "lambda", "there are no lambdas"),
    ("y = true ? 1 : 2\n", "?", "`?` chooses nothing: a choice is made by `if` and `else`"),
    ("ys = [x if x != 'a' for x in xs]\n", "for", "expected `else`, found `for`"),
    ("y = '''a'''\nz = \"{{% if x %}}\"\n", "{{%", "a place holds an expression, found `%`"),
    ("ys =\n  - a\n  - b\n", "=", "a list stands in brackets"),
    ("// a remark\n", "//", "`//` begins no comment"),
    ("/* a remark */\n", "/*", "`/*` begins no comment"),
    ('task t() { sh "echo "hi"" }\n', '"hi', 'the string ends at the " before this'),
    ("ys = [\n  'a'\n  'b'\n]\n", "'a'", "a comma is missing behind this"),
    ("y = f(\n  a = 'x'\n  b = 2\n)\n", "a = 'x'", "a comma is missing behind this"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "underlined", "message"), SLIPS, ids=[m for _, _, m in SLIPS])
def test_a_habit_is_said(text: str, underlined: str, message: str) -> None:
    code, place, said, help = first(T + text)
    assert (place, said) == (underlined, message)
    assert code in ("CSC001", "CSC015")
    assert help is not None


MENDS = [
    ("task t() {\n  timeout = 2 * 5m   # long\n  sh 'x'\n}\n", "write `timeout 2 * 5m`"),
    ("task t() {\n  threads: 8\n  sh 'x'\n}\n", "write `requires cpu = 8`"),
    ("task t() {\n  memory = 4000\n  sh 'x'\n}\n", "write `requires mem = 4000MB`"),
    ("task t() {\n  mem = 4GB\n  sh 'x'\n}\n", "write `requires mem = 4GB`"),
    ("task t(path p) {\n  sh 'x'\n}\n", "write `p: file`"),
    ("param p: map<str, int> = {a: 1}\n", "write `dict[int]`"),
    ("y = (true ? 1 : len(xs))\n", "write `a if condition else b`"),
    ("y = true ? 1 : len(xs)\n", "write `1 if true else len(xs)`"),
    ("ys = [x if x != 'a' for x in xs]\n", "the `if` of a comprehension stands at its end: `[x for x in xs if x != 'a']`"),
    ("ys =\n  - a\n  - 2\n", 'write `["a", 2]`'),
    ("rs = sorted([{n: 1}], by = lambda r: r['n'])\n", 'name the field: `by = "n"`'),
    ("ys = [y.n for y in map(lambda x: x, xs)]\n", "a list is changed by `[f(x) for x in xs]`"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "help"), MENDS, ids=[h for _, h in MENDS])
def test_a_mend_can_be_typed_as_it_is(text: str, help: str) -> None:
    assert first(T + text)[3] == help


SEMANTIC = [
    ("y = quality\nys = [quality for quality in xs]\n", "what a `for` names is known inside it only"),
    ("output y = a\n", "the inputs of a task are known in its own clauses and body only"),
    ("y = os.path.join('a', 'b')\n", 'python stands in tasks: `python "…"`'),
    ("task t() -> page: file { sh 'x > {{output}}' }\n".replace("'", '"'), "an output is written by its name: `page`"),
    ("task t(n: int) -> page: file { sh 'x {{wildcards}} > {{page}}' }\n".replace("'", '"'), "an input is written by its name: `n`"),
    ("task t() { sh 'x {{threads}}' }\n".replace("'", '"'), "what was granted is `need`: `need.cpu`, `need.mem`"),
    ("y = f(xs)\n", "call it for each item: `[f(x) for x in xs]`"),
    ("y = f()\n", "write `f(a = …)`"),
    ("y = 'n: ' + 3\n", 'put values into text: `"n: 3"`'),
    ('y = "n: " + len(xs)\n', 'put values into text: `"n: {{len(xs)}}"`'),
    ("y = len(xs) + 'x' * 2\n".replace(" * 2", ""), 'put values into text: `"{{len(xs)}}x"`'),
    ("y = '%s' % 3\n", 'put values into text with `"{{…}}"`'),
    ("y = '3' < 4\n", "convert it: `int('3')`"),
    ("ys = sorted(xs, reverse = true)\n", "write `reversed(sorted(…))`"),
    ("ys = expand('{s}.bam', xs)\n", 'write `["…{{x}}…" for x in xs]`'),
    ("y = Path('a')\n", "write `file(…)`"),
    ("y = [n for n in {a: 1}]\n", "loop over `keys({a: 1})`"),
    ("y = [n for n, m in {a: 1}]\n", "loop over `items({a: 1})`"),
    ("task t(fs: list[file]) { sh 'cat {{fs}}' }\nt('*.csv')\n".replace("sh 'cat {{fs}}'", 'sh "cat {{fs}}"'), 'write `glob("*.csv")`'),
    ("task t(fs: list[file]) { sh 'cat {{fs}}' }\nt('a.csv')\n".replace("sh 'cat {{fs}}'", 'sh "cat {{fs}}"'), 'write `[file("a.csv")]`'),
    ("a = f('a')\nb = f('b') after f\n", "`a` is a call of it: write `after a`"),
    ("limit mem 4096\n", "write `4096MB`"),
    ("limit mem 64\n", "write `64GB` or `64MB`"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "help"), SEMANTIC, ids=[h for _, h in SEMANTIC])
def test_what_is_known_and_does_not_fit_has_its_mend(text: str, help: str) -> None:
    assert first(T + text)[3] == help


def test_a_task_without_a_result_is_reported_once() -> None:
    text = "task t() { sh 'x' }\na = t()\noutput x = a + 1\noutput y = a.n\nb = [n for n in a]\n"
    found = compile_source(Source("a.csc", text), folder=Path()).diagnostics
    assert [(d.code, d.message) for d in found] == [("CSC230", "the task `t` gives no result, and one is used")]
    assert [label.line for d in found for label in d.secondary] == [3]
