"""The limit sentence from outside: what it means, and each refusal with its place and mend."""

from __future__ import annotations

from typing import Any

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Source
from cascade_dsl.base.quantity import INT_MAX
from cascade_dsl.ir import expr as ir
from cascade_dsl.ir.graph import Clauses, ExecBody, Graph, TaskDef
from cascade_dsl.ir.requirement import Dimension, Layer, Limit, Resource, Scope, Window
from cascade_dsl.lang import ast
from cascade_dsl.lang.faults import Faults
from cascade_dsl.lang.parse import parse_from, parse_source
from cascade_dsl.lang.sentence import Known, parse_scope, parse_sentence, resolve_limit


def task(name: str, *tags: str) -> TaskDef:
    return TaskDef(name=name, inputs=(), outputs=(), clauses=Clauses(tags=tags), body=ExecBody(words=()))


GRAPH = Graph(
    name="words",
    file="words.csc",
    tasks=(task("fetch", "api"), task("count"), task("qc.run")),
    resources=(Resource(name="mem", dimension="bytes"), Resource(name="db", dimension="count")),
    limits=(),
    nodes=(),
)
FETCH = Scope("task", "fetch")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("limit task:fetch 3", Limit(scope=FETCH, amount=3)),
        ("task:fetch 3", Limit(scope=FETCH, amount=3)),
        ("  limit task:fetch 0  ", Limit(scope=FETCH, amount=0)),
        ("limit task:fetch 3.0", Limit(scope=FETCH, amount=3)),
        ("limit task:fetch none", Limit(scope=FETCH, amount=None)),
        ('limit task:fetch 3 because "API complains"', Limit(scope=FETCH, amount=3, because="API complains")),
        ("limit task:* 1_000", Limit(scope=Scope("task", "*"), amount=1000)),
        ("limit task:qc.* 1", Limit(scope=Scope("task", "qc.*"), amount=1)),
        ("limit tag:api 5", Limit(scope=Scope("tag", "api"), amount=5)),
        ("limit global 16", Limit(scope=Scope("global"), amount=16)),
        ("limit cpu 1.5", Limit(scope=Scope("resource", "cpu"), amount=1500)),
        ("limit cpu 0.0001", Limit(scope=Scope("resource", "cpu"), amount=1)),
        ("limit mem 4GB", Limit(scope=Scope("resource", "mem"), amount=4_000_000_000)),
        ("limit mem 2GiB", Limit(scope=Scope("resource", "mem"), amount=2_147_483_648)),
        ("limit mem 0", Limit(scope=Scope("resource", "mem"), amount=0)),
        ("limit db 1", Limit(scope=Scope("resource", "db"), amount=1)),
        ("limit gpu 2", Limit(scope=Scope("resource", "gpu"), amount=2)),
        (f"limit task:fetch {INT_MAX}", Limit(scope=FETCH, amount=INT_MAX)),
    ],
)
def test_meaning(text: str, limit: Limit) -> None:
    assert parse_sentence(text, GRAPH) == limit


def refusals(text: str) -> list[tuple[str, str, str, str | None]]:
    with pytest.raises(CascadeError) as caught:
        parse_sentence(text, GRAPH)
    return [shown(found) for found in caught.value.diagnostics]


