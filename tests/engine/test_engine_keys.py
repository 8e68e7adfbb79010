"""Limits with `by`: who is asked for keys, when, and what waits for them, in virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from graphs import Table, call, fan, graph, param, scope_of, task, word

from cascade_dsl.engine.effects import EvaluateFacts, KeyNodes
from cascade_dsl.engine.inputs import DrainAsked, LimitGiven, LimitTaken, NodesKeyed, PauseAsked
from cascade_dsl.engine.keying import BATCH
from cascade_dsl.engine.progress import EngineFault
from cascade_dsl.engine.snapshot import snapshot
from cascade_dsl.engine.state import State
from cascade_dsl.engine.step import is_stalled, replay
from cascade_dsl.ir.events import AttemptStarted, AttemptStopping, Event, Facts, FactsKnown, Keyed, Recalled
from cascade_dsl.ir.expr import Lit, Ref, Var
from cascade_dsl.ir.graph import Graph, NodeKey, TaskDef
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.testing.simulate import Played, Simulation

TAKES_NS = 100


def many(count: int, first: TaskDef | None = None) -> Graph:
    """`count` calls of `t`, their keys by turns `a0`, `a1`, `a2`."""
    return graph([first or task("t")], [param(1), fan(2, 1, 3, [call(4, "t", 3)], 4)])


class Scripted(Table):
    """The first call's attempts end by turns as it is told, lost ones too; then well."""

    def __init__(self, *ends: Played, **more: object) -> None:
        super().__init__(takes_ns=TAKES_NS, **more)  # pyright: ignore[reportArgumentType]
        self.ends = list(ends)

    def attempt(self, key: NodeKey, attempt: int) -> Played:
        return self.ends.pop(0) if self.ends and key == (4, 0) else super().attempt(key, attempt)


def oracle(count: int, **more: object) -> Table:
    return Table(lengths={1: count}, takes_ns=TAKES_NS, **more)  # pyright: ignore[reportArgumentType]


def check(state: State) -> None:
    state.ledger.check()


def simulation(program: Graph, table: Table, **more: object) -> Simulation:
    return Simulation(program, table, check=check, **more)  # pyright: ignore[reportArgumentType]


def given(scope: str, amount: int, by: str = "") -> LimitGiven:
    return LimitGiven(word=word(scope, amount, by=by))


def taken(scope: str) -> LimitTaken:
    return LimitTaken(layer=Layer.LIVE, scope=scope_of(scope))


def keys_of(run: Simulation, by: str = "a") -> Counter[str]:
    """How many run of each key."""
    assert isinstance(run.oracle, Table)
    return Counter(run.oracle.key_of(key, by) for key in run.state.running)


def kinds(events: Iterable[Event], *classes: type[Event]) -> list[type[Event]]:
    return [type(e) for e in events if isinstance(e, classes)]


def keyed(run: Simulation) -> list[tuple[NodeKey, ...]]:
    return [tuple(key for key, _ in e.keyed) for _, e in run.events if isinstance(e, Keyed)]


def whole(run: Simulation) -> None:
    """It ends, with everything run once, and nothing left of the keys."""
    assert run.play() == "done"
    assert not run.state.keys
    assert run.state.keying is None
    assert snapshot(replay(run.graph, run.events, run.state.graphs)) == snapshot(run.state)


def stopped(run: Simulation) -> list[NodeKey]:
    return [e.key for _, e in run.events if isinstance(e, AttemptStopping) and e.why == "preempted"]


def test_of_each_key_by_itself_what_began_last_gives_way() -> None:
    run = simulation(many(12), oracle(12), words=[word("task:t", 3, by="a")])
    while len(run.state.running) < 9:
        run.advance()
    run.turn(replace(given("task:t", 1, by="a"), preempt=True))
    assert sorted(stopped(run)) == [(4, index) for index in range(3, 9)]
    whole(run)


def test_who_gives_way_under_a_live_by_is_known_when_the_keys_are() -> None:
    run = simulation(many(12), oracle(12), words=[word("task:t", 9)])
    run.turn(replace(given("task:t", 1, by="a"), preempt=True))
    assert (stopped(run), run.state.preempting.keys()) == ([], {word("task:t", 1, by="a").limit.identity})
    while run.state.preempting:
        run.advance()
    assert sorted(stopped(run)) == [(4, index) for index in range(3, 9)]
    whole(run)
    assert {e.attempt for _, e in run.events if isinstance(e, AttemptStarted)} == {1}


