"""Builders of declarations, statements, clauses and limits; importing this registers every builder of the grammar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..base.diagnostics import Span
from ..base.suggest import nearest
from . import ast, build_expressions
from .build_expressions import RATE_UNITS_NS, amount_of, plain_text
from .builder import BUILDERS, NESTING, Builder, builds
from .lexer import Token
from .strings import code

__all__ = ["BUILDERS", "NESTING", "Builder", "build_expressions"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


# ---- the file and its declarations


@builds()
def module(b: Builder, span: Span, *items: ast.Declaration | ast.Statement | None) -> ast.Module:
    found = tuple(item for item in items if item is not None)
    return ast.Module(items=found, doc=b.doc_of_file(), span=Span(0, len(b.text)))


@builds()
def module_name(b: Builder, span: Span, *parts: Token) -> ast.Ident:
    return ast.Ident(name=".".join(part.text for part in parts), span=span)


@builds()
def use_decl(
    b: Builder, span: Span, source: ast.StringLit | ast.Ident, args: tuple[ast.Arg, ...] | None, alias: ast.Ident | None
) -> ast.UseDecl:
    if isinstance(source, ast.StringLit):
        plain_text(b, source, "the path of a module")
    return ast.UseDecl(
        source=source if isinstance(source, ast.StringLit) else None,
        module=source.name if isinstance(source, ast.Ident) else "",
        source_span=source.span,
        args=args or (),
        alias=alias,
        doc=b.doc(span),
        span=span,
    )


@builds()
def param_decl(b: Builder, span: Span, name: ast.Ident, type: ast.TypeExpr, default: ast.Expr | None) -> ast.ParamDecl:
    return ast.ParamDecl(name=name, type=type, default=default, doc=b.doc(span), span=span)


@builds()
def secret_decl(b: Builder, span: Span, name: ast.Ident) -> ast.SecretDecl:
    return ast.SecretDecl(name=name, doc=b.doc(span), span=span)


@builds()
def type_decl(b: Builder, span: Span, name: ast.Ident, type: ast.TypeExpr) -> ast.TypeDecl:
    return ast.TypeDecl(name=name, type=type, doc=b.doc(span), span=span)


@builds()
def limit_statement(b: Builder, span: Span, sentence: ast.LimitSentence) -> ast.LimitStatement:
    return ast.LimitStatement(sentence=sentence, doc=b.doc(span), span=span)


@builds()
def input_decl(b: Builder, span: Span, name: ast.Ident, type: ast.TypeExpr, default: ast.Expr | None) -> ast.InputDecl:
    return ast.InputDecl(name=name, type=type, default=default, doc=b.doc(span), span=span)


@builds()
def output_decl(
    b: Builder, span: Span, temp: Token | None, type: ast.TypeExpr, path: ast.Expr | None
) -> ast.OutputDecl:
    return ast.OutputDecl(name=None, type=type, temp=temp is not None, path=path, doc="", span=span)


@builds()
def named_output(
    b: Builder, span: Span, name: ast.Ident, temp: Token | None, type: ast.TypeExpr, path: ast.Expr | None
) -> ast.OutputDecl:
    return ast.OutputDecl(name=name, type=type, temp=temp is not None, path=path, doc=b.doc(span), span=span)


_Outputs = tuple[tuple[ast.OutputDecl, ...], bool]


@builds()
def single_output(b: Builder, span: Span, output: ast.OutputDecl) -> _Outputs:
    return (output,), False


@builds()
def grouped_outputs(b: Builder, span: Span, *outputs: ast.OutputDecl) -> _Outputs:
    return outputs, True


_TaskHeader = tuple[ast.Ident, tuple[ast.InputDecl, ...], _Outputs, Span]


@builds()
def task_header(
    b: Builder, span: Span, name: ast.Ident, inputs: tuple[ast.InputDecl, ...], outputs: _Outputs | None
) -> _TaskHeader:
    return name, inputs, outputs or ((), False), span


@builds()
def task_decl(
    b: Builder, span: Span, header: _TaskHeader | None, parts: tuple[ast.Clause | ast.Body | None, ...]
) -> ast.TaskDecl | None:
    if header is None:
        return None  # it could not be read; what it declares is known as broken
    name, inputs, (outputs, grouped), at = header
    clauses: list[ast.Clause] = []
    bodies: list[ast.Body] = []
    for part in parts:
        if isinstance(part, ast.ShBody | ast.ExecBody | ast.PythonBody):
            bodies.append(part)
        elif part is not None:
            clauses.append(part)
    return ast.TaskDecl(
        name=name,
        inputs=inputs,
        outputs=outputs,
        grouped=grouped,
        clauses=tuple(clauses),
        bodies=tuple(bodies),
        doc=b.doc(span, at.end),
        torn=None in parts,
        header=Span(span.start, at.end),
        span=span,
    )


_FlowHeader = tuple[ast.Ident, tuple[ast.InputDecl, ...], ast.TypeExpr | None, Span]


@builds()
def flow_header(
    b: Builder, span: Span, name: ast.Ident, inputs: tuple[ast.InputDecl, ...], result: ast.TypeExpr | None
) -> _FlowHeader:
    return name, inputs, result, span


@builds()
def flow_decl(
    b: Builder, span: Span, header: _FlowHeader | None, body: tuple[ast.Statement, ...]
) -> ast.FlowDecl | None:
    if header is None:
        return None
    name, inputs, result, at = header
    return ast.FlowDecl(
        name=name,
        inputs=inputs,
        result=result,
        body=body,
        doc=b.doc(span, at.end),
        header=Span(span.start, at.end),
        span=span,
    )


@builds()
def finally_decl(b: Builder, span: Span, body: tuple[ast.Statement, ...]) -> ast.FinallyDecl:
    return ast.FinallyDecl(body=body, span=span)


# ---- clauses and bodies


@builds()
def requires_item(b: Builder, span: Span, resource: ast.Ident, amount: ast.Expr | None) -> ast.RequiresItem:
    return ast.RequiresItem(resource=resource, amount=amount, span=span)


@builds()
def requires_clause(b: Builder, span: Span, *items: ast.RequiresItem) -> ast.RequiresClause:
    return ast.RequiresClause(items=items, span=span)


@builds()
def limit_clause(b: Builder, span: Span, sentence: ast.LimitSentence) -> ast.LimitClause:
    return ast.LimitClause(sentence=sentence, span=span)


@builds()
def backoff(b: Builder, span: Span, low: ast.Expr, high: ast.Expr) -> tuple[ast.Expr, ast.Expr]:
    return low, high


@builds()
def retry_cause(b: Builder, span: Span, cause: Token) -> ast.RetryCause:
    if cause.kind != "INT":
        return ast.RetryCause(cause=cause.text, span=span)
    number = int(cause.text or "1") if len(cause.text) < 9 else -1
    if not 0 <= number <= 255:
        b.faults.add("CSC024", f"`{cause.text}` is no exit code", span, "exit codes are 1 to 255")
    return ast.RetryCause(cause=number, span=span)


@builds()
def retry_clause(
    b: Builder,
    span: Span,
    count: ast.Expr,
    bounds: tuple[ast.Expr, ast.Expr] | None,
    causes: tuple[ast.RetryCause, ...] | None,
) -> ast.RetryClause:
    low, high = bounds or (None, None)
    return ast.RetryClause(count=count, backoff_min=low, backoff_max=high, on=causes or (), span=span)


@builds()
def timeout_clause(b: Builder, span: Span, duration: ast.Expr) -> ast.TimeoutClause:
    return ast.TimeoutClause(duration=duration, span=span)


@builds()
def cache_clause(b: Builder, span: Span, off: Token | None) -> ast.CacheClause:
    return ast.CacheClause(off=off is not None, ttl=None, by=None, span=span)


@builds()
def cache_ttl(b: Builder, span: Span, ttl: ast.Expr) -> ast.CacheClause:
    return ast.CacheClause(off=False, ttl=ttl, by=None, span=span)


@builds()
def cache_by(b: Builder, span: Span, by: ast.Expr) -> ast.CacheClause:
    return ast.CacheClause(off=False, ttl=None, by=by, span=span)


@builds()
def cache_ttl_by(b: Builder, span: Span, ttl: ast.Expr, by: ast.Expr) -> ast.CacheClause:
    return ast.CacheClause(off=False, ttl=ttl, by=by, span=span)


@builds()
def env_entry(b: Builder, span: Span, name: ast.Ident, value: ast.Expr) -> ast.EnvEntry:
    return ast.EnvEntry(name=name, value=value, span=span)


@builds()
def env_clause(b: Builder, span: Span, *entries: ast.EnvEntry) -> ast.EnvClause:
    return ast.EnvClause(entries=entries, span=span)


@builds()
def priority_clause(b: Builder, span: Span, value: ast.Expr) -> ast.PriorityClause:
    return ast.PriorityClause(value=value, span=span)


@builds()
def tag_clause(b: Builder, span: Span, *tags: ast.Ident) -> ast.TagClause:
    return ast.TagClause(tags=tags, span=span)


@builds()
def in_clause(b: Builder, span: Span, folder: ast.Expr) -> ast.InClause:
    return ast.InClause(folder=folder, span=span)


@builds()
def in_scratch(b: Builder, span: Span, scratch: Token) -> ast.InClause:
    return ast.InClause(folder=None, span=span)


@builds()
def shell_clause(b: Builder, span: Span, command: ast.StringLit) -> ast.ShellClause:
    plain_text(b, command, "the command of a shell")
    return ast.ShellClause(command=command, span=span)


@builds()
def sh_body(b: Builder, span: Span, script: ast.StringLit) -> ast.ShBody | None:
    if script.span.start in b.faults.places:
        return None  # never closed: what it says is not known
    return ast.ShBody(script=script, span=span)


@builds()
def exec_body(b: Builder, span: Span, argv: ast.Expr) -> ast.ExecBody:
    return ast.ExecBody(argv=argv, span=span)


@builds()
def python_body(b: Builder, span: Span, token: Token) -> ast.PythonBody | None:
    if token.start in b.faults.places:
        return None
    text, offsets = code(b.faults, token.text, token.start)
    return ast.PythonBody(text=text, text_span=token.span, line_offsets=offsets, span=span)


# ---- limits


class Option:
    """An option of a limit or a mock: its word, its value (True for a bare word) and its place."""

    __slots__ = ("span", "value", "word")

    def __init__(self, word: str, value: object, span: Span) -> None:
        self.word, self.value, self.span = word, value, span


@builds(
    "burst_option",
    "by_option",
    "for_option",
    "until_option",
    "because_option",
    "takes_option",
    "exit_option",
    "times_option",
)
def valued_option(b: Builder, span: Span, value: object) -> Option:
    return Option(_first_word(b, span), value, span)


@builds("whole_option", "hard_option", "fails_option")
def bare_option(b: Builder, span: Span) -> Option:
    return Option(_first_word(b, span), True, span)


def _first_word(b: Builder, span: Span) -> str:
    at = span.start
    while at < span.end and b.text[at].isalpha():
        at += 1
    return b.text[span.start : at]


def _options(b: Builder, options: Sequence[Option]) -> dict[str, Option]:
    """Options by their word; a second of the same word is a fault."""
    found: dict[str, Option] = {}
    for option in options:
        if option.word in found:
            b.faults.add(
                "CSC017",
                f"`{option.word}` is given twice",
                Span(option.span.start, option.span.start + len(option.word)),
                "keep one of the two",
                why=(found[option.word].span, "the first"),
            )
        found.setdefault(option.word, option)
    return found


@builds()
def time_of_day(b: Builder, span: Span, token: Token) -> ast.TimeOfDay:
    hour, minute = map(int, token.text.split(":"))
    if hour > 23 or minute > 59:
        b.faults.add("CSC025", f"`{token.text}` is no time of day", span, "times run from 00:00 to 23:59")
        hour = minute = 0
    return ast.TimeOfDay(minute=hour * 60 + minute, span=span)


@builds()
def window(b: Builder, span: Span, start: ast.TimeOfDay, end: ast.TimeOfDay, days: Token | None) -> Option:
    found: set[int] = set()
    for part in days.text.split(",") if days is not None else ():
        first, _, last = part.partition("-")
        at, stop = _DAYS.index(first[:3]), _DAYS.index((last or first)[:3])
        for extra in part.split("-")[2:]:
            b.faults.add(
                "CSC025", f"`{part}` is no range of days", Span(span.end - len(extra), span.end), "write `mon-fri`"
            )
        while at != stop:
            found.add(at)
            at = (at + 1) % 7
        found.add(stop)
    return Option("from", ast.Window(start=start, end=end, days=tuple(sorted(found)), span=span), span)


@builds()
def scope(b: Builder, span: Span, token: Token) -> ast.Scope:
    kind, colon, pattern = token.text.partition(":")
    if not colon:
        return ast.Scope(
            kind="global" if kind == "global" else "resource", pattern="" if kind == "global" else kind, span=span
        )
    if kind not in ("task", "tag", "flow"):
        near = nearest(kind, ("task", "tag", "flow"))
        mend = (
            f"did you mean `{near[0]}:{pattern}`?"
            if near
            else "scopes are `global`, `task:…`, `tag:…`, `flow:…` or a resource"
        )
        b.faults.add("CSC301", f"unknown kind of scope `{kind}:`", span, mend)
        return ast.Scope(kind="resource", pattern="", span=span)
    if not pattern:
        b.faults.add("CSC301", f"`{kind}:` names nothing", span, f"write `{kind}:NAME` without spaces")
    return ast.Scope(kind=kind, pattern=pattern, span=span)


@builds()
def amount(b: Builder, span: Span, value: ast.Expr) -> ast.Amount:
    match value:
        case ast.NoneLit():
            return ast.NoneAmount(span=span)
        case ast.IntLit() | ast.FloatLit() | ast.SizeLit():
            return ast.NumberAmount(value=value, span=span)
        case _:
            return ast.ExprAmount(value=value, span=span)


@builds()
def rate_amount(b: Builder, span: Span, token: Token) -> ast.RateAmount:
    text, _, unit = token.text.partition("/")
    value = amount_of(b, Span(span.start, span.start + len(text)), text)
    return ast.RateAmount(value=value, per_ns=RATE_UNITS_NS[unit], span=span)


@builds()
def limit_of_scope(b: Builder, span: Span, scope: ast.Scope, amount: ast.Amount, *options: Option) -> ast.LimitSentence:
    return _sentence(b, span, scope, amount, options)


@builds()
def limit_of_task(b: Builder, span: Span, amount: ast.Amount, *options: Option) -> ast.LimitSentence:
    return _sentence(b, span, None, amount, options)


def _sentence(
    b: Builder, span: Span, scope: ast.Scope | None, amount: ast.Amount, options: Sequence[Option]
) -> ast.LimitSentence:
    given = _options(b, options)
    if "for" in given and "until" in given:
        b.faults.add("CSC018", "`for` and `until` exclude each other", given["until"].span, "keep one of the two")

    def value(word: str) -> object:
        return given[word].value if word in given else None

    by = cast(ast.Expr | None, value("by"))
    because = cast(ast.StringLit | None, value("because"))
    if because is not None:
        plain_text(b, because, "a reason")
    return ast.LimitSentence(
        scope=scope,
        amount=amount,
        span=span,
        burst=cast(ast.Expr | None, value("burst")),
        whole="whole" in given,
        by=by,
        by_text="" if by is None else b.text[by.span.start : by.span.end],
        for_=cast(ast.Expr | None, value("for")),
        until=cast(ast.TimeOfDay | None, value("until")),
        window=cast(ast.Window | None, value("from")),
        hard="hard" in given,
        because=because,
    )


@builds("limit_text", "scope_text")
def typed_text(b: Builder, span: Span, value: ast.LimitSentence | ast.Scope) -> ast.LimitSentence | ast.Scope:
    return value


# ---- statements


def _with_more(b: Builder, value: ast.Expr, more: tuple[ast.Expr, ...]) -> ast.Expr:
    """The value with the names that follow its `after` on the statement's end."""
    if not more:
        return value
    if isinstance(value, ast.Call) and value.after:
        return ast.Call(
            function=value.function,
            args=value.args,
            span=value.span.to(more[-1].span),
            after=value.after + more,
            clauses=value.clauses,
        )
    comma = b.text.rfind(",", 0, more[0].span.start)
    b.faults.add(
        "CSC001",
        "expected the end of the line, found `,`",
        Span(comma, comma + 1),
        "several values make a list: `[a, b]`",
    )
    return value


