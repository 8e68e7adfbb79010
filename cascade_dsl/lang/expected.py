"""Syntax errors in words: what was expected, what stands there, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..base.diagnostics import Span
from ..base.quantity import DURATION_UNITS_NS, SIZE_UNITS
from ..base.suggest import did_you_mean
from .faults import Faults
from .habits import habit
from .lexer import END, NL, RESERVED, Token
from .tables import Tables

_VALUES = frozenset(
    "INT FLOAT DURATION SIZE NAME STRING _OPEN_STRING LPAR LSQB _RECORD MINUS NOT TRUE FALSE NONE TRY REPEAT RATE".split()  # noqa: SIM905
)
_TYPES = frozenset("NAME STRING _OPEN_STRING LPAR _RECORD".split())  # noqa: SIM905
_OPERATORS = frozenset(
    "OR AND NOT IN EQ NE LT LE GT GE COALESCE PLUS MINUS STAR SLASH FLOOR PERCENT POWER DOT LPAR LSQB IF AFTER WITH".split()  # noqa: SIM905
)
_BINARY = _OPERATORS - {"NOT", "IN", "DOT", "LPAR", "LSQB", "IF", "AFTER", "WITH"}
_DECLARATIONS = ("use", "param", "secret", "type", "limit", "task", "flow", "finally", "test", "output")
_STATEMENTS = ("if", "for", "output", "return")
_CLAUSES = (
    "requires", "limit", "retry", "timeout", "cache", "env", "priority", "tag", "in", "shell", "sh", "exec", "python",
)  # fmt: skip
_TEST_STATEMENTS = ("mock", "let", "expect")
_LIMIT_OPTIONS = ("burst", "whole", "by", "for", "until", "from", "hard", "because")
_OTHER_WORDS = {
    "elif": "write `else if`",
    "let": "a binding is `name = value`",
    "var": "a binding is `name = value`",
    "const": "a binding is `name = value`",
    "def": "work is a `task`, steps of work are a `flow`",
    "function": "work is a `task`, steps of work are a `flow`",
    "fn": "work is a `task`, steps of work are a `flow`",
    "import": "write `use`",
    "include": "write `use`",
    "rule": "write `task`",
    "process": "write `task`",
    "workflow": "write `flow`",
    "input": "write `param`",
    "while": "write `repeat`",
    "bash": "write `sh`",
    "script": "write `sh`",
    "command": "write `sh` or `exec`",
    "resources": "write `requires`",
    "memory": "write `requires mem = …`",
    "cpus": "write `requires cpu = …`",
    "retries": "write `retry`",
    "tags": "write `tag`",
}  # fmt: skip
"""Words of other languages, and what to write here."""
_KINDS = {
    "NAME": "a name", "FIELD": "a name", "INT": "a number", "STRING": "a string", "_OPEN_STRING": "a string", "CODE": "a string",
    "SCOPE": "a scope", "TIME": "a time such as `09:00`", "DAYS": "days such as `mon-fri`", "_BLOCK": "`{`", "_RECORD": "`{`",
    "_CLOSE_PLACE": "`}}`", NL: "the end of the line", END: "the end of the file", "RATE": "a rate", "FLOAT": "a number",
    "DURATION": "a duration", "SIZE": "a size", "TEXT": "text",
}  # fmt: skip
_SHOWN_MAX = 5
_BARE_PLACE = re.compile(r"[=(,\[+]\s*\{\{[^\"'{}]*$")
"""A place outside a string, up to its end."""


def acceptable(tables: Tables, states: Sequence[int]) -> set[str]:
    """The terminals that can really stand next: those that a state's row names may fail after the reductions."""
    found: set[str] = set()
    for kind, action in tables.states[states[-1]].items():
        stack = list(states[-64:])
        at: int | None = action
        while at is not None and at < 0:
            rule = tables.rules[~at]
            if rule.size >= len(stack):
                stack = list(states)  # deeper than the cut: start over with all of it
                at = action
                if rule.size >= len(stack):
                    break
                while at is not None and at < 0:
                    at = _reduce(tables, stack, at, kind)
                break
            at = _reduce(tables, stack, at, kind)
        if at is not None and (at >= 0 or kind == END):
            found.add(kind)
    return {kind for kind in found if kind in tables.literals.values() or kind in _KINDS}


