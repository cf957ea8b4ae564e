"""Every page and dialog in Splunk's dark theme, as a picture and without an error in the console; all other tests are in the light one."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from ui.inputs_scene import have_inputs
from ui.workplace import Workplace


def test_every_page_opens_without_an_error(workplace: Workplace) -> None:
    workplace.web.theme = "dark"
    have_inputs(workplace, 4)
    workplace.open("configuration")
    assert is_dark(workplace)
    for tab in ("Proxy", "Logging", "Network", "Accounts"):
        workplace.page.get_by_role("tab", name=tab).click()
        expect(workplace.page.get_by_role("button", name="Add" if tab == "Accounts" else "Save")).to_be_visible()
    workplace.act("corp", "Edit")
    workplace.add_input()
    workplace.expand("contoso_siem")
    workplace.page.get_by_role("button", name="Reset checkpoint").click()
    reset = workplace.page.get_by_role("dialog", name="Reset checkpoint")
    expect(reset.get_by_text("us: collects")).to_be_visible()
    # What has never been saved can't be reset, and its silence would be taken for a mistake.
    expect(reset.get_by_text("eu: has no checkpoint yet")).to_be_visible()
    workplace.open("dashboard")
    expect(workplace.page.get_by_role("tab", name="Data ingestion")).to_be_visible()


def is_dark(workplace: Workplace) -> bool:
    color = workplace.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(map(int, re.findall(r"\d+", color)[:3])) < 128
