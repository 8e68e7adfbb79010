"""The crawl of `examples/crawl`, its real server, and a second process that changes the limit: what the server counts.

The server's gate holds pages until the test lets them through, so that what is in flight is known at every step.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_runs import BOUND_S, Done, Project

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "crawl"
PAGES = 48


class Site:
    """The example's server, in a process of its own, with its gate closed."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "serve.py", "--port", "0", "--service", "0", "--closed"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.base = self._process.stdout.readline().strip().rpartition(" ")[2]
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def stats(self) -> dict[str, int]:
        """What it has counted since it was told to count anew."""
        return self._ask("/stats")

    def count_anew(self) -> dict[str, int]:
        """What it has counted; from now on the peak is what is in flight now."""
        return self._ask("/stats/reset", b"")

    def gate(self, word: str) -> None:
        """Open, close, or `pass/N`."""
        self._ask(f"/gate/{word}", b"")

    def _ask(self, path: str, data: bytes | None = None) -> dict[str, int]:
        with self._opener.open(self.base + path, data, timeout=BOUND_S) as answer:
            return json.load(answer)

    def close(self) -> str:
        """End it; what it says at its end."""
        if self._process.poll() is None:
            self._process.terminate()
        _, said = self._process.communicate(timeout=BOUND_S)
        return said


@pytest.fixture
def site(project: Project) -> Iterator[Site]:
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cascade", "out"))
    made = Site(project.folder)
    yield made
    made.close()


def test_the_server_counts_what_a_second_terminal_allows(project: Project, site: Site) -> None:
    # the sitemap is served, and the gate holds the first three pages
    project.start("run", "crawl.csc", "--base", site.base, "--patience", "20ms", "--top", "2")
    project.wait(lambda: site.stats()["in_flight"] == 3, "three pages in flight")
    site.gate("pass/9")
    project.wait(lambda: site.stats()["served"] == 10 and site.stats()["in_flight"] == 3, "nine pages, three held")
    assert site.count_anew() == {"in_flight": 3, "peak": 3, "served": 10, "refused": 0}

    assert project.cascade("limit", "task:fetch", "1") == Done(0, "task:fetch 3 → 1: 3 running, drains to 1\n", "")
    site.gate("pass/2")
    project.wait(lambda: site.stats() == {"in_flight": 1, "peak": 3, "served": 2, "refused": 0}, "the drain to one")
    site.count_anew()
    site.gate("pass/8")
    project.wait(lambda: site.stats()["served"] == 8 and site.stats()["in_flight"] == 1, "eight pages one by one")
    assert site.count_anew() == {"in_flight": 1, "peak": 1, "served": 8, "refused": 0}

    project.wait_running(1)  # the pages that came are read, and leave the cores free
    assert project.cascade("limit", "task:fetch", "6") == Done(
        0, "task:fetch 1 → 6: 1 running, 5 more may start, 28 waiting\n", ""
    )
    project.wait(lambda: site.stats()["in_flight"] == 6, "six pages in flight")
    assert site.stats() == {"in_flight": 6, "peak": 6, "served": 0, "refused": 0}
    site.gate("pass/6")
    project.wait(lambda: site.stats()["served"] + site.stats()["refused"] >= 6, "six answers")
    site.gate("open")
    done = project.finish()

    assert (done.code, done.out) == (
        0,
        'table = out/ranking.csv\npicture = out/site.svg\ncount = 48\ntop = ["eden", "leam"]\n',
    )
    counted = site.stats()
    assert (counted["in_flight"], counted["peak"], counted["served"]) == (0, 6, PAGES - 9 - 2 - 8)
    assert counted["refused"] >= 3  # of the six that were held, those that came when three were there
    # each refusal was tried again, and nothing else was
    started = project.started()
    assert sum(started.values()) == 1 + 1 + 2 * PAGES + 2 + counted["refused"]
    log = (project.folder / "out" / "access.log").read_text()
    assert (log.count(" 200 "), log.count(" 429 ")) == (1 + PAGES, counted["refused"])
    assert (project.folder / "out" / "ranking.csv").read_text().startswith("id,rank,linked,links,size,words\neden,")


def test_the_whole_in_one_command(project: Project) -> None:
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cascade", "out"))
    command = f"{sys.executable} serve.py --service 0 -- {sys.executable} -m cascade_dsl run crawl.csc".split()
    done = subprocess.run(command, cwd=project.folder, env=project.env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[2]) == (0, "count = 48")
    said = done.stderr.splitlines()[-1]
    assert re.fullmatch("the server: 49 answered, at most [123] at once, none refused", said)


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_the_exit_code_is_that_of_the_command(script: str, code: int, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLE / "serve.py"), "--log", str(tmp_path / "log"), "--", "sh", "-c"]
    done = subprocess.run([*command, f'echo "$CRAWL_BASE"; {script}'], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert done.stdout.startswith("http://127.0.0.1:")
    missing = subprocess.run([*command[:-2], "no-such-program"], capture_output=True, text=True, timeout=60)
    assert (missing.returncode, missing.stderr.splitlines()[0]) == (
        127,
        "serve.py: no-such-program: No such file or directory",
    )


def test_without_its_server_the_failure_says_what_to_start(project: Project) -> None:
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cascade", "out"))
    with_nothing = "http://127.0.0.1:9"  # the port `discard`: nobody listens
    done = project.cascade("run", "crawl.csc", "--base", with_nothing, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.code == 1
    assert "Connection refused. Is the server there? `python3 serve.py` starts it" in done.err
    assert dict(project.started()) == {"index": 1}
