"""JSON form of everything in `ir`: what `compile --format json` prints, a run's folder keeps and the journal holds.

A dataclass is `{"_": "ClassName", field: …}` with fields that equal their default left out; tuples are lists, enums
their numbers. `Lit.value` is JSON already and passes through untouched. Decoding is driven by the type hints of the
classes and is strict: it is the door through which a graph comes from outside. Neither direction recurses, so that
depth costs no stack; `MAX_DEPTH` bounds what the rest of the house has to walk.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import IntEnum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, overload

from ..base.diagnostics import CascadeError, fail
from .expr import Lit
from .graph import GRAPH_SCHEMA, Graph, Json

T = TypeVar("T")

MAX_DEPTH = 1500
"""Levels of JSON: 200 of regions around 200 of expressions, of up to three levels each, and some."""

_Path = tuple[Any, ...]
"""Linked from the leaf up: (parent, key); the root is ()."""


# ---- encode -----------------------------------------------------------------------------------------------------


def encode(obj: object) -> Json:
    """The JSON form of an ir object, or of a tuple of them; the order of keys is the order of the class's fields."""
    root: list[Any] = [None]
    stack: list[tuple[Any, Any, Any]] = [(obj, root, 0)]
    while stack:
        value, into, key = stack.pop()
        if value is None or isinstance(value, (str, bool)):
            into[key] = value
        elif isinstance(value, IntEnum):
            into[key] = int(value)
        elif isinstance(value, (int, float)):
            into[key] = value
        elif isinstance(value, Lit):
            into[key] = {"_": "Lit", "value": value.value}
        elif isinstance(value, tuple):
            items: list[Any] = [None] * len(value)  # pyright: ignore[reportUnknownArgumentType]
            into[key] = items
            stack.extend((item, items, i) for i, item in enumerate(value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        else:
            cls: type = type(value)  # pyright: ignore[reportUnknownVariableType]
            out: dict[str, Any] = {"_": cls.__name__}
            into[key] = out
            for name, default in _defaults(cls):
                part = getattr(value, name)
                if default is MISSING or part != default:
                    out[name] = None
                    stack.append((part, out, name))
    return root[0]


@cache
def _defaults(cls: type) -> tuple[tuple[str, Any], ...]:
    return tuple((f.name, f.default) for f in fields(cls))


# ---- decode -----------------------------------------------------------------------------------------------------


@overload
def decode(cls: type[T], data: Json) -> T: ...
@overload
def decode(cls: object, data: Json) -> Any: ...
def decode(cls: Any, data: Json) -> Any:
    """The inverse of `encode` for a class or a union of classes; CSC400 names the JSON path of what does not fit."""
    done: list[Any] = []
    work: list[_Visit | _Build] = [(_rule(cls), data, (), 0)]
    while work:
        step = work.pop()
        if len(step) == 2:
            build, count = step
            at = len(done) - count
            parts = done[at:]
            del done[at:]
            done.append(build(parts))
            continue
        rule, value, path, depth = step
        if depth > MAX_DEPTH:
            raise _wrong(path, "it is nested too deeply")
        rule.visit(value, path, depth + 1, work, done)
    return done[0]


_Build = tuple[Callable[[list[Any]], Any], int]


class _Rule:
    """How one type hint is read: a leaf puts its value on `done`, others push their parts on `work`."""

    __slots__ = ("wanted",)

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted

    def visit(self, value: Json, path: _Path, depth: int, work: list[_Visit | _Build], done: list[Any]) -> None:
        raise NotImplementedError


_Visit = tuple[_Rule, Json, _Path, int]


class _Raw(_Rule):
    def visit(self, value: Json, path: _Path, depth: int, work: list[_Visit | _Build], done: list[Any]) -> None:
        done.append(value)


class _Scalar(_Rule):
    __slots__ = ("kinds",)

    def __init__(self, kinds: tuple[type, ...], wanted: str) -> None:
        super().__init__(wanted)
        self.kinds = kinds

    def visit(self, value: Json, path: _Path, depth: int, work: list[_Visit | _Build], done: list[Any]) -> None:
        if type(value) not in self.kinds:
            raise _wrong(path, f"expected {self.wanted}, found {_kind(value)}")
        done.append(value)


class _Options(_Rule):
    __slots__ = ("make", "options")

    def __init__(self, options: tuple[Any, ...], make: Callable[[Any], Any]) -> None:
        super().__init__("one of " + ", ".join(map(repr, options)))
        self.options = options
        self.make = make

    def visit(self, value: Json, path: _Path, depth: int, work: list[_Visit | _Build], done: list[Any]) -> None:
        if not any(type(value) is type(o) and value == o for o in self.options):
            raise _wrong(path, f"expected {self.wanted}, found {_kind(value)}")
        done.append(self.make(value))


class _Many(_Rule):
    """`tuple[T, ...]`."""

    __slots__ = ("item",)

    def __init__(self, item: _Rule) -> None:
        super().__init__("a list")
        self.item = item

    def visit(self, value: Json, path: _Path, depth: int, work: list[_Visit | _Build], done: list[Any]) -> None:
        if not isinstance(value, list):
            raise _wrong(path, f"expected a list, found {_kind(value)}")
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        work.append((tuple, len(items)))
        work.extend((self.item, items[i], (path, i), depth) for i in range(len(items) - 1, -1, -1))


class _Fixed(_Rule):
    """`tuple[A, B]`."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[_Rule, ...]) -> None:
        super().__init__(f"a list of {len(items)}")
        self.items = items

    def visit(self, value: Json, path: _Path, depth: int, work: list[_Visit | _Build], done: list[Any]) -> None:
        if not isinstance(value, list) or len(value) != len(self.items):  # pyright: ignore[reportUnknownArgumentType]
            raise _wrong(path, f"expected {self.wanted}, found {_kind(value)}")
        given: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        work.append((tuple, len(given)))
        work.extend((self.items[i], given[i], (path, i), depth) for i in range(len(given) - 1, -1, -1))


class _Class(_Rule):
    """A dataclass; its fields are read from the hints at first use, since classes of the ir hold one another."""

    __slots__ = ("_fields", "_required", "cls")

    def __init__(self, cls: type) -> None:
        super().__init__(f"a {cls.__name__}")
        self.cls = cls
        self._fields: dict[str, _Rule] | None = None
        self._required: tuple[str, ...] = ()

    def visit(self, value: Json, path: _Path, depth: int, work: list[_Visit | _Build], done: list[Any]) -> None:
        known = self._fields
        if known is None:
            hints = typing.get_type_hints(self.cls)
            known = self._fields = {f.name: _rule(hints[f.name]) for f in fields(self.cls)}
            self._required = tuple(f.name for f in fields(self.cls) if f.default is MISSING)
        if not isinstance(value, dict) or value.get("_") != self.cls.__name__:  # pyright: ignore[reportUnknownMemberType]
            raise _wrong(path, f"expected {self.wanted}, found {_kind(value)}")
        given: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        for name in self._required:
            if name not in given:
                raise _wrong(path, f"a {self.cls.__name__} has no `{name}`")
        names = tuple(name for name in given if name != "_")
        cls = self.cls
        work.append((lambda parts: cls(**dict(zip(names, parts, strict=True))), len(names)))
        for name in reversed(names):
            rule = known.get(name)
            if rule is None:
                raise _wrong((path, name), f"a {self.cls.__name__} has no field of this name")
            work.append((rule, given[name], (path, name), depth))


class _OneOf(_Rule):
    """A union: objects are told apart by their tag, everything else by its JSON type."""

    __slots__ = ("classes", "others")

    def __init__(self, rules: tuple[_Rule, ...]) -> None:
        super().__init__(" or ".join(dict.fromkeys(r.wanted for r in rules)))
        self.classes = {r.cls.__name__: r for r in rules if isinstance(r, _Class)}
        self.others = tuple(r for r in rules if not isinstance(r, _Class))

    def visit(self, value: Json, path: _Path, depth: int, work: list[_Visit | _Build], done: list[Any]) -> None:
        if isinstance(value, dict):
            tag: Any = value.get("_")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            found = self.classes.get(tag) if isinstance(tag, str) else None
            if found is not None:
                found.visit(value, path, depth, work, done)
                return
        else:
            for rule in self.others:
                if _admits(rule, value):
                    rule.visit(value, path, depth, work, done)
                    return
        raise _wrong(path, f"expected {self.wanted}, found {_kind(value)}")


def _admits(rule: _Rule, value: Json) -> bool:
    match rule:
        case _Scalar():
            return type(value) in rule.kinds
        case _Options():
            return any(type(value) is type(o) and value == o for o in rule.options)
        case _Many() | _Fixed():
            return isinstance(value, list)
        case _:
            return True


_SCALARS: dict[Any, _Rule] = {
    str: _Scalar((str,), "a text"),
    bool: _Scalar((bool,), "true or false"),
    int: _Scalar((int,), "a whole number"),
    float: _Scalar((int, float), "a number"),
    type(None): _Scalar((type(None),), "null"),
    Any: _Raw("a value"),
}


@cache
def _rule(hint: Any) -> _Rule:
    scalar = _SCALARS.get(hint)
    if scalar is not None:
        return scalar
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _OneOf(tuple(_rule(part) for part in get_args(hint)))
    if origin is Literal:
        return _Options(get_args(hint), lambda value: value)
    if origin is tuple:
        parts = get_args(hint)
        if len(parts) == 2 and parts[1] is Ellipsis:
            return _Many(_rule(parts[0]))
        return _Fixed(tuple(_rule(part) for part in parts))
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return _Options(tuple(int(option) for option in hint), hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _Class(hint)
    raise TypeError(f"the codec has no rule for {hint!r}")


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}" if abs(value) < 10**12 else "a number"
        case str():
            return repr(value) if len(value) <= 30 else "a text"
        case list():
            return f"a list of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
        case dict():
            tag: Any = value.get("_")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            return f"a {tag[:30]}" if isinstance(tag, str) else "an object without `_`"
        case _:
            return type(value).__name__


def _wrong(path: _Path, what: str) -> CascadeError:
    return fail("CSC400", f"not a graph that Cascade wrote: at {_show(path)}: {what}")


def _show(path: _Path) -> str:
    keys: list[Any] = []
    while path:
        path, key = path
        keys.append(key)
    shown = "".join(f"[{k}]" if isinstance(k, int) else f".{k}"[:40] for k in reversed(keys[-12:]))
    return ("$" if len(keys) <= 12 else "$…") + shown


# ---- the whole graph --------------------------------------------------------------------------------------------


def graph_to_json(graph: Graph) -> Json:
    """`{"cascade_graph": schema, "graph": …}`, the document that `graph_from_json` reads."""
    return {"cascade_graph": GRAPH_SCHEMA, "graph": encode(graph)}


def graph_from_text(text: str) -> Graph:
    """The graph of a document as text; as `graph_from_json`, and CSC400 for what is no JSON."""
    try:
        data = json.loads(text, parse_constant=_no_constant)
        json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise fail("CSC400", "not a graph that Cascade wrote: it is nested too deeply") from None
    except UnicodeEncodeError:
        raise fail("CSC400", "not a graph that Cascade wrote: a text in it holds half of a character") from None
    except ValueError as error:
        raise fail("CSC400", f"not a graph that Cascade wrote: {error}") from None
    return graph_from_json(data)


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def graph_from_json(data: Json) -> Graph:
    """The graph of a document; CSC400 for a wrong shape, CSC401 for a schema that this version does not read.

    What it returns has the right shape and no more: `verify` says whether it makes sense.
    """
    if not isinstance(data, dict) or "cascade_graph" not in data:
        raise fail(
            "CSC400",
            "not a graph that Cascade wrote: there is no `cascade_graph` at the top",
            help="write one with `cascade compile FILE --format json`",
        )
    document: dict[str, Any] = data  # pyright: ignore[reportUnknownVariableType]
    schema = document["cascade_graph"]
    if type(schema) is not int or schema != GRAPH_SCHEMA:
        raise fail(
            "CSC401",
            f"this graph has schema {_kind(schema).removeprefix('the number ')}, this version of Cascade reads schema {GRAPH_SCHEMA}",
            help="compile the program again with this version",
        )
    return decode(Graph, document.get("graph"))
