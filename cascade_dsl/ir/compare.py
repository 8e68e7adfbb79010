"""Two texts of one program: whether a run of the first may go on with the second, and what that changes.

Reads two verified graphs; gives `Comparison`. What a live run can take is what stands in a task (its body and clauses),
the limits of the file, and the expressions of values and arguments. What it cannot take is another shape: nodes, what they
wait for, types, inputs, outputs. A graph that is taken has node for node the same ids, so that every instance of the run
keeps its name. Line numbers and comments are no change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ..base.quantity import duration_ns, show_duration, show_size
from .expr import Expr, Lit, Text, refs
from .graph import (
    Body,
    Call,
    Clauses,
    Compute,
    ExecBody,
    FanOut,
    Graph,
    Node,
    Output,
    Param,
    PythonBody,
    PythonFunction,
    Retry,
    ShellBody,
    TaskDef,
    walk,
)
from .notation import expr_text
from .requirement import Limit
from .text import bound_items, limit_text

Unit: TypeAlias = Literal["", "duration", "bytes"]
_LINES_SHOWN = 3
_WIDE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that a live run takes. `nodes` are the calls and values for which it holds; none: the limits of the file."""

    subject: str
    """`align`: a task, a binding, or `limits`."""
    text: str
    """`timeout 10m → 20m`, on one line but for the lines of a body."""
    nodes: tuple[int, ...] = ()
    redone: bool = False
    """What is finished would run again in a new run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is another in the second graph. With `refused`, a sentence each, nothing of it can be taken."""

    changes: tuple[Change, ...]
    refused: tuple[str, ...]


def compare(old: Graph, new: Graph) -> Comparison:
    """What a run of `old` would have to take to become one of `new`."""
    work = _Comparing(old, new)
    work.shape(old.nodes, new.nodes, "")
    if not work.refused:
        work.nodes(old.nodes, new.nodes, "")
    if not work.refused:
        work.tasks()
    if not work.refused:
        work.texts()
    if work.refused:
        return Comparison(changes=(), refused=tuple(dict.fromkeys(work.refused)))
    return Comparison(changes=tuple(work.changes), refused=())


