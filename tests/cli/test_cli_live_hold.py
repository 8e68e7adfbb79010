"""What fails is held, the program is edited while the run is on, and goes on with the new text: real processes."""

from __future__ import annotations

import os
import signal

import pytest
from live_runs import LiveRun, Project

from cascade_dsl.ir.events import AttemptFailed, AttemptStarted, Reloaded, Retried, RunEnded

PROGRAM = """\
param names: list[str] = ["oslo", "rome", "lima"]

task fetch(name: str) -> int {
  retry 1 backoff 1ms..1ms
  sh "test {{name}} != rome && echo 1"
}
task add(ones: list[int]) -> int { sh "echo {{len(ones)}}" }

pages = [fetch(n) for n in names]
output sum = add(pages)
"""

HELD = """\
held: pages[rome] (fetch): exit 1 (a test that is false exits with 1) after 2 attempts
  --> p.csc:9: pages = [fetch(n) for n in names]
  sh p.csc:5: test rome != rome && echo 1
  log: LOG
  waiting: 1 that needs it: sum
"""
WAITING = """\
waiting: one failed and is held, all else that could be done is done
  pages[rome]: exit 1
  help: mend what is wrong, in p.csc too, then in another terminal `cascade retry all`; Ctrl-C ends the run, \
`cascade continue` goes on with it
"""


def begin(project: Project, program: str = PROGRAM, *more: str) -> LiveRun:
    project.write("p.csc", program)
    run = project.start("run", "p.csc", "--on-failure", "hold", *more)
    wait_held(project, run)
    return run


def wait_held(project: Project, run: LiveRun, times: int = 1) -> None:
    project.wait(lambda: run.err.count("\n  help: mend what is wrong") == times, "a run that waits")


def edit(project: Project, old: str, new: str) -> None:
    text = (project.folder / "p.csc").read_text()
    assert old in text
    project.write("p.csc", text.replace(old, new))


def said(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.err) == (0, "")
    return done.out


def refused(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.out) == (2, "")
    return project.shown(done.err)


def test_what_fails_is_held_mended_and_retried_with_the_new_text(project: Project) -> None:
    run = begin(project)
    assert project.shown(run.err) == HELD + WAITING
    ps = project.ps()
    assert (ps["phase"], ps["nodes"]["held"], ps["nodes"]["done"], ps["nodes"]["waiting"]) == ("held", 1, 2, 1)
    assert [(f["name"], f["message"], f["held"]) for f in ps["held"]] == [("pages[rome]", "exit 1", True)]
    assert "  held: pages[rome]: exit 1\n" in said(project, "ps")
    edit(project, "!= rome", "!= rom")
    assert said(project, "retry", "pages.rome") == (
        "retry pages[rome] with the new text\n  fetch: body\n"
        "    - test {{name}} != rome && echo 1\n    + test {{name}} != rom && echo 1\n"
    )
    done = run.finish()
    assert (done.code, done.out) == (0, "sum = 3\n")
    assert project.shown(done.err) == (
        HELD + WAITING + "tester: retry pages[rome]; p.csc is read again: fetch (body)\ndone: 4 tasks done in TIMEs\n"
    )
    assert project.started() == {"pages[oslo]": 1, "pages[rome]": 3, "pages[lima]": 1, "sum": 1}
    seen = [(e.epoch, e.attempt) for _, e in project.of(AttemptStarted) if project.names()[e.key] == "pages[rome]"]
    assert seen == [(0, 1), (0, 2), (1, 1)]


def test_a_retry_without_an_edit_fails_and_is_held_again(project: Project) -> None:
    run = begin(project)
    assert said(project, "retry", "fetch", "--json") == (
        f'{{"run": "{project.runs()[0]}", "applied": true, "retried": ["pages[rome]"], "reloaded": false, "changes": [], '
        '"effect": "retry pages[rome]"}\n'
    )
    wait_held(project, run, 2)
    assert [e.held for _, e in project.of(AttemptFailed)] == [False, True, False, True]
    assert project.of(Reloaded) == []
    edit(project, "!= rome", "!= rom")
    said(project, "retry", "all")
    assert run.finish().code == 0


