"""Any run that is steered at random (see `live_machine`): nothing is found in the engine, and a fault that is planted is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from live_machine import Live

from cascade_dsl.engine import parking, step, undoing
from cascade_dsl.engine.inputs import PauseAsked
from cascade_dsl.engine.turn import Turn
from cascade_dsl.ir.events import Word
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Identity, Layer, Scope
from cascade_dsl.limits import passing
from cascade_dsl.limits.faults import LedgerFault
from cascade_dsl.limits.ledger import Ledger
from cascade_dsl.limits.pools import Pool
from cascade_dsl.limits.tokens import Tokens
from cascade_dsl.limits.units import Given
from cascade_dsl.limits.views import WordEnding
from cascade_dsl.limits.words import Words

CALM = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
FIRST = settings(
    max_examples=200,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
"""To the first that is found, which is not made smaller."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "PATIENCE", 2)


def test_whatever_an_operator_does_what_is_in_force_is_obeyed() -> None:
    run_state_machine_as_test(Live, settings=CALM)


# ---- faults -----------------------------------------------------------------------------------------------------


def _nothing(*_: object) -> tuple[()]:
    return ()


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

    def generous(tokens: Tokens, now: int) -> int:
        return at(tokens, now) + (at(tokens, now) == tokens.burst)

    patch.setattr(Tokens, "at", generous)


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

    def early(words: Words, now: int) -> list[WordEnding]:
        return expired(words, now + 100)

    patch.setattr(Words, "expired", early)


def lowest_layer(patch: pytest.MonkeyPatch) -> None:
    """Of several layers the lowest wins."""
    spoken = Words._spoken  # pyright: ignore[reportPrivateUsage]

    def upside_down(words: Words, identity: Identity) -> list[Word]:
        return spoken(words, identity)[::-1]

    patch.setattr(Words, "_spoken", upside_down)


def keeps_nothing_back(patch: pytest.MonkeyPatch) -> None:
    """What is reserved may be taken by anybody."""

    def room(pool: Pool) -> int:
        return pool.free()

    patch.setattr(Pool, "room", room)


def decides_in_silence(patch: pytest.MonkeyPatch) -> None:
    """A decision changes the state, and no event says so."""
    pauses = step._ON[PauseAsked]  # pyright: ignore[reportPrivateUsage]

    def silent(turn: Turn, given: PauseAsked) -> None:
        pauses(cast(Any, turn), given)
        turn.state.ledger.pause(Scope("tag", "slow"))

    patch.setitem(step._ON, PauseAsked, silent)  # pyright: ignore[reportPrivateUsage]


def forgets_a_key(patch: pytest.MonkeyPatch) -> None:
    """Of a call that runs it is forgotten whose key it has: it holds nothing of a pool by key."""
    begin = Pool.begin

    def forgetful(pool: Pool, node: NodeKey, amount: int) -> None:
        begin(pool, node, amount if pool.key is None else 0)

    patch.setattr(Pool, "begin", forgetful)


def lifts_all_pauses(patch: pytest.MonkeyPatch) -> None:
    """Whoever resumes one scope resumes all."""
    resume = Ledger.resume

    def all_of_them(ledger: Ledger, _scope: Scope | None) -> None:
        resume(ledger, None)

    patch.setattr(Ledger, "resume", all_of_them)


def undoes_too_much(patch: pytest.MonkeyPatch) -> None:
    """Undoing a word, or a pause, takes back all that was said before it."""
    patch.setattr(undoing, "kept_words", _nothing)
    patch.setattr(undoing, "kept_pauses", _nothing)


def forgets_what_was_set(patch: pytest.MonkeyPatch) -> None:
    """What an operator has set is gone after another text."""
    patch.setattr(parking, "patch_plan", _nothing)


def starves_in_silence(patch: pytest.MonkeyPatch) -> None:
    """Nobody is told who starves."""
    patch.setattr(step, "tell_starved", _nothing)


def gives_other_units(patch: pytest.MonkeyPatch) -> None:
    """Units are numbers that are not below the capacity."""
    units = Ledger.units

    def shifted(ledger: Ledger, node: NodeKey) -> Given:
        return tuple(
            (name, tuple(n + 100 * node[-1] + 1000 * node[0] for n in numbers)) for name, numbers in units(ledger, node)
        )

    patch.setattr(Ledger, "units", shifted)


def minds_no_clock(patch: pytest.MonkeyPatch) -> None:
    """Ends stay where they are when the clock is set."""
    patch.setattr(Words, "shift", _nothing)


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
