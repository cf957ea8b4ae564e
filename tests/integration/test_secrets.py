"""No secret is written anywhere but into the encrypted password store, whatever goes well or wrong."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from integration.installation import APP, BROAD, LOGIN_HOST, NARROW, SIEM_HOST, Install, Installation, set_up
from standins.microsoft.certificates import Certificate
from standins.microsoft.directory import Secret
from standins.microsoft.faults import Body, CutOff, Redirect, ShowCertificate, Status, captive_portal
from standins.splunkd import Fault, IndexedEvent, InputProcess, KVStoreState, WebError

MISTYPED = "mistyped~Secret/of a colleague's+=%\"&"
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
        return [self.installed.secret, MISTYPED, PASSWORD, basic, *TOKEN_MARKS, *sorted(self.session_keys)]

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


def _meet_what_can_go_wrong_at_microsoft(traces: Traces) -> None:
    token = b'{"token_type":"Bearer","access_token":"eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBo'
    for host, fault in (
        (SIEM_HOST, Status(401, b'{"Message":"denied"}')),
        (SIEM_HOST, Status(403)),
        (SIEM_HOST, captive_portal()),
        (SIEM_HOST, Redirect("https://portal.example/")),
        (SIEM_HOST, ShowCertificate(Certificate.UNKNOWN_AUTHORITY)),
        (LOGIN_HOST, captive_portal()),
        (LOGIN_HOST, Body(token)),
        (LOGIN_HOST, Redirect("https://portal.example/")),
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
        installed.save_proxy(address, user=USER, password=PASSWORD)
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
    _collect_well(traces)
    _meet_what_can_go_wrong_at_microsoft(traces)
    _meet_what_can_go_wrong_in_splunkd(traces)
    _use_what_no_longer_holds(traces)

    # The case is what it should be.
    assert traces.statuses == {0, 1, 2, 3}
    assert len(traces.session_keys) > 20
    logs = installed.splunkd.logs()
    assert "log_level=DEBUG" in logs[f"ta_defender_alerts_defender_siem_alerts_{NARROW}.log"]
    assert "AADSTS7000215" in logs["splunkd.log"]
    seen = traces.seen()
    assert f"{APP}/bin/defender_siem_alerts.py" in seen["arguments of a process"]
    assert "AADSTS7000215" in seen["stderr"]
    assert SIEM_HOST in seen["events"]
    assert installed.stored("passwords").count("password = $7$") >= 3
    assert "client_secret = ******" in installed.stored("ta_defender_alerts_account")
    assert "proxy_password = ******" in installed.stored("ta_defender_alerts_settings")

    found = [(secret, place) for secret in traces.secrets() for place in installed.splunkd.places_of(secret)]
    found += [(secret, place) for secret in traces.secrets() for place, text in seen.items() if secret in text]
    # An address would stand in the log of every proxy on the way.
    found += [
        (secret, call.path)
        for secret in traces.secrets()
        for call in installed.cloud.journal
        if secret in call.path + str(call.query)
    ]
    assert found == []
