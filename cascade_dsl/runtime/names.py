"""Names of instances for people: `pages[oslo]`, `parts[a,0]`."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ..engine.handles import source_list
from ..engine.plan import Body, Site
from ..engine.state import Frame, State
from ..ir.graph import NodeKey
from .values import Values

_PLAIN = re.compile(r"[^\s\[\](){},.]{1,40}\Z")
_REMEMBERED = 64


class Names:
    """Labels by item where that is a short string or number or has an `id` or `name`, else by index.

    Elements of a stream are known by index: a name must be known when the instance starts, and which of two equal
    labels comes first is only known when all are there.
    """

    def __init__(self, state: State, values: Values) -> None:
        self._state = state
        self._values = values
        self._repeated: OrderedDict[NodeKey, dict[int, str] | None] = OrderedDict()

    def of(self, key: NodeKey) -> str:
        """The name of an instance."""
        site = self._state.plan.sites[key[0]]
        if len(key) == 1:
            return site.node.name
        labels: list[str] = []
        body, path = site.body, key[1:]
        while body.parent is not None:
            region = (body.region, *path[: body.depth - 1])
            frame = self._state.frames.get(region)
            index = path[body.depth - 1]
            labels.append(str(index) if frame is None else self._label(region, frame, index))
            body = body.parent.body
        name = site.node.name
        return f"{name}[{','.join(reversed(labels))}]" if labels else name

    def find(self, site: Site, labels: Sequence[str]) -> NodeKey | None:
        """The instance of a site with these labels, as far as the lists around it are open; None where there is none."""
        bodies: list[Body] = []
        body = site.body
        while body.parent is not None:
            bodies.append(body)
            body = body.parent.body
        if len(labels) != len(bodies):
            return None
        path: tuple[int, ...] = ()
        for body, label in zip(reversed(bodies), labels, strict=True):
            frame = self._state.frames.get((body.region, *path))
            index = _number(label) if frame is None else self._index(frame, label)
            if index is None:
                return None
            path = (*path, index)
        return (site.id, *path)

    def labels(self, region: NodeKey) -> list[str]:
        """The labels of a list that is open, in its order."""
        frame = self._state.frames[region]
        return [self._label(region, frame, index) for index in range(frame.count)]

    def _index(self, frame: Frame, label: str) -> int | None:
        if frame.source is not None or not frame.count:
            return _number(label)
        plain, _, repeated = label.rpartition("#")
        nth = _number(repeated) or 1
        seen = 0
        items = self._values.get(source_list(self._state, (frame.body.region, *frame.path)))
        for index, item in enumerate(items):
            own = label_of(item, index)
            if own == label:
                return index
            seen += own == plain
            if nth > 1 and own == plain and seen == nth:
                return index
        return None

    def _label(self, region: NodeKey, frame: Frame, index: int) -> str:
        if frame.source is not None:
            return str(index)
        if region not in self._repeated:
            self._repeated[region] = self._find_repeated(region)
            if len(self._repeated) > _REMEMBERED:
                self._repeated.popitem(last=False)
        repeated = self._repeated[region]
        if repeated is not None and index in repeated:
            return repeated[index]
        return label_of(self._values.get((source_list(self._state, region), index)), index)

    def _find_repeated(self, region: NodeKey) -> dict[int, str] | None:
        """Labels of the items whose plain label an earlier item has: the second `oslo` is `oslo#2`."""
        items = self._values.get(source_list(self._state, region))
        counts: dict[str, int] = {}
        repeated: dict[int, str] = {}
        for index, item in enumerate(items):
            label = label_of(item, index)
            count = counts[label] = counts.get(label, 0) + 1
            if count > 1:
                repeated[index] = f"{label}#{count}"
        return repeated or None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def label_of(item: Any, index: int) -> str:
    """The label of one item, repetition left aside."""
    if isinstance(item, dict):
        fields: dict[str, Any] = item  # pyright: ignore[reportUnknownVariableType]
        item = fields.get("id", fields.get("name"))
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, int):
        return str(item)
    if isinstance(item, str) and _PLAIN.match(item):
        return item
    return str(index)