def test_what_is_held_is_held_after_a_kill(project: Project) -> None:
    run = begin(project)
    os.kill(project.ps()["pid"], signal.SIGKILL)
    assert run.finish().code != 0
    again = project.start("continue")
    wait_held(project, again)
    assert project.ps()["nodes"]["held"] == 1
    edit(project, "!= rome", "!= rom")
    said(project, "retry", "all")
    assert again.finish()[:2] == (0, "sum = 3\n")
    assert [e.number for _, e in project.of(Reloaded)] == [2]
    assert len(project.of(Retried)) == 1


def test_ctrl_c_ends_a_run_that_waits_and_continue_reload_goes_on(project: Project) -> None:
    run = begin(project)
    run.interrupt()
    done = run.finish()
    assert done.code == 130
    assert project.shown(done.err).endswith(
        "stopped: 2 tasks done, 1 held, 1 not run in TIMEs; `cascade continue` goes on\n"
        "  what is held stays held: `cascade continue`, and `cascade retry all` in another terminal\n"
    )
    edit(project, "!= rome", "!= rom")
    plain = project.cascade("continue", "--no-wait")
    assert plain.code == 1
    assert project.shown(plain.err) == (
        "p.csc has changed since: the run goes on with what it had; "
        "`cascade continue --reload` takes what stands there now\n"
        + WAITING
        + "failed: 2 tasks done, 1 held, 1 not run in TIMEs; `cascade log pages[rome]` shows more\n"
        "  what is held stays held: `cascade continue`, and `cascade retry all` in another terminal\n"
    )
    again = project.start("continue", "--reload")
    wait_held(project, again)
    assert again.err.startswith("p.csc is read again: fetch (body)\n")
    assert said(project, "retry", "all") == "retry pages[rome]\n"
    assert again.finish()[:2] == (0, "sum = 3\n")


def test_without_waiting_what_is_held_is_a_failure(project: Project) -> None:
    project.write("p.csc", PROGRAM)
    done = project.cascade("run", "p.csc", "--on-failure", "hold", "--no-wait", "--json")
    assert done.code == 1
    assert done.json["status"] == "failed"
    assert done.json["nodes"] == {"done": 2, "cached": 0, "failed": 0, "skipped": 0, "cancelled": 1, "held": 1}
    assert [(f["node"], f["held"], f["attempts"]) for f in done.json["failures"]] == [("pages[rome]", True, 2)]
    assert [(e.status, e.held) for _, e in project.of(RunEnded)] == [("failed", 1)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("retry", "pages.oslo"),
            "error[CSC620]: `pages[oslo]` is done\n  help: a new run runs it again where its text has changed\n",
        ),
        (
            ("retry", "sum"),
            "error[CSC620]: `sum` has not failed: it waits for its turn\n  help: `cascade ps` shows for what\n",
        ),
        (
            ("retry", "add"),
            "error[CSC620]: nothing of `add` is held: 1 waiting\n"
            "  help: what fails for good is held until it is retried; `cascade ps` shows the run\n",
        ),
        (
            ("retry", "pagse"),
            "error[CSC621]: nothing in this run is called `pagse`\n  help: did you mean `pages`?\n",
        ),
        (
            ("retry", "pages.oslo.x"),
            "error[CSC621]: nothing in this run is called `pages.oslo.x`\n  help: held are `pages[rome]`\n",
        ),
        (
            ("reload", "../p.csc"),
            "error[CSC553]: `ABOVE/p.csc` does not stand in the folder of the run, HERE\n"
            "  help: paths in a program are relative to its folder: put the file there\n",
        ),
    ],
)  # fmt: skip
def test_refusals(project: Project, words: tuple[str, ...], message: str) -> None:
    begin(project)
    above = str(project.folder.parent)
    assert refused(project, *words).replace(above, "ABOVE") == message


