"""The oracle of benchmarks that drive `step` by the simulation shell."""

from __future__ import annotations

from cascade_dsl.ir.events import Facts
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.testing.simulate import Played

FOREVER_NS = 10**15
MB = 1_000_000


class Scripted:
    """An oracle: every list has `each` elements, no attempt ends by itself, an instance asks for 1 to 101 MB."""

    def __init__(self, each: int) -> None:
        self.each = each

    def attempt(self, key: NodeKey, attempt: int) -> Played:
        return Played(takes_ns=FOREVER_NS)

    def value(self, key: NodeKey) -> tuple[int | None, bool | None]:
        return self.each, None

    def recalled(self, key: NodeKey) -> int | bool:
        return False

    def remains(self, key: NodeKey) -> bool:
        return False

    def length(self, key: NodeKey) -> int:
        return self.each

    def facts(self, key: NodeKey, attempt: int, peak_bytes: int) -> Facts:
        return Facts(amounts=(1000, ((key[0] * 31 + key[-1]) * 7 % 101 + 1) * MB))

    def key(self, key: NodeKey, by: str) -> str:
        return str(key[-1])

    def keying_takes_ns(self) -> int:
        return 0

    def param_length(self, node: int) -> int | None:
        return None
