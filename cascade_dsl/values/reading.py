"""What the functions that read do: files, the environment, the clock. Evaluated outside the interpreter's process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from ..ir.graph import Json
from .faults import EvalError
from .operators import MAX_TEXT
from .pure import braces_of, text_of
from .typing import describe, is_list, parse_json


class World(Protocol):
    """What such a function sees of the world. Relative paths are below `folder`."""

    folder: str
    now_s: float
    environ: Mapping[str, str]


def _absolute(world: World, path: Json, name: str) -> str:
    text = text_of(path, name)
    if not text or "\0" in text:
        raise EvalError(f"{describe(text)} is no path")
    return os.path.join(world.folder, text)


def _fault(name: str, path: Json, error: OSError) -> EvalError:
    return EvalError(f"`{name}` cannot read {path}: {(error.strerror or str(error)).lower()}")


def _content(world: World, path: Json, name: str) -> str:
    try:
        with open(_absolute(world, path, name), "rb") as stream:
            data = stream.read(MAX_TEXT + 1)
    except OSError as error:
        raise _fault(name, path, error) from None
    if len(data) > MAX_TEXT:
        raise EvalError(f"`{name}` reads at most 64 MB, {path} is larger")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise EvalError(f"`{name}` wants UTF-8, {path} is not") from None


def absolute(world: World, path: Json) -> Json:
    """What a body sees of a file: a path that does not depend on its working directory."""
    if is_list(path):
        return [absolute(world, one) for one in path]
    return None if path is None else _absolute(world, path, "file")


def exists(world: World, path: Json) -> bool:
    return os.path.exists(_absolute(world, path, "exists"))


def size(world: World, path: Json) -> int:
    full = _absolute(world, path, "size")
    try:
        if not os.path.isdir(full):
            return os.stat(full).st_size
        return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(full) for name in names)
    except OSError as error:
        raise _fault("size", path, error) from None


def read(world: World, path: Json) -> str:
    return _content(world, path, "read")


def lines(world: World, path: Json) -> list[str]:
    return _content(world, path, "lines").splitlines()


def read_json(world: World, path: Json) -> Json:
    try:
        return parse_json(_content(world, path, "read_json"))
    except EvalError as error:
        raise EvalError(f"{path}: {error}") from None


def read_yaml(world: World, path: Json) -> Json:
    from .yaml_text import parse_yaml

    try:
        return parse_yaml(_content(world, path, "read_yaml"))
    except EvalError as error:
        raise EvalError(f"{path}: {error}") from None


def read_csv(world: World, path: Json) -> list[dict[str, str]]:
    import csv
    import io

    rows: list[dict[str, str]] = []
    try:
        for row in csv.DictReader(io.StringIO(_content(world, path, "read_csv"), newline=""), strict=True):
            found: dict[Any, Any] = row
            if None in found or None in found.values():
                count = "more" if None in found else "fewer"
                raise EvalError(f"{path}: row {len(rows) + 1} has {count} fields than the header")
            rows.append(row)
    except csv.Error as error:
        raise EvalError(f"{path}: row {len(rows) + 1}: {error}") from None
    return rows


def glob(world: World, pattern: Json) -> list[str]:
    from glob import glob as find

    text = text_of(pattern, "glob")
    if not text or "\0" in text:
        raise EvalError(f"{describe(text)} is no pattern of paths")
    found = find(text, root_dir=world.folder, recursive=True)
    return sorted(p for p in found if not os.path.isdir(os.path.join(world.folder, p)))


def pairs(world: World, pattern: Json) -> list[dict[str, Any]]:
    """`reads/*_{1,2}.fq` → [{id, files}]: what the wildcards matched, and a file for each word in braces."""
    import re

    before, words, after = braces_of(pattern)
    groups: dict[str, dict[str, str]] = {}
    for word in words:
        concrete = before + word + after
        shape = re.compile(
            "".join(_WILD.get(piece, re.escape(piece)) for piece in re.split(r"(\*\*/|\*|\?)", concrete))
        )
        for path in glob(world, concrete):
            match = shape.fullmatch(path)
            name = "_".join(g for g in match.groups() if g) if match else path
            groups.setdefault(name, {})[word] = path
    for name, files in groups.items():
        missing = [word for word in words if word not in files]
        if missing:
            raise EvalError(f"`pairs`: {name} has no file for {' and '.join(missing)}")
    return [{"id": name, "files": [groups[name][word] for word in words]} for name in sorted(groups)]


_WILD = {"**/": "(?:.*/)?", "*": "([^/]*)", "?": "([^/])"}


def env(world: World, name: Json, default: Json = None) -> Json:
    return world.environ.get(text_of(name, "env"), default)


def now(world: World) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(world.now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
