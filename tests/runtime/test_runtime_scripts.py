"""Hostile values through every place that is allowed, out of a real bash and a real dash, byte for byte.

The way is the real one: the program is compiled, its body rendered as a run renders it, and the shell started with the command line
of a run. What the shell prints is compared with the value, not with another rendering.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.ir.expr import Lit
from cascade_dsl.ir.graph import ShellBody, ShellPlace, ShellValue, Where
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.report.plain import render_all
from cascade_dsl.runtime.refusals import CannotStart
from cascade_dsl.runtime.scripts import Shell, chosen_shell, command_line, default_shell, render
from cascade_dsl.values.evaluate import Env, evaluate

BASH = shutil.which("bash")
DASH = shutil.which("dash")
shells = pytest.mark.parametrize(
    "name",
    [
        pytest.param("bash", marks=pytest.mark.skipif(BASH is None, reason="bash is not there")),
        pytest.param("dash", marks=pytest.mark.skipif(DASH is None, reason="dash is not there")),
    ],
)

HOSTILE: dict[str, str] = {
    "plain": "plain",
    "empty": "",
    "single quote": "it's",
    "only quotes": "'\"'\"'",
    "double quote": 'say "x"',
    "dollar": "$HOME ${HOME} $$ $1 $",
    "substitution": "$(touch pwned; echo PWNED)",
    "backquotes": "`touch pwned; echo PWNED`",
    "substitution after a quote": "'$(touch pwned)'\"$(touch pwned)\"",
    "arithmetic": "$((1+1)) $[1+1] ((1+1))",
    "subscript": "a[$(touch pwned)]",
    "array": "($(touch pwned))",
    "separators": "a; touch pwned & touch pwned | touch pwned && touch pwned || touch pwned",
    "newline": "a\nb",
    "command on a line of its own": "\ntouch pwned\n",
    "trailing newlines": "end\n\n\n",
    "only a newline": "\n",
    "end word of a here-document": "x\nEND\ntouch pwned\nEND\n",
    "end word with tabs": "x\n\tEND\n\ttouch pwned\n",
    "carriage return": "a\r\nb\r",
    "backslash": "\\ \\\\ \\n \\0 \\x41 \\",
    "backslash and newline": "a\\\nb",
    "leading dash": "-rf",
    "option": "--output=/etc/passwd",
    "minus": "-",
    "glob": "* ? [a-z]* /etc/*",
    "tilde": "~ ~root ~/x",
    "braces": "{a,b} {1..3} ${x} }",
    "blanks": "  two  words\t ",
    "comment": "# x",
    "comment and newline": "x #\ntouch pwned",
    "history": "!! !x",
    "redirection": "> pwned < /etc/passwd 2>&1 >&2",
    "process": "<(touch pwned) >(touch pwned)",
    "reserved": "fi",
    "closing": ") } ] ]] )) esac done ;;",
    "assignment": "PATH=/nowhere",
    "operator": "-v",
    "parenthesis": "(",
    "negation": "!",
    "percent": "%s %d %n %%",
    "letters": "naïve ☃ 🎉 \u2028 \u00a0",
    "invalid UTF-8": "a\udcff\udc80\udcc3",
    "every byte": bytes(range(1, 256)).decode("utf-8", "surrogateescape"),
    "own variable": "${__csc_0} $__csc_0",
    "many lines": "-%d \\ 'line' %\n" * 500,
    "300 KB": "0123456789'\"$(x)\\ \n" * 15_000,
    "300 KB on one line": "ab'cd " * 50_000,
}

COMMON = r"""
  p() { for arg in "$@"; do printf '%s\0' "$arg"; done; }
  p {{v}}
  p pre{{v}}post {{v}}{{v}} -{{v}} a"b"{{v}}'c' \
    x{{v}}
  p "a {{v}} b" "{{v}}" ""{{v}}
  p 'a {{v}} b' 'it'\''s {{v}}'"{{v}}"
  p "$(printf '%s' {{v}}; printf x)" "$(printf '%s' "$(printf '%s' "{{v}}"; printf x)"; printf '%s' '{{v}}y')"
  { cat <<END; printf '\0'
[{{v}}] "{{v}}" '{{v}}' $(printf '%s' {{v}}; printf x) \$
END
  }
  { cat <<-END
	<{{v}}>
	END
    cat <<'ONE' - <<TWO
{ quoted $v }
ONE
{{v}}
TWO
    printf '\0'; } 2>&1
  case {{v}} in "") p empty;; *) p full;; esac
  case x{{v}} in x) p empty;; *) p full;; esac # {{v}}
  x={{v}}
  p "$x"
  y=a{{v}}'{{v}}'"{{v}}"; p "$y"
  if [ {{v}} = "$x" ] && test "$x" = {{v}} && ! [ {{v}} != "$x" ]; then p same; else p other; fi
  for item in {{v}} {{xs}} "{{xs}}"; do p "$item"; done
  f() { p {{v}} "$1"; }
  f {{v}}
  ( p {{v}} ); { p {{v}}; }
  ( export z={{v}}; readonly w={{v}}; p "$z" "$w" )
  g() { local z={{v}} k; k=1; p "$z" "$k"; }
  g
  set -- {{xs}}; p "$#" "$@"
  set -- a{{xs}}b; p "$#" "$@"
  xs={{xs}}; p "$xs" 'all {{xs}}.'
  p ~/{{v}} : # {{v}} and {{xs}}
  while p {{v}}; do break; done
  until ! p {{v}}; do break; done
  p {{v}} | cat; p {{v}} && p {{v}} || :
  h={{v}} p {{v}}
  {{c}} '%s\0' {{v}}
  k=1; p $(( {{n}} + 1 )) $((3-{{n}})) "$(({{n}}*{{n}}))" $((-{{n}})) $((k-{{n}}))
  p {{n}} "{{b}} {{fl}}" {{nil}} end {{o}}
  set -f; IFS=ab0; p {{v}} {{xs}}x "{{xs}}"; set +f
  IFS=; p {{v}} {{xs}}; cat <<END
{{v}}
END
"""

ONLY_BASH = r"""
  p $'a\t{{v}}\'b'
  { cat <<< {{v}}; cat <<< "a {{v}}"; printf '\0'; }
  if [[ {{v}} == "$x" && {{v}} = {{v}} && ! {{v}} != "$x" && -n x{{v}} && ( {{v}} == '{{v}}' ) ]]; then p same; fi
  a=( {{v}} {{xs}} x{{v}} [9]={{v}} ); a+=({{v}}); p "${a[@]}"
  a[{{i}}]={{v}}; p "${a[{{raw(str(i))}}]}"
  p {a,{{v}}} {b,x{{v}}}
  { cat <(printf '%s' {{v}}) ; printf '\0'; }
  (( {{n}} < 0 )) && p negative; [[ {{n}} -lt 0 ]] && p negative; p $[ {{n}} - 1 ]
  for (( k = {{n}}; k < {{n}} + 2; k++ )); do p $k; done
  declare -A map=( [k]={{v}} ); p "${map[k]}"
  declare d={{v}} e="{{v}}"; p "$d" "$e"
  function second { p {{v}}; }; second
  time p {{v}} 2>/dev/null
  select s in {{xs}}; do break; done </dev/null >/dev/null 2>&1 || :
