"""The last error of an input or of one of its regions, for the status page.

It has a document of its own: a failed run must not save the checkpoint, and a successful run should not have to delete
the error. It applies only until something is collected after it. Collecting never depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from defender_alerts.times import iso, parse_iso

FAILED, INCOMPLETE = "failed", "incomplete"
"""How the run ended, as in the log. Incomplete: part of the requested data is still missing."""


class LastError(NamedTuple):
    """A failure of a run.

    Attributes:
        region: empty if the run failed before it started its regions.
        time: in ticks, by the server's clock if it is known.
        category: of the error, as in the log.
        sentence: what happened and what to do; without secrets.
        began: when the run began, by this machine's clock, so that a deleted input's error is not shown for a new one.
        outcome: ``FAILED`` or ``INCOMPLETE``.
    """

    kind: str
    input: str
    region: str
    time: int
    category: str
    sentence: str
    began: int = 0
    outcome: str = FAILED

    @property
    def key(self) -> str:
        """The key of its document; a checkpoint's key has more parts."""
        return ":".join((self.kind, self.input, *([self.region] if self.region else []), "last_error"))

    def document(self) -> dict[str, Any]:
        """The error as a KV store document; it is deleted with the input by ``kind`` and ``input``."""
        return {
            "_key": self.key,
            "kind": self.kind,
            "input": self.input,
            "region": self.region,
            "time": iso(self.time),
            "category": self.category,
            "sentence": self.sentence,
            "began": iso(self.began),
            "outcome": self.outcome,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> LastError | None:
        """Read an error from its KV store document; None for another kind of document or a damaged one."""
        try:
            last_error = cls(
                str(document["kind"]),
                str(document["input"]),
                str(document["region"]),
                parse_iso(document["time"]),
                str(document["category"]),
                str(document["sentence"]),
                parse_iso(document["began"]),
                str(document.get("outcome") or FAILED),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        return last_error if document.get("_key") == last_error.key else None
