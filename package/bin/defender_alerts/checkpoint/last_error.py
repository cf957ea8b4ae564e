"""What last went wrong with an input, or with one region of it, for whoever looks at its status.

A document of its own beside the checkpoints: a failed run may not save those, and a run that goes well should not have
to take it back. So it counts only as long as nothing was collected after it. Nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from defender_alerts.times import iso, parse_iso

_SUFFIX = "last_error"

FAILED, INCOMPLETE = "failed", "incomplete"
"""How the run ended, as in the log. Incomplete: all that came is collected, and something is still to come."""


@dataclass(frozen=True)
class LastError:
    """A failure of a run.

    Attributes:
        region: empty where the run failed before its regions.
        time: in ticks, by the server's clock as far as it was known.
        category: of the error, as in the log.
        sentence: what happened and what to do; without secrets.
        began: when the run began, by this machine's clock: what became of a deleted input is not told of a new one.
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
        """The key of its document; a checkpoint's has more parts."""
        return ":".join((self.kind, self.input, *([self.region] if self.region else []), _SUFFIX))

    def document(self) -> dict[str, Any]:
        """The error as one document of the KV store; ``kind`` and ``input`` let it go with the input."""
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
        """The error that ``document`` wrote; None for a document of something else, or a damaged one."""
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