class _Comparing:
    def __init__(self, old: Graph, new: Graph) -> None:
        self.old, self.new = old, new
        self.before = {t.name: t for t in old.tasks}
        self.after = {t.name: t for t in new.tasks}
        self.names: dict[int, str] = {}
        for node in (n for graph in (new, old) for n in walk(graph.nodes)):
            self.names |= {each.id: each.name for each in (node, *bound_items(node))}
        self.params = {node.id for node in old.nodes if isinstance(node, Param)}
        self.refused: list[str] = []
        self.changes: list[Change] = []

    # -- what cannot change ---------------------------------------------------------------------------------------

    def shape(self, old: Sequence[Node], new: Sequence[Node], within: str) -> None:
        """Which nodes a body has, and the bodies in it."""
        before, after = [_what(n, within) for n in old], [_what(n, within) for n in new]
        if before != after:
            gone = _told([w for w in before if w not in after])
            come = _told([w for w in after if w not in before])
            self.refused += [f"{what} is new" for what in come]
            self.refused += [f"{what} is gone" for what in gone]
            if not gone and not come:
                self.refused.append(
                    "what the program binds stands in another order" if not within else f"{within} has another order"
                )
            return
        for one, other in zip(old, new, strict=True):
            if isinstance(one, FanOut) and isinstance(other, FanOut):
                self.shape(one.body, other.body, f"`{other.name}`")

    def nodes(self, old: Sequence[Node], new: Sequence[Node], within: str) -> None:
        """The same nodes, one by one."""
        for one, other in zip(old, new, strict=True):
            self.node(one, other, _what(other, within))

    def node(self, old: Node, new: Node, what: str) -> None:
        match old, new:
            case Param(), Param():
                if old.type != new.type:
                    self.refused.append(f"{what} is of another type: {old.type} before, {new.type} now")
            case Compute(), Compute():
                if old.type != new.type:
                    self.refused.append(f"{what} is of another type: {old.type} before, {new.type} now")
                self.waits(what, refs(old.expr), refs(new.expr), old.after, new.after)
            case Call(), Call():
                if old.task != new.task:
                    self.refused.append(f"{what} calls `{new.task}`, it called `{old.task}` before")
                    return
                self.waits(what, _arg_refs(old), _arg_refs(new), old.after, new.after)
            case Output(), Output():
                if old.node != new.node:
                    self.refused.append(f"{what} gives another value")
                elif old.type != new.type:
                    self.refused.append(f"{what} is of another type: {old.type} before, {new.type} now")
            case FanOut(), FanOut():
                if _frame(old) != _frame(new):
                    self.refused.append(f"{what} goes over, keeps or gives something else")
                self.nodes(old.body, new.body, f"`{new.name}`")
            case _:
                if old != new:
                    self.refused.append(f"{what} is another")

    def waits(
        self, what: str, old: Iterable[int], new: Iterable[int], after: tuple[int, ...], after_now: tuple[int, ...]
    ) -> None:
        before, now = {*old, *after}, {*new, *after_now}
        if before != now:
            came = ", ".join(f"`{self.name(n)}`" for n in sorted(now - before))
            went = ", ".join(f"`{self.name(n)}`" for n in sorted(before - now))
            said = [f"needs {came} now"] if came else []
            said += [f"needs {went} no longer"] if went else []
            self.refused.append(f"{what} {' and '.join(said)}")

    def tasks(self) -> None:
        for name in self.called():
            old, new = self.before[name], self.after.get(name)
            if new is None:
                self.refused.append(f"the task `{name}` is gone")
                continue
            told = [(i.name, str(i.type)) for i in old.inputs], [(i.name, str(i.type)) for i in new.inputs]
            if told[0] != told[1]:
                self.refused.append(
                    f"the task `{name}` has other inputs: {_typed(told[0])} before, {_typed(told[1])} now"
                )
            if (old.record, old.outputs) != (new.record, new.outputs):
                self.refused.append(f"the task `{name}` has other outputs")
            if old.folder != new.folder:
                self.refused.append(f"the task `{name}` stands in another folder")
        self.refused += [
            f"the secret `{name}` is new: secrets are read when a run begins"
            for name in self.new.secrets
            if name not in self.old.secrets
        ]
        kinds = {r.name: r.dimension for r in self.old.resources}
        for resource in self.new.resources:
            if kinds.get(resource.name, resource.dimension) != resource.dimension:
                self.refused.append(f"`{resource.name}` is counted in another unit")

    def called(self) -> list[str]:
        """The tasks that the run calls, in the order of the program."""
        called = {node.task for node in walk(self.old.nodes) if isinstance(node, Call)}
        return [t.name for t in self.old.tasks if t.name in called]

    def late(self, what: str, old: Iterable[Expr], new: Iterable[Expr]) -> bool:
        """Refuses a text that uses a value for which nobody has waited; what is a param is there from the start."""
        known = {n for e in old for n in refs(e)} | self.params
        more = sorted({n for e in new for n in refs(e)} - known)
        for node in more:
            self.refused.append(
                f"{what} uses `{self.name(node)}` now, which it did not before: it does not wait for it"
            )
        return bool(more)

    # -- what can -------------------------------------------------------------------------------------------------

    def texts(self) -> None:
        calls = [node for node in walk(self.old.nodes) if isinstance(node, Call)]
        for name in self.called():
            old, new = self.before[name], self.after[name]
            own = tuple(c.id for c in calls if c.task == name)
            plain = tuple(c.id for c in calls if c.task == name and c.clauses is None)
            if not self.late(f"the task `{name}`", _expressions(old), _expressions(new)):
                self.body(name, old.body, new.body, own)
                self.clauses(name, old.clauses, new.clauses, plain)
        later = {node.id: node for node in walk(self.new.nodes)}
        for node in walk(self.old.nodes):
            other = later[node.id]
            if isinstance(node, Compute) and isinstance(other, Compute) and node.expr != other.expr:
                self.add(node.name, _arrow("", self.text(node.expr), self.text(other.expr)), (node.id,), redone=True)
            elif isinstance(node, Call) and isinstance(other, Call):
                self.call(node, other)
        self.limits()

    def call(self, old: Call, new: Call) -> None:
        for (name, before), (_, after) in zip(old.args, new.args, strict=True):
            if before != after:
                self.add(
                    new.name, _arrow(f"argument {name}", self.text(before), self.text(after)), (old.id,), redone=True
                )
        if old.clauses is None and new.clauses is None:
            return
        before = old.clauses or self.before[old.task].clauses
        after = new.clauses or self.after[new.task].clauses
        if before != after and not self.late(f"`{new.name}`", _clause_expressions(before), _clause_expressions(after)):
            self.clauses(new.name, before, after, (old.id,))

    def body(self, name: str, old: Body, new: Body, nodes: tuple[int, ...]) -> None:
        if _placeless(old) == _placeless(new):
            return
        before, after = list(self.lines(old)), list(self.lines(new))
        self.add(name, "\n".join(["body", *_difference(before, after)]), nodes, redone=True)

    def clauses(self, subject: str, old: Clauses, new: Clauses, nodes: tuple[int, ...]) -> None:
        for resource in dict.fromkeys(r.resource for c in (old, new) for r in c.requires):
            before, after = (next((r.amount for r in c.requires if r.resource == resource), None) for c in (old, new))
            unit: Unit = "bytes" if resource in self.sizes() else ""
            self.clause(subject, f"requires {resource}", before, after, nodes, unit=unit)
        if old.retry != new.retry:
            self.add(subject, _arrow("retry", self.retry(old.retry), self.retry(new.retry)), nodes)
        self.clause(subject, "timeout", old.timeout, new.timeout, nodes, unit="duration")
        self.clause(subject, "priority", old.priority, new.priority, nodes)
        if old.tags != new.tags:
            self.add(subject, _arrow("tags", ", ".join(old.tags) or "none", ", ".join(new.tags) or "none"), nodes)
        self.clause(subject, "in", old.workdir, new.workdir, nodes, redone=True)
        for name in dict.fromkeys(n for c in (old, new) for n, _ in c.env):
            self.clause(subject, f"env {name}", dict(old.env).get(name), dict(new.env).get(name), nodes, redone=True)
        if old.scratch != new.scratch:
            self.add(subject, "in scratch" if new.scratch else "no longer in scratch", nodes, redone=True)
        if old.secrets != new.secrets:
            self.add(subject, "secrets", nodes, redone=True)
        if old.cache != new.cache:
            self.add(subject, "cache", nodes)

    def clause(
        self,
        subject: str,
        what: str,
        old: Expr | None,
        new: Expr | None,
        nodes: tuple[int, ...],
        *,
        unit: Unit = "",
        redone: bool = False,
    ) -> None:
        if old != new:
            before, after = ("none" if e is None else self.text(e, unit) for e in (old, new))
            self.add(subject, _arrow(what, before, after), nodes, redone=redone)

    def limits(self) -> None:
        old, new = ({_identity(limit): replace(limit, line=0) for limit in g.limits} for g in (self.old, self.new))
        for identity in dict.fromkeys((*old, *new)):
            before, after = old.get(identity), new.get(identity)
            if before == after:
                continue
            if before is None or after is None:
                text = (
                    f"{limit_text(self.new, after)} is new"
                    if after
                    else f"{limit_text(self.old, before)} is gone"
                    if before
                    else ""
                )
            else:
                text = f"{limit_text(self.old, before)} → {limit_text(self.new, after)}"
            self.add("limits", text, ())

    # -- words ----------------------------------------------------------------------------------------------------

    def add(self, subject: str, text: str, nodes: tuple[int, ...], *, redone: bool = False) -> None:
        self.changes.append(Change(subject=subject, text=text, nodes=nodes, redone=redone))

    def name(self, node: int) -> str:
        return self.names.get(node, f"@{node}")

    def text(self, expr: Expr, unit: Unit = "") -> str:
        value = expr.value if isinstance(expr, Lit) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            if unit == "duration":
                return show_duration(duration_ns(value))
            if unit == "bytes":
                return show_size(int(value))
        return _cut(expr_text(expr, self.name))

    def retry(self, retry: Retry | None) -> str:
        if retry is None:
            return "none"
        low, high = self.text(retry.backoff_min, "duration"), self.text(retry.backoff_max, "duration")
        text = f"{self.text(retry.count)} backoff {low}..{high}"
        return f"{text} on {', '.join(map(str, retry.on))}" if retry.on else text

    def sizes(self) -> set[str]:
        return {"mem"} | {r.name for r in self.new.resources if r.dimension == "bytes"}

    def lines(self, body: Body) -> Iterator[str]:
        """A body as a person would read it."""
        match body:
            case ShellBody():
                if body.shell is not None:
                    yield f"shell {body.shell}"
                shown = [
                    part if isinstance(part, str) else "{{" + self.text(_bare(body.values[part.value].expr)) + "}}"
                    for part in body.parts
                ]
                yield from "".join(shown).strip("\n").split("\n")
            case ExecBody():
                yield f"exec [{', '.join(map(self.text, body.words))}]"
            case PythonBody():
                yield from body.source.strip("\n").split("\n")
                yield from (f"{v.name} = {self.text(v.expr)}" for v in body.values)
            case PythonFunction():
                yield f"python {body.path or body.module}:{body.function}"
                yield from (f"{v.name} = {self.text(v.expr)}" for v in body.values)


