"""`cache ls`, `rm`, `gc` and `verify`, and the bound that a run keeps at its end."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base.diagnostics import fail
from ..base.quantity import NS_PER_S, parse_size, show_size
from ..base.spellings import spellings
from ..base.suggest import did_you_mean, nearest
from ..store.cache import Entry
from ..store.results import Unreadable, read_entries, stored_of
from ..store.runs import Project
from ..store.sweeping import size_of
from ..store.trimming import Trimmed, forget, size_now, trim, unreadable, verify
from .cleaning import older_of
from .history import project_here
from .parse import Parsed, misuse

ACTIONS = {
    "ls": "List the results that are kept, of a node or task.",
    "rm": "Forget results, by node, task or recipe.",
    "gc": "Forget what was wanted least recently.",
    "verify": "Read all that results stand for; drop what is damaged.",
}
MAX_VARIABLE = "CASCADE_CACHE_MAX"
_ONLY_GC = ("--max-size", "--older")
_RECIPE_SHOWN = 12
_RECIPE_LEAST = 6
_NEAR = 5


def cache(parsed: Parsed) -> int:
    """One of the actions of `cascade cache`."""
    action, *names = parsed.args
    if action not in ACTIONS:
        help = did_you_mean(action, ACTIONS) or f"it is one of {', '.join(ACTIONS)}"
        raise misuse(parsed.verb, f"`cascade cache` has no action `{action}`", help)
    for option in _ONLY_GC:
        if option in parsed.values and action != "gc":
            raise misuse(parsed.verb, f"`{option}` goes with `cascade cache gc` only")
    if "--dry-run" in parsed.flags and action not in ("rm", "gc"):
        raise misuse(parsed.verb, f"`cascade cache {action}` has no use for `--dry-run`: it {_KEEPS[action]}")
    if names and action in ("gc", "verify"):
        raise misuse(parsed.verb, f"`cascade cache {action}` has no use for `{names[0]}`")
    if action == "rm" and not names:
        raise misuse(
            parsed.verb, "`cascade cache rm` needs a node, a task or a recipe", "`cascade cache ls` lists them"
        )
    project = project_here()
    if project is None:
        if "--json" in parsed.flags:
            print(json.dumps({"results": []}))
        print("no program was run in this folder yet", file=sys.stderr)
        return 0
    match action:
        case "ls":
            return _ls(parsed, project, names)
        case "rm":
            return _rm(parsed, project, names)
        case "gc":
            return _gc(parsed, project)
        case _:
            return _verify(parsed, project)


_KEEPS = {"ls": "changes nothing", "verify": "only drops what can no longer be used"}


# ---- which ------------------------------------------------------------------------------------------------------


def _entries(project: Project) -> list[Entry]:
    try:
        return read_entries(project)
    except Unreadable as error:
        raise unreadable(error) from error


def _chosen(entries: Sequence[Entry], names: Sequence[str]) -> list[Entry]:
    """The results that are meant, CSC735 for a name that is none: a node, the name of a list, a task, or a recipe's beginning."""
    found: dict[int, Entry] = {}
    for name in names:
        spelled = set(spellings(name))
        mine = [
            entry
            for entry in entries
            if entry.node in spelled
            or entry.task == name
            or entry.node.partition("[")[0] == name
            or (len(name) >= _RECIPE_LEAST and entry.recipe.startswith(name))
        ]
        if not mine:
            known = [name for entry in entries for name in (entry.node, entry.task)]
            near = ", ".join(f"`{each}`" for each in nearest(name, known, _NEAR))
            help = f"near to it: {near}" if near else "`cascade cache ls` lists what is kept"
            raise fail("CSC735", f"no result is kept of `{name}`", help=help)
        found |= {entry.id: entry for entry in mine}
    return [entry for entry in entries if entry.id in found]


def _size(project: Project, entry: Entry) -> int:
    """The bytes of what a result holds: its files, published ones too, and its value where that is not their names."""
    files = sum(file.size for file in entry.files)
    if entry.blob is not None:
        return files + size_of(project.blobs.path(entry.blob))
    return files or len((entry.value or "").encode())


# ---- ls ---------------------------------------------------------------------------------------------------------


def _ls(parsed: Parsed, project: Project, names: list[str]) -> int:
    entries = _entries(project)
    if names:
        entries = _chosen(entries, names)
    if "--json" in parsed.flags:
        print(json.dumps({"results": [_json(project, entry) for entry in entries]}, ensure_ascii=False))
        return 0
    if not entries:
        print("no result is kept in this folder yet", file=sys.stderr)
        return 0
    from ..report.cells import cut_middle, printable
    from ..report.past import clock, columns

    table = [("NODE", "TASK", "WHEN", "SIZE", "RUN", "RECIPE", "FILE")]
    for entry in entries:
        table.append(
            (
                cut_middle(printable(entry.node), 40),
                entry.task,
                clock(entry.t_ns),
                show_size(_size(project, entry)),
                entry.run,
                entry.recipe[:_RECIPE_SHOWN],
                printable(entry.file),
            )
        )
    print("\n".join(columns(table, right=(3,))))
    return 0


