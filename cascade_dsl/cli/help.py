"""Help, drawn by typer from the table of options. Typer parses nothing: the parser of this room does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import FLAG, MANY, VERBS, Verb

if TYPE_CHECKING:
    from ..ir.expr import Expr
    from ..ir.types import Type

_ABOUT = "A declarative workflow language whose limits change while the run is on."


def show_help(verb: Verb | None, words: list[str]) -> int:
    """Print the help of a verb, or of all; for `run FILE` the params of the program too."""
    app = help_app()
    app(args=[*([] if verb is None else [verb.name]), "--help"], prog_name="cascade", standalone_mode=False)
    files = [word for word in words if word.endswith((".csc", ".json"))]
    if verb is not None and verb.open and files:
        _show_params(files[0])
    return 0


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
        info: Any = typer.Argument(metavar=name, show_default=False)
        default: Any = {"maybe": "", "any": None}.get(many, inspect.Parameter.empty)
        parameters.append(_parameter(name.lower(), Annotated[kind, info], default))
    for option in verb.options:
        names = [option.name, *([option.short] if option.short else [])]
        metavar = None if option.kind == FLAG else "|".join(option.choices) or option.metavar
        info = typer.Option(*names, help=option.help, metavar=metavar, show_default=False)
        kind, default = {FLAG: (bool, False), MANY: (list[str], None)}.get(option.kind, (str, ""))
        parameters.append(_parameter(option.name.strip("-").replace("-", "_"), Annotated[kind, info], default))
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    # `for` and the like are options here and keywords of Python
    return inspect.Parameter(f"{name}_", inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _show_params(file: str) -> None:
    from pathlib import Path

    from .. import api
    from ..ir.graph import Param
    from ..ir.types import in_full

    graph = api.load_graph(Path(file))
    names = {node.id: node.name for node in graph.nodes}
    params = [node for node in graph.nodes if isinstance(node, Param)]
    if graph.doc:
        print(graph.doc.strip() + "\n")
    print(f"Params of {file}:" if params else f"{file} has no params.")
    for param in params:
        default = "" if param.default is None else f" = {_default(param.type, param.default, names)}"
        doc = f"   {param.doc}" if param.doc else ""
        print(f"  --{param.name}: {in_full(param.type)}{default}{doc}")


def _default(type_: Type, default: Expr, names: Mapping[int, str]) -> str:
    """A default as one would give it: a duration and a size with their units."""
    from ..base.quantity import duration_ns, parse_size, show_duration, show_size
    from ..ir.expr import Lit
    from ..ir.notation import expr_text
    from ..ir.types import DURATION, SIZE

    if isinstance(default, Lit) and isinstance(default.value, int | float):
        if type_ == DURATION:
            return show_duration(duration_ns(default.value))
        if type_ == SIZE and isinstance(default.value, int):
            shown = show_size(default.value)
            return shown if parse_size(shown) == default.value else f"{default.value}B"
    return expr_text(default, lambda id: names.get(id, "?"))
