from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Self, TypeVar

import pytest
import requests
from standins.microsoft import faults
from standins.microsoft.certificates import Certificate
from standins.microsoft.samples import siem_alert

if TYPE_CHECKING:
    from collections.abc import Callable

    from standins.microsoft.cloud import MicrosoftCloud
    from standins.microsoft.directory import Application, Tenant

    from .conftest import Client

T = TypeVar("T")
EU = "wdatp-alertexporter-eu.windows.com"
LOGIN = "login.microsoftonline.com"
CONNECTION_ERROR = requests.exceptions.ConnectionError
CHUNKED_ERROR = requests.exceptions.ChunkedEncodingError  # how requests calls any body that breaks


@pytest.fixture
def token(cloud: MicrosoftCloud, client: Client, tenant: Tenant, application: Application) -> str:
    now = cloud.clock.now()
    cloud.siem("eu").add_all(tenant, [siem_alert(number, now - number) for number in range(100)])
    return client.token(tenant, application)


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (faults.ResetBeforeHeaders(), CONNECTION_ERROR),
        (faults.ResetInBody(), CHUNKED_ERROR),
        (faults.CutOff(), CHUNKED_ERROR),
        (faults.LengthTooLong(), CHUNKED_ERROR),
        (faults.NotGzip(), requests.exceptions.ContentDecodingError),
        (faults.Hang(), requests.exceptions.ReadTimeout),
        (faults.Stall(), CONNECTION_ERROR),
        (faults.ShowCertificate(Certificate.OTHER_HOST), requests.exceptions.SSLError),
        (faults.ShowCertificate(Certificate.EXPIRED), requests.exceptions.SSLError),
        (faults.ShowCertificate(Certificate.UNKNOWN_AUTHORITY), requests.exceptions.SSLError),
        (faults.RefuseTunnel(), requests.exceptions.ProxyError),
        (faults.DropTunnel(), CONNECTION_ERROR),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_fault_happens_once_through_either_proxy_and_then_all_is_well(
    cloud: MicrosoftCloud,
    connect: Callable[[MicrosoftCloud, str], Client],
    token: str,
    *,
    fault: faults.Fault,
    failure: type[Exception],
    scheme: str,
) -> None:
    client = connect(cloud, (cloud.https_proxy if scheme == "https" else cloud.proxy).url())
    cloud.faults.add(EU, fault)
    with pytest.raises(failure):
        client.alerts(EU, token, timeout=1)
    assert len(client.alerts(EU, token).json()) == 100


def test_a_reset_in_the_body_is_a_tcp_reset_after_the_headers_and_a_part(cloud: MicrosoftCloud, token: str) -> None:
    cloud.faults.add(EU, faults.ResetInBody(part=0.25))
    with RawClient(cloud) as raw, pytest.raises(ConnectionResetError):
        raw.ask(token)
    assert raw.received.startswith(b"HTTP/1.1 200 OK\r\n")
    call = cloud.journal.calls(EU)[-1]
    assert len(raw.received.partition(b"\r\n\r\n")[2]) == call.sent
    assert (call.status, call.fault) == (200, "ResetInBody")


def test_a_cut_off_body_ends_with_an_orderly_close(cloud: MicrosoftCloud, token: str) -> None:
    cloud.faults.add(EU, faults.CutOff(part=0.25))
    with RawClient(cloud) as raw:
        raw.ask(token)
    head, _, body = raw.received.partition(b"\r\n\r\n")
    assert 0 < len(body) < int(head.rpartition(b"Content-Length: ")[2])


class RawClient:
    """TLS over a socket that this test reads itself: Python 3.11's SSLSocket takes a reset for an end of file."""

    def __init__(self, cloud: MicrosoftCloud) -> None:
        self._socket = socket.create_connection((cloud.proxy.host, cloud.proxy.port), timeout=20)
        self._socket.sendall(f"CONNECT {EU}:443 HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in self._socket.recv(65536)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cadata=cloud.ca_pem)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=EU)
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, token: str) -> None:
        """Send a request and read until the host's close_notify."""
        self._pump(self._tls.do_handshake)
        request = f"GET /api/alerts HTTP/1.1\r\nHost: {EU}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._tls.write(request.encode())
        while piece := self._pump(lambda: self._tls.read(65536)):
            self.received += piece

    def _pump(self, step: Callable[[], T]) -> T:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:  # noqa: PERF203 - the TLS object's way to ask for bytes
                self._socket.sendall(self._outgoing.read())
                data = self._socket.recv(65536)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()


