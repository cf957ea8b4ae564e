"""The additional CA certificates, however they are pasted or kept in a file: at save, and in the run."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
from defender_alerts.diagnostics.network import check_ca_bundle
from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft.client_certificate.authorities import read_authorities
from defender_alerts.microsoft.network import read_ca_bundle, read_network
from defender_alerts.microsoft.transport.session import trust
from hypothesis import given
from hypothesis import strategies as st
from standins.key_pairs import KeyPair, ec_key

OWN = KeyPair(name="inspecting proxy", is_authority=True)
OTHER = KeyPair(ec_key(), name="elliptic", is_authority=True)
OLD = KeyPair(name="Old Root CA", is_authority=True, not_after=dt.datetime(2024, 1, 31, tzinfo=dt.timezone.utc))


def trusted(context: ssl.SSLContext) -> list[bytes]:
    """Return the certificates that a context trusts beside the public ones."""
    public = set(trust("").get_ca_certs(binary_form=True))
    return sorted(one for one in context.get_ca_certs(binary_form=True) if one not in public)


def text(label: str, encoded: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(encoded).replace("CERTIFICATE", label)


def saved(setting: str) -> list[bytes]:
    """Check a setting as its page does, read it as the run does, and return what is trusted."""
    check_ca_bundle(setting)
    return trusted(trust(read_network({}, {}, {"ca_bundle": setting}).ca_pem))


FORMS: dict[str, Callable[[str], str]] = {
    "comment that is not ASCII": lambda pem: f"# NetLock Arany (Class Gold) Főtanúsítvány\n{pem}",
    "byte order mark": lambda pem: f"\ufeff{pem}",
    "line feeds of Windows": lambda pem: pem.replace("\n", "\r\n"),
    "one line with blanks": lambda pem: pem.replace("\n", " "),
    "one line": lambda pem: pem.replace("\n", ""),
    "as conf files keep it": lambda pem: pem.replace("\n", "\\n"),
    "output of openssl": lambda pem: f"subject=CN = Ünlü\nissuer=CN = Ünlü\n---\n{pem}---\nServer certificate\n",
    "behind one that was cut off": lambda pem: f"{OTHER.pem[:200]}\n{pem}",
    "zero-width spaces": lambda pem: f"\u200b{pem}\u200b",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_is_found_wherever_it_stands_and_whatever_is_around_it(form: str, tmp_path: Path) -> None:
    pasted = FORMS[form](OWN.pem)
    assert trusted(trust(pasted)) == [OWN.der]
    path = tmp_path / "ca.pem"
    path.write_text(pasted, encoding="utf-8")
    assert trusted(trust(read_ca_bundle(str(path)))) == [OWN.der]
    if "cut off" not in form:
        assert saved(pasted) == saved(str(path)) == [OWN.der]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis", "utf-8-sig"])
def test_a_file_may_have_comments_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    comment = "# 証明書" if encoding == "shift_jis" else "# Zürich"
    path = tmp_path / "ca.pem"
    path.write_bytes(f"{comment}\n{OWN.pem}".encode(encoding))
    assert saved(str(path)) == [OWN.der]


def test_the_bundle_of_an_operating_system_with_an_old_root_in_it_is_taken_with_ones_own() -> None:
    bundle = Path(certifi.where()).read_text(encoding="utf-8") + OLD.pem + OWN.pem
    left_out = check_ca_bundle(bundle)
    assert "(CN=Old Root CA) expired on 2024-01-31" in left_out
    assert saved(bundle) == [OWN.der]


def test_the_page_refuses_a_text_of_which_nothing_can_be_used_and_the_run_goes_on_with_the_public_roots() -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_ca_bundle(OLD.pem)
    assert str(refused.value).startswith(
        "None of the CA certificates can be used: number 1 (CN=Old Root CA) expired on 2024-01-31. Replace them"
    )
    assert trusted(trust(OLD.pem)) == []


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (OWN.pem.replace("M", "!"), "number 1 can't be read"),
        (text("CERTIFICATE", b"\x30\x82\x01"), "number 1 can't be read"),
        (text("TRUSTED CERTIFICATE", OWN.der), "number 1 is in a form of OpenSSL's own (convert it: openssl x509"),
        (OLD.pem, "number 1 (CN=Old Root CA) expired on 2024-01-31"),
        (OWN.pem[:300], "a block that begins and does not end"),
        (OWN.key_pem, "a private key"),
        (text("X509 CRL", b"\x30\x00"), ""),
    ],
)
def test_what_can_not_be_used_costs_itself_alone_in_the_run(odd: str, says: str) -> None:
    assert trusted(trust(odd + OTHER.pem)) == [OTHER.der]
    assert says in read_authorities(odd + OTHER.pem).left_out


def test_many_that_are_left_out_are_counted_and_not_listed() -> None:
    assert read_authorities(OLD.pem * 10).left_out.endswith(", and 2 more")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_UTF_16_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(OWN.pem.encode(encoding))
    assert saved(str(path)) == [OWN.der]


def test_a_file_in_DER_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ca.cer"
    path.write_bytes(OWN.der)
    assert saved(str(path)) == [OWN.der]


@pytest.mark.parametrize("content", [b"", b"\x30\x82", b"\0" * 100, OWN.der[:-1], "-----BEGIN".encode("utf-32")])
def test_a_file_that_holds_something_else_says_the_same_as_one_that_is_missing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    for read in (read_ca_bundle, check_ca_bundle):
        with pytest.raises(ConfigurationError, match="No CA certificates can be read from"):
            read(str(path))


PIECES = st.lists(
    st.text(max_size=20)
    | st.sampled_from(
        [
            OWN.pem,
            OLD.pem,
            OTHER.pem[:300],
            OTHER.pem[300:],
            OWN.key_pem,
            "-----BEGIN CERTIFICATE-----",
            "-----END CERTIFICATE-----",
            "/etc/passwd",
            "\ud800",
            "\0",
        ]
    ),
    max_size=6,
).map("".join)


def refusal(use: Callable[[str], object], setting: str) -> str:
    """Use a setting; return what it is refused with."""
    try:
        use(setting)
    except ConfigurationError as error:
        return str(error)
    return ""


@given(setting=PIECES)
def test_any_text_is_taken_or_refused_with_a_sentence(setting: str) -> None:
    for use in (check_ca_bundle, lambda one: trust(read_ca_bundle(one)), trust):
        refused = refusal(use, setting)
        assert refused == "" or "Additional CA certificates" in refused


@given(content=st.binary(max_size=200) | PIECES.map(lambda one: one.encode("utf-16", "surrogatepass")))
def test_any_file_is_taken_or_refused_with_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pem"
    path.write_bytes(content)
    for use in (check_ca_bundle, lambda one: trust(read_ca_bundle(one))):
        refused = refusal(use, str(path))
        assert refused == "" or "Additional CA certificates" in refused
