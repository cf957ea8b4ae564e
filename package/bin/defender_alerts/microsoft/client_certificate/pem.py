"""Reads PEM (RFC 7468), however the way through browser and conf file has treated its line feeds."""

from __future__ import annotations

import base64
import binascii
import re
import textwrap
from dataclasses import dataclass, field

BEGINNING = "-----BEGIN "
# A block ends where another one begins: what was cut off does not take the next one with it.
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{3,40})-----([^-]*(?:-(?!----)[^-]*)*)-----END \1-----")
# An input field of a browser takes line feeds away, Splunk's conf files write them as \n or as a backslash at the end
# of a line, and some pages as blanks.
_BREAKS = re.compile(r"\\[nr]?|\s+")
_COLUMNS = 64


@dataclass(frozen=True)
class Block:
    """What stands between BEGIN and END; it may be a private key, so it is not shown."""

    label: str
    body: str = field(repr=False)

    @property
    def is_key(self) -> bool:
        """Whether it is a private key, of whatever kind."""
        return self.label.endswith("PRIVATE KEY")

    def lines(self) -> list[str]:
        """The text in the lines of PEM."""
        return textwrap.wrap(self.body, _COLUMNS)

    def decoded(self) -> bytes:
        """The bytes.

        Raises:
            ValueError: the text is not base64.
        """
        try:
            return base64.b64decode(self.body, validate=True)
        except (binascii.Error, ValueError):
            # The error's own words may quote.
            raise ValueError("not base64") from None


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks in their order; what stands around them is left out."""
    return tuple(Block(match.group(1), _BREAKS.sub("", match.group(2))) for match in _BLOCK.finditer(text))


def text(label: str, encoded: bytes) -> str:
    """Bytes as PEM."""
    block = Block(label, base64.b64encode(encoded).decode("ascii"))
    return "\n".join((f"-----BEGIN {label}-----", *block.lines(), f"-----END {label}-----", ""))
