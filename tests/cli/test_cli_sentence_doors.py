"""One sentence, every door: what a file, a task, a command line, its flags, `run --limit`, a message, a configuration and
the journal make of it is the same word; and what none of them may hold is refused by the same code and message.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Source
from cascade_dsl.base.quantity import SIZE_UNITS, exact_duration
from cascade_dsl.cli.options import VERBS
from cascade_dsl.cli.parse import parse
from cascade_dsl.cli.steer import sentence
from cascade_dsl.control.protocol import read_request, request_line
from cascade_dsl.ir.codec import graph_from_json, graph_to_json
from cascade_dsl.ir.events import EVENT_SCHEMA, Word, WordSet
from cascade_dsl.ir.graph import Graph
from cascade_dsl.ir.notation import literal_text
from cascade_dsl.ir.requirement import Dimension, Layer, Limit
from cascade_dsl.ir.sentences import limit_text
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.lang.sentence import parse_sentence
from cascade_dsl.runtime.configuration import configuration_of
from cascade_dsl.store.eventcodec import decode, encode

PROGRAM = """
{top}
task fetch(host: str, depth: int) -> int {{
  requires db, disk = 1MB
  tag net
  {inside}
  python "return 1"
}}
output got = fetch("a", 1)
"""
SCOPES = ("global", "task:fetch", "task:f*", "tag:net", "cpu", "mem", "db", "disk")
DIMENSIONS: dict[str, Dimension] = {"cpu": "millicpu", "mem": "bytes", "disk": "bytes"}


def compiled(top: str = "", inside: str = "") -> Graph:
    found = compile_source(Source("doors.csc", PROGRAM.format(top=top, inside=inside)), folder=Path("."))
    errors = [d for d in found.diagnostics if d.severity == "error"]
    if errors or found.graph is None:
        raise CascadeError(errors)
    return found.graph


GRAPH = compiled()


class Said:
    """A sentence in its parts: the words after the scope as (word, value), an empty word before a value without one."""

    def __init__(self, scope: str, amount: str, *options: tuple[str, str]) -> None:
        self.scope, self.amount, self.options = scope, amount, options

    @property
    def text(self) -> str:
        parts = [self.scope, self.amount]
        for word, value in self.options:
            parts += [word] * bool(word)
            parts += [literal_text(value) if word == "because" else value] * bool(value)
        return " ".join(parts)

    @property
    def is_hard(self) -> bool:
        return ("hard", "") in self.options

    def __repr__(self) -> str:
        return self.text


# ---- the doors --------------------------------------------------------------------------------------------------


def by_file(said: Said) -> Limit:
    (limit,) = compiled(top=f"limit {said.text}").limits
    return replace(limit, line=0)


def by_task(said: Said) -> Limit:
    (limit,) = compiled(inside=f"limit {said.text.removeprefix(said.scope)}").limits
    return replace(limit, line=0)


def by_graph(said: Said) -> Limit:
    graph = graph_from_json(json.loads(json.dumps(graph_to_json(compiled(top=f"limit {said.text}")))))
    return replace(graph.limits[0], line=0)


def typed(words: list[str]) -> Limit:
    text = sentence(parse(VERBS["limit"], words))
    request = read_request(request_line(1, "limit", {"text": text}).rstrip(b"\n"))
    return parse_sentence(request["text"], GRAPH)


def by_words(said: Said) -> Limit:
    words = [said.scope, said.amount]
    for word, value in said.options:
        words += [word] * bool(word)
        words += ([value] if word == "because" else value.split(" ")) * bool(value)
    return typed(words)


def by_one_argument(said: Said) -> Limit:
    return typed(said.text.split(" ", 1))


def by_flags(said: Said) -> Limit:
    words = [said.scope, said.amount]
    for word, value in said.options:
        words += [f"--{word or 'days'}"] if not value else [f"--{word or 'days'}", value]
    return typed(words)


def by_run(said: Said) -> Limit:
    (text,) = parse(VERBS["run"], ["a.csc", "--limit", said.text]).many["--limit"]
    return parse_sentence(text, GRAPH, layer=Layer.COMMAND_LINE)


def by_fleet(said: Said) -> Limit:
    return parse_sentence(f"limit {said.text}", GRAPH, layer=Layer.FLEET)


def by_configuration(said: Said) -> Limit:
    (one,) = configuration_of(f"limits = [{json.dumps(said.text, ensure_ascii=False)}]").limits
    return parse_sentence(one.text, GRAPH, layer=Layer.CONFIG)


def by_journal(said: Said) -> Limit:
    kind, payload = encode(WordSet(word=Word(Layer.LIVE, by_fleet(said))))
    event = decode(kind, EVENT_SCHEMA, payload)
    assert isinstance(event, WordSet)
    return event.word.limit


def by_print(said: Said) -> Limit:
    limit = parse_sentence(said.text, GRAPH, layer=Layer.CONFIG)
    return parse_sentence(limit_text(limit, DIMENSIONS.get(said.scope, "count")), GRAPH, layer=Layer.CONFIG)


Door = Callable[[Said], Limit]
FILES: tuple[Door, ...] = (by_file, by_graph, by_configuration, by_print)
OTHERS: tuple[Door, ...] = (by_words, by_one_argument, by_flags, by_run, by_fleet, by_journal)


def doors(said: Said) -> tuple[Door, ...]:
    open_: tuple[Door, ...] = FILES if said.is_hard else (*FILES, *OTHERS)
    return (*open_, by_task) if said.scope == "task:fetch" else open_


# ---- good ones --------------------------------------------------------------------------------------------------

GOOD = [
    Said("task:fetch", "3"),
    Said("task:fetch", "0"),
    Said("task:f*", "1_000"),
    Said("global", "16", ("because", 'they "asked" \\ {{it}}\n\tfor é')),
    Said("tag:net", "5", ("hard", "")),
    Said("cpu", "1.5"),
    Said("mem", "32GB"),
    Said("mem", "2GiB", ("for", "10m")),
    Said("db", "1"),
    Said("disk", "10MB/s", ("burst", "64MiB")),
    Said("task:fetch", "10/s"),
    Said("task:fetch", "0.5/s", ("burst", "20")),
    Said("task:fetch", "100000/s"),
    Said("task:fetch", "1/d", ("by", "host")),
    Said("task:fetch", "2", ("by", "host")),
    Said("task:fetch", "2", ("by", 'lower( split(host, ".")[0] )')),
    Said("task:fetch", "2", ("by", '"{{host}}:{{depth // 2}}"')),
    Said("task:fetch", "1", ("for", "1h30m"), ("because", "API complains")),
    Said("task:fetch", "1", ("until", "08:00")),
    Said("task:fetch", "3", ("from", "09:00"), ("to", "18:00"), ("", "mon-fri")),
    Said("task:fetch", "3", ("from", "22:00"), ("to", "06:00"), ("", "fri-mon,wed")),
    Said("task:fetch", "90/m", ("burst", "20"), ("by", "host"), ("from", "00:00"), ("to", "00:00"), ("hard", ""), ("because", "x")),
    Said("task:fetch", "none"),
    Said("mem", "none", ("because", "no more")),
]  # fmt: skip


@pytest.mark.parametrize("said", GOOD, ids=repr)
def test_one_word_at_every_door(said: Said) -> None:
    expected = by_fleet(said) if not said.is_hard else by_configuration(said)
    found = {door.__name__: door(said) for door in doors(said)}
    assert found == dict.fromkeys(found, expected)


COUNTS = st.integers(0, 10**6).map(str)
SIZES = st.builds("{}{}".format, st.integers(1, 999), st.sampled_from(["B", "KB", "MB", "GB", "KiB", "MiB"]))
CORES = st.integers(0, 10**6).map(lambda milli: f"{milli // 1000}.{milli % 1000:03}")
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
DAY = st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
DAYS = st.lists(DAY | st.builds("{}-{}".format, DAY, DAY), min_size=1, max_size=3).map(",".join)
KEYS = st.sampled_from(
    ["host", "depth", "lower(host)", "host + str(depth)", '"{{host}}/{{depth}}"', "depth % 7", "[host, host][0]"]
)
REASONS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@st.composite
def sentences(draw: Any) -> Said:
    scope = draw(st.sampled_from(SCOPES))
    amounts = SIZES if scope in ("mem", "disk") else CORES if scope == "cpu" else COUNTS
    amount = draw(amounts)
    options: list[tuple[str, str]] = []
    if draw(st.booleans()):
        amount = f"{amount}/{draw(st.sampled_from('smhd'))}"
        burst: str = {"mem": "5GB", "disk": "1MB", "cpu": "1.5"}.get(scope) or draw(st.integers(1, 10**6).map(str))
        if scope in ("disk", "cpu") or draw(
            st.booleans()
        ):  # `fetch` takes more than a byte, or 0.001 of a core, at once
            options.append(("burst", burst))
    if draw(st.booleans()):
        options.append(("by", draw(KEYS)))
    match draw(st.sampled_from(["for", "until", ""])):
        case "for":
            options.append(("for", exact_duration(draw(st.integers(1, 10**17)))))
        case "until":
            options.append(("until", draw(TIMES)))
        case _:
            pass
    if draw(st.booleans()):
        options += [("from", draw(TIMES)), ("to", draw(TIMES))]
        options += [("", draw(DAYS))] * draw(st.booleans())
    if draw(st.integers(0, 3)) == 0:
        options.append(("hard", ""))
    if draw(st.booleans()):
        options.append(("because", draw(REASONS)))
    return Said(scope, amount, *options)


@given(sentences())
def test_any_sentence_is_one_word_at_every_door(said: Said) -> None:
    expected = by_configuration(said)
    found = {door.__name__: door(said) for door in doors(said)}
    assert found == dict.fromkeys(found, expected)


@given(st.integers(1, 10**18), st.sampled_from(sorted(SIZE_UNITS)))
def test_sizes_are_printed_exactly(number: int, unit: str) -> None:
    size = min(number, 10**6) * SIZE_UNITS[unit]
    for amount in (number, size):
        limit = Limit(scope=parse_sentence("mem 1GB", GRAPH).scope, amount=min(amount, 2**63 - 1))
        assert parse_sentence(limit_text(limit, "bytes"), GRAPH) == limit


# ---- bad ones ---------------------------------------------------------------------------------------------------

BAD = [
    (Said("task:fetch", "-1"), "CSC303", "an amount cannot be negative"),
    (Said("mem", "-3GB"), "CSC303", "an amount cannot be negative"),
    (Said("task:fetch", "-1/s"), "CSC303", "an amount cannot be negative"),
    (Said("task:fetch", "1.5"), "CSC304", "`task:fetch` counts in whole units"),
    (Said("gpu", "0.5"), "CSC304", "`gpu` counts in whole units"),
    (Said("task:fetch", "9223372036854775808"), "CSC305", "this amount is too large"),
    (Said("task:fetch", "99999999999999999999"), "CSC008", "this number is too large"),
    (Said("mem", "99999999PB"), "CSC008", "this number is too large"),
    (Said("mem", "3"), "CSC306", "`mem` is measured in bytes, `3` has no unit"),
    (Said("mem", "3/s"), "CSC306", "`mem` is measured in bytes, `3` has no unit"),
    (Said("task:fetch", "3GB"), "CSC307", "`task:fetch` is counted, `3GB` is a size"),
    (Said("mem", "4XB"), "CSC007", "unknown unit `XB`"),
    (Said("task:fetch", "10s"), "CSC308", "a duration is no amount"),
    (Said("task:fetch", "10/sec"), "CSC324", "`/sec` is no unit of a rate"),
    (Said("task:fetch", "3", ("burst", "5")), "CSC313", "`burst` belongs to a rate"),
    (Said("task:fetch", "3/s", ("burst", "0")), "CSC323", "a burst is at least 1"),
    (Said("task:fetch", "2", ("whole", "")), "CSC314", "`whole` belongs to flows"),
    (Said("task:fetch", "3", ("for", "10")), "CSC312", "`for` takes a duration"),
    (Said("task:fetch", "3", ("until", "25:00")), "CSC025", "`25:00` is no time of day"),
    (Said("task:fetch", "3", ("for", "1m"), ("until", "08:00")), "CSC018", "`for` and `until` exclude each other"),
    (Said("task:fetch", "none", ("for", "10m")), "CSC322", "`none` sets no limit, and `for` is about one"),
    (Said("task:fetch", "2", ("by", "hots")), "CSC317", "`by` uses `hots`, which is no input of `fetch`"),
    (Said("task:fetch", "2", ("by", "read(host)")), "CSC318", "`read` reads what is outside the program, and a key is made of inputs alone"),
    (Said("task:fetch", "2", ("by", "[host]")), "CSC319", "a key is one value, `[host]` of `fetch` is list[str]"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "code", "message"), BAD, ids=repr)
def test_what_is_wrong_is_refused_alike_at_every_door(said: Said, code: str, message: str) -> None:
    found: dict[str, list[tuple[str, str]]] = {}
    for door in doors(said):
        with pytest.raises(CascadeError) as caught:
            door(said)
        found[door.__name__] = [(d.code, d.message) for d in caught.value.diagnostics]
    assert found == {door: [(code, message)] for door in found}


def test_hard_is_refused_where_no_file_is() -> None:
    for door in OTHERS:
        with pytest.raises(CascadeError) as caught:
            door(Said("task:fetch", "3", ("hard", "")))
        assert [(d.code, d.message) for d in caught.value.diagnostics] == [("CSC311", "`hard` stands in files only")]
