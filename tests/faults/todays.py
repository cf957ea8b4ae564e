"""Rows: what only Microsoft's APIs of today can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from defender_alerts.collect import reader
from defender_alerts.collect.poll import Plan
from defender_alerts.microsoft.apis.base import Api
from defender_alerts.microsoft.apis.odata import ODataApi
from faults.polls import Polls
from faults.row import (
    EVERYTHING,
    GOES_ON,
    NOTHING,
    THE_REST,
    WHAT_WAS_READ,
    WHEN_OVER,
    Delivered,
    Group,
    Row,
    Story,
)
from faults.subjects import ENDPOINT_ALERTS, GRAPH_ALERTS, PLAIN_INCIDENTS, SPLIT_INCIDENTS, TODAYS
from standins.microsoft import faults
from standins.microsoft.odata_query import Query
from standins.microsoft.wire import Request
from standins.polling import ChangedSettings

_MANY = 2_500
_FOREIGN_LINK = (
    "{host} returned a link to …, which is not followed: it is no host of this API in the account's cloud, and would get "
    "the token. Look for a proxy in between that changes answers."
)
_NOT_READ = "More records were changed at … than one answer holds, and they can't be read completely: … What arrived is collected, and each run reads them again."
_WITHOUT_ALERTS = "The alerts of … incidents are missing (…): {host} fails when they are requested. The incidents are collected, and each run requests their alerts again. If this persists, add an input of the kind defender_graph_alerts, which collects all alerts, and set alerts to none here."
_ONE_BY_ONE = (
    "region={region} {host} gives its records, and fails when it is asked for what is inside them as well; that is asked "
    "for one by one. (…)"
)
_ENDLESS = "{host} returns an endless chain of links to further pages: …. This time range does not count as collected, and the next run reads it again. If this persists, report it."
_GRAPH, _ENDPOINT = "https://graph.microsoft.com", "https://api.securitycenter.microsoft.com"
_OTHER_ROLES = {
    ENDPOINT_ALERTS: {_ENDPOINT: ("Machine.Read.All",)},
    GRAPH_ALERTS: {_GRAPH: ("User.Read.All",)},
    PLAIN_INCIDENTS: {_GRAPH: ("SecurityAlert.Read.All",)},
    SPLIT_INCIDENTS: {_GRAPH: ("SecurityAlert.Read.All",)},
}


def _answering(**behaviour: Any) -> Callable[[Polls], None]:
    """Microsoft does what it leaves open in another way."""

    def provoke(stage: Polls) -> None:
        stage.shelf.behaviour = replace(stage.shelf.behaviour, **behaviour)

    return provoke


def _short_pages(**behaviour: Any) -> Callable[[Polls], None]:
    return _answering(page_maximum=7, **{"links": "more", **behaviour})


def _in_the_order(order: str) -> Callable[[Polls], None]:
    """Records a second apart: as close as 100 ns they would be asked for one by one."""

    def provoke(stage: Polls) -> None:
        stage.shelf.remove(stage.polled.tenant)
        start = stage.an_hour_ago
        stage.publish(*(stage.subject.record(number, start + number * 10_000_000) for number in range(20)))
        _short_pages(order=order)(stage)

    return provoke


def _crowd(**behaviour: Any) -> Callable[[Polls], None]:
    """All records share one instant, which is fuller than a page."""

    def provoke(stage: Polls) -> None:
        stage.shelf.remove(stage.polled.tenant)
        instant = stage.an_hour_ago
        stage.publish(*(stage.subject.record(number, instant) for number in range(20)))
        _short_pages(**behaviour)(stage)

    return provoke


def _endless(stage: Polls) -> None:
    stage.patch.setattr(reader, "MOST_PAGES", 20)
    _answering(empty_first=5_000)(stage)


def _without_roles(stage: Polls) -> None:
    stage.polled.application.roles = {}


def _with_other_roles(stage: Polls) -> None:
    stage.polled.application.roles = dict(_OTHER_ROLES[stage.subject])


def _with_a_token_for_the_other_api(stage: Polls) -> None:
    def plan(usual: Plan) -> Plan:
        def of_the_other(api: Api) -> Api:
            assert isinstance(api, ODataApi)
            return api._replace(audience=_ENDPOINT if api.audience == _GRAPH else _GRAPH)

        return usual._replace(own=ChangedSettings(usual.own, of_the_other))

    stage.plan = plan


def _many_cut_off(stage: Polls) -> None:
    start = stage.an_hour_ago
    stage.publish(*(stage.subject.record(100 + number, start + 100 + number) for number in range(_MANY)))
    stage.cloud.faults.add(stage.subject.host, faults.CutOff(), times=None)


def _expands_more_than_ten(query: Query) -> bool:
    return query.size > 10


def _expansion_fails(status: int, when: Callable[[Query], bool]) -> Callable[[Polls], None]:
    def provoke(stage: Polls) -> None:
        _answering(expansion_failure=status)(stage)
        stage.shelf.expansion_fails = when

    return provoke


def _expansion_hangs(stage: Polls) -> None:
    def expands_more_than_ten(request: Request) -> bool:
        query = dict(request.query)
        return "$expand" in query and int(query.get("$top", "1")) > 10

    stage.polled.timeout = 0.4
    stage.cloud.faults.add(stage.subject.host, faults.Hang(), times=None, when=expands_more_than_ten)


def _one_is_too_large(status: int) -> Callable[[Polls], None]:
    """One incident can't be expanded."""

    def provoke(stage: Polls) -> None:
        _answering(expansion_failure=status)(stage)
        stage.shelf.too_large.add("7")

    return provoke


