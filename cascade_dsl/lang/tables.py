"""The parser's tables: made by Lark from the grammar, kept in the package, so that a run neither builds them nor loads Lark.

`python -m cascade_dsl.lang.tables` writes them anew after a change of `grammar/cascade.lark`; a test holds that they are
current. They are plain data: a state is a row of symbols and what to do, s ≥ 0 for "go to state s", ~r for "reduce by
rule r". A rule says how the values of its symbols become the arguments of its builder (`Rule.plan`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

FORMAT = 1
PATH = Path(__file__).with_name("tables.json")
STARTS = ("module", "limit_text", "scope_text")

PASS, SPLICE, BUILD = 0, 1, 2
"""What a rule makes: the value of its one symbol; a list for the rule around it; what the builder of its name makes."""


class Rule:
    """A production. `plan` lists the arguments: -1 for one left out, else 2·i for symbol i, 2·i+1 for the items of list i."""

    __slots__ = ("kind", "name", "origin", "picks", "plan", "size", "unit")

    def __init__(self, origin: str, name: str, size: int, kind: int, plan: tuple[int, ...]) -> None:
        self.origin, self.name, self.size, self.kind, self.plan = origin, name, size, kind, plan
        self.unit = kind == PASS and size == 1
        """It only gives its one symbol another name."""
        self.picks = None if any(i < 0 or i & 1 for i in plan) else tuple(i >> 1 for i in plan)
        """The symbols that are its arguments, where nothing is left out and no list is spliced."""


class Tables:
    """The automaton. `literals` maps the spelling of a word or operator to its terminal."""

    __slots__ = ("literals", "renamed", "rules", "starts", "states")

    def __init__(self, data: dict[str, Any]) -> None:
        symbols: list[str] = data["symbols"]
        self.renamed: dict[tuple[int, int, str], int] = {}
        """What a chain of unit rules came to, by the two states on top and the terminal that follows."""
        self.literals: dict[str, str] = data["literals"]
        self.starts: dict[str, tuple[int, int]] = {name: (first, last) for name, first, last in data["starts"]}
        rules: list[tuple[int, int, int, int, list[int]]] = data["rules"]
        self.rules = [
            Rule(symbols[origin], symbols[name], size, kind, tuple(plan)) for origin, name, size, kind, plan in rules
        ]
        self.states: list[dict[str, int]] = [
            dict(zip(map(symbols.__getitem__, row[::2]), row[1::2], strict=True)) for row in data["states"]
        ]


_loaded: Tables | None = None


def load() -> Tables:
    """The tables of this package, read once a process."""
    global _loaded
    if _loaded is None:
        _loaded = Tables(json.loads(PATH.read_text(encoding="utf-8")))
    return _loaded


def generate(grammar: str) -> str:
    """The tables of a grammar as text; raises Lark's GrammarError where it is not LALR(1)."""
    from lark import Lark
    from lark.lexer import Lexer

    class NoLexer(Lexer):
        """Stands in for the scanner, which Lark never runs here."""

        def __init__(self, conf: Any) -> None: ...

        def lex(self, lexer_state: Any, parser_state: Any) -> Any:
            raise NotImplementedError

    make = cast(Any, Lark)  # its types say little of what is inside
    lark = make(grammar, parser="lalr", lexer=NoLexer, strict=True, start=list(STARTS), maybe_placeholders=True)
    table = lark.parser.parser._parse_table
    symbols: dict[str, int] = {}
    numbers: dict[Any, int] = {}
    rules: list[Any] = []

    def symbol(name: str) -> int:
        return symbols.setdefault(str(name), len(symbols))

    def number(rule: Any) -> int:
        if rule not in numbers:
            numbers[rule] = len(rules)
            origin = str(rule.origin.name)
            kind, plan = _plan(rule)
            rules.append([symbol(origin), symbol(rule.alias or origin), len(rule.expansion), kind, plan])
        return numbers[rule]

    # Lark numbers states in the order of its sets, which changes from process to process: number them as they are reached
    order: dict[int, int] = {table.start_states[name]: at for at, name in enumerate(STARTS)}
    states: list[list[int]] = []
    while len(states) < len(order):
        row: list[int] = []
        for name, (action, argument) in sorted(table.states[list(order)[len(states)]].items()):
            shifts = str(action) == "Shift"
            row += [symbol(name), order.setdefault(argument, len(order)) if shifts else ~number(argument)]
        states.append(row)
    data = {
        "format": FORMAT,
        "grammar": digest(grammar),
        "starts": [[name, order[table.start_states[name]], order[table.end_states[name]]] for name in STARTS],
        "literals": {
            str(t.pattern.value): str(t.name) for t in sorted(lark.terminals, key=lambda t: t.name) if t.pattern
        },
        "symbols": list(symbols),
        "rules": rules,
        "states": states,
    }
    lines = (f"{json.dumps(key)}: {_rows(value)}" for key, value in data.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def digest(grammar: str) -> str:
    """What the tables of a grammar are known by."""
    return hashlib.blake2b(grammar.encode(), digest_size=16).hexdigest()


def _plan(rule: Any) -> tuple[int, list[int]]:
    # Lark's own conventions: literals are dropped, `[x]` that is not there gives None, `_rules` are spliced
    gaps = "".join("1" if empty else "0" for empty in rule.options.empty_indices).split("0")
    missing = [len(gap) for gap in gaps] if rule.options.empty_indices else [0] * (len(rule.expansion) + 1)
    plan: list[int] = []
    for i, part in enumerate(rule.expansion):
        plan += [-1] * missing[i]
        if part.is_term:
            if not part.filter_out:
                plan.append(2 * i)
        else:
            plan.append(2 * i + part.name.startswith("_"))
    plan += [-1] * missing[len(rule.expansion)]
    if rule.origin.name.startswith("_"):
        return SPLICE, plan
    if rule.options.expand1 and not rule.alias and len(plan) == 1 and plan[0] >= 0 and plan[0] % 2 == 0:
        return PASS, plan
    return BUILD, plan


def _rows(value: Any) -> str:
    if isinstance(value, list):
        items = cast(list[Any], value)
        if items and isinstance(items[0], list):
            return "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in items) + "\n]"
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    from ..base.assets import asset

    PATH.write_text(generate(asset("grammar", "cascade.lark").read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PATH.name} written")
