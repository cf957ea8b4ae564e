"""The check of proxy and CA certificates at save: what lets us through, and what is said of what does not."""

from __future__ import annotations

import datetime as dt
import re
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest
from defender_alerts.diagnostics.network import check_ca_bundle, check_proxy, login_hosts
from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.microsoft.network import Proxy
from standins.key_pairs import KeyPair, ec_key, rsa_key
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.proxy import ProxyAddress

LOGIN, GOV_LOGIN = "login.microsoftonline.com", "login.microsoftonline.us"
COMMERCIAL, GOVERNMENT = "commercial", "gcc_high"
KINDS = ("http", "https", "socks5")
LOGGED_IN = ("DOMAIN\\jo", "p&ss word")


def address(cloud: MicrosoftCloud, kind: str) -> ProxyAddress:
    return {"http": cloud.proxy, "https": cloud.https_proxy, "socks5": cloud.socks_proxy}[kind]


def proxy_of(cloud: MicrosoftCloud, kind: str, *, at: str = "", user: str = "", password: str = "") -> Proxy:
    """The proxy of that kind, or what listens where the one of another kind does."""
    where = address(cloud, at or kind)
    return Proxy(kind, where.host, where.port, user, password, remote_dns=True)


def refusal(cloud: MicrosoftCloud, proxy: Proxy, *, ca_pem: str | None = None, seconds: float = 2.0) -> str:
    with pytest.raises(AddonError) as refused:
        check_proxy(proxy, (COMMERCIAL,), cloud.ca_pem if ca_pem is None else ca_pem, seconds=seconds)
    return str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("login", [None, LOGGED_IN], ids=["open", "with login"])
