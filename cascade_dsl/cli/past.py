"""Verbs about what has been said and done: explain, log. They load no compiler and no interpreter."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from ..base.assets import asset
from ..base.codes import CODES, WARNINGS
from ..base.diagnostics import fail
from ..base.suggest import did_you_mean
from ..store.live import STATE_FOLDER, find_live
from .parse import Parsed


def explain(parsed: Parsed) -> int:
    """Print the page of a diagnostic's code."""
    word = parsed.args[0].strip("[]")
    by_name = {name: code for code, name in WARNINGS.items()}
    code = by_name.get(word.lower(), word.upper())
    if not code.startswith("CSC"):
        code = f"CSC{code}"
    page = asset("codes", f"{code}.md")
    if code not in CODES or not page.is_file():
        raise fail(
            "CSC505",
            f"there is no diagnostic `{parsed.args[0]}`",
            help=did_you_mean(word, WARNINGS.values())
            or (did_you_mean(code, CODES) if any(c.isdigit() for c in code) else None)
            or "a code stands in brackets before its message: error[CSC101]",
        )
    print(page.read_text("utf-8").rstrip())
    return 0


def log(parsed: Parsed) -> int:
    """Print the log of a node's newest attempt, in a run that lives or is over."""
    node = parsed.args[0]
    run = run_folder(parsed.values.get("--run"))
    path = _newest_log(run, node)
    if path is None:
        raise fail(
            "CSC508",
            f"nothing in the run {run.name} has a log as `{node}`",
            help=did_you_mean(node, _names(run))
            or "a node is called as its failure calls it: `pages[oslo]` or `pages.oslo`",
        )
    sys.stdout.flush()
    with open(path, "rb") as file:
        while piece := file.read(1 << 16):
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    return 0


def project_folder() -> Path | None:
    """The nearest folder, from the current one up, that has had a run."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / STATE_FOLDER / "runs").is_dir()), None)


def run_folder(wanted: str | None) -> Path:
    """The folder of the run that is meant: of this project, else the only live one; CSC508 where there is none."""
    project = project_folder()
    runs = [] if project is None else sorted((project / STATE_FOLDER / "runs").iterdir(), reverse=True)
    if wanted is not None:
        runs = [run for run in runs if run.name == wanted or run.name.endswith(wanted)]
    if not runs:
        runs = [Path(run.folder) for run in find_live(os.getcwd(), run=wanted)]
    found = next((run for run in runs if (run / "journal.db").is_file()), None)
    if found is None:
        which = "no program was run in this folder" if wanted is None else f"there is no run `{wanted}` in this folder"
        raise fail("CSC508", which, help="go to the folder of the program that was run")
    return found


def _newest_log(run: Path, node: str) -> Path | None:
    with closing(_journal(run)) as db:
        for name in _spellings(node):
            row = db.execute(
                "SELECT serial, log FROM attempts WHERE name = ? ORDER BY serial DESC LIMIT 1", (name,)
            ).fetchone()
            if row is not None:
                serial, log = int(row[0]), Path(str(row[1]))
                moved = run / "logs" / f"{serial // 1000:03}" / f"{serial}.log"
                return log if log.is_file() else moved if moved.is_file() else None
    return None


def _spellings(node: str) -> list[str]:
    """The name as it is, then `pages.oslo` as `pages[oslo]`, `parts.a.0` as `parts[a,0]`."""
    pieces = node.split(".")
    return [node] + [f"{'.'.join(pieces[:n])}[{','.join(pieces[n:])}]" for n in range(len(pieces) - 1, 0, -1)]


def _names(run: Path) -> list[str]:
    with closing(_journal(run)) as db:
        rows = db.execute("SELECT DISTINCT name FROM attempts ORDER BY serial DESC LIMIT 2000").fetchall()
    return [str(row[0]) for row in rows]


def _journal(run: Path) -> sqlite3.Connection:
    quoted = re.sub(r"[?#%]", lambda m: f"%{ord(m[0]):02X}", str(run / "journal.db"))
    return sqlite3.connect(f"file:{quoted}?mode=ro", uri=True)
