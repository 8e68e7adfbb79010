"""Removing what old runs left: their folders, then the values and files that nothing refers to any more.

A run goes in one step, by a rename into `trash`, while its lock is held, so that no engine can take it meanwhile; what
is in `trash` is nobody's, and a clean that was cut off leaves it to the next. Published files are never touched.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..base.diagnostics import fail
from . import layout
from .faults import unusable
from .history import PastRun, past_run
from .live import LOCK_FILE
from .results import Unreadable, bring_up_to_date, read_entries
from .runs import Project, Run
from .sweeping import GRACE_S, Object, in_use, remove, size_of, unused

TRASH = "trash"
_CLEAN_FILE = "clean"
_CONTINUABLE = ("cancelled", "drained", "stalled", "interrupted")


class Which(NamedTuple):
    """The runs that are to go: all but the newest `keep`, and of these only those that ended before; all of them."""

    keep: int | None = None
    older_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A run that went, or would."""

    run: str
    file: str
    status: str
    size_bytes: int

    @property
    def could_continue(self) -> bool:
        """`cascade continue` could have gone on with it."""
        return self.status in _CONTINUABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What went, or would go. `kept`: why objects that may be of no use stay, empty where none does."""

    runs: tuple[Gone, ...]
    live: tuple[str, ...]
    """Runs that were meant and live."""
    objects: tuple[Object, ...]
    left_bytes: int
    """Of what an earlier clean had left in the trash."""
    kept: str

    @property
    def size_bytes(self) -> int:
        """Of everything."""
        return sum(r.size_bytes for r in self.runs) + sum(o.size_bytes for o in self.objects) + self.left_bytes


def clean(project: Project, which: Which, *, dry: bool = False, grace_s: float = GRACE_S) -> Cleaned:
    """Remove runs and what only they referred to; with `dry` only say what would go. CSC706, CSC730–CSC733."""
    if dry:
        layout.check(project.state)
        return _clean(project, which, dry=True, alone=not any(run.is_live for run in project.runs()), grace_s=grace_s)
    project.prepare()
    try:
        with alone_or_shared(project) as alone:
            return _clean(project, which, dry=False, alone=alone, grace_s=grace_s)
    except OSError as error:
        raise unusable(project.state, error) from error


@contextmanager
def alone_or_shared(project: Project) -> Generator[bool]:
    """Hold the state to remove something from it: True where no run is live, and none begins meanwhile.

    CSC733 where another command is removing something. Raises OSError.
    """
    cleaning = os.open(project.state / _CLEAN_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(cleaning, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise fail(
                "CSC733",
                f"another command is removing things from `{project.state}`",
                help="wait for its end, then try again",
            ) from None
        held = layout.try_alone(project.state)
        alone = held is not None
        if held is None:
            held = layout.hold(project.state)
        try:
            yield alone
        finally:
            os.close(held)
    finally:
        os.close(cleaning)


def sweep(
    project: Project, runs: Sequence[Run], *, alone: bool, dry: bool, grace_s: float = GRACE_S
) -> tuple[tuple[Object, ...], str]:
    """The objects that nothing refers to any more, removed unless `dry`, and why others stay."""
    try:
        used = in_use(project, runs, read_entries(project))
    except Unreadable as error:
        return (), f"{error}: values and files that it may name are kept"
    found = unused(project, used, alone=alone, grace_s=grace_s)
    if not dry:
        found = [one for one in found if remove(one, alone=alone, grace_s=grace_s)]
    return tuple(found), ""


def _clean(project: Project, which: Which, *, dry: bool, alone: bool, grace_s: float) -> Cleaned:
    trash = project.state / TRASH
    left_bytes = size_of(trash)
    if not dry:
        bring_up_to_date(project)
    runs = project.runs()
    chosen = _chosen(runs, which, time.time_ns())
    live: list[str] = []
    gone: list[Gone] = []
    for run, row in chosen:
        size = size_of(run.folder)
        if dry:
            taken = not run.is_live
        else:
            taken = _take_away(run, trash, alone, grace_s)
        if taken:
            gone.append(Gone(run=run.id, file=row.file, status=row.status, size_bytes=size))
        else:
            live.append(run.id)
    names = {one.run for one in gone}
    objects, kept = sweep(project, [run for run in runs if run.id not in names], alone=alone, dry=dry, grace_s=grace_s)
    if not dry:
        shutil.rmtree(trash, ignore_errors=True)
    return Cleaned(runs=tuple(gone), live=tuple(live), objects=objects, left_bytes=left_bytes, kept=kept)


def _chosen(runs: Sequence[Run], which: Which, now_ns: int) -> list[tuple[Run, PastRun]]:
    found: list[tuple[Run, PastRun]] = []
    for run in runs[which.keep or 0 :]:
        row = past_run(run)
        ended_ns = max(row.last_ns, row.started_ns)
        if which.older_ns is None or ended_ns < now_ns - which.older_ns:
            found.append((run, row))
    return found


def _take_away(run: Run, trash: Path, alone: bool, grace_s: float) -> bool:
    """Move the folder of a run that nobody has into the trash; False where an engine has it."""
    try:
        lock = os.open(run.folder / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Killed before it was taken, or just being made: a run that others started holds the state, but not alone.
        if not alone and time.time() - run.folder.stat().st_ctime < grace_s:
            return False
        lock = -1
    try:
        if lock >= 0:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        trash.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.rmtree(trash / run.id)
        os.rename(run.folder, trash / run.id)
        return True
    finally:
        if lock >= 0:
            os.close(lock)
