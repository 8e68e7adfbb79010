"""Why a call runs or does not, as data: two recipes compared part by part, and what became of an earlier result.

Pure: it reads no disk. `compare` tells what differs between the recipe of the nearest earlier result and that of now; what
else there is to say (no result, an output that is gone, a policy) are reasons that the one who looks makes itself.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from .recipes import Part, PartKind, Recipe

INTERPRETER = "python"
"""The name of the part `code` that says which python runs bodies."""
_BODY_LINES_MOST = 5_000
"""Texts of more lines are not compared line by line."""


@dataclass(frozen=True, slots=True)
class NeverRan:
    """There is no earlier result of the node."""


@dataclass(frozen=True, slots=True)
class NoOutputs:
    """A task without outputs has nothing that could be kept."""


@dataclass(frozen=True, slots=True)
class CacheOff:
    """`cache off` stands in the task or the call."""


@dataclass(frozen=True, slots=True)
class Forced:
    """`--force` asks for it."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The result is older than `cache TIME` allows."""

    age_s: float
    limit_s: float


@dataclass(frozen=True, slots=True)
class OutputLost:
    """An output of the earlier result does not stand at its path as it was made."""

    path: str
    how: Literal["removed", "changed"]


@dataclass(frozen=True, slots=True)
class LeftOver:
    """An older result would do, but a file stands that the node's newest one published and this one has not."""

    path: str


@dataclass(frozen=True, slots=True)
class NeededAgain:
    """Its result stands but for a temporary output, which what runs wants to read."""


@dataclass(frozen=True, slots=True)
class ValueLost:
    """The cache no longer has the value of the earlier result, or it is damaged."""


@dataclass(frozen=True, slots=True)
class LineChange:
    """Lines of a text that differ: `first` to `last` of the text of now, from 1; of lines that went, where they stood."""

    how: Literal["changed", "added", "removed"]
    first: int
    last: int
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BodyChanged:
    """The text that would run; no `lines` where the texts are not known."""

    lines: tuple[LineChange, ...]


