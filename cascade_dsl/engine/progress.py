"""What follows from an event: users become ready or are skipped, elements end, windows refill, streams deliver.

Called from `apply` alone. What ends is put on `state.work` and told one by one by `settle`, so that neither a long
chain nor a deep program recurses.
"""

from __future__ import annotations

from heapq import heappop, heappush

from ..ir.graph import Call, Compute, FanOut, NodeKey, Output
from .effects import Evaluate, EvaluateFacts, Gather, Measure, Recall
from .keys import is_keyed, lacking
from .readers import lacks_files, touch
from .state import ENDED, GIVE_UP, NO_VALUE, NOT_KEPT, REFILL, VALUE, At, Frame, Hot, State
from .streams import give, lacks

_NO_KEYS: dict[str, str] = {}


class EngineFault(Exception):
    """The engine was told what cannot be: a fault of Cascade itself, reported and never papered over."""


def settle(state: State) -> None:
    """Tell everybody of all that has ended."""
    work = state.work
    while work:
        frame, index, pos, how = work.popleft()
        if pos < 0:
            deliver(state, frame, index, how)
        elif how == GIVE_UP:
            give_up(state, frame.key(index, pos), At.SKIPPED)
        elif how == REFILL:
            refill(state, frame)
        else:
            tell(state, frame, index, pos, how)


# ---- one instance -----------------------------------------------------------------------------------------------

_IS_ACTIVE = bytes(at in (At.ASKED, At.BACKOFF, At.RUNNING) for at in At)
_IS_HELD = bytes(at in (At.HELD, At.CANCELLED) for at in At)
"""By state, since every move asks."""


def move(state: State, frame: Frame, index: int, pos: int, at: At) -> None:
    states = frame.states[pos]
    before = states[index]
    states[index] = at
    if frame.body.sites[pos].is_call:
        state.counts[before] -= 1
        state.counts[at] += 1
    frame.active += _IS_ACTIVE[at] - _IS_ACTIVE[before]
    frame.held += _IS_HELD[at] - _IS_HELD[before]


def end(state: State, frame: Frame, index: int, pos: int, at: At, row: int = 0) -> None:
    move(state, frame, index, pos, at)
    frame.rows[pos][index] = row
    state.work.append((frame, index, pos, at))
    if state.keys:
        state.keys.pop(frame.key(index, pos), None)
    if state.watched:
        touch(state, frame.key(index, pos))


def _begin(state: State, frame: Frame, index: int, pos: int) -> None:
    """A site whose waits are over."""
    site = frame.body.sites[pos]
    node = site.node
    if isinstance(node, Call):
        if state.recalls and site.recalls:
            key = frame.key(index, pos)
            state.asked[key] = ask = Recall(key)
            state.outbox.append(ask)
            move(state, frame, index, pos, At.ASKED)
        else:
            want(state, frame, index, pos)
    elif isinstance(node, Compute):
        compute(state, frame, index, pos)
    elif isinstance(node, FanOut):
        _open(state, frame, index, pos)
    elif isinstance(node, Output):
        target = state.plan.sites[node.node]
        end(state, frame, index, pos, At.DONE, state.root.rows[target.pos][0])


def compute(state: State, frame: Frame, index: int, pos: int) -> None:
    """An expression whose values are there: asked for."""
    if state.lacking and _awaits_files(state, frame, index, pos):
        return
    key = frame.key(index, pos)
    state.asked[key] = ask = Evaluate(key)
    state.outbox.append(ask)
    move(state, frame, index, pos, At.ASKED)


def want(state: State, frame: Frame, index: int, pos: int) -> None:
    """A call that is to run: queued once the facts of its next attempt, and its keys, are known."""
    site = frame.body.sites[pos]
    key = frame.key(index, pos)
    by = lacking(state, site, key)
    if not by and (site.facts is not None or (key in state.facts and not site.anew)):
        queue(state, frame, index, pos)
        return
    if state.lacking and _awaits_files(state, frame, index, pos):
        return
    state.asked[key] = ask = EvaluateFacts(key, state.attempts.get(key, 0) + 1, state.peaks.get(key, 0), by)
    state.outbox.append(ask)
    move(state, frame, index, pos, At.ASKED)


