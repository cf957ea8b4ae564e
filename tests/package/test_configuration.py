"""globalConfig.json: the names, defaults and limits that users' saved settings depend on (design, section 2)."""

from __future__ import annotations

import configparser
import json
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import splunk_add_on_ucc_framework as ucc
from defender_alerts import clouds, times
from defender_alerts.apis import siem
from splunk_add_on_ucc_framework import global_config, global_config_update, global_config_validator
from splunk_add_on_ucc_framework.exceptions import GlobalConfigValidatorException

from tooling import paths

SOURCE = paths.ROOT / "globalConfig.json"
UCC = Path(ucc.__file__).parent

ACCOUNT = {
    "name": None,
    "cloud": "commercial",
    "tenant_id": None,
    "client_id": None,
    "client_secret": None,
    "secret_expires": None,
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
SIEM_INPUT = {
    "name": None,
    "account": None,
    "regions": "us,eu,uk",
    "index": "default",
    "interval": "300",
    "start_time": "-7d",
    "overlap": "600",
    "resource": "https://graph.windows.net",
    "machine_groups": None,
}
GUID = "01234567-89ab-CDEF-0123-456789abcdef"


def source() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SOURCE.read_text(encoding="utf-8"))
    return document


@cache
def forms() -> dict[str, dict[str, dict[str, Any]]]:
    """Give each form's fields as UCC expands them: form -> field -> entity."""
    expanded = global_config.GlobalConfig.from_file(str(SOURCE))
    expanded.expand()
    pages = [*expanded.resolved_configuration, *expanded.inputs]
    return {page["name"]: {entity["field"]: entity for entity in page["entity"]} for page in pages}


def allows(entity: dict[str, Any], value: str) -> bool:
    """Tell whether the validators let a value through, as splunktaucclib applies them on the server."""
    return all(VALIDATORS[validator["type"]](validator, value) for validator in entity.get("validators", []))


def in_range(validator: dict[str, Any], value: str) -> bool:
    low, high = validator["range"]
    return value.lstrip("-").isdecimal() and low <= int(value) <= high


VALIDATORS: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "regex": lambda validator, value: re.match(validator["pattern"], value) is not None,
    "string": lambda validator, value: validator["minLength"] <= len(value) <= validator["maxLength"],
    "number": in_range,
    "index_name": lambda _validator, _value: True,
}


def test_it_passes_uccs_schema_and_checks() -> None:
    config = global_config.GlobalConfig.from_file(str(SOURCE))
    global_config_validator.GlobalConfigValidator(str(UCC), config, str(paths.PACKAGE)).validate()


def test_uccs_schema_is_really_asked() -> None:
    config = global_config.GlobalConfig.from_file(str(SOURCE))
    config.content["pages"]["inputs"]["services"][0]["entity"][0]["typo"] = 1
    with pytest.raises(GlobalConfigValidatorException, match=r"typo|is not valid under any"):
        global_config_validator.GlobalConfigValidator(str(UCC), config, str(paths.PACKAGE)).validate()


def test_ucc_has_nothing_to_migrate(tmp_path: Path) -> None:
    copy = tmp_path / SOURCE.name
    shutil.copy(SOURCE, copy)
    global_config_update.handle_global_config_update(global_config.GlobalConfig.from_file(str(copy)), str(copy))
    assert json.loads(copy.read_text(encoding="utf-8")) == source()


def test_only_pyproject_says_the_version() -> None:
    manifest = json.loads((paths.PACKAGE / "app.manifest").read_text(encoding="utf-8"))
    assert source()["meta"]["version"] == manifest["info"]["id"]["version"] == "0.0.0"


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
        ("defender_siem_alerts", SIEM_INPUT),
    ],
)
def test_a_form_has_these_fields_with_these_defaults(form: str, fields: dict[str, object]) -> None:
    assert {name: entity.get("defaultValue") for name, entity in forms()[form].items()} == fields


