"""A failure on the way to Microsoft ends in one sentence that an administrator can act on.

One of each category; `tests/unit/test_tokens.py` has each code of Entra ID, and `tests/faults` every failure with every kind of input.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from integration.installation import LOGIN_HOST, NARROW, OTHER_RESOURCE, RESOURCE, SIEM_HOST, Installation
from integration.log import actions, errors
from standins.microsoft.certificates import Certificate
from standins.microsoft.faults import EntraError, Fault, ShowCertificate, redirect
from standins.microsoft.siem import SiemBehaviour
from standins.splunkd import Fault as SplunkdFault


def _always(host: str, fault: Fault) -> Callable[[Installation], object]:
    return lambda installed: installed.cloud.faults.add(host, fault, times=None)


@pytest.mark.parametrize(
    ("harm", "category", "status", "words"),
    [
        (
            lambda installed: installed.application.secrets.clear(),
            "Authentication Error",
            2,
            ("AADSTS7000215", "correlation id"),
        ),
        # A code without advice of its own.
        (_always(LOGIN_HOST, EntraError(700027)), "Authentication Error", 2, ("AADSTS700027",)),
        (
            _always(LOGIN_HOST, redirect("https://login.hotel.example/welcome")),
            "Server Error",
            1,
            (LOGIN_HOST, "login.hotel.example"),
        ),
        (
            lambda installed: installed.tenant.resources.discard(RESOURCE),
            "Configuration Error",
            2,
            (RESOURCE, OTHER_RESOURCE, "AADSTS500011"),
        ),
        (
            lambda installed: setattr(
                installed.cloud.siem("eu"), "behaviour", SiemBehaviour(required_role="Alert.Read.All")
            ),
            "Permission Error",
            1,
            (SIEM_HOST, "region eu", "no permissions (roles)", "HTTP 403"),
        ),
        (
            lambda installed: setattr(installed.cloud.siem("eu"), "retired", "410"),
            "Server Error",
            1,
            (SIEM_HOST, "defender_graph_alerts (Microsoft Graph) or defender_endpoint_alerts.", "HTTP 410"),
        ),
        (
            _always(SIEM_HOST, ShowCertificate(Certificate.EXPIRED)),
            "Connection Error",
            1,
            (SIEM_HOST, "certificate has expired"),
        ),
        (
            lambda installed: installed.splunkd.faults.add(SplunkdFault("storage/passwords", dropped=True)),
            "Server Error",
            1,
            ("splunkd does not return the settings",),
        ),
    ],
)
def test_a_failure_ends_in_one_sentence_its_category_and_its_exit_status(
    installed: Installation,
    harm: Callable[[Installation], object],
    category: str,
    status: int,
    words: tuple[str, ...],
) -> None:
    installed.publish("eu", installed.alerts(100))
    harm(installed)
    run = installed.run(NARROW)
    # Nothing was published before it failed, so stdout is empty rather than half a stream.
    assert (run.status, run.stdout_bytes) == (status, 0)
    log = installed.log(NARROW)
    [error] = errors(log)
    assert (error.category, error.fields["input"], error.lines) == (category, NARROW, 1)
    [line] = run.stderr
    assert line.startswith(f"ERROR defender_siem_alerts://{NARROW} ")
    assert [word for word in words if word not in error.text or word not in line] == []
    assert not any("Traceback" in entry.text for entry in log)
    assert "Trace ID" not in error.text, "what follows Microsoft's sentence is not part of it"
    assert "defender_alerts.errors." not in error.text, "the name of a class is not for an administrator"
    [done] = actions(log, "run_done")
    assert (done["outcome"], done["exit_status"]) == ("failed", str(status))
