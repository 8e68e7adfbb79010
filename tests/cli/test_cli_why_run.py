"""`why-run`, `--explain` and `--dry-run`: each reason, as it is said after the edit that makes it.

The program is run once, for real; `why-run` is called in this process, by the words of its command line.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from bodies_at_hand import Workflow, names_of
from live_runs import Project
from syrupy.assertion import SnapshotAssertion

from cascade_dsl import api
from cascade_dsl.cli.dry import closing_line, dry_lines, line_of
from cascade_dsl.cli.main import main

PROGRAM = """\
param depth: int = 3
param cities: list[str] = ["oslo", "rome"]
k = 7

task fetch(city: str) -> page: file = "out/{{city}}.txt" {
  env { THREADS = "2" }
  sh \"\"\"
    cat in/{{city}}.txt > {{page}}
    echo {{city}} >> {{page}}
  \"\"\"
}
task count(page: file, n: int) -> json {
  cache by k
  python \"\"\"
    text = open(page).read()
    return len(text) * n
  \"\"\"
}
task rank(counts: list[json], pages: list[file]) -> table: file = "out/table.txt" {
  python "helpers.py:rank"
}
task long() -> str { sh "head -c 9000 /dev/zero | tr '\\\\0' x" }
task aged(n: int) -> int { cache 1h; sh "echo {{n}}" }
task fresh(n: int) -> int { cache off; sh "echo {{n}}" }
task say(n: int) { sh "echo {{n}}" }

pages = [fetch(c) for c in cities]
counts = [count(p, depth) for p in pages]
output table = rank(counts, pages)
text = long()
old = aged(1)
new = fresh(2)
said = say(3)
late = aged(4) after said
size_of = len(text) + depth
"""
HELPERS = """\
def base(counts):
    return sorted(counts)


def rank(counts, pages, table):
    with open(table, "w") as file:
        print(base(counts), len(pages), file=file)
"""
_AGE = re.compile(r"(?<=\()(?:\d+[dhms])+(?= ago\))|(?<=`cache 1h`: )(?:\d+[dhms])+")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a program that has been run."""
    work = Workflow(tmp_path_factory.mktemp("finished"))
    for city in ("oslo", "rome", "lima"):
        work.write(f"in/{city}.txt", f"{city} is a city\n")
    work.write("p.csc", PROGRAM)
    work.write("helpers.py", HELPERS)
    assert len(work.run().started) == 10
    return work.folder


