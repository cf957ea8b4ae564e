"""What alerts of today's APIs are searched by: whom and what their evidence names.

A row is a field, and says which members of a piece of evidence it is read from, in order. The endpoint API's pieces are
flat; Graph's hold objects, by type (``fileDetails``, ``imageFile``, ``userAccount``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tooling.fields import categories, regexes
from tooling.fields.evidence_table import FIELDS, settings
from tooling.fields.expressions import (
    AN_ADDRESS,
    BUILT_IN,
    BUILT_IN_SID,
    LIST,
    NOBODY,
    PIECES,
    SOMEBODY,
    chosen,
    cleaned,
    each,
    first,
    has,
    is_of,
    joined,
    lacks,
    member,
    record,
    says,
    type_of,
    unless,
    where,
)
from tooling.fields.products import app

_INCIDENT = 'sourcetype=="ms365:defender:incident"'
_NOTHING = '""'

_MATCH_LIMIT = "10000000"

_PROCESS = ("processId", "processCommandLine")
_FILE = ("fileName", "sha256", "sha1", "fileDetails", "imageFile", "fileHashes")
_ACCOUNTS = (
    *("accountName", "userAccount.accountName"),
    *(
        "userPrincipalName",
        "userAccount.userPrincipalName",
        "upn",
        "recipientEmailAddress",
        "recipients{0}",
        "recipient",
    ),
)
_FILE_NAMES = FIELDS["file_name"].singles
_FILE_FOLDERS = FIELDS["file_path"].singles
_HASHES = FIELDS["file_hash"].singles
_ADDRESSES = ("ipAddress.ipAddress", "ipAddress", "senderIp", "senderIP", "sourceAddress.ipAddress")
_PARENT_NAMES = ("parentProcessFileName", "parentProcessImageFile.fileName")
_PARENT_FOLDERS = ("parentProcessFilePath", "parentProcessImageFile.filePath")


def _is_process(piece: str) -> str:
    return has(piece, *_PROCESS)


def _is_no_process(piece: str) -> str:
    return lacks(piece, *_PROCESS)


def _is_file(piece: str) -> str:
    return f"{has(piece, *_FILE)} OR {is_of(piece, 'blob', 'fileHash')}"


def _path(folders: tuple[str, ...], names: tuple[str, ...], without_folder: str) -> Callable[[str], str]:
    folder, name = chosen(*folders, otherwise=_NOTHING), chosen(*names, otherwise=_NOTHING)
    return lambda piece: joined(folder(piece), name(piece), without_folder=without_folder)


def _registry_path(piece: str) -> str:
    hive, key, value = (member(piece, path) for path in ("registryHive", "registryKey", "registryValueName"))
    of_hive = rf'if({says(piece, "registryHive")}, {hive}."\\", "")'
    of_value = rf'if({says(piece, "registryValueName")}, "\\".{value}, "")'
    return f"if({says(piece, 'registryKey')}, {of_hive}.{key}.{of_value}, null())"


def _without_domain(user: str) -> str:
    return rf'nullif(replace({user},"(?s)\A.*\x5c",""),"")'


def _is_built_in(piece: str) -> str:
    return " OR ".join(says(piece, path, BUILT_IN_SID) for path in ("userSid", "userAccount.userSid"))


_LOGGED_ON = tuple(f"loggedOnUsers{{{number}}}.accountName" for number in range(3))
_account = unless(_is_built_in, chosen(*_ACCOUNTS, what=SOMEBODY))
_named_user = first(where(_is_no_process, chosen(*_ACCOUNTS)))
_user = ", ".join(
    [
        record("relatedUser.userName", empty=NOBODY),
        first(where(_is_no_process, _account)),
        first(_account),
        record(*_LOGGED_ON, empty=NOBODY),
        first(chosen(*_LOGGED_ON, what=SOMEBODY)),
    ]
)


_DEVICES = ("deviceDnsName", "hostName")
_URL = r'(?:[^"\\]|\\/)++'


def _has_role(*roles: str) -> Callable[[str], str]:
    return lambda piece: rf'match({member(piece, "roles")},"\b(?:{"|".join(roles)})\b")'


_attacked, _attacking = _has_role("attacked", "destination"), _has_role("attacker", "source")


def _host(*by_role: str, addresses: tuple[str, ...] = ()) -> str:
    """The device's name, else its id, else what else names a place.

    Args:
        by_role: what comes before the first device of the evidence.
        addresses: members of evidence that are addresses, where an address may stand for the host.
    """
    return "coalesce({})".format(
        ", ".join(
            [
                record("computerDnsName"),
                *by_role,
                first(chosen(*_DEVICES)),
                record(
                    *(f"{alert}devices{{0}}.deviceDnsName" for alert in ("", "alerts{0}.", "alerts{1}.", "alerts{2}."))
                ),
                record("machineId"),
                first(chosen("mdeDeviceId", *addresses, "resourceName", "deviceName", what=AN_ADDRESS)),
            ]
        )
    )


def _number(key: str, field: str) -> str:
    """A number of the record, which may stand there as a text."""
    return regexes.text_member(key, field, r"\d+", opened='"?', closed="")


def _word(field: str) -> str:
    """A word of Microsoft's lists, as both APIs spell it, or NULL where none was chosen."""
    return f'nullif(replace(lower(replace({field},"[^A-Za-z]","")),"\\A(?:unknown|notavailable|null)\\z",""),"")'


