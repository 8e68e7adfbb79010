"""Streaming over results, and what is left of a run whose engine, warden or both are killed with SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from typing import Any

import pytest
from live_runs import Done, LiveRun, Project, is_alive, wait_until

from cascade_dsl.ir.events import AttemptFinished, AttemptLost, AttemptStarted, RunContinued

STREAM = '''\
task find() -> list[int] {
  python "return list(range(4))"
}

task first(i: int) -> int {
  requires cpu = 0.1
  sh """
    if [ {{i}} = 3 ]; then cat gate/first > /dev/null; fi
    echo {{i}} >> first
    echo {{i}}
  """
}

task second(i: int) -> int {
  requires cpu = 0.1
  sh """
    echo {{i}} >> second
    i={{i}}
    echo $((i * 10))
  """
}

found = find()
ones = [first(i) for i in found]
twos = [second(i) for i in ones]
output result = twos
'''


def begun_and_ended(project: Project) -> dict[str, list[int]]:
    """Positions in the journal of the start and the end of each node."""
    events, names = project.events(), project.names()
    places: dict[str, list[int]] = {}
    for place, (_, event) in enumerate(events):
        if isinstance(event, AttemptStarted | AttemptFinished):
            places.setdefault(names[event.key], []).append(place)
    return places


@pytest.mark.parametrize(
    ("filter", "kept"), [("", [0, 1, 2, 3]), (" if i % 2 == 1", [1, 3])], ids=["all of them", "a filter"]
)
def test_the_second_stage_begins_before_the_first_ends(project: Project, filter: str, kept: list[int]) -> None:
    project.write("stream.csc", STREAM.replace("i in ones", f"i in ones{filter}"))
    project.fifos(["first"])
    project.start("run", "stream.csc")
    # The last of the first stage goes on only when a body of the second stage has run for each that went before.
    project.wait_for("second", len(kept) - 1)
    assert "3" not in project.lines("first")
    project.open_gate("first")
    assert project.finish()[:2] == (0, f"result = {[i * 10 for i in kept]}\n")
    places = begun_and_ended(project)
    last_of_first = places["ones[3]"][1]
    early = [f"twos[{i}]" for i in kept[:-1]]
    assert all(places[name][0] < last_of_first for name in early)
    assert places[f"twos[{kept[-1]}]"][0] > last_of_first
    assert set(project.started()) == {"found", *(f"ones[{i}]" for i in range(4)), *(f"twos[{i}]" for i in kept)}


COUNT = 24
CRASH = f'''\
limit task:first 5

task find() -> list[int] {{
  python "return list(range({COUNT}))"
}}

task first(i: int) -> page: file = "out/first-{{{{i}}}}.txt" {{
  requires cpu = 0.1
  sh """
    echo first-{{{{i}}}} >> ran
    if [ {{{{i}}}} -gt 9 ]; then cat gate/{{{{i}}}} > /dev/null; fi
    echo {{{{i}}}} > {{{{page}}}}
  """
}}

task second(page: file) -> copy: file {{
  requires cpu = 0.1
  sh """
    page={{{{page}}}}
    i=$(cat "$page")
    echo second-$i >> ran
    if [ $i = 7 ]; then cat gate/second > /dev/null; fi
    cp {{{{page}}}} {{{{copy}}}}
  """
}}

task third(copy: file) -> int {{
  requires cpu = 0.1
  python "return int(open(copy).read()) * 2"
}}

found = find()
ones = [first(i) for i in found]
twos = [second(p) for p in ones if stem(p) != "first-3"]
threes = [third(c) for c in twos]
output doubles = threes
output sum = sum(threes)
'''


def test_after_a_killed_engine_nothing_finished_runs_again(project: Project) -> None:
    project.write("crash.csc", CRASH)
    project.fifos([*range(COUNT), "second"])
    run = project.start("run", "crash.csc")
    project.wait_live()
    # 0 to 9 of the first stage are through (but 7, which is stuck in its second), 10 to 14 run and will not end.
    project.wait(
        lambda: (
            len([name for name in ends(project) if name.startswith("threes")]) == 8
            and project.ps()["nodes"]["running"] == 6
        ),
        "the middle of the run",
    )
    assert project.cascade("limit", "task:first", "3").out == "task:first 5 → 3: 5 running, drains to 3\n"
    assert project.cascade("limit", "task:third", "1").code == 0
    assert project.cascade("pause", "task:second").code == 0
    before = project.ps()
    os.kill(before["pid"], signal.SIGKILL)
    assert run.finish() == Done(
        128 + signal.SIGKILL,
        "",
        "tester: task:first 5 → 3: 5 running, drains to 3\n"
        "tester: task:third no limit → 1: 0 running, 1 more may start\n"
        "tester: task:second paused: 1 running go on, 0 waiting\n"
        "cascade: the engine was killed by SIGKILL (CSC520); finished work is kept: go on with `cascade continue`\n",
    )
    assert project.alive() == []
    finished = ends(project)
    assert (len(finished), set(finished.values())) == (1 + 10 + 8 + 8, {1})
    killed_at = len(project.events())
    ran = Counter(project.lines("ran"))

    project.start("continue")
    project.wait_live()
    project.wait_running(3)
    after = project.ps()
    assert after["run"] == before["run"] == project.runs()[0]
    assert in_force(after) == in_force(before)
    assert (after["paused"], after["nodes"]) == (
        ["task:second"],
        before["nodes"] | {"running": 3, "ready": before["nodes"]["ready"] + 3},
    )
    tail = [event for _, event in project.events()[killed_at:]]
    assert Counter(type(event) for event in tail) == {AttemptLost: 6, RunContinued: 1, AttemptStarted: 3}
    project.open_gates()
    assert project.cascade("resume").out == "resumed: task:second\n"
    done = project.finish()
    kept = [i * 2 for i in range(COUNT) if i != 3]
    assert (done.code, done.out) == (0, f"doubles = {kept}\nsum = {sum(kept)}\n")
    again = Counter(project.lines("ran")) - ran
    assert again == Counter([f"first-{i}" for i in range(10, COUNT)] + [f"second-{i}" for i in (7, *range(10, COUNT))])
    assert ends(project) == Counter(
        ["found", *(f"ones[{i}]" for i in range(COUNT))]
        + [f"{stage}[{i}]" for stage in ("twos", "threes") for i in range(COUNT) if i != 3]
    )
    assert sorted(os.listdir(project.folder / "out")) == sorted(f"first-{i}.txt" for i in range(COUNT))


def ends(project: Project) -> Counter[str]:
    """How often each node finished."""
    finished, names = project.of(AttemptFinished), project.names()
    return Counter(names[event.key] for _, event in finished)


def in_force(status: dict[str, Any]) -> dict[str, int | None]:
    return {pool["pool"]: pool["capacity"] for pool in status["pools"]}


QUICK = """\
limit cpu 8

