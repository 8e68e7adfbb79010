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
    events, names = project.events(), project.names()
    return [names[event.key] for t_ns, event in events if t_ns == turn_ns and isinstance(event, AttemptStarted)]


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
    assert said(project, "limit", "task:work", "12") == "task:work 4 → 12: 10 running, 2 more may start, 30 waiting"
    assert follows(project, WordSet) == instances(10, 12)
    assert said(project, "limit", "task:work", "0") == "task:work 12 → 0: 12 running, nothing new starts"
    assert said(project, "pause", "task:work") == "task:work paused: 12 running go on, 28 waiting"
    assert said(project, "unlimit", "task:work") == ("task:work 0 → 10: 12 running, drains to 10; it is paused")
    assert follows(project, WordDropped) == []
    assert project.cascade("limit", "task:work", "20", "--json") == Done(
        0,
        '{"run": "' + run + '", "scope": "task:work", "applied": true, "before": {"hold": 10, "pause": 0}, '
        '"after": {"hold": 20, "pause": 0}, "running": 12, "waiting": 28, '
        '"effect": "task:work 10 → 20: 12 running, 8 more may start, 28 waiting; it is paused"}\n',
        "",
    )
    assert follows(project, WordSet) == []
    assert project.cascade("resume", "task:work", "--json").json == {
        "run": run,
        "scope": "task:work",
        "applied": True,
        "before": {"hold": 20, "pause": 0},
        "after": {"hold": 20},
        "running": 12,
        "waiting": 28,
        "effect": "task:work resumed: 12 running, 28 waiting, its limit of 20 stands",
        "thawed": 0,
        "frozen": 0,
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
    project.open_gates()
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


REFUSED = {
    "task:wrk 3": """\
error[CSC302]: no task matches `wrk`
 --> <limit>:1:1
  |
1 | task:wrk 3
  | ^^^^^^^^
  |
  = help: did you mean `task:work`?
""",
    "task:work -3": """\
error[CSC303]: an amount cannot be negative
 --> <limit>:1:11
  |
1 | task:work -3
  |           ^^
  |
  = help: 0 lets nothing start, `none` takes the limit back
""",
    "mem 3": """\
error[CSC306]: `mem` is measured in bytes, `3` has no unit
 --> <limit>:1:5
  |
1 | mem 3
  |     ^
  |
  = help: write `3GB` or `3MB`
""",
}


def test_bad_sentences_are_refused_and_change_nothing(project: Project) -> None:
    begin(project, PROGRAM.replace("limit task:work 10", "limit task:work 10 hard"))
    before = project.ps()
    journal = project.events()
    for sentence, message in REFUSED.items():
        assert project.cascade("limit", *sentence.split()) == Done(2, "", message)
    for verb in ("unlimit", "pause", "resume"):
        done = project.cascade(verb, "task:wrk")
        assert done == Done(2, "", REFUSED["task:wrk 3"].replace("task:wrk 3", "task:wrk"))
    assert project.cascade("limit", "task:work", "11") == Done(
        2,
        "",
        "error[CSC350]: the file limits `task:work` to 10 hard: it can be lowered, not raised\n"
        "  help: stay at or below that, or take `hard` away where it stands, in the file or in `cascade.toml`, and run it again\n",
    )
    assert project.ps() == before
    assert project.events() == journal


def test_without_a_live_run_words_are_for_nobody(project: Project) -> None:
    assert project.cascade("limit", "task:work", "3") == Done(
        4, "", "error[CSC604]: there is no live run\n  help: start one with `cascade run`\n"
    )
    assert project.cascade("pause", "--run", "20200101-000000-abc") == Done(
        4,
        "",
        "error[CSC604]: there is no live run `20200101-000000-abc`\n  help: `cascade ps` lists the live runs\n",
    )
    assert project.cascade("ps") == Done(0, "", "no live run\n")


def test_of_two_live_runs_one_must_be_named(project: Project) -> None:
    begin(project)
    project.write("other.csc", 'task idle() { sh "cat gate/other" }\nidle()\n')
    project.fifos(["other"])
    second = project.start("run", "other.csc")
    newer, older = project.wait_live(2)
    ids = (newer["run"], older["run"])
    listed = Done(
        2,
        "",
        f"error[CSC605]: there are 2 live runs\n  note: {ids[0]}: other.csc\n  note: {ids[1]}: work.csc\n"
        "  help: say which one is meant: --run ID\n",
    )
    journals = [project.events(run) for run in ids]
    assert project.cascade("limit", "task:work", "3") == listed
    assert project.cascade("pause") == listed
    assert [project.events(run) for run in ids] == journals
    assert project.cascade("limit", "task:work", "3", "--run", ids[1]) == Done(
        0, "task:work 10 → 3: 10 running, drains to 3\n", ""
    )
    assert project.cascade("pause", env={"CASCADE_RUN": ids[0]}) == Done(
        0, "global paused: 1 running go on, 0 waiting\n", ""
    )
    assert [project.events(run)[: len(journal)] for run, journal in zip(ids, journals, strict=True)] == journals
    assert [len(project.events(run)) - len(journal) for run, journal in zip(ids, journals, strict=True)] == [1, 1]
    project.open_gate("other")
    assert second.finish().code == 0
    assert [run["run"] for run in project.wait_live()] == [ids[1]]
    assert said(project, "unlimit", "task:work") == "task:work 3 → 10: 10 running, 0 more may start, 30 waiting"


PLAIN = {"amount": None, "per_ns": None, "burst": None, "tokens": None, "by": "", "key": None, "keys": None}
"""What a pool says of itself that has no rate and no keys."""


def test_ps_shows_pools_their_use_and_who_waits(project: Project) -> None:
    begin(project)
    project.cascade("limit", "task:work", "4")
    project.cascade("pause", "task:work")
    (run,) = project.runs()
    seen = project.ps()
    pools = {pool["pool"]: pool for pool in seen["pools"]}
    assert (seen["run"], seen["file"], seen["phase"]) == (run, "work.csc", "running")
    assert seen["nodes"] == {
        "waiting": 0, "ready": 30, "running": 10, "backoff": 0, "done": 0, "cached": 0, "failed": 0, "skipped": 0,
        "cancelled": 0, "stopped": 0, "held": 0, "frozen": 0, "open_ended": False,
    }  # fmt: skip
    assert pools["task:work"] == {
        "pool": "task:work", "kind": "hold", "dimension": "count", "capacity": 4, "taken": 10, "holders": 10,
        "waiting": 30, **PLAIN,
    }  # fmt: skip
    assert pools["pause task:work"] == {
        "pool": "pause task:work", "kind": "hold", "dimension": "count", "capacity": 0, "taken": 10, "holders": 10,
        "waiting": 30, **PLAIN,
    }  # fmt: skip
    assert [(r["name"], r["task"], r["attempt"]) for r in seen["running"]] == [
        (name, "work", 1) for name in instances(0, 10)
    ]
    assert seen["waits"] == [{"task": "work", "pool": "pause task:work", "count": 30, "starved": ""}]
    assert (seen["paused"], seen["failures"]) == (["task:work"], [])
    lines = project.cascade("ps").out.splitlines()
    assert project.shown(lines[0]).startswith("RUN  work.csc  running TIMEs, pid ")
    assert [line for line in lines[1:] if not line.startswith(("  cpu", "  gpu", "  mem"))] == [
        "  0/40 done, 10 running, 30 ready",
        f"  {'POOL':<9}  {'USE':<{width(lines)}}  WAITING",
        "  task:work  10 of 4",
        "  global     10 of 1000",
        "  paused task:work by tester; 30 work waiting",
        "  limit task:work 4 by tester",
    ]


def width(lines: list[str]) -> int:
    """How wide the column of use is: as wide as the memory of this machine makes it."""
    return lines[2].index("WAITING") - 2 - lines[2].index("USE")


def test_a_sentence_in_quotes_is_as_good_as_its_words(project: Project) -> None:
    begin(project)
    assert said(project, "limit", 'task:work 4 for 10m because "two words"') == (
        "task:work 10 → 4: 10 running, drains to 4, for 10 min, then 10 again"
    )
    assert said(project, "limit", "task:work", "2 for 5m") == (
        "task:work 4 → 2: 10 running, drains to 2, for 5 min, then 4 again"
    )
    assert said(project, "set", "task:work cpu=0.02", "--dry-run").startswith("task:work cpu 0.01 → 0.02: ")
    assert said(project, "priority", "task:work 5") == "priority of task:work 0 → 5: 30 waiting go first"
    for words in (("limit", "task:work"), ("limit", " "), ("set", "task:work"), ("priority", "task:work")):
        done = project.cascade(*words)
        assert (done.code, done.err[:16]) == (2, "error[CSC504]: `")
