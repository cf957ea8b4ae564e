"""What axe-core finds in the add-on's own parts of the pages, in both themes; all other tests are in the light one."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from playwright.sync_api import expect
from ui.inputs_scene import have_inputs
from ui.workplace import Workplace

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
CELL = 'td[data-column="health"]'
DIALOG = "dialog"


def findings(workplace: Workplace, selector: str) -> list[str]:
    """Give what axe-core finds inside of what a selector means: the pages around it are UCC's."""
    workplace.page.evaluate(AXE)
    found = workplace.page.evaluate("([context, options]) => axe.run(context, options)", [selector, RULES])[
        "violations"
    ]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_what_the_add_on_shows(workplace: Workplace, theme: str) -> None:
    workplace.web.theme = theme
    have_inputs(workplace)
    workplace.open("inputs")
    expect(workplace.page.locator(f"{CELL} svg")).to_have_count(10)
    expect(workplace.page.get_by_text("Loading…")).to_have_count(0)
    color = workplace.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", color)[:3])) < 128) == (theme == "dark")
    # It looks: UCC's switch has no name (6.6), which is not ours to mend.
    assert any(one.startswith("button-name") for one in findings(workplace, 'td[data-column="disabled"]'))
    assert findings(workplace, CELL) == []
    workplace.row("contoso_siem").get_by_role("button", name="Expand row - contoso_siem").click()
    workplace.page.get_by_role("button", name="Check this input").click()
    check = workplace.page.get_by_role("region", name="Check of contoso_siem")
    expect(check.get_by_text("Safe to send to support")).to_be_visible()
    check.locator("summary").click()
    row = workplace.page.locator("tr", has=workplace.page.get_by_role("region", name="Check of contoso_siem"))
    row.last.evaluate("row => row.setAttribute('data-ours', '')")
    assert findings(workplace, "[data-ours] td") == []
    for order in ("Reset checkpoint", "Collect again"):
        workplace.page.get_by_role("button", name=order).click()
        dialog = workplace.page.get_by_role("dialog", name=order)
        expect(dialog.get_by_text("Counting")).to_have_count(0)
        assert findings(workplace, DIALOG) == []
        if order == "Reset checkpoint":
            expect(dialog.get_by_text("us: collects")).to_be_visible()
            # What has never been saved can't be reset, and its silence would be taken for a mistake.
            expect(dialog.get_by_text("eu: has no checkpoint yet")).to_be_visible()
        dialog.get_by_role("button", name="Cancel").click()
    workplace.open("dashboard")
    expect(workplace.page.get_by_role("tab", name="Data ingestion")).to_be_visible()
