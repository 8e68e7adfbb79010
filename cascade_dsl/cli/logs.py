"""`log`: what a node's newest attempt wrote, in a run that lives or is over; for a node that has no log, why, and what has."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError, fail
from ..base.spellings import spellings
from ..base.suggest import nearest
from .parse import Parsed
from .past import run_folder

_NEAR = 5
_NAMES_MOST = 20_000
_MORE = 4


def log(parsed: Parsed) -> int:
    """Print the log of a node's newest attempt."""
    node = parsed.args[0]
    run = run_folder(parsed.values.get("--run"))
    with closing(open_journal(run)) as db:
        path = _newest_log(db, run, node)
        if path is None:
            raise _no_log(db, run, node)
    sys.stdout.flush()
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 16):
                sys.stdout.buffer.write(piece)
    except FileNotFoundError:
        raise fail("CSC508", f"the log of `{node}` in the run {run.name} is gone: {path}") from None
    sys.stdout.buffer.flush()
    return 0


def _newest_log(db: sqlite3.Connection, run: Path, node: str) -> Path | None:
    for name in spellings(node):
        row = db.execute(
            "SELECT serial, log FROM attempts WHERE name = ? ORDER BY serial DESC LIMIT 1", (name,)
        ).fetchone()
        if row is not None:
            serial, log = int(row[0]), Path(str(row[1]))
            moved = run / "logs" / f"{serial // 1000:03}" / f"{serial}.log"
            return moved if moved.is_file() and not log.is_file() else log
    return None


def _no_log(db: sqlite3.Connection, run: Path, node: str) -> CascadeError:
    items = _items(db, node)
    if items:
        more = f", … {len(items) - _MORE} more" if len(items) > _MORE else ""
        shown = ", ".join(f"`{name}`" for name in items[:_MORE])
        return fail(
            "CSC508", f"`{node}` is a list in the run {run.name}: each of its items has a log", help=f"{shown}{more}"
        )
    known = _of_program(run, node)
    if known is not None:
        said = _failure(db, known["id"])
        what = "is a value of the program, no task" if known["_"] != "Call" else "has not been started"
        message = f"`{node}` {what}: it has no log in the run {run.name}"
        return fail("CSC508", message, help=None if said is None else f"it failed: {said}")
    names = known_names(db)
    own = node.partition("[")[0].partition(".")[0]
    near = nearest(node, names, _NEAR) or [name for name in names if name.partition("[")[0] == own][:_NEAR]
    help = "a node is called as its failure calls it: `pages[oslo]` or `pages.oslo`"
    if near:
        shown = ", ".join(f"`{name}`" for name in near)
        help = f"did you mean {shown}?" if len(near) == 1 else f"near to it: {shown}"
    elif names:
        help = f"this run has logs of `{names[0]}`" + (f" and {len(names) - 1} others" if len(names) > 1 else "")
    return fail("CSC508", f"nothing in the run {run.name} has a log as `{node}`", help=help)


def _items(db: sqlite3.Connection, node: str) -> list[str]:
    """Instances of a list of that name that were started, in that order."""
    rows = db.execute(
        "SELECT name, min(serial) AS first FROM attempts WHERE name >= ? AND name < ? GROUP BY name ORDER BY first",
        (f"{node}[", f"{node}\\"),
    ).fetchall()
    return [str(row[0]) for row in rows if str(row[0]).endswith("]")]


def _of_program(run: Path, node: str) -> dict[str, Any] | None:
    """A node of the graph, outside of lists, that has this name."""
    try:
        document = json.loads((run / "graph.json").read_text("utf-8"))
        nodes: list[dict[str, Any]] = document["graph"]["nodes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    wanted = [each for each in nodes if each.get("name") == node and each.get("_") in ("Call", "Compute", "Output")]
    return min(wanted, key=lambda each: ("Call", "Compute", "Output").index(each["_"]), default=None)


def _failure(db: sqlite3.Connection, id_: int) -> str | None:
    """Why an expression outside of lists failed."""
    for (payload,) in db.execute("SELECT payload FROM events WHERE kind = 'ComputeFailed' ORDER BY seq LIMIT 1000"):
        event = json.loads(payload)
        if event.get("key") == [id_]:
            return str(event.get("message", ""))
    return None


def known_names(db: sqlite3.Connection) -> list[str]:
    """The names of the nodes that were started last."""
    rows = db.execute(f"SELECT DISTINCT name FROM attempts ORDER BY serial DESC LIMIT {_NAMES_MOST}")
    return [str(row[0]) for row in rows]


def open_journal(run: Path) -> sqlite3.Connection:
    """The journal of a run, to be read only."""
    quoted = re.sub(r"[?#%]", lambda m: f"%{ord(m[0]):02X}", str(run / "journal.db"))
    return sqlite3.connect(f"file:{quoted}?mode=ro", uri=True)
