"""What is killed: an input of each kind, and where Microsoft keeps what it collects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integration.installation import BROAD, NARROW, REGIONS, Installation
from standins.microsoft.cloud import MicrosoftCloud
from standins.sources import ENDPOINT, GRAPH, INCIDENTS, ROLES, SIEM, Source
from standins.splunkd import IndexedEvent, InputProcess


@dataclass(frozen=True, eq=False)
class Target:
    """An input that is killed.

    Attributes:
        name: for the report, and for `--inputs`.
        source: of its records.
        input_name: of the input.
        regions: that it collects.
        fields: settings of the kind's own, for an input that is not there yet.
    """

    name: str
    source: Source
    input_name: str
    regions: tuple[str, ...] = ("global",)
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Its kind of input."""
        return self.source.kind

    def begin(self, installation: Installation) -> None:
        """Take everything back, as if nothing had been collected yet, and have the input there."""
        installation.reset()
        installation.application.roles = dict(ROLES)
        if self.source.meter is not None:
            # A run after the other, as splunkd would never start them: what is told here is not about throttling.
            self.source.meter(installation.cloud).limits = ()
        if f"[{self.kind}://{self.input_name}]" not in installation.stored("inputs"):
            installation.save_current_input(self.kind, self.input_name, **self.fields)

    def start(self, installation: Installation, on_event: Callable[[IndexedEvent], None] | None = None) -> InputProcess:
        """Start the input."""
        return installation.splunkd.start_input(self.kind, self.input_name, on_event=on_event)

    def hosts(self, cloud: MicrosoftCloud) -> frozenset[str]:
        """The API's hosts that the input asks."""
        if self.source.moves:
            return frozenset({self.source.host})
        return frozenset(cloud.siem(region).host for region in self.regions)

    def shelf(self, cloud: MicrosoftCloud, region: str) -> Any:
        """Where the stand-in keeps a region's records."""
        return self.source.shelf(cloud) if self.source.moves else cloud.siem(region)

    def show(self, installation: Installation, region: str, raws: Iterable[bytes]) -> None:
        """Let Microsoft show these records, or these versions of them."""
        shelf = self.shelf(installation.cloud, region)
        (shelf.put_all if self.source.moves else shelf.add_all)(installation.tenant, list(raws))


SIEM_ALERTS = Target("siem", SIEM, BROAD, REGIONS)
SIEM_OF_ONE_REGION = Target("siem of one region", SIEM, NARROW, ("eu",))
ENDPOINT_ALERTS = Target("endpoint", ENDPOINT, "crash_endpoint", fields={"region": "global"})
GRAPH_ALERTS = Target("graph", GRAPH, "crash_graph")
SPLIT_INCIDENTS = Target("split incidents", INCIDENTS, "crash_incidents", fields={"alerts": "split"})
TARGETS = (SIEM_ALERTS, GRAPH_ALERTS, SPLIT_INCIDENTS, ENDPOINT_ALERTS)
"""What the campaign kills by turns."""
