"""Names: what the pages take, and what is done with others that stand in a conf file."""

from __future__ import annotations

import re
from contextlib import nullcontext
from urllib.parse import quote

import pytest
from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import check_name
from hypothesis import given
from hypothesis import strategies as st
from integration.installation import APP, KIND, Installation
from integration.saving import ACCOUNTS, refusal_of, row
from package.forms import forms
from standins.splunkd import WebError

ODD = (
    "corp eu",
    "corp@eu",
    "Büro",
    "corp/eu",
    "corp%41",
    "corp%2Feu",
    "corp+eu",
    "a#b?c=d&e",
    "東京",
    "corp..eu",
    "1st",
)
# What no page takes, and splunkd's own rules for names of inputs neither.
REFUSED = ("corp eu", "Büro", "corp-eu", "1st", "_corp", "corpé", "corp٣")


@given(st.one_of(st.text(), st.from_regex(r"[A-Za-z]\w*", fullmatch=True)))
def test_pages_REST_and_the_checks_of_ours_take_the_same_names(name: str) -> None:
    # JavaScript knows the same classes of ASCII and no line feed before its $.
    takes = re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) is not None
    patterns = {one.get("pattern") for form in forms().values() if "name" in form for one in form["name"]["validators"]}
    assert patterns == {"^[A-Za-z][A-Za-z0-9_]*$", None}
    with nullcontext() if takes else pytest.raises(ConfigurationError):
        check_name(name, "input")


@pytest.mark.parametrize("name", REFUSED)
def test_a_page_refuses_the_name_before_anything_is_asked_or_saved(fresh: Installation, name: str) -> None:
    refusal = refusal_of(lambda: fresh.save_account(name, skip_check="1"))
    assert f"The account name {name!r} is not allowed" in refusal
    assert fresh.cloud.journal.tunnels() == []
    assert f"[{name}]" not in fresh.stored(ACCOUNTS)
    with pytest.raises(WebError):
        fresh.save_input(name)
    assert f"{KIND}://{name}]" not in fresh.stored("inputs")


@pytest.mark.parametrize("name", ODD)
def test_an_account_that_stands_in_a_conf_under_another_name_is_found_and_used(fresh: Installation, name: str) -> None:
    fresh.save_account("model")
    stanzas = fresh.splunkd.conf.local(ACCOUNTS, APP)
    fresh.splunkd.conf.write(ACCOUNTS, APP, name, stanzas["model"])
    fresh.write_secret(name)
    fresh.write_input("of_odd", account=name, regions="eu")
    fresh.publish("eu", fresh.alerts(3))
    run = fresh.run("of_odd")
    assert (run.status, len(run.events)) == (0, 3), fresh.log("of_odd")


def test_such_an_account_is_shown_and_an_edit_of_it_is_refused_before_anything_is_asked(fresh: Installation) -> None:
    fresh.save_account("model")
    for name in ODD:
        fresh.splunkd.conf.write(ACCOUNTS, APP, name, fresh.splunkd.conf.local(ACCOUNTS, APP)["model"])
    asked = len(fresh.cloud.journal.tunnels())
    for name in ODD:
        assert row(fresh, name)["tenant_id"] == fresh.tenant.guid
        path = f"{APP}_account/{quote(name, safe='')}"
        refusal = refusal_of(lambda path=path: fresh.splunkd.web.post(path, {"client_secret": fresh.secret}))  # type: ignore[misc]
        assert f"The account name {name!r} is not allowed" in refusal
    assert len(fresh.cloud.journal.tunnels()) == asked


@pytest.mark.parametrize("name", ["2nd-input", "my input", "eu/one", "../../../etc/eu", "Büro", "corp%41", "x\u200b"])
def test_an_input_of_another_name_is_refused_before_anything_is_named_after_it(fresh: Installation, name: str) -> None:
    fresh.save_account()
    fresh.write_input(name, regions="eu")
    before = set(fresh.splunkd.home.rglob("*.log"))
    run = fresh.splunkd.run_input(KIND, name)
    assert (run.status, run.stdout_bytes) == (2, 0)
    [line] = run.stderr
    assert line.startswith(f"ERROR {KIND}://{name} The input name {name!r} is not allowed: it begins with a letter")
    assert set(fresh.splunkd.home.rglob("*.log")) == before
    assert fresh.splunkd.kvstore.documents("ta_defender_alerts_checkpoints") == []


def test_an_input_of_a_name_that_no_file_can_have_collects_and_says_what_it_has_to_say_in_splunkd_log(
    fresh: Installation,
) -> None:
    name = "a" * 240
    fresh.save_account()
    fresh.write_input(name, regions="eu")
    fresh.publish("eu", fresh.alerts(3))
    run = fresh.splunkd.run_input(KIND, name)
    assert (run.status, len(run.events)) == (0, 3)
    assert f"{name}.log can't be written (File name too long" in run.stderr[0]
    assert "action=region_done" in fresh.splunkd.logs()["splunkd.log"]
