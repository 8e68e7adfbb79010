"""YAML text: values of the plain schema, and faults with their place."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from cascade_dsl.values.faults import EvalError
from cascade_dsl.values.yaml_text import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: [no, yes, on, off, 2024-01-31, 12:30:00, 1_000]", {"a": ["no", "yes", "on", "off", "2024-01-31", "12:30:00", "1_000"]}),
        ("[true, False, null, ~, 1, -2, 0x1f, 0o17, 1.5, .5, 1e3, '1']", [True, False, None, None, 1, -2, 31, 15, 1.5, 0.5, 1000.0, "1"]),
        ("a: &x {p: 1}\nb: *x\nc:\n  <<: *x\n  p: 2\n", {"a": {"p": 1}, "b": {"p": 1}, "c": {"p": 2}}),
        ("a: |\n  one\n  two\nb: >\n  x\n  y\n", {"a": "one\ntwo\n", "b": "x y\n"}),
        ("", None),
        ('{"json": [1, {"x": null}]}', {"json": [1, {"x": None}]}),
    ],
)  # fmt: skip
def test_values(text: str, value: Any) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "while parsing a flow node, expected the node content, but found '<stream end>' (line 1, column 5)"),
        ("a: 1\na: 2", 'the key the text "a" comes twice (line 2, column 1)'),
        ("1: a", "a key must be text, found the number 1; put it in quotes (line 1, column 1)"),
        ("? [1]\n: a", "a key must be text, found a list of 1; put it in quotes (line 1, column 3)"),
        ("a\n---\nb", "expected a single document in the stream, but found another document (line 2, column 1)"),
        (
            "!!python/object/apply:os.system [touch x]",
            "could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.system' (line 1, column 1)",
        ),
        ("a: .inf", ".inf is no number here (line 1, column 4)"),
        ("a: 1e999", "1e999 is no number here (line 1, column 4)"),
        ("a: " + "9" * 5000, "an int of so many digits cannot be read (line 1, column 4)"),
        ("&a [*a]", "it is nested too deeply"),
        ("[" * 5000, "it is nested too deeply"),
        ("- " * 300 + "x", "it is nested too deeply"),
        ("!!set {a, b}", "a value of the type set is not JSON"),
        ("a: \0", "a character that YAML does not allow, U+0000"),
    ],
)
def test_faults(text: str, message: str) -> None:
    with pytest.raises(EvalError) as caught:
        parse_yaml(text)
    assert str(caught.value) == message


def test_aliases_do_not_make_a_value_without_bound() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(EvalError, match=r"elements are too many, at most 10000000"):
        parse_yaml("\n".join(lines))


def test_the_library_is_loaded_where_yaml_is_read_only() -> None:
    import subprocess

    code = "import sys, cascade_dsl.values.reading, cascade_dsl.api.params, cascade_dsl.lang.compile; print('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
