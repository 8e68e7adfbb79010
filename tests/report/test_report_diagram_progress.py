"""The states in a picture against what the engine's events and counts say, at every instant of simulated runs."""

from __future__ import annotations

from collections import Counter

import pytest
from graphs import Table, call, compute, fan, graph, output, param, task, word
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.engine.state import At
from cascade_dsl.engine.step import replay
from cascade_dsl.ir.events import AttemptFailed, AttemptFinished, AttemptLost, AttemptStarted
from cascade_dsl.ir.graph import Call, Graph, walk
from cascade_dsl.report.diagram.build import build
from cascade_dsl.report.diagram.progress import Progress, progress
from cascade_dsl.testing.simulate import Simulation

TASKS = [task("t"), task("u", retry=(1, 0.0, 0.0))]
NESTED = graph(
    TASKS,
    [
        param(1),
        fan(2, 1, 3, [call(4, "t", 3), fan(5, 4, 6, [call(7, "u", 6), call(8, "t", 7)], 8), call(9, "u", 5)], 9),
        fan(10, 2, 11, [compute(12, 11), call(13, "t", 11)], 13, condition=12),
        call(14, "t", 10),
        output(15, 14),
    ],
)
FLAT = graph(
    TASKS,
    [
        param(1),
        fan(2, 1, 3, [fan(4, 1, 5, [call(6, "t", 5)], 6)], 4, flatten=True),
        fan(7, 2, 8, [call(9, "u", 8)], 9),
        call(10, "t", 7),
    ],
)


def of_calls(source: Graph, found: Progress) -> Counter[str]:
    counts: Counter[str] = Counter()
    for node in walk(source.nodes):
        if isinstance(node, Call):
            for state, number in found.tallies[node.id].counts:
                counts[state] += number
    return counts


@pytest.mark.parametrize("source", [NESTED, FLAT], ids=["nested", "flat"])
@given(st.data(), st.sampled_from([0, 0, 30, 60]), st.integers(0, 3), st.text(max_size=2))
@settings(max_examples=60, deadline=None)
def test_states_are_what_the_events_say(
    source: Graph, data: st.DataObject, failing: int, dropped: int, seed: str
) -> None:
    lengths = {at: data.draw(st.integers(0, 4)) for at in range(1, 16)}
    oracle = Table(lengths=lengths, takes_ns=50, dropped=dropped, failing=failing, seed=f"s{seed}")
    run = Simulation(source, oracle, words=[word("cpu", 2000)], on_failure="continue")
    run.play()
    cut = data.draw(st.integers(1, len(run.events)))
    found = progress(source, run.events, live=True)
    counts = of_calls(source, found)
    assert counts["waiting"] == counts["running"] == 0
    assert not any(tally.more for tally in found.tallies.values())
    assert found.elements[2] == (lengths[1], False)
    for events in (run.events[:cut], run.events):
        counts = of_calls(source, progress(source, events, live=True))
        ended = [event for _, event in events]
        finished = sum(isinstance(e, AttemptFinished) for e in ended)
        failures = sum(isinstance(e, AttemptFailed) for e in ended)
        for_good = sum(isinstance(e, AttemptFailed) and e.retry_at_ns is None for e in ended)
        lost = sum(isinstance(e, AttemptLost) for e in ended)
        started = sum(isinstance(e, AttemptStarted) for e in ended)
        assert (counts["done"], counts["failed"]) == (finished, for_good)
        assert counts["running"] == started - finished - failures - lost
        state = replay(source, events)
        assert counts["skipped"] == state.counts[At.SKIPPED]
        assert counts["dropped"] == state.counts[At.DROPPED]
        assert sum(counts.values()) == sum(state.counts)


def test_a_run_that_has_hardly_begun_may_grow() -> None:
    run = Simulation(NESTED, Table(lengths={1: 3, 4: 2}), words=[word("cpu", 1000)])
    found = progress(NESTED, run.events, live=True)
    assert found.tallies[7].more
    assert not found.tallies[14].more
    shown = build(NESTED, tallies=found.tallies, elements=found.elements)
    inner = next(area for area in shown.areas if area.id == "r5")
    assert inner.title.endswith("×?")
    dead = progress(NESTED, run.events, live=False)
    assert set(of_calls(NESTED, dead)) == {"cancelled"}
