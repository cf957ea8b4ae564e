"""Index time: by props.conf.spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from standins.search import NotModelledError, SearchKnowledge
from standins.search.indexing import event_time, split_into_events
from standins.search.props import settings_for

WHOLE = {"SHOULD_LINEMERGE": "false"}


@pytest.mark.parametrize(
    ("raw", "settings", "events"),
    [
        ("a\nb\r\n\r\nc\n", WHOLE, ["a", "b", "c"]),
        ("a\nb", WHOLE | {"LINE_BREAKER": "((?!))"}, ["a\nb"]),
        ("{1}\n{2}", WHOLE | {"LINE_BREAKER": r"([\r\n]+)(?=\{)"}, ["{1}", "{2}"]),
        ("a--b--c", WHOLE | {"LINE_BREAKER": "-(-)"}, ["a-", "b-", "c"]),
        ("x" * 10_001, WHOLE, ["x" * 10_000]),
        ("x" * 10_001, WHOLE | {"TRUNCATE": "0"}, ["x" * 10_001]),
        ("aé", WHOLE | {"TRUNCATE": "2"}, ["a"]),
        ("one line", {}, ["one line"]),
    ],
)
def test_a_text_is_broken_and_cut(raw: str, settings: dict[str, str], events: list[str]) -> None:
    assert split_into_events(raw, settings) == events


@pytest.mark.parametrize(
    ("raw", "settings"),
    [
        ("a\nb", {}),
        ("a\nb", {"SHOULD_LINEMERGE": "true"}),
        ("a\nb", {"SHOULD_LINEMERGE": "maybe"}),
        ("a", {"CHARSET": "AUTO"}),
        ("a", {"LINE_BREAKER": "no group"}),
    ],
)
def test_what_is_not_modelled_is_refused(raw: str, settings: dict[str, str]) -> None:
    with pytest.raises(NotModelledError):
        split_into_events(raw, settings)


def test_the_time_is_the_inputs_the_systems_or_refused() -> None:
    assert event_time("1.5", {"DATETIME_CONFIG": "NONE"}) == "1.5"
    assert event_time("1.5", {"DATETIME_CONFIG": "CURRENT"}) is None
    for settings in ({}, {"DATETIME_CONFIG": "/etc/datetime.xml"}):
        with pytest.raises(NotModelledError):
            event_time("1.5", settings)


def winner(*stanzas: str, source: str = "/var/log/az", host: str = "Foo", sourcetype: str = "st") -> str | None:
    """The stanza whose value wins, where each of them sets KV_MODE to its own name."""
    props = {stanza: {"KV_MODE": stanza} for stanza in stanzas}
    return settings_for(props, source=source, sourcetype=sourcetype, host=host).get("KV_MODE")


@pytest.mark.parametrize(
    ("stanzas", "expected"),
    [
        (("source::...az", "host::foo", "st", "default"), "source::...az"),
        (("default", "st", "host::foo"), "host::foo"),
        (("st", "default"), "st"),
        (("default",), "default"),
        (("source::...z...", "source::...a..."), "source::...a..."),  # the spec's own example of a collision
        (("source::...a...", "source::/var/log/az"), "source::/var/log/az"),
        (("source::/var/*/az",), "source::/var/*/az"),
        (("source::/var/*",), None),
        (("source::/var/log/a.",), None),
        (("source::.../(ax|az)",), "source::.../(ax|az)"),
        (("source::...AZ", "ST"), None),
        (("source::log",), None),
    ],
)
def test_stanzas_match_and_win_as_the_spec_says(stanzas: tuple[str, ...], expected: str | None) -> None:
    assert winner(*stanzas) == expected
    assert winner(*reversed(stanzas)) == expected


def test_colliding_stanzas_supply_all_their_settings() -> None:
    props = {"source::...a...": {"TRUNCATE": "1"}, "source::...z...": {"TRUNCATE": "2", "CHARSET": "UTF-8"}}
    found = settings_for(props, source="az", sourcetype="st", host="h")
    assert found == {"TRUNCATE": "1", "CHARSET": "UTF-8"}


@pytest.mark.parametrize(
    "text",
    [
        "[x]\nTRUNCATED = 0\n",
        "[x]\nSEDCMD-a = s/a/b/\n",
        "[x]\nINDEXED_EXTRACTIONS = json\n",
        "[rule::x]\nTRUNCATE = 0\n",
        "[(?::){0}x*]\nTRUNCATE = 0\n",
        "[source::(a|b):...]\nTRUNCATE = 0\n",
        "[source::.../(a|b)/x*]\nTRUNCATE = 0\n",
        "[host::[ab]]\nTRUNCATE = 0\n",
        "[x]\nEVAL-a = sha256(_raw)\n",
        "TRUNCATE = 0\n[x]\n",
        '[x]\nEVAL-a = replace(b, "x ;y", "")\n',
    ],
)
def test_an_app_with_something_unknown_is_refused_when_it_is_loaded(
    make_app: Callable[[Mapping[str, str]], Path], text: str
) -> None:
    with pytest.raises(NotModelledError):
        SearchKnowledge.load(make_app({"default/props.conf": text}))


@pytest.mark.parametrize("stanza", ["source::(a|b):*", "source::/var/*/(a|b)", "source::...a...", "source::a:..."])
def test_patterns_that_are_on_record_are_taken(make_app: Callable[[Mapping[str, str]], Path], stanza: str) -> None:
    SearchKnowledge.load(make_app({"default/props.conf": f"[{stanza}]\nTRUNCATE = 0\n"}))
