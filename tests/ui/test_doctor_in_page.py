"""The doctor in the expanded row of an input: what it has found, the report to save, and who may have it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, expect
from standins.microsoft.faults import Hang
from ui.workplace import KIND, LOGIN_HOST, SECRET, SIEM_HOST, Workplace

ENDPOINT = "defender_alerts_doctor"
BUTTON = "Check this input"


def open_row(workplace: Workplace) -> None:
    """Have an input, and open its row."""
    workplace.have_account()
    workplace.have_input("corp_eu", regions="eu")
    workplace.expand("corp_eu")


def check(workplace: Workplace) -> Locator:
    """Press the button, and give what comes of it."""
    workplace.page.get_by_role("button", name=BUTTON).click()
    return workplace.page.get_by_role("region", name="Check of corp_eu")


def outcomes(shown: Locator) -> dict[str, str]:
    """Give each check that is shown or folded: what stands in its block, by its heading."""
    expect(shown.get_by_text("Safe to send to support")).to_be_visible()
    shown.locator("summary").click()
    blocks = shown.get_by_role("listitem").all_inner_texts()
    return dict(block.split("\n", 1) for block in blocks)


def answered(workplace: Workplace) -> list[dict[str, Any]]:
    """Give the reports that pages have got."""
    return [
        json.loads(exchange.received)
        for exchange in workplace.web.journal
        if urlsplit(exchange.target).path.endswith(ENDPOINT)
    ]


def test_an_input_in_order_is_told_so_check_by_check_and_the_report_that_is_saved_is_the_one_that_is_shown(
    workplace: Workplace,
) -> None:
    open_row(workplace)
    workplace.publish_alerts(3)
    assert workplace.splunkd.run_input(KIND, "corp_eu").status == 0
    button = workplace.page.get_by_role("button", name=BUTTON)
    workplace.tab_to(button)
    workplace.page.keyboard.press("Enter")
    workplace.page.keyboard.press("Enter")
    shown = workplace.page.get_by_role("region", name="Check of corp_eu")
    expect(shown.get_by_role("status")).to_have_text("Nothing failed.")
    expect(shown.get_by_role("list", name="Failed and warning")).to_have_count(0)
    expect(button).to_be_focused()
    assert len(answered(workplace)) == 1, "it was pressed again while it was at work"
    workplace.tab_to(workplace.page.get_by_role("button", name="Save the report"))
    with workplace.page.expect_download() as saving:
        workplace.page.keyboard.press("Enter")
    text = saving.value.path().read_text(encoding="utf-8")
    assert [json.loads(text)] == answered(workplace)
    assert saving.value.suggested_filename == f"{KIND}_corp_eu_{json.loads(text)['time'][:10]}.json"
    assert SECRET not in text
    assert SECRET not in shown.inner_text()
    lines = outcomes(shown)
    assert "OK: Account" in lines
    assert "has given a record" in lines[f"OK: Microsoft API ({SIEM_HOST})"]


def test_what_is_wrong_is_named_first_with_what_to_do_copied_in_the_order_in_which_it_is_shown_and_stays_text(
    workplace: Workplace,
) -> None:
    workplace.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_row(workplace)
    workplace.application.secrets.clear()
    shown = check(workplace)
    sign_in = "Sign-in (https://graph.windows.net)"
    expect(shown.get_by_role("status")).to_contain_text(f"1 check failed, 1 warning. Fix this first: {sign_in}.")
    # Nothing that passed stands between the result and what to do.
    first = shown.get_by_role("listitem").first
    expect(first).to_be_visible()
    expect(first).to_contain_text(f"Failed: {sign_in}")
    expect(first).to_contain_text("AADSTS7000215")
    expect(first).to_contain_text("What to do: ")
    expect(first.locator("svg")).to_have_attribute("data-state", "failed")
    expect(shown.get_by_text("OK: Account")).to_be_hidden()
    shown.get_by_role("button", name="Copy").click()
    expect(shown.get_by_role("button", name="Copied")).to_be_visible()
    text = str(workplace.page.evaluate("navigator.clipboard.readText()"))
    order = ("Safe to send", "Fix this first", "Failed: Sign-in", "OK: Account", "Skipped: Microsoft API")
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert SECRET not in text
    assert f"Skipped: Microsoft API ({SIEM_HOST})" in outcomes(shown)

    hostile = "<img src=x onerror=alert(1)>"
    workplace.have_input("corp_eu", regions="eu", start_time=hostile)
    check(workplace)
    expect(shown.get_by_role("status")).to_contain_text("Fix this first: Input settings.")
    assert hostile in outcomes(shown)["Failed: Input settings"]
    assert workplace.page.locator("img[src=x]").count() == 0


def test_where_splunk_web_gives_up_the_command_is_named(workplace: Workplace) -> None:
    workplace.web.patience = 2.0
    open_row(workplace)
    workplace.cloud.faults.add(LOGIN_HOST, Hang(), times=None)
    shown = check(workplace)
    expect(shown.get_by_role("alert")).to_contain_text("splunkd did not answer")
    expect(shown.locator("code")).to_contain_text(
        "defender_alerts_doctor.py --kind defender_siem_alerts --input corp_eu"
    )
    workplace.seen_refusals += 1
