"""Masking: no secret comes through, in no encoding and however it is cut; what is no secret comes through unharmed."""

from __future__ import annotations

import base64
import html
import json
import random
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote, quote_plus, unquote_to_bytes

import pytest

from cascade_dsl.executors.masking import Secrets, Stream, Views

CASES = 10_000
_CODED = re.compile(rb"[A-Za-z0-9+/_-]+")
_TEXT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ODD = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~äöü€😀"


# ---- a judge that knows nothing of how it is done: it decodes whatever can be decoded, and looks ------------------


def readings(data: bytes) -> Iterator[bytes]:
    """All that somebody could read in some bytes."""
    yield data
    yield unquote_to_bytes(data)
    yield unquote_to_bytes(data.replace(b"+", b" "))
    yield html.unescape(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    yield _unescaped(data)
    joined = re.sub(rb"(?<=[A-Za-z0-9+/=_-]{16})\r?\n", b"", data)
    for run in _CODED.findall(joined):
        for part in {run.translate(bytes.maketrans(b"-_", b"+/")), *re.split(rb"[-_]", run), *re.split(rb"[+/]", run)}:
            plain = part.translate(bytes.maketrans(b"-_", b"+/"))
            for shift in range(4):
                cut = plain[shift:]
                cut = cut[: len(cut) - (len(cut) % 4 == 1)]
                yield base64.b64decode(cut + b"=" * (-len(cut) % 4))
    for run in re.findall(rb"[0-9A-Fa-f]{2,}", joined):
        for shift in range(2):
            cut = run[shift:]
            yield bytes.fromhex(cut[: len(cut) // 2 * 2].decode())


def _unescaped(data: bytes) -> bytes:
    text = re.sub(rb"\\u([0-9A-Fa-f]{4})", lambda m: b"\\u" + m[1].lower(), data)

    def one(match: re.Match[bytes]) -> bytes:
        try:
            value = json.loads(b'"' + match[0] + b'"')
        except ValueError:
            return match[0][1:]
        return value.encode("utf-8", "surrogatepass")

    return re.sub(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[0-9a-f]{4}|\\.", one, text, flags=re.DOTALL)


def leaks(data: bytes, wanted: Sequence[bytes]) -> bytes | None:
    """A secret that can be read in the bytes."""
    for reading in readings(data):
        for secret in wanted:
            if secret in reading:
                return secret
    return None


# ---- ways to write a secret ---------------------------------------------------------------------------------------


def _base64(encode: Callable[[bytes], bytes]) -> Callable[[bytes, random.Random], bytes]:
    def write(secret: bytes, chance: random.Random) -> bytes:
        return encode(chance.randbytes(chance.randrange(7)) + secret + chance.randbytes(chance.randrange(5)))

    return write


def _unpadded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _wrapped(data: bytes) -> bytes:
    code = base64.b64encode(data)
    return b"\r\n".join(code[i : i + 64] for i in range(0, len(code), 64))


def _mixed_case_quote(secret: bytes, chance: random.Random) -> bytes:
    return b"".join(
        b"%%%02x" % b if (roll := chance.random()) < 0.3 else b"%%%02X" % b if roll < 0.6 or b < 48 else bytes((b,))
        for b in secret
    )


def _text(write: Callable[[str], str]) -> Callable[[bytes, random.Random], bytes]:
    def of(secret: bytes, chance: random.Random) -> bytes:
        try:
            return write(secret.decode()).encode()
        except UnicodeDecodeError:
            return secret

    return of


WAYS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "plain": lambda secret, chance: secret,
    "base64": _base64(base64.b64encode),
    "base64 for URLs": _base64(base64.urlsafe_b64encode),
    "base64 without padding": _base64(_unpadded),
    "base64 in lines": _base64(base64.encodebytes),
    "base64 in lines of 64": _base64(_wrapped),
    "quote": lambda secret, chance: quote(secret, safe="").encode(),
    "quote but for slashes": lambda secret, chance: quote(secret).encode(),
    "quote_plus": lambda secret, chance: quote_plus(secret).encode(),
    "quote in lower case": lambda secret, chance: re.sub(r"%..", lambda m: m[0].lower(), quote(secret, "")).encode(),
    "quote in any way": _mixed_case_quote,
    "JSON": _text(lambda text: json.dumps(text)[1:-1]),
    "JSON in UTF-8": _text(lambda text: json.dumps(text, ensure_ascii=False)[1:-1]),
    "JSON as PHP writes it": _text(lambda text: json.dumps(text)[1:-1].replace("/", "\\/")),
    "HTML": _text(html.escape),
    "HTML in numbers": _text(lambda text: "".join(f"&#{ord(c)};" if not c.isalnum() else c for c in text)),
    "HTML in hex": _text(lambda text: "".join(f"&#x{ord(c):X};" for c in text)),
    "hex": lambda secret, chance: secret.hex().encode(),
    "HEX": lambda secret, chance: secret.hex().upper().encode(),
    "shell": _text(shlex.quote),
    "shell, backslashes": lambda secret, chance: re.sub(rb"([^A-Za-z0-9\x80-\xff\n])", rb"\\\1", secret),
    "shell, $'…'": lambda secret, chance: b"".join(
        b"\\%03o" % b if b > 126 or b < 32 else b"\\" + bytes((b,)) if b in b"'\\" else bytes((b,)) for b in secret
    ),
    "python": lambda secret, chance: repr(secret)[2:-1].encode(),
}


def some_secret(chance: random.Random) -> bytes:
    kind = chance.random()
    length = chance.choice((4, 5, 6, 8, 12, 20, 40, 100))
    if kind < 0.4:
        return "".join(chance.choices(_TEXT, k=length)).encode()
    if kind < 0.7:
        return "".join(chance.choices(_TEXT + _ODD, k=length)).encode()
    if kind < 0.8:
        return "".join(chance.choices("ab", k=length)).encode()
    if kind < 0.9:
        lines = ["".join(chance.choices(_TEXT + "+/=", k=chance.choice((8, 20, 64)))) for _ in range(3)]
        return "\n".join(lines).encode()
    return bytes(chance.choices(range(1, 256), k=length))


def some_secrets(chance: random.Random) -> list[bytes]:
    found = [some_secret(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
    if chance.random() < 0.3:
        found.append(found[0] + some_secret(chance))  # the first begins it
    if chance.random() < 0.3 and len(found[0]) >= 8:
        found.append(found[0][len(found[0]) // 2 :] + some_secret(chance))  # the first may run into it
    return [s for s in dict.fromkeys(found) if b"\0" not in s]


def near(secret: bytes, chance: random.Random) -> bytes:
    """Almost a secret: cut at an end, or with another byte in it."""
    at = chance.randrange(len(secret))
    other = bytes((secret[at] ^ 1 or 2,))
    return chance.choice((secret[:-1], secret[1:], secret[:at] + other + secret[at + 1 :]))


def some_stream(secrets: Sequence[bytes], chance: random.Random) -> bytes:
    pieces: list[bytes] = []
    for _ in range(chance.randrange(1, 9)):
        roll = chance.random()
        secret = chance.choice(secrets)
        way = WAYS[chance.choice(list(WAYS))]
        if roll < 0.5:
            pieces.append(way(secret, chance))
        elif roll < 0.75:
            pieces.append(way(near(secret, chance), chance))
        elif roll < 0.9:
            pieces.append("".join(chance.choices(_TEXT + _ODD + "\n\n", k=chance.randrange(30))).encode())
        else:
            pieces.append(chance.choice((b"\\", b"%", b"&", b"\r\n", b"\n", b"&#", b"\\u", b"%4", b"=")))
        pieces.append(chance.choice((b"", b"", b" ", b"\n", b'"', b"=")))
    return b"".join(pieces)


def in_pieces(data: bytes, chance: random.Random) -> list[bytes]:
    if chance.random() < 0.2:
        return [data[i : i + 1] for i in range(len(data))]
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(8)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def masked(secrets: Secrets, pieces: Sequence[bytes]) -> bytes:
    stream = Stream(secrets)
    return b"".join([*map(stream.feed, pieces), stream.end()])


def looked_for(secret: bytes) -> list[bytes]:
    lines = [line.strip() for line in secret.splitlines() if len(line.strip()) >= 8]
    return [secret, *(lines if len(secret.splitlines()) > 1 else ())]


@pytest.mark.parametrize("block", range(10))
def test_none_of_ten_thousand_secrets_comes_through(block: int) -> None:
    hit = 0
    for seed in range(block * CASES // 10, (block + 1) * CASES // 10):
        chance = random.Random(seed)
        values = some_secrets(chance)
        secrets = Secrets({f"S{i}": value for i, value in enumerate(values)})
        data = some_stream(values, chance)
        out = masked(secrets, in_pieces(data, chance))
        wanted = [piece for value in values for piece in looked_for(value)]
        assert leaks(out, wanted) is None, (seed, values, data, out)
        assert out == secrets.mask(data), (seed, "how it was cut makes a difference")
        hit += secrets.mark in out
    assert hit > CASES // 20


@pytest.mark.parametrize("block", range(4))
def test_what_is_almost_a_secret_comes_through_unharmed(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        chance = random.Random(seed)
        values = ["".join(chance.choices(_TEXT, k=chance.choice((8, 20, 40, 90)))).encode() for _ in range(2)]
        secrets = Secrets({f"S{i}": value for i, value in enumerate(values)})
        pieces: list[bytes] = []
        for _ in range(6):
            secret = chance.choice(values)
            at = chance.randrange(1, len(secret) - 1)
            other = secret[:at] + bytes((secret[at] ^ 1,)) + secret[at + 1 :]
            cut = secret[: chance.randrange(len(secret) - 1)]
            pieces += (WAYS[chance.choice(list(WAYS))](chance.choice((other, cut)), chance), b" ")
        data = b"".join([*pieces, b"end\n"])
        assert leaks(data, values) is None
        assert masked(secrets, in_pieces(data, chance)) == data, (seed, values, data)


def check(values: dict[str, bytes], *pieces: bytes) -> tuple[list[bytes], bytes]:
    """What each piece brings out, and the end."""
    stream = Stream(Secrets(values))
    return [stream.feed(piece) for piece in pieces], stream.end()


def test_only_what_may_become_a_secret_is_held_back() -> None:
    assert check({"A": b"hunter22"}, b"Password: ") == ([b"Password: "], b"")
    assert check({"A": b"hunter22"}, b"such", b"unk\n") == ([b"suc", b"hunk\n"], b"")
    assert check({"A": b"hunter22"}, b"a hun", b"ter", b"22!") == ([b"a ", b"", b"***!"], b"")


def test_a_secret_byte_by_byte_never_shows_a_part() -> None:
    out, end = check({"A": b"hunter22"}, *[bytes((b,)) for b in b"hunter22"])
    assert (b"".join(out), end) == (b"***", b"")


def test_what_was_cut_off_in_a_secret_is_masked() -> None:
    """A body killed in the middle of a line shows no more than half of one, and never more than seven bytes."""
    assert check({"A": b"correct horse"}, b"it is correct hor") == ([b"it is "], b"***")
    assert check({"A": b"correct horse"}, b"it is correct") == ([b"it is "], b"correct")


def test_occurrences_that_overlap_make_one_mark() -> None:
    assert check({"A": b"abab"}, b"-ababab-") == ([b"-***-"], b"")
    assert check({"A": b"abab"}, b"-abab", b"ab-") == ([b"-***", b"-"], b"")
    assert check({"A": b"abcd", "B": b"abcdefgh"}, b"-abcd", b"efgh", b"-abcd-") == ([b"-", b"***", b"-***-"], b"")


def test_the_mark_makes_no_secret_of_its_surroundings() -> None:
    secrets = Secrets({"A": b"x***y", "B": b"token"})
    assert secrets.mask(b"xtokeny") == b"x###y"


def test_base64_goes_on_in_the_next_line() -> None:
    secret = b"s3cr3t" * 20
    code = base64.encodebytes(b"user:" + secret)
    assert code.count(b"\n") > 2
    assert leaks(Secrets({"A": secret}).mask(code), [secret]) is None
    assert b"\n" not in Secrets({"A": secret}).mask(code)[:-1]


def test_what_is_held_begins_in_no_escape() -> None:
    views = Views(rb"a\nb%41&amp;%4", b"", last=False)
    assert [views.boundary(at) for at in range(14)] == [0, 1, 1, 3, 4, 4, 4, 7, 7, 7, 7, 7, 12, 12]


def test_each_longer_line_of_a_secret_is_masked() -> None:
    key = b"-----BEGIN KEY-----\nMIIEvgIBADANBg\nshort\n-----END KEY-----\n"
    out = Secrets({"A": key}).mask(b"line: MIIEvgIBADANBg. shorter\n")
    assert out == b"line: ***. shorter\n"


def test_a_message_that_was_shortened_ends_in_no_part_of_a_secret() -> None:
    assert Secrets({"A": b"correct horse"}).mask_text("no: corre", cut=True) == "no: ***"
    assert Secrets({"A": b"correct horse"}).mask_text("no: corre") == "no: corre"


def test_text_that_is_no_unicode_is_masked_too() -> None:
    secrets = Secrets({"A": b"caf\xe9-au-lait"})
    assert secrets.mask_text("got caf\udce9-au-lait") == "got ***"
    assert secrets.mask_text("got \ud800") == "got \ud800"


def test_a_secret_is_named_where_it_is_found() -> None:
    secrets = Secrets({"A": b"hunter22", "B": b"swordfish"})
    assert secrets.found(b'{"x": "a swordfish"}') == "B"
    assert secrets.found(base64.b64encode(b"..hunter22..")) == "A"
    assert secrets.found(b"fish") is None
    assert repr(secrets) == "Secrets(A, B)"


@pytest.mark.parametrize("data", [b"a" * 200_000, b"\\" * 100_000, b"%4" * 100_000, b"&#" * 100_000, b"ab" * 100_000])
def test_floods_are_masked_in_bounded_pieces(data: bytes) -> None:
    """What is held never grows with the stream."""
    data += b"."
    stream = Stream(Secrets({"A": b"ab" * 20 + b"c"}))
    out = b"".join(stream.feed(data[i : i + 65536]) for i in range(0, len(data), 65536))
    assert len(data) - len(out) < 41 * 12
    assert out + stream.end() == data
