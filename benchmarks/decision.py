"""Cost of a decision, one finish and the start that it makes room for, with 100 and with 10 000 ready nodes.

    python benchmarks/decision.py [--reps 15]

`step` itself, on a compiled program, driven by the simulation shell until 16 tasks run; then 80 times: one of them ends,
and the wall time of `step` and `take_effects` is taken. 100 fan-outs of the same task hold 2 or 101 instances each, so
that what differs is how many are ready (184 to 104 of them; 10 084 to 10 004): one fan-out has at most 1024 live
instances. *equal*: every instance asks the same. *varying*: each asks for memory of its own amount, and memory is what
is short: among more that are ready there are more small ones to fill a gap with, so that a decision starts more than
one. Target: a ratio of about 1.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from scripted import FOREVER_NS, MB, Scripted
from sidebyside import load

from cascade_dsl import api
from cascade_dsl.engine.inputs import AttemptSucceeded
from cascade_dsl.engine.step import step, take_effects
from cascade_dsl.ir.events import AttemptStarted, Word
from cascade_dsl.ir.graph import Graph
from cascade_dsl.ir.requirement import Layer, Limit, Scope
from cascade_dsl.testing.simulate import Simulation

FAN_OUTS = 100
FEW, MANY = 2, 101
DECISIONS = 80
RUNNING = 16
MEAN_MB = 51
DEMANDS = {"equal": "cpu = 1", "varying": "cpu = 1, mem = (i * 7 % 101 + 1) * 1MB"}


def compiled(demand: str, folder: Path) -> Graph:
    """100 fan-outs of one task with that demand."""
    fans = "".join(f"r{i} = [t(i) for i in range(10)]\n" for i in range(FAN_OUTS))
    path = folder / "decision.csc"
    path.write_text(f'task t(i: int) -> int {{\n  requires {demand}\n  sh "echo 1"\n}}\n{fans}')
    return api.load_graph(path)


def decisions(graph: Graph, each: int) -> tuple[list[float], int]:
    """Microseconds of each decision, and how many started in them all."""
    cpu, mem = Scope("resource", "cpu"), Scope("resource", "mem")
    cores = RUNNING * 1000 if len(graph.tasks[0].clauses.requires) == 1 else 1000 * 1000
    words = [
        Word(Layer.MACHINE, Limit(scope=cpu, amount=cores)),
        Word(Layer.MACHINE, Limit(scope=mem, amount=RUNNING * MEAN_MB * MB)),
    ]
    simulation = Simulation(graph, Scripted(each), words=words)
    while simulation.now_ns < FOREVER_NS:  # until nothing is left to do but to wait for an end
        simulation.advance()
    state = simulation.state
    took: list[float] = []
    started = 0
    for _ in range(DECISIONS):
        key, running = next(iter(state.running.items()))
        end = AttemptSucceeded(key=key, epoch=running.epoch, attempt=running.attempt, value="1")
        began = time.perf_counter_ns()
        events = step(state, [end], simulation.now_ns)
        take_effects(state)
        took.append((time.perf_counter_ns() - began) / 1000)
        started += sum(isinstance(event, AttemptStarted) for event in events)
    assert state.ledger.waiting() > FAN_OUTS * each - DECISIONS * 2 - RUNNING * 2
    return took, started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=15)
    reps: int = parser.parse_args().reps
    print(f"{'amounts':8} {'ready':>6} {'median µs':>9} {'starts':>6} {'µs/start':>8}  ratio of medians, of µs/start")
    with tempfile.TemporaryDirectory(prefix="cascade-bench-") as folder:
        for name, demand in DEMANDS.items():
            graph = compiled(demand, Path(folder))
            took: dict[int, list[float]] = {FEW: [], MANY: []}
            starts = dict.fromkeys(took, 0)
            for _ in range(reps):
                for each, rows in took.items():
                    more, started = decisions(graph, each)
                    rows += more
                    starts[each] += started
            few = sum(took[FEW]) / starts[FEW]
            for each, rows in took.items():
                mid, start = median(rows), sum(rows) / starts[each]
                print(
                    f"{name:8} {each * FAN_OUTS:6} {mid:9.1f} {starts[each] / len(rows):6.2f} {start:8.1f}  "
                    f"{mid / median(took[FEW]):.2f} {start / few:.2f}"
                )
    print(load())


if __name__ == "__main__":
    main()
