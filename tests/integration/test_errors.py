"""A failure on the way to Microsoft ends in one sentence that an administrator can act on.

One of each category; `tests/unit/test_tokens.py` has each code of Entra ID, and `tests/faults` every failure with every kind of input.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from integration.installation import LOGIN_HOST, NARROW, OTHER_RESOURCE, RESOURCE, SIEM_HOST, Installation, texts
from integration.log import actions, errors
from standins.microsoft.certificates import Certificate
from standins.microsoft.faults import EntraError, Fault, ShowCertificate, redirect, throttled
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
    assert (error.category, error.fields["input"]) == (category, NARROW)
    [line] = run.stderr
    assert line.startswith(f"ERROR defender_siem_alerts://{NARROW} ")
    assert [word for word in words if word not in error.text or word not in line] == []
    assert not any("Traceback" in entry.text for entry in log)
    assert "Trace ID" not in error.text, "what follows Microsoft's sentence is not part of it"
    [done] = actions(log, "run_done")
    assert (done["outcome"], done["exit_status"]) == ("failed", str(status))


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
