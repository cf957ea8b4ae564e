"""Accounts on the Configuration page."""

from __future__ import annotations

import json
from html import unescape
from urllib.parse import unquote, unquote_plus, urlsplit

from playwright.sync_api import expect
from standins.key_pairs import KeyPair, rsa_key
from standins.sources import ROLES
from ui.form import Form
from ui.workplace import APP, SECRET, SIEM, Workplace

ACCOUNT_CONF = "ta_defender_alerts_account"
OF_SECRET, OF_CERTIFICATE = ("client_secret", "secret_expires"), ("certificate", "private_key")
OF_IDENTITY = ("identity_mode", "identity_client_id")


def test_an_account_is_refused_with_the_wrong_secret_and_listed_with_the_right_one(workplace: Workplace) -> None:
    workplace.open("configuration")
    expect(workplace.page.get_by_role("tab")).to_have_text(["Accounts", "Proxy", "Logging", "Network"])
    expect(workplace.page.get_by_text("No records found")).to_be_visible()
    dialog = workplace.add_account()
    dialog.type(**{**workplace.account_fields(), "client_secret": "wrong-secret"})
    workplace.picture("account-add")
    dialog.press("Add")
    sentence = dialog.refusal()
    assert sentence.startswith("The client secret of the account corp is wrong.")
    assert "AADSTS7000215" in sentence
    assert workplace.conf(ACCOUNT_CONF) == {}

    dialog.type(client_secret=SECRET)
    dialog.save("Add")
    expect(workplace.row("corp")).to_contain_text("Commercial")
    expect(workplace.row("corp")).to_contain_text(workplace.tenant.guid)
    feeds = workplace.row("corp").locator('[data-column="feeds"]')
    expect(feeds).to_contain_text("Can feed none")
    # Nothing about it is green.
    assert "ok" not in feeds.locator("svg").evaluate_all("all => all.map(one => one.dataset.state)")
    stored = workplace.conf(ACCOUNT_CONF)["corp"]
    assert "defender_siem_alerts" in stored.pop("last_check")
    assert stored == {
        "cloud": "commercial",
        "tenant_id": workplace.tenant.guid,
        "client_id": workplace.application.client_id,
        "auth_type": "client_secret",
        "client_secret": "******",
    }
    assert workplace.splunkd.leaks_of(SECRET) == []


def test_a_refusal_is_scrolled_to_in_a_form_that_is_longer_than_the_window(workplace: Workplace) -> None:
    workplace.page.set_viewport_size({"width": 1000, "height": 500})
    dialog = workplace.add_account()
    for name in ("1st", "corp"):
        dialog.type(**{**workplace.account_fields(name), "client_secret": "wrong-secret"})
        dialog.field("skip_check").scroll_into_view_if_needed()
        expect(dialog.box("name")).not_to_be_in_viewport()
        dialog.press("Add")
        # By the page, then by the server.
        if name == "1st":
            dialog.expect_complaint("The name starts with a letter")
        else:
            dialog.expect_complaint("client secret of the account corp is wrong")
    workplace.seen_refusals += 1


PORTALS = (
    ("Commercial", "https://entra.microsoft.com", "https://security.microsoft.com"),
    ("US Government GCC", "https://entra.microsoft.com", "https://security.microsoft.com"),
    ("US Government GCC High", "https://entra.microsoft.us", "https://security.microsoft.us"),
    ("US Government DoD", "https://entra.microsoft.us", "https://security.apps.mil"),
)


def test_the_help_leads_to_the_portals_of_the_chosen_cloud(workplace: Workplace) -> None:
    dialog = workplace.add_account()
    # As the form opens, and after each choice.
    expect_portals(dialog, *PORTALS[0][1:])
    for label, entra, defender in PORTALS[::-1]:
        dialog.choose("cloud", label)
        expect_portals(dialog, entra, defender)
        workplace.picture(f"account-add-{label.split()[-1]}")


def expect_portals(dialog: Form, entra: str, defender: str) -> None:
    """Wait until the links of cloud, tenant and application lead there."""
    apps = f"{entra}/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"
    for field, name, address in (
        ("cloud", urlsplit(defender).netloc, defender),
        ("tenant_id", urlsplit(entra).netloc, entra),
        ("client_id", "App registrations", apps),
    ):
        expect(dialog.field(field).get_by_role("link", name=name)).to_have_attribute("href", address)


