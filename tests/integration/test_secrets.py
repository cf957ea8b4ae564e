"""No secret is written anywhere but into the encrypted password store, whatever goes well or wrong."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from integration.installation import APP, BROAD, LOGIN_HOST, NARROW, SIEM_HOST, Install, Installation, set_up
from standins.key_pairs import DAY, KeyPair, rsa_key
from standins.microsoft.certificates import Certificate
from standins.microsoft.directory import Secret
from standins.microsoft.faults import CutOff, EntraError, ShowCertificate, Status, captive_portal, ok, redirect
from standins.splunkd import Fault, IndexedEvent, InputProcess, KVStoreState, WebError

PAIR = KeyPair(rsa_key(2048, 11))
"""The certificate of an account, and a key that must not be read anywhere."""
MISTYPED = "mistyped~Secret/of a colleague's+=%\"&"
YESTERDAY = dt.datetime.now(dt.timezone.utc) - DAY
USER, PASSWORD = "splunk@corp", "proxy p@ss:w/rd#%20é"
# A JWT begins with base64 of '{"alg":' or '{"typ":', and its claims with that of '{"aud":': no file of ours holds these.
TOKEN_MARKS = ("eyJhbGciOi", "eyJ0eXAiOi", "eyJhdWQiOi")


@dataclass
class Traces:
    """What runs leave behind outside of SPLUNK_HOME, and which keys splunkd gave them."""

    installed: Installation
    statuses: set[int] = field(default_factory=set)
    session_keys: set[str] = field(default_factory=set)
    command_lines: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def start(self, name: str) -> InputProcess:
        """Start an input, and take down what can be seen of it while it runs."""
        process = self.installed.start(name, on_event=lambda event: self._note(process, event))
        return process

    def finish(self, process: InputProcess) -> None:
        """Wait for its end."""
        self.command_lines += _command_lines(process.pid)
        self.session_keys |= set(self.installed.splunkd.sessions._keys)
        run = process.wait(60)
        self.statuses.add(run.status)
        self.stderr += run.stderr
        self.command_lines.append(" ".join(run.command))

    def run(self, name: str = NARROW) -> None:
        """Run an input to its end."""
        self.finish(self.start(name))

    def _note(self, process: InputProcess, event: IndexedEvent) -> None:
        if len(self.events) % 100 == 0:
            self.command_lines += _command_lines(process.pid)
        self.events.append(str(event))

    def secrets(self) -> list[str]:
        """Everything that must not be read anywhere, as it is and as HTTP's Basic scheme writes it."""
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        keys = [line for line in PAIR.key_lines() if len(line) > len("a rest of a line")]
        # What OpenSSL is given has the lines of the key's older form.
        keys += PAIR.pkcs1_pem.splitlines()[1:-2]
        return [self.installed.secret, MISTYPED, PASSWORD, basic, *keys, *TOKEN_MARKS, *sorted(self.session_keys)]

    def seen(self) -> dict[str, str]:
        """The texts in which to look for them, beside the files and the KV store."""
        return {
            "arguments of a process": "\n".join(self.command_lines),
            "stderr": "\n".join(self.stderr),
            "events": "\n".join(self.events),
        }


