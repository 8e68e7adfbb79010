"""The scopes of a graph: what `cascade limit` may be said of."""

from __future__ import annotations

from .graph import Call, Graph, walk


def scopes_of(graph: Graph) -> list[str]:
    """Every scope that a sentence may name, globs left aside: global, tasks, tags, resources."""
    calls = [node.clauses for node in walk(graph.nodes) if isinstance(node, Call) and node.clauses is not None]
    tags = dict.fromkeys(tag for clauses in (*(t.clauses for t in graph.tasks), *calls) for tag in clauses.tags)
    return [
        "global",
        *(f"task:{task.name}" for task in graph.tasks),
        *(f"tag:{tag}" for tag in tags),
        *(resource.name for resource in graph.resources),
    ]
