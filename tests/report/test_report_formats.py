"""Diagnostics for programs: whole outputs, and that hostile text stays inside its field."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import Diagnostic, Source, Span
from cascade_dsl.report.formats import WRITERS, as_json, concise, github, sarif
from cascade_dsl.report.plain import render_all

SOURCE = Source("lib/a b.csc", "x = 1\noutput y = xx\n# ende\n")
ERROR = Diagnostic(
    code="CSC101",
    message="there is no name `xx`",
    primary=SOURCE.label(Span(17, 19), "here"),
    secondary=(SOURCE.label(Span(0, 1), "this one is near"),),
    notes=("names are bound once",),
    help="did you mean `x`?",
)
WARNING = Diagnostic(
    code="CSCW003", message="100%: a, b\nand more", severity="warning", primary=SOURCE.label(Span(0, 8))
)
NOWHERE = Diagnostic(code="CSC010", message="there is no file b.csc")


def test_concise() -> None:
    assert concise((ERROR, WARNING, NOWHERE)) == (
        "lib/a b.csc:2:12: error[CSC101] there is no name `xx` (did you mean `x`?)\n"
        "lib/a b.csc:1:1: warning[CSCW003] 100%: a, b and more\n"
        "error[CSC010] there is no file b.csc"
    )


def test_github() -> None:
    assert github((ERROR, WARNING, NOWHERE)) == (
        "::error file=lib/a b.csc,line=2,col=12,endLine=2,endColumn=14,title=CSC101::"
        "there is no name `xx` (did you mean `x`?)\n"
        "::warning file=lib/a b.csc,line=1,col=1,endLine=2,endColumn=3,title=CSCW003::100%25: a, b%0Aand more\n"
        "::error title=CSC010::there is no file b.csc"
    )


def test_json() -> None:
    first, second, third = json.loads(as_json((ERROR, WARNING, NOWHERE)))
    assert {key: first[key] for key in ("code", "severity", "message", "file", "line", "column", "end_line")} == {
        "code": "CSC101",
        "severity": "error",
        "message": "there is no name `xx`",
        "file": "lib/a b.csc",
        "line": 2,
        "column": 12,
        "end_line": 2,
    }
    assert (first["end_column"], first["notes"], first["help"]) == (14, ["names are bound once"], "did you mean `x`?")
    assert second["name"] == "unused-binding"
    assert "file" not in third


def test_sarif() -> None:
    log = json.loads(sarif((ERROR, WARNING, NOWHERE)))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "cascade"
    assert [(r["id"], r["shortDescription"]["text"]) for r in driver["rules"]] == [
        ("CSC010", "There is no such file"),
        ("CSC101", "Unknown name"),
        ("CSCW003", "A binding that is never used"),
    ]
    assert run["results"] == [
        {
            "ruleId": "CSC101",
            "ruleIndex": 1,
            "level": "error",
            "message": {"text": "there is no name `xx`\nnames are bound once\nhelp: did you mean `x`?"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "lib/a%20b.csc"},
                        "region": {"startLine": 2, "startColumn": 12, "endLine": 2, "endColumn": 14},
                    }
                }
            ],
            "relatedLocations": [
                {
                    "id": 1,
                    "physicalLocation": {
                        "artifactLocation": {"uri": "lib/a%20b.csc"},
                        "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2},
                    },
                    "message": {"text": "this one is near"},
                }
            ],
        },
        {
            "ruleId": "CSCW003",
            "ruleIndex": 2,
            "level": "warning",
            "message": {"text": "100%: a, b\nand more"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "lib/a%20b.csc"},
                        "region": {"startLine": 1, "startColumn": 1, "endLine": 2, "endColumn": 3},
                    }
                }
            ],
        },
        {"ruleId": "CSC010", "ruleIndex": 0, "level": "error", "message": {"text": "there is no file b.csc"}},
    ]


def test_nothing_found_is_still_a_document() -> None:
    assert (concise(()), github(()), json.loads(as_json(()))) == ("", "", [])
    assert json.loads(sarif(()))["runs"][0]["results"] == []


@given(st.text(max_size=40), st.text(min_size=1, max_size=20))
def test_hostile_text_stays_in_its_field(message: str, path: str) -> None:
    found = Diagnostic(code="CSC101", message=message, primary=Source(path, "abc").label(Span(1, 2)))
    assert len(github((found,)).splitlines()) >= 1
    assert "\n" not in github((found,))
    assert "\r" not in github((found,))
    command = re.fullmatch(r"::error ([^:]*)::(.*)", github((found,)), re.DOTALL)
    assert command is not None
    fields = dict(pair.split("=", 1) for pair in command[1].split(","))
    assert list(fields) == ["file", "line", "col", "endLine", "endColumn", "title"]
    for name in WRITERS:
        WRITERS[name]((found,)).encode("utf-8", "surrogatepass")
    result: Any = json.loads(sarif((found,)))["runs"][0]["results"][0]
    assert result["message"]["text"] == message


def test_of_many_the_errors_come_first_and_the_rest_is_counted() -> None:
    many = [WARNING] * 3 + [ERROR] * 4
    text = render_all(many, most=5)
    assert text.count("error[CSC101]") == 4
    assert text.count("warning[CSCW003]") == 1
    assert text.endswith(
        "and 2 more: `cascade check --format concise` shows all, one line for each\n4 errors, 3 warnings"
    )
