"""Common slips of syntax and their mends: what other languages write, and what is easily forgotten."""

from __future__ import annotations

import re

from ..base.quantity import DURATION_UNITS_NS, SIZE_UNITS
from ..base.suggest import did_you_mean, nearest
from .faults import LONG_UNITS
from .lexer import END, NL, Token

LIMIT_OPTIONS = ("burst", "whole", "by", "for", "until", "from", "hard", "because")
OTHER_WORDS = {
    "elif": "write `else if`",
    "elseif": "write `else if`",
    "elsif": "write `else if`",
    "let": "a binding is `name = value`",
    "var": "a binding is `name = value`",
    "const": "a binding is `name = value`",
    "def": "work is a `task`, steps of work are a `flow`",
    "function": "work is a `task`, steps of work are a `flow`",
    "func": "work is a `task`, steps of work are a `flow`",
    "fn": "work is a `task`, steps of work are a `flow`",
    "class": "a record has a type: `type Sample = {id: str}`",
    "struct": "a record has a type: `type Sample = {id: str}`",
    "import": "write `use`",
    "include": "write `use`",
    "from": "write `use`",
    "rule": "write `task`",
    "process": "write `task`",
    "step": "write `task`",
    "job": "write `task`",
    "workflow": "write `flow`",
    "input": "write `param`",
    "params": "write `param`",
    "config": "write `param`",
    "while": "write `repeat`",
    "bash": "write `sh`",
    "shell": "write `sh`",
    "script": "write `sh`",
    "run": "write `sh`",
    "command": "write `sh` or `exec`",
    "resources": "write `requires`",
    "memory": "write `requires mem = …`",
    "mem": "write `requires mem = …`",
    "cpus": "write `requires cpu = …`",
    "cpu": "write `requires cpu = …`",
    "threads": "write `requires cpu = …`",
    "retries": "write `retry`",
    "tags": "write `tag`",
    "print": "`output NAME = …` is what the run gives back",
}  # fmt: skip
"""Words of other languages, and what to write here."""
MEANT = {
    "let": "", "var": "", "const": "", "input": "param", "params": "param", "config": "param", "resources": "requires",
    "retries": "retry", "tags": "tag", "bash": "sh", "script": "sh", "run": "sh",
}  # fmt: skip
"""Of some of them, the keyword that can stand in their place, so that what follows can be read; or nothing."""
_SAID_OTHERWISE = {
    "is": "`==` and `!=` compare",
    "AND": "write `and`",
    "OR": "write `or`",
    "NOT": "write `not`",
    "xor": "write `a != b`",
    "mod": "write `%`",
    "then": "a block stands in `{ }`",
    "do": "a block stands in `{ }`",
    "lambda": "a function is a `flow`; a list is changed by `[f(x) for x in xs]`",
    "unless": "write `if not`",
}
_BARE_PLACE = re.compile(r"[=(,\[+]\s*\{\{[^\"'{}]*$")
"""A place outside a string, up to its end."""
_VALUE_BEGINS = frozenset("NAME INT FLOAT DURATION SIZE STRING _OPEN_STRING TRUE FALSE NONE _RECORD LSQB".split())  # noqa: SIM905
_CLOSERS = {"RPAR", "RSQB", "RBRACE"}
_NUMBER_BEFORE = re.compile(r"(\d[\d_]*(?:\.\d+)?)\s*\Z")


def last_word(text: str, end: int) -> str:
    """The name that ends at an offset."""
    begin = end
    while begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        begin -= 1
    return text[begin:end]


def unit_mend(text: str, token: Token, previous_end: int) -> str | None:
    """`10 s` and `3 GB` are one word."""
    number = _NUMBER_BEFORE.search(text, max(0, previous_end - 40), previous_end)
    if number is None:
        return None
    unit = token.text if token.text in DURATION_UNITS_NS or token.text in SIZE_UNITS else None
    unit = unit or LONG_UNITS.get(token.text.lower()) or LONG_UNITS.get(token.text.lower().rstrip("s"))
    unit = unit or next((u for u in nearest(token.text, SIZE_UNITS) if u.lower() == token.text.lower()), None)
    return f"a number and its unit are one word: `{number[1]}{unit}`" if unit else None


