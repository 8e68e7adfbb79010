"""Folders of runs, their locks, and how live ones are found."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.ir.events import BackoffEnded, Event, RunEnded
from cascade_dsl.store.boot import boot_id
from cascade_dsl.store.journal import Journal
from cascade_dsl.store.live import find_live, registry_folder
from cascade_dsl.store.runs import Project, Run, RunInfo, run_id

NOW_NS = 1_795_470_901_500_000_000
NAME = "20261123-215501-i00"


@pytest.fixture(autouse=True)
def registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    runtime = tmp_path_factory.mktemp("runtime")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    return runtime / "cascade"


def new_run(folder: Path, now_ns: int = NOW_NS) -> Run:
    folder.mkdir(exist_ok=True)
    return Project(folder).create(file="main.csc", pid=12, warden=11, now_ns=now_ns)


def names(start: Path, *, run: str | None = None, everywhere: bool = False) -> list[str]:
    return [live.folder for live in find_live(start, run=run, everywhere=everywhere)]


@contextmanager
def live_elsewhere(run: Run) -> Generator[subprocess.Popen[str]]:
    """Another process that is the engine of a run."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom cascade_dsl.store.runs import Run\n"
        "run = Run(Path(sys.argv[1]))\nrun.take()\nrun.announce()\nprint('taken', flush=True)\nsys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(run.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "taken\n"
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_a_new_run_has_its_folder(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        run = new_run(tmp_path / "p")
    finally:
        os.umask(old)
    state = tmp_path / "p" / ".cascade"
    assert run.id == NAME
    assert run.folder == state / "runs" / NAME
    assert (state / ".gitignore").read_text() == "*\n"
    assert sorted(p.name for p in run.folder.iterdir()) == ["lock", "logs", "run.json", "scratch"]
    for folder in (state, state / "runs", run.folder, run.logs, run.scratch):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in (run.folder / "lock", run.folder / "run.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    info = RunInfo(run=NAME, file="main.csc", pid=12, warden=11, started_ns=NOW_NS, state="running", boot=boot_id())
    assert run.info() == info
    assert json.loads((run.folder / "run.json").read_text()) == info._asdict()
    run.write_info(info._replace(state="done"))
    assert run.info().state == "done"
    assert run.is_live
    run.release()
    assert not run.is_live


@given(st.lists(st.integers(min_value=0, max_value=4 * 10**18), min_size=2, max_size=6))
def test_names_sort_by_time(times: list[int]) -> None:
    assert [run_id(t) for t in sorted(times)] == sorted(run_id(t) for t in times)


def test_two_runs_of_one_instant_have_two_names(tmp_path: Path) -> None:
    runs = [new_run(tmp_path) for _ in range(3)]
    assert [run.id for run in runs] == [NAME, "20261123-215501-i01", "20261123-215501-i02"]
    (tmp_path / ".cascade" / "runs" / "not a run").mkdir()
    assert [run.id for run in Project(tmp_path).runs()] == [run.id for run in reversed(runs)]


def test_a_run_is_found_by_its_name_or_the_end_of_it(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with pytest.raises(CascadeError) as caught:
        project.run("k3f")
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC708",
            message=f"there is no run `k3f` in `{tmp_path}`",
            help="no program was run in this folder yet",
        ),
    )
    first = new_run(tmp_path)
    second = new_run(tmp_path, NOW_NS + 60_000_000_000)
    assert second.id == "20261123-215601-i00"
    assert project.run(NAME).folder == first.folder
    assert project.run("215601-i00").folder == second.folder
    with pytest.raises(CascadeError) as caught:
        project.run("i00")
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC708",
            message="several runs end in `i00`",
            help=f"write one in full: {second.id}, {first.id}",
        ),
    )
    for name in ("", "../runs/" + NAME, "k3f"):
        with pytest.raises(CascadeError) as caught:
            project.run(name)
        assert caught.value.diagnostics == (
            Diagnostic(
                code="CSC708",
                message=f"there is no run `{name}` in `{tmp_path}`",
                help=f"the newest run is {second.id}",
            ),
        )


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / ".cascade").write_text("in the way")
    with pytest.raises(CascadeError) as caught:
        new_run(tmp_path)
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC706",
            message=f"`{tmp_path / '.cascade'}` cannot be written: File exists",
            help="check that the project's folder is writable and its disk not full",
        ),
    )


def test_only_one_engine_has_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path)
    monkeypatch.setattr("cascade_dsl.store.runs._LOCK_TRIES", 2)
    other = Run(run.folder)
    with pytest.raises(CascadeError) as caught:
        other.take()
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC707",
            message=f"the run {NAME} is live: another process has it",
            help="`cascade ps` shows it; wait for its end, or steer it with `cascade limit`, `pause` and the like",
        ),
    )
    run.release()
    other.take()
    other.release()


def test_a_live_run_is_found_from_below_and_from_elsewhere(tmp_path: Path, registry: Path) -> None:
    below = tmp_path / "p" / "a" / "b"
    below.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = new_run(tmp_path / "p")
    assert names(below) == []
    run.announce()
    (live,) = find_live(below)
    assert (live.run, live.folder, live.file, live.pid, live.warden, live.started_ns) == (
        NAME,
        str(run.folder),
        "main.csc",
        12,
        11,
        NOW_NS,
    )
    assert live.project == str(tmp_path / "p")
    assert live.socket == str(run.socket)
    assert names(elsewhere) == [str(run.folder)]
    assert names(elsewhere, run=NAME) == [str(run.folder)]
    assert names(elsewhere, run="20261123-215501-zzz") == []
    assert stat.S_IMODE(registry.stat().st_mode) == 0o700
    run.release()
    assert names(below) == names(elsewhere) == []
    assert list(registry.iterdir()) == []


