"""The one way in which this stand-in says no."""


class NotModelledError(Exception):
    """Splunk might accept this; the stand-in doesn't know what Splunk would make of it, and doesn't guess."""
