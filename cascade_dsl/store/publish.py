"""Output files: written at a scratch path, recorded in a plan, renamed to where they belong.

The order is: body writes scratch; `plan` brings it to disk and describes it; the plan is committed; `perform` renames;
the folders that it gives are flushed; the finish is committed. So what a journal calls finished survives a power loss too.
After a crash `redo` says whether a committed plan is done, finishing it where the scratch is still there. What stands at
a scratch path is the planned output only if it has the planned digest: where two folders were exchanged, the old one
lies there. A file that was written in place has one path for both. What an earlier result had and this one has not is
removed after the renames, and only what still has the digest that was recorded for it. Every function blocks on the disk.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from ..base.diagnostics import CascadeError, fail
from ..ir.events import PlannedFile, PlannedRemoval
from .blobs import DIGEST_BYTES
from .flush import flush_folders
from .leftovers import aside_of, beside_of, drop, hidden_prefix
from .live import STATE_FOLDER
from .modes import make_read_only, open_copy
from .output_paths import check_links, existing
from .touching import shared

_PIECE_BYTES = 1 << 20
_EXTENSION_MAX = 32


class Produced(NamedTuple):
    """An output that a body was to write at `scratch`. `final` None: it is kept in the run's store."""

    scratch: Path
    final: Path | None
    folder: bool = False
    """It was declared as a `dir`, or is one of a list of them."""
    name: str = "out"
    """The name of the output, for messages."""
    temporary: bool = False
    is_hidden: bool = False
    """Nobody is to change it: it is made read-only."""


def scratch_path(final: Path, run_scratch: Path, name: str) -> Path:
    """Where a body writes the output that is to go to `final`: a rename away from it, with the same extension.

    In `run_scratch`, or where that lies on another file system, under a hidden name beside `final` or the nearest
    folder above it that exists. `name` is unique in the run.
    """
    there = existing(final.parent)
    if os.stat(there).st_dev == os.stat(existing(run_scratch)).st_dev:
        return run_scratch / f"{name}{extension(final)}"
    return there / f"{hidden_prefix(run_scratch)}{name}{extension(final)}"


def plan(files: Sequence[Produced], store: Path) -> tuple[PlannedFile, ...]:
    """Bring the outputs to disk and describe them; those without a final path go to `store`, by digest, read-only.

    CSC710 where one was not written, CSC711 where it is a folder and not a file or the reverse, CSC712 where it is
    neither, CSC714 where the disk refuses. All that is wrong is raised together.
    """
    planned: list[PlannedFile] = []
    wrong: list[CascadeError] = []
    for produced in files:
        try:
            planned.append(_planned(produced, store))
        except CascadeError as error:
            wrong.append(error)
    if wrong:
        raise CascadeError(d for error in wrong for d in error.diagnostics)
    return tuple(planned)


def perform(
    files: Sequence[PlannedFile], removals: Sequence[PlannedRemoval] = (), *, base: Path | None = None
) -> list[str]:
    """Rename each output to its final path, over what is there, then remove; CSC714, CSC716 where that cannot be.

    Gives the folders whose entries have changed: to be flushed before anybody calls this done.

    A folder takes the place of an older one in one step where the system can exchange two paths. With `base`, no link
    that was made meanwhile may lead out of that folder.
    """
    checked: set[str] = set()
    changed: list[str] = []
    for file in files:
        if base is not None and (parent := os.path.dirname(file.final)) not in checked:
            check_links(base, Path(file.final))
            checked.add(parent)
        if file.scratch == file.final:
            continue
        try:
            changed += _make_parents(file.final)
            if _is_kept(file.final):
                with shared(Path(os.path.dirname(file.final))):
                    _move(file.scratch, file.final)
            else:
                _move(file.scratch, file.final)
        except OSError as error:
            raise _unpublishable(Path(file.final), error) from error
    for removal in removals:
        if remove(removal):
            changed.append(os.path.dirname(removal.path))
    return changed


