"""`raw(…)` of what whoever starts the run decides: a param, or something built from one."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.expr import refs
from ..ir.graph import Call, Compute, FanOut, Item, Node, Param, walk
from ..ir.text import bound_items
from .outputs import variables_in
from .scripts import RawUse
from .symbols import Report


def warn_of_raws(report: Report, uses: Sequence[RawUse], nodes: Sequence[Node]) -> None:
    """A warning for each `raw` into which the text of a param comes, through bindings and calls."""
    if not uses:
        return
    by_id: dict[int, Node] = {}
    sources: dict[int, int] = {}
    calls: dict[str, list[Call]] = {}
    for node in walk(tuple(nodes)):
        by_id[node.id] = node
        for item in bound_items(node):
            by_id[item.id] = item
            if isinstance(node, FanOut):
                sources[item.id] = node.source
        if isinstance(node, Call):
            calls.setdefault(node.task, []).append(node)
    for use in uses:
        param = _param_of(use, by_id, sources, calls)
        if param is not None:
            report.warn(
                "CSCW341",
                use.span,
                f"`raw` makes the param `{param}` a part of the script: whoever sets it can run what they like",
                help="leave `raw` out, so that it is a value",
            )


def _param_of(use: RawUse, by_id: dict[int, Node], sources: dict[int, int], calls: dict[str, list[Call]]) -> str | None:
    found: list[int] = list(refs(use.expr))
    used = variables_in(use.expr)
    for call in calls.get(use.task, []):
        for name, argument in call.args:
            if name in used:
                found += refs(argument)
    seen: set[int] = set()
    while found:
        at = found.pop()
        if at in seen:
            continue
        seen.add(at)
        node = by_id.get(at)
        match node:
            case Param():
                return node.name
            case Compute():
                found += refs(node.expr)
            case Item() if node.id in sources:
                found.append(sources[node.id])
            case FanOut() if node.result is not None:
                found.append(node.result)
            case _:
                pass
    return None
