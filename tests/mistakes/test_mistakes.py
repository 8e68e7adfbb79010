"""A hundred programs with one mistake each: the first message is about it, on its line, and no other error follows.

Whole messages stand beside the programs. After a change: `pytest tests/mistakes --snapshot-update`, read the difference
and judge the verdicts in `mistakes.toml` again, then `python tests/mistakes/mistakes.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mistakes import HERE, PAPER, Mistake, mistakes, names_line, paper
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from cascade_dsl.base.diagnostics import Diagnostic, Source
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.report.plain import render

ALL = mistakes()
each = pytest.mark.parametrize("mistake", ALL, ids=lambda m: m.program)


class Beside(SingleFileSnapshotExtension):
    """The messages, beside their program."""

    file_extension = "txt"
    _write_mode = WriteMode.TEXT

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(HERE)

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        return test_location.snapshot_name.split("[", 1)[1].removesuffix("]")

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        return Path(snapshot_location).parent == HERE


@each
def test_the_right_program_compiles(mistake: Mistake) -> None:
    compiled = mistake.compile_right()
    assert [render(d) for d in compiled.diagnostics] == []
    assert compiled.graph is not None


@each
def test_the_first_message_is_about_the_mistake_and_is_the_only_one(
    mistake: Mistake, snapshot: SnapshotAssertion
) -> None:
    found = mistake.compile_wrong().diagnostics
    assert found
    assert "\n\n".join(render(d) for d in found) + "\n" == snapshot(extension_class=Beside)
    assert names_line(found[0], mistake.line)
    assert found[0].code == mistake.code
    assert len(found) == 1
    assert found[0].help is not None or mistake.mend == "none"


def test_a_text_that_is_advised_put_in_its_place_mends_the_program() -> None:
    tried: list[str] = []
    left: dict[str, list[str]] = {}
    for mistake in ALL:
        first = mistake.compile_wrong().diagnostics[0]
        advised = re.fullmatch(r"(?:did you mean|write|loop over) `([^`]+)`\??", first.help or "")
        at = first.primary
        underlined = underline(first)
        if advised is None or at is None or "…" in advised[1] or not _PLAIN.fullmatch(underlined):
            continue
        text = advised[1]
        if underlined.startswith('"') and '"' not in text and text != underlined:
            text = f'"{text}"'
        lines = mistake.path.read_text("utf-8").split("\n")
        line = lines[at.line - 1]
        lines[at.line - 1] = line[: at.column - 1] + text + line[at.column - 1 + len(underlined) :]
        compiled = compile_source(Source("mended.csc", "\n".join(lines)), folder=HERE)
        tried.append(mistake.program)
        errors = [render(d) for d in compiled.diagnostics if d.severity == "error"]
        if errors and mistake.mend == "yes":
            left[mistake.program] = errors
    assert left == {}
    assert len(tried) >= 25


_PLAIN = re.compile(r"[^\n]*[\w$.{}\"\])-]")
"""Not a sign alone, such as the `=` of `timeout = 5m`, whose mend is the line."""


def underline(message: Diagnostic) -> str:
    """The text that a message underlines, on one line."""
    at = message.primary
    assert at is not None
    return at.source[0][at.column - 1 : at.end_column - 1] if at.line == at.end_line else ""


def test_there_are_a_hundred_all_different() -> None:
    assert len(ALL) == 100
    assert sorted(p.stem for p in HERE.glob("*.csc")) == sorted(m.program for m in ALL)
    assert sorted(p.stem for p in HERE.glob("*.txt")) == sorted(m.program for m in ALL)
    assert len({m.what for m in ALL}) == len({m.right_text() for m in ALL}) == 100


def test_at_least_95_name_the_right_cause() -> None:
    assert sum(m.cause for m in ALL) >= 95


def test_the_paper_is_what_the_programs_say() -> None:
    assert PAPER.read_text("utf-8") == paper()
