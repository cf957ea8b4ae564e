"""Signing in as a person: the endpoint of the pages, what it stores and answers, and what inputs do with it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from defender_alerts.microsoft.user_sign_in import UnusableAddressError
from defender_alerts.splunk.log import Redaction
from defender_alerts.splunk.pages.sign_in import SignIn
from defender_alerts.splunk.refresh_tokens import StoredRefreshTokens
from defender_alerts.splunk.rest_client import Splunkd as Client
from integration.installation import APP, LOGIN_HOST, Installation
from integration.saving import refusal_of, row
from standins.microsoft.browser import sign_in
from standins.microsoft.graph_samples import graph_alert
from standins.microsoft.people import Person
from standins.sources import DELEGATED
from standins.splunkd import Fault, WebError

ENDPOINT = "defender_alerts_sign_in"
GRAPH, MDE = "https://graph.microsoft.com", "https://api.securitycenter.microsoft.com"
ACCOUNT, ANNA = "person", "anna@contoso.com"
GRAPH_KIND = "defender_graph_alerts"
SIGN_INS = "ta_defender_alerts_sign_ins"


@dataclass
class Signing:
    """An account that nobody has signed in for yet, and a person who may."""

    installation: Installation
    person: Person
    given_before: frozenset[str] = frozenset()
    """The tokens and codes of earlier tests."""

    def order(self, action: str, user: str = "admin", **fields: str) -> dict[str, Any]:
        """What a page gets."""
        form = {"action": action, "account": ACCOUNT, **fields}
        return self.installation.splunkd.web.post(ENDPOINT, form, user)

    def start(self, user: str = "admin") -> str:
        """Microsoft's page."""
        return str(self.order("start", user)["url"])

    def address(self, *, consent: bool = True) -> str:
        """What the browser shows at the end of a sign-in."""
        return sign_in(self.installation.cloud, self.start(), self.person.name, consent=consent)

    def sign_in(self) -> dict[str, Any]:
        """The whole of it."""
        return self.order("finish", address=self.address())

    def stored_tokens(self) -> list[str]:
        """The stanzas that hold refresh tokens."""
        return [name for name in self.installation.splunkd.conf.local("passwords", APP) if "REFRESH_TOKENS" in name]

    def leaks(self) -> list[str]:
        """The files and logs that hold a token or a code which Entra ID has given."""
        secrets = {*given_by(self.installation)} - self.given_before
        assert secrets
        return [leak for secret in secrets for leak in self.installation.splunkd.leaks_of(secret)]


def given_by(installation: Installation) -> list[str]:
    """The refresh tokens and codes that Entra ID has given so far."""
    sign_ins = installation.cloud.entra.sign_ins
    return [*sign_ins.refresh_tokens, *sign_ins.codes]


@pytest.fixture
def signing(fresh: Installation) -> Signing:
    fresh.application.let_people_sign_in(DELEGATED)
    person = fresh.tenant.add_person(ANNA)
    fresh.save_account(ACCOUNT, auth_type="user")
    return Signing(fresh, person, frozenset(given_by(fresh)))


def client_of(installation: Installation) -> Client:
    return Client(installation.splunkd.server_uri, installation.splunkd.session_key())


def save_graph_input(installation: Installation, name: str, **fields: str) -> None:
    installation.save_current_input(GRAPH_KIND, name, account=ACCOUNT, **fields)


def test_a_person_signs_in_and_the_account_says_who_since_when_until_when_and_what_it_feeds(signing: Signing) -> None:
    before = row(signing.installation, ACCOUNT)
    assert (before["feeds"][:14], before.get("signed_in_as")) == ("Not signed in.", None)
    assert signing.installation.cloud.journal.calls(LOGIN_HOST) == []
    answer = signing.sign_in()
    assert answer["signed_in_as"] == ANNA
    assert answer["check"]["warnings"] == []
    shown = row(signing.installation, ACCOUNT)
    assert (shown["signed_in_as"], shown["signed_in_at"]) == (ANNA, answer["signed_in_at"])
    assert shown["signed_in_until"] > shown["signed_in_at"][:10]
    day = shown["signed_in_at"][:10]
    assert shown["feeds"].startswith(f"Signed in as {ANNA} since {day}, until {shown['signed_in_until']} unless")
    assert shown["feeds"].endswith(f" Inputs see only what this person may see. {answer['check']['feeds']}")
    assert "Can feed" in shown["feeds"]
    assert signing.leaks() == []
    given = signing.installation.cloud.entra.sign_ins
    told = json.dumps(answer)
    assert not [secret for secret in (*given.refresh_tokens, *given.codes) if secret in told]


