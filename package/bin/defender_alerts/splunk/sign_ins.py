"""Sign-ins under way, in a collection of the KV store: for ten minutes, once, and for the Splunk user who began one."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any, Callable

from defender_alerts.microsoft.user_sign_in import CODE_SECONDS

from .names import SIGN_INS
from .rest_client import Splunkd, documents

_DATA = f"storage/collections/data/{SIGN_INS}"


class SignInsUnderWay:
    """The sign-in that a Splunk user has begun for an account.

    Args:
        splunkd: with the session of that user.
        account: its name.
        asked_by: the name of the Splunk user.
        now: seconds since 1970.
    """

    def __init__(self, splunkd: Splunkd, account: str, asked_by: str, now: Callable[[], float] = time.time) -> None:
        self._splunkd = splunkd
        self._account = account
        # Names of Splunk users may hold any character.
        self._key = hashlib.sha256(f"{account}\n{asked_by}".encode()).hexdigest()[:32]
        self._now = now

    def begin(self, flow: Mapping[str, Any]) -> None:
        """Keep what ``finish_sign_in`` will need, in place of an earlier one; sweep away what is too old.

        Raises:
            SplunkdError: the KV store can't be written.
        """
        now = int(self._now())
        self._splunkd.delete(_DATA, query=json.dumps({"started": {"$lt": now - CODE_SECONDS}}))
        document = {"_key": self._key, "account": self._account, "started": now, "flow": json.dumps(dict(flow))}
        self._splunkd.post_json(f"{_DATA}/batch_save", [document])

    def take(self) -> dict[str, Any] | None:
        """Take the sign-in away and return it; None if there is none, or it is too old.

        Raises:
            SplunkdError: the KV store can't be read or written.
        """
        query = json.dumps({"_key": self._key})
        found = documents(self._splunkd.get(_DATA, query=query))
        self._splunkd.delete(_DATA, query=query)
        for document in found:
            age = self._now() - float(document.get("started") or 0)
            if 0 <= age <= CODE_SECONDS:
                flow: dict[str, Any] = json.loads(document["flow"])
                return flow
        return None
