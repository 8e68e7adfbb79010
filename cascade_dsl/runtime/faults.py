"""Of several failures at once the one that is told."""

from __future__ import annotations

from ..base.diagnostics import CascadeError


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What of several failures at once the user should read: what has a diagnostic, else the first."""
    leaves: list[BaseException] = []
    stack: list[BaseException] = [group]
    while stack:
        at = stack.pop()
        if isinstance(at, BaseExceptionGroup):
            stack.extend(reversed(at.exceptions))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        else:
            leaves.append(at)
    return next((e for e in leaves if isinstance(e, CascadeError)), leaves[0])
