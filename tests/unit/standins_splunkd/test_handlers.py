"""The built add-on's own REST handlers, with the libraries that are vendored in it, on both of Splunk's Pythons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from standins.splunkd import Splunkd, WebError

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = "TA_defender_alerts_settings"


def test_settings_posted_by_a_page_land_in_the_local_conf_file(
    tmp_path: Path, built_app: Path, splunk_python: Path
) -> None:
    with Splunkd(tmp_path / "splunk", built_app, splunk_python) as splunkd:
        proxy = {"proxy_url": "proxy.example", "proxy_port": "3128", "proxy_password": "a/b c%"}
        answer = splunkd.web.post(f"{SETTINGS}/proxy", proxy)
        with pytest.raises(WebError) as wrong:
            splunkd.web.post(f"{SETTINGS}/logging", {"loglevel": "LOUD"})
        with pytest.raises(WebError) as unknown:
            splunkd.web.post(f"{SETTINGS}/logging", {"nonsense": "1"})

        assert answer["entry"][0]["content"]["proxy_password"] == "******"
        assert splunkd.conf.read("ta_defender_alerts_settings", built_app.name)["proxy"]["proxy_port"] == "3128"
        assert wrong.value.status == 500
        assert wrong.value.message.startswith("Not matching the pattern")
        assert (unknown.value.status, "nonsense" in unknown.value.message) == (400, True)
        assert splunkd.leaks_of("a/b c%") == []
