"""What somebody sees who asks for help: of the program, of a verb, of a program of theirs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.api.params import bind_params
from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.cli.about import _example, _is_json, option_of, program_help, typed
from cascade_dsl.cli.examples import ARGS, EXAMPLES, MEANT, SHORT
from cascade_dsl.cli.help import help_app
from cascade_dsl.cli.main import main
from cascade_dsl.cli.options import RUN, VERBS
from cascade_dsl.cli.parse import parse
from cascade_dsl.ir import types as ty
from cascade_dsl.ir.graph import Graph, Param
from cascade_dsl.values.typing import parse_text

PROGRAM = """\
## Rank the words of some pages, and say how they were found: a sentence that is wrapped where the terminal ends.
##
## A second paragraph.

type Sample = {id: str, reads: list[file], depth: int?}

param mode: "fast" | "safe" = "safe"  ## how
param reference: file                 ## the genome
param names: list[str] = ["a b"]      ## whom
param limit: str = "x y"              ## a name that is an option too
param deep: bool = false
param max_wait: duration = 90s        ## how long
param room: size = 4GB
param note: str?                      ## a remark
param help: int = 3
param samples: list[Sample]           ## what was sequenced

limit task:work 3 because "the API complains"
limit mem 8GB hard
limit cpu 1.5
limit tag:net max(1, 2)

## Work on one sample.
task work(s: Sample, note: str?) -> (table: file, n: int) {
  tag net
  requires mem = 1GB
  python "return 1"
}
task find() -> list[Sample] { python "return []" }
task idle() { exec ["true"] }

