"""Entra ID's error bodies.

Codes, ``error`` values and most sentences: Microsoft's reference-error-codes page and bodies quoted in public issue
threads (900382, 1002012, 5002730, 7000112, 7000216, 7000218, and for assertions 50027, 700021, 700024, 700027; the words
of 700023 are those of the Azure SDK's troubleshooting guide). Statuses: 401 for ``invalid_client``, 400 elsewhere (documented only as
"400 or 401"; 429 for throttling is assumed).
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from standins.microsoft import ticks
from standins.microsoft.wire import Answer

if TYPE_CHECKING:
    from standins.microsoft.wire import Request

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Aadsts:
    """One row of Microsoft's table."""

    error: str
    status: int
    sentence: str


_MAY_NOT_BE_INSTALLED = (
    " This can happen if the application has not been installed by the administrator of the tenant or consented to"
    " by any user in the tenant. You may have sent your authentication request to the wrong tenant."
)
_ASSERTION = (
    " Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."
)
_PARAMETER = "The request body must contain the following parameter: "
TABLE = {
    50012: Aadsts("invalid_client", 401, "Authentication failed. {reason}"),
    50027: Aadsts("invalid_request", 400, "JWT token is invalid or malformed. {reason}"),
    53003: Aadsts(
        "invalid_grant",
        400,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    ),
    70003: Aadsts("unsupported_grant_type", 400, "The app requested an unsupported grant type '{grant_type}'."),
    70011: Aadsts(
        "invalid_scope",
        400,
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter"
        " 'scope' is not valid. The scope {scope} is not valid.",
    ),
    90002: Aadsts(
        "invalid_request",
        400,
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the"
        " correct cloud. Check with your subscription administrator, this may happen if there are no active"
        " subscriptions for the tenant.",
    ),
    90024: Aadsts("temporarily_unavailable", 503, "A transient error has occurred. Please try again."),
    90033: Aadsts("temporarily_unavailable", 503, "A transient error has occurred. Please try again."),
    90055: Aadsts("temporarily_unavailable", 429, "There are too many incoming requests. Please try again later."),
    90130: Aadsts(
        "invalid_request",
        400,
        "Application '{application}' is not supported over the /common or /consumers endpoints. Please use the"
        " /organizations or tenant-specific endpoint.",
    ),
    500011: Aadsts(
        "invalid_resource",
        400,
        "The resource principal named {resource} was not found in the tenant named {tenant}." + _MAY_NOT_BE_INSTALLED,
    ),
    700016: Aadsts(
        "unauthorized_client",
        400,
        "Application with identifier '{application}' was not found in the directory '{tenant}'."
        + _MAY_NOT_BE_INSTALLED,
    ),
    700022: Aadsts(
        "invalid_scope",
        400,
        "The provided value for the input parameter scope '{scope}' is not valid because it contains more than one"
        " resource.",
    ),
    700021: Aadsts(
        "invalid_client",
        401,
        "Client assertion application identifier doesn't match 'client_id' parameter." + _ASSERTION,
    ),
    700023: Aadsts("invalid_client", 401, "Client assertion audience claim does not match Realm issuer." + _ASSERTION),
    700024: Aadsts(
        "invalid_client",
        401,
        "Client assertion is not within its valid time range. Current time: {time}, assertion valid from {begin}, expiry"
        " time of assertion {end}." + _ASSERTION,
    ),
    700027: Aadsts(
        "invalid_client",
        401,
        "{what} [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal,"
        " Graph Explorer or directly use MS Graph to see configured keys for app Id '{application}'.]",
    ),
    900023: Aadsts(
        "invalid_request",
        400,
        "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
    ),
    900144: Aadsts("invalid_request", 400, _PARAMETER + "'{parameter}'."),
    900382: Aadsts("invalid_request", 400, "Confidential Client is not supported in Cross Cloud request."),
    900561: Aadsts("invalid_request", 400, "The endpoint only accepts POST requests. Received a {method} request."),
    901002: Aadsts("invalid_request", 400, "The 'resource' request parameter is not supported."),
    1002012: Aadsts(
        "invalid_scope",
        400,
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with"
        " /.default suffixed to the resource identifier (application ID URI).",
    ),
    5002730: Aadsts("invalid_request", 400, "Invalid JWT token. Unsupported key for the signing algorithm."),
    7000112: Aadsts("unauthorized_client", 400, "Application '{application}'({name}) is disabled."),
    7000215: Aadsts(
        "invalid_client",
        401,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value,"
        " not the client secret ID, for a secret added to app '{application}'.",
    ),
    7000216: Aadsts(
        "invalid_client",
        401,
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    ),
    7000218: Aadsts("invalid_client", 401, _PARAMETER + "'client_assertion' or 'client_secret'."),
    7000222: Aadsts(
        "invalid_client",
        401,
        "The provided client secret keys for app '{application}' are expired. Visit the Azure portal to create new"
        " keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added"
        " security: https://aka.ms/certCreds.",
    ),
    7000229: Aadsts(
        "invalid_client",
        401,
        "The client application {application} is missing service principal in the tenant {tenant}. See instructions"
        " here: https://go.microsoft.com/fwlink/?linkid=2225119",
    ),
    9001023: Aadsts(
        "invalid_request",
        400,
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or"
        " tenant-specific endpoint.",
    ),
}


def refusal(code: int, now: int, request: Request, **values: str) -> Answer:
    """Return a code's error body; ``values`` fill its sentence, what is missing shows as ``...``.

    The correlation id is the client's own ``client-request-id`` if it sent a GUID.
    """
    row = TABLE[code]
    sent = request.headers.get("client-request-id", "")
    correlation = sent if GUID.fullmatch(sent) else str(uuid.uuid4())
    trace = str(uuid.uuid4())
    timestamp = ticks.text(now - now % ticks.PER_SECOND, digits=0).replace("T", " ")
    sentence = row.sentence.format_map(_Values(values))
    body = {
        "error": row.error,
        "error_description": f"AADSTS{code}: {sentence}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}"
        f"\r\nTimestamp: {timestamp}",
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://{request.host}/error?code={code}",
    }
    return answer(row.status, body, trace)


def answer(status: int, body: object, request_id: str | None = None) -> Answer:
    """Return JSON with the headers that Entra ID's token endpoint sends."""
    headers = (
        ("Cache-Control", "no-store, no-cache"),
        ("Pragma", "no-cache"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Expires", "-1"),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
        ("X-Content-Type-Options", "nosniff"),
        ("x-ms-request-id", request_id or str(uuid.uuid4())),
    )
    return Answer(status, json.dumps(body).encode(), headers)


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "..."
