"""Pieces of evidence that count for a field, by what they are and which part they played."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tooling.fields.expressions import BUILT_IN_SID, each, first, has, is_of, lacks, member, says, unless, where

IS_INCIDENT = 'sourcetype=="ms365:defender:incident"'
NOTHING = '""'
DEST = "dest"
"""The piece that is the field dest: Graph's roles say which."""

_PROCESS = ("processId", "processCommandLine")
_FILE = ("fileName", "sha256", "sha1", "fileDetails", "imageFile", "fileHashes")
_DEVICE = ("deviceDnsName", "hostName")
_SID = ("userSid", "userAccount.userSid")

Piece = Callable[[str], str]
"""An expression, made of the field that stands for one piece."""


def _has_role(*roles: str) -> Piece:
    return lambda piece: rf'match({member(piece, "roles")},"\b(?:{"|".join(roles)})\b")'


def _is_device(piece: str) -> str:
    return " OR ".join(says(piece, path) for path in _DEVICE)


def _is_built_in(piece: str) -> str:
    return " OR ".join(says(piece, path, BUILT_IN_SID) for path in _SID)


_attacked, _attacking = _has_role("attacked", "destination"), _has_role("attacker", "source")

PIECES_THAT: Mapping[str, Callable[[Piece], Piece]] = {
    "attacked": lambda value: where(_attacked, value),
    "attacking": lambda value: where(_attacking, value),
    "not attacking": lambda value: unless(_attacking, value),
    "no process": lambda value: where(lambda piece: lacks(piece, *_PROCESS), value),
    "process": lambda value: where(lambda piece: has(piece, *_PROCESS), value),
    "file": lambda value: where(lambda piece: f"{has(piece, *_FILE)} OR {is_of(piece, 'blob', 'fileHash')}", value),
    "not built in": lambda value: unless(_is_built_in, value),
}
"""What a table may ask of a piece, and a value of those pieces alone."""


def of_pieces(choice: Iterable[str], value: Piece) -> Piece:
    """A value of those pieces alone that are all of this."""
    for name in reversed(tuple(choice)):
        value = PIECES_THAT[name](value)
    return value


def all_of(choice: str, value: Piece) -> str:
    """A value of each piece that is of this kind, or of each."""
    return each(of_pieces([choice] if choice else [], value))


def of_dest(value: Piece) -> str:
    """A value of the device that is dest, and of no other where that device doesn't have it."""
    its = where(_is_device, value)
    choices = (("attacked",), ("not attacking",), ())
    return f'nullif(coalesce({", ".join(first(of_pieces(choice, its)) for choice in choices)}),"")'