def queue(state: State, frame: Frame, index: int, pos: int) -> None:
    """A call that may start as soon as there is room; where files that it reads are gone, when they are back."""
    site = frame.body.sites[pos]
    key = frame.key(index, pos)
    facts = site.facts if site.facts is not None else state.facts[key]
    if (state.condemned or state.condemned_scopes) and _is_condemned(state, key, site.shape, facts.amounts):
        state.places.pop(key, None)
        put_aside(state, frame, index, pos)
        return
    if state.lacking and _awaits_files(state, frame, index, pos):
        return
    begun = site.begun or key in state.epochs  # what was lost had begun
    rank = (-facts.priority, 0 if begun else 1, -site.height)
    keys = state.keys.get(key, _NO_KEYS)
    stood = state.places.pop(key, None)
    if stood is None:
        state.ledger.enqueue(key, site.shape, rank, facts.amounts, keys)
        state.queued_ns[key] = state.now_ns
    else:
        state.ledger.enqueue(key, site.shape, rank, facts.amounts, keys, stood.place)
        state.queued_ns[key] = stood.since_ns
    if not state.may_starve:
        state.may_starve = not state.ledger.would_fit(key)
    move(state, frame, index, pos, At.READY)


def _is_condemned(state: State, key: NodeKey, shape: int, amounts: tuple[int, ...]) -> bool:
    """An operator does not want it to run."""
    if key in state.condemned:
        return True
    if key in state.pardoned:
        return False
    return any(state.ledger.demands(shape, amounts, scope) for scope in state.condemned_scopes)


def put_aside(state: State, frame: Frame, index: int, pos: int) -> None:
    """A call that was cancelled: it takes no room of its list's window, as what is parked."""
    state.cancelled[frame.key(index, pos)] = state.seq
    move(state, frame, index, pos, At.CANCELLED)
    state.work.append((frame, index, pos, REFILL))  # later: a list is perhaps being filled just now


def _awaits_files(state: State, frame: Frame, index: int, pos: int) -> bool:
    """Files that an instance reads are gone: it waits for who makes them; where they cannot be made, it is skipped."""
    gone = lacks_files(state, frame, index, pos)
    if not gone:
        return False
    move(state, frame, index, pos, At.WAITING)
    key = frame.key(index, pos)
    state.awaiting[key] = len(gone)
    for maker in gone:
        state.wanted.setdefault(maker, []).append(key)
        its_frame, its_index, its_pos = state.locate(maker)
        at = its_frame.states[its_pos][its_index]
        if at > At.DONE:
            state.work.append((frame, index, pos, GIVE_UP))
        elif maker not in state.revived:
            state.to_revive[maker] = None
    return True


def give_up(state: State, key: NodeKey, at: At) -> None:
    """What waited for files that cannot be made does not run; who waits for its files in turn does not either."""
    stack = [(key, at)]
    while stack:
        key, at = stack.pop()
        frame, index, pos = state.locate(key)
        if state.awaiting.pop(key, None) is None and at == At.SKIPPED:
            continue  # it has given up already
        if key not in state.revived:
            end(state, frame, index, pos, at)
            continue
        _unguard(state, key)
        state.keys.pop(key, None)
        move(state, frame, index, pos, at)  # its row stays: others have its value
        stack += [(reader, At.SKIPPED) for reader in state.wanted.pop(key, ())]
        if state.watched:
            touch(state, key)


def restore(state: State, frame: Frame, index: int, pos: int, row: int) -> None:
    """The files of a call that was made again are there: who waited for them goes on."""
    key = frame.key(index, pos)
    _unguard(state, key)
    move(state, frame, index, pos, At.DONE)
    frame.rows[pos][index] = row
    count_lacking(state, key[0], -1)
    if state.watched:
        touch(state, key)
    for reader in state.wanted.pop(key, ()):
        left = state.awaiting.get(reader, 0) - 1
        if left > 0:
            state.awaiting[reader] = left
        elif state.awaiting.pop(reader, None) is not None:
            its_frame, its_index, its_pos = state.locate(reader)
            if its_frame.body.sites[its_pos].is_call:
                want(state, its_frame, its_index, its_pos)
            else:
                compute(state, its_frame, its_index, its_pos)


def _unguard(state: State, key: NodeKey) -> None:
    for maker in state.revived.pop(key):
        guards = state.guarded[maker]
        del guards[key]
        if not guards:
            del state.guarded[maker]


def count_lacking(state: State, maker: int, change: int) -> None:
    """An instance of a call has lost its files, or has them again."""
    count = state.lacking.get(maker, 0) + change
    if count:
        state.lacking[maker] = count
    else:
        del state.lacking[maker]


