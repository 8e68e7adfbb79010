"""Where the nodes of a run publish: no path twice, and none inside a folder that another node publishes."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..ir.graph import NodeKey


class Destinations:
    """The final paths of a run's nodes, all below the project's folder. Two paths to one place through links are one."""

    __slots__ = ("_around", "_finals", "_outers", "_project", "_real")

    def __init__(self, project: str, published: Mapping[str, NodeKey]) -> None:
        self._project = os.path.realpath(project)
        self._real: dict[str, str] = {}
        """Folders, and where they really are."""
        self._outers: dict[str, tuple[str, ...]] = {}
        self._finals: dict[str, NodeKey] = {}
        self._around: dict[str, NodeKey] = {}
        """Folders in which something is published → the first node that did so."""
        for path, node in published.items():
            self.take(path, node)

    def place(self, path: str) -> str:
        """Where an absolute path leads: its folder without links. What stands at the path itself may be a link, and is replaced."""
        folder, _, name = path.rpartition("/")
        real = self._real.get(folder)
        if real is None:
            real = self._real[folder] = os.path.realpath(folder or "/").rstrip("/")
        return f"{real}/{name}"

    def other(self, path: str, node: NodeKey) -> NodeKey | None:
        """Another node that publishes an absolute path, what lies in it or what it lies in."""
        return self._other(self.place(path), node)

    def _other(self, at: str, node: NodeKey) -> NodeKey | None:
        holder = self._finals.get(at) or self._around.get(at, node)
        if holder == node:
            for outer in self._outer(at):
                holder = self._finals.get(outer, node)
                if holder != node:
                    break
        return None if holder == node else holder

    def take(self, path: str, node: NodeKey) -> NodeKey | None:
        """Let a node publish an absolute path; or the other node that has it, as `other` says."""
        at = self.place(path)
        holder = self._other(at, node)
        if holder is not None:
            return holder
        self._finals[at] = node
        outer = self._outer(at)
        if outer and outer[0] not in self._around:
            for one in outer:
                self._around.setdefault(one, node)
        return None

    def _outer(self, at: str) -> tuple[str, ...]:
        """The folders around a place, as far as they lie below the project's, the nearest first."""
        folder = at.rpartition("/")[0]
        known = self._outers.get(folder)
        if known is None:
            found: list[str] = []
            one = folder
            while len(one) > len(self._project):
                found.append(one)
                one = one.rpartition("/")[0]
            known = self._outers[folder] = tuple(found)
        return known
