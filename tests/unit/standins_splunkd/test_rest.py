from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from splunklib.binding import AuthenticationError, HTTPError
from standins.splunkd import Splunkd, WebError

if TYPE_CHECKING:
    from collections.abc import Callable

REALM = "__REST_CREDENTIAL__#app#configs/conf-a:b"


def test_a_conf_stanza_is_made_once_changed_and_found_on_disk(splunkd: Splunkd, connect: Callable[..., Any]) -> None:
    file = connect().confs["small"]
    file.create("one", text="two\nlines", empty="")
    with pytest.raises(HTTPError) as second:
        file.create("one", text="again")
    file["one"].update(text="changed")

    assert second.value.status == 409
    local = splunkd.home / "etc/apps/small_app/local/small.conf"
    assert local.read_text() == "[one]\ntext = changed\nempty = \n"
    assert file["one"]["text"] == "changed"


def test_a_missing_stanza_is_404_and_a_shipped_one_stays(connect: Callable[..., Any]) -> None:
    service = connect()
    with pytest.raises(HTTPError) as missing:
        service.get("configs/conf-_TA_config/config")
    with pytest.raises(HTTPError) as shipped:
        service.delete("configs/conf-small/shipped")

    assert (missing.value.status, shipped.value.status) == (404, 403)


def test_a_conf_file_that_nobody_has_is_an_empty_list_and_unknown_to_properties(
    connect: Callable[..., Any],
) -> None:
    assert b"<entry>" not in connect().get("configs/conf-nobody_has_it").body.read()
    with pytest.raises(KeyError):
        connect().confs["nobody_has_it"]


def test_lists_hold_thirty_objects_unless_told(connect: Callable[..., Any]) -> None:
    service = connect()
    for number in range(31):
        service.confs["small"].create(f"s{number}")

    assert len(service.get("configs/conf-small").body.read().split(b"<entry>")) == 31
    assert len(service.get("configs/conf-small", count=0).body.read().split(b"<entry>")) == 33


def test_a_stanza_kept_for_admin_is_invisible_to_others(connect: Callable[..., Any]) -> None:
    connect().confs["small"].create("secret")
    file = connect("analyst").confs["small"]

    assert "secret" not in [stanza.name for stanza in file.list()]
    with pytest.raises(HTTPError) as refused:
        file.create("mine")
    assert refused.value.status == 403


def test_a_password_is_encrypted_on_disk_and_found_under_a_realm_with_slashes_and_colons(
    splunkd: Splunkd, connect: Callable[..., Any]
) -> None:
    passwords = connect().storage_passwords
    passwords.create("geheim/1", "user", REALM)
    with pytest.raises(HTTPError) as second:
        passwords.create("geheim/1", "user", REALM)

    [found] = passwords.list(count=-1, search=f"realm={REALM}")
    assert (found.realm, found.clear_password, second.value.status) == (REALM, "geheim/1", 409)
    assert splunkd.leaks_of("geheim/1") == []
    assert "%252F" in found.state.links["alternate"]
    found.update(password="neu")
    assert [entry.clear_password for entry in passwords.list()] == ["neu"]
    found.delete()
    assert passwords.list() == []


def test_passwords_are_not_for_plain_users(connect: Callable[..., Any]) -> None:
    with pytest.raises(HTTPError) as refused:
        connect("analyst").storage_passwords.list()

    assert refused.value.status == 403


def test_a_wrong_and_an_expired_session_key_are_401(splunkd: Splunkd, connect: Callable[..., Any]) -> None:
    service = connect()
    assert service.info["version"]
    splunkd.sessions.expire()

    for caller in (service, connect(key="wrong")):
        with pytest.raises(AuthenticationError):
            caller.get("server/info")


def test_splunk_web_passes_on_what_is_exposed(splunkd: Splunkd) -> None:
    assert splunkd.web.get("configs/conf-small/shipped")["entry"][0]["content"]["x"] == "1"


@pytest.mark.parametrize("path", ["configs/conf-small", "configs/conf-small/a/b", "storage/passwords"])
def test_splunk_web_does_not_pass_on_what_is_not_exposed(splunkd: Splunkd, path: str) -> None:
    with pytest.raises(WebError, match="not exposed"):
        splunkd.web.get(path)


def test_splunk_web_passes_on_no_method_that_is_not_exposed(splunkd: Splunkd) -> None:
    with pytest.raises(WebError, match="not exposed"):
        splunkd.web.post("configs/conf-small/shipped", {"x": "2"})
