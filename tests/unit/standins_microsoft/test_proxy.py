from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
import requests
from standins.microsoft.cloud import MicrosoftCloud

from .conftest import Client

EU = "wdatp-alertexporter-eu.windows.com"
CREDENTIALS = ("us er", "p@ss:word/~%")


def addresses(cloud: MicrosoftCloud, credentials: tuple[str, str] | None) -> list[str]:
    return [
        cloud.proxy.url(credentials),
        cloud.https_proxy.url(credentials),
        cloud.socks_proxy.url(credentials, scheme="socks5h"),
    ]


def test_every_proxy_takes_the_right_credentials_only(
    connect: Callable[[MicrosoftCloud, str], Client],
) -> None:
    with MicrosoftCloud(proxy_credentials=CREDENTIALS) as cloud:
        for proxy in addresses(cloud, CREDENTIALS):
            assert connect(cloud, proxy).alerts(EU, None).status_code == 401, proxy
        for wrong in (None, ("us er", "p@ss"), ("us er", "p@ss:word/~%x")):
            for proxy in addresses(cloud, wrong):
                with pytest.raises(requests.exceptions.ConnectionError):
                    connect(cloud, proxy).alerts(EU, None)
        assert len(cloud.journal.calls()) == 3
        assert {tunnel.status for tunnel in cloud.journal.tunnels()} == {200, 407}


def test_nothing_but_a_tunnel_to_port_443_is_let_through(cloud: MicrosoftCloud) -> None:
    assert b" 403 " in speak(cloud, f"CONNECT {EU}:80 HTTP/1.1\r\n\r\n".encode())
    assert b" 400 " in speak(cloud, f"GET http://{EU}/api/alerts HTTP/1.1\r\nHost: {EU}\r\n\r\n".encode())


def test_socks_without_remote_dns_reaches_nothing(
    cloud: MicrosoftCloud, connect: Callable[[MicrosoftCloud, str], Client]
) -> None:
    client = connect(cloud, cloud.socks_proxy.url(scheme="socks5h"))
    with pytest.raises(requests.exceptions.ConnectionError):
        client.alerts("127.0.0.1", None)


def speak(cloud: MicrosoftCloud, request: bytes) -> bytes:
    with socket.create_connection((cloud.proxy.host, cloud.proxy.port), timeout=10) as plain:
        plain.sendall(request)
        return plain.recv(65536)
