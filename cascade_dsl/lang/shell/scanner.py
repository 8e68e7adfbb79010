"""Reads a script as a shell would, to know where each place of it stands.

One loop over the text with a stack of frames, no recursion: as deep as scripts nest, and in linear time. Where a shell
might read the script otherwise than this scanner, or bash otherwise than a plain sh, it is *lost*: then nothing may stand in
the script at all. What it accepts need not run; what it says of places holds for whatever shell runs it.
"""

from __future__ import annotations

import re

from .commands import Commands
from .conditions import Conditions
from .frames import LISTS, Document, Frame
from .pieces import Pieces
from .places import MARK, Dialect, LostError, Scan, lost
from .words import NAME, Command, Word

_BLANKS = re.compile(r"[ \t]+")
_FUNCTION = re.compile(r"\([ \t]*\)")
_DOCUMENT = re.compile(r"<<(-?)[ \t]*")
_REDIRECT = re.compile(r"<<<|<<|<>|<&|>>|>&|>\||<|>")
_OPENING = frozenset({"if", "while", "until", "for", "select", "case", "{", "[[", "function", "coproc", "!"})
_CLOSING = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_BEFORE_BRACKET = (_OPENING | _CLOSING | {"time"}) - {"function", "coproc", "for", "select", "case"}
_NUMBER = re.compile(r"[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\}", re.ASCII)


