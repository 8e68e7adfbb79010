"""`cascade show-script`: what it prints is run in a shell of its own, and must do what the run did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from live_runs import Project, wait_until

PROGRAM = '''
task t(name: str, words: list[str], n: int) -> (page: file = "out/{{n}}.txt", copy: file) {
  env { GREETING = "it's $(me)" }
  requires mem = 1MB
  sh """
    printf '%s\\n' "$PWD" "$GREETING" "$CASCADE_RUN" "$CASCADE_CPU $CASCADE_MEM" 'a {{name}}' {{words}} > {{page}}
    cat > {{copy}} <<END
    {{name}} $0
    END
    if [ {{n}} -lt 0 ]; then echo "line 6 ends it" >&2; exit 7; fi
  """
}
task posix(name: str, words: list[str]) -> str {
  shell "sh -eu"
  sh "printf '%s,' {{name}} {{words}}"
}
task apart(name: str) -> file {
  in scratch
  sh "echo {{name}} > here; cat here > {{out}}"
}
task plain(name: str) -> str { exec ["printf", "%s", name] }
task python_body() -> int { python "return 1" }
task long(name: str) -> str { sh "printf %s {{name}} | wc -c" }

param names: list[str] = ["x", "y"]
pages = [t(name, ["a b", "*", ""], i) for i, name in enumerate(["CASCADE_END\\nit's\\n", "plain"])]
p = posix("a\\nb'c", ["*", ""])
a = apart("in the folder")
e = plain("a  b'c")
j = python_body()
l = long(join(["0123456789" for _ in range(30000)], ""))
'''


def show(project: Project, node: str, *more: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "cascade_dsl", "show-script", node, *more],
        cwd=project.folder, env=project.env, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def paste(text: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run what was printed as a terminal would read it: by a shell, from standard input, elsewhere."""
    return subprocess.run(["bash"], input=text, cwd=folder, capture_output=True, timeout=60, check=False)


@pytest.fixture
def done(project: Project) -> Project:
    """A project whose program has run."""
    (project.folder / "p.csc").write_text(PROGRAM)
    ended = project.cascade("run", "p.csc")
    assert ended.code == 0, ended.err
    return project


def test_what_is_pasted_does_what_the_run_did(done: Project, tmp_path: Path) -> None:
    for number in (0, 1):
        final = done.folder / f"out/{number}.txt"
        before = final.read_bytes()
        text = show(done, f"pages.{number}" if number == 0 else "pages[1]")
        ended = paste(text, tmp_path)
        assert (ended.returncode, ended.stderr) == (0, b"")
        (scratch,) = (line.split(b" ")[5].rstrip(b",") for line in text.splitlines() if line.startswith(b"# page is"))
        assert Path(os.fsdecode(scratch)).read_bytes() == before
        assert final.read_bytes() == before
    assert b"/.cascade/" in text
    assert b"# pages[1] (t), attempt 1 of run " in text


def test_each_kind_of_body(done: Project, tmp_path: Path) -> None:
    assert paste(show(done, "p"), tmp_path).stdout == b"a\nb'c,*,,"
    assert paste(show(done, "e"), tmp_path).stdout == b"a  b'c"
    assert paste(show(done, "l"), tmp_path).stdout.strip() == b"300000"
    text = show(done, "a")
    ended = paste(text, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, b"")
    (out,) = (line.split(b" ")[5] for line in text.splitlines() if line.startswith(b"# out is"))
    assert Path(os.fsdecode(out)).read_bytes() == b"in the folder\n"


def test_what_has_no_script(done: Project) -> None:
    found = done.cascade("show-script", "j")
    assert (found.code, found.out) == (2, "")
    assert "error[CSC356]: there is no script of `j`: its body is python" in found.err
    found = done.cascade("show-script", "page")
    assert (found.code, found.out) == (2, "")
    assert "error[CSC508]" in found.err


def test_a_failed_run_and_one_that_is_live(project: Project, tmp_path: Path) -> None:
    (project.folder / "p.csc").write_text(
        'task t(n: int) { retry 1 backoff 1ms..2ms; sh "echo {{attempt}} {{n}}; exit {{n}}" }\nt(7)\n'
    )
    assert project.cascade("run", "p.csc").code == 1
    text = show(project, "t")
    assert b", attempt 2 of run " in text
    ended = paste(text, tmp_path)
    assert (ended.returncode, ended.stdout) == (7, b"2 7\n")
    (project.folder / "q.csc").write_text(
        'task wait(x: str) { sh "echo {{x}}; touch started; while ! [ -e go ]; do sleep 0.02; done" }\nwait("live")\n'
    )
    run = project.start("run", "q.csc")
    wait_until((project.folder / "started").exists, "the task")
    (project.folder / "go").touch()
    assert paste(show(project, "wait"), tmp_path).stdout == b"live\n"
    assert run.finish().code == 0


def test_without_bash_scripts_run_in_sh_or_are_refused_before_the_run(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("sh", "printf", "cat"):
        found = shutil.which(name)
        assert found is not None
        (path / name).symlink_to(found)
    env = {**project.env, "PATH": str(path)}
    (project.folder / "p.csc").write_text(
        'task t(x: str, xs: list[str]) -> str { sh "printf \'<%s>\' {{x}} {{xs}} \'in {{x}}\'" }\noutput o = t("a\\nb", ["c d", "*"])\n'
    )
    done = project.cascade("run", "p.csc", env=env)
    assert (done.code, done.out) == (0, 'o = "<a\\nb><c d><*><in a\\nb>"\n')
    assert "there is no bash here: scripts that choose no shell run in `sh -eu`" in done.err
    (project.folder / "q.csc").write_text('task t(x: str) { sh "[[ {{x}} == a ]]" }\nt("a")\n')
    done = project.cascade("run", "q.csc", env=env)
    assert done.code == 2
    assert (
        "error[CSC357]: `t` wants bash, which is not there: `[[ ]]` is read by bash, and otherwise by another sh"
        in done.err
    )
