"""Values against types: checking what arrives, reading what is typed, showing in text."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, TypeGuard

from ..base.quantity import INT_MAX, parse_duration_ns, parse_size, seconds
from ..base.suggest import did_you_mean
from ..ir.graph import Json
from ..ir.types import (
    ChoiceType,
    DictType,
    ListType,
    NeverType,
    OptionalType,
    RecordType,
    Scalar,
    TupleType,
    Type,
    spelled,
)
from .faults import ValueMismatch

_SHOWN_LENGTH = 40


def is_list(value: Json) -> TypeGuard[list[Any]]:
    """A JSON array."""
    return isinstance(value, list)


def is_dict(value: Json) -> TypeGuard[dict[str, Any]]:
    """A JSON object."""
    return isinstance(value, dict)


def is_int(value: Json) -> TypeGuard[int]:
    """A whole JSON number; a bool is none."""
    return type(value) is int


def is_number(value: Json) -> TypeGuard[int | float]:
    """A JSON number; a bool is none."""
    return type(value) is int or type(value) is float


# ---- checking ---------------------------------------------------------------------------------------------------


def check_value(type_: Type, value: Json, path: str = "") -> Json:
    """The value as `type_` holds it: an int where a float is wanted becomes one, a missing optional field none.

    Raises ValueMismatch, with the path of the place.
    """
    if isinstance(type_, Scalar):  # most are
        return _check_scalar(type_.name, type_, value, path)
    match type_:
        case ListType(item):
            if not is_list(value):
                raise _mismatch(type_, value, path)
            if item in _UNCHANGED and all(type(v) is str for v in value):
                return value
            return [check_value(item, v, f"{path}[{i}]") for i, v in enumerate(value)]
        case DictType(inner):
            if not is_dict(value):
                raise _mismatch(type_, value, path)
            return {k: check_value(inner, v, below(path, k)) for k, v in value.items()}
        case RecordType(fields):
            return _check_record(type_, fields, value, path)
        case OptionalType(inner):
            return None if value is None else check_value(inner, value, path)
        case ChoiceType(options):
            if isinstance(value, str) and value not in options:
                mend = did_you_mean(value, options)
                raise ValueMismatch(f"expected {_wanted(type_)}, found {describe(value)}{_mend(mend)}", path)
            if not isinstance(value, str):
                raise _mismatch(type_, value, path)
            return value
        case TupleType(items):
            if not is_list(value) or len(value) != len(items):
                raise _mismatch(type_, value, path)
            return [check_value(t, v, f"{path}[{i}]") for i, (t, v) in enumerate(zip(items, value, strict=True))]
        case NeverType():
            raise ValueMismatch(f"expected nothing, found {describe(value)}", path)


_UNCHANGED = (Scalar("str"),)


def _check_scalar(name: str, type_: Type, value: Json, path: str) -> Json:
    match name:
        case "json":
            return value
        case "str":
            if type(value) is str:
                return value
        case "int":
            if is_int(value):
                if -INT_MAX - 1 <= value <= INT_MAX:
                    return value
                raise ValueMismatch("the int does not fit 64 bits", path)
        case "float":
            if is_number(value) and isfinite(value):
                return float(value)
        case "bool":
            if isinstance(value, bool):
                return value
        case "file" | "dir":
            if isinstance(value, str):
                if value and "\0" not in value:
                    return value
                raise ValueMismatch(f"expected the path of a {name}, found {describe(value)}", path)
        case "duration":
            if is_number(value) and isfinite(value):
                return value
        case "size":
            if is_int(value):
                return value
            if isinstance(value, float) and value.is_integer():
                return int(value)
        case _:
            if value is None:
                return None
    raise _mismatch(type_, value, path)


def _check_record(type_: RecordType, fields: tuple[tuple[str, Type], ...], value: Json, path: str) -> Json:
    if not is_dict(value):
        raise _mismatch(type_, value, path)
    out: dict[str, Json] = {}
    for name, inner in fields:
        if name in value:
            out[name] = check_value(inner, value[name], below(path, name))
        elif isinstance(inner, OptionalType):
            out[name] = None
        else:
            raise missing_field(type_, name, inner, path)
    for name in value:
        if name not in out:
            raise unknown_field(type_, name, path)
    return out


def missing_field(type_: RecordType, name: str, wanted: Type, path: str) -> ValueMismatch:
    """That a record lacks a field which it must have."""
    return ValueMismatch(f"the field `{name}: {wanted}` is missing from {_a_record(type_)}", path)


def unknown_field(type_: RecordType, name: str, path: str) -> ValueMismatch:
    """That a record has a field which its type does not."""
    mend = did_you_mean(name, [known for known, _ in type_.fields])
    return ValueMismatch(f"{_a_record(type_)} has no field `{name}`{_mend(mend)}", path)


def _mismatch(type_: Type, value: Json, path: str) -> ValueMismatch:
    return ValueMismatch(f"expected {_wanted(type_)}, found {describe(value)}", path)


def _wanted(type_: Type) -> str:
    """A type by its name and what that stands for."""
    shown = str(type_)
    return shown if shown == spelled(type_) else f"{shown} ({spelled(type_)})"


def _a_record(type_: RecordType) -> str:
    return type_.name or f"a record {type_}"


def _mend(text: str | None) -> str:
    return f" ({text})" if text else ""


def below(path: str, key: str) -> str:
    """The path of a field."""
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def describe(value: Json) -> str:
    """What a value is, for a message: `the text "abc"`, `a list`, `3`."""
    if value is None or isinstance(value, bool):
        return show(value)
    if isinstance(value, str):
        shown = value if len(value) <= _SHOWN_LENGTH else value[: _SHOWN_LENGTH - 1] + "…"
        return f"the text {json.dumps(shown, ensure_ascii=False)}"
    if is_number(value):
        return f"the number {show(value)}"
    if is_list(value):
        return f"a list of {len(value)}" if value else "an empty list"
    return "a record"


# ---- text -------------------------------------------------------------------------------------------------------


def show(value: Json) -> str:
    """How a value stands in text: text itself, everything else as JSON, none as `none`."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def parse_text(type_: Type, text: str) -> Json:
    """A value typed on a command line, or printed by a task, read by its type; lists, records and json are JSON.

    Text for `str` stands as it is: whoever reads standard output strips its trailing newlines first.
    Raises ValueMismatch.
    """
    match type_:
        case Scalar("str") | ChoiceType():
            return check_value(type_, text)
        case Scalar("file" | "dir"):
            return check_value(type_, text)
        case OptionalType(inner):
            return None if text.strip() in ("", "none") else parse_text(inner, text)
        case Scalar("none") | NeverType():
            return None
        case Scalar(name) if name != "json":
            return _parse_scalar(name, text.strip())
        case _:
            return check_value(type_, parse_json(text, str(type_)))


