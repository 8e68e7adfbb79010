"""The tree of expressions, limits, clauses, bodies and statements, which stand in each other."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..base.diagnostics import Span
from .ast_types import Ident
from .node import Node

# ---- expressions ------------------------------------------------------------------------------------------------


class NoneLit(Node):
    """`none`."""

    span: Span


class BoolLit(Node):
    """`true`, `false`."""

    value: bool
    span: Span


class IntLit(Node):
    """`3`, `1_000`; never negative, may be beyond 64 bits."""

    value: int
    span: Span


class FloatLit(Node):
    """`2.5`, `1e6`."""

    value: float
    span: Span


class DurationLit(Node):
    """`250ms`, `1h30m`, in nanoseconds."""

    ns: int
    span: Span


class SizeLit(Node):
    """`4GB`, `64MiB`, in bytes."""

    size: int
    span: Span


class StringLit(Node):
    """A string: literal pieces, escapes and indent resolved, and the expressions of `{{ }}`; `()` is the empty text."""

    parts: tuple[str | Expr, ...]
    span: Span
    """With the quotes."""
    places: tuple[Span, ...] = ()
    """For each expression of `parts`, in order, the span of its `{{ … }}` with the braces."""

    @property
    def text(self) -> str | None:
        """The text of a string without `{{ }}`; None of one with, and of one that was never closed."""
        texts = [part for part in self.parts if isinstance(part, str)]
        return "".join(texts) if len(texts) == len(self.parts) else None


class Name(Node):
    """A name that stands for a value, or for what is called."""

    name: str
    span: Span


class ListLit(Node):
    """`[a, b]`."""

    items: tuple[Expr, ...]
    span: Span


class RecordField(Node):
    """`key: value` of a record; the key is the text itself."""

    key: str
    key_span: Span
    value: Expr
    span: Span


class RecordLit(Node):
    """`{a: 1, "b c": 2}`; keys may repeat, which the checker refuses."""

    fields: tuple[RecordField, ...]
    span: Span


class ForClause(Node):
    """`for names in source if condition`; several names unpack each item."""

    names: tuple[Ident, ...]
    source: Expr
    condition: Expr | None
    span: Span


class ListComp(Node):
    """`[element for …]`, with at least one clause."""

    element: Expr
    clauses: tuple[ForClause, ...]
    span: Span


class DictComp(Node):
    """`{key: value for …}`; the key is an expression."""

    key: Expr
    value: Expr
    clauses: tuple[ForClause, ...]
    span: Span


UnaryOperator = Literal["-", "not"]
BinaryOperator = Literal["+", "-", "*", "/", "//", "%", "**", "and", "or", "??"]
CompareOperator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


class Unary(Node):
    """`-x`, `not x`."""

    operator: UnaryOperator
    operand: Expr
    span: Span


class Binary(Node):
    """An operator of two, the short-circuit ones too."""

    operator: BinaryOperator
    left: Expr
    right: Expr
    operator_span: Span
    span: Span


class Compare(Node):
    """`a < b <= c`: one operator fewer than operands, at least one."""

    operands: tuple[Expr, ...]
    operators: tuple[CompareOperator, ...]
    span: Span


class Ternary(Node):
    """`then if condition else otherwise`."""

    then: Expr
    condition: Expr
    otherwise: Expr
    span: Span


class Member(Node):
    """`subject.name`."""

    subject: Expr
    name: str
    name_span: Span
    span: Span


class Index(Node):
    """`subject[index]`."""

    subject: Expr
    index: Expr
    span: Span


class Slice(Node):
    """`subject[low:high]`."""

    subject: Expr
    low: Expr | None
    high: Expr | None
    span: Span


class Arg(Node):
    """An argument, named where it says `name = value`."""

    name: Ident | None
    value: Expr
    span: Span


class Call(Node):
    """A call of a task, a flow or a function, with what follows it."""

    function: Expr
    """A `Name` or a `Member`; anything else is for the checker to refuse."""
    args: tuple[Arg, ...]
    span: Span
    after: tuple[Expr, ...] = ()
    """The operands of `after`: `Name`s and `Member`s."""
    clauses: tuple[Clause, ...] | None = None
    """What `with { }` replaces; None where there is no `with`."""


class Try(Node):
    """`try operand else otherwise`; that the operand is one call is for the checker."""

    operand: Expr
    otherwise: Expr
    span: Span


class Repeat(Node):
    """`repeat variable = initial while condition max maximum [ok] [every pause] { body }`."""

    variable: Ident
    initial: Expr
    condition: Expr
    maximum: Expr
    maximum_ok: bool
    every: Expr | None
    body: tuple[Statement, ...]
    """Bindings, and as its last statement an expression: the next value of the variable."""
    span: Span


Literals: TypeAlias = NoneLit | BoolLit | IntLit | FloatLit | DurationLit | SizeLit
Expr: TypeAlias = (
    Literals
    | StringLit
    | Name
    | ListLit
    | RecordLit
    | ListComp
    | DictComp
    | Unary
    | Binary
    | Compare
    | Ternary
    | Member
    | Index
    | Slice
    | Call
    | Try
    | Repeat
)


# ---- limits -----------------------------------------------------------------------------------------------------


class Scope(Node):
    """`global`, `task:GLOB`, `tag:GLOB`, `flow:GLOB`, or the name of a resource (kind `resource`)."""

    kind: Literal["global", "task", "tag", "flow", "resource"]
    pattern: str
    """Empty for `global`."""
    span: Span


class NumberAmount(Node):
    """A number or a size, as it stands; a negative one is an `ExprAmount`."""

    value: IntLit | FloatLit | SizeLit
    span: Span


class RateAmount(Node):
    """`10/s`, `10MB/s`."""

    value: IntLit | FloatLit | SizeLit
    per_ns: int
    span: Span


class NoneAmount(Node):
    """`none`: this layer says nothing any more."""

    span: Span


class ExprAmount(Node):
    """Anything else: an expression over params, in a file only."""

    value: Expr
    span: Span


Amount: TypeAlias = NumberAmount | RateAmount | NoneAmount | ExprAmount


class TimeOfDay(Node):
    """`08:00`, in minutes of the day, local time."""

    minute: int
    span: Span


class Window(Node):
    """`from 09:00 to 18:00 mon-fri`; days 0 (Monday) to 6, none where it names none."""

    start: TimeOfDay
    end: TimeOfDay
    days: tuple[int, ...]
    span: Span


class LimitSentence(Node):
    """The limit sentence. Its options may come in any order, each at most once."""

    scope: Scope | None
    """None in a task's clause: the task itself."""
    amount: Amount
    span: Span
    burst: Expr | None = None
    whole: bool = False
    by: Expr | None = None
    by_text: str = ""
    """The source text of `by`."""
    for_: Expr | None = None
    until: TimeOfDay | None = None
    window: Window | None = None
    hard: bool = False
    because: StringLit | None = None


