"""Statements and calls to nodes of the template graph.

Reads the tree of a block, types its expressions, and makes nodes: a call of a task is a Call, a comprehension or `for`
over calls a FanOut, any other bound value a Compute. Statements are typed in an order in which a binding comes before
its uses, and stand in the graph in the order of the file. Ids are given as nodes are made; `finish` gives them anew in
pre-order where that differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from ..base.diagnostics import Span
from ..ir.expr import Expr, Ref
from ..ir.graph import Call, Compute, FanOut, Item, Node, Output
from ..ir.types import NONE, ListType, Type
from ..values import weight
from . import ast, mends
from .context import Context, Typed, inner_calls, without, wrong
from .dependencies import bound_name, expressions_in, free_names, in_order
from .expressions import Expressions
from .literals import texts_of
from .loops import loop
from .narrowing import facts_of
from .secrets import refuse
from .symbols import Refused, Report, Scope, Secret, Task, Value


class Nodes:
    """Makes the nodes of one module."""

    def __init__(self, report: Report, typing: Expressions, scope: Scope) -> None:
        self.report = report
        self.typing = typing
        self.scope = scope
        """The names of the file."""
        self.body: list[Node] = []
        """Where the next node goes."""
        self.last_id = 0
        self.names: dict[str, int] = {}
        self.calls: dict[int, ast.Call] = {}
        """Where each Call node comes from."""
        self.changed: dict[int, tuple[Task, tuple[ast.Clause, ...]]] = {}
        """Calls with a `with`, to be given their clauses when the tasks are lowered."""
        self.defaults: dict[ast.InputDecl, Typed] = {}
        self._nothing: dict[int, Task] = {}
        """Calls of tasks without a result, and fan-outs of them."""
        self._holds: dict[tuple[ast.Expr, Scope], bool] = {}

    # ---- bookkeeping ----

    def new_id(self) -> int:
        """The next id."""
        self.last_id += 1
        return self.last_id

    def unique(self, name: str) -> str:
        """The name, or `name#2` where it is taken."""
        count = self.names[name] = self.names.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def _line(self, span: Span) -> int:
        return self.report.source.place(span.start)[0]

    def _compute(self, name: str, value: Typed, type_: Type, span: Span, after: tuple[int, ...] = ()) -> int:
        node = self.new_id()
        reads, line = weight.reads(value.expr), self._line(span)
        self.body.append(Compute(id=node, name=name, expr=value.expr, type=type_, reads=reads, after=after, line=line))
        return node

    def _context(self, scope: Scope, name: str) -> Context:
        return Context(scope, nodes=self, name=name)

    # ---- blocks ----

    def block(self, statements: Sequence[ast.Statement], at: Context, top: bool) -> None:
        """The nodes of a block of statements, into `body`; its bindings into the context's scope."""
        order, cycles = in_order(statements, self._defaults_need)
        for cycle in cycles:
            self._report_cycle(cycle, at.scope)
        for statement in statements:
            if isinstance(statement, ast.Binding):
                self._declare(statement, at.scope)
        outer, parts = self.body, dict[ast.Statement, list[Node]]()
        for statement in order:
            self.body = parts[statement] = []
            self._statement(statement, at, top)
        self.body = outer
        for statement in statements:
            outer.extend(parts[statement])

    def _defaults_need(self, name: str) -> list[str]:
        symbol = self.scope.find(name)
        if not isinstance(symbol, Task):
            return []
        return [n for decl, _ in symbol.inputs if decl.default is not None for n in free_names(decl.default)]

    def _declare(self, statement: ast.Binding, scope: Scope) -> None:
        name, span = statement.name.name, statement.name.span
        first = scope.names.get(name)
        if first is not None and first.span != span:
            self.report.error(
                "CSC104",
                span,
                f"`{name}` is bound twice",
                also=[(first.span, "first here")],
                help="a name is bound once; give the new value a name of its own",
            )
        elif first is None:
            scope.names[name] = Refused(name, span)

    def _report_cycle(self, cycle: list[ast.Binding], scope: Scope) -> None:
        ring = [*cycle, cycle[0]]
        text = " → ".join(f"`{b.name.name}`" for b in ring)
        also = [
            (b.name.span, f"`{b.name.name}` needs `{n.name.name}`") for b, n in zip(cycle[1:], ring[2:], strict=True)
        ]
        first = cycle[0]
        label = f"`{first.name.name}` needs `{ring[1].name.name}`"
        if len(cycle) == 1:
            message = f"`{first.name.name}` needs itself"
            self.report.error(
                "CSC106",
                first.name.span,
                message,
                help="a name is bound once; give what it starts from a name of its own",
            )
        else:
            self.report.error(
                "CSC106",
                first.name.span,
                f"these bindings need each other: {text}",
                label=label,
                also=also,
                help="none of them can come first; let one of them do without the next",
            )
        for binding in cycle:
            scope.names[binding.name.name] = Refused(binding.name.name, binding.name.span)

    def _statement(self, statement: ast.Statement, at: Context, top: bool) -> None:
        match statement:
            case ast.Binding():
                self._binding(statement, at)
            case ast.ExprStatement():
                self._alone(statement, at)
            case ast.ForStatement():
                self._for(statement, at)
            case ast.OutputStatement():
                self._output(statement, at, top)
            case ast.IfStatement():
                self.report.unbuilt(statement.condition.span, "`if` as a statement", "`[… for … if …]` filters")
                for branch in (statement.then, statement.otherwise or ()):
                    for inner in branch:
                        name = bound_name(inner)
                        if name is not None:
                            at.scope.names.setdefault(name, Refused(name, inner.span))
            case ast.ReturnStatement():
                self.report.error(
                    "CSC423",
                    statement.span,
                    "`return` stands outside a flow",
                    help="`output NAME = …` gives a result of the run",
                )
            case _:
                assert_never(statement)

    def _binding(self, statement: ast.Binding, at: Context) -> None:
        name, span = statement.name.name, statement.name.span
        symbol = at.scope.names[name]
        if symbol.span != span:
            return
        found = self.node(statement.value, name, at)
        node = found.expr.node if isinstance(found.expr, Ref) else None
        if found.type is None:
            return
        at.scope.names[name] = Value(
            name=name,
            kind="binding",
            span=span,
            expr=found.expr,
            type_=found.type,
            node=node,
            constant=found.constant,
            texts=texts_of(statement.value, at),
        )

    def _alone(self, statement: ast.ExprStatement, at: Context) -> None:
        value = statement.value
        called = value.function.name if isinstance(value, ast.Call) and isinstance(value.function, ast.Name) else None
        if (
            isinstance(value, ast.ListComp)
            and isinstance(value.element, ast.Call)
            and isinstance(value.element.function, ast.Name)
        ):
            called = value.element.function.name
        if self.holds_calls(value, at.scope) and isinstance(value, ast.Call | ast.ListComp):
            self.node(value, called or "for", at)
            return
        found = self.typing.infer(value, at.but(name=called or "value"))
        if found.type is not None:
            self.report.error(
                "CSC215",
                value.span,
                "this value is not used",
                help="bind it, `x = …`, or make it a result, `output x = …`",
            )

    def _output(self, statement: ast.OutputStatement, at: Context, top: bool) -> None:
        name = statement.name.name
        if not top:
            self.report.error(
                "CSC423",
                statement.span,
                "`output` stands at the top level only",
                help="bind the list outside: `xs = [… for …]`",
            )
            return
        found = self.node(statement.value, name, at)
        if found.type is not None and isinstance(found.expr, Ref):
            id_ = self.new_id()
            self.body.append(Output(id=id_, name=name, node=found.expr.node, type=found.type, doc=statement.doc))

    # ---- values ----

    def node(self, expr: ast.Expr, name: str, at: Context, fresh: bool = True) -> Typed:
        """The value of an expression as a node of that name; of a plain name, the node that it stands for.

        An element shares the name of its fan-out: it is not `fresh`.
        """
        if isinstance(expr, ast.Name):
            found = self.typing.infer(expr, at)
            if found.type is None or isinstance(found.expr, Ref):
                return found
        name = self.unique(name) if fresh else name
        at = at.but(name=name)
        if isinstance(expr, ast.Call) and self._makes_node(expr, at.scope):
            return self.call(expr, at, name)
        if isinstance(expr, ast.ListComp) and inner_calls(expr, at.scope, self):
            return self.fan_out(expr, at, name)
        found = self.typing.infer(expr, at)
        if found.type is None or isinstance(found.expr, Ref):
            return found
        return Typed(Ref(self._compute(name, found, found.type, expr.span)), found.type, found.constant)

    def _makes_node(self, call: ast.Call, scope: Scope) -> bool:
        if not isinstance(call.function, ast.Name):
            return False
        symbol = scope.find(call.function.name)
        return isinstance(symbol, Task) or (symbol is None and bool(call.after) and call.clauses is None)

    def holds_calls(self, expr: ast.Expr, scope: Scope) -> bool:
        """The expression calls a task, so that it makes nodes."""
        key = (expr, scope)
        known = self._holds.get(key)
        if known is None:
            known = self._holds[key] = self._find_calls(expr, scope)
        return known

    def _find_calls(self, root: ast.Expr, scope: Scope) -> bool:
        stack: list[tuple[ast.Expr, Scope]] = [(root, scope)]
        while stack:
            expr, inner = stack.pop()
            if isinstance(expr, ast.Call):
                if self._makes_node(expr, inner):
                    return True
                stack.extend((a.value, inner) for a in expr.args)
            elif isinstance(expr, ast.ListComp | ast.DictComp):
                for clause in expr.clauses:
                    stack.append((clause.source, inner))
                    inner = Scope(inner, [Refused(n.name, n.span) for n in clause.names])
                    if clause.condition is not None:
                        stack.append((clause.condition, inner))
                results = (expr.element,) if isinstance(expr, ast.ListComp) else (expr.key, expr.value)
                stack.extend((r, inner) for r in results)
            else:
                stack.extend((e, inner) for e in expressions_in(expr))
        return False

    # ---- calls ----

    def gives_nothing(self, node: int) -> Task | None:
        """The task of a call, or of each call of a fan-out, that has no result; None of any other node."""
        return self._nothing.get(node)

    def call(self, call: ast.Call, at: Context, name: str | None = None) -> Typed:
        """The value of a call's node; of a call inside another expression the node is `x.f`."""
        assert isinstance(call.function, ast.Name)
        called = call.function.name
        symbol = at.scope.find(called)
        after = self._after(call, at)
        if not isinstance(symbol, Task):
            plain = ast.Call(function=call.function, args=call.args, span=call.span)
            found = self.typing.infer(plain, at)
            if found.type is None:
                return found
            node = self._compute(
                name if name is not None else self.unique(f"{at.name}.{called}"), found, found.type, call.span, after
            )
            return Typed(Ref(node), found.type, constant=False)
        args = self._arguments(symbol, call, at)
        if args is None or symbol.result is None:
            return wrong()
        own = name if name is not None else self.unique(f"{at.name}.{called}")
        node = self.new_id()
        line = self._line(call.span)
        self.body.append(Call(id=node, name=own, task=called, args=args, after=after, line=line))
        self.calls[node] = call
        if not symbol.decl.outputs:
            self._nothing[node] = symbol
        if call.clauses is not None:
            for body in call.clauses:
                if isinstance(body, ast.ShBody | ast.ExecBody | ast.PythonBody):
                    help = "`with` replaces clauses; another body is another task"
                    self.report.error("CSC331", body.span, "a call cannot have a body of its own", help=help)
            self.changed[node] = (symbol, tuple(c for c in call.clauses if isinstance(c, ast.Clause)))
        return Typed(Ref(node), symbol.result, constant=False)

    def _after(self, call: ast.Call, at: Context) -> tuple[int, ...]:
        found: dict[int, None] = {}
        for expr in call.after:
            root = expr
            while isinstance(root, ast.Member):
                root = root.subject
            symbol = at.scope.find(root.name) if isinstance(root, ast.Name) else None
            if isinstance(symbol, Value) and symbol.node is not None and symbol.kind != "item":
                found[symbol.node] = None
            elif isinstance(symbol, Value):
                self.report.error(
                    "CSC422",
                    expr.span,
                    f"`{symbol.name}` is not the name of a call",
                    also=[(symbol.span, "bound here")],
                )
            elif isinstance(symbol, Task):
                help = self._call_of(symbol, at.scope) or (
                    f"bind a call of it, `x = {symbol.name}(…)`, and write `after x`"
                )
                self.report.error("CSC422", expr.span, f"`{symbol.name}` is a task, not a call of it", help=help)
            elif isinstance(symbol, Secret):
                refuse(self.report, expr.span, symbol)
            elif symbol is None and isinstance(root, ast.Name):
                self.report.unknown(root.span, "name", root.name, at.scope.known())
        return tuple(found)

    def _call_of(self, task: Task, scope: Scope) -> str | None:
        """The name of a call of a task that is in sight."""
        for name in scope.known():
            known = scope.find(name)
            call = self.calls.get(known.node) if isinstance(known, Value) and known.node is not None else None
            if call is not None and isinstance(call.function, ast.Name) and call.function.name == task.name:
                return f"`{name}` is a call of it: write `after {name}`"
        return None

    def _arguments(self, task: Task, call: ast.Call, at: Context) -> tuple[tuple[str, Expr], ...] | None:
        given = self._placed(task, call)
        sound = given is not None
        values: dict[str, Expr] = {}
        if given is None:
            for argument in call.args:
                self.typing.infer(argument.value, at)
            return None
        for decl, type_, argument in given:
            name = decl.name.name
            what = f"`{name}` of `{task.name}`"
            declared = [] if type_ is None else [(decl.type.span, f"`{name}` is declared as {type_}")]
            typed = self.typing.check(argument.value, type_, at, what, declared, call=call)
            if typed.type is None:
                sound = False
                continue
            values[name] = self._inline(typed, f"{at.name}.{name}", call.span)
        for decl, type_ in task.inputs:
            name = decl.name.name
            if name in values or any(name == d.name.name for d, _, _ in given):
                continue
            default = self._default(task, decl, type_)
            if default is None or default.type is None:
                sound = False
            else:
                values[name] = self._inline(default, f"{at.name}.{name}", call.span)
        if not sound:
            return None
        return tuple((decl.name.name, values[decl.name.name]) for decl, _ in task.inputs)

    def _inline(self, typed: Typed, name: str, span: Span) -> Expr:
        """The expression, or a node of its own where it reads: what reads is evaluated once and recorded."""
        if typed.type is None or not weight.reads(typed.expr):
            return typed.expr
        return Ref(self._compute(self.unique(name), typed, typed.type, span))

    def _default(self, task: Task, decl: ast.InputDecl, type_: Type | None) -> Typed | None:
        if decl.default is None:
            return None
        if decl not in self.defaults:
            where = f"the default of `{decl.name.name}`"
            at = Context(self.scope, forbids_tasks=where, only_constants=where)
            declared = [] if type_ is None else [(decl.type.span, f"declared as {type_}")]
            self.defaults[decl] = self.typing.check(decl.default, type_, at, where, declared)
        return self.defaults[decl]

    def default_of(self, task: Task, decl: ast.InputDecl, type_: Type | None) -> Typed | None:
        """The default of an input, typed once; None where it has none."""
        return self._default(task, decl, type_)

    def _placed(self, task: Task, call: ast.Call) -> list[tuple[ast.InputDecl, Type | None, ast.Arg]] | None:
        """Each argument with its input, in the order of the call; None where they do not match, which is reported."""
        by_name = {decl.name.name: (decl, type_) for decl, type_ in task.inputs}
        signature = f"{task.name}({', '.join(by_name)})"
        declared = [(task.span, f"declared here as {signature}")]
        out: list[tuple[ast.InputDecl, Type | None, ast.Arg]] = []
        seen: dict[str, ast.Arg] = {}
        sound = True
        for number, argument in enumerate(call.args):
            if argument.name is None:
                if number >= len(task.inputs):
                    count = len(task.inputs)
                    wants = f"{count} input{'' if count == 1 else 's'}" if count else "no inputs"
                    self.report.error(
                        "CSC205", argument.span, f"`{task.name}` has {wants}, found {len(call.args)}", also=declared
                    )
                    return None
                decl, type_ = task.inputs[number]
            elif argument.name.name not in by_name:
                self.report.error(
                    "CSC205",
                    argument.name.span,
                    f"`{task.name}` has no input `{argument.name.name}`",
                    also=declared,
                    help=_did_you_mean(argument.name.name, by_name),
                )
                sound = False
                continue
            else:
                decl, type_ = by_name[argument.name.name]
            name = decl.name.name
            if name in seen:
                also = [(seen[name].span, "first here")]
                self.report.error("CSC206", argument.span, f"`{name}` of `{task.name}` is given twice", also=also)
                sound = False
                continue
            seen[name] = argument
            out.append((decl, type_, argument))
        missing = [d.name.name for d, _ in task.inputs if d.default is None and d.name.name not in seen]
        if missing and sound:
            self.report.error(
                "CSC204",
                call.span,
                f"`{task.name}` is called without {', '.join(f'`{m}`' for m in missing)}",
                also=declared,
                help=mends.with_argument(self.typing, call, missing),
            )
            sound = False
        return out if sound else None

    # ---- fan-outs ----

    def fan_out(self, expr: ast.ListComp, at: Context, name: str | None = None) -> Typed:
        """The list of a comprehension whose element or filter makes nodes; inside another expression it is `x.f`."""
        if name is None:
            element = expr.element
            called = (
                element.function.name
                if isinstance(element, ast.Call) and isinstance(element.function, ast.Name)
                else "list"
            )
            name = self.unique(f"{at.name}.{called}")
        return self._level(expr, 0, at.but(name=name), name)

    def _level(self, expr: ast.ListComp, level: int, at: Context, name: str) -> Typed:
        clause = expr.clauses[level]
        opened = self._open(clause.names, clause.source, at, name)
        if opened is None:
            self._look_inside(expr, level, at)
            return wrong()
        id_, source, items, inner = opened
        condition: int | None = None
        outer, self.body = self.body, []
        sound = True
        if clause.condition is not None:
            test = self.typing.condition(clause.condition, inner, "the `if` of a comprehension")
            if test.type is None:
                sound = False
            else:
                condition = self._compute(self.unique(f"{name}.if"), test, test.type, clause.condition.span)
            inner = inner.but(facts=inner.facts | facts_of(clause.condition).true)
        last = level + 1 == len(expr.clauses)
        element = (
            self.node(expr.element, name, inner, fresh=False) if last else self._level(expr, level + 1, inner, name)
        )
        made, self.body = self.body, outer
        if element.type is None or not sound or not isinstance(element.expr, Ref):
            return wrong()
        type_ = ListType(element.type) if last else element.type
        self.body.append(
            FanOut(
                id=id_,
                name=name,
                source=source,
                items=items,
                body=tuple(made),
                result=element.expr.node,
                type=type_,
                condition=condition,
                flatten=not last,
                line=self._line(clause.source.span),
            )
        )
        if element.expr.node in self._nothing:
            self._nothing[id_] = self._nothing[element.expr.node]
        return Typed(Ref(id_), type_, constant=False)

    def _open(
        self, names: tuple[ast.Ident, ...], source: ast.Expr, at: Context, name: str
    ) -> tuple[int, int, tuple[Item, ...], Context] | None:
        """The source of a fan-out as a node, the ids of its own, and the context of its body."""
        found, types = loop(self.typing, names, source, at)
        if types is None or found.type is None:
            return None
        if isinstance(found.expr, Ref):
            source_id = found.expr.node
        else:
            source_id = self._compute(self.unique(f"{name}.in"), found, found.type, source.span)
        id_ = self.new_id()
        items: list[Item] = []
        scope = Scope(at.scope)
        for index, (ident, type_) in enumerate(zip(names, types, strict=True)):
            item = Item(id=self.new_id(), name=ident.name, type=type_, index=index if len(names) > 1 else None)
            items.append(item)
            scope.names[ident.name] = Value(
                name=ident.name, kind="item", span=ident.span, expr=Ref(item.id), type_=type_, node=item.id
            )
        return id_, source_id, tuple(items), at.but(scope=scope, facts=without(at.facts, names))

    def _look_inside(self, expr: ast.ListComp, level: int, at: Context) -> None:
        """Finds what else is wrong in a comprehension whose source is: its own names are not reported again."""
        outer, self.body = self.body, []
        for clause in expr.clauses[level:]:
            at = at.but(scope=Scope(at.scope, [Refused(n.name, n.span) for n in clause.names]))
            if clause.condition is not None:
                self.typing.infer(clause.condition, at)
        self.typing.infer(expr.element, at)
        self.body = outer

    def _for(self, statement: ast.ForStatement, at: Context) -> None:
        name = self.unique("for")
        opened = self._open(statement.names, statement.source, at.but(name=name), name)
        outer, self.body = self.body, []
        if opened is None:
            inner = at.but(scope=Scope(at.scope, [Refused(n.name, n.span) for n in statement.names]))
        else:
            inner = opened[3]
        local = inner.but(scope=Scope(inner.scope))
        self.block(statement.body, local, top=False)
        made, self.body = self.body, outer
        if opened is None:
            return
        id_, source, items, _ = opened
        type_ = ListType(NONE)
        self.body.append(
            FanOut(
                id=id_,
                name=name,
                source=source,
                items=items,
                body=tuple(made),
                result=None,
                type=type_,
                line=self._line(statement.source.span),
            )
        )


def _did_you_mean(name: str, known: dict[str, tuple[ast.InputDecl, Type | None]]) -> str | None:
    from ..base.suggest import did_you_mean

    return did_you_mean(name, known) or ("it has " + ", ".join(f"`{k}`" for k in known) if known else "it has none")
