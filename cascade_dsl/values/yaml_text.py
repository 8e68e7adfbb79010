"""YAML text as a value: the plain schema of YAML 1.2, so that `no` and `2024-01-31` stay text. PyYAML, safe, loaded here only.

No tag makes an object, keys are text and stand once, and what anchors and aliases make of a text is bounded like every value.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from ..ir.graph import Json
from .faults import EvalError
from .operators import bounded
from .typing import describe, is_dict, is_list

_DEPTH = 200

_SCHEMA: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+.0123456789"),
)  # fmt: skip


class _Loader(yaml.SafeLoader):
    """The safe loader with the scalars of YAML 1.2 and keys that are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        make: Any = self.construct_object  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        own = {id(key_node) for key_node, _ in node.value}
        seen: set[str] = set()
        self.flatten_mapping(node)  # what `<<` merges stands first
        out: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key: Any = make(key_node, deep=True)
            if not isinstance(key, str):
                shown = "a list" if isinstance(key, tuple) else describe(key)
                raise _fault(f"a key must be text, found {shown}; put it in quotes", key_node)
            if key in seen:
                raise _fault(f"the key {describe(key)} comes twice", key_node)
            if id(key_node) in own:
                seen.add(key)
            out[key] = make(value_node, deep=deep)
        return out


def _fault(message: str, node: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)


def _null(loader: Any, node: Any) -> Json:
    return None


def _bool(loader: Any, node: Any) -> Json:
    return node.value[0] in "tT"


def _int(loader: Any, node: Any) -> Json:
    text: str = node.value
    try:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    except ValueError:  # more digits than Python reads
        raise _fault("an int of so many digits cannot be read", node) from None


def _float(loader: Any, node: Any) -> Json:
    text: str = node.value
    number = 0.0 if text[-3:].lower() in ("inf", "nan") else float(text)
    if text[-3:].lower() in ("inf", "nan") or number - number != 0:
        raise _fault(f"{text} is no number here", node)
    return number


def _text(loader: Any, node: Any) -> Json:
    return node.value


_schema: Any = _Loader
for _name, _pattern, _first in _SCHEMA:
    _schema.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}",
        re.compile(f"(?:{_pattern})\\Z"),
        [*_first.replace("\0", ""), *("\0" in _first) * [""]],
    )
_schema.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])
for _name, _make in (("null", _null), ("bool", _bool), ("int", _int), ("float", _float), ("timestamp", _text)):
    _schema.add_constructor(f"tag:yaml.org,2002:{_name}", _make)


def parse_yaml(text: str) -> Json:
    """The value of a YAML document. Raises EvalError with the line and column of what is wrong."""
    try:
        value = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise EvalError(f"{said}{where}") from None
    except yaml.reader.ReaderError as error:
        point: Any = error.character
        point = point if isinstance(point, int) else ord(point)
        raise EvalError(f"a character that YAML does not allow, U+{point:04X}") from None
    except yaml.YAMLError as error:
        raise EvalError(str(error).partition("\n")[0]) from None
    except RecursionError:
        raise EvalError("it is nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise EvalError(f"it is no YAML that can be read: {error}") from None
    bounded(_count(value, {}, 0))
    return value


def _count(value: Json, known: dict[int, int], depth: int) -> int:
    """How many elements a value has, those of aliases each time; what is shared is counted once."""
    if is_list(value):
        parts: list[Any] = value
    elif is_dict(value):
        parts = list(value.values())
    elif isinstance(value, str | int | float | None):
        return 1
    else:
        raise EvalError(f"a value of the type {type(value).__name__} is not JSON")
    if depth > _DEPTH:
        raise EvalError("it is nested too deeply")
    found = known.get(id(value))
    if found is None:
        found = known[id(value)] = 1 + sum(_count(one, known, depth + 1) for one in parts)
    return found
