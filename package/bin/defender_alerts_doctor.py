"""Checks an input end to end and prints a report that is safe to send to support. To be started by an administrator.

On the host with the input:

    $SPLUNK_HOME/bin/splunk cmd python3.9 $SPLUNK_HOME/etc/apps/TA_defender_alerts/bin/defender_alerts_doctor.py
        --input corp --username admin

It changes nothing. The password is asked for without echo; an authentication token or session key may be in the
environment as SPLUNK_TOKEN. With --self it looks at the installation itself, needs none of the bundled libraries for
that, and starts on older Pythons too: see ``defender_alerts.splunk.installation``.
"""

import sys

if __name__ == "__main__" and "--self" in sys.argv[1:]:
    sys.dont_write_bytecode = True
    from defender_alerts.splunk.cli.shell import Shell
    from defender_alerts.splunk.installation.command import main as look

    sys.exit(look(sys.argv[1:], Shell.of_this_process()))

import import_declare_test  # noqa: F401 - puts lib/ on the path, as UCC's own scripts do
from defender_alerts.splunk.cli.command import start
from defender_alerts.splunk.cli.doctor import main

if __name__ == "__main__":
    start(main)
