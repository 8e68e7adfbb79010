"""`by` of a limit: an expression over the inputs of each task in the scope, whose value is the key of a pool.

It uses inputs and functions that read nothing, at every door, so that the same words mean the same everywhere; it is typed
against each task. Where a scope matches no task of this program, its names stay unchecked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..base.diagnostics import Span
from ..base.suggest import did_you_mean
from ..ir.expr import Expr, Var, parts
from ..ir.graph import Clauses, TaskDef
from ..ir.notation import expr_text
from ..ir.requirement import Scope
from ..ir.scopes import in_scope
from ..ir.types import JSON, NONE, ChoiceType, DictType, ListType, RecordType, Scalar, Type
from ..values.functions import FUNCTIONS
from ..values.types import required
from . import ast
from .context import Context, Typed
from .dependencies import expressions_in, free_uses
from .expressions import Expressions
from .symbols import Report, Value
from .symbols import Scope as Names

Site = tuple[TaskDef, Clauses]


class Keys:
    """Lowers `by` against the calls of one program."""

    def __init__(self, report: Report, sites: Iterable[Site]) -> None:
        self.report = report
        self.sites = tuple(sites)

    def lower(self, by: ast.Expr, scope: Scope) -> tuple[Expr, str] | None:
        """The expression and its canonical text; None where something was reported."""
        tasks = list({task.name: task for task, clauses in self.sites if in_scope(scope, task.name, clauses)}.values())
        if not self._reads_nothing(by) or not self._known(by, tasks):
            return None
        lowered: Typed | None = None
        seen: set[tuple[Type, ...]] = set()
        used = list(dict.fromkeys(self._names(by)))
        for task in tasks:
            types = {one.name: one.type for one in task.inputs}
            if tuple(types[name] for name in used) in seen:
                continue
            seen.add(tuple(types[name] for name in used))
            found = self._typed(by, types, task.name)
            if found is None:
                return None
            lowered = lowered or found
        if not tasks:
            lowered = self._typed(by, dict.fromkeys(used, JSON), "")
        return None if lowered is None else (lowered.expr, self._text(by, lowered.expr))

    def _names(self, by: ast.Expr) -> Iterator[str]:
        """Names of values that it uses."""
        called = _called(by)
        for use in free_uses(by):
            if use.span.start not in called and use.name:
                yield use.name

    def _known(self, by: ast.Expr, tasks: Sequence[TaskDef]) -> bool:
        called = _called(by)
        for use in free_uses(by):
            if use.span.start in called or not use.name:
                continue
            lacking = [t for t in tasks if all(one.name != use.name for one in t.inputs)]
            if lacking:
                self._lacks(use, lacking)
                return False
        return True

    def _lacks(self, use: ast.Name, lacking: Sequence[TaskDef]) -> None:
        inputs = [one.name for one in lacking[0].inputs]
        listed = ", ".join(f"`{name}`" for name in inputs)
        help = did_you_mean(use.name, inputs) or (
            f"the inputs of `{lacking[0].name}` are {listed}" if inputs else f"`{lacking[0].name}` has no inputs"
        )
        others = ", ".join(f"`{task.name}`" for task in lacking[1:9]) + (" and more" if len(lacking) > 9 else "")
        self.report.error(
            "CSC317",
            use.span,
            f"`by` uses `{use.name}`, which is no input of `{lacking[0].name}`",
            help=help,
            notes=[f"nor of {others}"] if len(lacking) > 1 else [],
        )

    def _reads_nothing(self, by: ast.Expr) -> bool:
        for function in _functions(by):
            row = FUNCTIONS.get(function.name)
            if row is None and any(task.name == function.name for task, _ in self.sites):
                message = f"`{function.name}` is a task, and a key is known before anything starts"
            elif row is not None and row.reads:
                message = f"`{function.name}` reads what is outside the program, and a key is made of inputs alone"
            else:
                continue
            help = "give the task an input for it, and write `by` with that"
            self.report.error("CSC318", function.span, message, help=help)
            return False
        return True

    def _typed(self, by: ast.Expr, types: dict[str, Type], task: str) -> Typed | None:
        span = by.span
        names = Names(
            None,
            [
                Value(name=name, kind="input", span=span, expr=Var(name), type_=type_, constant=True)
                for name, type_ in types.items()
            ],
        )
        before = len(self.report.findings.errors)
        found = Expressions(self.report).infer(by, Context(names, forbids_tasks="`by`"))
        if found.type is None or len(self.report.findings.errors) > before:
            return None
        if not _is_key(found.type):
            where = f" of `{task}`" if task else ""
            message = f"a key is one value, `{self._source(span)}`{where} is {found.type}"
            self.report.error("CSC319", span, message, label=f"this is {found.type}", help=_mend(found.type))
            return None
        return found

    def _text(self, by: ast.Expr, lowered: Expr) -> str:
        """One text for all ways to space an expression; numbers with a unit keep it, which the lowered form does not."""
        if any(isinstance(part, ast.DurationLit | ast.SizeLit) for part in _all(by)):
            return " ".join(self._source(by.span).split())
        return expr_text(lowered)

    def _source(self, span: Span) -> str:
        return self.report.source.text[span.start : span.end]


def is_constant(by: Expr) -> bool:
    """Every call would have the same key."""
    return not any(isinstance(part, Var) for part in parts(by))


def _all(expr: ast.Expr) -> Iterator[ast.Expr]:
    stack = [expr]
    while stack:
        at = stack.pop()
        yield at
        stack.extend(expressions_in(at))


def _functions(expr: ast.Expr) -> Iterator[ast.Name]:
    for part in _all(expr):
        if isinstance(part, ast.Call) and isinstance(part.function, ast.Name):
            yield part.function


def _called(expr: ast.Expr) -> set[int]:
    return {function.span.start for function in _functions(expr)}


def _is_key(type_: Type) -> bool:
    match required(type_):
        case Scalar():
            return type_ != NONE
        case ChoiceType():
            return True
        case _:
            return False


def _mend(type_: Type) -> str:
    inner = required(type_)
    match inner:
        case RecordType(fields=fields):
            names = [name for name, field in fields if _is_key(field)]
            return f"take a field of it, such as `.{names[0]}`" if names else "take a part of it"
        case ListType():
            return 'take one item of it, or put them together: `join(xs, ",")`'
        case DictType():
            return 'take a value of it, such as `x["name"]`'
        case _:
            return "leave `by` out: one limit for all"