def mend(text: str, can: set[str], token: Token, previous: object, previous_end: int, begin: int) -> str | None:
    """The mend of a token that cannot stand where it does, where one of `can` could; None where none is known."""
    line = text.rfind("\n", 0, token.start) + 1
    rest = text[token.end : token.end + 80]
    if token.kind == NL and "_BLOCK" in can:
        after = text[token.start :].lstrip()
        return "the `{` of a block stands on its header's line" if after.startswith("{") else "a block follows: `{ … }`"
    if token.kind == NL and token.text == "\n" and can & _CLOSERS and "COMMA" in can:
        return None
    if (
        isinstance(previous, Token)
        and previous.start == begin
        and token.text in ("=", ":", "(")
        and previous.kind not in ("NAME", "STRING")
        and previous.text.isidentifier()
    ):
        return keyword_mend(previous.text, token.text)
    if token.kind == "NAME" and rest.lstrip(" \t")[:1] not in ("=", ":"):
        unit = unit_mend(text, token, previous_end)
        if unit is not None and token.start > previous_end:
            return unit
    if token.kind == "NAME":
        if token.text in _SAID_OTHERWISE and "OR" in can | {"OR" if "_BLOCK" in can else ""}:
            return _SAID_OTHERWISE[token.text]
        if token.text == "of" and "IN" in can:
            return "write `in`"
    if {"BURST", "BECAUSE"} <= can:
        if token.kind == "NAME":
            return did_you_mean(token.text, LIMIT_OPTIONS)
        scope = re.match(r"[ \t]*(?:limit[ \t]+)?(task|tag|flow)[ \t]+(\w+)[ \t]*\Z", text[line : token.start])
        if scope is not None:
            return f"a scope is one word: `limit {scope[1]}:{scope[2]} {token.text}`"
    if token.kind == "_CLOSE_PLACE" and "INT" in can:
        return "a place holds an expression; `\\{{` is the text `{{`"
    if token.text == "=":
        if begin < line and text[line : token.start].strip().isidentifier():
            return "the line above ends in an operator or a comma, so that it goes on here"
        if (
            isinstance(previous, Token)
            and previous.kind in ("PLUS", "MINUS", "STAR", "SLASH")
            and previous.end == token.start
        ):
            return "a name is bound once; give the new value a name of its own"
        if rest.startswith(">") and can & {"ARROW", "_BLOCK"}:
            return "outputs stand after `->`"
        if "COLON" in can and "LPAR" not in can:
            return f"write its type: `{last_word(text, previous_end)}: str`"
        if "INT" in can and "SCOPE" not in can and "RATE" in can:
            return "an amount follows its scope without `=`"
        if {"EQ", "COLON"} <= can and "RSQB" not in can:
            return "an entry of a record is `key: value`"
        if "EQ" in can:
            return "`==` compares"
    if "ARROW" in can and token.kind in ("COLON", "NAME", "MINUS", "GT"):
        kind = token.text if token.kind == "NAME" else (re.match(r"[ \t>]*(\w+)", rest) or ["", "file"])[1]
        return f"outputs stand after `->`: `-> {kind}`"
    if token.kind == "COLON" and "_BLOCK" in can:
        return "a block stands in `{ }`"
    if token.kind == "COLON" and "EQUAL" in can:
        if rest.startswith("=") or NL not in can:
            return f"write `{last_word(text, previous_end)} = …`"
        return "the type of a binding is inferred: `name = value`"
    if token.kind == "COLON" and {"COMMA", "RPAR"} <= can:
        return "an argument is given by name as `name = value`"
    if token.kind == "COMMA" and {"RSQB", "QMARK"} <= can:
        return "`list[T]` and `dict[T]` take one type; the keys of a dict are strings"
    if "COLON" in can and "LPAR" not in can and token.kind in ("RPAR", "COMMA", "NAME"):
        type_ = token.text if token.kind == "NAME" and "QMARK" not in can else "str"
        if "NAME" not in can and "STRING" not in can and last_word(text, previous_end):
            return f"write its type: `{last_word(text, previous_end)}: {type_}`"
    if "EQUAL" in can and token.kind in ("INT", "FLOAT", "SIZE", "DURATION") and last_word(text, previous_end):
        return f"write `{last_word(text, previous_end)} = {token.text}`"
    if "RANGE" in can and token.kind in (NL, END):
        return f"two bounds: `{last_word(text, previous_end)}..1m`"
    if "RANGE" in can and token.kind == "DURATION":
        return f"two bounds: `{last_word(text, previous_end)}..{token.text}`"
    if token.kind == "RBRACE" and text.startswith("}}", token.start) and _BARE_PLACE.search(text, line, previous_end):
        return "`{{ }}` stands in strings; elsewhere a name stands bare"
    if token.text in OTHER_WORDS and token.text.startswith("els"):
        return OTHER_WORDS[token.text]
    if token.text == "elif":
        return OTHER_WORDS["elif"]
    if token.kind == "VBAR" and "OR" in can:
        return "a function is called, `upper(x)`; for a choice write `or`" if "_CLOSE_PLACE" in can else "write `or`"
    if token.kind == "QMARK" and "OR" in can:
        return "a choice is `a if condition else b`"
    if token.kind == "IF" and "INT" in can:
        return "a ternary inside an operator stands in parentheses"
    if token.text in ("try", "repeat"):
        return f"`{token.text}` inside an operator stands in parentheses"
    if token.kind == "IF" and "RPAR" not in can:
        return "a ternary inside an operator stands in parentheses"
    if token.kind in ("STRING", "_OPEN_STRING") and can == {"NAME"}:
        name = text[token.start + 1 : token.end - 1]
        return f"it stands without quotes: `{name}`" if name.isidentifier() else None
    if token.kind in _VALUE_BEGINS and "COMMA" in can and (can & _CLOSERS or re.match(r"[ \t]*=(?!=)", rest)):
        return (
            f"put a comma before `{token.text}`"
            if "\n" not in token.text and len(token.text) < 30
            else "put a comma before it"
        )
    return None


def keyword_mend(word: str, rest: str) -> str | None:
    """The mend of a keyword that is written as something to be bound or called: `retry = 3`, `sh("…")`."""
    follows = rest.lstrip(" \t")[:1]
    if follows in ("=", ":"):
        return f"`{word}` stands before its value, without `{follows}`"
    return f"`{word}` takes no parentheses" if follows == "(" else None
