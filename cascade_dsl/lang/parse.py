"""Source → tree: an LALR(1) automaton over Lark's tables, with recovery.

The automaton keeps its own stack and calls the builder of each rule as it reduces, so that no depth of nesting is a depth
of calls. At a fault it says what is wrong once, then gives up the innermost item, statement or clause that the fault is
in: it goes back to the state in which that began, skips to the end of the line on which it ends, takes it for read, and
goes on. Faults that may be mere echoes of one already reported in the same item are kept to itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError, Diagnostic, Source, Span, fail
from ..base.suggest import did_you_mean
from . import ast, tables
from .build import BUILDERS, NESTING, Builder
from .expected import explain
from .faults import Faults
from .lexer import BAD, DEPTH_MAX, END, NL, NOTHING, Lexer, Token

_ITEMS = ("test_statement", "clause", "statement", "item")
_BEGINS_ITEM = re.compile(
    r"[ \t]*(?:(?:use|param|secret|type|limit|task|flow|finally|test|output|return|requires|retry|timeout|cache|env"
    r"|priority|tag|shell|sh|exec|python|mock|let|expect)\b(?![ \t]*[.(\[,:)\]])|[A-Za-z_]\w*[ \t]*=(?!=)[^,\n]*$|\}[ \t]*$)",
    re.MULTILINE | re.ASCII,
)
_DECLARES = re.compile(r"(?:use|param|secret|type|task|flow|finally|output)[ \t]+[A-Za-z_\"{]")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came of a text: its tree, or None where there are errors."""

    module: ast.Module | None
    diagnostics: tuple[Diagnostic, ...]


def parse_source(source: Source) -> Parsed:
    """The tree of a file, or all that is wrong with it, in the order of the file. Raises nothing, whatever the text."""
    faults = Faults(source)
    module = parse_from(faults, "module")
    if module is not None and not module.items and not faults.findings.found:
        faults.add("CSC014", f"{source.path} holds no program", Span(0, 0), "write a task and a call of it")
    return Parsed(None if faults.findings.errors else module, faults.findings.sorted())


def parse_from(faults: Faults, start: str) -> Any:
    """What a start rule makes of a text; with findings in `faults` it is None or not to be used."""
    nul = faults.source.text.find("\0")
    if nul >= 0:
        faults.add("CSC013", "the text holds a NUL byte", Span(nul, nul + 1), "a program is plain text")
        return None
    return Parser(faults, start).run()


