"""The page that compares what is run again tells the truth: each row's columns of Cascade and Make are made anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from reruns import SCENARIOS, Scenario, cell, head, tools

ROOT = Path(__file__).parents[2]
_ROWS = [line for line in (ROOT / "docs/guides/reruns.md").read_text().splitlines() if line.startswith("| ")]


def test_every_scenario_has_a_row_and_every_row_a_scenario() -> None:
    assert [row.split(" | ")[0][2:] for row in _ROWS[1:]] == [scenario.says for scenario in SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_what_the_page_says_is_run_again(scenario: Scenario, tmp_path: Path) -> None:
    (row,) = (row for row in _ROWS if row.startswith(head(scenario)))
    cells = row.removesuffix(" |").split(" | ")[2:]
    names = _ROWS[0].removesuffix(" |").split(" | ")[2:]
    for tool in tools(None, "make"):
        assert cell(tool, scenario, tmp_path) == cells[names.index(tool.name)], tool.name
