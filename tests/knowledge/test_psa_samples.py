"""The files for a run of pytest-splunk-addon on a real Splunk."""

from __future__ import annotations

import json
import re
import zipfile
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from knowledge import cim, psa_samples
from knowledge.every_sample import SOURCES, Source
from knowledge.psa_samples import FOLDER

from tooling import cim_models

HOW = "PYTHONPATH=tests:package/bin:. .toolchain/venv/bin/python -m knowledge.psa_samples"
ZERO_WIDTH = re.compile("[\u200b-\u200e\ufeff\u202c\u202d\u2063\u2062]")  # the checker refuses a file with one

every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.sourcetype)


def test_the_files_are_those_of_todays_settings_and_samples() -> None:
    for path, text in psa_samples.files().items():
        assert (FOLDER / path).read_text(encoding="utf-8") == text, f"{path}: {HOW}"


@every_source
def test_a_file_of_samples_is_valid_by_the_checkers_schema(source: Source) -> None:
    with zipfile.ZipFile(cim_models.WHEEL) as wheel:
        schema = xmlschema.XMLSchema(wheel.read("pytest_splunk_addon/sample_generation/schema.xsd").decode())
    text = (FOLDER / "samples" / psa_samples.file_name(source)).read_text(encoding="utf-8")
    schema.validate(text)
    assert not schema.is_valid(text.replace("<raw>", "<rough>").replace("</raw>", "</rough>"))
    assert not ZERO_WIDTH.search(text)


@every_source
def test_the_samples_claim_each_required_field_and_are_the_events_themselves(source: Source) -> None:
    events = ET.parse(FOLDER / "samples" / psa_samples.file_name(source)).getroot().findall("event")
    samples = list(psa_samples.chosen(source))
    assert len(events) == len(samples) > 5
    claimed = set[str]()
    for event, sample in zip(events, samples, strict=True):
        assert event.findtext("raw") == sample.event.raw
        assert json.loads(event.findtext("raw") or "")
        claimed |= {str(field.get("name")) for field in event.iterfind("cim/cim_fields/field")}
    required = {f.name for d in cim.load().data_sets_of(source.tags) for f in d.fields if f.is_required}
    assert required <= claimed
    assert max(len(sample.event.raw) for sample in samples) > 5_000  # beyond automatic extraction


def test_the_page_that_says_how_names_the_version_of_the_lock() -> None:
    version = cim_models.WHEEL.name.split("-")[1]
    assert f"pytest-splunk-addon=={version}" in (FOLDER / "README.md").read_text(encoding="utf-8")
