"""Params: from text and files to checked values; every fault at once, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cascade_dsl.api.params import ParamText, ParamValue, bind_params, read_params
from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir import expr as ex
from cascade_dsl.ir import types as ty
from cascade_dsl.ir.graph import Compute, Graph, Node, Param

SAMPLE = ty.RecordType((("id", ty.STR), ("reads", ty.ListType(ty.FILE))))


def program(*nodes: Node) -> Graph:
    return Graph(name="g", file="g.csc", tasks=(), resources=(), limits=(), nodes=nodes)


def param(name: str, type_: ty.Type, default: ex.Expr | None = None, doc: str = "", id: int = 1) -> Param:
    return Param(id=id, name=name, type=type_, default=default, doc=doc)


def refused(graph: Graph, given: dict[str, Any], cwd: Path) -> list[tuple[str, str, str | None]]:
    with pytest.raises(CascadeError) as caught:
        bind_params(graph, given, cwd)
    return [(d.code, d.message, d.help) for d in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("type_", "texts", "value"),
    [
        (ty.INT, ["5"], 5),
        (ty.FLOAT, ["5"], 5.0),
        (ty.BOOL, ["false"], False),
        (ty.STR, ["-5"], "-5"),
        (ty.DURATION, ["1m30s"], 90),
        (ty.SIZE, ["4KiB"], 4096),
        (ty.ListType(ty.INT), ["1", "2"], [1, 2]),
        (ty.ListType(ty.INT), ["1"], [1]),
        (ty.ListType(ty.STR), ['["a", "b"]'], ["a", "b"]),
        (ty.ListType(ty.DURATION), ["1s", "2m"], [1, 120]),
        (ty.DictType(ty.INT), ['{"a": 1}'], {"a": 1}),
        (ty.OptionalType(ty.INT), ["none"], None),
        (ty.JSON, ['{"a": [null]}'], {"a": [None]}),
    ],
)
def test_text_is_read_by_the_type(type_: ty.Type, texts: list[str], value: Any, tmp_path: Path) -> None:
    given = ParamText(texts[0], tuple(texts[1:]))
    assert bind_params(program(param("p", type_)), {"p": given}, tmp_path) == {"p": value}


def test_defaults_may_use_constants_and_other_params(tmp_path: Path) -> None:
    graph = program(
        param("b", ty.INT, ex.Apply("add", (ex.Ref(2), ex.Ref(3))), id=1),
        param("a", ty.INT, ex.Lit(1), id=2),
        Compute(id=3, name="c", expr=ex.Apply("mul", (ex.Ref(2), ex.Lit(10))), type=ty.INT),
        param("o", ty.OptionalType(ty.INT), id=4),
    )
    assert bind_params(graph, {}, tmp_path) == {"a": 1, "b": 11, "o": None}
    assert bind_params(graph, {"a": ParamText("2")}, tmp_path) == {"a": 2, "b": 22, "o": None}


def test_files_are_relative_to_where_they_are_typed(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "p", tmp_path / "e"
    (project / "in").mkdir(parents=True)
    elsewhere.mkdir()
    for path in (project / "in" / "a.txt", elsewhere / "b.txt"):
        path.write_text("")
    graph = program(param("f", ty.ListType(ty.FILE)), param("s", SAMPLE, id=2))
    given = {
        "f": ParamText("in/a.txt", (str(elsewhere / "b.txt"),)),
        "s": ParamValue({"id": "x", "reads": ["b.txt", "../p/in/a.txt"]}, elsewhere),
    }
    assert bind_params(graph, given, project, project) == {
        "f": ["in/a.txt", str(elsewhere / "b.txt")],
        "s": {"id": "x", "reads": [str(elsewhere / "b.txt"), "in/a.txt"]},
    }
    assert bind_params(program(param("f", ty.FILE)), {"f": ParamText("a.txt")}, project / "in", project) == {
        "f": "in/a.txt"
    }


def test_every_fault_is_told(tmp_path: Path) -> None:
    graph = program(
        param("top", ty.INT, doc="how many words"),
        param("wait", ty.DURATION, id=2),
        param("deep", ty.BOOL, ex.Lit(False), id=3),
    )
    assert refused(graph, {"tpo": ParamText("5"), "deep": ParamText("a", ("b",))}, tmp_path) == [
        ("CSC500", "the program has no param `tpo`", "did you mean `top`?"),
        ("CSC501", "the param `top` (int) is not given", "give it with `--top VALUE`: how many words"),
        ("CSC501", "the param `wait` (duration) is not given", "give it with `--wait VALUE`"),
        ("CSC502", "the param `deep`: given 2 times, and it is no list", "such as `--deep=true`"),
    ]
    assert refused(graph, {"top": ParamText("x"), "wait": ParamText("1")}, tmp_path) == [
        ("CSC502", 'the param `top`: expected int (a whole number), found the text "x"', "such as `--top 3`")
    ]


def test_a_missing_file_is_told_before_anything_runs(tmp_path: Path) -> None:
    graph = program(param("f", ty.FILE), param("d", ty.DIR, id=2))
    help = "a path on a command line is relative to the folder where the command is typed"
    assert refused(graph, {"f": ParamText("."), "d": ParamText("nowhere")}, tmp_path) == [
        ("CSC509", "the param `f`: the file `.` is no file", help),
        ("CSC509", "the param `d`: the dir `nowhere` is not there", help),
    ]


def test_a_default_that_fails_is_told(tmp_path: Path) -> None:
    graph = program(param("n", ty.INT, ex.Apply("floordiv", (ex.Lit(1), ex.Lit(0)))))
    ((code, message, _),) = refused(graph, {}, tmp_path)
    assert code == "CSC502"
    assert message.startswith("the default of the param `n`: ")


def test_params_files(tmp_path: Path) -> None:
    for name, text in (
        ("a.yaml", "top: 5\ns: {x: [1]}"),
        ("b.yml", "s:\n  x:\n  - 1\ntop: 5\n"),
        ("a.json", '{"top": 5, "s": {"x": [1]}}'),
        ("a.toml", "top = 5\n[s]\nx = [1]\n"),
    ):
        (tmp_path / name).write_text(text)
        assert {k: v.value for k, v in read_params(tmp_path / name).items()} == {"top": 5, "s": {"x": [1]}}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.yaml", b"top: [5", "the params file `{}` is not YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>' (line 1, column 8)"),
        ("a.yml", b"top: 5\ntop: 6", 'the params file `{}` is not YAML: the key the text "top" comes twice (line 2, column 1)'),
        ("a.yml", b"- 1", "the params file `{}` holds no names with values"),
        ("a.json", b'{"x": NaN}', "the params file `{}` is not JSON: NaN is no JSON number"),
        ("a.json", b'{"x": 1e999}', "the params file `{}` is not JSON: 1e999 is too large for a float"),
        ("a.toml", b"x = inf", "the params file `{}` is not TOML: inf and nan are no numbers here"),
        ("a.json", b"[1]", "the params file `{}` holds no names with values"),
        ("a.json", b"{", "the params file `{}` is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("a.json", b"\xff", "the params file `{}` is not UTF-8"),
        ("a.toml", b"=", "the params file `{}` is not TOML: Invalid statement (at line 1, column 1)"),
        ("a.json", None, "the params file `{}` cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_params_files_that_are_refused(tmp_path: Path, name: str, data: bytes | None, message: str) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(CascadeError) as caught:
        read_params(path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("CSC503", message.format(path))


MODE = ty.ChoiceType(("fast", "safe"), "Mode")
ROW = ty.RecordType((("id", ty.STR), ("mode", MODE), ("depth", ty.OptionalType(ty.INT))), "Row")


@pytest.mark.parametrize(
    ("type_", "texts", "value"),
    [
        (ty.ListType(ROW), ['{"id": "a", "mode": "fast"}'], [{"id": "a", "mode": "fast", "depth": None}]),
        (
            ty.ListType(ROW),
            ['{"id": "a", "mode": "fast"}', '{"id": "b", "mode": "safe", "depth": 2}'],
            [{"id": "a", "mode": "fast", "depth": None}, {"id": "b", "mode": "safe", "depth": 2}],
        ),
        (ty.OptionalType(ty.ListType(ty.INT)), ["1", "2"], [1, 2]),
        (ty.OptionalType(ty.ListType(ty.INT)), ["none"], None),
        (ty.OptionalType(ROW), ["none"], None),
        (ty.ListType(ty.OptionalType(ty.INT)), ["1", "none"], [1, None]),
        (ty.ListType(MODE), ["fast", "safe"], ["fast", "safe"]),
        (ty.DictType(ty.DURATION), ['{"a": "1h30m", "b": 2}'], {"a": 5400, "b": 2}),
        (ty.ListType(ty.SIZE), ['["4KB", 1]'], [4000, 1]),
        (ty.ListType(ty.ListType(ty.INT)), ["[[1], []]"], [[1], []]),
    ],
)
def test_lists_and_records_are_read_too(type_: ty.Type, texts: list[str], value: Any, tmp_path: Path) -> None:
    given = ParamText(texts[0], tuple(texts[1:]))
    assert bind_params(program(param("p", type_)), {"p": given}, tmp_path) == {"p": value}


@pytest.mark.parametrize(
    ("type_", "text", "messages", "help"),
    [
        (ty.INT, str(2**63), ["`p`: the int does not fit 64 bits"], "such as `--p 3`"),
        (ty.BOOL, "yes", ['`p`: expected bool (`true` or `false`), found the text "yes"'], "such as `--p=true`"),
        (MODE, "fsat", ['`p`: expected Mode ("fast" | "safe"), found the text "fsat" (did you mean `fast`?)'], None),
        (MODE, "slow", ['`p`: expected Mode ("fast" | "safe"), found the text "slow"'], None),
        (
            ty.ListType(ty.DURATION),
            "1q",
            ['`p`: expected duration (such as `30s` or `1h30m`, or a number of seconds), found the text "1q"'],
            "such as `--p 30s`, once for each item",
        ),
        (
            ROW,
            '{"id": 3, "mode": "fst", "deth": 1}',
            [
                "`p.id`: expected str, found the number 3",
                '`p.mode`: expected Mode ("fast" | "safe"), found the text "fst" (did you mean `fast`?)',
                "`p`: Row has no field `deth` (did you mean `depth`?)",
            ],
            'such as `--p \'{"id": "…", "mode": "fast"}\'`',
        ),
        (
            ty.ListType(ROW),
            '[{"id": "a", "mode": "fast"}, {}]',
            [
                "`p[1]`: the field `id: str` is missing from Row",
                "`p[1]`: the field `mode: Mode` is missing from Row",
            ],
            'such as `--p \'{"id": "…", "mode": "fast"}\'`, once for each item',
        ),
        (
            ty.DictType(ty.INT),
            "a=1",
            ['`p`: expected dict[int] as JSON, found the text "a=1" (Expecting value, line 1, column 1)'],
            "such as `--p '{\"key\": 3}'`",
        ),
        (ty.JSON, "1e400", ["`p`: 1e400 is too large for a float"], "such as `--p '{\"a\": 1}'`"),
    ],
)
def test_what_is_wrong_is_told_part_by_part(
    type_: ty.Type, text: str, messages: list[str], help: str | None, tmp_path: Path
) -> None:
    found = refused(program(param("p", type_)), {"p": ParamText(text)}, tmp_path)
    assert [(code, message) for code, message, _ in found] == [("CSC502", f"the param {m}") for m in messages]
    assert found[-1][2] == help
    assert [h for _, _, h in found[:-1]] == [None] * (len(found) - 1)


def test_a_file_that_is_nearly_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "reads.fq").write_text("")
    assert refused(program(param("f", ty.FILE)), {"f": ParamText("raeds.fq")}, tmp_path) == [
        ("CSC509", "the param `f`: the file `raeds.fq` is not there", "did you mean `reads.fq`?")
    ]