def _reduce(tables: Tables, stack: list[int], action: int, kind: str) -> int | None:
    rule = tables.rules[~action]
    if rule.size:
        del stack[-rule.size :]
    stack.append(tables.states[stack[-1]][rule.origin])
    if kind == END and stack[-1] in {last for _, last in tables.starts.values()}:
        return 0
    return tables.states[stack[-1]].get(kind)


def explain(
    faults: Faults,
    tables: Tables,
    states: Sequence[int],
    token: Token,
    previous: object,
    previous_end: int,
    item: str | None,
    begin: int,
) -> None:
    """Report a token that cannot stand where it does: `previous` is the value before it; the `item` around it begins at `begin`."""
    can = acceptable(tables, states)
    if NL in can and item != "clause":
        can.discard("COMMA")  # it may only follow `after`
    if habit(faults, can, token, previous, previous_end, item, begin):
        return
    text = faults.source.text
    at = token.span if token.kind not in (NL, END) else Span(previous_end, previous_end)
    if token.kind == END and not text[:previous_end].strip():
        at = Span(0, 0)
    word = token.text if token.text[:1].isalpha() or token.text[:1] == "_" else ""
    if (
        isinstance(previous, Token)
        and previous.kind == "NAME"
        and previous.start == begin
        and _unknown(faults, can, previous, token)
    ):
        return
    if word and token.start == begin and _begins(can) and token.kind not in ("STRING", "CODE"):
        known = [w for words in _begins(can) for w in words]
        mend = _OTHER_WORDS.get(word) or did_you_mean(word, known)
        if "REQUIRES" in can:
            where = "not a clause of a task" if word in _DECLARATIONS + _STATEMENTS else "no clause or body"
            faults.add("CSC015", f"`{word}` is {where}", at, mend or f"clauses and bodies are {', '.join(_CLAUSES)}")
            return
        if "EXPECT" in can:
            faults.add("CSC015", f"`{word}` cannot stand in a test", at, mend or "a test holds mock, let and expect")
            return
    if isinstance(previous, Token) and previous.kind == "COMMA" and can == {"NAME"} and item in ("item", "statement"):
        faults.add(
            "CSC001", "expected the end of the line, found `,`", previous.span, "several values make a list: `[a, b]`"
        )
        return
    expected = _in_words(tables, can)
    if faults.source.path.startswith("<"):
        expected = expected.replace("the end of the file", "the end")
    found = f"`{token.text}`" if token.kind not in _KINDS or token.kind in ("NAME", "FIELD") else _KINDS[token.kind]
    if token.kind in ("INT", "FLOAT", "DURATION", "SIZE", "SCOPE", "TIME", "DAYS", "RATE"):
        found = f"`{token.text}`"
    bound = token.start == begin and text[token.end :].lstrip(" \t").startswith("=")
    if token.text in RESERVED and "NAME" in can and ("INT" not in can or bound):
        faults.add("CSC020", f"`{token.text}` is a reserved word", at, "choose another name")
        return
    if token.kind == END and faults.source.path.startswith("<"):
        found = "the end"
    faults.add("CSC001", f"expected {expected}, found {found}", at, _mend(faults, can, token, previous_end, begin))


def _begins(can: set[str]) -> list[tuple[str, ...]]:
    if "REQUIRES" in can:
        return [_CLAUSES]
    return [_TEST_STATEMENTS] if "EXPECT" in can else []


def _unknown(faults: Faults, can: set[str], word: Token, token: Token) -> bool:
    """A line that begins with two words begins with a keyword that there is not."""
    if (
        token.kind not in ("NAME", "STRING", "_OPEN_STRING", "_BLOCK", "INT", "DURATION")
        and not token.text.isidentifier()
    ):
        return False
    if token.text in RESERVED or not {NL, "EQUAL"} & can:
        return False
    mend = _OTHER_WORDS.get(word.text) or did_you_mean(word.text, {*_DECLARATIONS, *_STATEMENTS})
    faults.add(
        "CSC015",
        f"unknown word `{word.text}`",
        word.span,
        mend or "a line begins with a declaration, `name = …` or a call",
    )
    return True