def _json(project: Project, entry: Entry) -> dict[str, Any]:
    return {
        "node": entry.node,
        "task": entry.task,
        "file": entry.file,
        "made": entry.t_ns / NS_PER_S,
        "used": entry.used_ns / NS_PER_S,
        "bytes": _size(project, entry),
        "run": entry.run,
        "recipe": entry.recipe,
        "files": [{"path": f.path, "bytes": f.size, "digest": f.digest} for f in entry.files],
        "stored": [str(path.relative_to(project.folder)) for path in stored_of(project, entry)],
    }


# ---- rm, gc -----------------------------------------------------------------------------------------------------


def _rm(parsed: Parsed, project: Project, names: list[str]) -> int:
    dry = "--dry-run" in parsed.flags
    chosen = _chosen(_entries(project), names)
    done = forget(project, [entry.id for entry in chosen], dry=dry)
    return _say(parsed, project, done, dry)


def _gc(parsed: Parsed, project: Project) -> int:
    dry = "--dry-run" in parsed.flags
    older_ns = older_of(parsed)
    most = size_option(parsed)
    if most is None and older_ns is None:
        most = bound_of_environment()
        if most is None:
            most = bound_of_project(project.folder)
        if most is None:
            raise misuse(
                parsed.verb,
                "`cascade cache gc` needs `--max-size` or `--older`",
                f"`--max-size 10GB`, `--older 30d`; or set {MAX_VARIABLE}, or `max_size` in `cascade.toml`, to which every run keeps at its end too",
            )
    before_ns = None if older_ns is None else time.time_ns() - older_ns
    return _say(parsed, project, trim(project, max_bytes=most, before_ns=before_ns, dry=dry), dry, most)


def size_option(parsed: Parsed, option: str = "--max-size") -> int | None:
    """The value of an option that is a size; CSC504 where it is none."""
    text = parsed.values.get(option)
    if text is None:
        return None
    found = parse_size(text)
    if found is None:
        raise misuse(parsed.verb, f"`{option}` is a size, not `{text}`", "write it as 10GB, 500MB or 64MiB")
    return found


def bound_of_environment() -> int | None:
    """The size to which `.cascade/store` and `blobs` are kept; None where nobody says one, CSC504 where it is none."""
    text = os.environ.get(MAX_VARIABLE, "")
    if not text:
        return None
    found = parse_size(text)
    if found is None:
        raise fail("CSC504", f"{MAX_VARIABLE} is a size, not `{text}`", help="write it as 10GB, 500MB or 64MiB")
    return found


def bound_of_project(folder: Path) -> int | None:
    """The same as the configuration of a project says it; CascadeError where that is wrong."""
    if not (folder / "cascade.toml").exists():
        return None
    from ..runtime.configuration import read_configuration

    return read_configuration(folder).cache_max_bytes


def _say(parsed: Parsed, project: Project, done: Trimmed, dry: bool, most: int | None = None) -> int:
    if "--json" in parsed.flags:
        document = {
            "dry": dry,
            "results": [_json(project, entry) for entry in done.entries],
            "freed": done.freed_bytes,
            "later": sum(one.size_bytes for one in done.later),
            "left": done.left_bytes,
            "pinned": done.pinned_bytes,
        }
        print(json.dumps(document, ensure_ascii=False))
        return 0
    number = len(done.entries)
    verb = "would forget" if dry else "forgot"
    print(
        f"{verb} {number} result{'' if number == 1 else 's'}, {show_size(done.freed_bytes)} {'to be ' if dry else ''}freed; "
        f"{show_size(done.left_bytes)} {'would be left' if dry else 'left'}"
    )
    for line in _remarks(done, most):
        print(line, file=sys.stderr)
    return 0


def _remarks(done: Trimmed, most: int | None) -> list[str]:
    lines: list[str] = []
    later = sum(one.size_bytes for one in done.later)
    if later:
        lines.append(f"{show_size(later)} more go when no run is live: a run may just have been told of them")
    if most is not None and done.left_bytes - later > most and done.pinned_bytes:
        lines.append(
            f"{show_size(done.pinned_bytes)} are needed by runs that are live or can be gone on with: `cascade clean` removes these"
        )
    return lines


def keep_bound(folder: Path, most: int) -> None:
    """Bring the stored values and files of a project within a size, at the end of a run; what went is said on stderr."""
    project = Project(folder)
    if size_now(project) <= most:
        return
    done = trim(project, max_bytes=most, before_ns=None)
    if done.entries or done.objects:
        number = len(done.entries)
        print(
            f"cache: over {show_size(most)}: forgot {number} result{'' if number == 1 else 's'}, "
            f"freed {show_size(done.freed_bytes)}",
            file=sys.stderr,
        )
    for line in _remarks(done, most):
        print(f"cache: {line}", file=sys.stderr)


# ---- verify -----------------------------------------------------------------------------------------------------


def _verify(parsed: Parsed, project: Project) -> int:
    done = verify(project)
    if "--json" in parsed.flags:
        document = {
            "results": done.results,
            "objects": done.objects,
            "published": done.published,
            "wrong": [one._asdict() for one in done.wrong],
        }
        print(json.dumps(document, ensure_ascii=False))
        return 1 if done.wrong else 0
    for one in done.wrong:
        of = f", a result of {one.node}: forgotten" if one.node else ": removed"
        print(f"{one.what}: {one.path}{of}")
    print(
        f"{done.results} results with {done.objects} stored and {done.published} published "
        f"{'file' if done.published == 1 else 'files'}: {len(done.wrong) or 'none'} wrong"
    )
    return 1 if done.wrong else 0
