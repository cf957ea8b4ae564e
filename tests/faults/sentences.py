"""What an administrator finds in an input's log, beside the story that each run tells."""

from __future__ import annotations

import logging


def is_sentence(level: str, text: str) -> bool:
    """Whether a line is one to be told in the matrix: every one at INFO and above, but those of the usual story.

    To the usual belongs that a backlog keeps to its pace: whether a row's run makes so many calls within a minute depends
    on the machine. That the pace is kept is measured by ``unit/test_pace.py`` and ``unit/test_moving_records.py``.
    """
    is_usual = text.startswith("action=") or text.endswith("reason=pace")
    return level in {"WARNING", "ERROR", "CRITICAL"} or (level == "INFO" and not is_usual)


class Kept(logging.Handler):
    """Keeps the sentences."""

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if is_sentence(record.levelname, text):
            self.sentences.append(text)


def listening() -> tuple[logging.Logger, Kept]:
    """A logger at the level INFO, and what it has been told."""
    log, kept = logging.Logger("faults", logging.INFO), Kept()  # noqa: LOG001 - nobody else's handlers
    log.addHandler(kept)
    return log, kept
