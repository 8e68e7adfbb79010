"""Verbs that speak to a live run: ps, limit, pause, priority, set, undo and the like. Standard library and the control client only."""

from __future__ import annotations

import json
import os
import sys
import time

from ..control.client import UNREACHABLE, ask, the_live_run
from ..store.live import find_live
from .parse import Parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine.status import Status
    from ..store.live import LiveRun

_FAILURES_SHOWN = 5
_REPAIR_S = 120.0
_FLAGS_IN_ORDER = ("burst", "whole", "by", "for", "until", "from", "to", "days", "hard", "because")


def steer(parsed: Parsed) -> int:
    """Send a change to the run that is meant, and print the effect that its engine answers."""
    request = _request(parsed)
    run = _the_run(parsed, request)
    # A program is compiled for these two, which may take its time.
    answer = ask(run, request, timeout_s=_REPAIR_S if parsed.verb.name in ("retry", "reload") else 10.0)
    if "--json" in parsed.flags:
        shown = {key: value for key, value in answer.items() if key not in ("v", "id", "ok", "said")}
        print(json.dumps(shown, ensure_ascii=False))
    else:
        print(answer["effect"])
    return 0


def sentence(parsed: Parsed) -> str:
    """The limit sentence of a command line: its arguments, the one after `because` taken whole, then its flags."""
    parts: list[str] = []
    for at, word in enumerate(parsed.args):
        parts.append(_quoted(word) if at and parsed.args[at - 1] == "because" else word)
    for flag in _FLAGS_IN_ORDER:
        if f"--{flag}" in parsed.flags:
            parts.append(flag)
        elif f"--{flag}" in parsed.values:
            value = parsed.values[f"--{flag}"]
            if flag != "days":
                parts.append(flag)
            parts.append(_quoted(value) if flag == "because" else value)
    return " ".join(parts)


