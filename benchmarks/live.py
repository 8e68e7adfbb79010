"""An operator's word in the engine: what it costs to set a limit, and how soon the first start follows that it permits.

    python benchmarks/live.py [--reps 21] [--base FOLDER]

`step` itself on a compiled program, driven by the simulation shell until 16 tasks run and all others are ready: 10 fan-outs
of 10, then 100 of 10, of 100 and of 1000 instances. *set*: wall time of one turn in which an operator says the sentence,
with the effect that is answered; nothing may start by it. It is said and taken back in turn, so that the pool comes to be
each time. *first start*: a limit of 16 is raised to 17; from the word to the end of the turn, its events in a journal
(SQLite, as a run writes it) and the start in the hands of who performs it. *by*: `task:t 2 by i` is said, and the engine is
answered for each batch of keys that it asks for: CPU of all turns, of the median and of the longest, with 100 and with 10 000
different keys; then what the other sentences cost beside these. Targets: a limit without `by` costs the same whatever is
ready; the first start within 20 ms at 100 000 ready; no turn of 20 ms of CPU while keys come.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from pathlib import Path
from statistics import median

from scripted import FOREVER_NS, Scripted
from sidebyside import load

from cascade_dsl import api
from cascade_dsl.cli.run import COLLECT_AFTER
from cascade_dsl.engine.effects import KeyNodes, StartAttempt
from cascade_dsl.engine.inputs import Input, LimitGiven, LimitTaken, NodesKeyed
from cascade_dsl.engine.step import step, take_effects
from cascade_dsl.ir.events import AttemptStarted, Word
from cascade_dsl.ir.graph import Graph
from cascade_dsl.ir.requirement import Layer
from cascade_dsl.lang.sentence import parse_sentence
from cascade_dsl.store.journal import AttemptRow, Journal
from cascade_dsl.testing.simulate import Simulation

SIZES = ((10, 10), (100, 10), (100, 100), (100, 1000))
"""Fan-outs and instances of each: one fan-out has at most 1024 that are live."""
SENTENCES = ("task:t 8", "global 8", "mem 1GB", "tag:slow 5", "task:t 10/s burst 2", "tag:slow 5/m")
KEYS = (100, 10_000)
RUNNING = 16


def compiled(fans: int, folder: Path) -> Graph:
    """So many fan-outs of one task."""
    lines = "".join(f"r{i} = [t(i) for i in range(10)]\n" for i in range(fans))
    path = folder / f"live-{fans}.csc"
    path.write_text(f'task t(i: int) -> int {{\n  requires cpu = 0, mem = 1MB\n  tag slow\n  sh "echo 1"\n}}\n{lines}')
    return api.load_graph(path)


def full(graph: Graph, each: int) -> Simulation:
    """A run in which 16 tasks run, and all others are ready."""
    limit = parse_sentence(f"task:t {RUNNING}", graph)
    simulation = Simulation(graph, Scripted(each), words=[Word(Layer.COMMAND_LINE, limit)])
    while simulation.now_ns < FOREVER_NS:
        simulation.advance()
    assert len(simulation.state.running) == RUNNING
    ready = len(graph.nodes) // 2 * each - RUNNING - 1  # one has ended: that is how time came here
    assert simulation.state.ledger.waiting() == ready, "not all are ready"
    return simulation


def setting(simulation: Simulation, sentence: str, reps: int) -> list[float]:
    """Microseconds of each turn in which the sentence is said."""
    state = simulation.state
    limit = parse_sentence(sentence, state.plan.graph)
    took: list[float] = []
    for _ in range(reps):
        began = time.perf_counter_ns()
        before = state.ledger.capacities(limit.scope)
        events = step(state, [LimitGiven(word=Word(Layer.LIVE, limit))], simulation.now_ns)
        state.ledger.effect(limit.scope, before)
        took.append((time.perf_counter_ns() - began) / 1000)
        assert len(events) == 1, "nothing may start by a limit that is set"
        step(state, [LimitTaken(layer=Layer.LIVE, scope=limit.scope)], simulation.now_ns)
    return took


def first_start(simulation: Simulation, base: Path, reps: int) -> list[float]:
    """Milliseconds from the word that makes room to the start in the hands of who performs it."""
    state = simulation.state
    took: list[float] = []
    base.mkdir()
    with Journal.create(base / "journal.db") as journal:
        for rep in range(reps):
            word = Word(Layer.LIVE, parse_sentence(f"task:t {RUNNING + 1 + rep}", state.plan.graph))
            began = time.perf_counter_ns()
            before = state.ledger.capacities(word.limit.scope)
            events = step(state, [LimitGiven(word=word)], simulation.now_ns)
            rows = [
                AttemptRow(e.serial, e.key, "t", "log", simulation.now_ns)
                for e in events
                if isinstance(e, AttemptStarted)
            ]
            journal.commit(simulation.now_ns, events, rows)
            effects = take_effects(state)
            state.ledger.effect(word.limit.scope, before)
            took.append((time.perf_counter_ns() - began) / 1e6)
            assert len(rows) == sum(isinstance(effect, StartAttempt) for effect in effects) == 1
    return took


def keying(simulation: Simulation, keys: int) -> list[float]:
    """Milliseconds of CPU of each turn from `by` to the last key; which key a node has is told from its number."""
    state = simulation.state
    took: list[float] = []
    given: Input = LimitGiven(word=Word(Layer.LIVE, parse_sentence("task:t 2 by i", state.plan.graph)))
    while True:
        began = time.process_time_ns()
        step(state, [given], simulation.now_ns)
        asked = [effect for effect in take_effects(state) if isinstance(effect, KeyNodes)]
        took.append((time.process_time_ns() - began) / 1e6)
        if not asked:
            return took
        [ask] = asked
        keyed = tuple((node, str((node[0] * 1000 + node[-1]) % keys)) for node in ask.keys)
        given = NodesKeyed(by=ask.by, keyed=keyed)


def show(title: str, unit: str, rows: dict[str, list[float]]) -> None:
    """Medians in columns by how many are ready, and the last against the first."""
    print(f"{title:28} " + " ".join(f"{fans * each:>9}" for fans, each in SIZES) + f"  {unit}, last / first")
    for name, medians in rows.items():
        print(f"{name:28} " + " ".join(f"{value:9.2f}" for value in medians) + f"  {medians[-1] / medians[0]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=21)
    parser.add_argument("--base", type=Path, default=None)
    given = parser.parse_args()
    said: dict[str, list[float]] = {sentence: [] for sentence in SENTENCES}
    started: dict[str, list[float]] = {"median": [], "worst": []}
    keyed: dict[int, list[tuple[float, float, float]]] = {keys: [] for keys in KEYS}
    beside: dict[int, list[float]] = {keys: [] for keys in KEYS}
    gc.set_threshold(*COLLECT_AFTER)
    with tempfile.TemporaryDirectory(prefix="cascade-bench-", dir=given.base) as folder:
        for number, (fans, each) in enumerate(SIZES):
            graph = compiled(fans, Path(folder))
            simulation = full(graph, each)
            for sentence, medians in said.items():
                medians.append(median(setting(simulation, sentence, given.reps)))
            for keys, rows in keyed.items():
                other = full(graph, each)
                took = keying(other, keys)
                rows.append((sum(took), median(took), max(took)))
                beside[keys].append(median(setting(other, "global 8", given.reps)))
            took = first_start(simulation, Path(folder) / str(number), given.reps)
            started["median"].append(median(took))
            started["worst"].append(max(took))
    show("set, ready:", "µs", said)
    show("first start, ready:", "ms", started)
    for keys, rows in keyed.items():
        names = ("all turns", "median turn", "longest turn")
        figures = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        show(f"by, {keys} keys, ready:", "ms of CPU", figures)
        show(f"beside {keys} keys:", "µs", {"global 8": beside[keys]})
    print(load())


if __name__ == "__main__":
    main()
