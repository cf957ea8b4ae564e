"""Explains failed connections: a table from the libraries' exceptions to reasons and sentences.

``requests`` and ``urllib3`` wrap causes several levels deep, and some can only be told by their text (requests 2.32.5
and urllib3 1.26.20). So each mark is searched for in the names and texts of the whole chain; the first match wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from defender_alerts.errors import (
    AddonError,
    ConfigurationError,
    ConnectionFailedError,
    UnknownHostError,
)

from .session import Session


class Failure(NamedTuple):
    """Why there was no answer: a word for the log, the error, whether a retry may help, and the cause in short."""

    reason: str
    error: AddonError
    may_pass: bool
    detail: str = ""


class _Row(NamedTuple):
    """How to recognise a failure, and its sentence.

    Attributes:
        mark: a regular expression.
        reason: for the log.
        may_pass: a retry may succeed.
        with_own_ca: the sentence if the settings hold CA certificates.
        without_login: the sentence if the proxy is used without a login.
    """

    mark: str
    reason: str
    sentence: str
    error: type[AddonError] = ConnectionFailedError
    may_pass: bool = True
    with_own_ca: str = ""
    without_login: str = ""


_FAILED = "The connection to {host} failed ({detail}). The next run tries again."
_UNTRUSTED = "The certificate that answers for {host} is not trusted ({detail}). "
# OpenSSL's names for what its present rules leave out: DH keys, signatures, versions, an unsafe renegotiation.
_OUTDATED = "KEY_TOO_SMALL|UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|WRONG_SIGNATURE_TYPE|UNSAFE_LEGACY_RENEGOTIATION"
_CA_FIELD = "Configuration > Network > Additional CA certificates"
_ROWS = (
    _Row(
        # Raised by ``connection`` for the headers of a proxy's answer.
        "407 without Basic",
        "proxy login",
        "The proxy requires a login that the add-on does not support ({detail}); only Basic is supported. Ask the "
        "proxy's owner to allow Basic, or to let this host through without a login, or set a local relay such as cntlm "
        "or px under Configuration > Proxy.",
        ConfigurationError,
        may_pass=False,
    ),
    _Row(
        # The text after 407 differs between proxies.
        "Tunnel connection failed: 407|SOCKS5 authentication failed|authentication methods were rejected",
        "proxy login",
        "The proxy refuses this user name and password. Correct User name and Password under Configuration > Proxy.",
        ConfigurationError,
        may_pass=False,
        without_login="The proxy asks for a user name and password. Fill in User name and Password under "
        "Configuration > Proxy.",
    ),
    _Row(
        # Raised by ``connection`` for TLS with the proxy itself.
        "No TLS with the proxy: .*mismatch",
        "proxy certificate",
        "The certificate of the proxy is for another name ({detail}). Enter the name in the certificate as Host under "
        "Configuration > Proxy.",
        may_pass=False,
    ),
    _Row(
        "No TLS with the proxy: .*(?:has expired|not yet valid|too weak)",
        "proxy certificate",
        "The certificate of the proxy itself is refused, whoever has issued it ({detail}). Check this machine's clock; "
        "if it is right, the proxy's owner has to replace the certificate: RSA with 2048 bits or more, and SHA-256.",
        may_pass=False,
    ),
    _Row(
        "No TLS with the proxy: .*CERTIFICATE_VERIFY_FAILED",
        "proxy certificate",
        "The certificate of the proxy itself is not trusted ({detail}). Save the certificate of its CA under "
        f"{_CA_FIELD} first.",
        may_pass=False,
    ),
    _Row(
        f"No TLS with the proxy: .*(?:{_OUTDATED})",
        "proxy TLS",
        "The proxy itself speaks TLS that is too old or too weak ({detail}). Its owner has to update it: TLS 1.2 or "
        "later, and keys of 2048 bits or more.",
        may_pass=False,
    ),
    _Row(
        "certificate has expired",
        "expired certificate",
        _UNTRUSTED + "Check this machine's clock; if it is right, the owner of the proxy in between has to renew it.",
        may_pass=False,
    ),
    _Row(
        "certificate is not yet valid",
        "certificate not yet valid",
        _UNTRUSTED + "This machine's clock is probably behind: correct it. If it is right, whoever issues certificates "
        "on the proxy has a clock that is ahead.",
        may_pass=False,
    ),
    _Row(
        # OpenSSL: "EE certificate key too weak", "CA certificate key ...", "CA signature digest algorithm too weak".
        "too weak",
        "weak certificate",
        _UNTRUSTED + "OpenSSL refuses keys and signatures that are this weak, whoever is trusted. The owner of the "
        "proxy that inspects TLS has to issue stronger ones: RSA with 2048 bits or more, and SHA-256.",
        may_pass=False,
    ),
    _Row(
        _OUTDATED,
        "outdated TLS",
        "What answers for {host} speaks TLS that is too old or too weak ({detail}). The owner of the proxy that "
        "inspects TLS has to update it: TLS 1.2 or later, and keys of 2048 bits or more.",
        may_pass=False,
    ),
    _Row(
        # Not "unable to get local issuer certificate", which OpenSSL says if it knows no CA of the chain at all.
        "unable to get issuer certificate",
        "incomplete chain",
        _UNTRUSTED + f"Its chain is not complete: paste the certificate of the root CA as well under {_CA_FIELD}.",
        may_pass=False,
    ),
    _Row(
        "ostname mismatch",
        "certificate of another host",
        _UNTRUSTED
        + "Something else answers in its place: look for a proxy, portal or filter in between, and check DNS.",
        may_pass=False,
    ),
    _Row(
        "CERTIFICATE_VERIFY_FAILED",
        "untrusted certificate",
        _UNTRUSTED + f"If a proxy inspects TLS here, paste its CA certificate under {_CA_FIELD}.",
        may_pass=False,
        with_own_ca=_UNTRUSTED
        + f"None of the certificates under {_CA_FIELD} has issued it. Check this input on the Inputs page to see who "
        "did, and paste the certificate of that CA.",
    ),
    _Row(
        # A proxy can't resolve or reach the host: 404, 502, 503 or 504, with differing texts.
        "Tunnel connection failed|SOCKS5Error: 0x",
        "refused tunnel",
        "The proxy opens no tunnel to {host}:443 ({detail}). Check that the proxy lets {host}:443 pass and that it can "
        "resolve that name.",
        UnknownHostError,
    ),
    _Row(
        # PySocks, of the name behind a SOCKS proxy; for the proxy's own name its error has another class.
        "GeneralProxyError: Socket error: .*gaierror",
        "unknown host",
        "This machine can't resolve the name {host}, and has to as long as the proxy does not. Tick The proxy resolves "
        "names under Configuration > Proxy.",
        UnknownHostError,
    ),
    # Behind a proxy, urllib3 reports a broken connection sometimes as a ProxyError and sometimes not.
    _Row("RemoteDisconnected", "no connection", _FAILED),
    _Row("ConnectionResetError", "no connection", _FAILED),
    _Row(
        "ProxyError|SOCKS",
        "proxy",
        "The proxy could not be used to reach {host} ({detail}). Check host, port and type under Configuration > "
        "Proxy, and that the proxy lets {host}:443 pass.",
    ),
    _Row(
        "gaierror",
        "unknown host",
        "The name {host} could not be resolved. Check this host's DNS, or set the proxy under Configuration > Proxy.",
        UnknownHostError,
    ),
    _Row(
        # A read's is called "timeout" before Python 3.10.
        "Timeout|timeout: ",
        "time-out",
        "{host} did not answer in time ({detail}). Check that port 443 to it is open; a slow proxy may need a higher "
        "request timeout under Configuration > Network.",
    ),
    _Row("^SSLError", "no TLS", _FAILED),
    _Row("", "no connection", _FAILED),
)
CERTIFICATE_REASONS = frozenset(row.reason for row in _ROWS if _UNTRUSTED in row.sentence)
"""The reasons that concern the host's certificate."""


