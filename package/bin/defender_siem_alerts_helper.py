"""What UCC's generated ``defender_siem_alerts.py`` calls."""

import sys

from defender_alerts.input.run import run, validate
from splunklib.modularinput.event_writer import EventWriter
from splunklib.modularinput.input_definition import InputDefinition
from splunklib.modularinput.validation_definition import ValidationDefinition

_KIND = "defender_siem_alerts"


def validate_input(definition: ValidationDefinition) -> None:
    """Check the fields of an input that is created or edited."""
    validate(_KIND, definition)


def stream_events(inputs: InputDefinition, _event_writer: EventWriter) -> None:
    """Run the input. The events go out by ``defender_alerts.events``, whose docstring says why."""
    status = run(_KIND, inputs, sys.stdout.buffer)
    if status:
        # splunklib would make 0 of it.
        sys.exit(status)