def test_every_field_is_explained() -> None:
    entities = [entity for form in forms().values() for entity in form.values()]
    assert [entity["field"] for entity in entities if not entity.get("help")] == []


@pytest.mark.parametrize(("form", "field"), [("account", "client_secret"), ("proxy", "proxy_password")])
def test_a_secret_is_encrypted(form: str, field: str) -> None:
    assert forms()[form][field]["encrypted"] is True


def test_nothing_else_is_encrypted() -> None:
    encrypted = {entity["field"] for form in forms().values() for entity in form.values() if entity.get("encrypted")}
    assert encrypted == {"client_secret", "proxy_password"}


def test_the_input_says_that_microsoft_has_deprecated_its_api_and_what_replaces_it() -> None:
    (service,) = source()["pages"]["inputs"]["services"]
    assert set(service["warning"]) == {"create", "edit", "clone"}
    for warning in service["warning"].values():
        assert "deprecated" in warning["message"]
        assert "Microsoft Graph security API, alerts_v2" in warning["message"]
        assert warning["alwaysDisplay"] is True


ALLOWED = {
    ("account", "name"): ["contoso", "Contoso_2", "a" * 100],
    ("account", "cloud"): ["commercial", "gcc", "gcc_high", "dod"],
    ("account", "tenant_id"): [GUID, "contoso.onmicrosoft.com", "a.co", "x-1.sub.example.org", "example.xn--p1ai"],
    ("account", "client_id"): [GUID, f" {GUID}\t"],
    ("account", "client_secret"): ["x", "~8Q.-_ a\"b'c", "x" * 8192],
    ("account", "secret_expires"): ["2027-06-30", "2026-12-01"],
    ("proxy", "proxy_type"): ["http", "https", "socks5"],
    ("proxy", "proxy_url"): [
        "proxy",
        "proxy.example.com",
        "proxy_1.corp-net.example",
        "192.0.2.10",
        "2001:db8::10",
        "[2001:db8::10]",
        "::1",
        "::ffff:192.0.2.10",
    ],
    ("proxy", "proxy_port"): ["1", "3128", "65535"],
    ("network", "ca_bundle"): [
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "subject=CN = Contoso CA\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "/etc/ssl/certs/contoso.pem",
        "C:\\ca\\contoso.pem",
        "/path with blanks/ca.pem\n",
    ],
    ("network", "request_timeout"): ["5", "60", "300"],
    ("defender_siem_alerts", "name"): ["siem", "Siem_3_regions"],
    ("defender_siem_alerts", "regions"): ["us", "us,eu,uk", "uk,us"],
    ("defender_siem_alerts", "interval"): ["60", "300", "86400"],
    ("defender_siem_alerts", "start_time"): [
        "-7d",
        "-12h",
        "-365d",
        "2026-01-31T23:59:59",
        "2026-01-31T00:00:00Z",
        "2026-01-31T00:00:00.1234567Z",
    ],
    ("defender_siem_alerts", "overlap"): ["0", "600", "86400"],
    ("defender_siem_alerts", "resource"): [
        "https://graph.windows.net",
        "https://WDATPAlertExport.Seville.onmicrosoft.com",
    ],
    ("defender_siem_alerts", "machine_groups"): ["", "Servers", "Servers,Paris office"],
}
REFUSED = {
    ("account", "name"): ["", "2nd", "con toso", "con-toso", "con/toso", "a" * 101],
    ("account", "cloud"): ["", "china", "gcc,dod"],
    ("account", "tenant_id"): [
        "contoso",
        "https://contoso.com",
        "contoso.com/x",
        "192.0.2.10",
        GUID[:-1],
        f"{{{GUID}}}",
        "-a.com",
    ],
    ("account", "client_id"): ["", "contoso.com", GUID.replace("-", "")],
    ("account", "client_secret"): ["x" * 8193],
    ("account", "secret_expires"): ["30.06.2027", "6/30/2027", "2027-13-01", "2027-06-32", "2027-06-30T00:00:00Z"],
    ("proxy", "proxy_type"): ["", "socks4", "HTTP"],
    ("proxy", "proxy_url"): ["", "http://proxy", "proxy:3128", "proxy/", "user@proxy", "192.0.2.10:3128", "a b"],
    ("proxy", "proxy_port"): ["0", "65536", "http"],
    ("network", "ca_bundle"): [
        "contoso.pem",
        "MIIB",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\n",
    ],
    ("network", "request_timeout"): ["4", "301", "1.5"],
    ("defender_siem_alerts", "name"): ["", "1", "a b", "a:b"],
    ("defender_siem_alerts", "regions"): ["", "us,", "au", "us;eu", "us, eu"],
    ("defender_siem_alerts", "interval"): ["59", "86401", "0 * * * *", "-1", "60.5"],
    ("defender_siem_alerts", "start_time"): [
        "7d",
        "-7",
        "-0d",
        "-7w",
        "now",
        "2026-01-31",
        "2026-01-31T00:00Z",
        "2026-13-01",
        "2026-01-31 00:00:00",
        "2026-01-31T24:00:00Z",
        "2026-01-31T00:00:00+01:00",
        "2026-01-31T00:00:00.12345678Z",
    ],
    ("defender_siem_alerts", "overlap"): ["-1", "86401", ""],
    ("defender_siem_alerts", "resource"): ["", "https://graph.windows.net/", "https://graph.microsoft.com"],
}


