"""`cascade.toml`, the configuration of a project: the folder of the file that is run. Read and checked; nothing is run by a wrong one.

    limits = ["task:fetch 3", "api 10/s burst 20 hard"]

    [cache]
    max_size = "50GB"

A sentence is read by whoever knows syntax; `placed` moves what is wrong with it to where it stands in the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError, Diagnostic, Label, Source, Span, fail
from ..base.quantity import parse_size
from ..base.suggest import nearest
from ..ir.graph import Graph
from ..ir.requirement import Identity, Limit, Scope
from ..ir.scopes import scopes_of

NAME = "cascade.toml"
SIZE_MAX = 1_000_000
"""So many bytes are enough for a configuration."""
_MACHINE = ("cpu", "mem", "gpu")
_KEYS: Mapping[str, tuple[str, ...]] = {"": ("limits", "cache"), "cache": ("max_size",)}
"""Table → what may stand in it; the whole file is the table without a name."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A limit of the configuration, as it is written."""

    text: str
    span: Span
    """Where the text stands; of one with escapes, or over several lines, where its string stands."""
    is_plain: bool
    """Each character of the text stands there as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A limit of the configuration, read for a program."""

    limit: Limit
    text: str
    label: Label
    applies: bool
    """Its scope matches something of the program; other programs of the project may have what this one has not."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a project says for all its runs."""

    source: Source
    limits: tuple[Sentence, ...] = ()
    cache_max_bytes: int | None = None


def read_configuration(folder: Path) -> Configuration:
    """The configuration of a project, an empty one where there is none; CascadeError where it is wrong."""
    return configuration_of(text_of(folder))


def text_of(folder: Path) -> str | None:
    """What stands in the file; None where there is none."""
    try:
        data = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fail(
            "CSC580", f"`{NAME}` cannot be read: {error.strerror}", help="make it a file that can be read, or remove it"
        ) from None
    if len(data) > SIZE_MAX:
        raise fail("CSC580", f"`{NAME}` is longer than {SIZE_MAX // 1_000_000} MB", help="it holds a few lines")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise fail(
            "CSC580", f"`{NAME}` is not UTF-8, at byte {error.start}", help="save it as UTF-8, as TOML asks"
        ) from None


def configuration_of(text: str | None) -> Configuration:
    """The configuration that a text says; CascadeError with all that is wrong in it."""
    source = Source(NAME, text or "")
    if text is None:
        return Configuration(source)
    try:
        # TOML ends lines with \n or \r\n; places are counted in the text as it is
        data = tomllib.loads(text)
    except ValueError as error:  # also a number of thousands of digits
        raise CascadeError(_unreadable(source, str(error))) from None
    except RecursionError:
        raise fail("CSC581", f"`{NAME}` is nested too deeply", help="it holds a few lines") from None
    found: list[Diagnostic] = []
    for table, known in _KEYS.items():
        part: Any = data if not table else data.get(table, {})
        if not isinstance(part, dict):
            continue
        for key in part:  # pyright: ignore[reportUnknownVariableType]
            if key not in known:
                found.append(_unknown(source, table, str(key), known))  # pyright: ignore[reportUnknownArgumentType]
    limits = _limits(source, data, found)
    most = _cache_max(source, data, found)
    if found:
        raise CascadeError(sorted(found, key=lambda d: (d.primary.line, d.primary.column) if d.primary else (0, 0)))
    return Configuration(source, limits, most)


def _unreadable(source: Source, said: str) -> Diagnostic:
    message, _, place = said.partition(" (at ")
    found = re.search(r"line (\d+), column (\d+)", place)
    if found is not None:
        lines = source.text.split("\n")
        row, column = int(found[1]) - 1, int(found[2]) - 1
        start = sum(len(line) + 1 for line in lines[:row]) + column
    else:
        start = len(source.text.rstrip())
    start = min(start, len(source.text))
    message = message[:1].lower() + message[1:]
    return Diagnostic(
        code="CSC581",
        message=f"`{NAME}` is no TOML: {message}",
        primary=source.label(Span(start, min(start + 1, max(start, len(source.text))))),
        help='it holds lines such as `limits = ["task:fetch 3"]`',
    )


