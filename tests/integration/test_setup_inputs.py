"""Saving inputs: they are checked against their account, its cloud and the other inputs."""

from __future__ import annotations

import functools
import threading
from itertools import count
from typing import Any

import pytest
from defender_alerts.input_kinds import KINDS
from integration.installation import APP, KIND, LOGIN_HOST, OTHER_RESOURCE, REGIONS, Installation, texts
from integration.log import errors
from integration.saving import refusal_of, row, warned
from standins.microsoft import faults
from standins.sources import ROLES, SOURCES
from standins.splunkd import IndexedEvent, KVStoreState

FORMS = {source.kind: source.form for source in SOURCES}


def save_input(installation: Installation, kind: str, name: str, **fields: str) -> dict[str, Any]:
    """Add an input of any kind."""
    common = {"account": "corp", "index": "main", "interval": "300", "start_time": "-7d", "overlap": "600"}
    return installation.splunkd.web.post(f"{APP}_{kind}", {"name": name, **common, **fields})


def test_an_input_whose_alerts_another_one_brings_is_saved_with_a_warning_that_names_it(fresh: Installation) -> None:
    fresh.application.roles = ROLES
    fresh.save_account("shared")
    account = {"account": "shared"}
    assert warned(save_input(fresh, "defender_graph_alerts", "all_alerts", **account)) == []
    assert warned(save_input(fresh, "defender_incidents", "incidents", alerts="none", **account)) == []
    answer = save_input(fresh, "defender_endpoint_alerts", "endpoints", region="global", **account)
    [warning] = warned(answer)
    named = "The enabled input all_alerts (defender_graph_alerts) brings the same alerts of this tenant"
    assert warning.startswith(named)
    content = answer["entry"][0]["content"]
    assert content["remarks"] == "Same alerts as all_alerts (defender_graph_alerts)."
    # The other one's row says it, too.
    remark = row(fresh, "all_alerts", "defender_graph_alerts")["remarks"]
    assert remark == "Same alerts as endpoints (defender_endpoint_alerts)."
    edited = fresh.splunkd.web.post(f"{APP}_defender_incidents/incidents", {"alerts": "split"})
    [warning] = warned(edited)
    both = "all_alerts (defender_graph_alerts), endpoints (defender_endpoint_alerts)"
    assert f"The enabled inputs {both} bring the same alerts of this tenant" in warning
    # Nothing of it is stored, and it goes with its cause.
    assert "brings the same" not in fresh.stored("inputs")
    fresh.splunkd.web.post(f"{APP}_defender_graph_alerts/all_alerts", {"disabled": "1"})
    assert row(fresh, "all_alerts", "defender_graph_alerts")["remarks"] == ""
    assert "all_alerts" not in row(fresh, "endpoints", "defender_endpoint_alerts")["remarks"]


def test_an_input_that_its_account_could_not_feed_is_saved_with_a_warning(fresh: Installation) -> None:
    fresh.save_account("unpermitted")
    [warning] = warned(save_input(fresh, "defender_incidents", "in_vain", account="unpermitted", alerts="none"))
    assert "The account unpermitted can't feed Defender incidents (Microsoft Graph)" in warning
    assert "Microsoft Graph SecurityIncident.Read.All" in warning
    fresh.application.roles = ROLES
    fresh.edit_account("unpermitted")
    assert row(fresh, "in_vain", "defender_incidents")["remarks"] == ""


def test_an_input_of_another_tenant_is_saved_once_that_tenant_lets_the_application_in(fresh: Installation) -> None:
    fresh.application.roles = ROLES
    fresh.save_account("many")
    customer = fresh.cloud.entra.add_tenant(domain="fabrikam.onmicrosoft.com", name="Fabrikam")
    of_it = {"account": "many", "tenant_id": f" {customer.guid} "}
    client = fresh.application.client_id

    def refused(kind: str = "defender_graph_alerts", **fields: str) -> str:
        own = {**FORMS[kind], **of_it, **fields}
        return refusal_of(lambda: save_input(fresh, kind, "of_fabrikam", **own))

    let_in = f"open https://login.microsoftonline.com/{customer.guid}/adminconsent?client_id={client} and accept"
    for kind in KINDS:
        message = refused(kind)
        assert f"has not been let into the tenant {customer.guid} of the input of_fabrikam yet" in message
        assert let_in in message
    application = customer.add_application(client, secret=fresh.secret)
    message = refused()
    assert f"In the tenant {customer.guid}, which the input names, the application of the account many lacks" in message
    assert "the permission Microsoft Graph SecurityAlert.Read.All" in message
    assert let_in in message
    known, customer.resources = customer.resources, set()
    assert f"The tenant {customer.guid}, which the input names, does not know https://graph.microsoft.com" in refused()
    assert "of_fabrikam" not in fresh.stored("inputs")
    customer.resources = known
    application.roles = ROLES
    answer = save_input(fresh, "defender_graph_alerts", "of_fabrikam", **of_it)
    assert answer["entry"][0]["content"]["tenant_id"] == customer.guid
    run = fresh.run("of_fabrikam", kind="defender_graph_alerts")
    assert run.status == 0, run.stderr
    [checkpoint] = [one for one in fresh.checkpoints() if one["input"] == "of_fabrikam"]
    assert checkpoint["tenant"] == customer.guid
    # What concerns neither tenant nor account asks nobody.
    application.roles = {}
    fresh.splunkd.web.post(f"{APP}_defender_graph_alerts/of_fabrikam", {"interval": "600"})
    # And its own tenant again, or none, is no other one.
    fresh.splunkd.web.post(f"{APP}_defender_graph_alerts/of_fabrikam", {"tenant_id": ""})
    assert "defender_graph_alerts://of_fabrikam" in fresh.stored("inputs")


