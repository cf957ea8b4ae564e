"""Finds the add-on's errors in this host's log files, which needs no login."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from defender_alerts.diagnostics.report import Outcome, Result

_COMPONENTS = ("ExecProcessor", "PersistentScript", "AdminManagerExternal", "ModularInputs", "CalcFieldProcessor")
"""splunkd's components that report failures of inputs, REST handlers and calculated fields."""
_OURS = re.compile(r"(?i)defender|wdatp")
ADVICE = "Mend first what failed in this report. If nothing did, send these lines to support."
_TAIL = 5_000_000
_HOURS = 24
_MOST, _LONGEST = 3, 300
# 11-27-2026 02:18:51.123 +0000 ERROR ExecProcessor [1234 ExecProcessor] - message from ...
_LINE = re.compile(
    r"(?P<time>\d\d-\d\d-\d{4} \d\d:\d\d:\d\d\.\d+ [+-]\d{4}) (?:ERROR|WARN|FATAL) +(?P<component>\w+)"
    r"(?: +\[[^\]]*\])? +- (?P<text>.*)"
)
_TIME = "%m-%d-%Y %H:%M:%S.%f %z"
# Lines of a traceback except its last one: splunkd logs each line as an entry of its own.
_OF_A_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\s*$|[:}\"] {3,}\S")
# The command line that caused a message, in quotes or braces.
_FROM = re.compile(r"(?:message from \"|From \{)[^\"}]*?(?P<script>[\w.]+\.py)[^\"}]*[\"}]:? ?(?P<said>.*)")
_OWN_ERROR = re.compile(r"log_level=(?:ERROR|CRITICAL) .*?\| (?P<text>.*)")


def splunkds(logs: Path, now: dt.datetime) -> Iterator[Result]:
    """The add-on's errors in splunkd.log during the last day: a result for each component."""
    try:
        lines = _tail(logs / "splunkd.log")
    except FileNotFoundError:
        yield Result("splunkd.log", "", Outcome.SKIPPED, f"There is no {logs / 'splunkd.log'}.", "")
        return
    except OSError as error:
        yield Result(
            "splunkd.log",
            "",
            Outcome.WARNING,
            f"It can't be read ({error}).",
            "Run this as the user that runs splunkd.",
        )
        return
    by_component: dict[str, list[str]] = {}
    for component, text in _recent(reversed(lines), now):
        one = _FROM.sub(r"\g<script>: \g<said>", text)[:_LONGEST].strip()
        if not _OF_A_TRACEBACK.search(text) and not one.endswith(".py:"):
            by_component.setdefault(component, []).append(one)
    for component, texts in sorted(by_component.items()):
        found = " | ".join([*dict.fromkeys(texts)][:_MOST])
        yield Result("splunkd.log", component, Outcome.WARNING, found, ADVICE)
    if not by_component:
        yield Result("splunkd.log", "", Outcome.OK, f"No error of the add-on's in the last {_HOURS} hours.", "")


def own(logs: Path) -> Iterator[Result]:
    """The last error in each input's log, even if it has been fixed since."""
    found = False
    for path in sorted(logs.glob("ta_defender_alerts_*.log")):
        try:
            errors = [match.group("text") for match in map(_OWN_ERROR.search, _tail(path)) if match]
        except OSError as error:
            yield Result("log", path.name, Outcome.WARNING, f"It can't be read ({error}).", "")
            continue
        if errors:
            found = True
            yield Result("log", path.name, Outcome.WARNING, f"Its last error: {errors[-1][:_LONGEST]}", ADVICE)
    if not found:
        yield Result("log", "", Outcome.OK, "No error in the logs of the inputs.", "")


def _recent(lines: Iterable[str], now: dt.datetime) -> Iterator[tuple[str, str]]:
    for match in filter(None, map(_LINE.match, lines)):
        if match.group("component") in _COMPONENTS and _OURS.search(match.group("text")):
            time = dt.datetime.strptime(match.group("time"), _TIME)  # noqa: DTZ007 - the format has %z
            if time >= now - dt.timedelta(hours=_HOURS):
                yield match.group("component"), match.group("text")


def _tail(path: Path) -> list[str]:
    with path.open("rb") as log:
        log.seek(0, 2)
        log.seek(max(0, log.tell() - _TAIL))
        return log.read().decode("utf-8", "replace").splitlines()
