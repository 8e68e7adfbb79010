"""Operators: what they give of which types, and what they do. `int` is 64-bit, floats stay finite, growth is bounded."""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import ceil, isfinite
from typing import Any

from ..base.quantity import INT_MAX
from ..ir.graph import Json
from ..ir.types import (
    BOOL,
    DIR,
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
    NeverType,
    OptionalType,
    RecordType,
    Scalar,
    TupleType,
    Type,
)
from .faults import EvalError
from .types import common, element_of, is_number, required
from .typing import describe, is_dict, is_int, is_list
from .typing import is_number as is_number_value

MAX_ELEMENTS = 10_000_000
MAX_TEXT = 64_000_000
_INT_MIN = -INT_MAX - 1


# ---- typing -----------------------------------------------------------------------------------------------------


def operator_type(name: str, args: tuple[Type, ...]) -> Type | None:
    """The type of an operator's value, None where it does not take these types. `json` is checked on arrival."""
    match name, args:
        case "neg", (a,):
            return a if is_number(a) or a == JSON else None
        case "not", (a,):
            return BOOL if a in (BOOL, JSON) else None
        case (("eq" | "ne"), (a, b)):
            return BOOL if _comparable(a, b) else None
        case (("lt" | "le" | "gt" | "ge"), (a, b)):
            return BOOL if ordered(a, b) else None
        case (("in" | "not_in"), (a, b)):
            return _membership(a, b)
        case "index", (a, b):
            return _index(a, b)
        case "slice", (a, low, high):
            bounds = all(t in (INT, JSON, NONE) for t in (low, high))
            sliced = isinstance(a, ListType | NeverType) or a in (STR, JSON)
            item = element_of(a) if isinstance(a, TupleType) else None
            if item is not None and bounds:
                return ListType(item)
            return a if bounds and sliced else (STR if bounds and isinstance(a, ChoiceType) else None)
        case _, (a, b):
            return _arithmetic(name, a, b)
        case _:
            return None


def _arithmetic(name: str, a: Type, b: Type) -> Type | None:
    if JSON in (a, b):
        other = b if a == JSON else a
        return JSON if other in (JSON, STR) or isinstance(other, ListType) or is_number(other) else None
    if name == "add":
        text_a, text_b = _is_text(a), _is_text(b)
        if text_a and text_b:
            return STR
        if isinstance(a, ListType) and isinstance(b, ListType):
            return common(a, b)
    if name == "mul":
        if b == INT and (_is_text(a) or isinstance(a, ListType)):
            return STR if _is_text(a) else a
        if a == INT and (_is_text(b) or isinstance(b, ListType)):
            return STR if _is_text(b) else b
    if not is_number(a) or not is_number(b):
        return None
    plain_a, plain_b = a in (INT, FLOAT), b in (INT, FLOAT)
    if plain_a and plain_b:
        return FLOAT if name == "div" or FLOAT in (a, b) else INT
    match name:
        case "add" | "sub" | "mod":
            return a if a == b else None
        case "mul":
            return a if plain_b else (b if plain_a else None)
        case "div":
            return FLOAT if a == b else (a if plain_b else None)
        case "floordiv":
            return INT if a == b else (a if plain_b else None)
        case _:
            return None


def _is_text(type_: Type) -> bool:
    return type_ == STR or isinstance(type_, ChoiceType)


def _comparable(a: Type, b: Type) -> bool:
    return JSON in (a, b) or NONE in (a, b) or common(required(a), required(b)) is not None


def ordered(a: Type, b: Type) -> bool:
    """`<` takes values of these types: numbers of one kind, texts, paths of one kind, lists of such."""
    if isinstance(a, OptionalType) or isinstance(b, OptionalType):
        return False
    if JSON in (a, b) or isinstance(a, NeverType) or isinstance(b, NeverType):
        return True
    if _is_text(a) and _is_text(b):
        return True
    if isinstance(a, TupleType) and isinstance(b, TupleType):
        return all(map(ordered, a.items, b.items))
    if isinstance(a, ListType | TupleType) and isinstance(b, ListType | TupleType):
        return ordered(element_of(a) or JSON, element_of(b) or JSON)
    if a in (FILE, DIR):
        return a == b
    return is_number(a) and is_number(b) and common(a, b) is not None


