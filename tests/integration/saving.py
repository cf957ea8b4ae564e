"""What a save on a setup page brings: the row of its table, warnings, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from integration.installation import APP, Installation
from standins.splunkd import WebError

ENDPOINT, GRAPH = "https://api.securitycenter.microsoft.com", "https://graph.microsoft.com"
ACCOUNTS, PASSWORDS, SETTINGS = "ta_defender_alerts_account", "passwords", "ta_defender_alerts_settings"
"""Conf files."""


def refusal_of(save: Callable[[], object]) -> str:
    """What the page shows. splunkd makes a 500 of whatever a handler refuses, with the handler's words in it."""
    with pytest.raises(WebError) as refused:
        save()
    return refused.value.message


def row(installation: Installation, name: str, page: str = "account") -> dict[str, Any]:
    """What the page's table is given for one row."""
    entries = installation.splunkd.web.get(f"{APP}_{page}", count="-1")["entry"]
    (content,) = (entry["content"] for entry in entries if entry["name"] == name)
    return dict(content)


def warned(answer: dict[str, Any]) -> list[str]:
    """The warnings that come with a successful answer."""
    return [message["text"] for message in answer["messages"] if message["type"] == "WARN"]
