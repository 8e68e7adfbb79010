"""What is skipped because of a failure, from the plan and what is known of its lists.

A call is put down to the first failure that dooms it, so that the numbers of a run's failures add up, and to find them
costs no more than there are calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..engine.plan import Body, Site
from ..engine.state import State
from ..ir.graph import FanOut, NodeKey

_NAMES = 3


@dataclass(slots=True)
class Blamed:
    """`calls` is how many; `first` are the first of them; `whole` are names of fan-outs whose items were not known yet."""

    calls: int = 0
    first: list[NodeKey] = field(default_factory=list[NodeKey])
    whole: list[str] = field(default_factory=list[str])


class Blame:
    """Keeps what has been put down to a failure already."""

    def __init__(self) -> None:
        self._known: set[NodeKey] = set()
        self._inner: dict[int, list[Site]] | None = None

    def of(self, state: State, key: NodeKey) -> Blamed:
        """What a failed instance takes with it, that no failure before it did."""
        walk = _Walk(state, self._known, self._inner_users(state))
        walk.from_failed(key)
        return walk.found

    def _inner_users(self, state: State) -> dict[int, list[Site]]:
        if self._inner is None:
            self._inner = {}
            for site in state.plan.sites.values():
                for outer in site.outer:
                    if outer not in site.soft_outer:
                        self._inner.setdefault(outer, []).append(site)
        return self._inner


class _Walk:
    def __init__(self, state: State, known: set[NodeKey], inner: dict[int, list[Site]]) -> None:
        self.state = state
        self.known = known
        self.inner = inner
        self.found = Blamed()
        self.work: list[tuple[Site, tuple[int, ...]]] = []
        """Sites that have ended badly, with the path of their element."""

    def from_failed(self, key: NodeKey) -> None:
        site = self.state.plan.sites[key[0]]
        self.known.add(key)
        self.work.append((site, key[1:]))
        while self.work:
            self.after(*self.work.pop())

    def after(self, site: Site, path: tuple[int, ...]) -> None:
        """A site's instance gives no value: its users, and those of the list that its element belongs to."""
        body = site.body
        for pos in site.users:
            user = body.sites[pos]
            if site.pos not in user.soft:
                self.skip(user, path)
        if site.has_inner_users:
            for user in self.inner.get(site.id, ()):
                self.skip_all(user, path)
        if body.parent is not None and body.result in (None, site.pos):
            self.list_fails(body, path)

    def list_fails(self, body: Body, path: tuple[int, ...]) -> None:
        """An element gives nothing: what streams from its list skips it, what needs the whole list is skipped."""
        over, above, index = body.parent, path[:-1], path[-1]
        assert over is not None
        for pos in over.streams_to:
            streaming = over.body.sites[pos].inner
            assert streaming is not None
            if body.flatten or over.body.flatten:
                continue  # which of the joined lists' elements it would be is told when they are known
            for each in streaming.sites:
                self.skip(each, (*above, index))
        whole: NodeKey = (over.id, *above)
        if whole not in self.known:
            self.known.add(whole)
            self.work.append((over, above))

    def skip(self, site: Site, path: tuple[int, ...]) -> None:
        key: NodeKey = (site.id, *path)
        if key in self.known:
            return
        self.known.add(key)
        if site.is_call:
            self.count(1, key)
        elif isinstance(site.node, FanOut):
            self.found.whole.append(site.node.name)
            for pos in site.streams_to:
                self.skip(site.body.sites[pos], path)
        self.work.append((site, path))

    def skip_all(self, site: Site, path: tuple[int, ...]) -> None:
        """A site of an inner body: all elements of the list that stands at `path`, where that is known."""
        key: NodeKey = (site.id, *path)
        region: NodeKey = (site.body.region, *path)
        if key in self.known:
            return
        self.known.add(key)
        frame = self.state.frames.get(region)
        if site.is_call and frame is not None:
            self.count(frame.count, (site.id, *path, 0))
        elif site.is_call:
            self.found.whole.append(site.node.name)
        over = site.body.parent
        if over is not None and over.depth == len(path):
            self.work.append((over, path))

    def count(self, calls: int, key: NodeKey) -> None:
        self.found.calls += calls
        if calls and len(self.found.first) < _NAMES:
            self.found.first.append(key)
