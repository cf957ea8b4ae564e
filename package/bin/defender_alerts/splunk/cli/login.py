"""Logs a command in to Splunk.

``splunk cmd`` gives a program no session, so it needs one of its own. It asks for a password without echo, or reads it
from standard input if that is not a terminal; an authentication token or session key comes from the environment. None
of them can be an argument, since every user of the host can see arguments in the process list.
"""

from __future__ import annotations

import argparse
import http.client
import ssl
from urllib.parse import urlsplit

from splunklib import binding, client

from defender_alerts.errors import ConfigurationError
from defender_alerts.splunk.names import APP
from defender_alerts.splunk.rest_client import TIMEOUT, Splunkd

from .shell import LOCAL_TOKEN, Shell, is_authentication_token

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LONGEST_SEARCH = 600
"""Seconds that a search over a long range may take to answer."""
_SESSION_PREFIX = "Splunk "


def local_splunkd(options: argparse.Namespace, shell: Shell, timeout: float = TIMEOUT) -> Splunkd:
    """Log in to this host's splunkd, which has the settings and the KV store.

    Args:
        options: of the command.
        shell: may have a token, and asks for the password if not.
        timeout: seconds that splunkd may take to answer a call.

    Raises:
        ConfigurationError: the login is refused, or splunkd can't be reached.
    """
    uri = f"https://127.0.0.1:{options.port}"
    token = shell.environment.get(LOCAL_TOKEN, "")
    if options.username or not token:
        token = str(log_in(shell, uri, options.username, LOCAL_TOKEN).token)
    splunkd = Splunkd(uri, token.removeprefix(_SESSION_PREFIX), timeout=timeout)
    if is_authentication_token(token):
        # Such a token needs the scheme Bearer in place of Splunk.
        splunkd.service.bearerToken = token
    return splunkd


def log_in(
    shell: Shell, uri: str, username: str, variable: str, trusted: ssl.SSLContext | None = None
) -> client.Service:
    """Log in and return a ``splunklib`` service.

    Args:
        shell: its environment may hold a token, and it asks for a password without echo.
        uri: scheme, host and management port.
        username: whose password to ask for; empty if there is a token.
        variable: the environment variable that may hold a token or session key.
        trusted: the TLS context for a remote host. On the loopback, splunkd's self-made certificate can't be verified.

    Raises:
        ConfigurationError: the login is refused, or the host can't be reached.
    """
    address = urlsplit(uri)
    host = address.hostname or ""
    if address.scheme != "https" or not host:
        raise ConfigurationError(f"{uri!r} is not an address such as https://search.example.com:8089.")
    verify = host not in LOOPBACK
    service = client.Service(
        scheme=address.scheme,
        host=host,
        port=address.port or 8089,
        owner="nobody",
        app=APP,
        handler=binding.handler(timeout=LONGEST_SEARCH, verify=verify, context=trusted),
        **_credentials(shell, uri, username, variable),
    )
    try:
        service.login()
    except binding.AuthenticationError as error:
        raise ConfigurationError(f"{uri} refuses the login of {username}: wrong name or password.") from error
    except (binding.HTTPError, OSError, http.client.HTTPException) as error:
        raise ConfigurationError(
            f"{uri} can't be logged in to ({type(error).__name__}: {' '.join(str(error).split())[:200]}). Check "
            "the address, and that splunkd runs; a remote host's certificate is verified against the public "
            "authorities and those under Configuration > Network."
        ) from error
    return service


def _credentials(shell: Shell, uri: str, username: str, variable: str) -> dict[str, str]:
    token = shell.environment.get(variable, "")
    if token and not username:
        return {"splunkToken": token} if is_authentication_token(token) else {"token": token}
    if not username:
        raise ConfigurationError(f"Nobody is logged in to {uri}: give --username, or set {variable}.")
    return {"username": username, "password": shell.ask(f"Password of {username} at {uri}: ")}
