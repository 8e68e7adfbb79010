"""Syntax errors in words: what was expected, what stands there, and what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.diagnostics import Span
from ..base.suggest import did_you_mean, nearest
from .faults import Faults
from .habits import habit
from .lexer import END, NL, RESERVED, Token
from .slips import MEANT, OTHER_WORDS, keyword_mend, mend
from .tables import Tables

_VALUES = frozenset(
    "INT FLOAT DURATION SIZE NAME STRING _OPEN_STRING LPAR LSQB _RECORD MINUS NOT TRUE FALSE NONE TRY REPEAT RATE".split()  # noqa: SIM905
)
_TYPES = frozenset("NAME STRING _OPEN_STRING LPAR _RECORD".split())  # noqa: SIM905
_OPERATORS = frozenset(
    "OR AND NOT IN EQ NE LT LE GT GE COALESCE PLUS MINUS STAR SLASH FLOOR PERCENT POWER DOT LPAR LSQB IF AFTER WITH".split()  # noqa: SIM905
)
_BINARY = _OPERATORS - {"NOT", "IN", "DOT", "LPAR", "LSQB", "IF", "AFTER", "WITH"}
_DECLARATIONS = ("use", "param", "secret", "type", "limit", "task", "flow", "finally", "test", "output")
_STATEMENTS = ("if", "for", "output", "return")
CLAUSES = (
    "requires", "limit", "retry", "timeout", "cache", "env", "priority", "tag", "in", "shell", "sh", "exec", "python",
)  # fmt: skip
_TEST_STATEMENTS = ("mock", "let", "expect")
_KINDS = {
    "NAME": "a name", "FIELD": "a name", "INT": "a number", "STRING": "a string", "_OPEN_STRING": "a string", "CODE": "a string",
    "SCOPE": "a scope", "TIME": "a time such as `09:00`", "DAYS": "days such as `mon-fri`", "_BLOCK": "`{`", "_RECORD": "`{`",
    "_CLOSE_PLACE": "`}}`", NL: "the end of the line", END: "the end of the file", "RATE": "a rate", "FLOAT": "a number",
    "DURATION": "a duration", "SIZE": "a size", "TEXT": "text",
}  # fmt: skip
_SHOWN_MAX = 5
_PREFIXES = frozenset({"f", "r", "b", "u", "fr", "rf", "rb", "br"})


def acceptable(tables: Tables, states: Sequence[int]) -> set[str]:
    """The terminals that can really stand next: those that a state's row names may fail after the reductions."""
    found: set[str] = set()
    for kind, action in tables.states[states[-1]].items():
        stack = list(states[-64:])
        at: int | None = action
        while at is not None and at < 0:
            rule = tables.rules[~at]
            if rule.size >= len(stack):
                stack = list(states)  # deeper than the cut: start over with all of it
                at = action
                if rule.size >= len(stack):
                    break
                while at is not None and at < 0:
                    at = _reduce(tables, stack, at, kind)
                break
            at = _reduce(tables, stack, at, kind)
        if at is not None and (at >= 0 or kind == END):
            found.add(kind)
    return {kind for kind in found if kind in tables.literals.values() or kind in _KINDS}


def after(tables: Tables, states: Sequence[int], kind: str) -> list[int]:
    """The stack once a terminal that can stand next has been taken."""
    stack = list(states)
    at = tables.states[stack[-1]].get(kind)
    while at is not None and at < 0:
        at = _reduce(tables, stack, at, kind)
    return stack if at is None else [*stack, at]


def accepts(tables: Tables, states: Sequence[int], kind: str) -> bool:
    """A terminal can really stand next."""
    stack = list(states)
    at = tables.states[stack[-1]].get(kind)
    while at is not None and at < 0:
        at = _reduce(tables, stack, at, kind)
    return at is not None


def _reduce(tables: Tables, stack: list[int], action: int, kind: str) -> int | None:
    rule = tables.rules[~action]
    if rule.size:
        del stack[-rule.size :]
    stack.append(tables.states[stack[-1]][rule.origin])
    if kind == END and stack[-1] in {last for _, last in tables.starts.values()}:
        return 0
    return tables.states[stack[-1]].get(kind)


