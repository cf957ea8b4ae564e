"""Rows: what goes wrong at the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter

from defender_alerts.microsoft.transport import body
from defender_alerts.times import seconds
from faults.polls import Polls, Tries, at_api
from faults.row import EVERYTHING, GOES_ON, OTHER_REGIONS, WHEN_OVER, Delivered, Group, Row
from faults.subjects import CODE_PATHS, EVERY_KIND, ONE_OF_EACH, SIEM_ALERTS
from standins.microsoft import faults, ticks
from standins.microsoft.lengths import LengthTooShort

_NO_ANSWER = "The connection to {host} failed (…). The next run tries again."
_CUT_OFF = "{host}: The answer was cut off. The next run tries again."
_NOT_GZIP = "{host}: The answer's compression is damaged (…). The next run tries again."
_NOT_ALERTS = (
    "None of it was treated as alerts. Look for a proxy, portal or filter in between that answers in Microsoft's place."
)
_ONE = (SIEM_ALERTS,)
"""Time passes for real, and is waited for below all APIs."""
_BAD_REQUEST = b'{"error":{"code":"BadRequest","message":"no such group"}}'


def _lasts(name: str, provoked: str, fault: faults.Fault, status: int, *says: str, tries: Tries = None) -> Row[Polls]:
    """A fault that a run does not get over: the region fails, and the other one does not notice."""
    is_tried_again = says[0].startswith("wait=")
    provoke = at_api(fault, tries=tries or attrgetter("breaks" if is_tried_again else "refusals"))
    return Row(name, provoked, provoke, OTHER_REGIONS, status, says, WHEN_OVER, CODE_PATHS if is_tried_again else None)


def _passes(name: str, provoked: str, fault: faults.Fault, *says: str, times: int = 1) -> Row[Polls]:
    """A fault that a run gets over."""
    return Row(name, provoked, at_api(fault, times=times), EVERYTHING, 0, says, GOES_ON, CODE_PATHS)


def _server_error(status: int) -> Row[Polls]:
    return _lasts(
        f"{status} that lasts",
        f"every request is answered {status}",
        faults.Status(status),
        1,
        f"wait=… reason={status}",
        f"{{host}} answered with an error; the next run tries again. (HTTP {status}, correlation id …)",
    )


def _throttled_until_a_date(stage: Polls) -> None:
    at_date = ticks.http_date(stage.cloud.clock.now() + seconds(42))
    stage.cloud.faults.add(stage.subject.host, faults.throttled(at_date))


def _redirected_to_a_sibling(stage: Polls) -> None:
    target = faults.redirect(f"https://{stage.subject.sibling}/api/alerts")
    stage.cloud.faults.add(stage.subject.host, target, times=None)


def _dripping(times: int | None) -> Callable[[Polls], object]:
    def provoke(stage: Polls) -> None:
        stage.patch.setattr(body, "LONGEST_ARRIVAL", 0.3)
        stage.cloud.faults.add(stage.subject.host, faults.Drip(bytes_per_second=400), times=times)

    return provoke


def _twice_the_same_key(stage: Polls) -> None:
    stage.publish(stage.record(50).replace(b"{", b'{"title":"first","title":"second",', 1))


def _broken_record(raw: bytes) -> Callable[[Polls], object]:
    def provoke(stage: Polls) -> None:
        stage.undeliverable = {raw.decode()}
        stage.publish(raw, version=stage.an_hour_ago + 5, identity="broken")

    return provoke


def _without_identity(stage: Polls) -> None:
    name = stage.subject.words["identity"].encode()
    raw = re.sub(rb'"%b":"[^"]*"' % name, rb'"%b":null' % name, stage.record(50), count=1)
    assert b'"%b":null' % name in raw
    stage.publish(raw, version=stage.an_hour_ago + 50, identity="nobody")


ALL_BUT_THE_BROKEN_ONE = Delivered("everything but that record", EVERYTHING.holds)


API: Group[Polls] = Group(
    "API",
    (
        _lasts(
            "400",
            "every request is answered 400",
            faults.Status(400, _BAD_REQUEST),
            1,
            "{not_understood} Microsoft says: BadRequest: no such group. (HTTP 400, correlation id …)",
        ),
        _passes("401 once", "one token is refused", faults.Status(401)),
        _lasts(
            "401 for ever",
            "every token is refused",
            faults.Status(401),
            2,
            "{unauthorized} (HTTP 401, …)",
            tries=2,
        ),
        _lasts(
            "403",
            "every request is answered 403",
            faults.Status(403),
            1,
            "{forbidden} (HTTP 403, …)",
        ),
        *(
            _lasts(
                str(status),
                f"every request is answered {status}",
                faults.Status(status),
                1,
                f"{{gone}} (HTTP {status}, …)",
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
            "{host} throttles this application; the next run goes on where this one ended. (HTTP 429, …)",
            tries=10,
        ),
        _lasts(
            "429 for longer than an hour",
            "every request is answered 429 with `Retry-After: 7200`",
            faults.throttled(7_200),
            1,
            "{host} throttles this application; the next run goes on where this one ended. (HTTP 429, …) The wait it "
            "asks for, 7200 s, is left to a later run.",
            tries=1,
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
                    _CUT_OFF,
                ),
                ("body cut off", "is closed when half of the body has come", faults.CutOff(), _CUT_OFF),
                ("gzip cut off", "brings half of the gzip, under a length that fits", faults.CutGzip(), _CUT_OFF),
                (
                    "length longer than the body",
                    "claims seven bytes more than it brings",
                    faults.LengthTooLong(),
                    _CUT_OFF,
                ),
                (
                    "length shorter than the body",
                    "claims a hundred bytes less than it brings",
                    LengthTooShort(),
                    _CUT_OFF,
                ),
                ("no gzip under the name of gzip", "brings plain text as gzip", faults.not_gzip(), _NOT_GZIP),
            )
            for row in (
                _passes(f"{name}, in passing", f"one answer {provoked}", fault, "wait=… reason=…"),
                _lasts(f"{name}, for ever", f"every answer {provoked}", fault, 1, "wait=… reason=…", says),
            )
        ),
        Row(
            "silence before the answer",
            "one request is never answered",
            at_api(faults.Hang(), times=1, timeout=0.4),
            EVERYTHING,
            0,
            ("wait=… reason=time-out",),
            GOES_ON,
            _ONE,
        ),
        Row(
            "silence in the body",
            "no answer goes on after half of its body",
            at_api(faults.Stall(), timeout=0.2),
            OTHER_REGIONS,
            1,
            (
                "wait=… reason=time-out",
                "{host} did not answer in time (…). Check that port 443 to it is open; …",
            ),
            WHEN_OVER,
            _ONE,
        ),
        Row(
            "slow drip, in passing",
            "one answer comes so slowly that it takes longer than 600 s (here 0.3 s)",
            _dripping(1),
            EVERYTHING,
            0,
            ("wait=… reason=broken off",),
            GOES_ON,
            _ONE,
        ),
        Row(
            "slow drip, for ever",
            "every answer comes so slowly that it takes longer than 600 s (here 0.3 s)",
            _dripping(None),
            OTHER_REGIONS,
            1,
            (
                "wait=… reason=broken off",
                "{host}: The answer did not arrive whole within … s. The next run tries again.",
            ),
            WHEN_OVER,
            _ONE,
        ),
        _lasts(
            "redirect to another host",
            "every request is sent on to a portal",
            faults.redirect("https://portal.example/login"),
            1,
            "{host} redirects to portal.example, which is not followed: the answer would not be Microsoft's. Look for a "
            "proxy, portal or filter in between that asks for a login.",
        ),
        Row(
            "redirect to another of Microsoft's hosts",
            "every request is sent on to the host of another region or cloud",
            _redirected_to_a_sibling,
            OTHER_REGIONS,
            1,
            ("{host} redirects to …, which is not followed: …",),
            WHEN_OVER,
        ),
        _lasts(
            "HTML with 200",
            "a login page in place of the alerts",
            faults.captive_portal(),
            1,
            f"{{no_list}} {_NOT_ALERTS}",
        ),
        _lasts(
            "an error with 200",
            "an error's JSON with status 200",
            faults.ok(b'{"error":{"code":"x"}}'),
            1,
            f"{{no_records}} {_NOT_ALERTS}",
        ),
        _lasts(
            "an empty body with 200",
            "status 200 without a body",
            faults.ok(b""),
            1,
            "wait=… reason=broken off",
            "{host}: The answer is empty. The next run tries again.",
        ),
        Row(
            "duplicate keys",
            "an alert has the key title twice",
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
                        f'exc_l="Server Error" region={{region}} api_host={{host}} a record can\'t be read ({reason}) and is left '
                        "out; it begins with "
                        "…. Other records are not affected. Report this to the developers of the add-on."
                    ),
                ),
                GOES_ON,
                subjects,
            )
            for name, raw, reason, subjects in (
                (
                    "no JSON",
                    b'{"id":"1","FullId":"1:2","Severity":High,"Title":"["}',
                    "Expecting value",
                    EVERY_KIND,
                ),
                # The stand-in can't put alerts into what is no object.
                ("no object", b'"an alert"', "no JSON object", ONE_OF_EACH),
            )
        ),
        Row(
            "one record without identity",
            "one record has null as its id (FullId)",
            _without_identity,
            EVERYTHING,
            0,
            (
                (
                    "region={region} a record has no identity or version time ({identity} is missing); it is indexed with "
                    "the time …"
                ),
            ),
            GOES_ON,
        ),
    ),
)