def redo(files: Sequence[PlannedFile], removals: Sequence[PlannedRemoval] = (), *, base: Path | None = None) -> bool:
    """Finish a committed plan after a crash; False where an output is neither at its scratch nor at its final path."""
    changed: list[str] = []
    for file in files:
        if _is_planned(file.scratch, file):
            changed += perform((file,), base=base)
        elif file.scratch != file.final and _is_planned(file.final, file):
            drop(file.scratch)
        else:
            return False
        changed.append(os.path.dirname(file.final))
        drop(aside_of(file.final))
        drop(beside_of(file.final))
    for removal in removals:
        changed.append(os.path.dirname(removal.path))
        drop(aside_of(removal.path))
        remove(removal)
    flush_folders(changed)
    return True


def remove(removal: PlannedRemoval) -> bool:
    """Remove what an earlier result left, if it is what was recorded; False where it is gone, changed or cannot be removed.

    A folder goes in one step, so that no crash leaves half of it.
    """
    if not is_unchanged(removal):
        return False
    try:
        if os.path.isdir(removal.path):
            aside = aside_of(removal.path)
            drop(aside)
            os.rename(removal.path, aside)
            drop(aside)
        else:
            os.unlink(removal.path)
    except OSError:
        return False
    return True


def is_unchanged(removal: PlannedRemoval) -> bool:
    """What was recorded still stands there: nobody has changed, replaced or removed it."""
    return _is_planned(removal.path, removal)


def keep(produced: Produced, store: Path) -> Path:
    """Put one output into `store` and give its path there; raises as `plan` and `perform`."""
    files = plan((produced._replace(final=None),), store)
    flush_folders(perform(files))
    return Path(files[0].final)


def digest_path(path: Path) -> str:
    """The digest of a file's bytes, or of a folder's names, kinds and files, in the order of the names. Raises OSError."""
    return _describe(path, sync=False)[0]


def _planned(produced: Produced, store: Path) -> PlannedFile:
    scratch = produced.scratch
    try:
        found = os.lstat(scratch)
    except FileNotFoundError:
        if not scratch.parent.exists():
            raise fail(
                "CSC710",
                f"the output `{produced.name}` is gone: the folder `{scratch.parent}` was removed while the body ran",
                help="leave `.cascade` alone while a run is live; run it again",
            ) from None
        raise fail(
            "CSC710",
            f"the output `{produced.name}` was not written",
            help=f"the body has to write it at the path that it is given, `{{{{{produced.name}}}}}`",
        ) from None
    except OSError as error:
        raise _unpublishable(scratch, error) from error
    _check_kind(produced, found.st_mode)
    try:
        digest, size = _describe(scratch, sync=True)
        if produced.final is None:
            final = store / f"{digest}{extension(scratch)}"
            make_read_only(scratch)
        else:
            final = produced.final
            if produced.is_hidden:
                make_read_only(scratch)
            if os.path.lexists(final) and (final.is_dir() and not final.is_symlink()) != produced.folder:
                raise OSError(errno.EEXIST, f"a {'file' if produced.folder else 'folder'} stands there")
            if not produced.folder and not produced.is_hidden:
                open_copy(scratch, digest, store)
    except OSError as error:
        raise _unpublishable(produced.final or scratch, error) from error
    return PlannedFile(
        scratch=os.path.abspath(scratch),
        final=os.path.abspath(final),
        size=size,
        digest=digest,
        inode=found.st_ino,
        temporary=produced.name if produced.temporary else "",
    )


def _check_kind(produced: Produced, mode: int) -> None:
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        if stat.S_ISDIR(mode) == produced.folder:
            return
        was, declared = ("file", "dir") if produced.folder else ("folder", "file")
        other = "file" if produced.folder else "dir"
        raise fail(
            "CSC711",
            f"the output `{produced.name}` is declared as a `{declared}`, but a {was} was written",
            help=f"declare it as `{other}`, or write a {'folder' if produced.folder else 'file'}",
        )
    what = "a symbolic link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
    raise fail(
        "CSC712",
        f"the output `{produced.name}` is {what}",
        help="write a copy: an output is moved to its place, where a link would lead elsewhere",
    )


