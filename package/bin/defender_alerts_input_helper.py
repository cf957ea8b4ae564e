"""What UCC's generated ``<kind>.py`` calls, for every kind of input.

UCC hands over the script itself where a function has one argument more than it needs, and a script's scheme has the
name of its kind.
"""

import sys

from defender_alerts.input.run import run, validate
from splunklib.modularinput.event_writer import EventWriter
from splunklib.modularinput.input_definition import InputDefinition
from splunklib.modularinput.script import Script
from splunklib.modularinput.validation_definition import ValidationDefinition


def validate_input(script: Script, definition: ValidationDefinition) -> None:
    """Check the fields of an input that is created or edited."""
    validate(script.get_scheme().title, definition)


def stream_events(script: Script, inputs: InputDefinition, _event_writer: EventWriter) -> None:
    """Run the input. The events go out by ``defender_alerts.events``, whose docstring says why."""
    status = run(script.get_scheme().title, inputs, sys.stdout.buffer)
    if status:
        # splunklib would make 0 of it.
        sys.exit(status)
