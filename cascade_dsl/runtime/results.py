"""What an attempt left behind: its value, and the plan by which its files are published. Blocks on the disk."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError
from ..base.suggest import did_you_mean
from ..executors.protocol import VALUE_BYTES_MAX, AttemptExited
from ..ir.events import PlannedFile, PlannedRemoval
from ..ir.graph import OutputSpec
from ..ir.types import NONE, STR, ChoiceType, OptionalType, Scalar, Type
from ..store.blobs import Blobs
from ..store.output_paths import Stamp, check_links, final_path, matching, written_since
from ..store.publish import Produced, is_unchanged, plan
from ..values.faults import EvalError
from ..values.typing import ValueMismatch, check_value, describe, parse_text
from .bodies import Prepared, shown_path
from .places import FilePlace, GlobPlace, ValuePlace
from .recipes import Draft
from .secrets import NO_SECRETS, Held
from .values import INLINE_BYTES

_SHOWN_CHARACTERS = 80
_LISTED = 5


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
    matched: tuple[str, ...] = ()
    """Final paths of files that were not known before the body ran."""
    removals: tuple[PlannedRemoval, ...] = ()
    """What an earlier result of the node had, stands there unchanged, and this one has not."""
    recipe: str = ""
    """Under what the result may be kept; empty: it may not."""
    since_ns: int = 0
    """An instant before the files were read."""


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


def read_results(
    prepared: Prepared,
    outcome: AttemptExited,
    project: Path,
    store: Path,
    blobs: Blobs,
    before: Mapping[str, Mapping[str, Stamp]],
    secrets: Held = NO_SECRETS,
    earlier: Sequence[PlannedRemoval] = (),
    draft: Draft | None = None,
) -> Results:
    """The results of an attempt whose body ended well; raises BadResult.

    `before`: what matched the patterns of outputs in place when it began, by output; `earlier`: what an earlier result
    of the node published; `draft`: what it was made from, where the result is to be kept if that is still so.
    """
    since_ns = time.time_ns()
    try:
        results = _read(prepared, outcome, project, store, blobs, before, secrets, earlier)
    except CascadeError as error:
        raise BadResult("; ".join(d.message for d in error.diagnostics)) from None
    except OSError as error:
        raise BadResult(f"its results could not be read: {error}") from None
    if draft is None or not draft.is_still_so():
        return results
    return replace(results, recipe=draft.digest, since_ns=since_ns)


def _read(
    prepared: Prepared,
    outcome: AttemptExited,
    project: Path,
    store: Path,
    blobs: Blobs,
    before: Mapping[str, Mapping[str, Stamp]],
    secrets: Held,
    earlier: Sequence[PlannedRemoval],
) -> Results:
    task = prepared.task
    produced: list[Produced] = []
    spans: dict[str, tuple[int, int]] = {}
    values: dict[str, Any] = {}
    matched: list[str] = []
    for place in prepared.places:
        start = len(produced)
        match place:
            case FilePlace(spec=spec):
                if place.is_optional and not os.path.lexists(place.scratch):
                    values[spec.name] = None
                else:
                    produced.append(
                        Produced(
                            place.scratch, place.final, place.is_folder, spec.name, spec.temp, is_hidden=place.is_hidden
                        )
                    )
            case GlobPlace(spec=spec):
                found = _matched(place, project, before.get(spec.name, {}))
                produced += found
                matched += [str(one.final) for one in found]
            case ValuePlace(spec=spec):
                values[spec.name] = _written(place, secrets)
                place.scratch.unlink(missing_ok=True)
                continue
        spans[spec.name] = start, len(produced)
    _refuse_twice(produced, project)
    if prepared.spec.secrets:
        _refuse_secret(secrets.told_by_files((one.scratch, one.name) for one in produced))
    files = plan(produced, store)
    for place in prepared.places:
        name = place.spec.name
        if isinstance(place, ValuePlace) or name in values:
            continue
        start, end = spans[name]
        paths = [shown_path(Path(file.final), project) for file in files[start:end]]
        values[name] = paths if isinstance(place, GlobPlace) else paths[0]
    wanted = [o for o in task.outputs if o.form == "value" and o.name not in values]
    if wanted:
        values |= _values(prepared, outcome, wanted, secrets)
    removals = _removals(prepared, files, earlier)
    if not task.outputs:
        return Results(stored=Stored(value="null"), removals=removals)
    result: Any = {o.name: values[o.name] for o in task.outputs} if task.record else values[task.outputs[0].name]
    if secrets.masks is not None:
        _refuse_secret(secrets.told_by(json.dumps(result, ensure_ascii=False), "its result"))
    return Results(stored=store_value(result, blobs), files=files, matched=tuple(matched), removals=removals)


# ---- files ------------------------------------------------------------------------------------------------------


def _matched(place: GlobPlace, project: Path, before: Mapping[str, Stamp]) -> list[Produced]:
    """What a body wrote that matches the pattern of an output; CascadeError where it may not be published."""
    if place.in_place:
        paths = written_since(place.root, place.pattern, dict(before))
    else:
        paths = matching(place.root, place.pattern, folders=place.of_folders)
    found: list[Produced] = []
    outers: list[str] = []
    checked: set[str] = set()
    for path in paths:
        final = final_path(project, path, folder=place.of_folders)
        folder = os.path.dirname(path)
        if folder not in checked:
            check_links(place.root, place.root / path)
            check_links(project, final)
            checked.add(folder)
        if place.of_folders and any(path.startswith(f"{outer}/") for outer in outers):
            continue  # it lies in a folder that matches too, and goes with it
        if place.of_folders:
            outers.append(path)
        found.append(Produced(place.root / path, final, place.of_folders, place.spec.name, place.spec.temp))
    return found


def _refuse_twice(produced: Sequence[Produced], project: Path) -> None:
    """Two outputs of one attempt with one path, or one that lies in another."""
    taken: dict[Path, str] = {}
    for one in produced:
        if one.final is not None and taken.setdefault(one.final, one.name) != one.name:
            shown = shown_path(one.final, project)
            raise BadResult(f"{shown} belongs to two of its outputs, {taken[one.final]} and {one.name}")
    for final, name in taken.items():
        outer = next((folder for folder in final.parents if folder in taken), None)
        if outer is not None:
            shown = shown_path(final, project)
            raise BadResult(f"{shown} of {name} lies in {shown_path(outer, project)} of {taken[outer]}")


def left_in_place(prepared: Prepared, before: Mapping[str, Mapping[str, Stamp]]) -> str:
    """What a body that failed has written in place, as the end of a sentence; empty where there is nothing."""
    found: set[str] = set()
    for place in prepared.places:
        if isinstance(place, GlobPlace) and place.in_place:
            found.update(written_since(place.root, place.pattern, dict(before.get(place.spec.name, {}))))
    if not found:
        return ""
    shown = sorted(found)[:_LISTED]
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return f", and {', '.join(shown)}{more} {'is' if len(found) == 1 else 'are'} left in place"


def discard_new(prepared: Prepared, before: Mapping[str, Mapping[str, Stamp]]) -> None:
    """Remove what a body that gave way has newly made in place; what it changed of what stood there stays changed."""
    for place in prepared.places:
        if isinstance(place, GlobPlace) and place.in_place:
            stood = before.get(place.spec.name, {})
            for path in written_since(place.root, place.pattern, dict(stood)):
                if path not in stood:
                    with suppress(OSError):
                        os.unlink(place.root / path)


def _removals(
    prepared: Prepared, files: Sequence[PlannedFile], earlier: Sequence[PlannedRemoval]
) -> tuple[PlannedRemoval, ...]:
    """Of an earlier result what is not produced again, is not read by the node, and stands there unchanged."""
    kept = {file.final for file in files} | set(prepared.inputs)
    return tuple(one for one in earlier if not any(_touch(one.path, path) for path in kept) and is_unchanged(one))


def _touch(one: str, other: str) -> bool:
    """The same path, or one in the other."""
    return one == other or one.startswith(f"{other}{os.sep}") or other.startswith(f"{one}{os.sep}")


# ---- values -----------------------------------------------------------------------------------------------------


def _refuse_secret(why: str | None) -> None:
    if why is not None:
        raise BadResult(why)


def _values(prepared: Prepared, outcome: AttemptExited, wanted: list[OutputSpec], secrets: Held) -> dict[str, Any]:
    if prepared.stdout_path is not None:
        data = Path(prepared.stdout_path).read_bytes()
        _refuse_secret(secrets.told_by(data, "its standard output"))
        return {wanted[0].name: _parse(wanted[0].type, data, "its standard output", "printed")}
    returned = _returned(prepared, outcome, secrets)
    if not prepared.task.record:
        return {wanted[0].name: _fit(wanted[0], returned, "the returned value")}
    if not isinstance(returned, dict):
        names = ", ".join(o.name for o in wanted)
        raise BadResult(f"the body must return a record with {names}, it returned {describe(returned)}")
    fields: dict[str, Any] = returned  # pyright: ignore[reportUnknownVariableType]
    _refuse_unknown(prepared, fields, [o.name for o in wanted])
    values: dict[str, Any] = {}
    for spec in wanted:
        if spec.name not in fields and not isinstance(spec.type, OptionalType):
            raise BadResult(f"the returned record has no {spec.name}")
        values[spec.name] = _fit(spec, fields.get(spec.name), f"the returned {spec.name}")
    return values


def _refuse_unknown(prepared: Prepared, fields: dict[str, Any], wanted: Sequence[str]) -> None:
    """A field that is no output is a mistake; the path of a file output may be given back, and says nothing."""
    places = {p.spec.name: str(p.scratch) for p in prepared.places if isinstance(p, FilePlace)}
    for name, value in fields.items():
        if name in wanted or (name in places and value == places[name]):
            continue
        if name in places:
            raise BadResult(f"the returned record has {name}, which is a file: it is what stands at the path `{name}`")
        mend = did_you_mean(name, wanted)
        raise BadResult(f"the returned record has {name}, which is no output" + (f" ({mend})" if mend else ""))


def _returned(prepared: Prepared, outcome: AttemptExited, secrets: Held) -> Any:
    if outcome.result_file:
        text = Path(prepared.result_path).read_bytes()
        why = secrets.told_by(text, "the returned value")
        if why is not None:
            os.unlink(prepared.result_path)
            raise BadResult(why)
        return json.loads(text)
    if outcome.result is None:
        return None
    _refuse_secret(secrets.told_by(outcome.result, "the returned value"))
    return json.loads(outcome.result)


def _written(place: ValuePlace, secrets: Held) -> Any:
    """The value that a command wrote at its scratch path."""
    spec = place.spec
    try:
        size = os.stat(place.scratch).st_size
        if size > VALUE_BYTES_MAX:
            raise BadResult(
                f"the output `{spec.name}` is larger than {VALUE_BYTES_MAX >> 20} MiB; make it a file output"
            )
        data = place.scratch.read_bytes()
        why = secrets.told_by(data, f"the output `{spec.name}`")
        if why is not None:
            place.scratch.unlink()
            raise BadResult(why)
    except FileNotFoundError:
        if isinstance(spec.type, OptionalType):
            return None
        raise BadResult(f"the output `{spec.name}` was not written") from None
    except IsADirectoryError:
        raise BadResult(f"the output `{spec.name}` is a value, {spec.type}, but a folder was written") from None
    return _parse(spec.type, data, f"the output `{spec.name}`", "written")


def _parse(type_: Type, data: bytes, what: str, how: str) -> Any:
    """A value that a command printed or wrote; nothing at all is none where that may be."""
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadResult(f"{what} is not UTF-8 (byte {error.start}), {type_} is wanted") from None
    plain = type_
    if isinstance(type_, OptionalType):
        if not text.strip():
            return None
        plain = type_.inner
        if text.strip() == "none" and plain != STR and not isinstance(plain, ChoiceType):
            return None
    try:
        if isinstance(type_, OptionalType) and not isinstance(plain, Scalar | ChoiceType) and text.strip() == "null":
            return None
        return parse_text(plain, text)
    except (ValueMismatch, EvalError) as error:
        return _misfit(type_, text, what, how, str(error))


def _misfit(type_: Type, text: str, what: str, how: str, error: str) -> Any:
    if not text.strip():
        raise BadResult(f"{what} does not fit {type_}: nothing was {how}") from None
    shown = " ".join(text.split())
    shown = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[: _SHOWN_CHARACTERS - 1]}…"
    tail = "" if describe(text.strip()) in error else f"; {how} was {shown}"
    raise BadResult(f"{what} does not fit {type_}: {error}{tail}") from None


def _fit(spec: OutputSpec, value: Any, what: str) -> Any:
    if spec.type == NONE:
        return None
    try:
        return check_value(spec.type, value)
    except ValueMismatch as error:
        raise BadResult(f"{what} does not fit {spec.type}: {error}") from None
