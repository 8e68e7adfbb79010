"""The places of a script at which a `{{ }}` stands, and the reasons for which one may not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ...ir.graph import Where

MARK = "\0"
"""Stands in the scanned text for each `{{ }}`; a script cannot hold it itself."""

Dialect = Literal["bash", "posix"]
"""`posix`: what every sh reads alike; what only bash has is refused."""

Stands = Where | Literal["comment"]
"""Where a place is; what stands in a comment is no part of the script that runs."""

Lists = Literal["words", "joined", "refused"]
"""What a list becomes: a word for each item, its items joined by a space, or an error."""


class Place:
    """One place. Sound where `refused` is empty."""

    __slots__ = ("in_arithmetic", "index", "interpreter", "ints", "lists", "offset", "refused", "where")

    def __init__(self, index: int, offset: int, where: Stands, refused: str, in_arithmetic: bool) -> None:
        self.index = index
        self.offset = offset
        self.where: Stands = where
        self.refused = refused
        """A key of REASONS."""
        self.ints = ""
        """Where only a whole number is sound, and why; a key of REASONS."""
        self.lists: Lists = "words" if where == "word" else "joined"
        self.interpreter = ""
        """The second interpreter that reads the word in which it stands."""
        self.in_arithmetic = in_arithmetic
        """It stands in a substitution whose output the shell evaluates."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Where the scanner could not follow a script, and what would mend it."""

    why: str
    offset: int
    mend: str = ""


class LostError(Exception):
    """The scanner could not follow."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.why)
        self.lost = lost


def lost(why: str, offset: int, mend: str = "") -> LostError:
    """What is raised where the scanner cannot follow."""
    return LostError(Lost(why, offset, mend))


@dataclass(slots=True)
class Scan:
    """What is known of a script."""

    places: list[Place]
    lost: Lost | None = None
    writes: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Redirections into files whose relative path stands in the script: where, and the path."""
    assigned: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Variables that are given values, and the places of these; `f 1` is the first argument of the function f."""
    counted: set[str] = field(default_factory=set[str])
    """Variables that the script reads in arithmetic."""
    named: set[str] = field(default_factory=set[str])
    """Variables whose values the script reads as names of variables."""
    executed: dict[str, str] = field(default_factory=dict[str, str])
    """Variables whose values the script reads as code, and what does so."""


ASSIGN = 'give it to a variable on a line of its own, `x={x}`, and use `"$x"` here'
ASSIGN_BARE = "give it to a variable on a line of its own, `x={x}`, and use `$x` here"
SUBSTITUTE = "write `$( … )` there in place of backquotes"

REASONS: dict[str, tuple[str, str]] = {
    "backquotes": ("inside backquotes", SUBSTITUTE),
    "braces": ("inside ${ }", ASSIGN_BARE),
    "sequence": ("in a sequence `{a..b}`, which the shell unfolds before it sees the value", "write `$(seq 1 {x})`"),
    "dollar": ("after `$`", "for a dollar sign write `\\$` before it"),
    "backslash": ("after a backslash", 'leave the backslash out, or quote it: `"\\\\"`'),
    "quoted-here": (
        "in a here-document whose end word is quoted",
        "write the end word without quotes, and `\\$` for each `$` that is to stay",
    ),
    "end-word": ("as the end word of a here-document", "choose a word that stands in the script"),
    "case-pattern": ("in a pattern of `case`", 'compare with `[ {x} = "…" ]`'),
    "regex": ("in the pattern of `=~`", "compare with `==`, or use `matches(…)` before the script"),
    "pattern": ("inside a pattern `@( )`", ASSIGN),
    "ansi": ("inside $'…', which not every sh knows", "write \"…\" there in place of $'…'"),
    "tilde": ("after `~`", "write `$HOME/` in place of `~`"),
    "arithmetic-name": ("joined to a name or a number in arithmetic", "put an operator between them"),
    "arithmetic-quotes": ("inside quotes in arithmetic", "leave the quotes out"),
    "subscript-part": ("as a part of a subscript", "give the whole subscript to a variable, `i=…`, and use `$i` here"),
    "variable-name": ("as the name of a variable", "the name of a variable stands in the script"),
    "for-name": ("as the name of a variable of `for`", "the name of a variable stands in the script"),
    "function-name": ("as the name of a function", "the name of a function stands in the script"),
    "declared-name": ("as the name of a variable that is declared", "write the name, and the value after `=`"),
    "declared-array": (
        "as the value of an array that is declared: the shell runs what stands in it",
        "write `x=( {x} )`",
    ),
    "reference": ("as the value of a `declare -n`, which is a name", "the name of a variable stands in the script"),
    "read-name": (
        "as an argument of `read`, `unset` and the like, which take names of variables",
        "the name of a variable stands in the script",
    ),
    "option": ("where `set` may take it for an option", "write `set -- {x}`"),
    "shopt": ("as an argument of `shopt`, which changes how the script is read", "write the option in the script"),
    "format": ("where `printf` may take it for an option", "write `printf '%s' {x}`"),
    "format-part": (
        "in the format of `printf` before other values: `%n` in it sets the variable that they name",
        "write `%s` there, and {x} behind the format",
    ),
    "let": ("as an argument of `let`", "write `x=$(( … ))`"),
    "trap": (
        "as an argument of `trap`, which runs it later",
        "give it to a variable, `x={x}`, and write `trap '… \"$x\"' …`",
    ),
    "alias": ("as an argument of `alias`, which is code", "write a function"),
    "complete": ("as an argument of `complete` and the like, which run what stands in it", ""),
    "test-operator": (
        "where `[ ]` may take it for an operator",
        'write `[ -n {x} ]`, or `[ {x} = "…" ]`',
    ),
    "shell-variable": (
        "as the value of a variable that the shell runs",
        "this variable holds code: write it in the script",
    ),
    "arithmetic": ("in arithmetic", ""),
    "subscript": ("in a subscript", ""),
    "test-variable": ("after `-v`", ""),
    "integer": ("as the value of a variable that the shell evaluates", ""),
    "job": ("as an argument of `wait`", ""),
    "descriptor": ("as the number of a descriptor", ""),
    "bracket": ("inside `[ ]` of a word", ""),
}
"""Why a value may not stand somewhere: what follows `a value cannot stand`, and a mend in which `{x}` is the place."""
