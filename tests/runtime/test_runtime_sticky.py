"""`cascade.toml` as an operator's `--sticky` writes it: one entry is another, everything else stands as it stood."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Source
from cascade_dsl.ir.graph import Graph
from cascade_dsl.ir.requirement import Layer, Limit, Scope
from cascade_dsl.ir.sentences import limit_text
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.lang.sentence import parse_sentence
from cascade_dsl.runtime import sticky
from cascade_dsl.runtime.configuration import NAME, configuration_of, limits_of
from cascade_dsl.runtime.sticky import Keep, Staged, refuse_ending, text_with

PROGRAM = """
task fetch(host: str) -> int { python "return 1" }
task work() -> int { python "return 1" }
output got = [fetch("a"), work()]
"""


def compiled() -> Graph:
    found = compile_source(Source("a.csc", PROGRAM), folder=Path(".")).graph
    assert found is not None
    return found


GRAPH = compiled()


def parse(text: str) -> Limit:
    return parse_sentence(text, GRAPH, layer=Layer.CONFIG)


def keep(text: str) -> Keep:
    """What `cascade limit TEXT --sticky` keeps."""
    limit = parse_sentence(text, GRAPH, may_be_hard=True)
    if limit.amount is None:
        return Keep(limit.scope, None)
    return Keep(limit.scope, limit, limit_text(limit, "count"))


def written(text: str | None, sentence: str) -> str:
    made = text_with(text, keep(sentence), parse)
    assert made is not None
    return made


# ---- layouts ----------------------------------------------------------------------------------------------------

WHOLE = """\
# What all programs here are to keep to.
limits = [
  # they asked
  "task:fetch 3",   # until they have a second server
  'global 8 from 09:00 to 18:00 mon-fri',
  "task:fetch 10/s burst 5",
]

[cache]
max_size = "50GB"   # the small disk
"""


@pytest.mark.parametrize(
    ("before", "sentence", "after"),
    [
        pytest.param(None, "task:fetch 3", 'limits = [\n    "task:fetch 3",\n]\n', id="no file"),
        pytest.param("", "global 2", 'limits = [\n    "global 2",\n]\n', id="an empty file"),
        pytest.param(
            '# mine\n\n[cache]\nmax_size = "1GB"  # small\n',
            "task:fetch 3 hard",
            '# mine\nlimits = [\n    "task:fetch 3 hard",\n]\n\n[cache]\nmax_size = "1GB"  # small\n',
            id="no limits",
        ),
        pytest.param('limits = ["global 2"] # x\n', "task:fetch 3", 'limits = ["global 2", "task:fetch 3"] # x\n', id="one line"),
        pytest.param(WHOLE, "task:fetch 5", WHOLE.replace('"task:fetch 3"', '"task:fetch 5"'), id="another amount"),
        pytest.param(
            WHOLE,
            'task:fetch 7/m because "they \\"asked\\""',
            WHOLE.replace('"task:fetch 10/s burst 5"', """'task:fetch 7/m because "they \\"asked\\""'"""),
            id="another rate",
        ),
        pytest.param(
            WHOLE,
            "global 4 from 09:00 to 18:00 mon-fri",
            WHOLE.replace("'global 8 from 09:00 to 18:00 mon-fri'", '"global 4 from 09:00 to 18:00 mon-fri"'),
            id="the same hours",
        ),
        pytest.param(
            WHOLE, "global 9", WHOLE.replace('burst 5",\n', 'burst 5",\n  "global 9",\n'), id="plain beside hours"
        ),
        pytest.param(
            WHOLE,
            "task:fetch 1 by host",
            WHOLE.replace('burst 5",\n', 'burst 5",\n  "task:fetch 1 by host",\n'),
            id="for each key beside all",
        ),
        pytest.param(
            WHOLE.replace("\n", "\r\n"),
            "task:fetch 5",
            WHOLE.replace('"task:fetch 3"', '"task:fetch 5"').replace("\n", "\r\n"),
            id="lines of another system",
        ),
        pytest.param(
            WHOLE,
            "task:fetch none",
            """\
# What all programs here are to keep to.
limits = [
  # they asked
  'global 8 from 09:00 to 18:00 mon-fri',
]

