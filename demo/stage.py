"""The stage: a stand-in Microsoft cloud, a stand-in Splunk with the built add-on, and what its pages save."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.current_samples import TENANT
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.graph_samples import graph_alert, graph_incident, incident_alerts
from standins.microsoft.samples import siem_alert
from standins.splunkd import Splunkd, WebError

from tooling.splunk_pythons import SPLUNK_PYTHONS

ACCOUNT = "contoso"
PROXY_LOGIN = ("splunk", "a p@ss:word/for the proxy")
SECRET = "a~client.secret-that-is_nobody's"
# Not Alert.Read.All of Defender for Endpoint: saving the account says so.
ROLES = {"https://graph.microsoft.com": ("SecurityAlert.Read.All", "SecurityIncident.Read.All")}

# How many alerts each region of the SIEM API holds at first, and the days they are spread over. Graph has all of them.
BACKLOG = {"us": 48, "eu": 195, "uk": 57}
DAYS = 6.5


@dataclass(frozen=True)
class Input:
    """An input as its page saves it; ``own`` are the fields that only its kind has."""

    kind: str
    name: str
    regions: tuple[str, ...]
    own: Mapping[str, str] = field(default_factory=dict, hash=False)


ALERTS = Input("defender_graph_alerts", "alerts", ("global",))
INCIDENTS = Input("defender_incidents", "incidents", ("global",), {"alerts": "split"})
SIEM = Input(
    "defender_siem_alerts",
    "old_siem",
    tuple(BACKLOG),
    {"regions": ",".join(BACKLOG), "resource": "https://graph.windows.net", "machine_groups": ""},
)
INPUTS = (ALERTS, INCIDENTS, SIEM)


@dataclass(frozen=True)
class Stream:
    """The events of one source and sourcetype."""

    input: Input
    region: str
    sourcetype: str

    @property
    def source(self) -> str:
        """What the README promises of it."""
        return f"{self.input.kind}:{TENANT}:{self.region}:{self.input.name}"


GRAPH_ALERTS = Stream(ALERTS, "global", "ms:defender:graph:alerts")
WHOLE_INCIDENTS = Stream(INCIDENTS, "global", "ms365:defender:incident")
SPLIT_ALERTS = Stream(INCIDENTS, "global", "ms365:defender:incident:alerts")
DETECTIONS = {region: Stream(SIEM, region, "wdatp:alerts") for region in BACKLOG}
STREAMS = (GRAPH_ALERTS, WHOLE_INCIDENTS, SPLIT_ALERTS, *DETECTIONS.values())


@dataclass(frozen=True)
class NewAlert:
    """An alert that appears: where the SIEM API has it, what it is about, and its age in seconds."""

    region: str
    number: int
    age: float


@dataclass(frozen=True)
class RecordVersion:
    """The version of an alert that Microsoft Graph shows: when the alert came, when it was updated, and its text."""

    created: int
    updated: int
    raw: bytes

    @property
    def identity(self) -> str:
        """The alert's id."""
        return str(json.loads(self.raw)["id"])


