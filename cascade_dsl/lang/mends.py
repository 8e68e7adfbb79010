"""What would make a program right: help lines for the mistakes that people who come from elsewhere really make.

Reads the tree, types and scopes; reports nothing. Texts are short enough to be read in a terminal, and what stands in
backquotes can be typed as it is wherever that can be known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..base.diagnostics import Span
from ..base.suggest import did_you_mean
from ..ir.types import DIR, FILE, STR, OptionalType, RecordType, Scalar, Type
from ..values.types import assignable
from . import ast
from .node import Node, fields
from .symbols import Scope, Value

if TYPE_CHECKING:
    from .expressions import Expressions

_SHORT = 60
_NUMBERS = ("int", "float")
_PATTERN = re.compile(r"[*?\[]")
NAMES = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "write `none`",
    "null": "write `none`",
    "nil": "write `none`",
    "NULL": "write `none`",
    "undefined": "write `none`",
    "yes": "write `true`",
    "self": "a task sees its inputs by their names",
    "config": "what a run is given is a `param`, used by its name",
}
"""Names of other languages."""
CALLS = {
    "print": "use `output NAME = …` for what the run gives back",
    "open": "use `read(…)`, or `lines(…)`",
    "list": "a list is written `[…]`",
    "dict": "a dict is written `{…}`",
    "set": "use `unique(…)`",
    "tuple": "a list is written `[…]`",
    "map": "write `[f(x) for x in xs]`",
    "filter": "write `[x for x in xs if …]`",
    "expand": 'write `["…{{x}}…" for x in xs]`',
    "Path": "write `file(…)`",
    "path": "write `file(…)`",
    "length": "did you mean `len`?",
    "count": "did you mean `len`?",
    "sort": "did you mean `sorted`?",
    "sort_by": "write `sorted(xs, by = …)`",
    "uniq": "did you mean `unique`?",
    "distinct": "did you mean `unique`?",
    "concat": "write `a + b`",
    "toUpper": "did you mean `upper`?",
    "toLower": "did you mean `lower`?",
    "trim": "did you mean `strip`?",
    "contains": "write `x in xs`",
    "getenv": "did you mean `env`?",
    "shell": 'work stands in a task: `task NAME(…) { sh "…" }`',
}
"""Functions of other languages."""
_MODULES = frozenset(
    "os sys re json math random datetime time pathlib subprocess itertools functools collections glob np numpy pd pandas shutil csv".split()  # noqa: SIM905
)
_OF_A_TASK = frozenset("output outputs out input inputs wildcards threads task cpus resources".split())  # noqa: SIM905
_ARGUMENTS = {
    ("sorted", "key"): "the argument is called `by`: a field's name, or a list of keys",
    ("min", "key"): "the argument is called `by`: a field's name, or a list of keys",
    ("max", "key"): "the argument is called `by`: a field's name, or a list of keys",
    ("unique", "key"): "the argument is called `by`: a field's name, or a list of keys",
    ("group_by", "key"): "the argument is called `by`: a field's name, or a list of keys",
    ("sorted", "reverse"): "write `reversed(sorted(…))`",
}


def argument(function: str, name: str, known: tuple[str, ...]) -> str | None:
    """What a named argument of a function is called here."""
    return _ARGUMENTS.get((function, name)) or did_you_mean(name, known)


def number_with_unit(text: str) -> str:
    """A number that wants to be a size: in GB or MB as people write it, large ones in MB."""
    if text.isdigit() and int(text) < 1024:
        return f"write `{text}GB` or `{text}MB`"
    return f"write `{text}MB`" if text.isdigit() and int(text) < 10_000_000 else f"write `{text}B`"


# ---- names


class Elsewhere:
    """Names that mean something in a part of a file only: those of a `for`, and inputs of tasks. Looked up when first asked for."""

    __slots__ = ("_found", "_module")

    def __init__(self, module: ast.Module) -> None:
        self._module = module
        self._found: dict[str, tuple[str, Span, str]] | None = None

    def find(self, name: str) -> tuple[str, Span, str] | None:
        """(where it is known, its place, what to say there)."""
        if self._found is None:
            loops: dict[str, tuple[str, Span, str]] = {}
            inputs: dict[str, tuple[str, Span, str]] = {}
            for node in _nodes(self._module):
                if isinstance(node, ast.ForClause | ast.ForStatement):
                    for one in node.names:
                        text = f"`{one.name}` belongs to this `for`"
                        loops.setdefault(one.name, ("what a `for` names is known inside it only", one.span, text))
                elif isinstance(node, ast.TaskDecl):
                    for one in node.inputs:
                        text = f"`{one.name.name}` is an input of `{node.name.name}`"
                        where = "the inputs of a task are known in its own clauses and body only"
                        inputs.setdefault(one.name.name, (where, one.name.span, text))
            self._found = inputs | loops
        return self._found.get(name)


def name_elsewhere(name: str, elsewhere: Elsewhere | None, scope: Scope) -> tuple[str | None, list[tuple[Span, str]]]:
    """(help, other places) for a name that means nothing where it stands, and may mean something elsewhere."""
    if name in NAMES:
        return NAMES[name], []
    if name in _MODULES:
        return 'python stands in tasks: `python "…"`', []
    inner = _of_a_task(name, scope)
    if inner is not None:
        return inner, []
    found = None if elsewhere is None else elsewhere.find(name)
    near = did_you_mean(name, scope.known())
    if found is None:
        return near, []
    where, span, text = found
    return f"{near} {where}" if near and "input" in where else where, [(span, text)]


def _of_a_task(name: str, scope: Scope) -> str | None:
    """What Snakemake, Nextflow and Airflow call the things that a body sees."""
    if name not in _OF_A_TASK:
        return None
    inside: dict[str, list[str]] = {}
    for known in scope.known():
        symbol = scope.find(known)
        if isinstance(symbol, Value):
            inside.setdefault(symbol.kind, []).append(known)
    if "attempt" not in inside:
        return None
    outputs, inputs = inside.get("output", []), inside.get("input", [])
    if name in ("output", "outputs", "out") and outputs:
        return f"an output is written by its name: {_listed(outputs)}"
    if name in ("input", "inputs", "wildcards") and inputs:
        return f"an input is written by its name: {_listed(inputs)}"
    if name in ("threads", "task", "cpus", "resources") and "need" in inside:
        return "what was granted is `need`: `need.cpu`, `need.mem`"
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names[:6])


def _nodes(root: Node) -> Iterator[Node]:
    """All nodes of a tree, in the order of the file."""
    stack: list[object] = [root]
    while stack:
        at = stack.pop()
        if isinstance(at, Node):
            yield at
            stack.extend(value for _, value in reversed(fields(at)))
        elif isinstance(at, tuple):
            stack.extend(reversed(at))  # pyright: ignore[reportUnknownArgumentType]


# ---- values that do not fit


def record(want: RecordType, have: RecordType) -> str | None:
    """What makes a record the one that is wanted, by the first of its fields that differs."""
    wanted = [k for k, _ in want.fields]
    missing = [k for k, t in want.fields if have.get(k) is None and not isinstance(t, OptionalType)]
    extra = [k for k, _ in have.fields if k not in wanted]
    if len(missing) == 1 and len(extra) == 1:
        return f"call the field `{missing[0]}`, not `{extra[0]}`"
    if missing:
        return f"add {', '.join(f'`{k}: …`' for k in missing[:6])}"
    if extra:
        return f"leave out {_listed(extra)}"
    for key, type_ in want.fields:
        found = have.get(key)
        if found is not None and not assignable(type_, found):
            return f"the field `{key}` wants {type_}, found {found}"
    return None


def for_each(typing: Expressions, call: ast.Call, argument: ast.Expr) -> str | None:
    """A call that is given a list where it wants an item, as a comprehension."""
    text = typing.source_text(call.span)
    whole = typing.source_text(argument.span)
    if len(text) > _SHORT or "\n" in text:
        return "call it for each item: `[… for x in …]`"
    taken = set(re.findall(r"\w+", text))
    name = next((n for n in (whole[:1].lower(), "x", "item") if n.isidentifier() and n not in taken), "x")
    begin, end = argument.span.start - call.span.start, argument.span.end - call.span.start
    return f"call it for each item: `[{text[:begin]}{name}{text[end:]} for {name} in {whole}]`"


def files(expr: ast.Expr) -> str | None:
    """A text where a list of files is wanted."""
    if isinstance(expr, ast.StringLit) and expr.text is not None:
        return f'write `glob("{expr.text}")`' if _PATTERN.search(expr.text) else f'write `[file("{expr.text}")]`'
    return None


def with_argument(typing: Expressions, call: ast.Call, missing: list[str]) -> str | None:
    """The call with what it lacks."""
    text = typing.source_text(call.span)
    if call.after or call.clauses is not None or len(text) > _SHORT or "\n" in text or not text.endswith(")"):
        return f"give it: {', '.join(f'`{m} = …`' for m in missing)}"
    before = text[:-1].rstrip().rstrip(",")
    comma = "" if before.endswith("(") else ", "
    return f"write `{before}{comma}{', '.join(f'{m} = …' for m in missing)})`"


# ---- operators


def operator(typing: Expressions, symbol: str, operands: list[tuple[ast.Expr, Type]]) -> str | None:
    """What would make an operator take what stands on its sides."""
    if len(operands) != 2:
        return None
    (left, a), (right, b) = operands
    texts = (STR, FILE, DIR)
    if symbol == "+" and (a in texts or b in texts):
        return _as_one_text(typing, left, right)
    if symbol == "%" and a == STR:
        return 'put values into text with `"{{…}}"`'
    if symbol in ("<", "<=", ">", ">=", "==", "!=", "-", "*", "/", "//", "%", "**"):
        for one, type_, other in ((left, a, b), (right, b, a)):
            if type_ == STR and isinstance(other, Scalar) and other.name in _NUMBERS:
                return f"convert it: `{other.name}({typing.source_text(one.span)})`"
    return None


def _as_one_text(typing: Expressions, left: ast.Expr, right: ast.Expr) -> str:
    pieces: list[str] = []
    for side in (left, right):
        text = typing.source_text(side.span)
        if isinstance(side, ast.StringLit) and text[:1] == '"' and text[:3] != '"""' and len(text) >= 2:
            pieces.append(text[1:-1])
        elif isinstance(side, ast.StringLit) and side.text is not None and not set(side.text) & set('"\\{\n'):
            pieces.append(side.text)
        elif isinstance(side, ast.IntLit):
            pieces.append(text)
        else:
            pieces.append("{{" + text + "}}")
    whole = "".join(pieces)
    if len(whole) > _SHORT or "\n" in whole or '"' in whole:
        return 'put values into text with `"{{…}}"`'
    return f'put values into text: `"{whole}"`'
