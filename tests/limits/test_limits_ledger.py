"""Each rule of the ledger by itself, and the cases in which systems of this kind have failed."""

from __future__ import annotations

import pytest
from ledger_bench import CPU, DB, EVERYTHING, FETCH, GB, MEM, Bench

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.expr import Lit
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer, Limit, Scope
from cascade_dsl.limits.faults import LedgerFault, NotBuilt
from cascade_dsl.limits.views import Impossible

# ---- limits that come, go and change ------------------------------------------------------------------------------


def test_a_limit_that_is_lowered_stops_nothing_and_admits_nothing_until_there_is_room() -> None:
    bench = Bench()
    for _ in range(3):
        bench.queue()
    one, two, three = bench.turn()
    more = [bench.queue() for _ in range(3)]
    bench.limit(FETCH, 2)
    assert bench.turn() == []
    assert bench.pool("task:fetch").taken == 3
    assert bench.finish(one) == []
    assert bench.finish(two) == more[:1]
    assert bench.finish(three) == more[1:2]


def test_raising_starts_at_once_what_then_fits() -> None:
    bench = Bench()
    bench.limit(FETCH, 1)
    nodes = [bench.queue() for _ in range(6)]
    assert bench.turn() == nodes[:1]
    bench.limit(FETCH, 4)
    assert bench.turn() == nodes[1:4]


def test_taking_a_limit_back_starts_all_that_it_held_up() -> None:
    bench = Bench()
    bench.limit(FETCH, 1)
    nodes = [bench.queue() for _ in range(4)]
    assert bench.turn() == nodes[:1]
    bench.ledger.drop_word(Layer.LIVE, FETCH)
    assert bench.turn() == nodes[1:]
    assert [view.pool for view in bench.ledger.pools()] == []


def test_none_is_taking_back() -> None:
    bench = Bench()
    bench.limit(FETCH, 0)
    node = bench.queue()
    bench.ledger.set_word(Word(Layer.LIVE, Limit(scope=FETCH, amount=None)))
    assert bench.turn() == [node]


def test_a_limit_of_zero_waits_and_is_no_error() -> None:
    bench = Bench()
    bench.limit(FETCH, 0)
    node = bench.queue()
    assert bench.turn() == []
    assert not bench.ledger.can_ever_start()
    assert bench.ledger.impossible(0, ()) == ()
    bench.limit(FETCH, 1)
    assert bench.ledger.can_ever_start()
    assert bench.turn() == [node]


def test_taking_back_restores_what_the_layer_below_says() -> None:
    bench = Bench()
    bench.limit(FETCH, 2, Layer.FILE)
    bench.limit(FETCH, 5, Layer.COMMAND_LINE)
    bench.limit(FETCH, 1, Layer.LIVE)
    nodes = [bench.queue() for _ in range(8)]
    assert bench.turn() == nodes[:1]
    bench.ledger.drop_word(Layer.LIVE, FETCH)
    assert bench.turn() == nodes[1:5]
    bench.ledger.drop_layer(Layer.COMMAND_LINE)
    assert bench.pool("task:fetch").capacity == 2
    assert bench.finish(*nodes[:4]) == nodes[5:6]


def test_a_word_below_the_one_in_force_changes_nothing_yet() -> None:
    bench = Bench()
    bench.limit(FETCH, 2, Layer.LIVE)
    bench.limit(FETCH, 7, Layer.FILE)
    assert bench.pool("task:fetch").capacity == 2


def test_different_scopes_add_up() -> None:
    bench = Bench()
    bench.limit(EVERYTHING, 4)
    bench.limit(FETCH, 3)
    bench.limit(Scope("tag", "api"), 2)
    tagged = [bench.queue(tags=("api",)) for _ in range(3)]
    plain = [bench.queue() for _ in range(2)]
    other = [bench.queue("store") for _ in range(3)]
    assert bench.turn() == [*tagged[:2], plain[0], other[0]]


