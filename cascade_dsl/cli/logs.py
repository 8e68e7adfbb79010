"""`log`: what a node wrote, in a run that lives or is over; for a node that has no log, why, and what has. It writes nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.diagnostics import CascadeError, fail
from ..base.suggest import nearest
from ..store.reading import open_to_read
from .parse import Parsed
from .past import run_folder
from .tail import Tail

if TYPE_CHECKING:
    from ..runtime.past import PastNode
    from ..store.runs import Project

_NEAR = 5
_NAMES_MOST = 20_000
_MORE = 4


def log(parsed: Parsed) -> int:
    """Print the log of a node's newest attempt, or of the one that is wanted; with `--follow` what comes too."""
    from .history import whole_number

    node = parsed.args[0]
    run = run_folder(parsed.values.get("--run"))
    attempt = whole_number(parsed, "--attempt")
    sys.stdout.flush()
    if "--follow" in parsed.flags:
        from .following import follow

        return follow(run, node, attempt)
    with closing(open_journal(run)) as db:
        name = find(db, node)
        if name is None:
            raise no_log(db, run, node)
        path = _newest(db, run, name) if attempt is None else _of_attempt(db, run, name, attempt)
    if not os.path.exists(path):
        raise fail("CSC508", f"the log of `{name}` in the run {run.name} is gone: {path}")
    tail = Tail(path, sys.stdout.buffer)
    tail.pump()
    tail.close()
    return 0


# ---- names ------------------------------------------------------------------------------------------------------


def spellings(node: str) -> list[str]:
    """The name as it is, then `pages.oslo` as `pages[oslo]`, `parts.a.0` as `parts[a,0]`."""
    pieces = node.split(".")
    return [node] + [f"{'.'.join(pieces[:n])}[{','.join(pieces[n:])}]" for n in range(len(pieces) - 1, 0, -1)]


def find(db: sqlite3.Connection, node: str) -> str | None:
    """The node that is meant, of those that were started; CSC508 where several may be."""
    found = [
        name
        for name in dict.fromkeys(spellings(node))
        if db.execute("SELECT 1 FROM attempts WHERE name = ? LIMIT 1", (name,)).fetchone()
    ]
    if node in found or len(found) < 2:
        return found[0] if found else None
    shown = ", ".join(f"`{name}`" for name in found)
    raise fail("CSC508", f"`{node}` may be several nodes: {shown}", help="write the one that is meant, in quotes")


def no_log(db: sqlite3.Connection, run: Path, node: str) -> CascadeError:
    """Why a node that was not started has no log, or what else may be meant."""
    begun = items(db, node)
    if begun:
        return fail(
            "CSC508", f"`{node}` is a list in the run {run.name}: each of its items has a log", help=_listed(begun)
        )
    known = of_program(run, node)
    if known is not None:
        said = _failure(db, known["id"])
        is_call = known["_"] == "Call"
        state, help = _not_started(run, node) if is_call else ("is a value of the program, no task", None)
        message = f"`{node}` {state or 'has not been started'}: it has no log in the run {run.name}"
        return fail("CSC508", message, help=help if said is None else f"it failed: {said}")
    of_task = _nodes_of(db, run, node)
    if of_task:
        return fail("CSC508", f"`{node}` is a task: each of its nodes has a log", help=_listed(of_task))
    names = known_names(db)
    near = nearest(node, names, _NEAR)
    if not near:
        nodes = _replayed(run)
        found = next((each for each in nodes if each.name in set(spellings(node))), None)
        state, help = ("", None) if found is None else _why(run, found)
        if state:
            return fail("CSC508", f"`{node}` {state}: it has no log in the run {run.name}", help=help)
        unstarted = [each for each in nodes if node in (each.name.partition("[")[0], each.task)]
        if unstarted:
            what = "is a task" if unstarted[0].task == node else "is a list"
            message = f"`{node}` {what}, and none of its nodes was started in the run {run.name}"
            return fail("CSC508", message, help=_listed([f"{each.name} ({each.state})" for each in unstarted]))
        names += [each.name for each in nodes if not each.attempts]
        near = nearest(node, names, _NEAR)
    own = node.partition("[")[0].partition(".")[0]
    near = near or [name for name in names if name.partition("[")[0] == own][:_NEAR]
    help = "a node is called as its failure calls it: `pages[oslo]` or `pages.oslo`"
    if near:
        shown = ", ".join(f"`{name}`" for name in near)
        help = f"did you mean {shown}?" if len(near) == 1 else f"near to it: {shown}"
    elif names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        help = f"this run has logs of `{names[0]}`{more}"
    return fail("CSC508", f"nothing in the run {run.name} has a log as `{node}`", help=help)


def _replayed(run: Path) -> tuple[PastNode, ...]:
    """All nodes of which something is known, those that were not started too; none where the run cannot be replayed."""
    from ..runtime.past import show
    from ..store.runs import Project, Run

    try:
        return show(Project(run.parent.parent.parent), Run(run)).nodes
    except (CascadeError, OSError):
        return ()


