"""Saving accounts and inputs: what would not work is refused with a sentence, and what is saved is what was meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from integration.installation import (
    APP,
    COLLECTION,
    KIND,
    LOGIN_HOST,
    OTHER_RESOURCE,
    REGIONS,
    RESOURCE,
    Installation,
    texts,
)
from integration.log import errors
from standins.microsoft.faults import captive_portal
from standins.splunkd import KVStoreState, WebError

_ACCOUNTS, _PASSWORDS = "ta_defender_alerts_account", "passwords"


def _refused(save: Callable[[], object]) -> str:
    """What the page shows. splunkd makes a 500 of whatever a handler refuses, with the handler's words in it."""
    with pytest.raises(WebError) as refused:
        save()
    return refused.value.message


def test_an_account_that_works_is_saved_with_its_secret_encrypted(fresh: Installation) -> None:
    fresh.save_account("works")
    assert [call.host for call in fresh.cloud.journal] == [LOGIN_HOST]
    assert "[works]" in fresh.stored(_ACCOUNTS)
    assert fresh.splunkd.places_of(fresh.secret) == []


@dataclass(frozen=True)
class Refused:
    """An account that the page refuses, and what it shows."""

    name: str
    fields: dict[str, str]
    words: tuple[str, ...]
    calls: int = 1


@pytest.mark.parametrize(
    "refused",
    [
        Refused(
            "wrong_secret",
            {"client_secret": "another one"},
            ("The client secret of the account wrong_secret is wrong. Paste the secret's value", "AADSTS7000215"),
        ),
        Refused(
            "secret_id",
            {"client_secret": "0c7e4ad2-68f6-4f5c-a4a5-1c6a8f0c1f2e"},
            ("The client secret looks like the secret's ID. Paste the secret's Value",),
            calls=0,
        ),
        Refused(
            "unknown_tenant",
            {"tenant_id": "fabrikam.onmicrosoft.com"},
            ("The tenant of the account unknown_tenant does not exist in its cloud.", "AADSTS90002"),
        ),
        Refused(
            "unknown_application",
            {"client_id": "11111111-2222-3333-4444-555555555555"},
            ("The application id of the account unknown_application is unknown in its tenant.", "AADSTS700016"),
        ),
        Refused(
            "wrong_cloud",
            {"cloud": "dod"},
            ("The tenant of the account wrong_cloud does not exist in its cloud.", "Check its cloud as well."),
        ),
    ],
    ids=lambda refused: refused.name,
)
def test_an_account_that_would_not_work_is_refused_with_the_sentence_and_not_stored(
    fresh: Installation, refused: Refused
) -> None:
    before = (fresh.stored(_ACCOUNTS), fresh.stored(_PASSWORDS))
    message = _refused(lambda: fresh.save_account(refused.name, **refused.fields))
    assert [word for word in refused.words if word not in message] == []
    assert (fresh.stored(_ACCOUNTS), fresh.stored(_PASSWORDS)) == before
    assert len(fresh.cloud.journal) == refused.calls


def test_an_account_is_refused_where_Entra_ID_can_not_be_reached_and_the_sentence_says_so(fresh: Installation) -> None:
    fresh.cloud.faults.add(LOGIN_HOST, captive_portal())
    assert "Look for a proxy, portal or filter" in _refused(lambda: fresh.save_account("portal"))
    assert "[portal]" not in fresh.stored(_ACCOUNTS)


def test_a_tenant_that_knows_only_the_other_resource_is_no_obstacle(fresh: Installation) -> None:
    fresh.tenant.resources.discard(RESOURCE)
    fresh.save_account("other_resource")
    assert "[other_resource]" in fresh.stored(_ACCOUNTS)