_ESCAPES = {"\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"'}


def _quoted(text: str) -> str:
    """A reason as the sentence writes it; one that is in quotes already stays."""
    if _is_quoted(text):
        return text
    escaped = "".join(
        _ESCAPES.get(c) or (c if c.isprintable() or _is_no_text(c) else f"\\u{{{ord(c):x}}}") for c in text
    )
    return '"' + escaped.replace("{{", "\\{{") + '"'


def _is_no_text(character: str) -> bool:
    """It stays, for the run to refuse: a NUL, or a byte of the command line that is no UTF-8."""
    return character == "\0" or "\ud800" <= character <= "\udfff"


def _is_quoted(text: str) -> bool:
    at = 1
    while 0 < at < len(text) - 1 and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at == len(text) - 1 and text[0] == text[-1] == '"'


def _request(parsed: Parsed) -> dict[str, Any]:
    verb = parsed.verb.name
    request: dict[str, Any] = {"verb": verb, "who": os.environ.get("USER") or f"uid {os.getuid()}"}
    if verb == "limit":
        request["text"] = sentence(parsed)
    elif verb == "retry":
        request["node"] = parsed.args[0]
        if "--old-text" in parsed.flags:
            request["old"] = "yes"
    elif verb == "reload":
        if parsed.args:
            request["file"] = os.path.abspath(parsed.args[0])
    elif verb in ("priority", "set"):
        request["text"] = " ".join(parsed.args)
    elif parsed.args:
        request["what" if verb == "cancel" else "scope"] = parsed.args[0]
    if verb == "limit":
        if "--preempt" in parsed.flags:
            request["preempt"] = "yes"
    elif verb in ("pause", "resume", "drain", "cancel", "priority", "set"):
        if "--freeze" in parsed.flags:
            request["freeze"] = "yes"
        for option in ("--because", "--for", "--until", "--as"):
            if option in parsed.values:
                request[option[2:]] = parsed.values[option]
    for flag, field in (("--sticky", "sticky"), ("--dry-run", "dry")):
        if flag in parsed.flags:
            request[field] = "yes"
    return request


def the_run(parsed: Parsed) -> LiveRun:
    """The live run that a verb means; CSC604, CSC605."""
    wanted = parsed.values.get("--run") or os.environ.get("CASCADE_RUN") or None
    return the_live_run(find_live(os.getcwd(), run=wanted), wanted)


def _the_run(parsed: Parsed, request: dict[str, Any]) -> LiveRun:
    try:
        if request["verb"] == "retry" and not (parsed.values.get("--run") or os.environ.get("CASCADE_RUN")):
            return the_live_run(_those_that_hold(find_live(os.getcwd()), request), None)
        return the_run(parsed)
    except Exception as error:
        # A third of the imports of this process, where all goes well for nothing.
        from ..base.diagnostics import CascadeError

        if isinstance(error, CascadeError) and any(d.code in UNREACHABLE for d in error.diagnostics):
            _check_sentence(request)
        raise


def _those_that_hold(found: list[LiveRun], request: dict[str, Any]) -> list[LiveRun]:
    """Of several runs those that would retry the node; all where none would, or where it cannot be told."""
    from ..base.diagnostics import CascadeError

    holding: list[LiveRun] = []
    for run in found:
        try:
            ask(run, {**request, "old": "yes", "dry": "yes"})
        except CascadeError:
            continue
        holding.append(run)
    return holding or found


def _check_sentence(request: dict[str, Any]) -> None:
    """No run is there to refuse a bad sentence: read it here, so that it is told apart from a good one."""
    from ..ir.graph import Graph
    from ..ir.requirement import Layer
    from ..lang.sentence import parse_sentence

    anything = Graph(name="", file="", tasks=(), resources=(), limits=(), nodes=())
    if request["verb"] == "limit":
        parse_sentence(request["text"], anything, layer=Layer.CONFIG)
    elif request["verb"] in ("priority", "set"):
        from ..lang.setting import check_form

        check_form(request["verb"], request["text"])
    elif "scope" in request:
        parse_sentence(f"{request['scope']} none", anything, layer=Layer.CONFIG)


# ---- ps ---------------------------------------------------------------------------------------------------------


def ps(parsed: Parsed) -> int:
    """Live runs: those of this folder and of the user's other ones."""
    from ..base.diagnostics import CascadeError

    wanted = parsed.values.get("--run")
    found = find_live(os.getcwd(), run=wanted, everywhere=True)
    if wanted is not None:
        the_live_run(found, wanted)
    answers: list[tuple[LiveRun, dict[str, Any]]] = []
    silent = 0
    for run in found:
        try:
            answers.append((run, ask(run, {"verb": "status"}, timeout_s=5)))
        except CascadeError as error:
            silent += 1
            print("; ".join(d.message for d in error.diagnostics), file=sys.stderr)
    if "--json" in parsed.flags:
        print(json.dumps({"runs": [_run_json(run, status) for run, status in answers]}, ensure_ascii=False))
    elif answers:
        print("\n\n".join("\n".join(_run_lines(run, status)) for run, status in answers))
    elif not silent:
        print("no live run", file=sys.stderr)
    return 4 if silent else 0


def _run_json(run: LiveRun, status: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": run.run,
        "file": run.file,
        "pid": run.pid,
        "warden": run.warden,
        "started": run.started_ns / 1e9,
        "phase": status["phase"],
        "nodes": status["nodes"],
        "pools": status["pools"],
        "running": status["running"],
        "waits": status["waits"],
        "paused": status["paused"],
        "failures": status["failures"],
        "held": status.get("held", []),
        "retries": status.get("retries", []),
        "changes": status.get("changes", []),
        "next_ns": status.get("next_ns"),
        "frozen": status["nodes"].get("frozen", 0),
        "memory": status.get("memory", ""),
    }


def _run_lines(run: LiveRun, answer: dict[str, Any]) -> list[str]:
    from ..report.words import (
        changes,
        elapsed,
        held_help,
        next_text,
        pool_rows,
        progress,
        retries,
        short_path,
        stall_help,
        starved,
    )

    status = status_of(answer)
    took = elapsed(run.started_ns, time.time_ns())
    lines = [f"{run.run}  {run.file}  {status.phase} {took}, pid {run.pid}", f"  {progress(status.nodes)}"]
    rows = [("POOL", "USE", "WAITING"), *pool_rows(status, everything=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    if len(rows) > 1:
        lines += [f"  {pool:<{widths[0]}}  {use:<{widths[1]}}  {waiting}".rstrip() for pool, use, waiting in rows]
    more = status.pools_total - len(status.pools)
    if more > 0:
        lines.append(f"  and {more} more pools: `cascade limits` shows them all")
    lines += [f"  {text}" for text in (*next_text(status), *starved(status), *changes(status), *retries(status))]
    if status.phase == "stalled":
        lines.append(f"  help: {stall_help(status)}")
    if status.memory:
        lines.append(f"  memory: {status.memory}")
    for failure in status.failures[:_FAILURES_SHOWN]:
        lines.append(f"  {'held' if failure.held else 'failed'}: {failure.name}: {failure.message}")
    failed = status.nodes.failed + status.nodes.held
    if failed > _FAILURES_SHOWN:
        lines.append(f"  and {failed - _FAILURES_SHOWN} more failed; `cascade log NODE` prints what one wrote")
    if status.held_total:
        lines.append(f"  help: {held_help(status)}")
    for name in [f.log for f in status.failures[:1] if f.log]:
        lines.append(f"  log of the first: {short_path(name)}")
    return lines


def status_of(answer: dict[str, Any]) -> Status:
    """A status as it came over the wire. Keys that a newer engine sends and this version does not know are left aside."""
    from dataclasses import fields

    from ..engine.status import ChangeView, FailureView, NodeCounts, RetryView, RunningView, Status, WaitView
    from ..limits.views import PoolView

    def made(cls: type[Any], data: dict[str, Any]) -> Any:
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})

    parts = {
        "running": RunningView,
        "pools": PoolView,
        "waits": WaitView,
        "failures": FailureView,
        "held": FailureView,
        "retries": RetryView,
        "changes": ChangeView,
    }
    many = {name: tuple(made(cls, row) for row in answer.get(name, ())) for name, cls in parts.items()}
    return made(Status, {**answer, **many, "nodes": made(NodeCounts, answer["nodes"])})
