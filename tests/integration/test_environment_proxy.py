"""A proxy that splunk-launch.conf names is for Microsoft: nothing of a session of Splunk's ever goes there."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import requests
from defender_alerts.environment import Environment
from integration.installation import APP, KIND, LOGIN_HOST, NARROW, SIEM_HOST, Install, Installation, set_up
from integration.saving import row
from standins.eavesdropper import Eavesdropper

VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
SPELLINGS: tuple[Callable[[str], tuple[str, ...]], ...] = (
    lambda _: (),
    lambda name: (name,),
    lambda name: (name.upper(),),
    lambda name: (name, name.upper()),
)
EXCEPTIONS: tuple[dict[str, str], ...] = (
    {},
    {"no_proxy": "example.com"},
    {"NO_PROXY": "example.com,.internal"},
    {"NO_PROXY": "", "no_proxy": "a"},
)
SPLUNKD = "https://127.0.0.1:8089/services"


def combinations(url: str) -> Iterator[dict[str, str]]:
    """Give each way in which an environment can name a proxy: 256."""
    for spellings in itertools.product(SPELLINGS, repeat=len(VARIABLES)):
        named = {spelled: url for name, of in zip(VARIABLES, spellings) for spelled in of(name)}
        for exceptions in EXCEPTIONS:
            yield {**named, **exceptions}


def test_whatever_the_environment_names_requests_finds_no_proxy_to_splunkd_and_we_find_that_to_microsoft(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "http://proxy.example:3128"
    wrong = []
    for variables in combinations(url):
        process = dict(variables)
        environment = Environment(process)
        environment.prepare()
        environment.prepare()
        is_wanted = any(name.lower() in {"https_proxy", "all_proxy"} for name in variables)
        with monkeypatch.context() as patch:
            for name in {name for one in VARIABLES for name in (one, one.upper())} | {"no_proxy", "NO_PROXY"}:
                patch.delenv(name, raising=False)
            for name, value in process.items():
                patch.setenv(name, value)
            to_splunkd = requests.utils.get_environ_proxies(SPLUNKD)
        found = set(environment.proxies_for(LOGIN_HOST).values())
        if to_splunkd or found != ({url} if is_wanted else set()):
            wrong.append((variables, to_splunkd, found))
    assert wrong == []


@pytest.mark.parametrize(
    ("exceptions", "is_direct"),
    [
        ({"no_proxy": "*"}, True),
        ({"NO_PROXY": "example.com, .microsoftonline.com"}, True),
        ({"no_proxy": "login.microsoftonline.com:443"}, True),
        ({"no_proxy": "microsoftonline.co"}, False),
        ({"no_proxy": "", "NO_PROXY": "*"}, False),
    ],
)
def test_an_exception_for_a_host_of_microsofts_is_heeded(exceptions: dict[str, str], is_direct: bool) -> None:  # noqa: FBT001
    environment = Environment({"https_proxy": "proxy.example:3128", **exceptions})
    environment.prepare()
    assert environment.proxies_for(LOGIN_HOST) == ({} if is_direct else {"https": "http://proxy.example:3128"})


# The built add-on.


@pytest.fixture(scope="module")
def without_proxy(install: Install, splunk_python: Path) -> Installation:
    """Give an installation in which the proxy is taken off the settings again."""
    installation = set_up(install(splunk_python), regions="eu")
    installation.save_settings(
        "proxy", proxy_enabled="0", proxy_type="http", proxy_url="unused.example", proxy_port="1"
    )
    installation.keep()
    return installation


def visit_everything(installation: Installation, python: Path) -> None:
    """Let each entry point do its work, as far as it calls splunkd."""
    web = installation.splunkd.web
    installation.save_account("another")
    installation.edit_account("another", tenant_id=installation.tenant.guid, client_secret=installation.secret)
    assert LOGIN_HOST not in row(installation, "another")["feeds"]
    installation.save_input("of_another", account="another", regions="eu")
    assert row(installation, "of_another", KIND)["account"] == "another"
    installation.save_settings("logging", loglevel="INFO")
    installation.save_network(installation.cloud.ca_pem)
    assert web.get("defender_alerts_status")["inputs"]
    assert installation.run(NARROW).status == 0
    assert web.get("defender_alerts_doctor", kind=KIND, input=NARROW)["inputs"]
    token = {"SPLUNK_TOKEN": installation.splunkd.session_key()}
    for program, arguments, statuses in (
        ("doctor", ("--input", NARROW), {0}),
        (
            "audit",
            (NARROW, "--from", "-1d", "--to", "-0s"),
            {0, 3},
        ),  # the stand-in has indexed nothing: see tests/audit
        ("reset", (NARROW, "--from=-1d", "--yes"), {0}),
        ("sign_in", ("corp",), {2}),  # the account is an application's, as it finds by asking splunkd
    ):
        done = at_a_shell(installation, program, *arguments, python=python, environment=token)
        assert done.returncode in statuses, done.stderr
    web.delete(f"{APP}_{KIND}/of_another")
    web.delete(f"{APP}_account/another")


def at_a_shell(
    installation: Installation, program: str, *arguments: str, python: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Start a command as `splunk cmd` does, with what splunk-launch.conf adds."""
    splunkd = installation.splunkd
    file = splunkd.home / "etc" / "apps" / APP / "bin" / f"defender_alerts_{program}.py"
    return subprocess.run(
        [str(python), str(file), *arguments, "--port", splunkd.server_uri.rpartition(":")[2]],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**splunkd._children.environment(), **environment},
    )


EVERYWHERE = tuple(spelled for name in VARIABLES for spelled in (name, name.upper()))


def test_no_entry_point_shows_a_session_to_the_environments_proxy_and_each_reaches_microsoft_through_it(
    without_proxy: Installation, splunk_python: Path, tmp_path: Path
) -> None:
    without_proxy.reset()
    with Eavesdropper(tmp_path, without_proxy.cloud.proxy) as proxy:
        with without_proxy.splunkd.launched_with(dict.fromkeys(EVERYWHERE, proxy.url)):
            visit_everything(without_proxy, splunk_python)
        assert [heard for heard in proxy.heard if b"Splunk " in heard] == []
        # The doctor also looks whether anybody listens there at all.
        # And the check of an account asks the APIs whose permissions its token lacks.
        asked = ("graph.microsoft.com", "api.securitycenter.microsoft.com")
        assert {target.rpartition(" ")[0] for target in proxy.targets} - {""} == {
            f"CONNECT {host}:443" for host in (LOGIN_HOST, SIEM_HOST, *asked)
        }


def test_a_login_of_a_netrc_file_does_not_stand_in_for_the_session(without_proxy: Installation) -> None:
    without_proxy.reset()
    netrc = without_proxy.splunkd.home / ".netrc"
    netrc.write_text("default login somebody password somebodys\n", encoding="utf-8")
    netrc.chmod(0o600)
    variables = {"HTTPS_PROXY": without_proxy.cloud.proxy.url()}
    try:
        with without_proxy.splunkd.launched_with(variables):
            assert without_proxy.run(NARROW).status == 0
            assert row(without_proxy, "corp")["feeds"]
            assert without_proxy.splunkd.web.get("defender_alerts_status")["inputs"]
    finally:
        netrc.unlink()
    assert {call.header("authorization") for call in without_proxy.cloud.journal} & {
        "Basic c29tZWJvZHk6c29tZWJvZHlz"
    } == set()
