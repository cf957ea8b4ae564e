"""Records in the shapes that Microsoft's pages and others' captures show: their keys, in their order, with what they leave null.

The values are our own. Each shape names where it is published, and the report of the tests names them all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.current_events import ENDPOINT, GRAPH, INCIDENT, SPLIT_ALERT, Kind

TIME = "2026-03-01T10:59:00.1234567Z"
TENANT = "33333333-2222-3333-4444-555555555555"
GRAPH_ALERTS = "microsoft-graph-docs-contrib: v1.0/api/security-list-alerts_v2.md"
GRAPH_INCIDENTS = "microsoft-graph-docs-contrib: v1.0/api/security-list-incidents.md"
ENDPOINT_ALERTS = "defender-docs: defender-endpoint/api/get-alerts.md"
FORMER_INCIDENTS = "defender-docs: defender-xdr/api-list-incidents.md"
ESCAPED = "elastic/integrations: m365_defender/alert (slashes written as \\/)"
SIEM = ("Microsoft's page of 2017", "a capture of 2018", "Microsoft's page of 2020")


@dataclass(frozen=True)
class Shape:
    """A record in a published shape.

    Attributes:
        name: what is special about it.
        source: where it is published.
        kind: of the events it comes in.
        record: its members.
        expected: fields that it has to have, None for those that it must not have.
        lacks: fields that CIM requires and its record has nothing for.
        has_escaped_slashes: how its JSON is written.
    """

    name: str
    source: str
    kind: Kind
    record: Mapping[str, Any]
    expected: Mapping[str, object]
    lacks: frozenset[str] = field(default_factory=frozenset)
    has_escaped_slashes: bool = False

    @property
    def raw(self) -> str:
        """Its JSON."""
        text = json.dumps(self.record, ensure_ascii=False)
        return text.replace("/", "\\/") if self.has_escaped_slashes else text


def _piece(of: str, **members: Any) -> dict[str, Any]:
    head = {"@odata.type": f"#microsoft.graph.security.{of}Evidence", "createdDateTime": TIME, "verdict": "unknown"}
    return head | {"remediationStatus": "none", "remediationStatusDetails": None} | members


def _file(name: str, folder: str, sha256: str | None) -> dict[str, Any]:
    hashes = {"sha1": sha256 and sha256[:40], "sha256": sha256}
    return (
        hashes
        | {"fileName": name, "filePath": folder, "fileSize": 7, "filePublisher": "X", "signer": None}
        | {"issuer": None}
    )


_PLAYED: dict[str, Any] = {"roles": [], "detailedRoles": [], "tags": []}
_DEVICE = _piece(
    "device",
    firstSeenDateTime=TIME,
    mdeDeviceId="7" * 40,
    azureAdDeviceId=None,
    deviceDnsName="pc-7.contoso.example",
    osPlatform="Windows11",
    osBuild=22424,
    version="Other",
    healthStatus="active",
    riskScore="medium",
    rbacGroupId=75,
    rbacGroupName="Offices",
    onboardingStatus="onboarded",
    defenderAvStatus="unknown",
    ipInterfaces=["10.7.0.1"],
    loggedOnUsers=[],
    roles=["compromised"],
    detailedRoles=["Main device"],
    tags=["Floor 7"],
    vmMetadata={
        "vmId": TENANT,
        "cloudProvider": "azure",
        "resourceId": "/subscriptions/s/virtualMachines/pc-7",
        "subscriptionId": "s",
    },
)
_IMAGE = _file("odd.exe", "C:\\Program Files\\odd", "8" * 64)
_ACCOUNT = {"accountName": "SYSTEM", "domainName": "NT AUTHORITY", "userSid": "S-1-5-18", "azureAdUserId": None}
_PROCESS = _piece(
    "process",
    processId=4780,
    parentProcessId=668,
    processCommandLine='"odd.exe"',
    processCreationDateTime=TIME,
    parentProcessCreationDateTime=TIME,
    detectionStatus="detected",
    mdeDeviceId="7" * 40,
    **_PLAYED,
    imageFile=_IMAGE,
    parentProcessImageFile=_file("services.exe", "C:\\Windows\\System32", None),
    userAccount=_ACCOUNT | {"userPrincipalName": None, "displayName": "System"},
)
_KEY = {"registryKey": "SYSTEM\\CONTROL\\ODD", "registryHive": "HKEY_LOCAL_MACHINE"}
_GRAPH_ALERT: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.security.alert",
    "id": "da7_-7",
    "providerAlertId": "da7_-7",
    "incidentId": "28282",
    "status": "new",
    "severity": "low",
    "classification": "unknown",
    "determination": "unknown",
    "serviceSource": "microsoftDefenderForEndpoint",
    "detectionSource": "antivirus",
    "detectorId": "e0da400f",
    "tenantId": TENANT,
    "title": "A hidden file was run",
    "description": "Hidden.",
    "recommendedActions": "Look at it.\n\tThen again.",
    "category": "DefenseEvasion",
    "assignedTo": None,
    "alertWebUrl": "https://security.microsoft.com/alerts/da7_-7?tid=t",
    "incidentWebUrl": "https://security.microsoft.com/incidents/28282?tid=t",
    "actorDisplayName": None,
    "threatDisplayName": None,
    "threatFamilyName": None,
    "mitreTechniques": ["T1564.001"],
    "createdDateTime": TIME,
    "lastUpdateDateTime": TIME,
    "resolvedDateTime": None,
    "firstActivityDateTime": TIME,
    "lastActivityDateTime": TIME,
    "comments": [],
    "evidence": [
        _DEVICE,
        _piece("file", detectionStatus="detected", mdeDeviceId="7" * 40, **_PLAYED, fileDetails=_IMAGE),
        _PROCESS,
        _piece("registryKey", **_KEY, **_PLAYED),
    ],
    "systemTags": ["Defender Experts"],
}
_OF_THE_ALERT: dict[str, object] = {
    "dest": "pc-7.contoso.example",
    "object_id": "/subscriptions/s/virtualMachines/pc-7",
    "file_name": ["odd.exe", "odd.exe"],
    "file_path": ["C:\\Program Files\\odd\\odd.exe"] * 2,
    "file_hash": ["8" * 64] * 2,
    "process": '"odd.exe"',
    "parent_process": "C:\\Windows\\System32\\services.exe",
    "registry_path": "HKEY_LOCAL_MACHINE\\SYSTEM\\CONTROL\\ODD",
    "device_ip": "10.7.0.1",
    "evidence_type": ["device", "file", "process", "registryKey"],
    "evidence_role": ["compromised", "", "", ""],
    "mitre_technique_id": "T1564.001",
}
_ALERTS = {"user": None, "category": "DefenseEvasion", "mitre_tactic": "Defense Evasion", "incident_id": "28282"}
_LINKS = {"alert_url": _GRAPH_ALERT["alertWebUrl"], "incident_url": _GRAPH_ALERT["incidentWebUrl"]}
_GRAPH_INCIDENT: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.security.incident",
    "id": "2972395",
    "incidentWebUrl": "https://security.microsoft.com/incidents/2972395?tid=t",
    "redirectIncidentId": None,
    "tenantId": TENANT,
    "displayName": "Multi-stage incident",
    "createdDateTime": TIME,
    "lastUpdateDateTime": TIME,
    "assignedTo": "kai@contoso.example",
    "classification": "truePositive",
    "determination": "multiStagedAttack",
    "status": "active",
    "severity": "medium",
    "tags": ["Demo"],
    "comments": [{"comment": "Demo", "createdBy": "david@contoso.example", "createdTime": TIME}],
    "systemTags": ["Defender Experts"],
    "description": "A worm.",
}


def _endpoint_alert(evidence: list[dict[str, Any]], **members: Any) -> dict[str, Any]:
    """Neither page shows loggedOnUsers, and the first no detectorId."""
    return {
        "id": "da6_-8",
        "incidentId": 7587,
        "investigationId": 723156,
        "assignedTo": "soc@contoso.example",
        "severity": "Low",
        "status": "New",
        "classification": "TruePositive",
        "determination": None,
        "investigationState": "Queued",
        "detectionSource": "WindowsDefenderAv",
        **members,
        "alertCreationTime": TIME,
        "firstEventTime": TIME,
        "lastEventTime": TIME,
        "lastUpdateTime": TIME,
        "resolvedTime": None,
        "machineId": "1" * 40,
        "computerDnsName": "pc-8.contoso.example",
        "rbacGroupName": "A",
        "aadTenantId": TENANT,
        "threatName": None,
        "mitreTechniques": ["T1064", "T1085"],
        "relatedUser": {"userName": "anna", "domainName": "CONTOSO"},
        "comments": [],
        "evidence": evidence,
    }


_ELEMENT = (
    *("entityType", "evidenceCreationTime", "sha1", "sha256", "fileName", "filePath", "processId"),
    *("processCommandLine", "processCreationTime", "parentProcessId", "parentProcessCreationTime"),
    *("parentProcessFileName", "parentProcessFilePath", "ipAddress", "url", "registryKey", "registryHive"),
    *("registryValueType", "registryValue", "accountName", "domainName", "userSid", "aadUserId", "userPrincipalName"),
    "detectionStatus",
)
_ENTITY = (
    *(key for key in _ELEMENT[:15] if key not in {"evidenceCreationTime", "parentProcessFileName"}),
    *("accountName", "domainName", "userSid", "aadUserId", "userPrincipalName", "mailboxDisplayName"),
    *("mailboxAddress", "clusterBy", "sender", "recipient", "subject", "deliveryAction", "securityGroupId"),
    *("securityGroupName", "registryHive", "registryKey", "registryValueType", "registryValue", "deviceId"),
)


def _element(keys: tuple[str, ...], **members: Any) -> dict[str, Any]:
    return dict.fromkeys(keys) | members


_USER = {"accountName": "anna", "domainName": "CONTOSO", "userSid": "S-1-5-21-1", "userPrincipalName": "a@b.example"}
_RUN = {"sha256": "9" * 64, "fileName": "rundll32.exe", "filePath": "C:\\Windows\\SysWOW64", "processId": 3276}


def _former_alert(source: str, devices: list[dict[str, Any]], *entities: dict[str, Any]) -> dict[str, Any]:
    return {
        "alertId": "ca7",
        "incidentId": 924565,
        "serviceSource": source,
        "creationTime": TIME,
        "lastUpdatedTime": TIME,
        "resolvedTime": None,
        "firstActivity": TIME,
        "lastActivity": TIME,
        "title": "Ransomware activity",
        "description": "99 files.",
        "category": "Impact",
        "status": "New",
        "severity": "Medium",
        "investigationId": None,
        "investigationState": "UnsupportedAlertType",
        "classification": None,
        "determination": None,
        "detectionSource": "MCAS",
        "assignedTo": None,
        "actorName": None,
        "threatFamilyName": None,
        "mitreTechniques": [],
        "devices": devices,
        "entities": list(entities),
    }


_FORMER_DEVICE = {
    "mdatpDeviceId": "2" * 40,
    "aadDeviceId": None,
    "deviceDnsName": "pc-9.contoso.example",
    "osPlatform": "Windows11",
    "osBuild": 14393,
    "rbacGroupName": "Ring0",
    "firstSeen": TIME,
    "healthStatus": "Active",
    "riskScore": "High",
}
_OF_A_USER = _former_alert("MicrosoftCloudAppSecurity", [], _element(_ENTITY, entityType="User", **_USER))
_OF_A_MAIL = _former_alert(
    "OfficeATP",
    [],
    _element(_ENTITY, entityType="MailMessage", userPrincipalName="bob@b.example", sender="eve@x.example")
    | {"recipient": "bob@b.example", "subject": "[EXTERNAL] Attention", "deliveryAction": "Delivered"},
    _element(_ENTITY, entityType="MailBox", mailboxAddress="bob@b.example", userPrincipalName="bob@b.example"),
    _element(_ENTITY, entityType="SecurityGroup", securityGroupId="g-1", securityGroupName="Operators"),
)
_OF_A_DEVICE = _former_alert(
    "MicrosoftDefenderATP",
    [_FORMER_DEVICE],
    _element(_ENTITY, entityType="Process", processCommandLine="rundll32.exe x", deviceId="2" * 40, **_RUN),
    _element(_ENTITY, entityType="Registry", registryHive="HKEY_LOCAL_MACHINE", registryKey="SOFTWARE\\Odd"),
)


def _former_incident(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {
        "incidentId": 924565,
        "redirectIncidentId": None,
        "incidentName": "Ransomware activity",
        "createdTime": TIME,
        "lastUpdateTime": TIME,
        "assignedTo": None,
        "classification": "Unknown",
        "determination": "NotAvailable",
        "status": "Active",
        "severity": "Medium",
        "tags": ["Wave 1"],
        "comments": [],
        "alerts": list(alerts),
    }


NOBODY = frozenset({"user"})
NOWHERE = frozenset({"dest", "src"})
SHAPES = (
    Shape("alert", GRAPH_ALERTS, GRAPH, _GRAPH_ALERT, _OF_THE_ALERT | _ALERTS | _LINKS, NOBODY),
    Shape("split alert", GRAPH_INCIDENTS, SPLIT_ALERT, _GRAPH_ALERT, _OF_THE_ALERT | _ALERTS | _LINKS, NOBODY),
    Shape("escaped", ESCAPED, GRAPH, _GRAPH_ALERT, _OF_THE_ALERT | _ALERTS | _LINKS, NOBODY, has_escaped_slashes=True),
    Shape(
        "incident without its alerts",
        GRAPH_INCIDENTS,
        INCIDENT,
        _GRAPH_INCIDENT,
        {"ticket_id": "2972395", "user": "kai@contoso.example", "classification": "truepositive", "dest": None}
        | {"determination": "multistagedattack", "system_tags": "Defender Experts", "custom_tags": "Demo"},
        frozenset({"dest"}),
    ),
    Shape(
        "incident with its alerts",
        GRAPH_INCIDENTS,
        INCIDENT,
        _GRAPH_INCIDENT | {"alerts": [_GRAPH_ALERT]},
        _OF_THE_ALERT | {"ticket_id": "2972395", "user": "kai@contoso.example", "category": None},
    ),
    Shape(
        "alert without evidence",
        ENDPOINT_ALERTS,
        ENDPOINT,
        _endpoint_alert([], category="SuspiciousActivity", threatFamilyName="Meterpreter", title="M", description="D"),
        {"dest": "pc-8.contoso.example", "user": "anna", "signature_id": "Meterpreter", "incident_id": "7587"}
        | {"assigned_to": "soc@contoso.example", "mitre_technique_id": ["T1064", "T1085"], "evidence_type": None},
    ),
    Shape(
        "alert with evidence",
        ENDPOINT_ALERTS,
        ENDPOINT,
        _endpoint_alert(
            [
                _element(_ELEMENT, entityType="User", **_USER),
                _element(
                    _ELEMENT,
                    entityType="Process",
                    **_RUN,
                    processCommandLine="rundll32.exe  c:\\temp\\odd.dll,X",
                    parentProcessFileName="rundll32.exe",
                    parentProcessFilePath="C:\\Windows\\System32",
                    detectionStatus="Detected",
                ),
                _element(_ELEMENT, entityType="File", sha256="6" * 64, fileName="odd.dll", filePath="c:\\temp"),
            ],
            detectorId="17e10bbc",
            category="Execution",
            threatFamilyName=None,
            title="T",
            description="D",
        ),
        {"signature_id": "17e10bbc", "file_name": ["rundll32.exe", "odd.dll"], "process_name": "rundll32.exe"}
        | {"file_path": ["C:\\Windows\\SysWOW64\\rundll32.exe", "c:\\temp\\odd.dll"], "mitre_tactic": "Execution"}
        | {"parent_process": "C:\\Windows\\System32\\rundll32.exe", "user_principal_name": "a@b.example"}
        | {"evidence_type": ["User", "Process", "File"], "evidence_detection": ["", "Detected", ""]},
    ),
    Shape(
        "former alert about a user",
        FORMER_INCIDENTS,
        SPLIT_ALERT,
        _OF_A_USER,
        {"id": "ca7", "app": "Microsoft Defender for Cloud Apps", "user": "anna", "user_sid": "S-1-5-21-1"}
        | {"user_principal_name": "a@b.example", "severity": "medium", "status": "new", "first_activity_time": TIME},
        NOWHERE,
    ),
    Shape(
        "former alert about a mail",
        FORMER_INCIDENTS,
        SPLIT_ALERT,
        _OF_A_MAIL,
        {"app": "Microsoft Defender for Office 365", "src_user": "eve@x.example", "recipient": "bob@b.example"}
        | {"subject": "[EXTERNAL] Attention", "mailbox": "bob@b.example", "delivery_action": "Delivered"}
        | {"user": "bob@b.example", "security_group": "Operators", "security_group_id": "g-1"},
        NOWHERE,
    ),
    Shape(
        "former alert about a device",
        FORMER_INCIDENTS,
        SPLIT_ALERT,
        _OF_A_DEVICE,
        {
            "dest": "pc-9.contoso.example",
            "src": "pc-9.contoso.example",
            "process": "rundll32.exe x",
            "file_hash": "9" * 64,
        }
        | {"file_path": "C:\\Windows\\SysWOW64\\rundll32.exe", "device_id": "2" * 40, "version_time": TIME}
        | {"registry_path": "HKEY_LOCAL_MACHINE\\SOFTWARE\\Odd"},
        NOBODY,
    ),
    Shape(
        "former incident",
        FORMER_INCIDENTS,
        INCIDENT,
        _former_incident(_OF_A_USER, _OF_A_DEVICE),
        {"ticket_id": "924565", "signature": "Ransomware activity", "dest": "pc-9.contoso.example"}
        | {"users": "anna", "process": "rundll32.exe x", "custom_tags": "Wave 1", "created_time": TIME, "user": None}
        | {"version_time": TIME, "evidence_type": ["User", "Process", "Registry"]},
    ),
)
