"""The doctor as an administrator starts it: what it says of an input, of its settings, of who asks; its report holds no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.doctor import PROXY_PASSWORD, PROXY_USER, proxy_as_saved, secrets_in, visit
from integration.installation import (
    BROAD,
    CLIENT_SECRET,
    COLLECTION,
    KIND,
    MINUTE,
    NARROW,
    RESOURCE,
    SIEM_HOST,
    Installation,
)
from standins.microsoft.certificates import Certificate
from standins.microsoft.faults import ShowCertificate, Status
from standins.sources import CURRENT, ROLES, Source
from standins.splunkd import WebError

CHECKS = (
    "input",
    "account",
    "network",
    "proxy",
    "dns",
    "tls",
    "credentials",
    "token",
    "api",
    "clock",
    "kvstore",
    "checkpoint",
    "user",
)


def test_an_input_in_order_is_told_so(installed_on_each: Installation, splunk_python: Path) -> None:
    installed_on_each.publish("eu", installed_on_each.alerts(3, ago=MINUTE))
    assert installed_on_each.run(NARROW).status == 0
    done = visit(installed_on_each, "--input", NARROW, python=splunk_python)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("Safe to send to support")
    assert "Nothing failed." in done.out
    assert "region eu has given a record of the last 8 days" in " ".join(done.out.split())


def test_each_line_of_the_json_says_what_was_found(installed: Installation) -> None:
    assert installed.run(NARROW).status == 0
    done = visit(installed, "--input", NARROW, "--json")
    assert done.status == 0
    assert done.outcomes() == {check: {"skipped" if check == "dns" else "ok"} for check in CHECKS}
    assert [one["healthy"] for one in done.report["inputs"]] == [True]
    assert "Stand-in Microsoft cloud" in done.of("tls", SIEM_HOST)["found"]
    assert "inspects TLS" in done.of("tls", SIEM_HOST)["found"]
    assert "expires in 60 minutes" in done.of("token", RESOURCE)["found"]
    assert "remembers 0 versions" in done.of("checkpoint", "eu")["found"]
    assert "no record of the last 8 days" in done.of("api", SIEM_HOST)["found"]


def test_without_a_name_every_input_is_checked(installed: Installation) -> None:
    done = visit(installed, "--json", "--kind", KIND)
    assert done.status == 0
    assert [(one["input"], one["kind"]) for one in done.report["inputs"]] == [(BROAD, KIND), (NARROW, KIND)]
    apis = [check["subject"] for check in done.report["inputs"][0]["checks"] if check["check"] == "api"]
    assert len(apis) == 3


def test_it_writes_nothing(installed: Installation) -> None:
    home = installed.splunkd.home
    assert installed.run(NARROW).status == 0
    before, checkpoints, logs = _files(home), installed.checkpoints(), installed.splunkd.logs()
    known = len(installed.splunkd.journal)
    assert visit(installed, "--input", NARROW).status == 0
    assert (_files(home), installed.checkpoints(), installed.splunkd.logs()) == (before, checkpoints, logs)
    calls = [call for call in installed.splunkd.journal[known:] if "auth/login" not in call.path]
    assert {call.method for call in calls} == {"GET"}
    assert all("search/jobs" not in call.path for call in calls)


def _files(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (home / "etc").rglob("*.conf") if path.is_file()}


def test_a_checkpoint_that_stays_behind_is_told(installed: Installation) -> None:
    assert installed.run(NARROW).status == 0
    (checkpoint,) = installed.checkpoints()
    old = {**checkpoint, "watermark": "2026-01-02T00:00:00.0000000Z", "settled": "2026-01-01T00:00:00.0000000Z"}
    store = installed.splunkd.kvstore
    store.remove(COLLECTION)
    store.put(COLLECTION, {**old, "seen_from": "2026-01-01T00:00:00.0000000Z"})
    line = visit(installed, "--input", NARROW, "--json").of("checkpoint", "eu")
    assert line["outcome"] == "warning"
    assert "collected up to 2026-01-02" in line["found"]


# The settings.


@pytest.mark.parametrize(
    ("fields", "check", "says"),
    [
        ({"overlap": "soon"}, "input", "overlap is 'soon'"),
        ({"account": "nobody"}, "account", "The account nobody does not exist, or this user may not read it"),
        ({"account": ""}, "input", "names no account"),
    ],
)
def test_a_wrong_setting_ends_with_2_and_nothing_is_asked_of_microsoft(
    installed: Installation, fields: dict[str, str], check: str, says: str
) -> None:
    installed.write_input("by_hand", **fields)
    done = visit(installed, "--input", "by_hand", "--json")
    assert done.status == 2
    assert says in done.of(check)["found"]
    assert {"skipped"} == set().union(*(done.outcomes()[name] for name in ("proxy", "tls", "token", "api", "clock")))
    assert "Not checked, because this failed: " in done.of("proxy")["found"]
    assert done.outcomes()["kvstore"] == {"warning"}
    assert list(installed.cloud.journal) == []


def test_an_input_that_is_disabled_is_told_so(installed: Installation) -> None:
    installed.write_input("by_hand", disabled="1", regions="eu")
    done = visit(installed, "--input", "by_hand", "--json")
    assert (done.status, done.of("input")["outcome"]) == (0, "warning")


# Who asks.


def test_a_user_who_may_not_read_the_settings_is_told_so(installed: Installation) -> None:
    done = visit(installed, "--input", NARROW, "--json", user="analyst", password="analyst-password")
    assert done.status == 2
    assert done.of("account")["outcome"] == "failed"
    assert done.of("user")["outcome"] == "warning"
    assert "list_storage_passwords" in done.of("user")["found"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--input", "nobody"), "There is no input 'nobody' here"),
        (("--kind", "defender_incidents"), "There is no input of the kind defender_incidents here"),
        (("--kind", "nothing"), "invalid choice"),
    ],
)
def test_what_is_not_there_ends_with_2(installed: Installation, options: tuple[str, ...], says: str) -> None:
    done = visit(installed, *options)
    assert (done.status, done.out) == (2, "")
    assert says in done.err


def test_a_wrong_password_ends_with_2_and_is_not_shown(installed: Installation) -> None:
    done = visit(installed, password="wrong-password")
    assert (done.status, done.out) == (2, "")
    assert "refuses the login of admin" in done.err
    assert "wrong-password" not in done.err


# Secrets.


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_secret_is_in_a_report(installed: Installation, options: tuple[str, ...]) -> None:
    key = installed.splunkd.session_key()
    escaped = installed.cloud.proxy.url((PROXY_USER, PROXY_PASSWORD))
    with proxy_as_saved(installed):
        installed.cloud.proxy_credentials = (PROXY_USER, PROXY_PASSWORD)
        installed.save_proxy(installed.cloud.proxy, user=PROXY_USER, password=PROXY_PASSWORD)
        done = visit(installed, *options, user="", environment={"SPLUNK_TOKEN": key})
    assert done.status == 0
    assert not secrets_in(done, installed, escaped)


def test_what_a_service_echoes_is_taken_out(installed: Installation) -> None:
    echo = json.dumps({"error": {"code": "Forbidden", "message": f"you said {CLIENT_SECRET}"}}).encode()
    installed.cloud.faults.add(SIEM_HOST, Status(403, echo), path="/api/alerts", times=None)
    for options in ((), ("--json",)):
        done = visit(installed, "--input", NARROW, *options)
        assert "you said ******" in " ".join(done.out.split())
        assert not secrets_in(done, installed)


# Today's APIs.


def test_a_missing_permission_is_named_as_in_entra_id(fresh: Installation) -> None:
    fresh.save_account()
    fresh.save_current_input("defender_endpoint_alerts", "modern", region="global")
    done = visit(fresh, "--input", "modern", "--json")
    assert done.status == 1
    (token,) = [line for line in done.report["inputs"][0]["checks"] if line["check"] == "token"]
    # Whether another one will do is found out by asking.
    assert token["outcome"] == "ok"
    assert "The documented permission WindowsDefenderATP Alert.Read.All is not among them" in token["found"]
    (api,) = [line for line in done.report["inputs"][0]["checks"] if line["check"] == "api"]
    assert api["outcome"] == "failed"
    assert "Alert.Read.All" in api["found"] + api["advice"]


@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_todays_apis_are_asked_for_one_record(fresh: Installation, source: Source) -> None:
    fresh.application.roles = dict(ROLES)
    fresh.save_account()
    fresh.save_current_input(source.kind, "modern", **source.form)
    fresh.cloud.journal.clear()
    done = visit(fresh, "--input", "modern", "--json")
    assert done.status == 0, done.out
    asked = [call for call in fresh.cloud.journal if call.values("$filter")]
    assert asked
    assert {tuple(call.values("$top")) for call in asked} == {("1",)}


# The report as a page gets it, for administrators alone.

ENDPOINT = "defender_alerts_doctor"


def test_an_administrator_gets_the_report_of_an_input(installed: Installation) -> None:
    installed.cloud.faults.add(SIEM_HOST, ShowCertificate(Certificate.UNKNOWN_AUTHORITY), times=None)
    report = installed.splunkd.web.get(ENDPOINT, kind=KIND, input=NARROW)
    [one] = report["inputs"]
    assert report["notice"].startswith("Safe to send to support")
    assert (one["input"], one["kind"], one["healthy"]) == (NARROW, KIND, False)
    assert [check["subject"] for check in one["checks"] if check["outcome"] == "failed"] == [SIEM_HOST]
    assert one["verdict"] == f"1 check failed, 1 warning. Fix this first: TLS certificate ({SIEM_HOST})."
    assert CLIENT_SECRET not in str(report)


def test_everybody_else_is_refused_before_anything_is_asked(installed: Installation) -> None:
    with pytest.raises(WebError, match="Only users with the capability admin_all_objects"):
        installed.splunkd.web.get(ENDPOINT, "analyst", kind=KIND, input=NARROW)
    assert list(installed.cloud.journal) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"kind": "nothing"}, "The kind 'nothing' is not one of the add-on's"),
        ({"kind": KIND, "input": "nobody"}, "There is no input 'nobody' of the kind"),
    ],
)
def test_a_page_that_asks_for_what_is_not_there_is_told(
    installed: Installation, query: dict[str, str], says: str
) -> None:
    with pytest.raises(WebError, match=says):
        installed.splunkd.web.get(ENDPOINT, **query)
