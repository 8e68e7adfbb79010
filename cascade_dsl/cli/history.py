"""`history` and `show`: the runs of a project, and one of them whole. They write nothing."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.diagnostics import fail
from ..base.quantity import NS_PER_S
from ..store import layout
from ..store.history import PastRun, past_run
from ..store.runs import Project, Run
from .parse import Parsed, whole_number
from .past import project_folder

if TYPE_CHECKING:
    from ..runtime.changes import Change
    from ..runtime.past import Shown

_SHOWN = 20
LAST = "last"


def project_here() -> Project | None:
    """The project of the current folder, its state readable by this version; None where nothing was run."""
    folder = project_folder()
    if folder is None:
        layout.check(Path.cwd() / ".cascade")
        return None
    project = Project(folder)
    layout.check(project.state)
    return project


def history(parsed: Parsed) -> int:
    """Print the runs of the project, newest first."""
    wanted = whole_number(parsed, "--number")
    project = project_here()
    runs = [] if project is None else project.runs()
    wants_json = "--json" in parsed.flags
    most = wanted if wanted is not None else len(runs) if wants_json else _SHOWN
    rows = [past_run(run) for run in runs[:most]]
    if wants_json:
        folder = None if project is None else str(project.folder)
        print(json.dumps({"project": folder, "runs": [row_json(row) for row in rows]}, ensure_ascii=False))
        return 0
    if not rows:
        print("no program was run in this folder yet", file=sys.stderr)
        return 0
    from ..report.past import history_lines

    print("\n".join(history_lines(rows)))
    for row in rows:
        if row.why:
            print(f"{row.run}: {row.why}", file=sys.stderr)
    if len(runs) > len(rows) and wanted is None:
        print(f"and {len(runs) - len(rows)} older: `cascade history -n {len(runs)}` shows all", file=sys.stderr)
    return 0


def row_json(row: PastRun) -> dict[str, Any]:
    """A run in a document of `history`."""
    return {
        "run": row.run,
        "file": row.file,
        "started": row.started_ns / NS_PER_S,
        "seconds": row.took_ns / NS_PER_S,
        "status": row.status,
        "live": row.is_live,
        "nodes": {"done": row.done, "cached": row.cached, "failed": row.failed},
    }


def the_run(project: Project | None, wanted: str | None) -> Run:
    """The run that is meant, the newest where none is named; CSC708 where there is none."""
    if project is None:
        raise fail(
            "CSC708", "no program was run in this folder yet", help="go to the folder of the program that was run"
        )
    if wanted is not None and wanted != LAST:
        return project.run(wanted)
    runs = project.runs()
    if not runs:
        raise fail("CSC708", f"there is no run in `{project.folder}`", help="start one with `cascade run FILE`")
    return runs[0]


def show(parsed: Parsed) -> int:
    """Print one run whole."""
    from ..runtime.past import show as replayed

    project = project_here()
    run = the_run(project, next(iter(parsed.args), None))
    assert project is not None
    row = past_run(run)
    if row.why:
        code = "CSC703" if row.status == "unreadable" else "CSC701"
        raise fail(code, row.why, help="`cascade log NODE --run ID` may still print what its nodes wrote")
    if not run.journal.exists() or not run.graph.exists():
        raise fail("CSC708", f"the run {run.id} had not begun when it ended", help="`cascade history` shows the others")
    shown = replayed(project, run)
    if "--json" in parsed.flags:
        print(json.dumps(_json(row, run, shown), ensure_ascii=False))
        return 0
    from ..report.past import show_lines
    from ..runtime.past import timed

    now_ns = time.time_ns()
    calls = [
        (node.name, node.task, node.state, len(node.attempts), sum(timed(a, now_ns) for a in node.attempts))
        for node in shown.nodes
    ]
    lines = show_lines(
        row, shown.counts, shown.on_failure, shown.params, shown.changes, calls, shown.failures, shown.outputs
    )
    print("\n".join(lines))
    return 0


def change_json(change: Change) -> dict[str, Any]:
    """A change in a document; seconds since 1970, null where it has no end."""
    return {
        "at": change.at_ns / NS_PER_S,
        "who": change.who,
        "what": change.what,
        "because": change.because,
        "until": _seconds(change.until_ns),
        "before": change.before,
        "after": change.after,
        "undone": _seconds(change.undone_ns),
        "undone_by": change.undone_by,
        "ended": _seconds(change.ended_ns),
    }


def _seconds(t_ns: int | None) -> float | None:
    return None if t_ns is None else t_ns / NS_PER_S


def _json(row: PastRun, run: Run, shown: Shown) -> dict[str, Any]:
    from ..report.result import failure_json
    from ..runtime.past import timed

    now_ns = time.time_ns()
    number = shown.counts
    return {
        **row_json(row),
        "folder": str(run.folder),
        "on_failure": shown.on_failure,
        "versions": shown.versions,
        "params": shown.params,
        "changes": [change_json(change) for change in shown.changes],
        "nodes": {
            "done": number.done,
            "cached": number.cached,
            "failed": number.failed,
            "skipped": number.skipped,
            "cancelled": number.cancelled,
            "held": number.held,
            "running": number.running,
            "waiting": number.waiting + number.ready + number.backoff,
        },
        "instances": [
            {
                "node": node.name,
                "task": node.task,
                "state": node.state,
                "seconds": sum(timed(a, now_ns) for a in node.attempts) / NS_PER_S,
                "attempts": [
                    {
                        "attempt": a.attempt,
                        "started": a.started_ns / NS_PER_S,
                        "seconds": timed(a, now_ns) / NS_PER_S,
                        "end": a.end,
                        "exit": a.exit,
                        "message": a.message,
                        "log": a.log,
                        "queued": a.queued_ms / 1000,
                        "used": None if a.used is None else asdict(a.used),
                    }
                    for a in node.attempts
                ],
            }
            for node in shown.nodes
        ],
        "failures": [failure_json(failure) for failure in shown.failures],
        "outputs": shown.outputs,
    }
