"""What happens around a live run: its state is removed, the clock is set, the machine starts anew, a file system can less."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from live_runs import Project, is_alive, wait_until
from mounts import apart

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir.events import AttemptFailed, AttemptStarted, RunEnded
from cascade_dsl.store.claims import Claims
from cascade_dsl.store.runs import Project as State
from cascade_dsl.store.runs import instant_of, run_id

GATED = """\
task first(n: int) -> file = "out/first" { sh "echo up >> up; cat gate/first; echo {{n}} > {{out}}" }  # allow: relative-write
task second(f: file) -> file { sh "echo up >> up; cat gate/second; cat {{f}} > {{out}}" }  # allow: relative-write
task third(f: file) -> int { sh "echo up >> up; cat {{f}}" }  # allow: relative-write

param n: int = 7

one = first(n)
two = second(one)
output three = third(two)
"""


def begin(project: Project, gate: str = "first") -> None:
    project.write("p.csc", GATED)
    project.fifos(["first", "second"])
    project.start("run", "p.csc")
    project.wait_for("up")
    if gate == "second":
        project.open_gate("first")
        project.wait_for("up", 2)


# ---- somebody tidies up -----------------------------------------------------------------------------------------


def test_without_its_state_a_run_stops_with_a_sentence(project: Project) -> None:
    begin(project)
    run = project.runs()[0]
    shutil.rmtree(project.folder / ".cascade")
    done = project.finish()
    assert done.code == 2
    assert project.shown(done.err).replace(run, "RUN") == (
        "error[CSC741]: the journal `HERE/.cascade/runs/RUN/journal.db` was removed or replaced while the run was live: "
        "No such file or directory\n"
        "  note: the run was stopped; output files that it has published stay where they are\n"
        "  help: leave `.cascade` alone while a run is live; run the file again\n"
    )
    again = project.start("run", "p.csc")
    project.wait_for("up", 2)
    project.open_gates()
    assert again.finish()[:2] == (0, "three = 7\n")


def test_scratch_and_logs_that_are_removed_cost_what_was_in_them(project: Project) -> None:
    begin(project)
    folder = project.folder / ".cascade" / "runs" / project.runs()[0]
    shutil.rmtree(folder / "scratch")
    shutil.rmtree(folder / "logs")
    project.open_gate("first")
    done = project.finish()
    assert done.code == 1
    assert "failed: one (first): exit" in done.err
    assert "Traceback" not in done.err
    project.open_gates()
    assert project.cascade("run", "p.csc")[:2] == (0, "three = 7\n")


TIDY = '''\
task make() -> file = "out/made" {
  retry 1 backoff 1ms..1ms
  sh """
    if [ {{attempt}} = 1 ]; then rm -r .cascade/runs/*/scratch .cascade/runs/*/logs; else echo 5 > {{out}}; fi
  """
}
task use(f: file) -> int { sh "cat {{f}}" }
output n = use(make())
'''


def test_scratch_that_is_removed_is_there_for_who_starts_next(project: Project) -> None:
    project.write("p.csc", TIDY)
    assert project.cascade("run", "p.csc")[:2] == (0, "n = 5\n")
    ((_, failed),) = project.of(AttemptFailed)
    assert project.shown(failed.message).replace(project.runs()[0], "RUN") == (
        "the output `out` is gone: the folder `HERE/.cascade/runs/RUN/scratch` was removed while the body ran"
    )


def test_an_input_that_is_removed_from_the_store_is_named(project: Project) -> None:
    project.write(
        "p.csc",
        'task first() -> file { sh "echo 1 > {{out}}" }\n'
        'task second(f: file) -> int { sh "rm -rf .cascade/store; cat {{f}}" }\n'
        "output n = second(first())\n",
    )
    done = project.cascade("run", "p.csc")
    assert done.code == 1
    assert ", and its input .cascade/store/" in done.err
    assert " is gone" in done.err


# ---- clocks and starts of the machine ---------------------------------------------------------------------------

CLOCK = """\
import time
_real, _file = time.time_ns, {file!r}

