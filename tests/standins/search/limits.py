"""Splunk's own limits on automatic field extraction (limits.conf.spec)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchLimits:
    """What ``KV_MODE`` gets to see of an event. The defaults are Splunk's; 0 means no limit."""

    extraction_cutoff: int = 5_000
    """``[spath] extraction_cutoff``: bytes of an event that are searched for JSON fields."""
    maxchars: int = 10_240
    """``[kv] maxchars``: ``_raw`` is cut to so many characters before automatic extraction."""
    limit: int = 100
    """``[kv] limit``: fields that automatic extraction creates."""
    maxcols: int = 512
    """``[kv] maxcols``: the point at which it stops creating fields."""

    @property
    def fields(self) -> int:
        """How many fields automatic extraction creates at most; 0 means no limit."""
        return min((bound for bound in (self.limit, self.maxcols) if bound), default=0)
