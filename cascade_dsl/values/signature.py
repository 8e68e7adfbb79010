"""Signatures of functions: read from the notation of the table, matched against the types of arguments.

The notation is that of the language's types, and: `A | B` for either, letters that stand for a type, `N` for that of a
number, `*xs` (the first) for one or more arguments, `= none` for one that may be left out. A letter that stands
once only says that any type will do. Only the compiler and the help need it; the evaluator looks at the number of
arguments only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

from ..ir.types import (
    JSON,
    SCALARS,
    DictType,
    ListType,
    NeverType,
    OptionalType,
    RecordType,
    Scalar,
    TupleType,
    Type,
)
from .types import assignable, common, is_number

Pattern: TypeAlias = tuple[str, tuple["Pattern", ...]]
"""(word, parts): a scalar, a letter, `any`; `list`, `dict`, `?` and `tuple` of parts, `|` of several."""

NUMBER = "N"
"""The letter of a type that is a number's."""

_TOKEN = re.compile(r"\s*(->|\w+|[\[\](){}|,:?*=])")


class Parameter:
    """One parameter: a pattern of types, and whether it may be left out or repeated."""

    __slots__ = ("name", "optional", "pattern", "repeated")

    def __init__(self, name: str, pattern: Pattern, optional: bool, repeated: bool) -> None:
        self.name = name
        self.pattern = pattern
        self.optional = optional
        self.repeated = repeated


class Signature:
    """Parameters in order and the pattern of the result."""

    __slots__ = ("parameters", "result")

    def __init__(self, parameters: tuple[Parameter, ...], result: Pattern) -> None:
        self.parameters = parameters
        self.result = result

    @property
    def names(self) -> tuple[str, ...]:
        """The names that arguments may be given by."""
        return tuple(p.name for p in self.parameters if not p.repeated)

    def arity(self) -> tuple[int, int | None]:
        """The least and the greatest number of arguments, None where there is no greatest."""
        if any(p.repeated for p in self.parameters):
            return 1, None
        return sum(1 for p in self.parameters if not p.optional), len(self.parameters)

    def accepts(self, count: int, named: Sequence[str]) -> bool:
        """So many positional arguments and these named ones make a call."""
        names = self.names
        if any(p.repeated for p in self.parameters):
            return count >= 1 and all(n in names for n in named)
        return (
            count <= len(names)
            and all(n in names[count:] for n in named)
            and all(p.optional or p.name in named for p in self.parameters[count:])
        )

    def place(self, count: int, named: Sequence[str]) -> list[Parameter]:
        """The parameter of each argument, positional ones first. The call must be acceptable."""
        by_name = {p.name: p for p in self.parameters}
        first = self.parameters[:1]
        out = [p for p in first * count if p.repeated] or list(self.parameters[:count])
        return out + [by_name[n] for n in named]


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = [m[1] for m in _TOKEN.finditer(text)]
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, word: str = "") -> str:
        found = self.peek()
        assert not word or found == word, f"{word} wanted, {found} found"
        self.at += 1
        return found

    def eat(self, word: str) -> bool:
        if self.peek() == word:
            self.at += 1
            return True
        return False

    def pattern(self) -> Pattern:
        parts = [self.single()]
        while self.eat("|"):
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else ("|", tuple(parts))

    def single(self) -> Pattern:
        found: Pattern
        if self.eat("("):
            found = ("tuple", self.several(")"))
        elif self.eat("{"):
            names: list[str] = []
            parts: list[Pattern] = []
            while not self.eat("}"):
                names.append(self.take())
                self.take(":")
                parts.append(self.pattern())
                self.eat(",")
            found = ("{" + ",".join(names), tuple(parts))
        else:
            word = self.take()
            found = (word, self.several("]")) if self.eat("[") else (word, ())
        return ("?", (found,)) if self.eat("?") else found

    def several(self, end: str) -> tuple[Pattern, ...]:
        parts: list[Pattern] = []
        while not self.eat(end):
            parts.append(self.pattern())
            self.eat(",")
        return tuple(parts)

    def signature(self) -> Signature:
        parameters: list[Parameter] = []
        self.take("(")
        while not self.eat(")"):
            repeated = self.eat("*")
            name = self.take()
            self.take(":")
            pattern = self.pattern()
            optional = self.eat("=")
            if optional:
                self.take()
            parameters.append(Parameter(name, pattern, optional, repeated))
            self.eat(",")
        self.take("->")
        result = self.pattern()
        often = Counter(letter for p in (*(p.pattern for p in parameters), result) for letter in _letters(p))
        for parameter in parameters:
            parameter.pattern = _loosened(parameter.pattern, often)
        return Signature(tuple(parameters), result)


