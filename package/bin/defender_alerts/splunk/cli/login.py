"""Logs a command in to Splunk.

``splunk cmd`` gives a program no session, so it needs one of its own. It asks for a password without echo, or reads it
from standard input if that is not a terminal; an authentication token or session key comes from the environment. None
of them can be an argument, since every user of the host can see arguments in the process list.
"""

from __future__ import annotations

import argparse
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable
from urllib.parse import urlsplit

from splunklib import binding, client

from defender_alerts.errors import ConfigurationError
from defender_alerts.splunk.names import APP
from defender_alerts.splunk.rest_client import Splunkd

from .shell import LOCAL_TOKEN, Shell, is_authentication_token

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# A search over a long range may take this many seconds to answer.
_LONGEST_SILENCE = 600
_SESSION_PREFIX = "Splunk "

AskPassword = Callable[[str], str]


@dataclass(frozen=True)
class Login:
    """Where to log in, and as whom.

    Attributes:
        uri: scheme, host and management port.
        username: whose password to ask for; empty if there is a token.
        variable: the environment variable that may hold a token or session key.
    """

    uri: str
    username: str
    variable: str


class _SplunkdByToken(Splunkd):
    """A client that sends an authentication token, which needs the scheme Bearer instead of Splunk."""

    def __init__(self, server_uri: str, token: str) -> None:
        super().__init__(server_uri, token)
        self._service.bearerToken = token


def here(options: argparse.Namespace) -> str:
    """The address of this host's splunkd."""
    return f"https://127.0.0.1:{options.port}"


def local_splunkd(options: argparse.Namespace, shell: Shell) -> Splunkd:
    """Log in to this host's splunkd, which has the settings and the KV store.

    Raises:
        ConfigurationError: the login is refused, or splunkd can't be reached.
    """
    way = Login(here(options), options.username, LOCAL_TOKEN)
    token = shell.environment.get(LOCAL_TOKEN, "")
    if way.username or not token:
        token = str(log_in(way, shell.environment, shell.ask, None).token)
    if is_authentication_token(token):
        return _SplunkdByToken(way.uri, token)
    return Splunkd(way.uri, token.removeprefix(_SESSION_PREFIX))


def log_in(
    way: Login, environment: Mapping[str, str], ask: AskPassword, trusted: ssl.SSLContext | None
) -> client.Service:
    """Log in and return a ``splunklib`` service.

    Args:
        way: where and as whom.
        environment: may hold a token.
        ask: asks for a password without echo.
        trusted: the TLS context for a remote host. On the loopback, splunkd's self-made certificate can't be verified.

    Raises:
        ConfigurationError: the login is refused, or the host can't be reached.
    """
    address = urlsplit(way.uri)
    host = address.hostname or ""
    if address.scheme != "https" or not host:
        raise ConfigurationError(f"{way.uri!r} is not an address such as https://search.example.com:8089.")
    verify = host not in LOOPBACK
    service = client.Service(
        scheme=address.scheme,
        host=host,
        port=address.port or 8089,
        owner="nobody",
        app=APP,
        handler=binding.handler(timeout=_LONGEST_SILENCE, verify=verify, context=trusted),
        **_credentials(way, environment, ask),
    )
    try:
        service.login()
    except binding.AuthenticationError as error:
        raise ConfigurationError(f"{way.uri} refuses the login of {way.username}: wrong name or password.") from error
    except (binding.HTTPError, OSError, http.client.HTTPException) as error:
        raise ConfigurationError(
            f"{way.uri} can't be logged in to ({type(error).__name__}: {' '.join(str(error).split())[:200]}). Check "
            "the address, and that splunkd runs; a remote host's certificate is verified against the public "
            "authorities and those under Configuration > Network."
        ) from error
    return service


def _credentials(way: Login, environment: Mapping[str, str], ask: AskPassword) -> dict[str, str]:
    token = environment.get(way.variable, "")
    if token and not way.username:
        return {"splunkToken": token} if is_authentication_token(token) else {"token": token}
    if not way.username:
        raise ConfigurationError(f"Nobody is logged in to {way.uri}: give --username, or set {way.variable}.")
    return {"username": way.username, "password": ask(f"Password of {way.username} at {way.uri}: ")}
