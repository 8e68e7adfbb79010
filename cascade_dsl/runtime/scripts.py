"""A `sh` body and its values to the text that a shell is given, and the command line that gives it.

Values are variables that a prelude sets; it stands before the body on the body's own first line, so that the line numbers
in the shell's messages are those of the body, and holds no newline itself. In the script stand references alone, chosen
for what is around them. bash has arrays for lists; another sh gets a variable for each item.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from shlex import quote, split
from typing import Any, NamedTuple

from ..ir.graph import ShellBody, ShellPlace
from ..values.typing import show
from .refusals import CannotStart, no_nul

ARGUMENT_BYTES = 100_000
"""A longer script travels in a file: one argument may not be longer than 128 KiB."""
_BASH = ("bash", "rbash")
_MANY_LINES = 100
"""A value of more lines is written as a format of `printf` for another sh than bash."""
_DASH = "\\055"
_SHOWN_VALUE = 160
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")
_ESCAPED = re.compile(rb"[\x01-\x1f'\\\x7f-\xff]")


class Shell(NamedTuple):
    """The program that reads the scripts, with its options."""

    words: tuple[str, ...]
    is_bash: bool
    exports: bool
    """Its options export every variable that is set."""


def default_shell(bash: str | None) -> Shell:
    """What reads a script whose task does not choose: bash, or sh where there is none."""
    if bash is not None:
        return Shell((bash, "-euo", "pipefail"), True, False)
    return Shell(("/bin/sh", "-eu"), False, False)


@lru_cache(maxsize=256)
def chosen_shell(text: str) -> Shell:
    """The words of a `shell "…"` clause."""
    words: list[str] = split(text)
    program = words[1] if words[0].endswith("env") and len(words) > 1 else words[0]
    exports = "allexport" in words or any(re.match(r"-[A-Za-z]*a", w) for w in words[1:])
    return Shell(tuple(words), program.rsplit("/", 1)[-1] in _BASH, exports)


def render(body: ShellBody, shell: Shell, values: Sequence[Any], environ: Mapping[str, str]) -> bytes:
    """The script as the shell reads it; `values` are those of `body.values`. Raises CannotStart for what no shell can hold."""
    if body.only_bash and not shell.is_bash:
        raise CannotStart(f"its script wants bash, which is not there: {body.only_bash}")
    settings = _settings(body, values, shell)
    out: list[str] = []
    if settings:
        if shell.exports or "allexport" in environ.get("SHELLOPTS", ""):
            settings = ["set +a", *settings, "set -a"]
        out += ["; ".join(settings), "; "]
    for part in body.parts:
        out.append(part if isinstance(part, str) else reference(body, part, values[part.value], shell))
    return _encoded("".join(out))


def readable(body: ShellBody, values: Sequence[Any]) -> str:
    """The script for people: in place of the references their values, quoted where they are words, cut where they are long.

    Its lines are those of the body. No shell is to read it.
    """
    return "".join(p if isinstance(p, str) else _shown(p, values[p.value]) for p in body.parts)


def _shown(place: ShellPlace, value: Any) -> str:
    texts = [_cut(show(item)) for item in value] if isinstance(value, list) else [_cut(show(value))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    text = " ".join(quote(t) for t in texts) if place.where == "word" else " ".join(texts)
    return text.replace("\n", "\\n")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_VALUE else text[: _SHOWN_VALUE - 1] + "…"


def command_line(script: bytes, shell: Shell, write: Callable[[bytes], Path]) -> tuple[str, ...]:
    """The words that start the shell on a script; a long one is written to a file.

    So is one for a shell that exports all variables: bash has the text after `-c` in one.
    """
    if len(script) <= ARGUMENT_BYTES and not shell.exports:
        return (*shell.words, "-c", os.fsdecode(script))
    return (*shell.words, str(write(script)))


# ---- references -------------------------------------------------------------------------------------------------


def reference(body: ShellBody, place: ShellPlace, value: Any, shell: Shell) -> str:
    """What stands in the script for one place."""
    spec = body.values[place.value]
    name = spec.variable
    match place.where:
        case "raw":
            return _text(value)
        case "word":
            return _words(name, value, shell) if spec.is_list else f'"${{{name}}}"'
        case "double" | "here":
            return f"${{{name}}}"
        case "single":
            return f"'\"${{{name}}}\"'"
        case "ansi":
            return f"'\"${{{name}}}\"$'"
        case "arith":
            _int(value)
            return f"(${{{name}}})"
        case "subscript":
            _int(value)
            return f"${{{name}}}"


def _words(name: str, items: Sequence[Any], shell: Shell) -> str:
    if not items:
        # Set and empty, so that this is no word at all, and still a word to the grammar.
        return f"${{{name}:+x}}"
    if shell.is_bash:
        return f'"${{{name}[@]}}"'
    return " ".join(f'"${{{name}_{number}}}"' for number in range(len(items)))


def _int(value: Any) -> None:
    if type(value) is not int:
        raise CannotStart(f"a value that stands in arithmetic is no whole number: {show(value)[:80]}")


# ---- the prelude ------------------------------------------------------------------------------------------------


def _settings(body: ShellBody, values: Sequence[Any], shell: Shell) -> list[str]:
    """The commands that set the variables of all values that the script refers to."""
    used = sorted({p.value for p in body.parts if isinstance(p, ShellPlace) and p.where != "raw"})
    if not used:
        return []
    newline = f"{body.values[0].variable}_nl"
    out: list[str] = []
    for number in used:
        spec, value = body.values[number], values[number]
        if not spec.is_list:
            out += _assigned(spec.variable, _text(value), shell, newline)
            continue
        items = _items(value)
        if not items:
            out.append(f"{spec.variable}=")
        elif shell.is_bash:
            out.append(f"{spec.variable}=({' '.join(_bash_word(_text(item)) for item in items)})")
        else:
            for place, item in enumerate(items):
                out += _assigned(f"{spec.variable}_{place}", _text(item), shell, newline)
    if any(newline in command for command in out):
        out.insert(0, f"{newline}=${{IFS#??}}")  # of blank, tab and newline, which every sh begins with
    return out


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise CannotStart("a value that stands for words is no list")
    return value  # pyright: ignore[reportUnknownVariableType]


def _assigned(name: str, text: str, shell: Shell, newline: str) -> list[str]:
    """Commands that give a variable a text; they stand on one line."""
    if shell.is_bash:
        return [f"{name}={_bash_word(text)}"]
    lines = text.split("\n")
    if len(lines) <= _MANY_LINES:
        return [f"{name}=" + f'"${{{newline}}}"'.join(map(_single, lines))]
    # A substitution drops newlines at its end: a letter keeps them, and goes again.
    form = _escaped(text).replace("%", "%%")
    return [f"{name}=$(printf '{form.replace('-', _DASH, 1) if form[0] == '-' else form}x')", f"{name}=${{{name}%x}}"]


def _bash_word(text: str) -> str:
    return f"$'{_escaped(text)}'" if _CONTROL.search(text) else _single(text)


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _text(value: Any) -> str:
    return no_nul("a value", show(value))


def _escaped(text: str) -> str:
    """All that is not plain ASCII as octal numbers."""
    return _ESCAPED.sub(lambda m: b"\\%03o" % m[0][0], _encoded(text)).decode("ascii")


def _encoded(text: str) -> bytes:
    """Names of files that are no UTF-8 come as they were; the locale does not matter."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise CannotStart("a value holds half of a surrogate pair, which is no text") from None
