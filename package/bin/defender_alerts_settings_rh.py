"""UCC's hook for Configuration > Proxy, Logging and Network: ``defender_alerts.splunk.pages.settings_handler``."""

from defender_alerts.environment import PROCESS
from defender_alerts.splunk.pages.credentials import use_readable_credentials
from defender_alerts.splunk.pages.settings_handler import SettingsHandler

__all__ = ["SettingsHandler"]

PROCESS.prepare()
use_readable_credentials()
