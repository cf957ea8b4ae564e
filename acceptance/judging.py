"""All questions to a Splunk, in the order of a run."""

from __future__ import annotations

from acceptance.asked_of_events import OF_EVENTS
from acceptance.asked_of_runs import OF_RUNS

CHECKS = (*OF_EVENTS, *OF_RUNS)
