"""Habits of other languages that the parser meets: what was probably meant, said as a sentence of its own.

Looks at the text around the token that cannot stand where it does, and at what could. One function for each habit; the
first that knows the place speaks. What none knows is left to the general message.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..base.diagnostics import Span
from .faults import Faults
from .lexer import NL, Token


class Place(NamedTuple):
    """Where a token cannot stand."""

    text: str
    can: set[str]
    token: Token
    previous: object
    previous_end: int
    item: str | None
    begin: int

    @property
    def before(self) -> str:
        """What stands before the token on its line, as far as anybody would read."""
        start = self.token.start
        return self.text[max(self.text.rfind("\n", 0, start) + 1, start - _SEEN) : start]

    @property
    def rest(self) -> str:
        """What stands behind the token on its line, as far as anybody would read."""
        end = self.text.find("\n", self.token.end, self.token.end + _SEEN)
        return self.text[self.token.end : self.token.end + _SEEN if end < 0 else end]

    @property
    def opening(self) -> str:
        """The first word of the item."""
        found = _WORD.match(self.text, self.begin)
        return found[0] if found else ""


class Slip(NamedTuple):
    """What was probably meant."""

    message: str
    span: Span
    help: str
    code: str = "CSC001"


_SEEN = 200
"""Characters of a line that are looked at on each side: patterns over them may be tried at each."""
_WORD = re.compile(r"[A-Za-z_]\w*")
_TYPES = "str|int|float|bool|file|dir|json|size|duration|string|val|path|String|Int|Float|Boolean|File"
_PYTHON = frozenset(
    [
        "os",
        "sys",
        "re",
        "json",
        "math",
        "random",
        "datetime",
        "time",
        "pathlib",
        "subprocess",
        "itertools",
        "functools",
        "collections",
        "glob",
        "numpy",
        "pandas",
        "shutil",
        "csv",
        "torch",
        "tensorflow",
        "sklearn",
        "scipy",
        "airflow",
        "prefect",
        "dagster",
        "luigi",
        "requests",
        "yaml",
        "matplotlib",
        "polars",
    ]
)
_BLOCKS = frozenset({"task", "flow", "for", "if", "else", "finally", "test", "process", "rule", "def"})
_HEADER_WORDS = {
    "input": "inputs stand in the header: `task NAME(reads: file) … {`",
    "inputs": "inputs stand in the header: `task NAME(reads: file) … {`",
    "params": "what a task is given stands in its header: `task NAME(reads: file, k: int) … {`",
    "wildcards": "what a task is given stands in its header: `task NAME(sample: str) … {`",
    "output": 'outputs stand in the header: `task NAME(…) -> page: file = "out/{{name}}.html" {`',
    "outputs": 'outputs stand in the header: `task NAME(…) -> page: file = "out/{{name}}.html" {`',
    "publishDir": 'an output is published by its path in the header: `-> page: file = "out/{{name}}.html"`',
    "log": "what a body prints goes to the log of its task; `cascade logs NODE` shows it",
    "conda": "an environment is chosen in the body, or by `shell`",
    "container": "a container is started in the body",
    "when": "calls are filtered where they are made: `[f(x) for x in xs if …]`",
    "message": "a doc comment describes a task: `## …` above it",
    "description": "a doc comment describes a task: `## …` above it",
    "depends_on": "a call waits for another: `f(x) after other`",
    "needs": "a call waits for another: `f(x) after other`",
}
_CLAUSES = frozenset(
    "requires retry timeout cache env priority tag in shell sh exec python limit".split()  # noqa: SIM905
)
_REQUIRES = {"threads": "cpu", "cpus": "cpu", "cpu": "cpu", "cores": "cpu", "memory": "mem", "mem": "mem", "ram": "mem", "gpus": "gpu"}  # fmt: skip


def habit(
    faults: Faults, can: set[str], token: Token, previous: object, previous_end: int, item: str | None, begin: int
) -> bool:
    """Reports the habit that a token shows, where it is known; False where it is not."""
    place = Place(faults.source.text, can, token, previous, previous_end, item, begin)
    for know in _HABITS:
        slip = know(place)
        if slip is not None:
            faults.add(slip.code, slip.message, slip.span, slip.help)
            return True
    return False


# ---- blocks and clauses


def _colon_for_a_block(at: Place) -> Slip | None:
    if at.token.kind != "COLON" or not re.fullmatch(r"[ \t]*(?:#.*)?", at.rest) or at.opening not in _BLOCKS:
        return None
    return Slip(
        "expected `{`, found `:`",
        at.token.span,
        "a block stands in braces: `{` at the end of this line, `}` on a line of its own behind the last",
    )


def _between_a_clause_and_its_value(at: Place) -> Slip | None:
    word = at.text[at.begin : min(at.previous_end, at.begin + _SEEN)]
    if at.item != "clause" or word not in _CLAUSES or at.token.text not in ("=", ":", "=="):
        return None
    value = at.rest.split("#")[0].strip()
    if word in ("sh", "python", "exec", "env", "requires") or not value or len(value) > 40:
        return Slip(f"`{word}` stands before its value, without `{at.token.text}`", at.token.span, f"write `{word} …`")
    message = f"`{word}` stands before its value, without `{at.token.text}`"
    return Slip(message, at.token.span, f"write `{word} {value}`")


def _word_of_a_header(at: Place) -> Slip | None:
    word = at.token.text
    if at.item != "clause" or at.token.start != at.begin or word not in {*_HEADER_WORDS, *_REQUIRES}:
        return None
    value = at.rest.strip().lstrip(":=").strip()
    if word in _REQUIRES:
        resource = _REQUIRES[word]
        if not re.fullmatch(r"[\w. *]{1,20}", value):
            value = "…"
        elif resource == "mem" and value.isdigit():
            value += "MB"
        span = Span(at.token.start, at.token.end + len(at.rest.split("#")[0].rstrip()))
        return Slip(f"`{word}` is no clause of a task", span, f"write `requires {resource} = {value}`", "CSC015")
    return Slip(f"`{word}` is no clause of a task", at.token.span, _HEADER_WORDS[word], "CSC015")


def _clause_outside(at: Place) -> Slip | None:
    if (
        at.item not in ("item", "statement")
        or at.opening not in _CLAUSES - {"limit", "in"}
        or at.before.strip() not in ("", at.opening)
    ):
        return None
    if at.text[at.begin : at.begin + len(at.opening)] != at.opening or at.token.text in ("=", "(", ".", "["):
        return None
    span = Span(at.begin, at.begin + len(at.opening))
    what = "a body" if at.opening in ("sh", "exec", "python") else "a clause"
    return Slip(
        f"`{at.opening}` is {what} of a task", span, "it stands in the braces of one: `task NAME(…) { … }`", "CSC015"
    )


def _script_without_quotes(at: Place) -> Slip | None:
    if at.opening not in ("sh", "python", "exec") or at.before.strip() != at.opening or at.item != "clause":
        return None
    if at.opening == "exec" or at.token.kind in (NL, "STRING", "_OPEN_STRING"):
        return None
    what = "a script" if at.opening == "sh" else "a python body"
    quotes = f'`{at.opening} "…"`, over several lines `{at.opening} """`'
    return Slip(f"{what} is a string, found `{at.token.text}`", at.token.span, f"write {quotes}")


# ---- headers


def _without_parentheses(at: Place) -> Slip | None:
    if at.can != {"LPAR"} or at.opening not in ("task", "flow"):
        return None
    name = at.before.strip().removeprefix(at.opening).strip()
    if at.token.text == "-":
        return _dash(at)
    if at.token.text not in ("{", ":", "->") and at.token.kind != NL:
        return None
    found = {NL: "the end of the line"}.get(at.token.kind, f"`{at.token.text}`")
    help = f"inputs stand in parentheses, also where there are none: `{at.opening} {name}()`"
    return Slip(f"expected `(`, found {found}", at.token.span, help)


def _dash(at: Place) -> Slip | None:
    found = re.search(r"[A-Za-z_]\w*\Z", at.before)
    more = re.match(r"[A-Za-z_][\w-]*", at.rest)
    if at.token.text != "-" or found is None or more is None or found.end() != len(at.before):
        return None
    whole = f"{found[0]}-{more[0]}"
    span = Span(at.token.start - len(found[0]), at.token.end + more.end())
    return Slip("a name has no `-`", span, f"write `{whole.replace('-', '_')}`")


def _type_before_name(at: Place) -> Slip | None:
    found = re.search(rf"\b({_TYPES})[ \t]+\Z", at.before)
    if found is None or at.token.kind != "NAME" or "COLON" not in at.can:
        return None
    start = at.token.start - len(found[0])
    span = Span(start, at.token.end)
    return Slip("the type of an input stands behind its name", span, f"write `{at.token.text}: {_own(found[1])}`")


def _own(name: str) -> str:
    return {"string": "str", "String": "str", "val": "str", "path": "file", "Int": "int", "Float": "float", "Boolean": "bool", "File": "file"}.get(name, name)  # fmt: skip


def _angle_brackets(at: Place) -> Slip | None:
    found = re.search(r"\b(\w+)\Z", at.before)
    inner = re.match(r"[ \t]*([\w, \t]+?)[ \t]*>", at.rest)
    if at.token.text != "<" or found is None or inner is None or at.opening not in ("param", "type", "task", "flow"):
        return None
    outer = {"list": "list", "array": "list", "vec": "list", "set": "list", "dict": "dict", "map": "dict"}.get(
        found[1].lower()
    )
    if outer is None:
        return None
    span = Span(at.token.start, at.token.end + inner.end())
    return Slip(
        "the type of the items stands in square brackets", span, f"write `{outer}[{inner[1].split(',')[-1].strip()}]`"
    )


# ---- values


def _comma_at_the_end_of_a_line(at: Place) -> Slip | None:
    if "COMMA" not in at.can or at.before.strip() or at.token.kind in (NL, "COLON", "EQUAL") or at.token.text in ")]}":
        return None
    if not at.can & {"RSQB", "RPAR", "RBRACE"} or at.begin >= at.token.start:
        return None
    if "\n" not in at.text[at.previous_end : at.token.start] or not (
        at.token.text[:1].isalnum() or at.token.text[:1] in "\"'_[{("
    ):
        return None
    first = at.text.rfind("\n", 0, at.previous_end) + 1
    start = max(
        at.begin, first + len(at.text[first : at.previous_end]) - len(at.text[first : at.previous_end].lstrip())
    )
    return Slip(
        "a comma is missing behind this",
        Span(min(start, at.previous_end - 1), at.previous_end),
        "items stand apart by commas",
    )


def _foreign_comment(at: Place) -> Slip | None:
    found = re.match(r"//|/\*|--|<!--", at.text[at.token.start : at.token.start + 4])
    if found is None or (at.before.strip() and found[0] == "//" and "FLOOR" in at.can):
        return None
    if found[0] == "--" and at.before.strip():
        return None
    return Slip(
        f"`{found[0]}` begins no comment",
        Span(at.token.start, at.token.start + len(found[0])),
        "comments begin with `#`",
    )