def test_a_hard_word_may_be_lowered_from_above_and_not_raised() -> None:
    bench = Bench()
    bench.limit(FETCH, 5, Layer.FILE, hard=True)
    ledger = bench.ledger
    assert ledger.refusal(Word(Layer.LIVE, Limit(scope=FETCH, amount=3))) is None
    assert ledger.refusal(Word(Layer.LIVE, Limit(scope=FETCH, amount=5))) is None
    assert ledger.refusal(Word(Layer.LIVE, Limit(scope=FETCH, amount=None))) is None
    assert ledger.refusal(Word(Layer.FILE, Limit(scope=FETCH, amount=8))) is None
    refused = "the file limits `task:fetch` to 5 hard: it can be lowered, not raised"
    assert ledger.refusal(Word(Layer.LIVE, Limit(scope=FETCH, amount=6))) == refused
    bench.limit(FETCH, 9, Layer.LIVE)
    assert bench.pool("task:fetch").capacity == 5, "a word that slipped through the door raises nothing"
    bench.limit(MEM, 8 * GB, Layer.FILE, hard=True)
    refused = "the file limits `mem` to 8GB hard: it can be lowered, not raised"
    assert ledger.refusal(Word(Layer.FLEET, Limit(scope=MEM, amount=9 * GB))) == refused


def test_globs_make_one_shared_pool_and_mind_the_case() -> None:
    bench = Bench()
    bench.limit(Scope("task", "f*"), 2)
    bench.limit(Scope("task", "F*"), 0)
    first, second = bench.queue("fetch"), bench.queue("fit")
    third, other = bench.queue("fold"), bench.queue("align")
    assert bench.turn() == [first, second, other]
    assert bench.ledger.why(third) == ("task:f*",)


def test_a_flow_limit_counts_the_nodes_inside_it() -> None:
    bench = Bench()
    bench.limit(Scope("flow", "train"), 1)
    inner, nested = bench.queue(flows=("train",)), bench.queue(flows=("all", "train"))
    outer = bench.queue(flows=("all",))
    assert bench.turn() == [inner, outer]
    assert bench.finish(inner) == [nested]


# ---- pauses -------------------------------------------------------------------------------------------------------


def test_a_pause_holds_what_waits_and_leaves_limits_as_they_are() -> None:
    bench = Bench()
    bench.limit(FETCH, 1)
    one, two = bench.queue(), bench.queue()
    assert bench.turn() == [one]
    bench.ledger.pause(FETCH)
    assert bench.finish(one) == []
    assert bench.ledger.why(two) == ("pause task:fetch",)
    three = bench.queue()
    bench.ledger.resume(FETCH)
    assert bench.turn() == [two]
    assert bench.ledger.why(three) == ("task:fetch",)


def test_a_pause_of_a_resource_holds_who_demands_it() -> None:
    bench = Bench()
    bench.ledger.pause(DB)
    paused, nothing, other = bench.queue(db=1), bench.queue(db=0), bench.queue(cpu=1)
    assert bench.turn() == [nothing, other]
    assert bench.ledger.paused() == (DB,)
    bench.ledger.resume(None)
    assert bench.turn() == [paused]
    assert bench.ledger.paused() == ()


def test_resuming_what_is_not_paused_and_pausing_twice_change_nothing() -> None:
    bench = Bench()
    before = bench.ledger.snapshot()
    bench.ledger.resume(FETCH)
    assert bench.ledger.snapshot() == before
    bench.ledger.pause(EVERYTHING)
    once = bench.ledger.snapshot()
    bench.ledger.pause(EVERYTHING)
    assert bench.ledger.snapshot() == once


# ---- order and amounts --------------------------------------------------------------------------------------------


def test_rank_goes_before_age_and_age_before_the_name() -> None:
    bench = Bench()
    bench.limit(EVERYTHING, 1)
    late, early = bench.queue(rank=(0, 1, 0)), bench.queue("zoo", rank=(0, 0, 0))
    urgent, same = bench.queue("b", rank=(-5, 1, 0)), bench.queue("a", rank=(0, 1, 0))
    order: list[NodeKey] = bench.turn()
    for _ in range(3):
        order += bench.finish(order[-1])
    assert order == [urgent, early, late, same]


def test_weight_three_in_a_pool_of_six() -> None:
    bench = Bench()
    bench.limit(DB, 6)
    nodes = [bench.queue(db=3) for _ in range(5)]
    running = bench.turn()
    assert running == nodes[:2]
    while running:
        running = running[1:] + bench.finish(running[0])
        assert len(running) <= 2
    assert bench.pool("db").taken == 0
    assert bench.ledger.running() == bench.ledger.waiting() == 0


