"""What refusals mean that all of Microsoft's APIs give alike."""

from __future__ import annotations

from http import HTTPStatus

from defender_alerts.errors import AddonError, ServiceError, StrainedError
from defender_alerts.microsoft.transport.client import Refusal


def about(roles: tuple[str, ...]) -> str:
    """What a token says of its permissions."""
    if roles:
        return f"The token carries the permissions {', '.join(sorted(roles))}."
    return "The token carries no permissions (roles): an administrator may not have consented to them."


def out_of_service(refusal: Refusal) -> AddonError:
    """What throttling and a failing service mean: the same to every request, and nobody's fault here."""
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        return ServiceError(
            f"{refusal.host} throttles this application; the next run goes on where this one ended.{refusal.quoted()}"
        )
    return StrainedError(f"{refusal.host} answered with an error; the next run asks again.{refusal.quoted()}")
