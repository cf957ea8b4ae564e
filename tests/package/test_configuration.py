"""globalConfig.json: the names, defaults and limits that users' saved settings depend on (design, section 2)."""

from __future__ import annotations

import configparser
import json
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from defender_alerts import settings
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import account, clouds, network
from defender_alerts.microsoft.apis import endpoint_alerts, graph_alerts, incidents, siem_alerts
from package.forms import SOURCE, allows, forms, source
from splunk_add_on_ucc_framework import global_config, global_config_update

from tooling import paths

ACCOUNT = {
    "name": None,
    "cloud": "commercial",
    "tenant_id": None,
    "client_id": None,
    "auth_type": "client_secret",
    "client_secret": None,
    "secret_expires": None,
    "certificate": None,
    "private_key": None,
    "identity_mode": "federated",
    "identity_client_id": None,
    "skip_check": False,
}
PROXY = {
    "proxy_enabled": None,
    "proxy_type": "http",
    "proxy_url": None,
    "proxy_port": None,
    "proxy_username": None,
    "proxy_password": None,
    "proxy_rdns": None,
}
COMMON_INPUT = {
    "name": None,
    "account": None,
    "index": "default",
    "interval": "300",
    "start_time": "-7d",
    "tenant_id": None,
    "overlap": "600",
}
INPUTS = {
    "defender_graph_alerts": {**COMMON_INPUT, "interval": "60", "severities": None, "service_sources": None},
    "defender_incidents": {**COMMON_INPUT, "alerts": "none"},
    "defender_endpoint_alerts": {**COMMON_INPUT, "region": "global", "severities": None},
    "defender_siem_alerts": {
        **COMMON_INPUT,
        "regions": "us,eu,uk",
        "resource": "https://graph.windows.net",
        "machine_groups": None,
    },
}


def test_ucc_has_nothing_to_migrate(tmp_path: Path) -> None:
    copy = tmp_path / SOURCE.name
    shutil.copy(SOURCE, copy)
    global_config_update.handle_global_config_update(global_config.GlobalConfig.from_file(str(copy)), str(copy))
    assert json.loads(copy.read_text(encoding="utf-8")) == source()


def test_the_manifest_speaks_of_what_is_collected_and_promises_no_more_than_the_version() -> None:
    info = json.loads((paths.PACKAGE / "app.manifest").read_text(encoding="utf-8"))["info"]
    assert "alerts and incidents" in info["description"]
    # By semantic versioning, 0.x promises nothing of the kind.
    assert paths.VERSION.startswith("0.") == (info["classification"]["developmentStatus"] != "Production/Stable")


MODELS = {"alert": "Alerts", "ticketing": "Ticket Management"}
"""Of the Common Information Model, by the tag that puts an event into each."""


def test_the_manifest_names_the_cim_models_that_events_are_tagged_for() -> None:
    info = json.loads((paths.PACKAGE / "app.manifest").read_text(encoding="utf-8"))["info"]
    tags = (paths.PACKAGE / "default" / "tags.conf").read_text(encoding="utf-8")
    given = set(re.findall(r"^(\w+) = enabled$", tags, re.MULTILINE))
    assert set(info["commonInformationModels"]) == {model for tag, model in MODELS.items() if tag in given}


def test_it_names_the_add_on() -> None:
    meta = source()["meta"]
    assert meta["name"] == meta["restRoot"] == paths.APP == "TA_defender_alerts"
    assert meta["displayName"] == "Microsoft Defender Alerts Add-on for Splunk"


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("account", ACCOUNT),
        ("proxy", PROXY),
        ("logging", {"loglevel": "INFO"}),
        ("network", {"ca_bundle": None, "request_timeout": "60"}),
        *INPUTS.items(),
    ],
)
def test_a_form_has_these_fields_with_these_defaults(form: str, fields: dict[str, object]) -> None:
    assert {name: entity.get("defaultValue") for name, entity in forms()[form].items()} == fields


