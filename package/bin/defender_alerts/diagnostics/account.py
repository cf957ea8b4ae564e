"""Checks an account before it is saved: which inputs can it feed, from this host, through the saved proxy?

Only an error in the account itself or in the connection to Microsoft refuses the save. A missing permission, or an API
that the tenant does not have, does not affect other inputs: it is stored with the account and shown.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Union

from defender_alerts.errors import (
    AccessDeniedError,
    AddonError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    ServiceError,
    StoppedError,
    UnexpectedAnswerError,
    UnknownResourceError,
    unexpected,
)
from defender_alerts.input_kinds import KINDS, Kind
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import CLIENT_SECRET, Account
from defender_alerts.microsoft.entra_refusals import consent_address
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.tokens import Token, TokenSource
from defender_alerts.microsoft.transport.client import ASKS_ONCE, Callers, Stop
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import is_guid
from defender_alerts.times import Window, iso, machine_time, seconds

from .api_probe import has_record

# Splunk Web gives up on a page's request after 30 s, and splunkd's own part needs some of them.
LONGEST_CHECK = 20.0
# Short enough that a connection which hangs twice, at the proxy and after it, still ends with a sentence in time.
_LONGEST_WAIT = 9.0
_LOG = logging.getLogger(__name__)


class Verdict(Enum):
    """The result for one kind of input."""

    FEEDS = "feeds"
    MISSING = "missing permission"
    UNKNOWN = "unknown resource"
    UNCHECKED = "not checked"


class _Granted(NamedTuple):
    """A token, and what the APIs answered whose documented permissions are not in it.

    Attributes:
        answers: by kind of input: None for records, else the refusal.
    """

    token: Token
    answers: Mapping[str, AddonError | None]


_Outcome = Union[_Granted, str, AddonError]
# In place of an audience: which tenant the account's domain belongs to.
_TENANT = ""
# Stands for the answer of an API that was not asked, or has not answered in time.
_UNASKED = AddonError("")
_DAY = seconds(86_400)
# Follows the name of a permission that a person needs.
_DELEGATED = " (delegated)"


@dataclass(frozen=True)
class KindCheck:
    """The result for one kind of input.

    Attributes:
        kind: its name.
        finding: the verdict.
        detail: the missing permission, as Entra ID names it; the unknown resource; or why it was not checked.
    """

    kind: str
    finding: Verdict
    detail: str = ""


@dataclass(frozen=True)
class AccountCheck:
    """What an account can feed; ``day`` (UTC) is when that was asked.

    Attributes:
        tenant: the GUID of the tenant whose domain the account names; empty where that is not known.
    """

    day: str
    kinds: tuple[KindCheck, ...]
    tenant: str = ""

    def of(self, kind: str) -> KindCheck | None:
        """The result for a kind; None if it was not checked."""
        return next((check for check in self.kinds if check.kind == kind), None)

    @property
    def feeds_all(self) -> bool:
        """Whether all kinds can be fed."""
        return all(check.finding is Verdict.FEEDS for check in self.kinds)

    def dump(self) -> str:
        """The check as text, to be stored with the account."""
        found = {check.kind: [check.finding.value, check.detail] for check in self.kinds}
        return json.dumps({"day": self.day, "kinds": found})

    @classmethod
    def load(cls, text: str | None) -> AccountCheck | None:
        """Read a stored check; None if there is none or it can't be read."""
        try:
            kept = json.loads(text or "")
            kinds = tuple(
                KindCheck(str(kind), Verdict(finding), str(detail)) for kind, (finding, detail) in kept["kinds"].items()
            )
            return cls(str(kept["day"]), kinds)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def refuse_secret_id(account: Account) -> None:
    """Refuse a client secret's ID instead of its value, which never has the form of a GUID.

    Raises:
        AuthenticationError: it is the ID.
    """
    if account.credential == CLIENT_SECRET and is_guid(account.client_secret):
        raise AuthenticationError(
            "The client secret looks like the secret's ID. Paste the secret's Value: Entra ID shows it once, when the "
            "secret is made, in the column beside the ID. If nobody has kept it, make a new secret."
        )


def check_account(
    account: Account, network: Network, kinds: Iterable[Kind] = tuple(KINDS.values()), seconds: float = LONGEST_CHECK
) -> AccountCheck:
    """Ask Entra ID for a token for each API of the account's cloud, all side by side, and read what it permits.

    Args:
        account: as it would be saved.
        network: the saved settings.
        kinds: of input.
        seconds: what has not come by then is not checked.

    Raises:
        AddonError: credentials, tenant, proxy or CA are wrong; the sentence names the field or page to mend.
    """
    began = time.monotonic()
    refuse_secret_id(account)
    wanted = [(kind, audiences) for kind in kinds if (audiences := kind.audiences(account.cloud))]
    resources = dict.fromkeys(audience for _, audiences in wanted for audience in audiences)
    of_domain = [] if is_guid(account.tenant_id) else [_TENANT]
    asked = {_TENANT: [], **{one: [kind for kind, audiences in wanted if one in audiences] for one in resources}}
    outcomes = _ask(account, network, {one: asked[one] for one in [*of_domain, *resources]}, began + seconds)
    tenant = outcomes.pop(_TENANT, "")
    _refuse_what_no_input_could_use(list(outcomes.values()))
    return AccountCheck(
        iso(machine_time())[:10],
        tuple(_found(kind, audiences, outcomes, seconds, of_person=account.is_of_user) for kind, audiences in wanted),
        tenant if isinstance(tenant, str) else "",
    )


