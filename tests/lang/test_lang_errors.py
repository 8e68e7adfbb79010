"""Syntax errors: each whole, all of a file at once, and nothing that breaks the parser."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.base.codes import CODES
from cascade_dsl.base.diagnostics import CascadeError, Diagnostic, Source
from cascade_dsl.lang.lexer import DEPTH_MAX
from cascade_dsl.lang.parse import parse_source, read_source

PROGRAMS = {
    "a misspelt declaration": 'taks fetch(u: str) { sh "x" }\n',
    "misspelt clauses": 'task f() {\n  requres cpu = 1\n  retyr 3\n  sh "x"\n}\n',
    "a declaration in a task": 'task f() {\n  param x: int\n  sh "x"\n}\n',
    "words of other languages": 'let x = 1\nimport "a"\ndef f() { }\nif a { } elif b { }\n',
    "a broken header and later faults": 'task fetch(u str) -> file {\n  sh "x"\n}\nx = fetch(1\ny = 2\nz = = 3\n',
    "two bad clauses": "task f() {\n  timeout\n  retry 3 backoff 1s 30s\n  exec [\n}\nx = 3 3\n",
    "brackets left open": "x = [1, 2\ny = {a: 1\nz = f(\n",
    "a block left open": 'task f() {\n  sh "x"\n\ntask g() {\n  sh "y"\n}\nx = 3 3\n',
    "a block left open at the end": "flow f() {\n  if a {\n    b()\n  }\n",
    "a bracket in a block left open": "flow f(a: int) -> int {\n  x = (1\n  return x\n}\ny = 3 3\n",
    "the wrong closer": "x = (1 ]\ny = [1 }\nz = f({a: 1)\n",
    "closers of nothing": "}\nx = 1)\ny = ]\n",
    "a block on its own line": 'task f()\n{\n  sh "x"\n}\ny = 3 3\n',
    "a missing value": "x =\ny = 1 +\nz = f(a, b = )\n",
    "a value too much": "x = 4 GB\ny = a b c\nz = 3, 4\n",
    "units": "x = 4GX\ny = 3min\nz = 20sec\nv = 5k\nw = 1.2.3\n",
    "numbers": "x = 99999999999999999999\ny = 1e999\nz = 99999999PB\nv = 999999999d\n",
    "semicolons in brackets": "x = f(a; b)\ny = [1; 2]\n",
    "operators of other languages": "x = a && b\ny = c || d\nz = !e\nv = a = b\nw = $HOME\n",
    "characters": "x = “a”\ny = é\nz\u00a0= 1\nv = \u0007\nw = `a`\n",
    "reserved words": "in = 4\nparam if: str\ntask true() { }\nx = [a for none in b]\n",
    "bindings with types": "x: int = 3\n",
    "assignment in a condition": "if x = 3 { a() }\n",
    "places": 'x = "{{a b}}"\ny = "{{}}"\nz = "a{{b}"\nw = "{{f(}}"\n',
    "keys": 'x = {1: 2}\ny = {"a{{b}}": 1}\n',
    "types": "param a: lst[str]\nparam b:\nparam c: list[]\nparam d: 3\nparam e: dict[str, int]\n",
    "declarations cut short": "use\nsecret 3\ntype X: str\noutput = \nparam y int\nlimit\nflow\n",
    "two on a line": "task f() { sh 'x' } task g() { sh 'y' }\n",
    "ternaries in operators": "x = 1 + if a else b\ny = 1 + try f() else 2\n",
    "after": "x = f(a) after b after c\ny = [f(a) after b, c]\nz = 1 after b\nw = f(a) after (b\n",
    "with": "x = f(a) with { retry 0 } with { retry 1 }\ny = f(a) with {\n  retyr 1\n}\n",
    "loops": "m = repeat m = f() while m > 1 { g(m) }\nn = repeat n = f() max 3 { g(n) }\n",
    "limits": "limit task:f 3 3\nlimit task: 3\nlimit tak:f 3\nlimit foo:bar 3\nlimit task:f 3 burst 2 burst 3\n"
    "limit f 3 until 25:00\nlimit f 3 for 1m until 10:00\nlimit f 3 becuase \"x\"\nlimit f\nlimit f 3 because x\n"
    "limit f 3 from 1:00 to 2:00 mon-wed-fri\n",
    "clauses with the wrong things": "task f() {\n  requires 4\n  retry 3 on 300\n  tag 'x'\n  env { A 1 }\n  in\n  shell bash\n  python 3\n}\n",
    "tests": 'test x { }\ntest "x" {\n  foo = 3\n  mock f times 3\n  mok g\n  let a\n}\n',
    "an empty file": "",
    "only comments": "\n# nothing\n\n",
    "a lone bracket": "f(",
    "a fault in a comprehension": "x = [f(a) for a of b]\ny = [for a in b]\nz = {k: 1, l for k in b}\n",
    "inputs without a type": "task f(a) -> str { sh 'x' }\ntask g(a: int, b = 3) { sh 'x' }\nparam top = 3\n",
    "one bound of a backoff": "task f() {\n  retry 3 backoff 1s\n  sh 'x'\n}\n",
    "a place outside a string": "x = {{a}}\ny = {a: {b: 1}\n",
    "a pipe to a function": 'x = "{{a | upper}}"\n',
    "else without if": "else { }\nx = 1 3\n",
    "a header over several lines": "task f(\n  a: int\n  b: int\n) {\n  sh 'x'\n}\nx = 3 3\n",
}  # fmt: skip


def show(diagnostic: Diagnostic) -> str:
    at = diagnostic.primary
    assert at is not None
    assert diagnostic.code in CODES
    end = f"{at.end_column}" if at.end_line == at.line else f"{at.end_line}:{at.end_column}"
    lines = [f"{diagnostic.code} {at.line}:{at.column}-{end} {diagnostic.message}"]
    lines += [f"    {why.line}:{why.column} {why.message}" for why in diagnostic.secondary]
    if diagnostic.help:
        lines.append(f"    help: {diagnostic.help}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", PROGRAMS)
def test_messages(name: str, snapshot: SnapshotAssertion) -> None:
    parsed = parse_source(Source("a.csc", PROGRAMS[name]))
    assert parsed.diagnostics
    assert PROGRAMS[name] + "-----\n" + "\n".join(map(show, parsed.diagnostics)) + "\n" == snapshot


DEEP = {
    "brackets": "x = " + "[" * 10_000,
    "closed brackets": "x = " + "[" * 10_000 + "]" * 10_000,
    "parentheses": "(" * 10_000,
    "places": "x = " + '"{{' * 5_000,
    "blocks": "if a {\n" * 5_000,
    "else if": "if a { } " + "else if a { } " * 5_000,
    "not": "x = " + "not " * 5_000 + "a",
    "minus": "x = " + "-" * 5_000 + "a",
    "sum": "x = " + "+".join(["a"] * 5_000),
    "ternary": "x = " + "a if b else " * 5_000 + "a",
    "members": "x = a" + ".b" * 5_000,
    "calls": "x = f" + "()" * 5_000,
    "powers": "x = " + "a ** " * 5_000 + "a",
    "types": "param x: " + "list[" * 5_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_nothing_is_nested_without_end(name: str) -> None:
    found = parse_source(Source("a.csc", DEEP[name])).diagnostics
    assert [(d.code, d.message) for d in found] == [("CSC009", "this is nested more than 200 deep")]


def test_two_hundred_deep_is_fine() -> None:
    n = DEPTH_MAX
    for text in ("[" * n + "]" * n, "-" * n + "a", "f(" * (n - 1) + "a" + ")" * (n - 1), "+".join(["a"] * (n + 1))):
        assert parse_source(Source("a.csc", f"x = {text}")).diagnostics == ()


def test_an_endless_string_is_one_error() -> None:
    text = 'x = "' + "a" * 1_000_000
    found = parse_source(Source("a.csc", text + "\ny = 3 3")).diagnostics
    assert [(d.code, d.primary and d.primary.line) for d in found] == [("CSC004", 1), ("CSC001", 2)]
    found = parse_source(Source("a.csc", 'x = """' + "a\n" * 500_000)).diagnostics
    assert [d.message for d in found] == ['`"""` is not closed']


