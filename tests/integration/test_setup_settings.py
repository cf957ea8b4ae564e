"""Saving the tabs Proxy and Network: a way that leads nowhere is refused with the field to correct."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from defender_alerts.splunk.rest_client import Splunkd
from defender_alerts.splunk.stored_settings import proxy_secrets
from integration.installation import LOGIN_HOST, Install, Installation
from integration.saving import SETTINGS, refusal_of
from standins.key_pairs import KeyPair
from standins.microsoft.faults import RefuseTunnel

LOGIN = ("DOMAIN\\jo", 'a "proxy" p&ssword ')
GOV_LOGIN_HOST = "login.microsoftonline.us"


@pytest.fixture(scope="module")
def connected(install: Install) -> Installation:
    """Give an installation with proxies that want a login."""
    installation = install()
    installation.cloud.proxy_credentials = LOGIN
    installation.save_way(user=LOGIN[0], password=LOGIN[1])
    installation.keep()
    return installation


@pytest.fixture
def saved(connected: Installation) -> Installation:
    """Give an installation whose way is saved and good."""
    connected.reset()
    connected.cloud.proxy_credentials = LOGIN
    return connected


def free_port() -> int:
    """A port of this machine at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def proxy_fields(installation: Installation, kind: str = "http", **fields: str) -> dict[str, str]:
    """What the page sends: the password is masked unless a new one is typed."""
    cloud = installation.cloud
    address = {"http": cloud.proxy, "https": cloud.https_proxy, "socks5": cloud.socks_proxy}[kind]
    return {
        "proxy_enabled": "1",
        "proxy_type": kind,
        "proxy_url": address.host,
        "proxy_port": str(address.port),
        "proxy_username": LOGIN[0],
        "proxy_password": "******",
        "proxy_rdns": "1",
        **fields,
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (lambda this: proxy_fields(this, proxy_port=str(free_port())), "refused)"),
        (lambda this: proxy_fields(this, proxy_url="proxy.invalid"), "http://proxy.invalid:"),
        *(
            (
                lambda this, kind=kind: proxy_fields(this, kind, proxy_username="", proxy_password=""),
                "The proxy asks for",
            )
            for kind in ("http", "https", "socks5")
        ),
        *(
            (
                lambda this, kind=kind: proxy_fields(this, kind, proxy_password="wrong"),
                "The proxy refuses",
            )
            for kind in ("http", "https", "socks5")
        ),
        (lambda this: {**proxy_fields(this, "https"), "proxy_type": "http"}, "proxy of this type"),
        (lambda this: proxy_fields(this, proxy_port="0"), "proxy_port is '0' and should be"),
    ],
)
def test_a_proxy_that_would_not_work_is_refused_and_nothing_of_it_is_stored(
    saved: Installation, fields: Callable[[Installation], dict[str, str]], words: str
) -> None:
    before = (saved.stored(SETTINGS), saved.stored("passwords"))
    assert words in refusal_of(lambda: saved.save_settings("proxy", **fields(saved)))
    assert (saved.stored(SETTINGS), saved.stored("passwords")) == before


def test_a_proxy_that_works_is_saved_with_the_password_that_is_stored_or_typed(saved: Installation) -> None:
    for kind in ("https", "socks5", "http"):
        saved.save_settings("proxy", **proxy_fields(saved, kind))
        saved.save_settings("proxy", **proxy_fields(saved, kind, proxy_password=LOGIN[1]))
    splunkd = Splunkd(saved.splunkd.server_uri, saved.splunkd.session_key())
    assert proxy_secrets(splunkd) == {"proxy_password": LOGIN[1]}


def test_blanks_around_what_was_pasted_for_the_proxy_are_taken_away(saved: Installation) -> None:
    address = saved.cloud.proxy
    saved.save_settings("proxy", **proxy_fields(saved, proxy_url=f" {address.host}\n", proxy_port=f" {address.port} "))
    stored = saved.splunkd.conf.of_app(SETTINGS, "TA_defender_alerts")["proxy"]
    assert (stored["proxy_url"], stored["proxy_port"]) == (address.host, str(address.port))


