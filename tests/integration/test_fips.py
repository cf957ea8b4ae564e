"""The built add-on on Pythons that block digests as those of hosts in FIPS mode do."""

from __future__ import annotations

import json

import pytest
from integration.installation import KIND, NARROW, Installation, texts
from integration.saving import row
from standins import fips
from standins.key_pairs import KeyPair, rsa_key


@pytest.mark.parametrize("way", fips.WAYS)
def test_whatever_digests_a_host_in_fips_mode_blocks_an_input_collects_once(
    installed_on_each: Installation, way: str
) -> None:
    launch = fips.environment(way, installed_on_each.splunkd.home)
    alerts = installed_on_each.alerts(3)
    installed_on_each.publish("eu", alerts)
    run = installed_on_each.run(NARROW, env=launch)
    assert (run.status, run.stderr) == (0, [])
    assert [event.raw for event in run.events] == texts(alerts)
    # What was delivered there is known on a host that blocks nothing.
    again = installed_on_each.run(NARROW)
    assert (again.status, again.events) == (0, [])


def test_an_account_with_a_certificate_is_checked_and_saved_there_with_either_form_of_assertion(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = fips.environment("disabled", installed.splunkd.home)
    for algorithms in ({"PS256", "RS256"}, {"RS256"}):
        monkeypatch.setattr(installed.cloud.entra, "assertion_algorithms", algorithms)
        pair = KeyPair(rsa_key(), name="own")
        installed.application.add_certificate(pair.pem)
        with installed.splunkd.launched_with(launch):
            installed.save_account(
                f"by_{len(algorithms)}",
                auth_type="certificate",
                certificate=pair.pem,
                private_key=pair.key_pem,
                client_secret="",
            )
        check = json.loads(row(installed, f"by_{len(algorithms)}")["last_check"])
        assert check["kinds"][KIND] == ["feeds", ""]
