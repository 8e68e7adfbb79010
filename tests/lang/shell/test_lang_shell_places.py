"""Where the scanner says that each value of a script stands. In the scripts here `@` is a place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.lang.shell.places import MARK, REASONS, Dialect
from cascade_dsl.lang.shell.scanner import scan


def places(script: str, dialect: Dialect = "bash") -> list[str]:
    """For each `@` where it stands, or the key of why it may not; alone, why the scanner is lost."""
    found = scan(script.replace("@", MARK), dialect)
    if found.lost is not None:
        return [found.lost.why]
    return [
        word for p in found.places for word in ([p.refused] if p.refused else [p.where, *([p.ints] if p.ints else [])])
    ]


ALIKE = [
    ("cat @ > @", "word word"),
    ("echo \"a @ b\" @x y@ 'x @'", "double word word single"),
    ("x=@; export Y=@; env Z=@ prog; x=@ cmd", "word word word word"),
    ("for f in @; do echo @; done; for f in @\ndo :\ndone; for f; do echo @; done", "word word word word"),
    ("while test -e @; do cat @ | wc -l >> @ 2>&1; done <@", "word word word word"),
    ("if ! grep -q @ f && true || false; then echo @; elif x @; then y; else z @; fi", "word word word word"),
    ("f() { echo @; }; ( cd @ && ls ); { ls @; }; g() ( x @ )", "word word word word"),
    ("# @\necho @ # it's @\n;# @", "comment word comment comment"),
    ("echo \\\n  @ a#@ \\# @", "word word word"),
    ("echo $(cat @) \"$(cat \"@\" '@' $(x @))\"", "word double single word"),
    ("echo $(case @ in a) x @;; (b) y;; esac) @", "word word word"),
    ("case @ in x) echo @;; y|z) echo \"@\" ;; *) ;; esac; echo @", "word word double word"),
    ("case x in\n # @\n a) if b; then @; fi ;;\nesac", "comment word"),
    ("cat <<END >@\n@ $(x @) \"@\" '@'\nEND\necho @", "word here word here here word"),
    ("cat <<A - <<-B\n@\nA\n\t@\n\tB\necho @", "here here word"),
    ("x $(cat <<E\n@ )\nE\n) @", "here word"),
    ("echo 'x'#@ $y#@ $#@", "word word word"),
    ("awk '{print $1}' @ \"$HOME/@\" ${HOME} $((1 + 2)) ${x#a} ${#x} @", "word double word"),
    ("[ @ = b ]; test -n @; [ ! @ ]; [ -n @ -a x = @ ]", "word word word word word"),
    ("@ a; \"@\" b; @", "word double word"),
    ("echo $$@ $x@ \"$x@\" $@", "word word double dollar"),
    ("echo $((@ + 1)) $((3*@)) $(( (@) ))", "arith, arithmetic " * 3),
    ("echo ~/@ ~ @ {a,@} x{@", "word word word word"),
    ("time x @; ! x @", "word word"),
    ("set -- @; shift; printf '%s' @; read -r x < @", "word word word"),
    ("trap - EXIT; alias; unset x; echo @", "word"),
    ("echo ${x:-@}", "braces"),
    ("echo \"${x:-@}\" ${x#'@'}", "braces braces"),
    ("echo `cat @` \"`cat @`\"", "backquotes backquotes"),
    ("echo \\@ \"\\@\"", "backslash backslash"),
    ("cat <<'E'\n@\nE\ncat <<\\E\n@\nE", "quoted-here quoted-here"),
    ("cat <<E\n\\@ $@\nE", "backslash dollar"),
    ("case x in @) ;; \"a@\"|b'@') ;; esac", "case-pattern case-pattern case-pattern"),
    ("eval x; @=1; @() { :; }", "variable-name function-name"),
    ("for @ in a; do :; done", "for-name"),
    ("read @; unset @; export @; export @=1; readonly a@; local x=@", "read-name read-name declared-name declared-name declared-name word"),
    ("trap @ EXIT; let x=@; printf -v @ x; alias", "trap let variable-name"),
    ("command read @; \\read @; 'unset' @", "read-name read-name read-name"),
    ("PS4=@; export PS4=@; env BASH_ENV=@ x; ENV=@ sh", "shell-variable " * 4),
    ("[ @ @ ]; [ \"$x\" @ ]; [ @ x ]; test @ \"$y\"", "test-operator " * 5),
    ("[ -v @ ]; RANDOM=@; OPTIND=@; for RANDOM in @; do :; done", "word, test-variable word, integer word, integer word, integer"),
    ("echo x[@] >&@", "word, bracket word, descriptor"),
    ("echo $((x@)) $((@x)) $(( \"@\" )) $((a[@]))", "arithmetic-name arithmetic-name arithmetic-quotes subscript-part"),
    ("echo ~@ x=~@ {1..@}", "tilde tilde sequence"),
    ("printf @; printf \"@\" x; printf -@ x; printf \"a[@]\"; printf \"@\\n\"; printf -- @", "format format format double double word"),
    ("wait @; wait -n @; $k wait pod/@; $k set x @", "word, job word, job word word"),
    ("set @; set -o @; set -- @; set -e -- @; shopt -s @; fc -s @", "option option word word shopt complete"),
    ("$x read @; ${x}unset @; $x cat @; time read @; @ read @", "read-name read-name word read-name word read-name"),
    ("\"$x\" wait @; printf $x @; printf \"$x\" @", "word format word"),
    ("read x <<E\n@\nE\nfor PS4 in @; do :; done", "here shell-variable"),
    ("test {-v,@}; printf {-v,@} x", "test-operator format"),
]  # fmt: skip

BASH = [
    ("echo $'\\'@' $\"@\"", "ansi double"),
    ("cat <(sort @) >(tee @) <<< @ <<< \"@\"", "word word word double"),
    ("a=(@ \"@\" # @\n [1]=@); a+=(@); declare -a b=(@)", "word double comment word word word"),
    ("a[@]=@; a[x]=@; a[0]+=@", "subscript, subscript word word word"),
    ("a[@+1]=1; a[\"@\"]=1; a[$(x @)]=1", "subscript-part subscript-part word"),
    ("[[ @ == @ && -n @ || ! \"@\" != x@* ]] && echo @", "word word word double word word"),
    ("[[ @ -eq 1 || 2 -gt @ || \"@\" -le 3 ]]", "word, arithmetic word, arithmetic double, arithmetic"),
    ("[[ -v @ ]]; [[ x =~ @ ]]; [[ x =~ ^(a|\"@\")$ ]]; [[ @ =~ x ]]", "word, test-variable regex regex word"),
    ("[[ ( @ > b ) && x == +(a|@) ]]", "word pattern"),
    ("(( x = @ )); for ((i=0; i<@; i++)); do echo @; done; echo $[ @ ]", "arith, arithmetic arith, arithmetic word arith, arithmetic"),
    ("function f { echo @; }; function g() { echo @; }", "word word"),
    ("function @ { :; }", "function-name"),
    ("select x in @; do echo @; done", "word word"),
    ("ls +(a|@) ?(x)@", "pattern word"),
    ("declare -i n; n=@; declare -i m=@; n+=@; for n in @; do :; done", "word, integer " * 4),
    ("declare -n r=@; r=@; for r in @; do :; done", "reference reference reference"),
    ("a=(1); declare a=@; declare b=@; declare -a c=@; export a=@", "declared-array word declared-array declared-array"),
    ("declare \"$x\" a=@; mapfile -t m; local m=@", "declared-array declared-array"),
    ("x() { y @; } &> @; z |& w @; {fd}>@ u", "word word word word"),
    ("compgen -W @; complete -C @ x; wait -n -p @", "complete complete variable-name"),
    ("case x in a) @ ;& b) @ ;;& c) @ ;; esac", "word word word"),
    ("shopt -s extglob; case x in +(a|b)) echo @ ;; esac", "word"),
    ("declare -ai a; a=(@); a+=([1]=@); RANDOM=(@); b=(@)", "word, integer word, integer word, integer word"),
    ("PS0=@; ENV=([x]=@); PS4=(@)", "shell-variable shell-variable shell-variable"),
    ("declare -i n; printf -v n %s @; printf -vn %s @; printf -v m %s @", "word, integer word, integer word"),
    ("printf -v PS4 @; read x <<< @; select PS4 in @; do :; done", "shell-variable word shell-variable"),
    ("declare -i n; read -r \"$x\" <<< @; read a \"$x\" <<E\n@\nE\nread -a RANDOM <<< @", "word, integer here, integer word, integer"),
    ("printf -v a \"@ %s\" @; printf -va '@ %s' @; printf -v a \"@ %s\" x", "format-part word format-part word double"),
    ("declare -i {n,m}; n=@", "word, integer"),
    ("declare -{i,r} n; n=@", "reference"),
    ("declare -$o n=@; declare $o m; m=@", "declared-array reference"),
    ("command \"$p\" read @; command -$p read @; command -@ unset @; command \"$p\" cat @", "read-name read-name word read-name word"),
    ("printf \"@: %s\" @; printf -- \"@: %s\" x", "format-part word double"),
    ("time -- read @; time -p -- read @", "read-name read-name"),
    ("(( a[0] = 1 )); declare a=@; declare b=@", "declared-array word"),
    ("printf -v 'a[0]' x; local a=@", "declared-array"),
]  # fmt: skip

LOST = [
    "echo @ 'open", 'echo @ "open', "echo @ $(open", "echo @ `open", "echo @ ${x", "if x; then @", "while @; do x", "case @ in a) x", "( @", "{ @",
    "@; done", "@ )", "fi; @", "do @; done", "echo @ ;; esac", "for x in @; do", "cat <<E\n@", "cat <<E\n@\n E", "x=@ \\",
    "cat <<E\nx\\\nE\n@\nE\n", "cat <<$x\n@\n$x", "cat <<@\n@\n@", "echo $(cat <<E\n)\nE\n@", "cat <<E $(echo\n)\nE\n@", "alias x=y; @",
    "echo \"${x:-\"}\"}\" @", "echo \"${x#'}'}\" @", "$\\\n(x) @", "echo $((x) @", "((x) @", "coproc x @", "${ x; } @", "cat > @ <",
    "y=$(cat <<E\nEx) ; y\n@\nE\n)", "y=$(cat <<-E\n\tE (x)\n@\n\tE\n)", "{read,@}",
    "declare -i n; while read -r n; do :; done <<E\n@\nE", "echo @ | { read -r PS4; }", "echo {a[\"@\"]}>f", "exec {a['@']}<f",
]  # fmt: skip

LOST_IN_SH = [
    "[[ -f @ ]]", "a=(x); @", "cat <(x) @", "cat <<< x; @", "function f { @; }", "x &> y; @", "(( x << @ ))", "ls @(a|b)x @", "select x in @; do :; done",
    "echo $'\\'' @", "for ((;;)); do @; done", "x |& @", "{fd}> x @", "echo $[ 1 ] @", "a[1 2]=@",
]  # fmt: skip


@pytest.mark.parametrize(("script", "wanted"), ALIKE)
@pytest.mark.parametrize("dialect", ["bash", "posix"])
def test_places_that_every_shell_reads_alike(script: str, wanted: str, dialect: Dialect) -> None:
    assert ", ".join(places(script, dialect)) == _listed(wanted)


@pytest.mark.parametrize(("script", "wanted"), BASH)
def test_places_of_bash(script: str, wanted: str) -> None:
    assert ", ".join(places(script)) == _listed(wanted)


@pytest.mark.parametrize("script", LOST)
@pytest.mark.parametrize("dialect", ["bash", "posix"])
def test_a_script_that_could_not_be_followed(script: str, dialect: Dialect) -> None:
    found = scan(script.replace("@", MARK), dialect)
    assert found.lost is not None
    assert 0 <= found.lost.offset <= len(script)


@pytest.mark.parametrize("script", LOST_IN_SH)
def test_what_bash_alone_reads_so_is_not_read_for_sh(script: str) -> None:
    assert scan(script.replace("@", MARK), "posix").lost is not None


def test_what_sh_reads_otherwise_is_refused_there() -> None:
    assert places("echo $'@'", "posix") == ["ansi"]


@pytest.mark.parametrize("dialect", ["bash", "posix"])
@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="@ab1 \n\t'\"\\$`(){}[]<>|&;#=!-~*?+ECifd", max_size=40))
def test_each_place_has_one_answer(dialect: Dialect, script: str) -> None:
    found = scan(script.replace("@", MARK), dialect)
    assert found.lost is not None or len(found.places) == script.count("@")
    assert all(not p.refused or p.refused in REASONS for p in found.places)
    assert all(not p.ints or p.ints in REASONS for p in found.places)


@pytest.mark.parametrize(
    "piece", ["$(", '"$(', "${x:-", "( ", "{ ", "$((", "<(", "case x in a) ", "[[ ( ", "a=( ", "@(a"]
)
def test_depth_costs_no_stack(piece: str) -> None:
    assert scan(piece * 20_000 + MARK, "bash").lost is not None


def test_what_is_deep_is_read_to_its_end() -> None:
    assert places('"$(x ' * 5000 + "@" + ')"' * 5000) == ["word"]


def _listed(wanted: str) -> str:
    """One blank between two."""
    return ", ".join(wanted.replace(",", "").split())


@pytest.mark.parametrize(
    "script",
    [
        "x=@; [[ $x -eq 1 ]]", 'x=@; [[ 1 -lt "${x}" ]]', "x=@; [[ -v $x ]]", 'x=@; [ -v "$x" ]', "x=@; declare -i n=$x",
        "declare -i n; x=@; n=${x}", "x=@; n=$x; typeset -i n", "x=@; echo $(( $x ))", "x=(@); (( x > 1 ))",
    ],
)  # fmt: skip
def test_a_variable_that_the_shell_evaluates_is_known(script: str) -> None:
    found = scan(script.replace("@", MARK), "bash")
    assert found.lost is None
    assert "x" in found.assigned.keys() & found.counted


def test_what_is_compared_as_text_is_not_evaluated() -> None:
    found = scan('x=@; [[ $x == 1 && -n $x ]]; [ "$x" -eq 1 ]; n=$x; echo "$x"'.replace("@", MARK), "bash")
    assert found.counted == set()


@pytest.mark.parametrize("before", ['"$@"', "$@", '"${a[@]}"', "$x ${y}", "$(x)"])
def test_what_may_be_no_word_leaves_the_next_one_as_the_command(before: str) -> None:
    found = scan(f"{before} read {MARK}; {before} cat {MARK}", "bash")
    assert [p.refused for p in found.places] == ["read-name", ""]
