"""What a killed engine leaves outside of its run's folder, and how the next one finds it.

Scratch beside outputs on another file system: each folder that takes some is written down, in the run's folder, before
anything is written there. Drafts of blobs: whoever writes one holds a lock on it. Folders set aside by a half-done
publish: the plan in the journal names them. Scratch of a plan that may still be carried out stays.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from ..ir.events import AttemptFailed, AttemptFinished, AttemptLost, PlannedFile, PublishPlanned
from ..ir.graph import NodeKey
from .blobs import DRAFT
from .journal import JournalReader
from .output_paths import ASIDE
from .runs import Run

_ELSEWHERE = "elsewhere"


def hidden_prefix(run_scratch: Path) -> str:
    """How the hidden names of a run's scratch beside outputs begin."""
    return f".cascade-{crc32(os.fsencode(run_scratch)):08x}-"


def remember(run_scratch: Path, folder: Path) -> None:
    """Write down that scratch of the run will lie in a folder. Raises OSError."""
    line = json.dumps(os.fspath(folder)) + "\n"  # ASCII: lone surrogates stand for bytes that are no text
    descriptor = os.open(run_scratch.parent / _ELSEWHERE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def sweep_scratch(run: Run, spared: Collection[str] = ()) -> None:
    """Remove a run's scratch beside outputs, but for these paths. Nobody may be writing there."""
    note = run.folder / _ELSEWHERE
    try:
        lines = note.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    prefix = hidden_prefix(run.scratch)
    for line in dict.fromkeys(lines):
        folder = None
        with suppress(ValueError):  # a line that was cut off by the kill: nothing was written there yet
            folder = json.loads(line)
        with suppress(OSError):
            for name in os.listdir(folder) if isinstance(folder, str) else ():
                path = os.path.join(str(folder), name)
                if name.startswith(prefix) and path not in spared:
                    drop(path)
    if not spared:
        with suppress(OSError):
            os.unlink(note)


def sweep_dead(run: Run) -> None:
    """What a run left behind whose engine is dead; the caller holds its lock. CascadeError for a damaged journal."""
    if run.journal.exists() and run.ended() == "done":
        run.clear_scratch()  # killed after its end
    plans = _open_plans(run) if run.journal.exists() else []
    for file in plans:
        settle_aside(file.final)
        drop(beside_of(file.final))
    sweep_scratch(run, {file.scratch for file in plans})


def _open_plans(run: Run) -> list[PlannedFile]:
    """The files of the plans that were committed and not carried out to their end."""
    found: dict[NodeKey, PublishPlanned] = {}
    with JournalReader(run.journal) as journal:
        for _, _, event in journal.events():
            if isinstance(event, PublishPlanned):
                found[event.key] = event
            elif isinstance(event, AttemptFinished | AttemptFailed | AttemptLost):
                found.pop(event.key, None)
    return [file for plan in found.values() for file in plan.files]


def settle_aside(final: str) -> None:
    """A folder that was set aside to be replaced goes back where nothing has taken its place, else away."""
    aside = aside_of(final)
    if not os.path.lexists(aside):
        return
    if os.path.lexists(final):
        drop(aside)
    else:
        with suppress(OSError):
            os.rename(aside, final)


def aside_of(final: str) -> str:
    """Where a folder stands that is about to be removed or replaced."""
    return os.path.join(os.path.dirname(final), f".{os.path.basename(final)}{ASIDE}")


def beside_of(final: str) -> str:
    """Where a copy is made that is then renamed to the path: one name, so that what a kill leaves of it is found."""
    return os.path.join(os.path.dirname(final), f".{os.path.basename(final)}.new{ASIDE}")


def sweep_drafts(blobs: Path) -> None:
    """Remove drafts of blobs that nobody writes any more."""
    with suppress(OSError), os.scandir(blobs) as listing:
        drafts = [entry.path for entry in listing if entry.name[:1] == "." and entry.name.endswith(DRAFT)]
        for path in drafts:
            with suppress(OSError):
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(path)
                finally:
                    os.close(descriptor)


def drop(path: str) -> None:
    """Remove a file or a folder with all that is in it; what cannot be removed stays."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(path)
