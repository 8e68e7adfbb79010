"""Any run that is steered at random: see `live_machine`."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from live_machine import Live

from cascade_dsl.limits import passing


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "PATIENCE", 2)


def test_whatever_an_operator_does_what_is_in_force_is_obeyed() -> None:
    run_state_machine_as_test(Live, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))
