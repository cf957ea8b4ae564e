"""The add-on's errors.

Each class stands for one kind of failure. It carries the category under which the log and UCC's monitoring dashboard
file it, and the exit status of the process. An error's message is written for an administrator: what happened and
what to do, including Microsoft's own error code and correlation id.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from typing import ClassVar


class AddonError(Exception):
    """Base class of all expected failures; the message tells an administrator what to do."""

    category: ClassVar[str] = "server_error"
    exit_status: ClassVar[int] = 1


class ConfigurationError(AddonError):
    """A setting is missing or wrong; every run fails until it is corrected."""

    category = "configuration_error"
    exit_status = 2


class UnknownResourceError(ConfigurationError):
    """The tenant does not know the API for which a token was requested."""


class AuthenticationError(AddonError):
    """Entra ID refused the credentials, or the API refused a fresh token."""

    category = "authentication_error"
    exit_status = 2


class SignInNeededError(AuthenticationError):
    """A person has to sign in: nobody has, or the sign-in is no longer good."""


class AccessDeniedError(AddonError):
    """The credentials are valid, but a permission is missing.

    Args:
        sentence: for the administrator.
        permissions: those of which the server itself asks for one; none where it does not say.
    """

    category = "permission_error"

    def __init__(self, sentence: str, permissions: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.permissions = permissions


class ConnectionFailedError(AddonError):
    """No complete answer arrived: name resolution, proxy, TLS, time-out, reset, or a truncated body."""

    category = "connection_error"


class UnknownHostError(ConnectionFailedError):
    """The host name can't be resolved, either here or by the proxy."""


class ServiceError(AddonError):
    """The service is unavailable: a 5xx, or throttling for longer than a run waits."""


class StrainedError(ServiceError):
    """The service answered with a 5xx; a request for less data may succeed."""


class UnexpectedAnswerError(AddonError):
    """The service sent an undocumented answer, such as HTML with status 200."""


class RefusedQueryError(UnexpectedAnswerError):
    """The service rejected the request as invalid (400), or can't give the page that is requested."""


class StrangeLinkError(UnexpectedAnswerError):
    """The link to the next page points to a host that must not be called, or the links have no end."""


class RecordGoneError(UnexpectedAnswerError):
    """A record requested by its id does not exist, or is no longer visible (404, 410)."""


class IncompleteError(AddonError):
    """Part of the requested data did not arrive. What arrived is collected; the next run requests the rest."""


class StreamClosedError(AddonError):
    """Splunk no longer accepts events: the pipe is closed."""


class CheckpointError(AddonError):
    """The checkpoint can't be read or saved; without it no event may be written."""

    exit_status = 3


class StoppedError(Exception):
    """The process was asked to stop. Not a failure: the run ends with what has been saved."""


class CheckpointTakenError(StoppedError):
    """This run no longer owns the checkpoint: another process took it over, or an administrator reset it."""


def unexpected(error: Exception, log: logging.Logger) -> AddonError:
    """Wrap an unexpected exception in a sentence for the administrator; log its traceback at DEBUG."""
    frames = traceback.extract_tb(error.__traceback__)
    log.debug("unforeseen %s at\n%s", type(error).__name__, "".join(traceback.format_list(frames)))
    return AddonError(
        f"Unexpected error: {type(error).__name__}: {error} (in {frames[-1].name}, line "
        f"{frames[-1].lineno}). What was collected is saved; the next run goes on. Set the log level to DEBUG and "
        "report it."
    )


def exit_status(failures: Iterable[AddonError]) -> int:
    """The exit status of a run with these failures: the highest of theirs, or 0 for none."""
    return max((failure.exit_status for failure in failures), default=0)
