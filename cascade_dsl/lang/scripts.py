"""`sh` bodies: a script with `{{ }}` to pieces, places and values, or what is wrong with where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..base.diagnostics import Span
from ..ir.expr import Apply, Expr, Lit, Text
from ..ir.graph import ShellBody, ShellPlace, ShellValue, Where
from ..ir.types import DIR, FILE, INT, JSON, STR, ListType, NeverType, OptionalType, TupleType, Type
from . import ast
from .context import Context, Typed
from .expressions import Expressions
from .shell.places import MARK, REASONS, Dialect, Lost, Place, Scan
from .shell.scanner import scan
from .symbols import Report

_POSIX_SHELLS = frozenset({"sh", "dash", "ash", "busybox"})
"""Shells that are read as every sh is, and of which it is known that a quoted reference is sound in them."""
_PREFIX = "__csc_"
_SHOWN_LINE = 60


class RawUse(NamedTuple):
    """A `raw(…)` in a body: where it stands, and what it inserts."""

    task: str
    span: Span
    expr: Expr


class Scripts:
    """Lowers the `sh` bodies of one module."""

    def __init__(self, report: Report, typing: Expressions) -> None:
        self.report = report
        self.typing = typing
        self.raws: list[RawUse] = []
        """Every `raw(…)` of the bodies so far."""
        self._task = ""

    def lower(
        self,
        body: ast.ShBody,
        at: Context,
        clause: ast.ShellClause | None,
        *,
        task: str,
        scratch: bool,
        outputs: Sequence[str],
    ) -> ShellBody | None:
        """The body for the graph, None where it is wrong."""
        self._task = task
        script = body.script
        shell = None if clause is None else self._command(clause)
        exprs = [p for p in script.parts if not isinstance(p, str)]
        raw = [_raw_argument(e, at) for e in exprs]
        program = "bash" if shell is None else _program(shell)
        if clause is not None and program != "bash" and program not in _POSIX_SHELLS:
            if exprs and shell is not None:
                self._foreign(shell, script.places[0], clause)
                return None
            plain = tuple(p for p in script.parts if isinstance(p, str))
            return ShellBody(parts=plain, shell=shell, line=self._first_line(script.span))
        text = "".join(p if isinstance(p, str) else MARK for p in script.parts)
        dialect: Dialect = "bash" if program == "bash" else "posix"
        found = scan(text, dialect)
        needs = len(exprs) - sum(r is not None for r in raw)
        sound = True
        if found.lost is not None and needs:
            self._report_lost(text, found.lost, script.places, raw)
            sound = False
        values: list[ShellValue] = []
        parts: list[str | ShellPlace] = []
        ints: set[int] = set()
        """Places of whole numbers, and those of `raw`, of which nobody asks."""
        number = -1
        for part in script.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            number += 1
            span, argument = script.places[number], raw[number]
            place = None if found.lost is not None else found.places[number]
            if argument is not None:
                ints.add(number)
                piece = self._raw(argument, span, at, values)
            else:
                typed = self.typing.infer(part, at)
                if typed.type == INT:
                    ints.add(number)
                piece = self._value(part, typed, span, place, values)
            if piece is None:
                sound = False
            else:
                parts.append(piece)
        if not sound:
            return None
        self._warn(found, ints, raw, script.places, body.script, scratch, outputs)
        only_bash = _only_bash(text, found) if shell is None and needs and dialect == "bash" else ""
        return ShellBody(
            parts=_merged(parts),
            values=_named(tuple(values), text),
            shell=shell,
            only_bash=only_bash,
            line=self._first_line(script.span),
        )

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

    def _foreign(self, shell: str, place: Span, clause: ast.ShellClause) -> None:
        self.report.error(
            "CSC342",
            place,
            f"values cannot stand in a script of `{shell}`, whose rules for words are its own",
            also=[(clause.span, "the shell is chosen here")],
            help="use bash, sh or dash, or hand values over with `env { NAME = … }`",
        )

    # ---- values ----

    def _raw(self, argument: ast.Expr, span: Span, at: Context, values: list[ShellValue]) -> ShellPlace | None:
        found = self.typing.infer(argument, at)
        if found.type is None:
            return None
        if isinstance(found.type, OptionalType):
            refuse_optional(self.report, self.typing, argument.span, found.type)
            return None
        self.raws.append(RawUse(self._task, span, found.expr))
        text = joined(found.expr) if is_words(found.type) else as_text(found.expr, found.type)
        return ShellPlace(_index(values, text, is_list=False), "raw")

    def _value(
        self, expr: ast.Expr, found: Typed, span: Span, place: Place | None, values: list[ShellValue]
    ) -> str | ShellPlace | None:
        """What stands in the script for one `{{ }}`; its value joins `values`."""
        short = self.typing.source_text(expr.span)
        if place is None or place.where == "comment":
            return None if found.type is None else "{{" + " ".join(short.split()) + "}}"
        if place.refused:
            phrase, mend = REASONS[place.refused]
            self.report.error("CSC340", span, f"a value cannot stand {phrase}", help=_filled(mend, short, found.type))
            return None
        if found.type is None:
            return None
        if isinstance(found.type, OptionalType):
            refuse_optional(self.report, self.typing, span, found.type)
            return None
        if isinstance(found.type, ListType) and isinstance(found.type.item, OptionalType):
            help = f"leave those out: `[x for x in {short} if x != none]`"
            self.report.error("CSC341", span, f"a command cannot hold {found.type}, whose items may be none", help=help)
            return None
        if place.ints and found.type != INT:
            self._not_int(span, place, short, found.type)
            return None
        several = is_words(found.type)
        where: Where = place.where
        if several and where == "word" and place.lists == "refused":
            self.report.error(
                "CSC354",
                span,
                f"one word is wanted here, found {found.type}",
                help=f'choose what stands between the items: `{{{{join({short}, " ")}}}}`',
            )
            return None
        if several and (where != "word" or place.lists == "joined"):
            return ShellPlace(_index(values, joined(found.expr), is_list=False), where)
        value = found.expr if several or place.ints else as_text(found.expr, found.type)
        return ShellPlace(_index(values, value, is_list=several), where)

    def _not_int(self, span: Span, place: Place, short: str, type_: Type) -> None:
        help = "only an `int` is sound there"
        if type_ in (STR, JSON) or str(type_) in ("float", "size", "duration", "bool"):
            help = f"make it a whole number: `{{{{int({short})}}}}`"
        if place.ints == "bracket":
            help = f'quote the bracket: `"[{{{{{short}}}}}]"`'
        self.report.error(
            "CSC353",
            span,
            f"only an int may stand {REASONS[place.ints][0]}, found {type_}",
            label="the shell would run what stands in it" if place.ints not in ("bracket", "descriptor") else "",
            help=help,
        )

    # ---- findings about the whole ----

    def _report_lost(self, text: str, lost: Lost, spans: Sequence[Span], raw: Sequence[ast.Expr | None]) -> None:
        span = next(s for s, r in zip(spans, raw, strict=True) if r is None)
        line = text.count("\n", 0, lost.offset) + 1
        start = text.rfind("\n", 0, lost.offset) + 1
        end = text.find("\n", lost.offset)
        shown = text[start : end if end >= 0 else len(text)].strip().replace(MARK, "{{…}}")
        if len(shown) > _SHOWN_LINE:
            shown = shown[: _SHOWN_LINE - 1] + "…"
        self.report.error(
            "CSC352",
            span,
            f"a value cannot stand in this script: {lost.why}",
            help=lost.mend or None,
            notes=[f"line {line} of the script: {shown}"],
        )

    def _warn(
        self,
        found: Scan,
        ints: set[int],
        raw: Sequence[ast.Expr | None],
        spans: Sequence[Span],
        script: ast.StringLit,
        scratch: bool,
        outputs: Sequence[str],
    ) -> None:
        if found.lost is not None:
            return
        for place, argument, span in zip(found.places, raw, spans, strict=True):
            if argument is not None or place.where == "comment":
                continue
            if place.interpreter:
                self.report.warn(
                    "CSCW340",
                    span,
                    f"`{place.interpreter}` reads this value as a part of its program",
                    help=_handed_over(place.interpreter),
                )
            elif place.in_arithmetic:
                self.report.warn(
                    "CSCW343",
                    span,
                    "the shell evaluates in arithmetic what this command prints",
                    help="be sure that it prints a number whatever the value is",
                )
        for name, indices in sorted(found.assigned.items()):
            index = next((i for i in indices if i not in ints and not found.places[i].interpreter), None)
            if index is not None:
                self._warn_variable(found, name, spans[index])
        if scratch:
            return
        for _, path in found.writes:
            self._relative(path, script, outputs)

    def _warn_variable(self, found: Scan, name: str, span: Span) -> None:
        """A variable that holds a value, and whose value the shell does more with than to read it."""
        function, _, number = name.rpartition(" ")
        said = name if " " not in name else f"${number}" if not function else f"${number} of {function}"
        if name in found.executed:
            program = found.executed[name]
            self.report.warn(
                "CSCW340",
                span,
                f"`{said}` holds this value, and `{program}` reads it as a part of its program",
                help=_handed_over(program),
            )
        elif name in found.counted:
            self.report.warn(
                "CSCW343",
                span,
                f"`{said}` holds this value, and is read in arithmetic, where the shell runs what stands in it",
                help="give it an `int`, or test what it holds first",
            )
        elif name in found.named:
            self.report.warn(
                "CSCW343",
                span,
                f"`{said}` holds this value, and stands for the name of a variable, where the shell runs what stands in `[ ]`",
                help="test first that it is one of the names that are meant",
            )

    def _relative(self, path: str, script: ast.StringLit, outputs: Sequence[str]) -> None:
        source = self.typing.source_text(script.span)
        at = source.find(path)
        span = script.span if at < 0 else Span(script.span.start + at, script.span.start + at + len(path))
        if path in outputs:
            message = f"`{path}` is the place of an output, and is written before the body has succeeded"
            help = "write to the output by its name, `{{out}}` where it has none: it moves there in one step"
        else:
            message = f"`{path}` is written in the project's folder, and is no output of the task"
            help = "declare it as an output, write below `$(mktemp -d)`, or let the task run `in scratch`"
        self.report.warn("CSCW342", span, message, help=help)


def refuse_optional(report: Report, typing: Expressions, span: Span, type_: Type) -> None:
    """Reports a value that may be none where a command wants words."""
    text = typing.source_text(span).removeprefix("{{").removesuffix("}}").strip()
    report.error(
        "CSC341",
        span,
        f"a command cannot hold {type_}, which may be none",
        help=f'say what then, `{text} ?? "…"`, or leave the option out, `opt("--option", {text})`',
    )


def is_words(type_: Type) -> bool:
    """A list: a command gets a word for each item."""
    return isinstance(type_, ListType | TupleType | NeverType)


def as_text(expr: Expr, type_: Type) -> Expr:
    """The expression, made text where it is not: a program sees words only."""
    if type_ in (STR, FILE, DIR) or isinstance(expr, Text):
        return expr
    return Text((expr,))


def joined(expr: Expr) -> Expr:
    """The items of a list as one text."""
    return Apply("join", (expr, Lit(" ")))


def _raw_argument(expr: ast.Expr, at: Context) -> ast.Expr | None:
    """What stands in `raw(…)`, where an expression is that and nothing else."""
    match expr:
        case ast.Call(function=ast.Name(name="raw"), args=(ast.Arg(name=None, value=value),)):
            return value if at.scope.find("raw") is None and expr.clauses is None and not expr.after else None
        case _:
            return None


def _index(values: list[ShellValue], expr: Expr, *, is_list: bool) -> int:
    for number, value in enumerate(values):
        if value.expr == expr and value.is_list == is_list:
            return number
    values.append(ShellValue(variable="", expr=expr, is_list=is_list))
    return len(values) - 1


def _named(values: tuple[ShellValue, ...], text: str) -> tuple[ShellValue, ...]:
    """The values with variables that stand nowhere in the script."""
    prefix = _PREFIX
    while prefix in text:
        prefix += "_"
    return tuple(
        ShellValue(variable=f"{prefix}{number}", expr=v.expr, is_list=v.is_list) for number, v in enumerate(values)
    )


def _merged(parts: Sequence[str | ShellPlace]) -> tuple[str | ShellPlace, ...]:
    out: list[str | ShellPlace] = []
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        elif part != "":
            out.append(part)
    return tuple(out)


def _only_bash(text: str, found: Scan) -> str:
    """Why the places of a script for bash are not sound in another sh; empty where they are."""
    other = scan(text, "posix")
    if other.lost is not None:
        return other.lost.why
    for mine, its in zip(found.places, other.places, strict=True):
        if its.refused and not mine.refused:
            return f"a value stands {REASONS[its.refused][0]}"
        if (mine.where, mine.lists) != (its.where, its.lists):
            return "another sh reads it otherwise than bash"
    return ""


def _program(shell: str) -> str:
    words = shell.split()
    program = words[1] if words[0].endswith("env") and len(words) > 1 else words[0]
    name = program.rsplit("/", 1)[-1]
    return name if name != "busybox" or words[-1:] != ["busybox"] else "sh"


def _filled(mend: str, text: str, type_: Type | None) -> str | None:
    if not mend:
        return None
    if type_ is not None and is_words(type_) and "`x={x}`" in mend:
        return f'write `set -- {{{{{text}}}}}` on a line of its own, and use `"$@"` here'
    return mend.replace("{x}", "{{" + text + "}}")


def _handed_over(interpreter: str) -> str:
    name = interpreter.split()[0]
    if name in ("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"):
        return f"give it as an argument: `{interpreter} '… \"$1\" …' {name} {{{{x}}}}`"
    if name in ("awk", "gawk", "mawk", "nawk"):
        return f"give it as a variable: `{name} -v x={{{{x}}}} '… x …'`"
    if name == "jq":
        return "give it as a variable: `jq --arg x {{x}} '… $x …'`"
    if name.startswith(("python", "perl", "ruby", "node", "php", "lua", "Rscript")):
        return f"give it as an argument: `{interpreter} '…' {{{{x}}}}`"
    if name == "trap":
        return "let the shell read the variable when the trap runs: `trap '… \"$x\"' EXIT`"
    if name == "eval":
        return "leave `eval` out, or be sure of what the value can hold"
    return "be sure of what the value can hold, or hand it over through a file or the environment"