def test_a_proxy_that_is_not_in_use_is_saved_untried(saved: Installation) -> None:
    fields = proxy_fields(saved, proxy_enabled="0", proxy_url="not.there.yet", proxy_port="3128")
    saved.save_settings("proxy", **fields)
    assert "proxy_url = not.there.yet" in saved.stored(SETTINGS)
    assert list(saved.cloud.journal.tunnels()) == []
    refused = refusal_of(lambda: saved.save_settings("proxy", proxy_enabled="1"))
    assert "not.there.yet:3128" in refused
    saved.save_settings("proxy", **proxy_fields(saved))


def test_the_proxy_has_to_let_the_login_of_every_cloud_pass_that_an_account_is_in(saved: Installation) -> None:
    # Before there is an account, a way to the login of any cloud is enough.
    for host in (LOGIN_HOST, GOV_LOGIN_HOST):
        saved.cloud.faults.add(host, RefuseTunnel(403), times=1)
    assert f"{LOGIN_HOST}:443" in refusal_of(lambda: saved.save_settings("proxy", **proxy_fields(saved)))
    saved.cloud.journal.clear()
    saved.save_settings("proxy", **proxy_fields(saved))
    assert [tunnel.host for tunnel in saved.cloud.journal.tunnels()] == [LOGIN_HOST]
    saved.save_account("at_home", skip_check="1")
    saved.save_account("agency", cloud="gcc_high", skip_check="1")
    saved.cloud.journal.clear()
    saved.save_settings("proxy", **proxy_fields(saved))
    assert [tunnel.host for tunnel in saved.cloud.journal.tunnels()] == [LOGIN_HOST, GOV_LOGIN_HOST]
    saved.cloud.faults.add(GOV_LOGIN_HOST, RefuseTunnel(403), times=None)
    message = refusal_of(lambda: saved.save_settings("proxy", **proxy_fields(saved)))
    assert f"{GOV_LOGIN_HOST}:443" in message


def test_a_proxy_that_speaks_TLS_wants_its_CA_saved_first(saved: Installation) -> None:
    saved.save_network("")
    message = refusal_of(lambda: saved.save_settings("proxy", **proxy_fields(saved, "https")))
    assert "Configuration > Network > Additional CA certificates" in message
    saved.save_network(saved.cloud.ca_pem)
    saved.save_settings("proxy", **proxy_fields(saved, "https"))
    saved.save_settings("proxy", **proxy_fields(saved))


def test_CA_certificates_that_can_not_be_used_are_refused_and_not_stored(saved: Installation, tmp_path: Path) -> None:
    before = saved.stored(SETTINGS)
    old = KeyPair(name="Old Root CA", not_after=dt.datetime(2024, 1, 31, tzinfo=dt.timezone.utc))
    with_key = tmp_path / "with key.pem"
    with_key.write_text(old.pem + old.key_pem, encoding="utf-8")
    for bundle, words in (
        (old.pem, "number 1 (CN=Old Root CA) expired on 2024-01-31"),
        (saved.cloud.ca_pem[:300], "not whole"),
        (str(with_key), "private key"),
        (str(tmp_path / "missing.pem"), f"No CA certificates can be read from '{tmp_path / 'missing.pem'}'."),
        (str(tmp_path), f"No CA certificates can be read from '{tmp_path}'."),
        ("relative.pem", "No CA certificates can be read from 'relative.pem'."),
    ):
        assert words in refusal_of(lambda: saved.save_network(bundle))  # noqa: B023
        assert saved.stored(SETTINGS) == before


def test_CA_certificates_that_are_good_are_saved_as_text_and_as_a_path(saved: Installation, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(saved.cloud.ca_pem, encoding="utf-8")
    saved.save_network(f" {path}\n")
    assert f"ca_bundle = {path}\n" in saved.stored(SETTINGS)
    saved.save_network("")
    saved.save_network(saved.cloud.ca_pem)
    assert "BEGIN CERTIFICATE" in saved.stored(SETTINGS)