def _lambda(at: Place) -> Slip | None:
    word = at.previous if isinstance(at.previous, Token) else None
    start = at.text.rfind("lambda", max(0, at.token.start - _SEEN), at.token.start)
    if start < 0 or ((word is None or word.text != "lambda") and at.text[start : at.token.start].strip() != "lambda"):
        return None
    field = re.match(r"[ \t]*:[ \t]*\w+(?:\.(\w+)|\[[\"'](\w+)[\"']\])", at.text[at.token.end : at.token.end + 80])
    sorts = re.search(r"\b(?:by|key)[ \t]*=[ \t]*\Z", at.text[max(0, start - 12) : start])
    if sorts is not None and field is not None:
        help = f'name the field: `by = "{field[1] or field[2]}"`'
    else:
        help = "a list is changed by `[f(x) for x in xs]`"
    return Slip("there are no lambdas", Span(start, start + len("lambda")), help)


def _question_mark(at: Place) -> Slip | None:
    if at.token.text != "?" or "OR" not in at.can:
        return None
    chosen = re.fullmatch(r"[ \t]*([^?:#]+?)[ \t]*:[ \t]*([^?:#]+?)[ \t]*(?:#.*)?", at.rest)
    condition = re.search(r"(?:=|\()[ \t]*([^=(]+?)[ \t]*\Z", at.before)
    help = "write `a if condition else b`"
    if chosen is not None and condition is not None and chosen[2].count("(") == chosen[2].count(")"):
        help = f"write `{chosen[1]} if {condition[1]} else {chosen[2]}`"
    return Slip("`?` chooses nothing: a choice is made by `if` and `else`", at.token.span, help)


