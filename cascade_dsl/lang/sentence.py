"""The limit sentence: its words → one `Limit` in base units. A file, a command line and a message all come through here.

Amounts are exact: `cpu` counts in thousandths, sizes in bytes, everything else in whole units. What cannot be a limit is
refused with a place inside the sentence; the word that was in force stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from math import ceil
from typing import assert_never

from ..base.diagnostics import CascadeError, Source, Span
from ..base.quantity import INT_MAX, MILLI, exact
from ..base.suggest import nearest
from ..ir import expr as ir
from ..ir.graph import Call, Flow, Graph, walk
from ..ir.requirement import Dimension, Layer, Limit, Scope, Window
from . import ast
from .faults import Faults
from .mends import number_with_unit
from .parse import parse_from

SOURCE = "<limit>"
MACHINE: Mapping[str, Dimension] = {"cpu": "millicpu", "mem": "bytes", "gpu": "count"}
"""The resources that every machine has."""

PATTERN_MAX = 1000
"""So long may a scope be: matching takes time that grows with its square."""

LowerAmount = Callable[[ast.Expr, Dimension], "ir.Expr | None"]
LowerBy = Callable[[ast.Expr], "ir.Expr | None"]
"""They report their own errors; None where there was one."""


class Known:
    """What a scope can name."""

    __slots__ = ("flows", "resources", "tags", "tasks")

    def __init__(
        self,
        *,
        tasks: tuple[str, ...],
        tags: tuple[str, ...],
        flows: tuple[str, ...],
        resources: Mapping[str, Dimension],
    ) -> None:
        self.tasks, self.tags, self.flows = tasks, tags, flows
        self.resources: Mapping[str, Dimension] = {**MACHINE, **resources}

    @staticmethod
    def of_graph(graph: Graph) -> Known:
        """All that a compiled program names."""
        tags: dict[str, None] = {tag: None for task in graph.tasks for tag in task.clauses.tags}
        flows: dict[str, None] = {}
        for node in walk(graph.nodes):
            if isinstance(node, Call) and node.clauses is not None:
                tags.update(dict.fromkeys(node.clauses.tags))
            elif isinstance(node, Flow):
                flows[node.flow] = None
        return Known(
            tasks=tuple(task.name for task in graph.tasks),
            tags=tuple(tags),
            flows=tuple(flows),
            resources={resource.name: resource.dimension for resource in graph.resources},
        )


def parse_sentence(text: str, graph: Graph, *, layer: Layer = Layer.LIVE) -> Limit:
    """The word that a sentence from outside says about a program; raises CascadeError with places in `<limit>`.

    The leading `limit` may be left out. In the configuration and fleet layers a scope that matches nothing is let pass.
    """
    faults = Faults(Source(SOURCE, text.strip()))
    sentence = parse_from(faults, "limit_text")
    limit: Limit | None = None
    if sentence is not None and not faults.findings.errors:
        refuse_unbuilt(sentence, faults)
        if sentence.hard and layer is not Layer.FILE:
            word = text.strip().rfind("hard")
            faults.add("CSC311", "`hard` stands in files only", Span(word, word + 4), "leave it out")
        if not faults.findings.errors:
            known = Known.of_graph(graph)
            limit = resolve_limit(sentence, known, faults, matches=layer not in (Layer.CONFIG, Layer.FLEET))
    if limit is None or faults.findings.errors:
        raise CascadeError(faults.findings.sorted())
    return limit


def parse_scope(text: str, graph: Graph) -> Scope:
    """The scope that a text such as `task:fetch*` names in a program; raises CascadeError with places in `<limit>`."""
    faults = Faults(Source(SOURCE, text.strip()))
    scope = parse_from(faults, "scope_text")
    found: Scope | None = None
    if scope is not None and not faults.findings.errors:
        found = resolve_scope(scope, Known.of_graph(graph), faults)
    if found is None or faults.findings.errors:
        raise CascadeError(faults.findings.sorted())
    return found


def refuse_unbuilt(sentence: ast.LimitSentence, faults: Faults) -> None:
    """Report what a sentence may say and no ledger can hold yet."""
    unbuilt: list[tuple[str, Span]] = []
    if isinstance(sentence.amount, ast.RateAmount):
        unbuilt.append(("a rate", sentence.amount.span))
    if sentence.burst is not None:
        unbuilt.append(("`burst`", sentence.burst.span))
    if sentence.whole:
        unbuilt.append(("`whole`", sentence.span))
    if sentence.by is not None:
        unbuilt.append(("`by`", sentence.by.span))
    if sentence.for_ is not None:
        unbuilt.append(("`for`", sentence.for_.span))
    if sentence.until is not None:
        unbuilt.append(("`until`", sentence.until.span))
    if sentence.window is not None:
        unbuilt.append(("`from … to`", sentence.window.span))
    for what, span in unbuilt:
        faults.add(
            "CSC320", f"{what} in a limit is not built yet", span, "limit what runs at once: `limit task:fetch 3`"
        )


def resolve_limit(
    sentence: ast.LimitSentence,
    known: Known,
    faults: Faults,
    *,
    scope: Scope | None = None,
    amount: LowerAmount | None = None,
    by: LowerBy | None = None,
    until: Callable[[int], int] | None = None,
    matches: bool = True,
) -> Limit | None:
    """The word that a sentence says; None where something was reported to `faults`.

    `scope` stands for the one that a task's clause does not write. `amount` and `by` lower expressions of a file, and
    are left out where only plain amounts may stand; `until` turns a minute of the day into the instant that is meant.
    """
    before = len(faults.findings.found)
    if sentence.scope is not None:
        scope = resolve_scope(sentence.scope, known, faults, matches=matches)
    if scope is None:
        return None
    dimension = _dimension(scope, sentence.amount, known)
    per_ns: int | None = None
    burst: int | None = None
    value: int | ir.Expr | None = None
    match sentence.amount:
        case ast.NoneAmount():
            pass
        case ast.NumberAmount(value=literal):
            value = plain_amount(literal, dimension, scope, faults)
        case ast.RateAmount(value=literal):
            value, per_ns = _rate(sentence.amount, dimension, scope, faults)
            burst = 1
        case ast.ExprAmount(value=expression):
            value = _amount_of_expression(expression, dimension, scope, faults, amount)
        case _:
            assert_never(sentence.amount)
    if sentence.burst is not None:
        burst = _burst(sentence, per_ns, dimension, scope, faults)
    if sentence.whole and scope.kind != "flow":
        faults.add("CSC314", "`whole` belongs to flows", sentence.span, "write `limit flow:NAME 2 whole`")
    keyed = None
    if sentence.by is not None:
        keyed = by(sentence.by) if by is not None else None
        if by is None:
            faults.add("CSC315", "`by` cannot stand here", sentence.by.span, "leave it out")
        elif keyed is None:
            return None
    for_ns = _for(sentence.for_, faults)
    until_ns = None
    if sentence.until is not None:
        if until is None:
            faults.add("CSC316", "`until` cannot stand here", sentence.until.span, "say how long: `for 2h`")
        else:
            until_ns = until(sentence.until.minute)
    window = sentence.window
    if len(faults.findings.found) > before or (value is None and not isinstance(sentence.amount, ast.NoneAmount)):
        return None
    return Limit(
        scope=scope,
        amount=value,
        kind="hold" if per_ns is None else "spend",
        per_ns=per_ns,
        burst=burst,
        whole=sentence.whole,
        by=keyed,
        by_text=sentence.by_text,
        for_ns=for_ns,
        until_ns=until_ns,
        window=None
        if window is None
        else Window(start_minute=window.start.minute, end_minute=window.end.minute, days=window.days),
        hard=sentence.hard,
        because=(sentence.because.text or "") if sentence.because is not None else "",
    )


# ---- scopes


def resolve_scope(scope: ast.Scope, known: Known, faults: Faults, *, matches: bool = True) -> Scope | None:
    """The scope that is written, if it matches anything that is known."""
    names: tuple[str, ...]
    if not scope.pattern and scope.kind != "global":
        return None  # reported when it was read
    match scope.kind:
        case "global":
            return Scope("global")
        case "task":
            names, what = known.tasks, "task"
        case "tag":
            names, what = known.tags, "tag"
        case "flow":
            names, what = known.flows, "flow"
        case "resource":
            names, what = tuple(known.resources), "resource"
    if len(scope.pattern) > PATTERN_MAX:
        faults.add("CSC302", f"a scope has up to {PATTERN_MAX} characters", scope.span, "write `*` for a part of it")
        return None
    found = Scope(scope.kind, scope.pattern)
    plain = not any(sign in scope.pattern for sign in "*?[")
    if not matches or (scope.pattern in names if plain else any(fnmatchcase(n, scope.pattern) for n in names)):
        return found
    faults.add("CSC302", f"no {what} matches `{scope.pattern}`", scope.span, _near(scope, known, names, what))
    return None


def _near(scope: ast.Scope, known: Known, names: tuple[str, ...], what: str) -> str:
    """The nearest names, of the same kind first, or else what there is."""
    if scope.kind == "resource":
        for kind, others in (("task", known.tasks), ("tag", known.tags), ("flow", known.flows)):
            if scope.pattern in others:
                return f"did you mean `{kind}:{scope.pattern}`?"
    prefix = "" if scope.kind == "resource" else f"{scope.kind}:"
    near = nearest(scope.pattern, names, 3)
    if near:
        return f"did you mean {' or '.join(f'`{prefix}{name}`' for name in near)}?"
    if not names:
        return f"the program has no {what}s"
    shown = ", ".join(f"`{prefix}{name}`" for name in sorted(names)[:8])
    return f"the {what}s are {shown}" + (" and more" if len(names) > 8 else "")


def _dimension(scope: Scope, amount: ast.Amount, known: Known) -> Dimension:
    if scope.kind != "resource":
        return "count"
    if scope.pattern in known.resources:
        return known.resources[scope.pattern]
    # a resource that no one has named yet: the amount tells
    sized = isinstance(amount, ast.NumberAmount | ast.RateAmount) and isinstance(amount.value, ast.SizeLit)
    return "bytes" if sized else "count"


# ---- amounts


def plain_amount(
    literal: ast.IntLit | ast.FloatLit | ast.SizeLit, dimension: Dimension, scope: Scope, faults: Faults
) -> int | None:
    """A literal in base units; None where it was refused."""
    value = _base_units(literal, dimension, scope, faults)
    if value is None:
        return None
    if dimension != "millicpu" and value.denominator != 1:
        whole = max(1, int(value))
        faults.add("CSC304", f"`{scope}` counts in whole units", literal.span, f"write `{whole}` or `{whole + 1}`")
        return None
    units = ceil(value)
    if units > INT_MAX:
        faults.add("CSC305", "this amount is too large", literal.span, f"the largest is {_largest(dimension)}")
        return None
    return units


def _base_units(
    literal: ast.IntLit | ast.FloatLit | ast.SizeLit, dimension: Dimension, scope: Scope, faults: Faults
) -> Fraction | None:
    text = faults.source.text[literal.span.start : literal.span.end]
    match literal:
        case ast.SizeLit(size=size):
            if dimension == "bytes":
                return Fraction(size)
            faults.add("CSC307", f"`{scope}` is counted, `{text}` is a size", literal.span, "write a plain number")
            return None
        case ast.IntLit(value=number) | ast.FloatLit(value=number):
            if dimension == "bytes" and number:
                mend = number_with_unit(text)
                faults.add("CSC306", f"`{scope}` is measured in bytes, `{text}` has no unit", literal.span, mend)
                return None
            return exact(number) * (MILLI if dimension == "millicpu" else 1)


def _rate(amount: ast.RateAmount, dimension: Dimension, scope: Scope, faults: Faults) -> tuple[int | None, int | None]:
    """A rate as a whole amount each so many nanoseconds: `0.5/s` is 1 each 2 s."""
    value = _base_units(amount.value, dimension, scope, faults)
    if value is None:
        return None, amount.per_ns
    if value.numerator > INT_MAX or value.denominator * amount.per_ns > INT_MAX:
        faults.add("CSC305", "this amount is too large", amount.span, f"the largest is {_largest(dimension)}")
        return None, amount.per_ns
    return value.numerator, amount.per_ns * value.denominator


def _amount_of_expression(
    expression: ast.Expr, dimension: Dimension, scope: Scope, faults: Faults, lower: LowerAmount | None
) -> ir.Expr | None:
    inner = expression
    negative = False
    while isinstance(inner, ast.Unary) and inner.operator == "-":
        inner, negative = inner.operand, True
    if negative and isinstance(inner, ast.IntLit | ast.FloatLit | ast.SizeLit | ast.DurationLit):
        faults.add(
            "CSC303",
            "an amount cannot be negative",
            expression.span,
            "0 lets nothing start, `none` takes the limit back",
        )
        return None
    if isinstance(inner, ast.DurationLit):
        faults.add("CSC308", "a duration is no amount", expression.span, "write a number, or how long: `3 for 10m`")
        return None
    if lower is None:
        faults.add(
            "CSC308",
            "an amount from outside the file is a plain number",
            expression.span,
            "write a number, a size or `none`",
        )
        return None
    return lower(expression, dimension)


def _burst(
    sentence: ast.LimitSentence, per_ns: int | None, dimension: Dimension, scope: Scope, faults: Faults
) -> int | None:
    assert sentence.burst is not None
    if per_ns is None:
        faults.add("CSC313", "`burst` belongs to a rate", sentence.burst.span, "write `10/s burst 20`")
        return None
    if not isinstance(sentence.burst, ast.IntLit | ast.FloatLit | ast.SizeLit):
        faults.add("CSC313", "`burst` takes a plain number", sentence.burst.span, "write `10/s burst 20`")
        return None
    return plain_amount(sentence.burst, dimension, scope, faults)


def _for(value: ast.Expr | None, faults: Faults) -> int | None:
    if value is None:
        return None
    if isinstance(value, ast.DurationLit) and value.ns > 0:
        return value.ns
    faults.add("CSC312", "`for` takes a duration", value.span, "write `for 10m`")
    return None


def _largest(dimension: Dimension) -> str:
    match dimension:
        case "bytes":
            return "9223PB"
        case "millicpu":
            return str(INT_MAX // MILLI)
        case "count":
            return str(INT_MAX)
        case _:
            assert_never(dimension)
