"""Source to graph: the whole way, with everything that is wrong in the order of the file.

Passes: parse; names of the file; types; signatures of tasks; params; statements to nodes, which types their
expressions; tasks with their clauses and bodies; units, limits, paths; ids in pre-order. A pass goes on after a fault:
what is wrong has no type, and silences what follows from it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import assert_never

from ..base.diagnostics import CascadeError, Diagnostic, Findings, Source, Span
from ..ir.expr import Ref
from ..ir.graph import Graph, Param, SourceDigest, TaskDef
from . import ast
from .allowed import Allowed
from .annotations import Annotations
from .bodies import Bodies
from .broken import repeated_words
from .context import Context
from .dependencies import free_uses
from .expressions import Expressions
from .finish import Finisher, moved_ids
from .mends import Elsewhere
from .nodes import Nodes
from .parse import Parsed, parse_source, read_source
from .published import check_paths
from .raws import warn_of_raws
from .requirements import Requirements, sentences_of
from .secrets import check_secrets, refuse
from .symbols import Refused, Report, Scope, Secret, Symbol, Task, Value
from .tasks import Tasks
from .temporary import warn_of_kept
from .warnings import Warner, scripts_of

_FRAMES = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The graph, or None where there are errors; warnings may stand beside a graph."""

    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]


def compile_file(path: Path) -> Compiled:
    """Compiles a file; a file that cannot be read is a diagnostic too."""
    try:
        source = read_source(path)
    except CascadeError as error:
        return Compiled(graph=None, diagnostics=error.diagnostics)
    return compile_source(source, folder=path.parent)