def test_blanks_around_what_was_pasted_are_taken_away(fresh: Installation) -> None:
    fresh.save_account(
        "pasted",
        tenant_id=f" {fresh.tenant.guid} ",
        client_id=f"{fresh.application.client_id}\n",
        client_secret=f" {fresh.secret}\n",
    )
    fresh.save_input("of_pasted", account="pasted", regions="eu")
    assert fresh.run("of_pasted").status == 0


def test_skip_check_saves_an_account_unseen_and_is_itself_never_stored(fresh: Installation) -> None:
    fresh.save_account("unseen", client_secret="not yet in force", skip_check="1")
    assert len(fresh.cloud.journal) == 0
    assert "[unseen]" in fresh.stored(_ACCOUNTS)
    assert "skip_check" not in fresh.stored(_ACCOUNTS)
    fresh.save_account("seen", skip_check="0")
    assert len(fresh.cloud.journal) == 1
    assert "skip_check" not in fresh.stored(_ACCOUNTS)


def test_editing_an_account_without_a_new_secret_keeps_the_stored_one(fresh: Installation) -> None:
    fresh.save_account("edited")
    fresh.save_input("of_edited", account="edited", regions="eu")
    fresh.cloud.journal.clear()
    fresh.edit_account("edited", secret_expires="2099-12-31")
    # What the connection depends on is as it was: nothing to check.
    assert len(fresh.cloud.journal) == 0
    assert "secret_expires = 2099-12-31" in fresh.stored(_ACCOUNTS)
    assert fresh.run("of_edited").status == 0
    fresh.edit_account("edited", tenant_id=fresh.tenant.domain)
    assert f"tenant_id = {fresh.tenant.domain}" in fresh.stored(_ACCOUNTS)
    assert fresh.run("of_edited").status == 0


def test_an_edit_that_would_not_work_is_refused_and_changes_nothing(fresh: Installation) -> None:
    fresh.save_account("kept")
    before = (fresh.stored(_ACCOUNTS), fresh.stored(_PASSWORDS))
    message = _refused(lambda: fresh.edit_account("kept", client_secret="another one"))
    assert "The client secret of the account kept is wrong." in message
    assert "AADSTS700016" in _refused(
        lambda: fresh.edit_account("kept", client_id="11111111-2222-3333-4444-555555555555")
    )
    assert (fresh.stored(_ACCOUNTS), fresh.stored(_PASSWORDS)) == before


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


def test_an_input_is_checked_against_the_cloud_of_its_account(fresh: Installation) -> None:
    fresh.save_account("government", cloud="gcc_high", skip_check="1")
    message = _refused(lambda: fresh.save_input("abroad", account="government", regions="us,eu"))
    assert "The region 'eu' does not exist for this input in the cloud GCC High. Choose among: us." in message
    fresh.save_input("at_home", account="government", regions="us")
    assert "abroad" not in fresh.stored("inputs")
    assert f"[{KIND}://at_home]" in fresh.stored("inputs")


def test_an_input_of_an_account_that_does_not_exist_is_refused(fresh: Installation) -> None:
    message = _refused(lambda: fresh.save_input("orphan", account="nobody"))
    assert "The account nobody does not exist" in message
    assert "orphan" not in fresh.stored("inputs")


def test_an_account_that_an_input_uses_can_not_be_deleted(fresh: Installation) -> None:
    fresh.save_account("used")
    fresh.save_input("user_of_it", account="used")
    message = _refused(lambda: fresh.splunkd.web.delete(f"{APP}_account/used"))
    assert "The account used is used by the inputs user_of_it." in message
    assert "[used]" in fresh.stored(_ACCOUNTS)
    fresh.splunkd.web.delete(f"{APP}_{KIND}/user_of_it")
    fresh.splunkd.web.delete(f"{APP}_account/used")
    assert "[used]" not in fresh.stored(_ACCOUNTS)


