"""An upgrade keeps settings and checkpoints: what version 0.1.0 left behind, and what today's version has just written.

Splunk unpacks the new tarball over the add-on's folder. Installing by hand (`tar -x`) leaves what the new version no
longer has; Splunk Web's "Upgrade app" leaves local/ and metadata/local.meta alone. Both are tried.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import struct
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import pytest
from integration.installation import (
    APP,
    BROAD,
    COLLECTION,
    DAY,
    KIND,
    MINUTE,
    Installation,
    is_whole,
    set_up,
    texts,
)
from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import Splunkd

OLD, NEW = "0.1.0", "99.0.0"
VERSIONED = ("default/app.conf", "app.manifest", "appserver/static/js/build/globalConfig.json")

# As 0.1.0 wrote them. They stay as they are: users' folders hold them.
INPUT_OF_0_1_0 = {
    "account": "corp",
    "regions": "eu",
    "index": "main",
    "interval": "300",
    "start_time": "-7d",
    "overlap": "600",
    "resource": "https://graph.windows.net",
}
CHECK_OF_0_1_0 = {
    "day": "2026-11-23",
    "kinds": {
        "defender_graph_alerts": ["missing permission", "Microsoft Graph SecurityAlert.Read.All"],
        "defender_incidents": ["missing permission", "Microsoft Graph SecurityIncident.Read.All"],
        "defender_endpoint_alerts": ["missing permission", "WindowsDefenderATP Alert.Read.All"],
        "defender_siem_alerts": ["feeds", ""],
    },
}


def place_of_0_1_0(installation: Installation, watermark: int, delivered: list[bytes]) -> dict[str, Any]:
    """A checkpoint as 0.1.0 left it after a run that ended at the watermark."""
    tenant = installation.tenant.guid
    packed = b""
    for alert in delivered:
        fields = json.loads(alert)
        time = ticks.parse(fields["LastProcessedTimeUtc"])
        identity = f"{fields['FullId']}|{fields['AlertPart']}"
        mark = hashlib.sha256(f"{time}:{identity}".encode()).digest()[:12]
        packed += struct.pack(">q12s", time, mark)
    return {
        "_key": f"{KIND}:{BROAD}:{tenant}:commercial:eu",
        "layout": 1,
        "kind": KIND,
        "input": BROAD,
        "tenant": tenant,
        "cloud": "commercial",
        "region": "eu",
        "watermark": ticks.text(watermark),
        "settled": ticks.text(watermark - 10 * MINUTE),
        "seen_from": ticks.text(watermark - 10 * MINUTE - ticks.PER_SECOND),
        "seen": base64.b64encode(packed).decode("ascii"),
        "generation": 0,
        "revision": 3,
        "writer": "a1b2c3d4e5f60718",
    }


def leave_state_of_0_1_0(installation: Installation) -> None:
    """Write what a Splunk holds in which 0.1.0 was set up: conf files, and credentials under this instance's key."""
    conf, proxy = installation.splunkd.conf, installation.cloud.proxy
    conf.write("inputs", APP, f"{KIND}://{BROAD}", INPUT_OF_0_1_0)
    account = {
        "cloud": "commercial",
        "tenant_id": installation.tenant.guid,
        "client_id": installation.application.client_id,
        "client_secret": "******",
        "auth_type": "client_secret",
        "last_check": json.dumps(CHECK_OF_0_1_0),
    }
    conf.write("ta_defender_alerts_account", APP, "corp", account)
    network = {"ca_bundle": installation.cloud.ca_pem.rstrip("\n"), "request_timeout": "5"}
    way = {
        "proxy_enabled": "1",
        "proxy_type": "http",
        "proxy_url": proxy.host,
        "proxy_port": str(proxy.port),
        "proxy_username": "",
        "proxy_password": "",
        "proxy_rdns": "0",
    }
    for stanza, settings in (("network", network), ("proxy", way), ("logging", {"loglevel": "DEBUG"})):
        conf.write("ta_defender_alerts_settings", APP, stanza, settings)
    installation.write_secret("corp")


