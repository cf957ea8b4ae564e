"""Alerts and incidents as Microsoft Graph has them (security-alert.md and the CSDL extract beside this file).

Number n is the same alert as ``samples.siem_alert(n)`` and ``endpoint_samples.endpoint_alert(n)``: same id, title, device,
user, severity, file and hashes. Incident n holds the alerts 4(n-1) to 4(n-1)+3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from standins.microsoft import graph_schema, samples
from standins.microsoft.current_samples import TECHNIQUES, TENANT, Context, case, guid
from standins.microsoft.samples import USERS

FUTURE_TYPE = "quantumLinkEvidence"
"""A type of evidence that no schema of today knows."""
FUTURE_MEMBER = "microsoftDefenderForQuantum"
"""A member that no enum of today has."""

_DEEPEST = 2
_SEVERAL, _NO_OLD_KEY = 3, 7
"""Every how many alerts have two categories, and lack the deprecated key that has one."""
_SOURCES = {"EDR": "microsoftDefenderForEndpoint", "Antivirus": "antivirus", "CustomerTI": "customTi"}
_STATES = (
    "running",
    "pendingApproval",
    "successfullyRemediated",
    "partiallyInvestigated",
    "benign",
    "unsupportedAlertType",
)
_VERDICTS = (
    ("truePositive", "malware"),
    ("informationalExpectedActivity", "securityTesting"),
    ("falsePositive", "notMalicious"),
    ("truePositive", "multiStagedAttack"),
    (None, None),
)
_SEVERITIES = ("unknown", "informational", "low", "medium", "high")
_INCIDENT_STATUSES = ("active", "inProgress", "resolved", "active", "active", "awaitingAction", "active")
_TEXTS = {
    "ip": "203.0.113.61",
    "url": "https://portal.contoso.example/x?a=1&b=%20",
    "email": "chloe.martin@contoso.example",
    "upn": "chloe.martin@contoso.example",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sha1": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    "md5": "098f6bcd4621d373cade4e832627b4f6",
    "macaddress": "00-15-5D-01-02-03",
    "sid": "S-1-5-21-1202660629-789336058-1343024091-1102",
    "resourceid": "/subscriptions/5d8f6a1e/resourceGroups/rg-web/providers/Microsoft.Storage/storageAccounts/stweb",
}
_SCALARS: dict[str, Any] = {
    "Boolean": True,
    "Double": 47.6104,
    "Guid": "4f1b9a55-7c1d-4c0b-8f5e-2d6a1b3c9e70",
    "Int32": 1812,
    "Int64": 9_007_199_254_740_993,
    "dictionary": {"app": "shop", "tier": "web"},
}


def graph_alert(
    number: int,
    last_update: int,
    *,
    created: int | None = None,
    digits: int = 7,
    every_type: bool = False,
    future: bool = False,
    **overrides: Any,
) -> bytes:
    """Return one alert of ``alerts_v2`` as the API would send it: compact JSON in UTF-8.

    Args:
        number: Decides everything else.
        last_update: lastUpdateDateTime in ticks.
        created: For a later version of an alert: the ``last_update`` of its first one, which its id comes from.
            ``samples.siem_alert(number, created)`` has the same id.
        digits: How many fraction digits all times have.
        every_type: With one more evidence of every type of the schema, and nothing null: every property has a value.
        future: With a type of evidence, a property and enum members that nobody knows yet.
        overrides: Values instead of the usual ones, also for further keys; `samples.RawJson` is put in as it is.

    Raises:
        ValueError: ``last_update`` doesn't fit into the digits.
    """
    this = case(number, last_update, created, digits)
    facts, detection = this.facts, this.detection
    is_resolved = this.status == "resolved"
    classification, determination = _VERDICTS[number % len(_VERDICTS)] if is_resolved else (None, None)
    _, family, threat = detection.threat or (None, None, None)
    alert: dict[str, Any] = {
        "id": facts.alert_id,
        "providerAlertId": facts.alert_id,
        "incidentId": str(facts.incident),
        "status": this.status,
        "severity": detection.severity.lower(),
        "classification": classification,
        "determination": determination,
        "serviceSource": "microsoftDefenderForEndpoint",
        "detectionSource": _SOURCES[detection.source],
        "productName": "Microsoft Defender for Endpoint",
        "detectorId": detection.detector,
        "tenantId": TENANT,
        "title": detection.title,
        "description": detection.description,
        "recommendedActions": "1. Inspect the process tree.\r\n2. Contain the device.\r\n3. Change the user's password.",
        "category": detection.category,
        "categories": [detection.category, *(["Discovery"] if number % _SEVERAL == 0 else [])],
        "assignedTo": this.assigned_to,
        "alertWebUrl": f"https://security.microsoft.com/alerts/{facts.alert_id}?tid={TENANT}",
        "incidentWebUrl": _incident_url(facts.incident),
        "actorDisplayName": detection.actor or None,
        "threatDisplayName": threat,
        "threatFamilyName": family,
        "mitreTechniques": list(TECHNIQUES.get(detection.category, ())),
        "createdDateTime": this.happened(61.0421337),
        "lastUpdateDateTime": this.update,
        "resolvedDateTime": this.update if is_resolved else None,
        "firstActivityDateTime": this.happened(),
        "lastActivityDateTime": this.last_event,
        "alertPolicyId": None,
        "investigationState": _STATES[number // 3 % len(_STATES)] if this.investigation is not None else None,
        "comments": _comments(this) if is_resolved else [],
        "evidence": _evidence(this),
        "systemTags": [],
        "additionalData": None,
        "customDetails": {},
    }
    if number % _NO_OLD_KEY == _NO_OLD_KEY - 1:
        del alert["category"]
    if every_type:
        alert["evidence"] += [evidence(name, this.happened(62)) for name in graph_schema.evidence_types()]
        filled = _filled("alert", this.happened(62), 0)
        alert = {name: value or filled[name] for name, value in alert.items()}
    if future:
        alert["serviceSource"] = alert["detectionSource"] = FUTURE_MEMBER
        alert["quantumDetails"] = {"entangledWith": [facts.alert_id], "confidence": 0.75, "collapsed": None}
        alert["evidence"].append(
            {
                "@odata.type": f"{graph_schema.NAMESPACE}{FUTURE_TYPE}",
                **_base(this, []),
                "linkId": "q-7",
                "nodes": [{"name": "Å", "qubits": 9_007_199_254_740_993}],
            }
        )
    return samples.written({**alert, **overrides})


def graph_incident(
    number: int,
    last_update: int,
    *,
    created: int | None = None,
    digits: int = 7,
    alerts: Iterable[bytes] | None = None,
    redirect_to: int | None = None,
    **overrides: Any,
) -> bytes:
    """Return one incident as the API would send it: compact JSON in UTF-8.

    Args:
        number: Decides everything else, also the id; from 1.
        last_update: lastUpdateDateTime in ticks.
        created: For a later version: the ``last_update`` of the first one.
        digits: How many fraction digits all times have.
        alerts: What ``$expand=alerts`` shows; None: without it.
        redirect_to: The incident that this one has been merged into.
        overrides: Values instead of the usual ones, also for further keys; `samples.RawJson` is put in as it is.

    Raises:
        ValueError: ``last_update`` doesn't fit into the digits.
    """
    first, *others = (case(each, last_update, created, digits) for each in incident_alerts(number))
    severity = max((each.detection.severity.lower() for each in (first, *others)), key=_SEVERITIES.index)
    status = _INCIDENT_STATUSES[number % len(_INCIDENT_STATUSES)]
    is_resolved = status == "resolved"
    classification, determination = _VERDICTS[number % len(_VERDICTS)] if is_resolved else (None, None)
    incident = {
        "id": str(number),
        "tenantId": TENANT,
        "status": status if redirect_to is None else "redirected",
        "incidentWebUrl": _incident_url(number),
        "redirectIncidentId": None if redirect_to is None else str(redirect_to),
        "displayName": f"Multi-stage incident involving {first.detection.category} on one endpoint",
        "createdDateTime": first.happened(75.5),
        "lastUpdateDateTime": first.update,
        "assignedTo": f"{USERS[number % 5]}@contoso.example" if number % 3 else None,
        "classification": classification,
        "determination": determination,
        "severity": severity,
        "customTags": ["Kunde Süd"] if number % 4 == 0 else [],
        "systemTags": ["Defender Experts"] if number % 9 == 0 else [],
        "description": f"{first.detection.title}, and {len(others)} more alerts.",
        "lastModifiedBy": f"{USERS[number % 5]}@contoso.example" if number % 3 else "Automation",
        "resolvingComment": "Reimaged." if is_resolved else None,
        "summary": None,
        "priorityScore": number * 7 % 101,
        "comments": _comments(first) if is_resolved else [],
    }
    raw = samples.written({**incident, **overrides})
    return raw if alerts is None else raw[:-1] + b',"alerts":[' + b",".join(alerts) + b"]}"


def incident_alerts(number: int) -> range:
    """Return the numbers of an incident's alerts."""
    return range(4 * (number - 1), 4 * number)


