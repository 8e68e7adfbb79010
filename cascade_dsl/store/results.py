"""The kept results as they stand in the cache's index, for verbs that list, remove or check them.

To list reads the index and writes nothing, so that what a run finished that was killed is not listed before the next run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from .cache import CACHE_FILE, CACHE_SCHEMA, Cache, Entry, entries_in
from .live import STATE_FOLDER
from .reading import open_locked
from .runs import Project


class Unreadable(Exception):
    """A journal, or the index of the cache, cannot be read: nothing that it may name can be said to be without use."""


def read_entries(project: Project) -> list[Entry]:
    """Every kept result, newest first; Unreadable where the index is damaged or of another version."""
    path = project.state / CACHE_FILE
    if not path.exists():
        return []
    try:
        with closing(open_locked(path)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:  # it is just being made
                return []
            if version != CACHE_SCHEMA:
                raise Unreadable(f"`{path}` was written by another version of Cascade")
            return entries_in(db)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise Unreadable(f"`{path}` cannot be read: {error}") from error


def bring_up_to_date(project: Project) -> None:
    """Take into the index what runs that died have finished, before what they left is judged."""
    cache = Cache(project)
    cache.entries()
    cache.close()


def stored_of(project: Project, entry: Entry) -> list[Path]:
    """Where the parts of a result lie that are kept in the state folder: its large value, its files without a path."""
    found = [project.blobs.path(entry.blob)] if entry.blob is not None else []
    for file in entry.files:
        if file.path.startswith(f"{STATE_FOLDER}/"):
            found.append(project.folder / file.path)
    return found


def digests_of(entries: Iterable[Entry]) -> Iterable[str]:
    """Texts in which all digests stand that results name."""
    for entry in entries:
        yield from (text for text in (entry.value, entry.blob) if text)
        if entry.files:
            yield json.dumps(entry.files)
