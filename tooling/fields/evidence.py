"""How fields are made that are neither the first that their row of the table leads to nor all different ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tooling.fields import categories, regexes
from tooling.fields.expressions import (
    BUILT_IN,
    EMPTY_BUT_UNKNOWN,
    LIST,
    NOBODY,
    PIECES,
    cleaned,
    each,
    joined,
    member,
    record,
    says,
    type_of,
)
from tooling.fields.parts import NOTHING, all_of
from tooling.fields.products import app
from tooling.fields.table import FIELDS, Field, Step

_MATCH_LIMIT = "10000000"


def _path(folders: Step, names: Step, without_folder: str) -> Callable[[str], str]:
    return lambda piece: joined(
        folders.chosen(piece, otherwise=NOTHING), names.chosen(piece, otherwise=NOTHING), without_folder=without_folder
    )


def _file_path() -> str:
    """The names are those of file_name, without the ones that count for some types alone."""
    (folders,), (names,) = FIELDS["file_path"].steps, FIELDS["file_name"].steps
    typed = FIELDS["file_name"].typed
    names = Step({of: listed for of, listed in names.paths.items() if of not in typed})
    return all_of("file", _path(folders, names, r"(?s)\A<.*\z"))


def _parent_process() -> str:
    folders, names = FIELDS["parent_process"].steps
    return all_of("process", _path(folders, names, r"\A<"))


def _registry_path(piece: str) -> str:
    hive, key, value = FIELDS["registry_path"].steps
    of_hive = _case(piece, hive, lambda text: rf'{text}."\\"')
    of_value = _case(piece, value, lambda text: rf'"\\".{text}')
    there = " OR ".join(says(piece, path) for path in key.of_evidence)
    of_key = member(piece, key.of_evidence[0]) if len(key.of_evidence) == 1 else key.chosen(piece)
    return f"if({there}, {of_hive}.{of_key}.{of_value}, null())"


def _case(piece: str, step: Step, made: Callable[[str], str]) -> str:
    """What is made of the first member that says something, else ""."""
    pairs = [f"{says(piece, path)}, {made(member(piece, path))}" for path in step.of_evidence]
    return f"case({', '.join(pairs)}, true(), {NOTHING})"


def _word(field: str) -> str:
    """A word of Microsoft's lists, as both APIs spell it, or NULL where none was chosen."""
    return f'nullif(replace(lower(replace({field},"[^A-Za-z]","")),"\\A(?:unknown|notavailable|null)\\z",""),"")'


def _techniques() -> str:
    """JSON's lists, of the alert or of those inside an incident, where a path leads to nothing as ``[]``."""
    lists = [f'json_extract(_raw,"{path}")' for path in FIELDS["mitre_technique_id"].keys(siem=False)]
    lists = [f'nullif({text},"[]")' if "{}" in text else text for text in lists]
    return f"mvdedup(json_array_to_mv(coalesce({', '.join(lists)})))"


def _type(piece: str) -> str:
    graph_s = type_of(piece)
    named = rf'replace({graph_s},"(?s)\A.*\.|Evidence\z","")'
    (step,) = FIELDS["evidence_type"].steps
    others = [f"{says(piece, path)}, {member(piece, path)}" for path in step.of_evidence]
    return f'case({", ".join([f"""match({graph_s},".")""", named, *others])}, true(), "")'


def _roles(piece: str) -> str:
    (step,) = FIELDS["evidence_role"].steps
    pairs = [
        rf'isnotnull({member(piece, path)}), replace({member(piece, path)},"[\[\]\x22\s]","")'
        for path in step.of_evidence
    ]
    return f'case({", ".join(pairs)}, true(), "")'


# A list, of which the first that is somebody counts.
_ACCOUNTS_THAT_ARE_NOBODY = rf"(?i)\A(?:\s*{BUILT_IN}\s*(?:[;,]|\z))+\s*"


def _siem_users() -> Mapping[str, str]:
    """The account that a detection names, and those that were logged on."""
    named, logged_on = (step.of_records("siem") for step in FIELDS["user"].steps if "siem" in step.paths)
    lists = [cleaned(f'replace(json_extract(_raw,"{path}"),"{_ACCOUNTS_THAT_ARE_NOBODY}","")') for path in logged_on]
    others = lists[0] if len(lists) == 1 else f"coalesce({', '.join(lists)})"
    return {"user": f"coalesce({record(*named, empty=NOBODY)}, {others})"}


VALUES: Mapping[str, str] = {
    "match_limit": _MATCH_LIMIT,
    "app": app(),
    "category": categories.category(),
    "mitre_tactic": categories.tactic("mitre_tactic"),
    "mitre_tactic_id": categories.tactic("mitre_tactic_id"),
    "mitre_technique_id": _techniques(),
    "severity": record(*FIELDS["severity"].keys(siem=False), empty=EMPTY_BUT_UNKNOWN),
    "classification": _word("vendor_classification"),
    "determination": _word("vendor_determination"),
    "file_path": _file_path(),
    "parent_process": _parent_process(),
    "registry_path": each(_registry_path),
    "evidence_type": each(_type),
    "evidence_role": each(_roles),
}
"""By field, for events of today's APIs."""

SIEM_VALUES: Mapping[str, str] = {
    **_siem_users(),
    "file_path": joined(
        record(*FIELDS["file_path"].keys(siem=True)), f'coalesce({record(*FIELDS["file_name"].keys(siem=True))},"")'
    ),
}
"""By field, for events of the SIEM API."""


def _keys(field: Field) -> str:
    """What stands in a regular expression for the field's keys, wherever in a record they are."""
    return "|".join(dict.fromkeys(path for paths in field.paths.values() for path in paths))


def _one_of(keys: str) -> str:
    return f"(?:{keys})" if "|" in keys else keys


def _of(field: Field, value: str = r'[^"\\]+', **marks: str) -> str:
    return regexes.text_member("|".join(field.keys(siem=False)), field.name, value, **marks)


def _inside(field: Field) -> str:
    """A member of an object that the record has."""
    holders, keys = zip(*(path.split(".") for path in field.keys(siem=False)), strict=True)
    holder, key = (_one_of("|".join(dict.fromkeys(names))) for names in (holders, keys))
    return rf'"{holder}"\s*+:\s*+\{{[^{{}}]*?"{key}"\s*+:\s*+"(?<{field.name}>[^"\\]+)"'


def _json(field: Field) -> str:
    texts = [f'json_extract(_raw,"{path}")' for path in field.keys(siem=False)]
    return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"


READINGS: Mapping[str, Callable[[Field], str]] = {
    "word": _of,
    "id": lambda field: _of(field, r"[\w-]+"),
    "number": lambda field: _of(field, r"\d+", opened='"?', closed=""),
    "link": lambda field: _of(field, r'(?:[^"\\]|\\/)++'),
    "list": lambda field: regexes.list_member(field.keys(siem=False), field.name),
    "anywhere": lambda field: rf'"{_one_of(_keys(field))}"\s*+:\s*+"(?<{field.name}>[^"\\]+)"',
    "inside": _inside,
    "keys": lambda field: _one_of(_keys(field)),
    "json": _json,
}
"""How else ``current.conf`` reads what a row leads to: by a regular expression, or as the JSON that it is."""

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
