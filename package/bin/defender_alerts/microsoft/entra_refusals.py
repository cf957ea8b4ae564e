"""Turns a refusal of Entra ID into an error with advice; ``aadsts`` has the advice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from defender_alerts.errors import AddonError, AuthenticationError, ServiceError
from defender_alerts.settings import unusual

from .account import CERTIFICATE, CLIENT_SECRET, MANAGED_IDENTITY, Account
from .clouds import Cloud
from .transport.client import microsofts_words

_CORRELATION = r"Correlation ID: ([0-9a-fA-F-]{36})"
_AADSTS = r"AADSTS(\d+)"
_UNKNOWN = "Entra ID refuses the account {account}. Look the code up in Microsoft's list of AADSTS error codes."
_CREDENTIALS = {
    CLIENT_SECRET: "client secret",
    CERTIFICATE: "certificate and private key",
    MANAGED_IDENTITY: "managed identity",
}
_TRANSIENT = frozenset({90006, 90012, 90024, 90033, 90055, 50196})


def consent_address(cloud: Cloud, tenant_id: str, client_id: str) -> str:
    """Where an administrator of a tenant lets an application in, with all that it asks for.

    Source: Microsoft, "Admin consent on the Microsoft identity platform".
    """
    return f"https://{cloud.authority_host}/{quote(tenant_id)}/adminconsent?client_id={client_id}"


def called(account: Account) -> str:
    """The words for the tenant in a sentence, without an article."""
    if account.tenant_of_input:
        return f"tenant {account.tenant_id} of the input {account.tenant_of_input}"
    return f"tenant of the account {account.name}"


def refused(
    result: Mapping[str, Any],
    account: Account,
    cloud: Cloud,
    resource: str,
    *,
    hint: str = "",
    redirect_uri: str = "http://localhost",
) -> AddonError:
    """The error for an answer of ``msal``'s without a token.

    Args:
        result: the answer.
        account: whose credentials were used.
        cloud: of its tenant.
        resource: the audience that the API wants.
        hint: advice if the tenant does not know the resource.
        redirect_uri: of a person's sign-in.
    """
    codes = codes_of(result)
    if _TRANSIENT.intersection(codes) or result.get("error") == "temporarily_unavailable":
        return ServiceError(f"Entra ID is not issuing tokens at the moment; the next run tries again.{quoted(result)}")
    from .aadsts import ADVICE

    fitting = (
        row
        for row in ADVICE
        if row.auth_type in {"", account.credential, account.auth_type}
        and (account.tenant_of_input or not row.of_input)
    )
    advice = next((row for row in fitting if set(codes).intersection(row.codes)), None)
    sentence = advice.sentence if advice else _UNKNOWN
    error = advice.error if advice else AuthenticationError
    filled = sentence.format(
        account=account.name,
        owner=f"input {account.tenant_of_input}" if account.tenant_of_input else f"account {account.name}",
        tenant=called(account),
        resource=resource,
        hint=hint and f" {hint}",
        consent=consent_address(cloud, account.tenant_id, account.client_id),
        client_id=account.client_id,
        unusual=unusual(account.client_secret),
        credential=_CREDENTIALS[account.credential],
        user=account.signed_in_as or "the person who signs in",
        redirect_uri=redirect_uri,
        thumbprint=account.pair.certificate.sha1.hex().upper() if account.pair else "",
        identity=account.identity_client_id,
        audience=cloud.exchange_audience,
    )
    return error(filled + quoted(result))


def quoted(result: Mapping[str, Any]) -> str:
    """Microsoft's words and correlation id in a refusal, to be appended to a sentence."""
    description = _description(result)
    match = re.search(_CORRELATION, description)
    correlation = result.get("correlation_id") or (match.group(1) if match else "not given")
    return f" Microsoft says: {microsofts_words(description)}. (correlation id {correlation})"


def codes_of(result: Mapping[str, Any]) -> list[int]:
    """The AADSTS codes in a refusal."""
    match = re.search(_AADSTS, _description(result))
    given = result.get("error_codes")
    codes = given if isinstance(given, list) and given else [match.group(1)] if match else []
    return [int(code) for code in codes if isinstance(code, int) or (isinstance(code, str) and code.isdecimal())]


def _description(result: Mapping[str, Any]) -> str:
    return str(result.get("error_description") or result.get("error") or "")
