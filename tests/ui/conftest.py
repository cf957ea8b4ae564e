"""One Splunk and one browser for all tests of a worker, as if new for each; a cloud and a tenant for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect, sync_playwright
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import Splunkd
from standins.splunkweb import Web
from ui.workplace import APP, Workplace

from tooling import browser

# Long enough for a busy machine: each call to splunkd starts a Python of its own.
SECONDS = 120


@pytest.fixture(scope="session")
def browser_profile() -> Iterator[BrowserContext]:
    """Give Debian's Chromium, which keeps the pages' scripts; without it the test is reported as not run, or fails in CI."""
    if not browser.ready():
        reason = "Debian's Chromium is missing: ./build.sh test installs it, where it can be root"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        # Without its sandbox it runs for root and in a container too; it opens nothing but the stand-in's pages.
        # One process for all pages has the pages' scripts compiled already: a quarter of the time that a page takes.
        arguments = ["--no-sandbox", "--renderer-process-limit=1"]
        running = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=arguments)
        context = running.new_context(reduced_motion="reduce")
        context.set_default_timeout(SECONDS * 1000)
        yield context
        running.close()


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Give the folder for the pictures of pages, $UI_PICTURES; without it none are made."""
    named = os.environ.get("UI_PICTURES")
    if not named:
        return None
    Path(named).mkdir(parents=True, exist_ok=True)
    return Path(named)


@pytest.fixture(scope="session")
def splunk(
    built_app: Path,
    splunk_pythons: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    browser_profile: BrowserContext,
) -> Iterator[tuple[Splunkd, Web]]:
    """Give a Splunk with the add-on."""
    home = tmp_path_factory.mktemp("installation") / "splunk"
    with Splunkd(home, built_app, splunk_pythons["3.9"]) as splunkd, Web(splunkd, APP) as web:
        # A picture keeps the browser's process between two tests.
        browser_profile.new_page().goto(f"http://127.0.0.1:{web.port}/favicon.ico")
        yield splunkd, web


@pytest.fixture
def workplace(
    browser_profile: BrowserContext, splunk: tuple[Splunkd, Web], pictures: Path | None
) -> Iterator[Workplace]:
    """Give a browser before the setup pages of an add-on that nobody has set up yet."""
    splunkd, web = splunk
    browser_profile.clear_cookies()
    browser_profile.clear_permissions()
    page = browser_profile.new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    with MicrosoftCloud() as cloud:
        try:
            workplace = Workplace(splunkd, cloud, web, page, pictures)
            yield workplace
            workplace.assert_clean()
        finally:
            if page.url.startswith("http"):
                page.evaluate("localStorage.clear()")
            # A page that is closed goes on calling for a moment, since all share one process; one that is left does not.
            page.goto("about:blank")
            page.close()
            # Calls that the page has left behind come to their end before the cloud does.
            web.start_over()
            splunkd.start_over()
