"""`cascade why`, `limits` and `ps` on a real run whose tasks wait at gates."""

from __future__ import annotations

import re

from live_runs import Done, LiveRun, Project

from cascade_dsl.ir.events import NoLongerStarved, Starved

PROGRAM = """\
limit task:work 2 because "two doors"

task work(i: int) -> str {
  requires cpu = 0.01, mem = 1MB
  sh "cat gate/{{i}}; echo done-{{i}}"
}
task tally(all: list[str]) -> int { python "return len(all)" }

got = [work(i) for i in range(6)]
output n = tally(got)
"""
_TIME = re.compile(r"\b\d+\.\ds\b")


def begin(project: Project) -> LiveRun:
    project.write("work.csc", PROGRAM)
    project.fifos(range(6))
    run = project.start("run", "work.csc")
    project.wait_live()
    project.wait_running(2)
    return run


def said(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.err) == (0, "")
    return _TIME.sub("0s", done.out.rstrip("\n"))


def test_why_of_nodes_of_a_live_run(project: Project) -> None:
    begin(project)
    assert said(project, "why", "got.4") == (
        "got[4] waits for task:work, for 0s\n"
        "  task:work: it needs 1, 0 of 2 free\n"
        "    held by got[0] (for 0s) and got[1] (for 0s)\n"
        "    2 others that wait for it come first\n"
        "    limit task:work 2: the file, line 1, because two doors; in force\n"
        "  it may start when enough of those that hold it have ended"
    )
    assert (
        said(project, "why", "got[0]") == "got[0] has been running for 0s; `cascade log got.0 -f` shows what it writes"
    )
    assert said(project, "why", "tally").splitlines()[0] == "n waits for got"
    assert said(project, "pause", "task:work", "--because", "lunch")
    assert said(project, "why", "got.4").splitlines()[:2] == [
        "got[4] waits: task:work is paused",
        "  paused task:work: tester, 0s ago, because lunch; `cascade resume task:work` lifts it",
    ]
    answer = project.cascade("why", "got.4", "--json").json
    assert answer["asked"] == "got.4"
    assert [one["pool"] for one in answer["node"]["waits_for"]] == ["pause task:work", "task:work"]
    assert answer["node"]["waits_for"][0]["pause"]["who"] == "tester"
    many = project.cascade("why", "work", "--json").json
    assert [(g["count"], g["first"]["state"]) for g in many["groups"]] == [(2, "running"), (4, "ready")]
    assert project.cascade("why", "got.9") == Done(
        2, "", "error[CSC660]: `got` has no item `got[9]`\n  help: it has `got[5]`, `got[4]`, `got[3]`\n"
    )
    assert project.cascade("why", "wrok") == Done(
        2, "", "error[CSC621]: nothing in this run is called `wrok`\n  help: did you mean `work`?\n"
    )


def test_limits_of_a_live_run(project: Project) -> None:
    begin(project)
    said(project, "limit", "task:work", "1", "--for", "10m", "--because", "they asked")
    shown = re.sub(r"until \S+ \(in [^)]*\)", "until T", said(project, "limits")).splitlines()
    at = next(n for n, line in enumerate(shown) if line.startswith("task:work"))
    assert shown[at].split() == ["task:work", "2", "of", "1", "4", "waiting"]
    assert shown[at + 1 : at + 3] == [
        "  limit task:work 1 for 10m: tester, 0s ago, until T, because they asked; in force",
        "  limit task:work 2: the file, line 1, because two doors; under another word",
    ]
    pools = {pool["pool"]: pool for pool in project.cascade("limits", "--json").json["pools"]}
    assert [(w["layer"], w["sentence"], w["standing"]) for w in pools["task:work"]["said"]] == [
        ("live", "limit task:work 1 for 10m", "in force"),
        ("file", "limit task:work 2", "under"),
    ]
    ps = said(project, "ps")
    assert "limit task:work 1 for 10m by tester: they asked, 9m" in ps
    assert "\n  memory: " in ps


def test_starved_is_told_once_and_taken_back(project: Project) -> None:
    run = begin(project)
    said(project, "limit", "mem", "500KB")
    assert said(project, "why", "got.3").splitlines()[0] == "got[3] is starved: work needs mem 1MB, the limit is 500KB"
    said(project, "limit", "cpu", "1")
    said(project, "unlimit", "mem")
    told = [line for line in run.err.splitlines() if line.startswith("starved")]
    assert told == [
        "starved: work needs mem 1MB, the limit is 500KB; `cascade limit mem 1MB` lets it start",
        "starved no more: work and mem",
    ]
    assert len(project.of(Starved)) == len(project.of(NoLongerStarved)) == 1


def test_of_no_run_it_is_said_where_to_look(project: Project) -> None:
    assert project.cascade("why", "got.4") == Done(
        4,
        "",
        "error[CSC604]: there is no live run\n"
        "  help: `why` asks a run that is on. Of one that is over, `cascade show` tells what became of its nodes; "
        "`cascade why-run got.4` tells why a node would run again, or not\n",
    )
