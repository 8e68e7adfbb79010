"""What an attempt left behind: its value, and the plan by which its files are published. Blocks on the disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError
from ..executors.protocol import AttemptExited
from ..ir.events import PlannedFile
from ..ir.graph import OutputSpec
from ..ir.types import NONE
from ..store.blobs import Blobs
from ..store.publish import Produced, plan
from ..values.faults import EvalError
from ..values.typing import ValueMismatch, check_value, parse_text
from .bodies import Prepared, shown_path
from .values import INLINE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A value as an event holds it: text, or the digest of a blob; and its length where it is a list."""

    value: str | None
    blob: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A success: what the engine is told."""

    stored: Stored
    files: tuple[PlannedFile, ...] = ()


class BadResult(Exception):
    """The body ended well but did not give what its task declares: a sentence for the user."""


def store_value(value: Any, blobs: Blobs) -> Stored:
    """A value as an event holds it; raises CascadeError where it is too large for a value."""
    length = len(value) if isinstance(value, list) else None  # pyright: ignore[reportUnknownArgumentType]
    return store_text(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")), length, blobs)


def store_text(text: str, length: int | None, blobs: Blobs) -> Stored:
    """The same for JSON text."""
    if len(text) <= INLINE_BYTES:
        return Stored(value=text, length=length)
    return Stored(value=None, blob=blobs.put(text), length=length)


def read_results(prepared: Prepared, outcome: AttemptExited, project: Path, store: Path, blobs: Blobs) -> Results:
    """The results of an attempt whose body ended well; raises BadResult."""
    try:
        return _read(prepared, outcome, project, store, blobs)
    except CascadeError as error:
        raise BadResult("; ".join(d.message for d in error.diagnostics)) from None
    except OSError as error:
        raise BadResult(f"its results could not be read: {error}") from None


def _read(prepared: Prepared, outcome: AttemptExited, project: Path, store: Path, blobs: Blobs) -> Results:
    task = prepared.task
    values: dict[str, Any] = {}
    files = plan(
        [
            Produced(scratch=p.scratch, final=p.final, folder=str(p.spec.type) == "dir", name=p.spec.name)
            for p in prepared.places
        ],
        store,
    )
    for place, file in zip(prepared.places, files, strict=True):
        values[place.spec.name] = shown_path(Path(file.final), project)
    wanted = [o for o in task.outputs if o.form == "value"]
    if wanted:
        values |= _values(prepared, outcome, wanted)
    if not task.outputs:
        return Results(stored=Stored(value="null"))
    result: Any = {o.name: values[o.name] for o in task.outputs} if task.record else values[task.outputs[0].name]
    return Results(stored=store_value(result, blobs), files=files)


def _values(prepared: Prepared, outcome: AttemptExited, wanted: list[OutputSpec]) -> dict[str, Any]:
    if prepared.stdout_path is not None:
        spec = wanted[0]
        raw = Path(prepared.stdout_path).read_bytes()
        try:
            text = raw.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise BadResult(f"its standard output is not UTF-8 (byte {error.start}), {spec.type} is wanted") from None
        try:
            return {spec.name: parse_text(spec.type, text)}
        except (ValueMismatch, EvalError) as error:
            raise BadResult(f"its standard output does not fit {spec.type}: {error}") from None
    returned = _returned(prepared, outcome)
    if not prepared.task.record:
        return {wanted[0].name: _fit(wanted[0], returned, "the returned value")}
    if not isinstance(returned, dict):
        raise BadResult(f"the body must return a record with {', '.join(o.name for o in wanted)}")
    fields: dict[str, Any] = returned  # pyright: ignore[reportUnknownVariableType]
    values: dict[str, Any] = {}
    for spec in wanted:
        if spec.name not in fields:
            raise BadResult(f"the returned record has no {spec.name}")
        values[spec.name] = _fit(spec, fields[spec.name], f"the returned {spec.name}")
    return values


def _returned(prepared: Prepared, outcome: AttemptExited) -> Any:
    if outcome.result_file:
        with open(prepared.result_path, "rb") as file:
            return json.load(file)
    return None if outcome.result is None else json.loads(outcome.result)


def _fit(spec: OutputSpec, value: Any, what: str) -> Any:
    if spec.type == NONE:
        return None
    try:
        return check_value(spec.type, value)
    except ValueMismatch as error:
        raise BadResult(f"{what} does not fit {spec.type}: {error}") from None
