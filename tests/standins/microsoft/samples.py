"""SIEM alerts in the three shapes that the API has had, plausible enough to be shown to people.

Keys: the API page of 2017 (33 of them, among them the misspelt ``IoaDefinitiondId``; absent values are null), a capture of 2018
(26; absent ones are missing), the page of 2020 and later (50; absent strings are empty, absent booleans null).
Identities: ``FullId`` is ``AlertId`` + ":" + ``IocUniqueId``; ``AlertId`` is .NET ticks and a number, with ``da`` in front since 2019.
Everything derives from the alert's number; companies, people, hosts and addresses are invented.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from standins.microsoft import ticks

Shape = Literal["2017", "2018", "2020"]


@dataclass(frozen=True)
class RawJson:
    """A value given as JSON text, to be put into the alert byte for byte."""

    text: bytes


@dataclass(frozen=True)
class Detection:
    """What a detector reports."""

    title: str
    category: str
    severity: str
    source: str
    detector: str
    file: str
    folder: str
    command: str
    description: str
    threat: tuple[str, str, str] | None = None
    """ThreatCategory, ThreatFamily, ThreatName; antivirus detections have them."""
    url: str = ""
    address: str = ""
    actor: str = ""


@dataclass(frozen=True)
class Device:
    """One machine."""

    name: str
    domain: str
    group: str
    address: str
    tag: str = ""


DETECTIONS = (
    Detection(
        "Suspicious PowerShell command line",
        "Execution",
        "Medium",
        "EDR",
        "7f1c3609-a3ff-40e2-995b-c01770161d68",
        "powershell.exe",
        r"C:\Windows\System32\WindowsPowerShell\v1.0",
        "powershell.exe -NoP -NonI -W Hidden -EncodedCommand"
        " SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA",
        "A suspicious PowerShell activity was observed on the machine.\r\nThis behavior may indicate that PowerShell was"
        " used during installation, exploration, or in some cases in lateral movement activities which are used by"
        " attackers to invoke modules, download external payloads, or get more information about the system.",
        url="cdn.fabrikam-updates.example",
        address="203.0.113.27",
    ),
    Detection(
        "'Mikatz' hacktool was detected",
        "Malware",
        "High",
        "Antivirus",
        "5a1c20f3-32df-4d6e-a8ee-bd4c4d4c9f0b",
        "mimikatz.exe",
        r"C:\Users\Public\Downloads\x64",
        "mimikatz.exe privilege::debug sekurlsa::logonpasswords exit",
        "Readily available tools, such as hacking programs, can be used by unauthorized individuals to spy on users. When"
        " used by attackers, these tools are often installed without authorization.",
        threat=("HackTool", "Mikatz", "HackTool:Win32/Mikatz!dha"),
    ),
    Detection(
        "Possible ransomware activity based on a known malicious extension",
        "Ransomware",
        "High",
        "EDR",
        "c0a2a1a6-4e6c-4d9e-9f0c-8a7a3f8a4a11",
        "invoice_0871.exe",
        r"C:\Users\Public\Documents",
        r'"C:\Users\Public\Documents\invoice_0871.exe" --silent --path=D:\Shares',
        "Ransomware activity was detected: many files were renamed to an extension that a ransomware family uses, and the"
        " shadow copies of the volume were asked for.",
        threat=("Ransomware", "Locky", "Ransom:Win32/Locky.A!rsm"),
    ),
    Detection(
        "Outlook launched a suspicious child process",
        "InitialAccess",
        "Medium",
        "EDR",
        "b6d4dd1f-7a5d-4f3e-93b6-95ea3e0f2b4c",
        "winword.exe",
        r"C:\Program Files\Microsoft Office\root\Office16",
        r'"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE" /n "Rechnung März.docm" /o ""',
        "An Office document that arrived by mail started a process that documents don't usually start.",
    ),
    Detection(
        "Connection to a custom network indicator",
        "CommandAndControl",
        "Low",
        "CustomerTI",
        "0be1d9ae-2a39-4d9c-b1a0-92b0e6c9b1d7",
        "svchost.exe",
        r"C:\Windows\System32",
        r"C:\Windows\System32\svchost.exe -k netsvcs -p -s BITS",
        "An endpoint has connected to a URL or domain in your list of custom indicators.",
        url="http://down.northwind-mirror.example/a/b.php?id=1&x=2",
        address="198.51.100.9",
        actor="BORON",
    ),
    Detection(
        "An anomalous scheduled task was created",
        "Persistence",
        "Medium",
        "EDR",
        "1dbd0d0c-64fb-4bd4-8c72-2f6ff6d32a55",
        "schtasks.exe",
        r"C:\Windows\System32",
        r'schtasks /create /sc minute /mo 5 /tn "Adobe Update" /tr "C:\ProgramData\a.vbs" /ru SYSTEM',
        "A process created a scheduled task in a way that is rare in the organization.\r\nAttackers use scheduled tasks to"
        " stay on a machine.",
    ),
    Detection(
        "Suspicious process injection observed",
        "DefenseEvasion",
        "Medium",
        "EDR",
        "3cd1b4b4-5c0b-4c8c-8f6b-6b0d7e9f7a10",
        "rundll32.exe",
        r"C:\Windows\SysWOW64",
        r"rundll32.exe C:\Users\Public\thumbs.db,Start",
        "A process abnormally injected code into another process. As a result, unexpected code may be running in the target"
        " process memory.",
    ),
    Detection(
        "Multiple failed sign-ins followed by a success",
        "CredentialAccess",
        "Low",
        "EDR",
        "9a8de5c5-9c0f-41b0-9f55-7f1b5a9d0c66",
        "lsass.exe",
        r"C:\Windows\System32",
        r"C:\Windows\system32\lsass.exe",
        "Many sign-ins of one user failed within minutes, then one succeeded.",
    ),
    Detection(
        "Lateral movement by WMI",
        "LateralMovement",
        "High",
        "EDR",
        "d2f7ad83-91a7-4f6b-a4f3-2a8e5b6b7e01",
        "WmiPrvSE.exe",
        r"C:\Windows\System32\wbem",
        'wmic /node:"srv-db-02" process call create "cmd.exe /c whoami > \\\\srv-db-02\\ADMIN$\\t.txt"',
        "A process was started on this machine from another one through WMI.",
    ),
    Detection(
        "'Emotet' malware was prevented",
        "Malware",
        "Informational",
        "Antivirus",
        "e4ef8a0f-1f0e-4f6c-b7f5-6b9d5d7d3f3e",
        "upd3a.tmp",
        r"C:\Windows\Temp",
        "",
        "Malware and unwanted software are undesirable applications that perform annoying, disruptive, or harmful actions on"
        " affected machines. The file was quarantined before it could run.",
        threat=("Trojan", "Emotet", "Trojan:Win32/Emotet.PE!MTB"),
    ),
)

DEVICES = (
    Device("ws-anna-01", "contoso.example", "Workstations", "10.20.1.14"),
    Device("ws-bjorn-07", "contoso.example", "Workstations", "10.20.1.37"),
    Device("ws-chloe-12", "contoso.example", "Workstations", "10.20.2.81", "pilot"),
    Device("nb-dmitri-03", "", "Notebooks", "192.168.178.40"),
    Device("nb-elodie-22", "", "Notebooks", "172.16.9.3", "travel; pilot"),
    Device("srv-dc-01", "contoso.example", "Domain Controllers", "10.20.0.4", "tier0"),
    Device("srv-db-02", "contoso.example", "Servers", "10.20.0.23"),
    Device("srv-web-05", "dmz.contoso.example", "Servers", "10.30.0.15", "dmz"),
    Device("kiosk-lobby", "contoso.example", "UnassignedGroup", "10.20.7.200"),
)

USERS = ("anna.berg", "bjorn.lind", "chloe.martin", "dmitri.orlov", "élodie.faure", "svc_backup", "SYSTEM")

KEYS_2020 = (
    "AlertTime", "ComputerDnsName", "AlertTitle", "Category", "Severity", "AlertId", "Actor", "LinkToWDATP",
    "IocName", "IocValue", "CreatorIocName", "CreatorIocValue", "Sha1", "FileName", "FilePath", "IpAddress", "Url",
    "IoaDefinitionId", "UserName", "AlertPart", "FullId", "LastProcessedTimeUtc", "ThreatCategory", "ThreatFamily",
    "ThreatName", "RemediationAction", "RemediationIsSuccess", "Source", "Md5", "Sha256",
    "WasExecutingWhileDetected", "UserDomain", "LogOnUsers", "MachineDomain", "MachineName", "InternalIPv4List",
    "InternalIPv6List", "FileHash", "DeviceID", "MachineGroup", "Description", "DeviceCreatedMachineTags",
    "CloudCreatedMachineTags", "CommandLine", "IncidentLinkToWDATP", "ReportID", "LinkToMTP", "IncidentLinkToMTP",
    "ExternalId", "IocUniqueId",
)  # fmt: skip
KEYS_2017 = (
    "AlertTime", "ComputerDnsName", "AlertTitle", "Category", "Severity", "AlertId", "Actor", "LinkToWDATP",
    "IocName", "IocValue", "CreatorIocName", "CreatorIocValue", "Sha1", "FileName", "FilePath", "IpAddress", "Url",
    "IoaDefinitiondId", "UserName", "AlertPart", "FullId", "LastProcessedTimeUtc", "ThreatCategory", "ThreatFamily",
    "ThreatName", "RemediationAction", "RemediationIsSuccess", "Source", "Md5", "Sha256",
    "WasExecutingWhileDetected", "FileHash", "IocUniqueId",
)  # fmt: skip
KEYS_2018 = (
    "AlertTime", "ComputerDnsName", "AlertTitle", "Category", "Severity", "AlertId", "LinkToWDATP", "Sha1", "FileName",
    "FilePath", "IoaDefinitionId", "AlertPart", "FullId", "LastProcessedTimeUtc", "Source", "Md5", "Sha256",
    "LogOnUsers", "MachineName", "InternalIPv4List", "InternalIPv6List", "FileHash", "DeviceID", "Description",
    "ExternalId", "IocUniqueId",
)  # fmt: skip
KEYS: dict[Shape, tuple[str, ...]] = {"2017": KEYS_2017, "2018": KEYS_2018, "2020": KEYS_2020}

_OLD_CATEGORIES = {"Malware": "Malware", "Ransomware": "Malware", "CommandAndControl": "Command and Control"}
_OLD_SOURCES = {"2017": "Windows Defender ATP", "2018": "Windows Defender ATP"}


def siem_alert(number: int, last_processed: int, *, shape: Shape = "2020", digits: int = 7, **overrides: Any) -> bytes:
    """Return one alert as the API would send it: compact JSON in UTF-8.

    Args:
        number: Decides everything else; alerts of different numbers differ in ``FullId``.
        last_processed: LastProcessedTimeUtc in ticks.
        shape: The year of the keys.
        digits: How many fraction digits both times have; AlertTime is cut to fit.
        overrides: Values instead of the usual ones, also for further keys; `RawJson` is put in as it is.

    Raises:
        ValueError: ``last_processed`` doesn't fit into the digits.
    """
    everything = _everything(facts(number, last_processed, digits=digits), shape, digits)
    alert = {key: everything[key] for key in KEYS[shape]}
    if shape == "2017":
        alert = {key: None if value == "" else value for key, value in alert.items()}
    elif shape == "2018":
        alert = {key: value for key, value in alert.items() if value not in ("", None)}
    return written({**alert, **overrides})


def written(record: dict[str, Any]) -> bytes:
    """Return a record as compact JSON in UTF-8; its members that are `RawJson` are put in as they are."""
    if not any(isinstance(value, RawJson) for value in record.values()):
        return _dump(record)
    members = (
        _dump(key) + b":" + (value.text if isinstance(value, RawJson) else _dump(value))
        for key, value in record.items()
    )
    return b"{" + b",".join(members) + b"}"


@dataclass(frozen=True)
class Facts:
    """What the alert of a number is about, whichever API shows it."""

    number: int
    detection: Detection
    device: Device
    user: str
    domain: str
    """The NetBIOS domain of the device."""
    processed: int
    """When it arrived, in ticks."""
    happened: int
    """When what it reports happened."""
    alert_id: str
    """As all APIs since 2019 have it."""
    digest: bytes
    """32 bytes that only this number has."""
    machine: str
    """The device's id."""
    file: str
    """128 hexadecimal digits of the detection's file."""

    @property
    def user_domain(self) -> str:
        """The user's domain."""
        return "NT AUTHORITY" if self.user == "SYSTEM" else self.domain

    @property
    def dns_name(self) -> str:
        """The device's full name."""
        return f"{self.device.name}.{self.device.domain}".rstrip(".")

    @property
    def incident(self) -> int:
        """The incident; each has four alerts."""
        return self.number // 4 + 1

    @property
    def is_virus(self) -> bool:
        """Whether antivirus found it."""
        return self.detection.source == "Antivirus"

    @property
    def hashes(self) -> dict[str, str]:
        """The file's hashes."""
        return {"sha1": self.file[:40], "md5": self.file[40:72], "sha256": self.file[64:128]}