def _open(state: State, frame: Frame, index: int, pos: int) -> None:
    """A FanOut whose source is there, or has begun to stream."""
    site = frame.body.sites[pos]
    body = site.inner
    assert body is not None
    assert isinstance(site.node, FanOut)
    path = frame.element(index)
    key = (site.id, *path)
    source = None if site.stream is None else state.frames[(frame.body.sites[site.stream].id, *path)]
    opened = Frame(body, path, frame, source)
    state.frames[key] = opened
    move(state, frame, index, pos, At.OPEN)
    if frame.body.flatten and frame.body.result == pos:
        frame.base[index] = opened
    for _, outer in body.outer:
        if outer in opened.doomed:
            continue
        other = state.plan.sites[outer]
        outer_key = (outer, *path[: other.depth])
        at_frame, at_index, at_pos = state.locate(outer_key)
        at = at_frame.states[at_pos][at_index]
        if at == At.DONE or outer_key in state.revived:
            continue
        opened.doomed[outer] = at >= ENDED
        if at < ENDED:
            state.waiters.setdefault(outer_key, []).append(opened)
    if source is not None:
        state.to_extend[key] = None
    else:
        length = None
        over = state.plan.sites.get(site.node.source)
        if over is not None:
            length = state.lengths.get((over.id, *path[: over.depth]))
        if length is None:
            state.asked[key] = ask = Measure(key)
            state.outbox.append(ask)
        else:
            state.to_expand.append(key)
    hot = frame.hot[index]
    for user in site.streams_to:
        _met(state, frame, hot, user)
    if state.watched:
        touch(state, key)


def _met(state: State, frame: Frame, hot: Hot, pos: int) -> None:
    """One wait less for a site of an element."""
    hot.unmet[pos] -= 1
    if hot.unmet[pos] == 0 and frame.states[pos][hot.index] == At.WAITING:
        _begin(state, frame, hot.index, pos)


def tell(state: State, frame: Frame, index: int, pos: int, how: int) -> None:
    """A site's instance has ended: its users go on, or are skipped."""
    body = frame.body
    site = body.sites[pos]
    hot = frame.hot[index]
    if how == At.DONE:
        for user in site.users:
            _met(state, frame, hot, user)
    else:
        kind = At.DROPPED if how == At.DROPPED else At.SKIPPED
        for user in site.users:
            if kind == At.SKIPPED and pos in body.sites[user].soft:
                _met(state, frame, hot, user)
            elif frame.states[user][index] == At.WAITING:
                end(state, frame, index, user, kind)
        if how != At.FAILED:  # a FanOut that failed has opened: its stream tells of each element
            for user in site.streams_to:
                if frame.states[user][index] == At.WAITING:
                    end(state, frame, index, user, kind)
    if site.has_inner_users:
        for waiter in state.waiters.pop((site.id, *frame.element(index)), ()):
            blocked = waiter.blocked.pop(site.id, ())
            if how == At.DONE:
                del waiter.doomed[site.id]
            else:
                waiter.doomed[site.id] = True
            for element, at in blocked:
                waiting = waiter.hot.get(element)
                if waiting is None or waiter.states[at][element] != At.WAITING:
                    continue  # its filter has dropped it meanwhile
                if how == At.DONE or site.id in waiter.body.sites[at].soft_outer:
                    _met(state, waiter, waiting, at)
                else:
                    end(state, waiter, element, at, At.SKIPPED)
    if pos == body.result:
        if not body.flatten or frame.base[index] is None:
            give(state, frame, index, VALUE if how == At.DONE else NOT_KEPT if how == At.DROPPED else NO_VALUE)
        else:
            frame.out[index] = VALUE if how == At.DONE else NO_VALUE
            frame.bad += how != At.DONE
    hot.open -= 1
    if hot.open == 0:
        _end_element(state, frame, index)


# ---- elements ---------------------------------------------------------------------------------------------------


def grow(state: State, frame: Frame, count: int) -> None:
    """The frame has `count` elements."""
    more = count - frame.count
    frame.count = count
    for states, rows in zip(frame.states, frame.rows, strict=True):
        states.extend(bytes(more))
        rows.frombytes(bytes(8 * more))
    frame.out.extend(bytes(more))
    if frame.body.flatten:
        frame.base.extend([None] * more)
    state.counts[At.COLD] += more * frame.body.calls


