"""Pictures of a graph: one model, three renderers.

`build` makes a `Diagram` of a graph template, `progress` the states of a run for it, `packing` folds what is many and
alike; `mermaid`, `dot` and `svg` print a diagram and decide nothing about it. Pure, but for `layout`, which asks a
library for places.
"""
