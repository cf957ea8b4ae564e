"""The REST endpoint ``defender_alerts_status`` as splunkd starts it: see ``defender_alerts.input.status``."""

import json
import sys
from pathlib import Path

# splunkd starts persistent handlers from a script of its own, and does not say that this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import import_declare_test  # noqa: F401 - puts lib/ on the path, as UCC's own scripts do
from defender_alerts.environment import PROCESS
from defender_alerts.input.status import answer
from splunk.persistconn.application import PersistentServerConnectionApplication

PROCESS.prepare()


class StatusHandler(PersistentServerConnectionApplication):  # type: ignore[misc] # it ships no types
    """Answers one request after the other, in a process that splunkd keeps."""

    def __init__(self, _command_line: str, _command_arg: str) -> None:
        """Take what splunkd gives: nothing of it is needed."""
        super().__init__()

    def handle(self, in_string: str) -> "dict[str, object]":
        """Answer one request, JSON as restmap.conf.spec describes it."""
        status, content = answer(json.loads(in_string))
        return {
            "status": int(status),
            "payload": json.dumps(content),
            "headers": {"Content-Type": "application/json; charset=UTF-8"},
        }
