"""What is legal in a script and suspect, and what is not warned of."""

from __future__ import annotations

from pathlib import Path

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
