"""Tables of hosts, permissions, sourcetypes, macros and AADSTS codes."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator

from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import aadsts, clouds
from defender_alerts.microsoft.account import USER

from tooling import paths

_INPUTS_OF_AN_API = {"graph": "Graph alerts, incidents", "endpoint": "Endpoint alerts", "siem": "SIEM alerts"}
_MODELS = {"alert": "Alerts", "ticketing": "Ticket Management"}
"""The data model that events of a tag belong to."""
_PLACEHOLDERS = {
    "tenant": "tenant",
    "owner": "account or input",
    "unusual": "",
    "user": "*the person*",
    "redirect_uri": "that the message names",
    "hint": " The message names the other resource.",
    "consent": "the consent page that the message names",
}


def conf(name: str) -> configparser.ConfigParser:
    """Read a conf file that ships."""
    parser = configparser.ConfigParser(interpolation=None)
    # configparser would make lower case of the fields.
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(paths.PACKAGE / "default" / f"{name}.conf", encoding="utf-8")
    return parser


def api_hosts() -> Iterator[str]:
    """Give the hosts of the APIs, the inputs in the order of the Inputs page."""
    yield from ("| input | cloud | region | host |", "|---|---|---|---|")
    # An API that the table above lacks is an error: its hosts would be missing on the page.
    for row in sorted(clouds.ENDPOINTS, key=lambda row: [*_INPUTS_OF_AN_API].index(row.api)):
        inputs = _INPUTS_OF_AN_API[row.api]
        yield f"| {inputs} | {clouds.cloud(row.cloud).label} | `{row.region}` | {row.host} |"


def login_hosts() -> Iterator[str]:
    """Give the hosts that issue tokens."""
    yield from ("| cloud | host |", "|---|---|")
    for cloud in clouds.CLOUDS:
        yield f"| {cloud.label} | {cloud.authority_host} |"


def permissions() -> Iterator[str]:
    """Give the least permission of each kind of input."""
    yield from ("| input | kind | API | permission |", "|---|---|---|---|")
    for name, kind in KINDS.items():
        permission = f"`{kind.access.roles[0]}`" if kind.access.roles else "none"
        service = kind.access.service if kind.access.roles else ""
        yield f"| {kind.title} | `{name}` | {service} | {permission} |"


def sourcetypes() -> Iterator[str]:
    """Give the sourcetypes with their event types and data models."""
    yield from ("| input | sourcetype | event type | CIM data model |", "|---|---|---|---|")
    event_types = {section["search"]: name for name, section in conf("eventtypes").items() if "search" in section}
    tags = conf("tags")
    for name, kind in KINDS.items():
        of_kind = {kind.sourcetype: f"`{name}`", kind.split_sourcetype: f"`{name}`, alerts split out"}
        for sourcetype, told in of_kind.items():
            if sourcetype:
                event_type = event_types[f'sourcetype="{sourcetype}"']
                models = [_MODELS[tag] for tag in tags[f"eventtype={event_type}"] if tag in _MODELS]
                yield f"| {told} | `{sourcetype}` | `{event_type}` | {', '.join(models)} |"


def _macros() -> Iterator[tuple[str, str, str]]:
    """Give name, description and definition of each macro."""
    parser = conf("macros")
    for name in parser.sections():
        yield name, parser[name]["description"], parser[name]["definition"]


def _is_threshold(definition: str) -> bool:
    return definition.isdigit()


def macros() -> Iterator[str]:
    """Give the macros for searches, in the order of the conf file."""
    yield from ("| macro | what it does |", "|---|---|")
    for name, description, definition in _macros():
        if not _is_threshold(definition):
            yield f"| `{name}` | {_cell(description)} |"


def thresholds() -> Iterator[str]:
    """Give the macros that are a number."""
    yield from ("| macro | default | meaning |", "|---|---|---|")
    for name, description, definition in _macros():
        if _is_threshold(definition):
            yield f"| `{name}` | {definition} | {_cell(description)} |"


def aadsts_codes() -> Iterator[str]:
    """Give the advice for each AADSTS code, in their order."""
    yield from ("| code | what to do |", "|---|---|")
    for code in sorted({code for advice in aadsts.ADVICE for code in advice.codes}):
        rows = [advice for advice in aadsts.ADVICE if code in advice.codes]
        # What fits the account's own tenant first; a row for another tenant says so.
        rows.sort(key=lambda advice: (advice.of_input, advice.auth_type == USER))
        told = [f"{_whom(row)}{_filled(row.sentence)}" for row in rows]
        yield f"| AADSTS{code} | {'<br>'.join(dict.fromkeys(told))} |"


def _whom(row: aadsts.Advice) -> str:
    """Give the beginning of a row's advice that says whom it is for; empty for all."""
    if row.auth_type == USER:
        return "*Signed in as a user:* "
    return "*Tenant of an input:* " if row.of_input else ""


def _filled(sentence: str) -> str:
    """Give a sentence with words in the place of what is only known when it happens."""
    sentence = sentence.replace("account {account}", "account").replace("resource {resource}", "resource")
    told = re.sub(r"\{(\w+)\}", lambda name: _PLACEHOLDERS.get(name[1], f"*{name[1].replace('_', ' ')}*"), sentence)
    return _cell(told)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)