def _describe(path: str | Path, *, sync: bool) -> tuple[str, int]:
    """Digest and size of a file or folder, each of its files brought to disk where wanted."""
    if not os.path.isdir(path):
        return _digest_file(path, sync)
    state = blake2b(digest_size=DIGEST_BYTES)
    total = 0
    stack = [(os.fspath(path), "")]
    while stack:
        at, inside = stack.pop()
        with os.scandir(at) as listing:
            entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        for entry in entries:
            name = f"{inside}/{entry.name}"
            if entry.is_symlink():
                kind, content = "l", os.readlink(entry.path)
            elif entry.is_dir():
                kind, content = "d", ""
                stack.append((entry.path, name))
            elif entry.is_file():
                content, size = _digest_file(entry.path, sync)
                total += size
                kind = "x" if entry.stat().st_mode & stat.S_IXUSR else "f"
            else:
                raise OSError(errno.EINVAL, f"`{name[1:]}` in it is neither a file nor a folder")
            # No name holds a NUL, so that two folders that differ give two texts.
            state.update(b"%b\0%b\0%b\0" % (os.fsencode(name), kind.encode(), os.fsencode(content)))
        if sync:
            _sync(at)
    return state.hexdigest(), total


def digest_file(path: str | Path) -> str:
    """The digest of a file's bytes. Raises OSError."""
    return _digest_file(path, False)[0]


def _digest_file(path: str | Path, sync: bool) -> tuple[str, int]:
    state = blake2b(digest_size=DIGEST_BYTES)
    size = 0
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            state.update(piece)
            size += len(piece)
        if sync:
            os.fsync(file.fileno())
    return state.hexdigest(), size


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_planned(path: str, file: PlannedFile | PlannedRemoval) -> bool:
    """Whether what is at a path is the planned output.

    By its digest: file systems give the inode of a file that was removed to the next one that is made.
    """
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_size != file.size):
            return False
        return _describe(path, sync=False) == (file.digest, file.size)
    except OSError:
        return False


def _is_kept(final: str) -> bool:
    """Whether a path is one of the store, from which what nobody refers to is removed."""
    folder = os.path.dirname(final)
    return os.path.basename(folder) == "store" and os.path.basename(os.path.dirname(folder)) == STATE_FOLDER


def _make_parents(final: str) -> list[str]:
    """Make the folders above a path; gives those whose entries change by that and by what is to stand there."""
    parent = os.path.dirname(final)
    changed = [parent]
    if not os.path.isdir(parent):
        at = parent
        while not os.path.isdir(at):
            at = os.path.dirname(at)
            changed.append(at)
        os.makedirs(parent, exist_ok=True)
    return changed


def _move(scratch: str, final: str) -> None:
    is_folder = os.path.isdir(scratch)
    if is_folder and os.path.isdir(final) and not os.path.islink(final):
        _replace_folder(scratch, final)
        return
    try:
        os.rename(scratch, final)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_over(scratch, final, is_folder)


def _replace_folder(scratch: str, final: str) -> None:
    from .exchange import exchange

    if exchange(scratch, final):
        drop(scratch)
        return
    # A crash between the two renames leaves no final folder: the scratch, still there, is then renamed by `redo`.
    aside = aside_of(final)
    drop(aside)
    os.rename(final, aside)
    os.rename(scratch, final)
    drop(aside)


def _copy_over(scratch: str, final: str, is_folder: bool) -> None:
    """Where one disk is mounted twice a rename between the two fails although the device is the same."""
    beside = beside_of(final)
    drop(beside)
    try:
        if is_folder:
            shutil.copytree(scratch, beside, symlinks=True)
        else:
            shutil.copy2(scratch, beside)
        _describe(beside, sync=True)
        os.rename(beside, final)
    except OSError:
        drop(beside)
        raise
    drop(scratch)


def extension(path: Path) -> str:
    """Programs choose a format by it: `.csv`, and `.tar.gz` whole. None where it is too long to be one."""
    suffixes = path.suffixes
    found = "".join(suffixes[-2:]) if suffixes[-2:-1] == [".tar"] else path.suffix
    return found if len(found) <= _EXTENSION_MAX else ""


def _unpublishable(path: Path, error: OSError) -> CascadeError:
    return fail(
        "CSC714",
        f"the output `{path}` cannot be published: {error.strerror or error}",
        help="make room, or remove what stands in the way, and run again",
    )
