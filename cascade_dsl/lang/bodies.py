"""Bodies of tasks: python text and functions, exec lists, and shell scripts with values as variables."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from ..base.diagnostics import Span
from ..base.suggest import did_you_mean
from ..ir.expr import Expr, Text
from ..ir.graph import Body, ExecBody, PythonBody, PythonFunction, ShellBody, ShellValue
from ..ir.types import (
    DIR,
    FILE,
    INT,
    STR,
    ListType,
    NeverType,
    OptionalType,
    TupleType,
    Type,
)
from . import ast
from .context import Context
from .expressions import Expressions
from .python_names import PythonNames, module_source
from .shell import MARK, Place, scan_places
from .symbols import Report

_FILE_FUNCTION = re.compile(r"([^\s:]+\.py):([A-Za-z_]\w*)")
_MODULE_FUNCTION = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_POSIX_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})


class Bodies:
    """Lowers the bodies of one module's tasks."""

    def __init__(self, report: Report, typing: Expressions, folder: Path) -> None:
        self.report = report
        self.typing = typing
        self.folder = folder
        self.helpers: dict[str, bytes] = {}
        """Python files that bodies name, and what is in them."""
        self.names = PythonNames(report)

    def lower(
        self, body: ast.Body, at: Context, parameters: tuple[str, ...], shell: ast.ShellClause | None
    ) -> Body | None:
        """The body for the graph, None where it is wrong. `parameters` are what a python body sees."""
        match body:
            case ast.ShBody():
                return self._shell(body, at, shell)
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
                sound = self._refuse_optional(item.span, found.type)
            else:
                words.append(found.expr if _is_words(found.type) else _as_text(found.expr, found.type))
        return ExecBody(words=tuple(words)) if sound else None

    def _refuse_optional(self, span: Span, type_: Type) -> bool:
        text = self.typing.source_text(span).removeprefix("{{").removesuffix("}}").strip()
        self.report.error(
            "CSC341",
            span,
            f"a command cannot hold {type_}, which may be none",
            help=f'say what then, `{text} ?? "…"`, or leave the option out, `opt("--option", {text})`',
        )
        return False

    # ---- sh ----

    def _shell(self, body: ast.ShBody, at: Context, clause: ast.ShellClause | None) -> Body | None:
        script = body.script
        shell = None if clause is None else self._command(clause)
        exprs = [p for p in script.parts if not isinstance(p, str)]
        places = scan_places("".join(p if isinstance(p, str) else MARK for p in script.parts))
        if clause is not None and shell is not None and exprs and not _is_posix(shell):
            self.report.error(
                "CSC342",
                script.places[0],
                f"`{shell}` is no POSIX shell: values cannot stand in its script",
                also=[(clause.span, "the shell is chosen here")],
                help="hand values over with `env { NAME = … }`",
            )
            return None
        values: list[ShellValue] = []
        texts: list[str] = []
        sound = True
        numbers = iter(range(len(exprs)))
        for part in script.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            number = next(numbers)
            text = self._value(part, script.places[number], places[number], at, values)
            sound = sound and text is not None
            texts.append(text or "")
        if not sound:
            return None
        return ShellBody(script="".join(texts), values=tuple(values), shell=shell, line=self._first_line(script.span))

    def _first_line(self, string: Span) -> int:
        """The line of the first character of a string's text: of a tripled one the newline behind the quotes goes."""
        text = self.report.source.text
        at = string.start
        if text.startswith(('"""', "'''"), at) and text[at + 3 : at + 5].lstrip("\r").startswith("\n"):
            at = text.index("\n", at) + 1
        return self.report.source.place(at)[0]

    def _command(self, clause: ast.ShellClause) -> str | None:
        text = clause.command.text
        if text is None or not text.strip():
            self.report.error(
                "CSC342", clause.command.span, "`shell` wants a command without `{{ }}`", help='`shell "bash -eu"`'
            )
            return None
        return text.strip()

    def _value(self, expr: ast.Expr, span: Span, place: Place, at: Context, values: list[ShellValue]) -> str | None:
        """What stands in the script for one `{{ }}`; its value joins `values`."""
        found = self.typing.infer(expr, at)
        if place.reason:
            short = self.typing.source_text(expr.span)
            help = _place_mend(place.reason, short, found.type)
            self.report.error("CSC340", span, f"a value cannot stand {place.reason}", help=help)
            return None
        if found.type is None:
            return None
        if isinstance(found.type, OptionalType):
            self._refuse_optional(span, found.type)
            return None
        several = _is_words(found.type)
        if several and place.where == "joined":
            self.report.error(
                "CSC340",
                span,
                "a list cannot be joined to other text: it becomes one word for each item",
                help=f'put spaces around it, or choose a separator: `{{{{join({self.typing.source_text(expr.span)}, ",")}}}}`',
            )
            return None
        if several and place.where == "quoted":
            from ..ir.expr import Apply, Lit

            value, is_list = Apply("join", (found.expr, Lit(" "))), False
        else:
            value, is_list = (found.expr if several else _as_text(found.expr, found.type)), several
        variable = next((v.variable for v in values if v.expr == value and v.is_list == is_list), None)
        if variable is None:
            variable = f"__csc_{len(values)}"
            values.append(ShellValue(variable=variable, expr=value, is_list=is_list))
        reference = f"${{{variable}[@]}}" if is_list else f"${{{variable}}}"
        return reference if place.where == "quoted" else f'"{reference}"'


_RUNS_TEXT = ("in (( ))", "in $(( ))", "in $[ ]", "inside a subscript", "as ", "where the name")
"""Beginnings of reasons: what stands there is run as code, also where it comes from a variable."""


def _place_mend(reason: str, text: str, type_: Type | None) -> str | None:
    if reason in ("inside '…'", "inside $'…'"):
        return "write \"…\" there in place of '…'"
    if reason == "in [[ ]]":
        return "write `[ … ]` there in place of `[[ … ]]`"
    if reason == "in a here-document whose end word is quoted":
        return "write the end word without quotes, and a variable: `x={{" + text + "}}` above, `$x` here"
    if reason.startswith("in a script"):
        return None
    if reason.startswith(_RUNS_TEXT) and type_ != INT:
        return None
    if type_ is not None and _is_words(type_):
        return f'write `set -- {{{{{text}}}}}` on a line of its own, and use `"$@"` here'
    use = "$x" if reason.startswith(("in a here-document", "inside ${", *_RUNS_TEXT)) else '"$x"'
    return f"give it to a variable on a line of its own, `x={{{{{text}}}}}`, and use `{use}` here"


def _is_words(type_: Type) -> bool:
    return isinstance(type_, ListType | TupleType | NeverType)


def _as_text(expr: Expr, type_: Type) -> Expr:
    """The expression, made text where it is not: a program sees words only."""
    if type_ in (STR, FILE, DIR) or isinstance(expr, Text):
        return expr
    return Text((expr,))


def _is_posix(shell: str) -> bool:
    words = shell.split()
    program = words[1] if words[0].endswith("env") and len(words) > 1 else words[0]
    return program.rsplit("/", 1)[-1] in _POSIX_SHELLS


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
