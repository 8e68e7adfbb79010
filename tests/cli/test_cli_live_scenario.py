"""The whole of it once: two servers, two hundred pages, and an operator who steers; what the servers saw, held to what was in force.

Every step waits for a condition: pages that the servers have answered, an event of the journal. The gates of the
servers hold requests where what is in flight has to be known.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from crawled import Sites
from live_runs import Project
from obeyed import follow, held_to

from cascade_dsl.ir.events import (
    AttemptFrozen,
    AttemptStarted,
    AttemptThawed,
    Event,
    ScopePaused,
    ScopeResumed,
    Undone,
    WordExpired,
    WordSet,
)
from cascade_dsl.ir.graph import NodeKey

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "crawl"
PAGES = 200
_PAGE = re.compile(r"pages\.fetch\[(.*)\]|indexes\[(\d)\]")


@pytest.fixture
def sites(project: Project) -> Iterator[Sites]:
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cascade", "out"))
    project.env["PATH"] = (
        f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # `python3` itself, no script in its place
    )
    made = Sites(project.folder, sites=2, pages=PAGES, closed=True)
    yield made
    made.close()


class Operator:
    """The second terminal."""

    def __init__(self, project: Project, sites: Sites) -> None:
        self.project = project
        self.sites = sites

    def says(self, *words: str) -> str:
        """A verb, and what it is answered."""
        done = self.project.cascade(*words)
        assert (done.code, done.err) == (0, ""), done
        return done.out.rstrip("\n")

    def says_meanwhile(self, *words: str) -> str:
        """The same while no server answers: however slow the machine is, pages are left for what is said next."""
        self.sites.gates("close")
        answer = self.says(*words)
        self.sites.gates("open")
        return answer

    def watches(self, pages: int) -> None:
        """Until so many more pages have been answered."""
        until = self.sites.served() + pages
        self.project.wait(lambda: self.sites.served() >= until, f"{pages} more pages")

    def count(self, kind: type[Event]) -> int:
        """How many events of a kind the journal has."""
        (run,) = self.project.runs()
        journal = self.project.folder / ".cascade" / "runs" / run / "journal.db"
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as opened:
            (found,) = opened.execute("SELECT count(*) FROM events WHERE kind = ?", (kind.__name__,)).fetchone()
        return found


def steer(operator: Operator) -> None:
    """What an operator does to a crawl while it is on."""
    project, sites = operator.project, operator.sites
    project.wait(lambda: sites.in_flight() == [3, 3], "three pages of each server in flight: what the file says")
    operator.says("limit", "task:fetch", "8", "by", "host")
    project.wait(lambda: sites.in_flight() == [8, 8], "eight of each")
    # A rate, while sixteen run: they are keyed, and have spent nothing.
    operator.says("limit", "task:fetch", "10/s", "by", "host", "--because", "the servers ask for it")
    sites.gates("open")
    operator.watches(20)
    operator.says_meanwhile("limit", "task:fetch", "4/s", "by", "host")
    operator.watches(8)
    operator.says_meanwhile("limit", "task:fetch", "12/s", "burst", "4", "by", "host")
    operator.watches(12)

    # Paused: what runs ends, and nothing starts.
    operator.says_meanwhile("pause", "task:fetch", "--because", "somebody looks")
    project.wait(lambda: sites.in_flight() == [0, 0] and project.ps()["nodes"]["running"] == 0, "the end of what runs")
    started = operator.count(AttemptStarted)
    # Lowered in the pause, to be seen when it ends.
    operator.says("limit", "task:fetch", "2", "by", "host")
    assert operator.count(AttemptStarted) == started
    sites.gates("close")
    operator.says("resume", "task:fetch")
    project.wait(lambda: sites.in_flight() == [2, 2], "two of each server in flight")

    # Frozen: what runs stands still where it is, though the servers answer.
    operator.says("pause", "task:fetch", "--freeze")
    started = operator.count(AttemptStarted)
    sites.gates("open")
    project.wait(lambda: sites.in_flight() == [0, 0], "the answers, to those who do not hear them")
    assert project.ps()["nodes"]["running"] == operator.count(AttemptFrozen) == 4
    assert operator.count(AttemptStarted) == started
    operator.says("resume", "task:fetch")
    operator.watches(6)
    assert operator.count(AttemptThawed) == 4

    # For a time, after which what was before is in force again.
    operator.says_meanwhile("limit", "task:fetch", "3/s", "by", "host", "for", "1500ms")
    project.wait(lambda: operator.count(WordExpired) == 1, "the end of that word by itself")
    operator.watches(8)

    # A mistake, taken back.
    operator.says_meanwhile("limit", "task:fetch", "0/s", "by", "host")
    project.wait(lambda: sites.in_flight() == [0, 0] and project.ps()["nodes"]["running"] == 0, "the end of what runs")
    operator.says_meanwhile("undo")
    operator.watches(6)
    operator.says_meanwhile("limit", "task:fetch", "8", "by", "host")
    operator.says_meanwhile("limit", "task:fetch", "100/s", "burst", "20", "by", "host")


def test_what_the_servers_saw_is_what_was_in_force(project: Project, sites: Sites) -> None:
    bases = [word for base in sites.bases for word in ("--sites", base)]
    project.start("run", "sites.csc", *bases, "--limit", "cpu 4")  # room for sixteen on any machine
    steer(Operator(project, sites))
    done = project.finish()
    assert (done.code, done.out) == (0, f"table = out/sites.csv\ncount = {PAGES}\n"), done.err

    names, hosts = project.names(), sites.hosts
    logs = {host: sites.log(place) for place, host in enumerate(hosts)}
    has = {arrival.path: host for host, log in logs.items() for arrival in log if arrival.path != "/sitemap.xml"}
    assert len(has) == PAGES

    def request_of(key: NodeKey) -> tuple[str, str] | None:
        found = _PAGE.fullmatch(names[key])
        if found is None:
            return None
        if found[2] is not None:
            return hosts[int(found[2])], "/sitemap.xml"
        path = f"/river/{found[1]}.html"
        return has[path], path

    history = follow(project.events(), request_of, task="fetch", by="host")
    rates = [None if rate is None else (rate.amount, rate.burst) for _, rate in history.terms]
    assert rates == [None, (10, 1), (4, 1), (12, 4), (3, 1), (12, 4), (0, 1), (12, 4), (100, 20)]
    assert [len(project.of(kind)) for kind in (ScopePaused, ScopeResumed, Undone)] == [2, 2, 1]
    assert len(project.of(WordSet)) == 9
    for host in hosts:
        assert len(logs[host]) == PAGES // 2 + 1, "each page was asked for once"
        assert all(arrival.status == 200 for arrival in logs[host])
        seen = held_to(history, host, logs[host])
        assert seen.windows > 100, "most windows lie in times with a rate"
        assert 2 <= seen.peak <= 8
