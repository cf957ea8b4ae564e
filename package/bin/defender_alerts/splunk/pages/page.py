"""UCC's handler of a page, which answers in a sentence where splunkd does not answer it.

UCC's handler (splunktaucclib 8.2) turns what splunkd refuses into an answer. Where there is no answer at all, or one of
another shape than splunkd's REST API has, the page would show the traceback of a library.
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

# UCC's generated scripts silence the root logger. What is written to standard error, splunkd files in splunkd.log.
LOG = logger_on(sys.stderr, __name__, logging.WARNING, Redaction())
# How it begins what it says of an answer that it can't read: that it is no JSON, or the traceback of what it ran into.
_UNREADABLE = ("Traceback (", "Fail to load response")


class PageHandler(AdminExternalHandler):
    """What the add-on's handlers have in common; each checks first, then lets this one do the work."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what splunkd gives: UCC's handler asks where splunkd is, by a call to it."""
        with answering(), _reading_an_answer():
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call] # it ships no types

    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """List."""
        with answering(), _reading_an_answer():
            super().handleList(confInfo)

    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Create."""
        with answering(), _reading_an_answer():
            super().handleCreate(confInfo)

    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Edit."""
        with answering(), _reading_an_answer():
            try:
                super().handleEdit(confInfo)
            except RestError as error:
                if error.status == http.client.NOT_FOUND:
                    # UCC's handler says so too where it can't read what there is: to read it again says why.
                    list(self.handler.get(self.callerArgs.id))
                raise

    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Remove."""
        with answering(), _reading_an_answer():
            super().handleRemove(confInfo)

    def splunkd(self) -> Splunkd:
        """splunkd, in the name of whoever looks at the page."""
        return Splunkd(get_splunkd_endpoint(), self.getSessionKey())


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turn what is wrong with a value, or goes wrong on the way to splunkd, into what the page shows.

    Raises:
        RestError: something went wrong.
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
        # Splunk's own module has a class for it, which says no more than the error that it wraps.
        unanswered = without_answer(error)
        if unanswered is None:
            raise
        raise _refusal(unanswered) from None


@contextlib.contextmanager
def _reading_an_answer() -> Iterator[None]:
    """Let every error that nobody foresaw be one of splunkd's answer, around what UCC's handler does with it.

    Raises:
        RestError, AddonError: it was foreseen.
        SplunkdError: it was not.
    """
    try:
        yield
    except (RestError, AddonError, SplunkdError):
        raise
    except Exception as error:
        raise _unusable(error) from error


def _refusal(error: SplunkdError) -> RestError:
    return RestError(error.status or http.client.SERVICE_UNAVAILABLE, explained_to_a_page(error))


def _unusable(error: BaseException) -> SplunkdError:
    unanswered = without_answer(error)
    if unanswered is not None:
        return unanswered
    LOG.error("splunkd's answer can't be read", exc_info=error)
    return SplunkdError(0, f"{type(error).__name__}: {error}")
