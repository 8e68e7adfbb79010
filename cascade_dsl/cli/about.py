"""The help of one program: what `cascade run FILE --help` says, from its params, doc comments, secrets, outputs, tasks and limits."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from ..base.quantity import duration_ns, parse_size, show_duration, show_size
from ..ir.expr import Expr, Lit
from ..ir.graph import Call, Graph, Json, Output, Param, TaskDef, walk
from ..ir.notation import expr_text, literal_text
from ..ir.requirement import Dimension, Limit
from ..ir.sentences import limit_text
from ..ir.types import (
    BOOL,
    DURATION,
    SIZE,
    ChoiceType,
    DictType,
    ListType,
    NeverType,
    OptionalType,
    RecordType,
    Scalar,
    TupleType,
    Type,
    in_full,
)
from .options import RUN

_TERM = 30
"""A term that is wider stands on a line of its own."""
_KEPT = "\x00"
"""A blank at which no line ends."""
_TAKEN = frozenset({"--help", *(option.name for option in RUN.options)})


def option_of(name: str) -> str:
    """How a param is given on a command line, without its value."""
    dashed = f"--{name.replace('_', '-')}"
    return f"--param {name}=" if dashed in _TAKEN else dashed


def typed(name: str) -> str:
    """How a param is given, with what stands for its value."""
    option = option_of(name)
    return f"{option}VALUE" if option.endswith("=") else f"{option} VALUE"


def program_help(graph: Graph, file: str, *, width: int = 100, bold: bool = False) -> str:
    """The whole help of a program, ending in a newline."""
    return "\n".join(_Page(graph, file, width, bold).lines()) + "\n"


class _Page:
    def __init__(self, graph: Graph, file: str, width: int, bold: bool) -> None:
        self.graph = graph
        self.file = file
        self.width = max(width, 40)
        self.bold = bold
        self.names = {node.id: node.name for node in graph.nodes}
        params = [node for node in graph.nodes if isinstance(node, Param)]
        self.params = sorted(params, key=lambda param: not _is_required(param))  # the order of the file otherwise

    def lines(self) -> Iterator[str]:
        yield from self.usage()
        for paragraph in self.graph.doc.strip().split("\n\n") if self.graph.doc.strip() else ():
            yield ""
            yield from textwrap.wrap(" ".join(paragraph.split()), self.width)
        rows = [(self.term(param), self.about(param)) for param in self.params]
        yield from self.section("Params", rows)
        yield from self.how_to_give()
        yield from self.section("Secrets", [(name, self.given_to(name)) for name in self.graph.secrets])
        outputs = [node for node in self.graph.nodes if isinstance(node, Output)]
        yield from self.section("Outputs", [(node.name, [_typed(node)]) for node in outputs])
        yield from self.section("Tasks", [(_signature(task), _first(task.doc)) for task in self.graph.tasks])
        yield from self.section("Limits", [(self.limit(limit), _because(limit)) for limit in self.graph.limits])
        yield ""
        yield from textwrap.wrap(
            "A TARGET is the name of a binding, an output or a task: only what it needs is run. "
            "`cascade run --help` lists the options, such as -j N, --limit SENTENCE and --dry-run.",
            self.width,
            break_on_hyphens=False,
        )

    def given_to(self, secret: str) -> list[str]:
        """Who gets a secret, and from where it comes."""
        tasks = {task.name for task in self.graph.tasks if any(name == secret for _, name in task.clauses.secrets)}
        for node in walk(self.graph.nodes):
            if isinstance(node, Call) and node.clauses is not None and secret in dict(node.clauses.secrets).values():
                tasks.add(node.task)
        told = f"given to {', '.join(sorted(tasks))}; " if tasks else ""
        return [f"{told}from the environment, or `.env` beside the program"]

    def usage(self) -> Iterator[str]:
        given: list[str] = []
        for param in self.params:
            if _is_required(param):
                given.append(self.term(param))
        rest = "[--PARAM VALUE]…" if len(self.params) > len(given) else ""
        words = ["cascade run", self.file, *given, *([rest] if rest else []), "[OPTION]…", "[TARGET]…"]
        yield from textwrap.wrap(
            f"{self.head('Usage:')} " + " ".join(words), self.width + (8 if self.bold else 0), subsequent_indent=" " * 7,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip

    def head(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.bold else text

    def section(self, title: str, rows: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
        """A heading and terms with what is said of them, which begins where the longest short term ends."""
        rows = list(rows)
        if not rows:
            return
        column = max((len(term) for term, _ in rows if len(term) <= _TERM), default=_TERM) + 4
        yield ""
        yield self.head(title)
        for term, about in rows:
            lines = (line for text in about for line in textwrap.wrap(text, max(self.width - column, 20)))
            told = [line.replace(_KEPT, " ") for line in lines]
            if not told:
                yield f"  {term}"
            elif len(term) > column - 4:
                yield f"  {term}"
                yield from (" " * column + line for line in told)
            else:
                yield f"  {term}".ljust(column) + told[0]
                yield from (" " * column + line for line in told[1:])

    # ---- params ----

    def term(self, param: Param) -> str:
        option, kind = option_of(param.name), _metavar(param.type)
        if option.endswith("="):
            return option + kind
        return option if param.type in (BOOL, OptionalType(BOOL)) else f"{option} {kind}"

    def about(self, param: Param) -> list[str]:
        told = " ".join(param.doc.split())
        if _is_required(param):
            told += " [required]"
        elif param.default is not None and param.default != Lit(None):
            told += f" [default:{_KEPT}{_default(param.type, param.default, self.names)}]"
        return [told.lstrip()] if told else []

    def how_to_give(self) -> Iterator[str]:
        """How values are written that are more than a word, as far as this program has such params."""
        types = [_bare(param.type) for param in self.params]
        told: list[str] = []
        lists = [p for p in self.params if isinstance(_bare(p.type), ListType) and not _is_json(p.type)]
        if lists:
            option = option_of(lists[0].name)
            said = f"{option}A {option}B" if option.endswith("=") else f"{option} A {option} B"
            told.append(f"A list is given by repeating its option: {said}")
        flags = [p for p in self.params if _bare(p.type) == BOOL]
        if flags and not option_of(flags[0].name).endswith("="):
            told.append(f"A bool is switched off by {option_of(flags[0].name)}=false")
        shown = next((p for p in self.params if _is_json(p.type)), None)
        if shown is not None:
            option = option_of(shown.name)
            space = "" if option.endswith("=") else " "
            example = json.dumps(_example(shown.type), ensure_ascii=False)
            kept = f"{option}{space}'{example}'".replace(" ", _KEPT)
            told.append(f"JSON stands for {in_full(shown.type)}, such as {kept}")
        if DURATION in types or SIZE in types:
            told.append("Durations are written 250ms, 30s, 1h30m; sizes 512KB, 4GB, 64MiB")
        if self.params:
            told.append("--params FILE reads them from YAML, JSON or TOML; --param NAME=VALUE sets any of them")
        if told:
            yield ""
        for text in told:
            lines = textwrap.wrap(f"{text}.", self.width - 2, break_on_hyphens=False, break_long_words=False)
            yield from (f"  {line.replace(_KEPT, ' ')}" for line in lines)

    def limit(self, limit: Limit) -> str:
        """A limit as the file has it, but for its reason."""
        dimensions: dict[str, Dimension] = {resource.name: resource.dimension for resource in self.graph.resources}
        dimension: Dimension = (
            dimensions.get(limit.scope.pattern, "count") if limit.scope.kind == "resource" else "count"
        )

        def expr(part: Expr) -> str:
            return expr_text(part, lambda id: self.names.get(id, "?"))

        return limit_text(replace(limit, because=""), dimension, expr)


def _is_required(param: Param) -> bool:
    return param.default is None and not isinstance(param.type, OptionalType)


def _first(doc: str) -> list[str]:
    text = " ".join(doc.split())
    return [text] if text else []


def _because(limit: Limit) -> list[str]:
    return [f"because {limit.because}"] if limit.because else []


def _typed(node: Output) -> str:
    doc = " ".join(node.doc.split())
    return f"{_short(node.type)}, {doc}" if doc else _short(node.type)


def _signature(task: TaskDef) -> str:
    outputs = ", ".join(f"{o.name}: {_short(o.type)}" if task.record else _short(o.type) for o in task.outputs)
    shown = f"{task.name}({', '.join(one.name for one in task.inputs)})"
    return f"{shown} -> ({outputs})" if task.record else f"{shown} -> {outputs}" if outputs else shown


def _short(type_: Type) -> str:
    """A type without the fields of its records."""
    match type_:
        case RecordType():
            return "{…}"
        case ListType(item):
            return f"list[{_short(item)}]"
        case DictType(value):
            return f"dict[{_short(value)}]"
        case OptionalType(inner):
            return str(type_) if isinstance(inner, ChoiceType) else f"{_short(inner)}?"
        case Scalar() | ChoiceType() | NeverType() | TupleType():
            return str(type_)
        case _:
            assert_never(type_)


# ---- types ------------------------------------------------------------------------------------------------------


def _bare(type_: Type) -> Type:
    return type_.inner if isinstance(type_, OptionalType) else type_


def _is_json(type_: Type) -> bool:
    """Whether a param of this type is given as JSON."""
    match _bare(type_):
        case ListType(item):
            return not isinstance(item, Scalar | ChoiceType)
        case DictType() | RecordType():
            return True
        case _:
            return False


def _metavar(type_: Type) -> str:
    """What stands for a value: `INT`, `fast|safe`, `JSON`; a list that is given item by item has dots."""
    match _bare(type_):
        case ChoiceType(options):
            return "|".join(options)
        case Scalar(name):
            return name.upper()
        case ListType(item) if not _is_json(type_):
            return f"{_metavar(item)}…"
        case _:
            return "JSON"


def _example(type_: Type) -> Json:
    """A small value of a type."""
    match type_:
        case OptionalType(inner):
            return _example(inner)
        case ListType(item):
            return [_example(item)]
        case DictType(value):
            return {"a": _example(value)}
        case RecordType(fields):
            return {name: _example(field) for name, field in fields}
        case ChoiceType(options):
            return options[0]
        case TupleType(items):
            return [_example(item) for item in items]
        case NeverType():
            return None
        case Scalar(name):
            return {"bool": True, "int": 3, "float": 0.5, "duration": 30, "size": 4_000_000_000, "none": None}.get(
                name, {"file": "a.txt", "dir": "data"}.get(name, "a")
            )


def _default(type_: Type, default: Expr, names: Mapping[int, str]) -> str:
    """A default as one would give it: a duration and a size with their units, text without quotes where it is plain."""
    if isinstance(default, Lit):
        bare, value = _bare(type_), default.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            if bare == DURATION:
                return show_duration(duration_ns(value))
            if bare == SIZE and isinstance(value, int):
                shown = show_size(value)
                return shown if parse_size(shown) == value else f"{value}B"
        if isinstance(value, str):
            return value if value and value.isprintable() and " " not in value else literal_text(value)
    return expr_text(default, lambda id: names.get(id, "?"))
