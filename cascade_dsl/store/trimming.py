"""What is taken out of the result cache, or found damaged in it: by name, by age, down to a size, or by its content.

Old results go with the values and files of `.cascade` that only they name. Of runs only those count that are live or may be gone
on with: what an ended run made is there to be reused, and may go. Published files are never touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..base.diagnostics import CascadeError, fail
from .cache import Cache, Entry, is_stored
from .clean import alone_or_shared
from .faults import unusable
from .history import past_run
from .publish import digest_path
from .results import Unreadable, bring_up_to_date, read_entries, stored_of
from .runs import Project
from .sweeping import Object, in_use, remove, size_of, unused
from .touching import touch

_OPEN = ("running", "interrupted", "cancelled", "drained", "stalled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """What went, or would go: results, and values and files of `.cascade`. `left_bytes`: how large these are now."""

    entries: tuple[Entry, ...]
    objects: tuple[Object, ...]
    later: tuple[Object, ...]
    """What goes only when no run is live that may just have been told of it."""
    left_bytes: int
    pinned_bytes: int
    """Of what is left, that which runs need that are live or may be gone on with."""

    @property
    def freed_bytes(self) -> int:
        return sum(one.size_bytes for one in self.objects)


class Wrong(NamedTuple):
    """A result, or a stored value or file, that is not what was kept. `what`: damaged, changed or gone."""

    path: str
    what: str
    node: str
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was looked at, and what of it is wrong and was dropped."""

    results: int
    objects: int
    published: int
    wrong: tuple[Wrong, ...]


def forget(project: Project, ids: Iterable[int], *, dry: bool = False) -> Trimmed:
    """Take results out of the cache, with what only they kept. CSC706, CSC733, CSC734."""
    wanted = set(ids)
    return _trimmed(project, lambda entry: entry.id in wanted, None, dry)


def trim(project: Project, *, max_bytes: int | None, before_ns: int | None, dry: bool = False) -> Trimmed:
    """Take out what was last wanted before an instant, then, least recently wanted first, what is over a size.

    CSC706, CSC733, CSC734.
    """
    return _trimmed(project, lambda entry: before_ns is not None and entry.used_ns < before_ns, max_bytes, dry)


def size_now(project: Project) -> int:
    """The bytes of all values and files in the state folder."""
    return size_of(project.state / "blobs") + size_of(project.store)


def _trimmed(project: Project, is_meant: Callable[[Entry], bool], max_bytes: int | None, dry: bool) -> Trimmed:
    try:
        if dry:
            alone = not any(run.is_live for run in project.runs())
            return _trim(project, is_meant, max_bytes, dry=True, alone=alone)
        with alone_or_shared(project) as alone:
            bring_up_to_date(project)
            return _trim(project, is_meant, max_bytes, dry=False, alone=alone)
    except Unreadable as error:
        raise unreadable(error) from error
    except OSError as error:
        raise unusable(project.state, error) from error


def unreadable(error: Unreadable) -> CascadeError:
    """CSC734 as a refusal."""
    return fail("CSC734", f"{error}", help="`cascade run` makes an index of the cache that cannot be read anew")


def _trim(
    project: Project, is_meant: Callable[[Entry], bool], max_bytes: int | None, *, dry: bool, alone: bool
) -> Trimmed:
    entries = read_entries(project)
    open_runs = [run for run in project.runs() if past_run(run).status in _OPEN]
    pinned = in_use(project, open_runs, ())
    out = [entry for entry in entries if is_meant(entry)]
    kept = [entry for entry in entries if not is_meant(entry)]
    if max_bytes is None:
        loose: list[Object] = []
    else:
        more, loose = _over(project, kept, pinned, in_use(project, (), out), max_bytes)
        out += more
        gone = {entry.id for entry in more}
        kept = [entry for entry in kept if entry.id not in gone]
    others = pinned | in_use(project, (), kept)
    freed = unused(project, others, alone=True, within=in_use(project, (), out))
    if not dry:
        cache = Cache(project)
        cache.remove(entry.id for entry in out)
        cache.close()
    later: list[Object] = []
    if alone and not dry:
        objects = [one for one in (*loose, *freed) if remove(one, alone=True)]
    elif alone:
        objects = [*loose, *freed]
    else:
        # A run may just have been told of such a result, and be about to say so in its journal.
        objects, later = [one for one in loose if dry or remove(one, alone=False)], freed
        for one in later if not dry else ():
            touch(one.path)
    left = size_now(project) - (sum(one.size_bytes for one in objects) if dry else 0)
    return Trimmed(
        entries=tuple(out),
        objects=tuple(objects),
        later=tuple(later),
        left_bytes=left,
        pinned_bytes=sum(one.size_bytes for one in unused(project, set(), alone=True, within=pinned)),
    )


