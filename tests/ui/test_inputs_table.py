"""The table of inputs: how each is doing at a glance, on a small screen and on a large one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Route, expect
from standins.splunkd.kvstore import KVStoreState
from ui.inputs_scene import COLLECTION, EXAMPLES, have_inputs
from ui.workplace import APP, GRAPH, KIND, Workplace

ENDPOINT = "defender_alerts_status"
COLUMNS = ["Name", "Input type", "Account", "Status", "Health", "Actions"]
LOOKS = [pytest.param(1024, "light", id="1024-light"), pytest.param(1920, "dark", id="1920-dark")]


def health(workplace: Workplace, name: str) -> Locator:
    """Give the cell that tells how an input is doing."""
    return workplace.row(name).locator('[data-column="health"]')


def table(workplace: Workplace) -> Locator:
    """Give the table."""
    return workplace.page.locator('[data-test="main-table"]')


def names(workplace: Workplace) -> list[str]:
    """Give the names of the inputs that are shown, from top to bottom."""
    return table(workplace).locator('tbody [data-column="name"]').all_inner_texts()


def asked(workplace: Workplace) -> int:
    """Count how often the page has asked how the inputs are doing."""
    return sum(urlsplit(one.target).path.endswith(ENDPOINT) for one in workplace.web.journal)


def calls(workplace: Workplace, since: int = 0) -> list[str]:
    """Give what the page has asked the add-on's endpoints for, since so many calls."""
    paths = [urlsplit(one.target).path for one in workplace.web.journal[since:]]
    return sorted(path for path in paths if f"/{APP}_" in path or path.endswith(ENDPOINT))


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_ten_inputs_tell_in_six_columns_how_they_are_doing_each_state_by_its_own_sign_and_no_word_is_broken(
    workplace: Workplace, width: int, theme: str
) -> None:
    workplace.web.theme = theme
    workplace.page.set_viewport_size({"width": width, "height": 900})
    made = have_inputs(workplace)
    workplace.open("inputs")
    for name, example in made.items():
        expect(health(workplace, name).locator("b")).to_have_text(example.word)
        state = example.word.lower().replace(" yet", "").replace(" ", "_")
        expect(health(workplace, name).locator(f'svg[data-state="{state}"]')).to_be_visible()
    heads = table(workplace).locator('thead [data-test="head-cell"]').all_inner_texts()
    assert [head.strip() for head in heads if head.strip()] == COLUMNS
    assert workplace.broken_words() == []
    assert workplace.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    workplace.picture(f"inputs-10-{theme}-{width}")


def test_the_worst_comes_first_when_it_is_sorted_and_is_found_by_what_is_shown(workplace: Workplace) -> None:
    have_inputs(workplace)
    workplace.open("inputs")
    expect(health(workplace, "contoso_graph").locator("b")).to_have_text("Collecting")
    head = table(workplace).locator('thead [data-test="head-cell"]').filter(has_text="Health")
    head.click()
    expect(table(workplace).locator('tbody [data-column="name"]').first).to_have_text("orphan")
    ascending = [EXAMPLES[[one.name for one in EXAMPLES].index(name)].word for name in names(workplace)]
    assert list(dict.fromkeys(ascending)) == [
        "Account missing",
        "Failed",
        "Incomplete",
        "Late",
        "No run yet",
        "Collecting",
        "Inactive",
    ]
    head.click()
    expect(table(workplace).locator('tbody [data-column="name"]').first).to_have_text("retired")
    workplace.page.get_by_placeholder("Search").fill("no run yet")
    expect(table(workplace).locator('tbody [data-column="name"]')).to_have_text(["new_input"])


