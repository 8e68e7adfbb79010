"""Calls of functions: their arguments against the signature in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.suggest import did_you_mean
from ..ir.expr import Apply, Expr
from ..ir.types import OptionalType, RecordType, Type
from ..values.functions import Function
from ..values.signature import build, matches, show_pattern
from ..values.types import element_of
from . import ast, mends
from .context import Context, Typed, wrong

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
    places = signature.place(count, [n.name for n in named])
    types: list[Type] = []
    sound = True
    for argument, typed, parameter in zip(call.args, found, places, strict=True):
        if typed.type is None:
            sound = False
            continue
        types.append(typed.type)
        if not matches(parameter.pattern, typed.type, letters):
            sound = False
            if typing.gives_nothing(typed, argument.value.span, at):
                continue
            wanted = show_pattern(parameter.pattern)
            help = None
            if isinstance(typed.type, OptionalType):
                help = f"it may be none: say what then, `{typing.source_text(argument.value.span)} ?? …`"
            typing.report.error(
                "CSC203",
                argument.value.span,
                f"`{row.name}` wants {wanted} for `{parameter.name}`, found {typed.type}",
                label=f"this is {typed.type}",
                help=help,
                notes=[f"{row.name}{row.signature_text}"],
            )
    if not sound or not _fields_exist(typing, call, found):
        return wrong()
    texts = [a.value.text if isinstance(a.value, ast.StringLit) else None for a in call.args]
    arguments = list(zip(types, texts, strict=True))
    positional = arguments[:count]
    result = row.result(positional if row.name in ("min", "max") else arguments) if row.result else None
    if row.result is None:
        result = build(signature.result, letters)
    if result is None:
        listed = " and ".join(map(str, types))
        typing.report.error("CSC203", call.span, f"`{row.name}` wants values of one type, found {listed}")
        return wrong()
    args: list[Expr] = [t.expr for t in found[:count]]
    by_name = [(n.name, t.expr) for n, t in zip(named, found[count:], strict=True)]
    return Typed(Apply(row.name, tuple(args), tuple(by_name)), result, all(t.constant for t in found))


def _accepts(typing: Expressions, row: Function, call: ast.Call, count: int) -> bool:
    signature = row.signature
    usage = f"{row.name}{row.signature_text}"
    names = signature.names
    repeated = any(p.repeated for p in signature.parameters)
    seen: set[str] = set() if repeated else set(names[:count])
    for argument in call.args:
        if argument.name is None:
            continue
        name = argument.name.name
        if name not in names:
            help = mends.argument(row.name, name, tuple(names))
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


def _fields_exist(typing: Expressions, call: ast.Call, found: list[Typed]) -> bool:
    """A `by` that is a constant text names a field of the items."""
    by = next((a for a in call.args if a.name is not None and a.name.name == "by"), None)
    assert isinstance(call.function, ast.Name)
    if by is None and call.function.name in ("group_by", "sorted", "unique") and len(call.args) > 1:
        by = call.args[1]
    if (
        by is None
        or not isinstance(by.value, ast.StringLit)
        or by.value.text is None
        or not found
        or found[0].type is None
    ):
        return True
    item = element_of(found[0].type)
    if isinstance(item, RecordType) and item.get(by.value.text) is None:
        help = did_you_mean(by.value.text, [k for k, _ in item.fields])
        typing.report.error("CSC105", by.value.span, f"{item} has no field `{by.value.text}`", help=help)
        return False
    return True
