"""Functions that programs of this folder name."""

from __future__ import annotations

from pathlib import Path


def canopy_heights(cloud: str, cell: float, heights: str) -> None:
    """The height of each cell of a cloud of points, into a file."""
    points = [line.split() for line in Path(cloud).read_text().splitlines()]
    Path(heights).write_text("\n".join(f"{float(x) // cell} {z}" for x, z in points))


def tallest(heights: str) -> float:
    """The greatest of the heights in a file."""
    return max(float(line.split()[1]) for line in Path(heights).read_text().splitlines())
