"""What can go wrong, and what follows from it.

Each class stands for one kind of failure, and carries what follows: the category under which the log and UCC's
monitoring dashboard file it, and the exit status of the process. The message of an instance is one sentence
for an administrator: what happened and what to do, with Microsoft's own code and correlation id kept.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from typing import ClassVar


class AddonError(Exception):
    """A failure this add-on knows; its message is a sentence an administrator can act on."""

    category: ClassVar[str] = "server_error"
    exit_status: ClassVar[int] = 1


class ConfigurationError(AddonError):
    """A setting is missing or wrong; nothing will change until somebody changes it."""

    category = "configuration_error"
    exit_status = 2


class UnknownResourceError(ConfigurationError):
    """The tenant does not know the API that the token is wanted for."""


class AuthenticationError(AddonError):
    """Entra ID refused the credentials, or the API refused a fresh token."""

    category = "authentication_error"
    exit_status = 2


class AccessDeniedError(AddonError):
    """The credentials are good, but the permission is missing."""

    category = "permission_error"


class ConnectionFailedError(AddonError):
    """No answer arrived: name resolution, proxy, TLS, time-out, reset, or a body cut off."""

    category = "connection_error"


class BrokenAnswerError(ConnectionFailedError):
    """An answer began and broke off; a smaller one may get through."""


class SlowAnswerError(ConnectionFailedError):
    """The host did not answer in time; asked for less, it may."""


class UnknownHostError(ConnectionFailedError):
    """The host's name leads nowhere, be it here or behind the proxy."""


class ServiceError(AddonError):
    """The service answered that it can't: a 5xx, or throttling beyond what a run waits for."""


class StrainedError(ServiceError):
    """The service answered that it can't, with a 5xx; asked for less, it may."""


class UnexpectedAnswerError(AddonError):
    """The service answered something that its documentation does not know, such as HTML with 200."""


class RefusedQueryError(UnexpectedAnswerError):
    """The service does not understand the request, or does not want it so (400)."""


class StrangeLinkError(UnexpectedAnswerError):
    """A link to a further page leads to where it must not be followed."""


class RecordGoneError(UnexpectedAnswerError):
    """One record was asked for by its id, and the service does not show it (404, 410)."""


class IncompleteError(AddonError):
    """Something that was asked for has not come. All that came is collected, and the next run asks for the rest."""


class StreamClosedError(AddonError):
    """Splunk no longer takes events: the pipe is closed."""


class CheckpointError(AddonError):
    """The checkpoint could not be read or saved; without it nothing may be written."""

    exit_status = 3


class StoppedError(Exception):
    """The process was asked to stop while it waited. Not a failure: it ends the run with what is done."""


class CheckpointTakenError(StoppedError):
    """The checkpoint is somebody else's now: another process has taken over, or an administrator has reset it."""


def unexpected(error: Exception, log: logging.Logger) -> AddonError:
    """The sentence for an error that nobody foresaw; where it comes from is logged at DEBUG."""
    frames = traceback.extract_tb(error.__traceback__)
    log.debug("unforeseen %s at\n%s", type(error).__name__, "".join(traceback.format_list(frames)))
    return AddonError(
        f"An error that the add-on does not know: {type(error).__name__}: {error} (in {frames[-1].name}, line "
        f"{frames[-1].lineno}). What was collected is saved; the next run goes on. Set the log level to DEBUG and "
        "report it."
    )


def exit_status(failures: Iterable[AddonError]) -> int:
    """The exit status of a run with these failures: the gravest of theirs, 0 without any."""
    return max((failure.exit_status for failure in failures), default=0)
