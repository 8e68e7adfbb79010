"""The state folder as commands see it: of an earlier layout, of a newer one, read-only, and its owner's alone."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest
from live_runs import COMMAND, Project

FIRST = Path(__file__).parent.parent / "store" / "state-1.tar.gz"

RICH = """\
param who: str = "oslo"
task big() -> list[int] { python "return list(range(5000))" }
task kept() -> page: file { sh "echo 1 > {{page}}" }
task folder() -> out: dir { sh "mkdir {{out}} && echo 1 > {{out}}/a" }
task published(page: file) -> out: file = "out/page.txt" { sh "cp {{page}} {{out}}" }
task flaky(who: str) -> str { retry 1 backoff 1ms..2ms; sh "echo {{who}} >&2; test {{attempt}} = 2; echo {{who}}" }
task left() { in scratch; sh "echo x > mine; mkdir d; exit 3" }
task long() { sh "printf '%05000d' 1 > /dev/null; echo {{range(3000)}} > /dev/null" }
b = big()
k = kept()
f = folder()
fl = [flaky(w) for w in [who, "rome"]]
left()
long()
output n = len(b)
output p = published(k)
"""
READERS = (
    ("history",), ("history", "--json"), ("show",), ("show", "--json"), ("log", "k"), ("log", "fl.rome", "--attempt", "1"),
    ("log", "-f", "fl.rome"), ("ps",), ("ps", "--json"), ("cache", "ls"), ("cache", "ls", "--json"),
    ("clean", "--all", "--dry-run"), ("cache", "gc", "--max-size", "1KB", "--dry-run"), ("cache", "rm", "kept", "-n"),
    ("show-script", "k"), ("graph", "rich.csc", "--run", "last"), ("__complete", "log", ""), ("__complete", "cache", "rm", ""),
)  # fmt: skip


def picture(folder: Path) -> dict[str, tuple[int, int, int]]:
    """All in a folder, with what changes when something of it is written."""
    found: dict[str, tuple[int, int, int]] = {}
    for path in (folder, *folder.rglob("*")):
        at = path.lstat()
        found[str(path.relative_to(folder))] = (at.st_mode, at.st_mtime_ns, at.st_size)
    return found


def rich(project: Project) -> Path:
    project.write("rich.csc", RICH)
    umask = os.umask(0)
    try:
        assert project.cascade("run", "rich.csc", "-k").code == 1
    finally:
        os.umask(umask)
    return project.folder / ".cascade"


def test_all_of_the_state_is_its_owners(project: Project) -> None:
    state = rich(project)
    assert project.cascade("run", "rich.csc", "-k", "--who", "bergen").code == 1
    assert project.cascade("clean", "--keep", "1").code == 0
    modes = {name: mode for name, (mode, _, _) in picture(state).items() if not stat.S_ISLNK(mode)}
    assert [name for name, mode in modes.items() if mode & 0o077] == []
    kinds = {stat.S_IMODE(mode) & 0o577 for mode in modes.values()}
    assert kinds <= {0o400, 0o500}, "0600 and 0700, less the write bit of what is kept"
    assert {"version", "lock", "cache.db", "blobs", "store", "runs", ".gitignore"} <= modes.keys()
    kept_scratch = [name for name in modes if name.endswith("work/mine")]
    assert kept_scratch, "the scratch folder of a failed task is left"
    published = project.folder / "out" / "page.txt"
    assert stat.S_IMODE(published.stat().st_mode) == 0o666, "what is published is as the user's mask says"


def test_who_only_reads_writes_nothing(project: Project) -> None:
    state = rich(project)
    before = picture(state)
    for reader in READERS:
        done = project.cascade(*reader)
        assert (done.code, "Traceback" in done.err) == (0, False), (reader, done.err)
        assert picture(state) == before, reader


def read_only(project: Project, *args: str) -> tuple[int, str, str]:
    """A command for which the modes of files hold, whoever runs the tests."""
    code = (
        "import ctypes, os, sys\n"
        "for capability in (1, 2): ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    done = subprocess.run(
        [COMMAND[0], "-c", code, *COMMAND, *args], cwd=project.folder, env=project.env, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def test_a_folder_that_cannot_be_written_is_read(project: Project) -> None:
    state = rich(project)
    normal = {reader: project.cascade(*reader) for reader in READERS[:9]}
    paths = [state, *state.rglob("*")]
    modes = {path: path.lstat().st_mode for path in paths if not path.is_symlink()}
    for path in modes:
        path.chmod(stat.S_IMODE(modes[path]) & 0o555)
    try:
        for reader, done in normal.items():
            assert read_only(project, *reader) == tuple(done), reader
        code, _, err = read_only(project, "run", "rich.csc")
        assert (code, "cannot be written: Permission denied" in err) == (2, True), err
        code, _, err = read_only(project, "clean", "--all")
        assert (code, "cannot be written: Permission denied" in err) == (2, True), err
    finally:
        for path in sorted(modes):
            path.chmod(stat.S_IMODE(modes[path]))


def test_a_run_that_was_killed_is_read_without_a_trace(project: Project) -> None:
    project.write("slow.csc", 'task slow() { sh "echo begun >&2; cat gate/go" }\nslow()\n')
    project.fifos(["go"])
    run = project.start("run", "slow.csc")
    project.wait_live()
    project.wait_running(1)
    live = project.ps()
    os.kill(live["pid"], 9)
    os.kill(run.warden.pid, 9)
    run.warden.wait()
    state = project.folder / ".cascade"
    before = picture(state)
    assert project.cascade("history", "--json").json["runs"][0]["status"] == "interrupted"
    shown = project.cascade("show", "--json").json
    assert [(n["state"], [a["end"] for a in n["attempts"]]) for n in shown["instances"]] == [
        ("interrupted", ["interrupted"])
    ]
    assert project.cascade("log", "slow").out == "begun\n"
    followed = project.cascade("log", "-f", "slow")
    assert (followed.code, followed.out) == (0, "begun\n")
    assert project.shown(followed.err) == "the run RUN was interrupted: `cascade continue` goes on with it\n"
    assert picture(state) == before


def test_the_first_layout_is_read_as_it_is_and_gone_on_with(project: Project) -> None:
    with tarfile.open(FIRST) as archive:
        archive.extractall(project.folder, filter="fully_trusted")
    state = project.folder / ".cascade"
    before = picture(state)
    history = project.cascade("history", "--json").json["runs"]
    assert [(r["status"], r["nodes"]["done"]) for r in history] == [("interrupted", 2), ("done", 3)] or [
        (r["status"], r["nodes"]["done"]) for r in history
    ] == [("interrupted", 1), ("done", 3)]
    assert project.cascade("log", "b").out == "wrote kept\n"
    assert project.cascade("show", history[1]["run"], "--json").json["outputs"] == {"n": "\n5000"}
    assert project.cascade("ps").code == 0
    assert picture(state) == before
    project.write("gate/go", "")
    done = project.cascade("continue")
    assert done[:2] == (0, "n = 4999\n"), done
    assert (state / "version").read_text() == "2\n"
    assert [name for name, (mode, _, _) in picture(state).items() if mode & 0o077 and not stat.S_ISLNK(mode)] == []
    assert project.cascade("history", "--json").json["runs"][0]["status"] == "done"


@pytest.mark.parametrize(
    "args", [("run", "a.csc"), ("continue",), ("history",), ("show",), ("log", "x"), ("clean", "--all"), ("cache", "verify"),
             ("cache", "ls"), ("show-script", "x")], ids=" ".join,
)  # fmt: skip
def test_a_newer_layout_is_refused_by_every_verb(args: tuple[str, ...], project: Project) -> None:
    project.write("a.csc", 'task t() { sh "true" }\nx = t()\n')
    assert project.cascade("run", "a.csc").code == 0
    state = project.folder / ".cascade"
    (state / "version").write_text("3\n")
    before = picture(state)
    done = project.cascade(*args)
    assert (done.code, done.out) == (2, "")
    assert project.shown(done.err).replace("HERE/", "") == (
        "error[CSC730]: the state folder `.cascade` has layout 3, this version of Cascade knows up to 2\n"
        "  note: nothing in it was touched\n"
        "  help: use the version of Cascade that wrote it, or a newer one; or move the folder away to begin anew\n"
    )
    assert picture(state) == before
