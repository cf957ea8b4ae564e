"""UCC's handler of a page, which answers in a sentence where splunkd does not answer it.

UCC's handler (splunktaucclib 8.2) turns what splunkd refuses into an answer. Where there is no answer at all, the page
would show the traceback of a library.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from typing import Any

from splunktaucclib.rest_handler.admin_external import AdminExternalHandler, get_splunkd_endpoint
from splunktaucclib.rest_handler.error import RestError

from defender_alerts.errors import AddonError

from .splunkd import Splunkd, SplunkdError, explained_to_a_page, without_answer


class PageHandler(AdminExternalHandler):
    """What the add-on's handlers have in common; each checks first, then lets this one do the work."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what splunkd gives: UCC's handler asks where splunkd is, by a call to it."""
        with answering():
            super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call] # it ships no types

    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """List."""
        with answering():
            super().handleList(confInfo)

    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Create."""
        with answering():
            super().handleCreate(confInfo)

    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Edit."""
        with answering():
            super().handleEdit(confInfo)

    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Remove."""
        with answering():
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
        raise RestError(error.status or http.client.SERVICE_UNAVAILABLE, explained_to_a_page(error)) from None
    except RestError:
        raise
    except Exception as error:
        # Splunk's own module has a class for it, which says no more than the error that it wraps.
        unanswered = without_answer(error)
        if unanswered is None:
            raise
        raise RestError(http.client.SERVICE_UNAVAILABLE, explained_to_a_page(unanswered)) from None
