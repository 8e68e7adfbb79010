"""Layers of words against a naive model: whoever looks at the history of all that was said finds the same in force."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.requirement import Identity, Layer, Limit, PoolKind, Scope, Window
from cascade_dsl.limits.words import Words

FETCH = Scope("task", "fetch")
SCOPES = (FETCH, Scope("global"))
LAYERS = (Layer.MACHINE, Layer.FILE, Layer.CONFIG, Layer.LIVE)
WINDOWS = (Window(start_minute=0, end_minute=60), Window(start_minute=30, end_minute=600, days=(1,)))


@dataclass(frozen=True)
class Say:
    layer: Layer
    scope: Scope
    kind: PoolKind
    amount: int
    per_ns: int
    burst: int
    lasts: int | None
    window: Window | None
    hard: bool


@dataclass(frozen=True)
class TakeBack:
    layer: Layer
    scope: Scope


@dataclass(frozen=True)
class Pass:
    ns: int


@dataclass(frozen=True)
class Turn:
    window: Window
    is_open: bool


@dataclass(frozen=True)
class Step:
    by: int


Deed = Say | TakeBack | Pass | Turn | Step
KINDS: tuple[PoolKind, ...] = ("hold", "spend")
SAYS = st.builds(
    Say,
    st.sampled_from(LAYERS),
    st.sampled_from(SCOPES),
    st.sampled_from(KINDS),
    st.integers(0, 6),
    st.sampled_from([1, 2, 3]),
    st.integers(1, 3),
    st.none() | st.integers(1, 12),
    st.none() | st.sampled_from(WINDOWS),
    st.booleans(),
)
DEEDS: st.SearchStrategy[list[Deed]] = st.lists(
    st.one_of(
        SAYS,
        SAYS,
        st.builds(TakeBack, st.sampled_from(LAYERS), st.sampled_from(SCOPES)),
        st.builds(Pass, st.integers(1, 6)),
        st.builds(Turn, st.sampled_from(WINDOWS), st.booleans()),
        st.builds(Step, st.integers(-4, 4)),
    ),
    max_size=30,
)


def limit_of(deed: Say, now: int) -> Limit:
    rate = deed.kind == "spend"
    return Limit(
        scope=deed.scope,
        amount=deed.amount,
        kind=deed.kind,
        per_ns=deed.per_ns if rate else None,
        burst=deed.burst if rate else None,
        until_ns=None if deed.lasts is None else now + deed.lasts,
        window=deed.window,
        hard=deed.hard,
    )


@dataclass
class Naive:
    """Everything that was said and not taken back, in the order in which it was said; the rest is worked out when asked."""

    now: int = 0
    said: list[Word] = field(default_factory=list[Word])
    open: dict[Window, bool] = field(default_factory=dict[Window, bool])

    def of_layer(self, identity: Identity, layer: Layer) -> Limit | None:
        mine = [w.limit for w in self.said if w.limit.identity == identity and w.layer == layer]
        for limit in reversed(mine):
            if not limit.is_plain:
                ended = limit.until_ns is not None and limit.until_ns <= self.now
                if not ended and (limit.window is None or self.open.get(limit.window, False)):
                    return limit
        return next((limit for limit in reversed(mine) if limit.is_plain), None)

    def terms(self, identity: Identity) -> tuple[Fraction, int | None] | None:
        """Amount over time, and burst."""
        top: Limit | None = None
        rates: list[Fraction] = []
        bursts: list[int] = []
        for layer in sorted(Layer, reverse=True):
            limit = self.of_layer(identity, layer)
            if limit is None:
                continue
            top = top or limit
            if limit is top or limit.hard:
                assert isinstance(limit.amount, int)
                rates.append(Fraction(limit.amount, limit.per_ns or 1))
                if limit.burst is not None:
                    assert isinstance(limit.burst, int)
                    bursts.append(limit.burst)
        return None if top is None else (min(rates), min(bursts, default=None))


def do(words: Words, now: int, deed: Deed) -> int:
    """What the ledger does on the engine's word; the instant after it."""
    match deed:
        case Say():
            words.set(Word(deed.layer, limit_of(deed, now), since_ns=now))
        case TakeBack(layer, scope):
            words.drop(layer, scope)
        case Pass(ns):
            now += ns
        case Turn(window, is_open):
            words.turn(window, is_open, now + 1000)
        case Step(by):
            words.shift(-by)
    for end in words.expired(now):
        words.expire(end.layer, end.identity, end.until_ns)
    return now