def _all_but_alerts(most: int) -> Callable[[Story], bool]:
    def holds(summary: Story) -> bool:
        left_out = set(summary.due) - set(summary.first.raws)
        alerts = [text for text in left_out if '"incidentId"' in text]
        return set(summary.first.raws) < set(summary.due) and len(alerts) == len(left_out) <= most

    return holds


def _denied(name: str, provoked: str, provoke: Callable[[Polls], None], token: str) -> Row[Polls]:
    return Row(
        name,
        provoked,
        provoke,
        NOTHING,
        1,
        (f"{{not_permitted}} It asks for one of …. {token} Microsoft says: … (HTTP 403, …)",),
        WHEN_OVER,
    )


TODAYS_APIS: Group[Polls] = Group(
    "Today's APIs alone",
    (
        _denied(
            "permission not granted",
            "the application has no permission at all",
            _without_roles,
            "The token carries no permissions (roles): an administrator may not have consented to them.",
        ),
        _denied(
            "permission for something else",
            "the application may read other things than these",
            _with_other_roles,
            "The token carries the permissions ….",
        ),
        Row(
            "token for another API",
            "the token's audience is another API's",
            _with_a_token_for_the_other_api,
            NOTHING,
            2,
            ("{unauthorized} Microsoft says: … (HTTP 401, …)",),
            WHEN_OVER,
        ),
        *(
            Row(
                f"no order: {words}",
                f"the records of a full page are {what}",
                _in_the_order(order),
                EVERYTHING,
                0,
                (),
                GOES_ON,
            )
            for order, words, what in (
                ("newest_first", "the newest first", "the newest of the window"),
                ("none", "none at all", "any of the window"),
            )
        ),
        Row(
            "empty pages before the records",
            "three pages without a record come first, each with a nextLink",
            _answering(empty_first=3),
            EVERYTHING,
            0,
            (),
            GOES_ON,
            (GRAPH_ALERTS, PLAIN_INCIDENTS, SPLIT_INCIDENTS),
        ),
        Row(
            "empty pages without end",
            "more than 1,000 pages (here 20) have no record, and each has a nextLink",
            _endless,
            NOTHING,
            1,
            (_ENDLESS,),
            WHEN_OVER,
            (GRAPH_ALERTS,),
        ),
        Row(
            "page shorter than asked for",
            "a page holds 7 records whatever `$top` says, and a nextLink",
            _short_pages(),
            EVERYTHING,
            0,
            (),
            GOES_ON,
        ),
        Row(
            "nextLink to nothing",
            "every page has a nextLink, also the last one",
            _answering(links="always"),
            EVERYTHING,
            0,
            (),
            GOES_ON,
        ),
        Row(
            "instant fuller than a page",
            "20 records share one version time, and a page holds 7",
            _crowd(),
            EVERYTHING,
            0,
            (),
            GOES_ON,
        ),
        Row(
            "nextLink that is refused",
            "the same, and every nextLink is answered 400",
            _crowd(links_break_from=1),
            WHAT_WAS_READ,
            1,
            (_NOT_READ,),
            THE_REST,
        ),
        Row(
            "nextLink to a foreign host",
            "a nextLink leads to a portal",
            _short_pages(link_host="portal.example"),
            NOTHING,
            1,
            (_FOREIGN_LINK,),
            WHEN_OVER,
        ),
        Row(
            "nextLink to another cloud",
            "a nextLink leads to the host of a government cloud",
            _short_pages(link_host="graph.microsoft.us"),
            NOTHING,
            1,
            (_FOREIGN_LINK,),
            WHEN_OVER,
        ),
        Row(
            "large answer cut off, for ever",
            "every answer of thousands of alerts is closed when half of it has come",
            _many_cut_off,
            NOTHING,
            1,
            ("wait=… reason=…", "{host}: The answer was cut off. The next run tries again."),
            WHEN_OVER,
            (ENDPOINT_ALERTS,),
        ),
        *(
            Row(
                f"expanding many incidents: {status}",
                f"more than ten incidents with their alerts are answered {status}",
                _expansion_fails(status, _expands_more_than_ten),
                EVERYTHING,
                0,
                (f"wait=… reason={status}", _ONE_BY_ONE),
                GOES_ON,
                (SPLIT_INCIDENTS,),
            )
            for status in (500, 504)
        ),
        Row(
            "expanding many incidents: silence",
            "a request for more than ten incidents with their alerts is never answered",
            _expansion_hangs,
            EVERYTHING,
            0,
            ("wait=… reason=time-out", _ONE_BY_ONE),
            GOES_ON,
            (SPLIT_INCIDENTS,),
        ),
        *(
            Row(
                f"expanding one incident: {status}",
                f"whatever is asked for together with one incident's alerts is answered {status}",
                _one_is_too_large(status),
                Delivered("everything but the alerts of that one", _all_but_alerts(3)),
                1,
                (f"wait=… reason={status}", _ONE_BY_ONE, _WITHOUT_ALERTS),
                THE_REST,
                (SPLIT_INCIDENTS,),
            )
            for status in (500, 504)
        ),
        Row(
            "expanding any incident",
            "every request for incidents with their alerts is answered 500",
            _expansion_fails(500, lambda _: True),
            Delivered("everything but the alerts", _all_but_alerts(61)),
            1,
            ("wait=… reason=500", _ONE_BY_ONE, _WITHOUT_ALERTS),
            THE_REST,
            (SPLIT_INCIDENTS,),
        ),
    ),
    TODAYS,
)
