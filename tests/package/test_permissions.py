"""metadata/default.meta and collections.conf: who may read and write what, and what the collection holds."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey, Deletion, Reset
from defender_alerts.checkpoint.last_error import LastError
from defender_alerts.checkpoint.split_alerts import DeliveredSplitAlerts
from defender_alerts.checkpoint.versions import Seen, Version, fingerprint
from defender_alerts.collect.recollection import Recollection
from standins.polling import MemoryPlaces

ADMINISTRATORS = "read : [ admin, sc_admin ], write : [ admin, sc_admin ]"


def conf(path: Path) -> configparser.ConfigParser:
    # Splunk's stanza [] is none that configparser knows.
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(path.read_text(encoding="utf-8").replace("[]", "[everything]"))
    return parser


@pytest.mark.parametrize(
    "closed",
    [
        "ta_defender_alerts_account",
        "collections/ta_defender_alerts_checkpoints",
        "collections/ta_defender_alerts_sign_ins",
        "passwords",
    ],
)
def test_only_administrators_may_read_and_write(built_app: Path, closed: str) -> None:
    stanza = conf(built_app / "metadata/default.meta")[closed]
    assert stanza["access"] == ADMINISTRATORS
    assert stanza["export"] == "none"


def test_everything_else_is_for_all_to_read_and_for_administrators_to_write(built_app: Path) -> None:
    meta = conf(built_app / "metadata/default.meta")
    assert meta["everything"]["access"] == "read : [ * ], write : [ admin, sc_admin ]"
    assert meta["everything"]["export"] == "system"
    assert [name for name in meta.sections() if "*" in meta[name]["access"]] == ["everything"]


def test_the_closed_conf_is_the_one_that_the_pages_write(built_app: Path) -> None:
    handler = (built_app / "bin/TA_defender_alerts_rh_account.py").read_text(encoding="utf-8")
    assert "'ta_defender_alerts_account'" in handler


def test_the_lookup_of_tenants_reads_the_fields_of_its_collection_where_that_is(built_app: Path) -> None:
    collection = conf(built_app / "default/collections.conf")["defender_alerts_tenants"]
    lookup = conf(built_app / "default/transforms.conf")["defender_tenants"]
    assert (lookup["external_type"], lookup["collection"]) == ("kvstore", "defender_alerts_tenants")
    declared = [name.removeprefix("field.") for name in collection if name.startswith("field.")]
    assert lookup["fields_list"].split(", ") == ["_key", *declared]
    # The indexers have no copy, so what looks names up has to do so on the search head.
    assert collection["replicate"] == "false"
    text = "".join(
        (built_app / f"default/{name}.conf").read_text(encoding="utf-8") for name in ("macros", "savedsearches")
    )
    looked_up = re.findall(r"[=|] (lookup (?:\w+=\w+ )*defender_tenants)\b", text)
    assert looked_up == ["lookup local=true defender_tenants"] * 2


def test_the_collection_declares_its_fields(built_app: Path) -> None:
    collection = conf(built_app / "default/collections.conf")["ta_defender_alerts_checkpoints"]
    key = CheckpointKey("kind", "input", "tenant", "cloud", "region")
    checkpoint = {
        **Checkpoint.first(key, 0).document(),
        **Reset(key, 0, 1).document(),
        **Recollection(key, 0, Seen(), 0).document(),
        **delivered_parts(key),
        **Deletion("kind", "input", 1, 0).document(),
        **LastError("kind", "input", "region", 0, "server_error", "sentence").document(),
    }
    types = {str: "string", int: "number"}
    fields = {f"field.{name}": types[type(value)] for name, value in checkpoint.items() if name != "_key"}
    assert {key: value for key, value in collection.items() if key.startswith("field.")} == fields
    assert json.loads(collection["accelerated_fields.inputs"]) == {"kind": 1, "input": 1}
    assert collection["replicate"] == "false"


def delivered_parts(key: CheckpointKey) -> Mapping[str, Any]:
    """Give the document that remembers the alerts cut out of incidents, one of them."""
    store = MemoryPlaces()
    parts = DeliveredSplitAlerts(key, 0, store)
    parts.add(Version(0, fingerprint("alert", 0), b"{}", is_split=True))
    parts.save()
    [document] = store.documents.values()
    return document
