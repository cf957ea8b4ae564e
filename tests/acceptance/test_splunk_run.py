"""`./build.sh accept --splunk` against the stand-in Splunk: once as it should be, once with ten defects and more at once."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from standins.splunkd import Fault, IndexedEvent, Splunkd
from standins.splunkd.scheduler import Scheduler

from acceptance.judging import CHECKS

Accept = Callable[..., tuple[int, list[str]]]
LeftIn = Callable[[Splunkd], dict[str, Any]]
MINUTE = 5.0
"""Seconds that a minute of an input's interval takes."""
NOT_ASKED = {"data-models"}
"""Splunk_SA_CIM is not there."""
OTHERWISE = {"openssl"}
"""Debian's Python has another OpenSSL than Splunk's, which is nothing wrong."""
LONG = 0.035
"""Minutes of the long run: no hour, but a run that is asked to wait in the middle all the same."""


def answers(folder: Path) -> dict[str, dict[str, Any]]:
    """Give the answers of the report by their checks."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {answer["check"]: answer for answer in report["answers"]}


def test_a_splunk_that_is_as_assumed_answers_yes_to_everything_and_is_left_as_it_was(
    splunkd: Splunkd, accept: Accept, left_in: LeftIn, tmp_path: Path
) -> None:
    before = left_in(splunkd)
    with Scheduler(splunkd, minute=MINUTE):
        status, lines = accept(splunkd, "--long", str(LONG), "--disruptive")
    found = answers(tmp_path)
    others = {name: answer for name, answer in found.items() if answer["verdict"] not in {"yes", "not asked"}}
    assert others.keys() == OTHERWISE, others
    assert {name for name, answer in found.items() if answer["verdict"] == "not asked"} == NOT_ASKED
    assert status == 0
    assert left_in(splunkd) == before
    assert not (tmp_path / "notes").exists()
    text = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert text in "\n".join(lines)
    assert "9.4.3" in text
    assert not re.search(r"127\.0\.0\.1|admin|changed-already|standin", text.replace("stand-in", ""))


@dataclass
class Pipeline:
    """Loses one event, doubles another, changes the host of a third, and loses every alert that was updated."""

    seen: dict[str, int] = field(default_factory=dict)

    def __call__(self, event: IndexedEvent) -> Iterable[IndexedEvent]:
        kind = event.source.partition(":")[0] + event.sourcetype
        self.seen[kind] = number = self.seen.get(kind, 0) + 1
        if "graph:alerts" in kind and '"status":"resolved"' in event.raw and number > 4:
            return ()
        if number == 2 and kind.startswith("defender_endpoint_alerts"):
            return ()
        if number == 2 and kind.startswith("defender_siem_alerts"):
            return (event, event)
        if number == 1 and kind.startswith("defender_incidents"):
            return (replace(event, host="heavy-forwarder"),)
        return (event,)


@dataclass(frozen=True)
class Defect:
    """What a Splunk may do otherwise.

    Attributes:
        check: that has to report it.
        file: of the app's settings that is changed to bring it about; "" for what is not a matter of settings.
        pattern: what is replaced in it.
        by: what it is replaced by.
    """

    check: str
    file: str = ""
    pattern: str = ""
    by: str = ""


SEARCHES = ("json-sees-all", "mvmap-loops", "path-into-text", "backslash", "lists-paired", "rows-without-a-group")
"""The checks that run a search of docs/unknowns.md."""
DEFECTS = (
    *(Defect(name) for name in SEARCHES),
    Defect("newest-first"),
    Defect("every-version-once"),
    Defect("host-source-sourcetype"),
    Defect("updates"),
    Defect("disabled-in-backlog"),
    Defect("no-refused-expressions"),
    Defect("no-errors"),
    Defect("python-version"),
    Defect("time", "props.conf", r"DATETIME_CONFIG = NONE", "DATETIME_CONFIG = CURRENT"),
    Defect("huge-event", "props.conf", r"TRUNCATE = 0", "TRUNCATE = 5000000"),
    Defect("fields-of-huge-event", "props.conf", r"TRUNCATE = 0", "TRUNCATE = 5000000"),
    Defect("stanza-by-source", "props.conf", r"\(\?<vendor_region>", "(?<region_of_vendor>"),
    Defect("null-is-no-field", "props.conf", r"(?m)^EVAL-status = .*$", ""),
    Defect("fields", "props.conf", r"(?m)^EVAL-signature = .*$", ""),
    Defect("aliases", "props.conf", r"vendor_severity AS Severity", ""),
    Defect("fields-of-evidence", "transforms.conf", r"MV_ADD = true", ""),
    Defect("event-types-and-tags", "eventtypes.conf", r'sourcetype="wdatp:alerts"', 'sourcetype="wdatp:alert"'),
    Defect("cim", "eventtypes.conf", r'sourcetype="wdatp:alerts"', 'sourcetype="wdatp:alert"'),
)
# A search that Splunk refuses, and the one check that has no answer then.
REFUSED, UNANSWERED = "defender_alerts_each_once", "latest"
LINES = (
    ("CalcFieldProcessor", "Invalid eval expression for 'EVAL-dest' in stanza [ms:defender:graph:alerts]"),
    ("PersistentScript", "From {/opt/splunk/etc/apps/TA_defender_alerts/bin/defender_alerts_rest.py}: broken"),
    ("ExecProcessor", "The Microsoft Defender Alerts Add-on needs Python 3.9 or later"),
)


def test_each_of_ten_defects_and_more_at_once_is_reported(
    tmp_path: Path, built_app: Path, splunk_pythons: dict[str, Path], accept: Accept
) -> None:
    app = tmp_path / built_app.name
    shutil.copytree(built_app, app, ignore=shutil.ignore_patterns("__pycache__", "appserver"))
    for defect in DEFECTS:
        if defect.file:
            path = app / "default" / defect.file
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(defect.pattern, defect.by, text), encoding="utf-8")

    with (
        Splunkd(tmp_path / "splunk", app, splunk_pythons["3.9"]) as splunkd,
        Scheduler(splunkd, minute=MINUTE, pipeline=Pipeline(), kills=True),
    ):
        nothing = json.dumps({"messages": [], "results": []}).encode()
        for body in ("makeresults", r"head\+20"):
            splunkd.faults.add(Fault("search/v2/jobs", body=body, status=200, content=nothing))
        splunkd.faults.add(Fault("search/v2/jobs", body=REFUSED, status=400, text="Error in 'dedup' command."))

        def complain(line: str) -> None:
            if "looking into the logs" in line:
                for component, text in LINES:
                    splunkd.log("ERROR", component, text)

        status, _ = accept(splunkd, "--grace", "8", on_line=complain)
    found = answers(tmp_path)
    missed = {defect.check: found[defect.check] for defect in DEFECTS if found[defect.check]["verdict"] != "NO"}
    assert missed == {}
    assert [name for name, answer in found.items() if answer["verdict"] == "no answer"] == [UNANSWERED]
    assert status == 1


def test_each_defect_is_one_that_a_check_looks_for_and_there_are_ten_at_least() -> None:
    assert {defect.check for defect in DEFECTS} | NOT_ASKED | {UNANSWERED} <= {asked.check.name for asked in CHECKS}
    assert len({defect.check for defect in DEFECTS}) >= 10


@pytest.mark.parametrize(
    ("word", "conf", "stanza", "settings"),
    [
        ("an account", "ta_defender_alerts_account", "corp", {"tenant_id": "contoso.example"}),
        ("an input", "inputs", "defender_incidents://mine", {"account": "corp", "disabled": "1"}),
        ("a proxy", "ta_defender_alerts_settings", "proxy", {"proxy_enabled": "0", "proxy_url": "proxy.example"}),
        ("CA certificates", "ta_defender_alerts_settings", "network", {"ca_bundle": "/etc/ssl/own.pem"}),
    ],
)
def test_a_splunk_that_is_in_use_is_refused_before_anything_is_changed(  # noqa: PLR0917 - pytest passes them by name
    splunkd: Splunkd,
    accept: Accept,
    left_in: LeftIn,
    tmp_path: Path,
    word: str,
    conf: str,
    stanza: str,
    settings: dict[str, str],
) -> None:
    splunkd.conf.write(conf, "TA_defender_alerts", stanza, settings)
    before, calls = left_in(splunkd), len(splunkd.journal)
    status, lines = accept(splunkd)
    assert status == 2
    assert word in lines[-1]
    assert left_in(splunkd) == before
    assert {call.method for call in splunkd.journal[calls:] if not call.path.endswith("/login")} == {"GET"}
    assert not (tmp_path / "notes").exists()
