"""Values against types: what is kept, what is refused and in which words; text by type; showing."""

from __future__ import annotations

from typing import Any

import pytest

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
from cascade_dsl.values.faults import ValueMismatch
from cascade_dsl.values.types import assignable, common
from cascade_dsl.values.typing import check_value, parse_text, show

SAMPLE = RecordType((("id", STR), ("reads", ListType(FILE)), ("note", OptionalType(STR))))
MODE = ChoiceType(("fast", "safe"))


@pytest.mark.parametrize(
    ("type_", "value", "kept"),
    [
        (INT, 3, 3),
        (FLOAT, 3, 3.0),
        (SIZE, 4.0, 4),
        (DURATION, 1.5, 1.5),
        (OptionalType(INT), None, None),
        (ListType(FLOAT), [1, 2.5], [1.0, 2.5]),
        (DictType(INT), {"a": 1}, {"a": 1}),
        (SAMPLE, {"id": "x", "reads": ["a.fq"]}, {"id": "x", "reads": ["a.fq"], "note": None}),
        (MODE, "fast", "fast"),
        (TupleType((INT, STR)), [1, "a"], [1, "a"]),
        (JSON, {"any": [1, None]}, {"any": [1, None]}),
        (NONE, None, None),
    ],
)
def test_what_fits_is_kept(type_: Type, value: Any, kept: Any) -> None:
    found = check_value(type_, value)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (INT, 3.0, "expected int, found the number 3.0"),
        (INT, True, "expected int, found true"),
        (INT, 2**63, "the int does not fit 64 bits"),
        (FLOAT, float("nan"), "expected float, found the number NaN"),
        (BOOL, 1, "expected bool, found the number 1"),
        (STR, None, "expected str, found none"),
        (FILE, "", 'expected the path of a file, found the text ""'),
        (SIZE, 1.5, "expected size, found the number 1.5"),
        (ListType(INT), "12", 'expected list[int], found the text "12"'),
        (ListType(ListType(INT)), [[1], [2, "x"]], 'expected int, found the text "x" at [1][1]'),
        (DictType(INT), {"a b": None}, 'expected int, found none at ["a b"]'),
        (SAMPLE, {"id": "x", "reads": [3]}, "expected file, found the number 3 at .reads[0]"),
        (
            SAMPLE,
            {"id": "x"},
            "the field `reads: list[file]` is missing from a record {id: str, reads: list[file], note: str?}",
        ),
        (
            SAMPLE,
            {"id": "x", "reads": [], "nore": "y"},
            "a record {id: str, reads: list[file], note: str?} has no field `nore` (did you mean `note`?)",
        ),
        (MODE, "fasst", 'expected "fast" | "safe", found the text "fasst" (did you mean `fast`?)'),
        (MODE, 3, 'expected "fast" | "safe", found the number 3'),
        (TupleType((INT, INT)), [1], "expected (int, int), found a list of 1"),
        (NONE, 0, "expected none, found the number 0"),
        (STR, {"a": 1}, "expected str, found a record"),
    ],
)
def test_what_does_not_fit_is_named(type_: Type, value: Any, message: str) -> None:
    with pytest.raises(ValueMismatch) as caught:
        check_value(type_, value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (INT, " -3\n", -3),
        (INT, "1_000", 1000),
        (FLOAT, "1e3", 1000.0),
        (BOOL, "true", True),
        (STR, "  kept  ", "  kept  "),
        (DURATION, "1h30m", 5400),
        (DURATION, "250ms", 0.25),
        (DURATION, "12", 12),
        (OptionalType(RecordType((("a", INT),))), "none", None),
        (SIZE, "4GB", 4_000_000_000),
        (SIZE, "64", 64),
        (OptionalType(INT), "none", None),
        (OptionalType(INT), "7", 7),
        (ListType(INT), "[1, 2]", [1, 2]),
        (RecordType((("a", INT),)), '{"a": 1}', {"a": 1}),
        (JSON, '{"a": [1.5]}', {"a": [1.5]}),
        (MODE, "safe", "safe"),
        (NONE, "whatever", None),
    ],
)
def test_text_is_read_by_its_type(type_: Type, text: str, value: Any) -> None:
    assert parse_text(type_, text) == value


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        (INT, "3.5", 'expected int (a whole number), found the text "3.5"'),
        (INT, "9" * 30, "the int does not fit 64 bits"),
        (FLOAT, "inf", 'expected float (a number), found the text "inf"'),
        (BOOL, "yes", 'expected bool (`true` or `false`), found the text "yes"'),
        (DURATION, "3 s", 'expected duration (such as `30s` or `1h30m`, or a number of seconds), found the text "3 s"'),
        (SIZE, "4Gb", 'expected size (such as `4GB` or `512MiB`, or a number of bytes), found the text "4Gb"'),
        (
            JSON,
            "{1}",
            'expected json as JSON, found the text "{1}" '
            "(Expecting property name enclosed in double quotes, line 1, column 2)",
        ),
        (JSON, "NaN", "NaN is no JSON number"),
        (JSON, '{"a": [1e400]}', "1e400 is too large for a float"),
        (DURATION, "-5", 'expected duration (such as `30s` or `1h30m`, or a number of seconds), found the text "-5"'),
        (SIZE, "-1", 'expected size (such as `4GB` or `512MiB`, or a number of bytes), found the text "-1"'),
        (JSON, "[" * 200_000, "expected json as JSON, found text that is nested too deeply"),
        (ListType(INT), '["a"]', 'expected int, found the text "a" at [0]'),
    ],
)
def test_text_that_is_not_of_its_type(type_: Type, text: str, message: str) -> None:
    with pytest.raises(ValueMismatch) as caught:
        parse_text(type_, text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (3, "3"),
        (1.0, "1.0"),
        (1e22, "1e+22"),
        (True, "true"),
        (None, "none"),
        ([1, "ü", None], '[1, "ü", null]'),
        ({"a": 1.5}, '{"a": 1.5}'),
    ],
)
def test_values_in_text(value: Any, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize(
    ("want", "have", "fits"),
    [
        (FLOAT, INT, True),
        (INT, FLOAT, False),
        (STR, FILE, False),
        (FILE, STR, False),
        (JSON, ListType(INT), True),
        (INT, JSON, True),
        (OptionalType(INT), INT, True),
        (OptionalType(INT), NONE, True),
        (INT, OptionalType(INT), False),
        (SIZE, INT, False),
        (ListType(INT), ListType(NEVER), True),
        (ListType(FLOAT), ListType(INT), True),
        (MODE, ChoiceType(("safe",)), True),
        (MODE, STR, False),
        (STR, MODE, True),
        (DictType(FLOAT), RecordType((("a", INT),)), True),
        (SAMPLE, RecordType((("reads", ListType(FILE)), ("id", STR))), True),
        (SAMPLE, RecordType((("id", STR),)), False),
        (RecordType((("id", STR),)), SAMPLE, False),
        (ListType(INT), TupleType((INT, INT)), True),
    ],
)
def test_what_goes_where(want: Type, have: Type, fits: bool) -> None:
    assert assignable(want, have) is fits


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (INT, FLOAT, FLOAT),
        (INT, NONE, OptionalType(INT)),
        (OptionalType(INT), FLOAT, OptionalType(FLOAT)),
        (ListType(NEVER), ListType(INT), ListType(INT)),
        (MODE, STR, STR),
        (INT, STR, None),
        (JSON, INT, JSON),
        (FILE, STR, None),
        (RecordType((("a", INT),)), RecordType((("a", FLOAT),)), RecordType((("a", FLOAT),))),
        (RecordType((("a", INT),)), RecordType((("b", INT),)), None),
    ],
)
def test_what_two_types_have_in_common(one: Type, other: Type, both: Type | None) -> None:
    assert common(one, other) == both
    assert common(other, one) == both
