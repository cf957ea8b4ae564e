"""UCC's hooks for its pages: see the modules in ``defender_alerts.splunk.pages``."""

from defender_alerts.environment import PROCESS
from defender_alerts.splunk.pages.account_handler import AccountHandler
from defender_alerts.splunk.pages.credentials import use_readable_credentials
from defender_alerts.splunk.pages.input_handler import InputHandler
from defender_alerts.splunk.pages.settings_handler import SettingsHandler

__all__ = ["AccountHandler", "InputHandler", "SettingsHandler"]

PROCESS.prepare()
use_readable_credentials()
