"""What UCC's generated ``<kind>.py`` calls, for every kind of input.

UCC passes the script itself to a function that has one more argument than it needs. The script's scheme has the name of
the input's kind.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from defender_alerts.environment import PROCESS
from defender_alerts.splunk import process

if TYPE_CHECKING:
    from splunklib.modularinput.event_writer import EventWriter
    from splunklib.modularinput.input_definition import InputDefinition
    from splunklib.modularinput.script import Script
    from splunklib.modularinput.validation_definition import ValidationDefinition

PROCESS.prepare()
process.make_imports_cheap()


def validate_input(script: Script, definition: ValidationDefinition) -> None:
    """Check the fields of an input that is created or edited."""
    from defender_alerts.splunk.modular_input import validate

    validate(script.get_scheme().title, definition)


def stream_events(script: Script, inputs: InputDefinition, _event_writer: EventWriter) -> None:
    """Run the input, to the end of the process.

    ``defender_alerts.collect.events`` writes the events; its docstring says why. The process ends here, since splunklib
    would turn any exit status into 0.
    """
    # First, and from here: below twenty nested imports, urllib3's regular expressions take CPython 3.11 and later ten
    # times as long, since their parser's recursion then frees and maps a part of the interpreter's stack at each call.
    import requests  # noqa: F401 - see above
    from defender_alerts.splunk.modular_input import run

    process.end(run(script.get_scheme().title, inputs, sys.stdout.buffer))
