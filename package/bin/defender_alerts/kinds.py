"""The kinds of input there are: what each asks, of whom, and how its events are called in Splunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from defender_alerts.apis import Api, siem


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        name: of the modular input, of the UCC service and in ``source``.
        sourcetype: of its events.
        read: checks the fields of its own; raises ``ConfigurationError``.
        in_region: the API of a region of a cloud; raises ``ConfigurationError`` where there is none.
        resource_hint: what to do where the tenant does not know the resource.
    """

    name: str
    sourcetype: str
    read: Callable[[str, Mapping[str, str]], siem.SiemSettings]
    in_region: Callable[[str, str, siem.SiemSettings], Api]
    resource_hint: Callable[[str], str]


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="defender_siem_alerts",
            sourcetype="wdatp:alerts",
            read=siem.read_settings,
            in_region=siem.SiemApi.in_region,
            resource_hint=siem.resource_hint,
        ),
    )
}