class Scanner(Conditions, Pieces):
    """One pass over one script."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        super().__init__(text, dialect)
        self.commands = Commands(self.places, dialect, self.named)

    def scan(self) -> Scan:
        """The places of the script; raises nothing."""
        try:
            self._read()
            self.commands.conclude(self.text)
            if len(self.places) != self.text.count(MARK):
                raise lost("it could not be read to its end", 0)
        except LostError as error:
            return Scan(self.places, lost=error.lost)
        found = self.commands
        counted = found.counted | self.counted
        counted.update(name for array, name in self.subscripts if array not in found.associative)
        return Scan(
            self.places,
            writes=found.writes,
            assigned=found.assigned,
            counted=counted,
            named=self.named,
            executed=found.executed,
        )

    def _read(self) -> None:
        text, size, stack = self.text, len(self.text), self.stack
        while True:
            frame = stack[-1]
            kind = frame.kind
            if kind == "docs":
                self.next_document(frame)
            elif kind == "here":
                self.step_here(frame)
            elif self.at >= size:
                if (kind == "case" and self._ends_case(frame)) or (kind == "cond" and self.end_operand(frame)):
                    continue
                if kind not in LISTS:
                    raise lost(_UNCLOSED[kind], frame.start)
                self.end_word(frame)
                frame = stack[-1]
                if frame.kind != "script":
                    raise lost(_UNCLOSED[frame.kind], frame.start)
                if frame.command.redirect:
                    raise lost("a redirection has no target", size)
                self.end_command(frame)
                if frame.documents:
                    raise lost("a here-document has no lines", size)
                return
            elif kind == "dq":
                self.step_double(frame)
            elif kind == "arith":
                self.step_arithmetic(frame)
            elif kind == "param":
                self.step_parameter(frame)
            elif kind == "cond":
                self.step_condition(frame)
            elif kind == "array":
                self._step_array(frame)
            elif kind == "ext":
                self.step_extended(frame)
            elif kind == "subscript":
                self.step_subscript(frame)
            elif kind == "case" and frame.stage == "pattern":
                self._step_pattern(frame, text[self.at])
            else:
                self._step_list(frame, text[self.at])

    # ---- lists of commands ----

    def _step_list(self, frame: Frame, char: str) -> None:
        text = self.text
        if char in " \t":
            self.end_word(frame)
            found = _BLANKS.match(text, self.at)
            assert found is not None
            self.at = found.end()
        elif char == "\n":
            self.end_word(frame)
            self.at += 1
            self._newline(self.stack[-1])
        elif char == "#" and frame.word is None:
            self.comment()
        elif char == "\\" and text.startswith("\n", self.at + 1):
            self.continuation()
        elif char in "<>":
            if text.startswith("(", self.at + 1):
                self.process(frame)
            else:
                self._redirect(frame)
        elif char in ";&|":
            self._operator(frame)
        elif char == "(":
            self._open(frame)
        elif char == ")":
            self._close(frame)
        else:
            self.piece(frame)

    def _newline(self, frame: Frame) -> None:
        """After a newline between commands: here-documents begin."""
        if frame.command.redirect:
            raise lost("a redirection has no target", self.at - 1)
        if frame.kind == "for" and frame.stage in ("in", "words"):
            frame.stage = "in" if frame.stage == "in" else "do"
        elif not (frame.kind == "case" and frame.stage in ("word", "in")) and not (
            frame.kind == "for" and frame.stage in ("name", "do")
        ):
            self.end_command(frame)
        if self.pending:
            if self.pending != len(frame.documents):
                raise lost("a newline stands in `$( )` before a here-document that was begun around it", self.at - 1)
            self.open_documents(frame)

    def _operator(self, frame: Frame) -> None:
        text, at = self.text, self.at
        two = text[at : at + 2]
        if two == "&>":
            self.only_bash("`&>`", "write `> file 2>&1`")
            self.end_word(frame)
            self.at += 3 if text.startswith("&>>", at) else 2
            self._begin_redirect(self.stack[-1], "&>")
            return
        self.end_word(frame)
        frame = self.stack[-1]
        self.not_split(at + len(two) if two in ("&&", "||", "|&", ";;", ";&") else at + 1)
        if frame.command.redirect:
            raise lost("a redirection has no target", at)
        if two in (";;", ";&"):
            if frame.kind != "case" or frame.stage != "body":
                raise lost(f"`{two}` stands outside `case`", at)
            self.end_command(frame)
            self.at += 3 if text.startswith(";;&", at) else 2
            frame.stage = "pattern"
            return
        if two == "|&":
            self.only_bash("`|&`", "write `2>&1 |`")
        self.at += 2 if two in ("&&", "||", "|&") else 1
        if frame.kind == "for" and frame.stage in ("in", "words", "do"):
            if text[at] != ";" or (frame.stage == "do" and frame.name):
                raise lost(f"`{text[at]}` stands in the head of a `for`", at)
            if frame.stage == "in":
                self.commands.arguments(frame)
            frame.stage = "do"
            return
        if (frame.kind == "for" and frame.stage == "name") or (frame.kind == "case" and frame.stage in ("word", "in")):
            raise lost(f"`{text[at]}` stands in the head of a `{frame.kind}`", at)
        self.end_command(frame)

    def end_command(self, frame: Frame) -> None:
        """A simple command is whole."""
        command = frame.command
        if command.state in ("function", "function()"):
            if command.state == "function":
                raise lost("a function has no name", self.at)
            return
        if command.words or command.assignments:
            self.commands.examine(command, frame)
        for index in (index for word in command.fed for index in word.places):
            self.commands.feed(command, index)
        frame.command = Command()

    # ---- words ----

    def end_word(self, frame: Frame) -> None:
        """The word that is being read is whole: what it is depends on where it stands."""
        word = frame.word
        if word is None:
            return
        frame.word = None
        command = frame.command
        self.commands.check_shape(word)
        if command.redirect:
            self.commands.target(word, command.redirect)
            if command.redirect == "<<<":
                command.fed.append(word)
            command.redirect = ""
            command.redirected = True
            if command.state == "start":
                command.state = "prefix"
            return
        if frame.kind == "for" and frame.stage != "body":
            self._for_word(frame, word)
            return
        if frame.kind == "case" and frame.stage in ("word", "in"):
            self._case_word(frame, word)
            return
        match command.state:
            case "start":
                said = word.reserved
                if said in _OPENING or said in _CLOSING or said in ("time", "in", "]]"):
                    self._reserved(frame, word, said or "")
                elif said in ("-p", "--") and command.timed:
                    pass
                else:
                    self._first(command, word)
            case "prefix":
                self._first(command, word)
            case "args":
                command.words.append(word)
            case "after":
                if word.reserved not in _CLOSING:
                    raise lost("a word stands after the end of a compound command", word.start)
                frame.command = Command()
                self._reserved(frame, word, word.reserved or "")
            case "function":
                self.commands.refuse(word, "function-name")
                self.defined = word.plain or ""
                command.state = "function()"
            case "function()":
                frame.command = Command()
                said = word.reserved
                if said not in _OPENING or said in ("!", "function", "coproc"):
                    raise lost("a function has no body that could be followed", word.start)
                self._reserved(frame, word, said or "")
            case _:
                raise AssertionError(command.state)

    def _first(self, command: Command, word: Word) -> None:
        if word.assigns is not None:
            command.assignments.append(word)
            command.state = "prefix"
            return
        shape = word.shape
        name = shape.split("=", 1)[0]
        if "=" in shape and MARK in name and NAME.fullmatch(name.replace(MARK, "x")):
            self.commands.refuse(word, "variable-name")
        command.words.append(word)
        command.state = "args"

    def _for_word(self, frame: Frame, word: Word) -> None:
        said = word.reserved
        match frame.stage:
            case "name":
                self.commands.refuse(word, "for-name")
                frame.name = word.plain or "*"
                frame.stage = "in"
            case "in":
                if said == "in":
                    frame.stage = "words"
                elif said == "do":
                    self.commands.arguments(frame)
                    frame.stage, frame.command = "body", Command()
                else:
                    raise lost("a `for` has neither `in` nor `do`", word.start)
            case "words":
                self.commands.looped(frame.name, word)
            case _:
                if said == "do":
                    frame.stage, frame.command = "body", Command()
                elif said == "{" and self.dialect == "bash":
                    frame.stage, frame.command = "body", Command()
                    frame.operator = "}"
                else:
                    raise lost("a `for` has no `do`", word.start)

    def _case_word(self, frame: Frame, word: Word) -> None:
        if frame.stage == "word":
            self.commands.one_word(word)
            frame.stage = "in"
        elif word.reserved == "in":
            frame.stage = "pattern"
        else:
            raise lost("a `case` has no `in`", word.start)

    # ---- reserved words ----

    def _reserved(self, frame: Frame, word: Word, said: str) -> None:
        at = word.start
        match said:
            case "if":
                self.push(Frame("if", at, frame, stage="condition"))
            case "while" | "until":
                self.push(Frame("loop", at, frame, stage="condition"))
            case "for" | "select":
                if said == "select":
                    self.only_bash("`select`", "")
                self.push(Frame("for", at, frame, stage="name"))
            case "case":
                self.push(Frame("case", at, frame, stage="word"))
            case "{":
                self.push(Frame("{", at, frame))
            case "[[":
                self.only_bash("`[[ ]]`", "write `[ … ]` there")
                self.push(Frame("cond", at, frame, stage="operand"))
            case "function":
                self.only_bash("`function`", "write `name() { … }`")
                frame.command.state = "function"
            case "coproc":
                raise lost("`coproc` is nothing that could be followed", at)
            case "!":
                frame.command.timed = False
            case "time":
                if self.dialect == "posix":
                    self._first(frame.command, word)
                else:
                    frame.command.timed = True
            case _:
                self._closing(frame, said, at)

    def _closing(self, frame: Frame, said: str, at: int) -> None:
        """A word that ends a part of a compound command, or the whole."""
        command = frame.command
        if command.words or command.assignments or command.redirected:
            raise lost(f"`{said}` stands where no command ends", at)
        match frame.kind, frame.stage, said:
            case "if", "condition", "then":
                frame.stage = "then"
            case "if", "then", "elif":
                frame.stage = "condition"
            case "if", "then", "else":
                frame.stage = "else"
            case "loop", "condition", "do":
                frame.stage = "body"
            case ("if", "then" | "else", "fi") | ("loop", "body", "done") | ("{", _, "}") | ("case", "body", "esac"):
                self._pop_compound()
                return
            case "for", "body", "done" | "}":
                if (said == "}") != (frame.operator == "}"):
                    raise lost(f"`{said}` ends no `for`", at)
                self._pop_compound()
                return
            case _:
                raise lost(f"`{said}` closes nothing that is open", at)
        frame.command = Command()

    def _pop_compound(self) -> None:
        self.stack.pop()
        parent = self.stack[-1]
        parent.command = Command()
        parent.command.state = "after"

    # ---- brackets ----

    def _open(self, frame: Frame) -> None:
        text, word, command = self.text, frame.word, frame.command
        if word is not None and command.state in ("start", "after") and word.reserved in _BEFORE_BRACKET:
            self.end_word(frame)
            frame = self.stack[-1]
            word, command = None, frame.command
        if command.redirect and word is None:
            raise lost("`(` stands where the target of a redirection should", self.at)
        if frame.kind == "for" and frame.stage == "name" and word is None and text.startswith("((", self.at):
            self.only_bash("`for (( ))`", "write `while [ … ]; do`")
            frame.stage, frame.name = "do", ""
            self.open_arithmetic(frame, "((", None)
            return
        if word is not None and self.opens_array(frame, word):
            return
        if word is not None and self.opens_extended(frame, word):
            return
        found = _FUNCTION.match(text, self.at)
        heads = (frame.kind == "for" and frame.stage != "body") or (frame.kind == "case" and frame.stage != "body")
        if found is not None and not heads:
            self.end_word(frame)
            command = frame.command
            if command.state == "function()" or (
                command.state == "args"
                and len(command.words) == 1
                and not command.assignments
                and not command.redirected
            ):
                for name in command.words:
                    self.commands.refuse(name, "function-name")
                    self.defined = name.plain or ""
                self.at = found.end()
                frame.command = Command()
                frame.command.state = "start"
                return
        if word is None and command.state in ("start", "function()") and not heads:
            if text.startswith("((", self.at):
                self.open_arithmetic(frame, "((", None)
                return
            self.push(Frame("(", self.at, frame))
            self.at += 1
            return
        raise lost("`(` stands where no shell expects it", self.at)

    def _close(self, frame: Frame) -> None:
        self.end_word(frame)
        frame = self.stack[-1]
        if frame.command.redirect:
            raise lost("a redirection has no target", self.at)
        if frame.command.state in ("function", "function()"):
            raise lost("a function has no body", self.at)
        self.end_command(frame)
        if frame.kind not in ("(", "$(", "<("):
            raise lost(f"`)` closes nothing while {_OPEN[frame.kind]} is open", self.at)
        if frame.kind != "(" and frame.documents:
            raise lost("a here-document has no lines before `)`", self.at)
        self.at += 1
        if frame.kind == "(":
            self._pop_compound()
        else:
            self.stack.pop()

    def _step_array(self, frame: Frame) -> None:
        """`a=( … )`: words between blanks."""
        char, text = self.text[self.at], self.text
        if char in " \t\n":
            self.crossed(self.at, self.at + 1)
            self._end_item(frame)
            self.at += 1
        elif char == "#" and frame.word is None:
            self.comment()
        elif char == "\\" and text.startswith("\n", self.at + 1):
            self.continuation()
        elif char == ")":
            self._end_item(frame)
            self.at += 1
            self.stack.pop()
        elif char in "<>" and text.startswith("(", self.at + 1):
            self.process(frame)
        elif char == "(":
            word = frame.word
            if word is None or not self.opens_extended(frame, word):
                raise lost("`(` stands in an array", self.at)
        elif char in ";&|<>":
            raise lost(f"`{char}` stands in an array", self.at)
        else:
            self.piece(frame)

    def _end_item(self, frame: Frame) -> None:
        word = frame.word
        frame.word = None
        if word is None:
            return
        self.commands.check_shape(word)
        self.commands.fill(frame.name, word)
        if "=" in word.shape and word.shape.startswith("["):
            self.commands.joined(word)
            if MARK in word.shape.split("=", 1)[0]:
                self.commands.refuse(word, "subscript-part")

    def _step_pattern(self, frame: Frame, char: str) -> None:
        """Before and in the patterns of a `case`, up to their `)`."""
        text = self.text
        if char in " \t\n;&|<>()" and self._ends_case(frame):
            return
        frame.refuse, before = frame.refuse or "case-pattern", frame.refuse
        if char in " \t":
            self._end_pattern(frame)
            self.at += 1
        elif char == "\n":
            self._end_pattern(frame)
            if frame.depth:
                raise lost("a pattern of `case` has no `)`", self.at)
            self.at += 1
            if self.pending:
                raise lost("a here-document begins in a `case` between its patterns", self.at)
        elif char == "#" and frame.word is None:
            self.comment()
        elif char == "\\" and text.startswith("\n", self.at + 1):
            self.continuation()
        elif char == "(":
            word = frame.word
            if word is None and not frame.depth:
                frame.depth = 1
                self.at += 1
            elif word is None or not self.opens_extended(frame, word):
                raise lost("`(` stands in a pattern of `case`", self.at)
        elif char == "|":
            self._end_pattern(frame)
            frame.depth = max(frame.depth, 1)
            self.at += 1
        elif char == ")":
            self._end_pattern(frame)
            self.at += 1
            frame.depth = 0
            frame.stage = "body"
            frame.command = Command()
        elif char in ";&<>":
            raise lost(f"`{char}` stands in a pattern of `case`", self.at)
        else:
            self.piece(frame)
        if frame.refuse == "case-pattern":
            frame.refuse = before

    def _end_pattern(self, frame: Frame) -> None:
        word = frame.word
        frame.word = None
        if word is None:
            return
        frame.depth = max(frame.depth, 1)

    def _ends_case(self, frame: Frame) -> bool:
        """The word that has been read is an `esac` where a pattern could begin."""
        word = frame.word
        if frame.stage != "pattern" or word is None or frame.depth or word.reserved != "esac":
            return False
        frame.word = None
        self._pop_compound()
        return True

    # ---- redirections ----

    def _redirect(self, frame: Frame) -> None:
        text = self.text
        word = frame.word
        if word is not None and word.reserved is not None and _NUMBER.fullmatch(word.value):
            if word.value.startswith("{"):
                self.only_bash("`{fd}>`", "write the number of the descriptor")
                self.commands.numbered.add(word.value[1:-1])
            frame.word = None
        elif word is not None and word.shape.startswith("{") and word.shape.endswith("]}"):
            raise lost("a redirection puts its descriptor into an array", self.at, "write `{fd}>`, or a number")
        else:
            self.end_word(frame)
            frame = self.stack[-1]
        found = _REDIRECT.match(text, self.at)
        assert found is not None
        operator = found[0]
        if (frame.kind == "for" and frame.stage != "body") or (frame.kind == "case" and frame.stage != "body"):
            raise lost("a redirection stands in the head of a compound command", self.at)
        if frame.command.redirect:
            raise lost("a redirection has no target", self.at)
        self.not_split(found.end())
        if operator == "<<":
            self._here(frame)
            return
        if operator == "<<<":
            self.only_bash("`<<<`", "write `printf '%s\\n' … |`, or a here-document")
        self.at = found.end()
        self._begin_redirect(frame, operator)

    def _begin_redirect(self, frame: Frame, operator: str) -> None:
        if frame.command.redirect:
            raise lost("a redirection has no target", self.at)
        if frame.command.state in ("function", "function()"):
            raise lost("a redirection stands where a function should", self.at)
        frame.command.redirect = operator

    def _here(self, frame: Frame) -> None:
        found = _DOCUMENT.match(self.text, self.at)
        assert found is not None
        word, quoted, self.at = self.end_word_of_document(found.end())
        frame.documents.append(Document(word, found[1] == "-", quoted, frame.command))
        self.pending += 1
        command = frame.command
        command.redirected = True
        if command.state == "start":
            command.state = "prefix"


_OPEN = {"script": "no `(`", "{": "`{`", "if": "`if`", "loop": "`while`", "for": "`for`", "case": "`case`"}
_UNCLOSED = {
    "(": "a `(` is not closed",
    "{": "a `{` is not closed",
    "if": "an `if` has no `fi`",
    "loop": "a `while` has no `done`",
    "for": "a `for` has no `done`",
    "case": "a `case` has no `esac`",
    "$(": "a `$(` is not closed",
    "<(": "a `<(` is not closed",
    "array": "an array is not closed",
    "cond": "a `[[` is not closed",
    "ext": "a pattern is not closed",
    "subscript": "a `[` is not closed",
    "dq": 'a `"` is not closed',
    "arith": "arithmetic is not closed",
    "param": "a `${` is not closed",
}


def scan(script: str, dialect: Dialect) -> Scan:
    """The places of a script in which MARK stands for each `{{ }}`, in order."""
    return Scanner(script, dialect).scan()
