"""What the layout of a text tells where its syntax is broken: lines that plainly begin something, and where a string
that was never closed was meant to end."""

from __future__ import annotations

import re

BEGINS_ITEM = re.compile(
    r"[ \t]*(?:(?:use|param|secret|type|limit|task|flow|finally|test|output|return|requires|retry|timeout|cache|env"
    r"|priority|tag|shell|sh|exec|python|mock|let|expect)\b(?![ \t]*[.(\[,:)\]])|[A-Za-z_]\w*[ \t]*=(?!=)[^,\n]*$|\}[ \t]*$)",
    re.MULTILINE | re.ASCII,
)
"""Such a line begins a declaration, a clause or a statement, or ends a block."""
DECLARES = re.compile(r"(?:use|param|secret|type|task|flow|finally|output)[ \t]+[A-Za-z_\"{]")
"""At the begin of a line: a declaration."""

_DECLARES_WITHIN = re.compile(rf"^(?:{DECLARES.pattern})", re.MULTILINE)
_ENDS_BLOCK = re.compile(r"[ \t]*\}[ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_OPENS_STRING = re.compile(r"(?:\b(?:sh|python|shell|exec|because|test|use)|[=(\[,:])[ \t]*\Z")
_CLOSES_STRING = re.compile(r"[ \t)\],}]*(?:#[^\n]*)?$", re.MULTILINE)
_LINES_MAX = 500


def indent_of(text: str, at: int) -> int:
    """How many blanks the line of an offset begins with."""
    line = text.rfind("\n", 0, at) + 1
    end = line
    while end < len(text) and text[end] in " \t":
        end += 1
    return end - line


def end_of_torn_text(text: str, start: int, quote: str) -> int | None:
    """Where the string in tripled quotes at `start` was meant to end, if it was plainly never closed; else None.

    It has no end, or holds a declaration and its end looks like the begin of another string.
    """
    end = text.find(quote, start + 3)
    if end >= 0:
        if text.find("\n", start, end) < 0 or _DECLARES_WITHIN.search(text, start, end) is None:
            return None
        if not _OPENS_STRING.search(text[text.rfind("\n", 0, end) + 1 : end]):
            return None
    indent = indent_of(text, start)
    line = text.find("\n", start) + 1
    while line:
        if DECLARES.match(text, line) or (_ENDS_BLOCK.match(text, line) and indent_of(text, line) <= indent):
            return line - 1
        line = text.find("\n", line) + 1
    return len(text) if end < 0 else None


def end_of_long_string(text: str, start: int, end: int, quote: str) -> int | None:
    """Where a string in single quotes that goes on over its line, which ends at `end`, was meant to end; else None."""
    indent = indent_of(text, start)
    line = end + 1
    for _ in range(_LINES_MAX):
        if line >= len(text):
            return None
        stop = text.find("\n", line)
        stop = len(text) if stop < 0 else stop
        if text[line:stop].strip():
            if indent_of(text, line) <= indent and BEGINS_ITEM.match(text, line):
                return None
            if (text.count(quote, line, stop) - text.count("\\" + quote, line, stop)) % 2:
                closer = text.index(quote, line, stop)
                if _CLOSES_STRING.match(text, closer + 1):
                    return closer + 1
        line = stop + 1
    return None


def ends_as_block(text: str, at: int) -> bool:
    """Deeper lines follow the line of an offset, and then a `}` of its own indent: a block whose `{` is missing."""
    indent = indent_of(text, at)
    line = text.find("\n", at) + 1
    deeper = False
    while line:
        stop = text.find("\n", line)
        if text[line : stop if stop >= 0 else len(text)].strip():
            if indent_of(text, line) <= indent:
                return deeper and indent_of(text, line) == indent and text.startswith("}", line + indent)
            deeper = True
        line = stop + 1
    return False
