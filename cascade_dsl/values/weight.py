"""Which expressions the interpreter's own loop may evaluate, and which go to a worker with a deadline."""

from __future__ import annotations

from ..ir.expr import Apply, Comprehension, Expr, Lit, children
from .functions import FUNCTIONS
from .typing import is_int

MAX_ELEMENTS_IN_LOOP = 10_000

_LIGHT = frozenset(
    {
        "len",
        "file",
        "dir",
        "basename",
        "dirname",
        "stem",
        "ext",
        "str",
        "int",
        "float",
        "abs",
        "round",
        "lower",
        "upper",
    }
    | {"strip", "starts_with", "ends_with", "opt", "format", "round_up"}
)
"""Functions whose work does not grow with the number of elements of a list."""


def reads(expr: Expr) -> bool:
    """It uses a function that looks at files, the environment or the clock: evaluated once a run, recorded."""
    return any(isinstance(e, Apply) and e.function in FUNCTIONS and FUNCTIONS[e.function].reads for e in _parts(expr))


def needs_worker(expr: Expr, elements: int | None = None) -> bool:
    """It reads, uses a regular expression, or may go over more than 10 000 elements.

    `elements`: how many the values that it refers to have together, None where that is not known.
    """
    grows = 0
    for part in _parts(expr):
        if isinstance(part, Comprehension):
            grows = max(grows, len(part.clauses))
        if not isinstance(part, Apply) or part.function not in FUNCTIONS:
            continue
        row = FUNCTIONS[part.function]
        if row.reads or row.slow:
            return True
        if row.name == "range":
            sizes = [abs(a.value) for a in part.args if isinstance(a, Lit) and is_int(a.value)]
            if len(sizes) < len(part.args):
                return True
            elements = None if elements is None else elements + sum(sizes)
        if row.name not in _LIGHT:
            grows = max(grows, 1)
    return grows > 0 and (elements is None or elements**grows > MAX_ELEMENTS_IN_LOOP)


def _parts(expr: Expr) -> list[Expr]:
    out: list[Expr] = []
    stack: list[Expr] = [expr]
    while stack:
        at = stack.pop()
        out.append(at)
        stack.extend(children(at))
    return out
