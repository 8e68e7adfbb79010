"""Locks, and which of a resource's units a task has: the real program, as its bodies see it."""

from __future__ import annotations

import os
import signal

from live_runs import Project

from cascade_dsl.ir.events import AttemptStarted

LOCK = """\
limit db 1

task write(i: int) -> int {
  requires cpu = 0.01, db
  sh "mkdir locked; echo $CASCADE_DB >> units; rmdir locked; echo {{i}}"  # allow: relative-write
}

output got = [write(i) for i in range(12)]
"""

GPUS = """\
limit gpu 4

task train(i: int, n: int) -> str {
  requires cpu = 0.01, gpu = n
  sh "cat gate/{{i}}; echo \\"$CASCADE_GPU $CUDA_VISIBLE_DEVICES\\""
}

task plain() -> str {
  requires cpu = 0.01, gpu = 0
  sh "echo \\"<$CASCADE_GPU> <$CUDA_VISIBLE_DEVICES>\\""
}

task other() -> str {
  requires cpu = 0.01
  sh "echo \\"<${CASCADE_GPU-unset}> <${CUDA_VISIBLE_DEVICES-unset}>\\""
}

task warm(i: int) -> list[str] {
  requires cpu = 0.01, gpu
  python \"\"\"
    import os
    return [os.environ["CASCADE_GPU"], os.environ["CUDA_VISIBLE_DEVICES"], str(need.gpu)]
  \"\"\"
}

a = train(0, 1)
b = train(1, 2)
c = train(2, 2)
output seen = [a, b, c]
output without = [plain(), other()]
output python = warm(1) after (a, b, c)
"""


def units(project: Project) -> list[tuple[str, str]]:
    """(node, its GPUs) of each start, in order."""
    names = project.names()
    return [
        (names[event.key], ",".join(map(str, dict(event.units).get("gpu", ()))))
        for _, event in project.of(AttemptStarted)
        if dict(event.units)
    ]


def test_a_lock_is_held_by_one_at_a_time(project: Project) -> None:
    project.write("lock.csc", LOCK)
    done = project.cascade("run", "lock.csc")
    assert (done.code, done.out) == (0, "got = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\n"), done.err
    assert project.lines("units") == ["0"] * 12


def begin(project: Project, **env: str) -> None:
    project.env.update(env)
    project.write("gpus.csc", GPUS)
    project.fifos(range(3))
    project.start("run", "gpus.csc", "--no-wait")
    project.wait_started(4)  # two of three trainings, and the two that have no GPU


def test_tasks_are_told_their_gpus_and_no_two_have_one(project: Project) -> None:
    project.env.pop("CUDA_VISIBLE_DEVICES", None)
    begin(project)
    project.open_gate(0)
    project.wait_started(5)
    project.open_gates()
    done = project.finish()
    assert done.out == (
        'seen = ["0 0", "1,2 1,2", "0,3 0,3"]\nwithout = ["<> <>", "<unset> <unset>"]\npython = ["0", "0", "1"]\n'
    ), done.err
    assert units(project) == [("a", "0"), ("b", "1,2"), ("c", "0,3"), ("python", "0")]


def test_gpus_have_the_names_that_the_run_was_given(project: Project) -> None:
    begin(project, CUDA_VISIBLE_DEVICES="2,5,GPU-8a,7")
    project.open_gate(0)
    project.wait_started(5)
    project.open_gates()
    done = project.finish()
    assert done.out == (
        'seen = ["0 2", "1,2 5,GPU-8a", "0,3 2,7"]\nwithout = ["<> <>", "<unset> <2,5,GPU-8a,7>"]\n'
        'python = ["0", "2", "1"]\n'
    ), done.err


def test_a_lowered_and_raised_limit_gives_nobody_what_another_has(project: Project) -> None:
    begin(project)
    assert project.cascade("limit", "gpu", "2").code == 0
    project.open_gate(0)
    assert project.cascade("limit", "gpu", "6").code == 0
    project.wait_started(5)
    project.open_gates()
    done = project.finish()
    assert done.code == 0, done.err
    (a, b, c, _) = (gpus for _, gpus in units(project))
    assert (a, b) == ("0", "1,2")
    assert c in ("0,3", "3,4"), "0 is free once its holder has ended"


def test_nothing_is_held_by_the_dead(project: Project) -> None:
    begin(project)
    (run,) = project.runs()
    os.kill(project.ps()["pid"], signal.SIGKILL)
    project.wait(lambda: not project.alive(), "the end of all of it")
    project.open_gates()
    project.start("continue", run, "--no-wait")
    done = project.finish()
    assert (done.code, done.err.count("error")) == (0, 0), done.err
    again = units(project)
    assert again[:2] == [("a", "0"), ("b", "1,2")]
    assert again[2:4] == [("a", "0"), ("b", "1,2")], "each has what is free: nothing is held by the dead"
