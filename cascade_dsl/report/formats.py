"""Diagnostics for programs that read them: one line each, JSON, SARIF 2.1.0, and the commands of a GitHub workflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ..base.codes import CODES, WARNINGS
from ..base.diagnostics import Diagnostic, Label

FORMATS = ("full", "concise", "json", "sarif", "github")

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def concise(diagnostics: Sequence[Diagnostic]) -> str:
    """`file:line:column: error[CODE] message (help)`, one line for each."""
    return "\n".join(map(_line, diagnostics))


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """The documented machine form, as one array; a warning has its name too."""
    return json.dumps(
        [diagnostic.to_json() | _name(diagnostic) for diagnostic in diagnostics], ensure_ascii=False, indent=1
    )


def github(diagnostics: Sequence[Diagnostic]) -> str:
    """Commands that a GitHub workflow shows beside the lines of a change."""
    return "\n".join(map(_command, diagnostics))


def sarif(diagnostics: Sequence[Diagnostic]) -> str:
    """A SARIF 2.1.0 log of one run, with a rule for each code that occurs."""
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    rules: list[dict[str, Any]] = [
        {"id": code, "name": WARNINGS.get(code, code), "shortDescription": {"text": CODES.get(code, code)}}
        for code in codes
    ]
    from .. import __version__

    driver = {"name": "cascade", "semanticVersion": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, codes.index(diagnostic.code)) for diagnostic in diagnostics],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1)


WRITERS: dict[str, Callable[[Sequence[Diagnostic]], str]] = {
    "concise": concise,
    "json": as_json,
    "sarif": sarif,
    "github": github,
}
"""By the name of the format, all but `full`."""


def _name(diagnostic: Diagnostic) -> dict[str, str]:
    return {"name": WARNINGS[diagnostic.code]} if diagnostic.code in WARNINGS else {}


def _line(diagnostic: Diagnostic) -> str:
    at = diagnostic.primary
    where = f"{at.file}:{at.line}:{at.column}: " if at is not None else ""
    help = f" ({diagnostic.help})" if diagnostic.help else ""
    return " ".join(f"{where}{diagnostic.severity}[{diagnostic.code}] {diagnostic.message}{help}".split("\n"))


# ---- GitHub -----------------------------------------------------------------------------------------------------


def _command(diagnostic: Diagnostic) -> str:
    at = diagnostic.primary
    properties: dict[str, object] = {}
    if at is not None:
        properties = {
            "file": at.file,
            "line": at.line,
            "col": at.column,
            "endLine": at.end_line,
            "endColumn": at.end_column,
        }
    properties["title"] = diagnostic.code
    listed = ",".join(f"{key}={_escaped(str(value), _IN_PROPERTY)}" for key, value in properties.items())
    help = f" ({diagnostic.help})" if diagnostic.help else ""
    return f"::{_COMMANDS[diagnostic.severity]} {listed}::{_escaped(diagnostic.message + help, _IN_DATA)}"


_IN_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = _IN_DATA | {":": "%3A", ",": "%2C"}


def _escaped(text: str, table: dict[str, str]) -> str:
    return text.translate(str.maketrans(table))


# ---- SARIF ------------------------------------------------------------------------------------------------------


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    more = [*diagnostic.notes, *([f"help: {diagnostic.help}"] if diagnostic.help else [])]
    out: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": "\n".join([diagnostic.message, *more])},
    }
    if diagnostic.primary is not None:
        out["locations"] = [_location(diagnostic.primary)]
    if diagnostic.secondary:
        out["relatedLocations"] = [
            {"id": number, **_location(label), "message": {"text": label.message or "see here"}}
            for number, label in enumerate(diagnostic.secondary, 1)
        ]
    return out


def _location(label: Label) -> dict[str, Any]:
    region = {
        "startLine": label.line,
        "startColumn": label.column,
        "endLine": label.end_line,
        "endColumn": max(label.end_column, label.column + 1) if label.end_line == label.line else label.end_column,
    }
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(label.file)}, "region": region}}


def _uri(path: str) -> str:
    from urllib.parse import quote

    return ("file://" if path.startswith("/") else "") + quote(path)
