"""Expressions to residual expressions with their types, in one walk.

Reads the tree and a `Context`; gives `Typed`. What is wrong is reported once: a part without a type silences what
follows from it. Calls of tasks are left to `Context.nodes`, where it is given; elsewhere they are refused. A call
makes a node beside the expression, so the expression that comes back is always free of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, assert_never

from ..base.diagnostics import Span
from ..base.quantity import seconds
from ..base.suggest import did_you_mean
from ..ir.expr import Apply, Choose, Clause, Comprehension, Expr, Field, ListOf, Lit, Logic, RecordOf, Text, Var
from ..ir.types import (
    BOOL,
    DIR,
    DURATION,
    FILE,
    FLOAT,
    INT,
    JSON,
    NEVER,
    NONE,
    SIZE,
    STR,
    ChoiceType,
    DictType,
    ListType,
    OptionalType,
    RecordType,
    Scalar,
    TupleType,
    Type,
)
from ..values.functions import FUNCTIONS, UNBUILT, visible_functions
from ..values.operators import operator_type, rounds_to_size
from ..values.types import assignable, common, element_of, required
from . import ast
from .functions import function_call
from .narrowing import Facts, facts_of, path_of
from .symbols import Refused, Report, Scope, Task, Value

_NAMES = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow"}
_COMPARISONS = {
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "in": "in",
    "not in": "not_in",
}


_PATHS = (FILE, DIR, ListType(FILE), ListType(DIR))


class Typed:
    """An expression with its type. `type` None: it is wrong, and that has been reported."""

    __slots__ = ("constant", "expr", "type")

    def __init__(self, expr: Expr, type_: Type | None, constant: bool = True) -> None:
        self.expr = expr
        self.type = type_
        self.constant = constant
        """It depends on no result of a task."""


def wrong() -> Typed:
    """What stands for an expression that has been reported."""
    return Typed(Lit(None), None)


class NodeMaker(Protocol):
    """Makes the nodes of calls that stand in an expression."""

    def holds_calls(self, expr: ast.Expr, scope: Scope) -> bool:
        """The expression calls a task, so that it makes nodes."""
        ...

    def call(self, call: ast.Call, at: Context) -> Typed:
        """The value of a call's node."""
        ...

    def fan_out(self, expr: ast.ListComp, at: Context) -> Typed:
        """The list of a comprehension whose element or filter makes nodes."""
        ...


class Context:
    """Where an expression stands. Never changed; `but` gives another one."""

    __slots__ = ("facts", "forbids_tasks", "in_body", "name", "nodes", "only_constants", "scope")

    def __init__(
        self,
        scope: Scope,
        *,
        nodes: NodeMaker | None = None,
        name: str = "",
        facts: Facts = frozenset(),
        forbids_tasks: str = "",
        only_constants: str = "",
        in_body: bool = False,
    ) -> None:
        self.scope = scope
        self.nodes = nodes
        self.name = name
        self.facts = facts
        """Optional values that are known not to be none here."""
        self.forbids_tasks = forbids_tasks
        """Where it stands, for the message that no task may be called here."""
        self.only_constants = only_constants
        """What it belongs to, if it may use no result of a task."""
        self.in_body = in_body
        """What it gives goes to a process: files are absolute paths."""

    def but(self, *, scope: Scope | None = None, facts: Facts | None = None, name: str | None = None) -> Context:
        """The same place with something else in it."""
        return Context(
            self.scope if scope is None else scope,
            nodes=self.nodes,
            name=self.name if name is None else name,
            facts=self.facts if facts is None else facts,
            forbids_tasks=self.forbids_tasks,
            only_constants=self.only_constants,
            in_body=self.in_body,
        )


