"""What is refused before anything runs, and what an output may not replace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def cascade(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "cascade_dsl", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_amounts_that_cannot_be_are_refused_before_anything_runs(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "p.csc").write_text('task t(n: int) -> int { retry -1; sh "touch ran" }\noutput x = t(1)\n')
    assert cascade(tmp_path, "run", "p.csc", *words) == (
        2,
        "error[CSC330]: `t`: retry: a whole number from 0 is wanted, found the number -1\n"
        " --> p.csc:1:6\n"
        "  |\n"
        '1 | task t(n: int) -> int { retry -1; sh "touch ran" }\n'
        "  |      ^\n"
        "  |\n"
        "  = help: counts, amounts and durations in clauses are not negative, and not too large\n",
    )
    assert not (tmp_path / "ran").exists()


def test_a_dry_run_refuses_what_a_run_would(tmp_path: Path) -> None:
    (tmp_path / "p.csc").write_text('task t(n: int) -> int { requires cpu = 100000; sh "x" }\noutput x = t(1)\n')
    assert cascade(tmp_path, "run", "p.csc", "--dry-run") == cascade(tmp_path, "run", "p.csc")


def test_an_output_replaces_neither_its_input_nor_the_program(tmp_path: Path) -> None:
    program = 'task t(x: file) -> file = "p.csc" { sh "echo gone > {{out}}" }\noutput o = t(file("in"))\n'
    (tmp_path / "p.csc").write_text(program)
    (tmp_path / "in").write_text("kept")
    code, message = cascade(tmp_path, "run", "p.csc")
    assert (code, message.splitlines()[0]) == (
        1,
        "failed: o (t): output out: its path p.csc is that of the program, which it would replace",
    )
    assert (tmp_path / "p.csc").read_text() == program
    (tmp_path / "q.csc").write_text(program.replace("p.csc", "in"))
    code, message = cascade(tmp_path, "run", "q.csc")
    assert (code, message.splitlines()[0]) == (
        1,
        "failed: o (t): output out: its path in is that of an input, which it would replace",
    )
    assert (tmp_path / "in").read_text() == "kept"
