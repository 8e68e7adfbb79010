"""How a body learns which units of its resources it has: `CASCADE_GPU=0,3`, and for GPUs `CUDA_VISIBLE_DEVICES`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ..ir.requirement import Dimension
from ..limits.units import Given
from .hardware import Gpus, gpus

CUDA = "CUDA_VISIBLE_DEVICES"
_OURS = frozenset({"CASCADE_RUN", "CASCADE_CPU", "CASCADE_MEM", "CASCADE_CACHE", "CASCADE_COMPLETE"})
"""Variables that mean something else: a resource whose name gives one of these has none."""


def variable_of(resource: str) -> str:
    """The variable that holds a resource's units: upper case, whatever is no letter or digit a `_`."""
    return "CASCADE_" + re.sub(r"[^A-Z0-9]", "_", resource.upper())


class Handed:
    """The variables of a run's tasks. `environ` is what the run inherited."""

    def __init__(self, dimensions: Mapping[str, Dimension], environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._gpus: Gpus | None = None
        counted = {name: variable_of(name) for name, dimension in dimensions.items() if dimension == "count"}
        several = Counter(counted.values())
        self.variables = {n: v for n, v in counted.items() if several[v] == 1 and v not in _OURS}
        """Resource → variable. Two whose names differ in case alone have none: nobody could tell whose it is."""

    def inherited(self) -> dict[str, str]:
        """What every process of the run inherits: an outer run's units are not ours to hand on as if they were."""
        ours = {*self.variables.values(), "CASCADE_MEM"}
        return {k: v for k, v in self._environ.items() if k not in ours}

    def env(self, demanded: Iterable[tuple[str, int]], units: Given) -> Iterator[tuple[str, str]]:
        """The variables of an attempt that demands amounts of resources and has these units of them."""
        has = dict(units)
        for resource, amount in demanded:
            variable = self.variables.get(resource)
            if variable is None:
                continue
            numbers = has.get(resource, ())
            if numbers or amount == 0:
                yield variable, ",".join(map(str, numbers))
                if resource == "gpu":
                    yield CUDA, self.visible(numbers)

    def visible(self, units: tuple[int, ...]) -> str:
        """`CUDA_VISIBLE_DEVICES` of a task that has these GPUs; empty: it sees none."""
        if not units:
            return ""
        if self._gpus is None:
            self._gpus = gpus(self._environ)
        return self._gpus.visible(units)
