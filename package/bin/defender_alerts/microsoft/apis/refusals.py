"""Explains the refusals that all of Microsoft's APIs have in common."""

from __future__ import annotations

import re
from http import HTTPStatus

from defender_alerts.errors import AddonError, ServiceError, StrainedError
from defender_alerts.microsoft.transport.client import Refusal

_REQUIRED = r"(?i)required roles: *([A-Za-z][A-Za-z.,\s]*?) *(?:,\s*application roles|$)"


def about(roles: tuple[str, ...]) -> str:
    """A sentence about the permissions in a token."""
    if roles:
        return f"The token carries the permissions {', '.join(sorted(roles))}."
    return "The token carries no permissions (roles): an administrator may not have consented to them."


def asked_for(refusal: Refusal) -> tuple[str, ...]:
    """The permissions of which the server says that it wants one; empty where it does not say.

    That list is the truth: it names more than the documents do. A refusal of Graph's from 2024 lists
    ``SecurityIncident.Read.All`` for alerts as well (wazuh-documentation#7300).
    """
    found = re.search(_REQUIRED, refusal.message)
    return tuple(role for role in re.split(r"[,\s]+", found.group(1)) if role) if found else ()


def out_of_service(refusal: Refusal) -> AddonError:
    """The error for throttling or a failing service, which the administrator can't do anything about."""
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        return ServiceError(
            f"{refusal.host} throttles this application; the next run goes on where this one ended.{refusal.quoted()}"
        )
    return StrainedError(f"{refusal.host} answered with an error; the next run tries again.{refusal.quoted()}")
