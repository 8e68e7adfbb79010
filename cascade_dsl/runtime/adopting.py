"""`cascade run --touch`: outputs that stand at their published paths are taken for the results of their calls.

No body runs. What a call would publish must be there, of its kind; a call that also gives values cannot be adopted, since
nobody knows them, nor one whose files have no path. A call without outputs counts as done.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.plan import Site
from ..ir.graph import OutputSpec
from ..ir.types import DIR, OptionalType
from ..store.cache import KeptFile
from ..store.hashes import Hashes
from ..store.output_paths import check_links, final_path
from ..values.typing import show
from .bodies import shown_path
from .places import ValueOf


class NotAdopted(Exception):
    """Why a call cannot be adopted: the end of a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """Where the outputs of a call have to stand. `finals` are absolute, None for one that need not be and is not."""

    site: Site
    finals: tuple[tuple[OutputSpec, Path], ...]

    def look(self, hashes: Hashes, project: Path) -> tuple[Any, tuple[KeptFile, ...]]:
        """The value of the call and its files, as they stand. Raises NotAdopted. Blocks on the disk."""
        values: dict[str, Any] = {}
        files: list[KeptFile] = []
        for spec, final in self.finals:
            shown = shown_path(final, project)
            is_folder = _plain(spec) == DIR
            try:
                found = os.lstat(final)
            except OSError:
                if isinstance(spec.type, OptionalType):
                    values[spec.name] = None
                    continue
                raise NotAdopted(f"{shown} is not there") from None
            if stat.S_ISDIR(found.st_mode) != is_folder or not (is_folder or stat.S_ISREG(found.st_mode)):
                raise NotAdopted(f"{shown} is no {'folder' if is_folder else 'file'}")
            try:
                content = hashes.content(str(final))
            except OSError as error:
                raise NotAdopted(f"{shown} cannot be read: {error.strerror or error}") from None
            values[spec.name] = shown
            files.append(KeptFile(shown, content.size, content.digest, spec.name if spec.temp else ""))
        if not files:
            raise NotAdopted("none of its outputs is there")
        task = self.site.task
        assert task is not None
        value: Any = {o.name: values[o.name] for o in task.outputs} if task.record else values[task.outputs[0].name]
        return value, tuple(files)


def adoption(site: Site, inputs: Mapping[str, Any], value_of: ValueOf, project: Path) -> Adoption:
    """What a call would publish, and where. Raises NotAdopted, EvalError, CascadeError."""
    task = site.task
    assert task is not None
    finals: list[tuple[OutputSpec, Path]] = []
    plain: dict[str, Any] = {**inputs, "attempt": 1, "need": {}}
    for spec in task.outputs:
        if spec.form == "glob":
            raise NotAdopted(f"its output {spec.name} is what matches a pattern and was written by its body")
        if spec.form == "value":
            raise NotAdopted(f"its output {spec.name} is a value, which only its body can give")
        if spec.path is None:
            raise NotAdopted(f"its output {spec.name} has no path in the project")
        final = final_path(project, show(value_of(spec.path, plain)), folder=_plain(spec) == DIR)
        check_links(project, final)
        finals.append((spec, final))
    return Adoption(site, tuple(finals))


def _plain(spec: OutputSpec) -> Any:
    return spec.type.inner if isinstance(spec.type, OptionalType) else spec.type
