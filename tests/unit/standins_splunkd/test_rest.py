from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from splunklib.binding import HTTPError
from standins.splunkd import Splunkd, WebError


def test_a_missing_stanza_is_404_and_a_shipped_one_stays(connect: Callable[..., Any]) -> None:
    service = connect()
    with pytest.raises(HTTPError) as missing:
        service.get("configs/conf-_TA_config/config")
    with pytest.raises(HTTPError) as shipped:
        service.delete("configs/conf-small/shipped")

    assert (missing.value.status, shipped.value.status) == (404, 403)
    assert b"<entry>" not in service.get("configs/conf-nobody_has_it").body.read()


def test_lists_hold_thirty_objects_unless_told(connect: Callable[..., Any]) -> None:
    service = connect()
    for number in range(31):
        service.post("configs/conf-small", name=f"s{number}")

    assert len(service.get("configs/conf-small").body.read().split(b"<entry>")) == 31
    assert len(service.get("configs/conf-small", count=0).body.read().split(b"<entry>")) == 33


def test_passwords_are_not_for_plain_users(connect: Callable[..., Any]) -> None:
    with pytest.raises(HTTPError) as refused:
        connect("analyst").storage_passwords.list()

    assert refused.value.status == 403


@pytest.mark.parametrize("path", ["configs/conf-small", "configs/conf-small/a/b", "storage/passwords"])
def test_splunk_web_does_not_pass_on_what_is_not_exposed(splunkd: Splunkd, path: str) -> None:
    with pytest.raises(WebError, match="not exposed"):
        splunkd.web.get(path)


def test_splunk_web_passes_on_no_method_that_is_not_exposed(splunkd: Splunkd) -> None:
    with pytest.raises(WebError, match="not exposed"):
        splunkd.web.post("configs/conf-small/shipped", {"x": "2"})
