"""What `cascade run --dry-run` shows: the calls that would be made, and how often as far as that is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..ir.graph import Call, FanOut, Graph, Json, Node, Param, bodies
from ..values.typing import is_list


def dry_lines(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """One line for each of `dry_rows`, as a table."""
    wide = max((len(name) for name, _, _ in rows), default=0)
    tall = max((len(task) for _, task, _ in rows), default=0)
    yield from (f"{name:<{wide}}  {task:<{tall}}  {often}" for name, task, often in rows)


def dry_rows(graph: Graph, params: Mapping[str, Json]) -> list[tuple[str, str, str]]:
    """The node, the task and how often, for each call of the graph in the order of the program."""
    names = {node.id: node.name for node in graph.nodes}
    lengths = {
        node.id: len(params[node.name])
        for node in graph.nodes
        if isinstance(node, Param) and is_list(params[node.name])
    }
    return list(_rows(graph.nodes, names, lengths, "once"))


def _rows(
    nodes: tuple[Node, ...], names: dict[int, str], lengths: dict[int, int], often: str
) -> Iterator[tuple[str, str, str]]:
    for node in nodes:
        names.setdefault(node.id, node.name)
    for node in nodes:
        if isinstance(node, Call):
            yield node.name, node.task, often
        elif isinstance(node, FanOut):
            known = lengths.get(node.source)
            if known is None:
                inner = f"for each of {names.get(node.source, 'a list')}"
            else:
                inner = f"{known} times"
                if node.condition is None:
                    lengths[node.id] = known
            if node.condition is not None:
                inner += " at most"
            if often != "once":
                inner = f"{inner}, {often}"
            for item in node.items:
                names[item.id] = item.name
            for body in bodies(node):
                yield from _rows(body, names, lengths, inner)
