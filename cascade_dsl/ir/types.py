"""Types of values, as the user writes them. `str(type)` is the notation of the language, a name of the program's where
it gave one; `spelled(type)` is what that name stands for. Names say nothing of what fits: two types that differ in them
only are equal.

At run time values are JSON: a duration is a number of seconds, a size a whole number of bytes, a file or dir its
path as text. The types alone tell these apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

SCALARS = ("bool", "int", "float", "str", "duration", "size", "file", "dir", "json", "none")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One of `SCALARS`. `none` is the type of `none` and of a task without outputs."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ListType:
    """`list[T]`; the item type of `[]` is `NEVER`, and it is shown as `[]`."""

    item: Type
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name or self.spelled()

    def spelled(self) -> str:
        """The type without its own name."""
        return "[]" if isinstance(self.item, NeverType) else f"list[{self.item}]"


@dataclass(frozen=True, slots=True)
class DictType:
    """`dict[T]`: string keys."""

    value: Type
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name or self.spelled()

    def spelled(self) -> str:
        """The type without its own name."""
        return f"dict[{self.value}]"


@dataclass(frozen=True, slots=True)
class RecordType:
    """`{id: str, reads: list[file]}`; the order of fields is how they were written and does not matter."""

    fields: tuple[tuple[str, Type], ...]
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name or self.spelled()

    def spelled(self) -> str:
        """The type without its own name."""
        return "{" + ", ".join(f"{_key(k)}: {t}" for k, t in self.fields) + "}"

    def get(self, name: str) -> Type | None:
        """The type of a field, or None."""
        for key, type_ in self.fields:
            if key == name:
                return type_
        return None


@dataclass(frozen=True, slots=True)
class OptionalType:
    """`T?`: a T or none."""

    inner: Type

    def __str__(self) -> str:
        inner = str(self.inner)
        return f"({inner})?" if isinstance(self.inner, ChoiceType) and not self.inner.name else f"{inner}?"


@dataclass(frozen=True, slots=True)
class ChoiceType:
    """`"fast" | "safe"`: one of some strings."""

    options: tuple[str, ...]
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name or self.spelled()

    def spelled(self) -> str:
        """The type without its own name."""
        return " | ".join('"' + o.replace("\\", "\\\\").replace('"', '\\"') + '"' for o in self.options)


@dataclass(frozen=True, slots=True)
class NeverType:
    """The item of `[]`: goes where anything is wanted."""

    def __str__(self) -> str:
        return "nothing"


@dataclass(frozen=True, slots=True)
class TupleType:
    """What `zip` and `enumerate` give for unpacking: a list of fixed length. Not writable in a program."""

    items: tuple[Type, ...]

    def __str__(self) -> str:
        return "(" + ", ".join(map(str, self.items)) + ")"


Type: TypeAlias = Scalar | ListType | DictType | RecordType | OptionalType | ChoiceType | NeverType | TupleType

BOOL, INT, FLOAT, STR = Scalar("bool"), Scalar("int"), Scalar("float"), Scalar("str")
DURATION, SIZE, FILE, DIR = Scalar("duration"), Scalar("size"), Scalar("file"), Scalar("dir")
JSON, NONE = Scalar("json"), Scalar("none")
NEVER = NeverType()


Named: TypeAlias = ListType | DictType | RecordType | ChoiceType
"""Types that may carry a name of the program's."""


def named(type_: Type, name: str) -> Type:
    """The type under a name that the program gave it; of a scalar or an optional type, which are short, the type itself."""
    return replace(type_, name=name) if isinstance(type_, ListType | DictType | RecordType | ChoiceType) else type_


def spelled(type_: Type) -> str:
    """What the name of a type stands for; of one without a name, the type."""
    return type_.spelled() if isinstance(type_, ListType | DictType | RecordType | ChoiceType) else str(type_)


def in_full(type_: Type) -> str:
    """A type with everything that names in it stand for, for people who have not read the program."""
    match type_:
        case ListType() | DictType() | RecordType() | ChoiceType() if type_.name:
            return in_full(replace(type_, name=""))
        case ListType(NeverType()):
            return "[]"
        case ListType(item):
            return f"list[{in_full(item)}]"
        case DictType(value):
            return f"dict[{in_full(value)}]"
        case RecordType(fields):
            return "{" + ", ".join(f"{_key(k)}: {in_full(t)}" for k, t in fields) + "}"
        case OptionalType(inner):
            text = in_full(inner)
            return f"({text})?" if isinstance(inner, ChoiceType) else f"{text}?"
        case _:
            return str(type_)


def named_parts(type_: Type) -> tuple[Named, ...]:
    """The named types that `str(type_)` mentions, each once, in its order."""
    out: dict[str, Named] = {}
    stack: list[Type] = [type_]
    while stack:
        at = stack.pop()
        if isinstance(at, ListType | DictType | RecordType | ChoiceType) and at.name:
            out.setdefault(at.name, at)
            continue
        match at:
            case ListType(inner) | DictType(inner) | OptionalType(inner):
                stack.append(inner)
            case RecordType(fields):
                stack.extend(t for _, t in reversed(fields))
            case TupleType(items):
                stack.extend(reversed(items))
            case _:
                pass
    return tuple(out.values())


def _key(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