found = find()
idle() after found
w = [work(s, note) for s in samples]
output tables = [x.table for x in w]   ## one for each sample
output samples = samples
"""


def cascade(*args: str, cwd: Path | None = None, columns: int = 80) -> tuple[int, str, str]:
    env = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "cascade_dsl", *args]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env)
    return done.returncode, done.stdout, done.stderr


def helped(*args: str, cwd: Path, columns: int = 80) -> str:
    code, out, err = cascade(*args, cwd=cwd, columns=columns)
    assert (code, err) == (0, "")
    return out


# ---- of a program -----------------------------------------------------------------------------------------------


def test_help_of_a_program(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    (tmp_path / "words.csc").write_text(PROGRAM)
    shown = helped("run", "words.csc", "--help", cwd=tmp_path)
    assert shown == snapshot
    assert helped("help", "run", "words.csc", cwd=tmp_path) == shown
    assert helped("help", "words.csc", cwd=tmp_path) == shown
    assert helped("run", "--mode", "fast", "words.csc", "-h", cwd=tmp_path) == shown
    assert helped("run", "words.csc", "--unknown=3", "--help", cwd=tmp_path) == shown
    assert max(map(len, shown.splitlines())) <= 80
    assert helped("run", "words.csc", "--no-such", "--json=3", "-h", cwd=tmp_path) == shown
    (tmp_path / "p.json").write_text("{}")
    assert "Usage: cascade run [OPTIONS]" in helped("run", "--params", "p.json", "--help", cwd=tmp_path)


@pytest.mark.parametrize("columns", [20, 40, 60, 200])
def test_help_of_a_program_fits_its_terminal(columns: int, tmp_path: Path) -> None:
    (tmp_path / "words.csc").write_text(PROGRAM)
    shown = helped("run", "words.csc", "--help", cwd=tmp_path, columns=columns)
    assert "Work on one sample." in shown
    # what cannot be broken sticks out: the example of a value, and a signature
    prose = [line for line in shown.splitlines() if "'[{" not in line and "->" not in line]
    assert max(map(len, prose)) <= min(max(columns, 46), 100)


def test_help_of_a_compiled_program_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "words.csc").write_text(PROGRAM)
    code, out, _ = cascade("compile", "words.csc", "--format", "json", cwd=tmp_path)
    assert code == 0
    (tmp_path / "words.json").write_text(out)
    shown = helped("run", "words.csc", "--help", cwd=tmp_path, columns=200)
    assert helped("run", "words.json", "--help", cwd=tmp_path, columns=200) == shown.replace("words.csc", "words.json")


def test_help_of_a_program_without_anything(tmp_path: Path) -> None:
    (tmp_path / "least.csc").write_text("output n = 3\n")
    assert helped("run", "least.csc", "--help", cwd=tmp_path) == (
        "Usage: cascade run least.csc [OPTION]… [TARGET]…\n"
        "\n"
        "Outputs\n"
        "  n  int\n"
        "\n"
        "A TARGET is the name of a binding, an output or a task: only what it needs is\n"
        "run. `cascade run --help` lists the options, such as -j N, --limit SENTENCE and\n"
        "--dry-run.\n"
    )


def test_defaults_are_shown_as_one_would_give_them(tmp_path: Path) -> None:
    (tmp_path / "units.csc").write_text(
        "param wait: duration = 90s\nparam room: size = 4GB\nparam odd: size = 1234567B\nparam rest: size? = none\n"
        'param text: str = "a b"\nparam word: str = "a"\nparam empty: str = ""\noutput all = [wait]\n'
    )
    assert helped("run", "units.csc", "--help", cwd=tmp_path).partition("Params\n")[2].partition("\n\n")[0] == (
        "  --wait DURATION  [default: 1m30s]\n"
        "  --room SIZE      [default: 4GB]\n"
        "  --odd SIZE       [default: 1234567B]\n"
        "  --rest SIZE\n"
        '  --text STR       [default: "a b"]\n'
        "  --word STR       [default: a]\n"
        '  --empty STR      [default: ""]'
    )


def test_help_of_a_broken_program_is_its_diagnostics(tmp_path: Path) -> None:
    (tmp_path / "bad.csc").write_text("output n = m\n")
    assert cascade("run", "bad.csc", "--help", cwd=tmp_path) == (
        2,
        "",
        "error[CSC101]: there is no name `m`\n --> bad.csc:1:12\n  |\n1 | output n = m\n  |            ^\n",
    )
    code, out, err = cascade("run", "none.csc", "--help", cwd=tmp_path)
    assert (code, out, err) == (2, "", "error[CSC010]: there is no file none.csc\n")


def test_the_help_is_bold_on_a_terminal_only() -> None:
    graph = Graph(
        name="g", file="g.csc", tasks=(), resources=(), limits=(), nodes=(Param(id=0, name="n", type=ty.INT),)
    )
    plain, bold = program_help(graph, "g.csc"), program_help(graph, "g.csc", bold=True)
    assert plain.startswith("Usage: cascade run g.csc --n INT")
    assert "\nParams\n" in plain
    assert re.sub(r"\x1b\[[01]m", "", bold) == plain
    assert bold.count("\x1b[1m") == bold.count("\x1b[0m") == 2


SCALARS = st.sampled_from([ty.Scalar(name) for name in ty.SCALARS if name != "none"])
TYPES = st.recursive(
    st.one_of(SCALARS, st.just(ty.ChoiceType(("fast", "safe")))),
    lambda inner: st.one_of(
        inner.map(ty.ListType),
        inner.map(ty.DictType),
        inner.filter(lambda t: not isinstance(t, ty.OptionalType)).map(ty.OptionalType),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda types: ty.RecordType(tuple((f"f{n}", one) for n, one in enumerate(types)))
        ),
    ),
    max_leaves=6,
)


@given(TYPES)
def test_the_value_that_the_help_shows_is_one_of_the_type(type_: ty.Type) -> None:
    parse_text(
        type_ if _is_json(type_) else ty.ListType(type_),
        json.dumps(_example(type_) if _is_json(type_) else [_example(type_)]),
    )
    graph = Graph(name="g", file="g.csc", tasks=(), resources=(), limits=(), nodes=(Param(id=0, name="n", type=type_),))
    assert (f"such as --n '{json.dumps(_example(type_))}'." in program_help(graph, "g.csc", width=10_000)) is _is_json(
        type_
    )


# ---- params whose name is an option -----------------------------------------------------------------------------


def test_a_param_with_the_name_of_an_option_is_given_by_param() -> None:
    assert [option_of(name) for name in ("top", "max_depth")] == ["--top", "--max-depth"]
    for option in RUN.options:
        name = option.name[2:].replace("-", "_")
        assert option_of(name) == f"--param {name}="
    graph = Graph(
        name="g", file="g.csc", tasks=(), resources=(), limits=(),
        nodes=(Param(id=0, name="limit", type=ty.STR), Param(id=1, name="max_depth", type=ty.INT, doc="how deep")),
    )  # fmt: skip
    with pytest.raises(CascadeError) as caught:
        bind_params(graph, {}, Path(), typed=typed)
    assert [d.help for d in caught.value.diagnostics] == [
        "give it with `--param limit=VALUE`",
        "give it with `--max-depth VALUE`: how deep",
    ]


def test_every_param_can_be_set_by_param(tmp_path: Path) -> None:
    names = [option.name[2:].replace("-", "_") for option in RUN.options] + ["help", "version", "x"]
    (tmp_path / "all.csc").write_text(
        "".join(f"param {name}: str\n" for name in names) + f'output all = join([{", ".join(names)}], " ")\n'
    )
    said = [word for name in names for word in ("--param", f"{name}={name}=1")]
    code, out, err = cascade("run", "all.csc", *said, cwd=tmp_path)
    assert (code, out) == (0, f"all = {' '.join(f'{name}=1' for name in names)}\n"), err


# ---- of a verb --------------------------------------------------------------------------------------------------


def test_a_bare_cascade_shows_where_to_begin() -> None:
    assert cascade() == (0, SHORT, "")
    assert max(map(len, SHORT.splitlines())) <= 80
    for verb in re.findall(r"^  cascade ([\w-]+)", SHORT, re.M):
        assert verb in VERBS


@pytest.mark.parametrize("verb", list(VERBS))
def test_examples_of_a_verb_are_command_lines_that_it_reads(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert EXAMPLES[verb], "what the help shows has examples"
    assert main(["help", verb]) == 0
    shown = capsys.readouterr().out
    for line, about in EXAMPLES[verb]:
        inner = re.search(r"\$\((.*)\)", line)
        program, name, *words = shlex.split((inner[1] if inner else line).partition(" > ")[0])
        assert (program, name) == ("cascade", verb)
        assert about in shown
        if "--help" not in words:
            parse(VERBS[verb], words)
    assert all(name in ARGS for name, _ in VERBS[verb].args)


def test_nothing_is_explained_that_is_not_there() -> None:
    assert set(EXAMPLES) <= set(VERBS)
    assert not set(MEANT) & set(VERBS)
    assert len(help_app().registered_commands) == len(VERBS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stats", "error[CSC504]: `stats` is no verb of cascade\n  help: did you mean `ps`?\n"),
        ("limt", "error[CSC504]: `limt` is no verb of cascade\n  help: did you mean `limit`?\n"),
        ("help limt", "error[CSC504]: `limt` is no verb of cascade\n  help: did you mean `limit`?\n"),
        ("xyzzy", "error[CSC504]: `xyzzy` is no verb of cascade\n  help: `cascade --help` lists the verbs\n"),
        ("--vresion", "error[CSC500]: `--vresion` is no option of `cascade`\n  help: did you mean `--version`?\n"),
        (
            "-j8 a.csc",
            "error[CSC500]: `-j8` is no option of `cascade`\n"
            "  help: options stand after the verb: cascade run FILE --dry-run\n",
        ),
        ("limit task:x 3 --jsno", "error[CSC500]: `--jsno` is no option of `cascade limit`\n  help: did you mean `--json`?\n"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_with_what_was_meant(line: str, message: str) -> None:
    assert cascade(*line.split()) == (2, "", message)


def test_help_and_version_in_every_spelling() -> None:
    everything = cascade("--help")
    assert everything[0] == 0
    assert cascade("help") == cascade("-h") == cascade("help", "--help") == everything
    assert cascade("help", "limit") == cascade("limit", "--help") == cascade("limit", "-h")
    assert cascade("help", "csc407") == cascade("explain", "CSC407")
    code, out, _ = cascade("--version")
    assert (code, re.fullmatch(r"cascade \d+\.\d+\.\d+\n", out) is not None) == (0, True)
    assert cascade("-V")[1] == out
