"""Calls of functions: their arguments against the signature in the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..ir.expr import Apply, Expr
from ..ir.types import NONE, SCALARS, OptionalType, Scalar, Type
from ..values.functions import Function
from ..values.results import Arguments, Refusal
from ..values.signature import Parameter, build, matches, show_pattern
from . import ast, mends
from .constants import has_value
from .context import Context, Typed, wrong
from .differences import meanings

if TYPE_CHECKING:
    from .expressions import Expressions


def function_call(typing: Expressions, row: Function, call: ast.Call, at: Context) -> Typed:
    """The call with the type of its value, or what is wrong with it reported."""
    found = [typing.infer(a.value, at) for a in call.args]
    signature = row.signature
    named = [a.name for a in call.args if a.name is not None]
    count = len(call.args) - len(named)
    if not _accepts(typing, row, call, count):
        return wrong()
    letters: dict[str, Type] = {}
    sound = True
    for argument, typed, parameter in zip(call.args, found, _places(row, call), strict=True):
        if typed.type is None:
            sound = False
        elif parameter.optional and typed.type == NONE:
            continue
        elif not matches(parameter.pattern, typed.type, {} if parameter.repeated and row.result else letters):
            if not typing.gives_nothing(typed, argument.value.span, at):
                _refuse(typing, row, parameter, argument.value, typed.type)
            sound = False
    if not sound:
        return wrong()
    result = build(signature.result, letters) if row.result is None else _by_rule(typing, row, call, found)
    applied = Apply(
        row.name,
        tuple(t.expr for t in found[:count]),
        tuple((n.name, t.expr) for n, t in zip(named, found[count:], strict=True)),
    )
    if result is None or not has_value(typing, applied, call.span):
        return wrong()
    return Typed(applied, result, all(t.constant for t in found))


def _places(row: Function, call: ast.Call) -> list[Parameter]:
    names = [a.name.name for a in call.args if a.name is not None]
    return row.signature.place(len(call.args) - len(names), names)


def usage_of(row: Function) -> str:
    """How a function is called, for a note."""
    return f"{row.name}{row.signature_text}"


def _refuse(typing: Expressions, row: Function, parameter: Parameter, expr: ast.Expr, have: Type) -> None:
    wanted = show_pattern(parameter.pattern)
    text = typing.source_text(expr.span)
    mend: str | None = None
    if isinstance(have, OptionalType):
        mend = f"it may be none: say what then, `{text} ?? …`"
    elif parameter.pattern[0] in SCALARS:
        mend = typing.mend(expr, Scalar(parameter.pattern[0]), have)
    typing.report.error(
        "CSC208" if isinstance(have, OptionalType) else "CSC203",
        expr.span,
        f"`{row.name}` wants {wanted} for `{parameter.name}`, found {have}",
        label=f"this is {have}",
        help=mend,
        notes=[usage_of(row), *meanings(have)],
    )


def _by_rule(typing: Expressions, row: Function, call: ast.Call, found: Sequence[Typed]) -> Type | None:
    """What the function's own rule says of a call that fits its signature; None where that is reported."""
    assert row.result is not None
    types: dict[str, Type] = {}
    exprs: dict[str, Expr] = {}
    values: dict[str, ast.Expr] = {"": call}
    rest: list[Type] = []
    for argument, typed, parameter in zip(call.args, found, _places(row, call), strict=True):
        assert typed.type is not None
        if parameter.repeated:
            values[str(len(rest))] = argument.value
            rest.append(typed.type)
        else:
            values[parameter.name] = argument.value
            types[parameter.name], exprs[parameter.name] = typed.type, typed.expr
    answer = row.result(Arguments(row.name, types, exprs, rest))
    if not isinstance(answer, Refusal):
        return answer
    at = values[answer.parameter]
    have = types.get(answer.parameter) or (rest[int(answer.parameter)] if answer.parameter.isdigit() else None)
    typing.report.error(
        answer.code,
        at.span,
        answer.message,
        label=f"this is {have}" if have is not None and answer.code == "CSC203" else "",
        help=answer.help,
        notes=[usage_of(row), *meanings(*types.values(), *rest)] if answer.code != "CSC213" else [],
    )
    return None


def _names_of(names: Sequence[str]) -> str:
    return "its inputs are " + ", ".join(f"`{n}`" for n in names) if names else "it takes no names"


def _accepts(typing: Expressions, row: Function, call: ast.Call, count: int) -> bool:
    signature = row.signature
    usage = usage_of(row)
    names = signature.names
    repeated = any(p.repeated for p in signature.parameters)
    seen: set[str] = set() if repeated else set(names[:count])
    for argument in call.args:
        if argument.name is None:
            continue
        name = argument.name.name
        if name not in names:
            help = mends.argument(row.name, name, tuple(names)) or _names_of(names)
            typing.report.error(
                "CSC205", argument.name.span, f"`{row.name}` has no input `{name}`", help=help, notes=[usage]
            )
            return False
        if name in seen:
            typing.report.error("CSC206", argument.name.span, f"`{name}` of `{row.name}` is given twice", notes=[usage])
            return False
        seen.add(name)
    if not repeated and count > len(names):
        extra = call.args[len(names)]
        wants = f"{len(names)} argument{'' if len(names) == 1 else 's'}" if names else "no arguments"
        typing.report.error("CSC205", extra.span, f"`{row.name}` takes {wants}, found {count}", notes=[usage])
        return False
    missing = [p.name for p in signature.parameters if not p.optional and not p.repeated and p.name not in seen]
    if missing or (repeated and count == 0):
        what = ", ".join(f"`{m}`" for m in missing) or "an argument"
        typing.report.error("CSC204", call.span, f"`{row.name}` is called without {what}", notes=[usage])
        return False
    return True