def refill(state: State, frame: Frame) -> None:
    """Make cold elements hot while the window has room."""
    if state.phase != "running":
        return
    room = max(frame.window, 4 * len(state.running)) + frame.held - len(frame.hot)
    if frame.source is None:
        while room > 0 and frame.next < frame.count:
            frame.next += 1
            room -= 1
            _activate(state, frame, frame.next - 1)
    else:
        while room > 0 and frame.available:
            room -= 1
            _activate(state, frame, heappop(frame.available))
    if frame.has_cold and frame.body.parent is not None and (frame.body.varies or is_keyed(state, frame.body)):
        state.to_widen[(frame.body.region, *frame.path)] = None


def _activate(state: State, frame: Frame, index: int) -> None:
    body = frame.body
    hot = Hot(index, body.unmet.copy())
    frame.hot[index] = hot
    for states in frame.states:
        states[index] = At.WAITING
    state.counts[At.COLD] -= body.calls
    state.counts[At.WAITING] += body.calls
    if not body.sites:
        _end_element(state, frame, index)
        return
    if frame.doomed:
        for pos, outer in body.outer:
            lost = frame.doomed.get(outer)
            if lost:
                if outer not in body.sites[pos].soft_outer and frame.states[pos][index] == At.WAITING:
                    end(state, frame, index, pos, At.SKIPPED)
            elif lost is False:
                hot.unmet[pos] += 1
                frame.blocked.setdefault(outer, []).append((index, pos))
    for pos, unmet in enumerate(hot.unmet):
        if unmet == 0 and frame.states[pos][index] == At.WAITING:
            _begin(state, frame, index, pos)


def _end_element(state: State, frame: Frame, index: int) -> None:
    """Every site of an element has ended."""
    del frame.hot[index]
    frame.ended += 1
    body = frame.body
    bad = dropped = False
    for states in frame.states:
        at = states[index]
        bad = bad or at in (At.FAILED, At.SKIPPED)
        dropped = dropped or at == At.DROPPED
    if body.parent is None:
        return
    if body.result is None:
        if body.condition is not None and frame.rows[body.condition][index] < 0:
            dropped = True
        give(state, frame, index, NO_VALUE if bad else NOT_KEPT if dropped else VALUE)
    path = (*frame.path, index)
    for site in body.sites:
        keep = site.id in state.lineage.stays or (body.flatten and site.pos == body.result)
        if site.inner is not None and not keep:
            state.frames.pop((site.id, *path), None)
        if site.is_source:
            state.lengths.pop((site.id, *path), None)
    refill(state, frame)
    check_end(state, frame)


def _end_cold(state: State, frame: Frame, index: int, out: int) -> None:
    """An element that never began: its source element gave nothing."""
    body = frame.body
    for states in frame.states:
        states[index] = At.DROPPED if out == NOT_KEPT else At.SKIPPED
    state.counts[At.COLD] -= body.calls
    state.counts[At.DROPPED if out == NOT_KEPT else At.SKIPPED] += body.calls
    frame.ended += 1
    if state.watched:
        for pos in range(len(frame.states)):
            touch(state, frame.key(index, pos))
    give(state, frame, index, out)
    check_end(state, frame)


def check_end(state: State, frame: Frame) -> None:
    """A FanOut ends with its last element; its list is gathered where somebody uses it."""
    site = frame.body.parent
    if site is None or not frame.closed or frame.ended < frame.count:
        return
    assert frame.parent is not None
    index = frame.path[-1] if frame.path else 0
    if frame.parent.states[site.pos][index] != At.OPEN:
        return
    if frame.bad or lacks(frame):
        end(state, frame.parent, index, site.pos, At.FAILED)
    elif site.needs_value:
        key = (site.id, *frame.path)
        if key not in state.asked:
            state.asked[key] = ask = Gather(key)
            state.outbox.append(ask)
    else:
        end(state, frame.parent, index, site.pos, At.DONE)


def deliver(state: State, frame: Frame, index: int, out: int) -> None:
    """An element of a stream has come to a FanOut that goes over it."""
    if frame.states and frame.states[0][index] != At.COLD:
        raise EngineFault(f"element {index} of {frame.body.region} came twice")
    if out == VALUE:
        heappush(frame.available, index)
        refill(state, frame)
    else:
        _end_cold(state, frame, index, out)
