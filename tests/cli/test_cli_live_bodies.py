"""Bodies that do what they should not: each a clear failure, the rest of the run unharmed."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from live_runs import Project

BAD = """\
param where: str = "../outside.txt"; param state: str = ".cascade/x"

task unwritten() -> page: file = "out/unwritten.txt" { sh "echo I forgot" }  # allow: output-not-named
task folder() -> page: file { sh "mkdir {{page}}" }
task raises() -> int { python "raise ValueError('no such luck')" }
task exits() -> int { python "import sys; sys.exit(9)" }
task exits_well() -> int { python "import os; os._exit(0)" }
task segfault() -> int { python "import ctypes; ctypes.string_at(0)" }
task misfit() -> int { python "return 'five'" }
task unserial() -> json { python "return {1, 2}" }
task not_a_number() -> int { sh "echo five" }
task not_text() -> str { sh "printf 'a\\\\377'" }
task missing() -> int { exec ["no-such-program", "x"] }
task missing_in_a_shell() -> int { sh "no-such-command x" }
task not_to_run() -> int { exec ["./data.txt"] }
task outside(to: str) -> page: file = "{{to}}" { sh "echo 1 > {{page}}" }
task into_state(to: str) -> page: file = "{{to}}" { sh "echo 1 > {{page}}" }
task same(i: int) -> page: file = "out/same-{{i // 2}}.txt" { sh "echo {{i}} > {{page}}" }
task in_nowhere() { in "nowhere"; sh "true" }
task fine(i: int) -> int { sh "echo {{i}}" }
task reads(page: file) -> str { sh "cat {{page}}" }

a = unwritten()
b = folder()
d = raises()
e = exits()
e2 = exits_well()
f = segfault()
g = misfit()
g2 = unserial()
h = not_a_number()
h2 = not_text()
i = missing()
j = missing_in_a_shell()
j2 = not_to_run()
k = outside(where)
k2 = into_state(state)
l = [same(n) for n in range(2)]
m = [fine(n) for n in range(5)]
n = in_nowhere()
skipped = reads(a)
output good = m
output never = skipped
"""

FAILURES = """\
failed: a (unwritten): the output `page` was not written
  --> bad.csc:23: a = unwritten()
  sh bad.csc:3: echo I forgot
  | I forgot
  log: LOG
  skipped: 1 that needs it: skipped
failed: b (folder): the output `page` is declared as a `file`, but a folder was written
  --> bad.csc:24: b = folder()
  sh bad.csc:4: mkdir HERE/.cascade/runs/RUN/scratch/3-page
  log: LOG
failed: d (raises): ValueError: no such luck, at bad.csc:5
  --> bad.csc:25: d = raises()
  | Traceback (most recent call last):
  |   File "bad.csc", line 5, in body
  |     raise ValueError('no such luck')
  | ValueError: no such luck
  log: LOG
failed: e (exits): exit 9
  --> bad.csc:26: e = exits()
  log: LOG
failed: e2 (exits_well): the body ended its process before it returned
  --> bad.csc:27: e2 = exits_well()
  log: LOG
failed: f (segfault): killed by SIGSEGV (it touched memory that is not its own)
  --> bad.csc:28: f = segfault()
  log: LOG
failed: g (misfit): the returned value does not fit int: expected int, found the text "five"
  --> bad.csc:29: g = misfit()
  log: LOG
failed: g2 (unserial): result is of type set, which JSON cannot say; give sorted(…)
  --> bad.csc:30: g2 = unserial()
  log: LOG
failed: h (not_a_number): its standard output does not fit int: expected int (a whole number), found the text "five"
  --> bad.csc:31: h = not_a_number()
  sh bad.csc:11: echo five
  log: LOG
failed: h2 (not_text): its standard output is not UTF-8 (byte 1), str is wanted
  --> bad.csc:32: h2 = not_text()
  sh bad.csc:12: printf 'a\\377'
  log: LOG
failed: i (missing): command not found: no-such-program
  --> bad.csc:33: i = missing()
  exec bad.csc:13: no-such-program x
  log: LOG
  help: is it installed, and in a folder of PATH?
failed: j (missing_in_a_shell): exit 127 (`no-such-command` was not found)
  --> bad.csc:34: j = missing_in_a_shell()
  sh bad.csc:14: no-such-command x
  | BASH: line 1: no-such-command: command not found
  log: LOG
  help: is it installed, and in a folder of PATH?
failed: j2 (not_to_run): cannot start ./data.txt: it is not executable
  --> bad.csc:35: j2 = not_to_run()
  exec bad.csc:15: ./data.txt
  log: LOG
  help: make it executable (`chmod +x`), or run it by its interpreter
failed: k2 (into_state): the output path `.cascade/x` is in `.cascade`, which is Cascade's own
  --> bad.csc:37: k2 = into_state(state)
failed: n (in_nowhere): the working directory HERE/nowhere does not exist
  --> bad.csc:40: n = in_nowhere()
  sh bad.csc:19: true
  log: LOG
