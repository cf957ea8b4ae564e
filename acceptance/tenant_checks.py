"""The table of questions to a real tenant.

Each answer is made of counts, spans of time and names out of this code: no text of an answer of Microsoft's is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from defender_alerts.errors import AddonError, AuthenticationError, ConfigurationError, UnknownHostError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import DIRECT, FEDERATED, MANAGED_IDENTITY
from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.apis.odata import ODataApi
from defender_alerts.microsoft.apis.siem_alerts import RESOURCES
from defender_alerts.settings import DEFAULT_OVERLAP
from defender_alerts.times import TICKS_PER_SECOND, Window, seconds

from acceptance.checks import Answer, Check, Verdict
from acceptance.tenant_calls import DAY, Page, RefusedError, Sample, Seen, Tenant, changed, reason, small

GRAPH, INCIDENTS = "defender_graph_alerts", "defender_incidents"
ENDPOINT, SIEM = "defender_endpoint_alerts", "defender_siem_alerts"
_SECOND, _MILLISECOND = TICKS_PER_SECOND, TICKS_PER_SECOND // 1_000
_ROUNDS = 3
"""So often a question is asked again where records have moved meanwhile."""
_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_BETWEEN_LOOKS = 15.0
_WATCHED = seconds(3_600)
_AUDIENCES_OF_XDR = ("https://api.security.microsoft.com", "https://graph.microsoft.com")


@dataclass(frozen=True)
class Question:
    """A check, and how it is asked."""

    check: Check
    ask: Callable[[Tenant, Check], Answer]


@dataclass(frozen=True)
class _Collection:
    """One of today's APIs: the beginning of its checks' names, and what it is called."""

    kind: str
    name: str
    title: str


COLLECTIONS = (
    _Collection(GRAPH, "graph-alerts", "Microsoft Graph's alerts"),
    _Collection(INCIDENTS, "incidents", "Microsoft Graph's incidents"),
    _Collection(ENDPOINT, "endpoint-alerts", "Defender for Endpoint's alerts"),
)


def _not_asked(check: Check, why: str) -> Answer:
    return Answer(check, Verdict.NOT_ASKED, why)


def _not_seen(check: Check, why: str) -> Answer:
    return Answer(check, Verdict.NOT_SEEN, why)


def _refused(check: Check, error: RefusedError, what: str) -> Answer:
    """No, where the API refuses what it is asked.

    Raises:
        RefusedError: it refuses everybody at the moment, which says nothing.
    """
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status in _LATER:
        raise error
    return Answer(check, Verdict.NO, f"{what} HTTP {error.status}.")


def _either(check: Check, yes: bool, seen: str) -> Answer:  # noqa: FBT001 - the verdict itself
    return Answer(check, Verdict.YES if yes else Verdict.NO, seen)


def opens(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether an API answers an application that has the documented permission; what is asked of it depends on it."""
    api = tenant.api(kind)
    if api is None:
        tenant.opened[kind] = "This cloud does not offer the API."
        return _not_asked(check, tenant.opened[kind])
    wanted = KINDS[kind].access.roles
    try:
        roles = tenant.token(api).roles
    except AddonError as error:
        tenant.tell(str(error))
        tenant.opened[kind] = f"There is no token for it: {reason(error)}."
        return _not_asked(check, tenant.opened[kind])
    has = [role for role in wanted if role in roles]
    try:
        page = tenant.read(api, small(api, Window(tenant.clock.now() - 180 * DAY, tenant.clock.now()), top=1))
    except RefusedError as error:
        tenant.tell(str(error))
        tenant.opened[kind] = f"It refuses: {reason(error)}."
        named = f"with {' and '.join(has)}" if has else f"with none of {', '.join(wanted)}"
        said = _refused(check, error, f"To a token {named}:")
        return said if has else _not_asked(check, said.seen)
    tenant.opened[kind] = ""
    with_roles = ", ".join(has) or "none of the documented permissions"
    return Answer(check, Verdict.YES, f"{page.count} record with $top=1; in the token: {with_roles}.")


