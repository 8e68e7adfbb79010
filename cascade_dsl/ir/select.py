"""The part of a graph that some targets need: what `cascade run FILE TARGET…` runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..base.diagnostics import CascadeError, Diagnostic
from ..base.suggest import did_you_mean
from .graph import Call, Graph, Node, Output, Param, bodies, walk
from .verify import needs, shared


def select(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph of what the named bindings, outputs or tasks need; the whole graph where no name is given.

    A task stands for every node at the top that calls it, itself or inside. Params, tasks, limits and what these two
    refer to stay, and so do outputs whose value is computed anyway. Raises CSC407 for a name that nothing has.
    """
    if not names:
        return graph
    nodes = {node.id: node for node in graph.nodes}
    called = {node.id: _tasks(node) for node in graph.nodes}
    wanted: list[int] = []
    unknown: list[Diagnostic] = []
    for name in names:
        found = _bound(graph, name) or [id for id, tasks in called.items() if name in tasks]
        unknown += [] if found else [_unknown(graph, name)]
        wanted += found
    if unknown:
        raise CascadeError(unknown)
    wanted += [id for id in shared(graph) if id in nodes]
    kept: set[int] = set()
    while wanted:
        id = wanted.pop()
        if id in kept:
            continue
        kept.add(id)
        wanted += [need for need in needs(nodes[id], graph) if need in nodes]
    for node in graph.nodes:
        if isinstance(node, Output) and node.node in kept:
            kept.add(node.id)
    return replace(graph, nodes=tuple(n for n in graph.nodes if n.id in kept or isinstance(n, Param)))


def calls_named(graph: Graph, names: Sequence[str]) -> frozenset[int]:
    """The calls that names stand for: of a binding or an output all calls in it, of a task all calls of it.

    Raises CSC407 for a name that nothing has.
    """
    nodes = {node.id: node for node in graph.nodes}
    wanted: set[int] = set()
    unknown: list[Diagnostic] = []
    for name in names:
        bound = _bound(graph, name)
        inside = [nodes[id] for id in bound]
        inside = [nodes[node.node] if isinstance(node, Output) and node.node in nodes else node for node in inside]
        every = (one for top in inside for one in (top, *(n for body in bodies(top) for n in walk(body))))
        found = {one.id for one in every if isinstance(one, Call)}
        if not bound:
            found = {one.id for one in walk(graph.nodes) if isinstance(one, Call) and one.task == name}
            if not found and name not in {task.name for task in graph.tasks}:
                unknown.append(_unknown(graph, name))
        wanted |= found
    if unknown:
        raise CascadeError(unknown)
    return frozenset(wanted)


def _bound(graph: Graph, name: str) -> list[int]:
    return [n.id for n in graph.nodes if n.name == name and not isinstance(n, Param)]


def _unknown(graph: Graph, name: str) -> Diagnostic:
    known = [n.name for n in graph.nodes if not isinstance(n, Param)] + [t.name for t in graph.tasks]
    return Diagnostic(
        code="CSC407",
        message=f"nothing in this program is called `{name}`",
        help=did_you_mean(name, known) or "a target is the name of a binding, an output or a task",
    )


def _tasks(node: Node) -> set[str]:
    inner = [one for body in bodies(node) for one in walk(body)]
    return {one.task for one in (node, *inner) if isinstance(one, Call)}
