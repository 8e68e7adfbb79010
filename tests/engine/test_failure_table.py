"""The cases in which systems of this kind have failed, and where each is a test; the invariants, and where each is a property.

| case | where |
|---|---|
| a global limit of 1 around a fan-out, also nested | `test_engine_cases` |
| limit 2 set while 3 run and 3 more wait | `test_engine_cases` |
| limit raised 1 → 4 while long nodes run | `test_engine_cases` |
| limit taken back, or expired, while nodes queue under it | `test_engine_cases`, `test_engine_times` |
| pause while nodes queue | `test_engine_cases` |
| resume of a scope that also has a limit | `test_engine_cases`, in the test of the pause |
| rate below one a second: the first starts at once | `test_engine_rates` |
| limit 0 waits, and raised starts in the same turn | `test_engine_cases` |
| a node in its backoff, another needs the same cpu | `test_engine_cases` |
| weight 3 in a pool of 6 | `test_engine_cases` |
| one node fails, is cancelled or times out while it holds | `test_engine_cases` |
| a limit on a fan-out of 10 000 is exact at every instant | `test_engine_cases` |
| a quick chain beside a slow node | `test_engine_cases` |
| kill -9 of the run, then run again | `test_engine_cases`; real processes: `tests/cli/test_cli_live_crash` |
| two runs on one machine | real processes: `tests/cli/test_cli_live_limits` |

All invariants are held at once, under whatever an operator does, by `tests/properties/test_live_properties`. The tests
here look that what the tables name is there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
ROWS = (
    ("engine/test_engine_cases.py", "a_global_limit_of_one_around_a_nested_fan_out_ends"),
    ("engine/test_engine_cases.py", "limit_2_set_while_3_run_and_3_wait"),
    ("engine/test_engine_cases.py", "limit_raised_while_long_nodes_run_starts_more_at_once"),
    ("engine/test_engine_cases.py", "a_limit_taken_back_starts_what_queued_under_it_at_once"),
    (
        "engine/test_engine_times.py",
        "a_limit_that_runs_out_starts_what_it_held_at_that_instant_and_asks_for_one_wake_up",
    ),
    ("engine/test_engine_cases.py", "a_pause_starts_none_of_those_that_queue"),
    ("engine/test_engine_rates.py", "below_one_a_second_the_first_starts_at_once_and_each_next_costs_one_turn"),
    ("engine/test_engine_cases.py", "limit_0_waits_and_raised_again_starts_in_the_same_turn"),
    ("engine/test_engine_cases.py", "a_node_in_its_backoff_holds_nothing"),
    ("engine/test_engine_cases.py", "weight_3_in_a_pool_of_6"),
    ("engine/test_engine_cases.py", "what_fails_is_cancelled_or_times_out_frees_what_it_held"),
    ("engine/test_engine_cases.py", "a_limit_on_a_fan_out_of_10_000_is_exact_at_every_instant"),
    ("engine/test_engine_cases.py", "a_quick_chain_is_not_held_up_by_a_slow_node"),
    ("engine/test_engine_cases.py", "a_run_killed_and_taken_over_has_no_slot_held_by_the_dead"),
    ("cli/test_cli_live_crash.py", "after_a_killed_engine_nothing_finished_runs_again"),
    ("cli/test_cli_live_limits.py", "of_two_live_runs_one_must_be_named"),
)
"""Each row of the table of cases."""
INVARIANTS = (
    (1, "properties/test_live_properties.py", "whatever_an_operator_does_what_is_in_force_is_obeyed"),
    (2, "properties/test_live_properties.py", "whatever_an_operator_does_what_is_in_force_is_obeyed"),
    (3, "properties/test_engine_properties.py", "a_limit_or_pause_taken_back_leaves_no_trace"),
    (4, "limits/test_limits_rates.py", "no_window_has_more_than_burst_and_rate"),
    (5, "limits/test_limits_properties.py", "what_fits_an_empty_machine_starts_in_finite_time"),
    (
        6,
        "properties/test_engine_properties.py",
        "a_run_is_a_function_of_its_inputs_and_replay_equals_state_at_every_turn",
    ),
    (7, "limits/test_limits_rates.py", "a_million_admissions_do_not_drift"),
    (8, "engine/test_engine_times.py", "after_a_crash_a_word_has_the_time_that_it_has_left"),
    (9, "properties/test_engine_properties.py", "finishing_twice_or_what_never_started_is_a_fault"),
)
"""1 what is taken is what runs holds; 2 no start over a capacity; 3 taking back leaves no trace; 4 burst + rate × w;
5 finite time; 6 a function of its events; 7 exact amounts; 8 crashes; 9 no second end."""


@pytest.mark.parametrize(("file", "name"), ROWS, ids=[name for _, name in ROWS])
def test_a_case_that_has_failed_elsewhere_is_a_test_here(file: str, name: str) -> None:
    assert f"def test_{name}(" in (TESTS / file).read_text()


@pytest.mark.parametrize(("number", "file", "name"), INVARIANTS, ids=[str(number) for number, _, _ in INVARIANTS])
def test_an_invariant_is_a_property(number: int, file: str, name: str) -> None:
    assert f"def test_{name}(" in (TESTS / file).read_text(), number
