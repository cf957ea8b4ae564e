"""`build.sh ui`: the setup pages for a person to click through, with accounts and inputs that have collected alerts."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from standins.key_pairs import KeyPair
from standins.microsoft import hosts, ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.current_samples import TENANT
from standins.microsoft.directory import Tenant
from standins.microsoft.endpoint_samples import endpoint_alert
from standins.microsoft.graph_samples import graph_alert, graph_incident, incident_alerts
from standins.microsoft.samples import siem_alert
from standins.search import IndexedEvent, SearchKnowledge, events_of_log
from standins.sources import ROLES
from standins.splunkd import IndexedEvent as Collected
from standins.splunkd import Splunkd
from standins.splunkd.scheduler import Scheduler
from standins.splunkweb import Web
from ui.dashboards import Dashboards

from tooling import paths
from tooling.splunk_pythons import SPLUNK_PYTHONS

SECRET = "nobodys~secret-value-0123456789"
SPLUNK_WEB_PORT = 8000
REGIONS = ("us", "eu", "uk")
INCIDENTS = 20
GRAPH, ENDPOINT = "https://graph.microsoft.com", "https://api.securitycenter.microsoft.com"
FEWER_ROLES = {GRAPH: ("SecurityAlert.Read.All",)}


@dataclass(frozen=True)
class SavedInput:
    """An input that is there from the beginning, and what its form has beside the common fields."""

    kind: str
    name: str
    account: str
    own: Mapping[str, str]


INPUTS = (
    SavedInput("defender_graph_alerts", "contoso_graph", "contoso", {}),
    SavedInput("defender_incidents", "contoso_incidents", "contoso_certificate", {"alerts": "none"}),
    SavedInput("defender_endpoint_alerts", "contoso_endpoint", "contoso_certificate", {"region": "eu"}),
    SavedInput(
        "defender_siem_alerts",
        "contoso_siem",
        "contoso",
        {"regions": ",".join(REGIONS), "resource": hosts.SIEM_RESOURCES[0]},
    ),
)

INTRODUCTION = """
  {configuration}
  {inputs}

  The pages are the add-on's own. Splunk and Microsoft's cloud behind them are stand-ins: nothing leaves this machine.
  You are logged in as admin. Two accounts are there, one with a secret and one with a certificate, and an input of each
  kind, which go on collecting:

