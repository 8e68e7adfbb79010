"""Resources with their dimensions, the units of demands on them, and the limits of the file layer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ..base.diagnostics import Source
from ..engine.facts import base_amount
from ..ir.expr import Apply, Expr, Lit
from ..ir.requirement import SCOPE_MAX, Dimension, Identity, Limit, Resource, Scope
from ..ir.scopes import in_scope
from ..ir.sentences import amount_text
from ..ir.types import FLOAT, INT, JSON, SIZE
from . import ast, mends
from .amounts import reported_as_rate
from .context import Context
from .expressions import Expressions
from .faults import Faults
from .keyed import Keys, Site, is_constant
from .sentence import MACHINE, Known, resolve_limit
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
        sites: Sequence[Site],
        names: Sequence[str],
        resources: Sequence[Resource],
        maybe: Collection[str],
        source: Source,
    ) -> tuple[Limit, ...]:
        """The words of the file layer, in the order of the file; a scope of a name in `maybe` may match something."""
        tags = dict.fromkeys(tag for _, clauses in sites for tag in clauses.tags)
        dimensions: dict[str, Dimension] = {r.name: r.dimension for r in resources}
        known = Known(tasks=tuple(names), tags=tuple(tags), flows=(), resources=dimensions)
        faults = Faults(source, self.report.findings)
        keys = Keys(self.report, sites)
        out: list[Limit] = []
        first: dict[Identity, ast.LimitSentence] = {}
        for sentence, task in _sentences(module):
            if sentence.scope is not None and _may_match(sentence.scope, known, maybe):
                continue
            scope = Scope("task", task) if task else None
            limit = resolve_limit(sentence, known, faults, scope=scope, amount=self._amount, by=keys.lower)
            if limit is None:
                continue
            if limit.is_plain:
                if limit.identity in first:
                    also = [(first[limit.identity].span, "first here")]
                    message = f"`{_named(limit)}` has two limits of one kind"
                    self.report.error("CSC334", sentence.span, message, also=also)
                first.setdefault(limit.identity, sentence)
            self._check_burst(limit, sentence, sites, dimensions)
            if sentence.by is not None and limit.by is not None and is_constant(limit.by):
                message = f"`{limit.by_text}` is the same for every call: this is one limit for all"
                self.report.warn("CSCW319", sentence.by.span, message, help="leave `by` out, or use an input in it")
            out.append(replace(limit, line=source.place(sentence.span.start)[0]))
        return tuple(out)

    def _check_burst(
        self, limit: Limit, sentence: ast.LimitSentence, sites: Sequence[Site], dimensions: dict[str, Dimension]
    ) -> None:
        """A demand that is more than the burst could never be met; said here where both are literals."""
        if limit.kind != "spend" or limit.scope.kind != "resource" or not isinstance(limit.burst, int):
            return
        name = limit.scope.pattern
        at = sentence.amount.span if sentence.burst is None else sentence.burst.span
        for task, clauses in sites:
            for requirement in clauses.requires if in_scope(limit.scope, task.name, clauses) else ():
                if requirement.resource != name:
                    continue
                if not isinstance(requirement.amount, Lit):
                    self._warn_of_burst(limit, sentence, task.name)
                    continue
                try:
                    need = base_amount(dimensions[name], requirement.amount.value)
                except ValueError:
                    continue  # reported where it stands
                if need > limit.burst and limit.is_plain:
                    shown, most = (amount_text(n, dimensions[name]) for n in (need, limit.burst))
                    message = f"`{task.name}` takes {name} {shown} at once, the burst of this rate is {most}"
                    help = f"write `burst {shown}` or more"
                    self.report.error("CSC321", at, message, help=help)
                    return

    def _warn_of_burst(self, limit: Limit, sentence: ast.LimitSentence, task: str) -> None:
        """The burst that is 1 where nothing is said holds demands that are computed back for ever, if they are larger."""
        if sentence.burst is None and limit.amount != 0:
            message = f"the burst of this rate is 1, and `{task}` computes how much {limit.scope} it takes at once"
            help = "say the most that one may take: `burst N`; a demand above it is never met"
            self.report.warn("CSCW321", sentence.amount.span, message, help=help)

    def _amount(self, expr: ast.Expr, dimension: Dimension) -> Expr | None:
        where = "the amount of a limit"
        if (
            isinstance(expr, ast.Binary)
            and isinstance(expr.right, ast.Name)
            and self.names.find(expr.right.name) is None
        ):
            faults = Faults(self.report.source, self.report.findings)
            if reported_as_rate(expr, faults):
                return None
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
    if not maybe or len(scope.pattern) > SCOPE_MAX:
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


def _named(limit: Limit) -> str:
    return f"{limit.scope} by {limit.by_text}" if limit.by_text else str(limit.scope)
