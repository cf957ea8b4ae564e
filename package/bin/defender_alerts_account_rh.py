"""UCC's hook for Configuration > Accounts: see ``defender_alerts.splunk.pages.account_handler``."""

from defender_alerts.environment import PROCESS
from defender_alerts.splunk.pages.account_handler import AccountHandler
from defender_alerts.splunk.pages.credentials import use_readable_credentials

__all__ = ["AccountHandler"]

PROCESS.prepare()
use_readable_credentials()
