"""Secrets in a program: their one place, `env { NAME = SECRET }`, and what to write where one stands elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..base.diagnostics import Span
from . import ast
from .dependencies import free_uses
from .node import Node, fields
from .suspect import blanked, outside_quotes, sets
from .symbols import Report, Scope, Secret

_READS = r"""(?:environb?(?:\.(?:get|pop|setdefault)\(|\[)|getenvb?\()\s*b?["']{name}["']"""


def alone(value: ast.Expr, scope: Scope) -> Secret | None:
    """The secret that a variable is given, where it stands by itself."""
    symbol = scope.find(value.name) if isinstance(value, ast.Name) else None
    return symbol if isinstance(symbol, Secret) else None


def refuse(report: Report, span: Span, secret: Secret, *, python: bool = False) -> None:
    """Reports a secret in another place."""
    name = secret.name
    read = f'`os.environ["{name}"]` in its body' if python else f"`${name}` in its script"
    report.error(
        "CSC110",
        span,
        f"`{name}` is a secret: it stands only in `env {{ }}` of a task",
        also=[(secret.span, "declared here")],
        help=f"write `env {{ {name} = {name} }}` in the task, and {read}",
    )


def refuse_mixed(report: Report, value: ast.Expr, scope: Scope) -> bool:
    """Reports a secret in a larger expression of `env { }`; False where there is none."""
    for use in free_uses(value):
        symbol = scope.find(use.name)
        if isinstance(symbol, Secret):
            report.error(
                "CSC111",
                use.span,
                f"the secret `{use.name}` stands alone in `env {{ }}`: nothing is made of it before the body runs",
                also=[(symbol.span, "declared here")],
                help=f'write `env {{ {use.name} = {use.name} }}`, and put the text together in the body: `"… ${use.name}"`',
            )
            return True
    return False


def check_secrets(report: Report, module: ast.Module, scope: Scope) -> None:
    """What is told of secrets by looking at the whole file: `env("TOKEN")`, and bodies that read what they do not get."""
    names = {name: s.span for name, s in scope.names.items() if isinstance(s, Secret)}
    if not names:
        return
    given: dict[str, set[str]] = {}
    """By task, the variables that its calls give it."""
    for item in module.items:
        for call in _calls(item):
            if not isinstance(call.function, ast.Name):
                continue
            for clause in call.clauses or ():
                if isinstance(clause, ast.EnvClause):
                    given.setdefault(call.function.name, set()).update(e.name.name for e in clause.entries)
            first = call.args[0].value if call.args else None
            read = first.text if call.function.name == "env" and isinstance(first, ast.StringLit) else None
            if first is not None and isinstance(read, str) and read in names and scope.find("env") is None:
                report.error(
                    "CSC112",
                    first.span,
                    f"`{read}` is a secret: `env()` does not give it",
                    also=[(names[read], "declared here")],
                    help=f"write `env {{ {read} = {read} }}` in the task that needs it",
                )
    for task in module.items:
        if isinstance(task, ast.TaskDecl):
            known = {e.name.name for c in task.clauses if isinstance(c, ast.EnvClause) for e in c.entries}
            known |= given.get(task.name.name, set())
            others = {
                s.name: e.name.name
                for c in task.clauses
                if isinstance(c, ast.EnvClause)
                for e in c.entries
                if (s := alone(e.value, scope)) is not None
            }
            for body in task.bodies:
                for name, span in _read(report, body, [n for n in names if n not in known]):
                    report.warn(
                        "CSCW111",
                        span,
                        f"`{name}` is a secret that `{task.name.name}` is not given by this name: no task inherits it"
                        if name in others
                        else f"`{name}` is a secret that `{task.name.name}` is not given: no task inherits it",
                        help=f"it is given as `{others[name]}` here"
                        if name in others
                        else f"write `env {{ {name} = {name} }}` in the task",
                    )


def _calls(root: Node) -> Iterator[ast.Call]:
    stack: list[object] = [root]
    while stack:
        at = stack.pop()
        if isinstance(at, ast.Call):
            yield at
        if isinstance(at, Node):
            stack.extend(value for _, value in fields(at))
        elif isinstance(at, tuple):
            stack.extend(at)  # pyright: ignore[reportUnknownArgumentType]


def _read(report: Report, body: ast.Body, names: list[str]) -> Iterator[tuple[str, Span]]:
    """The variables of those names that a body reads, each once, and where."""
    if isinstance(body, ast.ExecBody) or not names:
        return
    begin = body.span.start
    text = report.source.text[begin : body.span.end]
    if isinstance(body, ast.PythonBody):
        for name in names:
            found = re.search(_READS.format(name=re.escape(name)), text)
            if found is not None:
                yield name, Span(begin + found.start(), begin + found.end())
        return
    begin, end = body.script.span.start, body.script.span.end
    text = blanked(report.source.text[begin:end], [Span(p.start - begin, p.end - begin) for p in body.script.places])
    said: set[str] = set()
    for found in outside_quotes(text):
        name = found[1] or found[2]
        if name in names and name not in said and not sets(text, name):
            said.add(name)
            yield name, Span(begin + found.start(), begin + found.end())