def _texts(key: str) -> str:
    """A list of texts of the record."""
    return f'json_array_to_mv(nullif(json_extract(_raw,"{key}"),"[]"))'


def _of_host(path: str, *by_role: Callable[[Callable[[str], str]], Callable[[str], str]]) -> str:
    """A member of the device that a role chooses, and of no other where that device doesn't have it.

    Args:
        path: of the member.
        by_role: which devices, in order.
    """
    its = where(_is_device, chosen(path, otherwise=_NOTHING))
    return f'nullif(coalesce({", ".join(first(role(its)) for role in by_role)}),"")'


def _is_device(piece: str) -> str:
    return " OR ".join(says(piece, path) for path in _DEVICES)


def _when(condition: Callable[[str], str]) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    return lambda value: where(condition, value)


def _of_dest(path: str) -> str:
    return _of_host(path, _when(_attacked), lambda value: unless(_attacking, value), lambda value: value)


def _type(piece: str) -> str:
    graph_s = type_of(piece)
    named = rf'replace({graph_s},"(?s)\A.*\.|Evidence\z","")'
    return (
        f'case(match({graph_s},"."), {named}, {says(piece, "entityType")}, {member(piece, "entityType")}, true(), "")'
    )


def _roles(piece: str) -> str:
    roles = member(piece, "roles")
    return rf'if(isnotnull({roles}), replace({roles},"[\[\]\x22\s]",""), "")'


def _of_file(field: str, path: str, of: str) -> Callable[[str], str]:
    """The members of a file, and one that only evidence of one type has under this name."""

    def value(piece: str) -> str:
        pairs = [
            f"{says(piece, each_path)}, {member(piece, each_path)}"
            for each_path in FIELDS[field].singles
            if each_path != path
        ]
        typed = f"{is_of(piece, of)} AND {says(piece, path)}, {member(piece, path)}"
        return f'case({", ".join([*pairs, typed])}, true(), "")'

    return value