def test_an_input_whose_account_is_gone_says_so(fresh: Installation) -> None:
    fresh.save_account("leaving")
    fresh.save_input("left", account="leaving")
    fresh.splunkd.conf.remove(_ACCOUNTS, APP, "leaving")
    run = fresh.run("left")
    [error] = errors(fresh.log("left"))
    assert (run.status, error.category) == (2, "Configuration Error")
    assert "The account leaving does not exist" in error.text


def test_an_input_changed_on_its_page_goes_on_from_its_place(fresh: Installation) -> None:
    fresh.save_account("steady")
    fresh.save_input("changed", account="steady", regions="eu")
    fresh.publish("eu", fresh.alerts(5))
    assert len(fresh.run("changed").events) == 5
    fresh.splunkd.web.post(f"{APP}_{KIND}/changed", {"resource": OTHER_RESOURCE, "overlap": "60", "start_time": "-30d"})
    run = fresh.run("changed")
    assert (run.status, run.events) == (0, [])


def test_deleting_an_input_deletes_its_places_and_no_others(fresh: Installation) -> None:
    fresh.save_account("owner")
    for name in ("short_lived", "short_lived_too"):
        fresh.save_input(name, account="owner")
        assert fresh.run(name).status == 0
    assert sorted({document["input"] for document in fresh.places()}) == ["short_lived", "short_lived_too"]
    fresh.splunkd.web.delete(f"{APP}_{KIND}/short_lived")
    assert [(document["input"], document["region"]) for document in fresh.places()] == [
        ("short_lived_too", region) for region in sorted(REGIONS)
    ]
    alerts = fresh.alerts(3)
    fresh.publish("eu", alerts)
    fresh.save_input("short_lived", account="owner")
    assert [event.raw for event in fresh.run("short_lived").events] == texts(alerts)


def test_an_input_can_be_deleted_while_the_KV_store_is_down(fresh: Installation) -> None:
    fresh.save_account("remaining")
    fresh.save_input("gone", account="remaining", regions="eu")
    fresh.splunkd.kvstore.state = KVStoreState.FAILED
    fresh.splunkd.web.delete(f"{APP}_{KIND}/gone")
    assert "[defender_siem_alerts://gone]" not in fresh.stored("inputs")


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a stanza that somebody wrote into inputs.conf by hand."""

    name: str
    fields: dict[str, str]
    sentence: str


@pytest.mark.parametrize(
    "mistake",
    [
        Mistake(
            "unknown_region",
            {"regions": "moon"},
            "The region 'moon' does not exist for this input in the cloud Commercial. Choose among: us, eu, uk.",
        ),
        Mistake("no_region", {"regions": " , "}, "The input no_region names no region. Correct the input no_region"),
        Mistake(
            "bad_start_time",
            {"start_time": "yesterday"},
            "The start time 'yesterday' is neither ISO 8601 in UTC (2026-01-31T00:00:00Z) nor relative (-7d, -12h).",
        ),
        Mistake("bad_overlap", {"overlap": "10m"}, "overlap is '10m' and should be a whole number from 0 to 86400."),
        Mistake("bad_resource", {"resource": "https://example.com"}, "The resource 'https://example.com' is neither"),
        Mistake("no_account", {"account": ""}, "The input no_account names no account."),
        Mistake("2nd-input", {}, "The input name '2nd-input' is not allowed: it begins with a letter"),
    ],
    ids=lambda mistake: mistake.name,
)
def test_a_mistake_in_a_handwritten_inputs_conf_is_said_in_a_sentence(
    installed: Installation, mistake: Mistake
) -> None:
    installed.publish("eu", installed.alerts(3))
    installed.write_input(mistake.name, **mistake.fields)
    run = installed.run(mistake.name)
    assert (run.status, run.stdout_bytes) == (2, 0)
    [error] = errors(installed.log(mistake.name))
    assert error.category == "Configuration Error"
    assert mistake.sentence in error.text
    [line] = run.stderr
    assert mistake.sentence in line
    assert installed.splunkd.kvstore.documents(COLLECTION) == []
