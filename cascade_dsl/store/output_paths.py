"""Where outputs may go: inside the project, by name and through links, and not among what is Cascade's own."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from fnmatch import fnmatchcase
from glob import escape, has_magic
from pathlib import Path

from ..base.diagnostics import fail
from .live import STATE_FOLDER

ASIDE = ".cascade-old"
"""The end of the hidden name under which a folder stands that is about to be removed."""
_NAME_BYTES_MAX = 255
_PATH_BYTES_MAX = 4000
"""A path may have 4095 bytes; a few are left for the name of a copy beside it."""


def final_path(base: Path, text: str, *, folder: bool = False) -> Path:
    """The absolute path that an output's path means: CSC713 where it is not inside the project's folder `base`, CSC715
    where no file (or, with `folder`, folder) can have it."""
    message = f"the output path `{text}` is not inside the project's folder"
    if text and "\0" not in text:
        root = os.path.normpath(base).rstrip(os.sep) + os.sep
        path = os.path.normpath(text if os.path.isabs(text) else root + text)
        if path.startswith(root):
            own = next((part for part in path[len(root) :].split(os.sep) if is_own(part)), None)
            if own is None:
                _check_names(text, path, folder=folder)
                return Path(path)
            message = f"the output path `{text}` is in `{own}`, which is Cascade's own"
    raise fail(
        "CSC713",
        message,
        notes=(f"the project's folder is `{base}`",),
        help=f"give a path relative to that folder, as in `out/result.csv`, and not below `{STATE_FOLDER}`",
    )


def is_own(name: str) -> bool:
    """A part of a path that is Cascade's: its state, scratch beside outputs, what is about to be removed."""
    return name == STATE_FOLDER or name.startswith(f"{STATE_FOLDER}-") or (name[:1] == "." and name.endswith(ASIDE))


def _check_names(text: str, path: str, *, folder: bool) -> None:
    shown = text if len(text) <= 60 else f"{text[:59]}…"
    try:
        parts = os.fsencode(path).split(b"/")
    except UnicodeEncodeError:
        message = f"the output path {shown!a} is not text that a file can be named by"
    else:
        if max(map(len, parts)) > _NAME_BYTES_MAX or len(path) > _PATH_BYTES_MAX:
            message = f"the output path `{shown}` is too long: a name in it may have {_NAME_BYTES_MAX} bytes"
        elif not folder and (text.endswith("/") or os.path.basename(text) in (".", "..")):
            message = f"the output path `{shown}` names a folder, and the output is a file"
        else:
            return
    raise fail("CSC715", message, help="shorten what the path is made of, or use a name or a `hash()` of it")


def check_links(base: Path, path: Path) -> None:
    """CSC716 where links in the folders of an output's path lead out of the project, or into Cascade's own.

    What is kept in the store lies in the state already, wherever that is.
    """
    if path.is_relative_to(base / STATE_FOLDER):
        return
    real, root = os.path.realpath(path.parent), os.path.realpath(base)
    inside = real == root or real.startswith(root.rstrip(os.sep) + os.sep)
    if inside and not any(map(is_own, real[len(root) :].split(os.sep))):
        return
    shown = path.relative_to(base) if path.is_relative_to(base) else path
    raise fail(
        "CSC716",
        f"the output path `{shown}` leads to `{real}`, through a link, which is not inside the project's folder",
        notes=(f"the project's folder is `{base}`",),
        help="remove the link, or publish inside the project and copy what is there to where the link leads",
    )


def existing(folder: Path) -> Path:
    """A path, or the nearest above it at which something is."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


# ---- patterns ---------------------------------------------------------------------------------------------------


def literal(value: str) -> str:
    """A value as the part of a pattern that matches it alone."""
    return escape(value)


def check_pattern(base: Path, text: str) -> str:
    """A pattern of outputs as one relative to the project; CSC713, CSC715 as a path, CSC717 where it cannot be one."""
    root = os.path.normpath(base).rstrip(os.sep) + os.sep
    pattern = text[len(root) :] if text.startswith(root) else text
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if ".." in parts or (text.endswith("/") and parts):
        problem = "holds `..`" if ".." in parts else "ends in `/`"
        raise fail(
            "CSC717",
            f"the pattern `{text}` of an output {problem}",
            help='a pattern is relative to the project and names what matches: `"out/*.csv"`',
        )
    final_path(base, text, folder=True)
    return "/".join(parts)


def matching(root: Path, pattern: str, *, folders: bool = False) -> list[str]:
    """What matches a pattern in a folder, sorted: files, or with `folders` folders; relative to it.

    As `glob()` has it: `*`, `?`, `[…]` in a part, `**` for any number of folders, no part that begins with a dot unless
    the pattern says the dot. `**` does not go through links, and nothing of Cascade's own matches.
    """
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    found: set[str] = set()
    seen: set[tuple[str, int]] = set()
    stack = [("", 0)]
    while stack:
        at, index = stack.pop()
        if (at, index) in seen:
            continue
        seen.add((at, index))
        part, last = parts[index], index == len(parts) - 1
        if part == "**":
            if not last:
                stack.append((at, index + 1))
            for name, mode in _listed(root, at):
                if name[0] == ".":
                    continue
                path = f"{at}{name}"
                if last and _is_wanted(root, path, mode, folders):
                    found.add(path)
                if stat.S_ISDIR(mode):
                    stack.append((f"{path}/", index))
            continue
        names = _listed(root, at) if has_magic(part) else _named(root, at, part)
        for name, mode in names:
            if has_magic(part) and (not fnmatchcase(name, part) or (name[0] == "." and part[0] != ".")):
                continue
            if is_own(name):
                continue
            path = f"{at}{name}"
            if not last:
                if os.path.isdir(root / path):
                    stack.append((f"{path}/", index + 1))
            elif _is_wanted(root, path, mode, folders):
                found.add(path)
    return sorted(found)


def _is_wanted(root: Path, path: str, mode: int, folders: bool) -> bool:
    is_folder = os.path.isdir(root / path) if stat.S_ISLNK(mode) else stat.S_ISDIR(mode)
    return is_folder == folders


def _listed(root: Path, at: str) -> list[tuple[str, int]]:
    """Names in a folder with their kinds; none where it is gone, is none, or may not be read, as `glob()` has it."""
    found: list[tuple[str, int]] = []
    with suppress(OSError), os.scandir(root / at) as listing:
        for entry in listing:
            with suppress(OSError):  # another node may remove it at this instant
                found.append((entry.name, entry.stat(follow_symlinks=False).st_mode))
    return found


def _named(root: Path, at: str, name: str) -> list[tuple[str, int]]:
    try:
        return [(name, os.lstat(root / f"{at}{name}").st_mode)]
    except OSError:
        return []


Stamp = tuple[int, int, int, int]
"""What changes when a file is written, whoever sets its time: device, inode, time of change, size."""


def stamps(root: Path, pattern: str) -> dict[str, Stamp]:
    """What matches now, to be compared with what matches later."""
    return {path: found for path in matching(root, pattern) if (found := _stamp(root / path)) is not None}


def written_since(root: Path, pattern: str, before: dict[str, Stamp]) -> list[str]:
    """What matches and is new, or not what it was."""
    return [path for path, stamp in stamps(root, pattern).items() if before.get(path) != stamp]


def _stamp(path: Path) -> Stamp | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size
