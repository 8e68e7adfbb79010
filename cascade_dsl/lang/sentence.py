"""The limit sentence: its words → one `Limit` in base units. A file, a command line and a message all come through here.

Amounts are exact: `cpu` counts in thousandths, sizes in bytes, everything else in whole units. What cannot be a limit is
refused with a place inside the sentence; the word that was in force stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import assert_never

from ..base.diagnostics import CascadeError, Diagnostic, Source, Span
from ..base.quantity import exact_duration
from ..base.suggest import nearest
from ..ir import expr as ir
from ..ir.graph import Call, Flow, Graph, walk
from ..ir.requirement import FOR_MAX_NS, SCOPE_MAX, Dimension, Layer, Limit, Scope, Window
from ..ir.scopes import sites_of
from . import ast
from .amounts import LowerAmount, amount_of_expression, burst, plain_amount, rate
from .faults import Faults
from .keyed import Keys
from .parse import parse_from
from .symbols import Report

SOURCE = "<limit>"
MACHINE: Mapping[str, Dimension] = {"cpu": "millicpu", "mem": "bytes", "gpu": "count"}
"""The resources that every machine has."""

LowerBy = Callable[[ast.Expr, Scope], "tuple[ir.Expr, str] | None"]
"""The expression and its text; it reports its own errors, and gives None where there was one."""


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


def parse_sentence(text: str, graph: Graph, *, layer: Layer = Layer.LIVE, may_be_hard: bool = False) -> Limit:
    """The word that a sentence from outside says about a program; raises CascadeError with places in `<limit>`.

    The leading `limit` may be left out. In the configuration and fleet layers a scope that matches nothing is let pass.
    `hard` stands in files and in the configuration, or where it `may_be_hard`, since it is to be written there.
    `until TIME` stays a minute of the day: the shell, which knows the zone, makes an instant of it.
    """
    faults = Faults(_source(text))
    sentence = parse_from(faults, "limit_text")
    limit: Limit | None = None
    if sentence is not None and not faults.findings.errors:
        if sentence.hard and not may_be_hard and layer not in (Layer.FILE, Layer.CONFIG):
            faults.add("CSC311", "`hard` stands in files only", _place_of("hard", sentence, faults), "leave it out")
        report = Report(faults.source)
        report.findings = faults.findings
        limit = resolve_limit(
            sentence,
            Known.of_graph(graph),
            faults,
            by=Keys(report, sites_of(graph)).lower,
            matches=layer not in (Layer.CONFIG, Layer.FLEET),
        )
    if limit is None or faults.findings.errors:
        raise CascadeError(faults.findings.sorted())
    return limit


def parse_scope(text: str, graph: Graph) -> Scope:
    """The scope that a text such as `task:fetch*` names in a program; raises CascadeError with places in `<limit>`."""
    faults = Faults(_source(text))
    scope = parse_from(faults, "scope_text")
    found: Scope | None = None
    if scope is not None and not faults.findings.errors:
        found = resolve_scope(scope, Known.of_graph(graph), faults)
    if found is None or faults.findings.errors:
        raise CascadeError(faults.findings.sorted())
    return found


def _source(text: str) -> Source:
    """A sentence as a source; CSC012 where it holds bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "replace").decode()
        raise CascadeError(
            Diagnostic(
                code="CSC012",
                message="the sentence is not UTF-8",
                primary=Source(SOURCE, shown).label(Span(0, len(shown))),
                help="type it in a terminal that is set to UTF-8",
            )
        ) from None
    return Source(SOURCE, text.strip())


