"""Bodies of tasks that are legal and do not do what was meant: values written as other languages write them.

Reads a task as it was written; reports warnings, and one error: `{{x}}` in a python body, which can only fail there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ..base.diagnostics import Span
from ..ir.graph import OutputSpec
from . import ast
from .dependencies import free_names
from .symbols import Report

_IN_SCRIPT = re.compile(r"\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)")
_IN_TEXT = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_FUNCTION = re.compile(r"[^\s:]+:[A-Za-z_]\w*")


def look(report: Report, decl: ast.TaskDecl, body: ast.Body, outputs: Sequence[OutputSpec]) -> None:
    """Reports what is suspect in the body of a task."""
    paths = [o.name for o in outputs if o.form == "path"]
    names = [i.name.name for i in decl.inputs]
    match body:
        case ast.ShBody():
            _script(report, decl, body, [*names, *paths])
        case ast.ExecBody():
            pass
        case ast.PythonBody():
            if _FUNCTION.fullmatch(body.text.strip()):
                return
            _python(report, body, [*names, *paths])
            for output in decl.outputs:
                writes_itself(report, decl, body, output)


def writes_itself(report: Report, decl: ast.TaskDecl, body: ast.Body, output: ast.OutputDecl) -> bool:
    """Reports a body that writes to the final path of an output and names the output nowhere; False where it does not."""
    if not isinstance(output.path, ast.StringLit) or output.name is None or output.name.name in _used(decl, body):
        return False
    text, name = report.source.text, output.name.name
    path = text[output.path.span.start : output.path.span.end].strip("\"'")
    found = text.find(path, body.span.start, body.span.end) if path else -1
    if found < 0:
        return False
    report.warn(
        "CSCW121",
        Span(found, found + len(path)),
        f"`{decl.name.name}` writes to its final path itself, and never to its output `{name}`",
        also=[(output.name.span, "the output")],
        help=f"write to `{name}`" if isinstance(body, ast.PythonBody) else f"write to `{{{{{name}}}}}`",
    )
    return True


def _used(decl: ast.TaskDecl, body: ast.Body) -> set[str]:
    """The names that the body and the environment of a task use."""
    if isinstance(body, ast.PythonBody):
        return set(re.findall(r"[A-Za-z_]\w*", body.text))
    used = set(free_names(body))
    for clause in decl.clauses:
        if isinstance(clause, ast.EnvClause | ast.InClause):
            used.update(free_names(clause))
    return used


# ---- scripts


def _script(report: Report, decl: ast.TaskDecl, body: ast.ShBody, names: Sequence[str]) -> None:
    begin, end = body.script.span.start, body.script.span.end
    text = blanked(report.source.text[begin:end], [Span(p.start - begin, p.end - begin) for p in body.script.places])
    known = {e.name.name for c in decl.clauses if isinstance(c, ast.EnvClause) for e in c.entries}
    said: set[str] = set()
    for found in outside_quotes(text):
        name = found[1] or found[2]
        if name not in names or name in known or name in said or sets(text, name):
            continue
        said.add(name)
        report.warn(
            "CSCW120",
            Span(begin + found.start(), begin + found.end()),
            f"`{found[0]}` is no variable of this script; `{name}` of the task is `{{{{{name}}}}}`",
            help=f"write `{{{{{name}}}}}`",
        )


def blanked(text: str, places: Iterable[Span]) -> str:
    """A script as it is written in the file, its `{{ }}` and escaped quotes as blanks of the same length."""
    for place in places:
        text = text[: place.start] + " " * (place.end - place.start) + text[place.end :]
    return text if text.startswith('"""') else text.replace("\\$", "  ")


def outside_quotes(text: str) -> Iterator[re.Match[str]]:
    """The matches that do not stand in `'…'` or a comment."""
    double = single = False
    at = 3 if text[:3] in ('"""', "'''") else 1
    while at < len(text):
        char = text[at]
        if single:
            single = char != "'"
        elif char == "\\":
            if text[at + 1 : at + 2] == '"' and not text.startswith('"""'):
                double = not double
            at += 1
        elif char == '"' and text.startswith('"""'):
            double = not double
        elif char == "'" and not double:
            single = True
        elif char == "#" and not double and text[at - 1] in " \t\n;":
            line = text.find("\n", at)
            at = len(text) if line < 0 else line
        elif char == "$":
            found = _IN_SCRIPT.match(text, at)
            if found is not None:
                yield found
                at = found.end()
                continue
        at += 1


def sets(text: str, name: str) -> bool:
    """The script gives a variable of that name a value itself."""
    told = r"\b(?:read|mapfile|readarray|getopts|printf|declare|local|export|typeset)\b"
    sets = rf"\b{name}\+?=|\b{name}\[|\b(?:for|select)\s+{name}\b|{told}[^\n;]*\b{name}\b"
    return re.search(sets, text) is not None


# ---- python


def _python(report: Report, body: ast.PythonBody, names: Sequence[str]) -> None:
    import ast as python
    import warnings

    if "{{" not in body.text:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = python.parse(body.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return  # reported where it is lowered
    formatted = {id(p) for n in python.walk(tree) if isinstance(n, python.JoinedStr) for p in n.values}
    for node in python.walk(tree):
        if isinstance(node, python.Set) and len(node.elts) == 1 and isinstance(node.elts[0], python.Set):
            inner = python.unparse(node.elts[0])[1:-1]
            report.error(
                "CSC019",
                _place(report, body, node.lineno, node.col_offset, node.end_col_offset),
                "a python body has no `{{ }}`: it sees the inputs and outputs as variables",
                help=f"write `{inner}`",
            )
        elif isinstance(node, python.Constant) and isinstance(node.value, str) and id(node) not in formatted:
            found = next((f for f in _IN_TEXT.finditer(node.value) if f[1] in names), None)
            if found is not None:
                one_line = node.end_lineno == node.lineno
                report.warn(
                    "CSCW120",
                    _place(report, body, node.lineno, node.col_offset, node.end_col_offset if one_line else None),
                    f"`{found[0]}` is plain text in a python body; `{found[1]}` is a variable there",
                    help=f"write `{found[1]}`" if found[0] == node.value else f'write `f"…{{{found[1]}}}…"`',
                )


def _place(report: Report, body: ast.PythonBody, line: int, column: int, end: int | None) -> Span:
    """Where something of a body stands in the file; columns count bytes."""
    text = body.text.split("\n")[line - 1].encode("utf-8", "surrogatepass")
    start = body.line_offsets[line - 1] + len(text[:column].decode("utf-8", "replace"))
    width = len(text[column:end].decode("utf-8", "replace")) if end is not None else 1
    start = min(start, len(report.source.text))
    return Span(start, min(start + max(width, 1), len(report.source.text)))