def test_a_saved_secret_is_in_no_later_traffic_or_page(workplace: Workplace) -> None:
    dialog = workplace.add_account()
    dialog.type(**workplace.account_fields())
    dialog.save("Add")
    expect(workplace.row("corp")).to_be_visible()
    saved = len(workplace.web.journal)

    pages = [workplace.page.content()]
    edit = workplace.act("corp", "Edit")
    pages.append(workplace.page.content())
    assert edit.value("client_secret") == "******"
    edit.type(secret_expires="2027-06-30")
    edit.save("Update")
    expect(workplace.row("corp")).to_contain_text("2027-06-30")
    clone = workplace.act("corp", "Clone")
    assert clone.value("client_secret") == ""
    pages.append(workplace.page.content())
    workplace.open("configuration")
    expect(workplace.row("corp")).to_be_visible()
    pages.append(workplace.page.content())
    workplace.add_input()
    pages.append(workplace.page.content())

    later = workplace.web.journal[saved:]
    assert len(later) > 5
    assert not any(holds_secret(exchange.target, exchange.sent, exchange.received) for exchange in later)
    assert not holds_secret(*pages, workplace.page.evaluate("JSON.stringify([localStorage, sessionStorage])"))
    assert holds_secret(workplace.sent("account")[0].sent)


def holds_secret(*texts: str | bytes) -> bool:
    """Whether the secret can be read in one of these, be it quoted for an address or escaped for JSON or HTML."""
    plain = [text.decode("utf-8") if isinstance(text, bytes) else text for text in texts]
    readings = [read(text) for text in plain for read in (str, unquote, unquote_plus, unescape)]
    return any(spelling in reading for spelling in (SECRET, json.dumps(SECRET)[1:-1]) for reading in readings)


def test_a_permission_that_is_missing_is_read_in_the_accounts_row_as_soon_as_it_is_saved(workplace: Workplace) -> None:
    workplace.application.roles = {"https://graph.microsoft.com": ("SecurityAlert.Read.All",)}
    dialog = workplace.add_account()
    dialog.type(**workplace.account_fields(), secret_expires="2027-06-30")
    dialog.save("Add")
    row = workplace.row("corp")
    feeds = "Can feed Defender alerts (Microsoft Graph)."
    missing = "Missing permission for Defender for Endpoint alerts: WindowsDefenderATP Alert.Read.All."
    expect(row).to_contain_text(feeds)
    expect(row).to_contain_text(
        "Missing permission for Defender incidents (Microsoft Graph): Microsoft Graph SecurityIncident.Read.All."
    )
    expect(row).to_contain_text(missing)
    states = row.locator('[data-column="feeds"] svg').evaluate_all("all => all.map(one => one.dataset.state)")
    assert (states[0], set(states[1:])) == ("ok", {"warning"})
    for width in (1024, 1920):
        workplace.page.set_viewport_size({"width": width, "height": 900})
        assert workplace.broken_words() == []
        assert workplace.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    workplace.picture("configuration-accounts-missing-permission")
    # As long as nothing has been granted, it stays there for whoever comes later.
    workplace.open("configuration")
    expect(workplace.row("corp")).to_contain_text(missing)

    workplace.application.roles = dict(ROLES)
    dialog = workplace.act("corp", "Edit")
    dialog.save("Update")
    expect(row).to_contain_text(
        "Can feed Defender alerts (Microsoft Graph), Defender incidents (Microsoft Graph), Defender for Endpoint alerts"
    )
    expect(row).not_to_contain_text("Missing")


CREDENTIALS = (
    ("Certificate", OF_CERTIFICATE, ""),
    ("Client secret", OF_SECRET, ""),
    # With a person the application proves itself by either.
    ("Sign in as a user", (*OF_SECRET, *OF_CERTIFICATE), "Inputs see only what this person may see."),
    ("Managed identity", OF_IDENTITY, "not on Splunk Cloud"),
)
"""By their labels: the fields that each needs, and what the form says of it."""


