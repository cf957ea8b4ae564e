"""The stand-in splunkd: one Splunk instance with one app, in the test's own process."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Callable
from xml.sax.saxutils import quoteattr

from typing_extensions import Self

from standins.splunkd.access import SYSTEM_USER, Metadata, Sessions
from standins.splunkd.children import Children
from standins.splunkd.conf import ConfFiles
from standins.splunkd.endpoints.collections import Collections
from standins.splunkd.endpoints.configs import Configs, boolean
from standins.splunkd.endpoints.inputs import DataInputs
from standins.splunkd.endpoints.search import Searches
from standins.splunkd.endpoints.secrets import storage_passwords
from standins.splunkd.endpoints.server import UNTIL_RESTART, Server
from standins.splunkd.faults import Call, Faults
from standins.splunkd.handlers import Handlers
from standins.splunkd.home import Home
from standins.splunkd.https import ManagementPort
from standins.splunkd.inputrun import InputProcess, InputRun
from standins.splunkd.kvstore import KVStore, KVStoreState
from standins.splunkd.modular import ModularInputs, Scheme, metadata_xml, parameters_xml
from standins.splunkd.passwords import Passwords
from standins.splunkd.rest import Rest, session_mark
from standins.splunkd.scripts import Scripts
from standins.splunkd.stream import IndexedEvent
from standins.splunkd.web import SplunkWeb

_COMMAND_SECONDS = 120
_LONGEST_END = 30
"""Seconds for an input that has been asked to stop."""


class Splunkd(AbstractContextManager["Splunkd"]):
    """A Splunk instance in `home` with `app` (a built tree, copied in) whose scripts run under `python`.

    A `home` that was used before keeps its settings, as after a restart; the KV store starts empty each time.
    Leaving the context ends every process it started, and raises if the stand-in itself failed.
    """

    def __init__(self, home: Path, app: Path, python: Path) -> None:
        self._home = Home(home)
        self._home.install(app)
        self._app = app.name
        children = Children(self._home, python, app.name)
        self._children = children
        self.home = home
        self.python = python
        self.conf = ConfFiles(home)
        self.faults = Faults()
        self.kvstore = KVStore(self.conf, self.faults)
        self.sessions = Sessions()
        self.modular = ModularInputs(children, self.conf)
        metadata = Metadata(home)
        self.server = Server(self.conf, self.kvstore, self._restart)
        self.is_restarting = False
        self._restarts: list[threading.Thread] = []
        self.searches = Searches(home / "etc" / "apps" / app.name, self._home.read_logs)
        self.passwords = Passwords(home, self.conf)
        configs = Configs(self.conf, metadata)
        collections = Collections(self.conf, metadata, self.kvstore)
        self._inputs = DataInputs(self.conf, metadata, self.modular, self._validate)
        self._rest = Rest(
            {
                ("configs",): configs.conf,
                ("storage", "passwords"): lambda context, path: storage_passwords(self.passwords, context, path),
                ("storage", "collections", "config"): collections.config,
                ("storage", "collections", "data"): collections.data,
                ("data", "inputs"): self._inputs.handle,
                ("data", "indexes"): self.server.data_indexes,
                ("search", "jobs"): self.searches.jobs,
                ("search", "v2", "jobs"): self.searches.jobs,
                ("server", "info"): self.server.info,
                ("server", "control"): self.server.control,
                ("apps", "local"): self.server.apps,
                ("authentication", "current-context"): self.server.current_context,
            },
            self.conf,
            self.sessions,
            Handlers(children, self.conf),
            Scripts(children, self.conf, lambda: self.server_uri, self.session_key),
            faults=self.faults,
        )
        self._port = ManagementPort(self._home.certificate, self._rest.handle)
        self._processes: list[InputProcess] = []
        self.web = SplunkWeb(self.conf, lambda: self.server_uri, self.session_key, self._app, self._home.certificate)

    def __enter__(self) -> Self:
        self._port.open()
        self._home.tell_port("127.0.0.1", self._port.port)
        try:
            self.modular.introspect()
        except BaseException:
            self._port.close()
            self._children.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for thread in self._restarts:
            thread.join()
        self._end_processes()
        self._port.close()
        self._children.close()
        if self._port.failures and error is None:
            raise AssertionError("the stand-in splunkd failed:\n" + "\n".join(self._port.failures))

    def start_over(self) -> None:
        """Be as after an installation, for the next test: which takes much less than a new one."""
        self._end_processes()
        self._home.clear()
        self.kvstore.clear()
        self.server.clear()
        self.searches.clear()
        self.faults.clear()
        self.sessions.expire()
        self._rest.journal.clear()

    def _restart(self) -> None:
        """Go down and come back, as far as anybody outside sees it: inputs are asked to stop, sessions are over."""

        def restart() -> None:
            running = [process for process in [*self._processes] if process.running()]
            for process in running:
                process.terminate()
            self._port.close()
            self.sessions.expire()
            end = time.monotonic() + _LONGEST_END
            # Whoever started them waits for them.
            while any(process.running() for process in running):
                if time.monotonic() > end:
                    raise AssertionError("an input does not end")
                time.sleep(0.05)
            self.server.startup_time += 1
            for path in self._home.apps.rglob(f"*{UNTIL_RESTART}"):
                path.rename(path.with_suffix(".conf"))
            if self.kvstore.state is KVStoreState.FAILED:
                # mongod is started with splunkd.
                self.kvstore.state = KVStoreState.READY
            self._port.requires_certificate = self._wants_certificates()
            self._port.open()
            self.is_restarting = False

        self.is_restarting = True
        thread = threading.Thread(target=restart, name="restart")
        self._restarts.append(thread)
        thread.start()

    def _wants_certificates(self) -> bool:
        """Whether server.conf says so, in whichever app (requireClientCert: "default is false")."""
        stanzas = (self.conf.of_app("server", app).get("sslConfig", {}) for app in ("system", *self.conf.apps()))
        return any(boolean(stanza.get("requireClientCert")) for stanza in stanzas)

    def restart(self) -> None:
        """Restart it, as its command line does: when this returns it is back."""
        self._restart()
        self._restarts[-1].join()

    def _end_processes(self) -> None:
        for process in self._processes:
            if process.running():
                process.kill()
                with contextlib.suppress(BaseException):
                    process.wait()
        self._processes.clear()

    @property
    def server_uri(self) -> str:
        """https://127.0.0.1:<port>."""
        host = f"[{self._port.host}]" if ":" in self._port.host else self._port.host
        return f"https://{host}:{self._port.port}"

    @property
    def connections(self) -> int:
        """How many connections have been opened so far."""
        return self._port.connections

    @contextlib.contextmanager
    def closing_idle_connections(self) -> Iterator[None]:
        """While inside, each connection is closed behind an answer, without a word."""
        self._port.closes_idle = True
        try:
            yield
        finally:
            self._port.closes_idle = False

    @contextlib.contextmanager
    def starting_anew(self) -> Iterator[Self]:
        """While inside, inputs start as under a real splunkd; else they are forked where what they import is there."""
        self._children.starts_anew = True
        try:
            yield self
        finally:
            self._children.starts_anew = False

    def command(self, script: str, *options: str, stdin: str = "") -> subprocess.CompletedProcess[bytes]:
        """Run one of the app's scripts as `splunk cmd python3` does."""
        path = self._home.apps / self._app / "bin" / script
        return self._children.run([str(path), *options], stdin.encode(), _COMMAND_SECONDS)

    def run_as(self, uid: int) -> None:
        """Start inputs as another user from now on; this takes root."""
        self._children.uid = uid

    @contextlib.contextmanager
    def launched_with(self, variables: Mapping[str, str]) -> Iterator[None]:
        """While inside, every child process has these variables, as splunk-launch.conf gives them to splunkd's."""
        self._children.launch_conf.update(variables)
        try:
            yield
        finally:
            self._children.launch_conf.clear()

    @property
    def is_idle(self) -> bool:
        """Whether everything has been carried out that processes asked for which have ended."""
        return self._port.is_idle

    @property
    def journal(self) -> list[Call]:
        """Every call received so far, in the order in which they were answered."""
        return self._rest.journal

    def session_key(self, user: str = "admin") -> str:
        """A new session key: "admin", "sc_admin" or "analyst" (a plain user)."""
        return self.sessions.open(user)

    @contextlib.contextmanager
    def listening_on_ipv6(self, bind_ip: str) -> Iterator[None]:
        """While inside, the management port is on ::1, which is what splunk-launch.conf has as SPLUNK_BINDIP."""
        self._listen("::1")
        try:
            with self.launched_with({"SPLUNK_BINDIP": bind_ip}):
                yield
        finally:
            self._listen("127.0.0.1")

    def _listen(self, host: str, *, requires_certificate: bool = False) -> None:
        self._port.close()
        self._port.host, self._port.requires_certificate = host, requires_certificate
        self._port.open()
        self._home.tell_port(f"[{host}]" if ":" in host else host, self._port.port)

    @contextlib.contextmanager
    def requiring_certificates(self) -> Iterator[None]:
        """While inside, the management port is as with requireClientCert = true: Splunk Web alone has one."""
        self._listen("127.0.0.1", requires_certificate=True)
        try:
            yield
        finally:
            self._listen("127.0.0.1")

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        """While inside, the management port refuses connections."""
        self._port.close()
        try:
            yield
        finally:
            self._port.open()

    def logs(self) -> dict[str, str]:
        """The text of every file in var/log/splunk, by its name."""
        return self._home.read_logs()

    def log(self, level: str, component: str, text: str) -> None:
        """Write a line into splunkd.log."""
        self._children.log(level, component, text)

    def leaks_of(self, secret: str) -> list[str]:
        """Files below SPLUNK_HOME (relative) and KV store documents in which a secret can be read."""
        stored = [checkpoint for checkpoint, text in self.kvstore.texts().items() if secret in text]
        return self._home.files_with(secret) + stored

    def _validate(self, scheme: Scheme, name: str, parameters: dict[str, str]) -> None:
        self.modular.validate(scheme, name, parameters, self.server_uri, self.session_key(SYSTEM_USER))

    def start_input(
        self,
        kind: str,
        name: str,
        *,
        env: Mapping[str, str] | None = None,
        on_event: Callable[[IndexedEvent], None] | None = None,
    ) -> InputProcess:
        """Start an input as splunkd does when its interval has passed; `env` comes on top of splunkd's own.

        `on_event` is called for every event as it is read, from another thread.
        """
        scheme = self.modular.scheme(kind)
        settings = self._inputs.settings(scheme, name)
        if boolean(settings.get("disabled")):
            raise ValueError(f"{kind}://{name} is disabled, splunkd would not start it")
        stanza = f"{kind}://{name}"
        session_key = self.session_key(SYSTEM_USER)
        mark = session_mark(session_key)
        parameters = parameters_xml({**settings, "disabled": "0"}, "      ")
        stdin = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<input>\n'
            + metadata_xml(self.server_uri, session_key, self.modular.checkpoint_dir(kind))
            + f"  <configuration>\n    <stanza name={quoteattr(stanza)} app={quoteattr(scheme.app)}>\n"
            + f"{parameters}    </stanza>\n  </configuration>\n</input>\n"
        )
        process = InputProcess(
            children=self._children,
            command=[str(self.python), scheme.script],
            env=env or {},
            stdin=stdin,
            defaults={
                "stanza": stanza,
                "host": "standin",
                "source": stanza,
                "sourcetype": settings.get("sourcetype", kind),
                "index": settings.get("index", "default"),
            },
            calls=lambda: [call for call in self.journal if call.session == mark],
            on_event=on_event,
        )
        self._processes.append(process)
        return process

    def run_input(
        self,
        kind: str,
        name: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 120.0,
        on_event: Callable[[IndexedEvent], None] | None = None,
    ) -> InputRun:
        """Start an input and wait for its end."""
        return self.start_input(kind, name, env=env, on_event=on_event).wait(timeout)
