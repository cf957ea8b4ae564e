"""Paths below SPLUNK_HOME."""

import os


def make_splunkhome_path(parts: "list[str]") -> str:
    """$SPLUNK_HOME joined with parts; ValueError where that leads outside of it."""
    home = os.path.normpath(os.environ["SPLUNK_HOME"])
    path = os.path.normpath(os.path.join(home, *parts))  # noqa: PTH118 - str in, str out
    if path != home and not path.startswith(home + os.sep):
        raise ValueError(f"Escaped from intended parent directory: {path}")
    return path
