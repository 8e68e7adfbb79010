"""Where temporary files lie that have no path in the project: `.cascade/temp`."""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..store.live import STATE_FOLDER

FOLDER = "temp"


def hidden_path(task: str, inputs: dict[str, Any], output: str, twin: str = "") -> str:
    """Where a temporary file lies that has no path, relative to the project: one place for one call, from run to run.

    `twin` tells apart calls of one run that are given the same.
    """
    text = json.dumps([task, inputs, output, twin])
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return os.path.join(STATE_FOLDER, FOLDER, digest)


def is_hidden(path: str, project: Path) -> bool:
    """Whether a file lies there."""
    return path.startswith(os.path.join(project, STATE_FOLDER, FOLDER, ""))
