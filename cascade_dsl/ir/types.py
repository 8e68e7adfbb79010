"""Types of values, as the user writes them. `str(type)` is the notation of the language.

At run time values are JSON: a duration is a number of seconds, a size a whole number of bytes, a file or dir its
path as text. The types alone tell these apart.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """`list[T]`; the item type of `[]` is `NEVER`."""

    item: Type

    def __str__(self) -> str:
        return f"list[{self.item}]"


@dataclass(frozen=True, slots=True)
class DictType:
    """`dict[T]`: string keys."""

    value: Type

    def __str__(self) -> str:
        return f"dict[{self.value}]"


@dataclass(frozen=True, slots=True)
class RecordType:
    """`{id: str, reads: list[file]}`; the order of fields is how they were written and does not matter."""

    fields: tuple[tuple[str, Type], ...]

    def __str__(self) -> str:
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
        return f"({inner})?" if isinstance(self.inner, ChoiceType) else f"{inner}?"


@dataclass(frozen=True, slots=True)
class ChoiceType:
    """`"fast" | "safe"`: one of some strings."""

    options: tuple[str, ...]

    def __str__(self) -> str:
        return " | ".join('"' + o.replace("\\", "\\\\").replace('"', '\\"') + '"' for o in self.options)


@dataclass(frozen=True, slots=True)
class NeverType:
    """The item of `[]`: goes where anything is wanted."""

    def __str__(self) -> str:
        return "never"


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


def _key(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
