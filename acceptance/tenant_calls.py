"""Asks a real tenant, with the add-on's own sign-in, transport and APIs; nothing but GET is ever sent to an API.

What comes is reduced at once to identities and times, which stay in memory: a report holds counts of them.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from defender_alerts.errors import AddonError, ConnectionFailedError, UnexpectedAnswerError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.apis.odata import ODataApi
from defender_alerts.microsoft.json_stream import BrokenRecord
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.tokens import ResourceBearer, Token, TokenSource
from defender_alerts.microsoft.transport.client import Answer, Caller, Callers, Refusal, Request, RetryLimits, Stop
from defender_alerts.microsoft.transport.server_clock import ServerClock
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.times import Window, seconds

DAY = seconds(86_400)
MOST_SAMPLED = 200
"""A sample has fewer records than this: they are read several times over."""
_SPANS = (1, 7, 30, 180)
_HALVINGS = 12
_NEXT_LINK = "@odata.nextLink"
_AADSTS = re.compile(r"AADSTS\d+")
_PATIENCE = RetryLimits(failures=3, throttlings=5)


class RefusedError(AddonError):
    """An API refused a request.

    Args:
        status: of HTTP.
        sentence: the add-on's own; it may hold ids and is for the screen alone.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def reason(error: Exception) -> str:
    """Say what went wrong in words that are safe to send."""
    if isinstance(error, RefusedError):
        return f"HTTP {error.status}"
    code = _AADSTS.search(str(error))
    if code:
        return f"Entra ID refuses: {code.group()}"
    if isinstance(error, ConnectionFailedError):
        return "no whole answer came"
    if isinstance(error, UnexpectedAnswerError):
        return "the answer is not the API's"
    return type(error).__name__


@dataclass(frozen=True)
class Seen:
    """What is kept of one record.

    Attributes:
        incident: the incident that an alert belongs to; empty where it names none.
        is_incomplete: what was asked for inside it is not there.
    """

    identity: str
    time: int
    incident: str = ""
    is_incomplete: bool = False


@dataclass(frozen=True)
class Page:
    """What is kept of one answer.

    Attributes:
        odd: the number of records that have no readable identity or time.
        link: to the next page; empty for none.
    """

    records: tuple[Seen, ...]
    odd: int
    link: str

    @property
    def count(self) -> int:
        """The number of records that came, readable or not."""
        return len(self.records) + self.odd

    @property
    def times(self) -> list[int]:
        """The version times in the order of the answer."""
        return [record.time for record in self.records]


@dataclass(frozen=True)
class Sample:
    """All records of a window.

    Attributes:
        records: oldest first.
    """

    times: Window
    records: tuple[Seen, ...]


