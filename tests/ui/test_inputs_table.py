"""The table of inputs: how each is doing at a glance, on a small screen and on a large one.

What a page showed wrong once is told by what can be seen and by roles alone, so that the same test can be run on any build.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

from playwright.sync_api import Locator, Route, expect
from standins.microsoft.faults import Status
from standins.splunkd.kvstore import KVStoreState
from ui.inputs_scene import COLLECTION, EXAMPLES, have_inputs
from ui.workplace import APP, GRAPH, KIND, SIEM_HOST, Workplace
from ui.workplace import ENDPOINT as ENDPOINT_KIND

ENDPOINT = "defender_alerts_status"
COLUMNS = ["Name", "Input type", "Account", "Status", "Health", "Actions"]


def health(workplace: Workplace, name: str) -> Locator:
    """Give the cell that tells how an input is doing."""
    return workplace.row(name).locator('[data-column="health"]')


def table(workplace: Workplace) -> Locator:
    """Give the table."""
    return workplace.page.locator('[data-test="main-table"]')


def names(workplace: Workplace) -> list[str]:
    """Give the names of the inputs that are shown, from top to bottom."""
    return table(workplace).locator('tbody [data-column="name"]').all_inner_texts()


def rows(workplace: Workplace) -> list[Locator]:
    """Give the rows of the table, from top to bottom."""
    return table(workplace).locator("tbody tr").all()


def cells_of(row: Locator) -> list[str]:
    """Give what the cells of a row show, but for the one that expands it."""
    return [text.strip() for text in row.get_by_role("cell").all_inner_texts()][1:]


def asked(workplace: Workplace) -> int:
    """Count how often the page has asked how the inputs are doing."""
    return sum(urlsplit(one.target).path.endswith(ENDPOINT) for one in workplace.web.journal)


def calls(workplace: Workplace, since: int = 0) -> list[str]:
    """Give what the page has asked the add-on's endpoints for, since so many calls."""
    paths = [urlsplit(one.target).path for one in workplace.web.journal[since:]]
    return sorted(path for path in paths if f"/{APP}_" in path or path.endswith(ENDPOINT))


def looked_at(workplace: Workplace) -> None:
    """Open the page, and wait until it shows how the inputs are doing."""
    with workplace.page.expect_response(f"**/{ENDPOINT}*"):
        workplace.open("inputs")
    workplace.page.wait_for_load_state("networkidle")
    expect(table(workplace).get_by_text("Loading…")).to_have_count(0)


def test_ten_inputs_tell_in_six_columns_how_they_are_doing_each_state_by_its_own_sign_and_no_word_is_broken(
    workplace: Workplace,
) -> None:
    made = have_inputs(workplace)
    looked_at(workplace)
    for width in (1024, 1920):
        workplace.page.set_viewport_size({"width": width, "height": 900})
        assert workplace.broken_words() == []
        assert workplace.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heads = table(workplace).get_by_role("columnheader").all_inner_texts()
    assert [head.strip() for head in heads if head.strip()] == COLUMNS
    for name, example in made.items():
        expect(health(workplace, name).locator("b")).to_have_text(example.word)
        state = example.word.lower().replace(" yet", "").replace(" ", "_")
        expect(health(workplace, name).locator(f'svg[data-state="{state}"]')).to_be_visible()

    # Remarks are one sentence, however many inputs bring the same.
    before = workplace.row("contoso_graph").inner_text()
    assert len(re.findall("same alerts", before, re.IGNORECASE)) == 1
    assert "Same alerts as 6 other inputs." in before
    workplace.row("contoso_endpoint").get_by_role("switch").click()
    # The other rows know without a reload.
    expect(workplace.row("contoso_graph")).to_contain_text("Same alerts as 5 other inputs.")
    expect(health(workplace, "contoso_endpoint")).to_have_text("Inactive")

    expect(workplace.row("orphan")).to_contain_text("there is no account deleted_account.")
    workplace.row("orphan").get_by_role("button", name="Expand row - orphan").click()
    expect(workplace.page.get_by_text("The account deleted_account of this input does not exist")).to_be_visible()