def resolve_limit(
    sentence: ast.LimitSentence,
    known: Known,
    faults: Faults,
    *,
    by: LowerBy,
    scope: Scope | None = None,
    amount: LowerAmount | None = None,
    matches: bool = True,
) -> Limit | None:
    """The word that a sentence says; None where something was reported to `faults`.

    `scope` stands for the one that a task's clause does not write. `amount` lowers amounts of a file, and is left out
    where only plain ones may stand; `by` lowers what a pool is split by.
    """
    before = len(faults.findings.found)
    if sentence.scope is not None:
        scope = resolve_scope(sentence.scope, known, faults, matches=matches)
    if scope is None:
        return None
    if sentence.whole:
        if scope.kind == "flow":
            help = "leave `whole` out, and limit its tasks: `limit tag:NAME 2`"
            faults.add(
                "CSC320", "`whole` counts flows, which are not built yet", _place_of("whole", sentence, faults), help
            )
        else:
            faults.add("CSC314", "`whole` belongs to flows", sentence.span, "write `limit flow:NAME 2 whole`")
    dimension = _dimension(scope, sentence.amount, known)
    per_ns: int | None = None
    most: int | ir.Expr | None = None
    value: int | ir.Expr | None = None
    match sentence.amount:
        case ast.NoneAmount():
            _refuse_beside_none(sentence, faults)
        case ast.NumberAmount(value=literal):
            value = plain_amount(literal, dimension, scope, faults)
        case ast.RateAmount():
            found = rate(sentence.amount, dimension, scope, faults)
            if found is not None:
                value, per_ns = found
                most = 1
        case ast.ExprAmount(value=expression):
            value = amount_of_expression(expression, dimension, scope, faults, amount)
        case _:
            assert_never(sentence.amount)
    if sentence.burst is not None:
        if isinstance(sentence.amount, ast.RateAmount):
            most = burst(sentence.burst, dimension, scope, faults, amount)
        elif not isinstance(sentence.amount, ast.NoneAmount) and len(faults.findings.found) == before:
            faults.add("CSC313", "`burst` belongs to a rate", sentence.burst.span, "write `10/s burst 20`")
    keyed = by(sentence.by, scope) if sentence.by is not None else None
    for_ns = _for(sentence.for_, faults)
    window = sentence.window
    if len(faults.findings.found) > before or (value is None and not isinstance(sentence.amount, ast.NoneAmount)):
        return None
    if sentence.by is not None and keyed is None:
        return None
    return Limit(
        scope=scope,
        amount=value,
        kind="hold" if per_ns is None else "spend",
        per_ns=per_ns,
        burst=most,
        by=None if keyed is None else keyed[0],
        by_text="" if keyed is None else keyed[1],
        for_ns=for_ns,
        until_minute=None if sentence.until is None else sentence.until.minute,
        window=None
        if window is None
        else Window(start_minute=window.start.minute, end_minute=window.end.minute, days=window.days),
        hard=sentence.hard,
        because=(sentence.because.text or "") if sentence.because is not None else "",
    )


def _refuse_beside_none(sentence: ast.LimitSentence, faults: Faults) -> None:
    """`none` takes back all that its layer says of a scope: nothing but a reason goes with it."""
    beside: list[tuple[str, Span]] = [
        (word, part.span)
        for word, part in (
            ("burst", sentence.burst),
            ("by", sentence.by),
            ("for", sentence.for_),
            ("until", sentence.until),
            ("from … to", sentence.window),
        )
        if part is not None
    ]
    if sentence.hard:
        beside.append(("hard", _place_of("hard", sentence, faults)))
    for word, span in beside[:1]:
        help = "leave one of the two out: `none` takes back all that was said of the scope"
        faults.add("CSC322", f"`none` sets no limit, and `{word}` is about one", span, help)


def _place_of(word: str, sentence: ast.LimitSentence, faults: Faults) -> Span:
    """Where a bare word of a sentence stands."""
    parts = (sentence.scope, sentence.amount, sentence.burst, sentence.by, sentence.for_, sentence.because)
    taken = [part.span for part in parts if part is not None]
    for found in re.finditer(rf"\b{word}\b", faults.source.text):
        inside = sentence.span.start <= found.start() < sentence.span.end
        if inside and not any(span.start <= found.start() < span.end for span in taken):
            return Span(*found.span())
    return sentence.span


def _for(value: ast.Expr | None, faults: Faults) -> int | None:
    if value is None:
        return None
    if not isinstance(value, ast.DurationLit) or value.ns <= 0:
        faults.add("CSC312", "`for` takes a duration", value.span, "write `for 10m`")
        return None
    if value.ns > FOR_MAX_NS:
        help = f"the longest is {exact_duration(FOR_MAX_NS)}; leave it out for a limit that stays"
        faults.add("CSC312", "`for` is too long", value.span, help)
        return None
    return value.ns


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
    if len(scope.pattern) > SCOPE_MAX:
        faults.add("CSC302", f"a scope has up to {SCOPE_MAX} characters", scope.span, "write `*` for a part of it")
        return None
    found = Scope(scope.kind, scope.pattern)
    if scope.kind == "flow" and matches and not names:
        help = "limit what is in it: `task:NAME`, or a `tag` that its tasks have"
        faults.add("CSC320", f"`flow:{scope.pattern}` names nothing: flows are not built yet", scope.span, help)
        return None
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
