"""Limits with `by` in real runs: in the file, from a second terminal, taken back, and after the engine was killed."""

from __future__ import annotations

import os
import signal
from collections import Counter

from live_runs import Project

from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    Event,
    FactsKnown,
    Keyed,
    RunContinued,
)

COUNT = 24
HOSTS = "abc"
PROGRAM = """\
LIMIT

task work(host: str, i: int) -> str {
  requires cpu = 0.01
  CLAUSE
  sh "cat gate/{{i}} > /dev/null; echo {{i}} >> ended; echo {{host}}-{{i}}"
}

got = [work(["a", "b", "c"][i % 3], i) for i in range(24)]
output items = got
"""


def begin(project: Project, limit: str = "", clause: str = "", running: int = 6) -> None:
    project.write("work.csc", PROGRAM.replace("LIMIT", limit).replace("CLAUSE", clause))
    project.fifos(range(COUNT))
    project.start("run", "work.csc")
    project.wait_live()
    project.wait_running(running)


def host(key: tuple[int, ...]) -> str:
    return HOSTS[key[-1] % 3]


def peaks(events: list[tuple[int, Event]]) -> dict[str, int]:
    """The most that ran at once of each host, by the journal."""
    running: set[tuple[int, ...]] = set()
    found: Counter[str] = Counter()
    for _, event in events:
        if isinstance(event, AttemptStarted):
            running.add(event.key)
            found[host(event.key)] = max(found[host(event.key)], sum(host(k) == host(event.key) for k in running))
        elif isinstance(event, AttemptFinished | AttemptFailed | AttemptLost):
            running.discard(event.key)
    return dict(found)


def end(project: Project) -> list[tuple[int, Event]]:
    """Let all go on to the end, everything having run once; the journal."""
    project.open_gates()
    done = project.finish()
    assert done.code == 0, done
    assert done.out == "items = [" + ", ".join(f'"{HOSTS[i % 3]}-{i}"' for i in range(COUNT)) + "]\n"
    assert sorted(map(int, project.lines("ended"))) == list(range(COUNT))
    return project.events()


def started(project: Project) -> set[int]:
    return {event.key[-1] for _, event in project.of(AttemptStarted)}