def test_start_answers_what_a_page_needs_and_nothing_secret(signing: Signing) -> None:
    answer = signing.order("start")
    assert sorted(answer) == ["expires_in", "redirect_uri", "url"]
    assert (answer["redirect_uri"], answer["expires_in"]) == ("http://localhost", 600)
    [document] = signing.installation.splunkd.kvstore.documents(SIGN_INS)
    assert json.loads(document["flow"])["code_verifier"] not in json.dumps(answer)


def test_an_input_of_a_signed_in_account_collects_and_says_whose_eyes_it_uses(signing: Signing) -> None:
    installation = signing.installation
    signing.sign_in()
    save_graph_input(installation, "eyes")
    alert = graph_alert(1, installation.cloud.clock.now() - 600 * 10**7)
    installation.cloud.graph("commercial").alerts.put(installation.tenant, alert)
    installation.save_settings("logging", loglevel="DEBUG")
    run = installation.run("eyes", kind=GRAPH_KIND)
    assert (run.status, len(run.events)) == (0, 1)
    [done] = [line for line in installation.log("eyes", kind=GRAPH_KIND) if line.fields.get("action") == "region_done"]
    assert done.fields["identity"] == "user"
    assert signing.leaks() == []


def test_an_address_is_good_once_and_only_for_the_user_who_began(signing: Signing) -> None:
    address = signing.address()
    with pytest.raises(WebError, match="no sign-in for this account that you have begun"):
        signing.order("finish", "sc_admin", address=address)
    assert signing.order("finish", address=address)["signed_in_as"] == ANNA
    with pytest.raises(WebError, match="no sign-in for this account that you have begun"):
        signing.order("finish", address=address)


ADMINISTRATORS = "Only users with the capability admin_all_objects"


@pytest.mark.parametrize(
    ("action", "user", "address", "says"),
    [
        *(
            (action, "analyst", "http://localhost/?code=a&state=b", ADMINISTRATORS)
            for action in ("start", "finish", "forget")
        ),
        ("renew", "admin", "", r"The action is 'renew'\. Ask for one of start, finish, forget"),
        *(
            ("finish", "admin", nonsense, "This is not the address at which a sign-in ends")
            for nonsense in ("", "http://localhost", "https://example.com/?x=1", "code=only")
        ),
    ],
)
def test_what_can_not_be_asked_for_is_refused_with_what_can(
    signing: Signing, action: str, user: str, address: str, says: str
) -> None:
    signing.start()
    with pytest.raises(WebError, match=says):
        signing.order(action, user, address=address)


def test_a_code_that_entra_id_no_longer_takes_is_told_from_a_sign_in_that_has_ended(signing: Signing) -> None:
    address = signing.address()
    signing.installation.cloud.clock.skew(601)
    told = refusal_of(lambda: signing.order("finish", address=address))
    assert "Entra ID does not take this address, or takes it no longer" in told
    assert "AADSTS70008" in told


def test_an_account_that_is_changed_to_another_application_or_removed_keeps_no_tokens(signing: Signing) -> None:
    installation = signing.installation
    signing.sign_in()
    calls = len(installation.cloud.journal.calls(LOGIN_HOST))
    # The client's own secret may be renewed, which tries out the account with the sign-in that is kept.
    installation.edit_account(ACCOUNT, auth_type="user", client_secret=installation.secret)
    assert len(installation.cloud.journal.calls(LOGIN_HOST)) > calls
    assert row(installation, ACCOUNT)["signed_in_as"] == ANNA
    assert signing.stored_tokens()
    other = installation.tenant.add_application(secret=installation.secret)
    installation.edit_account(ACCOUNT, auth_type="user", client_id=other.client_id)
    assert signing.stored_tokens() == []
    assert row(installation, ACCOUNT)["feeds"].startswith("Not signed in.")
    installation.edit_account(ACCOUNT, auth_type="user")
    signing.sign_in()
    assert signing.stored_tokens()
    installation.splunkd.web.delete(f"{APP}_account/{ACCOUNT}")
    assert signing.stored_tokens() == []


def test_a_sign_in_of_which_both_slots_are_damaged_asks_for_a_new_one(signing: Signing) -> None:
    installation = signing.installation
    signing.sign_in()
    for name in [name for name in signing.stored_tokens() if name.endswith("-1:")]:
        installation.splunkd.conf.remove("passwords", APP, name)
    shown = row(installation, ACCOUNT)
    assert "The sign-in of anna@contoso.com for the account person can't be read" in shown["feeds"]
    assert signing.sign_in()["signed_in_as"] == ANNA
    assert "Can feed" in row(installation, ACCOUNT)["feeds"]


