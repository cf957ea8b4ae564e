"""CIM as Splunk's own checker has it, read out of the wheel of pytest-splunk-addon.

Its data models are JSON; what it forbids and how it tells models apart stand in its code and are taken from there, so nothing of it is
copied here. The rules are those of its cim_tests/test_templates.py: a required field is in every event, has one value, an expected one,
and never a placeholder; no event type belongs to two models; some fields are Enterprise Security's to fill. Two things are stricter:
optional fields that are filled have to be right as well, and expected values are compared with regard to case.
"""

from __future__ import annotations

import ast
import functools
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.current_fields import values
from standins.search import Fields, NotModelledError

from tooling import cim_models

_MODELS = "pytest_splunk_addon/data_models/"
_TESTS = "pytest_splunk_addon/cim_tests/"
_UNDERSTOOD = {"name", "type", "expected_values", "comment"}
# Splunk's checker looks at required fields alone. Of the optional ones, a technique may well be several. A subject is that of a mail,
# as in the Email model, of which an alert names several; the Alerts model has deprecated its own for the signature.
_MAY_BE_SEVERAL = {"mitre_technique_id", "subject"}


@dataclass(frozen=True)
class CimField:
    """A field of a data set; no expected values means any."""

    name: str
    is_required: bool
    expected: frozenset[str]
    not_understood: frozenset[str]
    """Settings that are not applied here (a condition, another validity)."""


@dataclass(frozen=True)
class DataSet:
    """A data set of a model, with those below it. An event that has all tags of one of the groups is in it."""

    model: str
    name: str
    tags: tuple[frozenset[str], ...]
    fields: tuple[CimField, ...]
    has_clusters: bool
    children: tuple[DataSet, ...]

    def holding(self, tags: frozenset[str]) -> Iterator[DataSet]:
        """Itself and those below it that events with these tags are in."""
        if any(group <= tags for group in self.tags):
            yield self
            for child in self.children:
                yield from child.holding(tags)


@dataclass(frozen=True)
class Cim:
    """What Splunk's checker knows."""

    data_sets: tuple[DataSet, ...]
    forbidden: frozenset[str]
    """What no field of a model may say, in lower case: search compares without regard to case."""
    reserved: frozenset[str]
    """Fields that Enterprise Security fills, and no add-on."""
    models: Mapping[str, tuple[frozenset[str], ...]]
    """The table by which it counts the models of an event type: the groups of tags of each."""
    recommended: Mapping[str, tuple[str, ...]]
    """The fields that CIM 6 recommends, by model."""

    def data_sets_of(self, tags: Iterable[str]) -> list[DataSet]:
        """The data sets that events with these tags are in."""
        given = frozenset(tags)
        return [data_set for root in self.data_sets for data_set in root.holding(given)]

    def faults(self, fields: Fields) -> Iterator[tuple[str, object]]:
        """What is wrong with an event: field and value. A missing field has None, too few or many models are a fault of ``tag``."""
        tags = frozenset(values(fields, "tag"))
        models = [name for name, groups in self.models.items() if any(group <= tags for group in groups)]
        if len(models) != 1:
            yield "tag", models
        yield from ((name, fields[name]) for name in sorted(self.reserved & fields.keys() - {"tag"}))
        for data_set in self.data_sets_of(tags):
            yield from self._faults(fields, data_set)

    def _faults(self, fields: Fields, data_set: DataSet) -> Iterator[tuple[str, object]]:
        if data_set.has_clusters:
            raise NotModelledError(f"clusters of fields, in {data_set.name}")
        for field in data_set.fields:
            if field.not_understood:
                raise NotModelledError(f"{sorted(field.not_understood)} of {field.name} in {data_set.name}")
            found = values(fields, field.name)
            if not found and field.is_required:
                yield field.name, None
            if len(found) > 1 and field.name not in _MAY_BE_SEVERAL:
                yield field.name, found
            for value in found:
                if value.lower() in self.forbidden or (field.expected and value not in field.expected):
                    yield field.name, value


@functools.cache
def load(wheel: Path = cim_models.WHEEL) -> Cim:
    """Read Splunk's definitions.

    Raises:
        AssertionError: the wheel isn't there, or its code isn't what this module can read.
    """
    assert wheel.is_file(), f"{wheel} is missing: run ./build.sh build"
    with zipfile.ZipFile(wheel) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith((".json", ".py"))}
    models = [json.loads(text) for name, text in sorted(texts.items()) if name.startswith(_MODELS)]
    (forbidden,) = _found(texts[f"{_TESTS}data_set.py"], "negative_values")
    (told,) = _found(texts[f"{_TESTS}test_templates.py"], "data_models")
    # Of the several versions of CIM the last one that is spelt out; later ones are said to be the same.
    *_, versions = _found(texts["pytest_splunk_addon/CIM_Models/datamodel_definition.py"], "datamodels")
    latest = versions[list(versions)[-1]]
    common = json.loads(texts[f"{_TESTS}CommonFields.json"])["fields"]
    return Cim(
        data_sets=tuple(_data_set(each, model["model_name"]) for model in models for each in model["objects"]),
        forbidden=frozenset(forbidden),
        reserved=frozenset(field["name"] for field in common),
        models={model["name"]: _groups(model["tags"]) for model in told},
        recommended={name: tuple(sets.get("BaseEvent", ())) for name, sets in latest.items()},
    )


def _data_set(found: Mapping[str, Any], model: str) -> DataSet:
    return DataSet(
        model=model,
        name=found["name"],
        tags=_groups(found["tags"]),
        fields=tuple(
            CimField(
                name=field["name"],
                is_required=field.get("type", "required") == "required",
                expected=frozenset(field.get("expected_values", ())),
                not_understood=frozenset(field) - _UNDERSTOOD,
            )
            for field in found["fields"]
        ),
        has_clusters=bool(found["fields_cluster"]),
        children=tuple(_data_set(child, model) for child in found["child_dataset"]),
    )


def _groups(tags: Iterable[Sequence[str]]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(group) for group in tags)


def _found(code: str, name: str) -> list[Any]:
    """What a module's code gives a variable or an argument of that name, where it is spelt out."""
    nodes = ast.walk(ast.parse(code))
    return [
        ast.literal_eval(node.value)
        for node in nodes
        if isinstance(node, (ast.keyword, ast.Assign)) and _is(node, name)
    ]


def _is(node: ast.keyword | ast.Assign, name: str) -> bool:
    """Whether a node gives a value to the argument or the variable of that name."""
    if isinstance(node, ast.keyword):
        return node.arg == name
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
