"""What splunkd answers: Atom feeds, their JSON form, and refusals.

Source: Splunk REST API User Manual, "Atom Feed response" and "Response data format" (output_mode).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

VERSION = "9.4.3"
BUILD = "237ebbd22314"
UPDATED = "1970-01-01T00:00:00+00:00"
ADMIN_ACL: dict[str, Any] = {"read": ["*"], "write": ["admin", "sc_admin"]}
_NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:s="http://dev.splunk.com/ns/rest" '
    'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
)


class Refusal(Exception):  # noqa: N818 - splunkd refuses; it does not err
    """An answer of 400 and more, with the message splunkd gives."""

    def __init__(self, status: int, text: str, kind: str = "ERROR") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.kind = kind


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One object of a feed: its name, where it stands (path without the name), and its content."""

    name: str
    path: str
    content: Mapping[str, Any]
    app: str = "system"
    owner: str = "nobody"
    perms: Mapping[str, Any] = field(default_factory=lambda: ADMIN_ACL)
    removable: bool = True

    @property
    def link(self) -> str:
        """The object's address; a slash in a name is encoded twice, as splunkd does."""
        return f"{self.path}/{quote(self.name, safe='').replace('%2F', '%252F')}"

    @property
    def acl(self) -> dict[str, Any]:
        """The object's access list."""
        return {
            "app": self.app,
            "can_change_perms": True,
            "can_list": True,
            "can_share_app": True,
            "can_share_global": True,
            "can_share_user": False,
            "can_write": True,
            "modifiable": True,
            "owner": self.owner,
            "perms": self.perms,
            "removable": self.removable,
            "sharing": "global",
        }


def as_json(value: object, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, json.dumps(value).encode(), "application/json; charset=UTF-8")


def refusal(refused: Refusal, mode: str) -> Answer:
    """A refusal as <response><messages> or its JSON form."""
    if mode == "json":
        return as_json({"messages": [{"type": refused.kind, "text": refused.text}]}, refused.status)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<response>\n  <messages>\n'
        f"    <msg type={quoteattr(refused.kind)}>{escape(refused.text)}</msg>\n  </messages>\n</response>\n"
    )
    return Answer(refused.status, text.encode(), "text/xml; charset=UTF-8")


def _xml_value(value: object) -> str:
    if isinstance(value, Mapping):
        keys = "".join(f"<s:key name={quoteattr(str(key))}>{_xml_value(item)}</s:key>" for key, item in value.items())
        return f"<s:dict>{keys}</s:dict>"
    if isinstance(value, (list, tuple)):
        return "<s:list>" + "".join(f"<s:item>{_xml_value(item)}</s:item>" for item in value) + "</s:list>"
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else escape(str(value))


def _links(entry: Entry) -> dict[str, str]:
    links = {"alternate": entry.link, "list": entry.link, "_reload": f"{entry.link}/_reload"}
    links |= {"edit": entry.link, "disable": f"{entry.link}/disable"}
    return links | ({"remove": entry.link} if entry.removable else {})


def feed(
    title: str,
    entries: list[Entry],
    mode: str,
    *,
    status: int = 200,
    total: int | None = None,
    offset: int = 0,
    messages: Iterable[Mapping[str, str]] = (),
) -> Answer:
    """Objects as an Atom feed (mode "atom") or its JSON form (mode "json"); a message has a type and a text."""
    count = len(entries) if total is None else total
    if mode == "json":
        return as_json(
            {
                "links": {"create": f"{title}/_new", "_reload": f"{title}/_reload"},
                "origin": title,
                "updated": UPDATED,
                "generator": {"build": BUILD, "version": VERSION},
                "entry": [
                    {
                        "name": entry.name,
                        "id": entry.link,
                        "updated": UPDATED,
                        "links": _links(entry),
                        "author": entry.owner,
                        "acl": entry.acl,
                        "content": {"eai:acl": None, **entry.content},
                    }
                    for entry in entries
                ],
                "paging": {"total": count, "perPage": 30, "offset": offset},
                "messages": list(messages),
            },
            status,
        )
    remarks = "".join(f"<s:msg type={quoteattr(one['type'])}>{escape(one['text'])}</s:msg>" for one in messages)
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feed {_NAMESPACES}>\n<title>{escape(title)}</title>',
        f"<id>{escape(title)}</id><updated>{UPDATED}</updated>",
        f'<generator build="{BUILD}" version="{VERSION}"/><author><name>Splunk</name></author>',
        f"<opensearch:totalResults>{count}</opensearch:totalResults>",
        (
            f"<opensearch:itemsPerPage>30</opensearch:itemsPerPage><opensearch:startIndex>{offset}"
            f"</opensearch:startIndex><s:messages>{remarks}</s:messages>"
        ),
    ]
    for entry in entries:
        links = "".join(f'<link href={quoteattr(link)} rel="{rel}"/>' for rel, link in _links(entry).items())
        content = _xml_value({"eai:acl": entry.acl, **entry.content})
        parts.append(
            f"<entry><title>{escape(entry.name)}</title><id>{escape(entry.link)}</id>"
            f"<updated>{UPDATED}</updated>{links}<author><name>{escape(entry.owner)}</name></author>"
            f'<content type="text/xml">{content}</content></entry>'
        )
    return Answer(status, ("\n".join(parts) + "\n</feed>\n").encode(), "text/xml; charset=UTF-8")
