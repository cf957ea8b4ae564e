"""The doctor names the layer that fails, with what to do, and skips what rests on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from integration.doctor import PROXY_PASSWORD, PROXY_USER, proxy_as_saved, secrets_in, visit
from integration.installation import APP, LOGIN_HOST, NARROW, RESOURCE, SIEM_HOST, Installation
from standins.microsoft.certificates import Certificate
from standins.microsoft.faults import Fault, Hang, ShowCertificate, Status, captive_portal
from standins.splunkd import KVStoreState

TOKEN_PATH = "/{tenant}/oauth2/v2.0/token"

Break = Callable[[Installation], object]


def _shows(certificate: Certificate) -> Break:
    return _answers(SIEM_HOST, ShowCertificate(certificate))


def _change_the_store(state: KVStoreState) -> Break:
    return lambda installed: setattr(installed.splunkd.kvstore, "state", state)


def _answers(host: str, fault: Fault, path: str = "") -> Break:
    return lambda installed: installed.cloud.faults.add(
        host, fault, path=path.format(tenant=installed.tenant.guid), times=None
    )


@pytest.mark.parametrize(
    ("harm", "check", "subject", "says", "advises"),
    [
        pytest.param(
            _shows(Certificate.UNKNOWN_AUTHORITY),
            "tls",
            SIEM_HOST,
            "issued by O=Somebody else",
            "Additional CA certificates",
            id="an authority that nobody trusts",
        ),
        pytest.param(
            _shows(Certificate.EXPIRED),
            "tls",
            SIEM_HOST,
            "certificate has expired",
            "Check this machine's clock",
            id="a certificate that has expired",
        ),
        pytest.param(
            _shows(Certificate.OTHER_HOST),
            "tls",
            SIEM_HOST,
            "Hostname mismatch",
            "Something else answers in its place",
            id="the certificate of another host",
        ),
        pytest.param(
            lambda installed: installed.cloud.forget_host(SIEM_HOST),
            "tls",
            SIEM_HOST,
            "The proxy opens no tunnel",
            f"Check that the proxy lets {SIEM_HOST}:443 pass",
            id="a host that the proxy does not know",
        ),
        pytest.param(
            lambda installed: setattr(installed.tenant, "is_deleted", True),
            "token",
            RESOURCE,
            "AADSTS90002",
            "Correct the tenant id",
            id="an unknown tenant",
        ),
        pytest.param(
            lambda installed: installed.application.secrets.clear(),
            "token",
            RESOURCE,
            "AADSTS7000215",
            "Paste the secret's value",
            id="a wrong secret",
        ),
        pytest.param(
            _answers(LOGIN_HOST, captive_portal(), TOKEN_PATH),
            "token",
            RESOURCE,
            "is not Entra ID's",
            "Look for a proxy, portal or filter",
            id="a captive portal at the login",
        ),
        pytest.param(
            _answers(SIEM_HOST, captive_portal(), "/api/alerts"),
            "api",
            SIEM_HOST,
            "is not a JSON array; it begins with '<!DOCTYPE html>",
            "portal or filter on the way",
            id="a captive portal at the API",
        ),
        pytest.param(
            _answers(SIEM_HOST, Status(403, b'{"error":{"code":"Forbidden","message":"no role"}}'), "/api/alerts"),
            "api",
            SIEM_HOST,
            "HTTP 403",
            "",
            id="an API that refuses",
        ),
        pytest.param(
            _answers(SIEM_HOST, Hang(), "/api/alerts"),
            "api",
            SIEM_HOST,
            "did not answer in time",
            "port 443",
            id="an API that does not answer",
        ),
        pytest.param(
            _change_the_store(KVStoreState.DISABLED),
            "kvstore",
            "",
            "is disabled",
            "See mongod.log, [kvstore] in server.conf",
            id="a store that is disabled",
        ),
        pytest.param(
            _change_the_store(KVStoreState.STARTING),
            "kvstore",
            "",
            "is starting",
            "mongod.log",
            id="a store that starts",
        ),
        pytest.param(
            _change_the_store(KVStoreState.FAILED),
            "kvstore",
            "",
            "is failed",
            "mongod.log",
            id="a store that has failed",
        ),
    ],
)
def test_what_is_broken_is_named_with_what_to_do(
    installed: Installation, harm: Break, *, check: str, subject: str, says: str, advises: str
) -> None:
    harm(installed)
    done = visit(installed, "--input", NARROW, "--json")
    line = done.of(check, subject)
    assert (done.status, line["outcome"]) == (1, "failed")
    assert says in line["found"]
    assert line["advice"]
    assert advises in line["advice"]
    assert {name for name, outcomes in done.outcomes().items() if "failed" in outcomes} == {check}
    skipped = {name for name, outcomes in done.outcomes().items() if "skipped" in outcomes} - {"dns"}
    assert skipped == ({"api"} if check in {"tls", "token"} else set())
    assert not secrets_in(done, installed)


def test_a_proxy_that_wants_another_login_is_named_and_everything_behind_it_skipped(installed: Installation) -> None:
    with proxy_as_saved(installed):
        installed.cloud.proxy_credentials = (PROXY_USER, PROXY_PASSWORD)
        done = visit(installed, "--input", NARROW, "--json")
    assert done.status == 1
    assert "asks for a user name and password" in done.of("proxy")["found"]
    assert "Configuration > Proxy" in done.of("proxy")["advice"]
    assert done.outcomes()["tls"] == done.outcomes()["token"] == done.outcomes()["api"] == {"skipped"}
    assert done.of("credentials")["outcome"] == "ok"


def test_a_proxy_that_is_not_there_is_named(installed: Installation) -> None:
    with proxy_as_saved(installed):
        # Past the check of the page: it answered when it was saved.
        installed.splunkd.conf.write("ta_defender_alerts_settings", APP, "proxy", {"proxy_port": "9"})
        done = visit(installed, "--input", NARROW, "--json")
    assert done.status == 1
    assert "Nothing answers at http://127.0.0.1:9 ([Errno 111] Connection refused)" in done.of("proxy")["found"]
