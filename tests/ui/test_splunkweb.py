"""The stand-in Splunk Web itself: what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from standins.splunkd import Splunkd
from standins.splunkweb import Web

APP = "TA_defender_alerts"
LOGGING = f"servicesNS/nobody/{APP}/{APP}_settings/logging"


@pytest.fixture
def web(built_app: Path, splunk_pythons: dict[str, Path], tmp_path: Path) -> Iterator[Web]:
    with Splunkd(tmp_path / "splunk", built_app, splunk_pythons["3.9"]) as splunkd, Web(splunkd, APP) as running:
        yield running


@pytest.fixture
def visitor(web: Web) -> Iterator[requests.Session]:
    """Give somebody who has opened a page, and has its cookies."""
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(web.page("configuration")).status_code == 200
        yield session


def raw(web: Web, path: str) -> str:
    return f"http://127.0.0.1:{web.port}/en-US/splunkd/__raw/{path}"


def csrf(web: Web, visitor: requests.Session) -> dict[str, str]:
    token = visitor.cookies[f"splunkweb_csrf_token_{web.port}"]
    return {"X-Splunk-Form-Key": token, "X-Requested-With": "XMLHttpRequest"}


def test_reading_needs_a_session_and_writing_a_csrf_token_as_well(web: Web, visitor: requests.Session) -> None:
    address, form = raw(web, f"{LOGGING}?output_mode=json"), {"loglevel": "DEBUG"}
    right = csrf(web, visitor)
    assert requests.get(address, timeout=30).status_code == 401
    assert visitor.get(address).json()["entry"][0]["content"]["loglevel"] == "INFO"
    assert visitor.post(address, form).status_code == 401
    assert visitor.post(address, form, headers={**right, "X-Splunk-Form-Key": "1"}).status_code == 401
    assert visitor.post(address, form, headers={"X-Splunk-Form-Key": right["X-Splunk-Form-Key"]}).status_code == 401
    assert requests.post(address, form, headers=right, timeout=30).status_code == 401
    assert visitor.get(address).json()["entry"][0]["content"]["loglevel"] == "INFO"
    assert visitor.post(address, form, headers=right).status_code == 200
    web.log_everybody_out()
    assert visitor.get(address).status_code == 401


def test_only_what_a_web_conf_exposes_passes(web: Web, visitor: requests.Session) -> None:
    headers = csrf(web, visitor)
    for path in ("services/storage/passwords", f"servicesNS/nobody/{APP}/configs/conf-inputs", "services/server/info"):
        assert visitor.get(raw(web, path)).status_code == 404
    assert visitor.delete(raw(web, f"servicesNS/nobody/{APP}/data/indexes"), headers=headers).status_code == 404
    assert visitor.get(raw(web, "services/data/indexes")).status_code == 200


def test_the_way_to_the_app_leads_to_its_default_view(web: Web, visitor: requests.Session) -> None:
    for path in ("/", f"/en-US/app/{APP}"):
        assert urlsplit(visitor.get(f"http://127.0.0.1:{web.port}{path}").url).path == f"/en-US/app/{APP}/configuration"
