"""Entra ID's error bodies.

Codes, ``error`` values and most sentences: Microsoft's reference-error-codes page and bodies quoted in public issue
threads (900382, 1002012, 5002730, 7000112, 7000216, 7000218, and for assertions 50027, 700021, 700024, 700027; the words
of 700023 are those of the Azure SDK's troubleshooting guide; those of sign-ins as a user, such as 54005, 501481 and
9002327, as well). Statuses: 401 for ``invalid_client``, 400 elsewhere (documented only as
"400 or 401"; 429 for throttling is assumed).
"""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from standins.microsoft import ticks
from standins.microsoft.wire import Answer, Request

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class RefusedError(Exception):
    """A request that gets one of Entra ID's errors."""

    def __init__(self, code: int, **values: str) -> None:
        super().__init__(f"AADSTS{code}")
        self.code = code
        self.values = values


def demand(fields: Mapping[str, str], *names: str) -> None:
    """Refuse a request in which one of these fields is missing or empty."""
    for name in names:
        if not fields.get(name):
            raise RefusedError(900144, parameter=name)


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
_NOT_FEDERATED = "No matching federated identity record found for presented assertion"
_FEDERATED = (
    " Please check your federated identity credential Subject, Audience and Issuer against the presented assertion."
    " https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)
_OTHER_ISSUER = (
    " issued by issuer '{issuer}' may not be used for federated identity credential flows for applications or managed"
    " identities registered in this tenant."
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
    70021: Aadsts("invalid_request", 400, _NOT_FEDERATED + "." + _FEDERATED),
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
    700211: Aadsts("invalid_request", 400, _NOT_FEDERATED + " issuer '{claim}'." + _FEDERATED),
    700212: Aadsts("invalid_client", 401, _NOT_FEDERATED + " audience '{claim}'." + _FEDERATED),
    7002121: Aadsts("invalid_client", 401, _NOT_FEDERATED + " audience '{claim}'." + _FEDERATED),
    700213: Aadsts("invalid_request", 400, _NOT_FEDERATED + " subject '{claim}'." + _FEDERATED),
    700222: Aadsts("invalid_client", 401, "AAD-issued tokens may not be used for federated identity flows."),
    700236: Aadsts("invalid_client", 401, "Entra ID tokens" + _OTHER_ISSUER),
    700238: Aadsts("invalid_client", 401, "Tokens" + _OTHER_ISSUER),
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
    50011: Aadsts(
        "invalid_request",
        400,
        "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{application}'.",
    ),
    50020: Aadsts(
        "invalid_grant",
        400,
        "User account '{user}' from identity provider does not exist in tenant '{tenant}' and cannot access the application '{application}' in that tenant.",
    ),
    50034: Aadsts("invalid_grant", 400, "The user account {user} does not exist in the {tenant} directory."),
    50057: Aadsts("invalid_grant", 400, "The user account is disabled."),
    50076: Aadsts(
        "invalid_grant",
        400,
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{resource}'.",
    ),
    50078: Aadsts(
        "invalid_grant",
        400,
        "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access '{resource}'.",
    ),
    50079: Aadsts(
        "invalid_grant",
        400,
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '{resource}'.",
    ),
    50105: Aadsts(
        "invalid_grant",
        400,
        "The signed in user '{user}' is not assigned to a role for the application '{application}'.",
    ),
    50158: Aadsts("invalid_grant", 400, "External security challenge not satisfied."),
    50173: Aadsts(
        "invalid_grant",
        400,
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
    ),
    50194: Aadsts(
        "invalid_request",
        400,
        "Application '{application}' is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps.",
    ),
    53000: Aadsts("invalid_grant", 400, "Device is not in required device state: {state}."),
    54005: Aadsts(
        "invalid_grant",
        400,
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
    ),
    65001: Aadsts(
        "invalid_grant",
        400,
        "The user or administrator has not consented to use the application with ID '{application}' named '{name}'. Send an interactive authorization request for this user and resource.",
    ),
    65004: Aadsts("access_denied", 400, "User declined to consent to access the app."),
    70000: Aadsts("invalid_grant", 400, "Provided grant is invalid or malformed."),
    70008: Aadsts(
        "invalid_grant",
        400,
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
    ),
    70043: Aadsts(
        "invalid_grant",
        400,
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
    ),
    90094: Aadsts("invalid_grant", 400, "Admin consent is required for the permissions requested by this application."),
    90099: Aadsts(
        "invalid_grant", 400, "The application '{application}' has not been authorized in the tenant '{tenant}'."
    ),
    500112: Aadsts(
        "invalid_client",
        401,
        "The reply address '{redirect_uri}' does not match the reply address provided when requesting Authorization code.",
    ),
    500113: Aadsts("invalid_request", 400, "No reply address is registered for the application."),
    501481: Aadsts(
        "invalid_grant",
        400,
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    530032: Aadsts("invalid_grant", 400, "User blocked due to security policy."),
    700025: Aadsts(
        "invalid_client", 401, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
    ),
    700082: Aadsts("invalid_grant", 400, "The refresh token has expired due to inactivity."),
    700084: Aadsts(
        "invalid_grant",
        400,
        "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which can not be extended.",
    ),
    9002325: Aadsts(
        "invalid_request",
        400,
        "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
    ),
    9002327: Aadsts(
        "invalid_request",
        400,
        "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
    ),
    9001023: Aadsts(
        "invalid_request",
        400,
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or"
        " tenant-specific endpoint.",
    ),
}


def sentence(code: int, now: int, **values: str) -> str:
    """Return what Entra ID says with a code, in JSON and in an address alike."""
    return _described(code, now, str(uuid.uuid4()), str(uuid.uuid4()), values)


def _described(code: int, now: int, trace: str, correlation: str, values: Mapping[str, str]) -> str:
    told = TABLE[code].sentence.format_map(_Values(values))
    return f"AADSTS{code}: {told}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {_stamp(now)}"


def _stamp(now: int) -> str:
    return ticks.text(now - now % ticks.PER_SECOND, digits=0).replace("T", " ")


def page(status: int, body: str) -> Answer:
    """Return a page for a browser."""
    headers = (("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"))
    return Answer(
        status, f"<!DOCTYPE html><html><head><title>Sign in</title></head><body>{body}</body></html>".encode(), headers
    )


def refusal_page(code: int, now: int, **values: str) -> Answer:
    """Return the page that says why a person can't sign in."""
    return page(
        400,
        f"<h1>Sorry, but we're having trouble signing you in.</h1><p>{html.escape(sentence(code, now, **values))}</p>",
    )


def refusal(code: int, now: int, request: Request, **values: str) -> Answer:
    """Return a code's error body; ``values`` fill its sentence, what is missing shows as ``...``.

    The correlation id is the client's own ``client-request-id`` if it sent a GUID.
    """
    row = TABLE[code]
    sent = request.headers.get("client-request-id", "")
    correlation = sent if GUID.fullmatch(sent) else str(uuid.uuid4())
    trace = str(uuid.uuid4())
    body = {
        "error": row.error,
        "error_description": _described(code, now, trace, correlation, values),
        "error_codes": [code],
        "timestamp": _stamp(now),
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
