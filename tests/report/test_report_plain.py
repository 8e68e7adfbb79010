"""Diagnostics as text: whole messages, compared whole."""

from __future__ import annotations

from io import StringIO
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import Diagnostic, Source, Span
from cascade_dsl.report.plain import render, render_all, wants_color

WORDS = Source(
    "words.csc",
    dedent(
        """\
        param top: int = 10

        task fetch(url: str) -> page: file {
          sh "curl {{url}} -o {{page}}"
        }
        pages = [fetc(u) for u in urls]
        output words = pages
        """
    ),
)


def span(source: Source, text: str, end: str | None = None) -> Span:
    start = source.text.index(text)
    return Span(start, source.text.index(end, start) + len(end) if end else start + len(text))


def finding(source: Source, at: Span, message: str = "", **more: object) -> Diagnostic:
    return Diagnostic(code="CSC101", message="unknown task `fetc`", primary=source.label(at, message), **more)  # pyright: ignore[reportArgumentType]


def shown(diagnostic: Diagnostic, width: int = 120) -> str:
    return "\n" + render(diagnostic, width=width) + "\n"


def test_one_place_and_a_mend() -> None:
    found = finding(WORDS, span(WORDS, "fetc(u)"), help="did you mean `fetch`?")
    assert shown(found) == dedent(
        """
        error[CSC101]: unknown task `fetc`
         --> words.csc:6:10
          |
        6 | pages = [fetc(u) for u in urls]
          |          ^^^^^^^
          |
          = help: did you mean `fetch`?
        """
    )


def test_secondary_places_of_the_same_file_stand_in_one_snippet() -> None:
    found = finding(
        WORDS,
        span(WORDS, "fetc(u)"),
        "no such task",
        secondary=(WORDS.label(span(WORDS, "task fetch"), "this one is near"),),
        notes=("tasks are called like functions\nand make nodes",),
    )
    assert shown(found) == dedent(
        """
        error[CSC101]: unknown task `fetc`
         --> words.csc:6:10
          |
        3 | task fetch(url: str) -> page: file {
          | ---------- this one is near
        ...
        6 | pages = [fetc(u) for u in urls]
          |          ^^^^^^^ no such task
          |
          = note: tasks are called like functions
                  and make nodes
        """
    )


def test_two_labels_on_one_line_and_another_file() -> None:
    other = Source("lib/a.csc", "task fetch() { }\n")
    found = finding(
        WORDS,
        span(WORDS, "urls"),
        secondary=(WORDS.label(span(WORDS, "pages ="), "here"), other.label(Span(5, 10), "and here")),
    )
    assert shown(found) == dedent(
        """
        error[CSC101]: unknown task `fetc`
         --> words.csc:6:27
          |
        6 | pages = [fetc(u) for u in urls]
          | ------- here
          |                           ^^^^
         ::: lib/a.csc:1:6
          |
        1 | task fetch() { }
          |      ----- and here
        """
    )


def test_a_span_of_several_lines() -> None:
    found = finding(WORDS, span(WORDS, "task fetch", "}\n"), "all of this")
    assert shown(found) == dedent(
        """
        error[CSC101]: unknown task `fetc`
         --> words.csc:3:1
          |
        3 | task fetch(url: str) -> page: file {
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        4 |   sh "curl {{url}} -o {{page}}"
          |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        5 | }
          | ^ all of this
        """
    )


def test_a_span_of_more_lines_than_are_shown() -> None:
    found = finding(WORDS, Span(0, len(WORDS.text)))
    assert shown(found) == dedent(
        """
        error[CSC101]: unknown task `fetc`
         --> words.csc:1:1
          |
        1 | param top: int = 10
          | ^^^^^^^^^^^^^^^^^^^
        2 |
        3 | task fetch(url: str) -> page: file {
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        4 |   sh "curl {{url}} -o {{page}}"
          |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        ...
        """
    )


def test_tabs_wide_characters_and_combining_ones() -> None:
    source = Source("a.csc", "\tx = 語e\u0301(\t1)\n")
    found = finding(source, span(source, "1"), "one")
    assert shown(found) == (
        "\nerror[CSC101]: unknown task `fetc`\n --> a.csc:1:11\n  |\n"
        "1 |     x = 語e\u0301(    1)\n"
        "  |                 ^ one\n"
    )  # fmt: skip


def test_an_empty_span_at_the_end_of_the_text() -> None:
    source = Source("a.csc", "x = ")
    assert shown(finding(source, Span(4, 4))) == dedent(
        """
        error[CSC101]: unknown task `fetc`
         --> a.csc:1:5
          |
        1 | x =
          |     ^
        """
    )


def test_a_long_line_is_cut_around_the_span() -> None:
    source = Source("a.csc", "x = [" + "1, " * 30 + "wrong, " + "2, " * 30 + "]")
    assert shown(finding(source, span(source, "wrong")), width=44) == dedent(
        """
        error[CSC101]: unknown task `fetc`
         --> a.csc:1:96
          |
        1 | … 1, 1, 1, 1, 1, wrong, 2, 2, 2, 2, 2, …
          |                  ^^^^^
        """
    )


def test_a_place_beyond_what_is_kept_of_a_line_has_no_underline() -> None:
    source = Source("a.csc", "x" * 1000 + "!")
    text = shown(finding(source, Span(1000, 1001)), width=20)
    assert text == "\nerror[CSC101]: unknown task `fetc`\n --> a.csc:1:1001\n  |\n1 | " + "x" * 15 + "…\n"


def test_without_a_place() -> None:
    found = Diagnostic(code="CSC605", severity="warning", message="no run", notes=("a note",), help="start one")
    assert shown(found) == dedent(
        """
        warning[CSC605]: no run
          note: a note
          help: start one
        """
    )


def test_nothing_steers_the_terminal() -> None:
    source = Source("a\x1b.csc", "x = \x1b[2J\x07")
    found = Diagnostic(code="CSC101", message="bad \x1b[31m", primary=source.label(Span(4, 8)))
    assert "\x1b" not in render(found)
    assert "\x07" not in render(found)


def test_colour_changes_nothing_but_colour() -> None:
    import re

    found = finding(WORDS, span(WORDS, "fetc(u)"), "no such task", help="did you mean `fetch`?", notes=("n",))
    painted = render(found, color=True)
    assert "\x1b[1;31merror[CSC101]\x1b[0m" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render(found)


def test_several_are_counted() -> None:
    one = Diagnostic(code="CSC101", message="a")
    two = Diagnostic(code="CSCW01", severity="warning", message="b")
    assert render_all((one,)) == "error[CSC101]: a"
    assert render_all((one, one, two)) == (
        "error[CSC101]: a\n\nerror[CSC101]: a\n\nwarning[CSCW01]: b\n\n2 errors, 1 warning"
    )


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_color(Terminal())
    assert not wants_color(StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_color(Terminal())


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60), st.integers(10, 130))
def test_any_place_in_any_text_can_be_shown(text: str, start: int, length: int, width: int) -> None:
    source = Source("a.csc", text)
    at = Span(min(start, len(text)), min(start + length, len(text)))
    found = finding(source, at, "here", secondary=(source.label(Span(0, len(text)), "there"),))
    out = render(found, width=width)
    assert out.splitlines()[0] == "error[CSC101]: unknown task `fetc`"
    assert out == render(Diagnostic.from_json(found.to_json()), width=width)
