"""Any run that is steered at random (see `live_machine`): nothing is found in the engine, and a fault that is planted is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from live_machine import Live

from cascade_dsl.engine import halted, parking, step, undoing
from cascade_dsl.engine.inputs import PauseAsked
from cascade_dsl.engine.state import Running
from cascade_dsl.engine.turn import Turn
from cascade_dsl.ir.events import Word
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer, Scope
from cascade_dsl.limits import passing
from cascade_dsl.limits.faults import LedgerFault
from cascade_dsl.limits.keying import Keying
from cascade_dsl.limits.ledger import Ledger
from cascade_dsl.limits.pools import Pool
from cascade_dsl.limits.tokens import Tokens
from cascade_dsl.limits.units import Units
from cascade_dsl.limits.words import Words

CALM = settings(max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
FIRST = settings(
    max_examples=200,
    stateful_step_count=25,
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
    """A word is over only when something else happens after its end."""
    due = Ledger.due

    def late(ledger: Ledger) -> int | None:
        end, instant = ledger.words.due(), due(ledger)
        return None if instant == end else instant

    patch.setattr(Ledger, "due", late)


def ends_early(patch: pytest.MonkeyPatch) -> None:
    """A word is over 100 ns before its end."""
    expired = Words.expired
    patch.setattr(Words, "expired", lambda words, now: expired(words, now + 100))


def lowest_layer(patch: pytest.MonkeyPatch) -> None:
    """Of several layers the lowest wins."""
    spoken = Words._spoken  # pyright: ignore[reportPrivateUsage]
    patch.setattr(Words, "_spoken", lambda words, identity: spoken(words, identity)[::-1])


def keeps_nothing_back(patch: pytest.MonkeyPatch) -> None:
    """What is reserved may be taken by anybody."""
    patch.setattr(Pool, "room", lambda pool: pool.free())


def decides_in_silence(patch: pytest.MonkeyPatch) -> None:
    """A decision changes the state, and no event says so."""
    pauses = step._ON[PauseAsked]  # pyright: ignore[reportPrivateUsage]

    def silent(turn: Turn, given: PauseAsked) -> None:
        pauses(turn, given)
        turn.state.ledger.pause(Scope("tag", "slow"))

    patch.setitem(step._ON, PauseAsked, silent)  # pyright: ignore[reportPrivateUsage]


def forgets_a_key(patch: pytest.MonkeyPatch) -> None:
    """What ran already when a limit by key came does not hold of its pool."""
    patch.setattr(Keying, "_key_holder", lambda *_: None)


def lifts_all_pauses(patch: pytest.MonkeyPatch) -> None:
    """Whoever resumes one scope resumes all."""
    resume = Ledger.resume
    patch.setattr(Ledger, "resume", lambda ledger, _scope: resume(ledger, None))


def freezes_no_clock(patch: pytest.MonkeyPatch) -> None:
    """What stands still times out as if it ran."""
    patch.setattr(halted, "_go_on", _only_thawed)


def _only_thawed(running: Running, _now: int) -> None:
    running.frozen_ns = None


def undoes_too_much(patch: pytest.MonkeyPatch) -> None:
    """Undoing a word takes all back that was said of its scope."""
    patch.setattr(undoing, "kept_words", lambda *_: ())


def forgets_what_was_set(patch: pytest.MonkeyPatch) -> None:
    """What an operator has set is gone after another text."""
    patch.setattr(parking, "patch_plan", lambda *_: None)


def starves_in_silence(patch: pytest.MonkeyPatch) -> None:
    """Nobody is told who starves."""
    patch.setattr(step, "tell_starved", lambda *_: None)


def gives_other_units(patch: pytest.MonkeyPatch) -> None:
    """Units are counted from 1."""
    lowest = Units.lowest

    def shifted(units: Units, resource: str, count: int, capacity: int) -> tuple[int, ...]:
        return tuple(number + 1 for number in lowest(units, resource, count, capacity))

    patch.setattr(Units, "lowest", shifted)


def minds_no_clock(patch: pytest.MonkeyPatch) -> None:
    """Ends stay where they are when the clock is set."""
    patch.setattr(Words, "shift", lambda *_: None)


def fills_buckets_again(patch: pytest.MonkeyPatch) -> None:
    """A text that is read again gives every bucket of its file anew."""

    def anew(ledger: Ledger, layer: Layer, words: Iterable[Word]) -> None:
        ledger.drop_layer(layer)
        for word in words:
            ledger.set_word(word)

    patch.setattr(Ledger, "drop_layer", _dropped)
    patch.setattr(Ledger, "say_layer", anew)


def _dropped(ledger: Ledger, layer: Layer) -> None:
    for identity in ledger.words.all_identities():
        ledger.drop_word(layer, identity.scope)


@pytest.mark.parametrize(
    "plant",
    [
        leak,
        one_more_at_once,
        fills_buckets_again,
        ends_late,
        ends_early,
        minds_no_clock,
        lowest_layer,
        keeps_nothing_back,
        decides_in_silence,
        forgets_a_key,
        lifts_all_pauses,
        freezes_no_clock,
        undoes_too_much,
        forgets_what_was_set,
        starves_in_silence,
        gives_other_units,
    ],
)
def test_a_planted_fault_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, LedgerFault, ExceptionGroup)):
        run_state_machine_as_test(Live, settings=FIRST)
