"""What an administrator pastes as certificate and key is understood, or refused with a sentence that says what to do."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft.client_certificate import der
from defender_alerts.microsoft.client_certificate.key_pair import DECRYPT, NEW_PAIR, not_after, read_pair
from defender_alerts.microsoft.client_certificate.x509 import read_certificate
from hypothesis import given
from hypothesis import strategies as st
from standins.key_pairs import DAY, KeyPair, ec_key, rsa_key

WHERE = "Correct it there."
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.timezone.utc)
PAIR, OTHER = KeyPair(), KeyPair(rsa_key(number=1), name="other")


def _utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.timezone.utc)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
@pytest.mark.parametrize("form", ["key_pem", "pkcs1_pem"])
def test_a_certificate_and_its_key_are_read_in_both_forms_of_rsa_keys_and_all_usual_sizes(bits: int, form: str) -> None:
    pasted = KeyPair(rsa_key(bits))
    pair = read_pair(pasted.pem, getattr(pasted, form), WHERE)
    assert pair.certificate.encoded == pasted.der
    assert pair.certificate.modulus is not None
    assert pair.certificate.modulus.bit_length() == bits
    assert pair.key_pem == getattr(pasted, form)
    assert pair.certificate.pem == pasted.pem


def test_the_thumbprints_are_those_that_entra_id_computes() -> None:
    certificate = read_pair(PAIR.pem, PAIR.key_pem, WHERE).certificate
    assert certificate.sha1 == PAIR.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - a name
    assert certificate.sha256 == PAIR.certificate.fingerprint(hashes.SHA256())


@pytest.mark.parametrize(
    "treat",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="a Windows file"),
        pytest.param(lambda text: text.replace("\n", "\\n"), id="line feeds as a conf file has them"),
        pytest.param(lambda text: text.replace("\n", "\\r\\n"), id="both escaped"),
        pytest.param(lambda text: text.replace("\n", "\\\n"), id="lines of a conf file that go on"),
        pytest.param(lambda text: text.replace("\n", " "), id="blanks, as pages make of line feeds"),
        pytest.param(lambda text: text.replace("\n", ""), id="nothing, as input fields of a browser make of them"),
        pytest.param(
            lambda text: f"\ufeffBag Attributes\n  friendlyName: x\n{text}\n\n", id="what openssl pkcs12 adds"
        ),
        pytest.param(lambda text: "\n".join(f"  {line}\t" for line in text.splitlines()), id="indented"),
    ],
)
def test_the_texts_are_read_whatever_has_become_of_their_line_feeds(treat: object) -> None:
    assert callable(treat)
    for key in (PAIR.key_pem, PAIR.pkcs1_pem):
        pair = read_pair(treat(PAIR.pem), treat(key), WHERE)
        assert (pair.certificate.pem, pair.key_pem) == (PAIR.pem, key)


@pytest.mark.parametrize("turned", [False, True])
def test_of_a_chain_the_certificate_of_the_key_is_taken_wherever_it_stands(*, turned: bool) -> None:
    root = trustme.CA(key_type=trustme.KeyType.RSA)
    leaf = root.create_child_ca(key_type=trustme.KeyType.RSA).issue_cert("splunk.example", key_type=trustme.KeyType.RSA)
    chain = [part.bytes().decode() for part in leaf.cert_chain_pems] + [root.cert_pem.bytes().decode()]
    text = "".join(reversed(chain) if turned else chain)
    pair = read_pair(text, leaf.private_key_pem.bytes().decode(), WHERE)
    assert pair.certificate.pem == chain[0]


def test_a_chain_whose_root_has_a_key_of_another_kind_is_no_hindrance() -> None:
    pair = read_pair(KeyPair(ec_key()).pem + PAIR.pem, PAIR.key_pem, WHERE)
    assert pair.certificate.encoded == PAIR.der


@dataclass(frozen=True)
class Refused:
    """What was pasted, and what the administrator reads."""

    name: str
    certificate: str
    key: str
    says: str


EC = KeyPair(ec_key())
SSH = PAIR.key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
).decode()
EC_OLD = EC.pkcs1_pem
REQUEST = (
    x509.CertificateSigningRequestBuilder()
    .subject_name(PAIR.certificate.subject)
    .sign(rsa_key(), PAIR.certificate.signature_hash_algorithm)  # type: ignore[arg-type]
    .public_bytes(serialization.Encoding.PEM)
    .decode()
)
CUT = PAIR.pem[:200] + PAIR.pem[600:]
CUT_KEY = PAIR.key_pem[:200] + PAIR.key_pem[600:]
PUBLIC_AS_KEY = PAIR.public_pem.replace("PUBLIC", "PRIVATE")
REFUSED = (
    Refused("no certificate", " ", PAIR.key_pem, r"There is no certificate\. Paste it as PEM"),
    Refused("no key", PAIR.pem, "\n", r"There is no private key\. Paste the certificate's key"),
    Refused("a certificate without its PEM lines", "MIIC", PAIR.key_pem, r"holds no PEM text.*inform DER"),
    Refused("a request", REQUEST, PAIR.key_pem, r"holds a certificate request.*that the authority made of it"),
    Refused("a key as certificate", PAIR.key_pem, PAIR.key_pem, r"holds a private key.*not stored encrypted"),
    Refused("a key beside the certificate", PAIR.pem + PAIR.pkcs1_pem, PAIR.key_pem, r"certificate alone there"),
    Refused("a public key as certificate", PAIR.public_pem, PAIR.key_pem, r"Certificate holds a public key"),
    Refused("a certificate cut in the middle", CUT, PAIR.key_pem, r"can't be read\. Paste the whole text again"),
    Refused("a certificate that is none", PAIR.pem.replace("MII", "A!I"), PAIR.key_pem, r"can't be read"),
    Refused("a certificate for another kind of key", EC.pem, PAIR.key_pem, r"do not belong together"),
    Refused("a key under a passphrase", PAIR.pem, PAIR.encrypted_key_pem(), re.escape(DECRYPT)),
    Refused("an old key under a passphrase", PAIR.pem, PAIR.encrypted_key_pem(traditional=True), re.escape(DECRYPT)),
    Refused(
        "the same on one line",
        PAIR.pem,
        PAIR.encrypted_key_pem(traditional=True).replace("\n", ""),
        re.escape(DECRYPT),
    ),
    Refused("an EC key", PAIR.pem, EC.key_pem, r"not an RSA key.*-newkey rsa:2048"),
    Refused("an old EC key", PAIR.pem, EC_OLD, r"not an RSA key.*-newkey rsa:2048"),
    Refused("an OpenSSH key", PAIR.pem, SSH, r"not an RSA key in PEM"),
    Refused("a public key", PAIR.pem, PAIR.public_pem, r"Private key holds a public key\. Paste the private key"),
    Refused("a certificate as key", PAIR.pem, PAIR.pem, r"Private key holds a certificate\. Paste the private key"),
    Refused("a public key that says it were private", PAIR.pem, PUBLIC_AS_KEY, r"The private key can't be read"),
    Refused("rubbish", PAIR.pem, "hunter2", r"holds no PEM text.*BEGIN PRIVATE KEY"),
    Refused("a key cut in the middle", PAIR.pem, CUT_KEY, r"private key can't be read\. Paste the whole text again"),
    Refused("two keys", PAIR.pem, PAIR.key_pem + OTHER.key_pem, r"holds 2 keys"),
    Refused("another certificate's key", PAIR.pem, OTHER.key_pem, r"do not belong together.*-noout -modulus"),
)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.name)
def test_what_is_no_pair_is_refused_with_what_to_do_and_without_a_line_of_it(refused: Refused) -> None:
    with pytest.raises(ConfigurationError, match=refused.says) as caught:
        read_pair(refused.certificate, refused.key, WHERE)
    told = str(caught.value)
    assert told.endswith(WHERE)
    assert told.isprintable()
    pasted = [line for line in (refused.certificate + refused.key).splitlines() if len(line) > 5]
    assert not [line for line in pasted if line in told and not line.startswith("-----")]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_pair_does_not_show_its_key() -> None:
    pair = read_pair(PAIR.pem, PAIR.key_pem, WHERE)
    shown = repr(pair) + str(pair)
    assert "\\x" not in shown
    assert not [line for line in PAIR.key_lines() if line in shown]


def test_the_lines_of_a_key_are_known_to_be_hidden_and_not_what_stands_around_each_key() -> None:
    for pasted in (PAIR.key_pem, PAIR.key_pem.replace("\n", "\\n")):
        hidden = read_pair(PAIR.pem, pasted, WHERE).key_secrets
        assert set(hidden) >= {PAIR.key_pem, *PAIR.key_lines()[:-1]}
        assert not [line for line in hidden if line.startswith("-----") and "\n" not in line]


@pytest.mark.parametrize("traditional", [False, True])
def test_the_commands_that_the_sentences_name_do_what_they_say(tmp_path: Path, *, traditional: bool) -> None:
    (tmp_path / "encrypted.pem").write_text(PAIR.encrypted_key_pem(traditional=traditional))
    command = [*DECRYPT.split(), "-passin", "pass:a passphrase"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert read_pair(PAIR.pem, (tmp_path / "key.pem").read_text(), WHERE).certificate.encoded == PAIR.der
    subprocess.run(NEW_PAIR.split(), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    made = read_pair((tmp_path / "cert.pem").read_text(), (tmp_path / "key.pem").read_text(), WHERE)
    made.must_be_valid(dt.datetime.now(dt.timezone.utc), WHERE)


@pytest.mark.parametrize(
    ("not_before", "ends"),
    [
        pytest.param(_utc(1999, 12, 31, 23, 59, 59), _utc(2049, 12, 31, 23, 59, 59), id="UTCTime of both centuries"),
        pytest.param(_utc(1950, 1, 1), _utc(2050, 1, 1), id="UTCTime, then GeneralizedTime"),
        pytest.param(_utc(2051, 6, 30, 1, 2, 3), _utc(9999, 12, 31, 23, 59, 59), id="GeneralizedTime, no end"),
    ],
)
def test_the_dates_are_read_in_both_forms(not_before: dt.datetime, ends: dt.datetime) -> None:
    pasted = KeyPair(not_before=not_before, not_after=ends)
    certificate = read_certificate(pasted.der)
    assert (certificate.not_before, certificate.not_after) == (not_before, ends)
    assert not_after(pasted.pem) == ends.date()


@pytest.mark.parametrize("length", [1, 127, 128, 255, 256, 65_535, 70_000])
def test_a_certificate_is_read_however_many_bytes_its_lengths_take(length: int) -> None:
    pasted = KeyPair(comment=b"x" * length)
    certificate = read_certificate(pasted.der)
    assert certificate.not_after == pasted.certificate.not_valid_after_utc
    assert certificate.modulus == rsa_key().public_key().public_numbers().n


def test_a_certificate_of_trustme_is_read_whatever_its_key() -> None:
    for kind in trustme.KeyType:
        pem = trustme.CA(key_type=kind).cert_pem.bytes().decode()
        assert not_after(pem) == x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc.date()


def test_there_is_no_date_where_there_is_no_certificate() -> None:
    assert not_after("") is None
    assert not_after(CUT) is None


@given(st.data())
def test_a_broken_certificate_is_refused_and_breaks_nothing(data: st.DataObject) -> None:
    broken = bytearray(PAIR.der)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    encoded = bytes(broken[: data.draw(st.integers(0, len(broken)))])
    with contextlib.suppress(ValueError):
        assert read_certificate(encoded).encoded == encoded


@pytest.mark.parametrize(
    "encoded",
    [b"", b"\x30", b"\x30\x80\x00\x00", b"\x30\x85\x00\x00\x00\x00\x00", b"\x30\x82\x01", b"\x1f\x01\x00", b"\x02\x01"],
)
def test_what_is_not_der_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match=r"stand where|a type has|cut off|not definite"):
        der.read(encoded)


@pytest.mark.parametrize(
    ("read", "encoded", "because"),
    [
        (der.read, "300501", "cut off"),
        (read_certificate, PAIR.der.hex().replace("5a170d", "2b170d", 1), "not a time"),
    ],
)
def test_der_that_says_something_else_is_refused(read: Callable[[bytes], object], encoded: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        read(bytes.fromhex(encoded))


def test_a_key_without_its_private_part_is_refused() -> None:
    public = "-----BEGIN RSA PRIVATE KEY-----\nMAkCAQACAQMCAQM=\n-----END RSA PRIVATE KEY-----\n"
    with pytest.raises(ConfigurationError, match=r"The private key can't be read"):
        read_pair(PAIR.pem, public, WHERE)


def test_an_expired_certificate_is_refused_with_its_day_and_how_to_make_another() -> None:
    pair = read_pair(KeyPair(not_before=NOW - 9 * DAY, not_after=NOW).pem, PAIR.key_pem, WHERE)
    pair.must_be_valid(NOW - dt.timedelta(seconds=1), WHERE)
    with pytest.raises(ConfigurationError, match=r"expired on 2026-11-23.*clock says 2026-11-23.*openssl req.*upload"):
        pair.must_be_valid(NOW, WHERE)


def test_a_certificate_of_tomorrow_is_refused_and_one_made_a_moment_ago_on_another_host_is_not() -> None:
    early = read_pair(KeyPair(not_before=NOW, not_after=NOW + DAY).pem, PAIR.key_pem, WHERE)
    early.must_be_valid(NOW - dt.timedelta(minutes=4), WHERE)
    with pytest.raises(ConfigurationError, match=r"not valid before 2026-11-23.*Correct the clock"):
        early.must_be_valid(NOW - dt.timedelta(minutes=6), WHERE)