class Expressions:
    """The typing of expressions of one module."""

    def __init__(self, report: Report) -> None:
        self.report = report

    # ---- entry ----

    def infer(self, expr: ast.Expr, at: Context, want: Type | None = None) -> Typed:
        """The expression with its type. `want` guides literals (choices, empty lists); it is not checked."""
        found = self._infer(expr, at, want)
        if at.in_body and found.type in _PATHS and not isinstance(found.expr, Var | Lit):
            return Typed(Apply("absolute", (found.expr,)), found.type, found.constant)
        return found

    def _infer(self, expr: ast.Expr, at: Context, want: Type | None) -> Typed:
        match expr:
            case ast.NoneLit():
                return Typed(Lit(None), NONE)
            case ast.BoolLit():
                return Typed(Lit(expr.value), BOOL)
            case ast.IntLit():
                return Typed(Lit(expr.value), INT)
            case ast.FloatLit():
                return Typed(Lit(expr.value), FLOAT)
            case ast.DurationLit():
                return Typed(Lit(seconds(expr.ns)), DURATION)
            case ast.SizeLit():
                return Typed(Lit(expr.size), SIZE)
            case ast.StringLit():
                return self._string(expr, at, want)
            case ast.Name():
                return self._name(expr, at)
            case ast.ListLit():
                return self._list(expr, at, want)
            case ast.RecordLit():
                return self._record(expr, at, want)
            case ast.ListComp() | ast.DictComp():
                return self._comprehension(expr, at, want)
            case ast.Unary():
                return self._unary(expr, at)
            case ast.Binary():
                return self._binary(expr, at, want)
            case ast.Compare():
                return self._compare(expr, at)
            case ast.Ternary():
                return self._ternary(expr, at, want)
            case ast.Member():
                return self._member(expr, at)
            case ast.Index():
                return self._index(expr, at)
            case ast.Slice():
                return self._slice(expr, at)
            case ast.Call():
                return self._call(expr, at)
            case ast.Try():
                self.report.unbuilt(expr.span, "`try`")
                return wrong()
            case ast.Repeat():
                self.report.unbuilt(expr.span, "`repeat`")
                return wrong()
            case _:
                assert_never(expr)

    def check(
        self,
        expr: ast.Expr,
        want: Type | None,
        at: Context,
        what: str,
        also: Sequence[tuple[Span, str]] = (),
        help: str | None = None,
    ) -> Typed:
        """The expression, where its type goes where `want` is wanted; `what` begins the message, and names the place."""
        found = self.infer(expr, at, want)
        if want is None or found.type is None:
            return found if want is not None else Typed(found.expr, None)
        if not assignable(want, found.type):
            self.mismatch(expr, want, found.type, at, what, also, help)
            return wrong()
        return found

    def condition(self, expr: ast.Expr, at: Context, what: str = "a condition") -> Typed:
        """A bool."""
        help = None
        found = self.infer(expr, at)
        if found.type is None or assignable(BOOL, found.type):
            return found
        text = self.source_text(expr.span)
        match found.type:
            case OptionalType():
                help = f"write `{text} != none`"
            case ListType() | Scalar("str"):
                help = f"write `len({text}) > 0`"
            case Scalar("int" | "float"):
                help = f"write `{text} != 0`"
            case _:
                pass
        self.mismatch(expr, BOOL, found.type, at, what, (), help)
        return wrong()

    def mismatch(
        self,
        expr: ast.Expr,
        want: Type,
        have: Type,
        at: Context,
        what: str,
        also: Sequence[tuple[Span, str]] = (),
        help: str | None = None,
    ) -> None:
        """Reports that a value does not go where it stands: both types, both places, and a mend where there is one."""
        places = list(also)
        if isinstance(expr, ast.Name):
            symbol = at.scope.find(expr.name)
            if isinstance(symbol, Value):
                places.append((symbol.span, f"`{expr.name}` is {have}"))
        self.report.error(
            "CSC201",
            expr.span,
            f"{what} wants {want}, found {have}",
            label=f"this is {have}",
            also=places,
            help=help or self.mend(expr, want, have),
        )

    def mend(self, expr: ast.Expr, want: Type, have: Type) -> str | None:
        """What would make a value fit."""
        text = self.source_text(expr.span)
        short = text if len(text) <= 40 and "\n" not in text else "…"
        if isinstance(have, OptionalType) and assignable(want, have.inner):
            return f"it may be none: say what then, `{short} ?? …`"
        if isinstance(want, ChoiceType):
            if isinstance(expr, ast.StringLit) and expr.text is not None:
                return did_you_mean(expr.text, want.options)
            return None
        match required(want), have:
            case Scalar("file"), Scalar("str"):
                return f"write `file({short})`"
            case Scalar("dir"), Scalar("str"):
                return f"write `dir({short})`"
            case Scalar("str"), Scalar("file" | "dir" | "int" | "float" | "bool" | "duration" | "size"):
                return f"write `str({short})`"
            case Scalar("int"), Scalar("float"):
                return f"write `round({short})` or `int({short})`"
            case Scalar("size"), Scalar("int"):
                return f"a size has a unit: `{short}MB`" if isinstance(expr, ast.IntLit) else f"write `{short} * 1B`"
            case Scalar("duration"), Scalar("int" | "float"):
                literal = isinstance(expr, ast.IntLit | ast.FloatLit)
                return f"a duration has a unit: `{short}s`" if literal else f"write `{short} * 1s`"
            case ListType(Scalar("file" | "dir" as name)), ListType(Scalar("str")):
                return f"write `[{name}(x) for x in {short}]`"
            case ListType(item), _ if assignable(item, have):
                return f"write `[{short}]`"
            case _:
                return None

    def source_text(self, span: Span) -> str:
        """What the user wrote there."""
        return self.report.source.text[span.start : span.end]

    # ---- names and literals ----

    def _string(self, expr: ast.StringLit, at: Context, want: Type | None) -> Typed:
        text = expr.text
        if text is not None:
            wanted = required(want) if want is not None else None
            fits = isinstance(wanted, ChoiceType) and text in wanted.options
            return Typed(Lit(text), ChoiceType((text,)) if fits else STR)
        parts: list[str | Expr] = []
        sound = constant = True
        for part in expr.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            found = self.infer(part, at)
            sound = sound and found.type is not None
            constant = constant and found.constant
            parts.append(found.expr)
        return Typed(Text(tuple(parts)), STR if sound else None, constant)

    def _name(self, expr: ast.Name, at: Context) -> Typed:
        symbol = at.scope.find(expr.name)
        match symbol:
            case Value():
                type_ = symbol.type
                if isinstance(type_, OptionalType) and path_of(expr) in at.facts:
                    type_ = type_.inner
                if at.only_constants and not symbol.constant and type_ is not None:
                    self.report.error(
                        "CSC107",
                        expr.span,
                        f"`{expr.name}` depends on a result, which {at.only_constants} cannot use",
                        also=[(symbol.span, "bound here")],
                        help="results reach a task through its inputs" if "task" in at.only_constants else None,
                    )
                    return wrong()
                return Typed(symbol.expr, type_, symbol.constant)
            case Task():
                self.report.error(
                    "CSC107", expr.span, f"`{expr.name}` is a task, not a value", help=f"call it: `{expr.name}(…)`"
                )
            case Refused():
                pass
            case None:
                if expr.name in FUNCTIONS and not FUNCTIONS[expr.name].hidden:
                    self.report.error(
                        "CSC107",
                        expr.span,
                        f"`{expr.name}` is a function, not a value",
                        help=f"call it: `{expr.name}(…)`",
                    )
                elif expr.name in _FOREIGN:
                    self.report.error("CSC101", expr.span, f"there is no name `{expr.name}`", help=_FOREIGN[expr.name])
                else:
                    self.report.unknown(expr.span, "name", expr.name, at.scope.known())
            case _:
                assert_never(symbol)
        return wrong()

    def _list(self, expr: ast.ListLit, at: Context, want: Type | None) -> Typed:
        inner = element_of(required(want)) if want is not None else None
        items = [self.infer(i, at, inner) for i in expr.items]
        exprs = tuple(i.expr for i in items)
        constant = all(i.constant for i in items)
        joined: Expr = (
            Lit([i.value for i in exprs if isinstance(i, Lit)])
            if all(isinstance(i, Lit) for i in exprs)
            else ListOf(exprs)
        )
        if any(i.type is None for i in items):
            return wrong()
        type_: Type = NEVER
        for node, item in zip(expr.items, items, strict=True):
            assert item.type is not None
            both = common(type_, item.type)
            if both is None and inner is not None and assignable(inner, item.type):
                both = inner
            if both is None:
                if inner == JSON:
                    return Typed(joined, ListType(JSON), constant)
                first = next(n for n, i in zip(expr.items, items, strict=True) if i.type == items[0].type)
                self.report.error(
                    "CSC210",
                    node.span,
                    f"the items of a list have one type, found {type_} and {item.type}",
                    label=f"this is {item.type}",
                    also=[(first.span, f"this is {items[0].type}")],
                )
                return wrong()
            type_ = both
        return Typed(joined, ListType(type_), constant)

    def _record(self, expr: ast.RecordLit, at: Context, want: Type | None) -> Typed:
        wanted = required(want) if want is not None else None
        fields: dict[str, tuple[Expr, Type]] = {}
        places: dict[str, Span] = {}
        sound = constant = True
        for field in expr.fields:
            inner: Type | None = None
            if isinstance(wanted, RecordType):
                inner = wanted.get(field.key)
            elif isinstance(wanted, DictType):
                inner = wanted.value
            found = self.infer(field.value, at, inner)
            if field.key in places:
                also = [(places[field.key], "first here")]
                self.report.error("CSC104", field.key_span, f"the key `{field.key}` comes twice", also=also)
                sound = False
                continue
            places[field.key] = field.key_span
            constant = constant and found.constant
            if found.type is None:
                sound = False
            else:
                fields[field.key] = (found.expr, found.type)
        if not sound:
            return wrong()
        record = RecordOf(tuple((k, e) for k, (e, _) in fields.items()))
        return Typed(record, RecordType(tuple((k, t) for k, (_, t) in fields.items())), constant)

    # ---- comprehensions ----

    def _comprehension(self, expr: ast.ListComp | ast.DictComp, at: Context, want: Type | None) -> Typed:
        if at.nodes is not None and inner_calls(expr, at.scope, at.nodes):
            if isinstance(expr, ast.ListComp):
                return at.nodes.fan_out(expr, at)
            self.report.unbuilt(expr.span, "a call of a task in a `{k: v for …}`", "make a list, then the dict from it")
            return wrong()
        clauses: list[Clause] = []
        sound = constant = True
        inner = at
        for clause in expr.clauses:
            source, types = self.loop(clause.names, clause.source, inner)
            sound = sound and types is not None
            constant = constant and source.constant
            scope = Scope(inner.scope)
            for ident, type_ in zip(clause.names, types or [None] * len(clause.names), strict=True):
                scope.names[ident.name] = Value(
                    name=ident.name,
                    kind="variable",
                    span=ident.span,
                    expr=Var(ident.name),
                    type_=type_,
                    constant=source.constant,
                )
            inner = inner.but(scope=scope, facts=_less(inner.facts, clause.names))
            condition: Expr | None = None
            if clause.condition is not None:
                test = self.condition(clause.condition, inner, "the `if` of a comprehension")
                sound, constant = sound and test.type is not None, constant and test.constant
                condition = test.expr
                inner = inner.but(facts=inner.facts | facts_of(clause.condition).true)
            clauses.append(Clause(tuple(n.name for n in clause.names), source.expr, condition))
        if isinstance(expr, ast.ListComp):
            wanted = element_of(required(want)) if want is not None else None
            element = self.infer(expr.element, inner, wanted)
            if element.type is None or not sound:
                return wrong()
            found = Comprehension(tuple(clauses), element.expr)
            return Typed(found, ListType(element.type), constant and element.constant)
        key = self.check(expr.key, STR, inner, "a key")
        value = self.infer(expr.value, inner)
        if key.type is None or value.type is None or not sound:
            return wrong()
        found = Comprehension(tuple(clauses), value.expr, key.expr)
        return Typed(found, DictType(value.type), constant and value.constant and key.constant)

    def loop(self, names: Sequence[ast.Ident], source: ast.Expr, at: Context) -> tuple[Typed, list[Type] | None]:
        """The source of a `for` and the type of each of its names, None where something is wrong."""
        found = self.infer(source, at)
        seen: dict[str, ast.Ident] = {}
        for ident in names:
            if ident.name in seen:
                also = [(seen[ident.name].span, "first here")]
                self.report.error("CSC104", ident.span, f"`{ident.name}` is bound twice", also=also)
                return found, None
            seen[ident.name] = ident
        if found.type is None:
            return found, None
        item = element_of(found.type)
        if item is None:
            help = None
            if isinstance(found.type, OptionalType):
                help = f"it may be none: say what then, `{self.source_text(source.span)} ?? []`"
            elif isinstance(found.type, DictType | RecordType):
                help = "loop over `keys(…)`, `values(…)` or `items(…)`"
            elif found.type == INT:
                help = f"loop over `range({self.source_text(source.span)})`"
            self.report.error("CSC201", source.span, f"`for` wants a list, found {found.type}", help=help)
            return found, None
        if len(names) == 1:
            return found, [item]
        if item in (JSON, NEVER):
            same: list[Type] = [item] * len(names)
            return found, same
        if isinstance(item, TupleType):
            if len(item.items) == len(names):
                return found, list(item.items)
            count = len(item.items)
        elif isinstance(item, ListType):
            return found, [item.item] * len(names)
        else:
            count = 1
        self.report.error(
            "CSC209",
            names[0].span.to(names[-1].span),
            f"{len(names)} names for {count} value{'s' if count > 1 else ''} in each item",
            label=f"each item is {item}",
            help="`zip`, `enumerate` and `items` give several values" if count == 1 else None,
        )
        return found, None

    # ---- operators ----

    def _unary(self, expr: ast.Unary, at: Context) -> Typed:
        if expr.operator == "not":
            found = self.condition(expr.operand, at, "`not`")
            return Typed(Apply("not", (found.expr,)), None if found.type is None else BOOL, found.constant)
        found = self.infer(expr.operand, at)
        if found.type is None:
            return found
        if isinstance(found.expr, Lit) and found.type in (INT, FLOAT):
            return Typed(Lit(-found.expr.value), found.type)
        type_ = operator_type("neg", (found.type,))
        if type_ is None:
            self._refuse_operator("-", expr.span, [(expr.operand, found.type)])
            return wrong()
        return Typed(Apply("neg", (found.expr,)), type_, found.constant)

    def _refuse_operator(self, symbol: str, span: Span, operands: Sequence[tuple[ast.Expr, Type]]) -> None:
        types = [t for _, t in operands]
        self.report.error(
            "CSC202",
            span,
            f"`{symbol}` does not take {' and '.join(map(str, types))}",
            also=[(e.span, f"this is {t}") for e, t in operands],
            help=self._operator_mend(symbol, operands),
        )

    def _operator_mend(self, symbol: str, operands: Sequence[tuple[ast.Expr, Type]]) -> str | None:
        for expr, type_ in operands:
            if isinstance(type_, OptionalType) and symbol not in ("==", "!="):
                return (
                    f"`{self.source_text(expr.span)}` may be none: say what then, `{self.source_text(expr.span)} ?? …`"
                )
        types = [t for _, t in operands]
        if symbol == "+" and any(t in (STR, Scalar("file"), Scalar("dir")) for t in types):
            return 'put values into text with `"{{…}}"`'
        names = {str(t) for t in types}
        if (
            names & {"duration", "size"}
            and names & {"int", "float"}
            and symbol in ("+", "-", "<", "<=", ">", ">=", "==")
        ):
            return "give the number a unit, such as `5s` or `10MB`"
        if symbol in ("==", "!=") and names & {"file", "dir"}:
            return 'compare its path, `"{{…}}"`'
        return None

    def _apply(self, name: str, symbol: str, span: Span, operands: Sequence[tuple[ast.Expr, Typed]]) -> Typed:
        types: list[Type] = []
        for _, found in operands:
            if found.type is None:
                return wrong()
            types.append(found.type)
        type_ = operator_type(name, tuple(types))
        if type_ is None:
            self._refuse_operator(symbol, span, [(e, t) for (e, _), t in zip(operands, types, strict=True)])
            return wrong()
        applied: Expr = Apply(name, tuple(found.expr for _, found in operands))
        if rounds_to_size(name, tuple(types)):
            applied = Apply("round_up", (applied,))
        return Typed(applied, type_, all(found.constant for _, found in operands))

    def _binary(self, expr: ast.Binary, at: Context, want: Type | None) -> Typed:
        if expr.operator in ("and", "or"):
            return self._logic(expr, at)
        if expr.operator == "??":
            return self._coalesce(expr, at, want)
        left, right = self.infer(expr.left, at), self.infer(expr.right, at)
        operands = [(expr.left, left), (expr.right, right)]
        return self._apply(_NAMES[expr.operator], expr.operator, expr.operator_span, operands)

    def _refuse_conditional_calls(self, expr: ast.Expr, at: Context, what: str) -> bool:
        if at.nodes is not None and at.nodes.holds_calls(expr, at.scope):
            self.report.unbuilt(expr.span, f"a call of a task {what}", "bind the call to a name of its own, outside")
            return True
        return False

    def _logic(self, expr: ast.Binary, at: Context) -> Typed:
        left = self.condition(expr.left, at, f"`{expr.operator}`")
        if self._refuse_conditional_calls(expr.right, at, f"after `{expr.operator}`"):
            return wrong()
        known = facts_of(expr.left)
        inner = at.but(facts=at.facts | (known.true if expr.operator == "and" else known.false))
        right = self.condition(expr.right, inner, f"`{expr.operator}`")
        type_ = BOOL if left.type is not None and right.type is not None else None
        return Typed(Logic(expr.operator, left.expr, right.expr), type_, left.constant and right.constant)

    def _coalesce(self, expr: ast.Binary, at: Context, want: Type | None) -> Typed:
        left = self.infer(expr.left, at, want)
        if self._refuse_conditional_calls(expr.right, at, "after `??`"):
            return wrong()
        right = self.infer(expr.right, at, want)
        if left.type is None or right.type is None:
            return wrong()
        logic = Logic("coalesce", left.expr, right.expr)
        constant = left.constant and right.constant
        if left.type == NONE:
            return Typed(logic, right.type, constant)
        type_ = common(required(left.type), right.type)
        if type_ is None:
            self._refuse_operator("??", expr.operator_span, [(expr.left, left.type), (expr.right, right.type)])
            return wrong()
        return Typed(logic, type_, constant)

    def _compare(self, expr: ast.Compare, at: Context) -> Typed:
        found = [self.infer(o, at) for o in expr.operands]
        out: Typed | None = None
        for i, operator in enumerate(expr.operators):
            span = expr.operands[i].span.to(expr.operands[i + 1].span)
            pair = [(expr.operands[i], found[i]), (expr.operands[i + 1], found[i + 1])]
            one = self._apply(_COMPARISONS[operator], operator, span, pair)
            if one.type is None:
                return wrong()
            out = one if out is None else Typed(Logic("and", out.expr, one.expr), BOOL, out.constant and one.constant)
        assert out is not None
        return out

    def _ternary(self, expr: ast.Ternary, at: Context, want: Type | None) -> Typed:
        for side in (expr.then, expr.otherwise):
            if self._refuse_conditional_calls(side, at, "in `… if … else …`"):
                return wrong()
        condition = self.condition(expr.condition, at, "`if`")
        known = facts_of(expr.condition)
        then = self.infer(expr.then, at.but(facts=at.facts | known.true), want)
        otherwise = self.infer(expr.otherwise, at.but(facts=at.facts | known.false), want)
        if condition.type is None or then.type is None or otherwise.type is None:
            return wrong()
        type_ = common(then.type, otherwise.type)
        if type_ is None and want is not None and assignable(want, then.type) and assignable(want, otherwise.type):
            type_ = want
        if type_ is None:
            self.report.error(
                "CSC210",
                expr.span,
                f"both sides of `if … else` have one type, found {then.type} and {otherwise.type}",
                also=[(expr.then.span, f"this is {then.type}"), (expr.otherwise.span, f"this is {otherwise.type}")],
            )
            return wrong()
        constant = condition.constant and then.constant and otherwise.constant
        return Typed(Choose(condition.expr, then.expr, otherwise.expr), type_, constant)

    # ---- parts of values ----

    def _member(self, expr: ast.Member, at: Context) -> Typed:
        subject = self.infer(expr.subject, at)
        if subject.type is None:
            return wrong()
        found: Type | None = None
        match subject.type:
            case RecordType(fields):
                found = subject.type.get(expr.name)
                if found is None:
                    known = [k for k, _ in fields]
                    help = did_you_mean(expr.name, known) or (
                        "it has " + ", ".join(f"`{k}`" for k in known) if known else None
                    )
                    self.report.error("CSC105", expr.name_span, f"{subject.type} has no field `{expr.name}`", help=help)
                    return wrong()
            case DictType(value):
                found = value
            case Scalar("json"):
                found = JSON
            case _:
                if isinstance(subject.type, OptionalType):
                    text = self.source_text(expr.subject.span)
                    help = f"it may be none: test `{text} != none` first"
                elif isinstance(subject.type, ListType):
                    text = self.source_text(expr.subject.span)
                    help = f"take it from each item: `[x.{expr.name} for x in {text}]`"
                else:
                    help = (
                        f"write `{expr.name}({self.source_text(expr.subject.span)})`"
                        if expr.name in FUNCTIONS
                        else None
                    )
                self.report.error("CSC105", expr.name_span, f"{subject.type} has no fields", help=help)
                return wrong()
        if isinstance(found, OptionalType) and path_of(expr) in at.facts:
            found = found.inner
        return Typed(Field(subject.expr, expr.name), found, subject.constant)

    def _index(self, expr: ast.Index, at: Context) -> Typed:
        subject, index = self.infer(expr.subject, at), self.infer(expr.index, at)
        if (
            isinstance(subject.type, RecordType)
            and isinstance(expr.index, ast.StringLit)
            and expr.index.text is not None
        ):
            found = subject.type.get(expr.index.text)
            if found is not None:
                return Typed(Field(subject.expr, expr.index.text), found, subject.constant)
            help = did_you_mean(expr.index.text, [k for k, _ in subject.type.fields])
            self.report.error("CSC105", expr.index.span, f"{subject.type} has no field `{expr.index.text}`", help=help)
            return wrong()
        if isinstance(subject.type, TupleType) and isinstance(index.expr, Lit) and index.type == INT:
            at_index: int = index.expr.value
            if -len(subject.type.items) <= at_index < len(subject.type.items):
                found = subject.type.items[at_index]
                return Typed(Apply("index", (subject.expr, index.expr)), found, subject.constant)
        return self._apply("index", "[]", expr.span, [(expr.subject, subject), (expr.index, index)])

    def _slice(self, expr: ast.Slice, at: Context) -> Typed:
        operands = [(expr.subject, self.infer(expr.subject, at))]
        for bound in (expr.low, expr.high):
            operands.append((expr.subject, Typed(Lit(None), NONE)) if bound is None else (bound, self.infer(bound, at)))
        return self._apply("slice", "[:]", expr.span, operands)

    # ---- calls ----

    def _call(self, expr: ast.Call, at: Context) -> Typed:
        target = expr.function
        if isinstance(target, ast.Member):
            return self._call_member(expr, target, at)
        if not isinstance(target, ast.Name):
            self.report.error("CSC214", target.span, "only tasks and functions can be called")
            return wrong()
        symbol = at.scope.find(target.name)
        match symbol:
            case Refused():
                return wrong()
            case Task():
                if at.nodes is None:
                    self.report.error("CSC107", expr.span, f"no task can be called in {at.forbids_tasks}")
                    return wrong()
                return at.nodes.call(expr, at)
            case Value():
                self.report.error(
                    "CSC214",
                    target.span,
                    f"`{target.name}` is a value and cannot be called",
                    also=[(symbol.span, "bound here")],
                    help=f"another name for it would leave the function `{target.name}` in sight"
                    if target.name in FUNCTIONS
                    else None,
                )
                return wrong()
            case None:
                pass
            case _:
                assert_never(symbol)
        row = FUNCTIONS.get(target.name)
        if row is None or row.hidden:
            self._unknown_call(target, at)
            return wrong()
        if expr.clauses is not None:
            self.report.error("CSC214", expr.span, f"`with` changes calls of tasks, `{target.name}` is a function")
            return wrong()
        if expr.after:
            if at.nodes is None:
                self.report.error("CSC107", expr.span, f"`after` cannot stand in {at.forbids_tasks}")
                return wrong()
            return at.nodes.call(expr, at)
        return function_call(self, row, expr, at)

    def _call_member(self, expr: ast.Call, target: ast.Member, at: Context) -> Typed:
        if isinstance(target.subject, ast.Name) and isinstance(at.scope.find(target.subject.name), Refused):
            return wrong()
        if target.name in FUNCTIONS and not FUNCTIONS[target.name].hidden:
            text = self.source_text(target.subject.span)
            rest = ", …" if expr.args else ""
            help = f"write `{target.name}({text}{rest})`"
            self.report.error("CSC214", target.span, "values have no methods", help=help)
            return wrong()
        subject = self.infer(target.subject, at)
        if subject.type is not None:
            self.report.error("CSC214", target.span, "values have no methods")
        return wrong()

    def _unknown_call(self, target: ast.Name, at: Context) -> None:
        if target.name in UNBUILT:
            self.report.unbuilt(target.span, f"`{target.name}`", UNBUILT[target.name])
            return
        tasks = [n for n in at.scope.known() if isinstance(at.scope.find(n), Task)]
        known = [*tasks, *visible_functions()]
        help = _FOREIGN_CALLS.get(target.name) or did_you_mean(target.name, known)
        self.report.error("CSC102", target.span, f"there is no task or function `{target.name}`", help=help)


