"""Each function once or more: by its value, by its fault, and by its type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cascade_dsl.ir.expr import Apply, Lit
from cascade_dsl.ir.types import (
    BOOL,
    DURATION,
    FILE,
    FLOAT,
    INT,
    JSON,
    NEVER,
    NONE,
    SIZE,
    STR,
    ChoiceType,
    DictType,
    ListType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
)
from cascade_dsl.values.evaluate import Env, evaluate
from cascade_dsl.values.faults import EvalError
from cascade_dsl.values.functions import FUNCTIONS, visible_functions
from cascade_dsl.values.operators import operator_type, rounds_to_size
from cascade_dsl.values.results import Arguments, Refusal
from cascade_dsl.values.signature import build, matches

ROWS = [{"k": "b", "n": 2}, {"k": "a", "n": 1}, {"k": "b", "n": 3}]


def call(name: str, *values: Any, env: Env | None = None, **named: Any) -> Any:
    expr = Apply(name, tuple(map(Lit, values)), tuple((k, Lit(v)) for k, v in named.items()))
    return evaluate(expr, env or Env())


CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = [
    ("len", ("abc",), {}, 3),
    ("len", ({"a": 1},), {}, 1),
    ("range", (3,), {}, [0, 1, 2]),
    ("range", (1, 8), {"step": 3}, [1, 4, 7]),
    ("range", (3, 0, -1), {}, [3, 2, 1]),
    ("zip", ([1, 2], ["a", "b"]), {}, [[1, "a"], [2, "b"]]),
    ("enumerate", (["a"],), {"start": 1}, [[1, "a"]]),
    ("keys", ({"a": 1, "b": 2},), {}, ["a", "b"]),
    ("values", ({"a": 1, "b": 2},), {}, [1, 2]),
    ("items", ({"a": 1},), {}, [["a", 1]]),
    ("sorted", ([3, 1.5, 2],), {}, [1.5, 2, 3]),
    ("sorted", ([[2, "b"], [1, "z"], [2, "a"]],), {}, [[1, "z"], [2, "a"], [2, "b"]]),
    ("sorted", (ROWS,), {"by": "k"}, [ROWS[1], ROWS[0], ROWS[2]]),
    ("sorted", (["a", "b"],), {"by": [2, 1]}, ["b", "a"]),
    ("reversed", ([1, 2],), {}, [2, 1]),
    ("unique", ([1, 1.0, "1", True, 1],), {}, [1, "1", True]),
    ("unique", (ROWS,), {"by": "k"}, ROWS[:2]),
    ("flatten", ([[1], [], [2, 3]],), {}, [1, 2, 3]),
    ("chunk", ([1, 2, 3], 2), {}, [[1, 2], [3]]),
    ("group_by", (ROWS, "k"), {}, [{"key": "b", "items": [ROWS[0], ROWS[2]]}, {"key": "a", "items": [ROWS[1]]}]),
    ("min", ([3, 1, 2],), {}, 1),
    ("min", (3, 1, 2), {}, 1),
    ("max", (ROWS,), {"by": "n"}, ROWS[2]),
    ("sum", ([1, 2],), {}, 3),
    ("sum", ([],), {}, 0),
    ("sum", ([0.5, 1],), {}, 1.5),
    ("any", ([False, True],), {}, True),
    ("all", ([],), {}, True),
    ("round", (2.567,), {}, 3),
    ("round", (2.567, 1), {}, 2.6),
    ("round", (1234, -2), {}, 1200),
    ("sorted", ([True, False],), {}, [False, True]),
    ("max", ([[True, "a"], [True, "b"], [False, "c"]],), {}, [True, "b"]),
    ("abs", (-2,), {}, 2),
    ("str", ([1],), {}, "[1]"),
    ("int", ("12",), {}, 12),
    ("int", (-2.9,), {}, -2),
    ("float", ("1.5",), {}, 1.5),
    ("join", ([1, "a", True], "-"), {}, "1-a-true"),
    ("split", ("a b  c",), {}, ["a", "b", "c"]),
    ("split", ("a,b,", ","), {}, ["a", "b", ""]),
    ("strip", ("  a ",), {}, "a"),
    ("strip", ("--a-", "-"), {}, "a"),
    ("lower", ("Ä",), {}, "ä"),
    ("upper", ("ä",), {}, "Ä"),
    ("replace", ("aXbX", "X", "--"), {}, "a--b--"),
    ("matches", ("chr12", "^chr[0-9]+$"), {}, True),
    ("matches", ("x1", "^[0-9]"), {}, False),
    ("starts_with", ("abc", "ab"), {}, True),
    ("ends_with", ("abc", "bc"), {}, True),
    ("format", (3.14159, ".2f"), {}, "3.14"),
    ("format", (7, "03d"), {}, "007"),
    ("opt", ("--flag", None), {}, []),
    ("opt", ("--flag", False), {}, []),
    ("opt", ("--flag", True), {}, ["--flag"]),
    ("opt", ("--flag", 3), {}, ["--flag", "3"]),
    ("file", ("a/./b//c.txt",), {}, "a/b/c.txt"),
    ("dir", ("a/",), {}, "a"),
    ("basename", ("a/b.tar.gz",), {}, "b.tar.gz"),
    ("dirname", ("b.txt",), {}, "."),
    ("stem", ("a/b.tar.gz",), {}, "b.tar"),
    ("ext", ("a/b.tar.gz",), {}, ".gz"),
    ("json", ('{"a": 1}',), {}, {"a": 1}),
    ("json", ([1, "ä"],), {}, '[1, "ä"]'),
    ("hash", ({"b": 1, "a": 2.0},), {}, "cf18a029e5a0c29229df0753ee807c70"),
    ("round_up", (1.2,), {}, 2),
]


@pytest.mark.parametrize(("name", "values", "named", "wanted"), CASES)
def test_values(name: str, values: tuple[Any, ...], named: dict[str, Any], wanted: Any) -> None:
    found = call(name, *values, **named)
    assert found == wanted
    assert type(found) is type(wanted)


def test_equal_values_have_equal_hashes() -> None:
    assert call("hash", {"b": 1, "a": 2.0}) == call("hash", {"a": 2, "b": 1})
    assert call("hash", "1") != call("hash", 1)


FAULTS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("len", (3,), {}, "`len` wants a list, a dict or text, found the number 3"),
    ("range", (1, 5, 0), {}, "the step of `range` must not be 0"),
    ("zip", ([1], [1, 2]), {}, "`zip` wants lists of one length, found 1 and 2"),
    ("sorted", ([1, "a"],), {}, '`<` does not take the text "a" and the number 1'),
    ("sorted", ([1],), {"by": [1, 2]}, "the `by` of `sorted` has 2 items, the list 1"),
    ("sorted", ([{"a": 1}],), {"by": "b"}, "there is no key `b`"),
    ("chunk", ([1], 0), {}, "`chunk` wants a size of at least 1, found 0"),
    ("min", ([],), {}, "`min` of an empty list"),
    ("sum", (["a"],), {}, '`sum` wants a list of numbers, found the text "a" at [0]'),
    ("opt", ("-x", [1]), {}, "`opt` wants one value, found a list of 1"),
    ("any", ([1],), {}, "a condition must be true or false, found the number 1"),
    ("int", ("x",), {}, 'expected int (a whole number), found the text "x"'),
    ("split", ("a", ""), {}, "`split` wants a separator that is not empty"),
    (
        "matches",
        ("a", "("),
        {},
        'the text "(" is no regular expression: missing ), unterminated subpattern at position 0',
    ),
    ("format", (1, "99999d"), {}, 'the format the text "99999d" is too wide'),
    (
        "format",
        (1, "q"),
        {},
        "`format` does not know the text \"q\": Unknown format code 'q' for object of type 'int'",
    ),
    ("replace", ("a", "", "b"), {}, "`replace` wants a text to replace that is not empty"),
    (
        "json",
        ("{",),
        {},
        'expected json as JSON, found the text "{" (Expecting property name enclosed in double quotes, line 1, column 2)',
    ),
    ("file", ("",), {}, 'the text "" is no path'),
]


@pytest.mark.parametrize(("name", "values", "named", "message"), FAULTS)
def test_faults(name: str, values: tuple[Any, ...], named: dict[str, Any], message: str) -> None:
    with pytest.raises(EvalError) as caught:
        call(name, *values, **named)
    assert str(caught.value) == message


def test_functions_that_read(tmp_path: Path) -> None:
    (tmp_path / "reads").mkdir()
    for name in ("s1_1.fq", "s1_2.fq", "s0_1.fq", "s0_2.fq"):
        (tmp_path / "reads" / name).write_text("x")
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "a.json").write_text('{"k": [1]}')
    (tmp_path / "a.yaml").write_text("k: [no, 1]\n")
    (tmp_path / "a.csv").write_text('n,word\n1,"a,b"\n')
    env = Env(folder=str(tmp_path), now_s=86400.0, environ={"HOME": "/h"})
    assert call("glob", "*.txt", env=env) == ["a.txt"]
    assert call("glob", "none*", env=env) == []
    assert call("pairs", "reads/*_{1,2}.fq", env=env) == [
        {"id": "s0", "files": ["reads/s0_1.fq", "reads/s0_2.fq"]},
        {"id": "s1", "files": ["reads/s1_1.fq", "reads/s1_2.fq"]},
    ]
    assert call("exists", "a.txt", env=env) is True
    assert call("exists", "b.txt", env=env) is False
    assert call("size", "a.txt", env=env) == 8
    assert call("size", "reads", env=env) == 4
    assert call("read", "a.txt", env=env) == "one\ntwo\n"
    assert call("lines", "a.txt", env=env) == ["one", "two"]
    assert call("read_json", "a.json", env=env) == {"k": [1]}
    assert call("read_yaml", "a.yaml", env=env) == {"k": ["no", 1]}
    assert call("read_csv", "a.csv", env=env) == [{"n": "1", "word": "a,b"}]
    assert call("env", "HOME", env=env) == "/h"
    assert call("env", "NOPE", env=env) is None
    assert call("env", "NOPE", "d", env=env) == "d"
    assert call("absolute", ["a", "/b"], env=env) == [f"{tmp_path}/a", "/b"]
    assert call("now", env=env) == "1970-01-02T00:00:00Z"


def test_faults_of_functions_that_read(tmp_path: Path) -> None:
    env = Env(folder=str(tmp_path))
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n1\n")
    (tmp_path / "x_1.fq").write_text("")
    faults = {
        ("read", "nope"): "`read` cannot read nope: no such file or directory",
        ("size", "nope"): "`size` cannot read nope: no such file or directory",
        ("lines", "latin"): "`lines` wants UTF-8, latin is not",
        ("read_json", "bad.json"): 'bad.json: expected json as JSON, found the text "{" '
        "(Expecting property name enclosed in double quotes, line 1, column 2)",
        ("read_yaml", "bad.yaml"): 'bad.yaml: the key the text "a" comes twice (line 2, column 1)',
        ("read_csv", "bad.csv"): "bad.csv: row 2 has fewer fields than the header",
        ("pairs", "*_{1,2}.fq"): "`pairs`: x has no file for 2",
        ("pairs", "*.fq"): '`pairs` wants a pattern such as `reads/*_{1,2}.fq`, found the text "*.fq"',
        ("read", ""): 'the text "" is no path',
    }
    for (name, argument), message in faults.items():
        with pytest.raises(EvalError) as caught:
            call(name, argument, env=env)
        assert str(caught.value) == message


def test_every_visible_function_is_tried_here() -> None:
    tried = {name for name, *_ in CASES} | {
        "glob",
        "pairs",
        "exists",
        "size",
        "read",
        "lines",
        "read_json",
        "read_yaml",
        "read_csv",
    }
    assert set(visible_functions()) - tried == {"env", "now"}


def type_of(name: str, *types: Type) -> Type | None:
    """The type of a call with arguments of these types, none of them a constant."""
    row = FUNCTIONS[name]
    letters: dict[str, Type] = {}
    places = row.signature.place(len(types), ())
    given = list(zip(places, types, strict=True))
    if not all(matches(p.pattern, t, {} if p.repeated and row.result else letters) for p, t in given):
        return None
    if row.result is None:
        return build(row.signature.result, letters)
    named = {p.name: t for p, t in given if not p.repeated}
    found = row.result(Arguments(name, named, {}, [t for p, t in given if p.repeated]))
    return None if isinstance(found, Refusal) else found


RECORD = RecordType((("k", STR), ("n", INT)))


@pytest.mark.parametrize(
    ("name", "types", "wanted"),
    [
        ("len", (ListType(INT),), INT),
        ("len", (INT,), None),
        ("len", (RECORD,), INT),
        ("zip", (ListType(INT), ListType(STR)), ListType(TupleType((INT, STR)))),
        ("enumerate", (ListType(FILE),), ListType(TupleType((INT, FILE)))),
        ("items", (DictType(INT),), ListType(TupleType((STR, INT)))),
        ("sorted", (ListType(RECORD), STR), ListType(RECORD)),
        ("flatten", (ListType(ListType(INT)),), ListType(INT)),
        ("flatten", (ListType(INT),), None),
        ("flatten", (ListType(NEVER),), ListType(NEVER)),
        ("chunk", (JSON, INT), ListType(ListType(JSON))),
        (
            "group_by",
            (ListType(RECORD), ListType(INT)),
            ListType(RecordType((("key", INT), ("items", ListType(RECORD))))),
        ),
        ("min", (INT, FLOAT), FLOAT),
        ("max", (ListType(SIZE),), SIZE),
        ("sum", (ListType(DURATION),), DURATION),
        ("sum", (ListType(NEVER),), INT),
        ("sum", (ListType(STR),), None),
        ("round", (FLOAT,), INT),
        ("round", (SIZE,), SIZE),
        ("round", (INT, INT), INT),
        ("round", (FLOAT, INT), FLOAT),
        ("abs", (STR,), None),
        ("sorted", (ListType(RECORD),), None),
        ("sorted", (ListType(BOOL),), ListType(BOOL)),
        ("sorted", (ListType(OptionalType(INT)),), None),
        ("min", (INT,), None),
        ("opt", (STR, ListType(INT)), None),
        ("values", (RecordType((("a", INT), ("b", STR))),), None),
        ("json", (STR,), JSON),
        ("json", (RECORD,), STR),
        ("file", (STR,), FILE),
        ("stem", (FILE,), STR),
        ("stem", (OptionalType(FILE),), None),
        ("env", (STR,), OptionalType(STR)),
        ("env", (STR, STR), STR),
        ("split", (JSON,), ListType(STR)),
        ("size", (FILE,), SIZE),
        ("pairs", (STR,), ListType(RecordType((("id", STR), ("files", ListType(FILE)))))),
    ],
)
def test_types(name: str, types: tuple[Type, ...], wanted: Type | None) -> None:
    assert type_of(name, *types) == wanted


@pytest.mark.parametrize(
    ("name", "types", "wanted"),
    [
        ("add", (INT, FLOAT), FLOAT),
        ("add", (STR, STR), STR),
        ("add", (STR, INT), None),
        ("add", (DURATION, INT), None),
        ("add", (SIZE, SIZE), SIZE),
        ("add", (ListType(INT), ListType(NEVER)), ListType(INT)),
        ("mul", (FLOAT, SIZE), SIZE),
        ("mul", (SIZE, SIZE), None),
        ("mul", (STR, INT), STR),
        ("div", (INT, INT), FLOAT),
        ("div", (SIZE, SIZE), FLOAT),
        ("div", (DURATION, INT), DURATION),
        ("floordiv", (DURATION, DURATION), INT),
        ("pow", (INT, INT), INT),
        ("eq", (FILE, STR), None),
        ("eq", (OptionalType(INT), NONE), BOOL),
        ("lt", (INT, FLOAT), BOOL),
        ("lt", (SIZE, INT), None),
        ("lt", (OptionalType(INT), INT), None),
        ("in", (STR, DictType(INT)), BOOL),
        ("in", (INT, ListType(STR)), None),
        ("index", (DictType(INT), STR), INT),
        ("index", (ListType(INT), STR), None),
        ("index", (JSON, STR), JSON),
        ("slice", (STR, INT, NONE), STR),
        ("not", (INT,), None),
        ("neg", (DURATION,), DURATION),
        ("add", (JSON, INT), JSON),
        ("eq", (ChoiceType(("a",)), STR), BOOL),
    ],
)
def test_operator_types(name: str, types: tuple[Type, ...], wanted: Type | None) -> None:
    assert operator_type(name, types) == wanted


def test_only_fractions_of_sizes_are_rounded() -> None:
    assert rounds_to_size("mul", (SIZE, FLOAT))
    assert rounds_to_size("div", (SIZE, INT))
    assert not rounds_to_size("mul", (SIZE, INT))
    assert not rounds_to_size("div", (SIZE, SIZE))
