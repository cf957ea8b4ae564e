"""The log of one input: ``var/log/splunk/ta_defender_alerts_<kind>_<input>.log``, never with a secret in it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from solnlib import log as splunk_log

from defender_alerts.errors import AddonError
from defender_alerts.wording import key_values

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_CATEGORIES = {
    "authentication_error": splunk_log.log_authentication_error,
    "configuration_error": splunk_log.log_configuration_error,
    "connection_error": splunk_log.log_connection_error,
    "permission_error": splunk_log.log_permission_error,
    "server_error": splunk_log.log_server_error,
}


# What a run does in figures: Health, the saved searches and UCC's dashboard are made of these lines.
_FIGURES = "action="

# solnlib.log puts the exception's class before its message.
_CLASS = re.compile(r"\bdefender_alerts\.errors\.\w+: ")


class Redaction(logging.Filter):
    """The last line of defence: takes known secrets out of whatever is about to be logged.

    Attributes:
        level: what is below it is left out, but for the lines that begin with ``action=``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.level = logging.NOTSET
        self._secrets: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """Take these texts out from now on."""
        self._secrets = tuple(secret for secret in secrets if secret)

    def clean(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "******")
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean what passes; what is not for diagnosis alone, put on one line and without Python's words."""
        message = self.clean(record.getMessage())
        if record.levelno < self.level and not message.startswith(_FIGURES):
            return False
        if record.levelno > logging.DEBUG:
            message = " ".join(_CLASS.sub("", message).split())
        record.msg, record.args = message, None
        return True


def open_log(name: str, redaction: Redaction) -> logging.Logger:
    """The log file's logger, at INFO until the settings say otherwise."""
    logger: logging.Logger = splunk_log.Logs().get_logger(name)
    logger.addFilter(redaction)
    return logger


def set_level(logger: logging.Logger, redaction: Redaction, loglevel: str) -> None:
    """Log from a level of the settings on, and at any level what a run does in figures; an unknown level is ignored."""
    if loglevel in LEVELS:
        redaction.level = logging.getLevelName(loglevel)
        logger.setLevel(min(redaction.level, logging.INFO))


def report(logger: logging.Logger, failure: AddonError, **where: str) -> None:
    """Log a failure under its category, with its sentence and without a traceback."""
    _CATEGORIES[failure.category](logger, failure, full_msg=False, msg_before=key_values(**where))
