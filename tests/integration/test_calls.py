"""What a run costs others: calls to Microsoft and to splunkd, and whom it never calls."""

from __future__ import annotations

from defender_alerts.microsoft import clouds
from integration.installation import BROAD, COLLECTION, LOGIN_HOST, Install, Installation, set_up, texts

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
