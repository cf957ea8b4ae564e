"""Versions of records, and the memory of those already delivered.

A version is (identity, version time). It is remembered by a fingerprint of 12 bytes: among 50,000 remembered versions
the chance of a collision is below 1e-19, and the checkpoint takes a third of the space that the identities would need.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

FINGERPRINT_BYTES = 12
_PACKED = struct.Struct(f">q{FINGERPRINT_BYTES}s")


class Version(NamedTuple):
    """One version of one record, as it will be written; a named tuple, since one is made for each record.

    Attributes:
        time: the version time, in ticks.
        fingerprint: of identity and version time.
        raw: the record's JSON exactly as it was received, in UTF-8.
        has_controls: ``raw`` may hold control characters in its strings, where JSON does not allow them.
        is_split: it was split off another record, as an alert off an incident.
        completes: the identity of the incomplete record that this version completes; empty for none.
        incomplete: the identity of the record, if this version of it is incomplete; empty if it is complete.
    """

    time: int
    fingerprint: bytes
    raw: bytes
    has_controls: bool = True
    is_split: bool = False
    completes: str = ""
    incomplete: str = ""


def fingerprint(identity: str, time: int) -> bytes:
    """The fingerprint of the version of ``identity`` at ``time`` (ticks): the beginning of a SHA-256.

    That digest is allowed everywhere. BLAKE2b is not: in FIPS mode it raises ValueError or TypeError, or is not there.
    """
    text = f"{time}:{identity}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).digest()[:FINGERPRINT_BYTES]


def preliminary(identity: str, time: int) -> bytes:
    """The fingerprint of a version that was indexed incomplete and will be indexed again when it is complete."""
    return fingerprint(f"{identity}|preliminary", time)


def completed(identity: str, time: int) -> bytes:
    """The fingerprint that marks a version whose missing split alerts have been delivered since."""
    return fingerprint(f"{identity}|completed", time)


class Seen:
    """The delivered versions, as far back as the APIs may still return them."""

    def __init__(self) -> None:
        self._times: dict[bytes, int] = {}
        # What ``pack`` encodes, kept up to date: building it anew with each save would be slow.
        self._packed = bytearray()

    def __contains__(self, version_fingerprint: bytes) -> bool:
        return version_fingerprint in self._times

    def __len__(self) -> int:
        return len(self._times)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return iter(sorted((time, mark) for mark, time in self._times.items()))

    def add(self, version_fingerprint: bytes, time: int) -> None:
        """Remember a version with its version time in ticks."""
        if version_fingerprint not in self._times:
            self._times[version_fingerprint] = time
            self._packed += _PACKED.pack(time, version_fingerprint)

    def forget_before(self, time: int) -> None:
        """Forget the versions older than ``time`` (ticks)."""
        kept = {mark: seen for mark, seen in self._times.items() if seen >= time}
        if len(kept) < len(self._times):
            self._times = kept
            self._packed = bytearray(b"".join(_PACKED.pack(seen, mark) for mark, seen in kept.items()))

    def pack(self) -> str:
        """The versions as text for the checkpoint: base64 of 20 bytes each, in order of arrival."""
        return base64.b64encode(self._packed).decode("ascii")

    @classmethod
    def unpack(cls, text: str) -> Seen:
        """Read the text that ``pack`` wrote.

        Raises:
            ValueError: the text is damaged.
        """
        try:
            packed = base64.b64decode(text.encode("ascii"), validate=True)
            seen = cls()
            seen._times = {mark: time for time, mark in _PACKED.iter_unpack(packed)}
            seen._packed = bytearray(packed)
        except (binascii.Error, struct.error) as error:
            raise ValueError("the remembered versions are not readable") from error
        return seen
