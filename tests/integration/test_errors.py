"""A failure on the way to Microsoft ends in one sentence that an administrator can act on.

One of each category and of each code with advice of its own; `tests/faults` has every failure with every kind of input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from integration.installation import (
    LOGIN_HOST,
    NARROW,
    OTHER_RESOURCE,
    RESOURCE,
    SIEM_HOST,
    Installation,
    texts,
)
from integration.log import actions, errors
from standins.microsoft.certificates import Certificate
from standins.microsoft.directory import Secret
from standins.microsoft.faults import (
    EntraError,
    Fault,
    Redirect,
    ShowCertificate,
    Status,
    captive_portal,
    throttled,
)
from standins.microsoft.siem import SiemBehaviour
from standins.splunkd import Fault as SplunkdFault

REPLACEMENTS = "replace this input with defender_graph_alerts (Microsoft Graph) or defender_endpoint_alerts."
AUTHENTICATION, CONFIGURATION, CONNECTION, PERMISSION, SERVER = (
    f"{word} Error" for word in ("Authentication", "Configuration", "Connection", "Permission", "Server")
)

Break = Callable[[Installation], object]


@dataclass(frozen=True)
class Failure:
    """What goes wrong, and what an administrator learns of it: `words` all stand in the one sentence."""

    name: str
    breaking: Break
    category: str
    status: int
    words: tuple[str, ...]


def _always(host: str, fault: Fault) -> Break:
    return lambda installed: installed.cloud.faults.add(host, fault, times=None)


def _other_secret(installed: Installation) -> None:
    installed.application.secrets[:] = [Secret("another one", "a-guid", None)]


def _behaviour(**changes: object) -> Break:
    def change(installed: Installation) -> None:
        installed.cloud.siem("eu").behaviour = replace(SiemBehaviour(), **changes)  # type: ignore[arg-type]

    return change


def _missing_permission(installed: Installation) -> None:
    installed.application.roles = {RESOURCE: ("Machine.Read.All", "Ti.ReadWrite")}
    _behaviour(required_role="Alert.Read.All")(installed)


FAILURES = (
    Failure(
        "wrong secret",
        _other_secret,
        AUTHENTICATION,
        2,
        ("AADSTS7000215", "correlation id"),
    ),
    Failure(
        "unknown tenant",
        lambda installed: setattr(installed.tenant, "is_deleted", True),
        AUTHENTICATION,
        2,
        ("AADSTS90002",),
    ),
    Failure(
        "unknown application",
        lambda installed: installed.tenant.applications.clear(),
        AUTHENTICATION,
        2,
        ("AADSTS700016",),
    ),
    Failure(
        "disabled application",
        lambda installed: setattr(installed.application, "disabled", True),
        AUTHENTICATION,
        2,
        ("AADSTS7000112",),
    ),
    Failure(
        "tenant of another cloud",
        lambda installed: setattr(installed.tenant, "cloud", "gcc_high"),
        CONFIGURATION,
        2,
        ("AADSTS900382",),
    ),
    Failure(
        "unknown resource",
        lambda installed: installed.tenant.resources.discard(RESOURCE),
        CONFIGURATION,
        2,
        (RESOURCE, OTHER_RESOURCE, "AADSTS500011"),
    ),
    Failure(
        "code without advice",
        _always(LOGIN_HOST, EntraError(700027)),
        AUTHENTICATION,
        2,
        ("AADSTS700027",),
    ),
    Failure(
        "captive portal before Entra ID",
        _always(LOGIN_HOST, captive_portal()),
        SERVER,
        1,
        ("answered 200", "portal"),
    ),
    Failure(
        "redirect before Entra ID",
        _always(LOGIN_HOST, Redirect("https://login.hotel.example/welcome")),
        SERVER,
        1,
        (LOGIN_HOST, "login.hotel.example"),
    ),
    Failure(
        "permission missing",
        _missing_permission,
        PERMISSION,
        1,
        (SIEM_HOST, "region eu", "Machine.Read.All, Ti.ReadWrite", "HTTP 403"),
    ),
    Failure(
        "forbidden without any permission",
        _behaviour(required_role="Alert.Read.All"),
        PERMISSION,
        1,
        ("no permissions (roles)", "HTTP 403"),
    ),
    Failure(
        "401 for ever",
        _always(SIEM_HOST, Status(401, b'{"Message":"Authorization has been denied for this request."}')),
        AUTHENTICATION,
        2,
        (SIEM_HOST, REPLACEMENTS, "HTTP 401"),
    ),
    Failure(
        "410",
        lambda installed: setattr(installed.cloud.siem("eu"), "retired", "410"),
        SERVER,
        1,
        (SIEM_HOST, REPLACEMENTS, "HTTP 410"),
    ),
    Failure(
        "expired certificate",
        _always(SIEM_HOST, ShowCertificate(Certificate.EXPIRED)),
        CONNECTION,
        1,
        (SIEM_HOST, "certificate has expired"),
    ),
)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_failure_ends_in_one_sentence_its_category_and_its_exit_status(
    installed: Installation, failure: Failure
) -> None:
    installed.publish("eu", installed.alerts(100))
    failure.breaking(installed)
    run = installed.run(NARROW)
    # Nothing was published before it failed, so stdout is empty rather than half a stream.
    assert (run.status, run.stdout_bytes) == (failure.status, 0)
    log = installed.log(NARROW)
    [error] = errors(log)
    assert error.category == failure.category
    assert error.fields["input"] == NARROW
    assert [word for word in failure.words if word not in error.text] == []
    [line] = run.stderr
    assert line.startswith(f"ERROR defender_siem_alerts://{NARROW} ")
    assert [word for word in failure.words if word not in line] == []
    assert not any("Traceback" in entry.text for entry in log)
    assert "Trace ID" not in error.text, "what follows Microsoft's sentence is not part of it"
    [done] = actions(log, "run_done")
    assert (done["outcome"], done["exit_status"]) == ("failed", str(failure.status))


def test_Retry_After_is_honoured_within_the_run(installed: Installation) -> None:
    alerts = installed.alerts(100)
    installed.publish("eu", alerts)
    installed.cloud.faults.add(SIEM_HOST, throttled(2))
    installed.cloud.faults.add(LOGIN_HOST, EntraError(90055, retry_after=1))
    run = installed.run(NARROW)
    assert (run.status, [event.raw for event in run.events], run.stderr) == (0, texts(alerts), [])
    first, second, *_ = installed.cloud.journal.calls(SIEM_HOST)
    assert (first.status, second.status) == (429, 200)
    assert second.began - (first.ended or first.began) >= 2
    first, second = installed.cloud.journal.calls(LOGIN_HOST)
    assert second.began - (first.ended or first.began) >= 1
    [done] = actions(installed.log(NARROW), "region_done")
    assert float(done["throttled_seconds"]) == 2


def test_a_splunkd_that_does_not_answer_is_one_sentence_too(installed: Installation) -> None:
    installed.splunkd.faults.add(SplunkdFault("storage/passwords", dropped=True))
    run = installed.run(NARROW)
    assert (run.status, run.stdout_bytes) == (1, 0)
    [error] = errors(installed.log(NARROW))
    assert "splunkd does not return the settings" in error.text
    assert len(run.stderr) == 1