@pytest.fixture
def run_before(finished: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same in a folder of its own: results stand where a project is moved or copied."""
    shutil.copytree(finished, project.folder, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("COLUMNS", "100")
    return project


Ask = Callable[..., str]


@pytest.fixture
def why_run(project: Project, capfd: pytest.CaptureFixture[str]) -> Ask:
    """`cascade why-run` with these words: all that it prints."""

    def ask(*words: str) -> str:
        code = main(["why-run", *words])
        out, err = capfd.readouterr()
        assert code == (2 if "error[" in err else 0)
        return project.shown(_AGE.sub("AGE", f"{out}{err}"))

    return ask


def foreseen(project: Project, explained: bool, options: api.RunOptions | None = None) -> list[str]:
    """What a dry run prints."""
    found = Workflow(project.folder).foresee(options)
    lines = [*dry_lines(found, explained), closing_line(found)]
    return [project.shown(_AGE.sub("AGE", line)) for line in lines]


def edit(project: Project, name: str, before: str, after: str) -> None:
    text = (project.folder / name).read_text()
    assert before in text
    project.write(name, text.replace(before, after))


def in_cache(project: Project, statement: str) -> None:
    with sqlite3.connect(project.folder / ".cascade" / "cache.db") as db:
        db.execute(statement)
    db.close()


def remove_values(project: Project) -> None:
    for blob in (project.folder / ".cascade" / "blobs").iterdir():
        blob.unlink()


Edit = Callable[[Project], object]
EDITS: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "nothing": (lambda p: None, ("table",)),
    "touched": (lambda p: (p.folder / "out/table.txt").touch(), ("table",)),
    "comments, layout, limits": (
        lambda p: edit(p, "p.csc", "task count", "limit task:count 3\n\n# counts\ntask   count"), ("counts",)
    ),
    "a body's line": (lambda p: edit(p, "p.csc", "* n", "* n + 1"), ("count",)),
    "several lines": (lambda p: edit(p, "p.csc", "    cat in", "    set -x\n    true\n    cat in"), ("pages.oslo",)),
    "a param": (lambda p: None, ("counts.0", "--depth", "4")),
    "an item": (lambda p: None, ("pages", "--cities", "oslo", "--cities", "lima")),
    "a value": (lambda p: edit(p, "p.csc", "k = 7", "k = 8"), ("counts[1]",)),
    "the environment": (lambda p: edit(p, "p.csc", 'THREADS = "2"', 'THREADS = "4"'), ("pages",)),
    "the environment, one more": (lambda p: edit(p, "p.csc", 'THREADS = "2"', 'THREADS = "2", MODE = "x"'), ("pages",)),
    "a function": (lambda p: edit(p, "helpers.py", "sorted(counts)", "sorted(counts)[:1]"), ("table",)),
    "a function's comment": (lambda p: edit(p, "helpers.py", "def base", "# why\ndef base"), ("table",)),
    "what is published where": (lambda p: edit(p, "p.csc", "out/{{city}}", "pages/{{city}}"), ("pages",)),
    "an output removed": (lambda p: (p.folder / "out/oslo.txt").unlink(), ("pages[oslo]",)),
    "outputs removed": (lambda p: shutil.rmtree(p.folder / "out"), ("pages",)),
    "an output changed": (lambda p: p.write("out/table.txt", "mine"), ("table",)),
    "an intermediate file": (lambda p: p.write("out/rome.txt", "mine\n"), ("counts",)),
    "what waits for it": (lambda p: p.write("out/rome.txt", "mine\n"), ("table",)),
    "its value lost": (remove_values, ("text",)),
    "its age": (lambda p: in_cache(p, "UPDATE results SET t_ns = t_ns - 7200000000000"), ("old",)),
    "what it was made from lost": (
        lambda p: (in_cache(p, "DELETE FROM recipes"), edit(p, "p.csc", "aged(1)", "aged(9)")), ("old",)
    ),
    "the cache lost": (lambda p: in_cache(p, "DELETE FROM results"), ("aged",)),
    "cache off": (lambda p: None, ("new",)),
    "no outputs": (lambda p: None, ("said",)),
    "after what runs": (lambda p: None, ("late",)),
    "what a value is made from": (remove_values, ("size_of",)),
    "a fault": (lambda p: edit(p, "p.csc", "fetch(c) for", 'fetch(c + str(1 // (depth - 3))) for'), ("pages[oslo]",)),
    "what needs a fault": (lambda p: edit(p, "p.csc", "k = 7", "k = 7 // (depth - 3)"), ("counts[0]",)),
    "an unknown name": (lambda p: None, ("tabel",)),
    "an unknown item": (lambda p: None, ("pages.paris",)),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_why(what: str, run_before: Project, why_run: Ask, snapshot: SnapshotAssertion) -> None:
    made, words = EDITS[what]
    made(run_before)
    assert why_run(*words) == snapshot


def test_as_a_document(run_before: Project, why_run: Ask, snapshot: SnapshotAssertion) -> None:
    edit(run_before, "p.csc", "* n", "* n + 1")
    assert why_run("counts.0", "p.csc", "--json") == snapshot


def test_where_nothing_was_run(
    project: Project, why_run: Ask, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    project.write("p.csc", PROGRAM)
    project.write("helpers.py", HELPERS)
    for city in ("oslo", "rome"):
        project.write(f"in/{city}.txt", "")
    monkeypatch.chdir(project.folder)
    assert why_run("table") == snapshot(name="no program")
    assert why_run("table", "p.csc") == snapshot(name="depends")
    assert why_run("pages", "p.csc") == snapshot(name="never ran")
    assert not (project.folder / ".cascade").exists()


def test_the_params_of_the_newest_run_are_taken_and_its_defaults_are_not(
    run_before: Project, why_run: Ask, snapshot: SnapshotAssertion
) -> None:
    Workflow(run_before.folder).run(depth=5)
    edit(run_before, "p.csc", '["oslo", "rome"]', '["oslo", "rome", "lima"]')
    assert why_run("counts") == snapshot


def test_a_dry_run_is_the_run_s_decision_and_writes_nothing(run_before: Project, snapshot: SnapshotAssertion) -> None:
    before = sorted(str(path) for path in run_before.folder.rglob("*"))
    edit(run_before, "p.csc", "* n", "* n + 1")
    assert foreseen(run_before, False) == snapshot(name="short")
    assert foreseen(run_before, True) == snapshot(name="explained")
    assert foreseen(run_before, True, api.RunOptions(force=("pages",))) == snapshot(name="forced")
    assert foreseen(run_before, True, api.RunOptions(force_all=True)) == snapshot(name="all forced")
    assert sorted(str(path) for path in run_before.folder.rglob("*")) == before


def test_a_dry_run_takes_in_what_a_killed_run_finished_and_leaves_the_index_as_it_is(run_before: Project) -> None:
    shutil.rmtree(run_before.folder / ".cascade")
    Workflow(run_before.folder).run()
    in_cache(run_before, "DELETE FROM results")
    in_cache(run_before, "DELETE FROM runs")
    index = run_before.folder / ".cascade" / "cache.db"
    before = index.read_bytes()
    found = Workflow(run_before.folder).foresee()
    assert names_of(found, "runs") == {"new", "said"}
    assert names_of(found, "depends") == {"late"}
    assert len(names_of(found, "cached")) == 7
    assert index.read_bytes() == before


def test_a_run_explains_itself(run_before: Project, snapshot: SnapshotAssertion) -> None:
    edit(run_before, "p.csc", "* n", "* n + 1")
    told: list[str] = []
    Workflow(run_before.folder).run(explain=lambda each: told.append(line_of(each)))
    assert sorted(run_before.shown(_AGE.sub("AGE", line)) for line in told) == snapshot


def test_explain_says_a_line_for_each_node_and_stands_in_the_document(run_before: Project) -> None:
    edit(run_before, "p.csc", "* n", "* n + 1")
    done = run_before.cascade("run", "p.csc", "pages", "counts", "--explain", "--json")
    assert {(each["node"], each["state"]) for each in done.json["explained"]} == {
        ("pages[oslo]", "cached"),
        ("pages[rome]", "cached"),
        ("counts[0]", "runs"),
        ("counts[1]", "runs"),
    }
    lines = [line for line in done.err.splitlines() if line.startswith(("pages", "counts"))]
    assert len(lines) == 4
    assert "counts[0] runs: body line 2 changed: `return len(text) * n` → `return len(text) * n + 1`" in lines