def explain(
    faults: Faults,
    tables: Tables,
    states: Sequence[int],
    token: Token,
    previous: object,
    previous_end: int,
    item: str | None,
    begin: int,
) -> str | None:
    """Report a token that cannot stand where it does: `previous` is the value before it; the `item` around it begins at `begin`.

    Where the word that begins the item was plainly meant as another one: that keyword, or "" where it is one too many.
    """
    can = acceptable(tables, states)
    if NL in can and item != "clause":
        can.discard("COMMA")  # it may only follow `after`
    if habit(faults, can, token, previous, previous_end, item, begin):
        return None
    text = faults.source.text
    at = token.span if token.kind not in (NL, END) else Span(previous_end, previous_end)
    if token.kind == END and not text[:previous_end].strip():
        at = Span(0, 0)
    if isinstance(previous, Token) and previous.kind == "NAME":
        if _prefixed(faults, previous, token):
            return None
        if previous.start == begin:
            found = _unknown(faults, can, previous, token)
            if found is not None:
                return found[0]
    word = token.text if token.text[:1].isalpha() or token.text[:1] == "_" else ""
    if word and token.start == begin and _begins(can) and token.kind not in ("STRING", "CODE"):
        return _no_word_here(faults, can, token)
    if isinstance(previous, Token) and previous.kind == "COMMA" and can == {"NAME"} and item in ("item", "statement"):
        faults.add(
            "CSC001", "expected the end of the line, found `,`", previous.span, "several values make a list: `[a, b]`"
        )
        return None
    if token.text == "=" and _binds_several(faults, token, begin):
        return None
    expected = _in_words(tables, states, can)
    if faults.source.path.startswith("<"):
        expected = expected.replace("the end of the file", "the end")
    found = f"`{token.text}`" if token.kind not in _KINDS or token.kind in ("NAME", "FIELD") else _KINDS[token.kind]
    if token.kind in ("INT", "FLOAT", "DURATION", "SIZE", "SCOPE", "TIME", "DAYS", "RATE"):
        found = f"`{token.text}`"
    if token.kind == "COLON" and text.startswith(":=", token.start) and "EQUAL" in can:
        found, at = "`:=`", Span(token.start, token.end + 1)
    bound = token.start == begin and text[token.end :].lstrip(" \t").startswith("=")
    if token.text in RESERVED and "NAME" in can and ("INT" not in can or bound):
        faults.add("CSC020", f"`{token.text}` is a reserved word", at, "choose another name")
        return None
    if token.kind == END and faults.source.path.startswith("<"):
        found = "the end"
    faults.add(
        "CSC001", f"expected {expected}, found {found}", at, mend(text, can, token, previous, previous_end, begin)
    )
    return None


def _binds_several(faults: Faults, token: Token, begin: int) -> bool:
    """`a, b = f()` as Python writes it."""
    names = faults.source.text[begin : token.start]
    if "," not in names or not all(name.strip().isidentifier() for name in names.split(",")):
        return False
    comma = begin + names.index(",")
    help = "bind the whole, `pair = …`, and use `pair[0]`; several names may stand in a `for`"
    faults.add("CSC001", "expected `=` and a value, found `,`", Span(comma, comma + 1), help)
    return True


def _prefixed(faults: Faults, word: Token, token: Token) -> bool:
    """`f"…"` as Python writes it."""
    if token.kind not in ("STRING", "_OPEN_STRING") or word.end != token.start or word.text.lower() not in _PREFIXES:
        return False
    help = {"f": "strings hold values as `{{x}}`, without an `f`", "r": "a raw string stands in single quotes: `'…'`"}
    faults.add(
        "CSC026",
        f"a string has no prefix `{word.text}`",
        word.span,
        help.get(word.text.lower(), "leave the prefix out"),
    )
    return True


def _begins(can: set[str]) -> list[tuple[str, ...]]:
    if "REQUIRES" in can:
        return [CLAUSES]
    return [_TEST_STATEMENTS] if "EXPECT" in can else []


def _no_word_here(faults: Faults, can: set[str], token: Token) -> str | None:
    """A clause, or a statement of a test, begins with a word that none begins with."""
    word, at = token.text, token.span
    known = [w for words in _begins(can) for w in words]
    if word in known:
        help = keyword_mend(word, faults.source.text[token.end : token.end + 40])
        faults.add("CSC015", f"`{word}` cannot be bound or called here", at, help)
        return None
    near = next(iter(nearest(word, known)), None)
    help = OTHER_WORDS.get(word) or did_you_mean(word, known)
    meant = MEANT.get(word, near)
    if "REQUIRES" in can:
        where = "not a clause of a task" if word in _DECLARATIONS + _STATEMENTS else "no clause or body"
        faults.add("CSC015", f"`{word}` is {where}", at, help or f"clauses and bodies are {', '.join(CLAUSES)}")
    else:
        faults.add("CSC015", f"`{word}` cannot stand in a test", at, help or "a test holds mock, let and expect")
    follows = faults.source.text[token.end : token.end + 40].lstrip(" \t")[:1]
    return (
        meant if meant in known and follows not in ("=", ":", "(") and word not in _DECLARATIONS + _STATEMENTS else None
    )


