"""The SIEM API of Windows Defender ATP: detections by the time at which the backend processed them.

Microsoft has deprecated it and may switch it off any day. Its documents leave open:

- whether the bounds are inclusive: windows overlap by at least ``slack``;
- how many records an answer may hold: one with ``MOST_RECORDS`` counts as cut short. ``limit`` is never sent, since it
  returns the newest records and would skip the oldest;
- the order of the array: none is assumed.

Source: Microsoft, "Pull Microsoft Defender for Endpoint detections using SIEM REST API" (2017 to 2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from defender_alerts.errors import (
    AccessDeniedError,
    AddonError,
    AuthenticationError,
    ConfigurationError,
    UnexpectedAnswerError,
)
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.json_stream import BrokenRecord, Record, cut_array
from defender_alerts.microsoft.transport.client import Refusal, Request
from defender_alerts.microsoft.transport.rate_limit import Limit
from defender_alerts.settings import cleaned, split_list
from defender_alerts.times import iso, parse_iso

from .base import ENDPOINT_PRODUCT, Access, Alerts, Query
from .refusals import about, out_of_service

API = "siem"
# Applications of this old API may have no permissions at all: a token is enough.
ACCESS = Access("WindowsDefenderATP", ())
MOST_RECORDS = 5_000
RESOURCES = ("https://graph.windows.net", "https://WDATPAlertExport.Seville.onmicrosoft.com")

_REPLACEMENTS = (
    "Microsoft has deprecated the SIEM API and may have switched it off: replace this input with defender_graph_alerts "
    "(Microsoft Graph) or defender_endpoint_alerts."
)


class SiemSettings(NamedTuple):
    """The settings that only this kind of input has."""

    regions: tuple[str, ...]
    resource: str
    machine_groups: tuple[str, ...]

    @property
    def brings(self) -> Alerts:
        """The alerts of endpoints in these regions and device groups."""
        return Alerts(ENDPOINT_PRODUCT, stores=frozenset(self.regions), groups=frozenset(self.machine_groups))

    def in_region(self, region: str, cloud: str) -> SiemApi:
        """The API of a region with these settings' filters.

        Raises:
            ConfigurationError: the cloud does not offer it there.
        """
        return SiemApi(region, clouds.endpoint(API, cloud, region).host, self.resource, self.machine_groups)


def read_settings(name: str, stanza: Mapping[str, str]) -> SiemSettings:
    """Read the settings of an input.

    Raises:
        ConfigurationError: a field is missing or wrong.
    """
    where = f"Correct the input {name} under Inputs."
    regions = split_list((stanza.get("regions") or "").lower())
    if not regions:
        raise ConfigurationError(f"The input {name} names no region. {where}")
    resource = cleaned(stanza.get("resource") or RESOURCES[0])
    if resource not in RESOURCES:
        raise ConfigurationError(f"The resource {resource!r} is neither {' nor '.join(RESOURCES)}. {where}")
    return SiemSettings(regions, resource, split_list(stanza.get("machine_groups")))


def audiences(cloud: str) -> tuple[str, ...]:
    """The token audiences that the API accepts; the tenant knows the one with which its application was made."""
    return RESOURCES if clouds.regions(API, cloud) else ()


class SiemApi(NamedTuple):
    """The SIEM API in one region."""

    region: str
    host: str
    audience: str = RESOURCES[0]
    machine_groups: tuple[str, ...] = ()
    most_records: int = MOST_RECORDS
    # Whether the bounds are inclusive is not documented.
    slack: int = 1
    # Answers have no further pages, and alerts have no inner records.
    pages: None = None
    expansion: None = None
    # Microsoft publishes none for this API.
    limits: tuple[Limit, ...] = ()

    @property
    def errors(self) -> SiemErrors:
        """Explains its refusals; a tenant that does not know the resource knows the other one."""
        other = RESOURCES[1 - RESOURCES.index(self.audience)]
        return SiemErrors(self.region, f"Set the input's resource to {other}.")

    def request(self, query: Query) -> Request:
        """The request for a query, with both bounds in the records' own time format."""
        params = [("sinceTimeUtc", iso(query.times.start)), ("untilTimeUtc", iso(query.times.end))]
        params += [("machinegroups", group) for group in self.machine_groups]
        return Request(
            "GET",
            f"https://{self.host}/api/alerts",
            params=tuple(params),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            accepts=frozenset({200, 204}),
        )

    def cut(self, pieces: Iterable[bytes], around: dict[str, Any]) -> Iterator[Record | BrokenRecord]:
        """The elements of an array, or a single alert instead of it, as Microsoft's document shows one.

        Raises:
            UnexpectedAnswerError: this is not an answer of the API.
            ConnectionFailedError: the answer ends too early.
        """
        del around
        return cut_array(pieces, _is_alert)

    def identify(self, record: Mapping[str, Any]) -> tuple[str, int]:
        """``FullId`` and ``AlertPart``, at ``LastProcessedTimeUtc``.

        Raises:
            ValueError: identity or time is missing or malformed.
        """
        full_id = record.get("FullId")
        processed = record.get("LastProcessedTimeUtc")
        if not isinstance(full_id, str) or not full_id:
            raise ValueError("FullId is missing")
        if not isinstance(processed, str):
            raise ValueError("LastProcessedTimeUtc is missing")  # noqa: TRY004 - the contract is ValueError for every malformed record
        part = record.get("AlertPart")
        if isinstance(part, (dict, list)):
            raise ValueError("AlertPart is no number")  # noqa: TRY004 - as above
        return f"{full_id}|{part}", parse_iso(processed)


class SiemErrors(NamedTuple):
    """Explains the refusals of the SIEM API in one region."""

    region: str
    resource_hint: str
    retirement: str = _REPLACEMENTS

    def explain(self, refusal: Refusal, roles: tuple[str, ...]) -> AddonError:
        """Turn a refusal into an error with advice."""
        host, quoted = refusal.host, refusal.quoted()
        if refusal.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return UnexpectedAnswerError(f"{host} no longer serves alerts. {_REPLACEMENTS}{quoted}")
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            return AuthenticationError(
                f"{host} refuses a fresh token. {about(roles)} Check that the SIEM integration is enabled in the "
                "Defender portal (Settings > SIEM) and that the input's resource is the one shown there. "
                f"{_REPLACEMENTS}{quoted}"
            )
        if refusal.status == HTTPStatus.FORBIDDEN:
            return AccessDeniedError(
                f"{host} denies this application the alerts of the region {self.region}. {about(roles)} Check that "
                "the tenant's data is stored in this region (Defender portal, Settings > Microsoft Defender XDR > "
                f"Account) and the application's permissions.{quoted}"
            )
        if refusal.status == HTTPStatus.BAD_REQUEST:
            return UnexpectedAnswerError(
                f"{host} rejects the request as invalid. Check the input's machine groups; if they are right, report "
                f"this with the line's correlation id.{quoted}"
            )
        return out_of_service(refusal)


def _is_alert(value: Any) -> bool:
    return isinstance(value, dict) and not value.keys().isdisjoint({"AlertId", "FullId", "LastProcessedTimeUtc"})