def test_the_runs_of_here_are_meant_before_those_of_elsewhere(tmp_path: Path) -> None:
    here, there = new_run(tmp_path / "here"), new_run(tmp_path / "there", NOW_NS + 10**9)
    inner = new_run(tmp_path / "here" / "inner", NOW_NS + 2 * 10**9)
    for run in (here, there, inner):
        run.announce()
    assert names(tmp_path / "here") == [str(here.folder)]
    assert names(tmp_path / "here" / "inner") == [str(inner.folder), str(here.folder)]
    assert names(tmp_path) == [str(r.folder) for r in (inner, there, here)]
    assert names(tmp_path / "here", everywhere=True) == [str(r.folder) for r in (inner, there, here)]
    assert names(tmp_path / "here", run=there.id) == [str(there.folder)]


def test_runs_of_one_name_in_two_projects_are_two(tmp_path: Path) -> None:
    runs = [new_run(tmp_path / name) for name in "ab"]
    for run in runs:
        run.announce()
    assert sorted(names(tmp_path)) == [str(run.folder) for run in runs]


def test_a_killed_engine_leaves_no_live_run(tmp_path: Path, registry: Path) -> None:
    run = new_run(tmp_path / "p")
    run.release()
    with live_elsewhere(run) as engine:
        assert names(tmp_path / "p") == names(tmp_path) == [str(run.folder)]
        engine.send_signal(signal.SIGKILL)
        engine.wait()
        links = tmp_path / "p" / ".cascade" / "live"
        assert len(list(links.iterdir())) == len(list(registry.iterdir())) == 1
        assert names(tmp_path / "p") == []
        assert len(list(links.iterdir())) == len(list(registry.iterdir())) == 1, "who looks writes nothing"
    other = new_run(tmp_path / "p", NOW_NS + 10**9)
    other.announce()
    assert [link.name for link in links.iterdir()] == [other.id]
    assert len(list(registry.iterdir())) == 1
    run.take()
    run.announce()
    assert names(tmp_path / "p") == [str(other.folder), str(run.folder)]


def test_a_link_to_a_folder_that_is_gone_is_dropped(tmp_path: Path, registry: Path) -> None:
    assert registry_folder(create=True) == str(registry)
    (registry / "gone").symlink_to(tmp_path / "nowhere")
    (registry / "no run").symlink_to(tmp_path)
    (registry / "a file").write_text("not ours to judge")
    assert names(tmp_path) == []
    assert len(list(registry.iterdir())) == 3
    new_run(tmp_path / "p").announce()
    assert [p.name for p in registry.iterdir() if not p.name.startswith("2026")] == ["a file"]


def test_a_damaged_description_does_not_hide_a_live_run(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.announce()
    for text in ("{", "[]"):
        (run.folder / "run.json").write_text(text)
        (live,) = find_live(tmp_path)
        assert (live.run, live.file, live.pid, live.warden) == (NAME, "", 0, None)
        assert run.info() == RunInfo(run=NAME, file="", pid=0, warden=None, started_ns=0, state="")


def test_a_registry_that_others_may_write_is_not_used(
    tmp_path: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.mkdir(mode=0o700)
    registry.chmod(0o777)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    private = tmp_path / f"cascade-{os.getuid()}"
    assert registry_folder() is None
    assert registry_folder(create=True) == str(private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert registry_folder() == str(private)
    private.rmdir()
    target = tmp_path / "theirs"
    target.mkdir(mode=0o700)
    private.symlink_to(target)
    assert registry_folder(create=True) is None
    run = new_run(tmp_path / "p")
    run.announce()
    assert names(tmp_path) == []
    assert names(tmp_path / "p") == [str(run.folder)]


def test_what_can_be_continued(tmp_path: Path) -> None:
    """By the journal, whatever `run.json` says."""
    endings: list[list[Event] | None] = [
        None,
        [],
        [BackoffEnded(key=(1,))],
        *([RunEnded(status=status)] for status in ("done", "failed", "cancelled", "drained", "stalled")),
    ]
    runs: list[Run] = []
    for events in endings:
        run = new_run(tmp_path, NOW_NS + len(runs) * 10**9)
        run.release()
        if events is not None:
            with Journal.create(run.journal) as journal:
                journal.commit(1, events)
        runs.append(run)
    damaged = new_run(tmp_path, NOW_NS + 20 * 10**9)
    damaged.release()
    damaged.journal.write_text("garbage")
    living = new_run(tmp_path, NOW_NS + 30 * 10**9)
    with Journal.create(living.journal) as journal:
        journal.commit(1, [BackoffEnded(key=(1,))])
    assert [run.id for run in Project(tmp_path).continuable()] == [runs[n].id for n in (7, 6, 5, 2)]
    assert [runs[n].ended() for n in (2, 3, 4, 7)] == [None, "done", "failed", "stalled"]


def test_scratch_is_cleared(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    (run.scratch / "1").mkdir()
    (run.scratch / "1" / "out.csv").write_text("x")
    run.clear_scratch()
    assert list(run.scratch.iterdir()) == []
    assert stat.S_IMODE(run.scratch.stat().st_mode) == 0o700


def test_looking_for_live_runs_is_light() -> None:
    """It is on the path of every control verb."""
    code = (
        "import sys\nimport cascade_dsl.store.live\n"
        "heavy = {'pathlib', 'typing', 'dataclasses', 'sqlite3', 'trio', 'lark', 'inspect', 'tempfile'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    isolated = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True,
                              cwd=Path(__file__).parents[2])  # fmt: skip
    assert isolated.stdout == "[]\n"