def _command_lines(pid: int) -> Iterator[str]:
    """The arguments of a process and of its children, as everybody on the machine can read them."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        for process in (str(pid), *children):
            yield Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")


def _collect_well(traces: Traces) -> None:
    traces.installed.publish("eu", traces.installed.alerts(250))
    traces.run(BROAD)
    traces.run(BROAD)


def _certified(pair: KeyPair) -> dict[str, str]:
    """What the page sends of an account that signs in with a certificate."""
    return {"auth_type": "certificate", "certificate": pair.pem, "private_key": pair.key_pem, "client_secret": ""}


def _sign_in_with_a_certificate(traces: Traces) -> None:
    installed = traces.installed
    with pytest.raises(WebError):
        installed.save_account("certified", **_certified(PAIR))
    registered = installed.application.add_certificate(PAIR.pem)
    installed.save_account("certified", **_certified(PAIR))
    installed.save_input("of_certified", account="certified", regions="eu")
    traces.run("of_certified")
    for code in (700024, 700027, 7000218):
        scripted = installed.cloud.faults.add(LOGIN_HOST, EntraError(code), times=None)
        traces.run("of_certified")
        scripted.remove()
    installed.application.certificates.remove(registered)
    traces.run("of_certified")
    # Written by hand, past every check of the page.
    for name, changes in (
        ("of_expired", {"certificate": KeyPair(PAIR.key, not_after=YESTERDAY).pem}),
        ("of_foreign", {"certificate": KeyPair(rsa_key()).pem}),
        ("of_broken", {"certificate": PAIR.pem.replace("M", "-", 5)}),
    ):
        lines = {field: text.replace("\n", " ") for field, text in changes.items()}
        installed.splunkd.conf.write("ta_defender_alerts_account", APP, "certified", lines)
        installed.save_input(name, account="certified", regions="eu")
        traces.run(name)


def _meet_what_can_go_wrong_at_microsoft(traces: Traces) -> None:
    token = b'{"token_type":"Bearer","access_token":"eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBo'
    for host, fault in (
        (SIEM_HOST, Status(401, b'{"Message":"denied"}')),
        (SIEM_HOST, Status(403)),
        (SIEM_HOST, captive_portal()),
        (SIEM_HOST, redirect("https://portal.example/")),
        (SIEM_HOST, ShowCertificate(Certificate.UNKNOWN_AUTHORITY)),
        (LOGIN_HOST, captive_portal()),
        (LOGIN_HOST, ok(token)),
        (LOGIN_HOST, redirect("https://portal.example/")),
    ):
        scripted = traces.installed.cloud.faults.add(host, fault, times=None)
        traces.run()
        scripted.remove()
    traces.installed.cloud.faults.add(SIEM_HOST, CutOff())
    traces.run()


def _meet_what_can_go_wrong_in_splunkd(traces: Traces) -> None:
    splunkd = traces.installed.splunkd
    for state in (KVStoreState.DISABLED, KVStoreState.READY):
        splunkd.kvstore.state = state
        traces.run()
    for path in ("storage/passwords", "conf-ta_defender_alerts_settings", "conf-ta_defender_alerts_account"):
        fault = splunkd.faults.add(Fault(path, status=403))
        traces.run()
        splunkd.faults.remove(fault)
    process = traces.start(NARROW)
    splunkd.sessions.expire()
    traces.finish(process)


def _use_what_no_longer_holds(traces: Traces) -> None:
    installed, cloud = traces.installed, traces.installed.cloud
    cloud.proxy_credentials = (USER, "has been changed")
    traces.run()
    for address in (cloud.https_proxy, cloud.proxy):
        with pytest.raises(WebError):
            installed.save_proxy(address, user=USER, password=PASSWORD)
        cloud.proxy_credentials = (USER, PASSWORD)
        installed.save_proxy(address, user=USER, password=PASSWORD)
        cloud.proxy_credentials = (USER, "has been changed")
        traces.run()
    cloud.proxy_credentials = (USER, PASSWORD)
    installed.application.secrets[:] = [Secret("has been changed", "a-guid")]
    traces.run()
    for name, client_secret in (("mistyped", MISTYPED), ("stale", installed.secret)):
        with pytest.raises(WebError):
            installed.save_account(name, client_secret=client_secret)
    with pytest.raises(WebError):
        installed.edit_account(client_secret=MISTYPED)
    installed.save_account("unchecked", client_secret=MISTYPED, skip_check="1")
    installed.save_input("of_unchecked", account="unchecked", regions="eu")
    traces.run("of_unchecked")


def test_no_secret_and_no_token_is_written_anywhere_at_DEBUG_whatever_goes_well_or_wrong(install: Install) -> None:
    installed = set_up(install(), user=USER, password=PASSWORD)
    traces = Traces(installed)
    with installed.splunkd.starting_anew():
        # A fork has the arguments of the process that it is forked from.
        _collect_well(traces)
    _sign_in_with_a_certificate(traces)
    _meet_what_can_go_wrong_at_microsoft(traces)
    _meet_what_can_go_wrong_in_splunkd(traces)
    _use_what_no_longer_holds(traces)

    # The case is what it should be.
    assert traces.statuses == {0, 1, 2, 3}
    assert len(traces.session_keys) > 20
    logs = installed.splunkd.logs()
    assert "log_level=DEBUG" in logs[f"ta_defender_alerts_defender_siem_alerts_{NARROW}.log"]
    assert "AADSTS7000215" in logs["splunkd.log"]
    assert "AADSTS700027" in logs["ta_defender_alerts_defender_siem_alerts_of_certified.log"]
    assert "expired on" in logs["ta_defender_alerts_defender_siem_alerts_of_expired.log"]
    assert "do not belong together" in logs["ta_defender_alerts_defender_siem_alerts_of_foreign.log"]
    assert [assertion.header["alg"] for assertion in installed.application.assertions].count("PS256") > 1
    seen = traces.seen()
    assert f"{APP}/bin/defender_siem_alerts.py" in seen["arguments of a process"]
    assert "AADSTS7000215" in seen["stderr"]
    assert SIEM_HOST in seen["events"]
    assert installed.stored("passwords").count("password = $7$") >= 3
    assert "client_secret = ******" in installed.stored("ta_defender_alerts_account")
    assert "proxy_password = ******" in installed.stored("ta_defender_alerts_settings")

    found = [(secret, leak) for secret in traces.secrets() for leak in installed.splunkd.leaks_of(secret)]
    found += [(secret, where) for secret in traces.secrets() for where, text in seen.items() if secret in text]
    # An address would stand in the log of every proxy on the way.
    found += [
        (secret, call.path)
        for secret in traces.secrets()
        for call in installed.cloud.journal
        if secret in call.path + str(call.query)
    ]
    assert found == []


def test_each_run_warns_before_what_the_account_signs_in_with_expires(fresh: Installation) -> None:
    soon = dt.datetime.now(dt.timezone.utc).replace(microsecond=0) + 29 * DAY
    pair = KeyPair(not_after=soon)
    fresh.application.add_certificate(pair.pem)
    certified = _certified(pair)
    for name, fields in (("expiring", {"secret_expires": soon.date().isoformat()}), ("certified", certified)):
        fresh.save_account(name, **fields)
        fresh.save_input(f"of_{name}", account=name, regions="eu")
        for _ in range(2):
            assert fresh.run(f"of_{name}").status == 0
            (warning,) = (line for line in fresh.log(f"of_{name}") if line.level == "WARNING")
            field = "certificate_expires_in_days" if fields is certified else "secret_expires_in_days"
            assert warning.fields[field] in {"28", "29"}
            assert f"expires on {soon.date()}" in warning.text
    assert "upload it in Entra ID" in warning.text
    assert "client secret" not in warning.text


def test_a_certificate_that_is_good_for_long_is_not_spoken_of(fresh: Installation) -> None:
    fresh.application.add_certificate(PAIR.pem)
    fresh.save_account("lasting", **_certified(PAIR))
    fresh.save_input("of_lasting", account="lasting", regions="eu")
    assert fresh.run("of_lasting").status == 0
    assert [line.text for line in fresh.log("of_lasting") if line.level == "WARNING"] == []
