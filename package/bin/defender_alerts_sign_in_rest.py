"""The REST endpoint ``defender_alerts_sign_in`` as splunkd starts it: see ``splunk.pages.sign_in``."""

import sys
from pathlib import Path

# splunkd starts persistent handlers from a script of its own, and does not say that this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import import_declare_test  # noqa: F401 - puts lib/ on the path, as UCC's own scripts do
from defender_alerts.environment import PROCESS
from defender_alerts.splunk.pages.persistent import PersistentHandler
from defender_alerts.splunk.pages.sign_in import answer

PROCESS.prepare()


class SignInHandler(PersistentHandler):
    """The handler by the name that restmap.conf gives it."""

    answer = staticmethod(answer)
