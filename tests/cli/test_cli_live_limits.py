"""Forty tasks that run and wait, and a second process that changes what is in force."""

from __future__ import annotations

import json

from live_runs import Done, Project

from cascade_dsl.ir.events import AttemptStarted, Event, ScopePaused, ScopeResumed, WordDropped, WordSet
from cascade_dsl.ir.requirement import Scope

PROGRAM = """\
limit task:work 10

task work(i: int) -> str {
  requires cpu = 0.01
  sh "cat gate/{{i}}; echo {{i}} >> ended; echo done-{{i}}"
}

got = [work(i) for i in range(40)]
output items = got
"""
ITEMS = f"items = {json.dumps([f'done-{i}' for i in range(40)])}\n"


def begin(project: Project, program: str = PROGRAM) -> None:
    """Ten of forty run and stay there until their gates are opened."""
    project.write("work.csc", program)
    project.fifos(range(40))
    project.start("run", "work.csc")
    project.wait_live()
    project.wait_running(10)


def follows(project: Project, kind: type[Event]) -> list[str]:
    """Who was started in the turn of the newest event of a kind."""
    turn_ns, _ = project.of(kind)[-1]
    names = project.names()
    return [
        names[event.key] for t_ns, event in project.events() if t_ns == turn_ns and isinstance(event, AttemptStarted)
    ]


def said(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.err) == (0, "")
    return done.out.rstrip("\n")


def instances(first: int, last: int) -> list[str]:
    return [f"got[{i}]" for i in range(first, last)]


def test_each_word_is_answered_with_its_effect_and_acts_in_the_same_turn(project: Project) -> None:
    begin(project)
    (run,) = project.runs()
    assert said(project, "limit", "task:work", "4") == "task:work 10 → 4: 10 running, drains to 4"
    assert follows(project, WordSet) == []
    assert said(project, "limit", "task:work", "12") == "task:work 4 → 12: 12 running, 0 more may start"
    assert follows(project, WordSet) == instances(10, 12)
    assert said(project, "limit", "task:work", "0") == "task:work 12 → 0: 12 running, nothing new starts"
    assert said(project, "pause", "task:work") == "task:work paused: 12 running go on, 28 waiting"
    assert said(project, "unlimit", "task:work") == ("task:work 0 → 10: 12 running, drains to 10; it is paused")
    assert follows(project, WordDropped) == []
    assert project.cascade("limit", "task:work", "20", "--json") == Done(
        0,
        '{"run": "' + run + '", "scope": "task:work", "applied": true, "before": {"hold": 10, "pause": 0}, '
        '"after": {"hold": 20, "pause": 0}, "running": 12, "waiting": 28, '
        '"effect": "task:work 10 → 20: 12 running, 8 more may start; it is paused"}\n',
        "",
    )
    assert follows(project, WordSet) == []
    assert project.cascade("resume", "task:work", "--json").json == {
        "run": run,
        "scope": "task:work",
        "applied": True,
        "before": {"hold": 20, "pause": 0},
        "after": {"hold": 20},
        "running": 20,
        "waiting": 20,
        "effect": "task:work resumed: 20 running, 20 waiting, its limit of 20 stands",
    }
    assert follows(project, ScopeResumed) == instances(12, 20)
    assert said(project, "pause") == "global paused: 20 running go on, 20 waiting"
    assert said(project, "pause", "task:work", "--because", "the API complains") == (
        "task:work paused: 20 running go on, 20 waiting"
    )
    assert [event for _, event in project.of(ScopePaused)] == [
        ScopePaused(scope=Scope("task", "work"), who="tester"),
        ScopePaused(scope=Scope("global"), who="tester"),
        ScopePaused(scope=Scope("task", "work"), who="tester", because="the API complains"),
    ]
    assert said(project, "unlimit", "task:work") == "task:work 20 → 10: 20 running, drains to 10; it is paused"
    assert said(project, "resume") == "resumed: global, task:work"
    assert said(project, "resume") == "nothing was paused"
    for i in range(40):
        project.open_gate(i)
    ended = project.finish()
    assert (ended.code, ended.out) == (0, ITEMS)
    assert set(project.started().values()) == {1}


def test_what_ends_is_replaced_only_below_the_limit(project: Project) -> None:
    begin(project)
    said(project, "limit", "task:work", "8")
    for i in range(2):
        project.open_gate(i)
    project.wait_running(8)
    assert sum(project.started().values()) == 10
    project.open_gate(2)
    project.wait_for("ended", 3)
    project.wait_started(11)
    assert project.ps()["nodes"]["running"] == 8
