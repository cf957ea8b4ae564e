"""The documentation site's own search, used as a reader does: in a browser, from a web server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tooling import docs


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of the site on a web server."""
    folder: Path = tmp_path_factory.mktemp("site")
    docs.make(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


FOUND = (
    ("AADSTS7000215", "AADSTS codes"),
    ("firewall", "1. Open the firewall"),
    ("mitre_technique_id", "Fields of alerts and incidents"),
    ("overlap", "All inputs"),
)


def test_a_reader_who_types_a_word_comes_to_its_page(browser_profile: BrowserContext, site: str) -> None:
    page = browser_profile.new_page()
    try:
        page.goto(f"{site}/index.html")
        first, _ = FOUND[0]
        page.get_by_placeholder("Search docs").fill(first)
        page.get_by_placeholder("Search docs").press("Enter")
        for words, title in FOUND:
            if words != first:
                page.get_by_label("Search the Docs").fill(words)
                # It searches at each key.
                page.get_by_label("Search the Docs").press("End")
            found = page.locator("#mkdocs-search-results").get_by_role("link", name=title, exact=True)
            expect(found.first).to_be_visible()
            text = page.request.get(found.first.evaluate("link => link.href")).text()
            assert re.search(rf"<h\d[^>]*>{re.escape(title)}<", text), title
        found.first.click()
        expect(page.get_by_role("heading", name=title).first).to_be_visible()
    finally:
        page.close()
