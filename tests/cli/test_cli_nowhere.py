"""A folder that is no more, a run that there is not, a name that is no text: each is said, with its exit code."""

from __future__ import annotations

import os
import subprocess

import pytest
from live_runs import COMMAND, Project


@pytest.mark.parametrize("words", ["history", "log x", "show-script x", "ps", "limit task:x 3", "cache ls", "run"])
def test_a_folder_that_was_removed_is_said(project: Project, words: str) -> None:
    script = f'mkdir gone && cd gone && rmdir ../gone && exec "$@" {words}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *COMMAND], cwd=project.folder, env=project.env, capture_output=True, text=True
    )
    if words == "run":
        assert done.stderr.startswith("error[CSC504]: `cascade run` needs FILE"), done.stderr
    else:
        assert done.stderr.startswith("error[CSC010]: the folder in which this was typed has been removed"), done.stderr
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "words", [["continue", "zzz"], ["show", "zzz"], ["log", "x", "--run", "zzz"], ["graph", "p.csc", "--run", "zzz"]]
)
def test_a_run_that_there_is_not_is_exit_4(project: Project, words: list[str]) -> None:
    project.write("p.csc", "output o = 1\n")
    assert project.cascade("run", "p.csc").code == 0
    done = project.cascade(*words)
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("error[CSC708]: there is no run `zzz` in ")


def test_of_a_program_that_was_not_run_there_is_no_last_run(project: Project) -> None:
    project.write("p.csc", "output o = 1\n")
    done = project.cascade("graph", "p.csc", "--run", "last")
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("error[CSC708]: `p.csc` was not run in this folder yet")


def test_a_name_that_is_no_utf_8_is_named(project: Project) -> None:
    (project.folder / os.fsdecode(b"a\xff.txt")).write_text("")
    project.write("p.csc", 'task t(f: file) -> int { sh "wc -c < {{f}}" }\noutput xs = [t(f) for f in glob("*.txt")]\n')
    done = project.cascade("run", "p.csc")
    assert done.code == 1
    assert r"`a\xff.txt` is no UTF-8: a path or text has to be" in done.err
