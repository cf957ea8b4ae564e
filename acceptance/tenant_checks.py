"""The table of questions to a real tenant.

Each answer is made of counts, spans of time and names out of this code: no text of an answer of Microsoft's is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from defender_alerts.microsoft.account import DIRECT, FEDERATED
from defender_alerts.settings import DEFAULT_OVERLAP

from acceptance import tenant_collections as of_each
from acceptance import tenant_siem as of_siem
from acceptance import tenant_single as of_one
from acceptance.checks import Answer, Check
from acceptance.tenant_answers import not_asked
from acceptance.tenant_calls import Tenant
from acceptance.tenant_kinds import COLLECTIONS, ENDPOINT, GRAPH, INCIDENTS
from acceptance.tenant_watch import Watch

Ask = Callable[[Tenant, Check], Answer]


@dataclass(frozen=True)
class Question:
    """A check, and how it is asked."""

    check: Check
    ask: Ask


@dataclass(frozen=True)
class _OfEach:
    """A question to each of today's APIs, whose title stands for the braces."""

    name: str
    question: str
    how: str
    ask: Callable[[str, Tenant, Check], Answer]
    settles: tuple[str, ...] = ()
    informs: bool = False

    def questions(self) -> Iterator[Question]:
        """One to each, where it answers at all."""
        for one in COLLECTIONS:
            name, question = f"{one.name}-{self.name}", self.question.format(one.title)
            check = Check(name, question, self.how, self.settles, self.informs)
            yield Question(check, _where_open(one.kind, partial(self.ask, one.kind)))


def _where_open(kind: str, ask: Ask) -> Ask:
    """Ask where the API answers at all."""

    def asked(tenant: Tenant, check: Check) -> Answer:
        if kind not in tenant.opened:
            of_each.opens(kind, tenant, check)
        why = tenant.opened[kind]
        return not_asked(check, why) if why else ask(tenant, check)

    return asked


_ABOUT_EACH = (
    _OfEach(
        "identified", "Has each record of {} an id and an update time?", "The records of the sample.", of_each.readable
    ),
    _OfEach(
        "orderby",
        "Is $orderby honoured for {}? The add-on does not use it.",
        "The older half of a window in ascending order, and the newer half in descending order.",
        of_each.orderby,
        ("M5",),
        informs=True,
    ),
    _OfEach(
        "lower-bound",
        "Is a record of exactly the lower bound in an answer of {}?",
        "A window of 100 ns that begins at a record's time.",
        of_each.lower_bound,
        ("M6",),
    ),
    _OfEach(
        "upper-bound",
        "Is a record of exactly the upper bound left out of an answer of {}?",
        "A window of a second that ends at a record's time.",
        of_each.upper_bound,
        ("M6",),
    ),
    _OfEach(
        "pages",
        "Do pages of {} hold each record of a window once?",
        "A window is read in three pages, by @odata.nextLink or $skip.",
        of_each.pages,
        ("M9",),
    ),
    _OfEach(
        "page-size",
        "Does a page of {} hold as many records as the add-on asks for?",
        "The records of 180 days, with the add-on's $top.",
        of_each.page_size,
        ("M9",),
    ),
)


def _permissions() -> Iterator[Question]:
    for one in COLLECTIONS:
        question = f"Does the documented permission open {one.title}?"
        check = Check(f"{one.name}-open", question, "One record of 180 days is asked for.")
        yield Question(check, partial(of_each.opens, one.kind))
    yield Question(
        Check(
            "graph-alerts-by-incident-permission",
            "Does SecurityIncident.Read.All alone open alerts_v2?",
            "One alert is asked for, where the token has that permission and none for alerts.",
            ("M2",),
        ),
        of_one.incident_permission,
    )
    yield Question(
        Check(
            "identity-vouches",
            "Does Entra ID take the token of this machine's managed identity for an application?",
            "One alert is asked for, with --managed-identity and --client-id.",
            ("M12", "M13"),
        ),
        partial(of_one.identity, FEDERATED),
    )
    yield Question(
        Check(
            "identity-opens",
            "Do Graph's security APIs take a managed identity with permissions of its own?",
            "One alert is asked for, with --managed-identity alone.",
            ("M12", "M14"),
        ),
        partial(of_one.identity, DIRECT),
    )


def _about_one() -> Iterator[Question]:
    yield Question(
        Check(
            "graph-alerts-skip",
            "May as many of Microsoft Graph's alerts be skipped as the add-on relies on?",
            "One record behind $skip=500.",
            ("M9",),
        ),
        _where_open(GRAPH, partial(of_each.most_skip, GRAPH)),
    )
    yield Question(
        Check(
            "incidents-expanded",
            "Does a page of incidents come with the alerts in them?",
            "The incidents of 30 days, 50 at most, with $expand=alerts.",
            ("M11",),
        ),
        _where_open(INCIDENTS, of_one.expanded),
    )
    yield Question(
        Check(
            "incident-by-id",
            "Can one incident be asked for by its id, with the alerts in it?",
            "The newest incident, with $expand=alerts.",
            ("M11",),
        ),
        _where_open(INCIDENTS, of_one.by_id),
    )
    yield Question(
        Check(
            "xdr-audience",
            "Does api.security.microsoft.com answer /api/alerts to a token for the older hosts' resource, and show "
            "what these show?",
            "The same window is asked for there; refused, with tokens for two other resources.",
            ("M1",),
        ),
        _where_open(ENDPOINT, of_one.xdr),
    )


def _about_siem() -> Iterator[Question]:
    yield Question(
        Check(
            "siem-answers",
            "Does the SIEM API still answer?",
            "One day is asked for in each region, with a token for each of the two resources.",
            ("M8",),
            informs=True,
        ),
        of_siem.answers,
    )
    for bound in ("lower", "upper"):
        yield Question(
            Check(
                f"siem-{bound}-bound",
                f"Is a detection of exactly the {bound} bound in an answer of the SIEM API?",
                "A window of a second that begins or ends at a detection's time.",
                ("M6",),
                informs=True,
            ),
            partial(of_siem.bound, upper=bound == "upper"),
        )


def _watching() -> Iterator[Question]:
    watch = Watch()
    yield from _OfEach(
        "delay",
        f"Do updates of {{}} appear within {DEFAULT_OVERLAP} s?",
        "The last hour is read every 15 s while the tenant is watched.",
        watch.delay,
        ("M10",),
    ).questions()
    yield Question(
        Check(
            "moved-alert-update-time",
            "Does an alert that is moved to another incident get a new update time?",
            "The newest alerts before and after the tenant was watched: which belong to another incident now?",
            ("M7",),
        ),
        _where_open(GRAPH, watch.moved),
    )


def table() -> tuple[Question, ...]:
    """The questions in their order, for one run."""
    of_an_api = {one.name: [*one.questions()] for one in _ABOUT_EACH}
    api_by_api = (questions[number] for number in range(len(COLLECTIONS)) for questions in of_an_api.values())
    return (*_permissions(), *api_by_api, *_about_one(), *_about_siem(), *_watching())


CHECKS = tuple(question.check for question in table())
