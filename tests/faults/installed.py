"""The built add-on in a stand-in Splunk, with one input of each kind that rows are played with."""

from __future__ import annotations

from dataclasses import dataclass, field

from faults.subjects import SIEM_ALERTS, SPLIT_INCIDENTS, Subject
from integration.installation import APP, BROAD, Installation, input_fields
from integration.log import LogLine, read_log
from standins.sources import ROLES

SUBJECTS = (SIEM_ALERTS, SPLIT_INCIDENTS)


@dataclass
class FaultyInstallation(Installation):
    """One Splunk, one account, and an input of the same name for each kind; see ``integration.installation``."""

    _told: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.application.roles = dict(ROLES)
        self.save_way()
        self.save_settings("logging", loglevel="DEBUG")
        self.save_account()
        for subject in SUBJECTS:
            self.splunkd.web.post(f"{APP}_{subject.source.kind}", _fields(subject))

    def log_of(self, subject: Subject) -> list[LogLine]:
        """What the input of a kind has logged since it was last asked for."""
        file = log_file(subject)
        text = self.splunkd.logs().get(file, "")
        new = text[self._told.get(file, 0) :]
        self._told[file] = len(text)
        return read_log(new)

    def reset(self) -> None:
        """Take back everything that a row may have done."""
        super().reset()
        self.application.roles = dict(ROLES)
        # The runs of many rows come within a minute, which is no trouble of any of them.
        self.cloud.graph(self.tenant_cloud).meter.clear()
        for subject in SUBJECTS:
            for region in subject.regions:
                subject.shelf(self.cloud, region).remove(self.tenant)


def log_file(subject: Subject) -> str:
    """The name of an input's log."""
    return f"ta_defender_alerts_{subject.source.kind}_{BROAD}.log"


def _fields(subject: Subject) -> dict[str, str]:
    fields = {**input_fields(BROAD), "regions": ",".join(subject.regions), **subject.source.own}
    if subject is not SIEM_ALERTS:
        del fields["regions"], fields["resource"]
    return fields