Install = Callable[[Path, Path], None]
"""How a new version comes over an old one: its tarball, and the folder of apps."""


def unpack(tarball: Path, apps: Path) -> None:
    """Unpack a tarball over what is there."""
    with tarfile.open(tarball) as archive:
        archive.extractall(apps, filter="data")


def upgrade_app(tarball: Path, apps: Path) -> None:
    """Put the new version in the place of all but what is local."""
    app, old = apps / APP, apps / f"{APP}.old"
    app.rename(old)
    unpack(tarball, apps)
    for name in ("local", "metadata/local.meta"):
        if (old / name).exists():
            (old / name).rename(app / name)
    shutil.rmtree(old)


GONE = f"bin/defender_alerts/of_{OLD.replace('.', '_')}.py"
"""A file that the old version has, and the new one has not."""


@pytest.fixture(scope="module")
def old_app(built_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the add-on as an older version of itself, with a file that the newer one no longer has."""
    app = shutil.copytree(built_app, tmp_path_factory.mktemp("old") / APP)
    set_version(app, OLD)
    (app / GONE).write_text("raise AssertionError\n", encoding="utf-8")
    return app


@pytest.fixture(scope="module")
def new_tarball(built_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the tarball of the add-on as a newer version of itself."""
    folder = tmp_path_factory.mktemp("new")
    app = shutil.copytree(built_app, folder / APP, ignore=shutil.ignore_patterns("__pycache__"))
    set_version(app, NEW)
    with tarfile.open(folder / "new.tar.gz", "w:gz") as archive:
        archive.add(app, arcname=APP)
    return folder / "new.tar.gz"


def set_version(app: Path, version: str) -> None:
    for name in VERSIONED:
        text = (app / name).read_text(encoding="utf-8")
        pattern = r'(?m)(^version = |"version": ")\d+\.\d+\.\d+'
        changed, count = re.subn(pattern, rf"\g<1>{version}", text)
        assert count
        (app / name).write_text(changed, encoding="utf-8")


@dataclass
class Splunk:
    """A Splunk with the old version, which can be stopped, upgraded and started again."""

    installation: Installation
    stack: ExitStack
    home: Path
    python: Path
    tarball: Path

    def upgrade(self, install: Install) -> None:
        """Stop it, install the new version, start it; the KV store is on the disk of a real one and comes back."""
        checkpoints = self.installation.checkpoints()
        self.stack.close()
        apps = self.home / "etc" / "apps"
        install(self.tarball, apps)
        assert (apps / APP / GONE).exists() == (install is unpack)
        self.start(apps / APP)
        for checkpoint in checkpoints:
            self.installation.splunkd.kvstore.put(COLLECTION, checkpoint)

    def start(self, app: Path) -> None:
        """Start it with an add-on, which is installed unless one is."""
        self.installation.splunkd = self.stack.enter_context(Splunkd(self.home, app, self.python))

    def version(self) -> str:
        """The version that Splunk shows for the add-on."""
        return str(self.installation.splunkd.conf.of_app("app", APP)["launcher"]["version"])

    def pages(self) -> dict[str, Any]:
        """What the pages show of inputs, accounts and settings."""
        paths = [
            f"{APP}_{KIND}",
            f"{APP}_account",
            *(f"{APP}_settings/{tab}" for tab in ("proxy", "network", "logging")),
        ]
        return {path: contents(self.installation.splunkd.web.get(path)) for path in paths}

    def local(self) -> dict[str, bytes]:
        """The files that belong to the administrator."""
        local = self.home / "etc" / "apps" / APP / "local"
        return {path.name: path.read_bytes() for path in local.iterdir()}


def contents(answer: dict[str, Any]) -> dict[str, Any]:
    """What each entry says, whatever the time: how far an input is behind grows by the second."""
    return {
        entry["name"]: {
            name: re.sub(r".*Collecting, \d+ s behind", "Collecting", value) if name == "health" else value
            for name, value in entry["content"].items()
        }
        for entry in answer["entry"]
    }


@pytest.fixture
def splunk(old_app: Path, new_tarball: Path, splunk_pythons: dict[str, Path], tmp_path: Path) -> Iterator[Splunk]:
    """Give a Splunk with the old version, and nothing set up."""
    home, python = tmp_path / "splunk", splunk_pythons["3.9"]
    with MicrosoftCloud() as cloud, ExitStack() as stack:
        splunkd = stack.enter_context(Splunkd(home, old_app, python))
        yield Splunk(Installation(splunkd, cloud), stack, home, python, new_tarball)


@pytest.mark.parametrize("install", [unpack, upgrade_app])
def test_what_0_1_0_left_behind_goes_on_with_no_loss_and_no_repetition(splunk: Splunk, install: Install) -> None:
    installation = splunk.installation
    leave_state_of_0_1_0(installation)
    watermark = installation.cloud.clock.now() - 30 * MINUTE
    # A minute apart each: those before the watermark have been delivered, the last ten of them are remembered.
    alerts = installation.alerts(40, ago=50 * MINUTE, step=MINUTE)
    delivered = [alert for alert in alerts if version_time(alert) <= watermark]
    remembered = [alert for alert in delivered if version_time(alert) >= watermark - 10 * MINUTE]
    assert 5 < len(remembered) < len(delivered) < len(alerts)
    installation.splunkd.kvstore.put(COLLECTION, place_of_0_1_0(installation, watermark, remembered))
    # One that was delivered to nobody, since it became visible late, within the overlap.
    late = installation.alerts(1, first=90, ago=35 * MINUTE)
    installation.publish("eu", [*alerts, *late])
    local = splunk.local()

    splunk.upgrade(install)

    assert splunk.version() == NEW
    assert splunk.local() == local
    run = installation.run()
    assert is_whole(run)
    expected = [*alerts[len(delivered) :], *late]
    assert Counter(event.raw for event in run.events) == Counter(texts(expected))
    (checkpoint,) = (
        document for document in installation.checkpoints() if document.get("region") == "eu" and "seen" in document
    )
    assert checkpoint["watermark"] > ticks.text(watermark)
    assert installation.run().events == []


def version_time(alert: bytes) -> int:
    return int(ticks.parse(json.loads(alert)["LastProcessedTimeUtc"]))


def test_the_pages_show_what_0_1_0_saved(splunk: Splunk) -> None:
    installation = splunk.installation
    leave_state_of_0_1_0(installation)
    splunk.upgrade(unpack)
    pages = splunk.pages()
    shown = pages[f"{APP}_{KIND}"][BROAD]
    assert {name: shown[name] for name in INPUT_OF_0_1_0} == INPUT_OF_0_1_0
    account = pages[f"{APP}_account"]["corp"]
    assert account["tenant_id"] == installation.tenant.guid
    assert account["client_secret"] == "******"
    assert pages[f"{APP}_settings/proxy"]["proxy"]["proxy_port"] == str(installation.cloud.proxy.port)
    assert pages[f"{APP}_settings/network"]["network"]["request_timeout"] == "5"
    assert pages[f"{APP}_settings/logging"]["logging"]["loglevel"] == "DEBUG"
    # And they save: the account is checked with the secret that only the old version's credentials hold.
    installation.edit_account()


def test_what_todays_version_saved_and_collected_goes_on_after_an_upgrade(splunk: Splunk) -> None:
    installation = set_up(splunk.installation, regions="eu")
    first = installation.alerts(20, ago=DAY, step=MINUTE)
    installation.publish("eu", first)
    before_upgrade = texts_of_run(installation)
    local, pages = splunk.local(), splunk.pages()

    splunk.upgrade(upgrade_app)

    assert (splunk.version(), splunk.local()) == (NEW, local)
    assert splunk.pages() == pages
    second = installation.alerts(20, first=50, ago=5 * MINUTE, step=ticks.PER_SECOND)
    installation.publish("eu", second)
    assert Counter(before_upgrade) == Counter(texts(first))
    assert Counter(texts_of_run(installation)) == Counter(texts(second))


def texts_of_run(installation: Installation) -> list[str]:
    run = installation.run()
    assert is_whole(run)
    return [event.raw for event in run.events]
