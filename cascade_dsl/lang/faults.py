"""What is wrong with a text, gathered while it is scanned, parsed and built."""

from __future__ import annotations

import re

from ..base.diagnostics import Diagnostic, Findings, Source, Span
from ..base.quantity import DURATION_UNITS_NS, SIZE_UNITS
from ..base.suggest import nearest

_UNIT = re.compile(r"(\d[\d_]*(?:\.\d+)?)([A-Za-z]+)")
SHOWN_MAX = 1000
"""So many findings in one text are enough."""
LONG_UNITS = {
    "sec": "s", "second": "s", "min": "m", "minute": "m", "hour": "h", "day": "d",
    "k": "KB", "g": "GB", "t": "TB", "p": "PB", "byte": "B", "ki": "KiB", "mi": "MiB", "gi": "GiB", "ti": "TiB",
}  # fmt: skip


class Faults:
    """The findings in one source. `fatal`: nothing after this can be trusted, the parser stops."""

    __slots__ = ("fatal", "findings", "last", "places", "source")

    def __init__(self, source: Source, findings: Findings | None = None) -> None:
        self.source = source
        self.findings = Findings() if findings is None else findings
        self.fatal = False
        self.places: set[int] = set()
        """Where findings stand."""
        self.last = -1
        """Where the latest finding stands."""

    def add(
        self, code: str, message: str, span: Span, help: str | None = None, *, why: tuple[Span, str] | None = None
    ) -> None:
        """Report an error at a place; `why` is a second place and what it says."""
        if len(self.findings.found) >= SHOWN_MAX:
            self.fatal = True
            return
        self.last = max(self.last, span.start)
        self.places.add(span.start)
        label = self.source.label
        self.findings.add(
            Diagnostic(
                code=code,
                message=message,
                primary=label(span),
                help=help,
                secondary=() if why is None else (label(*why),),
            )
        )

    def unclosed(self, span: Span, opener: str, closer: str, where: Span) -> None:
        """A bracket that is still open where something else must end."""
        self.add(
            "CSC002",
            f"`{opener}` is not closed",
            span,
            f"add the missing `{closer}`",
            why=(where, f"`{closer}` belongs before this"),
        )

    def too_deep(self, span: Span) -> None:
        """More than 200 things in each other; said once."""
        if not self.fatal:
            self.add("CSC009", "this is nested more than 200 deep", span, "bind an inner part to a name of its own")
        self.fatal = True

    def number(self, span: Span, text: str) -> None:
        """Something that begins as a number and is none."""
        unit = _UNIT.fullmatch(text)
        if unit is None:
            self.add("CSC007", f"`{text}` is no number", span, "write `3`, `1_000`, `2.5`, `1e6`, `1h30m` or `4GB`")
            return
        units = [*DURATION_UNITS_NS, *SIZE_UNITS]
        close = LONG_UNITS.get(unit[2].lower().rstrip("s")) or next(iter(nearest(unit[2], units)), None)
        mend = f"did you mean `{unit[1]}{close}`?" if close else f"units are {', '.join(units)}"
        self.add("CSC007", f"unknown unit `{unit[2]}`", span, mend)