{collected}

  What to try:

  - Configuration > Accounts > Add, with the values below. Mistype one: it is refused as Microsoft would refuse it.
  - The same with the other application: the accounts table shows which permission is missing for which input.
  - Inputs > Create New Input with that account: it starts within seconds, and the column Health shows how it goes.
  - Inputs: three of them bring the same alerts, says the column Health. Disable two.
  - Overview, Incidents, Health: the dashboards, searching what the inputs have collected.
  - Configuration > Accounts: delete the account contoso, which two inputs use.

    Tenant                    {tenant}
    Application (client) ID   {client}
    another one               {other}   (may read Graph's alerts alone)
    Client secret             {secret}   (of both)

  Ctrl-C ends it.
"""


def main() -> None:
    """Set everything up, print where it is, and wait for Ctrl-C."""
    if not paths.BUILT_APP.is_dir():
        sys.exit(f"{paths.BUILT_APP} is missing: run ./build.sh ui")
    with ExitStack() as stack:
        cloud = stack.enter_context(MicrosoftCloud())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="splunk-")))
        splunkd = stack.enter_context(Splunkd(home / "splunk", paths.BUILT_APP, python()))
        tenant = cloud.entra.add_tenant(TENANT, domain="contoso.onmicrosoft.com", name="Contoso")
        application = tenant.add_application(secret=SECRET, roles=ROLES)
        other = tenant.add_application(secret=SECRET, roles=FEWER_ROLES, name="Splunk, alerts alone")
        publish(cloud, tenant)
        save(splunkd, "settings/proxy", proxy_enabled="1", proxy_type="http", proxy_url=cloud.proxy.host,
             proxy_port=str(cloud.proxy.port))  # fmt: skip
        save(splunkd, "settings/network", ca_bundle=cloud.ca_pem, request_timeout="10")
        account = {"cloud": "commercial", "tenant_id": tenant.guid, "client_id": application.client_id}
        save(splunkd, "account", name="contoso", **account, auth_type="client_secret", client_secret=SECRET,
             secret_expires="2030-06-30")  # fmt: skip
        pair = KeyPair()
        application.add_certificate(pair.pem)
        save(splunkd, "account", name="contoso_certificate", **account, auth_type="certificate", certificate=pair.pem,
             private_key=pair.key_pem)  # fmt: skip
        runs = [collect(splunkd, this) for this in INPUTS]
        collected = [f"    {this.name:20}{this.account:22}{len(run):4} events" for this, run in zip(INPUTS, runs)]
        web = stack.enter_context(Web(splunkd, paths.APP, port=free_port()))
        found = indexed([event for run in runs for event in run], time.time())
        web.show_dashboards(Dashboards(SearchKnowledge.load(paths.PACKAGE), lambda: searchable(found, splunkd)).draw)

        def kept(event: Collected) -> tuple[Collected]:
            found.extend(indexed([event], time.time()))
            return (event,)

        # An input that is made on the pages collects as well, and all go on at their intervals.
        stack.enter_context(Scheduler(splunkd, pipeline=kept))
        sys.stdout.write(
            INTRODUCTION.format(
                configuration=web.page("configuration"),
                inputs=web.page("inputs"),
                collected="\n".join(collected),
                tenant=tenant.guid,
                client=application.client_id,
                other=other.client_id,
                secret=SECRET,
            )
        )
        sys.stdout.flush()
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


def publish(cloud: MicrosoftCloud, tenant: Tenant) -> None:
    """Have alerts of the last days, the same ones in every API, and the incidents that they belong to."""
    now, graph, endpoint = cloud.clock.now(), cloud.graph("commercial"), cloud.endpoint("commercial")
    for incident in range(1, INCIDENTS + 1):
        region, latest = REGIONS[incident % len(REGIONS)], now - incident * 3600 * ticks.PER_SECOND
        for number in incident_alerts(incident):
            moment = latest - number % 4 * 60 * ticks.PER_SECOND
            cloud.siem(region).add(tenant, siem_alert(number, moment))
            endpoint.put(tenant, endpoint_alert(number, moment))
            graph.alerts.put(tenant, graph_alert(number, moment))
        graph.incidents.put(tenant, graph_incident(incident, latest))


def save(splunkd: Splunkd, what: str, **fields: str) -> None:
    """Save something as the pages do."""
    splunkd.web.post(f"{paths.APP}_{what}", fields)


def collect(splunkd: Splunkd, this: SavedInput) -> list[Collected]:
    """Save an input, run it once, and give its events."""
    common = {"account": this.account, "index": "main", "interval": "300", "start_time": "-7d", "overlap": "600"}
    save(splunkd, this.kind, name=this.name, **common, **this.own)
    run = splunkd.run_input(this.kind, this.name)
    if run.status or not run.events:
        sys.exit(f"{this.name} has collected nothing: {' '.join(run.stderr)}")
    return run.events


def indexed(collected: Sequence[Collected], now: float) -> list[IndexedEvent]:
    """What was collected, in an index since now."""
    return [
        IndexedEvent(one.raw, one.time, one.source, one.sourcetype, one.host, one.index, index_time=f"{now:.0f}")
        for one in collected
    ]


def searchable(collected: Sequence[IndexedEvent], splunkd: Splunkd) -> list[IndexedEvent]:
    """What was collected and what is in the inputs' logs by now, newest first."""
    events = [*collected]
    for name, text in splunkd.logs().items():
        if name.startswith("ta_defender_alerts_"):
            events += events_of_log(f"/opt/splunk/var/log/splunk/{name}", text, "this-machine")
    return sorted(events, key=lambda event: float(event.time or 0), reverse=True)


def python() -> Path:
    """One of Splunk's Pythons, or this one where this machine has neither."""
    return next((python.program for python in SPLUNK_PYTHONS if python.ready), Path(sys.executable))


def free_port() -> int:
    """Splunk Web's own port if it is free, else any."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", SPLUNK_WEB_PORT))
        except OSError:
            return 0
        return SPLUNK_WEB_PORT


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