@builds()
def binding(b: Builder, span: Span, name: ast.Ident, value: ast.Expr, more: tuple[ast.Expr, ...]) -> ast.Binding:
    return ast.Binding(name=name, value=_with_more(b, value, more), doc=b.doc(span), span=span)


@builds()
def expr_statement(b: Builder, span: Span, value: ast.Expr, more: tuple[ast.Expr, ...]) -> ast.ExprStatement:
    return ast.ExprStatement(value=_with_more(b, value, more), span=span)


@builds()
def output_statement(
    b: Builder, span: Span, name: ast.Ident, value: ast.Expr, more: tuple[ast.Expr, ...]
) -> ast.OutputStatement:
    return ast.OutputStatement(name=name, value=_with_more(b, value, more), doc=b.doc(span), span=span)


@builds()
def return_statement(b: Builder, span: Span, value: ast.Expr) -> ast.ReturnStatement:
    return ast.ReturnStatement(value=value, span=span)


@builds(nests=True)
def if_statement(
    b: Builder,
    span: Span,
    condition: ast.Expr,
    then: tuple[ast.Statement, ...],
    otherwise: tuple[ast.Statement, ...] | ast.IfStatement | None,
) -> ast.IfStatement:
    rest = (otherwise,) if isinstance(otherwise, ast.IfStatement) else otherwise
    return ast.IfStatement(condition=condition, then=then, otherwise=rest, span=span)


