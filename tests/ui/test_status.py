"""The status of the inputs: in their table, in the expanded row, and the buttons that let an input start again."""

from __future__ import annotations

from playwright.sync_api import Locator, expect
from standins.microsoft.faults import Status
from ui.workplace import KIND, SIEM_HOST, Workplace

COLLECTION = "ta_defender_alerts_checkpoints"
ENDED = "Your Splunk session has ended. Reload the page and log in again."
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


def test_an_input_that_has_never_run_here_says_so_and_can_not_be_reset(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input("corp_eu", regions="eu", interval="120")
    workplace.open("inputs")
    expect(cell(workplace, "health")).to_contain_text("No run yet (starts within 120 s)")
    expect(workplace.row("corp_eu")).not_to_contain_text("host")
    workplace.row("corp_eu").get_by_role("button", name="Expand row - corp_eu").click()
    expect(workplace.page.get_by_text("This input has not run on this host yet.")).to_be_visible()
    for button in ("Reset checkpoint", "Collect again"):
        expect(workplace.page.get_by_role("button", name=button)).to_be_hidden()


def test_after_a_success_the_table_and_the_row_say_when_and_how_far(workplace: Workplace) -> None:
    have_collected(workplace)
    workplace.open("inputs")
    expect(cell(workplace, "health")).to_contain_text("Collecting, ")
    expect(cell(workplace, "health")).to_contain_text(" behind")
    region = expand(workplace).get_by_role("row").nth(1)
    expect(region).to_contain_text("eu")
    expect(region).to_contain_text("UTC")
    expect(workplace.page.get_by_text("Overlap (s)")).to_be_visible()


def test_after_an_error_the_table_says_what_to_do_and_html_in_it_stays_text(workplace: Workplace) -> None:
    have_input(workplace)
    workplace.cloud.faults.add(SIEM_HOST, Status(403), times=None)
    assert workplace.splunkd.run_input(KIND, "corp_eu").status == 1
    workplace.open("inputs")
    expect(cell(workplace, "health")).to_contain_text("Failed: ")
    expect(cell(workplace, "health").locator("svg")).to_have_attribute("data-state", "failed")
    expect(expand(workplace).get_by_role("row").nth(1)).to_contain_text("permission")
    document = {"kind": KIND, "input": "corp_eu", "region": "", "category": "server_error", "sentence": HOSTILE}
    time = "2026-11-01T00:00:00.0000000Z"
    # Whatever became of an input of that name before: the run began later.
    began = "2099-01-01T00:00:00.0000000Z"
    key = f"{KIND}:corp_eu:last_error"
    workplace.splunkd.kvstore.remove(COLLECTION)
    workplace.splunkd.kvstore.put(COLLECTION, {**document, "_key": key, "time": time, "began": began})
    expand(workplace)
    expect(cell(workplace, "health")).to_have_text(f"Failed: {HOSTILE}")
    expect(workplace.page.get_by_text(f"2026-11-01 00:00:00 UTC: {HOSTILE}")).to_be_visible()
    assert workplace.page.locator("img[src=x]").count() == 0


def test_a_reset_by_click_takes_a_confirmation_and_collects_again_from_the_start_or_from_the_time_that_was_typed(
    workplace: Workplace,
) -> None:
    have_input(workplace)
    workplace.publish_alerts(3)
    workplace.splunkd.searches.add(workplace.splunkd.run_input(KIND, "corp_eu").events)
    table = expand(workplace)
    question = ask(workplace, "Reset checkpoint")
    expect(question.get_by_text("eu: collects")).to_contain_text("to now again; the checkpoint is at")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    assert resets(workplace) == []
    ask(workplace, "Reset checkpoint").get_by_role("button", name="Reset checkpoint").click()
    expect(workplace.page.get_by_text("The next run of eu starts at")).to_be_visible()
    expect(table.get_by_role("row").nth(1).get_by_role("cell").nth(5)).to_contain_text("UTC")
    assert len(resets(workplace)) == 1
    assert len(workplace.splunkd.run_input(KIND, "corp_eu").events) == 3
    before = resets(workplace)

    # What is refused is said in the dialog, which keeps what was typed.
    question = ask(workplace, "Collect again")
    typed = question.get_by_role("textbox")
    typed.fill("yesterday")
    question.get_by_role("button", name="Collect again").click()
    expect(workplace.page.get_by_role("alert").filter(has_text="should be ISO 8601 in UTC")).to_be_visible()
    expect(question).to_be_visible()
    expect(question.get_by_role("alert")).to_contain_text("should be ISO 8601 in UTC")
    expect(typed).to_have_value("yesterday")
    expect(question.get_by_role("alert").locator("svg")).to_have_attribute("data-state", "failed")
    workplace.seen_refusals += len(workplace.refusals)
    typed.fill("-2d")
    expect(question.get_by_text("3 indexed events of this time found here will be indexed twice.")).to_be_visible()
    assert resets(workplace) == before
    question.get_by_label("Region").select_option("eu")
    typed.fill("2026-11-01T00:00:00Z")
    question.get_by_role("button", name="Collect again").click()
    expect(workplace.page.get_by_text("The next run of eu starts at 2026-11-01 00:00:00 UTC.")).to_be_visible()
    assert "2026-11-01T00:00:00.0000000Z" in resets(workplace)

    # Where that time lies behind what has been collected, what is left out is said.
    [checkpoint] = [one for one in workplace.splunkd.kvstore.documents(COLLECTION) if "watermark" in one]
    old = dict.fromkeys(("watermark", "settled", "seen_from"), "2026-11-01T00:00:00.0000000Z")
    workplace.splunkd.kvstore.put(COLLECTION, {**checkpoint, **{name: old[name] for name in old if name in checkpoint}})
    question = ask(workplace, "Collect again")
    question.get_by_role("textbox").fill("2026-11-02T00:00:00Z")
    expect(
        question.get_by_text(
            "Warning: alerts of eu that were last updated between 2026-11-01 00:00:00 UTC and 2026-11-02 00:00:00 UTC "
            "will never be collected. How many they are is not known: the add-on has not read them yet."
        )
    ).to_be_visible()


def test_a_user_without_the_capability_is_refused_and_sees_why(workplace: Workplace) -> None:
    have_collected(workplace)
    workplace.web.user = "analyst"
    workplace.open("inputs")
    expect(cell(workplace, "health")).to_contain_text("Collecting")
    expand(workplace)
    question = ask(workplace, "Reset checkpoint")
    expect(question.get_by_role("alert")).to_contain_text("capability admin_all_objects")
    question.get_by_role("button", name="Reset checkpoint").click()
    expect(question.get_by_role("alert")).to_contain_text("capability admin_all_objects")
    workplace.seen_refusals += 2
    assert resets(workplace) == []


def test_a_session_that_has_ended_is_named_with_what_to_do(workplace: Workplace) -> None:
    have_collected(workplace)
    expand(workplace)
    expect(workplace.page.get_by_role("button", name="Reset checkpoint")).to_be_visible()
    workplace.web.log_everybody_out()
    workplace.page.get_by_role("button", name="Check this input").click()
    expect(workplace.page.get_by_role("region", name="Check of corp_eu").get_by_role("alert")).to_contain_text(ENDED)
    question = ask(workplace, "Reset checkpoint")
    expect(question.get_by_role("alert")).to_have_text(ENDED)
    question.get_by_role("button", name="Cancel").click()
    # Of a switch UCC says "Unauthorized" (6.6). What to do stands beside it as soon as the status is asked for again.
    workplace.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(cell(workplace, "health")).to_have_text(f"Unknown: {ENDED}")
    workplace.seen_refusals += len(workplace.refusals)
