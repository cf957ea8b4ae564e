"""Alerts as Defender for Endpoint has them (alerts.md, get-alerts.md, and a capture of 2023 for what these don't list).

Number n is the same alert as ``samples.siem_alert(n)``: same id, title, machine, user, severity, file and hashes.
"""

from __future__ import annotations

from typing import Any

from standins.microsoft import samples
from standins.microsoft.current_samples import TECHNIQUES, TENANT, Context, case, guid
from standins.microsoft.samples import USERS

EVIDENCE_TYPES = ("User", "Process", "File", "Url", "Ip", "Registry")
EVIDENCE_KEYS = (
    "entityType", "evidenceCreationTime", "sha1", "sha256", "fileName", "filePath", "processId", "processCommandLine",
    "processCreationTime", "parentProcessId", "parentProcessCreationTime", "parentProcessFileName",
    "parentProcessFilePath", "ipAddress", "url", "registryKey", "registryHive", "registryValueType", "registryValue",
    "registryValueName", "accountName", "domainName", "userSid", "aadUserId", "userPrincipalName", "detectionStatus",
)  # fmt: skip
"""Every element has all of them; those that its type doesn't use are null."""

_SOURCES = {"EDR": "WindowsDefenderAtp", "Antivirus": "WindowsDefenderAv", "CustomerTI": "CustomerTI"}
_STATUSES = {"unknown": "Unknown", "new": "New", "inProgress": "InProgress", "resolved": "Resolved"}
_STATES = (
    "Running",
    "PendingApproval",
    "SuccessfullyRemediated",
    "PartiallyInvestigated",
    "Benign",
    "UnsupportedAlertType",
)
_VERDICTS = (
    ("TruePositive", "Malware"),
    ("InformationalExpectedActivity", "SecurityTesting"),
    ("FalsePositive", "Clean"),
    ("TruePositive", "MultiStagedAttack"),
    (None, None),
)


def endpoint_alert(
    number: int,
    last_update: int,
    *,
    created: int | None = None,
    digits: int = 7,
    every_type: bool = False,
    **overrides: Any,
) -> bytes:
    """Return one alert with its evidence, as the API would send it: compact JSON in UTF-8.

    Args:
        number: Decides everything else.
        last_update: lastUpdateTime in ticks.
        created: For a later version of an alert: the ``last_update`` of its first one, which its id comes from.
            ``samples.siem_alert(number, created)`` has the same id.
        digits: How many fraction digits all times have.
        every_type: Evidence of every type, whatever the alert is about.
        overrides: Values instead of the usual ones, also for further keys; `samples.RawJson` is put in as it is.

    Raises:
        ValueError: ``last_update`` doesn't fit into the digits.
    """
    this = case(number, last_update, created, digits)
    facts, detection = this.facts, this.detection
    is_resolved = this.status == "resolved"
    classification, determination = _VERDICTS[number % len(_VERDICTS)] if is_resolved else (None, None)
    _, family, threat = detection.threat or (None, None, None)
    alert = {
        "id": facts.alert_id,
        "incidentId": facts.incident,
        "investigationId": this.investigation,
        "assignedTo": this.assigned_to,
        "severity": detection.severity,
        "status": _STATUSES[this.status],
        "classification": classification,
        "determination": determination,
        "investigationState": _STATES[number // 3 % len(_STATES)] if this.investigation is not None else None,
        "detectionSource": _SOURCES[detection.source],
        "detectorId": detection.detector,
        "category": detection.category,
        "threatFamilyName": family,
        "title": detection.title,
        "description": detection.description,
        "alertCreationTime": this.happened(61.0421337),
        "firstEventTime": this.happened(),
        "lastEventTime": this.last_event,
        "lastUpdateTime": this.update,
        "resolvedTime": this.update if is_resolved else None,
        "machineId": facts.machine,
        "computerDnsName": facts.dns_name,
        "rbacGroupName": facts.device.group,
        "aadTenantId": TENANT,
        "threatName": threat,
        "mitreTechniques": list(TECHNIQUES.get(detection.category, ())),
        "relatedUser": {"userName": facts.user, "domainName": facts.user_domain},
        "loggedOnUsers": [
            {"accountName": facts.user, "domainName": facts.domain},
            {"accountName": USERS[number % 5], "domainName": facts.domain},
        ],
        "comments": _comments(this) if is_resolved else [],
        "evidence": [_element(this, kind) for kind in EVIDENCE_TYPES if every_type or _has(this, kind)],
        "domains": [],
    }
    return samples.written({**alert, **overrides})


def _comments(this: Context) -> list[dict[str, Any]]:
    comment = "Checked with the user;\nnothing left to do."
    return [{"comment": comment, "createdBy": this.assigned_to, "createdTime": this.update}]


def _has(this: Context, kind: str) -> bool:
    detection = this.detection
    return {
        "Process": bool(detection.command),
        "Url": bool(detection.url),
        "Ip": bool(detection.address),
        "Registry": detection.category == "Persistence",
    }.get(kind, True)


def _element(this: Context, kind: str) -> dict[str, Any]:
    facts, detection = this.facts, this.detection
    file = {
        "sha1": facts.hashes["sha1"],
        "sha256": facts.hashes["sha256"],
        "fileName": detection.file,
        "filePath": detection.folder,
        "detectionStatus": "Prevented" if facts.is_virus else "Detected",
    }
    user = {
        "accountName": facts.user,
        "domainName": facts.user_domain,
        "userSid": this.sid,
        "aadUserId": this.user_id,
        "userPrincipalName": this.principal,
    }
    parent, parent_folder = this.parent
    process = {
        "processId": this.pid,
        "processCommandLine": detection.command,
        "processCreationTime": this.happened(-0.5),
        "parentProcessId": this.pid + 8,
        "parentProcessCreationTime": this.happened(-3600.25),
        "parentProcessFileName": parent,
        "parentProcessFilePath": parent_folder,
    }
    own: dict[str, dict[str, Any]] = {
        "User": user,
        "Process": {**file, **process, **user},
        "File": file,
        "Url": {"url": detection.url or "http://down.northwind-mirror.example/"},
        "Ip": {"ipAddress": detection.address or "198.51.100.77"},
        "Registry": {
            "registryKey": r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\Adobe Update",
            "registryHive": "HKEY_LOCAL_MACHINE",
            "registryValueType": "ExpandString",
            "registryValue": "{" + guid(f"task {this.number}").upper() + "}",
            "registryValueName": "Id",
        },
    }
    element: dict[str, Any] = dict.fromkeys(EVIDENCE_KEYS)
    return {**element, "entityType": kind, "evidenceCreationTime": this.happened(61.125), **own[kind]}
