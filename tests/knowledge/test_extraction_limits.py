"""The regular expressions of props.conf and transforms.conf, in PCRE2 itself, under the limits that hold for them in Splunk.

What goes beyond a limit is silently not found there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from knowledge.current_events import ENDPOINT, GRAPH, INCIDENT, KINDS, Kind
from knowledge.current_fields import fields_of, values
from knowledge.siem_events import PROCESSED
from standins.microsoft.graph_samples import graph_alert
from standins.search import SearchKnowledge
from standins.search.extraction import match_limits
from standins.search.pcre import MatchLimits, compile_pattern

MEGABYTE = 1_000_000
# A command line as malware's are: each quote and backslash is two characters in JSON, and braces are its own.
ESCAPES = '"\\{[C:\\Windows\\"x" }]\n\t\u2028,: '
PIECES = "defender_evidence_pieces"
ALERT_KEYS = {"evidence", "entities", "alertId", "serviceSource", "alertWebUrl"}
NO_PIECE = {
    *("userAccount", "imageFile", "parentProcessImageFile", "fileDetails", "vmMetadata", "loggedOnUsers", "stream"),
    *("p1Sender", "p2Sender", "location", "additionalData", "customDetails", "comments"),
}
LISTS = ("defender_evidence", "defender_alerts_inside")


def patterns(knowledge: SearchKnowledge, kind: Kind) -> Iterator[tuple[str, str, MatchLimits]]:
    """Give name and pattern of each EXTRACT from _raw, with its limits."""
    stanza = knowledge.props[kind.sourcetype]
    for name, value in stanza.items():
        if name.startswith("EXTRACT-") and not re.search(r"\s+in\s+\w+\s*\Z", value):
            yield name, f"(?ms){value}", match_limits(stanza)


@pytest.fixture(scope="module")
def extractions(knowledge: SearchKnowledge) -> SearchKnowledge:
    """Give what finds fields by regular expressions, without what is calculated from them."""
    props = {
        stanza: {name: value for name, value in settings.items() if not name.startswith(("EVAL-", "LOOKUP-"))}
        for stanza, settings in knowledge.props.items()
    }
    return replace(knowledge, props=props)


def broken(extractions: SearchKnowledge, kind: Kind, raw: str) -> list[str]:
    """Give the extractions that reach a limit on an event, or on the alerts inside it."""
    found = [
        name for name, text, limits in patterns(extractions, kind) if not compile_pattern(text).is_within(raw, limits)
    ]
    for name, stanza in extractions.transforms.items():
        if stanza.get("SOURCE_KEY") in LISTS:
            source = values(fields_of(extractions, kind, raw), stanza["SOURCE_KEY"])
            limits = match_limits(stanza)
            found += [name for text in source if not compile_pattern(stanza["REGEX"]).is_within(text, limits)]
    return found


def pieces_of(holder: Any) -> Iterator[dict[str, Any]]:
    """Give the pieces of evidence in a list or in another piece, as the text has them: from outside to inside."""
    if isinstance(holder, list):
        for each in holder:
            yield from pieces_of(each)
    elif isinstance(holder, dict):
        if not holder.keys() & ALERT_KEYS:
            yield holder
        for key, value in holder.items():
            yield from () if key in NO_PIECE else pieces_of(value)


def process(number: int, text: str) -> dict[str, Any]:
    return {"processId": number, "processCommandLine": text, "roles": [], "imageFile": {"fileName": f"{number}.exe"}}


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = {"a": [value]}
    return value


LARGE: dict[str, dict[str, Any]] = {
    "a long description in front": {"description": ESCAPES * (MEGABYTE // len(ESCAPES))},
    "thousands of pieces": {"evidence": [process(number, ESCAPES * 4) for number in range(MEGABYTE // 200)]},
    "one endless command line": {"evidence": [process(1, ESCAPES * (MEGABYTE // len(ESCAPES)))]},
    "thousands of members in front": {f"x{number}": ESCAPES for number in range(MEGABYTE // 40)},
    "a large object in front": {"additionalData": {f"x{number}": [ESCAPES] for number in range(MEGABYTE // 40)}},
    "objects within objects": {"additionalData": nested(120)},
}


# All kinds share their regular expressions, as test_props.py shows.
@pytest.mark.parametrize("what", LARGE)
def test_no_extraction_reaches_a_limit_on_a_large_record(extractions: SearchKnowledge, what: str) -> None:
    members = json.loads(ENDPOINT.raw())
    front = {key: value for key, value in LARGE[what].items() if key != "evidence"}
    raw = json.dumps(front | members | LARGE[what], ensure_ascii=False)
    assert what == "objects within objects" or len(raw) > MEGABYTE
    assert broken(extractions, ENDPOINT, raw) == []


@pytest.mark.parametrize("what", LARGE)
def test_the_evidence_inside_a_large_incident_is_found_whole(extractions: SearchKnowledge, what: str) -> None:
    alerts = [json.loads(graph_alert(number, PROCESSED)) for number in range(3)]
    alerts[1] = {key: value for key, value in LARGE[what].items() if key != "evidence"} | alerts[1] | LARGE[what]
    raw = INCIDENT.raw(alerts=[json.dumps(alert, ensure_ascii=False).encode() for alert in alerts])
    assert broken(extractions, INCIDENT, raw) == []
    found = values(fields_of(extractions, INCIDENT, raw), PIECES)
    pieces = [piece for alert in alerts for piece in pieces_of(alert["evidence"])]
    assert [json.loads(piece) for piece in found] == pieces


def test_splunk_s_own_limit_would_not_do(knowledge: SearchKnowledge) -> None:
    raw = GRAPH.raw(evidence=[process(number, ESCAPES * 4) for number in range(MEGABYTE // 200)])
    assert not all(
        compile_pattern(text).is_within(raw, MatchLimits())
        for name, text, _ in patterns(knowledge, GRAPH)
        if name == "EXTRACT-defender_evidence"
    )


KEYS = st.sampled_from(["evidence", "entities", "alerts", "x", "y", "userAccount", 'a"b', "{", "evidence\\", "\u00e9"])
TEXTS = st.text(st.sampled_from('"\\{}[]:, aé\n\u2028😀'), max_size=12) | st.sampled_from(
    ['"evidence":[{"a":1}]', '},{"evidence":[', "\\", '\\"']
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PIECE = st.dictionaries(KEYS, JSON, max_size=3)
RECORDS = st.dictionaries(KEYS.filter(lambda key: key not in {"evidence", "entities"}), JSON, max_size=5)
LAYOUTS = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 0, 3]), "ensure_ascii": st.booleans()}
    | {"separators": st.sampled_from([(",", ":"), (" , ", " : ")])}
)


@st.composite
def shuffled(draw: st.DrawFn, record: dict[str, Any]) -> dict[str, Any]:
    """A record's members in another order."""
    return dict(draw(st.permutations(list(record.items()))))


