"""Orders that an input starts again, for the command at a shell and for the page."""

from __future__ import annotations

from defender_alerts.errors import ConfigurationError
from defender_alerts.place import PlaceStore, Reset, resets
from defender_alerts.times import parse_start


def parse_from(text: str, now: int, called: str, relative: str) -> int:
    """The time in ticks from which shall be collected again.

    Args:
        text: ISO 8601 in UTC, or how long before now (``-2d``).
        now: in ticks.
        called: what the time is called where it was given.
        relative: how a relative one is written there.

    Raises:
        ConfigurationError: it is neither, or has not come yet.
    """
    try:
        start = parse_start(text, now)
    except ValueError as error:
        raise ConfigurationError(
            f"{called} is {text!r}, and should be ISO 8601 in UTC (2026-11-01T00:00:00Z) or relative ({relative})."
        ) from error
    if start > now:
        raise ConfigurationError(f"{called} is {text!r}, which lies in the future. Give one that has passed.")
    return start


def order_resets(store: PlaceStore, kind: str, input_name: str, start: int, region: str) -> list[Reset]:
    """Order that the places of an input start again at ``start`` (ticks); return what was ordered.

    Raises:
        ConfigurationError: there is nothing to reset.
        CheckpointError: the store can't be read or written.
    """
    ordered = resets(store.places_of(kind, input_name), start, region)
    if not ordered:
        raise ConfigurationError(
            f"The input {input_name} has no checkpoint here{' for ' * bool(region)}{region}: its next run starts at "
            "its start_time anyway."
        )
    for reset in ordered:
        store.save(reset.document())
    return ordered