def test_under_another_policy_nothing_can_be_retried(project: Project) -> None:
    project.write(
        "p.csc", PROGRAM.replace("names]", "names]\nslow = wait()") + 'task wait() -> int { sh "cat gate/a" }\n'
    )
    project.fifos(["a"])
    run = project.start("run", "p.csc", "--keep-going")
    project.wait(lambda: "failed:" in run.err, "a failure")
    assert refused(project, "retry", "pages.rome") == (
        "error[CSC620]: `pages[rome]` has failed for good, and what needs it was skipped\n"
        "  help: let the run end and start a new one; with `--on-failure hold` what fails is held until it is retried\n"
    )
    assert refused(project, "retry", "all") == (
        "error[CSC620]: nothing in this run is held, cancelled or in backoff\n"
        "  help: this run is one with `--on-failure continue`; with `hold` what fails is held until it is retried\n"
    )
    assert refused(project, "retry", "slow") == (
        "error[CSC620]: `slow` runs now, attempt 1\n"
        "  help: wait for its end; what fails for good is held where the run is one with `--on-failure hold`\n"
    )
    run.interrupt()
    project.wait(lambda: "interrupted" in run.err, "the interrupt")
    assert refused(project, "retry", "slow") == (
        "error[CSC622]: the run RUN is ending: nothing new starts in it\n"
        "  help: when it has ended, `cascade continue` goes on with it; then retry\n"
    )
    project.open_gates()
    run.finish()


def test_what_waits_to_be_tried_again_is_tried_at_once(project: Project) -> None:
    project.write("p.csc", 'task t() -> int {\n  retry 1 backoff 1h..1h\n  sh "cat number"\n}\noutput x = t()\n')
    run = project.start("run", "p.csc")
    project.wait_started(1)
    project.wait(lambda: project.of(AttemptFailed), "a failure")
    project.write("number", "7\n")
    assert said(project, "retry", "all") == "retry x\n"
    assert run.finish()[:2] == (0, "x = 7\n")


# ---- reload ------------------------------------------------------------------------------------------------------

GATED = """\
limit task:work 1

task work(i: int) -> int {
  requires cpu = 0.1
  sh "echo {{i}} >> up; cat gate/{{i}}; echo {{i}}"  # allow: relative-write
}

got = [work(i) for i in range(4)]
output items = got
"""


def test_a_reload_says_what_changes_and_what_has_not_started_takes_it(project: Project) -> None:
    project.write("p.csc", GATED)
    project.fifos(range(4))
    run = project.start("run", "p.csc")
    project.wait_for("up", 1)
    project.open_gate(0)
    project.wait_for("up", 2)
    assert said(project, "reload") == "nothing that runs has changed\n"
    edit(project, "; echo {{i}}", "; echo {{i * 10}}")
    edit(project, "work 1", "work 3")
    told = (
        "work: body\n  - echo {{i}} >> up; cat gate/{{i}}; echo {{i}}\n"
        "  + echo {{i}} >> up; cat gate/{{i}}; echo {{i * 10}}\nlimits: task:work 1 → task:work 3\n"
        "  2 not started will take it; 1 running keep the old text; "
        "1 done stay as they are, a new run would run them again: got[0]\n"
    )
    assert said(project, "reload", "--dry-run") == told
    assert len(project.ps()["running"]) == 1
    assert said(project, "reload") == told
    project.wait_running(3)
    project.open_gates()
    assert run.finish()[:2] == (0, "items = [0, 1, 20, 30]\n")
    assert "tester: p.csc is read again: work (body), limits (task:work 1 → task:work 3)\n" in run.err
    assert len(project.of(Reloaded)) == 2
    assert "csc_1='20'" in said(project, "show-script", "got.2")
    assert "csc_1" not in said(project, "show-script", "got.1")
    picture = project.cascade("graph", "p.csc", "--run", "last")
    assert (picture.code, picture.err) == (0, "")


def test_what_a_live_run_cannot_take_is_refused_whole(project: Project) -> None:
    run = begin(project)
    edit(project, "!= rome", "!= rom")
    edit(project, "output sum = add(pages)", "output sum = add(pages)\noutput more = 2 + 1")
    message = (
        "error[CSC550]: `p.csc` has changed in a way that a run which is on cannot take\n"
        "  note: the output `more` is new\n"
        "  help: take these changes back, or let the run end and start a new one\n"
    )
    shown = refused(project, "reload")
    assert shown == message
    assert refused(project, "retry", "all") == shown
    assert project.of(Reloaded) == []
    assert project.of(Retried) == []
    assert said(project, "retry", "all", "--old-text") == "retry pages[rome]\n"
    wait_held(project, run, 2)
    project.write("p.csc", PROGRAM.replace("!= rome &&", "!= rome &&&&"))
    done = project.cascade("continue")
    assert done.code == 2
    run.interrupt()
    run.finish()
    project.write("p.csc", PROGRAM.replace("output sum", "output all"))
    assert refused(project, "continue", "--reload").startswith("error[CSC550]: `p.csc` has changed in a way")
    project.write("p.csc", PROGRAM + "task (\n")
    assert refused(project, "continue", "--reload").startswith("error[CSC0")
    assert [e.status for _, e in project.of(RunEnded)] == ["drained"]


