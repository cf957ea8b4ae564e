"""The doctor names the layer that fails, with what to do, and skips what rests on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from integration.doctor import PROXY_PASSWORD, PROXY_USER, proxy_as_saved, secrets_in, visit
from integration.installation import APP, LOGIN_HOST, NARROW, RESOURCE, SIEM_HOST, Installation
from standins.microsoft.certificates import Certificate
from standins.microsoft.faults import Hang, ShowCertificate, Status, captive_portal
from standins.splunkd import KVStoreState

TOKEN_PATH = "/{tenant}/oauth2/v2.0/token"

Break = Callable[[Installation], None]


@dataclass(frozen=True)
class Broken:
    """One thing that is wrong, the check that has to name it, and the first one that is skipped for it."""

    id: str
    let: Break
    check: str
    subject: str
    says: str
    advises: str
    skips: tuple[str, ...] = ()


def _shows(certificate: Certificate) -> Break:
    return lambda installed: _ignored(installed.cloud.faults.add(SIEM_HOST, ShowCertificate(certificate), times=None))


def _ignored(_: object) -> None:
    """Let a lambda give nothing."""


def _forget_the_tenant(installed: Installation) -> None:
    installed.tenant.is_deleted = True


def _change_the_store(state: KVStoreState) -> Break:
    def change(installed: Installation) -> None:
        installed.splunkd.kvstore.state = state

    return change


def _answers(host: str, fault: object, path: str) -> Break:
    def add(installed: Installation) -> None:
        here = path.format(tenant=installed.tenant.guid)
        installed.cloud.faults.add(host, fault, path=here, times=None)  # type: ignore[arg-type]

    return add


BROKEN = (
    Broken(
        "an authority that nobody trusts",
        _shows(Certificate.UNKNOWN_AUTHORITY),
        "tls",
        SIEM_HOST,
        "issued by O=Somebody else",
        "Additional CA certificates",
        ("api",),
    ),
    Broken(
        "a certificate that has expired",
        _shows(Certificate.EXPIRED),
        "tls",
        SIEM_HOST,
        "certificate has expired",
        "Check this machine's clock",
        ("api",),
    ),
    Broken(
        "the certificate of another host",
        _shows(Certificate.OTHER_HOST),
        "tls",
        SIEM_HOST,
        "Hostname mismatch",
        "Something else answers in its place",
        ("api",),
    ),
    Broken(
        "a host that the proxy does not know",
        lambda installed: installed.cloud.forget_host(SIEM_HOST),
        "tls",
        SIEM_HOST,
        "The proxy opens no tunnel",
        f"Check that the proxy lets {SIEM_HOST}:443 pass",
        ("api",),
    ),
    Broken(
        "an unknown tenant",
        _forget_the_tenant,
        "token",
        RESOURCE,
        "AADSTS90002",
        "Correct the tenant id",
        ("api",),
    ),
    Broken(
        "a wrong secret",
        lambda installed: installed.application.secrets.clear(),
        "token",
        RESOURCE,
        "AADSTS7000215",
        "Paste the secret's value",
        ("api",),
    ),
    Broken(
        "a captive portal at the login",
        _answers(LOGIN_HOST, captive_portal(), TOKEN_PATH),
        "token",
        RESOURCE,
        "is not Entra ID's",
        "Look for a proxy, portal or filter",
        ("api",),
    ),
    Broken(
        "a captive portal at the API",
        _answers(SIEM_HOST, captive_portal(), "/api/alerts"),
        "api",
        SIEM_HOST,
        "is not a JSON array; it begins with '<!DOCTYPE html>",
        "portal or filter on the way",
    ),
    Broken(
        "an API that refuses",
        _answers(SIEM_HOST, Status(403, b'{"error":{"code":"Forbidden","message":"no role"}}'), "/api/alerts"),
        "api",
        SIEM_HOST,
        "HTTP 403",
        "",
    ),
    Broken(
        "an API that does not answer",
        _answers(SIEM_HOST, Hang(), "/api/alerts"),
        "api",
        SIEM_HOST,
        "did not answer in time",
        "port 443",
    ),
    Broken(
        "a store that is disabled",
        _change_the_store(KVStoreState.DISABLED),
        "kvstore",
        "",
        "is disabled",
        "See mongod.log, [kvstore] in server.conf",
    ),
    Broken(
        "a store that starts",
        _change_the_store(KVStoreState.STARTING),
        "kvstore",
        "",
        "is starting",
        "mongod.log",
    ),
    Broken(
        "a store that has failed",
        _change_the_store(KVStoreState.FAILED),
        "kvstore",
        "",
        "is failed",
        "mongod.log",
    ),
)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.id)
def test_what_is_broken_is_named_with_what_to_do(installed: Installation, broken: Broken) -> None:
    broken.let(installed)
    done = visit(installed, "--input", NARROW, "--json")
    line = done.of(broken.check, broken.subject)
    assert (done.status, line["outcome"]) == (1, "failed")
    assert broken.says in line["found"]
    assert line["advice"]
    assert broken.advises in line["advice"]
    others = {name for name, outcomes in done.outcomes().items() if "failed" in outcomes}
    assert others == {broken.check}
    skipped = {name for name, outcomes in done.outcomes().items() if "skipped" in outcomes} - {"dns"}
    assert skipped == set(broken.skips)
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
