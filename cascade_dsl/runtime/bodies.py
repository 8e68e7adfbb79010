"""From a call's instance to the attempt that an executor starts: arguments, paths, environment, script."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..base.diagnostics import CascadeError
from ..base.quantity import MILLI
from ..engine.plan import Plan, Site, task_expressions
from ..executors.protocol import AttemptSpec, CommandSpec, PythonSpec
from ..ir.events import Facts
from ..ir.expr import Expr
from ..ir.graph import Call, ExecBody, NodeKey, PythonBody, PythonFunction, ShellBody, TaskDef
from ..ir.types import DictType, ListType, OptionalType, RecordType, Scalar, Type
from ..limits.units import Given
from ..values.faults import EvalError, told
from ..values.typing import ValueMismatch, check_value, show
from .handed import Handed
from .hidden import hidden_path
from .places import FilePlace, GlobPlace, Place, Places, ValueOf
from .refusals import CannotStart, no_nul
from .scripts import chosen_shell, command_line, default_shell, render
from .secrets import NO_SECRETS, Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An attempt ready to be started."""

    key: NodeKey
    epoch: int
    attempt: int
    task: TaskDef
    spec: AttemptSpec
    places: tuple[Place, ...]
    inputs: tuple[str, ...]
    """Absolute paths of the files and folders that it was given."""
    stdout_path: str | None
    values: tuple[Any, ...]
    """Of a `sh` body, those that its script refers to."""
    result_path: str
    folder: Path
    """The attempt's own scratch folder, made only if something is written there; removed when it has ended."""
    may_have_folder: bool


class _Work(NamedTuple):
    """What an executor is to run, where its standard output goes if it is the value, and the values of a script."""

    spec: CommandSpec | PythonSpec
    stdout_path: str | None = None
    values: tuple[Any, ...] = ()


