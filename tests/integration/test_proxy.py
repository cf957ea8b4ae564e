"""The way to Microsoft: through proxies of every type, with credentials, that inspect TLS with a private CA."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trustme
from integration.installation import LOGIN_HOST, NARROW, SIEM_HOST, Install, Installation, set_up, texts
from integration.log import errors
from standins.key_pairs import KeyPair
from standins.microsoft.proxy import ProxyAddress

USER, PASSWORD = "splunk proxy@corp", 'p@ss:w/rd#%20 "q" &é'


@pytest.fixture(scope="module")
def behind(install: Install) -> Installation:
    """Give an installation behind proxies that want a name and a password."""
    return set_up(install(), user=USER, password=PASSWORD)


@pytest.fixture
def behind_proxy(behind: Installation) -> Installation:
    behind.reset()
    behind.cloud.proxy_credentials = (USER, PASSWORD)
    behind.save_way(user=USER, password=PASSWORD)
    return behind


@pytest.fixture
def misleading(tmp_path: Path) -> dict[str, str]:
    """Give an environment that leads elsewhere, as splunk-launch.conf may set it for the whole of splunkd."""
    elsewhere = tmp_path / "elsewhere.pem"
    elsewhere.write_bytes(trustme.CA(organization_name="Elsewhere").cert_pem.bytes())
    return {
        "REQUESTS_CA_BUNDLE": str(elsewhere),
        "CURL_CA_BUNDLE": str(elsewhere),
        "SSL_CERT_FILE": str(elsewhere),
    }


def _assert_delivers(installed: Installation, env: Mapping[str, str] | None = None) -> None:
    installed.cloud.journal.clear()
    alerts = installed.alerts(20)
    installed.publish("eu", alerts)
    run = installed.run(NARROW, env=env)
    assert (run.status, run.stderr) == (0, [])
    assert [event.raw for event in run.events] == texts(alerts)


@pytest.mark.parametrize("of", ["proxy", "https_proxy", "socks_proxy"])
def test_through_a_proxy_with_credentials_and_a_private_CA_given_as_text(
    behind_proxy: Installation, misleading: dict[str, str], of: str
) -> None:
    address: ProxyAddress = getattr(behind_proxy.cloud, of)
    behind_proxy.save_proxy(address, user=USER, password=PASSWORD)
    _assert_delivers(behind_proxy, misleading)
    journal = behind_proxy.cloud.journal
    assert {(tunnel.proxy, tunnel.status) for tunnel in journal.tunnels()} == {(address.scheme, 200)}
    assert journal.hosts() == {LOGIN_HOST, SIEM_HOST}
    # The proxy's credentials are never seen inside the tunnel.
    assert {call.header("proxy-authorization") for call in journal if call.headers} == {None}


def test_of_a_bundle_of_an_operating_system_what_can_not_be_used_is_left_out_and_said(
    behind_proxy: Installation, misleading: dict[str, str], tmp_path: Path
) -> None:
    old = KeyPair(name="Old Root CA", not_after=dt.datetime(2024, 1, 31, tzinfo=dt.timezone.utc))
    bundle = tmp_path / "ca certificates.crt"
    bundle.write_text(f"# Főtanúsítvány\n{old.pem}{behind_proxy.cloud.ca_pem}", encoding="utf-8")
    behind_proxy.save_network(str(bundle))
    _assert_delivers(behind_proxy, misleading)
    [said] = [line.text for line in behind_proxy.log(NARROW) if line.level == "WARNING"]
    assert said == (
        f"input={NARROW} Of the CA certificates under Configuration > Network, some are not used: number 1 "
        "(CN=Old Root CA) expired on 2024-01-31. Replace what this host needs; the others are used."
    )


def _wants_another_password(behind: Installation, _: Path) -> None:
    behind.cloud.proxy_credentials = (USER, "has been changed")


def _wants_a_login(behind: Installation, _: Path) -> None:
    behind.cloud.proxy_credentials = None
    behind.save_proxy(behind.cloud.proxy)
    behind.cloud.proxy_credentials = (USER, PASSWORD)


def _loses_its_bundle(behind: Installation, bundle: Path) -> None:
    behind.save_network(str(bundle))
    bundle.unlink()


@pytest.mark.parametrize(
    ("harm", "category", "words"),
    [
        (_wants_another_password, "Configuration Error", "The proxy refuses … Configuration > Proxy"),
        (_wants_a_login, "Configuration Error", "The proxy asks for … Configuration > Proxy"),
        (
            _loses_its_bundle,
            "Configuration Error",
            "No CA certificates can be read from '{bundle}'. … Configuration > Network",
        ),
        # The environment's bundle, which has it, does not stand in for the setting.
        (
            lambda behind, _: behind.save_network(""),
            "Connection Error",
            f"{LOGIN_HOST} … is not trusted … Configuration > Network",
        ),
    ],
)
def test_a_way_that_leads_nowhere_is_said_with_the_setting_to_correct(
    behind_proxy: Installation, tmp_path: Path, harm: Callable[[Installation, Path], None], category: str, words: str
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(behind_proxy.cloud.ca_pem, encoding="utf-8")
    harm(behind_proxy, bundle)
    run = behind_proxy.run(NARROW, env={"REQUESTS_CA_BUNDLE": str(bundle)} if bundle.exists() else None)
    assert (run.status, run.stdout_bytes) == (2 if category == "Configuration Error" else 1, 0)
    [error] = errors(behind_proxy.log(NARROW))
    [line] = run.stderr
    assert error.category == category
    for word in words.format(bundle=bundle).split(" … "):
        assert word in error.text
        assert word in line


def test_the_account_is_checked_through_the_same_way(behind_proxy: Installation) -> None:
    behind_proxy.cloud.journal.clear()
    behind_proxy.save_account("through")
    tunnels = behind_proxy.cloud.journal.tunnels()
    # A token for each of the four resources that the inputs want, and the APIs whose permissions are in none of them.
    assert [tunnel.host for tunnel in tunnels].count(LOGIN_HOST) == 4
    assert {tunnel.status for tunnel in tunnels} == {200}


def test_the_proxy_of_the_settings_wins_over_the_environments_and_splunkd_is_called_without_any(
    behind_proxy: Installation,
) -> None:
    _assert_delivers(behind_proxy, {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"})


def test_where_no_proxy_is_enabled_the_environments_is_used(behind_proxy: Installation) -> None:
    behind_proxy.save_settings(
        "proxy", proxy_enabled="0", proxy_type="http", proxy_url="unused.example", proxy_port="1"
    )
    _assert_delivers(
        behind_proxy,
        {"HTTPS_PROXY": behind_proxy.cloud.proxy.url((USER, PASSWORD)), "NO_PROXY": "localhost, 127.0.0.1, ::1"},
    )
