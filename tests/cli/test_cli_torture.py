"""300 nodes, twenty kills: `python tests/support/torture.py --kills 200` does it at full size."""

from __future__ import annotations

from pathlib import Path

import pytest
from torture import NODES, torture


@pytest.mark.timeout(300)
def test_twenty_kills_at_random_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    report = torture(tmp_path, kills=20, seed=20)
    print(report)
    assert report.kills.total() == 20
    assert len(report.kills) >= 3, "not only one kind of process was killed"
    assert report.undisturbed_lines >= NODES + 50, "those that fail at first are begun twice"
