"""Files that a program or its params name, or that a node was given: no earlier result's file of that path is removed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import translate
from glob import has_magic
from typing import Any

from ..ir.expr import Apply, Expr, Lit, children
from ..ir.graph import Call, Compute, Graph, Param, walk

_PATH_MAX = 4096


class Named:
    """Paths below a project's folder. What is named is looked for in the graph when it is first asked.

    Text that is equal to a path names that path, a pattern what it matches; a value of type `dir`, and what a node was
    given, all that lies in it too.
    """

    __slots__ = ("_around", "_exact", "_graph", "_looked", "_params", "_patterns", "_project", "_whole")

    def __init__(self, graph: Graph, params: Callable[[], Mapping[str, Any]], project: str) -> None:
        self._graph = graph
        self._params = params
        self._project = project
        self._exact: set[str] = set()
        self._whole: set[str] = set()
        self._around: set[str] = set()
        """Folders in which something is named."""
        self._patterns: list[re.Pattern[str]] = []
        self._looked = False

    def renew(self, graph: Graph) -> None:
        """The run is of another text: what it names counts too."""
        self._graph = graph
        self._looked = False

    def add(self, paths: Iterable[str]) -> None:
        """Absolute paths that a node was given."""
        for path in paths:
            if path not in self._whole:
                self._whole.add(path)
                self._surround(path)

    def has(self, path: str) -> bool:
        """An absolute path is named, or something in it, or a folder in which it lies."""
        if not self._looked:
            self._looked = True
            self._look()
        if path in self._exact or path in self._around or any(pattern.match(path) for pattern in self._patterns):
            return True
        while len(path) > len(self._project):
            if path in self._whole:
                return True
            path = os.path.dirname(path)
        return False

    def _surround(self, path: str) -> None:
        outer = os.path.dirname(path)
        while len(outer) > len(self._project) and outer not in self._around:
            self._around.add(outer)
            outer = os.path.dirname(outer)

    def _look(self) -> None:
        for source in self._graph.sources:
            self._name(source.path, whole=False)
        params = self._params()
        for node in walk(self._graph.nodes):
            stack: list[Expr] = []
            if isinstance(node, Param):
                for text in _strings(params.get(node.name)):
                    self._name(text, whole="dir" in str(node.type))
            elif isinstance(node, Compute):
                stack = [node.expr]
            elif isinstance(node, Call):
                stack = [expr for _, expr in node.args]
            while stack:
                at = stack.pop()
                if isinstance(at, Apply) and at.function == "dir":
                    for one in at.args:
                        for text in _strings(one.value if isinstance(one, Lit) else None):
                            self._name(text, whole=True)
                if isinstance(at, Lit):
                    for text in _strings(at.value):
                        self._name(text, whole=False)
                stack.extend(children(at))

    def _name(self, text: str, *, whole: bool) -> None:
        if not text or "\0" in text or len(text) > _PATH_MAX:
            return
        path = os.path.normpath(os.path.join(self._project, text))
        (self._whole if whole else self._exact).add(path)
        self._surround(path)
        if has_magic(text):
            self._patterns.append(re.compile(translate(path)))


def _strings(value: Any) -> Iterator[str]:
    stack: list[Any] = [value]
    while stack:
        at = stack.pop()
        if isinstance(at, str):
            yield at
        elif isinstance(at, list):
            stack.extend(at)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(at, dict):
            stack.extend(at.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
