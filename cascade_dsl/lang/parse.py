"""Source → tree: an LALR(1) automaton over Lark's tables, with recovery.

The automaton keeps its own stack and calls the builder of each rule as it reduces, so that no depth of nesting is a depth
of calls. At a fault it says what is wrong once, then gives up the innermost item, statement or clause that the fault is
in: it goes back to the state in which that began, skips to the end of the line on which it ends, takes it for read, and
goes on. Faults that may be mere echoes of one already reported in the same item are kept to itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..base.diagnostics import Diagnostic, Source, Span, fail
from ..base.suggest import did_you_mean
from . import ast, tables
from .broken import Broken
from .build import BUILDERS, NESTING, Builder
from .expected import CLAUSES, accepts, explain
from .faults import Faults
from .layout import BEGINS_ITEM, DECLARES, indent_of
from .lexer import BAD, DEPTH_MAX, END, NL, NOTHING, Lexer, Token

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
_HEADER_LINES_MAX = 30
_BINDS = re.compile(r"[ \t]*([A-Za-z_]\w*)[ \t]*=(?!=)", re.ASCII)
_OPENS_ENV = re.compile(r"\benv[ \t]*\Z")


def _word_length(text: str, at: int) -> int:
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return max(1, end - at)


class Parsed:
    """What came of a text: its tree, of which the pieces in `broken` are missing; None where there is none."""

    __slots__ = ("broken", "comments", "diagnostics", "module")

    def __init__(
        self,
        module: ast.Module | None,
        diagnostics: tuple[Diagnostic, ...],
        broken: tuple[Broken, ...],
        comments: dict[int, int],
    ) -> None:
        self.module, self.diagnostics, self.broken = module, diagnostics, broken
        self.comments = comments
        """Start → end of each comment, as offsets."""


def parse_source(source: Source) -> Parsed:
    """The tree of a file and all that is wrong with it, in the order of the file. Raises nothing, whatever the text."""
    faults = Faults(source)
    nul = _nul(faults)
    parser = Parser(faults, "module")
    module: ast.Module | None = None if nul else parser.run()
    if module is not None and not module.items and not faults.findings.found:
        faults.add("CSC014", f"{source.path} holds no program", Span(0, 0), "write a task and a call of it")
        module = None
    if faults.fatal:
        module = None
    return Parsed(module, faults.findings.sorted(), tuple(parser.broken), parser.lexer.comments)


def parse_from(faults: Faults, start: str) -> Any:
    """What a start rule makes of a text; with findings in `faults` it is None or not to be used."""
    return None if _nul(faults) else Parser(faults, start).run()


def _nul(faults: Faults) -> bool:
    nul = faults.source.text.find("\0")
    if nul >= 0:
        faults.add("CSC013", "the text holds a NUL byte", Span(nul, nul + 1), "a program is plain text")
    return nul >= 0


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
    return source_of(data, name)


def source_of(data: bytes, name: str) -> Source:
    """The text that bytes are; raises CascadeError where they are none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fail(
            "CSC012", f"{name} is not UTF-8: byte {data[error.start]:#04x} on line {line}", help="save it as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise fail("CSC013", f"{name} holds a NUL byte on line {line}", help="a program is plain text")
    return Source(name, text.replace("\r\n", "\n"))


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
        self.broken: list[Broken] = []
        """What was given up."""
        self.whole = start == "module"
        self.broken_word = Token(END, 0, 0, "", 0)

    def run(self) -> Any:
        """The value of the start rule; None where the text is past recovery."""
        states, rows = self.states, self.tables.states
        rules, renamed = self.tables.rules, self.tables.renamed
        token = self.lexer.next(rows[states[-1]])
        while not self.faults.fatal:
            action = rows[states[-1]].get(token.kind)
            if action is None:
                following = self._recover(token)
                if following is None:
                    return None
                token = following
            elif action < 0:
                if rules[~action].unit:
                    key = (states[-2], states[-1], token.kind)
                    top = renamed.get(key)
                    states[-1] = self._rename(key) if top is None else top
                    continue
                self._reduce(~action)
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

    def _rename(self, key: tuple[int, int, str]) -> int:
        """The state on top once every unit rule that applies has been: an operand is an operator's, a sum's, a value."""
        below, top, kind = key
        row, rules = self.tables.states, self.tables.rules
        while (action := row[top].get(kind)) is not None and action < 0 and rules[~action].unit:
            top = row[below][rules[~action].origin]
        self.tables.renamed[key] = top
        return top

    def _reduce(self, number: int) -> None:
        rule = self.tables.rules[number]
        size, kind = rule.size, rule.kind
        if size:
            children = self.values[-size:]
            start, end, nest = self.starts[-size], self.ends[-1], max(self.nests[-size:])
            depth = self.depths[-1]
            del self.states[-size:], self.values[-size:], self.starts[-size:], self.ends[-size:]
            del self.nests[-size:], self.depths[-size:]
        else:
            at = self.ends[-1]  # what is empty ends where the last thing did, before any comment
            children, start, end, nest, depth = [], at, at, 0, self.depths[-1]
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
            value = BUILDERS[rule.name](self.builder, Span(start, end), *arguments)
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
        if token.kind == NL and "_BLOCK" in self.tables.states[self.states[-1]] and self.text.startswith("{", lexer.at):
            return lexer.next(self.tables.states[self.states[-1]])  # a header and its block, torn apart
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
                for name in re.finditer(r"[A-Za-z_]\w*(?=[^\n]*?\b(?:in|of)\b)", self.text[word.end : opens])
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

    def _report_torn(self, torn: tuple[str, int, str], token: Token) -> None:
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
            for item in _ITEMS:
                if item in row:
                    return at, item
        return 0, None

    def _torn(self, token: Token, begin: int, depth: int) -> tuple[str, int, str] | None:
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
        if outdented and len(opened) > depth and opened[-1][0] in ("(", "[", "record"):
            if (first and self.ends[-1] <= line) or (not first and BEGINS_ITEM.match(text, line)):
                return opened[-1]
        return self._torn_block(token, opened, line, indent) if first else None

    def _torn_block(
        self, token: Token, opened: list[tuple[str, int, str]], line: int, indent: int
    ) -> tuple[str, int, str] | None:
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