def _dict_of_two_types(at: Place) -> Slip | None:
    if at.token.kind != "COMMA" or not {"RSQB", "QMARK"} <= at.can:
        return None
    outer = re.search(r"\bdict\[[ \t]*(\w+)[ \t]*\Z", at.before)
    inner = re.match(r"[ \t]*([\w.?]+)[ \t]*\]", at.rest)
    if outer is None or inner is None:
        return None
    return Slip("`dict[T]` takes one type: its keys are strings", at.token.span, f"write `dict[{inner[1]}]`")


def _filter_before_for(at: Place) -> Slip | None:
    if at.token.text != "for" or "ELSE" not in at.can:
        return None
    found = re.search(r"\[[ \t]*([^\[\]]+?)[ \t]+if[ \t]+([^\[\]]+?)[ \t]*\Z", at.before)
    loop = re.match(r"[ \t]*([^\[\]]+?)[ \t]*\]", at.rest)
    help = "the `if` of a comprehension stands at its end: `[x for x in xs if …]`"
    if found is not None and loop is not None and len(at.before) + len(at.rest) < 100:
        help = f"the `if` of a comprehension stands at its end: `[{found[1]} for {loop[1]} if {found[2]}]`"
    return Slip("expected `else`, found `for`", at.token.span, help)


