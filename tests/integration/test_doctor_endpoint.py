"""The doctor's report as a page gets it: the same as at a shell, for administrators alone."""

from __future__ import annotations

from typing import Any

import pytest
from integration.installation import CLIENT_SECRET, KIND, NARROW, SIEM_HOST, Installation
from standins.microsoft.certificates import Certificate
from standins.microsoft.faults import ShowCertificate
from standins.splunkd import WebError

ENDPOINT = "defender_alerts_doctor"


def ask(installation: Installation, user: str = "admin", **query: str) -> dict[str, Any]:
    """What a page gets."""
    return installation.splunkd.web.get(ENDPOINT, user, **query)


def test_an_administrator_gets_the_report_of_an_input(installed: Installation) -> None:
    installed.cloud.faults.add(SIEM_HOST, ShowCertificate(Certificate.UNKNOWN_AUTHORITY), times=None)
    report = ask(installed, kind=KIND, input=NARROW)
    [one] = report["inputs"]
    assert report["notice"].startswith("Safe to send to support")
    assert (one["input"], one["kind"], one["healthy"]) == (NARROW, KIND, False)
    assert [check["subject"] for check in one["checks"] if check["outcome"] == "failed"] == [SIEM_HOST]
    assert one["verdict"] == f"1 check failed, 1 warning. Fix this first: TLS certificate ({SIEM_HOST})."
    assert CLIENT_SECRET not in str(report)


def test_everybody_else_is_refused_before_anything_is_asked(installed: Installation) -> None:
    with pytest.raises(WebError, match="Only users with the capability admin_all_objects may have an input examined"):
        ask(installed, "analyst", kind=KIND, input=NARROW)
    assert list(installed.cloud.journal) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"kind": "nothing"}, "The kind 'nothing' is not one of the add-on's"),
        ({"kind": KIND, "input": "nobody"}, "There is no input 'nobody' of the kind"),
    ],
)
def test_what_is_not_there_is_said(installed: Installation, query: dict[str, str], says: str) -> None:
    with pytest.raises(WebError, match=says):
        ask(installed, **query)
