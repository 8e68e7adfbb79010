"""The evaluator: operators, logic, comprehensions, scopes, bounds; and that it raises EvalError and nothing else."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.ir.expr import (
    OPERATORS,
    Apply,
    Choose,
    Clause,
    Comprehension,
    Expr,
    Field,
    ListOf,
    Lit,
    Logic,
    RecordOf,
    Ref,
    Text,
    Var,
)
from cascade_dsl.values.evaluate import Env, compile_expr, evaluate
from cascade_dsl.values.faults import EvalError
from cascade_dsl.values.functions import FUNCTIONS, NAMES
from cascade_dsl.values.operators import OPERATIONS
from cascade_dsl.values.weight import needs_worker, reads


def lit(value: Any) -> Lit:
    return Lit(value)


def apply(name: str, *values: Any, **named: Any) -> Apply:
    return Apply(name, tuple(map(Lit, values)), tuple((k, Lit(v)) for k, v in named.items()))


def run(expr: Expr, **variables: Any) -> Any:
    return evaluate(expr, Env(variables))


def message(expr: Expr, env: Env | None = None) -> str:
    with pytest.raises(EvalError) as caught:
        evaluate(expr, env or Env())
    return str(caught.value)


def test_every_operator_has_an_operation() -> None:
    assert set(OPERATIONS) == set(OPERATORS)
    assert set(FUNCTIONS) | set(OPERATORS) == NAMES


def test_references_variables_and_text() -> None:
    env = Env({"x": [1]}, ref=lambda node: {4: "four"}[node])
    assert evaluate(Ref(4), env) == "four"
    assert evaluate(Text(("a ", Var("x"), "-", Ref(4))), env) == "a [1]-four"
    assert message(Ref(1)) == "the value of node 1 is not at hand"
    assert message(Var("y")) == "`y` has no value here"


def test_records_and_fields() -> None:
    record = RecordOf((("a", Lit(1)), ("b c", ListOf((Lit(2), Lit("x"))))))
    assert run(record) == {"a": 1, "b c": [2, "x"]}
    assert run(Field(record, "a")) == 1
    assert message(Field(RecordOf((("alpha", Lit(1)),)), "alpa")) == "there is no key `alpa` (did you mean `alpha`?)"
    assert message(Field(Lit(3), "a")) == "the number 3 has no field `a`"


def test_only_the_chosen_side_runs() -> None:
    bad = apply("div", 1, 0)
    assert run(Choose(Lit(True), Lit(1), bad)) == 1
    assert run(Logic("and", Lit(False), bad)) is False
    assert run(Logic("or", Lit(True), bad)) is True
    assert run(Logic("coalesce", Lit(0), bad)) == 0
    assert run(Logic("coalesce", Lit(None), Lit(2))) == 2
    assert message(Choose(Lit(1), Lit(1), Lit(2))) == "a condition must be true or false, found the number 1"


def test_comprehensions() -> None:
    odd = Apply("eq", (Apply("mod", (Var("x"), Lit(2))), Lit(1)))
    squares = Comprehension((Clause(("x",), apply("range", 6), odd),), Apply("mul", (Var("x"), Var("x"))))
    assert run(squares) == [1, 9, 25]
    nested = Comprehension(
        (Clause(("x",), apply("range", 2)), Clause(("k", "v"), apply("enumerate", ["a", "b"]))),
        ListOf((Var("x"), Var("k"), Var("v"))),
    )
    assert run(nested) == [[0, 0, "a"], [0, 1, "b"], [1, 0, "a"], [1, 1, "b"]]
    lengths = Comprehension((Clause(("w",), Lit(["a", "bb"])),), Apply("len", (Var("w"),)), key=Var("w"))
    assert run(lengths) == {"a": 1, "bb": 2}


def test_a_comprehension_leaves_the_outer_names_alone() -> None:
    inner = Comprehension((Clause(("x",), Lit([1, 2])),), Var("x"))
    assert run(ListOf((inner, Var("x"))), x="outer") == [[1, 2], "outer"]


def test_faults_of_comprehensions() -> None:
    twice = Comprehension((Clause(("w",), Lit(["a", "a"])),), Lit(1), key=Var("w"))
    assert message(twice) == 'the key the text "a" comes twice'
    assert message(Comprehension((Clause(("x",), Lit("abc")),), Var("x"))) == '`for` wants a list, found the text "abc"'
    unpack = Comprehension((Clause(("a", "b"), Lit([[1]])),), Var("a"))
    assert message(unpack) == "a list of 1 cannot be unpacked into 2 names"


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (apply("add", 2**63 - 1, 1), "the int does not fit 64 bits"),
        (apply("mul", 1e308, 10), "the float is too large"),
        (apply("div", 1, 0), "division by zero"),
        (apply("mod", 1, 0), "division by zero"),
        (apply("pow", 10, 10**9), "the int does not fit 64 bits"),
        (apply("pow", 2, -1), "an int has no negative power that is an int; make the base a float"),
        (apply("pow", -2.0, 0.5), "a negative number has no fractional power"),
        (apply("mul", "ab", 10**9), "2000000000 characters are too many, at most 64000000"),
        (apply("range", 10**12), "1000000000000 elements are too many, at most 10000000"),
        (apply("add", 1, "a"), '`+` does not take the number 1 and the text "a"'),
        (apply("lt", 1, "a"), '`<` does not take the number 1 and the text "a"'),
        (apply("index", [1], 1), "there is no index 1, there is 1 item"),
        (apply("index", "ab", 2), "there is no index 2, there are 2 characters"),
        (apply("nope", 1), "there is no function `nope`"),
        (apply("len"), "`len` does not take these arguments: len(x: list[T] | dict[U] | str) -> int"),
        (apply("len", [1], x=[1]), "`len` does not take these arguments: len(x: list[T] | dict[U] | str) -> int"),
        (Apply("add", (Lit(1),)), "the operator add does not take 1 values"),
        (Logic("xor", Lit(True), Lit(True)), "there is no operator `xor`"),
    ],
)
def test_faults(expr: Expr, text: str) -> None:
    assert message(expr) == text


def test_bools_are_no_numbers() -> None:
    assert run(apply("eq", True, 1)) is False
    assert run(apply("eq", [1, {"a": True}], [1.0, {"a": True}])) is True
    assert run(apply("in", True, [1])) is False
    assert message(apply("add", True, 1)) == "`+` does not take true and the number 1"


def test_a_compiled_expression_is_kept_with_its_object() -> None:
    expr = Text(("a", Var("x")))
    assert compile_expr(expr) is compile_expr(expr)


def test_depth_200_is_fine_and_a_million_is_an_error() -> None:
    deep: Expr = Lit(0)
    for _ in range(200):
        deep = Apply("add", (deep, Lit(1)))
    assert run(deep) == 200
    for _ in range(100_000):
        deep = Apply("add", (deep, Lit(1)))
    assert message(deep) == "the expression is nested too deeply"


def test_what_goes_to_a_worker() -> None:
    assert not needs_worker(Text(("a", Ref(1))))
    assert not needs_worker(Apply("len", (Ref(1),)))
    assert needs_worker(apply("glob", "*"))
    assert reads(ListOf((apply("glob", "*"),)))
    assert not reads(apply("matches", "a", "b"))
    assert needs_worker(apply("matches", "a", "b"), 0)
    each = Comprehension((Clause(("x",), Ref(1)),), Var("x"))
    assert needs_worker(each)
    assert not needs_worker(each, 10_000)
    assert needs_worker(each, 10_001)
    assert needs_worker(Comprehension((*each.clauses, *each.clauses), Var("x")), 1000)
    assert not needs_worker(apply("range", 100), 0)
    assert needs_worker(apply("range", 100_000), 0)
    assert needs_worker(Apply("range", (Ref(1),)), 1)


# ---- properties -------------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-20, 20),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
PLAIN: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": lambda a, b: a / b,
    "floordiv": lambda a, b: a // b,
    "mod": operator.mod,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PLAIN)), NUMBERS, NUMBERS)
def test_arithmetic_is_that_of_python_within_64_bits(name: str, a: Any, b: Any) -> None:
    try:
        wanted = PLAIN[name](a, b)
    except (ZeroDivisionError, OverflowError):
        wanted = None
    if isinstance(wanted, float) and not math.isfinite(wanted):
        wanted = None
    if type(wanted) is int and not -(2**63) <= wanted < 2**63:
        wanted = None
    try:
        found = run(apply(name, a, b))
    except EvalError:
        found = None
    assert found == wanted
    assert type(found) is type(wanted)


JSONS = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=6)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def _expressions(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    several = st.lists(inner, max_size=3).map(tuple)
    names = st.sampled_from(sorted(NAMES))
    return st.one_of(
        st.builds(Apply, names, several),
        st.builds(
            Apply, names, several, st.lists(st.tuples(st.sampled_from(["by", "sep"]), inner), max_size=1).map(tuple)
        ),
        st.builds(Text, st.lists(inner | st.text(max_size=3), max_size=3).map(tuple)),
        st.builds(ListOf, several),
        st.builds(RecordOf, st.lists(st.tuples(st.sampled_from(["a", "b"]), inner), max_size=2).map(tuple)),
        st.builds(Field, inner, st.sampled_from(["a", "key"])),
        st.builds(Logic, st.sampled_from(["and", "or", "coalesce"]), inner, inner),
        st.builds(Choose, inner, inner, inner),
        st.builds(
            Comprehension,
            st.lists(
                st.builds(Clause, st.sampled_from([("x",), ("x", "y")]), inner, st.none() | inner),
                min_size=1,
                max_size=2,
            ).map(tuple),
            inner,
            st.none() | inner,
        ),
    )


EXPRESSIONS: st.SearchStrategy[Expr] = st.recursive(
    st.one_of(st.builds(Lit, JSONS), st.sampled_from([Ref(0), Var("x"), Var("y")])), _expressions, max_leaves=8
)


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS, JSONS)
def test_any_expression_gives_a_value_or_an_eval_error(
    tmp_path_factory: pytest.TempPathFactory, expr: Expr, value: Any
) -> None:
    env = Env({"x": value}, ref=lambda _: value, folder=str(tmp_path_factory.getbasetemp()))
    with contextlib.suppress(EvalError):
        evaluate(expr, env)
    needs_worker(expr)
