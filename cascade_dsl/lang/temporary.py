"""`temp` outputs: where the word may stand, and temporary files that a result of the run keeps.

The second reads the finished graph, by the engine's own tables of who reads what: what `check` says is what a run does.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.graph import Graph, Output
from ..ir.types import DIR, FILE, ListType, OptionalType, Type
from . import ast
from .symbols import Report


def may_be_temporary(report: Report, decl: ast.OutputDecl, type_: Type) -> bool:
    """Only what is a file or folder can be removed; CSC545 for the rest."""
    plain = type_.inner if isinstance(type_, OptionalType) else type_
    if plain in (FILE, DIR) or (isinstance(type_, ListType) and type_.item in (FILE, DIR) and decl.path is not None):
        return True
    what = "is a value, which takes no room on disk"
    help = "leave `temp` out"
    if isinstance(plain, ListType) and plain.item in (FILE, DIR):
        what, help = "has no pattern that says which files", f'say which files are meant: `temp {plain} = "…/*"`'
    report.error("CSC545", decl.span, f"an output of type {type_} cannot be `temp`: it {what}", help=help)
    return False


def warn_of_kept(report: Report, graph: Graph, statements: Sequence[ast.Statement]) -> None:
    """Temporary files that are in a result of the run stay."""
    temporary = {(t.name, o.name) for t in graph.tasks for o in t.outputs if o.temp}
    if not temporary:
        return
    from ..engine.lineage import trace
    from ..engine.plan import plan

    said = {s.name.name: s for s in statements if isinstance(s, ast.OutputStatement)}
    laid_out = plan(graph)
    carried = trace(laid_out).carried
    for node in graph.nodes:
        if not isinstance(node, Output) or node.name not in said:
            continue
        kept: dict[str, None] = {}
        for maker, name in sorted(carried.get(node.id, ())):
            task = laid_out.sites[maker].task
            if task is not None and (task.name, name) in temporary:
                kept[f"`{name}` of `{task.name}`"] = None
        if kept:
            files = " and ".join(kept)
            report.warn(
                "CSCW545",
                said[node.name].name.span,
                f"{files} {'is' if len(kept) == 1 else 'are'} `temp`, but {'stays' if len(kept) == 1 else 'stay'}: `{node.name}` is a result of the run",
                help="leave `temp` out, or name only what is made from the file",
            )
