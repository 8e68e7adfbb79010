"""Ctrl-C in three steps, other signals, what a failure does to the rest, stalls, timeouts, attempts."""

from __future__ import annotations

import os
import signal

import pytest
from live_runs import Done, LiveRun, Project

from cascade_dsl.ir.events import RunEnded

GATED = """\
limit task:work 2

task work(i: int) -> int {
  requires cpu = 0.1
  sh "echo {{i}} >> up; cat gate/{{i}}; echo {{i}} >> ended; echo {{i}}"  # allow: relative-write
}

got = [work(i) for i in range(5)]
output sum = sum(got)
"""

FIRST = "interrupted: what runs ends, nothing new starts; once more stops it\n"
SECOND = "interrupted: what runs is stopped; once more kills it\n"
THIRD = "interrupted: what runs is killed\n"


def statuses(project: Project) -> list[str]:
    return [event.status for _, event in project.of(RunEnded)]


def wait_said(project: Project, run: LiveRun, text: str) -> None:
    project.wait(lambda: run.err.endswith(text), f"{text!r} on stderr")


def begin_gated(project: Project) -> LiveRun:
    project.write("gated.csc", GATED)
    project.fifos(range(5))
    run = project.start("run", "gated.csc")
    project.wait_for("up", 2)
    return run


def test_the_first_interrupt_drains_and_continue_goes_on(project: Project) -> None:
    run = begin_gated(project)
    run.interrupt()
    wait_said(project, run, FIRST)
    assert project.ps()["phase"] == "draining"
    project.open_gate(0)
    project.open_gate(1)
    done = run.finish()
    assert (done.code, done.out) == (130, "")
    assert project.shown(done.err) == (
        FIRST + "stopped: 2 tasks done, 3 not run in TIMEs; `cascade continue` goes on\n"
    )
    assert (statuses(project), sorted(project.lines("ended"))) == (["drained"], ["0", "1"])
    project.open_gates()
    assert project.cascade("continue")[:2] == (0, "sum = 10\n")
    assert (statuses(project), sorted(project.lines("ended"))) == (["drained", "done"], ["0", "1", "2", "3", "4"])
    assert set(project.started().values()) == {1}


POLITE = GATED.replace('sh "', """sh "trap 'echo asked >> asked; exit 3' TERM; """).replace(
    "cat gate/{{i}};", "cat gate/{{i}} & wait;"
)


def begin_trapping(project: Project, program: str) -> LiveRun:
    project.write("gated.csc", program)
    project.fifos(range(5))
    run = project.start("run", "gated.csc")
    project.wait_for("up", 2)
    return run


def test_the_second_interrupt_asks_what_runs_to_end(project: Project) -> None:
    run = begin_trapping(project, POLITE)
    run.interrupt()
    wait_said(project, run, FIRST)
    assert project.lines("asked") == []
    run.interrupt()
    done = run.finish()
    assert (done.code, done.out) == (130, "")
    assert project.shown(done.err) == (
        FIRST + SECOND + "stopped: 0 tasks done, 5 not run in TIMEs; `cascade continue` goes on\n"
    )
    assert (statuses(project), project.lines("asked")) == (["cancelled"], ["asked", "asked"])
    assert project.alive() == []
    project.open_gates()
    assert project.cascade("continue")[:2] == (0, "sum = 10\n")


def test_the_third_interrupt_kills(project: Project) -> None:
    run = begin_trapping(project, POLITE.replace("trap 'echo asked >> asked; exit 3' TERM", "trap '' TERM"))
    run.interrupt()
    wait_said(project, run, FIRST)
    run.interrupt()
    wait_said(project, run, FIRST + SECOND)
    assert len(project.ps()["running"]) == 2  # asked, but they do not listen
    run.interrupt()
    done = run.finish()
    assert done.code == 130
    assert project.shown(done.err) == (
        FIRST + SECOND + THIRD + "stopped: 0 tasks done, 5 not run in TIMEs; `cascade continue` goes on\n"
    )
    assert project.alive() == []


