"""Signing in with a managed identity: of an Azure VM or an Arc server, for an application or for itself."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msal
import msal.managed_identity
import pytest
from defender_alerts.diagnostics import api_probe
from defender_alerts.diagnostics.account import KindCheck, Verdict, check_account, explained_in_tenant, warnings
from defender_alerts.diagnostics.context import Context
from defender_alerts.errors import (
    AddonError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    ServiceError,
    UnexpectedAnswerError,
    UnknownResourceError,
)
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import Account, read_account
from defender_alerts.microsoft.managed_identity.session import ADDRESSES, open_session
from defender_alerts.microsoft.network import IdentityServices
from defender_alerts.microsoft.transport.client import ASKS_ONCE, Callers
from defender_alerts.microsoft.transport.session import trust
from requests.exceptions import InvalidSchema
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.managed_identity import PATH, Machine, ManagedIdentity
from standins.microsoft.wire import Answer
from standins.polling import NoWaiting, PolledInput

LOGIN, GRAPH = "login.microsoftonline.com", "https://graph.microsoft.com"
ROLES = {GRAPH: ("SecurityAlert.Read.All", "SecurityIncident.Read.All")}
GUID = "01234567-89ab-cdef-0123-456789abcdef"
VARIABLES = (
    *("IDENTITY_ENDPOINT", "IMDS_ENDPOINT", "IDENTITY_HEADER"),
    *("MSI_ENDPOINT", "MSI_SECRET", "AZURE_POD_IDENTITY_AUTHORITY_HOST"),
)


@dataclass
class Scene:
    """An input of Graph's alerts, on a machine with identities."""

    polled: PolledInput
    machine: Machine
    identity: ManagedIdentity
    """User-assigned, with permissions of its own, and trusted by the application."""

    def poll(self, mode: str = "federated", identity: str | None = None, **account: Any) -> None:
        self.polled.poll(**{**self.fields(mode, identity), **account})

    def fields(self, mode: str = "federated", identity: str | None = None) -> dict[str, str]:
        return {
            "auth_type": "managed_identity",
            "client_id": self.polled.application.client_id if mode == "federated" else "",
            "client_secret": "",
            "identity_mode": mode,
            "identity_client_id": self.identity.client_id if identity is None else identity,
        }

    def account(self, mode: str = "federated", identity: str | None = None) -> Account:
        return self.polled.plan().account._replace(**self.fields(mode, identity))  # type: ignore[arg-type]

    def refused(self, *args: Any, **fields: Any) -> AddonError:
        with pytest.raises(AddonError) as caught:
            self.poll(*args, **fields)
        return caught.value


