"""One account for many tenants: an input names the tenant that it collects, and keeps to it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

import pytest
from defender_alerts.checkpoint.checkpoint import latest_checkpoints
from defender_alerts.collect.poll import PollResult
from defender_alerts.errors import AddonError, AuthenticationError, ConfigurationError
from defender_alerts.settings import read_polling
from defender_alerts.times import TICKS_PER_SECOND
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Tenant
from standins.polling import SECRET, MemoryPlaces, MemorySink, PolledInput
from standins.sources import ROLES, SOURCES, Source

LOGIN = "login.microsoftonline.com"
CLIENT = "11111111-2222-3333-4444-555555555555"


def _customers(cloud: MicrosoftCloud, count: int) -> list[Tenant]:
    """Tenants that have let in the application of the first one: it has an enterprise application in each."""
    tenants = [cloud.entra.add_tenant(domain=f"customer{number}.onmicrosoft.com") for number in range(count)]
    for tenant in tenants:
        tenant.add_application(CLIENT, secret=SECRET, roles=ROLES)
    return tenants


def _input(cloud: MicrosoftCloud, source: Source, home: Tenant, tenant: Tenant, store: MemoryPlaces) -> PolledInput:
    application = home.applications[CLIENT]
    return source.input(
        cloud, tenant, application, home=home, name=f"of_{tenant.domain.partition('.')[0]}", store=store
    )


@dataclass
class _Ended:
    result: PollResult | None = None
    error: AddonError | None = None


def _side_by_side(inputs: list[PolledInput]) -> list[_Ended]:
    ended = [_Ended() for _ in inputs]

    def work(one: PolledInput, end: _Ended) -> None:
        try:
            end.result = one.poll()
        except AddonError as error:
            end.error = error

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, ended)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_of_ten_tenants_on_one_account_none_sees_anothers_checkpoint_or_error(
    cloud: MicrosoftCloud, source: Source
) -> None:
    tenants = _customers(cloud, 10)
    closed = tenants[6]
    del closed.applications[CLIENT]
    store = MemoryPlaces()
    now = cloud.clock.now()
    published = {}
    for number, tenant in enumerate(tenants):
        # Each tenant's history ends elsewhere, and all use the same ids.
        raws = [source.make(one, now - (60 + number * 7 + one) * TICKS_PER_SECOND) for one in range(1, 4 + number)]
        source.publish(cloud, tenant, raws)
        published[tenant.guid] = sorted(raw.decode() for raw in raws)
    inputs = [_input(cloud, source, tenants[0], tenant, store) for tenant in tenants]
    ended = _side_by_side(inputs)
    for one, end in zip(inputs, ended):
        if one.tenant is closed:
            said = str(end.error)
            assert isinstance(end.error, AuthenticationError)
            assert f"not been let into the tenant {closed.guid} of the input of_customer6 yet" in said
            assert f"open https://{LOGIN}/{closed.guid}/adminconsent?client_id={CLIENT} and accept" in said
            assert (one.sink.taken, store.checkpoints_of(source.kind, one.name)) == ([], [])
            continue
        assert end.result is not None
        assert (end.error, end.result.failures) == (None, [])
        assert sorted(one.sink.raws()) == published[one.tenant.guid]
        expected = f"{source.kind}:{one.tenant.guid}:{source.region}:{one.name}"
        assert {taken.origin.source for taken in one.sink.taken} == {expected}
        [key] = latest_checkpoints(store.checkpoints_of(source.kind, one.name))
        assert (key.tenant, key.input) == (one.tenant.guid, one.name)
    # And again: each goes on from its own, and the one that is let in now begins at its start_time.
    closed.add_application(CLIENT, secret=SECRET, roles=ROLES)
    for one in inputs:
        one.sink = MemorySink()
    again = _side_by_side(inputs)
    assert [end.error for end in again] == [None] * 10
    delivered = {one.name: sorted(one.sink.raws()) for one in inputs}
    assert delivered == {one.name: published[closed.guid] if one.tenant is closed else [] for one in inputs}


def test_an_input_that_names_another_tenant_begins_another_checkpoint_and_keeps_the_old_one(
    cloud: MicrosoftCloud,
) -> None:
    [first, second] = _customers(cloud, 2)
    source = next(source for source in SOURCES if source.kind == "defender_graph_alerts")
    now = cloud.clock.now()
    for tenant in (first, second):
        source.publish(cloud, tenant, [source.make(1, now - 60 * TICKS_PER_SECOND)])
    polled = source.input(cloud, first, first.applications[CLIENT])
    polled.poll()
    polled.tenant, polled.home = second, first
    polled.poll()
    tenants = {key.tenant for key in latest_checkpoints(polled.store.checkpoints_of(source.kind, polled.name))}
    assert tenants == {first.guid, second.guid}
    assert [taken.origin.source.split(":")[1] for taken in polled.sink.taken] == [first.guid, second.guid]
    polled.tenant, polled.home = first, None
    polled.poll()
    assert len(polled.sink.taken) == 2


def test_a_domain_and_the_guid_of_the_tenant_that_an_input_names_have_one_checkpoint(cloud: MicrosoftCloud) -> None:
    [home, tenant] = _customers(cloud, 2)
    source = next(source for source in SOURCES if source.kind == "defender_graph_alerts")
    source.publish(cloud, tenant, [source.make(1, cloud.clock.now() - 60 * TICKS_PER_SECOND)])
    polled = _input(cloud, source, home, tenant, MemoryPlaces())
    polled.poll(tenant_id=tenant.domain)
    polled.poll()
    [key] = latest_checkpoints(polled.store.checkpoints_of(source.kind, polled.name))
    assert key.tenant == tenant.guid
    assert len(polled.sink.taken) == 1


OF_ANOTHER_TENANT = [
    (
        7000229,
        AuthenticationError,
        "has not been let into the tenant {guid} of the input test yet: it has no enterprise",
    ),
    (
        700016,
        AuthenticationError,
        f"The application {CLIENT} of the account corp is unknown in the tenant {{guid}} of the",
    ),
    (
        65001,
        AuthenticationError,
        "Nobody has consented to the permissions of the application of the account corp in the",
    ),
    (
        90094,
        AuthenticationError,
        "Nobody has consented to the permissions of the application of the account corp in the",
    ),
    (650052, AuthenticationError, "asks for a service that the tenant {guid} of the input test has not subscribed to"),
    (
        90002,
        AuthenticationError,
        "The tenant {guid} of the input test does not exist in its cloud. Correct the tenant id of",
    ),
    (900023, AuthenticationError, "The tenant id of the input test is malformed."),
    (900382, ConfigurationError, "The tenant {guid} of the input test lives in another of Microsoft's clouds than the"),
    (
        90038,
        ConfigurationError,
        "lives in another of Microsoft's clouds than the account corp is for. Give the input an",
    ),
    (
        900439,
        ConfigurationError,
        "lives in another of Microsoft's clouds than the account corp is for. Give the input an",
    ),
]


@pytest.mark.parametrize(("code", "error", "says"), OF_ANOTHER_TENANT)
def test_what_another_tenant_refuses_is_said_of_that_tenant_and_of_the_input(
    cloud: MicrosoftCloud, code: int, error: type[AddonError], says: str
) -> None:
    [home, tenant] = _customers(cloud, 2)
    polled = PolledInput(cloud, tenant, home.applications[CLIENT], home=home)
    refusal = {"error": "invalid_client", "error_description": f"AADSTS{code}: no.", "error_codes": [code]}
    cloud.faults.add(LOGIN, faults.Status(400, json.dumps(refusal).encode()), times=None)
    with pytest.raises(error) as caught:
        polled.poll()
    assert says.format(guid=tenant.guid) in str(caught.value)
    assert f"AADSTS{code}" in str(caught.value)
    assert home.guid not in str(caught.value)
    if code in {7000229, 700016, 65001, 90094}:
        assert f"open https://{LOGIN}/{tenant.guid}/adminconsent?client_id={CLIENT} and accept" in str(caught.value)


@pytest.mark.parametrize(
    "tenant_id", ["contoso", "https://contoso.com", "x" * 300, f"{CLIENT},{CLIENT}", "организация"]
)
def test_a_tenant_that_can_be_none_is_refused_with_the_field_to_correct(tenant_id: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is neither a GUID nor a domain name.*Correct the input emea under"):
        read_polling("emea", {"account": "corp", "tenant_id": tenant_id})


@pytest.mark.parametrize("tenant_id", ["", " ", "\u200b"])
def test_an_input_that_names_no_tenant_collects_its_accounts(tenant_id: str) -> None:
    assert read_polling("emea", {"account": "corp", "tenant_id": tenant_id}).tenant_id == ""