@dataclass
class Tenant:
    """A tenant that is asked.

    Args:
        account: an application of it.
        watch: for how many seconds it is watched for what is new.
        tell: shows a line on the screen.
    """

    account: Account
    network: Network
    watch: float
    tell: Callable[[str], None]
    stop: Stop = field(default_factory=threading.Event)
    monotonic: Callable[[], float] = time.monotonic
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("acceptance.tenant"))
    clock: ServerClock = field(init=False)
    opened: dict[str, str] = field(default_factory=dict)
    """By kind of input why its API can't be asked; empty where it can."""
    _callers: dict[str, Caller] = field(default_factory=dict)
    _samples: dict[str, Sample | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make what the calls share."""
        self.clock = ServerClock(lambda: time.time_ns() // 100, self.monotonic)
        self._make = Callers(
            self.network, trust(self.network.ca_pem), self.stop, self.log, _PATIENCE, monotonic=self.monotonic
        )
        cloud = clouds.cloud(self.account.cloud)
        self.source = TokenSource(self.account, cloud, self._caller(cloud.authority_host), self._make)

    @property
    def calls(self) -> int:
        """The number of calls so far."""
        return sum(caller.calls for caller in self._callers.values())

    def api(self, kind: str, region: str = "", **own: str) -> Api | None:
        """The API of a kind of input; None where the cloud does not offer it."""
        offered = clouds.regions("endpoint" if kind == "defender_endpoint_alerts" else "graph", self.account.cloud)
        if kind == "defender_siem_alerts":
            offered = clouds.regions("siem", self.account.cloud)
        region = region or "global"
        if region not in offered:
            return None
        settings = KINDS[kind].read("acceptance", {"region": region, "regions": region, **own})
        return settings.in_region(region, self.account.cloud)

    def token(self, api: Api, audience: str = "") -> Token:
        """A token for an API, or for another audience.

        Raises:
            AddonError: Entra ID gives none.
        """
        return self.source.acquire(audience or api.audience, api.errors.resource_hint)

    def read(self, api: Api, request: Request, audience: str = "") -> Page:
        """Send a request and keep of its answer what the checks compare.

        Args:
            api: that is asked.
            request: a GET.
            audience: of the token instead of the API's own.

        Raises:
            RefusedError: the API refuses it.
            AddonError: it could not be asked.
        """
        bearer = ResourceBearer(self.source, audience or api.audience, api.errors.resource_hint)

        def explain(refusal: Refusal) -> AddonError:
            sentence = str(api.errors.explain(refusal, bearer.roles))
            return RefusedError(refusal.status, sentence)

        return self._caller(api.host, api).call(request, lambda answer: _page(api, answer), explain, bearer)

    def _caller(self, host: str, api: Api | None = None) -> Caller:
        if host not in self._callers:
            self._callers[host] = self._make(host, api.limits if api else (), self.clock)
        return self._callers[host]

    def sample(self, kind: str, *, afresh: bool = False) -> Sample | None:
        """All records of a window that holds some, but not many; None where no window is known to be whole.

        Raises:
            AddonError: the API refuses, or could not be asked.
        """
        api = self.api(kind)
        if api is None:
            return None
        known = self._samples.get(kind)
        if known is not None and afresh:
            self._samples[kind] = self._whole(api, known.times)
        elif kind not in self._samples:
            self._samples[kind] = self._search(api)
        return self._samples[kind]

    def _search(self, api: Api) -> Sample | None:
        now = self.clock.now()
        best: Sample | None = None
        width = 0
        for days in _SPANS:
            found = self._whole(api, Window(now - days * DAY, now))
            if found is None:
                width = days * DAY
                break
            best = found
        halvings = 0
        while width and (best is None or _span(best) == 0) and halvings < _HALVINGS:
            width, halvings = width // 2, halvings + 1
            found = self._whole(api, Window(now - width, now))
            best = found or best
            if found is not None and _span(found) == 0:
                break
        return best

    def _whole(self, api: Api, times: Window) -> Sample | None:
        page = self.read(api, small(api, times))
        if isinstance(api, ODataApi) and (page.link or page.count >= min(MOST_SAMPLED, api.most_records)):
            return None
        return Sample(times, tuple(sorted(page.records, key=lambda record: (record.time, record.identity))))


def _span(sample: Sample) -> int:
    return sample.records[-1].time - sample.records[0].time if sample.records else 0


def small(api: Api, times: Window, top: int = MOST_SAMPLED, skip: int = 0, **more: str) -> Request:
    """The add-on's own request for a window, with another ``$top``, without what it expands.

    Args:
        api: whose request it is.
        times: of its records.
        top: the value of ``$top``.
        skip: the value of ``$skip``.
        more: further options of OData without their dollar, such as ``orderby``.
    """
    changes = {"$top": str(min(top, api.most_records))}
    return changed(api.request(Query(times, skip)), changes, ("$expand",), {f"${name}": v for name, v in more.items()})


def changed(
    request: Request, changes: Mapping[str, str], without: tuple[str, ...] = (), more: Mapping[str, str] | None = None
) -> Request:
    """A request with other parameters."""
    params = tuple((name, changes.get(name, value)) for name, value in request.params if name not in without)
    params += tuple((more or {}).items())
    return Request(request.method, request.url, params, headers=request.headers, accepts=request.accepts)


def _page(api: Api, answer: Answer) -> Page:
    records: list[Seen] = []
    odd = 0
    around: dict[str, object] = {}
    if answer.status != HTTPStatus.NO_CONTENT:
        for element in api.cut(answer.pieces(), around):
            if isinstance(element, BrokenRecord) or not isinstance(element.value, Mapping):
                odd += 1
                continue
            try:
                identity, moment = api.identify(element.value)
            except ValueError:
                odd += 1
                continue
            incomplete = api.expansion is not None and api.expansion.is_incomplete(element.value)
            records.append(Seen(identity, moment, str(element.value.get("incidentId") or ""), incomplete))
    link = around.get(_NEXT_LINK)
    return Page(tuple(records), odd, link if isinstance(link, str) else "")
