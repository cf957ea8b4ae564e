"""Inputs in every state that the page knows, as many as wanted: by stanzas and by documents of the KV store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey
from defender_alerts.checkpoint.last_error import FAILED, INCOMPLETE, LastError
from defender_alerts.times import machine_time, seconds
from ui.workplace import ENDPOINT, GRAPH, INCIDENTS, SIEM, InputKind, Workplace

COLLECTION = "ta_defender_alerts_checkpoints"
DENIED = (
    "Microsoft denies the application access to api.securitycenter.microsoft.com (HTTP 403 Forbidden): the permission "
    "WindowsDefenderATP Alert.Read.All is missing or not yet consented to. Grant it in Entra ID > App registrations > "
    "API permissions, with admin consent."
)
LACKING = (
    "The alerts of 3 incidents are missing (101, 102, 103): graph.microsoft.com fails when it is asked for them. "
    "They are asked for again in each run."
)


@dataclass(frozen=True)
class Example:
    """An input in one state.

    Attributes:
        word: that its health begins with.
        documents: what the KV store has of it, made for its name at a time in ticks.
    """

    name: str
    kind: InputKind
    word: str
    documents: Callable[[Example, str, int], list[dict[str, Any]]]
    fields: dict[str, str]


def key(example: Example, name: str, region: str) -> CheckpointKey:
    return CheckpointKey(example.kind.name, name, "01234567-89ab-cdef-0123-456789abcdef", "commercial", region)


def collected(*regions: str, ago: int = 11) -> Callable[[Example, str, int], list[dict[str, Any]]]:
    """Give the documents of regions that were collected so many seconds ago."""

    def documents(example: Example, name: str, now: int) -> list[dict[str, Any]]:
        made = []
        for region in regions:
            checkpoint = Checkpoint.first(key(example, name, region), now - seconds(ago))
            checkpoint.collected = now - seconds(ago)
            made.append(checkpoint.document())
        return made

    return documents


def failed(
    region: str, sentence: str, *good: str, outcome: str = FAILED
) -> Callable[[Example, str, int], list[dict[str, Any]]]:
    """Give those of regions that are well, but for one."""

    def documents(example: Example, name: str, now: int) -> list[dict[str, Any]]:
        last_error = LastError(example.kind.name, name, region, now, "permission_error", sentence, now, outcome)
        return [*collected(*good)(example, name, now), last_error.document()]

    return documents


def nothing(_: Example, __: str, ___: int) -> list[dict[str, Any]]:
    return []


EXAMPLES = (
    Example("contoso_graph", GRAPH, "Collecting", collected("global"), {}),
    Example("contoso_incidents", INCIDENTS, "Incomplete", failed("global", LACKING, outcome=INCOMPLETE), {}),
    Example("contoso_endpoint", ENDPOINT, "Failed", failed("global", DENIED), {}),
    Example("contoso_siem", SIEM, "Failed", failed("eu", DENIED, "us", "uk"), {}),
    Example("fabrikam_graph", GRAPH, "Late", collected("global", ago=3 * 3600), {"account": "fabrikam"}),
    Example("fabrikam_siem", SIEM, "Collecting", collected("us", "eu", "uk", ago=140), {"account": "fabrikam"}),
    Example("new_input", GRAPH, "No run yet", nothing, {"account": "fabrikam"}),
    Example("retired", ENDPOINT, "Inactive", collected("global", ago=9 * 86400), {"disabled": "1"}),
    Example("orphan", GRAPH, "Account missing", nothing, {"account": "deleted_account"}),
    Example("emea_production_tenant_graph_alerts", GRAPH, "Collecting", collected("global"), {"account": "emea_app"}),
)


def have_inputs(workplace: Workplace, count: int = len(EXAMPLES)) -> dict[str, Example]:
    """Have so many inputs, the examples one after the other and again, and give them by name."""
    for account in ("corp", "fabrikam", "emea_app"):
        if account not in workplace.conf("ta_defender_alerts_account"):
            workplace.have_account(account)
    now, made = machine_time(), {}
    for number in range(count):
        example = EXAMPLES[number % len(EXAMPLES)]
        turn = number // len(EXAMPLES)
        name = f"{example.name}_{turn}" if turn else example.name
        workplace.have_input(name, example.kind, **example.fields)
        for document in example.documents(example, name, now):
            workplace.splunkd.kvstore.put(COLLECTION, document)
        made[name] = example
    return made
