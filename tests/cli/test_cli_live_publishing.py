"""A run that is killed with SIGKILL at each step of publishing: renames, exchanges, removals, and the commits around them.

Afterwards, whether the run is continued or the program run anew, the result is whole and nothing foreign is gone.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from live_runs import BOUND_S, Project

from cascade_dsl.ir.events import AttemptFinished, PublishPlanned

PROGRAM = """\
param n: int = 3
task make(n: int) -> (
  parts: list[file] = "out/*.txt", log: file = "out/log-{{n}}", d: dir = "dir-{{n}}", site: dir = "site",
  note: file? = "note", here: list[file] = "here/*.txt", kept: file, boxes: list[dir] = "box/*"
) {   # allow: written-in-place
  SCRATCH
  python '''
    import os
    os.makedirs("out", exist_ok=True)
    for i in range(n):
        open(f"out/{i}.txt", "w").write(f"{i} of {n}\\n")
        os.makedirs(f"box/{i}")
        open(f"box/{i}/x", "w").write("x\\n")
    open(log, "w").write("log\\n")
    os.mkdir(d)
    open(d + "/x", "w").write("x\\n")
    os.mkdir(site)
    open(site + "/index", "w").write(f"{n}\\n")
    if n == 3:
        open(note, "w").write("note\\n")
    open(kept, "w").write("kept\\n")
    os.makedirs("here", exist_ok=True)
    open("here/1.txt", "w").write(f"{n}\\n")
  '''
}
m = make(n)
output parts = m.parts
"""
IN_PLACE = PROGRAM.replace("  SCRATCH\n", "").replace(', boxes: list[dir] = "box/*"', "").replace(
    '        os.makedirs(f"box/{i}")\n        open(f"box/{i}/x", "w").write("x\\n")\n', ""
)  # fmt: skip

DRIVER = """\
import os, shutil, signal, sys, threading
from cascade_dsl.cli.main import main
from cascade_dsl.ir.events import AttemptFinished, PublishPlanned
from cascade_dsl.runtime import publishing
from cascade_dsl.store import exchange
from cascade_dsl.store.journal import Journal

fatal, counted = int(sys.argv[1]), sys.argv[2]
inside = threading.local()
steps = 0

def step():
    global steps
    if steps == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    steps += 1

def watched(function):
    def call(*args, **named):
        if not getattr(inside, "here", False):
            return function(*args, **named)
        step()
        result = function(*args, **named)
        step()
        return result
    return call

for module, name in ((os, "rename"), (os, "unlink"), (os, "makedirs"), (shutil, "rmtree"), (exchange, "exchange")):
    setattr(module, name, watched(getattr(module, name)))

def carry_out(*args, original=publishing._carry_out):
    inside.here = True
    try:
        return original(*args)
    finally:
        inside.here = False

publishing._carry_out = carry_out

def commit(self, t_ns, events, *args, original=Journal.commit):
    matters = any(isinstance(event, PublishPlanned | AttemptFinished) for event in events)
    if matters:
        step()
    original(self, t_ns, events, *args)
    if matters:
        step()
        with open(counted, "w") as file:
            file.write(str(steps))

Journal.commit = commit
sys.exit(main(sys.argv[3:]))
"""


def text(folder: Path) -> dict[str, str]:
    """Every file of the project but its state, its program and what the test keeps."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name.split("/")[0] != ".cascade" and path.suffix not in (".csc", ".count"):
            found[name] = path.read_text()
    return found


def whole(n: int, *, scratch: bool) -> dict[str, str]:
    """What a run of the program publishes."""
    made = {f"out/{i}.txt": f"{i} of {n}\n" for i in range(n)}
    if scratch:
        made |= {f"box/{i}/x": "x\n" for i in range(n)}
    made |= {f"out/log-{n}": "log\n", f"dir-{n}/x": "x\n", "site/index": f"{n}\n", "here/1.txt": f"{n}\n"}
    return made | ({"note": "note\n"} if n == 3 else {})


@pytest.mark.parametrize(("scratch", "then"), [(True, "continue"), (False, "run")], ids=["continued", "run anew"])
def test_killed_on_the_way_of_publishing(project: Project, tmp_path: Path, scratch: bool, then: str) -> None:
    """At six instants from the first commit to the last; `tests/store` kills at every step of a plan."""
    program = PROGRAM.replace("SCRATCH", "in scratch") if scratch else IN_PLACE
    counted, template = tmp_path / "steps.count", tmp_path / "template"
    foreign = {"out/mine.txt.bak": "mine\n", "dir-3/mine": "mine\n", "box/mine": "mine\n"}
    project.write("p.csc", program)
    assert project.cascade("run", "p.csc").code == 0
    assert text(project.folder) == whole(3, scratch=scratch)
    for name, content in foreign.items():
        project.write(name, content)
    project.write("out/2.txt", "changed\n")
    before = text(project.folder)
    shutil.copytree(project.folder, template, symlinks=True)

    def run(fatal: int) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(project.folder)
        shutil.copytree(template, project.folder, symlinks=True)
        return subprocess.run(
            [sys.executable, "-c", DRIVER, str(fatal), str(counted), "run", "p.csc", "--n", "1"],
            cwd=project.folder, env=project.env, capture_output=True, text=True, timeout=BOUND_S,
        )  # fmt: skip

    done = run(-1)
    assert (done.returncode, done.stdout) == (0, 'parts = ["out/0.txt"]\n'), done.stderr
    assert text(project.folder) == after(scratch, foreign)
    steps = int(counted.read_text())
    assert steps >= 12
    planned = finished = 0
    for fatal in sorted({0, steps - 1, *range(1, steps, steps // 4)}):
        assert run(fatal).returncode == 128 + signal.SIGKILL
        if project.of(PublishPlanned):
            planned += 1
        elif scratch:
            assert text(project.folder) == before  # nothing is touched before the plan
        if project.of(AttemptFinished):
            finished += 1
            assert text(project.folder) == after(scratch, foreign)
        again = project.cascade(*(("continue",) if then == "continue" else ("run", "p.csc", "--n", "1")))
        assert (again.code, again.out) == (0, 'parts = ["out/0.txt"]\n'), again.err
        assert text(project.folder) == after(scratch, foreign)
        if then == "continue":
            assert list(project.folder.glob(".cascade/runs/*/scratch/*")) == []
    assert planned >= 3
    assert finished >= 1


def after(scratch: bool, foreign: dict[str, str]) -> dict[str, str]:
    """What there is when a run with n = 1 has followed one with n = 3: what was changed meanwhile stays."""
    return whole(1, scratch=scratch) | foreign | {"out/2.txt": "changed\n", "dir-3/x": "x\n"}
