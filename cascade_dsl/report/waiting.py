"""Why a node of a live run waits, as text: one sentence, what it lacks and who has that, and what would let it start.

Reads the answer of the control verb `why`. Standard library only, and little of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..base.spellings import dotted
from .cells import printable
from .instants import clock, left
from .limits import pause_text, word_text, wrapped
from .words import elapsed, rate, show_amount

_NODES_SHOWN = 3


def why_lines(answer: Mapping[str, Any], columns: int) -> list[str]:
    """The explanation, its first line a sentence that stands for itself."""
    told = _Told(int(answer["now_ns"]))
    if "node" in answer:
        rows = list(told.node(answer["node"], 0))
    else:
        rows = list(told.many(str(answer["asked"]), answer))
    return [line for indent, text in rows for line in wrapped(text, max(columns, 30), indent)]


class _Told:
    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    # ---- one node -----------------------------------------------------------------------------------------------

    def node(self, node: Mapping[str, Any], indent: int) -> Iterator[tuple[int, str]]:
        """A sentence, and below it why, down to the first that runs or waits for something else than a node."""
        yield indent, self.sentence(node)
        inner = indent if indent else 2
        for one in node["waits_for"]:
            if one["kind"] == "pool":
                yield from ((indent + 2, text) for text in self.demand(node, one))
        if node["state"] == "ready":
            yield from ((indent + 2, text) for text in self.order(node))
        for one in node["waits_for"]:
            if one["kind"] == "node":
                yield from self.node(one["node"], inner)
        if node.get("item"):
            yield from self.node(node["item"], inner)

    def sentence(self, node: Mapping[str, Any]) -> str:
        """What a node does, or waits for."""
        name = node["node"]
        shown = dotted(name)
        match node["state"]:
            case "ready":
                return self.ready(node)
            case "waiting":
                found = [one["node"]["node"] for one in node["waits_for"] if one["kind"] == "node"]
                more = int(node.get("waits_for_more", 0))
                what = _list([*found, *([f"{more} more"] if more else [])])
                again = any(one.get("files") for one in node["waits_for"])
                files = ", whose temporary files are made again" if again else ""
                over = ", over whose list it goes" if any(one.get("source") for one in node["waits_for"]) else ""
                return f"{name} waits for {what}{files}{over}{self.ending(node)}" if what else self.not_begun(node)
            case "cold" | "unknown":
                return self.not_begun(node)
            case "evaluated":
                return f"{_QUESTIONS[node['question']].format(name)}{self.ending(node)}"
            case "backoff":
                due = node.get("until_ns")
                when = f" {left(due, self.now_ns)}, at {clock(due, self.now_ns)}" if due else ""
                said = node.get("failure", {}).get("message") or ""
                failed = f"attempt {node['attempt']} failed" + (f": {printable(said)}" if said else "")
                return f"{name} is tried again{when}: {failed}{self.ending(node)}; `cascade retry {shown}` runs it now"
            case "held":
                return f"{name} failed and is held{self.failure(node)}; `cascade retry {shown}` runs it again"
            case "running":
                return self.running(node)
            case "open":
                counted = ", ".join(f"{count} {state}" for state, count in node.get("items", {}).items())
                return f"{name} is under way: {counted}" if counted else f"{name} is under way"
            case "done":
                return f"{name} is done; `cascade why-run {shown}` tells whether it would run again"
            case "failed":
                return f"{name} failed{self.failure(node)}{self.blamed(node, ': ')}; `cascade log {shown}` shows what it wrote"
            case "skipped":
                return f"{name} was skipped" + self.blamed(node, ": ")
            case "dropped":
                return f"{name} was left out: the condition of its list is false for it"
            case "cancelled":
                return f"{name} was cancelled; `cascade retry {shown}` runs it after all"
            case _:
                return f"{name} has ended; `cascade show` tells how"

    def ready(self, node: Mapping[str, Any]) -> str:
        name = node["node"]
        pools = [one for one in node["waits_for"] if one["kind"] == "pool"]
        keys = [one["by"] for one in node["waits_for"] if one["kind"] == "key"]
        starved = next((one for one in pools if one["starved"] and not one["pause"]), None)
        paused = [one for one in pools if one["pause"]]
        ending = self.ending(node)
        if ending:
            return f"{name} does not start{ending}"
        if paused:
            return f"{name} waits: {_list([_scope(one['scope']) for one in paused])} {'is' if len(paused) == 1 else 'are'} paused"
        if starved is not None:
            need, most = (show_amount(starved["dimension"], starved[part]) for part in ("need", "capacity"))
            what = "the burst" if starved.get("per_ns") else "the limit"
            if not starved["capacity"] and not _is_resource(starved):
                return f"{name} waits: {starved['pool']} is limited to 0"
            return f"{name} is starved: {node['task']} needs {starved['pool']} {need}, {what} is {most}"
        if keys:
            return f"{name} waits until {_list([f'`{key}`' for key in keys])} is known for it"
        if not pools:
            return f"{name} has all that it needs: it starts at once"
        since = f", for {elapsed(node['since_ns'], self.now_ns)}" if node.get("since_ns") else ""
        return f"{name} waits for {_list([_pool(one) for one in pools])}{since}"

    def ending(self, node: Mapping[str, Any]) -> str:
        for one in node["waits_for"]:
            if one["kind"] == "ending":
                what = {"draining": "ends when what runs is done", "cancelling": "is cancelled"}.get(
                    one["phase"], "has ended"
                )
                return f": the run {what}" + (f" ({printable(one['why'])})" if one["why"] else "")
        return ""

    def not_begun(self, node: Mapping[str, Any]) -> str:
        name = node["node"]
        ending = self.ending(node)
        source = next((one for one in node["waits_for"] if one["kind"] == "node"), None)
        turn = next((one for one in node["waits_for"] if one["kind"] == "turn"), None)
        if node["state"] == "unknown":
            of = f": its list comes with {source['node']['node']}" if source else ""
            return f"{name} is not known yet{of}{ending}"
        if source is not None:
            return f"{name} has not begun: it goes over what {source['node']['node']} gives{ending}"
        if turn is not None and not ending:
            before = f", {turn['ahead']} come before it" if turn["ahead"] else ", it is the next"
            return f"{name} has not begun: {turn['under_way']} items of its list are under way{before}"
        return f"{name} has not begun{ending}"

    def running(self, node: Mapping[str, Any]) -> str:
        name, run = node["node"], node["running"]
        shown = dotted(name)
        time = elapsed(run["since_ns"], self.now_ns)
        if run.get("claim"):
            return f"{name} waits for `{printable(run['claim'])}`, which another live run publishes, for {time}"
        if run["publishes"]:
            return f"{name} is done, its files are being put in their places"
        if run["stopping"]:
            return f"{name} is being stopped ({run['stopping']})"
        frozen = f", frozen for {elapsed(run['frozen_ns'], self.now_ns)}" if run.get("frozen_ns") else ""
        attempt = f", attempt {run['attempt']}" if run["attempt"] > 1 else ""
        deadline = run.get("deadline_ns")
        late = f", its timeout is over {left(deadline, self.now_ns)}" if deadline and not frozen else ""
        return (
            f"{name} has been running for {time}{attempt}{frozen}{late}; `cascade log {shown} -f` shows what it writes"
        )

    def failure(self, node: Mapping[str, Any]) -> str:
        said = node.get("failure", {}).get("message")
        return f": {printable(said)}" if said else ""

    def blamed(self, node: Mapping[str, Any], lead: str) -> str:
        blame = node.get("blame")
        return f"{lead}{blame['node']} failed{self.failure(blame)}" if blame else ""

    # ---- pools --------------------------------------------------------------------------------------------------

    def demand(self, node: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[str]:
        """What does not fit, who has it, what is said of it and what would let the node start."""
        if one["pause"]:
            yield f"{pause_text(one['pause'], self.now_ns)}; `cascade resume {one['scope']}` lifts it"
            return
        dimension = one["dimension"]
        need = show_amount(dimension, one["need"])
        if one.get("per_ns"):
            there = show_amount(dimension, max(0, one["free"]))
            due = one.get("due_ns")
            when = f"; there {left(due, self.now_ns)}, at {clock(due, self.now_ns)}" if due else ""
            yield f"{one['pool']}: {rate(one['amount'], one['per_ns'], dimension)}: it needs {need}, {there} there{when}"
        else:
            most = show_amount(dimension, one["capacity"])
            if one["free"] < 0:
                over = show_amount(dimension, -one["free"])
                yield f"{one['pool']}: it needs {need}, {over} more are taken than the {most} that there are"
            else:
                free = show_amount(dimension, one["free"])
                yield f"{one['pool']}: it needs {need}, {free} of {most} free"
        if one.get("kept"):
            kept = show_amount(dimension, one["kept"])
            who = one.get("kept_for")
            passed = f", which was passed {one['kept_passes']} times" if one.get("kept_passes") else ""
            yield f"  {kept} are kept back for {who or 'another'}{passed}"
        if one["holders"] and not one["starved"]:
            yield f"  held by {self.holders(one)}"
        if one["ahead"] and not one["starved"]:
            yield f"  {one['ahead']} {'other that waits' if one['ahead'] == 1 else 'others that wait'} for it {'comes' if one['ahead'] == 1 else 'come'} first"
        for word in one["said"]:
            yield f"  {word_text(word, self.now_ns)}"
        yield from (f"  {text}" for text in self.mend(node, one))

    def holders(self, one: Mapping[str, Any]) -> str:
        rows: list[str] = []
        for held in one["holders"]:
            own = show_amount(one["dimension"], held["amount"])
            much = f"{own}, " if _is_resource(one) else ""
            rows.append(f"{held['node']} ({much}for {elapsed(held['since_ns'], self.now_ns)})")
        more = int(one["holders_total"]) - len(rows)
        return _list([*rows, *([f"{more} more"] if more > 0 else [])])

    def mend(self, node: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[str]:
        """What an operator may do about a demand that nothing that ends could meet."""
        if not one["starved"]:
            return
        scope, need = one["scope"], show_amount(one["dimension"], one["need"])
        live = next((w for w in one["said"] if w["layer"] == "live" and w["standing"] == "in force"), None)
        if not one.get("per_ns"):
            enough = f"limit {scope} {need}"
        elif one["amount"]:
            enough = f"limit {scope} {rate(one['amount'], one['per_ns'], one['dimension'])} burst {need}"
        else:
            enough = f"limit {scope} {need}/s burst {need}"
        if one.get("by"):
            enough += f" by {one['by']}"
        hard = next((w for w in one["said"] if w.get("hard") and w["layer"] != "live"), None)
        if hard is None:
            yield f"`cascade {enough}` lets it start"
        else:
            yield f"`{hard['sentence']}` is hard: no limit may be higher"
        if live is not None:
            yield f"`cascade unlimit {scope}` takes back what was said live"

    def order(self, node: Mapping[str, Any]) -> Iterator[str]:
        if node.get("reserved"):
            yield f"it was passed {node['passes']} times: what it needs is kept back for it"
        elif node.get("passes"):
            yield f"{node['passes']} later ones have passed it"
        pools = [one for one in node["waits_for"] if one["kind"] == "pool"]
        if self.ending(node):
            return
        instants = [_instant(one) for one in pools]
        known = [instant for instant in instants if instant is not None]
        if pools and len(known) == len(pools):
            at = max(known)
            behind = _behind(pools)
            if behind:
                at += behind
                yield f"its turn comes at about {clock(at, self.now_ns)} ({left(at, self.now_ns)}), after those before it"
                return
            yield f"it may start at {clock(at, self.now_ns)} ({left(at, self.now_ns)}) at the earliest"
        elif (keeper := next((one["kept_for"] for one in pools if one.get("kept_for")), None)) is not None:
            yield f"it may start when {keeper} has started, and enough is free"
        elif pools and all(_is_held(one) or instant is not None for one, instant in zip(pools, instants, strict=True)):
            yield "it may start when enough of those that hold it have ended"

    # ---- many ---------------------------------------------------------------------------------------------------

    def many(self, asked: str, answer: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
        """Of a name that stands for several: how many for each reason, and the first of them in full."""
        groups: Sequence[Mapping[str, Any]] = answer["groups"]
        total = int(answer["total"])
        if not total:
            yield 0, f"{asked}: none is known yet"
            yield from self.node(groups[0]["first"], 2)
            return
        yield 0, f"{asked}: {total} in all"
        for group in groups:
            count, first = int(group["count"]), group["first"]
            if count == 1:
                yield from self.node(first, 2)
                continue
            yield 2, f"{count} {_STATES.get(first['state'], first['state'])}, such as:"
            yield from self.node(first, 4)
        more = int(answer.get("groups_more", 0))
        if more:
            yield 2, f"and others, for {more} more reasons"


_QUESTIONS = {
    "value": "{} is being evaluated",
    "facts": "what {} needs is being evaluated",
    "result": "an earlier result of {} is looked for",
    "length": "how long the list of {} is, is being found out",
    "list": "the list of {} is being gathered",
}
_STATES = {
    "cold": "not begun",
    "unknown": "not known yet",
    "evaluated": "being evaluated",
    "ready": "ready",
    "backoff": "to be tried again",
    "open": "under way",
    "dropped": "left out",
}


def _is_resource(one: Mapping[str, Any]) -> bool:
    return ":" not in one["scope"] and one["scope"] != "global"


def _is_held(one: Mapping[str, Any]) -> bool:
    return not one["pause"] and not one["starved"] and not one.get("per_ns")


def _instant(one: Mapping[str, Any]) -> int | None:
    """When time alone lifts an obstacle, where it does."""
    if one["pause"]:
        return one["pause"].get("until_ns")
    if one["starved"]:
        ends = [word["until_ns"] for word in one["said"] if word["standing"] == "in force" and word.get("until_ns")]
        return ends[0] if ends else None
    return one.get("due_ns")


def _behind(pools: Sequence[Mapping[str, Any]]) -> int:
    """How long the tokens take of those that come first, where each asks for as much."""
    rates = [one for one in pools if one.get("per_ns") and one["amount"]]
    return max((one["ahead"] * one["need"] * one["per_ns"] // one["amount"] for one in rates), default=0)


def _pool(one: Mapping[str, Any]) -> str:
    if one.get("kept_for") and one["need"] <= one["free"]:
        return f"{one['pool']}, which is kept back for {one['kept_for']}"
    if one.get("per_ns"):
        return f"tokens of {one['scope']}" if one["need"] != 1 else f"a token of {one['scope']}"
    return str(one["pool"])


def _scope(scope: str) -> str:
    return "everything" if scope == "global" else scope


def _list(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
