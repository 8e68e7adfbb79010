"""Pictures of runs at instants, made by hand: what reports are tested on."""

from __future__ import annotations

from typing import Any

from cascade_dsl.engine.status import (
    ChangeView,
    FailureView,
    NodeCounts,
    Ran,
    RetryView,
    RunningView,
    Status,
    WaitView,
)
from cascade_dsl.limits.views import PoolView
from cascade_dsl.report.result import RunResult

S = 1_000_000_000


def pool(name: str, capacity: int | None, taken: int, waiting: int = 0, dimension: Any = "count") -> PoolView:
    return PoolView(
        pool=name, kind="hold", dimension=dimension, capacity=capacity, taken=taken, holders=taken, waiting=waiting
    )


FAILURE = FailureView(name="pages[oslo]", task="fetch", exit=127, attempts=4, allowed=4, message="exit 127", log="")
STATUS = Status(
    run="20261123-215501-k3f",
    file="words.csc",
    now_ns=100 * S,
    started_ns=5 * S,
    nodes=NodeCounts(waiting=20, ready=9, running=3, backoff=1, done=12, failed=1, skipped=2, open_ended=True),
    running=(
        RunningView(
            name="pages[a-page-with-a-very-long-name-indeed-too-long]", task="fetch", attempt=1, since_ns=20 * S
        ),
        RunningView(name="pages[oslo]", task="fetch", attempt=2, since_ns=97 * S, pid=7),
        RunningView(name="rank", task="rank", attempt=1, since_ns=100 * S),
    ),
    running_total=3,
    pools=(
        pool("cpu", 16000, 3000, 0, "millicpu"),
        pool("mem", 16 * 10**9, 12 * 10**9, 4, "bytes"),
        pool("task:fetch", 3, 3, 9),
        pool("pause task:count", 0, 0, 2),
    ),
    waits=(
        WaitView(task="align", pool="mem", count=4),
        WaitView(task="fetch", pool="task:fetch", count=9),
        WaitView(task="big", pool="mem", count=1, starved="big needs mem 64GB, the limit is 16GB"),
        WaitView(task="count", pool="pause task:count", count=2),
    ),
    paused=("task:count",),
    failures=(FAILURE,),
    phase="running",
    retries=(
        RetryView(name="pages[rome]", task="fetch", attempt=2, allowed=4, due_ns=108 * S, message="exit 22"),
    ),
    changes=(
        ChangeView(kind="limit", scope="task:fetch", amount=3, who="ann", because="the API complains"),
        ChangeView(kind="pause", scope="task:count", who="ann", because="lunch"),
    ),
)  # fmt: skip
MANY = Status(
    run="r",
    file="t.csc",
    now_ns=60 * S,
    started_ns=0,
    nodes=NodeCounts(waiting=58_000, ready=1_000, running=200, done=40_000, failed=700, skipped=100),
    running=tuple(
        RunningView(name=f"pages[{i}]", task="fetch", attempt=1, since_ns=(10 + i) * S if i < 40 else 60 * S)
        for i in range(50)
    ),
    running_total=200,
    pools=(pool("task:fetch", 200, 200, 1000),),
    waits=(WaitView(task="fetch", pool="task:fetch", count=1000),),
    paused=(),
    failures=(),
    phase="running",
    is_even=True,
)
RESULT = RunResult(
    run="r1",
    status="done",
    interrupted=False,
    outputs={
        "words": "out/words.csv",
        "n": 3,
        "all": ["a", 1.5, None],
        "text": "two\nlines",
        "none": None,
        "yes": True,
    },
    nodes=NodeCounts(done=12),
    failures=(),
    seconds=3.44,
)
SCRIPT = Ran(
    kind="sh",
    text="echo a 'b;c'\nfrobnicate 'x y' \\\n  -o \"prex y\"\n",
    line=20,
)
"""With its values put in; its body begins at line 20 of the file."""
