"""From handles to values: the journal's rows and blobs, with a small cache. The engine itself holds none of this."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol, TypeAlias

from ..engine.handles import Handle, handle
from ..engine.state import State
from ..ir.graph import FanOut
from ..store.blobs import Blobs
from ..store.journal import StoredValue
from ..values.evaluate import Env
from ..values.faults import EvalError
from ..values.typing import describe

INLINE_BYTES = 4096
"""JSON of up to so many characters stands in its event."""
_CACHE_CHARACTERS = 2_000_000
_ENTRY_CHARACTERS = 200
"""What an entry of a cache takes beside its text: small values are many."""
_BLOBS_REMEMBERED = 256
_READ_ROWS = 500

KnownLists: TypeAlias = "dict[tuple[int, tuple[int, ...]], tuple[list[Any], int | None, int]]"
"""Items, by node and the path around them: see `Values._items`. Good as long as no event happens."""
_NO_ITEMS: tuple[list[Any], None, int] = ([], None, 0)


class StoredRows(Protocol):
    """Where values of events are read by the rows' numbers: a journal, or what stands for one."""

    def value(self, seq: int) -> StoredValue: ...
    def values(self, seqs: Iterable[int]) -> dict[int, StoredValue]: ...


class Values:
    """Reads values of finished instances."""

    def __init__(
        self,
        state: State,
        reader: StoredRows,
        blobs: Blobs,
        *,
        folder: str,
        environ: Mapping[str, str],
        now_s: float,
    ) -> None:
        self._state = state
        self._reader = reader
        self._blobs = blobs
        self._folder = folder
        self._environ = environ
        self._now_s = now_s
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._texts_size = 0
        self._recent_blobs: OrderedDict[int, str] = OrderedDict()
        self._parsed: OrderedDict[int, tuple[Any, int]] = OrderedDict()
        self._parsed_size = 0

    def remember(self, row: int, text: str | None, blob: str | None) -> None:
        """Keep what a row holds that is about to be committed: it is likely to be read soon."""
        if blob is not None:
            self._recent_blobs[row] = blob
            if len(self._recent_blobs) > _BLOBS_REMEMBERED:
                self._recent_blobs.popitem(last=False)
        if text is None or row in self._texts:
            return
        self._texts[row] = text
        self._texts_size += len(text) + _ENTRY_CHARACTERS
        while self._texts_size > _CACHE_CHARACTERS and len(self._texts) > 1:
            _, old = self._texts.popitem(last=False)
            self._texts_size -= len(old) + _ENTRY_CHARACTERS

    def text(self, row: int) -> str:
        """The JSON text of a row's value; CSC705 where its blob is gone."""
        known = self._texts.get(row)
        if known is not None:
            return known
        blob = self._recent_blobs.get(row)
        if blob is not None:
            return self._blobs.text(blob)
        stored = self._reader.value(row)
        if stored.value is not None:
            self.remember(row, stored.value, None)
            return stored.value
        if stored.blob is None:
            return "null"
        return self._blobs.text(stored.blob)

    def get(self, at: Handle) -> Any:
        """The value at a handle. It is shared: never change it."""
        if isinstance(at, tuple):
            whole, index = at
            value = self.get(whole)
            if not isinstance(value, list) or index >= len(value):  # pyright: ignore[reportUnknownArgumentType]
                raise EvalError("an item to unpack is no list of the length that is wanted")
            return value[index]  # pyright: ignore[reportUnknownVariableType]
        known = self._parsed.get(at)
        if known is not None:
            self._parsed.move_to_end(at)
            return known[0]
        text = self.text(at)
        value = json.loads(text)
        size = len(text) + _ENTRY_CHARACTERS
        self._parsed[at] = (value, size)
        self._parsed_size += size
        while self._parsed_size > _CACHE_CHARACTERS and len(self._parsed) > 1:
            _, (_, old) = self._parsed.popitem(last=False)
            self._parsed_size -= old
        return value

    def texts(self, handles: Iterable[Handle]) -> Iterator[list[str]]:
        """The JSON texts of many values, in order, in portions that are short to make."""
        source = iter(handles)
        while portion := list(islice(source, _READ_ROWS)):
            missing = [h for h in portion if isinstance(h, int) and h not in self._texts]
            stored = self._reader.values(missing) if missing else {}
            texts: list[str] = []
            for h in portion:
                if isinstance(h, tuple):
                    texts.append(json.dumps(self.get(h), ensure_ascii=False))
                elif h in stored and stored[h].value is not None:
                    texts.append(stored[h].value or "null")
                else:
                    texts.append(self.text(h))
            yield texts

    def _item(self, node: int, at: tuple[Handle, int]) -> Any:
        """The value of an item that a region binds; an item to unpack must have a part for each of its names."""
        body = self._state.plan.items.get(node)
        if body is not None and body.items[node].index is not None:
            whole, count = self.get(at[0]), len(body.items)
            if not isinstance(whole, list) or len(whole) != count:  # pyright: ignore[reportUnknownArgumentType]
                raise EvalError(f"`for` unpacks each item into {count} names, found {describe(whole)}")
        return self.get(at)

    def env(
        self, path: tuple[int, ...], variables: Mapping[str, Any] | None = None, known: KnownLists | None = None
    ) -> Env:
        """What an expression of an instance with that path sees. `known` serves many instances, while nothing happens."""

        def ref(node: int) -> Any:
            if known is not None and path:
                found = known.get((node, path[:-1]))
                if found is None:
                    found = known[node, path[:-1]] = self._items(node, path)
                items, part, count = found
                if path[-1] < len(items):
                    item = items[path[-1]]
                    if part is None:
                        return item
                    if isinstance(item, list) and len(item) == count:  # pyright: ignore[reportUnknownArgumentType]
                        return item[part]  # pyright: ignore[reportUnknownVariableType]
            at = handle(self._state, node, path)
            return self.get(at) if isinstance(at, int) else self._item(node, at)

        return Env(variables, ref, folder=self._folder, now_s=self._now_s, environ=self._environ)

    def _items(self, node: int, path: tuple[int, ...]) -> tuple[list[Any], int | None, int]:
        """The list whose items the last number of a path counts, where `node` is such an item and the list is whole: an empty
        one where not. Then the part of the item that it is, and of how many."""
        body = self._state.plan.items.get(node)
        if body is None or body.depth != len(path):
            return _NO_ITEMS
        frame = self._state.frames[(body.region, *path[:-1])]
        if frame.source is not None or body.parent is None or not isinstance(body.parent.node, FanOut):
            return _NO_ITEMS
        whole = self.get(handle(self._state, body.parent.node.source, frame.path))
        if not isinstance(whole, list):
            return _NO_ITEMS
        return whole, body.items[node].index, len(body.items)  # pyright: ignore[reportUnknownVariableType]
