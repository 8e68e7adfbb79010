"""Mutated programs: a number gives the same text each time.

What is mutated are the real programs of the repository. A mutant has one to four changes: of bytes, characters, tokens,
lines; a splice of two programs; nesting without measure; huge literals, names and lists; characters that nobody expects;
words of the language where they do not belong; shell syntax in scripts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent.parent
_PIECE = re.compile(r"[^\W\d]\w*|\d[\w.]*|[ \t]+|\n|\"\"\"|'''|\{\{|\}\}|[=!<>]=|->|\.\.|\*\*|\?\?|.", re.DOTALL)
_KINDS = (
    re.compile(r"[a-z]\w*"), re.compile(r"[a-z]\w*"), re.compile(r"\d[\w.]*"), re.compile(r"[-+*/%<>=?!|]+"),
    re.compile(r"int|str|float|bool|file|dir|json|size|duration|list|dict"), re.compile(r"true|false|none|\d+"),
)  # fmt: skip
_BLOCK = re.compile(r"^```csc\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_SOUND = ("tests/golden/ok", "examples", "docs/language.md")
"""Where programs stand that compile."""
_WORDS = [
    "use",
    "param",
    "secret",
    "type",
    "limit",
    "task",
    "flow",
    "finally",
    "test",
    "output",
    "if",
    "else",
    "for",
    "in",
    "return",
    "requires",
    "retry",
    "backoff",
    "on",
    "timeout",
    "cache",
    "off",
    "by",
    "env",
    "priority",
    "tag",
    "shell",
    "sh",
    "exec",
    "python",
    "after",
    "with",
    "try",
    "repeat",
    "while",
    "max",
    "every",
    "mock",
    "let",
    "expect",
    "takes",
    "fails",
    "exit",
    "times",
    "temp",
    "scratch",
    "and",
    "or",
    "not",
    "true",
    "false",
    "none",
    "burst",
    "whole",
    "until",
    "from",
    "to",
    "hard",
    "because",
    "global",
    "int",
    "str",
    "file",
    "list",
    "dict",
    "json",
    "size",
]
_NESTS: tuple[tuple[str, str], ...] = (
    ("(", ")"), ("[", "]"), ("{a: ", "}"), ("f(", ")"), ("[x for x in ", "]"), ("{k: k for k in ", "}"), ("not ", ""),
    ("-", ""), ("1 if true else ", ""), ("1 + ", "1"), ("2 ** ", "2"), ("a ?? ", "1"), ("true and ", "true"), ("1 < ", "2"),
    ('"{{', '}}"'), ("if true {\n", "\n}"), ("for x in xs {\n", "\n}"), ("flow f() {\n", "\n}"), ("list[", "]"), ("{a: int, b: ", "}"),
    ("try ", " else 1"), ("x[", "]"), ("repeat m = 1 while true max 3 {\n", "\n}"), ("f(x) after (", ")"),
    ("f() with { requires cpu = ", " }"), ("x.", "y"), ("xs[0]", ""), ("f(1)", ""), ("$(", ")"), ("${x:-", "}"), ("$((", "))"), ("`", "`"),
    ("{ ", "; }"), ("case x in a) ", ";; esac"), ("[[ ( ", " ) ]]"), ("cat <<E\n", "\nE\n"), ("lambda: ", "1"), ("\"'", "'\""), ("\n  ", ""),
)  # fmt: skip
_STRANGE = (
    "\ufeff", "\u202e", "\u200b", "\u200d", "\u0301", "\u0085", "\u2028", "\u2029", "\x00", "\r", "\r\n", "\f", "\v", "\x1a", "\x1b[31m", "\x7f",
    "😀", "é", "ß", "ﬁ", "İ", "ı", "٣", "²", "½", "Ⅷ", "１", "ａ", "—", "“", "„", "»", "′", "\u00a0", "\u3000", "\ud800", "\udfff", "\U0010ffff",
    "a\u0301\u0302\u0303" * 20, "\u0600", "\ue000", "\t", "ǅ", "ﷺ",
)  # fmt: skip
_SHELL = (
    "'", '"', "`", "$(", "$((", "${", "<<EOF\n", "<<'EOF'\n", "<<-E\n", "<<<", "case x in", "esac", "[[", "]]", "=~", "((", "))", ";;", "$'", '$"', "#",
    "\\", "\\\n", "function f {", "f() {", "}", "for x in", "done", "|&", "&>", ">(", "<(", "2>&1", "eval ", "$[", "[", "]", "&&", "{{n}}", "{{", "}}",
    '{{"', "\\{{",
)  # fmt: skip


def corpus() -> list[tuple[str, str]]:
    """(name, text) of every program of the repository, in a fixed order."""
    found: list[tuple[str, str]] = []
    for folder in ("tests/golden/ok", "tests/golden/bad", "tests/mistakes", "tests/lang/corpus", "examples"):
        for path in sorted((ROOT / folder).rglob("*.csc")):
            text = path.read_bytes().decode("utf-8", "replace")
            found.append((path.relative_to(ROOT).as_posix(), text))
    for path in sorted((ROOT / "docs").rglob("*.md")):
        blocks = _BLOCK.findall(path.read_text("utf-8"))
        found += [(f"{path.relative_to(ROOT).as_posix()}#{i}", block) for i, block in enumerate(blocks)]
    return found


class Mutants:
    """The mutants of some programs."""

    def __init__(self, programs: list[tuple[str, str]], seed: int) -> None:
        short = [(name, text) for name, text in programs if text.strip() and len(text) < 20_000]
        self.texts = [text for _, text in short]
        self.sound = [text for name, text in short if name.startswith(_SOUND)]
        self.seed = seed
        self.pieces = sorted({p for t in self.texts for p in _PIECE.findall(t) if len(p) < 40})

    def bytes(self, number: int) -> bytes:
        """One mutant as the bytes of a file; lone surrogates are in it as no decoder takes them."""
        random = Random(f"{self.seed}/{number}")
        text = random.choice(self.sound if random.random() < 0.5 else self.texts)
        changes: list[Callable[[str, Random], str]] = [
            self._tokens, self._tokens, self._tokens, self._lines, self._lines, self._characters, self._splice, self._nest,
            self._word, self._strange, self._many, self._shell,
        ]  # fmt: skip
        if random.random() < 0.4:
            changes = [self._alike]  # what may still be a program, so that the later passes are met too
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
            text = random.choice(changes)(text, random)
        if random.random() < 0.04:
            text = self._huge(text, random)
        if random.random() < 0.05:
            text = text.replace("\n", random.choice(("\r\n", "\r", "\n\r", "\n\n", " ", ";")))
        data = text.encode("utf-8", "surrogatepass")
        if random.random() < 0.02:
            data = self._broken(data, random)
        return data

    # ---- changes ----

    def _tokens(self, text: str, random: Random) -> str:
        pieces = _PIECE.findall(text)
        for _ in range(random.choice((1, 1, 2, 5))):
            if not pieces:
                return text
            at = random.randrange(len(pieces))
            match random.randrange(5):
                case 0:
                    del pieces[at : at + random.choice((1, 1, 2, 5))]
                case 1:
                    pieces[at] = random.choice(self.pieces)
                case 2:
                    pieces.insert(at, random.choice(self.pieces))
                case 3:
                    pieces.insert(at, pieces[at])
                case _:
                    other = random.randrange(len(pieces))
                    pieces[at], pieces[other] = pieces[other], pieces[at]
        return "".join(pieces)

    def _alike(self, text: str, random: Random) -> str:
        pieces = _PIECE.findall(text)
        kind = random.choice(_KINDS)
        places = [i for i, p in enumerate(pieces) if kind.fullmatch(p)]
        if not places:
            return text
        others = [p for p in (pieces if random.random() < 0.7 else self.pieces) if kind.fullmatch(p)]
        pieces[random.choice(places)] = random.choice(others)
        return "".join(pieces)

    def _lines(self, text: str, random: Random) -> str:
        lines = text.split("\n")
        at = random.randrange(len(lines))
        match random.randrange(7):
            case 0:
                del lines[at : at + random.choice((1, 1, 3, 10))]
            case 1:
                lines[at:at] = [lines[at]] * random.choice((1, 2, 30))
            case 2:
                other = random.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at] = " " * random.randrange(9) + lines[at].lstrip()
            case 4:
                lines[at : at + 2] = ["".join(lines[at : at + 2])]
            case 5:
                lines = lines[:at]
            case _:
                lines[at] = lines[at][: random.randrange(len(lines[at]) + 1)]
        return "\n".join(lines)

    def _characters(self, text: str, random: Random) -> str:
        characters = list(text)
        for _ in range(random.choice((1, 2, 8))):
            if not characters:
                return text
            at = random.randrange(len(characters))
            match random.randrange(4):
                case 0:
                    del characters[at : at + random.choice((1, 1, 1, 20))]
                case 1:
                    characters[at] = random.choice(characters)
                case 2:
                    characters.insert(at, random.choice("(){}[]\"'`\\#,;:.=+-*/%<>!?|&$@^~ \n\t09azAZ_"))
                case _:
                    characters.insert(at, characters[at] * random.choice((1, 2, 3, 300)))
        return "".join(characters)

    def _splice(self, text: str, random: Random) -> str:
        other = random.choice(self.texts)
        if random.random() < 0.5:
            return text[: random.randrange(len(text) + 1)] + other[random.randrange(len(other) + 1) :]
        begin = random.randrange(len(other) + 1)
        end = min(len(other), begin + random.choice((5, 40, 400)))
        at = random.randrange(len(text) + 1)
        return text[:at] + other[begin:end] + text[at:]

    def _nest(self, text: str, random: Random) -> str:
        opener, closer = random.choice(_NESTS)
        depth = random.choice((3, 40, 198, 199, 200, 201, 202, 1000, 5000))
        closers = random.choice((depth, depth, depth - 1, depth + 1, 0, depth // 2))
        deep = opener * depth + random.choice(("1", "", "x", '"a"')) + closer * closers
        places = [m.end() for m in re.finditer(r"= |\(|\{\{|in |: |sh \"|python \"", text)]
        at = random.choice(places) if places and random.random() < 0.8 else random.randrange(len(text) + 1)
        return text[:at] + deep + (text[at:] if random.random() < 0.8 else "\n" + text[at:])

    def _word(self, text: str, random: Random) -> str:
        pieces = _PIECE.findall(text)
        for _ in range(random.choice((1, 1, 3))):
            pieces.insert(random.randrange(len(pieces) + 1), f" {random.choice(_WORDS)} ")
        return "".join(pieces)

    def _strange(self, text: str, random: Random) -> str:
        for _ in range(random.choice((1, 1, 4))):
            at = random.randrange(len(text) + 1)
            text = text[:at] + random.choice(_STRANGE) + text[at:]
        return text

    def _many(self, text: str, random: Random) -> str:
        step = random.choice((2, 3, 7))
        wrong = random.choice(self.pieces)
        pieces = _PIECE.findall(text)
        return "".join(wrong if i % step == 0 and not p.isspace() else p for i, p in enumerate(pieces))

    def _shell(self, text: str, random: Random) -> str:
        bodies = list(re.finditer(r'\bsh ("""|")', text))
        if not bodies:
            return self._characters(text, random)
        for _ in range(random.choice((1, 2, 4))):
            begin = random.choice(bodies).end()
            at = min(len(text), begin + random.randrange(80))
            text = text[:at] + random.choice(_SHELL) + text[at:]
        return text

    def _huge(self, text: str, random: Random) -> str:
        n = random.choice((1_000, 5_000, 20_000))
        huge = random.choice(
            (
                f"x = {'9' * n}\n",
                f"x = 1.{'9' * n}e{'9' * (n // 100)}\n",
                f"{'a' * n} = 1\n",
                f"x = {'a' * n}\n",
                f'x = "{"a" * n}"\n',
                f"# {'c' * n}\n",
                f"## {'c' * n}\n",
                f"x = [{', '.join(['1'] * n)}]\n",
                f"x = [{', '.join(['1', '[2]'] * (n // 2))}]\n",
                f"x = {{{', '.join(f'k{i}: {i}' for i in range(n))}}}\n",
                f"x = {' + '.join(['1'] * n)}\n",
                f"x = {' and '.join(['true'] * n)}\n",
                f"x = {' < '.join(['1'] * n)}\n",
                f"x = y{'.y' * n}\n",
                f"x = f({', '.join(f'a{i} = {i}' for i in range(n))})\n",
                "".join(f"x{i} = x{i + 1}\n" for i in range(n // 2)),
                "".join(f"x = {i}\n" for i in range(n // 2)),
                "".join(f"y{i} = undefined{i}\n" for i in range(n // 2)),
                "".join(f"task t{i}() {{ sh 'true' }}\n" for i in range(n // 10)),
                f"task t({', '.join(f'a{i}: int' for i in range(n // 4))}) {{ sh 'true' }}\n",
                f"type T = {' | '.join(f'{chr(34)}c{i}{chr(34)}' for i in range(n // 2))}\n",
                "".join(f"type T{i} = {{a: T{i + 1}, b: T{i + 1}}}\n" for i in range(60)) + "type T60 = int\nparam p: T0\n",
                f"x = [1 {'for i in [1] ' * (n // 20)}]\n",
                f"task t() {{ sh \"{'echo {{attempt}} ' * (n // 10)}\" }}\nt()\n",
                f"task t() {{ sh \"{'a' * n}\" }}\n",
                f"task t() {{ python \"{'x = 1; ' * (n // 10)}\" }}\n",
                f"task t() {{ python \"return {'(' * n}\" }}\n",
                f"task t() {{ python \"return {'-' * n}1\" }}\n",
                f"task t() {{ python \"return {'a.b' * n}\" }}\n",
                f"task t() -> {'(' * (n // 10)}int{')' * (n // 10)} {{ sh 'true' }}\n",
                f"limit task:{'*' * n} 3\n",
                f"limit task:{'[a' * n} 3\n",
                "".join(f"limit r{i} {i}\n" for i in range(n // 10)),
                f"task t() {{ {'retry 1; ' * (n // 10)}sh 'true' }}\n",
                "\n" * n,
                ";" * n,
                " " * n,
                "x = 2 ** 2 ** 2 ** 2 ** 62\ny = 9999999999 ** 99999999\n",
                f'x = format(1, "{"9" * 8}d")\n',
                "x = range(0, 9223372036854775807)\n",
            )
        )  # fmt: skip
        return random.choice((huge + text, text + "\n" + huge))

    def _broken(self, data: bytes, random: Random) -> bytes:
        at = random.randrange(len(data) + 1)
        extra = random.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\xfe\xff", bytes(range(128, 160))))
        if random.random() < 0.2:
            return data.decode("utf-8", "replace").encode(random.choice(("utf-16", "latin-1", "utf-32")), "replace")
        return data[:at] + extra + data[at:]