@builds(nests=True)
def for_statement(
    b: Builder, span: Span, names: tuple[ast.Ident, ...], source: ast.Expr, body: tuple[ast.Statement, ...]
) -> ast.ForStatement:
    return ast.ForStatement(names=names, source=source, body=body, span=span)


# ---- tests


@builds()
def test_decl(b: Builder, span: Span, title: ast.StringLit, body: tuple[ast.TestStatement, ...]) -> ast.TestDecl:
    plain_text(b, title, "the title of a test")
    return ast.TestDecl(title=title, body=body, doc=b.doc(span, title.span.end), span=span)


@builds()
def mock_statement(
    b: Builder,
    span: Span,
    task: ast.Expr,
    inputs: tuple[ast.Ident, ...] | None,
    value: ast.Expr | None,
    *options: Option,
) -> ast.MockStatement:
    given = _options(b, options)
    for word in ("exit", "times"):
        if word in given and "fails" not in given:
            b.faults.add("CSC018", f"`{word}` belongs to `fails`", given[word].span, f"write `fails {word} …`")

    def option(word: str) -> ast.Expr | None:
        return cast(ast.Expr, given[word].value) if word in given else None

    return ast.MockStatement(
        task=task,
        inputs=inputs or (),
        value=value,
        takes=option("takes"),
        fails="fails" in given,
        exit=option("exit"),
        times=option("times"),
        span=span,
    )


@builds()
def let_statement(b: Builder, span: Span, name: ast.Ident, value: ast.Expr) -> ast.LetStatement:
    return ast.LetStatement(name=name, value=value, span=span)


@builds()
def expect_statement(b: Builder, span: Span, value: ast.Expr) -> ast.ExpectStatement:
    return ast.ExpectStatement(value=value, span=span)
