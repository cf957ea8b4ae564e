"""The incumbent's mapping beside ours, on the same endpoint alerts: how many have each field as CIM wants it, and what else is there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

from knowledge import cim, incumbent
from knowledge.conftest import MakeApp
from knowledge.every_sample import SOURCES
from knowledge.test_cim import of_model, table
from standins.search import SearchKnowledge

RecordProperty = Callable[[str, object], None]

(ENDPOINT,) = (source for source in SOURCES if source.sourcetype == "ms:defender:atp:alerts")
REQUIRED = sorted(name for name, field in of_model(ENDPOINT).items() if field.is_required)


def counted(knowledge: SearchKnowledge) -> Counter[str]:
    """How many samples have each required field as the model wants it, and how many tell device and account rightly."""
    right: Counter[str] = Counter()
    for sample in ENDPOINT.own_samples():
        record = json.loads(sample.event.raw)
        fields = knowledge.search_fields(sample.event)
        wrong = {name for name, _ in cim.load().faults(fields)}
        right.update(name for name in REQUIRED if name not in wrong)
        for name in ("dest", "src"):
            right[f"{name} is the device"] += fields.get(name) == record["computerDnsName"]
        user = record["relatedUser"]
        right["user is the alert's account"] += user is not None and fields.get("user") == user["userName"]
        right["samples"] += 1
        right["all of them"] += not wrong
    return right


def test_the_page_counts_both(knowledge: SearchKnowledge, make_app: MakeApp, record_property: RecordProperty) -> None:
    ours, other = counted(knowledge), counted(SearchKnowledge.load(make_app(incumbent.FILES)))
    titles, *rows = table("<!-- 6207: tests/knowledge/test_incumbent.py -->")
    assert titles == [f"of {ours['samples']} endpoint alerts, right in", "ours", "6207", "what 6207 has instead"]
    shown = [(row[0].replace("`", ""), row[1], row[2]) for row in rows]
    names = [*REQUIRED, "all of them", "dest is the device", "src is the device", "user is the alert's account"]
    assert shown == [(name, str(ours[name]), str(other[name])) for name in names]
    record_property(
        "report",
        f"CIM, compared: of {ours['samples']} endpoint alerts all required fields are right in {ours['all of them']} by our"
        f" mapping, in {other['all of them']} by 6207's",
    )
    assert ours["all of them"] > other["all of them"]
