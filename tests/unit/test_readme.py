"""What the documents say of the code is compared with the code."""

from __future__ import annotations

import ast
import configparser
import csv
import json
import re
from functools import cache
from pathlib import Path

import pytest
from defender_alerts.collect import lateness
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import clouds
from splunk_add_on_ucc_framework import global_config
from standins.polling import PolledInput

from tooling import paths

README = paths.ROOT / "README.md"
FIELDS = paths.ROOT / "docs" / "fields.md"
DOCUMENTS = ("README.md", "CHANGELOG.md", "docs/architecture.md")
Row = dict[str, str]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows_below(mark: str, page: Path = README) -> list[Row]:
    """Give the rows of the first table behind a mark in a page, by the titles of its columns."""
    _, found, rest = page.read_text(encoding="utf-8").partition(mark)
    assert found, mark
    table = re.search(r"(?:^\|.*\|\n)+", rest, re.MULTILINE)
    assert table, mark
    titles, _, *lines = table.group().splitlines()
    return [dict(zip(cells(titles), cells(line), strict=True)) for line in lines]


def names(cell: str) -> list[str]:
    """Give what stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


INPUTS_OF_AN_API = {"siem": "SIEM alerts", "endpoint": "Endpoint alerts", "graph": "Graph alerts, incidents"}


def test_the_hosts_are_those_of_the_code() -> None:
    assert rows_below("### Outbound hosts") == [
        {
            "cloud": clouds.cloud(row.cloud).label,
            "region": row.region,
            "input": INPUTS_OF_AN_API[row.api],
            "host": row.host,
            "tokens": clouds.cloud(row.cloud).authority_host,
        }
        for row in clouds.ENDPOINTS
    ]


@cache
def titles() -> dict[str, str]:
    """Give each input's title on its page."""
    config = json.loads((paths.ROOT / "globalConfig.json").read_text(encoding="utf-8"))
    return {
        service["name"]: service["title"].removesuffix(" (deprecated by Microsoft)")
        for service in config["pages"]["inputs"]["services"]
    }


def test_the_inputs_to_choose_from_are_those_of_the_page_in_its_order() -> None:
    assert [row["input"].strip("*") for row in rows_below("## Which input")] == list(titles().values())


def test_all_clouds_have_what_the_document_says_that_all_have() -> None:
    having = [cloud.label for cloud in clouds.CLOUDS if all(kind.audiences(cloud.name) for kind in KINDS.values())]
    assert having == [cloud.label for cloud in clouds.CLOUDS]
    listed = f"{', '.join(having[:-1])} and {having[-1]}"
    assert f"All four are there for {listed} tenants" in README.read_text(encoding="utf-8")


def test_the_permissions_are_those_of_the_code() -> None:
    rows = rows_below("*Application* permission, never *Delegated*")
    told = {row["input"]: (row["API"].partition(",")[0], names(row["permission"])) for row in rows}
    assert told == {
        titles()[name]: (kind.access.service, [kind.access.roles[0]]) if kind.access.roles else ("", [])
        for name, kind in KINDS.items()
    }


def test_the_sourcetypes_and_event_types_are_those_of_the_code() -> None:
    rows = rows_below("kinds.py and eventtypes.conf")
    told = [(names(row["input"])[0], *names(row["sourcetype"])) for row in rows]
    assert told == [
        (name, sourcetype)
        for name, kind in KINDS.items()
        for sourcetype in (kind.sourcetype, kind.split_sourcetype)
        if sourcetype
    ]
    searches = {name: section["search"] for name, section in conf("eventtypes").items() if "search" in section}
    assert {names(row["event type"])[0]: f'sourcetype="{names(row["sourcetype"])[0]}"' for row in rows} == searches


FORMS = {
    "account": "### Configuration > Accounts",
    "proxy": "### Configuration > Proxy",
    "logging": "### Configuration > Logging",
    "network": "### Configuration > Network",
    **{name: f"### Inputs > {title}" for name, title in titles().items()},
}


@cache
def entities() -> dict[str, list[tuple[str, str, str]]]:
    """Give label, key and default of each field of each form, as UCC expands them."""
    config = global_config.GlobalConfig.from_file(str(paths.ROOT / "globalConfig.json"))
    config.expand()
    return {
        page["name"]: [(field["label"], field["field"], default(field)) for field in page["entity"]]
        for page in [*config.resolved_configuration, *config.inputs]
    }


