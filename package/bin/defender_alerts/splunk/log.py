"""The logs, with secrets redacted; an input's is ``var/log/splunk/ta_defender_alerts_<kind>_<input>.log``."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, quote_plus

from defender_alerts.environment import PROCESS
from defender_alerts.errors import AddonError, ConfigurationError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# The format of solnlib.log.Logs (8.2), which searches and UCC's dashboard rely on. solnlib itself is not used:
# whichever of its modules is imported, all are, and Splunk's own splunk.rest with them.
_FORMAT = (
    "%(asctime)s log_level=%(levelname)s pid=%(process)d tid=%(threadName)s "
    "file=%(filename)s:%(funcName)s:%(lineno)d | %(message)s"
)
_MAX_BYTES, _BACKUPS = 25_000_000, 5
# splunkd's names for these levels, which it recognises at the beginning of a line on standard error.
_LEVELS_OF_SPLUNKD = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_MASK = "******"

# Lines with figures, from which Health, the saved searches and UCC's dashboard are made.
_FIGURES = "action="


class Redaction(logging.Filter):
    """Redacts secrets in logs, in reports and on standard error.

    It knows the logins of the environment's proxies and the secrets passed to ``hide``, each in plain form and as
    encoded in a URL or in JSON.

    Attributes:
        level: records below it are dropped, except lines that begin with ``action=``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.level = logging.NOTSET
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.hide(*PROCESS.proxy_secrets())

    def hide(self, *secrets: str) -> None:
        """Redact these texts as well from now on."""
        self._forms.update(form for secret in secrets if secret for form in _forms(secret))
        # Longest first, since one may contain another.
        forms = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_in_either_case, forms))) if forms else None

    def clean(self, text: str) -> str:
        """Redact the secrets in a text."""
        return self._pattern.sub(_MASK, text) if self._pattern else text

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact a record; above DEBUG also remove line breaks."""
        message = self.clean(record.getMessage())
        if record.levelno < self.level and not message.startswith(_FIGURES):
            return False
        if record.levelno > logging.DEBUG:
            message = " ".join(message.split())
        record.msg, record.args = message, None
        return True


class InputLog(RotatingFileHandler):
    """The log of one run; what can't be written to its file goes to standard error.

    Args:
        folder: of Splunk's logs.
        name: of the file, without its suffix.
        redaction: redacts secrets.

    Attributes:
        logger: at INFO until the settings are read.
        failure: why the log goes to standard error instead of the file; None while it does not.
    """

    def __init__(self, folder: Path, name: str, redaction: Redaction) -> None:
        path = folder / f"{name}.log"
        # Opened with the first record, so that handleError gets every error.
        super().__init__(path, maxBytes=_MAX_BYTES, backupCount=_BACKUPS, encoding="utf-8", delay=True)
        self.setFormatter(logging.Formatter(_FORMAT))
        self._elsewhere = _StandardError()
        self.failure: AddonError | None = None
        self.logger = logging.Logger(name, logging.INFO)  # noqa: LOG001 - of this run alone
        self.logger.addFilter(redaction)
        self.logger.addHandler(self)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Write the record to standard error, the first time after the reason."""
        error = sys.exc_info()[1]
        if self.failure is None and isinstance(error, OSError):
            path = self.baseFilename
            self.failure = ConfigurationError(
                f"The log {path} can't be written ({error.strerror or type(error).__name__}). This run "
                "logs to splunkd.log instead, and collecting goes on. Allow the user that runs Splunk to write there, "
                "and make sure that the disk has space."
            )
            sys.stderr.write(f"ERROR {self.failure}\n")
        self._elsewhere.handle(record)


def logger_on(err: TextIO, name: str, level: int, redaction: Redaction) -> logging.Logger:
    """A logger on standard error, for a command or a page: only inputs have log files."""
    logger = logging.Logger(name, level)  # noqa: LOG001 - of this process alone
    handler = logging.StreamHandler(err)
    handler.addFilter(redaction)
    logger.addHandler(handler)
    return logger


def set_level(logger: logging.Logger, redaction: Redaction, loglevel: str) -> None:
    """Log from the settings' level on, and lines with figures at any level; ignore an unknown level."""
    if loglevel in LEVELS:
        redaction.level = logging.getLevelName(loglevel)
        logger.setLevel(min(redaction.level, logging.INFO))


def _forms(secret: str) -> Iterator[str]:
    """The forms in which a secret may occur in a text."""
    yield from (secret, quote(secret, safe=""), quote(secret), quote_plus(secret))
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]


def _in_either_case(form: str) -> str:
    """A pattern for a text whose percent escapes may be in lower or upper case."""
    escapes = r"%([0-9A-Fa-f])([0-9A-Fa-f])"
    return re.sub(escapes, lambda escape: f"%(?i:{escape[1]}{escape[2]})", re.escape(form))


class _StandardError(logging.StreamHandler):  # type: ignore[type-arg] # not generic at runtime in Python 3.9
    """Writes lines as splunkd reads them from standard error into splunkd.log: a level, then the text."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def format(self, record: logging.LogRecord) -> str:
        level = _LEVELS_OF_SPLUNKD.get(record.levelname, record.levelname)
        return f"{level} {record.getMessage()}"

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing: nothing is left to write to, and collecting must go on."""
