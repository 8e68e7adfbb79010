"""What the result of a call is made from: its recipe, whose digest is the key of the result cache.

What all instances of a call share is put together once (`Base`): the declaration of its outputs, the body as text, the
environment as expressions, the code that it calls, the params and constants that these use. An instance adds its inputs, what the
files in them hold, and what expressions give that depend on it. Paths are relative to the project, scratch paths take no
part: a project that is moved keeps its results.

Not in it: demands, limits, priority, tags, timeouts, retries, `attempt`, `need`, `after`, names of nodes and tasks, places
in the file.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.plan import Plan, Site
from ..ir.expr import Apply, Expr, Lit, Ref, Var, parts, refs
from ..ir.graph import Clauses, Compute, ExecBody, Item, Param, PythonBody, PythonFunction, ShellBody, TaskDef
from ..ir.notation import expr_text
from ..ir.types import Scalar, Type
from ..store.cache import bundle_of
from ..store.hashes import Content, Hashes, is_marked
from ..store.recipes import DIGEST_BYTES, Part, PartKind, Recipe
from ..values.typing import show
from ..values.weight import reads
from .adopting import Adoption, adoption
from .bodies import Bodies, files_in, has_files
from .places import ValueOf

if TYPE_CHECKING:
    from .modules import Modules

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_SHORT = 64
"""A value of up to so many characters is its own digest."""
_SHOWN_MAX = 20_000
_LOOK_AGAIN_NS = 1_000_000_000
_OF_CONTENT = frozenset({"size", "read", "lines", "read_json", "read_yaml", "read_csv", "exists"})
"""Functions that say no more of a file than its content, which is in the recipe where the file is."""


class NoRecipe(Exception):
    """It cannot be said what the call would be made from: it runs, and its result is not kept. A sentence."""


@dataclass(slots=True, eq=False)
class Base:
    """What the instances of a call share. `state` has taken in `shared`, and is copied for each instance."""

    shared: tuple[Part, ...]
    bundle: str
    state: Any
    inputs: tuple[tuple[str, Type, bool], ...]
    """Name, type, and whether files may be in it."""
    own_refs: tuple[tuple[int, str, Type | None], ...]
    """Nodes around the call whose values differ from instance to instance."""
    own_exprs: tuple[tuple[PartKind, str, Expr], ...]
    """Expressions that are in the recipe by what they give."""
    files: tuple[tuple[str, tuple[int, ...]], ...]
    """Files that were looked at, and what would change with them."""
    ttl: Expr | None
    looked_ns: int = 0


@dataclass(slots=True, eq=False)
class Draft:
    """The recipe of an instance in the making: what was given, before files are looked at.

    `own` are the parts of the instance without `file`s; they are made into `Part`s only where somebody wants to see them.
    """

    base: Base
    own: list[tuple[PartKind, str, str, str]]
    """kind, name, digest, shown."""
    files: list[tuple[str, str]]
    """(name, absolute path) of files and folders in the values."""
    inputs: tuple[str, ...]
    """Their absolute paths."""
    ttl_s: float | None = None
    is_of_gone: bool = False
    """Of a file that is gone it has what it held; once it is there again, a recipe is made anew."""
    digest: str = ""
    """Of the recipe, once the files have been looked at."""
    contents: list[Content] = field(default_factory=list[Content])

    def parts(self) -> tuple[Part, ...]:
        """The parts of this instance alone."""
        own = [Part(*row) for row in self.own]
        own += [
            Part("file", name, content.digest, str(content.size))
            for (name, _), content in zip(self.files, self.contents, strict=True)
        ]
        return tuple(own)

    def recipe(self) -> Recipe:
        """All parts."""
        return Recipe((*self.base.shared, *self.parts()), self.digest)

    def is_still_so(self) -> bool:
        """Nothing that the recipe was made from has changed since. Blocks on the disk."""
        return all(is_marked(path, mark) for path, mark in self.base.files) and all(
            is_marked(path, mark) for content in self.contents for path, mark in content.stamps
        )


class _Expressions(NamedTuple):
    """An expression that shapes the result, its kind and name in the recipe."""

    kind: PartKind
    name: str
    expr: Expr


class Recipes:
    """The recipes of one run's calls. `base` and `look` block on the disk; from one thread at a time."""

    def __init__(self, plan: Plan, bodies: Bodies, hashes: Hashes, project: Path) -> None:
        self._plan = plan
        self._bodies = bodies
        self._hashes = hashes
        self._project = project
        self._folder = os.path.normpath(project)
        self._prefix = os.path.join(self._folder, "")
        self._bases: dict[int, Base] = {}
        self.gone: Mapping[str, tuple[str, int]] = {}
        """Temporary files that are gone: absolute path → digest and size."""
        self._cwd = os.getcwd()

    def renew(self) -> None:
        """The run is of another text."""
        self._bases.clear()

    # -- of an instance -------------------------------------------------------------------------------------------

    def draft(self, site: Site, value_of: ValueOf) -> Draft:
        """What an instance is given. Raises NoRecipe, CannotStart, EvalError, CascadeError."""
        base = self.base(site, value_of)
        values = self._bodies.arguments(site, value_of)
        own: list[tuple[PartKind, str, str, str]] = []
        files: list[tuple[str, str]] = []
        for name, type_, may_have_files in base.inputs:
            value = values[name]
            text = json_text(value)
            if len(text) <= _SHORT:
                own.append(("input", name, f"={text}", text))
            else:
                own.append(("input", name, digest_of_text(text), text if len(text) <= _SHOWN_MAX else ""))
            if may_have_files:
                self._add_files(files, name, type_, value)
        for node, name, type_ in base.own_refs:
            self._add_value(own, files, name, type_, value_of(Ref(node), {}))
        if base.own_exprs:
            seen = _seen(site, values)
            for kind, name, expr in base.own_exprs:
                text = json_text(value_of(expr, seen))
                own.append((kind, name, digest_of_text(text), text if len(text) <= _SHOWN_MAX else ""))
        ttl = None
        if base.ttl is not None:
            ttl = float(value_of(base.ttl, {**values, "attempt": 1}))
        return Draft(base, own, files, tuple(path for _, path in files), ttl)

    def adoption(self, site: Site, value_of: ValueOf) -> Adoption:
        """Where the outputs of an instance would stand. Raises as `draft`, and NotAdopted."""
        return adoption(site, self._bodies.arguments(site, value_of), value_of, self._project)

    def look(self, draft: Draft) -> None:
        """Look at the files of a draft, and say its digest. Raises NoRecipe where one cannot be read."""
        state = draft.base.state.copy()
        state.update(b"".join([_taken(kind, name, digest) for kind, name, digest, _ in draft.own]))
        contents: list[Content] = []
        for name, path in draft.files:
            try:
                content = self._hashes.content(path)
            except OSError as error:
                if path in self.gone:
                    digest, size = self.gone[path]
                    draft.is_of_gone = True
                    contents.append(Content(digest, size, ()))
                    state.update(_taken("file", name, digest))
                    continue
                raise NoRecipe(f"{self.shown(path)} cannot be read: {error.strerror or error}") from None
            contents.append(content)
            state.update(_taken("file", name, content.digest))
        draft.contents = contents
        draft.digest = state.hexdigest()

    def shown(self, path: str) -> str:
        """A path as people know it."""
        return path.removeprefix(self._prefix)

    def _add_value(
        self,
        own: list[tuple[PartKind, str, str, str]],
        files: list[tuple[str, str]],
        name: str,
        type_: Type | None,
        value: Any,
    ) -> None:
        text = json_text(value)
        own.append(("value", name, digest_of_text(text), text if len(text) <= _SHOWN_MAX else ""))
        if type_ is not None and has_files(type_):
            self._add_files(files, name, type_, value)

    def _add_files(self, files: list[tuple[str, str]], name: str, type_: Type, value: Any) -> None:
        """The files and folders in a value: paths in it are relative to the project, or absolute."""
        for path in (value,) if isinstance(type_, Scalar) else files_in(type_, value):
            full = path if path[:1] == "/" else f"{self._folder}/{path}"
            if "/." in full or "//" in full or full[-1:] == "/":
                full = os.path.normpath(full)
            files.append((f"{name}:{self.shown(full)}", full))

    # -- of a call ------------------------------------------------------------------------------------------------

    def base(self, site: Site, value_of: ValueOf) -> Base:
        """What the instances of a call share; made again where a file of code was changed."""
        base = self._bases.get(site.id)
        if base is not None:
            now = time.monotonic_ns()
            if not base.files or now - base.looked_ns < _LOOK_AGAIN_NS:
                return base
            if all(is_marked(path, mark) for path, mark in base.files):
                base.looked_ns = now
                return base
        base = self._bases[site.id] = self._make(site, value_of)
        return base

    def _make(self, site: Site, value_of: ValueOf) -> Base:
        task, clauses = site.task, site.clauses
        assert task is not None
        assert clauses is not None
        shaping = list(_shaping(task, clauses))
        shared: list[Part] = [self._task_part(task, clauses), *self._body_parts(task, self._label)]
        own_exprs: list[tuple[PartKind, str, Expr]] = []
        for kind, name, expr in shaping:
            if kind == "env":
                shared.append(self._env_part(name, expr))
            if kind == "by" or (reads(expr) and not self._is_of_content(expr, task)):
                own_exprs.append((kind if kind == "by" else "value", name, expr))
        modules = self._modules(task)
        if modules is not None:
            shared += self._code_parts(task, modules)
        used: dict[int, None] = {}
        for _, _, expr in shaping:
            used.update(dict.fromkeys(refs(expr)))
        own_refs: list[tuple[int, str, Type | None]] = []
        for node in used:
            name, type_ = self._plan.name_of(node), self._type_of(node)
            if self._is_of_run(node) and not (type_ is not None and has_files(type_)):
                shared.append(_value_part(name, value_of(Ref(node), {})))
            else:
                own_refs.append((node, name, type_))
        state = blake2b(digest_size=DIGEST_BYTES)
        for part in shared:
            state.update(_taken(part.kind, part.name, part.digest))
        return Base(
            shared=tuple(shared),
            bundle=bundle_of(shared),
            state=state,
            inputs=tuple((i.name, i.type, has_files(i.type)) for i in task.inputs),
            own_refs=tuple(own_refs),
            own_exprs=tuple(own_exprs),
            files=() if modules is None else tuple(modules.files.items()),
            ttl=clauses.cache.ttl,
            looked_ns=time.monotonic_ns(),
        )

    def _label(self, expr: Expr) -> str:
        """An expression as text in which every reference is told from a name."""
        return expr_text(expr, lambda node: f"@{self._plan.name_of(node)}")

    def _shown_expr(self, expr: Expr) -> str:
        return expr_text(expr, self._plan.name_of)

    def _task_part(self, task: TaskDef, clauses: Clauses) -> Part:
        """What the declaration says of how results are made, but for the body."""
        texts = ["record" if task.record else "", task.folder, "scratch" if clauses.scratch else ""]
        texts.append("" if clauses.workdir is None else self._label(clauses.workdir))
        shown: list[str] = []
        for given in task.inputs:
            texts += ("i", given.name, str(given.type))
        for output in task.outputs:
            path = "" if output.path is None else self._label(output.path)
            texts += ("o", output.name, str(output.type), output.form, path)
            tail = "" if output.path is None else f" = {self._shown_expr(output.path)}"
            shown.append(f"{output.name}: {output.type}{tail}")
        for variable, secret in clauses.secrets:
            texts += ("s", variable, secret)
        if clauses.workdir is not None or clauses.scratch:
            shown.append(f"in {'scratch' if clauses.workdir is None else self._shown_expr(clauses.workdir)}")
        shown += [f"env {variable} from secret {secret}" for variable, secret in clauses.secrets]
        return Part("task", "", digest_of_texts(texts), "\n".join(shown)[:_SHOWN_MAX])

    def _body_parts(self, task: TaskDef, label: Callable[[Expr], str]) -> Iterator[Part]:
        body = task.body
        match body:
            case ShellBody():
                reader = body.shell or ("bash" if self._bodies.has_bash else "sh")
                texts: list[str] = [reader]
                shown: list[str] = []
                for part in body.parts:
                    if isinstance(part, str):
                        texts += ("t", part)
                        shown.append(part)
                    else:
                        value = body.values[part.value]
                        texts += ("l" if value.is_list else "v", part.where, label(value.expr))
                        shown.append("{{" + self._shown_expr(value.expr) + "}}")
                yield Part("body", "", digest_of_texts(texts), "".join(shown)[:_SHOWN_MAX])
            case ExecBody(words=words):
                shown = [self._shown_expr(word) for word in words]
                yield Part("body", "", digest_of_texts([label(word) for word in words]), "\n".join(shown)[:_SHOWN_MAX])
            case PythonBody():
                from .modules import python_digest

                names = [v.name for v in body.values]
                digest = digest_of_texts([python_digest(body.source), *names])
                yield Part("body", "", digest, body.source[:_SHOWN_MAX])
                yield _interpreter()
            case PythonFunction():
                where = body.path or body.module or ""
                texts = ["path" if body.path else "module", where, body.function, *(v.name for v in body.values)]
                yield Part("body", "", digest_of_texts(texts), f"{where}:{body.function}")
                yield _interpreter()

    def _modules(self, task: TaskDef) -> Modules | None:
        """The code of the project, as it is now, where a body may reach it."""
        if not isinstance(task.body, PythonBody | PythonFunction):
            return None
        from .modules import Modules, folders_of

        return Modules(self._folder, tuple(folders_of(self._bodies.environ.get("PYTHONPATH", ""), self._cwd)))

    def _code_parts(self, task: TaskDef, modules: Modules) -> tuple[Part, ...]:
        body = task.body
        home = os.path.normpath(os.path.join(self._folder, task.folder))
        match body:
            case PythonBody():
                return modules.of_text(body.source, home)
            case PythonFunction(path=None):
                return modules.of_function(None, body.module, body.function, home)
            case PythonFunction(path=str(path)):
                full = os.path.normpath(os.path.join(self._folder, path))
                return modules.of_function(full, None, body.function, os.path.dirname(full))
            case _:
                return ()

    def _env_part(self, name: str, expr: Expr) -> Part:
        shown = json_text(show(expr.value)) if isinstance(expr, Lit) else self._shown_expr(expr)
        return Part("env", name, digest_of_text(self._label(expr)), shown[:_SHOWN_MAX])

    def _type_of(self, node: int) -> Type | None:
        body = self._plan.items.get(node)
        at: Any = body.items[node] if body is not None else self._plan.sites[node].node
        return at.type if isinstance(at, Param | Compute | Item) else None

    def _is_of_run(self, node: int) -> bool:
        """It has one value in the whole run."""
        site = self._plan.sites.get(node)
        return site is not None and site.depth == 0

    def _is_of_content(self, expr: Expr, task: TaskDef) -> bool:
        """All that it reads is what files hold whose content is in the recipe."""
        typed = {i.name: i.type for i in task.inputs}
        for part in parts(expr):
            if isinstance(part, Apply) and reads(Apply(part.function, ())):
                if part.function not in _OF_CONTENT or len(part.args) != 1 or part.named:
                    return False
                subject = part.args[0]
                while isinstance(subject, Apply) and subject.function == "absolute" and len(subject.args) == 1:
                    subject = subject.args[0]
                if isinstance(subject, Var):
                    type_ = typed.get(subject.name)
                elif isinstance(subject, Ref):
                    type_ = self._type_of(subject.node)
                else:
                    type_ = None
                if type_ is None or not has_files(type_):
                    return False
        return True


