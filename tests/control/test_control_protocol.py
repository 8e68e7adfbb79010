"""Requests and answers as lines of JSON."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl import __version__
from cascade_dsl.base.diagnostics import CascadeError, Diagnostic, Label
from cascade_dsl.control.protocol import (
    VERBS,
    Unreadable,
    answer_line,
    must_know,
    read_request,
    refusal_line,
    refused,
    request_line,
)

FORM = 'a request is one JSON object on a line, as in {"v": 1, "id": 1, "verb": "status"}'
NUMBERS = st.integers(min_value=-(2**63), max_value=2**63)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
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
            f"the run is one of Cascade {__version__}: use that version",
        ),
        (
            b'{"id":4,"verb":"status"}',
            4,
            "CSC601",
            "the request is of protocol version `null`, the run speaks 1",
            f"the run is one of Cascade {__version__}: use that version",
        ),
        (
            b'{"v":1,"id":4,"verb":"explode"}',
            4,
            "CSC602",
            'there is no control verb `"explode"`',
            f"the run is one of Cascade {__version__}, whose verbs are {', '.join(VERBS)}",
        ),
        (
            b'{"v":1,"id":4,"verb":"' + b"x" * 60000 + b'"}',
            4,
            "CSC602",
            'there is no control verb `"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`',
            f"the run is one of Cascade {__version__}, whose verbs are {', '.join(VERBS)}",
        ),
        (
            b'{"v":1,"id":4,"verb":' + b"[" * 900 + b"]" * 900 + b"}",
            4,
            "CSC602",
            "there is no control verb `[…]`",
            f"the run is one of Cascade {__version__}, whose verbs are {', '.join(VERBS)}",
        ),
        (
            b'{"v":1,"id":4,"verb":"limit","text":"task:f 3","slowly":"yes","must":["slowly"]}',
            4,
            "CSC610",
            'the run does not know `"slowly"` of `limit`',
            f"the run is one of Cascade {__version__}: use that version; nothing has changed",
        ),
        (
            b'{"v":1,"id":4,"verb":"status","must":[{}]}',
            4,
            "CSC610",
            "the run does not know `{…}` of `status`",
            f"the run is one of Cascade {__version__}: use that version; nothing has changed",
        ),
        (b'{"v":1,"id":4,"verb":"status","must":"dry"}', 4, "CSC600", "`must` is a list of fields", FORM),
        (
            b'{"v":1,"id":4,"verb":"pause","because":"' + b"x" * 4097 + b'"}',
            4,
            "CSC611",
            "`because` of `pause` has 4097 characters",
            "a field may have 4096",
        ),
        (
            b'{"v":1,"id":4,"verb":"limit","text":"\\ud800"}',
            4,
            "CSC600",
            "`text` of `limit` holds what is no character",
            FORM,
        ),
        (
            b'{"v":1,"id":4,"verb":"limit","text":"\\u0000"}',
            4,
            "CSC600",
            "`text` of `limit` holds what is no character",
            FORM,
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
    fields = {name: data.draw(TEXTS) for name, needed in VERBS[verb].items() if needed or data.draw(st.booleans())}
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


def test_what_changes_the_meaning_must_be_known() -> None:
    for verb, fields in VERBS.items():
        optional = {name for name, needed in fields.items() if not needed}
        assert set(must_know(verb, fields)) == optional - {"who", "because"}
        request = {"must": must_know(verb, fields), **dict.fromkeys(fields, "x")}
        assert read_request(request_line(1, verb, request))["verb"] == verb


def test_a_refusal_of_another_version_says_which_program_speaks_this_one() -> None:
    with pytest.raises(Unreadable) as caught:
        read_request(b'{"v":2,"id":4,"verb":"status"}')
    assert json.loads(refusal_line(4, caught.value.diagnostics))["cascade"] == __version__


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
