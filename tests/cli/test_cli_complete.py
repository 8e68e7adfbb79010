"""What a TAB offers: of the table of verbs, of a program, of live runs; and in a real interactive bash."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_runs import Project, wait_until
from shell_terminal import Bash

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.base.spellings import dotted
from cascade_dsl.cli import offered as offered_module
from cascade_dsl.cli.complete import LISTED_MAX, complete
from cascade_dsl.cli.offered import offered
from cascade_dsl.cli.options import FLAG, VERBS, Verb
from cascade_dsl.cli.parse import parse
from cascade_dsl.cli.shells import SCRIPTS
from cascade_dsl.store.live import find_live

PROGRAM = """\
param mode: "fast" | "very safe" = "fast"   ## how
param limit: str = "x"
param reference: file?
param folder: dir?
param deep: bool = false
param max_wait: duration = 90s              ## how long
param names: list[str] = []

limit task:work 2

## Work on it.
task work(i: int) -> str {
  tag net
  requires mem = 1MB, license, cpu = 0.01
  sh "cat gate/{{i}}"
}
task other(n: int) -> int { python "return n" }

got = [work(i) for i in range(5)]
output items = got       ## all of them
output last = other(len(got))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a program, and no runs or caches of others in sight."""
    for name in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.delenv("CASCADE_RUN", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "work.csc").write_text(PROGRAM)
    return tmp_path / "here"


def offers(line: str) -> list[str]:
    """The values for a line whose words are divided by single blanks."""
    return [value for value, _ in complete(line.split(" ")).items]


# ---- verbs and options ------------------------------------------------------------------------------------------


def test_verbs_and_their_options() -> None:
    assert offers("") == [*VERBS, "help"]
    assert offers("li") == ["limits", "limit"]
    assert offers("--") == ["--help", "--version"]
    assert offers("help unl") == ["unlimit"]
    assert offers("nonsense ") == []
    for verb in VERBS.values():
        every = offers(f"{verb.name} -")
        assert every == [*(option.name for option in verb.options), "--help"]
        for option in verb.options:
            if option.kind == FLAG:
                assert option.name not in offers(f"{verb.name} {option.name} --"), "a flag stands once"
    assert offers("run --on-failure c") == ["continue", "cancel"]
    assert offers("run --on-failure=f") == ["--on-failure=finish"]
    assert offers("check --format ") == list(next(o for o in VERBS["check"].options if o.name == "--format").choices)
    assert "--limit" in offers("run --limit x --l"), "an option that may stand again is offered again"
    assert offers("ps ") == []
    assert offers("explain csc50") == [f"CSC50{n}" for n in range(10)]
    assert offers("completion ") == ["bash", "zsh", "fish"]
    assert offers("pause --because --") == [], "what follows an option that wants a value is its value"
    assert offers("check -- --fo") == [], "after `--` nothing is an option"


def test_the_words_of_a_sentence() -> None:
    after = ["burst", "by", "for", "until", "from", "because"]
    for line, expected in {
        "limit task:f 3 ": after,
        "limit task:f 3 b": ["burst", "by", "because"],
        "limit task:f 3 for ": [],
        "limit task:f 3 by ": [],
        "limit task:f 3 for 10m ": ["burst", "by", "from", "because"],
        "limit task:f 3 --for 10m ": ["burst", "by", "from", "because"],
        "limit task:f 3 from 09:00 ": ["to"],
        "limit task:f 3 from 09:00 to ": [],
        "limit task:f 3 from 09:00 to 18:00 mo": ["mon-fri", "mon"],
        "limit task:f 3 from 09:00 to 18:00 mon-fri u": ["until"],
        "limit task:f 3 because for ": [word for word in after if word != "because"],
        "limit task:f 3 --days sa": ["sat,sun", "sat"],
    }.items():
        assert offers(line) == expected, line


def test_places_of_files() -> None:
    assert complete(["run", ""]).files == ("csc", "json")
    assert complete(["check", "a.csc", ""]).files == ("csc",)
    assert (complete(["run", "--params", ""]).files or ())[:2] == ("json", "toml")
    assert complete(["run", "a.csc", "--par"]).files is None


KNOWN = [
    "FILE",
    "PATH",
    "DIR",
    "TARGET",
    "RUN",
    "CODE",
    "SHELL",
    "SCOPE",
    "NODE",
    "AMOUNT",
    "ACTION",
    "RESULT",
    "TASK",
    "PRIORITY",
    "DEMAND",
]


def test_every_argument_of_a_verb_can_be_completed() -> None:
    asked = {one for verb in VERBS.values() for name, _ in verb.args for one in name.split("|")}
    assert asked <= set(KNOWN), "complete._one_argument has a case for each"


# ---- what a program offers --------------------------------------------------------------------------------------


def test_params_choices_targets_and_scopes_of_the_program(here: Path) -> None:
    params = ["--mode", "--reference", "--folder", "--deep", "--max-wait", "--names"]
    assert offers("run work.csc --")[: len(params)] == params
    assert offers("run work.csc --max") == ["--max-wait"]
    assert offers("run work.csc --max_") == ["--max_wait"]
    assert offers("run --mode fast work.csc --mo") == [], "it is there already"
    assert offers("run work.csc --names a --na") == ["--names"]
    assert offers("run work.csc --mode ") == ["fast", "very safe"]
    assert offers("run work.csc --mode=f") == ["--mode=fast"]
    assert offers("run work.csc --deep=") == ["--deep=true", "--deep=false"]
    assert offers("run work.csc --deep it") == ["items"], "a bool takes no word"
    assert complete(["run", "work.csc", "--reference", ""]).files == ()
    assert complete(["run", "work.csc", "--folder", ""]).dirs
    assert offers("run work.csc --max-wait ") == []
    assert offers("run work.csc ") == ["items", "last", "got", "other", "work"]
    assert offers("run work.csc --param ") == [f"{name}=" for name in
        ("mode", "limit", "reference", "folder", "deep", "max_wait", "names")]  # fmt: skip
    assert complete(["run", "work.csc", "--param", "li"]).nospace
    assert offers("run work.csc --param mode=f") == ["mode=fast"]
    assert offers("run work.csc --limit t") == ["task:work", "task:other", "tag:net"]
    assert offers("help run work.csc --mo") == ["--mode"]
    assert offers("run --params p.json work.csc --mo") == ["--mode"]
    assert offers("run --names x.json work.csc --mo") == ["--mode"]
    assert offers("run --names x.csc work.csc --mo") == ["--mode"]
    assert offers("run --deep work.csc --mo") == ["--mode"]
    about = dict(complete(["run", "work.csc", "--m"]).items)
    assert about == {"--mode": "how", "--max-wait": "how long"}


def test_what_a_program_offers_is_remembered(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offers("run work.csc --mo") == ["--mode"]

    def compiled(_: str) -> None:
        raise AssertionError("it was compiled again")

    with monkeypatch.context() as patch:
        patch.setattr(offered_module, "_compile", compiled)
        assert offers("run work.csc --mo") == ["--mode"]
        assert offers(f"run {here}/work.csc --mo") == ["--mode"]
    (here / "work.csc").write_text(PROGRAM.replace("param mode", "param modus"))
    assert offers("run work.csc --mo") == ["--modus"]
    (here / "work.csc").write_text(PROGRAM.replace("param mode", "param mode mode"))
    assert offers("run work.csc --mo") == ["--modus"], "with an error in it, what it offered before"


def test_a_program_that_is_broken_or_missing_offers_nothing(here: Path) -> None:
    (here / "broken.csc").write_text("param x: in")
    (here / "broken.json").write_text("{}")
    for file in ("broken.csc", "broken.json", "missing.csc"):
        assert offers(f"run {file} --x") == []
        assert offers(f"run {file} ") == []


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"stamp": 3, "offered": {}}', '{"stamp": [], "offered": {"params": 1, "targets": [1], "scopes": []}}'])  # fmt: skip
def test_a_damaged_cache_is_made_anew(damage: str, here: Path) -> None:
    assert len(offered("work.csc").params) == 7
    (kept,) = (here.parent / "elsewhere" / "cascade" / "programs").iterdir()
    kept.write_text(damage)
    assert len(offered("work.csc").params) == 7


def test_without_a_place_for_a_cache_it_is_only_slower(here: Path) -> None:
    (here.parent / "elsewhere").write_text("a file")
    assert offers("run work.csc --mo") == ["--mode"]


WORDS = st.lists(
    st.one_of(
        st.sampled_from([*VERBS, "help", "--", "-", "--param", "--param=mode=", "--limit", "--run", "--deep", "--mode", "work.csc", "because", "-j", "-j4", "--=", "="]),
        st.text(max_size=8),
    ),
    max_size=7,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS)
def test_no_line_is_too_strange(here: Path, words: list[str]) -> None:
    try:
        reply = complete(words)
    except CascadeError:
        of_nodes = {name for name, verb in VERBS.items() if any("NODE" in arg for arg, _ in verb.args)}
        assert of_nodes & set(words)  # there was no run: the program is silent then
        return
    current = words[-1] if words else ""
    assert all(value.startswith((current, current.upper())) for value, _ in reply.items)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS.filter(lambda words: bool(words) and words[0] in VERBS and "--" not in words))
def test_an_option_that_is_offered_is_one_that_the_verb_reads(here: Path, words: list[str]) -> None:
    words = [*words[:1], *(word for word in words[1:] if not word.startswith("-")), "--"]
    verb = VERBS[words[0]]
    values = {o.name: o.choices[0] if o.choices else "x" for o in verb.options if o.kind != FLAG}
    for option, _ in complete(words).items:
        given = [*words[1:-1], option, *([values[option]] if option in values else [])]
        assert option == "--help" or "CSC500" not in refusals(verb, given), "there is no such option"


def refusals(verb: Verb, words: list[str]) -> list[str]:
    """The codes with which a command line is refused: an argument may be missing."""
    try:
        parse(verb, words)
    except CascadeError as error:
        return [diagnostic.code for diagnostic in error.diagnostics]
    return []


# ---- the program itself -----------------------------------------------------------------------------------------


SLOWLY_S = "10"
"""Tests are not about how fast this machine is now."""


def asked(*words: str, cwd: Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "cascade_dsl", "__complete", *words],
        cwd=cwd, env={**os.environ, "CASCADE_COMPLETE_S": SLOWLY_S, **(env or {})}, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_answer_is_lines(here: Path) -> None:
    assert asked("run", "work.csc", "--m", cwd=here) == (0, "--mode\thow\n--max-wait\thow long\n", "")
    assert asked("run", "work.csc", "--param", "li", cwd=here) == (0, "limit=\tstr\n\tnospace\n", "")
    assert asked("run", "", cwd=here) == (0, "\tfiles csc json\n", "")
    assert asked("run", "work.csc", "--folder", "", cwd=here) == (0, "\tdirs\n", "")


def test_what_goes_wrong_is_not_said(here: Path) -> None:
    assert asked("log", "", cwd=here) == (0, "", "")  # no program was run here
    assert asked("log", "--run", "x", "", cwd=here) == (0, "", "")
    assert asked(cwd=here)[0] == 0
    (here / "nul.csc").write_bytes(b"\0\xff")
    assert asked("run", "nul.csc", "--x", cwd=here) == (0, "", "")


def test_a_run_that_does_not_answer_is_not_waited_for(here: Path) -> None:
    """It holds its lock and listens, as one does that was stopped by SIGSTOP, and never says a word."""
    run = here / ".cascade" / "runs" / "20260101-000000-abc"
    run.mkdir(parents=True)
    (here / ".cascade" / "live").mkdir()
    (here / ".cascade" / "live" / run.name).symlink_to(run)
    (run / "run.json").write_text('{"file": "work.csc", "pid": 1}')
    with open(run / "lock", "w") as lock, socket.socket(socket.AF_UNIX) as listener:
        fcntl.flock(lock, fcntl.LOCK_EX)
        listener.bind(str(run.relative_to(here) / "control.sock"))
        listener.listen(5)
        assert [one.run for one in find_live(here)] == [run.name]
        assert asked("limit", "", cwd=here, env={"CASCADE_COMPLETE_S": "0.5"}) == (0, "", "")
        assert asked("limit", "--run", "", cwd=here) == (0, "20260101-000000-abc\twork.csc\n", "")
    with open(run / "lock", "w") as lock:  # and one whose engine died while another holds its lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert asked("limit", "", cwd=here) == (0, "", "")


def test_a_program_that_takes_long_is_there_at_the_next_tab(here: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import os, sys, time\n"
        "from cascade_dsl.cli import complete, offered\n"
        "compile_ = offered._compile\n"
        "def slowly(path):\n"
        "    while not os.path.exists('gate'): time.sleep(0.01)\n"
        "    return compile_(path)\n"
        "offered._compile = slowly\n"
        "sys.exit(complete.main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, slow, "run", "work.csc", "--mo"],
        cwd=here, env={**os.environ, "CASCADE_COMPLETE_S": "0.05"}, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # its output has ended, the compiler goes on
    (here / "gate").touch()
    kept = tmp_path / "elsewhere" / "cascade" / "programs"
    wait_until(lambda: kept.is_dir() and any(path.suffix == ".json" for path in kept.iterdir()), "what it has found")
    assert asked("run", "work.csc", "--mo", cwd=here) == (0, "--mode\thow\n", "")


def test_a_live_run_has_300_ms_for_its_answer(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASCADE_COMPLETE_S", raising=False)
    from cascade_dsl.cli import complete as module
    from cascade_dsl.control import client
    from cascade_dsl.store.live import LiveRun

    asked: list[tuple[str, float]] = []
    runs = [LiveRun(run=run, folder="", file="", pid=1, warden=None, started_ns=0) for run in "abcd"]

    def live(_: str | None) -> list[LiveRun]:
        return runs

    def ask(run: LiveRun, request: dict[str, str], timeout_s: float) -> dict[str, object]:
        asked.append((request["verb"], timeout_s))
        if run.run == "b":
            raise TimeoutError
        return {"pools": [], "paused": []} if request["verb"] == "status" else {"scopes": ["task:x"]}

    monkeypatch.setattr(client, "ask", ask)
    monkeypatch.setattr(module, "_live", live)
    assert module.live_scopes(None) == [("task:x", "")]
    assert asked == [("status", 0.3), ("scopes", 0.3), ("status", 0.3), ("status", 0.3), ("scopes", 0.3)]


def test_scripts_are_printed_and_read_by_their_shell(tmp_path: Path) -> None:
    for shell, script in SCRIPTS.items():
        done = subprocess.run(
            [sys.executable, "-m", "cascade_dsl", "completion", shell], capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, script, "")
    (tmp_path / "bash").write_text(SCRIPTS["bash"])
    assert subprocess.run(["bash", "-n", tmp_path / "bash"]).returncode == 0
    done = subprocess.run([sys.executable, "-m", "cascade_dsl", "completion", "tcsh"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "error[CSC504]: there is completion for bash, zsh, fish, not for `tcsh`\n"
        "  help: `cascade completion --help` shows how it is used\n",
    )


# ---- a live run, in a real bash ---------------------------------------------------------------------------------


@pytest.fixture
def bash(project: Project, tmp_path: Path) -> Iterator[Bash]:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "cascade").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cascade_dsl "$@"\n')
    (tools / "cascade").chmod(0o755)
    env = {**project.env, "PATH": f"{tools}:{project.env['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env["CASCADE_COMPLETE_S"] = SLOWLY_S
    project.write("work.csc", PROGRAM)
    project.write("data/reads one.txt", "")
    made = Bash(project.folder, env, 'eval "$(cascade completion bash)"')
    yield made
    made.close()


TYPED = {
    "cascade li\t": "cascade limit",  # or limits
    "cascade run wo\t": "cascade run work.csc ",
    "cascade run work.csc --max\t": "cascade run work.csc --max-wait ",
    "cascade run work.csc --mode v\t": "cascade run work.csc --mode very\\ safe ",
    "cascade run work.csc --mode 'v\t": "cascade run work.csc --mode 'very safe' ",
    "cascade run work.csc --mode=f\t": "cascade run work.csc --mode=fast ",
    "cascade run work.csc --param lim\t": "cascade run work.csc --param limit=",
    "cascade run work.csc --param mode=v\t": "cascade run work.csc --param mode=very\\ safe ",
    "cascade run work.csc --limit task:w\t": "cascade run work.csc --limit task:work ",
    "cascade run work.csc --limit 'task:w\t": "cascade run work.csc --limit 'task:work' ",
    'cascade run work.csc --limit "task:w\t': 'cascade run work.csc --limit "task:work" ',
    "cascade run work.csc --reference data/re\t": "cascade run work.csc --reference data/reads\\ one.txt ",
    "cascade run work.csc --reference=data/re\t": "cascade run work.csc --reference=data/reads\\ one.txt ",
    "cascade run work.csc --folder da\t": "cascade run work.csc --folder data/",
    "cascade check da\t": "cascade check data/",
    "cascade run work.csc ite\t": "cascade run work.csc items ",
    "cascade nonsense x\t": "cascade nonsense x",
    "true; cascade help ex\t": "true; cascade help explain ",
}


def test_words_are_completed_in_bash(bash: Bash) -> None:
    assert {keys: bash.line_after(keys) for keys in TYPED} == TYPED
    shown = bash.shown_after("cascade run work.csc --m\t\t")
    assert "--mode" in shown
    assert "--max-wait" in shown


def test_scopes_and_nodes_of_a_live_run_are_completed_in_bash(project: Project, bash: Bash) -> None:
    project.fifos(range(5))
    project.start("run", "work.csc")
    project.wait_live()
    project.wait_running(2)
    typed = {
        "cascade limit ta\t": "cascade limit ta",  # task: or tag:
        "cascade limit task:w\t3": "cascade limit task:work 3",
        "cascade limit tag:\t1": "cascade limit tag:net 1",
        "cascade limit 'task:w\t": "cascade limit 'task:work' ",
        "cascade unlimit lic\t": "cascade unlimit license ",
        "cascade limit task:work 3 be\t": "cascade limit task:work 3 because ",
        "cascade log go\t": "cascade log got.",
        "cascade log got.1\t": "cascade log got.1 ",
        "cascade log got[1\t": "cascade log got\\[1\\] ",
        "cascade cancel task:w\t": "cascade cancel task:work ",
        "cascade cancel lic\t": "cascade cancel license ",
        "cascade cancel got.1\t": "cascade cancel got.1 ",
        "cascade cancel got.1 --as \t": "cascade cancel got.1 --as ",  # node or scope
        "cascade cancel got.1 --as s\t": "cascade cancel got.1 --as scope ",
        "cascade retry task:o\t": "cascade retry task:other ",
        "cascade resume ta\t": "cascade resume ta",  # nothing is paused
        "cascade pause --run \t": f"cascade pause --run {project.runs()[0]} ",
    }
    assert {keys: bash.line_after(keys) for keys in typed} == typed
    assert project.cascade("pause", "task:work").code == 0
    assert bash.line_after("cascade resume \t") == "cascade resume task:work "
    said = asked("limit", "task:", cwd=project.folder, env=project.env)
    assert said == (0, "task:work\t2 of 2 running, 3 waiting\ntask:other\t\n", "")
    project.open_gates()
    project.cascade("resume")
    assert project.finish().code == 0
    assert bash.line_after("cascade log la\t") == "cascade log last "  # of a run that is over


def test_of_many_nodes_the_next_part_of_their_names_is_offered(here: Path) -> None:
    import sqlite3

    run = here / ".cascade" / "runs" / "20260101-000000-abc"
    run.mkdir(parents=True)
    with sqlite3.connect(run / "journal.db") as db:
        db.execute(
            "CREATE TABLE attempts (serial INTEGER PRIMARY KEY, key TEXT, name TEXT, log TEXT, started_ns INTEGER)"
        )
        names = [*(f"pages[{n}]" for n in range(300)), *(f"parts[{a},{b}]" for a in "xyz" for b in range(99)), "index"]
        db.executemany("INSERT INTO attempts (name, log) VALUES (?, '')", [(name,) for name in names])
    db.close()
    assert offers("log ") == ["index", "pages.", "parts."]
    assert complete(["log", ""]).nospace
    assert offers("log --run ") == offers("continue ") == ["20260101-000000-abc"]
    assert offers("ps --run ") == [], "it is over"
    assert offers("log parts.") == ["parts.x.", "parts.y.", "parts.z."]
    assert len(offers("log parts.x.")) == 99 > LISTED_MAX
    assert offers("log pages.29") == ["pages.299", *(f"pages.{n}" for n in range(298, 289, -1)), "pages.29"]
    assert offers("log parts[x,9") == [f"parts[x,{n}]" for n in (*range(98, 89, -1), 9)]
    assert not complete(["log", "ind"]).nospace
    assert [dotted(name) for name in ("a", "a[b]", "a.f#2[b,3]")] == ["a", "a.b", "a.f#2.b.3"]
