"""Where in a shell script a `{{ }}` stands: between words, inside double quotes, or where no value may.

A scanner of shell words, no parser: it follows quotes, `$`, backquotes, brackets and here-documents well enough to be
sure of the two places that are sound, and calls every other one unsound with a reason. In doubt it refuses. A value in
a sound place becomes a quoted reference to a variable, so that it is never parsed as shell code.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Where = Literal["bare", "joined", "quoted"]
"""`joined`: outside quotes, with other text in the same word."""


class Place(NamedTuple):
    """One place of a script. `reason` is empty where it is sound."""

    where: Where
    reason: str = ""


MARK = "\0"
"""Stands in the scanned text for each `{{ }}`; a script cannot hold it itself."""

_OPERATOR = re.compile(r"&&|\|\||;;|\|&|&>>|&>|>>|>&|<&|>\||<>|[;&|<>\n]")
_BLANK = " \t"
_CONDITION = re.compile(r"\[\[(?=[\s\0])")
_HERE = re.compile(r"<<-?[ \t]*")
_ASSIGN = re.compile(r"[A-Za-z_]\w*\+?=")
_BEFORE_COMMAND = frozenset(
    {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "fi", "done", "}", "command", "builtin"}
)
_NAMING = frozenset({"for", "select", "function", "coproc"})
"""What stands after them is a name."""
_PARSING = frozenset({"eval", "let", "trap", "alias", "read", "unset", "mapfile", "readarray", "getopts"})
"""Their arguments are parsed as code or as the names of variables."""
_DECLARING = frozenset({"declare", "typeset", "local", "export", "readonly"})


class _Scanner:
    """One pass over the script; `places` gets one row for each mark."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: list[Place] = []
        self.word = ""
        """The word that is being read, without what stands in quotes; marks stand in it."""
        self.plain = ""
        """The same with what stands in quotes, and without the quotes."""
        self.command = ""
        self.previous = ""
        self.open = False
        self.first = True
        """The next word is a command's name."""
        self.case = 0
        self.pending: list[tuple[str, bool, bool]] = []
        """Here-documents that begin on the next line: end word, tabs stripped, end word quoted."""
        self.blocked = ""
        """From here on nothing may stand, and why: the scanner lost its way."""

    def scan(self) -> list[Place]:
        text = self.text
        while self.at < len(text):
            self.step(text[self.at])
        self.end_word()
        return self.places

    def mark(self, where: Where, reason: str = "") -> None:
        self.places.append(Place(where, self.blocked or reason))

    def refuse(self, piece: str, reason: str) -> None:
        """All marks of a piece of the script are unsound."""
        for _ in range(piece.count(MARK)):
            self.mark("bare", reason)

    def step(self, char: str) -> None:
        text = self.text
        if char == MARK:
            self.mark(self.joined(), self.bare_reason())
            self.put(char)
            self.at += 1
        elif char == "\\":
            nxt = text[self.at + 1 : self.at + 2]
            if nxt == MARK:
                self.mark("bare", "after a backslash")
            if nxt != "\n":
                self.put("\\" + nxt)
            self.at += 2
        elif char == "'":
            self.single("inside '…'")
        elif char == '"':
            self.double()
        elif char == "$":
            self.dollar("bare")
        elif char == "`":
            self.backquote()
        elif char in _BLANK:
            self.end_word()
            self.at += 1
        elif char == "#" and not self.open:
            self.comment()
        elif text.startswith("((", self.at) and not self.open:
            self.until_close("((", "))", "in (( ))")
        elif text.startswith(("<(", ">("), self.at):
            self.bracket(self.at + 1, "inside <( )")
        elif text.startswith("<<", self.at):
            self.here()
        elif _CONDITION.match(text, self.at) and not self.open:
            self.until_close("[[", "]]", "in [[ ]]")
        elif char in ";&|<>\n":
            self.operator()
        elif char in "(){":
            self.group(char)
        else:
            self.put(char)
            self.at += 1

    def put(self, piece: str) -> None:
        self.word += piece
        self.plain += piece
        self.open = True

    def joined(self) -> Where:
        after = self.text[self.at + 1 : self.at + 2]
        return "joined" if self.open or (after and after not in " \t\n;&|<>()") else "bare"

    # -- words --

    def bare_reason(self) -> str:
        if self.case:
            return "inside `case`"
        if self.word.count("[") > self.word.count("]"):
            return "inside a subscript or a pattern"
        if "=" in self.word and self.first and not _ASSIGN.match(self.word):
            return "where the name of a variable or a subscript may stand"
        if self.word == "~":
            return "after ~"
        if self.word.count("{") > self.word.count("}"):
            return "inside { }"
        return self.command_reason()

    def command_reason(self) -> str:
        """The command that the word is an argument of would parse it."""
        if self.previous in _NAMING:
            return f"as the name after `{self.previous}`"
        if self.first:
            return ""
        if self.command in _PARSING:
            return f"as an argument of `{self.command}`"
        if self.command in _DECLARING and "=" not in self.plain:
            return f"as a name for `{self.command}`"
        if self.command in ("printf", "test", "[", "wait") and self.previous in ("-v", "-p"):
            return f"as the name of a variable for `{self.command}`"
        return ""

    def end_word(self) -> None:
        if not self.open:
            return
        word, self.word, self.plain, self.open = self.plain, "", "", False
        self.previous = word
        if self.first:
            self.command = word
            if word == "case":
                self.case += 1
            elif word == "esac":
                self.case = max(0, self.case - 1)
            self.first = word in _BEFORE_COMMAND or bool(_ASSIGN.match(word))
        elif self.case and word == "esac":
            self.case -= 1

    def operator(self) -> None:
        match = _OPERATOR.match(self.text, self.at)
        assert match is not None
        if match[0] in (">", "<", ">>", ">&", "<&", ">|", "<>", "&>", "&>>"):
            if self.word.isdigit():
                self.word, self.plain, self.open = "", "", False
            first = self.first
            self.end_word()
            self.first = first and self.first
            self.at = match.end()
            return
        self.end_word()
        self.first, self.previous = True, ""
        self.at = match.end()
        if match[0] == "\n" and self.pending:
            self.documents()

    def group(self, char: str) -> None:
        text = self.text
        if char == "{":
            self.put(char)
            self.at += 1
        elif char == "(":
            if self.open and self.word.endswith("="):
                self.bracket(self.at, "in an array")
                return
            if self.open and self.word[-1:] in "?*+@!":
                self.bracket(self.at, "inside a pattern")
                return
            if self.open and MARK in self.word and text[self.at + 1 : self.at + 2] == ")":
                last = self.places.pop()
                self.places.append(Place(last.where, "as the name of a function"))
            self.end_word()
            self.at += 1
            self.first = True
        else:
            self.end_word()
            self.at += 1
            self.first = True

    def comment(self) -> None:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        for _ in range(self.text.count(MARK, self.at, end)):
            self.mark("bare")
        self.at = end

    # -- quotes --

    def single(self, reason: str) -> None:
        end = self.text.find("'", self.at + 1)
        stop = len(self.text) if end < 0 else end + 1
        self.refuse(self.text[self.at : stop], reason)
        self.plain += self.text[self.at + 1 : stop - 1]
        self.open = True
        self.at = stop
        if end < 0:
            self.blocked = "in a script whose quotes or brackets are not closed"

    def ansi(self) -> None:
        at = self.at + 2
        while at < len(self.text) and self.text[at] != "'":
            at += 2 if self.text[at] == "\\" else 1
        self.refuse(self.text[self.at : at], "inside $'…'")
        self.put("$")
        self.at = at + 1

    def double(self) -> None:
        text = self.text
        self.open = True
        self.at += 1
        start = len(self.places)
        while self.at < len(text):
            char = text[self.at]
            if char == '"':
                self.at += 1
                return
            if char == MARK:
                self.mark("quoted", self.quoted_reason())
                self.plain += char
                self.at += 1
            elif char == "\\":
                if text[self.at + 1 : self.at + 2] == MARK:
                    self.mark("quoted", "after a backslash")
                self.at += 2
            elif char == "$":
                self.dollar("quoted")
            elif char == "`":
                self.backquote()
            else:
                self.plain += char
                self.at += 1
        self.unbalance(start)

    def quoted_reason(self) -> str:
        if self.case:
            return "inside `case`"
        return "inside a subscript" if self.word.count("[") > self.word.count("]") else self.command_reason()

    def unbalance(self, start: int) -> None:
        """A quote or bracket is never closed: nothing after its opening is sound."""
        reason = "in a script whose quotes or brackets are not closed"
        self.places[start:] = [Place(p.where, p.reason or reason) for p in self.places[start:]]
        self.blocked = reason

    # -- expansions --

    def dollar(self, where: Where) -> None:
        text = self.text
        if text.startswith("$'", self.at) and where == "bare":
            self.ansi()
        elif text.startswith("$((", self.at):
            self.until_close("$((", "))", "in $(( ))")
        elif text.startswith("$(", self.at):
            self.bracket(self.at + 1, "inside $( )")
        elif text.startswith("${", self.at):
            self.braces()
        elif text.startswith("$[", self.at):
            self.until_close("$[", "]", "in $[ ]")
        elif text.startswith("$" + MARK, self.at):
            self.mark(where, "after $")
            self.at += 2
        else:
            self.at += 1
        self.put("$")

    def braces(self) -> None:
        start, depth, at = self.at, 0, self.at + 1
        while at < len(self.text):
            char = self.text[at]
            depth += (char == "{") - (char == "}")
            at += 2 if char == "\\" else 1
            if depth == 0:
                break
        self.refuse(self.text[start:at], "inside ${ }")
        self.at = at
        if depth:
            self.blocked = "in a script whose quotes or brackets are not closed"

    def backquote(self) -> None:
        at = self.at + 1
        while at < len(self.text) and self.text[at] != "`":
            at += 2 if self.text[at] == "\\" else 1
        self.refuse(self.text[self.at : at], "inside backquotes")
        self.put("``")
        self.at = at + 1

    def until_close(self, opening: str, closing: str, reason: str) -> None:
        text, at = self.text, self.at + len(opening)
        while at < len(text) and not text.startswith(closing, at):
            if text[at] in "'\"":
                end = text.find(text[at], at + 1)
                at = len(text) if end < 0 else end
            elif text[at] == "\\":
                at += 1
            at += 1
        stop = min(len(text), at + len(closing))
        self.refuse(text[self.at : stop], reason)
        self.put("x")
        self.at = stop
        if not text.startswith(closing, at):
            self.blocked = "in a script whose quotes or brackets are not closed"

    def bracket(self, opening: int, reason: str) -> None:
        """From `(` to its `)`, quotes inside skipped; every mark in it is unsound."""
        start, depth, at, text = self.at, 0, opening, self.text
        while at < len(text):
            char = text[at]
            if char == "\\":
                at += 2
                continue
            if char == "'":
                end = text.find("'", at + 1)
                at = len(text) if end < 0 else end + 1
                continue
            depth += (char == "(") - (char == ")")
            at += 1
            if depth == 0:
                break
        self.refuse(text[start:at], reason)
        self.put("x")
        self.at = at
        if depth:
            self.blocked = "in a script whose quotes or brackets are not closed"

    # -- here-documents --

    def here(self) -> None:
        text = self.text
        if text.startswith("<<<", self.at):
            self.end_word()
            self.at += 3
            return
        match = _HERE.match(text, self.at)
        assert match is not None
        tabs = text.startswith("<<-", self.at)
        end = match.end()
        while end < len(text) and text[end] not in " \t\n;&|<>()":
            end += 1
        raw = text[match.end() : end]
        self.refuse(raw, "as the end word of a here-document")
        word = raw.replace("'", "").replace('"', "").replace("\\", "")
        self.pending.append((word, tabs, word != raw))
        first = self.first
        self.end_word()
        self.first = first and self.first
        self.at = end

    def documents(self) -> None:
        for word, tabs, quoted in self.pending:
            reason = "in a here-document whose end word is quoted" if quoted else "in a here-document"
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                self.at = end + 1
                if (line.lstrip("\t") if tabs else line) == word:
                    break
                self.refuse(line, reason)
        self.at = min(self.at, len(self.text))
        self.pending = []


def scan_places(script: str) -> list[Place]:
    """The place of each `MARK` in a script, in order."""
    if MARK not in script:
        return []
    scanner = _Scanner(script)
    places = scanner.scan()
    if len(places) != script.count(MARK):
        return [Place("bare", "in a script that could not be read")] * script.count(MARK)
    if scanner.blocked:
        return [Place(p.where, p.reason or scanner.blocked) for p in places]
    return places
