"""What is legal but suspect in a module: names that nothing uses, demands that nothing limits, braces that mean nothing.

Runs after all other passes over the tree and the names of a file without errors; changes nothing. Where something is not
known it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from ..base.diagnostics import Span
from ..base.suggest import nearest
from ..values.functions import FUNCTIONS
from . import ast
from .node import Node
from .sentence import MACHINE
from .symbols import Report, Scope, Task

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RAW_PLACE = re.compile(r"\{\{[ \t]*([A-Za-z_]\w*)[^{}\n]*\}\}", re.ASCII)
_SINGLE_BRACES = re.compile(r"(?<![{$\\])\{([A-Za-z_]\w*)\}(?!\})", re.ASCII)
_FILE_REFERENCE = re.compile(r"[^\s:]+\.py:[A-Za-z_]\w*|[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


class Warner:
    """Finds what is suspect in one module. `helpers` are the texts of python files that bodies name."""

    def __init__(self, report: Report, module: ast.Module, scope: Scope, helpers: Iterable[bytes]) -> None:
        self.report = report
        self.module = module
        self.scope = scope
        self.tasks = [i for i in module.items if isinstance(i, ast.TaskDecl)]
        self.statements = [i for i in module.items if isinstance(i, ast.Statement)]
        self.used: set[str] = set()
        """Every name that is used; of python text, which sees the constants of the file, every word."""
        self.demanding = [c for t in self.tasks for c in t.clauses if isinstance(c, ast.RequiresClause)]
        self.braced: list[tuple[ast.StringLit, set[str], bool]] = []
        """Strings with braces in them, the inputs and outputs that they see, and whether they are scripts."""
        for item in module.items:
            if isinstance(item, ast.TaskDecl):
                local = {one.name.name for one in (*item.inputs, *item.outputs) if one.name is not None}
                for part in (*item.inputs, *item.outputs, *item.clauses, *item.bodies):
                    self._gather(part, local, isinstance(part, ast.ShBody))
            else:
                self._gather(item, set(), in_script=False)
        for text in helpers:
            self.used.update(_WORD.findall(text.decode("utf-8", "replace")))

    def _gather(self, root: Node, local: set[str], in_script: bool) -> None:
        text = self.report.source.text
        for node in _walk(root):
            match node:
                case ast.Name():
                    self.used.add(node.name)
                case ast.StringLit():
                    if text.find("{", node.span.start, node.span.end) >= 0:
                        self.braced.append((node, local, in_script))
                case ast.PythonBody():
                    self.used.update(_WORD.findall(node.text))
                case ast.Call():
                    self.demanding += [c for c in node.clauses or () if isinstance(c, ast.RequiresClause)]
                case _:
                    pass

    def warn(self) -> None:
        """Report all that is suspect."""
        for lit, local, in_script in self.braced:
            self._string(lit, local, in_script)
        runs = any(not isinstance(i, ast.Binding) or self._has_effect(i.value) for i in self._all(self.statements))
        for task in self.tasks:
            self._hides(task.name)
            if runs:  # a file that runs nothing is there for others to use
                self._unused("CSCW001", task.name, "the task", "call it, or remove it")
        for param in [i for i in self.module.items if isinstance(i, ast.ParamDecl)]:
            self._hides(param.name)
            self._param(param, runs)
        for secret in [i for i in self.module.items if isinstance(i, ast.SecretDecl)]:
            self._hides(secret.name)
            if runs:
                help = f"give it to a task, `env {{ {secret.name.name} = {secret.name.name} }}`, or remove it"
                self._unused("CSCW110", secret.name, "the secret", help)
        for statement in self._all(self.statements):
            if isinstance(statement, ast.Binding) and runs:
                self._binding(statement)
        for statement in self.statements:
            if isinstance(statement, ast.Binding):
                self._hides(statement.name)
        self._demands()

    # ---- names that nothing uses ----

    def _all(self, statements: Sequence[ast.Statement]) -> Iterator[ast.Statement]:
        for statement in statements:
            yield statement
            match statement:
                case ast.IfStatement():
                    yield from self._all(statement.then)
                    yield from self._all(statement.otherwise or ())
                case ast.ForStatement():
                    yield from self._all(statement.body)
                case _:
                    pass

    def _unused(self, code: str, name: ast.Ident, what: str, help: str) -> None:
        if name.name not in self.used and not name.name.startswith("_"):
            self.report.warn(code, name.span, f"{what} `{name.name}` is never used", help=help)

    def _param(self, param: ast.ParamDecl, runs: bool) -> None:
        bodies = [b.text.strip() for t in self.tasks for b in t.bodies if isinstance(b, ast.PythonBody)]
        if runs and not any(_FILE_REFERENCE.fullmatch(text) and ".py:" not in text for text in bodies):
            self._unused("CSCW002", param.name, "the param", "use it, or remove it")

    def _binding(self, binding: ast.Binding) -> None:
        if binding.name.name not in self.used and not self._has_effect(binding.value):
            help = f"use it, make it a result, `output {binding.name.name} = …`, or remove it"
            self._unused("CSCW003", binding.name, "the binding", help)

    def _has_effect(self, value: ast.Expr) -> bool:
        """It calls something that is no function of the language."""
        for node in _walk(value):
            if isinstance(node, ast.Try | ast.Repeat):
                return True
            if isinstance(node, ast.Call):
                called = node.function.name if isinstance(node.function, ast.Name) else ""
                if called not in FUNCTIONS or self.scope.find(called) is not None or node.after:
                    return True
        return False

    def _hides(self, name: ast.Ident) -> None:
        row = FUNCTIONS.get(name.name)
        if row is not None and not row.hidden:
            self.report.warn(
                "CSCW006",
                name.span,
                f"`{name.name}` hides the function of that name",
                help="another name would leave the function in sight",
            )

    # ---- demands ----

    def _demands(self) -> None:
        """A resource that is demanded and has no capacity: the demand holds nothing back."""
        limited: list[str] = [*MACHINE]
        for item in self.module.items:
            scope = item.sentence.scope if isinstance(item, ast.LimitStatement) else None
            if scope is not None and scope.kind == "resource":
                limited.append(scope.pattern)
        said: set[str] = set()
        for clause in self.demanding:
            for item in clause.items:
                name = item.resource.name
                if name in said or any(fnmatchcase(name, pattern) for pattern in limited):
                    continue
                said.add(name)
                near = nearest(name, limited)
                self.report.warn(
                    "CSCW004",
                    item.resource.span,
                    f"nothing limits `{name}`: this demand holds nothing back",
                    help=f"did you mean `{near[0]}`?" if near else f"say how many there are: `limit {name} 4`",
                )

    # ---- braces ----

    def _string(self, lit: ast.StringLit, local: set[str], in_script: bool) -> None:
        """Braces that were meant to hold a value: `'{{x}}'` in a raw string, `"{x}"`."""
        text, start = self.report.source.text, lit.span.start
        raw = text.startswith("'", start)
        whole = text[start : lit.span.end]
        quotes = '"""' if raw and whole.startswith("'''") else '"'
        for found in _RAW_PLACE.finditer(whole) if raw else ():
            if self._is_value(found[1], local):
                self.used.add(found[1])
                span = Span(start + found.start(), start + found.end())
                message = f"`{found[0]}` is plain text here: `'…'` is taken as it stands"
                self.report.warn("CSCW007", span, message, help=f"write the string in `{quotes}`")
                return
        if raw or (in_script and not local):
            return
        for found in _SINGLE_BRACES.finditer(whole):
            place = start + found.start()
            inside = any(span.start <= place < span.end for span in lit.places)
            known = found[1] in local if in_script else self._is_value(found[1], local)
            if known and not inside:
                self.used.add(found[1])
                span = Span(place, start + found.end())
                message = f"`{found[0]}` is plain text: one brace holds no value"
                self.report.warn("CSCW008", span, message, help=f"write `{{{{{found[1]}}}}}`")

    def _is_value(self, name: str, local: set[str]) -> bool:
        symbol = self.scope.find(name)
        return name in local or (symbol is not None and not isinstance(symbol, Task))


def scripts_of(module: ast.Module) -> list[Span]:
    """Where scripts stand in a file: their lines have comments of their own."""
    return [b.span for i in module.items if isinstance(i, ast.TaskDecl) for b in i.bodies]


_PLAIN = (str, Span, int, float, type(None))


def _walk(root: Node) -> Iterator[Node]:
    """A piece of the tree and all that stands in it."""
    stack: list[object] = [root]
    while stack:
        at = stack.pop()
        if isinstance(at, Node):
            yield at
            for field in type(at)._fields:
                value = getattr(at, field)
                if not isinstance(value, _PLAIN):
                    stack.append(value)
        elif isinstance(at, tuple):
            stack.extend(at)  # pyright: ignore[reportUnknownArgumentType]