def no_answer(host: str, error: Exception, session: Session) -> Failure:
    """Explain a failed exchange with ``host``.

    Args:
        host: that was called.
        error: raised by the libraries.
        session: that was used.
    """
    chain = " ".join(f"{type(link).__name__}: {link}" for link in causes(error))
    row = next(row for row in _ROWS if re.search(row.mark, chain))
    said = (session.has_own_ca and row.with_own_ca) or (not session.has_login and row.without_login) or row.sentence
    cause = _detail(error, chain)
    return Failure(row.reason, row.error(said.format(host=host, detail=cause)), row.may_pass, cause)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes: ``requests`` keeps them in ``args``, urllib3 in one of two attributes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = getattr(error, "reason", None) or getattr(error, "original_error", None) or (error.args or (None,))[0]
        # A suppressed context is unrelated: urllib3 1.26 first calls getresponse() as in Python 2.
        context = None if error.__suppress_context__ else error.__context__
        error = inner if isinstance(inner, BaseException) else error.__cause__ or context


def _detail(error: Exception, chain: str) -> str:
    """The message of the innermost cause; for a certificate, only OpenSSL's reason."""
    *_, innermost = causes(error)
    verification = chain.rpartition("certificate verify failed: ")[2].partition(" (_ssl")[0]
    words = verification if "certificate verify failed: " in chain else str(innermost)
    return " ".join(words.split())[:160] or type(innermost).__name__