VALUES: Mapping[str, str] = {
    "categories": regexes.list_member(("categories",), categories.LIST),
    "category": categories.category(),
    "mitre_tactic": categories.tactic("mitre_tactic"),
    "mitre_tactic_id": categories.tactic("mitre_tactic_id"),
    "classification": _word("vendor_classification"),
    "determination": _word("vendor_determination"),
    "priority_score": _number("priorityScore", "priority_score"),
    "merged_into": _number("redirectIncidentId", "incident_merged_into"),
    "custom_tags": _texts("customTags"),
    "system_tags": _texts("systemTags"),
    "match_limit": _MATCH_LIMIT,
    "record_tenant": regexes.text_member("aadTenantId|tenantId", "record_tenant", r"[\w-]+"),
    "incident_number": _number("incidentId", "incident_id"),
    "evidence": regexes.list_member(("evidence", "entities"), LIST),
    "alerts": regexes.list_member(("alerts",), "defender_alerts_inside"),
    "app": app(),
    "alert_url": regexes.text_member("alertWebUrl", "alert_url", _URL),
    "incident_url": regexes.text_member("incidentWebUrl|incidentUri", "incident_url", _URL),
    "dest": _host(first(where(_attacked, chosen(*_DEVICES))), first(unless(_attacking, chosen(*_DEVICES)))),
    "src": _host(
        first(where(_attacking, chosen(*_DEVICES))),
        first(where(_attacking, chosen(*_ADDRESSES, what=AN_ADDRESS))),
        addresses=_ADDRESSES,
    ),
    "user": _without_domain(f"if({_INCIDENT}, {record('assignedTo')}, coalesce({_user}))"),
    "user_name": _without_domain(f"coalesce({record('relatedUser.userName')}, {_named_user})"),
    "file_name": each(where(_is_file, _of_file("file_name", "name", "blob"))),
    "file_path": each(where(_is_file, _path(_FILE_FOLDERS, _FILE_NAMES, r"(?s)\A<.*\z"))),
    "file_hash": each(where(_is_file, _of_file("file_hash", "value", "fileHash"))),
    "fields_of_evidence": settings(),
    "dest_ip": f"coalesce({_of_dest('lastIpAddress')}, {first(chosen('destinationAddress.ipAddress'))})",
    "dest_nt_host": _of_dest("hostName"),
    "src_ip": "coalesce({}, {})".format(
        first(where(_attacking, chosen("lastIpAddress", *_ADDRESSES, what=AN_ADDRESS))),
        first(chosen("sourceAddress.ipAddress", "senderIp", "senderIP", what=AN_ADDRESS)),
    ),
    "process_id": each(where(_is_process, chosen("processId", otherwise=_NOTHING))),
    "parent_process_id": each(where(_is_process, chosen("parentProcessId", otherwise=_NOTHING))),
    "evidence_type": each(_type),
    "evidence_verdict": each(chosen("verdict", otherwise=_NOTHING)),
    "evidence_remediation": each(chosen("remediationStatus", otherwise=_NOTHING)),
    "evidence_detection": each(chosen("detectionStatus", otherwise=_NOTHING)),
    "evidence_role": each(_roles),
    "process": each(where(_is_process, chosen("processCommandLine", otherwise=_NOTHING))),
    "process_name": each(where(_is_process, chosen("fileName", "imageFile.fileName", otherwise=_NOTHING))),
    "parent_process": each(where(_is_process, _path(_PARENT_FOLDERS, _PARENT_NAMES, r"\A<"))),
    "registry_path": each(_registry_path),
}

_ALERT = ("evidence", "entities", "alertId", "serviceSource", "alertWebUrl")
_NO_PIECE = (
    *("userAccount", "imageFile", "parentProcessImageFile", "fileDetails", "fileHashes", "vmMetadata", "loggedOnUsers"),
    *("p1Sender", "p2Sender", "stream", "location", "resourceAccessEvents", "labels", "selector", "servicePorts"),
    *("additionalData", "customDetails", "comments", "devices"),
)
"""Objects that describe what they stand in. Those that Microsoft adds are pieces of their own until they stand here."""


def _transform(name: str, source: str) -> str:
    return f"""
[{name}]
SOURCE_KEY = {source}
REGEX = {regexes.pieces_at_any_depth(PIECES, alert=_ALERT, no_piece=_NO_PIECE)}
MV_ADD = true
MATCH_LIMIT = {_MATCH_LIMIT}
"""


TRANSFORMS = f"""
# The evidence of an alert, or of all alerts inside an incident, piece by piece, with the pieces inside pieces.
# A REPORT, because an EXTRACT finds one value and this finds several (MV_ADD). MATCH_LIMIT: see props.conf.
{_transform("defender_evidence_of_alert", LIST).strip()}
{_transform("defender_evidence_inside", "defender_alerts_inside")}"""

# A list, of which the first that is somebody counts.
_LOGGED_ON_SIEM = rf'replace(json_extract(_raw,"LogOnUsers"),"(?i)\A(?:\s*{BUILT_IN}\s*(?:[;,]|\z))+\s*","")'

SIEM_VALUES: Mapping[str, str] = {
    "user": record("UserName", empty=NOBODY),
    "logged_on": cleaned(_LOGGED_ON_SIEM),
    "file_path": joined(record("FilePath"), f'coalesce({record("FileName")},"")'),
}
