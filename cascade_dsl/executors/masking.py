"""Secrets out of bytes: what goes in comes out, with `***` where a secret stood, whole or encoded. Pure.

Looked for are each secret, the longer lines of one that has several, and of each of these: base64 at its three
alignments in both alphabets, hex, both of them also broken into lines; %-escapes, escapes with a backslash (JSON,
Python, `$'…'`, `\\ `) and HTML references in any mixture, decoded before the search; and what shells write in quotes.

A stream holds back what may be the beginning of something looked for, and no more. What comes out does not depend on
how the bytes were cut: every occurrence is covered, and occurrences that overlap make one mark.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

SHORTEST_BYTES = 4
"""A shorter secret is refused: to mask it would riddle every log, and tell it by what is missing."""
_LINE_BYTES = 8
"""A line of a secret of several lines is looked for by itself from this length on."""
_CUT_BYTES = 8
"""What a stream ends with is masked where it is so much, and half, of something looked for: the rest may have been cut off."""
_MARKS = "*#?~.:@!|<>^"
_FOLD_AFTER = 16
"""So many characters of an encoding stand before the end of a line that it goes on after."""
_CODED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-")


class Secrets:
    """What is looked for: made once for a run, used by any number of streams. Its representation shows names only."""

    __slots__ = ("_coded", "_names", "_plain", "mark", "names")

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self.names = tuple(values)
        plain: dict[bytes, str] = {}
        coded: dict[bytes, str] = {}
        for name, value in values.items():
            for piece in _pieces(value):
                for form in (piece, *_quoted(piece)):
                    plain.setdefault(form, name)
                for form in _encoded(piece):
                    coded.setdefault(form, name)
        self._plain = tuple(plain)
        self._coded = tuple(form for form in coded if form not in plain)
        self._names = {**coded, **plain}
        used = frozenset(b"".join(values.values()))
        free = next((c for c in _MARKS if ord(c) not in used), "\0")  # no secret of an environment has a NUL
        self.mark = free.encode() * 3
        """Holds no byte of a secret, so that it makes none of what stands around it."""

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self.names)})"

    def __bool__(self) -> bool:
        return bool(self._plain)

    def found(self, data: bytes) -> str | None:
        """The name of a secret that is in the data, None where there is none."""
        return next((name for _, _, name in self.hits(Views(data, b"", last=True))), None)

    def mask(self, data: bytes, *, cut: bool = False) -> bytes:
        """The data without secrets. `cut`: it was shortened, and may end with the beginning of one."""
        stream = Stream(self)
        return stream.feed(data) + stream.end(SHORTEST_BYTES if cut else _CUT_BYTES)

    def mask_text(self, text: str, *, cut: bool = False) -> str:
        """The same of text."""
        try:
            data = text.encode("utf-8", "surrogateescape")  # bytes of the environment that are no UTF-8
        except UnicodeEncodeError:
            data = text.encode("utf-8", "surrogatepass")
        masked = self.mask(data, cut=cut)
        return text if masked == data else masked.decode("utf-8", "replace")

    def hits(self, views: Views) -> Iterator[tuple[int, int, str]]:
        """Where in the raw bytes something looked for stands, as often as it does, and the name of its secret."""
        for view in views.all:
            for pattern in self._coded if view.folded else self._plain + self._coded:
                at = view.data.find(pattern)
                while at >= 0:
                    yield view.start(at), view.end(at + len(pattern)), self._names[pattern]
                    at = view.data.find(pattern, at + 1)

    def begun(self, views: Views) -> Iterator[tuple[int, int, int]]:
        """Where at the end of the bytes something looked for may have begun: its place, how much is there, of how much."""
        for view in views.all:
            for pattern in self._coded if view.folded else self._plain + self._coded:
                tail = view.data[max(0, len(view.data) - len(pattern) + 1) :]
                at = tail.find(pattern[:1])
                while at >= 0:
                    if pattern.startswith(tail[at:]):
                        yield view.start(len(view.data) - len(tail) + at), len(tail) - at, len(pattern)
                        break
                    at = tail.find(pattern[:1], at + 1)


class Stream:
    """Masks bytes that come piece by piece."""

    __slots__ = ("_before", "_covered", "_held", "_secrets", "seen")

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._held = b""
        self._before = b""
        """The last bytes before those that are held."""
        self._covered = 0
        """So much of what is held belongs to a mark that has been written."""
        self.seen: set[str] = set()
        """Names of the secrets that were masked."""

    def feed(self, data: bytes) -> bytes:
        """What can be told of the bytes so far, and was not yet."""
        buffer = self._held + data
        views = Views(buffer, self._before, last=False)
        keep = min((start for start, _, _ in self._secrets.begun(views)), default=len(buffer))
        return self._emit(buffer, self._hits(views), views.boundary(keep))

    def end(self, cut_bytes: int | None = _CUT_BYTES) -> bytes:
        """The rest; the stream may then begin anew. `cut_bytes`: so much of a secret at the end is masked; None: nothing is."""
        buffer = self._held
        views = Views(buffer, self._before, last=True)
        hits = self._hits(views)
        if cut_bytes is not None:
            for start, there, whole in self._secrets.begun(views):
                if there >= cut_bytes and (2 * there >= whole or cut_bytes < _CUT_BYTES):
                    hits.append((start, len(buffer)))
        out = self._emit(buffer, hits, len(buffer))
        self._before, self._covered = b"", 0
        return out

    def _hits(self, views: Views) -> list[tuple[int, int]]:
        out: list[tuple[int, int]] = []
        for start, end, name in self._secrets.hits(views):
            self.seen.add(name)
            out.append((start, end))
        return out

    def _emit(self, buffer: bytes, hits: list[tuple[int, int]], keep: int) -> bytes:
        """The bytes before `keep`, those of hits as marks; the others are held."""
        out: list[bytes] = []
        written = 0
        end = self._covered
        """Up to where the bytes are covered by a mark that stands in `out`, or was given earlier."""
        for start, stop in sorted(hits):
            if start < end:  # overlaps what is covered
                end = max(end, stop)
                continue
            if start >= keep:
                break
            out.append(buffer[max(written, end) : start])
            out.append(self._secrets.mark)
            written = end = stop
        rest = max(written, end)
        if rest < keep:
            out.append(buffer[rest:keep])
        self._covered = max(0, end - keep)
        self._held = buffer[keep:]
        self._before = (self._before + buffer[max(0, keep - _FOLD_AFTER) : keep])[-_FOLD_AFTER:]
        return b"".join(out)


# ---- what is looked for -----------------------------------------------------------------------------------------


def _pieces(value: bytes) -> Iterator[bytes]:
    """A secret, without the white space at its ends too, and its longer lines."""
    yield value
    if len(value.strip()) >= SHORTEST_BYTES:
        yield value.strip()
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _LINE_BYTES)
        yield b"\n".join(lines)
        yield b"\r\n".join(lines)


def _quoted(piece: bytes) -> Iterator[bytes]:
    """How shells and forms write what is not plain, where decoding does not find it."""
    if b"'" in piece:
        yield piece.replace(b"'", b"'\\''")
        yield piece.replace(b"'", b"'\"'\"'")
    if b" " in piece:
        yield piece.replace(b" ", b"+")
    if b"\n" in piece:
        yield piece.replace(b"\n", b" ")  # unquoted, or on one line
    try:
        text = ascii(piece.decode())[1:-1].encode()
    except UnicodeDecodeError:
        return
    if text != piece:
        yield text


def _encoded(piece: bytes) -> Iterator[bytes]:
    """Base64 and hex; of base64 the characters that depend on nothing but the piece, for each place in a group of three."""
    for shift in range(3):
        data = bytes(shift) + piece
        skip = (0, 2, 3)[shift]
        stop = len(data) // 3 * 4 + (0, 1, 2)[len(data) % 3]
        yield b64encode(data)[skip:stop]
        yield urlsafe_b64encode(data)[skip:stop]
    yield piece.hex().encode()
    yield piece.hex().upper().encode()


# ---- views ------------------------------------------------------------------------------------------------------


class _Token(NamedTuple):
    """An escape: where it begins among the decoded bytes, its raw bytes, and how many bytes it stands for."""

    at: int
    start: int
    stop: int
    length: int


class View:
    """Bytes with some escapes decoded, and the way back to where these stood."""

    __slots__ = ("_ats", "_tokens", "data", "folded")

    def __init__(self, data: bytes, tokens: list[_Token], folded: bool = False) -> None:
        self.data = data
        self._tokens = tokens
        self._ats = [token.at for token in tokens]
        self.folded = folded
        """Only the ends of lines were taken out."""

    def start(self, at: int) -> int:
        """Where the raw bytes of a decoded byte begin."""
        found = bisect_right(self._ats, at) - 1
        if found < 0:
            return at
        token = self._tokens[found]
        return token.start if at < token.at + token.length else token.stop + at - token.at - token.length

    def end(self, at: int) -> int:
        """Where the raw bytes end of the decoded byte before `at`."""
        found = bisect_left(self._ats, at) - 1
        if found < 0:
            return at
        token = self._tokens[found]
        return token.stop + max(0, at - token.at - token.length)

    def boundary(self, raw: int) -> int:
        """`raw`, or the beginning of the escape in which it lies."""
        found = bisect_right(self._tokens, raw, key=lambda token: token.start) - 1
        return self._tokens[found].start if found >= 0 and raw < self._tokens[found].stop else raw


class Views:
    """Bytes as they stand, and decoded in each way that there is anything to decode in."""

    __slots__ = ("_unfinished", "all")

    def __init__(self, data: bytes, before: bytes, *, last: bool) -> None:
        self.all = [View(data, [])]
        self._unfinished = len(data)
        """Where an escape begins that is not all there yet."""
        for sign, pattern, value in _ESCAPES:
            if sign in data:
                self._decode(data, pattern, value, last)
        if b"\n" in data or data.endswith(b"\r"):
            self._fold(data, before)

    def boundary(self, keep: int) -> int:
        """The last place up to `keep` that is in no escape: what is held begins there."""
        keep = min(keep, self._unfinished)
        while True:
            moved = min(view.boundary(keep) for view in self.all)
            if moved == keep:
                return keep
            keep = moved

    def _decode(
        self, data: bytes, pattern: re.Pattern[bytes], value: Callable[[re.Match[bytes]], bytes], last: bool
    ) -> None:
        pieces: list[bytes] = []
        tokens: list[_Token] = []
        done = length = 0
        for match in pattern.finditer(data):
            start, stop = match.span()
            if match["part"] is not None:
                if not last:
                    self._unfinished = min(self._unfinished, start)
                break
            stands_for = value(match)
            pieces += (data[done:start], stands_for)
            length += start - done
            tokens.append(_Token(length, start, stop, len(stands_for)))
            length += len(stands_for)
            done = stop
        else:
            start = len(data)
        pieces.append(data[done:start])
        self.all.append(View(b"".join(pieces), tokens))

    def _fold(self, data: bytes, before: bytes) -> None:
        """Take out the ends of lines in whose middle an encoding may stand."""
        pieces: list[bytes] = []
        tokens: list[_Token] = []
        done = length = 0
        at = data.find(b"\n")
        while at >= 0:
            start = at - 1 if data[at - 1 : at] == b"\r" else at
            line = (before + data[max(0, start - _FOLD_AFTER) : start])[-_FOLD_AFTER:]
            if len(line) == _FOLD_AFTER and _CODED.issuperset(line):
                pieces.append(data[done:start])
                length += start - done
                tokens.append(_Token(length, start, at + 1, 0))
                done = at + 1
            at = data.find(b"\n", at + 1)
        if data.endswith(b"\r"):  # perhaps the first half of such an end
            line = (before + data[-_FOLD_AFTER - 1 : -1])[-_FOLD_AFTER:]
            if len(line) == _FOLD_AFTER and _CODED.issuperset(line):
                self._unfinished = min(self._unfinished, len(data) - 1)
                pieces.append(data[done:-1])
                self.all.append(View(b"".join(pieces), tokens, folded=True))
                return
        if tokens:
            pieces.append(data[done:])
            self.all.append(View(b"".join(pieces), tokens, folded=True))


def _percent(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[0][1:].decode())


_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"a": b"\a", b"v": b"\v", b"e": b"\33"}


def _backslash(match: re.Match[bytes]) -> bytes:
    if match["pair"] is not None:
        high, low = int(match["pair"][:4], 16), int(match["pair"][-4:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00).encode()
    if match["code"] is not None:
        return _character(int(match["code"], 16))
    if match["byte"] is not None:
        return bytes.fromhex(match["byte"].decode())
    if match["octal"] is not None:
        return bytes((int(match["octal"], 8) & 0xFF,))
    return _LETTERS.get(match["other"], match["other"])


def _reference(match: re.Match[bytes]) -> bytes:
    name = match["name"]
    if name[:1] != b"#":
        return {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'", b"nbsp": b"\xc2\xa0"}[name]
    return _character(int(name[2:], 16) if name[1:2] in b"xX" else int(name[1:]))


def _character(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"?"


_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}|(?P<part>%[0-9A-Fa-f]?\Z)")
_BACKSLASH = re.compile(
    rb"""\\(?:
      u(?P<pair>[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2})
    | (?P<part>(?:u(?:[0-9A-Fa-f]{0,3}|[dD][89abAB][0-9A-Fa-f]{2}(?:\\(?:u[0-9A-Fa-f]{0,3})?)?)
        |x[0-9A-Fa-f]?|[0-7]{0,2})\Z)
    | (?:u(?P<code>[0-9A-Fa-f]{4}) | x(?P<byte>[0-9A-Fa-f]{2}) | (?P<octal>[0-7]{1,3}))
    | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_REFERENCE = re.compile(
    rb"&(?:(?P<name>amp|lt|gt|quot|apos|nbsp|\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6});"
    rb"|(?P<part>(?:[a-z]{0,4}|\#[0-9]{0,7}|\#[xX][0-9A-Fa-f]{0,6})\Z))"
)
_ESCAPES: tuple[tuple[bytes, re.Pattern[bytes], Callable[[re.Match[bytes]], bytes]], ...] = (
    (b"%", _PERCENT, _percent),
    (b"\\", _BACKSLASH, _backslash),
    (b"&", _REFERENCE, _reference),
)