def cases(values: dict[tuple[str, str], list[str]]) -> list[tuple[str, str, str]]:
    return [(form, field, value) for (form, field), examples in values.items() for value in examples]


@pytest.mark.parametrize(("form", "field", "value"), cases(ALLOWED))
def test_the_pages_allow(form: str, field: str, value: str) -> None:
    assert allows(forms()[form][field], value)


@pytest.mark.parametrize(("form", "field", "value"), cases(REFUSED))
def test_the_pages_refuse(form: str, field: str, value: str) -> None:
    assert not allows(forms()[form][field], value)


@pytest.mark.parametrize("value", ALLOWED["defender_siem_alerts", "start_time"])
def test_the_input_understands_every_start_time_that_the_page_allows(value: str) -> None:
    assert times.parse_start(value, 10**18) < 10**18


def options(form: str, field: str) -> list[str]:
    chosen = forms()[form][field]["options"]
    return [option["value"] for option in chosen.get("autoCompleteFields") or chosen["items"]]


def test_the_page_offers_the_clouds_regions_and_resources_that_the_input_knows() -> None:
    assert options("account", "cloud") == [cloud.name for cloud in clouds.CLOUDS]
    assert options("defender_siem_alerts", "regions") == list(clouds.regions("siem", "commercial"))
    assert options("defender_siem_alerts", "resource") == list(siem.RESOURCES)


def test_every_wrong_value_is_answered_with_a_sentence_of_ours() -> None:
    ours = {("account", "cloud"), *ALLOWED} - {("proxy", "proxy_port")}
    for form, field in ours:
        assert [validator for validator in forms()[form][field]["validators"] if not validator.get("errorMsg")] == []


def test_the_built_conf_files_hold_the_defaults(built_app: Path) -> None:
    conf = configparser.ConfigParser(interpolation=None)
    conf.read([built_app / "default/inputs.conf", built_app / "default/ta_defender_alerts_settings.conf"])
    defaults = {name: value for name, value in SIEM_INPUT.items() if value is not None}
    assert {name: conf["defender_siem_alerts"][name] for name in defaults} == defaults
    assert conf["network"]["request_timeout"] == "60"
    assert conf["logging"]["loglevel"] == "INFO"
    assert {name: conf["proxy"][name] for name in PROXY} == {name: value or "" for name, value in PROXY.items()}
