"""Where a body writes each of its outputs, and where they go when it has succeeded."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..ir.expr import Expr, Text
from ..ir.graph import ExecBody, OutputSpec, ShellBody, TaskDef
from ..ir.types import DIR, ListType, OptionalType, Scalar, Type
from ..store.leftovers import remember
from ..store.output_paths import check_links, check_pattern, existing, final_path, literal
from ..store.publish import extension, scratch_path
from ..values.typing import show
from .refusals import CannotStart

_NAME_MAX = 60
"""A name of an output that is longer does not stand in its scratch path."""

ValueOf = Callable[[Expr, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """A file or folder: the body writes it at `scratch`; `final` None keeps it in the store."""

    spec: OutputSpec
    scratch: Path
    final: Path | None
    is_hidden: bool = False
    """A temporary file that has no path in the project."""

    @property
    def is_folder(self) -> bool:
        return _plain(self.spec.type) == DIR

    @property
    def is_optional(self) -> bool:
        return isinstance(self.spec.type, OptionalType)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePlace:
    """A value that a command writes at `scratch`, to be read by its type."""

    spec: OutputSpec
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobPlace:
    """What matches `pattern` in the folder `root` when the body is done. `in_place`: that is the project itself."""

    spec: OutputSpec
    pattern: str
    root: Path
    in_place: bool

    @property
    def of_folders(self) -> bool:
        return isinstance(self.spec.type, ListType) and self.spec.type.item == DIR


Place: TypeAlias = FilePlace | ValuePlace | GlobPlace


class Places:
    """Gives attempts of one run their places."""

    def __init__(self, *, project: Path, scratch: Path, sources: frozenset[str]) -> None:
        self._project = project
        self._scratch = scratch
        self._sources = sources
        """Absolute paths of the program's own files."""
        self._known = {scratch}
        """Folders of which it is written down that scratch lies there."""
        self._near: dict[Path, bool] = {}
        """Folders of outputs → whether the run's scratch folder is a rename away."""

    def of(
        self,
        task: TaskDef,
        serial: int,
        *,
        work: Path | None,
        plain: Mapping[str, Any],
        inputs: Sequence[str],
        value_of: ValueOf,
        hidden: Callable[[str], Path],
    ) -> tuple[Place, ...]:
        """The places of an attempt. `work` is its own scratch folder, where it has one; `inputs` are absolute paths; `hidden`
        says where a temporary output lies that has no path.

        Raises CannotStart, and CascadeError where a path may not be.
        """
        places: list[Place] = []
        for number, spec in enumerate(task.outputs):
            name = f"{serial}-{spec.name if len(spec.name) <= _NAME_MAX else number}"
            match spec.form:
                case "value":
                    if task.record and isinstance(task.body, ShellBody | ExecBody):
                        places.append(ValuePlace(spec=spec, scratch=self._scratch / f"{name}{_ending(spec.type)}"))
                case "path":
                    if spec.temp and spec.path is None:
                        final, scratch = hidden(spec.name), self._scratch / name
                        places.append(FilePlace(spec=spec, scratch=scratch, final=final, is_hidden=True))
                    else:
                        places.append(self._file(spec, name, plain, inputs, value_of))
                case "glob":
                    places.append(self._glob(spec, work, plain, value_of))
        return tuple(places)

    def _file(
        self, spec: OutputSpec, name: str, plain: Mapping[str, Any], inputs: Sequence[str], value_of: ValueOf
    ) -> FilePlace:
        if spec.path is None:
            return FilePlace(spec=spec, scratch=self._scratch / name, final=None)
        text = show(value_of(spec.path, plain))
        folder = _plain(spec.type) == DIR
        final = final_path(self._project, text, folder=folder)
        self._spare(spec.name, text, final, inputs, folder)
        if final.parent not in self._near:
            check_links(self._project, final)
            there = existing(final.parent)
            if not there.is_dir():
                raise CannotStart(f"output {spec.name}: its path {text} cannot be: {self._shown(there)} is a file")
        kind = _kind(final)
        if kind not in ("", "folder" if folder else "file"):
            raise CannotStart(f"output {spec.name}: at its path {text} stands a {kind}")
        return FilePlace(spec=spec, scratch=self._scratch_path(final, name), final=final)

    def _glob(self, spec: OutputSpec, work: Path | None, plain: Mapping[str, Any], value_of: ValueOf) -> GlobPlace:
        assert spec.path is not None
        pattern = check_pattern(self._project, _pattern_text(spec.path, plain, value_of))
        root = self._project if work is None else work
        place = GlobPlace(spec=spec, pattern=pattern, root=root, in_place=work is None)
        if place.in_place and place.of_folders:
            raise CannotStart(f"output {spec.name}: folders that match a pattern have to be made `in scratch`")
        return place

    def _spare(self, output: str, text: str, final: Path, inputs: Sequence[str], folder: bool) -> None:
        """An output does not take the place of what it is made from: an input, or the program itself."""
        for path, what in (*((i, "an input") for i in inputs), *((s, "the program") for s in self._sources)):
            if path == str(final):
                raise CannotStart(f"output {output}: its path {text} is that of {what}, which it would replace")
            if folder and path.startswith(f"{final}{os.sep}"):
                raise CannotStart(f"output {output}: in its path {text} lies {what}, which it would replace")

    def _scratch_path(self, final: Path, name: str) -> Path:
        if self._near.get(final.parent):
            return self._scratch / f"{name}{extension(final)}"
        scratch = scratch_path(final, self._scratch, name)
        self._near[final.parent] = scratch.parent == self._scratch
        if scratch.parent not in self._known:
            remember(self._scratch, scratch.parent)
            self._known.add(scratch.parent)
        return scratch

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._project)) if path.is_relative_to(self._project) else str(path)


def _pattern_text(expr: Expr, plain: Mapping[str, Any], value_of: ValueOf) -> str:
    """A pattern with its values in it: a value stands for itself, whatever characters it has."""
    if not isinstance(expr, Text):
        return show(value_of(expr, plain))
    return "".join(part if isinstance(part, str) else literal(show(value_of(part, plain))) for part in expr.parts)


def _kind(path: Path) -> str:
    """What stands at a path and cannot be replaced by what is of another kind; a link can be."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return ""
    return "" if stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "file"


def _plain(type_: Type) -> Type:
    return type_.inner if isinstance(type_, OptionalType) else type_


def _ending(type_: Type) -> str:
    """Programs choose a format by it."""
    plain = _plain(type_)
    return ".txt" if isinstance(plain, Scalar) and plain.name != "json" else ".json"
