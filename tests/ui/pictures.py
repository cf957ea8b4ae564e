"""`build.sh pictures`: every page that an administrator looks at, in three widths and both themes, as a picture.

With 1, 10 and 100 inputs. Nobody is better than a pair of eyes at seeing what is ugly; what must not happen again is in
`tests/ui/test_inputs_table.py`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import Splunkd
from standins.splunkweb import Web
from ui.inputs_scene import have_inputs
from ui.workplace import APP, GRAPH, SIEM, Workplace

from tooling import browser, paths
from tooling.splunk_pythons import SPLUNK_PYTHONS

WIDTHS = (1024, 1280, 1920)
THEMES = ("light", "dark")
HEIGHT = 900
COUNTS = (1, 10, 100)
FOLDER = paths.ROOT / "output" / "pictures"
ROW = "contoso_siem"
SECONDS = 60


def main() -> int:
    """Make all pictures, and say where they are."""
    browser.make()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=["--no-sandbox"])
        for count in COUNTS:
            with _workplace(chromium) as workplace:
                have_inputs(workplace, count)
                workplace.application.roles = {"https://graph.microsoft.com": ("SecurityAlert.Read.All",)}
                workplace.have_account("checked", skip_check="0", secret_expires="2027-06-30")
                for theme in THEMES:
                    for width in WIDTHS:
                        _inputs(workplace, count, theme, width)
                        if count == max(COUNTS[:2]):
                            _others(workplace, theme, width)
        chromium.close()
    sys.stdout.write(f"  {len(list(FOLDER.iterdir()))} pictures in {FOLDER}\n")
    return 0


@contextmanager
def _workplace(chromium: Browser) -> Iterator[Workplace]:
    python = next((python.program for python in SPLUNK_PYTHONS if python.ready), Path(sys.executable))
    with (
        tempfile.TemporaryDirectory(prefix="splunk-") as home,
        MicrosoftCloud() as cloud,
        Splunkd(Path(home) / "splunk", paths.BUILT_APP, python) as splunkd,
        Web(splunkd, APP) as web,
    ):
        context = chromium.new_context(reduced_motion="reduce")
        context.set_default_timeout(SECONDS * 1000)
        yield Workplace(splunkd, cloud, web, context.new_page(), FOLDER)
        context.close()


def _look(workplace: Workplace, theme: str, width: int) -> None:
    workplace.web.theme = theme
    workplace.page.set_viewport_size({"width": width, "height": HEIGHT})


def _keep(workplace: Workplace, name: str) -> None:
    expect(workplace.page.locator('[data-test="wait-spinner"]')).to_have_count(0)
    if workplace.page.url.endswith("/inputs"):
        expect(workplace.page.locator('[data-column="health"] b').first).to_be_visible()
        expect(workplace.page.get_by_text("Loading…")).to_have_count(0)
    # A window as high as the page: in a lower one the head of a long table, or the shadow of a dialog, lies across it.
    width = workplace.page.evaluate("innerWidth")
    workplace.page.set_viewport_size({"width": width, "height": HEIGHT})
    height = max(HEIGHT, workplace.page.evaluate("document.documentElement.scrollHeight"))
    workplace.page.set_viewport_size({"width": width, "height": height})
    workplace.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    workplace.page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def _inputs(workplace: Workplace, count: int, theme: str, width: int) -> None:
    _look(workplace, theme, width)
    workplace.open("inputs")
    expect(workplace.page.locator('[data-column="health"] b').first).to_be_visible()
    _keep(workplace, f"inputs-{count}-{theme}-{width}")


def _others(workplace: Workplace, theme: str, width: int) -> None:
    page, end = workplace.page, f"{theme}-{width}"
    workplace.expand(ROW)
    page.get_by_role("button", name="Check this input").click()
    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    _keep(workplace, f"row-doctor-{end}")
    secrets = [*workplace.application.secrets]
    workplace.application.secrets.clear()
    page.get_by_role("button", name="Check this input").click()
    expect(page.get_by_role("list", name="Failed and warning")).to_be_visible()
    _keep(workplace, f"row-doctor-failed-{end}")
    workplace.application.secrets.extend(secrets)
    for order in ("Reset checkpoint", "Collect again"):
        page.get_by_role("button", name=order).click()
        dialog = page.get_by_role("dialog", name=order)
        expect(dialog.get_by_text("Counting")).to_have_count(0)
        _keep(workplace, f"dialog-{order.split()[0].lower()}-{end}")
        dialog.get_by_role("button", name="Cancel").click()
    for kind in (GRAPH, SIEM):
        workplace.add_input(kind)
        _keep(workplace, f"add-{kind.name}-{end}")
        workplace.dialog().press("Advanced")
        _keep(workplace, f"add-{kind.name}-advanced-{end}")
    workplace.open_menu_of_inputs()
    _keep(workplace, f"inputs-menu-{end}")
    workplace.open("configuration")
    expect(workplace.row("corp")).to_be_visible()
    _keep(workplace, f"accounts-{end}")
    workplace.add_account()
    _keep(workplace, f"add-account-{end}")
    # A page of its own: the dialog lies over the tabs.
    workplace.open("configuration")
    for tab in ("Proxy", "Logging", "Network"):
        workplace.open_tab(tab)
        _keep(workplace, f"{tab.lower()}-{end}")


if __name__ == "__main__":
    sys.exit(main())
