"""A run that has ended: its `name = value` lines, its JSON document, its last line, its exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..base.diagnostics import Diagnostic
from ..base.quantity import show_size
from ..engine.status import FailureView, NodeCounts
from ..ir.events import OnFailure, RunStatus
from ..ir.graph import Json
from .failure import meaning_of
from .words import count, show_seconds

_WORTH_SAYING_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended. `outputs` holds those that are known; `diagnostics` says why where nothing ran."""

    run: str
    status: RunStatus
    interrupted: bool
    outputs: dict[str, Json]
    nodes: NodeCounts
    failures: tuple[FailureView, ...]
    seconds: float
    diagnostics: tuple[Diagnostic, ...] = ()
    on_failure: OnFailure = "finish"
    explained: tuple[dict[str, Json], ...] | None = None
    """Of each node that started or was not run, why; None where nobody asked."""
    freed_bytes: int = 0
    """What the temporary files took that were removed."""

    @property
    def exit_code(self) -> int:
        """0 done, 1 a task failed, 3 stalled, 130 interrupted."""
        if self.interrupted:
            return 130
        match self.status:
            case "done":
                return 0
            case "stalled":
                return 3
            case "failed":
                return 1
            case "cancelled" | "drained":
                return 1 if self.nodes.failed else 130


def output_lines(outputs: dict[str, Json]) -> list[str]:
    """One line `name = value` for each output; text stands as it is, everything else as JSON."""
    return [f"{name} = {_shown(value)}" for name, value in outputs.items()]


def _shown(value: Json) -> str:
    if isinstance(value, str) and "\n" not in value:
        return value
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def result_json(result: RunResult) -> dict[str, Any]:
    """The document of `run --json`."""
    nodes = result.nodes
    return {
        "run": result.run,
        "status": result.status,
        "outputs": result.outputs,
        "nodes": {
            "done": nodes.done,
            "cached": nodes.cached,
            "failed": nodes.failed,
            "skipped": nodes.skipped,
            "cancelled": nodes.cancelled,
            "held": nodes.held,
        },
        "failures": [failure_json(failure) for failure in result.failures],
        "diagnostics": [diagnostic.to_json() for diagnostic in result.diagnostics],
        **({} if result.explained is None else {"explained": list(result.explained)}),
    }


def failure_json(failure: FailureView) -> dict[str, Any]:
    """A failure as documents hold it."""
    return {
        "node": failure.name,
        "task": failure.task,
        "exit": failure.exit,
        "attempts": failure.attempts,
        "log": failure.log,
        "message": failure.message,
        "file": failure.file,
        "line": failure.line,
        "meaning": meaning_of(failure).text,
        "skipped": failure.skipped,
        "held": failure.held,
    }


def refusal_json(diagnostics: tuple[Diagnostic, ...]) -> dict[str, Any]:
    """The document of a run that was refused before anything ran."""
    nothing = dict.fromkeys(("done", "cached", "failed", "skipped", "cancelled", "held"), 0)
    return {
        "run": None,
        "status": "refused",
        "outputs": {},
        "nodes": nothing,
        "failures": [],
        "diagnostics": [diagnostic.to_json() for diagnostic in diagnostics],
    }


def closing_lines(result: RunResult) -> list[str]:
    """The last lines of a run: what happened, and where it failed what to type next."""
    lines = [last_line(result)]
    if result.status == "failed" and result.on_failure == "finish" and result.nodes.cancelled > result.nodes.stopped:
        lines.append("  `--on-failure continue` would have run what does not need what failed")
    if any(failure.held for failure in result.failures) and result.status != "done":
        lines.append("  what is held stays held: `cascade continue`, and `cascade retry all` in another terminal")
    return lines


def last_line(result: RunResult) -> str:
    """What happened, in one line."""
    nodes = result.nodes
    if nodes.cached and not nodes.done:
        parts = [f"{count(nodes.cached, 'task')} cached"]
    else:
        parts = [f"{count(nodes.done, 'task')} done"]
        parts += [f"{nodes.cached} cached"] if nodes.cached else []
    named = (
        ("failed", nodes.failed),
        ("held", nodes.held),
        ("cancelled", nodes.stopped),
        ("skipped", nodes.skipped),
        ("not run", nodes.cancelled - nodes.stopped),
    )
    parts += [f"{number} {word}" for word, number in named if number]
    text = f"{', '.join(parts)} in {show_seconds(result.seconds)}"
    if result.freed_bytes >= _WORTH_SAYING_BYTES:
        text += f", {show_size(result.freed_bytes)} of temporary files freed"
    match result.status:
        case "done":
            return f"done: {text}"
        case "failed" if nodes.stopped and not nodes.failed and not nodes.held:
            return f"incomplete: {text}; `cascade continue` runs what was cancelled"
        case "failed":
            logged = next((failure.name for failure in result.failures if failure.log), None)
            return f"failed: {text}" if logged is None else f"failed: {text}; `cascade log {logged}` shows more"
        case "stalled":
            return f"stalled: {text}; nothing could start any more"
        case "cancelled" | "drained":
            return f"stopped: {text}; `cascade continue` goes on"
