"""An administrator's workplace: a browser at the setup pages of a freshly installed add-on, and a tenant to connect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request, expect
from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.samples import siem_alert
from standins.splunkd import Splunkd
from standins.splunkweb import Exchange, Web
from ui.form import Form

from tooling import paths

APP = "TA_defender_alerts"
KIND = "defender_siem_alerts"
LOGIN_HOST = "login.microsoftonline.com"
SIEM_HOST = "wdatp-alertexporter-eu.windows.com"
SECRET = "nobody's~Right/Secret+0123456789=\"&%"


@dataclass(frozen=True)
class InputKind:
    """A kind of input: its name, its title on the pages, and what its own fields hold before anything is typed."""

    name: str
    title: str
    defaults: dict[str, str]
    mark: str = ""

    @property
    def entry(self) -> str:
        """What the menu of new inputs calls it: marked where it is the one to begin with."""
        return f"{self.title} {self.mark}".rstrip()


def _offered() -> Iterator[InputKind]:
    """The kinds in the order in which the page offers them."""
    config = json.loads((paths.ROOT / "globalConfig.json").read_text(encoding="utf-8"))
    for service in config["pages"]["inputs"]["services"]:
        shown = {field["field"]: field["defaultValue"] for field in service["entity"] if "defaultValue" in field}
        defaults = {name: value for name, value in shown.items() if COMMON_DEFAULTS.get(name) != value}
        yield InputKind(service["name"], service["title"], defaults, service.get("subTitle", ""))


COMMON_DEFAULTS = {"index": "default", "interval": "300", "start_time": "-7d", "overlap": "600"}
INPUT_KINDS = tuple(_offered())
GRAPH, INCIDENTS, ENDPOINT, SIEM = (
    next(kind for kind in INPUT_KINDS if kind.name == f"defender_{name}")
    for name in ("graph_alerts", "incidents", "endpoint_alerts", "siem_alerts")
)
# UCC loads a form's script while it shows the form already. What was typed before would be what the form has begun with.
HAS_SCRIPT = """async () => {
    const scripts = performance.getEntriesByType("resource").map(({ name }) => name);
    const script = scripts.find((name) => /\\/defender_(account|input)_form\\.js/.test(name));
    return script !== undefined && (await import(script)) !== undefined;
}"""
# The words that stand on more than one line, and what is cut off: of cells, and of the heads of columns.
BROKEN = """table => {
    const broken = [];
    const texts = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        // What is there for screen readers alone.
        if (texts.currentNode.parentElement.getBoundingClientRect().width <= 2) continue;
        for (const { 0: word, index } of texts.currentNode.data.matchAll(/\\S+/g)) {
            const range = document.createRange();
            range.setStart(texts.currentNode, index);
            range.setEnd(texts.currentNode, index + word.length);
            const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
            if (tops.size > 1) broken.push(word);
        }
    }
    for (const label of table.querySelectorAll('thead [data-test="head-cell"] span')) {
        if (label.scrollWidth > label.clientWidth + 1) broken.push(label.innerText);
    }
    return broken;
}"""


@dataclass
class Workplace:
    """One Splunk with the add-on, one cloud with a tenant of Contoso's, one browser page.

    `seen_refusals` counts the refusals that a test has read on the page; any other one fails it.
    """

    splunkd: Splunkd
    cloud: MicrosoftCloud
    web: Web
    page: Page
    pictures: Path | None
    complaints: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)
    seen_refusals: int = 0

    def __post_init__(self) -> None:
        self.tenant = self.cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", name="Contoso")
        self.application = self.tenant.add_application(secret=SECRET)
        proxy = {"proxy_enabled": "1", "proxy_type": "http", "proxy_url": self.cloud.proxy.host}
        self.write_settings("proxy", **proxy, proxy_port=str(self.cloud.proxy.port))
        self.write_settings("network", ca_bundle=self.cloud.ca_pem, request_timeout="5")
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._broken)
        self.page.on("request", self._requested)

    # What happened before the test.

    def write_settings(self, tab: str, **settings: str) -> None:
        """Have a tab's settings stand in the conf file."""
        self.splunkd.conf.write("ta_defender_alerts_settings", APP, tab, settings)

    def have_account(self, name: str = "corp", **fields: str) -> None:
        """Have an account, saved without a check."""
        self.splunkd.web.post(
            f"{APP}_account", {**self.account_fields(name), "cloud": "commercial", "skip_check": "1", **fields}
        )

    def have_input(self, name: str = "corp_all", kind: InputKind = SIEM, **fields: str) -> None:
        """Have an input stand in the conf file."""
        settings = {"account": "corp", **COMMON_DEFAULTS, "index": "main", "disabled": "0"}
        self.splunkd.conf.write("inputs", APP, f"{kind.name}://{name}", {**settings, **kind.defaults, **fields})

    def publish_alerts(self, count: int) -> None:
        """Have so many alerts of the last day in the EU."""
        day_ago = self.cloud.clock.now() - 86_400 * ticks.PER_SECOND
        self.cloud.siem("eu").add_all(self.tenant, [siem_alert(number, day_ago + number) for number in range(count)])

    def account_fields(self, name: str = "corp") -> dict[str, str]:
        """What is typed for a new account."""
        return {
            "name": name,
            "tenant_id": self.tenant.guid,
            "client_id": self.application.client_id,
            "client_secret": SECRET,
        }

    # What is on the page.

    def open(self, view: str) -> None:
        """Open a page."""
        self.page.goto(self.web.page(view))

    def open_tab(self, title: str) -> Form:
        """Open a tab of the Configuration page that is a form."""
        if "/configuration" not in self.page.url:
            self.open("configuration")
        self.page.get_by_role("tab", name=title).click()
        expect(self.page.get_by_role("button", name="Save", exact=True)).to_be_visible()
        return Form(self, self.page.get_by_role("main"))

    def add_account(self) -> Form:
        """Open the dialog for a new account."""
        self.open("configuration")
        self.page.get_by_role("button", name="Add", exact=True).click()
        return self.dialog()

    def add_input(self, kind: InputKind = SIEM) -> Form:
        """Open the dialog for a new input."""
        self.open_menu_of_inputs()
        self.page.get_by_role("menuitem", name=kind.entry, exact=True).click()
        return self.dialog()

    def open_menu_of_inputs(self) -> Locator:
        """Open the menu with the kinds of input, and give its items."""
        self.open("inputs")
        self.page.get_by_role("button", name="Create New Input").click()
        items = self.page.get_by_role("menuitem")
        expect(items).to_have_count(len(INPUT_KINDS))
        return items

    def act(self, name: str, action: str) -> Form:
        """Press the button Edit, Clone or Delete in the row of this name, and give the dialog that opens."""
        self.row(name).get_by_role("button", name=action, exact=True).click()
        form = self.dialog()
        if action == "Edit":
            self.page.wait_for_function(HAS_SCRIPT)
        return form

    def dialog(self) -> Form:
        """Give the open dialog."""
        form = Form(self, self.page.get_by_role("dialog"))
        form.wait()
        return form

    def row(self, name: str) -> Locator:
        """Give the table's row of this name."""
        cell = self.page.get_by_role("cell", name=name, exact=True)
        return self.page.get_by_role("row").filter(has=cell)

    def broken_words(self) -> list[str]:
        """Give the words of the page's table that stand on more than one line, and what is cut off of its head."""
        found: list[str] = self.page.locator('[data-test="main-table"]').evaluate(BROKEN)
        return found

    def expand(self, name: str) -> None:
        """Open the row of the input of this name."""
        self.open("inputs")
        self.row(name).get_by_role("button", name=f"Expand row - {name}").click()
        expect(self.page.get_by_role("button", name="Check this input")).to_be_visible()

    def tab_to(self, target: Locator) -> None:
        """Press Tab until this has the focus."""
        self.go_to(target, "Tab")

    def go_to(self, target: Locator, key: str) -> None:
        """Press a key until this has the focus, which it may have already in a list that has just opened."""
        for _ in range(40):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{key} never comes to {target}")

    def picture(self, name: str) -> None:
        """Keep a picture of what can be seen once nothing is being loaded, where pictures are wanted."""
        expect(self.page.locator('[data-test="wait-spinner"]')).to_have_count(0)
        if self.pictures:
            self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled")

    # What went over the wire, and what is stored.

    @property
    def refusals(self) -> list[Exchange]:
        """What splunkd and Splunk Web have refused."""
        return [exchange for exchange in self.web.journal if exchange.status >= 400]

    def sent(self, member: str) -> list[Exchange]:
        """The writing calls to one of the add-on's endpoints."""
        return [
            exchange
            for exchange in self.web.journal
            if exchange.method != "GET" and f"/{APP}_{member}" in urlsplit(exchange.target).path
        ]

    def is_disabled(self, name: str, kind: InputKind = SIEM) -> bool:
        """Whether splunkd would leave an input alone."""
        return self.conf("inputs")[f"{kind.name}://{name}"].get("disabled", "0") in {"1", "true"}

    def conf(self, conf: str) -> dict[str, dict[str, str]]:
        """Give what the add-on has in a conf file, defaults included."""
        return {stanza: dict(settings) for stanza, settings in self.splunkd.conf.of_app(conf, APP).items()}

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _broken(self, error: Error) -> None:
        self.complaints.append(f"uncaught: {error.message}")

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).netloc != f"127.0.0.1:{self.web.port}" and not request.url.startswith(
            ("data:", "blob:")
        ):
            self.foreign_requests.append(request.url)

    def assert_clean(self) -> None:
        """Check what holds for every test: nothing refused that the test has not read, and an error-free console."""
        # The footer's build time is what a page is told last.
        expect(self.page.get_by_text("Build Time: ")).to_contain_text("UTC")
        own = [text for text in self.complaints if not text.startswith("Failed to load resource")]
        assert own == []
        assert self.foreign_requests == []
        refused = [(exchange.status, exchange.target, exchange.received) for exchange in self.refusals]
        assert len(refused) == self.seen_refusals, refused
        assert len(self.complaints) - len(own) == self.seen_refusals, self.complaints