class Bodies:
    """Builds attempts for one run."""

    def __init__(
        self,
        plan: Plan,
        *,
        run: str,
        project: Path,
        scratch: Path,
        logs: Path,
        environ: Mapping[str, str],
        secrets: Held = NO_SECRETS,
    ) -> None:
        self._plan = plan
        self._project = project
        self._scratch = scratch
        self._logs = logs
        self.secrets = secrets
        self._run = run
        self._given = secrets.without(environ)
        self._follow()
        bash = shutil.which("bash", path=environ.get("PATH"))
        self.shell = default_shell(bash)
        """What reads a script whose task does not choose."""
        self.has_bash = bash is not None
        sources = frozenset(str(project / source.path) for source in plan.graph.sources)
        self._places = Places(project=project, scratch=scratch, sources=sources)
        self.is_free: Callable[[NodeKey, str], bool] = lambda key, path: True
        """Whether nobody else publishes an absolute path."""
        self._expressions: dict[int, list[Expr]] = {}
        self._log_folders: set[int] = set()

    def renew(self) -> None:
        """The run is of another text."""
        self._expressions.clear()
        self._follow()

    def _follow(self) -> None:
        """What the resources of the program make of the environment."""
        self._handed = Handed(self._plan.dimensions, self._given)
        self.environ = {**self._handed.inherited(), "CASCADE_RUN": self._run}
        """What every process of the run inherits."""

    def expressions(self, site: Site) -> list[Expr]:
        """Every expression that an attempt of a call evaluates, arguments first."""
        known = self._expressions.get(site.id)
        if known is None:
            assert site.task is not None
            assert site.written is not None
            known = [e for _, e in _arguments(site)] + task_expressions(site.task, site.written)
            self._expressions[site.id] = known
        return known

    def arguments(self, site: Site, value_of: ValueOf, wanted: Collection[str] | None = None) -> dict[str, Any]:
        """The inputs of a call by name, or those of them that are wanted, checked against their types.

        CannotStart names the input that does not fit.
        """
        assert site.task is not None
        values: dict[str, Any] = {}
        for spec, (name, expr) in zip(site.task.inputs, _arguments(site), strict=True):
            if wanted is not None and name not in wanted:
                continue
            try:
                values[name] = check_value(spec.type, value_of(expr, {}))
            except ValueMismatch as error:
                raise CannotStart(f"input {name}{error.path}: {error.text}") from None
            except EvalError as error:
                raise CannotStart(f"input {name}: {told(error, self._plan.name_of)}") from None
        return values

    def log_path(self, serial: int) -> str:
        """The log of the attempt that was the run's `serial`-th start."""
        return f"{self._logs}/{serial // 1000:03}/{serial}.log"

    def prepare(
        self,
        site: Site,
        key: NodeKey,
        epoch: int,
        attempt: int,
        serial: int,
        facts: Facts,
        value_of: ValueOf,
        units: Given = (),
        granted: tuple[tuple[str, int], ...] = (),
    ) -> Prepared:
        """The attempt, which has these units of what it demands, and demands what was granted it; raises CannotStart."""
        task, clauses = site.task, site.clauses
        assert task is not None
        assert clauses is not None
        value_of = self.secrets.checked(value_of)
        inputs = self.arguments(site, value_of)
        need = self._need(site, facts, granted)
        plain: dict[str, Any] = {**inputs, "attempt": attempt, "need": need}
        folder = self._scratch / str(serial)
        try:
            if serial // 1000 not in self._log_folders:
                self._make(self._logs / f"{serial // 1000:03}")
                self._log_folders.add(serial // 1000)
            if not os.path.isdir(self._scratch):  # somebody has tidied up
                self._make(self._scratch)
            given = {i.name: absolute(i.type, inputs[i.name], self._project) for i in task.inputs}
            files = tuple(path for i in task.inputs for path in files_in(i.type, given[i.name]))
            work = folder / "work" if clauses.scratch else None
            hidden = partial(self._hidden, key, task.name, inputs)
            places = self._places.of(
                task, serial, work=work, plain=plain, inputs=files, value_of=value_of, hidden=hidden
            )
            home = self._project / task.folder
            cwd = home if clauses.workdir is None else home / show(value_of(clauses.workdir, plain))
            if work is not None:
                cwd = work
                self._make(cwd)
            seen: dict[str, Any] = {
                **given,
                **{p.spec.name: str(p.scratch) for p in places if not isinstance(p, GlobPlace)},
                "attempt": attempt,
                "need": need,
            }
            env = dict(self.environ)
            env["CASCADE_CPU"] = show(need["cpu"]) if "cpu" in need else "0"
            if "mem" in need:
                env["CASCADE_MEM"] = show(need["mem"])
            demanded = [(r.resource, n) for r, n in zip(clauses.requires, facts.amounts, strict=True)]
            env.update(self._handed.env(demanded, units))
            for name, expr in clauses.env:
                env[name] = no_nul(f"env {name}", show(value_of(expr, seen)))
            for name, secret in clauses.secrets:
                env[name] = self.secrets.values[secret]
            made = self._work(task, folder, inputs, seen, places, value_of)
        except EvalError as error:
            raise CannotStart(told(error, self._plan.name_of)) from None
        except CascadeError as error:
            raise CannotStart("; ".join(d.message for d in error.diagnostics)) from None
        except OSError as error:
            raise CannotStart(f"its folder could not be made: {error}") from None
        return Prepared(
            key=key,
            epoch=epoch,
            attempt=attempt,
            task=task,
            spec=AttemptSpec(
                id=str(serial),
                work=made.spec,
                cwd=str(cwd),
                env=env,
                log_path=self.log_path(serial),
                secrets=clauses.secrets,
                masks=self.secrets.masks if clauses.secrets else None,
                mem_bytes=need.get("mem") or None,
                ends_worker=any(resource == "gpu" for resource, _ in units),
            ),
            places=places,
            inputs=files,
            stdout_path=made.stdout_path,
            values=made.values,
            result_path=str(folder / "result.json"),
            folder=folder,
            may_have_folder=(
                clauses.scratch or isinstance(made.spec, PythonSpec) or made.spec.argv[-1].startswith(str(folder))
            ),
        )

    def _hidden(self, key: NodeKey, task: str, inputs: dict[str, Any], output: str) -> Path:
        """Where a temporary file lies that has no path; no two nodes, and no two live runs, have one place."""
        for twin in ("", f"{key}", f"{self.environ['CASCADE_RUN']} {key}"):
            path = self._project / hidden_path(task, inputs, output, twin)
            if self.is_free(key, str(path)):
                self._make(path.parent)
                return path
        raise CannotStart(f"output {output}: there is no place for it")

    def _make(self, folder: Path) -> None:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)

    def _need(self, site: Site, facts: Facts, granted: tuple[tuple[str, int], ...]) -> dict[str, Any]:
        """What the attempt has, not what its site would ask for now: an operator may have spoken since its start."""
        assert site.written is not None
        text = (requirement.resource for requirement in site.written.requires)
        need: dict[str, Any] = {}
        for resource, amount in granted or zip(text, facts.amounts, strict=True):
            if self._plan.dimensions[resource] == "millicpu":
                need[resource] = amount // MILLI if amount % MILLI == 0 else amount / MILLI
            else:
                need[resource] = amount
        return need

    def _work(
        self,
        task: TaskDef,
        folder: Path,
        inputs: dict[str, Any],
        seen: dict[str, Any],
        places: tuple[Place, ...],
        value_of: ValueOf,
    ) -> _Work:
        body = task.body
        stdout: str | None = None
        if isinstance(body, ShellBody | ExecBody) and not task.record and any(o.form == "value" for o in task.outputs):
            stdout = f"{folder}.stdout"
        match body:
            case ShellBody():
                values = tuple(value_of(v.expr, seen) for v in body.values)
                return _Work(CommandSpec(argv=self._script(body, folder, values), stdout_path=stdout), stdout, values)
            case ExecBody():
                return _Work(CommandSpec(argv=_words(body, seen, value_of), stdout_path=stdout), stdout)
            case PythonBody() | PythonFunction():
                own = {p.spec.name: str(p.scratch) for p in places if isinstance(p, FilePlace)}
                extras = {"attempt": seen["attempt"], "need": seen["need"]}
                for value in body.values:
                    extras[value.name] = absolute(value.type, value_of(value.expr, {}), self._project)
                given = {i.name: seen[i.name] for i in task.inputs}
                if isinstance(body, PythonBody):
                    where: dict[str, Any] = {
                        "source": body.source,
                        "file": body.file,
                        "line": body.line,
                        "folder": str(self._project / task.folder),
                    }
                else:
                    path = None if body.path is None else str(self._project / body.path)
                    where = {"path": path, "module": body.module, "function": body.function}
                    if path is None:
                        where["folder"] = str(self._project / task.folder)
                return _Work(
                    PythonSpec(
                        **where,
                        inputs=json.dumps(given, ensure_ascii=False),
                        outputs=own,
                        extras=json.dumps(extras),
                        result_path=str(folder / "result.json"),
                    )
                )

    def _script(self, body: ShellBody, folder: Path, values: Sequence[Any]) -> tuple[str, ...]:
        shell = self.shell if body.shell is None else chosen_shell(body.shell)

        def write(script: bytes) -> Path:
            self._make(folder)
            file = folder / "script.sh"
            descriptor = os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as opened:
                opened.write(script)
            return file

        return command_line(render(body, shell, values, self.environ), shell, write)