def test_a_live_by_that_is_taken_back_before_the_keys_are_known_stops_nobody() -> None:
    run = simulation(many(12), oracle(12), words=[word("task:t", 9)])
    run.turn(replace(given("task:t", 1, by="a"), preempt=True), taken("task:t"))
    whole(run)
    assert stopped(run) == []


# ---- asked for with the facts ------------------------------------------------------------------------------------


def test_a_limit_of_the_file_is_keyed_before_a_node_is_queued() -> None:
    run = simulation(many(9), oracle(9), words=[word("task:t", 2, Layer.FILE, by="a")])
    seen: list[Counter[str]] = []
    while run.advance():
        seen.append(keys_of(run))
    assert max(max(c.values(), default=0) for c in seen) == 2
    assert max(sum(c.values()) for c in seen) == 6, "each key has its own pool"
    assert [e.facts.keys for _, e in run.events if isinstance(e, FactsKnown)] == [
        (("a", f"a{index % 3}"),) for index in range(9)
    ]
    assert not keyed(run)
    whole(run)


def test_without_by_nobody_is_asked() -> None:
    table = oracle(5)
    run = simulation(many(5), table, words=[word("task:t", 2)])
    whole(run)
    assert not table.asked_keys
    assert not kinds([e for _, e in run.events], FactsKnown, Keyed)


def test_facts_that_differ_and_keys_come_in_one_answer() -> None:
    first = task("t", requires={"mem": Ref(3)})
    table = oracle(4, facts={4: Facts(amounts=(1000, 5))})
    run = simulation(many(4, first), table, words=[word("task:t", 1, by="a")])
    run.advance()
    assert len([e for _, e in run.events if isinstance(e, FactsKnown)]) == 1
    whole(run)
    assert [e.facts for _, e in run.events if isinstance(e, FactsKnown)] == [
        Facts(amounts=(1000, 5), keys=(("a", f"a{index % 3}"),)) for index in range(4)
    ]


def test_a_key_is_for_all_attempts_also_where_facts_are_asked_for_anew() -> None:
    first = replace(
        task("t", retry=(2, 1e-6, 1e-6), requires={"mem": 1}),
    )
    clauses = replace(first.clauses, requires=(replace(first.clauses.requires[0], amount=Var("attempt")),))
    first = replace(first, clauses=clauses)
    table = Scripted(
        Played(exit=1),
        Played(exit=None),
        lengths={1: 2},
        facts={4: Facts(amounts=(1,), retries=2, backoff_min_ns=1000, backoff_max_ns=1000)},
    )
    run = simulation(many(2, first), table, words=[word("task:t", 1, by="a")])
    whole(run)
    known = [(e.key, e.facts.keys) for _, e in run.events if isinstance(e, FactsKnown)]
    assert known == [((4, 0), (("a", "a0"),)), ((4, 1), (("a", "a1"),)), ((4, 0), ())]
    assert table.asked_keys == [((4, 0), "a"), ((4, 1), "a")]


def test_a_retry_and_a_lost_attempt_keep_the_key() -> None:
    table = Scripted(Played(exit=1), Played(exit=None), Played(exit=None), lengths={1: 1})
    run = simulation(many(1, task("t", retry=(1, 1e-6, 1e-6))), table, words=[word("task:t", 1, by="a")])
    whole(run)
    assert len([1 for _, e in run.events if isinstance(e, AttemptStarted)]) == 4
    assert table.asked_keys == [((4, 0), "a")]


def test_what_was_cached_needs_no_key() -> None:
    table = oracle(6, known=100)
    run = simulation(many(6), table, words=[word("task:t", 1, by="a")], recalls=True)
    whole(run)
    assert len([1 for _, e in run.events if isinstance(e, Recalled)]) == 6
    assert not table.asked_keys


@pytest.mark.parametrize("policy", ["continue", "hold"])
def test_keys_are_dropped_with_what_fails_for_good(policy: str) -> None:
    program = graph([task("t"), task("u")], [param(1), fan(2, 1, 3, [call(4, "t", 3), call(5, "u", 4)], 5)])
    table = oracle(3, played={(4, 1): [Played(exit=1, takes_ns=TAKES_NS)]})
    run = simulation(program, table, words=[word("global", 1, by="a")], on_failure=policy)
    assert run.play() == ("stalled" if policy == "hold" else "failed")
    assert not run.state.keys
    assert ((5, 1), "a") not in table.asked_keys, "what is skipped is not asked about"
    if policy == "hold":
        table.played.clear()
        run.retry()
        whole(run)
        assert Counter(table.asked_keys)[(4, 1), "a"] == 2


