"""What calls of functions give where their signature cannot say it: exact types, and what is refused. Pure.

A rule is asked once the arguments fit the signature. It answers with a type, or with a `Refusal` that names the
parameter; what is only known when values arrive is left to the function itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from ..base.suggest import did_you_mean
from ..ir.expr import Expr, Lit
from ..ir.types import (
    BOOL,
    FILE,
    FLOAT,
    INT,
    JSON,
    NONE,
    STR,
    ChoiceType,
    DictType,
    ListType,
    NeverType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
)
from . import pure
from .faults import EvalError
from .operators import ordered
from .types import assignable, common, element_of, required
from .typing import is_int


class Arguments(NamedTuple):
    """The arguments of a call: types and expressions by the names of the parameters, in order those of a repeated one."""

    function: str
    types: Mapping[str, Type]
    exprs: Mapping[str, Expr]
    rest: Sequence[Type] = ()

    def text(self, name: str) -> str | None:
        """The text that stands there, where it is a constant one."""
        value = self.constant(name)
        return value if isinstance(value, str) else None

    def constant(self, name: str) -> Any:
        """The value that stands there, none where it is no constant."""
        expr = self.exprs.get(name)
        return expr.value if isinstance(expr, Lit) else None


class Refusal(NamedTuple):
    """Why a call has no value; `parameter` is the one at fault, empty for the whole."""

    code: str
    parameter: str
    message: str
    help: str | None = None


Rule: TypeAlias = Callable[[Arguments], Type | Refusal]


# ---- order and fields -------------------------------------------------------------------------------------------


def sortable(type_: Type) -> bool:
    """Values of the type have an order among each other; false comes before true."""
    match type_:
        case ListType(item):
            return sortable(item)
        case TupleType(items):
            return all(map(sortable, items))
        case _:
            return type_ == BOOL or ordered(type_, type_)


def _key_of(call: Arguments, xs: str, item: Type) -> Type | Refusal:
    """The type of what `by` compares items by; of the items themselves without it."""
    by = call.types.get("by")
    if by is None or by == NONE:
        return item
    keys = element_of(by)
    if by != JSON and keys is not None:
        return keys
    name = call.text("by")
    if isinstance(item, RecordType):
        if name is None:
            return JSON
        found = item.get(name)
        if found is not None:
            return found
        names = [k for k, _ in item.fields]
        help = did_you_mean(name, names) or ("it has " + ", ".join(f"`{k}`" for k in names) if names else None)
        return Refusal("CSC105", "by", f"{item} has no field `{name}`", help)
    if isinstance(item, DictType):
        return item.value
    if item == JSON or isinstance(item, NeverType):
        return JSON
    what = f"the items of `{xs}` are {item}" if xs else f"the items are {item}"
    if isinstance(item, OptionalType):
        help = "leave out what is none: `[x for x in xs if x != none]`"
    else:
        help = "leave `by` out, or give a list with a key for each item"
    return Refusal("CSC212", "by", f"`by` names a field, and {what}, which has no fields", help)


def _refuse_order(call: Arguments, key: Type, by: bool) -> Refusal:
    name = call.text("by")
    if isinstance(key, OptionalType) and sortable(key.inner):
        what = "leave out what is none: `[x for x in xs if x != none]`"
        help = what if not by else f"say what stands for none: `by = [{f'x.{name}' if name else 'x'} ?? … for x in xs]`"
    elif isinstance(key, RecordType | DictType):
        help = 'say by which field, `by = "name"`, or give a list with a key for each item'
    else:
        help = None
    parameter = "by" if by else next(iter(call.types), "")
    what = "keys" if by else "items"
    return Refusal("CSC212", parameter, f"`{call.function}` wants {what} that have an order, found {key}", help)


def sorted_(call: Arguments) -> Type | Refusal:
    """`list[T]`, where T, or what `by` says, has an order."""
    item = element_of(call.types["xs"]) or JSON
    key = _key_of(call, "xs", item)
    if isinstance(key, Refusal):
        return key
    return ListType(item) if sortable(key) else _refuse_order(call, key, key is not item)


def unique(call: Arguments) -> Type | Refusal:
    """`list[T]`."""
    item = element_of(call.types["xs"]) or JSON
    key = _key_of(call, "xs", item)
    return key if isinstance(key, Refusal) else ListType(item)


def group_by(call: Arguments) -> Type | Refusal:
    """`list[{key: K, items: list[T]}]`."""
    item = element_of(call.types["xs"]) or JSON
    key = _key_of(call, "xs", item)
    return key if isinstance(key, Refusal) else ListType(RecordType((("key", key), ("items", ListType(item)))))


def extreme(call: Arguments) -> Type | Refusal:
    """T of one `list[T]`, or the type that several arguments have in common."""
    name, types = call.function, call.rest
    if len(types) > 1:
        found: Type | None = types[0]
        for one in types[1:]:
            found = None if found is None else common(found, one)
        if found is None:
            listed = " and ".join(dict.fromkeys(map(str, types)))
            return Refusal("CSC203", "", f"`{name}` wants values of one type, found {listed}")
        item = found
    else:
        only = element_of(types[0])
        if only is None:
            help = f"give it a list, `{name}([…])`, or several values, `{name}(a, b)`"
            return Refusal("CSC203", "0", f"`{name}` wants a list or several values, found {types[0]}", help)
        item = only
    key = _key_of(call, "", item)
    if isinstance(key, Refusal):
        return key
    if sortable(key):
        return item
    refused = _refuse_order(call, key, key is not item)
    return refused if len(types) == 1 else refused._replace(help="say what stands for none: `… ?? …`")


# ---- lists and numbers ------------------------------------------------------------------------------------------


def zip_(call: Arguments) -> Type | Refusal:
    """`list[(A, B, …)]`."""
    return ListType(TupleType(tuple(element_of(t) or JSON for t in call.rest)))


def range_(call: Arguments) -> Type | Refusal:
    """`list[int]`; constant bounds that make no list are refused."""
    names = [n for n in ("start", "stop", "step") if n in call.types]
    values = {n: call.constant(n) for n in names}
    if all(is_int(v) for v in values.values()):
        try:
            pure.span_of(values["start"], values.get("stop"), values.get("step"))
        except EvalError as error:
            return Refusal("CSC213", "", str(error))
    return ListType(INT)


def chunk(call: Arguments) -> Type | Refusal:
    """`list[list[T]]`; a constant size below 1 is refused."""
    return _unless(call, "size", lambda size: pure.chunk([], size), ListType(_listed(call, "xs")))


def _listed(call: Arguments, name: str) -> Type:
    return ListType(element_of(call.types[name]) or JSON)


def _unless(call: Arguments, name: str, attempt: Callable[[Any], object], type_: Type) -> Type | Refusal:
    """The type, unless an argument is a constant that the attempt refuses."""
    value = call.constant(name)
    if value is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                attempt(value)
            except EvalError as error:
                return Refusal("CSC213", name, str(error))
    return type_


def sum_(call: Arguments) -> Type | Refusal:
    """N of `list[N]`, int of an empty list."""
    item = element_of(call.types["xs"]) or JSON
    return INT if isinstance(item, NeverType) else item


def round_(call: Arguments) -> Type | Refusal:
    """The type itself; int of a float without `digits`."""
    type_ = call.types["x"]
    whole = call.types.get("digits", NONE) == NONE
    return INT if whole and type_ in (FLOAT, JSON) else type_


# ---- text -------------------------------------------------------------------------------------------------------


def json_(call: Arguments) -> Type | Refusal:
    """json of text, else str; json where it may be either."""
    inner = required(call.types["x"])
    may_be_text = inner in (STR, JSON) or isinstance(inner, ChoiceType)
    return JSON if may_be_text else STR


def env(call: Arguments) -> Type | Refusal:
    """str where the default is one, else str?."""
    default = call.types.get("default", NONE)
    return OptionalType(STR) if default == NONE or isinstance(default, OptionalType) else STR


def opt(call: Arguments) -> Type | Refusal:
    """`list[str]`; one value of a plain type."""
    type_ = required(call.types["x"])
    if isinstance(type_, ListType | DictType | RecordType | TupleType):
        help = 'join it: `opt(flag, join(xs, ","))`' if isinstance(type_, ListType) else None
        return Refusal("CSC203", "x", f"`opt` wants one value for `x`, found {type_}", help)
    return ListType(STR)


def matches(call: Arguments) -> Type | Refusal:
    """bool; a constant expression that is none is refused."""
    return _unless(call, "regex", pure.regular, BOOL)


def split(call: Arguments) -> Type | Refusal:
    """`list[str]`; a constant separator that is empty is refused."""
    return _unless(call, "sep", lambda sep: pure.split("", sep), ListType(STR))


def replace(call: Arguments) -> Type | Refusal:
    """str; a constant text to replace that is empty is refused."""
    return _unless(call, "old", lambda old: pure.replace("", old, ""), STR)


def pairs(call: Arguments) -> Type | Refusal:
    """`list[{id: str, files: list[file]}]`; a constant pattern without a list in braces is refused."""
    found = ListType(RecordType((("id", STR), ("files", ListType(FILE)))))
    return _unless(call, "pattern", pure.braces_of, found)


_SAMPLES: dict[str, Any] = {"int": 1, "float": 1.5, "size": 1, "str": "a"}


def format_(call: Arguments) -> Type | Refusal:
    """str; a constant format that the type does not know is refused."""
    type_ = call.types["x"]
    sample = "a" if assignable(STR, type_) and type_ != JSON else _SAMPLES.get(str(type_))
    return STR if sample is None else _unless(call, "spec", lambda spec: pure.format_(sample, spec), STR)