def _ask(
    account: Account, network: Network, audiences: Mapping[str, Sequence[Kind]], until: float
) -> dict[str, _Outcome]:
    """Ask for a token for each audience, each on its own thread and connection; return what came in time.

    Args:
        account: who asks.
        network: the settings.
        audiences: with the kinds of input that want a token for each.
        until: when to stop waiting, by the monotonic clock.
    """
    stop = threading.Event()
    callers = callers_for_a_page(network, stop)
    outcomes: dict[str, _Outcome] = {}

    def ask(audience: str, kinds: Sequence[Kind]) -> None:
        try:
            for outcome in _answers(account, callers, audience, kinds):
                outcomes[audience] = outcome
        except StoppedError:
            return
        except AddonError as error:
            outcomes[audience] = error
        except Exception as error:  # noqa: BLE001 - the page shows a sentence for every error
            outcomes[audience] = unexpected(error, _LOG)

    # A thread that hangs in a connection can't be ended, and must not delay the answer or the end of the process.
    threads = [
        threading.Thread(target=ask, args=(audience, kinds), name=f"check {audience}", daemon=True)
        for audience, kinds in audiences.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    stop.set()
    # What has not come in time counts as not checked.
    return {audience: outcomes[audience] for audience in audiences if audience in outcomes}


def callers_for_a_page(network: Network, stop: Stop) -> Callers:
    """Callers that ask once, and wait for no connection longer than the page's reader would."""
    limited = network._replace(timeout=min(network.timeout, _LONGEST_WAIT))
    return Callers(limited, trust(network.ca_pem), stop, _LOG, ASKS_ONCE)


def _answers(account: Account, callers: Callers, audience: str, kinds: Sequence[Kind]) -> Iterator[_Outcome]:
    """Yield the tenant; or the token, and then the token with the answers of APIs whose permissions are not in it.

    A role that no document names may be enough: only the API knows.
    """
    cloud = clouds.cloud(account.cloud)
    source = TokenSource(account, cloud, callers(cloud.authority_host), callers)
    if audience == _TENANT:
        yield source.tenant()
        return
    token = source.acquire(audience)
    answers: dict[str, AddonError | None] = {}
    yield _Granted(token, answers)
    for kind in kinds:
        if not kind.access.is_in(token.roles):
            answers = {**answers, kind.name: _answer(kind, account, source, callers)}
            yield _Granted(token, answers)


def _answer(kind: Kind, account: Account, source: TokenSource, callers: Callers) -> AddonError | None:
    """What the API of a kind answers to the smallest request: None for records, else the refusal."""
    own = kind.read("check", {})
    now = machine_time()
    try:
        api = own.in_region(own.regions[0], account.cloud)
        has_record(api, source, callers(api.host), Window(now - _DAY, now))
    except AddonError as error:
        return error
    return None


def _refuse_what_no_input_could_use(outcomes: list[_Outcome]) -> None:
    """Raise the error of the account or the connection if no token came at all.

    If another token came, the credentials are valid, and a refusal only concerns its API, as with Conditional Access.
    """
    if any(isinstance(outcome, _Granted) for outcome in outcomes):
        return
    has_answered = any(isinstance(outcome, (UnknownResourceError, ServiceError)) for outcome in outcomes)
    refusals: tuple[type[AddonError], ...] = (AuthenticationError, ConfigurationError)
    # What Entra ID itself has answered counts more than a connection that failed.
    for classes in (refusals, () if has_answered else (ConnectionFailedError, UnexpectedAnswerError)):
        for outcome in outcomes:
            if isinstance(outcome, classes) and not isinstance(outcome, UnknownResourceError):
                raise outcome


def _found(
    kind: Kind, audiences: tuple[str, ...], outcomes: Mapping[str, _Outcome], seconds: float, *, of_person: bool
) -> KindCheck:
    """The result for a kind, for which a token of any of its audiences is enough."""
    own = [outcomes.get(audience) for audience in audiences]
    granted = [outcome for outcome in own if isinstance(outcome, _Granted)]
    if any(kind.access.is_in(one.token.roles) or one.answers.get(kind.name, _UNASKED) is None for one in granted):
        return KindCheck(kind.name, Verdict.FEEDS)
    if granted:
        refusals = [answer for one in granted if (answer := one.answers.get(kind.name)) is not None]
        documented = kind.access.for_persons if of_person else kind.access.roles
        # To a person too, APIs may name what they ask of an application.
        least = documented[0] if of_person and documented else _least(documented, refusals)
        return KindCheck(kind.name, Verdict.MISSING, f"{kind.access.service} {least}{_DELEGATED if of_person else ''}")
    open_ones = [outcome for outcome in own if not isinstance(outcome, UnknownResourceError)]
    if not open_ones:
        return KindCheck(kind.name, Verdict.UNKNOWN, " and ".join(audiences))
    because = next((str(outcome) for outcome in open_ones if outcome is not None), f"no answer within {seconds:.0f} s")
    return KindCheck(kind.name, Verdict.UNCHECKED, because)


def _least(documented: tuple[str, ...], refusals: Iterable[AddonError]) -> str:
    """The permission to add: the least of the documented ones, unless the API itself asks for others."""
    asked = [role for error in refusals if isinstance(error, AccessDeniedError) for role in error.permissions]
    return next((role for role in documented if not asked or role in asked), asked[0] if asked else "")


def summary(check: AccountCheck) -> str:
    """A text for the account's row in the table: what it can feed."""
    feeds = [_title(one.kind) for one in check.kinds if one.finding is Verdict.FEEDS and one.kind not in _UNTOLD]
    sentences = [f"Can feed {', '.join(feeds)}." if feeds else "Can feed none of the current inputs."]
    for finding, (words, _) in _SAID.items():
        kinds_of: dict[str, list[str]] = {}
        for one in check.kinds:
            if one.finding is finding:
                kinds_of.setdefault(one.detail.rstrip("."), []).append(_title(one.kind))
        sentences += [words.format(detail=detail, kinds=", ".join(kinds)) for detail, kinds in kinds_of.items()]
    return " ".join(sentences)


def _title(kind: str) -> str:
    return KINDS[kind].title if kind in KINDS else kind


# The APIs of these kinds check no permissions: whether an account can feed one is not known before its input has run.
_UNTOLD = frozenset(kind.name for kind in KINDS.values() if not kind.access.roles)
# For each verdict: the words for the account's row, and the sentence that also says what to do.
_SAID = {
    Verdict.MISSING: (
        "Missing permission for {kinds}: {detail}.",
        (
            "The account {name} can't feed {kind}: its application lacks the permission {detail}. Add it in Entra ID > "
            "App registrations > API permissions as {type} permission and grant admin consent, then edit the account "
            "and save it: that checks again."
        ),
    ),
    Verdict.UNKNOWN: (
        "Not in this tenant, for {kinds}: {detail}.",
        (
            "The account {name} can't feed {kind}: its tenant does not know {detail} (AADSTS500011) or has disabled it "
            "(AADSTS500014). Check that the tenant has the licence for it, then edit the account and save it: that "
            "checks again."
        ),
    ),
    Verdict.UNCHECKED: (
        "Not checked, for {kinds}: {detail}.",
        (
            "Whether the account {name} can feed {kind} was not checked: {detail}. Edit the account and save it to "
            "check again."
        ),
    ),
}


def warnings(name: str, check: AccountCheck, *, is_direct: bool = False) -> list[str]:
    """A sentence for each kind of input that the account can't feed or that was not checked.

    Args:
        name: of the account.
        check: what was found.
        is_direct: a managed identity has the permissions, and no application.
    """
    return [explained(name, one, is_direct=is_direct) for one in check.kinds if one.finding in _SAID]


def explained(name: str, one: KindCheck, *, is_direct: bool = False) -> str:
    """Why an account can't feed a kind of input, and what to do."""
    of_identity = is_direct and one.finding is Verdict.MISSING
    sentence = _MISSING_OF_IDENTITY if of_identity else _SAID[one.finding][1]
    kind_of = "a delegated" if one.detail.endswith(_DELEGATED) else "an application"
    return sentence.format(name=name, kind=_title(one.kind), detail=one.detail.rstrip("."), type=kind_of)


def explained_in_tenant(account: Account, one: KindCheck) -> str:
    """Why an account can't feed a kind of input in the tenant that the input names, and what to do."""
    if account.is_direct or not account.tenant_of_input or one.finding not in _SAID_OF_OTHER_TENANT:
        return explained(account.name, one, is_direct=account.is_direct)
    return _SAID_OF_OTHER_TENANT[one.finding].format(
        name=account.name,
        tenant=account.tenant_id,
        detail=one.detail,
        url=consent_address(clouds.cloud(account.cloud), account.tenant_id, account.client_id),
    )


_MISSING_OF_IDENTITY = (
    "The account {name} can't feed {kind}: the managed identity lacks the permission {detail}. The portal has no page "
    "for it: assign it with the commands in the documentation (Set up > Managed identity). Azure keeps the "
    "identity's tokens for up to a day, and only later ones have the new permission; then edit the account and save "
    "it: that checks again."
)
_SAID_OF_OTHER_TENANT = {
    Verdict.MISSING: (
        "In the tenant {tenant}, which the input names, the application of the account {name} lacks the permission "
        "{detail}. Let an administrator of that tenant open {url} and accept what the application asks for; if it does "
        "not ask for this permission, add it first in Entra ID > App registrations > API permissions."
    ),
    Verdict.UNKNOWN: (
        "The tenant {tenant}, which the input names, does not know {detail} (AADSTS500011) or has disabled it "
        "(AADSTS500014). Check that this tenant has the licence for it."
    ),
}
