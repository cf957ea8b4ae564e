"""The log lines of the built add-on, run in a stand-in Splunk: what went well, what failed, and a day made of them."""

from __future__ import annotations

import datetime as dt
import functools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from integration.installation import DAY, MINUTE, SIEM_HOST, Installation
from standins.key_pairs import KeyPair
from standins.microsoft import faults
from standins.microsoft.certificates import Certificate
from standins.microsoft.cloud import MicrosoftCloud
from standins.search import IndexedEvent, events_of_log
from standins.search.conf import read_conf
from standins.search.rows import Row
from standins.sources import ENDPOINT, GRAPH, INCIDENTS, ROLES, SIEM, SOURCES, Source
from standins.splunkd import Splunkd

from tooling import paths

SAVED = read_conf(paths.PACKAGE / "default" / "savedsearches.conf")
OF_THE_LOG = FELL_BEHIND, SILENT, EXPIRING, PERMISSION, TENANT_SEARCH = list(SAVED)[-5:]
LOGS = "/opt/splunk/var/log/splunk"
HOST = "forwarder-1"
SOC, TRIED, MACHINES = "soc", "tried_out", "machines"
"""The inputs' names: SOC is that of one of each kind, but for endpoint alerts."""
SECRET_DAYS, CERTIFICATE_DAYS = 12, 20
COUNTS = {SIEM.kind: 40, GRAPH.kind: 120, INCIDENTS.kind: 8, ENDPOINT.kind: 15}
OTHERS = tuple(source for source in SOURCES if source.kind not in COUNTS)
COUNTS |= {source.kind: 10 for source in OTHERS}
"""How many records the first runs find."""
LATE = 1
"""How many more the second run of the input for Graph's alerts finds, that Microsoft has shown late."""
RETRY_AFTER = 2


@dataclass(frozen=True)
class Story:
    """What was logged, in the order of the runs.

    Attributes:
        well: by the first run of each input, with records to deliver.
        late: by one that found an alert that Microsoft had not shown the run before.
        throttled: by one that Graph told to wait.
        expiring: by runs of an account whose secret, and of one whose certificate, expires soon.
        refused: by runs without permission, and with a secret that is no longer known.
        unreachable: by a run of which one region's host doesn't answer.
        signed_out: by one of an account for which a person has to sign in; not among the events of most tests.
    """

    well: Sequence[IndexedEvent]
    late: Sequence[IndexedEvent]
    throttled: Sequence[IndexedEvent]
    expiring: Sequence[IndexedEvent]
    refused: Sequence[IndexedEvent]
    unreachable: Sequence[IndexedEvent]
    signed_out: Sequence[IndexedEvent]

    @functools.cached_property
    def events(self) -> list[IndexedEvent]:
        """All of it but the last, newest first."""
        return newest_first([*self.well, *self.late, *self.throttled, *self.expiring, *self.refused, *self.unreachable])

    @property
    def now(self) -> float:
        """A moment after the last line."""
        return max(float(event.time or 0) for event in self.events) + 1


def newest_first(events: Sequence[IndexedEvent]) -> list[IndexedEvent]:
    """Events as a search gets them."""
    return sorted(events, key=lambda event: float(event.time or 0), reverse=True)


def record(built_app: Path, python: Path, home: Path) -> Story:
    """Run the built add-on, and collect what it logs as Splunk would index it.

    Args:
        built_app: what UCC built.
        python: one of Splunk's.
        home: where the stand-in Splunk lies.
    """
    with MicrosoftCloud() as cloud, Splunkd(home, built_app, python) as splunkd:
        return _Recorder(Installation(splunkd, cloud)).summary()


def of_input(events: Iterable[IndexedEvent], kind: str, name: str) -> list[IndexedEvent]:
    """The lines of one input."""
    return [event for event in events if event.source == f"{LOGS}/ta_defender_alerts_{kind}_{name}.log"]


def earlier(event: IndexedEvent, seconds: float, /, **values: float) -> IndexedEvent:
    """The same line, logged so many seconds before, perhaps with other numbers.

    Raises:
        KeyError: the line has no such field.
    """
    time = float(event.time or 0) - seconds
    written = dt.datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    raw = written + event.raw[len(written) :]
    for name, value in values.items():
        raw, count = re.subn(rf"\b{name}=[\d.]+", f"{name}={value:g}", raw)
        if not count:
            raise KeyError(name)
    return replace(event, raw=raw, time=f"{time:.3f}")


