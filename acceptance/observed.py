"""What a run has seen of a Splunk, and how it differs from what is expected. Pure: nothing here asks anybody."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from knowledge.every_sample import our_knowledge

from acceptance.scene import Shown
from tooling.fields.table import FIELDS

Values = Mapping[str, "str | list[str]"]
CLASSES = frozenset({"eventtype", "tag"})
WHERE_FROM = frozenset({"vendor_account", "vendor_region"})
"""What is read from an event's source: by a setting of the stanza by source alone."""
_SMALL = 4_500
"""Characters of an event of which automatic extraction sees all: it ends at 5,000 bytes (limits.conf.spec, spath)."""


@dataclass(frozen=True)
class Found:
    """An event as a search finds it; its time in epoch seconds."""

    raw: str
    time: float
    host: str
    source: str
    sourcetype: str
    index: str


@dataclass(frozen=True)
class Difference:
    """A field that is not what it is to be; no values mean that there is none."""

    sample: str
    field: str
    expected: tuple[str, ...]
    found: tuple[str, ...]
    is_null: bool
    """Whether the record has a member of that name which is null."""

    def __str__(self) -> str:
        return f"{self.field} of {self.sample} has {_counted(self.found)}, not {_counted(self.expected)}"


@dataclass(frozen=True)
class Row:
    """A sample that was found, and its fields."""

    shown: Shown
    fields: Values


@dataclass(frozen=True)
class Confirmation:
    """A search that stands in docs/unknowns.md, and what came of it."""

    number: int
    expected: str
    found: str


@dataclass(frozen=True)
class Huge:
    """The huge alert: how many characters it has, in how many events, and what is found of the largest."""

    shown: Shown
    events: int
    characters: int
    fields: Values


@dataclass(frozen=True)
class Stopped:
    """What came of an input that was disabled in the middle of its backlog, and enabled again.

    Attributes:
        shown: what it had to collect.
        delivered: how many events there were when it had stopped.
        outcomes: what its log says of its runs' ends, the first first.
        found: its events in the end.
    """

    shown: Sequence[Shown]
    delivered: int
    outcomes: Sequence[str]
    found: Sequence[Found]


@dataclass(frozen=True)
class Spoilt:
    """What comes of a secret that splunkd can't decrypt: what splunkd gives for it, and whether the input says so."""

    given: Sequence[str]
    is_said: bool


@dataclass
class Seen:
    """Everything that a run has seen; None is what it has not asked.

    Attributes:
        version: of the add-on there, and of this checkout.
        saved: what Splunk said to each thing that was saved, "" where it saved it.
        confirmations: the searches of docs/unknowns.md.
        shown: what the cloud had shown when the events were fetched, without the huge one.
        found: all events of the inputs, without the huge one.
        first: the times of the first of them that head takes.
        rows: the samples among them, with all fields.
        latest: how many alerts the macro `defender_alerts_latest` shows by source, and is to show.
        models: how many events each data model has by sourcetype, and is to have.
        updated: new versions of alerts, and what is found of them.
        huge: the huge alert.
        stopped: the input that was disabled.
        restarted: the input that was at work when Splunk was restarted.
        killed: the inputs that were at work when something was killed, by what was.
        default_index: how many events each index has of an input whose index is "default".
        openssl: the version of the Splunk, and of OpenSSL as its python3.9 says it, "" where there is no such Python.
        above_inputs: the processes of inputs, each with the one that has started it, as in "python3.9 under splunkd".
        spoilt: the input whose secret splunkd can't decrypt.
        handler_errors: lines of splunkd.log that a handler has written to standard error.
        wants_certificates: whether an input says so where splunkd demands client certificates.
        outcomes: what the logs of the inputs say of their runs' ends.
        hosts: on how many hosts each input has run.
        refused_expressions: lines of splunkd.log about expressions that Splunk refuses.
        errors: lines of splunkd.log about the add-on's scripts at the level ERROR.
        python_complaints: lines that say the add-on runs on a Python too old.
        tls: versions that Splunk's Python spoke to the stand-in cloud.
        long_run: seconds that the long run has lasted, and its outcome.
        why: why something was not asked, by the name of the attribute.
        failed: why something that was asked has no answer, in the same way.
    """

    version: tuple[str, str] | None = None
    saved: dict[str, str] | None = None
    confirmations: Sequence[Confirmation] | None = None
    shown: Sequence[Shown] | None = None
    found: Sequence[Found] | None = None
    first: Sequence[float] | None = None
    rows: Sequence[Row] | None = None
    latest: tuple[Mapping[str, int], Mapping[str, int]] | None = None
    models: tuple[Mapping[str, int], Mapping[str, int]] | None = None
    updated: tuple[Sequence[Shown], Sequence[Found]] | None = None
    huge: Huge | None = None
    stopped: Stopped | None = None
    restarted: Stopped | None = None
    default_index: Mapping[str, int] | None = None
    killed: Mapping[str, Stopped] | None = None
    openssl: tuple[str, str] | None = None
    above_inputs: Sequence[str] | None = None
    spoilt: Spoilt | None = None
    handler_errors: Sequence[str] | None = None
    wants_certificates: bool | None = None
    outcomes: Sequence[str] | None = None
    hosts: Mapping[str, int] | None = None
    refused_expressions: Sequence[str] | None = None
    errors: Sequence[str] | None = None
    python_complaints: Sequence[str] | None = None
    tls: Sequence[str] | None = None
    long_run: tuple[float, str] | None = None
    why: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def unlike(shown: Sequence[Shown], found: Iterable[Found]) -> dict[str, int]:
    """How what is found differs from what was shown, byte for byte: what is missing, changed, and there again."""
    expected = Counter((one.event.source, one.event.sourcetype, one.event.raw) for one in shown)
    got = Counter((one.source, one.sourcetype, one.raw) for one in found)
    return {
        "missing": (expected - got).total(),
        "not as Microsoft sent them": sum(count for key, count in got.items() if key not in expected),
        "there again": sum(max(0, count - expected[key]) for key, count in got.items() if key in expected),
    }


