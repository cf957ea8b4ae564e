"""Keeps two processes from working on one place at once, as far as a store without compare-and-set allows.

It happens: an input is edited while it runs, a forwarder fails over, somebody enables the input on two members of a
cluster. A process notes in the place's document, with each save, that it is at work and until when; another one waits
for that to run out and takes over. Nothing depends on it: without it a batch may come twice, but nothing is lost, and
there is no state in which nobody runs.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .times import iso, parse_iso, seconds

# Saves are at most a batch apart, so a process at work renews it every few seconds; one that waits for Microsoft longer
# than this lets another one go on.
LENGTH = seconds(30)


@dataclass(frozen=True)
class Lease:
    """Who works on a place, and until when (ticks of the server's clock) that is to be believed."""

    owner: str
    until: int

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Lease | None:
        """The lease in a place's document; None where there is none, or none that can be read."""
        try:
            owner, until = str(document["lease_owner"]), parse_iso(document["lease_until"])
        except (KeyError, TypeError, ValueError):
            return None
        return cls(owner, until) if owner else None

    def fields(self) -> dict[str, str]:
        """The lease as fields of the document."""
        return {"lease_owner": self.owner, "lease_until": iso(self.until)}

    def keeps_out(self, owner: str, now: int) -> bool:
        """Whether ``owner`` has to wait: somebody else holds it, and that process is not dead."""
        return self.owner != owner and self.is_held(now) and not _is_dead(self.owner)

    def is_held(self, now: int) -> bool:
        """Whether it is to be believed at ``now`` (ticks).

        No process takes it for longer than ``LENGTH``. What lies further ahead was written by a clock that was wrong,
        and must not keep everybody out until then.
        """
        return now < self.until <= now + 2 * LENGTH


NOBODY = Lease("", 0)


def new_owner() -> str:
    """A name for this process: host, process id, and something by which two of them differ in any case."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def _is_dead(owner: str) -> bool:
    """Whether the owner was a process of this host that no longer runs: killed, it could not give the lease back."""
    host, _, process = owner.rpartition("/")[0].rpartition("/")
    # On Windows, os.kill ends the process whatever the signal: there the lease is waited for.
    if sys.platform == "win32" or host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
