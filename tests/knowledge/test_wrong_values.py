"""Fields that would be worse than missing: another product, an account that every host has, no address, attacker for victim."""

from __future__ import annotations

import json
from typing import Any

import pytest
from knowledge.current_events import ENDPOINT, GRAPH, INCIDENT, SIEM, Kind
from knowledge.current_fields import endpoint_evidence, every_graph_alert, fields_of, graph_evidence, values
from standins.search import SearchKnowledge

# The product.


@pytest.mark.parametrize(
    ("members", "app"),
    [
        ({"serviceSource": "microsoftDefenderForIdentity", "productName": "Another"}, "Microsoft Defender for Identity"),
        ({"serviceSource": "MICROSOFTDEFENDERFORIDENTITY"}, "Microsoft Defender for Identity"),
        ({"serviceSource": "unknownFutureValue", "productName": "Microsoft Defender for Things"}, "Microsoft Defender for Things"),
        ({"serviceSource": None, "productName": "Microsoft Defender for Things"}, "Microsoft Defender for Things"),
        ({"serviceSource": "somethingNew", "productName": None}, "Microsoft Defender XDR"),
        ({"serviceSource": "somethingNew", "productName": "unknown"}, "Microsoft Defender XDR"),
        ({"serviceSource": None, "productName": None}, "Microsoft Defender XDR"),
        ({"serviceSource": "microsoftThreatIntelligence"}, "Microsoft Threat Intelligence"),
    ],
)  # fmt: skip
@every_graph_alert
def test_the_product_is_the_one_that_microsoft_names(
    knowledge: SearchKnowledge, kind: Kind, members: dict[str, Any], app: str
) -> None:
    raw = json.dumps({"id": "1", "evidence": [{"productName": "x", "serviceSource": "x"}]} | members)
    assert fields_of(knowledge, kind, raw)["app"] == app


def test_an_endpoint_alert_that_names_no_product_is_the_endpoint_s(knowledge: SearchKnowledge) -> None:
    assert fields_of(knowledge, ENDPOINT, ENDPOINT.raw())["app"] == "Microsoft Defender for Endpoint"
    graph_record = GRAPH.raw(serviceSource="somethingNew", productName=None)
    assert fields_of(knowledge, ENDPOINT, graph_record)["app"] == "Microsoft Defender XDR"


# Accounts that every host has.

BUILT_IN = (
    *("SYSTEM", "system", "NT AUTHORITY\\SYSTEM", "Local System", "LOCAL SERVICE", "NETWORK SERVICE", "NetworkService"),
    *("ANONYMOUS LOGON", "root", "DWM-1", "UMFD-12", "Font Driver Host\\UMFD-0"),
)
SOMEBODY = ("systems", "system.admin", "rooted", "anna", "CORP\\system1", "dwm", "service")
SIDS = ("S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-7", "S-1-5-90-0-1", "S-1-5-96-0-0")


def account(name: str | None, sid: str | None = None) -> dict[str, Any]:
    return graph_evidence("processEvidence", processId=4, userAccount={"accountName": name, "userSid": sid})


def device(name: str, *logged_on: str | None, roles: tuple[str, ...] = ()) -> dict[str, Any]:
    return graph_evidence(
        "deviceEvidence",
        deviceDnsName=name,
        loggedOnUsers=[{"accountName": each} for each in logged_on],
        roles=list(roles),
    )


@pytest.mark.parametrize("name", BUILT_IN)
@every_graph_alert
def test_a_built_in_account_is_nobody(knowledge: SearchKnowledge, kind: Kind, name: str) -> None:
    def found(*evidence: dict[str, Any]) -> tuple[Any, Any]:
        fields = fields_of(knowledge, kind, kind.raw(evidence=list(evidence)))
        return fields.get("user"), fields.get("user_name")

    user = graph_evidence("userEvidence", userAccount={"accountName": name})
    assert found(account(name)) == (None, None)
    assert found(user) == (None, name.rpartition("\\")[2])
    assert found(account(name), account("anna")) == ("anna", None)
    assert found(user, account("anna"))[0] == "anna"
    assert found(device("a.example", name, "anna"), account(name)) == ("anna", None)
    assert found(device("a.example", name)) == (None, None)


@pytest.mark.parametrize("sid", SIDS)
@every_graph_alert
def test_a_built_in_account_is_nobody_in_any_language(knowledge: SearchKnowledge, kind: Kind, sid: str) -> None:
    evidence = [account("SYSTÈME", sid), account("chloe", "S-1-5-21-1-2-3-1001")]
    assert fields_of(knowledge, kind, kind.raw(evidence=evidence))["user"] == "chloe"
    assert "user" not in fields_of(knowledge, kind, kind.raw(evidence=evidence[:1]))