def compile_source(source: Source, *, folder: Path) -> Compiled:
    """Compiles a text as a file of `folder`, to which its paths are relative."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))  # 200 things in each other are several calls apiece
    try:
        return _compile(source, folder)
    finally:
        sys.setrecursionlimit(before)


def _compile(source: Source, folder: Path) -> Compiled:
    parsed = parse_source(source)
    if parsed.module is None:
        return Compiled(graph=None, diagnostics=parsed.diagnostics)
    compiler = _Compiler(source, folder, parsed)
    graph = compiler.compile()
    found = Report(source).findings
    for diagnostic in (*parsed.diagnostics, *compiler.report.findings.found):
        found.add(diagnostic)
    errors = bool(found.errors)
    allowed = Allowed(source, parsed.comments, scripts_of(parsed.module))
    final = Findings()
    for diagnostic in allowed.spared(found.found):
        final.add(diagnostic)
    return Compiled(graph=None if errors else graph, diagnostics=final.sorted())


class _Compiler:
    def __init__(self, source: Source, folder: Path, parsed: Parsed) -> None:
        assert parsed.module is not None
        broken, module = parsed.broken, parsed.module
        self.sound = not parsed.diagnostics
        self.source = source
        self.folder = folder
        self.module = module
        self.report = Report(source)
        self.broken = broken
        known = {"": Span(0, 0)} | {ident.name: ident.span for piece in broken for ident in piece.names}
        self.scope = Scope(Scope(None, [Refused(name, span) for name, span in known.items()]))
        """The names of the file; around them those that stand in what could not be read."""
        self.typing = Expressions(self.report)
        self.typing.elsewhere = Elsewhere(module)

    def compile(self) -> Graph | None:
        module = self.module
        declared = [d for d in module.items if isinstance(d, ast.TypeDecl)]
        tasks = Tasks(
            self.report,
            self.typing,
            Annotations(self.report, declared, {i.name for piece in self.broken for i in piece.names}),
            self.scope,
        )
        nodes = Nodes(self.report, self.typing, self.scope)
        bodies = Bodies(self.report, self.typing, self.folder)
        self._declare(tasks)
        self._params(tasks, nodes)
        statements = [i for i in module.items if isinstance(i, ast.Statement)]
        self._outputs_once(statements)
        nodes.block(statements, Context(self.scope, nodes=nodes), top=True)
        lowered: list[TaskDef] = []
        for symbol in [s for s in self.scope.names.values() if isinstance(s, Task)]:
            found = tasks.lower(symbol, nodes, bodies)
            if found is not None:
                lowered.append(found)
        by_name = {t.name: t for t in lowered}
        changed = {
            id_: clauses
            for id_, (task, given) in nodes.changed.items()
            if task.name in by_name and (clauses := tasks.clauses(task, given, by_name[task.name].clauses)) is not None
        }
        required = Requirements(self.report, self.typing, self.scope)
        resources = required.resources(tasks.amounts, sentences_of(module))
        names = [s.name for s in self.scope.names.values() if isinstance(s, Task)]
        names += [ident.name for piece in self.broken for ident in piece.names]
        maybe = {word for piece in self.broken for word in piece.words}
        if self.report.findings.errors or not self.sound:
            maybe |= repeated_words(self.source.text)  # what could not be read or typed may name anything
        sites = [(task, task.clauses) for task in lowered]
        sites += [(by_name[task.name], changed[id_]) for id_, (task, _) in nodes.changed.items() if id_ in changed]
        limits = required.limits(module, sites, names, resources, maybe, self.source)
        check_paths(self.report, nodes.body, by_name, nodes.calls, tasks.outputs.paths, changed)
        check_secrets(self.report, module, self.scope)
        warn_of_raws(self.report, bodies.scripts.raws, nodes.body)
        if self.report.findings.errors or not self.sound:
            return None
        Warner(self.report, module, self.scope, bodies.helpers.values()).warn()
        made = tuple(nodes.body)
        finisher = Finisher(moved_ids(made), changed)
        name = self.source.path.rsplit("/", 1)[-1]
        graph = Graph(
            name=name.removesuffix(".csc"),
            file=name,
            tasks=tuple(map(finisher.task, lowered)),
            resources=resources,
            limits=tuple(map(finisher.limit, limits)),
            nodes=finisher.nodes(made),
            sources=(
                _digest(name, self.source.text.encode("utf-8", "surrogatepass")),
                *(_digest(path, data) for path, data in sorted(bodies.helpers.items())),
            ),
            secrets=tuple(s.name for s in self.scope.names.values() if isinstance(s, Secret)),
            doc=module.doc,
        )
        warn_of_kept(self.report, graph, statements)
        return graph

    # ---- the names of the file ----

    def _declare(self, tasks: Tasks) -> None:
        for item in self.module.items:
            match item:
                case ast.TaskDecl():
                    self._bind(tasks.signature(item))
                case ast.ParamDecl():
                    self._bind(Refused(item.name.name, item.name.span))
                case ast.FlowDecl():
                    self.report.unbuilt(item.name.span, "`flow`")
                    self._bind(Refused(item.name.name, item.name.span))
                case ast.SecretDecl():
                    self._bind(Secret(item.name.name, item.name.span))
                case ast.UseDecl():
                    self.report.unbuilt(item.span, "`use`")
                    stem = item.module.rsplit(".", 1)[-1] or Path((item.source and item.source.text) or "").stem
                    alias = item.alias.name if item.alias is not None else stem
                    self._bind(Refused(alias, item.source_span))
                case ast.FinallyDecl():
                    self.report.unbuilt(item.span, "`finally`")
                case ast.TestDecl():
                    self.report.unbuilt(item.title.span, "`test`")
                case ast.TypeDecl() | ast.LimitStatement():
                    pass
                case (
                    ast.Binding()
                    | ast.ExprStatement()
                    | ast.IfStatement()
                    | ast.ForStatement()
                    | ast.OutputStatement()
                    | ast.ReturnStatement()
                ):
                    pass
                case _:
                    assert_never(item)

    def _bind(self, symbol: Symbol) -> None:
        first = self.scope.names.setdefault(symbol.name, symbol)
        if first is not symbol:
            also = [(first.span, "first here")]
            self.report.error("CSC104", symbol.span, f"`{symbol.name}` is declared twice", also=also)

    def _outputs_once(self, statements: list[ast.Statement]) -> None:
        seen: dict[str, ast.Ident] = {}
        for statement in statements:
            if isinstance(statement, ast.OutputStatement):
                name = statement.name
                if name.name in seen:
                    also = [(seen[name.name].span, "first here")]
                    self.report.error("CSC104", name.span, f"the output `{name.name}` is declared twice", also=also)
                seen.setdefault(name.name, name)

    def _params(self, tasks: Tasks, nodes: Nodes) -> None:
        for item in self.module.items:
            if not isinstance(item, ast.ParamDecl):
                continue
            name = item.name.name
            type_ = tasks.annotations.type(item.type)
            default = None
            if item.default is not None:
                where = f"the default of `{name}`"
                declared = [] if type_ is None else [(item.type.span, f"`{name}` is declared as {type_}")]
                if self._uses_nothing(item.default, where):
                    at = Context(Scope(), forbids_tasks=where, only_constants=where)
                    default = self.typing.check(item.default, type_, at, where, declared)
            if type_ is None or self.scope.names[name].span != item.name.span:
                continue
            node = Param(
                id=nodes.new_id(),
                name=nodes.unique(name),
                type=type_,
                default=None if default is None else default.expr,
                doc=item.doc,
            )
            nodes.body.append(node)
            self.scope.names[name] = Value(
                name=name,
                kind="param",
                span=item.name.span,
                expr=Ref(node.id),
                type_=type_,
                node=node.id,
                constant=True,
            )

    def _uses_nothing(self, default: ast.Expr, where: str) -> bool:
        """A default of a param is known before anything else is: it uses no other name of the file."""
        bindings = {i.name.name: i.name.span for i in self.module.items if isinstance(i, ast.Binding)}
        for use in free_uses(default):
            declared = self.scope.names.get(use.name)
            if isinstance(declared, Secret):
                refuse(self.report, use.span, declared)
                return False
            span = bindings.get(use.name) if declared is None else declared.span
            if span is not None:
                self.report.error(
                    "CSC107",
                    use.span,
                    f"{where} cannot use `{use.name}`",
                    also=[(span, "declared here")],
                    help="make it optional, `TYPE? = none`, and bind what it stands for: `x = given ?? …`",
                )
                return False
        return True


def _digest(path: str, data: bytes) -> SourceDigest:
    return SourceDigest(path=path, digest=blake2b(data, digest_size=16).hexdigest())
