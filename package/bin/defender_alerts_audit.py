"""Compares what Microsoft's API shows of a range of time with what is indexed. To be started by an administrator.

On the host with the input:

    $SPLUNK_HOME/bin/splunk cmd python3.9 $SPLUNK_HOME/etc/apps/TA_defender_alerts/bin/defender_alerts_audit.py corp
        --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z --username admin

`splunk cmd` gives a program no session, so it logs in. The password is asked for without echo, or read from standard
input where that is no terminal; an authentication token or session key may be in the environment as SPLUNK_TOKEN. None
of them is an argument, since every user of the host sees those, in the process list and in the shell's history.
"""

import import_declare_test  # noqa: F401 - puts lib/ on the path, as UCC's own scripts do
from defender_alerts.splunk.cli.audit import main
from defender_alerts.splunk.cli.command import start

if __name__ == "__main__":
    start(main)
