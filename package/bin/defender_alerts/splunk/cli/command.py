"""The frame of the commands: from the process that a shell starts to the exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Callable

from defender_alerts.environment import PROCESS
from defender_alerts.errors import AddonError, ConfigurationError, StoppedError
from defender_alerts.splunk.log import Redaction
from defender_alerts.splunk.rest_client import SplunkdError

from .shell import LOCAL_TOKEN, Shell

INTERRUPTED = 130


def start(main: Callable[[Sequence[str], Shell], int]) -> None:
    """Run a command as this process, and end with its exit status."""
    PROCESS.prepare()
    sys.exit(main(sys.argv[1:], Shell.of_this_process()))


def run(shell: Shell, body: Callable[[Redaction], int], interrupted: str) -> int:
    """Do a command's work; return its exit status.

    Args:
        shell: what the command gets from the shell.
        body: the work, which returns the exit status; it is given what redacts secrets in what is said of errors.
        interrupted: what to say if it is interrupted.
    """
    redaction = Redaction()
    redaction.hide(shell.environment.get(LOCAL_TOKEN, ""))
    try:
        return body(redaction)
    except AddonError as error:
        status, sentence = error.exit_status, str(error)
    except SplunkdError as error:
        status, sentence = ConfigurationError.exit_status, _refused(error)
    except (StoppedError, KeyboardInterrupt):
        status, sentence = INTERRUPTED, interrupted
    shell.err.write(f"{redaction.clean(sentence)}\n")
    return status


def _refused(error: SplunkdError) -> str:
    if error.status:
        return f"splunkd refuses this user's call ({error}). Log in as a user with the role admin or sc_admin."
    return f"splunkd did not answer ({error}). Check --port, and that Splunk runs on this host."