def test_a_small_one_passes_a_large_one_that_does_not_fit() -> None:
    bench = Bench()
    bench.limit(CPU, 4000)
    first, large, small = bench.queue(cpu=3000), bench.queue(cpu=2000), bench.queue(cpu=1000)
    assert bench.turn() == [first, small]
    assert bench.finish(first) == [large]


def test_a_choice_that_is_not_taken_up_is_made_anew_when_room_comes() -> None:
    bench = Bench()
    bench.limit(MEM, 4)
    bench.limit(CPU, 1)
    holder = bench.queue("holder", mem=2, cpu=1)
    bench.turn()
    large, between, small = bench.queue(mem=3), bench.queue("other", cpu=1), bench.queue(mem=1)
    assert bench.ledger.choose() == small
    bench.ledger.finish(holder)
    assert bench.turn() == [large, between, small]


def test_nodes_that_two_pools_refuse_together_start_when_one_of_them_has_room() -> None:
    bench = Bench()
    bench.limit(CPU, 4)
    bench.limit(MEM, 4)
    cpu, mem = bench.queue(cpu=2), bench.queue(mem=2)
    assert bench.turn() == [cpu, mem]
    much_cpu, much_mem = bench.queue("both", cpu=3, mem=1), bench.queue("both", cpu=1, mem=3)
    assert bench.turn() == []
    assert bench.finish(mem) == [much_mem]
    assert bench.finish(much_mem) == []
    assert bench.finish(cpu) == [much_cpu]


def test_all_demands_are_taken_at_one_instant_or_none() -> None:
    bench = Bench()
    bench.limit(CPU, 2000)
    bench.limit(DB, 1)
    holder, both, cpu = bench.queue(db=1), bench.queue(cpu=2000, db=1), bench.queue(cpu=2000)
    assert bench.turn() == [holder, cpu]
    assert bench.pool("cpu").holders == 1
    assert bench.finish(cpu, holder) == [both]


def test_what_is_asked_of_nothing_is_no_demand() -> None:
    bench = Bench()
    bench.limit(CPU, 2)
    bench.queue(cpu=2)
    bench.turn()
    bench.limit(CPU, 1)
    node = bench.queue(cpu=0)
    assert bench.turn() == [node], "a pool over its capacity does not concern who asks nothing of it"
    assert bench.pool("cpu").holders == 1


def test_an_amount_of_53_bits_and_more_stays_exact() -> None:
    bench = Bench()
    huge = 2**53 + 1
    bench.limit(MEM, 3 * huge)
    shape = bench.ledger.add_shape(task="fetch", tags=(), flows=(), resources=("mem",))
    for number in range(5000):
        bench.ledger.enqueue((number,), shape, (0,), (huge + number % 2,))
        bench.ledger.start((number,))
        if number:
            bench.ledger.finish((number - 1,))
    assert bench.pool("mem").taken == huge + 1
    bench.ledger.finish((4999,))
    assert bench.pool("mem").taken == 0


def test_a_node_that_ended_leaves_everything_it_held_and_may_come_again() -> None:
    bench = Bench()
    bench.limit(CPU, 1000)
    bench.limit(FETCH, 1)
    failing, other = bench.queue(cpu=1000), bench.queue("store", cpu=1000)
    assert bench.turn() == [failing]
    assert bench.finish(failing) == [other], "in its backoff it holds nothing"
    bench.ledger.enqueue(failing, 0, (0,), (1000,))
    assert bench.turn() == []
    assert bench.finish(other) == [failing]


# ---- what is refused ----------------------------------------------------------------------------------------------


def test_finishing_twice_or_what_never_started_is_a_fault() -> None:
    bench = Bench()
    node = bench.queue()
    with pytest.raises(LedgerFault, match=r"^node \(1,\) finishes and does not run$"):
        bench.ledger.finish(node)
    bench.turn()
    bench.ledger.finish(node)
    with pytest.raises(LedgerFault, match=r"^node \(1,\) finishes and does not run$"):
        bench.ledger.finish(node)
    assert bench.ledger.running() == 0