def _offset():
    try:
        return int(open(_file).read())
    except (OSError, ValueError):
        return 0

time.time_ns = lambda: _real() + _offset() * 1_000_000_000
time.time = lambda: time.time_ns() / 1e9
"""


@pytest.mark.parametrize("step_s", [-86_400, 86_400], ids=["a day back", "a day ahead"])
def test_a_clock_that_is_set_while_a_run_is_live_and_before_it_goes_on(project: Project, step_s: int) -> None:
    offset = project.folder / "offset"
    site = project.write("site/sitecustomize.py", CLOCK.format(file=str(offset)))
    project.env["PYTHONPATH"] = os.pathsep.join([str(site.parent), *filter(None, [project.env.get("PYTHONPATH", "")])])
    begin(project)
    offset.write_text(str(step_s))
    project.open_gate("first")
    project.wait_for("up", 2)
    os.kill(project.ps()["pid"], signal.SIGKILL)
    assert project.finish().code == 128 + signal.SIGKILL
    offset.write_text(str(2 * step_s))
    project.start("continue")
    project.wait_for("up", 3)
    project.open_gates()
    assert project.finish()[:2] == (0, "three = 7\n")
    instants = [t_ns for t_ns, _ in project.events()]
    assert instants == sorted(instants)
    spread_s = (instants[-1] - instants[0]) / 1e9
    assert spread_s < 100 if step_s < 0 else 100_000 < spread_s < 300_000
    # A later run is the newest, whatever the clock says.
    assert project.cascade("run", "p.csc", "--n", "8")[:2] == (0, "three = 8\n")
    assert [e.status for _, e in project.of(RunEnded)] == ["done"]
    assert len(project.of(AttemptStarted)) == 3


def test_ids_go_up(tmp_path: Path) -> None:
    now_ns = 1_700_000_000_123_456_789
    assert run_id(instant_of(run_id(now_ns))) == run_id(now_ns)
    assert run_id(instant_of(run_id(now_ns)) - 1) < run_id(now_ns)
    state = State(tmp_path)
    made = [
        state.create(file="p", pid=1, warden=None, now_ns=at).id for at in (now_ns, now_ns, now_ns - 10**15, now_ns)
    ]
    assert made == sorted(set(made))
    assert [run.id for run in state.runs()] == made[::-1]


def test_after_a_restart_of_the_machine_it_says_how_far_the_journal_goes(project: Project) -> None:
    begin(project)
    os.kill(project.ps()["pid"], signal.SIGKILL)
    project.finish()
    info = project.folder / ".cascade" / "runs" / project.runs()[0] / "run.json"
    said = json.loads(info.read_text())
    info.write_text(json.dumps(said | {"boot": "another"}))
    project.start("continue")
    project.wait_for("up", 2)
    project.open_gates()
    done = project.finish()
    assert done[:2] == (0, "three = 7\n")
    assert done.err.startswith("the machine was started again meanwhile: the journal is complete up to 2")
    assert json.loads(info.read_text())["boot"] == said["boot"]


# ---- interrupts, and others in the project ----------------------------------------------------------------------


def test_an_interrupt_to_the_warden_alone_is_passed_on(project: Project) -> None:
    begin(project)
    run = project._started[-1]
    run.warden.send_signal(signal.SIGINT)
    project.wait(lambda: "interrupted: what runs ends" in run.err, "the first step")
    run.warden.send_signal(signal.SIGINT)
    assert run.finish().code == 130
    assert "interrupted: what runs is stopped; once more kills it" in run.err
    assert project.alive() == []


def test_one_interrupt_from_the_terminal_counts_once(project: Project) -> None:
    begin(project)
    run = project._started[-1]
    run.interrupt()  # to both
    project.wait(lambda: "interrupted: what runs ends" in run.err, "the first step")
    project.open_gates()
    done = run.finish()
    assert (done.code, done.err.count("interrupted:")) == (130, 1)


def test_a_killed_run_frees_the_path_that_another_waits_for(project: Project) -> None:
    begin(project)
    first = project._started[-1]
    (holder,) = project.wait_live()
    second = project.start("run", "p.csc", "--n", "8")
    project.wait(lambda: "waits: another live run publishes out/first" in second.err, "the second run to wait")
    assert len(project.lines("up")) == 1
    os.kill(holder["pid"], signal.SIGKILL)
    assert first.finish().code == 128 + signal.SIGKILL
    project.wait_for("up", 2)
    project.open_gates()
    assert second.finish()[:2] == (0, "three = 8\n")
    project.start("continue", holder["run"])
    assert project.finish()[:2] == (0, "three = 7\n")


def test_a_dead_run_is_cleared_once_and_told_dead(project: Project) -> None:
    begin(project)
    run = project._started[-1]
    engine = project.ps()["pid"]
    for pid in (run.warden.pid, engine):
        os.kill(pid, signal.SIGSTOP)
    for pid in (run.warden.pid, engine):
        os.kill(pid, signal.SIGKILL)
    run.warden.wait()
    wait_until(lambda: not is_alive(engine), "the end of the engine")
    left = project.alive()
    assert left
    blobs = project.folder / ".cascade" / "blobs"
    blobs.mkdir(exist_ok=True)
    (blobs / ".0011223344556677.tmp").write_text("half a value")
    project.write("other.csc", 'task t() -> int { sh "echo 1" }\noutput n = t()\n')
    assert project.cascade("run", "other.csc").code == 0
    assert not any(map(is_alive, left))
    assert os.listdir(blobs) == []
    info = project.folder / ".cascade" / "runs" / project.runs()[0] / "run.json"
    assert json.loads(info.read_text())["state"] == "dead"
    project.start("continue", project.runs()[0])
    project.wait_for("up", 2)
    project.open_gates()
    assert project.finish()[:2] == (0, "three = 7\n")
    assert json.loads(info.read_text())["state"] == "done"


# ---- file systems that can less ---------------------------------------------------------------------------------


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(CascadeError) as caught:
        State(tmp_path).create(file="p", pid=1, warden=None, now_ns=1)
    (only,) = caught.value.diagnostics
    assert only.code == "CSC742"
    assert only.message == f"the file system of `{tmp_path / '.cascade'}` has no locks: No locks available"
    assert only.help == "put the project's folder on a local disk, or mount the network file system with locks"
    monkeypatch.setattr(fcntl, "fcntl", none)
    with pytest.raises(CascadeError, match="CSC742"):
        Claims(tmp_path / "claims").take(["/x"])


READ_ONLY = """\
import os, subprocess, sys
folder, command = sys.argv[1], sys.argv[2:]
subprocess.run(["mount", "--bind", folder, folder], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
sys.exit(subprocess.run(command, cwd=folder).returncode)
"""


def test_a_project_that_cannot_be_written_is_checked_and_refused(project: Project) -> None:
    project.write("p.csc", 'task t() -> int { sh "echo 1" }\noutput n = t()\n')
    outside = [sys.executable, "-c", READ_ONLY, str(project.folder), sys.executable, "-m", "cascade_dsl"]

    def cascade(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*apart(), *outside, *words], env=project.env, capture_output=True, text=True)

    refused = cascade("run", "p.csc")
    assert (refused.returncode, project.shown(refused.stderr)) == (
        2,
        "error[CSC706]: `HERE/.cascade` cannot be written: Read-only file system\n"
        "  help: check that the project's folder is writable and its disk not full\n",
    )
    assert cascade("check", "p.csc").returncode == 0
    dry = cascade("run", "p.csc", "--dry-run")
    assert dry.returncode == 0, dry
