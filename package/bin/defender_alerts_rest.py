"""The add-on's own REST endpoints as splunkd starts them: see ``defender_alerts.splunk.pages.persistent``."""

import sys
from pathlib import Path

# splunkd starts persistent handlers from a script of its own, and does not say that this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import import_declare_test  # noqa: F401 - puts lib/ on the path, as UCC's own scripts do
from defender_alerts.environment import PROCESS
from defender_alerts.splunk.pages.persistent import DoctorHandler, SignInHandler, StatusHandler

__all__ = ["DoctorHandler", "SignInHandler", "StatusHandler"]

PROCESS.prepare()
