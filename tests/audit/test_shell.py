"""The audit as somebody at a shell meets it: arguments, logins, refusals."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from audit.audited import PASSWORD, Audited
from integration.installation import APP, BROAD

SEARCH_HEAD, ADMIN = "--search-head", ("--search-username", "admin")


@pytest.mark.parametrize(
    ("options", "how", "says"),
    [
        ((), {"name": "nobody"}, "There is no input 'nobody' here. See the Inputs page of the add-on on this host."),
        ((), {"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "is empty"),
        ((), {"start": "2026-11-02T00:00:00Z", "end": "2026-11-02T00:00:00Z"}, "is empty"),
        ((), {"start": "yesterday"}, "--from is 'yesterday', and should be ISO 8601 in UTC (2026-11-01T00:00:00Z)"),
        ((), {"end": "2026-13-01T00:00:00Z"}, "--to is '2026-13-01T00:00:00Z'"),
        ((), {"user": "analyst"}, "takes the role admin or sc_admin"),
        ((), {"user": "sc_admin"}, "refuses the login of sc_admin"),
        ((), {"user": ""}, "give --username, or set SPLUNK_TOKEN"),
        ((SEARCH_HEAD, "http://127.0.0.1:8089", *ADMIN), {}, "is not an address such as"),
        ((SEARCH_HEAD, "search.example.com", *ADMIN), {}, "is not an address such as"),
        ((SEARCH_HEAD, "https://", *ADMIN), {}, "is not an address such as"),
    ],
)
def test_what_cannot_be_audited_ends_with_2_and_says_why(
    audited: Audited, options: tuple[str, ...], how: dict[str, str], says: str
) -> None:
    audited.run()
    done = audited.audit(*options, **how)
    assert (done.status, done.out) == (2, "")
    assert says in done.err


def test_what_is_not_collected_yet_and_what_Entra_ID_refuses_ends_with_2(audited: Audited) -> None:
    never = audited.audit()
    assert (never.status, "has not collected the region us" in never.out) == (2, True)
    audited.run()
    early = audited.audit(start="-1s")
    assert (early.status, "later alerts are not due yet" in early.out) == (2, True)
    audited.installation.application.secrets.clear()
    refused = audited.audit()
    assert (refused.status, "AADSTS7000215" in refused.err) == (2, True)


def test_a_kind_can_be_named(audited: Audited) -> None:
    audited.run()
    assert audited.audit("--kind", "defender_siem_alerts").status == 0
    with pytest.raises(SystemExit, match="2"):
        audited.audit("--kind", "defender_nothing")


def test_a_session_key_in_the_environment_needs_no_password(audited: Audited) -> None:
    audited.run()
    key = audited.installation.splunkd.session_key("sc_admin")
    audited.environment["SPLUNK_TOKEN"] = key
    done = audited.audit(user="")
    assert (done.status, audited.asked) == (0, [])
    assert key not in done.out + done.err


def test_a_session_key_that_has_run_out_ends_with_2(audited: Audited) -> None:
    audited.environment["SPLUNK_TOKEN"] = "an-old-key"
    done = audited.audit(user="")
    assert done.status == 2
    assert "an-old-key" not in done.out + done.err


def test_an_authentication_token_in_the_environment_does_as_well(audited: Audited) -> None:
    audited.collected({"eu": 3})
    sessions, token = audited.installation.splunkd.sessions, "eyJraWQiOiJz.eyJpc3MiOiJh.c2lnbmVk"
    sessions._keys[token] = sessions._keys[sessions.open("admin")]
    audited.environment["SPLUNK_TOKEN"] = token
    assert audited.audit(user="").status == 0


def test_splunk_that_is_down_ends_with_2(audited: Audited) -> None:
    with audited.installation.splunkd.unreachable():
        done = audited.audit()
    assert done.status == 2
    assert "Check the address, and that splunkd runs" in done.err


def test_a_search_head_elsewhere_is_asked_with_its_own_login(audited: Audited) -> None:
    audited.collected({"eu": 3})
    splunkd = audited.installation.splunkd
    audited.environment["SPLUNK_SEARCH_TOKEN"] = splunkd.session_key("analyst")
    before = len(splunkd.journal)
    assert audited.audit("--search-head", splunkd.server_uri).status == 0
    searches = [call.user for call in splunkd.journal[before:] if "/search/" in call.path]
    assert set(searches) == {"analyst"}


def test_the_audit_runs_under_splunks_pythons(audited: Audited, splunk_python: Path) -> None:
    audited.collected({"eu": 3}, lost=[1])
    splunkd = audited.installation.splunkd
    home = splunkd.home
    program = home / "etc" / "apps" / APP / "bin" / "defender_alerts_audit.py"
    port = splunkd.server_uri.rpartition(":")[2]
    options = ["--from", "-3d", "--to", "-1h", "--username", "admin", "--port", port, "--grace", "0"]
    done = subprocess.run(
        [str(splunk_python), str(program), BROAD, *options],
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={
            "SPLUNK_HOME": str(home),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(home / "lib" / "python3" / "site-packages"),
        },
    )
    assert done.returncode == 1
    # Progress, and nothing else.
    assert {line.partition(":")[0] for line in done.stderr.splitlines()} == {"Region us", "Region eu", "Region uk"}
    assert "missing   eu" in done.stdout
    assert "incomplete" in done.stdout
