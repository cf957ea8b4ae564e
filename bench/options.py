"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """What the command line has said.

    Attributes:
        runs: for each median.
        drains: how many records each backlog has.
        region: alerts of each of three regions.
        overlap: versions in the overlap.
        inputs: polled in turn.
        tenants: with one account and an input each, polled in turn.
        million: alerts of the long backlog.
    """

    runs: int = 5
    drains: tuple[int, ...] = (10_000, 25_000)
    region: int = 1_000
    overlap: int = 50_000
    inputs: int = 100
    tenants: int = 50
    million: int = 1_000_000
