"""The programs of this folder, each with one mistake, and the table of what is wrong in them (`mistakes.toml`).

`python tests/mistakes/mistakes.py` writes `docs/mistakes.md` anew.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic, Source
from cascade_dsl.lang.compile import Compiled, compile_source
from cascade_dsl.lang.parse import read_source

HERE = Path(__file__).parent
PAPER = HERE.parent.parent / "docs" / "mistakes.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One program, what is wrong in it, and how its first message was judged."""

    program: str
    origin: str
    what: str
    line: int
    code: str
    at: int
    wrong: int
    right: tuple[str, ...]
    cause: bool
    mend: Literal["yes", "no", "none"]
    note: str

    @property
    def path(self) -> Path:
        return HERE / f"{self.program}.csc"

    def right_text(self) -> str:
        """The program without the mistake."""
        data = self.path.read_bytes()
        try:
            lines = data.decode("utf-8").splitlines()
        except UnicodeDecodeError:
            lines = data.decode("latin-1").splitlines()
        lines[self.at - 1 : self.at - 1 + self.wrong] = self.right
        return "\n".join(lines) + "\n"

    def compile_right(self) -> Compiled:
        """What the compiler makes of the program without the mistake."""
        return compile_source(Source(self.path.name, self.right_text()), folder=HERE)

    def compile_wrong(self) -> Compiled:
        """What the compiler makes of the program as it is."""
        try:
            source = read_source(self.path, self.path.name)
        except CascadeError as error:
            return Compiled(graph=None, diagnostics=error.diagnostics)
        return compile_source(source, folder=HERE)


def mistakes() -> tuple[Mistake, ...]:
    """All of the table, in its order."""
    rows = tomllib.loads((HERE / "mistakes.toml").read_text("utf-8"))["mistake"]
    return tuple(
        Mistake(
            program=row["program"],
            origin=row["from"],
            what=row["what"],
            line=row["line"],
            code=row["code"],
            at=row.get("at", row["line"]),
            wrong=row.get("wrong", 1),
            right=tuple(row["right"]),
            cause=row["cause"],
            mend=row["mend"],
            note=row.get("note", ""),
        )
        for row in rows
    )


def names_line(message: Diagnostic, line: int) -> bool:
    """The message underlines that line."""
    return message.primary is not None and message.primary.line == line


def paper() -> str:
    """`docs/mistakes.md`: each mistake, the first message about it, and the verdicts."""
    rows = mistakes()
    firsts = [m.compile_wrong().diagnostics[0] for m in rows]
    lines = sum(names_line(d, m.line) for m, d in zip(rows, firsts, strict=True))
    causes = sum(m.cause for m in rows)
    mends = [m.mend for m in rows].count("yes")
    silent = [m.mend for m in rows].count("none")
    out = [
        "# A hundred mistakes",
        "",
        "Programs as people write them for their first Cascade file, each right but for one mistake that people who come from elsewhere",
        "really make. They stand in `tests/mistakes`, and the tests compile each twice: as it is, and with the mistake put right.",
        "",
        f"Of {len(rows)} first messages {lines} underline the right line, {causes} name the right cause, and {mends} advise what makes the",
        f"program compile; {silent} advise nothing. *Line* is tested. *Cause* and *mend* were judged by reading each message as the",
        "person who made the mistake; a verdict that is no stays no until the message is better. This page is written by",
        "`python tests/mistakes/mistakes.py`.",
        "",
        "| | mistake | who | first message | line | cause | mend |",
        "|---|---|---|---|---|---|---|",
    ]
    for mistake, first in zip(rows, firsts, strict=True):
        number = mistake.program.split("-")[0]
        said = f"{first.severity}[{first.code}]: {first.message}"
        if first.help:
            said += f" · *help:* {first.help}"
        cells = [
            number,
            mistake.what,
            mistake.origin,
            said,
            "yes" if names_line(first, mistake.line) else "no",
            "yes" if mistake.cause else "no",
            {"yes": "yes", "no": "no", "none": "–"}[mistake.mend],
        ]
        out.append("| " + " | ".join(_cell(c) for c in cells) + " |")
    notes = [f"- {m.program.split('-')[0]}: {m.note}" for m in rows if m.note]
    if notes:
        out += ["", "## Notes", "", *notes]
    return "\n".join(out) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAPER.write_text(paper(), "utf-8")