def _arguments(site: Site) -> tuple[tuple[str, Expr], ...]:
    assert isinstance(site.node, Call)
    return site.node.args


def _words(body: ExecBody, seen: dict[str, Any], value_of: ValueOf) -> tuple[str, ...]:
    words: list[str] = []
    for expr in body.words:
        value = value_of(expr, seen)
        many: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
        words.extend(no_nul("an argument", show(v)) for v in many)
    if not words or not words[0]:
        raise CannotStart("exec: there is no program to run: the first word is empty")
    return tuple(words)


def absolute(type_: Type, value: Any, project: Path) -> Any:
    """A value as a body sees it: its files and folders as absolute paths."""
    if not has_files(type_):
        return value
    match type_:
        case Scalar():
            return os.path.normpath(project / value)
        case OptionalType(inner):
            return None if value is None else absolute(inner, value, project)
        case ListType(item):
            return [absolute(item, v, project) for v in value]
        case DictType(inner):
            return {k: absolute(inner, v, project) for k, v in value.items()}
        case RecordType():
            return {k: absolute(type_.get(k) or Scalar("json"), v, project) for k, v in value.items()}
        case _:
            return value


def files_in(type_: Type, value: Any) -> Iterator[str]:
    """The files and folders in a value that `absolute` gave."""
    if value is None or not has_files(type_):
        return
    match type_:
        case Scalar():
            yield value
        case OptionalType(inner):
            yield from files_in(inner, value)
        case ListType(item):
            for one in value:
                yield from files_in(item, one)
        case DictType(inner):
            for one in value.values():
                yield from files_in(inner, one)
        case RecordType(fields):
            for name, inner in fields:
                yield from files_in(inner, value.get(name))
        case _:
            pass


def has_files(type_: Type) -> bool:
    """Whether values of a type hold files or folders."""
    match type_:
        case Scalar(name):
            return name in ("file", "dir")
        case OptionalType(inner) | ListType(inner) | DictType(inner):
            return has_files(inner)
        case RecordType(fields):
            return any(has_files(t) for _, t in fields)
        case _:
            return False


def shown_path(path: Path, project: Path) -> str:
    """A path as values hold it: relative to the project where it lies inside, else absolute."""
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
