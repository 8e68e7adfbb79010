"""The command line before any run: parsing, help, codes, and what the fast verbs load."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cascade_dsl.api.options import RunOptions
from cascade_dsl.api.params import ParamText
from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.cli.main import main, report_error
from cascade_dsl.cli.options import FLAG, RUN, VERBS
from cascade_dsl.cli.parse import parse
from cascade_dsl.cli.run import file_of, options_of, settle
from cascade_dsl.cli.steer import sentence
from cascade_dsl.ir import types as ty
from cascade_dsl.ir.graph import Graph, Param


def words(text: str) -> list[str]:
    return text.split()


def refusal(verb: str, line: str) -> tuple[str, str, str | None]:
    with pytest.raises(CascadeError) as caught:
        parse(VERBS[verb], words(line))
    (found,) = caught.value.diagnostics
    return found.code, found.message, found.help


# ---- parsing ----------------------------------------------------------------------------------------------------


def test_every_spelling_of_an_option() -> None:
    parsed = parse(RUN, words("-j4 a.csc --limit=x --limit y -v --on-failure continue --params p.json t"))
    assert parsed.args == ["a.csc", "t"]
    assert parsed.values == {"--jobs": "4", "--on-failure": "continue", "--params": "p.json"}
    assert parsed.many == {"--limit": ["x", "y"]}
    assert parsed.flags == {"--verbose"}
    assert options_of(parsed) == RunOptions(jobs=4, limits=("x", "y"), on_failure="continue", verbose=True)
    assert options_of(parse(RUN, words("a.csc -k --json -n --no-wait"))) == RunOptions(
        on_failure="continue", json=True, dry_run=True, no_wait=True
    )


@pytest.mark.parametrize(
    ("verb", "line", "code", "message", "help"),
    [
        ("run", "", "CSC504", "`cascade run` needs FILE", "`cascade run --help` shows how it is used"),
        ("run", "a.csc -x", "CSC500", "`-x` is neither an option nor a param of this program", "`cascade run --help` shows the options"),
        ("run", "a.csc --limit", "CSC504", "`--limit` needs a value: --limit SENTENCE", "`cascade run --help` shows how it is used"),
        ("run", "a.csc --json=yes", "CSC504", "`--json` takes no value", "`cascade run --help` shows how it is used"),
        ("run", "a.csc -j1 --jobs 2", "CSC504", "`--jobs` is given twice", "`cascade run --help` shows how it is used"),
        ("run", "a.csc --on-failure stop", "CSC504", "`--on-failure` is one of finish, continue, cancel, hold, not `stop`", "`cascade run --help` shows how it is used"),
        ("ps", "--jsno", "CSC500", "`--jsno` is no option of `cascade ps`", "did you mean `--json`?"),
        ("ps", "all", "CSC504", "`cascade ps` has no use for `all`", "`cascade ps --help` shows how it is used"),
        ("limit", "task:fetch", "CSC504", "`cascade limit` needs AMOUNT", "`cascade limit --help` shows how it is used"),
        ("pause", "a b", "CSC504", "`cascade pause` has no use for `b`", "`cascade pause --help` shows how it is used"),
    ],
)  # fmt: skip
def test_misuse_is_refused(verb: str, line: str, code: str, message: str, help: str) -> None:
    assert refusal(verb, line) == (code, message, help)


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "1.5", "99999999999999999999"])
def test_jobs_is_a_whole_number(jobs: str) -> None:
    with pytest.raises(CascadeError, match="`--jobs` is a whole number from 1 on"):
        options_of(parse(RUN, ["a.csc", f"--jobs={jobs}"]))


def test_keep_going_and_cancel_contradict() -> None:
    with pytest.raises(CascadeError, match="contradict each other"):
        options_of(parse(RUN, words("a.csc -k --on-failure cancel")))


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("a.csc", "a.csc"),
        ("--top 5 a.csc x", "a.csc"),
        ("--top=5 a.csc", "a.csc"),
        ("--deep a.csc", "a.csc"),
        ("a.csc --top 5", "a.csc"),
        ("graph t", "graph"),
        ("--table x.csc a.csc", "a.csc"),
        ("--data x.json --deep a.csc t", "a.csc"),
        ("a.json --script x.csc", "a.json"),
    ],
)
def test_the_file_is_found_among_params(line: str, file: str) -> None:
    parsed = parse(RUN, words(line))
    assert file_of(parsed.args, parsed) == file


PARAMS = Graph(
    name="g", file="g.csc", tasks=(), resources=(), limits=(),
    nodes=tuple(
        Param(id=n, name=name, type=type_)
        for n, (name, type_) in enumerate(
            [("top", ty.INT), ("deep", ty.BOOL), ("max_depth", ty.INT), ("urls", ty.ListType(ty.STR)), ("limit", ty.STR)]
        )
    ),
)  # fmt: skip


def settled(line: str) -> tuple[dict[str, ParamText], tuple[str, ...]]:
    return settle(parse(RUN, words(line)), PARAMS)


def test_params_are_options_and_the_rest_are_targets() -> None:
    assert settled("a.csc --top -5 pages --deep --max-depth=3 --urls a --urls b --param limit=x=y -v rank") == (
        {
            "top": ParamText("-5"),
            "deep": ParamText("true"),
            "max_depth": ParamText("3"),
            "urls": ParamText("a", ("b",)),
            "limit": ParamText("x=y"),
        },
        ("pages", "rank"),
    )
    assert settled("--deep=false a.csc -- --odd") == ({"deep": ParamText("false")}, ("--odd",))
    assert settled("--deep a.csc t") == ({"deep": ParamText("true")}, ("t",))


@pytest.mark.parametrize(
    ("line", "message", "help"),
    [
        ("a.csc --tpo 5", "`--tpo` is neither an option nor a param of this program", "did you mean `--top`?"),
        ("a.csc --jbos 5", "`--jbos` is neither an option nor a param of this program", "did you mean `--jobs`?"),
        ("a.csc --top", "`--top` needs a value: --top INT", "`cascade run --help` shows how it is used"),
        ("a.csc --param x", "`--param` is NAME=VALUE, not `x`", "`cascade run --help` shows how it is used"),
    ],
)
def test_params_that_are_refused(line: str, message: str, help: str) -> None:
    with pytest.raises(CascadeError) as caught:
        settled(line)
    assert (caught.value.diagnostics[0].message, caught.value.diagnostics[0].help) == (message, help)


def limit(*args: str) -> str:
    return sentence(parse(VERBS["limit"], list(args)))


def test_the_limit_sentence_of_a_command_line() -> None:
    assert limit("task:fetch", "3") == "task:fetch 3"
    assert limit("task:fetch", "-3") == "task:fetch -3"
    assert (
        limit(
            "task:fetch",
            "3",
            "because",
            'the "API"',
        )
        == 'task:fetch 3 because "the \\"API\\""'
    )
    assert limit("task:fetch", "3", "because", "--json") == 'task:fetch 3 because "--json"'
    assert limit("task:fetch", "3", "because", '"quoted"') == 'task:fetch 3 because "quoted"'
    assert limit("task:fetch", "3", "--because", "{{x}}", "--for", "10m") == 'task:fetch 3 for 10m because "\\{{x}}"'
    assert (
        limit("task:fetch", "10/s", "--burst", "20", "--hard", "because", "x")
        == 'task:fetch 10/s because "x" burst 20 hard'
    )


# ---- the whole program ------------------------------------------------------------------------------------------


def cascade(*args: str, cwd: Path | None = None, **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "cascade_dsl", *args],
        cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "100", **env},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_an_unknown_verb_is_refused() -> None:
    assert cascade("rnu") == (2, "", "error[CSC504]: `rnu` is no verb of cascade\n  help: did you mean `run`?\n")
    assert cascade("words.csc")[2].endswith("help: did you mean `cascade run words.csc`?\n")


def test_a_fault_of_ours_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_error(KeyError(7)) == 70
    err = capsys.readouterr().err
    assert err.startswith("KeyError: 7\n")
    assert err.endswith(
        "error[CSC900]: a fault of Cascade itself: KeyError: 7\n"
        "  help: please report it with the lines above and the program that shows it\n"
    )


def test_explain_prints_the_page() -> None:
    code, out, err = cascade("explain", "csc407")
    assert (code, err) == (0, "")
    assert out.startswith("# CSC407: No binding, output or task of this name\n")
    assert cascade("explain", "407")[1] == out
    code, out, err = cascade("explain", "nonsense")
    assert (code, out) == (2, "")
    assert err == (
        "error[CSC505]: there is no diagnostic `nonsense`\n"
        "  help: a code stands in brackets before its message: error[CSC101]\n"
    )


def test_log_without_a_run(tmp_path: Path) -> None:
    assert cascade("log", "pages", cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path), TMPDIR=str(tmp_path)) == (
        2,
        "",
        "error[CSC508]: no program was run in this folder\n  help: go to the folder of the program that was run\n",
    )


def test_log_prints_the_newest_attempt(tmp_path: Path) -> None:
    import sqlite3

    run = tmp_path / ".cascade" / "runs" / "20261123-215501-k3f"
    (run / "logs" / "000").mkdir(parents=True)
    with sqlite3.connect(run / "journal.db") as db:
        db.execute(
            "CREATE TABLE attempts (serial INTEGER PRIMARY KEY, key TEXT, name TEXT, log TEXT, started_ns INTEGER)"
        )
        for serial, name in enumerate(("pages[oslo]", "pages[oslo]", "parts[a,0]", "x.f[b]"), 1):
            log = run / "logs" / "000" / f"{serial}.log"
            log.write_bytes(f"log {serial} \xff\n".encode("latin-1"))
            # the folder was moved since: the second path leads nowhere
            path = "/nowhere/x.log" if serial == 2 else str(log)
            db.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, 0)", (serial, "1", name, path))
    db.close()
    below = tmp_path / "deep"
    below.mkdir()

    def printed(*args: str) -> bytes:
        done = subprocess.run([sys.executable, "-m", "cascade_dsl", "log", *args], cwd=below, capture_output=True)
        return done.stdout or done.stderr

    assert printed("pages[oslo]") == printed("pages.oslo") == b"log 2 \xff\n"
    assert printed("parts.a.0", "--run", "k3f") == b"log 3 \xff\n"
    assert printed("x.f.b") == b"log 4 \xff\n"
    assert printed("pages[olso]").decode() == (
        "error[CSC508]: nothing in the run 20261123-215501-k3f has a log as `pages[olso]`\n"
        "  help: did you mean `pages[oslo]`?\n"
    )


def test_without_a_live_run_a_good_sentence_is_4_and_a_bad_one_2(tmp_path: Path) -> None:
    nowhere = {"XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path), "CASCADE_RUN": ""}
    assert cascade("limit", "task:fetch", "3", cwd=tmp_path, **nowhere) == (
        4,
        "",
        "error[CSC604]: there is no live run\n  help: start one with `cascade run`\n",
    )
    code, out, err = cascade("limit", "task:fetch", "lots", cwd=tmp_path, **nowhere)
    assert (code, out) == (2, "")
    assert err.startswith("error[CSC")
    for verb in ("unlimit task:fetch", "pause", "resume task:fetch"):
        assert cascade(*words(verb), cwd=tmp_path, **nowhere)[0] == 4
    assert cascade("ps", cwd=tmp_path, **nowhere) == (0, "", "no live run\n")
    assert cascade("ps", "--json", cwd=tmp_path, **nowhere) == (0, '{"runs": []}\n', "")


HEAVY = ("lark", "trio", "typer", "rich", "click")


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("ps", ()), ("limit task:fetch 3 --run x", ("lark",)), ("unlimit task:fetch --run x", ("lark",)),
        ("pause --run x", ()), ("resume --run x", ()), ("log x", ()), ("explain 101", ()), ("--version", ()), ("rnu", ()),
        ("", ()), ("__complete li", ()), ("__complete limit --", ()), ("__complete limit t", ()), ("__complete log p", ()),
        ("completion bash", ()),
        ("--help", ("typer", "rich", "click")), ("run --help", ("typer", "rich", "click")),
    ],
)  # fmt: skip
def test_what_a_verb_loads(line: str, allowed: tuple[str, ...], tmp_path: Path) -> None:
    script = (
        "import sys\nfrom cascade_dsl.cli.main import main\nsys.stdout.flush()\nmain(sys.argv[1:])\n"
        f"print('LOADED', [m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words(line)],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    loaded = re.search(r"LOADED (.*)", done.stdout)
    assert loaded is not None, done.stderr
    assert set(json.loads(loaded[1].replace("'", '"'))) <= set(allowed)


# ---- help -------------------------------------------------------------------------------------------------------


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for verb in VERBS.values():
        assert f" {verb.name} " in shown


@pytest.mark.parametrize("verb", list(VERBS))
def test_help_of_a_verb_shows_every_option(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    for option in VERBS[verb].options:
        assert option.name in shown
        assert option.short in shown
    for name, _ in VERBS[verb].args:
        assert name in shown


def test_typer_reads_the_table_as_our_parser_does() -> None:
    from typer.main import get_command

    from cascade_dsl.cli.help import help_app

    group = get_command(help_app())
    for verb in VERBS.values():
        command = group.commands[verb.name]  # pyright: ignore
        drawn = {name for p in command.params for name in p.opts if name.startswith("-")}  # pyright: ignore
        ours = {name for o in verb.options for name in (o.name, o.short) if name}
        assert drawn - {"--help"} == ours
        flags = {p.opts[0] for p in command.params if getattr(p, "is_flag", False)} - {"--help"}  # pyright: ignore
        assert flags == {o.name for o in verb.options if o.kind == FLAG}
