"""Text that breaks naive writers of XML streams, and layouts of JSON that break naive readers.

All of it is valid JSON (RFC 8259) in UTF-8, so an API may send it; XML 1.0 (section 2.2) can't carry some of it as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class HostileText:
    """One string, as JSON text and as what it means."""

    name: str
    literal: bytes
    """With its quotes, as the API sends it."""

    @property
    def meaning(self) -> str:
        """The string that a JSON parser makes of it; may hold lone surrogates."""
        text: str = json.loads(self.literal)
        return text


def _plain(name: str, text: str) -> HostileText:
    return HostileText(name, json.dumps(text, ensure_ascii=False).encode())


HOSTILE_TEXT = (
    _plain("the end of CDATA", "a]]>b"),
    _plain("a whole CDATA section", "<![CDATA[x]]>"),
    _plain("the end of an event", "</event>"),
    _plain("the end of the stream", "</data></event></stream>"),
    _plain("an event of its own", "</data></event><event><data>forged</data></event>"),
    _plain("markup and entities", "<b a='1' c=\"2\">&amp;&lt;&#0;&#x1F;&unknown;</b><!-- -- --><?pi?>"),
    _plain("ampersands", "a&b&&c"),
    _plain("U+FFFE raw", "a\ufffeb"),
    _plain("U+FFFF raw", "a\uffffb"),
    HostileText("U+FFFE and U+FFFF as escapes", rb'"a\uFFFE\uffffb"'),
    _plain("noncharacters beyond the BMP", "a\U0001fffe\U0010ffffb"),
    HostileText("NUL as an escape", rb'"a\u0000b"'),
    HostileText("C0 controls as escapes", b'"' + b"".join(b"\\u%04x" % code for code in range(0x20)) + b'"'),
    HostileText("short escapes", rb'"\b\f\n\r\t\"\\\/"'),
    _plain("U+007F to U+009F raw", "".join(map(chr, range(0x7F, 0xA0)))),
    HostileText("a lone high surrogate", rb'"a\ud800b"'),
    HostileText("a lone low surrogate", rb'"a\udfffb"'),
    HostileText("surrogates in the wrong order", rb'"\udc00\ud800"'),
    HostileText("a proper pair as escapes", rb'"\ud83d\ude00"'),
    _plain("emoji raw", "😀👩‍👩‍👧‍👦🏳️‍🌈"),
    _plain(
        "right-to-left marks",
        "invoice\u202efdp.exe \u200f\u05e9\u05dc\u05d5\u05dd\u200e \u061c\u0645\u0631\u062d\u0628\u0627\u2066x\u2069",
    ),
    _plain("line and paragraph separators", "a\u2028b\u2029c\u0085d"),
    _plain("a byte order mark inside", "\ufeffa\ufeffb"),
    _plain("combining and zero-width characters", "e\u0301Z\u0335\u034f\u200b\u200d\u2060"),
    HostileText("an escaped escape that looks like NUL", rb'"C:\\u0000\\users\\ud800"'),
    HostileText("line breaks as escapes that look like a time", rb'"a\r\n2026-01-01T00:00:00Z {\"AlertId\":1}\n"'),
    HostileText("a member of the alert inside a string", rb'"\"LastProcessedTimeUtc\":\"1999-01-01T00:00:00Z\""'),
    _plain("blank and trailing blanks", "  \u00a0 "),
    _plain("an empty string", ""),
)
"""Short ones; `HUGE_COMMAND_LINE` comes on top."""

HUGE_COMMAND_LINE = _plain("1 MB command line", "powershell -enc " + "QQBCAEMA]]>&<é😀" * 60_000)
"""A command line of more than 1,000,000 bytes."""


def pretty(alert: bytes, *, newline: bytes = b"\n", indent: bytes = b"\t") -> bytes:
    """Return an alert's JSON with raw line breaks and tabs (or others) between its tokens, values unchanged."""
    spaced = b""
    is_in_string = is_escaped = False
    start = depth = 0
    for position, byte in enumerate(alert):
        if is_in_string:
            is_in_string = is_escaped or byte != ord('"')
            is_escaped = not is_escaped and byte == ord("\\")
        elif byte == ord('"'):
            is_in_string = True
        elif byte in b"{[,":
            depth += byte != ord(",")
            spaced += alert[start : position + 1] + newline + indent * depth
            start = position + 1
        elif byte in b"}]":
            depth -= 1
            spaced += alert[start:position] + newline + indent * depth
            start = position
    return spaced + alert[start:]
