"""Strings: escapes, indent, places, and what is refused in them."""

from __future__ import annotations

import pytest

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.lang import ast
from cascade_dsl.lang.parse import parse_source


def string(literal: str) -> ast.StringLit:
    parsed = parse_source(Source("a.csc", f"x = {literal}"))
    assert parsed.diagnostics == ()
    assert parsed.module is not None
    binding = parsed.module.items[0]
    assert isinstance(binding, ast.Binding)
    assert isinstance(binding.value, ast.StringLit)
    return binding.value


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ('""', ""),
        ('"a b"', "a b"),
        (r'"\n\t\\\"\u{e9}\u{1F600}"', '\n\t\\"é\U0001f600'),
        (r'"\{{x}}"', "{{x}}"),
        ('"{ } }}"', "{ } }}"),
        (r"'\n {{x}} \'", r"\n {{x}} \ "[:-1]),
        ('""""""', ""),
        ('"""a"""', "a"),
        ('"""a "b" c"""', 'a "b" c'),
        (r'"""\n \""" \{{ \\ """', '\\n """ {{ \\\\ '),
        ('"""\n  a\n    b\n\n  c\n  """', "a\n  b\n\nc\n"),
        ('"""\n  a\n  b"""', "a\nb"),
        ('"""a\n   b\n     c\n"""', "a\nb\n  c\n"),
        ('"""\n\ta\n\t b\n"""', "a\n b\n"),
        ('"""\n  a\n\tb\n"""', "  a\n\tb\n"),
        ('"""   \n  a\n"""', "a\n"),
        ('"""\n\n  a\n"""', "\na\n"),
        ("'''\n  {{x}}\\\n  '''", "{{x}}\\\n"),
        ('"é🙂"', "é🙂"),
    ],
)
def test_text(literal: str, text: str) -> None:
    assert string(literal).text == text


def test_places_and_pieces_of_an_indented_script() -> None:
    literal = '"""\n    for f in {{xs}}; do\n      echo {{ a + "{{b}}" }}\n    done\n    """'
    found = string(literal)
    assert found.text is None
    pieces = [part if isinstance(part, str) else type(part).__name__ for part in found.parts]
    assert pieces == ["for f in ", "Name", "; do\n  echo ", "Binary", "\ndone\n"]
    source = f"x = {literal}"
    assert [source[place.start : place.end] for place in found.places] == ["{{xs}}", '{{ a + "{{b}}" }}']


def test_a_place_alone_makes_no_empty_pieces() -> None:
    found = string('"{{a}}{{b}}"')
    assert [part.name for part in found.parts if isinstance(part, ast.Name)] == ["a", "b"]
    assert len(found.parts) == 2


@pytest.mark.parametrize(
    ("text", "code", "message", "place"),
    [
        (r'x = "a\d"', "CSC005", r"unknown escape `\d`", (1, 7, 9)),
        (r'x = "a\u{110000}"', "CSC005", r"`\u{110000}` is no character", (1, 7, 17)),
        (r'x = "\u{d800}"', "CSC005", r"`\u{d800}` is no character", (1, 6, 14)),
        (r'x = "\u{}"', "CSC005", r"`\u{}` is no character", (1, 6, 10)),
        ('x = "abc', "CSC004", "the string is not closed on its line", (1, 5, 9)),
        ("x = 'abc\ny = 1", "CSC004", "the string is not closed on its line", (1, 5, 9)),
        ('x = "abc\\', "CSC004", "the string is not closed on its line", (1, 5, 10)),
        ('x = """abc\n"', "CSC004", '`"""` is not closed', (1, 5, 8)),
        ('x = "a{{b\ny = 1', "CSC004", "`{{` is not closed on its line", (1, 7, 9)),
        ('x = "a{{b"\ny = 1', "CSC004", "`{{` is not closed on its line", (1, 7, 9)),
        ('x = "a{{b}"', "CSC003", "a single `}` cannot close `{{`", (1, 10, 11)),
        ('x = "a{{(b}}"', "CSC002", "`(` is not closed", (1, 9, 10)),
        ('x = "{{}}"', "CSC001", "expected a value, found `}}`", (1, 8, 10)),
        ('task t() { python "a\\qb" }', "CSC005", r"unknown escape `\q`", (1, 21, 23)),
        ('use "{{a}}"', "CSC019", "`{{` cannot stand in the path of a module", (1, 6, 11)),
    ],
)
def test_refused(text: str, code: str, message: str, place: tuple[int, int, int]) -> None:
    parsed = parse_source(Source("a.csc", text))
    assert parsed.diagnostics
    found = [
        (d.code, d.message, (d.primary.line, d.primary.column, d.primary.end_column))
        for d in parsed.diagnostics
        if d.primary
    ]
    assert found == [(code, message, place)]
