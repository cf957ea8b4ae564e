"""Keeps track of incidents that arrived without their alerts, and requests them again.

If Graph fails to expand incidents, they are collected without their alerts. The checkpoint remembers them, the end of
each run requests them one by one, and runs count as incomplete until their alerts have arrived.
"""

from __future__ import annotations

import logging

from defender_alerts.checkpoint.checkpoint import MOST_INCOMPLETE, Checkpoint
from defender_alerts.checkpoint.versions import Version, completed, fingerprint
from defender_alerts.errors import RecordGoneError
from defender_alerts.logfmt import key_values
from defender_alerts.microsoft.apis.base import Api

from .page import RecordVersion
from .reader import MAY_BE_THE_EXPANSION, Recipient, RegionReader

# Most incidents requested one by one in a run, and how many failures in a row end that.
MOST_ASKED_SINGLY = 200
_MOST_FAILURES_IN_A_ROW = 3
# An incident that the service has not shown in this many runs is not requested any more.
RUNS_UNTIL_GONE = 3
_MOST_NAMED = 5


class MissingAlerts:
    """The incidents of one region whose alerts are missing.

    Args:
        api: of the region; if it expands nothing, no record is ever incomplete.
        checkpoint: of the region, which remembers the incidents.
        log: names incidents that are given up.
    """

    def __init__(self, api: Api, checkpoint: Checkpoint, log: logging.Logger) -> None:
        self._api = api
        self._expansion = api.expansion
        self._splits = self._expansion is not None and self._expansion.splits
        self._checkpoint = checkpoint
        self._log = log
        # Incidents completed by the current answer, with the time of the complete version.
        self._completed: dict[str, int] = {}
        # Incomplete incidents of the current answer, which are remembered when their event is delivered.
        self._coming: set[str] = set()
        # Incidents for which the checkpoint has no room.
        self._not_remembered: set[str] = set()
        self._gone = 0

    def __len__(self) -> int:
        return len(self._checkpoint.incomplete) + len(self._not_remembered)

    def forget_unwanted(self) -> None:
        """Forget the incidents if the input no longer requests alerts."""
        if self._expansion is None:
            self._checkpoint.incomplete.clear()

    def judge(self, one: RecordVersion) -> tuple[Version, bool]:
        """Return the version to deliver, marked as completing or incomplete, and whether it has to be delivered."""
        version, checkpoint = one.version, self._checkpoint
        is_new = checkpoint.is_new(version.time, version.fingerprint)
        if one.is_incomplete:
            return self._judge_incomplete(one, is_new=is_new)
        lacked = checkpoint.incomplete.get(one.identity)
        if lacked is None or version.time < lacked.time:
            return version, is_new
        self._completed[one.identity] = version.time
        if not self._splits:
            return version._replace(completes=one.identity), version.fingerprint not in checkpoint.seen
        # The incomplete version was indexed; with its alerts split off, nothing of the incident itself was missing.
        return version, version.time > lacked.time and version.fingerprint not in checkpoint.seen

    def _judge_incomplete(self, one: RecordVersion, *, is_new: bool) -> tuple[Version, bool]:
        """The same as ``judge``, for an incomplete record."""
        version, checkpoint = one.version, self._checkpoint
        done = completed if self._splits else fingerprint
        before = checkpoint.incomplete.get(one.identity)
        if done(one.identity, version.time) in checkpoint.seen or (
            before is None and version.time < checkpoint.seen_from
        ):
            return version, self._splits and is_new
        if before is None and not self._has_room(one.identity):
            self._not_remembered.add(one.identity)
            checkpoint.hold(version.time)
        elif is_new:
            # Its answer may turn out to be cut short, and the record may then come again complete.
            self._coming.add(one.identity)
            return version._replace(incomplete=one.identity), True
        else:
            checkpoint.add_incomplete(one.identity, version.time)
        return version, is_new

    def _has_room(self, identity: str) -> bool:
        remembered = self._coming.union(self._checkpoint.incomplete)
        return identity in remembered or len(remembered) < MOST_INCOMPLETE

    def begin_answer(self) -> None:
        """Discard what was noted of an answer that was not delivered: its records come again."""
        self._completed, self._coming = {}, set()

    def delivered(self) -> None:
        """Settle the incidents that the delivered answer has completed."""
        for identity, time in self._completed.items():
            self._not_remembered.discard(identity)
            if self._checkpoint.incomplete.pop(identity, None) and self._splits and time >= self._checkpoint.seen_from:
                self._checkpoint.seen.add(completed(identity, time), time)
        self._completed, self._coming = {}, set()

    def ask_again(self, reader: RegionReader, recipient: Recipient) -> None:
        """Request the incidents one by one, starting with those that have waited longest.

        Raises:
            StoppedError: the process was asked to stop.
            AddonError: the region can't be read, or nothing can be saved.
        """
        if self._expansion is None:
            return
        incomplete, failures = self._checkpoint.incomplete, 0
        for identity in list(incomplete)[:MOST_ASKED_SINGLY]:
            is_gone = False
            try:
                reader.read_single(self._expansion.single(identity), recipient)
            except MAY_BE_THE_EXPANSION as error:
                is_gone = isinstance(error, RecordGoneError)
                self._log.debug("region=%s %s", self._api.region, error)
            before = incomplete.pop(identity, None)
            if before is None:
                failures = 0
                continue
            now = before._replace(gone=before.gone + is_gone)
            if now.gone < RUNS_UNTIL_GONE:
                # Move it to the end, so that the next run starts with the others.
                incomplete[identity] = now
            else:
                self._warn_of_gone_incident(identity)
            failures += 1
            if failures >= _MOST_FAILURES_IN_A_ROW:
                return

    def _warn_of_gone_incident(self, identity: str) -> None:
        self._gone += 1
        self._log.error(
            "%s the alerts of the incident %s have never arrived, and %s has not shown it in %d runs: it is not "
            "requested any more. Look for it in the Defender portal.",
            key_values(exc_l="Server Error", region=self._api.region, api_host=self._api.host),
            identity,
            self._api.host,
            RUNS_UNTIL_GONE,
        )

    def sentences(self) -> list[str]:
        """Say why the run is incomplete; empty if it is complete."""
        incomplete = [*self._checkpoint.incomplete, *self._not_remembered]
        sentences = []
        if incomplete:
            sentences.append(
                f"The alerts of {len(incomplete)} incidents are missing ({', '.join(incomplete[:_MOST_NAMED])}"
                f"{', ...' if len(incomplete) > _MOST_NAMED else ''}): {self._api.host} fails when they are requested. "
                "The incidents are collected, and each run requests their alerts again. If this persists, add an "
                "input of the kind defender_graph_alerts, which collects all alerts, and set alerts to none here."
            )
        if self._gone:
            sentences.append(f"{self._gone} incidents are gone without their alerts; see the errors before this one.")
        return sentences