def test_a_thousand_errors_are_enough() -> None:
    assert len(parse_source(Source("a.csc", "x = = 1\n" * 5_000)).diagnostics) == 1_000


def test_a_nul_in_the_text() -> None:
    found = parse_source(Source("a.csc", "x = 1\ny = '\0'")).diagnostics
    assert [show(d) for d in found] == ["CSC013 2:6-7 the text holds a NUL byte\n    help: a program is plain text"]


def unreadable(path: Path) -> tuple[str, str, str | None]:
    with pytest.raises(CascadeError) as caught:
        read_source(path, path.name)
    (found,) = caught.value.diagnostics
    return found.code, found.message, found.help


def test_files_that_are_no_program(tmp_path: Path) -> None:
    (tmp_path / "words.csc").write_text("x = 1")
    (tmp_path / "latin.csc").write_bytes(b'a = 1\nx = "caf\xe9"\n')
    (tmp_path / "zero.csc").write_bytes(b"x = 1\n\0\n")
    assert unreadable(tmp_path / "word.csc") == ("CSC010", "there is no file word.csc", "did you mean `words.csc`?")
    assert unreadable(tmp_path / "gone" / "a.csc") == ("CSC010", "there is no file a.csc", None)
    folder = ("CSC011", f"{tmp_path.name} is a folder, not a program", "name a `.csc` file in it")
    assert unreadable(tmp_path) == folder
    below = ("CSC011", "a.csc cannot be read: Not a directory", None)
    assert unreadable(tmp_path / "words.csc" / "a.csc") == below
    utf8 = ("CSC012", "latin.csc is not UTF-8: byte 0xe9", "it looks like Latin-1 or Windows-1252; save it as UTF-8")
    assert unreadable(tmp_path / "latin.csc") == utf8
    nul = ("CSC013", "zero.csc holds a NUL byte on line 2", "a program is plain text")
    assert unreadable(tmp_path / "zero.csc") == nul