def with_a_day_before(summary: Story) -> list[IndexedEvent]:
    """What was logged, and runs every 5 minutes of a day before that were like the good ones, busier by day; newest first."""
    done = [event for event in summary.well if "action=region_done" in event.raw or "action=run_done" in event.raw]
    found = [event for event in summary.events if event not in summary.well]
    for step in range(288):
        busy = 1 + math.sin((step - 60) / 288 * 2 * math.pi)
        for number, event in enumerate(done):
            line = event
            values: dict[str, float] = {}
            if "action=region_done" in event.raw:
                backlog = 80 - abs(step - 150) if number % 3 == 0 and 120 < step < 180 else 0
                new = int(busy * (step * (number + 7) % 5) * (number % 4 != 1))
                lag = 1 + step * (number + 3) % 7 + 20 * max(0, backlog)
                line = told_late(line, number, step)
                values = {"new": new, "lag_seconds": lag, "calls": 1 + step % 3 * (number % 2) + max(0, backlog) // 2}
            found.append(earlier(line, 300 * step, **values))
    return newest_first(found)


def told_late(event: IndexedEvent, number: int, step: int) -> IndexedEvent:
    """The line of a run that has found some versions late; of one input so late that its overlap is too short."""
    least = 20 + step * (number + 5) % 40 + (300 if number == 1 and step % 50 == 0 else 0)
    told = f" late_share={0.01 * (step % 4):g}"
    if step % 4:
        told += f" late_at_least_p99={least - 5} late_at_least_max={least} late_at_most_max={least + 300}"
    return replace(event, raw=event.raw.rstrip("\n") + told)


class _Recorder:
    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._told: dict[str, int] = {}
        installation.application.roles = dict(ROLES)
        installation.save_way()
        installation.save_account()
        self._add(SIEM, SOC, regions="us,eu")
        self._add(GRAPH, SOC)
        self._add(INCIDENTS, SOC, alerts="split")
        self._add(ENDPOINT, MACHINES, region="global")
        self._add(SIEM, TRIED, regions="uk")
        for source in OTHERS:
            self._add(source, SOC, **source.form)

    def summary(self) -> Story:
        here, cloud = self._installation, self._installation.cloud
        for source in (SIEM, GRAPH, INCIDENTS, ENDPOINT, *OTHERS):
            now = cloud.clock.now()
            raws = [source.make(number, now - DAY + number * MINUTE) for number in range(1, COUNTS[source.kind] + 1)]
            source.publish(cloud, here.tenant, raws)
            self._run(source, MACHINES if source is ENDPOINT else SOC)
        self._run(SIEM, TRIED)
        well = self._lines()
        # An alert of a minute ago, which the run before was not shown.
        GRAPH.publish(cloud, here.tenant, [GRAPH.make(COUNTS[GRAPH.kind] + LATE, cloud.clock.now() - MINUTE)])
        self._run(GRAPH, SOC)
        late = self._lines()
        cloud.faults.add(GRAPH.host, faults.throttled(RETRY_AFTER))
        self._run(GRAPH, SOC)
        throttled = self._lines()
        here.edit_account(secret_expires=_day(SECRET_DAYS))
        self._run(SIEM, SOC)
        pair = KeyPair(not_after=dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=CERTIFICATE_DAYS))
        here.application.add_certificate(pair.pem)
        fields = {"auth_type": "certificate", "certificate": pair.pem, "private_key": pair.key_pem}
        here.save_account("certified", **fields, client_secret="")
        self._add(INCIDENTS, "certified", account="certified", alerts="none")
        self._run(INCIDENTS, "certified")
        expiring = self._lines()
        here.edit_account(secret_expires="")
        here.application.roles = dict.fromkeys(ROLES, ())
        self._run(ENDPOINT, MACHINES)
        secrets, here.application.secrets[:] = list(here.application.secrets), []
        self._run(SIEM, TRIED)
        refused = self._lines()
        here.application.secrets[:], here.application.roles = secrets, dict(ROLES)
        cloud.faults.add(SIEM_HOST, faults.ShowCertificate(Certificate.UNKNOWN_AUTHORITY), times=None)
        self._run(SIEM, SOC)
        unreachable = self._lines()
        here.save_account("person", auth_type="user")
        self._add(GRAPH, "person", account="person")
        self._run(GRAPH, "person")
        return Story(well, late, throttled, expiring, refused, unreachable, self._lines())

    def _add(self, source: Source, name: str, **fields: str) -> None:
        if source is SIEM:
            self._installation.save_input(name, **fields)
        else:
            self._installation.save_current_input(source.kind, name, **fields)

    def _run(self, source: Source, name: str) -> None:
        self._installation.run(name, kind=source.kind)

    def _lines(self) -> list[IndexedEvent]:
        """What has been logged since it was last asked for."""
        found: list[IndexedEvent] = []
        for file, text in self._installation.splunkd.logs().items():
            if file.startswith("ta_defender_alerts_"):
                found += events_of_log(f"{LOGS}/{file}", text[self._told.get(file, 0) :], HOST)
                self._told[file] = len(text)
        return found


def _day(days: int) -> str:
    return (dt.datetime.now(dt.timezone.utc).date() + dt.timedelta(days=days)).isoformat()


def found(rows: Iterable[Row], *columns: str) -> list[tuple[str, ...]]:
    """Some columns of rows."""
    return [tuple(row[column][0] for column in columns) for row in rows]
