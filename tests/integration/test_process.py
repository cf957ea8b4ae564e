"""How a poll's process begins, keeps to one connection, and ends: what docs/performance.md says it saves."""

from __future__ import annotations

import re

import pytest
from integration.installation import Installation

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


def test_a_poll_leaves_nothing_on_standard_error(installed_on_each: Installation) -> None:
    with installed_on_each.splunkd.starting_anew():
        assert installed_on_each.run().stderr == []


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