def test_the_form_asks_for_what_the_chosen_credential_needs_and_nothing_else(workplace: Workplace) -> None:
    dialog = workplace.add_account()
    assert dialog.chosen("auth_type") == "Client secret"
    for label, needed, words in CREDENTIALS:
        dialog.choose("auth_type", label)
        expect(dialog.field("auth_type")).to_contain_text(words)
        for field in (*OF_SECRET, *OF_CERTIFICATE, *OF_IDENTITY):
            expect(dialog.field(field)).to_be_visible(visible=field in needed)
    # Where the identity itself has the permissions, there is no application either.
    dialog.choose("identity_mode", "Has permissions of its own")
    dialog.type(name="corp", tenant_id=workplace.tenant.guid)
    dialog.tick("skip_check")
    dialog.save("Add")
    expect(workplace.row("corp")).to_contain_text("Not checked yet.")
    expect(workplace.page.locator("#defender-next-step")).not_to_contain_text("API permissions")
    stored = workplace.conf(ACCOUNT_CONF)["corp"]
    assert (stored["auth_type"], stored["identity_mode"]) == ("managed_identity", "direct")


def test_an_account_with_a_certificate_is_saved_once_its_key_has_no_passphrase_and_edited_without_it_being_shown(
    workplace: Workplace,
) -> None:
    pair = KeyPair(rsa_key(4096))
    workplace.application.add_certificate(pair.pem)
    fields = workplace.account_fields()
    del fields["client_secret"]
    dialog = workplace.add_account()
    dialog.choose("auth_type", "Certificate")
    dialog.type(**fields, certificate=pair.pem, private_key=pair.encrypted_key_pem())
    dialog.press("Add")
    assert "openssl pkcs8 -topk8 -nocrypt -in encrypted.pem -out key.pem" in dialog.refusal()
    assert workplace.conf(ACCOUNT_CONF) == {}
    dialog.type(private_key=pair.key_pem)
    dialog.box("private_key").scroll_into_view_if_needed()
    workplace.picture("account-add-certificate")
    dialog.save("Add")
    expect(workplace.row("corp")).to_contain_text(pair.not_after.date().isoformat())
    stored = workplace.conf(ACCOUNT_CONF)["corp"]
    assert (stored["auth_type"], stored["private_key"]) == ("certificate", "******")
    assert stored["certificate"].split() == pair.pem.split()
    assert workplace.splunkd.leaks_of(pair.key_lines()[3]) == []

    edit = workplace.act("corp", "Edit")
    assert edit.chosen("auth_type") == "Certificate"
    assert edit.value("private_key") == "******"
    expect(edit.field("client_secret")).to_have_count(0)
    edit.type(tenant_id="contoso.onmicrosoft.com")
    edit.save("Update")
    expect(workplace.row("corp")).to_contain_text("contoso.onmicrosoft.com")
    assert pair.key_lines()[3] not in workplace.page.content()


COMPLAINTS = (
    ("Client secret", "name", "", "Field Name is required"),
    ("Client secret", "name", "1st", "The name starts with a letter and holds only letters, digits and underscores."),
    ("Client secret", "tenant_id", "contoso", "The tenant is an ID such as"),
    ("Client secret", "client_id", "my application", "The application ID looks like"),
    ("Client secret", "client_secret", "", "Field Client secret is required"),
    ("Client secret", "secret_expires", "30.06.2027", "The date is year-month-day"),
    ("Certificate", "certificate", "", "Field Certificate is required"),
    ("Certificate", "private_key", "", "Field Private key is required"),
    ("Certificate", "certificate", KeyPair().key_pem, "The private key has a field of its own."),
    ("Certificate", "certificate", "MIIB", "The certificate is PEM text"),
    ("Managed identity", "identity_client_id", "my identity", "The identity's client ID looks like"),
)
"""What is typed for which credential, and what the page says to it."""


