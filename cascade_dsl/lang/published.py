"""Output paths that two nodes would share, as far as that is known before the run.

Reads the nodes as they were made; a path is known where all that it uses is constant in the call.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from ..ir.expr import Expr, Lit, refs
from ..ir.graph import Call, Clauses, FanOut, Node, OutputSpec, TaskDef, walk
from ..ir.text import bound_items
from ..ir.types import DIR, INT, STR, OptionalType
from ..values.evaluate import Env, evaluate
from ..values.faults import EvalError
from ..values.weight import reads
from . import ast
from .outputs import outside, variables_in
from .symbols import Report


def check_paths(
    report: Report,
    nodes: Sequence[Node],
    tasks: Mapping[str, TaskDef],
    calls: Mapping[int, ast.Call],
    paths: Mapping[tuple[str, str], ast.Expr],
    changed: Mapping[int, Clauses],
) -> None:
    """Reports paths that are published twice, and known ones that leave the project; warns of patterns that nodes share."""
    for task in tasks.values():
        _twins(report, task, paths)
    taken: dict[str, ast.Call] = {}

    def visit(body: Sequence[Node], inside: FanOut | None, varying: frozenset[int]) -> None:
        for node in body:
            if isinstance(node, FanOut):
                visit(node.body, node, varying | _own(node))
            elif isinstance(node, Call) and node.task in tasks and node.id in calls:
                for spec in tasks[node.task].outputs:
                    if spec.form == "glob":
                        clauses = changed.get(node.id, tasks[node.task].clauses)
                        if inside is not None and not clauses.scratch:
                            _shared(report, node, tasks[node.task], spec, varying, calls, paths)
                    elif spec.path is not None:
                        _one(report, node, tasks[node.task], spec, spec.path, inside, varying, taken, calls, paths)

    visit(nodes, None, frozenset())
    for path, call in taken.items():
        outer = next((p for p in _above(path) if p in taken), None)
        if outer is not None:
            report.error(
                "CSC420",
                call.span,
                f"`{path}` lies in `{outer}`, which is published as a whole",
                also=[(taken[outer].span, f"`{outer}` comes from here")] if taken[outer] is not call else (),
                help="publish the two side by side, in folders of their own",
            )


def _own(node: FanOut) -> frozenset[int]:
    """What differs from one instance of a fan-out to the next."""
    return frozenset(i.id for i in bound_items(node)) | {n.id for n in walk(node.body)}


def _above(path: str) -> Iterator[str]:
    """The folders of a path, the nearest first."""
    while path := posixpath.dirname(path):
        yield path


def _twins(report: Report, task: TaskDef, paths: Mapping[tuple[str, str], ast.Expr]) -> None:
    """Two outputs of one task with one path: whatever the call, the last would replace the first."""
    first: dict[Expr, OutputSpec] = {}
    for spec in task.outputs:
        if spec.path is None or first.setdefault(_plain(spec.path), spec) is spec:
            continue
        other = first[_plain(spec.path)]
        where, there = paths.get((task.name, spec.name)), paths.get((task.name, other.name))
        if where is not None and there is not None:
            report.error(
                "CSC420",
                where.span,
                f"the outputs `{other.name}` and `{spec.name}` of `{task.name}` have the same path",
                also=[(there.span, "here first")],
                help="give each output a path of its own",
            )


def _plain(path: Expr) -> Expr:
    """A path without what does not matter in it, as far as it is known."""
    return Lit(posixpath.normpath(path.value)) if isinstance(path, Lit) and isinstance(path.value, str) else path


def _shared(
    report: Report,
    node: Call,
    task: TaskDef,
    spec: OutputSpec,
    varying: frozenset[int],
    calls: Mapping[int, ast.Call],
    paths: Mapping[tuple[str, str], ast.Expr],
) -> None:
    """A pattern that all calls of a fan-out match in the project at once: each sees the files of the others."""
    assert spec.path is not None
    used = variables_in(spec.path)
    if any(ref in varying for name, expr in node.args if name in used for ref in refs(expr)):
        return
    where = paths.get((task.name, spec.name))
    report.warn(
        "CSCW362",
        calls[node.id].span,
        f"every call of `{task.name}` in this fan-out writes in place what one pattern matches",
        also=[] if where is None else [(where.span, "the pattern")],
        help=f"say `in scratch` in `{task.name}`: then each call has only its own files",
    )


def _one(
    report: Report,
    node: Call,
    task: TaskDef,
    spec: OutputSpec,
    path: Expr,
    inside: FanOut | None,
    varying: frozenset[int],
    taken: dict[str, ast.Call],
    calls: Mapping[int, ast.Call],
    paths: Mapping[tuple[str, str], ast.Expr],
) -> None:
    used = variables_in(path)
    args = {name: expr for name, expr in node.args if name in used}
    call = calls[node.id]
    where = paths.get((task.name, spec.name))
    also = [] if where is None else [(where.span, "the path")]
    if inside is not None:
        if not any(ref in varying for expr in args.values() for ref in refs(expr)):
            meant = None if where is None else foreign_place(where, [i.name for i in task.inputs])
            if meant is not None and where is not None:
                report.error(
                    "CSC420",
                    where.span,
                    f"every call of `{task.name}` publishes the same path: `{meant}` is plain text",
                    also=[(call.span, "called here for each item")],
                    help=f'write `{{{{{meant.strip("${}")}}}}}` in a string in `"`',
                )
                return
            report.error(
                "CSC420",
                call.span,
                f"every call of `{task.name}` in this fan-out publishes the same path",
                also=also,
                help=_mend(task),
            )
        elif not any(ref in _own(inside) for expr in args.values() for ref in refs(expr)):
            report.warn(
                "CSCW005",
                call.span,
                f"the path of `{task.name}` is the same for every item of its inner `for`",
                also=also,
                help=_mend(task, used),
            )
        return
    if "attempt" in used or reads(path) or any(not isinstance(e, Lit) for e in args.values()):
        return
    try:
        value = evaluate(path, Env({name: e.value for name, e in args.items() if isinstance(e, Lit)}))
    except EvalError:
        return
    if not isinstance(value, str):
        return
    problem = outside(value, whole=True, folder=_is_folder(spec))
    if problem and where is not None and not isinstance(path, Lit):
        report.error("CSC421", call.span, f"the path `{value}` of its output {problem}", also=also)
        return
    value = posixpath.normpath(value)
    first = taken.setdefault(value, call)
    if first is not call:
        report.error(
            "CSC420",
            call.span,
            f"`{value}` is published twice",
            also=[(first.span, "here first"), *also],
            help=_mend(task),
        )


def _is_folder(spec: OutputSpec) -> bool:
    return (spec.type.inner if isinstance(spec.type, OptionalType) else spec.type) == DIR


def _mend(task: TaskDef, used: Collection[str] = ()) -> str:
    if not task.inputs:
        return "bind the call once and use its name"
    name = next((i.name for i in task.inputs if i.name not in used and i.type in (STR, INT)), None)
    if name is not None:
        return f"let the path depend on what differs, such as `{{{{{name}}}}}`"
    return f"give `{task.name}` an input for it, `name: str`, and let the path depend on it: `{{{{name}}}}`"


def foreign_place(path: ast.Expr, names: Sequence[str]) -> str | None:
    """`{name}`, `${name}`, `$name`, or `{{name}}` in a raw string: how other languages write what is `{{name}}` here."""
    if not isinstance(path, ast.StringLit) or path.text is None:
        return None
    for found in _FOREIGN_PLACE.finditer(path.text):
        if (found[1] or found[2]) in names:
            return found[0]
    return None


_FOREIGN_PLACE = re.compile(r"\$?\{{1,2}\s*([A-Za-z_]\w*)\s*\}{1,2}|\$([A-Za-z_]\w*)")
