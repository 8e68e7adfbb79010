"""The refusal that every file of this room may meet."""

from __future__ import annotations

from pathlib import Path

from ..base.diagnostics import CascadeError, fail


def unusable(folder: Path, error: OSError) -> CascadeError:
    """CSC706: a folder of the state cannot be written."""
    return fail(
        "CSC706",
        f"`{folder}` cannot be written: {error.strerror}",
        help="check that the project's folder is writable and its disk not full",
    )
