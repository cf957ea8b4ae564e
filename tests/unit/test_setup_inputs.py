"""What refuses an input, and what is said of it beside the others: who brings the same, what its account lacks."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from defender_alerts.diagnostics.account import AccountCheck, KindCheck, Verdict
from defender_alerts.errors import ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.settings import read_polling
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.splunk.pages.input_checks import check_input, remarks
from defender_alerts.times import parse_iso, seconds

SIEM, ENDPOINT = "defender_siem_alerts", "defender_endpoint_alerts"
GRAPH, INCIDENTS = "defender_graph_alerts", "defender_incidents"
TENANT = "01234567-89ab-cdef-0123-456789abcdef"
ACCOUNTS = {
    "corp": {"cloud": "commercial", "tenant_id": TENANT},
    "corp_too": {"cloud": "commercial", "tenant_id": TENANT.upper()},
    "by_domain": {"cloud": "commercial", "tenant_id": "contoso.onmicrosoft.com"},
    "abroad": {"cloud": "gcc_high", "tenant_id": TENANT},
}


def saved(kind: str, name: str, **fields: str) -> KnownInput:
    return KnownInput(kind, name, {"account": "corp", "regions": "us,eu", "disabled": "0", **fields})


@dataclass(frozen=True)
class Pair:
    name: str
    this: KnownInput
    other: KnownInput
    same: str = ""


A, B = "this_one", "other_one"
PAIRS = (
    Pair("siem in a common region", saved(SIEM, A), saved(SIEM, B, regions="eu,uk"), "alerts"),
    Pair("siem in other regions", saved(SIEM, A), saved(SIEM, B, regions="uk")),
    Pair("siem of other groups", saved(SIEM, A, machine_groups="Paris"), saved(SIEM, B, machine_groups="Rome,London")),
    Pair("siem of all groups", saved(SIEM, A, machine_groups="Paris"), saved(SIEM, B), "alerts"),
    # Each host of this API shows the whole tenant.
    Pair("endpoint hosts", saved(ENDPOINT, A, region="us"), saved(ENDPOINT, B, region="uk"), "alerts"),
    Pair("endpoint severities", saved(ENDPOINT, A, severities="low"), saved(ENDPOINT, B, severities="high")),
    Pair("endpoint beside siem", saved(ENDPOINT, A), saved(SIEM, B), "alerts"),
    Pair("endpoint beside graph", saved(ENDPOINT, A), saved(GRAPH, B), "alerts"),
    Pair("siem beside graph", saved(SIEM, A), saved(GRAPH, B), "alerts"),
    Pair(
        "siem beside graph without endpoints",
        saved(SIEM, A),
        saved(GRAPH, B, service_sources="microsoftDefenderForIdentity,microsoftDefenderForOffice365"),
    ),
    Pair("graph twice", saved(GRAPH, A), saved(GRAPH, B, severities="high"), "alerts"),
    Pair(
        "graph of other products",
        saved(GRAPH, A, service_sources="microsoftDefenderForEndpoint"),
        saved(GRAPH, B, service_sources="microsoftDefenderForIdentity"),
    ),
    Pair("incidents twice", saved(INCIDENTS, A), saved(INCIDENTS, B, alerts="split"), "incidents"),
    Pair("incidents alone beside graph", saved(INCIDENTS, A, alerts="none"), saved(GRAPH, B)),
    Pair("incidents with alerts beside graph", saved(INCIDENTS, A, alerts="inside"), saved(GRAPH, B), "alerts"),
    Pair("incidents split beside graph", saved(INCIDENTS, A, alerts="split"), saved(GRAPH, B), "alerts"),
    Pair("incidents split beside endpoint", saved(INCIDENTS, A, alerts="split"), saved(ENDPOINT, B), "alerts"),
)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_an_input_that_brings_the_same_is_named_from_both_sides(pair: Pair) -> None:
    both = (pair.this, pair.other)
    for this, other in (both, both[::-1]):
        said = remarks(this, both, ACCOUNTS)
        expected = f"The enabled input {other.name} ({other.kind}) brings the same {pair.same} of this tenant"
        brief = f"Same {pair.same} as {other.name} ({other.kind})."
        assert [remark.brief for remark in said] == ([brief] if pair.same else [])
        assert [remark.sentence.partition(":")[0] for remark in said] == ([expected] if pair.same else [])


@pytest.mark.parametrize("count", [2, 9, 99])
def test_many_inputs_that_bring_the_same_are_one_remark_that_names_all(count: int) -> None:
    others = [saved(GRAPH, f"other_{number}") for number in range(count)]
    [said] = remarks(saved(GRAPH, A), others, ACCOUNTS)
    assert said.brief == f"Same alerts as {count} other inputs."
    assert all(f"{other.name} ({other.kind})" in said.sentence for other in others)
    assert f"Splunk indexes them {count + 1} times. Disable all but one, unless all are wanted." in said.sentence


def test_an_input_whose_account_is_gone_is_told_so() -> None:
    [said] = remarks(saved(GRAPH, A, account="gone"), [saved(GRAPH, B)], ACCOUNTS)
    assert said.brief == "Its account gone does not exist."
    assert "The account gone of this input does not exist, so it collects nothing." in said.sentence
    assert remarks(saved(GRAPH, A, account="gone", disabled="1"), [], ACCOUNTS) == []


@pytest.mark.parametrize(
    ("account", "is_named"), [("corp", True), ("corp_too", True), ("by_domain", False), ("abroad", False)]
)
def test_only_inputs_of_the_same_tenant_and_cloud_are_named(account: str, is_named: bool) -> None:  # noqa: FBT001
    this, other = saved(GRAPH, A), saved(GRAPH, B, account=account)
    assert bool(remarks(this, [other], ACCOUNTS)) is is_named


OTHER_TENANT = "76543210-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    ("this", "other", "is_named"),
    [
        ({"tenant_id": OTHER_TENANT}, {}, False),
        ({"tenant_id": OTHER_TENANT}, {"tenant_id": OTHER_TENANT.upper()}, True),
        ({"tenant_id": TENANT}, {}, True),
        ({"tenant_id": OTHER_TENANT}, {"tenant_id": OTHER_TENANT, "account": "by_domain"}, True),
        ({"tenant_id": OTHER_TENANT}, {"tenant_id": OTHER_TENANT, "account": "abroad"}, False),
    ],
)
def test_the_tenant_is_the_inputs_where_it_names_one(
    this: dict[str, str],
    other: dict[str, str],
    is_named: bool,  # noqa: FBT001
) -> None:
    pair = (saved(GRAPH, A, **this), saved(GRAPH, B, **other))
    for one, another in (pair, pair[::-1]):
        assert bool(remarks(one, [another], ACCOUNTS)) is is_named


def test_what_the_account_lacks_in_its_own_tenant_is_not_said_of_an_input_of_another() -> None:
    check = AccountCheck("2026-11-23", (KindCheck(GRAPH, Verdict.MISSING, "Microsoft Graph SecurityAlert.Read.All"),))
    accounts = {"corp": {**ACCOUNTS["corp"], "last_check": check.dump()}}
    assert remarks(saved(GRAPH, A), [], accounts) != []
    assert remarks(saved(GRAPH, A, tenant_id=OTHER_TENANT), [], accounts) == []


def test_inputs_that_do_not_run_are_not_named_and_nothing_is_said_of_them() -> None:
    this, off = saved(GRAPH, A), saved(GRAPH, B, disabled="1")
    assert remarks(this, [off], ACCOUNTS) == []
    assert remarks(off, [this], ACCOUNTS) == []
    assert remarks(this, [saved(GRAPH, B, account="gone")], ACCOUNTS) == []


def test_two_inputs_of_one_name_and_different_kinds_are_two() -> None:
    assert len(remarks(saved(GRAPH, A), [saved(GRAPH, A), saved(SIEM, A)], ACCOUNTS)) == 1


def test_an_input_with_a_mistake_brings_nothing() -> None:
    mistaken = saved(INCIDENTS, A, alerts="perhaps")
    right = saved(INCIDENTS, B)
    assert remarks(mistaken, [mistaken, right], ACCOUNTS) == []
    assert remarks(right, [mistaken, right], ACCOUNTS) == []


@pytest.mark.parametrize(
    ("finding", "detail", "words"),
    [
        (Verdict.MISSING, "Microsoft Graph SecurityAlert.Read.All", "lacks the permission Microsoft Graph SecurityAl"),
        (Verdict.UNKNOWN, "https://graph.microsoft.com", "does not know https://graph.microsoft.com (AADSTS500011)"),
        (Verdict.FEEDS, "", ""),
        (Verdict.UNCHECKED, "no answer within 20 s", ""),
    ],
)
def test_what_its_account_lacked_when_it_was_checked_is_said(finding: Verdict, detail: str, words: str) -> None:
    others = KindCheck(ENDPOINT, Verdict.MISSING, "WindowsDefenderATP Alert.Read.All")
    check = AccountCheck("2026-11-23", (others, KindCheck(GRAPH, finding, detail)))
    accounts = {"corp": {**ACCOUNTS["corp"], "last_check": check.dump()}}
    said = remarks(saved(GRAPH, A), [], accounts)
    assert len(said) == bool(words)
    for remark in said:
        assert words in remark.sentence
        assert remark.sentence.endswith("(Checked on 2026-11-23.)")
        assert detail in remark.brief


NOW = parse_iso("2026-11-23T12:00:00Z")
DAY = seconds(86_400)


def check(kind: str = GRAPH, cloud: str = "commercial", **fields: str) -> None:
    stanza = {"account": "corp", "interval": "300", "start_time": "-7d", "regions": "us", "alerts": "none", **fields}
    own = KINDS[kind].read(A, stanza)
    for region in own.regions:
        own.in_region(region, cloud)
    check_input(A, stanza, read_polling(A, stanza), NOW)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "start_time",
    ["-180d", "-4320h", "2026-05-27T12:00:00Z", "2026-05-27T11:30:00Z", "2026-11-23T12:30:00Z", "-1h"],
    ids=["limit", "limit in hours", "limit as a time", "half an hour before", "fast clock", "an hour"],
)
def test_a_start_time_within_what_microsoft_keeps_is_good_up_to_the_limit(kind: str, start_time: str) -> None:
    check(kind, start_time=start_time)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start_time", ["-181d", "-4322h", "2026-05-27T10:30:00Z", "1999-01-01T00:00:00Z"])
def test_a_start_time_before_that_is_refused_with_the_earliest_one(kind: str, start_time: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check(kind, start_time=start_time)
    assert str(refused.value) == (
        f"The start time {start_time} is too far back: Microsoft keeps what this input collects for 180 days. Set "
        "-180d, or a time since 2026-05-27T12:00:00Z."
    )


def test_a_start_time_in_the_future_is_refused_with_the_present() -> None:
    with pytest.raises(ConfigurationError, match=r"lies in the future \(it is 2026-11-23T12:00:00Z now\)"):
        check(start_time="2026-11-23T13:30:00Z")


def test_where_it_has_had_its_effect_any_time_that_has_passed_is_good() -> None:
    stanza = {"account": "corp", "start_time": "1999-01-01T00:00:00Z"}
    check_input(A, stanza, read_polling(A, stanza), NOW, starts=False)


@pytest.mark.parametrize("interval", ["60", "86400", ""])
def test_an_interval_in_range_is_good(interval: str) -> None:
    check(interval=interval)


@pytest.mark.parametrize("interval", ["59", "86401", "-1", "300.5", "*/5 * * * *"])
def test_an_interval_out_of_range_is_refused(interval: str) -> None:
    with pytest.raises(ConfigurationError, match=r"should be a whole number from 60 to 86400\. Correct the input this"):
        check(interval=interval)
