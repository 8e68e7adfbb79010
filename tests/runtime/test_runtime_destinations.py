"""Paths that collide, in either order, and those that do not."""

from __future__ import annotations

import pytest

from cascade_dsl.runtime.destinations import Destinations

A, B = (1, 0), (2,)


@pytest.mark.parametrize(
    ("first", "second", "collides"),
    [
        ("/p/out/x", "/p/out/x", True),
        ("/p/out", "/p/out/deep/x", True),
        ("/p/out/deep/x", "/p/out", True),
        ("/p/out/deep/x", "/p/out/deep", True),
        ("/p/out/x", "/p/out/y", False),
        ("/p/out", "/p/outer", False),
        ("/p/out/deep/x", "/p/out/deeper", False),
    ],
)
def test_what_collides(first: str, second: str, collides: bool) -> None:
    paths = Destinations("/p", {})
    assert paths.take(first, A) is None
    assert paths.take(second, B) == (A if collides else None)
    assert paths.take(first, A) is None  # another attempt
    assert Destinations("/p", {first: A}).take(second, B) == (A if collides else None)


def test_what_was_refused_is_not_taken() -> None:
    paths = Destinations("/p", {"/p/out": A})
    assert paths.take("/p/out/deep/x", B) == A
    assert paths.take("/p/out", A) is None
