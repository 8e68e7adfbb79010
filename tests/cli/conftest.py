from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_runs import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty folder for programs; whatever was started in it is killed at the end."""
    folder, registry = tmp_path / "project", tmp_path / "runtime"
    folder.mkdir()
    registry.mkdir(mode=0o700)
    made = Project(folder, registry)
    yield made
    made.close()
