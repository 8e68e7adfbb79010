"""The text print: every class of the ir has a form, and a whole graph compared whole."""

from __future__ import annotations

from textwrap import dedent
from typing import Any, get_args

import pytest

from cascade_dsl.ir import expr as ex
from cascade_dsl.ir import graph as g
from cascade_dsl.ir import types as ty
from cascade_dsl.ir.notation import expr_text
from cascade_dsl.ir.requirement import Limit, Resource, Scope, Window
from cascade_dsl.ir.text import graph_text

X, Y, ONE = ex.Var("x"), ex.Var("y"), ex.Lit(1)


def add(left: ex.Expr, right: ex.Expr) -> ex.Expr:
    return ex.Apply("add", (left, right))


def mul(left: ex.Expr, right: ex.Expr) -> ex.Expr:
    return ex.Apply("mul", (left, right))


EXPRESSIONS: list[tuple[ex.Expr, str]] = [
    (ex.Lit({"a b": [1, 2.5, None, True], "c": "t\n\"{{\u001b"}), '{"a b": [1, 2.5, none, true], c: "t\\n\\"\\{{\\u{1b}"}'),
    (ex.Ref(3), "@3"),
    (X, "x"),
    (ex.Text(("a", X, "\\b")), '"a{{x}}\\\\b"'),
    (ex.ListOf((X, ONE)), "[x, 1]"),
    (ex.RecordOf((("a", X), ("b c", ONE))), '{a: x, "b c": 1}'),
    (ex.Apply("join", (X,), (("sep", ex.Lit(", ")),)), 'join(x, sep = ", ")'),
    (ex.Field(add(X, Y), "n"), "(x + y).n"),
    (ex.Field(X, "b c"), 'x."b c"'),
    (ex.Logic("or", ex.Logic("and", X, Y), ex.Logic("coalesce", X, ONE)), "x and y or x ?? 1"),
    (ex.Logic("and", ex.Logic("or", X, Y), X), "(x or y) and x"),
    (ex.Logic("or", X, ex.Logic("or", Y, X)), "x or (y or x)"),
    (ex.Choose(X, ONE, ex.Choose(Y, ONE, X)), "1 if x else 1 if y else x"),
    (ex.Choose(X, ex.Choose(Y, ONE, X), ONE), "(1 if y else x) if x else 1"),
    (ex.Comprehension((ex.Clause(("a", "b"), X, Y), ex.Clause(("c",), ex.Var("a"))), add(X, Y)),
     "[x + y for a, b in x if y for c in a]"),
    (ex.Comprehension((ex.Clause(("a",), X),), Y, ex.Var("a")), "{a: y for a in x}"),
    (mul(add(X, Y), ONE), "(x + y) * 1"),
    (add(mul(X, Y), ONE), "x * y + 1"),
    (add(add(X, Y), ONE), "x + y + 1"),
    (add(X, ex.Apply("sub", (Y, ONE))), "x + (y - 1)"),
    (ex.Apply("pow", (X, ex.Apply("pow", (Y, ONE)))), "x ** y ** 1"),
    (ex.Apply("pow", (ex.Apply("neg", (X,)), ONE)), "(-x) ** 1"),
    (ex.Apply("pow", (ex.Lit(-2), ONE)), "(-2) ** 1"),
    (ex.Apply("not", (ex.Apply("in", (X, Y)),)), "not x in y"),
    (ex.Apply("eq", (ex.Apply("lt", (X, Y)), ONE)), "(x < y) == 1"),
    (ex.Apply("index", (X, ONE)), "x[1]"),
    (ex.Apply("slice", (X, ONE, ex.Lit(None))), "x[1:]"),
]  # fmt: skip


@pytest.mark.parametrize(("expr", "text"), EXPRESSIONS, ids=[text for _, text in EXPRESSIONS])
def test_expressions_read_like_the_language(expr: ex.Expr, text: str) -> None:
    assert expr_text(expr) == text


def test_every_class_of_expression_is_printed_above() -> None:
    assert {type(expr) for expr, _ in EXPRESSIONS} == set(get_args(ex.Expr))


def test_every_operator_has_a_sign() -> None:
    for name, sign in ex.OPERATORS.items():
        args = {"neg": (X,), "not": (X,), "slice": (X, ONE, Y)}.get(name, (X, Y))
        text = expr_text(ex.Apply(name, args))
        assert all(part in text for part in sign.strip("[]")), name
        assert "(" not in text, name


def item(id: int, name: str) -> g.Item:
    return g.Item(id=id, name=name, type=ty.STR)