def _what(node: Node, within: str) -> str:
    """What a node is to a person: the same for two nodes where one may stand for the other."""
    inside = f" in {within}" if within else ""
    match node:
        case Param():
            return f"the param `{node.name}`"
        case Output():
            return f"the output `{node.name}`"
        case Call():
            return f"the call `{node.name}`{inside}"
        case FanOut():
            return f"the list `{node.name}`{inside}"
        case _:
            return f"the value `{node.name}`{inside}"


def _told(whats: list[str]) -> list[str]:
    """The value that an output names goes without saying."""
    outputs = {w.replace("the output", "the value", 1) for w in whats if w.startswith("the output")}
    return [w for w in whats if w not in outputs]


def _frame(node: FanOut) -> tuple[object, ...]:
    """What a list is apart from its body."""
    items = tuple((i.id, i.name, i.type, i.index) for i in node.items)
    return (
        node.id,
        node.source,
        items,
        node.result,
        node.type,
        node.condition,
        node.flatten,
        node.captures,
        node.after,
    )


def _arg_refs(call: Call) -> tuple[int, ...]:
    return tuple(node for _, expr in call.args for node in refs(expr))


def _clause_expressions(clauses: Clauses) -> list[Expr]:
    found = [r.amount for r in clauses.requires] + [e for _, e in clauses.env]
    found += [e for e in (clauses.timeout, clauses.priority, clauses.workdir, clauses.cache.ttl, clauses.cache.by) if e]
    if clauses.retry is not None:
        found += [clauses.retry.count, clauses.retry.backoff_min, clauses.retry.backoff_max]
    return found


