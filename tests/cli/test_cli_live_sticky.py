"""`--sticky` with the real program: the run has the limit now, the next one finds it in `cascade.toml`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_runs import Project

from cascade_dsl.ir.events import RunStarted, WordSet
from cascade_dsl.ir.requirement import Layer

PROGRAM = """\
limit task:work 4

task work(i: int) -> str {
  requires cpu = 0.01
  sh "cat gate/{{i}}; echo done-{{i}}"
}

output items = [work(i) for i in range(6)]
"""
MINE = """\
# What holds here.
limits = [
  "global 5",   # the small machine
]
"""


@pytest.fixture
def held(project: Project) -> Project:
    """Four of six tasks run and stay there until their gates are opened."""
    project.write("work.csc", PROGRAM)
    project.fifos(range(6))
    project.write("cascade.toml", MINE)
    project.start("run", "work.csc")
    project.wait_live()
    project.wait_running(4)
    return project


def said(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.err) == (0, "")
    return done.out.rstrip("\n")


def toml(project: Project) -> str:
    return (project.folder / "cascade.toml").read_text()


def configured(project: Project) -> list[tuple[str, int, bool]]:
    """The layer of the configuration of the newest run: scope, amount, hard."""
    ((_, begun),) = project.of(RunStarted)
    limits = [word.limit for word in begun.words if word.layer == Layer.CONFIG]
    return [(str(limit.scope), limit.amount, limit.hard) for limit in limits if isinstance(limit.amount, int)]


def test_the_run_has_it_now_and_the_next_one_from_its_start(held: Project) -> None:
    assert said(held, "limit", "task:work", "3", "hard", "--sticky", "--because", 'they "asked"') == (
        "task:work 4 → 3: 4 running, drains to 3; and in cascade.toml for runs to come"
    )
    wanted = MINE.replace("machine\n", 'machine\n  \'task:work 3 hard because "they \\"asked\\""\',\n')
    assert toml(held) == wanted
    ((_, live),) = held.of(WordSet)
    assert (live.word.limit.amount, live.word.limit.hard, live.word.limit.because) == (3, False, 'they "asked"')

    (run,) = held.runs()
    answer = held.cascade("limit", "global", "4", "--sticky", "--json")
    assert json.loads(answer.out) == {
        "run": run,
        "scope": "global",
        "applied": True,
        "before": {"hold": 5},
        "after": {"hold": 4},
        "running": 4,
        "waiting": 2,
        "effect": "global 5 → 4: 4 running, 0 more may start, 2 waiting; and in cascade.toml for runs to come",
        "sticky": "cascade.toml",
    }
    assert toml(held) == (wanted := wanted.replace("global 5", "global 4"))
    held.open_gates()
    assert held.finish().code == 0

    held.fifos(range(6), "gates")  # the same tasks, which are to run again
    held.write("work.csc", PROGRAM.replace("gate/", "gates/"))
    held.start("run", "work.csc")
    held.wait(lambda: len(held.runs()) == 2 and held.of(RunStarted), "the second run")
    assert configured(held) == [("global", 4, False), ("task:work", 3, True)]
    held.wait_running(3)
    assert held.ps()["nodes"]["ready"] == 3
    refused = held.cascade("limit", "task:work", "4", "--sticky")
    assert (refused.code, refused.err) == (
        2,
        "error[CSC350]: the project's configuration limits `task:work` to 3 hard: it can be lowered, not raised\n"
        "  help: stay at or below that, or take `hard` away where it stands, in the file or in `cascade.toml`, and run "
        "it again\n",
    )
    assert toml(held) == wanted
    assert said(held, "unlimit", "task:work", "--sticky") == (
        "task:work stays at 3: 3 running, 0 more may start, 3 waiting; and no more in cascade.toml"
    )
    assert toml(held) == MINE.replace("global 5", "global 4")
    assert said(held, "limit", "task:work", "none", "--sticky") == (
        "task:work stays at 3: 3 running, 0 more may start, 3 waiting; cascade.toml says nothing of it"
    )
    held.open_gates("gates")
    assert held.finish().code == 0


def test_hours_stay_and_what_ends_does_not(held: Project) -> None:
    answer = said(held, "limit", "task:work", "2", "from", "09:00", "to", "18:00", "mon-fri", "--sticky")
    assert answer.startswith("task:work ")
    assert answer.endswith("; and in cascade.toml for runs to come")
    wanted = MINE.replace("machine\n", 'machine\n  "task:work 2 from 09:00 to 18:00 mon-fri",\n')
    assert toml(held) == wanted
    for word, value in (("for", "10m"), ("until", "08:00")):
        refused = held.cascade("limit", "task:work", "1", f"--{word}", value, "--sticky")
        assert (refused.code, refused.err) == (
            2,
            f"error[CSC585]: a limit with `{word}` ends, and `--sticky` is for limits that stay\n"
            "  help: leave one of the two out; hours that come again may stay: `from 09:00 to 18:00`, and `cascade.toml` "
            f"may say `{word}` by hand: there it counts from the start of each run\n",
        )
    assert toml(held) == wanted
    assert len(held.of(WordSet)) == 1
    held.open_gates()
    held.finish()


def test_a_rehearsal_writes_nothing_and_says_the_same(held: Project) -> None:
    before = sorted(path.name for path in held.folder.iterdir())
    foreseen = held.cascade("limit", "task:work", "2", "--sticky", "--dry-run", "--json").json
    assert (foreseen["applied"], foreseen["sticky"]) == (False, "cascade.toml")
    assert (toml(held), held.of(WordSet)) == (MINE, [])
    assert sorted(path.name for path in held.folder.iterdir()) == before
    made = held.cascade("limit", "task:work", "2", "--sticky", "--json").json
    assert made == {**foreseen, "applied": True}
    assert toml(held) == MINE.replace("machine\n", 'machine\n  "task:work 2",\n')
    held.open_gates()
    held.finish()


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_file_that_is_wrong_or_cannot_be_written_refuses_the_change(held: Project, dry: tuple[str, ...]) -> None:
    wrong = 'limits = ["global 2", "task:work 10/sec"]\n'
    held.write("cascade.toml", wrong)
    refused = held.cascade("limit", "task:work", "2", "--sticky", *dry)
    assert (refused.code, refused.out, refused.err) == (
        2,
        "",
        "error[CSC588]: `cascade.toml` is wrong as it is: nothing is written into it, and no limit is changed\n"
        "  help: mend what is shown below, or leave `--sticky` out\n"
        "\n"
        "error[CSC324]: `/sec` is no unit of a rate\n"
        " --> cascade.toml:1:37\n"
        "  |\n"
        '1 | limits = ["global 2", "task:work 10/sec"]\n'
        "  |                                     ^^^\n"
        "  |\n"
        "  = help: did you mean `10/s`?\n"
        "\n"
        "2 errors\n",
    )
    assert toml(held) == wanted_text(held, wrong)
    (held.folder / "cascade.toml").unlink()
    Path(held.folder / "cascade.toml").symlink_to("gone/cascade.toml")
    refused = held.cascade("limit", "task:work", "2", "--sticky", *dry)
    assert (refused.code, refused.err) == (
        2,
        "error[CSC586]: `cascade.toml` cannot be written: No such file or directory\n"
        "  help: make it a file that can be written, or leave `--sticky` out and write the limit into `cascade.toml` by hand\n",
    )
    assert held.of(WordSet) == []
    held.open_gates()
    held.finish()


def wanted_text(project: Project, text: str) -> str:
    """The text, where no other file lies beside it."""
    assert [path.name for path in project.folder.iterdir() if ".new" in path.name] == []
    return text
