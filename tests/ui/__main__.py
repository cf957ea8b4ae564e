"""`build.sh ui`: the setup pages for a person to click through, with an account and inputs that have collected alerts."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from standins.microsoft import hosts, ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.samples import siem_alert
from standins.splunkd import Splunkd
from standins.splunkweb import Web

from tooling import paths
from tooling.splunk_pythons import SPLUNK_PYTHONS

KIND = "defender_siem_alerts"
SECRET = "nobodys~secret-value-0123456789"
SPLUNK_WEB_PORT = 8000
ALERTS = 25

INTRODUCTION = """
  {configuration}
  {inputs}

  The pages are the add-on's own. Splunk and Microsoft's cloud behind them are stand-ins: nothing leaves this machine.
  You are logged in as admin. For an account of your own in the stand-in cloud:

    Tenant                    {tenant}
    Application (client) ID   {client}
    Client secret             {secret}

  Anything else is refused as Microsoft would refuse it. Ctrl-C ends it.
"""


def main() -> None:
    """Set everything up, print where it is, and wait for Ctrl-C."""
    if not paths.BUILT_APP.is_dir():
        sys.exit(f"{paths.BUILT_APP} is missing: run ./build.sh ui")
    with ExitStack() as stack:
        cloud = stack.enter_context(MicrosoftCloud())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="splunk-")))
        splunkd = stack.enter_context(Splunkd(home / "splunk", paths.BUILT_APP, python()))
        tenant = cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", name="Contoso")
        application = tenant.add_application(secret=SECRET)
        now = cloud.clock.now()
        for place, region in enumerate(("us", "eu", "uk")):
            moments = [now - number * 3600 * ticks.PER_SECOND for number in range(1, ALERTS + 1)]
            alerts = [siem_alert(place * ALERTS + number, moment) for number, moment in enumerate(moments)]
            cloud.siem(region).add_all(tenant, alerts)
        save(splunkd, "settings/proxy", proxy_enabled="1", proxy_type="http", proxy_url=cloud.proxy.host,
             proxy_port=str(cloud.proxy.port))  # fmt: skip
        save(splunkd, "settings/network", ca_bundle=cloud.ca_pem, request_timeout="10")
        account = {"cloud": "commercial", "tenant_id": tenant.guid, "client_id": application.client_id}
        save(splunkd, "account", name="contoso", **account, client_secret=SECRET, secret_expires="2030-06-30")
        for name, regions in (("contoso_all", "us,eu,uk"), ("contoso_eu", "eu")):
            fields = {"account": "contoso", "regions": regions, "index": "main", "interval": "300"}
            more = {"start_time": "-7d", "overlap": "600", "resource": hosts.SIEM_RESOURCES[0]}
            save(splunkd, KIND, name=name, **fields, **more)
            splunkd.run_input(KIND, name)
        web = stack.enter_context(Web(splunkd, paths.APP, port=free_port()))
        sys.stdout.write(
            INTRODUCTION.format(
                configuration=web.page("configuration"),
                inputs=web.page("inputs"),
                tenant=tenant.guid,
                client=application.client_id,
                secret=SECRET,
            )
        )
        sys.stdout.flush()
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


def save(splunkd: Splunkd, what: str, **fields: str) -> None:
    """Save something as the pages do."""
    splunkd.web.post(f"{paths.APP}_{what}", fields)


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
