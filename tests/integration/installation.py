"""The built add-on in a stand-in Splunk, set up as an administrator does it, with a tenant in a stand-in cloud."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integration.log import LogLine, read_log
from standins.microsoft import hosts, ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Secret
from standins.microsoft.proxy import ProxyAddress
from standins.microsoft.samples import siem_alert
from standins.microsoft.siem import SiemBehaviour
from standins.splunkd import Call, IndexedEvent, InputProcess, InputRun, KVStoreState, Splunkd

APP = "TA_defender_alerts"
KIND = "defender_siem_alerts"
COLLECTION = "ta_defender_alerts_checkpoints"
RESOURCE, OTHER_RESOURCE = hosts.SIEM_RESOURCES
LOGIN_HOST = "login.microsoftonline.com"
SIEM_HOST = "wdatp-alertexporter-eu.windows.com"
REGIONS = ("us", "eu", "uk")
BATCH = 1_000
"""The most that may come twice per region after an incident (design, rule 2)."""
BROAD, NARROW = "corp_all", "corp_eu"
"""Two inputs of one account: one for all regions, and one for the EU alone."""
CLIENT_SECRET = "nobody's~Secret/0123456789+=\"&%"
ACCOUNT_SECRETS = "conf-ta_defender_alerts_account"
"""What the stanzas that hold accounts' secrets have in their names, in passwords.conf."""
REFRESH_TOKENS = "__REFRESH_TOKENS__"
"""The same of those that hold the sign-ins of persons."""
DAY, MINUTE = 86_400 * ticks.PER_SECOND, 60 * ticks.PER_SECOND


def input_fields(name: str, **fields: str) -> dict[str, str]:
    """What the page sends for a new input."""
    return {
        "name": name,
        "account": "corp",
        "regions": ",".join(REGIONS),
        "index": "main",
        "interval": "300",
        "start_time": "-7d",
        "overlap": "600",
        "resource": RESOURCE,
        **fields,
    }


