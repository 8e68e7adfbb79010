"""Cascade: a declarative workflow language and the engine that runs it.

Nothing is imported eagerly here: `cascade limit` and its kin start in the time of a bare interpreter.
"""

__version__ = "0.1.0"
