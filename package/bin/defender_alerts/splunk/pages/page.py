"""The base class of the page handlers, with readable errors if splunkd does not answer.

UCC's handler (splunktaucclib 8.2) passes splunkd's refusals on. But if splunkd does not answer, or answers in another
format than that of its REST API, the page would show a library's traceback.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import sys
from collections.abc import Iterator
from typing import Any

from splunktaucclib.rest_handler.admin_external import AdminExternalHandler, get_splunkd_endpoint
from splunktaucclib.rest_handler.error import RestError

from defender_alerts.errors import AddonError
from defender_alerts.splunk.log import Redaction, logger_on
from defender_alerts.splunk.rest_client import Splunkd, SplunkdError, explained_to_a_page, without_answer

# UCC's generated scripts silence the root logger. splunkd writes standard error to splunkd.log.
LOG = logger_on(sys.stderr, __name__, logging.WARNING, Redaction())
# UCC's messages about an unreadable answer begin like this: with a traceback, or that it is not JSON.
_UNREADABLE = ("Traceback (", "Fail to load response")


@contextlib.contextmanager
def answering(*, of_ucc: bool = False) -> Iterator[None]:
    """Turn errors into messages that the page shows; also a decorator.

    Args:
        of_ucc: this is UCC's handler, whose unexpected errors come of an answer of splunkd's that it can't read.

    Raises:
        RestError: there was an error.
    """
    try:
        yield
    except AddonError as error:
        raise RestError(http.client.BAD_REQUEST, str(error)) from None
    except SplunkdError as error:
        raise _refusal(error) from None
    except RestError as error:
        if not str(error.message).startswith(_UNREADABLE):
            raise
        raise _refusal(_unusable(error.__context__ or error)) from None
    except Exception as error:
        # Splunk's own module wraps the error of a call without an answer in a class of its own.
        if not of_ucc and without_answer(error) is None:
            raise
        raise _refusal(_unusable(error)) from None


def _refusal(error: SplunkdError) -> RestError:
    return RestError(error.status or http.client.SERVICE_UNAVAILABLE, explained_to_a_page(error))


def _unusable(error: BaseException) -> SplunkdError:
    unanswered = without_answer(error)
    if unanswered is not None:
        return unanswered
    LOG.error("splunkd's answer can't be read", exc_info=error)
    return SplunkdError(0, f"{type(error).__name__}: {error}")


class PageHandler(AdminExternalHandler):
    """The base class of the add-on's handlers; each checks first and then calls this one."""

    handleList = answering(of_ucc=True)(AdminExternalHandler.handleList)  # noqa: N815 - Splunk's name
    handleCreate = answering(of_ucc=True)(AdminExternalHandler.handleCreate)  # noqa: N815 - Splunk's name
    handleRemove = answering(of_ucc=True)(AdminExternalHandler.handleRemove)  # noqa: N815 - Splunk's name

    @answering(of_ucc=True)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Initialise UCC's handler, which calls splunkd to find out its address."""
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call] # it ships no types

    @answering(of_ucc=True)
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Edit."""
        try:
            super().handleEdit(confInfo)
        except RestError as error:
            if error.status != http.client.NOT_FOUND:
                raise
            # UCC's handler also says so if it can't read the stanza: reading it again tells why.
            self.existing()
            raise

    def existing(self) -> Any:
        """The stanza that is to be edited.

        Raises:
            RestError: it can't be read, or somebody has deleted it since the page was loaded.
        """
        try:
            return next(iter(self.handler.get(self.callerArgs.id)))
        except RestError as error:
            if error.status != http.client.NOT_FOUND:
                raise
            raise RestError(
                http.client.NOT_FOUND,
                f"There is no {self.callerArgs.id} any more: somebody has deleted it. Reload the page.",
            ) from None

    def splunkd(self) -> Splunkd:
        """A client for splunkd with the user's session."""
        return Splunkd(get_splunkd_endpoint(), self.getSessionKey())