@dataclass
class Installation:
    """One Splunk with the add-on, one tenant with one application, one account."""

    splunkd: Splunkd
    cloud: MicrosoftCloud
    tenant_cloud: str = "commercial"
    secret: str = CLIENT_SECRET
    _read: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.tenant = self.cloud.entra.add_tenant(cloud=self.tenant_cloud)
        self.application = self.tenant.add_application(secret=self.secret)
        self._calls_before = 0
        self._applications = dict(self.tenant.applications)
        self._kept: set[tuple[str, str]] | None = None

    # What an administrator saves.

    def save_settings(self, tab: str, **fields: str) -> None:
        """Save a tab of the Configuration page."""
        self.splunkd.web.post(f"{APP}_settings/{tab}", fields)

    def save_way(
        self, address: ProxyAddress | None = None, *, user: str = "", password: str = "", ca_bundle: str | None = None
    ) -> None:
        """Save network and proxy: the CA as text and the HTTP proxy, unless told otherwise.

        In this order, since a proxy that speaks TLS itself is tried out with that CA.
        """
        self.save_network(self.cloud.ca_pem if ca_bundle is None else ca_bundle)
        self.save_proxy(address or self.cloud.proxy, user=user, password=password)

    def save_proxy(self, address: ProxyAddress, *, user: str = "", password: str = "") -> None:
        """Save the proxy tab."""
        self.save_settings(
            "proxy",
            proxy_enabled="1",
            proxy_type=address.scheme,
            proxy_url=address.host,
            proxy_port=str(address.port),
            proxy_username=user,
            proxy_password=password,
            proxy_rdns="1" if address.scheme == "socks5" else "0",
        )

    def save_network(self, ca_bundle: str) -> None:
        """Save the network tab; impatient, so that a test is."""
        self.save_settings("network", ca_bundle=ca_bundle, request_timeout="5")

    def account_fields(self, name: str = "corp", **fields: str) -> dict[str, str]:
        """What the page sends for a new account."""
        return {
            "name": name,
            "cloud": self.tenant.cloud,
            "tenant_id": self.tenant.guid,
            "client_id": self.application.client_id,
            "client_secret": self.secret,
            **fields,
        }

    def save_account(self, name: str = "corp", **fields: str) -> dict[str, Any]:
        """Add an account, as the page does it."""
        return self.splunkd.web.post(f"{APP}_account", self.account_fields(name, **fields))

    def edit_account(self, name: str = "corp", **fields: str) -> dict[str, Any]:
        """Edit an account, as the page does it: the secret is masked unless a new one is typed."""
        known = {key: value for key, value in self.account_fields(name).items() if key not in {"name", "client_secret"}}
        return self.splunkd.web.post(f"{APP}_account/{name}", {**known, "client_secret": "******", **fields})

    def save_input(self, name: str, **fields: str) -> dict[str, Any]:
        """Add an input, as the page does it."""
        return self.splunkd.web.post(f"{APP}_{KIND}", input_fields(name, **fields))

    def save_current_input(self, kind: str, name: str, **fields: str) -> dict[str, Any]:
        """Add an input of one of today's APIs, as the page does it."""
        usual = {name: value for name, value in input_fields(name).items() if name not in {"regions", "resource"}}
        return self.splunkd.web.post(f"{APP}_{kind}", {**usual, **fields})

    def write_input(self, name: str, **fields: str) -> None:
        """Write an input into inputs.conf by hand, past every check."""
        settings = input_fields(name, **fields)
        del settings["name"]
        self.splunkd.conf.write("inputs", APP, f"{KIND}://{name}", settings)

    def write_secret(self, account: str) -> None:
        """Write an account's secret as UCC's library has always stored it: in parts, the last of which is an end mark."""
        realm, separator = f"__REST_CREDENTIAL__#{APP}#configs/{ACCOUNT_SECRETS}", "``splunk_cred_sep``"
        end = f"{separator}{separator.join('SPLUNK')}{separator}"
        for number, text in enumerate((json.dumps({"client_secret": self.secret}), end), start=1):
            self.splunkd.passwords.create(APP, realm, f"{account}{separator}{number}", text)

    def stored(self, conf: str) -> str:
        """The text of one of the add-on's local conf files; empty where there is none."""
        path = self.splunkd.home / "etc" / "apps" / APP / "local" / f"{conf}.conf"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    # What the cloud holds.

    def publish(self, region: str, alerts: Iterable[bytes], *, visible_from: int | None = None) -> None:
        """Let a region show these alerts of the tenant."""
        self.cloud.siem(region).add_all(self.tenant, alerts, visible_from=visible_from)

    def alerts(self, count: int, *, first: int = 0, step: int = 1, ago: int = DAY) -> list[bytes]:
        """So many alerts, the first of them `ago` ticks before now, the others `step` ticks later each."""
        start = self.cloud.clock.now() - ago
        return [siem_alert(first + number, start + number * step) for number in range(count)]

    # What splunkd does.

    def start(
        self,
        name: str = BROAD,
        *,
        kind: str = KIND,
        env: Mapping[str, str] | None = None,
        on_event: Callable[[IndexedEvent], None] | None = None,
    ) -> InputProcess:
        """Start an input; `env` is what splunk-launch.conf adds."""
        self.log(name, kind=kind)
        return self.splunkd.start_input(kind, name, env=env, on_event=on_event)

    def run(self, name: str = BROAD, *, kind: str = KIND, env: Mapping[str, str] | None = None) -> InputRun:
        """Run an input to its end."""
        return self.start(name, kind=kind, env=env).wait(60)

    def log(self, name: str = BROAD, *, kind: str = KIND) -> list[LogLine]:
        """What an input has logged since it was last asked for, or started."""
        file = f"ta_defender_alerts_{kind}_{name}.log"
        text = self.splunkd.logs().get(file, "")
        new = text[self._read[file] :]
        self._read[file] = len(text)
        return read_log(new)

    def checkpoints(self) -> list[dict[str, Any]]:
        """The documents of the collection of checkpoints, without last errors and notes of deleted inputs."""
        documents = self.splunkd.kvstore.documents(COLLECTION)
        return [document for document in documents if not document["_key"].endswith((":last_error", ":deleted"))]

    def calls_to_splunkd(self) -> list[Call]:
        """What splunkd was asked since the last reset."""
        return self.splunkd.journal[self._calls_before :]

    # Between two tests.

    def reset(self) -> None:
        """Take back everything that a test may have done, except to settings and to what `keep` keeps."""
        cloud, kvstore = self.cloud, self.splunkd.kvstore
        cloud.clock.skew(0.0)
        cloud.faults.clear()
        for region in cloud.siem_regions:
            region.behaviour, region.retired, region.before_answer = SiemBehaviour(), None, None
            region.remove(self.tenant)
            for host in region.hosts:
                cloud.remember_host(host)
        for shelf in (cloud.endpoint("commercial"), *graph_shelves(cloud)):
            shelf.behaviour, shelf.before_answer = type(shelf.behaviour)(), None
            shelf.remove(self.tenant)
        cloud.journal.clear()
        self.tenant.is_deleted, self.tenant.cloud = False, self.tenant_cloud
        self.tenant.resources = set(hosts.resources(self.tenant_cloud))
        self.tenant.applications = dict(self._applications)
        self.application.secrets[:] = [Secret(self.secret, "0c7e4ad2-68f6-4f5c-a4a5-1c6a8f0c1f2e")]
        self.application.roles, self.application.disabled = {}, False
        self.application.delegated, self.application.redirect_uris = {}, set()
        self._calls_before = len(self.splunkd.journal)
        self.splunkd.faults.clear()
        kvstore.state, kvstore.read_only = KVStoreState.READY, False
        kvstore.remove(COLLECTION)
        if self._kept is not None:
            for name, stanza in self._accounts_and_inputs() - self._kept:
                self.splunkd.conf.remove(name, APP, stanza)

    def keep(self) -> None:
        """Let the accounts and inputs that there are now, and no others, be there after each reset."""
        self._kept = self._accounts_and_inputs()

    def _accounts_and_inputs(self) -> set[tuple[str, str]]:
        """The stanzas of accounts and inputs, and those that hold what is stored encrypted of accounts."""
        return {
            (name, stanza)
            for name, mark in (
                ("ta_defender_alerts_account", ""),
                ("inputs", ""),
                ("passwords", ACCOUNT_SECRETS),
                ("passwords", REFRESH_TOKENS),
            )
            for stanza in self.splunkd.conf.local(name, APP)
            if mark in stanza
        }