def test_keys_are_dropped_with_what_has_no_facts_for_its_next_attempt() -> None:
    class Later(Table):
        def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts | str:
            return Facts(amounts=(1,), retries=1) if attempt == 1 else "no amount"

    first = task("t", retry=(1, 0, 0))
    by_attempt = replace(first.clauses.requires[0], amount=Var("attempt"))
    first = replace(first, clauses=replace(first.clauses, requires=(by_attempt,)))
    table = Later(lengths={1: 1}, played={(4, 0): [Played(exit=1)]})
    run = simulation(many(1, first), table, words=[word("task:t", 1, by="a")], on_failure="continue")
    assert run.play() == "failed"
    assert len(run.state.failed) == 1
    assert not run.state.keys


# ---- live --------------------------------------------------------------------------------------------------------


def test_a_live_by_keys_what_runs_first_and_nothing_starts_until_it_is() -> None:
    """Six run, two of each key. A limit of 1 for each is set; what waits may not slip in before the six are counted."""
    run = simulation(many(12), oracle(12, keying_takes_ns=30), words=[word("task:t", 6)])
    assert len(run.state.running) == 6
    run.turn(taken("task:t"), given("task:t", 1, by="a"))
    assert len(run.state.running) == 6
    assert run.state.keying is not None
    assert run.state.keying.keys == tuple((4, index) for index in range(6))
    assert not is_stalled(run.state)
    run.advance()
    assert keyed(run) == [tuple((4, index) for index in range(6))]
    assert keys_of(run) == {"a0": 2, "a1": 2, "a2": 2}
    assert run.state.keying.keys == tuple((4, index) for index in range(6, 12))
    run.advance()
    assert len(run.state.running) == 6
    fresh: set[NodeKey] = set()
    while run.advance():
        before, fresh = fresh, set(run.state.running)
        for key in fresh - before - {(4, index) for index in range(6)}:
            assert keys_of(run)[f"a{key[-1] % 3}"] == 1
    whole(run)