failed: k (outside): the output path `../outside.txt` is not inside the project's folder
  --> bad.csc:36: k = outside(where)
failed: l[1] (same): it would publish out/same-0.txt, which l[0] publishes too
  --> bad.csc:38: l = [same(n) for n in range(2)]
failed: 6 tasks done, 17 failed, 1 skipped in TIMEs; `cascade log n` shows more
"""


def failures(text: str) -> list[str]:
    """What was said of each failure, sorted; the last line apart."""
    return sorted("failed: " + part for part in text.split("failed: ")[1:])


def test_bad_bodies_fail_clearly_and_alone(project: Project) -> None:
    project.write("bad.csc", BAD)
    project.write("data.txt", "not a program\n")
    done = project.cascade("run", "bad.csc", "--keep-going", "--limit", "global 1")
    assert (done.code, done.out) == (1, "good = [0, 1, 2, 3, 4]\n")
    assert failures(project.shown(done.err)) == failures(FAILURES.replace("BASH", shutil.which("bash") or "/bin/sh"))
    assert sorted(os.listdir(project.folder / "out")) == ["same-0.txt"]
    assert (project.folder / "out" / "same-0.txt").read_text() == "0\n"
    assert not (project.folder.parent / "outside.txt").exists()
    assert project.alive() == []


FLOOD = """\
task flood() -> int { sh "head -c 100000000 /dev/zero | tr '\\\\0' x >&2; echo the end >&2; echo 5" }
task value() -> str { sh "head -c 100000000 /dev/zero" }
task quiet() -> int { sh "echo 6" }
a = flood()
b = value()
c = quiet()
output flooded = a
output other = c
"""


def test_a_flood_keeps_its_ends(project: Project) -> None:
    project.write("flood.csc", FLOOD)
    done = project.cascade("run", "flood.csc", "-k")
    assert (done.code, done.out) == (1, "flooded = 5\nother = 6\n")
    assert project.shown(done.err) == (
        "failed: b (value): the value on standard output is larger than 64 MiB; write it to a file output\n"
        "  --> flood.csc:5: b = value()\n  sh flood.csc:2: head -c 100000000 /dev/zero\n"
        "  log: LOG\nfailed: 2 tasks done, 1 failed in TIMEs; `cascade log b` shows more\n"
    )
    log = project.cascade("log", "a").out
    assert len(log) < 17 * 1024 * 1024
    assert log.startswith("xxx")
    assert log.endswith("xthe end\n")
    assert "\n[… " in log


DAEMON = """\
task forks() -> int { sh "setsid sh -c 'echo $$ > pid; cat gate/never' > /dev/null 2>&1 & until [ -s pid ]; do sleep 0.01; done; echo 1" }
task in_group() -> int { sh "sh -c 'echo $$ > pid2; cat gate/never' > /dev/null 2>&1 & until [ -s pid2 ]; do sleep 0.01; done; echo 2" }
task check(a: int, b: int) -> str {
  sh "kill -0 $(cat pid) && echo daemon lives; kill -0 $(cat pid2) 2> /dev/null || echo its group is gone"
}
a = forks()
b = in_group()
output c = check(a, b)
"""


def test_a_daemon_lives_until_the_end_of_the_run_and_no_longer(project: Project) -> None:
    project.write("daemon.csc", DAEMON)
    project.fifos(["never"])
    done = project.cascade("run", "daemon.csc")
    assert (done.code, done.out) == (0, 'c = "daemon lives\\nits group is gone"\n')
    assert project.alive() == []


# ---- who may read what ------------------------------------------------------------------------------------------

PRIVATE = """\
task big() -> list[int] { python "return list(range(5000))" }
task kept() -> page: file { sh "echo 1 > {{page}}" }
task waits(ns: list[int], page: file) -> str { sh "cat gate/go; echo {{len(ns)}}" }
a = big()
b = kept()
output n = waits(a, b)
"""


def open_to_others(folder: Path) -> set[str]:
    """Paths below a folder, itself included, that others than their owner may touch."""
    return {
        str(path.relative_to(folder))
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    }


def test_the_state_of_a_run_is_its_owners_alone(project: Project) -> None:
    project.write("private.csc", PRIVATE)
    project.fifos(["go"])
    before = os.umask(0o000)
    try:
        run = project.start("run", "private.csc")
        project.wait_started(3)
    finally:
        os.umask(before)
    state = project.folder / ".cascade"
    assert list((state / "blobs").iterdir())
    (kept,) = (state / "store").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o400
    folder = state / "runs" / project.runs()[0]
    assert {path.name for path in folder.iterdir()} >= {"control.sock", "journal.db", "graph.json", "run.json", "lock"}
    assert open_to_others(state) == set()
    project.open_gate("go")
    assert run.finish()[:2] == (0, "n = 5000\n")
    assert open_to_others(state) == set()
