"""Rows: what goes wrong at the API."""

from __future__ import annotations

import re
from collections.abc import Callable

from defender_alerts.http import calls
from defender_alerts.times import seconds
from faults.polls import EU, US, Polls, at
from faults.row import EVERYTHING, GOES_ON, OTHER_REGIONS, WHEN_OVER, Delivered, Group, Row
from standins.microsoft import faults, ticks
from standins.microsoft.lengths import LengthTooShort

_NO_ANSWER = f"The connection to {EU} failed (…). The next run asks again."
_CUT_OFF = f"{EU}: The answer was cut off. The next run asks again."
_REPLACE = (
    "Microsoft has deprecated the SIEM API and may have switched it off: replace this input with defender_graph_alerts "
    "(Microsoft Graph) or defender_endpoint_alerts."
)
_NOT_ALERTS = (
    f"{EU}: The answer is no JSON array; it begins with …. Nothing of it was taken for alerts. Look for a proxy, portal "
    "or filter on the way that answers in Microsoft's place."
)
_BAD_REQUEST = b'{"error":{"code":"BadRequest","message":"no such group"}}'


def _lasts(
    name: str, provoked: str, fault: faults.Fault, status: int, *says: str, tries: int | None = None
) -> Row[Polls]:
    """A fault that a run does not get over: the region fails, and the other one does not notice."""
    usual = 5 if says[0].startswith("wait=") else 1
    return Row(name, provoked, at(EU, fault, tries=tries or usual), OTHER_REGIONS, status, says, WHEN_OVER)


def _passes(name: str, provoked: str, fault: faults.Fault, *says: str, times: int = 1) -> Row[Polls]:
    """A fault that a run gets over."""
    return Row(name, provoked, at(EU, fault, times=times), EVERYTHING, 0, says, GOES_ON)


def _server_error(status: int) -> Row[Polls]:
    return _lasts(
        f"{status} that lasts",
        f"every request is answered {status}",
        faults.Status(status),
        1,
        f"wait=… reason={status}",
        f"{EU} answered with an error; the next run asks again. (HTTP {status}, correlation id …)",
    )


def _throttled_until_a_date(stage: Polls) -> None:
    at_date = ticks.http_date(stage.cloud.clock.now() + seconds(42))
    stage.cloud.faults.add(EU, faults.throttled(at_date))


def _dripping(times: int | None) -> Callable[[Polls], object]:
    def provoke(stage: Polls) -> None:
        stage.patch.setattr(calls, "LONGEST_ANSWER", 0.3)
        stage.cloud.faults.add(EU, faults.Drip(bytes_per_second=400), times=times)

    return provoke


def _twice_the_same_key(stage: Polls) -> None:
    stage.publish("eu", stage.alert(50).replace(b"{", b'{"AlertTitle":"first","AlertTitle":"second",', 1))


def _broken_record(raw: bytes) -> Callable[[Polls], object]:
    def provoke(stage: Polls) -> None:
        stage.unreadable = raw
        an_hour_ago = stage.cloud.clock.now() - seconds(3_600)
        stage.cloud.siem("eu").add(stage.polled.tenant, raw, processed=an_hour_ago + 5)

    return provoke


def _without_identity(stage: Polls) -> None:
    raw = re.sub(rb'"FullId":"[^"]*"', b'"FullId":null', stage.alert(50))
    assert b'"FullId":null' in raw
    stage.publish("eu", raw)


ALL_BUT_THE_BROKEN_ONE = Delivered("everything but that record", EVERYTHING.holds)