def facts(number: int, processed: int, *, digits: int = 7) -> Facts:
    """Return what the alert of a number is about; times are cut to so many fraction digits."""
    detection = DETECTIONS[(number * 7 + number // len(DETECTIONS)) % len(DETECTIONS)]
    device = DEVICES[(number * 5 + number // 31) % len(DEVICES)]
    user = USERS[(number * 3 + number // 17) % len(USERS)]
    lag = (95 + number * 37 % 900) * ticks.PER_SECOND + number * 7919 % ticks.PER_SECOND
    happened = processed - lag
    happened -= happened % 10 ** (7 - digits)
    own = hashlib.sha256(str(number).encode()).digest()
    return Facts(
        number=number,
        detection=detection,
        device=device,
        user=user,
        domain=device.domain.partition(".")[0].upper() or "AzureAD",
        processed=processed,
        happened=happened,
        alert_id=f"da{happened + ticks.DOTNET_EPOCH}_{int.from_bytes(own[:4], 'big', signed=True)}",
        digest=own,
        machine=hashlib.sha1(device.name.encode(), usedforsecurity=False).hexdigest(),
        file=hashlib.sha512(f"{detection.file}{number % 40}".encode()).hexdigest(),
    )


def _everything(case: Facts, shape: Shape, digits: int) -> dict[str, Any]:
    number, detection, device, user, domain = case.number, case.detection, case.device, case.user, case.domain
    machine, own, hashes = case.machine, case.digest, case.hashes
    alert_id = case.alert_id if shape == "2020" else case.alert_id.removeprefix("da")
    unique = _unique_id(own, shape)
    category, family, threat = detection.threat or ("", "", "")
    return {
        "AlertTime": ticks.text(case.happened, digits=digits),
        "ComputerDnsName": case.dns_name,
        "AlertTitle": detection.title,
        "Category": detection.category
        if shape == "2020"
        else _OLD_CATEGORIES.get(detection.category, "SuspiciousActivity"),
        "Severity": detection.severity,
        "AlertId": alert_id,
        "Actor": detection.actor,
        "LinkToWDATP": f"https://securitycenter.windows.com/alert/{alert_id}",
        "IocName": "",
        "IocValue": "",
        "CreatorIocName": "",
        "CreatorIocValue": "",
        "Sha1": hashes["sha1"],
        "FileName": detection.file,
        "FilePath": detection.folder,
        "IpAddress": detection.address,
        "Url": detection.url,
        "IoaDefinitionId": detection.detector,
        "IoaDefinitiondId": detection.detector,
        "UserName": user,
        "AlertPart": 0,
        "FullId": f"{alert_id}:{unique}",
        "LastProcessedTimeUtc": ticks.text(case.processed, digits=digits),
        "ThreatCategory": category,
        "ThreatFamily": family,
        "ThreatName": threat,
        "RemediationAction": "Quarantine" if case.is_virus else "",
        "RemediationIsSuccess": number % 3 != 0 if case.is_virus else None,
        "Source": _OLD_SOURCES.get(shape, detection.source),
        "Md5": hashes["md5"],
        "Sha256": hashes["sha256"],
        "WasExecutingWhileDetected": number % 2 == 0 if case.is_virus else None,
        "UserDomain": case.user_domain,
        "LogOnUsers": f"{domain}\\{user}; {domain}\\{USERS[number % 5]}",
        "MachineDomain": device.domain,
        "MachineName": device.name,
        "InternalIPv4List": f"{device.address};127.0.0.1",
        "InternalIPv6List": f"fe80::{machine[:4]}:{machine[4:8]}:{machine[8:12]}:{machine[12:16]};::1",
        "FileHash": hashes["sha1"],
        "DeviceID": machine,
        "MachineGroup": device.group,
        "Description": detection.description,
        "DeviceCreatedMachineTags": device.tag,
        "CloudCreatedMachineTags": "reviewed" if number % 11 == 0 else "",
        "CommandLine": detection.command,
        "IncidentLinkToWDATP": f"https://securitycenter.windows.com/incidents/byalert?alertId={alert_id}&source=SIEM",
        "ReportID": 1_053_729_833 + number,
        "LinkToMTP": f"https://security.microsoft.com/alerts/{alert_id}",
        "IncidentLinkToMTP": f"https://security.microsoft.com/incidents/{case.incident}",
        "ExternalId": hashlib.sha1(own, usedforsecurity=False).hexdigest().upper(),
        "IocUniqueId": unique,
    }


def _unique_id(digest: bytes, shape: Shape) -> str:
    if shape == "2017":
        return digest.hex()
    encode = base64.urlsafe_b64encode if shape == "2018" else base64.b64encode
    return encode(digest).decode()


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
