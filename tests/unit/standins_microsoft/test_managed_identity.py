"""The stand-ins of an Azure VM's metadata service and of the Arc agent refuse what the real ones do."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.managed_identity import PATH, Machine

IMDS, ARC = "169.254.169.254", "localhost:40342"
QUESTION = f"{PATH}?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.microsoft.com"
OF_ARC = QUESTION.replace("2018-02-01", "2020-06-01")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with MicrosoftCloud() as cloud, Machine(cloud, tmp_path_factory.mktemp("tokens")) as running:
        running.system_assigned = running.new_identity(cloud.entra.add_tenant())
        yield running


def ask(
    machine: Machine, target: str = QUESTION, *, host: str = IMDS, method: str = "GET", **headers: str
) -> tuple[int, Any, str]:
    """Ask a service; the answer's status, body and challenge."""
    address = machine.vm_address if host == IMDS else machine.arc_address
    connection = http.client.HTTPConnection(*address)
    sent = {"Host": host, "Metadata": "true", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, target, headers={name: value for name, value in sent.items() if value})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body or "{}"), answer.headers.get("WWW-Authenticate", "")


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        (QUESTION, {"Metadata": ""}, 400),
        (QUESTION, {"Metadata": "True"}, 400),
        (QUESTION, {"X_Forwarded_For": "10.0.0.1"}, 400),
        (QUESTION, {"Via": "1.1 proxy"}, 400),
        (QUESTION, {"host": IMDS, "Host": "example.com"}, 400),
        (f"http://{IMDS}{QUESTION}", {}, 404),
        (QUESTION.replace("token", "tokens"), {}, 404),
        (QUESTION.replace("2018-02-01", "2017-12-01"), {}, 400),
        (QUESTION.partition("&")[0], {}, 400),
        (f"{QUESTION}&bypass_cache=true", {}, 400),
        (f"{QUESTION}&resource=https%3A%2F%2Fgraph.microsoft.com", {}, 400),
        (f"{QUESTION}&client_id=00000000-0000-0000-0000-000000000000", {}, 400),
        (QUESTION.replace("graph.microsoft.com", "example.com"), {}, 400),
    ],
)
def test_what_the_metadata_service_refuses_is_refused(
    machine: Machine, target: str, headers: dict[str, str], status: int
) -> None:
    assert ask(machine, target, **headers)[0] == status


def test_the_metadata_service_takes_nothing_but_get(machine: Machine) -> None:
    assert ask(machine, method="POST")[0] == 404


def test_the_agent_gives_a_token_for_the_text_of_its_challenge_and_for_each_challenge_once(machine: Machine) -> None:
    status, _, challenge = ask(machine, OF_ARC, host=ARC)
    assert (status, challenge.partition("=")[0]) == (401, "Basic realm")
    secret = Path(challenge.partition("=")[2]).read_text(encoding="ascii")
    assert ask(machine, OF_ARC, host=ARC, Authorization=f"Bearer {secret}")[0] == 401
    _, _, challenge = ask(machine, OF_ARC, host=ARC)
    secret = Path(challenge.partition("=")[2]).read_text(encoding="ascii")
    assert ask(machine, OF_ARC, host=ARC, Authorization=f"Basic {secret}")[0] == 200
    assert ask(machine, OF_ARC, host=ARC, Authorization=f"Basic {secret}")[0] == 401
    assert ask(machine, OF_ARC, host=ARC, Authorization="Basic something else")[0] == 401
