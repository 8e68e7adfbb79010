"""The stable text print of a graph: everything that is in it, one line a node, for people and for snapshot tests.

A node is shown as `name@id`; what stands in a region is indented below it. Limits are sentences of the language; all other
amounts are plain numbers in the unit of the ir: seconds and bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from .expr import Expr
from .graph import (
    Body,
    Branch,
    Call,
    Clauses,
    Compute,
    ExecBody,
    FanOut,
    Finally,
    Flow,
    Graph,
    Item,
    Node,
    Output,
    OutputSpec,
    Param,
    PythonBody,
    PythonFunction,
    Repeat,
    Retry,
    ShellBody,
    ShellPlace,
    TaskDef,
    Try,
    walk,
)
from .notation import expr_text, literal_text
from .requirement import Dimension, Limit
from .sentences import limit_text as sentence_of
from .types import Type


def graph_text(graph: Graph) -> str:
    """A graph as text, ending in a newline. It prints graphs that do not hold together too."""
    return "\n".join(_Printer(graph).lines()) + "\n"


def limit_text(graph: Graph, limit: Limit) -> str:
    """A limit of a graph as the language writes it."""
    return _Printer(graph).limit(limit)


def bound_items(node: Node) -> tuple[Item, ...]:
    """What a region binds in its bodies."""
    match node:
        case FanOut() | Flow():
            return node.items
        case Repeat():
            return (node.variable, node.round)
        case Try():
            return (node.error,)
        case Finally():
            return (node.run,)
        case Param() | Item() | Compute() | Call() | Output() | Branch():
            return ()
        case _:
            assert_never(node)


class _Printer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names: dict[int, str] = {}
        for node in walk(graph.nodes):
            for item in (node, *bound_items(node)):
                self.names.setdefault(item.id, item.name)
        self.dimensions: dict[str, Dimension] = {r.name: r.dimension for r in graph.resources}

    def lines(self) -> Iterator[str]:
        graph = self.graph
        yield f"graph {graph.name} of {graph.file}"
        yield from (f"## {line}".rstrip() for line in graph.doc.splitlines())
        yield from (f"source {s.path} {s.digest}" for s in graph.sources)
        yield from (f"secret {name}" for name in graph.secrets)
        yield from (f"resource {r.name}: {r.dimension}" for r in graph.resources)
        yield from (f"limit {self.limit(limit)}" for limit in graph.limits)
        for task in graph.tasks:
            yield ""
            yield from self.task(task)
        yield ""
        yield "nodes"
        for node in graph.nodes:
            yield from self.node(node, "  ")

    # -- pieces of a line --

    def ref(self, node: int) -> str:
        return f"{self.names.get(node, '?')}@{node}"

    def refs(self, nodes: tuple[int, ...]) -> str:
        return ", ".join(map(self.ref, nodes))

    def expr(self, expr: Expr) -> str:
        return expr_text(expr, self.ref)

    def args(self, args: tuple[tuple[str, Expr], ...]) -> str:
        return ", ".join(f"{name} = {self.expr(expr)}" for name, expr in args)

    def limit(self, limit: Limit) -> str:
        resource = limit.scope.kind == "resource"
        return sentence_of(limit, self.dimensions.get(limit.scope.pattern, "count") if resource else "count", self.expr)

    # -- tasks --

    def task(self, task: TaskDef) -> Iterator[str]:
        yield from (f"## {line}".rstrip() for line in task.doc.splitlines())
        inputs = ", ".join(
            f"{i.name}: {i.type}" + ("" if i.default is None else f" = {self.expr(i.default)}") for i in task.inputs
        )
        outputs = ", ".join(map(self.output_spec, task.outputs))
        if task.record:
            outputs = f"({outputs})"
        yield f"task {task.name}({inputs})" + (f" -> {outputs}" if outputs else "")
        if task.folder:
            yield f"  folder {literal_text(task.folder)}"
        yield from (f"  {clause}" for clause in self.clauses(task.clauses))
        yield from self.body(task.body)

    def output_spec(self, spec: OutputSpec) -> str:
        text = f"{spec.name}: {'temp ' if spec.temp else ''}{spec.type} {spec.form}"
        return text if spec.path is None else f"{text} at {self.expr(spec.path)}"

    def clauses(self, clauses: Clauses) -> Iterator[str]:
        if clauses.requires:
            yield "requires " + ", ".join(f"{r.resource} = {self.expr(r.amount)}" for r in clauses.requires)
        if clauses.retry is not None:
            yield self.retry(clauses.retry)
        if clauses.timeout is not None:
            yield f"timeout {self.expr(clauses.timeout)}"
        if clauses.env:
            yield f"env {self.args(clauses.env)}"
        if clauses.secrets:
            yield "secrets " + ", ".join(f"{variable} = {name}" for variable, name in clauses.secrets)
        if clauses.priority is not None:
            yield f"priority {self.expr(clauses.priority)}"
        if clauses.tags:
            yield f"tag {', '.join(clauses.tags)}"
        if clauses.workdir is not None:
            yield f"in {self.expr(clauses.workdir)}"
        if clauses.scratch:
            yield "in scratch"
        cache = clauses.cache
        if cache.mode == "off":
            yield "cache off"
        if cache.ttl is not None:
            yield f"cache {self.expr(cache.ttl)}"
        if cache.by is not None:
            yield f"cache by {self.expr(cache.by)}"

    def retry(self, retry: Retry) -> str:
        text = f"retry {self.expr(retry.count)} backoff {self.expr(retry.backoff_min)}..{self.expr(retry.backoff_max)}"
        return f"{text} on {', '.join(map(str, retry.on))}" if retry.on else text

    def body(self, body: Body) -> Iterator[str]:
        match body:
            case ShellBody():
                yield "  sh" if body.shell is None else f"  sh with {literal_text(body.shell)}"
                if body.only_bash:
                    yield f"    only bash: {body.only_bash}"
                for value in body.values:
                    yield f"    {value.variable}{'[]' if value.is_list else ''} = {self.expr(value.expr)}"
                yield from _quoted("".join(p if isinstance(p, str) else _place(body, p) for p in body.parts))
            case ExecBody():
                yield "  exec [" + ", ".join(map(self.expr, body.words)) + "]"
            case PythonBody():
                yield f"  python from {body.file}:{body.line}" if body.file else f"  python from line {body.line}"
                yield from self.python_values(body)
                yield from _quoted(body.source)
            case PythonFunction():
                where = body.path if body.path is not None else body.module
                yield f"  python {literal_text(f'{where}:{body.function}')}"
                yield from self.python_values(body)
            case _:
                assert_never(body)

    def python_values(self, body: PythonBody | PythonFunction) -> Iterator[str]:
        for value in body.values:
            yield f"    {value.name}: {value.type} = {self.expr(value.expr)}"

    # -- nodes --

    def node(self, node: Node, indent: str) -> Iterator[str]:
        line, inner = self.node_line(node), indent + "  "
        yield f"{indent}{node.id} {line}"
        for item in bound_items(node):
            yield from self.node(item, inner)
        match node:
            case FanOut() | Flow() | Repeat() | Finally():
                yield from self.nodes(node.body, inner)
            case Branch():
                yield from self.side("then", node.then_result, node.then, inner)
                yield from self.side("else", node.otherwise_result, node.otherwise, inner)
            case Try():
                yield from self.side("try", node.result, node.body, inner)
                yield from self.side("else", node.otherwise_result, node.otherwise, inner)
            case Param() | Item() | Compute() | Call() | Output():
                pass
            case _:
                assert_never(node)

    def nodes(self, nodes: tuple[Node, ...], indent: str) -> Iterator[str]:
        for node in nodes:
            yield from self.node(node, indent)

    def side(self, word: str, result: int | None, nodes: tuple[Node, ...], indent: str) -> Iterator[str]:
        yield indent + word + ("" if result is None else f" gives {self.ref(result)}")
        yield from self.nodes(nodes, indent + "  ")

    def node_line(self, node: Node) -> str:
        match node:
            case Param():
                default = "" if node.default is None else f" = {self.expr(node.default)}"
                return f"param {node.name}: {node.type}{default}{_doc(node.doc)}"
            case Item():
                return f"item {node.name}: {node.type}" + ("" if node.index is None else f" = item[{node.index}]")
            case Compute():
                reads = " reads" if node.reads else ""
                return f"value {_typed(node.name, node.type)} = {self.expr(node.expr)}{reads}{self.after(node.after)}"
            case Call():
                text = f"call {node.name} = {node.task}({self.args(node.args)}){self.after(node.after)}"
                if node.clauses is not None:
                    text += " with { " + "; ".join(self.clauses(node.clauses)) + " }"
                return text
            case Output():
                return f"output {_typed(node.name, node.type)} = {self.ref(node.node)}{_doc(node.doc)}"
            case FanOut():
                names = ", ".join(item.name for item in node.items)
                text = f"fan {_typed(node.name, node.type)} for {names} in {self.ref(node.source)}"
                if node.condition is not None:
                    text += f" if {self.ref(node.condition)}"
                text += "" if node.result is None else f" gives {self.ref(node.result)}"
                return text + (" flattened" if node.flatten else "") + self.around(node.captures, node.after)
            case Flow():
                text = f"flow {_typed(node.name, node.type)} = {node.flow}({self.args(node.args)})"
                text += "" if node.result is None else f" gives {self.ref(node.result)}"
                return text + self.around(node.captures, node.after)
            case Branch():
                text = f"branch {_typed(node.name, node.type)} if {self.ref(node.condition)}"
                return text + self.around(node.captures, node.after)
            case Try():
                return f"try {_typed(node.name, node.type)}" + self.around(node.captures, node.after)
            case Repeat():
                text = f"repeat {_typed(node.name, node.type)} from {self.ref(node.initial)}"
                text += f" while {self.ref(node.condition)} max {self.expr(node.maximum)}"
                text += " ok" if node.maximum_ok else ""
                text += "" if node.every is None else f" every {self.expr(node.every)}"
                return f"{text} gives {self.ref(node.result)}" + self.around(node.captures, node.after)
            case Finally():
                return f"finally {node.name}" + self.around(node.captures, ())
            case _:
                assert_never(node)

    def after(self, nodes: tuple[int, ...]) -> str:
        return f" after {self.refs(nodes)}" if nodes else ""

    def around(self, captures: tuple[int, ...], after: tuple[int, ...]) -> str:
        return (f" using {self.refs(captures)}" if captures else "") + self.after(after)


def _typed(name: str, type_: Type) -> str:
    return f"{name}: {type_}"


def _doc(doc: str) -> str:
    return f"  ## {' '.join(doc.split())}" if doc else ""


def _place(body: ShellBody, place: ShellPlace) -> str:
    known = 0 <= place.value < len(body.values)
    return f"{{{{{body.values[place.value].variable if known else place.value}:{place.where}}}}}"


def _quoted(text: str) -> Iterator[str]:
    yield from (f"    | {line}".rstrip() for line in text.split("\n"))
