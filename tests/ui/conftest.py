"""One Chromium for all tests of a worker; a Splunk, a cloud and an empty browser profile for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import Splunkd
from standins.splunkweb import Web
from ui.workplace import APP, KIND, Workplace

from tooling import browser

# Long enough for a busy machine: each call to splunkd starts a Python of its own.
SECONDS = 30


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give Debian's Chromium; without it the test is reported as not run, or fails in CI."""
    if not browser.ready():
        reason = "Debian's Chromium is missing: ./build.sh test installs it, where it can be root"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        # Without its sandbox it runs for root and in a container too; it opens nothing but the stand-in's pages.
        running = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder for the pictures of pages: $UI_PICTURES, else a temporary one."""
    named = os.environ.get("UI_PICTURES")
    folder = Path(named) if named else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def installation(built_app: Path, splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SPLUNK_HOME with the add-on to copy, in which Python has compiled what the REST handlers import."""
    home = tmp_path_factory.mktemp("installation") / "splunk"
    with Splunkd(home, built_app, splunk_pythons["3.9"]) as splunkd:
        for handler in ("account", "settings/logging", KIND):
            splunkd.web.get(f"{APP}_{handler}")
    return home


@pytest.fixture
def workplace(
    chromium: Browser,
    installation: Path,
    splunk_pythons: dict[str, Path],
    tmp_path: Path,
    pictures: Path,
) -> Iterator[Workplace]:
    """Give a browser before the setup pages of an add-on that nobody has set up yet."""
    home = shutil.copytree(installation, tmp_path / "splunk")
    with (
        MicrosoftCloud() as cloud,
        Splunkd(home, home / "etc" / "apps" / APP, splunk_pythons["3.9"]) as splunkd,
        Web(splunkd, APP) as web,
    ):
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(SECONDS * 1000)
        try:
            workplace = Workplace(splunkd, cloud, web, context.new_page(), pictures)
            yield workplace
            workplace.assert_clean()
        finally:
            context.close()
