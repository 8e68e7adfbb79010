"""The limit sentence from outside: what it means, and each refusal with its place and mend."""

from __future__ import annotations

from typing import Any

import pytest

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.base.quantity import INT_MAX
from cascade_dsl.ir import expr as ir
from cascade_dsl.ir.graph import Clauses, ExecBody, Graph, Input, Requirement, TaskDef
from cascade_dsl.ir.requirement import Layer, Limit, Resource, Scope, Window
from cascade_dsl.ir.types import FILE, STR, ListType, RecordType
from cascade_dsl.lang.sentence import parse_scope, parse_sentence


def task(name: str, *tags: str, inputs: tuple[Input, ...] = (), requires: tuple[str, ...] = ()) -> TaskDef:
    demands = tuple(Requirement(resource=r, amount=ir.Lit(1)) for r in requires)
    clauses = Clauses(tags=tags, requires=demands)
    return TaskDef(name=name, inputs=inputs, outputs=(), clauses=clauses, body=ExecBody(words=()))


SAMPLE = RecordType((("reads", ListType(FILE)), ("id", STR)))
OF_FETCH = (Input(name="host", type=STR), Input(name="url", type=STR), Input(name="sample", type=SAMPLE))


GRAPH = Graph(
    name="words",
    file="words.csc",
    tasks=(task("fetch", "api", inputs=OF_FETCH), task("count"), task("qc.run", requires=("db",))),
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
        ("limit flow:train 3", "CSC320", "7-17", "`flow:train` names nothing: flows are not built yet", "limit what is in it: `task:NAME`, or a `tag` that its tasks have"),
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


S, MINUTE, DAY = 10**9, 60 * 10**9, 86_400 * 10**9
HOST = {"by": ir.Var("host"), "by_text": "host"}


def spend(scope: Scope, amount: int, per_ns: int, burst: int = 1, **more: Any) -> Limit:
    return Limit(scope=scope, amount=amount, kind="spend", per_ns=per_ns, burst=burst, **more)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("task:fetch 10/s", spend(FETCH, 10, S)),
        ("task:fetch 100_000/s burst 20", spend(FETCH, 100_000, S, 20)),
        ("task:fetch 0.5/s", spend(FETCH, 1, 2 * S)),
        ("task:fetch 0.3/m", spend(FETCH, 3, 10 * MINUTE)),
        ("task:fetch 1/d", spend(FETCH, 1, DAY)),
        ("task:fetch 0/s", spend(FETCH, 0, S)),
        ("cpu 0.5/s burst 2", spend(Scope("resource", "cpu"), 500, S, 2000)),
        ("mem 10MB/s burst 1GB", spend(Scope("resource", "mem"), 10**7, S, 10**9)),
        ("task:fetch 2 by host", Limit(scope=FETCH, amount=2, **HOST)),
        ("task:fetch 2 by ( host )", Limit(scope=FETCH, amount=2, **HOST)),
        (
            "task:fetch 2 by  lower( (host) )",
            Limit(scope=FETCH, amount=2, by=ir.Apply("lower", (ir.Var("host"),)), by_text="lower(host)"),
        ),
        ("task:fetch 10/s by host", spend(FETCH, 10, S, **HOST)),
        ("task:fetch 1 for 1h30m", Limit(scope=FETCH, amount=1, for_ns=90 * MINUTE)),
        ("task:fetch 1 until 08:00", Limit(scope=FETCH, amount=1, until_minute=480)),
        (
            "task:fetch 3 from 22:00 to 06:00 fri-sun",
            Limit(scope=FETCH, amount=3, window=Window(start_minute=1320, end_minute=360, days=(4, 5, 6))),
        ),
        (
            "task:fetch 3 from 00:00 to 00:00 sat,sun for 36500d",
            Limit(
                scope=FETCH,
                amount=3,
                for_ns=36_500 * DAY,
                window=Window(start_minute=0, end_minute=0, days=(5, 6)),
            ),
        ),
    ],
)
def test_rates_keys_and_times(text: str, limit: Limit) -> None:
    assert parse_sentence(text, GRAPH) == limit


def test_hard_belongs_to_files_and_configurations() -> None:
    assert parse_sentence("task:fetch 3 hard", GRAPH, layer=Layer.CONFIG) == Limit(scope=FETCH, amount=3, hard=True)
    for layer in (Layer.COMMAND_LINE, Layer.FLEET, Layer.LIVE):
        with pytest.raises(CascadeError) as caught:
            parse_sentence('task:hard 3 hard because "hard"', GRAPH, layer=layer)
        assert ("CSC311", "13-17") in [shown(found)[:2] for found in caught.value.diagnostics]


