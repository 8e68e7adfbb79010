"""What the scanner stands in: one frame for each construct that is open. A stack of them takes the place of recursion."""

from __future__ import annotations

from typing import Literal

from .words import Command, Word

Kind = Literal[
    "script", "(", "{", "if", "loop", "for", "case", "$(", "<(",  # lists of commands
    "array", "cond", "ext", "subscript",  # words
    "dq", "arith", "param",  # pieces of words
    "docs", "here",
]  # fmt: skip

LISTS = frozenset({"script", "(", "{", "if", "loop", "for", "case", "$(", "<("})


class Document:
    """A here-document whose lines come after the next newline."""

    __slots__ = ("command", "quoted", "tabs", "word")

    def __init__(self, word: str, tabs: bool, quoted: bool, command: Command) -> None:
        self.word = word
        self.tabs = tabs
        self.quoted = quoted
        self.command = command
        """Whose standard input it is."""


class Frame:
    """An open construct."""

    __slots__ = (
        "arithmetic",
        "brackets",
        "command",
        "depth",
        "documents",
        "end",
        "evaluates",
        "function",
        "interpreter",
        "kind",
        "left",
        "literal",
        "name",
        "operator",
        "queue",
        "quoted",
        "refuse",
        "resume",
        "stage",
        "start",
        "word",
    )

    def __init__(
        self,
        kind: Kind,
        start: int,
        parent: Frame | None,
        *,
        refuse: str = "",
        stage: str = "",
        word: Word | None = None,
    ) -> None:
        self.kind: Kind = kind
        self.start = start
        self.stage = stage
        self.refuse = refuse or (parent.refuse if parent is not None else "")
        """Why nothing may stand in it, a key of REASONS."""
        self.arithmetic = parent is not None and (parent.arithmetic or parent.kind in ("arith", "subscript"))
        """What is put out in it is evaluated."""
        self.function: str = parent.function if parent is not None else ""
        """The function in whose body it stands."""
        self.evaluates: str | None = parent.evaluates if parent is not None and kind in ("dq", "param") else None
        """The array in whose subscript the shell evaluates what variables hold here; empty for what has no name."""
        self.word = word
        """The word that is being read: its own, or that of the frame around it for a piece."""
        self.command = Command()
        own = parent is None or kind in ("$(", "<(")
        self.documents: list[Document] = [] if own or parent is None else parent.documents
        self.depth = 0
        self.brackets = 0
        self.quoted = False
        """A piece inside double quotes, or in a here-document."""
        self.literal = False
        """A `'` in it is an ordinary character."""
        self.end = 0
        self.resume = 0
        self.queue: list[tuple[int, int, int, Document]] = []
        self.operator = ""
        self.interpreter = ""
        """What reads a here-document as a program."""
        self.left: Word | None = None
        self.name = ""
        """The variable of a `for`, or of an array."""
