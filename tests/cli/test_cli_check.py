"""`cascade check` and the warnings of `run`, as real processes: whole outputs and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = "output n = 1\n"
WARN = "param old: int = 1\noutput n = 1\n"
BAD = "output x = dubble(1)\noutput y = = 2\n"


def cascade(folder: Path, *args: str, typed: bytes = b"") -> tuple[int, str, str]:
    env = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder), "CASCADE_RUN": "", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "cascade_dsl", *args], cwd=folder, capture_output=True, input=typed, env=env, timeout=60
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "sub").mkdir(parents=True)
    (project / ".hidden").mkdir()
    (project / "good.csc").write_text(GOOD)
    (project / "warn.csc").write_text(WARN)
    (project / "sub" / "bad.csc").write_text(BAD)
    (project / ".hidden" / "worse.csc").write_text("= = =\n")
    return project


CONCISE = (
    "sub/bad.csc:1:12: error[CSC102] there is no task or function `dubble`\n"
    "sub/bad.csc:2:12: error[CSC001] expected a value, found `=`\n"
)
CONCISE_WARN = "warn.csc:1:7: warning[CSCW002] the param `old` is never used (use it, or remove it)\n"


def test_a_folder_is_its_programs_each_once_without_hidden_ones(folder: Path) -> None:
    assert cascade(folder, "check", ".", "sub", "--format", "concise") == (2, CONCISE + CONCISE_WARN, "")


def test_warnings_are_no_errors_but_where_one_is_strict(folder: Path) -> None:
    assert cascade(folder, "check", "warn.csc", "--format=concise") == (0, CONCISE_WARN, "")
    assert cascade(folder, "check", "warn.csc", "--format=concise", "--strict") == (2, CONCISE_WARN, "")
    code, out, err = cascade(folder, "check", "warn.csc", "good.csc")
    assert (code, out.splitlines()[0], err) == (
        0,
        "warning[CSCW002]: the param `old` is never used",
        "2 programs, no errors, 1 warning\n",
    )


def test_paths_are_those_of_the_command(folder: Path) -> None:
    assert cascade(folder / "sub", "check", "../warn.csc", "--format=concise")[1] == f"../{CONCISE_WARN}"
    whole = str(folder / "warn.csc")
    assert cascade(folder, "check", whole, "--format=concise")[1] == CONCISE_WARN.replace("warn.csc", whole)


def test_the_machine_forms(folder: Path) -> None:
    code, out, _ = cascade(folder, "check", "sub/bad.csc", "--format", "json")
    assert code == 2
    assert [(d["code"], d["file"], d["line"], d["end_column"]) for d in json.loads(out)] == [
        ("CSC102", "sub/bad.csc", 1, 18),
        ("CSC001", "sub/bad.csc", 2, 13),
    ]
    code, out, _ = cascade(folder, "check", "good.csc", "--format", "sarif")
    assert (code, json.loads(out)["runs"][0]["results"]) == (0, [])
    assert cascade(folder, "check", "sub/bad.csc", "--format", "github") == (
        2,
        "::error file=sub/bad.csc,line=1,col=12,endLine=1,endColumn=18,title=CSC102::"
        "there is no task or function `dubble`\n"
        "::error file=sub/bad.csc,line=2,col=12,endLine=2,endColumn=13,title=CSC001::expected a value, found `=`\n",
        "",
    )
    assert cascade(folder, "check", "good.csc", "--format", "json") == (0, "[]\n", "")
    assert cascade(folder, "check", "good.csc", "--format", "concise") == (0, "", "")


def test_a_form_that_there_is_not(folder: Path) -> None:
    assert cascade(folder, "check", "good.csc", "--format", "jsn") == (
        2,
        "",
        "error[CSC504]: `--format` is one of full, concise, json, sarif, github, not `jsn`\n"
        "  help: did you mean `json`?\n",
    )


def test_standard_input(folder: Path) -> None:
    assert cascade(folder, "check", "-", "--format=concise", typed=WARN.encode()) == (
        0,
        CONCISE_WARN.replace("warn.csc", "<stdin>"),
        "",
    )
    code, out, _ = cascade(folder, "check", "-", typed=b"\xff\xfe")
    assert (code, out) == (
        2,
        "error[CSC012]: <stdin> is not UTF-8: byte 0xff\n --> <stdin>:1:1\n  |\n1 | \ufffd\ufffd\n  | ^\n  |\n"
        "  = help: it looks like UTF-16; save it as UTF-8\n",
    )


def test_what_is_no_program_hides_nothing_of_the_others(folder: Path) -> None:
    (folder / "latin.csc").write_bytes(b'x = "caf\xe9"\n')
    (folder / "empty").mkdir()
    code, out, err = cascade(folder, "check", "wran.csc", "latin.csc", "empty", "warn.csc", "--format=concise")
    assert (code, err) == (2, "")
    assert out == (
        "error[CSC504] there is no program in the folder `empty` (programs are files named `*.csc`)\n"
        "error[CSC010] there is no file wran.csc (did you mean `warn.csc`?)\n"
        "latin.csc:1:9: error[CSC012] latin.csc is not UTF-8: byte 0xe9"
        " (it looks like Latin-1 or Windows-1252; save it as UTF-8)\n" + CONCISE_WARN
    )


def test_of_many_errors_the_first_are_shown_and_the_rest_is_counted(folder: Path) -> None:
    (folder / "many.csc").write_text("".join(f"output o{i} = nothing{i}\n" for i in range(120)))
    code, out, _ = cascade(folder, "check", "many.csc")
    assert (code, out.count("error[CSC101]")) == (2, 50)
    assert out.endswith("\n\nand 70 more: `cascade check --format concise` shows all, one line for each\n120 errors\n")
    assert len(cascade(folder, "check", "many.csc", "--format", "concise")[1].splitlines()) == 120


def test_run_shows_warnings_calmly_and_once(folder: Path) -> None:
    code, out, err = cascade(folder, "run", "warn.csc")
    assert (code, out) == (0, "n = 1\n")
    assert err.splitlines()[0] == CONCISE_WARN.rstrip()
    assert err.count("CSCW002") == 1
    code, out, err = cascade(folder, "run", "warn.csc", "--json")
    document = json.loads(out)
    assert (code, [d["code"] for d in document["diagnostics"]], "CSCW002" in err) == (0, ["CSCW002"], False)
    code, out, err = cascade(folder, "run", "warn.csc", "--json", "--dry-run")
    assert [d["code"] for d in json.loads(out)["diagnostics"]] == ["CSCW002"]


def test_of_many_warnings_run_shows_a_few(folder: Path) -> None:
    (folder / "many.csc").write_text("".join(f"param p{i}: int = 1\n" for i in range(8)) + "output n = 1\n")
    _, _, err = cascade(folder, "run", "many.csc")
    assert err.count("CSCW002") == 5
    assert "and 3 more warnings: `cascade check many.csc` shows all\n" in err


def test_a_refused_run_has_its_errors_in_the_document(folder: Path) -> None:
    code, out, _ = cascade(folder, "run", "sub/bad.csc", "--json")
    assert (code, [d["code"] for d in json.loads(out)["diagnostics"]]) == (2, ["CSC102", "CSC001"])
    (folder / "full.csc").write_text('param p: int = 1\nlimit gpu 1\ntask t() { requires gpu = 2; sh "true" }\nt()\n')
    for more in ([], ["--dry-run"]):  # refused with warnings: they are in the document as for one that runs
        code, out, err = cascade(folder, "run", "full.csc", "--json", *more)
        assert (code, [d["code"] for d in json.loads(out)["diagnostics"]]) == (2, ["CSCW002", "CSC507"])
        assert ("CSC507" in err, "CSCW002" in err) == (True, False)
    code, out, _ = cascade(folder, "run", "good.csc", "--json", "--on-failure", "contine")
    (found,) = json.loads(out)["diagnostics"]
    assert (code, found["code"], found["help"]) == (2, "CSC504", "did you mean `continue`?")


def test_a_warning_is_explained_by_its_name(folder: Path) -> None:
    assert cascade(folder, "explain", "unused-param") == cascade(folder, "explain", "CSCW002")
    code, _, err = cascade(folder, "explain", "unusd-param")
    assert (code, err) == (
        2,
        "error[CSC505]: there is no diagnostic `unusd-param`\n  help: did you mean `unused-param`?\n",
    )


def test_a_choice_of_a_param_is_suggested(folder: Path) -> None:
    (folder / "mode.csc").write_text('param mode: "fast" | "safe" = "fast"\noutput m = mode\n')
    code, _, err = cascade(folder, "run", "mode.csc", "--mode", "fsat")
    assert (code, err) == (
        2,
        'error[CSC502]: the param `mode`: expected "fast" | "safe", found the text "fsat" (did you mean `fast`?)\n',
    )