INPUTS = "the inputs of `fetch` are `host`, `url`, `sample`"


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "help"),
    [
        ("task:fetch -1/s", "CSC303", "12-16", "an amount cannot be negative", "0 lets nothing start, `none` takes the limit back"),
        ("task:fetch 10/sec", "CSC324", "15-18", "`/sec` is no unit of a rate", "did you mean `10/s`?"),
        ("task:fetch 10/week", "CSC324", "15-19", "`/week` is no unit of a rate", "rates are per `s`, `m`, `h`, `d`"),
        ("task:fetch 10 / s", "CSC324", "12-18", "a rate is written without spaces", "write `10/s`"),
        ("mem 3/s", "CSC306", "5-6", "`mem` is measured in bytes, `3` has no unit", "write `3GB` or `3MB`"),
        ("db 3MB/s", "CSC307", "4-7", "`db` is counted, `3MB` is a size", "write a plain number"),
        (f"task:fetch {INT_MAX + 1}/s", "CSC305", "12-33", "this amount is too large", f"the largest is {INT_MAX}"),
        ("task:fetch 3 burst 5", "CSC313", "20-21", "`burst` belongs to a rate", "write `10/s burst 20`"),
        ("task:fetch 3/s burst n", "CSC308", "22-23", "an amount from outside the file is a plain number", "write a number, a size or `none`"),
        ("task:fetch 3/s burst 0", "CSC323", "22-23", "a burst is at least 1", "`0/s` lets nothing start; leave `burst` out for 1"),
        ("task:fetch 3/s burst 1.5", "CSC304", "22-25", "`task:fetch` counts in whole units", "write `1` or `2`"),
        ("mem 3MB/s burst 5", "CSC306", "17-18", "`mem` is measured in bytes, `5` has no unit", "write `5GB` or `5MB`"),
        ("task:fetch 3/s burst -5", "CSC303", "22-24", "an amount cannot be negative", "0 lets nothing start, `none` takes the limit back"),
        ("task:fetch 2 whole", "CSC314", "1-19", "`whole` belongs to flows", "write `limit flow:NAME 2 whole`"),
        ("task:fetch 3 for 10", "CSC312", "18-20", "`for` takes a duration", "write `for 10m`"),
        ("task:fetch 3 for 0s", "CSC312", "18-20", "`for` takes a duration", "write `for 10m`"),
        ("task:fetch 3 for 36501d", "CSC312", "18-24", "`for` is too long", "the longest is 36500d; leave it out for a limit that stays"),
        ("task:fetch none for 10m", "CSC322", "21-24", "`none` sets no limit, and `for` is about one", "leave one of the two out: `none` takes back all that was said of the scope"),
        ("task:fetch none by host", "CSC322", "20-24", "`none` sets no limit, and `by` is about one", "leave one of the two out: `none` takes back all that was said of the scope"),
        ("task:fetch 2 by hots", "CSC317", "17-21", "`by` uses `hots`, which is no input of `fetch`", "did you mean `host`?"),
        ("task:fetch 2 by n", "CSC317", "17-18", "`by` uses `n`, which is no input of `fetch`", INPUTS),
        ("task:fetch 2 by lower(n)", "CSC317", "23-24", "`by` uses `n`, which is no input of `fetch`", INPUTS),
        ("global 2 by host", "CSC317", "13-17", "`by` uses `host`, which is no input of `count`", "`count` has no inputs"),
        ("db 2 by url", "CSC317", "9-12", "`by` uses `url`, which is no input of `qc.run`", "`qc.run` has no inputs"),
        ("task:fetch 2 by env(host)", "CSC318", "17-20", "`env` reads what is outside the program, and a key is made of inputs alone", "give the task an input for it, and write `by` with that"),
        ("task:fetch 2 by count()", "CSC318", "17-22", "`count` is a task, and a key is known before anything starts", "give the task an input for it, and write `by` with that"),
        ("task:fetch 2 by sample", "CSC319", "17-23", "a key is one value, `sample` of `fetch` is {reads: list[file], id: str}", "take a field of it, such as `.id`"),
        ("task:fetch 2 by sample.reads", "CSC319", "17-29", "a key is one value, `sample.reads` of `fetch` is list[file]", 'take one item of it, or put them together: `join(xs, ",")`'),
        ("task:fetch 2 by none", "CSC319", "17-21", "a key is one value, `none` of `fetch` is none", "leave `by` out: one limit for all"),
        ("task:fetch 2 by host + 1", "CSC202", "22-23", "`+` does not take str and int", 'put values into text: `"{{host}}1"`'),
        ("task:fetch 2 by sample.name", "CSC105", "24-28", "{reads: list[file], id: str} has no field `name`", "it has `reads`, `id`"),
        ("task:fetch 2 by hots(host)", "CSC102", "17-21", "there is no task or function `hots`", None),
    ],
)  # fmt: skip
def test_refusals_of_rates_keys_and_times(text: str, code: str, place: str, message: str, help: str | None) -> None:
    found = refusals(text)
    assert found[:1] == [(code, place, message, help)]


def test_what_cannot_be_is_said_for_each_task_once() -> None:
    with pytest.raises(CascadeError) as caught:
        parse_sentence("global 2 by host", GRAPH)
    assert [d.notes for d in caught.value.diagnostics] == [("nor of `qc.run`",)]


def test_a_key_of_a_scope_that_matches_nothing_is_kept_as_it_stands() -> None:
    limit = parse_sentence("task:align 2 by lower(sample.id)", GRAPH, layer=Layer.CONFIG)
    key = ir.Apply("lower", (ir.Field(ir.Var("sample"), "id"),))
    assert limit == Limit(scope=Scope("task", "align"), amount=2, by=key, by_text="lower(sample.id)")


def test_flows_are_not_built_yet() -> None:
    flow = Limit(scope=Scope("flow", "train"), amount=2)
    assert parse_sentence("flow:train 2", GRAPH, layer=Layer.FLEET) == flow
    with pytest.raises(CascadeError) as caught:
        parse_sentence("flow:train 2 whole", GRAPH, layer=Layer.FLEET)
    (found,) = map(shown, caught.value.diagnostics)
    help = "leave `whole` out, and limit its tasks: `limit tag:NAME 2`"
    assert found == ("CSC320", "14-19", "`whole` counts flows, which are not built yet", help)


def test_what_is_no_text_is_refused() -> None:
    for text, code in (('task:fetch 3 because "\udcff"', "CSC012"), ("task:fetch 3\0", "CSC013")):
        with pytest.raises(CascadeError) as caught:
            parse_sentence(text, GRAPH)
        assert [d.code for d in caught.value.diagnostics] == [code]
