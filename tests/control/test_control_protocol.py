"""Requests and answers as lines of JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic, Label
from cascade_dsl.control.protocol import (
    VERBS,
    Unreadable,
    answer_line,
    read_request,
    refusal_line,
    refused,
    request_line,
)

FORM = 'a request is one JSON object on a line, as in {"v": 1, "id": 1, "verb": "status"}'
NUMBERS = st.integers(min_value=-(2**63), max_value=2**63)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("line", "number", "code", "message", "help_"),
    [
        (b"", None, "CSC600", "the request is not JSON", FORM),
        (b"limit task:fetch 3", None, "CSC600", "the request is not JSON", FORM),
        (b'{"v":1,"id":1,"verb":"sta', None, "CSC600", "the request is not JSON", FORM),
        (b"\xff\xfe\x00", None, "CSC600", "the request is not JSON", FORM),
        (b"[" * 60000, None, "CSC600", "the request is not JSON", FORM),
        (b"[]", None, "CSC600", "the request is not a JSON object", FORM),
        (b"{}", None, "CSC600", "the request has no number in `id`", FORM),
        (b'{"v":1,"id":true,"verb":"status"}', None, "CSC600", "the request has no number in `id`", FORM),
        (
            b'{"v":2,"id":4,"verb":"status"}',
            4,
            "CSC601",
            "the request is of protocol version `2`, the run speaks 1",
            "use the version of Cascade that runs the program",
        ),
        (
            b'{"id":4,"verb":"status"}',
            4,
            "CSC601",
            "the request is of protocol version `null`, the run speaks 1",
            "use the version of Cascade that runs the program",
        ),
        (
            b'{"v":1,"id":4,"verb":"explode"}',
            4,
            "CSC602",
            'there is no control verb `"explode"`',
            "the verbs are status, scopes, limit, unlimit, pause, resume, drain, cancel, retry, reload",
        ),
        (
            b'{"v":1,"id":4,"verb":"' + b"x" * 60000 + b'"}',
            4,
            "CSC602",
            'there is no control verb `"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`',
            "the verbs are status, scopes, limit, unlimit, pause, resume, drain, cancel, retry, reload",
        ),
        (
            b'{"v":1,"id":4,"verb":' + b"[" * 900 + b"]" * 900 + b"}",
            4,
            "CSC602",
            "there is no control verb `[…]`",
            "the verbs are status, scopes, limit, unlimit, pause, resume, drain, cancel, retry, reload",
        ),
        (b'{"v":1,"id":4,"verb":"limit"}', 4, "CSC600", "`limit` needs text in `text`", FORM),
        (b'{"v":1,"id":4,"verb":"limit","text":3}', 4, "CSC600", "`limit` needs text in `text`", FORM),
        (b'{"v":1,"id":4,"verb":"unlimit","scope":null}', 4, "CSC600", "`unlimit` needs text in `scope`", FORM),
        (b'{"v":1,"id":4,"verb":"pause","scope":{}}', 4, "CSC600", "`pause` needs text in `scope`", FORM),
    ],
)
def test_a_bad_request_is_named(line: bytes, number: int | None, code: str, message: str, help_: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_request(line)
    assert caught.value.number == number
    assert caught.value.diagnostics == (Diagnostic(code=code, message=message, help=help_),)


def test_a_field_that_is_null_is_missing_and_an_unknown_one_does_not_matter() -> None:
    assert read_request(b'{"v":1,"id":4,"verb":"resume","scope":null,"colour":1}') == {
        "v": 1,
        "id": 4,
        "verb": "resume",
        "colour": 1,
    }


@given(NUMBERS, st.sampled_from(list(VERBS)), st.data())
def test_requests_come_back(number: int, verb: str, data: st.DataObject) -> None:
    fields = {name: data.draw(st.text()) for name, needed in VERBS[verb].items() if needed or data.draw(st.booleans())}
    line = request_line(number, verb, fields)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert read_request(line) == {"v": 1, "id": number, "verb": verb, **fields}


@given(st.binary(max_size=60) | JSON.map(lambda data: json.dumps(data).encode()))
def test_nothing_that_is_sent_raises_anything_else(line: bytes) -> None:
    with suppress(Unreadable):
        assert read_request(line)["verb"] in VERBS


@given(st.fixed_dictionaries({"v": st.just(1), "id": st.just(1), "verb": st.sampled_from(list(VERBS))}, optional={"text": JSON, "scope": JSON, "who": JSON, "because": JSON}))  # fmt: skip
def test_what_is_read_has_text_in_its_fields(data: dict[str, Any]) -> None:
    with suppress(Unreadable):
        request = read_request(json.dumps(data).encode())
        for name, needed in VERBS[request["verb"]].items():
            assert isinstance(request[name], str) if needed else isinstance(request.get(name, ""), str)


def test_answers_have_the_documented_form() -> None:
    assert (
        answer_line(7, {"running": 3, "name": "ü\n"}) == b'{"v":1,"id":7,"ok":true,"running":3,"name":"\\u00fc\\n"}\n'
    )
    found = Diagnostic(
        code="CSC301",
        message="a limit must not be negative",
        primary=Label(file="<limit>", line=1, column=12, end_line=1, end_column=14, source=("task:fetch -3",)),
        help="0 lets nothing start",
    )
    line = refusal_line(None, [found])
    data = json.loads(line)
    assert (data["v"], data["id"], data["ok"], len(data)) == (1, None, False, 4)
    error = refused(data)
    assert isinstance(error, CascadeError)
    assert error.diagnostics == (found,)
