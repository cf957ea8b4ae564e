"""Certificates and TLS that are weaker than OpenSSL wants, on the OpenSSL of each of Splunk's Pythons."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.installation import NARROW, SIEM_HOST, Installation, texts
from standins.microsoft import faults
from standins.microsoft.certificates import Certificate

WEAK = {
    Certificate.WEAK_KEY: "(EE certificate key too weak)",
    Certificate.WEAK_AUTHORITY: "(CA certificate key too weak)",
    Certificate.WEAK_SIGNATURE: "(CA signature digest algorithm too weak)",
    Certificate.WEAK_KEY_EXCHANGE: "TLS that is too old or too weak ([SSL: DH_KEY_TOO_SMALL]",
}
# What Debian, Red Hat and others give their OpenSSL to read; the levels are those of SSL_CTX_set_security_level(3).
CONF = """openssl_conf = all
[all]
ssl_conf = ssl_sect
[ssl_sect]
system_default = here
[here]
CipherString = DEFAULT:@SECLEVEL={level}
"""


def run_at(installation: Installation, level: int, shown: Certificate, folder: Path) -> tuple[int, str, list[str]]:
    """Run an input whose host shows that, on a machine with that level: its status, what it says, and its events."""
    (folder / "openssl.cnf").write_text(CONF.format(level=level), encoding="ascii")
    installation.cloud.faults.clear()
    installation.cloud.faults.add(SIEM_HOST, faults.ShowCertificate(shown), times=None)
    run = installation.run(NARROW, env={"OPENSSL_CONF": str(folder / "openssl.cnf")})
    return run.status, " ".join(run.stderr), [event.raw for event in run.events]


@pytest.mark.parametrize("shown", WEAK, ids=lambda shown: shown.name)
def test_what_openssl_finds_too_weak_is_said_as_such_and_costs_no_alert(
    installed_on_each: Installation, shown: Certificate, tmp_path: Path
) -> None:
    alerts = installed_on_each.alerts(3)
    installed_on_each.publish("eu", alerts)
    status, said, events = run_at(installed_on_each, 2, shown, tmp_path)
    assert (status, events) == (1, [])
    assert WEAK[shown] in said
    assert "Configuration > Network" not in said
    # The proxy's owner has renewed it.
    status, said, events = run_at(installed_on_each, 2, Certificate.OWN, tmp_path)
    assert (status, said, events) == (0, "", texts(alerts))


def test_tls_before_1_2_is_said_as_such(installed_on_each: Installation, tmp_path: Path) -> None:
    status, said, _ = run_at(installed_on_each, 0, Certificate.OLD_TLS, tmp_path)
    assert status == 1
    assert "TLS that is too old or too weak (" in said
