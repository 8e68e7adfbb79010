"""Words of a script and the commands that they make, as the scanner collects them."""

from __future__ import annotations

import re

from .places import MARK

QUOTED = "\x02"
"""Stands in a word's skeleton for what is quoted."""
EXPANDED = "\x03"
"""Stands in a word's skeleton for what the shell puts there."""

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]]*\])?\+?=", re.ASCII)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

DECLARING = frozenset({"declare", "typeset", "local", "export", "readonly"})
"""Commands that declare variables; their arguments may be assignments."""


class Word:
    """A word that is being read, or has been."""

    __slots__ = ("dynamic", "places", "quoted", "reads", "skeleton", "start", "text")

    def __init__(self, start: int) -> None:
        self.start = start
        self.skeleton: list[str] = []
        """What stands outside quotes as it is, QUOTED, EXPANDED and MARK for all else."""
        self.text: list[str] = []
        """What it means, with MARK for places and EXPANDED for expansions."""
        self.dynamic = False
        self.quoted = False
        self.places: list[int] = []
        self.reads: list[str] = []
        """The variables whose values are a part of it; `@` where it may be no word at all."""

    def literal(self, text: str) -> None:
        """Characters outside quotes."""
        self.skeleton.append(text)
        self.text.append(text)

    def quote(self, text: str) -> None:
        """Characters in quotes."""
        self.quoted = True
        if not self.skeleton or self.skeleton[-1] != QUOTED:
            self.skeleton.append(QUOTED)
        self.text.append(text)

    def expand(self) -> None:
        """Something that the shell puts there."""
        self.dynamic = True
        self.skeleton.append(EXPANDED)
        self.text.append(EXPANDED)

    def place(self, index: int, quoted: bool) -> None:
        """A `{{ }}`."""
        self.places.append(index)
        self.skeleton.append(QUOTED if quoted else MARK)
        self.text.append(MARK)

    @property
    def shape(self) -> str:
        """The skeleton as one text."""
        return "".join(self.skeleton)

    @property
    def value(self) -> str:
        """What it means as one text."""
        return "".join(self.text)

    @property
    def plain(self) -> str | None:
        """What it means, where that is known."""
        return None if self.dynamic or self.places else self.value

    @property
    def reserved(self) -> str | None:
        """What it says, where it could be a reserved word: nothing in it is quoted."""
        return None if self.dynamic or self.places or self.quoted else self.value

    @property
    def may_vanish(self) -> bool:
        """It may be no word at all: an expansion or a list, and nothing else."""
        return not self.shape.strip(EXPANDED + MARK + (QUOTED if "@" in self.reads else ""))

    @property
    def assigns(self) -> str | None:
        """The variable that it assigns, if it has the form of an assignment."""
        found = ASSIGNMENT.match(self.shape)
        return None if found is None else found[1]


class Command:
    """A simple command that is being read. `state`: what its next word is."""

    __slots__ = ("assignments", "fed", "redirect", "redirected", "state", "timed", "words")

    def __init__(self) -> None:
        self.state = "start"
        """start: a reserved word, an assignment or the name; prefix: no reserved word any more; args; after a compound."""
        self.words: list[Word] = []
        self.assignments: list[Word] = []
        self.redirect = ""
        """The operator whose target comes next."""
        self.redirected = False
        self.fed: list[Word] = []
        """What `<<<` puts on its standard input."""
        self.timed = False
