"""Checks an input end to end and prints a report that is safe to send to support. To be started by an administrator.

On the host with the input:

    $SPLUNK_HOME/bin/splunk cmd python3.9 $SPLUNK_HOME/etc/apps/TA_defender_alerts/bin/defender_alerts_doctor.py
        --input corp --username admin

It changes nothing. The password is asked for without echo; an authentication token or session key may be in the
environment as SPLUNK_TOKEN. With --self it looks at the installation itself, needs none of the bundled libraries for
that, and starts on older Pythons too: see ``defender_alerts.splunk.installation``.
"""

import os
import sys

if __name__ == "__main__" and "--self" in sys.argv[1:]:
    sys.dont_write_bytecode = True
    from defender_alerts.splunk.cli import shell
    from defender_alerts.splunk.installation.command import main as look

    sys.exit(
        look(sys.argv[1:], shell.Shell(sys.stdout, sys.stderr, os.environ, shell.ask_password, shell.never_stopped()))
    )

import import_declare_test  # noqa: F401 - puts lib/ on the path, as UCC's own scripts do
from defender_alerts.environment import PROCESS
from defender_alerts.splunk.cli.doctor import main
from defender_alerts.splunk.cli.shell import Shell, ask_password, never_stopped

if __name__ == "__main__":
    PROCESS.prepare()
    sys.exit(main(sys.argv[1:], Shell(sys.stdout, sys.stderr, os.environ, ask_password, never_stopped())))