def test_every_column_with_a_sort_arrow_is_sorted_and_what_a_row_says_of_its_runs_is_found(
    workplace: Workplace,
) -> None:
    workplace.have_account()
    workplace.have_input("a_new", GRAPH)
    workplace.have_input("b_off", ENDPOINT_KIND, disabled="1")
    workplace.have_input("c_orphan", account="deleted_account")
    looked_at(workplace)
    heads = table(workplace).locator("th[aria-sort]")
    for number in range(heads.count()):
        shown = []
        for direction in ("ascending", "descending"):
            while heads.nth(number).get_attribute("aria-sort") != direction:
                heads.nth(number).click()
            expect(table(workplace).get_by_text("Loading…")).to_have_count(0)
            shown.append([cells_of(row)[number] for row in rows(workplace)])
        if len(set(shown[0])) > 1:
            assert shown[0] == shown[1][::-1], heads.nth(number).inner_text()
    [said] = [text for text in cells_of(workplace.row("a_new")) if re.search(r"\b(?:run|host)\b", text)]
    workplace.page.get_by_placeholder("Search").fill(" ".join(said.split()[:3]))
    expect(workplace.row("b_off")).to_have_count(0)
    expect(workplace.row("a_new")).to_be_visible()


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


def test_the_status_follows_while_the_page_is_looked_at_and_what_is_not_known_does_not_look_good(
    workplace: Workplace,
) -> None:
    have_inputs(workplace, 1)
    workplace.page.clock.install()
    held: list[Route] = []
    workplace.page.route(f"**/{ENDPOINT}*", lambda route: held.append(route))  # noqa: PLW0108 - it is marked
    with workplace.page.expect_request(f"**/{ENDPOINT}*"):
        workplace.open("inputs")
    shown = health(workplace, "contoso_graph")
    expect(workplace.row("contoso_graph")).to_contain_text("Loading…")
    expect(shown.locator("svg")).to_have_attribute("data-state", "loading")
    for route in held:
        route.continue_()
    workplace.page.unroute(f"**/{ENDPOINT}*")
    expect(shown).to_contain_text("Collecting")
    workplace.splunkd.kvstore.remove(COLLECTION)
    workplace.page.clock.run_for(31_000)
    expect(shown).to_contain_text("No run yet")
    workplace.splunkd.kvstore.state = KVStoreState.FAILED
    workplace.page.clock.run_for(31_000)
    expect(shown.locator("b")).to_have_text("Unknown")
    expect(shown.locator("svg")).to_have_attribute("data-state", "unknown")
    workplace.seen_refusals += len(workplace.refusals)


def test_a_region_that_never_came_through_leaves_the_lag_of_its_input_unknown(workplace: Workplace) -> None:
    workplace.have_account()
    workplace.have_input("corp", regions="us,eu")
    workplace.cloud.faults.add(SIEM_HOST, Status(403), times=None)
    assert workplace.splunkd.run_input(KIND, "corp").status == 1
    looked_at(workplace)
    [shown] = json.loads(workplace.web.journal[-1].received)["inputs"]
    assert [(one["region"], one["lag_seconds"] is None) for one in shown["regions"]] == [("us", False), ("eu", True)]
    assert shown["lag_seconds"] is None
    expect(workplace.row("corp")).to_contain_text("Failed: eu: ")
    assert not any(re.fullmatch(r"\d+ (?:s|min|h|d)", text) for text in cells_of(workplace.row("corp")))


def test_an_input_leads_to_its_own_alerts_and_to_its_own_log(workplace: Workplace) -> None:
    have_inputs(workplace, 1)
    looked_at(workplace)
    # Not to the log of every input in whose name its own occurs, as UCC's own link does.
    for leading in workplace.row("contoso_graph").get_by_role("link").all():
        assert "*contoso_graph*" not in unquote(leading.get_attribute("href") or "")
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
