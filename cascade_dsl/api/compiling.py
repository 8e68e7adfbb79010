"""Compile one file in a process of its own: `python -m cascade_dsl.api.compiling FILE` for a run that must not wait.

Standard output is one JSON document: the graph, null where the file has errors, and the diagnostics.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError
from ..ir.codec import graph_to_json
from . import load_graph


def main(file: str) -> None:
    """Print the document."""
    document: dict[str, Any]
    try:
        document = {"graph": graph_to_json(load_graph(Path(file))), "diagnostics": []}
    except CascadeError as error:
        document = {"graph": None, "diagnostics": [d.to_json() for d in error.diagnostics]}
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    main(sys.argv[1])