def evidence(name: str, moment: str) -> dict[str, Any]:
    """Return an element of a type of the schema, every property filled; evidence inside evidence ends somewhere.

    Args:
        name: Such as ``deviceEvidence``.
        moment: What all its times are.
    """
    return {"@odata.type": f"{graph_schema.NAMESPACE}{name}", **_filled(name, moment, 0)}


def _filled(name: str, moment: str, depth: int) -> dict[str, Any]:
    properties = graph_schema.properties(name)
    return {
        key: _sample(f"{name}.{key}", kind, moment, depth) for key, kind in properties.items() if "(nav)" not in kind
    }


def _sample(path: str, kind: str, moment: str, depth: int) -> Any:
    if kind.startswith("Collection("):
        one = _sample(path, kind[len("Collection(") : -1], moment, depth)
        return [] if one is None else [one]
    if kind == "String":
        name = path.rpartition(".")[2].lower()
        return next((text for end, text in _TEXTS.items() if name.endswith(end)), f"sample of {path}")
    if kind == "DateTimeOffset":
        return moment
    if kind in _SCALARS:
        return _SCALARS[kind]
    known = graph_schema.types()[kind]
    if known["kind"] == "enum":
        members = [member for member in known["members"] if member != "unknownFutureValue"]
        return members[len(path) % len(members)]
    if kind == "alertEvidence":  # abstract: it says which type it is
        return None if depth >= _DEEPEST else evidence("azureResourceEvidence", moment)
    if known["base"] == "alertEvidence":
        return None if depth >= _DEEPEST else _filled(kind, moment, depth + 1)
    return _filled(kind, moment, depth)


