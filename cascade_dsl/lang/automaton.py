"""Tokens → values: an LALR(1) automaton over Lark's tables.

It keeps its own stack and calls the builder of each rule as it reduces, so that no depth of nesting is a depth of calls.
What happens at a fault is left to `recovery`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ..base.diagnostics import Span
from . import tables
from .build import BUILDERS, NESTING, Builder
from .faults import Faults
from .lexer import DEPTH_MAX, END, Lexer, Token


class Parser(ABC):
    """One parse of one text. Four stacks run side by side: states, values, where each begins and ends, how deep it nests."""

    def __init__(self, faults: Faults, start: str) -> None:
        self.tables = tables.load()
        self.faults = faults
        self.text = faults.source.text
        self.lexer = Lexer(self.text, self.tables.literals, faults)
        self.builder = Builder(self.text, self.lexer, faults)
        first, self.last = self.tables.starts[start]
        self.states = [first]
        self.values: list[Any] = [None]
        self.starts = [0]
        self.ends = [0]
        self.nests = [0]
        self.depths = [0]
        """How many brackets are open after each symbol."""

    def run(self) -> Any:
        """The value of the start rule; None where the text is past recovery."""
        states, rows = self.states, self.tables.states
        rules, renamed = self.tables.rules, self.tables.renamed
        token = self.lexer.next(rows[states[-1]])
        while not self.faults.fatal:
            action = rows[states[-1]].get(token.kind)
            if action is None:
                following = self.recover(token)
                if following is None:
                    return None
                token = following
            elif action < 0:
                if rules[~action].unit:
                    key = (states[-2], states[-1], token.kind)
                    top = renamed.get(key)
                    states[-1] = self._rename(key) if top is None else top
                    continue
                self._reduce(~action)
                if token.kind == END and states[-1] == self.last:
                    return self.values[-1]
            elif token.kind == END:
                return self.values[-1]
            else:
                self._push(action, token, token.start, token.end, 0, token.depth)
                token = self.lexer.next(rows[action])
        return None

    def _push(self, state: int, value: Any, start: int, end: int, nest: int, depth: int) -> None:
        self.states.append(state)
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(end)
        self.nests.append(nest)
        self.depths.append(depth)

    def _rename(self, key: tuple[int, int, str]) -> int:
        """The state on top once every unit rule that applies has been: an operand is an operator's, a sum's, a value."""
        below, top, kind = key
        row, rules = self.tables.states, self.tables.rules
        while (action := row[top].get(kind)) is not None and action < 0 and rules[~action].unit:
            top = row[below][rules[~action].origin]
        self.tables.renamed[key] = top
        return top

    def _reduce(self, number: int) -> None:
        rule = self.tables.rules[number]
        size = rule.size
        states, values = self.states, self.values
        if size == 1:
            start, end, nest, children = self.starts[-1], self.ends[-1], self.nests[-1], values[-1:]
        elif size:
            children = values[-size:]
            start, end, nest = self.starts[-size], self.ends[-1], max(self.nests[-size:])
            rest = 1 - size
            # the last of the symbols becomes the whole
            del states[rest:], values[rest:], self.ends[rest:], self.starts[rest:], self.nests[rest:]
            del self.depths[-size:-1]
            self.starts[-1] = start
            self.ends[-1] = end
        else:
            start = end = self.ends[-1]  # what is empty ends where the last thing did, before any comment
            children, nest = [], 0
            self._push(0, None, start, end, 0, self.depths[-1])
        arguments: list[Any]
        if rule.picks is not None:
            arguments = [children[i] for i in rule.picks]
        else:
            arguments = []
            for i in rule.plan:
                if i < 0:
                    arguments.append(None)
                elif i & 1:
                    if arguments:
                        arguments += children[i >> 1]
                    else:
                        arguments = children[i >> 1]
                else:
                    arguments.append(children[i >> 1])
        if rule.kind == tables.BUILD:
            value = BUILDERS[rule.name](self.builder, Span(start, end), *arguments)
            if rule.name in NESTING:
                nest += 1
                if nest > DEPTH_MAX:
                    self.faults.too_deep(Span(start, min(end, start + 1)))
        else:
            value = arguments[0] if rule.kind == tables.PASS else arguments
        values[-1] = value
        self.nests[-1] = nest
        states[-1] = self.tables.states[states[-2]][rule.origin]

    @abstractmethod
    def recover(self, token: Token) -> Token | None:
        """Report a token that cannot be taken; the token to go on with, None where the rest of the text is lost."""
