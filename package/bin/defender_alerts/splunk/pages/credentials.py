"""Lets UCC's handlers work even if splunkd can't decrypt some of the stored secrets.

solnlib 8.2 joins the pieces of all passwords of a page at once, and fails as a whole if splunkd returns one of them
without clear text (solnlib#311). Then no account would be listed, and no new secret could be saved.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from solnlib.credentials import CredentialManager
from splunktaucclib.rest_handler import credentials

from defender_alerts.splunk.stored_settings import MASKS, readable


class ReadableCredentials(CredentialManager):
    """Ignores secrets that can't be decrypted.

    A new secret replaces such a one; until then it is kept, since the right splunk.secret makes it readable again.
    """

    def set_password(self, user: str, password: str) -> None:
        """Store the fields, except masks, which UCC would store if nothing was stored before."""
        fields = {name: value for name, value in json.loads(password).items() if value not in MASKS}
        if fields:
            super().set_password(user, json.dumps(fields))

    def _get_clear_passwords(self, passwords: Iterable[Any]) -> Any:
        of_owner: dict[str, list[Any]] = {}
        for one in passwords:
            owner = str(one.username).rpartition(self.SEP)[0]
            of_owner.setdefault(owner or one.username, []).append(one)
        return super()._get_clear_passwords(
            [
                one
                for pieces in of_owner.values()
                if readable({_number(piece, self.SEP): piece.clear_password for piece in pieces}) is not None
                for one in pieces
            ]
        )


def _number(piece: Any, separator: str) -> int:
    number = str(piece.username).rpartition(separator)[2]
    return int(number) if number.isdecimal() else 0


def use_readable_credentials() -> None:
    """Make the handlers of this process use this class: they look it up by this name."""
    credentials.CredentialManager = ReadableCredentials  # type: ignore[attr-defined]
