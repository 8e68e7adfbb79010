"""Verbs about what has been said and done: explain; and which run is meant. They load no compiler and no interpreter."""

from __future__ import annotations

import os
from pathlib import Path

from ..base.assets import asset
from ..base.codes import CODES, WARNINGS
from ..base.diagnostics import fail
from ..base.suggest import did_you_mean
from ..store import layout
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


def project_folder() -> Path | None:
    """The nearest folder, from the current one up, that has had a run."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / STATE_FOLDER / "runs").is_dir()), None)


def run_folder(wanted: str | None) -> Path:
    """The folder of the run that is meant: of this project, else the only live one; CSC508 where there is none."""
    project = project_folder()
    if project is not None:
        layout.check(project / STATE_FOLDER)
    runs = [] if project is None else sorted((project / STATE_FOLDER / "runs").iterdir(), reverse=True)
    if wanted is not None:
        runs = [run for run in runs if run.name == wanted or run.name.endswith(wanted)]
    if not runs:
        runs = [Path(run.folder) for run in find_live(os.getcwd(), run=wanted)]
    found = next((run for run in runs if (run / "journal.db").is_file()), None)
    if found is None:
        help = "go to the folder of the program that was run"
        if wanted is not None:
            raise fail("CSC708", f"there is no run `{wanted}` in this folder", help=help)
        raise fail("CSC508", "no program was run in this folder", help=help)
    return found
