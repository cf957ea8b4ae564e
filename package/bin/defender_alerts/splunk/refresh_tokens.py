"""Keeps the refresh token of a person who has signed in: in ``storage/passwords``, encrypted, in two slots.

A slot takes several calls to write, since Splunk's add-ons store a long secret in pieces of 255 characters. So it
carries a checksum, the older slot is the one that is written, and whatever happens meanwhile, the newer stays whole.
No lock is needed: a refresh token stays valid when another is given for it, so that processes which write at once cost
nothing but a slot, which the next one writes anew.

Each write rewrites ``passwords.conf``. A hundred inputs may use one account, and one write a day is enough to keep a
sign-in alive for ever.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from typing import Callable, NamedTuple

from defender_alerts.microsoft.user_sign_in import REFRESH_DAYS

from .names import APP
from .rest_client import Entry, Splunkd, SplunkdError, entries, explained, path_of
from .stored_settings import in_pieces, readable

REALM = f"__REFRESH_TOKENS__#{APP}"
SLOTS = ("a", "b")
# Seconds after which a newer token is stored; each input waits up to JITTER longer, so that not all write at once.
OLD = 86_400
JITTER = 6 * 3_600


class Slot(NamedTuple):
    """A refresh token as it is kept. The newer of two is the greater one.

    Attributes:
        signed_in: when the person signed in of whom it comes, in seconds since 1970 by this machine's clock. A later
            sign-in counts more than a later token.
        issued: when it came, likewise.
        token: the token itself.
    """

    signed_in: int
    issued: int
    token: str

    def dump(self) -> str:
        """The slot as it is stored."""
        return json.dumps({"token": self.token, "issued": self.issued, "signed_in": self.signed_in, "sum": self._sum()})

    def _sum(self) -> str:
        return hashlib.sha256(f"{self.signed_in} {self.issued} {self.token}".encode()).hexdigest()

    @classmethod
    def load(cls, fields: Mapping[str, str]) -> Slot | None:
        """Read a stored slot; None where it is not whole."""
        try:
            slot = cls(int(fields["signed_in"]), int(fields["issued"]), fields["token"])
        except (KeyError, ValueError):
            return None
        return slot if slot.token and fields.get("sum") == slot._sum() else None


class _Stored:
    """What ``storage/passwords`` holds for an account.

    Attributes:
        pieces: the entries, by slot and number.
        slots: those that are whole.
    """

    def __init__(self, pieces: Mapping[str, Mapping[int, Entry]]) -> None:
        self.pieces = pieces
        texts = {
            slot: readable({number: one.content.get("clear_password") for number, one in of_slot.items()})
            for slot, of_slot in pieces.items()
        }
        read = {slot: Slot.load(fields) for slot, fields in texts.items() if fields is not None}
        self.slots = {name: slot for name, slot in read.items() if slot is not None}

    @property
    def newest(self) -> Slot | None:
        """The newest whole slot; None where nobody has signed in."""
        return max(self.slots.values(), default=None)

    @property
    def oldest(self) -> str:
        """The name of the slot to write: one that is not whole, else the older one."""
        return min(SLOTS, key=lambda name: self.slots.get(name, ()))


class StoredRefreshTokens:
    """The refresh token of an account.

    Args:
        splunkd: with a session that may read and write ``storage/passwords``.
        account: its name.
        writer: the name of the input that keeps it fresh; empty for those who only read.
        log: notes a write that has failed.
        hide: is told each token, so that it can be redacted.
        now: seconds since 1970.
    """

    def __init__(
        self,
        splunkd: Splunkd,
        account: str,
        *,
        writer: str = "",
        log: logging.Logger | None = None,
        hide: Callable[[str], None] = lambda _: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._splunkd = splunkd
        self.account = account
        self._writer = writer
        self._log = log or logging.getLogger(__name__)
        self._hide = hide
        self._now = now
        self._last: Slot | None = None

    def current(self) -> str:
        """The newest refresh token; empty where nobody has signed in, or splunkd can't decrypt it.

        Raises:
            ServiceError, ConfigurationError: splunkd could not be reached or refused.
        """
        try:
            self._last = self._stored().newest
        except SplunkdError as error:
            raise explained(error) from error
        if self._last is None:
            return ""
        self._hide(self._last.token)
        return self._last.token

    def renewed(self, token: str) -> None:
        """Keep a newer token of the same sign-in, unless the one that is kept is young enough.

        A failure is logged and costs nothing: the token that is kept stays valid for weeks.
        """
        self._hide(token)
        last = self._last
        if not self._writer or last is None or not self._is_due(last):
            return
        try:
            stored = self._stored()
            newest = stored.newest
            if newest is None or newest.signed_in != last.signed_in or not self._is_due(newest):
                return
            slot = Slot(newest.signed_in, int(self._now()), token)
            self._write(stored, stored.oldest, slot)
        except SplunkdError as error:
            self._log.warning(
                "account=%s The renewed sign-in could not be stored (%s). Collecting goes on, and a later run tries "
                "again; if this lasts, see splunkd.log.",
                self.account,
                error,
            )
            return
        self._last = slot

    def replace(self, token: str) -> None:
        """Keep the token of a new sign-in, and nothing of earlier ones.

        Raises:
            SplunkdError: splunkd could not be reached or refused.
        """
        self._hide(token)
        stored = self._stored()
        # Later than the sign-in before, also where the clock was set back in between.
        signed_in = max([int(self._now()), *(slot.signed_in + 1 for slot in stored.slots.values())])
        slot = Slot(signed_in, signed_in, token)
        first = stored.oldest
        for name in (first, *(other for other in SLOTS if other != first)):
            self._write(stored, name, slot)

    def forget(self) -> None:
        """Remove all that is kept.

        Raises:
            SplunkdError: splunkd could not be reached or refused.
        """
        for of_slot in self._stored().pieces.values():
            for piece in of_slot.values():
                self._splunkd.delete(path_of("storage", "passwords", piece.name), output_mode="json")

    @property
    def until(self) -> dt.date | None:
        """The day on which the sign-in that was last read ends, unless an input uses it; None where there is none."""
        return None if self._last is None else ends(self._last)

    def _is_due(self, slot: Slot) -> bool:
        digest = hashlib.sha256(self._writer.encode()).digest()
        return self._now() - slot.issued > OLD + int.from_bytes(digest[:4], "big") % JITTER

    def _stored(self) -> _Stored:
        return _all_stored(self._splunkd).get(self.account) or _Stored({})

    def _write(self, stored: _Stored, name: str, slot: Slot) -> None:
        for number, piece in enumerate(in_pieces(slot.dump()), start=1):
            known = stored.pieces.get(name, {}).get(number)
            if known is None:
                new = f"{self.account}-{name}-{number}"
                self._splunkd.post("storage", "passwords", realm=REALM, name=new, password=piece)
            else:
                self._splunkd.post("storage", "passwords", known.name, password=piece)


def ends(slot: Slot) -> dt.date:
    """The day (UTC) on which a sign-in ends unless an input uses it."""
    return dt.datetime.fromtimestamp(slot.issued, dt.timezone.utc).date() + dt.timedelta(days=REFRESH_DAYS)


def ends_of_all(splunkd: Splunkd) -> dict[str, dt.date]:
    """By account the day on which its sign-in ends unless an input uses it; accounts without one are left out.

    Raises:
        SplunkdError: splunkd could not be reached or refused.
    """
    newest = {account: stored.newest for account, stored in _all_stored(splunkd).items()}
    return {account: ends(slot) for account, slot in newest.items() if slot is not None}


def _all_stored(splunkd: Splunkd) -> dict[str, _Stored]:
    pieces: dict[str, dict[str, dict[int, Entry]]] = {}
    for entry in entries(splunkd.get_with_retries("storage/passwords", count=0, search=f"realm={REALM}")):
        account, slot, number = _parts(str(entry.content.get("username", "")))
        if entry.content.get("realm") == REALM and number:
            pieces.setdefault(account, {}).setdefault(slot, {})[number] = entry
    return {account: _Stored(of_account) for account, of_account in pieces.items()}


def _parts(username: str) -> tuple[str, str, int]:
    """The account, the slot and the number of the piece in the name of an entry; 0 if it is none of ours."""
    account, _, rest = username.partition("-")
    slot, _, number = rest.partition("-")
    return account, slot, int(number) if number.isdecimal() and slot in SLOTS else 0
