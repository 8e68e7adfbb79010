"""Words with an end, hours and layers with the real program: what is answered, what a kill leaves, what refuses a run at its start."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime

import pytest
from live_runs import LiveRun, Project

from cascade_dsl.ir.events import RunStarted, WordExpired, WordSet
from cascade_dsl.ir.requirement import Layer, Limit

PROGRAM = """\
limit task:work 4 hard

task work(i: int) -> str {
  requires cpu = 0.01
  sh "cat gate/{{i}}; echo done-{{i}}"
}

output items = [work(i) for i in range(6)]
"""
MINUTE_NS = 60 * 10**9


def begin(project: Project, *options: str, program: str = PROGRAM, running: int = 4) -> LiveRun:
    project.write("work.csc", program)
    if not (project.folder / "gate").exists():
        project.fifos(range(6))
    run = project.start("run", "work.csc", *options)
    project.wait_live()
    project.wait_running(running)
    return run


def said(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.err) == (0, "")
    return done.out.rstrip("\n")


def end(project: Project) -> None:
    project.open_gates()
    assert project.finish().code == 0


# ---- what is answered -------------------------------------------------------------------------------------------


def test_what_a_word_with_an_end_stands_over_and_what_is_under_it(project: Project) -> None:
    begin(project)
    assert said(project, "limit", "task:work", "3", "for", "10m") == (
        "task:work 4 → 3: 4 running, drains to 3, for 10 min, then 4 again"
    )
    under = said(project, "limit", "task:work", "2")
    assert under.rpartition(" in ")[0] == "task:work stays at 3: 4 running, drains to 3; in force"
    minutes, word, *seconds = under.rpartition(" in ")[2].split(" ")
    assert (int(minutes), word) in ((10, "min"), (9, "min")), (under, seconds)  # it was 10 a moment ago
    assert said(project, "limit", "task:work", "1", "for", "2h") == (
        "task:work 3 → 1: 4 running, drains to 1, for 2 h, then 2"
    )
    assert said(project, "unlimit", "task:work") == "task:work 1 → 4: 4 running, 0 more may start, 2 waiting"
    end(project)


def test_hours_that_are_and_hours_that_are_not(project: Project) -> None:
    """The zone is one in which it is now about noon, whatever it is elsewhere."""
    behind = datetime.now(UTC).hour - 12
    project.env["TZ"] = f"XXX{behind:+d}"
    begin(project)
    assert said(project, "limit", "task:work", "3", "from", "18:00", "to", "06:00") == (
        "task:work stays at 4: 4 running, 0 more may start, 2 waiting; outside its window, in force from 18:00"
    )
    assert said(project, "limit", "task:work", "2", "from", "06:00", "to", "18:00") == (
        "task:work 4 → 2: 4 running, drains to 2, until 18:00, then 4 again"
    )
    assert said(project, "limit", "task:work", "9/h", "from", "06:00", "to", "18:00", "--because", "noon").startswith(
        "task:work no limit → 9/h: "
    )
    end(project)


def test_a_time_that_is_over_is_over_also_for_a_word_that_was_answered(project: Project) -> None:
    """A short time: the run waits for its end by itself, and starts what it held."""
    begin(project, "--limit", "task:work 2", running=2)
    assert said(project, "limit", "task:work", "1", "for", "200ms") == (
        "task:work 2 → 1: 2 running, drains to 1, for 200 ms, then 2 again"
    )
    project.wait(lambda: project.of(WordExpired), "the end of the word")
    ((t_ns, expired),) = project.of(WordExpired)
    ((_, given),) = project.of(WordSet)
    assert expired.until_ns == given.word.limit.until_ns
    assert t_ns >= expired.until_ns
    end(project)


# ---- a kill -----------------------------------------------------------------------------------------------------


def ends(project: Project) -> dict[str, list[tuple[int, int]]]:
    """By layer: amount and end of the words with an end, as the journal has them."""
    ((_, begun),) = project.of(RunStarted)
    words = [*begun.words, *(event.word for _, event in project.of(WordSet))]
    out: dict[str, list[tuple[int, int]]] = {}
    for word in words:
        limit: Limit = word.limit
        if limit.until_ns is not None and isinstance(limit.amount, int):
            out.setdefault(word.layer.name, []).append((limit.amount, limit.until_ns))
    return out


def test_words_keep_their_ends_over_a_kill(project: Project) -> None:
    run = begin(project, "--limit", "task:work 1 for 1h", running=1)
    ((began_ns, _),) = project.of(RunStarted)
    assert said(project, "limit", "task:work", "2", "for", "30m") == (
        "task:work 1 → 2: 1 running, 1 more may start, 5 waiting, for 30 min, then 1 again"
    )
    project.wait_running(2)
    ((given_ns, _),) = project.of(WordSet)
    before = ends(project)
    assert before == {
        Layer.COMMAND_LINE.name: [(1, began_ns + 60 * MINUTE_NS)],
        Layer.LIVE.name: [(2, given_ns + 30 * MINUTE_NS)],
    }
    os.kill(project.ps()["pid"], signal.SIGKILL)
    assert run.finish().code == 128 + signal.SIGKILL
    assert project.alive() == []

    project.start("continue")
    project.wait_live()
    project.wait_running(2)
    assert ends(project) == before
    pools = project.cascade("limits", "--json").json["pools"]
    (pool,) = [pool for pool in pools if pool["pool"] == "task:work"]
    assert pool["capacity"] == 2
    assert said(project, "unlimit", "task:work") == "task:work 2 → 1: 2 running, drains to 1"
    assert ends(project) == before
    project.open_gates()
    assert project.finish().code == 0
    assert project.of(WordExpired) == []


# ---- layers at the start ----------------------------------------------------------------------------------------


def test_what_the_file_holds_hard_is_raised_by_no_layer_at_the_start(project: Project) -> None:
    project.write("work.csc", PROGRAM)
    project.write("cascade.toml", '# ours\nlimits = [\n  "global 3",\n  "task:work 5",\n]\n')
    refused = project.cascade("run", "work.csc")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error[CSC350]: the file limits `task:work` to 4 hard: it can be lowered, not raised\n"
        " --> cascade.toml:4:4\n"
        "  |\n"
        '4 |   "task:work 5",\n'
        "  |    ^^^^^^^^^^^\n"
        " ::: work.csc:1:1\n"
        "  |\n"
        "1 | limit task:work 4 hard\n"
        "  | ----- the limit\n"
        "  |\n"
        "  = help: stay at or below that, or take `hard` away where it stands\n"
    )
    project.write("cascade.toml", 'limits = ["task:work 3 hard"]\n')
    refused = project.cascade("run", "work.csc", "--limit", "task:work 4")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error[CSC350]: the project's configuration limits `task:work` to 3 hard: it can be lowered, not raised\n"
        " --> cascade.toml:1:12\n"
        "  |\n"
        '1 | limits = ["task:work 3 hard"]\n'
        "  |            ---------------- the limit\n"
        "  |\n"
        "  = help: stay at or below that, or take `hard` away where it stands\n"
    )
    (project.folder / "cascade.toml").unlink()
    refused = project.cascade("run", "work.csc", "--limit", "task:work 5")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(
        "error[CSC350]: the file limits `task:work` to 4 hard: it can be lowered, not raised\n"
    )
    assert project.runs() == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("limits = [\n", "error[CSC581]: `cascade.toml` is no TOML: "),
        ('limts = ["global 3"]\n', "error[CSC582]: `cascade.toml` knows no `limts`\n --> cascade.toml:1:1\n"),
        ("limits = 3\n", "error[CSC583]: `limits` is a list of sentences\n --> cascade.toml:1:1\n"),
        ('limits = ["global 3", "global 4"]\n', "error[CSC584]: `global` has two limits of one kind\n --> cascade.toml:1:24\n"),
        ('limits = ["global 3/x"]\n', "error[CSC324]: `/x` is no unit of a rate\n --> cascade.toml:1:21\n"),
        ("\0", "error[CSC581]: `cascade.toml` is no TOML: "),
    ],
)  # fmt: skip
def test_a_wrong_configuration_refuses_the_run_before_anything_is_made(project: Project, text: str, first: str) -> None:
    project.write("work.csc", PROGRAM)
    project.write("cascade.toml", text)
    for words in (("run", "work.csc"), ("run", "work.csc", "--dry-run"), ("run", "work.csc", "--json")):
        refused = project.cascade(*words)
        assert refused.code == 2
        assert refused.err.startswith(first), refused.err
        assert "Traceback" not in refused.err
    (project.folder / "cascade.toml").unlink()
    (project.folder / "cascade.toml").mkdir()
    refused = project.cascade("run", "work.csc")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error[CSC580]: `cascade.toml` cannot be read: Is a directory\n")
    assert not (project.folder / ".cascade" / "runs").exists()


def test_each_layer_stands_over_those_below_it(project: Project) -> None:
    """The file says 4, the configuration 3, the command line 2, an operator 1; each taken away shows the one below."""
    program = PROGRAM.replace("4 hard", "4")
    project.write("cascade.toml", 'limits = ["task:work 3", "task:elsewhere 9"]\n')
    run = begin(project, "--limit", "task:work 2", program=program, running=2)
    assert "cascade.toml: not applicable here: `task:elsewhere 9`" in run.err
    assert said(project, "limit", "task:work", "1") == "task:work 2 → 1: 2 running, drains to 1"
    assert said(project, "unlimit", "task:work") == "task:work 1 → 2: 2 running, 0 more may start, 4 waiting"
    end(project)
    project.fifos(range(6), "gates")
    begin(project, program=program.replace("gate/", "gates/"), running=3)
    project.open_gates("gates")
    assert project.finish().code == 0
