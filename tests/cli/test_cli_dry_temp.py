"""Temporary outputs in a dry run: what is gone and needed again runs, as it would."""

from __future__ import annotations

from pathlib import Path

from bodies_at_hand import Workflow, at_hand, names_of

from cascade_dsl.store.reasons import NeededAgain

PROGRAM = """\
task a(n: int) -> x: temp file = "out/a.txt" {{ sh "echo {{{{n}}}} > {{{{x}}}}" }}
task b(x: file) -> y: file = "out/b.txt" {{ sh "cat {{{{x}}}} > {{{{y}}}} # {salt}" }}
p = a(1)
output o = b(p)
"""


def test_a_temporary_output_that_is_gone_is_made_again_for_who_runs(tmp_path: Path) -> None:
    work = Workflow(tmp_path)
    with at_hand():
        work.write("p.csc", PROGRAM.format(salt=1))
        work.run()
        assert names_of(work.foresee(), "cached") == {"p", "o"}
        assert not (tmp_path / "out/a.txt").exists()
        work.write("p.csc", PROGRAM.format(salt=2))
        found = work.foresee()
        assert names_of(found, "runs") == {"p"}
        assert names_of(found, "depends") == {"o"}
        (row,) = [row for row in found.rows if row.node == "p"]
        assert row.instances[0].reasons == (NeededAgain(),)
        assert work.run().started == ["p", "o"]