[cache]
max_size = "50GB"   # the small disk
""",
            id="none takes all of a scope",
        ),
    ],
)  # fmt: skip
def test_what_stands_in_the_file_then(before: str | None, sentence: str, after: str) -> None:
    assert written(before, sentence) == after
    assert text_with(after, keep(sentence), parse) is None  # said again, it changes nothing


def test_what_the_file_says_already_changes_nothing() -> None:
    assert text_with(WHOLE, keep("task:fetch 3"), parse) is None
    assert text_with(WHOLE, keep("task:work none"), parse) is None
    assert text_with(None, keep("task:work none"), parse) is None


SENTENCES = st.sampled_from(
    [
        f"{scope} {amount}{by}{window}"
        for scope in ("global", "task:fetch", "task:f*")
        for amount in ("0", "3", "2/s", "none")
        for by in ("", " by host")
        for window in ("", " from 22:00 to 06:00", " from 09:00 to 18:00 mon-fri")
        if (amount != "none" or not by + window) and (not by or scope != "global")
    ]
)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([None, "", WHOLE, "# top\n\n[cache]\n", "limits = []\n"]), st.lists(SENTENCES, max_size=8))
def test_the_file_says_the_last_word_of_each_kind(start: str | None, sentences: list[str]) -> None:
    text = start
    expected = {key_of(one.limit): one.text for one in limits_of(configuration_of(start), parse)}
    for sentence in sentences:
        kept = keep(sentence)
        text = text_with(text, kept, parse) or text
        if kept.limit is None:
            expected = {key: said for key, said in expected.items() if key[0] != kept.scope}
        else:
            expected[key_of(kept.limit)] = kept.text
    assert sorted(one.text for one in limits_of(configuration_of(text), parse)) == sorted(expected.values())
    if text is not None and start is not None:
        lost = [line for line in start.splitlines() if line.startswith(("#", "[", "max_size")) and line not in text]
        assert lost == []


def key_of(limit: Limit) -> tuple[Scope, object, object]:
    return limit.scope, limit.identity, limit.window


# ---- what is refused --------------------------------------------------------------------------------------------


def shown(error: CascadeError) -> list[str]:
    return [
        f"{d.code} {d.message}" + (f" @{d.primary.line}:{d.primary.column}" if d.primary else "")
        for d in error.diagnostics
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("limits = [\n", "CSC581 `cascade.toml` is no TOML: invalid value @1:12"),
        ('limts = ["global 2"]\n', "CSC582 `cascade.toml` knows no `limts` @1:1"),
        ("limits = 3\n", "CSC583 `limits` is a list of sentences @1:1"),
        ('limits = ["global 2",\n "global 3"]\n', "CSC584 `global` has two limits of one kind @2:3"),
        ('limits = ["global 2",\n "task:fetch 10/sec"]\n', "CSC324 `/sec` is no unit of a rate @2:17"),
    ],
)
def test_a_wrong_configuration_is_not_written(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(CascadeError) as caught:
        Staged(tmp_path, keep("global 5"), parse)
    wrong = "CSC588 `cascade.toml` is wrong as it is: nothing is written into it, and no limit is changed"
    first, *more = shown(caught.value)
    assert first == wrong
    assert [one.split(" ")[0] for one in more] == [expected.split(" ")[0]]
    if "CSC581" not in expected:  # its words are those of the interpreter
        assert more == [expected]
    assert contents(tmp_path) == {NAME: text}


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize(("sentence", "word"), [("global 2 for 10m", "for"), ("global 2 until 08:00", "until")])
def test_what_ends_does_not_stay(sentence: str, word: str) -> None:
    with pytest.raises(CascadeError) as caught:
        refuse_ending(parse_sentence(sentence, GRAPH))
    (only,) = caught.value.diagnostics
    assert (only.code, only.message) == (
        "CSC585",
        f"a limit with `{word}` ends, and `--sticky` is for limits that stay",
    )
    assert only.help == (
        "leave one of the two out; hours that come again may stay: `from 09:00 to 18:00`, and `cascade.toml` may say "
        f"`{word}` by hand: there it counts from the start of each run"
    )
    refuse_ending(parse_sentence("global 2 from 09:00 to 18:00", GRAPH))


def test_a_file_that_may_not_be_written_is_told_before_anything_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(dry: bool) -> list[str]:
        with pytest.raises(CascadeError) as caught:
            Staged(tmp_path, keep("global 5"), parse, dry=dry)
        return shown(caught.value)

    (tmp_path / NAME).symlink_to(tmp_path / "gone" / NAME)
    for dry in (False, True):
        assert refused(dry) == ["CSC586 `cascade.toml` cannot be written: No such file or directory"]
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).write_text("# mine\n")
    with monkeypatch.context() as patched:
        access = os.access

        def but_the_file(path: Path, mode: int) -> bool:
            return access(path, mode) and path.name != NAME

        patched.setattr(os, "access", but_the_file)
        for dry in (False, True):
            assert refused(dry) == ["CSC586 `cascade.toml` cannot be written: Permission denied"]
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert refused(False) == ["CSC586 `cascade.toml` cannot be written: No space left on device"]
    assert contents(tmp_path) == {NAME: "# mine\n"}
    (tmp_path / NAME).write_text(f"# {'x' * 999_980}\n")
    assert refused(False) == ["CSC586 `cascade.toml` would be longer than 1 MB"]
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    assert refused(False) == ["CSC580 `cascade.toml` cannot be read: Is a directory"]


def full(_: int) -> None:
    raise OSError(28, os.strerror(28))


def test_a_layout_that_would_be_spoilt_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(*_: object) -> str:
        return 'limits = ["task:fetch 5"]\n[cache]\n'

    monkeypatch.setattr(sticky, "_edited", spoilt)
    with pytest.raises(CascadeError) as caught:
        text_with(WHOLE, keep("task:fetch 5"), parse)
    assert shown(caught.value) == ["CSC586 `cascade.toml` cannot be changed as it is laid out"]


# ---- the file ---------------------------------------------------------------------------------------------------


def test_the_file_is_the_old_one_or_the_new_one_and_never_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a look from outside sees at each step to the disk."""
    (tmp_path / NAME).write_text(WHOLE)
    (tmp_path / NAME).chmod(0o640)
    seen: list[tuple[str, bool]] = []

    def watched(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object) -> object:
            seen.append((f"before {name}", (tmp_path / NAME).read_text() == WHOLE))
            out = real(*args)
            seen.append((f"after {name}", (tmp_path / NAME).read_text() == WHOLE))
            return out

        return step

    for name in ("open", "fsync", "replace"):
        monkeypatch.setattr(os, name, watched(name, getattr(os, name)))
    staged = Staged(tmp_path, keep("task:fetch 5"), parse)
    assert [what for what, _ in seen] == ["before open", "after open", "before fsync", "after fsync"]
    staged.commit()
    steps = [what for what, _ in seen[4:] if "open" not in what]
    assert steps == ["before replace", "after replace", "before fsync", "after fsync"]  # the last one of the folder
    replaced = seen.index(("after replace", False))
    assert all(is_old for _, is_old in seen[:replaced])
    assert not any(is_old for _, is_old in seen[replaced:])
    assert contents(tmp_path) == {NAME: WHOLE.replace('"task:fetch 3"', '"task:fetch 5"')}
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o640