def test_every_field_is_explained() -> None:
    entities = [entity for form in forms().values() for entity in form.values()]
    # What the cloud decides stands in the messages of the field of the cloud.
    assert [entity["field"] for entity in entities if not entity.get("help")] == ["cloud"]
    told = {
        (change["fieldValue"], field["fieldId"])
        for change in forms()["account"]["cloud"]["modifyFieldsOnValue"]
        for field in change["fieldsToModify"]
        if field["markdownMessage"]["text"]
    }
    assert told == {(cloud.name, field) for cloud in clouds.CLOUDS for field in ("cloud", "tenant_id", "client_id")}


LONGEST_HELP = 260
"""Characters of a help text. UCC gives it 340 pixels of width: six lines or so."""


def test_a_help_text_is_short() -> None:
    helps = {
        (form, name): entity["help"]["text"] if isinstance(entity.get("help"), dict) else entity.get("help", "")
        for form, entities in forms().items()
        for name, entity in entities.items()
        if form not in {"proxy", "network", "logging"}
    }
    assert {where: len(text) for where, text in helps.items() if len(text) > LONGEST_HELP} == {}


def test_secrets_are_encrypted_and_nothing_else() -> None:
    encrypted = {entity["field"] for form in forms().values() for entity in form.values() if entity.get("encrypted")}
    assert encrypted == {"client_secret", "private_key", "proxy_password"}


def services() -> dict[str, dict[str, Any]]:
    """Give the inputs as they stand in the file, in the order of the page."""
    return {service["name"]: service for service in source()["pages"]["inputs"]["services"]}


def test_there_is_a_form_for_each_kind_of_input_in_the_order_in_which_to_choose() -> None:
    assert list(services()) == list(KINDS) == list(INPUTS)


def test_the_page_says_of_each_input_for_whom_it_is() -> None:
    page = source()["pages"]["inputs"]
    first, second = list(services().values())[:2]
    assert title(first) in page["description"]
    assert title(second).partition(" (")[0] in page["description"]
    assert [service["title"] for service in services().values() if service.get("subTitle")] == [first["title"]]
    # What stands there for ever must not push the table out of sight.
    assert len(page["description"]) + len(page["subDescription"]["text"]) < 420


def test_the_form_of_an_account_names_every_permission_in_every_cloud() -> None:
    changes = forms()["account"]["cloud"]["modifyFieldsOnValue"]
    told = [
        field["markdownMessage"]["text"]
        for change in changes
        for field in change["fieldsToModify"]
        if field["fieldId"] == "client_id"
    ]
    assert len(told) == len(clouds.CLOUDS)
    least = {kind.access.roles[0] for kind in KINDS.values() if kind.access.roles}
    assert [role for text in told for role in least if role not in text] == []


def test_the_code_calls_an_input_by_the_title_of_its_form() -> None:
    assert {name: title(service) for name, service in services().items()} == {
        name: kind.title for name, kind in KINDS.items()
    }


def test_a_region_that_nobody_has_tried_is_marked_so_and_is_not_the_default() -> None:
    region = next(entity for entity in services()["defender_endpoint_alerts"]["entity"] if entity["field"] == "region")
    labels = {option["value"]: option["label"] for option in region["options"]["autoCompleteFields"]}
    assert labels["xdr"] == "api.security.microsoft.com (xdr): not yet tried"
    assert [value for value, label in labels.items() if "not yet tried" in label] == ["xdr"]
    assert region["defaultValue"] == endpoint_alerts.DEFAULT_REGION == "global"
    assert "xdr" in (paths.ROOT / "docs" / "unknowns.md").read_text(encoding="utf-8")


def title(service: dict[str, Any]) -> str:
    return str(service["title"]).removesuffix(" (deprecated by Microsoft)")


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_is_checked_and_run_by_the_code_of_all(name: str) -> None:
    service = services()[name]
    assert service["restHandlerModule"] == "defender_alerts_rh"
    assert service["restHandlerClass"] == "InputHandler"
    assert service["inputHelperModule"] == "defender_alerts_input_helper"


