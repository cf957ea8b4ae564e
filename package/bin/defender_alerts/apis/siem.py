"""The SIEM API of Windows Defender ATP: detections by the time at which the backend processed them.

Microsoft has deprecated it and may switch it off any day. What its documents leave open, and what is done about it:

- Whether the bounds are inclusive: windows overlap by ``MARGIN`` (less where they are narrower than that).
- How many records an answer may hold: with ``MOST_RECORDS`` it counts as cut short. ``limit`` is never sent, since it
  returns the newest records and so would skip the oldest.
- The order of the array: none is assumed.

Source: Microsoft, "Pull Microsoft Defender for Endpoint detections using SIEM REST API" (2017 to 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from defender_alerts import clouds
from defender_alerts.errors import (
    AccessDeniedError,
    AddonError,
    AuthenticationError,
    ConfigurationError,
    ServiceError,
    UnexpectedAnswerError,
)
from defender_alerts.http.calls import Refusal, Request
from defender_alerts.place import MARGIN
from defender_alerts.settings import split_list
from defender_alerts.times import iso, parse_iso, seconds
from defender_alerts.windows import Window

API = "siem"
MOST_RECORDS = 5_000
RESOURCES = ("https://graph.windows.net", "https://WDATPAlertExport.Seville.onmicrosoft.com")

_REPLACEMENTS = (
    "Microsoft has deprecated the SIEM API and may have switched it off: replace this input with defender_graph_alerts "
    "(Microsoft Graph) or defender_endpoint_alerts."
)
_RECORD_KEYS = frozenset({"AlertId", "FullId", "LastProcessedTimeUtc"})


@dataclass(frozen=True)
class SiemSettings:
    """What an input of this kind sets beside what all inputs do."""

    regions: tuple[str, ...]
    resource: str
    machine_groups: tuple[str, ...]


def read_settings(name: str, stanza: Mapping[str, str]) -> SiemSettings:
    """The settings of an input of this kind.

    Raises:
        ConfigurationError: a field is missing or wrong.
    """
    where = f"Correct the input {name} under Inputs."
    regions = split_list((stanza.get("regions") or "").lower())
    if not regions:
        raise ConfigurationError(f"The input {name} names no region. {where}")
    resource = (stanza.get("resource") or RESOURCES[0]).strip()
    if resource not in RESOURCES:
        raise ConfigurationError(f"The resource {resource!r} is neither {' nor '.join(RESOURCES)}. {where}")
    return SiemSettings(regions, resource, split_list(stanza.get("machine_groups")))


def resource_hint(resource: str) -> str:
    """What to do where the tenant does not know ``resource``: the other one depends on how the application was made."""
    other = RESOURCES[1 - RESOURCES.index(resource)]
    return f"Set the input's resource to {other}."


@dataclass(frozen=True)
class SiemApi:
    """The SIEM API in one region."""

    region: str
    host: str
    machine_groups: tuple[str, ...] = ()
    most_records: int = MOST_RECORDS
    narrowest: int = 1
    # Not documented for this API; it is what Defender for Endpoint keeps alerts for.
    retention: int = seconds(180 * 86_400)
    retirement: str = _REPLACEMENTS

    @classmethod
    def in_region(cls, region: str, cloud: str, settings: SiemSettings) -> SiemApi:
        """The API where the table says that the cloud offers it.

        Raises:
            ConfigurationError: it does not.
        """
        return cls(region, clouds.endpoint(API, cloud, region).host, settings.machine_groups)

    def request(self, window: Window) -> Request:
        """Both bounds, in the form that the records themselves have; the lower one moved down by the margin.

        A window narrower than the margin has its own width as margin: else the second before a full instant
        would come again with each half, and halving would not end.
        """
        since = window.start - min(MARGIN, window.width)
        params = [("sinceTimeUtc", iso(since)), ("untilTimeUtc", iso(window.end))]
        params += [("machinegroups", group) for group in self.machine_groups]
        return Request(
            "GET",
            f"https://{self.host}/api/alerts",
            params=tuple(params),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            accepts=frozenset({200, 204}),
        )

    def is_record(self, value: Any) -> bool:
        """Whether an object without an array around it is an alert: the documents print one so."""
        return isinstance(value, Mapping) and not _RECORD_KEYS.isdisjoint(value)

    def identify(self, record: Mapping[str, Any]) -> tuple[str, int]:
        """``FullId`` and ``AlertPart``, at ``LastProcessedTimeUtc``.

        Raises:
            ValueError: identity or time is missing or malformed.
        """
        full_id = record.get("FullId")
        processed = record.get("LastProcessedTimeUtc")
        if not isinstance(full_id, str) or not full_id:
            msg = "FullId is missing"
            raise ValueError(msg)
        if not isinstance(processed, str):
            msg = "LastProcessedTimeUtc is missing"
            raise ValueError(msg)  # noqa: TRY004 - the contract is ValueError, whatever is wrong with the record
        return f"{full_id}|{record.get('AlertPart')}", parse_iso(processed)

    def explain(self, refusal: Refusal, roles: tuple[str, ...]) -> AddonError:
        """What a refusal of the SIEM API means."""
        host, quoted = refusal.host, refusal.quoted()
        if refusal.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return UnexpectedAnswerError(f"{host} no longer serves alerts. {_REPLACEMENTS}{quoted}")
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            return AuthenticationError(
                f"{host} refuses a fresh token. {_about(roles)} Check that the SIEM integration is enabled in the "
                f"Defender portal (Settings > SIEM) and that the input's resource is the one shown there. "
                f"{_REPLACEMENTS}{quoted}"
            )
        if refusal.status == HTTPStatus.FORBIDDEN:
            return AccessDeniedError(
                f"{host} denies this application the alerts of the region {self.region}. {_about(roles)} Check that "
                "the tenant's data is stored in this region (Defender portal, Settings > Microsoft Defender XDR > "
                f"Account) and the application's permissions.{quoted}"
            )
        if refusal.status == HTTPStatus.BAD_REQUEST:
            return UnexpectedAnswerError(
                f"{host} does not understand the request. Check the input's machine groups; if they are right, report "
                f"this with the line's correlation id.{quoted}"
            )
        if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
            return ServiceError(
                f"{host} throttles this application; the next run goes on where this one ended.{quoted}"
            )
        return ServiceError(f"{host} answered with an error; the next run asks again.{quoted}")


def _about(roles: tuple[str, ...]) -> str:
    if roles:
        return f"The token carries the permissions {', '.join(sorted(roles))}."
    return "The token carries no permissions (roles): an administrator may not have consented to them."