@dataclass(frozen=True)
class Stage:
    """Everything that plays a part.

    Attributes:
        shown: the alerts as Graph shows them now, by number.
        held: what Microsoft has shown so far: how often each text is to be in Splunk.
    """

    cloud: MicrosoftCloud
    tenant: Tenant
    application: Application
    splunkd: Splunkd
    shown: dict[int, RecordVersion] = field(default_factory=dict)
    held: dict[Stream, Counter[str]] = field(default_factory=lambda: {stream: Counter() for stream in STREAMS})

    def add(self, alerts: Iterable[NewAlert]) -> None:
        """Have alerts appear: in the SIEM API of a region, in Graph, and in Graph's incidents."""
        now, numbers = self.cloud.clock.now(), []
        for alert in alerts:
            moment = now - round(alert.age * ticks.PER_SECOND)
            detection = siem_alert(alert.number, moment)
            self.cloud.siem(alert.region).add(self.tenant, detection)
            self.held[DETECTIONS[alert.region]][detection.decode()] += 1
            self.shown[alert.number] = RecordVersion(moment, moment, graph_alert(alert.number, moment))
            numbers.append(alert.number)
        self._show(numbers)

    def resolve(self, number: int, age: float) -> None:
        """Have somebody resolve an alert: Graph then shows the new version in place of the old one."""
        before, moment = self.shown[number], self.cloud.clock.now() - round(age * ticks.PER_SECOND)
        raw = graph_alert(
            number,
            moment,
            created=before.created,
            status="resolved",
            classification="truePositive",
            determination="malware",
            resolvedDateTime=ticks.text(moment),
        )
        self.shown[number] = RecordVersion(before.created, moment, raw)
        self._show([number])

    def _show(self, numbers: list[int]) -> None:
        """Let Graph show what has changed, also inside the incidents."""
        graph = self.cloud.graph(self.tenant.cloud)
        for number in numbers:
            raw = self.shown[number].raw
            graph.alerts.put(self.tenant, raw)
            self.held[GRAPH_ALERTS][raw.decode()] += 1
            self.held[SPLIT_ALERTS][raw.decode()] += 1
        for incident in sorted({incident_of(number) for number in numbers}):
            alerts = [self.shown[number] for number in incident_alerts(incident) if number in self.shown]
            raw = graph_incident(incident, max(alert.updated for alert in alerts))
            graph.incidents.put(self.tenant, raw, alerts=[alert.raw for alert in alerts])
            self.held[WHOLE_INCIDENTS][raw.decode()] += 1

    def fill(self) -> None:
        """Spread the backlog over the last days, the alerts of an incident within an hour."""
        chance = random.Random(20170905)  # noqa: S311 - the same at each demo
        backlog, began = [], dict[int, float]()
        for first, (region, count) in enumerate(BACKLOG.items()):
            for number in range(first * 10_000, first * 10_000 + count):
                age = began.setdefault(incident_of(number), chance.uniform(3700, DAYS * 86_400))
                backlog.append(NewAlert(region, number, age - chance.uniform(0, 3600)))
        self.add(backlog)

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

    def save_account(self, secret: str) -> tuple[str, str]:
        """Save the account.

        Returns:
            What the page says if the add-on refuses it; and if it is saved, what the table then says of it.
        """
        form = {
            "name": ACCOUNT,
            "cloud": self.tenant.cloud,
            "tenant_id": self.tenant.guid,
            "client_id": self.application.client_id,
            "auth_type": "client_secret",
            "client_secret": secret,
            "secret_expires": "",
            "skip_check": "0",
        }
        try:
            answer = self.splunkd.web.post("TA_defender_alerts_account", form)
        except WebError as error:
            return error.message, ""
        return "", str(_row(answer)["feeds"])

    def save_input(self, this: Input) -> str:
        """Save an input.

        Returns:
            What the table then remarks on it.
        """
        common = {"account": ACCOUNT, "index": "main", "interval": "300", "start_time": "-7d", "overlap": "600"}
        form = {"name": this.name, **common, **this.own}
        return str(_row(self.splunkd.web.post(f"TA_defender_alerts_{this.kind}", form))["remarks"])


def incident_of(number: int) -> int:
    """The incident into which an alert belongs."""
    return number // 4 + 1


def _row(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the page's table is given for the object that was just saved."""
    content: Mapping[str, Any] = answer["entry"][0]["content"]
    return content


@contextmanager
def set_up(app: Path, python: Path) -> Iterator[Stage]:
    """Start both stand-ins; `app` is copied, and its scripts run under `python`. Nothing is left behind."""
    with (
        tempfile.TemporaryDirectory(prefix="defender-demo-") as home,
        MicrosoftCloud(proxy_credentials=PROXY_LOGIN) as cloud,
        Splunkd(Path(home), app, python) as splunkd,
        splunkd.starting_anew(),
    ):
        tenant = cloud.entra.add_tenant(TENANT)
        yield Stage(cloud, tenant, tenant.add_application(secret=SECRET, roles=ROLES), splunkd)


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