def default(field: dict[str, object]) -> str:
    if field["type"] == "checkbox":
        return "yes" if field.get("defaultValue") else "no"
    return str(field.get("defaultValue") or "")


def test_each_form_has_its_table() -> None:
    assert FORMS.keys() == entities().keys()


@pytest.mark.parametrize("form", FORMS)
def test_each_field_of_a_form_is_explained_with_its_label_key_and_default(form: str) -> None:
    rows = rows_below(FORMS[form])
    assert [(row["field"], row["key"].strip("`"), row["default"].strip("`")) for row in rows] == entities()[form]
    assert all(row["meaning"] for row in rows)


def conf(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    # configparser would make lower case of the fields.
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(paths.PACKAGE / "default" / f"{name}.conf", encoding="utf-8")
    return parser


SOURCETYPES = {
    sourcetype for kind in KINDS.values() for sourcetype in (kind.sourcetype, kind.split_sourcetype) if sourcetype
}
CURRENT = SOURCETYPES - {"wdatp:alerts"}
# props.conf computes the same of all current records; which of them hold it is told in words.
HAVING = {"all": SOURCETYPES, "alerts": SOURCETYPES, "all but SIEM": CURRENT, "Graph": CURRENT, "incidents": CURRENT}


def test_the_fields_of_a_search_are_those_of_the_configuration() -> None:
    rows = [*rows_below("## Fields of alerts and incidents", FIELDS), *rows_below("## Fields of evidence", FIELDS)]
    told = {name: HAVING[row["in events of"]] for row in rows for name in names(row["field"])}
    known: dict[str, set[str]] = {}
    with (paths.PACKAGE / "lookups" / "defender_siem_fields.csv").open(encoding="utf-8", newline="") as text:
        # docs/migrate.md lists these: names by which old searches find what today's events call otherwise.
        siem_names = {row["siem_field"] for row in csv.DictReader(text)}
    for sourcetype in SOURCETYPES:
        for name in computed(sourcetype) - siem_names:
            known.setdefault(name, set()).add(sourcetype)
    assert told == known


def computed(sourcetype: str) -> set[str]:
    """Give the fields that props.conf makes of a sourcetype's events, beside those of JSON itself."""
    found = set()
    for name, value in conf("props")[sourcetype].items():
        kind, _, rest = name.partition("-")
        if kind == "EVAL":
            found.add(rest)
        elif kind == "EXTRACT":
            found |= set(re.findall(r"\(\?<(\w+)>", value))
        elif kind == "REPORT":
            for transform in value.split(", "):
                found |= set(re.findall(r"\(\?<(\w+)>", conf("transforms")[transform]["REGEX"]))
        elif kind == "LOOKUP":
            found |= set(value.partition(" OUTPUT ")[2].split())
    return found


def test_the_macros_are_those_of_the_configuration() -> None:
    told = [name for row in rows_below("lists all of them") for name in names(row.get("macro", ""))]
    assert told == conf("macros").sections()


def test_the_keys_of_the_log_are_those_that_a_run_writes(polled: PolledInput) -> None:
    (outcome,) = polled.poll().outcomes
    told = [name for row in rows_below("| `action=run_done`") for name in names(row["key of `region_done`"])]
    # input/run.py puts the input, the account and the outcome in front of the collector's story.
    assert sorted(told) == sorted({"input", "account", "outcome", *outcome.collector.summary(1.0), *lateness.KEYS})


@cache
def sentences() -> list[str]:
    """Give every text in the add-on's code, with … wherever it is filled in."""
    found = []
    for path in sorted((paths.PACKAGE / "bin").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"\{\w+\}|%[srd]|%\.\df", "…", node.value))
    return found


def told_errors() -> list[str]:
    table = [row["it says"] for row in rows_below("looks for each of these sentences in the code")]
    states = [name for row in rows_below("**KV store.**") for name in names(row["what the input does"])]
    damaged = [name for name in names(README.read_text(encoding="utf-8")) if name.startswith("The checkpoint …")]
    return table + states + damaged


@pytest.mark.parametrize("sentence", told_errors())
def test_each_error_that_is_explained_can_occur(sentence: str) -> None:
    assert any(sentence in known for known in sentences())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    text = (paths.ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.$])((?:package|tests|demo|docs|tooling)/[\w./-]*\w/?)", text)
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    beside = (paths.ROOT / document).parent
    missing = [name for name in named if not (paths.ROOT / name).exists()]
    missing += [name for name in linked if not (beside / name).exists()]
    assert not missing
