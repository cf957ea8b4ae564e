"""The questions to a real tenant, asked of the stand-in cloud: as the add-on assumes it, and each time otherwise."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from defender_alerts.microsoft.network import IdentityServices
from defender_alerts.microsoft.transport.client import Stop
from standins.key_pairs import KeyPair
from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.endpoint_samples import endpoint_alert
from standins.microsoft.faults import ResetBeforeHeaders, Status, ok
from standins.microsoft.graph import ALERTS, INCIDENTS
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.microsoft.managed_identity import Machine, ManagedIdentity
from standins.microsoft.odata_query import Query
from standins.microsoft.samples import siem_alert
from standins.microsoft.wire import Request
from standins.polling import SECRET, PassingTime
from standins.sources import ROLES

from acceptance import __main__ as program
from acceptance import tenant
from acceptance.tenant_checks import CHECKS

GRAPH_HOST, XDR = "graph.microsoft.com", "api.security.microsoft.com"
GRAPH, ENDPOINT = "https://graph.microsoft.com", "https://api.securitycenter.microsoft.com"
VARIABLES = ("IDENTITY_ENDPOINT", "IMDS_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET")
BETWEEN_LOOKS = 15.0
FIRST_INCIDENT = 4_711_001
COLLECTIONS = ("graph-alerts", "incidents", "endpoint-alerts")
AS_ASSUMED = {
    "graph-alerts-open": "yes",
    "incidents-open": "yes",
    "endpoint-alerts-open": "yes",
    "graph-alerts-by-incident-permission": "not asked",
    "identity-vouches": "not asked",
    "identity-opens": "not asked",
    **{
        f"{one}-{name}": "yes"
        for one in COLLECTIONS
        for name in ("identified", "orderby", "lower-bound", "upper-bound", "pages")
    },
    # The stand-in's tenant has 60 incidents, and too few alerts to fill a page.
    "graph-alerts-page-size": "not seen",
    "incidents-page-size": "yes",
    "endpoint-alerts-page-size": "not seen",
    "graph-alerts-skip": "yes",
    "incidents-expanded": "yes",
    "incident-by-id": "yes",
    "xdr-audience": "yes",
    "siem-answers": "yes",
    "siem-lower-bound": "yes",
    "siem-upper-bound": "yes",
    **{f"{one}-delay": "yes" for one in COLLECTIONS},
    "moved-alert-update-time": "yes",
}


@dataclass
class Customer:
    """A tenant in the stand-in cloud whose administrator runs the program."""

    cloud: MicrosoftCloud
    tenant: Tenant
    application: Application
    machine: Machine
    said: list[str] = field(default_factory=list)
    """What was shown on the screen beside the report."""
    text: str = ""
    jumped: float = 0.0
    while_watched: Callable[[], None] | None = None
    """Happens between the first two looks at what is new."""
    stop: Stop | None = None
    arguments: tuple[str, ...] = ()
    """The last ones, for what a test arranges."""

    def put(self, kind: str, number: int, age: float, **overrides: Any) -> None:
        """Let a record of so many seconds ago be there."""
        now = self.cloud.clock.now()
        updated = now - round(age * ticks.PER_SECOND) + 3
        graph = self.cloud.graph("commercial")
        if kind == "graph-alerts":
            raw = graph_alert(number, updated, id=f"da{number:08d}_1", **overrides)
            graph.alerts.put(self.tenant, raw)
        elif kind == "incidents":
            raw = graph_incident(FIRST_INCIDENT + number, updated, **overrides)
            graph.incidents.put(self.tenant, raw, alerts=[graph_alert(number, updated)])
        elif kind == "endpoint-alerts":
            raw = endpoint_alert(number, updated, id=f"da{number:08d}_1", **overrides)
            self.cloud.endpoint("commercial").put(self.tenant, raw)
        else:
            self.cloud.siem("eu").add(self.tenant, siem_alert(number, updated))

    def fill(self) -> None:
        """The last day of a tenant: alerts and incidents, and something that is updated while it is watched."""
        for kind, count in (("graph-alerts", 12), ("incidents", 60), ("endpoint-alerts", 12), ("siem", 3)):
            for number in range(1, count + 1):
                self.put(kind, number, 60.0 * 60 * number / 3)

    def update(self, age: float, **overrides: Any) -> None:
        """Let one record of each collection appear that was updated so many seconds ago."""
        for kind in COLLECTIONS:
            self.put(kind, 2, age, **(overrides if kind == "graph-alerts" else {}))

    def behaves(self, kind: str, **changes: Any) -> None:
        """Let an API do otherwise what documents leave open."""
        graph = self.cloud.graph("commercial")
        collection: Any = {
            "graph-alerts": graph.alerts,
            "incidents": graph.incidents,
            "endpoint-alerts": self.cloud.endpoint("commercial"),
            "siem": self.cloud.siem("eu"),
        }[kind]
        collection.behaviour = replace(collection.behaviour, **changes)

    def run(self, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> int:
        """Run the program to its end."""
        proxy, ca = self.cloud.proxy, folder / "ca.pem"
        ca.write_text(self.cloud.ca_pem, encoding="utf-8")

        def pass_time(seconds: float) -> None:
            self.jumped += seconds
            self.cloud.clock.advance(seconds)
            if seconds == BETWEEN_LOOKS:
                happens, self.while_watched = self.while_watched, None
                if happens is not None:
                    happens()

        console = tenant.Console(
            environment={"ACCEPT_CLIENT_SECRET": SECRET} if environment is None else environment,
            ask=lambda _: pytest.fail("asked for something that was given"),
            ask_secret=lambda _: SECRET,
            tell=self.said.append,
            show=lambda text: setattr(self, "text", text),
            stop=self.stop or PassingTime(pass_time),
            monotonic=lambda: time.monotonic() + self.jumped,
            identity_services=IdentityServices(self.machine.vm_address, self.machine.arc_address),
        )
        return tenant.main(
            (
                *("--tenant", self.tenant.guid, "--client-id", self.application.client_id, "--watch", "2"),
                *(
                    "--proxy",
                    f"http://{proxy.host}:{proxy.port}",
                    "--ca",
                    str(ca),
                    "--report",
                    str(folder / "made" / "report"),
                ),
                *arguments,
                *self.arguments,
            ),
            console,
        )

    def answers(
        self, folder: Path, *arguments: str, status: int | None = None, **how: Any
    ) -> dict[str, dict[str, Any]]:
        """Run the program, see that its report is safe to send, and give its answers by their names."""
        ended = self.run(folder, *arguments, **how)
        assert status is None or ended == status, self.said
        report = (folder / "made" / "report.json").read_text(encoding="utf-8")
        self.must_be_safe(report + (folder / "made" / "report.txt").read_text(encoding="utf-8"))
        return {answer["check"]: answer for answer in json.loads(report)["answers"]}

    def must_be_safe(self, report: str) -> None:
        """See that nothing of the tenant stands in a report."""
        graph = self.cloud.graph("commercial")
        records = [
            json.loads(raw)
            for shelf in (graph.alerts, graph.incidents, self.cloud.endpoint("commercial"))
            for raw in shelf.records(self.tenant)
        ]
        contents = {
            str(record[name])
            for record in records
            for name in ("id", "title", "displayName", "incidentId", "lastUpdateDateTime", "lastUpdateTime")
            if len(str(record.get(name))) > 6
        }
        ours = {self.tenant.guid, self.tenant.domain, self.application.client_id, SECRET, "eyJ", self.cloud.proxy.host}
        assert [text for text in contents | ours if text in report] == []


@pytest.fixture(scope="module")
def running() -> Iterator[MicrosoftCloud]:
    with MicrosoftCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def machine(running: MicrosoftCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(running, tmp_path_factory.mktemp("challenges")) as one, pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        yield one


@pytest.fixture
def customer(running: MicrosoftCloud, machine: Machine) -> Iterator[Customer]:
    """Give a tenant of its own in a cloud that behaves as assumed."""
    graph, endpoint, siem = running.graph("commercial"), running.endpoint("commercial"), running.siem("eu")
    shelves: tuple[Any, ...] = (graph.alerts, graph.incidents, endpoint, siem)
    before = [shelf.behaviour for shelf in shelves]
    for tenant_of_earlier in running.entra._tenants:
        tenant_of_earlier.is_deleted = True
    name = f"t{len(running.entra._tenants)}.onmicrosoft.com"
    one = running.entra.add_tenant(domain=name, cloud="commercial")
    made = Customer(running, one, one.add_application(secret=SECRET, roles=ROLES), machine)
    made.fill()
    yield made
    running.faults.clear()
    running.journal.clear()
    for shelf, behaviour in zip(shelves, before, strict=True):
        shelf.behaviour = behaviour
        shelf.before_answer = None
    graph.incidents.expansion_fails = None
    siem.retired = None


def test_a_tenant_as_the_add_on_assumes_it_answers_yes(customer: Customer, tmp_path: Path) -> None:
    customer.while_watched = lambda: customer.update(5.0, incidentId="47110815")
    found = customer.answers(tmp_path, status=0)
    assert {name: answer["verdict"] for name, answer in found.items()} == AS_ASSUMED
    calls = list(customer.cloud.journal)
    assert {call.method for call in calls if not call.host.startswith("login.")} == {"GET"}
    assert len(calls) < 160


def _broken_record(customer: Customer) -> None:
    now = customer.cloud.clock.now() - 60 * ticks.PER_SECOND
    for shelf in (customer.cloud.graph("commercial").alerts, customer.cloud.graph("commercial").incidents):
        shelf.put(customer.tenant, b'{"title":"without an id"}', version=now, identity="broken")
    customer.cloud.endpoint("commercial").put(customer.tenant, b'{"title":"nor here"}', version=now, identity="broken")


def _upper_bound_counts(customer: Customer) -> None:
    """A window of a second gives all records, those of its end among them."""
    graph, endpoint = customer.cloud.graph("commercial"), customer.cloud.endpoint("commercial")
    for host, path, shelf in (
        (GRAPH_HOST, ALERTS, graph.alerts),
        (GRAPH_HOST, INCIDENTS, graph.incidents),
        (endpoint.host, "/api/alerts", endpoint),
    ):
        everything = b'{"value":[' + b",".join(shelf.records(customer.tenant)) + b"]}"
        customer.cloud.faults.add(host, ok(everything), path=path, times=None, when=_is_a_second)


def _is_a_second(request: Request) -> bool:
    start, end = (ticks.parse(text) for text in re.findall(r"(?:ge|lt) (\S+Z)", dict(request.query)["$filter"]))
    return end - start == ticks.PER_SECOND


def _siem_is_retired(customer: Customer) -> None:
    for region in customer.cloud.siem_regions:
        region.retired = "410"


def _not_by_id(customer: Customer) -> None:
    single = f"{INCIDENTS}/"
    customer.cloud.faults.add(GRAPH_HOST, Status(404), times=None, when=lambda request: request.path.startswith(single))


def _other_alerts_at_xdr(customer: Customer) -> None:
    customer.cloud.faults.add(XDR, ok(b'{"value":[]}'), times=None)


def _late(customer: Customer) -> None:
    customer.while_watched = lambda: customer.update(2_000.0)


def _only_incidents(customer: Customer) -> None:
    customer.application.roles[GRAPH] = ("SecurityIncident.Read.All",)
    customer.cloud.faults.add(GRAPH_HOST, Status(403), path=ALERTS, times=None)


def _signs_in_by_identity(customer: Customer, *, vouches: bool) -> ManagedIdentity:
    made = customer.machine.new_identity(customer.tenant, ROLES)
    customer.machine.user_assigned = [made]
    customer.arguments = ("--managed-identity", made.client_id, *(() if vouches else ("--client-id", "")))
    return made


def _identity_is_refused(customer: Customer) -> None:
    _signs_in_by_identity(customer, vouches=False)
    customer.cloud.faults.add(GRAPH_HOST, Status(403), times=None)


def _moved_without_update(customer: Customer) -> None:
    alerts = customer.cloud.graph("commercial").alerts
    alert = json.loads(alerts.records(customer.tenant)[-1])
    customer.while_watched = lambda: alerts.put(customer.tenant, {**alert, "incidentId": "47110815"})


OTHERWISE: dict[str, tuple[str, Callable[[Customer], object]]] = {
    "graph-alerts-open": ("NO", lambda c: c.cloud.faults.add(GRAPH_HOST, Status(403), times=None)),
    "incidents-open": ("not asked", lambda c: c.application.roles.update({GRAPH: ROLES[GRAPH][:1]})),
    "endpoint-alerts-open": ("not asked", lambda c: c.tenant.resources.discard(ENDPOINT)),
    "graph-alerts-orderby": ("NO", lambda c: c.behaves("graph-alerts", orderby="ignored")),
    "incidents-orderby": ("NO", lambda c: c.behaves("incidents", orderby="within_newest")),
    "endpoint-alerts-orderby": ("NO", lambda c: c.behaves("endpoint-alerts", orderby="refused")),
    "graph-alerts-lower-bound": ("NO", lambda c: c.behaves("graph-alerts", rounds_bounds_to="ms")),
    "incidents-lower-bound": ("NO", lambda c: c.behaves("incidents", rounds_bounds_to="s")),
    "endpoint-alerts-lower-bound": ("NO", lambda c: c.behaves("endpoint-alerts", rounds_bounds_to="ms")),
    **{f"{one}-upper-bound": ("NO", _upper_bound_counts) for one in COLLECTIONS},
    **{f"{one}-identified": ("NO", _broken_record) for one in COLLECTIONS},
    **{f"{one}-delay": ("NO", _late) for one in COLLECTIONS},
    "graph-alerts-pages": ("NO", lambda c: c.behaves("graph-alerts", links_break_from=2)),
    "incidents-pages": ("NO", lambda c: c.behaves("incidents", links="never", most_skip=1)),
    "endpoint-alerts-pages": ("NO", lambda c: c.behaves("endpoint-alerts", most_skip=3)),
    "graph-alerts-page-size": ("NO", lambda c: c.behaves("graph-alerts", page_maximum=5)),
    "incidents-page-size": ("NO", lambda c: c.behaves("incidents", page_maximum=40)),
    "endpoint-alerts-page-size": ("NO", lambda c: c.behaves("endpoint-alerts", most_top=5_000)),
    "graph-alerts-skip": ("NO", lambda c: c.behaves("graph-alerts", most_skip=100)),
    "incidents-expanded": ("NO", lambda c: setattr(c.cloud.graph("commercial").incidents, "expansion_fails", bool)),
    "siem-lower-bound": ("NO", lambda c: c.behaves("siem", lower_inclusive=False)),
    "siem-upper-bound": ("NO", lambda c: c.behaves("siem", upper_inclusive=False)),
    "siem-answers": ("NO", _siem_is_retired),
    "incident-by-id": ("NO", _not_by_id),
    "identity-vouches": ("NO", lambda c: _signs_in_by_identity(c, vouches=True)),
    "identity-opens": ("NO", _identity_is_refused),
    "xdr-audience": ("NO", _other_alerts_at_xdr),
    "moved-alert-update-time": ("NO", _moved_without_update),
    "graph-alerts-by-incident-permission": ("NO", _only_incidents),
}


def test_there_is_a_way_to_answer_each_question_otherwise() -> None:
    assert OTHERWISE.keys() == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_not_as_the_add_on_assumes_it_is_answered_no(customer: Customer, tmp_path: Path, name: str) -> None:
    verdict, arrange = OTHERWISE[name]
    arrange(customer)
    found = customer.answers(tmp_path, "--only", name)
    assert [answer["verdict"] for answer in found.values()] == [verdict], customer.said


def test_an_empty_tenant_shows_nothing_and_says_so(customer: Customer, tmp_path: Path) -> None:
    graph = customer.cloud.graph("commercial")
    for shelf in (graph.alerts, graph.incidents, customer.cloud.endpoint("commercial"), customer.cloud.siem("eu")):
        shelf.remove(customer.tenant)
    verdicts = {
        name: answer["verdict"] for name, answer in customer.answers(tmp_path, "--watch", "0", status=0).items()
    }
    answered = {"open", "skip", "answers", "audience"}
    assert {name for name, verdict in verdicts.items() if verdict == "yes"} == {
        name for name in verdicts if name.rpartition("-")[2] in answered
    }
    assert set(verdicts.values()) == {"yes", "not seen", "not asked"}


def test_records_that_move_while_they_are_compared_are_compared_again(customer: Customer, tmp_path: Path) -> None:
    alerts = customer.cloud.graph("commercial").alerts
    ages = iter((5.0, 4.0, 3.0))

    def move(query: Query) -> None:
        if query.order is not None and (age := next(ages, None)):
            customer.put("graph-alerts", 5, age)

    alerts.before_answer = move
    found = customer.answers(tmp_path, "--only", "graph-alerts-orderby")
    assert [answer["verdict"] for answer in found.values()] == ["yes"]
    later = itertools.count()
    alerts.before_answer = lambda _: customer.put("graph-alerts", 5, 9.0 - next(later) / 1_000)
    found = customer.answers(tmp_path, "--only", "graph-alerts-orderby")
    assert [answer["verdict"] for answer in found.values()] == ["no answer"]


def test_credentials_that_are_refused_are_reported_by_their_code_alone(customer: Customer, tmp_path: Path) -> None:
    found = customer.answers(tmp_path, status=2, environment={"ACCEPT_CLIENT_SECRET": "wrong~secret.0123456789"})
    assert {answer["verdict"] for answer in found.values()} == {"not asked", "not seen"}
    assert "AADSTS7000215" in found["graph-alerts-open"]["seen"]
    # The add-on's own sentence, with all that helps, is on the screen.
    assert any(customer.application.client_id in line or "client secret" in line for line in customer.said)


def test_an_api_that_can_not_be_reached_costs_only_its_own_answers(customer: Customer, tmp_path: Path) -> None:
    customer.cloud.faults.add(customer.cloud.endpoint("commercial").host, ResetBeforeHeaders(), times=None)
    names = "endpoint-alerts-open,endpoint-alerts-orderby,graph-alerts-orderby"
    found = customer.answers(tmp_path, "--only", names, status=1)
    assert {name: answer["verdict"] for name, answer in found.items()} == {
        "endpoint-alerts-open": "no answer",
        "endpoint-alerts-orderby": "no answer",
        "graph-alerts-orderby": "yes",
    }


def test_an_application_signs_in_with_a_certificate(customer: Customer, tmp_path: Path) -> None:
    pair = KeyPair()
    customer.application.add_certificate(pair.pem)
    for name, text in (("certificate", pair.pem), ("private-key", pair.key_pem)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    given = [f"--{name}={tmp_path / name}" for name in ("certificate", "private-key")]
    assert customer.answers(tmp_path, "--only", "graph-alerts-open", *given, status=0, environment={})
    assert pair.key_pem not in (tmp_path / "made" / "report.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "vouches"), [("identity-vouches", True), ("identity-opens", False)])
def test_a_machine_of_azure_signs_in_with_its_identity(
    customer: Customer, tmp_path: Path, name: str, *, vouches: bool
) -> None:
    _signs_in_by_identity(customer, vouches=vouches).trusted_by(customer.application)
    asked = len(customer.machine.requests)
    found = customer.answers(tmp_path, "--only", f"{name},graph-alerts-pages", status=0, environment={})
    assert {answer["verdict"] for answer in found.values()} == {"yes"}
    assert len(customer.machine.requests) > asked


def test_a_client_id_that_is_none_is_said_before_anything_is_asked(customer: Customer, tmp_path: Path) -> None:
    assert customer.run(tmp_path, "--client-id", "splunk") == 2
    assert "splunk" in customer.said[-1]
    assert "Configuration > Accounts" not in customer.said[-1]
    assert not list(customer.cloud.journal)


def test_what_nobody_answers_is_to_be_in_the_environment(customer: Customer) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    console = tenant.Console(environment={}, ask=nobody, ask_secret=nobody, tell=customer.said.append)
    for given in ((), ("ACCEPT_TENANT",), ("ACCEPT_TENANT", "ACCEPT_CLIENT_ID")):
        assert tenant.main(["--tenant"], replace(console, environment=dict.fromkeys(given, customer.tenant.guid))) == 2
        assert "ACCEPT_CLIENT_SECRET" in customer.said[-1]


def test_ctrl_c_leaves_a_report_of_what_is_known(customer: Customer, tmp_path: Path) -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            del timeout
            raise KeyboardInterrupt

    customer.stop = Interrupted()
    found = customer.answers(tmp_path, status=2)
    assert found["graph-alerts-orderby"]["verdict"] == "yes"
    assert "moved-alert-update-time" not in found


def test_a_government_cloud_is_asked_at_its_own_hosts(
    running: MicrosoftCloud, machine: Machine, tmp_path: Path
) -> None:
    one = running.entra.add_tenant(domain="agency.onmicrosoft.us", cloud="gcc_high")
    roles = {"https://graph.microsoft.us": ROLES[GRAPH]}
    customer = Customer(running, one, one.add_application(secret=SECRET, roles=roles), machine)
    found = customer.answers(tmp_path, "--cloud", "gcc_high", "--watch", "0", status=0)
    assert (found["graph-alerts-open"]["verdict"], found["xdr-audience"]["verdict"]) == ("yes", "not asked")
    assert {call.host for call in running.journal if call.host.endswith(".com")} == set()


@pytest.mark.parametrize(
    "arguments", [("--only", "nothing"), ("--cloud", "china"), ("--watc", "1"), ("--certificate", "c")]
)
def test_options_that_are_wrong_are_refused(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main(("--tenant", *arguments))
    assert "error:" in capsys.readouterr().err


def test_names_of_questions_are_one_each_and_their_rows_exist() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert {row for check in CHECKS for row in check.settles} == {"M1", "M2", *(f"M{n}" for n in range(5, 15))}