def shown(found: Any) -> tuple[str, str, str, str | None]:
    at = found.primary
    assert at.file == "<limit>"
    return found.code, f"{at.column}-{at.end_column}", found.message, found.help


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "help"),
    [
        ("limit task:fetch -1", "CSC303", "18-20", "an amount cannot be negative", "0 lets nothing start, `none` takes the limit back"),
        ("limit mem -3GB", "CSC303", "11-15", "an amount cannot be negative", "0 lets nothing start, `none` takes the limit back"),
        ("limit task:fetch 1.5", "CSC304", "18-21", "`task:fetch` counts in whole units", "write `1` or `2`"),
        ("limit db 0.5", "CSC304", "10-13", "`db` counts in whole units", "write `1` or `2`"),
        (f"limit task:fetch {INT_MAX + 1}", "CSC305", "18-37", "this amount is too large", f"the largest is {INT_MAX}"),
        (f"limit cpu {INT_MAX}", "CSC305", "11-30", "this amount is too large", "the largest is 9223372036854775"),
        ("limit mem 99999999PB", "CSC008", "11-21", "this number is too large", "the largest is 9223PB"),
        ("limit mem 3", "CSC306", "11-12", "`mem` is measured in bytes, `3` has no unit", "write `3GB` or `3MB`"),
        ("limit mem 4096", "CSC306", "11-15", "`mem` is measured in bytes, `4096` has no unit", "write `4096MB`"),
        ("limit task:fetch 3GB", "CSC307", "18-21", "`task:fetch` is counted, `3GB` is a size", "write a plain number"),
        ("limit cpu 3GB", "CSC307", "11-14", "`cpu` is counted, `3GB` is a size", "write a plain number"),
        ("limit mem 4XB", "CSC007", "11-14", "unknown unit `XB`", "did you mean `4B`?"),
        ("limit task:fetch three", "CSC308", "18-23", "an amount from outside the file is a plain number", "write a number, a size or `none`"),
        ("limit task:fetch 3m", "CSC308", "18-20", "a duration is no amount", "write a number, or how long: `3 for 10m`"),
        ("limit tak:fetch 3", "CSC301", "7-16", "unknown kind of scope `tak:`", "did you mean `task:fetch`?"),
        ("limit task:fecth 3", "CSC302", "7-17", "no task matches `fecth`", "did you mean `task:fetch`?"),
        ("limit fetch 3", "CSC302", "7-12", "no resource matches `fetch`", "did you mean `task:fetch`?"),
        ("limit tag:web 3", "CSC302", "7-14", "no tag matches `web`", "the tags are `tag:api`"),
        ("limit flow:train 3", "CSC302", "7-17", "no flow matches `train`", "the program has no flows"),
        ("limit disk 3", "CSC302", "7-11", "no resource matches `disk`", "the resources are `cpu`, `db`, `gpu`, `mem`"),
        ("limit task:fetch 3 hard", "CSC311", "20-24", "`hard` stands in files only", "leave it out"),
        ("", "CSC001", "1-1", "expected a scope or `limit`, found the end", None),
        ("limit", "CSC001", "6-6", "expected a scope, found the end", None),
        ("limit task:fetch", "CSC001", "17-17", "expected an amount, found the end", None),
        ("limit task:fetch 3\nlimit db 1", "CSC001", "19-19", "expected the end, found the end of the line", None),
        ("limit task:fetch 3 for 1m until 9:00", "CSC018", "27-37", "`for` and `until` exclude each other", "keep one of the two"),
    ],
)  # fmt: skip
def test_refusal(text: str, code: str, place: str, message: str, help: str | None) -> None:
    assert refusals(text) == [(code, place, message, help)]


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("limit task:fetch 10/s", "a rate", "18-22"),
        ("limit task:fetch 3 by host", "`by`", "23-27"),
        ("limit task:fetch 3 for 10m", "`for`", "24-27"),
        ("limit task:fetch 3 until 08:00", "`until`", "26-31"),
        ("limit task:fetch 3 from 09:00 to 18:00 mon-fri", "`from … to`", "20-47"),
        ("limit task:fetch 2 whole", "`whole`", "7-25"),
    ],
)
def test_not_built_yet(text: str, what: str, place: str) -> None:
    mend = "limit what runs at once: `limit task:fetch 3`"
    assert refusals(text) == [("CSC320", place, f"{what} in a limit is not built yet", mend)]


def test_a_scope_of_the_fleet_may_match_nothing() -> None:
    limit = Limit(scope=Scope("task", "align"), amount=3)
    assert parse_sentence("limit task:align 3", GRAPH, layer=Layer.FLEET) == limit
    assert parse_sentence("limit task:align 3", GRAPH, layer=Layer.CONFIG) == limit
    disk = Limit(scope=Scope("resource", "disk"), amount=3_000_000)
    assert parse_sentence("limit disk 3MB", GRAPH, layer=Layer.FLEET) == disk


def test_scopes_alone() -> None:
    assert parse_scope("task:fe*", GRAPH) == Scope("task", "fe*")
    assert parse_scope("global", GRAPH) == Scope("global")
    assert parse_scope("mem", GRAPH) == Scope("resource", "mem")
    for text, expected in {
        "task:fecth": ("CSC302", "1-11", "no task matches `fecth`", "did you mean `task:fetch`?"),
        "task:fetch 3": ("CSC001", "12-13", "expected the end, found `3`", None),
        "": ("CSC001", "1-1", "expected a scope, found the end", None),
    }.items():
        with pytest.raises(CascadeError) as caught:
            parse_scope(text, GRAPH)
        assert [shown(found) for found in caught.value.diagnostics] == [expected]


