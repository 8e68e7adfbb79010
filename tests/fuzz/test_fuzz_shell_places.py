"""A short run of the fuzzer, always the same, over scripts that are kept beside it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import shell_places

WITH_PRINTER = shutil.which("bash") is not None and (
    subprocess.run(["bash", "--pretty-print", "/dev/null"], capture_output=True, check=False).returncode == 0
)


@pytest.mark.skipif(not WITH_PRINTER, reason="bash is not there, or cannot print a script")
def test_no_place_is_other_than_it_seems() -> None:
    scripts = shell_places.load([shell_places.CORPUS])
    assert len(scripts) == 3
    tally = shell_places.run(scripts, seed=7, trials=150)
    assert tally.faults == []
    # A scanner that refuses everything would pass nothing.
    assert tally.counts["placements sound"] + tally.counts["placements int only"] > 50
    assert tally.counts["placements lost"] < 40
    assert tally.counts["checked: the shell expands there"] > 40