# ---- clauses ----------------------------------------------------------------------------------------------------


class RequiresItem(Node):
    """`cpu = 4`, or `gpu` alone, which is 1."""

    resource: Ident
    amount: Expr | None
    span: Span


class RequiresClause(Node):
    items: tuple[RequiresItem, ...]
    span: Span


class LimitClause(Node):
    """`limit 3` in a task."""

    sentence: LimitSentence
    span: Span


class RetryCause(Node):
    """What `on` names: an exit code, or a word such as `timeout`."""

    cause: int | str
    span: Span


class RetryClause(Node):
    """`retry count backoff low..high on causes`; no causes means every failure."""

    count: Expr
    backoff_min: Expr | None
    backoff_max: Expr | None
    on: tuple[RetryCause, ...]
    span: Span


class TimeoutClause(Node):
    duration: Expr
    span: Span


class CacheClause(Node):
    """`cache`, `cache off`, `cache 1h`, `cache by EXPR`, `cache 1h by EXPR`."""

    off: bool
    ttl: Expr | None
    by: Expr | None
    span: Span


class EnvEntry(Node):
    name: Ident
    value: Expr
    span: Span


class EnvClause(Node):
    entries: tuple[EnvEntry, ...]
    span: Span


class PriorityClause(Node):
    value: Expr
    span: Span


class TagClause(Node):
    tags: tuple[Ident, ...]
    span: Span


class InClause(Node):
    """`in "dir"`, or `in scratch` where `folder` is None."""

    folder: Expr | None
    span: Span


class ShellClause(Node):
    command: StringLit
    span: Span


Clause: TypeAlias = (
    RequiresClause
    | LimitClause
    | RetryClause
    | TimeoutClause
    | CacheClause
    | EnvClause
    | PriorityClause
    | TagClause
    | InClause
    | ShellClause
)
"""Repeated clauses are for the checker to refuse."""


# ---- bodies -----------------------------------------------------------------------------------------------------


class ShBody(Node):
    """`sh "…"`. `script.parts` are the literal pieces of the script and the expressions between them, `script.places`
    the spans of the `{{ … }}`."""

    script: StringLit
    span: Span


class ExecBody(Node):
    """`exec ["prog", a, b]`."""

    argv: Expr
    span: Span


class PythonBody(Node):
    """`python "…"`: code or a reference to a function, dedented, not interpolated."""

    text: str
    text_span: Span
    """With the quotes."""
    line_offsets: tuple[int, ...]
    """Where, in the source, the first character of each line of `text` stands."""
    span: Span


Body: TypeAlias = ShBody | ExecBody | PythonBody


# ---- statements -------------------------------------------------------------------------------------------------


class Binding(Node):
    """`name = value`."""

    name: Ident
    value: Expr
    doc: str
    span: Span


class ExprStatement(Node):
    """An expression alone: a call for its effect, or the value of a round of `repeat`."""

    value: Expr
    span: Span


class IfStatement(Node):
    """`if c { } else { }`; `else if` is an `otherwise` of one IfStatement; None where there is no `else`."""

    condition: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] | None
    span: Span


class ForStatement(Node):
    """`for names in source { }`."""

    names: tuple[Ident, ...]
    source: Expr
    body: tuple[Statement, ...]
    span: Span


class OutputStatement(Node):
    """`output name = value`."""

    name: Ident
    value: Expr
    doc: str
    span: Span


class ReturnStatement(Node):
    """`return value`."""

    value: Expr
    span: Span


Statement: TypeAlias = Binding | ExprStatement | IfStatement | ForStatement | OutputStatement | ReturnStatement
"""All of them parse in every block; which may stand where is for the checker."""