def _membership(a: Type, b: Type) -> Type | None:
    if b == JSON:
        return BOOL
    if _is_text(b):
        return BOOL if _is_text(a) or a == JSON else None
    if isinstance(b, DictType | RecordType):
        return BOOL if _is_text(a) or a == JSON else None
    item = element_of(b)
    return BOOL if item is not None and _comparable(a, item) else None


def _index(a: Type, b: Type) -> Type | None:
    match a:
        case Scalar("json"):
            return JSON if b in (INT, JSON) or _is_text(b) else None
        case DictType(value):
            return value if _is_text(b) or b == JSON else None
        case ListType(item):
            return item if b in (INT, JSON) else None
        case TupleType():
            return element_of(a) if b in (INT, JSON) else None
        case Scalar("str") | ChoiceType():
            return STR if b in (INT, JSON) else None
        case NeverType():
            return a
        case _:
            return None


def rounds_to_size(name: str, args: tuple[Type, ...]) -> bool:
    """The operator gives a size that may not be whole as computed, and must be rounded up to bytes."""
    return operator_type(name, args) == SIZE and (name == "div" or FLOAT in args)


# ---- doing ------------------------------------------------------------------------------------------------------


def whole(number: int) -> int:
    """The int, where it fits 64 bits. Raises EvalError."""
    if _INT_MIN <= number <= INT_MAX:
        return number
    raise EvalError("the int does not fit 64 bits")


def finite(number: float) -> float:
    """The float, where it is a number. Raises EvalError."""
    if isfinite(number):
        return number
    raise EvalError("the float is too large")


def bounded(count: int, what: str = "elements") -> None:
    """Refuses growth beyond the bound. Raises EvalError."""
    limit = MAX_TEXT if what == "characters" else MAX_ELEMENTS
    if count > limit:
        raise EvalError(f"{count} {what} are too many, at most {limit}")


def _refuse(symbol: str, a: Json, b: Json) -> EvalError:
    return EvalError(f"`{symbol}` does not take {describe(a)} and {describe(b)}")


def _add(a: Json, b: Json) -> Json:
    if type(a) is int and type(b) is int:
        return whole(a + b)
    if is_number_value(a) and is_number_value(b):
        return _float(operator.add, a, b)
    if isinstance(a, str) and isinstance(b, str):
        bounded(len(a) + len(b), "characters")
        return a + b
    if is_list(a) and is_list(b):
        bounded(len(a) + len(b))
        return a + b
    raise _refuse("+", a, b)


def _mul(a: Json, b: Json) -> Json:
    if is_int(a) and is_int(b):
        return whole(a * b)
    if is_number_value(a) and is_number_value(b):
        return _float(operator.mul, a, b)
    subject, times = (a, b) if is_int(b) else (b, a)
    if is_int(times) and (isinstance(subject, str) or is_list(subject)):
        bounded(len(subject) * max(times, 0), "characters" if isinstance(subject, str) else "elements")
        return subject * times
    raise _refuse("*", a, b)


def _float(do: Callable[[Any, Any], Any], a: int | float, b: int | float) -> int | float:
    try:
        found = do(a, b)
    except ZeroDivisionError:
        raise EvalError("division by zero") from None
    except OverflowError:
        raise EvalError("the float is too large") from None
    return whole(found) if isinstance(found, int) else finite(found)


def _numeric(symbol: str, do: Callable[[Any, Any], Any]) -> Callable[[Json, Json], Json]:
    def run(a: Json, b: Json) -> Json:
        if is_number_value(a) and is_number_value(b):
            return _float(do, a, b)
        raise _refuse(symbol, a, b)

    return run


def _pow(a: Json, b: Json) -> Json:
    if not is_number_value(a) or not is_number_value(b):
        raise _refuse("**", a, b)
    if is_int(a) and is_int(b):
        if b < 0:
            raise EvalError("an int has no negative power that is an int; make the base a float")
        if abs(a) > 1 and b > 63:
            raise EvalError("the int does not fit 64 bits")
        return whole(a**b) if abs(a) > 1 else (a**b if b < 2 else (a if b % 2 else a * a))
    try:
        found: Any = float(a) ** float(b)
    except ZeroDivisionError:
        raise EvalError("zero has no negative power") from None
    except OverflowError:
        raise EvalError("the float is too large") from None
    if isinstance(found, complex):
        raise EvalError("a negative number has no fractional power")
    return finite(found)


