"""Verbs that only compile: check, compile."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .. import api
from ..base.diagnostics import Diagnostic, fail
from ..ir.codec import graph_to_json
from ..ir.text import graph_text
from ..report.plain import render_all, wants_color
from .parse import Parsed


def check(parsed: Parsed) -> int:
    """Findings of programs, folders of them included, on stdout; 2 where one is an error."""
    files = _programs(parsed.args)
    found: list[Diagnostic] = []
    for file in files:
        found += api.compile_file(file).diagnostics
    if parsed.values.get("--format") == "json":
        print(json.dumps([diagnostic.to_json() for diagnostic in found], ensure_ascii=False, indent=1))
    elif found:
        print(render_all(found, wants_color(sys.stdout)))
    else:
        print(f"{len(files)} program{'s' if len(files) != 1 else ''}, no errors", file=sys.stderr)
    return 2 if any(diagnostic.severity == "error" for diagnostic in found) else 0


def _programs(paths: list[str]) -> list[Path]:
    files: list[Path] = []
    for text in paths:
        path = Path(text)
        inside = sorted(path.rglob("*.csc")) if path.is_dir() else [path]
        if not inside:
            raise fail("CSC504", f"there is no program in the folder `{text}`", help="programs are files named `*.csc`")
        files += inside
    return files


def compile_(parsed: Parsed) -> int:
    """Print the graph of a program; warnings go to stderr."""
    from .run import load

    graph = load(Path(parsed.args[0]))
    if parsed.values.get("--format") == "json":
        print(json.dumps(graph_to_json(graph), ensure_ascii=False, indent=1))
    else:
        print(graph_text(graph), end="")
    return 0