def test_calls_that_make_no_sense_are_faults_and_change_nothing() -> None:
    bench = Bench()
    bench.limit(CPU, 1)
    one, two = bench.queue(cpu=1), bench.queue(cpu=1)
    bench.turn()
    ledger = bench.ledger
    before = ledger.snapshot()
    with pytest.raises(LedgerFault, match=r"^node \(2,\) starts and does not fit cpu$"):
        ledger.start(two)
    with pytest.raises(LedgerFault, match=r"^node \(1,\) starts and does not wait$"):
        ledger.start(one)
    with pytest.raises(LedgerFault, match=r"^node \(1,\) is withdrawn and does not wait$"):
        ledger.withdraw(one)
    with pytest.raises(LedgerFault, match=r"^node \(1,\) is queued twice$"):
        ledger.enqueue(one, 0, (0,), (1,))
    with pytest.raises(LedgerFault, match=r"^node \(3,\) asks for \(-1,\) of \('cpu',\)$"):
        ledger.enqueue((3,), 0, (0,), (-1,))
    with pytest.raises(LedgerFault, match=r"^node \(3,\) asks for \(\) of \('cpu',\)$"):
        ledger.enqueue((3,), 0, (0,), ())
    with pytest.raises(LedgerFault, match=r"^no such resource: gold$"):
        ledger.add_shape(task="x", tags=(), flows=(), resources=("gold",))
    with pytest.raises(LedgerFault, match=r"^a resource is asked for twice: cpu, cpu$"):
        ledger.add_shape(task="x", tags=(), flows=(), resources=("cpu", "cpu"))
    assert ledger.snapshot() == before
    ledger.check()


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (
            Limit(scope=FETCH, amount=2, whole=True),
            "there are no flows yet that `whole` could count: `limit task:fetch`",
        ),
    ],
)
def test_forms_that_are_not_carried_out_yet_are_refused_and_leave_no_trace(limit: Limit, text: str) -> None:
    bench = Bench()
    before = bench.ledger.snapshot()
    with pytest.raises(NotBuilt) as refused:
        bench.ledger.set_word(Word(Layer.LIVE, limit))
    assert str(refused.value) == text
    assert bench.ledger.snapshot() == before


@pytest.mark.parametrize(
    "limit", [Limit(scope=FETCH, amount=2, for_ns=1), Limit(scope=FETCH, amount=2, until_minute=480)]
)
def test_an_end_that_is_no_instant_is_a_fault(limit: Limit) -> None:
    with pytest.raises(LedgerFault, match=r"^the end of `limit task:fetch` is no instant$"):
        Bench().ledger.set_word(Word(Layer.LIVE, limit))


@pytest.mark.parametrize("amount", [-1, True, Lit(3)])
def test_an_amount_that_is_no_whole_number_is_a_fault(amount: int | Lit) -> None:
    bench = Bench()
    bench.limit(FETCH, 3)
    with pytest.raises(LedgerFault):
        bench.ledger.set_word(Word(Layer.LIVE, Limit(scope=FETCH, amount=amount)))
    assert bench.pool("task:fetch").capacity == 3


def test_demands_that_never_fit_are_known_before_the_run() -> None:
    bench = Bench()
    bench.limit(CPU, 4000, Layer.MACHINE)
    bench.limit(MEM, 16 * GB, Layer.MACHINE)
    shape = bench.ledger.add_shape(task="align", tags=(), flows=(), resources=("cpu", "mem", "db"))
    assert bench.ledger.impossible(shape, (4000, 16 * GB, 99)) == ()
    assert bench.ledger.impossible(shape, (8000, 16 * GB + 1, 1)) == (
        Impossible(resource="cpu", need=8000, capacity=4000, kind="hold"),
        Impossible(resource="mem", need=16 * GB + 1, capacity=16 * GB, kind="hold"),
    )
    bench.spend(MEM, GB, burst=4 * GB, by="host")
    bench.spend(DB, 0, burst=9)
    assert bench.ledger.impossible(shape, (1, 5 * GB, 1)) == (
        Impossible(resource="mem", need=5 * GB, capacity=4 * GB, kind="spend", by="host"),
        Impossible(resource="db", need=1, capacity=0, kind="spend"),
    )
