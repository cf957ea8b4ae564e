"""Lines of the log that Splunk takes apart into fields by itself."""

from __future__ import annotations


def key_values(**pairs: str | float) -> str:
    """The pairs as ``key=value``, quoted where a value would not be taken whole; seconds with three digits."""
    return " ".join(f"{key}={_value(value)}" for key, value in pairs.items())


def _value(value: str | float) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return '"' + text.replace('"', "'") + '"' if not text or " " in text or "=" in text else text
