"""Two recipes, what differs, and how it is said."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.report.reasons import reason_json, sentences
from cascade_dsl.store.reasons import (
    Awaits,
    BodyChanged,
    CacheOff,
    CodeChanged,
    Expired,
    Fails,
    FileChanged,
    Forced,
    LeftOver,
    LineChange,
    NeverRan,
    NoOutputs,
    NoRecipe,
    OutputLost,
    Reason,
    SkippedBy,
    Unexplained,
    ValueLost,
    compare,
    definitions_changed,
)
from cascade_dsl.store.recipes import Part, PartKind, Recipe, recipe_of


def part(kind: PartKind, name: str, shown: str, digest: str | None = None) -> Part:
    return Part(kind, name, blake2b((digest or shown).encode()).hexdigest()[:16], shown)


def recipe(*parts: Part) -> Recipe:
    return recipe_of(parts)


def said(before: Part | None, after: Part | None, *others: Part, params: tuple[str, ...] = ()) -> list[str]:
    old = recipe(*others, *([] if before is None else [before]))
    new = recipe(*others, *([] if after is None else [after]))
    return sentences(compare(old, new, params))


@pytest.mark.parametrize(
    ("kind", "name", "before", "after", "expected"),
    [
        ("body", "", "a\nb\nc", "a\nb\nx", "body line 3 changed: `c` → `x`"),
        ("body", "", "a\nc", "a\nb\nc", "body line 2 added: `b`"),
        ("body", "", "a\n  b\nc", "a\nc", "body line 2 removed: `b`"),
        ("body", "", "a\nb\nc\nd", "a\nx\ny\nd", "body lines 2–3 changed"),
        ("body", "", "a\nb\nc\nd\ne", "x\nb\ny\nd\nz", "body lines 1, 3, 5 changed"),
        ("body", "", "a\nb\nc\nd\ne\nf\ng", "1\nb\n2\nd\n3\nf\n4", "body lines 1, 3, 5 and 1 more changed"),
        ("body", "", "sort " + "-k1 " * 30 + "x", "sort " + "-k1 " * 30 + "y",
         "body line 1 changed: `…-k1 -k1 -k1 x` → `…-k1 -k1 -k1 y`"),
        ("code", "helpers.py:rank", "def rank(): return 1", "def rank(): return 2", "`helpers.py`: `rank` changed"),
        ("code", "helpers.py", "import a\nx = 1", "import a\nx = 2", "`helpers.py`: `x` changed"),
        ("code", "helpers.py", "print(1)", "print(2)", "`helpers.py` changed"),
        ("code", "python", "CPython 3.11.2", "CPython 3.12.1",
         "the interpreter of python bodies changed: CPython 3.11.2 → CPython 3.12.1"),
        ("env", "THREADS", '"4"', '"8"', 'env `THREADS` "4" → "8"'),
        ("value", "depth", "3", "4", "param `depth` 3 → 4"),
        ("value", "k", "3", "4", "value `k` 3 → 4"),
        ("by", "by", '"2024"', '"2025"', '`cache by` "2024" → "2025"'),
        ("input", "n", "3", "4", "input `n`: 3 → 4"),
        ("input", "xs", '["a","b"]', '["a"]', 'input `xs`: ["a","b"] → ["a"]'),
        ("input", "xs", str(list(range(20))), str(list(range(21))), "input `xs`: 20 items → 21 items: new 20"),
        ("input", "xs", str(list(range(20))), str(list(range(19, -1, -1))), "input `xs`: 20 items in another order"),
        ("input", "s", '"' + "a" * 80 + 'b"', '"' + "a" * 80 + 'c"',
         'input `s`: …aaaaaaaaaaaab" → …aaaaaaaaaaaac"'),
        ("task", "", "out: file = out/a.txt", "out: file = out/b.txt",
         "the task's outputs changed: out: file = out/a.txt → out: file = out/b.txt"),
        ("task", "", "out: file\nlog: file", "out: file", "the task's outputs changed: log: file → none"),
    ],
)  # fmt: skip
def test_a_part_that_changed(kind: PartKind, name: str, before: str, after: str, expected: str) -> None:
    assert said(part(kind, name, before), part(kind, name, after), params=("depth",)) == [expected]


def test_what_is_not_shown_is_said_to_have_changed_and_no_more() -> None:
    cases: tuple[tuple[PartKind, str, str], ...] = (
        ("body", "", "body changed: what reads it, or how values stand in it"),
        ("code", "m.py:f", "`m.py`: `f` changed"),
        ("env", "TOKEN", "env `TOKEN` changed"),
        ("input", "x", "input `x`: changed"),
        ("task", "", "the task's inputs or its folder changed"),
    )
    for kind, name, expected in cases:
        assert said(part(kind, name, "", "1"), part(kind, name, "", "2")) == [expected]


def test_parts_that_come_and_go() -> None:
    assert said(None, part("env", "A", '"1"')) == ['env `A` is new: "1"']
    assert said(part("env", "A", '"1"'), None) == ["env `A` is no longer used"]
    assert said(None, part("code", "m.py:f", "def f(): ...")) == ["`m.py`: `f` is new"]
    assert said(part("code", "m.py:f", "def f(): ..."), None) == ["`m.py`: `f` is no longer used"]


def test_the_content_of_files() -> None:
    one, many = part("input", "reads", '"a.fq"'), part("input", "reads", '["a.fq","b.fq"]')
    before, after = part("file", "reads:a.fq", "2100000000", "1"), part("file", "reads:a.fq", "2300000000", "2")
    assert said(before, after, one) == ["input `reads`: content changed (2.1GB → 2.3GB)"]
    assert said(before, after, many) == ["input `reads`: `a.fq`: content changed (2.1GB → 2.3GB)"]
    same, close = part("file", "reads:a.fq", "2100000000", "3"), part("file", "reads:a.fq", "2100000001", "4")
    assert said(before, same, one) == ["input `reads`: content changed (2.1GB as before)"]
    assert said(before, close, one) == ["input `reads`: content changed (2100000000 bytes → 2100000001 bytes)"]
    assert said(before, after, part("value", "reads", '"a.fq"'), params=("reads",)) == [
        "param `reads`: content changed (2.1GB → 2.3GB)"
    ]


def test_a_file_that_comes_with_the_value_of_its_input_has_no_word_of_its_own() -> None:
    before = recipe(part("input", "reads", '["a.fq"]'), part("file", "reads:a.fq", "1"))
    after = recipe(
        part("input", "reads", '["a.fq","b.fq"]'), part("file", "reads:a.fq", "1"), part("file", "reads:b.fq", "2")
    )
    assert sentences(compare(before, after)) == ['input `reads`: ["a.fq"] → ["a.fq","b.fq"]']


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (NeverRan(), "never ran"),
        (NoOutputs(), "no outputs: always runs"),
        (CacheOff(), "`cache off`: always runs"),
        (Forced(), "forced"),
        (Expired(7260.0, 3600.0), "its result is older than `cache 1h`: 2h1m"),
        (OutputLost("out/a.bam", "removed"), "output `out/a.bam` was removed"),
        (OutputLost("out/a.bam", "changed"), "output `out/a.bam` was changed since"),
        (LeftOver("out/b"), "`out/b`, which its newest result published, is no part of the older one that fits"),
        (ValueLost(), "the cache has lost its value"),
        (NoRecipe("in/a cannot be read: Permission denied"), "in/a cannot be read: Permission denied"),
        (Unexplained("r1"), "what its result of run r1 was made from is not known any more"),
        (Awaits("x"), "`x` runs first, its result is not known yet"),
        (Awaits("x", "after"), "it comes after `x`, which runs first"),
        (Fails("input n: division by zero"), "input n: division by zero"),
        (SkippedBy("x"), "`x` fails"),
        (CodeChanged("m.py", "changed", ("a", "b", "c", "d")), "`m.py`: `a`, `b`, `c` and 1 more changed"),
        (BodyChanged((LineChange("removed", 1, 2, ("a", "b"), ()),)), "body lines 1–2 removed"),
        (FileChanged("input", "x", "p", "gone", 1, None), "input `x`: `p`: is gone"),
    ],
)  # fmt: skip
def test_each_other_reason_has_its_sentence(reason: Reason, expected: str) -> None:
    assert sentences([reason]) == [expected]
    assert reason_json(reason)["text"] == expected


def test_outputs_that_were_lost_alike_share_a_line() -> None:
    lost: list[Reason] = [OutputLost(f"out/{n}", "removed") for n in range(5)]
    assert sentences(lost) == ["outputs `out/0`, `out/1`, `out/2` and 2 more were removed"]


def test_what_would_steer_a_terminal_is_taken_out() -> None:
    (line,) = said(part("input", "x", '"a"'), part("input", "x", '"\x1b[31mred"'))
    assert line == 'input `x`: "a" → "red"'


def test_definitions_are_compared_as_syntax() -> None:
    before = "import os\nK = 1\ndef f():\n    return K\nclass C: pass\n"
    assert list(definitions_changed(before, "# new\n" + before.replace("return K", "return   K  # why"))) == []
    assert list(definitions_changed(before, before.replace("K = 1", "K = 2"))) == ["K"]
    assert list(definitions_changed(before, before + "def g(): pass\n")) == ["g"]
    assert list(definitions_changed(before, "def f(:\n")) == []


parts = st.lists(
    st.builds(
        part,
        st.sampled_from(["task", "body", "code", "env", "value", "by", "input", "file"]),
        st.sampled_from(["", "a", "b", "a:p", "python", "m.py:f"]),
        st.text(max_size=12),
    ),
    max_size=8,
)


@given(parts, parts)
def test_there_is_a_reason_exactly_where_recipes_differ(before: list[Part], after: list[Part]) -> None:
    old, new = recipe(*before), recipe(*after)
    found = compare(old, new)
    hidden = {
        p.name for p in (*before, *after) if p.kind == "file"
    }  # a file whose value is not in the recipe cannot hide behind it
    if old.digest == new.digest:
        assert found == ()
    elif not hidden:
        assert found
    for line in sentences(found):
        assert line
        assert "\n" not in line
    for reason in found:
        assert reason_json(reason)["text"]
