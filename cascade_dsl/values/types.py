"""Relations between types: what goes where, and the one type that two have in common. Pure."""

from __future__ import annotations

from ..ir.types import (
    FLOAT,
    JSON,
    NONE,
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

NUMBERS = ("int", "float", "duration", "size")


def assignable(want: Type, have: Type) -> bool:
    """A value of type `have` may stand where `want` is wanted; `json` may stand anywhere, checked when it arrives."""
    if want in (have, JSON) or have == JSON or isinstance(have, NeverType):
        return True
    if isinstance(want, OptionalType):
        if have == NONE:
            return True
        return assignable(want.inner, have.inner if isinstance(have, OptionalType) else have)
    match want, have:
        case Scalar("float"), Scalar("int"):
            return True
        case Scalar("str"), ChoiceType():
            return True
        case ChoiceType(options), ChoiceType(given):
            return set(given) <= set(options)
        case ListType(item), ListType(given):
            return assignable(item, given)
        case ListType(item), TupleType(items):
            return all(assignable(item, i) for i in items)
        case TupleType(items), TupleType(given):
            return len(items) == len(given) and all(map(assignable, items, given))
        case DictType(value), DictType(given):
            return assignable(value, given)
        case DictType(value), RecordType(fields):
            return all(assignable(value, t) for _, t in fields)
        case RecordType(fields), RecordType(given):
            names = {name for name, _ in fields}
            if any(name not in names for name, _ in given):
                return False
            for name, wanted in fields:
                found = have.get(name)
                if found is None:
                    if not isinstance(wanted, OptionalType):
                        return False
                elif not assignable(wanted, found):
                    return False
            return True
        case _:
            return False


def common(a: Type, b: Type) -> Type | None:
    """The least type that both fit, or None: of the items of a list, of the sides of a ternary."""
    if a == b or isinstance(b, NeverType):
        return a
    if isinstance(a, NeverType):
        return b
    if JSON in (a, b):
        return JSON
    if a == NONE:
        return optional(b)
    if b == NONE:
        return optional(a)
    if isinstance(a, OptionalType) or isinstance(b, OptionalType):
        inner = common(required(a), required(b))
        return None if inner is None else optional(inner)
    match a, b:
        case (Scalar("int"), Scalar("float")) | (Scalar("float"), Scalar("int")):
            return FLOAT
        case ChoiceType(one), ChoiceType(other) if set(other) <= set(one):
            return a
        case ChoiceType(one), ChoiceType(other) if set(one) <= set(other):
            return b
        case ChoiceType(one), ChoiceType(other):
            return ChoiceType(tuple(dict.fromkeys(one + other)))
        case (ChoiceType(), Scalar("str")) | (Scalar("str"), ChoiceType()):
            return STR
        case ListType(one), ListType(other):
            item = common(one, other)
            return None if item is None else ListType(item)
        case DictType(one), DictType(other):
            value = common(one, other)
            return None if value is None else DictType(value)
        case RecordType(one), RecordType(other):
            if {k for k, _ in one} != {k for k, _ in other}:
                return None
            fields: list[tuple[str, Type]] = []
            for name, type_ in one:
                field = common(type_, b.get(name) or type_)
                if field is None:
                    return None
                fields.append((name, field))
            return RecordType(tuple(fields))
        case TupleType(one), TupleType(other) if len(one) == len(other):
            items = [common(x, y) for x, y in zip(one, other, strict=True)]
            known = [i for i in items if i is not None]
            return TupleType(tuple(known)) if len(known) == len(items) else None
        case _:
            return None


def optional(type_: Type) -> Type:
    """`T?`; of none, json and what is optional already, the type itself."""
    return type_ if isinstance(type_, OptionalType) or type_ in (NONE, JSON) else OptionalType(type_)


def required(type_: Type) -> Type:
    """`T` of `T?`, else the type itself."""
    return type_.inner if isinstance(type_, OptionalType) else type_


def is_number(type_: Type) -> bool:
    """int, float, duration or size."""
    return isinstance(type_, Scalar) and type_.name in NUMBERS


def holds_files(type_: Type) -> bool:
    """Somewhere in a value of this type stands a file or dir."""
    match type_:
        case Scalar(name):
            return name in ("file", "dir")
        case ListType(inner) | DictType(inner) | OptionalType(inner):
            return holds_files(inner)
        case RecordType(fields):
            return any(holds_files(t) for _, t in fields)
        case TupleType(items):
            return any(map(holds_files, items))
        case ChoiceType() | NeverType():
            return False


def element_of(type_: Type) -> Type | None:
    """The type of the items of a list-like type, None where it has none."""
    match type_:
        case ListType(item):
            return item
        case TupleType(items):
            out: Type = items[0] if items else NeverType()
            for item in items[1:]:
                out = common(out, item) or JSON
            return out
        case Scalar("json"):
            return JSON
        case NeverType():
            return type_
        case _:
            return None
