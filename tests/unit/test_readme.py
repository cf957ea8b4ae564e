"""What the documents say of the code is compared with the code."""

from __future__ import annotations

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
from standins.polling import PolledInput

from tooling import paths

README = paths.ROOT / "README.md"
DOCS = paths.ROOT / "docs"
HOME, QUICK_START, FIELDS, LOG, LIMITS = (
    DOCS / f"{name}.md" for name in ("index", "quick-start", "fields", "log", "limits")
)
DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(f"docs/{path.name}" for path in DOCS.glob("*.md")),
)
Row = dict[str, str]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows_below(mark: str, page: Path) -> list[Row]:
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


@cache
def titles() -> dict[str, str]:
    """Give each input's title on its page."""
    config = json.loads((paths.ROOT / "globalConfig.json").read_text(encoding="utf-8"))
    return {
        service["name"]: service["title"].removesuffix(" (deprecated by Microsoft)")
        for service in config["pages"]["inputs"]["services"]
    }


@pytest.mark.parametrize("page", [README, HOME], ids=lambda page: page.name)
def test_the_inputs_to_choose_from_are_those_of_the_page_in_its_order(page: Path) -> None:
    rows = rows_below("# Microsoft Defender Alerts", page)
    assert [row["input"].strip("*") for row in rows] == list(titles().values())


def test_all_clouds_have_what_the_documents_say_that_all_have() -> None:
    having = [cloud.label for cloud in clouds.CLOUDS if all(kind.audiences(cloud.name) for kind in KINDS.values())]
    assert having == [cloud.label for cloud in clouds.CLOUDS]
    listed = f"{', '.join(having[:-1])} and {having[-1]}"
    assert f"{listed}, all four inputs each" in LIMITS.read_text(encoding="utf-8")
    assert f"{listed}." in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [README, QUICK_START], ids=lambda page: page.name)
def test_the_steps_for_a_newcomer_name_the_permissions_and_hosts_of_graph(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for kind in ("defender_graph_alerts", "defender_incidents"):
        assert f"`{KINDS[kind].access.roles[0]}`" in text
    named = set(re.findall(r"`((?:dod-)?graph\.microsoft\.\w+|login\.microsoftonline\.\w+)`", text))
    known = {row.host for row in clouds.ENDPOINTS if row.api == "graph"}
    known |= {cloud.authority_host for cloud in clouds.CLOUDS}
    assert named <= known
    assert named == known or page == README


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


def test_the_keys_of_the_log_are_those_that_a_run_writes(polled: PolledInput) -> None:
    (outcome,) = polled.poll().outcomes
    told = [name for row in rows_below("## Keys of region_done", LOG) for name in names(row["key of `region_done`"])]
    # input/run.py puts the input, the account and the outcome in front of the collector's story.
    assert sorted(told) == sorted({"input", "account", "outcome", *outcome.collector.summary(1.0), *lateness.KEYS})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    text = (paths.ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.$])((?:package|tests|demo|docs|tooling)/[\w./-]*\w/?)", text)
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    beside = (paths.ROOT / document).parent
    missing = [name for name in named if not (paths.ROOT / name).exists()]
    missing += [name for name in linked if not (beside / name).exists()]
    assert not missing
