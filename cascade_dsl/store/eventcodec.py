"""Events as rows of the journal: the name of the class, a schema number and a JSON object of its fields.

This is on the path of every start and finish, so a class's field names are looked up once and flat fields go to the
C encoder as they are. Words and scopes, which are rare and deep, go through `ir.codec`.
"""

from __future__ import annotations

from collections.abc import Callable
from json import JSONDecodeError, JSONEncoder, loads
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from typing import Any, get_args

from ..base.diagnostics import CascadeError
from ..ir import codec
from ..ir.events import EVENT_SCHEMA, Event, Facts, PlannedFile, PlannedRemoval, Recalled, Word
from ..ir.graph import Json
from ..ir.requirement import Identity, Layer, Scope, Window
from ..ir.used import Used

CLASSES: dict[str, type[Event]] = {cls.__name__: cls for cls in get_args(Event)}


class UnreadableEvent(ValueError):
    """A row that no event of this version of Cascade can be made of; its text says why."""


# ASCII only: a path that is not UTF-8 holds lone surrogates, which SQLite could not store as text.
_dumps = JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode

_Change = Callable[[Any], Any]


def _fields(cls: type[Any]) -> tuple[str, ...]:
    return tuple(cls.__dataclass_fields__)


_facts_of = attrgetter(*_fields(Facts))
_file_of = attrgetter(*_fields(PlannedFile))
_removal_of = attrgetter(*_fields(PlannedRemoval))
_used_of = attrgetter(*_fields(Used))


def _read_facts(data: Json) -> Facts:
    keys = tuple((by, key) for by, key in data.get("keys", ()))
    return Facts(**(data | {"amounts": tuple(data["amounts"]), "keys": keys}))


def _write_removals(removals: tuple[PlannedRemoval, ...]) -> list[dict[str, Any]]:
    return [dict(zip(_fields(PlannedRemoval), _removal_of(one), strict=True)) for one in removals]


def _read_removals(data: Json) -> tuple[PlannedRemoval, ...]:
    return tuple(PlannedRemoval(**one) for one in data)


_WRITE: dict[str, _Change] = {
    "words": lambda words: [codec.encode(word) for word in words],
    "word": codec.encode,
    "scope": lambda scope: None if scope is None else codec.encode(scope),
    "identity": codec.encode,
    "hours": codec.encode,
    "facts": lambda facts: dict(zip(_fields(Facts), _facts_of(facts), strict=True)),
    "files": lambda files: [dict(zip(_fields(PlannedFile), _file_of(file), strict=True)) for file in files],
    "keys": lambda keys: [list(key) for key in keys],
    "removals": _write_removals,
    "temporary": _write_removals,
    "used": lambda used: None if used is None else _used_of(used),
}
_READ: dict[str, _Change] = {
    "key": tuple,
    "keys": lambda keys: tuple(tuple(key) for key in keys),
    "keyed": lambda pairs: tuple((tuple(key), text) for key, text in pairs),
    "region": tuple,
    "words": lambda words: tuple(codec.decode(Word, word) for word in words),
    "word": lambda word: codec.decode(Word, word),
    "layer": Layer,
    "scope": lambda scope: None if scope is None else codec.decode(Scope, scope),
    "identity": lambda identity: codec.decode(Identity, identity),
    "hours": lambda window: codec.decode(Window, window),
    "targets": tuple,
    "versions": lambda pairs: tuple((name, version) for name, version in pairs),
    "amounts": lambda pairs: tuple((name, amount) for name, amount in pairs),
    "granted": lambda pairs: tuple((name, amount) for name, amount in pairs),
    "facts": _read_facts,
    "files": lambda files: tuple(PlannedFile(**file) for file in files),
    "removals": _read_removals,
    "temporary": _read_removals,
    "units": lambda units: tuple((name, tuple(numbers)) for name, numbers in units),
    "used": lambda used: None if used is None else Used(*used),
}
"""By the name of a field: how its value becomes JSON, and how it comes back. Others stand as they are."""


def _writer(cls: type[Any]) -> Callable[[Any], str]:
    names = _fields(cls)
    if len(names) == 1:
        only, pick = names[0], attrgetter(names[0])
        change = _WRITE.get(only)
        return lambda event: _dumps({only: pick(event) if change is None else change(pick(event))})
    get = attrgetter(*names)
    changes = [(name, _WRITE[name]) for name in names if name in _WRITE]
    if not changes:
        return lambda event: _dumps(dict(zip(names, get(event), strict=True)))

    def write(event: Any) -> str:
        data: dict[str, Any] = dict(zip(names, get(event), strict=True))
        for name, change in changes:
            data[name] = change(data[name])
        return _dumps(data)

    return write


def _recalled(event: Recalled) -> str:
    """As `_writer` writes it: a run with nothing to do has little else to write, and an encoder is made anew for each object."""
    if event.temporary or event.gone:
        return _WRITE_ANY_RECALLED(event)
    key, recipe = ",".join(map(repr, event.key)), _quoted(event.recipe)
    value, blob = _quoted(event.value), _quoted(event.blob)
    length = "null" if event.length is None else repr(event.length)
    return f'{{"key":[{key}],"recipe":{recipe},"value":{value},"blob":{blob},"length":{length},"temporary":[],"gone":false}}'


def _quoted(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(text)


_WRITE_ANY_RECALLED = _writer(Recalled)
_WRITERS: dict[type[Any], Callable[[Any], str]] = {cls: _writer(cls) for cls in CLASSES.values()}
_WRITERS[Recalled] = _recalled
_CHANGES: dict[str, tuple[tuple[str, _Change], ...]] = {
    kind: tuple((name, _READ[name]) for name in _fields(cls) if name in _READ) for kind, cls in CLASSES.items()
}


def encode(event: Event) -> tuple[str, str]:
    """The kind of an event and its payload, a JSON object."""
    cls = event.__class__
    return cls.__name__, _WRITERS[cls](event)


def decode(kind: str, schema: int, payload: str) -> Event:
    """The inverse of `encode`; raises UnreadableEvent where the row is of another version or no event at all."""
    if schema != EVENT_SCHEMA:
        raise UnreadableEvent(f"schema {schema} is not {EVENT_SCHEMA}, the one that this version reads")
    cls: Any = CLASSES.get(kind)
    if cls is None:
        raise UnreadableEvent(f"there is no event `{kind}` in this version")
    try:
        data: dict[str, Any] = loads(payload)
        for name, change in _CHANGES[kind]:
            if name in data:
                data[name] = change(data[name])
        return cls(**data)
    except (JSONDecodeError, TypeError, ValueError, KeyError, AttributeError, CascadeError) as error:
        raise UnreadableEvent(f"its payload is no {kind}: {error}") from error
