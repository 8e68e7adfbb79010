"""Verbs that speak to a live run: ps, limit, unlimit, pause, resume. Standard library and the control client only."""

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

    from ..store.live import LiveRun

_FLAGS_IN_ORDER = ("burst", "whole", "by", "for", "until", "hard")


def steer(parsed: Parsed) -> int:
    """Send a change to the run that is meant, and print the effect that its engine answers."""
    request = _request(parsed)
    run = _the_run(parsed, request)
    answer = ask(run, request)
    if "--json" in parsed.flags:
        shown = {key: value for key, value in answer.items() if key not in ("v", "id", "ok")}
        print(json.dumps(shown, ensure_ascii=False))
    else:
        print(answer["effect"])
    return 0


def sentence(parsed: Parsed) -> str:
    """The limit sentence of a command line: its arguments, the one after `because` taken whole, then its flags."""
    words, reason = parsed.args, parsed.values.get("--because")
    if "because" in words[:-1]:
        at = words.index("because")
        if len(words) == at + 2:
            words, reason = words[:at], words[at + 1]
    parts = list(words)
    for flag in _FLAGS_IN_ORDER:
        if f"--{flag}" in parsed.flags:
            parts.append(flag)
        elif f"--{flag}" in parsed.values:
            parts += [flag, parsed.values[f"--{flag}"]]
    if reason is not None:
        parts += ["because", _quoted(reason)]
    return " ".join(parts)


def _quoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + escaped.replace("{{", "\\{{") + '"'


def _request(parsed: Parsed) -> dict[str, Any]:
    verb = parsed.verb.name
    request: dict[str, Any] = {"verb": verb, "who": os.environ.get("USER") or f"uid {os.getuid()}"}
    if verb == "limit":
        request["text"] = sentence(parsed)
    elif parsed.args:
        request["scope"] = parsed.args[0]
    if verb == "pause" and "--because" in parsed.values:
        request["because"] = parsed.values["--because"]
    return request


def _the_run(parsed: Parsed, request: dict[str, Any]) -> LiveRun:
    from ..base.diagnostics import CascadeError

    wanted = parsed.values.get("--run") or os.environ.get("CASCADE_RUN") or None
    try:
        return the_live_run(find_live(os.getcwd(), run=wanted), wanted)
    except CascadeError as error:
        if any(d.code in UNREACHABLE for d in error.diagnostics):
            _check_sentence(request)
        raise


def _check_sentence(request: dict[str, Any]) -> None:
    """No run is there to refuse a bad sentence: read it here, so that it is told apart from a good one."""
    from ..ir.graph import Graph
    from ..ir.requirement import Layer
    from ..lang.sentence import parse_sentence

    anything = Graph(name="", file="", tasks=(), resources=(), limits=(), nodes=())
    if request["verb"] == "limit":
        parse_sentence(request["text"], anything, layer=Layer.CONFIG)
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
    }


def _run_lines(run: LiveRun, status: dict[str, Any]) -> list[str]:
    nodes = status["nodes"]
    counts = {name: n for name, n in nodes.items() if name != "open_ended"}
    done = nodes["done"] + nodes["cached"]
    more = "+" if nodes["open_ended"] else ""
    parts = [f"{done}/{sum(counts.values())}{more} done"]
    parts += [f"{n} {name}" for name, n in counts.items() if n and name not in ("done", "cached")]
    took = _elapsed(time.time() - run.started_ns / 1e9)
    lines = [f"{run.run}  {run.file}  {status['phase']} {took}, pid {run.pid}", f"  {', '.join(parts)}"]
    pools = [pool for pool in status["pools"] if pool["capacity"] is not None or pool["taken"]]
    rows = [("POOL", "USE", "WAITING"), *((p["pool"], _use(p), str(p["waiting"])) for p in pools)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    if pools:
        lines += [f"  {pool:<{widths[0]}}  {use:<{widths[1]}}  {waiting}" for pool, use, waiting in rows]
    for wait in status["waits"]:
        lines.append(f"  starved: {wait['starved']}" if wait["starved"] else f"  {_wait(wait)}")
    if status["paused"]:
        lines.append(f"  paused: {', '.join(status['paused'])}")
    for failure in status["failures"][:5]:
        lines.append(f"  failed: {failure['name']}: {failure['message']}")
    return lines


def _wait(wait: dict[str, Any]) -> str:
    verb = "waits" if wait["count"] == 1 else "wait"
    return f"{wait['count']} {wait['task']} {verb} for {wait['pool']}"


def _use(pool: dict[str, Any]) -> str:
    taken = _amount(pool["dimension"], pool["taken"])
    return taken if pool["capacity"] is None else f"{taken} of {_amount(pool['dimension'], pool['capacity'])}"


def _amount(dimension: str, amount: int) -> str:
    if dimension == "count":
        return str(amount)
    from ..base.quantity import show_milli, show_size

    return show_size(amount) if dimension == "bytes" else show_milli(amount)


def _elapsed(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