def test_an_input_of_another_tenant_is_saved_where_there_is_no_way_to_Microsoft_yet(fresh: Installation) -> None:
    fresh.save_account("unchecked", skip_check="1")
    save_input(fresh, "defender_graph_alerts", "early", account="unchecked", tenant_id="nowhere.onmicrosoft.com")
    fresh.application.roles = ROLES
    fresh.save_account("checked")
    fresh.cloud.faults.add(LOGIN_HOST, faults.ResetBeforeHeaders(), times=None)
    save_input(fresh, "defender_graph_alerts", "in_an_outage", account="checked", tenant_id="nowhere.onmicrosoft.com")
    stored = fresh.stored("inputs")
    assert stored.count("tenant_id = nowhere.onmicrosoft.com") == 2
    assert "The input in_an_outage is saved, but its tenant was not checked: " in fresh.splunkd.logs()["splunkd.log"]


def test_an_input_is_checked_against_the_cloud_of_its_account(fresh: Installation) -> None:
    fresh.save_account("government", cloud="gcc_high", skip_check="1")
    message = refusal_of(lambda: fresh.save_input("abroad", account="government", regions="us,eu"))
    assert "The region 'eu' does not exist for this input in the cloud GCC High. Choose among: us." in message
    fresh.save_input("at_home", account="government", regions="us")
    assert "abroad" not in fresh.stored("inputs")
    assert f"[{KIND}://at_home]" in fresh.stored("inputs")


REFUSED = (
    ("start_time", "-181d", "The start time -181d is too far back"),
    ("start_time", "2019-01-31T00:00:00Z", "Microsoft keeps what this input collects for 180 days. Set -180d, or"),
    ("start_time", "2999-01-31T00:00:00Z", "The start time 2999-01-31T00:00:00Z lies in the future"),
    ("start_time", "yesterday", "The start time 'yesterday' is neither ISO 8601"),
    ("interval", "59", "interval is '59' and should be a whole number from 60 to 86400."),
    ("interval", "86401", "interval is '86401' and should be"),
    ("interval", "* * * * *", "interval is '* * * * *' and should be"),
    ("overlap", "86401", "overlap is '86401' and should be a whole number from 0 to 86400."),
    ("account", "nobody", "The account nobody does not exist, or this user may not read it."),
)


def test_an_input_that_asks_for_what_can_not_be_had_is_refused_when_it_is_added_and_when_it_is_edited(
    fresh: Installation,
) -> None:
    fresh.save_account("asking", skip_check="1")
    for field, value, words in REFUSED:
        for kind, own in FORMS.items():
            wrong = {"account": "asking", **own, field: value}
            assert words in refusal_of(functools.partial(save_input, fresh, kind, "wrong", **wrong))
    assert "wrong" not in fresh.stored("inputs")
    fresh.save_input("right", account="asking")
    before = fresh.stored("inputs")
    for field, value, words in REFUSED:
        edit = functools.partial(fresh.splunkd.web.post, f"{APP}_{KIND}/right", {field: value})
        assert words in refusal_of(edit)
    assert fresh.stored("inputs") == before


def test_an_input_goes_back_as_far_as_Microsoft_keeps_alerts_and_stays_editable_when_that_is_over(
    fresh: Installation,
) -> None:
    fresh.save_account("long_ago", skip_check="1")
    fresh.save_input("farthest", account="long_ago", start_time=" -180d ")
    assert "start_time = -180d" in fresh.stored("inputs")
    fresh.write_input("aged", account="long_ago", start_time="2019-01-31T00:00:00Z")
    fresh.splunkd.web.post(f"{APP}_{KIND}/aged", {"start_time": "2019-01-31T00:00:00Z", "interval": "600"})
    assert "interval = 600" in fresh.stored("inputs")


def test_an_input_changed_on_its_page_goes_on_from_its_place(fresh: Installation) -> None:
    fresh.save_account("steady")
    fresh.save_input("changed", account="steady", regions="eu")
    fresh.publish("eu", fresh.alerts(5))
    assert len(fresh.run("changed").events) == 5
    fresh.splunkd.web.post(f"{APP}_{KIND}/changed", {"resource": OTHER_RESOURCE, "overlap": "60", "start_time": "-30d"})
    run = fresh.run("changed")
    assert (run.status, run.events) == (0, [])