def test_a_renewal_that_cannot_be_stored_is_said_and_when_the_sign_in_ends(signing: Signing) -> None:
    installation = signing.installation
    signing.sign_in()
    save_graph_input(installation, "old")
    client = client_of(installation)
    token = StoredRefreshTokens(client, ACCOUNT).current()
    signing.order("forget")
    StoredRefreshTokens(client, ACCOUNT, now=lambda: time.time() - 70 * 86_400).replace(token)
    client.post("configs", "conf-ta_defender_alerts_account", ACCOUNT, signed_in_as=ANNA)
    installation.splunkd.faults.add(Fault("storage/passwords", frozenset({"POST"}), status=503))
    assert installation.run("old", kind=GRAPH_KIND).status == 0
    lines = [line for line in installation.log("old", kind=GRAPH_KIND) if line.level == "WARNING"]
    assert "The renewed sign-in could not be stored" in lines[0].text
    assert lines[1].fields["sign_in_expires_in_days"] in {"19", "20"}
    installation.splunkd.faults.clear()
    assert installation.run("old", kind=GRAPH_KIND).status == 0
    assert [line for line in installation.log("old", kind=GRAPH_KIND) if line.level == "WARNING"] == []
    assert StoredRefreshTokens(client, ACCOUNT).current() != token
    assert signing.leaks() == []


def test_the_doctor_says_who_has_signed_in_and_reports_no_token(signing: Signing) -> None:
    installation = signing.installation
    signing.sign_in()
    save_graph_input(installation, "examined")
    report = installation.splunkd.web.get("defender_alerts_doctor", kind=GRAPH_KIND, input="examined")
    told = json.dumps(report)
    assert f"{ANNA} has signed in, at 20" in told
    assert [check for check in report["inputs"][0]["checks"] if check["outcome"] == "failed"] == []
    assert not [token for token in installation.cloud.entra.sign_ins.refresh_tokens if token in told]


def test_an_input_of_an_account_without_sign_in_has_a_remark(signing: Signing) -> None:
    save_graph_input(signing.installation, "early")
    shown = row(signing.installation, "early", GRAPH_KIND)
    assert shown["remarks"] == "Nobody has signed in for its account."
    signing.sign_in()
    assert row(signing.installation, "early", GRAPH_KIND)["remarks"] == ""


def test_a_sign_in_that_was_begun_more_than_ten_minutes_ago_is_over_and_swept_away(signing: Signing) -> None:
    store, client = signing.installation.splunkd.kvstore, client_of(signing.installation)
    address = signing.address()
    later = SignIn(client, ACCOUNT, "admin", Redaction(), now=lambda: time.time() + 601)
    with pytest.raises(UnusableAddressError, match="no sign-in for this account that you have begun"):
        later.finish({"address": address})
    assert store.documents(SIGN_INS) == []
    signing.start()
    url = SignIn(client, ACCOUNT, "sc_admin", Redaction(), now=lambda: time.time() + 601).start({})["url"]
    [kept] = store.documents(SIGN_INS)
    assert json.loads(kept["flow"])["auth_uri"] == url


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, "The account was changed after this sign-in was begun"),
        ({"auth_type": "client_secret"}, "The account person does not sign in as a user"),
    ],
)
def test_a_sign_in_for_an_account_that_was_changed_meanwhile_is_refused(
    signing: Signing, changed: dict[str, str], says: str
) -> None:
    address = signing.address()
    client_of(signing.installation).post("configs", "conf-ta_defender_alerts_account", ACCOUNT, **changed)
    assert says in refusal_of(lambda: signing.order("finish", address=address))
    assert signing.stored_tokens() == []


def test_a_redirect_uri_may_be_one_that_is_registered_for_the_application(signing: Signing) -> None:
    own = "https://splunk.example/en-US/app/TA_defender_alerts/sign_in"
    signing.installation.application.redirect_uris.add(own)
    url = signing.order("start", redirect_uri=own)["url"]
    address = sign_in(signing.installation.cloud, url, ANNA)
    assert address.startswith(own)
    assert signing.order("finish", address=address)["signed_in_as"] == ANNA


def test_a_sign_in_as_somebody_else_that_cannot_be_stored_leaves_nobody_signed_in(signing: Signing) -> None:
    signing.sign_in()
    signing.person = signing.installation.tenant.add_person("bob@contoso.com")
    address = signing.address()
    signing.installation.splunkd.faults.add(Fault("storage/passwords", frozenset({"POST"}), skip=2, status=503))
    assert "503" in refusal_of(lambda: signing.order("finish", address=address))
    signing.installation.splunkd.faults.clear()
    assert row(signing.installation, ACCOUNT)["feeds"].startswith("Not signed in.")
    assert signing.sign_in()["signed_in_as"] == "bob@contoso.com"
    assert row(signing.installation, ACCOUNT)["signed_in_as"] == "bob@contoso.com"
