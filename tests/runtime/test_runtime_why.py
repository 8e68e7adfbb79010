"""`cascade why` and `cascade limits`, whole, on runs in virtual time: one for each thing that a node may wait for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from asked import limits, why
from graphs import Table, call, fan, graph, output, param, scope_of, task, word
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.engine.inputs import DrainAsked, LimitGiven, PauseAsked
from cascade_dsl.ir.events import NoLongerStarved, Starved, Word
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Identity, Layer, Limit
from cascade_dsl.limits import passing
from cascade_dsl.testing.simulate import Played, Simulation

S = 1_000_000_000
GB = 10**9


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def live(sentence: Limit, *, who: str = "ann") -> LimitGiven:
    return LimitGiven(word=Word(Layer.LIVE, sentence), who=who)


def limit(scope: str, amount: int, **more: object) -> Limit:
    return replace(Limit(scope=scope_of(scope), amount=amount), **more)  # pyright: ignore[reportArgumentType]


def pages(
    count: int = 8,
    *,
    requires: dict[str, object] | None = None,
    retry: tuple[int, float, float] | None = None,
    played: dict[NodeKey, list[Played]] | None = None,
) -> Simulation:
    """`pages = [fetch(u) for u in urls]`, `total = sum(pages)`, under cpu 2, mem 64GB and `limit task:fetch 3`."""
    nodes = [
        param(1),
        fan(2, 1, 3, [call(4, "fetch", 3, name="pages")], 4),
        call(5, "sum", 2, name="total"),
        output(6, 5),
    ]
    tasks = [task("fetch", requires={"cpu": 0.1, **(requires or {})}, retry=retry), task("sum")]
    words = [
        word("cpu", 2000, Layer.MACHINE),
        word("mem", 64 * GB, Layer.MACHINE),
        Word(Layer.FILE, limit("task:fetch", 3, because="three at once", line=4)),
    ]
    played = {} if played is None else played
    oracle = Table(lengths={1: count}, takes_ns=60 * S, played=played)
    simulation = Simulation(graph(tasks, nodes, {"mem": "bytes"}), oracle, words=words)
    simulation.now_ns = 10 * S
    return simulation


def asked(simulation: Simulation, *nodes: str) -> str:
    """What is printed for each node."""
    return "\n\n".join(why(simulation.state, simulation.now_ns, node) for node in nodes)


def test_of_a_pool(snapshot: SnapshotAssertion) -> None:
    simulation = pages()
    assert asked(simulation, "pages[5]", "pages.3", "pages.0") == snapshot


def test_of_two_pools(snapshot: SnapshotAssertion) -> None:
    simulation = pages(requires={"mem": 20 * GB})
    simulation.turn(live(limit("mem", 66 * GB, because="the other half is lent")))
    simulation.now_ns += 5 * S
    assert asked(simulation, "pages[7]") == snapshot


def test_of_a_rate(snapshot: SnapshotAssertion) -> None:
    simulation = pages()
    simulation.turn(live(limit("task:fetch", 20)), live(limit("task:fetch", 6, kind="spend", per_ns=60 * S)))
    simulation.now_ns += 3 * S
    assert asked(simulation, "pages[5]") == snapshot
    assert limits(simulation.state, simulation.now_ns) == snapshot(name="limits")
    assert limits(simulation.state, simulation.now_ns, 44) == snapshot(name="narrow")


def test_of_a_paused_scope(snapshot: SnapshotAssertion) -> None:
    simulation = pages()
    simulation.turn(PauseAsked(scope=scope_of("task:fetch"), who="ann", because="lunch", for_ns=1200 * S))
    simulation.now_ns += 180 * S
    simulation.state.ledger.at(simulation.now_ns)
    assert asked(simulation, "pages[5]") == snapshot
    assert limits(simulation.state, simulation.now_ns) == snapshot(name="limits")


def test_of_an_upstream(snapshot: SnapshotAssertion) -> None:
    simulation = pages()
    assert asked(simulation, "total") == snapshot


def test_of_a_list_that_is_not_known_yet(snapshot: SnapshotAssertion) -> None:
    nodes = [
        call(1, "sum", name="urls"),
        fan(2, 1, 3, [call(4, "fetch", 3, name="pages")], 4),
        call(5, "sum", 2, name="total"),
    ]
    simulation = Simulation(graph([task("sum"), task("fetch")], nodes), Table(lengths={1: 3}, takes_ns=60 * S))
    assert asked(simulation, "pages[1]", "pages", "total") == snapshot


def test_of_a_reservation(snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "PATIENCE", 2)
    nodes = [
        param(1),
        param(9),
        fan(2, 1, 3, [call(4, "small", 3, name="small")], 4),
        fan(5, 9, 6, [call(7, "big", 6, name="big")], 7),
    ]
    tasks = [
        task("small", requires={"cpu": 0, "mem": 10 * GB}),
        task("big", requires={"cpu": 0, "mem": 60 * GB}, priority=1),
    ]
    played = {(4, i): [Played(takes_ns=(i + 1) * S)] for i in range(12)}
    simulation = Simulation(
        graph(tasks, nodes, {"mem": "bytes"}),
        Table(lengths={1: 12, 9: 1}, takes_ns=60 * S, played=played),
        words=[word("mem", 64 * GB, Layer.MACHINE), word("task:big", 0)],
    )
    simulation.turn(live(limit("task:big", 1)))
    while len(simulation.state.running) > 4:
        assert simulation.advance()
    assert simulation.state.ledger.told.standing((7, 0)).is_reserved
    assert asked(simulation, "big", "small") == snapshot


def test_of_one_that_is_starved(snapshot: SnapshotAssertion) -> None:
    simulation = pages(requires={"mem": 20 * GB})
    events = simulation.turn(live(limit("mem", 16 * GB, because="the neighbours")))
    mem = Identity(scope_of("mem"))
    assert [e for e in events if isinstance(e, Starved)] == [
        Starved(task="fetch", identity=mem, need=20 * GB, limit=16 * GB)
    ]
    simulation.now_ns += 5 * S
    assert asked(simulation, "pages[5]", "pages") == snapshot
    assert not any(isinstance(e, Starved) for e in simulation.turn(live(limit("cpu", 3000)))), "told once"
    events = simulation.turn(live(limit("mem", 64 * GB)))
    assert [e for e in events if isinstance(e, NoLongerStarved)] == [NoLongerStarved(task="fetch", identity=mem)]


def test_what_is_queued_under_a_limit_that_is_too_low_is_told_too() -> None:
    simulation = pages(requires={"mem": 20 * GB}, count=2)
    nodes = [param(1), call(5, "sum", 1, name="first"), fan(2, 5, 3, [call(4, "fetch", 3, name="pages")], 4)]
    oracle = Table(lengths={1: 3, 5: 3}, takes_ns=60 * S)
    tasks = [task("sum"), task("fetch", requires={"mem": 20 * GB})]
    simulation = Simulation(graph(tasks, nodes, {"mem": "bytes"}), oracle, words=[word("mem", 64 * GB, Layer.MACHINE)])
    assert not any(isinstance(e, Starved) for e in simulation.turn(live(limit("mem", GB)))), "nothing waits for it yet"
    assert simulation.play() == "stalled"
    assert [e.task for _, e in simulation.events if isinstance(e, Starved)] == ["fetch"]


def test_of_a_backoff_a_drain_and_the_end(snapshot: SnapshotAssertion) -> None:
    simulation = pages(retry=(1, 30.0, 30.0), played={(4, 0): [Played(takes_ns=S, exit=1)]})
    while (4, 0) not in simulation.state.attempts:
        assert simulation.advance()
    assert asked(simulation, "pages[0]") == snapshot
    simulation.turn(DrainAsked(why="asked for"))
    assert asked(simulation, "pages[5]", "total") == snapshot(name="draining")


def test_words_that_fit_nothing_and_words_under_others(snapshot: SnapshotAssertion) -> None:
    simulation = pages()
    simulation.state.ledger.set_word(Word(Layer.CONFIG, limit("task:other", 3, hard=True)))
    simulation.turn(live(limit("task:fetch", 1, until_ns=700 * S, because="the API complains")))
    simulation.now_ns += 3 * S
    assert limits(simulation.state, simulation.now_ns) == snapshot


@pytest.mark.parametrize("node", ["page", "pages[99]", "nothing", ""])
def test_names_that_nothing_has(node: str, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(CascadeError) as refused:
        asked(pages(), node)
    assert [(d.code, d.message, d.help) for d in refused.value.diagnostics] == snapshot