def _unknown(faults: Faults, can: set[str], word: Token, token: Token) -> tuple[str | None] | None:
    """A line that begins with two words begins with a keyword that there is not; the word that was meant."""
    if (
        token.kind not in ("NAME", "STRING", "_OPEN_STRING", "_BLOCK", "INT", "DURATION")
        and not token.text.isidentifier()
    ):
        return None
    if token.text in RESERVED or not {NL, "EQUAL"} & can:
        return None
    known = [*_DECLARATIONS, *_STATEMENTS]
    if word.text in CLAUSES and "REQUIRES" not in can:
        help = f"`{word.text}` is a clause: it stands in the `{{ }}` of a task"
        faults.add("CSC015", f"`{word.text}` stands outside a task", word.span, help)
        return (None,)
    help = OTHER_WORDS.get(word.text) or did_you_mean(word.text, known)
    faults.add(
        "CSC015",
        f"unknown word `{word.text}`",
        word.span,
        help or "a line begins with a declaration, `name = …` or a call",
    )
    if word.text in OTHER_WORDS:
        meant = MEANT.get(word.text)
        return (meant if meant in ("", *known) else None,)
    return (next(iter(nearest(word.text, known)), None),)


def _in_words(tables: Tables, states: Sequence[int], can: set[str]) -> str:
    """The terminals as a person would name them, the most telling first."""
    can = set(can)
    said: list[str] = []
    if len(can) == 1 and can <= {"EQUAL", "COLON"}:
        (kind,) = can
        then = acceptable(tables, after(tables, states, kind))
        what = "a value" if "MINUS" in then else "a type" if "LPAR" in then else ""
        return f"`{':' if kind == 'COLON' else '='}`" + (f" and {what}" if what else "")
    if {"TASK", "PARAM"} <= can:
        return "a declaration or a statement"
    if {"REQUIRES", "SH"} <= can:
        said.append("a clause or a body")
        can -= {tables.literals[word] for word in CLAUSES}
    if {"MOCK", "EXPECT"} <= can:
        said.append("`mock`, `let` or `expect`")
        can -= {"MOCK", "EXPECT", "LET"}
    if {"RETURN", "OUTPUT"} <= can:
        said.append("a statement")
        can -= _VALUES | {"RETURN", "OUTPUT", "IF", "FOR"}
    if {"BURST", "BECAUSE"} <= can:
        said.append("an option such as `for 10m`")
        can -= {"BURST", "WHOLE", "BY", "FOR", "UNTIL", "FROM", "HARD", "BECAUSE"}
    if "INT" in can and "NAME" in can:
        said.append("an amount" if "RATE" in can else "a value")
        can -= _VALUES
    elif {"NAME", "STRING", "LPAR"} <= can:
        said.append("a type such as `int` or `list[file]`")
        can -= _TYPES
    if "PLUS" in can:
        can -= _OPERATORS
    if len(can - _BINARY) > 0:
        can -= _BINARY  # an operator may nearly always follow
    if "QMARK" in can and can - {"DOT", "QMARK", "LSQB"}:
        can -= {"DOT", "QMARK", "LSQB"}  # nor what may follow a type
    if "TEXT" in can:
        can -= {"TEXT", "_OPEN_PLACE"}
    if NL in can:
        can.discard(END)
    names = {terminal: word for word, terminal in tables.literals.items()}
    said += sorted({_KINDS.get(kind) or f"`{names[kind]}`" for kind in can}, key=_rank)
    if len(said) > _SHOWN_MAX:
        said = said[:_SHOWN_MAX]
    return " or ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else (said[0] if said else "something else")


def _rank(phrase: str) -> tuple[int, str]:
    if phrase.startswith("the end"):
        return 2, phrase
    return (1 if phrase[1:2].isalpha() and phrase.startswith("`") else 0), phrase
