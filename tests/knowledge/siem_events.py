"""What is known of events of the SIEM API, and of all others: their tenant, and their version's time."""

from __future__ import annotations

from standins.microsoft import ticks
from standins.microsoft.samples import Shape

TENANT = "6f1f8b3a-0c58-4f5c-9a9b-5a7c0f3f1d11"
OUR_SOURCE = f"defender_siem_alerts:{TENANT}:eu:soc_alerts"
OLD_SOURCE = "rest://wdatp:alerts"  # of the old add-on, Splunkbase 4128 (Microsoft: configure-splunk)
PROCESSED = ticks.parse("2026-03-01T11:00:00.1234567Z")
SHAPES: tuple[Shape, ...] = ("2017", "2018", "2020")
# Field, and the keys that it comes from in the order of preference.
SOURCES: dict[str, tuple[str, ...]] = {
    "alert_url": ("LinkToMTP", "LinkToWDATP"),
    "category": ("Category",),
    "description": ("Description", "AlertTitle"),
    "dest": ("ComputerDnsName", "MachineName", "DeviceID"),
    "file_hash": ("Sha256", "Sha1", "SHA1", "FileHash", "Md5"),
    "file_name": ("FileName",),
    "id": ("AlertId",),
    "ip": ("IpAddress",),
    "process": ("CommandLine",),
    "signature": ("AlertTitle",),
    "signature_id": ("IoaDefinitionId", "IoaDefinitiondId", "ThreatName", "ThreatFamily", "Category", "AlertTitle"),
    "src": ("ComputerDnsName", "MachineName", "DeviceID"),
    "url": ("Url",),
    "vendor_severity": ("Severity",),
}