task find() -> list[int] {
  python "return list(range(200))"
}

task first(i: int) -> page: file = "out/{{i}}.txt" {
  sh "echo first-{{i}} >> ran; if [ {{i}} = 199 ]; then cat gate/last; fi; echo {{i}} > {{page}}"
}

task second(page: file) -> int {
  python "open('ran', 'a').write('second-' + open(page).read()); return int(open(page).read())"
}

found = find()
pages = [first(i) for i in found]
got = [second(p) for p in pages if stem(p) != "3"]
output sum = sum(got)
"""


def test_killed_at_any_instant_twice(project: Project) -> None:
    project.write("quick.csc", QUICK)
    project.fifos(["last"])  # so that it cannot end before it is killed
    run = project.start("run", "quick.csc")
    for count in (90, 210):
        project.wait_for("ran", count)
        os.kill(project.ps()["pid"], signal.SIGKILL)
        assert run.finish().code == 128 + signal.SIGKILL
        finished, before = ends(project), project.started()
        ran = Counter(project.lines("ran"))
        assert set(finished.values()) == {1}
        run = project.start("continue")
        project.wait(lambda: project.of(RunContinued), "the run to go on")
    project.open_gates()
    done = project.finish()
    assert (done.code, done.out) == (0, f"sum = {sum(range(200)) - 3}\n")
    assert {
        name: count - before[name] for name, count in project.started().items() if name in finished
    } == dict.fromkeys(finished, 0)
    names = {f"first-{i}": f"pages[{i}]" for i in range(200)} | {f"second-{i}": f"got[{i}]" for i in range(200)}
    again = Counter(project.lines("ran")) - ran
    assert not {line for line in again if names[line] in finished}
    assert set(ends(project).values()) == {1}
    assert len(ends(project)) == 1 + 200 + 199


# ---- nothing outlives the run -----------------------------------------------------------------------------------

FAMILY = """\
limit cpu 16

