"""From a fresh installation to the first alert, by nothing but the pages: how many clicks and fields does it take?"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from standins.microsoft import ticks
from standins.microsoft.graph_samples import graph_alert
from ui.workplace import GRAPH, Workplace

from tooling import paths

DOCUMENT = paths.ROOT / "docs" / "configure.md"
RecordProperty = Callable[[str, object], None]
MOST_CLICKS, MOST_FIELDS = 6, 5
"""What a new user has to do; whoever adds to it has to say why here."""


@pytest.fixture
def clicks(workplace: Workplace) -> Callable[[], int]:
    """Give a count of what the browser takes for clicks, on all pages from here on."""
    counted: list[str] = []

    def clicked(where: str) -> None:
        counted.append(where)

    workplace.page.expose_function("clicked", clicked)
    workplace.page.add_init_script(
        "addEventListener('click', event => event.isTrusted && clicked(event.target.innerText || ''), true)"
    )
    return lambda: len(counted)


def test_from_the_configuration_page_to_the_first_alert(
    workplace: Workplace, clicks: Callable[[], int], record_property: RecordProperty
) -> None:
    workplace.application.roles = {"https://graph.microsoft.com": ("SecurityAlert.Read.All",)}
    hour_ago = workplace.cloud.clock.now() - 3_600 * ticks.PER_SECOND
    workplace.cloud.graph("commercial").alerts.put(workplace.tenant, graph_alert(1, hour_ago))
    began = time.monotonic()

    account = workplace.add_account()
    for name in ("Azure CLI", "PowerShell"):
        script = workplace.page.get_by_role("link", name=name).evaluate("link => link.href")
        assert "Nobody has run it against a real tenant yet" in workplace.page.request.get(script).text()
    typed = workplace.account_fields()
    account.type(**typed)
    account.save("Add")
    expect(workplace.row("corp")).to_contain_text("Can feed Defender alerts (Microsoft Graph)")

    permissions = workplace.page.get_by_role("link", name="API permissions of the application")
    blade = "#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId"
    expect(permissions).to_have_attribute(
        "href", f"https://entra.microsoft.com/{blade}/{workplace.application.client_id}"
    )
    workplace.page.get_by_role("link", name="Next: create an input").click()
    workplace.page.get_by_role("button", name="Create New Input").click()
    workplace.page.get_by_role("menuitem", name=GRAPH.entry, exact=True).click()
    form = workplace.dialog()
    form.type(name="corp")
    fields = len(typed) + 1
    # The only account is chosen already.
    expect(form.field("account").locator('[data-test="select"]')).to_have_text("corp")
    form.save("Add")
    expect(workplace.row("corp")).to_contain_text("Active")
    on_the_pages = time.monotonic() - began

    run = workplace.splunkd.run_input(GRAPH.name, "corp")
    assert (run.status, len(run.events)) == (0, 1), run.stderr
    seconds = time.monotonic() - began
    record_property(
        "report",
        f"From the Configuration page to the first alert: {clicks()} clicks, {fields} fields typed, "
        f"{seconds:.0f} s of a browser that does not have to think ({on_the_pages:.0f} s of them on the pages)",
    )
    assert 0 < clicks() <= MOST_CLICKS
    assert fields <= MOST_FIELDS
    assert f"{fields} typed fields and {clicks()} clicks" in DOCUMENT.read_text(encoding="utf-8")

    # What the pages say of it afterwards, and what is said when the secret is deleted in Entra ID.
    workplace.expand("corp")
    expect(workplace.row("corp").locator('[data-column="health"]')).to_contain_text("Collecting, ")
    expect(workplace.page.get_by_text("Overlap (s)")).to_be_visible()
    workplace.picture("status-first-alert")
    workplace.application.secrets.clear()
    workplace.page.get_by_role("button", name="Check this input").click()
    checked = workplace.page.get_by_role("region", name="Check of corp")
    expect(checked.get_by_role("listitem").first).to_contain_text("AADSTS7000215")
    workplace.picture("doctor-first-alert")
