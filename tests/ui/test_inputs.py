"""The Inputs page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect
from ui.form import Form
from ui.workplace import APP, COMMON_DEFAULTS, ENDPOINT, GRAPH, INCIDENTS, INPUT_KINDS, SIEM, InputKind, Workplace

DEPRECATED = "Microsoft has deprecated the SIEM API"


@dataclass(frozen=True)
class Choice:
    """What somebody chooses in the fields of a kind's own, and how it is stored.

    Attributes:
        lists: fields from whose list one thing is chosen, or several, by what the page shows.
        buttons: fields in which one button of several is pressed.
    """

    kind: InputKind
    lists: dict[str, tuple[str, ...]]
    stored: dict[str, str]
    buttons: dict[str, str] | None = None

    def make(self, form: Form) -> None:
        """Choose it."""
        for field, labels in self.lists.items():
            if len(labels) == 1:
                form.choose(field, labels[0])
            else:
                form.choose_several(field, labels)
        for field, label in (self.buttons or {}).items():
            form.choose_button(field, label)


CHOICES = (
    Choice(
        GRAPH,
        {
            "severities": ("Medium", "High"),
            "service_sources": ("Microsoft Defender for Identity", "Microsoft Sentinel"),
        },
        {"severities": "medium,high", "service_sources": "microsoftDefenderForIdentity,microsoftSentinel"},
    ),
    Choice(INCIDENTS, {}, {"alerts": "split"}, buttons={"alerts": "Split out"}),
    Choice(
        ENDPOINT,
        {"region": ("European Union (eu)",), "severities": ("Low", "Unspecified")},
        {"region": "eu", "severities": "low,unspecified"},
    ),
    Choice(
        SIEM,
        {"resource": ("https://WDATPAlertExport.Seville.onmicrosoft.com",)},
        {"resource": "https://WDATPAlertExport.Seville.onmicrosoft.com"},
    ),
)


def test_the_page_says_which_input_to_choose_and_offers_them_in_that_order(workplace: Workplace) -> None:
    workplace.open("inputs")
    items = workplace.open_menu_of_inputs()
    workplace.picture("inputs-menu")
    assert [" ".join(text.split()) for text in items.all_inner_texts()] == [kind.entry for kind in INPUT_KINDS]
    expect(workplace.page.get_by_text(f"Start with {GRAPH.title}")).to_be_visible()


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.kind.name)
def test_a_new_input_starts_with_defaults_that_work_and_what_is_chosen_later_is_stored_shown_and_cloned(
    workplace: Workplace, choice: Choice
) -> None:
    kind = choice.kind
    workplace.have_account()
    dialog = workplace.add_input(kind)
    workplace.picture(f"{kind.name}-add")
    expect_warning(dialog, kind)
    dialog.type(name="corp_all")
    dialog.choose("account", "corp")
    dialog.press("Advanced")
    expect(dialog.box("overlap")).to_be_visible()
    dialog.box("overlap").scroll_into_view_if_needed()
    workplace.picture(f"{kind.name}-add-advanced")
    dialog.save("Add")
    [created] = workplace.sent(kind.name)
    given = {"name": "corp_all", "account": "corp", **COMMON_DEFAULTS, **kind.defaults}
    assert parse_qs(created.sent.decode()) == {name: [value] for name, value in given.items()}
    expect(workplace.row("corp_all")).to_contain_text(kind.title)
    expect(workplace.row("corp_all")).to_contain_text("Active")

    workplace.row("corp_all").get_by_role("button", name="Expand row - corp_all").click()
    expect(workplace.page.get_by_text("Overlap (s)")).to_be_visible()
    dialog = workplace.act("corp_all", "Edit")
    assert dialog.box("name").is_disabled()
    expect_warning(dialog, kind)
    dialog.press("Advanced")
    choice.make(dialog)
    dialog.type(interval="600", overlap="900")
    dialog.save("Update")
    expect(workplace.row("corp_all")).to_be_visible()
    stored = workplace.conf("inputs")[f"{kind.name}://corp_all"]
    expected = {**COMMON_DEFAULTS, **kind.defaults, **choice.stored, "interval": "600", "overlap": "900"}
    assert {field: stored.get(field) for field in expected} == expected

    again = workplace.act("corp_all", "Edit")
    again.press("Advanced")
    expect(again.box("overlap")).to_be_visible()
    for field, labels in choice.lists.items():
        assert (again.tags(field) or [again.chosen(field)]) == list(labels)
    for field, label in (choice.buttons or {}).items():
        assert again.pressed(field) == label

    again.press("Cancel")
    expect(again.locator).to_be_hidden()
    clone = workplace.act("corp_all", "Clone")
    expect_warning(clone, kind)
    clone.type(name="corp_more")
    clone.save("Save")
    expect(workplace.row("corp_more")).to_be_visible()
    cloned = workplace.conf("inputs")[f"{kind.name}://corp_more"]
    same = ("account", *COMMON_DEFAULTS, *kind.defaults, *choice.stored)
    assert {field: cloned.get(field) for field in same} == {field: stored.get(field) for field in same}


def expect_warning(form: Form, kind: InputKind) -> None:
    """Check that the form says which inputs to use in place of the deprecated one, and nothing of the others."""
    expect(form.notices).to_have_count(1 if kind is SIEM else 0)
    if kind is SIEM:
        for words in (DEPRECATED, GRAPH.title, ENDPOINT.title):
            expect(form.notices).to_contain_text(words)


def test_an_input_is_edited_as_somebody_else_has_saved_it_and_not_once_it_is_deleted(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input("corp_all", INCIDENTS)
    workplace.open("inputs")
    expect(workplace.row("corp_all")).to_be_visible()
    workplace.have_input("corp_all", INCIDENTS, interval="900")
    dialog = workplace.act("corp_all", "Edit")
    expect(dialog.box("interval")).to_have_value("900")
    dialog.type(start_time="-3d")
    workplace.have_input("corp_all", INCIDENTS, interval="1200")
    dialog.press("Update")
    dialog.expect_complaint("Somebody else has changed this since it was loaded here")
    assert dialog.complaint().endswith("Changed: Interval (seconds).")
    assert workplace.conf("inputs")[f"{INCIDENTS.name}://corp_all"]["interval"] == "1200"
    workplace.splunkd.conf.remove("inputs", APP, f"{INCIDENTS.name}://corp_all")
    dialog.press("Update")
    dialog.expect_complaint("There is no corp_all any more")
    # The form has asked for it as well.
    workplace.seen_refusals += 1
    assert dialog.refusal() == "There is no corp_all any more: somebody has deleted it. Reload the page."


def test_a_filter_that_is_taken_back_is_gone(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input("corp_all", GRAPH, severities="high", service_sources="microsoftSentinel")
    workplace.open("inputs")
    dialog = workplace.act("corp_all", "Edit")
    dialog.press("Advanced")
    dialog.remove_tag("severities", "High")
    dialog.save("Update")
    stored = workplace.conf("inputs")[f"{GRAPH.name}://corp_all"]
    assert (stored.get("severities", ""), stored["service_sources"]) == ("", "microsoftSentinel")


def test_an_input_is_disabled_enabled_again_and_deleted_after_a_confirmation(workplace: Workplace) -> None:
    workplace.have_account()
    for each in INPUT_KINDS:
        workplace.have_input(f"of_{each.name}", each)
    name = f"of_{INCIDENTS.name}"
    workplace.open("inputs")
    switch = workplace.row(name).get_by_role("switch")
    expect(switch).to_be_checked()
    switch.click()
    expect(workplace.row(name)).to_contain_text("Inactive")
    assert workplace.is_disabled(name, INCIDENTS)
    switch.click()
    expect(switch).to_be_checked()
    assert not workplace.is_disabled(name, INCIDENTS)
    dialog = workplace.act(name, "Delete")
    dialog.press("Cancel")
    expect(dialog.locator).to_be_hidden()
    workplace.act(name, "Delete").save("Delete")
    expect(workplace.row(name)).to_be_hidden()
    left = {stanza for stanza in workplace.conf("inputs") if "://" in stanza}
    assert left == {f"{each.name}://of_{each.name}" for each in INPUT_KINDS if each != INCIDENTS}


COMPLAINTS = (
    ("name", "corp all", "The name starts with a letter and holds only letters, digits and underscores."),
    ("interval", "30", "The interval is a whole number of seconds from 60 to 86400."),
    ("start_time", "yesterday", "The start time is like -7d, -12h or 2026-01-31T00:00:00Z."),
)


def test_what_cannot_be_right_in_an_input_is_complained_of_before_anything_is_sent(workplace: Workplace) -> None:
    workplace.have_account()
    # Of several accounts none is chosen beforehand.
    workplace.have_account("other")
    dialog = workplace.add_input(GRAPH)
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
    assert workplace.sent(GRAPH.name) == []


def test_an_input_is_added_with_the_keyboard_alone(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.open("inputs")
    keyboard = workplace.page.keyboard
    workplace.tab_to(workplace.page.get_by_role("button", name="Create New Input"))
    keyboard.press("Enter")
    item = workplace.page.get_by_role("menuitem", name=SIEM.title, exact=True)
    expect(item).to_be_visible()
    workplace.go_to(item, "ArrowDown")
    keyboard.press("Enter")
    dialog = workplace.dialog()
    workplace.tab_to(dialog.box("name"))
    keyboard.insert_text("corp_all")
    workplace.tab_to(dialog.field("account").locator('[data-test="select"]'))
    keyboard.press("Enter")
    found = workplace.page.get_by_role("combobox", name="Filter")
    expect(found).to_be_focused()
    keyboard.insert_text("corp")
    expect(found).to_have_attribute("aria-activedescendant", re.compile("."))
    keyboard.press("Enter")
    expect(dialog.field("account").locator('[data-test="select"]')).to_have_text("corp")
    workplace.tab_to(dialog.locator.get_by_role("button", name="Add", exact=True))
    keyboard.press("Enter")
    expect(workplace.row("corp_all")).to_contain_text("Active")
