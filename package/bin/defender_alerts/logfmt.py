"""Formats log lines so that Splunk extracts their fields by itself."""

from __future__ import annotations


def key_values(**pairs: str | float) -> str:
    """Join pairs as ``key=value``; quote values that hold blanks or ``=``; floats get three digits."""
    return " ".join(f"{key}={_value(value)}" for key, value in pairs.items())


def _value(value: str | float) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return '"' + text.replace('"', "'") + '"' if not text or " " in text or "=" in text else text
