"""Errors are reported once each, where they are: good programs are broken in one to three statements, in known ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.lang import ast
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.lang.parse import parse_source

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [
    *sorted((ROOT / "tests" / "golden" / "ok").glob("*.csc")),
    *sorted((ROOT / "examples").rglob("*.csc")),
]


class Break(NamedTuple):
    """A change of a text that makes one error, on the line of `at`."""

    way: str
    item: int
    start: int
    end: int
    text: str
    at: int


def breaks(text: str) -> list[Break]:
    """Every known way to break each item of a program."""
    module = parse_source(Source("a.csc", text)).module
    assert module is not None
    return [one for number, item in enumerate(module.items) for one in _of_item(text, number, item)]


def _of_item(text: str, number: int, item: ast.Declaration | ast.Statement) -> Iterator[Break]:
    start, end = item.span.start, item.span.end
    line_end = text.find("\n", start)
    one_line = line_end < 0 or end <= line_end

    def put(way: str, at: int, new: str, until: int | None = None) -> Break:
        return Break(way, number, at, at if until is None else until, new, at)

    match item:
        case ast.TaskDecl():
            yield put("taks", start, "taks", start + 4)
            if item.inputs:
                at = item.inputs[0]
                yield put("no colon", at.name.span.end, " ", at.type.span.start)
            for clause in item.clauses:
                word = re.match(r"[a-z]{5,}", text[clause.span.start : clause.span.end])
                if word is not None:
                    at = clause.span.start
                    yield put("clause word", at, word[0][0] + word[0][2:], at + len(word[0]))
                if "\n" not in text[clause.span.start : clause.span.end]:
                    yield put("clause too long", clause.span.end, " ) ")
        case ast.ParamDecl():
            yield put("parm", start, "parm", start + 5)
            if one_line:
                yield put("no type", item.name.span.end, "", item.type.span.end)
        case ast.LimitStatement():
            yield put("limti", start, "limti", start + 5)
            yield put("limit twice", item.span.end, " 3")
        case ast.OutputStatement():
            yield put("ouput", start, "ouput", start + 6)
            yield put("unknown name", item.value.span.start, "no_such_name_at_all", item.value.span.end)
        case ast.Binding():
            yield put("= =", item.value.span.start, "= ")
            if one_line and "with" not in text[start:end]:
                yield put(":=", item.name.span.end, " := ", item.value.span.start)
                yield put("a value more", end, " 3")
                yield put("a character", end, " @")
                yield put("a unit", item.value.span.start, "3minutos", item.value.span.end)
                yield put("a string left open", item.value.span.start, '"abc', item.value.span.end)
                if text[end - 1] in ")]}":
                    yield put("a bracket left open", end - 1, "", end)
                yield put("a closer too many", end, ")")
            yield put("let", start, "let ")
        case ast.ForStatement():
            yield put("of", item.source.span.start - 3, "of", item.source.span.start - 1)
        case _:
            pass


TEXTS = {path.name: path.read_text("utf-8") for path in PROGRAMS}
BREAKS = {name: breaks(text) for name, text in TEXTS.items()}
NAMES = [name for name in TEXTS if BREAKS[name]]
FOLDERS = {path.name: path.parent for path in PROGRAMS}


def errors(name: str, text: str) -> list[int]:
    found = compile_source(Source(name, text), folder=FOLDERS[name]).diagnostics
    return [d.primary.line for d in found if d.severity == "error" and d.primary is not None]


def broken(text: str, chosen: list[Break]) -> tuple[str, list[int]]:
    """The text with the changes, and the lines on which an error is to be."""
    lines = [text.count("\n", 0, one.at) + 1 for one in sorted(chosen, key=lambda one: one.start)]
    for one in sorted(chosen, key=lambda one: -one.start):
        text = text[: one.start] + one.text + text[one.end :]
    return text, lines


def test_the_ways_are_many() -> None:
    assert len({one.way for found in BREAKS.values() for one in found}) >= 18
    assert sum(map(len, BREAKS.values())) > 400


@pytest.mark.parametrize("name", NAMES)
def test_one_error_is_one_error(name: str) -> None:
    wrong: list[tuple[str, int, list[int]]] = []
    for one in BREAKS[name]:
        text, lines = broken(TEXTS[name], [one])
        found = errors(name, text)
        if found != lines:
            wrong.append((one.way, lines[0], found))
    assert wrong == []


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_each_error_is_reported_once(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    items = sorted({one.item for one in BREAKS[name]})
    count = data.draw(st.integers(1, min(3, len(items))))
    picked = data.draw(st.lists(st.sampled_from(items), min_size=count, max_size=count, unique=True))
    chosen = [data.draw(st.sampled_from([b for b in BREAKS[name] if b.item == item])) for item in picked]
    text, lines = broken(TEXTS[name], chosen)
    assert errors(name, text) == lines, text
