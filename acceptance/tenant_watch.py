"""What is asked by looking again and again at what is new in a tenant."""

from __future__ import annotations

from defender_alerts.errors import AddonError
from defender_alerts.microsoft.apis.base import Api
from defender_alerts.settings import DEFAULT_OVERLAP
from defender_alerts.times import TICKS_PER_SECOND, Window, seconds

from acceptance.checks import Answer, Check, Verdict
from acceptance.tenant_answers import either, not_seen
from acceptance.tenant_calls import DAY, Page, Seen, Tenant, reason, small
from acceptance.tenant_kinds import COLLECTIONS, GRAPH

_SECOND = TICKS_PER_SECOND
_BETWEEN_LOOKS = 15.0
_WATCHED = seconds(3_600)


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
            return not_seen(check, f"Nothing was updated while the tenant was watched, {tenant.watch:.0f} s.{age}")
        least, most = (max(bounds) / TICKS_PER_SECOND for bounds in zip(*found, strict=True))
        late = sum(least > seconds(DEFAULT_OVERLAP) for least, _ in found)
        seen = f"Updates seen: {len(found)}. The slowest took between {max(0.0, least):.0f} and {most:.0f} s"
        return either(check, not late, f"{seen}; more than {DEFAULT_OVERLAP} s: {late}.")

    def moved(self, tenant: Tenant, check: Check) -> Answer:
        """Whether an alert that comes to another incident gets a new update time."""
        self._watched(tenant)
        if GRAPH in self._failed:
            return Answer(check, Verdict.UNANSWERED, f"{self._failed[GRAPH]}.")
        if not self._moves:
            return not_seen(
                check,
                "No alert came to another incident meanwhile. Move one in the Defender portal while the tenant is "
                "watched (--watch 10 watches it for ten minutes).",
            )
        seen = f"Alerts moved: {len(self._moves)}; with a new update time: {sum(self._moves)}."
        return either(check, all(self._moves), seen)

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