SEEDS = [*PROGRAMS.values(), *(p.read_text() for p in sorted((Path(__file__).parent / "corpus").glob("*.csc")))]
PIECES = [
    *"{}()[]\"'\n;#,=.?|\\x3é\0", '"""', "{{", "}}", "task ", "limit ", " if ", " else ", " for ", " in ", "repeat m = ",
    " while ", " max ", "with {", "after ", "->", "1h", "..", "sh ", "python ", "try ", "not ", "-", "##", "\n}\n", "\nx = ",
]  # fmt: skip


def sound(text: str) -> None:
    """What holds for any text: a tree or errors, every place inside the file, in the order of the file."""
    parsed = parse_source(Source("a.csc", text))
    assert parsed.module is not None or parsed.diagnostics
    assert parsed.diagnostics or not parsed.broken
    lines = text.split("\n")
    places: list[tuple[int, int]] = []
    for found in parsed.diagnostics:
        assert found.code in CODES
        for label in (found.primary, *found.secondary):
            assert label is not None
            assert (label.line, label.column) <= (label.end_line, label.end_column)
            for line, column in ((label.line, label.column), (label.end_line, label.end_column)):
                assert 1 <= line <= len(lines)
                assert 1 <= column <= len(lines[line - 1]) + 1
        assert found.primary is not None
        places.append((found.primary.line, found.primary.column))
    assert places == sorted(places)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("abx13 .,:;=+-*/(){}[]\"'\\#\n?|<>!$é\0"), max_size=80))
def test_any_text(text: str) -> None:
    sound(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_pieces(pieces: list[str]) -> None:
    sound("".join(pieces))


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_program_with_faults(seed: str, chance: random.Random, faults: int) -> None:
    text = seed[:4000]
    for _ in range(faults):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice([0, 0, 1, 2, 5, 40]))
        text = text[:start] + chance.choice(PIECES) + text[end:]
    sound(text)
