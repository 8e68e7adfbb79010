"""What clean takes and leaves: runs, values and kept files, beside live runs, and cut off anywhere."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.ir.events import Computed, Event, PlannedFile, PublishPlanned, RunEnded, RunStarted, RunStatus
from cascade_dsl.store import clean as cleaning
from cascade_dsl.store.cache import Cache, Entry, KeptFile
from cascade_dsl.store.clean import Which, clean
from cascade_dsl.store.journal import Journal
from cascade_dsl.store.runs import Project, Run
from cascade_dsl.store.sweeping import Object, remove
from cascade_dsl.store.touching import shared, touch

S = 1_000_000_000
NOW_NS = 1_795_470_901 * S
DAY_NS = 86_400 * S


@pytest.fixture(autouse=True)
def registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "p")


def add_run(
    project: Project, *events: Event, at_ns: int = NOW_NS, status: RunStatus | None = "done", live: bool = False
) -> Run:
    """A run whose journal holds these events; left by its engine unless it is live."""
    project.folder.mkdir(exist_ok=True)
    run = project.create(file="main.csc", pid=1, warden=None, now_ns=at_ns)
    journal = Journal.create(run.journal)
    journal.commit(at_ns, [RunStarted(run=run.id, graph_digest="", on_failure="finish", words=())])
    journal.commit(at_ns + S, events)
    if status is not None:
        journal.commit(at_ns + 2 * S, [RunEnded(status=status)])
    journal.close()
    if not live:
        run.release()
    return run


def computed(blob: str) -> Computed:
    return Computed(key=(1,), value=None, blob=blob)


def planned(final: Path) -> PublishPlanned:
    file = PlannedFile(scratch="/s", final=str(final), size=1, digest=final.name[:64], inode=1)
    return PublishPlanned(key=(2,), epoch=0, attempt=1, files=(file,), value=json.dumps(str(final)))


def kept_file(project: Project, digest: str, folder: bool = False) -> Path:
    project.store.mkdir(parents=True, exist_ok=True)
    path = project.store / f"{digest}.txt"
    if folder:
        path.mkdir()
        (path / "inside").write_text("x")
        (path / "inside").chmod(0o400)
    else:
        path.write_text("x")
        path.chmod(0o400)
    return path


def objects(project: Project) -> set[str]:
    found: set[str] = set()
    for folder in (project.state / "blobs", project.store):
        if folder.is_dir():
            found.update(os.listdir(folder))
    return found


def ids(project: Project) -> list[str]:
    return [run.id for run in project.runs()]


# ---- which runs -------------------------------------------------------------------------------------------------


def test_the_newest_are_kept_and_of_the_rest_the_young(project: Project) -> None:
    import time

    now = time.time_ns()
    runs = [add_run(project, at_ns=now - days * DAY_NS) for days in (40, 35, 20, 1)]
    names = [run.id for run in runs]

    def would(which: Which) -> list[str]:
        return sorted(one.run for one in clean(project, which, dry=True).runs)

    assert would(Which()) == names
    assert would(Which(keep=0)) == names
    assert would(Which(keep=1)) == names[:3]
    assert would(Which(keep=9)) == []
    assert would(Which(older_ns=30 * DAY_NS)) == names[:2]
    assert would(Which(keep=3, older_ns=30 * DAY_NS)) == names[:1]
    assert ids(project) == names[::-1], "a dry run removes nothing"
    done = clean(project, Which(older_ns=30 * DAY_NS))
    assert sorted(one.run for one in done.runs) == names[:2]
    assert ids(project) == [names[3], names[2]]
    assert done.size_bytes > 0


def test_a_live_run_stays_with_all_that_is_its_own(project: Project) -> None:
    blob = project.blobs.put("x" * 10)
    live = add_run(project, computed(blob), status=None, live=True)
    old = add_run(project, at_ns=NOW_NS - S)
    done = clean(project, Which(), grace_s=0)
    assert [one.run for one in done.runs] == [old.id]
    assert done.live == (live.id,)
    assert ids(project) == [live.id]
    assert objects(project) == {blob}
    live.release()
    assert [one.could_continue for one in clean(project, Which()).runs] == [True]
    assert objects(project) == set()


def test_a_run_that_is_just_being_made_stays(project: Project) -> None:
    """Its folder is there and its lock is not, while another run keeps clean from having the state alone."""
    live = add_run(project, status=None, live=True)
    making = project.state / "runs" / "20261123-215501-zzz"
    making.mkdir()
    assert clean(project, Which()).live == (making.name, live.id)
    assert making.is_dir()
    live.release()
    assert {one.run for one in clean(project, Which()).runs} == {making.name, live.id}


# ---- values and files -------------------------------------------------------------------------------------------


def test_what_a_run_or_a_result_names_stays(project: Project) -> None:
    inner, lone = (project.blobs.put(text) for text in ("inner" * 9, "lone"))
    nested = project.blobs.put(json.dumps(["a", {"b": inner}]))
    outer = project.blobs.put(json.dumps([nested]))
    kept, cached, loose = (kept_file(project, digest * 64, digest == "c") for digest in "abc")
    old = add_run(project, computed(lone), at_ns=NOW_NS - S)
    add_run(project, planned(kept), computed(outer))
    cache = Cache(project)
    entry = Entry(
        recipe="r", t_ns=1, run=old.id, file="main.csc", node="n", task="t", value="1",
        files=(KeptFile(f".cascade/store/{cached.name}", 1, cached.name[:64]),),
    )  # fmt: skip
    cache.keep(entries=[entry])
    cache.close()
    published = project.folder / "out.txt"
    published.write_text("mine")
    done = clean(project, Which(keep=1))
    assert [one.run for one in done.runs] == [old.id]
    assert {one.path.name for one in done.objects} == {lone, loose.name}
    assert objects(project) == {inner, outer, nested, kept.name, cached.name}
    assert published.read_text() == "mine"
    assert not (project.state / "trash").exists()


@pytest.mark.parametrize("what", ["journal", "cache"])
def test_where_something_cannot_be_read_all_objects_stay(what: str, project: Project) -> None:
    blob = project.blobs.put("x")
    add_run(project, at_ns=NOW_NS - S)
    run = add_run(project, computed(blob))
    if what == "journal":
        data = bytearray(run.journal.read_bytes())
        data[4096:] = bytes(len(data) - 4096)
        run.journal.write_bytes(data)
    else:
        import sqlite3

        Cache(project).entries()
        db = sqlite3.connect(project.state / "cache.db")
        db.execute("PRAGMA user_version = 99")
        db.close()
    done = clean(project, Which(keep=1), dry=what == "cache")
    assert done.objects == ()
    assert done.kept.endswith(": values and files that it may name are kept"), done.kept
    assert objects(project) == {blob}


def test_beside_a_live_run_only_what_has_lain_for_long_goes(project: Project) -> None:
    live = add_run(project, status=None, live=True)
    blob = project.blobs.put("a run has just put this and not yet said so")
    done = clean(project, Which())
    assert done.objects == ()
    assert objects(project) == {blob}
    (one,) = clean(project, Which(), grace_s=0, dry=False).objects
    assert one.path.name == blob
    live.release()


def test_what_is_put_again_is_touched(project: Project) -> None:
    live = add_run(project, status=None, live=True)
    blob = project.blobs.put("x")
    path = project.blobs.path(blob)
    before = path.stat().st_ctime_ns
    while project.blobs.put("x") == blob and path.stat().st_ctime_ns == before:
        pass  # a few milliseconds: the clock of the file system goes in steps
    assert touch(path)
    assert not touch(path.with_name("0" * 64))
    live.release()


def test_touched_and_removed_exclude_each_other(project: Project) -> None:
    live = add_run(project, status=None, live=True)
    path = project.blobs.path(project.blobs.put("x"))
    removed: list[bool] = []
    with shared(path.parent):
        thread = threading.Thread(target=lambda: removed.append(remove(Object(path, 1), alone=False, grace_s=3600)))
        thread.start()
        os.utime(path)
        assert removed == [], "it waits until the toucher has gone"
    thread.join()
    assert removed == [False]
    assert path.exists()
    live.release()


@contextmanager
def cut_off_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> Generator[list[int]]:
    """Let the process be killed before one of the calls that change something on the disk."""
    left = [calls]

    class Killed(BaseException):
        pass

    def counted(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patched:
        for module, name in ((os, "rename"), (os, "unlink"), (os, "rmdir"), (os, "mkdir")):
            patched.setattr(module, name, counted(getattr(module, name)))
        try:
            yield left
        except Killed:
            left[0] = -1


def test_a_clean_that_is_cut_off_leaves_what_the_next_one_ends(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each call that changes something: every run that is there is whole, and all that it names is there."""
    ended, calls = False, -1
    for calls in range(200):
        project = Project(tmp_path_factory.mktemp("p"))
        blobs = [project.blobs.put(f"value {n}") for n in range(4)]
        files = [kept_file(project, str(n) * 64, folder=n == 0) for n in range(3)]
        for n in range(3):
            add_run(project, computed(blobs[n]), computed(blobs[3]), planned(files[n]), at_ns=NOW_NS + n * S)
        with cut_off_after(calls, monkeypatch) as left:
            clean(project, Which(keep=1))
        ended = left[0] >= 0
        for run in project.runs():
            n = int(run.info().started_ns // S - NOW_NS // S)
            assert {blobs[n], blobs[3], files[n].name} <= objects(project)
            assert run.ended() == "done"
            assert run.logs.is_dir()
        clean(project, Which(keep=1))
        assert len(project.runs()) == 1
        assert objects(project) == {blobs[2], blobs[3], files[2].name}
        assert not (project.state / "trash").exists()
        if ended:
            break
    assert ended, "some call was never reached"
    assert calls > 5


def test_one_clean_at_a_time(project: Project) -> None:
    add_run(project)
    with cleaning.alone_or_shared(project) as alone:
        assert alone
        with pytest.raises(CascadeError) as caught:
            clean(project, Which())
        assert caught.value.diagnostics == (
            Diagnostic(
                code="CSC733",
                message=f"another command is removing things from `{project.state}`",
                help="wait for its end, then try again",
            ),
        )
    assert len(clean(project, Which()).runs) == 1


DIGESTS = st.lists(st.sampled_from([f"{n:064x}" for n in range(12)]), max_size=4)


@settings(max_examples=25)
@given(st.lists(DIGESTS, min_size=1, max_size=5), st.integers(0, 5), DIGESTS)
def test_nothing_that_is_named_goes_and_all_else_does(
    tmp_path_factory: pytest.TempPathFactory, named: list[list[str]], keep: int, loose: list[str]
) -> None:
    project = Project(tmp_path_factory.mktemp("p"))
    for at, digests in enumerate(named):
        add_run(project, *map(computed, digests), at_ns=NOW_NS + at * S)
    for digest in {*loose, *(d for digests in named for d in digests)}:
        kept_file(project, digest)
    left = named[max(0, len(named) - keep) :] if keep else []
    clean(project, Which(keep=keep))
    assert objects(project) == {f"{d}.txt" for digests in left for d in digests}


def test_temporary_files_go_with_the_last_run(project: Project) -> None:
    first, last = add_run(project), add_run(project, at_ns=NOW_NS + S)
    left = project.state / "temp" / ("0" * 32)
    left.parent.mkdir(mode=0o700)
    left.write_text("left by a run that failed")
    assert [one.run for one in clean(project, Which(keep=1)).runs] == [first.id]
    assert left.exists(), "the run that is left may read it when it is gone on with"
    live = add_run(project, at_ns=NOW_NS + 2 * S, live=True)
    assert [one.run for one in clean(project, Which()).runs] == [last.id]
    assert left.exists()
    live.release()
    (one,) = clean(project, Which(), dry=True).objects
    assert (one.path, one.size_bytes, left.exists()) == (left.parent, 25, True)
    clean(project, Which())
    assert not left.parent.exists()
