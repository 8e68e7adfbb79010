"""What `why` names is all that keeps a node: of random programs under random limits, at every instant."""

from __future__ import annotations

from collections.abc import Iterator

from graphs import Table, call, compute, fan, graph, output, param, scope_of, task, word
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.engine.inputs import DrainAsked, LimitGiven, PauseAsked, ResumeAsked
from cascade_dsl.engine.state import ENDED, At, Frame, State
from cascade_dsl.engine.step import replay, step, take_effects
from cascade_dsl.engine.waiting import Ending, Upstream, upstream, why
from cascade_dsl.ir.events import Word
from cascade_dsl.ir.graph import Graph, NodeKey
from cascade_dsl.ir.requirement import Layer, Limit
from cascade_dsl.testing.simulate import Simulation

GB = 10**9
HOUR = 3600 * 10**9
SCOPES = ("global", "task:a", "task:b", "task:*", "cpu", "mem")


def program(shape: int) -> Graph:
    """Streams, filters, lists of lists, calls that wait for whole lists and for values."""
    tasks = [
        task("a", requires={"mem": GB}, retry=(2, 1.0, 5.0)),
        task("b", requires={"cpu": 0.5, "mem": 2 * GB}, priority=1),
        task("c", requires={"cpu": 0}),
    ]
    condition = [compute(5, 3)] if shape % 3 == 0 else []
    nodes = [
        param(1),
        call(70, "b", None, name="setup"),
        fan(2, 1, 3, [*condition, call(4, "a", 3, name="got")], 4, condition=5 if condition else None),
        fan(20, 2, 21, [call(22, "b", 21, name="then"), call(23, "c", 22, name="last", after=(70,))], 23),
        call(50, "c", 20, name="whole"),
        call(51, "a", None, name="after", after=(50,)),
        output(60, 50),
    ]
    if shape % 2 == 0:
        nested = fan(30, 1, 31, [call(33, "c", 31, name="own"), call(34, "b", 33, name="next")], 34)
    else:
        nested = fan(
            30, 1, 31, [fan(10, 1, 11, [call(12, "b", 31, name="pair")], 12), call(33, "c", 31, name="own")], 33
        )
    return graph(tasks, [*nodes[:4], nested, *nodes[4:]], {"mem": "bytes"})


def instances(state: State) -> Iterator[tuple[Frame, int, int, NodeKey]]:
    """All that is in a list that is open."""
    for frame in (state.root, *state.frames.values()):
        for pos in range(len(frame.states)):
            for index in range(frame.count if frame.body.parent is not None else len(frame.states[pos])):
                yield frame, index, pos, frame.key(index, pos)


def check(simulation: Simulation) -> int:
    """Every instance has its reason; how many were kept by a demand."""
    state, ready = simulation.state, 0
    for frame, index, pos, key in instances(state):
        at = frame.states[pos][index]
        found = why(state, key)
        match at:
            case At.WAITING:
                unmet = list(upstream(state, key))
                if key not in state.awaiting:
                    assert len(unmet) == frame.hot[index].unmet[pos], found
                for other in unmet:
                    its, i, p = state.locate(other)
                    assert its.states[p][i] < ENDED or key in state.awaiting
                assert len([o for o in found.obstacles if isinstance(o, Upstream)]) + found.more == len(unmet) > 0
            case At.READY:
                assert found.standing is not None
                refused = found.standing.refusing or found.standing.unkeyed
                assert refused or any(isinstance(o, Ending) for o in found.obstacles), found
                assert tuple(d.pool for d in found.standing.refusing) == state.ledger.why(key)
                ready += 1
            case At.COLD:
                assert found.how == "cold"
                assert found.obstacles or found.how == "cold"
            case At.BACKOFF:
                assert found.until_ns is not None
                assert found.until_ns >= simulation.now_ns
            case _:
                assert found.how not in ("unknown", "absent")
    return ready


def lift(simulation: Simulation, key: NodeKey) -> None:
    """A copy of the run in which all that is named is out of the way, and nothing else: the node fits."""
    state = replay(simulation.graph, simulation.events, simulation.state.graphs)
    take_effects(state)
    state.ledger.at(simulation.now_ns)
    for demand in why(state, key).standing.refusing:  # pyright: ignore[reportOptionalMemberAccess]
        scope = demand.identity.scope
        if demand.is_pause:
            state.ledger.resume(scope)
        elif demand.per_ns is not None:
            rate = Limit(scope=scope, amount=10**9, kind="spend", per_ns=1, burst=10**12)
            state.ledger.set_word(Word(Layer.LIVE, rate))
        else:
            state.ledger.set_word(Word(Layer.LIVE, Limit(scope=scope, amount=10**15)))
    state.ledger.at(simulation.now_ns + HOUR)
    assert state.ledger.told.standing(key).refusing == ()
    assert state.ledger.choose() is not None


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_what_is_named_is_all_that_keeps_a_node(data: st.DataObject) -> None:
    lengths = {1: data.draw(st.integers(0, 6))}
    made = program(data.draw(st.integers(0, 5)))
    oracle = Table(
        lengths=lengths, seed=str(data.draw(st.integers(0, 99))), failing=data.draw(st.sampled_from((0, 20)))
    )
    words = [word("cpu", 4000, Layer.MACHINE), word("mem", 8 * GB, Layer.MACHINE)]
    simulation = Simulation(made, oracle, words=words, on_failure="continue")
    for _ in range(data.draw(st.integers(1, 25))):
        scope = scope_of(data.draw(st.sampled_from(SCOPES)))
        unit = GB if scope.pattern == "mem" else 1000 if scope.pattern == "cpu" else 1
        amount = data.draw(st.integers(0, 4)) * unit
        match data.draw(st.integers(0, 7)):
            case 0 | 1:
                given_ = Limit(scope=scope, amount=amount)
                simulation.turn(LimitGiven(word=Word(Layer.LIVE, given_)))
            case 2:
                rate = Limit(scope=scope, amount=amount, kind="spend", per_ns=100, burst=3 * unit)
                simulation.turn(LimitGiven(word=Word(Layer.LIVE, rate)))
            case 3:
                simulation.turn(PauseAsked(scope=scope))
            case 4:
                simulation.turn(ResumeAsked(scope=None))
            case 5 if data.draw(st.integers(0, 9)) == 0:
                simulation.turn(DrainAsked(why="asked for"))
            case _:
                simulation.advance()
        if simulation.status is not None:
            break
        check(simulation)
        ready = [key for frame, i, p, key in instances(simulation.state) if frame.states[p][i] == At.READY]
        if ready and simulation.state.phase == "running":
            lift(simulation, ready[data.draw(st.integers(0, len(ready) - 1))])


def test_the_property_sees_nodes_that_wait() -> None:
    simulation = Simulation(program(1), Table(lengths={1: 4}), words=[word("cpu", 1000, Layer.MACHINE)])
    assert check(simulation) > 3
    assert step(simulation.state, [], 0) == []
