"""Signing in as a user on the Accounts page: the dialog, Microsoft's page, the pasted address, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Locator, Route, expect
from standins.microsoft import ticks
from standins.microsoft.browser import sign_in
from standins.microsoft.graph_samples import graph_alert
from ui.test_accessibility import DIALOG, findings
from ui.workplace import GRAPH, Workplace

GRAPH_API = "https://graph.microsoft.com"
PERSON = "anna@contoso.com"
PAGE = re.compile(r"https://login\.microsoftonline\.com/.*")
NOT_SIGNED_IN = "Not signed in."


@dataclass
class SigningIn:
    """A workplace whose application lets people sign in; Microsoft's page is one of the browser's tabs."""

    workplace: Workplace

    def open(self) -> Locator:
        """Open the dialog from the account's row."""
        self.workplace.page.get_by_role("button", name="Sign in: corp").click()
        return self.dialog()

    def dialog(self) -> Locator:
        """Give the open dialog."""
        dialog = self.workplace.page.get_by_role("dialog", name="Sign in: corp")
        expect(dialog).to_be_visible()
        return dialog

    def microsofts_page(self, dialog: Locator) -> str:
        """Open Microsoft's page, and give its address."""
        with self.workplace.page.context.expect_page() as opened:
            dialog.get_by_role("button", name="Open Microsoft's page").click()
        tab = opened.value
        tab.wait_for_url(PAGE)
        address = tab.url
        tab.close()
        return address

    def come_back(self, dialog: Locator, *, consent: bool = True) -> str:
        """Sign in there as the person, and give the address at which the browser ends."""
        return sign_in(self.workplace.cloud, self.microsofts_page(dialog), PERSON, consent=consent)

    def finish(self, dialog: Locator, address: str) -> None:
        """Paste an address and press Finish."""
        dialog.get_by_role("textbox").fill(address)
        dialog.get_by_role("button", name="Finish").click()

    def expect_done(self, dialog: Locator) -> None:
        """Wait until the dialog says who is signed in."""
        expect(dialog.get_by_text(f"Signed in as {PERSON}.", exact=True)).to_be_visible()

    def refusal(self, dialog: Locator) -> str:
        """The sentence with which what was pasted is refused."""
        alert = dialog.get_by_role("alert")
        expect(alert).to_be_visible()
        self.workplace.seen_refusals += 1
        return alert.inner_text()

    def tokens(self) -> list[str]:
        """Every refresh token that Entra ID has given out."""
        return self.workplace.cloud.entra.sign_ins.refresh_tokens


@pytest.fixture
def signing_in(workplace: Workplace) -> Iterator[SigningIn]:
    """Give a workplace in which Anna can sign in."""
    workplace.application.let_people_sign_in({GRAPH_API: ("SecurityAlert.Read.All", "SecurityIncident.Read.All")})
    workplace.tenant.add_person(PERSON)

    def show(route: Route) -> None:
        route.fulfill(status=200, content_type="text/html", body="<title>Sign in</title>")

    workplace.page.context.route(PAGE, show)
    yield SigningIn(workplace)
    workplace.page.context.unroute(PAGE)