def _letters(pattern: Pattern) -> list[str]:
    word, parts = pattern
    return [word] if _is_letter(word) else [letter for part in parts for letter in _letters(part)]


def _loosened(pattern: Pattern, often: Mapping[str, int]) -> Pattern:
    """The pattern with `any` for letters that stand once."""
    word, parts = pattern
    if _is_letter(word) and word != NUMBER and often[word] == 1:
        return "any", ()
    return word, tuple(_loosened(part, often) for part in parts)


@cache
def read_signature(text: str) -> Signature:
    """`(xs: list[T], by: str = none) -> list[T]` as data."""
    return _Reader(text).signature()


def matches(pattern: Pattern, type_: Type, letters: dict[str, Type]) -> bool:
    """The type fits the pattern; letters are bound, to what is common to all their places."""
    word, parts = pattern
    if word == "any":
        return True
    if word == "|":
        return any(matches(p, type_, letters) for p in parts)
    if word == "?":
        inner = type_.inner if isinstance(type_, OptionalType) else type_
        return inner == Scalar("none") or matches(parts[0], inner, letters)
    if _is_letter(word):
        if word == NUMBER and not (is_number(type_) or type_ == JSON or isinstance(type_, NeverType)):
            return False
        known = letters.get(word)
        found = type_ if known is None else common(known, type_)
        if found is None:
            return False
        letters[word] = found
        return True
    if type_ == JSON or isinstance(type_, NeverType):
        return all(list(map(matches, parts, [type_] * len(parts), [letters] * len(parts))))
    match word, type_:
        case "list", ListType(item):
            return matches(parts[0], item, letters)
        case "list", TupleType(items):
            return all(matches(parts[0], item, letters) for item in items)
        case "dict", DictType(value):
            return matches(parts[0], value, letters)
        case "dict", RecordType(fields):
            return all(matches(parts[0], value, letters) for _, value in fields)
        case "tuple", TupleType(items):
            return len(items) == len(parts) and all(map(matches, parts, items, [letters] * len(items)))
        case _:
            return word in SCALARS and assignable(Scalar(word), type_)


def build(pattern: Pattern, letters: Mapping[str, Type]) -> Type:
    """The type that a result pattern stands for; a letter that no argument bound is `never`."""
    word, parts = pattern
    match word:
        case "list":
            return ListType(build(parts[0], letters))
        case "dict":
            return DictType(build(parts[0], letters))
        case "tuple":
            return TupleType(tuple(build(p, letters) for p in parts))
        case "?":
            inner = build(parts[0], letters)
            return inner if isinstance(inner, OptionalType) or inner == JSON else OptionalType(inner)
        case _ if word.startswith("{"):
            names = word[1:].split(",")
            return RecordType(tuple((n, build(p, letters)) for n, p in zip(names, parts, strict=True)))
        case _ if _is_letter(word):
            return letters.get(word, NeverType())
        case _:
            return Scalar(word)


def show_pattern(pattern: Pattern) -> str:
    """A pattern for a message: `a list`, `str or file`."""
    word, parts = pattern
    if word == "|":
        shown = list(dict.fromkeys(show_pattern(p) for p in parts))
        return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 2 else shown)
    if word == "?":
        return show_pattern(parts[0])
    if _is_letter(word) or word == "any":
        return "a number" if word == NUMBER else "any value"
    exact = _exact(pattern)
    if exact:
        return exact
    inner = parts[0][0]
    if word == "list":
        return "a list of numbers" if inner == NUMBER else "a list of lists" if inner == "list" else "a list"
    return "a dict"


def _exact(pattern: Pattern) -> str:
    """The pattern as a type, empty where letters stand in it."""
    word, parts = pattern
    if _is_letter(word) or word == "any":
        return ""
    if not parts:
        return word
    inner = _exact(parts[0])
    return f"{word}[{inner}]" if inner else ""


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isupper()
