"""`.env` files: `NAME=value`, one a line. Pure; what is wrong is told by its line, never with a value.

A value ends with its line, or stands in quotes and may then span lines. `export` before a name, blank lines and
comments are left out; a name alone says nothing. `$NAME` in a value is text: nothing is put in for it.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*", re.ASCII)
_PLAIN = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*\Z", re.DOTALL)
_END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$", "`": "`", "\n": ""}


class BadLine(Exception):
    """A line that cannot be read; the message says why, without what stands there."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read_dotenv(text: str) -> dict[str, str]:
    """The variables of a `.env` file, of equal names the last. Raises BadLine."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    nul = text.find("\0")
    if nul >= 0:
        raise BadLine(text.count("\n", 0, nul) + 1, "there is a NUL byte in it")
    out: dict[str, str] = {}
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        stripped = text[at:end].strip()
        if not stripped or stripped.startswith("#"):
            at = end + 1
            continue
        line = text.count("\n", 0, at) + 1
        found = _NAME.match(text, at)
        if found is None:
            raise BadLine(line, "it does not begin with a name: a line is `NAME=value`")
        at = found.end()
        if at == end:
            at += 1  # a name alone, as in files for docker
            continue
        if text[at] != "=":
            raise BadLine(line, "there is no `=` behind its first word")
        out[found[1]], at = _value(text, at + 1, line, found[1])
    return out


def _value(text: str, at: int, line: int, name: str) -> tuple[str, int]:
    """The value that begins there, and where the next line does."""
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        found = _PLAIN.match(text, at)
        assert found is not None
        return _COMMENT.sub("", found[0]).rstrip(), found.end() + 1
    out: list[str] = []
    at += 1
    while text[at : at + 1] != quote:
        char = text[at : at + 1]
        if not char:
            raise BadLine(line, f"the value of `{name}` has no {quote} at its end")
        if char == "\\" and quote == '"':
            after = text[at + 1 : at + 2]
            out.append(_LETTERS.get(after, char + after))
            at += 2
            continue
        out.append(char)
        at += 1
    end = _END.match(text, at + 1)
    if end is None:
        last = text.count("\n", 0, at) + 1
        raise BadLine(last, f"something stands behind the value of `{name}`: there may be a comment, ` # …`")
    return "".join(out), end.end()