def graph_shelves(cloud: MicrosoftCloud) -> tuple[Any, ...]:
    """The collections of Microsoft Graph."""
    return cloud.graph("commercial").alerts, cloud.graph("commercial").incidents


def raws(run: InputRun, region: str) -> list[str]:
    """The texts of a region's events, in their order."""
    return [event.raw for event in run.events if event.source.split(":")[2] == region]


def texts(alerts: Iterable[bytes]) -> list[str]:
    """Alerts as text."""
    return [alert.decode("utf-8") for alert in alerts]


def repeated(texts_of_events: Iterable[str]) -> int:
    """How many events are repetitions of another one."""
    return sum(count - 1 for count in Counter(texts_of_events).values())


def is_whole(run: InputRun) -> bool:
    """Whether stdout was one closed stream, or nothing at all."""
    return run.stream_error is None and (run.stream_closed or run.stdout_bytes == 0)


def set_up(
    installation: Installation, *, regions: str = ",".join(REGIONS), user: str = "", password: str = ""
) -> Installation:
    """Save what most tests want: the way to the cloud, DEBUG, an account and two inputs, one of a single region."""
    if user:
        installation.cloud.proxy_credentials = (user, password)
    installation.save_way(user=user, password=password)
    installation.save_settings("logging", loglevel="DEBUG")
    installation.save_account()
    installation.save_input(BROAD, regions=regions)
    installation.save_input(NARROW, regions="eu" if "eu" in regions else regions)
    return installation


Install = Callable[..., Installation]
"""Installs the add-on in a Splunk of its own, with a cloud of its own and nothing set up: see conftest.py."""