WHOLE = g.Graph(
    name="words",
    file="a/words.csc",
    doc="Rank words.\n\nAnd more.",
    sources=(g.SourceDigest(path="a/words.csc", digest="c0ffee"),),
    secrets=("token",),
    resources=(Resource(name="mem", dimension="bytes"), Resource(name="db", dimension="count")),
    limits=(
        Limit(scope=Scope("task", "fetch"), amount=2, hard=True, because='the "API"'),
        Limit(scope=Scope("resource", "mem"), amount=4_000_000_000),
        Limit(scope=Scope("global"), amount=ex.Ref(0), for_ns=5, until_ns=6),
        Limit(scope=Scope("tag", "a*"), amount=None),
        Limit(
            scope=Scope("flow", "f"), amount=5, kind="spend", per_ns=1000, burst=3, whole=True, by=X, by_text="x",
            window=Window(start_minute=540, end_minute=1080, days=(0, 4)),
        ),
    ),
    tasks=(
        g.TaskDef(
            name="fetch",
            doc="Get it.",
            folder="a",
            inputs=(
                g.Input(name="url", type=ty.STR),
                g.Input(name="n", type=ty.OptionalType(ty.ChoiceType(("a", "b"))), default=ex.Lit("a")),
            ),
            outputs=(g.OutputSpec(name="page", type=ty.FILE, form="path", path=ex.Text(("out/", X)), temp=True),),
            clauses=g.Clauses(
                requires=(g.Requirement(resource="cpu", amount=ex.Lit(0.1)), g.Requirement(resource="mem", amount=X)),
                retry=g.Retry(count=ex.Lit(3), backoff_min=ONE, backoff_max=ex.Lit(30), on=(75, "timeout")),
                timeout=ex.Lit(20),
                env=(("A", X),),
                secrets=(("TOKEN", "token"),),
                priority=ex.Lit(5),
                tags=("api", "slow"),
                workdir=ex.Lit("dir"),
                scratch=True,
                cache=g.CachePolicy(mode="off", ttl=ex.Lit(60), by=X),
            ),
            body=g.ShellBody(
                parts=("curl ", g.ShellPlace(0, "word"), "\n\nls '", g.ShellPlace(0, "single"), "'"),
                values=(g.ShellValue(variable="u", expr=ex.Var("url")), g.ShellValue(variable="v", expr=Y, is_list=True)),
                shell="sh -e",
                only_bash="`[[ ]]` is read by bash",
            ),
        ),
        g.TaskDef(
            name="two",
            inputs=(),
            record=True,
            outputs=(
                g.OutputSpec(name="a", type=ty.JSON, form="value"),
                g.OutputSpec(name="b", type=ty.ListType(ty.FILE), form="glob", path=ex.Lit("*.csv")),
            ),
            clauses=g.Clauses(),
            body=g.PythonBody(source="return {}\n", file="a/words.csc", line=7),
        ),
        g.TaskDef(name="run", inputs=(), outputs=(), clauses=g.Clauses(), body=g.ExecBody(words=(ex.Lit("true"), X))),
        g.TaskDef(name="py", inputs=(), outputs=(), clauses=g.Clauses(),
                  body=g.PythonFunction(function="rank", path="helpers.py")),
        g.TaskDef(name="mod", inputs=(), outputs=(), clauses=g.Clauses(),
                  body=g.PythonFunction(function="rank", module="a.b")),
    ),
    nodes=(
        g.Param(id=0, name="top", type=ty.INT, default=ex.Lit(10), doc="how many"),
        g.Param(id=1, name="urls", type=ty.ListType(ty.STR)),
        g.FanOut(
            id=2, name="pages", source=1, items=(g.Item(id=3, name="u", type=ty.STR, index=0), item(4, "v")),
            body=(
                g.Compute(id=5, name="keep", expr=ex.Apply("gt", (ex.Ref(0), ex.Ref(3))), type=ty.BOOL, reads=True),
                g.Call(id=6, name="pages.fetch", task="fetch", args=(("url", ex.Ref(3)), ("n", ex.Lit(None))),
                       after=(0,), clauses=g.Clauses(priority=ONE, tags=("t",))),
            ),
            result=6, condition=5, flatten=True, type=ty.ListType(ty.FILE), captures=(0,), after=(1,),
        ),
        g.Flow(id=7, name="f", flow="train", args=(("a", X),), items=(item(8, "a"),),
               body=(g.Compute(id=9, name="r", expr=ONE, type=ty.INT, after=(8,)),), result=9, type=ty.INT),
        g.Branch(id=10, name="b", condition=9, then=(g.Call(id=11, name="c", task="run", args=()),), then_result=11,
                 otherwise=(), otherwise_result=None, type=ty.NONE),
        g.Try(id=12, name="t", body=(g.Call(id=13, name="t.run", task="run", args=()),), result=13,
              error=item(14, "error"), otherwise=(), otherwise_result=0, type=ty.JSON),
        g.Repeat(id=15, name="m", initial=0, variable=item(16, "m"), round=item(17, "round"), condition=18,
                 maximum=ex.Lit(20), maximum_ok=True, every=ex.Lit(30),
                 body=(g.Compute(id=18, name="w", expr=ex.Lit(True), type=ty.BOOL),), result=18, type=ty.BOOL),
        g.Finally(id=19, name="finally", run=item(20, "run"), body=(g.Call(id=21, name="z", task="run", args=()),),
                  captures=(2,)),
        g.Output(id=22, name="words", node=99, type=ty.FILE, doc="the table"),
    ),
)  # fmt: skip


