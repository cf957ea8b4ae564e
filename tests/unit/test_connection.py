"""The connection itself: dead addresses, a proxy's login, whose certificate answers, and whose page."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from defender_alerts.diagnostics.network import check_proxy
from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.microsoft.network import Network, Proxy
from defender_alerts.microsoft.transport import connection
from defender_alerts.microsoft.transport.session import open_session, trust
from standins.microsoft import faults
from standins.microsoft.certificates import Certificate
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import PolledInput, http_proxy

EU = "wdatp-alertexporter-eu.windows.com"
LOGIN = "login.microsoftonline.com"


@contextmanager
def swallowing(host: str, port: int) -> Iterator[None]:
    """An address whose queue is full: it answers nothing, as one behind a firewall that drops does."""
    with ExitStack() as stack:
        stack.enter_context(socket.create_server((host, port), backlog=0))
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex((host, port))
        yield


def _name(monkeypatch: pytest.MonkeyPatch, name: str, *addresses: str) -> None:
    """Let a name have these addresses, in this order, as a DNS would say."""
    genuine = socket.getaddrinfo

    def resolve(host: str, port: int, *args: int, **kwargs: int) -> list[tuple[object, ...]]:
        wanted = addresses if host == name else (host,)
        return [row for address in wanted for row in genuine(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_no_call_waits_until_what_went_before_it_is_confirmed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        # As urllib3 makes one for what goes through a proxy.
        pool = connection.pool_class(None)(*server.getsockname(), socket_options=[])
        with pool.ConnectionCls(*server.getsockname(), **pool.conn_kw)._new_conn() as opened:
            assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("dead", [0, 1, 3, 8])
def test_each_address_that_swallows_connections_costs_its_own_short_wait_and_is_named(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, dead: int
) -> None:
    port = polled.cloud.proxy.port
    swallowed = [f"127.0.0.{2 + number}" for number in range(dead)]
    _name(monkeypatch, "proxy.example", *swallowed, polled.cloud.proxy.host)
    monkeypatch.setattr(connection, "LONGEST_CONNECT", 0.1)
    polled.proxy = http_proxy(polled.cloud.proxy)._replace(host="proxy.example")
    polled.timeout = 600.0
    alert = polled.publish()
    with ExitStack() as stack:
        for address in swallowed:
            stack.enter_context(swallowing(address, port))
        assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]
    said = f"proxy.example has addresses that do not accept connections from this host: {', '.join(swallowed)}."
    assert (said in caplog.text) == (dead > 0)


def test_a_host_all_of_whose_addresses_swallow_connections_is_one_that_did_not_answer_in_time(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    _name(monkeypatch, "proxy.example", "127.0.0.2", "127.0.0.3")
    monkeypatch.setattr(connection, "LONGEST_CONNECT", 0.1)
    polled.proxy = http_proxy(polled.cloud.proxy)._replace(host="proxy.example")
    port = polled.cloud.proxy.port
    said = r"in time \(127\.0\.0\.2, 127\.0\.0\.3 of proxy\.example did not take the connection\)"
    with swallowing("127.0.0.2", port), swallowing("127.0.0.3", port), pytest.raises(AddonError, match=said):
        polled.poll()


LOGINS = [
    ("DOMAIN\\jo", "p&ss w:rd"),
    ("jo", "p€ß"),
    ("Пользователь", "пароль"),
    ("jo", "pä"),
    ("用户", "密码"),
    ("jo", "\N{GRINNING FACE}%41"),
]


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
@pytest.mark.parametrize("login", LOGINS, ids=lambda login: ascii(login[1]))
def test_a_proxy_login_may_have_any_characters(kind: str, login: tuple[str, str]) -> None:
    with MicrosoftCloud(proxy_credentials=login) as cloud:
        where = {"http": cloud.proxy, "https": cloud.https_proxy, "socks5": cloud.socks_proxy}[kind]
        proxy = Proxy(kind, where.host, where.port, *login, remote_dns=True)
        check_proxy(proxy, ("commercial",), cloud.ca_pem)
        assert [tunnel.status for tunnel in cloud.journal.tunnels()] == [200]


@pytest.mark.parametrize("kind", ["http", "https"])
@pytest.mark.parametrize(
    ("challenges", "named"),
    [
        (("Negotiate", "NTLM"), "NTLM, Negotiate"),
        (("NTLM",), "NTLM"),
        (('Digest realm="Basic, or not", nonce="x"',), "Digest"),
        (("Negotiate, NTLM",), "NTLM, Negotiate"),
    ],
)
@pytest.mark.parametrize("user", ["", "jo"])
def test_a_proxy_that_takes_no_basic_login_is_told_from_a_wrong_password(
    cloud: MicrosoftCloud, kind: str, challenges: tuple[str, ...], named: str, user: str
) -> None:
    cloud.proxy_credentials = ("jo", "password")
    cloud.challenge(*challenges)
    where = cloud.https_proxy if kind == "https" else cloud.proxy
    proxy = Proxy(kind, where.host, where.port, user, user and "wrong")
    with pytest.raises(ConfigurationError, match=f"407 without Basic, but with {named}.; only Basic is supported"):
        check_proxy(proxy, ("commercial",), cloud.ca_pem)


@pytest.mark.parametrize(
    "challenges", [('Basic realm="NTLM"',), ("Negotiate", 'basic realm="x"'), ('NTLM, Basic realm="a, b"',), ()]
)
def test_a_proxy_that_takes_basic_among_others_is_one_with_a_wrong_password(
    cloud: MicrosoftCloud, challenges: tuple[str, ...]
) -> None:
    cloud.proxy_credentials = ("jo", "password")
    cloud.challenge(*challenges)
    proxy = Proxy("http", cloud.proxy.host, cloud.proxy.port, "jo", "wrong")
    with pytest.raises(ConfigurationError, match="The proxy refuses this user name and password"):
        check_proxy(proxy, ("commercial",), cloud.ca_pem)


def test_a_run_behind_a_proxy_that_takes_no_basic_login_says_so(polled: PolledInput) -> None:
    polled.cloud.proxy_credentials = ("jo", "password")
    polled.cloud.challenge("Negotiate")
    with pytest.raises(ConfigurationError, match="The proxy requires a login that the add-on does not support"):
        polled.poll()


CERTIFICATES = [
    (Certificate.NOT_YET_VALID, "(certificate is not yet valid). This machine's clock is probably behind"),
    (Certificate.EXPIRED, "(certificate has expired). Check this machine's clock"),
    (Certificate.WEAK_KEY, "too weak). OpenSSL refuses keys and signatures that are this weak"),
    (Certificate.WEAK_AUTHORITY, "(CA certificate key too weak). OpenSSL refuses"),
    (Certificate.WEAK_SIGNATURE, "(CA signature digest algorithm too weak). OpenSSL refuses"),
    (Certificate.WEAK_KEY_EXCHANGE, "speaks TLS that is too old or too weak ([SSL: DH_KEY_TOO_SMALL]"),
    (Certificate.OLD_TLS, "). The owner of the proxy that inspects TLS has to update it: TLS 1.2"),
    (Certificate.UNKNOWN_AUTHORITY, "None of the certificates under Configuration > Network > Additional CA"),
]


@pytest.mark.parametrize(("shown", "says"), CERTIFICATES, ids=lambda value: getattr(value, "name", ""))
def test_what_is_wrong_with_a_certificate_is_said_and_no_CA_is_asked_for_where_one_is_set(
    polled: PolledInput, shown: Certificate, says: str
) -> None:
    polled.cloud.faults.add(EU, faults.ShowCertificate(shown), times=None)
    (failure,) = polled.poll().failures
    assert says in str(failure)
    assert "paste its CA certificate" not in str(failure)


OF_THE_PROXY = [
    (
        Certificate.EXPIRED,
        "The certificate of the proxy itself is refused, whoever has issued it (certificate has expired)",
    ),
    (Certificate.NOT_YET_VALID, "is refused, whoever has issued it (certificate is not yet valid)"),
    (Certificate.WEAK_KEY, "is refused, whoever has issued it (EE certificate key too weak)"),
    (Certificate.WEAK_AUTHORITY, "is refused, whoever has issued it (CA certificate key too weak)"),
    (Certificate.WEAK_SIGNATURE, "is refused, whoever has issued it (CA signature digest algorithm too weak)"),
    (Certificate.WEAK_KEY_EXCHANGE, "The proxy itself speaks TLS that is too old or too weak ("),
    (Certificate.OLD_TLS, "The proxy itself speaks TLS that is too old or too weak ("),
]


@pytest.mark.parametrize(("shown", "says"), OF_THE_PROXY, ids=lambda value: getattr(value, "name", ""))
def test_what_is_wrong_with_the_certificate_of_the_proxy_itself_is_said_at_save_and_in_the_run(
    polled: PolledInput, shown: Certificate, says: str
) -> None:
    where = polled.cloud.https_proxy
    polled.proxy = Proxy("https", where.host, where.port)
    polled.cloud.faults.add(where.host, faults.ShowCertificate(shown), times=None)
    for use in (lambda: check_proxy(polled.proxy, ("commercial",), polled.cloud.ca_pem), polled.poll):
        with pytest.raises(AddonError) as refused:
            use()
        assert says in str(refused.value)
        assert "Save the certificate of its CA" not in str(refused.value)


def test_where_no_CA_is_set_an_unknown_authority_leads_to_the_setting(cloud: MicrosoftCloud) -> None:
    network = Network(proxy=http_proxy(cloud.proxy))
    session = open_session(network, trust(""), LOGIN)
    assert not session.has_own_ca
    assert open_session(network._replace(ca_pem=cloud.ca_pem), trust(cloud.ca_pem), LOGIN).has_own_ca


def test_an_intermediate_authority_alone_is_enough(polled: PolledInput) -> None:
    alert = polled.publish()
    polled.cloud.faults.add(None, faults.ShowCertificate(Certificate.FROM_INTERMEDIATE), times=None)
    network = polled.network()._replace(ca_pem=polled.cloud.intermediate_pem)
    polled.network = lambda: network  # type: ignore[method-assign]
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


def test_tls_below_1_2_is_never_spoken() -> None:
    assert trust("").minimum_version == ssl.TLSVersion.TLSv1_2


PAGE = b"<!DOCTYPE html><html><head><title>Blocked &amp; logged</title></head><body>No.</body></html>"
HTML = ("Content-Type", "text/html; charset=utf-8")
PAGES = [400, 401, 403, 404, 405, 409, 418, 422, 429, 451, 500, 502, 503, 504, 511, 520, 599]


@pytest.mark.parametrize("status", PAGES)
def test_a_page_in_place_of_microsofts_answer_is_said_to_be_one_whatever_its_status(
    polled: PolledInput, status: int
) -> None:
    polled.cloud.faults.add(EU, faults.Status(status, PAGE, (HTML,)), times=None)
    (failure,) = polled.poll().failures
    assert f"answered {status} with something that is not Microsoft's answer, a page called 'Blocked & logged'" in str(
        failure
    )
    tries = {429: 10}.get(status, 5 if status >= 500 else 1)
    assert len(polled.cloud.journal.calls(EU)) == tries
    polled.cloud.faults.clear()
    assert polled.poll().failures == []


@pytest.mark.parametrize(
    "header",
    [("request-id", "1"), ("x-ms-request-id", "1"), ("X-Azure-Ref", "1"), ("Server", "Microsoft-HTTPAPI/2.0")],
    ids=lambda header: header[0],
)
@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_page_of_a_front_end_of_microsofts_own_is_theirs(
    polled: PolledInput, header: tuple[str, str], status: int
) -> None:
    polled.cloud.faults.add(EU, faults.Status(status, PAGE, (HTML, header)), times=None)
    (failure,) = polled.poll().failures
    assert "not Microsoft's answer" not in str(failure)


@pytest.mark.parametrize("status", [408, 429, 500, 503, 599])
def test_a_status_that_may_pass_is_tried_again_in_the_run(polled: PolledInput, status: int) -> None:
    alert = polled.publish()
    polled.cloud.faults.add(EU, faults.Status(status), times=2)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


@pytest.mark.parametrize("status", [300, 304, 305, 399])
def test_a_status_in_the_three_hundreds_that_redirects_nobody_is_not_called_a_redirect(
    polled: PolledInput, status: int
) -> None:
    polled.cloud.faults.add(EU, faults.Status(status), times=None)
    (failure,) = polled.poll().failures
    assert "redirect" not in str(failure)
    assert f"HTTP {status}" in str(failure)


def test_words_of_the_libraries_that_stand_in_the_table_are_said_by_no_two_rows() -> None:
    from defender_alerts.microsoft.transport.failures import _ROWS

    marks = [row.mark for row in _ROWS]
    assert len(set(marks)) == len(marks)
    shadowed = [
        (earlier, later)
        for at, later in enumerate(marks)
        for earlier in marks[:at]
        if earlier and re.search(earlier, later)
    ]
    assert shadowed == []