def _quote_in_quotes(at: Place) -> Slip | None:
    if at.token.start != at.previous_end or at.text[at.previous_end - 1 : at.previous_end] not in ('"', "'"):
        return None
    quote = at.text[at.previous_end - 1]
    if (
        not (at.token.text[:1].isalnum() or at.token.text[:1] in "_$\\{-./")
        or at.text[at.previous_end - 3 : at.previous_end] == quote * 3
    ):
        return None
    if at.before.count(quote) < 2:
        return None
    help = (
        'a `"` inside the string is written `\\"`; a string in `"""` may hold both quotes'
        if quote == '"'
        else "a string in `\"` may hold `'`"
    )
    return Slip(f"the string ends at the {quote} before this", Span(at.previous_end - 1, at.token.end), help)


def _other_templates(at: Place) -> Slip | None:
    opened = at.text.rfind("{{", max(0, at.token.start - _SEEN), at.token.start)
    if opened < 0 or at.text[opened + 2 : at.token.start].strip() or "INT" not in at.can:
        return None
    if at.token.text not in (".", "%", "/", "#", "|", "=", ">", "<", "*"):
        return None
    return Slip(
        f"a place holds an expression, found `{at.token.text}`",
        Span(opened, at.token.end),
        "for the text `{{` itself write `\\{{`",
    )


def _yaml_list(at: Place) -> Slip | None:
    if (
        at.token.kind != NL
        or "INT" not in at.can
        or at.text[max(at.begin, at.previous_end - 1) : at.previous_end] not in ("=", ":")
    ):
        return None
    end = at.text.find("\n", at.previous_end)
    items = re.match(r"(?:[ \t]*-[ \t]+[^\n]+\n?)+", at.text[end + 1 : end + 1 + _SEEN]) if end >= 0 else None
    if items is None:
        return None
    words = [line.strip()[1:].strip() for line in items[0].strip().split("\n")]
    shown = ", ".join(w if w[:1] in "\"'0123456789" else f'"{w}"' for w in words[:4]) + (
        ", …" if len(words) > 4 else ""
    )
    return Slip("a list stands in brackets", Span(at.previous_end - 1, at.previous_end), f"write `[{shown}]`")


def _import(at: Place) -> Slip | None:
    if at.opening not in ("import", "from") or at.item not in ("item", "statement"):
        return None
    module = at.text[at.begin + len(at.opening) : at.begin + 60].split("\n")[0].split()
    span = Span(at.begin, at.begin + len(at.opening))
    if module and module[0].split(".")[0].strip(",") in _PYTHON:
        help = 'python stands in tasks: `python """ … """`, with its imports, or `python "file.py:function"`'
        return Slip("nothing is imported here", span, help, "CSC015")
    return None


def _secret_with_more(at: Place) -> Slip | None:
    found = re.search(r"\bsecret[ \t]+(\w+)[ \t]*\Z", at.before)
    if at.opening != "secret" or found is None or at.token.text not in ("=", ":", ","):
        return None
    span = Span(at.token.start, at.token.end)
    if at.token.text == ",":
        return Slip(
            "each secret is declared by itself", span, f"write `secret {found[1]}`, and the next on its own line"
        )
    if at.token.text == ":":
        return Slip("a secret has no type, it is text", span, f"write `secret {found[1]}`", "CSC113")
    help = (
        f"write `secret {found[1]}`, and give it in the environment of the run or in a file `.env` beside the program"
    )
    return Slip("the value of a secret does not stand in a program", span, help, "CSC113")


def type_mend(name: str, item: str) -> str:
    """What to write for a type of another language that has one in brackets: `Optional[str]`, `List[int]`."""
    item = item if len(item) <= 40 and "\n" not in item else "T"
    match name.lower():
        case "optional" | "maybe" | "option" | "nullable":
            return f"write `{item}?`"
        case "list" | "lists" | "lst" | "array" | "sequence" | "iterable" | "set" | "vec" | "seq" | "channel" | "tuple":
            return f"write `list[{item}]`"
        case "dict" | "map" | "mapping" | "hash" | "hashmap" | "record" | "object":
            return f"write `dict[{item}]`"
        case _:
            return "only `list[T]` and `dict[T]` do"


def key_mend(key: str) -> str:
    """What to write for a key that is neither a name nor a string."""
    if re.fullmatch(r"[\w.:/@-]{1,60}", key):
        return f'write `"{key}"`'
    return "computed keys stand in comprehensions: `{k: e for k in ks}`"


_HABITS = (
    _secret_with_more, _colon_for_a_block, _import, _between_a_clause_and_its_value, _word_of_a_header, _clause_outside, _script_without_quotes,
    _without_parentheses, _type_before_name, _angle_brackets, _dict_of_two_types, _lambda, _question_mark, _filter_before_for, _other_templates, _yaml_list, _dash,
    _foreign_comment, _quote_in_quotes, _comma_at_the_end_of_a_line,
)  # fmt: skip