"""

PROGRAM = """
task t(v: str, xs: list[str], n: int, i: int, b: bool, fl: float, nil: list[str], c: str) {
  shell "SHELL"
  sh \"\"\"BODY\"\"\"
}
t("", [], 0, 1, true, 0.5, [], "printf")
"""


def compiled(text: str) -> ShellBody:
    """The one body of a program."""
    found = compile_source(Source("x.csc", text), folder=Path())
    assert found.graph is not None, render_all(found.diagnostics)
    body = found.graph.tasks[0].body
    assert isinstance(body, ShellBody)
    return body


@cache
def everything(name: str) -> ShellBody:
    body = COMMON.replace("{{o}}", '{{opt("--flag", v)}}') + (ONLY_BASH if name == "bash" else "")
    shell = {"bash": "bash -euo pipefail", "dash": "dash -eu"}[name]
    return compiled(PROGRAM.replace("SHELL", shell).replace("BODY", body))


def given(body: ShellBody, variables: Mapping[str, Any]) -> list[Any]:
    return [evaluate(value.expr, Env(variables, lambda node: None)) for value in body.values]


def run(body: ShellBody, variables: Mapping[str, Any], folder: Path, shell: Shell | None = None) -> bytes:
    """What the shell prints; it must succeed and say nothing else."""
    shell = shell or (default_shell(BASH) if body.shell is None else chosen_shell(body.shell))

    def write(script: bytes) -> Path:
        (folder / "script.sh").write_bytes(script)
        return folder / "script.sh"

    argv = command_line(render(body, shell, given(body, variables), {}), shell, write)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    done = subprocess.run(
        argv,
        cwd=work,
        env={"PATH": "/usr/bin:/bin", "HOME": "/h"},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]
    assert list(work.iterdir()) == [], "a value ran as code"
    return done.stdout


def expected(name: str, v: bytes, xs: list[bytes], n: int) -> bytes:
    """What COMMON and ONLY_BASH print where values are values."""
    out: list[bytes] = []

    def p(*words: bytes) -> None:
        out.extend(word + b"\0" for word in words)

    spaced = b" ".join(xs)
    glued = [b"ab"] if not xs else [b"a" + xs[0] + b"b"] if len(xs) == 1 else [b"a" + xs[0], *xs[1:-1], xs[-1] + b"b"]
    full = b"full" if v else b"empty"
    p(v)
    p(b"pre" + v + b"post", v + v, b"-" + v, b"ab" + v + b"c", b"x" + v)
    p(b"a " + v + b" b", v, v)
    p(b"a " + v + b" b", b"it's " + v + v)
    p(v + b"x", v + b"x" + v + b"y")
    p(b"[" + v + b'] "' + v + b"\" '" + v + b"' " + v + b"x $\n")
    p(b"<" + v + b">\n" + v + b"\n")
    p(full, full)
    p(v)
    p(b"a" + v + v + v)
    p(b"same")
    p(v, *xs, spaced)
    p(v, v)
    p(v, v)
    p(v, v)
    p(v, b"1")
    p(str(len(xs)).encode(), *xs)
    p(str(len(glued)).encode(), *glued)
    p(spaced, b"all " + spaced + b".")
    p(b"/h/" + v, b":")
    p(v)
    p(v)
    p(v, v, v)
    p(v)
    p(v)
    p(*(str(k).encode() for k in (n + 1, 3 - n, n * n, -n, 1 - n)))
    p(str(n).encode(), b"true 0.5", b"end", b"--flag", v)
    p(v, *([b"x"] if not xs else [*xs[:-1], xs[-1] + b"x"]), spaced)
    p(v, *xs)
    out.append(v + b"\n")
    if name == "bash":
        p(b"a\t" + v + b"'b")
        p(v + b"\na " + v + b"\n")
        p(b"same")
        p(v, *xs, b"x" + v, v, v)
        p(v)
        p(b"a", v, b"b", b"x" + v)
        p(v)
        p(b"negative", b"negative", str(n - 1).encode())
        p(str(n).encode(), str(n + 1).encode())
        p(v)
        p(v, v)
        p(v)
        p(v)
    return b"".join(out)


@shells
@pytest.mark.parametrize("case", list(HOSTILE))
def test_a_value_comes_out_of_every_place_as_it_went_in(name: str, case: str, tmp_path: Path) -> None:
    value = HOSTILE[case]
    data = value.encode("utf-8", "surrogateescape")
    large = len(data) > 100_000
    lists: list[list[str]] = [[value, "", "b c"]] if large else [[], [value], ["", value, "* '"]]
    for xs in lists:
        variables = {"v": value, "xs": xs, "n": -7, "i": 3, "b": True, "fl": 0.5, "nil": [], "c": "printf"}
        got = run(everything(name), variables, tmp_path)
        wanted = expected(name, data, [x.encode("utf-8", "surrogateescape") for x in xs], -7)
        assert got.split(b"\0") == wanted.split(b"\0")


@shells
@pytest.mark.parametrize("case", [c for c, v in HOSTILE.items() if 0 < len(v) < 200 and "/" not in v])
def test_a_file_is_named_by_a_value(name: str, case: str, tmp_path: Path) -> None:
    body = compiled(
        f'task t(v: str) {{ shell "{name} -eu"; sh "printf x > {{{{v}}}}; printf y >> {{{{v}}}}; cat < {{{{v}}}}" }}\nt("")'
    )
    shell = chosen_shell(f"{name} -eu")
    argv = command_line(render(body, shell, given(body, {"v": HOSTILE[case]}), {}), shell, lambda script: tmp_path)
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"xy", b"")
    assert [os.fsencode(p) for p in os.listdir(tmp_path)] == [HOSTILE[case].encode("utf-8", "surrogateescape")]


@shells
@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "en_US.UTF-8", "POSIX"])
def test_the_locale_does_not_matter(name: str, locale: str, tmp_path: Path) -> None:
    value = HOSTILE["every byte"]
    body = compiled(f'task t(v: str) {{ shell "{name} -eu"; sh "printf %s {{{{v}}}} \'{{{{v}}}}\'" }}\nt("")')
    shell = chosen_shell(f"{name} -eu")
    argv = command_line(render(body, shell, given(body, {"v": value}), {}), shell, lambda script: tmp_path)
    done = subprocess.run(
        argv, cwd=tmp_path, capture_output=True, env={"LC_ALL": locale, "PATH": "/usr/bin:/bin"}, check=False
    )
    assert done.stdout == value.encode("utf-8", "surrogateescape") * 2


@shells
@pytest.mark.parametrize("value", ["a", "a\nb\nc", "x\n" * 400])
def test_line_numbers_in_messages_are_those_of_the_body(name: str, value: str, tmp_path: Path) -> None:
    body = compiled(
        f'task t(v: str) {{\n  shell "{name}"\n  sh """\n    : {{{{v}}}}\n    :\n    nothing_of_this_name\n  """\n}}\nt("")'
    )
    shell = chosen_shell(name)
    for argv in (
        command_line(render(body, shell, given(body, {"v": value}), {}), shell, lambda script: tmp_path),
        command_line(render(body, shell, given(body, {"v": value + "y" * 200_000}), {}), shell, _written(tmp_path)),
    ):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert re.search(r"(line |: )3: nothing_of_this_name", done.stderr), done.stderr


def _written(folder: Path) -> Callable[[bytes], Path]:
    def write(script: bytes) -> Path:
        (folder / "script.sh").write_bytes(script)
        return folder / "script.sh"

    return write


@shells
@pytest.mark.parametrize("options", ["-a", "-aeu", "-o allexport"])
def test_the_prelude_exports_nothing(name: str, options: str, tmp_path: Path) -> None:
    if name == "dash" and "allexport" in options:
        options = "-eua"
    body = compiled(
        f'task t(v: str, xs: list[str]) {{ shell "{name} {options}"; sh "x={{{{v}}}}; env | sort; : {{{{xs}}}}" }}\nt("", [])'
    )
    shell = chosen_shell(f"{name} {options}")
    script = render(body, shell, given(body, {"v": "a\n" * 300, "xs": ["b", "c"]}), {})
    done = subprocess.run(
        command_line(script, shell, _written(tmp_path)),
        capture_output=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert b"__csc" not in done.stdout
    assert b"x=a\n" in done.stdout


def test_a_script_that_holds_the_names_of_the_prelude_gets_others(tmp_path: Path) -> None:
    body = compiled("task t(v: str) { sh \"__csc_0=mine; printf '%s' {{v}} $__csc_0\" }\nt('')")
    assert [v.variable for v in body.values] == ["__csc__0"]
    assert run(body, {"v": "theirs"}, tmp_path) == b"theirsmine"


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "a\udc00\ud834"])
@shells
def test_what_no_program_can_be_given_is_refused(name: str, value: str) -> None:
    body = compiled(
        f'task t(v: str, xs: list[str]) {{ shell "{name} -eu"; sh "echo {{{{v}}}} {{{{xs}}}} {{{{raw(v)}}}}" }}\nt("", [])'
    )
    shell = chosen_shell(f"{name} -eu")
    cases: list[dict[str, Any]] = [{"v": value, "xs": []}, {"v": "", "xs": [value]}]
    for variables in cases:
        with pytest.raises(CannotStart) as caught:
            render(body, shell, given(body, variables), {})
        assert str(caught.value) in (
            "a value holds a NUL character, which no program can be given",
            "a value holds half of a surrogate pair, which is no text",
        )


@pytest.mark.parametrize("where", ["arith", "subscript"])
def test_a_graph_from_outside_cannot_put_text_into_arithmetic(where: Where) -> None:
    body = ShellBody(
        parts=("echo $((", ShellPlace(0, where), "))"),
        values=(ShellValue(variable="v", expr=Lit("a[$(touch pwned)]")),),
    )
    with pytest.raises(CannotStart, match="a value that stands in arithmetic is no whole number"):
        render(body, default_shell("/bin/bash"), given(body, {}), {})


def test_a_script_for_bash_alone_is_not_rendered_for_another_shell() -> None:
    body = compiled('task t(v: str) { sh "[[ -n {{v}} ]]" }\nt("")')
    with pytest.raises(CannotStart, match="its script wants bash, which is not there"):
        render(body, default_shell(None), given(body, {"v": ""}), {})


@shells
def test_raw_is_text_of_the_script(name: str, tmp_path: Path) -> None:
    body = compiled(
        f'''task t(v: str, xs: list[str]) {{
          shell "{name} -eu"
          sh "printf '%s,' {{{{raw(v)}}}} `echo {{{{raw(v)}}}}` ${{x:-{{{{raw(v)}}}}}} '{{{{raw(v)}}}}' {{{{raw(xs)}}}} {{{{v}}}}"
        }}
        t("", [])'''
    )
    got = run(body, {"v": "a  b", "xs": ["c", "$((1 + 1))"]}, tmp_path, chosen_shell(f"{name} -eu"))
    assert got == b"a,b,a,b,a,b,a  b,c,2,a  b,"
