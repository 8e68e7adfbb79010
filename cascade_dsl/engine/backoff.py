"""Whether and when a failed attempt is followed by another."""

from __future__ import annotations

from hashlib import blake2b

from ..ir.events import Facts
from ..ir.graph import NodeKey


def backoff_ns(run: str, key: NodeKey, attempt: int, facts: Facts) -> int:
    """How long attempt `attempt` (from 1) waits before the next: exponential between the bounds, jitter from a hash.

    Full range of one doubling: [min × 2^(n−1), min × 2^n], both cut at the upper bound.
    """
    low = min(facts.backoff_max_ns, facts.backoff_min_ns << min(attempt - 1, 62))
    high = min(facts.backoff_max_ns, low * 2)
    seed = blake2b(f"{run}/{key}/{attempt}".encode(), digest_size=8).digest()
    return low + (high - low) * int.from_bytes(seed, "big") // 2**64


def is_among(on: tuple[int | str, ...], reason: str, exit_code: int | None) -> bool:
    """Whether a failure is of the kinds that a `retry … on` names."""
    match reason:
        case "exit":
            return exit_code in on
        case "signal":
            return "killed" in on
        case "timeout":
            return "timeout" in on
        case _:
            return False
