"""Warnings that the author of a line has answered: `# allow: NAME, NAME` at its end, also inside a script."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..base.codes import WARNINGS
from ..base.diagnostics import Diagnostic, Source

_ALLOW = re.compile(r"#+[ \t]*allow:[ \t]*([a-z][a-z0-9-]*(?:[ \t]*,[ \t]*[a-z][a-z0-9-]*)*)[ \t]*$")


def spared(source: Source, diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics without the warnings that the line on which they begin allows by name."""
    return tuple(d for d in diagnostics if not _allowed(source, d))


def _allowed(source: Source, diagnostic: Diagnostic) -> bool:
    if diagnostic.severity != "warning" or diagnostic.primary is None:
        return False
    found = _ALLOW.search(source.line_text(diagnostic.primary.line))
    return found is not None and WARNINGS.get(diagnostic.code) in re.split(r"[ \t]*,[ \t]*", found[1])
