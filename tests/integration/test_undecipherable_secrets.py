"""passwords.conf from another host: what is stored there can't be decrypted here, which is said, and can be mended."""

from __future__ import annotations

import pytest
from integration.installation import APP, CLIENT_SECRET, KIND, NARROW, Install, Installation, set_up
from integration.log import errors
from integration.saving import refusal_of, row
from standins.key_pairs import KeyPair

SHAPES = ("missing", "empty", "encrypted", "garbage")
"""What splunkd has been seen to say of it: see the stand-in."""
USER, PASSWORD = "splunk", "proxy p@ssword"
PAIR = KeyPair()
CERTIFIED = {"auth_type": "certificate", "certificate": PAIR.pem, "private_key": PAIR.key_pem, "client_secret": ""}


@pytest.fixture(scope="module")
def moved(install: Install) -> Installation:
    """Give an installation with an account of each type and a proxy with a login."""
    installation = set_up(install(), regions="eu", user=USER, password=PASSWORD)
    installation.application.add_certificate(PAIR.pem)
    installation.save_account("certified", **CERTIFIED)
    installation.save_input("of_certified", account="certified", regions="eu")
    return installation


def _said(installation: Installation, name: str) -> str:
    run = installation.run(name)
    assert (run.status, run.stdout_bytes) == (2, 0)
    [error] = errors(installation.log(name))
    assert error.category == "Configuration Error"
    return error.text


@pytest.mark.parametrize("shape", SHAPES)
def test_each_is_said_by_its_own_name_and_mended_where_the_sentence_leads(moved: Installation, shape: str) -> None:
    moved.splunkd.passwords.change_secret(shape)

    assert "Splunk can't decrypt the password of the proxy" in _said(moved, NARROW)
    assert "Enter it again under Configuration > Proxy." in refusal_of(
        lambda: moved.save_proxy(moved.cloud.proxy, user=USER, password="******")
    )
    moved.save_proxy(moved.cloud.proxy, user=USER, password=PASSWORD)

    stored = moved.stored("passwords")
    for name, of, called in (("corp", NARROW, "client secret"), ("certified", "of_certified", "private key")):
        assert row(moved, name)["feeds"] == f"Splunk can't decrypt its {called}. Edit the account and paste it again."
        # What the form shows of one account is asked for by itself.
        [one] = moved.splunkd.web.get(f"{APP}_account/{name}")["entry"]
        assert one["content"]["tenant_id"] == moved.tenant.guid
        sentence = f"Splunk can't decrypt the {called} of the account {name}"
        assert sentence in _said(moved, of)
    # To look does no harm: with the old splunk.secret, all would be well again.
    assert moved.stored("passwords") == stored
    assert "Splunk can't decrypt the client secret of the account corp" in refusal_of(moved.edit_account)

    moved.edit_account(client_secret=CLIENT_SECRET)
    moved.splunkd.web.post(f"{APP}_account/certified", CERTIFIED)
    for name, of in (("corp", NARROW), ("certified", "of_certified")):
        assert row(moved, name)["feeds"].startswith("Can feed")
        assert moved.run(of).status == 0


def test_a_secret_of_which_nothing_is_stored_is_missing_also_after_a_look_at_the_page(moved: Installation) -> None:
    for stanza in list(moved.splunkd.conf.local("passwords", APP)):
        if "conf-ta_defender_alerts_account" in stanza:
            moved.splunkd.conf.remove("passwords", APP, stanza)
    for _ in range(2):
        assert "The account corp has no client secret." in _said(moved, NARROW)
        assert row(moved, "corp")["tenant_id"] == moved.tenant.guid
    moved.edit_account(client_secret=CLIENT_SECRET)
    assert moved.run(NARROW).status == 0


def test_such_an_account_can_be_removed_and_others_added(moved: Installation) -> None:
    moved.splunkd.passwords.change_secret("encrypted")
    moved.save_proxy(moved.cloud.proxy, user=USER, password=PASSWORD)
    moved.save_account("another")
    moved.splunkd.web.delete(f"{APP}_{KIND}/of_certified")
    moved.splunkd.web.delete(f"{APP}_account/certified")
    names = [entry["name"] for entry in moved.splunkd.web.get(f"{APP}_account", count="-1")["entry"]]
    assert sorted(names) == ["another", "corp"]
    assert row(moved, "another")["feeds"].startswith("Can feed")
