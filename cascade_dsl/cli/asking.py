"""Verbs that ask a live run about itself: limits, why. Standard library and the control client only."""

from __future__ import annotations

import json
import os
import sys

from ..control.client import UNREACHABLE, ask
from .parse import Parsed
from .steer import the_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def limits(parsed: Parsed) -> int:
    """Print every pool of a live run, and what each layer says of it."""
    from ..report.limits import limits_lines

    run = the_run(parsed)
    answer = ask(run, {"verb": "limits"})
    if "--json" in parsed.flags:
        return _json(answer)
    print("\n".join([f"{run.run}  {run.file}", *limits_lines(answer, _columns())]))
    return 0


def why(parsed: Parsed) -> int:
    """Print why a node of a live run waits."""
    from ..base.diagnostics import CascadeError

    node = parsed.args[0]
    try:
        run = the_run(parsed)
        answer = ask(run, {"verb": "why", "node": node})
    except CascadeError as error:
        if any(d.code in UNREACHABLE for d in error.diagnostics):
            raise _elsewhere(error, node) from None
        raise
    if "--json" in parsed.flags:
        return _json(answer)
    from ..report.waiting import why_lines

    print("\n".join(why_lines(answer, _columns())))
    return 0


def _elsewhere(error: Exception, node: str) -> Exception:
    """No run is live, or not this one: where to look for what a run that is over did."""
    from ..base.diagnostics import CascadeError, Diagnostic
    from ..base.spellings import dotted

    assert isinstance(error, CascadeError)
    first, *more = error.diagnostics
    help = (
        f"`why` asks a run that is on. Of one that is over, `cascade show` tells what became of its nodes; "
        f"`cascade why-run {dotted(node)}` tells why a node would run again, or not"
    )
    return CascadeError([Diagnostic(code=first.code, message=first.message, notes=first.notes, help=help), *more])


def _json(answer: dict[str, Any]) -> int:
    shown = {key: value for key, value in answer.items() if key not in ("v", "id", "ok")}
    print(json.dumps(shown, ensure_ascii=False))
    return 0


def _columns() -> int:
    from ..report.plain import terminal_width

    columns = os.environ.get("COLUMNS", "")
    if not sys.stdout.isatty() and columns.isascii() and columns.isdigit():
        return max(1, int(columns))
    return terminal_width(sys.stdout)
