"""Whatever is typed, pasted or stored as a proxy: it is used as it was meant, or refused with a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
import urllib3
from defender_alerts.diagnostics.network import check_proxy
from defender_alerts.environment import Environment
from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.microsoft.network import Network, Proxy, read_network, read_proxy
from defender_alerts.microsoft.transport import session
from defender_alerts.microsoft.transport.session import open_session, trust
from defender_alerts.settings import cleaned, without_invisible
from hypothesis import example, given, settings
from hypothesis import strategies as st
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import PolledInput

LOGIN = "login.microsoftonline.com"
PROXY = {"proxy_enabled": "1", "proxy_type": "http", "proxy_url": "proxy.example", "proxy_port": "3128"}
HALF = "\ud800"
# JSON, as splunkd answers in, can hold any character and halves of characters.
ANY = st.text(st.characters(exclude_categories=())) | st.text(
    st.sampled_from("a1.:-_@/?#%[]\\ \t\n\u3164\u200bü" + HALF)
)


def named(refused: pytest.ExceptionInfo[ConfigurationError]) -> str:
    return str(refused.value)


@given(fields=st.fixed_dictionaries({}, optional=dict.fromkeys(PROXY | {"proxy_username": "", "proxy_rdns": ""}, ANY)))
def test_any_text_in_any_field_is_a_proxy_that_the_libraries_can_use_or_is_refused(fields: dict[str, str]) -> None:
    password = fields.get("proxy_url", "") + HALF
    try:
        proxy = read_network({**PROXY, **fields}, {"proxy_password": password}, {}).proxy
    except ConfigurationError as error:
        assert "Correct it under Configuration > Proxy." in str(error)  # noqa: PT017 - it need not be raised
        return
    if proxy is not None:
        address = urllib3.util.parse_url(proxy.url)
        assert (address.scheme, address.port) == (proxy.url.partition(":")[0], proxy.port)
        assert address.host is not None
        assert address.host.strip("[]") == proxy.host.lower()
        login = f"{proxy.username}:{proxy.password}" if proxy.username else ""
        assert unquote(address.auth or "") == login
        assert proxy.password == without_invisible(password)


@pytest.mark.parametrize(
    "host", ["proxy", "PROXY.example.", "a_b-c.example", "10.0.0.1", "::1", "fe80::1%eth0", "[::1]"]
)
def test_names_and_addresses_are_taken_as_they_are(host: str) -> None:
    assert read_proxy({**PROXY, "proxy_url": host}, {}).host == host.strip("[]")


@pytest.mark.parametrize(
    "host", ["::1", "[::1]", " [::1] ", "[0:0:0:0:0:0:0:1]", "[::ffff:10.0.0.1]", "[FE80::1%eth0]"]
)
@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
def test_an_address_with_or_without_brackets_has_them_once_in_the_url(kind: str, host: str) -> None:
    proxy = read_proxy(
        {**PROXY, "proxy_type": kind, "proxy_url": host, "proxy_username": "jo"}, {"proxy_password": "pw"}
    )
    assert proxy.url == f"{kind}://jo:pw@[{host.strip(' []')}]:3128"
    address = urllib3.util.parse_url(proxy.url)
    assert (str(address.host).strip("[]").lower(), address.port) == (proxy.host.lower(), 3128)


@pytest.mark.parametrize(
    ("host", "known_as"),
    [
        ("büro.example", "xn--bro-hoa.example"),
        ("日本.example", "xn--wgv71a.example"),
        ("\uff11\uff12\uff17.0.0.1", "127.0.0.1"),
    ],
)
def test_a_name_in_other_letters_is_taken_as_DNS_writes_it(host: str, known_as: str) -> None:
    assert read_proxy({**PROXY, "proxy_url": host}, {}).host == known_as


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        "a" * 64,
        "a b",
        "a/b",
        "http://proxy",
        "proxy:3128",
        "jo:pw@proxy",
        "%41",
        "*",
        "a,b",
        "[::1",
        "::g",
    ],
)
def test_what_is_no_name_is_refused_before_anything_is_called(host: str) -> None:
    if host == "[::1":
        host = "[::1]x"
    with pytest.raises(ConfigurationError, match="is not a host name or address"):
        read_proxy({**PROXY, "proxy_url": host}, {})


@pytest.mark.parametrize(
    ("character", "named_as"),
    [
        ("\u3164", "U+3164 (HANGUL FILLER)"),
        ("\u115f", "U+115F (HANGUL CHOSEONG FILLER)"),
        ("\u2800", "U+2800 (BRAILLE PATTERN BLANK)"),
        ("\u00a0", "U+00A0 (NO-BREAK SPACE)"),
        ("\u2003", "U+2003 (EM SPACE)"),
        ("\x7f", "U+007F (without a name)"),
    ],
    ids=ascii,
)
def test_a_character_in_the_name_that_can_not_be_seen_is_named(character: str, named_as: str) -> None:
    for host in (f"proxy{character}.example", f"bü{character}ro.example"):
        with pytest.raises(ConfigurationError) as refused:
            read_proxy({**PROXY, "proxy_url": host}, {})
        assert f"It holds the character {named_as}." in named(refused)


@pytest.fixture(scope="module")
def shared() -> Iterator[MicrosoftCloud]:
    with MicrosoftCloud() as running:
        yield running


# A colon ends the name (RFC 7617).
TYPED = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@settings(max_examples=25, deadline=None)
@given(username=TYPED.map(lambda text: text.replace(":", "")), password=TYPED)
@example(username="jo", password="\U0001f600%41\u200b")
@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
def test_any_login_arrives_at_the_proxy_as_it_was_typed(
    shared: MicrosoftCloud, kind: str, username: str, password: str
) -> None:
    where = {"http": shared.proxy, "https": shared.https_proxy, "socks5": shared.socks_proxy}[kind]
    fields = {"proxy_type": kind, "proxy_url": where.host, "proxy_port": str(where.port), "proxy_rdns": "1"}
    proxy = read_proxy({**fields, "proxy_username": username}, {"proxy_password": password})
    if not proxy.username or not proxy.password:
        return
    shared.proxy_credentials = (cleaned(username), without_invisible(password))
    shared.journal.clear()
    check_proxy(proxy, ("commercial",), shared.ca_pem)
    assert [tunnel.status for tunnel in shared.journal.tunnels()] == [200]


@pytest.mark.parametrize(("length", "is_taken"), [(127, True), (128, False), (255, False), (5_000, False)])
@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_login_that_is_too_long_for_SOCKS_is_refused_and_not_sent_wrong(
    length: int, letter: str, *, is_taken: bool
) -> None:
    long = letter * (length // len(letter.encode()))
    for username, password in ((long, "short"), ("short", long)):
        fields = {**PROXY, "proxy_type": "socks5", "proxy_username": username}
        assert read_proxy({**fields, "proxy_type": "http"}, {"proxy_password": password}).password == password
        if is_taken or len(long.encode()) <= 127:
            assert read_proxy(fields, {"proxy_password": password}).username == username
            continue
        with pytest.raises(ConfigurationError, match="is longer than the 127 bytes that the add-on can send"):
            read_proxy(fields, {"proxy_password": password})


NO_ADDRESSES = (
    "http://[",
    "://",
    "x://y",
    "ftp://127.0.0.1:9",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:port",
    "http://secret:word@a b:9",
    "http://a\nb:9",
    "http://\u3164:9",
    os.fsdecode(b"http://\xff\xfe:9"),
    "http:///",
    "[@0",
    "[]@0",
)


@pytest.mark.parametrize("url", NO_ADDRESSES, ids=ascii)
def test_an_environment_that_names_what_is_no_proxy_is_said_and_never_quoted(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    for variable in ("https_proxy", "all_proxy"):
        monkeypatch.setattr(session, "PROCESS", Environment({variable: url}))
        polled.network = lambda: Network(ca_pem=polled.cloud.ca_pem)  # type: ignore[method-assign]
        with pytest.raises(ConfigurationError) as refused:
            polled.poll()
        assert "The proxy that splunkd's environment names (https_proxy or all_proxy" in named(refused)
        assert "secret" not in named(refused)


# As Python gives the bytes of a variable, whatever they are.
BYTES = (st.binary() | st.text().map(str.encode)).map(os.fsdecode)


@given(url=BYTES | BYTES.map(lambda text: f"http://{text}@127.0.0.1:9"))
@example(url=os.fsdecode(b"http://j\xf6:p\xff@127.0.0.1:9"))
def test_any_environment_gives_a_session_or_a_sentence(url: str) -> None:
    environment = Environment({"HTTPS_PROXY": url})
    environment.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "PROCESS", environment)
        try:
            with open_session(Network(), TRUSTED, LOGIN) as opened:
                for proxy in opened.proxies.values():
                    opened.adapters["https://"].proxy_headers(proxy)  # type: ignore[attr-defined]
        except AddonError as error:
            assert "splunkd's environment" in str(error)  # noqa: PT017 - it need not be raised
    assert all(secret for secret in environment.proxy_secrets())


TRUSTED = trust("")


def test_where_a_good_proxy_counts_another_variable_may_say_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PROCESS", Environment({"https_proxy": "10.0.0.1:3128", "all_proxy": "://"}))
    assert open_session(Network(), TRUSTED, LOGIN).proxies["https"] == "http://10.0.0.1:3128"
    assert Proxy("http", "10.0.0.1", 3128).url == "http://10.0.0.1:3128"