@pytest.fixture
def scene(cloud: MicrosoftCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    tenant = cloud.entra.add_tenant()
    application = tenant.add_application(secret=None, roles=ROLES)
    challenges = tmp_path / "tokens"
    challenges.mkdir()
    with Machine(cloud, challenges) as machine:
        identity = machine.new_identity(tenant, ROLES)
        identity.trusted_by(application)
        machine.user_assigned.append(identity)
        services = IdentityServices(machine.vm_address, machine.arc_address)
        polled = PolledInput(
            cloud, tenant, application, kind="defender_graph_alerts", regions=("global",), identity_services=services
        )
        yield Scene(polled, machine, identity)


@pytest.fixture
def arc(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The same on an Arc server; msal reads the challenges where the agent of this test puts them."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://localhost:40342{PATH}")
    monkeypatch.setenv("IMDS_ENDPOINT", "http://localhost:40342")
    folders = msal.managed_identity._supported_arc_platforms_and_their_prefixes
    assert folders["linux"] == "/var/opt/azcmagent/tokens"
    monkeypatch.setitem(folders, "linux", str(scene.machine.challenges))
    return scene


def asked(scene: Scene) -> list[dict[str, str]]:
    return [dict(request.query) for request in scene.machine.requests]


def test_the_identity_of_a_vm_vouches_for_the_application(scene: Scene) -> None:
    scene.poll()
    [question] = asked(scene)
    assert question == {
        "api-version": "2018-02-01",
        "resource": "api://AzureADTokenExchange",
        "client_id": scene.identity.client_id,
    }
    [token] = scene.polled.application.issued
    assert token.audience == GRAPH
    assert scene.identity.principal.issued == []


@pytest.mark.parametrize("named", [True, False], ids=["user-assigned", "system-assigned"])
def test_the_identity_of_a_vm_asks_with_permissions_of_its_own_and_no_call_to_entra_id(
    scene: Scene, *, named: bool
) -> None:
    if not named:
        scene.machine.system_assigned = scene.machine.user_assigned.pop()
    scene.poll("direct", None if named else "")
    assert [token.audience for token in scene.identity.principal.issued] == [GRAPH]
    assert scene.polled.cloud.journal.calls(LOGIN) == []
    assert asked(scene)[0].get("client_id", "") == (scene.identity.client_id if named else "")


@pytest.mark.parametrize("mode", ["federated", "direct"])
def test_the_agent_of_an_arc_server_is_shown_its_challenge_and_no_log_holds_that_or_a_token(
    arc: Scene, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        arc.poll(mode)
    first, second = arc.machine.requests
    assert "authorization" not in first.headers
    assert second.headers["authorization"].startswith("Basic ")
    assert [dict(one.query)["api-version"] for one in (first, second)] == ["2020-06-01", "2020-06-01"]

    [secret] = [one.read_text(encoding="ascii") for one in arc.machine.challenges.iterdir()]
    assert "eyJ" not in caplog.text
    assert secret not in caplog.text
    assert "url=http://localhost:40342/metadata/identity/oauth2/token" in caplog.text


def test_an_identity_of_a_government_cloud_vouches_there_and_one_of_another_cloud_does_not(scene: Scene) -> None:
    cloud = scene.polled.cloud
    tenant = cloud.entra.add_tenant(domain="agency.onmicrosoft.us", cloud="gcc_high")
    application = tenant.add_application(secret=None, roles={"https://graph.microsoft.us": ROLES[GRAPH]})
    gov = replace(scene, polled=replace(scene.polled, tenant=tenant, application=application))
    with pytest.raises(ConfigurationError, match="can't vouch for an application of the cloud GCC High"):
        gov.poll()
    identity = scene.machine.new_identity(tenant)
    identity.trusted_by(application)
    scene.machine.user_assigned.append(identity)
    replace(gov, identity=identity).poll()
    assert asked(scene)[-1]["resource"] == "api://AzureADTokenExchangeUSGov"
    assert cloud.journal.calls(LOGIN) == []


def test_an_identity_vouches_in_another_tenant_for_an_application_that_was_let_in_there(scene: Scene) -> None:
    customer = scene.polled.cloud.entra.add_tenant(domain="fabrikam.onmicrosoft.com")
    application = customer.add_application(scene.polled.application.client_id, secret=None, roles=ROLES)
    scene.identity.trusted_by(application)
    polled = replace(scene.polled, tenant=customer, home=scene.polled.tenant)
    replace(scene, polled=polled).poll()
    assert len(application.issued) == 1


@pytest.mark.parametrize("by", ["guid", "domain"])
def test_an_identity_with_permissions_of_its_own_reads_no_other_tenant(scene: Scene, by: str) -> None:
    customer = scene.polled.cloud.entra.add_tenant(domain="fabrikam.onmicrosoft.com")
    scene.polled.tenant = customer
    error = scene.refused("direct", tenant_id=customer.guid if by == "guid" else customer.domain)
    assert type(error) is ConfigurationError
    assert f"belongs to the tenant {scene.identity.tenant.guid}, not to the tenant of the account corp" in str(error)
    assert scene.polled.cloud.journal.calls("graph.microsoft.com") == []


def test_a_domain_of_the_identitys_own_tenant_is_its_tenant(scene: Scene) -> None:
    scene.poll("direct", tenant_id=scene.polled.tenant.domain)
    assert len(scene.polled.cloud.journal.calls(LOGIN)) == 1


def test_a_token_that_the_api_refuses_is_asked_for_once_more(scene: Scene) -> None:
    scene.polled.cloud.faults.add("graph.microsoft.com", faults.Status(401, b"{}"), times=1)
    scene.poll("direct")
    assert len(scene.identity.principal.issued) == 2


def test_the_identity_service_is_called_through_no_proxy_of_the_settings_or_the_environment(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        scene.poll()
        nobody.settimeout(0)
        with pytest.raises(BlockingIOError):
            nobody.accept()
    assert {tunnel.host for tunnel in scene.polled.cloud.journal.tunnels()} == {LOGIN, "graph.microsoft.com"}


def test_the_session_reaches_the_two_services_and_nothing_else() -> None:
    session = open_session(IdentityServices())
    assert sorted({url.split("/")[2] for url in ADDRESSES}) == ["127.0.0.1:40342", "169.254.169.254", "localhost:40342"]
    for url in (
        "http://169.254.169.254/metadata/instance",
        "http://169.254.169.253/metadata/identity/oauth2/token",
        "http://localhost:40341/metadata/identity/oauth2/token",
        "https://169.254.169.254/metadata/identity/oauth2/token",
        "http://example.com/",
    ):
        with pytest.raises(InvalidSchema):
            session.get(url)


ANOTHER, APP_SERVICE = "names another identity service (http://10.0.0.1/", "looks like Azure App Service"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://10.0.0.1"}, ANOTHER),
        ({"IDENTITY_ENDPOINT": f"http://10.0.0.1{PATH}", "IMDS_ENDPOINT": "http://10.0.0.1"}, ANOTHER),
        (dict.fromkeys(("IDENTITY_ENDPOINT", "IDENTITY_HEADER"), "http://127.0.0.1:1/"), APP_SERVICE),
        (dict.fromkeys(("MSI_ENDPOINT", "MSI_SECRET"), "http://127.0.0.1:1/"), APP_SERVICE),
    ],
)
def test_an_identity_service_that_the_environment_names_is_not_called(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    error = scene.refused()
    assert type(error) is ConfigurationError
    assert f"environment {says}" in str(error)


@pytest.mark.parametrize(
    ("assigned", "named", "says", "azure"),
    [
        (0, None, "no token of the managed identity with the client ID", "Identity not found"),
        (0, "", "unless it is told of which identity", "Identity not found"),
        (2, "", "unless it is told of which identity", "Multiple user assigned"),
    ],
)
@pytest.mark.parametrize("on", ["scene", "arc"])
def test_an_identity_that_gets_no_token_is_said_with_azures_words(
    request: pytest.FixtureRequest, *, on: str, assigned: int, named: str | None, says: str, azure: str
) -> None:
    scene: Scene = request.getfixturevalue(on)
    scene.machine.user_assigned[:] = [scene.identity, scene.machine.new_identity(scene.polled.tenant)][:assigned]
    error = scene.refused("direct", named)
    assert type(error) is AuthenticationError
    assert says in str(error)
    assert azure in str(error)


def test_a_resource_that_the_identitys_tenant_does_not_know_is_explained_as_for_an_application(scene: Scene) -> None:
    scene.polled.tenant.resources.clear()
    with pytest.raises(UnknownResourceError, match="AADSTS500011"):
        scene.poll("direct")


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (429, ServiceError, "throttles: too many programs of this machine ask it"),
        (410, ServiceError, "is being updated, for up to 70 s, or"),
        (404, ServiceError, "or this machine is not one of Azure"),
        (500, ServiceError, "gave an error of its own. The next run"),
        (503, ServiceError, "gave an error of its own. The next run"),
    ],
)
def test_what_may_pass_is_asked_again_and_then_left_to_the_next_run(
    scene: Scene, status: int, error: type[AddonError], says: str
) -> None:
    scene.machine.next_answers.append(Answer(status, b"{}"))
    scene.poll()
    assert len(scene.machine.requests) == 2
    scene.machine.next_answers.extend([Answer(status, b"{}")] * 20)
    failure = scene.refused()
    assert type(failure) is error
    assert "The identity service of this machine (169.254.169.254)" in str(failure)
    assert says in str(failure)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            Answer(200, b"<html>portal</html>", (("Content-Type", "text/html"),)),
            "answered with something that is no token",
        ),
        (Answer(405, b"<html>no</html>", (("Content-Type", "text/html"),)), "is not the identity service of Azure"),
        (Answer(302, b"", (("Location", "http://10.0.0.1/"),)), "is not the identity service of Azure"),
    ],
)
def test_something_else_at_the_address_is_not_azures(scene: Scene, answer: Answer, says: str) -> None:
    scene.machine.next_answers.append(answer)
    error = scene.refused()
    assert type(error) is UnexpectedAnswerError
    assert says in str(error)


