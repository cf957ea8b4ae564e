"""splunkd's way with enabled inputs: it starts each as soon as it is there, and again when its interval has passed.

Source: inputs.conf.spec (interval: how often the script is run, from start to start, and a running one is not started again;
disabled). A disabled, deleted or edited input is ended by SIGTERM: documented by users' logs (docs/unknowns.md, R10).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Callable

from typing_extensions import Self

from standins.splunkd.answers import Refusal
from standins.splunkd.endpoints.configs import boolean
from standins.splunkd.inputrun import InputProcess
from standins.splunkd.splunkd import Splunkd
from standins.splunkd.stream import IndexedEvent

_TICK = 0.05


class Scheduler:
    """Runs the inputs of a stand-in splunkd and indexes what they write, while the context lasts.

    Args:
        splunkd: whose inputs.
        minute: how many seconds a minute of an interval takes.
        pipeline: what becomes of an event on its way into the index; a test loses, doubles or changes some.
        kills: end inputs by SIGKILL, without the SIGTERM before.
    """

    def __init__(
        self,
        splunkd: Splunkd,
        *,
        minute: float = 60.0,
        pipeline: Callable[[IndexedEvent], Iterable[IndexedEvent]] = lambda event: (event,),
        kills: bool = False,
    ) -> None:
        self._splunkd = splunkd
        self._minute = minute
        self._pipeline = pipeline
        self._kills = kills
        self._stop = threading.Event()
        self._running: dict[tuple[str, str], InputProcess] = {}
        self._started: dict[tuple[str, str], float] = {}
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="input-scheduler")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for process in self._running.values():
            process.kill()
            process.wait()
        if self._failure is not None and error is None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stop.wait(_TICK):
                self._look()
        except BaseException as failure:  # noqa: BLE001 - it belongs to the test, which gets it at the end
            self._failure = failure

    def _look(self) -> None:
        enabled = self._enabled()
        for key, process in list(self._running.items()):
            if not process.running():
                process.wait()
                del self._running[key]
            elif key not in enabled:
                (process.kill if self._kills else process.terminate)()
        for key in self._started.keys() - enabled.keys():
            del self._started[key]
        if self._splunkd.is_restarting:
            return
        now = time.monotonic()
        for key, interval in enabled.items():
            is_due = key not in self._started or now - self._started[key] >= interval / 60 * self._minute
            if is_due and key not in self._running:
                self._started[key] = now
                # It may be gone since.
                with suppress(Refusal, ValueError):
                    self._running[key] = self._splunkd.start_input(*key, on_event=self._index)

    def _enabled(self) -> dict[tuple[str, str], float]:
        found = {}
        for scheme in self._splunkd.modular.schemes.values():
            for stanza, settings in self._splunkd.conf.local("inputs", scheme.app).items():
                kind, _, name = stanza.partition("://")
                if kind == scheme.kind and name and not boolean(settings.get("disabled")):
                    found[kind, name] = float(settings.get("interval", "300"))
        return found

    def _index(self, event: IndexedEvent) -> None:
        self._splunkd.searches.add(self._pipeline(event))
