"""The guide to steering tells the truth: its verbs are said to a real crawl, in the order of the page, and answered as it shows.

`python tests/docs/test_docs_live_control.py` writes the answers of now into the page; read what has changed.

What the page does not show stands in it as comments: what to wait for, and what the gates of the servers do. They are closed
at first, so that what is in flight is known at every step.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guides" / "live-control.md"
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "properties")]

from crawled import Sites  # noqa: E402
from live_runs import Project  # noqa: E402

STEP = re.compile(r"^<!-- (.*) -->\n|^```\n((?:\$ .*\n(?:(?!```|\$ ).*\n)*)+)```\n", re.M)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
_VARIES = (
    (re.compile(r"\d{8}-\d{6}-[0-9a-z]{3}"), "RUN"),
    (re.compile(r"\bpid \d+"), "pid N"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"),
    (re.compile(r"\b\d\d:\d\d(:\d\d)?\b"), "HH:MM"),
    (re.compile(r"\b(\d+(\.\d+)?(ms|s|m|h|d))+\b"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|min|m|h)\b( \d+ ?(s|m)\b)?"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"\b\d+(\.\d+)?[KMGT]i?B\b"), "SIZE"),
    (re.compile(r"(cpu +[\d.]+ of|limit (cpu|gpu|global)|(gpu|global) +\d+ of) \d+"), r"\1 N"),  # what the machine has
    (re.compile(r"\b\d left\b"), "N left"),  # tokens, which time brings
    (re.compile(r"\s+"), " "),  # lines are broken where times are long
)


def alike(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, stands_for in _VARIES:
        text = pattern.sub(stands_for, text)
    return text


class Session:
    """A crawl, and the three terminals of the page."""

    def __init__(self, project: Project, sites: Sites) -> None:
        self._project = project
        self._sites = sites

    def answer(self, line: str) -> str:
        """What a line that is typed prints."""
        words = shlex.split(line)
        assert words[0] == "cascade"
        done = self._project.cascade(*words[1:])
        assert done.code == 0, (line, done)
        return done.out + done.err

    def do(self, words: str) -> None:
        """What stands in a comment."""
        sites, wait = self._sites, self._project.wait
        if found := re.fullmatch(r"until (\d+) in flight", words):
            wait(lambda: sites.in_flight() == [int(found[1])] * 2, words)
        elif found := re.fullmatch(r"gates (\w+)", words):
            sites.gates(found[1])
        elif words == "the run ends":
            self.ended = self._project.finish()
        elif words == "the run goes on":
            self._project.start("continue", self._project.runs()[-1])
            self._project.wait_live()
        else:
            raise AssertionError(f"nobody knows what to do about `{words}`")


@contextmanager
def crawl(folder: Path) -> Generator[tuple[Session, Project]]:
    """The first two terminals."""
    (folder / "project").mkdir()
    (folder / "runtime").mkdir(mode=0o700)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    project = Project(folder / "project", folder / "runtime", PATH=path, USER="anna", LOGNAME="anna", TZ="UTC")
    shutil.copytree(
        ROOT / "examples" / "crawl",
        project.folder,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(".cascade", "out"),
    )
    sites = Sites(project.folder, sites=2, pages=60, closed=True)
    try:
        project.env["CRAWL_SITES"] = " ".join(sites.bases)
        project.start("run", "sites.csc")
        yield Session(project, sites), project
    finally:
        project.close()
        sites.close()


def told(text: str, answer: Callable[[str], str], do: Callable[[str], None]) -> str:
    """The page with the answers that its lines get."""
    out: list[str] = []
    at = 0
    for step in STEP.finditer(text):
        out.append(text[at : step.start()])
        at = step.end()
        if step[1] is not None:
            do(step[1])
            out.append(step[0])
            continue
        rows = [f"$ {line}\n{_after(shown, answer(line))}" for line, shown in _COMMAND.findall(step[2])]
        out.append("```\n" + "".join(rows) + "```\n")
    return "".join([*out, text[at:]])


def _after(shown: str, now: str) -> str:
    return shown if alike(shown) == alike(now) else now


def test_the_page_shows_what_a_run_answers(tmp_path: Path) -> None:
    page = GUIDE.read_text("utf-8")
    with crawl(tmp_path) as (session, project):
        now = told(page, session.answer, session.do)
        done = project.finish()
    assert "".join(unified_diff(page.splitlines(True), now.splitlines(True), "the page", "the run")) == ""
    assert (done.code, done.out) == (0, "table = out/sites.csv\ncount = 60\n"), done.err


def test_every_line_that_is_typed_is_said() -> None:
    said: list[str] = []
    page = GUIDE.read_text("utf-8")
    assert told(page, lambda line: said.append(line) or "", lambda _: None) != page
    assert said == re.findall(r"^\$ (.*)$", page, re.M)
    assert len(said) > 20


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, crawl(Path(folder)) as (session_, project_):
        GUIDE.write_text(told(GUIDE.read_text("utf-8"), session_.answer, session_.do), "utf-8")
        print(project_.finish())