@pytest.mark.parametrize("name", SOMEBODY)
@every_graph_alert
def test_an_account_with_a_similar_name_is_somebody(knowledge: SearchKnowledge, kind: Kind, name: str) -> None:
    fields = fields_of(knowledge, kind, kind.raw(evidence=[account(name, "S-1-5-21-1-2-3-1001")]))
    assert fields["user"] == name.rpartition("\\")[2]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_account_of_an_endpoint_alert_is_nobody(knowledge: SearchKnowledge, name: str) -> None:
    evidence = [endpoint_evidence(entityType="User", accountName=name)]
    logged_on = [{"accountName": name}, {"accountName": "anna"}]
    members: dict[str, Any] = {"relatedUser": {"userName": name}, "evidence": evidence}
    fields = fields_of(knowledge, ENDPOINT, ENDPOINT.raw(**members, loggedOnUsers=logged_on))
    assert (fields["user"], fields["user_name"]) == ("anna", name.rpartition("\\")[2])
    assert "user" not in fields_of(knowledge, ENDPOINT, ENDPOINT.raw(**members, loggedOnUsers=logged_on[:1]))


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize(
    ("logged_on", "user"),
    [
        ("CORP\\anna", "anna"),
        ("{name};CORP\\anna", "anna"),
        ("{name}; {name} , CORP\\anna;CORP\\bjorn", "anna"),
        ("CORP\\anna;{name}", "anna"),
        ("{name}", None),
        (None, None),
    ],
)
def test_a_built_in_account_of_a_siem_alert_is_nobody(
    knowledge: SearchKnowledge, name: str, logged_on: str | None, user: str | None
) -> None:
    users = logged_on and logged_on.replace("{name}", name)
    fields = knowledge.search_fields(SIEM.event(SIEM.raw(UserName=name, LogOnUsers=users)))
    assert (fields.get("user"), fields["user_name"]) == (user, name.rpartition("\\")[2])


# Addresses of no host.


@pytest.mark.parametrize(
    "address",
    [*("0.0.0.0", "127.0.0.1", "127.8.9.1", "::", "::1", "0:0:0:0:0:0:0:1"), *("255.255.255.255", "::ffff:127.0.0.1")],  # noqa: S104 - addresses to be refused
)
@every_graph_alert
def test_a_placeholder_is_no_address(knowledge: SearchKnowledge, kind: Kind, address: str) -> None:
    def found(*addresses: str) -> list[list[str]]:
        evidence = [graph_evidence("ipEvidence", ipAddress=each) for each in addresses]
        evidence += [graph_evidence("nicEvidence", ipAddress={"ipAddress": each}) for each in addresses]
        fields = fields_of(knowledge, kind, kind.raw(evidence=evidence))
        return [values(fields, name) for name in ("ip", "src")]

    assert found(address) == [[], []]
    assert found(address, "10.0.0.1") == [["10.0.0.1"]] * 2
    assert found("::2") == [["::2"]] * 2
    assert found("10.0.0.0") == [["10.0.0.0"]] * 2


# Roles.

ADDRESS = graph_evidence("ipEvidence", ipAddress="203.0.113.5", roles=["attacker"])


@pytest.mark.parametrize(
    ("evidence", "dest", "src"),
    [
        ([device("a", roles=("source",)), device("b", roles=("destination",))], "b", "a"),
        ([device("b", roles=("attacked",)), device("a", roles=("contextual", "attacker"))], "b", "a"),
        ([device("a", roles=("attacker",)), device("b")], "b", "a"),
        ([device("c"), device("b", roles=("attacked",))], "b", "c"),
        ([device("a", roles=("source",))], "a", "a"),
        ([device("b", roles=("attacked",)), ADDRESS], "b", "203.0.113.5"),
        ([device("c", roles=("contextual",)), device("d")], "c", "c"),
        ([device("b", roles=("destination",)), ADDRESS | {"roles": []}], "b", "b"),
    ],
)
@every_graph_alert
def test_dest_was_attacked_and_src_attacked_by_the_roles_that_microsoft_gives(
    knowledge: SearchKnowledge, kind: Kind, evidence: list[dict[str, Any]], dest: str, src: str
) -> None:
    fields = fields_of(knowledge, kind, kind.raw(evidence=evidence))
    assert (fields["dest"], fields["src"]) == (dest, src)


# And what was missing without need.


@every_graph_alert
def test_a_link_may_have_its_slashes_escaped(knowledge: SearchKnowledge, kind: Kind) -> None:
    link = "https://security.microsoft.com/alerts/x?tid=1"
    raw = kind.raw(alertWebUrl=link, incidentWebUrl=link + "&i=2")
    for text in (raw, raw.replace("/", "\\/")):
        fields = fields_of(knowledge, kind, text)
        assert (fields["alert_url"], fields["incident_url"]) == (link, link + "&i=2")


@pytest.mark.parametrize("at", range(3))
def test_the_host_of_a_former_incident_is_the_first_device_of_its_alerts(knowledge: SearchKnowledge, at: int) -> None:
    alerts: list[dict[str, Any]] = [{"alertId": str(number), "devices": []} for number in range(3)]
    alerts[at]["devices"] = [{"deviceDnsName": "pc-1.example"}, {"deviceDnsName": "pc-2.example"}]
    raw = json.dumps({"incidentId": 1, "incidentName": "x", "alerts": alerts})
    assert fields_of(knowledge, INCIDENT, raw)["dest"] == "pc-1.example"
