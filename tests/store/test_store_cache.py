"""The index of results: what it holds, what it takes from journals, and what it survives."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cascade_dsl.ir.events import AttemptFinished, Event, PlannedFile, PublishPlanned
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.store.cache import Cache, Entry, Kept, KeptFile, bundle_of
from cascade_dsl.store.journal import AttemptRow, Journal
from cascade_dsl.store.recipes import Part, recipe_of
from cascade_dsl.store.runs import Project, Run

A: NodeKey = (1,)
PARTS = (Part("body", "", "d1", "echo"), Part("input", "x", "=1", "1"), Part("file", "x:a", "d2", "5"))


def entry(recipe: str = "r", t_ns: int = 1, node: str = "a", value: str = "1", run: str = "old") -> Entry:
    return Entry(recipe=recipe, t_ns=t_ns, run=run, file="p.csc", node=node, task="t", value=value, used_ns=t_ns)


def same(one: Entry | None) -> tuple[object, ...] | None:
    """An entry without its row."""
    return None if one is None else (one.recipe, one.t_ns, one.file, one.node, one.task, one.value, one.files)


def run_with(project: Project, *events: Event, end: bool = True) -> Run:
    run = project.create(file="p.csc", pid=1, warden=None, now_ns=10**18)
    run.write_graph(json.dumps({"cascade_graph": 1, "graph": {"nodes": [{"_": "Call", "id": 1, "task": "t"}]}}))
    with Journal.create(run.journal) as journal:
        for number, event in enumerate(events):
            journal.commit(100 + number, [event], [AttemptRow(1, A, "a", "log", 1)] if number == 0 else ())
    if end:
        run.release()
    return run


def plan(folder: Path, run: str = "") -> PublishPlanned:
    scratch = str(folder / ".cascade" / "runs" / run / "scratch" / "1") if run else "s"
    kept = PlannedFile(scratch=scratch, final=str(folder / "out" / "a"), size=3, digest="d", inode=0)
    return PublishPlanned(key=A, epoch=0, attempt=1, files=(kept,), value='"out/a"', recipe="p")


def done(value: str | None = None, recipe: str = "", attempt: int = 1) -> AttemptFinished:
    return AttemptFinished(key=A, epoch=0, attempt=attempt, value=value, recipe=recipe)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.state.mkdir(mode=0o700)
    return made


def test_what_is_kept_is_found(project: Project) -> None:
    recipe = recipe_of(PARTS)
    cache = Cache(project, "now")
    kept = Kept(recipe.digest, bundle_of(PARTS[:1]), PARTS[:1], PARTS[1:])
    cache.keep([kept], [entry(recipe.digest), entry("other", node="b", t_ns=5)])
    cache.close()
    cache = Cache(project, "later")
    assert {k: same(v) for k, v in cache.find([recipe.digest, "none"]).items()} == {
        recipe.digest: same(entry(recipe.digest))
    }
    assert cache.recipe(recipe.digest) == recipe
    assert cache.recipe("none") is None
    assert same(cache.nearest("p.csc", "b", "t")) == same(entry("other", node="b", t_ns=5))
    assert cache.nearest("q.csc", "b", "t") is None
    assert [e.node for e in cache.entries()] == ["b", "a"]
    assert stat.S_IMODE((project.state / "cache.db").stat().st_mode) == 0o600


def test_the_newest_result_counts(project: Project) -> None:
    cache = Cache(project, "now")
    cache.keep(entries=[entry(t_ns=2, value="2"), entry(t_ns=1, value="1"), entry("s", t_ns=3)])
    assert cache.find(["r"])["r"].value == "2"
    assert same(cache.nearest("p.csc", "a", "t")) == same(cache.find(["s"])["s"]) == same(entry("s", t_ns=3))
    cache.keep(entries=[entry(t_ns=9, node="other name", value="9")])
    assert cache.find(["r"])["r"].value == "9"
    assert same(cache.nearest("p.csc", "a", "t")) == same(cache.find(["s"])["s"]) == same(entry("s", t_ns=3))


def test_a_result_that_is_not_the_newest_of_its_node_says_so(project: Project) -> None:
    cache = Cache(project, "now")
    cache.keep(entries=[entry("r", t_ns=1), entry("s", t_ns=2), entry("x", node="b", t_ns=3)])
    found = cache.find(["r", "s", "x"])
    assert {recipe: each.newest == each.id for recipe, each in found.items()} == {"r": False, "s": True, "x": True}


def test_many_are_found_at_once(project: Project) -> None:
    cache = Cache(project, "now")
    cache.keep(entries=[entry(f"r{i}", node=f"n{i}") for i in range(1200)])
    assert len(cache.find([f"r{i}" for i in range(1300)])) == 1200


def test_use_is_written_down(project: Project) -> None:
    cache = Cache(project, "now")
    cache.keep(entries=[entry()])
    (found,) = cache.entries()
    cache.keep(used=[found._replace(used_ns=77)])
    assert cache.entries()[0].used_ns == 77
    assert cache.entries()[0].t_ns == 1


def test_what_is_removed_takes_its_recipe_along(project: Project) -> None:
    cache = Cache(project, "now")
    cache.keep([Kept(r, bundle_of(PARTS), PARTS, ()) for r in ("r", "s", "t")], [entry("r"), entry("s")])
    cache.remove([e.id for e in cache.entries() if e.recipe == "r"])
    assert (cache.recipe("r"), cache.recipe("s") is None, cache.recipe("t") is None) == (None, False, False)
    cache.keep([Kept("u", bundle_of(PARTS), PARTS, ())], [entry("u")])
    assert cache.recipe("u") is not None
    cache.end_run(["t", "u"])
    assert (cache.recipe("t"), cache.recipe("u") is None) == (None, False)


# ---- journals ---------------------------------------------------------------------------------------------------


def test_results_of_a_run_that_died_are_taken_from_its_journal(project: Project) -> None:
    run = run_with(project, done("5", "r"))
    found = Cache(project, "now").find(["r"])["r"]
    assert same(found) == same(entry(t_ns=100, value="5"))
    assert found.run == run.id


def test_a_plan_counts_once_it_is_carried_out(project: Project) -> None:
    run_with(project, plan(project.folder), done())
    assert Cache(project, "now").find(["p"])["p"].files == (KeptFile("out/a", 3, "d"),)


@pytest.mark.parametrize("events", [(plan(Path("/x")),), (done("5"),), ()])
def test_what_is_not_finished_or_not_to_be_kept_is_not(project: Project, events: tuple[Event, ...]) -> None:
    run_with(project, *events)
    assert Cache(project, "now").entries() == []


def test_a_finish_is_that_of_its_own_attempt(project: Project) -> None:
    run_with(project, plan(project.folder), done("7", "r", attempt=2))
    assert [e.recipe for e in Cache(project, "now").entries()] == ["r"]


def test_a_journal_that_was_made_elsewhere_tells_of_this_project(project: Project) -> None:
    run = run_with(project, plan(Path("/before"), "RUN"), done())
    with Journal.open(run.journal) as journal:
        assert len(list(journal.events())) == 2
        journal.commit(500, [plan(Path("/before"), run.id)])
        journal.commit(501, [done()])
    assert Cache(project, "now").find(["p"])["p"].files == (KeptFile("out/a", 3, "d"),)


def test_a_live_run_is_not_read_and_an_ended_one_not_twice(project: Project) -> None:
    live = run_with(project, done("1", "live"), end=False)
    ended = run_with(project, done("2", "ended"))
    Cache(project, ended.id).end_run()
    assert Cache(project, "now").entries() == []
    live.release()
    assert [e.recipe for e in Cache(project, "now").entries()] == ["live"]
    went_on = Cache(project, ended.id)
    went_on.begin_run()
    assert sorted(e.recipe for e in went_on.entries()) == ["ended", "live"]


def test_a_damaged_journal_tells_of_nothing(project: Project) -> None:
    run = run_with(project, done("1", "r"))
    run.journal.write_bytes(b"no journal" * 1000)
    cache = Cache(project, "now")
    assert cache.entries() == []
    cache.keep(entries=[entry()])
    assert len(cache.entries()) == 1


# ---- damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rubbish", [b"rubbish" * 1000, b""])
def test_an_index_that_cannot_be_read_is_made_anew(project: Project, rubbish: bytes) -> None:
    run_with(project, done("5", "r"))
    assert Cache(project, "now").find(["r"])
    (project.state / "cache.db").write_bytes(rubbish)
    assert Cache(project, "now").find(["r"])


def test_an_index_of_another_version_is_made_anew(project: Project) -> None:
    import sqlite3

    cache = Cache(project, "now")
    cache.keep(entries=[entry()])
    cache.close()
    db = sqlite3.connect(project.state / "cache.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert Cache(project, "now").entries() == []


def test_where_nothing_can_be_written_nothing_is_known(tmp_path: Path) -> None:
    cache = Cache(Project(tmp_path / "no" / "where"), "now")
    cache.keep(entries=[entry()])
    cache.end_run()
    assert (cache.find(["r"]), cache.entries(), cache.nearest("p.csc", "a", "t"), cache.recipe("r")) == (
        {},
        [],
        None,
        None,
    )


def test_two_write_at_once(project: Project) -> None:
    one, other = Cache(project, "one"), Cache(project, "other")
    for number in range(20):
        one.keep([Kept(f"a{number}", bundle_of(PARTS), PARTS, ())], [entry(f"a{number}", node=f"a{number}")])
        other.keep([Kept(f"b{number}", bundle_of(PARTS), PARTS, ())], [entry(f"b{number}", node=f"b{number}")])
    assert len(one.entries()) == len(other.entries()) == 40
    assert one.recipe("b3") is not None
