"""Versions of records, and the memory of those already delivered.

A version is (identity, version time). It is remembered as a fingerprint of both, 12 bytes long: among 50,000
remembered versions two are confused with a chance below 1e-19, while a checkpoint document stays a third of the size
that the identities themselves would need.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from defender_alerts.errors import ConfigurationError

FINGERPRINT_BYTES = 12
_PACKED = struct.Struct(f">q{FINGERPRINT_BYTES}s")


class Version(NamedTuple):
    """One version of one record, as it will be written; a named tuple, since one is made for each record.

    Attributes:
        time: the version time, in ticks.
        fingerprint: of identity and version time.
        raw: the record's JSON exactly as it stood in the answer.
        is_part: it stood inside another record, as an alert does inside an incident.
        completes: the identity of the record that lacked something until this version is written; empty for none.
        lacks: the identity of the record that lacks something from this version on; empty for none.
    """

    time: int
    fingerprint: bytes
    raw: str
    is_split: bool = False
    completes: str = ""
    lacks: str = ""

    @property
    def size(self) -> int:
        """The bytes of its text in UTF-8."""
        return len(self.raw) if self.raw.isascii() else len(self.raw.encode("utf-8", "surrogatepass"))


def fingerprint(identity: str, time: int) -> bytes:
    """The fingerprint of the version of ``identity`` at ``time`` (ticks).

    Raises:
        ConfigurationError: this host's Python does not allow it.
    """
    text = f"{time}:{identity}".encode("utf-8", "surrogatepass")
    try:
        return hashlib.blake2b(text, digest_size=FINGERPRINT_BYTES, usedforsecurity=False).digest()
    except (ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"This host's Python does not allow BLAKE2b ({error}), by which the add-on knows what it has delivered, as "
            "a Python in FIPS mode may not. Nothing was collected. Run the input with the Python that comes with "
            "Splunk, or on a host where BLAKE2b is allowed."
        ) from error


def preliminary(identity: str, time: int) -> bytes:
    """The fingerprint of the version that was indexed without what it should hold, and will come again with it."""
    return fingerprint(f"{identity}|preliminary", time)


def completed(identity: str, time: int) -> bytes:
    """The mark of a version that lacked what becomes events of its own, and has got it since."""
    return fingerprint(f"{identity}|completed", time)


class Seen:
    """The versions delivered so far, as far back as they can still be shown again."""

    def __init__(self) -> None:
        self._times: dict[bytes, int] = {}
        # What `pack` writes, kept up to date: it is asked for with each save, and sorting it each time would be dear.
        self._packed = bytearray()

    def __contains__(self, version_fingerprint: bytes) -> bool:
        return version_fingerprint in self._times

    def __len__(self) -> int:
        return len(self._times)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return iter(sorted((time, mark) for mark, time in self._times.items()))

    def add(self, version_fingerprint: bytes, time: int) -> None:
        """Remember a version with its version time in ticks; a fingerprint has one time."""
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
        """The versions as text for the checkpoint: base64 of 20 bytes each, in the order in which they came."""
        return base64.b64encode(self._packed).decode("ascii")

    @classmethod
    def unpack(cls, text: str) -> Seen:
        """The versions that ``pack`` wrote.

        Raises:
            ValueError: the text was not written by ``pack``.
        """
        try:
            packed = base64.b64decode(text.encode("ascii"), validate=True)
            seen = cls()
            seen._times = {mark: time for time, mark in _PACKED.iter_unpack(packed)}
            seen._packed = bytearray(packed)
        except (binascii.Error, struct.error) as error:
            msg = "the remembered versions are not readable"
            raise ValueError(msg) from error
        return seen
