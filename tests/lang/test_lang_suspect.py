"""Bodies that are legal and do not do what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.lang.compile import compile_source

OURS = ("CSCW120", "CSCW121", "CSC019")


def found(text: str) -> list[tuple[str, int, str, str | None]]:
    """Code, line, what is underlined and help of what is suspect."""
    out: list[tuple[str, int, str, str | None]] = []
    for d in compile_source(Source("a.csc", text), folder=Path()).diagnostics:
        if d.code in OURS:
            assert d.primary is not None
            line = text.split("\n")[d.primary.line - 1]
            out.append((d.code, d.primary.line, line[d.primary.column - 1 : d.primary.end_column - 1], d.help))
    return out


def script(text: str, more: str = "") -> str:
    return f'task t(sample: str, n: int) {{\n  {more}\n  sh """\n{text}\n  """\n}}\nt("a", 1)\n'


@pytest.mark.parametrize(
    "text",
    [
        'echo $sample', 'echo "$sample"', 'echo ${sample}', 'echo "raw/${sample}.bam"', 'cat <<E\n$sample\nE', 'echo "it\'s $sample"',
        "echo 'a' $sample", "echo \\' $sample", "x=1 y=$sample", "# it's\necho $sample",
    ],
)  # fmt: skip
def test_an_input_as_a_variable_of_the_shell(text: str) -> None:
    (one,) = found(script(text))
    assert one[0] == "CSCW120"
    assert one[2] in ("$sample", "${sample}")
    assert one[3] == "write `{{sample}}`"


@pytest.mark.parametrize(
    "text",
    [
        "echo {{sample}}", "sample=3\necho $sample", "for sample in a b; do echo $sample; done", "read -r sample; echo $sample",
        "echo '$sample'", "echo \\$sample", "# $sample", "awk '{print $n}' x", "echo $samples $HOME ${other:-x}", "jq '{sample}' x",
        "export sample=2; echo $sample", "local sample=1; echo $sample", "while read a sample; do echo $sample; done", "sample+=(1); echo $sample",
    ],
)  # fmt: skip
def test_what_the_script_means_itself_is_not_suspect(text: str) -> None:
    assert found(script(text)) == []


def test_a_variable_of_env_is_the_shells() -> None:
    assert found(script("echo $sample", "env { sample = sample }")) == []


def test_a_line_can_be_spared() -> None:
    assert found(script("echo $sample  # allow: looks-like-a-value")) == []


def test_a_script_in_plain_quotes_with_escapes() -> None:
    text = 'task t(sample: str) { sh "echo \\"$sample\\" \\\\$sample" }\nt("a")\n'
    assert [one[2] for one in found(text)] == ["$sample"]


@pytest.mark.parametrize(
    ("body", "underlined", "help"),
    [
        ("return open('{{path}}').read()", "'{{path}}'", "write `path`"),
        ("return open('x/{{ path }}.txt').read()", "'x/{{ path }}.txt'", 'write `f"…{path}…"`'),
        ("return {{path}}", "{{path}}", "write `path`"),
        ("ä = 'ö'; return {{path}}", "{{path}}", "write `path`"),
    ],
)
def test_places_in_a_python_body(body: str, underlined: str, help: str) -> None:
    (one,) = found(f'task t(path: str) -> str {{ python "{body}" }}\nt("a")\n')
    assert one == ("CSC019" if body.endswith("{{path}}") else "CSCW120", 1, underlined, help)


@pytest.mark.parametrize("body", ["return f'{{path}}'", "return '{{other}}'", "return {path}", "return [{1}, {2}]"])
def test_what_python_means_itself_is_not_suspect(body: str) -> None:
    assert found(f'task t(path: str) -> json {{ python "{body}" }}\nt("a")\n') == []


@pytest.mark.parametrize(
    ("text", "underlined", "help"),
    [
        ('page: file = "out/a.html" { sh "x > out/a.html" }', "out/a.html", "write to `{{page}}`"),
        ('page: file = "out/a.html" { exec ["x", "out/a.html"] }', "out/a.html", "write to `{{page}}`"),
        ("page: file = \"a.html\" { python \"open('a.html', 'w')\" }", "a.html", "write to `page`"),
    ],
)
def test_a_body_that_writes_to_the_final_path(text: str, underlined: str, help: str) -> None:
    assert found(f"task t() -> {text}\nt()\n") == [("CSCW121", 1, underlined, help)]


@pytest.mark.parametrize(
    "text",
    [
        'page: file = "out/a.html" { sh "x > {{page}}; echo out/a.html" }',
        'page: file = "out/a.html" { env { TO = page }; sh "x > $TO # out/a.html" }',
        'page: file = "out/a.html" { python "open(page).write(\'out/a.html\')" }',
    ],
)
def test_a_body_that_names_its_output_may_name_the_path(text: str) -> None:
    assert found(f"task t() -> {text}\nt()\n") == []
