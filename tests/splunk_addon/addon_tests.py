"""Splunk's checks of an add-on, all of them: fields, event types, tags and CIM, for the samples beside this file."""

from __future__ import annotations

from pytest_splunk_addon.standard_lib.addon_basic import Basic  # type: ignore[import-not-found]


class Test_App(Basic):  # type: ignore[misc]  # noqa: N801 - the name that the checker's documentation has
    """Whatever pytest-splunk-addon makes of the add-on's settings and the samples."""

    def empty_method(self) -> None:
        """Be a class with a body."""
