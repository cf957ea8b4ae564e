"""What a poll costs: how its process begins and ends, its connections, and its calls to splunkd and Microsoft."""

from __future__ import annotations

import re

import pytest
from defender_alerts.microsoft import clouds
from integration.installation import BROAD, COLLECTION, LOGIN_HOST, Install, Installation, set_up, texts

# Guessing encodings; making classes of tables; what a refusal means; signing with a certificate; what only pages, commands and searches
# use. Certificates are read in any poll for which CA certificates are saved, as they are here.
NEEDLESS = (
    "chardet",
    "charset_normalizer",
    "ctypes",
    "dataclasses",
    "defender_alerts.audit.compare",
    "defender_alerts.diagnostics",
    "defender_alerts.microsoft.aadsts",
    "defender_alerts.microsoft.client_certificate.assertion",
    "defender_alerts.microsoft.client_certificate.openssl",
    "defender_alerts.microsoft.client_certificate.key_pair",
    "defender_alerts.splunk.pages",
    "defender_alerts.splunk.refresh_tokens",
    "solnlib",
    "splunk.",
    "splunktaucclib",
)
NEEDED = {"defender_alerts.collect.poll", "msal.application", "requests", "splunklib.binding"}


@pytest.fixture
def told(installed_on_each: Installation) -> list[str]:
    """Give what Python tells of a quiet poll: each module it imports, and each that it takes down in the end."""
    assert installed_on_each.run().status == 0
    run = installed_on_each.run(env={"PYTHONVERBOSE": "1"})
    assert (run.status, run.events, run.stream_error) == (0, [], None)
    return run.stderr


def test_a_quiet_poll_imports_nothing_that_no_quiet_poll_uses(told: list[str]) -> None:
    imported = {match.group(1) for line in told if (match := re.match(r"import '([\w.]+)'", line))}
    assert imported >= NEEDED
    assert sorted(name for name in imported if name.startswith(NEEDLESS)) == []


def test_a_poll_ends_without_taking_down_what_it_has_imported(told: list[str]) -> None:
    assert told
    assert [line for line in told if line.startswith(("# cleanup", "# destroy"))] == []


def test_a_poll_opens_one_connection_to_splunkd(installed: Installation) -> None:
    installed.publish("eu", installed.alerts(30))
    before = installed.splunkd.connections
    run = installed.run()
    assert (run.status, len(run.events)) == (0, 30)
    assert len(run.calls) > 6
    assert installed.splunkd.connections == before + 1


def test_a_poll_does_not_mind_that_splunkd_closes_idle_connections(installed: Installation) -> None:
    installed.publish("eu", installed.alerts(30))
    with installed.splunkd.closing_idle_connections():
        run = installed.run()
    assert (run.status, len(run.events), run.stderr) == (0, 30, [])
    assert {call.status for call in run.calls} == {200}


# What it asks of others, and whom it never calls.

GOVERNMENT_LOGIN = "login.microsoftonline.us"
GOVERNMENT_SIEM = "wdatp-alertexporter-us.securitycenter.windows.us"


def test_a_quiet_poll_takes_one_token_one_call_per_region_and_few_of_splunkd(installed: Installation) -> None:
    installed.publish("eu", installed.alerts(10))
    assert installed.run().status == 0
    installed.cloud.journal.clear()
    run = installed.run()
    assert (run.status, run.events) == (0, [])
    assert sorted((call.host, call.method) for call in installed.cloud.journal) == [
        (LOGIN_HOST, "POST"),
        ("wdatp-alertexporter-eu.windows.com", "GET"),
        ("wdatp-alertexporter-uk.windows.com", "GET"),
        ("wdatp-alertexporter-us.windows.com", "GET"),
    ]
    namespace = "/servicesNS/nobody/TA_defender_alerts"
    data = f"{namespace}/storage/collections/data/{COLLECTION}"
    assert [(call.method, call.path) for call in run.calls] == [
        ("GET", f"{namespace}/configs/conf-ta_defender_alerts_settings"),
        ("GET", f"{namespace}/configs/conf-ta_defender_alerts_account/corp"),
        ("GET", f"{namespace}/storage/passwords"),
        ("GET", data),
        ("POST", f"{data}/batch_save"),
        ("POST", f"{data}/batch_save"),
        ("POST", f"{data}/batch_save"),
    ]
    assert {call.user for call in run.calls} == {"splunk-system-user"}


def test_a_government_account_never_contacts_a_commercial_host(install: Install) -> None:
    government = set_up(install(tenant_cloud="gcc_high"), regions="us")
    alerts = government.alerts(10)
    government.publish("us.gov", alerts)
    run = government.run()
    assert (run.status, [event.raw for event in run.events]) == (0, texts(alerts))
    assert {event.source for event in run.events} == {f"defender_siem_alerts:{government.tenant.guid}:us:{BROAD}"}
    assert {event.host for event in run.events} == {GOVERNMENT_SIEM}
    government.application.secrets.clear()
    assert government.run().status == 2
    # Also the check of the account, when it was saved, asked nobody else.
    own = {GOVERNMENT_LOGIN, *(row.host for row in clouds.ENDPOINTS if row.cloud == "gcc_high")}
    assert {call.host for call in government.cloud.journal} <= own
    # Before there was an account, the proxy was tried with a tunnel, and nothing was sent through it.
    assert [tunnel.host for tunnel in government.cloud.journal.tunnels()].count(LOGIN_HOST) == 1
    government.cloud.journal.clear()
    government.save_way()
    assert government.cloud.journal.hosts() == {GOVERNMENT_LOGIN}
