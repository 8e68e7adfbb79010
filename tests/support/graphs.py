"""Hand-made graphs for engine tests: small words for nodes, values left to an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from cascade_dsl.ir.events import Facts, Word
from cascade_dsl.ir.expr import Apply, Lit, Ref, Var
from cascade_dsl.ir.graph import (
    Call,
    Clauses,
    Compute,
    ExecBody,
    FanOut,
    Graph,
    Input,
    Item,
    Node,
    NodeKey,
    Output,
    OutputSpec,
    Param,
    Requirement,
    Retry,
    TaskDef,
)
from cascade_dsl.ir.requirement import Layer, Limit, Resource, Scope
from cascade_dsl.ir.types import FILE, INT, JSON, ListType, Type
from cascade_dsl.testing.simulate import Played

LIST = ListType(JSON)


def task(
    name: str,
    *,
    requires: dict[str, object] | None = None,
    retry: tuple[int, float, float] | None = None,
    on: tuple[int | str, ...] = (),
    timeout: float | None = None,
    priority: int | None = None,
    tags: tuple[str, ...] = (),
    makes: str = "value",
) -> TaskDef:
    """`makes`: a `value`, a `file`, or a `temp` file."""
    wants: dict[str, object] = {"cpu": 1, **(requires or {})}
    return TaskDef(
        name=name,
        inputs=(Input(name="x", type=JSON),),
        outputs=(
            OutputSpec(name="out", type=JSON, form="value")
            if makes == "value"
            else OutputSpec(name="out", type=FILE, form="path", temp=makes == "temp"),
        ),
        clauses=Clauses(
            requires=tuple(Requirement(resource=k, amount=_amount(v)) for k, v in wants.items()),
            retry=None
            if retry is None
            else Retry(count=Lit(retry[0]), backoff_min=Lit(retry[1]), backoff_max=Lit(retry[2]), on=on),
            timeout=None if timeout is None else Lit(timeout),
            priority=None if priority is None else Lit(priority),
            tags=tags,
        ),
        body=ExecBody(words=(Lit("true"),)),
    )


def _amount(value: object) -> Lit | Ref:
    return value if isinstance(value, Lit | Ref) else Lit(value)


def call(id_: int, task_: str, arg: int | None = None, *, name: str = "", after: tuple[int, ...] = ()) -> Call:
    expr = Lit(None) if arg is None else Ref(arg)
    return Call(id=id_, name=name or f"n{id_}", task=task_, args=(("x", expr),), after=after)


def compute(id_: int, *uses: int) -> Compute:
    from cascade_dsl.ir.expr import ListOf

    return Compute(id=id_, name=f"c{id_}", expr=ListOf(tuple(Ref(u) for u in uses)), type=JSON)


def param(id_: int) -> Param:
    return Param(id=id_, name=f"p{id_}", type=LIST)


def fan(
    id_: int,
    source: int,
    item: int,
    body: Sequence[Node],
    result: int | None,
    *,
    condition: int | None = None,
    flatten: bool = False,
    after: tuple[int, ...] = (),
) -> FanOut:
    return FanOut(
        id=id_,
        name=f"f{id_}",
        source=source,
        items=(Item(id=item, name="v", type=JSON),),
        body=tuple(body),
        result=result,
        type=LIST,
        condition=condition,
        flatten=flatten,
        after=after,
    )


def output(id_: int, node: int, type_: Type = INT) -> Output:
    return Output(id=id_, name=f"o{id_}", node=node, type=type_)


def graph(tasks: Sequence[TaskDef], nodes: Sequence[Node], resources: dict[str, str] | None = None) -> Graph:
    found: dict[str, str] = {"cpu": "millicpu", **(resources or {})}
    return Graph(
        name="t",
        file="t.csc",
        tasks=tuple(tasks),
        resources=tuple(Resource(name=k, dimension=v) for k, v in found.items()),  # pyright: ignore[reportArgumentType]
        limits=(),
        nodes=tuple(nodes),
    )


def word(scope: str, amount: int, layer: Layer = Layer.LIVE, by: str = "") -> Word:
    """`by`: the source of an expression over the one input of a task."""
    keyed = Apply("lower", (Var("x"),)) if by else None
    return Word(layer, Limit(scope=scope_of(scope), amount=amount, by=keyed, by_text=by))


def scope_of(text: str) -> Scope:
    kind, _, pattern = text.partition(":")
    if text == "global":
        return Scope("global")
    if pattern:
        return Scope(kind, pattern)  # pyright: ignore[reportArgumentType]
    return Scope("resource", text)


class Table:
    """An oracle by rule: lengths by node, outcomes by a function of (key, attempt)."""

    def __init__(
        self,
        *,
        lengths: dict[int, int] | None = None,
        takes_ns: int = 10,
        dropped: int = 0,
        played: dict[NodeKey, list[Played]] | None = None,
        facts: dict[int, Facts] | None = None,
        seed: str = "",
        failing: int = 0,
        known: int = 0,
        standing: int = 100,
        spread: int = 3,
        keying_takes_ns: int = 0,
    ) -> None:
        self.lengths = lengths or {}
        self.takes_ns = takes_ns
        self.dropped = dropped
        """Every so many-th condition answers drop, 0: none."""
        self.played = played or {}
        self.made = facts or {}
        self.seed = seed
        self.failing = failing
        """Percent of attempts that fail."""
        self.known = known
        """Percent of calls that have an earlier result, where they ask for one."""
        self.standing = standing
        """Percent of these whose temporary files stand."""
        self.spread = spread
        """So many keys there are for each `by`."""
        self.keying = keying_takes_ns
        """How long keys of what is queued or runs are waited for."""
        self.asked_keys: list[tuple[NodeKey, str]] = []
        """Whose keys were asked for."""

    def chance(self, *what: object) -> int:
        return int.from_bytes(blake2b(repr((self.seed, *what)).encode(), digest_size=4).digest(), "big")

    def attempt(self, key: NodeKey, attempt: int) -> Played:
        if key in self.played:
            rows = self.played[key]
            return rows[min(attempt, len(rows)) - 1]
        takes = self.takes_ns if not self.seed else self.chance("takes", key, attempt) % (2 * self.takes_ns + 1)
        failed = self.failing and self.chance("fails", key, attempt) % 100 < self.failing
        return Played(
            takes_ns=takes,
            exit=1 if failed else 0,
            length=self.lengths.get(key[0]),
            publishes=bool(self.seed) and self.chance("publishes", key) % 3 == 0,
        )

    def value(self, key: NodeKey) -> tuple[int | None, bool | None] | str:
        keep = not self.dropped or (key[-1] % self.dropped != 0)
        return (self.lengths.get(key[0]), keep)

    def recalled(self, key: NodeKey) -> int | bool:
        if self.chance("known", key) % 100 >= self.known:
            return False
        length = self.lengths.get(key[0])
        return True if length is None else length

    def remains(self, key: NodeKey) -> bool:
        return self.chance("remains", key) % 100 < self.standing

    def length(self, key: NodeKey) -> int | str:
        return self.lengths.get(key[0], 2)

    def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str:
        return self.made[key[0]]

    def key_of(self, key: NodeKey, by: str, /) -> str:
        """A rule by which a node's last number tells its key, where no seed is given."""
        number = self.chance("key", by, key) if self.seed else key[-1]
        return f"{by}{number % self.spread}"

    def key(self, key: NodeKey, by: str) -> str:
        self.asked_keys.append((key, by))
        return self.key_of(key, by)

    def keying_takes_ns(self) -> int:
        return self.keying

    def param_length(self, node: int) -> int | None:
        return self.lengths.get(node)
