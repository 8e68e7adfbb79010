"""What killed engines leave behind is found and goes; what is still needed stays."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from cascade_dsl.ir.events import AttemptFinished, AttemptStarted, PlannedFile, PublishPlanned, RunEnded
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.store.blobs import Blobs
from cascade_dsl.store.journal import Journal
from cascade_dsl.store.leftovers import (
    aside_of,
    beside_of,
    hidden_prefix,
    remember,
    settle_aside,
    sweep_dead,
    sweep_drafts,
    sweep_scratch,
)
from cascade_dsl.store.runs import Project, Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Project(tmp_path).create(file="p.csc", pid=1, warden=None, now_ns=1_700_000_000_000_000_000)
    made.release()
    return made


def elsewhere(run: Run, folder: Path, *names: str) -> list[Path]:
    """Scratch of a run in a folder, written down."""
    folder.mkdir(exist_ok=True)
    remember(run.scratch, folder)
    paths = [folder / f"{hidden_prefix(run.scratch)}{name}" for name in names]
    for path in paths:
        path.write_text("draft")
    return paths


def test_scratch_beside_outputs_is_found_by_what_was_written_down(run: Run, tmp_path: Path) -> None:
    folder, other = tmp_path / "out\n\udcff", tmp_path / "other"
    paths = elsewhere(run, folder, "1-a", "2-b.csv") + elsewhere(run, other, "3-c")
    (folder / f"{hidden_prefix(run.scratch)}4-d").mkdir()
    foreign = folder / f"{hidden_prefix(tmp_path / 'another')}1-a"
    foreign.write_text("of another run")
    with open(run.folder / "elsewhere", "a") as note:
        note.write('"/half a li')  # what a kill in the middle of the write leaves
    sweep_scratch(run, {str(paths[2])})
    assert [path.exists() for path in paths] == [False, False, True]
    assert os.listdir(folder) == [foreign.name]
    sweep_scratch(run)
    assert not paths[2].exists()
    assert not (run.folder / "elsewhere").exists()
    sweep_scratch(run)


def plan(key: NodeKey, *pairs: tuple[Path, Path]) -> PublishPlanned:
    files = tuple(PlannedFile(scratch=str(s), final=str(f), size=5, digest="", inode=0) for s, f in pairs)
    return PublishPlanned(key=key, epoch=0, attempt=1, files=files, value="null")


def test_scratch_of_a_plan_that_may_still_be_carried_out_stays(run: Run, tmp_path: Path) -> None:
    done, planned, lost = elsewhere(run, tmp_path / "out", "1-a", "2-b", "3-c")
    final, replaced = tmp_path / "out" / "b", tmp_path / "out" / "d"
    for folder in (aside_of(str(final)), aside_of(str(replaced)), replaced):
        Path(folder).mkdir()
    Path(beside_of(str(final))).write_text("half a copy")
    with Journal.create(run.journal) as journal:
        journal.commit(1, [AttemptStarted(key=(n,), epoch=0, attempt=1, serial=n) for n in (1, 2, 3)])
        journal.commit(
            2, [plan((1,), (done, tmp_path / "out" / "a")), AttemptFinished(key=(1,), epoch=0, attempt=1, value=None)]
        )
        journal.commit(3, [plan((2,), (planned, final), (tmp_path / "gone", replaced))])
    sweep_dead(run)
    assert (done.exists(), planned.exists(), lost.exists()) == (False, True, False)
    assert final.is_dir(), "what was set aside and not replaced is back"
    assert sorted(os.listdir(tmp_path / "out")) == sorted([planned.name, "b", "d"])
    assert (run.folder / "elsewhere").exists(), "there is still something to be found"


def test_scratch_of_a_run_that_was_killed_after_its_end_goes(run: Run) -> None:
    (run.scratch / "1").mkdir()
    with Journal.create(run.journal) as journal:
        journal.commit(1, [RunEnded(status="drained")])
    sweep_dead(run)
    assert os.listdir(run.scratch) == ["1"]
    with Journal.open(run.journal) as journal:
        list(journal.events())
        journal.commit(2, [RunEnded(status="done")])
    sweep_dead(run)
    assert os.listdir(run.scratch) == []


def test_what_was_set_aside_goes_where_something_has_taken_its_place(tmp_path: Path) -> None:
    final = tmp_path / "d"
    settle_aside(str(final))
    aside = Path(aside_of(str(final)))
    aside.mkdir()
    settle_aside(str(final))
    assert final.is_dir()
    aside.mkdir()
    settle_aside(str(final))
    assert not aside.exists()


def test_drafts_of_blobs_go_unless_somebody_writes_them(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    sweep_drafts(blobs.folder)
    kept = blobs.put("x" * 5000)
    left = blobs.folder / ".0123456789abcdef.tmp"
    left.write_text("half")
    with blobs.writer() as writer:
        writer.write("being written")
        sweep_drafts(blobs.folder)
        assert not left.exists()
        assert len(os.listdir(blobs.folder)) == 2
        blob = writer.finish()
    assert sorted(os.listdir(blobs.folder)) == sorted([kept, blob.digest])


def test_a_draft_that_is_swept_before_its_lock_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs(tmp_path / "blobs")
    flock, swept = fcntl.flock, list[str]()

    def sweep_first(descriptor: int, how: int) -> None:
        if not swept:
            (draft,) = os.listdir(blobs.folder)
            os.unlink(blobs.folder / draft)
            swept.append(draft)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    digest = blobs.put("y" * 5000)
    assert swept
    assert os.listdir(blobs.folder) == [digest]
    assert blobs.verify(digest)
