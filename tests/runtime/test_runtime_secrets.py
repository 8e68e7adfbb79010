"""Where secrets come from, and which are refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic, Source
from cascade_dsl.ir.graph import Graph
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.report.plain import render_all
from cascade_dsl.runtime.secrets import Held, read_secrets, refuse_stored

PROGRAM = """
secret TOKEN
secret KEY
secret SPARE
param auth: str = ""
task fetch() { env { T = TOKEN }
  sh "true" }
task sign() { sh "true" }
task idle() { env { S = SPARE }
  sh "true" }
fetch()
sign() with { env { K = KEY } }
"""


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    (tmp_path / "p.csc").write_text(PROGRAM)
    found = compile_source(Source("p.csc", PROGRAM), folder=tmp_path)
    assert found.graph is not None
    return found.graph


def refused(graph: Graph, folder: Path, environ: dict[str, str]) -> tuple[Diagnostic, ...]:
    with pytest.raises(CascadeError) as caught:
        read_secrets(graph, folder, environ)
    return caught.value.diagnostics


def test_the_environment_comes_before_the_file(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TOKEN=from the file\nKEY=key of the file\nOTHER=x\n")
    held = read_secrets(graph, tmp_path, {"TOKEN": "from the environment", "KEY": ""})
    assert held.values == {"TOKEN": "from the environment", "KEY": "key of the file"}
    assert held.names == ("TOKEN", "KEY", "SPARE")
    assert held.without({"TOKEN": "x", "SPARE": "y", "PATH": "z"}) == {"PATH": "z"}
    assert repr(held) == "Held(TOKEN, KEY, SPARE)"


def test_all_that_calls_use_and_nobody_gives_are_named(graph: Graph, tmp_path: Path) -> None:
    assert render_all(refused(graph, tmp_path, {"KEY": ""})) == (
        "error[CSC570]: the secrets TOKEN and KEY are not given\n"
        " --> p.csc:2:8\n"
        "  |\n"
        "2 | secret TOKEN\n"
        "  |        ^^^^^\n"
        "  |\n"
        "  = note: KEY in the environment is empty\n"
        "  = help: set it in the environment, or write `TOKEN=…` in a file `.env` beside the program"
    )


def test_what_no_call_uses_is_not_asked_for_and_masked_all_the_same(graph: Graph, tmp_path: Path) -> None:
    environ = {"TOKEN": "tttttttt", "KEY": "kkkkkkkk"}
    assert read_secrets(graph, tmp_path, environ).masked("a spare one") == "a spare one"
    assert read_secrets(graph, tmp_path, {**environ, "SPARE": "spare one"}).masked("a spare one") == "a ***"


def test_a_program_without_secrets_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("=bad\n")
    found = compile_source(Source("p.csc", 'output a = "x"\n'), folder=tmp_path)
    assert found.graph is not None
    assert read_secrets(found.graph, tmp_path, {"TOKEN": "x"}).masks is None


def test_a_bad_line_is_told_without_what_stands_there(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('TOKEN="hunter22\n')
    assert render_all(refused(graph, tmp_path, {})) == (
        'error[CSC571]: `.env`, line 1: the value of `TOKEN` has no " at its end\n'
        '  help: a line is `NAME=value`; a value with `#`, quotes or several lines stands in `"…"`'
    )
    assert read_secrets(graph, tmp_path, {"TOKEN": "tttttttt", "KEY": "kkkkkkkk", "SPARE": "ssssssss"}).values


def test_a_file_that_cannot_be_read(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"TOKEN=\xff\n")
    assert [d.message for d in refused(graph, tmp_path, {})] == ["`.env` cannot be read: it is not UTF-8 (byte 6)"]
    (tmp_path / ".env").write_bytes(b"#" * (1 << 20) + b"\n")
    assert [d.message for d in refused(graph, tmp_path, {})] == ["`.env` cannot be read: it is larger than 1 MiB"]
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert [d.code for d in refused(graph, tmp_path, {})] == ["CSC572"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("abc", "it has 3 bytes, at least 4 are wanted: to mask it would riddle every log, and tell it"),
        ("x" * 70_000, "it is longer than 64 KiB, which no environment takes"),
    ],
)
def test_what_cannot_be_kept_secret(graph: Graph, tmp_path: Path, value: str, why: str) -> None:
    found = refused(graph, tmp_path, {"TOKEN": value, "KEY": "kkkkkkkk"})
    assert [(d.code, d.message) for d in found] == [("CSC573", f"the secret TOKEN cannot be kept secret: {why}")]


def test_what_looks_like_much_else_is_noted(graph: Graph, tmp_path: Path) -> None:
    assert read_secrets(graph, tmp_path, {"TOKEN": "abcd", "KEY": "Password"}).notes == (
        "the secret TOKEN is short: what looks like it is masked too",
        "the secret KEY is a word that anybody may write: it is masked wherever it stands",
    )


def test_a_file_that_others_may_read_or_git_keeps_is_noted(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("TOKEN=tttttttt\nKEY=kkkkkkkk\n")
    path.chmod(0o644)
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    open_to_others = "`.env` can be read by others: `chmod 600 .env`"
    assert read_secrets(graph, tmp_path, {}).notes == (open_to_others,)
    path.chmod(0o600)
    assert read_secrets(graph, tmp_path, {}).notes == ()
    subprocess.run(["git", "add", "-f", ".env"], cwd=tmp_path, check=True)
    tracked = "`.env` is tracked by git: `git rm --cached .env`, and a line `.env` in .gitignore"
    assert read_secrets(graph, tmp_path, {}).notes == (tracked,)
    assert read_secrets(graph, tmp_path, {"TOKEN": "tttttttt", "KEY": "kkkkkkkk"}).notes == ()


def test_a_param_holds_no_secret(graph: Graph, tmp_path: Path) -> None:
    held = read_secrets(graph, tmp_path, {"TOKEN": 'to"ken€', "KEY": "kkkkkkkk"})
    refuse_stored(graph, {"auth": "fine"}, held)
    with pytest.raises(CascadeError) as caught:
        refuse_stored(graph, {"auth": 'Bearer to"ken€'}, held)
    assert [(d.code, d.message) for d in caught.value.diagnostics] == [
        ("CSC574", "the value of the param `auth` contains the secret TOKEN, and would be stored")
    ]


def test_files_and_folders_are_looked_through(graph: Graph, tmp_path: Path) -> None:
    held = read_secrets(graph, tmp_path, {"TOKEN": "hunter22", "KEY": "kkkkkkkk"})
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "a").write_bytes(b"x" * (1 << 18) + b"y")
    (out / "link").symlink_to("nowhere")
    assert held.told_by_files([(out, "site"), (tmp_path / "none", "b")]) is None
    (out / "deep" / "a").write_bytes(b"x" * ((1 << 18) - 4) + b"hunter22")
    why = "the output `site` contains the secret TOKEN: a result is kept, a secret is not"
    assert held.told_by_files([(out, "site")]) == why


def test_where_there_are_none_nothing_is_looked_at() -> None:
    held = Held()
    assert held.masked("x") == "x"
    assert held.told_by("x", "it") is None
    assert held.told_by_files([(Path("/no/such"), "a")]) is None


def test_a_program_holds_no_secret(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(CascadeError) as caught:
        refuse_stored(
            graph, {"auth": ""}, read_secrets(graph, tmp_path, {"TOKEN": "env K = KEY", "KEY": 'name": "sign"'})
        )
    assert [(d.code, d.message) for d in caught.value.diagnostics] == [
        ("CSC575", "`p.csc` contains the value of the secret KEY, and would be stored")
    ]
    refuse_stored(graph, {"auth": ""}, read_secrets(graph, tmp_path, {"TOKEN": "fetch", "KEY": "kkkkkkkk"}))


def test_a_variable_of_the_same_value_is_noted(graph: Graph, tmp_path: Path) -> None:
    environ = {"TOKEN": "tttttttt", "KEY": "abcd", "GH_TOKEN": "tttttttt", "X": "abcd"}
    assert read_secrets(graph, tmp_path, environ).notes == (
        "the variable GH_TOKEN has the value of the secret TOKEN, and every task inherits it",
        "the secret KEY is short: what looks like it is masked too",
    )
