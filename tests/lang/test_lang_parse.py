"""The corpus: a program for each corner of the grammar, its tree beside it, and what every tree must hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.base.assets import asset
from cascade_dsl.base.diagnostics import Source
from cascade_dsl.lang import ast, automaton, parse, tables
from cascade_dsl.lang.build import BUILDERS
from cascade_dsl.lang.dump import dump
from cascade_dsl.lang.faults import Faults
from cascade_dsl.lang.lexer import Lexer, Token
from cascade_dsl.lang.node import Node, fields

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.csc"))
BY_NAME = pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)


def tree(text: str, name: str = "a.csc") -> ast.Module:
    parsed = parse.parse_source(Source(name, text))
    assert parsed.diagnostics == ()
    assert parsed.module is not None
    return parsed.module


def nodes(root: Node) -> list[tuple[Node | None, Node]]:
    """Every node with the one around it."""
    found: list[tuple[Node | None, Node]] = [(None, root)]
    for _, node in found:
        for _, value in fields(node):
            inside = cast(tuple[Any, ...], value) if isinstance(value, tuple) else (value,)
            found.extend((node, child) for child in inside if isinstance(child, Node))
    return found


@BY_NAME
def test_tree(path: Path, snapshot: SnapshotAssertion) -> None:
    assert dump(tree(path.read_text(encoding="utf-8"), path.name)) == snapshot


@BY_NAME
def test_spans_lie_in_the_node_around_them(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for around, node in nodes(tree(text)):
        span = cast(Any, node).span
        assert 0 <= span.start <= span.end <= len(text)
        if around is not None:
            outer = cast(Any, around).span
            assert outer.start <= span.start, (around, node)
            assert span.end <= outer.end, (around, node)
        if isinstance(node, ast.Ident) and not isinstance(around, ast.UseDecl):
            assert text[span.start : span.end] == node.name
        if isinstance(node, ast.Name):
            assert text[span.start : span.end] == node.name
        if isinstance(node, ast.StringLit):
            expressions = [part for part in node.parts if not isinstance(part, str)]
            assert len(expressions) == len(node.places)
            for place, expression in zip(node.places, expressions, strict=True):
                assert text[place.start : place.start + 2] == "{{"
                assert text[place.end - 2 : place.end] == "}}"
                assert place.start < expression.span.start <= expression.span.end < place.end


def test_the_corpus_uses_every_rule_of_the_grammar(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[int] = set()
    reduce = automaton.Parser._reduce

    def note(self: automaton.Parser, number: int) -> None:
        used.add(number)
        reduce(self, number)

    def rename(self: automaton.Parser, key: tuple[int, int, str]) -> int:
        below, top, kind = key
        rows = self.tables.states
        while (action := rows[top].get(kind)) is not None and action < 0 and self.tables.rules[~action].unit:
            used.add(~action)
            top = rows[below][self.tables.rules[~action].origin]
        return top

    monkeypatch.setattr(automaton.Parser, "_reduce", note)
    monkeypatch.setattr(automaton.Parser, "_rename", rename)
    monkeypatch.setattr(tables.load(), "renamed", {})
    for path in CORPUS:
        tree(path.read_text(encoding="utf-8"))
    for start, texts in {
        "module": ["", "f()", "f();g()", "f();g();h()", "f();", "f();g();"],
        "limit_text": ["task:f 3", "limit task:f 3"],
        "scope_text": ["task:f"],
    }.items():
        for text in texts:
            faults = Faults(Source("a.csc", text))
            parse.parse_from(faults, start)
            assert faults.findings.found == []
    rules = tables.load().rules
    assert [(rule.origin, rule.name, rule.plan) for n, rule in enumerate(rules) if n not in used] == []


def test_every_rule_that_builds_has_a_builder_and_no_builder_is_idle() -> None:
    names = {rule.name for rule in tables.load().rules if rule.kind == tables.BUILD}
    assert names == set(BUILDERS)


def test_the_corpus_holds_every_class_of_the_tree() -> None:
    classes = {cls for cls in vars(ast).values() if isinstance(cls, type) and issubclass(cls, Node) and cls is not Node}
    seen = {type(node) for path in CORPUS for _, node in nodes(tree(path.read_text(encoding="utf-8")))}
    assert classes == seen


def test_the_tables_are_current() -> None:
    grammar = asset("grammar", "cascade.lark").read_text(encoding="utf-8")
    assert tables.generate(grammar) == tables.PATH.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lark() -> Any:
    """Lark's own parser of the grammar, over lists of terminals in place of text."""
    from lark import Lark
    from lark import Token as LarkToken
    from lark.lexer import Lexer as LarkLexer

    class Replay(LarkLexer):
        def __init__(self, conf: Any) -> None: ...

        def lex(self, lexer_state: Any, parser_state: Any = None) -> Any:
            return (LarkToken(kind, "") for kind in lexer_state.split())

    grammar = asset("grammar", "cascade.lark").read_text(encoding="utf-8")
    return cast(Any, Lark)(grammar, parser="lalr", lexer=Replay, start=list(tables.STARTS), maybe_placeholders=True)


@BY_NAME
def test_lark_itself_accepts_the_same_terminals(path: Path, lark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []
    scan = Lexer.next

    def note(self: Lexer, can: Any) -> Token:
        token = scan(self, can)
        kinds.append(token.kind)
        return token

    monkeypatch.setattr(Lexer, "next", note)
    items = len(tree(path.read_text(encoding="utf-8")).items)
    root = lark.parse(" ".join(kinds[:-1]), start="module")
    assert (root.data, len(root.children)) == ("module", items)


def test_dump_shows_places_on_request() -> None:
    assert dump(tree("x = 1"), spans=True) == ("(Module@0:5 items=[(Binding@0:5 name=x value=(IntLit@4:5 value=1))])\n")


def test_a_node_is_read_only_and_knows_its_fields() -> None:
    node = tree("x = 1").items[0]
    with pytest.raises(AttributeError, match=r"Binding\.doc is read-only"):
        cast(Any, node).doc = "no"
    with pytest.raises(TypeError, match="Ident has no field nam"):
        cast(Any, ast.Ident)(name="a", nam="b", span=node.span)
    assert repr(node) == "<Binding 0:5>"


def python_body(text: str) -> ast.PythonBody:
    task = tree(text).items[0]
    assert isinstance(task, ast.TaskDecl)
    body = task.bodies[0]
    assert isinstance(body, ast.PythonBody)
    return body


def test_lines_of_a_python_body_know_where_they_stand() -> None:
    text = 'task t() {\n  python """\n    a = 1\n\n      b\n  """\n}\n'
    body = python_body(text)
    assert body.text == "a = 1\n\n  b\n"
    assert [text[at : at + 3] for at in body.line_offsets] == ["a =", "\n  ", "  b", '  "']
    one = 'task t() { python "return 1" }'
    assert [one[at] for at in python_body(one).line_offsets] == ["r"]


def test_crlf_and_bom_are_gone_before_parsing(tmp_path: Path) -> None:
    file = tmp_path / "a.csc"
    file.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\r\n")
    source = parse.read_source(file, "a.csc")
    assert (source.path, source.text) == ("a.csc", "x = 1\ny = 2\n")
