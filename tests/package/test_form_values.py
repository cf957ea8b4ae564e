"""What may be typed into the fields of the forms, and what may not."""

from __future__ import annotations

import pytest
from defender_alerts import times
from package.forms import allows, forms

GUID = "01234567-89ab-CDEF-0123-456789abcdef"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


ALLOWED = {
    ("account", "name"): ["contoso", "Contoso_2", "a" * 100],
    ("account", "cloud"): ["commercial", "gcc", "gcc_high", "dod"],
    ("account", "tenant_id"): [
        GUID,
        "contoso.onmicrosoft.com",
        "a.co",
        "x-1.sub.example.org",
        "example.xn--p1ai",
        f"\u200b{GUID}\ufeff",
    ],
    ("account", "client_id"): [GUID, f" {GUID}\t", f"\ufeff{GUID}\u2060"],
    ("account", "client_secret"): ["x", "~8Q.-_ a\"b'c", "x" * 8192],
    ("account", "certificate"): [PEM, f"subject=CN = corp\n{PEM}{PEM}"],
    ("account", "private_key"): ["-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "x" * 65_536],
    ("account", "secret_expires"): ["2027-06-30", "2026-12-01"],
    ("proxy", "proxy_type"): ["http", "https", "socks5"],
    ("proxy", "proxy_url"): [
        "proxy",
        "proxy.example.com",
        "\u200bproxy.example.com\ufeff ",
        "proxy_1.corp-net.example",
        "192.0.2.10",
        "2001:db8::10",
        "[2001:db8::10]",
        "::1",
        "::ffff:192.0.2.10",
    ],
    ("proxy", "proxy_port"): ["1", "3128", "65535"],
    ("network", "ca_bundle"): [
        PEM,
        "subject=CN = Contoso CA\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "/etc/ssl/certs/contoso.pem",
        "C:\\ca\\contoso.pem",
        "/path with blanks/ca.pem\n",
        "\u200b/etc/ssl/certs/contoso.pem\u200b",
    ],
    ("network", "request_timeout"): ["5", "60", "300"],
    ("defender_graph_alerts", "severities"): ["", "high", "informational,low,medium,high,unknown"],
    ("defender_graph_alerts", "service_sources"): ["", "microsoftSentinel", "microsoft365Defender,dataLossPrevention"],
    ("defender_endpoint_alerts", "region"): ["global", "us", "aea"],
    ("defender_endpoint_alerts", "severities"): ["", "unspecified", "high,medium"],
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
    ("defender_siem_alerts", "tenant_id"): ["", " ", GUID, "contoso.onmicrosoft.com", f"\u200b{GUID}\ufeff"],
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
    ("account", "certificate"): ["MIIB", f"{PEM}-----BEGIN PRIVATE KEY-----", PEM + "x" * 65_536],
    ("account", "private_key"): ["x" * 65_537],
    ("account", "secret_expires"): ["30.06.2027", "6/30/2027", "2027-13-01", "2027-06-32", "2027-06-30T00:00:00Z"],
    ("proxy", "proxy_type"): ["", "socks4", "HTTP"],
    ("proxy", "proxy_url"): [
        "",
        "http://proxy",
        "proxy:3128",
        "proxy/",
        "user@proxy",
        "192.0.2.10:3128",
        "a b",
        "pro\u200bxy",
    ],
    ("proxy", "proxy_port"): ["0", "65536", "http"],
    ("network", "ca_bundle"): [
        "contoso.pem",
        "MIIB",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\n",
    ],
    ("network", "request_timeout"): ["4", "301", "1.5"],
    ("defender_graph_alerts", "severities"): ["High", "critical", "high,", "low;high", "unspecified"],
    ("defender_graph_alerts", "service_sources"): ["MicrosoftSentinel", "unknown", "unknownFutureValue", "all"],
    ("defender_endpoint_alerts", "region"): ["", "us,eu", "Global", "ch"],
    ("defender_endpoint_alerts", "severities"): ["High", "unknown", ",low"],
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
    ("defender_siem_alerts", "tenant_id"): ["contoso", f"{GUID},{GUID}", "https://contoso.com", GUID[:-1]],
    ("defender_siem_alerts", "overlap"): ["-1", "86401", ""],
    ("defender_siem_alerts", "resource"): ["", "https://graph.windows.net/", "https://graph.microsoft.com"],
}


def cases(values: dict[tuple[str, str], list[str]]) -> list[tuple[str, str, str]]:
    return [(form, field, value) for (form, field), examples in values.items() for value in examples]


@pytest.mark.parametrize(
    ("form", "field", "value", "is_allowed"),
    [*((*case, True) for case in cases(ALLOWED)), *((*case, False) for case in cases(REFUSED))],
)
def test_the_pages_allow_and_refuse(form: str, field: str, value: str, *, is_allowed: bool) -> None:
    assert allows(forms()[form][field], value) is is_allowed


@pytest.mark.parametrize("value", ALLOWED["defender_siem_alerts", "start_time"])
def test_the_input_understands_every_start_time_that_the_page_allows(value: str) -> None:
    assert times.parse_start(value, 10**18) < 10**18


def test_every_wrong_value_is_answered_with_a_sentence_of_ours() -> None:
    ours = {("account", "cloud"), *ALLOWED} - {("proxy", "proxy_port")}
    for form, field in ours:
        assert [validator for validator in forms()[form][field]["validators"] if not validator.get("errorMsg")] == []