@pytest.mark.parametrize("who", ["warden", "engine"])
def test_terminate_asks_what_runs_to_end_at_once(project: Project, who: str) -> None:
    run = begin_trapping(project, POLITE)
    os.kill(run.warden.pid if who == "warden" else project.ps()["pid"], signal.SIGTERM)
    done = run.finish()
    assert (done.code, done.out) == (130, "")
    assert project.shown(done.err) == (
        SECOND + "stopped: 0 tasks done, 5 not run in TIMEs; `cascade continue` goes on\n"
    )
    assert (statuses(project), project.lines("asked")) == (["cancelled"], ["asked", "asked"])


def test_a_run_outlives_its_terminal(project: Project) -> None:
    run = begin_gated(project)
    run.warden.send_signal(signal.SIGHUP)
    project.open_gates()
    assert run.finish()[:2] == (0, "sum = 10\n")


# ---- what a failure does to the rest ----------------------------------------------------------------------------

FAILURE = """\
limit task:step 2

task bad() -> int { sh "cat gate/bad; echo of bad; exit 7" }
task step(i: int) -> int {
  requires cpu = 0.1
  sh "trap 'echo asked >> asked; exit 3' TERM; echo {{i}} >> up; cat gate/{{i}} & wait; echo {{i}}"  # allow: relative-write
}
task after_bad(n: int) -> int { sh "echo {{n}}" }

wrong = bad()
steps = [step(i) for i in range(4)]
next = after_bad(wrong)
output sum = sum(steps)
output never = next
"""

FAILED = """\
failed: wrong (bad): exit 7
  --> failure.csc:10: wrong = bad()
  sh failure.csc:3: cat gate/bad; echo of bad; exit 7
  log: LOG
  skipped: 1 that needs it: next
"""
HINT = "  `--on-failure continue` would have run what does not need what failed\n"


@pytest.mark.parametrize(
    ("how", "code", "out", "last", "asked"),
    [
        (
            "finish",
            1,
            "",
            "failed: 2 tasks done, 1 failed, 1 skipped, 2 not run in TIMEs; `cascade log wrong` shows more\n" + HINT,
            0,
        ),
        (
            "continue",
            1,
            "sum = 6\n",
            "failed: 4 tasks done, 1 failed, 1 skipped in TIMEs; `cascade log wrong` shows more\n",
            0,
        ),
        (
            "cancel",
            1,
            "",
            "failed: 0 tasks done, 1 failed, 1 skipped, 4 not run in TIMEs; `cascade log wrong` shows more\n",
            2,
        ),
    ],
)
def test_on_failure(project: Project, how: str, code: int, out: str, last: str, asked: int) -> None:
    project.write("failure.csc", FAILURE)
    project.fifos(["bad", *range(4)])
    run = project.start("run", "failure.csc", "--on-failure", how)
    project.wait_for("up", 2)
    project.open_gate("bad")
    project.wait(lambda: run.err, "the failure")
    if how != "cancel":
        project.open_gates()
    done = run.finish()
    assert (done.code, done.out) == (code, out)
    assert project.shown(done.err) == FAILED + last
    assert len(project.lines("asked")) == asked
    assert project.alive() == []


def test_without_waiting_a_stall_is_an_end(project: Project) -> None:
    project.write(
        "stall.csc",
        'limit task:x 0\ntask x(i: int) -> int { sh "echo {{i}}" }\ntask y() -> int { sh "echo 1" }\n'
        "ones = [x(i) for i in range(3)]\nother = y()\noutput ones2 = ones\noutput b = other\n",
    )
    done = project.cascade("run", "stall.csc", "--no-wait")
    assert Done(done.code, done.out, project.shown(done.err)) == Done(
        3,
        "b = 1\n",
        "stalled: nothing runs and nothing can start\n  waiting for task:x (0 of 0): 3 x\n"
        "  help: `cascade limit SCOPE AMOUNT` from another terminal changes a limit; Ctrl-C ends the run\n"
        "stalled: 1 task done, 3 not run in TIMEs; nothing could start any more\n",
    )
    assert statuses(project) == ["stalled"]