def test_a_program_with_errors_is_refused_with_its_errors(project: Project) -> None:
    begin(project)
    edit(project, "{{name}} !=", "{{nam}} !=")
    shown = refused(project, "retry", "all")
    assert shown.startswith("error[CSC101]: there is no name `nam`\n")
    assert shown == refused(project, "reload")


def test_a_run_of_a_target_is_read_again_as_that_target(project: Project) -> None:
    run = begin(project, PROGRAM + "output other = add([1])\n", "pages")
    edit(project, "!= rome", "!= rom")
    assert "body" in said(project, "retry", "all")
    assert run.finish().code == 0


def test_demands_that_use_the_attempt_are_evaluated_again(project: Project) -> None:
    project.write(
        "p.csc",
        "task t() -> str {\n  requires mem = 10MB * attempt\n  timeout 10s * attempt\n  retry 2 backoff 1ms..1ms\n"
        '  sh "echo $CASCADE_MEM >> seen; test {{attempt}} = 3 && echo {{need.mem}}"  # allow: relative-write\n}\n'
        "output x = t()\n",
    )
    assert project.cascade("run", "p.csc")[:2] == (0, "x = 30000000\n")
    assert project.lines("seen") == ["10000000", "20000000", "30000000"]


def test_a_text_that_is_gone_is_named(project: Project) -> None:
    run = begin(project)
    edit(project, "!= rome &&", "!= rome  &&")
    said(project, "reload")
    run.interrupt()
    run.finish()
    text = project.folder / ".cascade" / "runs" / project.runs()[0] / "graph-2.json"
    text.write_text(text.read_text().replace("oslo", "Oslo"))
    assert refused(project, "continue") == (
        "error[CSC552]: a text that the run RUN took while it was on is gone or damaged: "
        "HERE/.cascade/runs/RUN/graph-2.json\n  help: run its file again\n"
    )


def test_a_demand_may_follow_what_the_last_attempt_was_measured_to_use(project: Project) -> None:
    project.write(
        "p.csc",
        "task t() -> bool {\n  requires mem = max(40MB, 4 * last.mem)\n  retry 3 backoff 1ms..1ms on killed\n"
        '  python """\n    import time\n    print("granted", need.mem)\n    held = bytearray(100_000_000)\n'
        "    for at in range(0, len(held), 4096):\n        held[at] = 1\n    time.sleep(1)\n    return need.mem > 40_000_000\n"
        '  """\n}\noutput more = t()\n',
    )
    done = project.cascade("run", "p.csc")
    assert (done.code, done.out) == (0, "more = true\n"), done.err
    (failed,) = [event for _, event in project.of(AttemptFailed)]
    assert failed.reason == "signal"
    assert failed.used is not None
    assert failed.used.peak_bytes > 40_000_000


def test_results_are_kept_under_the_text_that_made_them(project: Project) -> None:
    """What ran under the old text is made again by a new run, what ran under the new one is not."""
    project.write("p.csc", GATED)
    project.fifos(range(4))
    run = project.start("run", "p.csc")
    project.wait_for("up", 1)
    edit(project, "; echo {{i}}", "; echo {{i * 10}}")
    said(project, "reload")
    project.open_gates()
    assert run.finish()[:2] == (0, "items = [0, 10, 20, 30]\n")
    assert project.cascade("run", "p.csc")[:2] == (0, "items = [0, 10, 20, 30]\n")
    assert project.started() == {"got[0]": 1}
    edit(project, "{{i * 10}}", "{{i}}")
    assert project.cascade("run", "p.csc")[:2] == (0, "items = [0, 1, 2, 3]\n")
    assert project.started() == {"got[1]": 1, "got[2]": 1, "got[3]": 1}


def test_what_was_held_and_mended_is_not_done_again(project: Project) -> None:
    run = begin(project)
    edit(project, "!= rome", "!= rom")
    said(project, "retry", "all")
    assert run.finish()[:2] == (0, "sum = 3\n")
    assert project.cascade("run", "p.csc")[:2] == (0, "sum = 3\n")
    assert project.started() == {"pages[oslo]": 1, "pages[lima]": 1}