def test_an_account_is_saved_signed_in_by_the_pasted_address_feeds_its_input_and_is_signed_out(
    signing_in: SigningIn, workplace: Workplace
) -> None:
    form = workplace.add_account()
    form.choose("auth_type", "Sign in as a user")
    form.type(**workplace.account_fields())
    form.save("Add")
    row = workplace.row("corp")
    expect(row).to_contain_text(NOT_SIGNED_IN)
    hour_ago = workplace.cloud.clock.now() - 3_600 * ticks.PER_SECOND
    workplace.cloud.graph("commercial").alerts.put(workplace.tenant, graph_alert(1, hour_ago))
    workplace.have_input("corp", GRAPH)
    assert workplace.splunkd.run_input(GRAPH.name, "corp").status == 2

    workplace.page.get_by_role("button", name="Next: sign in").click()
    dialog = signing_in.dialog()
    expect(dialog.get_by_role("code")).to_have_text("http://localhost")
    signing_in.finish(dialog, signing_in.come_back(dialog))
    signing_in.expect_done(dialog)
    expect(dialog).to_contain_text("Can feed Defender alerts (Microsoft Graph)")
    expect(dialog).to_contain_text(
        "Missing permission for Defender for Endpoint alerts: WindowsDefenderATP Alert.Read (d"
    )
    expect(dialog.get_by_role("textbox")).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()
    expect(row).to_contain_text(f"Signed in as {PERSON}")
    expect(row).to_contain_text("only what this person may see")
    expect(row).not_to_contain_text(NOT_SIGNED_IN)
    expect(workplace.page.get_by_role("button", name="Sign in again: corp")).to_be_visible()

    run = workplace.splunkd.run_input(GRAPH.name, "corp")
    assert (run.status, len(run.events)) == (0, 1), run.stderr
    # The same after a reload, from what is stored.
    workplace.open("configuration")
    expect(row).to_contain_text(f"Signed in as {PERSON}")
    expect_no_token_in_the_browser(signing_in, workplace)

    with_tokens = set(workplace.conf("passwords"))
    for answer in ("Cancel", "Sign out"):
        workplace.page.get_by_role("button", name="Sign out: corp").click()
        asked = workplace.page.get_by_role("dialog", name="Sign out: corp")
        asked.get_by_role("button", name=answer, exact=True).click()
        expect(asked).to_have_count(0)
        expect(row).to_contain_text("Signed in as" if answer == "Cancel" else NOT_SIGNED_IN)
    assert set(workplace.conf("passwords")) < with_tokens
    assert workplace.splunkd.run_input(GRAPH.name, "corp").status == 2
    assert not workplace.conf("ta_defender_alerts_account")["corp"].get("signed_in_as")


def expect_no_token_in_the_browser(signing_in: SigningIn, workplace: Workplace) -> None:
    """Search the pages' traffic, and all that the browser and Splunk keep in clear, for tokens; the code is seen to be there."""
    assert signing_in.tokens() != []
    access = [call for call in workplace.web.journal if b"eyJ" in call.received + call.sent]
    assert access == []
    texts = [
        workplace.page.content(),
        str(workplace.page.evaluate("JSON.stringify([localStorage, sessionStorage])")),
        *(f"{call.target} {call.sent.decode()} {call.received.decode()}" for call in workplace.web.journal),
    ]
    read = [reading for text in texts for reading in (text, unquote_plus(text))]
    assert not any(token in reading for token in signing_in.tokens() for reading in read)
    assert any(code in reading for code in workplace.cloud.entra.sign_ins.codes for reading in read)
    for token in signing_in.tokens():
        assert workplace.splunkd.leaks_of(token) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_refused_consent_is_said_what_was_pasted_stays_and_axe_finds_nothing(
    signing_in: SigningIn, workplace: Workplace, theme: str
) -> None:
    workplace.web.theme = theme
    workplace.have_account(auth_type="user")
    workplace.open("configuration")
    dialog = signing_in.open()
    refused = signing_in.come_back(dialog, consent=False)
    workplace.picture(f"{theme}-sign-in")
    assert findings(workplace, DIALOG) == []
    signing_in.finish(dialog, refused)
    assert "AADSTS65004" in signing_in.refusal(dialog)
    expect(dialog.get_by_role("textbox")).to_have_value(refused)
    assert findings(workplace, DIALOG) == []
    # The same dialog goes on with a new sign-in.
    signing_in.finish(dialog, signing_in.come_back(dialog))
    signing_in.expect_done(dialog)
    assert findings(workplace, DIALOG) == []
    dialog.get_by_role("button", name="Close").click()
    expect(workplace.row("corp")).to_contain_text("Signed in as")
    assert findings(workplace, 'td[data-column="feeds"]') == []
    for width in (1024, 1920):
        workplace.page.set_viewport_size({"width": width, "height": 900})
        assert workplace.broken_words() == []
    workplace.page.get_by_role("button", name="Sign out: corp").click()
    assert findings(workplace, DIALOG) == []
