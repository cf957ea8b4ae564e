"""Rows: what goes wrong at Entra ID's token endpoint."""

from __future__ import annotations

from defender_alerts.times import seconds
from faults.polls import LOGIN, Polls, at, settings
from faults.row import EVERYTHING, GOES_ON, NOTHING, WHEN_OVER, Group, Row
from faults.subjects import GRAPH_ALERTS, SIEM_ALERTS
from standins.microsoft import faults
from standins.polling import SECRET

_NO_TOKENS = f"Entra ID ({LOGIN}) is not issuing tokens at the moment; the next run tries again."
_NOT_ENTRA = "The token endpoint answered 200 with something that is not Entra ID's… Look for a proxy, portal or filter in between that asks for a login."


def _expire(stage: Polls) -> None:
    stage.polled.application.secrets.clear()
    stage.polled.application.add_secret(SECRET, expires=stage.cloud.clock.now() - seconds(86_400))


def _lasting_status(status: int) -> Row[Polls]:
    return Row(
        f"{status} that lasts",
        f"every request is answered {status}",
        at(LOGIN, faults.Status(status), tries=10 if status == 429 else 5),
        NOTHING,
        1,
        (f"wait=… reason={status}", f"{_NO_TOKENS} (HTTP {status}, correlation id …)"),
        WHEN_OVER,
    )


TOKEN_ENDPOINT: Group[Polls] = Group(
    "Token endpoint",
    (
        Row(
            "wrong secret",
            "the account has another secret than the application",
            settings(secret="wrong"),
            NOTHING,
            2,
            (
                (
                    "The client secret of the account corp is wrong. Paste the secret's value, not its id, from Entra ID … "
                    "Microsoft says: AADSTS7000215: … (correlation id …)"
                ),
            ),
            WHEN_OVER,
        ),
        Row(
            "expired secret",
            "the application's secret ran out a day ago",
            _expire,
            NOTHING,
            2,
            (
                (
                    "The client secret of the account corp has expired. Make a new one in Entra ID … "
                    "Microsoft says: AADSTS7000222: … (correlation id …)"
                ),
            ),
            WHEN_OVER,
        ),
        Row(
            "429 in passing",
            "one request is answered 429 with `Retry-After: 7`",
            at(LOGIN, faults.throttled(7), times=1),
            EVERYTHING,
            0,
            ("wait=7.0 reason=429",),
            GOES_ON,
        ),
        _lasting_status(429),
        Row(
            "5xx in passing",
            "four requests in a row are answered 503",
            at(LOGIN, faults.Status(503), times=4),
            EVERYTHING,
            0,
            ("wait=… reason=503",),
            GOES_ON,
        ),
        _lasting_status(500),
        _lasting_status(503),
        Row(
            "a code of Entra ID's that passes",
            "AADSTS90055, too many requests, with status 400",
            at(LOGIN, faults.EntraError(90055, status=400)),
            NOTHING,
            1,
            (
                (
                    "Entra ID is not issuing tokens at the moment; the next run tries again. Microsoft says: AADSTS90055: … "
                    "(correlation id …)"
                ),
            ),
            WHEN_OVER,
        ),
        Row(
            "reset in passing",
            "the connection is reset instead of an answer, once",
            at(LOGIN, faults.ResetBeforeHeaders(), times=1),
            EVERYTHING,
            0,
            ("wait=… reason=…",),
            GOES_ON,
        ),
        Row(
            "hang in passing",
            "one request is never answered",
            at(LOGIN, faults.Hang(), times=1, timeout=0.4),
            EVERYTHING,
            0,
            ("wait=… reason=time-out",),
            GOES_ON,
            (SIEM_ALERTS,),
        ),
        Row(
            "hang that lasts",
            "no request is ever answered",
            at(LOGIN, faults.Hang(), timeout=0.2),
            NOTHING,
            1,
            (
                "wait=… reason=time-out",
                (
                    f"{LOGIN} did not answer in time (…). Check that port 443 to it is open; a slow proxy may need a higher "
                    "request timeout under Configuration > Network."
                ),
            ),
            WHEN_OVER,
            (SIEM_ALERTS,),
        ),
        *(
            Row(
                f"garbage: {name}",
                f"the answer is {name} with status 200",
                at(LOGIN, fault),
                NOTHING,
                1,
                (_NOT_ENTRA,),
                WHEN_OVER,
            )
            for name, fault in (
                ("a login page in HTML", faults.captive_portal()),
                ("half a token", faults.ok(b'{"token_type":"Bearer","access_token":"eyJ0eXAi')),
                ("JSON without a token", faults.ok(b'{"status":"ok"}')),
                ("nothing at all", faults.ok(b"")),
                (
                    "a token whose life is no number",
                    faults.ok(b'{"token_type":"Bearer","expires_in":"never","access_token":"eyJ0eXAi"}'),
                ),
            )
        ),
    ),
    # The APIs differ in the scope alone.
    subjects=(SIEM_ALERTS, GRAPH_ALERTS),
)
