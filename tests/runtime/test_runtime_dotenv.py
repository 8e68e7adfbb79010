"""`.env` files: what is read, and what is told of a line that cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade_dsl.runtime.dotenv import BadLine, read_dotenv


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("# all\n\n  \nA=b\n", {"A": "b"}),
        ("A = b c \nB\t=\tx", {"A": "b c", "B": "x"}),
        ("export A=b\nexport  B='c'\n", {"A": "b", "B": "c"}),
        ("export=1\n", {"export": "1"}),
        ("A=b#c\nB=b #c\nC=#c\nD= # c\n", {"A": "b#c", "B": "b", "C": "", "D": ""}),
        ("A='b # \\n \"c' # d\nB=2", {"A": 'b # \\n "c', "B": "2"}),
        ('A="b\\n\\t\\"\\\\ \\$x \\q # c"#d\n', {"A": 'b\n\t"\\ $x \\q # c'}),
        ('KEY="-----BEGIN\nMII=\n-----END"\nB=1\n', {"KEY": "-----BEGIN\nMII=\n-----END", "B": "1"}),
        ("A=$HOME/${x}\n", {"A": "$HOME/${x}"}),
        ('A=it\'s "so"\n', {"A": 'it\'s "so"'}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\n", {"A": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("A\nexport B\nC=3\n", {"C": "3"}),
        ("A=\nB=''\n", {"A": "", "B": ""}),
        ("my.key-x=1\n", {"my.key-x": "1"}),
        ("A==b=\n", {"A": "=b="}),
        ("A=ä €\n", {"A": "ä €"}),
    ],
)
def test_what_is_read(text: str, found: dict[str, str]) -> None:
    assert read_dotenv(text) == found


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("A=1\n=hunter22\n", 2, "it does not begin with a name: a line is `NAME=value`"),
        ("A: hunter22\n", 1, "there is no `=` behind its first word"),
        ("A hunter22\n", 1, "there is no `=` behind its first word"),
        ("\n\nA='hunter22\nB=1\n", 3, "the value of `A` has no ' at its end"),
        ('A="hunter22\\"', 1, 'the value of `A` has no " at its end'),
        ("B=1\nA='x\ny'hunter22\n", 3, "something stands behind the value of `A`: there may be a comment, ` # …`"),
        ("A=1\nB=hunter\x0022\n", 2, "there is a NUL byte in it"),
        ("{hunter22}", 1, "it does not begin with a name: a line is `NAME=value`"),
    ],
)
def test_a_bad_line_is_named_and_not_shown(text: str, line: int, why: str) -> None:
    with pytest.raises(BadLine) as caught:
        read_dotenv(text)
    assert (caught.value.line, str(caught.value)) == (line, why)
    assert "hunter" not in str(caught.value)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True),
        st.text(st.characters(exclude_characters="\0\r", codec="utf-8")),
    )
)
def test_what_is_written_in_quotes_is_read_again(values: dict[str, str]) -> None:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in values.items()}
    assert read_dotenv("".join(f'export {name}="{value}" # c\n' for name, value in quoted.items())) == values
    plain = {name: value for name, value in values.items() if "'" not in value}
    assert read_dotenv("\n".join(f"{name}='{value}'" for name, value in plain.items())) == plain


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    line = 1
    try:
        read_dotenv(text)
    except BadLine as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + text.count("\r") + 1