def test_what_cannot_be_right_is_complained_of_before_anything_is_sent(workplace: Workplace) -> None:
    dialog = workplace.add_account()
    right = {
        **workplace.account_fields(),
        "secret_expires": "",
        "certificate": KeyPair().pem,
        "private_key": KeyPair().key_pem,
    }
    chosen = {"Client secret": OF_SECRET, "Certificate": OF_CERTIFICATE, "Managed identity": ()}
    for label, field, text, complaint in COMPLAINTS:
        dialog.choose("auth_type", label)
        # The form does not show what belongs to another credential, nor what is still wrong there.
        shown = right.keys() - {*OF_SECRET, *OF_CERTIFICATE} | {*chosen[label]}
        dialog.type(**{**{name: right[name] for name in shown}, field: text})
        dialog.press("Add")
        dialog.expect_complaint(complaint)
    assert workplace.sent("account") == []
    dialog.choose("auth_type", "Client secret")
    dialog.type(**workplace.account_fields())
    dialog.save("Add")
    assert workplace.conf(ACCOUNT_CONF)["corp"]["secret_expires"] == ""


def test_an_account_is_edited_with_the_secret_that_is_stored_cloned_as_one_of_its_own_and_deleted_with_its_secret(
    workplace: Workplace,
) -> None:
    workplace.have_account()
    workplace.open("configuration")
    dialog = workplace.act("corp", "Edit")
    dialog.type(tenant_id="fabrikam.onmicrosoft.com")
    dialog.press("Update")
    assert "AADSTS90002" in dialog.refusal()
    dialog.type(tenant_id="contoso.onmicrosoft.com")
    dialog.save("Update")
    expect(workplace.row("corp")).to_contain_text("contoso.onmicrosoft.com")

    dialog = workplace.act("corp", "Clone")
    assert dialog.value("tenant_id") == "contoso.onmicrosoft.com"
    dialog.type(name="corp_too", client_secret=SECRET)
    dialog.save("Save")
    expect(workplace.row("corp_too")).to_be_visible()
    assert workplace.conf(ACCOUNT_CONF).keys() == {"corp", "corp_too"}

    workplace.have_input(account="corp_too")
    dialog = workplace.act("corp_too", "Delete")
    dialog.press("Delete")
    assert "corp_all" in dialog.refusal()
    dialog.press("Cancel")
    expect(dialog.locator).to_be_hidden()
    assert workplace.conf(ACCOUNT_CONF).keys() == {"corp", "corp_too"}

    workplace.splunkd.conf.remove("inputs", APP, f"{SIEM.name}://corp_all")
    for name in ("corp", "corp_too"):
        workplace.act(name, "Delete").save("Delete")
        expect(workplace.row(name)).to_be_hidden()
    expect(workplace.page.get_by_text("No records found")).to_be_visible()
    assert workplace.conf(ACCOUNT_CONF) == {}
    assert workplace.conf("passwords") == {}


def test_what_somebody_else_has_changed_is_not_overwritten_and_a_session_that_has_ended_is_named(
    workplace: Workplace,
) -> None:
    workplace.have_account()
    workplace.open("configuration")
    expect(workplace.row("corp")).to_be_visible()
    workplace.splunkd.conf.write(ACCOUNT_CONF, APP, "corp", {"secret_expires": "2027-06-30"})
    dialog = workplace.act("corp", "Edit")
    dialog.type(tenant_id="contoso.onmicrosoft.com")
    dialog.press("Update")
    dialog.expect_complaint("Somebody else has changed this since it was loaded here")
    assert dialog.complaint().endswith("Changed: Secret expires on.")
    assert workplace.conf(ACCOUNT_CONF)["corp"]["secret_expires"] == "2027-06-30"
    workplace.web.log_everybody_out()
    dialog.press("Update")
    dialog.expect_complaint("Your Splunk session has ended. Reload the page and log in again.")
    workplace.seen_refusals += len(workplace.refusals)
    assert workplace.conf(ACCOUNT_CONF)["corp"]["tenant_id"] == workplace.tenant.guid


def test_an_account_is_added_with_the_keyboard_alone(workplace: Workplace) -> None:
    workplace.open("configuration")
    keyboard = workplace.page.keyboard
    workplace.tab_to(workplace.page.get_by_role("button", name="Add", exact=True))
    keyboard.press("Enter")
    dialog = workplace.dialog()
    for name, text in workplace.account_fields().items():
        workplace.tab_to(dialog.box(name))
        keyboard.insert_text(text)
    workplace.tab_to(dialog.locator.get_by_role("button", name="Add", exact=True))
    keyboard.press("Enter")
    expect(workplace.row("corp")).to_be_visible()