def _unknown(source: Source, table: str, key: str, known: tuple[str, ...]) -> Diagnostic:
    near = nearest(key, known)
    what = f"`{key}` in `[{table}]`" if table else f"`{key}`"
    return Diagnostic(
        code="CSC582",
        message=f"`{NAME}` knows no {what}",
        primary=source.label(_place_of(source.text, table, key)),
        help=f"did you mean `{near[0]}`?" if near else f"it knows {', '.join(f'`{name}`' for name in known)}",
    )


def _limits(source: Source, data: Mapping[str, Any], found: list[Diagnostic]) -> tuple[Sentence, ...]:
    given = data.get("limits", [])
    help = 'write a list of sentences: `limits = ["task:fetch 3"]`'
    if not isinstance(given, list):
        at = source.label(_place_of(source.text, "", "limits"))
        found.append(Diagnostic(code="CSC583", message="`limits` is a list of sentences", primary=at, help=help))
        return ()
    items: list[Any] = given  # pyright: ignore[reportUnknownVariableType]
    if not all(isinstance(item, str) for item in items):
        wrong = next(item for item in items if not isinstance(item, str))
        at = source.label(_place_of(source.text, "", "limits"))
        message = f"a limit is a sentence, `{wrong}` is none"
        found.append(Diagnostic(code="CSC583", message=message, primary=at, help=help))
        return ()
    places = _strings_of(source.text, _place_of(source.text, "", "limits").end)
    out: list[Sentence] = []
    for text, place in zip(items, places, strict=False):
        stands = source.text[place.start : place.end]
        lead = len(text) - len(text.lstrip())
        is_plain = stands == text and "\n" not in stands
        out.append(Sentence(text, Span(place.start + lead, place.end) if is_plain else place, is_plain))
    return tuple(out)


def _cache_max(source: Source, data: Mapping[str, Any], found: list[Diagnostic]) -> int | None:
    cache = data.get("cache", {})
    if not isinstance(cache, dict):
        at = source.label(_place_of(source.text, "", "cache"))
        help = 'write `[cache]`, and under it `max_size = "50GB"`'
        found.append(Diagnostic(code="CSC583", message="`cache` is a table", primary=at, help=help))
        return None
    given: Any = cache.get("max_size")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if given is None:
        return None
    most = parse_size(given) if isinstance(given, str) else None
    if most is None:
        shown = f'"{given}"' if isinstance(given, str) else str(given)  # pyright: ignore[reportUnknownArgumentType]
        at = source.label(_place_of(source.text, "cache", "max_size"))
        help = 'write it as "50GB", "500MB" or "64MiB"'
        found.append(Diagnostic(code="CSC583", message=f"`max_size` is a size, not `{shown}`", primary=at, help=help))
    return most


def placed(error: CascadeError, sentence: Sentence, source: Source) -> CascadeError:
    """What is wrong with a sentence, at its place in the configuration."""
    return CascadeError([_placed(diagnostic, sentence, source) for diagnostic in error.diagnostics])


def _placed(diagnostic: Diagnostic, sentence: Sentence, source: Source) -> Diagnostic:
    span = sentence.span
    at = diagnostic.primary
    if at is not None and sentence.is_plain:
        start = span.start + at.column - 1
        span = Span(min(start, span.end), min(start + max(1, at.end_column - at.column), max(span.end, start)))
    return replace(diagnostic, primary=source.label(span, "" if at is None else at.message), secondary=())


