"""The JSON form of the ir: round trips, what is left out, and what is refused at which path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir import events, expr, graph, requirement, types
from cascade_dsl.ir.codec import decode, encode, graph_from_json, graph_from_text, graph_to_json


def refused(cls: object, data: Any) -> str:
    with pytest.raises(CascadeError) as caught:
        decode(cls, data)
    (found,) = caught.value.diagnostics
    assert found.code == "CSC400"
    return found.message.removeprefix("not a graph that Cascade wrote: ")


def test_defaults_are_left_out_and_come_back() -> None:
    limit = requirement.Limit(scope=requirement.Scope("task", "fetch"), amount=3)
    data = encode(limit)
    assert data == {"_": "Limit", "scope": {"_": "Scope", "kind": "task", "pattern": "fetch"}, "amount": 3}
    assert decode(requirement.Limit, data) == limit


def test_the_order_of_keys_is_that_of_the_fields() -> None:
    call = graph.Call(id=1, name="a", task="t", args=(("x", expr.Lit({"b": 1, "a": [None, 1.5]})),), after=(0,))
    assert json.dumps(encode(call)) == (
        '{"_": "Call", "id": 1, "name": "a", "task": "t", '
        '"args": [["x", {"_": "Lit", "value": {"b": 1, "a": [null, 1.5]}}]], "after": [0]}'
    )


def test_a_literal_that_looks_like_a_tag_passes_untouched() -> None:
    value = {"_": "Ref", "node": 3}
    assert decode(expr.Expr, encode(expr.Lit(value))) == expr.Lit(value)


def test_events_and_layers_round_trip() -> None:
    word = requirement.Limit(scope=requirement.Scope("global"), amount=None, hard=True, until_ns=5)
    event = events.WordSet(word=events.Word(requirement.Layer.LIVE, word), who="me")
    data = encode(event)
    assert data["word"]["layer"] == 5
    assert decode(events.Event, data) == event
    computed = events.Computed(key=(3, 0, 7), value="true", fact=False)
    assert decode(events.Event, encode(computed)) == computed


def test_depth_of_200_in_expressions_and_more_than_allowed() -> None:
    deep: expr.Expr = expr.Lit(1)
    for _ in range(200):
        deep = expr.RecordOf((("k", deep),))
    text = json.dumps(encode(deep))
    assert json.dumps(encode(decode(expr.Expr, json.loads(text)))) == text
    data: Any = {"_": "Lit", "value": 1}
    for _ in range(100_000):
        data = {"_": "ListOf", "items": [data]}
    assert refused(expr.Expr, data).endswith("it is nested too deeply")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "at $: expected a Lit or a Ref or a Var or a Text or a ListOf or a RecordOf or a Apply or a Field or a Logic "
            "or a Choose or a Comprehension, found the number 7"),
        ({"_": "Ref"}, "at $: a Ref has no `node`"),
        ({"_": "Ref", "node": "x"}, "at $.node: expected a whole number, found 'x'"),
        ({"_": "Ref", "node": True}, "at $.node: expected a whole number, found true"),
        ({"_": "Ref", "node": 1, "more": 1}, "at $.more: a Ref has no field of this name"),
        ({"_": "Text", "parts": ["a", {"_": "Var", "name": None}]}, "at $.parts[1].name: expected a text, found null"),
        ({"_": "RecordOf", "fields": [["a"]]}, "at $.fields[0]: expected a list of 2, found a list of 1"),
        ({"_": "ListOf", "items": {}}, "at $.items: expected a list, found an object without `_`"),
    ],
)  # fmt: skip
def test_a_wrong_shape_names_its_path(data: Any, message: str) -> None:
    assert refused(expr.Expr, data) == message


def test_options_and_enums_are_checked() -> None:
    assert refused(requirement.Scope, {"_": "Scope", "kind": "all"}) == (
        "at $.kind: expected one of 'global', 'task', 'tag', 'flow', 'resource', found 'all'"
    )
    word = {"_": "Word", "layer": 9, "limit": encode(requirement.Limit(scope=requirement.Scope("global"), amount=1))}
    assert refused(events.Word, word) == "at $.layer: expected one of 0, 1, 2, 3, 4, 5, found the number 9"


def whole() -> graph.Graph:
    task = graph.TaskDef(
        name="t",
        inputs=(graph.Input(name="x", type=types.ListType(types.INT)),),
        outputs=(graph.OutputSpec(name="out", type=types.FILE, form="path"),),
        clauses=graph.Clauses(requires=(graph.Requirement(resource="cpu", amount=expr.Lit(1)),)),
        body=graph.ExecBody(words=(expr.Lit("true"),)),
    )
    return graph.Graph(
        name="g",
        file="g.csc",
        tasks=(task,),
        resources=(requirement.Resource(name="cpu", dimension="millicpu"),),
        limits=(requirement.Limit(scope=requirement.Scope("global"), amount=expr.Ref(0)),),
        nodes=(
            graph.Param(id=0, name="n", type=types.OptionalType(types.RecordType((("a", types.STR),)))),
            graph.Call(id=1, name="c", task="t", args=(("x", expr.Lit([1])),)),
            graph.Output(id=2, name="o", node=1, type=types.FILE),
        ),
        sources=(graph.SourceDigest(path="g.csc", digest="00"),),
    )


def test_a_graph_round_trips_through_text() -> None:
    document = json.loads(json.dumps(graph_to_json(whole())))
    assert document["cascade_graph"] == graph.GRAPH_SCHEMA
    assert graph_from_json(document) == whole()


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ([], "CSC400", "not a graph that Cascade wrote: there is no `cascade_graph` at the top"),
        ({"cascade_graph": 99, "graph": {}}, "CSC401", "this graph has schema 99, this version of Cascade reads schema 2"),
        ({"cascade_graph": 2}, "CSC400", "not a graph that Cascade wrote: at $: expected a Graph, found null"),
    ],
)  # fmt: skip
def test_what_is_no_graph_is_refused(data: Any, code: str, message: str) -> None:
    with pytest.raises(CascadeError) as caught:
        graph_from_json(data)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == (code, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a graph that Cascade wrote: Expecting value: line 1 column 1 (char 0)"),
        ('{"cascade_graph": NaN}', "not a graph that Cascade wrote: NaN is no JSON"),
        ('["\\ud800"]', "not a graph that Cascade wrote: a text in it holds half of a character"),
        ("[" * 100_000, "not a graph that Cascade wrote: it is nested too deeply"),
    ],
)
def test_text_that_is_no_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(CascadeError) as caught:
        graph_from_text(text)
    assert caught.value.diagnostics[0].message == message


def test_a_graph_is_read_from_text() -> None:
    assert graph_from_text(json.dumps(graph_to_json(whole()))) == whole()
