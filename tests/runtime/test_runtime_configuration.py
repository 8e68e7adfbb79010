"""`cascade.toml` as it is read: good files, bad ones with the place of each mistake, and what a program makes of its limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.base.diagnostics import CascadeError, Source
from cascade_dsl.ir.graph import Graph
from cascade_dsl.ir.requirement import Layer, Limit
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.lang.sentence import parse_sentence
from cascade_dsl.report.plain import render_all
from cascade_dsl.runtime.configuration import NAME, SIZE_MAX, configuration_of, limits_of, read_configuration, text_of

PROGRAM = """
task fetch(host: str) -> int {
  tag net
  requires db
  python "return 1"
}
output got = fetch("a")
"""


def compiled() -> Graph:
    found = compile_source(Source("a.csc", PROGRAM), folder=Path(".")).graph
    assert found is not None
    return found


GRAPH = compiled()


def parse(text: str) -> Limit:
    return parse_sentence(text, GRAPH, layer=Layer.CONFIG)


def refused(text: str | None) -> str:
    """What is said of a text, as it is printed."""
    with pytest.raises(CascadeError) as caught:
        limits_of(configuration_of(text), parse, GRAPH)
    return render_all(caught.value.diagnostics, False)


# ---- good files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limits", "most"),
    [
        (None, [], None),
        ("", [], None),
        ("# nothing\n", [], None),
        ("limits = []\n", [], None),
        ('limits = ["task:fetch 3"]', ["task:fetch 3"], None),
        ('"limits" = ["a 1", \'b 2\',] # x\n', ["a 1", "b 2"], None),
        ('limits = [\n  # "no"\n  "a 1", # "no]"\n  """b 2""",\n]\n', ["a 1", "b 2"], None),
        ('[cache]\nmax_size = "50GB"\n', [], 50 * 10**9),
        ('cache.max_size = "64MiB"\n', [], 64 * 2**20),
        ('limits = ["a 1"]\r\ncache = { max_size = "1KB" }\r\n', ["a 1"], 1000),
    ],
)
def test_good_files(text: str | None, limits: list[str], most: int | None) -> None:
    found = configuration_of(text)
    assert [one.text for one in found.limits] == limits
    assert found.cache_max_bytes == most
    for one in found.limits:
        assert found.source.text[one.span.start : one.span.end] == one.text


def test_which_limits_the_program_has_something_of() -> None:
    text = """limits = ["task:fetch 3", "task:f* 9", "task:other 1", "tag:net 2", "tag:no 2", "db 1", "disk 9GB", "mem 1GB", "global 5 hard"]"""
    found = limits_of(configuration_of(text), parse, GRAPH)
    assert [one.text for one in found if not one.applies] == ["task:other 1", "tag:no 2", "disk 9GB"]
    assert [one.limit.amount for one in found] == [3, 9, 1, 2, 2, 1, 9 * 10**9, 10**9, 5]
    assert [one.limit.hard for one in found] == [False] * 8 + [True]


def test_several_of_one_scope_may_stand_where_they_are_several_things() -> None:
    text = 'limits = ["global 3", "global 3/s", "global 2 from 09:00 to 10:00", "global 1 for 1m", "task:fetch 3", "task:fetch 3 by host"]'
    assert len(limits_of(configuration_of(text), parse, GRAPH)) == 6


# ---- bad files --------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    def said() -> list[tuple[str, str, str | None]]:
        with pytest.raises(CascadeError) as caught:
            read_configuration(tmp_path)
        return [(d.code, d.message, d.help) for d in caught.value.diagnostics]

    assert text_of(tmp_path) is None
    (tmp_path / NAME).mkdir()
    help = "make it a file that can be read, or remove it"
    assert said() == [("CSC580", "`cascade.toml` cannot be read: Is a directory", help)]
    (tmp_path / NAME).rmdir()
    (tmp_path / NAME).symlink_to(NAME)
    assert said() == [("CSC580", "`cascade.toml` cannot be read: Too many levels of symbolic links", help)]
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).write_bytes(b"# \xff\n")
    assert said() == [("CSC580", "`cascade.toml` is not UTF-8, at byte 2", "save it as UTF-8, as TOML asks")]
    (tmp_path / NAME).write_bytes(b"#" * (SIZE_MAX + 1))
    assert said() == [("CSC580", "`cascade.toml` is longer than 1 MB", "it holds a few lines")]
    (tmp_path / NAME).write_bytes(b"#" * SIZE_MAX)
    assert read_configuration(tmp_path).limits == ()


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('limits = ["a 1"]\nlimits = ["b 1"]\n', 2, 17),
        ('limits = ["a 1"]\nnonsense\n', 2, 9),
        ("x = 'never closed\n", 1, 18),
    ],
)
def test_what_is_no_toml_is_underlined(text: str, line: int, column: int) -> None:
    with pytest.raises(CascadeError) as caught:
        configuration_of(text)
    (only,) = caught.value.diagnostics
    assert only.code == "CSC581"
    assert only.message.startswith("`cascade.toml` is no TOML: ")
    assert only.help == 'it holds lines such as `limits = ["task:fetch 3"]`'
    assert only.primary is not None
    assert (only.primary.line, only.primary.column) == (line, column)


def test_a_list_that_does_not_end_and_one_that_is_too_deep() -> None:
    assert refused("limits = [\n").startswith("error[CSC581]: `cascade.toml` is no TOML: ")
    assert refused(f"limits = {'[' * 100_000}").startswith("error[CSC581]: `cascade.toml` is ")


def test_what_is_unknown_or_of_a_wrong_kind_is_named_and_underlined(snapshot: SnapshotAssertion) -> None:
    texts = (
        'limts = ["a 1"]\nowner = 1\n\n[cache]\nmaxsize = "1GB"\n',
        'limits = "task:fetch 3"\ncache = 3\n',
        'limits = ["a 1", 3]\n[cache]\nmax_size = "50 apples"\n',
        "[cache]\nmax_size = 50\n",
        '[limits]\na = "task:fetch 3"\n',
    )
    assert "\n\n=====\n\n".join(refused(text) for text in texts) == snapshot


def test_a_wrong_sentence_is_underlined_where_it_stands(snapshot: SnapshotAssertion) -> None:
    text = """# ours
limits = [
  "global 3",
  'task:fetch 10/sec',
  "task:fetch 2 by hots",
  "mem 3",
  "global 4",
]
"""
    escaped = 'limits = ["task:fetch 3 becau\\u0073e x"]'
    assert f"{refused(text)}\n\n{refused(escaped)}" == snapshot