def resolved(text: str, **more: Any) -> tuple[Limit | None, list[tuple[str, str]]]:
    """What a sentence of a file says, nothing of it refused for not being built."""
    faults = Faults(Source("<limit>", text))
    sentence = parse_from(faults, "limit_text")
    assert faults.findings.found == []
    known = Known(tasks=("fetch",), tags=(), flows=("train",), resources={"api": "count", "disk": "bytes"})
    limit = resolve_limit(sentence, known, faults, **more)
    return limit, [(d.code, d.message) for d in faults.findings.found]


def test_the_whole_sentence_reaches_the_ir() -> None:
    def lower_by(value: ast.Expr) -> ir.Expr:
        assert isinstance(value, ast.Name)
        return ir.Var(value.name)

    limit, found = resolved(
        'limit task:fetch 90/m burst 20 by host from 22:00 to 06:00 fri-sun hard because "night"', by=lower_by
    )
    assert found == []
    assert limit == Limit(
        scope=FETCH,
        amount=90,
        kind="spend",
        per_ns=60_000_000_000,
        burst=20,
        by=ir.Var("host"),
        by_text="host",
        window=Window(start_minute=22 * 60, end_minute=6 * 60, days=(4, 5, 6)),
        hard=True,
        because="night",
    )
    assert resolved("limit flow:train 2 whole for 1h30m")[0] == Limit(
        scope=Scope("flow", "train"), amount=2, whole=True, for_ns=5400 * 10**9
    )
    assert resolved("limit api 2 until 08:00", until=(1000).__mul__)[0] == Limit(
        scope=Scope("resource", "api"), amount=2, until_ns=480_000
    )
    rate = Limit(scope=Scope("resource", "api"), amount=1, kind="spend", per_ns=2 * 10**9, burst=1)
    assert resolved("limit api 0.5/s")[0] == rate
    disk = Limit(scope=Scope("resource", "disk"), amount=10**7, kind="spend", per_ns=10**9, burst=1)
    assert resolved("limit disk 10MB/s")[0] == disk


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("limit task:fetch 3 burst 5", "CSC313", "`burst` belongs to a rate"),
        ("limit task:fetch 3/s burst n", "CSC313", "`burst` takes a plain number"),
        ("limit task:fetch 2 whole", "CSC314", "`whole` belongs to flows"),
        ("limit task:fetch 3 for 10", "CSC312", "`for` takes a duration"),
        ("limit api 3 by host", "CSC315", "`by` cannot stand here"),
        ("limit api 3 until 09:00", "CSC316", "`until` cannot stand here"),
        ("limit disk 3/s", "CSC306", "`disk` is measured in bytes, `3` has no unit"),
        ("limit api 3MB/s", "CSC307", "`api` is counted, `3MB` is a size"),
    ],
)
def test_options_that_do_not_fit(text: str, code: str, message: str) -> None:
    assert resolved(text) == (None, [(code, message)])


def test_amounts_of_a_file_are_lowered_by_the_caller() -> None:
    asked: list[tuple[str, Dimension]] = []

    def lower(value: ast.Expr, dimension: Dimension) -> ir.Expr:
        asked.append((type(value).__name__, dimension))
        return ir.Ref(7)

    assert resolved("limit cpu top * 2", amount=lower)[0] == Limit(scope=Scope("resource", "cpu"), amount=ir.Ref(7))
    assert resolved("limit task:fetch -n", amount=lower)[0] == Limit(scope=FETCH, amount=ir.Ref(7))
    assert asked == [("Binary", "millicpu"), ("Unary", "count")]


def test_a_clause_of_a_task_takes_its_scope_from_the_task() -> None:
    source = Source("a.csc", "task fetch() { limit 3; limit 10/s; sh 'true' }")
    module = parse_source(source).module
    assert module is not None
    (declared,) = module.items
    assert isinstance(declared, ast.TaskDecl)
    faults = Faults(source)
    known = Known(tasks=("fetch",), tags=(), flows=(), resources={})
    limits: list[Limit | None] = []
    for clause in declared.clauses:
        assert isinstance(clause, ast.LimitClause)
        refuse_unbuilt(clause.sentence, faults)
        limits.append(resolve_limit(clause.sentence, known, faults, scope=FETCH))
    assert limits == [
        Limit(scope=FETCH, amount=3),
        Limit(scope=FETCH, amount=10, kind="spend", per_ns=10**9, burst=1),
    ]
    assert [(d.code, d.primary and d.primary.column) for d in faults.findings.found] == [("CSC320", 31)]
