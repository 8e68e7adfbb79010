"""Help, drawn by typer from the table of options. Typer parses nothing: the parser of this room does."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated, Any

import typer

from .complete import program_among
from .examples import ARGS, EXAMPLES
from .options import FLAG, MANY, VERBS, Verb

_ABOUT = "A declarative workflow language whose limits change while the run is on."


def show_help(verb: Verb | None, words: list[str]) -> int:
    """Print the help of a verb, or of all; for `run FILE` that of the program. Exit code 2 where FILE is no program."""
    file = _program(verb, words) if verb is not None and verb.name == "run" else None
    if file is not None:
        return _show_program(file)
    app = help_app()
    app(args=[*([] if verb is None else [verb.name]), "--help"], prog_name="cascade", standalone_mode=False)
    for line in _examples(verb) if verb is not None else ():
        print(line)
    return 0


def _program(verb: Verb, words: list[str]) -> str | None:
    """The program that is among the words after `run`, if there is one; what else is wrong with them does not matter."""
    from ..base.diagnostics import CascadeError
    from .parse import parse
    from .run import file_of

    asked = [word for word in words if word not in ("--help", "-h")]
    try:
        parsed = parse(verb, asked)
    except CascadeError:
        return program_among(verb, asked) or None
    with suppress(CascadeError):
        return file_of(parsed.args, parsed)
    return None


def _show_program(file: str) -> int:
    from .. import api
    from ..report.plain import wants_color
    from .about import program_help

    graph = api.load_graph(Path(file))
    width = min(get_terminal_size().columns, 100)
    print(program_help(graph, file, width=width, bold=wants_color(sys.stdout)), end="")
    return 0


def _examples(verb: Verb) -> Iterator[str]:
    rows = EXAMPLES.get(verb.name, ())
    wide = max((len(line) for line, _ in rows), default=0)
    if rows:
        yield "Examples:"
    for line, about in rows:
        yield f"  {line:<{wide}}  # {about}"


def help_app() -> typer.Typer:
    """A typer application with every verb of the table."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, help=_ABOUT)
    app.callback()(_version)
    for verb in VERBS.values():
        app.command(verb.name, help=verb.help)(_command(verb))
    return app


def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Options of the program itself."""


def _command(verb: Verb) -> Callable[..., None]:
    def command(**_: Any) -> None:
        """Never called: typer only draws help."""

    parameters: list[inspect.Parameter] = []
    for name, many in verb.args:
        kind: Any = list[str] if many in ("some", "any", "words") else str
        info: Any = typer.Argument(metavar=name, help=ARGS.get(name, ""), show_default=False)
        default: Any = {"maybe": "", "any": None}.get(many, inspect.Parameter.empty)
        parameters.append(_parameter(name.lower().replace("|", "_or_"), Annotated[kind, info], default))
    for option in verb.options:
        names = [option.name, *([option.short] if option.short else [])]
        metavar = "" if option.kind == FLAG else "|".join(option.choices) or option.metavar
        info = typer.Option(*names, help=option.help, metavar=metavar, show_default=False)
        kind, default = {FLAG: (bool, False), MANY: (list[str], None)}.get(option.kind, (str, ""))
        parameters.append(_parameter(option.name.strip("-").replace("-", "_"), Annotated[kind, info], default))
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    # `for` and the like are options here and keywords of Python
    return inspect.Parameter(f"{name}_", inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
