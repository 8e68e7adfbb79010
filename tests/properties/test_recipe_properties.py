"""The key of a result changes exactly where something changes that the result is made from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from cascade_dsl.api import compile_file
from cascade_dsl.engine.plan import plan
from cascade_dsl.ir.expr import Expr
from cascade_dsl.ir.graph import Call, Compute, Param
from cascade_dsl.runtime.bodies import Bodies
from cascade_dsl.runtime.recipes import Recipes
from cascade_dsl.store.hashes import Hashes
from cascade_dsl.store.recipes import recipe_of
from cascade_dsl.values.evaluate import Env, evaluate


@dataclass(frozen=True)
class Matters:
    """What the result of the call is made from."""

    script: str = "cat"
    text: str = "a"
    number: int = 1
    words: tuple[str, ...] = ("x",)
    content: str = "one"
    inner: str = "in a record"
    folder: tuple[tuple[str, str], ...] = (("f", "1"),)
    param: int = 3
    constant: str = "k"
    variable: str = "E"
    env: str = "v"
    by: str = "b"
    path: str = "out"
    workdir: str = "."
    shell: str = "bash -eu"
    record: bool = False
    read: str = "r"
    file_of_param: str = "p"


@dataclass(frozen=True)
class Not:
    """What it is not made from."""

    node: str = "x"
    task: str = "t"
    comment: str = ""
    cpu: float = 1.0
    mem: str = "1MB"
    retry: int = 0
    timeout: str = "1h"
    priority: int = 0
    tag: str = "a"
    limit: int = 5
    mtime: int = 1_000_000_000
    lines: int = 0
    project: str = "here"
    other: str = "z"
    environ: str = "1"


def program(m: Matters, n: Not) -> str:
    """The call of a task that has all of it."""
    outputs = f'(o: file = "{m.path}/{{{{s}}}}", b: int)' if m.record else f'o: file = "{m.path}/{{{{s}}}}"'
    words = ", ".join(f'"{w}"' for w in m.words)
    by = f'"{m.by}"'
    return (
        "\n" * n.lines
        + f"""\
# {n.comment}
param p: int = {m.param}
param pf: file = file("pf.txt")
k = "{m.constant}"
limit task:{n.task} {n.limit}
task {n.task}(s: str, i: int, w: list[str], f: file, r: {{f: file, n: int}}, d: dir) -> {outputs} {{
  requires cpu = {n.cpu}, mem = {n.mem}
  retry {n.retry}
  timeout {n.timeout}
  priority {n.priority}
  tag {n.tag}
  cache by {by}
  env {{ {m.variable} = "{m.env}" }}
  in "{m.workdir}"
  shell "{m.shell}"
  sh "{m.script} {{{{p}}}} {{{{k}}}} {{{{pf}}}} {{{{read("read.txt")}}}} {{{{need.mem}}}} {{{{attempt}}}} > {{{{o}}}}"
}}
task {n.other}other() -> int {{ sh "echo {n.other}" }}
{n.node} = {n.task}("{m.text}", {m.number}, [{words}], file("f.txt"), {{f: file("inner.txt"), n: 1}}, dir("folder"))
"""
    )


def key(base: Path, m: Matters, n: Not) -> str:
    """The digest of its recipe, in a project of its own."""
    folder = base / n.project
    (folder / "folder").mkdir(parents=True)
    files = {"f.txt": m.content, "inner.txt": m.inner, "read.txt": m.read, "pf.txt": m.file_of_param}
    files |= {f"folder/{name}": text for name, text in m.folder}
    for name, text in files.items():
        (folder / name).write_text(text)
        os.utime(folder / name, ns=(n.mtime, n.mtime))
    path = folder / "p.csc"
    path.write_text(program(m, n))
    compiled = compile_file(path)
    assert compiled.graph is not None, compiled.diagnostics
    made = plan(compiled.graph)
    environ = {"PATH": os.environ["PATH"], "OTHER": n.environ}
    bodies = Bodies(made, run="r", project=folder, scratch=folder / "s", logs=folder / "l", environ=environ)
    hashes = Hashes(folder, folder)
    recipes = Recipes(made, bodies, hashes, folder)

    def value_of(expr: Expr, variables: Mapping[str, Any]) -> Any:
        return evaluate(expr, Env(variables, ref, folder=str(folder), environ=environ))

    def ref(node: int) -> Any:
        at = made.sites[node].node
        if isinstance(at, Param):
            assert at.default is not None
            return value_of(at.default, {})
        assert isinstance(at, Compute)
        return value_of(at.expr, {})

    (site,) = (s for s in made.sites.values() if isinstance(s.node, Call))
    draft = recipes.draft(site, value_of)
    recipes.look(draft)
    recipe = draft.recipe()
    assert recipe_of(recipe.parts).digest == recipe.digest, "it is the digest of its parts"
    assert not any(str(folder) in part.digest + part.name for part in recipe.parts), "no path of this machine is in it"
    hashes.close()
    return recipe.digest


NAME = st.sampled_from(["a", "b", "c1"])
MATTERS = st.builds(
    Matters,
    script=st.sampled_from(["cat", "cat ", "tac"]),
    text=NAME,
    number=st.integers(0, 2),
    words=st.lists(NAME, max_size=2).map(tuple),
    content=NAME,
    inner=NAME,
    folder=st.lists(st.tuples(NAME, NAME), max_size=2, unique_by=lambda pair: pair[0]).map(
        lambda ps: tuple(sorted(ps))
    ),
    param=st.integers(0, 1),
    constant=NAME,
    variable=st.sampled_from(["E", "F"]),
    env=NAME,
    by=NAME,
    path=NAME,
    workdir=st.sampled_from([".", "folder"]),
    shell=st.sampled_from(["bash -eu", "bash -e"]),
    record=st.booleans(),
    read=NAME,
    file_of_param=NAME,
)
NOTS = st.builds(
    Not,
    node=st.sampled_from(["x", "y"]),
    task=st.sampled_from(["t", "u"]),
    comment=NAME,
    cpu=st.sampled_from([0.5, 1.0]),
    mem=st.sampled_from(["1MB", "2MB"]),
    retry=st.integers(0, 1),
    timeout=st.sampled_from(["1h", "2h"]),
    priority=st.integers(0, 1),
    tag=NAME,
    limit=st.integers(1, 2),
    mtime=st.integers(1, 3).map(lambda s: s * 1_000_000_000),
    lines=st.integers(0, 2),
    project=st.sampled_from(["here", "there"]),
    other=NAME,
    environ=NAME,
)
FIELDS = list(asdict(Matters()))


@given(MATTERS, MATTERS, NOTS, NOTS, st.sets(st.sampled_from(FIELDS), max_size=2))
@settings(max_examples=60)
def test_the_key_changes_exactly_where_what_matters_changes(
    one: Matters, other: Matters, n: Not, o: Not, changed: set[str]
) -> None:
    other = replace(one, **{name: getattr(other, name) for name in changed})
    note(program(one, n))
    note(program(other, o))
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        assert (key(Path(first), one, n) == key(Path(second), other, o)) == (one == other)
