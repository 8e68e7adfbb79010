"""Files of finished calls that go and come back: `Discarded`, `Gone`, `Revived`, and what they change.

A call that has ended well and whose files are gone has a row below zero; its value stands, and who does not read its
files does not mind. Who has to read them waits (`progress`), and the call is made again: it has not ended for that
time, its element may long be over, and nobody is told but who waits for the files.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..ir.events import Discarded, Gone, PlannedRemoval, Recalled, Revived
from ..ir.graph import NodeKey
from .effects import Ask, Discard, Evaluate, EvaluateFacts
from .progress import EngineFault, count_lacking, give_up, move, queue, restore, want
from .readers import lacks_files, makers, open_reader
from .state import At, Frame, Running, State


def next_released(state: State) -> Discarded | None:
    """Temporary files that nobody has to read any more; None where there are none now."""
    if state.keeps_temp:
        state.to_check.clear()
    while state.to_check:
        key = next(iter(state.to_check))
        del state.to_check[key]
        removals = state.held.get(key)
        if removals is None:
            continue
        reader = open_reader(state, state.lineage, key, state.lineage.temporary[key[0]])
        if reader is None:
            return Discarded(key=key, removals=removals)
        state.watched.setdefault(reader, []).append(key)
    return None


def next_revival(state: State) -> Revived | None:
    """A call whose files are gone and wanted; None where there is none."""
    for key in state.to_revive:
        return Revived(key=key, epoch=state.epochs.get(key, 0) + 1)
    return None


# ---- events -----------------------------------------------------------------------------------------------------


def hold(state: State, key: NodeKey, removals: tuple[PlannedRemoval, ...]) -> None:
    """A call has made temporary files."""
    if removals and key[0] in state.lineage.temporary:
        state.held[key] = removals
        state.to_check[key] = None


def made_files(state: State, running: Running) -> tuple[PlannedRemoval, ...]:
    """The files of an attempt's plan that are to go."""
    if running.plan is None:
        return ()
    pairs = state.lineage.temporary.get(running.key[0], frozenset())
    return tuple(
        PlannedRemoval(path=f.final, size=f.size, digest=f.digest)
        for f in running.plan.files
        if f.temporary and (running.key[0], f.temporary) in pairs
    )


def on_recalled(state: State, event: Recalled) -> None:
    """What an earlier result says of temporary files; after the call has ended."""
    key = event.key
    if event.temporary or event.gone:
        state.earlier.add(key)
    hold(state, key, event.temporary)
    if event.gone:
        frame, index, pos = state.locate(key)
        _lose(state, key, frame, index, pos)


def on_discarded(state: State, event: Discarded) -> None:
    frame, index, pos = state.locate(event.key)
    if state.held.pop(event.key, None) is None or frame.states[pos][index] != At.DONE:
        raise EngineFault(f"the files of {event.key} are discarded, but it holds none")
    _lose(state, event.key, frame, index, pos)
    state.outbox.append(Discard(event.key, event.removals))


def on_gone(state: State, event: Gone) -> None:
    for key in event.keys:
        frame, index, pos = state.locate(key)
        if frame.states[pos][index] == At.DONE and frame.rows[pos][index] > 0:
            state.held.pop(key, None)
            _lose(state, key, frame, index, pos)
    lost = {key[0] for key in event.keys}
    sites = [state.plan.sites[id_] for id_, sources in state.lineage.sources.items() if sources & lost]
    for frame in (state.root, *state.frames.values()):
        for site in sites:
            if site.body is frame.body:
                for index in frame.hot:
                    _hold_back(state, frame, index, site.pos)
    for key in list(state.revived):
        if state.lineage.sources.get(key[0], frozenset()) & lost:
            _hold_back(state, *state.locate(key))


def _lose(state: State, key: NodeKey, frame: Frame, index: int, pos: int) -> None:
    """The files of a call that has ended well are not there; of a result of the run they are made again."""
    frame.rows[pos][index] = -frame.rows[pos][index]
    count_lacking(state, key[0], 1)
    if any(maker == key[0] for maker, _ in state.lineage.kept):
        state.to_revive[key] = None


def _hold_back(state: State, frame: Frame, index: int, pos: int) -> None:
    """What is about to read files that are gone waits for them."""
    at = frame.states[pos][index]
    if at not in (At.READY, At.ASKED):
        return
    key = frame.key(index, pos)
    ask: Ask | None = state.asked.get(key)
    if (at == At.ASKED and not isinstance(ask, Evaluate | EvaluateFacts)) or not lacks_files(state, frame, index, pos):
        return
    if at == At.READY:
        state.ledger.withdraw(key)
        state.may_starve = True
        state.queued_ns.pop(key, None)
        queue(state, frame, index, pos)
        return
    del state.asked[key]
    state.outbox = [effect for effect in state.outbox if effect is not ask]
    queue(state, frame, index, pos)  # asked again when they are back


def on_revived(state: State, event: Revived) -> None:
    key = event.key
    state.to_revive.pop(key, None)
    frame, index, pos = state.locate(key)
    if frame.states[pos][index] != At.DONE or frame.rows[pos][index] >= 0:
        raise EngineFault(f"{key} is revived, but its files are not gone")
    if key in state.earlier:
        state.earlier.discard(key)
        state.recalled -= 1
    state.epochs[key] = event.epoch
    read = makers(state, state.lineage, key[0], frame, index, state.lineage.sources.get(key[0], frozenset()))
    state.revived[key] = tuple(read)
    for maker in read:
        state.guarded.setdefault(maker, {})[key] = None
    move(state, frame, index, pos, At.WAITING)
    want(state, frame, index, pos)


def ended_well(state: State, running: Running, row: int) -> bool:
    """An attempt has ended well: True where its call was made again, and all is said."""
    key = running.key
    again = key in state.revived
    if again:
        restore(state, running.frame, running.index, running.pos, row)
    return again


def ended_badly(state: State, key: NodeKey) -> bool:
    """A call has failed for good: True where it was made again, and all is said."""
    if key not in state.revived:
        return False
    give_up(state, key, At.FAILED)
    return True


def holders(state: State) -> Iterator[NodeKey]:
    """Calls that have ended well, whose files stand, and that somebody still needs: of these a new engine looks at the files."""
    lineage = state.lineage
    for frame in (state.root, *state.frames.values()):
        for site in frame.body.sites:
            if site.id not in lineage.makers:
                continue
            kept = any(maker == site.id for maker, _ in lineage.kept)
            for index in range(frame.count):
                if frame.states[site.pos][index] == At.DONE and frame.rows[site.pos][index] > 0:
                    key = frame.key(index, site.pos)
                    pairs = lineage.carried.get(site.id, frozenset())
                    if kept or open_reader(state, lineage, key, pairs) is not None:
                        yield key
