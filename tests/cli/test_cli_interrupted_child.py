"""A Ctrl-C may reach a child in the instant before it has a session of its own: it died of it, and did not fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
task t(i: int) -> int {
  retry 0
  sh \"\"\"
    if [ ! -e once ]; then touch once; kill -INT $PPID; kill -INT $$; fi
    echo {{i}}
  \"\"\"
}
output x = t(7)
"""


def cascade(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cascade_dsl", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_child_that_the_interrupt_killed_is_run_again(tmp_path: Path) -> None:
    (tmp_path / "p.csc").write_text(PROGRAM)
    first = cascade(tmp_path, "run", "p.csc")
    assert first.returncode == 130, first.stderr
    assert "failed" not in first.stderr
    again = cascade(tmp_path, "continue")
    assert (again.returncode, again.stdout) == (0, "x = 7\n"), again.stderr


def test_a_body_that_interrupts_itself_has_failed(tmp_path: Path) -> None:
    (tmp_path / "p.csc").write_text(PROGRAM.replace("kill -INT $PPID; ", ""))
    done = cascade(tmp_path, "run", "p.csc")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("failed: x (t): killed by SIGINT")
