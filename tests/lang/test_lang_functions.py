"""Calls of functions as programs write them: the exact type of each good one, the whole message of each bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import Diagnostic, Source
from cascade_dsl.ir.graph import Output
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.values.functions import FUNCTIONS, visible_functions

HEAD = """type Row = {id: str, n: int, depth: int?, wait: duration, files: list[file]}
type Mode = "fast" | "safe"
param row: Row = {id: "a", n: 1, wait: 1s, files: []}
param rows: list[Row] = []
param mode: Mode = "fast"
param maybe: int? = none
param note: str? = none
param open: json = none
param counts: dict[int] = {}
param xs: list[int] = [1]
param gs: list[float] = [1.5]
param waits: list[duration] = []
param text: str = "x"
param page: file = file("a")
"""

GOOD: dict[str, str] = {
    "len(rows)": "int", "len(counts)": "int", "len(text)": "int", "len(row)": "int", "len(open)": "int",
    "range(3)": "list[int]", "range(1, stop = 9, step = 2)": "list[int]",
    'zip(xs, ["a"], rows)': "list[(int, str, Row)]", "zip(open, xs)": "list[(json, int)]", "zip(xs)": "list[(int)]",
    "enumerate(rows)": "list[(int, Row)]", "enumerate(xs, start = 1)": "list[(int, int)]",
    "keys(counts)": "list[str]", "keys(row)": "list[str]", "values(counts)": "list[int]", "values({a: 1, b: 2.5})": "list[float]",
    "items(counts)": "list[(str, int)]",
    "sorted(xs)": "list[int]", 'sorted(rows, "n")': "list[Row]", "sorted(rows, by = [r.files for r in rows])": "list[Row]",
    "sorted(rows, text)": "list[Row]", "sorted([page])": "list[file]", "sorted([true])": "list[bool]", 'sorted(open, "k")': "list[json]",
    "reversed(rows)": "list[Row]", 'unique(rows, "id")': "list[Row]", "unique(open)": "list[json]",
    "flatten([xs, gs])": "list[float]", "flatten([])": "[]", "chunk(rows, 2)": "list[list[Row]]",
    'group_by(rows, "n")': "list[{key: int, items: list[Row]}]", 'group_by(by = "depth", xs = rows)': "list[{key: int?, items: list[Row]}]",
    "group_by(xs, [x % 2 == 0 for x in xs])": "list[{key: bool, items: list[int]}]",
    "group_by(rows, text)": "list[{key: json, items: list[Row]}]", 'group_by([counts], "k")': "list[{key: int, items: list[dict[int]]}]",
    "min(xs)": "int", "min(1, 2.5)": "float", 'min(rows, by = "wait")': "Row", "max(1s, 2s)": "duration", "max(mode, text)": "str",
    "max(open)": "json", "sum(xs)": "int", "sum(gs)": "float", "sum(waits)": "duration", "sum([])": "int", "sum([4GB])": "size", "sum(open)": "json",
    "any([x > 1 for x in xs])": "bool", "all([])": "bool",
    "round(1.5)": "int", "round(1.5, 1)": "float", "round(7, -1)": "int", "round(1.5s)": "duration", "round(4GB)": "size", "round(1.5, none)": "int",
    "abs(-3)": "int", "abs(1s)": "duration", "str(maybe)": "str", 'int("5")': "int", "int(1.5s)": "int", "int(true)": "int", 'float("1e3")': "float",
    'join(xs, ",")': "str", "split(text)": "list[str]", 'split(text, sep = ",")': "list[str]", 'strip(text, chars = "x")': "str",
    "lower(mode)": "str", "upper(text)": "str", 'replace(text, "a", "b")': "str", 'matches(text, "a+")': "bool", 'starts_with(text, "x")': "bool",
    'ends_with(text, "x")': "bool", 'format(1.5, ".2f")': "str", 'format(mode, ">10")': "str", 'format(open, "q")': "str",
    'opt("--x", maybe)': "list[str]", 'opt("--x", page)': "list[str]", 'file("a")': "file", 'dir("a")': "dir", "basename(page)": "str",
    "dirname(page)": "dir", 'stem("a.b")': "str", "ext(page)": "str", 'json("[1]")': "json", "json(rows)": "str", "json(note)": "json", "json(mode)": "json",
    "hash(rows)": "str", 'glob("*.x")': "list[file]", 'pairs("*_{1,2}.fq")': "list[{id: str, files: list[file]}]", "exists(page)": "bool",
    "size(page)": "size", "read(page)": "str", "lines(page)": "list[str]", "read_json(page)": "json", "read_yaml(page)": "json",
    "read_csv(page)": "list[dict[str]]", 'env("X")': "str?", 'env("X", "y")': "str", 'env("X", note)': "str?", "now()": "str",
}  # fmt: skip

ROW = "`Row` is {id: str, n: int, depth: int?, wait: duration, files: list[file]}"
SORTED = "sorted(xs: list[T], by: str | list[U] = none) -> list[T]"

BAD: dict[str, tuple[str, str, str | None, tuple[str, ...]]] = {
    "len(3)": ("CSC203", "`len` wants a list, a dict or str for `x`, found int", None, ("len(x: list[T] | dict[U] | str) -> int",)),
    "len(y = 3)": ("CSC205", "`len` has no input `y`", "its inputs are `x`", ("len(x: list[T] | dict[U] | str) -> int",)),
    "round(1.5, digts = 1)": ("CSC205", "`round` has no input `digts`", "did you mean `digits`?", ("round(x: N, digits: int = none) -> N",)),
    "now(1)": ("CSC205", "`now` takes no arguments, found 1", None, ("now() -> str",)),
    "join(xs)": ("CSC204", "`join` is called without `sep`", None, ("join(xs: list[T], sep: str) -> str",)),
    "zip()": ("CSC204", "`zip` is called without an argument", None, ("zip(*lists: list[T]) -> list[(T, …)]",)),
    "lenn(xs)": ("CSC102", "there is no task or function `lenn`", "did you mean `len`?", ()),
    "range(maybe)": (
        "CSC208",
        "`range` wants int for `start`, found int?",
        "it may be none: say what then, `maybe ?? …`",
        ("range(start: int, stop: int = none, step: int = 1) -> list[int]",),
    ),
    "range(1, 5, 0)": ("CSC213", "the step of `range` must not be 0", None, ()),
    "values(row)": ("CSC203", "`values` wants a dict for `x`, found Row", None, ("values(x: dict[T]) -> list[T]", ROW)),
    "sorted(rows)": (
        "CSC212",
        "`sorted` wants items that have an order, found Row",
        'say by which field, `by = "name"`, or give a list with a key for each item',
        (SORTED, ROW),
    ),
    'sorted(rows, "nn")': ("CSC105", "Row has no field `nn`", "did you mean `n`?", (SORTED, ROW)),
    'sorted(rows, by = "depth")': (
        "CSC212",
        "`sorted` wants keys that have an order, found int?",
        "say what stands for none: `by = [x.depth ?? … for x in xs]`",
        (SORTED, ROW),
    ),
    'unique(xs, "id")': (
        "CSC212",
        "`by` names a field, and the items of `xs` are int, which has no fields",
        "leave `by` out, or give a list with a key for each item",
        ("unique(xs: list[T], by: str | list[U] = none) -> list[T]",),
    ),
    "min(3)": (
        "CSC203",
        "`min` wants a list or several values, found int",
        "give it a list, `min([…])`, or several values, `min(a, b)`",
        ("min(*xs: T, by: str | list[U] = none) -> T",),
    ),
    'min(1, "a")': (
        "CSC203",
        "`min` wants values of one type, found int and str",
        None,
        ("min(*xs: T, by: str | list[U] = none) -> T",),
    ),
    "flatten(xs)": ("CSC203", "`flatten` wants a list of lists for `xs`, found list[int]", None, ("flatten(xs: list[list[T]]) -> list[T]",)),
    "sum([text])": ("CSC203", "`sum` wants a list of numbers for `xs`, found list[str]", None, ("sum(xs: list[N]) -> N",)),
    "any(xs)": ("CSC203", "`any` wants list[bool] for `xs`, found list[int]", None, ("any(xs: list[bool]) -> bool",)),
    "abs(text)": ("CSC203", "`abs` wants a number for `x`, found str", None, ("abs(x: N) -> N",)),
    "upper(page)": ("CSC203", "`upper` wants str for `s`, found file", "write `str(page)`", ("upper(s: str) -> str",)),
    'opt("-x", xs)': (
        "CSC203",
        "`opt` wants one value for `x`, found list[int]",
        'join it: `opt(flag, join(xs, ","))`',
        ("opt(flag: str, x: T) -> list[str]",),
    ),
    'matches(text, "(")': (
        "CSC213",
        'the text "(" is no regular expression: missing ), unterminated subpattern at position 0',
        None,
        (),
    ),
    'format(1.5, "d")': (
        "CSC213",
        "`format` does not know the text \"d\": Unknown format code 'd' for object of type 'float'",
        None,
        (),
    ),
    "dir(page)": ("CSC203", "`dir` wants str or dir for `path`, found file", None, ("dir(path: str | dir) -> dir",)),
}  # fmt: skip


def compiled(texts: list[str]) -> tuple[list[str], list[Diagnostic]]:
    """The types of some expressions, or what is wrong with them, in order."""
    lines = "".join(f"output out{number} = {text}\n" for number, text in enumerate(texts))
    found = compile_source(Source("p.csc", HEAD + lines), folder=Path())
    outputs = [] if found.graph is None else [n for n in found.graph.nodes if isinstance(n, Output)]
    return [str(o.type) for o in outputs], list(found.diagnostics)


def test_the_type_of_each_good_call() -> None:
    types, wrong = compiled(list(GOOD))
    assert [d.message for d in wrong] == []
    assert dict(zip(GOOD, types, strict=True)) == GOOD


def test_every_function_is_called_here() -> None:
    assert {text.partition("(")[0] for text in GOOD} == set(visible_functions())


def test_the_message_of_each_bad_call() -> None:
    _, wrong = compiled(list(BAD))
    found = [(d.code, d.message, d.help, d.notes) for d in wrong]
    assert dict(zip(BAD, found, strict=True)) == BAD


@pytest.mark.parametrize("name", visible_functions())
def test_what_users_see_of_a_function_is_in_their_words(name: str) -> None:
    text = FUNCTIONS[name].signature_text
    assert not {"any", "never", "record", "number"} & set(
        text.replace("[", " ").replace("]", " ").replace(")", " ").split()
    )
