"""Any run that is steered at random (see `live_machine`): nothing is found in the engine, and a fault that is planted is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from live_machine import Live

from cascade_dsl.engine import step
from cascade_dsl.engine.inputs import PauseAsked
from cascade_dsl.engine.turn import Turn
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Scope
from cascade_dsl.limits import passing
from cascade_dsl.limits.pools import Pool
from cascade_dsl.limits.tokens import Tokens
from cascade_dsl.limits.words import Words

CALM = settings(max_examples=60, stateful_step_count=40, deadline=None)
FIRST = settings(
    max_examples=400,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""To the first that is found, which is not made smaller."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "PATIENCE", 2)


def test_whatever_an_operator_does_what_is_in_force_is_obeyed() -> None:
    run_state_machine_as_test(Live, settings=CALM)


# ---- faults -----------------------------------------------------------------------------------------------------

Plant = Callable[[pytest.MonkeyPatch], None]


def leak(patch: pytest.MonkeyPatch) -> None:
    """What a call of task `paying` held of the whole machine is not given back."""
    release = Pool.release

    def leaking(pool: Pool, node: NodeKey) -> None:
        held = pool.holders.get(node, 0)
        release(pool, node)
        if pool.identity.scope == Scope("global") and node[0] == 6:
            pool.begin((-1, *node), held)

    patch.setattr(Pool, "release", leaking)


def one_more_at_once(patch: pytest.MonkeyPatch) -> None:
    """A bucket that is full gives a token more than its burst."""
    at = Tokens.at
    patch.setattr(Tokens, "at", lambda tokens, now: at(tokens, now) + (at(tokens, now) == tokens.burst))


def ends_late(patch: pytest.MonkeyPatch) -> None:
    """A word is over 200 ns after its end."""
    expired, due = Words.expired, Words.due

    def late(words: Words) -> int | None:
        instant = due(words)
        return None if instant is None else instant + 200

    patch.setattr(Words, "expired", lambda words, now: expired(words, now - 200))
    patch.setattr(Words, "due", late)


def ends_early(patch: pytest.MonkeyPatch) -> None:
    """A word is over 1 ns before its end."""
    expired = Words.expired
    patch.setattr(Words, "expired", lambda words, now: expired(words, now + 1))


def lowest_layer(patch: pytest.MonkeyPatch) -> None:
    """Of several layers the lowest wins."""
    spoken = Words._spoken  # pyright: ignore[reportPrivateUsage]
    patch.setattr(Words, "_spoken", lambda words, identity: spoken(words, identity)[::-1])


def keeps_nothing_back(patch: pytest.MonkeyPatch) -> None:
    """What is reserved may be taken by anybody."""
    patch.setattr(Pool, "room", Pool.free)


def decides_in_silence(patch: pytest.MonkeyPatch) -> None:
    """A decision changes the state, and no event says so."""
    pauses = step._ON[PauseAsked]  # pyright: ignore[reportPrivateUsage]

    def silent(turn: Turn, given: PauseAsked) -> None:
        pauses(turn, given)
        turn.state.ledger.pause(Scope("tag", "slow"))

    patch.setitem(step._ON, PauseAsked, silent)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    "plant", [leak, one_more_at_once, ends_late, ends_early, lowest_layer, keeps_nothing_back, decides_in_silence]
)
def test_a_planted_fault_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(Live, settings=FIRST)
