"""`cascade show-script`: what a node ran, in a form that a terminal takes."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING

from ..base.diagnostics import CascadeError, fail
from ..base.spellings import spellings
from ..base.suggest import did_you_mean
from .logs import known_names, open_journal
from .parse import Parsed
from .past import run_folder

if TYPE_CHECKING:
    from ..runtime.shown import Shown


def show_script(parsed: Parsed) -> int:
    """Print the script of a node's newest attempt with its folder and its environment."""
    from ..runtime.shown import CannotStart, NoScript, shown
    from ..store.journal import key_of
    from ..store.runs import Project, Run

    node = parsed.args[0]
    folder = run_folder(parsed.values.get("--run"))
    with closing(open_journal(folder)) as db:
        found = _newest(db, node)
        if found is None:
            raise fail(
                "CSC508",
                f"nothing in the run {folder.name} was started as `{node}`",
                help=did_you_mean(node, known_names(db))
                or "a node is called as its failure calls it: `pages[oslo]` or `pages.oslo`",
            )
    serial, key, name = found
    try:
        attempt = shown(Project(folder.parent.parent.parent), Run(folder), key_of(key), serial)
    except NoScript as error:
        raise _none(name, str(error)) from None
    except CannotStart as error:
        raise _none(name, f"it could not be started: {error}") from None
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(_head(attempt, name, folder)) + _script(attempt))
    sys.stdout.buffer.flush()
    return 0


def _none(name: str, why: str) -> CascadeError:
    return fail("CSC356", f"there is no script of `{name}`: {why}", help="`sh` and `exec` bodies have one")


def _newest(db: sqlite3.Connection, node: str) -> tuple[int, str, str] | None:
    for name in spellings(node):
        row = db.execute(
            "SELECT serial, key, name FROM attempts WHERE name = ? ORDER BY serial DESC LIMIT 1", (name,)
        ).fetchone()
        if row is not None:
            return int(row[0]), str(row[1]), str(row[2])
    return None


def _head(attempt: Shown, name: str, run: Path) -> str:
    """Comments, folders, and the command that reads what follows."""
    from ..runtime.places import FilePlace, GlobPlace

    lines = [f"# {name} ({attempt.task}), attempt {attempt.attempt} of run {run.name}"]
    if attempt.rereads:
        lines.append("# its body reads files, the environment or the clock: they were read again, now")
    for variable, secret in attempt.secrets:
        lines.append(f"# {variable} is the secret {secret}, which is not shown: export it first")
    folders = {attempt.cwd} if "/scratch/" in attempt.cwd else set[str]()
    for place in attempt.places:
        if isinstance(place, GlobPlace):
            lines.append(f"# {place.spec.name} is what matches {place.pattern} in {place.root}")
            continue
        target = f", which became {place.final}" if isinstance(place, FilePlace) and place.final is not None else ""
        lines.append(f"# {place.spec.name} is written at {place.scratch}{target}")
        folders.add(str(place.scratch.parent))
    lines = [" ".join(line.splitlines()) for line in lines]
    words = [f"{key}={value}" for key, value in attempt.env]
    lines += [f"mkdir -p {join(sorted(folders))} &&"] if folders else []
    lines.append(f"( cd {quote(attempt.cwd)} && env {_settings(words)} {join(attempt.argv)}")
    return "\n".join(lines)


def _settings(words: list[str]) -> str:
    """`NAME=value` for `env`, the name left bare."""
    pairs = (word.partition("=") for word in words)
    return " ".join(f"{name}={quote(value)}" for name, _, value in pairs)


def _script(attempt: Shown) -> bytes:
    """The script in a here-document, which changes nothing in it, or the end of the command where there is none."""
    if attempt.script is None:
        return b" </dev/null )\n"
    lines = set(attempt.script.split(b"\n"))
    end = b"CASCADE_END"
    while end in lines:
        end += b"_"
    return b" /dev/fd/3 3<<'" + end + b"' </dev/null )\n" + attempt.script + b"\n" + end + b"\n"