def test_a_stalled_run_waits_for_an_operator(project: Project) -> None:
    project.write("stall.csc", 'limit task:x 0\ntask x() -> int { sh "echo 5" }\na = x()\noutput b = a\n')
    run = project.start("run", "stall.csc")
    project.wait(lambda: "stalled" in run.err, "the stall")
    assert project.cascade("limit", "task:x", "1").out == "task:x 0 → 1: 0 running, 1 more may start, 1 waiting\n"
    assert run.finish() == Done(0, "b = 5\n", run.err)
    assert project.shown(run.err) == (
        "stalled: nothing runs and nothing can start\n  waiting for task:x (0 of 0): 1 x\n"
        "  help: `cascade limit SCOPE AMOUNT` from another terminal changes a limit; Ctrl-C ends the run\n"
        "tester: task:x 0 → 1: 0 running, 1 more may start, 1 waiting\ndone: 1 task done in TIMEs\n"
    )


def test_a_timeout_asks_and_then_kills(project: Project) -> None:
    project.write(
        "slow.csc",
        "task slow(i: int) -> int {\n  timeout 1s\n  retry 1 backoff 1ms..2ms\n"
        '  sh "echo {{attempt}} >> tries-{{i}}; cat gate/never"\n}\n'
        "task stubborn() -> int {\n  timeout 1s\n"
        "  sh \"trap '' TERM; while :; do cat gate/never; done\"\n}\n"
        "a = slow(1)\nb = stubborn()\noutput c = a\noutput d = b\n",
    )
    project.fifos(["never"])
    done = project.cascade("run", "slow.csc", "--on-failure", "continue")
    assert (done.code, done.out) == (1, "")
    assert project.lines("tries-1") == ["1", "2"]
    assert project.shown(done.err) == (
        "failed: a (slow): took longer than its timeout of TIMEs after 2 attempts\n"
        "  --> slow.csc:10: a = slow(1)\n"
        "  sh slow.csc:4: echo 2 >> tries-1; cat gate/never\n"
        "  log: LOG\n"
        "  help: where it needs more time, raise `timeout` of the task\n"
        "failed: b (stubborn): took longer than its timeout of TIMEs\n"
        "  --> slow.csc:11: b = stubborn()\n"
        "  sh slow.csc:8: trap '' TERM; while :; do cat gate/never; done\n"
        "  log: LOG\n"
        "  help: where it needs more time, raise `timeout` of the task\n"
        "failed: 0 tasks done, 2 failed in TIMEs; `cascade log a` shows more\n"
    )


def test_attempts_are_counted_and_retries_hold_nothing(project: Project) -> None:
    project.write(
        "retry.csc",
        "task flaky() -> int {\n  retry 3 backoff 1ms..5ms on 75\n"
        '  sh "echo {{attempt}} >> tries; if [ {{attempt}} -lt 3 ]; then exit 75; fi; echo {{attempt}}"  # allow: relative-write\n}\n'
        'task fatal() -> int {\n  retry 3 backoff 1ms..5ms on 75\n  python "raise SystemExit(74 + attempt)"\n}\n'
        "a = flaky()\nb = fatal()\noutput c = a\noutput d = b\n",
    )
    done = project.cascade("run", "retry.csc", "-k")
    assert (done.code, done.out) == (1, "c = 3\n")
    assert project.lines("tries") == ["1", "2", "3"]
    assert project.shown(done.err) == (
        "failed: b (fatal): exit 76, not tried again after attempt 2 of 4\n"
        "  --> retry.csc:10: b = fatal()\n  log: LOG\n"
        "failed: 1 task done, 1 failed in TIMEs; `cascade log b` shows more\n"
    )
