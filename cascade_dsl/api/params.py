"""Params of a run: from what was typed, or stands in a file, to checked values of every param.

A file that is given is relative to the folder where it was given; as a value it is relative to the project's folder
where it lies inside it, absolute elsewhere. Every fault is found before anything runs, all of them together.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..base.diagnostics import CascadeError, Diagnostic, fail
from ..base.suggest import did_you_mean
from ..ir.graph import Compute, Graph, Json, Param
from ..ir.types import BOOL, ChoiceType, DictType, ListType, OptionalType, RecordType, Scalar, Type
from ..values.evaluate import Env, evaluate
from ..values.faults import EvalError, ValueMismatch, told
from ..values.mismatches import example, mismatches
from ..values.typing import check_value, is_dict, is_list, parse_json, parse_text, strict_json


@dataclass(frozen=True, slots=True)
class ParamText:
    """What a command line gives for a param: the text of the option, and of each time that it stood there again."""

    text: str
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParamValue:
    """What a params file gives for a param; files in it are relative to `folder`."""

    value: Json
    folder: Path


def bind_params(
    graph: Graph,
    given: Mapping[str, ParamText | ParamValue],
    cwd: Path,
    project: Path | None = None,
    typed: Callable[[str], str] = lambda name: f"--{name} VALUE",
) -> dict[str, Json]:
    """A value for every param of the graph; CascadeError with all that is wrong.

    Files typed on the command line are relative to `cwd`; `project` is the folder of the program, `cwd` where None;
    `typed` is how a param is given on a command line.
    """
    project = cwd if project is None else project
    params = [node for node in graph.nodes if isinstance(node, Param)]
    known = {param.name for param in params}
    found: list[Diagnostic] = []
    for name in given:
        if name not in known:
            found.append(
                Diagnostic(
                    code="CSC500",
                    message=f"the program has no param `{name}`",
                    help=did_you_mean(name, known) or _list_of(known),
                )
            )
    values: dict[str, Json] = {}
    for param in params:
        one = given.get(param.name)
        if one is None:
            if param.default is None and not isinstance(param.type, OptionalType):
                found.append(
                    Diagnostic(
                        code="CSC501",
                        message=f"the param `{param.name}` ({param.type}) is not given",
                        help=f"give it with `{typed(param.name)}`" + (f": {param.doc}" if param.doc else ""),
                    )
                )
            continue
        try:
            value = _read(param.type, one)
        except ValueMismatch as error:
            found += _refused(param, one, error)
            continue
        folder = cwd if isinstance(one, ParamText) else one.folder
        values[param.name] = _each_path(param.type, value, lambda _, text, at=folder: _placed(text, at, project))
    if not found:
        found += _fill_in(graph, params, values, project)
    if not found:
        found = [d for param in params for d in _missing_files(param, values[param.name], project)]
    if found:
        raise CascadeError(found)
    return values


def _list_of(known: set[str]) -> str:
    return f"it has {', '.join(f'`{name}`' for name in sorted(known))}" if known else "it has no params"


def _read(type_: Type, one: ParamText | ParamValue) -> Json:
    if isinstance(one, ParamValue):
        return check_value(type_, _with_units(type_, one.value))
    if isinstance(type_, OptionalType) and not one.more and one.text.strip() in ("", "none"):
        return None
    inner = type_.inner if isinstance(type_, OptionalType) else type_
    if isinstance(inner, ListType) and not isinstance(inner.item, ListType):
        texts = (one.text, *one.more)
        if one.more or not one.text.lstrip().startswith("["):
            return [parse_text(inner.item, text) for text in texts]
    elif one.more:
        raise ValueMismatch(f"given {len(one.more) + 1} times, and it is no list")
    if isinstance(inner, ListType | DictType | RecordType):
        return check_value(type_, _with_units(inner, parse_json(one.text, str(inner))))
    return parse_text(type_, one.text)


def _with_units(type_: Type, value: Json) -> Json:
    """The value with numbers for durations and sizes that are written as in the language, `"1h30m"`, where JSON has no word."""

    def number(_: str, text: str, scalar: Type) -> Json:
        try:
            return parse_text(scalar, text)
        except ValueMismatch:
            return text

    return _each_text(("duration", "size"), type_, value, number)


def _refused(param: Param, one: ParamText | ParamValue, error: ValueMismatch) -> list[Diagnostic]:
    """Everything that is wrong with what was given, each with how it is given rightly."""
    name, type_ = param.name, param.type
    faults = [error]
    if isinstance(one, ParamValue):
        faults = list(islice(mismatches(type_, _with_units(type_, one.value)), _FAULTS_SHOWN)) or faults
        help = None
    else:
        with suppress(ValueError, RecursionError):
            if not one.more and one.text.lstrip().startswith(("[", "{")):
                faults = (
                    list(islice(mismatches(type_, _with_units(type_, json.loads(one.text))), _FAULTS_SHOWN)) or faults
                )
        inner = type_.inner if isinstance(type_, OptionalType) else type_
        several = isinstance(inner, ListType) and not isinstance(inner.item, ListType)
        shown = example(inner.item if isinstance(inner, ListType) and several else inner)
        option = f"--{name}={shown}" if inner == BOOL else f"--{name} {shown}"
        help = f"such as `{option}`" + (", once for each item" if several else "")
        if isinstance(inner, ChoiceType) or (isinstance(inner, ListType) and isinstance(inner.item, ChoiceType)):
            help = None  # the message lists what there is
    return [
        Diagnostic(
            code="CSC502", message=f"the param `{name}{e.path}`: {e.text}", help=help if e is faults[-1] else None
        )
        for e in faults
    ]


_FAULTS_SHOWN = 10


def _fill_in(graph: Graph, params: list[Param], values: dict[str, Json], project: Path) -> list[Diagnostic]:
    """Evaluate the defaults of what is not given; they may use constants and other params."""
    by_id = {node.id: node for node in graph.nodes}
    found: list[Diagnostic] = []

    def value_of(id: int) -> Json:
        node = by_id[id]
        match node:
            case Param() if node.name in values:
                return values[node.name]
            case Param():
                return fill(node)
            case Compute():
                return evaluate(node.expr, env)
            case _:
                raise EvalError("a default may use params and constants only")

    environ = {name: value for name, value in os.environ.items() if name not in graph.secrets}
    env = Env({}, value_of, folder=str(project), now_s=time.time(), environ=environ)

    def fill(param: Param) -> Json:
        value = None if param.default is None else check_value(param.type, evaluate(param.default, env))
        values[param.name] = value
        return value

    for param in params:
        if param.name in values:
            continue
        try:
            fill(param)
        except EvalError as error:
            message = f"the default of the param `{param.name}`: {told(error, lambda id: by_id[id].name)}"
            found.append(Diagnostic(code="CSC502", message=message))
            values[param.name] = None
    return found


# ---- files ------------------------------------------------------------------------------------------------------


def _each_text(kinds: tuple[str, ...], type_: Type, value: Json, change: Callable[[str, str, Type], Json]) -> Json:
    """The value with every text of those kinds in it changed; `change` is given the kind, the text and the type."""
    match type_:
        case Scalar(kind) if kind in kinds and isinstance(value, str):
            return change(kind, value, type_)
        case OptionalType(inner) if value is not None:
            return _each_text(kinds, inner, value, change)
        case ListType(item) if is_list(value):
            return [_each_text(kinds, item, one, change) for one in value]
        case DictType(inner) if is_dict(value):
            return {key: _each_text(kinds, inner, one, change) for key, one in value.items()}
        case RecordType(fields) if is_dict(value):
            types = dict(fields)
            return {k: _each_text(kinds, types[k], one, change) if k in types else one for k, one in value.items()}
        case _:
            return value


def _each_path(type_: Type, value: Json, change: Callable[[str, str], str]) -> Json:
    """The value with every path in it changed; `change` is given file or dir, and the path."""
    return _each_text(("file", "dir"), type_, value, lambda kind, text, _: change(kind, text))


def _placed(text: str, folder: Path, project: Path) -> str:
    whole = os.path.normpath(os.path.join(os.path.abspath(folder), os.path.expanduser(text)))
    root = os.path.abspath(project)
    return os.path.relpath(whole, root) if whole == root or whole.startswith(root + os.sep) else whole


def _missing_files(param: Param, value: Json, project: Path) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for kind, path in _paths(param.type, value):
        whole = os.path.join(project, path)
        there = os.path.isfile(whole) if kind == "file" else os.path.isdir(whole)
        if not there:
            what = f"is no {kind}" if os.path.exists(whole) else "is not there"
            found.append(
                Diagnostic(
                    code="CSC509",
                    message=f"the param `{param.name}`: the {kind} `{path}` {what}",
                    help=_near(whole)
                    or "a path on a command line is relative to the folder where the command is typed",
                )
            )
    return found


def _near(path: str) -> str | None:
    """What of that folder may be meant."""
    folder, name = os.path.split(path)
    try:
        return did_you_mean(name, [entry.name for entry in islice(os.scandir(folder), 1000)])
    except OSError:
        return None


def _paths(type_: Type, value: Json) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def note(kind: str, path: str) -> str:
        found.append((kind, path))
        return path

    _each_path(type_, value, note)
    return found


# ---- params files -----------------------------------------------------------------------------------------------


def read_params(path: Path) -> dict[str, ParamValue]:
    """The params of a YAML, JSON or TOML file, by its ending; CSC503 where it cannot be read as one."""
    help = 'a params file is YAML (`top: 5`), JSON (`{"top": 5}`) or TOML (`top = 5`), by its ending'
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise fail("CSC503", f"the params file `{path}` is not UTF-8", help=help) from None
    except OSError as error:
        raise fail("CSC503", f"the params file `{path}` cannot be read: {error.strerror}") from None
    kind = _KINDS.get(path.suffix.lower(), "JSON")
    try:
        data = _READERS[kind](text)
    except (ValueError, RecursionError, EvalError) as error:
        raise fail("CSC503", f"the params file `{path}` is not {kind}: {error}", help=help) from None
    if not is_dict(data):
        raise fail("CSC503", f"the params file `{path}` holds no names with values", help=help)
    return {name: ParamValue(value, path.parent) for name, value in data.items()}


_KINDS = {".yaml": "YAML", ".yml": "YAML", ".toml": "TOML"}


def _yaml(text: str) -> Json:
    from ..values.yaml_text import parse_yaml

    return parse_yaml(text)


def _toml(text: str) -> Json:
    import tomllib

    data = tomllib.loads(text)
    try:
        return json.loads(json.dumps(data, default=str, allow_nan=False))
    except ValueError:
        raise ValueError("inf and nan are no numbers here") from None


_READERS: dict[str, Callable[[str], Json]] = {"YAML": _yaml, "TOML": _toml, "JSON": strict_json}