def _over(
    project: Project, entries: Sequence[Entry], pinned: set[str], going: set[str], max_bytes: int
) -> tuple[list[Entry], list[Object]]:
    """The results that have to go, least recently wanted first, and objects without a result, so that the rest is within a size.

    `going`: what results name that go in any case.
    """
    sizes = {one.path.name[:64]: one for one in unused(project, set(), alone=True)}
    users: dict[str, int] = {}
    named: dict[int, set[str]] = {}
    for entry in entries:
        mine = named[entry.id] = in_use(project, (), (entry,)) & sizes.keys()
        for digest in mine:
            users[digest] = users.get(digest, 0) + 1
    free = {digest for digest in sizes if digest not in users and digest not in pinned}
    total = sum(one.size_bytes for digest, one in sizes.items() if not (digest in free and digest in going))
    loose: list[Object] = []
    # What no result names any more was made by runs that have ended: it goes before what can be reused.
    for digest in sorted(free - going, key=lambda digest: _changed_ns(sizes[digest].path)):
        if total <= max_bytes:
            break
        loose.append(sizes[digest])
        total -= sizes[digest].size_bytes
    out: list[Entry] = []
    for entry in sorted(entries, key=lambda entry: (entry.used_ns, entry.t_ns)):
        if total <= max_bytes:
            break
        if named[entry.id] - pinned:
            out.append(entry)
            for digest in named[entry.id] - pinned:
                users[digest] -= 1
                total -= 0 if users[digest] else sizes[digest].size_bytes
    return out, loose


def _changed_ns(path: Path) -> int:
    try:
        return os.lstat(path).st_ctime_ns
    except OSError:
        return 0


# ---- verify -----------------------------------------------------------------------------------------------------


def verify(project: Project) -> Verified:
    """Read all that results stand for, and drop what is not what was kept. CSC706, CSC733, CSC734."""
    try:
        with alone_or_shared(project) as alone:
            bring_up_to_date(project)
            return _verify(project, alone)
    except Unreadable as error:
        raise unreadable(error) from error
    except OSError as error:
        raise unusable(project.state, error) from error


def _verify(project: Project, alone: bool) -> Verified:
    entries = read_entries(project)
    wrong: list[Wrong] = []
    bad: set[str] = set()
    objects = unused(project, set(), alone=True)
    for one in objects:
        if not _is_whole(one.path):
            if one.path.name.endswith(".tmp"):
                continue
            bad.add(os.fspath(one.path))
    newest: dict[str, Entry] = {}
    for entry in reversed(entries):
        for file in entry.files:
            if not is_stored(file.path):
                newest[file.path] = entry
    gone: set[int] = set()
    published = 0
    named: set[str] = set()
    for entry in entries:
        for path in stored_of(project, entry):
            text = os.fspath(path)
            named.add(text)
            if text in bad or not os.path.lexists(path):
                what = "damaged" if text in bad else "gone"
                wrong.append(Wrong(_shown(project, path), what, entry.node, entry.task))
                gone.add(entry.id)
        for file in entry.files:
            if is_stored(file.path) or newest[file.path] is not entry:
                continue
            published += 1
            what = _state_of(project.folder / file.path, file.digest)
            if what:
                wrong.append(Wrong(file.path, what, entry.node, entry.task))
                # Of those before it, which it had replaced there, none stands either.
                gone.update(e.id for e in entries if any(f.path == file.path for f in e.files))
    wrong += [Wrong(_shown(project, Path(text)), "damaged", "", "") for text in sorted(bad - named)]
    cache = Cache(project)
    cache.remove(gone)
    cache.close()
    for text in bad:
        remove(Object(Path(text), 0), alone=True)
    return Verified(results=len(entries), objects=len(objects), published=published, wrong=tuple(wrong))


def _is_whole(path: Path) -> bool:
    try:
        return digest_path(path) == path.name[:64]
    except OSError:
        return False


def _state_of(path: Path, digest: str) -> str:
    """What is wrong with a published file; empty where nothing is."""
    try:
        return "" if digest_path(path) == digest else "changed"
    except FileNotFoundError:
        return "gone"
    except OSError:
        return "unreadable"


def _shown(project: Project, path: Path) -> str:
    with suppress(ValueError):
        return str(path.relative_to(project.folder))
    return str(path)
