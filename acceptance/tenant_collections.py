"""What is asked of each of today's APIs alike: Graph's alerts and incidents, Defender for Endpoint's alerts."""

from __future__ import annotations

from collections.abc import Iterator

from defender_alerts.errors import AddonError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.apis.base import Api
from defender_alerts.microsoft.apis.odata import ODataApi
from defender_alerts.times import TICKS_PER_SECOND, Window

from acceptance.checks import Answer, Check, Verdict
from acceptance.tenant_answers import digits, either, finest, holds, not_asked, not_seen, refused
from acceptance.tenant_calls import DAY, RefusedError, Sample, Tenant, reason, small

_SECOND, _MILLISECOND = TICKS_PER_SECOND, TICKS_PER_SECOND // 1_000
_ROUNDS = 3
"""So often a question is asked again where records have moved meanwhile."""


def opens(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether an API answers an application that has the documented permission; what is asked of it depends on it."""
    api = tenant.api(kind)
    if api is None:
        tenant.opened[kind] = "This cloud does not offer the API."
        return not_asked(check, tenant.opened[kind])
    wanted = KINDS[kind].access.roles
    try:
        roles = tenant.token(api).roles
    except AddonError as error:
        tenant.tell(str(error))
        tenant.opened[kind] = f"There is no token for it: {reason(error)}."
        return not_asked(check, tenant.opened[kind])
    has = [role for role in wanted if role in roles]
    try:
        page = tenant.read(api, small(api, Window(tenant.clock.now() - 180 * DAY, tenant.clock.now()), top=1))
    except RefusedError as error:
        tenant.tell(str(error))
        tenant.opened[kind] = f"It refuses: {reason(error)}."
        named = f"with {' and '.join(has)}" if has else f"with none of {', '.join(wanted)}"
        said = refused(check, error, f"To a token {named}:")
        return said if has else not_asked(check, said.seen)
    tenant.opened[kind] = ""
    with_roles = ", ".join(has) or "none of the documented permissions"
    return Answer(check, Verdict.YES, f"{page.count} record with $top=1; in the token: {with_roles}.")


def readable(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether each record has what a version is known by."""
    sample = tenant.sample(kind)
    api = tenant.api(kind)
    if sample is None or api is None:
        return not_seen(check, "No window was found that holds some records, but not many.")
    page = tenant.read(api, small(api, sample.times))
    if not page.count:
        return not_seen(check, "There is no record.")
    return either(check, not page.odd, f"{page.count} records read, {page.odd} without.")


def orderby(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether ``$orderby`` gives the oldest of a window first, and the newest first."""
    api = tenant.api(kind)
    for sample in _samples(kind, tenant):
        times = [record.time for record in sample.records]
        if not isinstance(api, ODataApi) or len(set(times)) < 2:  # noqa: PLR2004 - two can be in the wrong order
            return not_seen(check, f"{len(times)} records in the window: too few to be in an order.")
        half = max(1, len(times) // 2)
        wrong: list[str] = []
        for direction, expected in (("asc", times[:half]), ("desc", times[::-1][:half])):
            wanted = f"{api.collection.updated} {direction}"
            try:
                page = tenant.read(api, small(api, sample.times, top=half, orderby=wanted))
            except RefusedError as error:
                return refused(check, error, "Refused with")
            if page.times != expected:
                right = sum(one == other for one, other in zip(page.times, expected, strict=False))
                wrong.append(f"{direction}: {right} of {half} records in their place")
        if not wrong:
            return Answer(check, Verdict.YES, f"The oldest {half} of {len(times)} records, and the newest {half}.")
        if stands(tenant, kind, sample):
            return Answer(check, Verdict.NO, "; ".join(wrong) + ".")
    return _moving(check)


def lower_bound(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether a record of the time of the lower bound is in the answer."""
    api = tenant.api(kind)
    for sample in _samples(kind, tenant):
        record = finest(sample.records)
        if record is None or api is None:
            return not_seen(check, "There is no record.")
        exactly = f"a time with {digits(record.time)} fraction digits"
        if holds(tenant, api, Window(record.time, record.time + max(1, _width(api))), record):
            return Answer(check, Verdict.YES, f"Asked from {exactly}: the record of that time is there.")
        if stands(tenant, kind, sample):
            wider = [
                name
                for name, unit in (("a millisecond", _MILLISECOND), ("a second", _SECOND))
                if holds(tenant, api, Window(record.time - record.time % unit, record.time + 2 * unit), record)
            ]
            found = f"asked from {wider[0]} before, it is" if wider else "nor where asked from a second before"
            return Answer(check, Verdict.NO, f"Asked from {exactly}: the record of that time is not there; {found}.")
    return _moving(check)


def upper_bound(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether a record of the time of the upper bound is left out of the answer."""
    api = tenant.api(kind)
    for sample in _samples(kind, tenant):
        record = finest(sample.records)
        if record is None or api is None:
            return not_seen(check, "There is no record.")
        there = holds(tenant, api, Window(record.time - _SECOND, record.time), record)
        where = "there" if there else "not there"
        if there or stands(tenant, kind, sample):
            seen = f"Asked up to a time with {digits(record.time)} fraction digits: the record of that time is {where}."
            return either(check, not there, seen)
    return _moving(check)


def pages(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether the pages of a window hold each of its records once, read as the add-on reads an over-full instant."""
    api = tenant.api(kind)
    for sample in _samples(kind, tenant):
        if not isinstance(api, ODataApi) or len(sample.records) < 2:  # noqa: PLR2004 - two fill two pages
            return not_seen(check, f"{len(sample.records)} records in the window: too few for two pages.")
        size = max(1, (len(sample.records) + 2) // 3)
        try:
            read, links, skips = _all_pages(tenant, api, sample, size)
        except RefusedError as error:
            return refused(check, error, f"A further page of {size} records is refused with")
        expected = [record.identity for record in sample.records]
        how = f"{links} pages by @odata.nextLink, {skips} by $skip"
        if sorted(read) == sorted(expected):
            return Answer(check, Verdict.YES, f"{len(read)} records, {size} a page: {how}.")
        if stands(tenant, kind, sample):
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
        return not_asked(check, "The API has no pages.")
    now = tenant.clock.now()
    window, most = Window(now - 180 * DAY, now), api.most_records
    try:
        page = tenant.read(api, small(api, window, top=most))
    except RefusedError as error:
        return refused(check, error, f"$top={most} is refused with")
    if page.count >= most:
        return either(check, page.count == most, f"$top={most} gives {page.count} records.")
    behind = tenant.read(api, api.follow(page.link)) if page.link else None
    if behind is None and 0 < page.count <= api.collection.most_skip:
        behind = tenant.read(api, small(api, window, top=1, skip=page.count))
    if behind is not None and behind.count:
        return Answer(check, Verdict.NO, f"$top={most} gives {page.count} records, and more follow on a next page.")
    return not_seen(check, f"There are {page.count} records in 180 days; {most} would fill a page.")


def most_skip(kind: str, tenant: Tenant, check: Check) -> Answer:
    """Whether as many records may be skipped as the add-on relies on."""
    api = tenant.api(kind)
    if not isinstance(api, ODataApi):
        return not_asked(check, "The API has no pages.")
    now, most = tenant.clock.now(), api.collection.most_skip
    try:
        tenant.read(api, small(api, Window(now - DAY, now), top=1, skip=most))
    except RefusedError as error:
        return refused(check, error, f"$skip={most} is refused with")
    return Answer(check, Verdict.YES, f"$skip={most} is answered.")


def _samples(kind: str, tenant: Tenant) -> Iterator[Sample]:
    """The sample of a kind, and that of later looks."""
    for again in range(_ROUNDS):
        sample = tenant.sample(kind, afresh=bool(again))
        if sample is None:
            now = tenant.clock.now()
            yield Sample(Window(now, now), ())
            return
        yield sample


def stands(tenant: Tenant, kind: str, sample: Sample | None) -> bool:
    """Whether the records of a sample are still those of its window."""
    return sample == tenant.sample(kind, afresh=True)


def _moving(check: Check) -> Answer:
    return Answer(check, Verdict.UNANSWERED, "Records were updated meanwhile, each time it was asked.")


def _width(api: Api) -> int:
    return 1 if isinstance(api, ODataApi) else _SECOND