def _expressions(task: TaskDef) -> list[Expr]:
    match task.body:
        case ShellBody(values=values):
            found = [v.expr for v in values]
        case ExecBody(words=words):
            found = list(words)
        case PythonBody(values=values) | PythonFunction(values=values):
            found = [v.expr for v in values]
    return found + _clause_expressions(task.clauses)


def _placeless(body: Body) -> Body:
    match body:
        case ShellBody():
            return replace(body, line=0)
        case PythonBody():
            return replace(body, line=0, file="")
        case _:
            return body


def _identity(limit: Limit) -> tuple[object, ...]:
    return (limit.scope, limit.kind, limit.by_text, limit.window)


def _typed(inputs: Sequence[tuple[str, str]]) -> str:
    return "(" + ", ".join(f"{name}: {type_}" for name, type_ in inputs) + ")"


def _arrow(what: str, before: str, after: str) -> str:
    return f"{what} {before} → {after}".strip()


def _bare(expr: Expr) -> Expr:
    """What stands between the braces of a script, where the compiler makes text of it."""
    return (
        expr.parts[0]
        if isinstance(expr, Text) and len(expr.parts) == 1 and not isinstance(expr.parts[0], str)
        else expr
    )


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDE else text[: _WIDE - 1] + "…"


def _difference(old: list[str], new: list[str]) -> list[str]:
    """The lines that went and came, from the first that differs to the last; of many the first."""
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    out: list[str] = []
    for sign, lines in (("-", old), ("+", new)):
        out += [f"{sign} {_line(line)}" for line in lines[:_LINES_SHOWN]]
        if len(lines) > _LINES_SHOWN:
            out.append(f"{sign} … {len(lines) - _LINES_SHOWN} more lines")
    return out


def _line(text: str) -> str:
    text = "".join(c if c.isprintable() else "�" for c in text.expandtabs(2)).rstrip()
    return text if len(text) <= _WIDE else text[: _WIDE - 1] + "…"
