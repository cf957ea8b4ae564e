"""`build.sh ui` as a person meets it: a process that prints where the pages are, until Ctrl-C."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urljoin

import requests

from tooling import paths

NEW_INPUT = {
    "name": "newcomer",
    "account": "contoso",
    "index": "main",
    "interval": "60",
    "start_time": "-7d",
    "overlap": "600",
}


def shows(address: str, *words: str) -> str:
    """Give a page that can be had, with these words on it."""
    answer = requests.get(address, timeout=120)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert [one for one in words if one not in answer.text] == []
    return answer.text


def test_it_has_accounts_and_collected_inputs_of_every_kind_and_says_where_and_what_to_try(built_app: Path) -> None:
    assert built_app == paths.BUILT_APP
    command = (sys.executable, "-B", "-m", "ui")
    environment = {**os.environ, "PYTHONPATH": paths.SEARCH_PATH}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=paths.ROOT, env=environment) as process:
        try:
            assert process.stdout is not None
            shown = ""
            while "Ctrl-C ends it." not in shown:
                line = process.stdout.readline()
                assert line, shown
                shown += line
            addresses = re.findall(r"^  (http://127\.0\.0\.1:\d+/\S+)$", shown, re.MULTILINE)
            assert [address.rpartition("/")[2] for address in addresses] == ["configuration", "inputs"]
            for address in addresses:
                assert requests.get(address, timeout=60).status_code == 200
            assert re.findall(r"^    (contoso_\w+) +(contoso\w*) +(\d+) events$", shown, re.MULTILINE) == [
                ("contoso_graph", "contoso", "80"),
                ("contoso_incidents", "contoso_certificate", "20"),
                ("contoso_endpoint", "contoso_certificate", "80"),
                ("contoso_siem", "contoso", "80"),
            ]
            app = addresses[0].rpartition("/")[0]
            shown_alert = shows(f"{app}/defender_alerts_overview", "New alerts", "80 alerts were updated")
            shows(f"{app}/defender_incidents", "The most severe open ones first")
            shows(f"{app}/defender_alerts_health", "contoso_siem")
            # An input that somebody makes there runs by itself.
            browser = requests.Session()
            browser.get(addresses[1], timeout=60)
            [token] = [value for name, value in browser.cookies.items() if name.startswith("splunkweb_csrf_token_")]
            made = browser.post(
                f"{app.partition('/app/')[0]}/splunkd/__raw/servicesNS/nobody/{paths.APP}/{paths.APP}_defender_graph_alerts",
                data={**NEW_INPUT, "output_mode": "json"},
                headers={"X-Splunk-Form-Key": token, "X-Requested-With": "XMLHttpRequest"},
                timeout=120,
            )
            assert made.status_code in {200, 201}, made.text
            while "newcomer" not in shows(f"{app}/defender_alerts_health", "contoso_siem"):
                assert process.poll() is None
            # As a click on an alert leads on to it.
            address = html.unescape(re.findall(r'href="([^"]*form\.alert=[^"]+)"', shown_alert)[0])
            shows(urljoin(app, address), "Versions", "ms:defender:graph:alerts")
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