def same(a: Json, b: Json) -> bool:
    """Equality of JSON: `1 == 1.0`, but a bool equals no number, at any depth."""
    if type(a) is bool or type(b) is bool:
        return a is b
    if is_list(a) and is_list(b):
        return len(a) == len(b) and all(map(same, a, b))
    if is_dict(a) and is_dict(b):
        return len(a) == len(b) and all(k in b and same(v, b[k]) for k, v in a.items())
    return bool(a == b)


def _compare(symbol: str, do: Callable[[Any, Any], bool]) -> Callable[[Json, Json], bool]:
    def run(a: Json, b: Json) -> bool:
        if (is_number_value(a) and is_number_value(b)) or (isinstance(a, str) and isinstance(b, str)):
            return do(a, b)
        if is_list(a) and is_list(b):
            for x, y in zip(a, b, strict=False):
                if not same(x, y):
                    return run(x, y)
            return do(len(a), len(b))
        raise _refuse(symbol, a, b)

    return run


less = _compare("<", operator.lt)
"""The order of numbers, of texts, of lists. Raises EvalError for anything else."""


def _in(a: Json, b: Json) -> bool:
    if is_list(b):
        return any(same(a, x) for x in b)
    if isinstance(b, str) and isinstance(a, str):
        return a in b
    if is_dict(b) and isinstance(a, str):
        return a in b
    raise _refuse("in", a, b)


def field(subject: Json, name: str) -> Json:
    """`x.name` of a record, dict or json. Raises EvalError."""
    if is_dict(subject):
        try:
            return subject[name]
        except KeyError:
            raise EvalError(f"there is no key `{name}`" + _near(name, subject)) from None
    raise EvalError(f"{describe(subject)} has no field `{name}`")


def _near(name: str, known: dict[str, Json]) -> str:
    from ..base.suggest import did_you_mean

    hint = did_you_mean(name, list(known)[:1000])
    return f" ({hint})" if hint else ""


def _index_value(a: Json, b: Json) -> Json:
    if (is_list(a) or isinstance(a, str)) and is_int(b):
        if -len(a) <= b < len(a):
            return a[b]
        what = "character" if isinstance(a, str) else "item"
        there = f"is 1 {what}" if len(a) == 1 else f"are {len(a)} {what}s"
        raise EvalError(f"there is no index {b}, there {there}")
    if is_dict(a) and isinstance(b, str):
        return field(a, b)
    raise _refuse("[]", a, b)


def _slice(a: Json, low: Json, high: Json) -> Json:
    bounds = [x is None or is_int(x) for x in (low, high)]
    if (is_list(a) or isinstance(a, str)) and all(bounds):
        return a[low:high]
    raise EvalError(f"`[:]` does not take {describe(a)} from {describe(low)} to {describe(high)}")


def _neg(a: Json) -> Json:
    if is_int(a):
        return whole(-a)
    if isinstance(a, float):
        return -a
    raise EvalError(f"`-` does not take {describe(a)}")


def truth(a: Json) -> bool:
    """A condition, which must be a bool. Raises EvalError."""
    if isinstance(a, bool):
        return a
    raise EvalError(f"a condition must be true or false, found {describe(a)}")


def _not(a: Json) -> bool:
    return not truth(a)


def round_up(a: Json) -> Json:
    """The next whole number: of a size times a fraction, of an amount in thousandths."""
    if is_number_value(a) and isfinite(a):
        return whole(ceil(a))
    raise EvalError(f"expected a number, found {describe(a)}")


def _divide(a: Any, b: Any) -> Any:
    return a / b


def _floor_divide(a: Any, b: Any) -> Any:
    return a // b


def _differ(a: Json, b: Json) -> bool:
    return not same(a, b)


def _not_in(a: Json, b: Json) -> bool:
    return not _in(a, b)


OPERATIONS: dict[str, Callable[..., Json]] = {
    "add": _add,
    "sub": _numeric("-", operator.sub),
    "mul": _mul,
    "div": _numeric("/", _divide),
    "floordiv": _numeric("//", _floor_divide),
    "mod": _numeric("%", operator.mod),
    "pow": _pow,
    "neg": _neg,
    "not": _not,
    "eq": same,
    "ne": _differ,
    "lt": less,
    "le": _compare("<=", operator.le),
    "gt": _compare(">", operator.gt),
    "ge": _compare(">=", operator.ge),
    "in": _in,
    "not_in": _not_in,
    "index": _index_value,
    "slice": _slice,
}
"""The operators of `ir.expr.OPERATORS`."""
