"""Whether a graph holds together. What the compiler writes always does; a graph from outside may hold anything.

Reads a decoded graph, changes nothing. In order: nothing is nested deeper than `depth.MAX_NESTING`; ids are unique; tasks
and limits make sense; every reference leads to a node that is visible where it stands (of the same body or of an
enclosing one); calls fit their tasks; captures are exactly what a region's body uses from outside; functions,
operators and variables exist; there is no cycle; nothing needs what is not built yet. Only a graph without findings
may be planned or run.

For cycles a region is two vertices: its opening waits for its source and for what it comes after, its inner nodes for
the opening, and the region itself, that is its value, for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from ..base.diagnostics import Diagnostic
from ..base.suggest import did_you_mean
from .depth import MAX_NESTING, too_deep
from .expr import Apply, Comprehension, Expr, Logic, Var, children, refs
from .graph import (
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
    Region,
    Repeat,
    ShellBody,
    TaskDef,
    Try,
    bodies,
    walk,
)
from .requirement import Identity, Scope
from .scopes import in_scope, sites_of
from .text import bound_items
from .types import DIR, FILE, ListType, OptionalType
from .word_faults import limit_faults

_BUILTIN_VARS = frozenset(("attempt", "need", "last"))


def verify(graph: Graph, functions: AbstractSet[str]) -> list[Diagnostic]:
    """What is wrong with a graph, in its order; `functions` are the names of all functions and operators."""
    if too_deep(graph):
        return [
            Diagnostic(
                code="CSC406",
                message=f"something in this graph is nested deeper than {MAX_NESTING}",
                help="use a function over a list, or split it over several bindings",
            )
        ]
    check = _Check(graph, functions)
    check.ids()
    if not check.found:
        check.tasks()
        check.limits()
        check.body(graph.nodes, frozenset())
    if not check.found:
        check.cycles()
    return check.found


def captures(region: Region) -> tuple[int, ...]:
    """The nodes outside a region that its bodies use, ascending: what its `captures` says."""
    own = {item.id for item in bound_items(region)}
    used = set(_inside(region))
    for body in bodies(region):
        for node in walk(body):
            own.add(node.id)
            own.update(item.id for item in bound_items(node))
            used.update(_outside(node), _inside(node))
    return tuple(sorted(used - own))


def needs(node: Node, graph: Graph) -> set[int]:
    """Every node outside it that a node waits for, through its bodies and the clauses of the tasks it calls too."""
    tasks = {task.name: task for task in graph.tasks}
    own: set[int] = set()
    used: set[int] = set()
    for one in walk((node,)):
        own.update((one.id, *(item.id for item in bound_items(one))))
        used.update(_outside(one), _inside(one), _task_refs(one, tasks))
    return used - own


def shared(graph: Graph) -> set[int]:
    """Params and constants that tasks and limits refer to."""
    amounts = [amount for limit in graph.limits for amount in (limit.amount, limit.burst)]
    exprs = [amount for amount in amounts if amount is not None and not isinstance(amount, int)]
    for task in graph.tasks:
        exprs += _task_exprs(task)
        exprs += [one.default for one in task.inputs if one.default is not None]
    return {ref for expr in exprs for ref in refs(expr)}


class _Check:
    """One walk over a graph; findings gather in `found`."""

    def __init__(self, graph: Graph, functions: AbstractSet[str]) -> None:
        self.graph = graph
        self.functions = functions
        self.found: list[Diagnostic] = []
        self.nodes: dict[int, Node] = {}
        self.by_task = {task.name: task for task in graph.tasks}
        self.resources = {resource.name for resource in graph.resources}

    def wrong(self, message: str, code: str = "CSC402", help: str | None = None) -> None:
        self.found.append(Diagnostic(code=code, message=message, help=help))

    def not_built(self, what: str) -> None:
        self.wrong(f"{what} is not built yet", "CSC405")

    def show(self, id: int) -> str:
        node = self.nodes.get(id)
        return f"`{node.name}` ({id})" if node is not None else f"node {id}"

    # -- ids and names --

    def ids(self) -> None:
        for node in walk(self.graph.nodes):
            for one in (node, *bound_items(node)):
                if one.id < 1:
                    self.wrong(f"the node `{one.name}` has the id {one.id}: ids count from 1")
                elif one.id in self.nodes:
                    self.wrong(f"two nodes have the id {one.id}: `{self.nodes[one.id].name}` and `{one.name}`")
                self.nodes[one.id] = one
        self.once("tasks", (task.name for task in self.graph.tasks))
        self.once("resources", (resource.name for resource in self.graph.resources))
        self.once("params", (node.name for node in self.graph.nodes if isinstance(node, Param)))
        self.once("secrets", self.graph.secrets)
        self.once("outputs", (node.name for node in self.graph.nodes if isinstance(node, Output)))

    def once(self, what: str, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self.wrong(f"two {what} are called `{name}`")
            seen.add(name)

    # -- tasks and limits: their references lead to the top level --

    def tasks(self) -> None:
        top = frozenset(node.id for node in self.graph.nodes if isinstance(node, (Param, Compute)))
        for task in self.graph.tasks:
            where = f"the task `{task.name}`"
            self.once(f"inputs or outputs of {where}", (x.name for x in (*task.inputs, *task.outputs)))
            inputs = frozenset(i.name for i in task.inputs) | _BUILTIN_VARS
            names = inputs | {o.name for o in task.outputs}
            for one in task.inputs:
                if one.default is not None:
                    self.expr(one.default, where, top, frozenset())
            for output in task.outputs:
                fault = _output_fault(output)
                if fault:
                    self.wrong(f"the output `{output.name}` of {where} {fault}")
                if output.path is not None:
                    self.expr(output.path, where, top, inputs)
            if not task.record and len(task.outputs) > 1:
                self.wrong(f"{where} has several outputs and no record of them")
            self.secrets(task.clauses, where)
            for expr in _clause_exprs(task.clauses):
                self.expr(expr, where, top, names)
            self.demands(task.clauses, where)
            self.task_body(task, where, top, names)

    def task_body(self, task: TaskDef, where: str, top: frozenset[int], names: frozenset[str]) -> None:
        match task.body:
            case ShellBody(parts=parts, values=values):
                self.once(f"shell variables of {where}", (v.variable for v in values))
                for value in values:
                    if not value.variable.isascii() or not value.variable.isidentifier():
                        self.wrong(f"{where} sets `{value.variable}`, which is no name of a shell variable")
                    self.expr(value.expr, where, top, names)
                for part in parts:
                    if isinstance(part, str):
                        continue
                    if not 0 <= part.value < len(values):
                        self.wrong(f"the script of {where} has a place for a value that it does not have")
                    elif values[part.value].is_list and part.where != "word":
                        self.wrong(f"the script of {where} has a place for a list where one word stands")
            case ExecBody(words=words):
                if not words:
                    self.wrong(f"{where} runs no command: its `exec` is empty")
                for word in words:
                    self.expr(word, where, top, names)
            case PythonFunction(path=path, module=module):
                if (path is None) == (module is None):
                    self.wrong(f"{where} names neither a file nor a module for its function, or both")
                self.python_values(task.body, where, top)
            case PythonBody():
                self.python_values(task.body, where, top)
            case _:
                pass

    def python_values(self, body: PythonBody | PythonFunction, where: str, top: frozenset[int]) -> None:
        self.once(f"values of the body of {where}", (v.name for v in body.values))
        for value in body.values:
            self.expr(value.expr, where, top, frozenset())

    def secrets(self, clauses: Clauses, where: str) -> None:
        self.once(f"variables of {where}", (name for name, _ in (*clauses.env, *clauses.secrets)))
        for variable, name in clauses.secrets:
            if not variable or "=" in variable or "\0" in variable:
                self.wrong(f"{where} sets `{variable}`, which is no name of a variable")
            if name not in self.graph.secrets:
                self.wrong(f"{where} uses the secret `{name}`, which the graph does not declare")

    def demands(self, clauses: Clauses, where: str) -> None:
        self.once(f"demands of {where}", (r.resource for r in clauses.requires))
        for requirement in clauses.requires:
            if requirement.resource not in self.resources:
                self.wrong(f"{where} requires `{requirement.resource}`, which is no resource of the graph")

    def limits(self) -> None:
        top = frozenset(node.id for node in self.graph.nodes if isinstance(node, (Param, Compute)))
        plain: set[Identity] = set()
        for limit in self.graph.limits:
            where = f"the limit of `{limit.scope}`"
            for value in (limit.amount, limit.burst):
                if value is not None and not isinstance(value, int):
                    self.expr(value, where, top, frozenset())
            for fault in limit_faults(limit):
                self.wrong(f"{where} {fault}")
            if limit.is_plain and limit.identity in plain:
                self.wrong(f"two limits are of `{limit.identity}`")
            plain |= {limit.identity} if limit.is_plain else set()
            if limit.whole or limit.scope.kind == "flow":
                self.not_built(f"{where}: a limit of flows")
            if limit.by is not None:
                self.key(limit.by, limit.scope, where)

    def key(self, by: Expr, scope: Scope, where: str) -> None:
        """What a limit is split by is made of inputs that each task in its scope has."""
        if refs(by):
            self.wrong(f"{where} is split by something that is no input")
            return
        for task in {t.name: t for t, clauses in sites_of(self.graph) if in_scope(scope, t.name, clauses)}.values():
            self.expr(by, f"{where}, for `{task.name}`,", frozenset(), frozenset(i.name for i in task.inputs))

    # -- nodes --

    def body(self, nodes: tuple[Node, ...], outer: frozenset[int]) -> None:
        visible = outer | {node.id for node in nodes}
        for node in nodes:
            self.node(node, visible, top=not outer)

    def node(self, node: Node, visible: frozenset[int], *, top: bool) -> None:
        where = self.show(node.id)
        if isinstance(node, (Param, Output, Finally)) and not top:
            self.wrong(f"{where} stands in a region: params, outputs and `finally` stand at the top")
        self.leads(_outside(node), where, visible)
        match node:
            case Param():
                if node.default is not None:
                    self.expr(node.default, where, visible, frozenset())
            case Compute():
                self.expr(node.expr, where, visible, frozenset())
            case Call():
                self.call(node, where, visible)
            case FanOut():
                self.fan(node, where, visible)
            case Item():
                self.wrong(f"{where} is bound by no region")
            case Output():
                pass
            case Flow() | Branch() | Try() | Repeat() | Finally():
                self.not_built(f"{where}: `{type(node).__name__.lower()}`")

    def call(self, node: Call, where: str, visible: frozenset[int]) -> None:
        task = self.by_task.get(node.task)
        if task is None:
            help = did_you_mean(node.task, self.by_task)
            self.wrong(f"{where} calls `{node.task}`, which is no task of the graph", help=help)
            return
        want, have = [i.name for i in task.inputs], [name for name, _ in node.args]
        if want != have:
            shown = [", ".join(names) or "nothing" for names in (want, have)]
            self.wrong(f"{where} must give {shown[0]} to `{task.name}`, in this order, and gives {shown[1]}")
        for _, expr in node.args:
            self.expr(expr, where, visible, frozenset())
        if node.clauses is not None:
            names = _BUILTIN_VARS | {x.name for x in (*task.inputs, *task.outputs)}
            for expr in _clause_exprs(node.clauses):
                self.expr(expr, where, visible, names)
            self.demands(node.clauses, where)
            self.secrets(node.clauses, where)

    def fan(self, node: FanOut, where: str, visible: frozenset[int]) -> None:
        if not node.items:
            self.wrong(f"{where} binds no name for its items")
        inner = visible | {item.id for item in node.items}
        self.body(node.body, inner)
        inner |= {one.id for one in node.body}
        self.leads(_inside(node), where, inner)
        local = {one.id: one for one in node.body}
        if node.condition is not None and not isinstance(local.get(node.condition), Compute):
            self.wrong(f"the condition of {where} is not a value of its body")
        if node.flatten and not (node.result is not None and isinstance(local.get(node.result), FanOut)):
            self.wrong(f"{where} joins lists, but what it gives is no fan-out of its body")
        needed = captures(node)
        if node.captures != needed:
            shown = [", ".join(map(str, ids)) or "nothing" for ids in (needed, node.captures)]
            self.wrong(f"{where} uses {shown[0]} from outside and says that it uses {shown[1]}")

    def leads(self, targets: Iterable[int], where: str, visible: frozenset[int]) -> None:
        for target in dict.fromkeys(targets):
            if target not in self.nodes:
                self.wrong(f"{where} refers to node {target}, which is not in the graph")
            elif target not in visible:
                self.wrong(f"{where} refers to {self.show(target)}, which cannot be seen from there")
            elif isinstance(self.nodes[target], (Output, Finally)):
                self.wrong(f"{where} refers to {self.show(target)}, which has no value")

    # -- expressions --

    def expr(self, expr: Expr, where: str, visible: frozenset[int], names: frozenset[str]) -> None:
        self.leads(refs(expr), where, visible)
        stack: list[tuple[Expr, frozenset[str]]] = [(expr, names)]
        while stack:
            at, bound = stack.pop()
            match at:
                case Var(name) if name not in bound:
                    self.wrong(f"{where} uses the name `{name}`, which nothing binds there", "CSC404")
                case Apply(function) if function not in self.functions:
                    help = did_you_mean(function, self.functions)
                    self.wrong(f"{where} applies `{function}`, which is no function", "CSC404", help)
                case Logic(operator) if operator not in ("and", "or", "coalesce"):
                    self.wrong(f"{where} applies `{operator}`, which is no operator", "CSC404")
                case _:
                    pass
            if isinstance(at, Comprehension):
                for clause in at.clauses:
                    stack.append((clause.source, bound))
                    bound = bound | frozenset(clause.names)
                    if clause.condition is not None:
                        stack.append((clause.condition, bound))
                stack += [(part, bound) for part in (at.key, at.element) if part is not None]
            else:
                stack += [(part, bound) for part in children(at)]

    # -- cycles --

    def cycles(self) -> None:
        waits: dict[int, list[int]] = {}
        self.gather_waits(self.graph.nodes, (), waits)
        state: dict[int, bool] = {}  # False: on the way, True: done
        for start in waits:
            if start in state:
                continue
            way: list[tuple[int, Iterator[int]]] = [(start, iter(waits[start]))]
            state[start] = False
            while way:
                at, rest = way[-1]
                following = next(rest, None)
                if following is None:
                    state[at] = True
                    way.pop()
                elif following not in state:
                    state[following] = False
                    way.append((following, iter(waits.get(following, ()))))
                elif not state[following]:
                    ids = [id for id, _ in way]
                    around = [*ids[ids.index(following) :], following]
                    shown = list(dict.fromkeys(self.show(id if id >= 0 else -1 - id) for id in around))
                    self.wrong("these wait for each other: " + " → ".join([*shown, shown[0]]), "CSC403")
                    return

    def gather_waits(self, nodes: tuple[Node, ...], openings: tuple[int, ...], waits: dict[int, list[int]]) -> None:
        """Edges of the nodes of a body; `-1 - id` stands for the opening of region `id`."""
        for node in nodes:
            outside = [*_outside(node), *_task_refs(node, self.by_task), *openings[-1:]]
            inner = [one.id for body in bodies(node) for one in body]
            if not inner and not bound_items(node):
                waits[node.id] = outside
                continue
            opening = -1 - node.id
            waits[opening] = outside
            waits[node.id] = [opening, *inner, *_inside(node)]
            for item in bound_items(node):
                waits[item.id] = [opening]
            for body in bodies(node):
                self.gather_waits(body, (*openings, opening), waits)


# ---- what a node refers to --------------------------------------------------------------------------------------


def _outside(node: Node) -> list[int]:
    """What a node waits for, by ids of its own body or of enclosing ones."""
    match node:
        case Param(default=default):
            return [] if default is None else list(refs(default))
        case Compute(expr=expr, after=after):
            return [*refs(expr), *after]
        case Call(args=args, after=after, clauses=clauses):
            exprs = [expr for _, expr in args] + (list(_clause_exprs(clauses)) if clauses is not None else [])
            return [*(ref for expr in exprs for ref in refs(expr)), *after]
        case Output(node=target):
            return [target]
        case FanOut(source=source, after=after):
            return [source, *after]
        case Flow(args=args, after=after):
            return [*(ref for _, expr in args for ref in refs(expr)), *after]
        case Branch(condition=condition, after=after):
            return [condition, *after]
        case Repeat(initial=initial, maximum=maximum, every=every, after=after):
            return [initial, *refs(maximum), *(() if every is None else refs(every)), *after]
        case Try(after=after):
            return list(after)
        case Item() | Finally():
            return []


def _inside(node: Node) -> list[int]:
    """What a region refers to from inside: its results and its condition."""
    match node:
        case FanOut(result=result, condition=condition):
            found = [result, condition]
        case Flow(result=result):
            found = [result]
        case Branch():
            found = [node.then_result, node.otherwise_result]
        case Try():
            found = [node.result, node.otherwise_result]
        case Repeat():
            found = [node.result, node.condition]
        case _:
            found = []
    return [id for id in found if id is not None]


def _task_refs(node: Node, tasks: Mapping[str, TaskDef]) -> list[int]:
    """What the task of a call refers to: params and constants of its file."""
    task = tasks.get(node.task) if isinstance(node, Call) else None
    return [] if task is None else [ref for expr in _task_exprs(task) for ref in refs(expr)]


def _task_exprs(task: TaskDef) -> list[Expr]:
    """Every expression that is evaluated for a call of a task, but for the defaults of its inputs."""
    exprs = [*_clause_exprs(task.clauses), *(output.path for output in task.outputs if output.path is not None)]
    match task.body:
        case ShellBody(values=values):
            exprs += [value.expr for value in values]
        case ExecBody(words=words):
            exprs += words
        case PythonBody(values=values) | PythonFunction(values=values):
            exprs += [value.expr for value in values]
        case _:
            pass
    return exprs


def _clause_exprs(clauses: Clauses) -> Iterator[Expr]:
    yield from (requirement.amount for requirement in clauses.requires)
    if clauses.retry is not None:
        yield from (clauses.retry.count, clauses.retry.backoff_min, clauses.retry.backoff_max)
    yield from (expr for _, expr in clauses.env)
    optional = (clauses.timeout, clauses.priority, clauses.workdir, clauses.cache.ttl, clauses.cache.by)
    yield from (expr for expr in optional if expr is not None)


def _output_fault(output: OutputSpec) -> str:
    """What form, type and path of an output have against each other."""
    plain = output.type.inner if isinstance(output.type, OptionalType) else output.type
    match output.form:
        case "path":
            return "" if plain in (FILE, DIR) else f"is of type {output.type}, and written at a path"
        case "glob":
            if not isinstance(output.type, ListType) or output.type.item not in (FILE, DIR):
                return f"is of type {output.type}, and what matches a pattern"
            return "" if output.path is not None else "is what matches a pattern, and there is none"
        case "value":
            if output.temp:
                return "is a value, and temporary"
            return "" if output.path is None else "is a value, and has a path"
