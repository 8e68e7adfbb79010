"""Warnings that the author of a line has answered: `# allow: NAME, NAME`.

It stands at the end of the line on which the warning begins or ends, of the line on which the script ends that the warning
stands in, or as a line of its own right above. A comment of a script counts too. One that spares nothing is a warning itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..base.codes import WARNINGS
from ..base.diagnostics import Diagnostic, Source, Span
from ..base.suggest import did_you_mean

_ALLOW = re.compile(r"#+[ \t]*allow:[ \t]*((?:[A-Za-z][\w-]*)(?:[ \t]*,[ \t]*[A-Za-z][\w-]*)*)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z][\w-]*")


class _Allow:
    """One comment: its line, whether nothing else stands there, and its names with their places."""

    __slots__ = ("alone", "line", "names", "used")

    def __init__(self, line: int, alone: bool, names: dict[str, Span]) -> None:
        self.line, self.alone, self.names = line, alone, names
        self.used: set[str] = set()


class Allowed:
    """The comments of one source; `comments` are those of the program, start → end, `scripts` the spans of bodies."""

    def __init__(self, source: Source, comments: Mapping[int, int], scripts: Sequence[Span]) -> None:
        self.source = source
        self.scripts = scripts
        self.found: list[_Allow] = []
        if "allow:" not in source.text:
            return
        for start, end in [*comments.items(), *((s.start, s.end) for s in scripts)]:
            for match in _ALLOW.finditer(source.text, start, end):
                names = {
                    name[0]: Span(match.start(1) + name.start(), match.start(1) + name.end())
                    for name in _NAME.finditer(match[1])
                }
                line, _ = source.place(match.start())
                begin = source.text.rfind("\n", 0, match.start()) + 1
                alone = not source.text[begin : match.start()].strip()
                self.found.append(_Allow(line, alone, names))

    def spared(self, diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
        """The diagnostics without the warnings that are allowed, and with those about comments that allow nothing."""
        kept = [d for d in diagnostics if not self._spares(d)] if self.found else list(diagnostics)
        sound = not any(d.severity == "error" for d in kept)
        for allow in self.found:
            for name, span in allow.names.items():
                if name not in WARNINGS.values():
                    kept.append(self._unknown(name, span))
                elif sound and name not in allow.used and "unneeded-allow" not in allow.names:
                    kept.append(
                        Diagnostic(
                            code="CSCW010",
                            message=f"`allow: {name}` spares nothing here",
                            severity="warning",
                            primary=self.source.label(span),
                            help="remove it, or move it to the line on which the warning begins",
                        )
                    )
        return kept

    def _unknown(self, name: str, span: Span) -> Diagnostic:
        known = sorted(WARNINGS.values())
        if name in WARNINGS:
            help = f"did you mean `{WARNINGS[name]}`?"
        else:
            help = did_you_mean(name, known) or "warnings are " + ", ".join(known)
        return Diagnostic(
            code="CSCW009",
            message=f"there is no warning `{name}`",
            severity="warning",
            primary=self.source.label(span),
            help=help,
        )

    def _spares(self, diagnostic: Diagnostic) -> bool:
        at, name = diagnostic.primary, WARNINGS.get(diagnostic.code)
        if diagnostic.severity != "warning" or at is None or name is None or at.file != self.source.path:
            return False
        lines = {at.line, at.end_line}
        for script in self.scripts:
            first, last = self.source.place(script.start)[0], self.source.place(script.end)[0]
            if first <= at.line <= last:
                lines.add(last)
        spared = False
        for allow in self.found:
            if name in allow.names and (allow.line in lines or (allow.alone and allow.line == at.line - 1)):
                allow.used.add(name)
                spared = True
        return spared
