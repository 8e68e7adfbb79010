"""Declarations of tasks: signatures first, then clauses, outputs and bodies.

Clauses and bodies see the inputs, the outputs, `attempt`, `need`, and the params and constants of the file; the latter
stay references to nodes. Amounts are typed here; whether a unit fits its resource is known when all are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from ..base.diagnostics import Span
from ..base.suggest import did_you_mean
from ..ir.expr import Expr, Lit, Text, Var
from ..ir.graph import (
    CachePolicy,
    Clauses,
    Input,
    OutputSpec,
    Requirement,
    Retry,
    TaskDef,
)
from ..ir.types import (
    DIR,
    DURATION,
    FILE,
    FLOAT,
    INT,
    JSON,
    SIZE,
    STR,
    NeverType,
    OptionalType,
    RecordType,
    Type,
)
from . import ast
from .annotations import Annotations
from .bodies import Bodies
from .context import Context
from .expressions import Expressions
from .nodes import Nodes
from .outputs import Outputs, body_type
from .secrets import alone, refuse_mixed
from .suspect import look
from .symbols import Refused, Report, Scope, Task, Value

RETRY_CAUSES = ("timeout", "killed")
"""Words after `on`, beside exit codes; `killed` is the end by a signal."""
_LAST = RecordType((("mem", SIZE),), name="last")
"""What the last attempt of an instance used: seen by demands and timeouts."""
_BACKOFF_S = (1, 60)


class Amount:
    """A demand as it was written, for the check of its unit."""

    __slots__ = ("resource", "span", "type", "written")

    def __init__(self, resource: str, type_: Type, span: Span, written: bool) -> None:
        self.resource = resource
        self.type = type_
        self.span = span
        self.written = written
        """An amount stands there; else a bare name, which is 1."""


class Tasks:
    """Lowers the tasks of one module."""

    def __init__(self, report: Report, typing: Expressions, annotations: Annotations, scope: Scope) -> None:
        self.report = report
        self.typing = typing
        self.annotations = annotations
        self.scope = scope
        self.amounts: list[Amount] = []
        """All demands, of `with` too."""
        self.outputs = Outputs(report, typing, scope, self._path_context)
        self._specs: dict[str, tuple[OutputSpec, ...]] = {}
        """Outputs of tasks that were lowered."""
        self.granted: dict[str, dict[str, Type]] = {}
        """What `need` holds, by task."""

    # ---- signatures ----

    def signature(self, decl: ast.TaskDecl) -> Task:
        """The types of a task's inputs and of its result."""
        seen: dict[str, Span] = {}
        inputs: list[tuple[ast.InputDecl, Type | None]] = []
        for one in decl.inputs:
            self._once(seen, one.name.name, one.name.span, "input")
            inputs.append((one, self.annotations.type(one.type)))
        for one in decl.outputs:
            if one.name is not None:
                self._once(seen, one.name.name, one.name.span, "output")
        types = [(o.name.name if o.name else "out", self.annotations.type(o.type)) for o in decl.outputs]
        result: Type | None
        if not types:
            from ..ir.types import NONE

            result = NONE
        elif decl.grouped:
            known = [(n, t) for n, t in types if t is not None]
            result = RecordType(tuple(known)) if len(known) == len(types) else None
        else:
            result = types[0][1]
        return Task(decl, tuple(inputs), result)

    def _once(self, seen: dict[str, Span], name: str, span: Span, what: str) -> None:
        if name in seen:
            self.report.error(
                "CSC104", span, f"the {what} `{name}` is declared twice", also=[(seen[name], "first here")]
            )
        seen.setdefault(name, span)

    # ---- the whole task ----

    def lower(self, task: Task, nodes: Nodes, bodies: Bodies) -> TaskDef | None:
        """The task for the graph, None where something in it is wrong."""
        decl = task.decl
        before = len(self.report.findings.errors)
        inputs: list[Input] = []
        for one, type_ in task.inputs:
            default = nodes.default_of(task, one, type_)
            if type_ is not None:
                inputs.append(Input(name=one.name.name, type=type_, default=None if default is None else default.expr))
        body = self._one_body(decl)
        outputs = self._specs[task.name] = self.outputs.lower(task, body)
        clauses = self.clauses(task, decl.clauses)
        shell = next((c for c in decl.clauses if isinstance(c, ast.ShellClause)), None)
        if shell is not None and body is not None and not isinstance(body, ast.ShBody):
            self.report.error("CSC342", shell.span, "`shell` is for `sh` bodies only")
        lowered = None
        if body is not None:
            if len(outputs) == len(decl.outputs):
                self.outputs.check_body(task, outputs, body, clauses is not None and clauses.scratch)
            files = [o.name for o in outputs if o.form == "path"]
            parameters = tuple(dict.fromkeys([*(o.name.name for o, _ in task.inputs), *files, "attempt", "need"]))
            at = self._context(task, outputs, "a task's body", need=True, in_body=True)
            scratch = any(isinstance(c, ast.InClause) and c.folder is None for c in decl.clauses)
            scratch = scratch or decl.torn or any(o.form == "glob" for o in outputs)  # then it may write where it works
            paths = [o.path.value for o in outputs if isinstance(o.path, Lit)]
            lowered = bodies.lower(body, at, parameters, shell, task=task.name, scratch=scratch, outputs=paths)
            if len(self.report.findings.errors) == before and not decl.torn:
                look(self.report, decl, body, outputs)
        if decl.torn or lowered is None or clauses is None or len(self.report.findings.errors) > before:
            return None
        return TaskDef(
            name=task.name,
            inputs=tuple(inputs),
            outputs=outputs,
            record=decl.grouped,
            clauses=clauses,
            body=lowered,
            doc=decl.doc,
            line=self.report.source.place(decl.name.span.start)[0],
        )

    def _one_body(self, decl: ast.TaskDecl) -> ast.Body | None:
        if len(decl.bodies) == 1:
            return decl.bodies[0]
        if decl.torn and not decl.bodies:
            return None
        if not decl.bodies:
            help = 'write `sh "…"`, `exec [ … ]` or `python "…"`'
            self.report.error("CSC332", decl.name.span, f"the task `{decl.name.name}` has no body", help=help)
        else:
            also = [(decl.bodies[0].span, "the first body")]
            self.report.error("CSC332", decl.bodies[1].span, f"the task `{decl.name.name}` has two bodies", also=also)
        return None

    def _context(
        self,
        task: Task,
        outputs: Sequence[OutputSpec],
        where: str,
        *,
        need: bool,
        last: bool = False,
        in_body: bool = False,
    ) -> Context:
        """What the clauses and the body of a task see."""
        scope = Scope(self.scope)
        span = task.span

        def bind(name: str, kind: str, at: Span, type_: Type | None) -> None:
            assert kind in ("input", "output", "attempt", "need", "last")
            scope.names[name] = Value(name=name, kind=kind, span=at, expr=Var(name), type_=type_, constant=True)

        bind("attempt", "attempt", span, INT)
        if last and self.scope.find("last") is None:  # a name of the file stays what it is
            bind("last", "last", span, _LAST)
        if need:
            bind("need", "need", span, self._need(task))
        body = task.decl.bodies[0] if task.decl.bodies else None
        for spec in outputs:
            seen = body_type(spec, task.decl, body)
            if seen is not None:
                bind(spec.name, "output", span, seen)
        for decl in task.decl.outputs:  # `Outputs` has said, or says, why these have no path
            if in_body and decl.name is not None and scope.find(decl.name.name) is None:
                scope.names[decl.name.name] = Refused(decl.name.name, span)
        for one, type_ in task.inputs:
            bind(one.name.name, "input", one.name.span, type_)
        return Context(scope, forbids_tasks=where, only_constants=f"the task `{task.name}`", in_body=in_body)

    def _grant(self, task: Task, resource: str, amount: Type) -> None:
        """Notes the type of what is granted: cores are a float, bytes a size, and what is counted is whole."""
        type_ = {"cpu": FLOAT, "mem": SIZE, "gpu": INT}.get(resource) or (amount if amount in (SIZE, JSON) else INT)
        self.granted.setdefault(task.name, {"cpu": FLOAT})[resource] = type_

    def _need(self, task: Task) -> Type:
        if task.decl.torn:
            return JSON  # a clause is missing, which may have been `requires`
        return RecordType(tuple(self.granted.get(task.name, {"cpu": FLOAT}).items()), name="need")

    def _path_context(self, task: Task) -> Context:
        return self._context(task, (), "an output's path", need=False)

    # ---- clauses ----

    def clauses(self, task: Task, given: Sequence[ast.Clause], base: Clauses | None = None) -> Clauses | None:
        """The clauses of a task, or of a call over those of its task (`base`); None where one is wrong."""
        before = len(self.report.findings.errors)
        self._refuse_repeated(given)
        at = self._context(task, (), "a clause of a task", need=False)
        demands = self._context(task, (), "a clause of a task", need=False, last=True)
        requires = {r.resource: r for r in base.requires} if base else {}
        found = base or Clauses()
        retry, timeout, priority = found.retry, found.timeout, found.priority
        env, secrets = dict(found.env), dict(found.secrets)
        tags, workdir, scratch, cache = found.tags, found.workdir, found.scratch, found.cache
        for clause in sorted(given, key=lambda c: not isinstance(c, ast.RequiresClause)):  # `need` is known by them
            match clause:
                case ast.RequiresClause():
                    requires.update(self._requires(task, clause, demands))
                case ast.RetryClause():
                    retry = self._retry(clause, at)
                case ast.TimeoutClause():
                    timeout = self._duration(clause.duration, demands, "`timeout`")
                case ast.CacheClause():
                    cache = self._cache(clause, at)
                case ast.EnvClause():
                    specs = self._specs.get(task.name, ())
                    values = self._context(task, specs, "a clause of a task", need=True, in_body=True)
                    self._env(clause, values, env, secrets)
                case ast.PriorityClause():
                    priority = self.typing.check(clause.value, INT, at, "`priority`").expr
                case ast.TagClause():
                    tags = tuple(dict.fromkeys(t.name for t in clause.tags))
                case ast.InClause(folder=None):
                    scratch, workdir = True, None
                case ast.InClause(folder=folder):
                    assert folder is not None
                    inside = self._context(task, (), "a clause of a task", need=True)
                    scratch, workdir = False, self._folder(folder, inside)
                case ast.LimitClause():
                    if base is not None:
                        help = f"write `limit task:{task.name} …`, or a `tag`"
                        self.report.error("CSC331", clause.span, "a call cannot have a limit of its own", help=help)
                case ast.ShellClause():
                    if base is not None:
                        self.report.error("CSC331", clause.span, "a call cannot choose another shell")
                case _:
                    assert_never(clause)
        if len(self.report.findings.errors) > before:
            return None
        if "cpu" not in requires:
            requires = {"cpu": Requirement(resource="cpu", amount=Lit(1)), **requires}
        return Clauses(
            requires=tuple(requires.values()),
            retry=retry,
            timeout=timeout,
            env=tuple(env.items()),
            secrets=tuple(secrets.items()),
            priority=priority,
            tags=tags,
            workdir=workdir,
            scratch=scratch,
            cache=cache,
        )

    def _refuse_repeated(self, given: Sequence[ast.Clause]) -> None:
        seen: dict[type, ast.Clause] = {}
        for clause in given:
            first = seen.setdefault(type(clause), clause)
            if first is not clause and not isinstance(clause, ast.LimitClause):
                word = self.typing.source_text(clause.span).split(None, 1)[0]
                also = [(first.span, "first here")]
                self.report.error("CSC331", clause.span, f"`{word}` is said twice", also=also, help="keep one of them")

    def _requires(self, task: Task, clause: ast.RequiresClause, at: Context) -> dict[str, Requirement]:
        out: dict[str, Requirement] = {}
        places: dict[str, Span] = {}
        for item in clause.items:
            name = item.resource.name
            if name in places:
                also = [(places[name], "first here")]
                self.report.error("CSC331", item.span, f"`requires {name}` is said twice", also=also)
                continue
            places[name] = item.resource.span
            if item.amount is None:
                self.amounts.append(Amount(name, INT, item.span, written=False))
                self._grant(task, name, INT)
                out[name] = Requirement(resource=name, amount=Lit(1))
                continue
            found = self.typing.infer(item.amount, at)
            if found.type is None:
                self._grant(task, name, JSON)
                continue
            if found.type not in (INT, FLOAT, SIZE, JSON) and not isinstance(found.type, NeverType):
                help = "sizes have units, `4GB`; everything else is a number"
                message = f"`requires {name}` wants an amount, found {found.type}"
                self.report.error("CSC201", item.amount.span, message, help=help)
                continue
            if isinstance(found.expr, Lit) and not isinstance(found.expr.value, bool) and found.expr.value < 0:
                self.report.error("CSC330", item.amount.span, f"`requires {name}` cannot be negative")
            self.amounts.append(Amount(name, found.type, item.amount.span, written=True))
            self._grant(task, name, found.type)
            out[name] = Requirement(resource=name, amount=found.expr)
        return out

    def _duration(self, expr: ast.Expr, at: Context, what: str) -> Expr:
        found = self.typing.check(expr, DURATION, at, what)
        if isinstance(found.expr, Lit) and found.type is not None and found.expr.value <= 0:
            self.report.error("CSC330", expr.span, f"{what} must be longer than 0s")
        return found.expr

    def _retry(self, clause: ast.RetryClause, at: Context) -> Retry:
        low: Expr = Lit(_BACKOFF_S[0])
        high: Expr = Lit(_BACKOFF_S[1])
        if clause.backoff_min is not None:
            low = high = self.typing.check(clause.backoff_min, DURATION, at, "`backoff`").expr
        if clause.backoff_max is not None:
            high = self.typing.check(clause.backoff_max, DURATION, at, "`backoff`").expr
            if (
                isinstance(low, Lit)
                and isinstance(high, Lit)
                and low.value is not None
                and high.value is not None
                and low.value > high.value
            ):
                self.report.error(
                    "CSC330", clause.backoff_max.span, "the upper bound of `backoff` is below the lower one"
                )
        count = self.typing.check(clause.count, INT, at, "`retry`").expr
        for cause in clause.on:
            if isinstance(cause.cause, str) and cause.cause not in RETRY_CAUSES:
                help = (
                    did_you_mean(cause.cause, RETRY_CAUSES) or "one of " + ", ".join(RETRY_CAUSES) + ", or an exit code"
                )
                self.report.error("CSC333", cause.span, f"`on {cause.cause}` is no cause of a failure", help=help)
        return Retry(count=count, backoff_min=low, backoff_max=high, on=tuple(c.cause for c in clause.on))

    def _cache(self, clause: ast.CacheClause, at: Context) -> CachePolicy:
        ttl = None if clause.ttl is None else self._duration(clause.ttl, at, "`cache`")
        by = None if clause.by is None else self.typing.infer(clause.by, at).expr
        return CachePolicy(mode="off" if clause.off else "on", ttl=ttl, by=by)

    def _env(self, clause: ast.EnvClause, at: Context, env: dict[str, Expr], secrets: dict[str, str]) -> None:
        """Adds the variables of a clause: an expression or a secret in place of what the task's own clause had."""
        places: dict[str, Span] = {}
        for entry in clause.entries:
            name = entry.name.name
            if name in places:
                also = [(places[name], "first here")]
                self.report.error("CSC104", entry.name.span, f"the variable `{name}` is given twice", also=also)
            places[name] = entry.name.span
            env.pop(name, None)
            secrets.pop(name, None)
            secret = alone(entry.value, at.scope)
            if secret is not None:
                secrets[name] = secret.name
                continue
            if refuse_mixed(self.report, entry.value, at.scope):
                continue
            found = self.typing.infer(entry.value, at)
            if isinstance(found.type, OptionalType):
                text = self.typing.source_text(entry.value.span)
                help = f'say what then: `{text} ?? ""`'
                self.report.error(
                    "CSC201", entry.value.span, f"a variable wants a value, found {found.type}", help=help
                )
            env[name] = found.expr if found.type in (STR, FILE, DIR) else Text((found.expr,))

    def _folder(self, expr: ast.Expr, at: Context) -> Expr:
        found = self.typing.infer(expr, at)
        if found.type is not None and found.type not in (STR, DIR, JSON):
            self.typing.mismatch(expr, STR, found.type, at, "`in`")
        return found.expr
