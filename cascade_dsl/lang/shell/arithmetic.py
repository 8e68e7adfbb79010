"""Arithmetic: what stands in it is evaluated, in bash even what a variable holds."""

from __future__ import annotations

import re

from .frames import Frame
from .places import MARK, lost
from .reader import Reader
from .words import Command, Word

_ARITHMETIC = re.compile(r"[^\\'\"$`()\[\]\0]+")
_NAMES = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_BEFORE_INT = frozenset("(+-*/%<>=!&|^~?:,; \t\n")
_AFTER_INT = frozenset(")+-*/%<>=!&|^?:,; \t\n")


class Arithmetic(Reader):
    """The part of the scanner that reads `(( ))`, `$(( ))` and `$[ ]`."""

    def open_arithmetic(self, frame: Frame, opening: str, word: Word | None) -> None:
        """`(( … ))`, `$(( … ))`, `$[ … ]`."""
        inner = Frame("arith", self.at, frame, stage="]" if opening == "$[" else "))", word=None)
        inner.operator = opening
        inner.quoted = True
        if word is not None:
            word.expand()
        if opening == "((":
            frame.command = Command()
            frame.command.state = "after"
        self.push(inner)
        self.at += len(opening)

    def step_arithmetic(self, frame: Frame) -> None:
        """Inside arithmetic: what stands there is evaluated, so that only whole numbers may."""
        text, at = self.text, self.at
        char = text[at]
        if char == MARK:
            self._int(frame)
        elif char == "(":
            frame.depth += 1
            self.at += 1
        elif char == ")":
            if frame.depth:
                frame.depth -= 1
                self.at += 1
            elif frame.stage == "))" and text.startswith("))", at) and frame.brackets == 0:
                self.stack.pop()
                self.at += 2
            else:
                raise lost(
                    f"`{frame.operator}` is closed by `)` alone", frame.start, f"write `{frame.operator[:-1]} (`"
                )
        elif char == "[":
            frame.brackets += 1
            self.at += 1
        elif char == "]":
            if frame.brackets:
                frame.brackets -= 1
                self.at += 1
            elif frame.stage == "]" and frame.depth == 0:
                self.stack.pop()
                self.at += 1
            else:
                raise lost("`]` stands in arithmetic", at)
        elif char == '"':
            frame.refuse, before = frame.refuse or "arithmetic-quotes", frame.refuse
            self.open_double(frame, None)
            frame.refuse = before
        elif char == "'":
            raise lost("`'` stands in arithmetic", at)
        elif char == "\\":
            if text.startswith(MARK, at + 1):
                raise lost("a value stands after a backslash", at)
            self.crossed(at, at + 2)
            self.at += 2
        elif char == "$":
            self.dollar(frame, None, quoted=True)
        elif char == "`":
            self.backquotes(None)
        else:
            found = _ARITHMETIC.match(text, at)
            assert found is not None
            if self.dialect == "posix" and frame.operator == "((" and re.search(r"<<|#|\n", found[0]):
                raise lost("`((` is arithmetic for bash, and not for another sh", frame.start, "write `$(( … ))`")
            self.crossed(at, found.end())
            self.counted.update(_NAMES.findall(found[0]))
            self.at = found.end()

    def _int(self, frame: Frame) -> None:
        text, at = self.text, self.at
        before, after = text[at - 1], text[at + 1 : at + 2]
        refused = ""
        if before not in _BEFORE_INT or (after and after not in _AFTER_INT):
            refused = "arithmetic-name"
        if frame.brackets:
            refused = "subscript-part"
        if self.dialect == "posix" and frame.operator == "((":
            raise lost("`((` is arithmetic for bash, and not for another sh", frame.start, "write `$(( … ))`")
        index = self.record("arith", refused)
        self.places[index].ints = "arithmetic"
        self.at += 1