def test_keys_come_in_batches_and_keyed_nodes_start_between() -> None:
    count = 2 * BATCH + 100
    program = graph(
        [task("t")],
        [param(1), *(fan(10 + 10 * i, 1, 11 + 10 * i, [call(12 + 10 * i, "t", 11 + 10 * i)], None) for i in range(5))],
    )
    table = Table(lengths={1: count // 5}, takes_ns=10**9)
    table.key_of = lambda key, by: f"{key[0]} {key[1] // 2}"
    run = Simulation(program, table, words=[word("task:t", 0)])
    assert run.state.ledger.waiting() == count
    run.turn(taken("task:t"), given("task:t", 1, by="a"))
    sizes: list[int] = []
    while run.state.keying is not None:
        sizes.append(len(run.state.keying.keys))
        before = len(run.state.running)
        run.advance()
        assert len(run.state.running) > before, "what is keyed starts in the turn in which its key comes"
    assert sizes == [BATCH, BATCH, 100]
    assert len(run.state.running) == count // 2, "one of each key"


def test_an_answer_for_what_has_ended_meanwhile_is_left_out() -> None:
    run = simulation(many(4), oracle(4, keying_takes_ns=3 * TAKES_NS), words=[word("cpu", 2000, Layer.MACHINE)])
    run.turn(given("task:t", 1, by="a"))
    ask = run.state.keying
    assert ask is not None
    assert ask.keys == ((4, 0), (4, 1))
    run.advance()
    run.advance()
    assert not run.state.running, "both have ended, and what waits is not admissible until it is keyed"
    assert not is_stalled(run.state)
    run.advance()
    assert keyed(run) == []
    whole(run)
    assert keyed(run) == [((4, 2), (4, 3))]


def test_what_comes_while_a_question_is_under_way_is_keyed_with_its_facts() -> None:
    program = graph([task("t"), task("u")], [param(1), fan(2, 1, 3, [call(4, "u", 3), call(5, "t", 4)], 5)])
    table = oracle(3, keying_takes_ns=2 * TAKES_NS)
    run = simulation(program, table, words=[word("task:t", 0)])
    run.turn(taken("task:t"), given("task:*", 1, by="a"))
    whole(run)
    assert keyed(run) == [], "the three of `u` had ended before the answer came"
    assert [e.key[0] for _, e in run.events if isinstance(e, FactsKnown)] == [5, 5, 5]


def test_what_comes_with_its_key_does_not_start_beside_what_is_not_counted_yet() -> None:
    program = graph([task("t"), task("u")], [param(1), fan(2, 1, 3, [call(4, "u", 3), call(5, "t", 4)], 5)])
    table = oracle(2, keying_takes_ns=500)
    table.played = {(4, 0): [Played(takes_ns=1)], (5, 0): [Played(takes_ns=1000)], (4, 1): [Played(takes_ns=50)]}
    table.spread = 1
    run = simulation(program, table)
    run.advance()
    assert set(run.state.running) == {(5, 0), (4, 1)}
    run.turn(given("task:t", 1, by="a"))
    whole(run)
    begun = {e.key: t for t, e in run.events if isinstance(e, AttemptStarted)}
    assert [e.key for _, e in run.events if isinstance(e, FactsKnown)] == [(5, 1)]
    assert begun[5, 1] == begun[5, 0] + 1000, "one of that key runs, though nobody knew it when its like was queued"


def test_set_and_taken_back_while_keys_are_awaited() -> None:
    run = simulation(many(6), oracle(6, keying_takes_ns=50), words=[word("cpu", 3000, Layer.MACHINE)])
    run.turn(given("task:t", 1, by="a"))
    run.turn(taken("task:t"))
    assert len(run.state.running) == 3
    whole(run)
    starts = [t for t, e in run.events if isinstance(e, AttemptStarted)]
    assert starts == [0, 0, 0, TAKES_NS, TAKES_NS, TAKES_NS], "as if it had never been said"


def test_two_limits_of_one_text_share_their_keys() -> None:
    table = oracle(6)
    run = simulation(many(6), table, words=[word("task:t", 2, Layer.FILE, by="a"), word("global", 1, by="a")])
    whole(run)
    assert sorted(table.asked_keys) == [((4, index), "a") for index in range(6)]


def test_another_text_is_asked_for_where_one_is_known() -> None:
    table = oracle(6)
    run = simulation(many(6), table, words=[word("task:t", 1, Layer.FILE, by="a")])
    for _ in range(6):
        run.advance()
    run.turn(given("global", 1, by="b"))
    whole(run)
    assert Counter(by for _, by in table.asked_keys) == {"a": 6, "b": 6}
    assert {by for _, e in run.events if isinstance(e, Keyed) for by in [e.by]} == {"b"}


def test_a_drained_run_asks_for_nothing() -> None:
    run = simulation(many(4), oracle(4), words=[word("cpu", 2000, Layer.MACHINE)])
    run.turn(DrainAsked(why="enough"))
    run.turn(given("task:t", 1, by="a"))
    assert run.state.keying is None
    assert run.play() == "drained"
    run.crash()
    whole(run)
    assert keyed(run) == [((4, 2), (4, 3))]


def test_a_run_whose_keys_are_awaited_is_not_stalled() -> None:
    run = simulation(many(2), oracle(2, keying_takes_ns=TAKES_NS), words=[word("task:t", 0, Layer.FILE)])
    assert is_stalled(run.state)
    run.turn(given("task:t", 0, by="a"))
    assert not is_stalled(run.state)
    run.advance()
    assert is_stalled(run.state), "keyed, and 0 of each may run"
    run.turn(taken("task:t"))
    assert run.play() == "stalled", "the word of the file stands"


def test_what_nobody_asked_for_is_a_fault() -> None:
    run = simulation(many(2), oracle(2, keying_takes_ns=TAKES_NS))
    with pytest.raises(EngineFault, match="nobody asked for"):
        run.turn(NodesKeyed(by="a", keyed=(((4, 0), "x"),)))
    run.turn(given("task:t", 1, by="a"))
    with pytest.raises(EngineFault, match="nobody asked for"):
        run.turn(NodesKeyed(by="b", keyed=(((4, 0), "x"),)))


# ---- crash, continue, reload --------------------------------------------------------------------------------------


def test_a_crash_between_batches_asks_for_what_is_missing() -> None:
    count = BATCH + 10
    program = graph(
        [task("t")],
        [param(1), *(fan(10 + 10 * i, 1, 11 + 10 * i, [call(12 + 10 * i, "t", 11 + 10 * i)], None) for i in range(2))],
    )
    table = Table(lengths={1: count // 2}, takes_ns=10, keying_takes_ns=5)
    run = Simulation(program, table, words=[word("task:t", 0)])
    run.turn(taken("task:t"), given("task:t", 5, by="a"), PauseAsked(scope=scope_of("global")))
    run.advance()
    assert len(run.state.keys) == BATCH
    run.crash()
    assert run.state.keying is not None
    assert len(run.state.keying.keys) == 10
    run.advance()
    assert run.state.keying is None
    assert len(run.state.keys) == count


def test_a_crash_with_a_question_under_way_asks_again() -> None:
    run = simulation(many(4), oracle(4, keying_takes_ns=50), words=[word("cpu", 2000, Layer.MACHINE)])
    run.turn(given("task:t", 1, by="a"))
    run.crash(words=[word("cpu", 2000, Layer.MACHINE)])
    ask = run.state.keying
    assert ask is not None
    assert ask.keys == ((4, 2), (4, 3))
    assert not run.state.running
    assert run.state.asked.keys() == {(4, 0), (4, 1)}, "what ran was lost, and is to be queued again"
    whole(run)


def test_a_crash_while_facts_are_asked_for_asks_for_the_same_keys() -> None:
    run = simulation(many(2), oracle(2), words=[word("task:t", 1, by="a")])
    asked = dict(run.state.asked)
    assert all(isinstance(ask, EvaluateFacts) and [by for by, _ in ask.by] == ["a"] for ask in asked.values())
    run.crash()
    assert run.state.asked == asked
    whole(run)


def test_a_reload_with_other_inputs_asks_again_with_the_same_ones_it_does_not() -> None:
    program = many(6)
    table = oracle(6)
    run = simulation(program, table, words=[word("task:t", 1, by="a")])
    for _ in range(6):
        run.advance()
    assert len(run.state.running) == 3
    assert len(table.asked_keys) == 6
    run.reload(replace(program, tasks=(task("t", priority=3),)))
    run.advance()
    assert len(table.asked_keys) == 6
    (first, spread) = program.nodes
    body = (replace(call(4, "t"), args=(("x", Lit("other")),)),)
    table.spread = 1
    run.reload(replace(program, nodes=(first, replace(spread, body=body))))  # pyright: ignore[reportCallIssue]
    whole(run)
    assert len(table.asked_keys) == 8, "four had started"


def test_an_answer_to_an_older_text_is_dropped() -> None:
    program = many(4)
    table = oracle(4, keying_takes_ns=50)
    run = simulation(program, table, words=[word("cpu", 1000, Layer.MACHINE)])
    run.turn(given("task:t", 1, by="a"))
    older = run.state.keying
    (first, spread) = program.nodes
    body = (replace(call(4, "t"), args=(("x", Lit("other")),)),)
    table.spread = 1
    run.reload(replace(program, nodes=(first, replace(spread, body=body))))  # pyright: ignore[reportCallIssue]
    assert run.state.keying is not None or run.state.asked
    assert run.state.keying is not older
    whole(run)
    assert all(text == "a0" for _, e in run.events if isinstance(e, Keyed) for _, text in e.keyed)


def test_the_file_of_another_text_brings_a_by() -> None:
    program = many(6)
    run = simulation(program, oracle(6), words=[word("cpu", 3000, Layer.MACHINE)])
    run.reload(program, words=[word("task:t", 1, Layer.FILE, by="a")])
    assert isinstance(run.state.keying, KeyNodes)
    whole(run)
    assert keyed(run) == [((4, 0), (4, 1), (4, 2)), ((4, 3), (4, 4), (4, 5))]


# ---- windows over lists -------------------------------------------------------------------------------------------


def windowed(count: int, key_of: Callable[[NodeKey, str], str], **more: object) -> Simulation:
    table = Table(lengths={1: count}, takes_ns=10**9)
    table.key_of = key_of
    return Simulation(many(count), table, words=[word("task:t", 2, Layer.FILE, by="a")], **more)  # pyright: ignore[reportArgumentType]


def settle(run: Simulation) -> None:
    """All that follows at this instant."""
    while run.state.asked or run.state.keying is not None:
        run.advance()


def test_a_list_that_is_sorted_by_key_is_not_worked_off_key_by_key() -> None:
    run = windowed(9000, lambda key, by: f"h{key[-1] // 3000}")
    settle(run)
    assert len(run.state.running) == 6, "two of each of three, though a window holds the first alone"
    assert snapshot(replay(run.graph, run.events)) == snapshot(run.state)


def test_of_a_mixed_list_most_stays_cold() -> None:
    run = windowed(100_000, lambda key, by: f"h{key[-1] % 10}")
    settle(run)
    assert len(run.state.running) == 20
    (frame,) = run.state.frames.values()
    assert frame.window == len(frame.hot) == 1024 * 2**4


def test_a_window_that_is_full_of_waiting_keys_is_left_where_nothing_could_start() -> None:
    run = windowed(9000, lambda key, by: f"h{key[-1] // 3000}")
    other = Simulation(
        many(9000),
        run.oracle,
        words=[word("task:t", 2, Layer.FILE, by="a"), word("cpu", 2000, Layer.MACHINE)],
    )
    settle(other)
    (frame,) = other.state.frames.values()
    assert len(other.state.running) == 2
    assert frame.window == 1024