def limits_of(
    configuration: Configuration, parse: Callable[[str], Limit], graph: Graph | None = None
) -> tuple[Configured, ...]:
    """The limits of a configuration as `parse` reads them; CascadeError with all that is wrong, each at its place."""
    source = configuration.source
    found: list[Diagnostic] = []
    out: list[Configured] = []
    first: dict[Identity, Sentence] = {}
    for sentence in configuration.limits:
        try:
            limit = parse(sentence.text)
        except CascadeError as error:
            found += placed(error, sentence, source).diagnostics
            continue
        if limit.is_plain and limit.amount is not None:
            before = first.setdefault(limit.identity, sentence)
            if before is not sentence:
                found.append(
                    Diagnostic(
                        code="CSC584",
                        message=f"`{limit.scope}` has two limits of one kind",
                        primary=source.label(sentence.span),
                        secondary=(source.label(before.span, "first here"),),
                        help="keep one of the two",
                    )
                )
        applies = graph is None or is_in(limit.scope, graph)
        out.append(Configured(limit=limit, text=sentence.text, label=source.label(sentence.span), applies=applies))
    if found:
        raise CascadeError(found)
    return tuple(out)


def is_in(scope: Scope, graph: Graph) -> bool:
    """Whether the scope names something of the program; what a machine has is in every program."""
    if scope.kind == "global" or scope.pattern in _MACHINE:
        return True
    if scope.kind == "resource":
        return any(resource.name == scope.pattern for resource in graph.resources)
    prefix = f"{scope.kind}:"
    names = [name.removeprefix(prefix) for name in scopes_of(graph) if name.startswith(prefix)]
    return any(fnmatchcase(name, scope.pattern) for name in names)


# ---- places ---------------------------------------------------------------------------------------------------------


_BARE = r"[A-Za-z0-9_-]+"
_PART = rf"(?:{_BARE}|\"[^\"\n]*\"|'[^'\n]*')"
_LINE = re.compile(
    rf"[ \t]*(?:\[\[?[ \t]*(?P<table>{_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*\]|(?P<key>{_PART})[ \t]*[.=])"
)


def _place_of(text: str, table: str, key: str) -> Span:
    """Where a key of a valid file stands; the first line where that is not found."""
    there, at = "", 0
    while at < len(text):
        found = _LINE.match(text, at)
        if found is not None and found["table"] is not None:
            there = _bare(found["table"])
            if not table and there.split(".")[0] == key:
                return Span(*found.span("table"))
        elif found is not None and _bare(found["key"]) == key and there == table:
            return Span(*found.span("key"))
        elif found is not None and not there and _bare(found["key"]) == table:
            inner = re.compile(rf"\b{re.escape(key)}\b").search(text, found.end())
            if inner is not None:
                return Span(*inner.span())
        at = _end_of_line(text, at)
    return Span(0, text.find("\n") if "\n" in text else len(text))


def _bare(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


def _end_of_line(text: str, at: int) -> int:
    """Past the end of the line, or of the strings and lists that go on after it."""
    depth = 0
    while at < len(text):
        sign = text[at]
        if sign in "\"'":
            at = _end_of_string(text, at)[1]
            continue
        if sign == "#":
            at = text.find("\n", at)
            if at < 0:
                return len(text)
            continue
        depth += (sign in "[{") - (sign in "]}")
        at += 1
        if sign == "\n" and depth <= 0:
            return at
    return at


def _strings_of(text: str, at: int) -> Iterable[Span]:
    """The strings of the list that follows, without their quotes."""
    at = text.index("[", at) + 1
    while text[at] != "]":
        if text[at] in "\"'":
            inner, at = _end_of_string(text, at)
            yield inner
        elif text[at] == "#":
            at = text.index("\n", at)
        else:
            at += 1


def _end_of_string(text: str, at: int) -> tuple[Span, int]:
    """What a string that begins here holds, and where it is over."""
    quote = text[at]
    close = quote * 3 if text.startswith(quote * 3, at) else quote
    start = end = at + len(close)
    while end < len(text) and not text.startswith(close, end):
        end += 2 if quote == '"' and text[end] == "\\" else 1
    while len(close) == 3 and text.startswith(quote, end + 3):  # up to two quotes may stand before the three
        end += 1
    return Span(start, min(end, len(text))), min(end + len(close), len(text))
