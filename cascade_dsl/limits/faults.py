"""Faults of the caller of the ledger, never of a user: the engine reports them as bugs."""

from __future__ import annotations


class LedgerFault(Exception):
    """A call that makes no sense: finishing what never started, queueing twice, an amount that is no whole number."""


class NotBuilt(LedgerFault):
    """A word of a form that the ledger knows and does not yet carry out: rates, `by`, `whole`, times and windows."""
