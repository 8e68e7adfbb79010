"""How a node may be written on a command line."""

from __future__ import annotations


def dotted(name: str) -> str:
    """`parts[a,0]` as `parts.a.0`, which no shell minds."""
    return name[:-1].replace("[", ".").replace(",", ".") if name.endswith("]") else name


def spellings(node: str) -> list[str]:
    """The name as it is, then `pages.oslo` as `pages[oslo]`, `parts.a.0` as `parts[a,0]`."""
    pieces = node.split(".")
    return [node] + [f"{'.'.join(pieces[:n])}[{','.join(pieces[n:])}]" for n in range(len(pieces) - 1, 0, -1)]
