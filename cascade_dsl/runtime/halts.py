"""Answers `pause`, `resume`, `drain` and `cancel` of one run, each with what the engine then did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..base.diagnostics import CascadeError, fail
from ..base.quantity import NS_PER_S, parse_duration_ns
from ..base.spellings import spellings
from ..base.suggest import did_you_mean
from ..engine.halted import is_in
from ..engine.halting import OPERATOR, is_over
from ..engine.inputs import (
    CancelAsked,
    DrainAsked,
    NodesCancelAsked,
    PauseAsked,
    ResumeAsked,
    ScopeCancelAsked,
)
from ..engine.plan import Site
from ..engine.state import At, State
from ..ir.graph import NodeKey
from ..ir.requirement import Scope
from ..ir.scopes import scopes_of
from ..limits.effects import Capacities
from ..limits.views import Effect
from .interpreter import Interpreter
from .names import Names

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\Z")
_NAMED = 5
_MACHINE = ("cpu", "mem", "gpu")


class Halts:
    """What stops, stands still and goes on."""

    def __init__(self, interpreter: Interpreter, names: Names) -> None:
        self._interpreter = interpreter
        self._state: State = interpreter.state
        self._names = names

    # -- pauses ---------------------------------------------------------------------------------------------------

    async def pause(self, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        """Nothing new starts in a scope, for a time perhaps; with `freeze` what runs stands still."""
        for_ns, until_minute, said = _time(request)
        given = PauseAsked(
            scope=scope,
            who=str(request.get("who", "")),
            because=str(request.get("because", "")),
            for_ns=for_ns,
            until_minute=until_minute,
            freezes="freeze" in request,
        )
        ledger = self._state.ledger

        def effect(before: Capacities) -> dict[str, Any]:
            found = ledger.effect(scope, before)
            frozen = sum(self._state.running[key].frozen_ns is not None for key in ledger.paused_holders(scope))
            paused = f"{scope} {'stays paused' if 'pause' in dict(before) else 'paused'}{said}"
            parts = [f"{frozen} frozen"] if frozen else []
            if found.running > frozen or not frozen:
                parts.append(f"{found.running - frozen} running go on")
            text = f"{paused}: {', '.join(parts)}, {found.waiting} waiting"
            end_ns = ledger.pause_end(scope)
            return {
                **self._told(found, text),
                "frozen": frozen,
                "until": None if end_ns is None else (end_ns + self._state.wall_ahead_ns) / NS_PER_S,
            }

        return await self._interpreter.order(given, lambda: ledger.capacities(scope), effect)

    async def resume(self, request: dict[str, Any], scope: Scope | None) -> dict[str, Any]:
        """A pause ends, or all; what stood still goes on."""
        given = ResumeAsked(scope=scope, who=str(request.get("who", "")), because=str(request.get("because", "")))
        ledger = self._state.ledger

        def before() -> tuple[Capacities, set[NodeKey]]:
            return ledger.capacities(scope), self._frozen()

        def effect(was: tuple[Capacities, set[NodeKey]]) -> dict[str, Any]:
            found = ledger.effect(scope, was[0])
            text = found.text
            if scope is not None and "pause" not in dict(was[0]):
                text = f"{scope} was not paused: {found.running} running, {found.waiting} waiting"
            now = self._frozen()
            thawed = len(was[1] - now)
            if thawed:
                text += f"; {thawed} thawed"
            if now:
                by = ", ".join(str(p.scope) for p in self._state.paused.values() if p.freezes)
                text += f"; {len(now)} frozen by the pause of {by}"
            return {**self._told(found, text), "thawed": thawed, "frozen": len(now)}

        return await self._interpreter.order(given, before, effect)

    def _frozen(self) -> set[NodeKey]:
        return {running.key for running in self._state.running.values() if running.frozen_ns is not None}

    def _told(self, found: Effect, text: str) -> dict[str, Any]:
        return {
            "run": self._interpreter.run_id,
            "scope": found.scope,
            "applied": True,
            "before": dict(found.before),
            "after": dict(found.after),
            "running": found.running,
            "waiting": found.waiting,
            "effect": text,
        }

    # -- the end of the run ---------------------------------------------------------------------------------------

    async def drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """The run ends when what runs is done."""
        given = DrainAsked(why=OPERATOR, who=str(request.get("who", "")), because=str(request.get("because", "")))
        return await self._interpreter.order(given, lambda: (self._state.phase, self._state.why), self._drained)

    def _drained(self, was: tuple[str, str]) -> dict[str, Any]:
        state = self._state
        if was[0] != "running":
            text = f"the run {'is being stopped' if was[0] == 'cancelling' else 'drains'} already: {was[1]}"
        elif not state.running:
            text = "nothing runs: the run ends; `cascade continue` goes on with it"
        else:
            left = self._left()
            stay = f", {left} not started stay for `cascade continue`" if left else ""
            text = f"drains: {_running(len(state.running), 'ends', 'end')}{stay}"
        frozen = len(self._frozen())
        if frozen and state.phase == "draining":
            text += f"; {frozen} frozen: the run cannot end before `cascade resume`"
        return self._ending(text, applied=was[0] == "running")

    async def cancel(self, request: dict[str, Any], scope: Scope | None) -> dict[str, Any]:
        """What runs is stopped and the run ends; or a node, or all in a scope, is not to run."""
        who, because = str(request.get("who", "")), str(request.get("because", ""))
        if scope is not None:
            return await self._cancel_scope(scope, who, because)
        if "what" in request:
            return await self._cancel_nodes(str(request["what"]), who, because)
        given = CancelAsked(why=OPERATOR, who=who, because=because)
        return await self._interpreter.order(given, lambda: (self._state.phase, self._stopping()), self._cancelled)

    def _cancelled(self, was: tuple[str, set[int]]) -> dict[str, Any]:
        state = self._state
        if was[0] == "cancelling":
            return self._ending(f"the run is being stopped already: {state.why}", applied=False)
        stopped = len(self._stopping() - was[1])
        left = self._left()
        rest = f", {left} not run" if left else ""
        publish = sum(running.plan is not None for running in state.running.values())
        ends = f", {_running(publish, 'publishes its results', 'publish their results')}" if publish else ""
        text = f"cancelled: {_running(stopped, 'is stopped', 'are stopped')}{ends}{rest}"
        return self._ending(f"{text}; `cascade continue` goes on with the run", applied=True)

    def _stopping(self) -> set[int]:
        return {running.serial for running in self._state.running.values() if running.stopping is not None}

    def _left(self) -> int:
        by = self._state.counts
        return by[At.COLD] + by[At.WAITING] + by[At.ASKED] + by[At.READY] + by[At.BACKOFF]

    def _ending(self, text: str, *, applied: bool) -> dict[str, Any]:
        return {
            "run": self._interpreter.run_id,
            "applied": applied,
            "running": len(self._state.running),
            "waiting": self._left(),
            "frozen": len(self._frozen()),
            "effect": text,
        }

    # -- one by one, and by scope ---------------------------------------------------------------------------------

    def means_scope(self, request: dict[str, Any]) -> bool:
        """Whether `cancel` is told a scope; CSC643 for a word that is both a resource and a node."""
        text, kind = str(request["what"]), request.get("as")
        if kind is not None:
            if kind not in ("node", "scope"):
                raise fail("CSC643", f"`--as` is node or scope, not `{kind}`")
            return kind == "scope"
        if _is_scope(text):
            return True
        if text not in self._resources():
            return False
        if not self._names_a_node(text):
            return True
        raise fail(
            "CSC643",
            f"`{text}` is a resource and a node of this program",
            help=f"say which one: `cascade cancel {text} --as node`, or `--as scope` for all that demand it",
        )

    def retries_scope(self, text: str) -> bool:
        """Whether `retry` is told a scope: of a word that is a resource and a node too, that which is cancelled."""
        return (
            _is_scope(text)
            or (text in self._resources() and not self._names_a_node(text))
            or Scope("resource", text) in self._state.condemned_scopes
        )

    def _resources(self) -> set[str]:
        return {*_MACHINE, *(scope for scope in scopes_of(self._state.plan.graph) if ":" not in scope)}

    def _names_a_node(self, text: str) -> bool:
        return any(site.node.name == text for site in self._state.plan.sites.values())

    async def _cancel_scope(self, scope: Scope, who: str, because: str) -> dict[str, Any]:
        state = self._state
        if scope in state.condemned_scopes and not any(is_in(state, key, scope) for key in state.pardoned):
            raise fail("CSC644", f"`{scope}` is cancelled already", help=f"`cascade retry {scope}` takes that back")
        given = ScopeCancelAsked(scope=scope, who=who, because=because)

        def effect(was: tuple[set[int], int]) -> dict[str, Any]:
            stopped = len(self._stopping() - was[0])
            ended = len(self._state.cancelled) - was[1]
            text = f"{scope} cancelled: {stopped} stopped, {ended} waiting do not start, nor does what comes later"
            return {
                "run": self._interpreter.run_id,
                "scope": str(scope),
                "applied": True,
                "stopped": stopped,
                "ended": ended,
                "effect": text,
            }

        return await self._interpreter.order(given, lambda: (self._stopping(), len(self._state.cancelled)), effect)

    async def _cancel_nodes(self, text: str, who: str, because: str) -> dict[str, Any]:
        keys = self._meant(text)
        given = NodesCancelAsked(keys=tuple(keys), who=who, because=because)

        def effect(was: set[int]) -> dict[str, Any]:
            running = self._state.running
            stopping = self._stopping() - was
            stopped = [key for key in keys if key in running and running[key].serial in stopping]
            busy = [key for key in keys if key in running and key not in stopped]
            names = [self._names.of(key) for key in keys[:_NAMED]]
            parts = [f"{len(stopped)} stopped"] if stopped else []
            parts += [f"{len(busy)} ending already"] if busy else []
            parts += [f"{idle} will not start"] if (idle := len(keys) - len(stopped) - len(busy)) else []
            if len(keys) == 1:
                one = "it is stopped" if stopped else "it is ending already" if busy else "it will not start"
                told = f"{names[0]} cancelled: {one}"
            else:
                told = f"{text} cancelled: {', '.join(parts)}"
            return {
                "run": self._interpreter.run_id,
                "cancelled": names + (["…"] if len(keys) > _NAMED else []),
                "applied": True,
                "stopped": len(stopped),
                "ended": len(keys) - len(stopped) - len(busy),
                "effect": told,
            }

        return await self._interpreter.order(given, self._stopping, effect)

    def _meant(self, text: str) -> list[NodeKey]:
        """The instances that have not ended and are meant by a name or a binding; CSC621, CSC644."""
        state = self._state
        wanted = set(spellings(text))
        stems = {name.partition("[")[0] for name in wanted}
        sites = [site for site in state.plan.sites.values() if site.node.name in stems]
        calls = [site for site in sites if site.is_call]
        named = [site for site in calls if site.node.name == text]
        found = [key for site in named for key in self._instances(site)]
        if not named:
            found = [key for site in calls for key in self._instances(site) if self._names.of(key) in wanted]
        left = [key for key in found if not is_over(state, key) and key not in state.condemned]
        if left:
            return left
        raise self._none(text, found, sites, calls)

    def _instances(self, site: Site) -> Iterator[NodeKey]:
        if site.body.parent is None:
            yield (site.id,)
            return
        for frame in list(self._state.frames.values()):
            if frame.body is site.body:
                yield from (frame.key(index, site.pos) for index in range(frame.count))

    def _none(self, text: str, found: list[NodeKey], sites: list[Site], calls: list[Site]) -> CascadeError:
        state = self._state
        if found:
            if any(key in state.condemned or key in state.cancelled for key in found):
                return fail("CSC644", f"`{text}` is cancelled already", help=f"`cascade retry {text}` takes that back")
            has = "has" if len(found) == 1 else "have all"
            return fail(
                "CSC644", f"`{text}` {has} ended: there is nothing to cancel", help="`cascade ps` shows what runs"
            )
        task = next((site.task.name for site in calls if site.task is not None), None)
        if task is not None and any(site.node.name == text for site in calls):
            return fail(
                "CSC644",
                f"nothing of `{text}` is known yet",
                help=f"`cascade cancel task:{task}` cancels what is there and what comes later",
            )
        if sites and not calls:
            return fail("CSC644", f"`{text}` is no task: there is nothing to cancel", help="name a node that runs")
        tasks = [task.name for task in state.plan.graph.tasks]
        if _is_scope(text):
            help = "that is a scope: leave `--as node` out"
        elif text in tasks:
            help = f"`cascade cancel task:{text}` cancels all of the task"
        else:
            names = dict.fromkeys(site.node.name for site in state.plan.sites.values() if site.is_call)
            running = [self._names.of(key) for key in state.running]
            help = did_you_mean(text, (*running, *names, *(f"task:{name}" for name in tasks))) or (
                "`cascade ps` shows what runs; a scope is written task:NAME or tag:NAME"
            )
        return fail("CSC621", f"nothing in this run is called `{text}`", help=help)


def _is_scope(text: str) -> bool:
    return text == "global" or ":" in text.partition("[")[0]


def _time(request: dict[str, Any]) -> tuple[int | None, int | None, str]:
    """For how long, or until which minute of the day, and how that is said; CSC646."""
    long, time = request.get("for"), request.get("until")
    if long is not None and time is not None:
        raise fail("CSC646", "a pause has `--for` or `--until`, not both", help="leave one of them out")
    if long is not None:
        for_ns = parse_duration_ns(str(long))
        if not for_ns or for_ns < 0:
            raise fail("CSC646", f"`--for` takes a duration, not `{long}`", help="write `--for 20m`")
        return for_ns, None, f" for {long}"
    if time is not None:
        found = _TIME.match(str(time))
        if found is None:
            raise fail("CSC646", f"`--until` takes a time of the day, not `{time}`", help="write `--until 08:00`")
        return None, int(found[1]) * 60 + int(found[2]), f" until {time}"
    return None, None, ""


def _running(number: int, one: str, many: str) -> str:
    return f"{number} running {one if number == 1 else many}"