@dataclass(frozen=True, slots=True)
class CodeChanged:
    """A function or module of the project; `inside`: those of its definitions that differ, as far as that is known."""

    name: str
    how: Literal["changed", "new", "gone"]
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InterpreterChanged:
    """What runs python bodies, None where none was needed."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ResultOf:
    """Why it does not run: an earlier result stands. `node` is the one that it was made for, where that is another."""

    run: str
    t_ns: int
    node: str = ""


@dataclass(frozen=True, slots=True)
class NoRecipe:
    """It cannot be said what the result would be made from, so that none is kept."""

    message: str


@dataclass(frozen=True, slots=True)
class Unexplained:
    """The nearest earlier result does not say what it was made from."""

    run: str


@dataclass(frozen=True, slots=True)
class ValueChanged:
    """A value by its JSON text, None where it was not there; empty where it is not told."""

    kind: Literal["param", "value", "env", "by", "input", "task"]
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class FileChanged:
    """The content of a file or folder in a value: its sizes in bytes, None where it is not there or not known."""

    kind: Literal["input", "param", "value"]
    name: str
    path: str
    """Empty where it is the only one of that value."""
    how: Literal["changed", "new", "gone"]
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """The same parts in another order."""

    kind: PartKind


@dataclass(frozen=True, slots=True)
class Awaits:
    """What it uses, or comes after, runs first: what that gives is not known yet."""

    node: str
    by: Literal["value", "after"] = "value"


@dataclass(frozen=True, slots=True)
class Fails:
    """It cannot run as things stand."""

    message: str


@dataclass(frozen=True, slots=True)
class SkippedBy:
    """What it uses cannot be had."""

    node: str


Reason: TypeAlias = (
    NeverRan
    | NoOutputs
    | CacheOff
    | Forced
    | Expired
    | OutputLost
    | LeftOver
    | ValueLost
    | NeededAgain
    | BodyChanged
    | CodeChanged
    | InterpreterChanged
    | ResultOf
    | NoRecipe
    | Unexplained
    | ValueChanged
    | FileChanged
    | OrderChanged
    | Awaits
    | Fails
    | SkippedBy
)


def compare(before: Recipe, now: Recipe, params: Collection[str] = ()) -> tuple[Reason, ...]:
    """What differs, in the order of the parts of now; none where the recipes are the same.

    `params`: which of the values that a body uses are params of the program; the others are constants.
    """
    if before.digest == now.digest:
        return ()
    sides = _Sides(_by_name(before.parts), _by_name(now.parts), frozenset(params))
    found: list[Reason] = []
    for at, part in sides.now.items():
        was = sides.before.get(at)
        if was is None or was.digest != part.digest:
            found += sides.reason(was, part)
    for at, part in sides.before.items():
        if at not in sides.now:
            found += sides.reason(part, None)
    if not found:
        kinds: list[PartKind] = [a.kind for a, b in zip(now.parts, before.parts, strict=False) if a != b]
        found.append(OrderChanged(kinds[0] if kinds else "task"))
    return tuple(found)


_At: TypeAlias = tuple[PartKind, str, int]


def _by_name(parts: Sequence[Part]) -> dict[_At, Part]:
    """Parts by kind, name and, of equal ones, number."""
    found: dict[_At, Part] = {}
    for part in parts:
        number = 0
        while (part.kind, part.name, number) in found:
            number += 1
        found[part.kind, part.name, number] = part
    return found


@dataclass(frozen=True, slots=True)
class _Sides:
    """The parts of two recipes, by what each is of."""

    before: dict[_At, Part]
    now: dict[_At, Part]
    params: frozenset[str]

    def reason(self, was: Part | None, part: Part | None) -> list[Reason]:
        one = part if part is not None else was
        assert one is not None
        how: Literal["changed", "new", "gone"] = "gone" if part is None else "new" if was is None else "changed"
        before = None if was is None else was.shown
        after = None if part is None else part.shown
        match one.kind:
            case "body":
                return [BodyChanged(tuple(line_changes(before, after)) if before and after else ())]
            case "code" if one.name == INTERPRETER:
                return [InterpreterChanged(before, after)]
            case "code":
                inside = tuple(definitions_changed(before, after)) if before and after else ()
                return [CodeChanged(one.name, how, inside)]
            case "file":
                return self._file(one.name, how, _size(before), _size(after))
            case "value":
                return [ValueChanged(self._word(one.name), one.name, before, after)]
            case "env" | "by" | "input" | "task":
                return [ValueChanged(one.kind, one.name, before, after)]

    def _word(self, name: str) -> Literal["param", "value"]:
        return "param" if name in self.params else "value"

    def _file(
        self, name: str, how: Literal["changed", "new", "gone"], before: int | None, after: int | None
    ) -> list[Reason]:
        """A file that comes or goes with the value that holds it needs no word of its own."""
        head, _, path = name.partition(":")
        is_input = ("input", head, 0) in self.now or ("input", head, 0) in self.before
        at: _At = ("input" if is_input else "value", head, 0)
        was, part = self.before.get(at), self.now.get(at)
        if how != "changed" and (was is None or part is None or was.digest != part.digest):
            return []
        alone = part is not None and part.shown.startswith('"')
        kind = "input" if is_input else self._word(head)
        return [FileChanged(kind, head, "" if alone else path, how, before, after)]


def _size(shown: str | None) -> int | None:
    return int(shown) if shown is not None and shown.isascii() and shown.isdigit() else None


# ---- texts ------------------------------------------------------------------------------------------------------


def line_changes(before: str, after: str) -> Iterator[LineChange]:
    """The lines in which two texts differ, in order; nothing where they are too long to be compared."""
    old, new = before.split("\n"), after.split("\n")
    if max(len(old), len(new)) > _BODY_LINES_MOST:
        return
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        lines = tuple(old[a:b]), tuple(new[c:d])
        match tag:
            case "replace":
                yield LineChange("changed", c + 1, d, *lines)
            case "insert":
                yield LineChange("added", c + 1, d, *lines)
            case "delete":
                yield LineChange("removed", a + 1, b, *lines)
            case _:
                pass


def definitions_changed(before: str, after: str) -> Iterator[str]:
    """The names at the top of two python sources that are not defined alike, comments and layout left aside."""
    try:
        old, new = _definitions(before), _definitions(after)
    except (SyntaxError, ValueError, RecursionError):
        return
    yield from (name for name in (*new, *(n for n in old if n not in new)) if old.get(name) != new.get(name))


def _definitions(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in ast.parse(text).body:
        match each:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Assign(targets=targets):
                names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
                names = [name]
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names = [a.asname or a.name for a in aliases]
            case _:
                names = []
        shape = ast.dump(each)
        for name in names:
            found[name] = found.get(name, "") + shape
    return found
