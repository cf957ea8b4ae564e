"""The add-on's log as Splunk takes it apart: a line's own fields, and key=value pairs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} log_level=(?P<level>\w+) pid=(?P<pid>\d+) tid=(?P<thread>.+?) "
    r"file=\S+ \| (?P<text>.*)$"
)
_PAIR = re.compile(r'(?P<key>\w+)=(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+))')


@dataclass(frozen=True)
class LogLine:
    """One entry. What has several lines, Splunk indexes as one event with the head."""

    level: str
    text: str
    lines: int = 1

    @property
    def fields(self) -> dict[str, str]:
        """Its pairs, as Splunk's automatic extraction finds them."""
        return {
            pair["key"]: pair["bare"] if pair["quoted"] is None else pair["quoted"]
            for pair in _PAIR.finditer(self.text)
        }

    @property
    def category(self) -> str:
        """Under which error solnlib files it (exc_l), empty where it is none."""
        return self.fields.get("exc_l", "")


def read_log(text: str) -> list[LogLine]:
    """All entries, oldest first."""
    entries: list[LogLine] = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is not None:
            entries.append(LogLine(match["level"], match["text"]))
        else:
            assert entries, f"the log begins in the middle of an entry: {line!r}"
            last = entries.pop()
            entries.append(LogLine(last.level, f"{last.text} {line}".strip(), last.lines + 1))
    return entries


def errors(lines: list[LogLine]) -> list[LogLine]:
    """What an alert search for errors would find."""
    return [line for line in lines if line.level in {"ERROR", "CRITICAL"}]


def actions(lines: list[LogLine], action: str) -> list[dict[str, str]]:
    """The fields of all lines of one action."""
    return [line.fields for line in lines if line.fields.get("action") == action]
