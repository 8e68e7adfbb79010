"""Verbs that only compile: check, compile."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..base.diagnostics import CascadeError, Diagnostic, fail
from .parse import Parsed

SHOWN_MAX = 50
"""So many findings are shown in full; a program with more has something wrong that explains most of them."""


def check(parsed: Parsed) -> int:
    """Findings of programs, folders of them included, on stdout; 2 where one is an error, with `--strict` a warning."""
    from ..lang.compile import compile_file

    files, found = _programs(parsed.args)
    for file in files:
        if file is None:
            found += _typed()
        else:
            found += compile_file(file).diagnostics
    form = parsed.values.get("--format", "full")
    if form == "full":
        _show(found, len(files))
    else:
        from ..report.formats import WRITERS

        text = WRITERS[form](found)
        if text:
            print(text)
    wanted = ("error", "warning") if "--strict" in parsed.flags else ("error",)
    return 2 if any(diagnostic.severity in wanted for diagnostic in found) else 0


def _show(found: list[Diagnostic], files: int) -> None:
    from ..report.plain import render_all, terminal_width, wants_color

    if found:
        print(render_all(found, wants_color(sys.stdout), terminal_width(sys.stdout), most=SHOWN_MAX))
    if not any(d.severity == "error" for d in found):
        warnings = sum(d.severity == "warning" for d in found)
        said = f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
        print(f"{files} program{'s' if files != 1 else ''}, no errors{said}", file=sys.stderr)


def _programs(paths: list[str]) -> tuple[list[Path | None], list[Diagnostic]]:
    """The programs that paths name, each once, None for standard input; and what is wrong with the paths."""
    files: dict[Path | None, None] = {}
    found: list[Diagnostic] = []
    for text in paths:
        path = Path(text)
        if text == "-":
            files[None] = None
        elif not path.is_dir():
            files[path] = None
        else:
            inside = _inside(path)
            files.update(dict.fromkeys(inside))
            if not inside:
                message = f"there is no program in the folder `{text}`"
                found += fail("CSC504", message, help="programs are files named `*.csc`").diagnostics
    return list(files), found


def _inside(folder: Path) -> list[Path]:
    """The programs of a folder and of those in it, but for hidden ones, in order."""
    out: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        out += [Path(root, name) for name in names if name.endswith(".csc") and not name.startswith(".")]
    return sorted(out)


def _typed() -> tuple[Diagnostic, ...]:
    """The findings of the program that comes in on standard input; its paths are relative to where it is typed."""
    from ..lang.compile import compile_source
    from ..lang.parse import source_of

    try:
        source = source_of(sys.stdin.buffer.read(), "<stdin>")
    except CascadeError as error:
        return error.diagnostics
    return compile_source(source, folder=Path()).diagnostics


def compile_(parsed: Parsed) -> int:
    """Print the graph of a program; warnings go to stderr."""
    from ..ir.codec import graph_to_json
    from ..ir.text import graph_text
    from .run import load

    graph = load(Path(parsed.args[0]))
    if parsed.values.get("--format") == "json":
        print(json.dumps(graph_to_json(graph), ensure_ascii=False, indent=1))
    else:
        print(graph_text(graph), end="")
    return 0