def _evidence(this: Context) -> list[dict[str, Any]]:
    facts, detection = this.facts, this.detection
    elements = [_device(this), _user(this), _file(this)]
    if detection.command:
        elements.append(_process(this))
    if detection.url:
        elements.append(_element(this, "urlEvidence", ["commandAndControl"], url=detection.url))
    if detection.address:
        checkpoint = {"city": "Springfield", "countryName": "US", "state": None, "latitude": 39.78, "longitude": -89.65}
        elements.append(
            _element(
                this,
                "ipEvidence",
                ["destination"],
                ipAddress=detection.address,
                countryLetterCode="US",
                location=checkpoint,
                stream=None,
            )
        )
    if detection.category == "Persistence":
        elements.append(
            _element(
                this,
                "registryValueEvidence",
                ["created"],
                registryKey=r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\Adobe Update",
                registryHive="HKEY_LOCAL_MACHINE",
                registryValue="{" + guid(f"task {this.number}").upper() + "}",
                registryValueName="Id",
                registryValueType="ExpandString",
                mdeDeviceId=facts.machine,
            )
        )
    return elements


def _element(this: Context, kind: str, roles: list[str], **own: Any) -> dict[str, Any]:
    return {"@odata.type": f"{graph_schema.NAMESPACE}{kind}", **_base(this, roles), **own}


def _base(this: Context, roles: list[str]) -> dict[str, Any]:
    is_virus = this.facts.is_virus
    return {
        "createdDateTime": this.happened(61.125),
        "verdict": "malicious" if is_virus else "suspicious",
        "remediationStatus": ("prevented" if this.number % 3 else "active") if is_virus else "none",
        "remediationStatusDetails": None,
        "roles": roles,
        "detailedRoles": [],
        "tags": [],
    }


