"""The samples that a Splunk is to confirm: files for pytest-splunk-addon, with every field as the stand-in has it.

`PYTHONPATH=tests:package/bin:. .toolchain/venv/bin/python -m knowledge.psa_samples` writes them into tests/splunk_addon/ anew.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from knowledge import cim
from knowledge.every_sample import SOURCES, Sample, Source, our_knowledge
from standins.search import Fields, SearchKnowledge

from tooling import paths

FOLDER = paths.ROOT / "tests" / "splunk_addon"
CONF = "pytest-splunk-addon-data.conf"
# Of each source: small and large ones, every severity, every type of evidence.
CHOSEN = re.compile(
    r"20(?:17|18|20), (?:[01]|UnSpecified|large)"
    r"|[0-3]|UnSpecified|(?:large|2, every type of evidence)"
    r"|severity (?:unknown|high)|status resolved|serviceSource microsoftSentinel|nicEvidence beside the usual"
    r"|[1-3], its alerts inside"
)
# These come with every event, and say nothing of the add-on.
_OF_THE_EVENT = {"_raw", "_time", "eventtype", "host", "index", "source", "sourcetype", "tag"}
_PRINTABLE = re.compile(r"[ -~]{1,400}")


def chosen(source: Source) -> Iterator[Sample]:
    """The samples of a source that go into its file: none that lacks a required field, for the checker takes no excuse."""
    return (sample for sample in source.samples() if CHOSEN.fullmatch(sample.name) and not sample.lacks)


def file_name(source: Source) -> str:
    """The name of a source's file."""
    return f"{source.sourcetype.replace(':', '_')}.xml"


def xml(source: Source, knowledge: SearchKnowledge) -> str:
    """A source's samples in the checker's format."""
    device = ET.Element("device")
    _text(device, "vendor", "Microsoft")
    _text(device, "product", "Defender")
    _text(device, "version", "", id=paths.VERSION)
    for number, sample in enumerate(chosen(source), start=1):
        _event(device, source, sample, number, knowledge.search_fields(sample.event))
    ET.indent(device)
    return ET.tostring(device, encoding="unicode", short_empty_elements=True) + "\n"


def _event(device: ET.Element, source: Source, sample: Sample, number: int, fields: Fields) -> None:
    event = ET.SubElement(device, "event", code="", name=f"{number}: {sample.name}", format="json")
    ET.SubElement(
        event,
        "transport",
        type="modinput",
        host=sample.event.host,
        source=sample.event.source,
        sourcetype=sample.event.sourcetype,
    )
    _text(ET.SubElement(event, "source"), "comment", "invented, by tests/standins/microsoft")
    _text(event, "raw", sample.event.raw)
    in_model = {field.name for data_set in cim.load().data_sets_of(source.tags) for field in data_set.fields}
    known = ET.SubElement(event, "cim", version="latest")
    # A child of a data set is named behind it.
    names = [data_set.name for data_set in cim.load().data_sets_of(source.tags)][1:]
    _text(ET.SubElement(known, "models"), "model", ":".join([source.model.replace("_", " "), *names]))
    of_cim, others = ET.SubElement(known, "cim_fields"), ET.SubElement(event, "other_mappings")
    for name, value in sorted(fields.items()):
        # Of several values the checker can't be told; what is longer or stranger is compared by the stand-in's own tests.
        if isinstance(value, str) and _PRINTABLE.fullmatch(value) and not _is_automatic(name):
            ET.SubElement(of_cim if name in in_model else others, "field", name=name, value=value)


def _is_automatic(name: str) -> bool:
    """Whether a field is the event's own or KV_MODE's."""
    return name in _OF_THE_EVENT or name not in _ours()


@functools.cache
def _ours() -> set[str]:
    settings = {name: value for stanza in our_knowledge().props.values() for name, value in stanza.items()}
    named = {name.removeprefix("EVAL-") for name in settings if name.startswith("EVAL-")}
    named |= {name for value in settings.values() for name in re.findall(r"\(\?<(\w+)>", value)}
    return named | {"severity_id", "mitre_tactic", "mitre_tactic_id"}


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, name, attributes).text = text


def conf() -> str:
    """The checker's list of files."""
    stanzas = []
    for source in SOURCES:
        event = next(source.samples()).event
        stanzas.append(
            f"[{file_name(source)}]\n"
            "requirement_test_sample = 1\n"
            "input_type = modinput\n"
            "host_type = plugin\n"
            "timestamp_type = plugin\n"
            f"source = {event.source}\n"
            f"sourcetype = {source.sourcetype}\n"
            f"sourcetype_to_search = {source.sourcetype}\n"
        )
    return "# Made by tests/knowledge/psa_samples.py.\n\n" + "\n".join(stanzas)


def files() -> dict[str, str]:
    """Every file that is made, by its path in the folder."""
    return {CONF: conf(), **{f"samples/{file_name(source)}": xml(source, our_knowledge()) for source in SOURCES}}


if __name__ == "__main__":
    for path, text in files().items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text, encoding="utf-8")
