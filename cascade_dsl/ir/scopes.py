"""The scopes of a graph: what `cascade limit` may be said of."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from .graph import Call, Clauses, Graph, TaskDef, walk
from .requirement import Scope


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


def sites_of(graph: Graph) -> Iterator[tuple[TaskDef, Clauses]]:
    """Each task with its clauses, and once more with those of each call that has a `with`."""
    tasks = {task.name: task for task in graph.tasks}
    yield from ((task, task.clauses) for task in graph.tasks)
    for node in walk(graph.nodes):
        if isinstance(node, Call) and node.clauses is not None and node.task in tasks:
            yield tasks[node.task], node.clauses


def in_scope(scope: Scope, task: str, clauses: Clauses) -> bool:
    """Whether a call of a task under such clauses is in a scope. Globs are case-sensitive; no call is in a flow yet."""
    match scope.kind:
        case "global":
            return True
        case "task":
            return fnmatchcase(task, scope.pattern)
        case "tag":
            return any(fnmatchcase(tag, scope.pattern) for tag in clauses.tags)
        case "flow":
            return False
        case "resource":
            return any(requirement.resource == scope.pattern for requirement in clauses.requires)