def test_a_change_that_is_not_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(WHOLE)
    staged = Staged(tmp_path, keep("task:fetch 5"), parse)
    assert len(contents(tmp_path)) == 2
    staged.discard()
    assert contents(tmp_path) == {NAME: WHOLE}
    Staged(tmp_path, keep("task:fetch 5"), parse, dry=True)
    assert contents(tmp_path) == {NAME: WHOLE}


def test_what_somebody_else_writes_meanwhile_stays(tmp_path: Path) -> None:
    staged = Staged(tmp_path, keep("task:fetch 5"), parse)
    (tmp_path / NAME).write_text('# theirs\nlimits = ["global 2"]\n')
    staged.commit()
    assert contents(tmp_path) == {NAME: '# theirs\nlimits = ["global 2", "task:fetch 5"]\n'}
    staged = Staged(tmp_path, keep("task:fetch 6"), parse)
    (tmp_path / NAME).write_text("limits = [\n")
    with pytest.raises(CascadeError) as caught:
        staged.commit()
    (said,) = shown(caught.value)
    assert said == (
        "CSC587 the run has changed, but `cascade.toml` could not be written: `cascade.toml` is wrong as it is: "
        "nothing is written into it, and no limit is changed"
    )
    assert contents(tmp_path) == {NAME: "limits = [\n"}


def test_two_runs_of_a_project_both_write(tmp_path: Path) -> None:
    one, other = Staged(tmp_path, keep("task:fetch 5"), parse), Staged(tmp_path, keep("global 3"), parse)
    one.commit()
    other.commit()
    assert tomllib.loads(contents(tmp_path)[NAME]) == {"limits": ["task:fetch 5", "global 3"]}
    assert len(contents(tmp_path)) == 1


def test_a_link_stays_a_link_and_what_the_dead_left_goes(tmp_path: Path) -> None:
    kept, project = tmp_path / "kept", tmp_path / "project"
    kept.mkdir()
    project.mkdir()
    (kept / "mine.toml").write_text("# mine\n")
    (project / NAME).symlink_to(kept / "mine.toml")
    left = kept / f".{NAME}.{2**22 + 1}.0a0b0c0d.new"  # no process has such a number
    left.write_text("half")
    Staged(project, keep("global 3"), parse).commit()
    assert (project / NAME).is_symlink()
    assert contents(kept) == {"mine.toml": '# mine\nlimits = [\n    "global 3",\n]\n'}
