"""Expressions to residual expressions with their types, in one walk.

Reads the tree and a `Context`; gives `Typed`. What is wrong is reported once: a part without a type silences what
follows from it. Calls of tasks are left to `Context.nodes`, where it is given; elsewhere they are refused. A call
makes a node beside the expression, so the expression that comes back is always free of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from ..base.diagnostics import Span
from ..base.quantity import seconds
from ..base.suggest import did_you_mean, nearest
from ..ir.expr import Apply, Field, Lit, Ref, Var
from ..ir.notation import literal_text
from ..ir.types import (
    BOOL,
    DIR,
    DURATION,
    FILE,
    FLOAT,
    INT,
    JSON,
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
from ..values.types import assignable, required
from . import ast, mends
from .context import Context, Typed, wrong
from .differences import choice_of, field_faults, meanings, no_option, one_of
from .functions import function_call
from .literals import item_at_fault, list_of, record_of, string, texts_of
from .loops import comprehension
from .narrowing import narrowed
from .operations import apply, binary, compare, ternary, unary
from .secrets import refuse
from .symbols import Refused, Report, Secret, Task, Value

_PATHS = (FILE, DIR, ListType(FILE), ListType(DIR))


class Expressions:
    """The typing of expressions of one module."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._without_result: set[Task] = set()
        """Tasks that have been reported to give nothing."""
        self.elsewhere: mends.Elsewhere | None = None
        """Names that mean something in a part of the file only."""

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
                return string(self, expr, at, want)
            case ast.Name():
                return self._name(expr, at)
            case ast.ListLit():
                return list_of(self, expr, at, want)
            case ast.RecordLit():
                return record_of(self, expr, at, want)
            case ast.ListComp() | ast.DictComp():
                return comprehension(self, expr, at, want)
            case ast.Unary():
                return unary(self, expr, at)
            case ast.Binary():
                return binary(self, expr, at, want)
            case ast.Compare():
                return compare(self, expr, at)
            case ast.Ternary():
                return ternary(self, expr, at, want)
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
        call: ast.Call | None = None,
    ) -> Typed:
        """The expression, where its type goes where `want` is wanted; `what` begins the message, and names the place.

        `call` is the call whose argument it is.
        """
        found = self.infer(expr, at, want)
        if want is None or found.type is None:
            return found if want is not None else Typed(found.expr, None)
        if isinstance(choice := choice_of(want), ChoiceType) and found.type == STR:
            texts = texts_of(expr, at)
            if texts and texts <= set(choice.options):
                return Typed(found.expr, choice, found.constant)
        if not assignable(want, found.type):
            if call is not None and isinstance(found.type, ListType) and assignable(want, found.type.item):
                help = help or mends.for_each(self, call, expr)
            if not self.gives_nothing(found, expr.span, at):
                self.mismatch(expr, want, found.type, at, what, also, help)
            return wrong()
        return found

    def gives_nothing(self, found: Typed, span: Span, at: Context) -> bool:
        """Reports the use of what a task without a result gives; False where it is something else."""
        if at.nodes is None or not isinstance(found.expr, Ref) or found.type not in (NONE, ListType(NONE)):
            return False
        task = at.nodes.gives_nothing(found.expr.node)
        if task is None:
            return False
        if task in self._without_result:
            return True
        self._without_result.add(task)
        self.report.error(
            "CSC230",
            task.span,
            f"the task `{task.name}` gives no result, and one is used",
            label="it declares none",
            also=[(span, "used here")],
            help=f"declare what it gives: `task {task.name}(…) -> int {{`, with the type that it has",
        )
        return True

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
        blamed = item_at_fault(expr, want)
        if blamed is not None:
            expr, want, have = blamed
            what = f"an item of {what}"
        fields = field_faults(want, have)
        code, shown = "CSC207" if fields else "CSC201", str(have)
        choice, text = choice_of(want), no_option(want, have, texts_of(expr, at))
        if isinstance(have, OptionalType) and assignable(want, have.inner):
            code = "CSC208"
        elif choice is not None and text is not None:
            code, shown = "CSC211", literal_text(text)
            help = help or (did_you_mean(text, choice.options) if choice.name else one_of(text, choice))
        self.report.error(
            code,
            expr.span,
            f"{what} wants {want}, found {shown}",
            label="this is no option of it" if code == "CSC211" else f"this is {have}",
            also=places,
            help=help or self.mend(expr, want, have),
            notes=[*fields, *meanings(want, *([] if code == "CSC211" else [have]))],
        )

    def mend(self, expr: ast.Expr, want: Type, have: Type) -> str | None:
        """What would make a value fit."""
        text = self.source_text(expr.span)
        short = text if len(text) <= 40 and "\n" not in text else "…"
        if isinstance(have, OptionalType) and assignable(want, have.inner):
            return f"it may be none: say what then, `{short} ?? …`"
        if choice_of(want) is not None:
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
            case RecordType() as wanted, RecordType():
                return mends.record(wanted, have)
            case ListType(Scalar("file" | "dir")), Scalar("str") if isinstance(expr, ast.StringLit):
                return mends.files(expr)
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

    # ---- names ----

    def _name(self, expr: ast.Name, at: Context) -> Typed:
        symbol = at.scope.find(expr.name)
        match symbol:
            case Value():
                type_ = symbol.type
                type_ = None if type_ is None else narrowed(expr, type_, at.facts)
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
            case Secret():
                refuse(self.report, expr.span, symbol)
            case Refused():
                pass
            case None if not expr.name:
                pass  # it stands for what could not be read
            case None:
                if expr.name in FUNCTIONS and not FUNCTIONS[expr.name].hidden:
                    self.report.error(
                        "CSC107",
                        expr.span,
                        f"`{expr.name}` is a function, not a value",
                        help=f"call it: `{expr.name}(…)`",
                    )
                elif expr.name == "need" and "task" in at.only_constants:
                    help = "it is known in `env`, in `in` and in the body"
                    message = "`need` is what was granted, which is not known here yet"
                    self.report.error("CSC107", expr.span, message, help=help)
                elif expr.name == "last" and "task" in at.only_constants:
                    help = "amounts of `requires` and `timeout` know it: `requires mem = max(2GB, 2 * last.mem)`"
                    message = "`last` is what the last attempt used, which is not known here"
                    self.report.error("CSC107", expr.span, message, help=help)
                else:
                    help, also = None, []
                    if not self.report.flooded:
                        help, also = mends.name_elsewhere(expr.name, self.elsewhere, at.scope)
                    message = f"there is no name `{expr.name}`"
                    self.report.error("CSC101", expr.span, message, also=also, help=help)
            case _:
                assert_never(symbol)
        return wrong()

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
                    self.report.error(
                        "CSC105",
                        expr.name_span,
                        f"{subject.type} has no field `{expr.name}`",
                        help=help,
                        notes=meanings(subject.type),
                    )
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
                if self.gives_nothing(subject, expr.span, at):
                    return wrong()
                may_be_none = isinstance(subject.type, OptionalType) and not assignable(STR, subject.type.inner)
                code, what = ("CSC208", "may be none") if may_be_none else ("CSC105", "has no fields")
                self.report.error(code, expr.name_span, f"{subject.type} {what}", help=help)
                return wrong()
        found = narrowed(expr, found, at.facts)
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
                found = narrowed(expr, found, at.facts)
                return Typed(Field(subject.expr, expr.index.text), found, subject.constant)
            help = did_you_mean(expr.index.text, [k for k, _ in subject.type.fields])
            message = f"{subject.type} has no field `{expr.index.text}`"
            self.report.error("CSC105", expr.index.span, message, help=help, notes=meanings(subject.type))
            return wrong()
        if isinstance(subject.type, TupleType) and isinstance(index.expr, Lit) and index.type == INT:
            at_index: int = index.expr.value
            if -len(subject.type.items) <= at_index < len(subject.type.items):
                found = narrowed(expr, subject.type.items[at_index], at.facts)
                return Typed(Apply("index", (subject.expr, index.expr)), found, subject.constant)
        found = apply(self, "index", "[]", expr.span, [(expr.subject, subject), (expr.index, index)], at)
        if found.type is not None:
            found.type = narrowed(expr, found.type, at.facts)
        return found

    def _slice(self, expr: ast.Slice, at: Context) -> Typed:
        operands = [(expr.subject, self.infer(expr.subject, at))]
        for bound in (expr.low, expr.high):
            operands.append((expr.subject, Typed(Lit(None), NONE)) if bound is None else (bound, self.infer(bound, at)))
        return apply(self, "slice", "[:]", expr.span, operands, at)

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
            case Secret():
                refuse(self.report, target.span, symbol)
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
        root: ast.Expr = target
        while isinstance(root, ast.Member):
            root = root.subject
        if isinstance(root, ast.Name) and at.scope.find(root.name) is None and root.name not in FUNCTIONS:
            return self._name(root, at)
        if target.name in FUNCTIONS and not FUNCTIONS[target.name].hidden:
            text = self.source_text(target.subject.span)
            args = ", ".join(self.source_text(a.span) for a in expr.args)
            whole = f"{target.name}({text}{', ' * bool(args)}{args})"
            short = len(whole) <= 60 and "\n" not in whole
            help = f"write `{whole}`" if short else f"write `{target.name}(…)`"
            self.report.error("CSC214", expr.span, "values have no methods", help=help)
            return wrong()
        subject = self.infer(target.subject, at)
        if subject.type is not None:
            self.report.error("CSC214", target.span, "values have no methods")
        return wrong()

    def _unknown_call(self, target: ast.Name, at: Context) -> None:
        if target.name == "raw":
            self.report.error(
                "CSC355",
                target.span,
                "`raw(…)` is no value: it stands alone in a `{{ }}` of a `sh` body",
                help="write `{{raw(x)}}` there, with one argument",
            )
            return
        if target.name in UNBUILT:
            self.report.unbuilt(target.span, f"`{target.name}`", UNBUILT[target.name])
            return
        known = [] if self.report.flooded else [*at.scope.known(), *visible_functions()]
        near = nearest(target.name, known, 8)
        called = next((n for n in near if not isinstance(at.scope.find(n), Value)), None)
        help = mends.CALLS.get(target.name) or (f"did you mean `{called}`?" if called else None)
        self.report.error("CSC102", target.span, f"there is no task or function `{target.name}`", help=help)
