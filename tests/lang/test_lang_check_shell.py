"""Where values may stand in a shell script, and that a real shell takes them for nothing but values there."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.ir.graph import ShellBody
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.lang.shell import MARK, scan_places

BASH = shutil.which("bash")


def places(script: str) -> list[str]:
    """For each `@` of a script where it stands, or why it may not."""
    return [p.reason or p.where for p in scan_places(script.replace("@", MARK))]


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("cat @ > @", ["bare", "bare"]),
        ('echo "a @ b" @x y@', ["quoted", "joined", "joined"]),
        ("x=@; export Y=@; env Z=@ prog", ["joined", "joined", "joined"]),
        ("for f in @; do echo @; done", ["bare", "bare"]),
        ("while test -e @; do cat @ | wc -l >> @ 2>&1; done", ["bare", "bare", "bare"]),
        ("if ! grep -q @ f && true || false; then echo @; fi", ["bare", "bare"]),
        ("f() { echo @; }; ( cd @ && ls ); { ls @; }", ["bare", "bare", "bare"]),
        ("# @\necho @ # @", ["bare", "bare", "bare"]),
        ("echo \\\n  @ a#@", ["bare", "joined"]),
        ("awk '{print $1}' @ \"$HOME/@\" ${HOME} $((1 + 2)) @", ["bare", "quoted", "bare"]),
        ("cat <<END >@\ntext\nEND\necho @", ["bare", "bare"]),
        ("cat <<< @", ["bare"]),
        ("case x in x) echo a;; esac; echo @", ["bare"]),
        ("printf '%s\\n' @; [ -e @ ] && test @ = b", ["bare", "bare", "bare"]),
    ],
)
def test_sound_places(script: str, wanted: list[str]) -> None:
    assert places(script) == wanted


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("echo '@'", ["inside '…'"]),
        ("echo $'@'", ["inside $'…'"]),
        ("echo `cat @`", ["inside backquotes"]),
        ('echo "`cat @`"', ["inside backquotes"]),
        ("echo $(cat @)", ["inside $( )"]),
        ('echo "$(cat "@")"', ["inside $( )"]),
        ("echo ${x:-@}", ["inside ${ }"]),
        ("echo $@", ["after $"]),
        ("echo \\@", ["after a backslash"]),
        ("echo $((@ + 1))", ["in $(( ))"]),
        ("((x = @))", ["in (( ))"]),
        ("[[ @ -eq 1 ]]", ["in [[ ]]"]),
        ('[[ "]]" == "@" ]]', ["in [[ ]]"]),
        ("x[@]=1", ["inside a subscript or a pattern"]),
        ('x["@"]=1', ["inside a subscript"]),
        ("x=(@)", ["in an array"]),
        ("cat <(@)", ["inside <( )"]),
        ("cat <<@\n@", ["in a script that could not be read"] * 2),
        ("cat <<'E'\n@\nE", ["in a here-document whose end word is quoted"]),
        ("cat <<-E\n\t@\n\tE\necho @", ["in a here-document", "bare"]),
        ("case @ in @) echo @;; esac", ["inside `case`"] * 3),
        ("eval @", ["as an argument of `eval`"]),
        ('"eval" "@"', ["as an argument of `eval`"]),
        ("command eval @", ["as an argument of `eval`"]),
        ("let x=@", ["as an argument of `let`"]),
        ("read @", ["as an argument of `read`"]),
        ("printf -v @ x", ["as the name of a variable for `printf`"]),
        ("test -v @", ["as the name of a variable for `test`"]),
        ("export @", ["as a name for `export`"]),
        ("for @ in a; do :; done", ["as the name after `for`"]),
        ("@() { :; }", ["as the name of a function"]),
        ("echo {a,@}", ["inside { }"]),
        ("echo @ 'open", ["in a script whose quotes or brackets are not closed"]),
        ('echo @ "open', ["in a script whose quotes or brackets are not closed"]),
        ("echo @ $(open", ["in a script whose quotes or brackets are not closed"]),
    ],
)
def test_unsound_places(script: str, wanted: list[str]) -> None:
    assert places(script) == wanted


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="@ab \n\t'\"\\$`(){}[]<>|&;#=!-E", max_size=30))
def test_each_place_has_an_answer(script: str) -> None:
    assert len(places(script)) == script.count("@")


PROGRAM = '''
task t(a: str, xs: list[str]) {
  sh """
    x={{a}}
    printf '<%s>' {{a}} "in {{a}}." --name={{a}} {{xs}} "all {{xs}}" "$x"   # {{a}}
    for y in {{xs}}; do printf '(%s)' "$y"; done
    cat <<END | { read -r line; printf '[%s]' "$line"; }
    fixed
    END
    printf '%s' {{a}} > {{a}}.out || true
  """
}
t("a", [])
'''


def body() -> ShellBody:
    graph = compile_source(Source("x.csc", PROGRAM), folder=Path()).graph
    assert graph is not None
    found = graph.tasks[0].body
    assert isinstance(found, ShellBody)
    return found


NASTY = st.text(alphabet="ab'\"$`\\ \n\t*?[]{}()<>|&;#=!~-é", max_size=12)


@pytest.mark.skipif(BASH is None, reason="bash is not there")
@settings(max_examples=40, deadline=None)
@given(a=NASTY, xs=st.lists(NASTY, max_size=3))
def test_a_real_shell_takes_values_for_values(tmp_path_factory: pytest.TempPathFactory, a: str, xs: list[str]) -> None:
    assert BASH is not None
    found = body()
    prelude: list[str] = []
    for value in found.values:
        if value.is_list:
            prelude.append(f"{value.variable}=({' '.join(map(shlex.quote, xs))})")
        else:
            text = a if "Var" in repr(value.expr) and "join" not in repr(value.expr) else " ".join(xs)
            prelude.append(f"{value.variable}={shlex.quote(text)}")
    folder = tmp_path_factory.mktemp("sh")
    script = "\n".join(prelude) + "\n" + found.script
    done = subprocess.run(
        [BASH, "-eu", "-c", script], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    words = [a, f"in {a}.", f"--name={a}", *xs, "all " + " ".join(xs), a]
    wanted = "".join(f"<{w}>" for w in words) + "".join(f"({x})" for x in xs) + "[fixed]"
    assert done.stdout.decode() == wanted