def _shaping(task: TaskDef, clauses: Clauses) -> Iterator[_Expressions]:
    """The expressions of a call that shape its result."""
    for output in task.outputs:
        if output.path is not None:
            yield _Expressions("task", output.name, output.path)
    if clauses.workdir is not None:
        yield _Expressions("task", "in", clauses.workdir)
    for name, expr in clauses.env:
        yield _Expressions("env", name, expr)
    if clauses.cache.by is not None:
        yield _Expressions("by", "by", clauses.cache.by)
    match task.body:
        case ShellBody(values=values):
            for value in values:
                yield _Expressions("body", "body", value.expr)
        case ExecBody(words=words):
            for word in words:
                yield _Expressions("body", "body", word)
        case PythonBody(values=values) | PythonFunction(values=values):
            for value in values:
                yield _Expressions("body", value.name, value.expr)


def _value_part(name: str, value: Any) -> Part:
    text = json_text(value)
    return Part("value", name, digest_of_text(text), text if len(text) <= _SHOWN_MAX else "")


def _interpreter() -> Part:
    version = f"{platform.python_implementation()} {platform.python_version()}"
    return Part("code", "python", f"={version}", version)


def _seen(site: Site, values: Mapping[str, Any]) -> dict[str, Any]:
    """What an expression sees before the body runs; an output is known by its name alone."""
    assert site.task is not None
    return {**{o.name: o.name for o in site.task.outputs}, **values, "attempt": 1, "need": {}}


def _taken(kind: str, name: str, digest: str) -> bytes:
    """A part as `recipe_of` takes it in."""
    text = f"{len(kind)}:{kind}{len(name)}:{name}{len(digest)}:{digest}"
    if text.isascii():  # then characters are bytes
        return text.encode()
    a = kind.encode()
    b = name.encode("utf-8", "surrogatepass")
    c = digest.encode("utf-8", "surrogatepass")
    return b"%d:%b%d:%b%d:%b" % (len(a), a, len(b), b, len(c), c)


def json_text(value: Any) -> str:
    """A value as JSON. The order of keys counts: a body may go through them."""
    return repr(value) if type(value) is int else _encode(value)  # the encoder has no short way for a number


def digest_of_text(text: str) -> str:
    """A short text itself, marked as such; of a long one its digest."""
    if len(text) <= _SHORT:
        return f"={text}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()


def digest_of_texts(texts: list[str]) -> str:
    """The digest of several texts in their order."""
    state = blake2b(digest_size=DIGEST_BYTES)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        state.update(b"%d:%b" % (len(data), data))
    return state.hexdigest()