def read_source(path: Path, shown: str | None = None) -> Source:
    """The text of a file, ends of line as `\\n`; raises CascadeError where it is missing, no file or no text."""
    name = shown if shown is not None else str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        near: list[str] = []
        if path.parent.is_dir():
            near = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".csc"]
        raise fail("CSC010", f"there is no file {name}", help=did_you_mean(path.name, near)) from None
    except IsADirectoryError:
        raise fail("CSC011", f"{name} is a folder, not a program", help="name a `.csc` file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise fail("CSC011", f"{name} cannot be read: {reason}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = len(data[: error.start].decode("utf-8-sig").replace("\r\n", "\n"))
        readable = Source(name, data.decode("utf-8-sig", "replace").replace("\r\n", "\n"))
        raise CascadeError(
            Diagnostic(
                code="CSC012",
                message=f"{name} is not UTF-8: byte {data[error.start]:#04x}",
                primary=readable.label(Span(at, at + 1)),
                help=_encoding(data),
            )
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise fail("CSC013", f"{name} holds a NUL byte on line {line}", help="a program is plain text")
    return Source(name, text.replace("\r\n", "\n"))


def _encoding(data: bytes) -> str:
    """How a file that is not UTF-8 was probably saved, and what to do about it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it looks like UTF-16; save it as UTF-8"
    return "it looks like Latin-1 or Windows-1252; save it as UTF-8"


class Parser:
    """One parse of one text. Four stacks run side by side: states, values, where each begins and ends, how deep it nests."""

    def __init__(self, faults: Faults, start: str) -> None:
        self.tables = tables.load()
        self.faults = faults
        self.text = faults.source.text
        self.lexer = Lexer(self.text, self.tables.literals, faults)
        self.builder = Builder(self.text, self.lexer, faults)
        first, self.last = self.tables.starts[start]
        self.states = [first]
        self.values: list[Any] = [None]
        self.starts = [0]
        self.ends = [0]
        self.nests = [0]
        self.depths = [0]
        """How many brackets are open after each symbol."""

    def run(self) -> Any:
        """The value of the start rule; None where the text is past recovery."""
        states, rows = self.states, self.tables.states
        token = self.lexer.next(rows[states[-1]])
        while not self.faults.fatal:
            action = rows[states[-1]].get(token.kind)
            if action is None:
                following = self._recover(token)
                if following is None:
                    return None
                token = following
            elif action < 0:
                self._reduce(~action, token.start)
                if token.kind == END and states[-1] == self.last:
                    return self.values[-1]
            elif token.kind == END:
                return self.values[-1]
            else:
                self._push(action, token, token.start, token.end, 0, token.depth)
                token = self.lexer.next(rows[action])
        return None

    def _push(self, state: int, value: Any, start: int, end: int, nest: int, depth: int) -> None:
        self.states.append(state)
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(end)
        self.nests.append(nest)
        self.depths.append(depth)

    def _reduce(self, number: int, at: int) -> None:
        rule = self.tables.rules[number]
        size, kind = rule.size, rule.kind
        if kind == tables.PASS and size == 1:
            self.states.pop()
            self.states.append(self.tables.states[self.states[-1]][rule.origin])
            return
        if size:
            children = self.values[-size:]
            start, end, nest = self.starts[-size], self.ends[-1], max(self.nests[-size:])
            depth = self.depths[-1]
            del self.states[-size:], self.values[-size:], self.starts[-size:], self.ends[-size:]
            del self.nests[-size:], self.depths[-size:]
        else:
            # what is empty ends where the text before it does: the rule around it has no blanks and comments at its end
            children, start, end, nest, depth = [], at, self.ends[-1] if self.ends else at, 0, self.depths[-1]
        arguments: list[Any] = []
        for i in rule.plan:
            if i < 0:
                arguments.append(None)
            elif i & 1:
                if arguments:
                    arguments += children[i >> 1]
                else:
                    arguments = children[i >> 1]
            else:
                arguments.append(children[i >> 1])
        if kind == tables.BUILD:
            value = BUILDERS[rule.name](self.builder, Span(start, max(start, end)), *arguments)
            if rule.name in NESTING:
                nest += 1
                if nest > DEPTH_MAX:
                    self.faults.too_deep(Span(start, min(end, start + 1)))
        else:
            value = arguments[0] if kind == tables.PASS else arguments
        self._push(self.tables.states[self.states[-1]][rule.origin], value, start, end, nest, depth)

    # ---- recovery

    def _recover(self, token: Token) -> Token | None:
        """Report a token that cannot be taken, drop the item that it spoils; the token to go on with."""
        lexer = self.lexer
        at, item = self._item_around()
        begin = self.starts[at + 1] if at + 1 < len(self.starts) else token.start
        depth = self.depths[at]
        echo = self.faults.last >= begin
        torn = self._torn(token, begin, depth)
        if not echo and token.kind != BAD:
            if torn is not None:
                _, opened, _ = torn
                what = "{" if torn[0] in ("{", "record") else torn[0]
                closer = {"(": ")", "[": "]"}.get(what, "}")
                where = Span(token.start, token.start if token.kind in (NL, END) else token.end)
                self.faults.unclosed(Span(opened, opened + 1), what, closer, where)
            else:
                explain(self.faults, self.tables, self.states, token, self.values[-1], self.ends[-1], item, begin)
        if self.faults.fatal or item is None:
            return None
        if token.kind == NL and "_BLOCK" in self.tables.states[self.states[-1]] and self.text.startswith("{", lexer.at):
            return lexer.next(self.tables.states[self.states[-1]])  # a header and its block, torn apart
        if torn is not None and token.kind != END:
            depth = 0 if torn[0] == "{" else depth
            while at and self.depths[at] > depth:
                at, item = self._item_around(at - 1)
            if item is None:
                return None
            lexer.resume(token.start, depth)
            token = Token(NL, token.start, token.start, "\n", depth)
        else:
            token = self._skip(token, begin, depth)
        for stack in (self.states, self.values, self.starts, self.ends, self.nests, self.depths):
            del stack[at + 1 :]
        state = self.tables.states[self.states[-1]][item]
        self._push(state, None, begin, token.start, 0, depth)
        if token.kind == END and depth:
            # the blocks around it never end; what is in them has been read
            if not echo and torn is None:
                _, opened, _ = lexer.stack[depth - 1]
                self.faults.unclosed(Span(opened, opened + 1), "{", "}", Span(token.start, token.start))
            return None
        if token.kind not in self.tables.states[state] and token.kind != NL:
            return None
        return token

    def _item_around(self, below: int | None = None) -> tuple[int, str | None]:
        """Where on the stack, and what, the innermost item begins that the parser is in."""
        states = self.tables.states
        for at in range(len(self.states) - 1 if below is None else below, -1, -1):
            row = states[self.states[at]]
            for item in _ITEMS:
                if item in row:
                    return at, item
        return 0, None

    def _torn(self, token: Token, begin: int, depth: int) -> tuple[str, int, str] | None:
        """The bracket that must have been left open, where the token begins something new on a later line."""
        stack = self.lexer.stack
        text = self.text
        line = text.rfind("\n", 0, token.start) + 1
        first_on_line = not text[line : token.start].strip()
        if token.kind == END:
            return stack[-1] if stack and stack[-1][0] != "string" else None
        if not first_on_line or token.kind in (NL, BAD):
            return None
        opened = stack[: len(stack) - (token.kind in ("LPAR", "LSQB", "_BLOCK", "_RECORD"))]
        outdented = token.start - line <= begin - (text.rfind("\n", 0, begin) + 1)
        if outdented and len(opened) > depth and opened[-1][0] in ("(", "[", "record") and self.ends[-1] <= line:
            return opened[-1]
        if opened and token.start == line and opened[0][0] == "{" and _DECLARES.match(text, line):
            return opened[-1]
        return None

    def _skip(self, token: Token, begin: int, depth: int) -> Token:
        """The token at which the item that begins there ends: an end of line outside its brackets, or what closes its block."""
        lexer = self.lexer
        lexer.quiet = True
        try:
            return self._skip_quietly(token, begin, depth)
        finally:
            lexer.quiet = False

    def _skip_quietly(self, token: Token, begin: int, depth: int) -> Token:
        lexer, text = self.lexer, self.text
        line = text.rfind("\n", 0, begin) + 1
        indent = begin - line
        while True:
            if (
                token.kind == END
                or (token.kind == NL and token.depth <= depth)
                or token.depth < depth
                or self.faults.fatal
            ):
                return token
            before = token.end
            token = lexer.next(NOTHING)
            if token.depth <= depth and token.kind == NL:
                return token
            if not any(kind == "string" for kind, _, _ in lexer.stack):
                # a line that plainly begins something else, not deeper than the item: brackets were left open
                new = text.rfind("\n", before, token.start) + 1
                opens_line = new and not text[new : token.start].strip() and token.start - new <= indent
                if opens_line and token.depth >= depth and token.kind != "RBRACE" and _BEGINS_ITEM.match(text, new):
                    lexer.resume(token.start, depth)
                    return Token(NL, new, new, "\n", depth)
