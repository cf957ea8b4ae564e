"""How `./build.sh accept --splunk` gets into a Splunk, and what it says where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from standins.splunkd import Splunkd

from acceptance import __main__ as program
from acceptance import splunk as command
from acceptance.rest import Splunk, SplunkError

NAME = "SplunkServerDefaultCert"


def certificate(splunkd: Splunkd) -> str:
    """Give the file of splunkd's own certificate."""
    return str(splunkd.home / "etc" / "auth" / "server.pem")


def connected(splunkd: Splunkd) -> Splunk:
    """Give a client that trusts it."""
    return Splunk(splunkd.server_uri, ca=certificate(splunkd), certificate_name=NAME)


def test_a_session_key_gets_in_and_an_unknown_token_does_not(splunkd: Splunkd) -> None:
    splunk = connected(splunkd)
    splunk.use_token(splunkd.session_key())
    assert splunk.content("services/server/info")["version"] == "9.4.3"
    splunk.use_token("eyJraWQiOiJzcGx1bmsuc2VjcmV0.eyJpc3MiOiJhZG1pbiJ9.c2ln")
    with pytest.raises(SplunkError, match="401"):
        splunk.content("services/server/info")


@pytest.mark.parametrize(
    ("ca", "name"), [(False, NAME), (True, ""), (True, "another.example")], ids=["authority", "host", "name"]
)
def test_a_certificate_is_verified_its_authority_and_its_name(splunkd: Splunkd, ca: bool, name: str) -> None:  # noqa: FBT001
    splunk = Splunk(splunkd.server_uri, ca=certificate(splunkd) if ca else None, certificate_name=name)
    calls = len(splunkd.journal)
    with pytest.raises(SplunkError, match="--ca"):
        splunk.log_in("admin", "changed-already")
    assert len(splunkd.journal) == calls


def test_neither_a_proxy_nor_a_ca_bundle_of_the_environment_counts(
    splunkd: Splunkd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    splunk = connected(splunkd)
    splunk.log_in("admin", "changed-already")
    assert splunk.content("services/server/info")["version"] == "9.4.3"


@pytest.mark.parametrize(
    ("more", "environment", "said"),
    [
        (("--user", "admin"), {}, "401"),
        ((), {}, "SPLUNK_TOKEN"),
        ((), {"SPLUNK_TOKEN": "unknown"}, "401"),
        (("--user", "admin"), {"SPLUNK_PASSWORD": "wrong as well"}, "401"),
    ],
)
def test_who_does_not_get_in_is_told_and_nothing_is_noted(
    splunkd: Splunkd, tmp_path: Path, more: tuple[str, ...], environment: Mapping[str, str], said: str
) -> None:
    lines: list[str] = []
    arguments = ["--splunk", splunkd.server_uri, "--ca", certificate(splunkd), "--certificate-name", NAME, *more]
    arguments += ["--notes", str(tmp_path / "notes"), "--report", str(tmp_path / "report")]
    status = command.main(arguments, environment=environment, ask=lambda _: "wrong", show=lines.append)
    assert status == 2
    assert said in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_splunk_on_another_machine_has_to_be_told_where_the_cloud_is(splunkd: Splunkd, tmp_path: Path) -> None:
    lines: list[str] = []
    uri = splunkd.server_uri.replace("127.0.0.1", "127.0.0.2")
    arguments = ["--splunk", uri, "--ca", certificate(splunkd), "--certificate-name", NAME]
    arguments += ["--notes", str(tmp_path / "notes"), "--report", str(tmp_path / "report")]
    environment = {"SPLUNK_TOKEN": splunkd.session_key()}
    assert command.main(arguments, environment=environment, show=lines.append) == 2
    assert "--address" in lines[-1]


@pytest.mark.parametrize("arguments", [["--splunk", "--help"], ["--splunk", "https://x:8089", "-h"]])
def test_the_options_are_listed_without_an_address_too(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)
    assert ended.value.code == 0
    assert "--certificate-name" in capsys.readouterr().out


def test_a_splunk_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    lines: list[str] = []
    arguments = ["--splunk", "https://127.0.0.1:9", "--user", "admin", "--notes", str(tmp_path / "notes")]
    assert command.main(arguments, environment={}, ask=lambda _: "any", show=lines.append) == 2
    assert "does not answer" in lines[-1]


@pytest.mark.parametrize("arguments", [[], ["--other"], ["--splunk", "https://x", "--tenant", "y"]])
def test_one_of_the_two_has_to_be_asked(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(arguments) == 2
    assert "--tenant" in capsys.readouterr().err
