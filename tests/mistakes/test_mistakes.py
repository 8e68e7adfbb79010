"""A hundred programs with one mistake each: the first message is about it, on its line, and no other error follows.

Whole messages stand beside the programs. After a change: `pytest tests/mistakes --snapshot-update`, read the difference
and judge the verdicts in `mistakes.toml` again, then `python tests/mistakes/mistakes.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes import HERE, PAPER, Mistake, mistakes, names_line, paper
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

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
    assert (found[0].help is None) == (mistake.mend == "none")


def test_there_are_a_hundred_all_different() -> None:
    assert len(ALL) == 100
    assert sorted(p.stem for p in HERE.glob("*.csc")) == sorted(m.program for m in ALL)
    assert sorted(p.stem for p in HERE.glob("*.txt")) == sorted(m.program for m in ALL)
    assert len({m.what for m in ALL}) == len({m.right_text() for m in ALL}) == 100


def test_at_least_95_name_the_right_cause() -> None:
    assert sum(m.cause for m in ALL) >= 95


def test_the_paper_is_what_the_programs_say() -> None:
    assert PAPER.read_text("utf-8") == paper()
