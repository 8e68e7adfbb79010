"""Outputs of tasks: which form each has, where it goes, and under what name its body sees it.

Reads declarations whose types are known; what can never be right is an error, what is legal but leaves files behind or
can never be written is a warning. Paths that depend on inputs are looked at again in each call (`published`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.expr import Expr, Lit, Text, Var, children
from ..ir.graph import OutputSpec
from ..ir.types import DIR, FILE, STR, ListType, OptionalType, RecordType, Type
from ..values.functions import FUNCTIONS
from . import ast
from .context import Context
from .dependencies import free_uses
from .expressions import Expressions
from .suspect import writes_itself
from .symbols import Report, Scope, Task
from .temporary import may_be_temporary

PathContext = Callable[[Task], Context]
"""What the path of an output of a task sees."""


class Outputs:
    """Lowers the outputs of the tasks of one module."""

    def __init__(self, report: Report, typing: Expressions, scope: Scope, context: PathContext) -> None:
        self.report = report
        self.typing = typing
        self._scope = scope
        self._context = context
        self.paths: dict[tuple[str, str], ast.Expr] = {}
        """Where the path or pattern of an output stands, by task and output."""

    def lower(self, task: Task, body: ast.Body | None) -> tuple[OutputSpec, ...]:
        """The outputs of a task that are sound; the others have been reported."""
        out: list[OutputSpec] = []
        inputs = {one.name.name: one.name.span for one, _ in task.inputs}
        for decl in task.decl.outputs:
            name = decl.name.name if decl.name is not None else "out"
            type_ = _known_type(task, decl)
            spec = None if type_ is None else self._one(task, decl, name, type_)
            if spec is None:
                continue
            if decl.name is None and name in inputs and body_type(spec, task.decl, body) is not None:
                self.report.error(
                    "CSC104",
                    decl.span,
                    "the unnamed output is called `out`",
                    also=[(inputs[name], "an input of that name")],
                    help="give it a name: `page: file`",
                )
            out.append(spec)
        return tuple(out)

    def _one(self, task: Task, decl: ast.OutputDecl, name: str, type_: Type) -> OutputSpec | None:
        if decl.temp and not may_be_temporary(self.report, decl, type_):
            return None
        plain = type_.inner if isinstance(type_, OptionalType) else type_
        if plain in (FILE, DIR):
            path = None if decl.path is None else self._path(task, decl.path, name, plain)
            return OutputSpec(name=name, type=type_, form="path", path=path, temp=decl.temp)
        if decl.path is None:
            return OutputSpec(name=name, type=type_, form="value")
        if isinstance(type_, ListType) and type_.item in (FILE, DIR):
            path = self._path(task, decl.path, name, type_)
            return None if path is None else OutputSpec(name=name, type=type_, form="glob", path=path, temp=decl.temp)
        if isinstance(plain, ListType) and plain.item in (FILE, DIR):
            help = f"declare it as {plain}: `[]` where nothing matches"
            self.report.error("CSC347", decl.type.span, f"a pattern gives a list, never none, found {type_}", help=help)
            return None
        help = "leave the path out: the value is what the body prints or returns"
        self.report.error("CSC347", decl.path.span, f"an output of type {type_} has no path", help=help)
        return None

    def _path(self, task: Task, expr: ast.Expr, name: str, type_: Type) -> Expr | None:
        if not self._is_known_before(task, expr):
            return None
        what = "the pattern of an output" if isinstance(type_, ListType) else "the path of an output"
        mend = (
            'a pattern is text: `"out/*.txt"`'
            if isinstance(type_, ListType)
            else 'a path is text: `"out/{{name}}.txt"`'
        )
        found = self.typing.check(expr, STR, self._context(task), what, help=mend)
        if found.type is None:
            return None
        self.paths[task.name, name] = expr
        start = found.expr.parts[0] if isinstance(found.expr, Text) and found.expr.parts else found.expr
        text = start.value if isinstance(start, Lit) else start
        if isinstance(text, str):
            whole = isinstance(found.expr, Lit)
            problem = outside(text, whole=whole, folder=type_ == DIR, pattern=isinstance(type_, ListType))
            if problem:
                help = 'paths are relative to the project: `"out/…"`'
                noun = "pattern" if isinstance(type_, ListType) else "path"
                self.report.error("CSC421", expr.span, f"an output's {noun} {problem}", help=help)
        return found.expr

    def _is_known_before(self, task: Task, expr: ast.Expr) -> bool:
        """The path is known before the body runs: it uses no output, not even its own."""
        inputs = {one.name.name for one, _ in task.inputs}
        outputs = {d.name.name: d.name.span for d in task.decl.outputs if d.name is not None}
        for use in free_uses(expr):
            if use.name in outputs and use.name not in inputs:
                self.report.error(
                    "CSC360",
                    use.span,
                    f"the path of an output cannot use the output `{use.name}`",
                    also=[(outputs[use.name], "declared here")],
                    help="a path is made of inputs, params and constants: it is known before the body runs",
                )
                return False
        return True

    # ---- the body ----

    def check_body(self, task: Task, specs: Sequence[OutputSpec], body: ast.Body, scratch: bool) -> None:
        """What a body makes of its outputs: patterns that it names, outputs that it can never write."""
        if isinstance(body, ast.PythonBody):
            self._check_places(task, specs, scratch)
            return
        uses = [use for expr in _places(body) for use in free_uses(expr)]
        for clause in task.decl.clauses:
            if isinstance(clause, ast.EnvClause):
                uses += [use for entry in clause.entries for use in free_uses(entry.value)]
        first = {use.name: use.span for use in reversed(uses)}
        for decl, spec in zip(task.decl.outputs, specs, strict=True):
            at = first.get(spec.name)
            declared = decl.name.span if decl.name is not None else decl.span
            writes = body_type(spec, task.decl, body) is not None
            if writes and at is None:
                if not self._misnamed(task, uses) and not writes_itself(self.report, task.decl, body, decl):
                    self.report.warn(
                        "CSCW361",
                        declared,
                        f"the body of `{task.name}` cannot write `{spec.name}`: it never names it",
                        help=f"write it at the path `{{{{{spec.name}}}}}`",
                    )
            elif at is not None and not writes and self._is_unknown(spec.name):
                what = "what its pattern matches when" if spec.form == "glob" else "what"
                how = "the body is done" if spec.form == "glob" else "the body prints"
                self.report.error(
                    "CSC360",
                    at,
                    f"`{spec.name}` has no path of its own: it is {what} {how}",
                    also=[(declared, "declared here")],
                    help=None
                    if spec.form == "glob"
                    else f"in parentheses, `-> ({spec.name}: {spec.type})`, it is what the body writes at `{{{{{spec.name}}}}}`",
                )
        self._check_places(task, specs, scratch)

    def _misnamed(self, task: Task, uses: Sequence[ast.Name]) -> bool:
        """A body uses a name that there is not: it may have been meant for an output."""
        seen = {"attempt", "need", *(i.name.name for i, _ in task.inputs)}
        seen.update(o.name.name if o.name is not None else "out" for o in task.decl.outputs)
        return any(u.name not in seen and self._is_unknown(u.name) and u.name not in FUNCTIONS for u in uses)

    def _is_unknown(self, name: str) -> bool:
        return self._scope.find(name) is None

    def _check_places(self, task: Task, specs: Sequence[OutputSpec], scratch: bool) -> None:
        for decl, spec in zip(task.decl.outputs, specs, strict=True):
            if spec.form != "glob" or scratch or task.decl.torn:  # what could not be read may have been `in scratch`
                continue
            if isinstance(spec.type, ListType) and spec.type.item == DIR:
                self.report.error(
                    "CSC361",
                    decl.type.span,
                    f"the folders of `{spec.name}` have to be made in a scratch folder",
                    help="say `in scratch` in the task: then what matches there is moved to its place",
                )
            else:
                self.report.warn(
                    "CSCW360",
                    decl.span,
                    f"the files of `{spec.name}` are written in place: a body that fails leaves them there",
                    help="say `in scratch` in the task: then what matches there is moved to its place in one step each",
                )


def _places(body: ast.ShBody | ast.ExecBody) -> list[ast.Expr]:
    """The expressions that a command is made of."""
    if isinstance(body, ast.ExecBody):
        return [body.argv]
    return [part for part in body.script.parts if not isinstance(part, str)]


def body_type(spec: OutputSpec, decl: ast.TaskDecl, body: ast.Body | None) -> Type | None:
    """As what the body sees the name of an output: a path that it writes at, None where it sees nothing."""
    if spec.form == "path":
        return spec.type.inner if isinstance(spec.type, OptionalType) else spec.type
    if spec.form == "value" and decl.grouped and isinstance(body, ast.ShBody | ast.ExecBody):
        return FILE
    return None


def _known_type(task: Task, decl: ast.OutputDecl) -> Type | None:
    result = task.result
    if task.decl.grouped and isinstance(result, RecordType):
        return result.get(decl.name.name if decl.name is not None else "out")
    return result


def outside(path: str, whole: bool, *, folder: bool = False, pattern: bool = False) -> str:
    """What is wrong with the beginning of an output's path, empty where nothing is known to be."""
    if path.startswith("/"):
        return "cannot be absolute"
    parts = path.split("/") if whole else path.split("/")[:-1]
    if pattern and ".." in parts:
        return "cannot hold `..`"
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else (part not in ("", "."))
        if depth < 0:
            return "cannot leave the project"
        if part == ".cascade" or part.startswith(".cascade-"):
            return f"cannot lead into `{part}`, which is Cascade's own"
    if whole and (not path.strip("/.") or (path.endswith("/") and not folder)):
        return "must name a folder" if folder else "must name a file"
    return ""


def variables_in(expr: Expr) -> set[str]:
    """The names that an expression uses."""
    out: set[str] = set()
    stack: list[Expr] = [expr]
    while stack:
        at = stack.pop()
        if isinstance(at, Var):
            out.add(at.name)
        stack.extend(children(at))
    return out
