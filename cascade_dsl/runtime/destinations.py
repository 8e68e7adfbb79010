"""Where the nodes of a run publish: no path twice, and none inside a folder that another node publishes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..ir.graph import NodeKey


class Destinations:
    """The final paths of a run's nodes, all below the project's folder. Two paths to one place through links are one."""

    __slots__ = ("_around", "_finals", "_project", "_real")

    def __init__(self, project: str, published: Mapping[str, NodeKey]) -> None:
        self._project = os.path.realpath(project)
        self._real: dict[str, str] = {}
        """Folders, and where they really are."""
        self._finals: dict[str, NodeKey] = {}
        self._around: dict[str, NodeKey] = {}
        """Folders in which something is published → the first node that did so."""
        for path, node in published.items():
            self.take(path, node)

    def place(self, path: str) -> str:
        """Where an absolute path leads: its folder without links. What stands at the path itself may be a link, and is replaced."""
        folder, name = os.path.split(path)
        real = self._real.get(folder)
        if real is None:
            real = self._real[folder] = os.path.realpath(folder)
        return os.path.join(real, name)

    def other(self, path: str, node: NodeKey) -> NodeKey | None:
        """Another node that publishes an absolute path, what lies in it or what it lies in."""
        at = self.place(path)
        holder = self._finals.get(at, self._around.get(at, node))
        outer = os.path.dirname(at)
        while holder == node and len(outer) > len(self._project):
            holder = self._finals.get(outer, node)
            outer = os.path.dirname(outer)
        return None if holder == node else holder

    def take(self, path: str, node: NodeKey) -> NodeKey | None:
        """Let a node publish an absolute path; or the other node that has it, as `other` says."""
        holder = self.other(path, node)
        if holder is not None:
            return holder
        at = self.place(path)
        self._finals[at] = node
        outer = os.path.dirname(at)
        while len(outer) > len(self._project):
            self._around.setdefault(outer, node)
            outer = os.path.dirname(outer)
        return None
