"""Lets an input start again at a time of an administrator's choice. To be started by an administrator.

On the host with the input:

    $SPLUNK_HOME/bin/splunk cmd python3.9 $SPLUNK_HOME/etc/apps/TA_defender_alerts/bin/defender_alerts_reset.py corp
        --from 2026-11-01T00:00:00Z --username admin

It shows what will be indexed twice, or left out for ever, and asks for confirmation; with --yes it does not ask. A run
that is under way ends, and the next one starts there. The password is asked for without echo; an authentication token
or session key may be in the environment as SPLUNK_TOKEN.
"""

import import_declare_test  # noqa: F401 - puts lib/ on the path, as UCC's own scripts do
from defender_alerts.splunk.cli.command import start
from defender_alerts.splunk.cli.reset import main

if __name__ == "__main__":
    start(main)