_FOREIGN = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "write `none`",
    "null": "write `none`",
    "nil": "write `none`",
}
_FOREIGN_CALLS = {
    "print": "use `output NAME = …` for what the run gives back",
    "open": "use `read(…)`, or `lines(…)`",
    "list": "a list is written `[…]`",
    "dict": "a dict is written `{…}`",
    "set": "use `unique(…)`",
    "map": "write `[f(x) for x in xs]`",
    "filter": "write `[x for x in xs if …]`",
    "length": "did you mean `len`?",
    "count": "did you mean `len`?",
    "raw": "`raw` is not built yet",
    "concat": "write `a + b`",
}
"""What people coming from elsewhere write."""


def _less(facts: Facts, names: Sequence[ast.Ident]) -> Facts:
    hidden = {n.name for n in names}
    return frozenset(f for f in facts if f.split(".", 1)[0] not in hidden)


def inner_calls(expr: ast.ListComp | ast.DictComp, scope: Scope, nodes: NodeMaker) -> bool:
    """Something that is evaluated for each item makes nodes; the source of the first clause is not."""
    for number, clause in enumerate(expr.clauses):
        if number and nodes.holds_calls(clause.source, scope):
            return True
        scope = Scope(scope, [Refused(n.name, n.span) for n in clause.names])
        if clause.condition is not None and nodes.holds_calls(clause.condition, scope):
            return True
    results = (expr.element,) if isinstance(expr, ast.ListComp) else (expr.key, expr.value)
    return any(nodes.holds_calls(r, scope) for r in results)
