"""One run of an input: from splunkd's configuration on standard input to the exit status."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable

from defender_alerts.checkpoint.last_error import FAILED, INCOMPLETE, LastError
from defender_alerts.collect.events import XmlStream, stream_closed
from defender_alerts.collect.poll import Plan, PollContext, PollResult, poll
from defender_alerts.collect.regions import STOP_GRACE
from defender_alerts.errors import (
    AddonError,
    ConfigurationError,
    IncompleteError,
    SignInNeededError,
    StoppedError,
    StreamClosedError,
    exit_status,
    unexpected,
)
from defender_alerts.input_kinds import KINDS, Kind
from defender_alerts.logfmt import key_values
from defender_alerts.microsoft.account import CERTIFICATE, SECRET_WARNING_DAYS, Account
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import check_name, read_polling, too_short
from defender_alerts.times import machine_time

from . import process
from .kvstore import LONGEST_START, KVStoreCheckpoints
from .log import InputLog, Redaction, set_level
from .rest_client import RetryBudget, Splunkd, SplunkdError, explained
from .stored_settings import load_account, load_settings

if TYPE_CHECKING:
    from .refresh_tokens import StoredRefreshTokens

_TICK = 0.1
# What ends a process: splunkd's signals, on Windows SIGBREAK.
_SIGNALS = frozenset({"SIGTERM", "SIGINT", "SIGBREAK"})
# A process ends within 5 s of being asked to stop. After _LONGEST_END seconds the regions have ended or been abandoned,
# and only a stream that nobody reads may be left. Logging the end may take another _LONGEST_WORD seconds, if the disk
# or the reader of standard error is slow.
_LONGEST_END = 4.0
_LONGEST_WORD = 0.8


def validate(kind_name: str, definition: Any) -> None:
    """Check the fields of an input that is created or edited, when splunkd asks for it.

    Raises:
        ConfigurationError: a field is wrong; splunkd shows the sentence.
    """
    stanza = dict(definition.parameters)
    name = str(definition.metadata.get("name") or "")
    read_polling(name, stanza)
    KINDS[kind_name].read(name, stanza)


def run(kind_name: str, definition: Any, out: BinaryIO) -> int:
    """Run the input that ``definition`` (``splunklib``'s ``InputDefinition``) describes; return the exit status.

    It describes one: the scheme of the inputs says ``use_single_instance`` = false.
    """
    [(stanza_name, stanza)] = definition.inputs.items()
    try:
        check_name(stanza_name.partition("://")[2], "input")
    except ConfigurationError as error:
        # Not even a log may be named after it.
        sys.stderr.write(f"ERROR {stanza_name} {error}\n")
        return error.exit_status
    return _InputRun(KINDS[kind_name], stanza_name, stanza, definition.metadata, out).run()


class _InputRun:
    def __init__(
        self, kind: Kind, stanza_name: str, stanza: Mapping[str, str], metadata: Mapping[str, str], out: BinaryIO
    ) -> None:
        self._kind = kind
        self._stanza_name = stanza_name
        self._name = stanza_name.partition("://")[2]
        self._stanza = stanza
        self._stop = threading.Event()
        self._asked_to_end = False
        self._redaction = Redaction()
        self._redaction.hide(metadata["session_key"])
        logs = Path(os.environ["SPLUNK_HOME"], "var", "log", "splunk")
        self._own_log = InputLog(logs, f"ta_defender_alerts_{kind.name}_{self._name}", self._redaction)
        self._log = self._own_log.logger
        patience = RetryBudget(LONGEST_START, self._stop, self._log)
        self._splunkd = Splunkd(metadata["server_uri"], metadata["session_key"], patience)
        self._stream = XmlStream(out)
        self._began = machine_time()
        self._regions_begun = threading.Event()
        self._failures: Sequence[AddonError] = ()
        self._now: Callable[[], int] = machine_time
        self._last_errors: list[LastError] = []
        self._sign_in: StoredRefreshTokens | None = None

    def run(self) -> int:
        """Run to the end, whatever happens: the stream is closed, and what failed is a sentence in the log."""
        began = time.monotonic()
        for name in _SIGNALS & signal.__dict__.keys():
            signal.signal(getattr(signal, name), self._ask_to_end)
        parent = os.getppid()
        # In a thread of its own, since a signal can't interrupt a hanging connection or a write to a pipe that nobody
        # reads.
        work = threading.Thread(target=self._work, name="poll", daemon=True)
        work.start()
        asked_at: float | None = None
        while work.is_alive():
            work.join(_TICK)
            if os.getppid() != parent:
                self._ask_to_end()
            if self._stream.is_abandoned():
                self._stop.set()
            if self._stop.is_set():
                asked_at = asked_at or time.monotonic()
                if time.monotonic() - asked_at > (_LONGEST_END if self._regions_begun.is_set() else STOP_GRACE):
                    break
        # In this order: splunkd closes the pipe of a process after the signal that ends it.
        is_abandoned = self._stream.is_abandoned() and not self._asked_to_end
        closed = stream_closed() if is_abandoned and not self._failures else None
        failures = [closed] if closed else self._failures
        status = exit_status(failures)
        if self._stop.is_set():
            process.end_by(_LONGEST_WORD, status)
        if closed:
            self._log_failure(closed)
        done = key_values(
            action="run_done",
            input=self._name,
            outcome=self._outcome(failures),
            exit_status=status,
            seconds=time.monotonic() - began,
        )
        self._log.info("%s", done)
        return status

    def _outcome(self, failures: Sequence[AddonError]) -> str:
        if failures:
            is_incomplete = all(isinstance(one, IncompleteError) for one in failures)
            return "incomplete" if is_incomplete else "failed"
        return "stopped" if self._stop.is_set() else "done"

    def _work(self) -> None:
        self._try()
        # All events are out: a pipe that closes behind them costs nothing.
        with contextlib.suppress(StreamClosedError):
            self._stream.close()
        if self._own_log.failure:
            # Noted after the regions' results, since their success would clear an earlier error.
            self._note(self._own_log.failure, self._now())
        if self._last_errors and not self._stop.is_set():
            KVStoreCheckpoints(self._splunkd).note(self._last_errors)

    def _try(self) -> None:
        failure: AddonError
        try:
            self._failures = self._collect()
        except StoppedError:
            return
        except AddonError as error:
            failure = error
        except SplunkdError as error:
            failure = explained(error)
        except Exception as error:  # noqa: BLE001 - no traceback replaces the sentence
            failure = unexpected(error, self._log)
        else:
            return
        self._failures = [failure]
        self._fail(failure, self._now())

    def _collect(self) -> Sequence[AddonError]:
        polling = read_polling(self._name, self._stanza)
        own = self._kind.read(self._name, self._stanza)
        self._wait_for_interval(polling.interval)
        hide = self._redaction.hide
        saved = load_settings(self._splunkd, hide)
        set_level(self._log, self._redaction, saved.loglevel)
        account = load_account(self._splunkd, polling.account, hide, self._refresh_tokens)
        account = account.in_tenant_of(polling.name, polling.tenant_id)
        self._warn_of_expiry(account)
        plan = Plan(self._kind, self._stanza_name, polling, own, account)
        store = KVStoreCheckpoints(self._splunkd)
        context = PollContext(
            saved.network,
            store,
            self._stream,
            self._stop,
            self._log,
            begun=self._regions_begun,
            trust=lambda ca_pem: trust(ca_pem, self._warn_of_authorities),
        )
        self._now = context.clock.now
        result = poll(plan, context)
        self._warn_of_sign_in(account)
        self._report(result, plan)
        return result.failures

    def _ask_to_end(self, *_signal: object) -> None:
        self._asked_to_end = True
        self._stop.set()

    def _wait_for_interval(self, interval: str) -> None:
        wait = too_short(interval)
        if wait:
            self._log.warning(
                "input=%s the interval %s is shorter than 60 s and counts as 60: this run waits %d s. Correct interval "
                "in inputs.conf.",
                self._name,
                interval,
                wait,
            )
            if self._stop.wait(wait):
                raise StoppedError

    def _warn_of_expiry(self, account: Account) -> None:
        today = dt.datetime.now(dt.timezone.utc).date()
        days = account.lasts(today)
        if days is None or days > SECRET_WARNING_DAYS:
            return
        has_certificate = account.credential == CERTIFICATE
        key = "certificate_expires_in_days" if has_certificate else "secret_expires_in_days"
        self._log.warning(
            "%s The certificate of the account %s expires on %s. Make a new one with its key, upload it in Entra ID > "
            "App registrations > Certificates & secrets > Certificates, and paste both into the account."
            if has_certificate
            else "%s The client secret of the account %s expires on %s. Make a new one in Entra ID > App registrations "
            "> Certificates & secrets, and paste its value into the account.",
            key_values(input=self._name, account=account.name, **{key: days}),
            account.name,
            account.expires,
        )

    def _refresh_tokens(self, account: str) -> StoredRefreshTokens:
        """The stored refresh token of the person who signs in for an account; this input keeps it fresh."""
        from .refresh_tokens import StoredRefreshTokens

        self._sign_in = StoredRefreshTokens(
            self._splunkd, account, writer=self._stanza_name, log=self._log, hide=self._redaction.hide
        )
        return self._sign_in

    def _warn_of_sign_in(self, account: Account) -> None:
        until = self._sign_in.until if self._sign_in else None
        days = None if until is None else (until - dt.datetime.now(dt.timezone.utc).date()).days
        if days is None or days > SECRET_WARNING_DAYS:
            return
        self._log.warning(
            "%s The sign-in of %s for the account %s ends on %s, since its renewal could not be stored. See earlier "
            "warnings in this log for the reason, or press Sign in again under Configuration > Accounts.",
            key_values(input=self._name, account=account.name, sign_in_expires_in_days=days),
            account.signed_in_as,
            account.name,
            until,
        )

    def _warn_of_authorities(self, left_out: str) -> None:
        self._log.warning(
            "input=%s Of the CA certificates under Configuration > Network, some are not used: %s. Replace "
            "what this host needs; the others are used.",
            self._name,
            left_out,
        )

    def _report(self, result: PollResult, plan: Plan) -> None:
        for region, failure in result.startup_failures.items():
            self._fail(failure, self._now(), region=region)
        for one in result.outcomes:
            collector = one.collector
            if one.failure is not None:
                self._fail(one.failure, collector.job.caller.clock.now(), region=collector.region)
            summary = collector.summary(one.seconds)
            identity = {"identity": plan.account.identity} if plan.account.identity else {}
            whose = {"input": self._name, "account": plan.account.name, **identity}
            self._log.info("%s", key_values(action="region_done", **whose, outcome=one.outcome, **summary))
            for sourcetype, count in (
                (plan.kind.sourcetype, collector.delivery.delivered.new - collector.delivery.delivered.split_alerts),
                (plan.kind.split_sourcetype, collector.delivery.delivered.split_alerts),
            ):
                if count:
                    # As solnlib's events_ingested (8.2), from which UCC's dashboard counts events.
                    ingested = key_values(
                        action="events_ingested",
                        modular_input_name=collector.job.origin.source,
                        sourcetype_ingested=sourcetype,
                        n_events=count,
                        event_input=self._name,
                        event_index=plan.polling.index,
                        event_account=plan.account.name,
                        event_host=collector.job.origin.host,
                    )
                    self._log.info("%s", ingested)

    def _fail(self, failure: AddonError, now: int, **where: str) -> None:
        # Health and a saved search list sign-ins by their days.
        if self._sign_in and isinstance(failure, SignInNeededError):
            self._log_failure(failure, **where, account=self._sign_in.account, sign_in_expires_in_days="0")
        else:
            self._log_failure(failure, **where)
        self._note(failure, now, **where)

    def _log_failure(self, failure: AddonError, **where: str) -> None:
        # The key is solnlib's, which names categories like this.
        category, keys = failure.category.replace("_", " ").title(), key_values(input=self._name, **where)
        self._log.error('exc_l="%s" %s %s', category, keys, failure)
        sentence = self._redaction.clean(str(failure))
        if not self._own_log.failure:
            # splunkd files what comes on standard error in splunkd.log, where it is found without knowing our log.
            with contextlib.suppress(OSError):
                sys.stderr.write(f"ERROR {self._stanza_name} {sentence}\n")

    def _note(self, failure: AddonError, now: int, region: str = "") -> None:
        sentence = self._redaction.clean(str(failure))
        outcome = INCOMPLETE if isinstance(failure, IncompleteError) else FAILED
        self._last_errors.append(
            LastError(self._kind.name, self._name, region, now, failure.category, sentence, self._began, outcome)
        )