@pytest.fixture
def nowhere() -> Iterator[IdentityServices]:
    """Ports that are taken, so that nobody else answers there, and on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield IdentityServices(taken.getsockname(), taken.getsockname())


def test_a_machine_without_any_identity_service_is_told_from_one_whose_agent_is_down(
    scene: Scene, nowhere: IdentityServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.polled.identity_services = nowhere
    with pytest.raises(
        ConnectionFailedError, match="No identity service answers on this machine: it is not an Azure VM"
    ):
        check_account(scene.account(), scene.polled.network())
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token")
    monkeypatch.setenv("IMDS_ENDPOINT", "http://localhost:40342")
    with pytest.raises(ConnectionFailedError, match=r"Arc agent of this machine does not answer \(localhost:40342\)"):
        scene.poll()


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Be nobody for a while, where the tests run as root, who may read every file."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_challenge_that_splunkds_user_may_not_read_names_the_group(arc: Scene) -> None:
    arc.machine.challenge = arc.machine.challenges / "closed.key"
    arc.machine.challenge.write_text("secret", encoding="ascii")
    arc.machine.challenge.chmod(0)
    with without_privileges():
        error = arc.refused()
    assert type(error) is ConfigurationError
    assert "Add this user to the group himds (Linux: usermod -a -G himds splunk)" in str(error)
    assert len(arc.machine.requests) == 1


@pytest.mark.parametrize("name", ["../shadow.key", "shadow", "deeper/challenge.key", "deeper/../challenge.key"])
def test_a_file_outside_the_agents_folder_is_never_sent(arc: Scene, name: str) -> None:
    (arc.machine.challenges / "deeper").mkdir()
    arc.machine.challenge = arc.machine.challenges / name
    arc.machine.challenge.write_text(
        "outside" if arc.machine.challenge.resolve().parent != arc.machine.challenges else "inside"
    )
    with contextlib.suppress(AddonError):
        arc.poll()
    assert not [one for one in arc.machine.requests if "outside" in str(one)]


def test_a_challenge_that_is_too_large_or_not_there_is_the_agents_trouble_and_not_sent(arc: Scene) -> None:
    arc.machine.challenge = arc.machine.challenges / "large.key"
    arc.machine.challenge.write_text("x" * 4097, encoding="ascii")
    arc.refused()
    assert len(arc.machine.requests) == 1
    arc.machine.challenge = arc.machine.challenges / "gone.key"
    assert "The Azure Arc agent asks for a file of its own that can't be read" in str(arc.refused())


@pytest.mark.parametrize("header", ["Negotiate", "Basic realm", 'Basic charset="UTF-8"'])
def test_a_refusal_without_a_challenge_is_not_the_agents(arc: Scene, header: str) -> None:
    arc.machine.next_answers.append(Answer(401, b"{}", (("WWW-Authenticate", header),)))
    failure = arc.refused("direct", identity="")
    assert "What answers at localhost:40342 is not the identity service of Azure" in str(failure)


def test_an_agent_that_ignores_which_identity_is_wanted_gets_nowhere(arc: Scene) -> None:
    arc.machine.is_old_agent = True
    arc.machine.system_assigned = arc.machine.new_identity(arc.polled.tenant, ROLES)
    with pytest.raises(ConfigurationError, match="gives tokens of the machine's own identity alone"):
        arc.poll("direct")


def test_a_system_without_an_agent_is_said_to_be_one(arc: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(msal.managed_identity._supported_arc_platforms_and_their_prefixes, "linux")
    assert "The Azure Arc agent gives tokens on Linux and Windows alone." in str(arc.refused())


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (None, 70021),
        ({"issuer": f"https://{LOGIN}/{GUID}/v2.0"}, 700211),
        ({"subject": GUID}, 700213),
        ({"audience": "api://AzureADTokenExchangeUSGov"}, 700212),
    ],
)
def test_an_application_that_does_not_trust_the_identity_says_where_to_add_it(
    scene: Scene, other: dict[str, str] | None, code: int
) -> None:
    [trusted] = scene.polled.application.federated
    scene.polled.application.federated[:] = [] if other is None else [replace(trusted, **other)]
    error = scene.refused()
    assert type(error) is AuthenticationError
    assert f"AADSTS{code}" in str(error)
    says = "trusts the managed identity with the client ID" if code == 700212 else "does not trust the managed identity"
    assert says in str(error)
    assert scene.identity.client_id in str(error)


@pytest.mark.parametrize("code", [700222, 700236, 700238, 7002121])
def test_an_identity_of_another_tenant_than_the_applications_is_said_to_be_one(scene: Scene, code: int) -> None:
    scene.polled.cloud.faults.add(LOGIN, faults.EntraError(code), times=None)
    error = scene.refused()
    assert f"AADSTS{code}" in str(error)
    assert (code == 7002121) != ("is of another tenant or cloud than the application" in str(error))


STANZA = {"cloud": "commercial", "tenant_id": GUID, "auth_type": "managed_identity"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"identity_mode": "both"}, "identity_mode is 'both' and should be one of federated, direct."),
        ({"client_id": GUID}, "Only a user-assigned identity can vouch for an application."),
        (
            {"client_id": GUID, "identity_client_id": "mine"},
            "The client ID of the managed identity 'mine' is not a GUID.",
        ),
        ({"identity_client_id": GUID}, "The client id '' is not a GUID."),
    ],
)
def test_what_an_account_lacks_is_said_before_anything_is_called(fields: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_account("corp", {**STANZA, **fields}, {})
    assert str(caught.value).startswith(says)


def test_an_account_of_a_managed_identity_has_no_secret_and_does_not_expire() -> None:
    account = read_account("corp", {**STANZA, "identity_mode": "direct", "client_id": "left over"}, {})
    assert (account.client_id, account.identity_client_id, account.identity) == ("", "", "managed")
    assert account.secrets == ()
    assert account.expires is None
    federated = read_account(
        "corp", {**STANZA, "client_id": GUID, "identity_client_id": GUID}, {"client_secret": "old"}
    )
    assert (federated.identity_mode, federated.client_secret) == ("federated", "")


def test_a_permission_that_an_input_of_the_identitys_own_tenant_misses_is_not_looked_for_in_an_application(
    scene: Scene,
) -> None:
    account = scene.account("direct").in_tenant_of("emea", scene.polled.tenant.guid)
    missing = KindCheck("defender_graph_alerts", Verdict.MISSING, "Microsoft Graph SecurityAlert.Read.All")
    assert "the managed identity lacks the permission" in explained_in_tenant(account, missing)


@pytest.mark.parametrize("mode", ["federated", "direct"])
def test_the_check_at_save_reads_what_the_identity_or_its_application_may(scene: Scene, mode: str) -> None:
    account = scene.account(mode)
    found = check_account(account, scene.polled.network())
    feeds = {one.kind for one in found.kinds if one.finding is Verdict.FEEDS}
    assert {"defender_graph_alerts", "defender_incidents"} <= feeds
    [missing] = [one for one in warnings("corp", found, is_direct=account.is_direct) if "Alert.Read.All" in one]
    assert ("the managed identity lacks the permission" in missing) == (mode == "direct")
    assert ("App registrations" in missing) == (mode == "federated")


@pytest.mark.parametrize("mode", ["federated", "direct"])
def test_the_doctor_says_who_signs_in_and_gets_a_token(scene: Scene, mode: str) -> None:
    kind = KINDS["defender_graph_alerts"]
    plan, network = scene.polled.plan(), scene.polled.network()
    context = Context(
        kind=kind,
        account=scene.account(mode),
        apis={"global": plan.own.in_region("global", "commercial")},
        callers=Callers(network, trust(network.ca_pem), NoWaiting(), logging.getLogger(__name__), ASKS_ONCE),
        on_token=lambda _: None,
    )
    said = api_probe.credentials(context, "").found
    assert f"the managed identity with the client ID {scene.identity.client_id} of this machine" in said
    assert ("It vouches for the application" in said) == (mode == "federated")
    assert "SecurityAlert.Read.All" in api_probe.token(context, GRAPH).found
