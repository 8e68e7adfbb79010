"""The control protocol: one JSON object on a line, each way, with a version.

    {"v": 1, "id": 7, "verb": "limit", "text": "task:fetch 3"}
    {"v": 1, "id": 7, "ok": true, …}
    {"v": 1, "id": 7, "ok": false, "diagnostics": [{"code": "CSC301", …}]}

A request that cannot be read is answered by an error and has no effect. Fields that a verb does not know are ignored, so
that they can be added, but for those that the request names in `must`: without them it would mean something else, and it is
refused. A change of meaning is a new version, whose refusal says in `cascade` which program speaks it. The client of the control verbs imports this module: it
must stay without typing, dataclasses and pathlib.
"""

from __future__ import annotations

import json

from .. import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..base.diagnostics import CascadeError, Diagnostic

VERSION = 1
LINE_MAX_BYTES = 64 * 1024
ANSWER_MAX_BYTES = 64 * 1024 * 1024
TEXT_MAX = 4096
"""Characters of a field: what a change says is kept for good, in the journal."""
READING = frozenset({"status", "scopes", "why", "limits", "log"})
"""Verbs that change nothing; all others come at a pace."""

VERBS: dict[str, dict[str, bool]] = {
    "status": {},
    "scopes": {},
    "limit": {"text": True, "preempt": False, "sticky": False, "dry": False, "who": False},
    "unlimit": {"scope": True, "sticky": False, "dry": False, "who": False},
    "pause": {
        "scope": False,
        "for": False,
        "until": False,
        "freeze": False,
        "because": False,
        "dry": False,
        "who": False,
    },
    "resume": {"scope": False, "because": False, "dry": False, "who": False},
    "drain": {"because": False, "dry": False, "who": False},
    "cancel": {"what": False, "as": False, "because": False, "dry": False, "who": False},
    "priority": {"text": True, "because": False, "dry": False, "who": False},
    "set": {"text": True, "because": False, "dry": False, "who": False},
    "undo": {"dry": False, "who": False},
    "retry": {"node": True, "old": False, "dry": False, "who": False},
    "reload": {"file": False, "dry": False, "who": False},
    "why": {"node": True},
    "limits": {},
}
"""By verb: its fields, all of them text, and whether the verb needs them. A field that is null is missing."""


def request_line(number: int, verb: str, fields: dict[str, Any]) -> bytes:
    """A request as it travels."""
    return _line({"v": VERSION, "id": number, "verb": verb, **fields})


def answer_line(number: int | None, fields: dict[str, Any]) -> bytes:
    """A good answer as it travels."""
    return _line({"v": VERSION, "id": number, "ok": True, **fields})


def refusal_line(number: int | None, diagnostics: Iterable[Diagnostic]) -> bytes:
    """A refusal as it travels."""
    found = [diagnostic.to_json() for diagnostic in diagnostics]
    which = {"cascade": __version__} if any(diagnostic["code"] == "CSC601" for diagnostic in found) else {}
    return _line({"v": VERSION, "id": number, "ok": False, "diagnostics": found, **which})


def must_know(verb: str, fields: Iterable[str]) -> list[str]:
    """The fields of a request that change what it asks for: a run that does not know one is to refuse it."""
    return sorted(
        name for name in fields if not VERBS.get(verb, {}).get(name, False) and name not in ("who", "because")
    )


def read_request(line: bytes) -> dict[str, Any]:
    """The request on a line, its verb and fields checked; raises `Unreadable` with the number of the request where it has one."""
    try:
        request: dict[str, Any] = json.loads(line)
    except (ValueError, RecursionError):
        raise Unreadable(None, "CSC600", "the request is not JSON") from None
    if not isinstance(request, dict):
        raise Unreadable(None, "CSC600", "the request is not a JSON object")
    number = request.get("id")
    if type(number) is not int:
        raise Unreadable(None, "CSC600", "the request has no number in `id`")
    if request.get("v") != VERSION:
        raise Unreadable(
            number, "CSC601", f"the request is of protocol version {_show(request.get('v'))}, the run speaks {VERSION}"
        )
    verb = request.get("verb")
    fields = VERBS.get(verb) if isinstance(verb, str) else None
    if fields is None:
        raise Unreadable(number, "CSC602", f"there is no control verb {_show(verb)}")
    for name, needed in fields.items():
        value = request.get(name)
        if value is None and not needed:
            request.pop(name, None)
        elif not isinstance(value, str):
            raise Unreadable(number, "CSC600", f"`{verb}` needs text in `{name}`")
        elif len(value) > TEXT_MAX:
            raise Unreadable(number, "CSC611", f"`{name}` of `{verb}` has {len(value)} characters")
        elif not _is_text(value):
            raise Unreadable(number, "CSC600", f"`{name}` of `{verb}` holds what is no character")
    must: Any = request.get("must", [])
    if not isinstance(must, list):
        raise Unreadable(number, "CSC600", "`must` is a list of fields")
    for name in must:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(name, str) or name not in fields:
            raise Unreadable(number, "CSC610", f"the run does not know {_show(name)} of `{verb}`")
    return request


def _is_text(value: str) -> bool:
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


class Unreadable(Exception):
    """A request that is answered by an error; `number` None: it could not be told which one it is."""

    def __init__(self, number: int | None, code: str, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.code = code
        self.message = message

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the answer says."""
        from ..base.diagnostics import Diagnostic

        return (Diagnostic(code=self.code, message=self.message, help=_HELP.get(self.code)),)


_HELP = {
    "CSC600": 'a request is one JSON object on a line, as in {"v": 1, "id": 1, "verb": "status"}',
    "CSC601": f"the run is one of Cascade {__version__}: use that version",
    "CSC602": f"the run is one of Cascade {__version__}, whose verbs are {', '.join(VERBS)}",
    "CSC610": f"the run is one of Cascade {__version__}: use that version; nothing has changed",
    "CSC611": f"a field may have {TEXT_MAX}",
    "CSC603": f"a request may take {LINE_MAX_BYTES} bytes; the connection is closed",
    "CSC607": "close one of the others",
}


def refused(answer: dict[str, Any]) -> CascadeError:
    """The error that an answer with `ok` false stands for. Raises where its diagnostics have not the documented form."""
    from ..base.diagnostics import CascadeError, Diagnostic

    return CascadeError([Diagnostic.from_json(item) for item in answer["diagnostics"]])


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _show(value: Any) -> str:
    """What somebody sent, short enough for a message."""
    if isinstance(value, dict | list):
        return "`{…}`" if isinstance(value, dict) else "`[…]`"
    text = json.dumps(value)
    return f"`{text}`" if len(text) <= 40 else f"`{text[:40]}…`"
