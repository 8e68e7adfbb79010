"""What is legal in a script and suspect, and what is not warned of."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.base.diagnostics import Source
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.report.plain import render

HERE = Path(__file__).parent


def test_warnings(snapshot: SnapshotAssertion) -> None:
    found = compile_source(Source("warned.csc", (HERE / "warned.csc").read_text()), folder=HERE)
    assert found.graph is not None
    assert "\n\n".join(render(d) for d in found.diagnostics) == snapshot


def test_a_program_that_hands_values_over_as_data_is_not_warned_of() -> None:
    text = '''
    param where: str = "x"
    task t(x: str, n: int) -> o: file {
      sh """
        awk -v x={{x}} '$0 ~ x { print $1 }' {{x}}; sh -c 'cat "$1"' sh {{x}}; jq --arg x {{x}} '.[$x]' {{x}}
        sed -n -e 1p {{x}}; sed -f {{x}} {{x}}; grep {{x}} f; python3 x.py {{x}}; bash {{x}} {{x}}; ssh -p {{n}} {{x}}
        xargs rm {{x}}; find {{x}} -name {{x}} -exec cat {} +; sudo cat {{x}}; sqlite3 {{x}} 'select 1'
        n={{n}}; echo $((n + {{n}})) > {{o}} 2> /dev/null; y={{x}}; echo "$y" >&2; echo a > "$HOME/b"; echo a > "$y"
        cat <<END | sort
        {{x}}
        END
        python3 x.py <<END
        {{x}}
        END
      """
    }
    t(where, 1)
    '''
    found = compile_source(Source("x.csc", text), folder=HERE)
    assert [render(d) for d in found.diagnostics] == []
    assert found.graph is not None


def found(script: str) -> list[str]:
    """Codes and the beginnings of the messages for a script in which `@` is a text and `#n` a whole number; `$%` is `$@`."""
    script = script.replace("@", "{{x}}").replace("#n", "{{n}}").replace("\\", "\\\\").replace("$%", "$@")
    text = f'task t(x: str, n: int) {{ sh """\n{script}\n""" }}\nt("", 1)'
    return [
        f"{d.code} {d.message.split(' ')[0]}" for d in compile_source(Source("x.csc", text), folder=HERE).diagnostics
    ]


EVALUATED = [
    "x=@; echo ${a[$x]}", 'x=@; echo "${a[x]}"', 'x=@; echo "${a["$x"]}"', "x=@; echo ${a[${x}]:-1}", "x=@; echo $(( ${x} ))",
    'x=@; echo "${a[${x%.*}]}"', "x=@; echo ${s:$x} ${s:0:2}", "x=@; echo ${s:1:x}", "x=@; echo ${!x}", 'x=@; echo "${!x:-1}"', "x=@; a[$x]=1", "x=@; a=([$x]=1)",
    'x=@; read -r "$x"', 'x=@; printf -v "$x" y', 'x=@; declare -i n="$x"', 'x=@; declare "$x=1"', 'x=@; unset "m[$x]"', "x=@; declare -n r=$x",
    "x=@; [[ x -eq 1 ]]", "x=@; [[ -v a[x] ]]", "x=@; [ -v 'a[x]' ]", "x=@; echo ${b[*]:$x}", 'x=@; echo $(( "$x" ))', 'x=@; printf "$x" y',
    "while read x; do (( x )); done <<< @", "{ read -r x; echo $((x)); } <<E\n@\nE",
    "y=@; x=$y; (( x > 1 ))", 'for y in @; do x="$y"; (( x )); done', "x=#n; x=@; (( x ))", "a=(@); for x in \"${a[@]}\"; do (( x )); done", "x=@; let \"x=$x\"",
]  # fmt: skip


@pytest.mark.parametrize("script", [s.replace("@]", "*]") for s in EVALUATED])
def test_a_variable_that_is_evaluated_is_warned_of(script: str) -> None:
    assert found(script) == ["CSCW343 `x`"]


@pytest.mark.parametrize(
    "script",
    [
        "f() { echo $(( $1 )); }; f @", 'f() { local n=${1:-5}; (( n > 1 )); }\nf "@"', "function f { echo ${a[$1]}; }; f a @; f @",
        "f() { g $1; }; g() ( echo $(( $1 )) ); f @", "set -- @; echo $(( $1 ))",
        'set -- @; for x in "$%"; do (( x )); done', "f() { for x; do (( x )); done; }; f a @", "f() { for x\ndo (( x )); done; }; f a @",
        'f() { g "$%"; }; g() { (( $1 )); }; f @', 'f() { read "$%"; }; f @',
    ],
)  # fmt: skip
def test_an_argument_that_is_evaluated_is_warned_of(script: str) -> None:
    assert {w[:7] for w in found(script)} == {"CSCW343"}


@pytest.mark.parametrize(
    "script",
    [
        'x=@; eval "ls $x"',
        'x=@; trap "rm $x" EXIT',
        "f() { eval $1; }; f @",
        "x=@; y=$x; eval $y",
        ". /dev/stdin <<< @",
        'f() { eval "$*"; }; f @',
        "x=@; PS4=$x",
        'x=@; declare -a y="($x)"',
    ],
)
def test_a_variable_that_is_code_is_warned_of(script: str) -> None:
    assert {w[:7] for w in found(script)} == {"CSCW340"}


@pytest.mark.parametrize(
    "script",
    [
        "for i in 1 2 3; do echo ${a[$i]} @; done", 'declare -A m; x=@; m[$x]=1; echo "${m[$x]}"', "x=@; echo ${#x}; n=${#x}; (( n ))",
        "x=@; declare -a y=($x); declare -A m=([$x]=$x)", "while read -r y; do i=$((i + 1)); done <<< @", 'x=@; printf "%s" "$x"; printf "$x\\n"', 'f() { echo "$%"; }; f @', "x=@; [[ $x == x && 3 -eq 4 ]]",
        'x=@; read -r -p "$x" y', 'x=@; export "A=$x"; declare "y=$x"; local z="$x"', "x=@; printf '%s' \"$x\"; trap 'rm \"$x\"' EXIT",
        "f() { echo $(( $2 )) $1; }; f @ #n", "f() { echo $1; }; f @; echo $(( $1 + 1 ))", "x=#n; echo ${a[$x]} ${!x} ${s:x}", "x=@; echo ${x:0:3} ${x:-1} ${x[0]}",
        'x=@; n=$(wc -l "$x"); (( n ))', "x=@; for k in ${!m[*]}; do echo ${m[$k]} $x; done", 'x=@; [ "$x" -eq 1 ]; test -n "$x"', "x=@; n=${x:+1}; (( n ))",
        'x=@; unset -f "$x"; read -t "$x" y; tmp=$(mktemp -d); trap "rm -rf $tmp" EXIT', 'x=@; cd "$x"; i=0; (( i += 1 )); echo "${a[i]}"',
    ],
)  # fmt: skip
def test_what_is_not_evaluated_is_not_warned_of(script: str) -> None:
    assert found(script) == []
