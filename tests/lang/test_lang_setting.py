"""What `cascade priority` and `cascade set` are told: what it means, and each refusal with its place and mend."""

from __future__ import annotations

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.base.quantity import INT_MAX
from cascade_dsl.ir.graph import Clauses, ExecBody, Graph, TaskDef
from cascade_dsl.ir.requirement import Resource, Scope
from cascade_dsl.lang.setting import check_form, parse_demands, parse_priority
from cascade_dsl.report.plain import render_all


def task(name: str, *tags: str) -> TaskDef:
    return TaskDef(name=name, inputs=(), outputs=(), clauses=Clauses(tags=tags), body=ExecBody(words=()))


GRAPH = Graph(
    name="p",
    file="p.csc",
    tasks=(task("align"), task("fetch", "net")),
    resources=(Resource(name="tokens", dimension="count"),),
    limits=(),
    nodes=(),
)
ALIGN = Scope("task", "align")


def refused(text: str, priority: bool = False) -> str:
    with pytest.raises(CascadeError) as caught:
        (parse_priority if priority else parse_demands)(text, GRAPH)
    return render_all(caught.value.diagnostics, False, 100)


def found(text: str, priority: bool = False) -> tuple[Diagnostic, ...]:
    with pytest.raises(CascadeError) as caught:
        (parse_priority if priority else parse_demands)(text, GRAPH)
    return caught.value.diagnostics


def test_demands_are_read_in_base_units() -> None:
    assert parse_demands("task:align mem=16GB", GRAPH) == (ALIGN, (("mem", 16 * 10**9),))
    assert parse_demands("  task:align   cpu=0.5 mem = 512MiB gpu= none tokens =7 ", GRAPH) == (
        ALIGN,
        (("cpu", 500), ("mem", 2**29), ("gpu", None), ("tokens", 7)),
    )
    assert parse_demands("tag:net mem=0", GRAPH) == (Scope("tag", "net"), (("mem", 0),))
    assert parse_demands("global gpu=2", GRAPH) == (Scope("global"), (("gpu", 2),))
    assert parse_demands("mem cpu=2", GRAPH) == (Scope("resource", "mem"), (("cpu", 2000),))


def test_priorities_are_whole_numbers() -> None:
    assert parse_priority("task:fetch 5", GRAPH) == (Scope("task", "fetch"), 5)
    assert parse_priority(" task:f*  -3 ", GRAPH) == (Scope("task", "f*"), -3)
    assert parse_priority("global none", GRAPH) == (Scope("global"), None)
    assert parse_priority(f"global {INT_MAX}", GRAPH) == (Scope("global"), INT_MAX)


def test_a_resource_that_nobody_knows_is_refused_with_the_nearest() -> None:
    assert refused("task:align mem=1GB token=3") == (
        "error[CSC302]: no resource matches `token`\n"
        " --> <set>:1:20\n"
        "  |\n"
        "1 | task:align mem=1GB token=3\n"
        "  |                    ^^^^^\n"
        "  |\n"
        "  = help: did you mean `tokens`?"
    )
    (far,) = found("task:align licences=3")
    assert far.help == "the resources are `cpu`, `gpu`, `mem`, `tokens`"


@pytest.mark.parametrize(
    ("text", "code", "message", "help", "column"),
    [
        ("task:align mem=16", "CSC306", "`mem` is measured in bytes, `16` has no unit", "write `16GB` or `16MB`", 16),
        ("task:align gpu=1GB", "CSC307", "`gpu` is counted, `1GB` is a size", "write a plain number", 16),
        ("task:align gpu=1.5", "CSC304", "`gpu` counts in whole units", "write `1` or `2`", 16),
        ("task:align mem=-1GB", "CSC303", "an amount cannot be negative", "0 demands nothing, `none` takes it back", 16),
        ("task:align gpu=9e30", "CSC305", "this amount is too large", f"the largest is {INT_MAX}", 16),
        ("task:align mem=3Gb", "CSC007", "unknown unit `Gb`", "did you mean `3GB`?", 16),
        ("task:align gpu=10/s", "CSC652", "`10/s` is a rate: a demand is an amount", "limit a rate with `cascade limit`", 16),
        ("task:align gpu=n", "CSC308", "an amount from outside the file is a plain number", "write a number, a size or `none`", 16),
        ("task:align gpu=1 gpu=2", "CSC652", "`gpu` is set twice", "leave one of them out", 18),
        ("task:align gpu 1", "CSC652", "`gpu 1` sets nothing", "write a resource and how much it is: `mem=16GB`", 12),
        ("task:align", "CSC652", "nothing is set", "write what and how much: `cascade set task:NAME mem=16GB`", 11),
        ("mem=16GB", "CSC652", "a scope is wanted before what is set", "write `cascade set task:NAME mem=16GB`", 1),
        ("task:alin mem=16GB", "CSC302", "no task matches `alin`", "did you mean `task:align`?", 1),
    ],
)  # fmt: skip
def test_each_refusal_of_a_demand_has_a_place_and_a_mend(
    text: str, code: str, message: str, help: str, column: int
) -> None:
    diagnostics = found(text)
    assert [(d.code, d.message, d.help) for d in diagnostics] == [(code, message, help)]
    assert diagnostics[0].primary is not None
    assert diagnostics[0].primary.column == column
    assert diagnostics[0].primary.source == (text,)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("task:fetch high", "`high` is no priority", 12),
        ("task:fetch 1.5", "`1.5` is no priority", 12),
        ("task:fetch 5 6", "a scope and a priority are wanted", 14),
        ("task:fetch", "a scope and a priority are wanted", 11),
        (f"task:fetch {INT_MAX + 1}", f"`{INT_MAX + 1}` is no priority", 12),
    ],
)
def test_each_refusal_of_a_priority_has_a_place(text: str, message: str, column: int) -> None:
    diagnostics = found(text, priority=True)
    assert [(d.code, d.message) for d in diagnostics] == [("CSC651", message)]
    assert diagnostics[0].primary is not None
    assert diagnostics[0].primary.column == column


def test_several_faults_are_told_at_once() -> None:
    assert [d.code for d in found("task:alin memm=1 gpu=-1")] == ["CSC302", "CSC302", "CSC303"]


def test_without_a_run_only_the_form_is_judged() -> None:
    check_form("set", "task:anything licences=3")
    check_form("priority", "task:anything 3")
    with pytest.raises(CascadeError, match="CSC651"):
        check_form("priority", "task:anything high")
    with pytest.raises(CascadeError, match="CSC652"):
        check_form("set", "task:anything mem")
