"""The table of functions: one row each, operators included. What adds a function adds a row here.

A row's signature types it (see `signature`); `result` is given where the notation cannot say the type of the value.
`reads`: it looks at files, the environment or the clock; evaluated once a run, in a worker, its result recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..ir.expr import OPERATORS
from ..ir.graph import Json
from ..ir.types import FLOAT, INT, JSON, STR, ListType, OptionalType, RecordType, Scalar, TupleType, Type
from . import pure, reading
from .operators import OPERATIONS, round_up
from .signature import Signature, read_signature
from .types import common, element_of, required
from .typing import show

Argument: TypeAlias = tuple[Type, str | None]
"""The type of an argument and, where it is a constant text, the text."""


class Function:
    """A row. `run` takes the values (and first the world, with `world` or `reads`); `slow`: its time has no bound by size."""

    __slots__ = ("doc", "hidden", "name", "reads", "result", "run", "signature_text", "slow", "world")

    def __init__(
        self,
        name: str,
        signature_text: str,
        run: Callable[..., Json],
        doc: str,
        *,
        reads: bool = False,
        slow: bool = False,
        world: bool = False,
        hidden: bool = False,
        result: Callable[[list[Argument]], Type | None] | None = None,
    ) -> None:
        self.name = name
        self.signature_text = signature_text
        self.run = run
        self.doc = doc
        self.reads = reads
        self.slow = slow
        self.world = world or reads
        self.hidden = hidden
        self.result = result

    @property
    def signature(self) -> Signature:
        """The signature as data."""
        return read_signature(self.signature_text)


# ---- results that the notation cannot say -----------------------------------------------------------------------


def _zip_type(args: list[Argument]) -> Type:
    return ListType(TupleType(tuple(element_of(t) or JSON for t, _ in args)))


def _group_type(args: list[Argument]) -> Type:
    item = element_of(args[0][0]) or JSON
    by, text = args[1]
    key = element_of(by) if text is None else (item.get(text) if isinstance(item, RecordType) else JSON)
    return ListType(RecordType((("key", key or JSON), ("items", ListType(item)))))


def _extreme_type(args: list[Argument]) -> Type | None:
    if len(args) == 1 or element_of(args[0][0]) is not None:
        return element_of(args[0][0])
    found: Type | None = args[0][0]
    for type_, _ in args[1:]:
        found = None if found is None else common(found, type_)
    return found


def _sum_type(args: list[Argument]) -> Type:
    item = element_of(args[0][0]) or JSON
    return item if item in (FLOAT, JSON, Scalar("duration"), Scalar("size")) else INT


def _json_type(args: list[Argument]) -> Type:
    type_ = args[0][0]
    return JSON if type_ in (STR, JSON) else STR


def _env_type(args: list[Argument]) -> Type:
    return OptionalType(STR) if len(args) == 1 else common(required(args[1][0]), STR) or STR


def _round_type(args: list[Argument]) -> Type:
    type_ = args[0][0]
    if type_ in (INT, FLOAT, JSON):
        return INT if len(args) == 1 else FLOAT
    return type_


# ---- the table --------------------------------------------------------------------------------------------------

_F = Function
_ROWS = (
    _F("len", "(x: list[any] | dict[any] | str) -> int", pure.length, "how many items, keys or characters"),
    _F("range", "(start: int, stop: int = none, step: int = none) -> list[int]", pure.range_, "whole numbers up to, without, the last"),
    _F("zip", "(*lists: list[any]) -> list[any]", pure.zip_, "items of lists of one length side by side", result=_zip_type),
    _F("enumerate", "(xs: list[T], start: int = none) -> list[(int, T)]", pure.enumerate_, "items with their index"),
    _F("keys", "(x: dict[any]) -> list[str]", pure.keys, "the keys of a dict, in order"),
    _F("values", "(x: dict[T]) -> list[T]", pure.values, "the values of a dict, in order"),
    _F("items", "(x: dict[T]) -> list[(str, T)]", pure.items, "keys and values of a dict"),
    _F("sorted", "(xs: list[T], by: str | list[any] = none) -> list[T]", pure.sorted_, "in ascending order, of equals the first first"),
    _F("reversed", "(xs: list[T]) -> list[T]", pure.reversed_, "the last first"),
    _F("unique", "(xs: list[T], by: str | list[any] = none) -> list[T]", pure.unique, "the first of equals"),
    _F("flatten", "(xs: list[list[T]]) -> list[T]", pure.flatten, "the items of the lists of a list"),
    _F("chunk", "(xs: list[T], size: int) -> list[list[T]]", pure.chunk, "lists of so many items, the last may be shorter"),
    _F("group_by", "(xs: list[any], by: str | list[any]) -> list[any]", pure.group_by, "[{key, items}] in order of first appearance", result=_group_type),
    _F("min", "(*xs: any, by: str | list[any] = none) -> any", pure.min_, "the least item of a list, or argument", result=_extreme_type),
    _F("max", "(*xs: any, by: str | list[any] = none) -> any", pure.max_, "the greatest item of a list, or argument", result=_extreme_type),
    _F("sum", "(xs: list[number]) -> number", pure.sum_, "the sum of the items, 0 of none", result=_sum_type),
    _F("any", "(xs: list[bool]) -> bool", pure.any_, "one of them is true"),
    _F("all", "(xs: list[bool]) -> bool", pure.all_, "all of them are true"),
    _F("round", "(x: number, digits: int = none) -> number", pure.round_, "to a whole number, or to so many digits", result=_round_type),
    _F("abs", "(x: T) -> T", pure.abs_, "without its sign"),
    _F("str", "(x: any) -> str", show, "as it stands in text"),
    _F("int", "(x: number | str | bool) -> int", pure.int_, "a whole number, towards zero, or from text"),
    _F("float", "(x: number | str | bool) -> float", pure.float_, "a float, also from text"),
    _F("join", "(xs: list[any], sep: str) -> str", pure.join, "the items as text with a separator between"),
    _F("split", "(s: str, sep: str = none) -> list[str]", pure.split, "the pieces between separators, or between white space"),
    _F("strip", "(s: str, chars: str = none) -> str", pure.strip, "without white space, or these characters, at both ends"),
    _F("lower", "(s: str) -> str", pure.lower, "in lower case"),
    _F("upper", "(s: str) -> str", pure.upper, "in upper case"),
    _F("replace", "(s: str, old: str, new: str) -> str", pure.replace, "each old replaced by new"),
    _F("matches", "(s: str, regex: str) -> bool", pure.matches, "a regular expression is found in it", slow=True),
    _F("starts_with", "(s: str, prefix: str) -> bool", pure.starts_with, "it begins so"),
    _F("ends_with", "(s: str, suffix: str) -> bool", pure.ends_with, "it ends so"),
    _F("format", "(x: number | str, spec: str) -> str", pure.format_, 'by a format of Python: `format(x, ".2f")`'),
    _F("opt", "(flag: str, x: any) -> list[str]", pure.opt, "no words for none or false, the flag for true, else flag and value"),
    _F("file", "(path: str | file) -> file", pure.path, "the file at a path, relative to the .csc"),
    _F("dir", "(path: str | dir) -> dir", pure.path, "the folder at a path, relative to the .csc"),
    _F("basename", "(path: str | file | dir) -> str", pure.basename, "the last part of a path"),
    _F("dirname", "(path: str | file | dir) -> dir", pure.dirname, "the folder part of a path"),
    _F("stem", "(path: str | file | dir) -> str", pure.stem, "the last part without its extension"),
    _F("ext", "(path: str | file | dir) -> str", pure.ext, "the extension with its dot"),
    _F("json", "(x: any) -> json", pure.json_, "text parsed as JSON; anything else as JSON text", result=_json_type),
    _F("hash", "(x: any) -> str", pure.hash_, "32 hexadecimal digits of its content"),
    _F("glob", "(pattern: str) -> list[file]", reading.glob, "the files that match, sorted", reads=True),
    _F("pairs", "(pattern: str) -> list[{id: str, files: list[file]}]", reading.pairs, 'of `"reads/*_{1,2}.fq"`: [{id, files}]', reads=True),
    _F("exists", "(path: str | file | dir) -> bool", reading.exists, "there is such a file or folder", reads=True),
    _F("size", "(path: str | file | dir) -> size", reading.size, "bytes in a file, or in all files of a folder", reads=True),
    _F("read", "(path: str | file) -> str", reading.read, "a file's text", reads=True),
    _F("lines", "(path: str | file) -> list[str]", reading.lines, "a file's lines", reads=True),
    _F("read_json", "(path: str | file) -> json", reading.read_json, "a file's JSON", reads=True),
    _F("read_csv", "(path: str | file) -> list[dict[str]]", reading.read_csv, "a file's rows by the names of its header", reads=True),
    _F("env", "(name: str, default: str = none) -> str", reading.env, "a variable of the environment of the run", reads=True, result=_env_type),
    _F("now", "() -> str", reading.now, "when it is evaluated, such as 2030-01-31T12:00:00Z", reads=True),
    _F("absolute", "(x: T) -> T", reading.absolute, "a path, or each of a list, below the project's folder", world=True, hidden=True),
    _F("round_up", "(x: number) -> size", round_up, "the next whole number above", hidden=True),
)  # fmt: skip

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}
"""Functions by name. `hidden` rows are for the compiler, no names of the language."""

UNBUILT: dict[str, str] = {"read_yaml": "YAML needs a library that Cascade does not bring"}
"""Functions of the language that are refused, and why."""

NAMES: frozenset[str] = frozenset(FUNCTIONS) | frozenset(OPERATORS)
"""Everything that `Apply.function` may be."""

assert not NAMES ^ (frozenset(FUNCTIONS) | frozenset(OPERATIONS)), "each operator has an operation"


def visible_functions() -> tuple[str, ...]:
    """The names that a program may use."""
    return tuple(name for name, row in FUNCTIONS.items() if not row.hidden)