def test_a_whole_graph() -> None:
    assert graph_text(WHOLE) == dedent(
        """\
        graph words of a/words.csc
        ## Rank words.
        ##
        ## And more.
        source a/words.csc c0ffee
        secret token
        resource mem: bytes
        resource db: count
        limit task:fetch 2 hard because "the \\"API\\""
        limit mem 4GB
        limit global (top@0) for 0.000000005s
        limit tag:a* none
        limit flow:f 5000000/s burst 3 whole by x from 09:00 to 18:00 mon,fri

        ## Get it.
        task fetch(url: str, n: ("a" | "b")? = "a") -> page: temp file path at "out/{{x}}"
          folder "a"
          requires cpu = 0.1, mem = x
          retry 3 backoff 1..30 on 75, timeout
          timeout 20
          env A = x
          secrets TOKEN = token
          priority 5
          tag api, slow
          in "dir"
          in scratch
          cache off
          cache 60
          cache by x
          sh with "sh -e"
            only bash: `[[ ]]` is read by bash
            u = url
            v[] = y
            | curl {{u:word}}
            |
            | ls '{{u:single}}'

        task two() -> (a: json value, b: list[file] glob at "*.csv")
          python from a/words.csc:7
            | return {}
            |

        task run()
          exec ["true", x]

        task py()
          python "helpers.py:rank"

        task mod()
          python "a.b:rank"

        nodes
          0 param top: int = 10  ## how many
          1 param urls: list[str]
          2 fan pages: list[file] for u, v in urls@1 if keep@5 gives pages.fetch@6 flattened using top@0 after urls@1
            3 item u: str = item[0]
            4 item v: str
            5 value keep: bool = top@0 > u@3 reads
            6 call pages.fetch = fetch(url = u@3, n = none) after top@0 with { priority 1; tag t }
          7 flow f: int = train(a = x) gives r@9
            8 item a: str
            9 value r: int = 1 after a@8
          10 branch b: none if r@9
            then gives c@11
              11 call c = run()
            else
          12 try t: json
            14 item error: str
            try gives t.run@13
              13 call t.run = run()
            else gives top@0
          15 repeat m: bool from top@0 while w@18 max 20 ok every 30 gives w@18
            16 item m: str
            17 item round: str
            18 value w: bool = true
          19 finally finally using pages@2
            20 item run: str
            21 call z = run()
          22 output words: file = ?@99  ## the table
        """
    )


def test_the_whole_graph_has_every_class() -> None:
    kinds: set[type[Any]] = {type(node) for node in g.walk(WHOLE.nodes)} | {g.Item}
    assert kinds == set(get_args(g.Node))
    assert {type(task.body) for task in WHOLE.tasks} == set(get_args(g.Body))


def test_every_type_prints_itself() -> None:
    shown = {
        ty.Scalar: (ty.SIZE, "size"),
        ty.ListType: (ty.ListType(ty.INT), "list[int]"),
        ty.DictType: (ty.DictType(ty.STR), "dict[str]"),
        ty.RecordType: (ty.RecordType((("a", ty.INT), ("b c", ty.STR))), '{a: int, "b c": str}'),
        ty.OptionalType: (ty.OptionalType(ty.FILE), "file?"),
        ty.ChoiceType: (ty.ChoiceType(("a", 'b"')), '"a" | "b\\""'),
        ty.NeverType: (ty.NEVER, "nothing"),
        ty.TupleType: (ty.TupleType((ty.INT, ty.STR)), "(int, str)"),
    }
    assert set(shown) == set(get_args(ty.Type))
    for type_, text in shown.values():
        assert str(type_) == text


def test_names_of_types_are_shown_and_can_be_spelled_out() -> None:
    mode = ty.named(ty.ChoiceType(("a", "b")), "Mode")
    bare = ty.RecordType((("mode", ty.OptionalType(mode)), ("ids", ty.ListType(ty.STR))))
    row = ty.named(bare, "Row")
    rows = ty.OptionalType(ty.ListType(row))
    assert str(rows) == "list[Row]?"
    assert ty.spelled(row) == "{mode: Mode?, ids: list[str]}"
    assert ty.in_full(rows) == 'list[{mode: ("a" | "b")?, ids: list[str]}]?'
    assert [part.name for part in ty.named_parts(ty.TupleType((rows, mode)))] == ["Row", "Mode"]
    assert row == bare
    assert ty.named(ty.INT, "Count") == ty.INT
