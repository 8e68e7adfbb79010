"""Events ↔ rows of the journal."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.ir import events as ev
from cascade_dsl.ir.expr import Apply, Lit, Var
from cascade_dsl.ir.requirement import Identity, Layer, Limit, Scope, Window
from cascade_dsl.ir.used import PeakFrom, Used
from cascade_dsl.store.eventcodec import CLASSES, UnreadableEvent, decode, encode

INT64 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
COUNT = st.integers(min_value=0, max_value=2**63 - 1)
# Lone surrogates too: a path that is not UTF-8 has them.
TEXT = st.text(alphabet=st.characters(), max_size=20)
KEYS = st.lists(COUNT, min_size=1, max_size=4).map(tuple)
SCOPES = st.builds(Scope, st.sampled_from(["global", "task", "tag", "flow", "resource"]), TEXT)
LIMITS = st.builds(
    Limit,
    scope=SCOPES,
    amount=st.none() | COUNT,
    kind=st.sampled_from(["hold", "spend"]),
    per_ns=st.none() | COUNT,
    burst=st.none() | COUNT,
    whole=st.booleans(),
    by=st.none() | st.just(Apply("lower", (Var("host"),))) | st.just(Lit([1, {"a": None}])),
    by_text=TEXT,
    for_ns=st.none() | COUNT,
    until_ns=st.none() | COUNT,
    window=st.none() | st.builds(Window, start_minute=st.just(540), end_minute=st.just(1080), days=st.just((0, 4))),
    hard=st.booleans(),
    because=TEXT,
)
IDENTITIES = st.builds(Identity, SCOPES, st.sampled_from(["hold", "spend"]), TEXT)
WINDOWS = st.builds(Window, start_minute=COUNT, end_minute=COUNT, days=st.lists(COUNT, max_size=7).map(tuple))
WORDS = st.builds(ev.Word, st.sampled_from(Layer), LIMITS)
FACTS = st.builds(
    ev.Facts,
    amounts=st.lists(COUNT, max_size=3).map(tuple),
    retries=COUNT,
    backoff_min_ns=COUNT,
    backoff_max_ns=COUNT,
    timeout_ns=st.none() | COUNT,
    priority=INT64,
    keys=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
)
REMOVALS = st.builds(ev.PlannedRemoval, path=TEXT, size=COUNT, digest=TEXT)
FILES = st.builds(ev.PlannedFile, scratch=TEXT, final=TEXT, size=COUNT, digest=TEXT, inode=COUNT, temporary=TEXT)
USED = st.builds(Used, COUNT, COUNT, COUNT, COUNT, COUNT, st.sampled_from(get_args(PeakFrom)))
STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "int": INT64,
    "str | None": st.none() | TEXT,
    "int | None": st.none() | INT64,
    "bool": st.booleans(),
    "bool | None": st.none() | st.booleans(),
    "NodeKey": KEYS,
    "tuple[tuple[NodeKey, str], ...]": st.lists(st.tuples(KEYS, TEXT), max_size=3).map(tuple),
    "tuple[NodeKey, ...]": st.lists(KEYS, max_size=3).map(tuple),
    "Word": WORDS,
    "tuple[Word, ...]": st.lists(WORDS, max_size=2).map(tuple),
    "tuple[tuple[str, str], ...]": st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    "tuple[tuple[str, int], ...]": st.lists(st.tuples(TEXT, INT64), max_size=2).map(tuple),
    "tuple[tuple[str, int | None], ...]": st.lists(st.tuples(TEXT, st.none() | INT64), max_size=2).map(tuple),
    "tuple[str, ...]": st.lists(TEXT, max_size=2).map(tuple),
    "Layer": st.sampled_from(Layer),
    "Identity": IDENTITIES,
    "Window": WINDOWS,
    "Scope": SCOPES,
    "Scope | None": st.none() | SCOPES,
    "Facts": FACTS,
    "Used | None": st.none() | USED,
    "tuple[PlannedFile, ...]": st.lists(FILES, max_size=2).map(tuple),
    "tuple[PlannedRemoval, ...]": st.lists(REMOVALS, max_size=2).map(tuple),
    "tuple[tuple[str, tuple[int, ...]], ...]": st.lists(
        st.tuples(TEXT, st.lists(COUNT, max_size=3).map(tuple)), max_size=2
    ).map(tuple),
    "OnFailure": st.sampled_from(get_args(ev.OnFailure)),
    "FailureReason": st.sampled_from(get_args(ev.FailureReason)),
    "RunStatus": st.sampled_from(get_args(ev.RunStatus)),
    "Literal['timeout', 'cancelled', 'preempted']": st.sampled_from(["timeout", "cancelled", "preempted"]),
}


def events_of(cls: type[ev.Event]) -> st.SearchStrategy[ev.Event]:
    """Events of one class; a field of a type that no strategy is known for is a KeyError, so none is forgotten."""
    return st.builds(cls, **{field.name: STRATEGIES[str(field.type)] for field in fields(cls)})


EVENTS = st.sampled_from(list(CLASSES.values())).flatmap(events_of)


def test_every_class_of_events_has_a_row() -> None:
    assert set(CLASSES.values()) == set(get_args(ev.Event))


@pytest.mark.parametrize("cls", CLASSES.values(), ids=lambda cls: cls.__name__)
def test_round_trip(cls: type[ev.Event]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(events_of(cls))
    def check(event: ev.Event) -> None:
        kind, payload = encode(event)
        assert kind == cls.__name__
        assert payload.isascii()
        back = decode(kind, ev.EVENT_SCHEMA, payload)
        assert back == event
        assert type(back) is cls

    check()


def test_the_row_is_an_object_with_the_names_of_the_fields() -> None:
    event = ev.AttemptFinished(key=(5, 0, 12), epoch=0, attempt=2, value='"ok"')
    kind, payload = encode(event)
    assert kind == "AttemptFinished"
    assert json.loads(payload) == {
        "key": [5, 0, 12],
        "epoch": 0,
        "attempt": 2,
        "value": '"ok"',
        "blob": None,
        "length": None,
        "recipe": "",
        "used": None,
    }


def test_a_plan_of_before_there_were_removals_is_read() -> None:
    event = ev.PublishPlanned(key=(1,), epoch=0, attempt=1, files=(), value="1")
    kind, payload = encode(event)
    data = json.loads(payload)
    assert data.pop("removals") == []
    assert decode(kind, ev.EVENT_SCHEMA, json.dumps(data)) == event


def test_a_field_that_was_added_later_takes_its_default() -> None:
    """An older row of the same schema lacks fields that have a default now."""
    for cls in CLASSES.values():
        kept = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
        if kept == {f.name for f in fields(cls)} or not kept <= {"key", "epoch", "attempt", "value", "node", "region"}:
            continue
        full = {"key": [1], "region": [1], "epoch": 0, "attempt": 1, "node": 3, "value": "1"}
        back: Any = decode(cls.__name__, ev.EVENT_SCHEMA, json.dumps({name: full[name] for name in kept}))
        assert getattr(back, "blob", None) is None
        assert all(getattr(back, f.name) == f.default for f in fields(cls) if f.name not in kept)


@pytest.mark.parametrize(
    ("kind", "schema", "payload", "why"),
    [
        ("BackoffEnded", 2, '{"key":[1]}', "schema 2 is not 1, the one that this version reads"),
        ("Exploded", 1, "{}", "there is no event `Exploded` in this version"),
        ("BackoffEnded", 1, "[", "its payload is no BackoffEnded: Expecting value: line 1 column 2 (char 1)"),
        ("BackoffEnded", 1, '{"key":7}', "its payload is no BackoffEnded: 'int' object is not iterable"),
        (
            "BackoffEnded",
            1,
            '{"key":[7],"colour":1}',
            "its payload is no BackoffEnded: BackoffEnded.__init__() got an unexpected keyword argument 'colour'",
        ),
    ],
)
def test_what_is_no_event_is_named(kind: str, schema: int, payload: str, why: str) -> None:
    with pytest.raises(UnreadableEvent) as caught:
        decode(kind, schema, payload)
    assert str(caught.value) == why


def test_a_word_of_the_wrong_shape_is_named() -> None:
    with pytest.raises(UnreadableEvent, match=r"^its payload is no WordSet: "):
        decode("WordSet", 1, '{"word":{"_":"Word","layer":"high"},"who":""}')


@given(
    key=KEYS,
    recipe=TEXT,
    value=st.none() | TEXT,
    blob=st.none() | TEXT,
    length=st.none() | COUNT,
    removals=st.lists(st.builds(ev.PlannedRemoval, path=TEXT, size=COUNT, digest=TEXT), max_size=1).map(tuple),
    gone=st.booleans(),
)
def test_the_short_way_of_a_recalled_result_writes_what_the_general_one_does(
    key: tuple[int, ...],
    recipe: str,
    value: str | None,
    blob: str | None,
    length: int | None,
    removals: tuple[ev.PlannedRemoval, ...],
    gone: bool,
) -> None:
    event = ev.Recalled(key=key, recipe=recipe, value=value, blob=blob, length=length, temporary=removals, gone=gone)
    row = {f.name: getattr(event, f.name) for f in fields(ev.Recalled)}
    row["temporary"] = [{f.name: getattr(one, f.name) for f in fields(one)} for one in removals]
    assert encode(event) == ("Recalled", json.dumps(row, separators=(",", ":")))
