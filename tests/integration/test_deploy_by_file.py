"""docs/operate.md, "Deploy by files and REST", done to the letter: files are written, the secret is posted by curl."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.installation import APP, LOGIN_HOST, MINUTE, Installation
from standins.microsoft.graph_samples import graph_alert

from tooling import paths

SECTION = re.compile(r"^## Deploy by files and REST$(.*?)^## ", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GRAPH = "defender_graph_alerts"
ROLES: dict[str, tuple[str, ...]] = {"https://graph.microsoft.com": ("SecurityAlert.Read.All",)}


def fenced(language: str) -> list[str]:
    """Give the blocks of the section in a language."""
    section = SECTION.search((paths.ROOT / "docs" / "operate.md").read_text(encoding="utf-8"))
    assert section
    return [text for found, text in FENCED.findall(section[1]) if found == language]


def files() -> dict[str, str]:
    """Give the files by their names, which the first line of each says."""
    return {text.partition("\n")[0].removeprefix("# "): text for text in fenced("ini")}


def deploy(installation: Installation) -> None:
    """Write the files, with this tenant and this way to it in place of the examples."""
    ca_pem = installation.splunkd.home / "corporate-ca.pem"
    ca_pem.write_text(installation.cloud.ca_pem, encoding="utf-8")
    ours = {
        "proxy.example.com": installation.cloud.proxy.host,
        "3128": str(installation.cloud.proxy.port),
        "/etc/ssl/certs/corporate-ca.pem": str(ca_pem),
        "00000000-0000-0000-0000-000000000000": installation.tenant.guid,
        "11111111-1111-1111-1111-111111111111": installation.application.client_id,
    }
    for name, text in files().items():
        for example, value in ours.items():
            text = text.replace(example, value)  # noqa: PLW2901 - one after the other
        folder = installation.splunkd.home / "etc" / "apps" / APP / "local"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def run(command: str, installation: Installation, secret: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the document as an administrator at the instance."""
    environment = {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        "SPLUNK": installation.splunkd.server_uri,
        "TOKEN": installation.splunkd.session_key(),
        "SECRET_FILE": str(secret),
    }
    return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def deployed(fresh: Installation) -> Iterator[Installation]:
    """Give an installation in which nothing is set up but by files."""
    fresh.application.roles = ROLES
    deploy(fresh)
    yield fresh
    # The tests after this one share the installation, and its way to the cloud.
    fresh.reset()
    fresh.save_way()


def test_files_and_one_posted_secret_make_an_input_that_collects(deployed: Installation, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    post, look = fenced("sh")
    now = deployed.cloud.clock.now()
    deployed.cloud.graph("commercial").alerts.put(deployed.tenant, graph_alert(1, now - 20 * MINUTE))

    without = deployed.run("corp", kind=GRAPH)
    assert (without.status, without.events) == (2, [])
    assert "The account corp has no client secret." in "\n".join(without.stderr)

    secret.write_text("wrong\n", encoding="utf-8")
    refused = run(post, deployed, secret)
    assert refused.returncode == 22
    assert "AADSTS7000215" in refused.stdout
    assert LOGIN_HOST in {call.host for call in deployed.cloud.journal}

    secret.write_text(f"{deployed.secret}\n", encoding="utf-8")
    posted = run(post, deployed, secret)
    assert posted.returncode == 0, posted.stdout + posted.stderr
    shown = run(look, deployed, secret)
    content = json.loads(shown.stdout)["entry"][0]["content"]
    assert content["feeds"].startswith("Can feed Defender alerts (Microsoft Graph)")
    assert content["client_secret"] == "******"
    assert deployed.splunkd.leaks_of(deployed.secret) == []

    collected = deployed.run("corp", kind=GRAPH)
    assert collected.status == 0, collected.stderr
    assert len(collected.events) == 1
    (done,) = (line for line in deployed.log("corp", kind=GRAPH) if line.fields.get("action") == "run_done")
    assert done.fields["outcome"] == "done"


def test_what_is_deployed_as_files_has_no_secret_in_it() -> None:
    assert list(files()) == ["ta_defender_alerts_settings.conf", "ta_defender_alerts_account.conf", "inputs.conf"]
    secrets = re.compile(r"^(client_secret|private_key|\w*password)\b", re.MULTILINE)
    assert [name for name, text in files().items() if secrets.search(text)] == []