def readable(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether each record has what a version is known by."""
    sample = tenant.sample(kind)
    api = tenant.api(kind)
    if sample is None or api is None:
        return _not_seen(check, "No window was found that holds some records, but not many.")
    page = tenant.read(api, small(api, sample.times))
    if not page.count:
        return _not_seen(check, "There is no record.")
    return _either(check, not page.odd, f"{page.count} records read, {page.odd} without.")


def orderby(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether ``$orderby`` gives the oldest of a window first, and the newest first."""
    api = tenant.api(kind)
    for sample in _samples(kind, tenant):
        times = [record.time for record in sample.records]
        if not isinstance(api, ODataApi) or len(set(times)) < 2:  # noqa: PLR2004 - two can be in the wrong order
            return _not_seen(check, f"{len(times)} records in the window: too few to be in an order.")
        half = max(1, len(times) // 2)
        wrong: list[str] = []
        for direction, expected in (("asc", times[:half]), ("desc", times[::-1][:half])):
            wanted = f"{api.collection.updated} {direction}"
            try:
                page = tenant.read(api, small(api, sample.times, top=half, orderby=wanted))
            except RefusedError as error:
                return _refused(check, error, "Refused with")
            if page.times != expected:
                right = sum(one == other for one, other in zip(page.times, expected, strict=False))
                wrong.append(f"{direction}: {right} of {half} records in their place")
        if not wrong:
            return Answer(check, Verdict.YES, f"The oldest {half} of {len(times)} records, and the newest {half}.")
        if _stands(tenant, kind, sample):
            return Answer(check, Verdict.NO, "; ".join(wrong) + ".")
    return _moving(check)


def lower_bound(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether a record of the time of the lower bound is in the answer."""
    api = tenant.api(kind)
    for sample in _samples(kind, tenant):
        record = _finest(sample)
        if record is None or api is None:
            return _not_seen(check, "There is no record.")
        digits = f"a time with {_digits(record.time)} fraction digits"
        if _holds(tenant, api, Window(record.time, record.time + max(1, _width(api))), record):
            return Answer(check, Verdict.YES, f"Asked from {digits}: the record of that time is there.")
        if _stands(tenant, kind, sample):
            wider = [
                name
                for name, unit in (("a millisecond", _MILLISECOND), ("a second", _SECOND))
                if _holds(tenant, api, Window(record.time - record.time % unit, record.time + 2 * unit), record)
            ]
            found = f"asked from {wider[0]} before, it is" if wider else "nor where asked from a second before"
            return Answer(check, Verdict.NO, f"Asked from {digits}: the record of that time is not there; {found}.")
    return _moving(check)


def upper_bound(kind: str, tenant: Tenant, check: Check, *, expected: bool) -> Answer:
    """Whether a record of the time of the upper bound is in the answer, or is not where that is expected."""
    api = tenant.api(kind)
    for sample in _samples(kind, tenant):
        record = _finest(sample)
        if record is None or api is None:
            return _not_seen(check, "There is no record.")
        there = _holds(tenant, api, Window(record.time - _SECOND, record.time), record)
        where = "there" if there else "not there"
        if there or _stands(tenant, kind, sample):
            seen = (
                f"Asked up to a time with {_digits(record.time)} fraction digits: the record of that time is {where}."
            )
            return _either(check, there is expected, seen)
    return _moving(check)


def pages(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether the pages of a window hold each of its records once, read as the add-on reads an over-full instant."""
    api = tenant.api(kind)
    for sample in _samples(kind, tenant):
        if not isinstance(api, ODataApi) or len(sample.records) < 2:  # noqa: PLR2004 - two fill two pages
            return _not_seen(check, f"{len(sample.records)} records in the window: too few for two pages.")
        size = max(1, (len(sample.records) + 2) // 3)
        try:
            read, links, skips = _all_pages(tenant, api, sample, size)
        except RefusedError as error:
            return _refused(check, error, f"A further page of {size} records is refused with")
        expected = [record.identity for record in sample.records]
        how = f"{links} pages by @odata.nextLink, {skips} by $skip"
        if sorted(read) == sorted(expected):
            return Answer(check, Verdict.YES, f"{len(read)} records, {size} a page: {how}.")
        if _stands(tenant, kind, sample):
            missing, twice = len(set(expected) - set(read)), len(read) - len(set(read))
            return Answer(check, Verdict.NO, f"Of {len(expected)} records {missing} are missing, {twice} more; {how}.")
    return _moving(check)


def _all_pages(tenant: Tenant, api: ODataApi, sample: Sample, size: int) -> tuple[list[str], int, int]:
    page = tenant.read(api, small(api, sample.times, top=size))
    read = [record.identity for record in page.records]
    links = skips = 0
    while len(read) <= 2 * len(sample.records) and links + skips < 2 * len(sample.records) + 2:
        if page.link:
            links += 1
            page = tenant.read(api, api.follow(page.link))
        elif page.count >= size and not links:
            skips += 1
            page = tenant.read(api, small(api, sample.times, top=size, skip=len(read)))
        else:
            break
        read += [record.identity for record in page.records]
    return read, links, skips


def page_size(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether a page holds as many records as the add-on asks for, since only a full one counts as cut short."""
    api = tenant.api(kind)
    if not isinstance(api, ODataApi):
        return _not_asked(check, "The API has no pages.")
    now = tenant.clock.now()
    window, most = Window(now - 180 * DAY, now), api.most_records
    try:
        page = tenant.read(api, small(api, window, top=most))
    except RefusedError as error:
        return _refused(check, error, f"$top={most} is refused with")
    if page.count >= most:
        return _either(check, page.count == most, f"$top={most} gives {page.count} records.")
    behind = tenant.read(api, api.follow(page.link)) if page.link else None
    if behind is None and 0 < page.count <= api.collection.most_skip:
        behind = tenant.read(api, small(api, window, top=1, skip=page.count))
    if behind is not None and behind.count:
        return Answer(check, Verdict.NO, f"$top={most} gives {page.count} records, and more follow on a next page.")
    return _not_seen(check, f"There are {page.count} records in 180 days; {most} would fill a page.")


def most_skip(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether as many records may be skipped as the add-on relies on."""
    api = tenant.api(kind)
    if not isinstance(api, ODataApi):
        return _not_asked(check, "The API has no pages.")
    now, most = tenant.clock.now(), api.collection.most_skip
    try:
        tenant.read(api, small(api, Window(now - DAY, now), top=1, skip=most))
    except RefusedError as error:
        return _refused(check, error, f"$skip={most} is refused with")
    return Answer(check, Verdict.YES, f"$skip={most} is answered.")


def expanded(tenant: Tenant, check: Check) -> Answer:
    """Whether a page of incidents comes with the alerts in them."""
    api = tenant.api(INCIDENTS, alerts="inside")
    if api is None:
        return _not_asked(check, "This cloud does not offer the API.")
    now = tenant.clock.now()
    try:
        page = tenant.read(api, changed(api.request(Query(Window(now - 30 * DAY, now))), {}))
    except RefusedError as error:
        return Answer(check, Verdict.NO, f"$expand=alerts is refused with HTTP {error.status}.")
    without = sum(record.is_incomplete for record in page.records)
    if not page.records:
        return _not_seen(check, "There is no incident in 30 days.")
    return _either(check, not without, f"{page.count} incidents, {without} without their alerts.")


def by_id(tenant: Tenant, check: Check) -> Answer:
    """Whether one incident can be asked for by its id, with the alerts in it."""
    api = tenant.api(INCIDENTS, alerts="inside")
    sample = tenant.sample(INCIDENTS)
    if api is None or api.expansion is None or sample is None or not sample.records:
        return _not_seen(check, "There is no incident.")
    record = sample.records[-1]
    single = api.expansion.single(record.identity)
    try:
        page = tenant.read(single, single.request(Query(sample.times)))
    except RefusedError as error:
        return _refused(check, error, "Refused with")
    same = [one for one in page.records if one.identity == record.identity]
    if not same:
        return Answer(check, Verdict.NO, f"{page.count} records came, none of them the incident.")
    without = same[0].is_incomplete
    return _either(check, not without, "It came, without its alerts." if without else "It came, with its alerts.")


def incident_permission(tenant: Tenant, check: Check) -> Answer:
    """Whether the permission for incidents alone opens alerts."""
    api = tenant.api(GRAPH)
    if api is None:
        return _not_asked(check, "This cloud does not offer the API.")
    try:
        roles = tenant.token(api).roles
    except AddonError as error:
        return _not_asked(check, f"There is no token: {reason(error)}.")
    of_incidents, of_alerts = (
        [role for role in KINDS[kind].access.roles if role in roles] for kind in (INCIDENTS, GRAPH)
    )
    if of_alerts or not of_incidents:
        has = ", ".join((*of_alerts, *of_incidents)) or "neither"
        return _not_asked(check, f"It takes an application with SecurityIncident.Read.All alone; this one has: {has}.")
    try:
        page = tenant.read(api, small(api, Window(tenant.clock.now() - DAY, tenant.clock.now()), top=1))
    except RefusedError as error:
        return _refused(check, error, f"With {of_incidents[0]} alone:")
    return Answer(check, Verdict.YES, f"With {of_incidents[0]} alone: answered, {page.count} record.")


def identity(mode: str, tenant: Tenant, check: Check) -> Answer:
    """Whether a managed identity opens Graph's alerts, for an application or with permissions of its own."""
    api, account = tenant.api(GRAPH), tenant.account
    if api is None or account.auth_type != MANAGED_IDENTITY or account.identity_mode != mode:
        return _not_asked(
            check, f"It takes --managed-identity {'with' if mode == FEDERATED else 'without'} --client-id."
        )
    try:
        roles = tenant.token(api).roles
        page = tenant.read(api, small(api, Window(tenant.clock.now() - DAY, tenant.clock.now()), top=1))
    except RefusedError as error:
        return _refused(check, error, "There is a token;")
    except AuthenticationError as error:
        return Answer(check, Verdict.NO, f"There is no token: {reason(error)}.")
    has = [role for role in KINDS[GRAPH].access.roles if role in roles]
    return Answer(check, Verdict.YES, f"Answered, {page.count} record; in the token: {', '.join(has) or 'no role'}.")


def xdr(tenant: Tenant, check: Check) -> Answer:
    """Which token ``api.security.microsoft.com`` wants, and whether it shows what the older host shows."""
    api = tenant.api(ENDPOINT, "xdr")
    if api is None:
        return _not_asked(check, "This cloud does not offer the host.")
    sample = tenant.sample(ENDPOINT)
    now = tenant.clock.now()
    request = small(api, sample.times if sample else Window(now - DAY, now))
    tried: list[str] = []
    for audience in (api.audience, *_AUDIENCES_OF_XDR):
        try:
            page = tenant.read(api, request, audience)
        except (RefusedError, AuthenticationError, ConfigurationError) as error:
            if isinstance(error, RefusedError):
                _refused(check, error, "")
            tried.append(f"a token for {audience}: {reason(error)}")
            continue
        tried.append(f"a token for {audience}: answered")
        if audience != api.audience:
            return Answer(check, Verdict.NO, "; ".join(tried) + ".")
        same = sample is None or {one.identity for one in page.records} == {one.identity for one in sample.records}
        if same or not _stands(tenant, ENDPOINT, sample):
            return Answer(check, Verdict.YES, f"{tried[0]}, {page.count} records.")
        tried.append(f"{page.count} records, where the older host shows {len(sample.records) if sample else 0}")
        return Answer(check, Verdict.NO, "; ".join(tried) + ".")
    return Answer(check, Verdict.NO, "; ".join(tried) + ".")


def siem(tenant: Tenant, check: Check) -> Answer:
    """Whether the SIEM API still answers, in any region, with a token for either resource."""
    tried: list[str] = []
    verdicts: set[Verdict] = set()
    for region, api in _siem_apis(tenant):
        verdict, came = _siem_in(tenant, check, api)
        verdicts.add(verdict)
        tried.append(f"{region} ({_resource(api)}): {came}")
    order = (Verdict.YES, Verdict.UNANSWERED, Verdict.NO)
    verdict = next((one for one in order if one in verdicts), Verdict.NOT_ASKED)
    return Answer(check, verdict, "; ".join(tried) or "This cloud does not offer the API")


def _siem_in(tenant: Tenant, check: Check, api: Api) -> tuple[Verdict, str]:
    try:
        tenant.token(api)
    except AddonError as error:
        return Verdict.NOT_ASKED, reason(error)
    now = tenant.clock.now()
    try:
        tenant.read(api, api.request(Query(Window(now - DAY, now))))
    except UnknownHostError:
        return Verdict.NO, "there is no such host"
    except RefusedError as error:
        try:
            return _refused(check, error, "").verdict, reason(error)
        except RefusedError:
            return Verdict.UNANSWERED, reason(error)
    except AddonError as error:
        return Verdict.UNANSWERED, reason(error)
    return Verdict.YES, "answered"


def siem_bound(tenant: Tenant, check: Check, *, upper: bool) -> Answer:
    """Whether a detection of the time of a bound of the SIEM API is in the answer."""
    for _, api in _siem_apis(tenant):
        try:
            found = _some_detection(tenant, api)
        except AddonError:
            continue
        if found is None:
            continue
        window = Window(found.time - _SECOND, found.time) if upper else Window(found.time, found.time + _SECOND)
        there = _holds(tenant, api, window, found)
        seen = f"Asked {'up to' if upper else 'from'} a time with {_digits(found.time)} fraction digits: the detection "
        return _either(check, there, f"{seen}of that time is {'there' if there else 'not there'}.")
    return _not_seen(check, "No region has given a detection.")


def _some_detection(tenant: Tenant, api: Api) -> Seen | None:
    for days in (1, 30):
        now = tenant.clock.now()
        page = tenant.read(api, api.request(Query(Window(now - days * DAY, now))))
        if page.records:
            return max(page.records, key=lambda record: (_digits(record.time), -record.time))
    return None


def _siem_apis(tenant: Tenant) -> Iterator[tuple[str, Api]]:
    for region in clouds.regions("siem", tenant.account.cloud):
        for resource in RESOURCES:
            api = tenant.api(SIEM, region, resource=resource)
            if api is not None:
                yield region, api


def _resource(api: Api) -> str:
    return api.audience.removeprefix("https://")


class Watch:
    """Looks again and again at what is new; each answer about delays and moves comes out of one watch."""

    def __init__(self) -> None:
        self._delays: dict[str, list[tuple[int, int]]] | None = None
        self._moves: list[bool] = []
        """Of each alert that came to another incident: whether its update time is another one as well."""
        self._newest: dict[str, float] = {}
        """By kind how many seconds old the newest update was at the first look."""
        self._failed: dict[str, str] = {}

    def delay(self, kind: str, tenant: Tenant, check: Check) -> Answer:
        """Whether records appear within the overlap after their update time."""
        found = self._watched(tenant).get(kind, [])
        if kind in self._failed:
            return Answer(check, Verdict.UNANSWERED, f"{self._failed[kind]}.")
        if not found:
            age = f" The newest update is {self._newest[kind]:.0f} s old." if kind in self._newest else ""
            return _not_seen(check, f"Nothing was updated while the tenant was watched, {tenant.watch:.0f} s.{age}")
        least, most = (max(bounds) / TICKS_PER_SECOND for bounds in zip(*found, strict=True))
        late = sum(least > seconds(DEFAULT_OVERLAP) for least, _ in found)
        seen = f"Updates seen: {len(found)}. The slowest took between {max(0.0, least):.0f} and {most:.0f} s"
        return _either(check, not late, f"{seen}; more than {DEFAULT_OVERLAP} s: {late}.")

    def moved(self, tenant: Tenant, check: Check) -> Answer:
        """Whether an alert that comes to another incident gets a new update time."""
        self._watched(tenant)
        if GRAPH in self._failed:
            return Answer(check, Verdict.UNANSWERED, f"{self._failed[GRAPH]}.")
        if not self._moves:
            return _not_seen(
                check,
                "No alert came to another incident meanwhile. Move one in the Defender portal while the tenant is "
                "watched (--watch 10 watches it for ten minutes).",
            )
        seen = f"Alerts moved: {len(self._moves)}; with a new update time: {sum(self._moves)}."
        return _either(check, all(self._moves), seen)

    def _watched(self, tenant: Tenant) -> dict[str, list[tuple[int, int]]]:
        if self._delays is None:
            self._delays = {one.kind: [] for one in COLLECTIONS}
            self._look(tenant, self._delays)
        return self._delays

    def _look(self, tenant: Tenant, delays: dict[str, list[tuple[int, int]]]) -> None:
        apis = {one.kind: tenant.api(one.kind) for one in COLLECTIONS if tenant.opened.get(one.kind) == ""}
        began = tenant.monotonic()
        before = tenant.clock.now()
        known = {kind: self._recent(tenant, kind, api, before) for kind, api in apis.items() if api}
        self._newest = {
            kind: (before - max(updated for _, updated in versions)) / TICKS_PER_SECOND
            for kind, versions in known.items()
            if versions
        }
        members = self._members(tenant, apis.get(GRAPH))
        tenant.tell(
            f"Watching the tenant for {tenant.watch:.0f} s. To have it seen what a move does, move an alert to another "
            "incident in the Defender portal now."
        )
        while tenant.monotonic() - began < tenant.watch and not tenant.stop.wait(_BETWEEN_LOOKS):
            now = tenant.clock.now()
            for kind, api in apis.items():
                if api is None or kind in self._failed:
                    continue
                new = self._recent(tenant, kind, api, now) - known[kind]
                known[kind] |= new
                # It had not appeared at the look before, and has at this one.
                delays[kind] += [(before - updated, max(0, now - updated)) for _, updated in new]
            before = now
        after = self._members(tenant, apis.get(GRAPH))
        self._moves = [
            after[identity].time != was.time
            for identity, was in members.items()
            if identity in after and after[identity].incident != was.incident
        ]

    def _recent(self, tenant: Tenant, kind: str, api: Api, now: int) -> set[tuple[str, int]]:
        """The versions of the last hour."""
        try:
            page = tenant.read(api, small(api, Window(now - _WATCHED, now + _SECOND), top=api.most_records))
        except AddonError as error:
            self._failed[kind] = f"It could not be watched: {reason(error)}"
            return set()
        return {(record.identity, record.time) for record in page.records}

    def _members(self, tenant: Tenant, api: Api | None) -> dict[str, Seen]:
        """The newest alerts with the incident of each."""
        if api is None or GRAPH in self._failed:
            return {}
        now = tenant.clock.now()
        try:
            page: Page = tenant.read(api, small(api, Window(now - 30 * DAY, now + _SECOND), top=api.most_records))
        except AddonError as error:
            self._failed[GRAPH] = f"It could not be watched: {reason(error)}"
            return {}
        return {record.identity: record for record in page.records}


def _samples(kind: str, tenant: Tenant) -> Iterator[Sample]:
    """The sample of a kind, and that of later looks."""
    for again in range(_ROUNDS):
        sample = tenant.sample(kind, afresh=bool(again))
        if sample is None:
            now = tenant.clock.now()
            yield Sample(Window(now, now), ())
            return
        yield sample


def _stands(tenant: Tenant, kind: str, sample: Sample | None) -> bool:
    """Whether the records of a sample are still those of its window."""
    return sample == tenant.sample(kind, afresh=True)


def _moving(check: Check) -> Answer:
    return Answer(check, Verdict.UNANSWERED, "Records were updated meanwhile, each time it was asked.")


def _finest(sample: Sample) -> Seen | None:
    """The oldest of the records whose times have the most fraction digits."""
    return max(sample.records, key=lambda record: (_digits(record.time), -record.time), default=None)


def _digits(moment: int) -> int:
    return len(f"{moment % _SECOND:07d}".rstrip("0"))


def _width(api: Api) -> int:
    return 1 if isinstance(api, ODataApi) else _SECOND


def _holds(tenant: Tenant, api: Api, window: Window, record: Seen) -> bool:
    page = tenant.read(api, small(api, window))
    return any((one.identity, one.time) == (record.identity, record.time) for one in page.records)


def _of(one: _Collection, name: str, question: str, how: str, *settles: str, informs: bool = False) -> Check:
    return Check(f"{one.name}-{name}", question.format(one.title), how, settles, informs)


def _table() -> Iterator[Question]:
    for one in COLLECTIONS:
        yield Question(
            _of(one, "open", "Does the documented permission open {}?", "One record of 180 days is asked for."),
            partial(opens, one.kind),
        )
    yield Question(
        Check(
            "graph-alerts-by-incident-permission",
            "Does SecurityIncident.Read.All alone open alerts_v2?",
            "One alert is asked for, where the token has that permission and none for alerts.",
            ("M2",),
        ),
        incident_permission,
    )
    yield Question(
        Check(
            "identity-vouches",
            "Does Entra ID take the token of this machine's managed identity for an application?",
            "One alert is asked for, with --managed-identity and --client-id.",
            ("M12", "M13"),
        ),
        partial(identity, FEDERATED),
    )
    yield Question(
        Check(
            "identity-opens",
            "Do Graph's security APIs take a managed identity with permissions of its own?",
            "One alert is asked for, with --managed-identity alone.",
            ("M12", "M14"),
        ),
        partial(identity, DIRECT),
    )
    for one in COLLECTIONS:
        yield from _about(one)
    yield Question(
        Check(
            "graph-alerts-skip",
            "May as many of Microsoft Graph's alerts be skipped as the add-on relies on?",
            "One record behind $skip=500.",
            ("M9",),
        ),
        partial(_where_open, GRAPH, partial(most_skip, GRAPH)),
    )
    yield Question(
        Check(
            "incidents-expanded",
            "Does a page of incidents come with the alerts in them?",
            "The incidents of 30 days, 50 at most, with $expand=alerts.",
            ("M11",),
        ),
        partial(_where_open, INCIDENTS, expanded),
    )
    yield Question(
        Check(
            "incident-by-id",
            "Can one incident be asked for by its id, with the alerts in it?",
            "The newest incident, with $expand=alerts.",
            ("M11",),
        ),
        partial(_where_open, INCIDENTS, by_id),
    )
    yield Question(
        Check(
            "xdr-audience",
            "Does api.security.microsoft.com answer /api/alerts to a token for the older hosts' resource, and show "
            "what these show?",
            "The same window is asked for there; refused, with tokens for two other resources.",
            ("M1",),
        ),
        partial(_where_open, ENDPOINT, xdr),
    )
    yield Question(
        Check(
            "siem-answers",
            "Does the SIEM API still answer?",
            "One day is asked for in each region, with a token for each of the two resources.",
            ("M8",),
            informs=True,
        ),
        siem,
    )
    for upper in (False, True):
        yield Question(
            Check(
                f"siem-{'upper' if upper else 'lower'}-bound",
                f"Is a detection of exactly the {'upper' if upper else 'lower'} bound in an answer of the SIEM API?",
                "A window of a second that begins or ends at a detection's time.",
                ("M6",),
                informs=True,
            ),
            partial(siem_bound, upper=upper),
        )
    watch = Watch()
    for one in COLLECTIONS:
        yield Question(
            _of(
                one,
                "delay",
                f"Do updates of {{}} appear within {DEFAULT_OVERLAP} s?",
                "The last hour is read every 15 s while the tenant is watched.",
                "M10",
            ),
            partial(_where_open, one.kind, partial(watch.delay, one.kind)),
        )
    yield Question(
        Check(
            "moved-alert-update-time",
            "Does an alert that is moved to another incident get a new update time?",
            "The newest alerts before and after the tenant was watched: which belong to another incident now?",
            ("M7",),
        ),
        partial(_where_open, GRAPH, watch.moved),
    )


def _about(one: _Collection) -> Iterator[Question]:
    yield Question(
        _of(one, "identified", "Has each record of {} an id and an update time?", "The records of the sample."),
        partial(_where_open, one.kind, partial(readable, one.kind)),
    )
    yield Question(
        _of(
            one,
            "orderby",
            "Is $orderby honoured for {}? The add-on does not use it.",
            "The older half of a window in ascending order, and the newer half in descending order.",
            "M5",
            informs=True,
        ),
        partial(_where_open, one.kind, partial(orderby, one.kind)),
    )
    yield Question(
        _of(
            one,
            "lower-bound",
            "Is a record of exactly the lower bound in an answer of {}?",
            "A window of 100 ns that begins at a record's time.",
            "M6",
        ),
        partial(_where_open, one.kind, partial(lower_bound, one.kind)),
    )
    yield Question(
        _of(
            one,
            "upper-bound",
            "Is a record of exactly the upper bound left out of an answer of {}?",
            "A window of a second that ends at a record's time.",
            "M6",
        ),
        partial(_where_open, one.kind, partial(upper_bound, one.kind, expected=False)),
    )
    yield Question(
        _of(
            one,
            "pages",
            "Do pages of {} hold each record of a window once?",
            "A window is read in three pages, by @odata.nextLink or $skip.",
            "M9",
        ),
        partial(_where_open, one.kind, partial(pages, one.kind)),
    )
    yield Question(
        _of(
            one,
            "page-size",
            "Does a page of {} hold as many records as the add-on asks for?",
            "The records of 180 days, with the add-on's $top.",
            "M9",
        ),
        partial(_where_open, one.kind, partial(page_size, one.kind)),
    )


def _where_open(kind: str, ask: Callable[[Tenant, Check], Answer], tenant: Tenant, check: Check) -> Answer:
    """Ask where the API answers at all."""
    if kind not in tenant.opened:
        opens(kind, tenant, check)
    why = tenant.opened[kind]
    return _not_asked(check, why) if why else ask(tenant, check)


def table() -> tuple[Question, ...]:
    """The questions in their order, for one run."""
    return tuple(_table())


CHECKS = tuple(question.check for question in table())
