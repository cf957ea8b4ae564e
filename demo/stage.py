"""The stage: a stand-in Microsoft cloud, a stand-in Splunk with the built add-on, and the settings of a setup page."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.samples import siem_alert
from standins.splunkd import Splunkd, WebError

from tooling.splunk_pythons import SPLUNK_PYTHONS

KIND = "defender_siem_alerts"
ACCOUNT = "contoso"
INPUT = "alerts"
PROXY_LOGIN = ("splunk", "a p@ss:word/for the proxy")
SECRET = "a~client.secret-that-is_nobody's"

# How many alerts each region holds at first, and the days they are spread over.
BACKLOG = {"us": 412, "eu": 655, "uk": 233}
DAYS = 6.5


@dataclass(frozen=True)
class Stage:
    """Everything that plays a part; `held` counts the alerts that Microsoft holds, by region and text."""

    cloud: MicrosoftCloud
    tenant: Tenant
    application: Application
    splunkd: Splunkd
    held: dict[str, Counter[str]] = field(default_factory=lambda: {region: Counter() for region in BACKLOG})

    def add(self, region: str, number: int, age: float) -> None:
        """Put an alert, `age` seconds old, into a region; `number` decides what it is about."""
        processed = self.cloud.clock.now() - round(age * ticks.PER_SECOND)
        alert = siem_alert(number, processed)
        self.cloud.siem(region).add(self.tenant, alert)
        self.held[region][alert.decode()] += 1

    def fill(self) -> None:
        """Spread the backlog over the last days."""
        chance = random.Random(20170905)  # noqa: S311 - the same at each demo
        for first, (region, count) in enumerate(BACKLOG.items()):
            for number in range(count):
                self.add(region, first * 10_000 + number, chance.uniform(60, DAYS * 86_400))

    def save_proxy(self) -> None:
        """Save the proxy tab."""
        address = self.cloud.proxy
        self.splunkd.web.post(
            "TA_defender_alerts_settings/proxy",
            {
                "proxy_enabled": "1",
                "proxy_type": address.scheme,
                "proxy_url": address.host,
                "proxy_port": str(address.port),
                "proxy_username": PROXY_LOGIN[0],
                "proxy_password": PROXY_LOGIN[1],
                "proxy_rdns": "0",
            },
        )

    def save_network(self) -> None:
        """Save the network tab: the authority behind the certificates that the inspecting proxy shows."""
        form = {"ca_bundle": self.cloud.ca_pem, "request_timeout": "60"}
        self.splunkd.web.post("TA_defender_alerts_settings/network", form)

    def save_account(self, secret: str) -> str:
        """Save the account.

        Returns:
            What the page says if the add-on refuses it; empty if it is saved.
        """
        form = {
            "name": ACCOUNT,
            "cloud": self.tenant.cloud,
            "tenant_id": self.tenant.guid,
            "client_id": self.application.client_id,
            "client_secret": secret,
            "secret_expires": "",
            "skip_check": "0",
        }
        try:
            self.splunkd.web.post("TA_defender_alerts_account", form)
        except WebError as error:
            return error.message
        return ""

    def save_input(self) -> None:
        """Save the input."""
        self.splunkd.web.post(
            f"TA_defender_alerts_{KIND}",
            {
                "name": INPUT,
                "account": ACCOUNT,
                "regions": ",".join(BACKLOG),
                "index": "main",
                "interval": "300",
                "start_time": "-7d",
                "overlap": "600",
                "resource": "https://graph.windows.net",
                "machine_groups": "",
            },
        )


@contextmanager
def set_up(app: Path, python: Path) -> Iterator[Stage]:
    """Start both stand-ins; `app` is copied, and its scripts run under `python`. Nothing is left behind."""
    with (
        tempfile.TemporaryDirectory(prefix="defender-demo-") as home,
        MicrosoftCloud(proxy_credentials=PROXY_LOGIN) as cloud,
        Splunkd(Path(home), app, python) as splunkd,
    ):
        tenant = cloud.entra.add_tenant()
        yield Stage(cloud, tenant, tenant.add_application(secret=SECRET), splunkd)


def choose_python() -> tuple[Path, str]:
    """Choose the Python for the add-on.

    Returns:
        Its program, and a sentence that says which it is.
    """
    splunks = next((python for python in SPLUNK_PYTHONS if python.ready), None)
    # Not the environment's own link: the add-on has to get along with what it brings in lib/.
    program = splunks.program if splunks else Path(sys.executable).resolve()
    probe = "import platform; print(platform.python_implementation(), platform.python_version())"
    name = subprocess.run([program, "-c", probe], capture_output=True, text=True, check=True).stdout.strip()
    if splunks:
        return program, f"It runs on {name}, one of the two Pythons that Splunk ships."
    return program, f"It runs on {name}: Splunk's own 3.9 and 3.13 are not here (./build.sh test gets them)."
