"""Where the nodes of a run publish: no path twice, and none inside a folder that another node publishes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..ir.graph import NodeKey


class Destinations:
    """The final paths of a run's nodes, all below the project's folder."""

    __slots__ = ("_around", "_finals", "_project")

    def __init__(self, project: str, published: Mapping[str, NodeKey]) -> None:
        self._project = project
        self._finals: dict[str, NodeKey] = {}
        self._around: dict[str, NodeKey] = {}
        """Folders in which something is published → the first node that did so."""
        for path, node in published.items():
            self.take(path, node)

    def take(self, path: str, node: NodeKey) -> NodeKey | None:
        """Let a node publish an absolute path; or the other node that publishes it, what lies in it or what it lies in."""
        holder = self._finals.get(path, self._around.get(path, node))
        folders: list[str] = []
        outer = os.path.dirname(path)
        while holder == node and len(outer) > len(self._project):
            holder = self._finals.get(outer, node)
            folders.append(outer)
            outer = os.path.dirname(outer)
        if holder != node:
            return holder
        self._finals[path] = node
        for folder in folders:
            self._around.setdefault(folder, node)
        return None
