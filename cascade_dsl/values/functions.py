"""The table of functions: one row each, operators included. What adds a function adds a row here.

A row's signature types it (see `signature`); `result` is given where the notation cannot say all (see `results`).
`reads`: it looks at files, the environment or the clock; evaluated once a run, in a worker, its result recorded.
"""

from __future__ import annotations

from collections.abc import Callable

from ..ir.expr import OPERATORS
from ..ir.graph import Json
from . import pure, reading, results
from .operators import OPERATIONS, round_up
from .results import Rule
from .signature import Signature, read_signature
from .typing import show


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
        result: Rule | None = None,
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


# ---- the table --------------------------------------------------------------------------------------------------

_F = Function
_ROWS = (
    _F("len", "(x: list[T] | dict[U] | str) -> int", pure.length, "how many items, keys or characters"),
    _F("range", "(start: int, stop: int = none, step: int = 1) -> list[int]", pure.range_, "whole numbers up to, without, the last", result=results.range_),
    _F("zip", "(*lists: list[T]) -> list[(T, …)]", pure.zip_, "items of lists of one length side by side", result=results.zip_),
    _F("enumerate", "(xs: list[T], start: int = 0) -> list[(int, T)]", pure.enumerate_, "items with their index"),
    _F("keys", "(x: dict[T]) -> list[str]", pure.keys, "the keys of a dict, in order"),
    _F("values", "(x: dict[T]) -> list[T]", pure.values, "the values of a dict, in order"),
    _F("items", "(x: dict[T]) -> list[(str, T)]", pure.items, "keys and values of a dict"),
    _F("sorted", "(xs: list[T], by: str | list[U] = none) -> list[T]", pure.sorted_, "in ascending order, of equals the first first", result=results.sorted_),
    _F("reversed", "(xs: list[T]) -> list[T]", pure.reversed_, "the last first"),
    _F("unique", "(xs: list[T], by: str | list[U] = none) -> list[T]", pure.unique, "the first of equals", result=results.unique),
    _F("flatten", "(xs: list[list[T]]) -> list[T]", pure.flatten, "the items of the lists of a list"),
    _F("chunk", "(xs: list[T], size: int) -> list[list[T]]", pure.chunk, "lists of so many items, the last may be shorter", result=results.chunk),
    _F("group_by", "(xs: list[T], by: str | list[U]) -> list[{key: U, items: list[T]}]", pure.group_by, "groups in the order in which their keys appear first", result=results.group_by),
    _F("min", "(*xs: T, by: str | list[U] = none) -> T", pure.min_, "the least item of a list, or argument", result=results.extreme),
    _F("max", "(*xs: T, by: str | list[U] = none) -> T", pure.max_, "the greatest item of a list, or argument", result=results.extreme),
    _F("sum", "(xs: list[N]) -> N", pure.sum_, "the sum of the items, 0 of none", result=results.sum_),
    _F("any", "(xs: list[bool]) -> bool", pure.any_, "one of them is true"),
    _F("all", "(xs: list[bool]) -> bool", pure.all_, "all of them are true"),
    _F("round", "(x: N, digits: int = none) -> N", pure.round_, "to a whole number, or to so many digits; a float without digits becomes an int", result=results.round_),
    _F("abs", "(x: N) -> N", pure.abs_, "without its sign"),
    _F("str", "(x: T) -> str", show, "as it stands in text"),
    _F("int", "(x: N | str | bool) -> int", pure.int_, "a whole number, towards zero, or from text"),
    _F("float", "(x: N | str | bool) -> float", pure.float_, "a float, also from text"),
    _F("join", "(xs: list[T], sep: str) -> str", pure.join, "the items as text with a separator between"),
    _F("split", "(s: str, sep: str = none) -> list[str]", pure.split, "the pieces between separators, or between white space", result=results.split),
    _F("strip", "(s: str, chars: str = none) -> str", pure.strip, "without white space, or these characters, at both ends"),
    _F("lower", "(s: str) -> str", pure.lower, "in lower case"),
    _F("upper", "(s: str) -> str", pure.upper, "in upper case"),
    _F("replace", "(s: str, old: str, new: str) -> str", pure.replace, "each old replaced by new", result=results.replace),
    _F("matches", "(s: str, regex: str) -> bool", pure.matches, "a regular expression is found in it", slow=True, result=results.matches),
    _F("starts_with", "(s: str, prefix: str) -> bool", pure.starts_with, "it begins so"),
    _F("ends_with", "(s: str, suffix: str) -> bool", pure.ends_with, "it ends so"),
    _F("format", "(x: N | str, spec: str) -> str", pure.format_, 'by a format of Python: `format(x, ".2f")`', result=results.format_),
    _F("opt", "(flag: str, x: T) -> list[str]", pure.opt, "no words for none or false, the flag for true, else flag and value", result=results.opt),
    _F("file", "(path: str | file) -> file", pure.path, "the file at a path, relative to the .csc"),
    _F("dir", "(path: str | dir) -> dir", pure.path, "the folder at a path, relative to the .csc"),
    _F("basename", "(path: str | file | dir) -> str", pure.basename, "the last part of a path"),
    _F("dirname", "(path: str | file | dir) -> dir", pure.dirname, "the folder part of a path"),
    _F("stem", "(path: str | file | dir) -> str", pure.stem, "the last part without its extension"),
    _F("ext", "(path: str | file | dir) -> str", pure.ext, "the extension with its dot"),
    _F("json", "(x: T) -> json", pure.json_, "text parsed as JSON; of anything else its JSON text, a str", result=results.json_),
    _F("hash", "(x: T) -> str", pure.hash_, "32 hexadecimal digits of its content"),
    _F("glob", "(pattern: str) -> list[file]", reading.glob, "the files that match, sorted", reads=True),
    _F("pairs", "(pattern: str) -> list[{id: str, files: list[file]}]", reading.pairs, 'of `"reads/*_{1,2}.fq"`: [{id, files}]', reads=True, result=results.pairs),
    _F("exists", "(path: str | file | dir) -> bool", reading.exists, "there is such a file or folder", reads=True),
    _F("size", "(path: str | file | dir) -> size", reading.size, "bytes in a file, or in all files of a folder", reads=True),
    _F("read", "(path: str | file) -> str", reading.read, "a file's text", reads=True),
    _F("lines", "(path: str | file) -> list[str]", reading.lines, "a file's lines", reads=True),
    _F("read_json", "(path: str | file) -> json", reading.read_json, "a file's JSON", reads=True),
    _F("read_yaml", "(path: str | file) -> json", reading.read_yaml, "a file's YAML", reads=True),
    _F("read_csv", "(path: str | file) -> list[dict[str]]", reading.read_csv, "a file's rows by the names of its header", reads=True),
    _F("env", "(name: str, default: str? = none) -> str?", reading.env, "a variable of the environment of the run, else the default; a str where that is one", reads=True, result=results.env),
    _F("now", "() -> str", reading.now, "when it is evaluated, such as 2030-01-31T12:00:00Z", reads=True),
    _F("absolute", "(x: T) -> T", reading.absolute, "a path, or each of a list, below the project's folder", world=True, hidden=True),
    _F("round_up", "(x: N) -> size", round_up, "the next whole number above", hidden=True),
)  # fmt: skip

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}
"""Functions by name. `hidden` rows are for the compiler, no names of the language."""

UNBUILT: dict[str, str] = {}
"""Functions of the language that are refused, and why."""

NAMES: frozenset[str] = frozenset(FUNCTIONS) | frozenset(OPERATORS)
"""Everything that `Apply.function` may be."""

assert not NAMES ^ (frozenset(FUNCTIONS) | frozenset(OPERATIONS)), "each operator has an operation"


def visible_functions() -> tuple[str, ...]:
    """The names that a program may use."""
    return tuple(name for name, row in FUNCTIONS.items() if not row.hidden)
