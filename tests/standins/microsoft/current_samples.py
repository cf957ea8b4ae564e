"""What the samples of today's APIs share: one alert of a number as it stands at one version of its life."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from standins.microsoft import samples, ticks
from standins.microsoft.samples import USERS, Detection, Facts

Status = Literal["unknown", "new", "inProgress", "resolved"]

TENANT = "11111111-2222-3333-4444-555555555555"

TECHNIQUES = {
    "Execution": ("T1059.001", "T1027"),
    "Ransomware": ("T1486", "T1490"),
    "InitialAccess": ("T1566.001", "T1204.002"),
    "CommandAndControl": ("T1071.001",),
    "Persistence": ("T1053.005",),
    "DefenseEvasion": ("T1055", "T1218.011"),
    "CredentialAccess": ("T1110", "T1078"),
    "LateralMovement": ("T1047", "T1021.002"),
}
"""MITRE techniques by category; malware has none, as antivirus reports it."""

_STATUSES: tuple[Status, ...] = (
    "new",
    "new",
    "inProgress",
    "resolved",
    "new",
    "resolved",
    "inProgress",
    "new",
    "unknown",
)
_EXPLORER = r"C:\Windows\explorer.exe"


@dataclass(frozen=True)
class Context:
    """One version of one alert."""

    facts: Facts
    updated: int
    """Its version time in ticks."""
    digits: int

    @property
    def number(self) -> int:
        """The alert's number."""
        return self.facts.number

    @property
    def detection(self) -> Detection:
        """What it reports."""
        return self.facts.detection

    @property
    def status(self) -> Status:
        """How far people are with it."""
        return _STATUSES[self.number % len(_STATUSES)]

    @property
    def investigation(self) -> int | None:
        """The automated investigation, where there is one."""
        return self.number // 3 + 1 if self.number % 3 == 0 else None

    @property
    def assigned_to(self) -> str | None:
        """Who works on it."""
        if self.investigation is not None:
            return "Automation"
        return f"{USERS[self.number % 5]}@contoso.example" if self.status in ("inProgress", "resolved") else None

    @property
    def principal(self) -> str | None:
        """The user's principal name; local accounts have none."""
        facts = self.facts
        return (
            None
            if facts.user in ("SYSTEM", "svc_backup")
            else f"{facts.user}@{facts.device.domain or 'contoso.example'}"
        )

    @property
    def sid(self) -> str:
        """The user's security identifier."""
        user = self.facts.user
        return (
            "S-1-5-18" if user == "SYSTEM" else f"S-1-5-21-1202660629-789336058-1343024091-{1100 + USERS.index(user)}"
        )

    @property
    def pid(self) -> int:
        """The reported process's id."""
        return 4 * (250 + self.number * 7919 % 6000)

    @property
    def parent(self) -> tuple[str, str]:
        """The parent process's file and folder."""
        folder, _, file = _EXPLORER.rpartition("\\")
        return file, folder

    @property
    def user_id(self) -> str | None:
        """The user's object id in Entra ID, where there is one."""
        return None if self.principal is None else guid(f"user {self.facts.user}")

    def happened(self, seconds: float = 0.0) -> str:
        """Return a time so long after the first event, as text."""
        return self._text(self.facts.happened + round(seconds * ticks.PER_SECOND))

    @property
    def last_event(self) -> str:
        """The last event, which comes along with updates."""
        return self._text(self.facts.happened + (self.updated - self.facts.processed))

    @property
    def update(self) -> str:
        """The version time as text."""
        return ticks.text(self.updated, digits=self.digits)

    def _text(self, moment: int) -> str:
        return ticks.text(moment - moment % 10 ** (7 - self.digits), digits=self.digits)


def case(number: int, last_update: int, created: int | None, digits: int) -> Context:
    """Return the version of an alert at a time.

    Args:
        number: The alert's.
        last_update: The version time in ticks.
        created: The version time of its first version, which its id and its first event come from; None: this is it.
        digits: How many fraction digits all its times have.

    Raises:
        ValueError: ``last_update`` doesn't fit into the digits.
    """
    return Context(
        samples.facts(number, last_update if created is None else created, digits=digits), last_update, digits
    )


def guid(text: str) -> str:
    """Return a GUID that derives from a text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def changed(raw: bytes, **changes: Any) -> bytes:
    """Return a record with some members changed or added, such as a later version of it."""
    return samples.written({**json.loads(raw), **changes})