def _not_started(run: Path, node: str) -> tuple[str, str | None]:
    """Why a node was not started, and what helps; empty where nothing is known of it."""
    wanted = set(spellings(node))
    found = next((each for each in _replayed(run) if each.name in wanted), None)
    return ("", None) if found is None else _why(run, found)


def _why(run: Path, node: PastNode) -> tuple[str, str | None]:
    from ..store.runs import Project

    if node.state == "skipped":
        return "was skipped: what it needs has failed", None
    if node.state != "cached":
        return "", None
    return "was not run, an earlier result of it stood", _where_made(Project(run.parent.parent.parent), node.recipe)


def _where_made(project: Project, recipe: str) -> str | None:
    """The command that prints what a kept result wrote when it was made, if its run is still there."""
    from ..store.results import Unreadable, read_entries

    with suppress(Unreadable):
        for entry in read_entries(project):
            if entry.recipe == recipe and (project.state / "runs" / entry.run / "journal.db").is_file():
                return f"`cascade log {entry.node} --run {entry.run}` prints what it wrote when that was made"
    return None


def _listed(names: list[str]) -> str:
    more = f", … {len(names) - _MORE} more" if len(names) > _MORE else ""
    return ", ".join(f"`{name}`" for name in names[:_MORE]) + more


def items(db: sqlite3.Connection, node: str) -> list[str]:
    """Instances of a list of that name that were started, in that order."""
    rows = db.execute(
        "SELECT name, min(serial) AS first FROM attempts WHERE name >= ? AND name < ? GROUP BY name ORDER BY first",
        (f"{node}[", f"{node}\\"),
    ).fetchall()
    return [str(row[0]) for row in rows if str(row[0]).endswith("]")]


def _nodes_of(db: sqlite3.Connection, run: Path, task: str) -> list[str]:
    """Nodes of a task that were started."""
    ids = {str(each["id"]) for each in nodes_of_program(run) if each.get("_") == "Call" and each.get("task") == task}
    rows = db.execute("SELECT name, key, min(serial) AS first FROM attempts GROUP BY name ORDER BY first")
    return [str(name) for name, key, _ in rows if str(key).partition(".")[0] in ids] if ids else []


def nodes_of_program(run: Path) -> list[dict[str, Any]]:
    """Every node of a run's graph, also those in lists, as JSON; none where it cannot be read."""
    try:
        document = json.loads((run / "graph.json").read_text("utf-8"))
        stack: list[Any] = [document["graph"]["nodes"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    found: list[dict[str, Any]] = []
    while stack:
        at = stack.pop()
        if isinstance(at, list):
            stack.extend(at)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(at, dict):
            if "id" in at and "name" in at and "_" in at:
                found.append(at)  # pyright: ignore[reportUnknownArgumentType]
            stack.extend(at.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return found


def of_program(run: Path, node: str) -> dict[str, Any] | None:
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


# ---- attempts ---------------------------------------------------------------------------------------------------


def log_at(run: Path, serial: int, said: str) -> str:
    """Where the log of an attempt lies, also in a project that was moved."""
    moved = run / "logs" / f"{serial // 1000:03}" / f"{serial}.log"
    return str(moved) if moved.is_file() and not os.path.isfile(said) else said


def _newest(db: sqlite3.Connection, run: Path, name: str) -> str:
    serial, said = db.execute(
        "SELECT serial, log FROM attempts WHERE name = ? ORDER BY serial DESC LIMIT 1", (name,)
    ).fetchone()
    return log_at(run, int(serial), str(said))


def _of_attempt(db: sqlite3.Connection, run: Path, name: str, wanted: int) -> str:
    rows = db.execute("SELECT serial, log FROM attempts WHERE name = ? ORDER BY serial", (name,)).fetchall()
    logs = {int(serial): str(said) for serial, said in rows}
    numbers = attempt_numbers(db, set(logs))
    for serial in sorted(numbers, reverse=True):
        if numbers[serial] == wanted:
            return log_at(run, serial, logs[serial])
    raise no_attempt(name, wanted, max(numbers.values(), default=0))


def no_attempt(name: str, wanted: int, most: int) -> CascadeError:
    """CSC508 for an attempt that was not made."""
    made = "1 attempt" if most == 1 else f"{most} attempts"
    return fail("CSC508", f"`{name}` had {made}, not {wanted}", help="without `--attempt` the newest is printed")


def attempt_numbers(db: sqlite3.Connection, serials: set[int]) -> dict[int, int]:
    """The number of each attempt of a node, by its serial: one that was lost and begun again has the same twice."""
    found: dict[int, int] = {}
    for (payload,) in db.execute("SELECT payload FROM events WHERE kind = 'AttemptStarted'"):
        event = json.loads(payload)
        if event["serial"] in serials:
            found[event["serial"]] = event["attempt"]
    return found


def open_journal(run: Path) -> sqlite3.Connection:
    """The journal of a run, to be read only."""
    return open_to_read(run / "journal.db")
