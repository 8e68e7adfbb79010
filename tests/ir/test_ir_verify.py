"""What is refused of a graph from outside, and what part of a graph its targets need."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.ir import expr as ex
from cascade_dsl.ir import graph as g
from cascade_dsl.ir import types as ty
from cascade_dsl.ir.codec import graph_from_json, graph_to_json
from cascade_dsl.ir.requirement import Limit, Resource, Scope, Window
from cascade_dsl.ir.select import select
from cascade_dsl.ir.verify import captures, verify

FUNCTIONS = frozenset(ex.OPERATORS) | {"len", "join"}
CPU = g.Clauses(requires=(g.Requirement(resource="cpu", amount=ex.Lit(1)),))
FETCH = g.TaskDef(
    name="fetch",
    inputs=(g.Input(name="url", type=ty.STR),),
    outputs=(g.OutputSpec(name="out", type=ty.FILE, form="path", path=ex.Text(("a/", ex.Var("url")))),),
    clauses=CPU,
    body=g.ExecBody(words=(ex.Lit("curl"), ex.Var("url"))),
)
RANK = g.TaskDef(
    name="rank",
    inputs=(g.Input(name="pages", type=ty.ListType(ty.FILE)),),
    outputs=(),
    clauses=CPU,
    body=g.PythonBody(source="pass"),
)
URLS = g.Param(id=1, name="urls", type=ty.ListType(ty.STR))
ITEM = g.Item(id=3, name="u", type=ty.STR)
CALL = g.Call(id=4, name="pages", task="fetch", args=(("url", ex.Ref(3)),))
PAGES = g.FanOut(id=2, name="pages", source=1, items=(ITEM,), body=(CALL,), result=4, type=ty.ListType(ty.FILE))
RANKED = g.Call(id=5, name="ranked", task="rank", args=(("pages", ex.Ref(2)),))
COUNT = g.Compute(id=6, name="count", expr=ex.Apply("len", (ex.Ref(2),)), type=ty.INT)
OUT = g.Output(id=7, name="n", node=6, type=ty.INT)
OTHER = g.Call(id=8, name="other", task="fetch", args=(("url", ex.Lit("x")),))
GOOD = g.Graph(
    name="g",
    file="g.csc",
    tasks=(FETCH, RANK),
    resources=(Resource(name="cpu", dimension="millicpu"),),
    limits=(),
    nodes=(URLS, PAGES, RANKED, COUNT, OUT, OTHER),
)


def said(graph: g.Graph) -> list[tuple[str, str]]:
    return [(d.code, d.message) for d in verify(graph, FUNCTIONS)]


def with_node(node: g.Node) -> g.Graph:
    """The good graph with the node of that id replaced, or added."""
    nodes = [node if n.id == node.id else n for n in GOOD.nodes]
    return replace(GOOD, nodes=tuple(nodes if node in nodes else [*nodes, node]))


def fan(**changes: Any) -> g.Graph:
    return with_node(replace(PAGES, **changes))


def with_task(**changes: Any) -> g.Graph:
    return replace(GOOD, tasks=(replace(FETCH, **changes), RANK))


def test_a_good_graph_has_no_findings() -> None:
    assert said(GOOD) == []


def limited(**parts: Any) -> g.Graph:
    """The good graph with one limit."""
    return replace(GOOD, limits=(Limit(**{"scope": Scope("global"), "amount": 1, **parts}),))


BAD: dict[str, tuple[g.Graph, list[tuple[str, str]]]] = {
    "one id twice": (
        with_node(replace(OTHER, id=3)),
        [("CSC402", "two nodes have the id 3: `u` and `other`")],
    ),
    "an id below 1": (with_node(replace(OTHER, id=0)), [("CSC402", "the node `other` has the id 0: ids count from 1")]),
    "two tasks of one name": (replace(GOOD, tasks=(FETCH, RANK, FETCH)), [("CSC402", "two tasks are called `fetch`")]),
    "a reference to nothing": (
        with_node(replace(OUT, node=99)),
        [("CSC402", "`n` (7) refers to node 99, which is not in the graph")],
    ),
    "a reference into a region": (
        with_node(replace(RANKED, after=(4,))),
        [("CSC402", "`ranked` (5) refers to `pages` (4), which cannot be seen from there")],
    ),
    "a reference to an output": (
        with_node(replace(RANKED, after=(7,))),
        [("CSC402", "`ranked` (5) refers to `n` (7), which has no value")],
    ),
    "an unknown task": (
        with_node(replace(OTHER, task="fetsh")),
        [("CSC402", "`other` (8) calls `fetsh`, which is no task of the graph")],
    ),
    "arguments of another task": (
        with_node(replace(OTHER, args=())),
        [("CSC402", "`other` (8) must give url to `fetch`, in this order, and gives nothing")],
    ),
    "captures that are too many": (
        fan(captures=(1,)),
        [("CSC402", "`pages` (2) uses nothing from outside and says that it uses 1")],
    ),
    "captures that are too few": (
        fan(body=(replace(CALL, after=(1,)),)),
        [("CSC402", "`pages` (2) uses 1 from outside and says that it uses nothing")],
    ),
    "a condition that is a call": (fan(condition=4), [("CSC402", "the condition of `pages` (2) is not a value of its body")]),
    "lists that are none": (
        fan(flatten=True),
        [("CSC402", "`pages` (2) joins lists, but what it gives is no fan-out of its body")],
    ),
    "an output in a region": (
        fan(body=(CALL, replace(OUT, id=9, node=4))),
        [("CSC402", "`n` (9) stands in a region: params, outputs and `finally` stand at the top")],
    ),
    "no items": (fan(items=(), body=(replace(CALL, args=(("url", ex.Lit("")),)),)), [("CSC402", "`pages` (2) binds no name for its items")]),
    "an item on its own": (with_node(replace(ITEM, id=9)), [("CSC402", "`u` (9) is bound by no region")]),
    "an unknown function": (
        with_node(replace(COUNT, expr=ex.Apply("lem", ()))),
        [("CSC404", "`count` (6) applies `lem`, which is no function")],
    ),
    "an unknown name": (
        with_node(replace(COUNT, expr=ex.Comprehension((ex.Clause(("x",), ex.Ref(2), ex.Var("x")),), ex.Var("y")))),
        [("CSC404", "`count` (6) uses the name `y`, which nothing binds there")],
    ),
    "an unknown name in a body": (
        with_task(body=g.ExecBody(words=(ex.Var("uri"),))),
        [("CSC404", "the task `fetch` uses the name `uri`, which nothing binds there")],
    ),
    "an unknown operator": (
        with_node(replace(COUNT, expr=ex.Logic("xor", ex.Lit(True), ex.Lit(True)))),
        [("CSC404", "`count` (6) applies `xor`, which is no operator")],
    ),
    "an unknown resource": (
        with_task(clauses=g.Clauses(requires=(g.Requirement(resource="db", amount=ex.Lit(1)),))),
        [("CSC402", "the task `fetch` requires `db`, which is no resource of the graph")],
    ),
    "an empty command": (
        with_task(body=g.ExecBody(words=())),
        [("CSC402", "the task `fetch` runs no command: its `exec` is empty")],
    ),
    "a shell variable that is none": (
        with_task(body=g.ShellBody(parts=(), values=(g.ShellValue(variable="a;b", expr=ex.Lit(1)),))),
        [("CSC402", "the task `fetch` sets `a;b`, which is no name of a shell variable")],
    ),
    "a place for no value": (
        with_task(body=g.ShellBody(parts=("x ", g.ShellPlace(0, "word")))),
        [("CSC402", "the script of the task `fetch` has a place for a value that it does not have")],
    ),
    "a list in quotes": (
        with_task(
            body=g.ShellBody(
                parts=(g.ShellPlace(0, "double"),),
                values=(g.ShellValue(variable="a", expr=ex.Lit([]), is_list=True),),
            )
        ),
        [("CSC402", "the script of the task `fetch` has a place for a list where one word stands")],
    ),
    "a function of nowhere": (
        with_task(body=g.PythonFunction(function="f")),
        [("CSC402", "the task `fetch` names neither a file nor a module for its function, or both")],
    ),
    "several outputs": (
        with_task(outputs=(*FETCH.outputs, g.OutputSpec(name="b", type=ty.STR, form="value"))),
        [("CSC402", "the task `fetch` has several outputs and no record of them")],
    ),
    "a negative limit": (
        replace(GOOD, limits=(Limit(scope=Scope("global"), amount=-1),)),
        [("CSC402", "the limit of `global` is negative")],
    ),
    "a limit over a call": (
        replace(GOOD, limits=(Limit(scope=Scope("global"), amount=ex.Ref(8)),)),
        [("CSC402", "the limit of `global` refers to `other` (8), which cannot be seen from there")],
    ),
    "a cycle": (
        replace(GOOD, nodes=(URLS, replace(PAGES, after=(6,)), COUNT)),
        [("CSC403", "these wait for each other: `pages` (2) → `count` (6) → `pages` (2)")],
    ),
    "a cycle through a region": (
        replace(GOOD, nodes=(URLS, replace(PAGES, body=(replace(CALL, after=(5,)),), captures=(5,)), RANKED)),
        [("CSC403", "these wait for each other: `pages` (2) → `pages` (4) → `ranked` (5) → `pages` (2)")],
    ),
    "its own source": (fan(source=2), [("CSC403", "these wait for each other: `pages` (2) → `pages` (2)")]),
    "a region that is not built": (
        with_node(g.Finally(id=9, name="finally", run=g.Item(id=10, name="run", type=ty.JSON), body=())),
        [("CSC405", "`finally` (9): `finally` is not built yet")],
    ),
    "a pattern of values": (
        with_task(outputs=(g.OutputSpec(name="out", type=ty.ListType(ty.STR), form="glob", path=ex.Lit("*")),)),
        [("CSC402", "the output `out` of the task `fetch` is of type list[str], and what matches a pattern")],
    ),
    "no pattern": (
        with_task(outputs=(g.OutputSpec(name="out", type=ty.ListType(ty.DIR), form="glob"),)),
        [("CSC402", "the output `out` of the task `fetch` is what matches a pattern, and there is none")],
    ),
    "a value at a path": (
        with_task(outputs=(g.OutputSpec(name="out", type=ty.INT, form="value", path=ex.Lit("x")),)),
        [("CSC402", "the output `out` of the task `fetch` is a value, and has a path")],
    ),
    "a number as a file": (
        with_task(outputs=(g.OutputSpec(name="out", type=ty.OptionalType(ty.INT), form="path"),)),
        [("CSC402", "the output `out` of the task `fetch` is of type int?, and written at a path")],
    ),
    "a rate without a time": (
        limited(kind="spend", burst=1),
        [("CSC402", "the limit of `global` is a rate without a time, or a time without a rate")],
    ),
    "a rate over no time": (
        limited(kind="spend", per_ns=0, burst=1), [("CSC402", "the limit of `global` is a rate over 0 ns")],
    ),
    "a rate without a burst": (
        limited(kind="spend", per_ns=1), [("CSC402", "the limit of `global` is a rate without a burst")],
    ),
    "a burst of nothing": (
        limited(kind="spend", per_ns=1, burst=0), [("CSC402", "the limit of `global` has a burst of 0")],
    ),
    "a burst of no rate": (limited(burst=2), [("CSC402", "the limit of `global` has a burst and is no rate")]),
    "a burst of nowhere": (
        limited(kind="spend", per_ns=1, burst=ex.Ref(99)),
        [("CSC402", "the limit of `global` refers to node 99, which is not in the graph")],
    ),
    "a limit that is negative": (limited(amount=-1), [("CSC402", "the limit of `global` is negative")]),
    "a limit that is too large": (limited(amount=2**63), [("CSC402", "the limit of `global` is too large")]),
    "a key without a text": (
        limited(by=ex.Lit(1)), [("CSC402", "the limit of `global` is split by something that has no text, or the reverse")],
    ),
    "a key of no input": (
        limited(by=ex.Var("hosts"), by_text="hosts"),
        [
            ("CSC404", f"the limit of `global`, for `{task.name}`, uses the name `hosts`, which nothing binds there")
            for task in GOOD.tasks
        ],
    ),
    "a key of a node": (
        limited(by=ex.Ref(1), by_text="x"), [("CSC402", "the limit of `global` is split by something that is no input")],
    ),
    "a limit for no time": (limited(for_ns=0), [("CSC402", "the limit of `global` holds for 0 ns")]),
    "a limit for ages": (limited(for_ns=10**19), [("CSC402", f"the limit of `global` holds for {10**19} ns")]),
    "an hour that is none": (
        limited(until_minute=1440), [("CSC402", "the limit of `global` ends at minute 1440 of a day")],
    ),
    "an instant": (limited(until_ns=1), [("CSC402", "the limit of `global` ends at an instant, which no file says")]),
    "two ends": (limited(for_ns=1, until_minute=1), [("CSC402", "the limit of `global` ends at two times")]),
    "a window of no day": (
        limited(window=Window(start_minute=-1, end_minute=9, days=(1, 0))),
        [
            ("CSC402", "the limit of `global` has a window with minute -1 of a day"),
            ("CSC402", "the limit of `global` has a window whose days are no days of a week, in their order"),
        ],
    ),
    "none for a while": (
        limited(amount=None, for_ns=1), [("CSC402", "the limit of `global` is none, and says more than that")],
    ),
    "a scope of nothing": (
        limited(scope=Scope("global", "x")), [("CSC402", "the limit of `global` names no scope")],
    ),
    "two plain limits": (
        replace(GOOD, limits=(Limit(scope=Scope("global"), amount=1), Limit(scope=Scope("global"), amount=2))),
        [("CSC402", "two limits are of `global`")],
    ),
    "a limit of flows": (
        limited(scope=Scope("flow", "x")), [("CSC405", "the limit of `flow:x`: a limit of flows is not built yet")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_graph_is_told_what_is_wrong(case: str) -> None:
    graph, findings = BAD[case]
    assert said(graph) == findings


def test_what_is_nested_too_deeply_is_refused_and_200_is_not() -> None:
    def nested(depth: int) -> g.Graph:
        expr: ex.Expr = ex.Lit(1)
        for _ in range(depth):
            expr = ex.Apply("neg", (expr,))
        return with_node(replace(COUNT, expr=expr))

    value: Any = 1
    for _ in range(300):
        value = [value]
    assert said(nested(200)) == []
    for graph in (nested(201), nested(100_000), with_node(replace(COUNT, expr=ex.Lit(value)))):
        assert said(graph) == [("CSC406", "something in this graph is nested deeper than 200")]


def test_captures_of_nested_regions() -> None:
    inner = g.FanOut(
        id=20, name="i", source=3, items=(g.Item(id=21, name="x", type=ty.STR),),
        body=(g.Compute(id=22, name="v", expr=ex.ListOf((ex.Ref(21), ex.Ref(3), ex.Ref(1))), type=ty.JSON),),
        result=22, type=ty.JSON,
    )  # fmt: skip
    outer = replace(PAGES, body=(inner,), result=20)
    assert captures(inner) == (1, 3)
    assert captures(outer) == (1,)


def test_select_keeps_what_is_needed() -> None:
    def ids(*names: str) -> list[int]:
        return [node.id for node in select(GOOD, names).nodes]

    assert ids() == [1, 2, 5, 6, 7, 8]
    assert ids("n") == [1, 2, 6, 7]
    assert ids("ranked") == [1, 2, 5]
    assert ids("rank") == [1, 2, 5]
    assert ids("fetch") == [1, 2, 8]
    assert ids("other", "count") == [1, 2, 6, 7, 8]
    for name in ("n", "ranked", "rank", "fetch"):
        assert said(select(GOOD, [name])) == []


def test_select_keeps_constants_that_limits_use() -> None:
    five = g.Compute(id=9, name="five", expr=ex.Lit(5), type=ty.INT)
    graph = replace(with_node(five), limits=(Limit(scope=Scope("global"), amount=ex.Ref(9)),))
    assert [node.id for node in select(graph, ["other"]).nodes] == [1, 8, 9]


def test_select_says_which_names_are_near() -> None:
    with pytest.raises(CascadeError) as caught:
        select(GOOD, ["pagse", "urls", "zzz"])
    assert [(d.code, d.message, d.help) for d in caught.value.diagnostics] == [
        ("CSC407", "nothing in this program is called `pagse`", "did you mean `pages`?"),
        ("CSC407", "nothing in this program is called `urls`", "a target is the name of a binding, an output or a task"),
        ("CSC407", "nothing in this program is called `zzz`", "a target is the name of a binding, an output or a task"),
    ]  # fmt: skip


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    parts: list[tuple[Any, Any]] = []
    if isinstance(data, dict):
        parts = list(data.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    elif isinstance(data, list):
        parts = list(enumerate(data))  # pyright: ignore[reportUnknownArgumentType]
    for key, part in parts:
        found += places(part, (*path, key))
    return found


PLACES = places(graph_to_json(GOOD))
GARBAGE = st.sampled_from([None, True, -1, 0, 5, 99, 1.5, "", "url", [], {}, ["a", "b"], {"_": "Ref", "node": 8}])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), GARBAGE)
def test_garbage_anywhere_is_refused_with_a_sentence_or_harmless(path: tuple[Any, ...], garbage: Any) -> None:
    document = json.loads(json.dumps(graph_to_json(GOOD)))
    at = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = garbage
    findings: list[Diagnostic] = []
    try:
        findings = verify(graph_from_json(document), FUNCTIONS)
    except CascadeError as error:
        findings = list(error.diagnostics)
    assert all(finding.code.startswith("CSC40") and finding.message for finding in findings)
