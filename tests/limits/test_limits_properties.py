"""The ledger against the naive scan, and the invariants, over random shapes, amounts, words, pauses and outcomes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import BURSTS, BYS, KINDS, LAYERS, RATES, SCOPES, SHAPES, Call, Step, World, replay, run

from cascade_dsl.ir.requirement import Layer, Scope

CALM = [0] * 6 + [1] * 6 + [2] * 6 + [3] * 6 + [4] * 6 + [11] * 6 + [13] * 8 + [5, 6, 6, 7, 8, 8, 9, 9]
TIMED = [*CALM, 15, *[16] * 8, 17, 17, 18, 18, *[19] * 6]
"""Kinds of steps: mostly nodes that come, start and finish, so that passes add up."""


number = st.integers(0, 255)
steps = st.lists(
    st.tuples(st.one_of(st.sampled_from(TIMED), st.integers(0, KINDS - 1)), number, number, number), max_size=50
)


def random_steps(seed: int, count: int) -> list[Step]:
    """The steps of a long life: of each three one is as wild as it can be, one is calm, and one knows rates, keys and time."""
    rng = Random(seed)
    kinds = (range(KINDS), CALM, TIMED)[seed % 3]
    return [(rng.choice(kinds), rng.randrange(256), rng.randrange(256), rng.randrange(256)) for _ in range(count)]


@settings(max_examples=80, deadline=None)
@given(steps, st.integers(1, 4))
def test_admission_is_that_of_a_naive_scan(life: list[Step], patience: int) -> None:
    run(life, patience)


@pytest.mark.parametrize("group", range(8))
def test_admission_is_that_of_a_naive_scan_over_long_lives(group: int) -> None:
    seeds = range(3 * group, 3 * group + 3)
    worlds = [run(random_steps(seed, 400), 1, every=10) for seed in seeds]
    assert all(world.started for world in worlds)
    assert sum(world.reservations for world in worlds) > 20, "lives without a reservation test little"
    if group < 3:
        assert sum(world.gathered for world in worlds) > 10, "nobody waited for tokens that are kept for it"


def _acts(call: Call | None) -> bool:
    return call is not None and call[0] != "at"


@settings(max_examples=40, deadline=None)
@given(steps)
def test_replay_gives_the_same_state_and_the_same_starts(life: list[Step]) -> None:
    def after(world: World) -> None:
        changes = [
            call
            for call, after in zip(world.calls, [*world.calls[1:], None], strict=True)
            if call[0] != "at" or _acts(after)
        ]
        again = replay(changes)
        assert again.snapshot() == world.ledger.snapshot(), "it was looked at in between, at other instants"
        again.at(world.naive.now)
        assert again.choose() == world.ledger.choose()

    run(life, 2, after)


@settings(max_examples=40, deadline=None)
@given(steps, steps, st.integers(0, len(SCOPES) - 1), number)
def test_setting_a_limit_and_taking_it_back_leaves_no_trace(
    life: list[Step], later: list[Step], at: int, amount: int
) -> None:
    def after(world: World) -> None:
        scope = SCOPES[at]
        free = [layer for layer in Layer if not any(k[0] == layer and k[1].scope == scope for k in world.naive.words)]
        before = world.ledger.snapshot()
        for layer in free:
            world.set_word(layer, scope, amount % 5, by=BYS[amount // 5 % len(BYS)])
            world.set_rate(layer, scope, amount % 3, RATES[amount // 3 % 4], BURSTS[amount // 12 % 4])
            world.drop_word(layer, scope)
        if scope not in world.naive.pauses:
            world.call("pause", scope)
            world.ledger.choose()
            world.call("resume", scope)
        assert world.ledger.snapshot() == before
        for step in later:
            world.step(step)
            world.compare()

    run(life, 2, after)


@pytest.mark.parametrize("seed", range(8))
def test_what_fits_an_empty_machine_starts_in_finite_time(seed: int) -> None:
    rng = Random(seed)
    world = World()
    for at in range(3):
        world.set_word(LAYERS[0], SCOPES[at], 3)
    world.set_word(LAYERS[2], Scope("global"), 6)
    patient = world.enqueue(3, (0, 1, 0), (3, 3, 3))
    for _ in range(4000):
        while world.ledger.waiting() < 12:
            shape = rng.choice((0, 1, 2, 5))
            world.enqueue(shape, (0, 1, 0), tuple(1 for _ in SHAPES[shape][3]))
        while (chosen := world.ledger.choose()) is not None:
            world.ledger.start(chosen)
            del world.naive.waiting[chosen]
            if chosen == patient:
                return
            world.started.append(chosen)
        world.ledger.finish(world.started.pop(rng.randrange(len(world.started))))
    pytest.fail("it never started")


@pytest.mark.parametrize("seed", range(6))
def test_what_fits_an_empty_machine_starts_in_finite_time_also_under_rates_and_keys(seed: int) -> None:
    rng = Random(seed)
    world = World()
    world.set_word(LAYERS[0], SCOPES[0], 3)
    world.set_rate(LAYERS[0], SCOPES[1], 1 + seed % 3, 10, 6)
    world.set_rate(LAYERS[0], SCOPES[2], 1, 7, 5, by="host" if seed % 2 else "")
    world.set_rate(LAYERS[2], Scope("global"), 3, 10, 4)
    patient = world.enqueue(3, (0, 1, 0), (5, 3, 4))
    for _ in range(4000):
        while world.ledger.waiting() < 12:
            shape = rng.choice((0, 1, 2, 2, 5))
            world.enqueue(shape, (0, 1, 0), tuple(1 for _ in SHAPES[shape][3]))
        while (chosen := world.ledger.choose()) is not None:
            world.ledger.start(chosen)
            del world.naive.waiting[chosen]
            if chosen == patient:
                return
            world.started.append(chosen)
        due = world.ledger.due()
        if due is not None and (not world.started or rng.random() < 0.5):
            world.ledger.at(due)
        else:
            world.ledger.finish(world.started.pop(rng.randrange(len(world.started))))
    pytest.fail("it never started")
