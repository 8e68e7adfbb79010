"""Names of instances for people: `pages[oslo]`, `parts[a,0]`."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from ..engine.handles import source_list
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
