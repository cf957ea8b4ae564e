"""Characters that can't be seen come along with what is pasted, and cost nothing."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from defender_alerts.diagnostics.network import check_ca_bundle
from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft.account import read_account
from defender_alerts.microsoft.apis import endpoint_alerts, incidents, siem_alerts
from defender_alerts.microsoft.network import read_network
from defender_alerts.settings import cleaned, read_polling, unusual, without_invisible
from hypothesis import given
from hypothesis import strategies as st
from standins.key_pairs import KeyPair

PAIR = KeyPair(is_authority=True)
SAMPLE = ["\u200b", "\ufeff", "\u2060", "\u00ad", "\u200e", "\u202a", "\U000e0020"]
AROUND = ["\u00a0", "\u3000", "\u2028", *SAMPLE]
ACCOUNT = {
    "cloud": "commercial",
    "tenant_id": "contoso.onmicrosoft.com",
    "client_id": "11111111-2222-3333-4444-555555555555",
    "auth_type": "client_secret",
    "secret_expires": "2027-01-31",
}
SECRET = "~8Q.-_+a\"b'c%41&=#/\\{}"


def laced(text: str, character: str) -> str:
    """Put a character that can't be seen before, into and behind a text."""
    middle = len(text) // 2
    return f"{character}{text[:middle]}{character}{text[middle:]}{character}"


@given(text=st.text(), character=st.characters(categories=["Cf"]))
def test_what_can_not_be_seen_is_taken_out_and_nothing_else_is(text: str, character: str) -> None:
    assert without_invisible(laced(text, character)) == without_invisible(text)
    assert [one for one in text if unicodedata.category(one) != "Cf"] == list(without_invisible(text))


@pytest.mark.parametrize("character", SAMPLE, ids=ascii)
def test_an_account_is_read_as_if_they_were_not_there(character: str) -> None:
    plain = read_account("corp", ACCOUNT, {"client_secret": SECRET})
    fields = {name: laced(value, character) for name, value in ACCOUNT.items()}
    assert read_account("corp", fields, {"client_secret": laced(SECRET, character)}) == plain
    assert plain.client_secret == SECRET


@pytest.mark.parametrize("character", SAMPLE, ids=ascii)
def test_so_is_its_certificate(character: str) -> None:
    fields = {**ACCOUNT, "auth_type": "certificate", "certificate": PAIR.pem}
    plain = read_account("corp", fields, {"private_key": PAIR.key_pem})
    fields["certificate"] = laced(PAIR.pem, character)
    assert read_account("corp", fields, {"private_key": laced(PAIR.key_pem, character)}) == plain


@pytest.mark.parametrize("character", SAMPLE, ids=ascii)
def test_so_are_proxy_and_CA_certificates(character: str, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(laced(PAIR.pem, character), encoding="utf-8")
    proxy = {
        "proxy_enabled": "1",
        "proxy_type": "https",
        "proxy_url": "proxy.example",
        "proxy_port": "3128",
        "proxy_username": "jo",
        "proxy_rdns": "1",
    }
    for bundle in (PAIR.pem, str(path)):
        network = {"ca_bundle": bundle, "request_timeout": "30"}
        read = read_network(
            {name: laced(value, character) for name, value in proxy.items()},
            {"proxy_password": laced(" secret ", character)},
            {name: laced(value, character) for name, value in network.items()},
        )
        plain = read_network(proxy, {"proxy_password": " secret "}, network)
        assert read._replace(ca_pem="") == plain._replace(ca_pem="")
        assert read.ca_pem == plain.ca_pem.strip() or bundle == str(path)
        assert check_ca_bundle(network["ca_bundle"]) == check_ca_bundle(laced(bundle, character)) == ""


@pytest.mark.parametrize("character", SAMPLE, ids=ascii)
def test_so_are_the_fields_of_an_input(character: str) -> None:
    fields = {"account": "corp", "index": "main", "interval": "300", "start_time": "-7d", "overlap": "600"}
    own = {
        "regions": "us,eu",
        "resource": siem_alerts.RESOURCES[1],
        "machine_groups": "Servers",
        "region": "eu",
        "severities": "high",
        "alerts": "split",
    }
    with_them = {name: laced(value, character) for name, value in {**fields, **own}.items()}
    assert read_polling("emea", with_them) == read_polling("emea", fields)
    for module in (siem_alerts, endpoint_alerts, incidents):
        assert module.read_settings("emea", with_them) == module.read_settings("emea", own)


@pytest.mark.parametrize("character", AROUND, ids=ascii)
def test_blanks_of_whatever_kind_around_a_value_are_no_part_of_it(character: str) -> None:
    assert cleaned(f"{character} {SECRET}{character}\n") == SECRET


@pytest.mark.parametrize("secret", [SECRET, "x" * 300, "x" * 3_000, "пароль", "a b", "a\nb", '{"a":1}', "-x", "日本"])
def test_an_odd_secret_is_used_as_it_is(secret: str) -> None:
    assert read_account("corp", ACCOUNT, {"client_secret": secret}).client_secret == secret


@pytest.mark.parametrize("field", ["tenant_id", "client_id"])
@pytest.mark.parametrize(
    ("character", "named"), [("\u3164", "U+3164 (HANGUL FILLER)"), ("\u0435", "U+0435 (CYRILLIC SMALL LETTER IE)")]
)
def test_one_that_only_looks_like_another_is_named(field: str, character: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_account("corp", {**ACCOUNT, field: laced(ACCOUNT[field], character)}, {"client_secret": SECRET})
    assert f"It holds the character {named}." in str(refused.value)


def test_so_is_one_in_the_name_of_a_proxy() -> None:
    with pytest.raises(ConfigurationError, match=r"is not a host name or address\. It holds the character U\+2044"):
        read_network({"proxy_enabled": "1", "proxy_url": "a/\u2044", "proxy_port": "1"}, {}, {})


@given(text=st.text())
def test_any_text_gets_a_sentence_or_none(text: str) -> None:
    assert (unusual(text) == "") == (text.isascii() and all(one.isprintable() for one in text))
