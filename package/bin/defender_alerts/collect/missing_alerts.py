"""The incidents that have come without their alerts: which they are, and asking for them again.

Where Graph fails to expand incidents they are collected without their alerts. The checkpoint remembers those, the end
of each run asks for them one by one, and nobody takes the run for complete until they have come.
"""

from __future__ import annotations

import logging

from defender_alerts.checkpoint.checkpoint import MOST_LACKING, Checkpoint
from defender_alerts.checkpoint.versions import Version, completed, fingerprint
from defender_alerts.errors import RecordGoneError
from defender_alerts.logfmt import key_values
from defender_alerts.microsoft.apis.base import Api

from .page import RecordVersion
from .reader import MAY_BE_THE_EXPANSION, Recipient, RegionReader

# So many are asked for one by one in a run, unless so many in a row fail.
MOST_ASKED_SINGLY = 200
_MOST_FAILURES_IN_A_ROW = 3
# One that the service has not shown in so many runs is not asked for any more.
RUNS_UNTIL_GONE = 3
_MOST_NAMED = 5


class MissingAlerts:
    """The incidents of one region that lack their alerts.

    Args:
        api: of the region; those of an API that expands nothing lack nothing.
        checkpoint: of the region, which remembers them.
        log: where one is named that is not asked for any more.
    """

    def __init__(self, api: Api, checkpoint: Checkpoint, log: logging.Logger) -> None:
        self._api = api
        self._expansion = api.expansion
        self._splits = self._expansion is not None and self._expansion.splits
        self._checkpoint = checkpoint
        self._log = log
        # What has come that records lacked, with the time of the version that has it.
        self._completed: dict[str, int] = {}
        # What is being delivered without, and is remembered with its event.
        self._coming: set[str] = set()
        # What the checkpoint has no room to remember.
        self._not_remembered: set[str] = set()
        self._gone = 0

    def __len__(self) -> int:
        return len(self._checkpoint.lacking) + len(self._not_remembered)

    def forget_unwanted(self) -> None:
        """Forget them where alerts are not asked for any more."""
        if self._expansion is None:
            self._checkpoint.lacking.clear()

    def judged(self, one: RecordVersion) -> tuple[Version, bool]:
        """The version of a record as it is to be delivered, and whether it is; with it, what it lacks is remembered."""
        version, checkpoint = one.version, self._checkpoint
        is_new = checkpoint.is_new(version.time, version.fingerprint)
        if one.lacks:
            return self._without(one, is_new=is_new)
        lacked = checkpoint.lacking.get(one.identity)
        if lacked is None or version.time < lacked.time:
            return version, is_new
        self._completed[one.identity] = version.time
        if not self._splits:
            return version._replace(completes=one.identity), version.fingerprint not in checkpoint.seen
        # The version that lacked its alerts was indexed as it was; with them split off, that is all of it.
        return version, version.time > lacked.time and version.fingerprint not in checkpoint.seen

    def _without(self, one: RecordVersion, *, is_new: bool) -> tuple[Version, bool]:
        """The version of a record that lacks something, and whether it is to be indexed as it is."""
        version, checkpoint = one.version, self._checkpoint
        done = completed if self._splits else fingerprint
        before = checkpoint.lacking.get(one.identity)
        if done(one.identity, version.time) in checkpoint.seen or (
            before is None and version.time < checkpoint.seen_from
        ):
            return version, self._splits and is_new
        if before is None and not self._has_room(one.identity):
            self._not_remembered.add(one.identity)
            checkpoint.hold(version.time)
        elif is_new:
            # Its answer may yet turn out to be cut short, and it come again with all that it lacks.
            self._coming.add(one.identity)
            return version._replace(lacks=one.identity), True
        else:
            checkpoint.lack(one.identity, version.time)
        return version, is_new

    def _has_room(self, identity: str) -> bool:
        remembered = self._coming.union(self._checkpoint.lacking)
        return identity in remembered or len(remembered) < MOST_LACKING

    def begin_answer(self) -> None:
        """What was judged and not delivered comes again, with a later answer."""
        self._completed, self._coming = {}, set()

    def delivered(self) -> None:
        """What has been judged since the answer began is delivered: it lacks nothing any more."""
        for identity, time in self._completed.items():
            self._not_remembered.discard(identity)
            if self._checkpoint.lacking.pop(identity, None) and self._splits and time >= self._checkpoint.seen_from:
                self._checkpoint.seen.add(completed(identity, time), time)
        self._completed, self._coming = {}, set()

    def ask_again(self, reader: RegionReader, recipient: Recipient) -> None:
        """Ask for them one by one, those first that have waited longest.

        Raises:
            StoppedError: the process was asked to stop.
            AddonError: the region can't be read, or nothing can be saved.
        """
        if self._expansion is None:
            return
        lacking, failures = self._checkpoint.lacking, 0
        for identity in list(lacking)[:MOST_ASKED_SINGLY]:
            is_gone = False
            try:
                reader.read_single(self._expansion.single(identity), recipient)
            except MAY_BE_THE_EXPANSION as error:
                is_gone = isinstance(error, RecordGoneError)
                self._log.debug("region=%s %s", self._api.region, error)
            before = lacking.pop(identity, None)
            if before is None:
                failures = 0
                continue
            now = before._replace(gone=before.gone + is_gone)
            if now.gone < RUNS_UNTIL_GONE:
                # Behind all the others, which have their turn first in the next run.
                lacking[identity] = now
            else:
                self._warn_of_gone_incident(identity)
            failures += 1
            if failures >= _MOST_FAILURES_IN_A_ROW:
                return

    def _warn_of_gone_incident(self, identity: str) -> None:
        self._gone += 1
        self._log.error(
            "%s the alerts of the incident %s have never come, and %s has not shown it in %d runs: it is not asked for "
            "any more. Look for it in the Defender portal.",
            key_values(exc_l="Server Error", region=self._api.region, api_host=self._api.host),
            identity,
            self._api.host,
            RUNS_UNTIL_GONE,
        )

    def sentences(self) -> list[str]:
        """Why the run is incomplete; empty for a run that lacks nothing."""
        lacking = [*self._checkpoint.lacking, *self._not_remembered]
        sentences = []
        if lacking:
            sentences.append(
                f"The alerts of {len(lacking)} incidents have not come ({', '.join(lacking[:_MOST_NAMED])}"
                f"{', ...' if len(lacking) > _MOST_NAMED else ''}): {self._api.host} fails when it is asked for them. "
                "The incidents are collected, and each run asks for their alerts again. If it stays so, add an input "
                "of the kind defender_graph_alerts, which brings all alerts, and set alerts to none here."
            )
        if self._gone:
            sentences.append(f"{self._gone} incidents are gone without their alerts; see the errors before this one.")
        return sentences