def test_a_proxy_that_opens_a_tunnel_to_every_login_host_is_good(
    cloud: MicrosoftCloud, kind: str, login: tuple[str, str] | None
) -> None:
    cloud.proxy_credentials = login
    user, password = login or ("", "")
    check_proxy(proxy_of(cloud, kind, user=user, password=password), (COMMERCIAL, GOVERNMENT), cloud.ca_pem)
    assert [(tunnel.host, tunnel.status) for tunnel in cloud.journal.tunnels()] == [(LOGIN, 200), (GOV_LOGIN, 200)]


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_microsofts_own_certificate_need_not_be_trusted_yet(cloud: MicrosoftCloud, kind: str) -> None:
    check_proxy(proxy_of(cloud, kind), (COMMERCIAL,))
    assert len(cloud.journal.tunnels()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_at_which_nothing_listens_is_named(cloud: MicrosoftCloud, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    message = refusal(cloud, Proxy(kind, "127.0.0.1", free, remote_dns=True))
    assert re.match(
        rf"Nothing answers at {kind}h?://127\.0\.0\.1:{free} \(.*refused\)\. Correct Type, Host or Port", message
    )


@pytest.mark.parametrize("host", ["proxy.invalid", "proxy..invalid"])
def test_a_name_that_can_not_be_resolved_is_named(cloud: MicrosoftCloud, host: str) -> None:
    message = refusal(cloud, Proxy("http", host, 3128))
    assert message.startswith(f"Nothing answers at http://{host}:3128 (its name can't be resolved).")
    assert message.endswith("under Configuration > Proxy, or open the firewall in between.")


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_wants_a_login_says_whether_there_is_none_or_a_wrong_one(cloud: MicrosoftCloud, kind: str) -> None:
    cloud.proxy_credentials = LOGGED_IN
    assert refusal(cloud, proxy_of(cloud, kind)) == (
        "The proxy asks for a user name and password. Fill in User name and Password under Configuration > Proxy."
    )
    assert refusal(cloud, proxy_of(cloud, kind, user="jo", password="wrong")) == (
        "The proxy refuses this user name and password. Correct User name and Password under Configuration > Proxy."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_does_not_let_the_login_host_pass_is_told_from_one_that_is_wrong(
    cloud: MicrosoftCloud, kind: str
) -> None:
    cloud.faults.add(LOGIN, faults.RefuseTunnel(403), times=None)
    message = refusal(cloud, proxy_of(cloud, kind))
    assert message.startswith(f"The proxy opens no tunnel to {LOGIN}:443 (")
    assert message.endswith(f"Check that the proxy lets {LOGIN}:443 pass and that it can resolve that name.")


def test_the_second_cloud_is_asked_for_as_well(cloud: MicrosoftCloud) -> None:
    cloud.faults.add(GOV_LOGIN, faults.RefuseTunnel(403), times=None)
    with pytest.raises(AddonError, match=f"no tunnel to {GOV_LOGIN}:443"):
        check_proxy(proxy_of(cloud, "http"), (COMMERCIAL, GOVERNMENT))


def test_before_there_is_an_account_a_way_to_one_cloud_is_enough(cloud: MicrosoftCloud) -> None:
    closed = cloud.faults.add(LOGIN, faults.RefuseTunnel(403), times=None)
    check_proxy(proxy_of(cloud, "http"), ())
    assert [tunnel.host for tunnel in cloud.journal.tunnels()] == [LOGIN, GOV_LOGIN]
    cloud.faults.add(GOV_LOGIN, faults.RefuseTunnel(403), times=None)
    with pytest.raises(AddonError, match=f"no tunnel to {LOGIN}:443"):
        check_proxy(proxy_of(cloud, "http"), ())
    closed.remove()
    cloud.journal.clear()
    check_proxy(proxy_of(cloud, "http"), ())
    assert [tunnel.host for tunnel in cloud.journal.tunnels()] == [LOGIN]


@pytest.mark.parametrize(
    ("kind", "at"), [("http", "socks5"), ("http", "https"), ("https", "http"), ("https", "socks5"), ("socks5", "http")]
)
def test_a_proxy_of_another_type_is_said_to_be_none_of_this_one(cloud: MicrosoftCloud, kind: str, at: str) -> None:
    message = refusal(cloud, proxy_of(cloud, kind, at=at), seconds=0.5)
    assert re.match(f"{kind}h?://.* accepts connections but does not behave like a proxy of this type", message)
    assert message.endswith("Correct Type, Host or Port under Configuration > Proxy.")


def test_a_proxy_whose_own_certificate_is_not_trusted_asks_for_its_ca(cloud: MicrosoftCloud) -> None:
    message = refusal(cloud, proxy_of(cloud, "https"), ca_pem="")
    assert message.startswith("The certificate of the proxy itself is not trusted (")
    assert "Save the certificate of its CA under Configuration > Network > Additional CA certificates first." in message


def test_names_that_this_machine_is_to_resolve_and_can_not_are_left_to_the_proxy(cloud: MicrosoftCloud) -> None:
    where = cloud.socks_proxy
    message = refusal(cloud, Proxy("socks5", where.host, where.port))
    assert message.startswith(f"This machine can't resolve the name {LOGIN}")
    assert "Tick The proxy resolves names" in message


@pytest.mark.parametrize(
    ("cloud_names", "expected"),
    [
        ((), ()),
        (("commercial", "gcc"), (LOGIN,)),
        (("dod", "gcc_high"), (GOV_LOGIN,)),
        (("dod", "commercial"), (LOGIN, GOV_LOGIN)),
        (("", "atlantis"), ()),
    ],
)
def test_each_login_host_of_the_accounts_is_asked_for_once(
    cloud_names: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert login_hosts(cloud_names) == expected


GOOD = KeyPair(name="inspecting proxy")
OLD = KeyPair(name="Old Root CA", not_after=dt.datetime(2024, 1, 31, tzinfo=dt.timezone.utc))
FIELD = "under Configuration > Network > Additional CA certificates"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        GOOD.pem,
        f"# of the firewall\n{GOOD.pem}\n{KeyPair(ec_key(), name='elliptic').pem}",
        GOOD.pem.replace("\n", "\\n"),
    ],
    ids=["none", "blank", "one", "two with a comment", "as conf files keep it"],
)
def test_certificates_that_are_valid_are_good(text: str) -> None:
    check_ca_bundle(text)


@dataclass(frozen=True)
class Bad:
    name: str
    text: str
    words: str
    in_files: bool = True


@pytest.mark.parametrize(
    "bad",
    [
        Bad("expired", OLD.pem, "can be used: number 1 (CN=Old Root CA) expired on 2024-01-31. Replace them"),
        Bad("cut off", GOOD.pem + GOOD.pem[:200], "The CA certificates are not whole, or there is something"),
        Bad(
            "request",
            GOOD.pem.replace(" CERTIFICATE", " CERTIFICATE REQUEST"),
            "there is something else in their place",
            in_files=False,
        ),
        Bad("not base64", GOOD.pem.replace("M", "!"), "CA certificate number 1 can't be read."),
        Bad("not DER", GOOD.pem[:60] + "AAAA" + GOOD.pem[60:], "CA certificate number 1 can't be read."),
        Bad("key", GOOD.pem + KeyPair(rsa_key()).key_pem, "There is a private key among the CA certificates."),
    ],
    ids=lambda bad: bad.name,
)
def test_what_is_wrong_with_a_certificate_is_said_with_its_number(bad: Bad, tmp_path: Path) -> None:
    for setting in (bad.text, str(file_with(tmp_path, bad.text)))[: 1 + bad.in_files]:
        with pytest.raises(ConfigurationError) as refused:
            check_ca_bundle(setting)
        assert bad.words in str(refused.value)
        assert FIELD in str(refused.value)


def file_with(folder: Path, text: str) -> Path:
    path = folder / "bundle.pem"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_path_says_the_same_whatever_the_reason_that_it_leads_to_no_certificate(tmp_path: Path) -> None:
    key_alone = file_with(tmp_path, KeyPair().key_pem)
    text = tmp_path / "passwords"
    text.write_text("root:x:0:0", encoding="utf-8")
    for path in (tmp_path / "missing", tmp_path, text, key_alone, Path("relative.pem"), Path("/dev/zero")):
        with pytest.raises(ConfigurationError) as refused:
            check_ca_bundle(f" {path}\n")
        assert str(refused.value) == (
            f"No CA certificates can be read from {str(path)!r}. Paste the PEM text itself, or the absolute path of a "
            f"file with such text that the user of splunkd may read, {FIELD}."
        )


def test_a_file_with_valid_certificates_is_good(tmp_path: Path) -> None:
    check_ca_bundle(str(file_with(tmp_path, GOOD.pem)))