def test_an_input_that_was_just_made_has_not_run_yet_and_is_not_said_to_be_elsewhere(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input("corp", GRAPH, interval="120")
    workplace.open("inputs")
    expect(health(workplace, "corp")).to_have_text("No run yet (starts within 120 s)")


def test_what_is_not_known_yet_is_being_loaded_and_does_not_look_good(workplace: Workplace) -> None:
    have_inputs(workplace, 1)
    held: list[Route] = []
    workplace.page.route(f"**/{ENDPOINT}*", lambda route: held.append(route))  # noqa: PLW0108 - it is marked
    workplace.open("inputs")
    expect(health(workplace, "contoso_graph")).to_have_text("Loading…")
    expect(health(workplace, "contoso_graph").locator("svg")).to_have_attribute("data-state", "loading")
    for route in held:
        route.continue_()
    workplace.page.unroute(f"**/{ENDPOINT}*")
    expect(health(workplace, "contoso_graph")).to_contain_text("Collecting")


def test_what_can_not_be_known_is_said_in_a_line(workplace: Workplace) -> None:
    have_inputs(workplace, 1)
    workplace.splunkd.kvstore.state = KVStoreState.FAILED
    workplace.open("inputs")
    expect(health(workplace, "contoso_graph").locator("b")).to_have_text("Unknown")
    expect(health(workplace, "contoso_graph").locator("svg")).to_have_attribute("data-state", "unknown")
    workplace.seen_refusals += asked(workplace)


def test_the_status_follows_while_the_page_is_looked_at(workplace: Workplace) -> None:
    have_inputs(workplace, 1)
    workplace.page.clock.install()
    workplace.open("inputs")
    workplace.page.clock.run_for(1_000)
    expect(health(workplace, "contoso_graph")).to_contain_text("Collecting")
    workplace.splunkd.kvstore.remove(COLLECTION)
    workplace.page.clock.run_for(29_000)
    expect(health(workplace, "contoso_graph")).to_contain_text("Collecting")
    workplace.page.clock.run_for(2_000)
    expect(health(workplace, "contoso_graph")).to_contain_text("No run yet")


def test_a_region_that_never_came_through_leaves_the_lag_of_its_input_unknown(workplace: Workplace) -> None:
    have_inputs(workplace, 4)
    workplace.open("inputs")
    expect(health(workplace, "contoso_siem").locator("b")).to_have_text("Failed")
    expect(health(workplace, "contoso_siem")).to_contain_text("Failed: eu: ")
    answers = [
        json.loads(one.received)["inputs"]
        for one in workplace.web.journal
        if urlsplit(one.target).path.endswith(ENDPOINT)
    ]
    [siem] = [one for one in answers[-1] if one["kind"] == KIND]
    assert siem["lag_seconds"] is None
    assert [region["lag_seconds"] is None for region in siem["regions"]] == [False, True, False]


def test_remarks_are_one_sentence_however_many_inputs_bring_the_same(workplace: Workplace) -> None:
    have_inputs(workplace)
    workplace.open("inputs")
    expect(health(workplace, "contoso_graph")).to_contain_text("Same alerts as 6 other inputs.")
    workplace.row("contoso_endpoint").get_by_role("switch").click()
    # The other rows know without a reload.
    expect(health(workplace, "contoso_graph")).to_contain_text("Same alerts as 5 other inputs.")
    expect(health(workplace, "contoso_endpoint")).to_have_text("Inactive")


def test_an_input_whose_account_was_deleted_says_so(workplace: Workplace) -> None:
    have_inputs(workplace)
    workplace.open("inputs")
    expect(health(workplace, "orphan")).to_contain_text("Account missing: there is no account deleted_account.")
    workplace.row("orphan").get_by_role("button", name="Expand row - orphan").click()
    expect(workplace.page.get_by_text("The account deleted_account of this input does not exist")).to_be_visible()


def test_an_input_leads_to_its_own_alerts_and_to_its_own_log(workplace: Workplace) -> None:
    have_inputs(workplace, 1)
    workplace.open("inputs")
    workplace.row("contoso_graph").get_by_role("button", name="Expand row - contoso_graph").click()
    searches = {}
    for text in ("Alerts of this input", "Log"):
        address = urlsplit(workplace.page.get_by_role("link", name=text, exact=True).get_attribute("href") or "")
        assert address.path == "/en-US/app/TA_defender_alerts/search"
        searches[text] = parse_qs(address.query)["q"]
    assert searches == {
        "Alerts of this input": ['`defender_alerts_index` source="defender_graph_alerts:*:*:contoso_graph"'],
        "Log": ['index=_internal source="*ta_defender_alerts_defender_graph_alerts_contoso_graph.log*"'],
    }


def test_a_hundred_inputs_share_the_answers_that_one_takes(
    workplace: Workplace, record_property: Callable[[str, object], None]
) -> None:
    have_inputs(workplace, 3)
    workplace.open("inputs")
    expect(health(workplace, "contoso_endpoint").locator("b")).to_have_text("Failed")
    of_three = calls(workplace)
    have_inputs(workplace, 100)
    before, began = len(workplace.web.journal), time.monotonic()
    workplace.open("inputs")
    expect(workplace.page.get_by_text("100 Inputs")).to_be_visible()
    expect(health(workplace, "contoso_endpoint").locator("b")).to_have_text("Failed")
    record_property(
        "report", f"The Inputs page with a hundred inputs: {time.monotonic() - began:.1f} s to their health"
    )
    assert calls(workplace, before) == of_three
    assert asked(workplace) == 2
    workplace.page.locator(".dropdownPage").click()
    workplace.page.get_by_role("option", name="50 Per Page").click()
    expect(table(workplace).locator('tbody [data-column="health"] svg')).to_have_count(50)
    expect(table(workplace).get_by_text("Loading…")).to_have_count(0)
    assert asked(workplace) <= 3


def test_the_longest_name_does_not_push_the_table_out_of_the_page(workplace: Workplace) -> None:
    workplace.page.set_viewport_size({"width": 1024, "height": 900})
    workplace.have_account()
    workplace.have_input("n" * 100, GRAPH)
    workplace.open("inputs")
    expect(health(workplace, "n" * 100)).to_contain_text("No run yet")
    assert workplace.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
