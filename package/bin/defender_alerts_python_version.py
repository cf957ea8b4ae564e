"""Ends a script that an older Python has started, with a sentence that names the right one.

Every script of this add-on imports import_declare_test before all else, which calls this (additional_packaging.py). So
no Python 3.7 gets as far as code that it can't read, and nothing here may need more than that Python has.

Splunk 9.3 and 9.4 carry both: there "python3" and "python3.7" mean 3.7, and "python3.9" means 3.9 (inputs.conf.spec and
server.conf.spec, python.version).
"""

import sys

OLDEST = (3, 9)
CONFIGURATION_ERROR = 2
SENTENCE = (
    "The Microsoft Defender Alerts Add-on needs Python 3.9 or later and was started by Python {}: at a shell, start it "
    "with splunk cmd python3.9; where Splunk starts it, see that no local inputs.conf, restmap.conf or server.conf "
    "sets another python.version than python3.9."
)
# What splunkd shows of an input that it is about to save ("Set up external validation").
_ANSWER = "<error><message>{}</message></error>\n"
_CHECKS_AN_INPUT = "--validate-arguments"


def require() -> None:
    """End the process, unless this Python runs the add-on.

    Raises:
        SystemExit: it does not. The sentence is on standard error, and is the answer where splunkd has an input
            checked.
    """
    if sys.version_info[:2] >= OLDEST:
        return
    sentence = SENTENCE.format(".".join(str(part) for part in sys.version_info[:3]))
    if _CHECKS_AN_INPUT in sys.argv[1:]:
        sys.stdout.write(_ANSWER.format(sentence))
        sys.stdout.flush()
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
    sys.exit(CONFIGURATION_ERROR)
