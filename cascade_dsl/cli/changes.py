"""`log` without a node: what was changed in a run while it was on. It writes nothing; a live run is shown up to now."""

from __future__ import annotations

import json
import sys

from ..runtime.past import changes_of
from ..store.runs import Project
from .history import change_json
from .parse import Parsed, misuse
from .past import run_folder


def log(parsed: Parsed) -> int:
    """Print the changes of a run, the oldest first."""
    for option in ("--follow", "--attempt"):
        if option in parsed.flags or option in parsed.values:
            raise misuse(parsed.verb, f"`{option}` is of a node: cascade log NODE {option}")
    folder = run_folder(parsed.values.get("--run"))
    run = Project(folder.parents[2]).run(folder.name)
    changes = changes_of(run)
    if "--json" in parsed.flags:
        print(json.dumps({"run": run.id, "changes": [change_json(change) for change in changes]}, ensure_ascii=False))
    elif changes:
        from ..report.past import change_lines

        print("\n".join(change_lines(changes)))
    else:
        print(f"nothing was changed in the run {run.id}", file=sys.stderr)
    return 0
