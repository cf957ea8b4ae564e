"""What an administrator can get wrong is refused with a sentence that names the field and where to mend it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from defender_alerts import errors
from defender_alerts.errors import ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import read_account
from defender_alerts.microsoft.apis import incidents, siem_alerts
from defender_alerts.microsoft.client_certificate.key_pair import read_pair
from defender_alerts.microsoft.network import Proxy, read_ca_bundle, read_network
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import is_true, read_polling, split_list, too_short
from defender_alerts.splunk.resetting import parse_from
from standins.key_pairs import KeyPair

ACCOUNT = {
    "cloud": "commercial",
    "tenant_id": "8a8b9ed7-34ab-4c22-a4a5-e0d1d9ea3b19",
    "client_id": "35e0f735-5fe4-4693-9e68-3de80f1d3745",
}
SECRETS = {"client_secret": "nobody's"}
INPUT = {"account": "corp", "regions": "us, eu", "index": "main", "interval": "300"}


def test_an_account_is_read_and_trimmed() -> None:
    account = read_account("corp", {**ACCOUNT, "tenant_id": " contoso.onmicrosoft.com "}, {"client_secret": " s \n"})
    assert (account.tenant_id, account.client_secret) == ("contoso.onmicrosoft.com", "s")


def test_the_tenant_kept_with_an_account_counts_for_its_domain_alone() -> None:
    guid = ACCOUNT["tenant_id"]
    kept = {**ACCOUNT, "tenant_id": "contoso.com", "tenant_of_domain": f"contoso.com {guid.upper()}"}
    for fields, known in (
        (ACCOUNT, guid),
        (kept, guid),
        ({**kept, "tenant_id": "fabrikam.com"}, ""),
        ({**kept, "tenant_of_domain": "contoso.com"}, ""),
        ({**kept, "tenant_of_domain": ""}, ""),
    ):
        assert read_account("corp", fields, SECRETS).tenant_guid == known


def test_an_accounts_representation_does_not_show_its_secret() -> None:
    assert "nobody's" not in repr(read_account("corp", ACCOUNT, SECRETS))
    assert "hidden" not in repr(Proxy("http", "proxy", 3128, "user", "hidden"))


PAIR = KeyPair()
WHERE = "Correct it there."
WITH_CERTIFICATE = {**ACCOUNT, "auth_type": "certificate", "certificate": PAIR.pem}


PROXY = {"proxy_enabled": "1", "proxy_type": "http", "proxy_url": "p", "proxy_port": "3128"}
REFUSED: list[tuple[Callable[[], object], str]] = [
    *(
        (partial(read_account, "corp", {**ACCOUNT, field: value}, SECRETS), says)
        for field, value, says in (
            ("cloud", "", "cloud is ''"),
            ("cloud", "china", "one of commercial, gcc, gcc_high, dod"),
            ("tenant_id", "", "neither a GUID nor a domain"),
            ("tenant_id", "contoso", "neither a GUID nor a domain"),
            ("tenant_id", "../../evil.example", "neither a GUID nor a domain"),
        )
    ),
    (lambda: read_account("corp", ACCOUNT, {}), "corp has no client secret"),
    *(
        (partial(read_polling, "emea", {**INPUT, field: value}), says)
        for field, value, says in (
            ("account", "", "names no account"),
            ("start_time", "yesterday", "neither ISO 8601"),
            ("start_time", "2026-02-30T00:00:00Z", "neither ISO 8601"),
            ("overlap", "-1", "whole number from 0 to 86400"),
            ("overlap", "86401", "whole number from 0 to 86400"),
            ("overlap", "ten", "whole number"),
        )
    ),
    *(
        (partial(read_polling, name, INPUT), "begins with a letter")
        for name in ("", "1st", "a b", "a-b", "é", "a" * 3 + "/")
    ),
    (lambda: siem_alerts.read_settings("emea", {**INPUT, "regions": " , "}), "names no region"),
    (
        lambda: clouds.endpoint("siem", "gcc_high", "eu"),
        "'eu' does not exist",
    ),
    (lambda: clouds.endpoint("siem", "gcc_high", "eu"), "Choose among: us"),
    *(
        (partial(read_network, {**PROXY, field: value}, {}, {}), says)
        for field, value, says in (
            ("proxy_url", "", "not a host name"),
            ("proxy_url", "http://proxy", "not a host name"),
            ("proxy_port", "", "whole number from 1 to 65535"),
            ("proxy_port", "70000", "whole number from 1 to 65535"),
        )
    ),
    *(
        (partial(read_network, {}, {}, {"request_timeout": value}), "from 5 to 300")
        for value in ("4", "301", "soon", "1.5")
    ),
    (
        lambda: incidents.read_settings("emea", {"alerts": "both"}),
        "alerts is 'both', and should be one of none, inside, split. Correct the input emea under Inputs.",
    ),
    (
        lambda: KINDS["defender_graph_alerts"].read("emea", {"severities": "high,grave"}),
        "The severity 'grave' is none of informational, low, medium, high, unknown.",
    ),
    (
        lambda: siem_alerts.read_settings("emea", {"regions": "us", "resource": "https://graph.microsoft.com"}),
        "The resource 'https://graph.microsoft.com' is neither https://graph.windows.net nor https://WDATPAlertExport.Seville.onmicrosoft.com.",
    ),
    (lambda: clouds.cloud("china"), "The account's cloud is 'china'. Set it to one of commercial, "),
    (
        lambda: read_pair("MIIB", PAIR.key_pem, WHERE),
        "The field Certificate holds no PEM text. Paste the certificate, which begins with -----BEGIN CERTIFICATE-----",
    ),
    (
        lambda: read_pair(PAIR.pem, PAIR.key_pem + KeyPair().key_pem, WHERE),
        "The field Private key holds 2 keys. Paste the certificate's own. ",
    ),
    (
        lambda: trust("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        "Configuration > Network > Additional CA certificates holds no certificate in PEM form that can be read. ",
    ),
    (lambda: read_ca_bundle("/nowhere/ca.pem"), "No CA certificates can be read from '/nowhere/ca.pem'. "),
    (
        lambda: read_account("corp", {**ACCOUNT, "client_id": "splunk"}, {"client_secret": "s"}),
        "The client id 'splunk' is not a GUID. Correct the account corp under Configuration > Accounts.",
    ),
    (
        lambda: read_network({"proxy_enabled": "1", "proxy_type": "ftp", "proxy_url": "p"}, {}, {}),
        "The proxy type 'ftp' is none of http, https, socks5. Correct it under Configuration > Proxy.",
    ),
    (
        lambda: parse_from("yesterday", 0, "--from"),
        "--from is 'yesterday', and should be ISO 8601 in UTC (2026-11-01T00:00:00Z) or relative, such as -2d or -12h.",
    ),
]


@pytest.mark.parametrize(("provoke", "says"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_setting_that_is_wrong_is_refused_with_what_it_is_and_where_to_correct_it(
    provoke: Callable[[], object], says: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        provoke()
    assert says in str(caught.value)


def test_an_account_of_before_there_were_certificates_has_a_secret() -> None:
    account = read_account("corp", {**ACCOUNT, "certificate": "no matter"}, {**SECRETS, "private_key": "no matter"})
    assert (account.auth_type, account.client_secret) == ("client_secret", "nobody's")
    assert (account.pair, account.expires) == (None, None)


def test_an_account_with_a_certificate_is_read_and_knows_its_last_day() -> None:
    stanza = {**WITH_CERTIFICATE, "certificate": PAIR.pem.replace("\n", "\\n"), "secret_expires": "2020-01-01"}
    account = read_account("corp", stanza, {**SECRETS, "private_key": PAIR.key_pem.replace("\n", "")})
    assert account.pair is not None
    assert (account.pair.certificate.encoded, account.pair.key_pem, account.client_secret) == (
        PAIR.der,
        PAIR.key_pem,
        "",
    )
    expires = PAIR.certificate.not_valid_after_utc.date()
    assert account.expires == expires
    assert account.lasts(expires - dt.timedelta(days=3)) == 3


def test_an_account_with_a_certificate_hides_its_key_whole_and_line_by_line() -> None:
    account = read_account("corp", WITH_CERTIFICATE, {"private_key": PAIR.key_pem})
    assert not [line for line in PAIR.key_lines() if line in repr(account)]
    assert {PAIR.key_pem, *PAIR.key_lines()[:-1]} <= set(account.secrets)
    assert "" not in account.secrets
    assert read_account("corp", ACCOUNT, SECRETS).secrets == ("nobody's",)


@pytest.mark.parametrize(
    ("stanza", "secrets", "says"),
    [
        (
            {**WITH_CERTIFICATE, "auth_type": "password"},
            SECRETS,
            r"auth_type is 'password'.*client_secret, certificate",
        ),
        ({**WITH_CERTIFICATE, "certificate": ""}, {"private_key": PAIR.key_pem}, "There is no certificate"),
        (WITH_CERTIFICATE, SECRETS, "There is no private key"),
        (WITH_CERTIFICATE, {"private_key": PAIR.encrypted_key_pem()}, "openssl pkcs8 -topk8 -nocrypt"),
        (
            {
                **WITH_CERTIFICATE,
                "certificate": KeyPair(not_after=dt.datetime(2026, 1, 31, tzinfo=dt.timezone.utc)).pem,
            },
            {"private_key": PAIR.key_pem},
            "expired on 2026-01-31",
        ),
    ],
)
def test_an_account_whose_certificate_is_of_no_use_is_refused(
    stanza: dict[str, str], secrets: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"{says}.*Correct the account corp under Configuration > Accounts"):
        read_account("corp", stanza, secrets)


def test_the_moment_that_a_certificate_has_to_be_good_for_may_be_another() -> None:
    moment = PAIR.certificate.not_valid_after_utc
    with pytest.raises(ConfigurationError, match="expired on"):
        read_account("corp", WITH_CERTIFICATE, {"private_key": PAIR.key_pem}, moment)


def test_an_input_without_the_optional_fields_gets_the_documented_defaults() -> None:
    polling = read_polling("emea", {"account": "corp"})
    assert (polling.start_time, polling.overlap, polling.interval) == ("-7d", 600, "300")


@pytest.mark.parametrize(
    ("interval", "short"), [("60", 0), ("300", 0), ("5", 55), ("0", 60), ("59.5", 0), ("-1", 0), ("*/5 * * * *", 0)]
)
def test_an_interval_of_a_hand_written_conf_counts_as_sixty_seconds(interval: str, short: int) -> None:
    assert too_short(interval) == short


def test_regions_are_read_without_regard_to_case_blanks_and_repetition() -> None:
    assert siem_alerts.read_settings("emea", {**INPUT, "regions": " US,eu , ,us"}).regions == ("us", "eu")


@pytest.mark.parametrize("resource", siem_alerts.RESOURCES)
def test_each_resource_names_the_other(resource: str) -> None:
    (other,) = set(siem_alerts.RESOURCES) - {resource}
    assert siem_alerts.SiemApi("eu", "host", resource).errors.resource_hint == f"Set the input's resource to {other}."


@pytest.mark.parametrize("row", clouds.ENDPOINTS, ids=lambda row: f"{row.api} {row.cloud} {row.region}")
def test_each_row_of_the_table_is_found_and_belongs_to_a_known_cloud(row: clouds.Endpoint) -> None:
    assert clouds.endpoint(row.api, row.cloud, row.region) is row
    assert clouds.cloud(row.cloud).authority_host.endswith(".us") == (row.cloud in {"gcc_high", "dod"})


def test_no_two_rows_answer_for_the_same_region() -> None:
    keys = [(row.api, row.cloud, row.region) for row in clouds.ENDPOINTS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("proxy", "url"),
    [
        (Proxy("http", "proxy.corp", 3128), "http://proxy.corp:3128"),
        (Proxy("https", "10.0.0.1", 443), "https://10.0.0.1:443"),
        (Proxy("http", "fd00::1", 3128), "http://[fd00::1]:3128"),
        (Proxy("socks5", "proxy", 1080), "socks5://proxy:1080"),
        (Proxy("socks5", "proxy", 1080, remote_dns=True), "socks5h://proxy:1080"),
        (Proxy("http", "proxy", 3128, "us:er@corp", "p/a?s#s%"), "http://us%3Aer%40corp:p%2Fa%3Fs%23s%25@proxy:3128"),
    ],
)
def test_a_proxy_becomes_a_url_with_its_credentials_escaped(proxy: Proxy, url: str) -> None:
    assert proxy.url == url


def test_a_proxy_that_is_switched_off_is_none() -> None:
    assert read_network({"proxy_enabled": "0", "proxy_url": "p", "proxy_port": "1"}, {}, {}).proxy is None


def test_a_ca_bundle_is_text_if_it_holds_a_certificate_and_a_path_otherwise(tmp_path: Path) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"
    (tmp_path / "ca.pem").write_text(pem)
    assert read_ca_bundle(f" {pem}\n") == pem
    assert read_ca_bundle(str(tmp_path / "ca.pem")) == pem
    assert read_ca_bundle("") == ""


def test_a_path_that_is_missing_unreadable_or_relative_gets_one_and_the_same_sentence(tmp_path: Path) -> None:
    said = set()
    for path in (tmp_path / "missing.pem", tmp_path, Path("relative.pem")):
        with pytest.raises(ConfigurationError) as caught:
            read_ca_bundle(str(path))
        said.add(str(caught.value).replace(str(path), "PATH"))
    assert len(said) == 1


@pytest.mark.parametrize(("text", "truth"), [("1", True), ("true", True), ("0", False), ("", False), (None, False)])
def test_a_checkbox_is_true_as_splunk_writes_it(text: str | None, *, truth: bool) -> None:
    assert is_true(text) is truth


def test_a_list_loses_blanks_and_repetitions_and_keeps_its_order() -> None:
    assert split_list(" b, a ,,b") == ("b", "a")


def test_each_error_has_a_category_of_the_log_and_the_exit_status_of_the_contract() -> None:
    expected = {
        errors.AddonError: ("server_error", 1),
        errors.ConfigurationError: ("configuration_error", 2),
        errors.UnknownResourceError: ("configuration_error", 2),
        errors.AuthenticationError: ("authentication_error", 2),
        errors.SignInNeededError: ("authentication_error", 2),
        errors.AccessDeniedError: ("permission_error", 1),
        errors.ConnectionFailedError: ("connection_error", 1),
        errors.UnknownHostError: ("connection_error", 1),
        errors.ServiceError: ("server_error", 1),
        errors.StrainedError: ("server_error", 1),
        errors.UnexpectedAnswerError: ("server_error", 1),
        errors.RefusedQueryError: ("server_error", 1),
        errors.StrangeLinkError: ("server_error", 1),
        errors.RecordGoneError: ("server_error", 1),
        errors.IncompleteError: ("server_error", 1),
        errors.StreamClosedError: ("server_error", 1),
        errors.CheckpointError: ("server_error", 3),
    }
    defined = {
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.AddonError)
    }
    assert {error: (error.category, error.exit_status) for error in defined} == expected


def test_the_gravest_failure_decides_the_exit_status() -> None:
    failures = [errors.ServiceError("x"), errors.CheckpointError("y"), errors.AuthenticationError("z")]
    assert errors.exit_status(failures) == 3
    assert errors.exit_status([]) == 0
