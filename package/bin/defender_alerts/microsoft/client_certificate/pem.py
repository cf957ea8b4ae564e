"""Reads PEM (RFC 7468), whatever browser and conf file have done to its line breaks."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

BEGINNING = "-----BEGIN "
# A block must not contain the beginning of another one, so that a truncated block does not swallow the next.
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{3,40})-----([^-]*(?:-(?!----)[^-]*)*)-----END \1-----")
# A browser's input field removes line breaks, Splunk's conf files write them as \n or as a backslash at the end of a
# line, and some pages turn them into blanks.
_BREAKS = re.compile(r"\\[nr]?|\s+")
_LINE = ".{1,64}"


class Block(NamedTuple):
    """A PEM block, without line breaks."""

    label: str
    body: str

    @property
    def is_key(self) -> bool:
        """Whether it is a private key of any kind."""
        return self.label.endswith("PRIVATE KEY")

    @property
    def text(self) -> str:
        """The block in lines of 64 characters."""
        lines = re.findall(_LINE, self.body)
        return "\n".join((f"-----BEGIN {self.label}-----", *lines, f"-----END {self.label}-----", ""))

    def decoded(self) -> bytes:
        """The decoded bytes.

        Raises:
            ValueError: the body is not base64; the message quotes nothing of it.
        """
        return base64.b64decode(self.body, validate=True)


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a text, in order; everything around them is ignored."""
    return tuple(Block(match.group(1), _BREAKS.sub("", match.group(2))) for match in _BLOCK.finditer(text))
