"""Saving accounts: what would not work is refused with a sentence, and what is saved is what was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from defender_alerts.splunk.rest_client import Splunkd
from defender_alerts.splunk.stored_settings import account_secrets, load_account
from integration.installation import APP, KIND, LOGIN_HOST, RESOURCE, Installation
from integration.saving import ACCOUNTS, GRAPH, PASSWORDS, refusal_of, row, warned
from standins.key_pairs import KeyPair, rsa_key
from standins.microsoft.faults import captive_portal
from standins.sources import ROLES

AUDIENCES = 4
"""Graph's, Defender for Endpoint's and the two of the SIEM API: each is asked for a token, side by side."""


def test_an_account_that_works_is_saved_with_its_secret_encrypted(fresh: Installation) -> None:
    fresh.application.roles = ROLES
    fresh.save_account("works")
    assert [call.host for call in fresh.cloud.journal] == [LOGIN_HOST] * AUDIENCES
    assert "[works]" in fresh.stored(ACCOUNTS)
    assert fresh.splunkd.leaks_of(fresh.secret) == []


SECRET_ID = "0c7e4ad2-68f6-4f5c-a4a5-1c6a8f0c1f2e"


@pytest.mark.parametrize(
    ("fields", "words", "calls"),
    [
        ({"client_secret": "another one"}, "AADSTS7000215", AUDIENCES),
        ({"client_secret": SECRET_ID}, "the secret's ID", 0),
        ({"client_secret": f" {SECRET_ID.upper()}\n"}, "the secret's ID", 0),
        ({"client_secret": SECRET_ID, "skip_check": "1"}, "the secret's ID", 0),
        # One of them asks whose domain it is.
        ({"tenant_id": "fabrikam.onmicrosoft.com"}, "AADSTS90002", AUDIENCES + 1),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, "AADSTS700016", AUDIENCES),
        ({"cloud": "dod"}, "AADSTS90002", AUDIENCES),
    ],
)
def test_an_account_that_would_not_work_is_refused_with_the_sentence_and_not_stored(
    fresh: Installation, fields: dict[str, str], words: str, calls: int
) -> None:
    before = (fresh.stored(ACCOUNTS), fresh.stored(PASSWORDS))
    assert words in refusal_of(lambda: fresh.save_account("refused", **fields))
    assert (fresh.stored(ACCOUNTS), fresh.stored(PASSWORDS)) == before
    assert len(fresh.cloud.journal) == calls


def test_an_account_is_refused_where_Entra_ID_can_not_be_reached_and_the_sentence_says_so(fresh: Installation) -> None:
    fresh.cloud.faults.add(LOGIN_HOST, captive_portal(), times=None)
    assert "Look for a proxy, portal or filter" in refusal_of(lambda: fresh.save_account("portal"))
    assert "[portal]" not in fresh.stored(ACCOUNTS)


def test_a_tenant_that_knows_only_the_other_resource_is_no_obstacle(fresh: Installation) -> None:
    fresh.tenant.resources.discard(RESOURCE)
    fresh.save_account("other_resource")
    assert "[other_resource]" in fresh.stored(ACCOUNTS)


def test_blanks_and_what_can_not_be_seen_around_pasted_values_are_taken_away(fresh: Installation) -> None:
    fresh.save_account(
        "pasted",
        tenant_id=f" \u200b{fresh.tenant.guid}\ufeff ",
        client_id=f"\ufeff{fresh.application.client_id}\u2060\n",
        client_secret=f" \u200b{fresh.secret[:5]}\u200b{fresh.secret[5:]}\u00a0\n",
    )
    stored = fresh.splunkd.conf.of_app(ACCOUNTS, APP)["pasted"]
    assert (stored["tenant_id"], stored["client_id"]) == (fresh.tenant.guid, fresh.application.client_id)
    account = load_account(Splunkd(fresh.splunkd.server_uri, fresh.splunkd.session_key()), "pasted")
    assert account.client_secret == fresh.secret
    fresh.save_input("of_pasted", account="pasted", regions="eu")
    assert fresh.run("of_pasted").status == 0


def test_skip_check_saves_an_account_unseen_and_is_itself_never_stored(fresh: Installation) -> None:
    fresh.save_account("unseen", client_secret="not yet in force", skip_check="1")
    assert len(fresh.cloud.journal) == 0
    assert "[unseen]" in fresh.stored(ACCOUNTS)
    assert "skip_check" not in fresh.stored(ACCOUNTS)
    assert row(fresh, "unseen")["feeds"] == "Not checked yet."
    fresh.application.roles = ROLES
    fresh.save_account("seen", skip_check="0")
    assert len(fresh.cloud.journal) == AUDIENCES
    assert "skip_check" not in fresh.stored(ACCOUNTS)


def test_editing_an_account_without_a_new_secret_keeps_the_stored_one(fresh: Installation) -> None:
    fresh.application.roles = ROLES
    fresh.save_account("edited")
    fresh.save_input("of_edited", account="edited", regions="eu")
    fresh.cloud.journal.clear()
    fresh.edit_account("edited", secret_expires="2099-12-31")
    # What the connection depends on is as it was, and was found good: nothing to check.
    assert len(fresh.cloud.journal) == 0
    assert "secret_expires = 2099-12-31" in fresh.stored(ACCOUNTS)
    assert fresh.run("of_edited").status == 0
    fresh.edit_account("edited", tenant_id=fresh.tenant.domain)
    assert f"tenant_id = {fresh.tenant.domain}" in fresh.stored(ACCOUNTS)
    assert fresh.run("of_edited").status == 0


def test_the_tenant_of_a_domain_is_asked_for_when_the_account_is_saved_and_by_no_poll(fresh: Installation) -> None:
    fresh.save_account("named", tenant_id=fresh.tenant.domain)
    assert f"tenant_of_domain = {fresh.tenant.domain} {fresh.tenant.guid}" in fresh.stored(ACCOUNTS)
    fresh.save_input("of_named", account="named", regions="eu")
    fresh.cloud.journal.clear()
    assert fresh.run("of_named").status == 0
    assert not [call for call in fresh.cloud.journal if "openid-configuration" in call.path]


def test_an_edit_that_would_not_work_is_refused_and_changes_nothing(fresh: Installation) -> None:
    fresh.save_account("kept")
    before = (fresh.stored(ACCOUNTS), fresh.stored(PASSWORDS))
    assert "AADSTS7000215" in refusal_of(lambda: fresh.edit_account("kept", client_secret="another one"))
    assert "AADSTS700016" in refusal_of(
        lambda: fresh.edit_account("kept", client_id="11111111-2222-3333-4444-555555555555")
    )
    assert (fresh.stored(ACCOUNTS), fresh.stored(PASSWORDS)) == before


def test_a_new_secret_replaces_the_stored_one(fresh: Installation) -> None:
    fresh.save_account("rotated")
    fresh.save_input("of_rotated", account="rotated", regions="eu")
    fresh.application.secrets.clear()
    fresh.application.add_secret("the next one")
    assert fresh.run("of_rotated").status == 2
    fresh.edit_account("rotated", client_secret="the next one")
    assert fresh.run("of_rotated").status == 0


def test_a_secret_too_long_for_one_password_of_the_store_is_kept_whole(fresh: Installation) -> None:
    long = "".join(f"{number}~Ü" for number in range(200))
    fresh.application.add_secret(long)
    fresh.save_account("long", client_secret=long)
    fresh.save_input("of_long", account="long", regions="eu")
    fresh.save_account("short")
    assert fresh.run("of_long").status == 0


def test_an_account_is_never_shown_with_its_secret(fresh: Installation) -> None:
    fresh.save_account("shown")
    assert fresh.secret not in str(fresh.splunkd.web.get(f"{APP}_account/shown", **{"--cred--": "1"}))
    assert fresh.secret not in str(fresh.splunkd.web.get(f"{APP}_account"))


def test_missing_permissions_come_with_the_answer_and_stand_in_the_table_until_a_later_save_finds_them(
    fresh: Installation,
) -> None:
    fresh.application.roles = {GRAPH: ("SecurityAlert.Read.All",)}
    answer = fresh.save_account("lacking")
    told = " ".join(warned(answer))
    assert "can't feed Defender incidents (Microsoft Graph)" in told
    assert "Microsoft Graph SecurityIncident.Read.All" in told
    assert "WindowsDefenderATP Alert.Read.All" in told
    feeds = answer["entry"][0]["content"]["feeds"]
    assert feeds.startswith("Can feed Defender alerts (Microsoft Graph). Missing permission for Defender incidents")
    assert row(fresh, "lacking")["feeds"] == feeds
    # As the page does it when somebody opens the account and presses Update.
    fresh.application.roles = ROLES
    answer = fresh.edit_account("lacking")
    assert warned(answer) == []
    assert "Missing" not in row(fresh, "lacking")["feeds"]
    fresh.cloud.journal.clear()
    fresh.edit_account("lacking")
    assert len(fresh.cloud.journal) == 0


def test_a_check_that_was_skipped_does_not_leave_the_findings_of_another_connection(fresh: Installation) -> None:
    fresh.save_account("moved")
    assert "Can feed" in row(fresh, "moved")["feeds"]
    fresh.edit_account("moved", skip_check="1", secret_expires="2099-12-31")
    assert "Can feed" in row(fresh, "moved")["feeds"]
    fresh.edit_account("moved", skip_check="1", tenant_id="fabrikam.onmicrosoft.com")
    assert row(fresh, "moved")["feeds"] == "Not checked yet."


def test_what_the_check_found_can_not_be_written_from_outside(fresh: Installation) -> None:
    assert "last_check" in refusal_of(lambda: fresh.save_account("forged", last_check="{}"))


def certificate_fields(pair: KeyPair, **fields: str) -> dict[str, str]:
    """What the page sends of a certificate: the fields it hides come empty."""
    return {
        "auth_type": "certificate",
        "certificate": pair.pem,
        "private_key": pair.key_pem,
        "client_secret": "",
        "secret_expires": "",
        **fields,
    }


def test_a_long_key_and_a_chain_survive_the_store_whole_and_sign_in(fresh: Installation) -> None:
    pair = KeyPair(rsa_key(4096), name="own")
    issuers = "".join(KeyPair(rsa_key(2048, number), name=f"issuer {number}").pem for number in (1, 2))
    fresh.application.secrets.clear()
    fresh.application.add_certificate(pair.pem)
    fields = certificate_fields(pair, certificate=issuers + pair.pem)
    # As a browser on Windows may paste it.
    fields = {name: text.replace("\n", "\r\n") for name, text in fields.items()}
    fresh.save_account("certified", **fields)
    session_key = fresh.splunkd.session_key()
    account = load_account(Splunkd(fresh.splunkd.server_uri, session_key), "certified")
    assert account.auth_type == "certificate"
    assert account.pair is not None
    assert account.pair.key_pem.split() == pair.key_pem.split()
    assert account.pair.certificate.encoded == pair.der
    assert fresh.splunkd.leaks_of(max(pair.key_lines(), key=len)) == []
    assert row(fresh, "certified")["private_key"] == "******"
    # Of the chain, the one that belongs to the key.
    assert row(fresh, "certified")["certificate"].split() == pair.pem.split()
    assert row(fresh, "certified")["expires"] == pair.not_after.date().isoformat()
    fresh.save_input("of_certified", account="certified", regions="eu")
    assert fresh.run("of_certified").status == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            lambda pair: {"private_key": pair.encrypted_key_pem()},
            "openssl pkcs8 -topk8 -nocrypt -in encrypted.pem -out key.pem",
        ),
        (lambda _: {"private_key": ""}, "There is no private key"),
        (lambda _: {"private_key": "******"}, "There is no private key"),
        (lambda _: {"certificate": ""}, "There is no certificate"),
        (lambda _: {"private_key": KeyPair(rsa_key(2048, 7)).key_pem}, "do not belong together"),
        (lambda _: {}, "Entra ID does not know the certificate"),
    ],
)
def test_a_certificate_that_would_not_work_is_refused_and_not_stored(
    fresh: Installation, changes: Callable[[KeyPair], dict[str, str]], words: str
) -> None:
    """Entra ID is asked only where it has to be."""
    pair = KeyPair()
    before = (fresh.stored(ACCOUNTS), fresh.stored(PASSWORDS))
    fields = certificate_fields(pair, **changes(pair))
    assert words in refusal_of(lambda: fresh.save_account("wrong", **fields))
    assert (fresh.stored(ACCOUNTS), fresh.stored(PASSWORDS)) == before
    assert bool(len(fresh.cloud.journal)) is ("Entra ID" in words)


@pytest.mark.parametrize("skip_check", ["0", "1"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"client_secret": ""}, "The account bare has no client secret."),
        ({"client_secret": "******"}, "The account bare has no client secret."),
        ({"auth_type": "certificate"}, "There is no certificate."),
        ({"auth_type": "password"}, "auth_type"),
    ],
    ids=["empty", "masked", "of the other type", "of no type"],
)
def test_a_credential_of_the_chosen_type_is_required_with_and_without_a_check(
    fresh: Installation, fields: dict[str, str], words: str, skip_check: str
) -> None:
    assert words in refusal_of(lambda: fresh.save_account("bare", skip_check=skip_check, **fields))
    assert "[bare]" not in fresh.stored(ACCOUNTS)


def test_changing_the_type_of_credential_forgets_the_other_one(fresh: Installation) -> None:
    pair = KeyPair()
    fresh.application.add_certificate(pair.pem)
    fresh.save_account("changing", secret_expires="2099-12-31")
    assert "There is no private key" in refusal_of(
        lambda: fresh.edit_account("changing", **certificate_fields(pair, private_key=""))
    )
    fresh.edit_account("changing", **certificate_fields(pair))
    splunkd = Splunkd(fresh.splunkd.server_uri, fresh.splunkd.session_key())
    assert set(account_secrets(splunkd, "changing", "certificate")) == {"private_key"}
    assert not fresh.splunkd.conf.of_app(ACCOUNTS, APP)["changing"]["secret_expires"]
    # An edit that sends neither key nor certificate keeps both.
    fresh.splunkd.web.post(f"{APP}_account/changing", {"tenant_id": fresh.tenant.domain})
    kept = load_account(splunkd, "changing").pair
    assert kept is not None
    assert kept.key_pem.split() == pair.key_pem.split()
    fresh.edit_account("changing", auth_type="client_secret", client_secret=fresh.secret)
    assert set(account_secrets(splunkd, "changing", "client_secret")) == {"client_secret"}
    assert not fresh.splunkd.conf.of_app(ACCOUNTS, APP)["changing"]["certificate"]


def test_an_account_saved_before_there_were_certificates_is_one_with_a_secret(fresh: Installation) -> None:
    fresh.save_account("old")
    stored = fresh.splunkd.conf.of_app(ACCOUNTS, APP)["old"]
    fresh.splunkd.conf.remove(ACCOUNTS, APP, "old")
    kept = {name: text for name, text in stored.items() if name not in {"auth_type", "last_check"}}
    fresh.splunkd.conf.write(ACCOUNTS, APP, "old", kept)
    assert row(fresh, "old")["auth_type"] == "client_secret"
    fresh.save_input("of_old", account="old", regions="eu")
    assert fresh.run("of_old").status == 0


def test_an_account_that_an_input_uses_can_not_be_deleted(fresh: Installation) -> None:
    fresh.save_account("used")
    fresh.save_input("user_of_it", account="used")
    message = refusal_of(lambda: fresh.splunkd.web.delete(f"{APP}_account/used"))
    assert "The account used is used by the inputs user_of_it." in message
    assert "[used]" in fresh.stored(ACCOUNTS)
    fresh.splunkd.web.delete(f"{APP}_{KIND}/user_of_it")
    fresh.splunkd.web.delete(f"{APP}_account/used")
    assert "[used]" not in fresh.stored(ACCOUNTS)
