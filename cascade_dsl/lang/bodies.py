"""Bodies of tasks: python text and functions, exec lists, and shell scripts with values as variables."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from ..base.diagnostics import Span
from ..base.suggest import did_you_mean
from ..ir.expr import Expr
from ..ir.graph import Body, ExecBody, PythonBody, PythonFunction
from ..ir.types import (
    STR,
    ListType,
    OptionalType,
)
from . import ast
from .context import Context
from .expressions import Expressions
from .python_names import PythonNames, module_source
from .scripts import Scripts, as_text, is_words, refuse_optional
from .symbols import Report

_FILE_FUNCTION = re.compile(r"([^\s:]+\.py):([A-Za-z_]\w*)")
_MODULE_FUNCTION = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


class Bodies:
    """Lowers the bodies of one module's tasks."""

    def __init__(self, report: Report, typing: Expressions, folder: Path) -> None:
        self.report = report
        self.typing = typing
        self.folder = folder
        self.scripts = Scripts(report, typing)
        self.helpers: dict[str, bytes] = {}
        """Python files that bodies name, and what is in them."""
        self.names = PythonNames(report)

    def lower(
        self,
        body: ast.Body,
        at: Context,
        parameters: tuple[str, ...],
        shell: ast.ShellClause | None,
        *,
        task: str = "",
        scratch: bool = False,
        outputs: Sequence[str] = (),
    ) -> Body | None:
        """The body for the graph, None where it is wrong. `parameters` are what a python body sees; `scratch`
        and `outputs`, paths known before a run, are what a script may write."""
        match body:
            case ast.ShBody():
                return self.scripts.lower(body, at, shell, task=task, scratch=scratch, outputs=outputs)
            case ast.ExecBody():
                return self._exec(body, at)
            case ast.PythonBody():
                return self._python(body, at, parameters)

    # ---- python ----

    def _python(self, body: ast.PythonBody, at: Context, parameters: tuple[str, ...]) -> Body | None:
        text = body.text.strip()
        found = _FILE_FUNCTION.fullmatch(text)
        if found is not None:
            lowered = self._file_function(body, found[1], found[2])
            data = self.helpers.get(found[1])
            return self.names.of_function(body, lowered, at, parameters, data)
        found = _MODULE_FUNCTION.fullmatch(text)
        if found is not None:
            lowered = PythonFunction(function=found[2], module=found[1])
            data = module_source(self.folder, found[1])
            return self.names.of_function(body, lowered, at, parameters, data)
        if not text:
            self.report.error(
                "CSC343", body.text_span, "the python body is empty", help="write `pass` where it has nothing to do"
            )
            return None
        fault = _python_fault(body.text, parameters)
        if fault is not None:
            message, line, column, end = fault
            starts = body.line_offsets
            start = starts[min(max(line, 1), len(starts)) - 1] + max(column - 1, 0)
            start = min(start, len(self.report.source.text))
            stop = start + max(1, end - column) if end > column else start + 1
            self.report.error("CSC343", Span(start, stop), f"the python body does not compile: {message}")
            return None
        values = self.names.of_text(body, at, parameters)
        line, _ = self.report.source.place(body.line_offsets[0])
        return PythonBody(source=body.text, file=self.report.source.path.rsplit("/", 1)[-1], line=line, values=values)

    def _file_function(self, body: ast.PythonBody, path: str, function: str) -> PythonFunction | None:
        full = self.folder / path
        try:
            data = full.read_bytes()
        except (OSError, ValueError):
            near = (
                [p.relative_to(self.folder).as_posix() for p in full.parent.glob("*.py")]
                if full.parent.is_dir()
                else []
            )
            help = did_you_mean(path, near) or "the path is relative to the folder of this file"
            self.report.error("CSC344", body.text_span, f"there is no file {path}", help=help)
            return None
        names = _names_in(data)
        if isinstance(names, str):
            self.report.error("CSC344", body.text_span, f"{path} does not compile: {names}")
            return None
        if names is not None and function not in names:
            help = did_you_mean(function, names)
            self.report.error("CSC345", body.text_span, f"{path} has no function `{function}`", help=help)
            return None
        self.helpers[path] = data
        return PythonFunction(function=function, path=path)

    # ---- exec ----

    def _exec(self, body: ast.ExecBody, at: Context) -> Body | None:
        if not isinstance(body.argv, ast.ListLit):
            help = None
            if isinstance(body.argv, ast.StringLit):
                help = 'each word is an item, `exec ["ls", "-l"]`; a line for a shell is `sh "ls -l"`'
            found = self.typing.check(body.argv, ListType(STR), at, "`exec`", help=help)
            return None if found.type is None else ExecBody(words=(found.expr,))
        if not body.argv.items:
            help = 'name a program: `exec ["prog", "argument"]`'
            self.report.error("CSC346", body.argv.span, "`exec` wants a program", help=help)
            return None
        words: list[Expr] = []
        sound = True
        for item in body.argv.items:
            found = self.typing.infer(item, at)
            if found.type is None:
                sound = False
            elif isinstance(found.type, OptionalType):
                refuse_optional(self.report, self.typing, item.span, found.type)
                sound = False
            else:
                words.append(found.expr if is_words(found.type) else as_text(found.expr, found.type))
        return ExecBody(words=tuple(words)) if sound else None


def _python_fault(text: str, parameters: tuple[str, ...]) -> tuple[str, int, int, int] | None:
    """(message, line, column, end column) of what keeps the text from being a function's body."""
    import ast as python

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = python.parse(text, "<python>")
            shell = python.parse(f"def body({', '.join(parameters)}): pass")
            function = shell.body[0]
            assert isinstance(function, python.FunctionDef)
            function.body = tree.body or function.body
            compile(shell, "<python>", "exec", dont_inherit=True)
        except SyntaxError as error:
            end = error.end_offset if error.end_offset and error.end_lineno == error.lineno else 0
            return error.msg, error.lineno or 1, error.offset or 1, end or 0
        except (ValueError, RecursionError, MemoryError) as error:
            return str(error) or "it is nested too deeply", 1, 1, 0
    return None


def _names_in(data: bytes) -> set[str] | str | None:
    """Names that a Python file binds at its top, None where that cannot be known, or why it does not compile."""
    import ast as python

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = python.parse(data)
        except SyntaxError as error:
            return f"{error.msg}, line {error.lineno}"
        except (ValueError, RecursionError, MemoryError) as error:
            return str(error) or "it is nested too deeply"
    names: set[str] = set()
    for node in tree.body:
        match node:
            case python.FunctionDef() | python.AsyncFunctionDef() | python.ClassDef():
                names.add(node.name)
            case python.Import() | python.ImportFrom():
                if any(alias.name == "*" for alias in node.names):
                    return None
                names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
            case python.Assign() | python.AnnAssign():
                targets = node.targets if isinstance(node, python.Assign) else [node.target]
                names.update(t.id for t in targets if isinstance(t, python.Name))
            case python.Expr():
                pass
            case _:
                return None
    return names