def parse_json(text: str, wanted: str = "json") -> Json:
    """JSON text as a value; no NaN, no infinity. Raises ValueMismatch."""
    try:
        return strict_json(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueMismatch(
            f"expected {wanted} as JSON, found {describe(text.strip())} ({error.msg}, {where})"
        ) from None
    except RecursionError:
        raise ValueMismatch(f"expected {wanted} as JSON, found text that is nested too deeply") from None
    except ValueError as error:
        raise ValueMismatch(f"expected {wanted} as JSON: {error}") from None


def strict_json(text: str) -> Json:
    """JSON text as a value; ValueError as `json.loads`, ValueMismatch where a number is none of JSON or too large."""
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueMismatch(f"{digits if len(digits) <= _SHOWN_LENGTH else 'a number'} is too large for a float")
    return number


def _refuse_constant(name: str) -> Json:
    raise ValueMismatch(f"{name} is no JSON number")


def _parse_scalar(name: str, text: str) -> Json:
    found: Json = None
    example = ""
    match name:
        case "bool":
            found = {"true": True, "false": False}.get(text)
            example = "`true` or `false`"
        case "int":
            found = _whole(text)
            example = "a whole number"
            if found is not None:
                return check_value(Scalar("int"), found)
        case "float":
            found = _real(text)
            example = "a number"
        case "duration":
            ns = parse_duration_ns(text)
            found = seconds(ns) if ns is not None else _not_negative(_plain(text))
            example = "such as `30s` or `1h30m`, or a number of seconds"
        case _:
            found = parse_size(text)
            if found is None:
                found = _not_negative(_whole(text))
            example = "such as `4GB` or `512MiB`, or a number of bytes"
    if found is None:
        raise ValueMismatch(f"expected {name} ({example}), found {describe(text)}")
    return found


def _not_negative(number: int | float | None) -> int | float | None:
    return None if number is not None and number < 0 else number


def _whole(text: str) -> int | None:
    if len(text) > 400 or not text.isascii():
        return None
    try:
        return int(text)
    except ValueError:
        return None


def _real(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) and text.isascii() else None


def _plain(text: str) -> int | float | None:
    whole = _whole(text)
    return whole if whole is not None else _real(text)
