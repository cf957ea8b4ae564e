"""The logs below ``$SPLUNK_HOME/var/log/splunk`` as they get into the index ``_internal``, without any setting of the app's."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator

from standins.search.indexing import IndexedEvent

_BEGINNING = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} )", re.MULTILINE)
_OF_SPLUNKD = re.compile(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d\.\d{3} \+0000")
_TIME = "%Y-%m-%d %H:%M:%S,%f"
_TIME_LENGTH = len("2026-03-31 12:00:00,000")


def events_of_splunkd_log(text: str, host: str) -> Iterator[IndexedEvent]:
    """The lines of ``splunkd.log``, oldest first. Of what Splunk's own settings extract (``component``) there is nothing."""
    for line in text.splitlines():
        moment = _OF_SPLUNKD.match(line)
        if moment:
            time = dt.datetime.strptime(moment.group(), "%m-%d-%Y %H:%M:%S.%f %z")
            path = "/opt/splunk/var/log/splunk/splunkd.log"
            yield IndexedEvent(line, f"{time.timestamp():.3f}", path, "splunkd", host, "_internal")


def events_of_log(path: str, text: str, host: str) -> Iterator[IndexedEvent]:
    """A log file's events, oldest first.

    Splunk's own ``inputs.conf`` monitors the folder. props.conf.spec, SHOULD_LINEMERGE and BREAK_ONLY_BEFORE_DATE (both true
    by default): an event begins with a line that has a date, and that is its time, in the time zone of the host. Assumed: of
    a file that no stanza names the sourcetype is the file's name.

    Raises:
        ValueError: the file doesn't begin with a date.
    """
    begins = [match.start() for match in _BEGINNING.finditer(text)]
    if text and begins[:1] != [0]:
        raise ValueError(f"{path} begins in the middle of an event")
    name = re.split(r"[/\\]", path)[-1]
    for start, end in itertools.pairwise([*begins, len(text)]):
        raw = text[start:end].rstrip("\r\n")
        time = dt.datetime.strptime(raw[:_TIME_LENGTH], _TIME).astimezone()
        yield IndexedEvent(raw, f"{time.timestamp():.3f}", path, name.removesuffix(".log"), host, "_internal")