@pytest.mark.parametrize("name", INPUTS)
def test_what_all_inputs_have_is_the_same_in_each_form(name: str) -> None:
    siem_form, form = forms()["defender_siem_alerts"], forms()[name]
    # Graph's alerts are worth a poll a minute.
    of_its_own = {"account", "interval"} if name == "defender_graph_alerts" else {"account"}
    for field in COMMON_INPUT.keys() - of_its_own:
        assert form[field] == siem_form[field]
    without_help = [{**account, "help": ""} for account in (form["account"], siem_form["account"])]
    assert without_help[0] == without_help[1]
    assert form["account"]["help"].endswith(siem_form["account"]["help"])


@pytest.mark.parametrize("name", INPUTS)
def test_what_few_need_is_folded_away(name: str) -> None:
    [group] = services()[name]["groups"]
    assert group["options"] == {"isExpandable": True, "expand": False}
    needed = {"name", "account", "index", "interval", "start_time", "region", "regions", "alerts"}
    assert set(group["fields"]) == INPUTS[name].keys() - needed


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.access.roles])
def test_the_form_names_the_permission_that_the_input_needs(name: str) -> None:
    access = KINDS[name].access
    told = forms()[name]["account"]["help"]
    assert f"needs {access.roles[0]} of {access.service}" in told
    # Where a cloud lacked it, the form would have to say so.
    assert all(KINDS[name].audiences(cloud.name) for cloud in clouds.CLOUDS)


def test_the_input_says_that_microsoft_has_deprecated_its_api_and_what_replaces_it() -> None:
    warning = {name: service["warning"] for name, service in services().items() if "warning" in service}
    assert warning.keys() == {"defender_siem_alerts"}
    assert set(warning["defender_siem_alerts"]) == {"create", "edit", "clone"}
    replacements = [services()[name]["title"] for name in ("defender_graph_alerts", "defender_endpoint_alerts")]
    for notice in warning["defender_siem_alerts"].values():
        assert "deprecated" in notice["message"]
        assert all(replacement in notice["message"] for replacement in replacements)
        assert notice["alwaysDisplay"] is True


def test_the_table_of_inputs_shows_every_field_of_every_kind() -> None:
    table = source()["pages"]["inputs"]["table"]
    shown = {column["field"] for column in table["moreInfo"]}
    assert {field for fields in INPUTS.values() for field in fields} <= shown


def test_the_dashboard_counts_the_events_of_all_inputs() -> None:
    usage = source()["pages"]["dashboard"]["settings"]["custom_license_usage"]
    assert usage == {"determine_by": "source", "search_condition": [f"{name}:*" for name in KINDS]}


def options(form: str, field: str) -> list[str]:
    chosen = forms()[form][field]["options"]
    return [option["value"] for option in chosen.get("autoCompleteFields") or chosen["items"]]


def test_the_pages_offer_what_the_code_knows() -> None:
    known: dict[tuple[str, str], Sequence[str]] = {
        ("account", "cloud"): [cloud.name for cloud in clouds.CLOUDS],
        ("account", "auth_type"): account.AUTH_TYPES,
        ("account", "identity_mode"): account.IDENTITY_MODES,
        ("defender_graph_alerts", "severities"): graph_alerts.SEVERITIES,
        ("defender_graph_alerts", "service_sources"): graph_alerts.SERVICE_SOURCES,
        ("defender_incidents", "alerts"): incidents.ALERTS,
        ("defender_endpoint_alerts", "region"): clouds.regions("endpoint", "commercial"),
        ("defender_endpoint_alerts", "severities"): endpoint_alerts.SEVERITIES,
        ("defender_siem_alerts", "regions"): clouds.regions("siem", "commercial"),
        ("defender_siem_alerts", "resource"): siem_alerts.RESOURCES,
    }
    assert {checkpoint: options(*checkpoint) for checkpoint in known} == {
        checkpoint: list(values) for checkpoint, values in known.items()
    }


