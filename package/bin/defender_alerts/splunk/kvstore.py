"""Stores checkpoints in Splunk's KV store.

An error is never treated as an empty store, which would mean a first run and deliver everything again. After an error,
``server/info`` tells whether the store is starting, disabled or failed, or only temporarily unavailable.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Callable, TypeVar

from defender_alerts.checkpoint.checkpoint import CheckpointKey, Deletion
from defender_alerts.checkpoint.last_error import LastError
from defender_alerts.errors import CheckpointError, StoppedError
from defender_alerts.times import iso

from .names import CHECKPOINTS
from .rest_client import Splunkd, SplunkdError, content_of, documents

_DATA = f"storage/collections/data/{CHECKPOINTS}"

_HEAD = "_key,generation,revision,writer"
# The fields that an input's status needs; the remembered versions, which may take megabytes, are not read.
_STATUS = "_key,kind,input,tenant,cloud,region,watermark,collected,remembered,generation,start,time,category,sentence,"
_STATUS += "began,outcome,deleted"

LONGEST_START = 120.0
_START_POLL = 2.0
# A store that is ready but answers 503 or resets connections is failing over; four tries take two seconds.
_BACKOFFS = (0.25, 0.5, 1.0)

# Matches the settings of limits.conf.spec, [kvstore], in splunkd's messages.
_LIMIT = r"\bmax_\w+|\blimits\.conf\b"

_NOTHING_LOST = "Nothing is lost: alerts are collected from the last checkpoint on as soon as it is back."


# The states in ``server/info`` in which the store can't be used.
_UNUSABLE = {
    "starting": (
        f"The KV store is still starting after {LONGEST_START:.0f} s. See mongod.log and `splunk show kvstore-status`."
    ),
    "disabled": (
        "The KV store is disabled on this instance, and inputs keep their checkpoints in it. Remove disabled = true "
        "from [kvstore] in server.conf and restart Splunk, or move the input to an instance that has one."
    ),
    "failed": (
        "The KV store has failed. See mongod.log and `splunk show kvstore-status`; a store that can't be repaired is "
        "restored from its backup."
    ),
}
_T = TypeVar("_T")


class KVStoreCheckpoints:
    """The collection of checkpoints; it makes one call at a time, and waits as ``splunkd.patience`` says."""

    def __init__(self, splunkd: Splunkd) -> None:
        self._splunkd = splunkd
        self._lock = threading.Lock()

    def checkpoints_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        """All documents of an input, including those of other tenants and clouds.

        Raises:
            CheckpointError: the store can't be read.
        """
        return self._read({"kind": kind, "input": input_name})

    def revisions_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        """``_key``, generation, revision and writer of an input's documents, without their other fields.

        Raises:
            CheckpointError: the store can't be read.
        """
        return self._read({"kind": kind, "input": input_name}, fields=_HEAD)

    def read(self, *keys: str) -> list[Mapping[str, Any]]:
        """The documents with these keys, as far as they exist.

        Raises:
            CheckpointError: the store can't be read.
        """
        return self._read({"$or": [{"_key": key} for key in keys]})

    def save(self, document: Mapping[str, Any]) -> None:
        """Save a document, replacing one with the same key.

        Raises:
            CheckpointError: the store can't be written.
        """
        self._with_retries("saved", lambda: self._splunkd.post_json(f"{_DATA}/batch_save", [document]))

    def note(self, last_errors: Iterable[LastError]) -> None:
        """Save last errors with one call and without retries, since nothing depends on them."""
        try:
            with self._lock:
                self._splunkd.post_json(f"{_DATA}/batch_save", [last_error.document() for last_error in last_errors])
        except SplunkdError as error:
            # The error itself is in the log already.
            self._splunkd.patience.log.debug("the last error is not noted in the KV store: %s", error)

    def status_documents(self) -> list[Mapping[str, Any]]:
        """The documents for the status of all inputs, read with one call and without retries.

        Raises:
            SplunkdError: the store can't be read.
        """
        # The documents of split alerts have no kind.
        query = json.dumps({"kind": {"$gt": ""}})
        return documents(self._splunkd.get(_DATA, query=query, fields=_STATUS))

    def delete_older(self, key: CheckpointKey, generation: int) -> None:
        """Delete the documents of a checkpoint's older generations.

        Raises:
            CheckpointError: the store can't be written.
        """
        older = _older_than(generation)
        self._delete({**key._asdict(), **older})
        self._delete({"split_alerts_of": str(key), **older})

    def delete_before(self, deletion: Deletion) -> None:
        """Delete the documents that the deletion of an input has invalidated.

        Raises:
            CheckpointError: the store can't be written.
        """
        older = _older_than(deletion.generation)
        # A last error has no generation; it says when its run began instead.
        earlier = {"began": {"$not": {"$gt": iso(deletion.deleted)}}}
        self._delete({"kind": deletion.kind, "input": deletion.input, **older, **earlier})
        self._delete({"split_alerts_kind": deletion.kind, "split_alerts_input": deletion.input, **older})

    def delete_split_alerts(self, checkpoint: str, before: str) -> None:
        """Delete a checkpoint's days of split alerts before the given one (``2026-01-31``).

        Raises:
            CheckpointError: the store can't be written.
        """
        self._delete({"split_alerts_of": checkpoint, "day": {"$lt": before}})

    def _read(self, query: Mapping[str, Any], **fields: str) -> list[Mapping[str, Any]]:
        return self._with_retries(
            "read", lambda: documents(self._splunkd.get(_DATA, query=json.dumps(query), **fields))
        )

    def _delete(self, query: Mapping[str, Any]) -> None:
        self._with_retries("deleted", lambda: self._splunkd.delete(_DATA, query=json.dumps(query)))

    def _with_retries(self, verb: str, call: Callable[[], _T]) -> _T:
        patience = self._splunkd.patience
        deadline = patience.monotonic() + LONGEST_START
        told = False
        backoffs = iter(_BACKOFFS)
        while True:
            try:
                with self._lock:
                    return call()
            except SplunkdError as error:
                is_unwell = error.status == 0 or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                status = self.status() if is_unwell or error.status == HTTPStatus.NOT_FOUND else ""
                if status == "starting" and patience.monotonic() < deadline:
                    wait = _START_POLL
                    if not told:
                        told = True
                        patience.log.info(
                            "The KV store is starting; this run waits for it, up to %.0f s.", LONGEST_START
                        )
                else:
                    wait = next(backoffs, 0.0) if is_unwell and status in {"", "ready"} else 0.0
                if not wait:
                    raise _explain(verb, error, status) from error
            if patience.stop.wait(wait):
                raise StoppedError

    def status(self) -> str:
        """The state of the store as splunkd names it; empty if unknown."""
        try:
            info = content_of(self._splunkd.get("server/info"))
            return str(info.get("kvStoreStatus", "")).lower()
        except SplunkdError:
            return ""


def _older_than(generation: int) -> dict[str, Any]:
    """A query for documents of an older generation, or of none that can be read."""
    return {"generation": {"$not": {"$gte": generation}}}


def _explain(verb: str, error: SplunkdError, status: str) -> CheckpointError:
    if status in _UNUSABLE:
        return CheckpointError(f"{_UNUSABLE[status]} {_NOTHING_LOST} (splunkd says: {error})")
    if error.status == HTTPStatus.NOT_FOUND:
        advice = f"The collection {CHECKPOINTS} is missing: install the add-on's whole package on this instance."
    elif error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        advice = "The session of this run may not use it; splunkd starts the next run with a new one."
    elif limits := re.findall(_LIMIT, str(error)):
        named = next((limit for limit in limits if limit.startswith("max_")), "what was lowered")
        advice = f"The limit is set in limits.conf, [kvstore]: raise {named} there, or take it out, and restart Splunk."
    elif error.status == 0:
        advice = "splunkd gave no usable answer. See splunkd.log."
    else:
        advice = "See splunkd.log and mongod.log, and `splunk show kvstore-status`."
    called = f"; splunkd calls the store {status}" if status else ""
    return CheckpointError(
        f"The checkpoint could not be {verb} in the KV store ({error}{called}). {advice} {_NOTHING_LOST}"
    )
