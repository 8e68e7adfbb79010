"""The scanner: text → tokens, one at a time, each in the light of what the parser can take next.

It looks back only. A stack of what is open (brackets, blocks, strings and the places in them) says whether an end of line
matters and whether text or program stands here, so that strings in places in strings need no recursion. A word is a
keyword where the parser can take that keyword; where a name could stand too, by what follows it on its line.
Faults of the text itself (a bad escape, an unknown unit) are reported here and a token stands in for what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Literal

from ..base.diagnostics import Span
from ..base.quantity import DURATION_UNITS_NS, SIZE_UNITS
from .faults import Faults
from .layout import end_of_long_string, end_of_torn_text

DEPTH_MAX = 200
END = "$END"
BAD = "BAD"
NL = "_NL"
NOTHING: frozenset[str] = frozenset()

RESERVED = frozenset({"and", "or", "not", "in", "if", "else", "for", "true", "false", "none", "try"})

Open = Literal["(", "[", "{", "record", "place", "string"]
CLOSERS = {")": ("(",), "]": ("[",), "}": ("{", "record")}
OPENED_WITH: dict[Open, str] = {"(": "(", "[": "[", "{": "{", "record": "{", "place": "{{"}

_BINARY = frozenset(
    "COMMA OR AND NOT IN EQ NE LT LE GT GE COALESCE PLUS MINUS STAR SLASH FLOOR PERCENT POWER VBAR".split()  # noqa: SIM905
)
_NO_LINE_AFTER = _BINARY | {"", "_BLOCK", NL}

_SPACE = re.compile(r"(?:[ \t\r\f]++|#[^\n]*+)*+")
_LINES = re.compile(r"(?:[ \t\r\f\n;]++|#[^\n]*+)*+")
_ELSE = re.compile(r"else\b")
_COMMENT = re.compile(r"#[^\n]*")
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NUMBER = re.compile(r"\d(?:\w|\.(?=\d)|(?<=\d[eE])[+-](?=\d))*", re.ASCII)
_OPERATOR = re.compile(r"\*\*|//|\?\?|==|!=|<=|>=|->|\.\.|[-+*/%<>=.,:?|(){}\[\]]")

_DIGITS = r"\d+(?:_\d+)*"
_INT = re.compile(_DIGITS)
_FLOAT = re.compile(rf"{_DIGITS}(?:\.{_DIGITS})?(?:[eE][+-]?\d+)?")
_DURATION = re.compile(rf"(?:{_DIGITS}(?:\.{_DIGITS})?(?:{'|'.join(DURATION_UNITS_NS)}))+")
_SIZE = re.compile(rf"{_DIGITS}(?:\.{_DIGITS})?(?:{'|'.join(SIZE_UNITS)})")
_RATE = re.compile(rf"({_DIGITS}(?:\.{_DIGITS})?(?:{'|'.join(SIZE_UNITS)})?)/([smhd])\b(?!\s*[.(\[])")
_TIME = re.compile(r"\d{1,2}:\d{2}(?!\w)")
_DAYS = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)(?:[-,](?:mon|tue|wed|thu|fri|sat|sun))*(?!\w)")
_SCOPE = re.compile(r"[A-Za-z_]\w*(?::[^\s;#\"'(){}]*)?", re.ASCII)

# what follows a word that is a name although a keyword could stand there
_AS_NAME = re.compile(r"[ \t]*(?:=(?!=)|[.(\[])")
_AS_NAME_BUT_OPENS = re.compile(r"[ \t]*(?:=(?!=)|\.)")
_NO_LOOP = re.compile(r"(?![ \t]+[A-Za-z_]\w*[ \t]*=(?!=))")
_NO_WORD = re.compile(r"(?![ \t]+[A-Za-z_\"({])")
_NAME_UNLESS: dict[str, re.Pattern[str]] = {
    "return": _AS_NAME_BUT_OPENS,
    "by": _AS_NAME_BUT_OPENS,
    "repeat": _NO_LOOP,
    "temp": _NO_WORD,
}
_SCOPE_FOLLOWS = re.compile(r"[ \t]+[A-Za-z_]|[ \t]*\Z")

TEXTS: dict[str, re.Pattern[str]] = {
    '"': re.compile(r'[^"\\{\n]+|\\\{\{|\\[^\n]|\{(?!\{)'),
    '"""': re.compile(r'[^"\\{]+|\\\{\{|\\"""|\\|\{(?!\{)|"(?!"")'),
    "'": re.compile(r"[^'\n]+"),
    "'''": re.compile(r"[^']+|'(?!'')"),
}
"""By quotes: one piece of what stands between them. Pieces are taken one by one, so that nothing is ever tried twice:
possessive quantifiers would say it in one pattern, and are wrong over groups before Python 3.11.5."""
_CODES: dict[str, re.Pattern[str]] = TEXTS | {
    '"': re.compile(r'[^"\\\n]+|\\[^\n]'),
    '"""': re.compile(r'[^"\\]+|\\"""|\\|"(?!"")'),
}


def text_end(piece: re.Pattern[str], text: str, at: int) -> int:
    """Where a run of pieces ends."""
    while (match := piece.match(text, at)) is not None:
        at = match.end()
    return at


class Token:
    """A piece of the text. `depth` counts what is open after it."""

    __slots__ = ("depth", "end", "kind", "start", "text")

    def __init__(self, kind: str, start: int, end: int, text: str, depth: int) -> None:
        self.kind, self.start, self.end, self.text, self.depth = kind, start, end, text, depth

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


class Lexer:
    """Tokens of a text in order. `stack` holds what is open: its kind, where it opened, and the quotes of a string."""

    __slots__ = ("at", "comments", "faults", "literals", "previous", "quiet", "stack", "text")

    def __init__(self, text: str, literals: Mapping[str, str], faults: Faults) -> None:
        self.text = text
        self.literals = literals
        self.faults = faults
        self.at = 0
        self.stack: list[tuple[Open, int, str]] = []
        self.previous = ""
        self.comments: dict[int, int] = {}
        """Start → end of each comment."""
        self.quiet = False
        """In text that is skipped after a fault, stray characters and brackets are its echo."""

    def next(self, can: Container[str]) -> Token:
        """The next token, where the parser can take one of `can`; the parser's error recovery passes nothing."""
        stack = self.stack
        if stack and stack[-1][0] == "string":
            return self._in_string()
        line = self._skip_space()
        if line is not None:
            return line
        text, start = self.text, self.at
        if start >= len(text):
            return self._token(END, start)
        char = text[start]
        if char.isascii():
            if char.isalpha() or char == "_":
                return self._word(can)
            if char.isdigit():
                return self._number(can)
            if char == '"' or char == "'":
                return self._string(can)
            operator = _OPERATOR.match(text, start)
            if operator is not None:
                return self._operator(operator[0], can)
        return self._stray(char)

    def resume(self, at: int, depth: int) -> None:
        """Go on at an offset, with only the first `depth` of what was open still open."""
        self.at = at
        del self.stack[depth:]
        self.previous = NL

    # ---- ends of line

    def _skip_space(self) -> Token | None:
        text = self.text
        while True:
            start = self.at
            end = self._blank(_SPACE, start)
            if end < len(text) and text[end] in "\n;":
                inside = bool(self.stack) and self.stack[-1][0] != "{"
                if text[end] == ";" and inside:
                    self.at = end
                    return self._bad("CSC016", "`;` inside brackets", 1, "close the brackets first")
                if inside:
                    if self.stack[-1][0] == "place" and self._one_line_string() is not None:
                        return self._open_place_at_line_end(end)
                    self.at = end + 1
                    continue
                self.at = self._blank(_LINES, end)
                if self.previous in _NO_LINE_AFTER or (text[end] != ";" and _ELSE.match(text, self.at)):
                    continue
                self.previous = NL
                return Token(NL, end, end + 1, "\n", len(self.stack))
            self.at = end
            return None

    def _blank(self, pattern: re.Pattern[str], start: int) -> int:
        match = pattern.match(self.text, start)
        end = match.end() if match else start
        at = self.text.find("#", start, end)
        while at >= 0:
            comment = _COMMENT.match(self.text, at)
            assert comment is not None
            self.comments[at] = comment.end()
            at = self.text.find("#", comment.end(), end)
        return end

    # ---- words and numbers

    def _word(self, can: Container[str]) -> Token:
        text, start = self.text, self.at
        if "SCOPE" in can:
            scope = _SCOPE.match(text, start)
            assert scope is not None
            if not ("LIMIT" in can and scope[0] == "limit" and _SCOPE_FOLLOWS.match(text, scope.end())):
                return self._token("SCOPE", scope.end())
        if "DAYS" in can:
            days = _DAYS.match(text, start)
            if days is not None:
                return self._token("DAYS", days.end())
        word = _WORD.match(text, start)
        assert word is not None
        end = word.end()
        if "FIELD" in can:
            return self._token("FIELD", end)
        name = word[0]
        kind = self.literals.get(name)
        if kind is None or (name not in RESERVED and kind not in can):
            return self._token("NAME", end)
        if name not in RESERVED and "NAME" in can and _NAME_UNLESS.get(name, _AS_NAME).match(text, end):
            return self._token("NAME", end)
        return self._token(kind, end)

    def _number(self, can: Container[str]) -> Token:
        text, start = self.text, self.at
        if "TIME" in can:
            time = _TIME.match(text, start)
            if time is not None:
                return self._token("TIME", time.end())
        if "RATE" in can:
            rate = _RATE.match(text, start)
            if rate is not None:
                return self._token("RATE", rate.end())
        number = _NUMBER.match(text, start)
        assert number is not None
        if _INT.fullmatch(number[0]):
            return self._token("INT", number.end())
        if _FLOAT.fullmatch(number[0]):
            return self._token("FLOAT", number.end())
        if _DURATION.fullmatch(number[0]):
            return self._token("DURATION", number.end())
        if _SIZE.fullmatch(number[0]):
            return self._token("SIZE", number.end())
        self.faults.number(Span(start, number.end()), number[0])
        return self._token("INT", number.end(), "")

    # ---- strings

    def _string(self, can: Container[str]) -> Token:
        text, start = self.text, self.at
        quote = text[start] * 3 if text.startswith(text[start] * 3, start) else text[start]
        code = "CODE" in can or (can is NOTHING and self.previous == "PYTHON")
        if len(quote) == 3:
            torn = end_of_torn_text(text, start, quote)
            if torn is not None:
                return self._torn_text(start, torn, quote, "CODE" if code else "STRING")
        end = text_end((_CODES if code else TEXTS)[quote], text, start + len(quote))
        if text.startswith(quote, end):
            return self._token("CODE" if code else "STRING", end + len(quote))
        if not code and text.startswith("{{", end):
            return self._open("string", "_OPEN_STRING", start + len(quote), quote)
        return self._unclosed_string(start, end, quote, "CODE" if code else "STRING")

    def _in_string(self) -> Token:
        text, start = self.text, self.at
        _, opened, quote = self.stack[-1]
        end = text_end(TEXTS[quote], text, start)
        if end > start:
            return self._token("TEXT", end)
        if text.startswith("{{", end):
            return self._open("place", "_OPEN_PLACE", end + 2)
        if not text.startswith(quote, end):
            self.stack.pop()
            return self._unclosed_string(opened, end, quote, "_CLOSE_STRING")
        self.stack.pop()
        return self._token("_CLOSE_STRING", end + len(quote))

    def _one_line_string(self) -> tuple[int, int] | None:
        """Where the outermost string of one line that is open begins, and its first open place; None where there is none."""
        found: int | None = None
        for kind, opened, quote in self.stack:
            if kind == "string":
                if found is None and len(quote) == 1:
                    found = opened
            elif kind == "place" and found is not None:
                return found, opened
        return None

    def _unclosed_string(self, start: int, end: int, quote: str, kind: str) -> Token:
        outer = self._one_line_string()
        if len(quote) == 3:
            self.faults.add(
                "CSC004", f"`{quote}` is not closed", Span(start, start + 3), f"close the string with `{quote}`"
            )
            self.faults.fatal = True
        elif outer is not None:
            return self._open_place_at_line_end(end)
        else:
            end = self._end_of_line(end)
            longer = end_of_long_string(self.text, start, end, quote)
            if not self.quiet:
                help = f"a string of several lines stands in `{quote * 3}`"
                help = help if longer is not None else f"close it with `{quote}`; {help}"
                self.faults.add("CSC004", "the string is not closed on its line", Span(start, end), help)
            end = end if longer is None else longer
        return self._token(kind, end)

    def _end_of_line(self, at: int) -> int:
        """The end of the line, without the `}` that closes what was opened on it."""
        text = self.text
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        begin = text.rfind("\n", 0, at) + 1
        opened = [start for kind, start, _ in self.stack if kind in ("{", "record")]
        if opened and opened[-1] >= begin and text[at:end].rstrip().endswith("}"):
            return max(at, text.rindex("}", at, end))
        return end

    def _torn_text(self, start: int, end: int, quote: str, kind: str) -> Token:
        if not self.quiet:
            self.faults.add(
                "CSC004", f"`{quote}` is not closed", Span(start, start + 3), f"close the string with `{quote}`"
            )
        return self._token(kind, end)

    def _open_place_at_line_end(self, end: int) -> Token:
        """A line ends inside `{{ }}` of a string of one line: give up that string."""
        outer = self._one_line_string()
        assert outer is not None
        string, place = outer
        if not self.quiet:
            self.faults.add("CSC004", "`{{` is not closed on its line", Span(place, place + 2), "close it with `}}`")
        while self.stack and self.stack[-1][1] >= string:
            self.stack.pop()
        return self._token(BAD, max(self.at, self._end_of_line(place + 2)))

    # ---- brackets and operators

    def _operator(self, operator: str, can: Container[str]) -> Token:
        end = self.at + len(operator)
        match operator:
            case "(" | "[":
                return self._open(operator, self.literals[operator], end)
            case "{":
                block = "_BLOCK" in can or ("_RECORD" not in can and not (self.stack and self.stack[-1][0] != "{"))
                return self._open("{", "_BLOCK", end) if block else self._open("record", "_RECORD", end)
            case ")" | "]" | "}":
                return self._close(operator, end)
            case "=" if "EQUAL" not in can and "EQ" in can and not self.text.startswith("=", end):
                help = (
                    "an entry of a record is `key: value`"
                    if self.stack and self.stack[-1][0] == "record"
                    else "`==` compares"
                )
                return self._bad("CSC001", "`=` binds a name and cannot stand here", 1, help)
            case "|" if self.text.startswith("||", self.at):
                return self._bad("CSC006", "`||` is not part of the language", 2, _FOREIGN["||"])
            case _:
                return self._token(self.literals[operator], end)

    def _open(self, kind: Open, token: str, end: int, quote: str = "") -> Token:
        if len(self.stack) >= DEPTH_MAX:
            self.faults.too_deep(Span(self.at, end))
        self.stack.append((kind, self.at, quote))
        return self._token(token, end)

    def _close(self, closer: str, end: int) -> Token:
        stack, start = self.stack, self.at
        if closer == "}" and stack and stack[-1][0] == "place":
            if self.text.startswith("}}", start):
                stack.pop()
                return self._token("_CLOSE_PLACE", start + 2)
            return self._bad("CSC003", "a single `}` cannot close `{{`", 1, "write `}}`")
        wanted = CLOSERS[closer]
        if stack and stack[-1][0] in wanted:
            stack.pop()
            return self._token(self.literals[closer], end)
        if not stack:
            return self._bad("CSC003", f"`{closer}` closes nothing", 1, "remove it, or open it first")
        _, opened, _ = top = stack[-1]
        if top[0] == "{":
            return self._bad("CSC003", f"`{closer}` closes nothing", 1, "remove it, or open it first")
        mend = {"(": ")", "[": "]", "place": "}}"}.get(top[0], "}")
        if not self.quiet:
            opener = OPENED_WITH[top[0]]
            self.faults.unclosed(Span(opened, opened + len(opener)), opener, mend, Span(start, end))
        at = len(stack) - 1
        while at >= 0 and stack[at][0] not in wanted and stack[at][0] != "string":
            at -= 1
        if at >= 0 and stack[at][0] in wanted:
            del stack[at:]
            return self._token(self.literals[closer], end)
        return self._token(BAD, end)

    def _stray(self, char: str) -> Token:
        text, start = self.text, self.at
        for wrong, mend in _FOREIGN.items():
            if text.startswith(wrong, start):
                return self._bad("CSC006", f"`{wrong}` is not part of the language", len(wrong), mend)
        if char.isalpha():
            return self._bad("CSC006", f"`{char}` cannot stand in a name", 1, "names are made of A-Z, a-z, 0-9 and `_`")
        shown = f"`{char}`" if char.isprintable() and not char.isspace() else f"the character U+{ord(char):04X}"
        mend = "write a plain space" if char.isspace() else "remove it, or put it into a string"
        return self._bad("CSC006", f"{shown} is not part of the language", 1, mend)

    # ---- tokens

    def _token(self, kind: str, end: int, text: str | None = None) -> Token:
        start, self.at, self.previous = self.at, end, kind
        return Token(kind, start, end, self.text[start:end] if text is None else text, len(self.stack))

    def _bad(self, code: str, message: str, length: int, help: str) -> Token:
        if not self.quiet:
            self.faults.add(code, message, Span(self.at, self.at + length), help)
        return self._token(BAD, self.at + length)


_FOREIGN = {
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    "“": 'quotes are plain: `"`',
    "”": 'quotes are plain: `"`',
    "‘": "quotes are plain: `'`",
    "’": "quotes are plain: `'`",
    "$": "a value of the program is written by its name; variables of the shell stand in `sh` bodies",
    "`": "strings stand in `\"` or `'`",
}
"""What other languages write, and what to write here."""
