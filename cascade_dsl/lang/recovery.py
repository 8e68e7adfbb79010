"""What a parser does at a fault: it says what is wrong once, gives up what the fault is in, and goes on behind it.

What is given up is the innermost item, statement or clause: the parser goes back to the state in which that began, skips
to the end of the line on which it ends, takes it for read, and goes on. Of a declaration whose header is broken, the
block is read all the same; a word that is plainly a misspelt keyword is taken for that; a block or bracket that was left
open is closed where a line plainly begins something else. Faults that may be mere echoes of one in the same item are kept
to itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..base.diagnostics import Span
from . import ast
from .automaton import Parser
from .broken import Broken
from .expected import CLAUSES, accepts, explain
from .faults import Faults
from .layout import BEGINS_ITEM, DECLARES, ends_as_block, indent_of
from .lexer import BAD, END, NL, NOTHING, Open, Token

_ITEMS = ("test_statement", "clause", "statement", "item")
_HEADERS: dict[str, tuple[str, ...]] = {
    "TASK": ("task_header",),
    "FLOW": ("flow_header",),
    "IF": ("expression",),
    "FOR": ("names", "IN", "disjunction"),
    "TEST": ("string",),
    "FINALLY": (),
}
"""By the word that begins it: what stands between that word and the `{` of its block."""
_HEADER_END = re.compile(
    r"\{[ \t]*(?:#[^\n]*)?(?:$|(?=(?:requires|limit|retry|timeout|cache|env|priority|tag|in|shell|sh|exec|python)\b[^:]))",
    re.MULTILINE,
)
_NAMES_MAX = 200
"""So much of a header is searched for the names of its `for`: each word of it looks for the `in` behind it."""
_HEADER_LINES_MAX = 30
_BINDS = re.compile(r"[ \t]*([A-Za-z_]\w*)[ \t]*=(?!=)", re.ASCII)
_OPENS_ENV = re.compile(r"\benv[ \t]*\Z")

_Entry = tuple[Open, int, str]
"""What is open: its kind, where it opened, the quotes of a string."""


class RecoveringParser(Parser):
    """A parser that goes on behind a fault. `broken` holds what was given up."""

    def __init__(self, faults: Faults, start: str) -> None:
        super().__init__(faults, start)
        self.broken: list[Broken] = []
        self.whole = start == "module"
        self.broken_word = Token(END, 0, 0, "", 0)

    def recover(self, token: Token) -> Token | None:
        """Report a token that cannot be taken, drop the item that it spoils; the token to go on with."""
        lexer = self.lexer
        if self._leaves_env_open(token):
            return self._close_block(self.broken_word)
        at, item = self._item_around()
        begin = self.starts[at + 1] if at + 1 < len(self.starts) else token.start
        depth = self.depths[at]
        echo = self.faults.last >= begin
        torn = self._torn(token, begin, depth)
        if not echo and token.kind != BAD:
            if torn is not None:
                self._report_torn(torn, token)
            else:
                meant = explain(
                    self.faults, self.tables, self.states, token, self.values[-1], self.ends[-1], item, begin
                )
                if meant is not None and not self.faults.fatal:
                    return self._as_meant(meant, at, begin, depth)
        if self.faults.fatal:
            return None
        if token.kind == NL and accepts(self.tables, self.states, "_BLOCK"):
            if self.text.startswith("{", lexer.at):
                return lexer.next({"_BLOCK"})  # a header and its block, torn apart
            if ends_as_block(self.text, token.start):
                lexer.stack.append(("{", token.start, ""))
                lexer.previous = "_BLOCK"
                return Token("_BLOCK", token.start, token.start, "{", len(lexer.stack))
        if item is None:
            return self._give_up(token)
        if torn is not None and torn[0] == "{" and accepts(self.tables, self.states, "RBRACE"):
            return self._close_block(token)
        block = None if token.kind == END else self._block_of(token, at, depth)
        if block is not None:
            return block
        if torn is not None and token.kind != END:
            depth = 0 if torn[0] == "{" else depth
            while at and self.depths[at] > depth:
                at, item = self._item_around(at - 1)
            if item is None:
                return self._give_up(token)
            begin = self.starts[at + 1] if at + 1 < len(self.starts) else token.start
            line = self.text.rfind("\n", 0, token.start) + 1
            new = line + indent_of(self.text, line)
            lexer.resume(new, depth)
            token = Token(NL, new, new, "\n", depth)
        else:
            token = self._skip_deeper(self._skip(token, begin, depth), begin, depth)
        self.broken.append(Broken(self.text, Span(begin, max(begin, token.start))))
        self._cut(at)
        state = self.tables.states[self.states[-1]][item]
        self._push(state, None, begin, token.start, 0, depth)
        if token.kind == END and depth:
            # the blocks around it never end; what is in them has been read
            if not echo and torn is None:
                self._report_torn(lexer.stack[depth - 1], token)
            return self._close_block(token)
        if token.kind not in self.tables.states[state] and token.kind != NL:
            return self._give_up(token)
        return token

    def _leaves_env_open(self, token: Token) -> bool:
        """`env { A = 1`, then a clause on the next line."""
        word, text = self.values[-1], self.text
        if not isinstance(word, Token) or word.kind != "NAME" or word.text not in CLAUSES or token.kind == "EQUAL":
            return False
        line = text.rfind("\n", 0, word.start) + 1
        opened = [entry for entry in self.lexer.stack if entry[1] < word.start]
        if not opened or opened[-1][0] != "{" or not _OPENS_ENV.search(text, 0, opened[-1][1]):
            return False
        if text[line : word.start].strip() or not accepts(self.tables, self.states[:-1], "RBRACE"):
            return False
        self._report_torn(opened[-1], word)
        self._cut(len(self.states) - 2)
        self.broken_word = word
        return True

    def _cut(self, at: int) -> None:
        """Forget what is on the stack above an index."""
        for stack in (self.states, self.values, self.starts, self.ends, self.nests, self.depths):
            del stack[at + 1 :]

    def _as_meant(self, meant: str, at: int, begin: int, depth: int) -> Token:
        """Go on behind the word that begins an item, as if there stood `meant`: a keyword, or nothing."""
        self._cut(at)
        end = begin
        while end < len(self.text) and (self.text[end].isalnum() or self.text[end] == "_"):
            end += 1
        self.lexer.resume(end, depth)
        if meant:
            kind = self.tables.literals[meant]
            self.lexer.previous = kind
            return Token(kind, begin, end, meant, depth)
        return self.lexer.next(self.tables.states[self.states[-1]])

    def _close_block(self, token: Token) -> Token:
        """Go on as if the innermost block ended before a token."""
        lexer = self.lexer
        depth = len(lexer.stack) - 1
        while depth > 0 and (lexer.stack[depth][0] != "{" or lexer.stack[depth][1] >= token.start):
            depth -= 1
        before = self.text.rfind("\n", 0, token.start)
        lexer.resume(token.start if token.kind == END or before < 0 else before, max(depth, 0))
        lexer.previous = "RBRACE"
        return Token("RBRACE", token.start, token.start, "}", max(depth, 0))

    def _give_up(self, token: Token) -> Token | None:
        """Past recovery: the outermost item is lost with all that follows it, what stands before it is kept."""
        if not self.whole or self.faults.fatal:
            return None
        at = max(at for at, state in enumerate(self.states) if "item" in self.tables.states[state])
        begin = self.starts[at + 1] if at + 1 < len(self.starts) else token.start
        end = len(self.text)
        self.broken.append(Broken(self.text, Span(begin, end)))
        self._cut(at)
        self._push(self.tables.states[self.states[-1]]["item"], None, begin, end, 0, 0)
        self.lexer.resume(end, 0)
        return Token(END, end, end, "", 0)

    def _block_of(self, token: Token, at: int, depth: int) -> Token | None:
        """The `{` after a header in which the token spoils something: its block is read all the same."""
        for index in range(len(self.states) - 1, at, -1):
            word = self.values[index]
            if not isinstance(word, Token):
                continue
            if word.kind == "_BLOCK":
                return None
            if word.kind in _HEADERS and self.depths[index] == depth:
                return self._enter_block(token, index, word, depth)
        return None

    def _enter_block(self, token: Token, index: int, word: Token, depth: int) -> Token | None:
        opens = self._header_end(word.end, token.start)
        if opens is None:
            return None
        states = self.tables.states
        header = Span(word.start, opens)
        values: dict[str, Any] = {
            "expression": ast.Name(name="", span=header),
            "disjunction": ast.Name(name="", span=header),
            "string": ast.StringLit(parts=(), span=header),
            "names": tuple(
                ast.Ident(name=name[0], span=Span(word.end + name.start(), word.end + name.end()))
                for name in re.finditer(
                    r"[A-Za-z_]\w*(?=[^\n]*?\b(?:in|of)\b)", self.text[word.end : min(opens, word.end + _NAMES_MAX)]
                )
                if name[0] not in ("in", "of")
            ),
        }
        state, path = self.states[index], list[tuple[int, str]]()
        for symbol in _HEADERS[word.kind]:
            following = states[state].get(symbol)
            if following is None:
                return None
            state = following
            path.append((state, symbol))
        if "_BLOCK" not in states[state]:
            return None
        self.broken.append(Broken(self.text, header))
        self._cut(index)
        for state, symbol in path:
            self._push(state, values.get(symbol), word.start, opens, 0, depth)
        self.lexer.resume(opens, depth)
        return self.lexer.next(states[state])

    def _header_end(self, begin: int, after: int) -> int | None:
        """Where the `{` stands that opens the block of a header, at or behind an offset."""
        text = self.text
        line = text.rfind("\n", 0, after) + 1
        for number in range(_HEADER_LINES_MAX):
            end = text.find("\n", line)
            end = len(text) if end < 0 else end
            if number and (BEGINS_ITEM.match(text, line) or DECLARES.match(text, line)):
                return None
            found = _HEADER_END.search(text, max(line, after, begin), end)
            if found is not None:
                return found.start()
            line = end + 1
            if line >= len(text):
                return None
        return None

    def _report_torn(self, torn: _Entry, token: Token) -> None:
        kind, opened, _ = torn
        what = "{" if kind in ("{", "record") else kind
        closer = {"(": ")", "[": "]"}.get(what, "}")
        where = Span(token.start, token.start if token.kind in (NL, END) else token.end)
        line = self.text.rfind("\n", 0, token.start) + 1
        if opened < line and token.kind not in (NL, END):
            new = line + indent_of(self.text, line)
            where = Span(new, max(new + 1, min(token.end, new + _word_length(self.text, new))))
        self.faults.unclosed(Span(opened, opened + 1), what, closer, where)

    def _item_around(self, below: int | None = None) -> tuple[int, str | None]:
        """Where on the stack, and what, the innermost item begins that the parser is in."""
        states = self.tables.states
        for at in range(len(self.states) - 1 if below is None else below, -1, -1):
            row = states[self.states[at]]
            if self.depths[at] > self.depths[-1]:
                continue  # in a block that has been closed
            for item in _ITEMS:
                if item in row:
                    return at, item
        return 0, None

    def _torn(self, token: Token, begin: int, depth: int) -> _Entry | None:
        """The bracket that must have been left open, where the line of the token plainly begins something new."""
        stack, text = self.lexer.stack, self.text
        if token.kind == END:
            return stack[-1] if stack and stack[-1][0] != "string" else None
        if token.kind in (NL, BAD):
            return None
        line = text.rfind("\n", 0, token.start) + 1
        indent = indent_of(text, line)
        first = line + indent == token.start
        opened = [entry for entry in stack if entry[1] < line]
        if not opened or begin >= line:
            return self._torn_block(token, opened, line, indent) if opened and first else None
        outdented = indent <= begin - (text.rfind("\n", 0, begin) + 1)
        begins = self.ends[-1] <= line if first else BEGINS_ITEM.match(text, line) is not None
        if begins and outdented and len(opened) > depth and opened[-1][0] in ("(", "[", "record"):
            return opened[-1]
        return self._torn_block(token, opened, line, indent) if first else None

    def _torn_block(self, token: Token, opened: Sequence[_Entry], line: int, indent: int) -> _Entry | None:
        """A block that is still open where a line begins that belongs outside of it."""
        text = self.text
        if opened[0][0] == "{" and not indent and DECLARES.match(text, line):
            return opened[-1]
        binds = _BINDS.match(text, line)
        if opened[-1][0] != "{" or binds is None or binds[1] in CLAUSES or token.text != binds[1]:
            return None
        can_be_clause = "REQUIRES" in self.tables.states[self.states[-1]]
        return opened[-1] if can_be_clause and indent <= indent_of(text, opened[-1][1]) else None

    def _skip_deeper(self, token: Token, begin: int, depth: int) -> Token:
        """What stands deeper than a dropped item on the lines below it belongs to it, and so does its closing brace."""
        text = self.text
        line = text.rfind("\n", 0, begin) + 1
        if token.kind != NL or text[line:begin].strip() or not text.startswith("\n", token.start):
            return token
        indent, end, skipped = begin - line, token.start, text[line : token.start].rstrip().endswith("{")
        while True:
            following = end + 1
            while following < len(text) and text[following] in " \t\n":
                following += 1
            deeper = indent_of(text, following)
            brace = skipped and deeper == indent and text.startswith("}", following)
            if following >= len(text) or (deeper <= indent and not brace):
                break
            skipped = not brace
            end = text.find("\n", following)
            if end < 0:
                end = len(text)
        if end == token.start:
            return token
        self.lexer.resume(end, depth)
        if end == len(text):
            return Token(END, end, end, "", depth)
        self.lexer.at = end + 1
        return Token(NL, end, end + 1, "\n", depth)

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
                if opens_line and token.depth >= depth and token.kind != "RBRACE" and BEGINS_ITEM.match(text, new):
                    lexer.resume(token.start, depth)
                    return Token(NL, new, new, "\n", depth)


def _word_length(text: str, at: int) -> int:
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return max(1, end - at)
