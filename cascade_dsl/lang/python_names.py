"""Which params and constants of the file a python body uses, and whether a function takes what its task gives it.

The text of a body is asked for the names that it uses and does not bind; a function for its signature, which is
read from the file and never run. A signature that the text does not show (a decorated function, an imported one) is
left to the run.
"""

from __future__ import annotations

import ast as python
import builtins
import symtable
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..base.diagnostics import Span
from ..base.suggest import did_you_mean
from ..ir.graph import PythonFunction, PythonValue
from . import ast
from .context import Context
from .secrets import refuse
from .symbols import Refused, Report, Scope, Secret, Value


class Signature:
    """The parameters of a function that can be given by name."""

    __slots__ = ("names", "required", "takes_any")

    def __init__(self, names: Sequence[str], required: Sequence[str], takes_any: bool) -> None:
        self.names = tuple(names)
        self.required = tuple(required)
        self.takes_any = takes_any


class PythonNames:
    """Finds the values of the file that python bodies use."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def of_text(self, body: ast.PythonBody, at: Context, parameters: tuple[str, ...]) -> tuple[PythonValue, ...]:
        """The params and constants that a body's text uses; a result of a task among its names is reported."""
        values: list[PythonValue] = []
        for name in sorted(free_names(body.text, parameters)):
            symbol = at.scope.find(name)
            if isinstance(symbol, Secret) and name not in _BUILTINS:
                refuse(self.report, _place_of(body, name), symbol, python=True)
            if not isinstance(symbol, Value) or symbol.type is None or symbol.kind not in ("param", "binding"):
                continue
            if symbol.constant:
                values.append(PythonValue(name=name, expr=symbol.expr, type=symbol.type))
            elif name not in _BUILTINS:
                self.report.error(
                    "CSC107",
                    _place_of(body, name),
                    f"`{name}` depends on a result, which {at.only_constants} cannot use",
                    also=[(symbol.span, "bound here")],
                    help="results reach a task through its inputs",
                )
        return tuple(values)

    def of_function(
        self,
        body: ast.PythonBody,
        function: PythonFunction | None,
        at: Context,
        parameters: tuple[str, ...],
        data: bytes | None,
    ) -> PythonFunction | None:
        """The function with what it may be given; None where it does not take what the task gives it, which is reported.

        `parameters` are the inputs and file outputs, then `attempt` and `need`, which it need not take.
        """
        if function is None:
            return None
        known = None if data is None else signature_of(data, function.function)
        if known is None:
            return _with_values(function, _values(at.scope, None))
        shown = body.text.strip()
        sound = True
        offered = _values(at.scope, known.names)
        given = [name for name in parameters if name not in ("attempt", "need")]
        found = {*parameters, *(v.name for v in offered)}
        wanted = [n for n in known.required if n not in found and not _is_faulty(at.scope, n)]
        for name in given:
            if name not in known.names and not known.takes_any:
                self.report.error(
                    "CSC217",
                    body.text_span,
                    f"`{shown}` has no parameter `{name}`, which the task gives it",
                    help=did_you_mean(name, wanted)
                    or "it takes " + (", ".join(f"`{n}`" for n in known.names) or "none"),
                )
                sound = False
        for name in wanted:
            hint = did_you_mean(name, [n for n in given if n not in known.names])
            if hint is None or sound:
                self.report.error(
                    "CSC217",
                    body.text_span,
                    f"`{shown}` wants `{name}`, which is no input, file output, param or constant",
                    help=did_you_mean(name, given) or f"give the task an input `{name}`, or the parameter a default",
                )
            sound = False
        return _with_values(function, offered) if sound else None


def _is_faulty(scope: Scope, name: str) -> bool:
    """It is declared, and what is wrong with its declaration has been reported."""
    symbol = scope.find(name)
    return isinstance(symbol, Refused) or (isinstance(symbol, Value) and symbol.type is None)


def _with_values(function: PythonFunction, values: tuple[PythonValue, ...]) -> PythonFunction:
    return PythonFunction(function=function.function, path=function.path, module=function.module, values=values)


def _values(scope: Scope, names: Sequence[str] | None) -> tuple[PythonValue, ...]:
    """Params and constants of those names; without names all params, of which the function takes what it names."""
    out: list[PythonValue] = []
    for name in sorted(set(scope.known()) if names is None else set(names)):
        symbol = scope.find(name)
        if not isinstance(symbol, Value) or symbol.type is None or not symbol.constant:
            continue
        if symbol.kind == "param" or (symbol.kind == "binding" and names is not None):
            out.append(PythonValue(name=name, expr=symbol.expr, type=symbol.type))
    return tuple(out)


# ---- names of a text --------------------------------------------------------------------------------------------

_BUILTINS = frozenset(dir(builtins))


def free_names(text: str, parameters: Sequence[str]) -> frozenset[str]:
    """The names that a body uses and does not bind; what it declares `global` is its own."""
    code = f"def body({', '.join(parameters)}):\n{textwrap.indent(text, ' ')}\n pass\n"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = symtable.symtable(code, "<python>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    used: set[str] = set()
    own: set[str] = set()
    for one in _tables(table.get_children()[0]):
        for symbol in one.get_symbols():
            if symbol.is_declared_global():
                own.add(symbol.get_name())
            elif symbol.is_global() and symbol.is_referenced():
                used.add(symbol.get_name())
    return frozenset(used - own)


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    stack = [table]
    while stack:
        at = stack.pop()
        yield at
        stack.extend(at.get_children())


def _place_of(body: ast.PythonBody, name: str) -> Span:
    """Where a body's text uses a name first."""
    found = [n for n in python.walk(python.parse(body.text)) if isinstance(n, python.Name) and n.id == name]
    if not found:
        return body.text_span
    first = min(found, key=lambda n: (n.lineno, n.col_offset))
    line = body.text.split("\n")[first.lineno - 1]
    column = len(line.encode()[: first.col_offset].decode(errors="replace"))
    start = body.line_offsets[min(first.lineno, len(body.line_offsets)) - 1] + column
    return Span(start, start + len(name))


# ---- signatures of functions ------------------------------------------------------------------------------------


def module_source(folder: Path, module: str) -> bytes | None:
    """The text of a module of the project, None of one that is installed elsewhere."""
    path = folder.joinpath(*module.split("."))
    for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
        try:
            return file.read_bytes()
        except OSError:
            continue
    return None


def signature_of(data: bytes, function: str) -> Signature | None:
    """The signature that a file shows for one of its functions, None where it does not show it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = python.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    found: python.FunctionDef | None = None
    for node in python.walk(tree):
        match node:
            case python.FunctionDef(name=name) if name == function:
                if found is not None or node not in tree.body or node.decorator_list:
                    return None
                found = node
            case python.Name(id=name, ctx=python.Store() | python.Del()) if name == function:
                return None
            case _:
                pass
    if found is None:
        return None
    args = found.args
    plain = [a.arg for a in args.args]
    without_default = plain[: len(plain) - len(args.defaults)] if len(args.defaults) <= len(plain) else []
    keyword = [a.arg for a in args.kwonlyargs]
    needed = [a.arg for a, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
    if len(args.posonlyargs) > max(0, len(args.defaults) - len(plain)):
        return None  # it cannot be called with names alone: its own message says so
    return Signature([*plain, *keyword], [*without_default, *needed], args.kwarg is not None)