@pytest.mark.parametrize("api", ["endpoint", "siem"])
def test_the_commercial_cloud_has_all_regions_that_a_page_offers(api: str) -> None:
    everywhere = {region for cloud in clouds.CLOUDS for region in clouds.regions(api, cloud.name)}
    assert everywhere == set(clouds.regions(api, "commercial"))


CHOSEN: dict[tuple[str, str], Callable[[Any], Collection[str]]] = {
    ("defender_graph_alerts", "severities"): lambda own: own.brings.severities,
    ("defender_graph_alerts", "service_sources"): lambda own: own.brings.sources,
    ("defender_incidents", "alerts"): lambda own: {
        {(False, False): "none", (True, False): "inside", (True, True): "split"}[own.expands, own.splits]
    },
    ("defender_endpoint_alerts", "region"): lambda own: own.regions,
    ("defender_endpoint_alerts", "severities"): lambda own: own.brings.severities,
    ("defender_siem_alerts", "regions"): lambda own: own.regions,
    ("defender_siem_alerts", "resource"): lambda own: {own.resource},
}
"""What an input has read from a field with choices."""


@pytest.mark.parametrize(("form", "field"), CHOSEN)
def test_every_choice_that_a_form_offers_passes_its_checks_and_the_inputs(form: str, field: str) -> None:
    offered = options(form, field)
    several = [",".join(offered)] if forms()[form][field]["type"] == "multipleSelect" else []
    for value in [*offered, *several]:
        assert allows(forms()[form][field], value)
        own = KINDS[form].read("corp", {**stored_defaults(form), field: value})
        assert sorted(CHOSEN[form, field](own)) == sorted(value.split(","))


def stored_defaults(form: str) -> dict[str, str]:
    """Give what is stored of a form to which nobody has added anything."""
    return {field: value for field, value in INPUTS[form].items() if value is not None}


@pytest.mark.parametrize("form", INPUTS)
def test_an_input_without_a_word_in_its_conf_has_the_defaults_of_its_form(form: str) -> None:
    bare = {"account": "corp"}
    # The interval of Graph's alerts, and the regions of the SIEM API, of which nothing is guessed, are those of
    # default/inputs.conf.
    given = {**bare, **({"interval": "60"} if form == "defender_graph_alerts" else {})}
    assert settings.read_polling("corp", given) == settings.read_polling("corp", {**bare, **stored_defaults(form)})
    named = {field: value for field, value in stored_defaults(form).items() if field == "regions"}
    assert KINDS[form].read("corp", {**bare, **named}) == KINDS[form].read("corp", {**bare, **stored_defaults(form)})


@pytest.mark.parametrize("form", INPUTS)
def test_the_ranges_of_numbers_are_those_of_the_input(form: str) -> None:
    ranges = {field: number["range"] for field, number in numbers(form).items()}
    assert ranges == {
        "interval": [settings.SHORTEST_INTERVAL, settings.LONGEST_INTERVAL],
        "overlap": [0, settings.LONGEST_OVERLAP],
    }


def test_the_range_of_the_timeout_is_that_of_the_code() -> None:
    timeout = numbers("network")["request_timeout"]
    assert timeout["range"] == [network.SHORTEST_TIMEOUT, network.LONGEST_TIMEOUT]


def numbers(form: str) -> dict[str, dict[str, Any]]:
    return {
        field: validator
        for field, entity in forms()[form].items()
        for validator in entity.get("validators", [])
        if validator["type"] == "number"
    }


def test_the_built_conf_files_hold_the_defaults(built_app: Path) -> None:
    conf = configparser.ConfigParser(interpolation=None)
    conf.read([built_app / "default/inputs.conf", built_app / "default/ta_defender_alerts_settings.conf"])
    for kind in INPUTS:
        defaults = stored_defaults(kind)
        assert {name: conf[kind][name] for name in defaults} == defaults
    assert conf["network"]["request_timeout"] == "60"
    assert conf["logging"]["loglevel"] == "INFO"
    assert {name: conf["proxy"][name] for name in PROXY} == {name: value or "" for name, value in PROXY.items()}