@st.composite
def with_evidence(draw: st.DrawFn, key: str, piece: st.SearchStrategy[Any] = PIECE) -> dict[str, Any]:
    """A record with pieces of evidence, or null, under a key that stands anywhere."""
    return draw(shuffled(draw(RECORDS) | {key: draw(st.lists(piece, max_size=4) | st.none())}))


@settings(deadline=None)
@given(record=with_evidence("evidence"), other=st.sampled_from(["evidence", "entities"]), layout=LAYOUTS)
def test_the_evidence_is_found_whatever_stands_around_it(
    extractions: SearchKnowledge, record: dict[str, Any], other: str, layout: dict[str, Any]
) -> None:
    record = {other if key == "evidence" else key: value for key, value in record.items()}
    record.pop("alerts", None)
    found = fields_of(extractions, GRAPH, json.dumps(record, **layout)).get("defender_evidence")
    assert (found if found is None else json.loads(str(found))) == record[other]


@settings(deadline=None)
@given(
    alerts=st.lists(
        st.sampled_from(["evidence", "entities"]).flatmap(lambda key: with_evidence(key, PIECE | st.none())), max_size=5
    ),
    layout=LAYOUTS,
)
def test_the_pieces_of_evidence_are_found_at_any_depth_whatever_stands_around_them(
    extractions: SearchKnowledge, alerts: list[dict[str, Any]], layout: dict[str, Any]
) -> None:
    """An alert's other objects count only under names that no alert has, so they are told from evidence by the name."""
    alerts = [
        {key: value for key, value in alert.items() if not isinstance(value, (list, dict)) or key in ALERT_KEYS}
        for alert in alerts
    ]
    found = values(fields_of(extractions, INCIDENT, json.dumps({"id": "1", "alerts": alerts}, **layout)), PIECES)
    assert [json.loads(piece) for piece in found] == list(pieces_of(alerts))
    for alert in alerts:
        key = next(iter(alert.keys() & {"evidence", "entities"}))
        found = values(fields_of(extractions, GRAPH, json.dumps({"id": "1", key: alert[key]}, **layout)), PIECES)
        assert [json.loads(piece) for piece in found] == list(pieces_of(alert[key]))


def test_evidence_counts_before_entities_wherever_it_stands(knowledge: SearchKnowledge) -> None:
    pieces: dict[str, Any] = {"entities": [{"url": "http://entities"}], "evidence": [{"url": "http://evidence"}]}
    for order in (pieces, dict(reversed(pieces.items()))):
        assert fields_of(knowledge, GRAPH, json.dumps(order))["url"] == "http://evidence"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.sourcetype)
def test_what_is_found_by_a_regular_expression_is_found_behind_the_evidence_too(
    knowledge: SearchKnowledge, kind: Kind
) -> None:
    usual = json.loads(kind.raw(3, every_type=True) if kind is not INCIDENT else kind.raw(3))
    turned = dict(reversed(usual.items()))
    before, after = (fields_of(knowledge, kind, json.dumps(record)) for record in (usual, turned))
    names = {name for _, text, _ in patterns(knowledge, kind) for name in re.findall(r"\(\?<(\w+)>", text)}
    # The first device that a record names is the first in its order.
    names -= {"DeviceID", "ComputerDnsName", "MachineName", "MachineDomain", "MachineGroup"}
    assert {name: after.get(name) for name in names} == {name: before.get(name) for name in names}
