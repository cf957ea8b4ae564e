"""The status of the inputs: in their table, in the expanded row, and the buttons that let an input start again."""

from __future__ import annotations

from playwright.sync_api import Locator, expect
from standins.microsoft.faults import Status
from ui.workplace import KIND, SIEM_HOST, Workplace

COLLECTION = "ta_defender_alerts_checkpoints"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> Paste."


def have_collected(workplace: Workplace) -> None:
    """Have an input that has run once and brought three alerts."""
    have_input(workplace)
    workplace.publish_alerts(3)
    assert len(workplace.splunkd.run_input(KIND, "corp_eu").events) == 3


def have_input(workplace: Workplace) -> None:
    """Have an input that has never run."""
    workplace.have_account()
    workplace.have_input("corp_eu", regions="eu")


def cell(workplace: Workplace, column: str) -> Locator:
    """Give a cell of the input's row."""
    return workplace.row("corp_eu").locator(f'[data-column="{column}"]')


def expand(workplace: Workplace) -> Locator:
    """Open the input's row, and give what the page shows then."""
    workplace.expand("corp_eu")
    return workplace.page.get_by_role("table", name="Status of corp_eu")


def ask(workplace: Workplace, button: str) -> Locator:
    """Press a button of the row, and give the question."""
    workplace.page.get_by_role("button", name=button).click()
    dialog = workplace.page.get_by_role("dialog", name=button)
    expect(dialog).to_be_visible()
    return dialog


def resets(workplace: Workplace) -> list[str]:
    """Give the times at which somebody has ordered to start again."""
    return [one["start"] for one in workplace.splunkd.kvstore.documents(COLLECTION) if "start" in one]


def test_an_input_that_has_never_run_here_is_not_on_this_host(workplace: Workplace) -> None:
    have_input(workplace)
    workplace.open("inputs")
    expect(cell(workplace, "status_collected")).to_have_text("not on this host")
    expect(cell(workplace, "status_regions")).to_have_text("eu")
    workplace.row("corp_eu").get_by_role("button", name="Expand row - corp_eu").click()
    expect(workplace.page.get_by_text("this input has never run here")).to_be_visible()
    workplace.picture("status-not-here")


def test_after_a_success_the_table_and_the_row_say_when_and_how_far(workplace: Workplace) -> None:
    have_collected(workplace)
    workplace.open("inputs")
    expect(cell(workplace, "status_collected")).to_contain_text("UTC")
    expect(cell(workplace, "status_lag")).to_contain_text("s")
    expect(cell(workplace, "status_error")).to_have_text("")
    region = expand(workplace).get_by_role("row").nth(1)
    expect(region).to_contain_text("eu")
    expect(workplace.page.get_by_text("Overlap (s)")).to_be_visible()
    workplace.picture("status-collected")


def test_after_an_error_the_table_says_what_to_do(workplace: Workplace) -> None:
    have_input(workplace)
    workplace.cloud.faults.add(SIEM_HOST, Status(403), times=None)
    assert workplace.splunkd.run_input(KIND, "corp_eu").status == 1
    workplace.open("inputs")
    expect(cell(workplace, "status_collected")).to_have_text("never")
    expect(cell(workplace, "status_error")).to_contain_text("permission")
    expect(expand(workplace).get_by_role("row").nth(1)).to_contain_text("permission")
    workplace.picture("status-error")


def test_html_in_an_error_stays_text(workplace: Workplace) -> None:
    have_input(workplace)
    document = {"kind": KIND, "input": "corp_eu", "region": "", "category": "server_error", "sentence": HOSTILE}
    time = "2026-11-01T00:00:00.0000000Z"
    # Whatever became of an input of that name before: the run began later.
    began = "2099-01-01T00:00:00.0000000Z"
    key = f"{KIND}:corp_eu:last_error"
    workplace.splunkd.kvstore.put(COLLECTION, {**document, "_key": key, "time": time, "began": began})
    workplace.open("inputs")
    expect(cell(workplace, "status_error")).to_have_text(f"server error: {HOSTILE}")
    expand(workplace)
    expect(workplace.page.get_by_text(f"2026-11-01 00:00:00 UTC: {HOSTILE}")).to_be_visible()
    assert workplace.page.locator("img[src=x]").count() == 0


def test_a_reset_by_click_takes_a_confirmation_and_collects_again(workplace: Workplace) -> None:
    have_collected(workplace)
    table = expand(workplace)
    question = ask(workplace, "Reset checkpoint")
    workplace.picture("status-reset")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    assert resets(workplace) == []
    ask(workplace, "Reset checkpoint").get_by_role("button", name="Reset checkpoint").click()
    expect(workplace.page.get_by_text("The next run of eu starts at")).to_be_visible()
    expect(table.get_by_role("row").nth(1).get_by_role("cell").nth(5)).to_contain_text("UTC")
    assert len(resets(workplace)) == 1
    assert len(workplace.splunkd.run_input(KIND, "corp_eu").events) == 3


def test_collecting_again_starts_at_the_time_that_was_typed(workplace: Workplace) -> None:
    have_collected(workplace)
    expand(workplace)
    question = ask(workplace, "Collect again from")
    question.get_by_label("Region").select_option("eu")
    question.get_by_label("Time").fill("2026-11-01T00:00:00Z")
    workplace.picture("status-collect-again")
    question.get_by_role("button", name="Collect again from").click()
    expect(workplace.page.get_by_text("The next run of eu starts at 2026-11-01 00:00:00 UTC.")).to_be_visible()
    assert resets(workplace) == ["2026-11-01T00:00:00.0000000Z"]


def test_a_time_that_is_none_is_refused_with_the_sentence(workplace: Workplace) -> None:
    have_collected(workplace)
    expand(workplace)
    question = ask(workplace, "Collect again from")
    question.get_by_label("Time").fill("yesterday")
    question.get_by_role("button", name="Collect again from").click()
    expect(workplace.page.get_by_role("alert")).to_contain_text("should be ISO 8601 in UTC")
    workplace.seen_refusals += 1
    assert resets(workplace) == []


def test_a_user_without_the_capability_is_refused_and_sees_why(workplace: Workplace) -> None:
    have_collected(workplace)
    workplace.web.user = "analyst"
    workplace.open("inputs")
    expect(cell(workplace, "status_collected")).to_contain_text("UTC")
    expand(workplace)
    ask(workplace, "Reset checkpoint").get_by_role("button", name="Reset checkpoint").click()
    expect(workplace.page.get_by_role("alert")).to_contain_text("capability admin_all_objects")
    workplace.picture("status-refused")
    workplace.seen_refusals += 1
    assert resets(workplace) == []