def test_two_of_each_host_run_by_a_clause_of_the_task(project: Project) -> None:
    begin(project, clause="limit 2 by host")
    assert started(project) == set(range(6))
    project.open_gate(0)
    project.wait_started(7)
    assert started(project) == set(range(7)), "the next of the same host"
    project.open_gate(4)
    project.open_gate(6)
    project.wait_started(9)
    assert started(project) == {*range(7), 7, 9}
    events = end(project)
    assert peaks(events) == {"a": 2, "b": 2, "c": 2}
    known = [event.facts.keys for _, event in events if isinstance(event, FactsKnown)]
    assert Counter(known) == {(("host", name),): COUNT // 3 for name in HOSTS}


def test_a_limit_by_host_from_a_second_terminal_counts_what_runs_and_is_taken_back(project: Project) -> None:
    begin(project, limit="limit task:work 6")
    assert project.cascade("limit", "task:work", "1", "by", "host").code == 0
    project.wait(lambda: sum(len(e.keyed) for _, e in project.of(Keyed)) == COUNT, "all keys")
    asked = [[key[-1] for key, _ in event.keyed] for _, event in project.of(Keyed)]
    assert asked == [list(range(6)), list(range(6, COUNT))], "what runs first"
    assert {text for _, event in project.of(Keyed) for key, text in event.keyed if key[-1] % 3 == 1} == {"b"}
    for gate in (0, 1, 2):
        project.open_gate(gate)
    project.wait_running(3)
    project.wait_for("ended", 3)
    assert started(project) == set(range(6)), "one of each host runs: nothing starts"
    project.open_gate(3)
    project.wait_started(7)
    assert started(project) == set(range(7))
    assert peaks(project.events()) == {"a": 2, "b": 2, "c": 2}
    assert project.cascade("unlimit", "task:work").code == 0
    project.wait_running(6)
    assert started(project) == set(range(10)), "the limit of the file stands, the oldest start"
    end(project)


def test_a_killed_run_goes_on_with_its_limits_by_host_and_the_keys_that_it_knew(project: Project) -> None:
    begin(project, clause="limit 4 by host", running=12)
    assert project.cascade("limit", "task:work", "1", "by", "upper(host)").code == 0
    project.wait(lambda: sum(len(e.keyed) for _, e in project.of(Keyed)) == COUNT, "all keys")
    before = project.ps()
    os.kill(before["pid"], signal.SIGKILL)
    (run,) = project.runs()
    project.wait(lambda: project.alive() == [], "the end of the run")
    killed_at = len(project.events())

    project.start("continue")
    project.wait_live()
    project.wait_running(3)
    tail = [event for _, event in project.events(run)[killed_at:]]
    assert Counter(type(event) for event in tail) == {AttemptLost: 12, RunContinued: 1, AttemptStarted: 3}
    assert sorted(host(e.key) for e in tail if isinstance(e, AttemptStarted)) == ["a", "b", "c"]
    events = end(project)
    assert peaks(events[killed_at:]) == {"a": 1, "b": 1, "c": 1}
    assert sum(isinstance(e, FactsKnown | Keyed) for _, e in events[killed_at:]) == 0


def test_a_key_by_a_regular_expression_comes_from_a_worker(project: Project) -> None:
    begin(project, clause='limit 1 by matches(host, "^[ab]")', running=2)
    assert {host((i,)) for i in started(project)} == {"a", "c"}
    end(project)


def test_what_has_no_key_is_counted_together_and_said_once(project: Project) -> None:
    project.write("work.csc", PROGRAM.replace("LIMIT", "").replace("CLAUSE", 'limit 1 by split(host, "b")[1]'))
    project.fifos(range(COUNT))
    run = project.start("run", "work.csc")
    project.wait_live()
    project.wait_running(2)
    assert {host((i,)) for i in started(project)} == {"a", "b"}, "`?` is a key as any other"
    end(project)
    assert [line for line in run.err.splitlines() if "`by" in line] == [
        '`by split(host, "b")[1]` has no value for a call of `work`, which is counted under `?`: '
        'there is no index 1, there is 1 item, in `split(host, "b")[1]`'
    ]


def said(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.err) == (0, ""), done
    return done.out


def test_a_reload_brings_another_by_and_other_inputs(project: Project) -> None:
    begin(project, clause="limit 2 by host")
    path = project.folder / "work.csc"
    text = path.read_text()
    path.write_text(text.replace("limit 2 by host", "limit 1 by upper(host)"))
    assert said(project, "reload") == (
        "limits: task:work 2 by host is gone\nlimits: task:work 1 by upper(host) is new\n"
    )
    project.wait(lambda: sum(len(e.keyed) for _, e in project.of(Keyed)) == COUNT, "all keys")
    assert {key for _, event in project.of(Keyed) for _, key in event.keyed} == {"A", "B", "C"}
    before = len(project.events())
    path.write_text(path.read_text().replace('["a", "b", "c"][i % 3]', '["a", "a", "a"][i % 3]'))
    said(project, "reload")
    project.wait(lambda: sum(isinstance(e, FactsKnown) for _, e in project.events()[before:]) == COUNT - 6, "keys")
    assert {e.facts.keys for _, e in project.events()[before:] if isinstance(e, FactsKnown)} == {
        (("upper(host)", "A"),)
    }
    project.open_gates()
    assert project.finish().code == 0
    running: set[int] = set()
    for at, (_, event) in enumerate(project.events()):
        if isinstance(event, AttemptStarted):
            running.add(event.key[-1])
            fresh = {i for i in running if i >= 6}
            assert at < before or len(fresh) == 1, "the new inputs have one key"
        elif isinstance(event, AttemptFinished):
            running.discard(event.key[-1])


def test_what_looks_at_such_a_run_reads_it(project: Project) -> None:
    begin(project, clause="limit 2 by host")
    assert project.cascade("limit", "task:work", "3", "by", "upper(host)").code == 0
    end(project)
    assert "  24 done\n" in said(project, "show")
    assert said(project, "why-run", "got[3]").startswith("got[3] is up to date")
    for text in ("limit 2 by host", "limit 1 by lower(host)", ""):
        project.write("work.csc", PROGRAM.replace("LIMIT", "").replace("CLAUSE", text))
        again = project.cascade("run", "work.csc", "--dry-run")
        assert again.code == 0
        assert again.err.endswith("0 tasks would run, 24 are up to date\n"), (
            "a limit is no part of what a result is made of"
        )


def test_what_is_too_much_of_a_host_gives_way(project: Project) -> None:
    begin(project, limit="limit task:work 6")
    done = project.cascade("limit", "task:work 1 by host", "--preempt")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "task:work by host no limit → 1: 0 keys, 6 running, the keys of 6 are being looked for, 18 waiting; "
        "what is too much of a key is stopped when the keys are known\n"
    )
    project.wait(lambda: len(project.of(AttemptLost)) == 3, "one of each host that gave way")
    assert sorted(event.key[-1] for _, event in project.of(AttemptLost)) == [3, 4, 5]
    project.wait_running(3)
    done = project.cascade("limit", "task:work", "1", "by", "host", "--preempt")
    assert done.out == "task:work by host stays at 1: 3 keys, 3 running, 21 waiting; nothing is stopped\n"
    assert project.cascade("unlimit", "task:work").code == 0
    project.open_gates()
    assert project.finish().code == 0
    assert {event.attempt for _, event in project.of(AttemptStarted)} == {1}