def think(naive: Naive, deed: Deed) -> None:
    match deed:
        case Say():
            naive.said.append(Word(deed.layer, limit_of(deed, naive.now)))
        case TakeBack(layer, scope):
            naive.said = [w for w in naive.said if not (w.layer == layer and w.limit.scope == scope)]
        case Pass(ns):
            naive.now += ns
        case Turn(window, is_open):
            naive.open[window] = is_open
        case Step(by):
            over = [w for w in naive.said if w.limit.until_ns is not None and w.limit.until_ns <= naive.now]
            naive.said = [
                w if w.limit.until_ns is None else replace(w, limit=replace(w.limit, until_ns=w.limit.until_ns - by))
                for w in naive.said
                if w not in over
            ]
    naive.said = [w for w in naive.said if w.limit.until_ns is None or w.limit.until_ns > naive.now]


@settings(max_examples=300, deadline=None)
@given(DEEDS)
def test_what_is_in_force_is_what_the_history_says(deeds: list[Deed]) -> None:
    words, naive, now = Words(), Naive(), 0
    for deed in deeds:
        now = do(words, now, deed)
        think(naive, deed)
        for scope in SCOPES:
            for kind in KINDS:
                identity = Identity(scope, kind)
                terms = words.terms(identity)
                shown = None if terms is None else (Fraction(terms.amount, terms.per_ns or 1), terms.burst)
                assert shown == naive.terms(identity), (identity, deed)
                said = words.said(identity)
                decides = [one.word.limit for one in said if one.standing == "in force"]
                assert len(decides) == (0 if terms is None else 1)
                assert all(one.word.limit.hard for one in said if one.standing == "caps")
        ends = [w.limit.until_ns for w in naive.said if w.limit.until_ns is not None]
        due = words.due()
        assert due is None or due > now, "what is over was told"
        if not naive.open:
            in_force_or_under = [e for e in ends if e == due]
            assert due is None or in_force_or_under, "nothing else ends"


@settings(max_examples=200, deadline=None)
@given(DEEDS, DEEDS, st.data())
def test_an_upper_layer_that_is_taken_back_has_never_been(
    below: list[Deed], above: list[Deed], data: st.DataObject
) -> None:
    """Set and taken back, or run out: what is left is what would be there without it, to the last bit."""
    low: list[Deed] = [d if not isinstance(d, Say) else replace(d, layer=min(d.layer, Layer.CONFIG)) for d in below]
    low = [d if not isinstance(d, TakeBack) else replace(d, layer=min(d.layer, Layer.CONFIG)) for d in low]
    high: list[Deed] = [replace(d, layer=Layer.LIVE) for d in above if isinstance(d, Say | TakeBack)]
    mixed: list[tuple[bool, Deed]] = [(False, d) for d in low]
    for deed in high:
        mixed.insert(data.draw(st.integers(0, len(mixed))), (True, deed))
    words, without = Words(), Words()
    now = then = 0
    for is_high, deed in mixed:
        before = words.copy()
        now = do(words, now, deed)
        if not is_high:
            then = do(without, then, deed)
        before.drop_layer(Layer.LIVE)
    if data.draw(st.booleans()):
        words.drop_layer(Layer.LIVE)
    else:
        for scope in SCOPES:
            words.drop(Layer.LIVE, scope)
    assert words.snapshot() == without.snapshot()
    assert words.due() == without.due()


@settings(max_examples=150, deadline=None)
@given(DEEDS, DEEDS)
def test_a_copy_is_another(first: list[Deed], second: list[Deed]) -> None:
    """What would be in force if: nothing of the question is left."""
    words, now = Words(), 0
    for deed in first:
        now = do(words, now, deed)
    before, due = words.snapshot(), words.due()
    copy, later = words.copy(), now
    assert copy.snapshot() == before
    for deed in second:
        later = do(copy, later, deed)
    assert words.snapshot() == before
    assert words.due() == due
    for scope in SCOPES:
        kept = words.of_layer(Layer.LIVE, scope)
        words.drop(Layer.LIVE, scope)
        words.restore(Layer.LIVE, scope, kept)
    assert words.snapshot() == before
