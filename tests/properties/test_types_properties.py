"""Types are what values are: what the compiler infers holds for every value that the evaluator gives."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.ir.graph import Compute, Node, Output, Param
from cascade_dsl.ir.types import (
    BOOL,
    DIR,
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
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.values.evaluate import Env, evaluate
from cascade_dsl.values.faults import EvalError, ValueMismatch
from cascade_dsl.values.mismatches import mismatches
from cascade_dsl.values.types import assignable, common, optional
from cascade_dsl.values.typing import check_value

# ---- relations of types -----------------------------------------------------------------------------------------

OPTIONS: tuple[str, ...] = ("a", "b", "c")
FIELDS = ("x", "y", "z")


def _records(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    fields = st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
    return fields.map(lambda found: RecordType(tuple(found.items())))


def _choice(options: AbstractSet[str]) -> Type:
    return ChoiceType(tuple(sorted(options)))


TYPES: st.SearchStrategy[Type] = st.recursive(
    st.sampled_from((BOOL, INT, FLOAT, STR, DURATION, SIZE, FILE, DIR))
    | st.sets(st.sampled_from(OPTIONS), min_size=1).map(_choice),
    lambda inner: (
        inner.map(ListType)
        | inner.map(DictType)
        | inner.map(optional)
        | _records(inner)
        | st.tuples(inner, inner).map(TupleType)
    ),
    max_leaves=5,
)
"""Without json, which goes both ways, and with what literals add: none, and the items of `[]`."""
LITERALS = TYPES | st.sampled_from((NONE, ListType(NEVER)))


@given(LITERALS)
def test_a_type_goes_where_it_is_wanted(type_: Type) -> None:
    assert assignable(type_, type_)
    assert assignable(optional(type_), type_)
    assert assignable(JSON, type_)
    assert assignable(type_, JSON)


@settings(max_examples=400)
@given(LITERALS, LITERALS, LITERALS)
def test_what_goes_where_is_transitive(a: Type, b: Type, c: Type) -> None:
    if assignable(b, a) and assignable(c, b):
        assert assignable(c, a)


@settings(max_examples=400)
@given(LITERALS, LITERALS)
def test_what_two_types_have_in_common_takes_both(a: Type, b: Type) -> None:
    both = common(a, b)
    assert (both is None) == (common(b, a) is None)
    if both is not None:
        assert assignable(both, a)
        assert assignable(both, b)
    else:
        assert not assignable(a, b)
        assert not assignable(b, a)


def values_of(type_: Type) -> st.SearchStrategy[Any]:
    """Values of a type."""
    match type_:
        case ListType(item):
            return st.just([]) if item == NEVER else st.lists(values_of(item), max_size=2)
        case DictType(inner):
            return st.dictionaries(st.sampled_from(FIELDS), values_of(inner), max_size=2)
        case OptionalType(inner):
            return st.none() | values_of(inner)
        case RecordType(fields):
            return st.fixed_dictionaries({k: values_of(t) for k, t in fields})
        case TupleType(items):
            return st.tuples(*map(values_of, items)).map(list)
        case ChoiceType(options):
            return st.sampled_from(options)
        case _:
            return _SCALARS[str(type_)]


_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": st.integers(-5, 5),
    "float": st.floats(-2, 2),
    "str": st.sampled_from(("", "a", "x y")),
    "duration": st.sampled_from((0, 1, 2.5)),
    "size": st.integers(0, 9),
    "file": st.just("f.txt"),
    "dir": st.just("d"),
    "none": st.none(),
    "json": st.recursive(
        st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(("", "a", "2")),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=2),
        max_leaves=4,
    ),
}


@settings(max_examples=100)
@given(st.data(), LITERALS, LITERALS)
def test_a_value_goes_where_its_type_does(data: st.DataObject, a: Type, other: Type) -> None:
    b = other if assignable(other, a) else common(a, other) or optional(a)
    value = data.draw(values_of(a))
    assert list(mismatches(b, value)) == []
    check_value(b, value)


@settings(max_examples=150)
@given(st.data(), TYPES, TYPES)
def test_mismatches_are_found_where_a_check_finds_one(data: st.DataObject, a: Type, b: Type) -> None:
    value = data.draw(values_of(a))
    found = list(mismatches(b, value))
    if found:
        with pytest.raises(ValueMismatch) as caught:
            check_value(b, value)
        assert str(caught.value) in [str(one) for one in found]
    else:
        check_value(b, value)


# ---- expressions ------------------------------------------------------------------------------------------------

PROGRAM = """type Mode = "fast" | "safe"
type Row = {id: str, n: int, depth: int?, wait: duration, mode: Mode, files: list[file]}
param i: int = 0
param g: float = 0.0
param b: bool = true
param s: str = ""
param w: duration = 1s
param z: size = 1MB
param m: Mode = "fast"
param o: int? = none
param om: Mode? = none
param row: Row = {id: "", n: 0, wait: 1s, mode: "fast", files: []}
param rows: list[Row] = []
param maybe: Row? = none
param xs: list[int] = []
param os: list[int?] = []
param ss: list[str] = []
param d: dict[int] = {}
param j: json = none
"""

_MODE = ChoiceType(("fast", "safe"))
_ROW = RecordType(
    (("id", STR), ("n", INT), ("depth", OptionalType(INT)), ("wait", DURATION), ("mode", _MODE), ("files", ListType(FILE)))
)  # fmt: skip
PARAMS: dict[str, Type] = {
    "i": INT, "g": FLOAT, "b": BOOL, "s": STR, "w": DURATION, "z": SIZE, "m": _MODE, "o": OptionalType(INT),
    "om": OptionalType(_MODE), "row": _ROW, "rows": ListType(_ROW), "maybe": OptionalType(_ROW), "xs": ListType(INT),
    "os": ListType(OptionalType(INT)), "ss": ListType(STR), "d": DictType(INT), "j": JSON,
}  # fmt: skip

ORDER = tuple(PARAMS)
"""Params by their ids, which count from 1."""

# Each template makes an expression of its kind from expressions of the kinds in it.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "int": (
        "i", "3", "-1", "(<int> + <int>)", "(<int> * <int>)", "(<int> // <int>)", "(<int> % <int>)", "(<int> ** 2)",
        "len(<ints>)", "len(<str>)", "round(<float>)", "int(<float>)", "abs(<int>)", "sum(<ints>)", "min(<ints>)", "max(<int>, <int>)",
        "(<oint> ?? <int>)", "(o if o != none else <int>)", "(0 if o == none or <bool> else o)", "row.n", "<ints>[<int>]",
        "(<dur> // <dur>)", "d.x", 'd["y"]', "(<int> if <bool> else <int>)", "round(<int>, <int>)", "int(<dur>)",
        "(o + 1 if o != none and <bool> else 1)", "(<size> // <size>)", "(row.depth if not (row.depth == none) else 2)",
        "(maybe.n if maybe != none else 0)", "(os[0] if os[0] != none else 7)", "(o if o == 3 else 1)", "int(<bool>)",
        "(maybe.depth if maybe != none and maybe.depth != none else 1)",
    ),
    "float": (
        "g", "2.5", "(<float> + <int>)", "(<int> / <int>)", "(<float> * <float>)", "round(<float>, 1)", "float(<int>)",
        "max(<int>, <float>)", "sum([<float>, <int>])", "(<dur> / <dur>)", "(<size> / <size>)", "(<float> // <int>)",
        "(<int> if <bool> else <float>)", "(<float> ** <int>)", "abs(<float>)", "float(<bool>)",
    ),
    "dur": ("w", "1h30m", "(<dur> + <dur>)", "(<dur> * <float>)", "(<dur> / <int>)", "row.wait", "sum([<dur>, w])", "round(<dur>)",
            "(<dur> % <dur>)", "(<dur> // <int>)", "max(<dur>, <dur>)", "abs(-<dur>)", "round(<dur>, 1)"),
    "size": ("z", "4GB", "(<size> + <size>)", "(<size> * <float>)", "(<size> / <int>)", "min(<size>, <size>)", "round(<size>, -2)",
             "(<size> // <float>)", "(<size> % <size>)", "sum([<size>])", "(<size> - <size>)"),
    "bool": (
        "b", "true", "(<int> < <int>)", "(<int> == <float>)", "(<bool> and <bool>)", "not <bool>", "(<str> in <strs>)", "(o != none)",
        "(o != none and o > <int>)", "(o == none or o > <int>)", "any([<bool>, <bool>])", '(m == "fast")', 'matches(<str>, "a+")',
        "(<oint> == <int>)", "(<str> in d)", "(<strs> < <strs>)", "(1 < <int> <= 5)", "starts_with(<str>, <str>)", "all([])",
        "(row == row)", "(<json> == <int>)", "(row.files < row.files)", '(om in ["fast", none])',
    ),
    "str": (
        "s", '"ab"', "(<str> + <str>)", '"{{<any>}}"', "str(<any>)", "join(<ints>, <str>)", "lower(m)", "(<str> * <int>)", "<str>[<int>]",
        "<str>[<int>:<int>]", "row.id", "json(<rows>)", "hash(<any>)", 'format(<float>, ".2f")', "(m if <bool> else <str>)", "strip(<str>)",
        "stem(row.files[0])", "(<strs> + ss)[0]", "str(dirname(<str>))", 'replace(<str>, "a", <str>)', "(om ?? <str>)", "max(ss)",
        "basename(file(<str>))",
    ),
    "mode": ("m", "row.mode", '(om ?? "safe")', '("fast" if <bool> else m)', "(om if om != none else <mode>)", '[m, "fast"][0]'),
    "oint": ("o", "none", "row.depth", "(<int> if <bool> else none)", "(<oint> ?? <oint>)", "os[0]", "(<oint> if <bool> else <int>)"),
    "ints": (
        "xs", "[]", "[<int>, <int>]", "range(<int>)", "(<ints> + <ints>)", "sorted(<ints>)", "reversed(<ints>)", "unique(<ints>)",
        "flatten([<ints>, <ints>])", "[x + 1 for x in <ints> if x > 0]", "[r.n for r in <rows>]", "values(d)", "chunk(<ints>, 2)[0]",
        "[x for x in os if x != none]", "[r.depth for r in <rows> if r.depth != none]", "[i for i, x in enumerate(<ints>)]",
        "[v for k, v in items(d)]", "[a + b for a, b in zip(xs, xs)]", "<ints>[1:]", "(<ints> if <bool> else [])", "[g.key for g in group_by(<rows>, by = \"n\")]",
        "[q for p in [<ints>] for q in p]", "[len(g.items) for g in group_by(<ints>, <ints>)]", "[x for o in xs if o > 1 for x in xs]",
    ),
    "strs": ("ss", 'split(<str>, ",")', "keys(d)", "[str(x) for x in <ints>]", "[r.id for r in <rows>]", "unique(<strs>)", 'opt("-x", <int>)', "sorted(ss)", "[m, <str>]"),
    "rows": (
        "rows", "[row, row]", 'sorted(<rows>, by = "wait")', "[r for r in <rows> if r.n > <int>]", "unique(rows, <ints>)", "(<rows> + [row])",
        'flatten([g.items for g in group_by(<rows>, by = "mode")])', '[max(<rows>, by = "n")]', "[r for i, r in enumerate(<rows>)]",
        '[maybe ?? {id: "x", n: 1, wait: 1s, mode: "safe", files: []}]', "sorted(<rows>, [r.files for r in <rows>])",
    ),
    "json": ("j", "j.x", "j[0]", "(<json> + <int>)", "json(<str>)", "{a: <any>, b: <json>}", "[<json>, <int>]", "(<json> ?? <int>)", "sum(j)", "keys(j)",
             "[x for x in j]", "{k: v for k, v in items(j)}", "round(j)", "max(j)", "sorted(j)", "abs(j)", "len(j)", "j[1:]"),
    "any": ("<int>", "<float>", "<bool>", "<str>", "<dur>", "<size>", "<oint>", "<ints>", "<strs>", "<rows>", "<json>", "<mode>", "row", "maybe",
            "zip(<ints>, <strs>)", "{a: <int>, b: <oint>}", "{x: x for x in ss}", "group_by(<rows>, by = \"depth\")", "env(\"NOPE\")", "items(d)",
            "[{a: 1}, {a: 2.5}]", "[<oint>, <int>]", "[<int>, <float>]", "file(<str>)", "[[], <ints>]", "enumerate(<strs>)", "{}"),
}  # fmt: skip


_PLAINEST = {"any": "i"}


@st.composite
def expressions(draw: st.DrawFn, kind: str = "any", depth: int = 4) -> str:
    """The text of an expression."""
    templates = TEMPLATES[kind]
    plain = [t for t in templates if "<" not in t or ("> " not in t + " " and ">" not in t)]
    template = draw(st.sampled_from(plain if depth == 0 and plain else templates))
    out: list[str] = []
    for piece in _pieces(template):
        if piece.startswith("<") and piece[1:-1] in TEMPLATES:
            below = piece[1:-1]
            out.append(draw(expressions(below, depth - 1)) if depth > 0 else _PLAINEST.get(below, TEMPLATES[below][0]))
        else:
            out.append(piece)
    return "".join(out)


def _pieces(template: str) -> list[str]:
    return re.split(r"(<[a-z]+>)", template)


def computed(texts: list[str]) -> tuple[dict[str, Node], dict[str, str]]:
    """The node of each expression, by its text, and of those that are refused why; all compiled as one program."""
    refused: dict[str, str] = {}
    while True:
        good = [text for text in dict.fromkeys(texts) if text not in refused]
        lines = "".join(f"output out{number} = {text}\n" for number, text in enumerate(good))
        compiled = compile_source(Source("p.csc", PROGRAM + lines), folder=Path())
        if compiled.graph is not None:
            by_id = {node.id: node for node in compiled.graph.nodes}
            outputs = [node for node in compiled.graph.nodes if isinstance(node, Output)]
            return {text: by_id[output.node] for text, output in zip(good, outputs, strict=True)}, refused
        first = PROGRAM.count("\n") + 1
        for found in compiled.diagnostics:
            if found.severity == "error":
                assert found.primary is not None
                refused[good[found.primary.line - first]] = f"{found.code} {found.message}"


@settings(max_examples=25, deadline=None)
@given(st.data(), st.lists(expressions(), min_size=1, max_size=15))
def test_an_inferred_type_holds_every_value(data: st.DataObject, texts: list[str]) -> None:
    nodes, refused = computed(texts)
    for why in refused.values():  # what can be known to have no value, and what happens to be of another kind
        event(f"refused: {why[:6]}")
    given_values = {name: data.draw(values_of(type_), label=name) for name, type_ in PARAMS.items()}
    for text, node in nodes.items():
        if isinstance(node, Param):
            continue
        assert isinstance(node, Compute)
        try:
            value = evaluate(node.expr, Env({}, lambda id: given_values[ORDER[id - 1]], environ={}))
        except EvalError as error:
            event("no value")
            assert error.part is not None, text  # noqa: PT017
            continue
        event("a value")
        assert check_value(node.type, value) == value, f"{text} is {node.type}, gives {value!r}"


def test_the_expressions_of_the_templates_are_good() -> None:
    """Else the property above would be about nothing."""
    texts = [
        "".join(TEMPLATES[p[1:-1]][0] if p[1:-1] in TEMPLATES else p for p in _pieces(template)).replace("<int>", "i")
        for templates in TEMPLATES.values()
        for template in templates
    ]
    nodes, refused = computed(texts)
    assert refused == {}
    assert len(nodes) > 150
