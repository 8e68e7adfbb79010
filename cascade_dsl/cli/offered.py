"""What a program offers to a command line: its params, targets and scopes, remembered until the file changes.

At a TAB nobody waits for a compiler: what it found is kept in the user's cache. Of a file that has errors, as it has while
somebody works on it, what it offered before is offered still.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..ir.graph import Graph
    from ..ir.types import Type

_VERSION = 1
_KEPT_MAX = 200


class Offered:
    """`params`: name, option, kind (file, dir, bool, other), choices, many, about. `targets` and `scopes`: (name, about)."""

    __slots__ = ("params", "scopes", "targets")

    def __init__(self, params: list[dict[str, Any]], targets: list[list[str]], scopes: list[list[str]]) -> None:
        self.params = params
        self.targets = [(name, about) for name, about in targets]
        self.scopes = [(name, about) for name, about in scopes]


def offered(file: str) -> Offered:
    """What a program offers; nothing where there is no such file."""
    nothing = Offered([], [], [])
    if not file:
        return nothing
    path = os.path.realpath(os.path.expanduser(file))
    try:
        found = os.stat(path)
    except OSError:
        return nothing
    stamp = [_VERSION, path, found.st_mtime_ns, found.st_size]
    place = _place(path)
    kept = _read(place)
    if kept is not None and kept["stamp"] == stamp:
        return Offered(**kept["offered"])
    made = _compile(path)
    if made is None:
        nothing_yet: dict[str, Any] = {"params": [], "targets": [], "scopes": []}
        made = kept["offered"] if kept is not None and kept["stamp"][:2] == stamp[:2] else nothing_yet
    _write(place, {"stamp": stamp, "offered": made})
    return Offered(**made)


# ---- the cache --------------------------------------------------------------------------------------------------


def _place(path: str) -> str:
    from zlib import crc32

    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "cascade", "programs", f"{crc32(os.fsencode(path)):08x}.json")


def _read(place: str) -> dict[str, Any] | None:
    with suppress(OSError, ValueError, KeyError, TypeError), open(place, encoding="utf-8") as file:
        kept: dict[str, Any] = json.load(file)
        Offered(**kept["offered"])
        return kept if isinstance(kept["stamp"], list) else None
    return None


def _write(place: str, data: dict[str, Any]) -> None:
    """Never fails: a cache that cannot be written costs time only."""
    with suppress(OSError):
        folder = os.path.dirname(place)
        os.makedirs(folder, 0o700, exist_ok=True)
        beside = f"{place}.{os.getpid()}"
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(data, file)
        os.replace(beside, place)
        names = os.listdir(folder)
        if len(names) > _KEPT_MAX:
            paths = sorted((os.path.join(folder, name) for name in names), key=os.path.getmtime)
            for path in paths[: len(paths) - _KEPT_MAX // 2]:
                os.unlink(path)


# ---- the program ------------------------------------------------------------------------------------------------


def _compile(path: str) -> dict[str, Any] | None:
    from pathlib import Path

    from ..api import load_graph
    from ..base.diagnostics import CascadeError

    try:
        return _offer(load_graph(Path(path)))
    except CascadeError:
        return None


def _offer(graph: Graph) -> dict[str, Any]:
    from ..ir.graph import Call, Output, Param, walk
    from ..ir.scopes import scopes_of
    from .about import option_of

    params: list[dict[str, Any]] = []
    for node in graph.nodes:
        if isinstance(node, Param):
            kind, choices, many = _kind(node.type)
            option = option_of(node.name)
            about = " ".join(node.doc.split()) or str(node.type)
            params.append(
                {"name": node.name, "option": option, "kind": kind, "choices": choices, "many": many, "about": about}
            )
    calls = [node for node in walk(graph.nodes) if isinstance(node, Call)]
    docs = {task.name: " ".join(task.doc.split()) for task in graph.tasks}
    targets: dict[str, str] = {}
    for node in graph.nodes:
        if isinstance(node, Output):
            targets[node.name] = " ".join(node.doc.split()) or "output"
    for node in graph.nodes:
        if not isinstance(node, Param) and node.name.isidentifier():  # `top#2` and `x.f` are names of ours
            targets.setdefault(node.name, docs.get(node.task, "") if isinstance(node, Call) else "")
    for name in sorted({call.task for call in calls}):
        targets.setdefault(name, docs.get(name) or "task")
    scopes = [[scope, docs.get(scope.removeprefix("task:"), "")] for scope in scopes_of(graph)]
    return {"params": params, "targets": [*map(list, targets.items())], "scopes": scopes}


def _kind(type_: Type) -> tuple[str, list[str], bool]:
    """What completes a value of this type, and whether the option may stand again."""
    from ..ir.types import ChoiceType, ListType, OptionalType, Scalar

    match type_:
        case OptionalType(inner):
            return _kind(inner)
        case ListType(Scalar("file" | "dir" as name)):
            return name, [], True
        case ListType(ChoiceType(options)):
            return "other", list(options), True
        case ListType(Scalar()):
            return "other", [], True
        case ChoiceType(options):
            return "other", list(options), False
        case Scalar("file" | "dir" | "bool" as name):
            return name, [], False
        case _:
            return "other", [], False
