"""Priorities, demands, undo, the log of changes and what would be, told by real runs to a second process."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import Any

import pytest
from live_runs import Done, Project

from cascade_dsl.ir.events import AttemptStarted, DemandSet, Event, PrioritySet, Undone

PROGRAM = """\
limit task:work 2
limit mem 32GB

task work(i: int) -> int {
  requires mem = 1GB
  sh "cat gate/{{i}}; echo {{i}} $CASCADE_MEM $CASCADE_CPU {{need.mem}} >> seen; echo {{i}}"
}
task other(i: int) -> int { sh "cat gate/{{i}}; echo {{i}} other >> seen; echo {{i}}" }

works = [work(i) for i in range(5)]
others = [other(i) for i in range(5, 8)]
output all = [works, others]
"""
FLAGS = ("--because", "the API complains")


def begin(project: Project, *more: str) -> None:
    """Two of the five works run, all others too; each ends when its gate is opened."""
    project.write("p.csc", PROGRAM)
    project.fifos(range(8))
    project.start("run", "p.csc", "--limit", "cpu 5", *more)
    project.wait_live()
    project.wait_running(5)


def clocks(text: str) -> str:
    return re.sub(r"\d\d:\d\d:\d\d", "CLOCK", text)


def said(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.err) == (0, "")
    return clocks(done.out.rstrip("\n"))


def of_changes(project: Project) -> list[Event]:
    return [e for _, e in project.events() if isinstance(e, PrioritySet | DemandSet | Undone)]


def test_a_demand_is_set_foreseen_undone_and_logged(project: Project) -> None:
    begin(project)
    (run,) = project.runs()
    journal = project.events()
    foreseen = said(project, "set", "task:work", "mem=16GB", "cpu=1", "--dry-run", *FLAGS)
    assert foreseen == (
        "task:work mem 1GB → 16GB: 2 running keep 1GB, 3 waiting\ntask:work cpu stays 1: 2 running keep 1, 3 waiting"
    )
    dry = project.cascade("set", "task:work", "mem=16GB", "cpu=1", "-n", "--json")
    assert project.events() == journal, "what is foreseen leaves nothing"
    assert said(project, "set", "task:work", "mem=16GB", "cpu=1", *FLAGS) == foreseen
    assert dry.json == {
        "run": run,
        "scope": "task:work",
        "applied": False,
        "set": [
            {"what": "mem", "before": ["1GB"], "after": ["16GB"], "starved": ""},
            {"what": "cpu", "before": ["1"], "after": ["1"], "starved": ""},
        ],
        "running": 2,
        "waiting": 3,
        "effect": foreseen,
    }
    assert said(project, "set", "task:work", "gpu=9", "-n") == (
        "task:work gpu none → 9: 2 running keep 0, 3 waiting starve, the limit of gpu is 0; "
        "`cascade set task:work gpu=0` fits"
    )
    project.open_gate(0)
    project.wait_for("seen", 1)
    project.open_gate(2)
    project.wait_for("seen", 2)
    assert project.lines("seen") == ["0 1000000000 1 1000000000", "2 16000000000 1 16000000000"]
    assert said(project, "undo", "--dry-run") == (
        "undone: `set task:work mem=16GB cpu=1` (tester, CLOCK): "
        "task:work mem 16GB → 1GB: 2 running keep what they hold, 1 waiting\n"
        "task:work cpu stays 1: 2 running keep 1, 1 waiting"
    )
    assert said(project, "priority", "task:work", "5") == "priority of task:work 0 → 5: 1 waiting go first"
    assert said(project, "priority", "task:*", "-1", "-n") == "priority of task:* 5, 0 → -1: 1 waiting go later"
    shown = said(project, "ps")
    assert "  set task:work mem=16GB by tester: the API complains\n" in shown + "\n"
    assert "  priority task:work 5 by tester\n" in shown + "\n"
    before = project.ps()
    os.kill(before["pid"], signal.SIGKILL)
    project.finish()
    project.start("continue")
    project.wait_live()
    project.wait_running(5)
    assert said(project, "undo") == (
        "undone: `priority task:work 5` (tester, CLOCK): priority of task:work 5 → 0: 1 waiting go later"
    )
    undone = project.cascade("undo", "--json")
    assert {k: v for k, v in undone.json.items() if k not in ("effect", "undone")} == {
        "scope": "task:work",
        "set": [
            {"what": "mem", "before": ["16GB"], "after": ["1GB"], "starved": ""},
            {"what": "cpu", "before": ["1"], "after": ["1"], "starved": ""},
        ],
        "running": 2,
        "waiting": 1,
        "run": run,
        "applied": True,
        "expired": [],
    }
    assert undone.json["undone"]["what"] == "set task:work mem=16GB cpu=1"
    nothing = f"there is nothing to undo: no operator has changed the run {run}"
    help = "`cascade log` shows what was changed and what was taken back"
    assert project.cascade("undo") == Done(2, "", f"error[CSC650]: {nothing}\n  help: {help}\n")
    refusal = project.cascade("undo", "--json")
    assert refusal.json == {
        "status": "refused",
        "diagnostics": [{"code": "CSC650", "severity": "error", "message": nothing, "notes": [], "help": help}],
    }
    assert (refusal.code, "CSC650" in refusal.err) == (2, True)
    assert said(project, "log") == (
        "CLOCK  tester: set task:work mem=16GB cpu=1: 1GB; 1 → 16GB; 1, because the API complains; undone by tester CLOCK\n"
        "CLOCK  tester: priority task:work 5: 0 → 5; undone by tester CLOCK\n"
        "CLOCK  continued"
    )
    project.open_gates()
    assert project.finish().code == 0
    granted = [dict(e.granted).get("mem") for _, e in project.of(AttemptStarted) if e.granted]
    assert set(granted) == {16 * 10**9}
    log = said(project, "log", "--run", run)
    assert f"\nchanges\n{re.sub('^', '  ', log, flags=re.M)}\n" in clocks(project.cascade("show", run).out)


def of_any_time(answer: dict[str, Any]) -> dict[str, Any]:
    """But for the instants that depend on when a change was made."""
    kept = {name: value for name, value in answer.items() if name not in ("applied", "until")}
    return {**kept, "effect": re.sub(r"in force in .*", "in force in T", answer["effect"])}


def test_every_change_is_foreseen_as_it_is_answered_and_taken_back_in_turn(project: Project) -> None:
    begin(project)
    journal = project.events()
    steps = (
        ("limit", "task:work", "1", "for", "1h"),
        ("limit", "task:work", "4"),
        ("unlimit", "task:work"),
        ("pause", "task:work", *FLAGS),
        ("pause", "--for", "1h"),
        ("resume",),
        ("priority", "global", "3"),
        ("drain",),
    )
    for words in steps:
        before = project.events()
        foreseen = project.cascade(*words, "--dry-run", "--json")
        assert foreseen.code == 0
        assert foreseen.json["applied"] is False
        assert project.events() == before
        answered = project.cascade(*words, "--json").json
        assert of_any_time(answered) == of_any_time(foreseen.json)
        assert answered["applied"] is True
    assert len(project.events()) > len(journal)
    for verb, *rest in (("cancel",), ("cancel", "task:work"), ("retry", "all")):
        before = project.events()
        done = project.cascade(verb, *rest, "--dry-run", "--json")
        assert done.json["applied" if done.code == 0 else "status"] in (False, "refused")
        assert project.events() == before
    told = [said(project, "undo") for _ in steps]
    assert [re.sub(r" \(tester, CLOCK\)", "", line) for line in told] == [
        "undone: `drain`: the run goes on: 5 running",
        "undone: `priority global 3`: priority of global 3 → 0: 3 waiting go later",
        "undone: `resume`: paused again: task:work, global",
        "undone: `pause`: global resumed: 5 running, 3 waiting, its limit of 1000 stands",
        "undone: `pause task:work`: task:work resumed: 2 running, 3 waiting, its limit of 2 stands",
        "undone: `unlimit task:work`: task:work 2 → 1: 2 running, drains to 1",
        "undone: `limit task:work 4`: task:work stays at 1: 2 running, drains to 1",
        "undone: `limit task:work 1 for 1h`: task:work 1 → 2: 2 running, 0 more may start, 3 waiting",
    ]
    assert (
        said(project, "limit", "task:work", "2", "-n") == "task:work stays at 2: 2 running, 0 more may start, 3 waiting"
    )
    project.open_gates()
    assert project.finish().code == 0


@pytest.mark.parametrize("holds", [1, 2])
def test_a_retry_means_the_run_that_holds_the_node(project: Project, holds: int) -> None:
    project.write("a.csc", 'task bad() { sh "test -e mended" }\nbad()\n')
    project.write("b.csc", 'task idle() { sh "cat gate/0" }\nidle()\n')
    project.fifos([0])
    project.start("run", "b.csc")
    project.wait_live(1)
    for count in range(holds):
        run = project.start("run", "a.csc", "--on-failure", "hold")
        project.wait(lambda run=run: "help: mend" in run.err, "a held node")
        project.wait_live(2 + count)
    project.write("mended", "")
    done = project.cascade("retry", "bad")
    if holds == 1:
        assert done == Done(0, "retry bad\n", "")
        project.open_gates()
        return
    assert done.code == 2
    assert project.shown(done.err) == (
        "error[CSC605]: there are 2 live runs\n  note: RUN: a.csc\n  note: RUN: a.csc\n"
        "  help: say which one is meant: --run ID\n"
    )
    newest = project.runs()[-1]
    assert project.cascade("retry", "bad", "--run", newest, "-n", "--json").json["applied"] is False
    assert said(project, "retry", "bad", "--run", newest) == "retry bad"
    project.open_gates()


def test_what_cannot_be_undone_is_named_and_stands_in_the_way(project: Project) -> None:
    project.write(
        "a.csc", 'limit task:bad 3\ntask bad() { sh "test -e mended" }\nbad()\ntask w() { sh "cat gate/0" }\nw()\n'
    )
    project.fifos([0])
    run = project.start("run", "a.csc", "--on-failure", "hold")
    project.wait(lambda: "held: bad" in run.err, "a held node")
    assert said(project, "limit", "task:bad", "2") == "task:bad 3 → 2: 0 running, 2 more may start"
    project.write("mended", "")
    assert said(project, "retry", "bad") == "retry bad"
    refused = project.cascade("undo")
    assert clocks(refused.err) == (
        "error[CSC654]: the last change cannot be undone: `retry bad` (tester, CLOCK)\n"
        "  help: what was changed before it is not undone past it: `limit task:bad 2` (tester, CLOCK) is taken back "
        "by `cascade unlimit task:bad`\n"
    )
    assert refused.code == 2
    assert said(project, "log") == "CLOCK  tester: limit task:bad 2: 3 → 2\nCLOCK  tester: retry bad"
    project.open_gates()


def test_bad_words_are_refused_with_and_without_a_run(project: Project) -> None:
    for words, code, exit_code in (
        (("set", "task:x", "mem"), "CSC652", 2),
        (("set", "task:x", "mem=1GB"), "CSC604", 4),
        (("priority", "task:x", "high"), "CSC651", 2),
        (("priority", "task:x", "1"), "CSC604", 4),
        (("undo",), "CSC604", 4),
    ):
        done = project.cascade(*words, "--json")
        assert (done.code, [d["code"] for d in done.json["diagnostics"]]) == (exit_code, [code])
        assert f"error[{code}]" in done.err


def test_the_log_of_changes_is_of_a_run_that_is_there(project: Project) -> None:
    done = project.cascade("log", "--json")
    assert (done.code, done.json["status"]) == (2, "refused")
    project.write("p.csc", 'task t() { sh "true" }\nt()\n')
    assert project.cascade("run", "p.csc").code == 0
    (run,) = project.runs()
    assert project.cascade("log") == Done(0, "", f"nothing was changed in the run {run}\n")
    assert json.loads(project.cascade("log", "--json").out) == {"run": run, "changes": []}
    assert "`--follow` is of a node: cascade log NODE --follow" in project.cascade("log", "--follow").err
