"""UCC's hook for the Inputs page: see ``defender_alerts.splunk.pages.input_handler``."""

from defender_alerts.environment import PROCESS
from defender_alerts.splunk.pages.input_handler import InputHandler

__all__ = ["InputHandler"]

PROCESS.prepare()
