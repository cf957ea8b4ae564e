"""The frame of the commands: arguments, the login to splunkd, and errors as an exit status.

``splunk cmd`` gives a program no session, so it needs one of its own. It asks for a password without echo, or reads it
from standard input if that is not a terminal; an authentication token or session key comes from the environment. None
of them can be an argument, since every user of the host can see arguments in the process list.
"""

from __future__ import annotations

import argparse
import http.client
import logging
import ssl
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Callable
from urllib.parse import urlsplit

from splunklib import binding, client

from defender_alerts.environment import PROCESS
from defender_alerts.errors import AddonError, ConfigurationError, StoppedError
from defender_alerts.splunk.log import Redaction, logger_on
from defender_alerts.splunk.names import APP
from defender_alerts.splunk.rest_client import TIMEOUT, RetryBudget, Splunkd, SplunkdError

from .shell import LOCAL_TOKEN, Shell, is_authentication_token

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LONGEST_SEARCH = 600
"""Seconds that a search over a long range may take to answer."""
INTERRUPTED = 130
_SESSION_PREFIX = "Splunk "


class CommandRun:
    """What a command works with.

    Attributes:
        options: as they were given.
        shell: that has started the command.
        redaction: redacts secrets in what is said of errors.
        log: on standard error.
    """

    def __init__(self, options: argparse.Namespace, shell: Shell, level: int, timeout: float) -> None:
        self.options = options
        self.shell = shell
        self.redaction = Redaction()
        self.redaction.hide(shell.environment.get(LOCAL_TOKEN, ""))
        self.log = logger_on(shell.err, __name__, level, self.redaction)
        self._timeout = timeout

    @cached_property
    def splunkd(self) -> Splunkd:
        """This host's splunkd, which has the settings and the KV store.

        Raises:
            ConfigurationError: the login is refused, or splunkd can't be reached.
        """
        uri = f"https://127.0.0.1:{self.options.port}"
        token = self.shell.environment.get(LOCAL_TOKEN, "")
        if self.options.username or not token:
            token = str(self.log_in(uri, self.options.username, LOCAL_TOKEN).token)
        token = token.removeprefix(_SESSION_PREFIX)
        self.redaction.hide(token)
        splunkd = Splunkd(uri, token, RetryBudget(0.0, self.shell.stop, self.log), self._timeout)
        if is_authentication_token(token):
            # Such a token needs the scheme Bearer in place of Splunk.
            splunkd.service.bearerToken = token
        return splunkd

    def log_in(self, uri: str, username: str, variable: str, trusted: ssl.SSLContext | None = None) -> client.Service:
        """Log in and return a ``splunklib`` service.

        Args:
            uri: scheme, host and management port.
            username: whose password to ask for; empty if there is a token.
            variable: the environment variable that may hold a token or session key.
            trusted: the TLS context for a remote host. On the loopback, splunkd's self-made certificate can't be
                verified.

        Raises:
            ConfigurationError: the login is refused, or the host can't be reached.
        """
        address = urlsplit(uri)
        host = address.hostname or ""
        if address.scheme != "https" or not host:
            raise ConfigurationError(f"{uri!r} is not an address such as https://search.example.com:8089.")
        service = client.Service(
            scheme=address.scheme,
            host=host,
            port=address.port or 8089,
            owner="nobody",
            app=APP,
            handler=binding.handler(timeout=LONGEST_SEARCH, verify=host not in LOOPBACK, context=trusted),
            **_credentials(self.shell, uri, username, variable),
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


def start(main: Callable[[Sequence[str], Shell], int]) -> None:
    """Run a command as this process, and end with its exit status."""
    PROCESS.prepare()
    sys.exit(main(sys.argv[1:], Shell.of_this_process()))


def run(
    parser: argparse.ArgumentParser,
    work: Callable[[CommandRun], int],
    arguments: Sequence[str],
    shell: Shell,
    *,
    interrupted: str = "Interrupted.",
    level: int = logging.WARNING,
    timeout: float = TIMEOUT,
) -> int:
    """Do a command's work; return its exit status.

    Args:
        parser: of the arguments.
        work: returns the exit status.
        arguments: of the command.
        shell: what the command gets from the shell.
        interrupted: what to say if it is interrupted.
        level: of the log.
        timeout: seconds that splunkd may take to answer a call.
    """
    command = CommandRun(parser.parse_args(_joined(arguments)), shell, level, timeout)
    try:
        return work(command)
    except AddonError as error:
        status, sentence = error.exit_status, str(error)
    except SplunkdError as error:
        status, sentence = ConfigurationError.exit_status, _refused(error)
    except (StoppedError, KeyboardInterrupt):
        status, sentence = INTERRUPTED, interrupted
    shell.err.write(f"{command.redaction.clean(sentence)}\n")
    return status


def _joined(arguments: Sequence[str]) -> list[str]:
    """Turn ``--from -2d`` into ``--from=-2d``, since argparse would take the time for another option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in {"--from", "--to"}:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _refused(error: SplunkdError) -> str:
    if error.status:
        return f"splunkd refuses this user's call ({error}). Log in as a user with the role admin or sc_admin."
    return f"splunkd did not answer ({error}). Check --port, and that Splunk runs on this host."


def _credentials(shell: Shell, uri: str, username: str, variable: str) -> dict[str, str]:
    token = shell.environment.get(variable, "")
    if token and not username:
        return {"splunkToken": token} if is_authentication_token(token) else {"token": token}
    if not username:
        raise ConfigurationError(f"Nobody is logged in to {uri}: give --username, or set {variable}.")
    return {"username": username, "password": shell.ask(f"Password of {username} at {uri}: ")}