task background() {
  sh "sleep 300 & sleep 300 & echo background >> up; wait"
}

task daemon() {
  sh "setsid sh -c 'echo daemon >> up; sleep 300 & sleep 300' > /dev/null 2>&1 & cat gate/never"
}

task ended() {
  sh "setsid sh -c 'echo ended >> up; sleep 300' > /dev/null 2>&1 & until grep -q ended up; do sleep 0.01; done"
}

task stubborn() {
  sh "trap '' TERM HUP INT; echo stubborn >> up; while :; do sleep 300; done"
}

task worker() {
  python '''
    import os, subprocess, time
    subprocess.Popen(["sleep", "300"])
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print("worker", file=open("up", "a"))
            time.sleep(300)
        os._exit(0)
    time.sleep(300)
  '''
}

background()
daemon()
ended()
stubborn()
worker()
"""


def begin_family(project: Project) -> tuple[LiveRun, int]:
    """All of the family is up: its run and the engine's process."""
    project.write("family.csc", FAMILY)
    project.fifos(["never"])
    run = project.start("run", "family.csc")
    project.wait_for("up", 5)
    engine = project.ps()["pid"]
    assert sorted(project.lines("up")) == ["background", "daemon", "ended", "stubborn", "worker"]
    assert len(project.alive()) >= 14
    return run, engine


def test_a_killed_engine_leaves_nothing(project: Project) -> None:
    run, engine = begin_family(project)
    os.kill(engine, signal.SIGKILL)
    assert run.finish().code == 128 + signal.SIGKILL
    assert project.alive() == []  # at once: the warden ends last


def test_a_killed_warden_leaves_nothing(project: Project) -> None:
    run, engine = begin_family(project)
    run.warden.kill()
    assert run.finish().code == -signal.SIGKILL
    wait_until(lambda: not project.alive() and not is_alive(engine), "the end of all")


def test_what_both_left_is_gone_after_the_next_start(project: Project) -> None:
    run, engine = begin_family(project)
    bystander = subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={**project.env, "CASCADE_RUN": "another"})
    for pid in (run.warden.pid, engine):
        os.kill(pid, signal.SIGSTOP)  # so that neither can act on the other's death
    for pid in (run.warden.pid, engine):
        os.kill(pid, signal.SIGKILL)
    run.warden.wait()
    wait_until(lambda: not is_alive(engine), "the end of the engine")
    left = project.alive()
    assert len(left) >= 12
    project.fifos(["next"], "gate2")
    project.write("next.csc", 'task look() { sh "cat gate2/next" }\nlook()\n')
    project.start("run", "next.csc")
    project.wait(lambda: len(project.runs()) == 2 and project.of(AttemptStarted), "the first start of the next run")
    assert [pid for pid in left if is_alive(pid)] == []
    assert bystander.poll() is None
    bystander.communicate()
    assert bystander.returncode == 0
    project.open_gate("next", "gate2")
    assert project.finish().code == 0