def test_deleting_an_input_deletes_its_places_and_no_others(fresh: Installation) -> None:
    fresh.save_account("owner")
    for name in ("short_lived", "short_lived_too"):
        fresh.save_input(name, account="owner")
        assert fresh.run(name).status == 0
    assert sorted({document["input"] for document in fresh.checkpoints()}) == ["short_lived", "short_lived_too"]
    fresh.splunkd.web.delete(f"{APP}_{KIND}/short_lived")
    assert [(document["input"], document["region"]) for document in fresh.checkpoints()] == [
        ("short_lived_too", region) for region in sorted(REGIONS)
    ]
    alerts = fresh.alerts(3)
    fresh.publish("eu", alerts)
    fresh.save_input("short_lived", account="owner")
    assert [event.raw for event in fresh.run("short_lived").events] == texts(alerts)


@pytest.mark.parametrize("after", [900, 2_400])
def test_a_run_that_is_at_work_when_its_input_is_deleted_does_not_bring_its_checkpoint_back(
    fresh: Installation, after: int
) -> None:
    """Splunkd ends such a run; this one goes on for as long as it likes."""
    fresh.save_account("owner")
    fresh.save_input("deleted", account="owner", regions="eu")
    alerts = fresh.alerts(2_500)
    fresh.publish("eu", alerts)
    events, is_there, deleted = count(1), threading.Event(), threading.Event()

    def wait(_: IndexedEvent) -> None:
        if next(events) == after:
            is_there.set()
            deleted.wait(60)

    process = fresh.start("deleted", on_event=wait)
    assert is_there.wait(60)
    fresh.splunkd.web.delete(f"{APP}_{KIND}/deleted")
    fresh.save_input("deleted", account="owner", regions="eu")
    if after > 1_000:
        # A new input of that name may be through before the other one has noticed.
        assert sorted(event.raw for event in fresh.run("deleted").events) == sorted(texts(alerts))
        alerts = []
    deleted.set()
    assert process.wait(60).status == 0
    for expected in (alerts, []):
        run = fresh.run("deleted")
        assert (run.status, sorted(event.raw for event in run.events)) == (0, sorted(texts(expected)))
    # Nothing is left of the other one.
    assert {checkpoint["generation"] for checkpoint in fresh.checkpoints()} == {1}


def test_an_input_can_be_deleted_while_the_KV_store_is_down(fresh: Installation) -> None:
    fresh.save_account("remaining")
    fresh.save_input("gone", account="remaining", regions="eu")
    fresh.splunkd.kvstore.state = KVStoreState.FAILED
    fresh.splunkd.web.delete(f"{APP}_{KIND}/gone")
    assert "[defender_siem_alerts://gone]" not in fresh.stored("inputs")
    said = fresh.splunkd.logs()["splunkd.log"]
    assert "The input gone is deleted, but its checkpoint is still in the KV store" in said


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"regions": "moon"},
            "The region 'moon' does not exist for this input in the cloud Commercial. Choose among: us, eu, uk.",
        ),
        ({"regions": " , "}, "The input by_hand names no region. Correct the input by_hand"),
        (
            {"start_time": "yesterday"},
            "The start time 'yesterday' is neither ISO 8601 in UTC (2026-01-31T00:00:00Z) nor relative (-7d, -12h).",
        ),
        ({"overlap": "10m"}, "overlap is '10m' and should be a whole number from 0 to 86400."),
        ({"resource": "https://example.com"}, "The resource 'https://example.com' is neither"),
        ({"account": ""}, "The input by_hand names no account."),
        ({"account": "nobody"}, "The account nobody does not exist"),
    ],
)
def test_a_mistake_in_a_handwritten_inputs_conf_is_said_in_a_sentence(
    installed: Installation, fields: dict[str, str], sentence: str
) -> None:
    installed.publish("eu", installed.alerts(3))
    installed.write_input("by_hand", **fields)
    run = installed.run("by_hand")
    assert (run.status, run.stdout_bytes) == (2, 0)
    [error] = errors(installed.log("by_hand"))
    assert error.category == "Configuration Error"
    assert sentence in error.text
    [line] = run.stderr
    assert sentence in line
    assert installed.checkpoints() == []


def test_an_edit_that_also_enables_or_disables_is_checked_and_saved_whole(fresh: Installation) -> None:
    fresh.save_account()
    fresh.save_input("edited", regions="eu")
    edit = functools.partial(fresh.splunkd.web.post, f"{APP}_{KIND}/edited")
    refused = refusal_of(lambda: edit({"disabled": "1", "interval": "5"}))
    assert "interval is '5' and should be a whole number" in refused
    assert row(fresh, "edited", KIND)["disabled"] is False
    edit({"disabled": "1", "interval": " 600 ", "regions": "uk"})
    saved = fresh.splunkd.conf.local("inputs", APP)[f"{KIND}://edited"]
    assert (saved["interval"], saved["regions"]) == ("600", "uk")
    assert row(fresh, "edited", KIND)["disabled"] is True
    edit({"disabled": "0"})
    assert row(fresh, "edited", KIND)["disabled"] is False
    assert fresh.splunkd.conf.local("inputs", APP)[f"{KIND}://edited"]["interval"] == "600"
