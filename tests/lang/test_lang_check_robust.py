"""The compiler gives a graph or diagnostics, whatever the text; what it gives holds together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.ir.verify import verify
from cascade_dsl.lang.compile import Compiled, compile_file, compile_source
from cascade_dsl.values.functions import NAMES

CORPUS = Path(__file__).parent.parent / "golden"
TEXTS = [p.read_text() for p in sorted((CORPUS / "ok").glob("*.csc"))]
PIECE = re.compile(r"\w+|\s+|\W")
PIECES = sorted({piece for text in TEXTS for piece in PIECE.findall(text)})


def compiled(text: str) -> Compiled:
    return compile_source(Source("x.csc", text), folder=CORPUS / "ok")


def sound(result: Compiled) -> None:
    if result.graph is not None:
        assert verify(result.graph, NAMES) == []
    else:
        assert any(d.severity == "error" for d in result.diagnostics)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_mutated_programs_are_refused_or_hold_together(data: st.DataObject) -> None:
    pieces = PIECE.findall(data.draw(st.sampled_from(TEXTS)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(pieces) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                del pieces[at : at + data.draw(st.integers(1, 3))]
            case 1:
                pieces[at] = data.draw(st.sampled_from(PIECES))
            case 2:
                pieces.insert(at, data.draw(st.sampled_from(PIECES)))
            case _:
                other = data.draw(st.integers(0, len(pieces) - 1))
                pieces[at], pieces[other] = pieces[other], pieces[at]
        if not pieces:
            return
    sound(compiled("".join(pieces)))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=2, max_size=3))
def test_joined_programs_are_refused_or_hold_together(texts: list[str]) -> None:
    sound(compiled("\n".join(texts)))


def test_a_chain_of_5000_bindings_in_any_order() -> None:
    rows = [f"c{i} = t(c{i - 1})\n" for i in range(1, 5001)]
    result = compiled("task t(n: int) -> int { python 'return n' }\n" + "".join(reversed(rows)) + "c0 = 0\n")
    assert result.diagnostics == ()
    assert result.graph is not None
    assert len(result.graph.nodes) == 5001


def test_a_cycle_of_5000_bindings_is_one_error() -> None:
    rows = [f"c{i} = c{(i + 1) % 5000} + 1\n" for i in range(5000)]
    assert [d.code for d in compiled("".join(rows)).diagnostics] == ["CSC106"]


def test_a_long_sum_is_a_value_or_an_error() -> None:
    for terms in (150, 5000):
        sound(compiled("output x = " + " + ".join(["1"] * terms) + "\n"))


def test_a_missing_file_and_a_folder_are_diagnostics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csc").mkdir()
    assert [d.code for d in compile_file(Path("none.csc")).diagnostics] == ["CSC010"]
    assert [d.code for d in compile_file(Path("d.csc")).diagnostics] == ["CSC011"]


def test_the_graph_does_not_depend_on_where_it_is_compiled_from(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compile_file(CORPUS / "ok" / "python_bodies.csc").graph
    monkeypatch.chdir(CORPUS / "ok")
    assert compile_file(Path("python_bodies.csc")).graph == whole


def test_a_chain_of_5000_comparisons_is_no_deep_graph() -> None:
    result = compiled(f"x = {' < '.join(map(str, range(5000)))}\noutput y = x\n")
    assert result.diagnostics == ()
    sound(result)


def test_a_scope_without_measure_is_refused() -> None:
    assert [d.code for d in compiled(f"limit task:{'[a' * 20_000} 3\n").diagnostics] == ["CSC302"]


def test_the_same_fault_in_many_places_is_found_in_each_and_twice_in_none() -> None:
    result = compiled("x = 1\n" * 901)
    assert [d.code for d in result.diagnostics] == ["CSC104"] * 900


def test_of_a_flood_the_first_thousand_are_kept_and_there_is_no_graph() -> None:
    result = compiled("x = 1\n" * 5001)
    assert [(d.code, d.primary.line) for d in result.diagnostics if d.primary] == [
        ("CSC104", n + 2) for n in range(1000)
    ]
    assert result.graph is None


def test_a_header_of_one_endless_line_is_read_in_no_time() -> None:
    result = compiled("for x y " + "z " * 50_000 + "{\n}\n")
    assert result.diagnostics[0].code == "CSC001"


def test_a_scope_without_measure_beside_what_could_not_be_read() -> None:
    result = compiled(f"task broken( {{\nlimit task:{'[a' * 20_000} 3\n")
    assert result.diagnostics[0].code.startswith("CSC0")


def test_thousands_of_unknown_names_do_not_each_look_for_the_nearest() -> None:
    result = compiled("".join(f"value_{i} = unknown_{i}\n" for i in range(5000)))
    assert len(result.diagnostics) == 1000
    assert all(d.help is None for d in result.diagnostics[-500:])


def test_an_endless_name_has_no_near_ones() -> None:
    result = compiled("".join(f"{'y' * 3000}{i} = 1\n" for i in range(100)) + f"x = {'y' * 20_000}\n")
    assert [d.code for d in result.diagnostics] == ["CSC101"]
