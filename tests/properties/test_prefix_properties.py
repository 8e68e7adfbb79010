"""What a journal holds after any commit is enough: from every prefix the run completes, to what the program means."""

from __future__ import annotations

from collections.abc import Iterable

from graphs import Table, scope_of
from hypothesis import given, note, settings
from hypothesis import strategies as st
from test_engine_properties import END, SCOPES, Watch, as_input, changes, machine, program, reference, walk_all

from cascade_dsl.engine.inputs import Input, LimitTaken, ResumeAsked
from cascade_dsl.ir.events import AttemptFailed, AttemptFinished, Event, Recalled, RunEnded
from cascade_dsl.ir.graph import Call, Compute, FanOut, Graph, Param
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.ir.text import graph_text
from cascade_dsl.testing.simulate import Simulation


class Committed(Simulation):
    """Knows where in its journal each transaction ends."""

    def __init__(self, graph: Graph, oracle: Table, changed: Iterable[tuple[int, str, str, int]]) -> None:
        self.commits: list[int] = []
        watch = Watch(oracle)
        super().__init__(graph, oracle, words=machine(), on_failure="continue", recalls=oracle.known > 0, check=watch)
        for t_ns, scope, verb, amount in changed:
            self.at(t_ns, as_input(scope, verb, amount))
        for scope in SCOPES:
            self.at(END, LimitTaken(layer=Layer.LIVE, scope=scope_of(scope)))
        self.at(END, ResumeAsked(scope=None))

    def turn(self, *inputs: Input) -> list[Event]:
        events = super().turn(*inputs)
        self.commits.append(len(self.events))
        return events

    def from_prefix(self, length: int) -> Simulation:
        """Another engine that has only so many of its events."""
        assert isinstance(self.oracle, Table)
        again = Committed(self.graph, self.oracle, ())
        again.events = self.events[:length]
        again.now_ns = again.events[-1][0]
        again.crash(words=machine())
        return again


@given(st.data(), changes, st.sampled_from([0, 0, 20, 60]), st.text(max_size=3))
@settings(max_examples=80)
def test_from_every_prefix_that_ends_at_a_commit_the_run_completes(
    data: st.DataObject, changed: list[tuple[int, str, str, int]], failing: int, seed: str
) -> None:
    graph = program(data.draw)
    lengths = {
        n.id: data.draw(st.integers(0, 5))
        for n in walk_all(graph.nodes)
        if isinstance(n, Param | Call | Compute | FanOut)
    }
    oracle = Table(
        lengths=lengths,
        takes_ns=60,
        dropped=data.draw(st.integers(0, 3)),
        seed=f"s{seed}",
        failing=failing,
        known=data.draw(st.sampled_from([0, 0, 30, 100])),
        keying_takes_ns=data.draw(st.sampled_from([0, 30])),
    )
    note(graph_text(graph))
    whole = Committed(graph, oracle, changed)
    whole.play()
    done, failed = reference(graph, oracle)
    ends = sorted({end for end in whole.commits if not isinstance(whole.events[end - 1][1], RunEnded)})
    for end in {ends[0], ends[-1], *data.draw(st.lists(st.sampled_from(ends), max_size=3))}:
        again = whole.from_prefix(end)
        again.play()
        assert again.status == whole.status
        finished = [e.key for _, e in again.events if isinstance(e, AttemptFinished)]
        assert len(finished) == len(set(finished)), "nothing that finished ran again"
        assert {*finished, *(e.key for _, e in again.events if isinstance(e, Recalled))} == done
        assert {e.key for _, e in again.events if isinstance(e, AttemptFailed) and e.retry_at_ns is None} == failed
