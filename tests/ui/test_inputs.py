"""The Inputs page."""

from __future__ import annotations

from urllib.parse import parse_qs

from playwright.sync_api import expect
from ui.workplace import KIND, Workplace

INPUT = f"{KIND}://corp_all"
DEPRECATED = "Microsoft has deprecated the SIEM API"


def test_a_new_input_warns_of_the_deprecated_api_and_starts_with_defaults_that_work(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.open("inputs")
    workplace.picture("inputs-empty")
    dialog = workplace.add_input()
    workplace.picture("input-add")
    assert dialog.warning().startswith(DEPRECATED)
    dialog.type(name="corp_all")
    dialog.choose("account", "corp")
    dialog.press("Advanced")
    expect(dialog.box("machine_groups")).to_be_visible()
    dialog.box("machine_groups").scroll_into_view_if_needed()
    workplace.picture("input-add-advanced")
    dialog.save("Add")

    expect(workplace.row("corp_all")).to_contain_text("us,eu,uk")
    expect(workplace.row("corp_all")).to_contain_text("Active")
    workplace.row("corp_all").get_by_role("button", name="Expand row - corp_all").click()
    expect(workplace.page.get_by_text("https://graph.windows.net")).to_be_visible()
    workplace.picture("inputs")
    [created] = workplace.sent(KIND)
    assert parse_qs(created.sent.decode()) == {
        "name": ["corp_all"],
        "account": ["corp"],
        "regions": ["us,eu,uk"],
        "index": ["default"],
        "interval": ["300"],
        "start_time": ["-7d"],
        "overlap": ["600"],
        "resource": ["https://graph.windows.net"],
    }
    workplace.publish_alerts(3)
    assert len(workplace.splunkd.run_input(KIND, "corp_all").events) == 3


def test_a_region_that_the_cloud_does_not_have_is_refused_with_the_sentence(workplace: Workplace) -> None:
    workplace.have_account(cloud="gcc")
    dialog = workplace.add_input()
    dialog.type(name="corp_all")
    dialog.choose("account", "corp")
    dialog.press("Add")
    sentence = dialog.refusal()
    workplace.picture("input-add-wrong-region")
    assert sentence == "The region 'eu' does not exist for this input in the cloud GCC. Choose among: us."
    dialog.remove_tag("regions", "European Union (eu)")
    dialog.remove_tag("regions", "United Kingdom (uk)")
    assert dialog.tags("regions") == ["United States (us)"]
    dialog.save("Add")
    expect(workplace.row("corp_all")).to_be_visible()
    assert workplace.conf("inputs")[INPUT]["regions"] == "us"


def test_an_input_is_edited_and_warns_again(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input()
    workplace.open("inputs")
    dialog = workplace.act("corp_all", "Edit")
    workplace.picture("input-edit")
    assert dialog.warning().startswith(DEPRECATED)
    assert dialog.tags("regions") == ["United States (us)", "European Union (eu)", "United Kingdom (uk)"]
    assert dialog.box("name").is_disabled()
    dialog.remove_tag("regions", "United States (us)")
    dialog.type(interval="600")
    dialog.save("Update")
    expect(workplace.row("corp_all")).to_contain_text("eu,uk")
    stored = workplace.conf("inputs")[INPUT]
    assert (stored["regions"], stored["interval"], stored["start_time"]) == ("eu,uk", "600", "-7d")


def test_an_input_is_cloned_under_another_name(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input(regions="uk", overlap="900")
    workplace.open("inputs")
    dialog = workplace.act("corp_all", "Clone")
    workplace.picture("input-clone")
    dialog.type(name="corp_uk")
    dialog.save("Save")
    expect(workplace.row("corp_uk")).to_be_visible()
    inputs = workplace.conf("inputs")
    same = ("account", "regions", "index", "interval", "start_time", "overlap", "resource")
    assert [inputs[f"{KIND}://corp_uk"][key] for key in same] == [inputs[INPUT][key] for key in same]


def test_an_input_is_disabled_and_enabled_again(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input()
    workplace.open("inputs")
    switch = workplace.row("corp_all").get_by_role("switch")
    expect(switch).to_be_checked()
    switch.click()
    expect(workplace.row("corp_all")).to_contain_text("Inactive")
    workplace.picture("inputs-disabled")
    assert workplace.is_disabled("corp_all")
    switch.click()
    expect(switch).to_be_checked()
    assert not workplace.is_disabled("corp_all")


def test_an_input_is_deleted_after_a_confirmation(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input()
    workplace.have_input("corp_more")
    workplace.open("inputs")
    dialog = workplace.act("corp_all", "Delete")
    workplace.picture("input-delete")
    dialog.press("Cancel")
    expect(dialog.locator).to_be_hidden()
    workplace.act("corp_all", "Delete").save("Delete")
    expect(workplace.row("corp_all")).to_be_hidden()
    assert [stanza for stanza in workplace.conf("inputs") if "://" in stanza] == [f"{KIND}://corp_more"]


COMPLAINTS = (
    ("name", "corp all", "The name starts with a letter and holds only letters, digits and underscores."),
    ("interval", "30", "The interval is a whole number of seconds from 60 to 86400."),
    ("start_time", "yesterday", "The start time is like -7d, -12h or 2026-01-31T00:00:00Z."),
)


def test_what_cannot_be_right_in_an_input_is_complained_of_before_anything_is_sent(workplace: Workplace) -> None:
    workplace.have_account()
    dialog = workplace.add_input()
    dialog.press("Add")
    dialog.expect_complaint("Field Name is required")
    dialog.type(name="corp_all")
    dialog.press("Add")
    dialog.expect_complaint("Field Account is required")
    dialog.choose("account", "corp")
    right = {"name": "corp_all", "interval": "300", "start_time": "-7d"}
    for field, text, complaint in COMPLAINTS:
        dialog.type(**{**right, field: text})
        dialog.press("Add")
        dialog.expect_complaint(complaint)
    assert workplace.sent(KIND) == []