def _device(this: Context) -> dict[str, Any]:
    facts, device = this.facts, this.facts.device
    base = _base(this, ["compromised"])
    base["detailedRoles"], base["tags"] = ["PrimaryDevice"], device.tag.split("; ") if device.tag else []
    return {
        "@odata.type": f"{graph_schema.NAMESPACE}deviceEvidence",
        **base,
        "firstSeenDateTime": "2024-02-29T07:11:43.12Z",
        "mdeDeviceId": facts.machine,
        "azureAdDeviceId": None if device.domain else guid(f"device {device.name}"),
        "deviceDnsName": facts.dns_name,
        "hostName": device.name,
        "ntDomain": facts.domain if device.domain else None,
        "dnsDomain": device.domain or None,
        "osPlatform": "WindowsServer2022" if device.name.startswith("srv-") else "Windows11",
        "osBuild": 20348 if device.name.startswith("srv-") else 22631,
        "version": "Other",
        "healthStatus": "active",
        "riskScore": ("none", "low", "medium", "high")[this.number % 4],
        "rbacGroupId": 75,
        "rbacGroupName": device.group,
        "onboardingStatus": "onboarded",
        "defenderAvStatus": "updated",
        "lastIpAddress": device.address,
        "lastExternalIpAddress": "198.51.100.200",
        "ipInterfaces": [device.address, "fe80::1", "127.0.0.1"],
        "vmMetadata": None,
        "loggedOnUsers": [
            {"accountName": facts.user, "domainName": facts.domain},
            {"accountName": USERS[this.number % 5], "domainName": facts.domain},
        ],
        "resourceAccessEvents": [],
    }


def _account(this: Context) -> dict[str, Any]:
    facts = this.facts
    return {
        "accountName": facts.user,
        "domainName": facts.user_domain,
        "userSid": this.sid,
        "azureAdUserId": this.user_id,
        "userPrincipalName": this.principal,
        "displayName": None,
        "activeDirectoryObjectGuid": None,
        "tenantId": None,
        "resourceAccessEvents": [],
    }


def _user(this: Context) -> dict[str, Any]:
    return _element(this, "userEvidence", ["compromised"], stream=None, userAccount=_account(this))


def _details(this: Context) -> dict[str, Any]:
    return {
        "sha1": this.facts.hashes["sha1"],
        "sha256": this.facts.hashes["sha256"],
        "md5": this.facts.hashes["md5"],
        "sha256Ac": None,
        "fileName": this.detection.file,
        "filePath": this.detection.folder,
        "fileSize": 4096 + this.number * 977 % 900_000,
        "filePublisher": None,
        "signer": None,
        "issuer": None,
    }


def _file(this: Context) -> dict[str, Any]:
    status = "prevented" if this.facts.is_virus else "detected"
    return _element(
        this,
        "fileEvidence",
        [],
        detectionStatus=status,
        mdeDeviceId=this.facts.machine,
        fileDetails=_details(this),
    )


def _process(this: Context) -> dict[str, Any]:
    name, folder = this.parent
    parent: dict[str, Any] = {**dict.fromkeys(_details(this)), "fileName": name, "filePath": folder}
    return _element(
        this,
        "processEvidence",
        [],
        processId=this.pid,
        parentProcessId=this.pid + 8,
        processCommandLine=this.detection.command,
        processCreationDateTime=this.happened(-0.5),
        parentProcessCreationDateTime=this.happened(-3600.25),
        detectionStatus="prevented" if this.facts.is_virus else "detected",
        mdeDeviceId=this.facts.machine,
        imageFile=_details(this),
        parentProcessImageFile=parent if this.number % 5 else None,
        userAccount=_account(this),
    )


def _comments(this: Context) -> list[dict[str, Any]]:
    return [
        {
            "@odata.type": f"{graph_schema.NAMESPACE}alertComment",
            "comment": "Checked with the user;\nnothing left to do.",
            "createdByDisplayName": this.assigned_to,
            "createdDateTime": this.update,
        }
    ]


def _incident_url(number: int) -> str:
    return f"https://security.microsoft.com/incident2/{number}/overview?tid={TENANT}"
