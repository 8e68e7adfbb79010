"""The graph template: what a program compiles to. Never expanded; instances are `(template id, path)`.

Node = Param | Item | Compute | Call | Output | Region. Region = FanOut | Flow | Branch | Try | Repeat | Finally, each
with a body graph, explicit captures and one result. Template ids are unique in the whole template and given in
pre-order; references may point to nodes of the same body or of an enclosing one, in any textual order but without
a cycle. An instance's path holds a source index for each enclosing FanOut and a round for each Repeat, outermost
first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .expr import Expr
from .requirement import Limit, Resource
from .types import Type

GRAPH_SCHEMA = 2

NodeKey: TypeAlias = tuple[int, ...]
"""A node instance: the template id followed by the path."""


# ---- tasks ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input of a task. `default` may use `Ref`s to params and constants of the file."""

    name: str
    type: Type
    default: Expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """An output of a task. An optional type (`file?`, `int?`) is none where the body gave nothing.

    `value`: standard output parsed by type, or what a python body returns; in a record of outputs, of a shell or exec
    body, what it writes at a scratch path. `path`: a file or dir that the body writes at its scratch path; published at
    `path` (an expression over inputs that gives text, relative to the graph's base folder) where given, else kept in the
    run's store. `glob`: the files (or folders) that match `path` and were written by the attempt, in the scratch folder
    of an attempt that has one and else in the base folder; what an expression gives in `path`, a `Text`, stands for itself.
    """

    name: str
    """`out` where the program gives none."""
    type: Type
    form: Literal["value", "path", "glob"]
    path: Expr | None = None
    temp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Attempts after the first. Amounts are expressions; the bounds are durations (seconds). `on` empty: every failure."""

    count: Expr
    backoff_min: Expr
    backoff_max: Expr
    on: tuple[int | str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A declared demand on a resource: an expression over the inputs, in the unit that programs see (cores, bytes, count)."""

    resource: str
    amount: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """`off`: always run. `ttl`: how long a result is good, seconds. `by`: an expression that joins the key."""

    mode: Literal["on", "off"] = "on"
    ttl: Expr | None = None
    by: Expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clauses:
    """What a call asks for beside its arguments; expressions see the inputs (`Var`), `attempt` and constants (`Ref`)."""

    requires: tuple[Requirement, ...] = ()
    """Always has a row for `cpu`."""
    retry: Retry | None = None
    timeout: Expr | None = None
    env: tuple[tuple[str, Expr], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    """(variable of the environment, name of the secret)."""
    priority: Expr | None = None
    tags: tuple[str, ...] = ()
    workdir: Expr | None = None
    """Relative to the folder of the task's file; None: that folder."""
    scratch: bool = False
    cache: CachePolicy = CachePolicy()


Where: TypeAlias = Literal["word", "double", "single", "ansi", "here", "arith", "subscript", "raw"]
"""What a place of a script stands in: outside quotes, `"…"`, `'…'`, `$'…'`, a here-document, arithmetic, a subscript;
`raw`: it is text of the script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellValue:
    """A value of a `sh` body: the variable that the prelude sets, and whether it is a list of words."""

    variable: str
    expr: Expr
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class ShellPlace:
    """Where a value stands in a script: its index, and what is around it. A list stands in a `word` only."""

    value: int
    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellBody:
    """A script in pieces: text as it stands, and places at which a reference to a value is put for the shell that is there."""

    parts: tuple[str | ShellPlace, ...]
    values: tuple[ShellValue, ...] = ()
    shell: str | None = None
    """The words of a `shell "…"` clause; None: bash -euo pipefail, or sh -eu where there is no bash."""
    only_bash: str = ""
    """Why its places are sound in bash alone; empty where they are in every sh."""
    line: int = 0
    """Where the script's first line stands in the file, from 1; 0 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecBody:
    """A command without a shell. An argument that is a list (per its flag) becomes one word for each item."""

    words: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonValue:
    """A param or constant of the file that a python body may use by its name."""

    name: str
    expr: Expr
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonBody:
    """The text of the body of a function whose parameters are the inputs, file outputs, `attempt`, `need` and `values`, those
    params and constants that it uses. `line` is where it starts, for tracebacks.
    """

    source: str
    file: str = ""
    line: int = 1
    values: tuple[PythonValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonFunction:
    """`path.py:function` (`path` relative to the graph's base folder) or `package.module:function`.

    It is given those of `values` that its signature names; where the compiler saw the signature, these are all of them.
    """

    function: str
    path: str | None = None
    module: str | None = None
    values: tuple[PythonValue, ...] = ()


Body: TypeAlias = ShellBody | ExecBody | PythonBody | PythonFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDef:
    """A task: its signature, clauses and body. Limits in a task stand in `Graph.limits` with scope `task:NAME`."""

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[OutputSpec, ...]
    record: bool = False
    """True where the outputs were written in parentheses: the value is a record of them."""
    clauses: Clauses
    body: Body
    folder: str = ""
    """The folder of the file that defines it, relative to the graph's base folder."""
    doc: str = ""
    line: int = 0
    """The line of its name in the file, from 1, for messages at run time; 0 where there is none."""

    @property
    def result(self) -> Type:
        """The type of a call's value."""
        from .types import NONE, RecordType

        if self.record:
            return RecordType(tuple((o.name, o.type) for o in self.outputs))
        return self.outputs[0].type if self.outputs else NONE


# ---- nodes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """An input of the run. Its value is known when the run starts."""

    id: int
    name: str
    type: Type
    default: Expr | None = None
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What a region binds in its body: element `index` of the item where it is unpacked, the whole item where None."""

    id: int
    name: str
    type: Type
    index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """A pure expression, evaluated by the interpreter at most once a run for each instance, its result recorded."""

    id: int
    name: str
    expr: Expr
    type: Type
    reads: bool = False
    """It uses a function that reads: evaluated in a worker."""
    after: tuple[int, ...] = ()
    line: int = 0
    """Where the expression begins, as in TaskDef."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a task: the node that does work. `clauses` replaces the task's where the call has a `with`."""

    id: int
    name: str
    task: str
    args: tuple[tuple[str, Expr], ...]
    """One for each input, in the order of the signature, defaults filled in."""
    after: tuple[int, ...] = ()
    clauses: Clauses | None = None
    line: int = 0
    """Where the call begins, as in TaskDef."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A result of the run: the value of another node."""

    id: int
    name: str
    node: int
    type: Type
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """A comprehension or `for` over the list that `source` gives.

    `items` are the bindings, each an `Item` node (of the enclosing numbering, not part of `body`). `condition` is a
    Compute node of the body that answers keep or drop; all nodes of the body that it does not need wait for it.
    `result` is the node of the body (or an outer node, or an item) whose value is the element; None for a `for`
    statement. `flatten`: `result` is itself a FanOut, whose lists are joined. The value is a list, in the order of the
    source. Where `source` is a FanOut of the same body, elements stream.
    """

    id: int
    name: str
    source: int
    items: tuple[Item, ...]
    body: tuple[Node, ...]
    result: int | None
    type: Type
    """The type of the gathered list."""
    condition: int | None = None
    flatten: bool = False
    captures: tuple[int, ...] = ()
    """Nodes of enclosing bodies that this body uses, ascending."""
    after: tuple[int, ...] = ()
    line: int = 0
    """Where what it goes over begins, as in TaskDef."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A call of a flow, expanded into its own nodes: `params` bind the arguments in the body."""

    id: int
    name: str
    flow: str
    args: tuple[tuple[str, Expr], ...]
    items: tuple[Item, ...]
    body: tuple[Node, ...]
    result: int | None
    type: Type
    captures: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Two bodies of which one runs. `condition` is a Compute node of the enclosing body."""

    id: int
    name: str
    condition: int
    then: tuple[Node, ...]
    then_result: int | None
    otherwise: tuple[Node, ...]
    otherwise_result: int | None
    type: Type
    captures: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """`try f(a) else d`: `error` is bound in `otherwise`, which runs only where the body failed for good."""

    id: int
    name: str
    body: tuple[Node, ...]
    result: int
    error: Item
    otherwise: tuple[Node, ...]
    otherwise_result: int | None
    type: Type
    captures: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A bounded loop: `variable` and `round` are bound in the body, `condition` is tested before each round."""

    id: int
    name: str
    initial: int
    variable: Item
    round: Item
    condition: int
    maximum: Expr
    maximum_ok: bool = False
    every: Expr | None = None
    body: tuple[Node, ...]
    result: int
    type: Type
    captures: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finally:
    """Calls at the end, whatever happened. `run` binds status, failures and outputs."""

    id: int
    name: str
    run: Item
    body: tuple[Node, ...]
    captures: tuple[int, ...] = ()


Region: TypeAlias = FanOut | Flow | Branch | Try | Repeat | Finally
Node: TypeAlias = Param | Item | Compute | Call | Output | FanOut | Flow | Branch | Try | Repeat | Finally


# ---- the whole --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDigest:
    """A file that the graph was compiled from: its path relative to the base folder and a blake2b of its bytes."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A compiled program."""

    name: str
    """The stem of the file."""
    file: str
    """The path of the file, relative to the base folder."""
    tasks: tuple[TaskDef, ...]
    resources: tuple[Resource, ...]
    limits: tuple[Limit, ...]
    """The file layer, in the order of the file."""
    nodes: tuple[Node, ...]
    sources: tuple[SourceDigest, ...] = ()
    secrets: tuple[str, ...] = ()
    doc: str = ""

    def task(self, name: str) -> TaskDef:
        """The task of that name; KeyError where there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)


def bodies(node: Node) -> tuple[tuple[Node, ...], ...]:
    """The body graphs of a node, none for one that is no region."""
    match node:
        case FanOut() | Flow() | Repeat() | Finally():
            return (node.body,)
        case Branch():
            return (node.then, node.otherwise)
        case Try():
            return (node.body, node.otherwise)
        case _:
            return ()


def walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """All nodes of a body and of the bodies in it, in pre-order; bound items are not visited."""
    stack: list[Node] = list(reversed(nodes))
    while stack:
        node = stack.pop()
        yield node
        for body in reversed(bodies(node)):
            stack.extend(reversed(body))


Json: TypeAlias = Any
"""A JSON value; `Any`, since checking is done by types of the language, not of Python."""
