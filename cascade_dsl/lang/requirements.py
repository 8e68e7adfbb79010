"""Resources with their dimensions, the units of demands on them, and the limits of the file layer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ..base.diagnostics import Findings, Source
from ..ir.expr import Apply, Expr, Lit
from ..ir.graph import TaskDef
from ..ir.requirement import Dimension, Limit, Resource, Scope
from ..ir.types import FLOAT, INT, JSON, SIZE
from . import ast, mends
from .context import Context
from .expressions import Expressions
from .faults import Faults
from .sentence import MACHINE, PATTERN_MAX, Known, refuse_unbuilt, resolve_limit
from .symbols import Report
from .symbols import Scope as Names
from .tasks import Amount


class Requirements:
    """What the requirement side of one module comes to."""

    def __init__(self, report: Report, typing: Expressions, names: Names) -> None:
        self.report = report
        self.typing = typing
        self.names = names

    def resources(self, amounts: Sequence[Amount], sentences: Sequence[ast.LimitSentence]) -> tuple[Resource, ...]:
        """Every resource that is named, `bytes` where any amount is a size; demands of another unit are reported."""
        found: dict[str, Dimension] = dict(MACHINE)
        for amount in amounts:
            if amount.resource not in MACHINE:
                found.setdefault(amount.resource, "count")
                if amount.type == SIZE:
                    found[amount.resource] = "bytes"
        for sentence in sentences:
            scope = sentence.scope
            if scope is None or scope.kind != "resource" or scope.pattern in MACHINE or scope.pattern not in found:
                continue
            written = sentence.amount
            if isinstance(written, ast.NumberAmount | ast.RateAmount) and isinstance(written.value, ast.SizeLit):
                found[scope.pattern] = "bytes"
        for amount in amounts:
            self._check_unit(amount, found[amount.resource])
        return tuple(Resource(name=name, dimension=dimension) for name, dimension in found.items())

    def _check_unit(self, amount: Amount, dimension: Dimension) -> None:
        name = amount.resource
        text = self.typing.source_text(amount.span)
        if dimension == "bytes" and amount.type in (INT, FLOAT):
            if not amount.written:
                message = f"`requires {name}` wants a size"
                self.report.error("CSC330", amount.span, message, help=f"say how much: `{name} = 1GB`")
            else:
                help = mends.number_with_unit(text) if text.isdigit() else f"write `({text}) * 1GB`"
                self.report.error(
                    "CSC330", amount.span, f"`requires {name}` wants a size, `{text}` has no unit", help=help
                )
        elif dimension != "bytes" and amount.type == SIZE:
            help = "write how many" if dimension == "count" else "write how many cores, such as `2` or `0.5`"
            self.report.error("CSC330", amount.span, f"`{name}` is counted, `{text}` is a size", help=help)

    def limits(
        self,
        module: ast.Module,
        tasks: Sequence[TaskDef],
        names: Sequence[str],
        resources: Sequence[Resource],
        tags: Sequence[str],
        maybe: Collection[str],
        source: Source,
    ) -> tuple[Limit, ...]:
        """The words of the file layer, in the order of the file; a scope of a name in `maybe` may match something."""
        all_tags = dict.fromkeys([*(tag for task in tasks for tag in task.clauses.tags), *tags])
        dimensions: dict[str, Dimension] = {r.name: r.dimension for r in resources}
        known = Known(tasks=tuple(names), tags=tuple(all_tags), flows=(), resources=dimensions)
        faults = Faults(source)
        out: list[Limit] = []
        first: dict[tuple[str, str, str], ast.LimitSentence] = {}
        for sentence, task in _sentences(module):
            before = len(faults.findings.found)
            refuse_unbuilt(sentence, faults)
            if len(faults.findings.found) > before:
                continue
            if sentence.scope is not None and _may_match(sentence.scope, known, maybe):
                continue
            scope = Scope("task", task) if task else None
            limit = resolve_limit(sentence, known, faults, scope=scope, amount=self._amount, by=None, until=None)
            if limit is None:
                continue
            key = (str(limit.scope), limit.kind, limit.by_text)
            if limit.for_ns is None and limit.until_ns is None and limit.window is None:
                if key in first:
                    also = [(first[key].span, "first here")]
                    self.report.error("CSC334", sentence.span, f"`{limit.scope}` has two limits of one kind", also=also)
                first.setdefault(key, sentence)
            out.append(replace(limit, line=source.place(sentence.span.start)[0]))
        _move(faults.findings, self.report.findings)
        return tuple(out)

    def _amount(self, expr: ast.Expr, dimension: Dimension) -> Expr | None:
        where = "the amount of a limit"
        at = Context(self.names, forbids_tasks=where, only_constants=where)
        found = self.typing.infer(expr, at)
        if found.type is None:
            return None
        wanted = (SIZE,) if dimension == "bytes" else (INT, FLOAT) if dimension == "millicpu" else (INT,)
        if found.type not in (*wanted, JSON):
            self.typing.mismatch(expr, wanted[0], found.type, at, where)
            return None
        if dimension == "millicpu":
            return Apply("round_up", (Apply("mul", (found.expr, Lit(1000))),))
        return found.expr


def _may_match(scope: ast.Scope, known: Known, maybe: Collection[str]) -> bool:
    """It matches nothing that is known, but perhaps something that is not."""
    if not maybe or len(scope.pattern) > PATTERN_MAX:
        return False
    kinds = {"task": known.tasks, "tag": known.tags, "flow": known.flows, "resource": tuple(known.resources)}
    sure, pattern = kinds.get(scope.kind, ()), scope.pattern
    if not any(sign in pattern for sign in "*?["):
        return pattern not in sure and pattern in maybe
    return not any(fnmatchcase(n, pattern) for n in sure) and any(fnmatchcase(n, pattern) for n in maybe)


def _sentences(module: ast.Module) -> list[tuple[ast.LimitSentence, str]]:
    """Each sentence with the task in which it stands, or the empty text."""
    out: list[tuple[ast.LimitSentence, str]] = []
    for item in module.items:
        if isinstance(item, ast.LimitStatement):
            out.append((item.sentence, ""))
        elif isinstance(item, ast.TaskDecl):
            out += [(c.sentence, item.name.name) for c in item.clauses if isinstance(c, ast.LimitClause)]
    return out


def sentences_of(module: ast.Module) -> list[ast.LimitSentence]:
    """All limit sentences of a file, in its order."""
    return [sentence for sentence, _ in _sentences(module)]


def _move(found: Findings, to: Findings) -> None:
    for diagnostic in found.found:
        to.add(diagnostic)
