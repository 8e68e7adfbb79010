"""`[[ … ]]`: which of its operands are compared as text, which are patterns, and which are evaluated."""

from __future__ import annotations

from .frames import Frame
from .pieces import Pieces
from .places import lost
from .words import Command, Word

ARITHMETIC = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_BINARY = ARITHMETIC | {"=", "==", "!=", "=~", "<", ">", "-nt", "-ot", "-ef"}
_UNARY = frozenset("-" + c for c in "abcdefghknoprstuvwxzGLNORS")


class Conditions(Pieces):
    """The part of the scanner that reads `[[ … ]]`."""

    def step_condition(self, frame: Frame) -> None:
        """Inside `[[ … ]]`."""
        text, at = self.text, self.at
        char = text[at]
        if char in " \t\n;&|<>()" and frame.word is not None and frame.word.reserved == "]]":
            self.end_operand(frame)
            return
        pattern = frame.stage == "right" and frame.operator == "=~"
        if char in " \t\n" and not (pattern and frame.depth and frame.word is not None):
            self.crossed(at, at + 1)
            self.end_operand(frame)
            self.at += 1
        elif pattern:
            self._regex(frame, char)
        elif char == "\\" and text.startswith("\n", at + 1):
            self.continuation()
        elif char == "#" and frame.word is None:
            raise lost("`#` stands in `[[ ]]`", at)
        elif char in "<>":
            if text.startswith("(", at + 1):
                self.process(frame)
                return
            self.end_operand(frame)
            if frame.stage != "left":
                raise lost(f"`{char}` stands in `[[ ]]` where no operator can", at)
            frame.operator, frame.stage = char, "right"
            self.at += 1
        elif text.startswith(("&&", "||"), at):
            self.end_operand(frame)
            if frame.stage not in ("left", "done"):
                raise lost(f"`{text[at : at + 2]}` stands in `[[ ]]` where no operator can", at)
            frame.stage = "operand"
            self.at += 2
        elif char == "(":
            word = frame.word
            if word is not None and self.opens_extended(frame, word):
                return
            if word is not None or frame.stage != "operand":
                raise lost("`(` stands in `[[ ]]` where no shell expects it", at)
            frame.brackets += 1
            self.at += 1
        elif char == ")":
            self.end_operand(frame)
            if not frame.brackets or frame.stage not in ("left", "done"):
                raise lost("`)` closes nothing in `[[ ]]`", at)
            frame.brackets -= 1
            frame.stage = "done"
            self.at += 1
        elif char in ";&|":
            raise lost(f"`{char}` stands in `[[ ]]`", at)
        else:
            self.piece(frame)

    def _regex(self, frame: Frame, char: str) -> None:
        """The right side of `=~`: brackets and bars are part of it."""
        frame.refuse, before = frame.refuse or "regex", frame.refuse
        if char in "()":
            frame.depth += 1 if char == "(" else -1
            if frame.depth < 0:
                raise lost("`)` closes nothing in the pattern of `=~`", self.at)
            self.own(frame).literal(char)
            self.at += 1
        elif char in "|#" or (frame.depth and char in " \t\n<>&;"):
            if char == "#" and frame.word is None:
                raise lost("`#` stands in `[[ ]]`", self.at)
            self.own(frame).literal(char)
            self.at += 1
        elif char in ";&<>":
            raise lost(f"`{char}` stands in the pattern of `=~`", self.at)
        else:
            self.piece(frame)
        frame.refuse = before

    def end_operand(self, frame: Frame) -> bool:
        """The word that is being read is whole; True where it was the end of the condition."""
        word = frame.word
        if word is None:
            return False
        frame.word = None
        said = word.reserved
        if said == "]]":
            self._end_condition(frame, word)
            return True
        self._operand(frame, word, said)
        return False

    def _operand(self, frame: Frame, word: Word, said: str | None) -> None:
        match frame.stage:
            case "operand":
                if said == "!":
                    return
                if said in _UNARY:
                    frame.operator, frame.stage = said or "", "unary"
                    return
                self.commands.check_shape(word)
                self.commands.one_word(word)
                frame.left, frame.stage = word, "left"
            case "unary":
                self.commands.check_shape(word)
                self.commands.one_word(word)
                if frame.operator in ("-v", "-R"):
                    self.commands.only_int(word, "test-variable")
                frame.stage = "done"
            case "left":
                if said not in _BINARY:
                    raise lost("`[[ ]]` holds two words side by side", word.start)
                frame.operator, frame.stage = said or "", "right"
                if said in ARITHMETIC and frame.left is not None:
                    self.commands.only_int(frame.left, "arithmetic")
            case "right":
                self.commands.one_word(word)
                if frame.operator in ARITHMETIC:
                    self.commands.only_int(word, "arithmetic")
                frame.stage, frame.depth = "done", 0
            case _:
                raise lost("`[[ ]]` holds two words side by side", word.start)

    def _end_condition(self, frame: Frame, word: Word) -> None:
        if frame.brackets or frame.stage not in ("left", "done"):
            raise lost("`]]` comes too early", word.start)
        self.stack.pop()
        parent = self.stack[-1]
        parent.command = Command()
        parent.command.state = "after"