def test_a_cut_gzip_has_a_content_length_that_fits(cloud: MicrosoftCloud, client: Client, token: str) -> None:
    cloud.faults.add(EU, faults.CutGzip())
    answer = client.session.get(
        f"https://{EU}/api/alerts", headers={"Authorization": f"Bearer {token}"}, stream=True, timeout=20
    )
    with answer:
        assert len(answer.raw.read(decode_content=False)) == int(answer.headers["Content-Length"])


@pytest.mark.parametrize("retry_after", [30, "Sun, 01 Mar 2026 12:00:30 GMT", None])
def test_throttling_says_when_to_come_back_or_not(
    cloud: MicrosoftCloud, client: Client, token: str, retry_after: int | str | None
) -> None:
    cloud.faults.add(EU, faults.throttled(retry_after))
    answer = client.alerts(EU, token)
    assert answer.status_code == 429
    assert answer.headers.get("Retry-After") == (None if retry_after is None else str(retry_after))


def test_entra_id_throttles_with_its_own_body(
    cloud: MicrosoftCloud, client: Client, tenant: Tenant, application: Application
) -> None:
    cloud.faults.add(LOGIN, faults.EntraError(90055, retry_after=5))
    answer = client.ask_token(tenant.guid, client_id=application.client_id)
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (faults.Status(503, b"{}"), 503, b"{}"),
        (faults.Redirect("https://evil.example/"), 302, b""),
        (faults.captive_portal(), 200, faults.captive_portal().body),
        (faults.Body(b"[{]"), 200, b"[{]"),
        (faults.Body(), 200, b""),
    ],
)
def test_an_answer_of_the_tests_choice_is_given_as_it_is(
    cloud: MicrosoftCloud, client: Client, fault: faults.Fault, status: int, body: bytes
) -> None:
    cloud.faults.add(EU, fault)
    answer = client.alerts(EU, None)
    assert (answer.status_code, answer.content) == (status, body)


def test_faults_wait_their_turn(cloud: MicrosoftCloud, client: Client) -> None:
    cloud.faults.add(EU, faults.Status(500), times=2, after=2)
    cloud.faults.add(EU, faults.Status(502), path="/API/alerts/")
    lasting = cloud.faults.add(None, faults.Status(503), times=None, when=lambda request: "x=1" in request.target)
    assert [client.alerts(EU, None).status_code for _ in range(5)] == [502, 401, 500, 500, 401]
    assert [client.alerts(EU, None, ("x", "1")).status_code for _ in range(2)] == [503, 503]
    lasting.remove()
    assert client.alerts(EU, None, ("x", "1")).status_code == 401
    assert lasting.played == 2


def test_latency_and_a_gate_hold_the_genuine_answer_back(cloud: MicrosoftCloud, client: Client, token: str) -> None:
    cloud.faults.add(EU, faults.Latency(0.2))
    gate = threading.Event()
    cloud.faults.add(EU, faults.Hold(gate))
    threading.Timer(0.4, gate.set).start()
    began = time.monotonic()
    assert client.alerts(EU, token).status_code == 200
    assert time.monotonic() - began >= 0.4


def test_a_slow_drip_keeps_its_pace(cloud: MicrosoftCloud, client: Client, token: str) -> None:
    cloud.faults.add(EU, faults.Drip(bytes_per_second=20_000))
    began = time.monotonic()
    assert len(client.alerts(EU, token, timeout=1).json()) == 100
    sent = cloud.journal.calls(EU)[-1].sent
    assert time.monotonic() - began >= sent / 20_000 * 0.7
