"""Answers about a live run: why a node waits, and what is in force. The engine explains, names and paths are put in here.

What is answered is bounded, however many nodes, pools and keys there are; it is plain JSON, which `report` makes text of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ..base.diagnostics import CascadeError, fail
from ..base.spellings import spellings
from ..base.suggest import nearest
from ..engine.plan import Site
from ..engine.state import ENDED, At, Frame, State
from ..engine.status import FailureView
from ..engine.waiting import Ending, How, Obstacle, Turn, Upstream, Why, why
from ..ir.graph import NodeKey
from ..limits.obstacles import Demand
from ..store.journal import JournalReader
from .names import Names
from .saying import said_json

_NEAR = 3
_GROUPS_SHOWN = 12
"""Of reasons for which instances of one name wait."""
_LABELS_LOOKED_AT = 20_000


class Answers:
    """Who is asked about a run."""

    def __init__(
        self,
        *,
        state: State,
        names: Names,
        reader: JournalReader,
        failure: Callable[[NodeKey], FailureView | None],
        pid_of: Callable[[int], int | None],
        log_of: Callable[[int], str],
        claims: Mapping[NodeKey, str],
        run: str,
        now_ns: Callable[[], int],
    ) -> None:
        self._state = state
        self._names = names
        self._reader = reader
        self._failure = failure
        self._pid_of = pid_of
        self._log_of = log_of
        self._claims = claims
        self._run = run
        self._now_ns = now_ns

    # ---- why --------------------------------------------------------------------------------------------------

    def why(self, node: str) -> dict[str, Any]:
        """Why a node waits, or what it does; of a name that means many, how many for each reason. CSC621, CSC660."""
        answer = {"run": self._run, "now_ns": self._now_ns(), "asked": node}
        key = self._instance(node)
        if key is not None:
            found = why(self._state, key)
            if found.how == "absent":
                raise self._no_item(self._state.site_of(key), node)
            return answer | {"node": self.json(found)}
        sites = self._sites(node)
        if len(sites) == 1 and sites[0].depth == 0:
            return answer | {"node": self.json(why(self._state, (sites[0].id,)))}
        if sites:
            return answer | self._many(sites)
        listed = self._listed(node)
        if listed is not None:
            return answer | {"node": listed}
        raise self._unknown(node)

    def _instance(self, node: str) -> NodeKey | None:
        """The instance of exactly that name, one that was started first of all."""
        names = spellings(node)
        for name in names:
            if not name.endswith("]"):
                continue
            base, _, labels = name[:-1].partition("[")
            found = [self._names.find(site, labels.split(",")) for site in self._named(base)]
            key = next((key for key in found if key is not None), None)
            if key is not None:
                return key
        started = self._reader.newest_attempt(names)
        return started if started is not None and len(started) > 1 else None

    def _named(self, name: str) -> list[Site]:
        """The sites of a name, calls before lists of the same name."""
        return sorted((s for s in self._state.plan.sites.values() if s.node.name == name), key=lambda s: not s.is_call)

    def _sites(self, name: str) -> list[Site]:
        """What a binding, or else a task, stands for."""
        found = self._named(name)
        calls = [site for site in found if site.is_call]
        if calls or found:
            return calls or found[:1]
        return [s for s in self._state.plan.sites.values() if s.task is not None and s.task.name == name]

    def _listed(self, node: str) -> dict[str, Any] | None:
        """An item of a list that is not known yet."""
        for name in spellings(node):
            if not name.endswith("]"):
                continue
            for site in self._named(name.partition("[")[0]):
                body = site.body
                while body.parent is not None and body.parent.body.parent is not None:
                    body = body.parent.body
                if body.parent is None:
                    continue
                region = (body.region,)
                frame = self._state.frames.get(region)
                if frame is None or not frame.closed:
                    source: Obstacle = Upstream(why=why(self._state, region), is_source=True)
                    return {
                        "node": name,
                        "task": _task(site),
                        "state": "unknown",
                        "waits_for": [self._obstacle(source)],
                    }
                raise self._no_item(site, name)
        return None

    def _no_item(self, site: Site, name: str) -> CascadeError:
        shown = ""
        if site.body.parent is not None and site.depth == 1:
            frame = self._state.frames.get((site.body.region,))
            if frame is not None and frame.count <= _LABELS_LOOKED_AT:
                items = [f"{site.node.name}[{label}]" for label in self._names.labels((site.body.region,))]
                wanted = spellings(name)[-1] if "[" not in name else name
                close = nearest(wanted, items, _NEAR) or items[:_NEAR]
                shown = ", ".join(f"`{item}`" for item in close)
        help = f"it has {shown}" if shown else f"`cascade why {site.node.name}` tells of all of them"
        return fail("CSC660", f"`{site.node.name}` has no item `{name}`", help=help)

    def _unknown(self, node: str) -> CascadeError:
        state = self._state
        known = dict.fromkeys(site.node.name for site in state.plan.sites.values())
        known |= dict.fromkeys(task.name for task in state.plan.graph.tasks)
        close = nearest(node.partition("[")[0], known, _NEAR)
        shown = " or ".join(f"`{name}`" for name in close)
        help = f"did you mean {shown}?" if close else "`cascade ps` shows what runs; bindings and tasks are names too"
        return fail("CSC621", f"nothing in this run is called `{node}`", help=help)

    # ---- limits ------------------------------------------------------------------------------------------------

    def limits(self) -> dict[str, Any]:
        """Every pool with what each layer says of it; pauses; words that are not in force, or whose scope is nothing's."""
        told = self._state.ledger.told
        views = {view.pool: view for view in self._state.ledger.pools()}
        pools: list[dict[str, Any]] = []
        idle: list[dict[str, Any]] = []
        alien: list[dict[str, Any]] = []
        for identity, dimension in told.subjects():
            scope, said = identity.scope, said_json(told, identity, dimension)
            view = views.get(str(identity))
            if said and scope.kind != "resource" and not told.applies(scope):
                alien += [{"scope": str(identity), **word} for word in said]
            elif view is not None:
                pools.append({**asdict(view), "said": said})
            else:
                idle += [{"scope": str(identity), **word} for word in said]
        order = {name: at for at, name in enumerate(views)}
        pools.sort(key=lambda pool: order[pool["pool"]])
        waiting = {name: view.waiting for name, view in views.items()}
        pauses = [{**self._pause(s), "waiting": waiting.get(f"pause {s}", 0)} for s in self._state.paused]
        return {
            "run": self._run,
            "now_ns": self._now_ns(),
            "pools": pools,
            "pauses": pauses,
            "idle": idle,
            "not_applicable": alien,
        }

    # ---- many -------------------------------------------------------------------------------------------------

    def _many(self, sites: list[Site]) -> dict[str, Any]:
        """Instances by reason: how many, and the first of them in full."""
        counts: dict[tuple[Any, ...], int] = {}
        first: dict[tuple[Any, ...], Why] = {}
        total = 0
        for site in sites:
            for frame in self._frames(site):
                states = frame.states[site.pos]
                total += len(states)
                for at in At:
                    if at == At.COLD or at >= ENDED:
                        number = states.count(at)
                        if number:
                            reason = (at.name, site.id)
                            counts[reason] = counts.get(reason, 0) + number
                            if reason not in first:
                                first[reason] = why(self._state, frame.key(states.find(at), site.pos))
                for index in sorted(frame.hot):
                    if At.COLD < states[index] < ENDED:
                        found = why(self._state, frame.key(index, site.pos))
                        reason = _reason(found)
                        counts[reason] = counts.get(reason, 0) + 1
                        first.setdefault(reason, found)
        if not total:
            site = sites[0]
            body = site.body
            while body.parent is not None and body.parent.body.parent is not None:
                body = body.parent.body
            region = why(self._state, (body.region,)) if body.parent is not None else why(self._state, (site.id,))
            return {"total": 0, "groups": [{"count": 0, "first": self.json(region)}]}
        order = sorted(counts, key=lambda reason: (_ORDER.index(first[reason].how), -counts[reason]))
        groups = [{"count": counts[reason], "first": self.json(first[reason])} for reason in order[:_GROUPS_SHOWN]]
        return {"total": total, "groups": groups, "groups_more": max(0, len(order) - _GROUPS_SHOWN)}

    def _frames(self, site: Site) -> Iterator[Frame]:
        if site.body.parent is None:
            yield self._state.root
        else:
            yield from (frame for frame in list(self._state.frames.values()) if frame.body is site.body)

    # ---- as JSON ----------------------------------------------------------------------------------------------

    def json(self, found: Why) -> dict[str, Any]:
        """An explanation as it travels: what does not apply is left out."""
        site = self._state.site_of(found.key)
        out: dict[str, Any] = {"node": self._names.of(found.key), "task": _task(site), "state": found.how}
        if site.inner is not None:
            out["is_list"] = True
        if found.since_ns is not None:
            out["since_ns"] = found.since_ns
        if found.question is not None:
            out["question"] = found.question
        if found.attempt:
            out["attempt"] = found.attempt
        if found.until_ns is not None:
            out["until_ns"] = found.until_ns
        if found.running is not None:
            r = found.running
            out["running"] = {
                "since_ns": r.since_ns,
                "attempt": r.attempt,
                "stopping": r.stopping,
                "publishes": r.publishes,
                "deadline_ns": r.deadline_ns,
                "frozen_ns": r.frozen_ns,
                "pid": self._pid_of(r.serial),
                "log": self._log_of(r.serial),
                "claim": self._claims.get(found.key),
            }
        if found.items:
            out["items"] = dict(found.items)
        if found.item is not None:
            out["item"] = self.json(found.item)
        waits = [self._obstacle(one) for one in found.obstacles]
        standing = found.standing
        if standing is not None:
            out["passes"] = standing.passes
            out["reserved"] = standing.is_reserved
            out["demands"] = [self._demand(one) for one in standing.demands]
            waits += [{"kind": "key", "by": by} for by in standing.unkeyed]
            waits += [{"kind": "pool", **self._demand(one)} for one in standing.refusing]
        out["waits_for"] = waits
        if found.more:
            out["waits_for_more"] = found.more
        if found.blame is not None:
            out["blame"] = self.json(found.blame)
        view = self._failure(found.key)
        if view is not None:
            out["failure"] = {"message": view.message, "attempts": view.attempts, "log": view.log}
        return out

    def _obstacle(self, one: Obstacle) -> dict[str, Any]:
        match one:
            case Upstream():
                return {"kind": "node", "files": one.files, "source": one.is_source, "node": self.json(one.why)}
            case Turn():
                return {"kind": "turn", "under_way": one.under_way, "ahead": one.ahead}
            case Ending():
                return {"kind": "ending", "phase": one.phase, "why": one.why}

    def _demand(self, one: Demand) -> dict[str, Any]:
        out: dict[str, Any] = {
            "pool": one.pool,
            "scope": str(one.identity.scope),
            "hold": one.identity.kind == "hold",
            "dimension": one.dimension,
            "need": one.need,
            "free": one.free,
            "capacity": one.capacity,
        }
        if one.key is not None:
            out |= {"by": one.identity.by, "key": one.key}
        if one.per_ns is not None:
            out |= {"amount": one.amount, "per_ns": one.per_ns, "due_ns": one.due_ns}
        if one.refuses:
            out |= {
                "pause": self._pause(str(one.identity.scope)) if one.is_pause else None,
                "starved": one.is_starved,
                "ahead": one.ahead,
                "holders": [self._holder(key, amount) for key, amount in one.holders],
                "holders_total": one.holders_total,
                "said": [] if one.is_pause else said_json(self._state.ledger.told, one.identity, one.dimension),
            }
            if one.kept:
                keeper = one.kept_for
                name = None if keeper is None else self._names.of(keeper)
                out |= {"kept": one.kept, "kept_for": name, "kept_passes": one.kept_passes}
        return out

    def _holder(self, key: NodeKey, amount: int) -> dict[str, Any]:
        running = self._state.running[key]
        return {"node": self._names.of(key), "amount": amount, "since_ns": running.since_ns}

    def _pause(self, scope: str) -> dict[str, Any]:
        paused = self._state.paused[scope]
        return {
            "scope": scope,
            "who": paused.who,
            "because": paused.because,
            "since_ns": paused.since_ns,
            "until_ns": self._state.ledger.pause_end(paused.scope),
            "freezes": paused.freezes,
        }


_ORDER: tuple[How, ...] = (
    "running", "ready", "backoff", "held", "cancelled", "evaluated", "open", "waiting", "cold", "unknown", "failed", "skipped", "done",
    "dropped", "ended", "absent",
)  # fmt: skip


def _task(site: Site) -> str:
    return site.task.name if site.task is not None else ""


def _reason(found: Why) -> tuple[Any, ...]:
    """What explanations have in common that are told as one."""
    parts: list[Any] = [found.how, found.key[0], found.question]
    for one in found.obstacles:
        match one:
            case Upstream():
                parts.append(one.why.key[0])
            case Turn() | Ending():
                parts.append(type(one).__name__)
    if found.standing is not None:
        parts += [(demand.pool, demand.kept_for is not None, demand.is_starved) for demand in found.standing.refusing]
    return tuple(parts)