API: Group[Polls] = Group(
    "API",
    (
        _lasts(
            "400",
            "every request is answered 400",
            faults.Status(400, _BAD_REQUEST),
            1,
            f"{EU} does not understand the request. Check the input's machine groups; if they are right, report this "
            "with the line's correlation id. Microsoft says: BadRequest: no such group. (HTTP 400, correlation id …)",
        ),
        _passes("401 once", "one token is refused", faults.Status(401)),
        _lasts(
            "401 for ever",
            "every token is refused",
            faults.Status(401),
            2,
            f"{EU} refuses a fresh token. … Check that the SIEM integration is enabled in the Defender portal "
            f"(Settings > SIEM) and that the input's resource is the one shown there. {_REPLACE} (HTTP 401, …)",
            tries=2,
        ),
        _lasts(
            "403",
            "every request is answered 403",
            faults.Status(403),
            1,
            f"{EU} denies this application the alerts of the region eu. The token carries … Check that the tenant's "
            "data is stored in this region (Defender portal, Settings > Microsoft Defender XDR > Account) and the "
            "application's permissions. (HTTP 403, …)",
        ),
        *(
            _lasts(
                str(status),
                f"every request is answered {status}",
                faults.Status(status),
                1,
                f"{EU} no longer serves alerts. {_REPLACE} (HTTP {status}, …)",
            )
            for status in (404, 410)
        ),
        _passes(
            "429 with seconds",
            "one request is answered 429 with `Retry-After: 37`",
            faults.throttled(37),
            "wait=37.0 reason=429",
        ),
        Row(
            "429 with a date",
            "one request is answered 429 with the date in 42 s as `Retry-After`",
            _throttled_until_a_date,
            EVERYTHING,
            0,
            ("wait=4… reason=429",),
            GOES_ON,
        ),
        _passes(
            "429 without Retry-After",
            "nine requests in a row are answered 429",
            faults.throttled(),
            "wait=… reason=429",
            times=9,
        ),
        _lasts(
            "429 that lasts",
            "every request is answered 429 with `Retry-After: 1`",
            faults.throttled(1),
            1,
            "wait=1.0 reason=429",
            f"{EU} throttles this application; the next run goes on where this one ended. (HTTP 429, …)",
            tries=10,
        ),
        _lasts(
            "429 for longer than an hour",
            "every request is answered 429 with `Retry-After: 7200`",
            faults.throttled(7_200),
            1,
            f"{EU} throttles this application; the next run goes on where this one ended. (HTTP 429, …) The wait it "
            "asks for, 7200 s, is left to a later run.",
        ),
        _passes("500 in passing", "one request is answered 500", faults.Status(500), "wait=… reason=500"),
        _passes(
            "502 in passing",
            "one request is answered 502 with a gateway's HTML",
            faults.Status(502, b"<html>bad gateway</html>", (("Content-Type", "text/html"),)),
            "wait=… reason=502",
        ),
        _passes(
            "503 in passing",
            "four requests in a row are answered 503",
            faults.Status(503),
            "wait=… reason=503",
            times=4,
        ),
        _passes("504 in passing", "one request is answered 504", faults.Status(504), "wait=… reason=504"),
        *(_server_error(status) for status in (500, 502, 503, 504)),
        _passes(
            "reset before the answer, in passing",
            "the connection is reset once instead of an answer",
            faults.ResetBeforeHeaders(),
            "wait=… reason=…",
        ),
        _lasts(
            "reset before the answer, for ever",
            "every connection is reset instead of an answer",
            faults.ResetBeforeHeaders(),
            1,
            "wait=… reason=…",
            _NO_ANSWER,
        ),
        *(
            row
            for name, provoked, fault, says in (
                (
                    "reset in the middle of the body",
                    "is reset when half of the body has come",
                    faults.ResetInBody(),
                    _NO_ANSWER,
                ),
                ("body cut off", "is closed when half of the body has come", faults.CutOff(), _NO_ANSWER),
                ("gzip cut off", "brings half of the gzip, under a length that fits", faults.CutGzip(), _CUT_OFF),
                (
                    "length longer than the body",
                    "claims seven bytes more than it brings",
                    faults.LengthTooLong(),
                    _NO_ANSWER,
                ),
                (
                    "length shorter than the body",
                    "claims a hundred bytes less than it brings",
                    LengthTooShort(),
                    _CUT_OFF,
                ),
                ("no gzip under the name of gzip", "brings plain text as gzip", faults.NotGzip(), _NO_ANSWER),
            )
            for row in (
                _passes(f"{name}, in passing", f"one answer {provoked}", fault, "wait=… reason=…"),
                _lasts(f"{name}, for ever", f"every answer {provoked}", fault, 1, "wait=… reason=…", says),
            )
        ),
        Row(
            "silence before the answer",
            "one request is never answered",
            at(EU, faults.Hang(), times=1, timeout=0.4),
            EVERYTHING,
            0,
            ("wait=… reason=time-out",),
            GOES_ON,
        ),
        Row(
            "silence in the body",
            "no answer goes on after half of its body",
            at(EU, faults.Stall(), timeout=0.4),
            OTHER_REGIONS,
            1,
            ("wait=… reason=time-out", f"{EU} did not answer in time (…). Check that port 443 to it is open; …"),
            WHEN_OVER,
        ),
        Row(
            "slow drip, in passing",
            "one answer comes so slowly that it takes longer than 600 s (here 0.3 s)",
            _dripping(1),
            EVERYTHING,
            0,
            ("wait=… reason=broken off",),
            GOES_ON,
        ),
        Row(
            "slow drip, for ever",
            "every answer comes so slowly that it takes longer than 600 s (here 0.3 s)",
            _dripping(None),
            OTHER_REGIONS,
            1,
            ("wait=… reason=broken off", f"{EU}: The answer did not arrive whole within … s. The next run asks again."),
            WHEN_OVER,
        ),
        _lasts(
            "redirect to another host",
            "every request is sent on to a portal",
            faults.Redirect("https://portal.example/login"),
            1,
            f"{EU} redirects to portal.example, which is not followed: the answer would not be Microsoft's. Look for a "
            "proxy, portal or filter on the way that asks for a login.",
        ),
        _lasts(
            "redirect to another region",
            "every request is sent on to the host of another region",
            faults.Redirect(f"https://{US}/api/alerts"),
            1,
            f"{EU} redirects to {US}, which is not followed: …",
        ),
        _lasts("HTML with 200", "a login page in place of the alerts", faults.captive_portal(), 1, _NOT_ALERTS),
        _lasts(
            "an error with 200",
            "an error's JSON with status 200",
            faults.Body(b'{"error":{"code":"x"}}'),
            1,
            _NOT_ALERTS,
        ),
        _lasts(
            "an empty body with 200",
            "status 200 without a body",
            faults.Body(b""),
            1,
            "wait=… reason=broken off",
            f"{EU}: The answer is empty. The next run asks again.",
        ),
        Row(
            "duplicate keys",
            "an alert has the key AlertTitle twice",
            _twice_the_same_key,
            EVERYTHING,
            0,
            (),
            GOES_ON,
        ),
        *(
            Row(
                f"one bad record: {name}",
                f"one record among good ones is {name}",
                _broken_record(raw),
                ALL_BUT_THE_BROKEN_ONE,
                0,
                (
                    (
                        f"region=eu host={EU} a record can't be read ({reason}) and is left out; it begins with …. The "
                        "others are not held up. Report this to the maker of the add-on."
                    ),
                ),
                GOES_ON,
            )
            for name, raw, reason in (
                ("no JSON", b'{"AlertId":"1","FullId":"1:2","Severity":High,"Title":"["}', "Expecting value"),
                ("no object", b'"an alert"', "no JSON object"),
            )
        ),
        Row(
            "one record without identity",
            "one record has null as its FullId",
            _without_identity,
            EVERYTHING,
            0,
            ("region=eu a record has no identity or version time (FullId is missing); it is indexed with the time …",),
            GOES_ON,
        ),
    ),
)
