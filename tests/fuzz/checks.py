"""What must hold of the compiler whatever the text: no fault of its own, places inside the file, a graph that holds together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cascade_dsl.base.codes import CODES
from cascade_dsl.base.diagnostics import CascadeError, Diagnostic, Label, Source
from cascade_dsl.ir.codec import graph_from_json, graph_to_json
from cascade_dsl.ir.text import graph_text
from cascade_dsl.ir.verify import verify
from cascade_dsl.lang.compile import Compiled, compile_source
from cascade_dsl.lang.parse import read_source
from cascade_dsl.report.formats import as_json, concise, github, sarif
from cascade_dsl.report.plain import render_all
from cascade_dsl.values.functions import NAMES

FOLDER = Path(__file__).parent.parent / "golden" / "ok"
_LINE_SHOWN = 400


class Broken(Exception):
    """Something that must hold does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of one program."""

    codes: tuple[str, ...]
    compiled: bool
    seconds: float
    """Of the processor, for the way from text to graph or messages."""


def check(data: bytes, scratch: Path, twice: bool = False, part: Callable[[], object] = lambda: None) -> Checked:
    """Compiles the bytes of a file and all that is made of it; raises `Broken`, or what the compiler raised.

    `part` is called before each part that a user would wait for by itself.
    """
    source = _source(data, scratch)
    part()
    begin = time.process_time()
    compiled = _compile(source)
    seconds = time.process_time() - begin
    part()
    if isinstance(source, Source):
        _check_places(compiled.diagnostics, source.text)
    _check_messages(compiled)
    _check_forms(compiled, part)
    part()
    if compiled.graph is not None:
        faults = verify(compiled.graph, NAMES)
        _hold(not faults, f"the graph does not hold together: {faults[:2]}")
        text = json.dumps(graph_to_json(compiled.graph))
        part()
        again = graph_from_json(json.loads(text))
        _hold(again == compiled.graph, "the graph is another one after a trip through JSON")
        part()
        _hold(graph_text(again) == graph_text(compiled.graph), "its print is another one after a trip through JSON")
    part()
    if twice:
        other = _compile(_source(data, scratch))
        _hold(other.diagnostics == compiled.diagnostics, "other messages the second time")
        _hold(other.graph == compiled.graph, "another graph the second time")
    return Checked(
        codes=tuple(d.code for d in compiled.diagnostics), compiled=compiled.graph is not None, seconds=seconds
    )


def _source(data: bytes, scratch: Path) -> Source | CascadeError:
    try:
        text = data.decode("utf-8", "surrogatepass")
        if any("\ud800" <= c <= "\udfff" for c in text):
            return Source("x.csc", text)  # no file holds these, a text that is handed over may
    except UnicodeDecodeError:
        pass
    path = scratch / "x.csc"
    path.write_bytes(data)
    try:
        return read_source(path, "x.csc")
    except CascadeError as error:
        return error


def _compile(source: Source | CascadeError) -> Compiled:
    if isinstance(source, CascadeError):
        return Compiled(graph=None, diagnostics=source.diagnostics)
    return compile_source(source, folder=FOLDER)


def _hold(condition: bool, what: str) -> None:
    if not condition:
        raise Broken(what)


def _check_messages(compiled: Compiled) -> None:
    errors = [d for d in compiled.diagnostics if d.severity == "error"]
    _hold((compiled.graph is None) == bool(errors), "a graph and errors, or neither")
    for d in compiled.diagnostics:
        _hold(d.code in CODES, f"{d.code} is not in the registry")
        _hold(d.code != "CSC900", f"a fault of Cascade: {d.message}")
        _hold(bool(d.message.strip()) and "\n" not in d.message, f"{d.code} says {d.message!r}")
        _hold(d.help is None or bool(d.help.strip()), f"{d.code} has an empty help")
        _hold(not d.message.endswith("."), f"{d.code} ends in a full stop")


def _check_places(diagnostics: tuple[Diagnostic, ...], text: str) -> None:
    lines = text.split("\n")
    for d in diagnostics:
        for label in (d.primary, *d.secondary):
            if label is not None:
                _check_label(d.code, label, lines)
    places = [(d.primary.line, d.primary.column) for d in diagnostics if d.primary is not None]
    _hold(places == sorted(places), "messages out of order")


def _check_label(code: str, label: Label, lines: list[str]) -> None:
    where = f"{code} at {label.line}:{label.column} to {label.end_line}:{label.end_column}"
    _hold(label.file == "x.csc", f"{where} is in {label.file}")
    _hold(1 <= label.line <= label.end_line <= len(lines), f"{where}, of {len(lines)} lines")
    _hold(1 <= label.column <= len(lines[label.line - 1]) + 1, f"{where} is past its line")
    _hold(1 <= label.end_column <= len(lines[label.end_line - 1]) + 1, f"{where} ends past its line")
    _hold((label.line, label.column) <= (label.end_line, label.end_column), f"{where} ends before it begins")
    shown = [line[:_LINE_SHOWN].rstrip("\r") for line in lines[label.line - 1 :][: len(label.source)]]
    _hold(list(label.source) == shown and bool(shown), f"{where} shows other lines")


def _check_forms(compiled: Compiled, part: Callable[[], object]) -> None:
    text = render_all(compiled.diagnostics)
    part()
    text += render_all(compiled.diagnostics, color=True, width=40)
    part()
    _hold(
        "\x00" not in text and "\x1b[31m" not in render_all(compiled.diagnostics), "control characters in what is shown"
    )
    part()
    lines = concise(compiled.diagnostics).split("\n")
    _hold(len(lines) == max(1, len(compiled.diagnostics)), "the concise form has other lines")
    part()
    _hold(len(json.loads(as_json(compiled.diagnostics))) == len(compiled.diagnostics), "JSON of another length")
    part()
    results = json.loads(sarif(compiled.diagnostics))["runs"][0]["results"]
    _hold(len(results) == len(compiled.diagnostics), "SARIF of another length")
    part()
    commands = github(compiled.diagnostics).split("\n")
    _hold(all(line.startswith("::") for line in commands if line), "a torn command of GitHub's")
    part()
    for d in compiled.diagnostics:
        back = Diagnostic.from_json(json.loads(json.dumps(d.to_json())))
        _hold(back == d, f"{d.code} is another one after a trip through JSON")