def _in_words(tables: Tables, can: set[str]) -> str:
    """The terminals as a person would name them, the most telling first."""
    can = set(can)
    said: list[str] = []
    if {"TASK", "PARAM"} <= can:
        return "a declaration or a statement"
    if {"REQUIRES", "SH"} <= can:
        said.append("a clause or a body")
        can -= {tables.literals[word] for word in _CLAUSES}
    if {"MOCK", "EXPECT"} <= can:
        said.append("`mock`, `let` or `expect`")
        can -= {"MOCK", "EXPECT", "LET"}
    if {"RETURN", "OUTPUT"} <= can:
        said.append("a statement")
        can -= _VALUES | {"RETURN", "OUTPUT", "IF", "FOR"}
    if {"BURST", "BECAUSE"} <= can:
        said.append("an option such as `for 10m`")
        can -= {"BURST", "WHOLE", "BY", "FOR", "UNTIL", "FROM", "HARD", "BECAUSE"}
    if "INT" in can and "NAME" in can:
        said.append("an amount" if "RATE" in can else "a value")
        can -= _VALUES
    elif {"NAME", "STRING", "LPAR"} <= can:
        said.append("a type")
        can -= _TYPES
    if "PLUS" in can:
        can -= _OPERATORS
    if len(can - _BINARY) > 0:
        can -= _BINARY  # an operator may nearly always follow
    if "QMARK" in can and can - {"DOT", "QMARK", "LSQB"}:
        can -= {"DOT", "QMARK", "LSQB"}  # nor what may follow a type
    if "TEXT" in can:
        can -= {"TEXT", "_OPEN_PLACE"}
    if NL in can:
        can.discard(END)
    names = {terminal: word for word, terminal in tables.literals.items()}
    said += sorted({_KINDS.get(kind) or f"`{names[kind]}`" for kind in can}, key=_rank)
    if len(said) > _SHOWN_MAX:
        said = said[:_SHOWN_MAX]
    return " or ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else (said[0] if said else "something else")


def _rank(phrase: str) -> tuple[int, str]:
    if phrase.startswith("the end"):
        return 2, phrase
    return (1 if phrase[1:2].isalpha() and phrase.startswith("`") else 0), phrase


def _last_word(text: str, end: int) -> str:
    begin = end
    while begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        begin -= 1
    return text[begin:end]


def _mend(faults: Faults, can: set[str], token: Token, previous_end: int, begin: int) -> str | None:
    text = faults.source.text
    if token.kind == NL and can & {"_BLOCK"}:
        after = text[token.start :].lstrip()
        return "the `{` of a block stands on its header's line" if after.startswith("{") else None
    if token.kind == "NAME" and {"BURST", "BECAUSE"} <= can:
        return did_you_mean(token.text, _LIMIT_OPTIONS)
    if token.kind == "_CLOSE_PLACE" and "INT" in can:
        return "a place holds an expression; `\\{{` is the text `{{`"
    line = text.rfind("\n", 0, token.start) + 1
    if token.text == "=" and begin < line and text[line : token.start].strip().isidentifier():
        return "the line above ends in an operator or a comma, so that it goes on here"
    if token.text == "=" and "EQ" in can:
        return "`==` compares"
    if token.kind == "COMMA" and {"RSQB", "QMARK"} <= can:
        return "`list[T]` and `dict[T]` take one type; the keys of a dict are strings"
    if "COLON" in can and "LPAR" not in can and token.kind in ("RPAR", "COMMA", "EQUAL"):
        return f"write its type: `{_last_word(text, previous_end)}: str`"
    if "RANGE" in can and token.kind in (NL, END):
        return f"two bounds: `{_last_word(text, previous_end)}..1m`"
    if token.kind == "RBRACE" and text.startswith("}}", token.start) and _BARE_PLACE.search(text, line, previous_end):
        return "`{{ }}` stands in strings; elsewhere a name stands bare"
    if token.text == "elif":
        return _OTHER_WORDS["elif"]
    if token.kind == "VBAR" and "OR" in can:
        return "a function is called, `upper(x)`; for a choice write `or`" if "_CLOSE_PLACE" in can else "write `or`"
    if token.kind == "COLON" and {"EQUAL", NL} <= can:
        return "the type of a binding is inferred: `name = value`"
    if token.text in DURATION_UNITS_NS or token.text in SIZE_UNITS:
        number = text[text.rfind(" ", 0, previous_end) + 1 : previous_end]
        return f"a number and its unit are one word: `{number}{token.text}`" if number.isdigit() else None
    if token.text in ("try", "repeat"):
        return f"`{token.text}` inside an operator stands in parentheses"
    if token.kind == "IF" and "RPAR" not in can:
        return "a ternary inside an operator stands in parentheses"
    return None
