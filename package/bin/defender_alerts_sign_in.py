"""Signs a person in for an account of the type user, on a host without Splunk Web. To be started by an administrator.

On the host with the input:

    $SPLUNK_HOME/bin/splunk cmd python3.9 $SPLUNK_HOME/etc/apps/TA_defender_alerts/bin/defender_alerts_sign_in.py corp
        --username admin

It prints the address of Microsoft's page, to be opened in any browser anywhere, and asks for the address at which the
browser ends. With --forget it signs out. The password is asked for without echo; an authentication token or session key
may be in the environment as SPLUNK_TOKEN.
"""

import import_declare_test  # noqa: F401 - puts lib/ on the path, as UCC's own scripts do
from defender_alerts.splunk.cli.command import start
from defender_alerts.splunk.cli.sign_in import main

if __name__ == "__main__":
    start(main)
