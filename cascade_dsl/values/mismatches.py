"""Everything about a value that does not fit its type, one by one; and how a value of a type is typed on a command line."""

from __future__ import annotations

import json
from collections.abc import Iterator

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
)
from .faults import ValueMismatch
from .typing import below, check_value, is_dict, is_list, missing_field, unknown_field


def mismatches(type_: Type, value: Json, path: str = "") -> Iterator[ValueMismatch]:
    """What `check_value` would raise if it went on after a fault: each missing, unknown and wrong part of a value."""
    match type_:
        case OptionalType(inner):
            if value is not None:
                yield from mismatches(inner, value, path)
        case ListType(item) if is_list(value):
            for index, one in enumerate(value):
                yield from mismatches(item, one, f"{path}[{index}]")
        case DictType(inner) if is_dict(value):
            for key, one in value.items():
                yield from mismatches(inner, one, below(path, key))
        case RecordType(fields) if is_dict(value):
            for name, inner in fields:
                if name in value:
                    yield from mismatches(inner, value[name], below(path, name))
            for name, inner in fields:
                if name not in value and not isinstance(inner, OptionalType):
                    yield missing_field(type_, name, inner, path)
            for name in value:
                if type_.get(name) is None:
                    yield unknown_field(type_, name, path)
        case _:
            try:
                check_value(type_, value, path)
            except ValueMismatch as error:
                yield error


def example(type_: Type) -> str:
    """How a value of the type is typed on a command line, as an example."""
    match type_:
        case OptionalType(inner):
            return example(inner)
        case ListType() | DictType() | RecordType() | TupleType():
            return "'" + json.dumps(_sample(type_), ensure_ascii=False).replace("'", "'\\''") + "'"
        case _:
            return str(_sample(type_)) if not isinstance(type_, Scalar) else _TYPED[type_.name]


_TYPED = {
    "bool": "true",
    "int": "3",
    "float": "0.5",
    "str": "TEXT",
    "duration": "30s",
    "size": "4GB",
    "file": "PATH",
    "dir": "FOLDER",
    "json": "'{\"a\": 1}'",
    "none": "none",
}
_SAMPLES: dict[str, Json] = {
    "bool": True,
    "int": 3,
    "float": 0.5,
    "duration": 30,
    "size": 4_000_000,
    "json": 1,
    "none": None,
}


def _sample(type_: Type) -> Json:
    """A small value of the type."""
    match type_:
        case Scalar(name):
            return _SAMPLES.get(name, "…")
        case OptionalType(inner):
            return _sample(inner)
        case ListType(item):
            return [_sample(item)]
        case DictType(inner):
            return {"key": _sample(inner)}
        case RecordType(fields):
            needed = [(k, t) for k, t in fields if not isinstance(t, OptionalType)]
            return {k: _sample(t) for k, t in needed}
        case ChoiceType(options):
            return options[0]
        case TupleType(items):
            return [_sample(item) for item in items]
        case NeverType():
            return None