def by_version(shown: Sequence[Shown], found: Iterable[Found]) -> Iterator[tuple[Shown, Found]]:
    """What was shown, each with every event that has its text."""
    known = {one.event.raw: one for one in shown}
    for event in found:
        if event.raw in known:
            yield known[event.raw], event


def differences(rows: Iterable[Row], wanted: Callable[[Shown, str], bool]) -> list[Difference]:
    """The fields that are not what they are to be.

    Args:
        rows: samples and the fields that were found of them.
        wanted: whether a field of a sample is looked at.
    """
    wrong = []
    for row in rows:
        expected = row.shown.fields
        members: dict[str, object] | None = None
        for name in sorted(expected.keys() | row.fields.keys()):
            if not wanted(row.shown, name):
                continue
            before, after = values(expected, name), values(row.fields, name)
            if name in CLASSES:
                # Other apps have event types and tags of their own for all events.
                before, after = (tuple(sorted(our_classes() & {*each})) for each in (before, after))
            if before != after:
                members = json.loads(row.shown.event.raw) if members is None else members
                is_null = name in members and members[name] is None
                wrong.append(Difference(row.shown.sample, name, before, after, is_null))
    return wrong


def values(fields: Values, name: str) -> tuple[str, ...]:
    """A field's values; none where there is no such field."""
    value = fields.get(name, ())
    return (value,) if isinstance(value, str) else tuple(map(str, value))


@cache
def made_fields() -> frozenset[str]:
    """The fields that the add-on's settings make, whatever automatic extraction finds."""
    knowledge, names = our_knowledge(), set[str]()
    for stanza in knowledge.props.values():
        for setting, value in stanza.items():
            if setting.startswith("EVAL-"):
                names.add(setting.removeprefix("EVAL-"))
            elif setting.startswith("EXTRACT-"):
                names |= set(re.findall(r"\(\?<(\w+)>", value))
            elif setting.startswith("LOOKUP-"):
                names |= set(value.partition(" OUTPUT ")[2].split())
    return frozenset(names | aliases() | {"defender_evidence_pieces"})


def without_others(row: Row) -> dict[str, str | list[str]]:
    """The fields of a sample without what other apps have added: fields, event types and tags of their own."""
    known = row.shown.fields.keys() | made_fields()
    fields = {name: value for name, value in row.fields.items() if name in known}
    for name in CLASSES & fields.keys():
        fields[name] = [value for value in values(fields, name) if value in our_classes()]
    return fields


@cache
def our_classes() -> frozenset[str]:
    """The names of the add-on's event types, and its tags."""
    knowledge = our_knowledge()
    return frozenset(knowledge.eventtypes) | {tag for tags in knowledge.tags.values() for tag in tags}


@cache
def aliases() -> frozenset[str]:
    """The fields that are other fields' second names."""
    settings = (item for stanza in our_knowledge().props.values() for item in stanza.items())
    found = (re.findall(r"\S+ AS(?:NEW)? (\S+)", value) for name, value in settings if name.startswith("FIELDALIAS-"))
    return frozenset(name for names in found for name in names)


@cache
def of_evidence() -> frozenset[str]:
    """The fields that are made of evidence, piece by piece."""
    inner = {"defender_evidence", "defender_evidence_pieces", "defender_alerts_inside"}
    return frozenset({one.name for one in FIELDS.values() if one.is_of_evidence} | inner) & made_fields()


def is_automatic(shown: Shown, name: str) -> bool:
    """Whether a field is one that automatic extraction finds in a record small enough to be seen as a whole."""
    return (
        len(shown.event.raw) < _SMALL
        and name in shown.fields
        and name not in made_fields() | CLASSES
        and not name.startswith("_")
    )


def _counted(found: tuple[str, ...]) -> str:
    if not found:
        return "no value"
    size = sum(map(len, found))
    return f"{len(found)} value{'s' if len(found) > 1 else ''} of {size} characters"
