"""Which bindings of a block each of its statements needs, and an order in which they can be typed.

Reads the tree and the names of the block; writes nothing. Statements come back in an order in which a binding stands
before its uses, the order of the file where that is one; bindings on a cycle come back apart, whole cycles at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from . import ast
from .node import Node, fields


def bound_name(statement: ast.Statement) -> str | None:
    """The name that a statement binds in its block."""
    return statement.name.name if isinstance(statement, ast.Binding) else None


def free_names(node: Node) -> Iterator[str]:
    """What `free_uses` gives, as text."""
    return (use.name for use in free_uses(node))


def free_uses(node: Node) -> Iterator[ast.Name]:
    """Names that a piece of the tree uses and does not bind itself, in order of appearance, repeats included.

    Names of tasks and functions are among them. What stands in a `with` belongs to the task and is not looked at.
    """
    stack: list[tuple[object, frozenset[str]]] = [(node, frozenset())]
    while stack:
        at, hidden = stack.pop()
        match at:
            case ast.Name(name=name):
                if name not in hidden:
                    yield at
            case ast.ListComp() | ast.DictComp():
                inner = hidden
                steps: list[tuple[object, frozenset[str]]] = []
                for clause in at.clauses:
                    steps.append((clause.source, inner))
                    inner = inner | {n.name for n in clause.names}
                    steps.append((clause.condition, inner))
                results = (at.element,) if isinstance(at, ast.ListComp) else (at.key, at.value)
                steps += [(result, inner) for result in results]
                stack.extend(reversed(steps))
            case ast.ForStatement():
                local = {n for s in at.body if (n := bound_name(s)) is not None}
                inner = hidden | {n.name for n in at.names} | local
                stack.append((at.body, inner))
                stack.append((at.source, hidden))
            case ast.Call():
                stack.append((at.after, hidden))
                stack.append((at.args, hidden))
                stack.append((at.function, hidden))
            case ast.Arg():
                stack.append((at.value, hidden))
            case Node():
                stack.extend((value, hidden) for _, value in reversed(fields(at)))
            case tuple():
                stack.extend((value, hidden) for value in reversed(at))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            case _:
                pass


def expressions_in(expr: ast.Expr) -> Iterator[ast.Expr]:
    """The expressions that stand directly in one, whatever its form."""
    stack: list[object] = [value for _, value in reversed(fields(expr))]
    while stack:
        at = stack.pop()
        match at:
            case ast.RecordField() | ast.Arg():
                yield at.value
            case ast.ForClause():
                yield at.source
                if at.condition is not None:
                    yield at.condition
            case tuple():
                stack.extend(reversed(at))  # pyright: ignore[reportUnknownArgumentType]
            case _ if isinstance(at, ast.Expr):
                yield at
            case _:
                pass


def in_order(
    statements: Sequence[ast.Statement], also_needs: Callable[[str], Sequence[str]]
) -> tuple[list[ast.Statement], list[list[ast.Binding]]]:
    """(statements in an order of use, cycles). `also_needs`: what using a name of a task needs beside it."""
    binders: dict[str, ast.Binding] = {}
    for statement in statements:
        if isinstance(statement, ast.Binding):
            binders.setdefault(statement.name.name, statement)
    needs: dict[ast.Statement, list[ast.Binding]] = {}
    for statement in statements:
        used: dict[str, None] = {}
        for name in free_names(statement.value if isinstance(statement, ast.Binding) else statement):
            if name in binders:
                used[name] = None
            else:
                used.update((n, None) for n in also_needs(name) if n in binders)
        needs[statement] = [binders[n] for n in used]
    order: list[ast.Statement] = []
    cycles: list[list[ast.Binding]] = []
    state: dict[ast.Statement, bool] = {}
    """False: on the way; True: done."""
    for first in statements:
        if first in state:
            continue
        path: list[ast.Statement] = [first]
        left = [iter(needs[first])]
        state[first] = False
        while path:
            for needed in left[-1]:
                if needed not in state:
                    state[needed] = False
                    path.append(needed)
                    left.append(iter(needs[needed]))
                    break
                if not state[needed]:
                    cycles.append([s for s in path[path.index(needed) :] if isinstance(s, ast.Binding)])
            else:
                left.pop()
                done = path.pop()
                state[done] = True
                order.append(done)
    return order, cycles
