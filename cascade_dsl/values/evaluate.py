"""The evaluator of residual expressions: an expression becomes a Python closure once, and is called for each value.

Pure but for the functions that read, which see the world of the `Env` only. Raises EvalError and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ..ir.expr import (
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
from ..ir.graph import Json
from .faults import EvalError
from .functions import FUNCTIONS
from .operators import OPERATIONS, bounded, field, truth
from .typing import describe, is_list, show


def _no_ref(node: int) -> Json:
    raise EvalError(f"the value of node {node} is not at hand")


class Env:
    """What an expression sees: names, values of nodes, and the world for functions that read."""

    __slots__ = ("environ", "folder", "now_s", "ref", "variables")

    def __init__(
        self,
        variables: Mapping[str, Json] | None = None,
        ref: Callable[[int], Json] = _no_ref,
        folder: str = ".",
        now_s: float = 0.0,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.variables: Mapping[str, Json] = variables if variables is not None else {}
        self.ref = ref
        self.folder = folder
        self.now_s = now_s
        self.environ: Mapping[str, str] = environ if environ is not None else {}


Compiled: TypeAlias = Callable[[Env], Json]

_CACHE: dict[int, tuple[Expr, Compiled]] = {}
_CACHE_SIZE = 1 << 16


def evaluate(expr: Expr, env: Env) -> Json:
    """The value of an expression. Raises EvalError."""
    return compile_expr(expr)(env)


def compile_expr(expr: Expr) -> Compiled:
    """A function that gives the value of the expression; kept as long as the expression object is.

    What is wrong with the expression itself (an unknown function, as only a graph from outside may hold) is raised
    when it is called.
    """
    known = _CACHE.get(id(expr))
    if known is not None:
        return known[1]
    try:
        run = _guarded(_compile(expr)) if not isinstance(expr, _SHALLOW) else _compile(expr)
    except EvalError as error:
        run = _raising(str(error))
    except RecursionError:
        run = _raising("the expression is nested too deeply")
    if len(_CACHE) >= _CACHE_SIZE:
        _CACHE.clear()
    _CACHE[id(expr)] = (expr, run)
    return run


_SHALLOW = (Lit, Ref, Var)


def _guarded(run: Compiled) -> Compiled:
    def guarded(env: Env) -> Json:
        try:
            return run(env)
        except RecursionError:
            raise EvalError("the value is nested too deeply") from None
        except MemoryError:
            raise EvalError("the value does not fit into memory") from None

    return guarded


def _raising(message: str) -> Compiled:
    def refuse(_: Env) -> Json:
        raise EvalError(message)

    return refuse


def _compile(expr: Expr) -> Compiled:
    match expr:
        case Lit(value):
            return lambda _: value
        case Ref(node):
            return lambda env: env.ref(node)
        case Var(name):
            return _variable(name)
        case Text(parts):
            return _text(parts)
        case ListOf(items):
            several = [_compile(i) for i in items]
            return lambda env: [item(env) for item in several]
        case RecordOf(fields):
            pairs = [(k, _compile(e)) for k, e in fields]
            return lambda env: {k: value(env) for k, value in pairs}
        case Apply(function, args, named):
            return _apply(expr, function, [_compile(a) for a in args], {k: _compile(e) for k, e in named})
        case Field(subject, name):
            return _field(expr, _compile(subject), name)
        case Logic(operator, left, right):
            return _logic(expr, operator, _compile(left), _compile(right))
        case Choose(condition, then, otherwise):
            test, yes, no = _condition(condition), _compile(then), _compile(otherwise)
            return lambda env: yes(env) if test(env) else no(env)
        case Comprehension(clauses, element, key):
            return _of_one(expr, _same, _comprehension(clauses, element, key))


def _variable(name: str) -> Compiled:
    def run(env: Env) -> Json:
        try:
            return env.variables[name]
        except KeyError:
            raise EvalError(f"`{name}` has no value here") from None

    return run


def _text(parts: tuple[str | Expr, ...]) -> Compiled:
    pieces: list[str | Compiled] = [p if isinstance(p, str) else _compile(p) for p in parts]

    def run(env: Env) -> str:
        out = "".join([p if isinstance(p, str) else show(p(env)) for p in pieces])
        bounded(len(out), "characters")
        return out

    return run


def _apply(expr: Apply, name: str, args: list[Compiled], named: dict[str, Compiled]) -> Compiled:
    if name in OPERATORS:
        return _operator(expr, name, args, named)
    row = FUNCTIONS.get(name)
    if row is None:
        raise EvalError(f"there is no function `{name}`")
    if not row.signature.accepts(len(args), tuple(named)):
        raise EvalError(f"`{name}` does not take these arguments: {name}{row.signature_text}")
    do = row.run

    def in_world(env: Env) -> Json:
        try:
            return do(env, *[a(env) for a in args], **{k: e(env) for k, e in named.items()})
        except EvalError as error:
            error.inside(expr)
            raise

    def plain(env: Env) -> Json:
        try:
            return do(*[a(env) for a in args], **{k: e(env) for k, e in named.items()})
        except EvalError as error:
            error.inside(expr)
            raise

    return in_world if row.world else plain if named or len(args) != 1 else _of_one(expr, do, args[0])


_ARITY = {"neg": 1, "not": 1, "slice": 3}


def _operator(expr: Apply, name: str, args: list[Compiled], named: dict[str, Compiled]) -> Compiled:
    if named or len(args) != _ARITY.get(name, 2):
        raise EvalError(f"the operator {name} does not take {len(args) + len(named)} values")
    do = OPERATIONS[name]
    if len(args) == 1:
        return _of_one(expr, do, args[0])
    left, right, *more = args

    def of_two(env: Env) -> Json:
        try:
            return do(left(env), right(env))
        except EvalError as error:
            error.inside(expr)
            raise

    def of_more(env: Env) -> Json:
        try:
            return do(*[a(env) for a in args])
        except EvalError as error:
            error.inside(expr)
            raise

    return of_more if more else of_two


def _of_one(expr: Expr, do: Callable[..., Json], one: Compiled) -> Compiled:
    def run(env: Env) -> Json:
        try:
            return do(one(env))
        except EvalError as error:
            error.inside(expr)
            raise

    return run


def _condition(expr: Expr) -> Compiled:
    """What must be true or false."""
    return _of_one(expr, truth, _compile(expr))


def _same(value: Json) -> Json:
    return value


def _field(expr: Field, subject: Compiled, name: str) -> Compiled:
    def run(env: Env) -> Json:
        try:
            return field(subject(env), name)
        except EvalError as error:
            error.inside(expr)
            raise

    return run


def _logic(expr: Logic, operator: str, left: Compiled, right: Compiled) -> Compiled:
    first, second = _of_one(expr.left, truth, left), _of_one(expr.right, truth, right)
    match operator:
        case "and":
            return lambda env: first(env) and second(env)
        case "or":
            return lambda env: first(env) or second(env)
        case "coalesce":

            def run(env: Env) -> Json:
                found = left(env)
                return right(env) if found is None else found

            return run
        case _:
            raise EvalError(f"there is no operator `{operator}`")


_Step = tuple[tuple[str, ...], Compiled, Compiled | None]


def _comprehension(clauses: tuple[Clause, ...], element: Expr, key: Expr | None) -> Compiled:
    steps: list[_Step] = [
        (
            c.names,
            _of_one(c.source, _source, _compile(c.source)),
            None if c.condition is None else _condition(c.condition),
        )
        for c in clauses
    ]
    value = _compile(element)
    name = None if key is None else _compile(key)

    def run(env: Env) -> Json:
        variables: dict[str, Any] = dict(env.variables)
        inner = Env(variables, env.ref, env.folder, env.now_s, env.environ)
        rounds = _rounds(steps, 0, inner, variables)
        if name is None:
            return [value(inner) for _ in _counted(rounds)]
        out: dict[str, Json] = {}
        for _ in _counted(rounds):
            at = name(inner)
            if not isinstance(at, str):
                raise EvalError(f"a key must be text, found {describe(at)}")
            if at in out:
                raise EvalError(f"the key {describe(at)} comes twice")
            out[at] = value(inner)
        return out

    return run


def _source(found: Json) -> Json:
    if not is_list(found):
        raise EvalError(f"`for` wants a list, found {describe(found)}")
    return found


def _counted(rounds: Iterator[None]) -> Iterator[None]:
    for count, _ in enumerate(rounds, 1):
        bounded(count)
        yield


def _rounds(steps: list[_Step], at: int, inner: Env, variables: dict[str, Any]) -> Iterator[None]:
    """Binds the variables of all clauses from `at` on, once for each round that the conditions keep."""
    if at == len(steps):
        yield
        return
    names, source, condition = steps[at]
    for item in source(inner):
        if len(names) == 1:
            variables[names[0]] = item
        else:
            if not is_list(item) or len(item) != len(names):
                raise EvalError(f"{describe(item)} cannot be unpacked into {len(names)} names")
            variables.update(zip(names, item, strict=True))
        if condition is None or condition(inner):
            yield from _rounds(steps, at + 1, inner, variables)
